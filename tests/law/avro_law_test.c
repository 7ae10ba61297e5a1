/* The walk against the dumb model over drawn pairs of schema and datum: sound data,
 * truncated, extended, damaged and random bytes; all byte strings of a few values for
 * schemas with corners; data on both sides of each limit. What is taken survives the
 * way through JSON: byte for byte when it is laid out as we do it, else with the same
 * JSON.
 *
 * ISO_PAIRS and ISO_SEED choose how many pairs and which; schema n is drawn from
 * ISO_SEED + n, and a failure prints the seed that begins with it. */
#include "tests/unit/avro_draw.h"

enum { PAIRS = 100000, DATA = 10, BYTES_MAX = 40 };

struct tally {
    enum planted planted;
    uint64_t seed;
    uint64_t schemas, pairs, data, taken, identities, by_json;
};

/* One drawn schema, as ours and as the model's. */
struct drawn {
    struct drawer drawer;
    struct model model;
    json_t *type;
    char *json;
    struct iso_avro *schema;
};

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void drawn_parse(struct drawn *drawn, enum planted planted)
{
    struct iso_why why;
    drawn->model = (struct model){.planted = planted, .named = json_object()};
    names_collect(drawn->model.named, drawn->type, "");
    drawn->json = json_dumps(drawn->type, JSON_ENCODE_ANY);
    if (iso_avro_parse(iso_bytes_text(drawn->json), &drawn->schema, &why) != ISO_OK)
        ck_abort_msg("%s: %s", why.text, drawn->json);
}

static void drawn_release(struct drawn *drawn)
{
    iso_avro_free(drawn->schema);
    free(drawn->json);
    json_decref(drawn->model.named);
    json_decref(drawn->type);
    json_decref(drawn->drawer.done);
    json_decref(drawn->drawer.open);
}

static struct drawn schema_draw(uint64_t seed, enum planted planted)
{
    struct drawn drawn = {.drawer = {.done = json_array(), .open = json_array()}};
    iso_chance_seeded_init(&drawn.drawer.chance, seed);
    drawn.drawer.odd = below(&drawn.drawer.chance, 2);
    drawn.type = type_draw(&drawn.drawer, "", 0, false);
    drawn_parse(&drawn, planted);
    return drawn;
}

static struct drawn schema_given(const char *json, enum planted planted)
{
    struct drawn drawn = {.type = json_loads(json, JSON_DECODE_ANY, NULL)};
    ck_assert_msg(drawn.type != NULL, "%s", json);
    drawn_parse(&drawn, planted);
    return drawn;
}

/* Whether both say the same (a check of the library writes to a file each time: what is
 * asked a million times is asked without); *taken: that it is a datum. */
static bool alike(struct drawn *drawn, struct iso_bytes datum, bool *taken)
{
    uint8_t *exact = malloc(datum.size > 0 ? datum.size : 1); /* for the sanitizer */
    if (datum.size > 0)
        memcpy(exact, datum.data, datum.size);
    struct iso_why why = {0};
    enum iso_err err =
        iso_avro_check(drawn->schema, iso_bytes(exact, datum.size), &why);
    free(exact);
    if (err != ISO_OK && (err != ISO_BAD_DATA || why.text[0] == '\0'))
        ck_abort_msg("%s, and no reason: %s", iso_err_name(err), drawn->json);
    *taken = err == ISO_OK;
    return *taken == model_takes(&drawn->model, drawn->type, datum);
}

/* ---- through JSON and back ---- */

static void json_of(struct drawn *drawn, struct iso_bytes datum, struct iso_buf *json)
{
    struct iso_why why;
    iso_buf_clear(json);
    if (iso_avro_to_json(drawn->schema, datum, json, &why) != ISO_OK)
        ck_abort_msg("%s: %s", why.text, drawn->json);
}

