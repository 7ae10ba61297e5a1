/* isostasy patch: operations on the fields of a record, in one write.
 *
 * All is understood before Kafka is asked for anything, and held to the schema before
 * the store is. Then the key is read, so that each operation replaces what this region
 * is shown of its part, and nothing that nobody here has seen; --blind leaves that out,
 * --context gives what was read before. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/patch_parse.h"
#include "cli/schema.h"
#include "cli/send.h"
#include "consumer/replica.h"

struct patch_arguments {
    struct cli_given given; /* collection, key, operation; more operations */
    struct cli_session session;
    bool blind;
};

static const struct argp_option patch_options[] = {
    {"blind", 'b', NULL, 0,
     "Without reading the key first (nor with --context): replaces what this region "
     "wrote there, and nothing else",
     0},
    {0},
};

static error_t patch_option(int key, char *value, struct argp_state *state)
{
    struct patch_arguments *arguments = state->input;
    (void)value;
    switch (key) {
    case 'b':
        arguments->blind = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->blind && arguments->session.context != NULL)
            argp_error(state, "--blind and --context exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct patching {
    struct cli *cli;
    const struct patch_arguments *arguments;
    const char **texts; /* the operations */
    struct cli_operation *operations;
    size_t count;
    struct cli_sending sending;
};

static enum iso_err operations_parse(struct patching *patching)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < patching->count; i++) {
        err = iso_cli_operation_parse(patching->texts[i], &patching->operations[i],
                                      &patching->cli->why);
        if (err != ISO_OK)
            err = iso_fail_at(&patching->cli->why, err, "'%.100s'", patching->texts[i]);
    }
    return err;
}

/* ---- by the schema ---- */

/* What a field takes, as it is written here. */
static const char *const takes[ISO_RULES] = {
    [ISO_RULE_LWW] = "= VALUE, or unset",
    [ISO_RULE_SET] = "add VALUE, or remove VALUE",
    [ISO_RULE_FLAG] = "enable, disable, or unset",
    [ISO_RULE_COUNTER] = "+= NUMBER, -= NUMBER, or reset",
    [ISO_RULE_MAX] = "raise VALUE, or unset",
    [ISO_RULE_MIN] = "lower VALUE, or unset",
};

/* ISO_OK also for a field that there is not: that is said later. */
static enum iso_err rule_check(struct cli *cli, const struct iso_field *field,
                               const struct cli_operation *operation)
{
    struct iso_why unheard;
    struct iso_step step = {.operation = operation->operation};
    if (field == NULL)
        return ISO_OK;
    step.has_member = field->is_map;
    if (iso_step_check_operation(&step, field, &unheard) != ISO_OK)
        return iso_fail(&cli->why, ISO_BAD_DATA,
                        "the field %.100s%s merges by %s%s, and takes %s", field->name,
                        field->is_map ? "[\"MEMBER\"]" : "",
                        field->is_map ? "map:" : "", iso_rule_name(field->rule),
                        takes[field->rule]);
    if (field->is_map != operation->has_member)
        return iso_fail(&cli->why, ISO_BAD_DATA,
                        field->is_map
                            ? "the field %.100s is a map: name a member of it, as in "
                              "%.100s[\"MEMBER\"]"
                            : "the field %.100s is no map, and has no members: write "
                              "%.100s alone",
                        field->name, field->name);
    return ISO_OK;
}

static enum iso_err reset_check(struct cli *cli, const struct iso_field *field)
{
    if (field == NULL || field->rule == ISO_RULE_COUNTER)
        return ISO_OK;
    return iso_fail(&cli->why, ISO_BAD_DATA,
                    "the field %.100s is no counter (it merges by %s%s), and only a "
                    "counter is reset: say unset",
                    field->name, field->is_map ? "map:" : "",
                    iso_rule_name(field->rule));
}

static enum iso_err operation_add(struct cli *cli, const struct iso_fields *fields,
                                  struct cli_operation *operation,
                                  struct iso_edit *edit)
{
    const char *field = iso_buf_text(&operation->field);
    const char *member =
        operation->has_member ? iso_buf_text(&operation->member) : NULL;
    const struct iso_field *found = iso_fields_find(fields, iso_bytes_text(field));
    enum iso_err err = rule_check(cli, found, operation);
    if (err == ISO_OK && operation->resets)
        err = reset_check(cli, found);
    if (err != ISO_OK)
        return err;
    switch (operation->operation) {
    case ISO_STEP_UNSET:
        return iso_edit_unset(edit, field, member, &cli->why);
    case ISO_STEP_ENABLE:
    case ISO_STEP_DISABLE:
        return iso_edit_enable(edit, field, member,
                               operation->operation == ISO_STEP_ENABLE, &cli->why);
    case ISO_STEP_INCREMENT:
        return iso_edit_increment(edit, field, member, operation->by, &cli->why);
    case ISO_STEP_SET:
    case ISO_STEP_ADD:
    case ISO_STEP_REMOVE:
    case ISO_STEP_RAISE:
    case ISO_STEP_LOWER:
    case ISO_STEP_OPERATIONS:
        break;
    }
    return iso_edit_json(edit, operation->operation, field, member, operation->value,
                         &cli->why);
}

