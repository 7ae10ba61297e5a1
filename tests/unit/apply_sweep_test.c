/* Forgetting in a slice: regions that sweep when they like, with aborts, crashes and
 * pieces of any size, beside one that never does. After every commit the rows of a
 * store are added up again: tallies, index, steps and large values. At equal vectors
 * what lives is alike whoever has swept, and what passes is alike at equal H.
 *
 * sweep.c is compiled here once more with mistakes planted: each of them is found. */
#include "sweep_world.h"

#include <unistd.h>

#include "schema/loser.h"

#define PLANTED(X)                                                            \
    X(sweeps_go_above_the_floor)        /* what is late has no tombstone */   \
    X(steps_are_taken_without_sweeping) /* H says what is not so */           \
    X(sweeps_leave_no_step)             /* what was swept says H of before */ \
    X(sweeps_leave_the_digest)          /* sums are not those of the rows */  \
    X(index_rows_are_missing)           /* what nobody finds stays */         \
    X(oldest_forgets_what_came)         /* since the last pass */

#include "tests/law/planted.h"

#include "consumer/sweep.c"

enum { READERS = 3, SEEDS = 6, STRIDE = 70 };

struct reader {
    struct slice_ground ground;
    struct iso_chance chance;
    size_t at[LOGS], saved[LOGS];
    bool sweeps;
    const char *path; /* of an LMDB store; NULL: it is in memory */
};

static size_t oldest_known;
static const char *fault; /* what was found wrong, if anything was */

static void found(bool holds, const char *what)
{
    if (!holds && fault == NULL)
        fault = what;
}

/* ---- a region ---- */

static void store_open(struct reader *reader)
{
    struct iso_store_options options = {.not_durable = true};
    if (reader->path == NULL)
        return;
    iso_store_close(reader->ground.store);
    ck_ok(iso_store_lmdb_open(reader->path, &options, &reader->ground.store,
                              &reader->ground.why));
}

static void reader_init(struct reader *reader, uint64_t seed, const char *path)
{
    struct iso_definition *copy;
    *reader = (struct reader){.sweeps = seed % READERS != 0, .path = path};
    iso_chance_seeded_init(&reader->chance, seed);
    ck_ok(iso_definition_decode(iso_buf_bytes(&definition->bytes), &copy, NULL));
    ground_init(&reader->ground, EU, copy);
    iso_apply_close(reader->ground.apply);
    store_open(reader);
    ground_open(&reader->ground, EU);
}

static void reader_commit(struct reader *reader)
{
    ground_commit(&reader->ground);
    memcpy(reader->saved, reader->at, sizeof reader->at);
}

/* What was not committed is gone, and read again. */
static void reader_crash(struct reader *reader)
{
    struct slice_ground *ground = &reader->ground;
    if (ground->txn != NULL)
        iso_txn_abort(ground->txn);
    ground->txn = NULL;
    iso_apply_close(ground->apply);
    store_open(reader);
    ground_open(ground, EU);
    memcpy(reader->at, reader->saved, sizeof reader->at);
}

static void reader_apply(struct reader *reader, size_t log, size_t stop)
{
    if (reader->at[log] >= stop)
        log = 1 - log;
    if (reader->at[log] >= stop)
        return;
    struct slice_ground *ground = &reader->ground;
    const struct iso_record *record = &world.records[log][reader->at[log]++].record;
    ground_begin(ground);
    ck_ok(iso_apply_record(ground->apply, ground->txn,
                           &(struct iso_apply_input){log_numbers[log], record, false},
                           &ground->outcome, &ground->why));
}

static void reader_sweep(struct reader *reader, size_t rows_max)
{
    size_t rows;
    ground_begin(&reader->ground);
    enum iso_err err = iso_sweep_step(reader->ground.apply, reader->ground.txn,
                                      rows_max, &rows, &reader->ground.why);
    found(err == ISO_OK, "a sweep failed");
}

/* ---- what its store says ---- */

struct sums {
    struct iso_snapshot *snapshot;
    const struct iso_apply *apply;
    struct iso_bucket buckets[BUCKETS];
    struct iso_tally tallies[BUCKETS];
    size_t mortals, indexed, asides, named;
    int64_t oldest_ms; /* of what waits to be forgotten */
    uint64_t with_losers;
};

