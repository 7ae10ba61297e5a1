/* The JSON of everything at once: /v1/status, and lists that go over all collections:
 * conflicts, dead letters; besides them trends and events.
 */
#include "monitor/view.h"
#include "monitor/view_parts.h"

/* ---- the sum ---- */

/* A pair in the worst state: it says since when, by which rule, and why. */
static const struct iso_status_pair *worst_pair(const struct iso_status *status,
                                                enum iso_lag_state state)
{
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *collection = &status->collections[i];
        for (size_t k = 0; k < collection->pair_count; k++) {
            if (collection->pairs[k].state == state)
                return &collection->pairs[k];
        }
    }
    return NULL;
}

static json_t *status_sum(const struct iso_status *status)
{
    struct iso_status_sum sum;
    iso_status_sum(status, &sum);
    const struct iso_status_pair *worst = worst_pair(status, sum.state);
    json_t *object = json_object(), *evidence = json_object();
    iso_view_put_count(evidence, "pairs", sum.pairs);
    iso_view_put_count(evidence, "pairs_ok", sum.pairs_ok);
    iso_view_put_text(evidence, "collection",
                      worst != NULL ? worst->row.collection : NULL);
    iso_view_put_text(evidence, "source_region",
                      worst != NULL ? worst->row.source : NULL);
    iso_view_put_text(evidence, "target_region",
                      worst != NULL ? worst->row.target : NULL);
    iso_view_put_text(object, "state", iso_lag_state_name(sum.state));
    iso_view_put_ms(object, "since_ms",
                    worst != NULL ? worst->since_ms : ISO_UNKNOWN_MS);
    iso_view_put_text(object, "rule", worst != NULL ? worst->rule : NULL);
    iso_view_put_text(object, "reason", sum.why);
    iso_view_put(object, "evidence", evidence);
    iso_view_put_text(object, "verdict", iso_verdict_state_name(sum.verdict));
    return object;
}

/* ---- the parts ---- */

static json_t *status_clusters(const struct iso_status *status)
{
    json_t *clusters = json_array();
    for (size_t i = 0; i < status->cluster_count; i++) {
        const struct iso_status_cluster *cluster = &status->clusters[i];
        json_t *object = json_object();
        iso_view_put_text(object, "cluster", cluster->name);
        iso_view_put_flag(object, "answers", cluster->answers);
        iso_view_put_ms(object, "heard_ms", cluster->heard_ms);
        iso_view_put_ms(object, "clock_offset_ms",
                        cluster->has_clock ? cluster->clock_ms : ISO_UNKNOWN_MS);
        iso_view_put_text(object, "reason", cluster->why);
        json_array_append_new(clusters, object);
    }
    return clusters;
}

static json_t *collection_logs(const struct iso_status_collection *collection)
{
    json_t *logs = json_array();
    for (size_t i = 0; i < collection->log_count; i++) {
        json_t *object = json_object();
        iso_view_put_count(object, "log", collection->logs[i].number);
        iso_view_put_text(object, "topic", collection->logs[i].topic);
        iso_view_put_text(object, "cluster", collection->logs[i].cluster);
        iso_view_put_flag(object, "closed", collection->logs[i].closed);
        json_array_append_new(logs, object);
    }
    return logs;
}

static json_t *status_collection(const struct iso_status_collection *collection)
{
    json_t *object = json_object(), *pairs = json_array(), *regions = json_array();
    for (size_t i = 0; i < collection->pair_count; i++)
        json_array_append_new(pairs, iso_view_pair_short(&collection->pairs[i]));
    for (size_t i = 0; i < collection->region_count; i++)
        json_array_append_new(regions, iso_view_region(&collection->regions[i]));
    iso_view_put_text(object, "collection", collection->name);
    iso_view_put_text(object, "resolver", collection->resolver);
    iso_view_put_count(object, "partitions", collection->partitions);
    iso_view_put_ms(object, "before_max_ms", collection->before_max_ms);
    iso_view_put(object, "logs", collection_logs(collection));
    iso_view_put(object, "verdict", iso_view_verdict(collection));
    iso_view_put(object, "pairs", pairs);
    iso_view_put(object, "regions", regions);
    return object;
}

