/* Values in their formats: a datum of a schema that the definition names, or refused.
 */
#include "apply_ground.h"

#include "consumer/admit.h"

static struct iso_definition *definition;
static struct iso_slice_log state;
static struct iso_schemas schemas;
static struct made made;

static void setup(void)
{
    definition = def_encoded(def_bare(1, 1));
    state = (struct iso_slice_log){.log = LOG,
                                   .definition = 1,
                                   .t_ms = NOW_MS,
                                   .bound_ms = NOW_MS,
                                   .birth = BIRTH,
                                   .top = BIRTH};
    made_write(&made, (struct draft){500, US, 1, 10, 10, "key", "value"});
}

static void teardown(void)
{
    iso_schemas_release(&schemas);
    iso_definition_free(definition);
    made_release(&made);
}

static void schema_add(const char *json, uint8_t fingerprint, int32_t registry_id)
{
    size_t room = (definition->schema_count + 1) * sizeof definition->schemas[0];
    definition->schemas = iso_realloc(definition->schemas, room);
    definition->schemas[definition->schema_count++] =
        (struct iso_definition_schema){.fingerprint = {fingerprint},
                                       .json = iso_strdup(json),
                                       .has_registry_id = true,
                                       .registry_id = registry_id};
}

static enum iso_err judge_value(enum iso_format format, const void *value, size_t size,
                                const char *words)
{
    struct iso_write write;
    struct iso_why why = {0};
    struct iso_buf names = {0};
    struct iso_admit admit = {.definition = definition,
                              .where = iso_definition_log(definition, LOG),
                              .log = &state,
                              .schemas = &schemas};
    definition->format = format;
    made.record.value = iso_bytes(value, size);
    enum iso_err err = iso_admit(&admit, &made.record, &names, &write, &why);
    iso_buf_release(&names);
    ck_assert_msg(words == NULL || strstr(why.text, words) != NULL, "no \"%s\" in: %s",
                  words, why.text);
    return err;
}

#define VALUE(text) text, sizeof(text) - 1
#define PRINT_1 "\x01\0\0\0\0\0\0\0"
#define PRINT_2 "\x02\0\0\0\0\0\0\0"
#define PRINT_3 "\x03\0\0\0\0\0\0\0"

START_TEST(an_avro_value_is_one_datum_of_a_schema_that_the_definition_names)
{
    setup();
    schema_add("\"string\"", 1, 10);
    schema_add("{\"type\": \"wrong\"}", 2, 11);
    for (int round = 0; round < 2; round++) { /* parsed, then from what was kept */
        ck_ok(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01" PRINT_1 "\x04hi"), NULL));
        ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01" PRINT_1 "\x04h"),
                           "not what its schema says"),
               ISO_BAD_DATA);
        ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01" PRINT_1 "\x04hi!"),
                           "not what its schema says"),
               ISO_BAD_DATA);
        ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01" PRINT_2 "\x04hi"),
                           "does not parse"),
               ISO_REFUSED);
    }
    ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01" PRINT_3 "\x04hi"),
                       "0300000000000000"),
           ISO_REFUSED);
    ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x02" PRINT_1 "\x04hi"),
                       "single-object"),
           ISO_BAD_DATA);
    ck_err(judge_value(ISO_FORMAT_AVRO, VALUE("\xc3\x01\x01\0\0\0\0\0\0"),
                       "single-object"),
           ISO_BAD_DATA);
    ck_ok(judge_value(ISO_FORMAT_OPAQUE, VALUE("\xc3\x02"), NULL));
    teardown();
}
END_TEST

START_TEST(a_confluent_value_is_one_datum_of_the_id_that_the_definition_names)
{
    setup();
    schema_add("\"string\"", 1, 10);
    schema_add("\"long\"", 2, 0x01020304);
    ck_ok(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\0\0\0\0\x0a\x04hi"), NULL));
    ck_ok(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\0\1\2\3\4\x04"), NULL));
    ck_err(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\0\1\2\3\4\x04hi"),
                       "not what its schema says"),
           ISO_BAD_DATA);
    ck_err(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\0\0\0\0\x0b\x04hi"), "id 11"),
           ISO_REFUSED);
    ck_err(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\1\0\0\0\x0a\x04hi"), "begin"),
           ISO_BAD_DATA);
    ck_err(judge_value(ISO_FORMAT_CONFLUENT, VALUE("\0\0\0\0"), "begin"), ISO_BAD_DATA);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admit_value");
    TCase *tests = tcase_create("admit_value");
    tcase_add_test(tests,
                   an_avro_value_is_one_datum_of_a_schema_that_the_definition_names);
    tcase_add_test(tests,
                   a_confluent_value_is_one_datum_of_the_id_that_the_definition_names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
