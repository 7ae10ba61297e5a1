/* isostasy conflicts restore: an ordinary write that puts a loser back, and names both
 * the loser and what stands there now. So the ledger's record leaves where the write is
 * applied, what stood there is replaced knowingly, and whoever writes at the same time
 * is a conflict like any other. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/conflicts.h"
#include "cli/send.h"
#include "schema/context.h"

struct restore_arguments {
    struct cli_given given; /* collection, key, version */
    const char *field;
};

static const struct argp_option restore_options[] = {
    {"field", 'f', "FIELD", 0,
     "Only that, as `conflicts list` names it (else all that the write lost)", 0},
    {0},
};

static error_t restore_option(int key, char *value, struct argp_state *state)
{
    struct restore_arguments *arguments = state->input;
    if (key != 'f')
        return ARGP_ERR_UNKNOWN;
    arguments->field = value;
    return 0;
}

/* One record of the ledger, copied. */
struct lost {
    struct iso_buf path, value;
    uint8_t fingerprint[ISO_FINGERPRINT_SIZE];
};

struct restoring {
    struct cli *cli;
    const struct restore_arguments *arguments;
    struct cli_conflicts conflicts;
    struct iso_version version;
    struct lost *lost; /* by path, ascending */
    size_t count;
    struct cli_sending sending;
};

static void restoring_release(struct restoring *restoring)
{
    for (size_t i = 0; i < restoring->count; i++) {
        iso_buf_release(&restoring->lost[i].path);
        iso_buf_release(&restoring->lost[i].value);
    }
    iso_free(restoring->lost);
    iso_cli_sending_release(&restoring->sending);
    iso_cli_conflicts_close(&restoring->conflicts);
}

/* ---- what is to be restored ---- */

static bool is_asked_for(const struct restoring *restoring,
                         const struct iso_replica_item *item)
{
    struct iso_buf place = {0};
    if (!iso_version_equal(item->version, restoring->version))
        return false;
    if (restoring->arguments->field == NULL)
        return true;
    iso_cli_held_place(&restoring->conflicts.held, item->path, &place);
    bool asked = strcmp(iso_buf_text(&place), restoring->arguments->field) == 0;
    iso_buf_release(&place);
    return asked;
}

static int path_order(const void *a, const void *b)
{
    const struct lost *one = a, *other = b;
    return iso_bytes_compare(iso_buf_bytes(&one->path), iso_buf_bytes(&other->path));
}

static void lost_add(struct restoring *restoring, const struct iso_replica_item *item)
{
    restoring->lost =
        iso_realloc(restoring->lost, (restoring->count + 1) * sizeof *restoring->lost);
    struct lost *lost = &restoring->lost[restoring->count++];
    *lost = (struct lost){0};
    iso_buf_add_bytes(&lost->path, item->path);
    iso_buf_add_bytes(&lost->value, item->value);
    if (item->fingerprint != NULL)
        memcpy(lost->fingerprint, item->fingerprint, sizeof lost->fingerprint);
}

static enum iso_err lost_gather(struct restoring *restoring)
{
    struct cli_conflicts *conflicts = &restoring->conflicts;
    struct iso_why *why = &restoring->cli->why;
    struct iso_bytes key = iso_bytes_text(restoring->arguments->given.places[1]);
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    enum iso_err err = iso_replica_scan_losers_of(
        conflicts->replica, conflicts->collection, key, &scan, why);
    if (err != ISO_OK)
        return err;
    while ((err = iso_replica_scan_next(scan, &item, why)) == ISO_OK) {
        if (!is_asked_for(restoring, &item))
            continue;
        if (item.dropped)
            err = iso_fail(why, ISO_NOT_FOUND,
                           "region %s has dropped the value that lost, by its bounds "
                           "(daemon.conflicts.max, .age): restore it from the store of "
                           "another region, --region",
                           iso_replica_region(conflicts->replica));
        else
            lost_add(restoring, &item);
        if (err != ISO_OK)
            break;
    }
    iso_replica_scan_close(scan);
    if (err != ISO_END)
        return err;
    if (restoring->count == 0)
        return iso_cli_conflicts_none(restoring->cli, &restoring->arguments->given);
    qsort(restoring->lost, restoring->count, sizeof *restoring->lost, path_order);
    return iso_cli_conflicts_look(conflicts, key);
}

/* ---- the write ---- */

/* A DELETE of a record of fields is in the past of the write, but replaced by none:
 * it stands in no part. */
static bool is_in_place(const struct restoring *restoring, const struct iso_held *now)
{
    const struct iso_explained *explained = &restoring->conflicts.explained;
    return !iso_version_equal(now->version, restoring->version) &&
           (explained->is_whole ||
            !iso_version_equal(now->version, explained->parts.deleted.version));
}