json_t *iso_view_status(const struct iso_status *status)
{
    json_t *object = json_object(), *collections = json_array();
    for (size_t i = 0; i < status->collection_count; i++)
        json_array_append_new(collections, status_collection(&status->collections[i]));
    iso_view_put_text(object, "software", ISOSTASY_VERSION);
    iso_view_put_count(object, "look", status->look);
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put_ms(object, "started_ms", status->started_ms);
    iso_view_put_ms(object, "interval_ms", status->interval_ms);
    iso_view_put(object, "sum", status_sum(status));
    iso_view_put(object, "clusters", status_clusters(status));
    iso_view_put(object, "collections", collections);
    return object;
}

/* ---- conflicts ---- */

static json_t *region_conflicts(const struct iso_lag_region *region)
{
    static const char *const names[] = {"region", "conflicts", "conflicts_dropped",
                                        "conflicts_dropped_bytes", "newest_conflict"};
    json_t *all = iso_view_region(region), *object = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        iso_view_put(object, names[i], json_incref(json_object_get(all, names[i])));
    json_decref(all);
    return object;
}

json_t *iso_view_conflicts(const struct iso_status *status)
{
    json_t *object = json_object(), *collections = json_array();
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *at = &status->collections[i];
        json_t *collection = json_object(), *regions = json_array();
        for (size_t k = 0; k < at->region_count; k++)
            json_array_append_new(regions, region_conflicts(&at->regions[k]));
        iso_view_put_text(collection, "collection", at->name);
        iso_view_put(collection, "regions", regions);
        json_array_append_new(collections, collection);
    }
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put(object, "collections", collections);
    return object;
}

/* ---- dead letters ---- */

static json_t *letter_view(const struct iso_status_letter *letter)
{
    const struct iso_dead_letter *at = &letter->letter;
    json_t *object = json_object();
    iso_view_put_text(object, "cluster", letter->cluster);
    iso_view_put_ms(object, "letter_ms", letter->append_ms);
    iso_view_put_bytes(object, "collection", at->collection);
    iso_view_put_bytes(object, "topic", at->topic);
    iso_view_put_count(object, "partition", at->partition);
    iso_view_put_ms(object, "offset", at->offset);
    iso_view_put_ms(object, "append_ms", at->append_ms);
    iso_view_put_bytes(object, "error", at->error);
    struct iso_buf reason = {0};
    iso_buf_add_bytes(&reason, at->reason);
    iso_view_put_text(object, "reason", iso_buf_text(&reason));
    iso_buf_release(&reason);
    if (at->has_key)
        iso_view_put_bytes(object, "key", at->key);
    else
        iso_view_put(object, "key", json_null());
    iso_view_put_flag(object, "key_cut", at->key_cut);
    return object;
}

json_t *iso_view_dead_letters(const struct iso_status *status)
{
    json_t *object = json_object(), *newest = json_array();
    for (size_t i = 0; i < status->letter_count; i++)
        json_array_append_new(newest, letter_view(&status->letters[i]));
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put_count(object, "held", status->letters_held);
    iso_view_put(object, "newest", newest);
    return object;
}

/* ---- trends, events ---- */

json_t *iso_view_trend(const struct iso_sample *samples, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        iso_view_put_ms(object, "at_ms", samples[i].at_ms);
        iso_view_put_text(object, "state", iso_lag_state_name(samples[i].state));
        iso_view_put_ms(object, "lag_ms", samples[i].lag_ms);
        iso_view_put_ms(object, "staleness_ms", samples[i].staleness_ms);
        iso_view_put_count(object, "records_behind", samples[i].records_behind);
        iso_view_put_ms(object, "latency_p50_ms", samples[i].latency_p50_ms);
        iso_view_put_ms(object, "latency_p99_ms", samples[i].latency_p99_ms);
        json_array_append_new(array, object);
    }
    return array;
}

json_t *iso_view_event(const struct iso_watch_event *event)
{
    json_t *object = json_object();
    iso_view_put_count(object, "id", event->id);
    iso_view_put_ms(object, "at_ms", event->at_ms);
    iso_view_put_text(object, "kind", iso_watch_kind_name(event->kind));
    iso_view_put_text(object, "collection", event->collection);
    iso_view_put_text(object, "source_region", event->source);
    iso_view_put_text(object, "target_region", event->target);
    iso_view_put_text(object, "was", event->was);
    iso_view_put_text(object, "is", event->is);
    iso_view_put_text(object, "reason", event->why);
    return object;
}
