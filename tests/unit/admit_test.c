/* Admission as a table: what is refused, by which code and with which words, and beside
 * each the nearest record that passes, so that no refusal is one for another reason. */
#include "apply_ground.h"

#include "consumer/admit.h"

static struct iso_definition *definition;
static struct iso_slice_log state;
static struct iso_schemas *schemas;
static struct made made;

/* The log as it stands: ten seconds after the bound's hundred began to move. */
enum { T_AFTER_MS = 110000, BOUND_AFTER_MS = 10000 };

static void setup(void)
{
    definition = def_encoded(def_bare(1, 1));
    schemas = iso_schemas_new(definition);
    state = (struct iso_slice_log){.log = LOG,
                                   .definition = 1,
                                   .t_ms = NOW_MS + T_AFTER_MS,
                                   .bound_ms = NOW_MS + BOUND_AFTER_MS,
                                   .birth = BIRTH,
                                   .top = hlc_at(T_AFTER_MS, 9)};
    made_write(&made, (struct draft){500, US, 1, 10, T_AFTER_MS, "key", "value"});
}

static void teardown(void)
{
    iso_schemas_free(schemas);
    iso_definition_free(definition);
    made_release(&made);
}

static enum iso_err judge(struct iso_write *write, struct iso_why *why)
{
    struct iso_admitted admitted = {0};
    struct iso_admit admit = {.definition = state.definition ? definition : NULL,
                              .where = iso_definition_log(definition, LOG),
                              .log = &state,
                              .schemas = schemas,
                              .resolver = iso_resolver_find(definition->resolver)};
    enum iso_err err = iso_admit(&admit, &made.record, &admitted, why);
    *write = admitted.write;
    iso_admitted_release(&admitted);
    return err;
}

/* ---- what is done to a good record ---- */

static void text_of(struct iso_buf *buf, size_t size)
{
    iso_buf_clear(buf);
    for (size_t i = 0; i < size; i++)
        iso_buf_add_u8(buf, 'x');
}

