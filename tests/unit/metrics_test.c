/* /metrics of any status: no series twice, no family torn apart, every value a finite
 * number, nothing of what is not known; as fine as was asked for; and Prometheus' own
 * checker has nothing to say. */
#include <math.h>

#include "view_draw.h"

enum { STATUSES = 120, LINES_MAX = 20000 };

static struct iso_status *status;
static struct iso_buf out;
static char *lines[LINES_MAX]; /* of `out`, cut at their ends */
static size_t line_count;

static void setup(void)
{
    uint64_t seed = draw_seed();
    printf("metrics_test: ISO_SEED=%llu\n", (unsigned long long)seed);
    iso_chance_seeded_init(&chance, seed);
}

static void render(const struct iso_metrics_options *options)
{
    iso_buf_clear(&out);
    iso_view_metrics(status, options, &out);
    iso_buf_text(&out);
}

static void split(void)
{
    line_count = 0;
    for (char *at = (char *)out.data, *end; *at != '\0'; at = end + 1) {
        end = strchr(at, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert_uint_lt(line_count, LINES_MAX);
        lines[line_count++] = at;
    }
}

/* ---- the format ---- */

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where the value begins: behind the labels, which may hold anything. */
static char *value_of(char *line)
{
    char *at = line;
    bool quoted = false;
    for (; *at != '\0' && (quoted || *at != ' '); at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            quoted = !quoted;
    }
    ck_assert_msg(*at == ' ', "%s", line);
    return at;
}

/* Checks the lines, and cuts the values off; says how many series there are. */
static size_t ck_lines(bool open)
{
    char family[128] = "";
    char *types[1000], *series[LINES_MAX];
    size_t type_count = 0, series_count = 0;
    for (size_t i = 0; i < line_count; i++) {
        char *line = lines[i], *end;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "),
                     line + 7);
            types[type_count++] = line;
        }
        if (line[0] == '#')
            continue;
        ck_assert_msg(strncmp(line, family, strlen(family)) == 0, "%s in %s", line,
                      family);
        char *value = value_of(line);
        double number = strtod(value + 1, &end);
        ck_assert_msg(*end == '\0' && isfinite(number), "%s", line);
        *value = '\0';
        series[series_count++] = line;
    }
    qsort(series, series_count, sizeof *series, text_compare);
    qsort(types, type_count, sizeof *types, text_compare);
    for (size_t i = 1; i < series_count; i++)
        ck_assert_str_ne(series[i - 1], series[i]);
    for (size_t i = 1; i < type_count; i++)
        ck_assert_str_ne(types[i - 1], types[i]);
    ck_assert_int_eq(strcmp(lines[line_count - 1], "# EOF") == 0, open);
    return series_count;
}

START_TEST(every_status_makes_well_formed_lines)
{
    for (int i = 0; i < STATUSES; i++) {
        status = draw_status();
        struct iso_metrics_options options = {
            .open = draw(2),
            .granularity = (enum iso_granularity)draw(ISO_BY_AUTO + 1),
            .series_max = 10 + draw(1000)};
        render(&options);
        split();
        ck_lines(options.open);
        draw_free(status);
    }
    iso_buf_release(&out);
}
END_TEST

START_TEST(before_the_first_look_the_monitor_tells_of_itself)
{
    struct iso_view_self self = {
        .looks = 3, .failed = 1, .look_seconds = 0.5, .last_ms = ISO_UNKNOWN_MS};
    status = NULL;
    render(&(struct iso_metrics_options){.self = &self});
    const char *text = iso_buf_text(&out);
    ck_assert_ptr_nonnull(strstr(text, "isostasy_build_info{version=\""));
    ck_assert_ptr_nonnull(strstr(text, "\nisostasy_monitor_failed_looks_total 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nisostasy_monitor_look_seconds_total 0.5\n"));
    ck_assert_ptr_null(strstr(text, "isostasy_monitor_look_duration_seconds"));
    ck_assert_ptr_null(strstr(text, "isostasy_lag"));
    iso_buf_release(&out);
}
END_TEST

/* ---- promtool ---- */

