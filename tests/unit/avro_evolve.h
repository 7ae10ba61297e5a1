/* avro_evolve.h - a reader's schema out of a writer's: what people do to a schema in a
 * year, a little of it wrong; from a seed.
 *
 * The writer's schema is taken apart into its named types, each of which names others
 * by "=full.name"; they are changed one by one, and put together again, each where its
 * name is met first. So types can move, go and come without leaving a name that means
 * nothing.
 */
#ifndef ISO_TESTS_AVRO_EVOLVE_H
#define ISO_TESTS_AVRO_EVOLVE_H

#include "tests/unit/avro_draw.h"

struct evolver {
    struct iso_chance *chance;
    json_t *types; /* full name -> definition, as they become */
    json_t *met;   /* full names that have been written out */
    int fresh;     /* names given so far */
};

static bool one_in(struct evolver *evolver, uint64_t n)
{
    return below(evolver->chance, n) == 0;
}

/* ---- apart ---- */

static json_t *apart(struct evolver *evolver, json_t *type, const char *space);

static json_t *fields_apart(struct evolver *evolver, json_t *fields, const char *space)
{
    json_t *parts = json_array(), *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        json_t *type = apart(evolver, json_object_get(field, "type"), space);
        json_array_append_new(parts, json_pack("{s:s,s:o}", "name",
                                               text_of(field, "name"), "type", type));
    }
    return parts;
}

static json_t *named_apart(struct evolver *evolver, json_t *type, const char *space)
{
    char full[100], inside[100];
    const char *given = text_of(type, "namespace");
    name_full(full, text_of(type, "name"), given != NULL ? given : space);
    space_of(inside, full);
    json_t *definition = json_copy(type), *fields = json_object_get(type, "fields");
    json_object_set_new(evolver->types, full, definition);
    json_object_set_new(definition, "name", json_string(full));
    json_object_del(definition, "namespace");
    if (fields != NULL)
        json_object_set_new(definition, "fields",
                            fields_apart(evolver, fields, inside));
    return json_sprintf("=%s", full);
}

static json_t *apart(struct evolver *evolver, json_t *type, const char *space)
{
    if (json_is_array(type)) {
        json_t *branches = json_array(), *branch;
        size_t i;
        json_array_foreach(type, i, branch)
            json_array_append_new(branches, apart(evolver, branch, space));
        return branches;
    }
    bool object = json_is_object(type);
    if (object && json_object_get(type, "name") != NULL)
        return named_apart(evolver, type, space);
    const char *kind = object ? text_of(type, "type") : json_string_value(type);
    const char *below_it = strcmp(kind, "array") == 0 ? "items" : "values";
    if (object && json_object_get(type, below_it) != NULL)
        return json_pack("{s:s,s:o}", "type", kind, below_it,
                         apart(evolver, json_object_get(type, below_it), space));
    char full[100];
    name_full(full, kind, space);
    if (json_object_get(evolver->types, full) != NULL)
        return json_sprintf("=%s", full);
    return json_string(kind);
}

/* ---- together ---- */

static json_t *together(struct evolver *evolver, json_t *type);

static json_t *fields_together(struct evolver *evolver, json_t *fields)
{
    json_t *parts = json_array(), *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        json_t *part = json_copy(field);
        json_object_set_new(part, "type",
                            together(evolver, json_object_get(field, "type")));
        json_array_append_new(parts, part);
    }
    return parts;
}

static json_t *named_together(struct evolver *evolver, const char *known)
{
    json_t *definition = json_object_get(evolver->types, known);
    const char *full = text_of(definition, "name"), *dot = strrchr(full, '.');
    if (json_object_get(evolver->met, known) != NULL)
        return json_string(full);
    json_object_set_new(evolver->met, known, json_true());
    char space[100];
    space_of(space, full);
    json_t *type = json_copy(definition), *fields = json_object_get(type, "fields");
    json_object_set_new(type, "name", json_string(dot != NULL ? dot + 1 : full));
    json_object_set_new(type, "namespace", json_string(space));
    if (fields != NULL)
        json_object_set_new(type, "fields", fields_together(evolver, fields));
    return type;
}

