/* explain.h - the parts of an entry as JSON, each with the sentence that says why it is
 * what it is; for `isostasy explain`, and private to it.
 */
#ifndef ISO_CLI_EXPLAIN_H
#define ISO_CLI_EXPLAIN_H

#include "cli/held.h"
#include "consumer/replica_explain.h"

/* One part of a record of fields: "field" (none: the record's mark), "rule", what is
 * shown of it ("value", "number", "removed"), "why", and what it is kept by: "writes",
 * "sums", "cleared", "remembered". */
json_t *iso_cli_explain_part(const struct cli_held *held,
                             const struct iso_explained *explained,
                             const struct iso_part *part);

/* One write that holds a value (expiry included), without that value. */
json_t *iso_cli_explain_write(const struct cli_held *held,
                              const struct iso_held *write);

/* Sets "remembered": how many names, and the first of them; nothing when there is none.
 */
void iso_cli_explain_names(const struct cli_held *held, struct iso_names names,
                           json_t *object);

/* "larger version: T by us over T by eu", of what stands at a path (whole values:
 * empty) and lost there; appends. */
void iso_cli_explain_larger(const struct cli_held *held,
                            const struct iso_explained *explained,
                            struct iso_version version, struct iso_bytes path,
                            struct iso_buf *why);

#endif
