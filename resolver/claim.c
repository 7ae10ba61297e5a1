/* Names: a log that is read late leaves as many behind as there are writes missing, and
 * a false claim as many as it likes. All must be kept until H passes them, or two
 * regions would disagree about the ledger. The part keeps the first NAMES_MAX; the
 * others become marks in the ledger (ISO_LOSER_NAME), one row each. So a merge touches
 * a bounded row, memory does not grow with the claims, and the disk grows only with
 * what travelled. A mark is met at the one place where it matters: when its write is
 * about to enter.
 *
 * Fails with ISO_DAMAGED (the entry's count of ledger rows is not what it was) and with
 * what the ledger's port fails with.
 *
 * ISO_PLANTED(mistake) is 0 in every product: the law test compiles this file a second
 * time with mistakes planted, each of which the law must catch (tests/law). */
#include "resolver/claim.h"
#include "resolver/names.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif
#ifndef NAMES_MAX
#define NAMES_MAX 256
#endif

/* ---- the ledger */

static enum iso_err ledger_count_is_wrong(uint32_t losers, uint32_t left,
                                          struct iso_why *why)
{
    return iso_fail(
        why, ISO_DAMAGED,
        "the entry of a key counts %u rows in the conflict ledger, but %u left "
        "it: entry or ledger is damaged, repair this region from another",
        (unsigned)losers, (unsigned)left);
}

static enum iso_err ledger_leave(struct iso_claim *claim, struct iso_version version,
                                 bool *left)
{
    const struct iso_ledger *ledger = claim->merge->ledger;
    *left = false;
    if (*claim->losers == 0)
        return ISO_OK;
    enum iso_err err =
        ledger->leave(ledger->self, claim->field, version, left, claim->why);
    if (err == ISO_OK && *left && !ISO_PLANTED(losers_stay_counted))
        --*claim->losers;
    return err;
}

static enum iso_err ledger_leave_older(struct iso_claim *claim, struct iso_bytes field)
{
    const struct iso_ledger *ledger = claim->merge->ledger;
    struct iso_version below = claim->merge->coming->version;
    uint32_t left = 0;
    if (*claim->losers == 0)
        return ISO_OK;
    if (ISO_PLANTED(blind_takes_newer_losers))
        below.hlc = UINT64_MAX;
    enum iso_err err = ledger->leave_older(
        ledger->self, field, below, claim->merge->coming->log, &left, claim->why);
    if (err != ISO_OK)
        return err;
    if (left > *claim->losers)
        return ledger_count_is_wrong(*claim->losers, left, claim->why);
    *claim->losers -= left;
    return ISO_OK;
}

/* A write whose version must be in no row. */
static enum iso_err ledger_add(struct iso_claim *claim, const struct iso_loser *loser)
{
    const struct iso_ledger *ledger = claim->merge->ledger;
    if (*claim->losers == UINT32_MAX)
        return iso_fail(claim->why, ISO_STORE_FULL,
                        "a key has %u rows in the conflict ledger, more than can be "
                        "counted: settle its conflicts by writing it",
                        (unsigned)*claim->losers);
    ++*claim->losers;
    return ledger->enter(ledger->self, loser, claim->why);
}

static enum iso_err ledger_mark(struct iso_claim *claim, const uint8_t *name)
{
    struct iso_loser mark = {.key = claim->merge->coming->key,
                             .field = claim->field,
                             .version = iso_version_get(name),
                             .rule = ISO_LOSER_NAME};
    return ledger_add(claim, &mark);
}

enum iso_err iso_claim_lose(struct iso_claim *claim, const struct iso_loser *loser,
                            bool coming)
{
    bool marked;
    enum iso_err err = ledger_leave(claim, loser->version, &marked);
    if (err != ISO_OK || (marked && coming && !ISO_PLANTED(marks_unread)))
        return err;
    return ledger_add(claim, loser);
}