static void each_row(struct sums *sums, enum iso_space space,
                     void (*each)(struct sums *sums, struct iso_bytes key,
                                  struct iso_bytes row))
{
    struct iso_cursor *cursor;
    struct iso_bytes none = {0}, key, row;
    ck_ok(iso_cursor_open(sums->snapshot, space, none, none, &cursor, NULL));
    while (iso_cursor_next(cursor, &key, &row, NULL) == ISO_OK)
        each(sums, iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX),
             row);
    iso_cursor_close(cursor);
}

static void each_bucket(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    ck_ok(iso_bucket_decode(row, &sums->buckets[iso_get_u32(key.data)], NULL));
}

static void each_index(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    (void)key;
    (void)row;
    sums->indexed++;
}

static void each_aside(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    (void)key;
    (void)row;
    sums->asides++;
}

/* Is there a row of the index, not too late, for what goes at some H and for nothing
 * else; and has H taken what it should have? */
static void check_due(struct sums *sums, struct iso_bytes key, uint32_t bucket,
                      int64_t due_ms)
{
    struct iso_buf index = {0};
    struct iso_bytes row;
    iso_rows_key_mortal(&index, COLLECTION, 0, bucket, key);
    enum iso_err err =
        iso_snapshot_get(sums->snapshot, ISO_MORTAL, iso_buf_bytes(&index), &row, NULL);
    iso_buf_release(&index);
    sums->mortals += due_ms != ISO_NEVER_MS;
    sums->oldest_ms = due_ms < sums->oldest_ms ? due_ms : sums->oldest_ms;
    found((err == ISO_OK) == (due_ms != ISO_NEVER_MS), "the index is wrong");
    if (err == ISO_OK)
        found((int64_t)iso_get_u64(row.data) <= due_ms, "the index is too late");
    found(due_ms == 0 || due_ms >= sums->buckets[bucket].swept_ms, "something is due");
}

static void each_entry(struct sums *sums, struct iso_bytes key, struct iso_bytes row)
{
    struct iso_buf scratch = {0};
    struct iso_tally tally = {0};
    uint32_t bucket = iso_bucket_of(key, BUCKETS);
    if (row.data[0] == ISO_PARTS_SIBLINGS) {
        struct iso_parts parts = {0};
        ck_ok(iso_parts_decode(row, key, ISO_PARTS_SIBLINGS, &parts, NULL));
        iso_parts_tally(&parts, key, &scratch, &tally);
        check_due(sums, key, bucket, iso_parts_due_ms(&parts));
        for (size_t i = 0; parts.count > 0 && i < parts.parts[0].value_count; i++)
            sums->named += iso_held_is_aside(&parts.parts[0].values[i]);
        iso_parts_release(&parts);
    } else {
        struct iso_entry entry;
        struct iso_digest canonical;
        ck_ok(iso_entry_decode(row, key, &scratch, &entry, &canonical, NULL));
        *(entry.kind == ISO_VALUE ? &tally.live : &tally.mortal) = canonical;
        tally.values = entry.kind == ISO_VALUE;
        tally.tombstones = entry.kind == ISO_TOMBSTONE;
        tally.expiring = entry.kind == ISO_EXPIRING;
        check_due(sums, key, bucket, iso_entry_due_ms(&entry));
        sums->with_losers += entry.losers > 0 && entry.kind != ISO_VALUE;
    }
    iso_tally_add(&sums->tallies[bucket], &tally);
    iso_buf_release(&scratch);
}

static bool tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

static void sums_take(struct sums *sums, const struct reader *reader)
{
    memset(sums, 0, sizeof *sums);
    sums->oldest_ms = ISO_NEVER_MS;
    sums->apply = reader->ground.apply;
    ck_ok(iso_snapshot_open(reader->ground.store, &sums->snapshot, NULL));
    each_row(sums, ISO_BUCKET, each_bucket);
    each_row(sums, ISO_ENTRY, each_entry);
    each_row(sums, ISO_MORTAL, each_index);
    each_row(sums, ISO_ASIDE, each_aside);
    iso_snapshot_close(sums->snapshot);
}

static void sums_release(struct sums *sums)
{
    for (size_t n = 0; n < BUCKETS; n++)
        iso_bucket_release(&sums->buckets[n]);
}

