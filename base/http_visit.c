/* Connections: how many there are, and how long each may take.
 *
 * The library only knows a time without any byte, which a client that sends one byte
 * now and then never reaches. So each visit has one deadline for what it is at: to
 * finish the head of a request (from its beginning, or from the answer before it), to
 * take an answer, to take a piece of a stream. The ticker looks at all of them and
 * shuts down the sockets of who is late; the library sees the end of the connection and
 * takes it away.
 *
 * How it can fail: more connections than there may be are closed at once and counted;
 * before that, one that is between two requests has to go.
 */
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/http_visit.h"
#include "base/mem.h"

enum { TICK_MIN_MS = 20, TICK_MAX_MS = 1000 };

static int64_t steady_ms(void)
{
    return iso_steady_ms(&iso_clock_machine);
}

/* ---- under the lock ---- */

static void set_idle(struct iso_http_visit *visit, bool idle)
{
    if (visit->idle == idle)
        return;
    visit->idle = idle;
    if (idle)
        visit->http->idle_count++;
    else
        visit->http->idle_count--;
}

static void cut_off(struct iso_http_visit *visit)
{
    if (visit->leaving)
        return;
    visit->leaving = true;
    visit->deadline_ms = 0;
    visit->http->leaving_count++;
    set_idle(visit, false);
    shutdown(visit->fd, SHUT_RDWR);
}

/* Makes room: who has been idle for longest goes. Those who came last stand first. */
static bool cut_off_idle(struct iso_http *http)
{
    struct iso_http_visit *oldest = NULL;
    if (http->idle_count == 0)
        return false;
    for (struct iso_http_visit *visit = http->visits; visit != NULL;
         visit = visit->next)
        if (visit->idle &&
            (oldest == NULL || visit->deadline_ms <= oldest->deadline_ms))
            oldest = visit;
    iso_assert(oldest != NULL);
    cut_off(oldest);
    return true;
}

/* ---- the ticker ---- */

/* The library does not watch a stream that sleeps: has its client hung up? */
static bool has_left(const struct iso_http_visit *visit)
{
    struct pollfd end = {.fd = visit->fd, .events = POLLRDHUP};
    return poll(&end, 1, 0) > 0;
}

static void tick_one(struct iso_http_visit *visit, int64_t now_ms)
{
    bool late = visit->deadline_ms != 0 && visit->deadline_ms <= now_ms;
    bool left = visit->sleeps && has_left(visit);
    bool quiet = visit->sleeps && now_ms - visit->sent_ms >= visit->http->timeout_ms;
    if (left || quiet)
        iso_http_stream_resume(visit);
    if (left || late)
        cut_off(visit);
}

static void tick(struct iso_http *http, int64_t now_ms)
{
    for (struct iso_http_visit *visit = http->visits; visit != NULL;
         visit = visit->next)
        tick_one(visit, now_ms);
}

