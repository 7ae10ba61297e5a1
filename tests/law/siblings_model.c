/* The dumb model of siblings: what no write replaced, from the set of writes, by the
 * words of DESIGN.md, section 4, and in no order. Nothing is ever lost. */
#include "tests/law/siblings_model.h"

#include "tests/law/law_parts.h"
#include "tests/law/law_plain.h"

static void siblings_expect(const struct law_case *law, struct law_expected *expected)
{
    static const uint8_t mark[2];
    law_expected_clear(expected);
    expected->parts.format = ISO_PARTS_SIBLINGS;
    for (size_t n = 0; n < law->count; n++) {
        const struct iso_coming *w = &law->writes[n];
        struct iso_held held = {.version = w->version,
                                .kind = w->has_expiry ? ISO_EXPIRING : ISO_VALUE,
                                .expiry_ms = w->expiry_ms,
                                .value = w->value};
        if (w->operation == ISO_DELETE || law_plain_has_child(law, w) ||
            law_held_is_swept(&held, law->swept_ms))
            continue;
        struct iso_part *part =
            iso_parts_add(&expected->parts, iso_bytes(mark, sizeof mark), ISO_RULE_SET);
        law_part_hold(expected, part, &held);
    }
    law_parts_tally(expected, law->count > 0 ? law->writes[0].key : iso_bytes_text(""));
}

static bool is_visible(const struct iso_held *held, int64_t now_ms)
{
    return held->kind == ISO_VALUE || held->expiry_ms > now_ms;
}

static bool siblings_are(const struct iso_part *part, const struct iso_shown *shown,
                         int64_t now_ms)
{
    size_t at = 0;
    for (size_t n = part->value_count; n-- > 0;) {
        const struct iso_held *held = &part->values[n];
        if (!is_visible(held, now_ms))
            continue;
        if (at == shown->sibling_count)
            return false;
        const struct iso_held *sibling = &shown->siblings[at++];
        if (!iso_version_equal(sibling->version, held->version) ||
            !iso_bytes_equal(sibling->value, held->value) ||
            sibling->kind != held->kind || sibling->expiry_ms != held->expiry_ms)
            return false;
    }
    return at == shown->sibling_count && shown->found == (at > 0) &&
           (at == 0 || iso_bytes_equal(shown->value, shown->siblings[0].value));
}

static bool siblings_shows(const struct law_expected *expected,
                           const struct iso_shown *shown, int64_t now_ms)
{
    static const struct iso_part nothing;
    const struct iso_part *part =
        expected->parts.count > 0 ? &expected->parts.parts[0] : &nothing;
    struct iso_version newest = {0};
    struct iso_context context;
    if (part->value_count > 0)
        newest = part->values[part->value_count - 1].version;
    if (iso_context_decode(iso_buf_bytes(&shown->context), &context, NULL) != ISO_OK ||
        context.hlc != newest.hlc || context.shown.count != part->value_count ||
        !iso_version_equal(shown->version, newest))
        return false;
    for (size_t n = 0; n < part->value_count; n++)
        if (!law_names_hold(context.shown, part->values[n].version))
            return false;
    return siblings_are(part, shown, now_ms);
}

const struct law_model law_siblings_model = {
    .draw = law_plain_draw,
    .added = law_plain_added,
    .advance = law_plain_advance,
    .child = law_plain_child,
    .print = law_plain_print,
    .expect = siblings_expect,
    .shows = siblings_shows,
    .print_outcome = law_parts_print,
    .tally = law_parts_row_tally,
};
