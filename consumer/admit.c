/* One line of questions, cheapest first where the order does not matter to the answer:
 * how many headers, does it decode, is it of this log and partition, may its region
 * write here, has it the form of its operation, is its time within the bounds. The
 * first that fails writes the sentence of the dead letter. Nothing else can fail here.
 */
#include "consumer/admit.h"

#include <inttypes.h>

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#define ISO_PLANTED_NOW_MS 0
#endif

#define MS_MAX \
    ((INT64_C(1) << 46) - 1) /* beyond the year 4199 a clock is not believed */

void iso_admitted_release(struct iso_admitted *admitted)
{
    iso_patch_release(&admitted->patch);
    iso_buf_release(&admitted->names);
    *admitted = (struct iso_admitted){0};
}

int64_t iso_admit_append_ms(const struct iso_record *record)
{
    if (record->append_ms < 0)
        return 0;
    return record->append_ms < MS_MAX ? record->append_ms : MS_MAX;
}

static enum iso_err no_definition(const struct iso_admit *admit, struct iso_why *why)
{
    return iso_fail(
        why, ISO_REFUSED,
        "log %u has no DEFINE yet in partition %u, and nothing counts before: "
        "write again after `isostasy collection create` has finished",
        admit->log->log, admit->partition);
}

/* ---- the forms of the operations ---- */

static enum iso_err check_key(const struct iso_admit *admit,
                              const struct iso_record *record, struct iso_why *why)
{
    const struct iso_definition *definition = admit->definition;
    if (!record->has_key || record->key.size == 0)
        return iso_fail(why, ISO_REFUSED,
                        "the record has no key: give it one of 1 to %u bytes",
                        definition->limits.key_max);
    if (record->key.size > definition->limits.key_max)
        return iso_fail(why, ISO_TOO_LARGE,
                        "the key has %zu bytes, more than %u: shorten it",
                        record->key.size, definition->limits.key_max);
    uint32_t right = iso_partition_of(record->key, definition->partitions);
    if (right != admit->partition)
        return iso_fail(why, ISO_PARTITION,
                        "the key belongs into partition %u, the record is in %u: set "
                        "partitioner=murmur2_random in the client that wrote it",
                        right, admit->partition);
    return ISO_OK;
}

static enum iso_err check_size(const struct iso_admit *admit,
                               const struct iso_record *record, struct iso_why *why)
{
    uint32_t most = admit->definition->limits.value_max;
    if (!record->has_value)
        return iso_fail(why, ISO_REFUSED,
                        "a put without a value: give it one, or write a delete");
    if (record->value.size > most)
        return iso_fail(why, ISO_TOO_LARGE,
                        "the value has %zu bytes, more than the %u that the collection "
                        "allows: keep large values elsewhere and write where they are",
                        record->value.size, most);
    return ISO_OK;
}

/* The schema of the write, as the resolver gets it. */
static void schema_take(const struct iso_admit *admit, size_t n,
                        struct iso_coming *coming)
{
    coming->fields = iso_schemas_fields(admit->schemas, n);
    coming->fingerprint = iso_schemas_fingerprint(admit->schemas, n);
}

static enum iso_err check_put(const struct iso_admit *admit,
                              const struct iso_record *record,
                              struct iso_coming *coming, struct iso_why *why)
{
    struct iso_value value;
    enum iso_err err = check_size(admit, record, why);
    if (err != ISO_OK || iso_schemas_format(admit->schemas) == ISO_FORMAT_OPAQUE)
        return err;
    err = iso_value_read(admit->schemas, record->value, &value, why);
    if (err != ISO_OK)
        return err;
    schema_take(admit, value.schema, coming);
    coming->datum = value.datum;
    return ISO_OK;
}

static enum iso_err check_patch(const struct iso_admit *admit,
                                const struct iso_record *record,
                                struct iso_admitted *admitted, struct iso_why *why)
{
    size_t n;
    enum iso_err err = iso_patch_decode(record->value, &admitted->patch, why);
    if (err != ISO_OK)
        return err;
    if (!iso_schemas_named(admit->schemas, admitted->patch.fingerprint, &n))
        return iso_fail(why, ISO_REFUSED,
                        "the patch is of schema %016" PRIx64
                        ", which definition %u does not name, or which cannot be used: "
                        "announce it with `isostasy schema register %s FILE`",
                        iso_get_u64(admitted->patch.fingerprint),
                        admit->definition->number, admit->definition->collection);
    schema_take(admit, n, &admitted->coming);
    admitted->coming.patch = &admitted->patch;
    return ISO_OK;
}

