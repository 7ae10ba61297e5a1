/* http.h - a small HTTP server for what programs show of themselves: health, metrics,
 * status, a page. Target iso_http, the only one with libmicrohttpd (http*.c); services
 * do not link it.
 *
 *   static const struct iso_http_route routes[] = {
 *       {"/livez", livez}, {"/v1/pairs/{source}/{target}", pair}, {0}};
 *   iso_http_open(&options, &http, &why);
 *
 * It only ever answers GET and HEAD: nothing that is asked here changes anything (405
 * else). A handler is called on the server's own threads, several at a time; it answers
 * from what is at hand and never waits. What fails is answered as problem+json (RFC
 * 9457) that says what to try.
 *
 * Who connects can take neither memory nor time without bound: the head of a request
 * has at most 16 KiB (431), its target 2 KiB (414) and one reading (400: no `..`, %2F,
 * control characters, broken escapes), no body is taken (413). A connection is closed
 * when the head of a request is not there `timeout_ms` after it could have begun, byte
 * by byte or not, and when the answer is not read in its time. Beyond `connections_max`
 * who is idle has to go, else the new one, which is counted; half of them may be
 * streams (503).
 *
 * With a token, every path but /livez and /readyz wants `Authorization: Bearer TOKEN`,
 * or, for browsers, Basic with the token as the password of any user (401); compared in
 * constant time, never logged. Without one, on loopback, only names
 * of this machine lead here (403: a web page elsewhere could else read us by way of a
 * browser, DNS rebinding).
 *
 * A certificate that is renewed is taken without a new start: the files are looked at
 * every second. A pair that is broken is logged, and the old one stays.
 *
 * How it can fail: the address is taken or not ours, a certificate that does not load:
 * iso_http_open says so. After that nothing here fails.
 */
#ifndef ISO_BASE_HTTP_H
#define ISO_BASE_HTTP_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/settings.h"

struct iso_http;

enum { ISO_HTTP_PARTS_MAX = 4, ISO_HTTP_PATH_MAX = 2048 };

struct iso_http_request {
    const char *path;                      /* decoded, without the query */
    const char *parts[ISO_HTTP_PARTS_MAX]; /* of {…} in the route, decoded */
    void *connection;                      /* for the calls below */
};
/* The decoded value of a query's parameter, or a header's; NULL: it was not given.
 * Borrowed during the call. */
const char *iso_http_query(const struct iso_http_request *request, const char *name);
const char *iso_http_header(const struct iso_http_request *request, const char *name);

/* What a stream has for one connection: appends whole events to `out`, moves *at, and
 * says false to end it. Nothing appended: it waits for the next iso_http_wake. It is
 * asked again when all was sent, so append a few dozen at a time. A client that does
 * not read is cut off; coming back, it names the last event it has (Last-Event-ID). */
typedef bool iso_http_stream(void *user, uint64_t *at, struct iso_buf *out);

/* What a handler answers. It is 200, "application/json; charset=utf-8" and empty
 * before.
 */
struct iso_http_answer {
    int status;
    const char *type;        /* static */
    struct iso_buf body;     /* taken over */
    struct iso_bytes still;  /* instead of body: bytes that stay where they are */
    const char *etag;        /* static, with or without quotes: If-None-Match, 304 */
    const char *cache;       /* Cache-Control; NULL: "no-store" */
    iso_http_stream *stream; /* NULL: body is all. With `user` of the options */
    uint64_t stream_at;
};

/* Answers with a problem: `title` is what kind, `detail` what is wrong here and what to
 * try. */
void iso_http_problem(struct iso_http_answer *answer, int status, const char *title,
                      const char *detail, ...) __attribute__((format(printf, 4, 5)));

struct iso_http_route {
    const char *path; /* "/v1/pairs/{source}/{target}"; a {part} is never empty */
    void (*handle)(void *user, const struct iso_http_request *request,
                   struct iso_http_answer *answer);
};

struct iso_http_options {
    const char *section; /* whose settings these are, for sentences; NULL: "monitor" */
    /* "127.0.0.1:8470", "[::1]:8470", "unix:/run/x.sock"; port 0: any */
    const char *listen;
    const char *token_file;        /* NULL: none. Its first line is the token */
    const char *certificate, *key; /* PEM files; NULL: no TLS */
    bool open_to_all;              /* may listen beyond loopback without a token */
    unsigned connections_max;      /* 0: 1,000 */
    int timeout_ms;                /* 0: 15,000 */
    const struct iso_http_route *routes; /* up to one without a path */
    /* Of every answer that is a page: the content security policy; NULL: the strictest.
     */
    const char *policy;
    void *user;
};

/* Fills options from settings PROGRAM.http.listen, .token, .certificate, .key, .open
 * (program: "monitor", "daemon"). Borrowed from the settings. `listen` is NULL when it
 * is set to nothing: then there is nothing to open. */
void iso_http_settings(const struct iso_settings *settings, const char *program,
                       struct iso_http_options *options);

/* ISO_SETTING: beyond loopback without a token (names the setting), an address that
 * does not parse; ISO_EXISTS: it is taken; ISO_DENIED; ISO_IO: a file cannot be read.
 * A socket file of a process that is gone is replaced. Options are copied, but for
 * routes, policy and user. */
enum iso_err iso_http_open(const struct iso_http_options *options,
                           struct iso_http **http, struct iso_why *why);
void iso_http_close(struct iso_http *http); /* ends every connection; NULL is fine */

/* "http://127.0.0.1:8470/": where it can be reached; borrowed. */
const char *iso_http_address(const struct iso_http *http);

/* Streams have something new: asks each. Any thread, but not from within a stream;
 * returns at once. NULL is fine. */
void iso_http_wake(struct iso_http *http);

struct iso_http_stats {
    uint64_t requests, refused_connections, unauthorized;
    unsigned connections;
};
void iso_http_stats(struct iso_http *http, struct iso_http_stats *stats);

#endif
