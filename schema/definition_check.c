/* The rules of definition.h, one after the other; the first that is broken writes the
 * sentence: what is wrong, and what to write instead. Everything here is bounded by the
 * limits of definition.h, which are looked at before what they limit. */
#include "base/mem.h"
#include "schema/definition.h"

#define BAD(why, ...) iso_fail(why, ISO_BAD_DATA, __VA_ARGS__)

static const char id_zero[16];

static bool resolver_valid(const char *name)
{
    static const char plugin[] = "plugin:";
    if (strncmp(name, plugin, sizeof plugin - 1) == 0) /* a section of the settings */
        return iso_region_name_valid(name + sizeof plugin - 1);
    return iso_collection_name_valid(name);
}

static bool topic_valid(const char *topic)
{
    size_t size = strlen(topic);
    return size >= 1 && size <= ISO_TOPIC_NAME_MAX && strcmp(topic, ".") != 0 &&
           strcmp(topic, "..") != 0 &&
           strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-") == size;
}

static enum iso_err head_check(const struct iso_definition *definition,
                               struct iso_why *why)
{
    if (!iso_collection_name_valid(definition->collection))
        return BAD(why,
                   "the collection's name is not valid: use 1 to %d of a-z A-Z 0-9 "
                   ". _ -, and not . or ..",
                   ISO_COLLECTION_NAME_MAX);
    if (definition->number < 1 || definition->number > INT32_MAX)
        return BAD(why, "the definition's number is %u: count from 1",
                   definition->number);
    if (memcmp(definition->id, id_zero, sizeof definition->id) == 0)
        return BAD(why, "the definition's id is all zeros: draw 16 random bytes");
    if (definition->partitions < 1 || definition->partitions > ISO_PARTITIONS_MAX)
        return BAD(why, "%u partitions: use 1 to %d", definition->partitions,
                   ISO_PARTITIONS_MAX);
    if (definition->buckets < 1 || definition->buckets > ISO_BUCKETS_MAX)
        return BAD(why, "%u buckets: use 1 to %d", definition->buckets,
                   ISO_BUCKETS_MAX);
    if (!resolver_valid(definition->resolver))
        return BAD(why,
                   "the resolver's name is not valid: use lww, fields, siblings or "
                   "plugin:NAME, NAME 1 to %d of a-z 0-9 -",
                   ISO_REGION_NAME_MAX);
    if (definition->format > ISO_FORMAT_OPAQUE)
        return BAD(why, "value format %d is unknown: use avro, confluent or opaque",
                   (int)definition->format);
    if (definition->format == ISO_FORMAT_OPAQUE &&
        iso_definition_has_fields(definition))
        return BAD(why,
                   "resolver fields merges by the fields of a schema, and values are "
                   "opaque: use format avro or confluent, or resolver lww");
    if (definition->compatibility >= ISO_COMPATIBILITIES)
        return BAD(why, "compatibility mode %d is unknown: use BACKWARD or another one",
                   (int)definition->compatibility);
    if (definition->before_max_ms < 1000 ||
        definition->before_max_ms > ISO_BEFORE_MAX_LIMIT_MS)
        return BAD(why, "before_max is %lld ms: use 1 second to 366 days",
                   (long long)definition->before_max_ms);
    if (definition->after_max_ms < 1000 ||
        definition->after_max_ms > ISO_AFTER_MAX_LIMIT_MS)
        return BAD(why, "after_max is %lld ms: use 1 second to 1 hour",
                   (long long)definition->after_max_ms);
    return ISO_OK;
}

static enum iso_err limits_check(const struct iso_definition_limits *limits,
                                 struct iso_why *why)
{
    if (limits->key_max < 1 || limits->key_max > ISO_KEY_MAX)
        return BAD(why, "key_max is %u bytes: use 1 to %d", limits->key_max,
                   ISO_KEY_MAX);
    if (limits->value_max < 1 || limits->value_max > ISO_VALUE_MAX)
        return BAD(why, "value_max is %u bytes: use 1 to %d", limits->value_max,
                   ISO_VALUE_MAX);
    if (limits->header_max < ISO_HEADER_BLIND_MAX ||
        limits->header_max > ISO_HEADER_MAX)
        return BAD(why, "header_max is %u bytes: use %d to %d", limits->header_max,
                   ISO_HEADER_BLIND_MAX, ISO_HEADER_MAX);
    if (limits->read_max < 1 || limits->read_max > ISO_DEFINITION_READ_MAX)
        return BAD(why, "read_max is %u versions: use 1 to %d", limits->read_max,
                   ISO_DEFINITION_READ_MAX);
    return ISO_OK;
}

