/* The JSON of /v1. One function for each kind of object; monitor/openapi.json says what
 * members it has, and a test holds the two to each other. What is not known is null,
 * and a member never goes away for it.
 *
 * Whatever is in a state (`state`) says since when (`since_ms`), by which rule, for
 * what reason, and the numbers beneath (`evidence`). What one look saw of it is
 * `looks_like`.
 */
#include "monitor/view.h"

#include "monitor/view_parts.h"

/* ---- pairs ---- */

static json_t *pair_latency(const struct iso_status_pair *pair)
{
    json_t *latency = json_object();
    const struct iso_latency *all = &pair->row.latency;
    bool has = pair->row.has_latency;
    iso_view_put_ms(latency, "p50_ms", pair->latency_p50_ms);
    iso_view_put_ms(latency, "p99_ms", pair->latency_p99_ms);
    iso_view_put_count(latency, "count",
                       has ? iso_latency_count(all) : ISO_UNKNOWN_COUNT);
    iso_view_put_count(latency, "sum_ms", has ? all->sum_ms : ISO_UNKNOWN_COUNT);
    return latency;
}

static void rate_put(json_t *object, const char *name, double rate)
{
    iso_view_put(object, name, rate >= 0 ? json_real(rate) : json_null());
}

/* What the numbers of a pair rest on; null: on nothing. */
static const char *rests_on(const struct iso_lag_row *row)
{
    if (row->committed)
        return "committed offsets";
    return row->report_ms == ISO_UNKNOWN_MS ? NULL : "reports";
}

json_t *iso_view_evidence(const struct iso_status_pair *pair)
{
    const struct iso_lag_row *row = &pair->row;
    json_t *evidence = json_object();
    iso_view_put_text(evidence, "looks_like", iso_lag_state_name(row->state));
    iso_view_put_text(evidence, "looks_like_reason", row->why);
    iso_view_put_text(evidence, "rests_on", rests_on(row));
    iso_view_put_ms(evidence, "lag_ms", row->lag_ms);
    iso_view_put_flag(evidence, "lag_exact", row->lag_exact);
    iso_view_put_ms(evidence, "staleness_ms", row->staleness_ms);
    iso_view_put_count(evidence, "records_behind", row->records_behind);
    iso_view_put_flag(evidence, "records_exact", row->records_exact);
    iso_view_put_count(evidence, "applied", row->applied);
    iso_view_put_count(evidence, "written", row->written);
    rate_put(evidence, "applied_per_second", pair->applied_rate);
    rate_put(evidence, "written_per_second", pair->written_rate);
    iso_view_put_flag(evidence, "moves", row->moves);
    iso_view_put_ms(evidence, "newest_applied_ms", row->newest_ms);
    iso_view_put_ms(evidence, "report_ms", row->report_ms);
    iso_view_put_ms(evidence, "report_age_ms", row->report_age_ms);
    iso_view_put_count(evidence, "refused", row->refused);
    iso_view_put_count(evidence, "lost", row->lost);
    iso_view_put_ms(evidence, "deleted_in_ms", row->deleted_in_ms);
    return evidence;
}

json_t *iso_view_worst(const struct iso_lag_row *row)
{
    json_t *worst = json_array();
    for (size_t i = 0; i < row->worst_count; i++) {
        const struct iso_lag_slice *slice = &row->worst[i];
        json_t *object = json_object();
        iso_view_put_count(object, "partition", slice->partition);
        iso_view_put_count(object, "log", slice->log);
        iso_view_put_ms(object, "frontier",
                        slice->frontier < 0 ? ISO_UNKNOWN_MS : slice->frontier);
        iso_view_put_ms(object, "end", slice->end < 0 ? ISO_UNKNOWN_MS : slice->end);
        iso_view_put_count(object, "records_behind", slice->records_behind);
        iso_view_put_ms(object, "lag_ms", slice->lag_ms);
        iso_view_put_ms(object, "staleness_ms", slice->staleness_ms);
        iso_view_put_text(object, "looks_like", iso_lag_state_name(slice->state));
        json_array_append_new(worst, object);
    }
    return worst;
}