/* False: the datum that the JSON becomes is another, or shows another JSON. */
static bool round_trip(struct drawn *drawn, struct iso_bytes datum, bool plain)
{
    struct iso_buf json = {0}, back = {0}, again = {0};
    struct iso_why why;
    json_of(drawn, datum, &json);
    enum iso_err err =
        iso_avro_from_json(drawn->schema, iso_buf_bytes(&json), &back, &why);
    bool same = err == ISO_OK;
    if (same && plain) {
        same = iso_bytes_equal(datum, iso_buf_bytes(&back));
    } else if (same) {
        json_of(drawn, iso_buf_bytes(&back), &again);
        same = iso_bytes_equal(iso_buf_bytes(&json), iso_buf_bytes(&again));
    } else { /* jansson has no U+0000 in the keys of objects */
        same = strstr(why.text, "NUL byte in object key") != NULL;
    }
    if (!same)
        printf("%s\n%s\n", err == ISO_OK ? "it comes back as another" : why.text,
               iso_buf_text(&json));
    iso_buf_release(&json);
    iso_buf_release(&back);
    iso_buf_release(&again);
    return same;
}

/* ---- drawn pairs ---- */

enum variant { SOUND, TRUNCATED, EXTENDED, DAMAGED, DAMAGED_TWICE, RANDOM, VARIANTS };

static void variant_make(struct iso_chance *chance, enum variant variant,
                         struct iso_bytes sound, struct iso_buf *datum)
{
    iso_buf_clear(datum);
    if (variant != RANDOM)
        iso_buf_add_bytes(datum, sound);
    if (variant == TRUNCATED && datum->size > 0)
        datum->size = below(chance, datum->size);
    for (int n = variant == DAMAGED_TWICE ? 2 : variant == DAMAGED; n > 0; n--)
        damage(chance, datum);
    uint64_t more = variant == EXTENDED ? 1 + below(chance, 4)
                    : variant == RANDOM ? below(chance, BYTES_MAX)
                                        : 0;
    uint64_t most =
        variant == RANDOM && below(chance, 2) ? 6 : 256; /* small is valid */
    for (; more > 0; more--)
        iso_buf_add_u8(datum, (uint8_t)below(chance, most));
}

/* False at the first difference. */
static bool pair_holds(struct drawn *drawn, struct tally *tally)
{
    struct iso_buf sound = {0}, datum = {0};
    struct drawer *drawer = &drawn->drawer;
    bool holds = true;
    drawer->plain = below(&drawer->chance, 2);
    datum_begin(drawer, &drawn->model, drawn->type, &sound);
    for (enum variant variant = SOUND; variant < VARIANTS && holds; variant++) {
        bool taken = false;
        variant_make(&drawer->chance, variant, iso_buf_bytes(&sound), &datum);
        holds = alike(drawn, iso_buf_bytes(&datum), &taken);
        /* Or both could agree by refusing everything. */
        if (!taken && variant == SOUND && !drawer->dive)
            ck_abort_msg("what was drawn is refused: %s", drawn->json);
        tally->data++;
        tally->taken += taken;
        /* Of damaged data it is enough to look at some. */
        if (!holds || !taken || (variant != SOUND && below(&drawer->chance, 4) > 0))
            continue;
        bool plain = variant == SOUND && drawer->plain;
        holds = round_trip(drawn, iso_buf_bytes(&datum), plain);
        tally->identities += plain;
        tally->by_json += !plain;
    }
    tally->pairs++;
    iso_buf_release(&sound);
    iso_buf_release(&datum);
    return holds;
}

static bool pairs_hold(struct tally *tally, uint64_t pairs)
{
    bool holds = true;
    while (holds && tally->pairs < pairs) {
        uint64_t seed = tally->seed + tally->schemas++;
        struct drawn drawn = schema_draw(seed, tally->planted);
        for (int i = 0; i < DATA && holds; i++)
            holds = pair_holds(&drawn, tally);
        if (!holds && tally->planted == NONE)
            printf("%s\nrepeat it with ISO_SEED=%llu ISO_PAIRS=%d\n", drawn.json,
                   (unsigned long long)seed, DATA);
        drawn_release(&drawn);
    }
    return holds;
}

