/* The bytes of a definition, both ways. Decoding bounds what it allocates by the limits
 * of definition.h and by the size of the input; what the bytes *say* is judged
 * afterwards, by definition_check.c, so that its sentences can be about the thing and
 * not about a byte. */
#include <stdlib.h>

#include "base/mem.h"
#include "schema/bounded.h"
#include "schema/definition.h"

enum { EXTENSION_COMPATIBILITY = 2 };

/* Room for one more item: doubles whenever `count` is a power of two. */
static void *list_room(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    return iso_realloc(items, (count == 0 ? 1 : count * 2) * size);
}

/* ---- decoding ---- */

static void head_decode(struct iso_avro_cursor *cursor,
                        struct iso_definition *definition)
{
    struct iso_definition_limits *limits = &definition->limits;
    iso_bounded_text(cursor, definition->collection, sizeof definition->collection);
    definition->number = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    iso_bounded_fixed(cursor, definition->id, sizeof definition->id);
    definition->partitions = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    definition->buckets = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    iso_bounded_text(cursor, definition->resolver, sizeof definition->resolver);
    definition->format =
        (enum iso_format)iso_avro_branch(cursor, ISO_FORMAT_OPAQUE + 1);
    definition->before_max_ms = iso_avro_long(cursor);
    definition->after_max_ms = iso_avro_long(cursor);
    limits->key_max = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    limits->value_max = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    limits->header_max = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
    limits->read_max = (uint32_t)iso_bounded_long(cursor, 0, INT32_MAX);
}

static void regions_decode(struct iso_avro_cursor *cursor,
                           struct iso_definition *definition)
{
    struct iso_list list = iso_list(ISO_REGION_MAX);
    while (iso_list_next(cursor, &list)) {
        struct iso_definition_region region = {0};
        region.number = (uint8_t)iso_bounded_long(cursor, 0, UINT8_MAX);
        iso_bounded_text(cursor, region.name, sizeof region.name);
        definition->regions =
            list_room(definition->regions, definition->region_count, sizeof region);
        definition->regions[definition->region_count++] = region;
    }
}

static void writers_decode(struct iso_avro_cursor *cursor,
                           struct iso_definition_log *log)
{
    int64_t region_min = 1;
    struct iso_list list = iso_list(ISO_REGION_MAX);
    while (iso_list_next(cursor, &list)) {
        int64_t region = iso_bounded_long(cursor, region_min, ISO_REGION_MAX);
        if (cursor->failed)
            return;
        log->writers |= UINT64_C(1) << (region - 1);
        region_min = region + 1;
    }
}

static void ends_decode(struct iso_avro_cursor *cursor, struct iso_definition_log *log,
                        uint32_t partitions)
{
    size_t count = 0;
    log->ends = iso_alloc(sizeof log->ends[0]); /* closed, even when it has none */
    struct iso_list list = iso_list(ISO_PARTITIONS_MAX);
    while (iso_list_next(cursor, &list)) {
        log->ends = list_room(log->ends, count, sizeof log->ends[0]);
        log->ends[count++] = iso_avro_long(cursor);
    }
    if (count != partitions)
        iso_bounded_fail(cursor);
}

/* Into a zeroed log that is already counted, so that what is allocated here is freed
 * with the definition whatever happens. */
static void log_decode(struct iso_avro_cursor *cursor, struct iso_definition_log *log,
                       uint32_t partitions)
{
    log->number = (uint16_t)iso_bounded_long(cursor, 0, UINT16_MAX);
    log->cluster = iso_bounded_text_new(cursor, ISO_COLLECTION_NAME_MAX);
    log->topic = iso_bounded_text_new(cursor, ISO_TOPIC_NAME_MAX);
    writers_decode(cursor, log);
    log->birth = iso_bounded_word(cursor);
    struct iso_list list = iso_list(ISO_DEFINITION_LOGS_MAX);
    while (iso_list_next(cursor, &list)) {
        log->succeeds =
            list_room(log->succeeds, log->succeeds_count, sizeof log->succeeds[0]);
        log->succeeds[log->succeeds_count++] =
            (uint16_t)iso_bounded_long(cursor, 0, UINT16_MAX);
    }
    if (iso_avro_branch(cursor, 2) == 1)
        ends_decode(cursor, log, partitions);
}

static void logs_decode(struct iso_avro_cursor *cursor,
                        struct iso_definition *definition)
{
    struct iso_list list = iso_list(ISO_DEFINITION_LOGS_MAX);
    while (iso_list_next(cursor, &list)) {
        size_t n = definition->log_count++;
        definition->logs = list_room(definition->logs, n, sizeof definition->logs[0]);
        definition->logs[n] = (struct iso_definition_log){0};
        log_decode(cursor, &definition->logs[n], definition->partitions);
    }
}

