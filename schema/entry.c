/* One pass over the value does three things: the canonical bytes are assembled in
 * scratch and hashed, the hash goes into the bucket's digest, and it seeds the check,
 * which covers what stands in no digest (position, losers, names). So a row whose key,
 * value, version, kind or any other byte has changed fails its check, but for one in
 * 2^64.
 *
 *   check = XXH3-64(row 40 … value, seed = XXH3-64(row 0..31, seed = low ^ high))
 *
 * Encoding cannot fail; decoding fails only with ISO_DAMAGED, on any bytes whatever. */
#include "schema/entry.h"

enum {
    ENTRY_FORMAT = 1,
    ENTRY_KIND_MASK = 7,
    ENTRY_HAS_NAMES = 8,
    ENTRY_CHECK_AT = 32,
    ENTRY_FIXED_SIZE = 40,
    CANONICAL_FORMAT = 1,
    CANONICAL_FIXED_MAX = 3 + ISO_VERSION_SIZE + 1 + 8 + ISO_DIGEST_SIZE,
};

/* Written with one growth of the buffer: every record of every log comes through here.
 */
void iso_entry_canonical(const struct iso_entry *entry, struct iso_bytes key,
                         struct iso_buf *out)
{
    iso_assert(key.size <= UINT16_MAX && entry->value.size <= UINT32_MAX);
    size_t value_size = entry->kind == ISO_VALUE ? entry->value.size : 0;
    iso_buf_reserve(out, CANONICAL_FIXED_MAX + key.size + value_size);
    uint8_t *at = out->data + out->size;
    at[0] = CANONICAL_FORMAT;
    iso_put_u16(at + 1, (uint16_t)key.size);
    at += 3;
    if (key.size > 0)
        memcpy(at, key.data, key.size);
    at += key.size;
    iso_put_u64(at, entry->version.hlc);
    iso_put_u64(at + 8, entry->version.node);
    at[16] = (uint8_t)entry->kind;
    at += 17;
    if (entry->kind == ISO_VALUE) {
        iso_put_u32(at, (uint32_t)value_size);
        if (value_size > 0)
            memcpy(at + 4, entry->value.data, value_size);
        at += 4 + value_size;
    } else if (entry->kind == ISO_EXPIRING) {
        iso_put_u64(at, (uint64_t)entry->expiry_ms);
        iso_digest_put(at + 8, iso_hash128(entry->value));
        at += 8 + ISO_DIGEST_SIZE;
    }
    out->size = (size_t)(at - out->data);
}

static struct iso_digest entry_digest(const struct iso_entry *entry,
                                      struct iso_bytes key, struct iso_buf *scratch)
{
    iso_buf_clear(scratch);
    iso_entry_canonical(entry, key, scratch);
    return iso_hash128(iso_buf_bytes(scratch));
}

/* `head_size`: of the row without its value. */
static uint64_t entry_check(const uint8_t *row, size_t head_size,
                            struct iso_digest canonical)
{
    uint64_t seed = canonical.low ^ canonical.high;
    uint64_t fixed = iso_hash64(iso_bytes(row, ENTRY_CHECK_AT), seed);
    return iso_hash64(iso_bytes(row + ENTRY_FIXED_SIZE, head_size - ENTRY_FIXED_SIZE),
                      fixed);
}

/* What follows the fixed part, without judging the check; false when it cannot be. */
static bool entry_parse_rest(struct iso_bytes row, bool has_names,
                             struct iso_entry *entry)
{
    size_t at = ENTRY_FIXED_SIZE;
    if (entry->kind == ISO_EXPIRING) {
        if (row.size - at < 8)
            return false;
        entry->expiry_ms = (int64_t)iso_get_u64(row.data + at);
        at += 8;
    }
    if (has_names) {
        if (row.size - at < 4)
            return false;
        entry->names.count = iso_get_u32(row.data + at);
        at += 4;
        if (entry->names.count == 0 ||
            entry->names.count > (row.size - at) / ISO_VERSION_SIZE)
            return false;
        entry->names.data = row.data + at;
        at += entry->names.count * ISO_VERSION_SIZE;
    }
    entry->value = iso_bytes(row.data + at, row.size - at);
    return entry->value.size <= UINT32_MAX &&
           (entry->kind != ISO_TOMBSTONE || entry->value.size == 0);
}

