/* What a store has of a key, held to what the oracle says of the prefixes that the
 * slice's row names. */
#include "tests/sim/sim_look.h"

void sim_look_release(struct sim_look *look)
{
    iso_slice_release(&look->slice);
    iso_bucket_release(&look->bucket);
    iso_parts_release(&look->parts);
    iso_buf_release(&look->key);
    iso_buf_release(&look->scratch);
}

bool sim_tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

bool sim_look_open(struct sim_look *look, struct sim_region *region, uint32_t partition)
{
    struct sim *sim = region->sim;
    struct iso_bytes row;
    struct iso_why why;
    look->region = region;
    look->partition = partition;
    look->maps = region->disks[partition % sim->plan.shards].maps;
    memset(look->frontiers, 0, sizeof look->frontiers);
    iso_rows_key_slice(&look->key, SIM_COLLECTION, partition);
    if (!iso_map_get(&look->maps[ISO_META], iso_buf_bytes(&look->key), &row))
        return false;
    SIM_OK(sim, iso_slice_decode(row, &look->slice, &why));
    for (size_t i = 0; i < look->slice.log_count; i++) {
        int index = sim_log_index(sim, look->slice.logs[i].log);
        SIM_LOOK_HOLDS(look, index >= 0, "it has log %u, which is none",
                       look->slice.logs[i].log);
        look->frontiers[index] = look->slice.logs[i].frontier;
    }
    return true;
}

const struct iso_bucket *sim_look_bucket(struct sim_look *look, uint32_t bucket)
{
    struct iso_bytes row;
    struct iso_why why;
    iso_bucket_release(&look->bucket);
    look->bucket = (struct iso_bucket){0};
    iso_rows_key_bucket(&look->key, SIM_COLLECTION, look->partition, bucket);
    if (iso_map_get(&look->maps[ISO_BUCKET], iso_buf_bytes(&look->key), &row))
        SIM_OK(look->region->sim, iso_bucket_decode(row, &look->bucket, &why));
    return &look->bucket;
}

struct iso_bytes sim_look_row(struct sim_look *look, const char *name)
{
    struct iso_bytes row;
    iso_rows_key_entry(&look->key, SIM_COLLECTION, look->partition,
                       iso_bytes_text(name));
    if (!iso_map_get(&look->maps[ISO_ENTRY], iso_buf_bytes(&look->key), &row))
        return (struct iso_bytes){0};
    return row;
}

uint64_t sim_look_rows(struct sim_look *look, const char *name,
                       bool (*is_loser)(void *user, const struct iso_loser *loser),
                       void *user)
{
    struct sim *sim = look->region->sim;
    const struct iso_map *ledger = &look->maps[ISO_LEDGER];
    struct iso_bytes row_key, row;
    struct iso_loser loser;
    struct iso_digest digest;
    struct iso_why why;
    uint64_t rows = 0;
    look->marks = 0;
    iso_rows_prefix(&look->key, SIM_COLLECTION, look->partition);
    iso_loser_prefix(iso_bytes_text(name), NULL, &look->key);
    struct iso_bytes prefix = iso_buf_bytes(&look->key);
    bool found = iso_map_seek(ledger, prefix, false, &row_key, &row);
    while (found && iso_bytes_begins(row_key, prefix)) {
        struct iso_bytes within =
            iso_bytes(row_key.data + ISO_ROWS_PREFIX, row_key.size - ISO_ROWS_PREFIX);
        SIM_OK(sim, iso_loser_decode(within, row, &loser, &digest, &why));
        bool mark = loser.rule == ISO_LOSER_NAME;
        SIM_LOOK_HOLDS(look, mark || is_loser(user, &loser),
                       "%s has a row in the ledger that is no loser", name);
        SIM_LOOK_HOLDS(look, !mark || iso_hlc_ms(loser.version.hlc) >= look->swept_ms,
                       "%s has a mark below H", name);
        look->marks += mark;
        rows += !mark;
        found = iso_map_seek(ledger, row_key, true, &row_key, &row);
    }
    sim->figures.losers += rows;
    return rows;
}

/* What is below H waits for nobody any more. */
static void look_names(const struct sim_look *look, const char *name,
                       struct iso_names names)
{
    for (size_t i = 0; i < names.count; i++)
        SIM_LOOK_HOLDS(look, iso_hlc_ms(iso_names_at(names, i).hlc) >= look->swept_ms,
                       "%s remembers a name below H", name);
}

/* ---- lww ---- */

struct whole {
    const struct sim_key *key;
    const struct sim_effect *held;
    const struct sim_prefix *prefix;
};

static bool whole_is_loser(void *user, const struct iso_loser *loser)
{
    const struct whole *whole = user;
    for (size_t i = 0; i < whole->key->count; i++) {
        const struct sim_effect *effect = &whole->key->effects[i];
        if (iso_version_equal(effect->version, loser->version))
            return sim_effect_is_loser(effect, whole->held, whole->prefix) &&
                   (loser->dropped
                        ? iso_digest_equal(iso_hash128(effect->value), loser->hash)
                        : iso_bytes_equal(effect->value, loser->value));
    }
    return false;
}

