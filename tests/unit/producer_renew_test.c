/* A handle that is open while its log is closed and another succeeds it: on the memory
 * bus, whose topics are fenced as Kafka's are. */
#include "producer/define.h"
#include "schema/token.h"
#include "tests/unit/producer_ground.h"

enum { NEXT = GROUND_LOG + 1, TIMEOUT_MS = 1000, ASK_MS = 250 };
#define NEXT_TOPIC "packages.8"

static struct ground g;
static struct iso_definition *next; /* what stands now; NULL: what stood before */
static int asked;

static enum iso_err ask(void *user, const struct iso_definition **definition,
                        struct iso_bus **bus, struct iso_why *why)
{
    (void)user;
    (void)why;
    asked++;
    *definition = next != NULL ? next : g.definition;
    *bus = g.bus;
    return ISO_OK;
}

static void setup(void)
{
    ground_init_topic(&g, GROUND_PARTITIONS, "LogAppendTime", "1114112");
    g.ground.renewal = (struct iso_producer_renewal){ask, NULL, TIMEOUT_MS};
    ground_producer_open(&g);
    next = NULL;
    asked = 0;
}
static void teardown(void)
{
    ground_release(&g);
    iso_definition_free(next);
}

static void limit_set(const char *topic, const char *bytes)
{
    ck_ok(iso_bus_topic_set(g.other, topic,
                            &(struct iso_topic_config){"max.message.bytes", bytes},
                            TIMEOUT_MS, &g.why));
}
static void fence(void)
{
    limit_set("packages", "0");
}

/* The log ends where it is; `topic` NULL: nothing succeeds it. */
static void close_log(const char *topic)
{
    int64_t ends[GROUND_PARTITIONS];
    struct iso_succession succession = {
        .log = GROUND_LOG, .ends = ends, .now_ms = g.broker.now_ms, .topic = topic};
    ck_ok(iso_log_end(g.other, g.definition, &g.definition->logs[0], TIMEOUT_MS, ends,
                      &g.why));
    if (topic != NULL) {
        struct iso_topic_config config[] = {{"message.timestamp.type", "LogAppendTime"},
                                            {"max.message.bytes", "1114112"}};
        ck_ok(iso_bus_topic_create(
            g.other, &(struct iso_topic){topic, GROUND_PARTITIONS, 1, config, 2},
            TIMEOUT_MS, &g.why));
    }
    ck_ok(iso_definition_succeed(g.definition, &succession, &g.chance, &next, &g.why));
}

static void poll_again(void)
{
    iso_clock_manual_add(&g.clock, ASK_MS);
    iso_producer_poll(g.producer, 0);
}

static void read_log(const char *topic, int partition, struct ground_log *log)
{
    *log = (struct ground_log){0};
    ck_ok(iso_bus_read(g.other,
                       &(struct iso_walk){.topic = topic,
                                          .partition = partition,
                                          .timeout_ms = TIMEOUT_MS,
                                          .each = ground_log_each,
                                          .user = log},
                       NULL, &g.why));
}
static size_t count_log(const char *topic)
{
    size_t count = 0;
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        struct ground_log log;
        read_log(topic, p, &log);
        count += log.count;
        ground_log_release(&log);
    }
    return count;
}

START_TEST(a_write_that_a_closed_log_refused_goes_to_its_successor_as_it_was)
{
    struct iso_buf context = {0};
    struct iso_write_options options = {.context = &context};
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("bash"), iso_bytes_text("5.1"),
                           &options, &g.why));
    iso_producer_poll(g.producer, 0);
    struct iso_version first = g.acks[0].ack.version;
    fence();
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("bash"), iso_bytes_text("5.2"),
                           &options, &g.why));
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_err(ground_put(&g, "bash", "5.3"), ISO_AGAIN);
    ck_err(iso_producer_trouble(g.producer, &g.why), ISO_UNAVAILABLE);
    ck_assert_msg(strstr(g.why.text, "isostasy log list") != NULL, "%s", g.why.text);

    close_log(NEXT_TOPIC);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 2);
    const struct iso_ack *ack = &g.acks[1].ack;
    ck_assert_int_eq(ack->state, ISO_DURABLE);
    ck_assert_uint_eq(ack->log, NEXT);
    ck_assert_uint_eq(ack->seq, 1);
    ck_assert_int_eq(ack->offset, 0);
    ck_assert_uint_eq(ack->queued_log, GROUND_LOG);
    ck_assert_uint_eq(ack->queued_seq, 2);
    struct ground_log log;
    read_log(NEXT_TOPIC, (int)ack->partition, &log);
    ck_assert_uint_eq(log.count, 1);
    const struct iso_write *write = &log.records[0].write;
    ck_assert_uint_eq(write->log, NEXT);
    ck_assert_uint_eq(write->seq, 1);
    ck_assert_uint_eq(write->version.hlc, ack->version.hlc);
    ck_assert_uint_eq(write->version.node, ack->version.node);
    ground_log_release(&log);
    ck_assert_uint_eq(first.node, ack->version.node);

    ck_ok(iso_producer_put(g.producer, iso_bytes_text("bash"), iso_bytes_text("5.3"),
                           &options, &g.why));
    iso_producer_poll(g.producer, 0);
    ck_assert_uint_eq(g.ack_count, 3);
    ck_assert_uint_eq(g.acks[2].ack.log, NEXT);
    ck_assert_uint_eq(g.acks[2].ack.seq, 2);
    ck_ok(iso_producer_trouble(g.producer, &g.why));
    iso_buf_release(&context);
}
END_TEST

