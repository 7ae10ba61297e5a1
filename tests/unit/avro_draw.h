/* avro_draw.h - random Avro schemas, random data of them, random damage; from a seed.
 *
 * What is drawn by default is what every implementation can hold. `odd` adds what is
 * allowed and seldom seen; `plain` writes each array and map as one block, without its
 * size and with no key twice, and NaN as it is usually written: as our own encoder
 * does.
 */
#ifndef ISO_TESTS_AVRO_DRAW_H
#define ISO_TESTS_AVRO_DRAW_H

#include <float.h>
#include <math.h>

#include "base/clock.h"
#include "tests/unit/avro_model.h"

static uint64_t below(struct iso_chance *chance, uint64_t n)
{
    return iso_chance_draw(chance) % n;
}

/* ---- random schemas; `open` holds the records that a name may come back to ---- */

struct drawer {
    struct iso_chance chance;
    int names;    /* given so far */
    json_t *done; /* full names, to be referred to anywhere */
    json_t *open; /* full names, only from where a datum can end */
    int deepest;  /* of a datum: below it, it ends as soon as it can */
    bool dive;    /* takes what leads down */
    bool odd;     /* schemas: defaults, aliases, nothing inside; data: the far ends */
    bool plain;   /* data: in the one form that our encoder gives them */
    int budget;   /* parts that it may still have */
};

static json_t *type_draw(struct drawer *drawer, const char *space, int depth,
                         bool may_end);

static json_t *union_draw(struct drawer *drawer, const char *space, int depth)
{
    static const char *const kinds[] = {"boolean", "int", "long", "float", "string"};
    json_t *branches = json_pack("[s]", "null");
    for (size_t i = 0; i < 5; i++)
        if (below(&drawer->chance, 3) == 0)
            json_array_append_new(branches, json_string(kinds[i]));
    size_t done = json_array_size(drawer->done);
    json_t *more = type_draw(drawer, space, depth + 2, true);
    bool open = json_array_size(drawer->open) > 0;
    if (json_object_size(more) >
        1) { /* no primitive, which could stand there already */
        json_array_append(branches, more);
    } else { /* the names that were defined in it go with it */
        while (json_array_size(drawer->done) > done)
            json_array_remove(drawer->done, json_array_size(drawer->done) - 1);
        if (open && below(&drawer->chance, 2))
            json_array_append(branches, json_array_get(drawer->open, 0));
    }
    json_decref(more);
    return branches;
}

/* What decides nothing about data: a default, aliases, words. */
static void field_decorate(struct iso_chance *chance, json_t *field)
{
    static const char *const defaults[][2] = {
        {"null", "null"},         {"boolean", "true"},  {"int", "-1"},
        {"long", "1000"},         {"float", "\"NaN\""}, {"double", "0.5"},
        {"bytes", "\"\\u00ff\""}, {"string", "\"\""}};
    const char *type = json_string_value(json_object_get(field, "type"));
    uint64_t bits = iso_chance_draw(chance);
    for (size_t i = 0; type != NULL && bits % 2 && i < 8; i++)
        if (strcmp(type, defaults[i][0]) == 0)
            json_object_set_new(field, "default",
                                json_loads(defaults[i][1], JSON_DECODE_ANY, NULL));
    if (bits % 3 == 0)
        json_object_set_new(field, "aliases", json_pack("[s,s]", "old", "older"));
    if (bits % 5 == 0)
        json_object_set_new(field, "doc", json_string("words"));
}

