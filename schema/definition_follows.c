/* What may change from one definition of a collection to the next. A rule that changed
 * under records already written would make the state depend on when a region read it,
 * so what decides stays; what is named stays what it was (DESIGN.md, section 2). */
#include "base/mem.h"
#include "schema/avro_resolve.h"
#include "schema/definition.h"

#define BAD(why, ...) iso_fail(why, ISO_BAD_DATA, __VA_ARGS__)

static enum iso_err head_follows(const struct iso_definition *next,
                                 const struct iso_definition *now, struct iso_why *why)
{
    if (strcmp(next->collection, now->collection) != 0)
        return BAD(why, "it is of collection %s, not of %s", next->collection,
                   now->collection);
    if (next->number != now->number + 1)
        return BAD(why, "number %u cannot come after %u: count on by one", next->number,
                   now->number);
    if (memcmp(next->id, now->id, sizeof next->id) == 0)
        return BAD(why, "it has the id of the one before: draw 16 new random bytes");
    if (next->partitions != now->partitions)
        return BAD(why, "partitions change from %u to %u: that is a new collection",
                   now->partitions, next->partitions);
    if (next->buckets != now->buckets)
        return BAD(why, "buckets change from %u to %u: that is a new collection",
                   now->buckets, next->buckets);
    if (strcmp(next->resolver, now->resolver) != 0)
        return BAD(why, "the resolver changes from %s to %s: that is a new collection",
                   now->resolver, next->resolver);
    return ISO_OK;
}

/* A producer goes on with the definition that it was opened with, and calls durable
 * what that admits: a later one may admit more, and never less. */
static enum iso_err bounds_follow(const struct iso_definition *next,
                                  const struct iso_definition *now, struct iso_why *why)
{
    const struct {
        const char *name;
        int64_t next, now;
    } rows[] = {
        {"before_max", next->before_max_ms, now->before_max_ms},
        {"after_max", next->after_max_ms, now->after_max_ms},
        {"the limit of keys", next->limits.key_max, now->limits.key_max},
        {"the limit of values", next->limits.value_max, now->limits.value_max},
        {"the limit of headers", next->limits.header_max, now->limits.header_max},
        {"the limit of versions read", next->limits.read_max, now->limits.read_max},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].next < rows[i].now)
            return BAD(why,
                       "%s falls from %lld to %lld: what a producer that is open wrote "
                       "durably would be refused; leave it, or raise it",
                       rows[i].name, (long long)rows[i].now, (long long)rows[i].next);
    }
    return ISO_OK;
}

static enum iso_err regions_follow(const struct iso_definition *next,
                                   const struct iso_definition *now,
                                   struct iso_why *why)
{
    for (size_t i = 0; i < now->region_count; i++) {
        const struct iso_definition_region *was = &now->regions[i];
        const struct iso_definition_region *number, *named;
        number = iso_definition_region(next, was->number);
        named = iso_definition_region_named(next, was->name);
        if (number != named)
            return BAD(why,
                       "region %s was number %u: a region keeps its number, and a "
                       "number its region",
                       was->name, was->number);
    }
    return ISO_OK;
}

static bool ends_follow(const struct iso_definition_log *is,
                        const struct iso_definition_log *was, uint32_t partitions)
{
    if (was->ends == NULL)
        return true;
    return is->ends != NULL &&
           memcmp(is->ends, was->ends, partitions * sizeof was->ends[0]) == 0;
}

static enum iso_err log_follows(const struct iso_definition_log *is,
                                const struct iso_definition_log *was,
                                uint32_t partitions, struct iso_why *why)
{
    unsigned number = was->number;
    if (is == NULL)
        return BAD(why, "log %u is no longer named: close it by naming its ends",
                   number);
    if (strcmp(is->cluster, was->cluster) != 0 || strcmp(is->topic, was->topic) != 0)
        return BAD(why,
                   "log %u moves from topic %s of %s to %s of %s: open a log with a "
                   "new number",
                   number, was->topic, was->cluster, is->topic, is->cluster);
    if (is->birth != was->birth)
        return BAD(why,
                   "the birth of log %u changes: it is the hlc of its first DEFINE",
                   number);
    if ((was->writers & ~is->writers) != 0)
        return BAD(why, "log %u loses a writer that may have written: leave it named",
                   number);
    if (is->succeeds_count != was->succeeds_count ||
        (was->succeeds_count > 0 &&
         memcmp(is->succeeds, was->succeeds,
                was->succeeds_count * sizeof was->succeeds[0]) != 0))
        return BAD(why, "what log %u succeeds changes: it is said when it is opened",
                   number);
    if (!ends_follow(is, was, partitions))
        return BAD(why,
                   "log %u was closed and its ends change: a closed log stays as it "
                   "is; go on under a new number",
                   number);
    return ISO_OK;
}

