/* A record of fields in a store, held to what its writes come to, part by part
 * (DESIGN.md, section 4). */
#include "tests/sim/sim_look.h"

/* A part in hand. */
struct fielding {
    struct sim_look *look;
    const struct sim_key *key;
    const char *name;
    const struct sim_prefix *prefix;
    const struct sim_effect *deleted; /* the newest DELETE; NULL */
    const struct sim_part *of;
    const struct iso_part *part; /* as it is stored; NULL: it is not */
    uint64_t losers;
};

#define PART_HOLDS(it, condition, what)                                         \
    SIM_LOOK_HOLDS((it)->look, condition, "%s, part %.*s: %s", (it)->name,      \
                   (int)((it)->of->path.size > 1 ? (it)->of->path.data[0] : 0), \
                   (const char *)(it)->of->path.data + 1, what)

static const struct sim_effect *write_of(const struct fielding *it,
                                         const struct sim_op *op)
{
    return &it->key->effects[op->effect];
}

static bool is_in(const struct fielding *it, const struct sim_op *op)
{
    return sim_effect_is_in(write_of(it, op), it->prefix);
}

/* Is the write older than `limit`, which may be NULL? */
static bool is_older(const struct sim_effect *write, const struct sim_effect *limit)
{
    return limit != NULL && iso_version_compare(limit->version, write->version) > 0;
}

static bool is_swept(const struct fielding *it, const struct sim_op *op)
{
    const struct sim_effect *write = write_of(it, op);
    int64_t swept_ms = it->prefix->swept_ms;
    if (op->act == SIM_ACT_SET && !write->has_expiry)
        return false;
    return iso_hlc_ms(write->version.hlc) < swept_ms &&
           (op->act != SIM_ACT_SET || write->expiry_ms < swept_ms);
}

/* The part holds what the operation wrote. */
static void held_check(struct fielding *it, const struct sim_op *op)
{
    const struct sim_effect *write = write_of(it, op);
    enum iso_entry_kind kind = op->act != SIM_ACT_SET ? ISO_TOMBSTONE
                               : write->has_expiry    ? ISO_EXPIRING
                                                      : ISO_VALUE;
    const struct iso_held *held = NULL;
    for (size_t i = 0; it->part != NULL && i < it->part->value_count; i++)
        if (iso_version_equal(it->part->values[i].version, write->version))
            held = &it->part->values[i];
    PART_HOLDS(it, held != NULL, "it lacks a value");
    PART_HOLDS(it, held->kind == kind, "a value is of another kind");
    PART_HOLDS(it, kind == ISO_TOMBSTONE || sim_held_is(held, op->value),
               "a value is another one");
}

static void count_check(struct fielding *it, size_t expected)
{
    size_t held = it->part != NULL ? it->part->value_count : 0;
    PART_HOLDS(it, held == expected,
               held > expected ? "it has a value too many" : "it has a value too few");
}

/* ---- lww ---- */

static const struct sim_op *lww_held(const struct fielding *it)
{
    const struct sim_op *held = NULL;
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        if (op->act == SIM_ACT_SHOWN || !is_in(it, op))
            continue;
        if (held == NULL || is_older(write_of(it, held), write_of(it, op)))
            held = op;
    }
    return held != NULL && is_older(write_of(it, held), it->deleted) ? NULL : held;
}

static bool lww_is_loser(const struct fielding *it, const struct sim_op *op,
                         const struct sim_op *held)
{
    return op->act == SIM_ACT_SET && op != held && is_in(it, op) &&
           !write_of(it, op)->has_expiry && it->of->field != NULL &&
           !sim_children_are_in(op->children, it->prefix);
}

static void lww_check(struct fielding *it)
{
    const struct sim_op *held = lww_held(it);
    for (size_t i = 0; i < it->of->count; i++)
        it->losers += lww_is_loser(it, &it->of->ops[i], held);
    bool there = held != NULL && !is_swept(it, held);
    if (there)
        held_check(it, held);
    count_check(it, there);
}

/* ---- sets and flags ---- */

