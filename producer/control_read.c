/* Reading `iso.control` to its end, and claiming in it.
 *
 * A claim is a record; whether it counts is decided by the order in the topic, alike
 * for all. So who claims appends, reads back, and looks at what counts now: two who
 * claim one thing at the same time both learn who was first. A claim whose answer was
 * lost is found by the next call. */
#include "base/mem.h"
#include "producer/define.h"

static enum iso_err control_feed(void *user, const struct iso_record *record,
                                 struct iso_why *why)
{
    (void)why;
    iso_control_feed(user, record->offset,
                     record->has_key ? record->key : iso_bytes(NULL, 0),
                     record->has_value ? record->value : iso_bytes(NULL, 0));
    return ISO_OK;
}

enum iso_err iso_control_read(const struct iso_control_place *place,
                              struct iso_control *control, struct iso_why *why)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%scontrol", place->prefix);
    struct iso_walk walk = {.topic = iso_buf_text(&topic),
                            .from = iso_control_next(control),
                            .timeout_ms = place->timeout_ms,
                            .each = control_feed,
                            .user = control};
    enum iso_err err = iso_bus_read(place->home, &walk, NULL, why);
    iso_buf_release(&topic);
    return err;
}

/* Where a claim is made, and what is known there. */
struct claims {
    const struct iso_control_place *place;
    struct iso_control *control;
    struct iso_why *why;
};

static enum iso_err claims_read(const struct claims *claims)
{
    return iso_control_read(claims->place, claims->control, claims->why);
}

/* Appends one claim and reads to the end. */
static enum iso_err claims_add(const struct claims *claims, struct iso_bytes key,
                               struct iso_bytes value)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%scontrol", claims->place->prefix);
    struct iso_message message = {.topic = iso_buf_text(&topic),
                                  .has_key = true,
                                  .has_value = true,
                                  .key = key,
                                  .value = value};
    enum iso_err err = iso_bus_publish(claims->place->home, &message, ISO_HEADER_NAME,
                                       claims->place->timeout_ms, NULL, claims->why);
    iso_buf_release(&topic);
    return err == ISO_OK ? claims_read(claims) : err;
}

/* ---- regions ---- */

/* ISO_NOT_FOUND: neither name nor number is taken, or any number will do. */
static enum iso_err region_held(const struct iso_control *control, const char *name,
                                unsigned number, unsigned *given, struct iso_why *why)
{
    unsigned held = iso_control_region(control, name);
    if (held != 0 && (number == 0 || number == held)) {
        *given = held;
        return ISO_OK;
    }
    if (held != 0)
        return iso_fail(
            why, ISO_EXISTS,
            "region %s has the number %u already, for ever: leave the number "
            "out, or choose another name",
            name, held);
    const char *holder = number != 0 ? iso_control_region_name(control, number) : NULL;
    if (holder != NULL)
        return iso_fail(why, ISO_EXISTS,
                        "the number %u is region %s's, for ever: choose another",
                        number, holder);
    return ISO_NOT_FOUND;
}

static unsigned region_free(const struct iso_control *control)
{
    for (unsigned number = 1; number <= ISO_REGION_MAX; number++)
        if (iso_control_region_name(control, number) == NULL)
            return number;
    return 0;
}

static enum iso_err region_check(const char *name, unsigned number, struct iso_why *why)
{
    if (!iso_region_name_valid(name))
        return iso_fail(why, ISO_USAGE,
                        "'%.40s' cannot be a region's name: 1 to %d of a-z 0-9 -", name,
                        ISO_REGION_NAME_MAX);
    if (number > ISO_REGION_MAX)
        return iso_fail(why, ISO_USAGE,
                        "%u cannot be a region's number: 1 to %d, or left out for the "
                        "lowest free one",
                        number, ISO_REGION_MAX);
    return ISO_OK;
}

static enum iso_err region_claim(const struct claims *claims, const char *name,
                                 unsigned number)
{
    struct iso_buf key = {0}, value = {0};
    iso_control_claim_region(name, number, &key, &value);
    enum iso_err err = claims_add(claims, iso_buf_bytes(&key), iso_buf_bytes(&value));
    iso_buf_release(&key);
    iso_buf_release(&value);
    return err;
}

