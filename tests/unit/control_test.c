/* The fold over the control topic (schema/control.h). */
#include "tests/unit/definition_sample.h"
#include "tests/unit/mutate.h"

#include "schema/avro.h"
#include "schema/control.h"

static struct iso_control *control;
static int64_t next;

static void setup(void)
{
    control = iso_control_new();
    next = 0;
}

static void teardown(void)
{
    iso_control_free(control);
    iso_control_free(NULL);
}

static void feed(const char *key, struct iso_bytes value)
{
    iso_control_feed(control, next++, iso_bytes_text(key), value);
}

/* The claim of `name` to `number`, under the key of `key`; says whether it counted. */
static bool claim(const char *key, const char *name, unsigned number)
{
    struct iso_buf own_key = {0}, value = {0};
    char whole[512];
    uint64_t ignored = iso_control_ignored(control);
    iso_control_claim_region(name, number, &own_key, &value);
    snprintf(whole, sizeof whole, "region/%s", key);
    feed(whole, iso_buf_bytes(&value));
    iso_buf_release(&own_key);
    iso_buf_release(&value);
    return iso_control_ignored(control) == ignored;
}

/* The same of a definition, under the key `key`, or its own when that is NULL. */
static bool define(const char *key, struct iso_definition *definition)
{
    struct iso_buf own_key = {0};
    uint64_t ignored = iso_control_ignored(control);
    iso_control_claim_definition(definition, &own_key);
    feed(key != NULL ? key : iso_buf_text(&own_key), iso_buf_bytes(&definition->bytes));
    iso_buf_release(&own_key);
    iso_definition_free(definition);
    return iso_control_ignored(control) == ignored;
}

static void says(const char *part)
{
    ck_assert_msg(strstr(iso_control_why(control), part) != NULL, "%s",
                  iso_control_why(control));
}

START_TEST(regions_are_known_by_name_and_number)
{
    ck_assert(claim("eu", "eu", 1));
    ck_assert(claim("us", "us", 64));
    ck_assert_uint_eq(iso_control_region(control, "eu"), 1);
    ck_assert_uint_eq(iso_control_region(control, "ap"), 0);
    ck_assert_uint_eq(iso_control_region(control, ""), 0);
    ck_assert_str_eq(iso_control_region_name(control, 64), "us");
    ck_assert_ptr_null(iso_control_region_name(control, 2));
    ck_assert_ptr_null(iso_control_region_name(control, 0));
    ck_assert_ptr_null(iso_control_region_name(control, 65));
    ck_assert_int_eq(iso_control_next(control), 2);
    ck_assert_str_eq(iso_control_why(control), "");
}
END_TEST

START_TEST(of_two_claims_to_a_name_or_number_the_first_counts)
{
    ck_assert(claim("eu", "eu", 1));
    ck_assert(!claim("eu", "eu", 2));
    says("region eu is number 1 already");
    ck_assert(!claim("us", "us", 1));
    says("number 1 is region eu's");
    ck_assert(!claim("eu", "eu", 1)); /* a repeat changes nothing either */
    ck_assert_ptr_null(iso_control_region_name(control, 2));
    ck_assert(claim("us", "us", 2));
    ck_assert_uint_eq(iso_control_ignored(control), 3);
}
END_TEST

START_TEST(a_claim_that_is_wrong_in_itself_counts_for_nothing)
{
    ck_assert(!claim("eu", "us", 1));
    says("must agree");
    ck_assert(!claim("EU", "EU", 1));
    says("a-z 0-9 -");
    ck_assert(!claim("", "", 1));
    ck_assert(!claim("eu", "eu", 0));
    ck_assert(!claim("eu", "eu", 65));
    says("isostasy region add");
    feed("region/eu", iso_bytes(NULL, 0)); /* a tombstone takes nothing back */
    feed("region/eu\n", iso_bytes_text("x"));
    feed("regions/eu", iso_bytes_text("x"));
    says("none of region/…, definition/… and defined/…");
    iso_control_feed(control, next++, iso_bytes(NULL, 0), iso_bytes(NULL, 0));
    iso_control_feed(control, next++, iso_bytes("region/a\0b", 10), iso_bytes(NULL, 0));
    ck_assert_uint_eq(iso_control_ignored(control), 10);
    for (unsigned number = 0; number <= 65; number++)
        ck_assert_ptr_null(iso_control_region_name(control, number));
}
END_TEST

