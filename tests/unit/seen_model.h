/* seen_model.h - random records of KIT_USER, and a dumb model of what a store and a
 * session make of them: what is there, by path.
 */
#ifndef ISO_TESTS_UNIT_SEEN_MODEL_H
#define ISO_TESTS_UNIT_SEEN_MODEL_H

#include <stdlib.h>

#include "base/clock.h"
#include "schema/seen.h"
#include "tests/unit/fields_kit.h"

enum { ITEMS_MAX = 64 };

static struct kit_fields kit;
static struct iso_why why;

static inline uint64_t below(struct iso_chance *chance, uint64_t n)
{
    return iso_chance_draw(chance) % n;
}

/* ---- random records of KIT_USER, from tiny alphabets ---- */

typedef void value_draw(struct iso_chance *chance, struct iso_buf *out);

static inline void number_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_avro_add_long(out, (int64_t)below(chance, 5) - 2);
}

static inline void text_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_avro_add_text(out, below(chance, 2) ? "" : "b");
}

static inline void truth_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_buf_add_u8(out, (uint8_t)below(chance, 2));
}

/* Some of a, b, c; as a map's, with values. */
static inline void some_draw(struct iso_chance *chance, struct iso_buf *out,
                             value_draw *value)
{
    for (char member[2] = "a"; member[0] <= 'c'; member[0]++) {
        if (below(chance, 2))
            continue;
        iso_avro_add_long(out, 1);
        iso_avro_add_text(out, member);
        if (value != NULL)
            value(chance, out);
    }
    iso_avro_add_long(out, 0);
}

static inline void numbers_draw(struct iso_chance *chance, struct iso_buf *out)
{
    for (int64_t n = 0; n < 3; n++) {
        if (below(chance, 2))
            continue;
        iso_avro_add_long(out, 1);
        iso_avro_add_long(out, n);
    }
    iso_avro_add_long(out, 0);
}

static inline void record_draw(struct iso_chance *chance, struct iso_buf *out)
{
    iso_buf_clear(out);
    text_draw(chance, out);
    some_draw(chance, out, NULL);
    number_draw(chance, out);
    truth_draw(chance, out);
    number_draw(chance, out);
    iso_buf_add_u64(out, below(chance, 3));
    some_draw(chance, out, text_draw);
    some_draw(chance, out, number_draw);
    some_draw(chance, out, numbers_draw);
    some_draw(chance, out, truth_draw);
    some_draw(chance, out, number_draw);
    ck_assert_int_eq(iso_avro_check(kit.schema, iso_buf_bytes(out), &why), ISO_OK);
}

/* ---- the dumb model: what is there, by path ---- */

struct item {
    struct iso_buf path, datum;
    enum iso_rule rule;
    int64_t number, read; /* a counter: now, and when the session read it */
    bool counted;         /* … since */
};
struct model {
    struct item items[ITEMS_MAX];
    size_t count;
};

static inline void model_clear(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        iso_buf_release(&model->items[i].path);
        iso_buf_release(&model->items[i].datum);
    }
    model->count = 0;
}

static inline int item_order(const void *a, const void *b)
{
    return iso_bytes_compare(iso_buf_bytes(&((const struct item *)a)->path),
                             iso_buf_bytes(&((const struct item *)b)->path));
}

static inline struct item *item_at(struct model *model, const struct iso_path *path,
                                   enum iso_rule rule)
{
    struct item made = {.rule = rule};
    iso_path_encode(path, &made.path);
    for (size_t i = 0; i < model->count; i++) {
        if (item_order(&model->items[i], &made) == 0) {
            iso_buf_release(&made.path);
            return &model->items[i];
        }
    }
    ck_assert_uint_lt(model->count, ITEMS_MAX);
    model->items[model->count] = made;
    return &model->items[model->count++];
}

static inline void item_remove(struct model *model, const struct iso_path *path)
{
    struct item *item = item_at(model, path, ISO_RULE_LWW);
    iso_buf_release(&item->path);
    iso_buf_release(&item->datum);
    *item = model->items[--model->count];
}

static inline int64_t long_of(struct iso_bytes datum)
{
    struct iso_avro_cursor cursor = iso_avro_read(datum);
    return iso_avro_long(&cursor);
}

static inline void item_set(struct item *item, struct iso_bytes datum)
{
    iso_buf_clear(&item->datum);
    iso_buf_add_bytes(&item->datum, datum);
}

/* A flag that is false is not there; a counter is a number. */
static inline void model_of(struct model *model, struct iso_bytes datum)
{
    struct iso_fields_walk walk = iso_fields_walk(kit.fields, datum);
    struct iso_fields_part part;
    model_clear(model);
    while (iso_fields_next(&walk, &part)) {
        enum iso_rule rule = part.field->rule;
        if (rule == ISO_RULE_FLAG && part.datum.data[0] == 0)
            continue;
        struct item *item = item_at(model, &part.path, rule);
        if (rule == ISO_RULE_COUNTER)
            item->number = item->read = long_of(part.datum);
        else if (rule != ISO_RULE_FLAG && rule != ISO_RULE_SET)
            item_set(item, part.datum);
    }
}

static inline void model_step(struct model *model, const struct iso_step *step)
{
    enum iso_rule rule = iso_fields_find(kit.fields, step->field)->rule;
    struct iso_path path = {
        .field = step->field, .has_member = step->has_member, .member = step->member};
    path.has_element = rule == ISO_RULE_SET;
    if (path.has_element)
        path.element = step->value;
    struct item *item = item_at(model, &path, rule);
    if (step->operation == ISO_STEP_UNSET && item->counted) {
        item->number -= item->read; /* a reset takes away what was read */
        item->read = 0;
    } else if (step->operation == ISO_STEP_UNSET ||
               step->operation == ISO_STEP_REMOVE ||
               step->operation == ISO_STEP_DISABLE) {
        item_remove(model, &path);
    } else if (step->operation == ISO_STEP_INCREMENT) {
        item->number += long_of(step->value);
        item->counted = true;
    } else if (rule != ISO_RULE_SET) {
        item_set(item, step->value);
    }
}

static inline struct item *item_find(struct model *model, const struct item *like)
{
    for (size_t i = 0; i < model->count; i++)
        if (item_order(&model->items[i], like) == 0)
            return &model->items[i];
    return NULL;
}

/* Of a member that the session has counted on, a reset leaves 0. */
static inline bool model_is(struct model *model, struct model *want)
{
    for (size_t i = 0; i < want->count; i++) {
        struct item *item = item_find(model, &want->items[i]);
        if (item == NULL || item->number != want->items[i].number ||
            !iso_bytes_equal(iso_buf_bytes(&item->datum),
                             iso_buf_bytes(&want->items[i].datum)))
            return false;
    }
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = &model->items[i];
        if (item_find(want, item) == NULL && (!item->counted || item->number != 0))
            return false;
    }
    return true;
}

/* Through bytes and back, as every context goes. */
static inline void travel(struct iso_seen *seen)
{
    struct iso_buf bytes = {0}, again = {0};
    iso_seen_encode(seen, &bytes);
    ck_assert_msg(iso_seen_decode(iso_buf_bytes(&bytes), seen, &why) == ISO_OK, "%s",
                  why.text);
    iso_seen_encode(seen, &again);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&bytes), iso_buf_bytes(&again)));
    iso_buf_release(&bytes);
    iso_buf_release(&again);
}

#endif
