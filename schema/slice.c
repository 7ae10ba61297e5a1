/* Logs and sources are sorted arrays with room to spare; a log beyond the count keeps
 * its array of sources, so that decoding again into the same slice allocates nothing.
 *
 * Only decoding can fail. It asks the cursor once, at its end (bounded.h), then
 * compares the check, so a row that the disk changed is ISO_DAMAGED or ISO_BAD_DATA,
 * and never a slice that stands somewhere else. */
#include "schema/slice.h"

#include "base/mem.h"
#include "schema/bounded.h"
#include "schema/write.h"

static void slice_clear(struct iso_slice *slice)
{
    struct iso_slice empty = {
        .logs = slice->logs, .log_room = slice->log_room, .vector = slice->vector};
    if (empty.log_room < slice->log_count)
        empty.log_room = slice->log_count;
    empty.vector.count = 0;
    *slice = empty;
}

void iso_slice_release(struct iso_slice *slice)
{
    slice_clear(slice);
    for (size_t i = 0; i < slice->log_room; i++)
        iso_free(slice->logs[i].sources);
    iso_free(slice->logs);
    iso_vector_release(&slice->vector);
    *slice = (struct iso_slice){0};
}

/* The first log whose number is not below `number`. */
static size_t slice_log_place(const struct iso_slice *slice, uint16_t number)
{
    size_t low = 0, high = slice->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice->logs[middle].log < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct iso_slice_log *iso_slice_log(struct iso_slice *slice, uint16_t number)
{
    size_t place = slice_log_place(slice, number);
    if (place < slice->log_count && slice->logs[place].log == number)
        return &slice->logs[place];
    return NULL;
}

static void slice_logs_grow(struct iso_slice *slice)
{
    size_t room = slice->log_count < 2 ? 4 : slice->log_count * 2;
    slice->logs = iso_realloc(slice->logs, room * sizeof slice->logs[0]);
    memset(slice->logs + slice->log_count, 0,
           (room - slice->log_count) * sizeof slice->logs[0]);
    slice->log_room = room;
}

struct iso_slice_log *iso_slice_log_add(struct iso_slice *slice, uint16_t number)
{
    struct iso_slice_log *log = iso_slice_log(slice, number);
    if (log != NULL)
        return log;
    if (slice->log_count >= slice->log_room)
        slice_logs_grow(slice);
    size_t place = slice_log_place(slice, number);
    log = &slice->logs[place];
    struct iso_slice_log spare = slice->logs[slice->log_count];
    memmove(log + 1, log, (slice->log_count - place) * sizeof *log);
    slice->log_count++;
    *log = (struct iso_slice_log){.log = number,
                                  .t_ms = INT64_MIN,
                                  .record_offset = -1,
                                  .mark_offset = -1,
                                  .sources = spare.sources,
                                  .source_room = spare.source_room};
    return log;
}

struct iso_slice_source *iso_slice_source_add(struct iso_slice_log *log,
                                              uint32_t region)
{
    size_t place = 0; /* at most 65, and nearly always few */
    while (place < log->source_count && log->sources[place].region < region)
        place++;
    if (place < log->source_count && log->sources[place].region == region)
        return &log->sources[place];
    if (log->source_count >= log->source_room) {
        log->source_room = log->source_count < 2 ? 4 : log->source_count * 2;
        log->sources =
            iso_realloc(log->sources, log->source_room * sizeof log->sources[0]);
    }
    struct iso_slice_source *source = &log->sources[place];
    memmove(source + 1, source, (log->source_count - place) * sizeof *source);
    *source = (struct iso_slice_source){.region = region, .offset = -1};
    log->source_count++;
    return source;
}

/* ---- encoding ---- */

static void add_count(struct iso_buf *out, uint64_t count)
{
    iso_assert(count <= INT64_MAX);
    iso_avro_add_long(out, (int64_t)count);
}

static void sources_encode(const struct iso_slice_log *log, struct iso_buf *out)
{
    if (log->source_count > 0)
        add_count(out, log->source_count);
    for (size_t i = 0; i < log->source_count; i++) {
        const struct iso_slice_source *source = &log->sources[i];
        iso_avro_add_long(out, source->region);
        iso_buf_add_u64(out, source->hlc);
        iso_avro_add_long(out, source->offset);
        iso_avro_add_long(out, source->append_ms);
        add_count(out, source->writes);
    }
    iso_avro_add_long(out, 0);
}

static void log_encode(const struct iso_slice_log *log, struct iso_buf *out)
{
    iso_avro_add_long(out, log->log);
    iso_avro_add_long(out, log->definition);
    iso_avro_add_long(out, log->frontier);
    iso_avro_add_long(out, log->t_ms);
    iso_avro_add_long(out, log->bound_ms);
    iso_buf_add_u64(out, log->birth);
    iso_buf_add_u64(out, log->top);
    iso_avro_add_long(out, log->append_ms);
    iso_bounded_add_digest(out, log->prefix);
    iso_avro_add_long(out, log->record_offset);
    iso_avro_add_long(out, log->record_append_ms);
    iso_bounded_add_digest(out, log->record_hash);
    iso_avro_add_long(out, log->mark_offset);
    iso_bounded_add_digest(out, log->mark);
    add_count(out, log->refused);
    add_count(out, log->duplicates);
    sources_encode(log, out);
}

static void vector_encode(const struct iso_vector *vector, struct iso_buf *out)
{
    if (vector->count > 0)
        add_count(out, vector->count);
    for (size_t i = 0; i < vector->count; i++) {
        iso_avro_add_long(out, vector->items[i].log);
        iso_avro_add_long(out, vector->items[i].offset);
    }
    iso_avro_add_long(out, 0);
}

enum { EXTENSION_DROPPED = 2 };

/* Only when something was: most regions never drop anything. */
static void extensions_encode(const struct iso_slice *slice, struct iso_buf *out)
{
    uint8_t bytes[2 * ISO_AVRO_LONG_MAX];
    iso_assert(slice->dropped_bytes <= INT64_MAX);
    if (slice->dropped_rows > 0) {
        uint8_t *end = iso_avro_put_long(bytes, (int64_t)slice->dropped_rows);
        end = iso_avro_put_long(end, (int64_t)slice->dropped_bytes);
        add_count(out, 1);
        iso_avro_add_long(out, EXTENSION_DROPPED);
        iso_avro_add_bytes(out, iso_bytes(bytes, (size_t)(end - bytes)));
    }
    iso_bounded_add_no_extensions(out); /* the end */
}

void iso_slice_encode(const struct iso_slice *slice, struct iso_buf *out)
{
    size_t start = out->size;
    iso_avro_add_long(out, slice->partition);
    iso_buf_add(out, slice->definition_id, sizeof slice->definition_id);
    if (slice->log_count > 0)
        add_count(out, slice->log_count);
    for (size_t i = 0; i < slice->log_count; i++)
        log_encode(&slice->logs[i], out);
    iso_avro_add_long(out, 0);
    vector_encode(&slice->vector, out);
    iso_bounded_add_digest(out, slice->tally.live);
    iso_bounded_add_digest(out, slice->tally.mortal);
    iso_avro_add_long(out, slice->tally.values);
    iso_avro_add_long(out, slice->tally.tombstones);
    iso_avro_add_long(out, slice->tally.expiring);
    iso_avro_add_long(out, slice->swept_min_ms);
    iso_avro_add_long(out, slice->swept_max_ms);
    add_count(out, slice->ledger_rows);
    iso_bounded_add_digest(out, slice->ledger);
    add_count(out, slice->effective);
    add_count(out, slice->alarms);
    add_count(out, slice->gaps);
    extensions_encode(slice, out);
    iso_buf_add_u64(out,
                    iso_hash64(iso_bytes(out->data + start, out->size - start), 0));
}

/* ---- decoding ---- */

static void sources_decode(struct iso_avro_cursor *cursor, struct iso_slice_log *log)
{
    int64_t region_min = 0;
    struct iso_list list = iso_list(ISO_SLICE_SOURCES_MAX);
    while (iso_list_next(cursor, &list)) {
        uint32_t region =
            (uint32_t)iso_bounded_long(cursor, region_min, ISO_REGION_MAX);
        if (cursor->failed)
            return;
        region_min = (int64_t)region + 1;
        struct iso_slice_source *source = iso_slice_source_add(log, region);
        source->hlc = iso_bounded_word(cursor);
        source->offset = iso_bounded_long(cursor, -1, INT64_MAX);
        source->append_ms = iso_avro_long(cursor);
        source->writes = iso_bounded_count(cursor);
    }
}

static void log_decode(struct iso_avro_cursor *cursor, struct iso_slice_log *log)
{
    log->definition = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    log->frontier = iso_bounded_long(cursor, 0, INT64_MAX);
    log->t_ms = iso_avro_long(cursor);
    log->bound_ms = iso_avro_long(cursor);
    log->birth = iso_bounded_word(cursor);
    log->top = iso_bounded_word(cursor);
    log->append_ms = iso_avro_long(cursor);
    log->prefix = iso_bounded_digest(cursor);
    log->record_offset = iso_bounded_long(cursor, -1, INT64_MAX);
    log->record_append_ms = iso_avro_long(cursor);
    log->record_hash = iso_bounded_digest(cursor);
    log->mark_offset = iso_bounded_long(cursor, -1, INT64_MAX);
    log->mark = iso_bounded_digest(cursor);
    log->refused = iso_bounded_count(cursor);
    log->duplicates = iso_bounded_count(cursor);
    sources_decode(cursor, log);
}

static void logs_decode(struct iso_avro_cursor *cursor, struct iso_slice *slice)
{
    int64_t number_min = 1;
    struct iso_list list = iso_list(ISO_SLICE_LOGS_MAX);
    while (iso_list_next(cursor, &list)) {
        uint16_t number = (uint16_t)iso_bounded_long(cursor, number_min, ISO_LOG_MAX);
        if (cursor->failed)
            return;
        number_min = number + 1;
        log_decode(cursor, iso_slice_log_add(slice, number));
    }
}

static void vector_decode(struct iso_avro_cursor *cursor, struct iso_vector *vector)
{
    int64_t number_min = 1;
    struct iso_list list = iso_list(ISO_SLICE_LOGS_MAX);
    while (iso_list_next(cursor, &list)) {
        uint16_t number = (uint16_t)iso_bounded_long(cursor, number_min, ISO_LOG_MAX);
        int64_t offset = iso_bounded_long(cursor, -1, INT64_MAX);
        if (cursor->failed)
            return;
        number_min = number + 1;
        iso_vector_move(vector, number, offset);
    }
}

static void dropped_decode(struct iso_avro_cursor *cursor, struct iso_bytes bytes,
                           struct iso_slice *slice)
{
    struct iso_avro_cursor inner = iso_avro_read(bytes);
    bool said = slice->dropped_rows > 0;
    slice->dropped_rows = iso_bounded_count(&inner);
    slice->dropped_bytes = iso_bounded_count(&inner);
    if (said || slice->dropped_rows == 0 || !iso_avro_done(&inner))
        iso_bounded_fail(cursor);
}

static void extensions_decode(struct iso_avro_cursor *cursor, struct iso_slice *slice)
{
    struct iso_extensions extensions = iso_extensions();
    while (iso_extensions_next(cursor, &extensions)) {
        if (extensions.number == EXTENSION_DROPPED)
            dropped_decode(cursor, extensions.bytes, slice);
        else
            iso_extensions_pass(&extensions);
    }
    if (extensions.unknown != 0)
        iso_bounded_fail(cursor);
}

static void slice_read(struct iso_avro_cursor *cursor, struct iso_slice *slice)
{
    slice->partition = (uint32_t)iso_bounded_long(cursor, 0, ISO_PARTITIONS_MAX - 1);
    iso_bounded_fixed(cursor, slice->definition_id, sizeof slice->definition_id);
    logs_decode(cursor, slice);
    vector_decode(cursor, &slice->vector);
    slice->tally.live = iso_bounded_digest(cursor);
    slice->tally.mortal = iso_bounded_digest(cursor);
    slice->tally.values = iso_avro_long(cursor);
    slice->tally.tombstones = iso_avro_long(cursor);
    slice->tally.expiring = iso_avro_long(cursor);
    slice->swept_min_ms = iso_avro_long(cursor);
    slice->swept_max_ms = iso_avro_long(cursor);
    slice->ledger_rows = iso_bounded_count(cursor);
    slice->ledger = iso_bounded_digest(cursor);
    slice->effective = iso_bounded_count(cursor);
    slice->alarms = iso_bounded_count(cursor);
    slice->gaps = iso_bounded_count(cursor);
    extensions_decode(cursor, slice);
}

enum iso_err iso_slice_read(struct iso_avro_cursor *cursor, struct iso_slice *slice,
                            struct iso_why *why)
{
    slice_clear(slice);
    const uint8_t *start = cursor->at;
    slice_read(cursor, slice);
    struct iso_bytes checked = iso_bytes(start, (size_t)(cursor->at - start));
    uint64_t check = iso_bounded_word(cursor);
    if (cursor->failed) {
        slice_clear(slice);
        return iso_fail(why, ISO_BAD_DATA,
                        "the state of a slice does not decode at its byte %zu: it is "
                        "damaged, or of a newer version of this software",
                        (size_t)(cursor->at - start));
    }
    if (check == iso_hash64(checked, 0))
        return ISO_OK;
    slice_clear(slice);
    return iso_fail(
        why, ISO_DAMAGED,
        "the state of a slice does not match its check: the disk or the store "
        "changed it; seed the region's slice anew");
}

enum iso_err iso_slice_decode(struct iso_bytes bytes, struct iso_slice *slice,
                              struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(bytes);
    enum iso_err err = iso_slice_read(&cursor, slice, why);
    if (err != ISO_OK || iso_avro_done(&cursor))
        return err;
    slice_clear(slice);
    return iso_fail(why, ISO_BAD_DATA, "%zu bytes stand behind the state of a slice",
                    (size_t)(cursor.end - cursor.at));
}
