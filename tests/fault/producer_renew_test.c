/* A handle whose log is closed, when the log did not behave: a fence that was taken
 * away in between, and a topic that is gone. */
#include "producer/define.h"
#include "tests/fault/producer_bus.h"
#include "tests/unit/producer_ground.h"

enum { TIMEOUT_MS = 1000, ASK_MS = 250 };
#define NEXT_TOPIC "packages.8"

static struct ground g;
static struct fault_bus bus;
static struct iso_definition *next; /* what stands now; NULL: what stood before */
static enum iso_err ask_fails;

static enum iso_err ask(void *user, const struct iso_definition **definition,
                        struct iso_bus **answer, struct iso_why *why)
{
    (void)user;
    if (ask_fails != ISO_OK)
        return iso_fail(why, ask_fails, "add [cluster new] with its servers");
    *definition = next != NULL ? next : g.definition;
    *answer = &bus.bus;
    return ISO_OK;
}

static void topic_make(const char *topic)
{
    struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"},
                                        {"max.message.bytes", "1114112"}};
    ck_ok(iso_bus_topic_create(
        g.other, &(struct iso_topic){topic, GROUND_PARTITIONS, 1, config, 2},
        TIMEOUT_MS, &g.why));
}

static void setup(void)
{
    ground_init_topic(&g, GROUND_PARTITIONS, "LogAppendTime", "1114112");
    fault_bus_init(&bus, g.bus);
    g.ground.bus = &bus.bus;
    g.ground.renewal = (struct iso_producer_renewal){ask, NULL, TIMEOUT_MS};
    next = NULL;
    ask_fails = ISO_OK;
    topic_make(NEXT_TOPIC);
}
static void teardown(void)
{
    ground_release(&g);
    iso_definition_free(next);
}

static void limit_set(const char *bytes)
{
    ck_ok(iso_bus_topic_set(g.other, "packages",
                            &(struct iso_topic_config){"max.message.bytes", bytes},
                            TIMEOUT_MS, &g.why));
}

static void close_at(const int64_t *ends)
{
    struct iso_succession succession = {.log = GROUND_LOG,
                                        .ends = ends,
                                        .now_ms = g.broker.now_ms,
                                        .topic = NEXT_TOPIC};
    ck_ok(iso_definition_succeed(g.definition, &succession, &g.chance, &next, &g.why));
}

static void poll_again(void)
{
    iso_clock_manual_add(&g.clock, ASK_MS);
    iso_producer_poll(g.producer, 0);
}

START_TEST(a_write_that_a_later_one_overtook_is_refused_and_not_moved)
{
    int64_t ends[GROUND_PARTITIONS];
    ground_producer_open(&g);
    bus.send_polls = true;
    bus.reverse = true;
    limit_set("0");
    ck_ok(ground_put(&g, "bash", "first")); /* refused, and not told yet */
    limit_set("1114112");
    ck_ok(ground_put(&g, "bash", "second")); /* taken */
    iso_producer_poll(g.producer, 0);
    limit_set("0");
    ck_ok(iso_log_end(g.other, g.definition, &g.definition->logs[0], TIMEOUT_MS, ends,
                      &g.why));
    close_at(ends);
    bus.reverse = false;
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 2);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    ck_assert_uint_eq(g.acks[0].ack.seq, 2);
    ck_assert_uint_eq(g.acks[0].ack.log, GROUND_LOG);
    ck_assert_int_eq(g.acks[1].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[1].ack.err, ISO_REFUSED);
    ck_assert_uint_eq(g.acks[1].ack.seq, 1);
}
END_TEST

START_TEST(an_idle_handle_goes_on_when_the_closed_topic_is_gone)
{
    static const int64_t ends[GROUND_PARTITIONS] = {5, 5, 5, 5};
    iso_free(g.definition->logs[0].topic);
    g.definition->logs[0].topic = iso_strdup("gone");
    ck_ok(iso_definition_encode(g.definition, &g.why));
    close_at(ends);
    ground_producer_open(&g);
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_msg(g.acks[0].ack.state == ISO_DURABLE, "%s", g.acks[0].text);
    ck_assert_uint_eq(g.acks[0].ack.log, GROUND_LOG + 1);
}
END_TEST

START_TEST(a_topic_that_is_gone_of_an_open_log_refuses_as_ever)
{
    iso_free(g.definition->logs[0].topic);
    g.definition->logs[0].topic = iso_strdup("gone");
    ground_producer_open(&g);
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_NOT_FOUND);
}
END_TEST

START_TEST(what_keeps_a_handle_from_going_on_is_told)
{
    ground_producer_open(&g);
    limit_set("0");
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    ask_fails = ISO_SETTING;
    poll_again();
    ck_err(iso_producer_trouble(g.producer, &g.why), ISO_UNAVAILABLE);
    ck_assert_msg(strstr(g.why.text, "add [cluster new]") != NULL, "%s", g.why.text);
    ask_fails = ISO_OK;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer: a log that did not behave is closed");
    TCase *tests = tcase_create("renew");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_write_that_a_later_one_overtook_is_refused_and_not_moved);
    tcase_add_test(tests, an_idle_handle_goes_on_when_the_closed_topic_is_gone);
    tcase_add_test(tests, a_topic_that_is_gone_of_an_open_log_refuses_as_ever);
    tcase_add_test(tests, what_keeps_a_handle_from_going_on_is_told);
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
