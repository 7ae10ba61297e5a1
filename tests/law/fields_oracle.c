/* What the writes of a record of fields come to: from the set of writes and each log's
 * own order, by the words of DESIGN.md, section 4, path by path. */
#include "tests/law/fields_model.h"
#include "tests/law/law_parts.h"

struct oracle {
    const struct law_case *law;
    struct law_expected *expected;
    const struct shape_path *paths;
    size_t at;                    /* the path in hand */
    const struct iso_coming *del; /* the newest DELETE, or NULL */
    bool is_real;                 /* no context is forged */
};

static const struct iso_coming *write_at(const struct oracle *oracle, size_t n)
{
    return &oracle->law->writes[n];
}

/* The write's operations on the path in hand, one by one. */
static const struct law_op *op_next(const struct oracle *oracle, size_t n,
                                    const struct law_op *after)
{
    const struct law_ops *ops = oracle->law->ops[n];
    const struct law_op *op = after == NULL ? ops->ops : after + 1;
    for (; op < ops->ops + ops->count; op++)
        if (op->path == oracle->at)
            return op;
    return NULL;
}

static const struct law_op *op_of(const struct oracle *oracle, size_t n,
                                  enum law_act act)
{
    const struct law_op *op = NULL;
    while ((op = op_next(oracle, n, op)) != NULL)
        if (op->act == act)
            return op;
    return NULL;
}

static bool replaces_blindly(const struct oracle *oracle, const struct iso_coming *c,
                             const struct iso_coming *w)
{
    return iso_node_region(c->version.node) == iso_node_region(w->version.node) &&
           law_before(oracle->law, w, c);
}

/* Does a write of larger version replace w here, by name or blindly? */
static bool has_child(const struct oracle *oracle, const struct iso_coming *w)
{
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct iso_coming *c = write_at(oracle, n);
        const struct law_op *op = op_next(oracle, n, NULL);
        if (iso_version_compare(c->version, w->version) <= 0 ||
            (op == NULL && c->operation != ISO_DELETE))
            continue;
        if (c->blind && replaces_blindly(oracle, c, w))
            return true;
        for (; !c->blind && op != NULL; op = op_next(oracle, n, op))
            if (law_names_hold(op->names, w->version))
                return true;
    }
    return false;
}

static bool is_deleted(const struct oracle *oracle, const struct iso_coming *w)
{
    return oracle->del != NULL &&
           iso_version_compare(oracle->del->version, w->version) > 0;
}

static struct iso_part *part_of(struct oracle *oracle)
{
    const struct shape_path *path = &oracle->paths[oracle->at];
    return iso_parts_add(&oracle->expected->parts, path->encoded, path->rule);
}

static struct iso_held held_of(const struct oracle *oracle, size_t n,
                               const struct law_op *op)
{
    const struct iso_coming *w = write_at(oracle, n);
    const struct shape_path *path = &oracle->paths[oracle->at];
    struct iso_held held = {.version = w->version,
                            .kind = ISO_TOMBSTONE,
                            .log = w->log,
                            .offset = w->offset};
    if (op->act != LAW_SET)
        return held;
    held.kind = w->has_expiry ? ISO_EXPIRING : ISO_VALUE;
    held.expiry_ms = w->expiry_ms;
    if (!path->is_mark && path->rule != ISO_RULE_SET && path->rule != ISO_RULE_FLAG) {
        held.value = path->values[op->rank];
        memcpy(held.fingerprint, w->fingerprint, ISO_FINGERPRINT_SIZE);
    }
    return held;
}

static void hold(struct oracle *oracle, size_t n, const struct law_op *op)
{
    struct iso_held held = held_of(oracle, n, op);
    if (!law_held_is_swept(&held, oracle->law->swept_ms))
        law_part_hold(oracle->expected, part_of(oracle), &held);
}

/* ---- lww ---- */

static void lose(struct oracle *oracle, size_t n, const struct law_op *op)
{
    const struct shape_path *path = &oracle->paths[oracle->at];
    struct iso_held held = held_of(oracle, n, op);
    uint8_t hash[1 + ISO_DIGEST_SIZE] = {0xff};
    struct iso_buf value = {0};
    iso_loser_field_encode(path->encoded, held.fingerprint, held.value, &value);
    struct iso_loser loser = {.field = path->encoded,
                              .version = held.version,
                              .rule = ISO_LOSER_FIELD,
                              .log = held.log,
                              .offset = held.offset,
                              .value = iso_buf_bytes(&value)};
    if (path->encoded.size > 64) {
        iso_digest_put(hash + 1, iso_hash128(path->encoded));
        loser.field = iso_bytes(hash, sizeof hash);
    }
    law_expect_row(oracle->expected, &loser);
    iso_buf_release(&value);
}

