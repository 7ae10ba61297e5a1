/* A request, from its head to its answer.
 *
 *   size of the head, target ─▶ host ─▶ token ─▶ method ─▶ body ─▶ route ─▶ handler
 *        431, 414, 400          403     401      405       413     404
 *
 * Each step may refuse, in words; the answer then goes the way of every other. The
 * library calls twice: when the head is there, which is when a body can be refused
 * before it is read, and when the request is complete, which is when it is answered, so
 * that the connection can be used again.
 *
 * How it can fail: memory runs out inside the library; then the connection is closed.
 */
#include "base/http.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/http_target.h"
#include "base/http_visit.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/utf8.h"

enum { DETAIL_MAX = 1024, BODIES_MAX = 64 << 20 };

static const char answer_type[] = "application/json; charset=utf-8";
static const char problem_type[] = "application/problem+json";
static const char stream_type[] = "text/event-stream; charset=utf-8";
static const char page_type[] = "text/html";
static const char strictest[] = "default-src 'none'; base-uri 'none'; form-action "
                                "'none'; frame-ancestors 'none'";

/* What a handler's `connection` points to. */
struct asking {
    struct iso_http *http;
    struct MHD_Connection *connection;
    struct iso_http_target target;
};

/* ---- problems ---- */

/* Bytes that are no UTF-8 become question marks: JSON has no others. */
static void make_text(char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        size_t length = iso_utf8_character((const uint8_t *)text + i, size - i);
        if (length == 0)
            text[i] = '?';
        i += length > 0 ? length : 1;
    }
}

static int add_json(const char *text, size_t size, void *buf)
{
    iso_buf_add(buf, text, size);
    return 0;
}

void iso_http_problem(struct iso_http_answer *answer, int status, const char *title,
                      const char *detail, ...)
{
    char text[DETAIL_MAX];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof text, detail, arguments);
    va_end(arguments);
    make_text(text);
    iso_buf_clear(&answer->body);
    answer->still = (struct iso_bytes){0};
    answer->status = status;
    answer->type = problem_type;
    answer->etag = answer->cache = NULL;
    answer->stream = NULL;
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
                                title, "status", status, "detail", text);
    json_dump_callback(problem, add_json, &answer->body, JSON_COMPACT);
    iso_buf_add_u8(&answer->body, '\n');
    json_decref(problem);
}

/* ---- what is asked ---- */

const char *iso_http_query(const struct iso_http_request *request, const char *name)
{
    const struct asking *asking = request->connection;
    return iso_http_target_query(&asking->target, name);
}

static const char *header(const struct asking *asking, const char *name)
{
    return MHD_lookup_connection_value(asking->connection, MHD_HEADER_KIND, name);
}

const char *iso_http_header(const struct iso_http_request *request, const char *name)
{
    return header(request->connection, name);
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       "Transfer-Encoding") != NULL ||
           (length != NULL && strspn(length, "0") != strlen(length));
}

/* ---- what may be refused ---- */

static bool refuse_head(struct asking *asking, const struct iso_http_visit *visit,
                        struct iso_http_answer *answer)
{
    size_t head = MHD_get_connection_info(asking->connection,
                                          MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                      ->header_size;
    if (visit->too_long) {
        iso_http_problem(answer, 414, "Target too long",
                         "The target of the request has more than %d bytes: shorten it",
                         ISO_HTTP_PATH_MAX);
        return true;
    }
    if (head > ISO_HTTP_HEAD_MAX) {
        iso_http_problem(answer, 431, "Head too large",
                         "The head of the request has more than %d bytes: send fewer "
                         "or shorter headers",
                         ISO_HTTP_HEAD_MAX);
        return true;
    }
    const char *wrong = iso_http_target_parse(visit->target, &asking->target);
    if (wrong != NULL)
        iso_http_problem(answer, 400, "Bad target", "The target of the request %s",
                         wrong);
    return wrong != NULL;
}

/* A page that a browser was led to by a name that its owner has pointed at this machine
 * could else read us (DNS rebinding). */
static bool refuse_host(const struct asking *asking, const char *version,
                        struct iso_http_answer *answer)
{
    const char *host = header(asking, "Host");
    if (host == NULL && strcmp(version, "HTTP/1.0") != 0) {
        iso_http_problem(answer, 400, "No host",
                         "The request has no Host header: HTTP/1.1 wants one");
        return true;
    }
    if (asking->target.authority[0] != '\0')
        host = asking->target.authority;
    if (!asking->http->check_host || host == NULL || iso_http_host_local(host))
        return false;
    iso_http_problem(answer, 403, "Foreign host",
                     "This is for this machine only, and the request is for the host "
                     "\"%.64s\": ask %s instead, or set a token (http.token) to let "
                     "other names lead here",
                     host, asking->http->address);
    return true;
}

/* Reads all of both, whatever they hold, so the time it takes says nothing. */
static bool token_equal(const struct iso_http *http, const char *given)
{
    char padded[ISO_HTTP_TOKEN_MAX] = {0};
    size_t size = strlen(given);
    iso_assert(http->token_size < sizeof padded);
    volatile unsigned differs = size != http->token_size;
    memcpy(padded, given, size < sizeof padded ? size : sizeof padded);
    for (size_t i = 0; i < sizeof padded; i++)
        differs |= (unsigned)(unsigned char)(padded[i] ^ http->token[i]);
    explicit_bzero(padded, sizeof padded);
    return differs == 0;
}

static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    MHD_free(text);
}