static enum iso_err check_delete(const struct iso_admit *admit,
                                 const struct iso_record *record,
                                 struct iso_admitted *admitted, struct iso_why *why)
{
    if (record->has_value)
        return iso_fail(why, ISO_REFUSED,
                        "a delete with a value: leave the value out, or write a put");
    if (admitted->write.seen.size == 0)
        return ISO_OK;
    if (admitted->write.blind || !admit->resolver->has_fields)
        return iso_fail(why, ISO_REFUSED,
                        "a delete that names parts of a record, %s: write it with "
                        "isostasy's library",
                        admitted->write.blind ? "and says that it read nothing"
                                              : "but the collection has none");
    enum iso_err err = iso_patch_decode(admitted->write.seen, &admitted->patch, why);
    admitted->coming.patch = &admitted->patch;
    return err;
}

static enum iso_err check_write(const struct iso_admit *admit,
                                const struct iso_record *record,
                                struct iso_admitted *admitted, struct iso_why *why)
{
    const struct iso_write *write = &admitted->write;
    enum iso_err err = check_key(admit, record, why);
    if (err != ISO_OK)
        return err;
    admitted->coming = (struct iso_coming){
        .operation = write->operation,
        .key = record->key,
        .value = record->value,
        .version = write->version,
        .log = admit->log->log,
        .offset = record->offset,
        .blind = write->blind,
        .read = write->read,
        .has_expiry = write->has_expiry,
        .expiry_ms = write->expiry_ms,
        .schemas = admit->schemas,
    };
    if (write->operation == ISO_PUT) {
        err = check_put(admit, record, &admitted->coming, why);
    } else if (write->operation == ISO_DELETE) {
        err = check_delete(admit, record, admitted, why);
    } else {
        err = check_size(admit, record, why);
        if (err == ISO_OK && admit->resolver->has_fields)
            err = check_patch(admit, record, admitted, why);
    }
    return err == ISO_OK ? admit->resolver->admit(&admitted->coming, why) : err;
}

static enum iso_err check_silent(const struct iso_record *record,
                                 enum iso_operation operation, struct iso_why *why)
{
    const char *name = iso_operation_name(operation);
    if (record->has_key)
        return iso_fail(why, ISO_REFUSED, "a %s with a key: leave the key out", name);
    bool want = operation == ISO_DEFINE;
    if (record->has_value == want)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED, "a %s %s a value: %s", name,
                    want ? "without" : "with",
                    want ? "it carries the definition's bytes" : "leave the value out");
}

/* ---- what every header must keep ---- */

static enum iso_err check_place(const struct iso_admit *admit,
                                const struct iso_write *write, struct iso_why *why)
{
    if (write->log != admit->log->log)
        return iso_fail(
            why, ISO_REFUSED,
            "the header names log %u, the record stands in log %u: write it "
            "with a producer of this cluster, never copy records between "
            "topics",
            write->log, admit->log->log);
    if (write->partition != admit->partition)
        return iso_fail(
            why, ISO_PARTITION,
            "the header names partition %u, the record is in %u: never copy "
            "records between partitions",
            write->partition, admit->partition);
    if (write->extension_unknown != 0)
        return iso_fail(
            why, ISO_REFUSED,
            "the header has extension %u, which no definition named: announce "
            "it before it is used",
            write->extension_unknown);
    return ISO_OK;
}

static enum iso_err check_limits(const struct iso_admit *admit,
                                 const struct iso_record *record,
                                 const struct iso_write *write, struct iso_why *why)
{
    const struct iso_definition_limits *limits = &admit->definition->limits;
    unsigned region = iso_node_region(write->version.node);
    if ((admit->where->writers >> (region - 1) & 1) == 0)
        return iso_fail(why, ISO_REFUSED,
                        "region %u does not write to log %u: write to the log of that "
                        "region, or announce it as a writer of this one",
                        region, admit->log->log);
    if (record->header.size > limits->header_max)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "the header has %zu bytes, more than the %u that the collection "
            "allows: read again and write with the new context",
            record->header.size, limits->header_max);
    if (!write->blind && write->read.count > limits->read_max)
        return iso_fail(
            why, ISO_TOO_LARGE,
            "the write names %zu versions that it read, more than the %u that "
            "the collection allows: read again and write with the new context",
            write->read.count, limits->read_max);
    return ISO_OK;
}