START_TEST(promtool_has_nothing_to_say)
{
    if (system("command -v promtool >/dev/null") != 0)
        return; /* not here: it comes with the packages for tests */
    for (int i = 0; i < 5; i++) {
        status = draw_status();
        struct iso_view_self self = {.looks = 3, .last_ms = 12};
        render(&(struct iso_metrics_options){.granularity = ISO_BY_PARTITION,
                                             .self = &self});
        FILE *tool = popen("promtool check metrics 2>&1", "w");
        ck_assert_ptr_nonnull(tool);
        fwrite(out.data, 1, out.size, tool);
        ck_assert_int_eq(pclose(tool), 0);
        draw_free(status);
    }
    iso_buf_release(&out);
}
END_TEST

/* ---- the manual ---- */

static char *manual_read(void)
{
    FILE *file = fopen(ISO_SOURCE_DIR "/docs/man/isostasy-monitor.8", "r");
    ck_assert_ptr_nonnull(file);
    char *text = iso_alloc_zero(1, 1 << 17);
    ck_assert_uint_gt(fread(text, 1, (1 << 17) - 1, file), 0);
    fclose(file);
    return text;
}

START_TEST(the_manual_lists_exactly_what_there_is)
{
    static const char row[] = ".It Ic isostasy_";
    char *manual = manual_read(), line[200];
    struct iso_view_self self = {.last_ms = 12};
    size_t listed = 0, made = 0;
    status = draw_status();
    status->letters_held = 1;
    render(
        &(struct iso_metrics_options){.granularity = ISO_BY_PARTITION, .self = &self});
    for (const char *at = iso_buf_text(&out), *end;
         (at = strstr(at, "# TYPE ")) != NULL; at = end, made++) {
        at += strlen("# TYPE ");
        end = at + strcspn(at, " ");
        snprintf(line, sizeof line, ".It Ic %.*s Ta ", (int)(end - at), at);
        ck_assert_msg(strstr(manual, line) != NULL, "the manual lacks %s", line);
    }
    for (const char *at = manual; (at = strstr(at, row)) != NULL; at += sizeof row)
        listed++;
    ck_assert_uint_eq(listed, made);
    iso_free(manual);
    draw_free(status);
    iso_buf_release(&out);
}
END_TEST

/* ---- values ---- */

/* Three regions, all of them known, and level but for eu -> us, which is `lag_ms` late.
 */
static void begin_level(int64_t lag_ms)
{
    do {
        status = draw_status();
        if (status->collection_count == 0 || status->collections[0].region_count != 3)
            draw_free(status);
        else
            break;
    } while (true);
    struct iso_status_collection *collection = &status->collections[0];
    status->at_ms = INT64_C(1700000061000);
    for (size_t i = 0; i < collection->pair_count; i++) {
        struct iso_status_pair *pair = &collection->pairs[i];
        pair->state = ISO_LAG_OK;
        pair->row.lag_ms = 0;
        pair->row.records_behind = 0;
        pair->row.newest_ms = status->at_ms - 1000;
        pair->row.deleted_in_ms = pair->eta_ms = ISO_UNKNOWN_MS;
    }
    struct iso_status_pair *late = &collection->pairs[0];
    ck_assert_str_eq(late->row.target, "us");
    late->state = ISO_LAG_LAGGING;
    late->row.lag_ms = lag_ms;
    late->row.records_behind = lag_ms == ISO_UNKNOWN_MS ? ISO_UNKNOWN_COUNT : 7;
    late->row.newest_ms = status->at_ms - 61000;
}

static void ck_has(const char *series)
{
    char line[256];
    snprintf(line, sizeof line, "\n%s\n", series);
    ck_assert_msg(strstr(iso_buf_text(&out), line) != NULL, "there is no %s", series);
}

static void ck_lacks(const char *part)
{
    ck_assert_msg(strstr(iso_buf_text(&out), part) == NULL, "there is %s", part);
}

#define PAIR "{collection=\"cart-0\",source_region=\"eu\",target_region=\"us\""
#define OTHER "{collection=\"cart-0\",source_region=\"ap\",target_region=\"us\""
#define TARGET "{collection=\"cart-0\",target_region=\"us\""

