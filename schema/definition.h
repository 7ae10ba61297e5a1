/* definition.h - all that decides over the records of a collection (DESIGN.md, section 2).
 *
 * A definition is immutable bytes, the Avro binary of collection.avsc; its number is 1, 2,
 * 3 … in its collection. What it says can be looked up here; what it may not say is
 * refused by decode.
 */
#ifndef ISO_SCHEMA_DEFINITION_H
#define ISO_SCHEMA_DEFINITION_H

#include "schema/write.h"

enum { ISO_COLLECTION_NAME_MAX = 64, ISO_BUCKETS_DEFAULT = 1024 };
enum iso_format { ISO_FORMAT_AVRO, ISO_FORMAT_CONFLUENT, ISO_FORMAT_OPAQUE };

struct iso_definition_limits {
    uint32_t key_max, value_max, header_max; /* bytes */
    uint32_t read_max;                       /* versions that a write may name */
};

struct iso_definition_region {
    uint8_t number;
    char name[ISO_REGION_NAME_MAX + 1];
};

struct iso_definition_log {
    uint16_t number;
    char *cluster, *topic;
    uint64_t writers; /* bit n − 1: region n writes here */
    uint64_t birth;   /* the hlc of its first DEFINE */
    uint16_t *succeeds;
    size_t succeeds_count;
    int64_t *ends; /* by partition; NULL while it is open */
};

struct iso_definition_schema {
    uint8_t fingerprint[8];
    char *json;
    bool has_registry_id;
    int32_t registry_id;
};

struct iso_definition {
    struct iso_buf bytes; /* as it travels */
    char collection[ISO_COLLECTION_NAME_MAX + 1];
    uint32_t number;
    uint8_t id[16];
    uint32_t partitions, buckets;
    char resolver[ISO_COLLECTION_NAME_MAX + 1];
    enum iso_format format;
    int64_t before_max_ms, after_max_ms;
    struct iso_definition_limits limits;
    struct iso_definition_region *regions;
    size_t region_count;
    struct iso_definition_log *logs;
    size_t log_count;
    struct iso_definition_schema *schemas;
    size_t schema_count;
    uint32_t extension_unknown; /* as in a write's header: ISO_UNSUPPORTED to use */
};

/* Decodes and checks: names, numbers, uniqueness, bounds (partitions 1..4096, buckets
 * 1..65536, before_max ≥ 1 s, after_max 1 s..1 h, limits within those of write.h), every
 * writer a region, every log with a writer. ISO_BAD_DATA says what. */
enum iso_err iso_definition_decode(struct iso_bytes bytes,
                                   struct iso_definition **definition,
                                   struct iso_why *why);

/* Encodes the fields into definition->bytes, and checks them as above. */
enum iso_err iso_definition_encode(struct iso_definition *definition, struct iso_why *why);

void iso_definition_free(struct iso_definition *definition); /* NULL is fine */

/* NULL when it names none. */
const struct iso_definition_log *iso_definition_log(const struct iso_definition *definition,
                                                    uint16_t number);
const struct iso_definition_region *
iso_definition_region(const struct iso_definition *definition, unsigned number);
const struct iso_definition_region *
iso_definition_region_named(const struct iso_definition *definition, const char *name);

/* The open log that region `number` writes: the one of the highest number. NULL: none. */
const struct iso_definition_log *
iso_definition_log_of(const struct iso_definition *definition, unsigned region);

/* The region that owns a log: its only writer, or the lowest-numbered one. */
unsigned iso_definition_owner(const struct iso_definition_log *log);

/* [a-z0-9-]{1,32} for regions; [a-zA-Z0-9._-]{1,64} for collections. */
bool iso_region_name_valid(const char *name);
bool iso_collection_name_valid(const char *name);

#endif