static void client_time(void)
{
    made.record.append_by_broker = false;
}
static void two_headers(void)
{
    made.record.header_count = 2;
}
static void no_header(void)
{
    made.record.header_count = 0;
}
static void header_cut(void)
{
    made.record.header.size--;
}
static void header_empty(void)
{
    made.record.header.size = 0;
}
static void other_log(void)
{
    made.write.log = OTHER;
}
static void same_log(void)
{
    made.write.log = LOG;
}
static void other_partition(void)
{
    made.write.partition = 1;
}
static void extension(uint32_t number)
{
    made_seal(&made);
    made.header.size--; /* the end of the extensions */
    iso_avro_add_long(&made.header, 1);
    iso_avro_add_long(&made.header, number);
    iso_avro_add_bytes(&made.header, iso_bytes_text("new"));
    iso_avro_add_long(&made.header, 0);
    made.record.header = iso_buf_bytes(&made.header);
}
static void extension_odd(void)
{
    extension(3);
}
static void extension_even(void)
{
    extension(2);
}
static void region_ap(void)
{
    made.write.version.node = iso_node(AP, 1);
}
static void region_eu(void)
{
    made.write.version.node = iso_node(EU, 1);
}
static void key_none(void)
{
    made.record.has_key = false;
}
static void key_empty(void)
{
    made.record.key.size = 0;
}
static void key_of(size_t size)
{
    text_of(&made.key, size);
    made.record.key = iso_buf_bytes(&made.key);
}
static void key_65(void)
{
    key_of(65);
}
static void key_64(void)
{
    key_of(64);
}
static void put_without_value(void)
{
    made.record.has_value = false;
}
static void put_of_nothing(void)
{
    made.record.value.size = 0;
}
static void value_of(size_t size)
{
    text_of(&made.value, size);
    made.record.value = iso_buf_bytes(&made.value);
}
static void value_1001(void)
{
    value_of(1001);
}
static void value_1000(void)
{
    value_of(1000);
}
static void delete_with_value(void)
{
    made.write.operation = ISO_DELETE;
}
static void delete_without(void)
{
    made.write.operation = ISO_DELETE;
    made.record.has_value = false;
}
static void patch(void)
{
    made.write.operation = ISO_PATCH;
}
static void read_of(size_t count)
{
    text_of(&made.names, count * ISO_VERSION_SIZE);
    made.write.blind = false;
    made.write.read = (struct iso_names){made.names.data, count};
}
static void read_5(void)
{
    read_of(5);
}
static void read_4(void)
{
    read_of(4);
}
static void read_nothing(void)
{
    read_of(0);
}
/* The limit of the header, set so that the record with one name less fits exactly. */
static void header_limit(size_t names)
{
    read_of(3);
    made_seal(&made);
    definition->limits.header_max = (uint32_t)made.header.size;
    read_of(names);
}
static void header_over(void)
{
    header_limit(4);
}
static void header_just(void)
{
    header_limit(3);
}
static void heartbeat(bool key, bool value)
{
    made.write.operation = ISO_HEARTBEAT;
    made.record.has_key = key;
    made.record.has_value = value;
}
static void heartbeat_key(void)
{
    heartbeat(true, false);
}
static void heartbeat_value(void)
{
    heartbeat(false, true);
}
static void heartbeat_good(void)
{
    heartbeat(false, false);
}
static void define(bool key, bool value)
{
    heartbeat(key, value);
    made.write.operation = ISO_DEFINE;
}
static void define_key(void)
{
    define(true, true);
}
static void define_without(void)
{
    define(false, false);
}
static void define_good(void)
{
    define(false, true);
}
static void hlc_after_append(int64_t ms)
{
    made.write.version.hlc = iso_hlc_of_ms(made.record.append_ms + ms) | 0xffff;
}
static void too_early(void)
{
    hlc_after_append(AFTER_MAX_MS + 1);
}
static void just_not_early(void)
{
    hlc_after_append(AFTER_MAX_MS);
}
static void too_late(void)
{
    made.write.version.hlc = hlc_at(BOUND_AFTER_MS - 1, 0xffff);
}
static void just_not_late(void)
{
    made.write.version.hlc = hlc_at(BOUND_AFTER_MS, 0);
}
static void before_birth(void)
{
    state.bound_ms = NOW_MS;
    made.write.version.hlc = BIRTH - 1;
}
static void at_birth(void)
{
    state.bound_ms = NOW_MS;
    made.write.version.hlc = BIRTH;
}
static void no_define_yet(void)
{
    state.definition = 0;
}
static void plain_before_define(void)
{
    no_header();
    state.definition = 0;
}
static void first_define(void)
{
    define_good();
    state.definition = 0;
}
static void plain_without_key(void)
{
    no_header();
    key_none();
}
static void plain_delete(void)
{
    no_header();
    put_without_value();
}
static void nothing(void)
{
}

struct row {
    void (*bad)(void);
    enum iso_err err;
    const char *words; /* in the reason: the remedy */
    void (*good)(void);
};

/* `bad` works on the record before it is sealed, except where it works on the seal. */
static const struct row rows[] = {
    {other_log, ISO_REFUSED, "never copy", same_log},
    {other_partition, ISO_PARTITION, "never copy", same_log},
    {region_ap, ISO_REFUSED, "announce it as a writer", region_eu},
    {delete_with_value, ISO_REFUSED, "leave the value out", delete_without},
    {patch, ISO_REFUSED, "--resolver fields", nothing},
    {read_5, ISO_TOO_LARGE, "read again", read_4},
    {read_5, ISO_TOO_LARGE, "read again", read_nothing},
    {header_over, ISO_TOO_LARGE, "read again", header_just},
    {heartbeat_key, ISO_REFUSED, "leave the key out", heartbeat_good},
    {heartbeat_value, ISO_REFUSED, "leave the value out", heartbeat_good},
    {define_key, ISO_REFUSED, "leave the key out", define_good},
    {define_without, ISO_REFUSED, "the definition's bytes", define_good},
    {too_early, ISO_REFUSED, "set the clock", just_not_early},
    {too_late, ISO_REFUSED, "write it anew", just_not_late},
    {before_birth, ISO_REFUSED, "write it anew", at_birth},
    {no_define_yet, ISO_REFUSED, "no DEFINE yet", first_define},
};
static const struct row sealed_rows[] = {
    {client_time, ISO_REFUSED, "LogAppendTime", nothing},
    {two_headers, ISO_REFUSED, "exactly one", nothing},
    {header_cut, ISO_BAD_DATA, "isostasy's producer", nothing},
    {header_empty, ISO_BAD_DATA, "newer isostasy", no_header},
    {extension_odd, ISO_REFUSED, "announce", extension_even},
    {key_none, ISO_REFUSED, "1 to 64 bytes", nothing},
    {key_empty, ISO_REFUSED, "1 to 64 bytes", nothing},
    {key_65, ISO_TOO_LARGE, "shorten", key_64},
    {put_without_value, ISO_REFUSED, "write a delete", put_of_nothing},
    {value_1001, ISO_TOO_LARGE, "elsewhere", value_1000},
    {plain_before_define, ISO_REFUSED, "no DEFINE yet", no_header},
    {plain_without_key, ISO_REFUSED, "1 to 64 bytes", plain_delete},
};

