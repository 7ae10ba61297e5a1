/* The page for people, made of statuses that no Kafka would give: what others wrote is
 * only ever text, what is not known says so, and all that is opened is closed. What it
 * looks like, and does, is tests/browser's. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "monitor/page.h"

enum { NOW_MS = 1700000000, REGIONS = 3, DRAWS = 300 };
static const int64_t now_ms = INT64_C(1000) * NOW_MS;

static struct iso_buf out;
static struct iso_status status;
static struct iso_status_collection collection;
static struct iso_status_pair pairs[REGIONS * REGIONS];
static struct iso_lag_region regions[REGIONS];
static struct iso_status_cluster cluster;
static struct iso_status_letter letter;
static struct iso_watch *watch;
static char certificate[] = "isostasy packages converged";

static void pair_unknown(struct iso_status_pair *pair, size_t source, size_t target)
{
    *pair = (struct iso_status_pair){.eta_ms = ISO_UNKNOWN_MS,
                                     .since_ms = now_ms,
                                     .applied_rate = -1,
                                     .written_rate = -1,
                                     .latency_p50_ms = ISO_UNKNOWN_MS,
                                     .latency_p99_ms = ISO_UNKNOWN_MS};
    pair->row = (struct iso_lag_row){.records_behind = ISO_UNKNOWN_COUNT,
                                     .lag_ms = ISO_UNKNOWN_MS,
                                     .staleness_ms = ISO_UNKNOWN_MS,
                                     .newest_ms = ISO_UNKNOWN_MS,
                                     .report_age_ms = ISO_UNKNOWN_MS,
                                     .report_ms = ISO_UNKNOWN_MS,
                                     .deleted_in_ms = ISO_UNKNOWN_MS,
                                     .worst_count = 1};
    pair->row.worst[0] = (struct iso_lag_slice){.frontier = -1,
                                                .end = -1,
                                                .records_behind = ISO_UNKNOWN_COUNT,
                                                .lag_ms = ISO_UNKNOWN_MS,
                                                .staleness_ms = ISO_UNKNOWN_MS};
    snprintf(pair->row.source, sizeof pair->row.source, "r%zu", source);
    snprintf(pair->row.target, sizeof pair->row.target, "r%zu", target);
}

/* Three regions of which nothing is known. */
static void setup(void)
{
    collection = (struct iso_status_collection){.partitions = 4,
                                                .pairs = pairs,
                                                .regions = regions,
                                                .region_count = REGIONS,
                                                .verdict_since_ms = now_ms,
                                                .certificate = certificate};
    snprintf(collection.name, sizeof collection.name, "packages");
    snprintf(collection.resolver, sizeof collection.resolver, "lww");
    collection.verdict.at_ms = collection.verdict.oldest_ms = ISO_UNKNOWN_MS;
    for (size_t s = 0; s < REGIONS; s++) {
        regions[s] = (struct iso_lag_region){.report_ms = ISO_UNKNOWN_MS,
                                             .started_ms = ISO_UNKNOWN_MS,
                                             .floor_ms = ISO_UNKNOWN_MS,
                                             .swept_ms = ISO_UNKNOWN_MS};
        snprintf(regions[s].region, sizeof regions[s].region, "r%zu", s);
        for (size_t t = 0; t < REGIONS; t++) {
            if (s != t)
                pair_unknown(&pairs[collection.pair_count++], s, t);
        }
    }
    cluster = (struct iso_status_cluster){.name = "home", .heard_ms = ISO_UNKNOWN_MS};
    letter = (struct iso_status_letter){.append_ms = now_ms - 5000};
    status = (struct iso_status){.look = 1,
                                 .at_ms = now_ms,
                                 .interval_ms = 1000,
                                 .clusters = &cluster,
                                 .cluster_count = 1,
                                 .collections = &collection,
                                 .collection_count = 1};
    watch = iso_watch_new(
        &(struct iso_watch_options){.interval_ms = 1000, .retention_warning_ms = 1000},
        now_ms);
}

static void teardown(void)
{
    iso_watch_free(watch);
    iso_buf_release(&out);
}

static const char *page(const struct iso_view_page *asked)
{
    struct iso_view_page view = *asked;
    view.prefix = "/";
    view.watch = watch;
    iso_buf_clear(&out);
    iso_view_page(&view, &out);
    return iso_buf_text(&out);
}

static const char *page_of_all(void)
{
    return page(&(struct iso_view_page){.status = &status, .charts = true});
}