static enum iso_err regions_check(const struct iso_definition *definition,
                                  struct iso_why *why)
{
    if (definition->region_count < 1 || definition->region_count > ISO_REGION_MAX)
        return BAD(why, "%zu regions: name 1 to %d", definition->region_count,
                   ISO_REGION_MAX);
    for (size_t i = 0; i < definition->region_count; i++) {
        const struct iso_definition_region *region = &definition->regions[i];
        if (!iso_region_name_valid(region->name))
            return BAD(why,
                       "the name of region %u is not valid: use 1 to %d of a-z 0-9 -",
                       region->number, ISO_REGION_NAME_MAX);
        if (region->number < 1 || region->number > ISO_REGION_MAX)
            return BAD(why, "region %s has the number %u: use 1 to %d", region->name,
                       region->number, ISO_REGION_MAX);
        if (i > 0 && definition->regions[i - 1].number >= region->number)
            return BAD(why,
                       "region number %u stands twice or out of order: a number is "
                       "one region's, and they ascend",
                       region->number);
        if (iso_definition_region_named(definition, region->name) != region)
            return BAD(why, "region %s stands twice: a name is one region's",
                       region->name);
    }
    return ISO_OK;
}

static enum iso_err writers_check(const struct iso_definition *definition,
                                  const struct iso_definition_log *log,
                                  struct iso_why *why)
{
    if (log->writers == 0)
        return BAD(why, "log %u has no writer: name a region that writes it",
                   log->number);
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++)
        if ((log->writers >> (region - 1) & 1) != 0 &&
            iso_definition_region(definition, region) == NULL)
            return BAD(why,
                       "region %u writes log %u and is not named: add it to the "
                       "definition's regions",
                       region, log->number);
    return ISO_OK;
}

static enum iso_err successions_check(const struct iso_definition *definition,
                                      const struct iso_definition_log *log,
                                      struct iso_why *why)
{
    for (size_t i = 0; i < log->succeeds_count; i++) {
        unsigned number = log->succeeds[i];
        if (i > 0 && log->succeeds[i - 1] >= number)
            return BAD(why,
                       "log %u succeeds log %u twice or out of order: name each "
                       "once, ascending",
                       log->number, number);
        if (number >= log->number)
            return BAD(why,
                       "log %u succeeds log %u: only a lower number can have come "
                       "before; give the new log a new, higher one",
                       log->number, number);
        const struct iso_definition_log *before =
            iso_definition_log(definition, (uint16_t)number);
        if (before == NULL || before->ends == NULL)
            return BAD(why,
                       "log %u succeeds log %u, which %s: a log is succeeded when "
                       "its ends are named",
                       log->number, number,
                       before == NULL ? "is not named" : "is open");
    }
    return ISO_OK;
}

/* An open log does not share its topic with another one. */
static enum iso_err topic_check(const struct iso_definition *definition,
                                const struct iso_definition_log *log,
                                struct iso_why *why)
{
    if (!iso_collection_name_valid(log->cluster))
        return BAD(why,
                   "the cluster of log %u is not a valid name: use 1 to %d of a-z "
                   "A-Z 0-9 . _ -",
                   log->number, ISO_COLLECTION_NAME_MAX);
    if (!topic_valid(log->topic))
        return BAD(why,
                   "the topic of log %u is not a valid name: use 1 to %d of a-z A-Z "
                   "0-9 . _ -, and not . or ..",
                   log->number, ISO_TOPIC_NAME_MAX);
    for (const struct iso_definition_log *other = definition->logs;
         log->ends == NULL && other < log; other++)
        if (other->ends == NULL && strcmp(other->topic, log->topic) == 0 &&
            strcmp(other->cluster, log->cluster) == 0)
            return BAD(why,
                       "logs %u and %u are both open on topic %s of cluster %s: "
                       "close one, or give it another topic",
                       other->number, log->number, log->topic, log->cluster);
    return ISO_OK;
}

