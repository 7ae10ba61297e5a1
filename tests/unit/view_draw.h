/* view_draw.h - statuses drawn at random, with every sort of number and text that a
 * view may meet; and openapi.json, which says what each view must look like.
 */
#ifndef ISO_TESTS_UNIT_VIEW_DRAW_H
#define ISO_TESTS_UNIT_VIEW_DRAW_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "monitor/assets.h"
#include "monitor/view.h"

enum { DRAW_REGIONS_MAX = 5, DRAW_COLLECTIONS_MAX = 3, DRAW_PARTITIONS_MAX = 20 };

static struct iso_chance chance;

static inline uint64_t draw(uint64_t below)
{
    return iso_chance_draw(&chance) % below;
}

static inline int64_t draw_ms(void)
{
    static const int64_t rare[] = {0, 1, 999, -1, INT64_MAX, INT64_MIN + 1};
    switch (draw(8)) {
    case 0:
    case 1:
        return ISO_UNKNOWN_MS;
    case 2:
        return rare[draw(sizeof rare / sizeof rare[0])];
    default:
        return (int64_t)draw(UINT64_C(2000000000000));
    }
}

static inline uint64_t draw_count(void)
{
    switch (draw(8)) {
    case 0:
        return ISO_UNKNOWN_COUNT;
    case 1:
        return ISO_UNKNOWN_COUNT - 1;
    case 2:
        return 0;
    default:
        return draw(UINT64_C(1) << 40);
    }
}

/* Anybody's text: with quotes, control characters, and bytes that are no UTF-8. */
static inline void draw_text(char *text, size_t room)
{
    size_t size = draw(3) == 0 ? 0 : draw(room);
    bool rude = draw(3) == 0;
    for (size_t i = 0; i < size; i++)
        text[i] = rude ? (char)(1 + draw(255)) : (char)(' ' + draw(95));
    text[size] = '\0';
}

static inline const char *draw_region(size_t n)
{
    static const char *const names[DRAW_REGIONS_MAX] = {"eu", "us", "ap", "sa", "af"};
    return names[n];
}

static inline void draw_latency(struct iso_latency *latency)
{
    for (size_t i = 0; i <= ISO_LATENCY_BOUNDS; i++)
        latency->counts[i] = draw(2) == 0 ? 0 : draw(100000);
    latency->sum_ms = draw(UINT64_C(1) << 50);
}

static inline void draw_row(struct iso_lag_row *row)
{
    row->records_behind = draw_count();
    row->records_exact = draw(2);
    row->lag_ms = draw_ms();
    row->lag_exact = draw(2);
    row->staleness_ms = draw_ms();
    row->newest_ms = draw_ms();
    row->report_age_ms = draw_ms();
    row->report_ms = draw_ms();
    row->refused = draw_count();
    row->applied = draw_count();
    row->written = draw_count();
    row->moves = draw(2);
    row->lost = draw(1000);
    row->deleted_in_ms = draw_ms();
    row->has_latency = draw(3) > 0;
    draw_latency(&row->latency);
    row->state = (enum iso_lag_state)draw(ISO_LAG_STATES);
    draw_text(row->why, sizeof row->why);
    row->worst_count = draw(ISO_LAG_WORST_MAX + 1);
    uint32_t first = (uint32_t)draw(DRAW_PARTITIONS_MAX);
    for (size_t i = 0; i < row->worst_count; i++)
        row->worst[i] = (struct iso_lag_slice){
            .partition = (first + (uint32_t)i) % DRAW_PARTITIONS_MAX,
            .log = (uint16_t)(1 + draw(DRAW_REGIONS_MAX + 1)),
            .frontier = draw(4) == 0 ? -1 : (int64_t)draw(1 << 30),
            .end = draw(4) == 0 ? -1 : (int64_t)draw(1 << 30),
            .records_behind = draw_count(),
            .lag_ms = draw_ms(),
            .staleness_ms = draw_ms(),
            .state = (enum iso_lag_state)draw(ISO_LAG_STATES)};
}