START_TEST(definitions_count_one_after_the_other)
{
    ck_assert(!define(NULL, sample_encoded("b", 2)));
    says("begin at 1");
    ck_assert(define(NULL, sample_encoded("b", 1)));
    ck_assert(define(NULL, sample_encoded("a", 1)));
    const struct iso_definition *first = iso_control_definition(control, "b", 1);
    ck_assert(!define(NULL, sample_encoded("b", 3)));
    says("3 cannot come after 1");
    ck_assert(define(NULL, sample_encoded("b", 2)));
    ck_assert(define(NULL, sample_encoded("b", 3)));
    ck_assert_ptr_eq(iso_control_definition(control, "b", 1), first);
    ck_assert_uint_eq(iso_control_definition(control, "b", 0)->number, 3);
    ck_assert_uint_eq(iso_control_definition(control, "b", 2)->number, 2);
    ck_assert_uint_eq(iso_control_definition(control, "a", 0)->number, 1);
    ck_assert_ptr_null(iso_control_definition(control, "b", 4));
    ck_assert_ptr_null(iso_control_definition(control, "b", UINT32_MAX));
    ck_assert_ptr_null(iso_control_definition(control, "c", 0));
    ck_assert_str_eq(iso_control_collection(control, 0), "b");
    ck_assert_str_eq(iso_control_collection(control, 1), "a");
    ck_assert_ptr_null(iso_control_collection(control, 2));
}
END_TEST

START_TEST(a_later_claim_to_a_definition_changes_nothing)
{
    ck_assert(define(NULL, sample_encoded("b", 1)));
    struct iso_definition *other = sample_definition("b", 1);
    other->buckets = 7;
    ck_assert_int_eq(iso_definition_encode(other, NULL), ISO_OK);
    ck_assert(!define(NULL, other));
    says("first claim counts");
    ck_assert_uint_eq(iso_control_definition(control, "b", 1)->buckets,
                      ISO_BUCKETS_DEFAULT);
    other = sample_definition("b", 2);
    other->buckets = 7;
    ck_assert_int_eq(iso_definition_encode(other, NULL), ISO_OK);
    ck_assert(!define(NULL, other));
    says("new collection");
    ck_assert(define(NULL, sample_encoded("b", 2)));
}
END_TEST

