/* The allocator: it counts, it fails where it is told to, and what is built on it can
 * be released after any allocation failed. */
#include "base/mem.h"

#include <check.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/settings.h"

static jmp_buf out_of_memory;
static size_t size_asked;

static void jump_out(size_t size)
{
    size_asked = size;
    longjmp(out_of_memory, 1);
}

static void begin(void)
{
    iso_mem_fail_at(0);
    iso_mem_handler_set(jump_out);
}

START_TEST(every_kind_of_allocation_is_counted)
{
    uint64_t before = iso_mem_count();
    char *a = iso_alloc(0);
    char *b = iso_alloc_zero(3, 5);
    char *c = iso_strdup("word");
    a = iso_realloc(a, 100);
    for (int i = 0; i < 15; i++)
        ck_assert_int_eq(b[i], 0);
    ck_assert_str_eq(c, "word");
    ck_assert_uint_eq(iso_mem_count() - before, 4);
    iso_free(a);
    iso_free(b);
    iso_free(c);
    iso_free(NULL);
    ck_assert_uint_eq(iso_mem_count() - before, 4);
}
END_TEST

START_TEST(the_nth_allocation_fails_and_only_that_one)
{
    static void *kept[5];
    static volatile int made;
    iso_mem_fail_at(3);
    if (setjmp(out_of_memory) == 0) {
        for (made = 0; made < 5; made++)
            kept[made] = iso_alloc(10 + (size_t)made);
        ck_abort_msg("nothing failed");
    }
    ck_assert_int_eq(made, 2);
    ck_assert_uint_eq(size_asked, 12);
    kept[2] = iso_alloc(1); /* the order to fail is used up */
    for (int i = 0; i < 3; i++)
        iso_free(kept[i]);
}
END_TEST

START_TEST(a_product_that_wraps_is_out_of_memory)
{
    if (setjmp(out_of_memory) == 0) {
        volatile size_t half = SIZE_MAX / 2 + 1;
        iso_alloc_zero(half, 2);
        ck_abort_msg("a wrapped product was given memory");
    }
}
END_TEST

START_TEST(a_buffer_that_cannot_grow_keeps_its_bytes)
{
    static struct iso_buf buf;
    iso_buf_print(&buf, "kept");
    iso_mem_fail_at(1);
    if (setjmp(out_of_memory) == 0) {
        iso_buf_reserve(&buf, 100000);
        ck_abort_msg("it grew");
    }
    ck_assert_str_eq(iso_buf_text(&buf), "kept");
    iso_buf_release(&buf);
}
END_TEST

/* One failing allocation at each place in turn; leaks are the sanitizer's to find. */
START_TEST(settings_can_be_freed_after_any_allocation_failed)
{
    static struct iso_settings *volatile settings;
    static volatile int failures;
    static volatile int done;
    for (volatile uint64_t n = 1; !done; n++) {
        settings = NULL;
        iso_mem_fail_at(n);
        if (setjmp(out_of_memory) == 0) {
            struct iso_why why;
            settings = iso_settings_new();
            iso_settings_set(settings, "daemon.shards", "2", "test", &why);
            iso_settings_set(settings, "daemon.shards", "3", "test", &why);
            iso_settings_set(settings, "region.eu.store", "/s", "test", &why);
            done = 1;
        } else {
            failures++;
        }
        iso_mem_fail_at(0);
        iso_settings_free(settings);
    }
    ck_assert_int_ge(failures, 8);
}
END_TEST

START_TEST(without_a_handler_the_process_ends)
{
    iso_mem_handler_set(NULL);
    iso_mem_fail_at(1);
    iso_alloc(1);
}
END_TEST

static void return_from_handler(size_t size)
{
    (void)size;
}

START_TEST(a_handler_that_returns_ends_the_process)
{
    iso_mem_handler_set(return_from_handler);
    iso_mem_fail_at(1);
    iso_alloc(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mem");
    TCase *tcase = tcase_create("mem");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, every_kind_of_allocation_is_counted);
    tcase_add_test(tcase, the_nth_allocation_fails_and_only_that_one);
    tcase_add_test(tcase, a_product_that_wraps_is_out_of_memory);
    tcase_add_test(tcase, a_buffer_that_cannot_grow_keeps_its_bytes);
    tcase_add_test(tcase, settings_can_be_freed_after_any_allocation_failed);
    tcase_add_test_raise_signal(tcase, without_a_handler_the_process_ends, 6);
    tcase_add_test_raise_signal(tcase, a_handler_that_returns_ends_the_process, 6);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
