/* How far a store has come, asked by the token of a session. The state of the key's
 * slice stands in a row of the same snapshot that the read goes on with; it says the
 * frontier and the bound of every log, and the rows of the duplicate filter say which
 * writes arrived. So a write without an offset is met as soon as the region that reads
 * has applied it, wherever in the log it came to stand.
 *
 * Waiting is looking again at a new snapshot, with growing pauses, until the deadline:
 * the daemon is another process and tells nobody. The snapshot is closed over a pause,
 * so that no old page of the store is held.
 *
 * How it can fail: the store is behind (ISO_STALE), the token is of another
 * installation, a row fails its check. */
#include "consumer/replica_state.h"

#include <inttypes.h>
#include <poll.h>

#include "consumer/filter.h"
#include "schema/context.h"

enum { PAUSE_FIRST_MS = 1, PAUSE_MAX_MS = 50, LACKS_TOLD = 4 };

/* One look at the store, and what it found missing. */
struct lack {
    uint16_t log;
    uint64_t records;
};
struct asking {
    struct iso_replica *replica;
    const struct iso_replica_look *look;
    const struct iso_definition *newest; /* NULL: was not asked for yet */
    struct lack lacks[LACKS_TOLD];       /* of the first logs */
    size_t log_count;                    /* of all that lack something … */
    uint16_t log_last;                   /* … the last one */
    uint64_t total;
    struct iso_why *why;
};

/* ---- the slice ---- */

static enum iso_err slice_load(struct iso_replica *replica,
                               const struct iso_replica_look *look, struct iso_why *why)
{
    struct iso_bytes row;
    replica->slice.log_count = 0;
    if (look->number == 0)
        return ISO_OK;
    iso_rows_key_slice(&replica->key, look->number, look->partition);
    enum iso_err err = iso_snapshot_get(look->snapshot, ISO_META,
                                        iso_buf_bytes(&replica->key), &row, why);
    if (err != ISO_OK)
        return err == ISO_NOT_FOUND ? ISO_OK : err;
    if (iso_slice_decode(row, &replica->slice, NULL) == ISO_OK)
        return ISO_OK;
    return iso_fail(why, ISO_DAMAGED,
                    "the state of slice %" PRIu32
                    " of %s in the store fails its check: the daemon of this region "
                    "must build its store anew",
                    look->partition, look->collection->name);
}

static enum iso_err newest_find(struct asking *asking)
{
    if (asking->newest != NULL)
        return ISO_OK;
    return iso_replica_definition(asking->replica, asking->look->collection->name,
                                  &asking->newest, asking->why);
}

/* The end of a log that was closed; INT64_MAX: it is open, or not known here. */
static enum iso_err log_end(struct asking *asking, uint16_t number, int64_t *end)
{
    enum iso_err err = newest_find(asking);
    if (err != ISO_OK)
        return err;
    const struct iso_definition_log *log = iso_definition_log(asking->newest, number);
    bool closed = log != NULL && log->ends != NULL;
    *end = closed ? log->ends[asking->look->partition] : INT64_MAX;
    return ISO_OK;
}

/* ---- one item ---- */

/* Whether a write of that node and seq was admitted, or will not be any more because
 * later ones closed its gap. */
#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

static enum iso_err filter_load(struct asking *asking, uint16_t log, uint64_t node,
                                struct iso_filter *filter)
{
    struct iso_bytes row;
    const struct iso_replica_look *look = asking->look;
    struct iso_buf *key = &asking->replica->key;
    filter->count = 0;
    iso_rows_key_filter(key, look->number, look->partition, log, node);
    enum iso_err err = iso_snapshot_get(look->snapshot, ISO_FILTER, iso_buf_bytes(key),
                                        &row, asking->why);
    if (err == ISO_OK)
        return iso_filter_decode(row, filter, asking->why);
    return err == ISO_NOT_FOUND ? ISO_OK : err;
}

