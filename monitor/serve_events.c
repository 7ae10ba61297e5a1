/* /v1/events, as a list, or as server-sent events (WHATWG HTML, section 9.2) for who
 * accepts text/event-stream.
 *
 * A stream's place is the id of the last event that it was sent, and, above that, which
 * beat it was sent: a comment every now and then, so that whoever stands between does
 * not take the connection for dead. Ids begin anew with the monitor; an id that was
 * never given is from a life before, and is answered with all that is remembered.
 */
#include "base/mem.h"
#include "monitor/serve_v1.h"
#include "monitor/view_parts.h"

enum { EVENTS_AT_ONCE = 32, BEAT_LOOKS = 15, BEAT_SHIFT = 48, BEAT_NONE = 0xffff };

static const uint64_t id_mask = (UINT64_C(1) << BEAT_SHIFT) - 1;

/* ---- which events ---- */

/* False: it is no id, which was answered. *given: `after` was said. */
static bool wants_after(const struct iso_http_request *request, bool *given,
                        uint64_t *after, struct iso_http_answer *answer)
{
    const char *text = iso_http_header(request, "Last-Event-ID");
    if (text == NULL)
        text = iso_http_query(request, "after");
    *given = text != NULL;
    *after = 0;
    if (text == NULL)
        return true;
    size_t at = 0;
    for (; text[at] >= '0' && text[at] <= '9' && *after <= id_mask / 10 - 1; at++)
        *after = *after * 10 + (uint64_t)(text[at] - '0');
    if (at > 0 && text[at] == '\0')
        return true;
    iso_http_problem(
        answer, 400, "No id of an event",
        "\"%s\" is no number: give the id of the last event that you have, "
        "or 0 for all that are remembered",
        text);
    return false;
}

/* The newest id there is; 0: there was no event yet. */
static uint64_t newest_id(struct iso_watch *watch)
{
    struct iso_watch_event *events =
        iso_alloc_zero(ISO_WATCH_EVENTS_MAX, sizeof *events);
    size_t count = iso_watch_events(watch, 0, events, ISO_WATCH_EVENTS_MAX);
    uint64_t id = count > 0 ? events[count - 1].id : 0;
    iso_free(events);
    return id;
}

/* ---- as a list ---- */

static void list_write(struct iso_serve *serve, uint64_t after, struct iso_buf *out)
{
    struct iso_watch_event *events =
        iso_alloc_zero(ISO_WATCH_EVENTS_MAX, sizeof *events);
    size_t count =
        iso_watch_events(serve->options->watch, after, events, ISO_WATCH_EVENTS_MAX);
    json_t *object = json_object(), *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, iso_view_event(&events[i]));
    iso_view_put(object, "events", list);
    iso_view_put_count(object, "next", count > 0 ? events[count - 1].id : after);
    iso_view_write(object, out);
    iso_free(events);
}

/* ---- as a stream ---- */

static void beat_write(struct iso_serve *serve, uint64_t *at, struct iso_buf *out)
{
    pthread_mutex_lock(&serve->mutex);
    uint64_t beat = serve->self.looks / BEAT_LOOKS % BEAT_NONE;
    pthread_mutex_unlock(&serve->mutex);
    uint64_t last = *at >> BEAT_SHIFT;
    if (last == BEAT_NONE)
        iso_buf_print(out, "retry: 2000\n\n"); /* the first that is sent */
    else if (last != beat)
        iso_buf_print(out, ":\n\n");
    *at = beat << BEAT_SHIFT | (*at & id_mask);
}

static bool stream_write(void *user, uint64_t *at, struct iso_buf *out)
{
    struct iso_serve *serve = user;
    struct iso_watch_event events[EVENTS_AT_ONCE];
    beat_write(serve, at, out);
    size_t count =
        iso_watch_events(serve->options->watch, *at & id_mask, events, EVENTS_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        iso_buf_print(out,
                      "id: %llu\nevent: %s\ndata: ", (unsigned long long)events[i].id,
                      iso_watch_kind_name(events[i].kind));
        iso_view_write(iso_view_event(&events[i]), out); /* one line */
        iso_buf_add_u8(out, '\n');
        *at = (*at & ~id_mask) | events[i].id;
    }
    return true;
}

static bool wants_stream(const struct iso_http_request *request)
{
    const char *accept = iso_http_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/event-stream") != NULL;
}

void iso_serve_v1_events(void *user, const struct iso_http_request *request,
                         struct iso_http_answer *answer)
{
    struct iso_serve *serve = user;
    bool given;
    uint64_t after;
    if (!wants_after(request, &given, &after, answer))
        return;
    uint64_t newest = newest_id(serve->options->watch);
    if (after > newest)
        after = 0;
    if (!wants_stream(request)) {
        list_write(serve, after, &answer->body);
        return;
    }
    if (!given)
        after = newest;
    answer->type = "text/event-stream";
    answer->stream = stream_write;
    answer->stream_at = (uint64_t)BEAT_NONE << BEAT_SHIFT | after;
}