START_TEST(what_it_read_stays_in_the_header_of_a_write_that_moved)
{
    struct iso_version shown[3] = {{GROUND_NOW_MS << 16, iso_node(1, 1)},
                                   {(GROUND_NOW_MS << 16) + 1, iso_node(1, 2)},
                                   {(GROUND_NOW_MS << 16) + 2, iso_node(2, 3)}};
    uint8_t names[3 * ISO_VERSION_SIZE];
    for (int i = 0; i < 3; i++)
        iso_version_put(names + i * ISO_VERSION_SIZE, shown[i]);
    struct iso_context made = {.hlc = shown[2].hlc, .shown = {names, 3}};
    struct iso_buf context = {0};
    iso_context_encode(&made, &context);
    fence();
    ck_ok(iso_producer_put(
        g.producer, iso_bytes_text("zsh"), iso_bytes_text("5.9"),
        &(struct iso_write_options){
            .context = &context, .has_expiry = true, .expiry_ms = GROUND_NOW_MS + 5000},
        &g.why));
    poll_again();
    close_log(NEXT_TOPIC);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    struct ground_log log;
    read_log(NEXT_TOPIC, (int)g.acks[0].ack.partition, &log);
    struct iso_buf scratch = {0};
    struct iso_write write;
    ck_ok(iso_write_decode(iso_buf_bytes(&log.records[0].header), &scratch, &write,
                           &g.why));
    ck_assert(!write.blind);
    ck_assert_uint_eq(write.read.count, 3);
    ck_assert_mem_eq(write.read.data, names, sizeof names);
    ck_assert(write.has_expiry);
    ck_assert_int_eq(write.expiry_ms, GROUND_NOW_MS + 5000);
    ck_assert(
        iso_bytes_equal(iso_buf_bytes(&log.records[0].key), iso_bytes_text("zsh")));
    ck_assert(
        iso_bytes_equal(iso_buf_bytes(&log.records[0].value), iso_bytes_text("5.9")));
    iso_buf_release(&scratch);
    iso_buf_release(&context);
    ground_log_release(&log);
}
END_TEST

START_TEST(a_write_that_stands_in_the_closed_log_is_durable_and_goes_nowhere)
{
    ck_ok(ground_put(&g, "before", "1"));
    iso_producer_poll(g.producer, 0);
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "bash", "5.2"));
    iso_producer_poll(g.producer, 0); /* in the log; its answer is lost; sent again */
    fence();
    poll_again(); /* which is refused */
    ck_assert_uint_eq(g.ack_count, 1);
    close_log(NEXT_TOPIC);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 2);
    const struct iso_ack *ack = &g.acks[1].ack;
    ck_assert_int_eq(ack->state, ISO_DURABLE);
    ck_assert_uint_eq(ack->log, GROUND_LOG);
    ck_assert_uint_eq(ack->seq, ack->queued_seq);
    ck_assert_int_ge(ack->offset, 0);
    ck_assert_int_eq(ack->append_ms, g.broker.now_ms);
    ck_assert_uint_eq(count_log(NEXT_TOPIC), 0);
    ck_assert_uint_eq(count_log("packages"), 2);
}
END_TEST

START_TEST(heartbeats_into_a_fenced_log_end_without_a_word)
{
    fence();
    ck_ok(iso_producer_heartbeat(g.producer, 1, &g.why));
    poll_again();
    struct iso_producer_stats stats;
    iso_producer_stats(g.producer, &stats);
    ck_assert_uint_eq(stats.waiting, 0);
    ck_assert_uint_eq(g.ack_count, 0);
    ck_assert_int_eq(asked, 0);
}
END_TEST

