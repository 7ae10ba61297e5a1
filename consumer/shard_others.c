/* What other regions have read of the same logs, by their reports: two whose running
 * hashes differ at one offset have not read the same log.
 *
 *   report ─▶ mark, newest record ─┬─ behind us: compared with our mark, if it is kept
 *                                  └─ ahead: remembered, compared when we get there
 *
 * Of each region and log two points are remembered: the nearest that is ahead of us,
 * which stays until we have come to it, and the newest. A region that found out by
 * itself says from which offset on; who has passed that stops as well, since one of the
 * two is wrong and nobody here can say which.
 *
 * Nothing is known of a region whose marks are older than those that are kept, or that
 * says nothing: then it is compared later. What a report says of another store than
 * before, or of less than before (a copy was put back), begins anew.
 */
#include "consumer/shard_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "consumer/apply_marks.h"

/* ---- one other region, one log ---- */

static struct shard_other *other_of(struct shard_feed *feed, uint8_t region)
{
    for (size_t i = 0; i < feed->other_count; i++) {
        if (feed->others[i].region == region)
            return &feed->others[i];
    }
    size_t room = (feed->other_count + 1) * sizeof *feed->others;
    feed->others = iso_realloc(feed->others, room);
    struct shard_other *other = &feed->others[feed->other_count++];
    *other = (struct shard_other){.region = region, .record = -1};
    return other;
}

static void other_begin(struct shard_other *other, const uint8_t store[16])
{
    memcpy(other->store, store, sizeof other->store);
    other->equal = other->ahead[0].offset = other->ahead[1].offset = -1;
}

static void ahead_update(struct shard_feed *feed)
{
    feed->ahead = INT64_MAX;
    for (size_t i = 0; i < feed->other_count; i++) {
        const struct shard_other *other = &feed->others[i];
        int64_t nearest = other->ahead[0].offset;
        if (nearest >= 0 && nearest < feed->ahead)
            feed->ahead = nearest;
        if (other->said.log != 0 && other->said.differs < feed->ahead)
            feed->ahead = other->said.differs;
    }
}

static void other_differs(struct iso_shard *shard, const struct shard_feed *feed,
                          const struct shard_other *other, int64_t offset)
{
    char how[ISO_REGION_NAME_MAX + 40];
    snprintf(how, sizeof how, "region %s has read other records", other->name);
    iso_shard_diverged(shard, feed,
                       &(struct iso_diverged){feed->log->number, other->equal, offset},
                       SHARD_OTHERS, how);
}

/* Both have read a record at the point's offset, we with this running hash. */
static void point_judge(struct iso_shard *shard, const struct shard_feed *feed,
                        struct shard_other *other, const struct shard_point *point,
                        struct iso_digest ours)
{
    if (!iso_digest_equal(ours, point->prefix))
        other_differs(shard, feed, other, point->offset);
    else if (point->offset > other->equal)
        other->equal = point->offset;
}

static void point_remember(struct shard_other *other, const struct shard_point *point)
{
    struct shard_point *nearest = &other->ahead[0];
    if (nearest->offset < 0 || point->offset < nearest->offset)
        *nearest = *point;
    else if (point->offset > nearest->offset)
        other->ahead[1] = *point;
}

/* A mark, which we keep as well, or what the other has read to. */
static void point_hear(struct iso_shard *shard, const struct shard_feed *feed,
                       struct shard_other *other, const struct shard_point *point)
{
    const struct iso_slice_log *log = iso_shard_feed_log(shard, feed);
    struct iso_why why = {0};
    struct iso_digest ours;
    if (log == NULL || point->offset > log->record_offset) {
        point_remember(other, point);
        return;
    }
    enum iso_err err =
        iso_apply_prefix_at(shard->slices[feed->slice].apply, feed->log->number,
                            point->offset, &ours, &why);
    if (err == ISO_OK)
        point_judge(shard, feed, other, point, ours);
    else if (err != ISO_NOT_FOUND)
        iso_log_why(ISO_WARN, "log.compare", &why);
}

/* What it found out itself concerns us as soon as we have passed it. */
static void other_said(struct iso_shard *shard, const struct shard_feed *feed,
                       const struct shard_other *other)
{
    const struct shard_slice *slice = &shard->slices[feed->slice];
    char how[ISO_REGION_NAME_MAX + 40];
    if (other->said.log == 0 || !shard_slice_runs(slice) ||
        iso_shard_feed_frontier(shard, feed) <= other->said.differs)
        return;
    snprintf(how, sizeof how, "region %s has found another log", other->name);
    iso_shard_diverged(shard, feed, &other->said, SHARD_HEARSAY, how);
}

