/* /v3/kafka: what Burrow would say, for collectors that know Burrow. The shapes are
 * those of its version 1 HTTP endpoint (github.com/linkedin/Burrow/wiki/HTTP-Endpoint);
 * what is true there and has no place here is left empty.
 *
 * A group is a region, "isostasy.REGION". A partition of a topic is behind by what the
 * worst of the sources says that write to it. Of a group with more partitions than a
 * pair's worst (ISO_LAG_WORST_MAX), those are listed and `partition_count` and
 * `totallag` speak of all; `complete` says which part is listed.
 */
#include "monitor/view.h"

#include "base/mem.h"

#include "monitor/view_parts.h"

enum { BURROW_PARTS = 4, BURROW_PARTS_SIZE = 512 };

static const char burrow_group[] = ISO_MONITOR_GROUP;

struct burrow {
    const struct iso_status *status;
    const char *url;
    char text[BURROW_PARTS_SIZE]; /* of the path, cut into parts */
    const char *parts[BURROW_PARTS];
    size_t count;
};

/* ---- answers ---- */

static json_t *answer(const struct burrow *at, bool error, const char *message)
{
    json_t *object = json_object(), *request = json_object();
    struct iso_buf url = {0};
    iso_buf_print(&url, "/v3%s", at->url);
    iso_view_put_text(request, "url", iso_buf_text(&url));
    iso_view_put(request, "host", json_string(""));
    iso_view_put_flag(object, "error", error);
    iso_view_put_text(object, "message", message);
    iso_view_put(object, "request", request);
    iso_buf_release(&url);
    return object;
}

static json_t *answer_list(const struct burrow *at, const char *message,
                           const char *name, json_t *list)
{
    json_t *object = answer(at, false, message);
    iso_view_put(object, name, list);
    return object;
}

/* A name once. */
static void list_add(json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return;
    }
    json_array_append_new(list, json_string(name));
}

/* ---- clusters, topics, groups ---- */

static bool has_cluster(const struct burrow *at)
{
    for (size_t i = 0; i < at->status->cluster_count; i++) {
        if (strcmp(at->status->clusters[i].name, at->parts[0]) == 0)
            return true;
    }
    return false;
}

static json_t *cluster_list(const struct burrow *at)
{
    json_t *list = json_array();
    for (size_t i = 0; i < at->status->cluster_count; i++)
        json_array_append_new(list, json_string(at->status->clusters[i].name));
    return answer_list(at, "cluster list returned", "clusters", list);
}

static json_t *cluster_detail(const struct burrow *at)
{
    json_t *module = json_object(), *profile = json_object();
    int64_t refresh_s = (at->status->interval_ms + 999) / 1000;
    iso_view_put_text(profile, "name", "isostasy-monitor");
    iso_view_put_text(profile, "client-id", "isostasy-monitor");
    iso_view_put(profile, "kafka-version", json_string(""));
    iso_view_put(profile, "tls", json_null());
    iso_view_put(profile, "sasl", json_null());
    iso_view_put_text(module, "class-name", "kafka");
    iso_view_put(module, "servers", json_array());
    iso_view_put(module, "client-profile", profile);
    iso_view_put(module, "topic-refresh", json_integer(refresh_s));
    iso_view_put(module, "offset-refresh", json_integer(refresh_s));
    return answer_list(at, "cluster module detail returned", "module", module);
}

/* Calls `each` for every log on the cluster of the path. */
static void each_log(const struct burrow *at, json_t *into,
                     void (*each)(const struct burrow *,
                                  const struct iso_status_collection *,
                                  const struct iso_status_log *, json_t *))
{
    for (size_t i = 0; i < at->status->collection_count; i++) {
        const struct iso_status_collection *collection = &at->status->collections[i];
        for (size_t k = 0; k < collection->log_count; k++) {
            if (strcmp(collection->logs[k].cluster, at->parts[0]) == 0)
                each(at, collection, &collection->logs[k], into);
        }
    }
}

static void add_topic(const struct burrow *at,
                      const struct iso_status_collection *collection,
                      const struct iso_status_log *log, json_t *list)
{
    (void)at;
    (void)collection;
    list_add(list, log->topic);
}

