/* A field of every rule, in the schema that all begin with; the later definition has a
 * schema with one field more. */
#include "tests/sim/sim_values.h"

#include <stdio.h>

#include "base/mem.h"
#include "schema/patch.h"
#include "schema/value.h"
#include "tests/sim/sim.h"

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
#define TEXT                                                                       \
    "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"text\",\"type\":" \
    "\"string\"}"
#define LATER ",{\"name\":\"more\",\"type\":\"string\",\"default\":\"none\"}"

static const char *const schemas_of[2][2] = {{TEXT "]}", TEXT LATER "]}"},
                                             {FIELDS "]}", FIELDS LATER "]}"}};

void sim_schemas_add(const struct sim *sim, struct iso_definition *definition,
                     bool later)
{
    if (!sim->plan.avro)
        return;
    const char *text = schemas_of[sim->plan.resolver == SIM_FIELDS][later];
    struct iso_avro *schema;
    struct iso_why why;
    definition->format = ISO_FORMAT_AVRO;
    definition->schemas =
        iso_realloc(definition->schemas,
                    (definition->schema_count + 1) * sizeof *definition->schemas);
    struct iso_definition_schema *row =
        &definition->schemas[definition->schema_count++];
    *row = (struct iso_definition_schema){.json = iso_strdup(text)};
    iso_assert(iso_avro_parse(iso_bytes_text(text), &schema, &why) == ISO_OK);
    iso_avro_fingerprint(schema, row->fingerprint);
    iso_avro_free(schema);
}

static unsigned small(struct sim *sim)
{
    return (unsigned)sim_dice(sim, 4);
}

/* {"m0":…,"m2":…}: each member with a chance of a half. */
static void map_add(struct sim *sim, struct iso_buf *json, int kind)
{
    const char *comma = "";
    iso_buf_add_u8(json, '{');
    for (unsigned n = 0; n < 3; n++) {
        if (sim_percent(sim, 50))
            continue;
        iso_buf_print(json, "%s\"m%u\":", comma, n);
        comma = ",";
        if (kind == 0)
            iso_buf_print(json, "\"t%u\"", small(sim));
        else if (kind == 1)
            iso_buf_print(json, "%u", small(sim));
        else
            iso_buf_print(json, "[%u,%u]", small(sim), 4 + small(sim));
    }
    iso_buf_add_u8(json, '}');
}

static void record_json(struct sim *sim, bool blind, struct iso_buf *json)
{
    iso_buf_print(json, "{\"name\":\"t%u\",\"tags\":[\"t%u\",\"u%u\"],\"visits\":%u",
                  small(sim), small(sim), small(sim), blind ? 0 : small(sim));
    iso_buf_print(json, ",\"vip\":%s,\"last\":%u,\"low\":%u,\"notes\":",
                  sim_percent(sim, 50) ? "true" : "false", small(sim), small(sim));
    map_add(sim, json, 0);
    iso_buf_print(json, ",\"cart\":");
    if (blind)
        iso_buf_print(json, "{}");
    else
        map_add(sim, json, 1);
    iso_buf_print(json, ",\"groups\":");
    map_add(sim, json, 2);
}

void sim_value(struct sim *sim, const struct iso_schemas *schemas, bool blind,
               struct iso_buf *value)
{
    struct iso_buf json = {0};
    struct iso_why why;
    if (!sim->plan.avro) {
        iso_buf_print(value, "v%u", (unsigned)sim_dice(sim, 1000));
        /* Some of them stand in rows of their own (schema/aside.h). */
        if (sim_percent(sim, 2))
            for (uint64_t n = 2000 + sim_dice(sim, 1000); n > 0; n--)
                iso_buf_print(value, "%02x", (unsigned)n & 0xff);
        return;
    }
    size_t n = sim_dice(sim, iso_schemas_count(schemas));
    if (sim->plan.resolver == SIM_FIELDS)
        record_json(sim, blind, &json);
    else
        iso_buf_print(&json, "{\"text\":\"v%u\"", (unsigned)sim_dice(sim, 1000));
    if (n > 0)
        iso_buf_print(&json, ",\"more\":\"t%u\"", small(sim));
    iso_buf_add_u8(&json, '}');
    iso_value_begin(schemas, n, value);
    SIM_OK(sim, iso_avro_from_json(iso_schemas_at(schemas, n), iso_buf_bytes(&json),
                                   value, &why));
    iso_buf_release(&json);
}