/* Of what is committed. */
static void reader_check(const struct reader *reader)
{
    static struct sums sums;
    const struct iso_slice *slice = iso_apply_slice(reader->ground.apply);
    struct iso_tally all = {0};
    int64_t least_ms = INT64_MAX, most_ms = 0;
    sums_take(&sums, reader);
    for (size_t n = 0; n < BUCKETS; n++) {
        int64_t swept_ms = sums.buckets[n].swept_ms;
        found(tally_equal(&sums.tallies[n], &sums.buckets[n].tally),
              "a bucket is not the sum of its entries");
        iso_tally_add(&all, &sums.tallies[n]);
        least_ms = swept_ms < least_ms ? swept_ms : least_ms;
        most_ms = swept_ms > most_ms ? swept_ms : most_ms;
    }
    found(tally_equal(&all, &slice->tally), "the slice is not the sum of its buckets");
    found(sums.mortals == sums.indexed, "a row of the index has no entry");
    found(sums.named == sums.asides, "a large value has no entry");
    int64_t oldest_ms;
    bool known = iso_sweep_oldest(reader->ground.apply, &oldest_ms);
    found(!known || oldest_ms <= sums.oldest_ms, "something older waits");
    found(slice->swept_min_ms == least_ms, "swept_min is not the least H");
    found(slice->swept_max_ms >= most_ms, "a bucket is ahead of swept_max");
    found(most_ms == 0 || most_ms <= iso_apply_floor_ms(reader->ground.apply),
          "H is above the floor");
    found(most_ms % (BEFORE_MS / 24) == 0, "H is no whole step");
    sums_release(&sums);
}

static void readers_compare(const struct reader *a, const struct reader *b, size_t *met)
{
    static struct sums one, other;
    sums_take(&one, a);
    sums_take(&other, b);
    for (size_t n = 0; n < BUCKETS; n++) {
        const struct iso_bucket *left = &one.buckets[n], *right = &other.buckets[n];
        if (!iso_vector_equal(&left->vector, &right->vector))
            continue;
        found(iso_digest_equal(left->tally.live, right->tally.live) &&
                  left->tally.values == right->tally.values,
              "equal vectors, other values");
        if (left->swept_ms != right->swept_ms)
            continue;
        found(tally_equal(&left->tally, &right->tally),
              "equal vectors and equal H, other tombstones");
        *met += left->swept_ms > 0;
    }
    sums_release(&one);
    sums_release(&other);
}

/* ---- a run ---- */

static void reader_step(struct reader *reader, size_t stop)
{
    uint64_t r = iso_chance_draw(&reader->chance);
    static const size_t pieces[] = {1, 3, 20, 100000};
    reader_apply(reader, r % 2, stop);
    if (reader->sweeps && r / 2 % 8 == 0)
        reader_sweep(reader, pieces[r / 16 % 4]);
    if (r / 64 % 30 == 0) {
        reader_commit(reader);
        reader_check(reader);
    } else if (r / 64 % 200 == 1) {
        ground_abort(&reader->ground);
        memcpy(reader->at, reader->saved, sizeof reader->at);
    } else if (r / 64 % 300 == 2) {
        reader_crash(reader);
    }
}

static void reader_run(struct reader *reader, size_t stop)
{
    while (fault == NULL && (reader->at[0] < stop || reader->at[1] < stop))
        reader_step(reader, stop);
    reader_commit(reader);
    reader_check(reader);
}

static void reader_finish(struct reader *reader)
{
    bool swept = false;
    int64_t oldest_ms;
    for (int n = 0; fault == NULL && iso_sweep_due(reader->ground.apply); n++) {
        reader_sweep(reader, 100000);
        found(n < 10, "a sweep does not end");
        swept = true;
    }
    /* A pass that a crash has cut short knows of a part. */
    if (swept && iso_sweep_oldest(reader->ground.apply, &oldest_ms))
        oldest_known++;
    reader_commit(reader);
    reader_check(reader);
}

/* Both logs are heard of again, long after. */
static void reader_later(struct reader *reader)
{
    struct made *made = &reader->ground.made;
    for (size_t log = 0; log < LOGS; log++) {
        int64_t offset = ground_log(&reader->ground, log_numbers[log])->frontier;
        made_write(made, (struct draft){offset, log == 0 ? EU : AP, 77, 1,
                                        world.now_ms + 3 * BEFORE_MAX_MS, NULL, NULL});
        made->write.log = log_numbers[log];
        made_seal(made);
        ck_ok(ground_apply(&reader->ground, log_numbers[log], false));
        ck_assert_int_eq(reader->ground.outcome, ISO_APPLIED);
    }
}