START_TEST(the_walk_takes_what_the_specification_allows_and_nothing_else)
{
    uint64_t pairs = number_from("ISO_PAIRS", PAIRS);
    struct tally tally = {.seed = number_from("ISO_SEED", 1)};
    bool hold = pairs_hold(&tally, pairs);
    printf("avro: ISO_SEED=%llu: %llu schemas, %llu pairs, %llu data, %llu taken, "
           "%llu identities, %llu by JSON\n",
           (unsigned long long)tally.seed, (unsigned long long)tally.schemas,
           (unsigned long long)tally.pairs, (unsigned long long)tally.data,
           (unsigned long long)tally.taken, (unsigned long long)tally.identities,
           (unsigned long long)tally.by_json);
    ck_assert(hold);
    if (pairs < PAIRS)
        return;
    ck_assert_uint_gt(tally.taken, tally.data / 5); /* both answers are well tried */
    ck_assert_uint_lt(tally.taken, tally.data * 4 / 5);
    ck_assert_uint_gt(tally.identities, pairs / 3);
    ck_assert_uint_gt(tally.by_json, pairs / 3);
}
END_TEST

START_TEST(every_planted_mistake_is_seen)
{
    struct tally tally = {.seed = 1, .planted = (enum planted)_i};
    ck_assert_msg(!pairs_hold(&tally, PAIRS), "mistake %d goes unseen", _i);
}
END_TEST

/* ---- corners: all strings of up to four of these bytes ---- */

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define ENUM(symbols) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]}"
#define ARRAY(type) "{\"type\":\"array\",\"items\":" type "}"
#define MAP(type) "{\"type\":\"map\",\"values\":" type "}"
#define FIXED(size) "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" #size "}"

static const char *const corners[] = {
    "[]",
    "[\"null\"]",
    "[\"null\"," ENUM("") "]",
    ENUM(""),
    ENUM("\"A\""),
    ARRAY("[]"),
    ARRAY("\"null\""),
    ARRAY(ARRAY("\"null\"")),
    ARRAY("\"boolean\""),
    MAP("[]"),
    MAP("\"null\""),
    MAP("\"int\""),
    MAP(FIXED(0)),
    RECORD(""),
    RECORD(FIELD("a", "[\"null\",\"n.R\"]")),
    RECORD(FIELD("a", "\"n.R\"")),
    RECORD(FIELD("a", ARRAY("\"n.R\""))),
    RECORD(FIELD("a", MAP("\"n.R\"")) "," FIELD("b", "\"bytes\"")),
    ARRAY(RECORD("")),
    FIXED(0),
    FIXED(3),
    "\"null\"",
    "\"boolean\"",
    "\"int\"",
    "\"long\"",
    "\"float\"",
    "\"string\"",
    "[\"bytes\",\"int\",\"string\"]",
};

/* All strings of so many bytes; how many were taken. */
static uint64_t strings_alike(struct drawn *drawn, unsigned size)
{
    static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80};
    uint64_t taken_all = 0, count = 1;
    for (unsigned k = 0; k < size; k++)
        count *= sizeof values;
    for (uint64_t n = 0; n < count; n++) {
        uint8_t datum[4];
        bool taken = false;
        for (uint64_t k = 0, rest = n; k < size; k++, rest /= sizeof values)
            datum[k] = values[rest % sizeof values];
        if (!alike(drawn, iso_bytes(datum, size), &taken))
            ck_abort_msg("%s: %u bytes, string %llu", drawn->json, size,
                         (unsigned long long)n);
        taken_all += taken;
    }
    return taken_all;
}

START_TEST(short_data_of_corners_are_judged_alike)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++) {
        struct drawn drawn = schema_given(corners[i], NONE);
        for (unsigned size = 0; size <= 4; size++)
            taken += strings_alike(&drawn, size);
        drawn_release(&drawn);
    }
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

