/* Slices, vectors and buckets (schema/slice.h). */
#include <check.h>
#include <jansson.h>

#include "base/mem.h"
#include "schema/slice.h"
#include "schema/write.h"
#include "tests/unit/mutate.h"

static struct iso_digest some_digest(struct iso_chance *chance)
{
    return (struct iso_digest){iso_chance_draw(chance), iso_chance_draw(chance)};
}

/* Counts travel as Avro longs: 63 bits. */
static uint64_t some_count(struct iso_chance *chance)
{
    return iso_chance_draw(chance) >> (1 + iso_chance_draw(chance) % 62);
}

/* Added from the last to the first, so that order is theirs to make. */
static void fill(struct iso_slice *slice, size_t logs, uint32_t sources, uint64_t seed)
{
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, seed);
    slice->partition = (uint32_t)(seed % ISO_PARTITIONS_MAX);
    memset(slice->definition_id, (int)seed + 1, sizeof slice->definition_id);
    for (size_t i = logs; i > 0; i--) {
        struct iso_slice_log *log = iso_slice_log_add(slice, (uint16_t)(i * 3));
        log->definition = (uint32_t)(some_count(&chance) % 100);
        log->frontier = (int64_t)some_count(&chance);
        log->t_ms = seed % 2 ? (int64_t)some_count(&chance) : INT64_MIN;
        log->bound_ms = -(int64_t)some_count(&chance);
        log->birth = iso_chance_draw(&chance);
        log->top = UINT64_MAX;
        log->append_ms = (int64_t)some_count(&chance);
        log->prefix = some_digest(&chance);
        log->record_offset = log->frontier - 1;
        log->record_append_ms = (int64_t)some_count(&chance);
        log->record_hash = some_digest(&chance);
        log->mark = some_digest(&chance);
        log->refused = some_count(&chance);
        log->duplicates = INT64_MAX;
        for (uint32_t r = sources; r > 0; r--) {
            struct iso_slice_source *source = iso_slice_source_add(log, r - 1);
            source->hlc = iso_chance_draw(&chance);
            source->offset = (int64_t)some_count(&chance);
            source->append_ms = (int64_t)some_count(&chance);
            source->writes = some_count(&chance);
        }
        iso_vector_move(&slice->vector, log->log, log->record_offset);
    }
    slice->tally = (struct iso_tally){.live = some_digest(&chance),
                                      .mortal = some_digest(&chance),
                                      .values = 17,
                                      .tombstones = -3,
                                      .expiring = INT64_MAX};
    slice->swept_min_ms = (int64_t)some_count(&chance);
    slice->swept_max_ms = slice->swept_min_ms + 1;
    slice->ledger_rows = some_count(&chance);
    slice->ledger = some_digest(&chance);
    slice->effective = some_count(&chance);
    slice->alarms = some_count(&chance);
    slice->gaps = some_count(&chance);
    slice->dropped_rows = seed % 3 == 0 ? 0 : 1 + some_count(&chance) / 2;
    slice->dropped_bytes = seed % 3 == 0 ? 0 : some_count(&chance);
}

/* Field by field: the bytes between fields are nobody's. */
#define SAME(a, b, field) \
    ck_assert_int_eq(memcmp(&(a)->field, &(b)->field, sizeof(a)->field), 0)

static void check_source(const struct iso_slice_source *a,
                         const struct iso_slice_source *b)
{
    SAME(a, b, region);
    SAME(a, b, hlc);
    SAME(a, b, offset);
    SAME(a, b, append_ms);
    SAME(a, b, writes);
}

static void check_log(const struct iso_slice_log *a, const struct iso_slice_log *b)
{
    SAME(a, b, log);
    SAME(a, b, definition);
    SAME(a, b, frontier);
    SAME(a, b, t_ms);
    SAME(a, b, bound_ms);
    SAME(a, b, birth);
    SAME(a, b, top);
    SAME(a, b, append_ms);
    SAME(a, b, prefix);
    SAME(a, b, record_offset);
    SAME(a, b, record_append_ms);
    SAME(a, b, record_hash);
    SAME(a, b, mark_offset);
    SAME(a, b, mark);
    SAME(a, b, refused);
    SAME(a, b, duplicates);
    SAME(a, b, source_count);
    for (size_t i = 0; i < a->source_count; i++)
        check_source(&a->sources[i], &b->sources[i]);
}