static json_t *together(struct evolver *evolver, json_t *type)
{
    const char *name = json_string_value(type);
    if (name != NULL)
        return name[0] == '=' ? named_together(evolver, name + 1) : json_incref(type);
    if (json_is_array(type)) {
        json_t *branches = json_array(), *branch;
        size_t i;
        json_array_foreach(type, i, branch)
            json_array_append_new(branches, together(evolver, branch));
        return branches;
    }
    const char *below_it = json_object_get(type, "items") ? "items" : "values";
    json_t *part = json_copy(type);
    json_object_set_new(part, below_it,
                        together(evolver, json_object_get(type, below_it)));
    return part;
}

/* ---- defaults: of the first branch of a union; NULL when there is none that ends ----
 */

static json_t *fallback_draw(struct evolver *evolver, json_t *type, int depth);

static json_t *fallback_of_named(struct evolver *evolver, const char *full, int depth)
{
    json_t *definition = json_object_get(evolver->types, full), *field;
    json_t *symbols = json_object_get(definition, "symbols");
    json_t *fields = json_object_get(definition, "fields");
    if (symbols != NULL)
        return json_incref(
            json_array_get(symbols, below(evolver->chance, json_array_size(symbols))));
    if (fields == NULL) {
        char text[40] = "";
        json_int_t size = json_integer_value(json_object_get(definition, "size"));
        for (json_int_t i = 0; i < size; i++)
            memcpy(text + 2 * i, "\xc3\xbe", 3);
        return json_string(text);
    }
    json_t *record = json_object();
    size_t i;
    json_array_foreach(fields, i, field)
    {
        json_t *value =
            fallback_draw(evolver, json_object_get(field, "type"), depth + 1);
        if (value == NULL) {
            json_decref(record);
            return NULL;
        }
        json_object_set_new(record, text_of(field, "name"), value);
    }
    return record;
}

static json_t *fallback_of_primitive(struct iso_chance *chance, const char *name)
{
    if (strcmp(name, "null") == 0)
        return json_null();
    if (strcmp(name, "boolean") == 0)
        return json_boolean(below(chance, 2));
    if (strcmp(name, "int") == 0)
        return json_integer((int32_t)iso_chance_draw(chance) >> below(chance, 31));
    if (strcmp(name, "long") == 0)
        return json_integer((int64_t)iso_chance_draw(chance) >> below(chance, 63));
    if (strcmp(name, "float") == 0 || strcmp(name, "double") == 0)
        return json_real((double)(int32_t)below(chance, 1000) / 8 - 50);
    return json_string(below(chance, 2) ? "" : "\xc3\xbf\x01 a");
}

static json_t *fallback_draw(struct evolver *evolver, json_t *type, int depth)
{
    const char *name = json_string_value(type);
    if (depth > 6)
        return NULL;
    if (json_is_array(type))
        return fallback_draw(evolver, json_array_get(type, 0), depth + 1);
    if (name != NULL)
        return name[0] == '=' ? fallback_of_named(evolver, name + 1, depth)
                              : fallback_of_primitive(evolver->chance, name);
    json_t *item = json_object_get(type, "items");
    json_t *whole = item != NULL ? json_array() : json_object();
    if (item == NULL)
        item = json_object_get(type, "values");
    json_t *value = one_in(evolver, 2) ? fallback_draw(evolver, item, depth + 1) : NULL;
    if (value != NULL && json_is_array(whole))
        json_array_append_new(whole, value);
    else if (value != NULL)
        json_object_set_new(whole, "k", value);
    return whole;
}

/* A field that was marked to have a default gets one, now that all types are what they
 * become. */
static void fallbacks_fill(struct evolver *evolver)
{
    const char *full;
    json_t *definition, *field;
    size_t i;
    json_object_foreach(evolver->types, full, definition)
        json_array_foreach(json_object_get(definition, "fields"), i, field)
    {
        if (json_object_get(field, "default") == NULL)
            continue;
        json_t *value = fallback_draw(evolver, json_object_get(field, "type"), 0);
        if (value != NULL)
            json_object_set_new(field, "default", value);
        else
            json_object_del(field, "default");
    }
}

/* ---- what becomes of a type ---- */

static json_t *type_evolve(struct evolver *evolver, json_t *type);

static json_t *primitive_evolve(struct evolver *evolver, const char *name)
{
    static const char *const wider[][2] = {
        {"int", "long"},     {"int", "float"},    {"int", "double"},
        {"long", "float"},   {"long", "double"},  {"float", "double"},
        {"string", "bytes"}, {"bytes", "string"}, {"long", "int"},
        {"double", "float"}, {"null", "boolean"}};
    if (one_in(evolver, 3)) {
        size_t i = below(evolver->chance, sizeof wider / sizeof *wider);
        if (strcmp(wider[i][0], name) == 0)
            return json_string(wider[i][1]);
    }
    if (strcmp(name, "null") != 0 && one_in(evolver, 15))
        return json_pack("[s,s]", "null", name);
    return json_string(name);
}

