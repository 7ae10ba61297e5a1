/* Why a row is in its state: a sentence with the partition, the log and the numbers.
 */
#include <stdio.h>

#include "monitor/row.h"

struct why_place {
    const struct row_said *said;
    const struct iso_definition_log *log;
    const struct table_report *report; /* of the target; NULL */
    const struct iso_lag_row *row;
    int64_t frontier, begin;
};

static double seconds(int64_t ms)
{
    return (double)ms / 1000.0;
}

static const char *reason(const struct why_place *place)
{
    const struct table_report *report = place->report;
    return report == NULL || report->why == NULL ? "it does not say why" : report->why;
}

/* What is said of a log. */
static int log_why(const struct why_place *place, char *why, size_t room)
{
    const struct row_said *said = place->said;
    unsigned number = place->log->number;
    long long amount = (long long)said->amount;
    switch (said->rule) {
    case ROW_LATE:
        return snprintf(why, room,
                        "a write in log %u waits for %s%.1f s, at offset %lld", number,
                        place->row->lag_exact ? "" : "at most ", seconds(said->amount),
                        (long long)place->frontier);
    case ROW_STALE:
        return snprintf(why, room,
                        "%s has heard nothing of %s for %.1f s, and records of log %u "
                        "wait at offset %lld: is its way to cluster %.32s open?",
                        place->row->target, place->row->source, seconds(said->amount),
                        number, (long long)place->frontier, place->log->cluster);
    case ROW_NO_END:
        return snprintf(why, room,
                        "the end of log %u (%.64s on cluster %.32s) is not known: is "
                        "that cluster in the settings, and does it answer?",
                        number, place->log->topic, place->log->cluster);
    case ROW_NO_AGE:
        return snprintf(why, room, "since when records wait in log %u is not known yet",
                        number);
    case ROW_REWOUND:
        return snprintf(why, room,
                        "%.32s stands %lld records of log %u below where it was: its "
                        "store was built anew or put back, and gets them again",
                        place->row->target, amount, number);
    case ROW_LOST:
        return snprintf(why, room,
                        "%lld records of log %u were deleted before %.32s read them "
                        "(it stands at %lld, the log begins at %lld): seed its store "
                        "anew",
                        amount, number, place->row->target, (long long)place->frontier,
                        (long long)place->begin);
    case ROW_FINE:
    case ROW_WAITING:
    case ROW_NO_REPORT:
    case ROW_HALTED:
    case ROW_CLOSED:
    case ROW_SILENT:
    case ROW_APART:
    case ROW_COMMITTED:
    case ROW_UNMOVED:
        break;
    }
    return 0;
}

static int daemon_why(const struct why_place *place, char *why, size_t room)
{
    const struct row_said *said = place->said;
    const char *target = place->row->target;
    switch (said->rule) {
    case ROW_NO_REPORT:
        return snprintf(why, room,
                        "nothing was heard of %s: has its isostasyd been started?",
                        target);
    case ROW_HALTED:
        return snprintf(why, room, "%s", reason(place));
    case ROW_WAITING:
        return snprintf(why, room, "%s: %s", iso_slice_state_name(ISO_SLICE_WAITING),
                        reason(place));
    case ROW_CLOSED:
        return snprintf(why, room, "the daemon of %s was stopped %.1f s ago", target,
                        seconds(said->amount));
    case ROW_SILENT:
        return snprintf(why, room, "the daemon of %s was last heard %.1f s ago", target,
                        seconds(said->amount));
    case ROW_APART:
        return snprintf(why, room,
                        "%s and %s have applied the same writes and hold different "
                        "data: one of them is damaged",
                        place->row->source, target);
    case ROW_COMMITTED:
        return snprintf(why, room,
                        "no report of %s is on its status topic, so this is counted "
                        "by the offsets that its group committed: does its isostasyd "
                        "run, and may it write there?",
                        target);
    case ROW_UNMOVED:
        return snprintf(why, room,
                        "no report of %s is on its status topic, and the offsets that "
                        "its group committed have not moved for %.1f s: has its "
                        "isostasyd been started?",
                        target, seconds(said->amount));
    case ROW_FINE:
    case ROW_LATE:
    case ROW_STALE:
    case ROW_NO_END:
    case ROW_NO_AGE:
    case ROW_REWOUND:
    case ROW_LOST:
        break;
    }
    return 0;
}

void iso_row_why(const struct row_sum *sum, const struct look *look,
                 const struct iso_lag_row *row, char *why, size_t room)
{
    const struct table_collection *collection = look->collection;
    const struct row_said *said = &sum->said;
    why[0] = '\0';
    if (said->rule == ROW_FINE)
        return;
    struct why_place place = {
        .said = said,
        .log = &collection->definition->logs[said->log],
        .report = iso_table_known(collection, sum->target, said->partition),
        .row = row,
        .begin = collection->logs[said->log].places[said->partition].begin};
    if (place.report != NULL)
        place.frontier = iso_table_frontier(place.report, said->log);
    int begun = snprintf(why, room, "partition %u: ", (unsigned)said->partition);
    char *rest = why + begun;
    size_t left = room - (size_t)begun;
    if (log_why(&place, rest, left) == 0)
        daemon_why(&place, rest, left);
}