static void check_tally(const struct iso_tally *a, const struct iso_tally *b)
{
    SAME(a, b, live);
    SAME(a, b, mortal);
    SAME(a, b, values);
    SAME(a, b, tombstones);
    SAME(a, b, expiring);
}

static void check_same(const struct iso_slice *a, const struct iso_slice *b)
{
    SAME(a, b, partition);
    SAME(a, b, definition_id);
    SAME(a, b, log_count);
    for (size_t i = 0; i < a->log_count; i++)
        check_log(&a->logs[i], &b->logs[i]);
    ck_assert(iso_vector_equal(&a->vector, &b->vector));
    check_tally(&a->tally, &b->tally);
    SAME(a, b, swept_min_ms);
    SAME(a, b, swept_max_ms);
    SAME(a, b, ledger_rows);
    SAME(a, b, dropped_rows);
    SAME(a, b, dropped_bytes);
    SAME(a, b, ledger);
    SAME(a, b, effective);
    SAME(a, b, alarms);
    SAME(a, b, gaps);
}

/* The schema of record Slice alone, out of report.avsc. */
static struct iso_avro *slice_avro(void)
{
    struct iso_bytes text = iso_avsc_json(ISO_AVSC_REPORT);
    json_t *report = json_loadb((const char *)text.data, text.size, 0, NULL);
    json_t *field, *slice = NULL;
    size_t i;
    json_array_foreach(json_object_get(report, "fields"), i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        if (strcmp(name, "slice") == 0)
            slice = json_object_get(field, "type");
    }
    ck_assert_ptr_nonnull(slice);
    char *json = json_dumps(slice, 0);
    struct iso_avro *avro;
    ck_assert_int_eq(iso_avro_parse(iso_bytes_text(json), &avro, NULL), ISO_OK);
    free(json);
    json_decref(report);
    return avro;
}

START_TEST(a_slice_is_what_was_put_in_and_the_walk_accepts_it)
{
    static const size_t shapes[][2] = {{0, 0}, {1, 0},   {1, 1},
                                       {3, 5}, {64, 65}, {300, 1}};
    struct iso_avro *avro = slice_avro();
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct iso_slice slice = {0}, read = {0};
        struct iso_buf out = {0}, again = {0};
        struct iso_why why = {0};
        fill(&slice, shapes[i][0], (uint32_t)shapes[i][1], i);
        iso_slice_encode(&slice, &out);
        ck_assert_msg(iso_avro_check(avro, iso_buf_bytes(&out), &why) == ISO_OK, "%s",
                      why.text);
        ck_assert_msg(iso_slice_decode(iso_buf_bytes(&out), &read, &why) == ISO_OK,
                      "%s", why.text);
        check_same(&slice, &read);
        iso_slice_encode(&read, &again);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&out), iso_buf_bytes(&again)));
        iso_slice_release(&slice);
        iso_slice_release(&slice); /* twice is harmless */
        iso_slice_release(&read);
        iso_buf_release(&out);
        iso_buf_release(&again);
    }
    iso_avro_free(avro);
}
END_TEST

