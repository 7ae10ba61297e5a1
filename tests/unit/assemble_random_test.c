/* Records of drawn schemas, put through the resolver and shown again: by their own
 * schema they are what was put; by another they are what the whole record is by it. */
#include "assemble_kit.h"

#include <inttypes.h>

#include "base/clock.h"
#include "resolver/resolver.h"
#include "schema/avro_node.h"
#include "schema/avro_resolve.h"

enum { ROUNDS = 400, RECORDS = 4, FIELDS_MAX = 9, TYPES = 14 };

static struct iso_chance chance;
static struct iso_merged merged;
static struct iso_shown shown;
static struct iso_why why;
static const struct iso_bytes key = {.data = (const uint8_t *)"key", .size = 3};

static uint64_t below(uint64_t n)
{
    return iso_chance_draw(&chance) % n;
}

/* ---- schemas; each %u is the field's number, for the names of types ---- */

static const struct type {
    const char *wrote, *fallback, *read;
} types[TYPES] = {
    {"'int'", "1", "'double'"},
    {"'long'", "-2", "'float'"},
    {"'float'", "0.5", "'double'"},
    {"'double'", "2.5", "['string','double']"},
    {"'bytes'", "'b'", "['null','bytes']"},
    {"'string'", "'x'", "'bytes'"},
    {"'boolean'", "true", "['null','boolean']"},
    {"'null'", "null", "'null'"},
    {"['null','int']", "null", "['string','long','null']"},
    {"{'type':'array','items':['null','string']}", "[]",
     "{'type':'array','items':['null','string','int']}"},
    {"{'type':'map','values':'int'}", "{}", "{'type':'map','values':'long'}"},
    {"{'type':'record','name':'R%u','fields':[{'name':'a','type':'int'},"
     "{'name':'b','type':'string'}]}",
     "{'a':1,'b':''}",
     "{'type':'record','name':'R%u','fields':[{'name':'c','type':'int','default':4},"
     "{'name':'b','type':'bytes'},{'name':'a','type':'long'}]}"},
    {"{'type':'enum','name':'E%u','symbols':['A','B','C']}", "'A'",
     "{'type':'enum','name':'E%u','symbols':['C','A','D'],'default':'D'}"},
    {"{'type':'fixed','name':'F%u','size':3}", "'abc'",
     "{'type':'fixed','name':'F%u','size':3}"},
};
enum { LONG = 1, ORDERED = 6, FLAG = 6 };

struct drawn {
    enum iso_rule rule;
    bool is_map, is_union; /* for the reader */
    const struct type *type;
};

static struct drawn field_draw(void)
{
    struct drawn drawn = {.rule = (enum iso_rule)below(ISO_RULES),
                          .is_map = below(3) == 0,
                          .is_union = below(4) == 0};
    uint64_t n = 0;
    switch (drawn.rule) {
    case ISO_RULE_LWW:
        n = below(TYPES);
        break;
    case ISO_RULE_SET:
        n = below(2) ? below(2) : 4 + below(2);
        break;
    case ISO_RULE_FLAG:
        n = FLAG;
        break;
    case ISO_RULE_COUNTER:
        n = LONG;
        break;
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
    case ISO_RULES:
        n = below(ORDERED);
        break;
    }
    drawn.type = &types[n];
    return drawn;
}

static void type_print(struct iso_buf *out, const char *type, unsigned number)
{
    for (const char *at = type; *at != '\0'; at++) {
        if (at[0] == '%')
            iso_buf_print(out, "%u", number);
        else if (at == type || at[-1] != '%')
            iso_buf_add_u8(out, (uint8_t)*at);
    }
}

static void field_print(struct iso_buf *out, const struct drawn *drawn, unsigned number,
                        bool reads)
{
    const char *type = reads ? drawn->type->read : drawn->type->wrote;
    bool is_set = drawn->rule == ISO_RULE_SET, is_union = reads && drawn->is_union;
    bool wraps = is_union && (drawn->is_map || is_set);
    iso_buf_print(out, "%s", wraps ? "['null'," : "");
    if (drawn->is_map)
        iso_buf_print(out, "{'type':'map','values':");
    if (is_set)
        iso_buf_print(out, "{'type':'array','items':");
    type_print(out, type, number);
    iso_buf_print(out, "%s%s%s", is_set ? "}" : "", drawn->is_map ? "}" : "",
                  wraps ? "]" : "");
}

