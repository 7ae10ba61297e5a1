/* sim_faults.h - every kind of fault: its name in the trace and in the figures, how
 * often it is drawn, and what it does. One table, in sim_faults.c's order.
 */
#ifndef ISO_TESTS_SIM_SIM_FAULTS_H
#define ISO_TESTS_SIM_SIM_FAULTS_H

/* X(name, weight). A fault of a weight below 10 is heavy: it costs the world much, and
 * is in a part of the seeds only. */
#define SIM_FAULT_KINDS(X)                                                   \
    X(duplicate_delivery, 40)     /* a record enters its log twice */        \
    X(delay, 30)                  /* a region sees records late */           \
    X(cut_both_ways, 20)          /* a region and a cluster */               \
    X(cut_one_way, 20)                                                       \
    X(crash_before_commit, 20)    /* of a daemon */                          \
    X(crash_after_commit, 20)                                                \
    X(torn_commit, 20)            /* it failed, and everything is there */   \
    X(store_lost, 6)                                                         \
    X(store_restored, 6)          /* from an older copy */                   \
    X(store_full, 20)                                                        \
    X(bad_disk, 20)               /* views and reads fail */                 \
    X(producer_crash, 20)         /* with unknown outcomes */                \
    X(second_handle, 20)          /* beside the first, on one machine */     \
    X(clock_set_back_restart, 20) /* of a service that is started again */   \
    X(answers_lost, 20)                                                      \
    X(client_fenced, 20)                                                     \
    X(producer_clock_steps, 20)                                              \
    X(producer_clock_stuck, 10)                                              \
    X(producer_clock_races, 10)                                              \
    X(broker_clock_steps, 15)     /* also back: append time goes back */     \
    X(broker_clock_stuck, 10)                                                \
    X(broker_clock_races, 10)                                                \
    X(slow_region, 15)                                                       \
    X(record_without_header, 30)  /* by another Kafka client */              \
    X(far_future_write, 20)                                                  \
    X(far_past_write, 20)                                                    \
    X(malformed_record, 30)                                                  \
    X(forged_region, 20)                                                     \
    X(forged_names, 30)           /* it read what nobody ever wrote */       \
    X(forged_definition, 20)                                                 \
    X(forged_disorder, 30)        /* records of one node out of order */     \
    X(definition_changes, 10)     /* and opens a log */                      \
    X(region_away, 3)             /* past retention */                       \
    X(log_truncated, 3)           /* as by an unclean election */            \
    X(topic_recreated, 2)

enum sim_fault {
#define SIM_FAULT_ENUM(name, weight) SIM_FAULT_##name,
    SIM_FAULT_KINDS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
        SIM_FAULTS
};

const char *sim_fault_name(enum sim_fault fault);
unsigned sim_fault_weight(enum sim_fault fault);

struct sim;

/* Does one; false: it is not possible here now, and nothing was done. */
bool sim_fault_do(struct sim *sim, enum sim_fault fault);

#endif
