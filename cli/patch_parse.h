/* patch_parse.h - one operation of `isostasy patch`, as people write it.
 *
 *   operation  part "=" JSON                    set
 *              part ("+=" | "-=") NUMBER        a counter
 *              part ("add" | "remove") JSON     a set
 *              part ("raise" | "lower") JSON    a max, a min
 *              part ("enable" | "disable")      a flag
 *              part ("unset" | "reset")         takes it away; a counter to 0
 *   part       NAME, or NAME "[" STRING "]"     a field; a member of a map
 *
 * STRING, JSON and NUMBER (a whole one) are JSON; white space may stand between any
 * two. Pure: which of them the field takes is asked of the schema later.
 */
#ifndef ISO_CLI_PATCH_PARSE_H
#define ISO_CLI_PATCH_PARSE_H

#include "schema/patch.h"

struct cli_operation {
    struct iso_buf field, member; /* owned */
    bool has_member;
    enum iso_step_operation operation;
    bool resets;            /* UNSET that was written as "reset" */
    int64_t by;             /* INCREMENT */
    struct iso_bytes value; /* JSON; borrowed from the text; empty: it takes none */
};

/* ISO_USAGE names the place (in characters, from 1 on), what stands there and what was
 * wanted. Release after either. */
enum iso_err iso_cli_operation_parse(const char *text, struct cli_operation *operation,
                                     struct iso_why *why);
void iso_cli_operation_release(struct cli_operation *operation); /* twice is fine */

#endif
