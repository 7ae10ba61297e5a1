/* What a definition says, looked up: sorted arrays of few items, searched from the
 * front or by halves. Nothing here can fail. */
#include "schema/definition.h"

#include "base/mem.h"

void iso_definition_free(struct iso_definition *definition)
{
    if (definition == NULL)
        return;
    for (size_t i = 0; i < definition->log_count; i++) {
        iso_free(definition->logs[i].cluster);
        iso_free(definition->logs[i].topic);
        iso_free(definition->logs[i].succeeds);
        iso_free(definition->logs[i].ends);
    }
    for (size_t i = 0; i < definition->schema_count; i++)
        iso_free(definition->schemas[i].json);
    iso_free(definition->regions);
    iso_free(definition->logs);
    iso_free(definition->schemas);
    iso_buf_release(&definition->bytes);
    iso_free(definition);
}

bool iso_definition_has_fields(const struct iso_definition *definition)
{
    return strcmp(definition->resolver, "fields") == 0;
}

const struct iso_definition_log *
iso_definition_log(const struct iso_definition *definition, uint16_t number)
{
    size_t low = 0, high = definition->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (definition->logs[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < definition->log_count && definition->logs[low].number == number;
    return found ? &definition->logs[low] : NULL;
}

const struct iso_definition_region *
iso_definition_region(const struct iso_definition *definition, unsigned number)
{
    for (size_t i = 0; i < definition->region_count; i++)
        if (definition->regions[i].number == number)
            return &definition->regions[i];
    return NULL;
}

const struct iso_definition_region *
iso_definition_region_named(const struct iso_definition *definition, const char *name)
{
    for (size_t i = 0; i < definition->region_count; i++)
        if (strcmp(definition->regions[i].name, name) == 0)
            return &definition->regions[i];
    return NULL;
}

const struct iso_definition_log *
iso_definition_log_of(const struct iso_definition *definition, unsigned region)
{
    if (region < 1 || region > ISO_REGION_MAX)
        return NULL;
    uint64_t bit = UINT64_C(1) << (region - 1);
    for (size_t i = definition->log_count; i > 0; i--) {
        const struct iso_definition_log *log = &definition->logs[i - 1];
        if (log->ends == NULL && (log->writers & bit) != 0)
            return log;
    }
    return NULL;
}

bool iso_definition_schema_same(enum iso_format format,
                                const struct iso_definition_schema *a,
                                const struct iso_definition_schema *b)
{
    if (format == ISO_FORMAT_CONFLUENT)
        return a->has_registry_id && b->has_registry_id &&
               a->registry_id == b->registry_id;
    return memcmp(a->fingerprint, b->fingerprint, sizeof a->fingerprint) == 0;
}

unsigned iso_definition_owner(const struct iso_definition_log *log)
{
    return log->writers == 0 ? 0 : (unsigned)__builtin_ctzll(log->writers) + 1;
}

static bool name_valid(const char *name, size_t size_max, const char *letters)
{
    size_t size = strlen(name);
    return size >= 1 && size <= size_max && strspn(name, letters) == size;
}

bool iso_region_name_valid(const char *name)
{
    return name_valid(name, ISO_REGION_NAME_MAX,
                      "abcdefghijklmnopqrstuvwxyz0123456789-");
}

bool iso_collection_name_valid(const char *name)
{
    return name_valid(
               name, ISO_COLLECTION_NAME_MAX,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