static bool union_has(json_t *branches, json_t *type)
{
    json_t *branch;
    size_t i;
    json_array_foreach(branches, i, branch) if (json_equal(branch, type)) return true;
    return false;
}

/* In the order in which the first that a number widens to is its own type when that is
 * there: others take the first, we take its own. Bytes and strings are not both there,
 * for the same reason. */
static json_t *union_sort(json_t *branches)
{
    static const char *const last[] = {"int", "long", "float", "double"};
    json_t *sorted = json_array(), *branch;
    size_t i, n;
    bool text = false;
    json_array_foreach(branches, i, branch)
    {
        const char *name = json_string_value(branch);
        bool number = false, is_text = false;
        for (n = 0; name != NULL && n < 4; n++)
            number = number || strcmp(name, last[n]) == 0;
        if (name != NULL)
            is_text = strcmp(name, "string") == 0 || strcmp(name, "bytes") == 0;
        if (!number && !(is_text && text))
            json_array_append(sorted, branch);
        text = text || is_text;
    }
    for (n = 0; n < 4; n++) {
        json_t *number = json_string(last[n]);
        if (union_has(branches, number))
            json_array_append(sorted, number);
        json_decref(number);
    }
    json_decref(branches);
    return sorted;
}

static json_t *union_evolve(struct evolver *evolver, json_t *type)
{
    static const char *const more[] = {"boolean", "int", "long", "double", "bytes"};
    json_t *branches = json_array(), *branch;
    size_t i;
    json_array_foreach(type, i, branch)
    {
        const char *name = json_string_value(branch);
        if (i > 0 && one_in(evolver, 12))
            continue; /* not null, by which recursion ends */
        json_t *part = json_is_object(branch) ? type_evolve(evolver, branch)
                       : name[0] == '='       ? json_incref(branch)
                                              : primitive_evolve(evolver, name);
        if (json_is_array(part)) {
            json_decref(part);
            part = json_incref(branch);
        }
        if (!union_has(branches, part)) {
            if (one_in(evolver, 5))
                json_array_insert(branches, 0, part);
            else
                json_array_append(branches, part);
        }
        json_decref(part);
    }
    if (one_in(evolver, 4)) {
        json_t *part = json_string(more[below(evolver->chance, 5)]);
        if (!union_has(branches, part))
            json_array_append(branches, part);
        json_decref(part);
    }
    branches = union_sort(branches);
    branch = json_array_get(branches, json_array_size(branches) - 1);
    if (!json_is_string(branch) || json_string_value(branch)[0] == '=' ||
        !one_in(evolver, 15))
        return branches;
    json_incref(branch);
    json_decref(branches);
    return branch;
}

static json_t *type_evolve(struct evolver *evolver, json_t *type)
{
    const char *name = json_string_value(type);
    if (json_is_array(type))
        return union_evolve(evolver, type);
    if (name != NULL && name[0] != '=')
        return primitive_evolve(evolver, name);
    if (name != NULL)
        return one_in(evolver, 15) ? json_pack("[s,O]", "null", type)
                                   : json_incref(type);
    const char *below_it = json_object_get(type, "items") ? "items" : "values";
    json_t *part = json_copy(type);
    json_object_set_new(part, below_it,
                        type_evolve(evolver, json_object_get(type, below_it)));
    return part;
}

/* ---- what becomes of a definition ---- */

static json_t *field_fresh(struct evolver *evolver)
{
    static const char *const types[] = {
        "\"int\"",  "\"string\"", "\"bytes\"",           "\"null\"",
        "\"long\"", "\"float\"",  "[\"null\",\"long\"]", "[\"string\",\"null\"]"};
    json_t *type = json_loads(types[below(evolver->chance, 8)], JSON_DECODE_ANY, NULL);
    size_t skip = below(evolver->chance, json_object_size(evolver->types) + 1);
    const char *full = NULL;
    json_t *definition;
    json_object_foreach(evolver->types, full, definition) if (skip-- == 0) break;
    /* A name without a dot cannot be meant from within a namespace. */
    if (full != NULL && strchr(full, '.') != NULL) {
        json_t *named = json_sprintf("=%s", full);
        json_decref(type);
        type = json_object_get(definition, "fields") == NULL
                   ? json_incref(named)
                   : json_pack("{s:s,s:O}", "type", "array", "items", named);
        json_decref(named);
    }
    char name[20];
    snprintf(name, sizeof name, "g%d", evolver->fresh++);
    json_t *field = json_pack("{s:s,s:o}", "name", name, "type", type);
    if (!one_in(evolver, 12))
        json_object_set_new(field, "default", json_null());
    return field;
}