json_t *iso_view_pair_short(const struct iso_status_pair *pair)
{
    json_t *object = json_object();
    iso_view_put_text(object, "collection", pair->row.collection);
    iso_view_put_text(object, "source_region", pair->row.source);
    iso_view_put_text(object, "target_region", pair->row.target);
    iso_view_put_text(object, "state", iso_lag_state_name(pair->state));
    iso_view_put_ms(object, "since_ms", pair->since_ms);
    iso_view_put_text(object, "rule", pair->rule);
    iso_view_put_text(object, "reason", pair->why);
    iso_view_put_ms(object, "eta_ms", pair->eta_ms);
    iso_view_put_text(object, "warning", pair->warning);
    iso_view_put_ms(object, "lag_ms", pair->row.lag_ms);
    iso_view_put_ms(object, "staleness_ms", pair->row.staleness_ms);
    iso_view_put_count(object, "records_behind", pair->row.records_behind);
    iso_view_put(object, "latency", pair_latency(pair));
    iso_view_put(object, "evidence", iso_view_evidence(pair));
    return object;
}

json_t *iso_view_pair(const struct iso_status_pair *pair)
{
    json_t *object = iso_view_pair_short(pair);
    iso_view_put(object, "worst_partitions", iso_view_worst(&pair->row));
    return object;
}

/* ---- regions ---- */

static json_t *region_conflict(const struct iso_lag_region *region)
{
    if (!region->has_loser)
        return json_null();
    json_t *loser = json_object();
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(region->loser_version, version);
    iso_view_put_bytes(loser, "key", region->loser_key);
    iso_view_put_text(loser, "version", version);
    iso_view_put_ms(loser, "written_ms", iso_hlc_ms(region->loser_version.hlc));
    iso_view_put_count(loser, "log", region->loser_log);
    iso_view_put_ms(loser, "offset", region->loser_offset);
    iso_view_put_ms(loser, "at_ms", region->loser_at_ms);
    return loser;
}

static void region_put_store(json_t *object, const struct iso_lag_region *region)
{
    bool has = region->has_store;
    iso_view_put_count(object, "store_used_bytes",
                       has ? region->store_used : ISO_UNKNOWN_COUNT);
    iso_view_put_count(object, "store_free_bytes",
                       has ? region->store_free : ISO_UNKNOWN_COUNT);
    iso_view_put_ms(object, "clock_offset_ms",
                    region->has_clock ? region->clock_ms : ISO_UNKNOWN_MS);
    iso_view_put_ms(object, "clock_error_ms",
                    region->has_clock ? region->clock_error_ms : ISO_UNKNOWN_MS);
}

/* A number that its daemons tell of: unknown while none was heard. */
static void region_put_told(json_t *object, const char *name,
                            const struct iso_lag_region *region, uint64_t count)
{
    iso_view_put_count(object, name, region->heard > 0 ? count : ISO_UNKNOWN_COUNT);
}

json_t *iso_view_region(const struct iso_lag_region *region)
{
    json_t *object = json_object();
    bool held = region->floor_ms != ISO_UNKNOWN_MS;
    iso_view_put_text(object, "region", region->region);
    iso_view_put_text(object, "cluster", region->cluster);
    iso_view_put_text(object, "software", region->software);
    iso_view_put_count(object, "slices", region->slices);
    iso_view_put_count(object, "slices_heard", region->heard);
    iso_view_put_ms(object, "report_ms", region->report_ms);
    iso_view_put_ms(object, "started_ms", region->started_ms);
    region_put_told(object, "values", region, (uint64_t)region->values);
    region_put_told(object, "tombstones", region, (uint64_t)region->tombstones);
    region_put_told(object, "expiring", region, (uint64_t)region->expiring);
    region_put_told(object, "conflicts", region, region->ledger_rows);
    region_put_told(object, "conflicts_dropped", region, region->dropped_rows);
    region_put_told(object, "conflicts_dropped_bytes", region, region->dropped_bytes);
    region_put_told(object, "refused", region, region->refused);
    region_put_told(object, "alarms", region, region->alarms);
    region_put_told(object, "gaps", region, region->gaps);
    iso_view_put_ms(object, "floor_ms", region->floor_ms);
    iso_view_put_count(object, "floor_log",
                       held ? region->floor_log : ISO_UNKNOWN_COUNT);
    iso_view_put_count(object, "floor_partition",
                       held ? region->floor_partition : ISO_UNKNOWN_COUNT);
    iso_view_put_ms(object, "oldest_ms", region->oldest_ms);
    iso_view_put_ms(object, "swept_ms",
                    region->swept_ms > 0 ? region->swept_ms : ISO_UNKNOWN_MS);
    region_put_store(object, region);
    iso_view_put(object, "newest_conflict", region_conflict(region));
    return object;
}