/* Every region reads every log of its collections. */
static void add_groups(const struct burrow *at,
                       const struct iso_status_collection *collection,
                       const struct iso_status_log *log, json_t *list)
{
    if (at->count >= 3 && strcmp(log->topic, at->parts[2]) != 0)
        return;
    for (size_t i = 0; i < collection->region_count; i++) {
        struct iso_buf group = {0};
        iso_buf_print(&group, "%s%s", burrow_group, collection->regions[i].region);
        list_add(list, iso_buf_text(&group));
        iso_buf_release(&group);
    }
}

/* Two logs may follow one another in one topic: the newest's ends are the topic's. */
static void add_offsets(const struct burrow *at,
                        const struct iso_status_collection *collection,
                        const struct iso_status_log *log, json_t *offsets)
{
    if (strcmp(log->topic, at->parts[2]) != 0)
        return;
    json_array_clear(offsets);
    for (uint32_t p = 0; p < collection->partitions && log->ends != NULL; p++)
        json_array_append_new(offsets, log->ends[p] < 0 ? json_null()
                                                        : json_integer(log->ends[p]));
}

static json_t *topic_list(const struct burrow *at)
{
    json_t *list = json_array();
    each_log(at, list, add_topic);
    return answer_list(at, "topic list returned", "topics", list);
}

static json_t *topic_detail(const struct burrow *at)
{
    json_t *topics = json_array(), *offsets = json_array();
    each_log(at, topics, add_topic);
    each_log(at, offsets, add_offsets);
    bool found = false;
    for (size_t i = 0; i < json_array_size(topics); i++)
        found = found ||
                strcmp(json_string_value(json_array_get(topics, i)), at->parts[2]) == 0;
    json_decref(topics);
    if (found)
        return answer_list(at, "topic offsets returned", "offsets", offsets);
    json_decref(offsets);
    return NULL;
}

static json_t *topic_consumers(const struct burrow *at)
{
    json_t *list = json_array();
    each_log(at, list, add_groups);
    if (json_array_size(list) > 0)
        return answer_list(at, "consumers of topic returned", "consumers", list);
    json_decref(list);
    return NULL;
}

static json_t *group_list(const struct burrow *at)
{
    json_t *list = json_array();
    each_log(at, list, add_groups);
    return answer_list(at, "consumer list returned", "consumers", list);
}

/* ---- a group ---- */

struct place {
    const struct iso_status_collection *collection;
    const struct iso_status_log *log;
    const struct iso_lag_slice *slice;
    int64_t report_ms;
};

struct group {
    struct place *places;
    size_t count;
    uint64_t partitions, waits; /* of all; ISO_UNKNOWN_COUNT: not known of one */
    enum iso_lag_state state;
    bool any;
};

static const char *burrow_state(enum iso_lag_state state)
{
    switch (state) {
    case ISO_LAG_UNKNOWN:
        return "UNKNOWN";
    case ISO_LAG_OK:
    case ISO_LAG_CATCHING_UP:
        return "OK"; /* Burrow: what waits became less within the window */
    case ISO_LAG_LAGGING:
        return "WARN";
    case ISO_LAG_STALLED:
        return "STALL";
    case ISO_LAG_STOPPED:
        return "STOP";
    case ISO_LAG_REWOUND:
        return "REWIND";
    case ISO_LAG_PARKED:
    case ISO_LAG_LOST:
    case ISO_LAG_DIVERGED:
        return "ERR";
    }
    return "UNKNOWN";
}

static const struct iso_status_log *
log_here(const struct burrow *at, const struct iso_status_collection *collection,
         uint16_t number)
{
    for (size_t i = 0; i < collection->log_count; i++) {
        const struct iso_status_log *log = &collection->logs[i];
        if (log->number == number)
            return strcmp(log->cluster, at->parts[0]) == 0 ? log : NULL;
    }
    return NULL;
}

/* Of sources that share a log, the one of which most waits. */
static void place_add(struct group *group, struct place place)
{
    for (size_t i = 0; i < group->count; i++) {
        struct place *known = &group->places[i];
        if (known->log != place.log ||
            known->slice->partition != place.slice->partition)
            continue;
        if (place.slice->records_behind != ISO_UNKNOWN_COUNT &&
            (known->slice->records_behind == ISO_UNKNOWN_COUNT ||
             place.slice->records_behind > known->slice->records_behind))
            *known = place;
        return;
    }
    group->places[group->count++] = place;
}

