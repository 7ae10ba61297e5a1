/* isostasy collection create: a definition, and the logs that it names. (collection
 * list|show: collection_show.c.)
 *
 * Create can be done again after any interruption: topics that are there are kept, a
 * definition that was announced is used as it stands, and partitions that have their
 * DEFINE are left alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/schema.h"
#include "producer/define.h"
#include "resolver/resolver.h"

struct collection_arguments {
    struct cli_given given; /* its name */
    const char *resolver, *logs, *regions, *topic, *cluster, *file;
    bool has_format, has_mode;
    enum iso_format format;
    enum iso_compatibility mode;
    struct cli_schema schema; /* of `file` */
    long partitions, buckets;
    int64_t before_max_ms, after_max_ms;
};

static const struct argp_option create_options[] = {
    {"schema", 's', "FILE", 0, "The Avro schema of its values; \"-\": standard input",
     0},
    {"format", 'f', "NAME", 0,
     "How values name their schema: avro, or confluent (by a schema registry's id); or "
     "opaque: none (default avro with a schema, else opaque)",
     0},
    {"compatibility", 'm', "MODE", 0,
     "Which schemas may follow: BACKWARD (default), FORWARD, FULL, each also with "
     "_TRANSITIVE, or NONE",
     0},
    {"partitions", 'p', "N", 0, "Slices; never changes later (default 8)", 0},
    {"resolver", 'r', "NAME", 0,
     "What concurrent writes mean; never changes: lww (default), fields, siblings or "
     "plugin:NAME",
     0},
    {"logs", 'l', "SHAPE", 0,
     "shared: one topic for all regions; per-region: one each (default shared)", 0},
    {"regions", 'R', "NAMES", 0, "Comma-separated (default: all there are)", 0},
    {"topic", 't', "NAME", 0,
     "Of the shared log; prefix of the others (default: its name)", 0},
    {"cluster", 'k', "NAME", 0, "Of the shared log (default: home)", 0},
    {"buckets", 'b', "N", 0, "Digest buckets a slice; never changes (default 1024)", 0},
    {"before-max", 'B', "TIME", 0, "How old a write may arrive (default 24h)", 0},
    {"after-max", 'A', "TIME", 0, "How far ahead a clock may be (default 60s)", 0},
    {0},
};

static long number_of(struct argp_state *state, const char *name, const char *value)
{
    char *end;
    long number = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || number < 1 || number > INT32_MAX)
        argp_error(state, "--%s takes a whole number from 1 on, not '%s'", name, value);
    return number;
}

static int64_t duration_of(struct argp_state *state, const char *value)
{
    struct iso_why why;
    int64_t ms = 0;
    if (iso_duration_parse(value, &ms, &why) != ISO_OK)
        argp_error(state, "%s", why.text);
    return ms;
}

static enum iso_format format_of(struct argp_state *state, const char *value)
{
    static const char *const names[] = {"avro", "confluent", "opaque"};
    for (int format = 0; format < 3; format++)
        if (strcmp(names[format], value) == 0)
            return (enum iso_format)format;
    argp_error(state, "--format is avro, confluent or opaque, not '%s'", value);
    return ISO_FORMAT_OPAQUE;
}

static error_t create_option(int key, char *value, struct argp_state *state)
{
    struct collection_arguments *arguments = state->input;
    switch (key) {
    case 's':
        arguments->file = value;
        return 0;
    case 'f':
        arguments->format = format_of(state, value);
        arguments->has_format = true;
        return 0;
    case 'm':
        arguments->mode = iso_cli_compatibility(state, value);
        arguments->has_mode = true;
        return 0;
    case 'p':
        arguments->partitions = number_of(state, "partitions", value);
        return 0;
    case 'b':
        arguments->buckets = number_of(state, "buckets", value);
        return 0;
    case 'B':
        arguments->before_max_ms = duration_of(state, value);
        return 0;
    case 'A':
        arguments->after_max_ms = duration_of(state, value);
        return 0;
    case 'r':
        arguments->resolver = value;
        return 0;
    case 'l':
        arguments->logs = value;
        return 0;
    case 'R':
        arguments->regions = value;
        return 0;
    case 't':
        arguments->topic = value;
        return 0;
    case 'k':
        arguments->cluster = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- making a definition ---- */

static void region_take(struct iso_definition *definition, unsigned number,
                        const char *name)
{
    struct iso_definition_region *row =
        &definition->regions[definition->region_count++];
    row->number = (uint8_t)number;
    snprintf(row->name, sizeof row->name, "%s", name);
}

static enum iso_err regions_take(struct cli *cli, const char *list,
                                 struct iso_definition *definition)
{
    definition->regions = iso_alloc_zero(ISO_REGION_MAX, sizeof *definition->regions);
    for (unsigned n = 1; list == NULL && n <= ISO_REGION_MAX; n++) {
        const char *name = iso_control_region_name(cli->control, n);
        if (name != NULL)
            region_take(definition, n, name);
    }
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        char name[ISO_REGION_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)length, list);
        unsigned number = iso_control_region(cli->control, name);
        if (number == 0)
            return iso_fail(
                &cli->why, ISO_NO_DEFINITION,
                "there is no region %s: add it with `isostasy region add %s`", name,
                name);
        if (iso_definition_region(definition, number) == NULL)
            region_take(definition, number, name);
        list += length + (list[length] == ',');
    }
    if (definition->region_count == 0)
        return iso_fail(&cli->why, ISO_NO_DEFINITION,
                        "there are no regions yet: add each with `isostasy region add "
                        "NAME`");
    return ISO_OK;
}

