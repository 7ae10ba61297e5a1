/* Books of what was told, by name. The first look tells nothing that is in order.
 *
 * One daemon serves several collections, so its start and its clock are told once, by
 * the name of its region; which stores it has is a matter of each collection. Nothing
 * here can fail.
 */
#include "monitor/tell.h"

#include <stdio.h>

#include "base/mem.h"

enum {
    VERDICT_PATIENCE = HOLD_LOOKS_MAX, /* traffic keeps regions apart for so long */
    APART_LOOKS = 10,                  /* and APART_MS: no longer one after the other */
    APART_MS = 60000,
};

/* How bad a verdict is. Which of the two in the middle it is is no news. */
enum { LEVEL_CONVERGED, LEVEL_APART, LEVEL_UNKNOWN, LEVEL_DIVERGED };

void iso_tell_init(struct tell *tell, int64_t interval_ms)
{
    int64_t most_ms = interval_ms * APART_LOOKS;
    *tell = (struct tell){
        .rule = {.enter = ISO_WATCH_ENTER,
                 .leave = ISO_WATCH_LEAVE,
                 .apart_least_ms = interval_ms / 2,
                 .apart_most_ms = most_ms < APART_MS ? APART_MS : most_ms}};
    tell->verdict_rule = tell->rule;
    tell->verdict_rule.patience = VERDICT_PATIENCE;
    tell->verdict_rule.grave = LEVEL_UNKNOWN;
}

/* ---- books ---- */

static struct tell_subject *book_find(const struct tell_book *book, const char *name)
{
    for (size_t i = 0; i < book->count; i++) {
        if (strcmp(book->subjects[i]->name, name) == 0)
            return book->subjects[i];
    }
    return NULL;
}

static struct tell_subject *book_take(struct tell_book *book, const char *name)
{
    struct tell_subject *subject = book_find(book, name);
    if (subject == NULL) {
        subject = iso_alloc_zero(1, sizeof *subject);
        snprintf(subject->name, sizeof subject->name, "%s", name);
        subject->started_ms = ISO_UNKNOWN_MS;
        if (book->count == book->room) {
            book->room = book->room == 0 ? 16 : book->room * 2;
            book->subjects =
                iso_realloc(book->subjects, book->room * sizeof(*book->subjects));
        }
        book->subjects[book->count++] = subject;
    }
    subject->seen = true;
    return subject;
}

static void subject_free(struct tell_subject *subject)
{
    iso_free(subject->stores);
    iso_free(subject);
}

static void book_sweep(struct tell_book *book)
{
    size_t kept = 0;
    for (size_t i = 0; i < book->count; i++) {
        struct tell_subject *subject = book->subjects[i];
        if (!subject->seen) {
            subject_free(subject);
            continue;
        }
        subject->seen = false;
        book->subjects[kept++] = subject;
    }
    book->count = kept;
}

static void book_release(struct tell_book *book)
{
    for (size_t i = 0; i < book->count; i++)
        subject_free(book->subjects[i]);
    iso_free(book->subjects);
    *book = (struct tell_book){0};
}

void iso_tell_release(struct tell *tell)
{
    book_release(&tell->clusters);
    book_release(&tell->collections);
    book_release(&tell->stores);
    book_release(&tell->regions);
    iso_free(tell->events);
    *tell = (struct tell){0};
}

void iso_tell_begin(struct tell *tell)
{
    tell->event_count = 0;
}

void iso_tell_end(struct tell *tell)
{
    book_sweep(&tell->clusters);
    book_sweep(&tell->collections);
    book_sweep(&tell->stores);
    book_sweep(&tell->regions);
    tell->clocks_off = 0;
    for (size_t i = 0; i < tell->regions.count; i++)
        tell->clocks_off += tell->regions.subjects[i]->clock.level != 0;
}

/* ---- events ---- */

static struct iso_watch_event *event_add(struct tell *tell, enum iso_watch_kind kind,
                                         int64_t now_ms)
{
    if (tell->event_count == tell->event_room) {
        tell->event_room = tell->event_room == 0 ? 16 : tell->event_room * 2;
        tell->events =
            iso_realloc(tell->events, tell->event_room * sizeof *tell->events);
    }
    struct iso_watch_event *event = &tell->events[tell->event_count++];
    *event = (struct iso_watch_event){.kind = kind, .at_ms = now_ms};
    return event;
}

static struct judge_text why_of(struct iso_watch_event *event)
{
    return (struct judge_text){.text = event->why, .room = sizeof event->why};
}

static void change(struct iso_watch_event *event, const char *was, const char *is)
{
    snprintf(event->was, sizeof event->was, "%s", was);
    snprintf(event->is, sizeof event->is, "%s", is);
}

/* ---- clocks ---- */

