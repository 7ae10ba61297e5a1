/* avro_model.h - a dumb decoder of Avro's binary form: the model that the walk is held
 * to.
 *
 * It runs on the JSON of the schema, recursively, with its own arithmetic and its own
 * idea of names, written from the specification. It is slow and trusts the schema.
 * Mistakes can be planted in it, to show that a comparison with it sees them.
 */
#ifndef ISO_TESTS_AVRO_MODEL_H
#define ISO_TESTS_AVRO_MODEL_H

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "schema/avro_walk.h"

enum planted {
    NONE,
    TRAILING,
    ANY_BOOLEAN,
    ANY_ENUM,
    ANY_TEXT,
    NO_BLOCK_SIZE,
    INT_IS_LONG,
    DEPTH_63,
    ANY_UNION,
    ANY_SYMBOL_BELOW,
    LONG_OF_NINE,
    /* Only what is near a limit shows these. */
    NEAR_LIMITS,
    ANY_ITEMS = NEAR_LIMITS,
    ANY_STEPS,
    BRANCH_IS_A_STEP,
    PLANTED
};

struct model {
    enum planted planted;
    json_t *named; /* full name -> [definition, namespace] */
    const uint8_t *data;
    size_t size, at;
    int depth;
    long items;
    uint64_t steps;
};

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- names, as the specification's section "Names" has them ---- */

static void name_full(char full[100], const char *name, const char *space)
{
    bool has_space = strchr(name, '.') == NULL && space[0] != '\0';
    snprintf(full, 100, "%s%s%s", has_space ? space : "", has_space ? "." : "", name);
}

static void space_of(char space[100], const char *full)
{
    const char *dot = strrchr(full, '.');
    snprintf(space, 100, "%.*s", dot ? (int)(dot - full) : 0, full);
}

static void names_collect(json_t *named, json_t *type, const char *space)
{
    size_t i;
    json_t *part;
    if (json_is_array(type))
        json_array_foreach(type, i, part) names_collect(named, part, space);
    if (!json_is_object(type))
        return;
    char full[100], inside[100];
    snprintf(inside, sizeof inside, "%s", space);
    const char *name = text_of(type, "name");
    const char *given = text_of(type, "namespace");
    if (name != NULL) {
        name_full(full, name, given != NULL ? given : space);
        space_of(inside, full);
        json_object_set_new(named, full, json_pack("[O,s]", type, inside));
    }
    names_collect(named, json_object_get(type, "items"), inside);
    names_collect(named, json_object_get(type, "values"), inside);
    json_array_foreach(json_object_get(type, "fields"), i, part)
        names_collect(named, json_object_get(part, "type"), inside);
}

/* ---- the model: true when a datum of the type stands at `at`, which then moves ----
 */

static bool model_type(struct model *model, json_t *type, const char *space);

static bool model_long(struct model *model, int64_t *value)
{
    unsigned __int128 bits = 0;
    int most = model->planted == LONG_OF_NINE ? 9 : 10;
    for (int i = 0; i < most && model->at < model->size; i++) {
        uint8_t byte = model->data[model->at++];
        bits += (unsigned __int128)(byte % 128) << (7 * i);
        if (byte < 128) {
            if (bits >> 64 != 0)
                return false;
            uint64_t half = (uint64_t)bits / 2;
            *value = bits % 2 ? -1 - (int64_t)half : (int64_t)half;
            return true;
        }
    }
    return false;
}

static bool model_skip(struct model *model, int64_t size)
{
    if (size < 0 || (uint64_t)size > model->size - model->at)
        return false;
    model->at += (size_t)size;
    return true;
}

static bool model_string(struct model *model)
{
    int64_t size = 0;
    if (!model_long(model, &size) || !model_skip(model, size))
        return false;
    const char *text = (const char *)model->data + model->at - size;
    json_t *json = json_stringn(text, (size_t)size); /* jansson's own idea of UTF-8 */
    json_decref(json);
    return json != NULL || model->planted == ANY_TEXT;
}

static bool model_items(struct model *model, json_t *item, const char *space, bool map)
{
    for (;;) {
        int64_t count = 0, size = -1;
        model->steps++;
        if (!model_long(model, &count))
            return false;
        if (count < 0 && (!model_long(model, &size) || size < 0 ||
                          (uint64_t)size > model->size - model->at))
            return false;
        if (count == 0)
            return true;
        bool many =
            count == INT64_MIN || llabs(count) > ISO_AVRO_ITEMS_MAX - model->items;
        if (many && (model->planted != ANY_ITEMS || count != ISO_AVRO_ITEMS_MAX + 1))
            return false;
        model->items += llabs(count);
        size_t start = model->at;
        for (int64_t i = 0; i < llabs(count); i++)
            if ((map && !model_string(model)) || !model_type(model, item, space))
                return false;
        if (size >= 0 && model->at - start != (size_t)size &&
            model->planted != NO_BLOCK_SIZE)
            return false;
    }
}

