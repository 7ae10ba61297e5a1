/* Two passes. The first goes through the parts and notes for each of the reader's
 * fields where those begin that it takes; the second goes through the fields and writes
 * them. What a part holds is resolved by one resolution for each schema of the
 * collection, over all pairs of its fields and the reader's; it is made when the first
 * part of that schema comes.
 *
 * How it can fail: a part is of a schema or field that this definition does not know
 * (another may), the reader's type cannot take it, or the record is too large for one
 * datum: parts are admitted one by one, so all of them together, deep inside a map or
 * beside each other, can be over what the walk takes. It has the last word. */
#include "schema/assemble.h"

#include "base/mem.h"
#include "schema/assemble_taker.h"

enum { NOTHING_STEPS = 1 << 18 }; /* for the fields without a default, together */

/* One of the collection's schemas, met with the reader's. */
struct written {
    struct iso_avro_resolution *resolution; /* NULL: not met yet */
    uint32_t *actions; /* by taker; ISO_NONE: it has no such field */
};

struct assembled_field {
    const struct iso_taker *known; /* by which it merges as long as nothing is there */
    bool has_nothing;
    struct iso_avro_run nothing; /* in `nothings` */
    /* Of the record in hand: its parts, and by which name. */
    const struct iso_taker *taker;
    size_t first, count;
};

struct iso_assembler {
    const struct iso_schemas *schemas;
    const struct iso_avro *reader;
    struct iso_takers takers;
    struct assembled_field *fields; /* of the reader's record */
    uint32_t field_count;
    struct written *written; /* by place in the definition */
    size_t recent;           /* schema: the next part is often of the same */
    struct iso_buf nothings; /* what stands where nothing is, without a default */
};

/* A record in hand. */
struct assembling {
    struct iso_assembler *assembler;
    const struct iso_shown_part *parts;
    struct iso_buf *datum;
    size_t base; /* where the record begins in it */
    struct iso_why *why;
    const char *name;              /* of the field in hand … */
    const struct iso_taker *taker; /* … and by which name it takes its parts */
};

/* ---- making ---- */

static const struct iso_avro_edge *edge_at(const struct iso_assembler *assembler,
                                           uint32_t field)
{
    const struct iso_avro *reader = assembler->reader;
    return &reader->edges[reader->nodes[reader->root].first + field];
}

static void nothings_make(struct iso_assembler *assembler)
{
    size_t steps_left = NOTHING_STEPS;
    struct iso_buf *nothings = &assembler->nothings;
    for (uint32_t i = 0; i < assembler->field_count; i++) {
        struct assembled_field *field = &assembler->fields[i];
        const struct iso_avro_edge *edge = edge_at(assembler, i);
        size_t from = nothings->size;
        field->has_nothing =
            !edge->has_fallback &&
            iso_avro_nothing(assembler->reader, edge->node, &steps_left, nothings);
        field->nothing =
            (struct iso_avro_run){(uint32_t)from, (uint32_t)(nothings->size - from)};
    }
}

static void known_find(struct iso_assembler *assembler)
{
    for (size_t i = 0; i < assembler->takers.count; i++) {
        const struct iso_taker *taker = &assembler->takers.takers[i];
        struct assembled_field *field = &assembler->fields[taker->field];
        if (taker->rule != NULL &&
            (field->known == NULL || taker->rank < field->known->rank))
            field->known = taker;
    }
}

enum iso_err iso_assembler_new(const struct iso_schemas *schemas,
                               const struct iso_avro *reader,
                               struct iso_assembler **assembler, struct iso_why *why)
{
    const struct iso_avro_node *record = &reader->nodes[reader->root];
    if (record->kind != ISO_AVRO_RECORD)
        return iso_fail(why, ISO_INCOMPATIBLE,
                        "the reader's schema is no record at its top, and the "
                        "collection keeps records, field by field: read with a record "
                        "of the fields that are wanted");
    struct iso_assembler *made = iso_alloc_zero(1, sizeof *made);
    made->schemas = schemas;
    made->reader = reader;
    made->field_count = record->count;
    made->fields = iso_alloc_zero(record->count + 1, sizeof *made->fields);
    made->written =
        iso_alloc_zero(iso_schemas_count(schemas) + 1, sizeof *made->written);
    iso_takers_init(&made->takers, schemas, reader);
    nothings_make(made);
    known_find(made);
    *assembler = made;
    return ISO_OK;
}

