/* Sessions that move between regions: three regions apply the same random logs in other
 * interleavings and batches, with duplicates, gaps, records that are refused and bounds
 * that pass; a session reads here and there with its token, and some of the writes are
 * its own. No read that is not marked may be behind what the session has seen, and none
 * may be marked without reason.
 *
 * What decides about tokens is compiled in here with three mistakes that can be
 * switched on. */
#include "apply_world.h"

#include "consumer/filter.h"
#include "consumer/replica_state.h"

enum planted { NOTHING, ARRIVES, AHEAD, FORGETS };
static enum planted planted;

/* Every write has arrived. */
static enum iso_err plant_filter(struct iso_bytes row, struct iso_filter *filter,
                                 struct iso_why *why)
{
    enum iso_err err = iso_filter_decode(row, filter, why);
    if (planted == ARRIVES && err == ISO_OK) {
        filter->count = 1;
        filter->intervals[0].first = 1;
        filter->intervals[0].last = UINT64_MAX;
    }
    return err;
}

/* A frontier is one further than it is. */
static enum iso_err plant_slice(struct iso_bytes row, struct iso_slice *slice,
                                struct iso_why *why)
{
    enum iso_err err = iso_slice_decode(row, slice, why);
    for (size_t i = 0; planted == AHEAD && i < slice->log_count; i++)
        slice->logs[i].frontier++;
    return err;
}

/* What was read of the first log is not remembered. */
static enum iso_err plant_add(struct iso_token *token,
                              const struct iso_token_item *item, struct iso_why *why)
{
    if (planted == FORGETS && item->log.number == LOG)
        return ISO_OK;
    return iso_token_add(token, item, why);
}

#define iso_filter_decode plant_filter
#define iso_slice_decode plant_slice
#define iso_token_add plant_add
#include "../../consumer/replica_token.c"
#undef iso_filter_decode
#undef iso_slice_decode
#undef iso_token_add

enum { SEEDS = 10, REGIONS = 3, STEPS = 6000, WRITES_MAX = 12 };

/* ---- what the world is ---- */

static struct world world;
static enum iso_outcome outcomes[LOGS][RECORDS]; /* alike in every region */

static const struct iso_record *record_at(size_t log, size_t n)
{
    return &world.records[log][n].record;
}

struct region {
    struct slice_ground ground;
    size_t at[LOGS];
    int64_t frontier[LOGS]; /* as committed */
    struct iso_replica *replica;
};

static void region_init(struct region *region)
{
    static const struct iso_rows_store owner = {"eu", EU, 0, 1};
    struct iso_rows_collection row = {.number = COLLECTION};
    struct iso_buf key = {0}, bytes = {0};
    memset(region, 0, sizeof *region);
    ground_init(&region->ground, EU, two_logs());
    ground_begin(&region->ground);
    iso_rows_key_store(&key);
    iso_rows_encode_store(&owner, &bytes);
    iso_txn_put(region->ground.txn, ISO_META, iso_buf_bytes(&key),
                iso_buf_bytes(&bytes));
    iso_rows_key_collection(&key, "packages");
    iso_rows_encode_collection(&row, &bytes);
    iso_txn_put(region->ground.txn, ISO_META, iso_buf_bytes(&key),
                iso_buf_bytes(&bytes));
    iso_buf_release(&key);
    iso_buf_release(&bytes);
}

static void region_apply(struct region *region, size_t log)
{
    struct slice_ground *ground = &region->ground;
    ground_begin(ground);
    ck_ok(iso_apply_record(ground->apply, ground->txn,
                           &(struct iso_apply_input){log_numbers[log],
                                                     record_at(log, region->at[log]),
                                                     false},
                           &ground->outcome, &ground->why));
    region->at[log]++;
}

static void region_commit(struct region *region)
{
    ground_commit(&region->ground);
    for (size_t log = 0; log < LOGS; log++)
        if (region->at[log] > 0)
            region->frontier[log] = record_at(log, region->at[log] - 1)->offset + 1;
}