static void schemas_decode(struct iso_avro_cursor *cursor,
                           struct iso_definition *definition)
{
    struct iso_list list = iso_list(ISO_DEFINITION_SCHEMAS_MAX);
    while (iso_list_next(cursor, &list)) {
        struct iso_definition_schema schema = {0};
        iso_bounded_fixed(cursor, schema.fingerprint, sizeof schema.fingerprint);
        schema.json = iso_bounded_text_new(cursor, ISO_DEFINITION_JSON_MAX);
        schema.has_registry_id = iso_avro_branch(cursor, 2) == 1;
        if (schema.has_registry_id)
            schema.registry_id = iso_avro_int(cursor);
        definition->schemas =
            list_room(definition->schemas, definition->schema_count, sizeof schema);
        definition->schemas[definition->schema_count++] = schema;
    }
}

/* One byte, once; a value that nobody gave a meaning is not guessed at. */
static void compatibility_decode(struct iso_avro_cursor *cursor,
                                 const struct iso_extensions *extensions,
                                 struct iso_definition *definition, bool *said)
{
    if (*said || extensions->bytes.size != 1 ||
        extensions->bytes.data[0] >= ISO_COMPATIBILITIES) {
        iso_bounded_fail(cursor);
        return;
    }
    *said = true;
    definition->compatibility = (enum iso_compatibility)extensions->bytes.data[0];
}

static void extensions_decode(struct iso_avro_cursor *cursor,
                              struct iso_definition *definition)
{
    struct iso_extensions extensions = iso_extensions();
    bool compatibility_said = false;
    while (iso_extensions_next(cursor, &extensions)) {
        if (extensions.number == EXTENSION_COMPATIBILITY)
            compatibility_decode(cursor, &extensions, definition, &compatibility_said);
        else
            iso_extensions_pass(&extensions);
        definition->extensions_passed |= extensions.number != EXTENSION_COMPATIBILITY;
    }
    definition->extension_unknown = extensions.unknown;
}

static enum iso_err definition_read(struct iso_bytes bytes,
                                    struct iso_definition *definition,
                                    struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(bytes);
    head_decode(&cursor, definition);
    regions_decode(&cursor, definition);
    logs_decode(&cursor, definition);
    schemas_decode(&cursor, definition);
    extensions_decode(&cursor, definition);
    if (!iso_avro_done(&cursor))
        return iso_fail(
            why, ISO_BAD_DATA,
            "a definition of %zu bytes does not decode at its byte %zu: it is "
            "damaged, over a limit, or of a newer version of this software",
            bytes.size, bytes.size == 0 ? 0 : (size_t)(cursor.at - bytes.data));
    return iso_definition_check(definition, why);
}

enum iso_err iso_definition_decode(struct iso_bytes bytes,
                                   struct iso_definition **definition,
                                   struct iso_why *why)
{
    *definition = NULL;
    if (bytes.size > ISO_VALUE_MAX)
        return iso_fail(why, ISO_BAD_DATA,
                        "a definition of %zu bytes is over the limit of %d: name fewer "
                        "logs or schemas",
                        bytes.size, ISO_VALUE_MAX);
    struct iso_definition *made = iso_alloc_zero(1, sizeof *made);
    enum iso_err err = definition_read(bytes, made, why);
    if (err != ISO_OK) {
        iso_definition_free(made);
        return err;
    }
    iso_buf_add_bytes(&made->bytes, bytes);
    *definition = made;
    return ISO_OK;
}

/* ---- encoding ---- */

static int region_order(const void *a, const void *b)
{
    const struct iso_definition_region *left = a, *right = b;
    return left->number - right->number;
}

static int log_order(const void *a, const void *b)
{
    const struct iso_definition_log *left = a, *right = b;
    return left->number - right->number;
}

static int number_order(const void *a, const void *b)
{
    const uint16_t *left = a, *right = b;
    return *left - *right;
}

static void definition_sort(struct iso_definition *definition)
{
    if (definition->region_count > 1)
        qsort(definition->regions, definition->region_count,
              sizeof definition->regions[0], region_order);
    if (definition->log_count > 1)
        qsort(definition->logs, definition->log_count, sizeof definition->logs[0],
              log_order);
    for (size_t i = 0; i < definition->log_count; i++) {
        struct iso_definition_log *log = &definition->logs[i];
        if (log->succeeds_count > 1)
            qsort(log->succeeds, log->succeeds_count, sizeof log->succeeds[0],
                  number_order);
    }
}

