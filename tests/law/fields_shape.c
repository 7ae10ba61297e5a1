/* The table of fields, and what follows from it: paths, schemas, records in bytes. All
 * of it is made once and kept. */
#include "tests/law/fields_shape.h"

#include "base/mem.h"

enum { FIELDS = 13, MEMBERS = 2, ELEMENTS = 2 };

#define BYTES(text)                               \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
#define VALUES(...) ((const struct iso_bytes[]){__VA_ARGS__})

/* Longer than the ledger takes as the name of a field. */
#define MEMBER_LONG \
    "a member whose name is longer than the ledger takes for a field's own name"

static const struct field {
    const char *name, *type, *later, *merge, *fallback;
    enum iso_rule rule;
    bool is_map, is_set;
    const struct iso_bytes *values; /* of an element: the elements */
} fields[FIELDS] = {
    {"name", "\"string\"", "\"string\"", "lww", "\"\"", ISO_RULE_LWW, false, false,
     VALUES(BYTES("\0"), BYTES("\2a"), BYTES("\2b"))},
    {"size", "\"int\"", "\"int\"", "lww", "0", ISO_RULE_LWW, false, false,
     VALUES(BYTES("\0"), BYTES("\1"), BYTES("\2"))},
    {"tags", "{\"type\": \"array\", \"items\": \"string\"}",
     "{\"type\": \"array\", \"items\": \"string\"}", "set", "[]", ISO_RULE_SET, false,
     true, VALUES(BYTES("\2a"), BYTES("\4ab"))},
    {"on", "\"boolean\"", "\"boolean\"", "flag", "false", ISO_RULE_FLAG, false, false,
     NULL},
    {"visits", "\"long\"", "\"long\"", "counter", "0", ISO_RULE_COUNTER, false, false,
     NULL},
    {"best", "\"int\"", "\"long\"", "max", "0", ISO_RULE_MAX, false, false,
     VALUES(BYTES("\1"), BYTES("\0"), BYTES("\4"))},
    {"least", "\"string\"", "\"string\"", "min", "\"\"", ISO_RULE_MIN, false, false,
     VALUES(BYTES("\0"), BYTES("\2a"), BYTES("\4ab"))},
    {"cart", "{\"type\": \"map\", \"values\": \"long\"}",
     "{\"type\": \"map\", \"values\": \"long\"}", "map:counter", "{}", ISO_RULE_COUNTER,
     true, false, NULL},
    {"attributes", "{\"type\": \"map\", \"values\": \"string\"}",
     "{\"type\": \"map\", \"values\": \"string\"}", "map", "{}", ISO_RULE_LWW, true,
     false, VALUES(BYTES("\0"), BYTES("\2a"), BYTES("\2b"))},
    {"marks", "{\"type\": \"map\", \"values\": \"boolean\"}",
     "{\"type\": \"map\", \"values\": \"boolean\"}", "map:flag", "{}", ISO_RULE_FLAG,
     true, false, NULL},
    {"groups",
     "{\"type\": \"map\", \"values\": {\"type\": \"array\", \"items\": \"int\"}}",
     "{\"type\": \"map\", \"values\": {\"type\": \"array\", \"items\": \"int\"}}",
     "map:set", "{}", ISO_RULE_SET, true, true, VALUES(BYTES("\2"), BYTES("\330\4"))},
    {"tops", "{\"type\": \"map\", \"values\": \"int\"}",
     "{\"type\": \"map\", \"values\": \"long\"}", "map:max", "{}", ISO_RULE_MAX, true,
     false, VALUES(BYTES("\1"), BYTES("\0"), BYTES("\4"))},
    {"lows", "{\"type\": \"map\", \"values\": \"string\"}",
     "{\"type\": \"map\", \"values\": \"string\"}", "map:min", "{}", ISO_RULE_MIN, true,
     false, VALUES(BYTES("\0"), BYTES("\2a"), BYTES("\4ab"))},
};
static const char *const members[MEMBERS] = {"x", MEMBER_LONG};

