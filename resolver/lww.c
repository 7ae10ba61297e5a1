/* lww: the larger version wins, and who lost without having been seen is written down.
 *
 * A merge has four steps. Is the coming write dead on arrival (its name is remembered:
 * a write that replaces it came before it)? What does it claim (claim.h): is the held
 * write its child's, or not? Who wins? Who then stands nowhere, neither held nor
 * replaced, enters the ledger.
 *
 *   held ──displaced, no child──▶ ledger ◀──beaten, not dead── coming
 *
 * Fails with ISO_DAMAGED (the held row, or its count of ledger rows, is not what was
 * stored) and with what the ledger's port fails with.
 *
 * ISO_PLANTED(mistake) is 0 in every product: the law test compiles this file a second
 * time with mistakes planted, each of which the law must catch (tests/law).
 */
#include "resolver/claim.h"
#include "resolver/table.h"
#include "schema/entry.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

struct lww {
    const struct iso_merge *merge;
    const struct iso_coming *coming;
    struct iso_merged *out;
    struct iso_why *why;
    struct iso_entry held, fresh; /* what is kept; what came */
    struct iso_claim claim;
    uint32_t losers; /* ledger rows of the key, from now on */
    bool has_held;
    bool has_child; /* what came replaces what is held */
    bool wins;
};

static const struct iso_bytes lww_field = {.data = (const uint8_t *)"", .size = 0};

/* Nobody who replaced `entry` had seen it. A DELETE and a value that expires hold
 * nothing to lose. */
static enum iso_err ledger_enter(struct lww *lww, const struct iso_entry *entry)
{
    if (entry->kind == ISO_TOMBSTONE && !ISO_PLANTED(deletes_are_losers))
        return ISO_OK;
    if (entry->kind == ISO_EXPIRING && !ISO_PLANTED(expiring_are_losers))
        return ISO_OK;
    struct iso_loser loser = {.key = lww->coming->key,
                              .field = lww_field,
                              .version = entry->version,
                              .rule = ISO_LOSER_LWW,
                              .log = entry->log,
                              .offset = entry->offset,
                              .value = entry->value};
    return iso_claim_lose(&lww->claim, &loser, entry == &lww->fresh);
}

static enum iso_err claim(struct lww *lww)
{
    struct iso_held held = {.version = lww->held.version};
    lww->claim = (struct iso_claim){.merge = lww->merge,
                                    .out = lww->out,
                                    .why = lww->why,
                                    .field = lww_field,
                                    .blind = lww->coming->blind,
                                    .read = lww->coming->read,
                                    .remembered = lww->held.names,
                                    .losers = &lww->losers};
    iso_claim_begin(&lww->claim);
    lww->has_child =
        lww->has_held && iso_claim_takes(&lww->claim, lww->held.version, lww->held.log);
    return iso_claim_settle(&lww->claim, &held, lww->has_held);
}

/* ---- who wins */

/* Version; then, of two contents under one version: the delete, the larger bytes, no
 * expiry, the later expiry. */
static int entry_compare(const struct iso_entry *a, const struct iso_entry *b)
{
    int order = iso_version_compare(a->version, b->version);
    if (ISO_PLANTED(ties_go_to_who_comes) && a->version.hlc == b->version.hlc)
        return -1;
    if (order != 0)
        return order;
    if ((a->kind == ISO_TOMBSTONE) != (b->kind == ISO_TOMBSTONE))
        return a->kind == ISO_TOMBSTONE ? 1 : -1;
    order = iso_bytes_compare(a->value, b->value);
    if (order != 0)
        return order;
    if (a->kind != b->kind)
        return a->kind == ISO_VALUE ? 1 : -1;
    return (a->expiry_ms > b->expiry_ms) - (a->expiry_ms < b->expiry_ms);
}

