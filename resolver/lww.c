/* lww: the larger version wins, and who lost without having been seen is written down.
 *
 * A merge has four steps. Is the coming write dead on arrival (its name is remembered:
 * a write that replaces it came before it)? What does it claim: rows leave the ledger,
 * names of what has not come yet are remembered, the held write is its child or is not?
 * Who wins? Who then stands nowhere, neither held nor replaced, enters the ledger.
 *
 *   held ──displaced, no child──▶ ledger ◀──beaten, not dead── coming
 *
 * A write that is beaten or dead claims all the same: what it replaces does not depend
 * on its luck. So every step commutes, and the law holds.
 *
 * Names: a log that is read late leaves as many behind as there are writes missing, and
 * a false claim as many as it likes. All must be kept until H passes them, or two
 * regions would disagree about the ledger. The row keeps the first LWW_NAMES_MAX; the
 * others become marks in the ledger (ISO_LOSER_NAME), one row each. So a merge touches
 * a bounded row, memory does not grow with the claims, and the disk grows only with
 * what travelled. A mark is met at the one place where it matters: when its write is
 * about to enter.
 *
 * Fails with ISO_DAMAGED (the held row, or its count of ledger rows, is not what was
 * stored) and with what the ledger's port fails with.
 *
 * ISO_PLANTED(mistake) is 0 in every product: the law test compiles this file a second
 * time with mistakes planted, each of which the law must catch (tests/law/lww_test.c).
 */
#include "resolver/names.h"
#include "resolver/table.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif
#ifndef LWW_NAMES_MAX
#define LWW_NAMES_MAX 256
#endif

struct lww {
    const struct iso_merge *merge;
    const struct iso_coming *coming;
    struct iso_merged *out;
    struct iso_why *why;
    struct iso_entry held, fresh; /* what is kept; what came */
    struct iso_names names;       /* to be remembered from now on */
    uint32_t losers;              /* ledger rows of the key, from now on */
    bool has_held;
    bool is_dead;   /* a child of what came is here already */
    bool has_child; /* what came replaces what is held */
    bool wins;
};

static const struct iso_bytes lww_field = {.data = (const uint8_t *)"", .size = 0};

/* ---- the ledger */

static enum iso_err ledger_count_is_wrong(struct lww *lww, uint32_t left)
{
    return iso_fail(
        lww->why, ISO_DAMAGED,
        "the entry of a key counts %u rows in the conflict ledger, but %u left "
        "it: entry or ledger is damaged, repair this region from another",
        (unsigned)lww->losers, (unsigned)left);
}

static enum iso_err ledger_leave(struct lww *lww, struct iso_version version,
                                 bool *left)
{
    const struct iso_ledger *ledger = lww->merge->ledger;
    *left = false;
    if (lww->losers == 0)
        return ISO_OK;
    enum iso_err err = ledger->leave(ledger->self, lww_field, version, left, lww->why);
    if (err == ISO_OK && *left && !ISO_PLANTED(losers_stay_counted))
        lww->losers--;
    return err;
}

static enum iso_err ledger_leave_older(struct lww *lww)
{
    const struct iso_ledger *ledger = lww->merge->ledger;
    struct iso_version below = lww->coming->version;
    uint32_t left = 0;
    if (lww->losers == 0)
        return ISO_OK;
    if (ISO_PLANTED(blind_takes_newer_losers))
        below.hlc = UINT64_MAX;
    enum iso_err err = ledger->leave_older(ledger->self, lww_field, below,
                                           lww->coming->log, &left, lww->why);
    if (err != ISO_OK)
        return err;
    if (left > lww->losers)
        return ledger_count_is_wrong(lww, left);
    lww->losers -= left;
    return ISO_OK;
}

/* A write whose version must be in no row. */
static enum iso_err ledger_add(struct lww *lww, const struct iso_loser *loser)
{
    const struct iso_ledger *ledger = lww->merge->ledger;
    if (lww->losers == UINT32_MAX)
        return iso_fail(lww->why, ISO_STORE_FULL,
                        "a key has %u rows in the conflict ledger, more than can be "
                        "counted: settle its conflicts by writing it",
                        (unsigned)lww->losers);
    lww->losers++;
    return ledger->enter(ledger->self, loser, lww->why);
}

static enum iso_err ledger_mark(struct lww *lww, const uint8_t *name)
{
    struct iso_loser mark = {.key = lww->coming->key,
                             .field = lww_field,
                             .version = iso_version_get(name),
                             .rule = ISO_LOSER_NAME};
    return ledger_add(lww, &mark);
}

/* Nobody who replaced `entry` had seen it. A DELETE and a value that expires hold
 * nothing to lose. A row of its version is a mark: then what came was replaced before
 * it came. */
