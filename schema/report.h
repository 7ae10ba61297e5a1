/* report.h - what a daemon says of one slice on `iso.status`: report.avsc.
 *
 * Key: REGION/STORE/COLLECTION/PARTITION (store: 32 hex digits). The newest counts.
 */
#ifndef ISO_SCHEMA_REPORT_H
#define ISO_SCHEMA_REPORT_H

#include "schema/definition.h"
#include "schema/health.h"
#include "schema/slice.h"

enum iso_slice_state {
    ISO_SLICE_APPLYING,
    ISO_SLICE_WAITING, /* for the control topic, the store, Kafka: goes on by itself */
    ISO_SLICE_PARKED,  /* a definition that this software is too old for */
    ISO_SLICE_STOPPED, /* the log is not what it was: a person decides */
    ISO_SLICE_CLOSED,  /* the daemon ended cleanly */
};
const char *iso_slice_state_name(enum iso_slice_state state);

/* A log that is not what the slice has read, as its daemon found by itself (DESIGN.md,
 * section 9). */
struct iso_diverged {
    uint16_t log;    /* 0: none is */
    int64_t equal;   /* the newest offset that is known to be alike; -1: none is */
    int64_t differs; /* the first offset known to differ */
};

struct iso_report {
    char region[ISO_REGION_NAME_MAX + 1];
    uint8_t region_number;
    uint8_t store[16];
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    uint32_t definition; /* the newest that counts in some log of the slice */
    int64_t at_ms;       /* the daemon's clock */
    enum iso_slice_state state;
    char why[256];     /* a sentence; empty when applying */
    char software[32]; /* "0.1.0" */
    struct iso_slice slice;
    bool has_health; /* an older daemon says nothing of it */
    struct iso_health health;
    struct iso_diverged diverged; /* of a slice that was stopped for it */
};

void iso_report_release(struct iso_report *report);
/* Both append. */
void iso_report_key(const struct iso_report *report, struct iso_buf *key);
void iso_report_encode(const struct iso_report *report, struct iso_buf *value);
/* Into any report: zero, released, or used before (its arrays are kept). ISO_BAD_DATA,
 * or ISO_DAMAGED of the slice; the report is empty then. */
enum iso_err iso_report_decode(struct iso_bytes value, struct iso_report *report,
                               struct iso_why *why);

#endif
