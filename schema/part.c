/* The row, behind format and check: long losers; boolean, of the DELETE: version, long
 * log, long offset; long count, of each part: bytes path, long rule, and by form
 *
 *   lww, values   long count, values; bytes names
 *   extreme       long count, values; boolean, version of the clear
 *   counter       long count, sums; long count, bases
 *   a value       version, long kind, long expiry (kind 2), long log, long offset,
 *                 fingerprint, and bytes; or, when it stands aside (schema/aside.h),
 *                 long −size, XXH3-128, long number
 *   a sum         long log, long region, long next, long sum
 *
 * The check covers the key and every byte behind it, so a row that passes is one that
 * was written; decoding still trusts no count, since whoever can write a store can also
 * hash. Decoding fails only with ISO_DAMAGED, encoding not at all. */
#include "schema/part.h"

#include "base/mem.h"
#include "schema/aside.h"
#include "schema/avro.h"
#include "schema/runs.h"

enum { ROW_CHECK_AT = 1, ROW_BODY_AT = 9 };
enum { PARTS_CHUNK = 16 << 10 };
enum { VALUE_SIZE_MIN = ISO_VERSION_SIZE + 4 + ISO_FINGERPRINT_SIZE, SUM_SIZE_MIN = 4 };

enum iso_part_form iso_part_form(enum iso_rule rule)
{
    switch (rule) {
    case ISO_RULE_SET:
    case ISO_RULE_FLAG:
        return ISO_FORM_VALUES;
    case ISO_RULE_COUNTER:
        return ISO_FORM_COUNTER;
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
        return ISO_FORM_EXTREME;
    case ISO_RULE_LWW:
    case ISO_RULES:
        break;
    }
    return ISO_FORM_LWW;
}

void iso_parts_release(struct iso_parts *parts)
{
    iso_arena_release(&parts->arena);
    iso_free(parts->parts);
    *parts = (struct iso_parts){0};
}

bool iso_part_holds(const struct iso_part *part)
{
    return part->value_count > 0 || part->has_clear || part->sum_count > 0 ||
           part->base_count > 0;
}

/* ---- parts by path ---- */

_Static_assert(offsetof(struct iso_part, path) == 0, "runs begin with their path");

static struct iso_runs runs_of(const struct iso_parts *parts)
{
    return (struct iso_runs){.things = parts->parts,
                             .size = sizeof *parts->parts,
                             .sorted = parts->sorted,
                             .count = parts->count};
}

bool iso_parts_find(const struct iso_parts *parts, struct iso_bytes path, size_t *at)
{
    struct iso_runs runs = runs_of(parts);
    iso_assert(parts->sorted == parts->count);
    return iso_runs_find(&runs, path, at);
}

/* Behind the others, not yet counted, with its path and nothing else. */
static struct iso_part *part_behind(struct iso_parts *parts, struct iso_bytes path)
{
    struct iso_runs runs = runs_of(parts);
    if (iso_runs_room(&runs) > parts->room) {
        parts->room = 2 * iso_runs_room(&runs) + 8;
        parts->parts = iso_realloc(parts->parts, parts->room * sizeof *parts->parts);
    }
    parts->parts[parts->count] = (struct iso_part){.path = path};
    return &parts->parts[parts->count];
}

struct iso_part *iso_parts_add(struct iso_parts *parts, struct iso_bytes path,
                               enum iso_rule rule)
{
    size_t at;
    struct iso_runs runs = runs_of(parts);
    if (iso_runs_find(&runs, path, &at))
        return &parts->parts[at];
    uint8_t *copy = iso_arena_take(&parts->arena, path.size);
    memcpy(copy, path.data, path.size);
    part_behind(parts, iso_bytes(copy, path.size))->rule = rule;
    runs.things = parts->parts;
    at = iso_runs_add(&runs, at);
    parts->sorted = runs.sorted;
    parts->count = runs.count;
    return &parts->parts[at];
}

void iso_parts_settle(struct iso_parts *parts)
{
    struct iso_runs runs = runs_of(parts);
    iso_runs_settle(&runs);
    parts->sorted = runs.sorted;
}

/* ---- decoding ---- */

