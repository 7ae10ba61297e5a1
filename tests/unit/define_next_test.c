/* Later definitions on the memory bus: their DEFINE in every partition, and the mark
 * that it stands there. */
#include "producer/define.h"

#include "tests/unit/producer_ground.h"

static struct iso_clock_manual manual;
static struct iso_memory_cluster *cluster;
static struct iso_bus *bus;
static struct iso_definition *definition;
static const struct iso_definition_log *the_log;
static struct iso_chance chance;
static struct iso_why why;

enum { TIMEOUT_MS = 1000 };
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)

static void setup(void)
{
    iso_clock_manual_init(&manual, GROUND_NOW_MS);
    cluster = iso_memory_cluster_new(&manual.clock);
    bus = iso_bus_memory_open(cluster);
    definition = ground_definition(GROUND_PARTITIONS);
    the_log = &definition->logs[0];
    iso_chance_seeded_init(&chance, 7);
}
static void teardown(void)
{
    iso_definition_free(definition);
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static enum iso_err create(void)
{
    return iso_log_create(bus, definition, the_log,
                          &(struct iso_topic_options){0, WEEK_MS, TIMEOUT_MS}, &why);
}
static enum iso_err define(void)
{
    return iso_log_define(bus, definition, the_log, &chance, TIMEOUT_MS, &why);
}

static void read_partition(int partition, struct ground_log *log)
{
    struct ground ground = {.other = bus};
    ground_log_read(&ground, partition, log);
}

static void publish_value(int partition)
{
    struct iso_message message = {.topic = "packages",
                                  .partition = partition,
                                  .has_key = true,
                                  .has_value = true,
                                  .has_header = true};
    struct iso_buf header = {0};
    struct iso_write write = {.operation = ISO_PUT,
                              .log = GROUND_LOG,
                              .partition = (uint32_t)partition,
                              .version = {the_log->birth, iso_node(3, 1)},
                              .seq = 1,
                              .blind = true};
    iso_write_encode(&write, &header);
    message.header = iso_buf_bytes(&header);
    ck_ok(iso_bus_publish(bus, &message, "iso", TIMEOUT_MS, NULL, &why));
    iso_buf_release(&header);
}

static struct iso_definition *definition_next(void)
{
    struct iso_definition *next;
    ck_ok(iso_definition_decode(iso_buf_bytes(&definition->bytes), &next, &why));
    next->number++;
    next->id[0]++;
    ck_ok(iso_definition_encode(next, &why));
    return next;
}

static enum iso_err define_next(void)
{
    struct iso_definition *next = definition_next();
    enum iso_err err = iso_log_define_next(
        &(struct iso_define_ground){bus, &manual.clock, &chance, TIMEOUT_MS}, next,
        &next->logs[0], &why);
    iso_definition_free(next);
    return err;
}

/* The newest record of a partition is the DEFINE of the next definition, with this
 * hlc. */
static uint64_t ck_next(int partition, size_t records, uint64_t hlc)
{
    struct ground_log log;
    struct iso_definition *next = definition_next();
    read_partition(partition, &log);
    ck_assert_uint_eq(log.count, records);
    const struct ground_record *record = &log.records[log.count - 1];
    ck_assert_int_eq(record->write.operation, ISO_DEFINE);
    ck_assert_uint_eq(record->write.log, GROUND_LOG);
    ck_assert_uint_eq(record->write.partition, (unsigned)partition);
    ck_assert_uint_eq(record->write.seq, 1);
    ck_assert_uint_eq(record->write.version.hlc, hlc);
    ck_assert_uint_eq(iso_node_region(record->write.version.node), GROUND_REGION);
    ck_assert(record->write.blind);
    ck_assert(!record->has_key);
    ck_assert(
        iso_bytes_equal(iso_buf_bytes(&record->value), iso_buf_bytes(&next->bytes)));
    uint64_t node = record->write.version.node;
    ground_log_release(&log);
    iso_definition_free(next);
    return node;
}

START_TEST(a_later_define_stands_behind_what_is_there_in_every_partition)
{
    ck_ok(create());
    ck_ok(define());
    publish_value(2);
    manual.now_ms += 7000;
    ck_ok(define_next());
    uint64_t now = iso_hlc_of_ms(manual.now_ms);
    for (int p = 0; p < GROUND_PARTITIONS; p++)
        ck_next(p, p == 2 ? 3 : 2, now);
}
END_TEST

START_TEST(a_later_define_that_is_written_again_has_another_node)
{
    ck_ok(create());
    ck_ok(define());
    uint64_t now = iso_hlc_of_ms(manual.now_ms);
    ck_ok(define_next());
    uint64_t first = ck_next(1, 2, now);
    ck_ok(define_next());
    ck_assert_uint_ne(ck_next(1, 3, now), first);
}
END_TEST

START_TEST(a_later_define_never_comes_first)
{
    ck_ok(create());
    ck_err(define_next(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "packages/0"));
    ck_assert_ptr_nonnull(strstr(why.text, "isostasy collection create packages"));
}
END_TEST

/* Daemons refuse what has its client's time: who went on would mark it as written. */
START_TEST(a_define_without_the_brokers_time_is_no_define)
{
    struct iso_topic_config config = {"message.timestamp.type", "CreateTime"};
    struct iso_topic topic = {"packages", GROUND_PARTITIONS, 1, &config, 1};
    ck_ok(iso_bus_topic_create(bus, &topic, TIMEOUT_MS, &why));
    ck_err(define(), ISO_TOPIC_CONFIG);
    ck_err(define_next(), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "LogAppendTime"));
    ck_assert_ptr_nonnull(strstr(why.text, "do the same again"));
}
END_TEST