static enum iso_err settle(struct lww *lww)
{
    int order = lww->has_held ? entry_compare(&lww->held, &lww->fresh) : -1;
    lww->wins = order < 0;
    if (order == 0)
        return ISO_OK;
    lww->out->alarm =
        lww->has_held && iso_version_equal(lww->held.version, lww->fresh.version);
    if (lww->wins && lww->has_held &&
        (!lww->has_child || ISO_PLANTED(replaced_are_losers)))
        return ledger_enter(lww, &lww->held);
    if (!lww->wins && (!lww->claim.is_dead || ISO_PLANTED(the_dead_are_losers)) &&
        !ISO_PLANTED(beaten_are_forgotten))
        return ledger_enter(lww, &lww->fresh);
    return ISO_OK;
}

/* ---- the merge */

static struct iso_tally tally_of(const struct iso_entry *entry,
                                 struct iso_digest canonical)
{
    struct iso_tally tally = {0};
    switch (entry->kind) {
    case ISO_VALUE:
        tally.live = canonical;
        tally.values = 1;
        break;
    case ISO_TOMBSTONE:
        tally.mortal = canonical;
        tally.tombstones = 1;
        break;
    case ISO_EXPIRING:
        tally.mortal = canonical;
        tally.expiring = 1;
        break;
    }
    return tally;
}

static struct iso_entry entry_of(const struct iso_coming *coming)
{
    struct iso_entry entry = {.kind = ISO_TOMBSTONE,
                              .version = coming->version,
                              .log = coming->log,
                              .offset = coming->offset};
    if (coming->operation == ISO_DELETE)
        return entry;
    entry.kind = coming->has_expiry ? ISO_EXPIRING : ISO_VALUE;
    entry.expiry_ms = coming->has_expiry ? coming->expiry_ms : 0;
    entry.value = coming->value;
    return entry;
}

static enum iso_err held_decode(struct lww *lww)
{
    const struct iso_merge *merge = lww->merge;
    struct iso_digest canonical;
    lww->has_held = merge->held.size > 0;
    if (!lww->has_held)
        return ISO_OK;
    /* The new row is written while the old one is read. */
    iso_assert(merge->held.data != lww->out->row.data);
    enum iso_err err =
        iso_entry_decode(merge->held, lww->coming->key, &lww->out->scratch, &lww->held,
                         &canonical, lww->why);
    if (err != ISO_OK)
        return err;
    lww->losers = lww->held.losers;
    lww->out->was = tally_of(&lww->held, canonical);
    lww->out->was_due_ms = iso_entry_due_ms(&lww->held);
    return ISO_OK;
}

static void row_write(struct lww *lww)
{
    struct iso_merged *out = lww->out;
    struct iso_names names = lww->claim.names;
    bool names_changed = names.count != lww->held.names.count ||
                         (names.count > 0 && names.data != lww->held.names.data);
    out->changed = lww->wins || names_changed || lww->losers != lww->held.losers;
    out->is = out->was;
    out->is_due_ms = out->was_due_ms;
    if (!out->changed)
        return;
    struct iso_entry entry = lww->wins ? lww->fresh : lww->held;
    struct iso_digest canonical;
    entry.losers = lww->losers;
    entry.names = names;
    iso_entry_encode(&entry, lww->coming->key, &out->scratch, &out->row, &canonical);
    out->is = tally_of(&entry, canonical);
    out->is_due_ms = iso_entry_due_ms(&entry);
}

static enum iso_err lww_merge(const struct iso_merge *merge, struct iso_merged *merged,
                              struct iso_why *why)
{
    const struct iso_coming *coming = merge->coming;
    iso_assert(coming->operation == ISO_PUT || coming->operation == ISO_DELETE);
    struct lww lww = {.merge = merge, .coming = coming, .out = merged, .why = why};
    lww.fresh = entry_of(coming);
    iso_merged_clear(merged);
    enum iso_err err = held_decode(&lww);
    if (err == ISO_OK)
        err = claim(&lww);
    if (err == ISO_OK)
        err = settle(&lww);
    if (err == ISO_OK)
        row_write(&lww);
    return err;
}

