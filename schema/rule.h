/* rule.h - how the fields of a record merge: what "merge" in its Avro schema says.
 *
 *   rule      type of the field           what concurrent writes mean
 *   lww       any (this is the default)   the newest stays, the others are losers
 *   counter   long (a sum of ints can     increments add up
 *             outgrow an int)
 *   set       array of string, bytes,     an add survives a remove that had not
 *             int, long                   seen it
 *   flag      boolean                     enabling wins
 *   max, min  int, long, float, double,   the largest, the smallest
 *             string, bytes
 *   map       map of any                  a part for each member, of rule lww …
 *   map:RULE  map of what RULE takes      … or of any of the above
 *
 * The rules are those of the record at the schema's top; what stands inside a field is
 * part of its value. A field keeps its rule for ever (iso_avro_same_rules).
 */
#ifndef ISO_SCHEMA_RULE_H
#define ISO_SCHEMA_RULE_H

#include "schema/avro.h"
#include "schema/path.h"

enum iso_rule { /* as it is stored */
                ISO_RULE_LWW,
                ISO_RULE_SET,
                ISO_RULE_FLAG,
                ISO_RULE_COUNTER,
                ISO_RULE_MAX,
                ISO_RULE_MIN,
                ISO_RULES
};
const char *iso_rule_name(enum iso_rule rule);
/* Reads a "merge"; false: it is no rule. "map" is map:lww. */
bool iso_rule_parse(const char *text, enum iso_rule *rule, bool *is_map);

/* What a schema says of one of its fields; `name` and `schema` are borrowed. */
struct iso_field {
    const char *name;
    enum iso_rule rule;
    bool is_map;   /* the rule is that of each member */
    uint32_t type; /* nodes of the schema: of the field … */
    uint32_t part; /* … of one part's value: a member's, an element's, or the field's */
};

struct iso_fields; /* immutable; any thread */

/* ISO_BAD_DATA: the top is no record; a "merge" that is no rule; a rule for a type that
 * it does not take; a field of rule lww, max or min (not in a map) without a default,
 * which a record that lacks it would need. Names the field and the remedy. The schema
 * is borrowed until free. */
enum iso_err iso_fields_new(const struct iso_avro *schema, struct iso_fields **fields,
                            struct iso_why *why);
void iso_fields_free(struct iso_fields *fields); /* NULL is fine */

const struct iso_avro *iso_fields_schema(const struct iso_fields *fields);
/* Of the schema; ISO_FINGERPRINT_SIZE bytes. */
const uint8_t *iso_fields_fingerprint(const struct iso_fields *fields);
/* In the schema's order; NULL at the end. */
const struct iso_field *iso_fields_at(const struct iso_fields *fields, size_t n);
/* NULL: there is none of that name. */
const struct iso_field *iso_fields_find(const struct iso_fields *fields,
                                        struct iso_bytes name);

/* The field's default, as a datum of its type; false: it has none. */
bool iso_field_default(const struct iso_fields *fields, const struct iso_field *field,
                       struct iso_bytes *datum);

/* Goes through a record part by part: a field's datum, each member of a map, each
 * element of a set (of a map of sets: each element of each member). The datum was
 * checked.
 *
 *   struct iso_fields_walk walk = iso_fields_walk(fields, datum);
 *   struct iso_fields_part part;
 *   while (iso_fields_next(&walk, &part)) … */
struct iso_fields_part { /* borrowed from fields and datum */
    const struct iso_field *field;
    struct iso_path path;
    struct iso_bytes datum; /* of the part's type; of an element as in the path */
};
struct iso_fields_walk {
    const struct iso_fields *fields;
    struct iso_avro_cursor cursor;
    size_t next;         /* field */
    size_t members_left; /* in the block, of the map … */
    size_t items_left;   /* … and of the set that it stands in */
    bool in_map, in_set;
    struct iso_bytes member;
};
struct iso_fields_walk iso_fields_walk(const struct iso_fields *fields,
                                       struct iso_bytes datum);
bool iso_fields_next(struct iso_fields_walk *walk, struct iso_fields_part *part);

/* Whether a record can be PUT: members and elements are not too long, elements are as
 * Avro writes them (a number in its shortest form: else one element had two paths), a
 * map names no member twice, and with an expiry it touches no max or min
 * (ISO_BAD_DATA). The datum was checked. Allocates only for a map of more than
 * ISO_MEMBERS_FEW members, four bytes for each (twice that while it grows), and gives
 * them back. */
enum { ISO_MEMBERS_FEW = 1024 };
enum iso_err iso_fields_check_put(const struct iso_fields *fields,
                                  struct iso_bytes datum, bool has_expiry,
                                  struct iso_why *why);

/* Whether the datum of an element has a path: not too long, in its shortest form. It is
 * a datum of the type. ISO_BAD_DATA. */
enum iso_err iso_field_check_element(const struct iso_field *field,
                                     struct iso_bytes element, struct iso_why *why);

/* The datum of one part (of the type field->part) in Avro's JSON encoding: appends.
 * ISO_BAD_DATA as iso_avro_to_json. */
enum iso_err iso_field_json(const struct iso_fields *fields,
                            const struct iso_field *field, struct iso_bytes datum,
                            struct iso_buf *json, struct iso_why *why);

/* Compares two data of a `max` or `min` field's type as numbers or bytewise: a total
 * order, in which NaN is above all numbers, −0 below 0. Both were checked. Data of int
 * and long compare with each other, and no others do: see iso_avro_same_rules. */
int iso_field_compare(const struct iso_fields *fields, const struct iso_field *field,
                      struct iso_bytes a, struct iso_bytes b);

#endif