static json_t *record_draw(struct drawer *drawer, const char *full, int depth)
{
    char space[100], name[20];
    space_of(space, full);
    /* A name without a dot cannot be meant from within a namespace. */
    bool nameable = space[0] != '\0';
    if (nameable)
        json_array_insert_new(drawer->open, 0, json_string(full));
    json_t *fields = json_array();
    /* Not 0: avro-c cannot hold an array of records without fields. */
    uint64_t count = (drawer->odd ? 0 : 1) + below(&drawer->chance, 4);
    for (uint64_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%u", (unsigned)i);
        json_t *type = type_draw(drawer, space, depth + 1, false);
        json_array_append_new(fields,
                              json_pack("{s:s,s:o}", "name", name, "type", type));
        if (drawer->odd)
            field_decorate(&drawer->chance, json_array_get(fields, i));
    }
    if (nameable)
        json_array_remove(drawer->open, 0);
    return fields;
}

static void enum_decorate(struct drawer *drawer, json_t *type)
{
    json_object_set_new(type, "symbols", json_pack("[s,s,s]", "A", "B", "C"));
    if (!drawer->odd)
        return;
    if (below(&drawer->chance, 2))
        json_object_set_new(type, "default", json_string("B"));
    if (below(&drawer->chance, 2))
        json_object_set_new(type, "aliases", json_pack("[s,s]", "Old", "x.Older"));
}

static json_t *named_draw(struct drawer *drawer, const char *space, int depth)
{
    static const char *const spaces[] = {"", "a", "b.c"};
    struct iso_chance *chance = &drawer->chance;
    char name[20], full[100];
    snprintf(name, sizeof name, "%sN%d", below(chance, 4) ? "" : "d.e.",
             drawer->names++);
    const char *given = below(chance, 2) ? spaces[below(chance, 3)] : NULL;
    name_full(full, name, given != NULL ? given : space);
    json_t *type = json_pack("{s:s}", "name", name);
    if (given != NULL)
        json_object_set_new(type, "namespace", json_string(given));
    uint64_t kind = below(chance, 4);
    json_object_set_new(type, "type",
                        json_string(kind == 0   ? "fixed"
                                    : kind == 1 ? "enum"
                                                : "record"));
    if (kind == 0)
        json_object_set_new(type, "size",
                            json_integer(!drawer->odd + (json_int_t)below(chance, 9)));
    else if (kind == 1)
        enum_decorate(drawer, type);
    else
        json_object_set_new(type, "fields", record_draw(drawer, full, depth));
    if (strchr(full, '.') != NULL)
        json_array_append_new(drawer->done, json_string(full));
    return type;
}