static inline void draw_pair(struct iso_status_pair *pair, const char *collection,
                             size_t source, size_t target)
{
    draw_row(&pair->row);
    snprintf(pair->row.collection, sizeof pair->row.collection, "%s", collection);
    snprintf(pair->row.source, sizeof pair->row.source, "%s", draw_region(source));
    snprintf(pair->row.target, sizeof pair->row.target, "%s", draw_region(target));
    pair->state = (enum iso_lag_state)draw(ISO_LAG_STATES);
    pair->since_ms = draw_ms();
    pair->rule = "late.grows";
    draw_text(pair->why, sizeof pair->why);
    pair->eta_ms = draw_ms();
    pair->applied_rate = draw(3) == 0 ? -1 : (double)draw(1000000) / 7;
    pair->written_rate = draw(3) == 0 ? -1 : (double)draw(1000000) / 7;
    pair->latency_p50_ms = draw_ms();
    pair->latency_p99_ms = draw_ms();
    draw_text(pair->warning, sizeof pair->warning);
}

static inline void draw_lag_region(struct iso_lag_region *region,
                                   const char *collection, size_t n)
{
    static const uint8_t key[] = {'k', 0, 0xff, '"', '\\', 'z'};
    snprintf(region->collection, sizeof region->collection, "%s", collection);
    snprintf(region->region, sizeof region->region, "%s", draw_region(n));
    snprintf(region->cluster, sizeof region->cluster, "home");
    draw_text(region->software, sizeof region->software);
    region->slices = draw(100);
    region->heard = draw(3) == 0 ? 0 : region->slices;
    region->report_ms = draw_ms();
    region->started_ms = draw_ms();
    region->values = (int64_t)draw(1 << 30);
    region->tombstones = (int64_t)draw(1 << 30);
    region->expiring = (int64_t)draw(1 << 30);
    region->ledger_rows = draw_count();
    region->dropped_rows = draw_count();
    region->refused = draw_count();
    region->floor_ms = draw_ms();
    region->oldest_ms = draw_ms();
    region->swept_ms = draw_ms();
    region->has_clock = draw(2);
    region->clock_ms = draw_ms();
    region->clock_error_ms = draw_ms();
    region->has_store = draw(2);
    region->store_used = draw_count();
    region->store_free = draw_count();
    region->has_loser = draw(2);
    region->loser_key = iso_bytes(key, draw(sizeof key + 1));
    region->loser_version = (struct iso_version){draw(UINT64_MAX), draw(UINT64_MAX)};
    region->loser_log = 3;
    region->loser_offset = 77;
    region->loser_at_ms = draw_ms();
}

static inline void draw_logs(struct iso_status_collection *collection)
{
    collection->log_count = 1 + draw(DRAW_REGIONS_MAX);
    collection->logs = iso_alloc_zero(collection->log_count, sizeof *collection->logs);
    for (size_t i = 0; i < collection->log_count; i++) {
        struct iso_status_log *log = &collection->logs[i];
        log->number = (uint16_t)(i + 1);
        snprintf(log->topic, sizeof log->topic, "%s.%zu", collection->name, i + 1);
        snprintf(log->cluster, sizeof log->cluster, i % 2 == 0 ? "home" : "away");
        log->closed = draw(4) == 0;
        log->ends = iso_alloc_zero(collection->partitions, sizeof *log->ends);
        for (uint32_t p = 0; p < collection->partitions; p++)
            log->ends[p] = draw(4) == 0 ? -1 : (int64_t)draw(1 << 30);
    }
}

