/* The table of lag against a dumb model: logs that are arrays of records, regions that
 * read prefixes of them, reports and looks that come late or never.
 *
 * What the table says of a pair is compared with what an all-knowing eye sees: exact
 * where it says so, never younger than the truth where it does not, and exact
 * everywhere when every look that it wants was taken. ISO_SEED repeats a run.
 */
#include "base/clock.h"
#include "lag_kit.h"

enum { REGIONS = 3, PARTITIONS = 2, RECORDS_MAX = 60, ROUNDS = 150, STEPS = 12 };

struct model_record {
    unsigned writer; /* 0: without our header */
    bool write;      /* else a heartbeat */
    int64_t append_ms;
};

struct model_log {
    struct model_record records[RECORDS_MAX];
    int64_t count;
    int64_t end; /* as it was asked last; -1: never */
};

static struct iso_chance chance;
static struct model_log logs[REGIONS][PARTITIONS];
static int64_t told[REGIONS + 1][REGIONS][PARTITIONS]; /* frontiers; -1: not heard */
static int64_t read_to[REGIONS + 1][REGIONS][PARTITIONS];
static size_t log_count;
static int64_t now_ms;
static bool lying; /* the planted fault: looks find no write */

static uint64_t draw(uint64_t below)
{
    return iso_chance_draw(&chance) % below;
}

/* ---- the world ---- */

static void world_begin(bool shared)
{
    begin((struct kit_shape){
        .regions = REGIONS, .partitions = PARTITIONS, .shared = shared});
    memset(logs, 0, sizeof logs);
    memset(read_to, 0, sizeof read_to);
    memset(told, 0xff, sizeof told);
    log_count = shared ? 1 : REGIONS;
    now_ms = KIT_NOW;
    for (size_t l = 0; l < log_count; l++) {
        for (uint32_t p = 0; p < PARTITIONS; p++)
            logs[l][p].end = -1;
    }
}

static void append(size_t l, uint32_t p)
{
    struct model_log *log = &logs[l][p];
    if (log->count == RECORDS_MAX)
        return;
    struct model_record *record = &log->records[log->count++];
    record->writer = log_count == 1 ? (unsigned)(1 + draw(REGIONS)) : (unsigned)l + 1;
    record->write = draw(3) == 0;
    if (record->write && draw(12) == 0)
        record->writer = 0;
    record->append_ms = now_ms;
}

static void tell(unsigned region, uint32_t p)
{
    struct iso_report report = kit_report("packages", region, p);
    for (size_t l = 0; l < log_count; l++) {
        const struct model_log *log = &logs[l][p];
        int64_t to = read_to[region][l][p];
        told[region][l][p] = to;
        if (to == 0)
            continue; /* not begun */
        kit_stand(&report, (uint16_t)(l + 1), to, log->records[to - 1].append_ms);
        uint64_t writes[REGIONS + 1] = {0};
        for (int64_t i = 0; i < to; i++) {
            const struct model_record *record = &log->records[i];
            writes[record->writer] += record->write;
            kit_source(&report, (uint16_t)(l + 1), record->writer,
                       writes[record->writer], record->append_ms);
        }
    }
    iso_lag_feed_report(lag, &report, now_ms);
}

static void ask_end(size_t l, uint32_t p)
{
    logs[l][p].end = logs[l][p].count;
    iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                .log = (uint16_t)(l + 1),
                                                .partition = p,
                                                .end = logs[l][p].end,
                                                .asked_ms = now_ms});
}

static void look_at_place(size_t l, uint32_t p, int64_t offset, int64_t most)
{
    const struct model_log *log = &logs[l][p];
    int64_t upto = offset + most < log->count ? offset + most : log->count;
    struct iso_lag_seen seen = {.collection = "packages",
                                .log = (uint16_t)(l + 1),
                                .partition = p,
                                .offset = offset,
                                .upto = upto,
                                .append_ms = ISO_UNKNOWN_MS,
                                .upto_ms = ISO_UNKNOWN_MS};
    uint64_t found = 0;
    for (int64_t i = offset; i < upto; i++) {
        const struct model_record *record = &log->records[i];
        if (i == offset)
            seen.append_ms = record->append_ms;
        seen.upto_ms = record->append_ms;
        if (!record->write || lying || (found >> record->writer & 1) != 0)
            continue;
        found |= UINT64_C(1) << record->writer;
        seen.firsts[seen.first_count++] =
            (struct iso_lag_first){record->writer, i, record->append_ms};
    }
    iso_lag_feed_seen(lag, &seen);
}

/* Takes some looks that are wanted; says whether any was. */
static bool look_some(size_t max, int64_t most)
{
    const char *name;
    struct {
        uint16_t log;
        uint32_t partition;
        int64_t offset;
    } wanted[64];
    size_t count = 0;
    while (count < max && count < 64 &&
           iso_lag_wanted(lag, count, &name, &wanted[count].log,
                          &wanted[count].partition, &wanted[count].offset))
        count++;
    for (size_t i = 0; i < count; i++)
        look_at_place(wanted[i].log - 1u, wanted[i].partition, wanted[i].offset, most);
    return count > 0;
}