static struct iso_version version_read(struct iso_avro_cursor *cursor)
{
    const uint8_t *at = iso_avro_fixed(cursor, ISO_VERSION_SIZE);
    return at != NULL ? iso_version_get(at) : (struct iso_version){0};
}

static int64_t number_read(struct iso_avro_cursor *cursor, int64_t min, int64_t max)
{
    int64_t number = iso_avro_long(cursor);
    if (number >= min && number <= max)
        return number;
    iso_avro_fail(cursor);
    return min;
}

/* How many things of at least `least` bytes follow. */
static size_t count_read(struct iso_avro_cursor *cursor, size_t least)
{
    int64_t count = iso_avro_long(cursor);
    if (count >= 0 && (uint64_t)count <= (size_t)(cursor->end - cursor->at) / least)
        return (size_t)count;
    iso_avro_fail(cursor);
    return 0;
}

static void position_read(struct iso_avro_cursor *cursor, struct iso_held *held)
{
    held->log = (uint16_t)number_read(cursor, 0, UINT16_MAX);
    held->offset = number_read(cursor, 0, INT64_MAX);
}

/* What is large and not aside, or aside and not large, nobody wrote. */
static void data_read(struct iso_avro_cursor *cursor, struct iso_held *held)
{
    int64_t size = number_read(cursor, -(int64_t)UINT32_MAX, ISO_VALUE_ASIDE);
    if (size >= 0) {
        held->value = iso_bytes(iso_avro_fixed(cursor, (size_t)size), (size_t)size);
        if (cursor->failed)
            held->value = (struct iso_bytes){0};
        return;
    }
    const uint8_t *hash = iso_avro_fixed(cursor, ISO_DIGEST_SIZE);
    if (hash == NULL || -size <= ISO_VALUE_ASIDE) {
        iso_avro_fail(cursor);
        return;
    }
    held->value.size = (size_t)-size;
    held->hash = iso_digest_get(hash);
    held->hashed = true;
    held->aside = (uint64_t)number_read(cursor, 1, INT64_MAX);
}

static void value_read(struct iso_avro_cursor *cursor, struct iso_held *held)
{
    *held = (struct iso_held){.version = version_read(cursor)};
    held->kind = (enum iso_entry_kind)number_read(cursor, ISO_VALUE, ISO_EXPIRING);
    if (held->kind == ISO_EXPIRING)
        held->expiry_ms = iso_avro_long(cursor);
    position_read(cursor, held);
    const uint8_t *fingerprint = iso_avro_fixed(cursor, ISO_FINGERPRINT_SIZE);
    if (fingerprint != NULL)
        memcpy(held->fingerprint, fingerprint, ISO_FINGERPRINT_SIZE);
    data_read(cursor, held);
}

static void values_read(struct iso_avro_cursor *cursor, struct iso_arena *arena,
                        struct iso_part *part)
{
    part->value_count = count_read(cursor, VALUE_SIZE_MIN);
    part->values = iso_arena_take(arena, part->value_count * sizeof *part->values);
    for (size_t i = 0; i < part->value_count && !cursor->failed; i++) {
        value_read(cursor, &part->values[i]);
        if (i > 0 && iso_version_compare(part->values[i - 1].version,
                                         part->values[i].version) >= 0)
            iso_avro_fail(cursor);
    }
    if (iso_part_form(part->rule) == ISO_FORM_LWW && part->value_count > 1)
        iso_avro_fail(cursor);
}

static bool is_before(const struct iso_sum *a, const struct iso_sum *b)
{
    return a->log != b->log ? a->log < b->log : a->region < b->region;
}

static struct iso_sum *sums_read(struct iso_avro_cursor *cursor,
                                 struct iso_arena *arena, size_t *count)
{
    *count = count_read(cursor, SUM_SIZE_MIN);
    struct iso_sum *sums = iso_arena_take(arena, *count * sizeof *sums);
    for (size_t i = 0; i < *count && !cursor->failed; i++) {
        sums[i].log = (uint16_t)number_read(cursor, 0, UINT16_MAX);
        sums[i].region = (uint8_t)number_read(cursor, 0, UINT8_MAX);
        sums[i].next = iso_avro_long(cursor);
        sums[i].sum = iso_avro_long(cursor);
        if (i > 0 && !is_before(&sums[i - 1], &sums[i]))
            iso_avro_fail(cursor);
    }
    return sums;
}