enum iso_err iso_claim_meet_mark(struct iso_claim *claim)
{
    bool marked;
    if (claim->is_dead)
        return ISO_OK;
    enum iso_err err = ledger_leave(claim, claim->merge->coming->version, &marked);
    claim->is_dead = marked && !ISO_PLANTED(marks_unread);
    return err;
}

enum iso_err iso_claim_leave_own(struct iso_claim *claim)
{
    return ledger_leave_older(claim, (struct iso_bytes){0});
}

/* ---- names */

/* Below H nothing is admitted any more, so a name there has nobody to wait for. */
static bool name_is_swept(const struct iso_claim *claim, const uint8_t *name)
{
    return iso_hlc_ms(iso_get_u64(name)) < claim->merge->swept_ms;
}

/* One more name to be remembered: in the part while it has room, then as a mark. */
static enum iso_err name_add(struct iso_claim *claim, const uint8_t *name, size_t *room)
{
    if (*room == 0)
        return ledger_mark(claim, name);
    --*room;
    iso_buf_add(&claim->out->names, name, ISO_VERSION_SIZE);
    return ISO_OK;
}

/* The names to be remembered, gathered in out->names: those that were, but what has
 * come and what is swept, and `more` (ascending, each once, none swept). */
static enum iso_err names_merge(struct iso_claim *claim, struct iso_names more)
{
    struct iso_names old = claim->remembered;
    struct iso_buf *names = &claim->out->names;
    size_t room = old.count < NAMES_MAX ? NAMES_MAX - old.count : 0;
    const uint8_t *added = more.data, *end = added + more.count * ISO_VERSION_SIZE;
    uint8_t came[ISO_VERSION_SIZE];
    enum iso_err err = ISO_OK;
    iso_version_put(came, claim->merge->coming->version);
    iso_buf_clear(names);
    for (size_t n = 0; err == ISO_OK && n < old.count; n++) {
        const uint8_t *kept = old.data + n * ISO_VERSION_SIZE;
        int order = -1;
        for (; err == ISO_OK && added < end; added += ISO_VERSION_SIZE) {
            order = iso_name_compare(kept, added);
            if (order <= 0)
                break;
            err = name_add(claim, added, &room);
        }
        if (added < end && order == 0)
            added += ISO_VERSION_SIZE;
        if (iso_name_compare(kept, came) != 0 && !name_is_swept(claim, kept))
            iso_buf_add(names, kept, ISO_VERSION_SIZE);
    }
    for (; err == ISO_OK && added < end; added += ISO_VERSION_SIZE)
        err = name_add(claim, added, &room);
    if (!iso_bytes_equal(iso_buf_bytes(names),
                         iso_bytes(old.data, old.count * ISO_VERSION_SIZE)))
        claim->names = (struct iso_names){names->data, names->size / ISO_VERSION_SIZE};
    return err;
}

/* Is there anything to be forgotten or added? Mostly not. */
static enum iso_err names_settle(struct iso_claim *claim, struct iso_names more)
{
    struct iso_names old = claim->remembered;
    if (ISO_PLANTED(names_are_not_remembered))
        more.count = 0;
    bool forgets = old.count > 0 && (claim->is_dead || name_is_swept(claim, old.data));
    return forgets || more.count > 0 ? names_merge(claim, more) : ISO_OK;
}

/* ---- what the coming write replaces */

/* The names as a set, in order, of what is smaller than the write itself. */
static void named_gather(struct iso_claim *claim)
{
    struct iso_buf *copy = &claim->out->scratch;
    size_t count = claim->read.count, kept = 0;
    iso_buf_clear(copy);
    iso_buf_add(copy, claim->read.data, count * ISO_VERSION_SIZE);
    iso_names_sort(copy->data, count);
    for (size_t n = 0; n < count; n++) {
        const uint8_t *name = copy->data + n * ISO_VERSION_SIZE;
        if (kept > 0 &&
            iso_name_compare(copy->data + (kept - 1) * ISO_VERSION_SIZE, name) == 0)
            continue;
        if (iso_version_compare(iso_version_get(name), claim->merge->coming->version) >=
                0 &&
            !ISO_PLANTED(larger_names_count))
            break;
        memmove(copy->data + kept++ * ISO_VERSION_SIZE, name, ISO_VERSION_SIZE);
    }
    claim->named = (struct iso_names){copy->data, kept};
}

