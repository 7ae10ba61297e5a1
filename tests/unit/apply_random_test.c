/* Random logs, read by several regions in other interleavings, batches and with aborts:
 * at the same frontiers the same slice, to the byte; at equal vectors of a bucket equal
 * digests; and always digests that a slow look at every stored row gives again. The
 * step of a record is compiled in here with two mistakes that can be switched on. */
#include "apply_world.h"

#include "consumer/apply_state.h"

static bool planted_subtract, planted_vector;

static void plant_subtract(struct iso_tally *sum, const struct iso_tally *part)
{
    if (!planted_subtract)
        iso_tally_subtract(sum, part);
}

/* A bucket's vector is moved before the slice's. */
static void plant_move(struct iso_vector *vector, uint16_t log, int64_t offset)
{
    static unsigned calls;
    if (!planted_vector || calls++ % 2 == 1)
        iso_vector_move(vector, log, offset);
}

#define iso_tally_subtract plant_subtract
#define iso_vector_move plant_move
#include "../../consumer/apply_record.c"
#undef iso_tally_subtract
#undef iso_vector_move

enum { SEEDS = 12 };

/* ---- regions ---- */

struct reader {
    struct slice_ground ground;
    struct iso_chance chance;
    size_t at[LOGS], saved[LOGS]; /* next in the logs; in the store */
};

static void reader_init(struct reader *reader, uint64_t seed)
{
    memset(reader, 0, sizeof *reader);
    ground_init(&reader->ground, AP, two_logs());
    iso_chance_seeded_init(&reader->chance, seed);
}

static void reader_commit(struct reader *reader)
{
    ground_commit(&reader->ground);
    memcpy(reader->saved, reader->at, sizeof reader->at);
}

/* Applies one more record of some log, and now and then commits or gives up. */
static void reader_step(struct reader *reader, const struct world *world, size_t stop)
{
    uint64_t r = iso_chance_draw(&reader->chance);
    size_t log = r % 5 < 3 ? r % LOGS : r / 8 % LOGS;
    log = reader->at[log] < stop ? log : 1 - log;
    if (reader->at[log] >= stop)
        return;
    const struct iso_record *record = &world->records[log][reader->at[log]].record;
    ground_begin(&reader->ground);
    enum iso_err err =
        iso_apply_record(reader->ground.apply, reader->ground.txn,
                         &(struct iso_apply_input){log_numbers[log], record, false},
                         &reader->ground.outcome, &reader->ground.why);
    ck_assert_msg(err == ISO_OK, "%s", reader->ground.why.text);
    reader->at[log]++;
    if (r / 64 % 40 == 0) {
        reader_commit(reader);
    } else if (r / 64 % 200 == 1) {
        ground_abort(&reader->ground);
        memcpy(reader->at, reader->saved, sizeof reader->at);
    }
}

static void reader_run(struct reader *reader, const struct world *world, size_t stop)
{
    while (reader->at[0] < stop || reader->at[1] < stop)
        reader_step(reader, world, stop);
    reader_commit(reader);
}

/* ---- what is looked at ---- */

struct rescan {
    struct iso_tally tally;
    struct iso_digest ledger;
    uint64_t ledger_rows;
    struct iso_vector vector;
    struct iso_tally buckets;
};

static void rescan_entry(struct rescan *sum, struct iso_bytes key, struct iso_bytes row)
{
    struct iso_buf scratch = {0};
    struct iso_entry entry;
    struct iso_digest canonical;
    struct iso_bytes own = {key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX};
    ck_ok(iso_entry_decode(row, own, &scratch, &entry, &canonical, NULL));
    iso_digest_add(entry.kind == ISO_VALUE ? &sum->tally.live : &sum->tally.mortal,
                   canonical);
    sum->tally.values += entry.kind == ISO_VALUE;
    sum->tally.tombstones += entry.kind == ISO_TOMBSTONE;
    sum->tally.expiring += entry.kind == ISO_EXPIRING;
    iso_buf_release(&scratch);
}

static void rescan_loser(struct rescan *sum, struct iso_bytes key, struct iso_bytes row)
{
    struct iso_loser loser;
    struct iso_digest digest;
    struct iso_bytes own = {key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX};
    ck_ok(iso_loser_decode(own, row, &loser, &digest, NULL));
    if (loser.rule == ISO_LOSER_NAME)
        return;
    iso_digest_add(&sum->ledger, digest);
    sum->ledger_rows++;
}

