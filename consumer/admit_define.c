/* A DEFINE is judged by the definition in force before it (the first of a log by
 * itself), then by what never changes in a collection, then by the control topic: only
 * what an operator announced there can park a slice, so a definition that this software
 * is too old for is looked at last. Everything before gives the same answer in every
 * region; waiting for the control topic is the one thing that may take longer in one of
 * them. */
#include "consumer/admit.h"

#include <inttypes.h>

#include "resolver/resolver.h"

enum iso_err iso_admit_supported(const struct iso_definition *definition,
                                 struct iso_why *why)
{
    static const char remedy[] = "this is isostasy " ISOSTASY_VERSION
                                 ": upgrade this region's daemon and start it "
                                 "again, it goes on where it stands";
    if (definition->extension_unknown != 0)
        return iso_fail(
            why, ISO_UNSUPPORTED,
            "definition %u of %s uses extension %u, which this software does "
            "not know; %s",
            definition->number, definition->collection, definition->extension_unknown,
            remedy);
    if (iso_resolver_find(definition->resolver) == NULL)
        return iso_fail(
            why, ISO_UNSUPPORTED,
            "definition %u of %s uses resolver %s, which this software does "
            "not have; %s",
            definition->number, definition->collection, definition->resolver, remedy);
    return ISO_OK;
}

/* What is the same in every definition of a collection. */
static enum iso_err check_same(const struct iso_definition *first,
                               const struct iso_definition *coming, struct iso_why *why)
{
    const char *what = NULL;
    if (strcmp(first->collection, coming->collection) != 0)
        what = "name";
    else if (first->partitions != coming->partitions)
        what = "number of partitions";
    else if (first->buckets != coming->buckets)
        what = "number of buckets";
    else if (strcmp(first->resolver, coming->resolver) != 0)
        what = "resolver";
    if (what == NULL)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED,
                    "the DEFINE changes the %s of collection %s, which never changes: "
                    "make a new collection",
                    what, first->collection);
}

/* Is this log in it, and is its writer the one who may announce? */
static enum iso_err check_owner(const struct iso_admit *admit,
                                const struct iso_definition *coming,
                                const struct iso_write *write, struct iso_why *why)
{
    uint16_t number = admit->log->log;
    const struct iso_definition_log *named = iso_definition_log(coming, number);
    if (named == NULL)
        return iso_fail(why, ISO_REFUSED,
                        "the DEFINE stands in log %u and does not name it: announce a "
                        "definition that does",
                        number);
    unsigned owner = iso_definition_owner(admit->where != NULL ? admit->where : named);
    unsigned region = iso_node_region(write->version.node);
    if (region != owner)
        return iso_fail(why, ISO_REFUSED,
                        "a DEFINE by region %u, but log %u is region %u's: only the "
                        "region that owns a log announces in it",
                        region, number, owner);
    return ISO_OK;
}

/* Two who announce at the same time may write their DEFINEs in the other order. The
 * earlier one then has no effect: a definition is never taken back. */
static bool is_earlier(const struct iso_admit *admit,
                       const struct iso_definition *coming)
{
    return admit->definition != NULL && coming->number < admit->definition->number;
}

/* The first DEFINE of a log is its birth, and its own definition its judge. */
static enum iso_err check_first(const struct iso_admit *admit,
                                const struct iso_definition *coming,
                                const struct iso_record *record,
                                const struct iso_write *write, struct iso_why *why)
{
    const struct iso_definition_log *named =
        iso_definition_log(coming, admit->log->log);
    if (write->version.hlc != named->birth)
        return iso_fail(why, ISO_REFUSED,
                        "the first DEFINE of log %u has hlc %016" PRIx64
                        ", not the birth "
                        "%016" PRIx64 " that it announces: write it with `isostasy "
                        "collection create`",
                        named->number, write->version.hlc, named->birth);
    return iso_admit_early(coming, record, write, why);
}

/* A log that this DEFINE opens must not hold the floor below where it stands. One that
 * succeeds others cannot, however late the DEFINE comes: they hold the floor until it
 * is known that they were closed, and it begins at their bounds. */
