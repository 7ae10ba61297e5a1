/* tracks.h - what is remembered from look to look of each pair of regions; private to
 * this room.
 *
 * A pair that is in no row any more is forgotten, with its trend. Only who looks
 * changes tracks. Who reads trends from other threads holds the lock that is held while
 * samples are added and while iso_tracks_end swaps the lists.
 */
#ifndef ISO_MONITOR_TRACKS_H
#define ISO_MONITOR_TRACKS_H

#include "monitor/judge.h"
#include "monitor/trend.h"

struct track {
    uint64_t hash; /* of the names */
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    char source[ISO_REGION_NAME_MAX + 1], target[ISO_REGION_NAME_MAX + 1];
    bool taken; /* in the look at hand */
    struct judge judge;
    struct trend trend;
    bool told, warned;          /* something was told of it; of retention, too */
    enum iso_lag_state told_of; /* the state that was told last */
};

struct track_list {
    struct track **tracks;
    size_t count, room;
};

/* Zero is empty. */
struct tracks {
    struct track_list list; /* as of the last look, in the order of its rows */
    struct track_list next; /* of the look at hand */
    size_t expected;        /* where in the list the next row's track should be */
};
void iso_tracks_release(struct tracks *tracks);

/* The track of the next row of this look: the one it had, or a new one. */
struct track *iso_tracks_take(struct tracks *tracks, const struct iso_lag_row *row);
/* All rows were taken: what was not is forgotten from now on, but not freed before
 * iso_tracks_sweep, so that a lock need only be held for this. */
void iso_tracks_end(struct tracks *tracks);
void iso_tracks_sweep(struct tracks *tracks);

/* In the list of the last look; NULL. */
const struct track *iso_tracks_find(const struct tracks *tracks,
                                    const struct iso_watch_pair *pair);

#endif