static void writer_print(struct iso_buf *out, const struct drawn *drawn, unsigned count)
{
    iso_buf_print(out, "{'type':'record','name':'W','fields':[");
    for (unsigned i = 0; i < count; i++) {
        iso_buf_print(out, "%s{'name':'f%u','merge':'%s%s','type':", i > 0 ? "," : "",
                      i, drawn[i].is_map ? "map:" : "", iso_rule_name(drawn[i].rule));
        field_print(out, &drawn[i], i, false);
        if (!drawn[i].is_map && drawn[i].rule != ISO_RULE_SET)
            iso_buf_print(out, ",'default':%s", drawn[i].type->fallback);
        iso_buf_print(out, "}");
    }
    iso_buf_print(out, "]}");
}

/* Without rules; turned round, some fields left out, renamed or new. */
static void reader_print(struct iso_buf *out, const struct drawn *drawn, unsigned count)
{
    iso_buf_print(out, "{'type':'record','name':'W','fields':["
                       "{'name':'new','type':'int','default':3}");
    unsigned from = (unsigned)below(count);
    for (unsigned i = 0; i < count; i++) {
        unsigned number = (from + i) % count;
        if (below(5) == 0)
            continue;
        if (below(3) == 0)
            iso_buf_print(out, ",{'name':'g%u','aliases':['no','f%u'],'type':", number,
                          number);
        else
            iso_buf_print(out, ",{'name':'f%u','type':", number);
        field_print(out, &drawn[number], number, true);
        iso_buf_print(out, "}");
    }
    iso_buf_print(out, "]}");
}

/* ---- data ---- */

static void node_draw(const struct iso_avro *schema, uint32_t number,
                      struct iso_buf *out);

/* Of texts and whole numbers none twice. */
static void item_draw(const struct iso_avro *schema, uint32_t number, int64_t n,
                      struct iso_buf *out)
{
    enum iso_avro_kind kind = schema->nodes[number].kind;
    char text[24];
    snprintf(text, sizeof text, "%d", (int)n);
    if (kind == ISO_AVRO_INT || kind == ISO_AVRO_LONG)
        iso_avro_add_long(out, n * 1000);
    else if (kind == ISO_AVRO_STRING || kind == ISO_AVRO_BYTES)
        iso_avro_add_text(out, text);
    else
        node_draw(schema, number, out);
}

static void items_draw(const struct iso_avro *schema, const struct iso_avro_node *node,
                       struct iso_buf *out)
{
    int64_t count = (int64_t)below(4), first = (int64_t)below(1000);
    if (count > 0)
        iso_avro_add_long(out, count);
    for (int64_t n = first; n > first - count; n--) {
        if (node->kind == ISO_AVRO_MAP)
            item_draw(schema, ISO_AVRO_STRING, n, out);
        item_draw(schema, schema->edges[node->first].node, n, out);
    }
    iso_avro_add_long(out, 0);
}

static void plain_draw(const struct iso_avro_node *node, struct iso_buf *out)
{
    uint64_t bits = iso_chance_draw(&chance);
    if (node->kind == ISO_AVRO_BOOLEAN)
        iso_buf_add_u8(out, bits & 1);
    else if (node->kind == ISO_AVRO_INT)
        iso_avro_add_long(out, (int32_t)bits);
    else if (node->kind == ISO_AVRO_LONG)
        iso_avro_add_long(out, (int64_t)bits >> below(64));
    else if (node->kind == ISO_AVRO_FLOAT)
        iso_buf_add_u32(out, (uint32_t)bits);
    else if (node->kind == ISO_AVRO_DOUBLE)
        iso_buf_add_u64(out, bits);
    else if (node->kind == ISO_AVRO_BYTES || node->kind == ISO_AVRO_STRING)
        iso_avro_add_text(out, &"abcdef"[bits % 7]);
    else if (node->kind == ISO_AVRO_ENUM)
        iso_avro_add_long(out, (int64_t)(bits % node->count));
    else if (node->kind == ISO_AVRO_FIXED)
        iso_buf_add(out, "xyz", node->count);
}

