/* Everything that the Avro project publishes to test implementations with and that says
 * something about canonical forms, fingerprints or single-object encoding
 * (tests/data/avro, whose README says where it is from). */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/avro.h"

enum { VECTORS = 34, VECTORS_WITH_FINGERPRINT = 26, PYTHON_ROWS = 33, SCHEMAS = 5 };

static struct iso_buf file_of(const char *name)
{
    char path[512], part[4096];
    snprintf(path, sizeof path, "%s/tests/data/avro/%s", ISO_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    struct iso_buf buf = {0};
    for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
        iso_buf_add(&buf, part, size);
    fclose(file);
    return buf;
}

static struct iso_avro *schema_of(const char *json)
{
    struct iso_avro *schema = NULL;
    struct iso_why why;
    if (iso_avro_parse(iso_bytes_text(json), &schema, &why) != ISO_OK)
        ck_abort_msg("%s: %s", json, why.text);
    return schema;
}

static struct iso_buf canonical_of(const char *json)
{
    struct iso_avro *schema = schema_of(json);
    struct iso_buf text = {0};
    iso_avro_canonical(schema, &text);
    iso_buf_text(&text);
    iso_avro_free(schema);
    return text;
}

static int64_t fingerprint_of(const char *json)
{
    struct iso_avro *schema = schema_of(json);
    uint8_t bytes[ISO_FINGERPRINT_SIZE];
    iso_avro_fingerprint(schema, bytes);
    iso_avro_free(schema);
    uint64_t value = 0;
    for (int i = 0; i < ISO_FINGERPRINT_SIZE; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return (int64_t)value;
}

/* ---- schema-tests.txt ---- */

/* The value of "<<NAME value" at `line`, or all lines up to one that says NAME; NULL:
 * the line says something else. */
static char *entry_value(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(line, "<<", 2) != 0 || strncmp(line + 2, name, length) != 0)
        return NULL;
    const char *value = line + 2 + length;
    if (*value == ' ')
        return strndup(value + 1, strcspn(value + 1, "\n"));
    ck_assert_int_eq(*value, '\n');
    char end[40];
    snprintf(end, sizeof end, "\n%s\n", name);
    const char *stop = strstr(value, end);
    ck_assert_ptr_nonnull(stop);
    return strndup(value + 1, (size_t)(stop - value));
}

struct tally {
    int inputs, canonicals, fingerprints;
};

/* `planted`: what is expected has one letter more. How many were as expected. */
static struct tally shared_run(const char *text, bool planted)
{
    struct tally good = {0};
    char *input = NULL;
    for (const char *line = text; line != NULL && *line != '\0';) {
        char *value = entry_value(line, "INPUT");
        if (value != NULL) {
            free(input);
            input = value;
            good.inputs++;
        } else if ((value = entry_value(line, "canonical")) != NULL) {
            struct iso_buf canonical = canonical_of(input);
            if (planted)
                iso_buf_add_u8(&canonical, ' ');
            good.canonicals += strcmp(iso_buf_text(&canonical), value) == 0;
            iso_buf_release(&canonical);
            free(value);
        } else if ((value = entry_value(line, "fingerprint")) != NULL) {
            int64_t expected = strtoll(value, NULL, 10) + planted;
            good.fingerprints += fingerprint_of(input) == expected;
            free(value);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    free(input);
    return good;
}

START_TEST(every_shared_vector_has_the_canonical_form_and_fingerprint_it_says)
{
    struct iso_buf file = file_of("schema-tests.txt");
    struct tally good = shared_run(iso_buf_text(&file), false);
    printf("schema-tests.txt: %d schemas, %d canonical forms, %d fingerprints\n",
           good.inputs, good.canonicals, good.fingerprints);
    ck_assert_int_eq(good.inputs, VECTORS);
    ck_assert_int_eq(good.canonicals, VECTORS);
    ck_assert_int_eq(good.fingerprints, VECTORS_WITH_FINGERPRINT);
    struct tally bad = shared_run(iso_buf_text(&file), true);
    ck_assert_int_eq(bad.canonicals + bad.fingerprints, 0);
    iso_buf_release(&file);
}
END_TEST

START_TEST(a_canonical_form_is_its_own_canonical_form)
{
    struct iso_buf file = file_of("schema-tests.txt");
    int count = 0;
    for (const char *line = iso_buf_text(&file); line != NULL;) {
        char *value = entry_value(line, "canonical");
        if (value != NULL) {
            struct iso_buf again = canonical_of(value);
            ck_assert_str_eq(iso_buf_text(&again), value);
            iso_buf_release(&again);
            free(value);
            count++;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    ck_assert_int_eq(count, VECTORS);
    iso_buf_release(&file);
}
END_TEST

/* ---- fingerprints.txt ---- */

static int64_t row_fingerprint(const char *hex)
{
    uint8_t bytes[ISO_FINGERPRINT_SIZE];
    uint64_t value = 0;
    ck_assert(iso_hex_decode(iso_bytes(hex, 2 * sizeof bytes), bytes, sizeof bytes));
    for (int i = 0; i < ISO_FINGERPRINT_SIZE; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return (int64_t)value;
}

/* Python's own form of a name that comes again: see the README beside the data. */
static bool python_spells_it_out(const char *json, int64_t expected)
{
    static const char name[] = "\"serverHash\",\"type\":\"org.apache.avro.ipc.MD5\"";
    static const char spelled[] = "\"serverHash\",\"type\":{\"name\":\"org.apache.avro."
                                  "ipc.MD5\",\"type\":\"fixed\",\"size\":16}";
    struct iso_buf canonical = canonical_of(json), theirs = {0};
    const char *text = iso_buf_text(&canonical), *at = strstr(text, name);
    if (at != NULL)
        iso_buf_print(&theirs, "%.*s%s%s", (int)(at - text), text, spelled,
                      at + strlen(name));
    bool same = (int64_t)iso_avro_crc64(iso_buf_bytes(&theirs)) == expected;
    iso_buf_release(&canonical);
    iso_buf_release(&theirs);
    return same;
}

START_TEST(fingerprints_are_those_of_the_python_implementation)
{
    struct iso_buf file = file_of("fingerprints.txt");
    int count = 0, spelled = 0;
    char *rest = NULL,
         *line = strtok_r((char *)(uintptr_t)iso_buf_text(&file), "\n", &rest);
    for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '#' || line[0] == '/')
            continue;
        int64_t expected = row_fingerprint(line);
        const char *json = line + 2 * ISO_FINGERPRINT_SIZE + 1;
        bool exception = strstr(json, "\"HandshakeRequest\"") != NULL;
        ck_assert_msg((fingerprint_of(json) == expected) == !exception, "%s", json);
        spelled += exception && python_spells_it_out(json, expected);
        count++;
    }
    printf("fingerprints.txt: %d schemas\n", count);
    ck_assert_int_eq(count, PYTHON_ROWS);
    ck_assert_int_eq(spelled, 1);
    iso_buf_release(&file);
}
END_TEST

/* ---- messageV1, schemas ---- */

START_TEST(the_single_object_message_is_read_and_written_as_published)
{
    static const char json[] =
        "{\"id\":42,\"name\":\"Bill\",\"tags\":[\"dog_lover\",\"cat_hater\"]}";
    struct iso_buf text = file_of("messageV1/test_schema.avsc");
    struct iso_buf message = file_of("messageV1/test_message.bin");
    struct iso_avro *schema = schema_of(iso_buf_text(&text));
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    iso_avro_fingerprint(schema, fingerprint);
    struct iso_buf shown = {0}, made = {0};
    struct iso_why why;
    iso_buf_add(&made, "\xc3\x01", 2);
    iso_buf_add(&made, fingerprint, sizeof fingerprint);
    size_t head = made.size;
    ck_assert_int_eq(iso_avro_from_json(schema, iso_bytes_text(json), &made, &why),
                     ISO_OK);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&made), iso_buf_bytes(&message)));
    struct iso_bytes datum = iso_bytes(message.data + head, message.size - head);
    ck_assert_int_eq(iso_avro_to_json(schema, datum, &shown, &why), ISO_OK);
    ck_assert_str_eq(iso_buf_text(&shown), json);
    iso_avro_free(schema);
    iso_buf_release(&text);
    iso_buf_release(&message);
    iso_buf_release(&shown);
    iso_buf_release(&made);
}
END_TEST

START_TEST(the_schemas_that_implementations_share_parse)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/avro/schemas", ISO_SOURCE_DIR);
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "schemas/%.200s", entry->d_name);
        struct iso_buf text = file_of(path);
        iso_avro_free(schema_of(iso_buf_text(&text)));
        iso_buf_release(&text);
        count++;
    }
    closedir(folder);
    printf("schemas: %d\n", count);
    ck_assert_int_eq(count, SCHEMAS);
}
END_TEST

