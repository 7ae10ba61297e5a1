/* sim.h - a world of regions in one process, from a seed: the product's own producer,
 * shard, apply, resolver, report and monitor on memory buses and simulated stores, one
 * clock a machine, one clock a broker, and dice.
 *
 *   sim_plan.c     what kind of world a seed makes
 *   sim_world.c    coming into being, and the end
 *   sim_region.c   daemons: start, step, crash, disks
 *   sim_service.c  what services write and read, with contexts and tokens
 *   sim_second.c   another collection in the same stores
 *   sim_plugin.c   reads through a plug-in
 *   sim_faults.c   what goes wrong; sim_forge.c: what others write into the logs
 *   sim_define.c   an operator announces a later definition; sim_close.c: closes logs
 *   sim_oracle.c   which records count, from the words of DESIGN.md; sim_keys.c: what
 *                  the records of a key come to
 *   sim_check.c    what must be true of what was touched; sim_scan.c: of whole slices
 *   sim_run.c      the operations of a seed, then everything healed
 *
 * Operation n of a seed draws from a dice of its own, so leaving some out leaves the
 * others as they are: that is how a failing seed is made short (sim_shrink.c). The
 * trace is a line for every step that matters; its hash is the same wherever the same
 * code runs the same seed. What is found broken ends the process, by sim_fail.
 */
#ifndef ISO_TESTS_SIM_SIM_H
#define ISO_TESTS_SIM_SIM_H

#include "bus/memory.h"
#include "consumer/shard.h"
#include "producer/define.h"
#include "producer/producer.h"
#include "schema/control.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_plan.h"
#include "tests/sim/sim_store.h"

enum { SIM_SESSIONS = 2, SIM_HANDLES = 2, SIM_SCAN_EVERY = 100 };
enum { SIM_HEARTBEAT_TICKS = 100 };

/* A machine's or a broker's clock. */
struct sim_clock {
    struct iso_clock_manual manual;
    enum { SIM_CLOCK_RUNS, SIM_CLOCK_STUCK, SIM_CLOCK_RACES } manner;
};

/* A client's requests: contexts by key, and its token, which goes from region to
 * region. */
struct sim_session {
    struct iso_buf contexts[SIM_KEYS_MAX];
    struct iso_buf token;
    uint64_t known[SIM_KEYS_MAX]; /* the newest hlc of each key, seen or written */
    unsigned by[SIM_KEYS_MAX];    /* and the region of that write */
};

/* A producer that a service has open. */
struct sim_handle {
    struct sim *sim;
    struct sim_region *region;
    struct iso_producer *producer; /* NULL: closed */
};

struct sim_region {
    struct sim *sim;
    unsigned index, number, cluster;
    char name[8];
    struct sim_clock daemon_clock, service_clock;
    struct iso_chance chance;                 /* of its machines */
    struct iso_bus *buses[SIM_CLUSTERS_MAX];  /* of its daemon */
    struct iso_bus *fronts[SIM_CLUSTERS_MAX]; /* of its services */
    unsigned cut[SIM_CLUSTERS_MAX];
    struct sim_store disks[SIM_SHARDS_MAX];
    struct iso_store *stores[SIM_SHARDS_MAX];
    struct iso_shard *shards[SIM_SHARDS_MAX]; /* NULL while it is down */
    struct sim_handle handles[SIM_HANDLES];
    struct iso_producer *second; /* of the second collection */
    struct sim_session sessions[SIM_SESSIONS];
    int64_t away_until_ms; /* its daemon does nothing until then */
    struct iso_sweep_pace pace;
    int64_t memory; /* that its daemon holds */
    /* Where each slice stood when it was last looked at. */
    int64_t frontiers[SIM_PARTITIONS_MAX][SIM_LOGS_MAX];
    bool strayed[SIM_PARTITIONS_MAX]; /* it read what its log is not any more */
};

struct sim_ack {
    unsigned session; /* of its region, from 1 on; 0: none */
    unsigned handle;
    struct sim_region *region;
    struct iso_ack whole; /* its text is not kept */
};

/* What an operator is about: he closes a log, or two that one goes on with, one step
 * after the other, while the world goes on. */
