/* Why a record cannot be put together: the field, the reason and the remedy, in words
 * for who owns the reader's schema. */
#include <inttypes.h>

#include "schema/assemble_taker.h"

enum iso_err iso_assemble_unnamed(const struct iso_shown_part *part,
                                  struct iso_why *why)
{
    const struct iso_path field = {.field = part->path.field};
    struct iso_buf name = {0}, digits = {0};
    iso_path_text(&field, &name);
    if (part->fingerprint != NULL)
        iso_hex_encode(&digits, iso_bytes(part->fingerprint, ISO_FINGERPRINT_SIZE));
    enum iso_err err =
        iso_fail(why, ISO_REFUSED,
                 "the field %.100s of the record was written by a schema%s%s that the "
                 "collection's definition does not name: register it, `isostasy schema "
                 "register`",
                 iso_buf_text(&name), digits.size > 0 ? " of fingerprint " : "",
                 iso_buf_text(&digits));
    iso_buf_release(&name);
    iso_buf_release(&digits);
    return err;
}

enum iso_err iso_assemble_damaged(const char *name, const struct iso_field *rule,
                                  struct iso_why *why)
{
    return iso_fail(why, ISO_DAMAGED,
                    "a part of the field %.100s is not what the field's rule, %s%s, "
                    "makes: repair this region from another",
                    name, rule->is_map ? "map:" : "", iso_rule_name(rule->rule));
}

enum iso_err iso_assemble_misshapen(const char *name, const struct iso_field *rule,
                                    struct iso_why *why)
{
    const char *wants = "an array";
    if (rule->is_map)
        wants = rule->rule == ISO_RULE_SET ? "a map of arrays" : "a map";
    return iso_fail(why, ISO_INCOMPATIBLE,
                    "the reader's schema cannot take the field %.100s, which the "
                    "collection merges by %s%s: give it the type of %s",
                    name, rule->is_map ? "map:" : "", iso_rule_name(rule->rule), wants);
}

enum iso_err iso_assemble_out_of_range(const char *name, const struct iso_path *path,
                                       int64_t number, struct iso_why *why)
{
    const struct iso_path inside = {.has_member = path->has_member,
                                    .member = path->member};
    struct iso_buf member = {0};
    iso_path_text(&inside, &member);
    enum iso_err err =
        iso_fail(why, ISO_INCOMPATIBLE,
                 "the reader's schema cannot take the field %.100s%.100s: %" PRId64
                 " stands there, which an int does not hold: read it as a long",
                 name, iso_buf_text(&member), number);
    iso_buf_release(&member);
    return err;
}

enum iso_err iso_assemble_too_large(const char *name, struct iso_why *why)
{
    return iso_fail(why, ISO_TOO_LARGE,
                    "as the reader's schema sees it, the record is longer than %d "
                    "bytes, at the field %.100s: give its fields shorter defaults",
                    (int)ISO_AVRO_READ_MAX, name);
}
