/* http_visit.h - a connection, the server that has it, and what their files share;
 * base's own.
 *
 *   http_listen.c   addresses and sockets: where to listen
 *   http_open.c     options, token; begins and ends the server
 *   http_tls.c      its certificate, which may be renewed meanwhile
 *   http_visit.c    one connection: how many, how long they may take, the ticker
 *   http_stream.c   answers without an end
 *   http_target.c   what a request asks for, taken apart
 *   http.c          a request, from its head to its answer
 *
 * libmicrohttpd owns the sockets and the threads that serve them. A visit is ours: what
 * there is to say of one connection. It lives from the moment the connection is taken
 * in until right before its socket is closed, so that who holds the lock and finds a
 * visit in the list may shut its socket down.
 */
#ifndef ISO_BASE_HTTP_VISIT_H
#define ISO_BASE_HTTP_VISIT_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/http.h"

enum {
    ISO_HTTP_THREADS = 4,
    ISO_HTTP_HEAD_MAX = 16 * 1024,
    /* What one connection may use inside the library: a head, beyond its limit so that
     * it is we who refuse it, and what is sent of an answer at a time. */
    ISO_HTTP_CONNECTION_MEMORY = 48 * 1024,
    ISO_HTTP_TOKEN_MAX = 1024,
    ISO_HTTP_TURN_SIZE = 1 << 20, /* of an answer: how much more gives one more turn */
};

struct iso_http_visit {
    struct iso_http *http;
    struct MHD_Connection *connection;
    struct iso_http_visit *next, *prev; /* http->visits */
    int fd;

    /* Under http->lock. */
    int64_t deadline_ms;  /* by the steady clock, then it is cut off; 0: none */
    bool idle;            /* between two requests */
    bool leaving;         /* was cut off */
    bool streams, sleeps; /* answers without an end; waits for a wake */
    int64_t sent_ms;      /* when it was last given something to send */

    /* Of the library's thread that serves it. */
    bool heard;    /* the head of the request at hand was seen */
    bool too_long; /* its target was longer than what is kept of it */
    char target[ISO_HTTP_PATH_MAX + 1];
    iso_http_stream *stream;
    uint64_t at; /* of the stream */
    bool ended;
    struct iso_buf out;
    size_t sent;
};

struct iso_http {
    const struct iso_http_route *routes;
    const char *policy;
    void *user;
    int timeout_ms;
    unsigned connections_max;
    bool check_host; /* against a foreign name that leads here */
    size_t token_size;
    char token[ISO_HTTP_TOKEN_MAX]; /* zeroes behind */
    char address[512];
    char socket_path[108]; /* unix; empty: none */
    ino_t socket_inode;
    struct iso_http_tls *tls; /* NULL: none is spoken */
    struct MHD_Daemon *daemon;
    atomic_size_t bodies; /* bytes that clients have not read yet */

    pthread_mutex_t lock; /* of all below, and of visits; taken before the library's */
    pthread_cond_t turn;  /* the ticker's */
    pthread_t ticker;
    bool ticking;
    bool closing;
    uint64_t wakes; /* how often iso_http_wake was called */
    struct iso_http_visit *visits;
    unsigned visit_count, idle_count, leaving_count, stream_count;
    uint64_t requests, refused, unauthorized;
};

/* ---- http_listen.c ---- */

/* A socket that listens where the options say; fills address, check_host, socket_path.
 */
enum iso_err iso_http_listen(struct iso_http *http,
                             const struct iso_http_options *options, int *fd,
                             struct iso_why *why);
void iso_http_unlisten(struct iso_http *http); /* removes the socket's file */

/* ---- http_open.c ---- */

/* All of a file of at most `max` bytes. ISO_IO, ISO_SETTING. */
enum iso_err iso_http_read_file(const char *path, size_t max, struct iso_buf *buf,
                                struct iso_why *why);
/* Leaves nothing of it in memory. */
void iso_http_release_secret(struct iso_buf *buf);

/* ---- http_tls.c ---- */

/* The paths are copied. ISO_IO: a file cannot be read; ISO_SETTING: they make no
 * certificate with its key. */
enum iso_err iso_http_tls_open(const char *certificate, const char *key,
                               struct iso_http_tls **tls, struct iso_why *why);
void iso_http_tls_close(struct iso_http_tls *tls); /* after the library; NULL is fine */
/* How the library is told to ask for it. */
void iso_http_tls_option(struct MHD_OptionItem *option);
/* Takes what the files hold now, if they changed. NULL is fine. */
void iso_http_tls_follow(struct iso_http_tls *tls, int64_t now_ms);

/* ---- http_visit.c ---- */

enum iso_err iso_http_ticker_start(struct iso_http *http, struct iso_why *why);
/* From here on nobody is admitted and no stream sleeps: the library can end. */
void iso_http_ticker_stop(struct iso_http *http);

/* The library's callbacks: may somebody come; came or goes; the target of a request;
 * an answer is sent. */
enum MHD_Result iso_http_admit(void *http, const struct sockaddr *from, socklen_t size);
void iso_http_came(void *http, struct MHD_Connection *connection, void **visit,
                   enum MHD_ConnectionNotificationCode what);
void *iso_http_asked(void *http, const char *target, struct MHD_Connection *connection);
void iso_http_answered(void *http, struct MHD_Connection *connection, void **visit,
                       enum MHD_RequestTerminationCode how);

/* The head is here, so it is no longer idle; `size` bytes will be sent. */
void iso_http_visit_heard(struct iso_http_visit *visit, bool first);
void iso_http_visit_sends(struct iso_http_visit *visit, size_t size);

/* ---- http_stream.c ---- */

/* May one more stream begin? If so it is counted, until iso_http_stream_end. */
bool iso_http_stream_begin(struct iso_http_visit *visit,
                           const struct iso_http_answer *answer);
void iso_http_stream_end(struct iso_http_visit *visit);
struct MHD_Response *iso_http_stream_response(struct iso_http_visit *visit);
/* Under the lock: asks again what there is for it. */
void iso_http_stream_resume(struct iso_http_visit *visit);

/* ---- http.c ---- */

enum MHD_Result iso_http_handle(void *http, struct MHD_Connection *connection,
                                const char *url, const char *method,
                                const char *version, const char *upload, size_t *size,
                                void **visit);

#endif