static void readers_end(struct reader *readers)
{
    static struct sums sums;
    struct iso_buf one = {0}, other = {0};
    for (size_t i = 1; i < READERS; i++)
        reader_finish(&readers[i]);
    iso_slice_encode(iso_apply_slice(readers[1].ground.apply), &one);
    iso_slice_encode(iso_apply_slice(readers[2].ground.apply), &other);
    found(iso_bytes_equal(iso_buf_bytes(&one), iso_buf_bytes(&other)),
          "two regions that have swept alike are not alike");
    for (size_t i = 0; fault == NULL && i < READERS; i++)
        reader_later(&readers[i]);
    if (fault == NULL)
        reader_finish(&readers[1]);
    sums_take(&sums, &readers[1]);
    const struct iso_tally *tally = &iso_apply_slice(readers[1].ground.apply)->tally;
    found(tally->tombstones + tally->expiring == (int64_t)sums.with_losers,
          "a tombstone that is over stays");
    sums_release(&sums);
    iso_buf_release(&one);
    iso_buf_release(&other);
}

/* Says in `fault` what was wrong. */
static void run(uint64_t seed, const char *resolver, const char *path)
{
    struct reader readers[READERS];
    size_t met = 0;
    fault = NULL;
    oldest_known = 0;
    sweep_world_make(seed, resolver);
    for (size_t i = 0; i < READERS; i++)
        reader_init(&readers[i], READERS * (100 * seed) + i, i == 2 ? path : NULL);
    for (size_t stop = STRIDE; fault == NULL && stop <= RECORDS; stop += STRIDE) {
        for (size_t i = 0; i < READERS; i++) {
            reader_run(&readers[i], stop);
            if (i > 0 && stop % 2 == 0)
                reader_finish(&readers[i]);
        }
        readers_compare(&readers[0], &readers[1], &met);
        readers_compare(&readers[1], &readers[2], &met);
    }
    if (fault == NULL)
        readers_end(readers);
    if (fault == NULL)
        readers_compare(&readers[0], &readers[1], &met);
    found(met > 4 * BUCKETS, "too little was compared");
    found(oldest_known > 0, "what is oldest is never known");
    for (size_t i = 0; i < READERS; i++)
        ground_release(&readers[i].ground);
    sweep_world_free();
}

/* ---- tests ---- */

static void runs_hold(const char *resolver, int seed, const char *path)
{
    planted = PLANTED_NOTHING;
    run((uint64_t)seed + 1, resolver, path);
    ck_assert_msg(fault == NULL, "%s, seed %d: %s", resolver, seed + 1, fault);
}

START_TEST(sweeps_do_not_show_but_in_what_passes)
{
    runs_hold("lww", _i, NULL);
}
END_TEST

START_TEST(sweeps_of_siblings_take_their_large_values_along)
{
    runs_hold("siblings", _i, NULL);
}
END_TEST

START_TEST(a_store_on_disk_sweeps_alike)
{
    static const char *const files[] = {"/0/data.mdb", "/0/lock.mdb", "/0/iso.lock",
                                        "/0", ""};
    char directory[] = "/tmp/isostasy-sweep-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/0", directory);
    runs_hold(_i == 0 ? "lww" : "siblings", 40 + _i, path);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s%s", directory, files[i]);
        if (unlink(path) != 0)
            rmdir(path);
    }
}
END_TEST

START_TEST(every_planted_mistake_is_found)
{
    uint64_t seed = 0;
    planted = (enum planted)_i;
    do {
        seed++;
        run(seed, seed % 2 == 0 ? "siblings" : "lww", NULL);
    } while (fault == NULL && seed < 8);
    printf("%s: seed %d: %s\n", planted_names[_i], (int)seed,
           fault != NULL ? fault : "-");
    ck_assert_msg(fault != NULL, "%s was not found", planted_names[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply_sweep");
    TCase *tests = tcase_create("apply_sweep");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, sweeps_do_not_show_but_in_what_passes, 0, SEEDS);
    tcase_add_loop_test(tests, sweeps_of_siblings_take_their_large_values_along, 0,
                        SEEDS);
    tcase_add_loop_test(tests, a_store_on_disk_sweeps_alike, 0, 2);
    tcase_add_loop_test(tests, every_planted_mistake_is_found, PLANTED_NOTHING + 1,
                        PLANTED_END);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