static enum iso_err filter_has(struct asking *asking, const struct iso_token_item *item,
                               bool *has)
{
    struct iso_filter filter;
    enum iso_err err = filter_load(asking, item->log.number, item->node, &filter);
    *has = false;
    for (size_t i = 0; err == ISO_OK && i < filter.count && !*has; i++)
        *has = filter.intervals[i].first <= item->seq &&
               item->seq <= filter.intervals[i].last;
    return err;
}

static bool is_writer(const struct iso_definition_log *log, unsigned region)
{
    return region >= 1 && region <= ISO_REGION_MAX &&
           (log->writers >> (region - 1) & 1) != 0;
}

static bool log_is_over(const struct asking *asking,
                        const struct iso_definition_log *log)
{
    const struct iso_slice_log *row =
        iso_slice_log(&asking->replica->slice, log->number);
    return log->ends != NULL &&
           (row != NULL ? row->frontier : 0) >= log->ends[asking->look->partition];
}

/* Has the floor passed the pending write? Then no log can bring it any more, neither
 * its own nor one that it moves to, nor one that nobody here has heard of yet: none is
 * opened below the floor. (No log is open: nothing comes.) */
static bool floor_passed(const struct asking *asking, const struct iso_token_item *item)
{
    const struct iso_definition *newest = asking->newest;
    for (size_t i = 0; i < newest->log_count; i++) {
        const struct iso_definition_log *log = &newest->logs[i];
        const struct iso_slice_log *row =
            iso_slice_log(&asking->replica->slice, log->number);
        int64_t bound_ms = row != NULL ? row->bound_ms : iso_hlc_ms(log->birth);
        if (!log_is_over(asking, log) && iso_hlc_ms(item->value) >= bound_ms)
            return false;
    }
    return true;
}

/* A pending write that its log does not hold when that is at its end goes into another
 * that its region writes, if it is not refused: as the same version, and in its order
 * among the node's. (One that succeeds the log, or one that was open beside it.) So it
 * is met where the node has come so far, or when its region goes on nowhere. */
static enum iso_err moved_met(struct asking *asking, const struct iso_token_item *item,
                              bool *met)
{
    const struct iso_definition *newest = asking->newest;
    struct iso_filter filter;
    enum iso_err err = ISO_OK;
    bool goes_on = false;
    for (size_t i = 0; err == ISO_OK && !*met && i < newest->log_count; i++) {
        const struct iso_definition_log *log = &newest->logs[i];
        if (!is_writer(log, iso_node_region(item->node)))
            continue;
        goes_on |= !log_is_over(asking, log);
        err = filter_load(asking, log->number, item->node, &filter);
        *met = err == ISO_OK && iso_filter_newest(&filter) >= item->value;
    }
    *met |= err == ISO_OK && !goes_on;
    return err;
}

/* `log`: as the slice has it; NULL: it has not heard of it yet. */
static enum iso_err item_met(struct asking *asking, const struct iso_slice_log *log,
                             const struct iso_token_item *item, bool *met)
{
    *met = false;
    if (log == NULL)
        return ISO_OK;
    if (item->seq == 0 || ISO_PLANTED(what_is_pending_is_met)) {
        *met = item->seq > 0 || log->frontier >= (int64_t)item->value;
        return ISO_OK;
    }
    enum iso_err err = filter_has(asking, item, met);
    if (err == ISO_OK && !*met && iso_hlc_ms(item->value) < log->bound_ms) {
        err = newest_find(asking);
        *met = err == ISO_OK && floor_passed(asking, item);
    }
    return err;
}

