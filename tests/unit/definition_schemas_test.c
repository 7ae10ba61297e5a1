/* What definitions say of schemas: which may follow, and how others are judged that are
 * to be added (schema/definition.h). */
#include <stdlib.h>

#include "tests/unit/definition_sample.h"
#include "tests/unit/schema_kit.h"

static struct iso_definition *now, *next;
static struct iso_why why;

static void setup(void)
{
    now = sample_definition("packages", 2);
    next = sample_definition("packages", 3);
}

static void teardown(void)
{
    iso_definition_free(now);
    iso_definition_free(next);
}

static enum iso_err follows(void)
{
    why = (struct iso_why){0};
    ck_assert_msg(iso_definition_encode(now, &why) == ISO_OK, "%s", why.text);
    ck_assert_msg(iso_definition_encode(next, &why) == ISO_OK, "%s", why.text);
    enum iso_err err = iso_definition_follows(next, now, &why);
    struct iso_why alone = {0};
    ck_assert_int_eq(iso_definition_schemas_follow(next, now, &alone), err);
    ck_assert(strstr(why.text, alone.text) != NULL);
    return err;
}

static void refused(const char *words)
{
    ck_assert_int_eq(follows(), ISO_BAD_DATA);
    ck_assert_msg(strstr(why.text, words) != NULL, "no \"%s\" in: %s", words, why.text);
}

static void taken(void)
{
    ck_assert_msg(follows() == ISO_OK, "%s", why.text);
}

static void replace(char **text, const char *with)
{
    iso_free(*text);
    *text = iso_strdup(with);
}

static void both(const char *json, uint8_t name)
{
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE] = {name};
    kit_schema_named(now, json, fingerprint, name);
    kit_schema_named(next, json, fingerprint, name);
}

static void added(const char *json, uint8_t name)
{
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE] = {name};
    kit_schema_named(next, json, fingerprint, name);
}

/* ---- what stays ---- */

START_TEST(schemas_may_join_behind_those_that_are_there)
{
    taken();
    added("\"int\"", 7);
    added("no JSON", 8);
    taken();
}
END_TEST

START_TEST(a_schema_never_leaves)
{
    next->schema_count = 1;
    refused("schema 2 is no longer in its place");
    ck_assert_ptr_nonnull(strstr(why.text, "leave it named"));
    next->schema_count = 2;
    taken();
    struct iso_definition_schema first = next->schemas[0];
    next->schemas[0] = next->schemas[1];
    next->schemas[1] = first;
    refused("schema 1 is no longer in its place");
}
END_TEST

START_TEST(a_schema_never_changes_under_its_name)
{
    replace(&next->schemas[0].json, "\"int\"");
    refused("schema 1 changes");
    replace(&next->schemas[0].json, "\"long\" "); /* white space, too, is text */
    refused("name the new text as a new schema");
    replace(&next->schemas[0].json, "\"long\"");
    taken();
    now->format = next->format = ISO_FORMAT_CONFLUENT;
    for (int i = 0; i < 2; i++) {
        now->schemas[i].has_registry_id = next->schemas[i].has_registry_id = true;
        now->schemas[i].registry_id = next->schemas[i].registry_id = 100 + i;
    }
    taken();
    next->schemas[1].fingerprint[7] ^= 1;
    refused("schema 2 changes");
}
END_TEST

START_TEST(the_format_never_changes)
{
    for (int i = 0; i < 2; i++) {
        next->schemas[i].has_registry_id = true;
        next->schemas[i].registry_id = 100 + i;
    }
    next->format = ISO_FORMAT_CONFLUENT;
    refused("the format of values changes: that is a new collection");
}
END_TEST

/* ---- merge rules ---- */

#define RULES(a, b)                                                    \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["                 \
    "{\"name\":\"a\",\"type\":\"long\"" a "},{\"name\":\"b\",\"type\"" \
    ":\"long\"" b "}]}"

START_TEST(a_field_never_gets_another_merge_rule)
{
    both(RULES(",\"merge\":\"counter\"", ""), 7);
    taken();
    added(RULES(",\"merge\":\"counter\",\"doc\":\"x\"", ",\"merge\":\"lww\""), 8);
    taken();
    added(RULES(",\"merge\":\"max\"", ""), 9);
    refused("schemas 3 and 5");
}
END_TEST

START_TEST(a_rule_never_comes_to_a_field_that_had_none_nor_goes)
{
    both(RULES("", ",\"merge\":\"max\""), 7);
    added(RULES(",\"m\\u0065rge\":\"max\"", ",\"merge\":\"max\""), 8);
    refused("schemas 3 and 4");
    next->schema_count--;
    iso_free(next->schemas[next->schema_count].json);
    added(RULES("", ""), 8);
    refused("schemas 3 and 4");
}
END_TEST

