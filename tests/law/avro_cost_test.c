/* What a hostile value of 1 MiB costs: steps, counted by the walk, within the bound
 * that avro_walk.h states, and not one allocation, of ours or of a library, counted by
 * the sanitizer's hook on malloc where there is one (the preset dev) and by base/mem.c
 * everywhere.
 *
 * That the walk counts rightly is shown by the model, which counts for itself; that the
 * bound is what stops it, by the walk compiled here once more with twice of it. */
#include "base/mem.h"
#include "tests/unit/avro_draw.h"

enum { HOSTILE = 1 << 20, SEED = 1 };

/* ---- the walk again, with twice the bound ---- */

#define ISO_AVRO_STEPS_A_BYTE 16
#define iso_avro_walk lax_walk
#define iso_avro_check lax_check
#define iso_avro_steps_of lax_steps_of
#define iso_avro_node_walk lax_node_walk
#define iso_avro_node_check lax_node_check
enum iso_err lax_walk(const struct iso_avro *schema, struct iso_bytes datum,
                      uint64_t *steps, struct iso_why *why);
enum iso_err lax_check(const struct iso_avro *schema, struct iso_bytes datum,
                       struct iso_why *why);
#include "schema/avro_walk.c"
#undef iso_avro_walk
#undef iso_avro_check
#undef iso_avro_steps_of
#undef iso_avro_node_walk
#undef iso_avro_node_check
#undef ISO_AVRO_STEPS_A_BYTE

struct walker {
    enum iso_err (*walk)(const struct iso_avro *schema, struct iso_bytes datum,
                         uint64_t *steps, struct iso_why *why);
};

/* ---- allocations ---- */

extern int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *,
                                                              size_t),
                                                     void (*)(const volatile void *))
    __attribute__((weak));

static uint64_t mallocs;

static void malloc_seen(const volatile void *data, size_t size)
{
    (void)data;
    (void)size;
    mallocs++;
}

static void free_seen(const volatile void *data)
{
    (void)data;
}

static bool mallocs_are_seen(void)
{
    static bool installed;
    if (__sanitizer_install_malloc_and_free_hooks != NULL && !installed)
        installed =
            __sanitizer_install_malloc_and_free_hooks(malloc_seen, free_seen) > 0;
    return installed;
}

/* ---- hostile values ---- */

#define RECORD(name, fields) \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define ARRAY(type) "{\"type\":\"array\",\"items\":" type "}"
#define MAP(type) "{\"type\":\"map\",\"values\":" type "}"

/* Twelve levels of two: 8191 records a value, and not a byte of it. */
#define TWICE(name, type) \
    "," RECORD(name, FIELD("a", "\"" type "\"") "," FIELD("b", "\"" type "\""))
#define DOUBLES                                                                      \
    "[" RECORD("D0", FIELD("n", "\"null\"")) TWICE("D1", "D0") TWICE("D2", "D1")     \
        TWICE("D3", "D2") TWICE("D4", "D3") TWICE("D5", "D4") TWICE("D6", "D5")      \
            TWICE("D7", "D6") TWICE("D8", "D7") TWICE("D9", "D8") TWICE("D10", "D9") \
                TWICE("D11", "D10") TWICE("D12", "D11") "]"

static const char *const schemas[] = {
    ARRAY("\"null\""),
    ARRAY(ARRAY("\"null\"")),
    MAP("\"null\""),
    ARRAY("\"boolean\""),
    ARRAY("\"long\""),
    "\"string\"",
    "\"bytes\"",
    ARRAY(DOUBLES),
    RECORD("L", FIELD("v", "\"int\"") "," FIELD("next", "[\"null\",\"L\"]")),
    RECORD("T", FIELD("parts", ARRAY("\"T\""))),
    RECORD("R", FIELD("a", "\"R\"") "," FIELD("b", "\"R\"")),
    ARRAY(RECORD("E", "")),
};
enum { SCHEMAS = sizeof schemas / sizeof schemas[0] };

/* A megabyte of: one byte over and over, or bytes of a chance, or a string as long as
 * there is room for, whose text is not UTF-8 at its very end, or blocks of one item
 * that each use the last branch. */
enum pattern {
    ZEROS,
    ONES,
    TWOS,
    FOURS,
    HIGH,
    CONTINUED,
    CHANCE,
    TEXT,
    COUNT_MOST,
    DOUBLED,
    PATTERNS
};

static void hostile_make(enum pattern pattern, uint8_t *data)
{
    static const uint8_t filled[] = {0x00, 0x01, 0x02, 0x04, 0xff, 0x80};
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, SEED);
    memset(data, pattern <= CONTINUED ? filled[pattern] : 'a', HOSTILE);
    for (size_t i = 0; pattern == CHANCE && i < HOSTILE; i++)
        data[i] = (uint8_t)iso_chance_draw(&chance);
    if (pattern == TEXT) {
        uint8_t *text = iso_avro_put_long(data, HOSTILE - 3);
        iso_assert(text == data + 3);
        data[HOSTILE - 1] = 0xff;
    } else if (pattern == COUNT_MOST || pattern == DOUBLED) {
        uint8_t *items = iso_avro_put_long(data, ISO_AVRO_ITEMS_MAX);
        memset(items, pattern == DOUBLED ? 2 * 12 : 0,
               (size_t)(data + HOSTILE - items));
    }
}