/* ---- is it HTML? ---- */

static bool is_void(const char *name)
{
    static const char *const voids[] = {"meta", "link", "!doctype"};
    for (size_t i = 0; i < sizeof voids / sizeof voids[0]; i++) {
        if (strcmp(name, voids[i]) == 0)
            return true;
    }
    return false;
}

/* The end of the tag that begins at `at`: past the quotes of its attributes. NULL: it
 * has none, or an attribute that does not stand in quotes. */
static const char *tag_end(const char *at)
{
    bool quoted = false;
    for (; *at != '\0' && (quoted || *at != '>'); at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (!quoted && (*at == '\'' || *at == '<'))
            return NULL;
    }
    return *at == '>' ? at : NULL;
}

/* NULL when all that is opened is closed, in order; else where it is not. */
static const char *unbalanced(const char *html)
{
    static char open[64][16];
    size_t depth = 0;
    for (const char *at = html; (at = strchr(at, '<')) != NULL;) {
        bool closes = at[1] == '/';
        char name[16];
        if (sscanf(at + 1 + closes, "%15[a-z0-9!]", name) != 1)
            return at;
        const char *end = tag_end(at + 1);
        if (end == NULL ||
            (closes && (depth == 0 || strcmp(open[depth - 1], name) != 0)))
            return at;
        if (closes)
            depth--;
        else if (!is_void(name) && end[-1] != '/' && depth < 64)
            memcpy(open[depth++], name, sizeof name);
        at = end;
    }
    return depth == 0 ? NULL : html;
}