void iso_assembler_free(struct iso_assembler *assembler)
{
    if (assembler == NULL)
        return;
    for (size_t n = 0; n < iso_schemas_count(assembler->schemas); n++) {
        iso_avro_resolution_free(assembler->written[n].resolution);
        iso_free(assembler->written[n].actions);
    }
    iso_free(assembler->written);
    iso_free(assembler->fields);
    iso_takers_release(&assembler->takers);
    iso_buf_release(&assembler->nothings);
    iso_free(assembler);
}

/* ---- the collection's schemas ---- */

static void written_make(struct iso_assembler *assembler, size_t n)
{
    const struct iso_fields *fields = iso_schemas_fields(assembler->schemas, n);
    const struct iso_takers *takers = &assembler->takers;
    struct written *written = &assembler->written[n];
    struct iso_avro_pair *pairs = iso_alloc_zero(takers->count + 1, sizeof *pairs);
    size_t count = 0;
    written->actions = iso_alloc_zero(takers->count + 1, sizeof *written->actions);
    for (size_t i = 0; i < takers->count; i++) {
        const struct iso_taker *taker = &takers->takers[i];
        const struct iso_field *field = iso_fields_find(fields, taker->name);
        written->actions[i] = ISO_NONE;
        if (field == NULL || !iso_rule_is_written(field->rule) ||
            taker->shape.node == ISO_NONE)
            continue;
        written->actions[i] = (uint32_t)count;
        pairs[count++] =
            (struct iso_avro_pair){field->part, taker->shape.node, ISO_NONE};
    }
    written->resolution =
        iso_avro_pairs_new(iso_fields_schema(fields), assembler->reader, pairs, count);
    for (size_t i = 0; i < takers->count; i++)
        if (written->actions[i] != ISO_NONE)
            written->actions[i] = pairs[written->actions[i]].action;
    iso_free(pairs);
}

/* NULL: the definition does not name that schema, or it cannot be used. */
static const struct written *written_find(struct iso_assembler *assembler,
                                          const uint8_t *fingerprint)
{
    const struct iso_schemas *schemas = assembler->schemas;
    size_t n = assembler->recent;
    if (assembler->written[n].resolution == NULL ||
        memcmp(iso_schemas_fingerprint(schemas, n), fingerprint,
               ISO_FINGERPRINT_SIZE) != 0) {
        if (!iso_schemas_named(schemas, fingerprint, &n) ||
            iso_schemas_fields(schemas, n) == NULL)
            return NULL;
        assembler->recent = n;
    }
    if (assembler->written[n].resolution == NULL)
        written_make(assembler, n);
    return &assembler->written[n];
}

static enum iso_err damaged(const struct assembling *record)
{
    return iso_assemble_damaged(record->name, record->taker->rule, record->why);
}

/* ---- one value: of a field, or of a member ---- */

static enum iso_err read_part(struct assembling *record,
                              const struct iso_avro_resolution *resolution,
                              uint32_t action, const struct iso_path *path,
                              struct iso_bytes datum)
{
    struct iso_avro_part part = {.resolution = resolution,
                                 .action = action,
                                 .datum = datum,
                                 .field = record->name,
                                 .path = path,
                                 .base = record->base};
    return iso_avro_read_part(&part, record->datum, record->why);
}

static bool is_refused(const struct assembling *record, unsigned n)
{
    const struct iso_avro_resolution *own = record->assembler->takers.resolution;
    return own->actions[record->taker->actions[n]].kind == ISO_ACTION_REFUSE;
}

/* What a part holds without a schema. */
static enum iso_err own_add(struct assembling *record, unsigned n,
                            const struct iso_path *path, struct iso_bytes datum)
{
    return read_part(record, record->assembler->takers.resolution,
                     record->taker->actions[n], path, datum);
}

static enum iso_err number_add(struct assembling *record, const struct iso_path *path,
                               int64_t number)
{
    uint8_t datum[ISO_AVRO_LONG_MAX];
    size_t size = (size_t)(iso_avro_put_long(datum, number) - datum);
    bool is_int = number >= INT32_MIN && number <= INT32_MAX;
    if (!is_int && is_refused(record, 1) && !is_refused(record, 0))
        return iso_assemble_out_of_range(record->name, path, number, record->why);
    return own_add(record, is_int ? 0 : 1, path, iso_bytes(datum, size));
}