static void check_row(const struct row *row, bool sealed)
{
    struct iso_write write;
    for (int good = 0; good < 2; good++) {
        struct iso_why why = {0};
        setup();
        (good ? row->good : row->bad)();
        if (!sealed)
            made_seal(&made);
        enum iso_err err = judge(&write, &why);
        enum iso_err want = good ? ISO_OK : row->err;
        ck_assert_msg(err == want, "%s, not %s: %s", iso_err_name(err),
                      iso_err_name(want), why.text);
        ck_assert_msg(good || strstr(why.text, row->words) != NULL, "no \"%s\" in: %s",
                      row->words, why.text);
        ck_assert(good || iso_err_kind(err) == ISO_POISON);
        teardown();
    }
}

START_TEST(what_a_header_says_is_refused_with_a_remedy_and_its_neighbour_passes)
{
    check_row(&rows[_i], false);
}
END_TEST

START_TEST(what_a_record_is_is_refused_with_a_remedy_and_its_neighbour_passes)
{
    check_row(&sealed_rows[_i], true);
}
END_TEST

START_TEST(a_key_of_another_partition_is_refused_and_murmur2_random_is_named)
{
    struct iso_write write;
    struct iso_why why = {0};
    setup();
    definition->partitions = 2;
    bool right = iso_partition_of(made.record.key, 2) == 0;
    ck_err(judge(&write, &why), right ? ISO_OK : ISO_PARTITION);
    for (const char *key = "abcdefgh"; *key != '\0'; key++) {
        made.record.key = iso_bytes(key, 1);
        right = iso_partition_of(made.record.key, 2) == 0;
        ck_err(judge(&write, &why), right ? ISO_OK : ISO_PARTITION);
        ck_assert(right || strstr(why.text, "partitioner=murmur2_random") != NULL);
    }
    teardown();
}
END_TEST

START_TEST(a_plain_clients_record_gets_its_hlc_between_top_and_the_attested_time)
{
    const struct {
        int64_t append_after_ms;
        uint64_t hlc;
    } cases[] = {
        /* the broker's clock is right */
        {T_AFTER_MS + 7, hlc_at(T_AFTER_MS + 7, 0)},
        /* it went back: behind the newest that was admitted */
        {T_AFTER_MS - 900, hlc_at(T_AFTER_MS, 10)},
        {-NOW_MS - 1, hlc_at(T_AFTER_MS, 10)},
        /* it ran ahead: not beyond T and after_max */
        {T_AFTER_MS + 999999, hlc_at(T_AFTER_MS + AFTER_MAX_MS, 0)},
        {INT64_MAX - NOW_MS, hlc_at(T_AFTER_MS + AFTER_MAX_MS, 0)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct iso_write write;
        struct iso_why why;
        setup();
        made_plain(&made, 77, cases[i].append_after_ms, "key", i == 1 ? NULL : "v");
        ck_ok(judge(&write, &why));
        ck_assert_uint_eq(write.version.hlc, cases[i].hlc);
        ck_assert_uint_eq(write.version.node, (128ull + LOG) << 48 | 77);
        ck_assert_int_eq(write.operation, i == 1 ? ISO_DELETE : ISO_PUT);
        ck_assert(write.blind && !write.has_expiry && write.seq == 0);
        teardown();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admit");
    TCase *tests = tcase_create("admit");
    tcase_add_loop_test(
        tests, what_a_header_says_is_refused_with_a_remedy_and_its_neighbour_passes, 0,
        (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(
        tests, what_a_record_is_is_refused_with_a_remedy_and_its_neighbour_passes, 0,
        (int)(sizeof sealed_rows / sizeof sealed_rows[0]));
    tcase_add_test(tests,
                   a_key_of_another_partition_is_refused_and_murmur2_random_is_named);
    tcase_add_test(
        tests, a_plain_clients_record_gets_its_hlc_between_top_and_the_attested_time);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
