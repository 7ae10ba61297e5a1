/* Why a pair is in its state, told step by step, as a person would ask: what was
 * measured; which rules were asked, the gravest state first, until one said yes; what
 * the last look saw, where that does not count yet; and the partitions, the worst
 * first.
 *
 * Nothing is judged here: the answers follow from the state that holds, and the
 * sentences from the numbers that it rests on.
 */
#include "monitor/view.h"

#include <ctype.h>
#include <inttypes.h>

#include "monitor/judge.h"
#include "monitor/view_parts.h"

struct explain {
    const struct iso_status *status;
    const struct iso_status_pair *pair;
    const struct iso_status_collection *collection; /* NULL: gone */
};

static void says_duration(int64_t ms, struct iso_buf *out)
{
    char said[48];
    struct judge_text text = {.text = said, .room = sizeof said};
    iso_judge_duration(&text, ms);
    iso_buf_print(out, "%s", said);
}

static void says_records(const struct explain *at, struct iso_buf *out)
{
    const struct iso_lag_row *row = &at->pair->row;
    if (row->records_behind == ISO_UNKNOWN_COUNT)
        iso_buf_print(out, "how many records of %s wait is not known", row->source);
    else
        iso_buf_print(out, "%s%" PRIu64 " records of %s wait",
                      row->records_exact ? "" : "at most ", row->records_behind,
                      row->source);
}

/* ---- the rules, the gravest first ---- */

static void says_diverged(const struct explain *at, struct iso_buf *out)
{
    if (at->collection == NULL || at->collection->verdict.slices == 0)
        iso_buf_print(out, "no slice can be compared");
    else
        iso_buf_print(out, "%zu of %zu slices differ at equal vectors",
                      at->collection->verdict.diverged, at->collection->verdict.slices);
}

static void says_lost(const struct explain *at, struct iso_buf *out)
{
    iso_buf_print(out, "retention took %" PRIu64 " records before %s had read them",
                  at->pair->row.lost, at->pair->row.target);
}

static void says_rewound(const struct explain *at, struct iso_buf *out)
{
    iso_buf_print(out, "%s has applied %" PRIu64 " records of the logs of %s",
                  at->pair->row.target, at->pair->row.applied, at->pair->row.source);
}

static void says_heard(const struct explain *at, struct iso_buf *out)
{
    if (at->pair->row.report_age_ms == ISO_UNKNOWN_MS) {
        iso_buf_print(out, "no report of %s is there%s", at->pair->row.target,
                      at->pair->row.committed
                          ? "; what waits is counted by the offsets that its consumer "
                            "group has committed"
                          : "");
        return;
    }
    iso_buf_print(out, "the oldest of the newest reports of %s is ",
                  at->pair->row.target);
    says_duration(at->pair->row.report_age_ms, out);
    iso_buf_print(out, " old");
}

static void says_lag(const struct explain *at, struct iso_buf *out)
{
    const struct iso_lag_row *row = &at->pair->row;
    if (row->lag_ms == ISO_UNKNOWN_MS) {
        iso_buf_print(out, "how old the oldest write that waits is, is not known");
    } else if (row->lag_ms == 0) {
        iso_buf_print(out, "no write of %s waits in %s", row->source, row->target);
    } else {
        iso_buf_print(out, "the oldest write that waits is %s",
                      row->lag_exact ? "" : "at most ");
        says_duration(row->lag_ms, out);
        iso_buf_print(out, " old");
    }
}

static void says_moves(const struct explain *at, struct iso_buf *out)
{
    says_lag(at, out);
    iso_buf_print(out,
                  at->pair->row.moves ? ", and %s gets on"
                                      : ", and no progress of %s was reported lately",
                  at->pair->row.target);
}

static void says_rates(const struct explain *at, struct iso_buf *out)
{
    says_lag(at, out);
    if (at->pair->applied_rate < 0 || at->pair->written_rate < 0)
        iso_buf_print(out, "; how fast is not known yet");
    else
        iso_buf_print(out, "; %.1f records a second are applied, %.1f are written",
                      at->pair->applied_rate, at->pair->written_rate);
}

static void says_eta(const struct explain *at, struct iso_buf *out)
{
    says_rates(at, out);
    if (at->pair->eta_ms != ISO_UNKNOWN_MS) {
        iso_buf_print(out, "; nothing will wait in ");
        says_duration(at->pair->eta_ms, out);
    }
}