static void values_check(struct fielding *it)
{
    size_t expected = 0;
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        bool again = i > 0 && it->of->ops[i - 1].effect == op->effect &&
                     it->of->ops[i - 1].act == SIM_ACT_SET; /* added twice */
        if (op->act != SIM_ACT_SET || again || !is_in(it, op) || is_swept(it, op) ||
            sim_children_are_in(op->children, it->prefix))
            continue;
        held_check(it, op);
        expected++;
    }
    count_check(it, expected);
}

/* ---- max and min ---- */

static bool is_dominated(const struct fielding *it, const struct sim_op *op)
{
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *other = &it->of->ops[i];
        if (other->act != SIM_ACT_SET || !is_in(it, other) ||
            !is_older(write_of(it, op), write_of(it, other)))
            continue;
        int order =
            iso_field_compare(it->of->fields, it->of->field, other->value, op->value);
        if (it->of->rule == ISO_RULE_MAX ? order >= 0 : order <= 0)
            return true;
    }
    return false;
}

static void extreme_check(struct fielding *it)
{
    const struct sim_effect *clear = NULL;
    size_t expected = 0;
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        if (op->act == SIM_ACT_REMOVE && is_in(it, op) &&
            (clear == NULL || is_older(clear, write_of(it, op))))
            clear = write_of(it, op);
    }
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        if (op->act != SIM_ACT_SET || !is_in(it, op) ||
            is_older(write_of(it, op), it->deleted) ||
            is_older(write_of(it, op), clear) || is_dominated(it, op))
            continue;
        held_check(it, op);
        expected++;
    }
    count_check(it, expected);
    bool cleared = clear != NULL && !is_older(clear, it->deleted) &&
                   iso_hlc_ms(clear->version.hlc) >= it->prefix->swept_ms;
    bool has = it->part != NULL && it->part->has_clear;
    PART_HOLDS(it,
               has == cleared &&
                   (!has || iso_version_equal(it->part->clear, clear->version)),
               "it was cleared otherwise");
}

/* ---- counters ---- */

static struct iso_sum sum_below(const struct fielding *it, unsigned log,
                                unsigned region, int64_t offset)
{
    struct iso_sum sum = {0};
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        const struct sim_effect *write = write_of(it, op);
        if (op->act != SIM_ACT_COUNT || !is_in(it, op) || write->log != log ||
            iso_node_region(write->version.node) != region || write->offset >= offset)
            continue;
        sum.next = write->offset + 1;
        sum.sum += op->by;
    }
    return sum;
}

static void base_raise(struct iso_sum *base, const struct iso_sum *seen)
{
    if (seen->next > base->next ||
        (seen->next == base->next && seen->sum > base->sum)) {
        base->next = seen->next;
        base->sum = seen->sum;
    }
}

/* What a reset by `write` had observed, of a log and a region. */
static void reset_observe(const struct fielding *it, const struct sim_effect *write,
                          const struct sim_op *op, unsigned log, unsigned region,
                          struct iso_sum *base)
{
    const struct sim *sim = it->look->region->sim;
    uint16_t number = sim->oracle.numbers[log];
    if (op == NULL || op->blind) {
        bool own = write->log == log;
        if ((!own && !sim_log_succeeds(sim, write->log, log)) ||
            iso_node_region(write->version.node) != region)
            return;
        struct iso_sum seen =
            sum_below(it, log, region, own ? write->offset : INT64_MAX);
        base_raise(base, &seen);
        return;
    }
    for (size_t i = 0; i < op->sum_count; i++)
        if (op->sums[i].log == number && op->sums[i].region == region)
            base_raise(base, &op->sums[i]);
}

static struct iso_sum base_of(const struct fielding *it, unsigned log, unsigned region)
{
    struct iso_sum base = {0};
    for (size_t i = 0; i < it->of->count; i++) {
        const struct sim_op *op = &it->of->ops[i];
        if ((op->act == SIM_ACT_REMOVE || op->act == SIM_ACT_SHOWN) && is_in(it, op))
            reset_observe(it, write_of(it, op), op, log, region, &base);
    }
    for (size_t i = 0; i < it->key->count; i++) {
        const struct sim_effect *write = &it->key->effects[i];
        if (write->is_delete && write->blind && sim_effect_is_in(write, it->prefix))
            reset_observe(it, write, NULL, log, region, &base);
    }
    return base;
}

