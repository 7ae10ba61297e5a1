/* What readers must be shown of the parts that are expected, and how a case is printed.
 */
#include "tests/law/fields_model.h"

#include <inttypes.h>

#include "tests/law/law_parts.h"

struct showing {
    const struct law_expected *expected;
    const struct iso_shown *shown;
    int64_t now_ms;
    size_t fields; /* of `shown`, compared so far */
    bool found;
    struct iso_version newest;
    uint64_t hlc;
};

static void showing_meet(struct showing *showing, struct iso_version version)
{
    if (iso_version_compare(version, showing->newest) > 0)
        showing->newest = version;
    if (version.hlc > showing->hlc)
        showing->hlc = version.hlc;
}

static bool is_visible(const struct showing *showing, const struct iso_part *part)
{
    for (size_t n = 0; n < part->value_count; n++)
        if (part->values[n].kind == ISO_VALUE ||
            (part->values[n].kind == ISO_EXPIRING &&
             part->values[n].expiry_ms > showing->now_ms))
            return true;
    return false;
}

static bool seen_values_are(struct showing *showing, const struct iso_part *part,
                            const struct iso_seen_part *seen)
{
    bool is_extreme = part->rule == ISO_RULE_MAX || part->rule == ISO_RULE_MIN;
    bool is_visible_now = is_visible(showing, part);
    size_t count = is_extreme ? 0 : part->value_count;
    if (seen->names.count != count || seen->shown != is_visible_now)
        return false;
    for (size_t n = 0; n < part->value_count; n++) {
        showing_meet(showing, part->values[n].version);
        if (!is_extreme && !law_names_hold(seen->names, part->values[n].version))
            return false;
    }
    if (part->has_clear)
        showing_meet(showing, part->clear);
    return true;
}

/* The best value of max and min stands first: the others are newer and worse. */
static bool values_are_shown(struct showing *showing, const struct iso_part *part,
                             const struct iso_seen_part *seen,
                             const struct shape_path *path)
{
    if (!seen_values_are(showing, part, seen))
        return false;
    if (!is_visible(showing, part))
        return true;
    showing->found = true;
    if (path->is_mark)
        return true;
    if (showing->fields == showing->shown->field_count)
        return false;
    const struct iso_shown_part *field = &showing->shown->fields[showing->fields++];
    const struct iso_held *held = &part->values[0];
    if (!iso_bytes_equal(field->path.field, path->path.field) ||
        !iso_bytes_equal(field->path.member, path->path.member) ||
        !iso_bytes_equal(field->path.element, path->path.element))
        return false;
    if (part->rule == ISO_RULE_SET || part->rule == ISO_RULE_FLAG)
        return true;
    return iso_bytes_equal(field->datum, held->value) &&
           memcmp(field->fingerprint, held->fingerprint, ISO_FINGERPRINT_SIZE) == 0 &&
           seen->hash == iso_seen_hash(held->fingerprint, held->value);
}

static bool counter_is_shown(struct showing *showing, const struct iso_part *part,
                             const struct iso_seen_part *seen)
{
    int64_t value = 0;
    bool there = false;
    if (seen->sum_count != part->sum_count)
        return false;
    for (size_t i = 0; i < part->sum_count; i++) {
        const struct iso_sum *sum = &part->sums[i];
        struct iso_sum base = {0};
        for (size_t n = 0; n < part->base_count; n++)
            if (part->bases[n].log == sum->log && part->bases[n].region == sum->region)
                base = part->bases[n];
        value += base.next <= sum->next ? sum->sum - base.sum : 0;
        there |= sum->next > base.next;
        if (seen->sums[i].next != sum->next || seen->sums[i].sum != sum->sum ||
            seen->sums[i].log != sum->log || seen->sums[i].region != sum->region)
            return false;
    }
    if (seen->value != value || seen->added != 0 || seen->shown != there)
        return false;
    showing->found |= there;
    return !there || (showing->fields < showing->shown->field_count &&
                      showing->shown->fields[showing->fields++].number == value);
}

static bool fields_shows(const struct law_expected *expected,
                         const struct iso_shown *shown, int64_t now_ms)
{
    struct showing showing = {.expected = expected, .shown = shown, .now_ms = now_ms};
    const struct shape_path *paths;
    shape_paths(&paths);
    if (shown->seen.count != expected->parts.count)
        return false;
    if (expected->parts.has_delete)
        showing_meet(&showing, expected->parts.deleted.version);
    for (size_t i = 0; i < expected->parts.count; i++) {
        const struct iso_part *part = &expected->parts.parts[i];
        const struct iso_seen_part *seen = &shown->seen.parts[i];
        if (!iso_bytes_equal(seen->path, part->path) || seen->rule != part->rule)
            return false;
        bool is = part->rule == ISO_RULE_COUNTER
                      ? counter_is_shown(&showing, part, seen)
                      : values_are_shown(&showing, part, seen,
                                         &paths[shape_path_find(part->path)]);
        if (!is)
            return false;
    }
    return showing.fields == shown->field_count && shown->found == showing.found &&
           iso_version_equal(shown->version, showing.newest) &&
           shown->seen.hlc == showing.hlc;
}

static void fields_print(const struct law_case *law, size_t n, struct iso_buf *text)
{
    static const char *const acts[] = {"set", "remove", "count", "was shown"};
    const struct law_ops *ops = law->ops[n];
    const struct shape_path *paths;
    shape_paths(&paths);
    iso_buf_print(text, "%s%s", law->writes[n].blind ? " blind" : "",
                  ops->is_forged ? " forged" : "");
    for (size_t i = 0; i < ops->count; i++) {
        const struct law_op *op = &ops->ops[i];
        iso_buf_print(text, "\n    %s ", acts[op->act]);
        iso_path_text(&paths[op->path].path, text);
        if (op->act == LAW_COUNT)
            iso_buf_print(text, " %" PRId64, op->by);
        else
            iso_buf_print(text, " #%zu", op->rank);
        law_names_print(op->names, text);
        for (size_t s = 0; s < op->sum_count; s++)
            iso_buf_print(text, " {%u/%u to %" PRId64 ": %" PRId64 "}",
                          (unsigned)op->sums[s].log, (unsigned)op->sums[s].region,
                          op->sums[s].next, op->sums[s].sum);
    }
}

const struct law_model law_fields_model = {
    .draw = law_fields_draw,
    .added = law_fields_added,
    .advance = law_fields_advance,
    .restore = law_fields_restore,
    .print = fields_print,
    .expect = law_fields_expect,
    .shows = fields_shows,
    .print_outcome = law_parts_print,
    .tally = law_parts_row_tally,
};
