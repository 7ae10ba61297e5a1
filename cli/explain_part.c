/* Each form of part has its JSON and its sentence; they follow resolver/part_*.c, which
 * decides what is told here. */
#include "cli/explain.h"

enum { NAMES_SHOWN = 8, LOSERS_SHOWN = 3 };

struct telling {
    const struct cli_held *held;
    const struct iso_explained *explained;
    const struct iso_part *part;
    struct iso_path path;
    json_t *object;
    struct iso_buf why;
};

json_t *iso_cli_explain_write(const struct cli_held *held, const struct iso_held *write)
{
    json_t *object = json_object();
    iso_cli_held_writer(held, write->version, object);
    iso_cli_held_position(write->log, write->offset, object);
    if (write->kind == ISO_EXPIRING)
        json_object_set_new(object, "expiry_ms", json_integer(write->expiry_ms));
    return object;
}

void iso_cli_explain_names(const struct cli_held *held, struct iso_names names,
                           json_t *object)
{
    if (names.count == 0)
        return;
    json_t *first = json_array();
    for (size_t i = 0; i < names.count && i < NAMES_SHOWN; i++) {
        json_t *name = json_object();
        iso_cli_held_writer(held, iso_names_at(names, i), name);
        json_array_append_new(first, name);
    }
    json_object_set_new(
        object, "remembered",
        json_pack("{s:I, s:o}", "count", (json_int_t)names.count, "first", first));
}

void iso_cli_explain_larger(const struct cli_held *held,
                            const struct iso_explained *explained,
                            struct iso_version version, struct iso_bytes path,
                            struct iso_buf *why)
{
    size_t count = 0;
    for (size_t i = 0; i < explained->loser_count; i++)
        count += iso_bytes_equal(explained->losers[i].path, path);
    iso_buf_print(why, count > 0 ? "larger version: " : "the newest write: ");
    iso_cli_held_author(held, version, why);
    if (count == 0) {
        iso_buf_print(why, "; nothing lost to it unseen");
        return;
    }
    size_t shown = 0;
    for (size_t i = 0; i < explained->loser_count && shown < LOSERS_SHOWN; i++) {
        if (!iso_bytes_equal(explained->losers[i].path, path))
            continue;
        iso_buf_print(why, shown++ == 0 ? " over " : ", ");
        iso_cli_held_author(held, explained->losers[i].version, why);
    }
    if (count > shown)
        iso_buf_print(why, " and %zu more", count - shown);
}

static bool is_visible(const struct telling *telling, const struct iso_held *write)
{
    return write->kind == ISO_VALUE || (write->kind == ISO_EXPIRING &&
                                        write->expiry_ms > telling->explained->now_ms);
}

/* ---- by form ---- */

static void tell_lww(struct telling *telling)
{
    const struct iso_part *part = telling->part;
    bool is_mark = telling->path.field.size == 0;
    if (part->value_count == 0) {
        iso_buf_print(&telling->why, "no write of it is held");
        return;
    }
    const struct iso_held *write = &part->values[0];
    if (write->kind == ISO_TOMBSTONE)
        json_object_set_new(telling->object, "removed", json_true());
    else if (!is_mark)
        json_object_set_new(telling->object, "value",
                            iso_cli_held_part(telling->held, &telling->path,
                                              write->fingerprint, write->value));
    if (is_mark) {
        iso_cli_held_author(telling->held, write->version, &telling->why);
        iso_buf_print(&telling->why, " put the record as a whole");
        return;
    }
    iso_cli_explain_larger(telling->held, telling->explained, write->version,
                           part->path, &telling->why);
    if (write->kind == ISO_TOMBSTONE)
        iso_buf_print(&telling->why, "; it took the value away");
    else if (!is_visible(telling, write))
        iso_buf_print(&telling->why, "; it has expired, and is hidden");
}

/* A set's element, a flag. */
static void tell_values(struct telling *telling)
{
    const struct iso_part *part = telling->part;
    bool is_set = part->rule == ISO_RULE_SET;
    size_t visible = 0;
    for (size_t i = 0; i < part->value_count; i++)
        visible += is_visible(telling, &part->values[i]);
    json_object_set_new(telling->object, "value", json_boolean(visible > 0));
    if (visible == 0) {
        iso_buf_print(&telling->why, is_set ? "whatever added it was removed or expired"
                                            : "whatever enabled it was disabled or "
                                              "expired");
        return;
    }
    iso_buf_print(&telling->why, "%s by %zu write%s that no %s had seen: ",
                  is_set ? "added" : "enabled", visible, visible == 1 ? "" : "s",
                  is_set ? "remove" : "disable");
    for (size_t i = 0, shown = 0; i < part->value_count && shown < LOSERS_SHOWN; i++) {
        if (!is_visible(telling, &part->values[i]))
            continue;
        iso_buf_print(&telling->why, shown++ == 0 ? "" : ", ");
        iso_cli_held_author(telling->held, part->values[i].version, &telling->why);
    }
}