static enum iso_err ledger_enter(struct lww *lww, const struct iso_entry *entry)
{
    bool marked;
    if (entry->kind == ISO_TOMBSTONE && !ISO_PLANTED(deletes_are_losers))
        return ISO_OK;
    if (entry->kind == ISO_EXPIRING && !ISO_PLANTED(expiring_are_losers))
        return ISO_OK;
    enum iso_err err = ledger_leave(lww, entry->version, &marked);
    if (err != ISO_OK || (marked && entry == &lww->fresh && !ISO_PLANTED(marks_unread)))
        return err;
    struct iso_loser loser = {.key = lww->coming->key,
                              .field = lww_field,
                              .version = entry->version,
                              .rule = ISO_LOSER_LWW,
                              .log = entry->log,
                              .offset = entry->offset,
                              .value = entry->value};
    return ledger_add(lww, &loser);
}

/* ---- names */

/* Below H nothing is admitted any more, so a name there has nobody to wait for. */
static bool name_is_swept(const struct lww *lww, const uint8_t *name)
{
    return iso_hlc_ms(iso_get_u64(name)) < lww->merge->swept_ms;
}

/* One more name to be remembered: in the row while it has room, then as a mark. */
static enum iso_err name_add(struct lww *lww, const uint8_t *name, size_t *room)
{
    if (*room == 0)
        return ledger_mark(lww, name);
    --*room;
    iso_buf_add(&lww->out->names, name, ISO_VERSION_SIZE);
    return ISO_OK;
}

/* The names to be remembered, gathered in out->names: those of the held row but what
 * has come and what is swept, and `more` (ascending, each once, none swept). */
static enum iso_err names_merge(struct lww *lww, struct iso_names more)
{
    struct iso_names old = lww->held.names;
    struct iso_buf *names = &lww->out->names;
    size_t room = old.count < LWW_NAMES_MAX ? LWW_NAMES_MAX - old.count : 0;
    const uint8_t *added = more.data, *end = added + more.count * ISO_VERSION_SIZE;
    uint8_t came[ISO_VERSION_SIZE];
    enum iso_err err = ISO_OK;
    iso_version_put(came, lww->coming->version);
    iso_buf_clear(names);
    for (size_t n = 0; err == ISO_OK && n < old.count; n++) {
        const uint8_t *kept = old.data + n * ISO_VERSION_SIZE;
        int order = -1;
        for (; err == ISO_OK && added < end; added += ISO_VERSION_SIZE) {
            order = iso_name_compare(kept, added);
            if (order <= 0)
                break;
            err = name_add(lww, added, &room);
        }
        if (added < end && order == 0)
            added += ISO_VERSION_SIZE;
        if (iso_name_compare(kept, came) != 0 && !name_is_swept(lww, kept))
            iso_buf_add(names, kept, ISO_VERSION_SIZE);
    }
    for (; err == ISO_OK && added < end; added += ISO_VERSION_SIZE)
        err = name_add(lww, added, &room);
    if (!iso_bytes_equal(iso_buf_bytes(names),
                         iso_bytes(old.data, old.count * ISO_VERSION_SIZE)))
        lww->names = (struct iso_names){names->data, names->size / ISO_VERSION_SIZE};
    return err;
}

/* Is there anything to be forgotten or added? Mostly not. */
static enum iso_err names_settle(struct lww *lww, struct iso_names more)
{
    struct iso_names old = lww->held.names;
    lww->names = old;
    if (ISO_PLANTED(names_are_not_remembered))
        more.count = 0;
    bool forgets = old.count > 0 && (lww->is_dead || name_is_swept(lww, old.data));
    return forgets || more.count > 0 ? names_merge(lww, more) : ISO_OK;
}

/* ---- what the coming write replaces */

static bool is_own(const struct lww *lww, const struct iso_entry *older)
{
    const struct iso_coming *coming = lww->coming;
    const struct iso_ledger *ledger = lww->merge->ledger;
    if (iso_node_region(older->version.node) != iso_node_region(coming->version.node) &&
        !ISO_PLANTED(blind_takes_any_region))
        return false;
    if (iso_version_compare(older->version, coming->version) >= 0)
        return false;
    return older->log == coming->log ||
           (!ISO_PLANTED(blind_forgets_succession) &&
            ledger->succeeds(ledger->self, coming->log, older->log));
}

static enum iso_err claim_blind(struct lww *lww)
{
    lww->has_child = lww->has_held && is_own(lww, &lww->held);
    enum iso_err err = ledger_leave_older(lww);
    return err == ISO_OK ? names_settle(lww, (struct iso_names){0}) : err;
}

/* One name, smaller than the version of what came. *waits: it is to be remembered. A
 * row that left may have been a mark, so the name is remembered as if there had been
 * none. */
static enum iso_err claim_name(struct lww *lww, const uint8_t *name, bool *waits)
{
    struct iso_version version = iso_version_get(name);
    bool left;
    *waits = false;
    if (lww->has_held && iso_version_equal(version, lww->held.version)) {
        lww->has_child = true;
        return ISO_OK;
    }
    *waits = !name_is_swept(lww, name);
    return ledger_leave(lww, version, &left);
}

