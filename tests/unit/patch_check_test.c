/* What a patch may say (iso_patch_check and its like), and what writers make
 * (iso_edit).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "schema/patch.h"
#include "tests/unit/fields_kit.h"
#include "tests/unit/schema_kit.h"

enum { SEED = 52, ROUNDS = 20000 };

static struct iso_why why;

#define V(text)                                   \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
static const uint8_t two_names[32];
static const struct iso_sum two_sums[] = {{1, 2, 3, 4}, {1, 3, 3, 4}};
static const struct iso_sum same_sums[] = {{1, 2, 3, 4}, {1, 2, 5, 4}};
static const struct iso_sum wrong_sums[] = {{2, 2, 3, 4}, {1, 2, 5, 4}};

struct row {
    const char *field, *member;
    enum iso_step_operation operation;
    struct iso_bytes value;
    enum iso_err want;
    const struct iso_sum *sums;
};

static struct iso_step step_of(const struct row *row)
{
    struct iso_step step = {.field = iso_bytes_text(row->field),
                            .has_member = row->member != NULL,
                            .operation = row->operation,
                            .value = row->value,
                            .seen = {two_names, 2},
                            .sums = row->sums,
                            .sum_count = row->sums != NULL ? 2 : 0};
    if (step.has_member)
        step.member = iso_bytes_text(row->member);
    return step;
}

static const struct row steps[] = {
    {"name", NULL, ISO_STEP_SET, V("\4Al"), ISO_OK, NULL},
    {"name", NULL, ISO_STEP_SET, V("\4A"), ISO_BAD_DATA, NULL},
    {"name", NULL, ISO_STEP_SET, V("\2Al"), ISO_BAD_DATA, NULL},
    {"name", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"name", NULL, ISO_STEP_UNSET, V("\0"), ISO_BAD_DATA, NULL},
    {"name", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, two_sums},
    {"name", "x", ISO_STEP_SET, V("\4Al"), ISO_BAD_DATA, NULL},
    {"nobody", NULL, ISO_STEP_SET, V("\4Al"), ISO_BAD_DATA, NULL},
    {"", NULL, ISO_STEP_SET, V(""), ISO_BAD_DATA, NULL},
    {"tags", NULL, ISO_STEP_ADD, V("\2x"), ISO_OK, NULL},
    {"tags", NULL, ISO_STEP_ADD, V("\x82\0x"), ISO_BAD_DATA, NULL},
    {"tags", NULL, ISO_STEP_REMOVE, V("\2x"), ISO_OK, NULL},
    {"tags", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, NULL},
    {"tags", NULL, ISO_STEP_SET, V("\0"), ISO_BAD_DATA, NULL},
    {"visits", NULL, ISO_STEP_INCREMENT, V("\x80\x80\x80\x80\x10"), ISO_OK, NULL},
    {"visits", NULL, ISO_STEP_INCREMENT, V("\2\2"), ISO_BAD_DATA, NULL},
    {"visits", NULL, ISO_STEP_INCREMENT, V(""), ISO_BAD_DATA, NULL},
    {"visits", NULL, ISO_STEP_INCREMENT, V("\2"), ISO_BAD_DATA, two_sums},
    {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_OK, two_sums},
    {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, same_sums},
    {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, wrong_sums},
    {"visits", NULL, ISO_STEP_SET, V("\2"), ISO_BAD_DATA, NULL},
    {"vip", NULL, ISO_STEP_ENABLE, V(""), ISO_OK, NULL},
    {"vip", NULL, ISO_STEP_ENABLE, V("\1"), ISO_BAD_DATA, NULL},
    {"vip", NULL, ISO_STEP_DISABLE, V(""), ISO_OK, NULL},
    {"vip", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"last", NULL, ISO_STEP_RAISE, V("\2"), ISO_OK, NULL},
    {"last", NULL, ISO_STEP_LOWER, V("\2"), ISO_BAD_DATA, NULL},
    {"last", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"first", NULL, ISO_STEP_LOWER, V("12345678"), ISO_OK, NULL},
    {"first", NULL, ISO_STEP_RAISE, V("12345678"), ISO_BAD_DATA, NULL},
    {"first", NULL, ISO_STEP_LOWER, V("1234567"), ISO_BAD_DATA, NULL},
    {"notes", "k", ISO_STEP_SET, V("\2v"), ISO_OK, NULL},
    {"notes", NULL, ISO_STEP_SET, V("\2v"), ISO_BAD_DATA, NULL},
    {"notes", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, NULL},
    {"notes", "k", ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"cart", "k", ISO_STEP_INCREMENT, V("\2"), ISO_OK, NULL},
    {"cart", "k", ISO_STEP_UNSET, V(""), ISO_OK, two_sums},
    {"groups", "k", ISO_STEP_ADD, V("\2"), ISO_OK, NULL},
    {"groups", "k", ISO_STEP_ADD, V("\2\2"), ISO_BAD_DATA, NULL},
    {"groups", "k", ISO_STEP_UNSET, V(""), ISO_BAD_DATA, NULL},
    {"groups", NULL, ISO_STEP_ADD, V("\2"), ISO_BAD_DATA, NULL},
    {"flags", "k", ISO_STEP_ENABLE, V(""), ISO_OK, NULL},
    {"tops", "k", ISO_STEP_RAISE, V("\2"), ISO_OK, NULL},
};

START_TEST(a_step_is_what_its_rule_takes)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct iso_step step = step_of(&steps[i]);
        struct iso_patch patch = {.steps = &step, .step_count = 1};
        uint64_t before = iso_mem_count();
        why = (struct iso_why){0};
        enum iso_err err = iso_patch_check(&patch, kit.fields, &why);
        ck_assert_msg(err == steps[i].want, "row %zu: %s", i, why.text);
        ck_assert_uint_eq(iso_mem_count(), before);
        if (err != ISO_OK)
            ck_assert_ptr_nonnull(strstr(why.text, steps[i].field));
        ck_assert_int_eq(iso_step_check(&step, kit.fields, NULL), err);
    }
    kit_fields_free(&kit);
}
END_TEST

START_TEST(a_member_has_a_longest_name)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    char *name = calloc(1, ISO_MEMBER_MAX + 1);
    struct iso_step step = {.field = iso_bytes_text("cart"),
                            .has_member = true,
                            .operation = ISO_STEP_UNSET};
    step.member = iso_bytes(name, ISO_MEMBER_MAX);
    ck_assert_int_eq(iso_step_check(&step, kit.fields, NULL), ISO_OK);
    step.member.size++;
    ck_assert_int_eq(iso_step_check(&step, kit.fields, &why), ISO_BAD_DATA);
    free(name);
    kit_fields_free(&kit);
}
END_TEST

/* ---- one write says one thing of a part ---- */