enum iso_err iso_admit_early(const struct iso_definition *definition,
                             const struct iso_record *record,
                             const struct iso_write *write, struct iso_why *why)
{
    int64_t append_ms = ISO_PLANTED(the_local_clock_admits)
                            ? ISO_PLANTED_NOW_MS
                            : iso_admit_append_ms(record);
    int64_t ahead_ms = iso_hlc_ms(write->version.hlc) - append_ms;
    if (ahead_ms <= definition->after_max_ms)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED,
                    "its writer's clock is %" PRId64 " ms ahead of the broker's, more "
                    "than after_max (%" PRId64 " ms): set the clock that is wrong",
                    ahead_ms, definition->after_max_ms);
}

static enum iso_err check_time(const struct iso_admit *admit,
                               const struct iso_record *record,
                               const struct iso_write *write, struct iso_why *why)
{
    int64_t ms = iso_hlc_ms(write->version.hlc);
    if (ms < admit->log->bound_ms)
        return iso_fail(why, ISO_REFUSED,
                        "it is %" PRId64
                        " ms older than the bound, which is before_max "
                        "(%" PRId64 " ms) behind the log's time and never before its "
                        "first DEFINE: check the key's value now, then write it anew",
                        admit->log->bound_ms - ms, admit->definition->before_max_ms);
    if (write->version.hlc < admit->log->birth)
        return iso_fail(
            why, ISO_REFUSED,
            "it is older than the first DEFINE of its log: set its writer's "
            "clock, then write it anew");
    return iso_admit_early(admit->definition, record, write, why);
}

/* ---- records of other Kafka clients ---- */

static enum iso_err admit_plain(const struct iso_admit *admit,
                                const struct iso_record *record,
                                struct iso_admitted *admitted, struct iso_why *why)
{
    const struct iso_slice_log *log = admit->log;
    if (admit->definition == NULL)
        return no_definition(admit, why);
    uint64_t next = log->top + 1;
    uint64_t now = iso_hlc_of_ms(iso_admit_append_ms(record));
    uint64_t most = iso_hlc_of_ms(log->t_ms + admit->definition->after_max_ms);
    uint64_t hlc = next > now && !ISO_PLANTED(no_header_no_order) ? next : now;
    admitted->write = (struct iso_write){
        .operation = record->has_value ? ISO_PUT : ISO_DELETE,
        .log = log->log,
        .partition = admit->partition,
        .version = {hlc < most || ISO_PLANTED(no_header_no_limit) ? hlc : most,
                    iso_node(128u + log->log, (uint64_t)record->offset)},
        .blind = true,
    };
    return check_write(admit, record, admitted, why);
}

enum iso_err iso_admit(const struct iso_admit *admit, const struct iso_record *record,
                       struct iso_admitted *admitted, struct iso_why *why)
{
    struct iso_write *write = &admitted->write;
    if (!record->append_by_broker)
        return iso_fail(
            why, ISO_REFUSED,
            "its time is its client's, not the broker's: set "
            "message.timestamp.type=LogAppendTime on the topic, then write it "
            "anew");
    if (record->header_count == 0)
        return admit_plain(admit, record, admitted, why);
    if (record->header_count > 1)
        return iso_fail(why, ISO_REFUSED,
                        "the record has %d headers " ISO_HEADER_NAME
                        ": write exactly one",
                        record->header_count);
    enum iso_err err = iso_write_decode(record->header, &admitted->names, write, why);
    if (err == ISO_OK)
        err = check_place(admit, write, why);
    if (err != ISO_OK)
        return err;
    bool define = write->operation == ISO_DEFINE;
    if (define || write->operation == ISO_HEARTBEAT)
        err = check_silent(record, write->operation, why);
    if (err != ISO_OK)
        return err;
    if (admit->definition == NULL)
        return define ? ISO_OK : no_definition(admit, why);
    err = check_limits(admit, record, write, why);
    if (err == ISO_OK && !define && write->operation != ISO_HEARTBEAT)
        err = check_write(admit, record, admitted, why);
    return err == ISO_OK ? check_time(admit, record, write, why) : err;
}