START_TEST(two_that_are_new_agree_too_and_what_does_not_parse_has_no_rules)
{
    added("{\"merge\": ", 7);
    added(RULES(",\"merge\":\"max\"", ""), 8);
    taken();
    added(RULES(",\"merge\":\"min\"", ""), 9);
    refused("schemas 4 and 5");
}
END_TEST

/* ---- the mode in which schemas are added ---- */

static struct iso_definition *decoded(struct iso_bytes bytes)
{
    struct iso_definition *read;
    enum iso_err err = iso_definition_decode(bytes, &read, &why);
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    return read;
}

START_TEST(a_mode_travels_and_the_default_takes_no_room)
{
    ck_assert_int_eq(iso_definition_encode(now, &why), ISO_OK);
    size_t size = now->bytes.size;
    for (int mode = 0; mode < ISO_COMPATIBILITIES; mode++) {
        now->compatibility = (enum iso_compatibility)mode;
        ck_assert_int_eq(iso_definition_encode(now, &why), ISO_OK);
        ck_assert_uint_eq(now->bytes.size, size + (mode == 0 ? 0 : 4));
        struct iso_definition *read = decoded(iso_buf_bytes(&now->bytes));
        ck_assert_int_eq(read->compatibility, mode);
        ck_assert_uint_eq(read->extension_unknown, 0);
        iso_definition_free(read);
    }
}
END_TEST

START_TEST(a_mode_may_change_from_one_definition_to_the_next)
{
    next->compatibility = ISO_COMPATIBLE_NONE;
    taken();
    now->compatibility = ISO_COMPATIBLE_FULL;
    taken();
}
END_TEST

/* Behind the sample's bytes, instead of its empty array of extensions. */
static enum iso_err decode_with(const char *extensions, size_t size, int *mode,
                                uint32_t *unknown)
{
    struct iso_buf out = {0};
    struct iso_definition *read;
    ck_assert_int_eq(iso_definition_encode(now, &why), ISO_OK);
    iso_buf_add(&out, now->bytes.data, now->bytes.size - 1);
    iso_buf_add(&out, extensions, size);
    enum iso_err err = iso_definition_decode(iso_buf_bytes(&out), &read, &why);
    *mode = err == ISO_OK ? (int)read->compatibility : -1;
    *unknown = err == ISO_OK ? read->extension_unknown : 0;
    iso_definition_free(read);
    iso_buf_release(&out);
    return err;
}

START_TEST(an_extension_of_ours_is_read_beside_others_once_and_whole)
{
    static const struct {
        const char *array;
        size_t size;
        int mode; /* −1: refused */
        uint32_t unknown;
    } cases[] = {
        {"\x02\x04\x02\x02\0", 5, 2, 0},                  /* 2: FORWARD */
        {"\x02\x04\x02\x03\0", 5, 3, 0},                  /* … _TRANSITIVE */
        {"\x02\x04\x02\0\0", 5, 0, 0},                    /* the default, said */
        {"\x04\x08\x02x\x04\x02\x01\0", 8, 1, 0},         /* behind an even one */
        {"\x04\x06\x02x\x04\x02\x01\0", 8, 1, 3},         /* behind an odd one */
        {"\x04\x04\x02\x01\x0e\x02x\0", 8, 1, 7},         /* before an odd one */
        {"\x02\x04\x02\x01\x02\x04\x02\x01\0", 9, -1, 0}, /* twice */
        {"\x02\x04\x02\x07\0", 5, -1, 0},                 /* no such mode */
        {"\x02\x04\x02\xff\0", 5, -1, 0},
        {"\x02\x04\x00\0", 4, -1, 0}, /* no byte */
        {"\x02\x04\x04\x01\x01\0", 6, -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int mode;
        uint32_t unknown;
        enum iso_err err = decode_with(cases[i].array, cases[i].size, &mode, &unknown);
        ck_assert_msg(err == (cases[i].mode < 0 ? ISO_BAD_DATA : ISO_OK) &&
                          mode == cases[i].mode && unknown == cases[i].unknown,
                      "%zu: %s, mode %d, unknown %u: %s", i, iso_err_name(err), mode,
                      unknown, why.text);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("definition_schemas");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, schemas_may_join_behind_those_that_are_there);
    tcase_add_test(tests, a_schema_never_leaves);
    tcase_add_test(tests, a_schema_never_changes_under_its_name);
    tcase_add_test(tests, the_format_never_changes);
    tcase_add_test(tests, a_field_never_gets_another_merge_rule);
    tcase_add_test(tests, a_rule_never_comes_to_a_field_that_had_none_nor_goes);
    tcase_add_test(tests,
                   two_that_are_new_agree_too_and_what_does_not_parse_has_no_rules);
    tcase_add_test(tests, a_mode_travels_and_the_default_takes_no_room);
    tcase_add_test(tests, a_mode_may_change_from_one_definition_to_the_next);
    tcase_add_test(tests, an_extension_of_ours_is_read_beside_others_once_and_whole);
    Suite *suite = suite_create("definition_schemas");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
