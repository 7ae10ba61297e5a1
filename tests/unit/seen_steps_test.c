/* Contexts of fields (schema/seen.h), step by step: what a reset takes back, what a
 * delete names and when it is stale, what a PUT leaves alone, what a write's version
 * names. */
#include <stdlib.h>

#include "tests/unit/seen_model.h"

static const struct iso_sum one_sum[] = {{1, 2, 3, 4}};

static void setup(void)
{
    kit = kit_fields(KIT_USER);
}

static void teardown(void)
{
    kit_fields_free(&kit);
}

static void part_add(struct iso_seen *seen, const char *field, enum iso_rule rule,
                     struct iso_seen_part part)
{
    struct iso_buf path = {0};
    struct iso_path at = {.field = iso_bytes_text(field)};
    at.has_element = rule == ISO_RULE_SET;
    if (at.has_element)
        at.element = iso_bytes("\2x", 2);
    iso_path_encode(&at, &path);
    part.path = iso_buf_bytes(&path);
    part.rule = rule;
    part.shown = true;
    iso_seen_add(seen, &part);
    iso_buf_release(&path);
}

static const uint8_t name[ISO_VERSION_SIZE] = {9};

static void user_seen(struct iso_seen *seen)
{
    struct iso_seen_part named = {.names = {name, 1}}, plain = {0};
    struct iso_seen_part counter = {.sums = one_sum, .sum_count = 1, .value = 9};
    iso_seen_clear(seen);
    part_add(seen, "vip", ISO_RULE_FLAG, named);
    part_add(seen, "last", ISO_RULE_MAX, plain);
    part_add(seen, "name", ISO_RULE_LWW, named);
    part_add(seen, "tags", ISO_RULE_SET, named);
    part_add(seen, "visits", ISO_RULE_COUNTER, counter);
}

static struct iso_step *one_step(struct iso_patch *patch, const char *field,
                                 enum iso_step_operation operation, const char *value)
{
    struct iso_step *step = iso_patch_step_add(patch);
    step->field = iso_bytes_text(field);
    step->operation = operation;
    step->value = iso_bytes_text(value);
    return step;
}

START_TEST(a_reset_takes_back_what_the_session_has_added)
{
    struct iso_seen seen = {0};
    struct iso_patch asked = {0}, filled = {0};
    struct iso_version version = {500, 1};
    user_seen(&seen);
    one_step(&asked, "visits", ISO_STEP_INCREMENT, "\6"); /* 3 */
    ck_assert_int_eq(iso_seen_fill(&seen, &asked, &filled, &why), ISO_OK);
    ck_assert_uint_eq(filled.step_count, 1);
    ck_assert_uint_eq(filled.steps[0].sum_count, 0);
    iso_seen_advance(&seen, kit.fields, &filled, version);
    const struct iso_seen_part *counter = &seen.parts[4];
    ck_assert(counter->value == 12 && counter->added == 3 && counter->counted);
    for (int again = 0; again < 2; again++) {
        iso_patch_clear(&asked);
        one_step(&asked, "visits", ISO_STEP_UNSET, "");
        one_step(&asked, "visits", ISO_STEP_INCREMENT, "\4"); /* 2 */
        ck_assert_int_eq(iso_seen_fill(&seen, &asked, &filled, &why), ISO_OK);
        ck_assert_int_eq(iso_patch_check(&filled, kit.fields, &why), ISO_OK);
        ck_assert_uint_eq(filled.step_count, 3);
        ck_assert_uint_eq(filled.steps[0].sum_count, 1);
        ck_assert_int_eq(long_of(filled.steps[1].value), again ? -2 : -3);
        ck_assert_int_eq(long_of(filled.steps[2].value), 2);
        iso_seen_advance(&seen, kit.fields, &filled, version);
        counter = &seen.parts[4];
        ck_assert(counter->value == 2 && counter->added == 2);
    }
    iso_seen_release(&seen);
    iso_patch_release(&asked);
    iso_patch_release(&filled);
}
END_TEST

START_TEST(a_delete_names_all_that_was_shown_and_no_more)
{
    struct iso_seen seen = {0};
    struct iso_patch patch = {0};
    static const enum iso_step_operation want[] = {ISO_STEP_DISABLE, ISO_STEP_UNSET,
                                                   ISO_STEP_REMOVE, ISO_STEP_UNSET};
    static const uint8_t zeros[ISO_FINGERPRINT_SIZE];
    user_seen(&seen);
    ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_OK);
    ck_assert_uint_eq(patch.step_count, 4); /* the max ends by the version */
    ck_assert_mem_eq(patch.fingerprint, zeros, sizeof zeros);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(patch.steps[i].operation, want[i]);
        ck_assert_uint_eq(patch.steps[i].seen.count, i < 3);
        ck_assert_uint_eq(patch.steps[i].sum_count, i == 3);
    }
    iso_seen_advance(&seen, kit.fields, NULL, (struct iso_version){600, 1});
    ck_assert(seen.count == 0 && seen.hlc == 600);
    ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_OK);
    ck_assert_uint_eq(patch.step_count, 0);
    iso_seen_release(&seen);
    iso_patch_release(&patch);
}
END_TEST