static enum iso_err item_records(struct asking *asking, const struct iso_slice_log *log,
                                 const struct iso_token_item *item, uint64_t *records)
{
    bool met;
    int64_t end = INT64_MAX, frontier = log != NULL ? log->frontier : 0;
    *records = 0;
    enum iso_err err = item_met(asking, log, item, &met);
    if (err == ISO_OK && !met)
        err = log_end(asking, item->log.number, &end);
    if (err != ISO_OK || met)
        return err;
    if (frontier >= end) {
        if (item->seq > 0)
            err = moved_met(asking, item, &met);
        met = met || (item->seq > 0 && floor_passed(asking, item));
        *records = item->seq > 0 && !met;
        return err;
    }
    int64_t next = item->seq > 0 ? frontier + 1 : (int64_t)item->value;
    *records = (uint64_t)((next < end ? next : end) - frontier);
    return ISO_OK;
}

/* ---- all of them ---- */

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Items of a log stand together, so its lack is the last one. */
static void lack_add(struct asking *asking, uint16_t log, uint64_t records)
{
    if (records == 0)
        return;
    asking->total = add_capped(asking->total, records);
    if (asking->log_count == 0 || asking->log_last != log) {
        if (asking->log_count < LACKS_TOLD)
            asking->lacks[asking->log_count] = (struct lack){.log = log};
        asking->log_count++;
        asking->log_last = log;
    }
    if (asking->log_count <= LACKS_TOLD) {
        struct lack *lack = &asking->lacks[asking->log_count - 1];
        lack->records = add_capped(lack->records, records);
    }
}

static enum iso_err other_birth(const struct asking *asking,
                                const struct iso_token_item *item)
{
    return iso_fail(asking->why, ISO_BAD_DATA,
                    "the token is of another installation: log %u of %s was born at "
                    "another time there; begin a new session",
                    item->log.number, item->log.collection);
}

static enum iso_err missing_find(struct asking *asking)
{
    struct iso_replica *replica = asking->replica;
    const struct iso_replica_look *look = asking->look;
    for (size_t i = 0; i < replica->token.count; i++) {
        const struct iso_token_item *item = &replica->token.items[i];
        if (item->partition != look->partition ||
            strcmp(item->log.collection, look->collection->name) != 0)
            continue;
        const struct iso_slice_log *log =
            iso_slice_log(&replica->slice, item->log.number);
        if (log != NULL && log->birth != item->log.birth)
            return other_birth(asking, item);
        uint64_t records;
        enum iso_err err = item_records(asking, log, item, &records);
        if (err != ISO_OK)
            return err;
        lack_add(asking, item->log.number, records);
    }
    return ISO_OK;
}

/* "3 records of log 1 (packages-eu), 1 of log 2 (packages-us)" */
static void lacks_text(struct asking *asking, struct iso_buf *text)
{
    bool named = newest_find(asking) == ISO_OK;
    for (size_t i = 0; i < asking->log_count && i < LACKS_TOLD; i++) {
        const struct lack *lack = &asking->lacks[i];
        const struct iso_definition_log *log =
            named ? iso_definition_log(asking->newest, lack->log) : NULL;
        iso_buf_print(text, "%s%" PRIu64 "%s of log %u", i == 0 ? "" : ", ",
                      lack->records,
                      i > 0                ? ""
                      : lack->records == 1 ? " record"
                                           : " records",
                      lack->log);
        if (log != NULL)
            iso_buf_print(text, " (%.80s)", log->topic);
    }
    if (asking->log_count > LACKS_TOLD)
        iso_buf_print(text, " and some of %zu more", asking->log_count - LACKS_TOLD);
}

static enum iso_err stale(struct asking *asking, const struct iso_read_options *options)
{
    struct iso_buf text = {0};
    lacks_text(asking, &text);
    bool waited = options->stale == ISO_STALE_WAIT;
    enum iso_err err = iso_fail(
        asking->why, ISO_STALE,
        "region %s is behind what this session has seen or written, by up to %s%s: %s, "
        "or take the value as it is there, marked as stale",
        asking->replica->owner.region, iso_buf_text(&text),
        waited ? ", and the wait is over" : "",
        waited ? "see how far behind it is (isostasy lag), wait longer"
               : "wait for it");
    iso_buf_release(&text);
    return err;
}