/* ---- forgetting */

static bool is_over(const struct iso_entry *entry, int64_t swept_ms)
{
    swept_ms += ISO_PLANTED(tombstones_go_early) ? 400 : 0;
    if (entry->kind == ISO_TOMBSTONE)
        return iso_hlc_ms(entry->version.hlc) < swept_ms;
    if (ISO_PLANTED(expiry_alone_decides))
        return entry->kind == ISO_EXPIRING && entry->expiry_ms < swept_ms;
    return entry->kind == ISO_EXPIRING &&
           iso_expiry_due_ms(entry->version, entry->expiry_ms) < swept_ms;
}

/* The names of an entry are smaller than its version, so none is left of one that goes.
 * One that has losers stays for them: writes look there for how many they are. */
static enum iso_err lww_sweep(const struct iso_sweep *sweep, struct iso_merged *merged,
                              struct iso_why *why)
{
    struct iso_entry entry;
    struct iso_digest canonical;
    iso_merged_clear(merged);
    enum iso_err err = iso_entry_decode(sweep->held, sweep->key, &merged->scratch,
                                        &entry, &canonical, why);
    if (err != ISO_OK)
        return err;
    struct iso_entry before = entry;
    merged->was = tally_of(&entry, canonical);
    merged->was_due_ms = iso_entry_due_ms(&entry);
    err = iso_marks_forget(sweep, &entry.losers, why);
    if (err != ISO_OK)
        return err;
    entry.names = iso_names_forget(entry.names, sweep->swept_ms);
    bool goes = is_over(&entry, sweep->swept_ms) &&
                (entry.losers == 0 || ISO_PLANTED(rows_go_before_their_losers));
    merged->changed = goes || entry.losers != before.losers ||
                      entry.names.count != before.names.count;
    if (goes)
        return ISO_OK;
    merged->is = merged->was;
    merged->is_due_ms = iso_entry_due_ms(&entry);
    if (merged->changed)
        iso_entry_encode(&entry, sweep->key, &merged->scratch, &merged->row,
                         &canonical);
    return ISO_OK;
}

/* ---- who may write, and what is shown */

static enum iso_err lww_admit(const struct iso_coming *coming, struct iso_why *why)
{
    if (coming->operation == ISO_PUT || coming->operation == ISO_DELETE)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED,
                    "a PATCH, but the collection's resolver is lww, which keeps values "
                    "whole: put the whole value, or make a collection with --resolver "
                    "fields");
}

static enum iso_err lww_show(struct iso_bytes key, struct iso_bytes row, int64_t now_ms,
                             struct iso_shown *shown, struct iso_why *why)
{
    struct iso_entry entry = {0};
    struct iso_digest canonical;
    struct iso_context context = {0};
    uint8_t name[ISO_VERSION_SIZE];
    iso_shown_clear(shown);
    if (row.size > 0) {
        enum iso_err err =
            iso_entry_decode(row, key, &shown->scratch, &entry, &canonical, why);
        if (err != ISO_OK)
            return err;
        iso_version_put(name, entry.version);
        /* A name is smaller than the write that gave it. */
        context.hlc = entry.version.hlc;
        context.shown = (struct iso_names){name, 1};
        shown->version = entry.version;
        shown->found = entry.kind == ISO_VALUE ||
                       (entry.kind == ISO_EXPIRING && entry.expiry_ms > now_ms);
    }
    iso_context_encode(&context, &shown->context);
    if (!shown->found)
        return ISO_OK;
    shown->value = entry.value;
    shown->has_expiry = entry.kind == ISO_EXPIRING;
    shown->expiry_ms = shown->has_expiry ? entry.expiry_ms : 0;
    return ISO_OK;
}

const struct iso_resolver iso_resolver_lww = {
    .name = "lww",
    .admit = lww_admit,
    .merge = lww_merge,
    .sweep = lww_sweep,
    .show = lww_show,
};