START_TEST(a_pair_says_its_lag_and_its_state)
{
    begin_level(61500);
    render(&(struct iso_metrics_options){.granularity = ISO_BY_PAIR});
    ck_has("isostasy_lag_seconds" PAIR "} 61.5");
    ck_has("isostasy_lag_records" PAIR "} 7");
    ck_has("isostasy_lag_seconds" OTHER "} 0");
    ck_has("isostasy_pair_state" PAIR ",state=\"lagging\"} 1");
    ck_has("isostasy_pair_state" PAIR ",state=\"ok\"} 0");
    ck_lacks("isostasy_partition_lag");
    draw_free(status);
    iso_buf_release(&out);
}
END_TEST

START_TEST(what_is_not_known_has_no_series)
{
    begin_level(ISO_UNKNOWN_MS);
    render(&(struct iso_metrics_options){.granularity = ISO_BY_PAIR});
    ck_lacks("isostasy_lag_seconds" PAIR);
    ck_lacks("isostasy_lag_records" PAIR);
    ck_has("isostasy_lag_seconds" OTHER "} 0");
    render(&(struct iso_metrics_options){.granularity = ISO_BY_REGION});
    ck_lacks("isostasy_lag_seconds" TARGET); /* nor has what it is a part of */
    draw_free(status);
    iso_buf_release(&out);
}
END_TEST

START_TEST(by_region_the_worst_source_is_said)
{
    begin_level(61500);
    render(&(struct iso_metrics_options){.granularity = ISO_BY_REGION});
    ck_lacks("source_region");
    ck_has("isostasy_lag_seconds" TARGET "} 61.5");
    ck_has("isostasy_lag_records" TARGET "} 7");
    ck_has("isostasy_pair_state" TARGET ",state=\"lagging\"} 1");
    ck_has("isostasy_newest_applied_timestamp_seconds" TARGET "} 1700000000");
    draw_free(status);
    iso_buf_release(&out);
}
END_TEST

/* ---- how fine ---- */

static size_t series_with(enum iso_granularity granularity, size_t max)
{
    render(
        &(struct iso_metrics_options){.granularity = granularity, .series_max = max});
    split();
    return ck_lines(false);
}

START_TEST(auto_is_as_fine_as_the_series_allow)
{
    begin_level(1000);
    size_t pairs = series_with(ISO_BY_PAIR, 0), regions = series_with(ISO_BY_REGION, 0);
    ck_assert_uint_lt(regions, pairs);
    ck_assert_uint_eq(series_with(ISO_BY_AUTO, pairs), pairs);
    ck_assert_uint_eq(series_with(ISO_BY_AUTO, pairs - 1), regions);
    ck_assert_uint_eq(series_with(ISO_BY_AUTO, regions), regions);
    ck_assert_uint_lt(series_with(ISO_BY_AUTO, regions - 1), regions / 2);
    ck_assert_uint_le(pairs, series_with(ISO_BY_PARTITION, 0));
    render(&(struct iso_metrics_options){.granularity = ISO_BY_AUTO, .series_max = 10});
    ck_has("isostasy_pair_state" TARGET ",state=\"lagging\"} 1");
    ck_lacks("state=\"ok\"} 0");
    ck_lacks("isostasy_replication_latency");
    draw_free(status);
    iso_buf_release(&out);
}
END_TEST

START_TEST(granularity_is_named_as_the_settings_name_it)
{
    ck_assert_int_eq(iso_granularity_parse("region"), ISO_BY_REGION);
    ck_assert_int_eq(iso_granularity_parse("pair"), ISO_BY_PAIR);
    ck_assert_int_eq(iso_granularity_parse("partition"), ISO_BY_PARTITION);
    ck_assert_int_eq(iso_granularity_parse("auto"), ISO_BY_AUTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *cases = tcase_create("metrics");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, every_status_makes_well_formed_lines);
    tcase_add_test(cases, before_the_first_look_the_monitor_tells_of_itself);
    tcase_add_test(cases, promtool_has_nothing_to_say);
    tcase_add_test(cases, the_manual_lists_exactly_what_there_is);
    tcase_add_test(cases, a_pair_says_its_lag_and_its_state);
    tcase_add_test(cases, what_is_not_known_has_no_series);
    tcase_add_test(cases, by_region_the_worst_source_is_said);
    tcase_add_test(cases, auto_is_as_fine_as_the_series_allow);
    tcase_add_test(cases, granularity_is_named_as_the_settings_name_it);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
