/* Why a reader cannot take a datum, or all data, of a writer: the place, the reason and
 * the remedy, in words for who owns the reader's schema. */
#include <stdio.h>

#include "schema/avro_action.h"

/* What does not fit any more is left out: the end of a place says the most. */
static void trail_before(struct iso_avro_trail *trail, const char *name,
                         const char *dot)
{
    size_t size = strlen(name), more = size + strlen(dot), held = strlen(trail->text);
    if (held + more >= sizeof trail->text)
        return;
    memmove(trail->text + more, trail->text, held + 1);
    memcpy(trail->text, name, size);
    memcpy(trail->text + size, dot, more - size);
}

void iso_avro_trail_field(struct iso_avro_trail *trail, const char *name)
{
    char next = trail->text[0];
    trail_before(trail, name, next == '\0' || next == '[' ? "" : ".");
}

void iso_avro_trail_item(struct iso_avro_trail *trail, const char *bracket)
{
    char next = trail->text[0];
    trail_before(trail, bracket, next == '\0' || next == '[' ? "" : ".");
}

static const char *type_name(const struct iso_avro *schema, uint32_t node)
{
    return schema->nodes[node].kind == ISO_AVRO_UNION
               ? "a union"
               : iso_avro_branch_name(schema, node);
}

void iso_avro_trail_begin(struct iso_avro_trail *trail,
                          const struct iso_avro_resolution *resolution,
                          const struct iso_avro_action *action)
{
    trail->text[0] = '\0';
    if (action->kind != ISO_ACTION_REFUSE || action->refusal != ISO_REFUSAL_FIELD)
        return;
    const struct iso_avro *reader = resolution->reader;
    iso_avro_trail_field(trail,
                         iso_avro_name(reader, reader->edges[action->field].name));
}

enum { REASON_ROOM = 400 };

/* The types as a whole: reason and remedy. */
static void types_say(const struct iso_avro_resolution *resolution,
                      const struct iso_avro_action *action,
                      enum iso_avro_refusal refusal, char text[REASON_ROOM])
{
    const char *from = type_name(resolution->writer, action->writer);
    const char *to = type_name(resolution->reader, action->reader);
    unsigned wrote = resolution->writer->nodes[action->writer].count;
    unsigned want = resolution->reader->nodes[action->reader].count;
    if (refusal == ISO_REFUSAL_NAME)
        snprintf(text, REASON_ROOM,
                 "it expects the type %.80s, and %.80s was written: give the type "
                 "%.40s the alias \"%.80s\"",
                 to, from, to, from);
    else if (refusal == ISO_REFUSAL_SIZE)
        snprintf(text, REASON_ROOM,
                 "it expects %u bytes in the fixed %.100s, and %u were written: keep "
                 "the size, or make a new field with a default",
                 want, to, wrote);
    else if (refusal == ISO_REFUSAL_BRANCH)
        snprintf(text, REASON_ROOM,
                 "its union has no branch for %.90s, which was written: add the branch "
                 "%.90s to the union",
                 from, from);
    else
        snprintf(text, REASON_ROOM,
                 "it expects %.90s, and %.90s was written: keep the type, widen it, or "
                 "make it a union of both",
                 to, from);
}