/* ---- the all-knowing eye ---- */

struct truth {
    bool known; /* heard, and the ends asked */
    int64_t lag_ms;
    uint64_t waiting; /* records in a log of one writer, else writes */
};

static void truth_log(struct truth *truth, unsigned source, unsigned target, size_t l,
                      uint32_t p)
{
    const struct model_log *log = &logs[l][p];
    int64_t from = told[target][l][p];
    if (from < 0 || log->end < 0) {
        truth->known = false;
        return;
    }
    for (int64_t i = from; i < log->end; i++) {
        const struct model_record *record = &log->records[i];
        bool counts =
            record->write && (record->writer == source || record->writer == 0);
        truth->waiting += log_count > 1 || counts;
        if (counts && now_ms - record->append_ms > truth->lag_ms)
            truth->lag_ms = now_ms - record->append_ms;
    }
}

static struct truth truth_of(unsigned source, unsigned target)
{
    struct truth truth = {.known = true};
    for (uint32_t p = 0; p < PARTITIONS; p++)
        truth_log(&truth, source, target, log_count == 1 ? 0 : source - 1, p);
    return truth;
}

/* false: what the table says is not so. */
static bool row_holds(const struct iso_lag_row *at, const struct truth *truth)
{
    if (!truth->known)
        return at->records_behind == ISO_UNKNOWN_COUNT && at->lag_ms == ISO_UNKNOWN_MS;
    if (at->records_behind == ISO_UNKNOWN_COUNT ||
        at->records_behind < truth->waiting ||
        (at->records_exact && at->records_behind != truth->waiting))
        return false;
    if (at->lag_ms == ISO_UNKNOWN_MS)
        return !at->lag_exact;
    return at->lag_exact ? at->lag_ms == truth->lag_ms : at->lag_ms >= truth->lag_ms;
}

static bool all_hold(bool exact)
{
    for (unsigned s = 1; s <= REGIONS; s++) {
        for (unsigned t = 1; t <= REGIONS; t++) {
            if (s == t)
                continue;
            struct truth truth = truth_of(s, t);
            const struct iso_lag_row *at = row_at(s, t, now_ms);
            if (!row_holds(at, &truth) || (exact && truth.known && !at->lag_exact))
                return false;
        }
    }
    return true;
}

/* ---- runs ---- */

static void step(void)
{
    now_ms += (int64_t)draw(400);
    for (size_t l = 0; l < log_count; l++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            for (uint64_t n = draw(4); n > 0; n--)
                append(l, p);
        }
    }
    for (unsigned region = 1; region <= REGIONS; region++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            for (size_t l = 0; l < log_count; l++) {
                int64_t left = logs[l][p].count - read_to[region][l][p];
                read_to[region][l][p] += (int64_t)draw((uint64_t)left + 1);
            }
            if (draw(3) > 0)
                tell(region, p);
        }
    }
    for (size_t l = 0; l < log_count; l++) { /* after the reports: as a monitor asks */
        for (uint32_t p = 0; p < PARTITIONS; p++)
            ask_end(l, p);
    }
}

/* false: the table said something that was not so. */
static bool run(bool shared)
{
    bool held = true;
    world_begin(shared);
    for (int n = 0; held && n < STEPS; n++) {
        step();
        held = all_hold(false);
        look_some(draw(5), 1 + (int64_t)draw(6));
        held = held && all_hold(false);
    }
    for (int n = 0; held && n < 200 && look_some(64, 10); n++)
        held = all_hold(false);
    held = held && all_hold(true);
    finish();
    return held;
}

static uint64_t seed(void)
{
    const char *text = getenv("ISO_SEED");
    return text != NULL ? strtoull(text, NULL, 0) : 20261123;
}

static bool runs_hold(int rounds)
{
    uint64_t first = seed();
    for (int n = 0; n < rounds; n++) {
        iso_chance_seeded_init(&chance, first + (uint64_t)n);
        if (!run(n % 2 == 0)) {
            if (!lying)
                printf("ISO_SEED=%llu repeats it\n",
                       (unsigned long long)first + (unsigned long long)n);
            return false;
        }
    }
    return true;
}

START_TEST(what_the_table_says_is_so_and_never_younger_than_the_truth)
{
    lying = false;
    ck_assert(runs_hold(ROUNDS));
}
END_TEST

START_TEST(looks_that_overlook_writes_are_caught)
{
    lying = true;
    ck_assert(!runs_hold(ROUNDS));
    lying = false;
}
END_TEST

/* ---- hostile reports ---- */

/* A number that hurts where numbers are added, subtracted or used as a place. */
static int64_t wild(void)
{
    static const int64_t wild[] = {0,         1,
                                   -1,        INT64_MAX,
                                   INT64_MIN, KIT_NOW,
                                   INT32_MAX, INT64_MAX - 1,
                                   1 << 20,   INT64_MIN + 1};
    uint64_t pick = draw(12);
    return pick < 10 ? wild[pick] : (int64_t)iso_chance_draw(&chance);
}