/* Takes in how far a clock is off, give or take, and tells when that begins or ends. */
static void clock_take(struct tell *tell, struct tell_subject *subject, int64_t ms,
                       int64_t error_ms, int64_t now_ms)
{
    int64_t off_ms = ms < 0 ? -(ms + 1) : ms;
    bool off = off_ms > JUDGE_CLOCK_MS && off_ms - JUDGE_CLOCK_MS > error_ms;
    bool was = subject->clock.level != 0;
    iso_hold_take(&subject->clock, &tell->rule, off, now_ms);
    bool is = subject->clock.level != 0;
    if (was == is)
        return;
    struct iso_watch_event *event = event_add(tell, ISO_WATCH_WARNING, now_ms);
    struct judge_text why = why_of(event);
    change(event, was ? "clock" : "", is ? "clock" : "");
    if (is)
        iso_judge_print(&why, "%s: see its time synchronisation", subject->clock_why);
    else
        iso_judge_print(&why, "the clock of %s is right again", subject->name);
}

static struct judge_text clock_text(struct tell_subject *subject)
{
    return (struct judge_text){.text = subject->clock_why,
                               .room = sizeof subject->clock_why};
}

const char *iso_tell_clock(const struct tell *tell, const char *region)
{
    const struct tell_subject *subject =
        tell->clocks_off == 0 ? NULL : book_find(&tell->regions, region);
    return subject != NULL && subject->clock.level != 0 ? subject->clock_why : NULL;
}

/* ---- clusters ---- */

void iso_tell_cluster(struct tell *tell, const struct iso_status_cluster *cluster,
                      int64_t now_ms)
{
    struct tell_subject *subject = book_take(&tell->clusters, cluster->name);
    bool was = subject->hold.level != 0;
    iso_hold_take(&subject->hold, &tell->rule, !cluster->answers, now_ms);
    bool is = subject->hold.level != 0;
    if (was != is) {
        struct iso_watch_event *event = event_add(tell, ISO_WATCH_CLUSTER, now_ms);
        struct judge_text why = why_of(event);
        change(event, was ? "away" : "answers", is ? "away" : "answers");
        if (is)
            iso_judge_print(&why, "cluster %s does not answer the monitor: %s",
                            cluster->name, cluster->why);
        else
            iso_judge_print(&why, "cluster %s answers again", cluster->name);
    }
    if (!cluster->has_clock)
        return;
    struct judge_text text = clock_text(subject);
    char whose[96];
    snprintf(whose, sizeof whose, "cluster %s", cluster->name);
    iso_judge_clock(&text, whose, cluster->clock_ms, "the monitor's");
    clock_take(tell, subject, cluster->clock_ms, cluster->clock_error_ms, now_ms);
}

/* ---- regions ---- */

static void start_take(struct tell *tell, struct tell_subject *subject,
                       const struct iso_lag_region *region, int64_t now_ms)
{
    int64_t was_ms = subject->started_ms;
    if (region->started_ms == ISO_UNKNOWN_MS || region->started_ms <= was_ms)
        return;
    subject->started_ms = region->started_ms;
    if (was_ms == ISO_UNKNOWN_MS)
        return;
    struct iso_watch_event *event = event_add(tell, ISO_WATCH_DAEMON, now_ms);
    struct judge_text why = why_of(event);
    snprintf(event->source, sizeof event->source, "%s", region->region);
    change(event, "", "restarted");
    iso_judge_print(&why, "the daemon of %s was started anew", region->region);
    if (region->software[0] != '\0')
        iso_judge_print(&why, ", isostasyd %s", region->software);
    iso_judge_print(&why, "; the one before had run for ");
    iso_judge_duration(&why, region->started_ms - was_ms);
}

/* The store of which it is not told yet that it took over a slice from another; 0. */
static uint64_t stores_changed(struct tell_subject *subject, const uint64_t *stores,
                               size_t count)
{
    uint64_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        if (stores[i] == 0 || stores[i] == subject->stores[i])
            continue;
        if (subject->stores[i] != 0 && stores[i] != subject->store_told)
            changed = stores[i];
        subject->stores[i] = stores[i];
    }
    return changed;
}

static void stores_take(struct tell *tell, const struct iso_lag_region *region,
                        const uint64_t *stores, int64_t now_ms)
{
    char name[sizeof((struct tell_subject *)NULL)->name];
    snprintf(name, sizeof name, "%s/%s", region->collection, region->region);
    struct tell_subject *subject = book_take(&tell->stores, name);
    if (subject->stores == NULL)
        subject->stores = iso_alloc_zero(region->slices + 1, sizeof *subject->stores);
    uint64_t changed = stores_changed(subject, stores, region->slices);
    if (changed == 0)
        return;
    subject->store_told = changed;
    struct iso_watch_event *event = event_add(tell, ISO_WATCH_DAEMON, now_ms);
    struct judge_text why = why_of(event);
    snprintf(event->collection, sizeof event->collection, "%s", region->collection);
    snprintf(event->source, sizeof event->source, "%s", region->region);
    change(event, "", "replaced");
    iso_judge_print(&why,
                    "another store holds %s in %s from now on: was it restored, or "
                    "built anew?",
                    region->collection, region->region);
}