void iso_shard_others_reached(struct iso_shard *shard, struct shard_feed *feed)
{
    const struct shard_slice *slice = &shard->slices[feed->slice];
    const struct iso_slice_log *log = iso_shard_feed_log(shard, feed);
    iso_assert(log != NULL); /* a record of it was applied */
    for (size_t i = 0; i < feed->other_count && shard_slice_runs(slice); i++) {
        struct shard_other *other = &feed->others[i];
        struct shard_point point = other->ahead[0];
        if (point.offset >= 0 && point.offset <= log->record_offset) {
            other->ahead[0] = other->ahead[1];
            other->ahead[1].offset = -1;
            if (point.offset == log->record_offset)
                point_judge(shard, feed, other, &point, log->prefix);
            else /* it has a record there, and we have none */
                other_differs(shard, feed, other, point.offset);
        }
        other_said(shard, feed, other);
    }
    ahead_update(feed);
}

/* ---- reports ---- */

static struct shard_feed *feed_find(struct iso_shard *shard, size_t slice, uint16_t log)
{
    for (size_t id = 0; id < shard->feed_count; id++) {
        if (shard->feeds[id].slice == slice && shard->feeds[id].log->number == log)
            return &shard->feeds[id];
    }
    return NULL;
}

static void log_hear(struct iso_shard *shard, struct shard_feed *feed,
                     const struct iso_slice_log *told)
{
    const struct iso_report *report = &shard->report;
    struct shard_other *other = other_of(feed, report->region_number);
    if (told->record_offset < other->record ||
        memcmp(other->store, report->store, sizeof other->store) != 0)
        other_begin(other, report->store);
    snprintf(other->name, sizeof other->name, "%s", report->region);
    other->record = told->record_offset;
    other->said = (struct iso_diverged){0};
    if (report->diverged.log == told->log)
        other->said = report->diverged;
    const struct shard_point points[] = {{told->mark_offset, told->mark},
                                         {told->record_offset, told->prefix}};
    for (size_t i = 0; i < 2 && feed->assigned; i++) {
        if (points[i].offset > other->equal)
            point_hear(shard, feed, other, &points[i]);
    }
    other_said(shard, feed, other);
    ahead_update(feed);
}

/* The slice that a report is about, by its key (schema/report.h), when it is one of
 * ours and of another region: most are not, and are not decoded. shard->slice_count:
 * none. */
static size_t slice_told(const struct iso_shard *shard, struct iso_bytes key)
{
    char text[ISO_REGION_NAME_MAX + ISO_COLLECTION_NAME_MAX + 64];
    size_t none = shard->slice_count;
    if (key.size >= sizeof text)
        return none;
    memcpy(text, key.data, key.size);
    text[key.size] = '\0';
    char *store = strchr(text, '/');
    char *collection = store != NULL ? strchr(store + 1, '/') : NULL;
    char *partition = collection != NULL ? strchr(collection + 1, '/') : NULL;
    if (partition == NULL)
        return none;
    *store = *partition = '\0';
    unsigned long number = strtoul(partition + 1, NULL, 10);
    if (strcmp(text, shard->options.region) == 0)
        return none;
    for (size_t i = 0; i < shard->slice_count; i++) {
        if (shard->slices[i].partition == number &&
            strcmp(shard->slices[i].collection->name, collection + 1) == 0)
            return i;
    }
    return none;
}

void iso_shard_others_hear(struct iso_shard *shard, const struct iso_record *record)
{
    struct iso_report *report = &shard->report;
    if (!record->has_key || !record->has_value)
        return;
    size_t i = slice_told(shard, record->key);
    if (i == shard->slice_count || !shard_slice_runs(&shard->slices[i]) ||
        shard->slices[i].apply == NULL ||
        iso_report_decode(record->value, report, NULL) != ISO_OK)
        return;
    const struct iso_slice *ours = iso_apply_slice(shard->slices[i].apply);
    const struct iso_slice *told = &report->slice;
    if (report->region_number == shard->region || told->partition != ours->partition ||
        memcmp(told->definition_id, ours->definition_id, sizeof ours->definition_id) !=
            0)
        return;
    for (size_t n = 0; n < told->log_count; n++) {
        struct shard_feed *feed = feed_find(shard, i, told->logs[n].log);
        if (feed != NULL && feed->assigned && !feed->proof.wanted)
            log_hear(shard, feed, &told->logs[n]);
    }
}