/* What browsers ask people for: the token is the password, of whatever user. */
static bool basic_equal(const struct asking *asking)
{
    char *password = NULL;
    char *user = MHD_basic_auth_get_username_password(asking->connection, &password);
    bool equal = password != NULL && token_equal(asking->http, password);
    wipe(user);
    wipe(password);
    return equal;
}

static bool refuse_token(const struct asking *asking, struct iso_http_answer *answer)
{
    struct iso_http *http = asking->http;
    const char *path = asking->target.path;
    if (http->token_size == 0 || strcmp(path, "/livez") == 0 ||
        strcmp(path, "/readyz") == 0)
        return false;
    const char *given = header(asking, "Authorization");
    bool bearer = given != NULL && strncasecmp(given, "Bearer ", 7) == 0;
    bool basic = given != NULL && strncasecmp(given, "Basic ", 6) == 0;
    if ((bearer && token_equal(http, given + 7 + strspn(given + 7, " "))) ||
        (basic && basic_equal(asking)))
        return false;
    pthread_mutex_lock(&http->lock);
    http->unauthorized++;
    pthread_mutex_unlock(&http->lock);
    iso_http_problem(answer, 401, "Not authorized",
                     bearer || basic
                         ? "The token is not the one that is set here: send the first "
                           "line of the file that http.token names"
                         : "A token is wanted: send the header Authorization: Bearer "
                           "TOKEN, with the first line of the file that http.token "
                           "names; a browser takes it as the password of any user");
    return true;
}

static bool refuse_method(const char *method, struct iso_http_answer *answer)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return false;
    iso_http_problem(answer, 405, "Method not allowed",
                     "%.32s is not done here: GET and HEAD are, since nothing that is "
                     "asked here changes anything",
                     method);
    return true;
}

static bool refuse_body(const struct asking *asking, struct iso_http_answer *answer)
{
    if (!has_body(asking->connection))
        return false;
    iso_http_problem(answer, 413, "No body is taken",
                     "The request has a body: send it without, with what is asked in "
                     "the query");
    return true;
}

/* ---- routes ---- */

static void refuse_path(const struct asking *asking, struct iso_http_answer *answer)
{
    struct iso_nearest nearest = {.word = asking->target.path};
    for (const struct iso_http_route *route = asking->http->routes; route->path != NULL;
         route++)
        iso_nearest_try(&nearest, route->path);
    if (nearest.best != NULL)
        iso_http_problem(answer, 404, "Not found",
                         "Nothing is at %.256s: did you mean %s?", asking->target.path,
                         nearest.best);
    else
        iso_http_problem(answer, 404, "Not found",
                         "Nothing is at %.256s: the manual page lists what is asked "
                         "here",
                         asking->target.path);
}

static void find_route(struct asking *asking, struct iso_http_answer *answer)
{
    struct iso_http_request request = {.path = asking->target.path,
                                       .connection = asking};
    for (const struct iso_http_route *route = asking->http->routes; route->path != NULL;
         route++) {
        if (iso_http_target_fits(&asking->target, route->path, request.parts)) {
            route->handle(asking->http->user, &request, answer);
            return;
        }
    }
    refuse_path(asking, answer);
}

/* ---- the answer ---- */

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    MHD_add_response_header(response, name, value);
}

static void add_challenges(struct MHD_Response *response)
{
    add(response, "WWW-Authenticate", "Bearer realm=\"isostasy\"");
    add(response, "WWW-Authenticate", "Basic realm=\"isostasy\", charset=\"UTF-8\"");
}

static void add_headers(const struct iso_http *http,
                        const struct iso_http_answer *answer, const char *etag,
                        struct MHD_Response *response)
{
    if (answer->status != MHD_HTTP_NOT_MODIFIED)
        add(response, "Content-Type", answer->type);
    add(response, "Cache-Control", answer->cache != NULL ? answer->cache : "no-store");
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (strncmp(answer->type, page_type, strlen(page_type)) == 0)
        add(response, "Content-Security-Policy",
            http->policy != NULL ? http->policy : strictest);
    if (etag[0] != '\0')
        add(response, "ETag", etag);
    if (answer->stream != NULL)
        add(response, "X-Accel-Buffering", "no"); /* proxies pass on what is there */
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        add_challenges(response);
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add(response, "Allow", "GET, HEAD");
    if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        add(response, "Retry-After", "1");
}