static char *log_topic(const char *prefix, const char *region)
{
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%s%s%s", prefix, region ? "." : "", region ? region : "");
    char *text = iso_strdup(iso_buf_text(&topic));
    iso_buf_release(&topic);
    return text;
}

static enum iso_err logs_take(struct cli *cli,
                              const struct collection_arguments *arguments,
                              struct iso_definition *definition)
{
    const char *home = iso_settings_name(cli->settings, "cluster", 0);
    const char *prefix =
        arguments->topic ? arguments->topic : arguments->given.places[0];
    uint64_t birth = iso_hlc_of_ms(iso_now_ms(&iso_clock_machine));
    bool shared = strcmp(arguments->logs, "shared") == 0;
    if (!shared && strcmp(arguments->logs, "per-region") != 0)
        return iso_fail(&cli->why, ISO_USAGE,
                        "--logs is shared or per-region, not '%s'", arguments->logs);
    definition->log_count = shared ? 1 : definition->region_count;
    definition->logs = iso_alloc_zero(definition->log_count, sizeof *definition->logs);
    for (size_t i = 0; i < definition->region_count; i++) {
        const struct iso_definition_region *region = &definition->regions[i];
        struct iso_definition_log *log = &definition->logs[shared ? 0 : i];
        log->writers |= (uint64_t)1 << (region->number - 1);
        if (log->topic != NULL)
            continue;
        const char *cluster = arguments->cluster;
        if (!shared && iso_settings_has(cli->settings, "region", region->name))
            cluster =
                iso_settings_text(cli->settings, "region", region->name, "cluster");
        log->number = (uint16_t)(i + 1);
        log->cluster = iso_strdup(cluster ? cluster : home);
        log->topic = log_topic(prefix, shared ? NULL : region->name);
        log->birth = birth;
    }
    return ISO_OK;
}

/* A collection of fields has rules, and its schema says them. */
static enum iso_err resolver_check(struct cli *cli,
                                   const struct collection_arguments *arguments)
{
    const char *name = arguments->resolver;
    if (iso_resolver_find(name) == NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "--resolver is lww, fields, siblings or plugin:NAME, not '%s'",
                        name);
    if (!iso_resolver_find(name)->has_fields)
        return ISO_OK;
    if (arguments->file == NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "a collection of fields begins with a schema, whose fields say "
                        "by \"merge\" how they merge: give --schema FILE");
    return iso_cli_schema_rules(cli, &arguments->schema);
}

/* Before anything is asked of Kafka. */
static enum iso_err schema_take(struct cli *cli, struct collection_arguments *arguments)
{
    if (!arguments->has_format)
        arguments->format = arguments->file ? ISO_FORMAT_AVRO : ISO_FORMAT_OPAQUE;
    if (arguments->format == ISO_FORMAT_OPAQUE && arguments->file != NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "opaque values have no schema: leave --schema out, or choose "
                        "--format avro or confluent");
    if (arguments->format == ISO_FORMAT_OPAQUE && arguments->has_mode)
        return iso_fail(&cli->why, ISO_USAGE,
                        "opaque values have no schemas to compare: leave "
                        "--compatibility out, or give --schema FILE");
    if (arguments->format != ISO_FORMAT_OPAQUE && arguments->file == NULL)
        return iso_fail(&cli->why, ISO_USAGE,
                        "values of that format name a schema, so the collection begins "
                        "with one: give --schema FILE (or --format opaque)");
    if (arguments->file == NULL)
        return ISO_OK;
    return iso_cli_schema_read(cli, arguments->file, &arguments->schema);
}

