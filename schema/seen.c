/* A context as it is kept and as it travels. It comes back from whoever held it, so the
 * decoder bounds everything; what it claims is believed (DESIGN.md, section 4).
 *
 * Paths and names stand in one buffer, which moves when it grows: growing makes a new
 * one and then sets all that points into the old. */
#include "schema/seen.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "schema/aside.h"
#include "schema/bounded.h"
#include "schema/seen_part.h"

enum { SEEN_FORMAT = 2, SEEN_FIXED_SIZE = 1 + 8 };

void iso_seen_release(struct iso_seen *seen)
{
    iso_free(seen->parts);
    iso_free(seen->sums);
    iso_buf_release(&seen->bytes);
    *seen = (struct iso_seen){0};
}

void iso_seen_clear(struct iso_seen *seen)
{
    seen->hlc = 0;
    seen->count = seen->sum_count = 0;
    iso_buf_clear(&seen->bytes);
}

uint64_t iso_seen_hash_held(const struct iso_held *held)
{
    uint64_t seed = iso_get_u64(held->fingerprint);
    if (!iso_held_is_aside(held))
        return iso_hash64(held->value, seed);
    uint8_t digest[ISO_DIGEST_SIZE];
    iso_digest_put(digest, iso_held_hash(held));
    return iso_hash64(iso_bytes(digest, sizeof digest), seed);
}

uint64_t iso_seen_hash(const uint8_t *fingerprint, struct iso_bytes datum)
{
    struct iso_held held = {.value = datum};
    memcpy(held.fingerprint, fingerprint, sizeof held.fingerprint);
    return iso_seen_hash_held(&held);
}

/* ---- parts by path ---- */

static int order_sized(struct iso_bytes a, struct iso_bytes b)
{
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : iso_bytes_compare(a, b);
}

/* As memcmp of the encoded paths, without encoding any. */
static int path_order(const struct iso_path *a, const struct iso_path *b)
{
    int order = order_sized(a->field, b->field);
    if (order == 0)
        order =
            (a->has_member + 2 * a->has_element) - (b->has_member + 2 * b->has_element);
    if (order == 0)
        order = order_sized(a->member, b->member);
    return order != 0 ? order : order_sized(a->element, b->element);
}