static bool model_parts(struct model *model, json_t *type, const char *name,
                        const char *space)
{
    int most = ISO_AVRO_DEPTH_MAX - (model->planted == DEPTH_63);
    if (model->depth == most)
        return false;
    model->depth++;
    bool well = true;
    size_t i;
    json_t *field;
    if (strcmp(name, "array") == 0)
        well = model_items(model, json_object_get(type, "items"), space, false);
    else if (strcmp(name, "map") == 0)
        well = model_items(model, json_object_get(type, "values"), space, true);
    else
        json_array_foreach(json_object_get(type, "fields"), i, field) well =
            well && model_type(model, json_object_get(field, "type"), space);
    model->depth--;
    return well;
}

/* -1: the name is none of a primitive. */
static int model_primitive(struct model *model, const char *name)
{
    int64_t value = 0;
    if (strcmp(name, "null") == 0)
        return true;
    if (strcmp(name, "boolean") == 0)
        return model_skip(model, 1) &&
               (model->data[model->at - 1] < 2 || model->planted == ANY_BOOLEAN);
    if (strcmp(name, "int") == 0)
        return model_long(model, &value) &&
               (value == (int32_t)value || model->planted == INT_IS_LONG);
    if (strcmp(name, "long") == 0)
        return model_long(model, &value);
    if (strcmp(name, "float") == 0)
        return model_skip(model, 4);
    if (strcmp(name, "double") == 0)
        return model_skip(model, 8);
    if (strcmp(name, "bytes") == 0)
        return model_long(model, &value) && model_skip(model, value);
    if (strcmp(name, "string") == 0)
        return model_string(model);
    return -1;
}

static bool model_named(struct model *model, const char *name, const char *space)
{
    char full[100];
    int primitive = model_primitive(model, name);
    if (primitive >= 0)
        return primitive;
    name_full(full, name, space);
    json_t *found = json_object_get(model->named, full);
    json_t *type = json_array_get(found, 0);
    const char *inside = json_string_value(json_array_get(found, 1));
    if (inside == NULL) /* not ck_assert: it writes to a file each time */
        ck_abort_msg("%s is not defined", full);
    const char *kind = text_of(type, "type");
    int64_t value = 0;
    if (strcmp(kind, "fixed") == 0)
        return model_skip(model, json_integer_value(json_object_get(type, "size")));
    if (strcmp(kind, "enum") == 0)
        return model_long(model, &value) &&
               ((value >= 0 &&
                 (size_t)value < json_array_size(json_object_get(type, "symbols"))) ||
                (value < 0 && model->planted == ANY_SYMBOL_BELOW) ||
                model->planted == ANY_ENUM);
    return model_parts(model, type, kind, inside);
}

/* The branch of a union is one step with it. */
static bool model_union(struct model *model, json_t *type, const char *space)
{
    int64_t branch = 0;
    size_t count = json_array_size(type);
    if (!model_long(model, &branch))
        return false;
    if (model->planted == ANY_UNION && branch == (int64_t)count && count > 0)
        branch = 0;
    if (branch < 0 || (uint64_t)branch >= count)
        return false;
    model->steps -= model->planted != BRANCH_IS_A_STEP;
    return model_type(model, json_array_get(type, (size_t)branch), space);
}

static bool model_type(struct model *model, json_t *type, const char *space)
{
    uint64_t most = ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * (uint64_t)model->size;
    if (++model->steps > most && model->planted != ANY_STEPS)
        return false;
    if (json_is_string(type))
        return model_named(model, json_string_value(type), space);
    if (json_is_array(type))
        return model_union(model, type, space);
    const char *kind = text_of(type, "type");
    if (strcmp(kind, "array") == 0 || strcmp(kind, "map") == 0)
        return model_parts(model, type, kind, space);
    const char *given = text_of(type, "namespace");
    const char *name = text_of(type, "name");
    return model_named(model, name != NULL ? name : kind,
                       name != NULL && given != NULL ? given : space);
}

static bool model_takes(struct model *model, json_t *type, struct iso_bytes datum)
{
    model->data = datum.data;
    model->size = datum.size;
    model->at = 0;
    model->depth = 0;
    model->items = 0;
    model->steps = 0;
    uint64_t most = ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * (uint64_t)datum.size;
    return model_type(model, type, "") &&
           (model->steps <= most || model->planted == ANY_STEPS) &&
           (model->at == model->size || model->planted == TRAILING);
}

#endif