START_TEST(a_fence_that_is_taken_away_has_the_writes_sent_to_the_same_log)
{
    fence();
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    limit_set("packages", "1114112");
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_DURABLE);
    ck_assert_uint_eq(g.acks[0].ack.log, GROUND_LOG);
}
END_TEST

START_TEST(a_write_that_is_too_large_for_its_topic_is_still_refused)
{
    char value[700];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    limit_set("packages", "500");
    ck_ok(ground_put(&g, "large", value));
    poll_again();
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_TOO_LARGE);
    ck_ok(ground_put(&g, "small", "v"));
    poll_again();
    ck_assert_int_eq(g.acks[1].ack.state, ISO_DURABLE);
}
END_TEST

START_TEST(what_cannot_be_looked_up_now_waits_and_nothing_is_said)
{
    fence();
    ck_ok(ground_put(&g, "a", "1"));
    ck_ok(ground_put(&g, "b", "1"));
    poll_again();
    close_log(NEXT_TOPIC);
    iso_memory_cut(g.bus, true);
    poll_again();
    poll_again();
    ck_assert_uint_eq(g.ack_count, 0);
    ck_err(ground_put(&g, "c", "1"), ISO_AGAIN);
    iso_memory_cut(g.bus, false);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(g.acks[i].ack.state, ISO_DURABLE);
        ck_assert_uint_eq(g.acks[i].ack.log, NEXT);
    }
}
END_TEST

START_TEST(without_a_successor_writes_are_refused_and_say_so)
{
    fence();
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    close_log(NULL);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_REFUSED);
    ck_assert_msg(strstr(g.acks[0].text, "write it anew") != NULL, "%s",
                  g.acks[0].text);
    ck_err(ground_put(&g, "bash", "5.2"), ISO_REFUSED);
    ck_err(iso_producer_heartbeat(g.producer, 0, &g.why), ISO_REFUSED);
    ck_ok(iso_producer_flush(g.producer, 0, &g.why));
}
END_TEST

START_TEST(a_write_that_is_older_than_the_successor_is_refused)
{
    fence();
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    g.broker.now_ms += GROUND_BEFORE_MAX_MS / 2 + 1;
    close_log(NEXT_TOPIC);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_NOT_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_REFUSED);
    ck_assert_uint_eq(count_log(NEXT_TOPIC), 0);
}
END_TEST

START_TEST(what_retention_took_of_a_closed_log_leaves_its_writes_unknown)
{
    iso_memory_lose_answers(g.bus, 1);
    ck_ok(ground_put(&g, "bash", "5.2"));
    iso_producer_poll(g.producer, 0);
    fence();
    poll_again();
    close_log(NEXT_TOPIC);
    for (int p = 0; p < GROUND_PARTITIONS; p++)
        iso_memory_trim(g.cluster, "packages", p, 1);
    poll_again();
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_UNKNOWN);
    ck_assert_uint_eq(count_log(NEXT_TOPIC), 0);
}
END_TEST

START_TEST(closing_the_handle_while_it_waits_says_that_nothing_is_known)
{
    fence();
    ck_ok(ground_put(&g, "bash", "5.2"));
    poll_again();
    iso_producer_close(g.producer);
    ck_assert_uint_eq(g.ack_count, 1);
    ck_assert_int_eq(g.acks[0].ack.state, ISO_MAYBE_APPLIED);
    ck_assert_int_eq(g.acks[0].ack.err, ISO_UNKNOWN);
    ground_producer_open(&g);
}
END_TEST

START_TEST(a_sessions_token_follows_its_write_into_the_successor)
{
    struct iso_buf session = {0};
    struct iso_token token = {0};
    fence();
    ck_ok(iso_producer_put(g.producer, iso_bytes_text("bash"), iso_bytes_text("5.2"),
                           &(struct iso_write_options){.token = &session}, &g.why));
    ck_ok(iso_token_decode(iso_buf_bytes(&session), &token, &g.why));
    ck_assert_uint_eq(token.count, 1);
    ck_assert_uint_eq(token.items[0].log.number, GROUND_LOG);
    poll_again();
    close_log(NEXT_TOPIC);
    poll_again();
    ck_ok(iso_producer_acknowledge(g.producer, &g.acks[0].ack, &session, &g.why));
    ck_ok(iso_token_decode(iso_buf_bytes(&session), &token, &g.why));
    ck_assert_uint_eq(token.count, 1);
    ck_assert_uint_eq(token.items[0].log.number, NEXT);
    ck_assert_uint_eq(token.items[0].log.birth, next->logs[1].birth);
    ck_assert_uint_eq(token.items[0].seq, 0);
    ck_assert_uint_eq(token.items[0].value, 1);
    iso_token_release(&token);
    iso_buf_release(&session);
}
END_TEST

/* ---- many ---- */