START_TEST(logs_and_sources_stand_in_order_and_are_found)
{
    struct iso_slice slice = {0};
    static const uint16_t numbers[] = {7, 3, 65000, 1, 5, 3, 7, 4, 2};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct iso_slice_log *log = iso_slice_log_add(&slice, numbers[i]);
        ck_assert_uint_eq(log->log, numbers[i]);
        log->refused += numbers[i];
        iso_slice_source_add(log, numbers[i] % 65)->writes++;
        iso_slice_source_add(log, 0);
    }
    ck_assert_uint_eq(slice.log_count, 7);
    for (size_t i = 1; i < slice.log_count; i++)
        ck_assert_uint_lt(slice.logs[i - 1].log, slice.logs[i].log);
    struct iso_slice_log *seven = iso_slice_log(&slice, 7);
    ck_assert_uint_eq(seven->refused, 14);
    ck_assert_uint_eq(seven->sources[0].region, 0);
    ck_assert_uint_eq(seven->sources[1].writes, 2);
    struct iso_slice_log *one = iso_slice_log(&slice, 1);
    ck_assert_int_eq(one->t_ms, INT64_MIN);
    ck_assert_int_eq(one->record_offset, -1);
    ck_assert_int_eq(one->mark_offset, -1);
    ck_assert_ptr_null(iso_slice_log(&slice, 6));
    iso_slice_release(&slice);
    ck_assert_ptr_null(iso_slice_log(&slice, 7));
}
END_TEST

START_TEST(decoding_again_allocates_nothing_and_leaves_nothing_behind)
{
    struct iso_slice slice = {0}, small = {0}, read = {0};
    struct iso_buf out = {0}, small_out = {0};
    fill(&slice, 20, 4, 1);
    fill(&small, 2, 1, 2);
    iso_slice_encode(&slice, &out);
    iso_slice_encode(&small, &small_out);
    ck_assert_int_eq(iso_slice_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
    uint64_t before = iso_mem_count();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(iso_slice_decode(iso_buf_bytes(&small_out), &read, NULL),
                         ISO_OK);
        check_same(&small, &read);
        ck_assert_int_eq(iso_slice_decode(iso_buf_bytes(&out), &read, NULL), ISO_OK);
        iso_buf_clear(&out);
        iso_slice_encode(&read, &out);
    }
    ck_assert_uint_eq(iso_mem_count(), before);
    check_same(&slice, &read);
    iso_slice_release(&slice);
    iso_slice_release(&small);
    iso_slice_release(&read);
    iso_buf_release(&out);
    iso_buf_release(&small_out);
}
END_TEST

struct damage {
    struct iso_bytes good;
    struct iso_avro *avro;
    struct iso_slice read; /* used again and again */
    struct iso_bucket bucket;
    size_t taken;
};

static void slice_is_refused(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    enum iso_err err = iso_slice_decode(bad, &damage->read, NULL);
    if (iso_bytes_equal(bad, damage->good)) {
        ck_assert_int_eq(err, ISO_OK);
        return;
    }
    ck_assert(err == ISO_BAD_DATA || err == ISO_DAMAGED);
    ck_assert_uint_eq(damage->read.log_count + damage->read.vector.count, 0);
}

/* With its check made right again it is a slice that somebody wrote on purpose: what
 * decode takes, the walk takes. */
static void the_walk_agrees(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    if (bad.size < 8)
        return;
    uint8_t *mended = malloc(bad.size);
    memcpy(mended, bad.data, bad.size);
    iso_put_u64(mended + bad.size - 8,
                iso_hash64(iso_bytes(bad.data, bad.size - 8), 0));
    struct iso_bytes bytes = iso_bytes(mended, bad.size);
    if (iso_slice_decode(bytes, &damage->read, NULL) == ISO_OK) {
        damage->taken++;
        ck_assert_int_eq(iso_avro_check(damage->avro, bytes, NULL), ISO_OK);
    }
    free(mended);
}

START_TEST(every_damage_of_a_slice_is_found)
{
    struct iso_slice slice = {0};
    struct iso_buf out = {0};
    fill(&slice, 3, 2, 5);
    iso_slice_encode(&slice, &out);
    struct damage damage = {.good = iso_buf_bytes(&out), .avro = slice_avro()};
    mutate_all(damage.good, 17, slice_is_refused, &damage);
    mutate_all(damage.good, 18, the_walk_agrees, &damage);
    ck_assert_uint_gt(damage.taken, 100);
    iso_slice_release(&slice);
    iso_slice_release(&damage.read);
    iso_avro_free(damage.avro);
    iso_buf_release(&out);
}
END_TEST

