/* The dumb model of lww: what is held and what has lost, from the set of writes, by the
 * words of DESIGN.md, section 4, and in no order. */
#include "tests/law/lww_model.h"

/* Version, then a delete over a value, then bytes, no expiry, the later expiry. */
static bool is_larger(const struct iso_coming *a, const struct iso_coming *b)
{
    int order = iso_version_compare(a->version, b->version);
    if (order != 0)
        return order > 0;
    if (a->operation != b->operation)
        return a->operation == ISO_DELETE;
    order = iso_bytes_compare(a->value, b->value);
    if (order != 0)
        return order > 0;
    if (a->has_expiry != b->has_expiry)
        return !a->has_expiry;
    return a->expiry_ms > b->expiry_ms;
}

static bool lww_child(const struct law_case *law, const struct iso_coming *w,
                      const struct iso_coming *c)
{
    if (iso_version_compare(c->version, w->version) <= 0)
        return false;
    if (!c->blind)
        return law_read(c, w->version);
    return iso_node_region(c->version.node) == iso_node_region(w->version.node) &&
           law_before(law, w, c);
}

static bool has_child(const struct law_case *law, const struct iso_coming *w)
{
    for (size_t n = 0; n < law->count; n++)
        if (lww_child(law, w, &law->writes[n]))
            return true;
    return false;
}

static bool is_forgotten(const struct iso_coming *held, int64_t swept_ms)
{
    if (iso_hlc_ms(held->version.hlc) >= swept_ms)
        return false;
    return held->operation == ISO_DELETE ||
           (held->has_expiry && held->expiry_ms < swept_ms);
}

static struct iso_tally lww_expected_tally(const struct iso_coming *held)
{
    struct iso_entry entry = {.kind = ISO_VALUE,
                              .version = held->version,
                              .expiry_ms = held->expiry_ms,
                              .value = held->value};
    struct iso_buf bytes = {0};
    struct iso_tally tally = {0};
    if (held->operation == ISO_DELETE || held->has_expiry)
        entry.kind = held->operation == ISO_DELETE ? ISO_TOMBSTONE : ISO_EXPIRING;
    iso_entry_canonical(&entry, held->key, &bytes);
    struct iso_digest digest = iso_hash128(iso_buf_bytes(&bytes));
    iso_buf_release(&bytes);
    tally.live = entry.kind == ISO_VALUE ? digest : tally.live;
    tally.mortal = entry.kind == ISO_VALUE ? tally.mortal : digest;
    tally.values = entry.kind == ISO_VALUE;
    tally.tombstones = entry.kind == ISO_TOMBSTONE;
    tally.expiring = entry.kind == ISO_EXPIRING;
    return tally;
}

static void lww_expect(const struct law_case *law, struct law_expected *expected)
{
    const struct iso_coming *held = NULL;
    bool any_lost = false;
    for (size_t n = 0; n < law->count; n++)
        if (held == NULL || is_larger(&law->writes[n], held))
            held = &law->writes[n];
    for (size_t n = 0; n < law->count; n++) {
        const struct iso_coming *w = &law->writes[n];
        expected->lost[n] = w != held && w->operation == ISO_PUT && !w->has_expiry &&
                            !has_child(law, w);
        any_lost |= expected->lost[n];
    }
    /* A row stays while it counts ledger rows. */
    if (held == NULL || (is_forgotten(held, law->swept_ms) && !any_lost))
        return;
    expected->held = held;
    expected->tally = lww_expected_tally(held);
}

static struct iso_tally lww_tally(struct iso_bytes key, struct iso_bytes row,
                                  uint32_t *rows)
{
    static _Thread_local uint8_t room[256];
    struct iso_buf scratch = {.data = room, .room = sizeof room};
    struct iso_tally tally = {0};
    struct iso_entry entry;
    struct iso_digest digest;
    *rows = 0;
    if (row.size == 0)
        return tally;
    enum iso_err err = iso_entry_decode(row, key, &scratch, &entry, &digest, NULL);
    iso_assert(err == ISO_OK && scratch.data == room);
    *rows = entry.losers;
    *(entry.kind == ISO_VALUE ? &tally.live : &tally.mortal) = digest;
    tally.values = entry.kind == ISO_VALUE;
    tally.tombstones = entry.kind == ISO_TOMBSTONE;
    tally.expiring = entry.kind == ISO_EXPIRING;
    return tally;
}

/* Names are ascending: what is swept stands first. */
static void names_sweep(struct iso_names *names, int64_t swept_ms)
{
    while (names->count > 0 && iso_hlc_ms(iso_names_at(*names, 0).hlc) < swept_ms) {
        names->data += ISO_VERSION_SIZE;
        names->count--;
    }
}

static void lww_sweep(struct iso_bytes key, int64_t swept_ms, uint32_t marks,
                      struct iso_buf *row)
{
    struct iso_buf scratch = {0}, kept = {0};
    struct iso_entry entry;
    struct iso_digest digest;
    enum iso_err err =
        iso_entry_decode(iso_buf_bytes(row), key, &scratch, &entry, &digest, NULL);
    iso_assert(err == ISO_OK && entry.losers >= marks);
    entry.losers -= marks;
    names_sweep(&entry.names, swept_ms);
    bool is_mortal = entry.kind == ISO_TOMBSTONE ||
                     (entry.kind == ISO_EXPIRING && entry.expiry_ms < swept_ms);
    if (is_mortal && iso_hlc_ms(entry.version.hlc) < swept_ms && entry.losers == 0) {
        iso_buf_clear(row);
    } else {
        iso_entry_encode(&entry, key, &scratch, &kept, &digest);
        iso_buf_clear(row);
        iso_buf_add_bytes(row, iso_buf_bytes(&kept));
    }
    iso_buf_release(&scratch);
    iso_buf_release(&kept);
}

const struct law_model law_lww_model = {
    .child = lww_child,
    .expect = lww_expect,
    .tally = lww_tally,
    .sweep = lww_sweep,
};