/* ---- operations ---- */

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
enum { DRAWS = sizeof draws / sizeof draws[0] };

static void step_draw(struct sim *sim, struct iso_edit *edit)
{
    const struct draw *draw = &draws[sim_dice(sim, DRAWS)];
    char name[3] = {'m', (char)('0' + sim_dice(sim, 3)), 0}, json[32];
    const char *member = draw->has_member ? name : NULL;
    struct iso_why why;
    if (draw->operation == ISO_STEP_UNSET)
        SIM_OK(sim, iso_edit_unset(edit, draw->field, member, &why));
    else if (draw->kind == 0)
        SIM_OK(sim, iso_edit_enable(edit, draw->field, member,
                                    draw->operation == ISO_STEP_ENABLE, &why));
    if (draw->kind == 0)
        return;
    if (draw->kind == 't')
        snprintf(json, sizeof json, "\"t%u\"", small(sim));
    else
        snprintf(json, sizeof json, "%d", (int)sim_dice(sim, 9) - 3);
    SIM_OK(sim, iso_edit_json(edit, draw->operation, draw->field, member,
                              iso_bytes_text(json), &why));
}

struct iso_edit *sim_edit(struct sim *sim, const struct iso_schemas *schemas)
{
    struct iso_edit *edit;
    struct iso_why why;
    SIM_OK(sim, iso_edit_new(schemas, 0, &edit, &why));
    for (size_t n = 1 + sim_dice(sim, 4); n > 0; n--)
        step_draw(sim, edit);
    return edit;
}

/* ---- a liar's ---- */

static void sums_draw(struct sim *sim, struct iso_sum sums[3], struct iso_step *step)
{
    size_t count = sim_dice(sim, 4);
    for (size_t i = 0; i < count; i++)
        sums[i] =
            (struct iso_sum){.log = (uint16_t)(10 * (1 + i)),
                             .region = (uint8_t)(1 + sim_dice(sim, sim->plan.regions)),
                             .next = (int64_t)sim_dice(sim, 60),
                             .sum = (int64_t)sim_dice(sim, 20) - 10};
    step->sums = sums;
    step->sum_count = count;
}

/* A datum of what the step's kind says, or nearly. */
static void datum_draw(struct sim *sim, const struct draw *draw, struct iso_buf *value)
{
    if (draw->kind == 't')
        iso_avro_add_text(value, sim_percent(sim, 50) ? "t1" : "t2");
    if (draw->kind == 'n' || sim_percent(sim, 5))
        iso_avro_add_long(value, (int64_t)sim_dice(sim, 9));
}

void sim_patch_forge(struct sim *sim, struct iso_names names, bool of_delete,
                     struct iso_buf *out)
{
    struct iso_patch patch = {0};
    struct iso_buf values[4] = {{0}};
    struct iso_sum sums[4][3];
    const struct iso_definition_schema *schemas = sim->definition->schemas;
    patch.put = sim_percent(sim, 30);
    if (patch.put || of_delete)
        patch.mark = names;
    if (!of_delete)
        memcpy(patch.fingerprint,
               schemas[sim_dice(sim, sim->definition->schema_count)].fingerprint,
               sizeof patch.fingerprint);
    for (size_t n = sim_dice(sim, 4); n > 0; n--) {
        const struct draw *draw = &draws[sim_dice(sim, DRAWS)];
        struct iso_step *step = iso_patch_step_add(&patch);
        datum_draw(sim, draw, &values[n]);
        step->field = iso_bytes_text(draw->field);
        step->has_member = draw->has_member;
        step->member = iso_bytes_text(draw->has_member ? "m1" : "");
        step->operation = draw->operation;
        step->value = iso_buf_bytes(&values[n]);
        if (draw->operation == ISO_STEP_UNSET && *draw->field != 'n')
            sums_draw(sim, sums[n], step);
        if (step->sum_count == 0)
            step->seen = names;
    }
    iso_patch_encode(&patch, out);
    for (size_t n = 0; n < 4; n++)
        iso_buf_release(&values[n]);
    iso_patch_release(&patch);
}