/* What counts for the cluster in which most waits counts for that alone. */
static void group_add(const struct burrow *at, struct group *group,
                      const struct iso_status_collection *collection,
                      const struct iso_status_pair *pair)
{
    const struct iso_lag_row *row = &pair->row;
    bool here =
        row->worst_count > 0 && log_here(at, collection, row->worst[0].log) != NULL;
    if (here &&
        (row->records_behind == ISO_UNKNOWN_COUNT ||
         __builtin_add_overflow(group->waits, row->records_behind, &group->waits)))
        group->waits = ISO_UNKNOWN_COUNT;
    if (here && (!group->any || iso_lag_state_severity(pair->state) >
                                    iso_lag_state_severity(group->state)))
        group->state = pair->state;
    group->any = group->any || here;
    for (size_t i = 0; i < row->worst_count; i++) {
        const struct iso_status_log *log = log_here(at, collection, row->worst[i].log);
        if (log != NULL)
            place_add(group,
                      (struct place){collection, log, &row->worst[i], row->report_ms});
    }
}

static bool collection_has(const struct iso_status_collection *collection,
                           const char *region)
{
    for (size_t i = 0; i < collection->region_count; i++) {
        if (strcmp(collection->regions[i].region, region) == 0)
            return true;
    }
    return false;
}

/* False: the cluster has no such group. */
static bool group_find(const struct burrow *at, struct group *group)
{
    size_t prefix = sizeof burrow_group - 1, room = 1, logs = 0;
    if (strncmp(at->parts[2], burrow_group, prefix) != 0)
        return false;
    const char *region = at->parts[2] + prefix;
    for (size_t i = 0; i < at->status->collection_count; i++)
        room += at->status->collections[i].pair_count * ISO_LAG_WORST_MAX;
    group->places = iso_alloc_zero(room, sizeof *group->places);
    for (size_t i = 0; i < at->status->collection_count; i++) {
        const struct iso_status_collection *collection = &at->status->collections[i];
        if (!collection_has(collection, region))
            continue;
        for (size_t k = 0; k < collection->log_count; k++) {
            bool here = strcmp(collection->logs[k].cluster, at->parts[0]) == 0;
            logs += here;
            if (here && !collection->logs[k].closed)
                group->partitions += collection->partitions;
        }
        for (size_t k = 0; k < collection->pair_count; k++) {
            if (strcmp(collection->pairs[k].row.target, region) == 0)
                group_add(at, group, collection, &collection->pairs[k]);
        }
    }
    return logs > 0;
}

/* ---- what is said of it ---- */

static json_t *place_offset(const struct place *place)
{
    if (place->slice->frontier < 0)
        return json_null();
    json_t *object = json_object();
    iso_view_put(object, "offset", json_integer(place->slice->frontier));
    iso_view_put_ms(object, "timestamp", place->report_ms);
    iso_view_put_ms(object, "observedTimestamp", place->report_ms);
    iso_view_put_count(object, "lag", place->slice->records_behind);
    return object;
}

static json_t *place_view(const struct place *place)
{
    json_t *object = json_object();
    bool known = place->slice->frontier >= 0;
    iso_view_put_text(object, "topic", place->log->topic);
    iso_view_put_count(object, "partition", place->slice->partition);
    iso_view_put(object, "owner", json_string(""));
    iso_view_put(object, "client_id", json_string(""));
    iso_view_put_text(object, "status", burrow_state(place->slice->state));
    iso_view_put(object, "start", place_offset(place));
    iso_view_put(object, "end", place_offset(place));
    iso_view_put_count(object, "current_lag", place->slice->records_behind);
    iso_view_put(object, "complete", json_real(known ? 1.0 : 0.0));
    return object;
}

static const struct place *place_most(const struct group *group)
{
    const struct place *most = NULL;
    for (size_t i = 0; i < group->count; i++) {
        const struct place *place = &group->places[i];
        if (place->slice->records_behind != ISO_UNKNOWN_COUNT &&
            (most == NULL ||
             place->slice->records_behind > most->slice->records_behind))
            most = place;
    }
    return most;
}