struct sim_closing {
    enum {
        SIM_CLOSING_NONE,
        SIM_CLOSING_FENCED,
        SIM_CLOSING_LIFTED, /* its fence was taken away again, for now or for good */
        SIM_CLOSING_ANNOUNCED
    } stage;
    unsigned count, behinds; /* closings that were begun: well, and behind */
    uint16_t logs[2];        /* the second: 0: none */
    bool succeeded;          /* another log goes on with it */
    bool behind; /* an end is wrong: something behind it may have been applied */
    int64_t away_until_ms; /* the operator was interrupted */
    uint32_t defined;      /* bits: which logs of the definition have its DEFINE */
};

struct sim_refusal {
    struct iso_version version;
    uint32_t partition;
};

struct sim_figures {
    uint64_t operations, writes, reads, stale_reads, deliveries, refused, duplicates,
        durable, unknown, not_applied, checked_keys, scans, losers, stops, plugin_reads,
        plugin_errors;
    uint64_t faults[SIM_FAULTS];
};

struct sim {
    struct sim_plan plan;
    struct iso_clock_manual truth; /* what time it is */
    struct iso_chance dice;        /* of the operation in hand */
    unsigned operation;
    struct iso_chance chance; /* of the world's coming into being */
    struct sim_clock broker_clocks[SIM_CLUSTERS_MAX];
    struct iso_memory_cluster *clusters[SIM_CLUSTERS_MAX];
    struct iso_bus *admins[SIM_CLUSTERS_MAX];
    struct iso_control *control;
    struct iso_definition *definitions[SIM_DEFINITIONS_MAX]; /* by number − 1 */
    unsigned definition_count;
    struct iso_definition *definition; /* the newest of them */
    struct iso_definition *written;    /* the newest that stands in every open log */
    struct iso_definition *second;     /* the other collection's; NULL */
    bool opened;                       /* one has opened a log beside the others */
    struct sim_closing closing;
    struct sim_region regions[SIM_REGIONS_MAX];
    struct sim_oracle oracle;
    char keys[SIM_KEYS_MAX][12];
    uint32_t key_partition[SIM_KEYS_MAX];
    struct sim_ack *acks;
    size_t ack_count, ack_room;
    struct sim_refusal *refusals; /* what was answered to be applied nowhere */
    size_t refusal_count, refusal_room;
    bool trimmed[SIM_PARTITIONS_MAX]; /* retention passed somebody */
    bool behind[SIM_PARTITIONS_MAX];  /* an end is below what the log held */
    bool changed[SIM_PARTITIONS_MAX]; /* a log lost its tail, or was made anew */
    bool broken[SIM_PARTITIONS_MAX];  /* one of both */
    bool strayed[SIM_PARTITIONS_MAX]; /* somebody read what is not there any more */
    uint32_t lost;                    /* bits: which logs lost records */
    bool healing;
    struct sim_figures figures;
    bool traces; /* prints */
    uint64_t trace_hash;
    struct iso_buf *told; /* the trace as text; NULL: is not kept */
    struct iso_buf line;
    const bool *left_out; /* by operation; NULL: none is */
    bool shrinks;         /* a failure's exit status says which sentence it is */
};

/* ---- dice, trace, failure ---- */

static inline uint64_t sim_dice(struct sim *sim, uint64_t sides)
{
    return iso_chance_draw(&sim->dice) % sides;
}
static inline bool sim_percent(struct sim *sim, unsigned chance)
{
    return sim_dice(sim, 100) < chance;
}