static void bucket_is_damaged(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    enum iso_err err = iso_bucket_decode(bad, &damage->bucket, NULL);
    bool same = iso_bytes_equal(bad, damage->good);
    ck_assert_int_eq(err, same ? ISO_OK : ISO_DAMAGED);
    if (!same)
        ck_assert_uint_eq(damage->bucket.vector.count, 0);
}

START_TEST(a_bucket_is_what_was_put_in_and_every_damage_is_found)
{
    for (uint16_t logs = 0; logs < 5; logs++) {
        struct iso_bucket bucket = {.tally = {.live = {1, 2},
                                              .mortal = {3, UINT64_MAX},
                                              .values = 4,
                                              .tombstones = -5,
                                              .expiring = INT64_MIN},
                                    .swept_ms = 1700000000000};
        struct iso_buf out = {0};
        for (uint16_t log = logs; log > 0; log--)
            iso_vector_move(&bucket.vector, (uint16_t)(log * 9), log * 1000 - 1);
        iso_bucket_encode(&bucket, &out);
        struct damage damage = {.good = iso_buf_bytes(&out)};
        mutate_all(damage.good, logs, bucket_is_damaged, &damage);
        bucket_is_damaged(damage.good, &damage);
        ck_assert(iso_vector_equal(&bucket.vector, &damage.bucket.vector));
        check_tally(&bucket.tally, &damage.bucket.tally);
        ck_assert_int_eq(bucket.swept_ms, damage.bucket.swept_ms);
        uint64_t before = iso_mem_count();
        iso_buf_clear(&out);
        iso_bucket_encode(&bucket, &out);
        iso_bucket_decode(iso_buf_bytes(&out), &damage.bucket, NULL);
        ck_assert_uint_eq(iso_mem_count(), before);
        iso_bucket_release(&bucket);
        iso_bucket_release(&damage.bucket);
        iso_buf_release(&out);
    }
}
END_TEST

START_TEST(a_vector_moves_forward_only_and_keeps_order)
{
    struct iso_vector a = {0}, b = {0};
    static const uint16_t logs[] = {5, 1, 9, 5, 1, 9, 3};
    for (int i = 0; i < 7; i++) {
        iso_vector_move(&a, logs[i], i * 10);
        iso_vector_move(&b, logs[6 - i], (6 - i) * 10);
    }
    ck_assert_uint_eq(a.count, 4);
    for (size_t i = 1; i < a.count; i++)
        ck_assert_uint_lt(a.items[i - 1].log, a.items[i].log);
    ck_assert(iso_vector_equal(&a, &b)); /* the maximum knows no order */
    iso_vector_move(&a, 5, 29);
    ck_assert(iso_vector_equal(&a, &b));
    iso_vector_move(&a, 5, 31);
    ck_assert(!iso_vector_equal(&a, &b));
    iso_vector_move(&b, 5, 31);
    iso_vector_move(&b, 4, 0);
    ck_assert(!iso_vector_equal(&a, &b));
    iso_vector_release(&a);
    iso_vector_release(&a);
    iso_vector_release(&b);
    ck_assert(iso_vector_equal(&a, &b));
}
END_TEST

START_TEST(a_tally_that_is_subtracted_is_gone)
{
    struct iso_tally one = {{1, 2}, {3, 4}, 5, 6, 7}, two = {{9, 8}, {7, 6}, 1, 1, 1};
    struct iso_tally sum = one;
    iso_tally_add(&sum, &two);
    ck_assert_int_eq(sum.tombstones, 7);
    iso_tally_subtract(&sum, &one);
    check_tally(&sum, &two);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("slice");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_slice_is_what_was_put_in_and_the_walk_accepts_it);
    tcase_add_test(tests, logs_and_sources_stand_in_order_and_are_found);
    tcase_add_test(tests, decoding_again_allocates_nothing_and_leaves_nothing_behind);
    tcase_add_test(tests, every_damage_of_a_slice_is_found);
    tcase_add_test(tests, a_bucket_is_what_was_put_in_and_every_damage_is_found);
    tcase_add_test(tests, a_vector_moves_forward_only_and_keeps_order);
    tcase_add_test(tests, a_tally_that_is_subtracted_is_gone);
    Suite *suite = suite_create("slice");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
