/* What readers see of the parts, and what they were shown of each: the context of the
 * write that follows. A removed or expired value is not shown, but named: who writes
 * after it replaces it. */
#include "base/mem.h"
#include "resolver/part_merge.h"
#include "resolver/table.h"

struct showing {
    struct iso_shown *shown;
    int64_t now_ms;
    struct iso_buf *names; /* of the part in hand */
};

static void newest(struct iso_shown *shown, struct iso_version version)
{
    if (iso_version_compare(version, shown->version) > 0)
        shown->version = version;
    if (version.hlc > shown->seen.hlc)
        shown->seen.hlc = version.hlc;
}

static void shown_add(struct iso_shown *shown, const struct iso_shown_part *part)
{
    if (shown->field_count == shown->field_room) {
        shown->field_room = shown->field_room * 2 + 8;
        shown->fields =
            iso_realloc(shown->fields, shown->field_room * sizeof *shown->fields);
    }
    shown->fields[shown->field_count++] = *part;
}

static void names_of(struct showing *showing, const struct iso_part *part)
{
    struct iso_buf *names = showing->names;
    iso_buf_clear(names);
    for (size_t i = 0; i < part->value_count; i++) {
        iso_buf_reserve(names, ISO_VERSION_SIZE);
        iso_version_put(names->data + names->size, part->values[i].version);
        names->size += ISO_VERSION_SIZE;
    }
}

static bool is_visible(const struct showing *showing, const struct iso_part *part)
{
    for (size_t i = 0; i < part->value_count; i++)
        if (iso_held_visible(&part->values[i], showing->now_ms))
            return true;
    return false;
}

/* lww, max, min, elements and flags. The first of an extreme's values is its best. */
static void show_values(struct showing *showing, const struct iso_part *part,
                        struct iso_shown_part *view)
{
    struct iso_shown *shown = showing->shown;
    struct iso_seen_part seen = {.path = part->path, .rule = part->rule};
    bool visible = is_visible(showing, part);
    for (size_t i = 0; i < part->value_count; i++)
        newest(shown, part->values[i].version);
    if (part->has_clear)
        newest(shown, part->clear);
    if (visible && iso_part_form(part->rule) != ISO_FORM_VALUES) {
        view->fingerprint = part->values[0].fingerprint;
        view->datum = part->values[0].value;
        view->held = &part->values[0];
        seen.hash = iso_seen_hash_held(view->held);
    }
    if (iso_part_form(part->rule) != ISO_FORM_EXTREME)
        names_of(showing, part);
    seen.names = (struct iso_names){showing->names->data,
                                    showing->names->size / ISO_VERSION_SIZE};
    seen.shown = visible;
    iso_seen_add(&shown->seen, &seen);
    shown->found |= visible;
    bool is_mark = view->path.field.size == 0;
    if (is_mark && visible && part->values[0].kind == ISO_EXPIRING) {
        shown->has_expiry = true;
        shown->expiry_ms = part->values[0].expiry_ms;
    }
    if (visible && !is_mark)
        shown_add(shown, view);
}

static const struct iso_sum *base_of(const struct iso_part *part,
                                     const struct iso_sum *sum)
{
    for (size_t i = 0; i < part->base_count; i++)
        if (part->bases[i].log == sum->log && part->bases[i].region == sum->region)
            return &part->bases[i];
    return NULL;
}

/* A sum whose base is ahead of it counts as nothing: the reset came first. */
static void show_counter(struct showing *showing, const struct iso_part *part,
                         struct iso_shown_part *view)
{
    uint64_t number = 0;
    bool there = false;
    for (size_t i = 0; i < part->sum_count; i++) {
        const struct iso_sum *sum = &part->sums[i], *base = base_of(part, sum);
        if (base != NULL && base->next > sum->next)
            continue;
        number += (uint64_t)sum->sum - (base != NULL ? (uint64_t)base->sum : 0);
        there |= base == NULL || sum->next > base->next;
    }
    view->number = (int64_t)number;
    struct iso_seen_part seen = {.path = part->path,
                                 .rule = part->rule,
                                 .sums = part->sums,
                                 .sum_count = part->sum_count,
                                 .value = view->number,
                                 .shown = there};
    iso_seen_add(&showing->shown->seen, &seen);
    showing->shown->found |= there;
    if (there)
        shown_add(showing->shown, view);
}

enum iso_err iso_fields_show(struct iso_bytes key, struct iso_bytes row, int64_t now_ms,
                             struct iso_shown *shown, struct iso_why *why)
{
    iso_shown_clear(shown);
    enum iso_err err = iso_parts_decode(row, key, ISO_PARTS_FIELDS, &shown->parts, why);
    if (err != ISO_OK)
        return err;
    struct showing showing = {shown, now_ms, &shown->scratch};
    if (shown->parts.has_delete)
        newest(shown, shown->parts.deleted.version);
    for (size_t i = 0; i < shown->parts.count; i++) {
        const struct iso_part *part = &shown->parts.parts[i];
        struct iso_shown_part view = {.rule = part->rule};
        if (!iso_part_holds(part))
            continue; /* remembered names tell readers nothing */
        if (!iso_path_decode(part->path, &view.path))
            return iso_fail(why, ISO_DAMAGED,
                            "the stored entry has a part without a path: repair this "
                            "region from another");
        iso_buf_clear(showing.names);
        if (iso_part_form(part->rule) == ISO_FORM_COUNTER)
            show_counter(&showing, part, &view);
        else
            show_values(&showing, part, &view);
    }
    iso_seen_encode(&shown->seen, &shown->context);
    return ISO_OK;
}
