/* Clients that want too much: of time, of memory, of connections. Beside each of them a
 * normal request is answered as if they were not there. */
#include "http_kit.h"

enum {
    SLOW = 500,
    PROMPT_MS = 5000, /* sanitized, on a busy machine; without them it is a few */
    MEMORY_KIB = 96 * 1024,
};

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* True when the server closes the connection before the deadline; what it says first
 * is not looked at. */
static bool is_closed_within(int fd, int64_t ms)
{
    int64_t end_ms = now_ms() + ms;
    static char dropped[PIECE_MAX];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t rest_ms = end_ms - now_ms();
        if (rest_ms <= 0 || poll(&wait, 1, (int)rest_ms) <= 0)
            return false;
        if (recv(fd, dropped, sizeof dropped, 0) <= 0)
            return true;
    }
}

static void open_with_timeout(int timeout_ms)
{
    kit_close();
    kit_open_with((struct iso_http_options){.timeout_ms = timeout_ms});
}

START_TEST(slow_clients_hold_up_nobody_and_are_cut_off)
{
    static const char *const begun[] = {"", "G", "GET /livez HTTP/1.1\r\n",
                                        "GET /livez HTTP/1.1\r\nHost: local"};
    int fds[SLOW];
    open_with_timeout(4000);
    for (int i = 0; i < SLOW; i++) {
        fds[i] = dial();
        tell(fds[i], begun[i % 4]);
    }
    wait_connections(SLOW);
    int64_t begin_ms = now_ms();
    ck_assert_int_eq(get("/livez"), 200);
    ck_assert_int_eq(get("/big"), 200);
    int64_t took_ms = now_ms() - begin_ms;
    ck_assert_msg(took_ms < PROMPT_MS, "%d ms", (int)took_ms);
    struct iso_http_stats stats;
    iso_http_stats(http, &stats);
    ck_assert_uint_ge(stats.connections, SLOW);
    for (int i = 0; i < SLOW; i++) {
        ck_assert_msg(is_closed_within(fds[i], DEADLINE_MS), "client %d stays", i);
        close(fds[i]);
    }
    wait_connections(0);
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

START_TEST(a_byte_now_and_then_keeps_no_connection)
{
    open_with_timeout(400);
    int64_t begin_ms = now_ms();
    int fd = dial();
    tell(fd, "GET /livez HTTP/1.1\r\n");
    while (tell(fd, "X") && !is_closed_within(fd, 20))
        ck_assert_int_lt(now_ms() - begin_ms, DEADLINE_MS);
    ck_assert_int_ge(now_ms() - begin_ms, 400);
    close(fd);
    fd = dial(); /* the same behind a request that was answered */
    tell(fd, "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
    ck_assert_int_eq(hear_answer(fd), 200);
    begin_ms = now_ms();
    while (tell(fd, "X") && !is_closed_within(fd, 20))
        ck_assert_int_lt(now_ms() - begin_ms, DEADLINE_MS);
    close(fd);
    wait_connections(0);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_cut_off)
{
    int small = 4096;
    open_with_timeout(300);
    int fd = dial();
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 40; i++) /* 40 MB: more than any buffer between takes */
        if (!tell(fd, "GET /big HTTP/1.1\r\n" LOCAL "\r\n"))
            break;
    wait_connections(1);
    ck_assert_int_eq(get("/livez"), 200);
    wait_connections(0);
    close(fd);
}
END_TEST

/* Sends `head`, then `piece` until it is cut off or 1 GiB went; says how much went. */
static size_t flood(const char *head, const char *piece)
{
    static char block[PIECE_MAX];
    size_t size = strlen(piece);
    size_t used = sizeof block / size * size;
    size_t sent = 0;
    for (size_t i = 0; i < used; i++)
        block[i] = piece[i % size];
    int fd = dial();
    tell(fd, head);
    while (sent < (size_t)1 << 30 && tell_bytes(fd, block, used))
        sent += used;
    close(fd);
    return sent;
}

/* Asks for forty megabytes and reads the first line: "200", "503". */
static int huge(char status[4])
{
    char line[13] = "";
    int fd = dial();
    ck_assert(tell(fd, "GET /huge HTTP/1.1\r\n" LOCAL "\r\n"));
    ck_assert_int_eq(recv(fd, line, sizeof line - 1, MSG_WAITALL), sizeof line - 1);
    memcpy(status, line + 9, 4);
    return fd;
}

START_TEST(what_nobody_reads_is_bounded_over_all_clients)
{
    char status[4];
    int first = huge(status);
    ck_assert_str_eq(status, "200");
    close(huge(status));
    ck_assert_str_eq(status, "503");
    ck_assert_int_eq(get("/big"), 200);
    close(first);
    int64_t end_ms = now_ms() + PROMPT_MS;
    do { /* the server hears of it in a while */
        ck_assert_int_lt(now_ms(), end_ms);
        close(huge(status));
    } while (strcmp(status, "200") != 0);
}
END_TEST

START_TEST(a_head_of_a_gibibyte_is_cut_off_and_costs_no_memory)
{
    ck_assert_int_eq(get("/livez"), 200);
    long before_kib = resident_kib();
    size_t limit = (size_t)64 << 20; /* what the system buffers on the way */
    ck_assert_uint_lt(flood("GET /livez HTTP/1.1\r\nX: ", "a"), limit);
    ck_assert_uint_lt(flood("GET /livez HTTP/1.1\r\n", "X: y\r\n"), limit);
    ck_assert_uint_lt(flood("GET /", "a"), limit);
    ck_assert_uint_lt(flood("GET /?", "a=b&"), limit);
    ck_assert_uint_lt(flood("", "G"), limit);
    ck_assert_uint_lt(flood("GET /livez HTTP/1.1\r\nX: y\r\n", " y\r\n"), limit);
    ck_assert_uint_lt(
        flood("POST /livez HTTP/1.1\r\nContent-Length: 1073741824\r\n" LOCAL "\r\n",
              "b"),
        limit);
    ck_assert_uint_lt(
        flood("GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LOCAL "\r\n",
              "1\r\na\r\n"),
        limit);
    ck_assert_int_lt(resident_kib() - before_kib, MEMORY_KIB);
    ck_assert_int_eq(get("/livez"), 200);
}
END_TEST

START_TEST(beyond_the_limit_connections_are_closed_and_counted)
{
    struct iso_http_stats stats;
    int fds[4];
    kit_close();
    kit_open_with((struct iso_http_options){.connections_max = 4});
    for (int i = 0; i < 4; i++) {
        fds[i] = dial();
        tell(fds[i], "GET /livez HTTP/1.1\r\n");
    }
    wait_connections(4);
    for (int i = 0; i < 20; i++) {
        int fd = dial();
        ck_assert(is_closed_within(fd, DEADLINE_MS));
        close(fd);
    }
    iso_http_stats(http, &stats);
    ck_assert_uint_eq(stats.refused_connections, 20);
    ck_assert_uint_eq(stats.connections, 4);
    tell(fds[0], ONCE); /* those who were there are answered */
    ck_assert_int_eq(hear_answer(fds[0]), 200);
    close(fds[0]);
    wait_connections(3);
    ck_assert_int_eq(get("/livez"), 200);
    for (int i = 1; i < 4; i++)
        close(fds[i]);
}
END_TEST

/* The server may hear of it a moment later than we do that somebody is idle. */
static int answered(void)
{
    int64_t end_ms = now_ms() + DEADLINE_MS;
    for (;;) {
        int fd = dial();
        tell(fd, "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
        if (hear_answer(fd) == 200)
            return fd;
        close(fd);
        ck_assert_int_lt(now_ms(), end_ms);
    }
}

START_TEST(who_is_idle_makes_room)
{
    int fds[3];
    kit_close();
    kit_open_with((struct iso_http_options){.connections_max = 2});
    for (int i = 0; i < 3; i++)
        fds[i] = answered();
    struct pollfd wait[2] = {{.fd = fds[0], .events = POLLIN},
                             {.fd = fds[1], .events = POLLIN}};
    ck_assert_int_eq(poll(wait, 2, 10000), 1); /* one, and not since its time is up */
    int stayed = wait[0].revents != 0 ? fds[1] : fds[0];
    tell(stayed, "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
    ck_assert_int_eq(hear_answer(stayed), 200);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}
END_TEST

START_TEST(a_thousand_clients_who_come_and_go_leave_nothing)
{
    for (int round = 0; round < 4; round++) {
        int fds[250];
        for (int i = 0; i < 250; i++) {
            fds[i] = dial();
            tell(fds[i], i % 3 == 0   ? "GET /events HTTP/1.1\r\n" LOCAL "\r\n"
                         : i % 8 == 1 ? "GET /big HTTP/1.1\r\n" LOCAL "\r\n"
                                      : "GET /livez HTTP/1.1\r\n" LOCAL "\r\n");
        }
        for (int i = 0; i < 250; i++)
            close(fds[i]);
        iso_http_wake(http);
    }
    ck_assert_int_eq(get("/livez"), 200);
    kit_close(); /* which asserts that no visit is left */
    kit_open();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_limits");
    TCase *tcase = tcase_create("http_limits");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, slow_clients_hold_up_nobody_and_are_cut_off);
    tcase_add_test(tcase, a_byte_now_and_then_keeps_no_connection);
    tcase_add_test(tcase, a_client_that_does_not_read_is_cut_off);
    tcase_add_test(tcase, what_nobody_reads_is_bounded_over_all_clients);
    tcase_add_test(tcase, a_head_of_a_gibibyte_is_cut_off_and_costs_no_memory);
    tcase_add_test(tcase, beyond_the_limit_connections_are_closed_and_counted);
    tcase_add_test(tcase, who_is_idle_makes_room);
    tcase_add_test(tcase, a_thousand_clients_who_come_and_go_leave_nothing);
    suite_add_tcase(suite, tcase);
    return kit_run(suite);
}
