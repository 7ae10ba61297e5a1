/* admit.h - what is refused, alike in every region (DESIGN.md, section 5).
 *
 * Pure: a record, the definition in force in its log, and how far that log is, in; the
 * decoded write, or a refusal with the reason and the remedy, out. A refusal is any
 * error of kind poison: its code and sentence go into the dead letter as they are.
 *
 *   every record ──▶ iso_admit ──▶ PUT, PATCH, DELETE, HEARTBEAT
 *                        └─ DEFINE ──▶ iso_admit_define ──▶ what it puts in force
 */
#ifndef ISO_CONSUMER_ADMIT_H
#define ISO_CONSUMER_ADMIT_H

#include "bus/bus.h"
#include "consumer/known.h"
#include "resolver/resolver.h"
#include "schema/slice.h"

/* What a record is judged by; all borrowed. */
struct iso_admit {
    const struct iso_definition *definition; /* in force; NULL: no DEFINE yet */
    const struct iso_definition_log *where; /* what it says of the log; NULL likewise */
    const struct iso_resolver *resolver;
    const struct iso_slice_log *log; /* the log as far as it was read */
    uint32_t partition;
    const struct iso_schemas *schemas; /* of the definition in force */
    const struct iso_known *known;     /* for a DEFINE */
    bool control_read; /* and whether control was read to its end since */
};

/* A record that was admitted. Zero before the first use, then reused: its buffers stay.
 */
struct iso_admitted {
    struct iso_write write;
    struct iso_coming coming; /* of a PUT, PATCH or DELETE: as the resolver gets it */
    struct iso_patch patch;
    struct iso_buf names;
};
void iso_admitted_release(struct iso_admitted *admitted);

/* Judges a record and decodes it into `admitted`, which borrows from the record. A
 * record without our header gets the hlc and node that DESIGN.md, section 2, gives it,
 * and seq 0. Of a DEFINE only what every record must keep is judged here. */
enum iso_err iso_admit(const struct iso_admit *admit, const struct iso_record *record,
                       struct iso_admitted *admitted, struct iso_why *why);

/* The append time as admission sees it: within what an hlc can say. */
int64_t iso_admit_append_ms(const struct iso_record *record);

/* Judges what a DEFINE that passed iso_admit announces; says the definition that is in
 * force behind it, as `known` or its control topic holds it.
 *
 *   ISO_CONTROL_WAIT  neither holds it, and control was not read to its end yet
 *   ISO_UNSUPPORTED   it is announced, and beyond this software
 *   kind poison       refused */
enum iso_err iso_admit_define(const struct iso_admit *admit,
                              const struct iso_record *record,
                              const struct iso_write *write,
                              const struct iso_definition **definition,
                              struct iso_why *why);

/* ISO_UNSUPPORTED: the definition needs a later isostasy; says for what. */
enum iso_err iso_admit_supported(const struct iso_definition *definition,
                                 struct iso_why *why);

/* Not too far ahead of its append time? */
enum iso_err iso_admit_early(const struct iso_definition *definition,
                             const struct iso_record *record,
                             const struct iso_write *write, struct iso_why *why);

#endif
