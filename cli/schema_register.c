/* isostasy schema register: how a collection gets another schema.
 *
 *   compatibility -> id (format confluent) -> the next definition on iso.control
 *       -> its DEFINE in every open log -> the mark that it stands there
 *
 * Writers use the schema from the mark on, so no daemon meets a value whose schema did
 * not come before it in its own log. Every step can be done again: a schema that is
 * announced and not marked is published and marked by the same command. When another
 * definition takes the number first, everything is asked again of that one. Of two
 * commands at the same time the older DEFINE may come behind the newer: it is refused,
 * which harms nothing, since the newer names all that the older does. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/schema_command.h"
#include "producer/define.h"

enum { REGISTER_TURNS = 16 };

struct registering {
    struct cli *cli;
    const struct cli_schema_arguments *arguments;
    struct cli_schema schema;
    const struct iso_definition *now; /* the newest; the control's */
    size_t place;                     /* of the schema, once it is there */
    bool added;                       /* by this command */
};

/* ---- the next definition ---- */

static enum iso_compatibility mode_of(const struct registering *registering)
{
    const struct cli_schema_arguments *arguments = registering->arguments;
    return arguments->has_mode ? arguments->mode : registering->now->compatibility;
}

static enum iso_err definition_next(struct registering *registering, bool with_schema,
                                    struct iso_definition **next)
{
    struct iso_why *why = &registering->cli->why;
    enum iso_err err =
        iso_definition_decode(iso_buf_bytes(&registering->now->bytes), next, why);
    if (err != ISO_OK)
        return err;
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    iso_put_u64((*next)->id, iso_chance_draw(&chance));
    iso_put_u64((*next)->id + 8, iso_chance_draw(&chance));
    (*next)->number++;
    (*next)->compatibility = mode_of(registering);
    if (with_schema)
        iso_cli_schema_add(*next, &registering->schema);
    err = iso_definition_encode(*next, why);
    if (err == ISO_OK)
        return ISO_OK;
    iso_definition_free(*next);
    return err;
}

/* ISO_EXISTS: another came first. */
static enum iso_err announce(struct registering *registering, bool with_schema)
{
    struct cli *cli = registering->cli;
    struct iso_control_place place;
    struct iso_definition *next;
    enum iso_err err = iso_cli_place(cli, &place);
    if (err == ISO_OK)
        err = definition_next(registering, with_schema, &next);
    if (err != ISO_OK)
        return err;
    err = iso_control_add_definition(&place, next, cli->control, &cli->why);
    iso_definition_free(next);
    return err;
}

/* ---- into the logs ---- */

static enum iso_err log_define(struct registering *registering,
                               const struct iso_definition_log *log)
{
    struct cli *cli = registering->cli;
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    struct iso_define_ground ground = {
        .clock = &iso_clock_machine, .chance = &chance, .timeout_ms = CLI_TIMEOUT_MS};
    enum iso_err err = iso_cli_bus(cli, log->cluster, &ground.bus);
    if (err == ISO_OK)
        err = iso_log_define_next(&ground, registering->now, log, &cli->why);
    if (err == ISO_OK && !registering->arguments->given.json)
        printf("definition %u stands in log %u (topic %s in cluster %s)\n",
               registering->now->number, log->number, log->topic, log->cluster);
    return err;
}

/* Sees to it that the newest definition stands in every open log. */
static enum iso_err spread(struct registering *registering)
{
    struct cli *cli = registering->cli;
    const struct iso_definition *now = registering->now;
    const struct iso_definition *written =
        iso_control_definition_written(cli->control, now->collection);
    if (written != NULL && written->number >= now->number &&
        !registering->arguments->again)
        return ISO_OK;
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < now->log_count; i++)
        if (now->logs[i].ends == NULL)
            err = log_define(registering, &now->logs[i]);
    struct iso_control_place place;
    if (err == ISO_OK)
        err = iso_cli_place(cli, &place);
    if (err == ISO_OK)
        err = iso_control_add_defined(&place, now, cli->control, &cli->why);
    if (err != ISO_OK)
        iso_fail_at(&cli->why, err,
                    "definition %u of %s is announced and does not stand in every log "
                    "yet (the same command again goes on)",
                    now->number, now->collection);
    return err;
}

/* ---- one turn ---- */