/* The definition in the specification, bit by bit. */
static uint64_t crc_slow(struct iso_bytes bytes)
{
    uint64_t crc = 0xc15d213aa4d7a795;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xc15d213aa4d7a795 : 0);
    }
    return crc;
}

START_TEST(the_table_of_the_checksum_is_that_of_its_definition)
{
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t two[2] = {(uint8_t)i, (uint8_t)(i >> 8)};
        struct iso_bytes bytes = iso_bytes(two, sizeof two);
        ck_assert_uint_eq(iso_avro_crc64(bytes), crc_slow(bytes));
    }
    ck_assert_uint_eq(iso_avro_crc64((struct iso_bytes){0}), 0xc15d213aa4d7a795);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_vectors");
    tcase_add_test(tests,
                   every_shared_vector_has_the_canonical_form_and_fingerprint_it_says);
    tcase_add_test(tests, a_canonical_form_is_its_own_canonical_form);
    tcase_add_test(tests, fingerprints_are_those_of_the_python_implementation);
    tcase_add_test(tests, the_single_object_message_is_read_and_written_as_published);
    tcase_add_test(tests, the_schemas_that_implementations_share_parse);
    tcase_add_test(tests, the_table_of_the_checksum_is_that_of_its_definition);
    Suite *suite = suite_create("avro_vectors");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
