/* A report is text and numbers around a slice, which has its own code and check
 * (slice.c). Only decoding can fail; anybody may have written to the status topic. */
#include "schema/report.h"

#include "schema/bounded.h"

enum { EXTENSION_HEALTH = 2, EXTENSION_DIVERGED = 4 };

const char *iso_slice_state_name(enum iso_slice_state state)
{
    switch (state) {
    case ISO_SLICE_APPLYING:
        return "applying";
    case ISO_SLICE_WAITING:
        return "waiting";
    case ISO_SLICE_PARKED:
        return "parked";
    case ISO_SLICE_STOPPED:
        return "stopped";
    case ISO_SLICE_CLOSED:
        return "closed";
    }
    return "unknown";
}

void iso_report_release(struct iso_report *report)
{
    iso_slice_release(&report->slice);
    iso_health_release(&report->health);
    *report = (struct iso_report){0};
}

void iso_report_key(const struct iso_report *report, struct iso_buf *key)
{
    iso_buf_print(key, "%s/", report->region);
    iso_hex_encode(key, iso_bytes(report->store, sizeof report->store));
    iso_buf_print(key, "/%s/%u", report->collection, report->slice.partition);
}

static void extensions_encode(const struct iso_report *report, struct iso_buf *value)
{
    bool has_diverged = report->diverged.log != 0;
    if (report->has_health || has_diverged)
        iso_avro_add_long(value, report->has_health + has_diverged);
    if (report->has_health) {
        struct iso_buf bytes = {0};
        iso_health_encode(&report->health, &bytes);
        iso_avro_add_long(value, EXTENSION_HEALTH);
        iso_avro_add_bytes(value, iso_buf_bytes(&bytes));
        iso_buf_release(&bytes);
    }
    if (has_diverged) {
        uint8_t bytes[3 * ISO_AVRO_LONG_MAX];
        uint8_t *end = iso_avro_put_long(bytes, report->diverged.log);
        end = iso_avro_put_long(end, report->diverged.equal);
        end = iso_avro_put_long(end, report->diverged.differs);
        iso_avro_add_long(value, EXTENSION_DIVERGED);
        iso_avro_add_bytes(value, iso_bytes(bytes, (size_t)(end - bytes)));
    }
    iso_bounded_add_no_extensions(value); /* the end */
}

void iso_report_encode(const struct iso_report *report, struct iso_buf *value)
{
    iso_avro_add_text(value, report->region);
    iso_avro_add_long(value, report->region_number);
    iso_buf_add(value, report->store, sizeof report->store);
    iso_avro_add_text(value, report->collection);
    iso_avro_add_long(value, report->definition);
    iso_avro_add_long(value, report->at_ms);
    iso_avro_add_long(value, report->state);
    iso_bounded_add_text(value, iso_bytes_text(report->why));
    iso_bounded_add_text(value, iso_bytes_text(report->software));
    iso_slice_encode(&report->slice, value);
    extensions_encode(report, value);
}

static void report_head_read(struct iso_avro_cursor *cursor, struct iso_report *report)
{
    iso_bounded_text(cursor, report->region, sizeof report->region);
    report->region_number = (uint8_t)iso_bounded_long(cursor, 1, ISO_REGION_MAX);
    iso_bounded_fixed(cursor, report->store, sizeof report->store);
    iso_bounded_text(cursor, report->collection, sizeof report->collection);
    report->definition = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    report->at_ms = iso_avro_long(cursor);
    report->state = (enum iso_slice_state)iso_avro_branch(cursor, ISO_SLICE_CLOSED + 1);
    iso_bounded_text(cursor, report->why, sizeof report->why);
    iso_bounded_text(cursor, report->software, sizeof report->software);
    if (!iso_region_name_valid(report->region) ||
        !iso_collection_name_valid(report->collection))
        iso_bounded_fail(cursor);
}

static void diverged_read(struct iso_avro_cursor *cursor, struct iso_bytes bytes,
                          struct iso_diverged *diverged)
{
    struct iso_avro_cursor inner = iso_avro_read(bytes);
    bool said = diverged->log != 0;
    diverged->log = (uint16_t)iso_bounded_long(&inner, 1, ISO_LOG_MAX);
    diverged->equal = iso_bounded_long(&inner, -1, INT64_MAX);
    diverged->differs = iso_bounded_long(&inner, 0, INT64_MAX);
    if (said || !iso_avro_done(&inner))
        iso_bounded_fail(cursor);
}

static void extensions_read(struct iso_avro_cursor *cursor, struct iso_report *report)
{
    struct iso_extensions extensions = iso_extensions();
    report->has_health = false;
    report->diverged = (struct iso_diverged){0};
    while (iso_extensions_next(cursor, &extensions)) {
        if (extensions.number == EXTENSION_DIVERGED) {
            diverged_read(cursor, extensions.bytes, &report->diverged);
        } else if (extensions.number != EXTENSION_HEALTH) {
            iso_extensions_pass(&extensions);
        } else {
            if (report->has_health ||
                iso_health_decode(extensions.bytes, &report->health, NULL) != ISO_OK)
                iso_bounded_fail(cursor);
            report->has_health = true;
        }
    }
    if (extensions.unknown != 0)
        iso_bounded_fail(cursor);
}

static enum iso_err report_read(struct iso_bytes value, struct iso_report *report,
                                struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(value);
    report_head_read(&cursor, report);
    if (!cursor.failed) {
        enum iso_err err = iso_slice_read(&cursor, &report->slice, why);
        if (err != ISO_OK)
            return err;
    }
    extensions_read(&cursor, report);
    if (iso_avro_done(&cursor))
        return ISO_OK;
    return iso_fail(
        why, ISO_BAD_DATA,
        "a report of %zu bytes does not decode at its byte %zu: it is damaged, "
        "or its daemon is of a newer version; upgrade the monitor first",
        value.size, value.size == 0 ? 0 : (size_t)(cursor.at - value.data));
}

enum iso_err iso_report_decode(struct iso_bytes value, struct iso_report *report,
                               struct iso_why *why)
{
    enum iso_err err = report_read(value, report, why);
    if (err != ISO_OK)
        iso_report_release(report);
    return err;
}