enum iso_err iso_control_add_region(const struct iso_control_place *place,
                                    const char *name, unsigned number,
                                    struct iso_control *control, unsigned *given,
                                    struct iso_why *why)
{
    struct claims claims = {.place = place, .control = control, .why = why};
    enum iso_err err = region_check(name, number, why);
    if (err == ISO_OK)
        err = claims_read(&claims);
    /* Each turn that is lost to another claim has taken a number, so there are few. */
    for (unsigned turn = 0; err == ISO_OK && turn <= ISO_REGION_MAX; turn++) {
        err = region_held(control, name, number, given, why);
        if (err != ISO_NOT_FOUND)
            return err;
        unsigned claimed = number != 0 ? number : region_free(control);
        if (claimed == 0)
            return iso_fail(
                why, ISO_EXISTS,
                "all %d numbers of regions are taken, for ever: use a region "
                "that exists",
                ISO_REGION_MAX);
        err = region_claim(&claims, name, claimed);
    }
    if (err != ISO_OK)
        return err;
    return iso_fail(why, ISO_EXISTS, "the claim of region %s never counted: %.300s",
                    name, iso_control_why(control));
}

/* ---- definitions ---- */

/* ISO_NOT_FOUND: the number is free. */
static enum iso_err definition_held(const struct iso_control *control,
                                    const struct iso_definition *definition,
                                    struct iso_why *why)
{
    const struct iso_definition *held =
        iso_control_definition(control, definition->collection, definition->number);
    if (held == NULL)
        return ISO_NOT_FOUND;
    if (iso_bytes_equal(iso_buf_bytes(&held->bytes), iso_buf_bytes(&definition->bytes)))
        return ISO_OK;
    return iso_fail(why, ISO_EXISTS,
                    "collection %s has another definition %u already: look at it with "
                    "isostasy collection show %s",
                    definition->collection, definition->number, definition->collection);
}

enum iso_err iso_control_add_definition(const struct iso_control_place *place,
                                        const struct iso_definition *definition,
                                        struct iso_control *control,
                                        struct iso_why *why)
{
    struct claims claims = {.place = place, .control = control, .why = why};
    enum iso_err err = claims_read(&claims);
    if (err != ISO_OK)
        return err;
    err = definition_held(control, definition, why);
    if (err != ISO_NOT_FOUND)
        return err;
    struct iso_buf key = {0};
    iso_control_claim_definition(definition, &key);
    err = claims_add(&claims, iso_buf_bytes(&key), iso_buf_bytes(&definition->bytes));
    iso_buf_release(&key);
    if (err != ISO_OK)
        return err;
    err = definition_held(control, definition, why);
    if (err == ISO_NOT_FOUND)
        return iso_fail(
            why, ISO_BAD_DATA, "definition %u of collection %s does not count: %.300s",
            definition->number, definition->collection, iso_control_why(control));
    return err;
}

/* ---- what stands in every log ---- */

static bool defined_held(const struct iso_control *control,
                         const struct iso_definition *definition)
{
    const struct iso_definition *held =
        iso_control_definition_written(control, definition->collection);
    return held != NULL && held->number >= definition->number;
}

enum iso_err iso_control_add_defined(const struct iso_control_place *place,
                                     const struct iso_definition *definition,
                                     struct iso_control *control, struct iso_why *why)
{
    struct claims claims = {.place = place, .control = control, .why = why};
    enum iso_err err = claims_read(&claims);
    if (err != ISO_OK || defined_held(control, definition))
        return err;
    struct iso_buf key = {0};
    iso_control_mark_defined(definition, &key);
    err = claims_add(&claims, iso_buf_bytes(&key), iso_bytes(NULL, 0));
    iso_buf_release(&key);
    if (err != ISO_OK || defined_held(control, definition))
        return err;
    return iso_fail(why, ISO_BAD_DATA,
                    "the mark that definition %u of collection %s stands in every log "
                    "does not count: %.300s",
                    definition->number, definition->collection,
                    iso_control_why(control));
}
