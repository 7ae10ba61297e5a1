/* One pass over borrowed bytes: every field is read whatever came before (a cursor that
 * failed reads zeros), then it is asked once whether all went well, then the ranges are
 * checked. A header decodes here exactly when write.avsc's walk (avro_walk.c) takes it
 * and its numbers are in range; a test holds the two together.
 *
 *   01 | operation | log | partition | hlc 8 | node 8 | seq | read | expiry |
 * extensions */
#include "schema/write.h"

#include <inttypes.h>

#include "schema/names.h"

enum { HEADER_FORMAT = 1, OPERATIONS = ISO_DEFINE + 1 };
enum { READ_NULL, READ_ARRAY, READ_BRANCHES };
enum { EXTENSION_SEEN = 1 };
enum { EXPIRY_NULL, EXPIRY_LONG, EXPIRY_BRANCHES };

/* The years 1970 to 6429, so that no sum of a time and a limit can wrap. */
#define MS_MAX ((INT64_C(1) << 47) - 1)
#define HLC_MAX INT64_MAX

const char *iso_operation_name(enum iso_operation operation)
{
    static const char *const names[OPERATIONS] = {
        [ISO_PUT] = "put",       [ISO_PATCH] = "patch",
        [ISO_DELETE] = "delete", [ISO_HEARTBEAT] = "heartbeat",
        [ISO_DEFINE] = "define",
    };
    return (unsigned)operation < OPERATIONS ? names[operation] : "unknown";
}

/* What a header says before its numbers are judged. */
struct write_raw {
    int32_t log, partition;
    int64_t seq;
    bool extension_negative;
    bool has_seen, has_seen_twice;
};

static void extension_take(int32_t number, struct iso_bytes bytes,
                           struct iso_write *write, struct write_raw *raw)
{
    if (number == EXTENSION_SEEN) {
        raw->has_seen_twice = raw->has_seen;
        raw->has_seen = true;
        write->seen = bytes;
        return;
    }
    raw->extension_negative = raw->extension_negative || number < 0;
    uint32_t *unknown = &write->extension_unknown;
    if (number > 0 && number % 2 == 1 && (*unknown == 0 || (uint32_t)number < *unknown))
        *unknown = (uint32_t)number;
}

static void extensions_read(struct iso_avro_cursor *cursor, struct iso_write *write,
                            struct write_raw *raw)
{
    const uint8_t *end;
    size_t items;
    while ((items = iso_avro_block_sized(cursor, ISO_AVRO_ITEMS_MAX, &end)) > 0) {
        for (; items > 0 && !cursor->failed; items--) {
            int32_t number = iso_avro_int(cursor);
            extension_take(number, iso_avro_bytes(cursor), write, raw);
        }
        if (end != NULL && cursor->at != end)
            iso_avro_fail(cursor);
    }
}

/* Versions in one block are borrowed where they stand; in several, they are gathered.
 */
static struct iso_names names_read(struct iso_avro_cursor *cursor,
                                   struct iso_buf *scratch)
{
    size_t at = 0;
    iso_buf_clear(scratch);
    /* No header has room for more versions than this. */
    struct iso_names names =
        iso_names_read(cursor, ISO_HEADER_MAX / ISO_VERSION_SIZE, scratch);
    iso_names_settle(&names, scratch, &at);
    return names;
}

static void write_read(struct iso_avro_cursor *cursor, struct iso_buf *scratch,
                       struct iso_write *write, struct write_raw *raw)
{
    write->operation = (enum iso_operation)iso_avro_branch(cursor, OPERATIONS);
    raw->log = iso_avro_int(cursor);
    raw->partition = iso_avro_int(cursor);
    const uint8_t *version = iso_avro_fixed(cursor, ISO_VERSION_SIZE);
    if (version != NULL)
        write->version = iso_version_get(version);
    raw->seq = iso_avro_long(cursor);
    write->blind = iso_avro_branch(cursor, READ_BRANCHES) == READ_NULL;
    if (!write->blind)
        write->read = names_read(cursor, scratch);
    write->has_expiry = iso_avro_branch(cursor, EXPIRY_BRANCHES) == EXPIRY_LONG;
    if (write->has_expiry)
        write->expiry_ms = iso_avro_long(cursor);
    extensions_read(cursor, write, raw);
}

static enum iso_err range_fail(struct iso_why *why, const char *field, int64_t value,
                               int64_t least, int64_t most)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "%s %" PRId64 " is not within %" PRId64 "..%" PRId64, field, value,
                    least, most);
}

