/* sim_faults.h - every kind of fault: its name in the trace and in the figures, how
 * often it is drawn, and what it does. One table, in sim_faults.c's order.
 */
#ifndef ISO_TESTS_SIM_SIM_FAULTS_H
#define ISO_TESTS_SIM_SIM_FAULTS_H

#include <stdbool.h>

/* X(name, weight, how heavy). A heavy one costs the world much, and is in a part of the
 * seeds only. */
#define SIM_FAULT_KINDS(X)                                                        \
    X(duplicate_delivery, 40, LIGHT) /* a record enters its log twice */          \
    X(delay, 30, LIGHT)              /* a region sees records late */             \
    X(cut_both_ways, 20, LIGHT)      /* a region and a cluster */                 \
    X(cut_one_way, 20, LIGHT)                                                     \
    X(crash_before_commit, 20, LIGHT) /* of a daemon */                           \
    X(crash_after_commit, 20, LIGHT)                                              \
    X(torn_commit, 20, LIGHT) /* it failed, and everything is there */            \
    X(store_lost, 10, HEAVY)                                                      \
    X(store_restored, 12, HEAVY) /* from an older copy */                         \
    X(store_full, 20, LIGHT)                                                      \
    X(bad_disk, 20, LIGHT)               /* views and reads fail */               \
    X(producer_crash, 20, LIGHT)         /* with unknown outcomes */              \
    X(second_handle, 20, LIGHT)          /* beside the first, on one machine */   \
    X(clock_set_back_restart, 20, LIGHT) /* of a service that is started again */ \
    X(answers_lost, 20, LIGHT)                                                    \
    X(client_fenced, 20, LIGHT)                                                   \
    X(producer_clock_steps, 20, LIGHT)                                            \
    X(producer_clock_stuck, 10, LIGHT)                                            \
    X(producer_clock_races, 10, LIGHT)                                            \
    X(broker_clock_steps, 15, LIGHT) /* also back: append time goes back */       \
    X(broker_clock_stuck, 10, LIGHT)                                              \
    X(broker_clock_races, 10, LIGHT)                                              \
    X(slow_region, 15, LIGHT)                                                     \
    X(record_without_header, 30, LIGHT) /* by another Kafka client */             \
    X(far_future_write, 20, LIGHT)                                                \
    X(far_past_write, 20, LIGHT)                                                  \
    X(malformed_record, 30, LIGHT)                                                \
    X(forged_region, 20, LIGHT)                                                   \
    X(forged_names, 30, LIGHT) /* it read what nobody ever wrote */               \
    X(forged_definition, 20, LIGHT)                                               \
    X(forged_disorder, 30, LIGHT)    /* records of one node out of order */       \
    X(definition_changes, 55, LIGHT) /* and opens a log */                        \
    X(log_succeeded, 30, LIGHT)      /* closed, and another goes on with it */    \
    X(region_away, 40, HEAVY)        /* past retention */                         \
    X(log_truncated, 90, HEAVY)      /* as by an unclean election */              \
    X(topic_recreated, 60, HEAVY)                                                 \
    X(log_closed_behind, 130, HEAVY) /* an end is below what was applied */       \
    X(sweep_early, 20, LIGHT)        /* in every step, much or little */          \
    X(sweep_late, 20, LIGHT)         /* not for long */                           \
    X(plugin_error, 120, LIGHT)      /* a value that readers' plug-in cannot take */

enum sim_fault {
#define SIM_FAULT_ENUM(name, weight, load) SIM_FAULT_##name,
    SIM_FAULT_KINDS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
        SIM_FAULTS
};

const char *sim_fault_name(enum sim_fault fault);
unsigned sim_fault_weight(enum sim_fault fault);
bool sim_fault_is_heavy(enum sim_fault fault);

struct sim;

/* Does one; false: it is not possible here now, and nothing was done. */
bool sim_fault_do(struct sim *sim, enum sim_fault fault);

#endif
