/* Answers without an end: what is published arrives once, in order, whoever wakes them
 * and whenever; and what a stream costs has an end. */
#include <pthread.h>

#include "http_kit.h"

static void begin_events(int fd, const char *last)
{
    char text[256];
    snprintf(text, sizeof text, "GET /events HTTP/1.1\r\n" LOCAL "%s%s%s\r\n",
             last != NULL ? "Last-Event-ID: " : "", last != NULL ? last : "",
             last != NULL ? "\r\n" : "");
    tell(fd, text);
}

static void publish(unsigned long long count)
{
    for (unsigned long long n = 0; n < count; n++) {
        atomic_fetch_add(&published, 1);
        iso_http_wake(http);
    }
}

static void begin(void)
{
    atomic_store(&published, 0);
    atomic_store(&stream_calls, 0);
    atomic_store(&stream_bytes, 0);
    kit_open();
}

START_TEST(a_stream_begins_at_once_and_goes_on_when_it_is_woken)
{
    int fd = dial();
    hear_nothing();
    begin_events(fd, NULL);
    ck_assert(hear_until(fd, ":\n\n", 1)); /* the head did not wait for an event */
    ck_heard("Content-Type: text/event-stream; charset=utf-8\r\n");
    ck_heard("Cache-Control: no-store\r\n");
    publish(1);
    ck_assert(hear_until(fd, "id: 1\ndata: 1\n\n", 1));
    publish(2);
    ck_assert(hear_until(fd, "id: 3\ndata: 3\n\n", 1));
    close(fd);
}
END_TEST

START_TEST(who_comes_back_gets_what_it_missed_and_no_more)
{
    atomic_store(&published, 10);
    int fd = dial();
    hear_nothing();
    begin_events(fd, "7");
    ck_assert(hear_until(fd, "id: 10\n", 1));
    ck_not_heard("id: 7\n");
    ck_assert(strstr(heard, "id: 8\n") < strstr(heard, "id: 9\n"));
    close(fd);
}
END_TEST

START_TEST(a_stream_that_ends_ends_the_answer_and_not_the_connection)
{
    int fd = dial();
    hear_nothing();
    tell(fd, "GET /three HTTP/1.1\r\n" LOCAL "\r\n");
    ck_assert(hear_until(fd, "\r\n0\r\n\r\n", 1));
    ck_heard("data: 1\n\n");
    ck_heard("data: 3\n\n");
    tell(fd, "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
    ck_assert_int_eq(hear_answer(fd), 200);
    close(fd);
}
END_TEST

/* Chunks' sizes stand between, so the events are looked for one after the other. */
static void ck_all_in_order(int count)
{
    const char *at = heard;
    for (int n = 1; n <= count; n++) {
        char id[48];
        snprintf(id, sizeof id, "data: %d\n", n);
        at = strstr(at, id);
        ck_assert_msg(at != NULL, "event %d is missing or out of order", n);
        ck_assert_ptr_null(strstr(at + 1, id));
    }
}

enum { PUBLISHED = 3000, CLIENTS = 12 };

static void *publish_all(void *arg)
{
    (void)arg;
    publish(PUBLISHED);
    return NULL;
}

START_TEST(every_client_gets_every_event_once_while_others_come_and_go)
{
    int fds[CLIENTS];
    pthread_t publisher;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = dial();
        begin_events(fds[i], NULL);
    }
    pthread_create(&publisher, NULL, publish_all, NULL);
    while (atomic_load(&published) < PUBLISHED) {
        int fd = dial();
        begin_events(fd, NULL);
        close(fd);
    }
    pthread_join(publisher, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        char last[48];
        snprintf(last, sizeof last, "data: %d\n", PUBLISHED);
        hear_nothing();
        ck_assert(hear_until(fds[i], last, 1));
        ck_all_in_order(PUBLISHED);
        close(fds[i]);
    }
}
END_TEST

START_TEST(a_silent_stream_says_that_it_is_there)
{
    kit_close();
    kit_open_with((struct iso_http_options){.timeout_ms = 100});
    int fd = dial();
    hear_nothing();
    begin_events(fd, NULL);
    ck_assert(hear_until(fd, ":\n\n", 4)); /* outlives its timeout, and is told so */
    publish(1);
    ck_assert(hear_until(fd, "id: 1\n", 1));
    close(fd);
    wait_connections(0); /* it is found out that the client went */
}
END_TEST

static void *wake_on(void *arg)
{
    (void)arg;
    for (int n = 0; n < 200; n++) {
        iso_http_wake(http);
        poll(NULL, 0, 2);
    }
    return NULL;
}

START_TEST(wakes_for_nothing_keep_no_line_from_being_sent)
{
    pthread_t waker;
    kit_close();
    kit_open_with((struct iso_http_options){.timeout_ms = 100});
    int fd = dial();
    hear_nothing();
    begin_events(fd, NULL);
    pthread_create(&waker, NULL, wake_on, NULL);
    ck_assert(hear_until(fd, ":\n\n", 3));
    pthread_join(waker, NULL);
    close(fd);
}
END_TEST