static enum iso_err schema_set(struct cli *cli, struct collection_arguments *arguments,
                               struct iso_definition *definition)
{
    enum iso_err err = ISO_OK;
    definition->format = arguments->format;
    definition->compatibility = arguments->mode;
    if (definition->format == ISO_FORMAT_CONFLUENT)
        err = iso_cli_schema_enter(cli, definition, &arguments->schema);
    if (err == ISO_OK && definition->format != ISO_FORMAT_OPAQUE)
        iso_cli_schema_add(definition, &arguments->schema);
    return err;
}

static enum iso_err definition_make(struct cli *cli,
                                    struct collection_arguments *arguments,
                                    struct iso_definition *definition)
{
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    iso_put_u64(definition->id, iso_chance_draw(&chance));
    iso_put_u64(definition->id + 8, iso_chance_draw(&chance));
    snprintf(definition->collection, sizeof definition->collection, "%s",
             arguments->given.places[0]);
    snprintf(definition->resolver, sizeof definition->resolver, "%s",
             arguments->resolver);
    definition->number = 1;
    definition->partitions = (uint32_t)arguments->partitions;
    definition->buckets = (uint32_t)arguments->buckets;
    definition->before_max_ms = arguments->before_max_ms;
    definition->after_max_ms = arguments->after_max_ms;
    definition->limits = (struct iso_definition_limits){.key_max = ISO_KEY_MAX,
                                                        .value_max = ISO_VALUE_MAX,
                                                        .header_max = ISO_HEADER_MAX,
                                                        .read_max = 1024};
    enum iso_err err = regions_take(cli, arguments->regions, definition);
    if (err == ISO_OK)
        err = logs_take(cli, arguments, definition);
    if (err == ISO_OK)
        err = schema_set(cli, arguments, definition);
    if (err == ISO_OK)
        err = iso_definition_encode(definition, &cli->why);
    return err;
}

/* ---- create ---- */

/* Of a collection that is there already: is it the one that is asked for? */
static enum iso_err same_shape(struct cli *cli,
                               const struct collection_arguments *arguments,
                               const struct iso_definition *there)
{
    bool shared = strcmp(arguments->logs, "shared") == 0;
    if (there->partitions == arguments->partitions &&
        there->buckets == arguments->buckets &&
        strcmp(there->resolver, arguments->resolver) == 0 &&
        (there->log_count == 1) == (shared || there->region_count == 1))
        return ISO_OK;
    return iso_fail(
        &cli->why, ISO_EXISTS,
        "collection %s is there already with %u partitions, %u buckets, "
        "resolver %s and %zu logs, and these never change: take another name "
        "(see `isostasy collection show %s`)",
        there->collection, there->partitions, there->buckets, there->resolver,
        there->log_count, there->collection);
}

/* And are its values? `newest`: its newest definition. */
static enum iso_err same_values(struct cli *cli,
                                const struct collection_arguments *arguments,
                                const struct iso_definition *newest)
{
    static const char *const names[] = {"avro", "confluent", "opaque"};
    size_t n;
    if (newest->format != arguments->format)
        return iso_fail(&cli->why, ISO_EXISTS,
                        "collection %s is there already with %s values, and that never "
                        "changes: take another name, or say --format and --schema as "
                        "it was made",
                        newest->collection, names[newest->format]);
    if (arguments->format != ISO_FORMAT_OPAQUE &&
        iso_cli_schema_find(newest, &arguments->schema, &n) != CLI_SCHEMA_THERE)
        return iso_fail(&cli->why, ISO_EXISTS,
                        "collection %s is there already with another schema: add this "
                        "one with `isostasy schema register %s %s`",
                        newest->collection, newest->collection, arguments->file);
    if (arguments->has_mode && newest->compatibility != arguments->mode)
        return iso_fail(&cli->why, ISO_EXISTS,
                        "collection %s is there already with compatibility %s: change "
                        "it with `isostasy schema register %s %s --compatibility %s`",
                        newest->collection,
                        iso_compatibility_name(newest->compatibility),
                        newest->collection, arguments->file,
                        iso_compatibility_name(arguments->mode));
    return ISO_OK;
}