enum { WRITES = 400, KEYS = 37 };

struct place {
    uint64_t hlc, seq;
    uint16_t log;
};

/* The writes of one partition, but for copies: seqs count on by one. */
static size_t places_of(const char *topic, int partition, struct place *places,
                        size_t room)
{
    struct ground_log log;
    size_t count = 0;
    read_log(topic, partition, &log);
    for (size_t i = 0; i < log.count; i++) {
        const struct iso_write *write = &log.records[i].write;
        if (write->seq <= count)
            continue; /* a copy */
        ck_assert_uint_eq(write->seq, count + 1);
        ck_assert_uint_lt(count, room);
        places[count++] = (struct place){write->version.hlc, write->seq, write->log};
    }
    ground_log_release(&log);
    return count;
}

/* Both logs; no version stands in them twice. */
static size_t places_read(struct place *places, size_t room)
{
    size_t count = 0;
    for (int p = 0; p < GROUND_PARTITIONS; p++) {
        count += places_of("packages", p, places + count, room - count);
        count += places_of(NEXT_TOPIC, p, places + count, room - count);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (places[i].hlc == places[j].hlc)
                ck_abort_msg("one version names two writes");
    return count;
}

START_TEST(whatever_happens_while_a_log_is_closed_each_version_names_one_write)
{
    static struct place places[WRITES];
    struct iso_chance dice;
    uint64_t seed = (uint64_t)_i + 1;
    iso_chance_seeded_init(&dice, seed);
    size_t fenced_at = iso_chance_draw(&dice) % WRITES;
    size_t closed_at = fenced_at + iso_chance_draw(&dice) % 100;
    size_t queued = 0;
    for (size_t i = 0; i < WRITES; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", (int)(iso_chance_draw(&dice) % KEYS));
        if (iso_chance_draw(&dice) % 20 == 0)
            iso_memory_lose_answers(g.bus, 2);
        if (iso_chance_draw(&dice) % 50 == 0)
            iso_memory_fence(g.bus);
        queued += ground_put(&g, key, "v") == ISO_OK;
        if (i == fenced_at)
            fence();
        if (i == closed_at)
            close_log(NEXT_TOPIC);
        if (iso_chance_draw(&dice) % 5 == 0)
            poll_again();
    }
    if (next == NULL)
        close_log(NEXT_TOPIC);
    for (int i = 0; i < 20; i++)
        poll_again();
    ck_assert_msg(g.ack_count == queued, "seed %llu: %zu of %zu answered",
                  (unsigned long long)seed, g.ack_count, queued);
    size_t count = places_read(places, WRITES);
    ck_assert_uint_eq(count, queued);
    for (size_t i = 0; i < g.ack_count; i++) {
        const struct iso_ack *ack = &g.acks[i].ack;
        ck_assert_int_eq(ack->state, ISO_DURABLE);
        size_t at = 0;
        while (at < count && places[at].hlc != ack->version.hlc)
            at++;
        ck_assert_msg(at < count, "seed %llu: an acknowledged write is in no log",
                      (unsigned long long)seed);
        ck_assert_uint_eq(places[at].log, ack->log);
        ck_assert_uint_eq(places[at].seq, ack->seq);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("producer: a log that is closed");
    TCase *tests = tcase_create("renew");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests,
                   a_write_that_a_closed_log_refused_goes_to_its_successor_as_it_was);
    tcase_add_test(tests, what_it_read_stays_in_the_header_of_a_write_that_moved);
    tcase_add_test(tests,
                   a_write_that_stands_in_the_closed_log_is_durable_and_goes_nowhere);
    tcase_add_test(tests, heartbeats_into_a_fenced_log_end_without_a_word);
    tcase_add_test(tests,
                   a_fence_that_is_taken_away_has_the_writes_sent_to_the_same_log);
    tcase_add_test(tests, a_write_that_is_too_large_for_its_topic_is_still_refused);
    tcase_add_test(tests, what_cannot_be_looked_up_now_waits_and_nothing_is_said);
    tcase_add_test(tests, without_a_successor_writes_are_refused_and_say_so);
    tcase_add_test(tests, a_write_that_is_older_than_the_successor_is_refused);
    tcase_add_test(tests,
                   what_retention_took_of_a_closed_log_leaves_its_writes_unknown);
    tcase_add_test(tests, closing_the_handle_while_it_waits_says_that_nothing_is_known);
    tcase_add_test(tests, a_sessions_token_follows_its_write_into_the_successor);
    tcase_add_loop_test(
        tests, whatever_happens_while_a_log_is_closed_each_version_names_one_write, 0,
        100);
    suite_add_tcase(suite, tests);
    return ground_main(suite);
}
