/* The dumb model of lww: what is held and what has lost, from the set of writes, by the
 * words of DESIGN.md, section 4, and in no order. */
#include "tests/law/lww_model.h"

#include "tests/law/law_plain.h"

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

static bool is_lost(const struct law_case *law, const struct iso_coming *w,
                    const struct iso_coming *held)
{
    return w != held && w->operation == ISO_PUT && !w->has_expiry &&
           !law_plain_has_child(law, w);
}

static void lww_expect(const struct law_case *law, struct law_expected *expected)
{
    const struct iso_coming *held = NULL;
    law_expected_clear(expected);
    for (size_t n = 0; n < law->count; n++)
        if (held == NULL || is_larger(&law->writes[n], held))
            held = &law->writes[n];
    for (size_t n = 0; n < law->count; n++) {
        const struct iso_coming *w = &law->writes[n];
        struct iso_loser loser = {.version = w->version,
                                  .rule = ISO_LOSER_LWW,
                                  .log = w->log,
                                  .offset = w->offset,
                                  .value = w->value};
        if (is_lost(law, w, held))
            law_expect_row(expected, &loser);
    }
    /* A row stays while it counts ledger rows. */
    if (held == NULL || (is_forgotten(held, law->swept_ms) && expected->row_count == 0))
        return;
    expected->held = held;
    expected->tally = lww_expected_tally(held);
}

static bool lww_shows(const struct law_expected *expected,
                      const struct iso_shown *shown, int64_t now_ms)
{
    const struct iso_coming *held = expected->held;
    struct iso_version none = {0};
    struct iso_context context;
    if (iso_context_decode(iso_buf_bytes(&shown->context), &context, NULL) != ISO_OK)
        return false;
    if (held == NULL)
        return !shown->found && context.shown.count == 0 && context.hlc == 0 &&
               iso_version_equal(shown->version, none);
    bool found =
        held->operation == ISO_PUT && (!held->has_expiry || held->expiry_ms > now_ms);
    return shown->found == found && iso_version_equal(shown->version, held->version) &&
           context.hlc == held->version.hlc && context.shown.count == 1 &&
           iso_version_equal(iso_names_at(context.shown, 0), held->version) &&
           (!found || (iso_bytes_equal(shown->value, held->value) &&
                       shown->has_expiry == held->has_expiry &&
                       (!held->has_expiry || shown->expiry_ms == held->expiry_ms)));
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

static void lww_restore(struct law_random *random, struct iso_coming *write,
                        const struct law_row *row, const struct iso_buf *context)
{
    static _Thread_local uint8_t names[2 * ISO_VERSION_SIZE];
    struct iso_context seen;
    enum iso_err err = iso_context_decode(iso_buf_bytes(context), &seen, NULL);
    iso_assert(err == ISO_OK && seen.shown.count <= 1);
    iso_version_put(names, row->version);
    if (seen.shown.count > 0)
        memcpy(names + ISO_VERSION_SIZE, seen.shown.data, ISO_VERSION_SIZE);
    uint8_t *value = iso_arena_take(&random->law.arena, row->size);
    if (row->size > 0)
        memcpy(value, row->value, row->size);
    write->operation = ISO_PUT;
    write->value = iso_bytes(value, row->size);
    write->read = (struct iso_names){names, 1 + seen.shown.count};
}

const struct law_model law_lww_model = {
    .draw = law_plain_draw,
    .added = law_plain_added,
    .advance = law_plain_advance,
    .restore = lww_restore,
    .child = law_plain_child,
    .print = law_plain_print,
    .expect = lww_expect,
    .shows = lww_shows,
    .tally = lww_tally,
};