struct cost {
    uint64_t steps, steps_most, allocated;
    unsigned taken;
};

static void walk_one(struct walker walker, const struct iso_avro *schema,
                     const uint8_t *data, struct cost *cost)
{
    uint64_t steps = 0, before = mallocs + iso_mem_count();
    struct iso_why why = {0};
    enum iso_err err = walker.walk(schema, iso_bytes(data, HOSTILE), &steps, &why);
    cost->allocated += mallocs + iso_mem_count() - before;
    cost->steps += steps;
    cost->steps_most = steps > cost->steps_most ? steps : cost->steps_most;
    cost->taken += err == ISO_OK;
}

/* Each pattern against each schema; `first` and `behind` bound the schemas. */
static struct cost cost_of(struct walker walker, int first, int behind)
{
    struct cost cost = {0};
    uint8_t *data = malloc(HOSTILE);
    for (int s = first; s < behind; s++) {
        struct iso_avro *schema = NULL;
        struct iso_why why;
        if (iso_avro_parse(iso_bytes_text(schemas[s]), &schema, &why) != ISO_OK)
            ck_abort_msg("%s", why.text);
        for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
            hostile_make(pattern, data);
            walk_one(walker, schema, data, &cost);
        }
        iso_avro_free(schema);
    }
    free(data);
    return cost;
}

enum { BOUND = ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * HOSTILE };

START_TEST(a_hostile_megabyte_costs_bounded_steps_and_no_allocation)
{
    bool seen = mallocs_are_seen();
    struct cost cost = cost_of((struct walker){iso_avro_walk}, 0, SCHEMAS);
    printf(
        "cost: %d values of 1 MiB: at most %llu steps of %d, %llu allocations (%s)\n",
        SCHEMAS * PATTERNS, (unsigned long long)cost.steps_most, BOUND,
        (unsigned long long)cost.allocated, seen ? "malloc counted" : "ours counted");
    ck_assert_uint_eq(cost.allocated, 0);
    ck_assert_uint_le(cost.steps_most, BOUND);
    ck_assert_uint_eq(cost.steps_most, BOUND); /* some of them reach it */
}
END_TEST

START_TEST(a_walk_with_twice_the_bound_is_seen_to_cost_more)
{
    struct cost cost = cost_of((struct walker){lax_walk}, 7, 8);
    ck_assert_uint_gt(cost.steps_most, BOUND);
}
END_TEST

static enum iso_err walk_that_allocates(const struct iso_avro *schema,
                                        struct iso_bytes datum, uint64_t *steps,
                                        struct iso_why *why)
{
    json_decref(json_integer(7)); /* a library's */
    return iso_avro_walk(schema, datum, steps, why);
}

START_TEST(an_allocation_by_a_library_is_seen)
{
    if (mallocs_are_seen())
        ck_assert_uint_gt(cost_of((struct walker){walk_that_allocates}, 0, 1).allocated,
                          0);
}
END_TEST

/* Small data, since the model is slow: what is taken took as many steps of both. */
START_TEST(the_walk_counts_as_the_model_does)
{
    unsigned compared = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct drawer drawer = {
            .odd = true, .done = json_array(), .open = json_array()};
        struct model model = {.named = json_object()};
        struct iso_buf datum = {0};
        struct iso_avro *schema = NULL;
        iso_chance_seeded_init(&drawer.chance, seed);
        json_t *type = type_draw(&drawer, "", 0, false);
        names_collect(model.named, type, "");
        char *json = json_dumps(type, JSON_ENCODE_ANY);
        ck_assert_int_eq(iso_avro_parse(iso_bytes_text(json), &schema, NULL), ISO_OK);
        datum_begin(&drawer, &model, type, &datum);
        if (seed % 3 == 0)
            damage(&drawer.chance, &datum);
        uint64_t steps = 0;
        if (iso_avro_walk(schema, iso_buf_bytes(&datum), &steps, NULL) == ISO_OK) {
            ck_assert(model_takes(&model, type, iso_buf_bytes(&datum)));
            ck_assert_msg(steps == model.steps, "%s", json);
            compared++;
        }
        iso_buf_release(&datum);
        iso_avro_free(schema);
        free(json);
        json_decref(type);
        json_decref(model.named);
        json_decref(drawer.done);
        json_decref(drawer.open);
    }
    ck_assert_uint_gt(compared, 200);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_cost");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_hostile_megabyte_costs_bounded_steps_and_no_allocation);
    tcase_add_test(tests, a_walk_with_twice_the_bound_is_seen_to_cost_more);
    tcase_add_test(tests, an_allocation_by_a_library_is_seen);
    tcase_add_test(tests, the_walk_counts_as_the_model_does);
    Suite *suite = suite_create("avro_cost");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
