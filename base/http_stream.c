/* Streams: a connection that has nothing to say is suspended, so it costs no thread; a
 * wake has the library ask each again.
 *
 *            reads `out` until it is sent, then asks the stream for more
 *      ┌────────────────────────────────────────────────────────────┐
 *      ▼                                                            │
 *   serving ── nothing more ──▶ asleep ── wake, or a time is up ────┘
 *
 * The stream is asked only when all that it gave is sent, so a client that does not
 * read holds what one call appended and no more; it is cut off when it does not read
 * for a while, and says where it was (Last-Event-ID) when it comes back. A wake that
 * comes between asking and falling asleep is seen by its count: nobody sleeps through
 * it.
 *
 * A suspended connection is not watched by the library: the ticker looks whether its
 * client hung up. One that is gone without a word is found by the line that is sent
 * when nothing else was for a while.
 */
#include "base/clock.h"
#include "base/http_visit.h"

enum { PIECE = 4096 };

static const char still_here[] = ":\n\n"; /* a comment: clients drop it */

/* ---- under the lock ---- */

void iso_http_stream_resume(struct iso_http_visit *visit)
{
    if (!visit->sleeps)
        return;
    visit->sleeps = false;
    visit->deadline_ms = iso_steady_ms(&iso_clock_machine) + visit->http->timeout_ms;
    MHD_resume_connection(visit->connection);
}

/* ---- any thread ---- */

void iso_http_wake(struct iso_http *http)
{
    if (http == NULL)
        return;
    pthread_mutex_lock(&http->lock);
    http->wakes++;
    for (struct iso_http_visit *visit = http->visits; visit != NULL;
         visit = visit->next)
        iso_http_stream_resume(visit);
    pthread_mutex_unlock(&http->lock);
}

/* ---- the library's threads ---- */

bool iso_http_stream_begin(struct iso_http_visit *visit,
                           const struct iso_http_answer *answer)
{
    struct iso_http *http = visit->http;
    pthread_mutex_lock(&http->lock);
    bool may = http->stream_count < (http->connections_max + 1) / 2;
    if (may) {
        http->stream_count++;
        visit->streams = true;
    }
    pthread_mutex_unlock(&http->lock);
    visit->stream = answer->stream;
    visit->at = answer->stream_at;
    visit->ended = false;
    visit->sent = 0;
    iso_buf_clear(&visit->out);
    iso_buf_add_bytes(&visit->out, iso_bytes_text(still_here)); /* sends the head */
    return may;
}

void iso_http_stream_end(struct iso_http_visit *visit)
{
    pthread_mutex_lock(&visit->http->lock);
    if (visit->streams)
        visit->http->stream_count--;
    visit->streams = visit->sleeps = false;
    pthread_mutex_unlock(&visit->http->lock);
    iso_buf_release(&visit->out);
}

/* Falls asleep, unless there was a wake since `wakes`. */
static bool fall_asleep(struct iso_http_visit *visit, uint64_t wakes)
{
    struct iso_http *http = visit->http;
    pthread_mutex_lock(&http->lock);
    bool sleeps = http->wakes == wakes && !http->closing && !visit->leaving;
    if (sleeps) {
        visit->sleeps = true;
        visit->deadline_ms = 0;
        MHD_suspend_connection(visit->connection);
    }
    pthread_mutex_unlock(&http->lock);
    return sleeps;
}

static bool take_turn(struct iso_http_visit *visit, uint64_t *wakes, bool *silent)
{
    struct iso_http *http = visit->http;
    int64_t now_ms = iso_steady_ms(&iso_clock_machine);
    pthread_mutex_lock(&http->lock);
    bool on = !http->closing && !visit->leaving && !visit->ended;
    *wakes = http->wakes;
    *silent = now_ms - visit->sent_ms >= http->timeout_ms;
    pthread_mutex_unlock(&http->lock);
    return on;
}

/* What there is of `out` goes to `to`. */
static ssize_t send_out(struct iso_http_visit *visit, char *to, size_t room)
{
    size_t size = visit->out.size - visit->sent;
    if (size > room)
        size = room;
    memcpy(to, visit->out.data + visit->sent, size);
    visit->sent += size;
    iso_http_visit_sends(visit, 0);
    return (ssize_t)size;
}

/* The library asks for more. It may hold the lock of the answer, never one of its own.
 */
static ssize_t read_on(void *user, uint64_t position, char *to, size_t room)
{
    struct iso_http_visit *visit = user;
    uint64_t wakes;
    bool silent;
    (void)position;
    while (visit->sent == visit->out.size) {
        if (!take_turn(visit, &wakes, &silent))
            return MHD_CONTENT_READER_END_OF_STREAM;
        iso_buf_clear(&visit->out);
        visit->sent = 0;
        visit->ended = !visit->stream(visit->http->user, &visit->at, &visit->out);
        if (visit->out.size > 0 || visit->ended)
            continue;
        if (silent)
            iso_buf_add_bytes(&visit->out, iso_bytes_text(still_here));
        else if (fall_asleep(visit, wakes))
            return 0;
    }
    return send_out(visit, to, room);
}

struct MHD_Response *iso_http_stream_response(struct iso_http_visit *visit)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_on, visit,
                                             NULL);
}
