/* Does what a resolution says, bytes to bytes: no tree is built. The datum has passed
 * the walk, so no read can fail, it is nested at most ISO_AVRO_DEPTH_MAX deep (which
 * bounds the recursion here), and the steps that it takes are the walk's. What the
 * reader adds is bounded by the length of the answer: a default of no bytes is no step.
 *
 * Fields in another order are written in the writer's, and their pieces then put into
 * the reader's. Where the place of a failure is asked for, each level says its part of
 * it on the way out. */
#include <stdio.h>

#include "base/utf8.h"
#include "schema/avro_action.h"

/* One field of a record that is turned, as it stands in `out`. */
struct piece {
    size_t at, size;
};

struct reading {
    const struct iso_avro_resolution *resolution;
    struct iso_avro_cursor cursor;
    struct iso_buf *out;
    size_t base;           /* where the answer begins in `out` */
    struct iso_buf pieces; /* of all records that are being turned, the outer first */
    struct iso_buf turned; /* one record in the reader's order */
    const struct iso_avro_action *refused; /* what could not be done … */
    enum iso_avro_refusal refusal;
    uint32_t symbol;
    struct iso_avro_trail trail; /* … and where */
};

static enum iso_err run(struct reading *reading, uint32_t number);

/* ---- what has no parts ---- */

static void add_float(struct iso_buf *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (unsigned i = 0; i < sizeof bits; i++)
        iso_buf_add_u8(out, (uint8_t)(bits >> 8 * i));
}

static void add_double(struct iso_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (unsigned i = 0; i < sizeof bits; i++)
        iso_buf_add_u8(out, (uint8_t)(bits >> 8 * i));
}

static void run_copy(struct reading *reading, const struct iso_avro_action *action)
{
    const uint8_t *from = reading->cursor.at;
    iso_avro_skip(&reading->cursor, reading->resolution->writer, action->writer);
    iso_buf_add(reading->out, from, (size_t)(reading->cursor.at - from));
}

static void run_widen(struct reading *reading)
{
    const uint8_t *at = iso_avro_fixed(&reading->cursor, sizeof(float));
    uint32_t bits = 0;
    for (unsigned i = 0; i < sizeof bits; i++)
        bits |= (uint32_t)at[i] << 8 * i;
    float value;
    memcpy(&value, &bits, sizeof value);
    add_double(reading->out, (double)value);
}

static enum iso_err run_refuse(struct reading *reading,
                               const struct iso_avro_action *action,
                               enum iso_avro_refusal refusal, uint32_t symbol)
{
    reading->refused = action;
    reading->refusal = refusal;
    reading->symbol = symbol;
    iso_avro_trail_begin(&reading->trail, reading->resolution, action);
    return refusal == ISO_REFUSAL_BOUNDS ? ISO_TOO_LARGE : ISO_INCOMPATIBLE;
}

static enum iso_err run_text(struct reading *reading,
                             const struct iso_avro_action *action)
{
    struct iso_bytes text = iso_avro_bytes(&reading->cursor);
    if (!iso_utf8_valid(text))
        return run_refuse(reading, action, ISO_REFUSAL_TEXT, ISO_NONE);
    iso_avro_add_bytes(reading->out, text);
    return ISO_OK;
}

static enum iso_err run_symbol(struct reading *reading,
                               const struct iso_avro_action *action)
{
    int symbol = iso_avro_branch(&reading->cursor, (int)action->count);
    const struct iso_avro_step *step =
        &reading->resolution->steps[action->first + (uint32_t)symbol];
    if (step->number == ISO_NONE)
        return run_refuse(reading, action, ISO_REFUSAL_SYMBOL, (uint32_t)symbol);
    iso_avro_add_long(reading->out, step->number);
    return ISO_OK;
}

/* ---- what has parts ---- */

static enum iso_err run_items(struct reading *reading,
                              const struct iso_avro_action *action)
{
    const struct iso_avro_resolution *resolution = reading->resolution;
    bool map = resolution->writer->nodes[action->writer].kind == ISO_AVRO_MAP;
    uint32_t item = resolution->steps[action->first].number;
    size_t left, number = 0;
    while ((left = iso_avro_block(&reading->cursor, ISO_AVRO_ITEMS_MAX)) > 0) {
        iso_avro_add_long(reading->out, (int64_t)left);
        for (; left > 0; left--, number++) {
            if (map)
                iso_avro_add_bytes(reading->out, iso_avro_bytes(&reading->cursor));
            enum iso_err err = run(reading, item);
            if (err == ISO_OK)
                continue;
            char bracket[24];
            snprintf(bracket, sizeof bracket, "[%zu]", number);
            iso_avro_trail_item(&reading->trail, bracket);
            return err;
        }
    }
    iso_avro_add_long(reading->out, 0);
    return ISO_OK;
}