static const struct row tiny[] = {
    {"name", NULL, ISO_STEP_SET, V("\2A"), ISO_OK, NULL},
    {"name", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"tags", NULL, ISO_STEP_ADD, V("\2x"), ISO_OK, NULL},
    {"tags", NULL, ISO_STEP_REMOVE, V("\2x"), ISO_OK, NULL},
    {"tags", NULL, ISO_STEP_ADD, V("\2y"), ISO_OK, NULL},
    {"visits", NULL, ISO_STEP_INCREMENT, V("\2"), ISO_OK, NULL},
    {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"last", NULL, ISO_STEP_RAISE, V("\2"), ISO_OK, NULL},
    {"last", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"vip", NULL, ISO_STEP_ENABLE, V(""), ISO_OK, NULL},
    {"vip", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"cart", "a", ISO_STEP_INCREMENT, V("\2"), ISO_OK, NULL},
    {"cart", "b", ISO_STEP_UNSET, V(""), ISO_OK, NULL},
    {"cart", "b", ISO_STEP_INCREMENT, V("\2"), ISO_OK, NULL},
};
enum { TINY = sizeof tiny / sizeof tiny[0] };

static bool is_element(const struct iso_step *step)
{
    return step->operation == ISO_STEP_ADD || step->operation == ISO_STEP_REMOVE;
}

static bool one_part(const struct iso_step *a, const struct iso_step *b)
{
    return iso_bytes_equal(a->field, b->field) && a->has_member == b->has_member &&
           iso_bytes_equal(a->member, b->member) &&
           (!is_element(a) || iso_bytes_equal(a->value, b->value));
}