/* The rows of the key in the ledger: each is a loser, and all losers are there. */
static uint64_t look_ledger(struct sim_look *look, const struct sim_key *key,
                            const char *name, const struct sim_prefix *prefix)
{
    struct whole whole = {key, sim_key_held(key, prefix), prefix};
    uint64_t expected = 0;
    for (size_t i = 0; i < key->count; i++)
        expected += sim_effect_is_loser(&key->effects[i], whole.held, prefix);
    uint64_t rows = sim_look_rows(look, name, whole_is_loser, &whole);
    SIM_LOOK_HOLDS(look, rows == expected, "%s has %llu rows in the ledger, not %llu",
                   name, (unsigned long long)rows, (unsigned long long)expected);
    return rows;
}

static void look_whole(struct sim_look *look, const struct sim_key *key,
                       const char *name, const struct sim_prefix *prefix)
{
    struct sim *sim = look->region->sim;
    const struct sim_effect *held = sim_key_held(key, prefix);
    struct iso_entry entry;
    struct iso_digest canonical;
    struct iso_why why;
    uint64_t losers = look_ledger(look, key, name, prefix);
    /* What is over stays while the key has rows in the ledger (DESIGN.md, section 6).
     */
    if (held != NULL && sim_effect_is_swept(held, prefix) && losers + look->marks == 0)
        held = NULL;
    struct iso_bytes row = sim_look_row(look, name);
    SIM_LOOK_HOLDS(look, (held == NULL) == (row.size == 0), "%s %s", name,
                   held == NULL ? "is there, and nothing of it should be"
                                : "is not there");
    if (held == NULL)
        return;
    SIM_OK(sim, iso_entry_decode(row, iso_bytes_text(name), &look->scratch, &entry,
                                 &canonical, &why));
    look_names(look, name, entry.names);
    enum iso_entry_kind kind = held->is_delete    ? ISO_TOMBSTONE
                               : held->has_expiry ? ISO_EXPIRING
                                                  : ISO_VALUE;
    SIM_LOOK_HOLDS(
        look, iso_version_equal(entry.version, held->version),
        "%s holds %016llx@%016llx, not %016llx@%016llx", name,
        (unsigned long long)entry.version.hlc, (unsigned long long)entry.version.node,
        (unsigned long long)held->version.hlc, (unsigned long long)held->version.node);
    SIM_LOOK_HOLDS(
        look,
        entry.kind == kind &&
            (kind != ISO_EXPIRING || entry.expiry_ms == held->expiry_ms) &&
            (kind == ISO_TOMBSTONE || iso_bytes_equal(entry.value, held->value)),
        "%s holds another value than was written", name);
    SIM_LOOK_HOLDS(look, entry.losers == losers + look->marks,
                   "%s counts %u rows in the ledger, and has %llu", name, entry.losers,
                   (unsigned long long)(losers + look->marks));
}

/* ---- siblings ---- */

/* Large values stand aside: then their hash is held. */
bool sim_held_is(const struct iso_held *held, struct iso_bytes value)
{
    return held->value.size == value.size &&
           iso_digest_equal(iso_held_hash(held), iso_hash128(value));
}

static const struct iso_held *held_find(const struct iso_parts *parts,
                                        struct iso_version version)
{
    for (size_t i = 0; i < parts->count; i++)
        for (size_t n = 0; n < parts->parts[i].value_count; n++)
            if (iso_version_equal(parts->parts[i].values[n].version, version))
                return &parts->parts[i].values[n];
    return NULL;
}

static void look_siblings(struct sim_look *look, const struct sim_key *key,
                          const char *name, const struct sim_prefix *prefix)
{
    struct sim *sim = look->region->sim;
    struct iso_why why;
    size_t expected = 0, held = 0;
    SIM_OK(sim, iso_parts_decode(sim_look_row(look, name), iso_bytes_text(name),
                                 ISO_PARTS_SIBLINGS, &look->parts, &why));
    for (size_t i = 0; i < look->parts.count; i++)
        held += look->parts.parts[i].value_count;
    for (size_t i = 0; i < key->count; i++) {
        const struct sim_effect *effect = &key->effects[i];
        if (!sim_effect_is_in(effect, prefix) || effect->is_delete ||
            sim_effect_has_child(effect, prefix) || sim_effect_is_swept(effect, prefix))
            continue;
        const struct iso_held *value = held_find(&look->parts, effect->version);
        SIM_LOOK_HOLDS(look,
                       value != NULL && sim_held_is(value, effect->value) &&
                           (value->kind == ISO_EXPIRING) == effect->has_expiry,
                       "%s lacks a sibling that no write replaced", name);
        expected++;
    }
    SIM_LOOK_HOLDS(look, expected == held, "%s has %zu siblings, not %zu", name, held,
                   expected);
}

void sim_look_key(struct sim_look *look, int index)
{
    struct sim *sim = look->region->sim;
    const struct sim_key *key = &sim->oracle.keys[index];
    const char *name = sim->keys[index];
    struct sim_prefix prefix = {.frontiers = look->frontiers};
    look->swept_ms = prefix.swept_ms =
        sim_look_bucket(look, iso_bucket_of(iso_bytes_text(name), sim->plan.buckets))
            ->swept_ms;
    sim->figures.checked_keys++;
    switch (sim->plan.resolver) {
    case SIM_LWW:
        look_whole(look, key, name, &prefix);
        return;
    case SIM_SIBLINGS:
        look_siblings(look, key, name, &prefix);
        break;
    case SIM_FIELDS:
        sim_look_fields(look, key, name, &prefix);
        break;
    }
    for (size_t i = 0; i < look->parts.count; i++)
        look_names(look, name, look->parts.parts[i].names);
}