static bool entry_parse(struct iso_bytes row, struct iso_entry *entry)
{
    if (row.size < ENTRY_FIXED_SIZE || row.data[0] != ENTRY_FORMAT)
        return false;
    uint8_t kind = row.data[1] & ENTRY_KIND_MASK;
    if (kind > ISO_EXPIRING ||
        (row.data[1] & ~(ENTRY_KIND_MASK | ENTRY_HAS_NAMES)) != 0)
        return false;
    entry->kind = (enum iso_entry_kind)kind;
    entry->log = iso_get_u16(row.data + 2);
    entry->losers = iso_get_u32(row.data + 4);
    entry->version.hlc = iso_get_u64(row.data + 8);
    entry->version.node = iso_get_u64(row.data + 16);
    entry->offset = (int64_t)iso_get_u64(row.data + 24);
    return entry_parse_rest(row, (row.data[1] & ENTRY_HAS_NAMES) != 0, entry);
}

enum iso_err iso_entry_decode(struct iso_bytes row, struct iso_bytes key,
                              struct iso_buf *scratch, struct iso_entry *entry,
                              struct iso_digest *canonical, struct iso_why *why)
{
    *entry = (struct iso_entry){0};
    *canonical = (struct iso_digest){0};
    bool sound = key.size <= UINT16_MAX && entry_parse(row, entry);
    if (sound) {
        *canonical = entry_digest(entry, key, scratch);
        size_t head_size = row.size - entry->value.size;
        sound = iso_get_u64(row.data + ENTRY_CHECK_AT) ==
                entry_check(row.data, head_size, *canonical);
    }
    if (sound)
        return ISO_OK;
    *entry = (struct iso_entry){0};
    *canonical = (struct iso_digest){0};
    return iso_fail(
        why, ISO_DAMAGED,
        "the stored entry of %zu bytes does not match its check: the disk or "
        "the store changed it; it is not served, mend the bucket from a peer",
        row.size);
}

void iso_entry_encode(const struct iso_entry *entry, struct iso_bytes key,
                      struct iso_buf *scratch, struct iso_buf *row,
                      struct iso_digest *canonical)
{
    iso_assert(entry->kind != ISO_TOMBSTONE || entry->value.size == 0);
    iso_assert(entry->names.count <= UINT32_MAX);
    uint8_t fixed[ENTRY_FIXED_SIZE] = {ENTRY_FORMAT, (uint8_t)entry->kind};
    if (entry->names.count > 0)
        fixed[1] |= ENTRY_HAS_NAMES;
    iso_put_u16(fixed + 2, entry->log);
    iso_put_u32(fixed + 4, entry->losers);
    iso_put_u64(fixed + 8, entry->version.hlc);
    iso_put_u64(fixed + 16, entry->version.node);
    iso_put_u64(fixed + 24, (uint64_t)entry->offset);
    iso_buf_clear(row);
    iso_buf_add(row, fixed, sizeof fixed);
    if (entry->kind == ISO_EXPIRING)
        iso_buf_add_u64(row, (uint64_t)entry->expiry_ms);
    if (entry->names.count > 0) {
        iso_buf_add_u32(row, (uint32_t)entry->names.count);
        iso_buf_add(row, entry->names.data, entry->names.count * ISO_VERSION_SIZE);
    }
    size_t head_size = row->size;
    iso_buf_add_bytes(row, entry->value);
    *canonical = entry_digest(entry, key, scratch);
    iso_put_u64(row->data + ENTRY_CHECK_AT,
                entry_check(row->data, head_size, *canonical));
}

int64_t iso_entry_due_ms(const struct iso_entry *entry)
{
    int64_t due_ms = ISO_NEVER_MS;
    if (entry->kind == ISO_TOMBSTONE)
        due_ms = iso_hlc_ms(entry->version.hlc);
    else if (entry->kind == ISO_EXPIRING)
        due_ms = iso_expiry_due_ms(entry->version, entry->expiry_ms);
    if (entry->losers > 0)
        return 0;
    if (entry->names.count == 0)
        return due_ms;
    int64_t named_ms = iso_hlc_ms(iso_names_at(entry->names, 0).hlc);
    return named_ms < due_ms ? named_ms : due_ms;
}
