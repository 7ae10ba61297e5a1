/* cluster.h - one cluster, as the monitor sees it: the reports that its daemons write,
 * where its logs end, and the append times of single records; private to this room.
 *
 * What is read goes straight into a lag. A cluster that does not answer is left alone
 * for some seconds, so that the others stay live; it goes on where it was.
 */
#ifndef ISO_MONITOR_CLUSTER_H
#define ISO_MONITOR_CLUSTER_H

#include "monitor/monitor.h"

enum { CLUSTER_AGES_MAX = 64 }; /* append times that are asked for at once */

/* A partition of the status topic. */
struct cluster_status {
    int64_t next;
    bool assigned;
};

/* A record whose append time is wanted. */
struct cluster_age {
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    bool answered; /* or there is nothing to wait for */
};

/* What an end that was asked for belongs to. */
struct cluster_end {
    const char *collection;
    uint16_t log;
};

struct iso_cluster {
    const char *name;
    struct iso_bus *bus; /* borrowed, like all that follows */
    struct iso_lag *lag;
    const struct iso_control *control;
    const struct iso_clock *clock;
    const char *status_topic;

    struct iso_reader *reader;
    struct cluster_status *status; /* by partition */
    size_t status_count;
    struct cluster_age ages[CLUSTER_AGES_MAX];
    size_t age_count, age_waiting;
    struct iso_position *positions; /* of the question at hand … */
    struct cluster_end *ends;       /* … and whose they are */
    size_t end_count, end_room;
    bool away;
    int64_t away_until_ms; /* steady */
    struct iso_why why;    /* of being away, or of the last trouble heard */
};

void iso_cluster_release(struct iso_cluster *cluster);

/* Reads what is new of the logs' ends (all, or only those never read) and of reports.
 * ISO_UNAVAILABLE when it does not answer until `until_ms` (of the machine's steady
 * clock), or did not some moments ago. */
enum iso_err iso_cluster_refresh(struct iso_cluster *cluster, bool all_ends,
                                 int64_t until_ms, struct iso_why *why);

/* Leaves it alone for a while, because of *why. */
void iso_cluster_leave(struct iso_cluster *cluster, const struct iso_why *why);
/* Was it left alone, and is it still to be? */
bool iso_cluster_left(const struct iso_cluster *cluster);

/* Begins to look for an append time; false when it cannot now. */
bool iso_cluster_age_ask(struct iso_cluster *cluster, const char *topic,
                         const struct cluster_age *age);
/* Waits up to wait_ms for some of them; says how many are still waited for. */
size_t iso_cluster_age_poll(struct iso_cluster *cluster, int wait_ms);
/* Gives up on the rest. */
void iso_cluster_age_stop(struct iso_cluster *cluster);

/* What is left until a moment of the machine's steady clock, at least 0. */
int iso_cluster_left_ms(int64_t until_ms);

#endif