static enum iso_err edit_make(const struct patching *patching,
                              const struct iso_schemas *schemas, struct iso_edit **edit)
{
    struct cli *cli = patching->cli;
    const char *collection = patching->arguments->given.places[0];
    size_t n;
    *edit = NULL;
    if (iso_schemas_format(schemas) == ISO_FORMAT_OPAQUE)
        return iso_fail(&cli->why, ISO_USAGE,
                        "the values of %s are opaque bytes without fields: put the "
                        "whole value",
                        collection);
    enum iso_err err =
        iso_cli_schema_writable(cli, schemas, patching->arguments->session.schema, &n);
    if (err == ISO_OK && iso_schemas_fields(schemas, n) == NULL)
        return iso_fail(
            &cli->why, ISO_USAGE,
            "collection %s keeps values whole: put the whole value (fields "
            "are kept by --resolver fields of `isostasy collection create`)",
            collection);
    if (err == ISO_OK)
        err = iso_edit_new(schemas, n, edit, &cli->why);
    for (size_t i = 0; err == ISO_OK && i < patching->count; i++) {
        err = operation_add(cli, iso_schemas_fields(schemas, n),
                            &patching->operations[i], *edit);
        if (err != ISO_OK)
            iso_fail_at(&cli->why, err, "'%.100s'", patching->texts[i]);
    }
    return err;
}

/* ---- what was read ---- */

static const char *const first =
    "to patch, the key is read first (unless --blind or --context is given)";

/* With a token: once the region shows what the session has seen and written, since a
 * write just before this one takes a moment to arrive. */
static enum iso_err context_read(struct patching *patching)
{
    struct cli *cli = patching->cli;
    struct cli_sending *sending = &patching->sending;
    const struct cli_given *given = &patching->arguments->given;
    struct iso_replica *replica;
    enum iso_err err = iso_cli_replica(cli, given->region, &replica);
    if (err != ISO_OK)
        return iso_fail_at(&cli->why, err, "%s", first);
    struct iso_read read = {0};
    struct cli_session session = patching->arguments->session;
    session.has_wait = true;
    session.wait_ms = CLI_TIMEOUT_MS;
    err = iso_cli_session_get(cli, replica, given, &session, &read);
    if (err == ISO_STALE)
        iso_fail_at(&cli->why, err, "%s", first);
    if (err == ISO_NOT_FOUND)
        err = ISO_OK; /* that is what was read */
    iso_buf_add_bytes(&sending->context, iso_buf_bytes(&read.context));
    iso_buf_clear(&sending->token);
    iso_buf_add_bytes(&sending->token, iso_buf_bytes(&read.token));
    iso_read_release(&read);
    iso_replica_close(replica);
    return err;
}

static enum iso_err patch_queue(void *self, struct iso_producer *producer)
{
    struct patching *patching = self;
    struct cli *cli = patching->cli;
    const struct patch_arguments *arguments = patching->arguments;
    struct iso_write_options *options = &patching->sending.options;
    struct iso_edit *edit;
    enum iso_err err = edit_make(patching, iso_producer_schemas(producer), &edit);
    if (err == ISO_OK && !arguments->blind && options->context == NULL) {
        err = context_read(patching);
        options->context = &patching->sending.context;
    }
    if (err == ISO_OK)
        err = iso_producer_patch(producer, iso_bytes_text(arguments->given.places[1]),
                                 edit, options, &cli->why);
    iso_edit_free(edit);
    return err;
}

static enum iso_err patch_run(struct patching *patching)
{
    const struct patch_arguments *arguments = patching->arguments;
    enum iso_err err = operations_parse(patching);
    if (err == ISO_OK)
        err = iso_cli_sending_init(patching->cli, &arguments->given,
                                   &arguments->session, &patching->sending);
    if (err == ISO_OK)
        err = iso_cli_send(&patching->sending, patch_queue, patching);
    iso_cli_sending_release(&patching->sending);
    return err;
}

enum iso_err iso_cli_patch(struct cli *cli, int argc, char **argv)
{
    size_t room = (size_t)argc + 1;
    const char **texts = iso_alloc_zero(room, sizeof *texts);
    struct patch_arguments arguments = {.given.more = texts + 1};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 3,
                                      .most = argc,
                                      .options = patch_options,
                                      .parser = patch_option,
                                      .input = &arguments,
                                      .shared = &iso_cli_value_argp,
                                      .shared_input = &arguments.session};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct patching patching = {.cli = cli, .arguments = &arguments, .texts = texts};
    texts[0] = arguments.given.places[2];
    while (texts[patching.count] != NULL)
        patching.count++;
    patching.operations = iso_alloc_zero(room, sizeof *patching.operations);
    enum iso_err err = patch_run(&patching);
    for (size_t i = 0; i < patching.count; i++)
        iso_cli_operation_release(&patching.operations[i]);
    iso_free(patching.operations);
    iso_free(texts);
    return err;
}
