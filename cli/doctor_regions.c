/* What the doctor finds about regions: their stores, where these are on this machine;
 * and what the daemons report: whether they are heard, of one version, with clocks that
 * are right, room to grow, and logs that keep what they still need. */
#include "cli/doctor.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

enum { LOOKS = 4, CLOCK_MS = 1000, QUIET_MS = 15000 };

#define STORE_FREE_MIN (UINT64_C(1) << 30)

/* ---- stores on this machine ---- */

static void store_look(struct doctor *doctor, const char *region, const char *path,
                       unsigned shard)
{
    struct cli *cli = doctor->cli;
    char subject[96], place[4096];
    struct iso_store *store = NULL;
    struct iso_store_options options = {.read_only = true};
    struct iso_store_stats stats = {0};
    snprintf(subject, sizeof subject, "store of %.32s, %u", region, shard);
    snprintf(place, sizeof place, "%s/%u", path, shard);
    enum iso_err err = iso_store_lmdb_open(place, &options, &store, &cli->why);
    if (err == ISO_OK)
        err = iso_store_stats(store, &stats, &cli->why);
    iso_store_close(store);
    if (err != ISO_OK)
        iso_doctor_err(doctor, subject, err, "");
    else if (stats.bytes_free < STORE_FREE_MIN)
        iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                        "%.1f MiB are left on its disk: make room, or the region "
                        "stands still when it is full",
                        (double)stats.bytes_free / (1 << 20));
    else
        iso_doctor_find(
            doctor, DOCTOR_OK, subject, "%.1f MiB in use, %.1f GiB left on its disk",
            (double)stats.bytes_used / (1 << 20), (double)stats.bytes_free / (1 << 30));
}

static void stores_look(struct doctor *doctor)
{
    struct iso_settings *settings = doctor->cli->settings;
    const char *region;
    unsigned shards = (unsigned)iso_settings_number(settings, "daemon", NULL, "shards");
    for (int n = 0; (region = iso_settings_name(settings, "region", n)) != NULL; n++) {
        const char *path = iso_settings_text(settings, "region", region, "store");
        for (unsigned shard = 0; path != NULL && shard < shards; shard++)
            store_look(doctor, region, path, shard);
    }
}

/* ---- what is reported ---- */

static void clusters_look(struct doctor *doctor, const struct iso_status *status)
{
    for (size_t i = 0; i < status->cluster_count; i++) {
        const struct iso_status_cluster *cluster = &status->clusters[i];
        char subject[96];
        snprintf(subject, sizeof subject, "clock of %.64s", cluster->name);
        if (!cluster->has_clock)
            iso_doctor_find(doctor, DOCTOR_NOTE, subject,
                            "not known: no daemon reported there while we looked");
        else if (llabs(cluster->clock_ms) > CLOCK_MS)
            iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                            "its brokers are %.1f s %s this machine: set the clock "
                            "right that is wrong (ntp), or writes are refused",
                            (double)llabs(cluster->clock_ms) / 1000.0,
                            cluster->clock_ms > 0 ? "ahead of" : "behind");
        else
            iso_doctor_find(doctor, DOCTOR_OK, subject,
                            "within a second of this machine's");
    }
}

static void region_look(struct doctor *doctor, const struct iso_status *status,
                        const struct iso_lag_region *region, const char *newest)
{
    char subject[160];
    snprintf(subject, sizeof subject, "%.64s in %.32s", region->collection,
             region->region);
    int64_t silent_ms =
        region->report_ms > 0 ? status->at_ms - region->report_ms : INT64_MAX;
    if (region->heard < region->slices)
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject,
                        "%zu of its %zu slices were never reported: start isostasyd "
                        "for that region",
                        region->slices - region->heard, region->slices);
    else if (silent_ms > QUIET_MS)
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject,
                        "its daemon was last heard %.0f s ago: is isostasyd running, "
                        "and does its cluster answer?",
                        (double)silent_ms / 1000.0);
    else
        iso_doctor_find(doctor, DOCTOR_OK, subject, "its daemon reports");
    if (region->has_clock &&
        llabs(region->clock_ms) > region->clock_error_ms + CLOCK_MS)
        iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                        "the clock of its daemon is %.1f s %s its brokers': set it "
                        "right (ntp), or its writes are refused",
                        (double)llabs(region->clock_ms) / 1000.0,
                        region->clock_ms > 0 ? "ahead of" : "behind");
    if (region->has_store && region->store_free < STORE_FREE_MIN)
        iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                        "its store may grow by %.1f MiB more: make room, or raise "
                        "daemon.store.size.max",
                        (double)region->store_free / (1 << 20));
    if (region->heard > 0 && strcmp(region->software, newest) != 0)
        iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                        "its daemon is version %s, others are %s: upgrade it before a "
                        "newer definition parks it",
                        region->software, newest);
    if (region->alarms > 0)
        iso_doctor_find(doctor, DOCTOR_WARNING, subject,
                        "%llu pairs of writes had one version and different content: "
                        "some service copies an open handle (fork, snapshot)",
                        (unsigned long long)region->alarms);
}

