/* Records of fields in a world: their schemas, whole records, patches as services make
 * them, and patches as a liar does: right in form, with versions and sums that nobody
 * ever wrote. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "base/mem.h"
#include "schema/patch.h"
#include "schema/value.h"

/* A field of every rule; the later schema has one more. */
#define FIELDS                                                                         \
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["                                 \
    "{\"name\":\"name\",\"type\":\"string\",\"default\":\"\"},"                        \
    "{\"name\":\"tags\",\"merge\":\"set\",\"type\":{\"type\":\"array\",\"items\":"     \
    "\"string\"}},"                                                                    \
    "{\"name\":\"visits\",\"merge\":\"counter\",\"type\":\"long\"},"                   \
    "{\"name\":\"vip\",\"merge\":\"flag\",\"type\":\"boolean\"},"                      \
    "{\"name\":\"last\",\"merge\":\"max\",\"type\":\"long\",\"default\":0},"           \
    "{\"name\":\"low\",\"merge\":\"min\",\"type\":\"int\",\"default\":0},"             \
    "{\"name\":\"notes\",\"merge\":\"map\",\"type\":{\"type\":\"map\",\"values\":"     \
    "\"string\"}},"                                                                    \
    "{\"name\":\"cart\",\"merge\":\"map:counter\",\"type\":{\"type\":\"map\","         \
    "\"values\":\"long\"}},"                                                           \
    "{\"name\":\"groups\",\"merge\":\"map:set\",\"type\":{\"type\":\"map\",\"values\"" \
    ":{\"type\":\"array\",\"items\":\"int\"}}}"
#define LATER ",{\"name\":\"more\",\"type\":\"string\",\"default\":\"none\"}"

const char *world_fields_schema(bool later)
{
    return later ? FIELDS LATER "]}" : FIELDS "]}";
}

static unsigned small(struct world *world)
{
    return (unsigned)world_dice(world, 4);
}

/* ---- a whole record ---- */

static void text_add(struct world *world, struct iso_buf *json, const char *before)
{
    iso_buf_print(json, "%s\"t%u\"", before, small(world));
}

/* It may be one that stands aside. */
static void value_add(struct world *world, struct iso_buf *json, const char *before)
{
    char text[WORLD_LARGE];
    size_t filled = world_large(world, text);
    iso_buf_print(json, "%s\"%.*st%u\"", before, (int)filled, text, small(world));
}

/* {"m0":…,"m2":…}: each member with a chance of a half. */
static void map_add(struct world *world, struct iso_buf *json, int kind)
{
    const char *comma = "";
    iso_buf_add_u8(json, '{');
    for (unsigned n = 0; n < 3; n++) {
        if (world_dice(world, 2) == 0)
            continue;
        iso_buf_print(json, "%s\"m%u\":", comma, n);
        comma = ",";
        if (kind == 0)
            value_add(world, json, "");
        else if (kind == 1)
            iso_buf_print(json, "%u", small(world));
        else
            iso_buf_print(json, "[%u,%u]", small(world), 4 + small(world));
    }
    iso_buf_add_u8(json, '}');
}

/* Of a blind writer: counters are left alone. */
static void record_json(struct world *world, bool later, bool blind,
                        struct iso_buf *json)
{
    value_add(world, json, "{\"name\":");
    text_add(world, json, ",\"tags\":[");
    iso_buf_print(json, ",\"u%u\"],\"visits\":%u,\"vip\":%s,\"last\":%u,\"low\":%u",
                  small(world), blind ? 0 : small(world),
                  world_dice(world, 2) == 0 ? "true" : "false", small(world),
                  small(world));
    iso_buf_print(json, ",\"notes\":");
    map_add(world, json, 0);
    iso_buf_print(json, ",\"cart\":");
    if (blind)
        iso_buf_print(json, "{}");
    else
        map_add(world, json, 1);
    iso_buf_print(json, ",\"groups\":");
    map_add(world, json, 2);
    if (later)
        text_add(world, json, ",\"more\":");
    iso_buf_add_u8(json, '}');
}

void world_record(struct world *world, const struct iso_producer *producer, bool blind,
                  struct iso_buf *value)
{
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    size_t last = iso_schemas_count(schemas) - 1;
    bool later = last == WORLD_SCHEMA_LATER && world_dice(world, 2) == 0;
    struct iso_buf json = {0};
    struct iso_why why = {0};
    size_t n = later ? last : 0;
    record_json(world, later, blind, &json);
    iso_value_begin(schemas, n, value);
    WORLD_OK(iso_avro_from_json(iso_schemas_at(schemas, n), iso_buf_bytes(&json), value,
                                &why));
    iso_buf_release(&json);
}

/* ---- a patch ---- */

struct draw {
    enum iso_step_operation operation;
    const char *field;
    bool has_member;
    char kind; /* of the value: text, number, none */
};
static const struct draw draws[] = {
    {ISO_STEP_SET, "name", false, 't'},      {ISO_STEP_UNSET, "name", false, 0},
    {ISO_STEP_ADD, "tags", false, 't'},      {ISO_STEP_REMOVE, "tags", false, 't'},
    {ISO_STEP_UNSET, "visits", false, 0},    {ISO_STEP_ENABLE, "vip", false, 0},
    {ISO_STEP_DISABLE, "vip", false, 0},     {ISO_STEP_RAISE, "last", false, 'n'},
    {ISO_STEP_UNSET, "last", false, 0},      {ISO_STEP_LOWER, "low", false, 'n'},
    {ISO_STEP_UNSET, "low", false, 0},       {ISO_STEP_SET, "notes", true, 't'},
    {ISO_STEP_UNSET, "notes", true, 0},      {ISO_STEP_UNSET, "cart", true, 0},
    {ISO_STEP_ADD, "groups", true, 'n'},     {ISO_STEP_REMOVE, "groups", true, 'n'},
    {ISO_STEP_INCREMENT, "cart", true, 'n'}, {ISO_STEP_INCREMENT, "visits", false, 'n'},
};
enum { DRAWS = sizeof draws / sizeof draws[0], DRAW_INCREMENT = DRAWS - 2 };

/* What has no value. */
static enum iso_err step_take(const struct draw *draw, const char *member,
                              struct iso_edit *edit, struct iso_why *why)
{
    if (draw->operation == ISO_STEP_UNSET)
        return iso_edit_unset(edit, draw->field, member, why);
    return iso_edit_enable(edit, draw->field, member,
                           draw->operation == ISO_STEP_ENABLE, why);
}

static void step_draw(struct world *world, struct iso_edit *edit, int64_t *visits)
{
    size_t first = world->plan.counts_only ? DRAW_INCREMENT : 0;
    const struct draw *draw = &draws[first + world_dice(world, DRAWS - first)];
    char name[3] = {'m', (char)('0' + world_dice(world, 3)), 0};
    const char *member = draw->has_member ? name : NULL;
    struct iso_buf json = {0};
    struct iso_why why = {0};
    int number = (int)world_dice(world, 9) - 3;
    if (draw->kind == 0) {
        WORLD_OK(step_take(draw, member, edit, &why));
        return;
    }
    if (draw->operation == ISO_STEP_SET)
        value_add(world, &json, "");
    else if (draw->kind == 't')
        text_add(world, &json, "");
    else
        iso_buf_print(&json, "%d", number);
    if (draw->operation == ISO_STEP_INCREMENT && member == NULL)
        *visits += number;
    WORLD_OK(iso_edit_json(edit, draw->operation, draw->field, member,
                           iso_buf_bytes(&json), &why));
    iso_buf_release(&json);
}

struct iso_edit *world_patch(struct world *world, const struct iso_producer *producer,
                             int64_t *visits)
{
    struct iso_edit *edit;
    struct iso_why why = {0};
    *visits = 0;
    WORLD_OK(iso_edit_new(iso_producer_schemas(producer), 0, &edit, &why));
    for (size_t n = 1 + world_dice(world, 4); n > 0; n--)
        step_draw(world, edit, visits);
    return edit;
}

/* ---- a liar's ---- */

static void sums_draw(struct world *world, struct iso_sum sums[3],
                      struct iso_step *step)
{
    size_t count = world_dice(world, 4);
    for (size_t i = 0; i < count; i++)
        sums[i] = (struct iso_sum){.log = (uint16_t)(10 * (1 + i)),
                                   .region = (uint8_t)(1 + world_dice(world, 3)),
                                   .next = (int64_t)world_dice(world, 60),
                                   .sum = (int64_t)world_dice(world, 20) - 10};
    step->sums = sums;
    step->sum_count = count;
}

/* A datum of what the step's kind says, or nearly. */
static void value_draw(struct world *world, const struct draw *draw,
                       struct iso_buf *value)
{
    if (draw->kind == 't')
        iso_avro_add_text(value, world_dice(world, 2) == 0 ? "t1" : "t2");
    if (draw->kind == 'n' || world_dice(world, 20) == 0)
        iso_avro_add_long(value, (int64_t)world_dice(world, 9));
}

void world_patch_any(struct world *world, bool of_delete, struct iso_buf *out)
{
    struct iso_patch patch = {0};
    struct iso_buf values[4] = {{0}}, names = {0};
    struct iso_sum sums[4][3];
    world_names_draw(world, &names);
    size_t count = names.size / ISO_VERSION_SIZE;
    struct iso_names all = {names.data, count < 6 ? count : 6};
    patch.put = world_dice(world, 3) == 0;
    if (patch.put || of_delete)
        patch.mark = all;
    if (!of_delete)
        world_fingerprint(world, world_dice(world, 6) == 0 ? WORLD_SCHEMA_LATER : 0,
                          patch.fingerprint);
    for (size_t n = world_dice(world, 4); n > 0; n--) {
        const struct draw *draw = &draws[world_dice(world, DRAWS)];
        struct iso_step *step = iso_patch_step_add(&patch);
        value_draw(world, draw, &values[n]);
        step->field = iso_bytes_text(draw->field);
        step->has_member = draw->has_member;
        step->member = iso_bytes_text(draw->has_member ? "m1" : "");
        step->operation = draw->operation;
        step->value = iso_buf_bytes(&values[n]);
        if (draw->operation == ISO_STEP_UNSET && *draw->field != 'n')
            sums_draw(world, sums[n], step);
        if (step->sum_count == 0)
            step->seen = all;
    }
    iso_patch_encode(&patch, out);
    for (size_t n = 0; n < 4; n++)
        iso_buf_release(&values[n]);
    iso_buf_release(&names);
    iso_patch_release(&patch);
}