START_TEST(a_definition_under_another_key_counts_for_nothing)
{
    static const char *const keys[] = {
        "definition/a/1",          "definition/b/2",
        "definition/b/01",         "definition/b/+1",
        "definition/b/1 ",         "definition/b/1/1",
        "definition/b/",           "definition/b",
        "definition//1",           "definition/../1",
        "definition/b/0",          "definition/b/4294967297",
        "definition/b/2147483648", "definition/B/1",
        "definition/b/-1",         "definition/",
        "Definition/b/1",          "definition/b/99999999999999999999",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(!define(keys[i], sample_encoded("b", 1)), "%s", keys[i]);
    ck_assert_ptr_null(iso_control_collection(control, 0));
    /* … and does not stand in the way of the right one. */
    ck_assert(define("definition/b/1", sample_encoded("b", 1)));
}
END_TEST

START_TEST(records_below_the_next_offset_are_skipped_and_holes_are_not_minded)
{
    ck_assert(claim("eu", "eu", 1));
    next = 0;
    ck_assert(claim("us", "us", 2)); /* skipped, not counted */
    ck_assert_uint_eq(iso_control_region(control, "us"), 0);
    next = 100;
    ck_assert(claim("us", "us", 2));
    ck_assert_int_eq(iso_control_next(control), 101);
    iso_control_feed(control, INT64_MAX, iso_bytes_text("x"), iso_bytes(NULL, 0));
    ck_assert_int_eq(iso_control_next(control), 101);
    iso_control_feed(control, -1, iso_bytes_text("x"), iso_bytes(NULL, 0));
    ck_assert_uint_eq(iso_control_ignored(control), 0);
}
END_TEST

/* Whoever tampers comes before or after; what counts depends on the order alone. */
START_TEST(any_two_readers_of_one_order_know_the_same)
{
    struct iso_chance chance;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct iso_control *readers[2] = {iso_control_new(), iso_control_new()};
        iso_chance_seeded_init(&chance, seed);
        for (int64_t offset = 0; offset < 40; offset++) {
            unsigned number = (unsigned)(iso_chance_draw(&chance) % 6);
            const char *name = iso_chance_draw(&chance) % 2 ? "eu" : "us";
            struct iso_buf key = {0}, value = {0};
            iso_control_claim_region(name, number, &key, &value);
            if (iso_chance_draw(&chance) % 4 == 0)
                value.data[iso_chance_draw(&chance) % value.size] ^= 1;
            for (int i = 0; i < 2; i++)
                iso_control_feed(readers[i], offset, iso_buf_bytes(&key),
                                 iso_buf_bytes(&value));
            /* One of them reads everything twice. */
            iso_control_feed(readers[1], offset, iso_buf_bytes(&key),
                             iso_buf_bytes(&value));
            iso_buf_release(&key);
            iso_buf_release(&value);
        }
        ck_assert_msg(iso_control_ignored(readers[0]) ==
                          iso_control_ignored(readers[1]),
                      "seed %llu", (unsigned long long)seed);
        unsigned eu = iso_control_region(readers[0], "eu");
        unsigned us = iso_control_region(readers[0], "us");
        ck_assert_msg(eu == 0 || eu != us, "seed %llu", (unsigned long long)seed);
        ck_assert_uint_eq(eu, iso_control_region(readers[1], "eu"));
        ck_assert_uint_eq(us, iso_control_region(readers[1], "us"));
        iso_control_free(readers[0]);
        iso_control_free(readers[1]);
    }
}
END_TEST

/* ---- which definition writers use ---- */

static bool mark(const char *key)
{
    uint64_t ignored = iso_control_ignored(control);
    feed(key, iso_bytes(NULL, 0));
    return iso_control_ignored(control) == ignored;
}

static uint32_t written(const char *collection)
{
    const struct iso_definition *definition =
        iso_control_definition_written(control, collection);
    return definition != NULL ? definition->number : 0;
}

START_TEST(a_definition_is_written_by_once_it_is_marked)
{
    ck_assert_uint_eq(written("b"), 0);
    ck_assert(!mark("defined/b/1"));
    says("definition b/1 is marked as defined and is not there");
    for (uint32_t number = 1; number <= 4; number++) {
        ck_assert(define(NULL, sample_encoded("b", number)));
        ck_assert_uint_eq(written("b"), 1);
    }
    struct iso_buf key = {0};
    iso_control_mark_defined(iso_control_definition(control, "b", 2), &key);
    ck_assert_str_eq(iso_buf_text(&key), "defined/b/2");
    ck_assert(mark(iso_buf_text(&key)));
    iso_buf_release(&key);
    ck_assert_uint_eq(written("b"), 2);
    ck_assert(mark("defined/b/4"));
    ck_assert_uint_eq(written("b"), 4);
    ck_assert(!mark("defined/b/3")); /* it is behind, and stays so */
    says("so is 4 already");
    ck_assert(!mark("defined/b/5"));
    ck_assert_uint_eq(written("b"), 4);
    ck_assert(define(NULL, sample_encoded("b", 5)));
    ck_assert_uint_eq(written("b"), 4);
    ck_assert_uint_eq(iso_control_definition(control, "b", 0)->number, 5);
}
END_TEST

START_TEST(a_mark_that_is_wrong_in_itself_counts_for_nothing)
{
    static const char *const keys[] = {"defined/",    "defined/b",     "defined/b/",
                                       "defined/b/0", "defined/b/02",  "defined/b/3",
                                       "defined/c/2", "defined/b/2/2", "defined//2",
                                       "Defined/b/2", "defined/b/-2"};
    ck_assert(define(NULL, sample_encoded("b", 1)));
    ck_assert(define(NULL, sample_encoded("b", 2)));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(!mark(keys[i]), "%s", keys[i]);
    uint64_t ignored = iso_control_ignored(control);
    feed("defined/b/2", iso_bytes_text("x"));
    ck_assert_uint_eq(iso_control_ignored(control), ignored + 1);
    ck_assert_uint_eq(written("b"), 1);
}
END_TEST

