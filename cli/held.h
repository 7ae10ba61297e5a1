/* held.h - what stands in a region's store, as JSON for people: a place, its value by
 * the schema that wrote it, and who wrote it when and where. None of it fails: a value
 * whose schema is not known, or that JSON cannot hold, is {"base64": …}; a large one
 * that was not loaded is {"bytes": SIZE}.
 */
#ifndef ISO_CLI_HELD_H
#define ISO_CLI_HELD_H

#include "cli/schema.h"
#include "schema/part.h"

struct cli_held {
    struct cli *cli;
    const struct iso_definition *definition;
    struct iso_schemas *schemas;
    struct cli_view *view;
};

/* The definition is borrowed until release. */
enum iso_err iso_cli_held_init(struct cli *cli, const struct iso_definition *definition,
                               struct cli_held *held);
void iso_cli_held_release(struct cli_held *held); /* twice is fine */

/* A whole value. */
json_t *iso_cli_held_whole(const struct cli_held *held, struct iso_bytes value);
/* The datum of a part, by the schema of that fingerprint (NULL: the newest that has the
 * field). */
json_t *iso_cli_held_part(const struct cli_held *held, const struct iso_path *path,
                          const uint8_t *fingerprint, struct iso_bytes datum);
/* `cart["sku"]`, `tags{"x"}`: appends. The record's mark: nothing. */
void iso_cli_held_place(const struct cli_held *held, struct iso_bytes path,
                        struct iso_buf *text);

/* "version", "region" (its name; null: a client without our header), "time", and with
 * log > 0 "log" and "offset" of a write. */
void iso_cli_held_writer(const struct cli_held *held, struct iso_version version,
                         json_t *object);
void iso_cli_held_position(uint16_t log, int64_t offset, json_t *object);

/* ---- in a sentence: appends ---- */

/* "eu" */
void iso_cli_held_region(const struct cli_held *held, struct iso_version version,
                         struct iso_buf *text);
/* "2026-01-15T12:00:00.250Z by eu" */
void iso_cli_held_author(const struct cli_held *held, struct iso_version version,
                         struct iso_buf *text);
/* A JSON value on one line. */
void iso_cli_json_text(const json_t *value, struct iso_buf *text);

#endif