static void pair_look(struct doctor *doctor, const struct iso_status_pair *pair)
{
    char subject[160];
    snprintf(subject, sizeof subject, "%.64s, %.32s -> %.32s", pair->row.collection,
             pair->row.source, pair->row.target);
    switch (pair->state) {
    case ISO_LAG_OK:
        break;
    case ISO_LAG_UNKNOWN:
    case ISO_LAG_CATCHING_UP:
    case ISO_LAG_LAGGING:
        iso_doctor_find(doctor, DOCTOR_WARNING, subject, "%s: %s",
                        iso_lag_state_name(pair->state), pair->why);
        break;
    case ISO_LAG_STALLED:
    case ISO_LAG_STOPPED:
    case ISO_LAG_PARKED:
    case ISO_LAG_REWOUND:
    case ISO_LAG_LOST:
    case ISO_LAG_DIVERGED:
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject, "%s: %s",
                        iso_lag_state_name(pair->state), pair->why);
        break;
    }
    if (pair->warning[0] != '\0')
        iso_doctor_find(doctor, DOCTOR_WARNING, subject, "%s", pair->warning);
}

/* Regions that are on their way are no fault; what is not known is not well. */
static enum doctor_level verdict_level(enum iso_verdict_state state)
{
    switch (state) {
    case ISO_VERDICT_CONVERGED:
        return DOCTOR_OK;
    case ISO_VERDICT_PENDING:
    case ISO_VERDICT_CONSISTENT:
        return DOCTOR_NOTE;
    case ISO_VERDICT_UNKNOWN:
        return DOCTOR_WARNING;
    case ISO_VERDICT_DIVERGED:
        return DOCTOR_FAILURE;
    }
    return DOCTOR_WARNING;
}

static void collection_look(struct doctor *doctor, const struct iso_status *status,
                            const struct iso_status_collection *collection)
{
    const char *newest = "";
    for (size_t i = 0; i < collection->region_count; i++) {
        if (strverscmp(collection->regions[i].software, newest) > 0)
            newest = collection->regions[i].software;
    }
    for (size_t i = 0; i < collection->region_count; i++)
        region_look(doctor, status, &collection->regions[i], newest);
    for (size_t i = 0; i < collection->pair_count; i++)
        pair_look(doctor, &collection->pairs[i]);
    if (collection->verdict.state == ISO_VERDICT_DIVERGED)
        iso_doctor_find(doctor, DOCTOR_FAILURE, collection->name,
                        "regions hold different data at the same vector: %s; find the "
                        "damaged store (its disk's errors), remove it and let its "
                        "daemon build it anew",
                        collection->verdict.why);
    else
        iso_doctor_find(
            doctor, verdict_level(collection->verdict.state), collection->name,
            "%s%s%s", iso_verdict_state_name(collection->verdict.state),
            collection->verdict.why[0] ? ": " : "", collection->verdict.why);
}

/* Several looks: a clock is known by what is heard live. */
static enum iso_err looks(struct doctor *doctor, struct cli_watching *watching,
                          const struct iso_status **status)
{
    enum iso_err err = ISO_OK;
    *status = NULL;
    for (int n = 0; n < LOOKS; n++) {
        int64_t next_ms = iso_steady_ms(&iso_clock_machine) + CLI_LOOK_MS;
        if (*status != NULL)
            iso_status_release(watching->watch, *status);
        err = iso_cli_watching_look(doctor->cli, watching, status);
        if (n + 1 < LOOKS)
            iso_cli_pause(next_ms);
    }
    return err;
}

void iso_doctor_regions(struct doctor *doctor)
{
    struct cli_watching watching;
    const struct iso_status *status = NULL;
    stores_look(doctor);
    enum iso_err err =
        iso_cli_watching_open(doctor->cli, NULL, CLI_TIMEOUT_MS, &watching);
    if (err == ISO_OK)
        err = looks(doctor, &watching, &status);
    if (status != NULL) {
        clusters_look(doctor, status);
        for (size_t i = 0; i < status->collection_count; i++)
            collection_look(doctor, status, &status->collections[i]);
        iso_status_release(watching.watch, status);
    } else if (doctor->counts[DOCTOR_FAILURE] == 0) {
        iso_doctor_err(doctor, "monitor", err, "");
    }
    iso_cli_watching_close(&watching);
}