/* The loser, and what stands in its place: ascending. */
static struct iso_names names_of(const struct restoring *restoring,
                                 struct iso_bytes path, uint64_t *hlc,
                                 uint8_t names[2 * ISO_VERSION_SIZE])
{
    struct iso_version lost = restoring->version;
    struct iso_held now;
    iso_version_put(names, lost);
    *hlc = *hlc > lost.hlc ? *hlc : lost.hlc;
    if (!iso_explained_stands(&restoring->conflicts.explained, path, &now))
        return (struct iso_names){names, 1};
    *hlc = *hlc > now.version.hlc ? *hlc : now.version.hlc;
    if (!is_in_place(restoring, &now))
        return (struct iso_names){names, 1};
    bool ascends = iso_version_compare(lost, now.version) < 0;
    iso_version_put(names, ascends ? lost : now.version);
    iso_version_put(names + ISO_VERSION_SIZE, ascends ? now.version : lost);
    return (struct iso_names){names, 2};
}

static enum iso_err whole_put(struct restoring *restoring,
                              struct iso_producer *producer,
                              const struct iso_write_options *options)
{
    uint8_t names[2 * ISO_VERSION_SIZE];
    struct iso_context context = {0};
    context.shown = names_of(restoring, (struct iso_bytes){0}, &context.hlc, names);
    iso_context_encode(&context, &restoring->sending.context);
    return iso_producer_put(
        producer, iso_bytes_text(restoring->arguments->given.places[1]),
        iso_buf_bytes(&restoring->lost[0].value), options, &restoring->cli->why);
}

static enum iso_err field_set(struct iso_edit *edit, const struct lost *lost,
                              struct iso_why *why)
{
    struct iso_path path;
    struct iso_buf field = {0}, member = {0};
    if (!iso_path_decode(iso_buf_bytes(&lost->path), &path))
        return iso_fail(why, ISO_DAMAGED,
                        "a ledger row does not say which field it is of: repair this "
                        "region from another");
    if (path.has_member && memchr(path.member.data, '\0', path.member.size) != NULL)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "the member's name has a U+0000 in it, which this program "
                        "cannot write: restore it with the producer library");
    iso_buf_add_bytes(&field, path.field);
    iso_buf_add_bytes(&member, path.member);
    enum iso_err err = iso_edit_set(edit, iso_buf_text(&field),
                                    path.has_member ? iso_buf_text(&member) : NULL,
                                    iso_buf_bytes(&lost->value), why);
    iso_buf_release(&field);
    iso_buf_release(&member);
    return err;
}

/* What was shown of the parts that are restored. */
static void seen_make(struct restoring *restoring)
{
    struct iso_seen seen = {0};
    for (size_t i = 0; i < restoring->count; i++) {
        uint8_t names[2 * ISO_VERSION_SIZE];
        struct iso_seen_part part = {.path = iso_buf_bytes(&restoring->lost[i].path),
                                     .rule = ISO_RULE_LWW};
        part.names = names_of(restoring, part.path, &seen.hlc, names);
        iso_seen_add(&seen, &part);
    }
    iso_seen_encode(&seen, &restoring->sending.context);
    iso_seen_release(&seen);
}

static enum iso_err fields_patch(struct restoring *restoring,
                                 struct iso_producer *producer,
                                 const struct iso_write_options *options)
{
    struct iso_why *why = &restoring->cli->why;
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    struct iso_edit *edit;
    size_t n;
    if (!iso_schemas_named(schemas, restoring->lost[0].fingerprint, &n))
        return iso_fail(why, ISO_REFUSED,
                        "the schema that wrote it is not one that may be written by "
                        "yet: see `isostasy schema list %s`",
                        restoring->conflicts.collection);
    enum iso_err err = iso_edit_new(schemas, n, &edit, why);
    if (err != ISO_OK)
        return err;
    for (size_t i = 0; err == ISO_OK && i < restoring->count; i++)
        err = field_set(edit, &restoring->lost[i], why);
    seen_make(restoring);
    if (err == ISO_OK)
        err = iso_producer_patch(producer,
                                 iso_bytes_text(restoring->arguments->given.places[1]),
                                 edit, options, why);
    iso_edit_free(edit);
    return err;
}

static enum iso_err restore_queue(void *self, struct iso_producer *producer)
{
    struct restoring *restoring = self;
    struct iso_write_options *options = &restoring->sending.options;
    options->context = &restoring->sending.context;
    return restoring->conflicts.explained.is_whole
               ? whole_put(restoring, producer, options)
               : fields_patch(restoring, producer, options);
}

enum iso_err iso_cli_conflicts_restore(struct cli *cli, int argc, char **argv)
{
    struct restore_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 3,
                                      .most = 3,
                                      .options = restore_options,
                                      .parser = restore_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct restoring restoring = {.cli = cli, .arguments = &arguments};
    enum iso_err err =
        iso_cli_conflicts_version(cli, arguments.given.places[2], &restoring.version);
    if (err != ISO_OK)
        return err;
    const struct cli_session begins = {0};
    err = iso_cli_sending_init(cli, &arguments.given, &begins, &restoring.sending);
    if (err == ISO_OK)
        err = iso_cli_conflicts_open(cli, &arguments.given, &restoring.conflicts);
    if (err == ISO_OK)
        err = lost_gather(&restoring);
    if (err == ISO_OK)
        err = iso_cli_send(&restoring.sending, restore_queue, &restoring);
    restoring_release(&restoring);
    return err;
}
