/* Copying what a look found, once, so that any number of threads may read it for as
 * long as they like; and what is asked of the copy. Dead letters are cut: anybody may
 * have written them, and a status has a limit. Nothing here can fail.
 */
#include "monitor/status.h"

#include <stdio.h>

#include "base/mem.h"

/* ---- new, free ---- */

struct iso_status *iso_status_new(const struct iso_watch_options *options)
{
    struct iso_status *status = iso_alloc_zero(1, sizeof *status);
    status->interval_ms = options->interval_ms;
    return status;
}

static void collection_release(struct iso_status_collection *collection)
{
    for (size_t i = 0; i < collection->log_count; i++)
        iso_free(collection->logs[i].ends);
    iso_free(collection->logs);
    for (size_t i = 0; i < collection->region_count; i++)
        iso_free(collection->keys[i]);
    iso_free(collection->keys);
    iso_free(collection->regions);
    iso_free(collection->pairs);
    iso_free(collection->certificate);
}

void iso_status_free(struct iso_status *status)
{
    if (status == NULL)
        return;
    for (size_t i = 0; i < status->collection_count; i++)
        collection_release(&status->collections[i]);
    for (size_t i = 0; i < status->letter_count; i++)
        iso_buf_release(&status->letters[i].bytes);
    iso_free(status->collections);
    iso_free(status->clusters);
    iso_free(status->letters);
    iso_free(status);
}

/* ---- clusters and letters ---- */

static void take_clusters(struct iso_status *status, struct iso_monitor *monitor)
{
    struct iso_monitor_cluster clusters[STATUS_CLUSTERS_MAX];
    size_t count = iso_monitor_clusters(monitor, clusters, STATUS_CLUSTERS_MAX);
    status->clusters = iso_alloc_zero(count + 1, sizeof *status->clusters);
    status->cluster_count = count;
    for (size_t i = 0; i < count; i++) {
        struct iso_status_cluster *to = &status->clusters[i];
        const struct iso_monitor_cluster *from = &clusters[i];
        snprintf(to->name, sizeof to->name, "%s", from->name);
        snprintf(to->why, sizeof to->why, "%s",
                 from->answers || from->why == NULL ? "" : from->why);
        to->answers = from->answers;
        to->heard_ms = from->heard_ms;
        to->has_clock = from->has_clock;
        to->clock_ms = from->clock_ms;
        to->clock_error_ms = from->clock_error_ms;
    }
}

/* One part of a letter, behind those that are there already: the buffer may move until
 * the last one was added. */
static struct iso_bytes part_add(struct iso_buf *bytes, struct iso_bytes part,
                                 size_t most)
{
    size_t size = part.size < most ? part.size : most;
    iso_buf_add(bytes, part.data, size);
    return iso_bytes(NULL, size);
}

static void part_settle(struct iso_bytes *part, const uint8_t **at)
{
    part->data = *at;
    *at += part->size;
}

static void take_letter(struct iso_status_letter *to,
                        const struct iso_monitor_letter *from)
{
    const struct iso_dead_letter *letter = from->letter;
    snprintf(to->cluster, sizeof to->cluster, "%s", from->cluster);
    to->append_ms = from->append_ms;
    to->letter = *letter;
    struct iso_dead_letter *kept = &to->letter;
    kept->collection = part_add(&to->bytes, letter->collection, STATUS_LETTER_KEY_MAX);
    kept->topic = part_add(&to->bytes, letter->topic, STATUS_LETTER_KEY_MAX);
    kept->error = part_add(&to->bytes, letter->error, STATUS_LETTER_KEY_MAX);
    kept->reason = part_add(&to->bytes, letter->reason, STATUS_LETTER_REASON_MAX);
    kept->key = part_add(&to->bytes, letter->key, STATUS_LETTER_KEY_MAX);
    kept->key_cut = letter->key_cut || kept->key.size < letter->key.size;
    kept->value_cut = letter->value_cut || letter->value.size > 0;
    kept->header_cut = letter->header_cut || letter->header.size > 0;
    kept->value = kept->header = (struct iso_bytes){0};
    const uint8_t *at = to->bytes.data;
    part_settle(&kept->collection, &at);
    part_settle(&kept->topic, &at);
    part_settle(&kept->error, &at);
    part_settle(&kept->reason, &at);
    part_settle(&kept->key, &at);
}

void iso_status_take_monitor(struct iso_status *status, struct iso_monitor *monitor)
{
    take_clusters(status, monitor);
    struct iso_monitor_letter letters[ISO_MONITOR_LETTERS_MAX];
    size_t count = iso_monitor_letters(monitor, letters, ISO_MONITOR_LETTERS_MAX,
                                       &status->letters_held);
    status->letters = iso_alloc_zero(count + 1, sizeof *status->letters);
    status->letter_count = count;
    for (size_t i = 0; i < count; i++)
        take_letter(&status->letters[i], &letters[i]);
}

/* ---- collections ---- */

static void take_logs(struct iso_status_collection *to,
                      const struct table_collection *from)
{
    const struct iso_definition *definition = from->definition;
    to->log_count = from->log_count;
    to->logs = iso_alloc_zero(from->log_count + 1, sizeof *to->logs);
    for (size_t i = 0; i < from->log_count; i++) {
        const struct iso_definition_log *log = &definition->logs[i];
        struct iso_status_log *kept = &to->logs[i];
        kept->number = log->number;
        kept->closed = log->ends != NULL;
        snprintf(kept->topic, sizeof kept->topic, "%s", log->topic);
        snprintf(kept->cluster, sizeof kept->cluster, "%s", log->cluster);
        kept->ends = iso_alloc((from->partitions + 1) * sizeof *kept->ends);
        for (uint32_t p = 0; p < from->partitions; p++)
            kept->ends[p] = iso_table_end(from, i, p, NULL);
    }
}