/* ---- verdicts ---- */

static void digest_put(json_t *object, const char *name, bool known,
                       struct iso_digest digest)
{
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(digest, text);
    iso_view_put_text(object, name, known ? text : NULL);
}

static json_t *verdict_evidence(const struct iso_verdict *verdict)
{
    bool converged = verdict->state == ISO_VERDICT_CONVERGED;
    json_t *evidence = json_object(), *diverged = json_array();
    iso_view_put_count(evidence, "regions", verdict->regions);
    iso_view_put_text(evidence, "region_names", verdict->names);
    iso_view_put_count(evidence, "slices", verdict->slices);
    iso_view_put_count(evidence, "slices_equal", verdict->equal);
    iso_view_put_count(evidence, "slices_pending", verdict->pending);
    iso_view_put_count(evidence, "slices_diverged", verdict->diverged);
    iso_view_put_ms(evidence, "cut_ms", verdict->at_ms);
    digest_put(evidence, "cut", verdict->cut.high != 0 || verdict->cut.low != 0,
               verdict->cut);
    iso_view_put_ms(evidence, "oldest_report_age_ms", verdict->oldest_ms);
    iso_view_put_count(evidence, "values",
                       converged ? verdict->values : ISO_UNKNOWN_COUNT);
    iso_view_put_count(evidence, "conflicts",
                       converged ? verdict->ledger_rows : ISO_UNKNOWN_COUNT);
    digest_put(evidence, "live", converged, verdict->live);
    digest_put(evidence, "mortal", converged, verdict->mortal);
    digest_put(evidence, "ledger", converged, verdict->ledger);
    for (unsigned n = 1; n <= ISO_REGION_MAX; n++) {
        if (verdict->diverged_regions >> (n - 1) & 1)
            json_array_append_new(diverged, json_integer(n));
    }
    iso_view_put(evidence, "diverged_region_numbers", diverged);
    return evidence;
}

static json_t *verdict_unequal(const struct iso_verdict *verdict)
{
    json_t *slices = json_array();
    for (size_t i = 0; i < verdict->unequal_count; i++) {
        const struct iso_verdict_slice *slice = &verdict->unequal[i];
        json_t *object = json_object();
        iso_view_put_count(object, "partition", slice->partition);
        iso_view_put_text(object, "state", iso_verdict_state_name(slice->state));
        iso_view_put_text(object, "reason", slice->why);
        json_array_append_new(slices, object);
    }
    return slices;
}

static const char *verdict_rule(enum iso_verdict_state state)
{
    static const char *const rules[] = {
        [ISO_VERDICT_UNKNOWN] = "unknown.evidence_is_missing",
        [ISO_VERDICT_PENDING] = "pending.nothing_can_be_compared",
        [ISO_VERDICT_CONSISTENT] = "consistent.equal_so_far",
        [ISO_VERDICT_CONVERGED] = "converged.equal_at_equal_vectors",
        [ISO_VERDICT_DIVERGED] = "diverged.unequal_at_equal_vectors",
    };
    return rules[state];
}

json_t *iso_view_verdict(const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    json_t *object = json_object();
    iso_view_put_text(object, "collection", collection->name);
    iso_view_put_text(object, "state", iso_verdict_state_name(verdict->state));
    iso_view_put_ms(object, "since_ms", collection->verdict_since_ms);
    iso_view_put_text(object, "rule", verdict_rule(verdict->state));
    iso_view_put_text(object, "reason", verdict->why);
    iso_view_put(object, "evidence", verdict_evidence(verdict));
    iso_view_put(object, "unequal_partitions", verdict_unequal(verdict));
    iso_view_put_count(object, "unequal_left_out",
                       verdict->diverged + verdict->pending - verdict->unequal_count);
    iso_view_put_text(object, "certificate", collection->certificate);
    return object;
}

json_t *iso_view_convergence(const struct iso_status *status)
{
    struct iso_status_sum sum;
    iso_status_sum(status, &sum);
    json_t *object = json_object(), *verdicts = json_array();
    for (size_t i = 0; i < status->collection_count; i++)
        json_array_append_new(verdicts, iso_view_verdict(&status->collections[i]));
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put_text(object, "worst", iso_verdict_state_name(sum.verdict));
    iso_view_put(object, "collections", verdicts);
    return object;
}
