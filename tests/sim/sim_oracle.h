/* sim_oracle.h - what the records of a world's logs come to: a dumb model, by the words
 * of DESIGN.md, sections 2 to 6, and of nothing else.
 *
 * Each log of each slice is read once, from its beginning, and what it was behind each
 * record is kept: T, bound, how many were refused, whose hash the prefix has. What a
 * key holds is then asked for any prefix, of the set of its admitted writes.
 */
#ifndef ISO_TESTS_SIM_SIM_ORACLE_H
#define ISO_TESTS_SIM_SIM_ORACLE_H

#include "bus/bus.h"
#include "schema/definition.h"
#include "schema/part.h"
#include "schema/slice.h"
#include "schema/value.h"
#include "tests/sim/sim_plan.h"

struct sim;

enum sim_verdict { SIM_REFUSED, SIM_DUPLICATE, SIM_WRITE, SIM_BEAT, SIM_DEFINE };

/* A log as it is behind a record. */
struct sim_state {
    int64_t t_ms, bound_ms;
    uint64_t top;
    uint32_t definition; /* number */
    int64_t before_ms, after_ms;
    uint64_t refused, duplicates, effective;
    int64_t last_effective; /* offset; -1 */
    struct iso_digest prefix;
};

struct sim_record {
    enum sim_verdict verdict;
    int key; /* index; -1: none of the world's */
    struct iso_version version;
    int64_t append_ms;
    const char *why;        /* of a refused one */
    struct iso_digest hash; /* of it alone */
    struct sim_state after; /* behind it */
};

/* An admitted write of a key. */
struct sim_effect {
    unsigned log; /* index */
    int64_t offset;
    struct iso_version version;
    bool is_delete, blind, has_expiry;
    int64_t expiry_ms;
    struct iso_bytes value; /* in `bytes` */
    struct iso_names names; /* in `bytes` */
    /* By log, the first offset of a write that replaces this one; INT64_MAX: none. */
    int64_t children[SIM_LOGS_MAX];
    uint8_t *bytes;
};

/* What a write does to one part of a record of fields. */
enum sim_act {
    SIM_ACT_SET,    /* SET, ADD, ENABLE, RAISE, LOWER, and the mark of a PUT */
    SIM_ACT_REMOVE, /* UNSET, REMOVE, DISABLE: of this part alone */
    SIM_ACT_COUNT,  /* INCREMENT */
    SIM_ACT_SHOWN,  /* a DELETE was shown it */
};

struct sim_op {    /* its bytes are the key's */
    size_t effect; /* which write of the key */
    enum sim_act act;
    bool blind;
    struct iso_names names;
    const struct iso_sum *sums;
    size_t sum_count;
    struct iso_bytes value;
    int64_t by;
    int64_t children[SIM_LOGS_MAX]; /* as those of a write, in this part */
};

/* A part of a record of fields, and what writes do to it, in the order of each log. */
struct sim_part {
    struct iso_bytes path; /* encoded */
    enum iso_rule rule;
    const struct iso_field *field; /* NULL: the mark of PUTs */
    const struct iso_fields *fields;
    struct sim_op *ops;
    size_t count, room;
};

struct sim_key {
    struct sim_effect *effects;
    size_t count, room;
    struct sim_part *parts; /* fields only */
    size_t part_count, part_room;
    struct iso_arena arena; /* what ops borrow */
};

/* Which seqs of a node were admitted: intervals, as section 4 says. */
struct sim_node {
    uint64_t node;
    size_t count;
    struct {
        uint64_t first, last, first_hlc, last_hlc;
    } intervals[17];
};

/* One log of one slice. */
struct sim_log {
    bool exists;
    uint16_t number;
    uint64_t birth;
    int64_t next; /* offset to read */
    int64_t end;  /* where it was closed; INT64_MAX: it is open */
    struct sim_state now;
    struct sim_record *records; /* by offset */
    size_t room;
    struct sim_node *nodes;
    size_t node_count, node_room;
};

struct sim_oracle {
    struct iso_reader *readers[SIM_CLUSTERS_MAX];
    unsigned log_count;
    uint16_t numbers[SIM_LOGS_MAX];  /* by index, as they were opened */
    uint32_t succeeds[SIM_LOGS_MAX]; /* bits: which logs this one goes on with */
    struct sim_log logs[SIM_LOGS_MAX][SIM_PARTITIONS_MAX];
    struct sim_key keys[SIM_KEYS_MAX];
    struct iso_schemas *schemas[SIM_DEFINITIONS_MAX]; /* by number − 1; NULL */
    struct iso_buf names, hash;                       /* scratch */
};

void sim_oracle_open(struct sim *sim);
void sim_oracle_close(struct sim *sim);
/* A log more, behind the others. */
void sim_oracle_log(struct sim *sim, uint16_t number);
/* Reads what is new in the logs. */
void sim_oracle_read(struct sim *sim);
/* A log lost records: the slice is read anew. */
void sim_oracle_again(struct sim *sim, uint32_t partition);

/* The place of a log by its number; -1. */
int sim_log_index(const struct sim *sim, uint16_t number);
/* The number of the definition that closed a log; 0: none. */
uint32_t sim_log_closed_by(const struct sim *sim, unsigned log);
/* The newest definition that counts in a slice that stands there. */
uint32_t sim_definition_at(const struct sim *sim, uint32_t partition,
                           const int64_t frontiers[SIM_LOGS_MAX]);
/* The smallest bound over the logs that are open for it; INT64_MIN: none is. */
int64_t sim_floor_at(const struct sim *sim, uint32_t partition,
                     const int64_t frontiers[SIM_LOGS_MAX]);
/* Does one log go on where the other was closed, or where its successors were? */
bool sim_log_succeeds(const struct sim *sim, unsigned log, unsigned older);
/* The log behind its first `frontier` records. */
const struct sim_state *sim_state_at(const struct sim_log *log, int64_t frontier);

/* ---- what a key comes to ---- */

/* Takes a write apart, that was added last: of a collection of fields. */
void sim_fields_take(struct sim *sim, int key, const struct iso_write *write,
                     const struct iso_schemas *schemas);

/* A write was admitted. */
void sim_key_add(struct sim *sim, int key, const struct sim_effect *effect);

/* Does a blind write replace the other one? */
bool sim_effect_is_blind_over(const struct sim *sim, const struct sim_effect *write,
                              const struct sim_effect *other);

/* In prefixes that end at `frontiers`, swept up to H. */
struct sim_prefix {
    const int64_t *frontiers; /* by log index */
    int64_t swept_ms;
};
bool sim_effect_is_in(const struct sim_effect *effect, const struct sim_prefix *prefix);
bool sim_children_are_in(const int64_t children[SIM_LOGS_MAX],
                         const struct sim_prefix *prefix);
bool sim_effect_has_child(const struct sim_effect *effect,
                          const struct sim_prefix *prefix);
/* The one held by lww, also when it was swept; NULL: nothing came. */
const struct sim_effect *sim_key_held(const struct sim_key *key,
                                      const struct sim_prefix *prefix);
bool sim_effect_is_swept(const struct sim_effect *effect,
                         const struct sim_prefix *prefix);
/* Is it a value that lost, by lww? `held` as above. */
bool sim_effect_is_loser(const struct sim_effect *effect, const struct sim_effect *held,
                         const struct sim_prefix *prefix);

#endif