struct iso_status_collection *
iso_status_add_collection(struct iso_status *status,
                          const struct table_collection *collection, size_t pair_count,
                          size_t region_count)
{
    size_t count = status->collection_count++;
    status->collections =
        iso_realloc(status->collections, (count + 1) * sizeof *status->collections);
    struct iso_status_collection *to = &status->collections[count];
    *to = (struct iso_status_collection){.partitions = collection->partitions,
                                         .before_max_ms =
                                             collection->definition->before_max_ms,
                                         .pair_count = pair_count,
                                         .region_count = region_count};
    snprintf(to->name, sizeof to->name, "%s", collection->definition->collection);
    snprintf(to->resolver, sizeof to->resolver, "%s", collection->definition->resolver);
    to->pairs = iso_alloc_zero(pair_count + 1, sizeof *to->pairs);
    to->regions = iso_alloc_zero(region_count + 1, sizeof *to->regions);
    to->keys = iso_alloc_zero(region_count + 1, sizeof *to->keys);
    take_logs(to, collection);
    return to;
}

void iso_status_take_regions(struct iso_status_collection *collection,
                             const struct iso_lag_region *regions)
{
    for (size_t i = 0; i < collection->region_count; i++) {
        struct iso_lag_region *to = &collection->regions[i];
        *to = regions[i];
        if (!to->has_loser)
            continue;
        size_t size = to->loser_key.size;
        collection->keys[i] = iso_alloc(size + 1);
        if (size > 0)
            memcpy(collection->keys[i], to->loser_key.data, size);
        to->loser_key = iso_bytes(collection->keys[i], size);
    }
}

void iso_status_take_verdict(struct iso_status_collection *collection,
                             const struct iso_verdict *verdict)
{
    struct iso_buf line = {0};
    collection->verdict = *verdict;
    iso_verdict_certificate(collection->name, verdict, &line);
    collection->certificate = iso_strdup(iso_buf_text(&line));
    iso_buf_release(&line);
}

/* ---- asking ---- */

const struct iso_status_cluster *iso_status_cluster(const struct iso_status *status,
                                                    const char *name)
{
    for (size_t i = 0; i < status->cluster_count; i++) {
        if (strcmp(status->clusters[i].name, name) == 0)
            return &status->clusters[i];
    }
    return NULL;
}

const struct iso_status_collection *
iso_status_collection(const struct iso_status *status, const char *name)
{
    for (size_t i = 0; i < status->collection_count; i++) {
        if (strcmp(status->collections[i].name, name) == 0)
            return &status->collections[i];
    }
    return NULL;
}

static const struct iso_status_pair *
pair_in(const struct iso_status_collection *collection, const char *source,
        const char *target)
{
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        if (strcmp(pair->row.source, source) == 0 &&
            strcmp(pair->row.target, target) == 0)
            return pair;
    }
    return NULL;
}

const struct iso_status_pair *iso_status_pair(const struct iso_status *status,
                                              const char *collection,
                                              const char *source, const char *target)
{
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *at = &status->collections[i];
        if (collection != NULL && strcmp(at->name, collection) != 0)
            continue;
        const struct iso_status_pair *pair = pair_in(at, source, target);
        if (pair != NULL)
            return pair;
    }
    return NULL;
}

/* ---- the worst of all ---- */

static int verdict_severity(enum iso_verdict_state state)
{
    switch (state) {
    case ISO_VERDICT_CONVERGED:
        return 1;
    case ISO_VERDICT_CONSISTENT:
        return 2;
    case ISO_VERDICT_PENDING:
        return 3;
    case ISO_VERDICT_UNKNOWN:
        return 4;
    case ISO_VERDICT_DIVERGED:
        return 5;
    }
    return 4;
}

struct worst {
    const struct iso_status_pair *pair;
    const struct iso_verdict *verdict;
};

static void worst_take(struct worst *worst, struct iso_status_sum *sum,
                       const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    if (worst->verdict == NULL ||
        verdict_severity(verdict->state) > verdict_severity(worst->verdict->state))
        worst->verdict = verdict;
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        sum->pairs++;
        sum->pairs_ok += pair->state == ISO_LAG_OK;
        if (worst->pair == NULL || iso_lag_state_severity(pair->state) >
                                       iso_lag_state_severity(worst->pair->state))
            worst->pair = pair;
    }
}

void iso_status_sum(const struct iso_status *status, struct iso_status_sum *sum)
{
    struct worst worst = {0};
    *sum = (struct iso_status_sum){
        .state = ISO_LAG_UNKNOWN,
        .verdict = ISO_VERDICT_UNKNOWN,
        .why = "there is no collection yet: see `isostasy collection create`"};
    for (size_t i = 0; i < status->collection_count; i++)
        worst_take(&worst, sum, &status->collections[i]);
    if (worst.verdict != NULL) {
        sum->verdict = worst.verdict->state;
        sum->why = worst.verdict->why[0] != '\0'
                       ? worst.verdict->why
                       : "every region has applied all that there is, and provably "
                         "holds the same";
    }
    if (worst.pair == NULL)
        return;
    sum->state = worst.pair->state;
    if (sum->state != ISO_LAG_OK && sum->verdict != ISO_VERDICT_DIVERGED)
        sum->why = worst.pair->why;
}
