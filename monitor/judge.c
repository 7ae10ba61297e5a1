/* A row says what a pair looks like now. What is held of it follows in four steps:
 *
 *   1. what moves is told apart by rates: does what waits become less?
 *   2. hysteresis (hold.h) over what it looked like
 *   3. the sentence: of this look when it shows what is held; else the one before
 *   4. beside it: rates, latency, the time until nothing waits, warnings
 *
 * A monitor that does not hear a cluster must not call the daemons there silent: then
 * nothing is judged, and what was known is said with its age; only a good state is not
 * believed for long. Nothing here can fail.
 */
#include "monitor/judge.h"

/* ---- levels: severities that stand for one state each ---- */

enum { LEVEL_STATES = 16 };

static int level_of(enum iso_lag_state state)
{
    return iso_lag_state_severity(state) * LEVEL_STATES + (int)state;
}

static enum iso_lag_state state_of(int level)
{
    return (enum iso_lag_state)(level % LEVEL_STATES);
}

/* ---- what moves ---- */

/* Until nothing waits; ISO_UNKNOWN_MS when it does not become less, or that is too far
 * away to be true. A hundredth is less than rates are sure of. */
static int64_t eta_ms(const struct iso_lag_row *row, struct pace_rates rates)
{
    double net = rates.applied - rates.written;
    if (rates.applied < 0 || rates.written < 0 || net <= rates.applied / 100 ||
        row->written == ISO_UNKNOWN_COUNT)
        return ISO_UNKNOWN_MS;
    double waits =
        row->written > row->applied ? (double)(row->written - row->applied) : 0;
    double ms = waits / net * 1000;
    return ms > (double)JUDGE_ETA_MAX_MS ? ISO_UNKNOWN_MS : (int64_t)ms;
}

static enum iso_lag_state looks_like(const struct iso_lag_row *row,
                                     struct pace_rates rates, int64_t eta)
{
    bool measured = rates.applied >= 0 && rates.written >= 0;
    if (row->state == ISO_LAG_CATCHING_UP && measured && eta == ISO_UNKNOWN_MS)
        return ISO_LAG_LAGGING;
    return row->state;
}

/* ---- rules ---- */

static const char *late_rule(const struct iso_status_pair *pair)
{
    if (pair->state == ISO_LAG_CATCHING_UP)
        return pair->eta_ms == ISO_UNKNOWN_MS ? "late.moves" : "late.shrinks";
    return pair->row.state == ISO_LAG_LAGGING ? "late.waits" : "late.grows";
}

/* Does all that is known rest on committed offsets? */
static bool committed(const struct iso_lag_row *row)
{
    return row->committed && row->report_age_ms == ISO_UNKNOWN_MS;
}

static const char *rule_of(const struct iso_status_pair *pair, bool closed)
{
    const struct iso_lag_row *row = &pair->row;
    switch (pair->state) {
    case ISO_LAG_UNKNOWN:
        if (committed(row))
            return "unknown.committed";
        return row->report_age_ms == ISO_UNKNOWN_MS ? "unknown.report"
                                                    : "unknown.measure";
    case ISO_LAG_OK:
        return row->records_behind == 0 ? "ok.level" : "ok.young";
    case ISO_LAG_CATCHING_UP:
    case ISO_LAG_LAGGING:
        return late_rule(pair);
    case ISO_LAG_STALLED:
        return "late.stands";
    case ISO_LAG_STOPPED:
        if (!closed && committed(row))
            return "stopped.committed";
        return closed ? "stopped.closed" : "stopped.silent";
    case ISO_LAG_PARKED:
        return "parked.slice";
    case ISO_LAG_REWOUND:
        return "rewound.frontier";
    case ISO_LAG_LOST:
        return "lost.retention";
    case ISO_LAG_DIVERGED:
        return "diverged.digest";
    }
    return "unknown.measure";
}

/* ---- states ---- */

/* Says why it is in the state that is held; `shows`: this look shows it. */
static void say(struct judge *judge, const struct judge_sight *sight, bool shows,
                struct iso_status_pair *pair)
{
    if (shows || judge->said_ms == 0 || judge->said != pair->state) {
        pair->rule = rule_of(pair, sight->closed);
        iso_judge_sentence(pair, sight->now_ms, shows);
        judge->said = pair->state;
        judge->name = pair->rule;
        judge->said_ms = sight->now_ms;
        memcpy(judge->why, pair->why, sizeof judge->why);
    }
    pair->rule = judge->name;
    memcpy(pair->why, judge->why, sizeof pair->why);
}

/* It is heard again, but not for long enough to say what is so. */
static void say_heard(struct iso_status_pair *pair)
{
    struct judge_text why = {.text = pair->why, .room = sizeof pair->why};
    pair->rule = "unknown.blind";
    iso_judge_print(&why,
                    "the monitor hears of %s again; how it does for %s is shown after "
                    "some looks",
                    pair->row.target, pair->row.source);
}