static void tell_extreme(struct telling *telling)
{
    const struct iso_part *part = telling->part;
    const char *best = part->rule == ISO_RULE_MAX ? "largest" : "smallest";
    if (part->has_clear) {
        json_t *clear = json_object();
        iso_cli_held_writer(telling->held, part->clear, clear);
        json_object_set_new(telling->object, "cleared", clear);
    }
    if (part->value_count == 0) {
        iso_buf_print(&telling->why, "cleared, and nothing was written since");
        return;
    }
    const struct iso_held *first = &part->values[0];
    json_object_set_new(telling->object, "value",
                        iso_cli_held_part(telling->held, &telling->path,
                                          first->fingerprint, first->value));
    iso_buf_print(&telling->why, "the %s of what was written%s: ", best,
                  part->has_clear ? " since it was cleared" : "");
    iso_cli_held_author(telling->held, first->version, &telling->why);
}

static const struct iso_sum *base_of(const struct iso_part *part,
                                     const struct iso_sum *sum)
{
    for (size_t i = 0; i < part->base_count; i++)
        if (part->bases[i].log == sum->log && part->bases[i].region == sum->region)
            return &part->bases[i];
    return NULL;
}

static json_t *sum_json(const struct telling *telling, const struct iso_sum *sum)
{
    const struct iso_definition_region *region =
        iso_definition_region(telling->held->definition, sum->region);
    json_t *object = json_pack("{s:i, s:I, s:I}", "log", (int)sum->log, "next",
                               (json_int_t)sum->next, "sum", (json_int_t)sum->sum);
    json_object_set_new(object, "region",
                        region != NULL ? json_string(region->name)
                                       : json_integer(sum->region));
    return object;
}

/* One log's and region's share; returns what it counts. */
static int64_t tell_sum(struct telling *telling, const struct iso_sum *sum,
                        json_t *sums)
{
    const struct iso_sum *base = base_of(telling->part, sum);
    bool is_ahead = base != NULL && base->next > sum->next;
    uint64_t counts = (uint64_t)sum->sum - (base != NULL ? (uint64_t)base->sum : 0);
    json_t *object = sum_json(telling, sum);
    if (base != NULL)
        json_object_set_new(object, "base",
                            json_pack("{s:I, s:I}", "next", (json_int_t)base->next,
                                      "sum", (json_int_t)base->sum));
    if (is_ahead)
        counts = 0;
    json_object_set_new(object, "counts", json_integer((json_int_t)counts));
    const char *region = json_string_value(json_object_get(object, "region"));
    iso_buf_print(&telling->why, "%s%s in log %u counted %lld",
                  json_array_size(sums) > 0 ? "; " : "",
                  region != NULL ? region : "a region without a name", sum->log,
                  (long long)sum->sum);
    if (base != NULL)
        iso_buf_print(&telling->why,
                      is_ahead ? ", which a reset is ahead of"
                               : ", of which a reset took %lld",
                      (long long)base->sum);
    json_array_append_new(sums, object);
    return (int64_t)counts;
}

static void tell_counter(struct telling *telling)
{
    json_t *sums = json_array();
    uint64_t number = 0;
    for (size_t i = 0; i < telling->part->sum_count; i++)
        number += (uint64_t)tell_sum(telling, &telling->part->sums[i], sums);
    if (telling->part->sum_count == 0)
        iso_buf_print(&telling->why, "it was reset, and nothing was counted since");
    json_object_set_new(telling->object, "value", json_integer((json_int_t)number));
    json_object_set_new(telling->object, "sums", sums);
}

/* ---- a part ---- */

static void tell_writes(struct telling *telling)
{
    const struct iso_part *part = telling->part;
    bool has_bytes = iso_part_form(part->rule) == ISO_FORM_EXTREME;
    json_t *writes = json_array();
    for (size_t i = 0; i < part->value_count; i++) {
        json_t *write = iso_cli_explain_write(telling->held, &part->values[i]);
        if (has_bytes)
            json_object_set_new(write, "value",
                                iso_cli_held_part(telling->held, &telling->path,
                                                  part->values[i].fingerprint,
                                                  part->values[i].value));
        json_array_append_new(writes, write);
    }
    json_object_set_new(telling->object, "writes", writes);
    iso_cli_explain_names(telling->held, part->names, telling->object);
}

static void tell_place(struct telling *telling)
{
    struct iso_buf place = {0};
    const char *rule = iso_rule_name(telling->part->rule);
    if (telling->path.field.size > 0) {
        iso_cli_held_place(telling->held, telling->part->path, &place);
        json_object_set_new(telling->object, "field",
                            json_string(iso_buf_text(&place)));
    }
    json_object_set_new(telling->object, "rule",
                        json_string(telling->path.field.size > 0 ? rule : "mark"));
    iso_buf_release(&place);
}

json_t *iso_cli_explain_part(const struct cli_held *held,
                             const struct iso_explained *explained,
                             const struct iso_part *part)
{
    struct telling telling = {
        .held = held, .explained = explained, .part = part, .object = json_object()};
    if (!iso_path_decode(part->path, &telling.path))
        telling.path = (struct iso_path){0};
    tell_place(&telling);
    switch (iso_part_form(part->rule)) {
    case ISO_FORM_LWW:
        tell_lww(&telling);
        break;
    case ISO_FORM_VALUES:
        tell_values(&telling);
        break;
    case ISO_FORM_EXTREME:
        tell_extreme(&telling);
        break;
    case ISO_FORM_COUNTER:
        tell_counter(&telling);
        break;
    }
    if (iso_part_form(part->rule) != ISO_FORM_COUNTER)
        tell_writes(&telling);
    json_object_set_new(telling.object, "why", json_string(iso_buf_text(&telling.why)));
    iso_buf_release(&telling.why);
    return telling.object;
}
