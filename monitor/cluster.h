/* cluster.h - one cluster, as the monitor sees it: the reports that its daemons write,
 * where its logs begin and end, what waits in them, its dead letters, and its clock;
 * private to this room.
 *
 * What is read goes straight into a lag. A cluster that does not answer is left alone
 * for some seconds, so that the others stay live; it goes on where it was.
 *
 * One reader serves a cluster for the monitor's whole life. Its numbers say who is
 * given a record:
 *
 *   from 0               partitions of the status topic
 *   from CLUSTER_LOOK    looks at records that wait; gone when they are done
 *   from CLUSTER_LETTER  partitions of the dead-letter topic
 */
#ifndef ISO_MONITOR_CLUSTER_H
#define ISO_MONITOR_CLUSTER_H

#include "monitor/monitor.h"

enum {
    CLUSTER_LOOKS_MAX = 64, /* at once */
    CLUSTER_LOOK = 1 << 20,
    CLUSTER_LETTER = 1 << 21,
};

/* A partition of the status topic. */
struct cluster_status {
    int64_t next;
    bool assigned;
    /* Where it ended when that was last asked, and before which moment: what stands
     * from there on was appended later. -1: not asked yet. */
    int64_t ended, ended_ms;
};

/* How far the brokers' clock can be from ours: of every record that was read live, its
 * append time is later than the moment when it was not there yet, and earlier than the
 * moment when it was read. What all records of some minutes allow is kept, in two
 * spans, of which the older is forgotten. */
struct cluster_span {
    bool any;
    int64_t begun_ms; /* steady */
    int64_t low_ms, high_ms;
};
struct cluster_clock {
    struct cluster_span now, before;
};

/* A look at the records from an offset on. */
struct cluster_look {
    const char *collection;
    uint16_t log;
    uint32_t partition;
    int64_t offset;
    uint64_t writers;
    bool assigned, done;
    uint64_t found; /* bit n - 1: the first write of region n was seen */
    struct iso_lag_seen seen;
};

/* What an end that was asked for belongs to. */
struct cluster_end {
    const char *collection;
    uint16_t log;
};

/* A partition of the dead-letter topic. */
struct cluster_letters {
    int64_t next, begin, end;
    bool assigned;
    bool trouble; /* nobody waits for it: it may be forbidden */
};

/* A dead letter, without value and header. */
struct cluster_letter {
    struct iso_buf bytes;
    struct iso_dead_letter letter; /* borrows from them */
    int64_t append_ms;
};

struct iso_cluster {
    const char *name;
    struct iso_bus *bus; /* borrowed, like all that follows */
    struct iso_lag *lag;
    const struct iso_control *control;
    const struct iso_clock *clock;
    const char *status_topic, *letter_topic;

    struct iso_reader *reader;
    struct cluster_status *status; /* by partition */
    size_t status_count;
    uint64_t reports; /* records of it that were read */
    struct cluster_look looks[CLUSTER_LOOKS_MAX];
    size_t look_count;
    struct cluster_letters *letters; /* by partition */
    size_t letter_partitions;
    struct cluster_letter kept[ISO_MONITOR_LETTERS_MAX]; /* the newest first */
    size_t kept_count;
    struct iso_position *positions; /* of the question at hand … */
    struct cluster_end *ends;       /* … and whose they are */
    size_t end_count, end_room;
    struct cluster_clock skew;
    int64_t heard_ms;      /* ISO_UNKNOWN_MS: never */
    int64_t retention_ms;  /* steady: when retention was last asked, or -1 */
    size_t retention_next; /* which log is to be asked */
    int64_t commits_ms;    /* steady: when groups are to be asked next */
    size_t commits_next;   /* for which region */
    bool away;
    int64_t away_until_ms; /* steady */
    struct iso_why why;    /* of being away, or of the last trouble heard */
    struct iso_buf scratch;
};

void iso_cluster_release(struct iso_cluster *cluster);

/* ISO_UNAVAILABLE when it does not answer until `until_ms` (of the machine's steady
 * clock), or did not some moments ago. */
/* Reads what is new of reports and dead letters. */
enum iso_err iso_cluster_reports(struct iso_cluster *cluster, int64_t until_ms,
                                 struct iso_why *why);
/* Asks where the logs begin and end: all, or only those never asked. */
enum iso_err iso_cluster_ends(struct iso_cluster *cluster, bool all, int64_t until_ms,
                              struct iso_why *why);
/* Asks what the groups of some regions have committed of which no report is there. A
 * second at the most, and another where a group's broker does not answer. */
void iso_cluster_commits(struct iso_cluster *cluster, int64_t until_ms);
/* Asks for how long some of the topics are kept, if that was not asked of late. */
void iso_cluster_retention(struct iso_cluster *cluster, int64_t until_ms);

/* Leaves it alone for a while, because of *why. */
void iso_cluster_leave(struct iso_cluster *cluster, const struct iso_why *why);
/* Was it left alone, and is it still to be? */
bool iso_cluster_left(const struct iso_cluster *cluster);

/* Begins a look; false when it cannot now. */
bool iso_cluster_look(struct iso_cluster *cluster, const char *topic,
                      const struct cluster_look *look);
/* Waits up to wait_ms for what they bring; says how many are not done. */
size_t iso_cluster_look_poll(struct iso_cluster *cluster, int wait_ms);
/* Feeds what they brought, and ends them. */
void iso_cluster_look_end(struct iso_cluster *cluster);

/* ---- between the files of this part ---- */

/* Makes the reader, if it is not there. */
enum iso_err iso_cluster_reader(struct iso_cluster *cluster, struct iso_why *why);
/* Takes in what is there, waiting up to wait_ms for the first. */
enum iso_err iso_cluster_fetch(struct iso_cluster *cluster, int wait_ms,
                               struct iso_why *why);
void iso_cluster_look_take(struct iso_cluster *cluster,
                           const struct iso_record *record);
void iso_cluster_status_take(struct iso_cluster *cluster,
                             const struct iso_record *record);
void iso_cluster_letter_take(struct iso_cluster *cluster,
                             const struct iso_record *record);
enum iso_err iso_cluster_status_follow(struct iso_cluster *cluster, int64_t until_ms,
                                       struct iso_why *why);
enum iso_err iso_cluster_letters_follow(struct iso_cluster *cluster, int64_t until_ms,
                                        struct iso_why *why);
void iso_cluster_letters_release(struct iso_cluster *cluster);

/* What a record says of the clock that was appended after `from_ms` and read now, both
 * by ours. */
void iso_cluster_clock_feed(struct iso_cluster *cluster, int64_t append_ms,
                            int64_t from_ms);
/* false: nothing was read live of late. */
bool iso_cluster_clock(const struct iso_cluster *cluster, int64_t *clock_ms,
                       int64_t *error_ms);

/* What is left until a moment of the machine's steady clock, at least 0. */
int iso_cluster_left_ms(int64_t until_ms);

#endif