/* A body until its client has it: a slow one holds it for long, so all of them together
 * are bounded. The library takes it from the callback's own argument. */
struct body {
    struct iso_http *http;
    size_t size;
    uint8_t *data;
};

static void body_free(void *user)
{
    struct body *body = user;
    atomic_fetch_sub(&body->http->bodies, body->size);
    iso_free(body->data);
    iso_free(body);
}

/* Counts the body; of one that does not fit, another answer. One may be as large as it
 * likes while no other waits to be read. */
static void body_take(struct iso_http *http, struct iso_http_answer *answer)
{
    size_t size = answer->body.size;
    size_t before = atomic_fetch_add(&http->bodies, size);
    if (size == 0 || before == 0 || before + size <= BODIES_MAX)
        return;
    atomic_fetch_sub(&http->bodies, size);
    iso_buf_release(&answer->body);
    iso_http_problem(answer, 503, "Too much is under way",
                     "Clients that read slowly hold as much as may be held: ask again "
                     "later, or for less");
    atomic_fetch_add(&http->bodies, answer->body.size);
}

/* The body leaves with the response, or is none. */
static struct MHD_Response *make_response(struct iso_http *http,
                                          struct iso_http_visit *visit,
                                          struct iso_http_answer *answer)
{
    static char nothing[1];
    struct iso_buf body = answer->body;
    answer->body = (struct iso_buf){0};
    if (answer->stream != NULL) {
        iso_buf_release(&body);
        return iso_http_stream_response(visit);
    }
    if (body.size > 0) {
        struct body *held = iso_alloc(sizeof *held);
        *held = (struct body){http, body.size, body.data};
        iso_http_visit_sends(visit, body.size);
        struct MHD_Response *response =
            MHD_create_response_from_buffer_with_free_callback_cls(body.size, body.data,
                                                                   body_free, held);
        if (response == NULL)
            body_free(held);
        return response;
    }
    iso_buf_release(&body);
    if (answer->still.size == 0)
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    union { /* the library only reads it, but does not say so */
        const uint8_t *still;
        void *data;
    } bytes = {.still = answer->still.data};
    iso_http_visit_sends(visit, answer->still.size);
    return MHD_create_response_from_buffer(answer->still.size, bytes.data,
                                           MHD_RESPMEM_PERSISTENT);
}

/* What the client has already need not be sent. */
static void spare_body(const struct asking *asking, struct iso_http_answer *answer,
                       char *etag, size_t room)
{
    const char *quote = answer->etag != NULL && answer->etag[0] == '"' ? "" : "\"";
    if (answer->etag == NULL || answer->status != MHD_HTTP_OK)
        return;
    snprintf(etag, room, "%s%s%s", quote, answer->etag, quote);
    const char *has = header(asking, "If-None-Match");
    if (has == NULL || !iso_http_etag_listed(has, etag))
        return;
    answer->status = MHD_HTTP_NOT_MODIFIED; /* the library then sends no body */
}

static enum MHD_Result send_answer(struct asking *asking, struct iso_http_visit *visit,
                                   const char *method, struct iso_http_answer *answer)
{
    char etag[160] = "";
    spare_body(asking, answer, etag, sizeof etag);
    if (answer->stream != NULL && answer->type == answer_type)
        answer->type = stream_type;
    if (answer->stream != NULL && strcmp(method, "HEAD") == 0)
        answer->stream = NULL;
    if (answer->stream != NULL && !iso_http_stream_begin(visit, answer))
        iso_http_problem(answer, 503, "Too many streams",
                         "As many streams are open as there may be: ask again later, "
                         "or ask for what is now");
    iso_http_visit_sends(visit, 0);
    if (answer->stream == NULL)
        body_take(asking->http, answer);
    struct MHD_Response *response = make_response(asking->http, visit, answer);
    if (response == NULL)
        return MHD_NO;
    add_headers(asking->http, answer, etag, response);
    enum MHD_Result queued =
        MHD_queue_response(asking->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

enum MHD_Result iso_http_handle(void *user, struct MHD_Connection *connection,
                                const char *url, const char *method,
                                const char *version, const char *upload, size_t *size,
                                void **context)
{
    struct iso_http_visit *visit = *context;
    struct asking asking = {.http = user, .connection = connection};
    struct iso_http_answer answer = {.status = MHD_HTTP_OK, .type = answer_type};
    bool first = !visit->heard;
    (void)url;
    (void)upload;
    *size = 0;
    visit->heard = true;
    iso_http_visit_heard(visit, first);
    if (first && !has_body(connection))
        return MHD_YES;
    if (!refuse_head(&asking, visit, &answer) &&
        !refuse_host(&asking, version, &answer) && !refuse_token(&asking, &answer) &&
        !refuse_method(method, &answer) && !refuse_body(&asking, &answer))
        find_route(&asking, &answer);
    return send_answer(&asking, visit, method, &answer);
}