static void rescan_bucket(struct rescan *sum, struct iso_bytes key,
                          struct iso_bytes row)
{
    struct iso_bucket bucket = {0};
    (void)key;
    ck_ok(iso_bucket_decode(row, &bucket, NULL));
    iso_tally_add(&sum->buckets, &bucket.tally);
    for (size_t i = 0; i < bucket.vector.count; i++)
        iso_vector_move(&sum->vector, bucket.vector.items[i].log,
                        bucket.vector.items[i].offset);
    iso_bucket_release(&bucket);
}

static void rescan_space(struct iso_snapshot *snapshot, enum iso_space space,
                         void (*each)(struct rescan *sum, struct iso_bytes key,
                                      struct iso_bytes row),
                         struct rescan *sum)
{
    struct iso_cursor *cursor;
    struct iso_bytes none = {0}, key, row;
    ck_ok(iso_cursor_open(snapshot, space, none, none, &cursor, NULL));
    while (iso_cursor_next(cursor, &key, &row, NULL) == ISO_OK)
        each(sum, key, row);
    iso_cursor_close(cursor);
}

static bool tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

/* Does every sum that the committed slice keeps stand in the stored rows? */
static bool sums_hold(const struct slice_ground *ground)
{
    const struct iso_slice *slice = iso_apply_slice(ground->apply);
    struct rescan sum = {0};
    struct iso_snapshot *snapshot;
    ck_ok(iso_snapshot_open(ground->store, &snapshot, NULL));
    rescan_space(snapshot, ISO_ENTRY, rescan_entry, &sum);
    rescan_space(snapshot, ISO_LEDGER, rescan_loser, &sum);
    rescan_space(snapshot, ISO_BUCKET, rescan_bucket, &sum);
    iso_snapshot_close(snapshot);
    bool hold = tally_equal(&sum.tally, &slice->tally) &&
                tally_equal(&sum.buckets, &slice->tally) &&
                iso_digest_equal(sum.ledger, slice->ledger) &&
                sum.ledger_rows == slice->ledger_rows &&
                iso_vector_equal(&sum.vector, &slice->vector);
    iso_vector_release(&sum.vector);
    return hold;
}

static bool bucket_read(struct iso_snapshot *snapshot, uint32_t number,
                        struct iso_bucket *bucket)
{
    struct iso_buf key = {0};
    struct iso_bytes row;
    iso_rows_key_bucket(&key, COLLECTION, 0, number);
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_BUCKET, iso_buf_bytes(&key), &row, NULL);
    if (err == ISO_OK)
        ck_ok(iso_bucket_decode(row, bucket, NULL));
    iso_buf_release(&key);
    return err == ISO_OK;
}

/* At equal vectors equal digests; *met counts those buckets. */
static bool buckets_agree(const struct slice_ground *a, const struct slice_ground *b,
                          size_t *met)
{
    struct iso_snapshot *left, *right;
    struct iso_bucket of_left = {0}, of_right = {0};
    bool agree = true;
    ck_ok(iso_snapshot_open(a->store, &left, NULL));
    ck_ok(iso_snapshot_open(b->store, &right, NULL));
    for (uint32_t n = 0; n < BUCKETS; n++) {
        if (!bucket_read(left, n, &of_left) || !bucket_read(right, n, &of_right) ||
            !iso_vector_equal(&of_left.vector, &of_right.vector))
            continue;
        agree = agree && tally_equal(&of_left.tally, &of_right.tally);
        ++*met;
    }
    iso_bucket_release(&of_left);
    iso_bucket_release(&of_right);
    iso_snapshot_close(left);
    iso_snapshot_close(right);
    return agree;
}

/* ---- tests ---- */

static struct world world;

