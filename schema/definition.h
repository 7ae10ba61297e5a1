/* definition.h - all that decides over the records of a collection (DESIGN.md, section
 * 2).
 *
 * A definition is immutable bytes, the Avro binary of collection.avsc; its number is 1,
 * 2, 3 … in its collection. What it says can be looked up here; what it may not say is
 * refused by decode.
 */
#ifndef ISO_SCHEMA_DEFINITION_H
#define ISO_SCHEMA_DEFINITION_H

#include "schema/compatibility.h"
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
    /* Which schemas may be added, asked by who adds them and by nobody who applies;
     * travels as extension 2 (one byte), left out when it is the default. */
    enum iso_compatibility compatibility;
    uint32_t extension_unknown; /* as in a write's header: ISO_UNSUPPORTED to use */
    bool extensions_passed; /* one at least was passed over: encoding would lose it */
};

/* Decodes and checks (iso_definition_check). ISO_BAD_DATA says what. */
enum iso_err iso_definition_decode(struct iso_bytes bytes,
                                   struct iso_definition **definition,
                                   struct iso_why *why);

/* Puts regions, logs and successions into order, checks, and encodes the fields into
 * definition->bytes. ISO_BAD_DATA as decode; ISO_UNSUPPORTED when it has an unknown
 * extension, of whatever number, which would be lost. */
enum iso_err iso_definition_encode(struct iso_definition *definition,
                                   struct iso_why *why);

/* What no definition may say: names that are not valid, an id of zeros, partitions
 * outside 1..4096, buckets outside 1..65536, before_max outside 1 s..366 days,
 * after_max outside 1 s..1 h, limits outside those of write.h, no region or log, a
 * number or name twice, more than ISO_LOGS_OPEN_MAX open logs, two open logs on one
 * topic, a log without a writer or birth, a writer that is no region, a succession of a
 * log that is open or not lower, a schema twice or (format confluent) without registry
 * id, schemas of opaque values, more than the bounds below. */
enum {
    ISO_DEFINITION_LOGS_MAX = 1024,
    ISO_DEFINITION_SCHEMAS_MAX = 1024,
    ISO_DEFINITION_JSON_MAX = 900 << 10, /* of all schemas together */
    ISO_DEFINITION_READ_MAX = ISO_HEADER_MAX / ISO_VERSION_SIZE,
    ISO_BUCKETS_MAX = 65536,
    ISO_TOPIC_NAME_MAX = 249, /* Kafka's own */
};
#define ISO_BEFORE_MAX_LIMIT_MS (INT64_C(366) * 24 * 3600 * 1000)
#define ISO_AFTER_MAX_LIMIT_MS (INT64_C(3600) * 1000)
enum iso_err iso_definition_check(const struct iso_definition *definition,
                                  struct iso_why *why);

/* Whether `next` may come after `now` in one collection: the next number and another
 * id; partitions, buckets and resolver as they were; before_max, after_max and limits
 * not below what they were; regions that stay, and every log, as they were (more
 * writers may join; an open log may end, an ended one stays);
 * iso_definition_schemas_follow. ISO_BAD_DATA says what. */
enum iso_err iso_definition_follows(const struct iso_definition *next,
                                    const struct iso_definition *now,
                                    struct iso_why *why);

/* The part of it that admission asks too: the format stays; every schema of `now` stays
 * as it was and where it was, since values that it wrote are stored, and new ones stand
 * behind; no field of one has another merge rule in a schema that is new, or two new
 * ones. A schema that does not parse has no rules. ISO_BAD_DATA says what. */
enum iso_err iso_definition_schemas_follow(const struct iso_definition *next,
                                           const struct iso_definition *now,
                                           struct iso_why *why);

void iso_definition_free(struct iso_definition *definition); /* NULL is fine */

/* Whether records merge field by field, by the rules of their schemas. */
bool iso_definition_has_fields(const struct iso_definition *definition);

/* NULL when it names none. */
const struct iso_definition_log *
iso_definition_log(const struct iso_definition *definition, uint16_t number);
const struct iso_definition_region *
iso_definition_region(const struct iso_definition *definition, unsigned number);
const struct iso_definition_region *
iso_definition_region_named(const struct iso_definition *definition, const char *name);

/* The open log that region `number` writes: the one of the highest number. NULL: none.
 */
const struct iso_definition_log *
iso_definition_log_of(const struct iso_definition *definition, unsigned region);

/* Whether a value names both alike: by registry id (format confluent), else by
 * fingerprint. Registries give one fingerprint many ids: white space makes another. */
bool iso_definition_schema_same(enum iso_format format,
                                const struct iso_definition_schema *a,
                                const struct iso_definition_schema *b);

/* The region that owns a log: its only writer, or the lowest-numbered one. */
unsigned iso_definition_owner(const struct iso_definition_log *log);

/* [a-z0-9-]{1,32} for regions and plug-ins, which are sections of the settings;
 * [a-zA-Z0-9._-]{1,64} for collections (and clusters), but for "." and "..", since
 * names become parts of paths and topics. */
bool iso_region_name_valid(const char *name);
bool iso_collection_name_valid(const char *name);

#endif
