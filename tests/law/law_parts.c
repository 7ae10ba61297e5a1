/* Rows of parts are decoded by the library's own code: what it keeps is under the law,
 * how it keeps it is under unit tests. */
#include "tests/law/law_parts.h"

#include <inttypes.h>

static struct iso_parts *row_open(struct iso_bytes key, struct iso_bytes row)
{
    static _Thread_local struct iso_parts parts; /* keeps its buffers warm */
    enum iso_parts_format format =
        row.size > 0 ? (enum iso_parts_format)row.data[0] : ISO_PARTS_FIELDS;
    enum iso_err err = iso_parts_decode(row, key, format, &parts, NULL);
    iso_assert(err == ISO_OK);
    return &parts;
}

struct iso_tally law_parts_row_tally(struct iso_bytes key, struct iso_bytes row,
                                     uint32_t *rows)
{
    static _Thread_local struct iso_buf scratch;
    struct iso_tally tally = {0};
    *rows = 0;
    if (row.size == 0)
        return tally;
    struct iso_parts *parts = row_open(key, row);
    *rows = parts->losers;
    iso_parts_tally(parts, key, &scratch, &tally);
    return tally;
}

bool law_held_is_swept(const struct iso_held *held, int64_t swept_ms)
{
    return iso_hlc_ms(held->version.hlc) < swept_ms &&
           (held->kind == ISO_TOMBSTONE ||
            (held->kind == ISO_EXPIRING && held->expiry_ms < swept_ms));
}

void law_part_hold(struct law_expected *expected, struct iso_part *part,
                   const struct iso_held *held)
{
    struct iso_held *values = iso_arena_take(&expected->parts.arena,
                                             (part->value_count + 1) * sizeof *values);
    size_t at = 0;
    while (at < part->value_count &&
           iso_version_compare(part->values[at].version, held->version) < 0)
        at++;
    if (at > 0)
        memcpy(values, part->values, at * sizeof *values);
    values[at] = *held;
    if (at < part->value_count)
        memcpy(values + at + 1, part->values + at,
               (part->value_count - at) * sizeof *values);
    part->values = values;
    part->value_count++;
}

void law_parts_tally(struct law_expected *expected, struct iso_bytes key)
{
    static _Thread_local struct iso_buf scratch;
    iso_parts_settle(&expected->parts);
    iso_parts_tally(&expected->parts, key, &scratch, &expected->tally);
}

/* ---- for people */

static void version_print(struct iso_version version, struct iso_buf *text)
{
    uint8_t name[ISO_VERSION_SIZE];
    iso_version_put(name, version);
    law_names_print((struct iso_names){name, 1}, text);
}

static void sums_print(const char *what, const struct iso_sum *sums, size_t count,
                       struct iso_buf *text)
{
    for (size_t n = 0; n < count; n++)
        iso_buf_print(text, " %s %u/%u to %" PRId64 ": %" PRId64, what,
                      (unsigned)sums[n].log, (unsigned)sums[n].region, sums[n].next,
                      sums[n].sum);
}

static void part_print(const struct iso_part *part, struct iso_buf *text)
{
    static const char *const kinds[] = {"", " (removed)", " (expires)"};
    struct iso_path path;
    iso_buf_print(text, "    ");
    if (iso_path_decode(part->path, &path))
        iso_path_text(&path, text);
    for (size_t n = 0; n < part->value_count; n++) {
        version_print(part->values[n].version, text);
        iso_buf_print(text, "%s", kinds[part->values[n].kind]);
    }
    if (part->has_clear) {
        iso_buf_print(text, " cleared");
        version_print(part->clear, text);
    }
    sums_print("sum", part->sums, part->sum_count, text);
    sums_print("base", part->bases, part->base_count, text);
    if (part->names.count > 0)
        iso_buf_print(text, " remembers");
    law_names_print(part->names, text);
    iso_buf_print(text, "\n");
}

static void parts_print(const char *what, const struct iso_parts *parts,
                        struct iso_buf *text)
{
    iso_buf_print(text, "  %s:", what);
    if (parts->has_delete) {
        iso_buf_print(text, " deleted");
        version_print(parts->deleted.version, text);
    }
    iso_buf_print(text, "\n");
    for (size_t n = 0; n < parts->count; n++)
        part_print(&parts->parts[n], text);
}

void law_parts_print(const struct law_expected *expected, struct iso_bytes key,
                     struct iso_bytes row, struct iso_buf *text)
{
    parts_print("expected", &expected->parts, text);
    if (row.size > 0)
        parts_print("held", row_open(key, row), text);
}