static const struct rule {
    enum iso_lag_state state;
    const char *asks;
    void (*says)(const struct explain *at, struct iso_buf *out);
} rules[] = {
    {ISO_LAG_DIVERGED, "does it hold other data at the same vector as another region?",
     says_diverged},
    {ISO_LAG_LOST, "are records gone from a log before it read them?", says_lost},
    {ISO_LAG_STOPPED, "did its daemon end, or was it not heard for stopped.after?",
     says_heard},
    {ISO_LAG_PARKED, "did its daemon park or stop a slice?", says_heard},
    {ISO_LAG_UNKNOWN, "is a report, an end or an age missing?", says_lag},
    {ISO_LAG_STALLED,
     "is it late, its daemon heard, and nothing moves, or some partition has not for "
     "stopped.after?",
     says_moves},
    {ISO_LAG_LAGGING, "is it late, and does what waits not become less?", says_rates},
    {ISO_LAG_REWOUND, "is its frontier below where it was reported before?",
     says_rewound},
    {ISO_LAG_CATCHING_UP, "is it late, and does what waits become less?", says_eta},
    {ISO_LAG_OK, "does nothing wait, or is it younger than stale.after?", says_lag},
};

static json_t *explain_rules(const struct explain *at)
{
    json_t *array = json_array();
    bool decided = false;
    struct iso_buf says = {0};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        json_t *object = json_object();
        bool decides = rules[i].state == at->pair->state;
        iso_buf_clear(&says);
        if (!decided)
            rules[i].says(at, &says);
        iso_view_put_text(object, "asks_for", iso_lag_state_name(rules[i].state));
        iso_view_put_text(object, "asks", rules[i].asks);
        iso_view_put(object, "answer", decided ? json_null() : json_boolean(decides));
        iso_view_put_text(object, "says", iso_buf_text(&says));
        json_array_append_new(array, object);
        decided = decided || decides;
    }
    iso_buf_release(&says);
    return array;
}

/* ---- what was measured ---- */

/* None begins with a name. */
static void sentence_end(json_t *sentences, struct iso_buf *sentence)
{
    sentence->data[0] = (uint8_t)toupper(sentence->data[0]);
    iso_buf_add_u8(sentence, '.');
    json_array_append_new(sentences, json_string(iso_buf_text(sentence)));
    iso_buf_clear(sentence);
}

static json_t *explain_measured(const struct explain *at)
{
    const struct iso_lag_row *row = &at->pair->row;
    json_t *sentences = json_array();
    struct iso_buf out = {0};
    says_heard(at, &out);
    sentence_end(sentences, &out);
    says_records(at, &out);
    sentence_end(sentences, &out);
    says_lag(at, &out);
    sentence_end(sentences, &out);
    if (row->staleness_ms == ISO_UNKNOWN_MS) {
        iso_buf_print(&out, "no record of %s was applied in %s yet", row->source,
                      row->target);
    } else {
        iso_buf_print(&out, "the newest record of %s that %s has applied is ",
                      row->source, row->target);
        says_duration(row->staleness_ms, &out);
        iso_buf_print(&out, " old, heartbeats included");
    }
    sentence_end(sentences, &out);
    if (row->deleted_in_ms != ISO_UNKNOWN_MS) {
        iso_buf_print(&out, "retention takes the oldest record that waits in ");
        says_duration(row->deleted_in_ms, &out);
        sentence_end(sentences, &out);
    }
    iso_buf_release(&out);
    return sentences;
}

/* ---- all of it ---- */

/* What the last look saw may be another state than the one that holds. */
static void put_holds(json_t *object, const struct iso_status_pair *pair)
{
    struct iso_buf out = {0};
    if (pair->row.state != pair->state)
        iso_buf_print(
            &out,
            "The last look saw %s. A state is entered when %d looks one after "
            "the other saw it, and left for a better one after %d.",
            iso_lag_state_name(pair->row.state), ISO_WATCH_ENTER, ISO_WATCH_LEAVE);
    iso_view_put_text(object, "holds", iso_buf_text(&out));
    iso_buf_release(&out);
}

json_t *iso_view_explain(const struct iso_status *status,
                         const struct iso_status_pair *pair)
{
    const struct explain at = {.status = status,
                               .pair = pair,
                               .collection =
                                   iso_status_collection(status, pair->row.collection)};
    json_t *object = iso_view_pair(pair);
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put(object, "measured", explain_measured(&at));
    iso_view_put(object, "rules_asked", explain_rules(&at));
    put_holds(object, pair);
    return object;
}
