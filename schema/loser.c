/* A row's digest and check are both hashes of one short text: its key, the head of its
 * value, and the XXH3-128 of the bytes that lost. So a large value is hashed where it
 * stands, once, and nothing is copied or allocated for it. A row fails to decode when
 * key or value was changed by anybody, or when the two are not of one row. */
#include "schema/loser.h"

#include "schema/avro.h"

#include <inttypes.h>

#include "schema/write.h"

enum {
    LOSER_FORMAT = 1,
    LOSER_STUB = 2,
    LOSER_HEAD = 12, /* format, rule, log, offset */
    LOSER_CHECK = 8,
    LOSER_FIELD_MAX = 255,
    LOSER_KEY_MAX = 2 + ISO_KEY_MAX + 1 + LOSER_FIELD_MAX + ISO_VERSION_SIZE
};

void iso_loser_prefix(struct iso_bytes key, const struct iso_bytes *field,
                      struct iso_buf *out)
{
    iso_assert(key.size <= ISO_KEY_MAX);
    iso_buf_add_u16(out, (uint16_t)key.size);
    iso_buf_add_bytes(out, key);
    if (field == NULL || field->data == NULL)
        return;
    iso_assert(field->size <= LOSER_FIELD_MAX);
    iso_buf_add_u8(out, (uint8_t)field->size);
    iso_buf_add_bytes(out, *field);
}

void iso_loser_key(const struct iso_loser *loser, struct iso_buf *out)
{
    /* A part without a name has an empty field, which is a field all the same. */
    struct iso_bytes field =
        loser->field.data != NULL ? loser->field : iso_bytes_text("");
    uint8_t version[ISO_VERSION_SIZE];
    iso_version_put(version, loser->version);
    iso_loser_prefix(loser->key, &field, out);
    iso_buf_add(out, version, sizeof version);
}

/* The check of a row of `format` whose value has this head and hash; says the digest,
 * which does not know whether the row is a stub. */
static uint64_t loser_hash(struct iso_bytes row_key, const uint8_t head[LOSER_HEAD],
                           struct iso_digest hash, struct iso_digest *digest)
{
    uint8_t text[LOSER_KEY_MAX + LOSER_HEAD + ISO_DIGEST_SIZE];
    iso_assert(row_key.size > 0 && row_key.size <= LOSER_KEY_MAX);
    size_t size = row_key.size;
    memcpy(text, row_key.data, size);
    memcpy(text + size, head, LOSER_HEAD);
    if (head[0] == LOSER_STUB)
        text[size] = LOSER_FORMAT;
    iso_digest_put(text + size + LOSER_HEAD, hash);
    size += LOSER_HEAD + ISO_DIGEST_SIZE;
    *digest = (struct iso_digest){0};
    if (head[1] != ISO_LOSER_NAME)
        *digest = iso_hash128(iso_bytes(text, size));
    return iso_hash64(iso_bytes(text, size), head[0]);
}

void iso_loser_encode(const struct iso_loser *loser, struct iso_bytes row_key,
                      struct iso_buf *out, struct iso_digest *digest)
{
    uint8_t head[LOSER_HEAD] = {loser->dropped ? LOSER_STUB : LOSER_FORMAT,
                                (uint8_t)loser->rule};
    struct iso_digest hash = loser->dropped ? loser->hash : iso_hash128(loser->value);
    uint8_t stub[ISO_DIGEST_SIZE];
    iso_digest_put(stub, hash);
    struct iso_bytes rest =
        loser->dropped ? iso_bytes(stub, sizeof stub) : loser->value;
    iso_put_u16(head + 2, loser->log);
    iso_put_u64(head + 4, (uint64_t)loser->offset);
    uint64_t check = loser_hash(row_key, head, hash, digest);
    iso_buf_reserve(out, LOSER_HEAD + LOSER_CHECK + rest.size);
    iso_buf_add(out, head, sizeof head);
    iso_buf_add_u64(out, check);
    iso_buf_add_bytes(out, rest);
}

/* Takes a row's key apart; false when it is none. */
static bool loser_key_split(struct iso_bytes row_key, struct iso_loser *loser)
{
    if (row_key.size < 2 || row_key.size > LOSER_KEY_MAX)
        return false;
    size_t key_size = iso_get_u16(row_key.data);
    if (key_size > ISO_KEY_MAX || row_key.size < 2 + key_size + 1)
        return false;
    const uint8_t *at = row_key.data + 2 + key_size;
    size_t field_size = at[0];
    if (row_key.size != 2 + key_size + 1 + field_size + ISO_VERSION_SIZE)
        return false;
    loser->key = iso_bytes(row_key.data + 2, key_size);
    loser->field = iso_bytes(at + 1, field_size);
    loser->version = iso_version_get(at + 1 + field_size);
    return true;
}