/* `all`: /lag; else /status, which lists only what is not well. */
static json_t *group_status(const struct burrow *at, const struct group *group,
                            bool all)
{
    json_t *status = json_object(), *partitions = json_array();
    for (size_t i = 0; i < group->count; i++) {
        const char *state = burrow_state(group->places[i].slice->state);
        if (all || strcmp(state, "OK") != 0)
            json_array_append_new(partitions, place_view(&group->places[i]));
    }
    const struct place *most = place_most(group);
    double part =
        group->partitions == 0 ? 1.0 : (double)group->count / (double)group->partitions;
    iso_view_put_text(status, "cluster", at->parts[0]);
    iso_view_put_text(status, "group", at->parts[2]);
    iso_view_put_text(status, "status",
                      burrow_state(group->any ? group->state : ISO_LAG_UNKNOWN));
    iso_view_put(status, "complete", json_real(part > 1 ? 1.0 : part));
    iso_view_put(status, "partitions", partitions);
    iso_view_put_count(status, "partition_count", group->partitions);
    iso_view_put(status, "maxlag", most != NULL ? place_view(most) : json_null());
    iso_view_put_count(status, "totallag",
                       group->any ? group->waits : ISO_UNKNOWN_COUNT);
    return answer_list(at, "consumer status returned", "status", status);
}

/* By topic, and there by partition; one that is not listed has no offsets. */
static json_t *group_detail(const struct burrow *at, const struct group *group)
{
    json_t *topics = json_object();
    for (size_t i = 0; i < group->count; i++) {
        const struct place *place = &group->places[i];
        json_t *rows = json_object_get(topics, place->log->topic);
        if (rows == NULL) {
            rows = json_array();
            iso_view_put(topics, place->log->topic, rows);
        }
        while (json_array_size(rows) <= place->slice->partition) {
            json_t *empty = json_object();
            iso_view_put(empty, "offsets", json_array());
            iso_view_put(empty, "owner", json_string(""));
            iso_view_put(empty, "client_id", json_string(""));
            iso_view_put(empty, "current-lag", json_null());
            json_array_append_new(rows, empty);
        }
        json_t *row = json_array_get(rows, place->slice->partition);
        json_t *offsets = json_array(), *offset = place_offset(place);
        json_array_append_new(offsets, offset);
        iso_view_put(row, "offsets", offsets);
        iso_view_put_count(row, "current-lag", place->slice->records_behind);
    }
    return answer_list(at, "consumer detail returned", "topics", topics);
}

static json_t *group_view(const struct burrow *at)
{
    struct group group = {0};
    json_t *view = NULL;
    bool found = group_find(at, &group);
    if (found && at->count == 3)
        view = group_detail(at, &group);
    else if (found && strcmp(at->parts[3], "lag") == 0)
        view = group_status(at, &group, true);
    else if (found && strcmp(at->parts[3], "status") == 0)
        view = group_status(at, &group, false);
    iso_free(group.places);
    return view;
}

/* ---- paths ---- */

/* "/kafka/CLUSTER/consumer/GROUP/lag": the parts behind kafka; false: another path. */
static bool path_cut(struct burrow *at, const char *path)
{
    static const char kafka[] = "/kafka";
    if (strncmp(path, kafka, sizeof kafka - 1) != 0 || strlen(path) >= sizeof at->text)
        return false;
    memcpy(at->text, path, strlen(path) + 1);
    char *next = at->text + sizeof kafka - 1;
    while (*next == '/') {
        *next++ = '\0';
        if (at->count == BURROW_PARTS || *next == '\0' || *next == '/')
            return false;
        at->parts[at->count++] = next;
        next += strcspn(next, "/");
    }
    return *next == '\0';
}

static json_t *burrow_answer(const struct burrow *at, const char **missing)
{
    if (at->count == 0)
        return cluster_list(at);
    *missing = "cluster not found";
    if (!has_cluster(at))
        return NULL;
    if (at->count == 1)
        return cluster_detail(at);
    if (strcmp(at->parts[1], "consumer") == 0) {
        *missing = "cluster or consumer not found";
        return at->count == 2 ? group_list(at) : group_view(at);
    }
    *missing = "cluster or topic not found";
    if (strcmp(at->parts[1], "topic") != 0)
        return NULL;
    if (at->count == 2)
        return topic_list(at);
    if (at->count == 3)
        return topic_detail(at);
    return strcmp(at->parts[3], "consumers") == 0 ? topic_consumers(at) : NULL;
}

bool iso_view_burrow(const struct iso_status *status, const char *path,
                     struct iso_buf *out)
{
    struct burrow at = {.status = status, .url = path};
    const char *missing = "no such path";
    json_t *view = path_cut(&at, path) ? burrow_answer(&at, &missing) : NULL;
    bool found = view != NULL;
    iso_view_write(found ? view : answer(&at, true, missing), out);
    return found;
}