static enum iso_err element_add(struct assembling *record, const struct iso_path *path)
{
    uint32_t kind = record->taker->rule->part;
    if (kind != ISO_AVRO_INT && kind != ISO_AVRO_LONG)
        return own_add(record, 0, path, path->element);
    struct iso_avro_cursor cursor = iso_avro_read(path->element);
    int64_t number = iso_avro_long(&cursor);
    return iso_avro_done(&cursor) ? number_add(record, path, number) : damaged(record);
}

static enum iso_err set_add(struct assembling *record, size_t first, size_t count)
{
    const struct iso_shape *shape = &record->taker->shape;
    enum iso_err err = ISO_OK;
    if (shape->set_branch != ISO_NONE)
        iso_avro_add_long(record->datum, shape->set_branch);
    if (count > 0)
        iso_avro_add_long(record->datum, (int64_t)count);
    for (size_t i = first; i < first + count && err == ISO_OK; i++)
        err = element_add(record, &record->parts[i].path);
    iso_avro_add_long(record->datum, 0);
    return err;
}

static enum iso_err written_add(struct assembling *record,
                                const struct iso_shown_part *part)
{
    struct iso_assembler *assembler = record->assembler;
    const struct written *written = written_find(assembler, part->fingerprint);
    if (written == NULL)
        return iso_assemble_unnamed(part, record->why);
    uint32_t action = written->actions[record->taker - assembler->takers.takers];
    if (action == ISO_NONE)
        return damaged(record);
    return read_part(record, written->resolution, action, &part->path, part->datum);
}

/* `count` is 0 only for what can be empty. */
static enum iso_err value_add(struct assembling *record, size_t first, size_t count)
{
    static const struct iso_path nowhere;
    const struct iso_shown_part *part = count > 0 ? &record->parts[first] : NULL;
    const struct iso_path *path = part != NULL ? &part->path : &nowhere;
    uint8_t flag = part != NULL;
    switch (record->taker->rule->rule) {
    case ISO_RULE_SET:
        return set_add(record, first, count);
    case ISO_RULE_COUNTER:
        return number_add(record, path, part != NULL ? part->number : 0);
    case ISO_RULE_FLAG:
        return own_add(record, 0, path, iso_bytes(&flag, 1));
    case ISO_RULE_LWW:
    case ISO_RULE_MAX:
    case ISO_RULE_MIN:
    case ISO_RULES:
        break;
    }
    iso_assert(part != NULL);
    return written_add(record, part);
}

/* ---- maps ---- */

/* How many parts from `at` on are of one member. */
static size_t member_size(const struct assembling *record, size_t at, size_t end)
{
    size_t next = at + 1;
    while (next < end && iso_bytes_equal(record->parts[next].path.member,
                                         record->parts[at].path.member))
        next++;
    return next - at;
}

static enum iso_err map_add(struct assembling *record, size_t first, size_t count)
{
    struct iso_buf *datum = record->datum;
    size_t end = first + count, members = 0;
    enum iso_err err = ISO_OK;
    if (record->taker->shape.map_branch != ISO_NONE)
        iso_avro_add_long(datum, record->taker->shape.map_branch);
    for (size_t at = first; at < end; at += member_size(record, at, end))
        members++;
    if (members > 0)
        iso_avro_add_long(datum, (int64_t)members);
    for (size_t at = first; at < end && err == ISO_OK;) {
        size_t size = member_size(record, at, end);
        iso_avro_add_bytes(datum, record->parts[at].path.member);
        err = value_add(record, at, size);
        at += size;
    }
    iso_avro_add_long(datum, 0);
    return err;
}

/* ---- fields ---- */

static bool parts_fit(const struct assembling *record,
                      const struct assembled_field *field)
{
    const struct iso_field *rule = field->taker->rule;
    for (size_t i = field->first; i < field->first + field->count; i++) {
        const struct iso_shown_part *part = &record->parts[i];
        if (part->rule != rule->rule || part->path.has_member != rule->is_map ||
            part->path.has_element != (rule->rule == ISO_RULE_SET) ||
            (iso_rule_is_written(rule->rule) && part->fingerprint == NULL))
            return false;
    }
    bool many = rule->is_map || rule->rule == ISO_RULE_SET;
    return many || field->count == 1;
}

