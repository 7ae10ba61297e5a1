/* What a region's consumer group has committed, kept as a report that tells of
 * frontiers and of nothing else (`committed`). It stands aside from what daemons said,
 * so that whoever believes reports (verdicts, proofs, peaks) never meets it.
 *
 * Where nothing is committed nothing is known: a group that nobody uses forgets its
 * positions after some days. Nothing here can fail.
 */
#include "base/mem.h"
#include "monitor/table.h"

static void slice_drop(struct table_commits *commits, uint32_t partition)
{
    iso_table_report_free(commits->reports[partition]);
    commits->reports[partition] = NULL;
}

void iso_table_commits_drop(struct table_collection *collection, unsigned region,
                            uint32_t partition)
{
    if (collection->commits[region] != NULL)
        slice_drop(collection->commits[region], partition);
}

void iso_table_commits_free(struct table_collection *collection)
{
    for (unsigned region = 0; region <= ISO_REGION_MAX; region++) {
        struct table_commits *commits = collection->commits[region];
        for (uint32_t p = 0; commits != NULL && p < collection->partitions; p++)
            slice_drop(commits, p);
        if (commits != NULL)
            iso_free(commits->reports);
        iso_free(commits);
        collection->commits[region] = NULL;
    }
}

/* Made when something is committed for the first time. */
static struct table_report *report_of(struct table_collection *collection,
                                      const struct iso_lag_committed *committed)
{
    struct table_commits **commits = &collection->commits[committed->region];
    if (*commits == NULL && committed->next < 0)
        return NULL;
    if (*commits == NULL) {
        *commits = iso_alloc_zero(1, sizeof **commits);
        (*commits)->reports =
            iso_alloc_zero(collection->partitions, sizeof *(*commits)->reports);
        (*commits)->moved_ms = ISO_UNKNOWN_MS;
        (*commits)->since_ms = committed->asked_ms;
    }
    struct table_report **report = &(*commits)->reports[committed->partition];
    if (*report != NULL || committed->next < 0)
        return *report;
    *report = iso_table_report_new(collection);
    (*report)->committed = true;
    (*report)->cluster = TABLE_NO_CLUSTER;
    (*report)->since_ms = committed->asked_ms;
    for (size_t i = 0; i < collection->log_count; i++)
        (*report)->stands[i].append_ms = (*report)->stands[i].newest_ms =
            ISO_UNKNOWN_MS;
    return *report;
}

void iso_lag_feed_committed(struct iso_lag *lag,
                            const struct iso_lag_committed *committed)
{
    struct table_collection *collection =
        iso_table_collection(lag, committed->collection);
    if (collection == NULL || committed->partition >= collection->partitions ||
        iso_definition_region(collection->definition, committed->region) == NULL)
        return;
    int log = iso_table_log(collection, committed->log);
    if (log < 0 ||
        iso_table_report(collection, committed->region, committed->partition) != NULL)
        return;
    struct table_report *report = report_of(collection, committed);
    if (report == NULL)
        return;
    int64_t was = report->frontiers[log];
    report->heard_ms = committed->asked_ms;
    report->frontiers[log] = committed->next < 0 ? -1 : committed->next;
    if (was >= 0 && committed->next >= 0 && was != committed->next)
        collection->commits[committed->region]->moved_ms = committed->asked_ms;
}