static void node_draw(const struct iso_avro *schema, uint32_t number,
                      struct iso_buf *out)
{
    const struct iso_avro_node *node = &schema->nodes[number];
    const struct iso_avro_edge *inside = &schema->edges[node->first];
    if (node->kind == ISO_AVRO_UNION) {
        uint64_t branch = below(node->count);
        iso_avro_add_long(out, (int64_t)branch);
        node_draw(schema, inside[branch].node, out);
    } else if (node->kind == ISO_AVRO_RECORD) {
        for (uint32_t i = 0; i < node->count; i++)
            node_draw(schema, inside[i].node, out);
    } else if (node->kind == ISO_AVRO_ARRAY || node->kind == ISO_AVRO_MAP) {
        items_draw(schema, node, out);
    } else {
        plain_draw(node, out);
    }
}

/* ---- the way through the resolver ---- */

static bool never(void *self, uint16_t log, uint16_t older)
{
    (void)self, (void)log, (void)older;
    return false;
}

static enum iso_err no_row(void *self, struct iso_bytes field,
                           struct iso_version version, bool *left,
                           struct iso_why *reason)
{
    (void)self, (void)field, (void)version, (void)reason;
    *left = false;
    return ISO_OK;
}

static enum iso_err no_rows(void *self, struct iso_bytes field,
                            struct iso_version version, uint16_t log, uint32_t *left,
                            struct iso_why *reason)
{
    (void)self, (void)field, (void)version, (void)log, (void)reason;
    *left = 0;
    return ISO_OK;
}

static void put_and_show(const struct iso_schemas *schemas, struct iso_bytes datum)
{
    const struct iso_resolver *resolver = iso_resolver_find("fields");
    const struct iso_ledger ledger = {
        .leave = no_row, .leave_older = no_rows, .succeeds = never};
    const struct iso_coming coming = {.operation = ISO_PUT,
                                      .key = key,
                                      .version = {iso_hlc_of_ms(5000), iso_node(1, 1)},
                                      .log = 1,
                                      .offset = 1,
                                      .blind = true,
                                      .schemas = schemas,
                                      .fields = iso_schemas_fields(schemas, 0),
                                      .fingerprint =
                                          iso_schemas_fingerprint(schemas, 0),
                                      .datum = datum};
    const struct iso_merge merge = {.coming = &coming, .ledger = &ledger};
    ck_assert_msg(resolver->admit(&coming, &why) == ISO_OK, "%s", why.text);
    ck_assert_msg(resolver->merge(&merge, &merged, &why) == ISO_OK, "%s", why.text);
    ck_assert_msg(resolver->show(key, iso_buf_bytes(&merged.row), 0, &shown, &why) ==
                      ISO_OK,
                  "%s", why.text);
    ck_assert(shown.found);
}

static void shown_by(const struct iso_schemas *schemas, const struct iso_avro *reader,
                     struct iso_buf *out)
{
    struct iso_assembler *assembler;
    iso_buf_clear(out);
    ck_assert_int_eq(iso_assembler_new(schemas, reader, &assembler, &why), ISO_OK);
    ck_assert_msg(iso_assemble(assembler, shown.fields, shown.field_count, out, &why) ==
                      ISO_OK,
                  "%s", why.text);
    ck_assert_msg(iso_avro_check(reader, iso_buf_bytes(out), &why) == ISO_OK, "%s",
                  why.text);
    iso_assembler_free(assembler);
}

/* ---- what it must be ---- */

/* All parts but counters: a blind PUT leaves those alone. */
static struct kit_parts parts_put(const struct iso_fields *fields,
                                  struct iso_bytes datum)
{
    struct kit_parts parts = {0};
    size_t kept = 0;
    kit_parts_of(&parts, fields, datum);
    for (size_t i = 0; i < parts.count; i++)
        if (parts.parts[i].rule != ISO_RULE_COUNTER)
            parts.parts[kept++] = parts.parts[i];
    parts.count = kept;
    return parts;
}