static enum iso_err log_check(const struct iso_definition *definition,
                              const struct iso_definition_log *log, struct iso_why *why)
{
    if (log->number < 1 || log->number > ISO_LOG_MAX)
        return BAD(why, "a log has the number %u: use 1 to %d", log->number,
                   ISO_LOG_MAX);
    if (log > definition->logs && log[-1].number >= log->number)
        return BAD(why,
                   "log number %u stands twice or out of order: a number is one "
                   "log's for ever, and they ascend",
                   log->number);
    if (log->birth == 0)
        return BAD(why, "log %u has no birth: set the hlc of its first DEFINE",
                   log->number);
    for (uint32_t i = 0; log->ends != NULL && i < definition->partitions; i++)
        if (log->ends[i] < 0)
            return BAD(why,
                       "log %u ends at offset %lld in partition %u: an end is 0 or "
                       "more",
                       log->number, (long long)log->ends[i], i);
    enum iso_err err = topic_check(definition, log, why);
    if (err == ISO_OK)
        err = writers_check(definition, log, why);
    if (err == ISO_OK)
        err = successions_check(definition, log, why);
    return err;
}

static enum iso_err logs_check(const struct iso_definition *definition,
                               struct iso_why *why)
{
    if (definition->log_count < 1 || definition->log_count > ISO_DEFINITION_LOGS_MAX)
        return BAD(why, "%zu logs: name 1 to %d", definition->log_count,
                   ISO_DEFINITION_LOGS_MAX);
    size_t open = 0;
    for (size_t i = 0; i < definition->log_count; i++)
        open += definition->logs[i].ends == NULL;
    if (open > ISO_LOGS_OPEN_MAX)
        return BAD(why, "%zu logs are open: close some, at most %d may be", open,
                   ISO_LOGS_OPEN_MAX);
    for (size_t i = 0; i < definition->log_count; i++) {
        enum iso_err err = log_check(definition, &definition->logs[i], why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

static enum iso_err schema_check(const struct iso_definition *definition, size_t n,
                                 struct iso_why *why)
{
    const struct iso_definition_schema *schema = &definition->schemas[n];
    if (schema->json[0] == '\0')
        return BAD(why, "schema %zu has no text: give its JSON", n + 1);
    if (definition->format == ISO_FORMAT_CONFLUENT && !schema->has_registry_id)
        return BAD(why,
                   "schema %zu has no registry id: in format confluent values name "
                   "it; register the schema first",
                   n + 1);
    for (size_t i = 0; i < n; i++)
        if (iso_definition_schema_same(definition->format, &definition->schemas[i],
                                       schema))
            return BAD(why, "schemas %zu and %zu have one %s: name each once", i + 1,
                       n + 1,
                       definition->format == ISO_FORMAT_CONFLUENT ? "registry id"
                                                                  : "fingerprint");
    return ISO_OK;
}

static enum iso_err schemas_check(const struct iso_definition *definition,
                                  struct iso_why *why)
{
    if (definition->schema_count > ISO_DEFINITION_SCHEMAS_MAX)
        return BAD(why, "%zu schemas: name at most %d", definition->schema_count,
                   ISO_DEFINITION_SCHEMAS_MAX);
    if (definition->schema_count > 0 && definition->format == ISO_FORMAT_OPAQUE)
        return BAD(why,
                   "%zu schemas, and values are opaque: nobody would ask them; leave "
                   "them out, or use format avro",
                   definition->schema_count);
    size_t size = 0;
    for (size_t i = 0; i < definition->schema_count; i++) {
        enum iso_err err = schema_check(definition, i, why);
        if (err != ISO_OK)
            return err;
        size += strlen(definition->schemas[i].json);
    }
    if (size > ISO_DEFINITION_JSON_MAX)
        return BAD(why,
                   "the schemas are %zu bytes of JSON: at most %d fit; leave out "
                   "documentation, or begin a new collection with the newest",
                   size, ISO_DEFINITION_JSON_MAX);
    return ISO_OK;
}

enum iso_err iso_definition_check(const struct iso_definition *definition,
                                  struct iso_why *why)
{
    enum iso_err err = head_check(definition, why);
    if (err == ISO_OK)
        err = limits_check(&definition->limits, why);
    if (err == ISO_OK)
        err = regions_check(definition, why);
    if (err == ISO_OK)
        err = logs_check(definition, why);
    if (err == ISO_OK)
        err = schemas_check(definition, why);
    if (err == ISO_OK || why == NULL)
        return err;
    /* A name that is not valid is not repeated: it may be anything. */
    if (iso_collection_name_valid(definition->collection))
        iso_fail_at(why, err, "definition %s/%u", definition->collection,
                    definition->number);
    return err;
}