static json_t *type_draw(struct drawer *drawer, const char *space, int depth,
                         bool may_end)
{
    static const char *const kinds[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    struct iso_chance *chance = &drawer->chance;
    uint64_t what = depth > 5 ? 0 : below(chance, 10);
    size_t done = json_array_size(drawer->done), open = json_array_size(drawer->open);
    if (what == 9 && done > 0)
        return json_incref(json_array_get(drawer->done, below(chance, done)));
    if (what == 8 && open > 0 && may_end)
        return json_incref(json_array_get(drawer->open, below(chance, open)));
    if (what == 7)
        return union_draw(drawer, space, depth);
    if (what == 6)
        return json_pack("{s:s,s:o}", "type", "array", "items",
                         type_draw(drawer, space, depth + 1, true));
    if (what == 5)
        return json_pack("{s:s,s:o}", "type", "map", "values",
                         type_draw(drawer, space, depth + 1, true));
    if (what >= 3)
        return named_draw(drawer, space, depth);
    const char *kind = kinds[below(chance, 8)];
    return what == 2 ? json_pack("{s:s}", "type", kind) : json_string(kind);
}

/* ---- random data: the model's own grammar, run the other way ---- */

static void datum_draw(struct drawer *drawer, struct model *model, json_t *type,
                       const char *space, int depth, struct iso_buf *out);

static void text_draw(struct drawer *drawer, struct iso_buf *out)
{
    static const char *const texts[] = {
        "", "a", "ключ", "\xf0\x9f\x8c\x8b", "0123456789",
        /* odd ones */
        "\"\\/\b\n\x7f", "\xf4\x8f\xbf\xbf\xef\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80"};
    iso_avro_add_text(out, texts[below(&drawer->chance, drawer->odd ? 8 : 5)]);
}

/* A plain datum has no key twice. */
static void key_draw(struct drawer *drawer, int64_t n, struct iso_buf *out)
{
    char key[24];
    snprintf(key, sizeof key, "%.*lld", n > 0 ? 20 : 0, (long long)n);
    if (drawer->plain)
        iso_avro_add_text(out, key);
    else
        text_draw(drawer, out);
}

static bool deep_enough(const struct drawer *drawer, int depth)
{
    return depth > drawer->deepest || drawer->budget <= 0;
}

static void items_draw(struct drawer *drawer, struct model *model, json_t *type,
                       const char *space, int depth, struct iso_buf *out)
{
    struct iso_chance *chance = &drawer->chance;
    json_t *item = json_object_get(type, "items"),
           *member = json_object_get(type, "values");
    uint64_t blocks = drawer->dive ? 1 : below(chance, drawer->plain ? 2 : 3);
    for (; blocks > 0 && !deep_enough(drawer, depth); blocks--) {
        struct iso_buf items = {0};
        int64_t count = drawer->dive ? 1 : 1 + (int64_t)below(chance, 3);
        for (int64_t i = 0; i < count; i++) {
            if (member != NULL)
                key_draw(drawer, i, &items);
            datum_draw(drawer, model, member != NULL ? member : item, space, depth,
                       &items);
        }
        bool sized = below(chance, 2) && !drawer->plain;
        iso_avro_add_long(out, sized ? -count : count);
        if (sized)
            iso_avro_add_long(out, (int64_t)items.size);
        iso_buf_add_bytes(out, iso_buf_bytes(&items));
        iso_buf_release(&items);
    }
    iso_avro_add_long(out, 0);
}

static void union_datum_draw(struct drawer *drawer, struct model *model, json_t *type,
                             const char *space, int depth, struct iso_buf *out)
{
    size_t count = json_array_size(type);
    size_t branch = drawer->dive ? count - 1 : below(&drawer->chance, count);
    if (deep_enough(drawer, depth))
        branch = 0; /* null */
    iso_avro_add_long(out, (int64_t)branch);
    datum_draw(drawer, model, json_array_get(type, branch), space, depth, out);
}

static int64_t long_draw(struct drawer *drawer)
{
    static const int64_t ends[] = {
        INT64_MIN, INT64_MAX, INT32_MIN,      INT32_MAX,        -64, 64, 0,
        -1,        1 << 27,   -(1 << 27) - 1, INT64_C(1) << 55, 8191};
    uint64_t bits = iso_chance_draw(&drawer->chance);
    if (drawer->odd && bits >> 62 == 0)
        return ends[bits % 12];
    return (int64_t)bits >> below(&drawer->chance, 64);
}

/* The bits of a float of 4 or a double of 8 bytes, as they stand in a datum. */
static uint64_t real_draw(struct drawer *drawer, size_t size)
{
    static const double ends[] = {0.0,    -0.0, INFINITY, -INFINITY,
                                  5e-324, 0.1,  DBL_MAX,  NAN};
    uint64_t bits = iso_chance_draw(&drawer->chance);
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &bits, sizeof narrow);
    if (drawer->odd && bits >> 62 == 0) {
        wide = ends[bits % 8];
        narrow = bits % 8 == 6 ? FLT_MAX : (float)wide;
    }
    if (drawer->plain && isnan(wide))
        wide = fabs((double)NAN);
    if (drawer->plain && isnan(narrow))
        narrow = fabsf(NAN);
    bits = 0;
    memcpy(&bits, size == sizeof narrow ? (void *)&narrow : (void *)&wide, size);
    return bits;
}