static bool is_same(const struct iso_fields *fields, struct iso_bytes was,
                    struct iso_bytes is)
{
    struct kit_parts put = parts_put(fields, was), got = parts_put(fields, is);
    bool same = put.count == got.count;
    for (size_t i = 0; i < put.count && same; i++)
        same = kit_part_order(&put.parts[i], &got.parts[i]) == 0 &&
               iso_bytes_equal(put.parts[i].datum, got.parts[i].datum);
    kit_parts_release(&put);
    kit_parts_release(&got);
    return same;
}

static void ck_as_whole(const struct iso_avro *writer, const struct iso_avro *reader,
                        struct iso_bytes whole, struct iso_bytes is, uint64_t seed)
{
    struct iso_buf want = {0};
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    ck_assert_msg(iso_avro_read_as(resolution, whole, &want, &why) == ISO_OK,
                  "seed %" PRIu64 ": %s", seed, why.text);
    ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&want), is),
                  "seed %" PRIu64 ": another than the whole record", seed);
    iso_avro_resolution_free(resolution);
    iso_buf_release(&want);
}

static void round_run(uint64_t seed)
{
    struct drawn drawn[FIELDS_MAX];
    struct iso_definition definition = {.format = ISO_FORMAT_AVRO, .number = 1};
    struct iso_buf writer = {0}, by = {0}, datum = {0}, own = {0}, other = {0};
    iso_chance_seeded_init(&chance, seed);
    unsigned count = 1 + (unsigned)below(FIELDS_MAX);
    for (unsigned i = 0; i < count; i++)
        drawn[i] = field_draw();
    writer_print(&writer, drawn, count);
    reader_print(&by, drawn, count);
    snprintf(definition.resolver, sizeof definition.resolver, "fields");
    kit_fields_schema(&definition, iso_buf_text(&writer));
    struct iso_schemas *schemas = iso_schemas_new(&definition);
    struct iso_avro *reader = schema_parse(iso_buf_text(&by));
    const struct iso_avro *schema = iso_schemas_at(schemas, 0);
    const struct iso_fields *fields = iso_schemas_fields(schemas, 0);
    ck_assert_msg(fields != NULL, "%s", iso_buf_text(&writer));
    for (unsigned i = 0; i < RECORDS; i++) {
        iso_buf_clear(&datum);
        node_draw(schema, schema->root, &datum);
        put_and_show(schemas, iso_buf_bytes(&datum));
        shown_by(schemas, schema, &own);
        ck_assert_msg(is_same(fields, iso_buf_bytes(&datum), iso_buf_bytes(&own)),
                      "seed %" PRIu64 ": another than was put", seed);
        shown_by(schemas, reader, &other);
        ck_as_whole(schema, reader, iso_buf_bytes(&own), iso_buf_bytes(&other), seed);
    }
    iso_avro_free(reader);
    iso_schemas_free(schemas);
    iso_free(definition.schemas[0].json);
    iso_free(definition.schemas);
    iso_buf_release(&writer);
    iso_buf_release(&by);
    iso_buf_release(&datum);
    iso_buf_release(&own);
    iso_buf_release(&other);
}

START_TEST(a_record_that_was_put_is_shown_as_it_was)
{
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        round_run(seed);
    iso_merged_release(&merged);
    iso_shown_release(&shown);
}
END_TEST

/* The checker sees it when one part is another. */
START_TEST(a_part_that_is_lost_or_changed_is_noticed)
{
    static const char user[] =
        "{'type':'record','name':'W','fields':[{'name':'a','type':'int','default':0},"
        "{'name':'t','merge':'set','type':{'type':'array','items':'int'}}]}";
    struct iso_avro *schema = schema_parse(user);
    struct iso_fields *fields;
    ck_assert_int_eq(iso_fields_new(schema, &fields, &why), ISO_OK);
    const struct iso_bytes was = iso_bytes("\2\4\6\x8\0", 5);
    ck_assert(is_same(fields, was, iso_bytes("\2\4\x8\6\0", 5)));
    ck_assert(!is_same(fields, was, iso_bytes("\4\4\6\x8\0", 5)));
    ck_assert(!is_same(fields, was, iso_bytes("\2\2\6\0", 4)));
    iso_fields_free(fields);
    iso_avro_free(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assemble_random");
    TCase *tests = tcase_create("assemble_random");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_record_that_was_put_is_shown_as_it_was);
    tcase_add_test(tests, a_part_that_is_lost_or_changed_is_noticed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