static void expect_lww(struct oracle *oracle)
{
    size_t held = LAW_WRITES_MAX;
    const struct law_op *held_op = NULL, *op;
    for (size_t n = 0; n < oracle->law->count; n++) {
        op = op_next(oracle, n, NULL);
        if (op == NULL || op->act == LAW_SHOWN ||
            (held_op != NULL &&
             iso_version_compare(write_at(oracle, n)->version,
                                 write_at(oracle, held)->version) < 0))
            continue;
        held = n;
        held_op = op;
    }
    if (held_op != NULL && is_deleted(oracle, write_at(oracle, held)))
        held = LAW_WRITES_MAX;
    if (held < LAW_WRITES_MAX)
        hold(oracle, held, held_op);
    for (size_t n = 0; n < oracle->law->count; n++) {
        op = op_of(oracle, n, LAW_SET);
        if (op != NULL && n != held && !write_at(oracle, n)->has_expiry &&
            !oracle->paths[oracle->at].is_mark &&
            !has_child(oracle, write_at(oracle, n)))
            lose(oracle, n, op);
    }
}

/* ---- sets and flags ---- */

static void expect_values(struct oracle *oracle)
{
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct law_op *op = op_of(oracle, n, LAW_SET);
        if (op != NULL && !has_child(oracle, write_at(oracle, n)))
            hold(oracle, n, op);
    }
}

/* ---- max and min ---- */

/* Is there a newer value that is as good? Ranks ascend in max's order. */
static bool is_dominated(const struct oracle *oracle, const struct iso_coming *w,
                         const struct law_op *op)
{
    bool is_min = oracle->paths[oracle->at].rule == ISO_RULE_MIN;
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct law_op *other = op_of(oracle, n, LAW_SET);
        if (other != NULL &&
            iso_version_compare(write_at(oracle, n)->version, w->version) > 0 &&
            (is_min ? other->rank <= op->rank : other->rank >= op->rank))
            return true;
    }
    return false;
}

static void expect_extreme(struct oracle *oracle)
{
    const struct iso_coming *clear = NULL;
    for (size_t n = 0; n < oracle->law->count; n++)
        if (op_of(oracle, n, LAW_REMOVE) != NULL &&
            (clear == NULL ||
             iso_version_compare(write_at(oracle, n)->version, clear->version) > 0))
            clear = write_at(oracle, n);
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct iso_coming *w = write_at(oracle, n);
        const struct law_op *op = op_of(oracle, n, LAW_SET);
        if (op == NULL || is_deleted(oracle, w) || is_dominated(oracle, w, op) ||
            (clear != NULL && iso_version_compare(clear->version, w->version) > 0))
            continue;
        hold(oracle, n, op);
    }
    if (clear == NULL || is_deleted(oracle, clear) ||
        iso_hlc_ms(clear->version.hlc) < oracle->law->swept_ms)
        return;
    struct iso_part *part = part_of(oracle);
    part->has_clear = true;
    part->clear = clear->version;
}

/* ---- counters ---- */

/* Of a log and a region: the increments below an offset. */
static struct iso_sum sum_below(const struct oracle *oracle, uint16_t log,
                                unsigned region, int64_t offset)
{
    struct iso_sum sum = {.log = log, .region = (uint8_t)region};
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct iso_coming *w = write_at(oracle, n);
        const struct law_op *op = NULL;
        if (w->log != log || iso_node_region(w->version.node) != region ||
            w->offset >= offset)
            continue;
        while ((op = op_next(oracle, n, op)) != NULL) {
            if (op->act != LAW_COUNT)
                continue;
            sum.next = w->offset + 1;
            sum.sum += op->by;
        }
    }
    return sum;
}

/* Is the n-th write a reset of the counter: by itself, or as a DELETE? */
static bool is_reset(const struct oracle *oracle, size_t n)
{
    return write_at(oracle, n)->operation == ISO_DELETE ||
           op_of(oracle, n, LAW_REMOVE) != NULL;
}

/* What the reset had observed of a log and a region. */
static struct iso_sum observed(const struct oracle *oracle, size_t n, uint16_t log,
                               unsigned region)
{
    const struct iso_coming *c = write_at(oracle, n);
    struct iso_sum none = {.log = log, .region = (uint8_t)region};
    if (c->blind && iso_node_region(c->version.node) != region)
        return none;
    if (c->blind && (c->log == log || oracle->law->succeeds[c->log][log]))
        return sum_below(oracle, log, region, c->log == log ? c->offset : INT64_MAX);
    const struct law_op *op = c->blind ? NULL : op_next(oracle, n, NULL);
    for (; op != NULL; op = op_next(oracle, n, op))
        for (size_t i = 0; i < op->sum_count; i++)
            if (op->sums[i].log == log && op->sums[i].region == region)
                return op->sums[i];
    return none;
}

