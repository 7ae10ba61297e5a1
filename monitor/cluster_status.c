/* Reports: the status topic of a cluster, from its beginning, since it is compacted;
 * then what is new.
 *
 * A report that does not decode is logged and counts for nothing; the topic is open to
 * anybody. A hole in the topic (it was made anew) begins it again.
 */
#include "base/log.h"
#include "base/mem.h"
#include "monitor/cluster.h"
#include "monitor/table.h"

enum { FETCH_WAIT_MS = 50 };

/* Was it appended after we saw where the topic ended? */
static bool is_live(const struct cluster_status *status,
                    const struct iso_record *record)
{
    return status->ended >= 0 && record->offset >= status->ended;
}

static void report_take(struct iso_cluster *cluster,
                        const struct cluster_status *status,
                        const struct iso_record *record)
{
    struct iso_report report = {0};
    struct iso_why why;
    if (!record->has_value)
        return;
    if (iso_report_decode(record->value, &report, &why) != ISO_OK) {
        iso_log_why(ISO_WARN, "monitor.report", &why);
        return;
    }
    const struct iso_definition *first =
        iso_control_definition(cluster->control, report.collection, 1);
    bool ours = first != NULL &&
                memcmp(first->id, report.slice.definition_id, sizeof first->id) == 0;
    bool stamped = record->append_by_broker && record->append_ms >= 0;
    if (ours)
        iso_table_feed_report(
            cluster->lag, &report, stamped ? record->append_ms : report.at_ms,
            stamped ? cluster->name : NULL,
            is_live(status, record) ? status->ended_ms : ISO_UNKNOWN_MS);
    iso_report_release(&report);
}

static void clock_take(struct iso_cluster *cluster, const struct cluster_status *status,
                       const struct iso_record *record)
{
    if (record->append_by_broker && record->append_ms >= 0 && is_live(status, record))
        iso_cluster_clock_feed(cluster, record->append_ms, status->ended_ms);
}

void iso_cluster_status_take(struct iso_cluster *cluster,
                             const struct iso_record *record)
{
    struct cluster_status *status = &cluster->status[record->id];
    switch (record->event) {
    case ISO_RECORD:
        status->next = record->offset + 1;
        cluster->reports++;
        clock_take(cluster, status, record);
        report_take(cluster, status, record);
        return;
    case ISO_AT_END:
        if (status->next < record->offset)
            status->next = record->offset;
        return;
    case ISO_HOLE:
        status->assigned = false;
        return;
    case ISO_TROUBLE:
        iso_fail(&cluster->why, record->err, "%s", record->text);
        return;
    }
}

static enum iso_err status_partitions(struct iso_cluster *cluster, int64_t until_ms,
                                      struct iso_why *why)
{
    int count;
    if (cluster->status_count > 0)
        return ISO_OK;
    enum iso_err err = iso_bus_partitions(cluster->bus, cluster->status_topic,
                                          iso_cluster_left_ms(until_ms), &count, why);
    if (err != ISO_OK)
        return err == ISO_NOT_FOUND ? ISO_OK : err; /* no daemon writes here yet */
    iso_assert(count < CLUSTER_LOOK);
    cluster->status_count = (size_t)count;
    cluster->status = iso_alloc_zero(cluster->status_count, sizeof *cluster->status);
    for (size_t i = 0; i < cluster->status_count; i++)
        cluster->status[i].ended = -1;
    return ISO_OK;
}

/* Follows every partition, and again from its beginning if it was made anew. */
static enum iso_err status_assign(struct iso_cluster *cluster,
                                  const struct iso_position *positions,
                                  struct iso_why *why)
{
    enum iso_err err = iso_cluster_reader(cluster, why);
    for (size_t i = 0; err == ISO_OK && i < cluster->status_count; i++) {
        struct cluster_status *status = &cluster->status[i];
        bool inside =
            status->next >= positions[i].begin && status->next <= positions[i].end;
        if (status->assigned && inside)
            continue;
        status->next = positions[i].begin;
        status->ended = -1;
        err = iso_reader_assign(cluster->reader, (uint32_t)i, cluster->status_topic,
                                (int)i, status->next, why);
        status->assigned = err == ISO_OK;
    }
    return err;
}

static bool status_read(const struct iso_cluster *cluster,
                        const struct iso_position *positions)
{
    for (size_t i = 0; i < cluster->status_count; i++) {
        if (cluster->status[i].assigned && cluster->status[i].next < positions[i].end)
            return false;
    }
    return true;
}

/* Up to the ends that it has now; what the time does not suffice for comes next time.
 */
static enum iso_err status_to_ends(struct iso_cluster *cluster,
                                   struct iso_position *positions, int64_t until_ms,
                                   struct iso_why *why)
{
    int64_t asked_ms = iso_now_ms(cluster->clock);
    for (size_t i = 0; i < cluster->status_count; i++)
        positions[i] =
            (struct iso_position){.topic = cluster->status_topic, .partition = (int)i};
    enum iso_err err = iso_bus_ends(cluster->bus, positions, cluster->status_count,
                                    iso_cluster_left_ms(until_ms), why);
    if (err == ISO_OK)
        err = status_assign(cluster, positions, why);
    if (err != ISO_OK)
        return err;
    cluster->why = (struct iso_why){.text = "nothing was heard of it"};
    int left_ms = 1;
    while (err == ISO_OK && left_ms > 0 && !status_read(cluster, positions)) {
        left_ms = iso_cluster_left_ms(until_ms);
        err = iso_cluster_fetch(cluster,
                                left_ms < FETCH_WAIT_MS ? left_ms : FETCH_WAIT_MS, why);
    }
    if (err == ISO_OK && !status_read(cluster, positions))
        return iso_fail(why, ISO_UNAVAILABLE,
                        "%s of cluster %s could not be read to its end in time: %.300s",
                        cluster->status_topic, cluster->name, cluster->why.text);
    for (size_t i = 0; err == ISO_OK && i < cluster->status_count; i++) {
        cluster->status[i].ended = positions[i].end;
        cluster->status[i].ended_ms = asked_ms;
    }
    return err;
}

enum iso_err iso_cluster_status_follow(struct iso_cluster *cluster, int64_t until_ms,
                                       struct iso_why *why)
{
    enum iso_err err = status_partitions(cluster, until_ms, why);
    if (err != ISO_OK || cluster->status_count == 0)
        return err;
    struct iso_position *positions =
        iso_alloc_zero(cluster->status_count, sizeof *positions);
    err = status_to_ends(cluster, positions, until_ms, why);
    iso_free(positions);
    return err;
}