bool iso_seen_find(const struct iso_seen *seen, const struct iso_path *path, size_t *at)
{
    size_t low = 0, high = seen->count;
    while (low < high) {
        struct iso_path here;
        size_t middle = low + (high - low) / 2;
        iso_assert(iso_path_decode(seen->parts[middle].path, &here));
        int order = path_order(&here, path);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return false;
}

struct iso_seen_part *iso_seen_push(struct iso_seen *seen)
{
    if (seen->count == seen->room) {
        seen->room = seen->room * 2 + 8;
        seen->parts = iso_realloc(seen->parts, seen->room * sizeof *seen->parts);
    }
    seen->parts[seen->count] = (struct iso_seen_part){0};
    return &seen->parts[seen->count++];
}

/* ---- memory ---- */

struct iso_buf iso_seen_reserve(struct iso_seen *seen, size_t more)
{
    struct iso_buf old = seen->bytes, bytes = {0};
    iso_buf_reserve(&bytes, old.size + (more > old.size ? more : old.size) + 1);
    iso_buf_add(&bytes, old.data, old.size);
    for (size_t i = 0; i < seen->count; i++) {
        struct iso_seen_part *part = &seen->parts[i];
        part->path.data = bytes.data + (part->path.data - old.data);
        if (part->names.count > 0)
            part->names.data = bytes.data + (part->names.data - old.data);
    }
    seen->bytes = bytes;
    return old;
}

const uint8_t *iso_seen_keep(struct iso_seen *seen, const void *data, size_t size)
{
    const uint8_t *at = seen->bytes.data + seen->bytes.size;
    iso_assert(seen->bytes.room - seen->bytes.size >= size);
    iso_buf_add(&seen->bytes, data, size);
    return at;
}

/* Sums are found again by their order: that of their parts, which only grow here. */
static void sums_keep(struct iso_seen *seen, struct iso_seen_part *part,
                      const struct iso_sum *sums, size_t count)
{
    if (seen->sum_room - seen->sum_count < count) {
        struct iso_sum *old = seen->sums;
        seen->sum_room = (seen->sum_count + count) * 2;
        seen->sums = iso_alloc(seen->sum_room * sizeof *seen->sums);
        if (seen->sum_count > 0)
            memcpy(seen->sums, old, seen->sum_count * sizeof *old);
        for (size_t i = 0; i < seen->count; i++)
            if (seen->parts[i].sum_count > 0)
                seen->parts[i].sums = seen->sums + (seen->parts[i].sums - old);
        iso_free(old);
    }
    part->sums = seen->sums + seen->sum_count;
    part->sum_count = count;
    memcpy(seen->sums + seen->sum_count, sums, count * sizeof *sums);
    seen->sum_count += count;
}

void iso_seen_add(struct iso_seen *seen, const struct iso_seen_part *part)
{
    size_t names_size = part->names.count * ISO_VERSION_SIZE;
    iso_assert(seen->count == 0 ||
               iso_bytes_compare(seen->parts[seen->count - 1].path, part->path) < 0);
    if (seen->bytes.room - seen->bytes.size < part->path.size + names_size) {
        struct iso_buf old = iso_seen_reserve(seen, part->path.size + names_size);
        iso_buf_release(&old);
    }
    struct iso_seen_part *added = iso_seen_push(seen);
    *added = *part;
    added->path.data = iso_seen_keep(seen, part->path.data, part->path.size);
    added->sum_count = 0;
    if (names_size > 0)
        added->names.data = iso_seen_keep(seen, part->names.data, names_size);
    if (part->sum_count > 0)
        sums_keep(seen, added, part->sums, part->sum_count);
}

/* ---- encoding ---- */

static bool has_hash(const struct iso_seen_part *part)
{
    return part->shown && (part->rule == ISO_RULE_LWW || part->rule == ISO_RULE_MAX ||
                           part->rule == ISO_RULE_MIN);
}

static void part_encode(const struct iso_seen_part *part, struct iso_buf *out)
{
    iso_avro_add_bytes(out, part->path);
    iso_avro_add_long(out, part->rule);
    iso_buf_add_u8(out, part->shown);
    if (part->rule != ISO_RULE_COUNTER) {
        if (has_hash(part))
            iso_buf_add_u64(out, part->hash);
        iso_avro_add_long(out, (int64_t)part->names.count);
        iso_buf_add(out, part->names.data, part->names.count * ISO_VERSION_SIZE);
        return;
    }
    iso_avro_add_long(out, (int64_t)part->sum_count);
    for (size_t i = 0; i < part->sum_count; i++)
        iso_sum_add(out, &part->sums[i]);
    iso_avro_add_long(out, part->value);
    iso_avro_add_long(out, part->added);
    iso_buf_add_u8(out, part->counted);
}

void iso_seen_encode(const struct iso_seen *seen, struct iso_buf *out)
{
    iso_buf_add_u8(out, SEEN_FORMAT);
    iso_buf_add_u64(out, seen->hlc);
    iso_avro_add_long(out, (int64_t)seen->count);
    for (size_t i = 0; i < seen->count; i++)
        part_encode(&seen->parts[i], out);
}

/* ---- decoding ---- */

static size_t left_of(const struct iso_avro_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static void sums_decode(struct iso_avro_cursor *cursor, struct iso_seen *seen,
                        struct iso_seen_part *part)
{
    int64_t count = iso_bounded_long(cursor, 0, (int64_t)(left_of(cursor) / 4));
    struct iso_sum before = {0}, sum;
    for (int64_t i = 0; i < count && !cursor->failed; i++) {
        iso_sum_read(cursor, &sum);
        if (sum.log < before.log ||
            (sum.log == before.log && sum.region <= before.region))
            iso_bounded_fail(cursor);
        if (seen->sum_count == seen->sum_room) {
            seen->sum_room = seen->sum_room * 2 + 8;
            seen->sums = iso_realloc(seen->sums, seen->sum_room * sizeof *seen->sums);
        }
        seen->sums[seen->sum_count++] = sum;
        before = sum;
    }
    part->sum_count = (size_t)count; /* where they stand is set at the end */
    part->value = iso_avro_long(cursor);
    part->added = iso_avro_long(cursor);
    part->counted = iso_avro_boolean(cursor);
}

static bool is_path_of(struct iso_bytes bytes, enum iso_rule rule)
{
    struct iso_path path;
    return iso_path_decode(bytes, &path) && path.member.size <= ISO_MEMBER_MAX &&
           path.element.size <= ISO_ELEMENT_MAX && iso_utf8_valid(path.field) &&
           iso_utf8_valid(path.member) && path.has_element == (rule == ISO_RULE_SET) &&
           (path.field.size > 0 || (rule == ISO_RULE_LWW && !path.has_member));
}

static void part_decode(struct iso_avro_cursor *cursor, struct iso_seen *seen)
{
    struct iso_seen_part part = {.path = iso_avro_bytes(cursor)};
    part.rule = (enum iso_rule)iso_bounded_long(cursor, 0, ISO_RULES - 1);
    part.shown = iso_avro_boolean(cursor);
    if (!is_path_of(part.path, part.rule) ||
        (seen->count > 0 &&
         iso_bytes_compare(seen->parts[seen->count - 1].path, part.path) >= 0))
        iso_bounded_fail(cursor);
    if (part.rule == ISO_RULE_COUNTER) {
        sums_decode(cursor, seen, &part);
    } else {
        if (has_hash(&part))
            part.hash = iso_bounded_word(cursor);
        part.names.count = (size_t)iso_bounded_long(
            cursor, 0, (int64_t)(left_of(cursor) / ISO_VERSION_SIZE));
        part.names.data = iso_avro_fixed(cursor, part.names.count * ISO_VERSION_SIZE);
    }
    if (!cursor->failed)
        *iso_seen_push(seen) = part;
}

enum iso_err iso_seen_decode(struct iso_bytes bytes, struct iso_seen *seen,
                             struct iso_why *why)
{
    iso_seen_clear(seen);
    iso_buf_add_bytes(&seen->bytes, bytes);
    struct iso_avro_cursor cursor = iso_avro_read(iso_buf_bytes(&seen->bytes));
    const uint8_t *fixed = iso_avro_fixed(&cursor, SEEN_FIXED_SIZE);
    if (fixed == NULL || fixed[0] != SEEN_FORMAT)
        iso_bounded_fail(&cursor);
    else
        seen->hlc = iso_get_u64(fixed + 1);
    int64_t count = iso_bounded_long(&cursor, 0, ISO_SEEN_PARTS_MAX);
    for (int64_t i = 0; i < count && !cursor.failed; i++)
        part_decode(&cursor, seen);
    if (!iso_avro_done(&cursor)) {
        iso_seen_clear(seen);
        return iso_fail(why, ISO_BAD_DATA,
                        "the context of %zu bytes is none that this library made of a "
                        "record of fields: pass on the bytes of a read unchanged",
                        bytes.size);
    }
    size_t at = 0;
    for (size_t i = 0; i < seen->count; i++) {
        seen->parts[i].sums = seen->parts[i].sum_count > 0 ? seen->sums + at : NULL;
        at += seen->parts[i].sum_count;
    }
    return ISO_OK;
}