/* The dumb model: every two steps, in their order. */
static bool model_takes(const struct iso_patch *patch)
{
    for (size_t a = 0; a < patch->step_count; a++) {
        for (size_t b = a + 1; b < patch->step_count; b++) {
            enum iso_step_operation first = patch->steps[a].operation;
            enum iso_step_operation then = patch->steps[b].operation;
            if (!one_part(&patch->steps[a], &patch->steps[b]))
                continue;
            bool again = then == ISO_STEP_INCREMENT || then == ISO_STEP_RAISE;
            bool repeats = then == ISO_STEP_INCREMENT || is_element(&patch->steps[b]);
            if (!(first == ISO_STEP_UNSET && again) && !(first == then && repeats))
                return false;
        }
    }
    return true;
}

START_TEST(a_patch_says_one_thing_of_a_part)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    struct iso_chance chance;
    struct iso_patch patch = {0};
    int taken[2] = {0};
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < ROUNDS; round++) {
        iso_patch_clear(&patch);
        for (uint64_t n = iso_chance_draw(&chance) % 6; n > 0; n--) {
            struct iso_step step = step_of(&tiny[iso_chance_draw(&chance) % TINY]);
            *iso_patch_step_add(&patch) = step;
        }
        bool takes = iso_patch_check(&patch, kit.fields, &why) == ISO_OK;
        ck_assert_msg(takes == model_takes(&patch), "seed %d: round %d", SEED, round);
        taken[takes]++;
    }
    ck_assert_int_gt(taken[0], ROUNDS / 10);
    ck_assert_int_gt(taken[1], ROUNDS / 10);
    iso_patch_release(&patch);
    kit_fields_free(&kit);
}
END_TEST

#define KIT_NULLS                                                                  \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"m\",\"merge\":"   \
    "\"map\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":" \
    "\"null\"}}}]}"

