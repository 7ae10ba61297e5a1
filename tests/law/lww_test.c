/* Small cases of lww, in every interleaving: a grid of all versions, kinds, logs and
 * contexts that a few writes can have. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/law/law_run.h"

/* Takes the next digit of a mixed-radix number. */
static unsigned digit(uint64_t *number, unsigned radix)
{
    unsigned value = (unsigned)(*number % radix);
    *number /= radix;
    return value;
}

/* Which of the others a write names: one bit each; and what kind it is. */
struct grid {
    size_t writes;
    unsigned logs, kinds;
    bool regions_move; /* a writer's region is not its log's number */
    bool succession;   /* log 2 succeeds log 1 */
};

/* The n-th case of a grid: every order of versions, kind, log and context of each
 * write. */
static void grid_case(const struct grid *grid, uint64_t number, struct law_case *law)
{
    static const char *const values[] = {"a", "b", "c", "d", "e"};
    size_t rank[5];
    size_t left[5] = {0, 1, 2, 3, 4};
    struct iso_version versions[5];
    law_case_clear(law);
    law->succeeds[2][1] = grid->succession;
    for (size_t n = 0; n < grid->writes; n++) {
        size_t at = digit(&number, (unsigned)(grid->writes - n));
        rank[n] = left[at];
        memmove(left + at, left + at + 1, (4 - at) * sizeof left[0]);
    }
    struct iso_coming writes[5];
    for (size_t n = 0; n < grid->writes; n++) {
        unsigned log = n == 0 ? 1 : digit(&number, grid->logs) + 1;
        unsigned region = grid->regions_move ? digit(&number, 2) + 1 : log;
        unsigned kind = digit(&number, grid->kinds);
        versions[n] = (struct iso_version){iso_hlc_of_ms(100 + (int64_t)rank[n] / 2),
                                           iso_node(region, rank[n])};
        writes[n] =
            (struct iso_coming){.operation = kind == 1 ? ISO_DELETE : ISO_PUT,
                                .value = iso_bytes_text(kind == 1 ? "" : values[n]),
                                .version = versions[n],
                                .log = (uint16_t)log,
                                .has_expiry = kind == 2,
                                .expiry_ms = kind == 2 ? 104 : 0};
    }
    for (size_t n = 0; n < grid->writes; n++) {
        uint8_t names[5 * ISO_VERSION_SIZE];
        unsigned context = digit(&number, 1u + (1u << (grid->writes - 1)));
        writes[n].blind = context == 0;
        writes[n].read.data = names;
        for (size_t i = 0, bit = 0; context > 0 && i < grid->writes; i++)
            if (i != n && ((context - 1) >> bit++ & 1))
                iso_version_put(names + writes[n].read.count++ * ISO_VERSION_SIZE,
                                versions[i]);
        law_case_add(law, &writes[n]);
    }
}

static uint64_t grid_size(const struct grid *grid)
{
    uint64_t size = 1;
    for (size_t n = 0; n < grid->writes; n++) {
        size *= grid->writes - n;
        size *= n == 0 ? 1 : grid->logs;
        size *= grid->regions_move ? 2 : 1;
        size *= grid->kinds * (1u + (1u << (grid->writes - 1)));
    }
    return size;
}

/* At most `most` cases, spread over the whole grid. */
static void grid_run(const struct grid *grid, uint64_t most)
{
    struct law_options options = law_options_of(iso_resolver_find("lww"));
    struct law_report report = {0};
    static struct law_case law;
    uint64_t size = grid_size(grid);
    uint64_t stride = size <= most ? 1 : size / most | 1;
    bool holds = true;
    for (uint64_t n = 0; holds && n < size; n += stride) {
        grid_case(grid, n, &law);
        holds = law_every_order(&options, &law, &report);
    }
    printf("law lww, every interleaving of %zu writes in %u logs: %" PRIu64
           " cases of %" PRIu64 ", %" PRIu64 " merges, %" PRIu64 " dead on arrival\n",
           grid->writes, grid->logs, report.cases, size, report.merges, report.dead);
    ck_assert_msg(holds, "%s", report.text);
    ck_assert_uint_gt(report.cases, 100);
}

START_TEST(every_interleaving_of_two_writes)
{
    grid_run(&(struct grid){.writes = 2, .logs = 2, .kinds = 3, .regions_move = true},
             UINT64_MAX);
}
END_TEST

START_TEST(every_interleaving_of_three_writes)
{
    grid_run(&(struct grid){.writes = 3, .logs = 3, .kinds = 2}, 18000);
    grid_run(&(struct grid){.writes = 3, .logs = 2, .kinds = 2, .regions_move = true},
             10000);
}
END_TEST

START_TEST(every_interleaving_of_four_and_five_writes)
{
    grid_run(&(struct grid){.writes = 4, .logs = 3, .kinds = 3}, 4000);
    grid_run(&(struct grid){.writes = 5, .logs = 3, .kinds = 3}, 1000);
    grid_run(&(struct grid){.writes = 5, .logs = 2, .kinds = 2, .regions_move = true},
             1000);
}
END_TEST

START_TEST(every_interleaving_of_a_log_its_heir_and_another)
{
    grid_run(&(struct grid){.writes = 5,
                            .logs = 3,
                            .kinds = 2,
                            .regions_move = true,
                            .succession = true},
             3000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lww");
    TCase *law = tcase_create("law");
    tcase_set_timeout(law, 120);
    setvbuf(stdout, NULL, _IOLBF, 0);
    tcase_add_test(law, every_interleaving_of_two_writes);
    tcase_add_test(law, every_interleaving_of_three_writes);
    tcase_add_test(law, every_interleaving_of_four_and_five_writes);
    tcase_add_test(law, every_interleaving_of_a_log_its_heir_and_another);
    suite_add_tcase(suite, law);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