/* ---- limits: both sides of each ---- */

/* Steps: what stands before the array, the array, its two counts, and for each item
 * itself and its fields. The bytes: one of a union, three of the count, one of the end.
 */
#define ITEMS_MOST(bytes, before, of_item) \
    ((ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * (bytes) - (before)-3) / (of_item))
#define NULLS(a, b) FIELD(a, "\"null\"") "," FIELD(b, "\"null\"")

static const struct {
    const char *json;
    bool has_union; /* before the array */
    int64_t most;   /* items, none of which takes a byte */
} limits[] = {
    {ARRAY("\"null\""), false, ISO_AVRO_ITEMS_MAX},
    {ARRAY(RECORD(FIELD("a", "\"null\""))), false, ITEMS_MOST(4, 0, 2)},
    {ARRAY(RECORD(NULLS("a", "b"))), false, ITEMS_MOST(4, 0, 3)},
    {ARRAY(RECORD(FIELD("a", FIXED(0)) "," NULLS("b", "c"))), false,
     ITEMS_MOST(4, 0, 4)},
    /* No step is left over here: that a union is one with its branch is seen. */
    {"{\"type\":\"record\",\"name\":\"Top\",\"fields\":[" NULLS("a", "b") "," FIELD(
         "c",
         "\"null\"") "," FIELD("u",
                               "[\"null\"]") "," FIELD("v",
                                                       ARRAY(RECORD(
                                                           NULLS("a", "b") "," FIELD(
                                                               "c", "\"null\"")))) "]}",
     true, ITEMS_MOST(5, 5, 4)},
};

static bool many_alike(size_t limit, enum planted planted, int64_t items, bool *taken)
{
    struct drawn drawn = schema_given(limits[limit].json, planted);
    struct iso_buf datum = {0};
    if (limits[limit].has_union)
        iso_avro_add_long(&datum, 0);
    iso_avro_add_long(&datum, items);
    iso_avro_add_long(&datum, 0);
    bool same = alike(&drawn, iso_buf_bytes(&datum), taken);
    iso_buf_release(&datum);
    drawn_release(&drawn);
    return same;
}

static bool limits_alike(enum planted planted)
{
    bool same = true;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        bool more_items = limits[i].most > ISO_AVRO_ITEMS_MAX;
        int64_t most = more_items ? ISO_AVRO_ITEMS_MAX : limits[i].most;
        for (int64_t over = 0; over <= 1; over++) {
            bool taken = false;
            same &= many_alike(i, planted, most + over, &taken);
            ck_assert_msg(taken == (over == 0), "%s", limits[i].json);
        }
    }
    return same;
}

START_TEST(limits_are_where_they_are_said_to_be)
{
    ck_assert(limits_alike(NONE));
}
END_TEST

START_TEST(a_mistake_at_a_limit_is_seen)
{
    ck_assert_msg(!limits_alike((enum planted)_i), "mistake %d goes unseen", _i);
}
END_TEST

int main(void)
{
    TCase *pairs = tcase_create("pairs"); /* what tests/long/avro-pairs runs alone */
    tcase_set_timeout(pairs, 280);
    tcase_add_test(pairs,
                   the_walk_takes_what_the_specification_allows_and_nothing_else);
    TCase *others = tcase_create("others");
    tcase_set_timeout(others, 280);
    tcase_add_loop_test(others, every_planted_mistake_is_seen, NONE + 1, NEAR_LIMITS);
    tcase_add_test(others, short_data_of_corners_are_judged_alike);
    tcase_add_test(others, limits_are_where_they_are_said_to_be);
    tcase_add_loop_test(others, a_mistake_at_a_limit_is_seen, NEAR_LIMITS, PLANTED);
    Suite *suite = suite_create("avro_law");
    suite_add_tcase(suite, pairs);
    suite_add_tcase(suite, others);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