void iso_tell_region(struct tell *tell, const struct iso_lag_region *region,
                     const uint64_t *stores, int64_t now_ms)
{
    struct tell_subject *subject = book_take(&tell->regions, region->region);
    stores_take(tell, region, stores, now_ms);
    start_take(tell, subject, region, now_ms);
    if (!region->has_clock)
        return;
    size_t events = tell->event_count;
    struct judge_text text = clock_text(subject);
    iso_judge_clock(&text, region->region, region->clock_ms, "its brokers");
    clock_take(tell, subject, region->clock_ms, region->clock_error_ms, now_ms);
    if (tell->event_count > events)
        snprintf(tell->events[events].source, sizeof tell->events[events].source, "%s",
                 region->region);
}

/* ---- pairs ---- */

static struct iso_watch_event *pair_event(struct tell *tell, enum iso_watch_kind kind,
                                          const struct iso_lag_row *row, int64_t now_ms)
{
    struct iso_watch_event *event = event_add(tell, kind, now_ms);
    snprintf(event->collection, sizeof event->collection, "%s", row->collection);
    snprintf(event->source, sizeof event->source, "%s", row->source);
    snprintf(event->target, sizeof event->target, "%s", row->target);
    return event;
}

static void state_tell(struct tell *tell, struct track *track,
                       const struct iso_status_pair *pair, int64_t now_ms)
{
    bool quiet = pair->state == ISO_LAG_OK || pair->state == ISO_LAG_UNKNOWN;
    if (strcmp(pair->rule, "unknown.blind") == 0)
        return; /* the cluster is the news */
    if (track->told ? track->told_of == pair->state : quiet) {
        track->told = true;
        track->told_of = pair->state;
        return;
    }
    struct iso_watch_event *event =
        pair_event(tell, ISO_WATCH_STATE, &pair->row, now_ms);
    change(event, track->told ? iso_lag_state_name(track->told_of) : "",
           iso_lag_state_name(pair->state));
    memcpy(event->why, pair->why, sizeof event->why);
    track->told = true;
    track->told_of = pair->state;
}

void iso_tell_pair(struct tell *tell, struct track *track,
                   const struct iso_status_pair *pair, int64_t now_ms)
{
    state_tell(tell, track, pair, now_ms);
    if (pair->retention_warning == track->warned)
        return;
    struct iso_watch_event *event =
        pair_event(tell, ISO_WATCH_WARNING, &pair->row, now_ms);
    struct judge_text why = why_of(event);
    change(event, track->warned ? "retention" : "", track->warned ? "" : "retention");
    if (pair->retention_warning)
        iso_judge_retention(&why, &pair->row);
    else
        iso_judge_print(&why, "retention no longer threatens what waits of %s for %s",
                        pair->row.source, pair->row.target);
    track->warned = pair->retention_warning;
}

/* ---- verdicts ---- */

static int verdict_level(enum iso_verdict_state state)
{
    switch (state) {
    case ISO_VERDICT_CONVERGED:
        return LEVEL_CONVERGED;
    case ISO_VERDICT_PENDING:
    case ISO_VERDICT_CONSISTENT:
        return LEVEL_APART;
    case ISO_VERDICT_UNKNOWN:
        return LEVEL_UNKNOWN;
    case ISO_VERDICT_DIVERGED:
        return LEVEL_DIVERGED;
    }
    return LEVEL_UNKNOWN;
}

/* The verdict of this look, when it shows what is held; else one that stands for it. */
static enum iso_verdict_state verdict_held(const struct hold *hold,
                                           const struct iso_verdict *verdict)
{
    static const enum iso_verdict_state of[] = {
        [LEVEL_CONVERGED] = ISO_VERDICT_CONVERGED,
        [LEVEL_APART] = ISO_VERDICT_PENDING,
        [LEVEL_UNKNOWN] = ISO_VERDICT_UNKNOWN,
        [LEVEL_DIVERGED] = ISO_VERDICT_DIVERGED,
    };
    return verdict_level(verdict->state) == hold->level ? verdict->state
                                                        : of[hold->level];
}

void iso_tell_collection(struct tell *tell, struct iso_status_collection *collection,
                         int64_t now_ms)
{
    struct tell_subject *subject = book_take(&tell->collections, collection->name);
    const struct iso_verdict *verdict = &collection->verdict;
    bool first = !subject->hold.begun;
    if (first || subject->verdict != verdict->state)
        subject->verdict_since_ms = now_ms;
    subject->verdict = verdict->state;
    collection->verdict_since_ms = subject->verdict_since_ms;
    if (!iso_hold_take(&subject->hold, &tell->verdict_rule,
                       verdict_level(verdict->state), now_ms))
        return;
    enum iso_verdict_state was = subject->verdict_told;
    subject->verdict_told = verdict_held(&subject->hold, verdict);
    if (first && subject->hold.level != LEVEL_DIVERGED)
        return;
    struct iso_watch_event *event = event_add(tell, ISO_WATCH_VERDICT, now_ms);
    snprintf(event->collection, sizeof event->collection, "%s", collection->name);
    change(event, first ? "" : iso_verdict_state_name(was),
           iso_verdict_state_name(subject->verdict_told));
    if (subject->verdict_told == verdict->state)
        snprintf(event->why, sizeof event->why, "%s", verdict->why);
}
