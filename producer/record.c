/* Writes in a collection of fields. Without a context they travel as they are, blind.
 * With one, a PUT becomes the PATCH between what was read and what is written, so that
 * it replaces, field by field, what its writer saw; a PATCH tells each step what it
 * replaces; a DELETE names all that it takes away. Afterwards the context names this
 * write in the parts that it touched, so that a session goes on with it. */
#include <inttypes.h>

#include "producer/outgoing.h"
#include "schema/patch.h"
#include "schema/seen.h"

/* One write with a context. */
struct record {
    struct iso_producer *producer;
    const struct iso_write_options *options;
    struct iso_seen seen;
    struct iso_patch patch;
    struct iso_buf bytes; /* the patch, encoded */
    struct outgoing out;
};

static void record_release(struct record *record)
{
    iso_seen_release(&record->seen);
    iso_patch_release(&record->patch);
    iso_buf_release(&record->bytes);
}

static struct iso_buf *context_of(const struct iso_write_options *options)
{
    return options != NULL ? options->context : NULL;
}

/* An empty context is that of a writer who was shown nothing. */
static enum iso_err record_begin(struct record *record, struct iso_producer *producer,
                                 const struct iso_write_options *options,
                                 struct iso_why *why)
{
    struct iso_buf *context = context_of(options);
    *record = (struct record){.producer = producer, .options = options};
    record->out.write.blind = context == NULL;
    if (context == NULL || context->size == 0)
        return ISO_OK;
    return iso_seen_decode(iso_buf_bytes(context), &record->seen, why);
}

static enum iso_err record_send(struct record *record, const struct iso_fields *fields,
                                struct iso_why *why)
{
    struct iso_buf *context = context_of(record->options);
    record->out.seen = record->seen.hlc;
    enum iso_err err =
        iso_outgoing_write(record->producer, &record->out, record->options, why);
    if (err != ISO_OK || context == NULL)
        return err;
    bool is_delete = record->out.write.operation == ISO_DELETE;
    iso_seen_advance(&record->seen, fields, is_delete ? NULL : &record->patch,
                     record->out.write.version);
    iso_buf_clear(context);
    iso_seen_encode(&record->seen, context);
    return ISO_OK;
}

/* record->patch as the value of a PATCH. */
static enum iso_err patch_send(struct record *record, size_t schema,
                               struct iso_why *why)
{
    const struct iso_schemas *schemas = record->producer->schemas;
    const struct iso_fields *fields = iso_schemas_fields(schemas, schema);
    memcpy(record->patch.fingerprint, iso_schemas_fingerprint(schemas, schema),
           ISO_FINGERPRINT_SIZE);
    /* A context that a service made up can name what is not there. */
    enum iso_err err = iso_patch_check(&record->patch, fields, why);
    if (err == ISO_OK && record->options != NULL && record->options->has_expiry)
        err = iso_patch_check_expiry(&record->patch, fields, why);
    if (err != ISO_OK)
        return err;
    iso_patch_encode(&record->patch, &record->bytes);
    record->out.write.operation = ISO_PATCH;
    record->out.has_value = true;
    record->out.value = iso_buf_bytes(&record->bytes);
    return record_send(record, fields, why);
}

static enum iso_err put_blind(struct record *record, const struct iso_fields *fields,
                              const struct iso_value *opened, struct iso_bytes value,
                              struct iso_why *why)
{
    bool has_expiry = record->options != NULL && record->options->has_expiry;
    enum iso_err err = iso_fields_check_put(fields, opened->datum, has_expiry, why);
    if (err == ISO_OK)
        err = iso_fields_check_blind(fields, opened->datum, why);
    if (err != ISO_OK)
        return err;
    record->out.write.operation = ISO_PUT;
    record->out.has_value = true;
    record->out.value = value;
    return record_send(record, fields, why);
}

enum iso_err iso_record_put(struct iso_producer *producer, struct iso_bytes key,
                            struct iso_bytes value,
                            const struct iso_write_options *options,
                            struct iso_why *why)
{
    struct record record;
    struct iso_value opened;
    enum iso_err err = record_begin(&record, producer, options, why);
    record.out.key = key;
    if (err == ISO_OK)
        err = iso_value_open(producer->schemas, value, &opened, why);
    if (err == ISO_OK) {
        const struct iso_fields *fields =
            iso_schemas_fields(producer->schemas, opened.schema);
        if (record.out.write.blind) {
            err = put_blind(&record, fields, &opened, value, why);
        } else {
            err = iso_fields_check_put(fields, opened.datum, false, why);
            if (err == ISO_OK)
                err = iso_seen_put(&record.seen, fields, opened.datum, &record.patch,
                                   why);
            if (err == ISO_OK)
                err = patch_send(&record, opened.schema, why);
        }
    }
    record_release(&record);
    return err;
}

enum iso_err iso_record_delete(struct iso_producer *producer, struct iso_bytes key,
                               const struct iso_write_options *options,
                               struct iso_why *why)
{
    struct record record;
    enum iso_err err = record_begin(&record, producer, options, why);
    record.out.key = key;
    record.out.write.operation = ISO_DELETE;
    if (err == ISO_OK && !record.out.write.blind)
        err = iso_seen_delete(&record.seen, &record.patch, why);
    if (err == ISO_OK && !record.out.write.blind) {
        iso_patch_encode(&record.patch, &record.bytes);
        record.out.write.seen = iso_buf_bytes(&record.bytes);
    }
    if (err == ISO_OK)
        err = record_send(&record, NULL, why);
    record_release(&record);
    return err;
}

enum iso_err iso_producer_patch(struct iso_producer *producer, struct iso_bytes key,
                                const struct iso_edit *edit,
                                const struct iso_write_options *options,
                                struct iso_why *why)
{
    const struct iso_patch *patch = iso_edit_patch(edit);
    struct record record;
    size_t schema;
    if (!producer->has_fields)
        return iso_fail(why, ISO_USAGE,
                        "collection %s keeps values whole (resolver %s): put the whole "
                        "value",
                        producer->ground.definition->collection,
                        producer->ground.definition->resolver);
    if (patch->step_count == 0)
        return iso_fail(why, ISO_USAGE, "the patch has no operation: add one");
    if (!iso_schemas_named(producer->schemas, patch->fingerprint, &schema))
        return iso_fail(why, ISO_USAGE,
                        "the patch was made for another collection: make it with the "
                        "schemas of this producer");
    enum iso_err err = record_begin(&record, producer, options, why);
    record.out.key = key;
    if (err == ISO_OK)
        err = iso_seen_fill(&record.seen, patch, &record.patch, why);
    if (err == ISO_OK)
        err = patch_send(&record, schema, why);
    record_release(&record);
    return err;
}