/* A part of them. `symbol` is the writer's. */
static void parts_say(const struct iso_avro_resolution *resolution,
                      const struct iso_avro_action *action,
                      enum iso_avro_refusal refusal, uint32_t symbol,
                      char text[REASON_ROOM])
{
    const struct iso_avro *writer = resolution->writer, *reader = resolution->reader;
    const char *to = type_name(reader, action->reader);
    if (refusal == ISO_REFUSAL_FIELD) {
        const char *name = iso_avro_name(reader, reader->edges[action->field].name);
        snprintf(text, REASON_ROOM,
                 "its record %.90s has the field %.80s, which was not written: give "
                 "the field %.80s a default, or an alias if it was renamed",
                 to, name, name);
    } else if (refusal == ISO_REFUSAL_SYMBOL) {
        uint32_t edge = writer->nodes[action->writer].first + symbol;
        snprintf(text, REASON_ROOM,
                 "its enum %.90s lacks the symbol %.80s: keep the symbol, or give the "
                 "enum a default",
                 to, iso_avro_name(writer, writer->edges[edge].name));
    } else if (refusal == ISO_REFUSAL_TEXT) {
        snprintf(text, REASON_ROOM,
                 "it expects a string, and bytes were written that are not UTF-8: read "
                 "them as bytes");
    } else {
        snprintf(text, REASON_ROOM,
                 "too many of its types meet too many of the writer's to compare them "
                 "all: make its unions smaller, or its types fewer");
    }
}

enum iso_err iso_avro_refuse(const struct iso_avro_resolution *resolution,
                             const struct iso_avro_action *action,
                             enum iso_avro_refusal refusal, uint32_t symbol,
                             const struct iso_avro_trail *trail, struct iso_why *why)
{
    char reason[REASON_ROOM];
    if (refusal <= ISO_REFUSAL_BRANCH)
        types_say(resolution, action, refusal, reason);
    else
        parts_say(resolution, action, refusal, symbol, reason);
    bool top = trail->text[0] == '\0';
    return iso_fail(why,
                    refusal == ISO_REFUSAL_BOUNDS ? ISO_TOO_LARGE : ISO_INCOMPATIBLE,
                    "the reader's schema cannot take %s%s: %s",
                    top ? "the datum" : "the field ", trail->text, reason);
}

/* ---- everything that a writer can write ---- */

/* The way from the top of the schemas to the action. */
static void trail_of(const struct iso_avro_resolution *resolution, uint32_t number,
                     struct iso_avro_trail *trail)
{
    const struct iso_avro *reader = resolution->reader;
    const struct iso_avro_action *action = &resolution->actions[number];
    iso_avro_trail_begin(trail, resolution, action);
    while (number != 0) {
        action = &resolution->actions[number];
        number = action->parent;
        if (action->way != ISO_NONE)
            iso_avro_trail_field(
                trail, iso_avro_name(reader, reader->edges[action->way].name));
        else if (resolution->actions[number].kind == ISO_ACTION_ITEMS)
            iso_avro_trail_item(trail, "[]");
    }
}

/* The first of the writer's symbols that the reader cannot take, or ISO_NONE. */
static uint32_t symbol_lacking(const struct iso_avro_resolution *resolution,
                               const struct iso_avro_action *action)
{
    for (uint32_t i = 0; i < action->count; i++)
        if (resolution->steps[action->first + i].number == ISO_NONE)
            return i;
    return ISO_NONE;
}

enum iso_err iso_avro_can_read(const struct iso_avro *reader,
                               const struct iso_avro *writer, struct iso_why *why)
{
    struct iso_avro_resolution *resolution = iso_avro_resolution_new(writer, reader);
    enum iso_err err = ISO_OK;
    /* Each stands there because it can be met, those nearest to the top first. */
    for (uint32_t i = 0; i < resolution->action_count && err == ISO_OK; i++) {
        const struct iso_avro_action *action = &resolution->actions[i];
        enum iso_avro_refusal refusal = action->refusal;
        uint32_t symbol = ISO_NONE;
        if (action->kind == ISO_ACTION_SYMBOL) {
            symbol = symbol_lacking(resolution, action);
            refusal = ISO_REFUSAL_SYMBOL;
        }
        if (action->kind != ISO_ACTION_REFUSE && symbol == ISO_NONE)
            continue;
        struct iso_avro_trail trail;
        trail_of(resolution, i, &trail);
        err = iso_avro_refuse(resolution, action, refusal, symbol, &trail, why);
    }
    iso_avro_resolution_free(resolution);
    return err;
}