START_TEST(all_values_together_cost_no_more_than_one_of_their_size)
{
    struct kit_fields kit = kit_fields(KIT_NULLS);
    struct iso_patch patch = {0};
    struct iso_buf nulls = {0};
    static char names[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    iso_avro_add_long(&nulls, ISO_AVRO_ITEMS_MAX - 1);
    iso_avro_add_long(&nulls, 0);
    for (int i = 0; i < 8; i++) {
        struct row row = {"m", names[i], ISO_STEP_SET, iso_buf_bytes(&nulls), 0, NULL};
        *iso_patch_step_add(&patch) = step_of(&row);
        ck_assert_int_eq(iso_patch_check(&patch, kit.fields, &why),
                         i < 2 ? ISO_OK : ISO_BAD_DATA);
    }
    iso_patch_release(&patch);
    iso_buf_release(&nulls);
    kit_fields_free(&kit);
}
END_TEST

/* ---- what a DELETE was shown; expiry ---- */

static void expect_seen(const struct iso_schemas *schemas, struct row row)
{
    struct iso_step step = step_of(&row);
    struct iso_patch patch = {.steps = &step, .step_count = 1};
    why = (struct iso_why){0};
    enum iso_err err = iso_patch_check_seen(&patch, schemas, &why);
    ck_assert_msg(err == row.want, "%s: %s", row.field, why.text);
    patch.fingerprint[3] = 1;
    ck_assert_int_eq(iso_patch_check_seen(&patch, schemas, NULL), ISO_BAD_DATA);
}

static struct iso_schemas *schemas_new(struct iso_definition *definition)
{
    *definition = (struct iso_definition){.format = ISO_FORMAT_AVRO};
    snprintf(definition->resolver, sizeof definition->resolver, "fields");
    kit_schema(definition, KIT_NULLS, 0);
    kit_schema(definition, KIT_USER, 0);
    return iso_schemas_new(definition);
}

static void schemas_free(struct iso_schemas *schemas, struct iso_definition *definition)
{
    iso_schemas_free(schemas);
    for (size_t i = 0; i < definition->schema_count; i++)
        iso_free(definition->schemas[i].json);
    iso_free(definition->schemas);
}

START_TEST(a_delete_was_shown_parts_of_any_schema_and_takes_away)
{
    struct iso_definition definition;
    struct iso_schemas *schemas = schemas_new(&definition);
    static const struct row rows[] = {
        {"name", NULL, ISO_STEP_UNSET, V(""), ISO_OK, NULL},
        {"m", "any", ISO_STEP_UNSET, V(""), ISO_OK, NULL},
        {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_OK, two_sums},
        {"visits", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, wrong_sums},
        {"tags", NULL, ISO_STEP_REMOVE, V("of another type"), ISO_OK, NULL},
        {"vip", NULL, ISO_STEP_DISABLE, V(""), ISO_OK, NULL},
        {"vip", NULL, ISO_STEP_ENABLE, V(""), ISO_BAD_DATA, NULL},
        {"visits", NULL, ISO_STEP_INCREMENT, V("\2"), ISO_BAD_DATA, NULL},
        {"name", NULL, ISO_STEP_SET, V("\2A"), ISO_BAD_DATA, NULL},
        {"name", "member", ISO_STEP_UNSET, V(""), ISO_BAD_DATA, NULL},
        {"name", NULL, ISO_STEP_UNSET, V("\0"), ISO_BAD_DATA, NULL},
        {"nobody", NULL, ISO_STEP_UNSET, V(""), ISO_BAD_DATA, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_seen(schemas, rows[i]);
    char *text = calloc(1, ISO_ELEMENT_MAX + 1);
    struct row row = {"tags", NULL, ISO_STEP_REMOVE, {0}, ISO_OK, NULL};
    row.value = iso_bytes(text, ISO_ELEMENT_MAX);
    expect_seen(schemas, row);
    row.value.size++;
    row.want = ISO_BAD_DATA;
    expect_seen(schemas, row);
    free(text);
    schemas_free(schemas, &definition);
}
END_TEST

START_TEST(counters_and_extremes_do_not_expire)
{
    struct kit_fields kit = kit_fields(KIT_USER);
    for (size_t i = 0; i < TINY; i++) {
        struct iso_step step = step_of(&tiny[i]);
        struct iso_patch patch = {.steps = &step, .step_count = 1};
        bool expires = i < 5 || i == 9 || i == 10;
        ck_assert_int_eq(iso_patch_check_expiry(&patch, kit.fields, &why),
                         expires ? ISO_OK : ISO_BAD_DATA);
    }
    kit_fields_free(&kit);
}
END_TEST

/* ---- writers ---- */

static void edit_text(const struct iso_edit *edit, struct iso_buf *text)
{
    const struct iso_patch *patch = iso_edit_patch(edit);
    iso_buf_clear(text);
    for (size_t i = 0; i < patch->step_count; i++) {
        const struct iso_step *step = &patch->steps[i];
        struct iso_path path = {.field = step->field,
                                .has_member = step->has_member,
                                .member = step->member};
        iso_path_text(&path, text);
        iso_buf_print(text, " %s ", iso_step_operation_name(step->operation));
        iso_hex_encode(text, step->value);
        iso_buf_print(text, ";");
    }
}

START_TEST(writers_make_patches_that_readers_take)
{
    struct iso_definition definition;
    struct iso_schemas *schemas = schemas_new(&definition);
    struct iso_edit *edit;
    struct iso_buf text = {0};
    ck_assert_int_eq(iso_edit_new(schemas, 2, &edit, &why), ISO_USAGE);
    ck_assert_int_eq(iso_edit_new(schemas, 1, &edit, &why), ISO_OK);
    char member[2] = "k"; /* what is given is copied */
    ck_assert_int_eq(iso_edit_set(edit, "name", NULL, iso_bytes("\2A", 2), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_set(edit, "name", NULL, iso_bytes("\2B", 2), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_increment(edit, "visits", NULL, 3, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_increment(edit, "visits", NULL, -1, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_unset(edit, "last", NULL, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_move(edit, "last", NULL, iso_bytes("\10", 1), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_move(edit, "last", NULL, iso_bytes("\6", 1), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_increment(edit, "cart", member, 1, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_unset(edit, "cart", member, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_add(edit, "tags", NULL, iso_bytes("\2x", 2), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_remove(edit, "tags", NULL, iso_bytes("\2x", 2), &why),
                     ISO_OK);
    ck_assert_int_eq(iso_edit_enable(edit, "vip", NULL, true, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_enable(edit, "vip", NULL, false, &why), ISO_OK);
    member[0] = '?';
    edit_text(edit, &text);
    ck_assert_str_eq(iso_buf_text(&text),
                     "name SET 0242;visits INCREMENT 04;last UNSET ;last RAISE 08;"
                     "cart[\"k\"] UNSET ;tags REMOVE 0278;vip DISABLE ;");
    const struct iso_patch *patch = iso_edit_patch(edit);
    ck_assert_int_eq(iso_patch_check(patch, iso_schemas_fields(schemas, 1), &why),
                     ISO_OK);
    ck_assert_mem_eq(patch->fingerprint, iso_schemas_fingerprint(schemas, 1), 8);
    iso_edit_clear(edit);
    ck_assert_uint_eq(iso_edit_patch(edit)->step_count, 0);
    ck_assert_int_eq(iso_edit_increment(edit, "visits", NULL, INT64_MAX, &why), ISO_OK);
    ck_assert_int_eq(iso_edit_increment(edit, "visits", NULL, 1, &why), ISO_BAD_DATA);
    ck_assert_int_eq(iso_edit_set(edit, "visits", NULL, iso_bytes("\2", 1), &why),
                     ISO_BAD_DATA);
    edit_text(edit, &text); /* what failed changed nothing */
    ck_assert_str_eq(iso_buf_text(&text), "visits INCREMENT feffffffffffffffff01;");
    iso_edit_free(edit);
    iso_buf_release(&text);
    schemas_free(schemas, &definition);
}
END_TEST

START_TEST(json_values_are_of_the_parts_type)
{
    struct iso_definition definition;
    struct iso_schemas *schemas = schemas_new(&definition);
    struct iso_edit *edit;
    struct iso_buf text = {0};
    static const struct {
        enum iso_step_operation operation;
        const char *field, *member, *json;
        enum iso_err want;
    } rows[] = {
        {ISO_STEP_SET, "name", NULL, "\"Ada\"", ISO_OK},
        {ISO_STEP_SET, "name", NULL, "1", ISO_BAD_DATA},
        {ISO_STEP_SET, "name", NULL, "\"A", ISO_BAD_DATA},
        {ISO_STEP_ADD, "tags", NULL, "\"x\"", ISO_OK},
        {ISO_STEP_SET, "tags", NULL, "[\"x\"]", ISO_BAD_DATA},
        {ISO_STEP_ADD, "groups", "g", "2", ISO_OK},
        {ISO_STEP_INCREMENT, "visits", NULL, "-2", ISO_OK},
        {ISO_STEP_INCREMENT, "visits", NULL, "99999999999999999999", ISO_BAD_DATA},
        {ISO_STEP_RAISE, "last", NULL, "5", ISO_OK},
        {ISO_STEP_LOWER, "first", NULL, "0.5", ISO_OK},
        {ISO_STEP_SET, "notes", "k", "\"v\"", ISO_OK},
        {ISO_STEP_SET, "nobody", NULL, "1", ISO_BAD_DATA},
        {ISO_STEP_ENABLE, "vip", NULL, "true", ISO_USAGE},
    };
    ck_assert_int_eq(iso_edit_new(schemas, 1, &edit, &why), ISO_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why = (struct iso_why){0};
        enum iso_err err =
            iso_edit_json(edit, rows[i].operation, rows[i].field, rows[i].member,
                          iso_bytes_text(rows[i].json), &why);
        ck_assert_msg(err == rows[i].want, "row %zu: %s", i, why.text);
        ck_assert(err == ISO_OK || strstr(why.text, rows[i].field) != NULL);
    }
    edit_text(edit, &text);
    ck_assert_str_eq(iso_buf_text(&text),
                     "name SET 06416461;tags ADD 0278;groups[\"g\"] ADD 04;"
                     "visits INCREMENT 03;last RAISE 0a;first LOWER 000000000000e03f;"
                     "notes[\"k\"] SET 0276;");
    iso_edit_free(edit);
    iso_buf_release(&text);
    schemas_free(schemas, &definition);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("patch_check");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_step_is_what_its_rule_takes);
    tcase_add_test(tests, a_member_has_a_longest_name);
    tcase_add_test(tests, a_patch_says_one_thing_of_a_part);
    tcase_add_test(tests, all_values_together_cost_no_more_than_one_of_their_size);
    tcase_add_test(tests, a_delete_was_shown_parts_of_any_schema_and_takes_away);
    tcase_add_test(tests, counters_and_extremes_do_not_expire);
    tcase_add_test(tests, writers_make_patches_that_readers_take);
    tcase_add_test(tests, json_values_are_of_the_parts_type);
    Suite *suite = suite_create("patch_check");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
