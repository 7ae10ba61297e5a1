/* siblings: every value that no write replaced is kept, and readers get them all,
 * newest first. A write with their context replaces them; a DELETE replaces and leaves
 * nothing but names. `plugin:NAME` keeps the same: a plug-in decides what is shown, and
 * nothing else. The entry is one part of the form values (part_values.c), without a
 * field. */
#include "resolver/part_merge.h"
#include "resolver/table.h"

static enum iso_err siblings_admit(const struct iso_coming *coming, struct iso_why *why)
{
    if (coming->operation == ISO_PUT || coming->operation == ISO_DELETE)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED,
                    "a PATCH, but the collection's resolver keeps values whole, as "
                    "siblings: put the whole value, or make a collection with "
                    "--resolver fields");
}

static enum iso_err siblings_merge(const struct iso_merge *merge,
                                   struct iso_merged *merged, struct iso_why *why)
{
    const struct iso_coming *coming = merge->coming;
    struct iso_part_merge part = {.merge = merge, .out = merged, .why = why};
    iso_merged_clear(merged);
    enum iso_err err = iso_parts_decode(merge->held, coming->key, ISO_PARTS_SIBLINGS,
                                        &merged->parts, why);
    if (err != ISO_OK)
        return err;
    iso_parts_tally(&merged->parts, coming->key, &merged->scratch, &merged->was);
    struct iso_change change = {
        .kind = coming->operation == ISO_PUT ? ISO_CHANGE_SET : ISO_CHANGE_REMOVE,
        .path = iso_part_mark(),
        .rule = ISO_RULE_SET,
        .value = coming->value,
        .blind = coming->blind,
        .read = coming->read};
    err = iso_part_change(&part, &change);
    if (err != ISO_OK)
        return err;
    iso_parts_encode(&merged->parts, coming->key, &merged->scratch, &merged->row,
                     &merged->is);
    merged->changed = !iso_bytes_equal(merge->held, iso_buf_bytes(&merged->row));
    return ISO_OK;
}

/* The visible values, newest first, in a new array of the entry's arena. */
static void show_newest_first(struct iso_shown *shown, const struct iso_part *part,
                              int64_t now_ms)
{
    struct iso_held *siblings =
        iso_arena_take(&shown->parts.arena, part->value_count * sizeof *siblings);
    for (size_t i = part->value_count; i-- > 0;)
        if (iso_held_visible(&part->values[i], now_ms))
            siblings[shown->sibling_count++] = part->values[i];
    shown->siblings = siblings;
    shown->found = shown->sibling_count > 0;
    if (!shown->found)
        return;
    shown->value = siblings[0].value;
    shown->has_expiry = siblings[0].kind == ISO_EXPIRING;
    shown->expiry_ms = siblings[0].expiry_ms;
}

static enum iso_err siblings_show(struct iso_bytes key, struct iso_bytes row,
                                  int64_t now_ms, struct iso_shown *shown,
                                  struct iso_why *why)
{
    struct iso_context context = {0};
    iso_shown_clear(shown);
    enum iso_err err =
        iso_parts_decode(row, key, ISO_PARTS_SIBLINGS, &shown->parts, why);
    if (err != ISO_OK)
        return err;
    if (shown->parts.count > 0) {
        const struct iso_part *part = &shown->parts.parts[0];
        struct iso_buf *names = &shown->scratch;
        iso_buf_clear(names);
        for (size_t i = 0; i < part->value_count; i++) {
            iso_buf_add_u64(names, part->values[i].version.hlc);
            iso_buf_add_u64(names, part->values[i].version.node);
            shown->version = part->values[i].version;
        }
        context.hlc = shown->version.hlc;
        context.shown = (struct iso_names){names->data, part->value_count};
        show_newest_first(shown, part, now_ms);
    }
    iso_context_encode(&context, &shown->context);
    return ISO_OK;
}

const struct iso_resolver iso_resolver_siblings = {
    .name = "siblings",
    .admit = siblings_admit,
    .merge = siblings_merge,
    .show = siblings_show,
};