START_TEST(interleavings_batches_and_aborts_do_not_show_in_the_slice)
{
    struct reader readers[3];
    size_t met = 0;
    world_init(&world, (uint64_t)_i + 1);
    for (size_t i = 0; i < 3; i++)
        reader_init(&readers[i], 1000 * (uint64_t)_i + i);
    for (size_t stop = 50; stop <= RECORDS; stop += 50) {
        for (size_t i = 0; i < 3; i++) {
            size_t own = i == 2 && stop < RECORDS ? stop - 7 : stop; /* one is behind */
            reader_run(&readers[i], &world, own);
            ck_assert_msg(sums_hold(&readers[i].ground), "seed %d: sums", _i);
        }
        ck_assert_msg(buckets_agree(&readers[0].ground, &readers[2].ground, &met),
                      "seed %d: equal vectors, other digests", _i);
    }
    ck_assert_uint_gt(met, BUCKETS);
    struct iso_buf one = {0}, other = {0};
    iso_slice_encode(iso_apply_slice(readers[0].ground.apply), &one);
    for (size_t i = 1; i < 3; i++) {
        iso_buf_clear(&other);
        iso_slice_encode(iso_apply_slice(readers[i].ground.apply), &other);
        ck_assert_msg(iso_bytes_equal(iso_buf_bytes(&one), iso_buf_bytes(&other)),
                      "seed %d: the slice of reader %zu differs", _i, i);
    }
    const struct iso_slice *slice = iso_apply_slice(readers[0].ground.apply);
    ck_assert_uint_gt(slice->effective, RECORDS / 2);
    ck_assert_uint_gt(slice->ledger_rows, 0);
    ck_assert_uint_gt(slice->logs[0].refused, 0);
    ck_assert_uint_gt(slice->logs[0].duplicates, 0);
    for (size_t i = 0; i < 3; i++)
        ground_release(&readers[i].ground);
    iso_buf_release(&one);
    iso_buf_release(&other);
    world_release(&world);
}
END_TEST

static bool sums_hold_with(bool *planted)
{
    struct reader reader;
    world_init(&world, 7);
    reader_init(&reader, 7);
    if (planted != NULL)
        *planted = true;
    reader_run(&reader, &world, 100);
    if (planted != NULL)
        *planted = false;
    bool hold = sums_hold(&reader.ground);
    ground_release(&reader.ground);
    world_release(&world);
    return hold;
}

START_TEST(a_sum_that_forgets_to_subtract_or_a_vector_that_stays_is_seen)
{
    ck_assert(sums_hold_with(NULL));
    ck_assert(!sums_hold_with(&planted_subtract));
    ck_assert(!sums_hold_with(&planted_vector));
}
END_TEST

START_TEST(after_warm_up_a_record_allocates_nothing)
{
    struct slice_ground ground;
    char key[16];
    uint64_t allocated = 0, seq[AP] = {0};
    ground_init(&ground, EU, def_encoded(def_bare(1, 1)));
    ground_define(&ground);
    for (uint64_t n = 1; n <= 4000; n++) {
        snprintf(key, sizeof key, "key-%d", (int)(n % 100));
        unsigned region = n % 3 == 0 ? EU : US;
        made_write(&ground.made, (struct draft){(int64_t)n, region, 1, ++seq[region],
                                                (int64_t)n, key, "value"});
        ground.made.write.blind = false; /* and it saw nothing: what it beats lost */
        made_seal(&ground.made);
        ground_begin(&ground);
        uint64_t before = iso_mem_count();
        ck_ok(
            iso_apply_record(ground.apply, ground.txn,
                             &(struct iso_apply_input){LOG, &ground.made.record, false},
                             &ground.outcome, &ground.why));
        ck_assert_int_eq(ground.outcome, ISO_APPLIED);
        if (n % 500 == 0)
            iso_apply_save(ground.apply, ground.txn);
        allocated += n > 2000 ? iso_mem_count() - before : 0;
        if (n % 500 == 0)
            ground_commit(&ground);
    }
    ck_assert_uint_eq(allocated, 0);
    ck_assert_uint_gt(iso_apply_slice(ground.apply)->ledger_rows, 0);
    ground_release(&ground);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_random");
    TCase *tests = tcase_create("apply_random");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(
        tests, interleavings_batches_and_aborts_do_not_show_in_the_slice, 0, SEEDS);
    tcase_add_test(tests,
                   a_sum_that_forgets_to_subtract_or_a_vector_that_stays_is_seen);
    tcase_add_test(tests, after_warm_up_a_record_allocates_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