/* One step of the session's own, filled and sent. */
static void session_says(struct iso_seen *seen, const char *field, const char *member,
                         enum iso_step_operation operation, const char *value)
{
    static uint64_t hlc = 900;
    struct iso_patch asked = {0}, filled = {0};
    struct iso_step *step = one_step(&asked, field, operation, value);
    step->has_member = member != NULL;
    step->member = iso_bytes_text(member != NULL ? member : "");
    ck_assert_int_eq(iso_seen_fill(seen, &asked, &filled, &why), ISO_OK);
    iso_seen_advance(seen, kit.fields, &filled, (struct iso_version){hlc++, 1});
    iso_patch_release(&asked);
    iso_patch_release(&filled);
}

START_TEST(a_session_that_has_counted_reads_again_before_it_deletes)
{
    static const struct {
        const char *field, *member, *first, *second; /* increments */
    } rows[] = {
        {"visits", NULL, "\2", NULL},    {"visits", NULL, "\2", "\1"}, /* +1, -1: 0 */
        {"visits", NULL, "\0", NULL},    {"cart", "a", "\2", NULL},    /* not shown */
        {"visits", NULL, "\2", "reset"},
    };
    struct iso_seen seen = {0};
    struct iso_patch patch = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why = (struct iso_why){0};
        user_seen(&seen);
        session_says(&seen, rows[i].field, rows[i].member, ISO_STEP_INCREMENT,
                     rows[i].first);
        if (rows[i].second != NULL && strcmp(rows[i].second, "reset") == 0)
            session_says(&seen, rows[i].field, rows[i].member, ISO_STEP_UNSET, "");
        else if (rows[i].second != NULL)
            session_says(&seen, rows[i].field, rows[i].member, ISO_STEP_INCREMENT,
                         rows[i].second);
        travel(&seen);
        ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_STALE);
        ck_assert_ptr_nonnull(strstr(why.text, rows[i].field));
        ck_assert_ptr_nonnull(strstr(why.text, "read the key again, then delete it"));
        ck_assert_uint_eq(patch.step_count, 0);
        user_seen(&seen); /* reads again */
        ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_OK);
        ck_assert_uint_eq(patch.step_count, 4);
    }
    user_seen(&seen); /* what it has done to other parts is no matter */
    session_says(&seen, "last", NULL, ISO_STEP_RAISE, "\2");
    session_says(&seen, "name", NULL, ISO_STEP_SET, "\2B");
    ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_OK);
    iso_seen_release(&seen);
    iso_patch_release(&patch);
}
END_TEST

/* The steps of a PUT that changes nothing else of what user_seen has, as "name SET;".
 */
static const char *put_text(const struct iso_seen *seen, const char *text,
                            const char *last, const char *first, const char *notes)
{
    static struct iso_buf datum, steps;
    struct iso_patch patch = {0};
    char json[400];
    snprintf(json, sizeof json,
             "{\"name\":\"%s\",\"tags\":[\"x\"],\"visits\":9,\"vip\":true,"
             "\"last\":%s,\"first\":%s,\"notes\":{%s},\"cart\":{},\"groups\":{},"
             "\"flags\":{},\"tops\":{}}",
             text, last, first, notes);
    struct iso_bytes bytes = kit_datum(&kit, json, &datum);
    ck_assert_int_eq(iso_seen_put(seen, kit.fields, bytes, &patch, &why), ISO_OK);
    iso_buf_clear(&steps);
    for (size_t i = 0; i < patch.step_count; i++)
        iso_buf_print(&steps, "%.*s %s;", (int)patch.steps[i].field.size,
                      (const char *)patch.steps[i].field.data,
                      iso_step_operation_name(patch.steps[i].operation));
    iso_patch_release(&patch);
    return iso_buf_text(&steps);
}