static inline void draw_collection(struct iso_status_collection *collection, size_t n)
{
    size_t regions = draw(DRAW_REGIONS_MAX + 1);
    snprintf(collection->name, sizeof collection->name, "cart-%zu", n);
    snprintf(collection->resolver, sizeof collection->resolver, "lww");
    collection->partitions = 1 + (uint32_t)draw(DRAW_PARTITIONS_MAX);
    draw_logs(collection);
    collection->regions = iso_alloc_zero(regions + 1, sizeof *collection->regions);
    collection->pairs =
        iso_alloc_zero(regions * regions + 1, sizeof *collection->pairs);
    for (size_t s = 0; s < regions; s++) {
        draw_lag_region(&collection->regions[collection->region_count++],
                        collection->name, s);
        for (size_t t = 0; t < regions; t++) {
            if (s != t)
                draw_pair(&collection->pairs[collection->pair_count++],
                          collection->name, s, t);
        }
    }
    struct iso_verdict *verdict = &collection->verdict;
    *verdict = (struct iso_verdict){
        .state = (enum iso_verdict_state)draw(ISO_VERDICT_DIVERGED + 1),
        .regions = regions,
        .slices = collection->partitions,
        .at_ms = draw_ms(),
        .oldest_ms = draw_ms(),
        .values = draw_count(),
        .ledger_rows = draw_count(),
        .diverged_regions = draw(32)};
    draw_text(verdict->why, sizeof verdict->why);
    collection->verdict_since_ms = draw_ms();
    collection->certificate = iso_strdup(draw(2) == 0 ? "" : "converged: \"cart\" …");
}

static inline void draw_letters(struct iso_status *status)
{
    static char rude[] = "no\xffutf8\n\"quoted\"";
    status->letters_held = draw_count();
    status->letter_count = draw(4);
    status->letters = iso_alloc_zero(status->letter_count + 1, sizeof *status->letters);
    for (size_t i = 0; i < status->letter_count; i++) {
        struct iso_status_letter *letter = &status->letters[i];
        snprintf(letter->cluster, sizeof letter->cluster, "home");
        letter->append_ms = draw_ms();
        letter->letter = (struct iso_dead_letter){
            .collection = iso_bytes_text("cart"),
            .topic = iso_bytes_text(draw(2) == 0 ? rude : "cart.1"),
            .partition = (uint32_t)draw(64),
            .offset = (int64_t)draw(1 << 30),
            .append_ms = draw_ms(),
            .error = iso_bytes_text("ISO_REFUSED"),
            .reason = iso_bytes_text(draw(2) == 0 ? rude : "it is too late"),
            .has_key = draw(2),
            .key = iso_bytes_text(rude)};
    }
}

static inline struct iso_status *draw_status(void)
{
    struct iso_status *status = iso_alloc_zero(1, sizeof *status);
    status->look = 1 + draw(1000);
    status->at_ms = INT64_C(1700000000000) + (int64_t)draw(1000000);
    status->started_ms = status->at_ms - (int64_t)draw(1000000);
    status->interval_ms = 1000;
    status->cluster_count = 2;
    status->clusters = iso_alloc_zero(2, sizeof *status->clusters);
    for (size_t i = 0; i < 2; i++) {
        struct iso_status_cluster *cluster = &status->clusters[i];
        snprintf(cluster->name, sizeof cluster->name, i == 0 ? "home" : "away");
        cluster->answers = draw(2);
        cluster->has_clock = draw(2);
        cluster->heard_ms = draw_ms();
        cluster->clock_ms = draw_ms();
        draw_text(cluster->why, sizeof cluster->why);
    }
    status->collection_count = draw(DRAW_COLLECTIONS_MAX + 1);
    status->collections =
        iso_alloc_zero(status->collection_count + 1, sizeof *status->collections);
    for (size_t i = 0; i < status->collection_count; i++)
        draw_collection(&status->collections[i], i);
    draw_letters(status);
    return status;
}

static inline void draw_free(struct iso_status *status)
{
    for (size_t i = 0; i < status->collection_count; i++) {
        struct iso_status_collection *collection = &status->collections[i];
        for (size_t k = 0; k < collection->log_count; k++)
            iso_free(collection->logs[k].ends);
        iso_free(collection->logs);
        iso_free(collection->pairs);
        iso_free(collection->regions);
        iso_free(collection->certificate);
    }
    iso_free(status->collections);
    iso_free(status->clusters);
    iso_free(status->letters);
    iso_free(status);
}

static inline uint64_t draw_seed(void)
{
    const char *given = getenv("ISO_SEED");
    struct iso_chance machine;
    iso_chance_machine_init(&machine);
    return given != NULL ? strtoull(given, NULL, 10)
                         : iso_chance_draw(&machine) % 100000;
}

#endif