START_TEST(a_later_define_is_not_older_than_its_log)
{
    ck_ok(create());
    ck_ok(define());
    manual.now_ms -= 3000; /* 2 s before the birth */
    ck_ok(define_next());
    ck_next(0, 2, the_log->birth + 1);
}
END_TEST

/* The machine's clock, apart from the cluster's. */
static enum iso_err define_next_at(int64_t ahead_ms)
{
    struct iso_clock_manual machine;
    iso_clock_manual_init(&machine, manual.now_ms + ahead_ms);
    struct iso_definition *next = definition_next();
    enum iso_err err = iso_log_define_next(
        &(struct iso_define_ground){bus, &machine.clock, &chance, TIMEOUT_MS}, next,
        &next->logs[0], &why);
    iso_definition_free(next);
    return err;
}

START_TEST(a_later_define_whose_clock_is_ahead_is_reported)
{
    ck_ok(create());
    ck_ok(define());
    ck_ok(define_next_at(GROUND_AFTER_MAX_MS));
    ck_err(define_next_at(GROUND_AFTER_MAX_MS + 1), ISO_CLOCK_SKEW);
    ck_assert_ptr_nonnull(strstr(why.text, "60001 ms ahead"));
}
END_TEST

START_TEST(a_later_define_whose_clock_is_behind_is_reported)
{
    int64_t most_ms = GROUND_BEFORE_MAX_MS - GROUND_BEFORE_MAX_MS / 24;
    ck_ok(create());
    ck_ok(define());
    manual.now_ms += 2 * GROUND_BEFORE_MAX_MS; /* so that the birth is long past */
    ck_ok(define_next_at(-most_ms));
    ck_err(define_next_at(-most_ms - 1), ISO_CLOCK_SKEW);
    ck_assert_ptr_nonnull(strstr(why.text, "ms behind"));
}
END_TEST

START_TEST(a_later_define_whose_answer_is_lost_is_done_again)
{
    ck_ok(create());
    ck_ok(define());
    iso_memory_lose_answers(bus, 1);
    ck_err(define_next(), ISO_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(why.text, "do the same again"));
    ck_ok(define_next());
    ck_next(0, 3, iso_hlc_of_ms(manual.now_ms));
}
END_TEST

START_TEST(a_log_without_its_topic_has_no_later_define)
{
    ck_err(define_next(), ISO_NOT_FOUND);
}
END_TEST

/* ---- the mark ---- */

static int64_t control_records(void)
{
    struct iso_position position = {.topic = "iso.control"};
    ck_ok(iso_bus_ends(bus, &position, 1, TIMEOUT_MS, &why));
    return position.end;
}

static uint32_t written(const struct iso_control *control)
{
    return iso_control_definition_written(control, "packages")->number;
}

START_TEST(writers_use_a_later_definition_from_its_mark_on)
{
    const struct iso_control_place place = {bus, "iso.", TIMEOUT_MS};
    struct iso_control *control = iso_control_new();
    struct iso_definition *next = definition_next();
    ck_ok(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why));
    ck_ok(iso_control_add_definition(&place, definition, control, &why));
    ck_ok(iso_control_add_definition(&place, next, control, &why));
    ck_assert_uint_eq(written(control), 1);
    for (int i = 0; i < 2; i++) { /* the second writes nothing */
        ck_ok(iso_control_add_defined(&place, next, control, &why));
        ck_assert_uint_eq(written(control), 2);
        ck_assert_int_eq(control_records(), 3);
    }
    ck_ok(iso_control_add_defined(&place, definition, control, &why));
    ck_assert_int_eq(control_records(), 3); /* the first needs no mark */
    iso_definition_free(next);
    iso_control_free(control);
}
END_TEST

START_TEST(a_definition_that_was_never_announced_is_not_marked)
{
    const struct iso_control_place place = {bus, "iso.", TIMEOUT_MS};
    struct iso_control *control = iso_control_new();
    struct iso_definition *next = definition_next();
    ck_ok(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why));
    ck_ok(iso_control_add_definition(&place, definition, control, &why));
    ck_err(iso_control_add_defined(&place, next, control, &why), ISO_BAD_DATA);
    ck_assert_uint_eq(written(control), 1);
    iso_definition_free(next);
    iso_control_free(control);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("define next");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests,
                   a_later_define_stands_behind_what_is_there_in_every_partition);
    tcase_add_test(tests, a_later_define_that_is_written_again_has_another_node);
    tcase_add_test(tests, a_later_define_never_comes_first);
    tcase_add_test(tests, a_define_without_the_brokers_time_is_no_define);
    tcase_add_test(tests, a_later_define_is_not_older_than_its_log);
    tcase_add_test(tests, a_later_define_whose_clock_is_ahead_is_reported);
    tcase_add_test(tests, a_later_define_whose_clock_is_behind_is_reported);
    tcase_add_test(tests, a_later_define_whose_answer_is_lost_is_done_again);
    tcase_add_test(tests, a_log_without_its_topic_has_no_later_define);
    tcase_add_test(tests, writers_use_a_later_definition_from_its_mark_on);
    tcase_add_test(tests, a_definition_that_was_never_announced_is_not_marked);
    return ground_main(suite);
}