START_TEST(what_was_read_by_its_default_and_stays_so_is_no_change)
{
    struct iso_seen seen = {0}, nothing = {0};
    struct iso_seen_part named = {.names = {name, 1}}, plain = {0};
    struct iso_seen_part counter = {.sums = one_sum, .sum_count = 1, .value = 9};
    part_add(&seen, "vip", ISO_RULE_FLAG, named);
    part_add(&seen, "tags", ISO_RULE_SET, named);
    part_add(&seen, "visits", ISO_RULE_COUNTER, counter);
    ck_assert_str_eq(put_text(&seen, "", "0", "0", ""), "");
    ck_assert_str_eq(put_text(&seen, "A", "0", "0", ""), "name SET;");
    ck_assert_str_eq(put_text(&seen, "", "7", "0", ""), "last RAISE;");
    ck_assert_str_eq(put_text(&seen, "", "0", "0.5", ""), "first LOWER;");
    /* A member of a map is there or not: it has no default. */
    ck_assert_str_eq(put_text(&seen, "", "0", "0", "\"k\":\"\""), "notes SET;");
    /* What was unset was read by its default too. */
    session_says(&seen, "name", NULL, ISO_STEP_UNSET, "");
    ck_assert_str_eq(put_text(&seen, "", "0", "0", ""), "");
    /* What was shown, and is put back to its default, is a change. */
    user_seen(&seen);
    ck_assert_str_eq(put_text(&seen, "", "0", "0", ""), "name SET;last RAISE;");
    iso_seen_clear(&seen);
    part_add(&seen, "last", ISO_RULE_MAX, plain);
    ck_assert_str_eq(put_text(&seen, "", "0", "0", ""),
                     "tags ADD;visits INCREMENT;vip ENABLE;last RAISE;");
    /* Who was shown no record writes a whole one. */
    ck_assert_str_eq(put_text(&nothing, "", "0", "0", ""),
                     "name SET;tags ADD;visits INCREMENT;vip ENABLE;last RAISE;"
                     "first LOWER;");
    iso_seen_release(&seen);
}
END_TEST

START_TEST(after_a_write_its_version_names_what_it_touched)
{
    struct iso_seen seen = {0};
    struct iso_patch asked = {0}, filled = {0};
    struct iso_version version = {700, 3};
    user_seen(&seen);
    one_step(&asked, "name", ISO_STEP_UNSET, "");
    one_step(&asked, "tags", ISO_STEP_REMOVE, "\2x");
    one_step(&asked, "tags", ISO_STEP_ADD, "\2y");
    one_step(&asked, "vip", ISO_STEP_DISABLE, "");
    one_step(&asked, "last", ISO_STEP_RAISE, "\2");
    ck_assert_int_eq(iso_seen_fill(&seen, &asked, &filled, &why), ISO_OK);
    ck_assert_uint_eq(filled.steps[0].seen.count, 1);
    ck_assert_uint_eq(filled.steps[1].seen.count, 1);
    ck_assert_uint_eq(filled.steps[2].seen.count, 0);
    iso_seen_advance(&seen, kit.fields, &filled, version);
    ck_assert_uint_eq(seen.count, 4); /* last, name, tags{y}, visits */
    ck_assert(seen.parts[0].names.count == 0 && seen.parts[0].shown);
    for (size_t i = 1; i < 3; i++)
        ck_assert(seen.parts[i].names.count == 1 &&
                  iso_version_equal(iso_names_at(seen.parts[i].names, 0), version));
    ck_assert(!seen.parts[1].shown && seen.parts[2].shown);
    travel(&seen);
    iso_seen_release(&seen);
    iso_patch_release(&asked);
    iso_patch_release(&filled);
}
END_TEST

START_TEST(what_no_patch_can_name_is_too_large)
{
    struct iso_seen seen = {0};
    struct iso_patch patch = {0};
    uint8_t *names = calloc(ISO_PATCH_SEEN_MAX + 1, ISO_VERSION_SIZE);
    struct iso_seen_part part = {.names = {names, ISO_PATCH_SEEN_MAX + 1}};
    part_add(&seen, "name", ISO_RULE_LWW, part);
    ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_TOO_LARGE);
    iso_seen_clear(&seen);
    part.names.count = ISO_WRITE_SEEN_MAX / ISO_VERSION_SIZE; /* for a header */
    part_add(&seen, "name", ISO_RULE_LWW, part);
    ck_assert_int_eq(iso_seen_delete(&seen, &patch, &why), ISO_TOO_LARGE);
    free(names);
    iso_seen_release(&seen);
    iso_patch_release(&patch);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("seen_steps");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_reset_takes_back_what_the_session_has_added);
    tcase_add_test(tests, a_delete_names_all_that_was_shown_and_no_more);
    tcase_add_test(tests, a_session_that_has_counted_reads_again_before_it_deletes);
    tcase_add_test(tests, what_was_read_by_its_default_and_stays_so_is_no_change);
    tcase_add_test(tests, after_a_write_its_version_names_what_it_touched);
    tcase_add_test(tests, what_no_patch_can_name_is_too_large);
    Suite *suite = suite_create("seen_steps");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
