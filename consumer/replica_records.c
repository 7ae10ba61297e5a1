/* Records of fields for readers. What is needed to put them together is made of the
 * newest definition that the handle has met, and made anew when a part is of a schema
 * that only a later one names (as replica_view.c does for whole values). */
#include "consumer/replica_state.h"

#include "base/mem.h"

struct iso_replica_records {
    uint32_t number; /* the definition that all this is of */
    struct iso_schemas *schemas;
    struct iso_avro *reader; /* NULL: the newest of the schemas, … */
    size_t newest;           /* … this one */
    struct iso_assembler *assembler;
};

static void records_free(struct iso_replica_records *records)
{
    if (records == NULL)
        return;
    iso_assembler_free(records->assembler);
    iso_avro_free(records->reader);
    iso_schemas_free(records->schemas);
    iso_free(records);
}

void iso_replica_records_release(struct iso_replica_collection *collection)
{
    records_free(collection->records);
    collection->records = NULL;
}

/* The newest schema that can be used, or the reader's own. */
static enum iso_err reader_choose(const struct iso_replica_collection *collection,
                                  struct iso_replica_records *records,
                                  const struct iso_avro **reader, struct iso_why *why)
{
    if (collection->reader != NULL) {
        enum iso_err err =
            iso_avro_parse(iso_bytes_text(collection->reader), &records->reader, why);
        *reader = records->reader;
        return err;
    }
    for (size_t n = iso_schemas_count(records->schemas); n-- > 0;) {
        *reader = iso_schemas_at(records->schemas, n);
        records->newest = n;
        if (*reader != NULL)
            return ISO_OK;
    }
    return iso_fail(why, ISO_NO_DEFINITION,
                    "collection %s has no schema to read records by: register one, "
                    "`isostasy schema register %s FILE`",
                    collection->name, collection->name);
}

/* Of the newest definition; *later says whether it is another than before. */
static enum iso_err records_renew(struct iso_replica *replica,
                                  struct iso_replica_collection *collection,
                                  bool *later, struct iso_why *why)
{
    const struct iso_definition *newest;
    const struct iso_avro *reader;
    enum iso_err err = iso_replica_definition(replica, collection->name, &newest, why);
    if (err != ISO_OK)
        return err;
    *later =
        collection->records == NULL || collection->records->number != newest->number;
    if (!*later)
        return ISO_OK;
    struct iso_replica_records *records = iso_alloc_zero(1, sizeof *records);
    records->number = newest->number;
    records->schemas = iso_schemas_new(newest);
    err = reader_choose(collection, records, &reader, why);
    if (err == ISO_OK)
        err = iso_assembler_new(records->schemas, reader, &records->assembler, why);
    if (err != ISO_OK) {
        records_free(records);
        return err;
    }
    iso_replica_records_release(collection);
    collection->records = records;
    return ISO_OK;
}

static enum iso_err record_write(struct iso_replica_records *records,
                                 const struct iso_shown *shown, struct iso_buf *value,
                                 struct iso_why *why)
{
    size_t before = value->size;
    if (records->reader == NULL)
        iso_value_begin(records->schemas, records->newest, value);
    enum iso_err err =
        iso_assemble(records->assembler, shown->fields, shown->field_count, value, why);
    if (err != ISO_OK)
        value->size = before;
    return err;
}

enum iso_err iso_replica_record(struct iso_replica *replica,
                                struct iso_replica_collection *collection,
                                const struct iso_shown *shown, struct iso_buf *value,
                                struct iso_why *why)
{
    bool later = false;
    enum iso_err err = ISO_OK;
    if (collection->records == NULL)
        err = records_renew(replica, collection, &later, why);
    if (err == ISO_OK)
        err = record_write(collection->records, shown, value, why);
    if (err != ISO_REFUSED || later)
        return err;
    struct iso_why looking = {0};
    enum iso_err renewed = records_renew(replica, collection, &later, &looking);
    if (renewed == ISO_OK)
        return later ? record_write(collection->records, shown, value, why) : err;
    if (why != NULL)
        *why = looking;
    return renewed;
}