static bool sums_have(const struct iso_sum *sums, size_t count, uint16_t log,
                      unsigned region, const struct iso_sum *expected)
{
    for (size_t i = 0; i < count; i++)
        if (sums[i].log == log && sums[i].region == region)
            return sums[i].next == expected->next && sums[i].sum == expected->sum;
    return expected->next == 0;
}

static void counter_check(struct fielding *it)
{
    const struct sim *sim = it->look->region->sim;
    static const struct iso_part none;
    const struct iso_part *part = it->part != NULL ? it->part : &none;
    for (unsigned log = 0; log < sim->oracle.log_count; log++) {
        uint16_t number = sim->oracle.numbers[log];
        uint64_t writers = iso_definition_log(sim->definition, number)->writers;
        for (unsigned region = 1; region <= sim->plan.regions; region++) {
            if ((writers >> (region - 1) & 1) == 0)
                continue;
            struct iso_sum sum = sum_below(it, log, region, INT64_MAX);
            struct iso_sum base = base_of(it, log, region);
            PART_HOLDS(it, sums_have(part->sums, part->sum_count, number, region, &sum),
                       "it counts otherwise");
            PART_HOLDS(it,
                       sums_have(part->bases, part->base_count, number, region, &base),
                       "it was reset otherwise");
        }
    }
}

/* ---- the whole ---- */

static void part_check(struct fielding *it)
{
    size_t at;
    it->part = iso_parts_find(&it->look->parts, it->of->path, &at)
                   ? &it->look->parts.parts[at]
                   : NULL;
    switch (it->of->rule) {
    case ISO_RULE_SET:
    case ISO_RULE_FLAG:
        values_check(it);
        return;
    case ISO_RULE_COUNTER:
        counter_check(it);
        return;
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
        extreme_check(it);
        return;
    case ISO_RULE_LWW:
    case ISO_RULES:
        lww_check(it);
    }
}

static bool loser_is_one(void *user, const struct iso_loser *loser)
{
    struct fielding *it = user;
    for (size_t p = 0; p < it->key->part_count; p++) {
        it->of = &it->key->parts[p];
        if (it->of->rule != ISO_RULE_LWW ||
            !iso_bytes_equal(it->of->path, loser->field))
            continue;
        const struct sim_op *held = lww_held(it);
        for (size_t i = 0; i < it->of->count; i++)
            if (iso_version_equal(write_of(it, &it->of->ops[i])->version,
                                  loser->version))
                return lww_is_loser(it, &it->of->ops[i], held);
    }
    return false;
}

void sim_look_fields(struct sim_look *look, const struct sim_key *key, const char *name,
                     const struct sim_prefix *prefix)
{
    struct fielding it = {.look = look, .key = key, .name = name, .prefix = prefix};
    struct iso_why why;
    SIM_OK(look->region->sim,
           iso_parts_decode(sim_look_row(look, name), iso_bytes_text(name),
                            ISO_PARTS_FIELDS, &look->parts, &why));
    for (size_t i = 0; i < key->count; i++)
        if (key->effects[i].is_delete && sim_effect_is_in(&key->effects[i], prefix) &&
            (it.deleted == NULL || is_older(it.deleted, &key->effects[i])))
            it.deleted = &key->effects[i];
    bool deleted =
        it.deleted != NULL && iso_hlc_ms(it.deleted->version.hlc) >= prefix->swept_ms;
    SIM_LOOK_HOLDS(look,
                   deleted == look->parts.has_delete &&
                       (!deleted || iso_version_equal(look->parts.deleted.version,
                                                      it.deleted->version)),
                   "%s was deleted otherwise", name);
    for (size_t p = 0; p < key->part_count; p++) {
        it.of = &key->parts[p];
        part_check(&it);
    }
    uint64_t losers = it.losers;
    uint64_t rows = sim_look_rows(look, name, loser_is_one, &it);
    SIM_LOOK_HOLDS(look, rows == losers, "%s has %llu rows in the ledger, not %llu",
                   name, (unsigned long long)rows, (unsigned long long)losers);
}
