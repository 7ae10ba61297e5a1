/* A ring by id. Its memory is taken with the first event, so a quiet system takes none.
 * Nothing here can fail.
 */
#include "monitor/events.h"

#include "base/mem.h"

const char *iso_watch_kind_name(enum iso_watch_kind kind)
{
    switch (kind) {
    case ISO_WATCH_STATE:
        return "state";
    case ISO_WATCH_VERDICT:
        return "verdict";
    case ISO_WATCH_DAEMON:
        return "daemon";
    case ISO_WATCH_WARNING:
        return "warning";
    case ISO_WATCH_CLUSTER:
        return "cluster";
    }
    return "unknown";
}

void iso_events_release(struct events *events)
{
    iso_free(events->ring);
    *events = (struct events){0};
}

void iso_events_add(struct events *events, const struct iso_watch_event *event)
{
    if (events->ring == NULL)
        events->ring = iso_alloc_zero(ISO_WATCH_EVENTS_MAX, sizeof *events->ring);
    struct iso_watch_event *at = &events->ring[++events->newest % ISO_WATCH_EVENTS_MAX];
    *at = *event;
    at->id = events->newest;
}

size_t iso_events_read(const struct events *events, uint64_t after,
                       struct iso_watch_event *to, size_t max)
{
    uint64_t oldest = events->newest < ISO_WATCH_EVENTS_MAX
                          ? 1
                          : events->newest - ISO_WATCH_EVENTS_MAX + 1;
    uint64_t first = after < oldest ? oldest : after + 1;
    size_t count = 0;
    for (uint64_t id = first; id <= events->newest && count < max; id++)
        to[count++] = events->ring[id % ISO_WATCH_EVENTS_MAX];
    return count;
}
