/* openapi.h - holds JSON to monitor/openapi.json: a member that the description does
 * not have, or that it has and the value has not, is a fault alike.
 */
#ifndef ISO_TESTS_UNIT_OPENAPI_H
#define ISO_TESTS_UNIT_OPENAPI_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "monitor/assets.h"

static json_t *openapi;

static inline void openapi_load(void)
{
    const struct iso_asset *asset = iso_asset("openapi.json");
    json_error_t error;
    openapi = json_loadb((const char *)asset->bytes.data, asset->bytes.size,
                         JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(openapi != NULL, "line %d: %s", error.line, error.text);
}

static inline const json_t *openapi_schema(const char *name)
{
    const json_t *schemas =
        json_object_get(json_object_get(openapi, "components"), "schemas");
    const json_t *schema = json_object_get(schemas, name);
    ck_assert_msg(schema != NULL, "there is no schema %s", name);
    return schema;
}

static inline bool openapi_type(const char *type, const json_t *value)
{
    return (strcmp(type, "null") == 0 && json_is_null(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "object") == 0 && json_is_object(value));
}

static inline bool openapi_types(const json_t *types, const json_t *value)
{
    if (types == NULL)
        return true;
    if (json_is_string(types))
        return openapi_type(json_string_value(types), value);
    for (size_t i = 0; i < json_array_size(types); i++) {
        if (openapi_type(json_string_value(json_array_get(types, i)), value))
            return true;
    }
    return false;
}

static inline bool openapi_enum(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value))
            return true;
    }
    return list == NULL;
}

/* Says what is wrong, in `fault`. */
static inline bool openapi_fits(const json_t *schema, const json_t *value,
                                const char *path, char fault[512])
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    char below[256];
    if (ref != NULL)
        return openapi_fits(openapi_schema(strrchr(ref, '/') + 1), value, path, fault);
    const json_t *any = json_object_get(schema, "anyOf");
    for (size_t i = 0; i < json_array_size(any); i++) {
        if (openapi_fits(json_array_get(any, i), value, path, fault))
            return true;
    }
    bool fits = any == NULL && openapi_types(json_object_get(schema, "type"), value) &&
                openapi_enum(json_object_get(schema, "enum"), value);
    if (!fits)
        snprintf(fault, 512, "%s: another type or value", path);
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; fits && items != NULL && i < json_array_size(value); i++) {
        snprintf(below, sizeof below, "%s[%zu]", path, i);
        fits = openapi_fits(items, json_array_get(value, i), below, fault);
    }
    json_t *members = json_object_get(schema, "properties"), *member;
    const char *name;
    if (!fits || !json_is_object(value) || members == NULL)
        return fits;
    json_object_foreach(members, name, member)
    {
        const json_t *part = json_object_get(value, name);
        snprintf(below, sizeof below, "%s.%s", path, name);
        if (part == NULL)
            snprintf(fault, 512, "%s: missing", below);
        if (part == NULL || !openapi_fits(member, part, below, fault))
            return false;
    }
    json_t *part;
    json_object_foreach((json_t *)value, name, part)
    {
        if (json_object_get(members, name) == NULL) {
            snprintf(fault, 512, "%s.%s: not described", path, name);
            return false;
        }
    }
    return true;
}

/* Takes `value` over: as bytes, and read again, it fits the schema. */
static inline void ck_openapi(const char *schema, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    char fault[512] = "";
    json_error_t error;
    ck_assert_ptr_nonnull(text);
    json_t *again = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(again != NULL, "%s: %s", error.text, text);
    ck_assert_msg(openapi_fits(openapi_schema(schema), again, schema, fault), "%s: %s",
                  fault, text);
    ck_assert_msg(strstr(text, "-9223372036854775808") == NULL, "%s", text);
    json_decref(again);
    json_decref(value);
    free(text);
}

#endif
