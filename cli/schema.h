/* schema.h - schemas as an operator names and gives them, for the commands that take
 * one; and the values of a collection as JSON, for those that read and write.
 */
#ifndef ISO_CLI_SCHEMA_H
#define ISO_CLI_SCHEMA_H

#include "cli/cli.h"
#include "schema/value.h"

enum { CLI_JSON_MAX = 16 << 20 }; /* bytes of a value's JSON */

/* ---- a schema that is given ---- */

struct cli_schema {
    struct iso_buf json; /* as it was written, without white space between its words */
    struct iso_avro *avro;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
    bool has_registry_id;
    int32_t registry_id;
};

/* From a file ("-": standard input). ISO_IO; ISO_BAD_DATA names file and place. */
enum iso_err iso_cli_schema_read(struct cli *cli, const char *path,
                                 struct cli_schema *schema);
/* By its id, from the registry. */
enum iso_err iso_cli_schema_fetch(struct cli *cli, int32_t id,
                                  struct cli_schema *schema);
void iso_cli_schema_release(struct cli_schema *schema); /* twice is fine */

/* Its name or, of a schema without one, its type: appends. */
void iso_cli_schema_title(const char *json, struct iso_buf *title);

/* Whether a collection of fields can have it: iso_fields_new. ISO_BAD_DATA names the
 * field, what its rule takes and the remedy. */
enum iso_err iso_cli_schema_rules(struct cli *cli, const struct cli_schema *schema);

/* ---- among those of a collection ---- */

enum cli_schema_there {
    CLI_SCHEMA_NEW,
    CLI_SCHEMA_THERE,
    CLI_SCHEMA_OTHER_TEXT /* its fingerprint is taken: a default or alias differs */
};
enum cli_schema_there iso_cli_schema_find(const struct iso_definition *definition,
                                          const struct cli_schema *schema, size_t *n);

/* Why a schema with another text and the same fingerprint cannot stand beside it:
 * ISO_EXISTS, or ISO_INCOMPATIBLE when a merge rule is another. */
enum iso_err iso_cli_schema_other_text(struct cli *cli,
                                       const struct iso_definition *definition,
                                       size_t n, const struct cli_schema *schema);

/* "2" or "3f0a…" (a fingerprint, 16 digits); NULL: the newest. ISO_NOT_FOUND names
 * those there are; ISO_USAGE: it is neither, or values are opaque. */
enum iso_err iso_cli_schema_named(struct cli *cli,
                                  const struct iso_definition *definition,
                                  const char *name, size_t *n);

/* Gives the schema an id in the registry, under the subject TOPIC-value of each log
 * that is open; one that was fetched has its own. ISO_REFUSED: the logs would need
 * several, or another schema of the collection has it; else as the registry says. */
enum iso_err iso_cli_schema_enter(struct cli *cli,
                                  const struct iso_definition *definition,
                                  struct cli_schema *schema);

/* Adds it at the end. */
void iso_cli_schema_add(struct iso_definition *definition,
                        const struct cli_schema *schema);

/* The mode by name, for an option's parser: ends the process on another. */
enum iso_compatibility iso_cli_compatibility(struct argp_state *state,
                                             const char *value);

/* ---- values as JSON ---- */

/* The place of schema `name` ("2"; NULL: the newest) among those that may be written
 * by. ISO_USAGE: there is none; ISO_BAD_DATA: it cannot be used. */
enum iso_err iso_cli_schema_writable(struct cli *cli, const struct iso_schemas *schemas,
                                     const char *name, size_t *n);

/* Appends the value that `json` says, by schema `name` ("2", a fingerprint; NULL: the
 * newest) of `schemas`. Opaque: the JSON's own text. ISO_BAD_DATA names the field and
 * what is wanted. */
enum iso_err iso_cli_value_encode(struct cli *cli, const struct iso_schemas *schemas,
                                  const char *name, struct iso_bytes json,
                                  struct iso_buf *value);

/* How the values of a collection are shown. */
struct cli_view;

/* `schema`: "2", a fingerprint, or the file of a schema to read by; NULL: each value by
 * its writer's. `raw`: the bytes as they are stored. */
enum iso_err iso_cli_view_new(struct cli *cli, const struct iso_definition *definition,
                              const char *schema, bool raw, struct cli_view **view);
void iso_cli_view_free(struct cli_view *view); /* NULL is fine */
/* Of a collection of fields with a reader's schema: its JSON, by which the store is to
 * be read (iso_replica_read_as), since a record is put together by it; values are then
 * its data. Else NULL. Borrowed. */
const char *iso_cli_view_reader(struct cli_view *view);
/* What it was made of. */
const struct iso_definition *iso_cli_view_definition(const struct cli_view *view);
/* Whether values are shown as JSON, and not as bytes. */
bool iso_cli_view_is_json(const struct cli_view *view);
/* What is printed of a value: its JSON, or its bytes: appends. */
enum iso_err iso_cli_view_text(struct cli *cli, struct cli_view *view,
                               struct iso_bytes value, struct iso_buf *text);
/* Sets "value" of an object, and "schema" when there is one: the fingerprint of its
 * writer's. A value with a map key that has a NUL, which cannot be nested, stands as
 * the text of its JSON in "value_text". */
enum iso_err iso_cli_view_set(struct cli *cli, struct cli_view *view,
                              struct iso_bytes value, json_t *object);

#endif