static void *tick_on(void *user)
{
    struct iso_http *http = user;
    int64_t every_ms = http->timeout_ms / 8;
    if (every_ms < TICK_MIN_MS)
        every_ms = TICK_MIN_MS;
    if (every_ms > TICK_MAX_MS)
        every_ms = TICK_MAX_MS;
    pthread_mutex_lock(&http->lock);
    while (!http->closing) {
        int64_t until_ms = steady_ms() + every_ms;
        struct timespec until = {.tv_sec = until_ms / 1000,
                                 .tv_nsec = until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&http->turn, &http->lock, &until);
        tick(http, steady_ms());
        pthread_mutex_unlock(&http->lock);
        iso_http_tls_follow(http->tls, steady_ms());
        pthread_mutex_lock(&http->lock);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

enum iso_err iso_http_ticker_start(struct iso_http *http, struct iso_why *why)
{
    if (pthread_create(&http->ticker, NULL, tick_on, http) != 0)
        return iso_fail(why, ISO_UNAVAILABLE,
                        "HTTP: no thread can be started: raise the limit of threads");
    http->ticking = true;
    return ISO_OK;
}

void iso_http_ticker_stop(struct iso_http *http)
{
    pthread_mutex_lock(&http->lock);
    http->closing = true;
    for (struct iso_http_visit *visit = http->visits; visit != NULL;
         visit = visit->next)
        iso_http_stream_resume(visit);
    pthread_cond_signal(&http->turn);
    pthread_mutex_unlock(&http->lock);
    if (http->ticking)
        pthread_join(http->ticker, NULL);
}

/* ---- what the library tells ---- */

enum MHD_Result iso_http_admit(void *user, const struct sockaddr *from, socklen_t size)
{
    struct iso_http *http = user;
    (void)from;
    (void)size;
    pthread_mutex_lock(&http->lock);
    bool room = http->visit_count - http->leaving_count < http->connections_max;
    bool may = !http->closing && (room || cut_off_idle(http));
    if (!may)
        http->refused++;
    pthread_mutex_unlock(&http->lock);
    return may ? MHD_YES : MHD_NO;
}

static struct iso_http_visit *visit_new(struct iso_http *http,
                                        struct MHD_Connection *connection)
{
    struct iso_http_visit *visit = iso_alloc_zero(1, sizeof *visit);
    visit->http = http;
    visit->connection = connection;
    visit->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                    ->connect_fd;
    visit->deadline_ms = steady_ms() + http->timeout_ms;
    pthread_mutex_lock(&http->lock);
    visit->next = http->visits;
    if (visit->next != NULL)
        visit->next->prev = visit;
    http->visits = visit;
    http->visit_count++;
    pthread_mutex_unlock(&http->lock);
    return visit;
}

static void visit_free(struct iso_http_visit *visit)
{
    struct iso_http *http = visit->http;
    iso_http_stream_end(visit);
    pthread_mutex_lock(&http->lock);
    set_idle(visit, false);
    if (visit->leaving)
        http->leaving_count--;
    http->visit_count--;
    if (visit->prev != NULL)
        visit->prev->next = visit->next;
    else
        http->visits = visit->next;
    if (visit->next != NULL)
        visit->next->prev = visit->prev;
    pthread_mutex_unlock(&http->lock);
    iso_free(visit);
}

void iso_http_came(void *user, struct MHD_Connection *connection, void **visit,
                   enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *visit = visit_new(user, connection);
    } else {
        visit_free(*visit);
        *visit = NULL;
    }
}

void *iso_http_asked(void *user, const char *target, struct MHD_Connection *connection)
{
    (void)user;
    struct iso_http_visit *visit =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
            ->socket_context;
    size_t size = strlen(target);
    visit->too_long = size > ISO_HTTP_PATH_MAX;
    if (visit->too_long)
        size = ISO_HTTP_PATH_MAX;
    memcpy(visit->target, target, size);
    visit->target[size] = '\0';
    visit->heard = false;
    return visit;
}

void iso_http_answered(void *user, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode how)
{
    struct iso_http *http = user;
    struct iso_http_visit *visit = *context;
    (void)connection;
    if (visit == NULL)
        return;
    *context = NULL;
    iso_http_stream_end(visit);
    pthread_mutex_lock(&http->lock);
    if (!visit->leaving) {
        visit->deadline_ms = steady_ms() + http->timeout_ms;
        set_idle(visit, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    }
    pthread_mutex_unlock(&http->lock);
}

void iso_http_visit_heard(struct iso_http_visit *visit, bool first)
{
    pthread_mutex_lock(&visit->http->lock);
    visit->http->requests += first ? 1 : 0;
    set_idle(visit, false);
    pthread_mutex_unlock(&visit->http->lock);
}

void iso_http_visit_sends(struct iso_http_visit *visit, size_t size)
{
    pthread_mutex_lock(&visit->http->lock);
    visit->sent_ms = steady_ms();
    if (!visit->leaving)
        visit->deadline_ms =
            visit->sent_ms +
            visit->http->timeout_ms * (1 + (int64_t)(size / ISO_HTTP_TURN_SIZE));
    pthread_mutex_unlock(&visit->http->lock);
}
