/* A schema that is read while memory runs out: whoever judges records must not take it
 * for one that does not parse, since no other region would. Every allocation fails in
 * turn, each in a process of its own, which ends where it fails.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "schema/avro.h"

enum { PARSED = 0, REFUSED = 1, ENDED = 2 };

static const char schema_json[] =
    "{\"type\":\"record\",\"name\":\"n.Order\",\"aliases\":[\"Old\"],\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"state\",\"type\":{\"type\":\"enum\",\"name\":\"State\","
    "\"symbols\":[\"OPEN\",\"SHUT\"]},\"default\":\"OPEN\"},"
    "{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"double\"]},"
    "\"default\":[null,0.5]}]}";

static void end(size_t size)
{
    (void)size;
    _exit(ENDED);
}

/* What comes of parsing when the n-th allocation fails. */
static int parsed_without(uint64_t n, void (*begin)(void))
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct iso_avro *schema;
        begin();
        iso_mem_handler_set(end);
        iso_mem_fail_at(n);
        enum iso_err err = iso_avro_parse(iso_bytes_text(schema_json), &schema, NULL);
        iso_mem_fail_at(0);
        if (err == ISO_OK)
            iso_avro_free(schema);
        _exit(err == ISO_OK ? PARSED : REFUSED);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "allocation %d: killed", (int)n);
    return WEXITSTATUS(status);
}

/* How often it was refused while one allocation after the other failed. */
static int refusals(void (*begin)(void), uint64_t *failures)
{
    int refused = 0, answer = ENDED;
    for (*failures = 0; answer != PARSED; ++*failures) {
        answer = parsed_without(*failures + 1, begin);
        refused += answer == REFUSED;
    }
    return refused;
}

/* ---- the planted fault: memory that is not there is taken for an answer ---- */

static uint64_t lent;

static void *lend_nothing_once(size_t size)
{
    return ++lent == 40 ? NULL : malloc(size);
}

static void lend(void)
{
    json_set_alloc_funcs(lend_nothing_once, free);
}

START_TEST(the_check_sees_a_schema_that_is_refused_so)
{
    ck_assert_int_eq(parsed_without(0, lend), REFUSED);
    ck_assert_int_eq(parsed_without(0, iso_avro_memory_ours), PARSED);
}
END_TEST

START_TEST(a_schema_is_never_refused_for_want_of_memory)
{
    uint64_t failures;
    ck_assert_int_eq(refusals(iso_avro_memory_ours, &failures), 0);
    ck_assert_msg(failures > 100, "jansson's are not among them: %d", (int)failures);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("avro_memory");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, the_check_sees_a_schema_that_is_refused_so);
    tcase_add_test(tests, a_schema_is_never_refused_for_want_of_memory);
    Suite *suite = suite_create("avro_memory");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
