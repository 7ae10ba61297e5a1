/* registry.h - a schema registry with Confluent's REST API: ids for schemas, schemas
 * for ids.
 *
 * Only commands that add a schema ask it. Ids travel in definitions, so neither daemons
 * nor producers need it, and its failure blocks nothing but a new id. What was asked
 * once is not asked again by the same handle: an id never changes its schema.
 */
#ifndef ISO_CLI_REGISTRY_H
#define ISO_CLI_REGISTRY_H

#include "base/bytes.h"
#include "base/settings.h"

struct iso_registry;

/* By the settings schema.registry.*; does not connect yet. ISO_SETTING: no url, or one
 * that is none, or a certificate file that is none. */
enum iso_err iso_registry_open(const struct iso_settings *settings,
                               struct iso_registry **registry, struct iso_why *why);
void iso_registry_close(struct iso_registry *registry); /* NULL is fine */

/* Registers schema JSON (as it stands: white space makes another id) under a subject;
 * the id that it has there, whether it was known or is new. ISO_INCOMPATIBLE: the
 * registry's own rules refuse it, in its words; ISO_DENIED: the password, or the
 * right; ISO_UNAVAILABLE, ISO_TIMEOUT: no answer; ISO_BAD_DATA: not an answer of such a
 * registry. Each names the url and the remedy. */
enum iso_err iso_registry_register(struct iso_registry *registry, const char *subject,
                                   struct iso_bytes json, int32_t *id,
                                   struct iso_why *why);

/* The schema's JSON: appends. ISO_NOT_FOUND; ISO_UNSUPPORTED: it is no Avro schema, or
 * refers to other subjects; else as register. */
enum iso_err iso_registry_schema(struct iso_registry *registry, int32_t id,
                                 struct iso_buf *json, struct iso_why *why);

#endif