/* Is what it has no part of empty, rather than its default? */
static bool is_empty(const struct assembling *record)
{
    const struct iso_taker *taker = record->taker;
    if (taker == NULL || taker->shape.node == ISO_NONE)
        return false;
    if (taker->rule->is_map || taker->rule->rule == ISO_RULE_SET)
        return true;
    return !iso_rule_is_written(taker->rule->rule) && !is_refused(record, 0);
}

static enum iso_err missing_add(struct assembling *record, uint32_t number)
{
    const struct iso_assembler *assembler = record->assembler;
    const struct assembled_field *field = &assembler->fields[number];
    const struct iso_avro_edge *edge = edge_at(assembler, number);
    if (edge->has_fallback) {
        iso_buf_add_bytes(record->datum, iso_avro_fallback(assembler->reader, edge));
        return ISO_OK;
    }
    if (!field->has_nothing)
        return iso_fail(record->why, ISO_INCOMPATIBLE,
                        "the record lacks the reader's field %.100s, whose type has no "
                        "short datum that says nothing: give the field a default",
                        record->name);
    if (field->nothing.count > 0)
        iso_buf_add(record->datum, assembler->nothings.data + field->nothing.first,
                    field->nothing.count);
    return ISO_OK;
}

static enum iso_err field_add(struct assembling *record, uint32_t number)
{
    const struct assembled_field *field = &record->assembler->fields[number];
    bool is_there = field->count > 0;
    record->taker = is_there ? field->taker : field->known;
    record->name = iso_avro_name(record->assembler->reader,
                                 edge_at(record->assembler, number)->name);
    if (!is_there && !is_empty(record))
        return missing_add(record, number);
    if (is_there && record->taker->rule == NULL)
        return iso_assemble_unnamed(&record->parts[field->first], record->why);
    if (is_there && !parts_fit(record, field))
        return damaged(record);
    if (record->taker->shape.node == ISO_NONE)
        return iso_assemble_misshapen(record->name, record->taker->rule, record->why);
    return record->taker->rule->is_map ? map_add(record, field->first, field->count)
                                       : value_add(record, field->first, field->count);
}

/* ---- the record ---- */

/* Where the parts of each field begin. Of a field's names the first that has any. */
static enum iso_err parts_find(const struct assembling *record, size_t count)
{
    struct iso_assembler *assembler = record->assembler;
    for (uint32_t i = 0; i < assembler->field_count; i++)
        assembler->fields[i].first = assembler->fields[i].count = 0;
    for (size_t at = 0, next; at < count; at = next) {
        struct iso_bytes name = record->parts[at].path.field;
        for (next = at + 1; next < count; next++)
            if (!iso_bytes_equal(record->parts[next].path.field, name))
                break;
        const struct iso_taker *taker = iso_takers_find(&assembler->takers, name);
        if (taker == NULL && iso_schemas_field(assembler->schemas, name) == NULL)
            return iso_assemble_unnamed(&record->parts[at], record->why);
        if (taker == NULL)
            continue;
        struct assembled_field *field = &assembler->fields[taker->field];
        if (field->count > 0 && field->taker->rank < taker->rank)
            continue;
        field->taker = taker;
        field->first = at;
        field->count = next - at;
    }
    return ISO_OK;
}

static enum iso_err record_check(const struct assembling *record)
{
    struct iso_why reason;
    struct iso_bytes datum = iso_buf_bytes(record->datum);
    if (record->base > 0)
        datum = iso_bytes(datum.data + record->base, datum.size - record->base);
    if (iso_avro_check(record->assembler->reader, datum, &reason) == ISO_OK)
        return ISO_OK;
    return iso_fail(record->why, ISO_TOO_LARGE,
                    "as the reader's schema sees it, the record is over a limit: "
                    "%.400s",
                    reason.text);
}

enum iso_err iso_assemble(struct iso_assembler *assembler,
                          const struct iso_shown_part *parts, size_t count,
                          struct iso_buf *datum, struct iso_why *why)
{
    struct assembling record = {.assembler = assembler,
                                .parts = parts,
                                .datum = datum,
                                .base = datum->size,
                                .why = why};
    enum iso_err err = parts_find(&record, count);
    for (uint32_t i = 0; i < assembler->field_count && err == ISO_OK; i++) {
        err = field_add(&record, i);
        if (err == ISO_OK && datum->size - record.base > ISO_AVRO_READ_MAX)
            err = iso_assemble_too_large(record.name, why);
    }
    if (err == ISO_OK)
        err = record_check(&record);
    if (err != ISO_OK)
        datum->size = record.base;
    return err;
}