enum iso_err iso_write_check(const struct iso_write *write, struct iso_why *why)
{
    int64_t region = iso_node_region(write->version.node);
    if (write->log < 1 || write->log > ISO_LOG_MAX)
        return range_fail(why, "log", write->log, 1, ISO_LOG_MAX);
    if (write->partition >= ISO_PARTITIONS_MAX)
        return range_fail(why, "partition", write->partition, 0,
                          ISO_PARTITIONS_MAX - 1);
    if (region < 1 || region > ISO_REGION_MAX)
        return range_fail(why, "region", region, 1, ISO_REGION_MAX);
    if (write->version.hlc < 1 || write->version.hlc > HLC_MAX)
        return range_fail(why, "hlc", (int64_t)write->version.hlc, 1, HLC_MAX);
    if (write->seq < 1 || write->seq > INT64_MAX)
        return range_fail(why, "seq", (int64_t)write->seq, 1, INT64_MAX);
    if (write->has_expiry && (write->expiry_ms < 0 || write->expiry_ms > MS_MAX))
        return range_fail(why, "expiry (Unix milliseconds)", write->expiry_ms, 0,
                          MS_MAX);
    if (!write->blind && write->read.count > ISO_READ_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "%zu versions that were read are named, more than %d: read the "
                        "key again and write with the new context",
                        write->read.count, (int)ISO_READ_MAX);
    if (write->seen.size > 0 && write->operation != ISO_DELETE)
        return iso_fail(why, ISO_BAD_DATA,
                        "what was read stands in extension 1 of a %s: that is a "
                        "delete's, a patch names it in its steps",
                        iso_operation_name(write->operation));
    size_t names_size = write->blind ? 0 : write->read.count * ISO_VERSION_SIZE;
    if (write->seen.size + names_size > ISO_WRITE_SEEN_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "a delete names what was read in %zu bytes, more than %d: "
                        "remove parts of the record first, or delete without a context",
                        write->seen.size + names_size, (int)ISO_WRITE_SEEN_MAX);
    return ISO_OK;
}

static enum iso_err raw_check(const struct write_raw *raw, enum iso_operation operation,
                              struct iso_why *why)
{
    if (raw->log < 1 || raw->log > ISO_LOG_MAX)
        return range_fail(why, "log", raw->log, 1, ISO_LOG_MAX);
    if (raw->partition < 0)
        return range_fail(why, "partition", raw->partition, 0, ISO_PARTITIONS_MAX - 1);
    if (raw->seq < 1)
        return range_fail(why, "seq", raw->seq, 1, INT64_MAX);
    if (raw->extension_negative)
        return iso_fail(why, ISO_BAD_DATA, "the number of an extension is negative");
    if (raw->has_seen_twice || (raw->has_seen && operation != ISO_DELETE))
        return iso_fail(why, ISO_BAD_DATA, "extension 1 stands in a %s%s",
                        iso_operation_name(operation),
                        raw->has_seen_twice ? " twice" : ", which names nothing there");
    return ISO_OK;
}

static enum iso_err decode_fail(struct iso_bytes header, struct iso_avro_cursor cursor,
                                struct iso_why *why)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "the iso header of %zu bytes is wrong at byte %zu (%s): write with "
                    "isostasy's producer",
                    header.size, (size_t)(cursor.at - header.data),
                    cursor.failed ? "it does not decode" : "bytes are left over");
}

enum iso_err iso_write_decode(struct iso_bytes header, struct iso_buf *scratch,
                              struct iso_write *write, struct iso_why *why)
{
    *write = (struct iso_write){0};
    if (header.size > ISO_HEADER_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "the iso header has %zu bytes, more than %d: name fewer "
                        "versions in it",
                        header.size, (int)ISO_HEADER_MAX);
    if (header.size == 0 || header.data[0] != HEADER_FORMAT)
        return iso_fail(
            why, ISO_BAD_DATA,
            "the iso header does not begin with the byte 01, the only "
            "format that is known here: was it written by a newer isostasy?");
    struct iso_avro_cursor cursor =
        iso_avro_read(iso_bytes(header.data + 1, header.size - 1));
    struct write_raw raw = {0};
    write_read(&cursor, scratch, write, &raw);
    if (!iso_avro_done(&cursor))
        return decode_fail(header, cursor, why);
    enum iso_err err = raw_check(&raw, write->operation, why);
    write->log = (uint16_t)raw.log;
    write->partition = (uint32_t)raw.partition;
    write->seq = (uint64_t)raw.seq;
    if (err == ISO_OK)
        err = iso_write_check(write, why);
    if (err != ISO_OK)
        return iso_fail_at(why, err,
                           "the iso header is out of range (write with isostasy's "
                           "producer)");
    return ISO_OK;
}

/* The hot path of every producer: room is made once, and nothing below can fail. */
void iso_write_encode(const struct iso_write *write, struct iso_buf *header)
{
    size_t names_size = write->blind ? 0 : write->read.count * ISO_VERSION_SIZE;
    iso_buf_reserve(header, ISO_HEADER_BLIND_MAX + names_size + write->seen.size);
    uint8_t *at = header->data + header->size;
    *at++ = HEADER_FORMAT;
    at = iso_avro_put_long(at, (int64_t)write->operation);
    at = iso_avro_put_long(at, write->log);
    at = iso_avro_put_long(at, write->partition);
    iso_version_put(at, write->version);
    at = iso_avro_put_long(at + ISO_VERSION_SIZE, (int64_t)write->seq);
    at = iso_avro_put_long(at, write->blind ? READ_NULL : READ_ARRAY);
    if (names_size > 0) {
        at = iso_avro_put_long(at, (int64_t)write->read.count);
        memcpy(at, write->read.data, names_size);
        at += names_size;
    }
    if (!write->blind)
        at = iso_avro_put_long(at, 0); /* the array's end */
    at = iso_avro_put_long(at, write->has_expiry ? EXPIRY_LONG : EXPIRY_NULL);
    if (write->has_expiry)
        at = iso_avro_put_long(at, write->expiry_ms);
    if (write->seen.size > 0) {
        at = iso_avro_put_long(at, 1); /* one extension */
        at = iso_avro_put_long(at, EXTENSION_SEEN);
        at = iso_avro_put_long(at, (int64_t)write->seen.size);
        memcpy(at, write->seen.data, write->seen.size);
        at += write->seen.size;
    }
    at = iso_avro_put_long(at, 0);
    header->size = (size_t)(at - header->data);
}