static void held(const struct judge *judge, struct iso_status_pair *pair)
{
    pair->state = state_of(judge->state.level);
    pair->since_ms = judge->state.since_ms;
}

static void judge_seen(struct judge *judge, const struct judge_sight *sight,
                       struct iso_status_pair *pair)
{
    struct pace_rates rates = {.applied = pair->applied_rate,
                               .written = pair->written_rate};
    pair->eta_ms = eta_ms(&pair->row, rates);
    enum iso_lag_state looks = looks_like(&pair->row, rates, pair->eta_ms);
    iso_hold_take(&judge->state, sight->rule, level_of(looks), sight->now_ms);
    held(judge, pair);
    if (pair->state != ISO_LAG_CATCHING_UP)
        pair->eta_ms = ISO_UNKNOWN_MS;
    judge->blind =
        judge->blind && pair->state == ISO_LAG_UNKNOWN && looks != pair->state;
    if (judge->blind)
        say_heard(pair);
    else
        say(judge, sight, looks == pair->state, pair);
}

/* The cluster that tells of it is not heard. */
static void judge_blind(struct judge *judge, const struct judge_sight *sight,
                        struct iso_status_pair *pair)
{
    struct judge_text why = {.text = pair->why, .room = sizeof pair->why};
    pair->eta_ms = ISO_UNKNOWN_MS;
    bool good = judge->said == ISO_LAG_OK || judge->said == ISO_LAG_CATCHING_UP;
    bool known = judge->said_ms != 0 && judge->said != ISO_LAG_UNKNOWN;
    if (!known || (good && sight->now_ms - judge->said_ms > JUDGE_BELIEF_MS))
        iso_hold_take(&judge->state, sight->rule, level_of(ISO_LAG_UNKNOWN),
                      sight->now_ms);
    held(judge, pair);
    judge->blind = pair->state == ISO_LAG_UNKNOWN;
    pair->rule = judge->blind ? "unknown.blind" : judge->name;
    iso_judge_print(&why, "cluster %s does not answer the monitor", sight->away);
    if (sight->away_heard_ms != ISO_UNKNOWN_MS &&
        sight->now_ms > sight->away_heard_ms) {
        iso_judge_print(&why, " for ");
        iso_judge_duration(&why, sight->now_ms - sight->away_heard_ms);
    }
    if (!known) {
        iso_judge_print(&why,
                        "; of %s, whose daemon reports there, nothing is known: see "
                        "whether its brokers run and can be reached",
                        pair->row.target);
        return;
    }
    iso_judge_print(&why, "; of %s this was known ", pair->row.target);
    iso_judge_duration(&why, sight->now_ms - judge->said_ms);
    iso_judge_print(&why, " ago: %s: %s", iso_lag_state_name(judge->said), judge->why);
}

/* ---- beside the state ---- */

static void judge_latency(struct judge *judge, const struct judge_sight *sight,
                          struct iso_status_pair *pair)
{
    pair->latency_p50_ms = pair->latency_p99_ms = ISO_UNKNOWN_MS;
    if (!pair->row.has_latency)
        return;
    struct iso_latency since;
    iso_spell_take(&judge->spell, &pair->row.latency, sight->now_ms);
    if (!iso_spell_latency(&judge->spell, &pair->row.latency, &since))
        return;
    pair->latency_p50_ms = iso_latency_quantile_ms(&since, 0.5);
    pair->latency_p99_ms = iso_latency_quantile_ms(&since, 0.99);
}

static void judge_warning(struct judge *judge, const struct judge_sight *sight,
                          struct iso_status_pair *pair)
{
    struct judge_text text = {.text = pair->warning, .room = sizeof pair->warning};
    const struct iso_lag_row *row = &pair->row;
    bool near = row->deleted_in_ms != ISO_UNKNOWN_MS &&
                row->deleted_in_ms <= sight->retention_warning_ms;
    iso_hold_take(&judge->retention, sight->rule, near, sight->now_ms);
    pair->warning[0] = '\0';
    pair->retention_warning = judge->retention.level != 0;
    if (pair->retention_warning)
        iso_judge_retention(&text, row);
    for (int i = 0; i < 2; i++) {
        if (sight->clocks[i] != NULL)
            iso_judge_print(&text, "%s%s", text.size > 0 ? "; " : "", sight->clocks[i]);
    }
}

void iso_judge_take(struct judge *judge, const struct judge_sight *sight,
                    struct iso_status_pair *pair)
{
    iso_pace_take(&judge->pace, &pair->row, sight->now_ms);
    struct pace_rates rates = iso_pace_rates(&judge->pace, &pair->row, sight->now_ms);
    pair->applied_rate = rates.applied;
    pair->written_rate = rates.written;
    if (sight->away != NULL)
        judge_blind(judge, sight, pair);
    else
        judge_seen(judge, sight, pair);
    judge_latency(judge, sight, pair);
    judge_warning(judge, sight, pair);
}