static enum iso_err schema_add(struct registering *registering)
{
    struct cli *cli = registering->cli;
    enum iso_err err = iso_cli_schema_may_follow(
        cli, registering->now, mode_of(registering), &registering->schema);
    if (err == ISO_OK && registering->now->format == ISO_FORMAT_CONFLUENT)
        err = iso_cli_schema_enter(cli, registering->now, &registering->schema);
    return err == ISO_OK ? announce(registering, true) : err;
}

/* ISO_EXISTS: another definition came first, so it is all asked again. */
static enum iso_err turn(struct registering *registering, bool *again)
{
    struct cli *cli = registering->cli;
    const struct iso_definition *now;
    *again = false;
    enum iso_err err =
        iso_cli_definition(cli, registering->arguments->given.places[0], &now);
    if (err != ISO_OK)
        return err;
    registering->now = now;
    if (now->format == ISO_FORMAT_OPAQUE)
        return iso_fail(&cli->why, ISO_USAGE,
                        "the values of %s are opaque bytes, and stay so: make a new "
                        "collection with `isostasy collection create NAME --schema "
                        "FILE`",
                        now->collection);
    switch (iso_cli_schema_find(now, &registering->schema, &registering->place)) {
    case CLI_SCHEMA_OTHER_TEXT:
        return iso_cli_schema_other_text(cli, now, registering->place,
                                         &registering->schema);
    case CLI_SCHEMA_THERE:
        if (mode_of(registering) == now->compatibility)
            return ISO_OK;
        err = announce(registering, false);
        break;
    case CLI_SCHEMA_NEW:
        err = schema_add(registering);
        registering->added |= err == ISO_OK;
        break;
    }
    *again = err == ISO_OK || err == ISO_EXISTS; /* look at what counts now */
    return err == ISO_EXISTS ? ISO_OK : err;
}

static void registered_print(const struct registering *registering)
{
    const struct iso_definition *now = registering->now;
    const struct iso_definition_schema *row = &now->schemas[registering->place];
    struct iso_buf digits = {0};
    iso_hex_encode(&digits, iso_bytes(row->fingerprint, sizeof row->fingerprint));
    if (registering->arguments->given.json) {
        json_t *object = json_pack(
            "{s:s, s:I, s:s, s:i, s:b, s:s}", "collection", now->collection, "schema",
            (json_int_t)registering->place + 1, "fingerprint", iso_buf_text(&digits),
            "definition", (int)now->number, "added", registering->added,
            "compatibility", iso_compatibility_name(now->compatibility));
        if (row->has_registry_id)
            json_object_set_new(object, "registry_id", json_integer(row->registry_id));
        iso_cli_print_json(object);
    } else {
        printf("schema %zu of %s%s: fingerprint %s", registering->place + 1,
               now->collection, registering->added ? "" : " (was there already)",
               iso_buf_text(&digits));
        if (row->has_registry_id)
            printf(", registry id %d", (int)row->registry_id);
        printf(", compatibility %s\n", iso_compatibility_name(now->compatibility));
    }
    iso_buf_release(&digits);
}

static enum iso_err register_run(struct registering *registering)
{
    bool again = true;
    enum iso_err err = ISO_OK;
    for (int n = 0; err == ISO_OK && again; n++) {
        if (n == REGISTER_TURNS)
            return iso_fail(&registering->cli->why, ISO_EXISTS,
                            "others announced a definition of %s %d times in the "
                            "meantime: do the same again",
                            registering->now->collection, n);
        err = turn(registering, &again);
    }
    if (err == ISO_OK)
        err = spread(registering);
    if (err == ISO_OK)
        registered_print(registering);
    return err;
}

enum iso_err iso_cli_schema_register(struct cli *cli, int argc, char **argv)
{
    struct cli_schema_arguments arguments = {0};
    iso_cli_schema_parse(&arguments, CLI_SCHEMA_MODE | CLI_SCHEMA_ID | CLI_SCHEMA_AGAIN,
                         argc, argv);
    struct registering registering = {.cli = cli, .arguments = &arguments};
    enum iso_err err = iso_cli_schema_given(cli, &arguments, &registering.schema);
    if (err == ISO_OK)
        err = register_run(&registering);
    iso_cli_schema_release(&registering.schema);
    return err;
}
