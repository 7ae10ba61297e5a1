/* tell.h - what of a look is news: it turns what is held into events; private to this
 * room.
 *
 * A quiet system has no news, and neither has a busy one: a pair is told of when
 * another state is held than was told last, a verdict when it is grave, or when regions
 * were apart for longer than traffic keeps them, a clock and a cluster when two looks
 * agree. That a cluster is not heard is one event, not one of each pair behind it.
 */
#ifndef ISO_MONITOR_TELL_H
#define ISO_MONITOR_TELL_H

#include "monitor/tracks.h"

/* What is remembered by name; private to tell.c. `stores` is of a region in one
 * collection, `clock` and `started_ms` of a region or a cluster. */
struct tell_subject {
    char name[ISO_COLLECTION_NAME_MAX + 1 + ISO_REGION_NAME_MAX + 1];
    bool seen;         /* in the look at hand */
    struct hold hold;  /* verdict; does it answer? */
    struct hold clock; /* is it off? */
    char clock_why[128];
    int64_t started_ms;
    uint64_t *stores; /* by partition; 0: not heard yet */
    uint64_t store_told;
    enum iso_verdict_state verdict;
    int64_t verdict_since_ms;
    enum iso_verdict_state verdict_told;
};

struct tell_book {
    struct tell_subject **subjects;
    size_t count, room;
};

struct tell {
    struct hold_rule rule, verdict_rule;
    struct tell_book clusters, collections, stores, regions;
    size_t clocks_off;              /* regions in whose name iso_tell_clock answers */
    struct iso_watch_event *events; /* of the look at hand */
    size_t event_count, event_room;
};

void iso_tell_init(struct tell *tell, int64_t interval_ms);
void iso_tell_release(struct tell *tell);

/* A look: begin, then each cluster, region, pair and verdict, then end, which forgets
 * what was not seen. The events of a look are there until the next begins. */
void iso_tell_begin(struct tell *tell);
void iso_tell_cluster(struct tell *tell, const struct iso_status_cluster *cluster,
                      int64_t now_ms);
/* stores[region->slices]: which store each slice is in; 0: not known. */
void iso_tell_region(struct tell *tell, const struct iso_lag_region *region,
                     const uint64_t *stores, int64_t now_ms);
void iso_tell_pair(struct tell *tell, struct track *track,
                   const struct iso_status_pair *pair, int64_t now_ms);
/* Fills in verdict_since_ms. */
void iso_tell_collection(struct tell *tell, struct iso_status_collection *collection,
                         int64_t now_ms);
void iso_tell_end(struct tell *tell);

/* A sentence when the clock of a region is off; NULL. Good until the next look. */
const char *iso_tell_clock(const struct tell *tell, const char *region);

#endif