/* ---- limits ---- */

/* The definition that `big` is, as the first of bigNNN. */
static void feed_big(struct iso_definition *big, size_t n)
{
    char key[32];
    snprintf(key, sizeof key, "definition/big%03zu/1", n);
    memcpy(big->bytes.data + 1, key + strlen("definition/"), strlen("big000"));
    feed(key, iso_buf_bytes(&big->bytes));
}

START_TEST(memory_is_bounded_and_what_is_over_is_counted)
{
    char name[32];
    struct iso_definition *big = sample_definition("big000", 1);
    iso_free(big->schemas[0].json);
    big->schemas[0].json = iso_alloc_zero(1, (890 << 10) + 1);
    memset(big->schemas[0].json, 'x', 890 << 10);
    ck_assert_int_eq(iso_definition_encode(big, NULL), ISO_OK);
    size_t fit = ISO_CONTROL_BYTES_MAX / big->bytes.size;
    for (size_t n = 0; n < fit; n++)
        feed_big(big, n);
    ck_assert_uint_eq(iso_control_ignored(control), 0);
    feed_big(big, fit);
    ck_assert_uint_eq(iso_control_ignored(control), 1);
    says("bytes");
    snprintf(name, sizeof name, "big%03zu", fit);
    ck_assert_ptr_null(iso_control_definition(control, name, 1));
    ck_assert(define(NULL, sample_encoded("small", 1)));
    iso_definition_free(big);
}
END_TEST

static void region_walk_agrees(struct iso_bytes bad, void *arg)
{
    size_t *taken = arg;
    struct iso_control *fresh = iso_control_new();
    iso_control_feed(fresh, 0, iso_bytes_text("region/eu-west"), bad);
    if (iso_control_region(fresh, "eu-west") != 0) {
        ++*taken;
        ck_assert_int_eq(iso_avro_check(iso_avsc(ISO_AVSC_REGION), bad, NULL), ISO_OK);
    } else {
        ck_assert_uint_eq(iso_control_ignored(fresh), 1);
    }
    iso_control_free(fresh);
}

START_TEST(what_the_walk_refuses_counts_for_nothing)
{
    struct iso_buf key = {0}, value = {0};
    size_t taken = 0;
    iso_control_claim_region("eu-west", 7, &key, &value);
    ck_assert_str_eq(iso_buf_text(&key), "region/eu-west");
    ck_assert_int_eq(
        iso_avro_check(iso_avsc(ISO_AVSC_REGION), iso_buf_bytes(&value), NULL), ISO_OK);
    mutate_all(iso_buf_bytes(&value), 5, region_walk_agrees, &taken);
    ck_assert_uint_gt(taken, 5);
    iso_buf_release(&key);
    iso_buf_release(&value);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("control");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, regions_are_known_by_name_and_number);
    tcase_add_test(tests, of_two_claims_to_a_name_or_number_the_first_counts);
    tcase_add_test(tests, a_claim_that_is_wrong_in_itself_counts_for_nothing);
    tcase_add_test(tests, definitions_count_one_after_the_other);
    tcase_add_test(tests, a_later_claim_to_a_definition_changes_nothing);
    tcase_add_test(tests, a_definition_under_another_key_counts_for_nothing);
    tcase_add_test(tests,
                   records_below_the_next_offset_are_skipped_and_holes_are_not_minded);
    tcase_add_test(tests, any_two_readers_of_one_order_know_the_same);
    tcase_add_test(tests, a_definition_is_written_by_once_it_is_marked);
    tcase_add_test(tests, a_mark_that_is_wrong_in_itself_counts_for_nothing);
    tcase_add_test(tests, memory_is_bounded_and_what_is_over_is_counted);
    tcase_add_test(tests, what_the_walk_refuses_counts_for_nothing);
    Suite *suite = suite_create("control");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