/* An Avro array begins with its count, when it has any, and ends with 0. */
static void array_begin(struct iso_buf *out, size_t count)
{
    if (count > 0)
        iso_avro_add_long(out, (int64_t)count);
}

static void array_end(struct iso_buf *out)
{
    iso_avro_add_long(out, 0);
}

static void head_encode(const struct iso_definition *definition, struct iso_buf *out)
{
    iso_avro_add_text(out, definition->collection);
    iso_avro_add_long(out, definition->number);
    iso_buf_add(out, definition->id, sizeof definition->id);
    iso_avro_add_long(out, definition->partitions);
    iso_avro_add_long(out, definition->buckets);
    iso_avro_add_text(out, definition->resolver);
    iso_avro_add_long(out, definition->format);
    iso_avro_add_long(out, definition->before_max_ms);
    iso_avro_add_long(out, definition->after_max_ms);
    iso_avro_add_long(out, definition->limits.key_max);
    iso_avro_add_long(out, definition->limits.value_max);
    iso_avro_add_long(out, definition->limits.header_max);
    iso_avro_add_long(out, definition->limits.read_max);
    array_begin(out, definition->region_count);
    for (size_t i = 0; i < definition->region_count; i++) {
        iso_avro_add_long(out, definition->regions[i].number);
        iso_avro_add_text(out, definition->regions[i].name);
    }
    array_end(out);
}

static void log_encode(const struct iso_definition_log *log, uint32_t partitions,
                       struct iso_buf *out)
{
    iso_avro_add_long(out, log->number);
    iso_avro_add_text(out, log->cluster);
    iso_avro_add_text(out, log->topic);
    array_begin(out, (size_t)__builtin_popcountll(log->writers));
    for (int region = 1; region <= ISO_REGION_MAX; region++)
        if ((log->writers >> (region - 1) & 1) != 0)
            iso_avro_add_long(out, region);
    array_end(out);
    iso_buf_add_u64(out, log->birth);
    array_begin(out, log->succeeds_count);
    for (size_t i = 0; i < log->succeeds_count; i++)
        iso_avro_add_long(out, log->succeeds[i]);
    array_end(out);
    iso_avro_add_long(out, log->ends != NULL);
    if (log->ends == NULL)
        return;
    array_begin(out, partitions);
    for (uint32_t i = 0; i < partitions; i++)
        iso_avro_add_long(out, log->ends[i]);
    array_end(out);
}

static void schema_encode(const struct iso_definition_schema *schema,
                          struct iso_buf *out)
{
    iso_buf_add(out, schema->fingerprint, sizeof schema->fingerprint);
    iso_avro_add_text(out, schema->json);
    iso_avro_add_long(out, schema->has_registry_id);
    if (schema->has_registry_id)
        iso_avro_add_long(out, schema->registry_id);
}

/* A definition of the default is the bytes that it was before there were modes. */
static void extensions_encode(const struct iso_definition *definition,
                              struct iso_buf *out)
{
    uint8_t mode = (uint8_t)definition->compatibility;
    bool said = definition->compatibility != ISO_COMPATIBLE_BACKWARD;
    array_begin(out, said);
    if (said) {
        iso_avro_add_long(out, EXTENSION_COMPATIBILITY);
        iso_avro_add_bytes(out, iso_bytes(&mode, sizeof mode));
    }
    array_end(out);
}

enum iso_err iso_definition_encode(struct iso_definition *definition,
                                   struct iso_why *why)
{
    if (definition->extensions_passed)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "definition %s/%u has an extension that this version of the "
                        "software does not know and would lose: use a newer one",
                        definition->collection, definition->number);
    definition_sort(definition);
    enum iso_err err = iso_definition_check(definition, why);
    if (err != ISO_OK)
        return err;
    struct iso_buf *out = &definition->bytes;
    iso_buf_clear(out);
    head_encode(definition, out);
    array_begin(out, definition->log_count);
    for (size_t i = 0; i < definition->log_count; i++)
        log_encode(&definition->logs[i], definition->partitions, out);
    array_end(out);
    array_begin(out, definition->schema_count);
    for (size_t i = 0; i < definition->schema_count; i++)
        schema_encode(&definition->schemas[i], out);
    array_end(out);
    extensions_encode(definition, out);
    /* What is written once and for ever is read back before it leaves: the size, and
     * that the JSON is text, are judged there. */
    struct iso_definition *read;
    err = iso_definition_decode(iso_buf_bytes(out), &read, why);
    iso_definition_free(read);
    return err;
}