static int replication_of(const struct cli *cli, const char *cluster)
{
    return (int)iso_settings_number(cli->settings, "cluster", cluster, "replication");
}

static enum iso_err topics_make(struct cli *cli,
                                const struct iso_definition *definition)
{
    const char *home = iso_settings_name(cli->settings, "cluster", 0);
    int64_t retention_ms =
        iso_settings_number(cli->settings, "topics", NULL, "retention");
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *log = &definition->logs[i];
        int replication = replication_of(cli, log->cluster);
        struct iso_bus *bus = NULL;
        enum iso_err err = iso_cli_bus(cli, log->cluster, &bus);
        if (err == ISO_OK)
            err = iso_control_topics(bus, iso_cli_prefix(cli),
                                     strcmp(log->cluster, home) == 0, replication,
                                     CLI_TIMEOUT_MS, &cli->why);
        struct iso_topic_options options = {.replication = replication,
                                            .retention_ms = retention_ms,
                                            .timeout_ms = CLI_TIMEOUT_MS};
        if (err == ISO_OK)
            err = iso_log_create(bus, definition, log, &options, &cli->why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

static enum iso_err logs_define(struct cli *cli,
                                const struct iso_definition *definition)
{
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    for (size_t i = 0; i < definition->log_count; i++) {
        const struct iso_definition_log *log = &definition->logs[i];
        struct iso_bus *bus = NULL;
        enum iso_err err = iso_cli_bus(cli, log->cluster, &bus);
        if (err == ISO_OK)
            err = iso_log_define(bus, definition, log, &chance, CLI_TIMEOUT_MS,
                                 &cli->why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

/* Topics first, then the announcement, then the DEFINEs: so nobody meets a definition
 * whose topics are not there. */
static enum iso_err collection_make(struct cli *cli,
                                    const struct iso_definition *definition)
{
    enum iso_err err = topics_make(cli, definition);
    struct iso_control_place place;
    if (err == ISO_OK)
        err = iso_cli_place(cli, &place);
    if (err == ISO_OK)
        err = iso_control_add_definition(&place, definition, cli->control, &cli->why);
    return err == ISO_OK ? logs_define(cli, definition) : err;
}

static void made_print(const struct iso_definition *definition, bool there)
{
    printf("collection %s: %u partitions, resolver %s, %zu log%s, %zu region%s%s\n",
           definition->collection, definition->partitions, definition->resolver,
           definition->log_count, definition->log_count == 1 ? "" : "s",
           definition->region_count, definition->region_count == 1 ? "" : "s",
           there ? " (was there already)" : "");
}

static enum iso_err create_run(struct cli *cli, struct collection_arguments *arguments)
{
    const char *name = arguments->given.places[0];
    enum iso_err err = iso_cli_control(cli);
    if (err != ISO_OK)
        return err;
    const struct iso_definition *there = iso_control_definition(cli->control, name, 1);
    struct iso_definition *made = iso_alloc_zero(1, sizeof *made);
    if (there == NULL)
        err = definition_make(cli, arguments, made);
    else
        err = same_shape(cli, arguments, there);
    if (err == ISO_OK && there != NULL)
        err =
            same_values(cli, arguments, iso_control_definition(cli->control, name, 0));
    const struct iso_definition *definition = there ? there : made;
    if (err == ISO_OK)
        err = collection_make(cli, definition);
    if (err == ISO_OK)
        made_print(definition, there != NULL);
    iso_definition_free(made);
    return err;
}

enum iso_err iso_cli_collection_create(struct cli *cli, int argc, char **argv)
{
    struct collection_arguments arguments = {
        .resolver = "lww",
        .logs = "shared",
        .partitions = 8,
        .buckets = ISO_BUCKETS_DEFAULT,
        .before_max_ms = 24 * 3600 * 1000,
        .after_max_ms = 60 * 1000,
    };
    const struct cli_syntax syntax = {.least = 1,
                                      .most = 1,
                                      .options = create_options,
                                      .parser = create_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    if (!iso_collection_name_valid(arguments.given.places[0]))
        return iso_fail(&cli->why, ISO_USAGE,
                        "a collection's name is 1 to %d of a-z, A-Z, 0-9, . _ and -",
                        ISO_COLLECTION_NAME_MAX);
    enum iso_err err = schema_take(cli, &arguments);
    if (err == ISO_OK)
        err = resolver_check(cli, &arguments);
    if (err == ISO_OK)
        err = create_run(cli, &arguments);
    iso_cli_schema_release(&arguments.schema);
    return err;
}