static void region_open(struct region *region)
{
    struct iso_why why;
    region_apply(region, 0); /* the first DEFINE: from now on it has the collection */
    region_commit(region);
    ck_ok(iso_replica_open_on(&region->ground.store, 1, &iso_clock_machine,
                              &region->replica, &why));
}

static void region_close(struct region *region)
{
    iso_replica_close(region->replica);
    ground_release(&region->ground);
}

/* What becomes of each record. */
static void outcomes_find(void)
{
    struct region region;
    region_init(&region);
    for (size_t n = 0; n < RECORDS; n++)
        for (size_t log = 0; log < LOGS; log++) {
            region_apply(&region, log);
            outcomes[log][n] = region.ground.outcome;
        }
    ground_release(&region.ground);
}

/* ---- a session ---- */

struct write_of_session {
    size_t log, n;
    bool counts;    /* some copy of it was applied … */
    int64_t offset; /* … there */
};

struct session {
    struct iso_buf token;
    int64_t seen[LOGS]; /* what it was shown ended there */
    struct write_of_session writes[WRITES_MAX];
    size_t write_count;
    uint64_t fresh, stale, behind, marked_without_reason;
};

/* The write that a record is a copy of; false when its node says of two that they are
 * its seq-th, or it has no header. */
static bool write_find(size_t log, size_t n, struct write_of_session *found)
{
    const struct made *made = &world.records[log][n];
    *found = (struct write_of_session){.log = log, .n = n};
    if (made->broken || made->record.header_count == 0)
        return false;
    for (size_t i = 0; i < RECORDS; i++) {
        const struct made *other = &world.records[log][i];
        if (other->write.version.node != made->write.version.node ||
            other->write.seq != made->write.seq)
            continue;
        if (other->write.version.hlc != made->write.version.hlc)
            return false;
        if (!found->counts && outcomes[log][i] == ISO_APPLIED) {
            found->counts = true;
            found->offset = other->record.offset;
        }
    }
    return true;
}

/* The session sends what will be one of the next records, or has its answer already. */
static void session_write(struct session *session, const struct region *regions)
{
    size_t log = roll(&world, LOGS), newest = 0;
    for (size_t i = 0; i < REGIONS; i++)
        newest = regions[i].at[log] > newest ? regions[i].at[log] : newest;
    size_t n = newest + roll(&world, 12);
    struct write_of_session write;
    if (n == 0 || n >= RECORDS || session->write_count == WRITES_MAX ||
        !write_find(log, n, &write))
        return;
    const struct iso_write *is = &world.records[log][n].write;
    struct iso_token one = {.hlc = is->version.hlc};
    struct iso_buf bytes = {0};
    struct iso_token_item item = {.log = {"packages", log_numbers[log], BIRTH},
                                  .node = is->version.node,
                                  .seq = is->seq,
                                  .value = is->version.hlc};
    if (write.counts && roll(&world, 3) == 0) { /* acknowledged */
        item.node = item.seq = 0;
        item.value = (uint64_t)write.offset + 1;
    }
    ck_ok(iso_token_add(&one, &item, NULL));
    iso_token_encode(&one, &bytes);
    ck_ok(iso_token_join(&session->token, iso_buf_bytes(&bytes), NULL));
    session->writes[session->write_count++] = write;
    iso_buf_release(&bytes);
    iso_token_release(&one);
}

/* Whether the region lacks something of the session's past; *open: a write of it never
 * comes, and who reads cannot know that before the bound has passed it. */
static bool is_behind(const struct session *session, const struct region *region,
                      bool *open)
{
    bool behind = false;
    *open = false;
    for (size_t log = 0; log < LOGS; log++)
        behind = behind || region->frontier[log] < session->seen[log];
    for (size_t i = 0; i < session->write_count; i++) {
        const struct write_of_session *write = &session->writes[i];
        *open = *open || !write->counts;
        behind =
            behind || (write->counts && region->frontier[write->log] <= write->offset);
    }
    return behind;
}