static void primitive_draw(struct drawer *drawer, const char *name, struct iso_buf *out)
{
    struct iso_chance *chance = &drawer->chance;
    uint64_t bits = 0;
    if (strcmp(name, "boolean") == 0) {
        iso_buf_add_u8(out, below(chance, 2));
    } else if (strcmp(name, "int") == 0) {
        iso_avro_add_long(out, (int32_t)long_draw(drawer));
    } else if (strcmp(name, "long") == 0) {
        iso_avro_add_long(out, long_draw(drawer));
    } else if (strcmp(name, "float") == 0) {
        bits = real_draw(drawer, sizeof(float));
        iso_buf_add(out, &bits, sizeof(float));
    } else if (strcmp(name, "double") == 0) {
        bits = real_draw(drawer, sizeof(double));
        iso_buf_add(out, &bits, sizeof(double));
    } else if (strcmp(name, "bytes") == 0) {
        bits = iso_chance_draw(chance);
        iso_avro_add_bytes(out, iso_bytes(&bits, bits % 9));
    } else if (strcmp(name, "string") == 0) {
        text_draw(drawer, out);
    }
}

static void named_datum_draw(struct drawer *drawer, struct model *model, json_t *found,
                             int depth, struct iso_buf *out)
{
    json_t *named = json_array_get(found, 0), *field;
    const char *kind = text_of(named, "type");
    json_int_t size = json_integer_value(json_object_get(named, "size"));
    for (; size > 0; size--)
        iso_buf_add_u8(out, (uint8_t)below(&drawer->chance, 256));
    if (strcmp(kind, "enum") == 0)
        iso_avro_add_long(out, (int64_t)below(&drawer->chance, 3));
    size_t i;
    json_array_foreach(json_object_get(named, "fields"), i, field)
    {
        const char *space = json_string_value(json_array_get(found, 1));
        datum_draw(drawer, model, json_object_get(field, "type"), space, depth + 1,
                   out);
    }
}

static void datum_draw(struct drawer *drawer, struct model *model, json_t *type,
                       const char *space, int depth, struct iso_buf *out)
{
    drawer->budget--;
    if (json_is_array(type)) {
        union_datum_draw(drawer, model, type, space, depth, out);
        return;
    }
    bool object = json_is_object(type);
    const char *kind = object ? text_of(type, "type") : json_string_value(type);
    if (strcmp(kind, "array") == 0 || strcmp(kind, "map") == 0) {
        items_draw(drawer, model, type, space, depth + 1, out);
        return;
    }
    char full[100];
    const char *given = object ? text_of(type, "namespace") : NULL;
    const char *name = object ? text_of(type, "name") : NULL;
    name_full(full, name != NULL ? name : kind, given != NULL ? given : space);
    json_t *found = json_object_get(model->named, full);
    if (found != NULL)
        named_datum_draw(drawer, model, found, depth, out);
    else
        primitive_draw(drawer, kind, out);
}

/* A fourth of them dive, to about as deep as is allowed. */
static void datum_begin(struct drawer *drawer, struct model *model, json_t *type,
                        struct iso_buf *out)
{
    drawer->dive = below(&drawer->chance, 4) == 0;
    drawer->deepest = drawer->dive ? 55 + (int)below(&drawer->chance, 20) : 8;
    drawer->budget = 300;
    iso_buf_clear(out);
    datum_draw(drawer, model, type, "", 0, out);
}

static void damage(struct iso_chance *chance, struct iso_buf *datum)
{
    uint64_t what = below(chance, 6);
    size_t at = datum->size > 0 ? below(chance, datum->size) : 0;
    if (what == 0 || datum->size == 0)
        iso_buf_add_u8(datum, (uint8_t)below(chance, 3));
    else if (what == 1)
        datum->size = at;
    else if (what == 2)
        datum->data[at] = (uint8_t)iso_chance_draw(chance);
    else if (what == 3)
        datum->data[at] = 0xff;
    else
        datum->data[at] ^= (uint8_t)(1 << below(chance, 8));
}

#endif