/* ---- what replica.c asks for ---- */

/* One look: ISO_STALE, without a sentence, when something is missing. */
static enum iso_err look_open(struct asking *asking, struct iso_replica_look *look)
{
    struct iso_replica *replica = asking->replica;
    struct iso_why *why = asking->why;
    asking->log_count = 0;
    asking->total = 0;
    asking->newest = NULL;
    enum iso_err err =
        iso_snapshot_open(replica->stores[look->shard], &look->snapshot, why);
    if (err != ISO_OK)
        return err;
    err = iso_replica_number(replica, look->collection, look->shard, look->snapshot,
                             &look->number, why);
    if (err == ISO_OK)
        err = slice_load(replica, look, why);
    if (err == ISO_OK)
        err = missing_find(asking);
    if (err == ISO_OK && asking->total > 0)
        err = ISO_STALE;
    if (err != ISO_OK && err != ISO_STALE)
        iso_snapshot_close(look->snapshot);
    return err;
}

enum iso_err iso_replica_look_open(struct iso_replica *replica,
                                   struct iso_replica_look *look,
                                   const struct iso_read_options *options,
                                   struct iso_read *read, struct iso_why *why)
{
    struct asking asking = {.replica = replica, .look = look, .why = why};
    const struct iso_clock *clock = &iso_clock_machine; /* the wait is the machine's */
    int64_t until_ms = options->stale == ISO_STALE_WAIT
                           ? iso_steady_ms(clock) + options->timeout_ms
                           : INT64_MIN;
    for (int pause_ms = PAUSE_FIRST_MS;; pause_ms = 2 * pause_ms) {
        enum iso_err err = look_open(&asking, look);
        read->stale = err == ISO_STALE;
        read->missing = asking.total;
        if (err == ISO_OK)
            return err;
        if (err == ISO_STALE && options->stale == ISO_STALE_MARK)
            return ISO_OK;
        if (err != ISO_STALE)
            return err;
        iso_snapshot_close(look->snapshot);
        if (iso_steady_ms(clock) >= until_ms)
            return stale(&asking, options);
        int64_t left_ms = until_ms - iso_steady_ms(clock);
        if (pause_ms > PAUSE_MAX_MS)
            pause_ms = PAUSE_MAX_MS;
        poll(NULL, 0, left_ms < pause_ms ? (int)left_ms : pause_ms);
    }
}

/* Pending writes of the slice, which were all met. */
static void pending_drop(struct iso_token *token, const struct iso_replica_look *look)
{
    size_t kept = 0;
    for (size_t i = 0; i < token->count; i++) {
        const struct iso_token_item *item = &token->items[i];
        bool met = item->seq > 0 && item->partition == look->partition &&
                   strcmp(item->log.collection, look->collection->name) == 0;
        if (!met)
            token->items[kept++] = *item;
    }
    token->count = kept;
}

enum iso_err iso_replica_token_grow(struct iso_replica *replica,
                                    const struct iso_replica_look *look, bool fresh,
                                    struct iso_bytes context, struct iso_why *why)
{
    struct iso_token *token = &replica->token;
    struct iso_token_item item = {.partition = look->partition};
    memcpy(item.log.collection, look->collection->name, sizeof item.log.collection);
    iso_token_observe(token, iso_context_hlc(context));
    for (size_t i = 0; i < replica->slice.log_count; i++) {
        const struct iso_slice_log *log = &replica->slice.logs[i];
        if (log->frontier <= 0)
            continue;
        item.log.number = log->log;
        item.log.birth = log->birth;
        item.value = (uint64_t)log->frontier;
        enum iso_err err = iso_token_add(token, &item, why);
        if (err != ISO_OK)
            return err;
    }
    if (fresh)
        pending_drop(token, look);
    return ISO_OK;
}