/* By number of the field; those of one rule first. */
enum { RULES = 12 };
static const struct {
    const char *name;
    unsigned fields;
} profile_table[] = {
    {"lww", 1u << 0 | 1u << 1},
    {"set", 1u << 2},
    {"flag", 1u << 3},
    {"counter", 1u << 4},
    {"max", 1u << 5},
    {"min", 1u << 6},
    {"map:counter", 1u << 7},
    {"map", 1u << 8},
    {"map:flag", 1u << 9},
    {"map:set", 1u << 10},
    {"map:max", 1u << 11},
    {"map:min", 1u << 12},
    {"name, tags, visits", 1u << 0 | 1u << 2 | 1u << 4},
    {"size, best, cart", 1u << 1 | 1u << 5 | 1u << 7},
    {"on, least, attributes", 1u << 3 | 1u << 6 | 1u << 8},
    {"visits, groups", 1u << 4 | 1u << 10},
    {"name, marks, best", 1u << 0 | 1u << 9 | 1u << 5},
    {"cart, attributes, on", 1u << 7 | 1u << 8 | 1u << 3},
    {"tops, lows, best", 1u << 11 | 1u << 12 | 1u << 5},
    {"all", (1u << FIELDS) - 1},
};
const size_t shape_rules = RULES;

/* ---- paths ---- */

static struct shape_path paths[SHAPE_PATHS_MAX];
static size_t path_count;

static void path_add(const struct shape_path *path)
{
    struct iso_buf encoded = {0}; /* kept */
    iso_path_encode(&path->path, &encoded);
    size_t at = path_count++;
    iso_assert(at < SHAPE_PATHS_MAX);
    for (; at > 0 &&
           iso_bytes_compare(iso_buf_bytes(&encoded), paths[at - 1].encoded) < 0;
         at--)
        paths[at] = paths[at - 1];
    paths[at] = *path;
    paths[at].encoded = iso_buf_bytes(&encoded);
}

static void paths_of_field(size_t n)
{
    const struct field *field = &fields[n];
    for (int m = field->is_map ? 0 : -1; m < (field->is_map ? MEMBERS : 0); m++) {
        for (int e = field->is_set ? 0 : -1; e < (field->is_set ? ELEMENTS : 0); e++) {
            struct shape_path path = {.path = {.field = iso_bytes_text(field->name),
                                               .has_member = field->is_map,
                                               .has_element = field->is_set},
                                      .rule = field->rule,
                                      .field = n,
                                      .member = m,
                                      .element = e,
                                      .values = field->values};
            if (m >= 0)
                path.path.member = iso_bytes_text(members[m]);
            if (e >= 0)
                path.path.element = field->values[e];
            path_add(&path);
        }
    }
}

size_t shape_paths(const struct shape_path **found)
{
    static const struct iso_bytes nothing = BYTES("");
    if (path_count == 0) {
        path_add(&(struct shape_path){.rule = ISO_RULE_LWW,
                                      .field = FIELDS,
                                      .member = -1,
                                      .element = -1,
                                      .is_mark = true,
                                      .values = &nothing});
        for (size_t n = 0; n < FIELDS; n++)
            paths_of_field(n);
    }
    *found = paths;
    return path_count;
}

size_t shape_path_find(struct iso_bytes encoded)
{
    const struct shape_path *all;
    size_t count = shape_paths(&all), n = 0;
    while (n < count && !iso_bytes_equal(all[n].encoded, encoded))
        n++;
    iso_assert(n < count);
    return n;
}

/* ---- profiles ---- */

static size_t field_at(size_t schema,
                       size_t n) /* the later schema names them backwards */
{
    return schema == 0 ? n : FIELDS - 1 - n;
}

static char *schema_json(unsigned chosen, size_t schema)
{
    struct iso_buf json = {0};
    const char *comma = "";
    iso_buf_print(&json, "{\"type\": \"record\", \"name\": \"R\", \"fields\": [");
    for (size_t i = 0; i < FIELDS; i++) {
        size_t n = field_at(schema, i);
        const struct field *field = &fields[n];
        if ((chosen >> n & 1) == 0)
            continue;
        iso_buf_print(&json,
                      "%s{\"name\": \"%s\", \"type\": %s, \"merge\": \"%s\", "
                      "\"default\": %s}",
                      comma, field->name, schema == 0 ? field->type : field->later,
                      field->merge, field->fallback);
        comma = ", ";
    }
    iso_buf_print(&json, "]}");
    char *text = iso_strdup(iso_buf_text(&json));
    iso_buf_release(&json);
    return text;
}

