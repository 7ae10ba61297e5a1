/* The walk through a record is a cursor and three counts: the field that comes next,
 * the members left in a block of a map, the items left in a block of a set. It goes
 * over what iso_avro_check has taken, so no read can fail and every block ends.
 *
 * Members that stand twice in one map are found by sorting where they stand; a set may
 * name an element twice, since adding twice is adding once. */
#include "base/mem.h"
#include "schema/avro_node.h"
#include "schema/rule.h"
#include "schema/seen.h"
#include "schema/sort.h"

struct iso_fields_walk iso_fields_walk(const struct iso_fields *fields,
                                       struct iso_bytes datum)
{
    return (struct iso_fields_walk){.fields = fields, .cursor = iso_avro_read(datum)};
}

static void part_take(struct iso_fields_walk *walk, const struct iso_field *field,
                      struct iso_fields_part *part)
{
    const uint8_t *from = walk->cursor.at;
    iso_avro_skip(&walk->cursor, iso_fields_schema(walk->fields), field->part);
    *part = (struct iso_fields_part){
        .field = field,
        .path = {.field = iso_bytes_text(field->name),
                 .has_member = walk->in_map,
                 .has_element = walk->in_set,
                 .member = walk->member},
        .datum = iso_bytes(from, (size_t)(walk->cursor.at - from)),
    };
    if (walk->in_set)
        part->path.element = part->datum;
}

/* An item is left in the block, or in the next. */
static bool block_next(struct iso_fields_walk *walk, size_t *left)
{
    if (*left == 0)
        *left = iso_avro_block(&walk->cursor, ISO_AVRO_ITEMS_MAX);
    if (*left == 0)
        return false;
    --*left;
    return true;
}

/* In a set, at its end: leaves it. */
static bool element_next(struct iso_fields_walk *walk)
{
    if (block_next(walk, &walk->items_left))
        return true;
    walk->in_set = false;
    walk->next += !walk->in_map;
    return false;
}

static bool member_next(struct iso_fields_walk *walk)
{
    if (block_next(walk, &walk->members_left)) {
        walk->member = iso_avro_bytes(&walk->cursor);
        return true;
    }
    walk->in_map = false;
    walk->member = (struct iso_bytes){0};
    walk->next++;
    return false;
}

bool iso_fields_next(struct iso_fields_walk *walk, struct iso_fields_part *part)
{
    const struct iso_field *field;
    while ((field = iso_fields_at(walk->fields, walk->next)) != NULL) {
        bool is_set = field->rule == ISO_RULE_SET;
        if (walk->in_set) {
            if (!element_next(walk))
                continue;
        } else if (walk->in_map) {
            if (!member_next(walk))
                continue;
            walk->in_set = is_set;
            if (is_set)
                continue;
        } else if (field->is_map || is_set) {
            walk->in_map = field->is_map;
            walk->in_set = !field->is_map;
            continue;
        }
        part_take(walk, field, part);
        walk->next += !walk->in_map && !walk->in_set;
        return true;
    }
    return false;
}

/* ---- what a PUT must keep ---- */

/* The first number of the element is its length, or itself. */
static bool is_shortest(struct iso_bytes element)
{
    uint8_t shortest[ISO_AVRO_LONG_MAX];
    struct iso_avro_cursor cursor = iso_avro_read(element);
    int64_t number = iso_avro_long(&cursor);
    size_t size = (size_t)(iso_avro_put_long(shortest, number) - shortest);
    return (size_t)(cursor.at - element.data) == size;
}

enum iso_err iso_field_check_element(const struct iso_field *field,
                                     struct iso_bytes element, struct iso_why *why)
{
    if (element.size > ISO_ELEMENT_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "an element of the set %.100s has %zu bytes, more than %d: "
                        "keep large things elsewhere and their names in the set",
                        field->name, element.size, (int)ISO_ELEMENT_MAX);
    if (!is_shortest(element))
        return iso_fail(why, ISO_BAD_DATA,
                        "an element of the set %.100s is not in Avro's shortest form: "
                        "write it with a library that is sound",
                        field->name);
    return ISO_OK;
}

static enum iso_err check_part(const struct iso_fields_part *part, bool has_expiry,
                               struct iso_why *why)
{
    enum iso_rule rule = part->field->rule;
    if (part->path.member.size > ISO_MEMBER_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "a member of the map %.100s has a name of %zu bytes, more than "
                        "%d: give it a shorter one",
                        part->field->name, part->path.member.size, (int)ISO_MEMBER_MAX);
    if (has_expiry && (rule == ISO_RULE_MAX || rule == ISO_RULE_MIN))
        return iso_fail(why, ISO_BAD_DATA,
                        "a put with an expiry touches the field %.100s, which is "
                        "merged by %s and cannot expire: put it without an expiry, or "
                        "patch the fields that are to expire",
                        part->field->name, iso_rule_name(rule));
    return rule == ISO_RULE_SET ? iso_field_check_element(part->field, part->datum, why)
                                : ISO_OK;
}

