/* isostasy conflicts list|show: values that nobody who replaced them had seen, and what
 * stands in their place now. (conflicts restore: restore.c.)
 *
 * Records come from one scan of the ledger, by key; what stands there is looked up key
 * by key, so the two may be a moment apart. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/conflicts.h"
#include "cli/when.h"

struct conflicts_arguments {
    struct cli_given given; /* collection, key, version */
    const char *key, *since;
    long limit; /* 0: none */
};

static const struct argp_option list_options[] = {
    {"key", 'k', "KEY", 0, "Of one key", 0},
    {"since", 'S', "TIME", 0,
     "Written since then: 2026-01-15T12:00:00Z, or how long ago (2h)", 0},
    {"limit", 'n', "N", 0, "At most so many", 0},
    {0},
};

static error_t list_option(int key, char *value, struct argp_state *state)
{
    struct conflicts_arguments *arguments = state->input;
    char *end;
    switch (key) {
    case 'k':
        arguments->key = value;
        return 0;
    case 'S':
        arguments->since = value;
        return 0;
    case 'n':
        arguments->limit = strtol(value, &end, 10);
        if (*value == '\0' || *end != '\0' || arguments->limit < 1)
            argp_error(state, "--limit takes a whole number from 1 on, not '%s'",
                       value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the records ---- */

enum iso_err iso_cli_conflicts_open(struct cli *cli, const struct cli_given *given,
                                    struct cli_conflicts *conflicts)
{
    const struct iso_definition *definition;
    *conflicts = (struct cli_conflicts){.cli = cli, .collection = given->places[0]};
    enum iso_err err = iso_cli_replica(cli, given->region, &conflicts->replica);
    if (err == ISO_OK)
        err = iso_replica_definition(conflicts->replica, conflicts->collection,
                                     &definition, &cli->why);
    if (err == ISO_OK)
        err = iso_cli_held_init(cli, definition, &conflicts->held);
    return err;
}

void iso_cli_conflicts_close(struct cli_conflicts *conflicts)
{
    iso_cli_held_release(&conflicts->held);
    iso_explained_release(&conflicts->explained);
    iso_buf_release(&conflicts->key);
    iso_replica_close(conflicts->replica);
}

enum iso_err iso_cli_conflicts_look(struct cli_conflicts *conflicts,
                                    struct iso_bytes key)
{
    bool known = conflicts->explained.definition != NULL &&
                 iso_bytes_equal(iso_buf_bytes(&conflicts->key), key);
    if (known)
        return ISO_OK;
    iso_buf_clear(&conflicts->key);
    iso_buf_add_bytes(&conflicts->key, key);
    return iso_replica_explain(conflicts->replica, conflicts->collection, key,
                               &conflicts->explained, &conflicts->cli->why);
}

/* ---- as JSON ---- */

static json_t *value_json(const struct cli_held *held, struct iso_bytes path,
                          const uint8_t *fingerprint, struct iso_bytes value)
{
    struct iso_path place;
    if (path.size > 0 && iso_path_decode(path, &place))
        return iso_cli_held_part(held, &place, fingerprint, value);
    return iso_cli_held_whole(held, value);
}

static json_t *now_json(const struct cli_conflicts *conflicts, struct iso_bytes path)
{
    struct iso_held now;
    if (!iso_explained_stands(&conflicts->explained, path, &now))
        return json_null();
    json_t *object = json_object();
    iso_cli_held_writer(&conflicts->held, now.version, object);
    iso_cli_held_position(now.log, now.offset, object);
    if (now.kind == ISO_TOMBSTONE)
        json_object_set_new(object, "removed", json_true());
    else
        json_object_set_new(
            object, "value",
            value_json(&conflicts->held, path, now.fingerprint, now.value));
    return object;
}

static json_t *record_json(const struct cli_conflicts *conflicts,
                           const struct iso_replica_item *item)
{
    const struct cli_held *held = &conflicts->held;
    json_t *object = json_object();
    struct iso_buf place = {0};
    json_object_set_new(object, "key", iso_cli_json_bytes(item->key));
    if (item->path.size > 0) {
        iso_cli_held_place(held, item->path, &place);
        json_object_set_new(object, "field", json_string(iso_buf_text(&place)));
    }
    iso_cli_held_writer(held, item->version, object);
    iso_cli_held_position(item->log, item->offset, object);
    if (item->dropped)
        json_object_set_new(object, "dropped", json_true());
    else
        json_object_set_new(
            object, "value",
            value_json(held, item->path, item->fingerprint, item->value));
    json_object_set_new(object, "now", now_json(conflicts, item->path));
    iso_buf_release(&place);
    return object;
}

/* ---- as text ---- */

static const char *text_of(const json_t *object, const char *name, const char *without)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : without;
}

static void value_add(const json_t *object, struct iso_buf *line)
{
    const json_t *value = json_object_get(object, "value");
    if (value != NULL)
        iso_cli_json_text(value, line);
    else if (json_is_true(json_object_get(object, "dropped")))
        iso_buf_print(line, "dropped here (daemon.conflicts.max, .age)");
    else
        iso_buf_print(line, "%s", json_is_object(object) ? "removed" : "nothing");
}

/* One line, with tabs between. */
static void record_print(const json_t *record, struct iso_bytes key)
{
    const json_t *now = json_object_get(record, "now");
    struct iso_buf line = {0};
    iso_escape(&line, key);
    iso_buf_print(&line, "\t%s\t%s\t%s\t%s\t%lld/%lld\t", text_of(record, "field", "-"),
                  text_of(record, "version", ""), text_of(record, "region", "-"),
                  text_of(record, "time", ""),
                  (long long)json_integer_value(json_object_get(record, "log")),
                  (long long)json_integer_value(json_object_get(record, "offset")));
    value_add(record, &line);
    iso_buf_print(&line, "\tnow: ");
    value_add(now, &line);
    if (json_is_object(now))
        iso_buf_print(&line, " by %s at %s", text_of(now, "region", "-"),
                      text_of(now, "time", ""));
    printf("%s\n", iso_buf_text(&line));
    iso_buf_release(&line);
}

static void writer_print(const char *title, const json_t *writer)
{
    printf("%-8s %s, %s by %s, log %lld, offset %lld\n", title,
           text_of(writer, "version", ""), text_of(writer, "time", ""),
           text_of(writer, "region", "a client without our header"),
           (long long)json_integer_value(json_object_get(writer, "log")),
           (long long)json_integer_value(json_object_get(writer, "offset")));
}

static void record_print_whole(const json_t *record, struct iso_bytes key)
{
    const json_t *now = json_object_get(record, "now");
    struct iso_buf text = {0};
    iso_escape(&text, key);
    printf("%-8s %s\n", "key", iso_buf_text(&text));
    if (json_object_get(record, "field") != NULL)
        printf("%-8s %s\n", "field", text_of(record, "field", ""));
    writer_print("lost", record);
    iso_buf_clear(&text);
    value_add(record, &text);
    printf("%-8s %s\n", "value", iso_buf_text(&text));
    if (json_is_object(now))
        writer_print("now", now);
    iso_buf_clear(&text);
    value_add(now, &text);
    printf("%-8s %s\n", json_is_object(now) ? "value" : "now", iso_buf_text(&text));
    iso_buf_release(&text);
}

/* ---- the walk ---- */

struct walk {
    struct cli_conflicts conflicts;
    const struct conflicts_arguments *arguments;
    int64_t since_ms;
    const struct iso_version *version; /* NULL: all */
    bool whole;                        /* show, not list */
    long count;
};

static enum iso_err record_tell(struct walk *walk, const struct iso_replica_item *item)
{
    if (iso_hlc_ms(item->version.hlc) < walk->since_ms ||
        (walk->version != NULL && !iso_version_equal(*walk->version, item->version)))
        return ISO_OK;
    enum iso_err err = iso_cli_conflicts_look(&walk->conflicts, item->key);
    if (err != ISO_OK)
        return err;
    json_t *record = record_json(&walk->conflicts, item);
    if (walk->arguments->given.json) {
        iso_cli_print_json(record);
    } else {
        if (walk->whole && walk->count > 0)
            putchar('\n');
        if (walk->whole)
            record_print_whole(record, item->key);
        else
            record_print(record, item->key);
        json_decref(record);
    }
    walk->count++;
    return ISO_OK;
}

static enum iso_err walk_run(struct walk *walk, const char *key)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    struct cli_conflicts *conflicts = &walk->conflicts;
    struct iso_why *why = &conflicts->cli->why;
    long limit = walk->arguments->limit;
    enum iso_err err =
        key != NULL
            ? iso_replica_scan_losers_of(conflicts->replica, conflicts->collection,
                                         iso_bytes_text(key), &scan, why)
            : iso_replica_scan_losers(conflicts->replica, conflicts->collection, &scan,
                                      why);
    if (err != ISO_OK)
        return err;
    while (limit == 0 || walk->count < limit) {
        err = iso_replica_scan_next(scan, &item, why);
        if (err == ISO_OK)
            err = record_tell(walk, &item);
        if (err != ISO_OK)
            break;
    }
    iso_replica_scan_close(scan);
    return err == ISO_END ? ISO_OK : err;
}

enum iso_err iso_cli_conflicts_list(struct cli *cli, int argc, char **argv)
{
    struct conflicts_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION | CLI_JSON,
                                      .least = 1,
                                      .most = 1,
                                      .options = list_options,
                                      .parser = list_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct walk walk = {.arguments = &arguments};
    enum iso_err err = ISO_OK;
    if (arguments.since != NULL)
        err = iso_cli_when_parse(arguments.since, iso_now_ms(&iso_clock_machine),
                                 &walk.since_ms, &cli->why);
    if (err != ISO_OK)
        return err;
    err = iso_cli_conflicts_open(cli, &arguments.given, &walk.conflicts);
    if (err == ISO_OK)
        err = walk_run(&walk, arguments.key);
    iso_cli_conflicts_close(&walk.conflicts);
    return err;
}

enum iso_err iso_cli_conflicts_version(struct cli *cli, const char *text,
                                       struct iso_version *version)
{
    if (iso_version_parse(text, version))
        return ISO_OK;
    return iso_fail(&cli->why, ISO_USAGE,
                    "'%.60s' is no version: it has %d hexadecimal digits, as `isostasy "
                    "conflicts list` prints it",
                    text, ISO_VERSION_DIGITS);
}

enum iso_err iso_cli_conflicts_none(struct cli *cli, const struct cli_given *given)
{
    return iso_fail(&cli->why, ISO_NOT_FOUND,
                    "the conflict ledger has no such record of key %.100s (it leaves "
                    "when a write replaces it knowingly): see `isostasy conflicts list "
                    "%s`",
                    given->places[1], given->places[0]);
}

enum iso_err iso_cli_conflicts_show(struct cli *cli, int argc, char **argv)
{
    struct conflicts_arguments arguments = {0};
    const struct cli_syntax syntax = {
        .takes = CLI_REGION | CLI_JSON, .least = 2, .most = 3};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    struct walk walk = {.arguments = &arguments, .whole = true};
    struct iso_version version;
    enum iso_err err = ISO_OK;
    if (arguments.given.places[2] != NULL) {
        err = iso_cli_conflicts_version(cli, arguments.given.places[2], &version);
        walk.version = &version;
    }
    if (err != ISO_OK)
        return err;
    err = iso_cli_conflicts_open(cli, &arguments.given, &walk.conflicts);
    if (err == ISO_OK)
        err = walk_run(&walk, arguments.given.places[1]);
    iso_cli_conflicts_close(&walk.conflicts);
    if (err == ISO_OK && walk.count == 0)
        err = iso_cli_conflicts_none(cli, &arguments.given);
    return err;
}