static enum iso_err check_opened(const struct iso_admit *admit,
                                 const struct iso_definition *coming,
                                 struct iso_why *why)
{
    for (size_t i = 0; i < coming->log_count; i++) {
        const struct iso_definition_log *log = &coming->logs[i];
        if (iso_definition_log(admit->definition, log->number) != NULL ||
            log->succeeds_count > 0 || iso_hlc_ms(log->birth) >= admit->log->bound_ms)
            continue;
        return iso_fail(why, ISO_REFUSED,
                        "the DEFINE opens log %u with a birth %" PRId64 " ms below the "
                        "bound of log %u: announce it with a later birth",
                        log->number, admit->log->bound_ms - iso_hlc_ms(log->birth),
                        admit->log->log);
    }
    return ISO_OK;
}

/* A value that was admitted stays readable, by the schema and the rules that it was
 * written by. Asked of what the control topic holds only: who else writes a DEFINE
 * makes nobody compare schemas. */
static enum iso_err check_schemas(const struct iso_admit *admit,
                                  const struct iso_definition *coming,
                                  struct iso_why *why)
{
    struct iso_why what = {0};
    if (admit->definition == NULL ||
        iso_definition_schemas_follow(coming, admit->definition, &what) == ISO_OK)
        return ISO_OK;
    return iso_fail(why, ISO_REFUSED,
                    "definition %u of %s cannot come after %u, which is in force: "
                    "%.200s; announce another one with `isostasy schema register`, or "
                    "make a new collection",
                    coming->number, coming->collection, admit->definition->number,
                    what.text);
}

static enum iso_err confirm(const struct iso_admit *admit,
                            const struct iso_definition *coming,
                            const struct iso_definition **definition,
                            struct iso_why *why)
{
    const struct iso_definition *held =
        iso_known_announced(admit->known, coming->number);
    if (held == NULL && !admit->control_read)
        return iso_fail(why, ISO_CONTROL_WAIT,
                        "definition %u of %s stands in the log and not in the control "
                        "topic as far as it was read: waiting for the rest of it",
                        coming->number, coming->collection);
    if (held == NULL)
        return iso_fail(why, ISO_REFUSED,
                        "definition %u of %s was never announced in the control topic: "
                        "announce it with isostasy's own commands",
                        coming->number, coming->collection);
    if (!iso_bytes_equal(iso_buf_bytes(&held->bytes), iso_buf_bytes(&coming->bytes)))
        return iso_fail(
            why, ISO_REFUSED,
            "definition %u of %s is another one in the control topic: of two "
            "claims to a number the first counts, announce yours under the "
            "next",
            coming->number, coming->collection);
    if (is_earlier(admit, held)) {
        *definition = admit->definition;
        return ISO_OK;
    }
    *definition = held;
    enum iso_err err = check_schemas(admit, held, why);
    return err == ISO_OK ? iso_admit_supported(held, why) : err;
}

static enum iso_err judge(const struct iso_admit *admit,
                          const struct iso_definition *coming,
                          const struct iso_record *record,
                          const struct iso_write *write, struct iso_why *why)
{
    enum iso_err err = check_same(iso_known_first(admit->known), coming, why);
    if (err == ISO_OK)
        err = check_owner(admit, coming, write, why);
    if (err != ISO_OK)
        return err;
    if (admit->definition == NULL)
        return check_first(admit, coming, record, write, why);
    return is_earlier(admit, coming) ? ISO_OK : check_opened(admit, coming, why);
}

enum iso_err iso_admit_define(const struct iso_admit *admit,
                              const struct iso_record *record,
                              const struct iso_write *write,
                              const struct iso_definition **definition,
                              struct iso_why *why)
{
    struct iso_definition *coming;
    enum iso_err err = iso_definition_decode(record->value, &coming, why);
    if (err != ISO_OK)
        return iso_fail_at(why, iso_err_kind(err) == ISO_POISON ? err : ISO_BAD_DATA,
                           "the DEFINE does not carry a definition");
    err = judge(admit, coming, record, write, why);
    if (err == ISO_OK)
        err = confirm(admit, coming, definition, why);
    iso_definition_free(coming);
    return err;
}