static enum iso_err run_field(struct reading *reading, const struct iso_avro_step *step)
{
    enum iso_err err = run(reading, step->number);
    if (err == ISO_OK)
        return ISO_OK;
    const struct iso_avro *reader = reading->resolution->reader;
    iso_avro_trail_field(&reading->trail,
                         iso_avro_name(reader, reader->edges[step->more].name));
    return err;
}

static void add_fallback(struct reading *reading, const struct iso_avro_step *step,
                         struct iso_buf *to)
{
    const uint8_t *fallbacks = reading->resolution->reader->fallbacks.data;
    iso_buf_add(to, fallbacks + step->number, step->more);
}

static enum iso_err run_fields(struct reading *reading,
                               const struct iso_avro_action *action)
{
    const struct iso_avro_resolution *resolution = reading->resolution;
    for (uint32_t i = 0; i < action->count; i++) {
        const struct iso_avro_step *step = &resolution->steps[action->first + i];
        enum iso_err err = ISO_OK;
        if (step->kind == ISO_STEP_READ)
            err = run_field(reading, step);
        else if (step->kind == ISO_STEP_SKIP)
            iso_avro_skip(&reading->cursor, resolution->writer, step->number);
        else
            add_fallback(reading, step, reading->out);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

/* The pieces of the innermost record, from `mark` on, in the reader's order. */
static void pieces_turn(struct reading *reading, const struct iso_avro_action *action,
                        size_t mark)
{
    struct iso_buf *turned = &reading->turned;
    iso_buf_clear(turned);
    for (uint32_t i = 0; i < action->turned; i++) {
        const struct iso_avro_step *step =
            &reading->resolution->steps[action->first + action->count + i];
        if (step->kind == ISO_STEP_FALLBACK) {
            add_fallback(reading, step, turned);
            continue;
        }
        struct piece piece;
        memcpy(&piece, reading->pieces.data + mark + step->number * sizeof piece,
               sizeof piece);
        iso_buf_add(turned, reading->out->data + piece.at, piece.size);
    }
}

static enum iso_err run_turn(struct reading *reading,
                             const struct iso_avro_action *action)
{
    const struct iso_avro_resolution *resolution = reading->resolution;
    size_t start = reading->out->size, mark = reading->pieces.size;
    for (uint32_t i = 0; i < action->count; i++) {
        const struct iso_avro_step *step = &resolution->steps[action->first + i];
        if (step->kind == ISO_STEP_SKIP) {
            iso_avro_skip(&reading->cursor, resolution->writer, step->number);
            continue;
        }
        struct piece piece = {.at = reading->out->size};
        enum iso_err err = run_field(reading, step);
        if (err != ISO_OK)
            return err;
        piece.size = reading->out->size - piece.at;
        iso_buf_add(&reading->pieces, &piece, sizeof piece);
    }
    pieces_turn(reading, action, mark);
    reading->pieces.size = mark;
    reading->out->size = start;
    iso_buf_add_bytes(reading->out, iso_buf_bytes(&reading->turned));
    return ISO_OK;
}

static enum iso_err run_wrote(struct reading *reading,
                              const struct iso_avro_action *action)
{
    int branch = iso_avro_branch(&reading->cursor, (int)action->count);
    return run(reading,
               reading->resolution->steps[action->first + (uint32_t)branch].number);
}

static enum iso_err run_chose(struct reading *reading,
                              const struct iso_avro_action *action)
{
    iso_avro_add_long(reading->out, action->branch);
    return run(reading, reading->resolution->steps[action->first].number);
}

static enum iso_err run_kind(struct reading *reading,
                             const struct iso_avro_action *action)
{
    switch (action->kind) {
    case ISO_ACTION_COPY:
        run_copy(reading, action);
        return ISO_OK;
    case ISO_ACTION_TEXT:
        return run_text(reading, action);
    case ISO_ACTION_FLOAT:
        add_float(reading->out, (float)iso_avro_long(&reading->cursor));
        return ISO_OK;
    case ISO_ACTION_DOUBLE:
        add_double(reading->out, (double)iso_avro_long(&reading->cursor));
        return ISO_OK;
    case ISO_ACTION_WIDEN:
        run_widen(reading);
        return ISO_OK;
    case ISO_ACTION_SYMBOL:
        return run_symbol(reading, action);
    case ISO_ACTION_ITEMS:
        return run_items(reading, action);
    case ISO_ACTION_FIELDS:
        return run_fields(reading, action);
    case ISO_ACTION_TURN:
        return run_turn(reading, action);
    case ISO_ACTION_WROTE:
        return run_wrote(reading, action);
    case ISO_ACTION_CHOSE:
        return run_chose(reading, action);
    case ISO_ACTION_REFUSE:
        break;
    }
    return run_refuse(reading, action, action->refusal, ISO_NONE);
}

static enum iso_err run(struct reading *reading, uint32_t number)
{
    enum iso_err err = run_kind(reading, &reading->resolution->actions[number]);
    bool large = reading->out->size - reading->base > ISO_AVRO_READ_MAX;
    return err == ISO_OK && large ? ISO_TOO_LARGE : err;
}

static enum iso_err fail(const struct reading *reading, enum iso_err err,
                         struct iso_why *why)
{
    if (reading->refused != NULL)
        return iso_avro_refuse(reading->resolution, reading->refused, reading->refusal,
                               reading->symbol, &reading->trail, why);
    return iso_fail(why, err,
                    "as the reader's schema sees it, the datum is longer than %d bytes "
                    "by its defaults, at the field %s: give its fields shorter ones",
                    (int)ISO_AVRO_READ_MAX, reading->trail.text);
}

/* Defaults that are nested deep or have many items can break the walk's limits. */
static enum iso_err answer_check(const struct reading *reading, struct iso_why *why)
{
    const struct iso_avro_resolution *resolution = reading->resolution;
    const struct iso_buf *out = reading->out;
    if (!resolution->nests)
        return ISO_OK;
    struct iso_why reason;
    struct iso_bytes answer =
        iso_bytes(out->data + reading->base, out->size - reading->base);
    if (iso_avro_check(resolution->reader, answer, &reason) == ISO_OK)
        return ISO_OK;
    return iso_fail(why, ISO_TOO_LARGE,
                    "the defaults of the reader's schema take the datum over a limit: "
                    "%.400s",
                    reason.text);
}

enum iso_err iso_avro_read_as(const struct iso_avro_resolution *resolution,
                              struct iso_bytes datum, struct iso_buf *out,
                              struct iso_why *why)
{
    enum iso_err err = iso_avro_check(resolution->writer, datum, why);
    if (err != ISO_OK)
        return err;
    struct reading reading = {.resolution = resolution,
                              .cursor = iso_avro_read(datum),
                              .out = out,
                              .base = out->size};
    err = run(&reading, 0);
    iso_buf_release(&reading.pieces);
    iso_buf_release(&reading.turned);
    if (err != ISO_OK) {
        err = fail(&reading, err, why);
    } else {
        iso_assert(iso_avro_done(&reading.cursor));
        err = answer_check(&reading, why);
    }
    if (err != ISO_OK)
        out->size = reading.base;
    return err;
}

/* ---- parts ---- */

static void trail_part(struct iso_avro_trail *trail, const struct iso_avro_part *part)
{
    const struct iso_path member = {.has_member = part->path->has_member,
                                    .member = part->path->member};
    struct iso_buf text = {0};
    iso_path_text(&member, &text);
    if (part->path->has_element)
        iso_avro_trail_item(trail, "[]");
    if (text.size > 0)
        iso_avro_trail_item(trail, iso_buf_text(&text));
    iso_avro_trail_field(trail, part->field);
    iso_buf_release(&text);
}

static enum iso_err part_fail(struct reading *reading, const struct iso_avro_part *part,
                              struct iso_why *why)
{
    trail_part(&reading->trail, part);
    if (reading->refused != NULL)
        return iso_avro_refuse(reading->resolution, reading->refused, reading->refusal,
                               reading->symbol, &reading->trail, why);
    return iso_fail(why, ISO_TOO_LARGE,
                    "as the reader's schema sees it, the record is longer than %d "
                    "bytes, at the field %s: keep less in one record, or give its "
                    "fields shorter defaults",
                    (int)ISO_AVRO_READ_MAX, reading->trail.text);
}

enum iso_err iso_avro_read_part(const struct iso_avro_part *part, struct iso_buf *out,
                                struct iso_why *why)
{
    const struct iso_avro_resolution *resolution = part->resolution;
    const struct iso_avro_action *action = &resolution->actions[part->action];
    size_t before = out->size;
    enum iso_err err = ISO_OK;
    if (action->kind != ISO_ACTION_REFUSE) /* that of the bounds is of other types */
        err = iso_avro_node_check(resolution->writer, action->writer, part->datum, why);
    if (err != ISO_OK)
        return err;
    struct reading reading = {.resolution = resolution,
                              .cursor = iso_avro_read(part->datum),
                              .out = out,
                              .base = part->base};
    err = run(&reading, part->action);
    iso_buf_release(&reading.pieces);
    iso_buf_release(&reading.turned);
    if (err == ISO_OK)
        return ISO_OK;
    out->size = before;
    return part_fail(&reading, part, why);
}