START_TEST(a_silent_stream_costs_no_calls)
{
    int fd = dial();
    hear_nothing();
    begin_events(fd, NULL);
    ck_assert(hear_until(fd, ":\n\n", 1));
    while (atomic_load(&stream_calls) < 1)
        poll(NULL, 0, 1);
    poll(NULL, 0, 200); /* nothing wakes it in this time */
    ck_assert_uint_le(atomic_load(&stream_calls), 2);
    close(fd);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_dropped_and_finds_what_it_missed)
{
    kit_close();
    kit_open_with((struct iso_http_options){.timeout_ms = 300});
    int fd = dial();
    tell(fd, "GET /flood HTTP/1.1\r\n" LOCAL "\r\n");
    wait_connections(1);
    ck_assert_int_eq(get("/livez"), 200);
    wait_connections(0);
    ck_assert_uint_gt(atomic_load(&stream_bytes), 0);
    ck_assert_uint_lt(atomic_load(&stream_bytes), 64u << 20); /* kernel's buffers */
    close(fd);
    fd = dial();
    hear_nothing();
    tell(fd, "GET /flood HTTP/1.1\r\nLast-Event-ID: 41\r\n" LOCAL "\r\n");
    ck_assert(hear_until(fd, "id: ", 1));
    ck_heard("id: 42\n");
    close(fd);
}
END_TEST

START_TEST(streams_leave_room_for_questions)
{
    int fds[4];
    kit_close();
    kit_open_with((struct iso_http_options){.connections_max = 8});
    for (int i = 0; i < 4; i++) {
        fds[i] = dial();
        hear_nothing();
        begin_events(fds[i], NULL);
        ck_assert(hear_until(fds[i], ":\n\n", 1));
    }
    ck_assert_int_eq(get("/events"), 503);
    ck_heard("Retry-After: ");
    ck_heard("application/problem+json");
    ck_assert_int_eq(get("/livez"), 200);
    close(fds[0]);
    wait_connections(3); /* nothing was sent to it: it is seen that it went */
    publish(2);
    fds[0] = dial();
    hear_nothing();
    begin_events(fds[0], NULL);
    ck_assert(hear_until(fds[0], "id: 2\n", 1));
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}
END_TEST

START_TEST(closing_ends_every_connection_whatever_it_is_at)
{
    int fds[40];
    pthread_t publisher;
    for (int i = 0; i < 40; i++) {
        fds[i] = dial();
        if (i % 4 == 0)
            begin_events(fds[i], NULL);
        else if (i % 4 == 1)
            tell(fds[i], "GET /flood HTTP/1.1\r\n" LOCAL "\r\n");
        else if (i % 4 == 2)
            tell(fds[i], "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
    }
    wait_connections(40);
    pthread_create(&publisher, NULL, publish_all, NULL);
    while (atomic_load(&published) < PUBLISHED / 2)
        poll(NULL, 0, 1);
    pthread_join(publisher, NULL);
    int64_t begin_ms = now_ms();
    kit_close();
    ck_assert_int_lt(now_ms() - begin_ms, 10000);
    for (int i = 0; i < 40; i++) {
        hear_nothing();
        while (hear_more(fds[i]))
            if (heard_size > HEARD_MAX / 2)
                hear_nothing();
        close(fds[i]);
    }
    kit_open();
}
END_TEST

START_TEST(a_server_can_be_opened_and_closed_again_and_again)
{
    for (int n = 0; n < 50; n++) {
        int fd = dial();
        begin_events(fd, NULL);
        if (n % 2 == 0)
            iso_http_wake(http);
        kit_close();
        close(fd);
        kit_open();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_stream");
    TCase *tcase = tcase_create("http_stream");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, begin, kit_close);
    tcase_add_test(tcase, a_stream_begins_at_once_and_goes_on_when_it_is_woken);
    tcase_add_test(tcase, who_comes_back_gets_what_it_missed_and_no_more);
    tcase_add_test(tcase, a_stream_that_ends_ends_the_answer_and_not_the_connection);
    tcase_add_test(tcase, every_client_gets_every_event_once_while_others_come_and_go);
    tcase_add_test(tcase, a_silent_stream_says_that_it_is_there);
    tcase_add_test(tcase, wakes_for_nothing_keep_no_line_from_being_sent);
    tcase_add_test(tcase, a_silent_stream_costs_no_calls);
    tcase_add_test(tcase,
                   a_client_that_does_not_read_is_dropped_and_finds_what_it_missed);
    tcase_add_test(tcase, streams_leave_room_for_questions);
    tcase_add_test(tcase, closing_ends_every_connection_whatever_it_is_at);
    tcase_add_test(tcase, a_server_can_be_opened_and_closed_again_and_again);
    suite_add_tcase(suite, tcase);
    return kit_run(suite);
}