static struct iso_sum base_of(const struct oracle *oracle, uint16_t log,
                              unsigned region)
{
    struct iso_sum base = {.log = log, .region = (uint8_t)region};
    for (size_t n = 0; n < oracle->law->count; n++) {
        struct iso_sum seen = {0};
        if (is_reset(oracle, n))
            seen = observed(oracle, n, log, region);
        if (seen.next > base.next || (seen.next == base.next && seen.sum > base.sum))
            base = seen;
    }
    return base;
}

static void sum_append(struct law_expected *expected, struct iso_sum **sums,
                       size_t *count, const struct iso_sum *sum)
{
    enum { SUMS_MAX = LAW_LOGS_MAX * LAW_REGIONS };
    if (*count == 0)
        *sums = iso_arena_take(&expected->parts.arena, SUMS_MAX * sizeof **sums);
    (*sums)[(*count)++] = *sum;
}

/* Of real contexts: the sum of the increments that no reset had observed. */
static int64_t counted(const struct oracle *oracle)
{
    int64_t value = 0;
    for (size_t n = 0; n < oracle->law->count; n++) {
        const struct iso_coming *w = write_at(oracle, n);
        const struct law_op *op = NULL;
        bool is_past = false;
        for (size_t c = 0; c < oracle->law->count; c++)
            is_past |=
                is_reset(oracle, c) &&
                observed(oracle, c, w->log, iso_node_region(w->version.node)).next >
                    w->offset;
        while (!is_past && (op = op_next(oracle, n, op)) != NULL)
            value += op->act == LAW_COUNT ? op->by : 0;
    }
    return value;
}

static void expect_counter(struct oracle *oracle)
{
    int64_t value = 0;
    for (uint16_t log = 1; log <= LAW_LOGS_MAX; log++) {
        for (unsigned region = 1; region <= LAW_REGIONS; region++) {
            struct iso_sum sum = sum_below(oracle, log, region, INT64_MAX);
            struct iso_sum base = base_of(oracle, log, region);
            if (sum.next == 0 && base.next == 0)
                continue;
            struct iso_part *part = part_of(oracle);
            if (sum.next > 0)
                sum_append(oracle->expected, &part->sums, &part->sum_count, &sum);
            if (base.next > 0)
                sum_append(oracle->expected, &part->bases, &part->base_count, &base);
            value += base.next <= sum.next ? sum.sum - base.sum : 0;
        }
    }
    if (oracle->is_real && value != counted(oracle))
        oracle->expected->broken =
            "a counter is not the sum of the increments that no reset had observed";
}

/* ---- the whole ---- */

static void oracle_begin(struct oracle *oracle, const struct law_case *law,
                         struct law_expected *expected)
{
    *oracle = (struct oracle){.law = law, .expected = expected, .is_real = true};
    shape_paths(&oracle->paths);
    law_expected_clear(expected);
    expected->parts.format = ISO_PARTS_FIELDS;
    for (size_t n = 0; n < law->count; n++) {
        const struct iso_coming *w = &law->writes[n];
        oracle->is_real &= !law->ops[n]->is_forged;
        if (w->operation == ISO_DELETE &&
            (oracle->del == NULL ||
             iso_version_compare(w->version, oracle->del->version) > 0))
            oracle->del = w;
    }
    if (oracle->del == NULL || iso_hlc_ms(oracle->del->version.hlc) < law->swept_ms)
        return;
    expected->parts.has_delete = true;
    expected->parts.deleted.version = oracle->del->version;
}

static void expect_path(struct oracle *oracle)
{
    switch (oracle->paths[oracle->at].rule) {
    case ISO_RULE_SET:
    case ISO_RULE_FLAG:
        expect_values(oracle);
        return;
    case ISO_RULE_COUNTER:
        expect_counter(oracle);
        return;
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
        expect_extreme(oracle);
        return;
    case ISO_RULE_LWW:
    case ISO_RULES:
        expect_lww(oracle);
    }
}

void law_fields_expect(const struct law_case *law, struct law_expected *expected)
{
    const struct shape_profile *profile = shape_profile(law->profile);
    struct oracle oracle;
    oracle_begin(&oracle, law, expected);
    expect_path(&oracle); /* the mark */
    for (size_t i = 0; i < profile->path_count; i++) {
        oracle.at = profile->paths[i];
        expect_path(&oracle);
    }
    law_parts_tally(expected, law->count > 0 ? law->writes[0].key : iso_bytes_text(""));
}