void sim_trace(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says what is wrong and how to see it again, then exits. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define SIM_OK(sim, call)                                            \
    do {                                                             \
        enum iso_err err_ = (call);                                  \
        if (err_ != ISO_OK)                                          \
            sim_fail((sim), "%s: %s", iso_err_name(err_), why.text); \
    } while (0)
#define SIM_HOLDS(sim, condition, ...)    \
    do {                                  \
        if (!(condition))                 \
            sim_fail((sim), __VA_ARGS__); \
    } while (0)

/* ---- the world ---- */

void sim_open(struct sim *sim, const struct sim_plan *plan);
void sim_close(struct sim *sim);
void sim_time_passes(struct sim *sim, int64_t ms);
int sim_cluster_of(const struct sim *sim, const char *name);
const char *sim_cluster_name(unsigned cluster);

/* ---- operators ---- */

struct iso_control_place sim_control_place(const struct sim *sim);
/* A log of that number, without writers. */
void sim_log_fill(const struct sim *sim, struct iso_definition_log *log,
                  unsigned number, const char *cluster);
struct iso_bus *sim_log_bus(const struct sim *sim,
                            const struct iso_definition_log *log);
/* Its topic; and the DEFINEs of the newest definition in it. */
void sim_log_create(struct sim *sim, const struct iso_definition *definition,
                    const struct iso_definition_log *log);
void sim_log_define(struct sim *sim, const struct iso_definition_log *log);
/* Puts a definition into the control topic: it is the newest from now on. */
void sim_definition_announce(struct sim *sim, struct iso_definition *definition);
/* The newest stands in every open log: writers use it from now on. */
void sim_definition_stands(struct sim *sim);
/* Would DEFINEs of now, of a log with that birth, be admitted everywhere? Clocks that
 * were ahead may have raised the bounds; an operator's tool sees that, and waits. */
bool sim_define_is_timely(struct sim *sim, int64_t birth_ms);

/* Does it stand in every open log? */
bool sim_definition_counts(struct sim *sim);

/* A definition with another before_max, and a log more. False: it is there already, or
 * the operator waits. */
bool sim_define_later(struct sim *sim);

/* Begins to close a log: it is fenced. False: there is none that may be. */
bool sim_close_begin(struct sim *sim, bool behind);
/* The next step of a closing that was begun. */
void sim_close_go_on(struct sim *sim);
/* Is it about to be closed? */
bool sim_log_is_closing(const struct sim *sim, uint16_t number);
/* Is its topic fenced, or the log closed? */
bool sim_log_is_fenced(const struct sim *sim, uint16_t number);
/* What a slice's logs are is not what it was: everybody looks at it anew. */
void sim_slice_changes(struct sim *sim, uint32_t partition);

/* ---- regions ---- */

void sim_region_open(struct sim_region *region);
void sim_region_close(struct sim_region *region);
/* Of its machine's disk, the handle. */
void sim_disk_open(struct sim_region *region, unsigned shard);
void sim_disk_close(struct sim_region *region, unsigned shard);
void sim_shard_start(struct sim_region *region, unsigned shard);
/* Ends it as an operator does: what it has applied is committed and reported. */
void sim_shard_stop(struct sim_region *region, unsigned shard);
void sim_shard_crash(struct sim_region *region, unsigned shard);
/* One step of it, and a look at what it committed. */
void sim_shard_step(struct sim_region *region, unsigned shard);

/* ---- services ---- */

void sim_handle_open(struct sim_region *region, unsigned handle);
void sim_handle_close(struct sim_region *region, unsigned handle);
void sim_write(struct sim *sim, struct sim_region *region);
void sim_read(struct sim *sim, struct sim_region *region);
void sim_services_poll(struct sim *sim, struct sim_region *region);
/* Each write that was answered is in its log, and counts there as it was answered. */
void sim_acks_check(struct sim *sim);
/* At rest each write has one answer, and what was refused is applied nowhere. */
void sim_answers_check(struct sim *sim);

/* ---- what others write ---- */

void sim_forge(struct sim *sim, enum sim_fault fault);

/* ---- checks ---- */

/* The slices of a shard, as far as they moved since. */
void sim_check_shard(struct sim_region *region, unsigned shard);
/* Every row of every region, and regions against each other. */
void sim_scan(struct sim *sim);
/* Everything at rest: letters, acknowledgements, stops, the monitor's verdict. */
void sim_check_rest(struct sim *sim);
/* Says who has not come to rest, to stderr. */
void sim_rest_print(const struct sim *sim);
/* Has it read all logs to their ends, where it can? */
bool sim_region_is_level(const struct sim_region *region);

/* Has it forgotten all that can be forgotten of what it has read? */
bool sim_region_has_swept(struct sim_region *region);

/* Where the store says that a slice stands in a log, by index; -1: it says nothing. */
int64_t sim_frontier(const struct sim_region *region, uint32_t partition,
                     unsigned index);

/* ---- runs ---- */

/* A seed from its beginning to its end. */
void sim_run(struct sim *sim, const struct sim_plan *plan);

#endif