static void names_read(struct iso_avro_cursor *cursor, struct iso_part *part)
{
    struct iso_bytes names = iso_avro_bytes(cursor);
    part->names = (struct iso_names){names.data, names.size / ISO_VERSION_SIZE};
    if (names.size % ISO_VERSION_SIZE != 0)
        iso_avro_fail(cursor);
    for (size_t at = ISO_VERSION_SIZE; !cursor->failed && at < names.size;
         at += ISO_VERSION_SIZE)
        if (memcmp(names.data + at - ISO_VERSION_SIZE, names.data + at,
                   ISO_VERSION_SIZE) >= 0)
            iso_avro_fail(cursor);
}

/* Everything that others find things by stands in order. */
static void part_read(struct iso_avro_cursor *cursor, struct iso_parts *parts)
{
    struct iso_path path;
    struct iso_part *part = part_behind(parts, iso_avro_bytes(cursor));
    parts->sorted = ++parts->count;
    part->rule = (enum iso_rule)number_read(cursor, 0, ISO_RULES - 1);
    if (!iso_path_decode(part->path, &path) || part->path.size >= UINT16_MAX ||
        (parts->count > 1 && iso_bytes_compare(part[-1].path, part->path) >= 0))
        iso_avro_fail(cursor);
    if (iso_part_form(part->rule) == ISO_FORM_COUNTER) {
        part->sums = sums_read(cursor, &parts->arena, &part->sum_count);
        part->bases = sums_read(cursor, &parts->arena, &part->base_count);
        return;
    }
    values_read(cursor, &parts->arena, part);
    if (iso_part_form(part->rule) == ISO_FORM_EXTREME) {
        part->has_clear = iso_avro_boolean(cursor);
        if (part->has_clear)
            part->clear = version_read(cursor);
        return;
    }
    names_read(cursor, part);
}

static void parts_read(struct iso_avro_cursor *cursor, struct iso_parts *parts)
{
    parts->losers = (uint32_t)number_read(cursor, 0, UINT32_MAX);
    parts->has_delete = iso_avro_boolean(cursor);
    if (parts->has_delete) {
        parts->deleted.version = version_read(cursor);
        parts->deleted.kind = ISO_TOMBSTONE;
        position_read(cursor, &parts->deleted);
    }
    size_t count = count_read(cursor, 2);
    for (size_t i = 0; i < count && !cursor->failed; i++)
        part_read(cursor, parts);
}

static uint64_t row_check(struct iso_bytes row, struct iso_bytes key)
{
    return iso_hash64(iso_bytes(row.data + ROW_BODY_AT, row.size - ROW_BODY_AT),
                      iso_hash64(key, row.data[0]));
}

static void parts_clear(struct iso_parts *parts, enum iso_parts_format format)
{
    if (parts->arena.chunk == 0)
        parts->arena.chunk = PARTS_CHUNK;
    iso_arena_clear(&parts->arena);
    parts->format = format;
    parts->has_delete = false;
    parts->deleted = (struct iso_held){0};
    parts->losers = 0;
    parts->sorted = parts->count = 0;
}

enum iso_err iso_parts_decode(struct iso_bytes row, struct iso_bytes key,
                              enum iso_parts_format format, struct iso_parts *parts,
                              struct iso_why *why)
{
    parts_clear(parts, format);
    if (row.size == 0)
        return ISO_OK;
    bool sound = row.size >= ROW_BODY_AT && row.data[0] == format &&
                 iso_get_u64(row.data + ROW_CHECK_AT) == row_check(row, key);
    if (sound) {
        struct iso_avro_cursor cursor =
            iso_avro_read(iso_bytes(row.data + ROW_BODY_AT, row.size - ROW_BODY_AT));
        parts_read(&cursor, parts);
        sound = iso_avro_done(&cursor);
    }
    if (sound)
        return ISO_OK;
    parts_clear(parts, format);
    return iso_fail(
        why, ISO_DAMAGED,
        "the stored entry of %zu bytes does not match its check: the disk or "
        "the store changed it; it is not served, mend the bucket from a peer",
        row.size);
}

