/* Rows come in the same order look after look, so the track of a row is nearly always
 * where it is expected; after a definition changed, all are searched. Nothing here can
 * fail.
 */
#include "monitor/tracks.h"

#include <stdio.h>

#include "base/mem.h"

/* ---- names ---- */

static uint64_t hash_text(uint64_t hash, const char *text) /* FNV-1a */
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_names(const char *collection, const char *source,
                           const char *target)
{
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), collection);
    return hash_text(hash_text(hash, source), target);
}

static bool is_of(const struct track *track, uint64_t hash,
                  const struct iso_lag_row *row)
{
    return track->hash == hash && strcmp(track->collection, row->collection) == 0 &&
           strcmp(track->source, row->source) == 0 &&
           strcmp(track->target, row->target) == 0;
}

/* ---- lists ---- */

static void track_free(struct track *track)
{
    if (track == NULL)
        return;
    iso_trend_release(&track->trend);
    iso_free(track);
}

static void list_release(struct track_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        track_free(list->tracks[i]);
    iso_free(list->tracks);
    *list = (struct track_list){0};
}

void iso_tracks_release(struct tracks *tracks)
{
    list_release(&tracks->list);
    list_release(&tracks->next);
}

/* Where in the old list it is; its count when nowhere. */
static size_t list_find(const struct tracks *tracks, uint64_t hash,
                        const struct iso_lag_row *row)
{
    const struct track_list *list = &tracks->list;
    for (size_t i = 0; i < list->count; i++) {
        size_t at = (tracks->expected + i) % list->count;
        if (is_of(list->tracks[at], hash, row))
            return at;
    }
    return list->count;
}

static struct track *track_new(uint64_t hash, const struct iso_lag_row *row)
{
    struct track *track = iso_alloc_zero(1, sizeof *track);
    track->hash = hash;
    snprintf(track->collection, sizeof track->collection, "%s", row->collection);
    snprintf(track->source, sizeof track->source, "%s", row->source);
    snprintf(track->target, sizeof track->target, "%s", row->target);
    return track;
}

struct track *iso_tracks_take(struct tracks *tracks, const struct iso_lag_row *row)
{
    struct track_list *next = &tracks->next;
    uint64_t hash = hash_names(row->collection, row->source, row->target);
    size_t at = list_find(tracks, hash, row);
    struct track *track = NULL;
    if (at < tracks->list.count) {
        track = tracks->list.tracks[at];
        tracks->expected = at + 1;
    } else {
        track = track_new(hash, row);
    }
    if (next->count == next->room) {
        next->room = next->room == 0 ? 16 : next->room * 2;
        next->tracks = iso_realloc(next->tracks, next->room * sizeof *next->tracks);
    }
    next->tracks[next->count++] = track;
    track->taken = true;
    return track;
}

void iso_tracks_end(struct tracks *tracks)
{
    struct track_list old = tracks->list;
    tracks->list = tracks->next;
    tracks->next = old;
    tracks->expected = 0;
}

void iso_tracks_sweep(struct tracks *tracks)
{
    for (size_t i = 0; i < tracks->next.count; i++) {
        if (!tracks->next.tracks[i]->taken)
            track_free(tracks->next.tracks[i]);
    }
    tracks->next.count = 0;
    for (size_t i = 0; i < tracks->list.count; i++)
        tracks->list.tracks[i]->taken = false;
}

const struct track *iso_tracks_find(const struct tracks *tracks,
                                    const struct iso_watch_pair *pair)
{
    const struct track_list *list = &tracks->list;
    const char *collection = pair->collection;
    uint64_t hash =
        collection == NULL ? 0 : hash_names(collection, pair->source, pair->target);
    for (size_t i = 0; i < list->count; i++) {
        const struct track *track = list->tracks[i];
        if (collection != NULL && track->hash != hash)
            continue;
        if (strcmp(track->source, pair->source) == 0 &&
            strcmp(track->target, pair->target) == 0 &&
            (collection == NULL || strcmp(track->collection, collection) == 0))
            return track;
    }
    return NULL;
}