/* The names that are to be remembered are moved to the front of the sorted copy. */
static enum iso_err claim_named(struct lww *lww)
{
    struct iso_names read = lww->coming->read;
    struct iso_buf *copy = &lww->out->scratch;
    size_t waiting = 0;
    iso_buf_clear(copy);
    iso_buf_add(copy, read.data, read.count * ISO_VERSION_SIZE);
    iso_names_sort(copy->data, read.count);
    for (size_t n = 0; n < read.count; n++) {
        const uint8_t *name = copy->data + n * ISO_VERSION_SIZE;
        bool waits;
        if (n > 0 && iso_name_compare(name - ISO_VERSION_SIZE, name) == 0)
            continue;
        if (iso_version_compare(iso_version_get(name), lww->coming->version) >= 0 &&
            !ISO_PLANTED(larger_names_count))
            break;
        enum iso_err err = claim_name(lww, name, &waits);
        if (err != ISO_OK)
            return err;
        if (waits)
            memmove(copy->data + waiting++ * ISO_VERSION_SIZE, name, ISO_VERSION_SIZE);
    }
    return names_settle(lww, (struct iso_names){copy->data, waiting});
}

static enum iso_err claim(struct lww *lww)
{
    if (lww->is_dead && ISO_PLANTED(the_dead_claim_nothing))
        return names_settle(lww, (struct iso_names){0});
    return lww->coming->blind ? claim_blind(lww) : claim_named(lww);
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
    if (!lww->wins && (!lww->is_dead || ISO_PLANTED(the_dead_are_losers)) &&
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
    lww->is_dead = iso_names_hold(lww->held.names, lww->coming->version);
    lww->out->was = tally_of(&lww->held, canonical);
    return ISO_OK;
}

/* The names of the held row are in names_merge's buffer only when they changed. */
static void row_write(struct lww *lww)
{
    struct iso_merged *out = lww->out;
    bool names_changed =
        lww->names.count != lww->held.names.count ||
        (lww->names.count > 0 && lww->names.data != lww->held.names.data);
    out->changed = lww->wins || names_changed || lww->losers != lww->held.losers;
    out->is = out->was;
    if (!out->changed)
        return;
    struct iso_entry entry = lww->wins ? lww->fresh : lww->held;
    struct iso_digest canonical;
    entry.losers = lww->losers;
    entry.names = lww->names;
    iso_entry_encode(&entry, lww->coming->key, &out->scratch, &out->row, &canonical);
    out->is = tally_of(&entry, canonical);
}

static enum iso_err lww_merge(const struct iso_merge *merge, struct iso_merged *merged,
                              struct iso_why *why)
{
    const struct iso_coming *coming = merge->coming;
    iso_assert(coming->operation == ISO_PUT || coming->operation == ISO_DELETE);
    struct lww lww = {.merge = merge, .coming = coming, .out = merged, .why = why};
    lww.fresh = entry_of(coming);
    merged->changed = false;
    merged->alarm = false;
    merged->was = merged->is = (struct iso_tally){0};
    iso_buf_clear(&merged->row);
    enum iso_err err = held_decode(&lww);
    if (err == ISO_OK)
        err = claim(&lww);
    if (err == ISO_OK)
        err = settle(&lww);
    if (err == ISO_OK)
        row_write(&lww);
    return err;
}

static enum iso_err lww_show(struct iso_bytes key, struct iso_bytes row, int64_t now_ms,
                             struct iso_buf *scratch, struct iso_shown *shown,
                             struct iso_why *why)
{
    struct iso_entry entry;
    struct iso_digest canonical;
    *shown = (struct iso_shown){0};
    if (row.size == 0)
        return ISO_OK;
    enum iso_err err = iso_entry_decode(row, key, scratch, &entry, &canonical, why);
    if (err != ISO_OK)
        return err;
    shown->version = entry.version;
    shown->hlc = entry.version.hlc; /* a name is smaller than the write that gave it */
    iso_buf_clear(scratch);
    iso_buf_reserve(scratch, ISO_VERSION_SIZE);
    iso_version_put(scratch->data, entry.version);
    scratch->size = ISO_VERSION_SIZE;
    shown->context = (struct iso_names){scratch->data, 1};
    shown->found = entry.kind == ISO_VALUE ||
                   (entry.kind == ISO_EXPIRING && entry.expiry_ms > now_ms);
    if (!shown->found)
        return ISO_OK;
    shown->value = entry.value;
    shown->has_expiry = entry.kind == ISO_EXPIRING;
    shown->expiry_ms = entry.expiry_ms;
    return ISO_OK;
}

const struct iso_resolver iso_resolver_lww = {
    .name = "lww",
    .merge = lww_merge,
    .show = lww_show,
};