/* ---- schemas ---- */

/* Nothing that was named goes, changes or changes its place: values that were written
 * by it are stored, and their order is their age. */
static enum iso_err schemas_stay(const struct iso_definition *next,
                                 const struct iso_definition *now, struct iso_why *why)
{
    if (next->format != now->format)
        return BAD(why, "the format of values changes: that is a new collection");
    for (size_t i = 0; i < now->schema_count; i++) {
        const struct iso_definition_schema *was = &now->schemas[i];
        const struct iso_definition_schema *is =
            i < next->schema_count ? &next->schemas[i] : NULL;
        if (is == NULL || !iso_definition_schema_same(now->format, is, was))
            return BAD(why,
                       "schema %zu is no longer in its place: values that it wrote are "
                       "stored; leave it named, and name new ones behind",
                       i + 1);
        if (strcmp(is->json, was->json) != 0 ||
            memcmp(is->fingerprint, was->fingerprint, sizeof is->fingerprint) != 0)
            return BAD(why,
                       "schema %zu changes under its fingerprint or registry id: "
                       "name the new text as a new schema",
                       i + 1);
    }
    return ISO_OK;
}

/* Whether a text can name a merge rule at all: the word stands in it, or an escape may
 * hide it. It saves parsing them all for most collections, at each definition. */
static bool rules_possible(const struct iso_definition *definition)
{
    for (size_t i = 0; i < definition->schema_count; i++) {
        const char *json = definition->schemas[i].json;
        if (strstr(json, "merge") != NULL || strchr(json, '\\') != NULL)
            return true;
    }
    return false;
}

/* Each schema behind the first `known` agrees with all before it. */
static enum iso_err rules_agree(struct iso_avro *const *schemas, size_t count,
                                size_t known, struct iso_why *why)
{
    for (size_t i = known; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            struct iso_why what = {0};
            if (schemas[i] == NULL || schemas[j] == NULL ||
                iso_avro_same_rules(schemas[i], schemas[j], &what) == ISO_OK)
                continue;
            return BAD(why, "schemas %zu and %zu: %s", j + 1, i + 1, what.text);
        }
    }
    return ISO_OK;
}

/* A schema that does not parse has no rules: no value is written by it. */
static enum iso_err rules_follow(const struct iso_definition *next,
                                 const struct iso_definition *now, struct iso_why *why)
{
    size_t count = next->schema_count;
    if (count == now->schema_count || !rules_possible(next))
        return ISO_OK;
    struct iso_avro **schemas = iso_alloc_zero(count, sizeof schemas[0]);
    for (size_t i = 0; i < count; i++)
        if (iso_avro_parse(iso_bytes_text(next->schemas[i].json), &schemas[i], NULL) !=
            ISO_OK)
            schemas[i] = NULL;
    enum iso_err err = rules_agree(schemas, count, now->schema_count, why);
    for (size_t i = 0; i < count; i++)
        iso_avro_free(schemas[i]);
    iso_free(schemas);
    return err;
}

enum iso_err iso_definition_schemas_follow(const struct iso_definition *next,
                                           const struct iso_definition *now,
                                           struct iso_why *why)
{
    enum iso_err err = schemas_stay(next, now, why);
    return err == ISO_OK ? rules_follow(next, now, why) : err;
}

enum iso_err iso_definition_follows(const struct iso_definition *next,
                                    const struct iso_definition *now,
                                    struct iso_why *why)
{
    enum iso_err err = head_follows(next, now, why);
    if (err == ISO_OK)
        err = bounds_follow(next, now, why);
    if (err == ISO_OK)
        err = regions_follow(next, now, why);
    for (size_t i = 0; err == ISO_OK && i < now->log_count; i++)
        err = log_follows(iso_definition_log(next, now->logs[i].number), &now->logs[i],
                          now->partitions, why);
    if (err == ISO_OK)
        err = iso_definition_schemas_follow(next, now, why);
    if (err == ISO_OK)
        return ISO_OK;
    return iso_fail_at(why, err, "definition %s/%u", next->collection, next->number);
}
