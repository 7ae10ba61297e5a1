/* registry_server.h - a scripted HTTP server in a thread of the test: it answers the
 * n-th question with the n-th line of a script, honestly or not, and keeps what it was
 * asked.
 */
#ifndef ISO_TESTS_REGISTRY_SERVER_H
#define ISO_TESTS_REGISTRY_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_ASKED_MAX = 8, SERVER_DEADLINE_MS = 20000 };

enum server_manner {
    SERVER_HONEST = 0, /* status, body */
    SERVER_RAW,        /* body is all that is sent */
    SERVER_SILENT,     /* nothing, until the client goes */
    SERVER_DRIPS,      /* status and a body that never ends, a byte at a time */
    SERVER_FLOODS,     /* a body without an end */
    SERVER_BRAGS,      /* headers without an end */
};

struct server_line {
    enum server_manner manner;
    int status;
    const char *body;
    const char *header; /* one more, with its line end */
};

struct server {
    const struct server_line *script;
    int listener, port;
    pthread_t thread;
    int asked; /* how many questions came; read after server_stop */
    char question[SERVER_ASKED_MAX][4096];
};

static inline bool server_send(int to, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(to, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

enum { SERVER_TLS_HELLO = 0x16 }; /* the first byte of who wants TLS */

/* Until the head has come, and the body that it announces; or what is no HTTP. */
static inline void server_hear(int from, char *question, size_t room)
{
    size_t size = 0;
    for (;;) {
        question[size] = '\0';
        const char *end = strstr(question, "\r\n\r\n");
        const char *length = strcasestr(question, "Content-Length: ");
        size_t body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
        if (question[0] == SERVER_TLS_HELLO)
            return;
        if (end != NULL && size >= (size_t)(end + 4 - question) + body)
            return;
        ssize_t got = recv(from, question + size, room - 1 - size, 0);
        if (got <= 0)
            return;
        size += (size_t)got;
    }
}

/* True when the client went before `ms`. */
static inline bool server_gone(int client, int ms)
{
    struct pollfd poll_for = {.fd = client, .events = POLLIN};
    char byte;
    return poll(&poll_for, 1, ms) > 0 && recv(client, &byte, 1, MSG_PEEK) <= 0;
}

static inline void server_answer(int to, const struct server_line *line)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n";
    static const char endless[] = "HTTP/1.1 200 OK\r\n\r\n";
    char honest[4096];
    int turns = 0;
    switch (line->manner) {
    case SERVER_HONEST:
        snprintf(honest, sizeof honest,
                 "HTTP/1.1 %d Said\r\nConnection: close\r\n%sContent-Length: %zu\r\n"
                 "\r\n%s",
                 line->status, line->header != NULL ? line->header : "",
                 strlen(line->body), line->body);
        server_send(to, honest, strlen(honest));
        break;
    case SERVER_RAW:
        server_send(to, line->body, strlen(line->body));
        break;
    case SERVER_SILENT:
        server_gone(to, SERVER_DEADLINE_MS);
        break;
    case SERVER_DRIPS:
        server_send(to, head, strlen(head));
        server_send(to, "\r\n", 2);
        while (++turns < 1000 && !server_gone(to, 20))
            server_send(to, " ", 1);
        break;
    case SERVER_FLOODS:
        server_send(to, endless, strlen(endless));
        memset(honest, ' ', sizeof honest);
        while (++turns < 100000 && server_send(to, honest, sizeof honest))
            continue;
        break;
    case SERVER_BRAGS:
        server_send(to, head, strlen(head));
        while (++turns < 1000000 && server_send(to, "X-Brag: more\r\n", 14))
            continue;
        break;
    }
}

static inline void *server_run(void *arg)
{
    struct server *server = arg;
    for (int n = 0; n < SERVER_ASKED_MAX; n++) {
        int client = accept(server->listener, NULL, NULL);
        if (client < 0)
            break;
        server_hear(client, server->question[n], sizeof server->question[n]);
        server->asked = n + 1;
        server_answer(client, &server->script[n]);
        shutdown(client, SHUT_WR);
        close(client);
    }
    return NULL;
}

static inline void server_start(struct server *server, const struct server_line *script)
{
    memset(server, 0, sizeof *server);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    server->script = script;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&at, size), 0);
    ck_assert_int_eq(listen(server->listener, 8), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&at, &size), 0);
    server->port = ntohs(at.sin_port);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static inline void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR); /* accept returns */
    pthread_join(server->thread, NULL);
    close(server->listener);
}

#endif