static void session_read(struct session *session, struct region *region)
{
    static struct iso_read read;
    struct iso_why why;
    char key[16];
    bool open, behind = is_behind(session, region, &open);
    bool marks = roll(&world, 2) == 0;
    struct iso_read_options options = {.token = iso_buf_bytes(&session->token),
                                       .stale =
                                           marks ? ISO_STALE_MARK : ISO_STALE_FAIL};
    snprintf(key, sizeof key, "key-%d", (int)roll(&world, KEYS));
    enum iso_err err = iso_replica_get_fresh(
        region->replica, "packages", iso_bytes_text(key), &options, &read, &why);
    bool failed = err == ISO_STALE;
    ck_assert_msg(failed || err == ISO_OK || err == ISO_NOT_FOUND, "%s", why.text);
    ck_assert(!failed || !marks);
    ck_assert(read.stale == (read.missing > 0) && (read.stale || !failed));
    session->behind += behind && !read.stale;
    session->marked_without_reason += read.stale && !behind && !open;
    session->fresh += !read.stale;
    session->stale += read.stale;
    for (size_t log = 0; log < LOGS && !failed; log++)
        if (session->seen[log] < region->frontier[log])
            session->seen[log] = region->frontier[log];
    iso_buf_clear(&session->token);
    iso_buf_add_bytes(&session->token, iso_buf_bytes(&read.token));
    iso_read_release(&read);
}

static void session_anew(struct session *session)
{
    iso_buf_clear(&session->token);
    session->write_count = 0;
    memset(session->seen, 0, sizeof session->seen);
}

/* ---- runs ---- */

static void step(struct region *regions, struct session *session)
{
    struct region *region = &regions[roll(&world, REGIONS)];
    size_t log = roll(&world, LOGS);
    uint64_t dice = roll(&world, 100);
    if (dice < 55 && region->at[log] < RECORDS)
        region_apply(region, log);
    else if (dice < 70)
        region_commit(region);
    else if (dice < 92)
        session_read(session, region);
    else if (dice < 97)
        session_write(session, regions);
    else
        session_anew(session);
}

static struct session run(uint64_t seed, enum planted mistake)
{
    static struct region regions[REGIONS];
    struct session session = {0};
    planted = NOTHING;
    world_init(&world, seed);
    outcomes_find();
    for (size_t i = 0; i < REGIONS; i++) {
        region_init(&regions[i]);
        region_open(&regions[i]);
    }
    planted = mistake;
    for (size_t n = 0; n < STEPS; n++)
        step(regions, &session);
    for (size_t i = 0; i < REGIONS; i++)
        region_close(&regions[i]);
    iso_buf_release(&session.token);
    world_release(&world);
    return session;
}

START_TEST(no_read_goes_back_behind_its_token_and_none_is_stale_without_reason)
{
    uint64_t seed = (uint64_t)_i + 1;
    struct session session = run(seed, NOTHING);
    ck_assert_msg(session.behind == 0, "seed %d: %d reads were behind their token",
                  _i + 1, (int)session.behind);
    ck_assert_msg(session.marked_without_reason == 0,
                  "seed %d: %d reads were called stale without reason", _i + 1,
                  (int)session.marked_without_reason);
    ck_assert_msg(session.fresh > 100 && session.stale > 100, "seed %d: %d and %d",
                  _i + 1, (int)session.fresh, (int)session.stale);
}
END_TEST

START_TEST(a_filter_that_believes_all_a_frontier_too_far_and_a_lost_place_are_seen)
{
    for (enum planted mistake = ARRIVES; mistake <= FORGETS; mistake++) {
        uint64_t behind = 0;
        for (uint64_t seed = 1; seed <= 3; seed++)
            behind += run(seed, mistake).behind;
        ck_assert_msg(behind > 0, "mistake %d was not seen", (int)mistake);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("replica token random");
    tcase_add_loop_test(
        tests, no_read_goes_back_behind_its_token_and_none_is_stale_without_reason, 0,
        SEEDS);
    tcase_add_test(
        tests, a_filter_that_believes_all_a_frontier_too_far_and_a_lost_place_are_seen);
    tcase_set_timeout(tests, 120);
    Suite *suite = suite_create("replica token random");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