static size_t times(const char *html, const char *words)
{
    size_t count = 0;
    for (const char *at = html; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static void ck_sound(const char *html)
{
    const char *wrong = unbalanced(html);
    ck_assert_msg(wrong == NULL, "not closed: %.200s", wrong);
    ck_assert_uint_eq(times(html, "<script"), strstr(html, "uplot.js") != NULL ? 2 : 1);
    ck_assert_uint_eq(times(html, "<style"), 0);
    ck_assert_uint_eq(times(html, " style="), 0);
    ck_assert_uint_eq(times(html, "<img"), 0);
}

START_TEST(the_checker_of_what_is_closed_finds_a_planted_fault)
{
    ck_assert_ptr_null(unbalanced("<!doctype html><p a=\"<\">x</p>"));
    ck_assert_ptr_nonnull(unbalanced("<p><b>x</p></b>"));
    ck_assert_ptr_nonnull(unbalanced("<p>x"));
    ck_assert_ptr_nonnull(unbalanced("<p a=\"\"b'>x</p>"));
    ck_assert_ptr_nonnull(unbalanced("a < b"));
}
END_TEST

/* ---- text ---- */

START_TEST(what_others_wrote_is_only_ever_text)
{
    iso_page_add(&out, "<p a=\"%s\">%s %d %u %zu %ld %lu %.1f%%</p>", "\"'><", "<b>&",
                 -1, 2U, (size_t)3, -4L, 5UL, 6.25);
    ck_assert_str_eq(
        iso_buf_text(&out),
        "<p a=\"&quot;&#39;&gt;&lt;\">&lt;b&gt;&amp; -1 2 3 -4 5 6.2%</p>");
}
END_TEST

START_TEST(what_is_no_text_shows_as_a_replacement)
{
    /* an overlong slash, half a character, an escape, a turn of direction, and text */
    iso_page_add(&out, "%s",
                 "\xc0\xaf|\xe2\x82|\x1b[0m|\xe2\x80\xae|\xd0\xba\n\xe2\x82\xac");
    ck_assert_str_eq(
        iso_buf_text(&out),
        "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd[0m|"
        "\xef\xbf\xbd|\xd0\xba\n\xe2\x82\xac");
}
END_TEST

START_TEST(durations_read_as_a_person_says_them)
{
    static const struct {
        int64_t ms;
        const char *words;
    } rows[] = {{0, "0 s"},
                {1, "1 ms"},
                {999, "999 ms"},
                {1000, "1 s"},
                {1500, "1.5 s"},
                {12000, "12 s"},
                {59999, "59 s"},
                {60000, "1 min"},
                {200000, "3 min 20 s"},
                {3600000, "1 h"},
                {7500000, "2 h 5 min"},
                {356400000, "4 d 3 h"},
                {INT64_MAX, "106751991167 d 7 h"},
                {ISO_UNKNOWN_MS, "unknown"}};
    char text[ISO_PAGE_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_str_eq(iso_page_duration_text(rows[i].ms, text), rows[i].words);
}
END_TEST

START_TEST(counts_and_times_read_well_at_their_ends)
{
    char text[ISO_PAGE_TEXT_MAX];
    ck_assert_str_eq(iso_page_count_text(0, text), "0");
    ck_assert_str_eq(iso_page_count_text(999, text), "999");
    ck_assert_str_eq(iso_page_count_text(1234567, text), "1,234,567");
    ck_assert_str_eq(iso_page_count_text(UINT64_MAX - 1, text),
                     "18,446,744,073,709,551,614");
    ck_assert_str_eq(iso_page_count_text(ISO_UNKNOWN_COUNT, text), "unknown");
    ck_assert_str_eq(iso_page_time_text(now_ms, text), "2023-11-14 22:13:20 UTC");
    ck_assert_str_eq(iso_page_time_text(INT64_MAX, text), "unknown");
    ck_assert_str_eq(iso_page_time_text(ISO_UNKNOWN_MS, text), "unknown");
    ck_assert_str_eq(iso_page_time_text(-1, text), "unknown");
}
END_TEST

/* ---- pages ---- */

START_TEST(before_the_first_look_and_without_collections_there_is_a_page)
{
    const char *html = page(&(struct iso_view_page){.status = NULL});
    ck_sound(html);
    ck_assert_ptr_nonnull(strstr(html, "Looking</h1>"));
    status.collection_count = 0;
    html = page_of_all();
    ck_sound(html);
    ck_assert_ptr_nonnull(strstr(html, "isostasy collection create"));
}
END_TEST

START_TEST(what_is_not_known_is_said_to_be_unknown)
{
    const char *html = page_of_all();
    ck_sound(html);
    ck_assert_uint_gt(times(html, "unknown"), 40);
    ck_assert_ptr_null(strstr(html, "-1<"));
    ck_assert_ptr_null(strstr(html, ">-1"));
    ck_assert_ptr_null(strstr(html, "nan"));
    ck_assert_ptr_null(strstr(html, "9223372036854775808"));
    ck_assert_ptr_null(strstr(html, "18446744073709551615"));
    ck_assert_ptr_null(strstr(html, "18,446"));
}
END_TEST

START_TEST(a_name_that_is_not_there_is_answered_with_what_there_is)
{
    const char *html =
        page(&(struct iso_view_page){.status = &status, .collection = "<other>"});
    ck_sound(html);
    ck_assert_ptr_nonnull(strstr(html, "no collection <bdi>&lt;other&gt;</bdi>"));
    html = page(&(struct iso_view_page){.status = &status, .source = "r0"});
    ck_sound(html);
    ck_assert_ptr_nonnull(strstr(html, "No such pair"));
    html = page(
        &(struct iso_view_page){.status = &status, .source = "r2", .target = "r1"});
    ck_assert_ptr_nonnull(strstr(html, "data-source=\"r2\" data-target=\"r1\""));
}
END_TEST

START_TEST(dead_letters_and_clusters_that_are_away_are_shown_with_their_reasons)
{
    snprintf(cluster.why, sizeof cluster.why, "no broker of home answers");
    snprintf(letter.cluster, sizeof letter.cluster, "home");
    letter.letter = (struct iso_dead_letter){
        .topic = iso_bytes_text("packages.1"),
        .partition = 3,
        .offset = 99,
        .error = iso_bytes_text("ISO_REFUSED"),
        .reason = iso_bytes_text("its clock is ahead <script>alert(1)</script>")};
    status.letters = &letter;
    status.letter_count = 1;
    status.letters_held = 1234;
    const char *html = page_of_all();
    ck_sound(html);
    ck_assert_ptr_nonnull(strstr(html, "no broker of home answers"));
    ck_assert_ptr_nonnull(strstr(html, "<bdi>packages.1</bdi>/3/99"));
    ck_assert_ptr_nonnull(strstr(html, "ahead &lt;script&gt;"));
    ck_assert_ptr_nonnull(strstr(html, "1,234 in all clusters"));
}
END_TEST

START_TEST(the_worst_pair_is_looked_at_unless_another_is_asked_for)
{
    for (size_t i = 0; i < collection.pair_count; i++) {
        pairs[i].state = ISO_LAG_OK;
        pairs[i].row.lag_ms = 0;
    }
    pairs[3].state = ISO_LAG_LAGGING;
    pairs[3].row.lag_ms = 7000;
    char expected[128];
    snprintf(expected, sizeof expected, "data-source=\"%s\" data-target=\"%s\"",
             pairs[3].row.source, pairs[3].row.target);
    ck_assert_ptr_nonnull(strstr(page_of_all(), expected));
}
END_TEST

/* Bytes that would break out of a page, and any others. */
static void draw_text(struct iso_chance *chance, char *text, size_t room)
{
    static const char *const pieces[] = {
        "<",     ">",   "\"",       "'",    "&",
        "</td>", "-->", "<script>", "\xff", "\xe2\x80\xae",
        "%s",    "]]>", "&lt;",     "\x01", "x"};
    size_t at = 0;
    for (uint64_t n = iso_chance_draw(chance) % 8; n > 0; n--) {
        const char *piece =
            pieces[iso_chance_draw(chance) % (sizeof pieces / sizeof *pieces)];
        size_t size = strlen(piece);
        if (at + size >= room)
            break;
        memcpy(text + at, piece, size);
        at += size;
    }
    text[at] = '\0';
}

static int64_t draw_ms(struct iso_chance *chance)
{
    static const int64_t odd[] = {ISO_UNKNOWN_MS, 0, 1, 999, INT64_MAX, -1, 3600000};
    uint64_t drawn = iso_chance_draw(chance);
    return drawn % 3 == 0 ? (int64_t)(drawn >> 20) : odd[(drawn >> 8) % 7];
}

static void draw_status(struct iso_chance *chance)
{
    draw_text(chance, collection.name, sizeof collection.name);
    draw_text(chance, collection.resolver, sizeof collection.resolver);
    draw_text(chance, collection.verdict.why, sizeof collection.verdict.why);
    draw_text(chance, certificate, sizeof certificate);
    draw_text(chance, cluster.why, sizeof cluster.why);
    collection.verdict.state = (enum iso_verdict_state)(iso_chance_draw(chance) % 5);
    for (size_t n = 0; n < REGIONS; n++) {
        draw_text(chance, regions[n].region, sizeof regions[n].region);
        draw_text(chance, regions[n].software, sizeof regions[n].software);
        regions[n].floor_ms = draw_ms(chance);
        regions[n].oldest_ms = draw_ms(chance);
        regions[n].swept_ms = draw_ms(chance);
        regions[n].heard = iso_chance_draw(chance) % 2;
        regions[n].has_loser = iso_chance_draw(chance) % 2;
        regions[n].loser_key = iso_bytes_text(collection.verdict.why);
    }
    for (size_t i = 0; i < collection.pair_count; i++) {
        struct iso_status_pair *pair = &pairs[i];
        pair->state = (enum iso_lag_state)(iso_chance_draw(chance) % ISO_LAG_STATES);
        draw_text(chance, pair->why, sizeof pair->why);
        draw_text(chance, pair->warning, sizeof pair->warning);
        snprintf(pair->row.source, sizeof pair->row.source, "%s",
                 regions[iso_chance_draw(chance) % REGIONS].region);
        pair->row.lag_ms = draw_ms(chance);
        pair->row.staleness_ms = draw_ms(chance);
    }
}

START_TEST(whatever_is_in_a_status_all_that_is_opened_is_closed)
{
    uint64_t seed = 0x15057a5e;
    const char *given = getenv("ISO_SEED");
    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    printf("seed %llu (ISO_SEED repeats it)\n", (unsigned long long)seed);
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, seed);
    for (int n = 0; n < DRAWS; n++) {
        draw_status(&chance);
        ck_sound(page_of_all());
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *cases = tcase_create("page");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_checker_of_what_is_closed_finds_a_planted_fault);
    tcase_add_test(cases, what_others_wrote_is_only_ever_text);
    tcase_add_test(cases, what_is_no_text_shows_as_a_replacement);
    tcase_add_test(cases, durations_read_as_a_person_says_them);
    tcase_add_test(cases, counts_and_times_read_well_at_their_ends);
    tcase_add_test(cases,
                   before_the_first_look_and_without_collections_there_is_a_page);
    tcase_add_test(cases, what_is_not_known_is_said_to_be_unknown);
    tcase_add_test(cases, a_name_that_is_not_there_is_answered_with_what_there_is);
    tcase_add_test(
        cases, dead_letters_and_clusters_that_are_away_are_shown_with_their_reasons);
    tcase_add_test(cases, the_worst_pair_is_looked_at_unless_another_is_asked_for);
    tcase_add_test(cases, whatever_is_in_a_status_all_that_is_opened_is_closed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