static void field_rename(struct evolver *evolver, json_t *field)
{
    char name[20];
    snprintf(name, sizeof name, "h%d", evolver->fresh++);
    json_t *was = json_incref(json_object_get(field, "name"));
    json_object_set_new(field, "name", json_string(name));
    if (one_in(evolver, 4))
        json_object_set_new(field, "default", json_null());
    else
        json_object_set_new(field, "aliases", json_pack("[s,O]", "nobody", was));
    json_decref(was);
}

static void record_evolve(struct evolver *evolver, json_t *definition)
{
    json_t *fields = json_array(), *field;
    size_t i;
    json_array_foreach(json_object_get(definition, "fields"), i, field)
    {
        if (one_in(evolver, 10))
            continue;
        json_t *part = json_copy(field);
        json_object_set_new(part, "type",
                            type_evolve(evolver, json_object_get(field, "type")));
        if (one_in(evolver, 8))
            field_rename(evolver, part);
        if (one_in(evolver, 6))
            json_array_insert_new(fields, 0, part);
        else
            json_array_append_new(fields, part);
    }
    if (json_array_size(fields) == 0 || one_in(evolver, 4))
        json_array_insert_new(fields,
                              below(evolver->chance, json_array_size(fields) + 1),
                              field_fresh(evolver));
    json_object_set_new(definition, "fields", fields);
}

static void enum_evolve(struct evolver *evolver, json_t *definition)
{
    json_t *symbols = json_deep_copy(json_object_get(definition, "symbols"));
    if (one_in(evolver, 3))
        json_array_remove(symbols, below(evolver->chance, json_array_size(symbols)));
    if (one_in(evolver, 3))
        json_array_insert_new(symbols, 0, json_string("Z"));
    if (one_in(evolver, 2))
        json_object_set(
            definition, "default",
            json_array_get(symbols, below(evolver->chance, json_array_size(symbols))));
    json_object_set_new(definition, "symbols", symbols);
}

/* Another name with the old one as an alias, or without; or only another namespace. */
static void definition_rename(struct evolver *evolver, json_t *definition)
{
    char was[100], name[120], space[100];
    snprintf(was, sizeof was, "%s", text_of(definition, "name"));
    space_of(space, was);
    uint64_t how = below(evolver->chance, 24);
    const char *dot = strrchr(was, '.');
    if (how > 2)
        return;
    if (how == 2 && dot != NULL)
        snprintf(name, sizeof name, "z.y%s", dot);
    else
        snprintf(name, sizeof name, "%s%sM%d", space, space[0] != '\0' ? "." : "",
                 evolver->fresh++);
    json_object_set_new(definition, "name", json_string(name));
    if (how == 0 || (how == 2 && dot == NULL))
        json_object_set_new(definition, "aliases", json_pack("[s]", was));
}

static void definitions_evolve(struct evolver *evolver)
{
    const char *full;
    json_t *definition;
    json_object_foreach(evolver->types, full, definition)
    {
        json_t *size = json_object_get(definition, "size");
        if (json_object_get(definition, "symbols") != NULL)
            enum_evolve(evolver, definition);
        else if (size == NULL)
            record_evolve(evolver, definition);
        else if (one_in(evolver, 20))
            json_object_set_new(definition, "size",
                                json_integer(json_integer_value(size) + 1));
        definition_rename(evolver, definition);
    }
}

/* The reader's schema; to be freed. */
static json_t *evolve(struct iso_chance *chance, json_t *writer)
{
    struct evolver evolver = {
        .chance = chance, .types = json_object(), .met = json_object()};
    json_t *top = apart(&evolver, writer, "");
    definitions_evolve(&evolver);
    fallbacks_fill(&evolver);
    json_t *changed = type_evolve(&evolver, top);
    json_t *reader = together(&evolver, changed);
    json_decref(top);
    json_decref(changed);
    json_decref(evolver.types);
    json_decref(evolver.met);
    return reader;
}

#endif
