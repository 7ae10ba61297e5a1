/* Contexts (schema/context.h). */
#include <check.h>

#include "schema/context.h"
#include "tests/unit/mutate.h"

static const uint8_t versions[3 * ISO_VERSION_SIZE] = {1, [16] = 2, [32] = 3};

START_TEST(a_context_is_what_was_put_in)
{
    for (size_t count = 0; count <= 3; count++) {
        struct iso_context context = {.hlc = 99 + count, .shown = {versions, count}};
        struct iso_context read;
        struct iso_buf out = {0};
        iso_context_encode(&context, &out);
        ck_assert_uint_eq(out.size, 11 + 16 * count);
        ck_assert_int_eq(iso_context_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
        ck_assert_uint_eq(read.hlc, context.hlc);
        ck_assert_uint_eq(read.shown.count, count);
        for (size_t n = 0; n < count; n++)
            ck_assert(iso_version_equal(iso_names_at(read.shown, n),
                                        iso_names_at(context.shown, n)));
        iso_buf_release(&out);
    }
}
END_TEST

/* A context has no check: what still has its shape is believed, nothing else. */
static void shape_decides(struct iso_bytes bad, void *arg)
{
    size_t *refused = arg;
    struct iso_context read;
    struct iso_why why;
    bool shaped = bad.size >= 11 && bad.data[0] == 1 &&
                  bad.size == 11u + 16u * iso_get_u16(bad.data + 9);
    enum iso_err err = iso_context_decode(bad, &read, &why);
    ck_assert_int_eq(err, shaped ? ISO_OK : ISO_BAD_DATA);
    *refused += err != ISO_OK;
    if (err != ISO_OK)
        ck_assert_ptr_nonnull(strstr(why.text, "unchanged"));
    for (size_t n = 0; n < read.shown.count; n++)
        iso_names_at(read.shown, n); /* in bounds, or the sanitizer speaks */
}

START_TEST(what_has_not_its_shape_is_refused)
{
    struct iso_context context = {.hlc = 7, .shown = {versions, 3}};
    struct iso_buf out = {0};
    size_t refused = 0;
    iso_context_encode(&context, &out);
    mutate_all(iso_buf_bytes(&out), 11, shape_decides, &refused);
    ck_assert_uint_ge(refused, out.size + 24);
    iso_buf_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("context");
    tcase_add_test(tests, a_context_is_what_was_put_in);
    tcase_add_test(tests, what_has_not_its_shape_is_refused);
    Suite *suite = suite_create("context");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
