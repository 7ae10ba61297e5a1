/* What of an entry stands in digests, as part.h says it. The live text is gathered in
 * one pass; a mortal text is hashed as soon as it stands there, behind the live one in
 * the same buffer. */
#include "schema/aside.h"

#define NO_PATH UINT16_MAX

struct canonical {
    const struct iso_parts *parts;
    struct iso_bytes key;
    struct iso_buf *text;
    struct iso_tally *tally;
    bool is_live;
};

static void head_add(const struct canonical *canonical)
{
    iso_assert(canonical->key.size <= UINT16_MAX);
    iso_buf_add_u8(canonical->text, (uint8_t)canonical->parts->format);
    iso_buf_add_u16(canonical->text, (uint16_t)canonical->key.size);
    iso_buf_add_bytes(canonical->text, canonical->key);
}

static void path_add(const struct canonical *canonical, struct iso_bytes path)
{
    iso_assert(path.size < NO_PATH);
    iso_buf_add_u16(canonical->text, (uint16_t)path.size);
    iso_buf_add_bytes(canonical->text, path);
}

static void version_add(struct iso_buf *text, struct iso_version version)
{
    iso_buf_add_u64(text, version.hlc);
    iso_buf_add_u64(text, version.node);
}

static void hash_add(struct iso_buf *text, const struct iso_held *held)
{
    uint8_t digest[ISO_DIGEST_SIZE];
    iso_digest_put(digest, iso_held_hash(held));
    iso_buf_add(text, digest, sizeof digest);
}

/* ---- live ---- */

static void live_part_begin(struct canonical *canonical, const struct iso_part *part,
                            size_t count)
{
    canonical->is_live = true;
    path_add(canonical, part->path);
    iso_buf_add_u8(canonical->text, (uint8_t)iso_part_form(part->rule));
    iso_buf_add_u32(canonical->text, (uint32_t)count);
}

static void live_values(struct canonical *canonical, const struct iso_part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < part->value_count; i++)
        count += part->values[i].kind == ISO_VALUE;
    if (count == 0)
        return;
    live_part_begin(canonical, part, count);
    for (size_t i = 0; i < part->value_count; i++) {
        const struct iso_held *held = &part->values[i];
        if (held->kind != ISO_VALUE)
            continue;
        version_add(canonical->text, held->version);
        iso_buf_add(canonical->text, held->fingerprint, ISO_FINGERPRINT_SIZE);
        iso_buf_add_u32(canonical->text, (uint32_t)held->value.size);
        if (iso_held_is_aside(held))
            hash_add(canonical->text, held);
        else
            iso_buf_add_bytes(canonical->text, held->value);
    }
}

static void sums_add(struct iso_buf *text, const struct iso_sum *sums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        iso_buf_add_u16(text, sums[i].log);
        iso_buf_add_u8(text, sums[i].region);
        iso_buf_add_u64(text, (uint64_t)sums[i].next);
        iso_buf_add_u64(text, (uint64_t)sums[i].sum);
    }
}

static void live_counter(struct canonical *canonical, const struct iso_part *part)
{
    if (part->sum_count == 0 && part->base_count == 0)
        return;
    live_part_begin(canonical, part, part->sum_count);
    sums_add(canonical->text, part->sums, part->sum_count);
    iso_buf_add_u32(canonical->text, (uint32_t)part->base_count);
    sums_add(canonical->text, part->bases, part->base_count);
}

static void live(struct canonical *canonical)
{
    struct iso_buf *text = canonical->text;
    iso_buf_clear(text);
    head_add(canonical);
    for (size_t i = 0; i < canonical->parts->count; i++) {
        const struct iso_part *part = &canonical->parts->parts[i];
        if (iso_part_form(part->rule) == ISO_FORM_COUNTER)
            live_counter(canonical, part);
        else
            live_values(canonical, part);
    }
    if (!canonical->is_live)
        return;
    canonical->tally->live = iso_hash128(iso_buf_bytes(text));
    canonical->tally->values = 1;
}

/* ---- mortal ---- */

static void mortal_begin(const struct canonical *canonical,
                         const struct iso_bytes *path, struct iso_version version,
                         enum iso_entry_kind kind)
{
    iso_buf_clear(canonical->text);
    head_add(canonical);
    if (path != NULL)
        path_add(canonical, *path);
    else
        iso_buf_add_u16(canonical->text, NO_PATH);
    version_add(canonical->text, version);
    iso_buf_add_u8(canonical->text, (uint8_t)kind);
}

static void mortal_end(const struct canonical *canonical)
{
    iso_digest_add(&canonical->tally->mortal,
                   iso_hash128(iso_buf_bytes(canonical->text)));
}

static void mortal_tombstone(const struct canonical *canonical,
                             const struct iso_bytes *path, struct iso_version version)
{
    mortal_begin(canonical, path, version, ISO_TOMBSTONE);
    mortal_end(canonical);
    canonical->tally->tombstones++;
}

static void mortal_expiring(const struct canonical *canonical,
                            const struct iso_part *part, const struct iso_held *held)
{
    mortal_begin(canonical, &part->path, held->version, ISO_EXPIRING);
    iso_buf_add_u64(canonical->text, (uint64_t)held->expiry_ms);
    iso_buf_add(canonical->text, held->fingerprint, ISO_FINGERPRINT_SIZE);
    hash_add(canonical->text, held);
    mortal_end(canonical);
    canonical->tally->expiring++;
}

static void mortal(const struct canonical *canonical)
{
    const struct iso_parts *parts = canonical->parts;
    if (parts->has_delete)
        mortal_tombstone(canonical, NULL, parts->deleted.version);
    for (size_t i = 0; i < parts->count; i++) {
        const struct iso_part *part = &parts->parts[i];
        if (part->has_clear)
            mortal_tombstone(canonical, &part->path, part->clear);
        for (size_t n = 0; n < part->value_count; n++) {
            const struct iso_held *held = &part->values[n];
            if (held->kind == ISO_TOMBSTONE)
                mortal_tombstone(canonical, &part->path, held->version);
            else if (held->kind == ISO_EXPIRING)
                mortal_expiring(canonical, part, held);
        }
    }
}

void iso_parts_tally(const struct iso_parts *parts, struct iso_bytes key,
                     struct iso_buf *scratch, struct iso_tally *tally)
{
    struct canonical canonical = {
        .parts = parts, .key = key, .text = scratch, .tally = tally};
    *tally = (struct iso_tally){0};
    iso_assert(parts->sorted == parts->count);
    live(&canonical);
    mortal(&canonical);
}
