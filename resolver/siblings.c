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
    iso_part_asides_begin(&part);
    err = iso_part_change(&part, &change);
    if (err != ISO_OK)
        return err;
    iso_part_asides_end(&part);
    iso_parts_encode(&merged->parts, coming->key, &merged->scratch, &merged->row,
                     &merged->is);
    merged->changed = !iso_bytes_equal(merge->held, iso_buf_bytes(&merged->row));
    return ISO_OK;
}

/* ---- what readers see ---- */

/* Of a key that is written and never read there may be very many values, and more than
 * a reader can take: the newest are shown. What has expired is named without being
 * shown, so that a write replaces it too. */
struct sibling_showing {
    struct iso_shown *shown;
    struct iso_held *siblings;
    size_t bytes, hidden;
    bool full;
    struct iso_buf *names; /* the newest first */
};

static void sibling_name_add(struct sibling_showing *showing,
                             struct iso_version version)
{
    uint8_t name[ISO_VERSION_SIZE];
    iso_version_put(name, version);
    iso_buf_add(showing->names, name, sizeof name);
}

static void sibling_show(struct sibling_showing *showing, const struct iso_held *held)
{
    struct iso_shown *shown = showing->shown;
    shown->sibling_total++;
    showing->full |= shown->sibling_count == ISO_SIBLINGS_SHOWN_MAX ||
                     (shown->sibling_count > 0 &&
                      showing->bytes + held->value.size > ISO_SIBLINGS_BYTES_MAX);
    if (showing->full)
        return;
    showing->bytes += held->value.size;
    showing->siblings[shown->sibling_count++] = *held;
    sibling_name_add(showing, held->version);
}

static void sibling_names_reverse(struct iso_buf *names)
{
    uint8_t name[ISO_VERSION_SIZE];
    size_t count = names->size / ISO_VERSION_SIZE;
    for (size_t n = 0; n < count / 2; n++) {
        uint8_t *one = names->data + n * ISO_VERSION_SIZE;
        uint8_t *other = names->data + (count - 1 - n) * ISO_VERSION_SIZE;
        memcpy(name, one, sizeof name);
        memcpy(one, other, sizeof name);
        memcpy(other, name, sizeof name);
    }
}

/* The siblings in a new array of the entry's arena. */
static void siblings_show_newest(struct sibling_showing *showing,
                                 const struct iso_part *part, int64_t now_ms)
{
    struct iso_shown *shown = showing->shown;
    size_t room = part->value_count < ISO_SIBLINGS_SHOWN_MAX ? part->value_count
                                                             : ISO_SIBLINGS_SHOWN_MAX;
    iso_buf_clear(showing->names);
    showing->siblings =
        iso_arena_take(&shown->parts.arena, room * sizeof *showing->siblings);
    for (size_t i = part->value_count; i-- > 0;)
        if (iso_held_visible(&part->values[i], now_ms))
            sibling_show(showing, &part->values[i]);
        else if (showing->hidden++ < ISO_SIBLINGS_SHOWN_MAX)
            sibling_name_add(showing, part->values[i].version);
    sibling_names_reverse(showing->names);
    shown->siblings = showing->siblings;
    shown->found = shown->sibling_count > 0;
    if (!shown->found)
        return;
    shown->value = shown->siblings[0].value;
    shown->has_expiry = shown->siblings[0].kind == ISO_EXPIRING;
    shown->expiry_ms = shown->siblings[0].expiry_ms;
}

static enum iso_err siblings_show(struct iso_bytes key, struct iso_bytes row,
                                  int64_t now_ms, struct iso_shown *shown,
                                  struct iso_why *why)
{
    struct iso_context context = {0};
    struct sibling_showing showing = {.shown = shown, .names = &shown->scratch};
    iso_shown_clear(shown);
    enum iso_err err =
        iso_parts_decode(row, key, ISO_PARTS_SIBLINGS, &shown->parts, why);
    if (err != ISO_OK)
        return err;
    if (shown->parts.count > 0 && shown->parts.parts[0].value_count > 0) {
        const struct iso_part *part = &shown->parts.parts[0];
        shown->version = part->values[part->value_count - 1].version;
        siblings_show_newest(&showing, part, now_ms);
        context.hlc = shown->version.hlc;
        context.shown = (struct iso_names){showing.names->data,
                                           showing.names->size / ISO_VERSION_SIZE};
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
