/* Feeding what was asked of the logs: where they begin and end, how long they are kept,
 * whose clock stamps them, and what was seen of the records that wait.
 *
 * What was seen stays true while the log is the same, so it is kept as long as some
 * region stands inside what was looked at, and extended by the look that goes on where
 * it ended. Looks are forgotten when every region has gone on, so a place keeps about
 * as many as there are regions.
 */
#include "base/mem.h"
#include "monitor/table.h"

enum { SEEN_MAX = 2 * ISO_REGION_MAX }; /* of one place */

static struct table_place *place_find(struct iso_lag *lag, const char *name,
                                      uint16_t log, uint32_t partition,
                                      struct table_collection **collection)
{
    *collection = iso_table_collection(lag, name);
    int index = *collection == NULL ? -1 : iso_table_log(*collection, log);
    if (index < 0 || partition >= (*collection)->partitions)
        return NULL;
    return &(*collection)->logs[index].places[partition];
}

void iso_lag_feed_end(struct iso_lag *lag, const struct iso_lag_end *end)
{
    struct table_collection *collection;
    struct table_place *place =
        place_find(lag, end->collection, end->log, end->partition, &collection);
    if (place == NULL)
        return;
    memmove(place->marks + 1, place->marks, (TABLE_MARKS - 1) * sizeof *place->marks);
    place->marks[0] = (struct table_mark){place->end, place->asked_ms};
    place->begin = end->begin;
    place->end = end->end;
    place->asked_ms = end->asked_ms;
}

int64_t iso_table_mark_ms(const struct table_place *place, int64_t offset)
{
    for (size_t i = 0; i < TABLE_MARKS; i++) {
        if (place->marks[i].end >= 0 && place->marks[i].end <= offset)
            return place->marks[i].asked_ms;
    }
    return ISO_UNKNOWN_MS;
}

void iso_lag_feed_retention(struct iso_lag *lag, const char *collection, uint16_t log,
                            int64_t retention_ms)
{
    struct table_collection *at = iso_table_collection(lag, collection);
    int index = at == NULL ? -1 : iso_table_log(at, log);
    if (index >= 0)
        at->logs[index].retention_ms =
            retention_ms < -1 ? ISO_UNKNOWN_MS : retention_ms;
}

void iso_table_feed_clock(struct iso_lag *lag, const char *cluster, int64_t clock_ms,
                          int64_t error_ms)
{
    uint16_t at = iso_table_cluster(lag, cluster);
    bool off =
        clock_ms > TABLE_CLOCK_TOLERANCE_MS || clock_ms < -TABLE_CLOCK_TOLERANCE_MS;
    if (at == TABLE_NO_CLUSTER || clock_ms == ISO_UNKNOWN_MS)
        return;
    lag->clusters[at].clock_ms = off ? clock_ms : 0;
    lag->clusters[at].clock_known = true;
    lag->clusters[at].ahead_ms = iso_table_less_ms(clock_ms, -error_ms);
}

void iso_lag_feed_clock(struct iso_lag *lag, const char *cluster, int64_t clock_ms)
{
    iso_table_feed_clock(lag, cluster, clock_ms, 0);
}

/* ---- what was seen ---- */

void iso_table_place_release(struct table_place *place)
{
    for (size_t i = 0; i < place->seen_count; i++)
        iso_free(place->seen[i].firsts);
    iso_free(place->seen);
    *place = (struct table_place){.begin = -1, .end = -1};
    for (size_t i = 0; i < TABLE_MARKS; i++)
        place->marks[i].end = -1;
}

const struct table_seen *iso_table_seen(const struct table_place *place, int64_t offset)
{
    const struct table_seen *best = NULL;
    for (size_t i = 0; i < place->seen_count; i++) {
        const struct table_seen *seen = &place->seen[i];
        if (seen->offset <= offset && offset < seen->upto &&
            (best == NULL || best->offset < seen->offset))
            best = seen;
    }
    return best;
}

static bool somebody_stands_in(const struct table_collection *collection, size_t index,
                               uint32_t partition, const struct table_seen *seen)
{
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++) {
        const struct table_report *report =
            iso_table_known(collection, region, partition);
        if (report == NULL)
            continue;
        int64_t frontier = iso_table_frontier(report, index);
        if (seen->offset <= frontier && frontier < seen->upto)
            return true;
    }
    return false;
}

/* Forgets the looks at what every region has applied. */
static void seen_sweep(const struct table_collection *collection, size_t index,
                       uint32_t partition, struct table_place *place)
{
    size_t kept = 0;
    for (size_t i = 0; i < place->seen_count; i++) {
        if (somebody_stands_in(collection, index, partition, &place->seen[i]))
            place->seen[kept++] = place->seen[i];
        else
            iso_free(place->seen[i].firsts);
    }
    place->seen_count = kept;
}

static bool seen_has(const struct table_seen *seen, uint32_t region)
{
    for (size_t i = 0; i < seen->first_count; i++) {
        if (seen->firsts[i].region == region)
            return true;
    }
    return false;
}

/* Adds what a look found that goes on where this one ended. */
static void seen_extend(struct table_seen *seen, const struct iso_lag_seen *more)
{
    seen->firsts =
        iso_realloc(seen->firsts,
                    (seen->first_count + more->first_count + 1) * sizeof *seen->firsts);
    for (size_t i = 0; i < more->first_count; i++) {
        struct iso_lag_first first = more->firsts[i];
        if (first.region > ISO_REGION_MAX || seen_has(seen, first.region))
            continue;
        if (first.offset < more->offset)
            first.offset = more->offset;
        seen->firsts[seen->first_count++] = first;
    }
    seen->upto = more->upto;
    if (more->upto_ms != ISO_UNKNOWN_MS)
        seen->upto_ms = more->upto_ms;
}

static void seen_put(struct table_place *place, const struct iso_lag_seen *look)
{
    for (size_t i = 0; i < place->seen_count; i++) {
        if (place->seen[i].offset != look->offset)
            continue;
        iso_free(place->seen[i].firsts); /* looked at again */
        place->seen[i] = place->seen[--place->seen_count];
        break;
    }
    if (place->seen_count == SEEN_MAX)
        return;
    if (place->seen_count == place->seen_room) {
        place->seen_room = place->seen_room == 0 ? 2 : place->seen_room * 2;
        place->seen = iso_realloc(place->seen, place->seen_room * sizeof *place->seen);
    }
    struct table_seen *seen = &place->seen[place->seen_count++];
    *seen = (struct table_seen){.offset = look->offset,
                                .append_ms = look->append_ms,
                                .upto_ms = ISO_UNKNOWN_MS};
    seen_extend(seen, look);
}

void iso_lag_feed_seen(struct iso_lag *lag, const struct iso_lag_seen *seen)
{
    struct table_collection *collection;
    struct table_place *place =
        place_find(lag, seen->collection, seen->log, seen->partition, &collection);
    if (place == NULL || seen->upto <= seen->offset)
        return;
    size_t index = (size_t)iso_table_log(collection, seen->log);
    bool stood_at = false;
    for (size_t i = 0; i < place->seen_count; i++) {
        if (place->seen[i].upto == seen->offset)
            seen_extend(&place->seen[i], seen);
    }
    for (unsigned region = 1; region <= ISO_REGION_MAX && !stood_at; region++) {
        const struct table_report *report =
            iso_table_known(collection, region, seen->partition);
        stood_at = report != NULL && iso_table_frontier(report, index) == seen->offset;
    }
    if (stood_at)
        seen_put(place, seen);
    seen_sweep(collection, index, seen->partition, place);
}