static const struct iso_schemas *schemas_make(unsigned chosen)
{
    struct iso_definition_schema texts[SHAPE_SCHEMAS] = {0};
    struct iso_definition definition = {.collection = "law",
                                        .number = 1,
                                        .resolver = "fields",
                                        .format = ISO_FORMAT_AVRO,
                                        .schemas = texts,
                                        .schema_count = SHAPE_SCHEMAS};
    for (size_t n = 0; n < SHAPE_SCHEMAS; n++) {
        struct iso_avro *schema;
        texts[n].json = schema_json(chosen, n);
        enum iso_err err = iso_avro_parse(iso_bytes_text(texts[n].json), &schema, NULL);
        iso_assert(err == ISO_OK);
        iso_avro_fingerprint(schema, texts[n].fingerprint);
        iso_avro_free(schema);
    }
    const struct iso_schemas *schemas = iso_schemas_new(&definition);
    for (size_t n = 0; n < SHAPE_SCHEMAS; n++) {
        iso_assert(iso_schemas_fields(schemas, n) != NULL);
        iso_free(texts[n].json);
    }
    return schemas;
}

size_t shape_profiles(void)
{
    return sizeof profile_table / sizeof profile_table[0];
}

const struct shape_profile *shape_profile(size_t n)
{
    static struct shape_profile
        profiles[sizeof profile_table / sizeof profile_table[0]];
    const struct shape_path *all;
    struct shape_profile *profile = &profiles[n];
    size_t count = shape_paths(&all);
    if (profile->schemas != NULL)
        return profile;
    profile->name = profile_table[n].name;
    for (size_t i = 0; i < count; i++)
        if (!all[i].is_mark && (profile_table[n].fields >> all[i].field & 1))
            profile->paths[profile->path_count++] = i;
    profile->schemas = schemas_make(profile_table[n].fields);
    return profile;
}

/* ---- records ---- */

static void value_encode(const struct shape_record *record, size_t at,
                         struct iso_buf *datum)
{
    switch (paths[at].rule) {
    case ISO_RULE_FLAG:
        iso_buf_add_u8(datum, record->rank[at] >= 0 && !record->off[at]);
        break;
    case ISO_RULE_COUNTER:
        iso_avro_add_long(datum, record->number[at]);
        break;
    case ISO_RULE_LWW:
    case ISO_RULE_SET:
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
    case ISO_RULES:
        iso_buf_add_bytes(datum, paths[at].values[record->rank[at]]);
    }
}

/* Which paths of the field's member (−1: of the field) the record has. */
static size_t paths_there(const struct shape_record *record, size_t field, int member,
                          size_t there[ELEMENTS])
{
    size_t count = 0;
    for (size_t i = 0; i < path_count; i++)
        if (paths[i].field == field && paths[i].member == member &&
            (record->rank[i] >= 0 || (member < 0 && paths[i].element < 0)))
            there[count++] = i;
    return count;
}

static void member_encode(const struct shape_record *record, size_t field, int member,
                          struct iso_buf *datum)
{
    size_t there[ELEMENTS];
    size_t count = paths_there(record, field, member, there);
    if (member >= 0 && count == 0)
        return;
    if (member >= 0) {
        iso_avro_add_long(datum, 1);
        iso_avro_add_text(datum, members[member]);
    }
    if (!fields[field].is_set) {
        value_encode(record, there[0], datum);
        return;
    }
    if (count > 0)
        iso_avro_add_long(datum, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        iso_buf_add_bytes(datum, paths[there[i]].path.element);
    iso_avro_add_long(datum, 0);
}

void shape_record_encode(size_t profile, size_t schema,
                         const struct shape_record *record, struct iso_buf *datum)
{
    for (size_t i = 0; i < FIELDS; i++) {
        size_t n = field_at(schema, i);
        if ((profile_table[profile].fields >> n & 1) == 0)
            continue;
        if (!fields[n].is_map) {
            member_encode(record, n, -1, datum);
            continue;
        }
        for (int m = 0; m < MEMBERS; m++) /* each a block of its own */
            member_encode(record, n, m, datum);
        iso_avro_add_long(datum, 0);
    }
}