/* Where each member of one map stands in the datum. */
struct members {
    const uint8_t *base, *end;
    size_t count, room;
    uint32_t *at; /* `few`, or allocated */
    uint32_t few[ISO_MEMBERS_FEW];
};

static struct iso_bytes member_at(const struct members *members, uint32_t at)
{
    struct iso_avro_cursor cursor = {.at = members->base + at, .end = members->end};
    return iso_avro_bytes(&cursor);
}

static int member_order(const void *context, const void *a, const void *b)
{
    return iso_bytes_compare(member_at(context, *(const uint32_t *)a),
                             member_at(context, *(const uint32_t *)b));
}

static void members_add(struct members *members, const uint8_t *at)
{
    if (members->count == members->room) {
        uint32_t *larger = iso_alloc(2 * members->room * sizeof *larger);
        memcpy(larger, members->at, members->count * sizeof *larger);
        if (members->at != members->few)
            iso_free(members->at);
        members->at = larger;
        members->room *= 2;
    }
    members->at[members->count++] = (uint32_t)(at - members->base);
}

static enum iso_err members_fail(const struct iso_field *field, struct iso_bytes member,
                                 struct iso_why *why)
{
    struct iso_buf text = {0};
    iso_escape(&text, member);
    iso_why_write(why, ISO_BAD_DATA,
                  "the map %.100s names the member %.100s twice: name it once",
                  field->name, iso_buf_text(&text));
    iso_buf_release(&text);
    return ISO_BAD_DATA;
}

static enum iso_err members_check(struct members *members,
                                  const struct iso_field *field, struct iso_why *why)
{
    iso_sort(members->at, members->count, sizeof *members->at, member_order, members);
    for (size_t i = 1; i < members->count; i++) {
        struct iso_bytes member = member_at(members, members->at[i]);
        if (iso_bytes_equal(member, member_at(members, members->at[i - 1])))
            return members_fail(field, member, why);
    }
    return ISO_OK;
}

static enum iso_err map_check(const struct iso_fields *fields,
                              const struct iso_field *field,
                              struct iso_avro_cursor *cursor, struct iso_why *why)
{
    const struct iso_avro *schema = iso_fields_schema(fields);
    uint32_t value = schema->edges[schema->nodes[field->type].first].node;
    struct members members;
    members.base = cursor->at;
    members.end = cursor->end;
    members.count = 0;
    members.room = ISO_MEMBERS_FEW;
    members.at = members.few;
    size_t left;
    while ((left = iso_avro_block(cursor, ISO_AVRO_ITEMS_MAX)) > 0) {
        for (; left > 0; left--) {
            members_add(&members, cursor->at);
            iso_avro_bytes(cursor);
            iso_avro_skip(cursor, schema, value);
        }
    }
    enum iso_err err = members_check(&members, field, why);
    if (members.at != members.few)
        iso_free(members.at);
    return err;
}

enum iso_err iso_fields_check_put(const struct iso_fields *fields,
                                  struct iso_bytes datum, bool has_expiry,
                                  struct iso_why *why)
{
    struct iso_fields_walk walk = iso_fields_walk(fields, datum);
    struct iso_fields_part part;
    enum iso_err err = ISO_OK;
    while (err == ISO_OK && iso_fields_next(&walk, &part))
        err = check_part(&part, has_expiry, why);
    struct iso_avro_cursor cursor = iso_avro_read(datum);
    const struct iso_field *field;
    for (size_t n = 0; err == ISO_OK && (field = iso_fields_at(fields, n)) != NULL;
         n++) {
        if (field->is_map)
            err = map_check(fields, field, &cursor, why);
        else
            iso_avro_skip(&cursor, iso_fields_schema(fields), field->type);
    }
    return err;
}

enum iso_err iso_fields_check_blind(const struct iso_fields *fields,
                                    struct iso_bytes datum, struct iso_why *why)
{
    struct iso_fields_walk walk = iso_fields_walk(fields, datum);
    struct iso_fields_part part;
    while (iso_fields_next(&walk, &part)) {
        struct iso_avro_cursor cursor = iso_avro_read(part.datum);
        if (part.field->rule == ISO_RULE_COUNTER && iso_avro_long(&cursor) != 0)
            return iso_fail(why, ISO_BAD_DATA,
                            "a put without a context sets the counter %.100s, which it "
                            "cannot know: put 0 there (the counter keeps its value), "
                            "increment it with a patch, or read first and put with the "
                            "context",
                            part.field->name);
    }
    return ISO_OK;
}
