/* doctor.h - what `isostasy doctor` found, and where it looks; private to this room. */
#ifndef ISO_CLI_DOCTOR_H
#define ISO_CLI_DOCTOR_H

#include "cli/watching.h"

enum doctor_level { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_FAILURE };

struct doctor {
    struct cli *cli;
    bool json, write;
    size_t counts[DOCTOR_FAILURE + 1];
};

/* Prints a finding: about what, and a sentence that ends with the remedy. */
void iso_doctor_find(struct doctor *doctor, enum doctor_level level,
                     const char *subject, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of a failure's own sentence; ISO_OK finds `well`. */
void iso_doctor_err(struct doctor *doctor, const char *subject, enum iso_err err,
                    const char *well);

/* doctor_kafka.c: brokers, control topics, logs, what we are allowed to do */
void iso_doctor_kafka(struct doctor *doctor);
/* doctor_regions.c: stores on this machine; daemons, clocks, retention, as reported */
void iso_doctor_regions(struct doctor *doctor);

#endif
