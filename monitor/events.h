/* events.h - what happened, the newest ISO_WATCH_EVENTS_MAX of it; private to this
 * room.
 */
#ifndef ISO_MONITOR_EVENTS_H
#define ISO_MONITOR_EVENTS_H

#include "monitor/watch.h"

/* Zero is empty. */
struct events {
    struct iso_watch_event *ring; /* event n is at n % ISO_WATCH_EVENTS_MAX */
    uint64_t newest;              /* its id; 0: none */
};
void iso_events_release(struct events *events);

/* Gives it the next id. */
void iso_events_add(struct events *events, const struct iso_watch_event *event);

size_t iso_events_read(const struct events *events, uint64_t after,
                       struct iso_watch_event *to, size_t max);

#endif