/* ---- encoding ---- */

static void version_add(struct iso_buf *out, struct iso_version version)
{
    iso_buf_reserve(out, ISO_VERSION_SIZE);
    iso_version_put(out->data + out->size, version);
    out->size += ISO_VERSION_SIZE;
}

static void position_add(struct iso_buf *out, const struct iso_held *held)
{
    iso_avro_add_long(out, held->log);
    iso_avro_add_long(out, held->offset);
}

static void data_add(struct iso_buf *out, const struct iso_held *held)
{
    if (!iso_held_is_aside(held)) {
        iso_avro_add_bytes(out, held->value);
        return;
    }
    iso_avro_add_long(out, -(int64_t)held->value.size);
    iso_buf_reserve(out, ISO_DIGEST_SIZE);
    iso_digest_put(out->data + out->size, iso_held_hash(held));
    out->size += ISO_DIGEST_SIZE;
    iso_avro_add_long(out, (int64_t)held->aside);
}

static void values_add(struct iso_buf *out, const struct iso_part *part)
{
    iso_avro_add_long(out, (int64_t)part->value_count);
    for (size_t i = 0; i < part->value_count; i++) {
        const struct iso_held *held = &part->values[i];
        version_add(out, held->version);
        iso_avro_add_long(out, held->kind);
        if (held->kind == ISO_EXPIRING)
            iso_avro_add_long(out, held->expiry_ms);
        position_add(out, held);
        iso_buf_add(out, held->fingerprint, ISO_FINGERPRINT_SIZE);
        data_add(out, held);
    }
}

static void sums_add(struct iso_buf *out, const struct iso_sum *sums, size_t count)
{
    iso_avro_add_long(out, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        iso_avro_add_long(out, sums[i].log);
        iso_avro_add_long(out, sums[i].region);
        iso_avro_add_long(out, sums[i].next);
        iso_avro_add_long(out, sums[i].sum);
    }
}

static void part_add(struct iso_buf *out, const struct iso_part *part)
{
    iso_avro_add_bytes(out, part->path);
    iso_avro_add_long(out, part->rule);
    switch (iso_part_form(part->rule)) {
    case ISO_FORM_COUNTER:
        sums_add(out, part->sums, part->sum_count);
        sums_add(out, part->bases, part->base_count);
        return;
    case ISO_FORM_EXTREME:
        values_add(out, part);
        iso_buf_add_u8(out, part->has_clear);
        if (part->has_clear)
            version_add(out, part->clear);
        return;
    case ISO_FORM_LWW:
    case ISO_FORM_VALUES:
        values_add(out, part);
        iso_avro_add_bytes(
            out, iso_bytes(part->names.data, part->names.count * ISO_VERSION_SIZE));
    }
}

static bool part_stays(const struct iso_part *part)
{
    return iso_part_holds(part) || part->names.count > 0;
}

void iso_parts_encode(struct iso_parts *parts, struct iso_bytes key,
                      struct iso_buf *scratch, struct iso_buf *row,
                      struct iso_tally *tally)
{
    size_t stay = 0;
    iso_parts_settle(parts);
    for (size_t i = 0; i < parts->count; i++)
        stay += part_stays(&parts->parts[i]);
    iso_buf_clear(row);
    iso_parts_tally(parts, key, scratch, tally);
    if (stay == 0 && !parts->has_delete && parts->losers == 0)
        return;
    iso_buf_add_u8(row, (uint8_t)parts->format);
    iso_buf_add_u64(row, 0);
    iso_avro_add_long(row, parts->losers);
    iso_buf_add_u8(row, parts->has_delete);
    if (parts->has_delete) {
        version_add(row, parts->deleted.version);
        position_add(row, &parts->deleted);
    }
    iso_avro_add_long(row, (int64_t)stay);
    for (size_t i = 0; i < parts->count; i++)
        if (part_stays(&parts->parts[i]))
            part_add(row, &parts->parts[i]);
    iso_put_u64(row->data + ROW_CHECK_AT, row_check(iso_buf_bytes(row), key));
}