static void wild_log(struct iso_report *report)
{
    uint16_t number = (uint16_t)draw(6);
    kit_stand(report, number, 0, wild());
    struct iso_slice_log *log = iso_slice_log(&report->slice, number);
    log->frontier = wild();
    log->record_offset = wild();
    log->bound_ms = wild();
    log->refused = (uint64_t)wild();
    for (uint64_t n = draw(4); n > 0; n--)
        kit_source(report, number, (unsigned)draw(70), (uint64_t)wild(), wild());
    iso_vector_move(&report->slice.vector, number, wild());
}

static void wild_report(void)
{
    struct iso_report report =
        kit_report("packages", (unsigned)(1 + draw(4)), (uint32_t)draw(PARTITIONS + 1));
    report.state = (enum iso_slice_state)draw(ISO_SLICE_CLOSED + 1);
    memset(report.store, (int)draw(3), sizeof report.store);
    for (uint64_t n = draw(6); n > 0; n--)
        wild_log(&report);
    report.slice.tally.values = wild();
    report.slice.ledger_rows = (uint64_t)wild();
    report.slice.swept_min_ms = wild();
    report.has_health = draw(2) == 0;
    report.health.started_ms = wild();
    for (uint64_t n = draw(4); report.has_health && n > 0; n--) {
        struct iso_latency *latency =
            &iso_health_source_add(&report.health, (uint32_t)draw(70))->latency;
        latency->counts[draw(ISO_LATENCY_BOUNDS + 1)] = (uint64_t)wild();
        latency->sum_ms = (uint64_t)wild();
    }
    iso_lag_feed_report(lag, &report, wild());
}

static void wild_rest(void)
{
    iso_lag_feed_end(lag, &(struct iso_lag_end){.collection = "packages",
                                                .log = (uint16_t)draw(5),
                                                .partition = (uint32_t)draw(3),
                                                .begin = wild(),
                                                .end = wild(),
                                                .asked_ms = wild()});
    iso_lag_feed_seen(
        lag, &(struct iso_lag_seen){.collection = "packages",
                                    .log = (uint16_t)draw(5),
                                    .partition = (uint32_t)draw(3),
                                    .offset = wild(),
                                    .upto = wild(),
                                    .append_ms = wild(),
                                    .upto_ms = wild(),
                                    .firsts = {{(uint32_t)draw(70), wild(), wild()}},
                                    .first_count = draw(2)});
    iso_lag_feed_retention(lag, "packages", (uint16_t)draw(5), wild());
    iso_lag_feed_clock(lag, "home", wild());
}

static void ck_sane(const struct iso_lag_row *at)
{
    ck_assert(at->lag_ms >= 0 || at->lag_ms == ISO_UNKNOWN_MS);
    ck_assert(at->staleness_ms >= 0 || at->staleness_ms == ISO_UNKNOWN_MS);
    ck_assert(at->report_age_ms >= 0 || at->report_age_ms == ISO_UNKNOWN_MS);
    ck_assert(at->deleted_in_ms >= 0 || at->deleted_in_ms == ISO_UNKNOWN_MS);
    ck_assert_uint_lt(at->state, ISO_LAG_STATES);
    ck_assert(at->state == ISO_LAG_OK || at->why[0] != '\0');
}

START_TEST(hostile_reports_make_no_age_negative_and_nothing_breaks)
{
    iso_chance_seeded_init(&chance, seed());
    for (int round = 0; round < 60; round++) {
        begin((struct kit_shape){
            .regions = REGIONS, .partitions = PARTITIONS, .shared = round % 2 == 0});
        for (int n = 0; n < 30; n++) {
            const struct iso_lag_row *rows;
            const struct iso_lag_region *regions;
            struct iso_verdict verdict;
            struct iso_buf line = {0};
            uint64_t waiting;
            wild_report();
            wild_rest();
            int64_t at_ms = n % 3 == 0 ? wild() : KIT_NOW;
            size_t count = iso_lag_rows(lag, NULL, at_ms, &rows);
            for (size_t i = 0; i < count; i++)
                ck_sane(&rows[i]);
            iso_lag_regions(lag, NULL, at_ms, &regions);
            iso_lag_verdict(lag, "packages", at_ms, n % 2 == 0 ? INT64_MIN : wild(),
                            &verdict);
            iso_verdict_certificate("packages", &verdict, &line);
            iso_buf_release(&line);
            iso_lag_caught_up(lag, "packages", INT64_MIN, &waiting);
            look_some(0, 0);
        }
        finish();
    }
}
END_TEST

static Suite *lag_model_suite(void)
{
    Suite *suite = suite_create("lag_model");
    TCase *cases = tcase_create("lag_model");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, what_the_table_says_is_so_and_never_younger_than_the_truth);
    tcase_add_test(cases, looks_that_overlook_writes_are_caught);
    tcase_add_test(cases, hostile_reports_make_no_age_negative_and_nothing_breaks);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return kit_main(lag_model_suite());
}