void iso_claim_begin(struct iso_claim *claim)
{
    claim->named = (struct iso_names){0};
    claim->names = claim->remembered;
    claim->is_dead = iso_names_hold(claim->remembered, claim->merge->coming->version);
    if (!claim->blind && claim->read.count > 0)
        named_gather(claim);
    if (claim->is_dead && ISO_PLANTED(the_dead_claim_nothing)) {
        claim->blind = false;
        claim->named = (struct iso_names){0};
    }
}

bool iso_claim_takes(const struct iso_claim *claim, struct iso_version version,
                     uint16_t log)
{
    const struct iso_coming *coming = claim->merge->coming;
    const struct iso_ledger *ledger = claim->merge->ledger;
    if (!claim->blind)
        return iso_names_hold(claim->named, version);
    if (iso_node_region(version.node) != iso_node_region(coming->version.node) &&
        !ISO_PLANTED(blind_takes_any_region))
        return false;
    if (iso_version_compare(version, coming->version) >= 0)
        return false;
    return log == coming->log || (!ISO_PLANTED(blind_forgets_succession) &&
                                  ledger->succeeds(ledger->self, coming->log, log));
}

static bool is_held(const struct iso_held *held, size_t count,
                    struct iso_version version)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = iso_version_compare(held[middle].version, version);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The names that are to be remembered are moved to the front. A row that left may have
 * been a mark, so its name is remembered as if there had been none. */
static enum iso_err settle_named(struct iso_claim *claim, const struct iso_held *held,
                                 size_t count)
{
    uint8_t *names = claim->out->scratch.data;
    size_t waiting = 0;
    for (size_t n = 0; n < claim->named.count; n++) {
        const uint8_t *name = claim->named.data + n * ISO_VERSION_SIZE;
        struct iso_version version = iso_version_get(name);
        bool left;
        if (is_held(held, count, version))
            continue;
        enum iso_err err = ledger_leave(claim, version, &left);
        if (err != ISO_OK)
            return err;
        if (!name_is_swept(claim, name))
            memmove(names + waiting++ * ISO_VERSION_SIZE, name, ISO_VERSION_SIZE);
    }
    claim->named.count = 0; /* moved */
    return names_settle(claim, (struct iso_names){names, waiting});
}

enum iso_err iso_claim_settle(struct iso_claim *claim, const struct iso_held *held,
                              size_t count)
{
    if (!claim->blind)
        return settle_named(claim, held, count);
    enum iso_err err = ledger_leave_older(claim, claim->field);
    return err == ISO_OK ? names_settle(claim, (struct iso_names){0}) : err;
}

/* ---- forgetting */

enum iso_err iso_marks_forget(const struct iso_sweep *sweep, uint32_t *losers,
                              struct iso_why *why)
{
    const struct iso_ledger *ledger = sweep->ledger;
    uint32_t left = 0;
    if (*losers == 0 || ISO_PLANTED(marks_are_kept))
        return ISO_OK;
    int64_t swept_ms = sweep->swept_ms + (ISO_PLANTED(marks_go_early) ? 400 : 0);
    enum iso_err err = ledger->forget(ledger->self, swept_ms, &left, why);
    if (err != ISO_OK)
        return err;
    if (left > *losers)
        return ledger_count_is_wrong(*losers, left, why);
    *losers -= ISO_PLANTED(marks_stay_counted) ? 0 : left;
    return ISO_OK;
}

/* They ascend: what is below H stands first. */
struct iso_names iso_names_forget(struct iso_names names, int64_t swept_ms)
{
    swept_ms += ISO_PLANTED(names_go_early) ? 400 : 0;
    while (names.count > 0 && iso_hlc_ms(iso_names_at(names, 0).hlc) < swept_ms) {
        names.data += ISO_VERSION_SIZE;
        names.count--;
    }
    return names;
}
