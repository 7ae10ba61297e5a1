/* The walk (iso_avro_check) against the dumb model: random schemas, random data of
 * them, random damage. What the walk takes, avro-c must be able to read. */
#include "tests/unit/avro_draw.h"

enum { SCHEMAS = 1000, DATA = 10, DAMAGES = 10, SEED = 4711 };

struct tally {
    int rounds, taken, shown;
};

static bool walk_takes(const struct iso_avro *schema, struct iso_bytes datum)
{
    uint8_t *exact = malloc(datum.size > 0 ? datum.size : 1); /* for the sanitizer */
    if (datum.size > 0)
        memcpy(exact, datum.data, datum.size);
    struct iso_why why = {0};
    enum iso_err err = iso_avro_check(schema, iso_bytes(exact, datum.size), &why);
    ck_assert(err == ISO_OK || (err == ISO_BAD_DATA && why.text[0] != '\0'));
    free(exact);
    return err == ISO_OK;
}

/* What the walk takes, avro-c reads: every tenth time, since it is slow. */
static void show(const struct iso_avro *schema, struct iso_bytes datum,
                 struct tally *tally)
{
    if (tally->taken++ % 10 != 0)
        return;
    struct iso_buf json = {0};
    struct iso_why why;
    if (iso_avro_to_json(schema, datum, &json, &why) != ISO_OK)
        ck_abort_msg("seed %d, round %d: %s", SEED, tally->rounds, why.text);
    json_t *parsed = json_loadb((const char *)json.data, json.size,
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    ck_assert_msg(parsed != NULL, "%s", iso_buf_text(&json));
    json_decref(parsed);
    iso_buf_release(&json);
    tally->shown++;
}

/* False at the first difference. */
static bool data_alike(struct drawer *drawer, struct model *model, json_t *type,
                       const struct iso_avro *schema, struct tally *tally)
{
    struct iso_buf datum = {0}, damaged = {0};
    bool alike = true;
    for (int i = 0; i < DATA * DAMAGES && alike; i++) {
        int nth = i % DAMAGES; /* the first stays sound */
        if (nth == 0)
            datum_begin(drawer, model, type, &datum);
        iso_buf_clear(&damaged);
        iso_buf_add_bytes(&damaged, iso_buf_bytes(&datum));
        for (int times = nth > 6 ? 2 : nth > 0; times > 0; times--)
            damage(&drawer->chance, &damaged);
        bool ours = walk_takes(schema, iso_buf_bytes(&damaged));
        alike = ours == model_takes(model, type, iso_buf_bytes(&damaged));
        /* Or walk and model could agree by refusing everything. */
        ck_assert(ours || nth > 0 || drawer->dive);
        if (ours)
            show(schema, iso_buf_bytes(&damaged), tally);
        tally->rounds++;
    }
    iso_buf_release(&datum);
    iso_buf_release(&damaged);
    return alike;
}

static bool schemas_alike(enum planted planted, struct tally *tally)
{
    bool alike = true;
    struct drawer drawer = {0};
    iso_chance_seeded_init(&drawer.chance, SEED);
    for (int i = 0; i < SCHEMAS && alike; i++) {
        drawer.done = json_array();
        drawer.open = json_array();
        json_t *type = type_draw(&drawer, "", 0, false);
        struct model model = {.planted = planted, .named = json_object()};
        names_collect(model.named, type, "");
        char *json = json_dumps(type, JSON_ENCODE_ANY);
        struct iso_avro *schema = NULL;
        struct iso_why why;
        if (iso_avro_parse(iso_bytes_text(json), &schema, &why) != ISO_OK)
            ck_abort_msg("%s: %s", why.text, json);
        alike = data_alike(&drawer, &model, type, schema, tally);
        if (!alike && planted == NONE)
            ck_abort_msg("seed %d, round %d: %s", SEED, tally->rounds, json);
        iso_avro_free(schema);
        free(json);
        json_decref(model.named);
        json_decref(type);
        json_decref(drawer.done);
        json_decref(drawer.open);
    }
    return alike;
}

START_TEST(the_walk_takes_what_the_specification_allows_and_nothing_else)
{
    struct tally tally = {0};
    ck_assert(schemas_alike(NONE, &tally));
    ck_assert_int_eq(tally.rounds, SCHEMAS * DATA * DAMAGES);
    ck_assert_int_gt(tally.taken, tally.rounds / 10); /* both answers are well tried */
    ck_assert_int_lt(tally.taken, tally.rounds * 9 / 10);
    ck_assert_int_gt(tally.shown, 1000);
}
END_TEST

START_TEST(the_comparison_finds_every_planted_mistake)
{
    for (int planted = NONE + 1; planted < NEAR_LIMITS; planted++) {
        struct tally tally = {0};
        ck_assert_msg(!schemas_alike((enum planted)planted, &tally),
                      "mistake %d goes unseen", planted);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_walk");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests,
                   the_walk_takes_what_the_specification_allows_and_nothing_else);
    tcase_add_test(tests, the_comparison_finds_every_planted_mistake);
    Suite *suite = suite_create("avro_walk");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