static bool loser_known(const struct iso_loser *loser, unsigned format)
{
    switch ((int)loser->rule) {
    case ISO_LOSER_LWW:
    case ISO_LOSER_FIELD:
        return format == LOSER_FORMAT || format == LOSER_STUB;
    case ISO_LOSER_NAME:
        return format == LOSER_FORMAT;
    default:
        return false;
    }
}

/* What stands in a row that is long enough. */
static void loser_read(struct iso_bytes row, struct iso_loser *loser)
{
    struct iso_bytes rest = iso_bytes(row.data + LOSER_HEAD + LOSER_CHECK,
                                      row.size - LOSER_HEAD - LOSER_CHECK);
    loser->rule = (enum iso_loser_rule)row.data[1];
    loser->log = iso_get_u16(row.data + 2);
    loser->offset = (int64_t)iso_get_u64(row.data + 4);
    loser->dropped = row.data[0] == LOSER_STUB && rest.size == ISO_DIGEST_SIZE;
    loser->value = loser->dropped ? iso_bytes(rest.data, 0) : rest;
    loser->hash = loser->dropped ? iso_digest_get(rest.data) : iso_hash128(rest);
}

unsigned iso_loser_rule(struct iso_bytes row)
{
    return row.size >= LOSER_HEAD ? row.data[1] : 0;
}

enum iso_err iso_loser_decode(struct iso_bytes row_key, struct iso_bytes row,
                              struct iso_loser *loser, struct iso_digest *digest,
                              struct iso_why *why)
{
    if (!loser_key_split(row_key, loser))
        return iso_fail(
            why, ISO_DAMAGED,
            "a ledger row has a key of %zu bytes that is none: the store is "
            "damaged, repair this region from another",
            row_key.size);
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(loser->version, version);
    if (row.size < LOSER_HEAD + LOSER_CHECK)
        return iso_fail(
            why, ISO_DAMAGED,
            "the ledger row of version %s is cut to %zu bytes: the store is "
            "damaged, repair this region from another",
            version, row.size);
    loser_read(row, loser);
    uint64_t check = loser_hash(row_key, row.data, loser->hash, digest);
    if (check != iso_get_u64(row.data + LOSER_HEAD) ||
        (row.data[0] == LOSER_STUB && !loser->dropped))
        return iso_fail(
            why, ISO_DAMAGED,
            "the ledger row of version %s does not match its check: the store "
            "is damaged, repair this region from another",
            version);
    if (loser_known(loser, row.data[0]))
        return ISO_OK;
    return iso_fail(why, ISO_DAMAGED,
                    "the ledger row of version %s has format %u, rule %u, which this "
                    "software does not know: run the newer one that wrote it",
                    version, (unsigned)row.data[0], (unsigned)row.data[1]);
}

void iso_loser_field_encode(struct iso_bytes path, const uint8_t *fingerprint,
                            struct iso_bytes datum, struct iso_buf *out)
{
    iso_avro_add_bytes(out, path);
    iso_buf_add(out, fingerprint, ISO_FINGERPRINT_SIZE);
    iso_buf_add_bytes(out, datum);
}

bool iso_loser_field_decode(struct iso_bytes value, struct iso_bytes *path,
                            const uint8_t **fingerprint, struct iso_bytes *datum)
{
    struct iso_avro_cursor cursor = iso_avro_read(value);
    *path = iso_avro_bytes(&cursor);
    *fingerprint = iso_avro_fixed(&cursor, ISO_FINGERPRINT_SIZE);
    *datum = iso_bytes(cursor.at, (size_t)(cursor.end - cursor.at));
    return !cursor.failed;
}

/* A path begins with the size of a field's name, and a field whose name is that long
 * does not stand in a key. */
struct iso_bytes iso_loser_path(const struct iso_loser *loser)
{
    bool hashed = loser->field.size > 0 && loser->field.data[0] == UINT8_MAX;
    return loser->rule == ISO_LOSER_FIELD && !hashed ? loser->field
                                                     : (struct iso_bytes){0};
}
