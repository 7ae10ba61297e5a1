/* isostasy log list, log replace: the logs of a collection, and one that another
 * succeeds. What is done, and in which order, is producer/define.h's; here it is said
 * before, and told while it happens.
 *
 * Without --yes nothing is done. Interrupted, the same command goes on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "producer/define.h"

/* ---- words ---- */

static void writers_print(const struct iso_definition *definition,
                          const struct iso_definition_log *log, struct iso_buf *text)
{
    for (size_t r = 0; r < definition->region_count; r++)
        if ((log->writers >> (definition->regions[r].number - 1) & 1) != 0)
            iso_buf_print(text, "%s%s", text->size > 0 ? " " : "",
                          definition->regions[r].name);
}

static uint64_t records_of(const struct iso_definition *definition,
                           const struct iso_definition_log *log)
{
    uint64_t records = 0;
    for (uint32_t p = 0; p < definition->partitions; p++)
        records += (uint64_t)log->ends[p];
    return records;
}

/* "open", "closed"; "fenced": closing it was begun and not finished; "unknown". */
static const char *log_state(struct cli *cli, const struct iso_definition_log *log)
{
    struct iso_bus *bus;
    struct iso_why why;
    bool fenced;
    if (log->ends != NULL)
        return "closed";
    if (iso_cli_bus(cli, log->cluster, &bus) != ISO_OK ||
        iso_log_fenced(bus, log, CLI_TIMEOUT_MS, &fenced, &why) != ISO_OK)
        return "unknown";
    return fenced ? "fenced" : "open";
}

/* ---- list ---- */

static json_t *log_json(struct cli *cli, const struct iso_definition *definition,
                        const struct iso_definition_log *log)
{
    json_t *writers = json_array(), *succeeds = json_array();
    for (size_t r = 0; r < definition->region_count; r++)
        if ((log->writers >> (definition->regions[r].number - 1) & 1) != 0)
            json_array_append_new(writers, json_string(definition->regions[r].name));
    for (size_t n = 0; n < log->succeeds_count; n++)
        json_array_append_new(succeeds, json_integer(log->succeeds[n]));
    json_t *object = json_pack(
        "{s:i, s:s, s:s, s:s, s:o, s:o, s:I}", "log", (int)log->number, "state",
        log_state(cli, log), "topic", log->topic, "cluster", log->cluster, "writers",
        writers, "succeeds", succeeds, "birth_ms", (json_int_t)iso_hlc_ms(log->birth));
    json_t *ends = log->ends != NULL ? json_array() : NULL;
    for (uint32_t p = 0; ends != NULL && p < definition->partitions; p++)
        json_array_append_new(ends, json_integer(log->ends[p]));
    if (ends != NULL)
        json_object_set_new(object, "ends", ends);
    return object;
}

static void log_print(struct cli *cli, const struct iso_definition *definition,
                      const struct iso_definition_log *log)
{
    struct iso_buf writers = {0};
    writers_print(definition, log, &writers);
    const char *state = log_state(cli, log);
    printf("log %-5u %-8s topic %s in cluster %s, written by %s", log->number, state,
           log->topic, log->cluster, iso_buf_text(&writers));
    for (size_t n = 0; n < log->succeeds_count; n++)
        printf("%s %u", n == 0 ? "; succeeds log" : ",", log->succeeds[n]);
    if (log->ends != NULL)
        printf("; ended after %" PRIu64 " records", records_of(definition, log));
    if (strcmp(state, "fenced") == 0)
        printf("; nobody can write to it: finish with `isostasy log replace %s %u "
               "--yes`",
               definition->collection, log->number);
    putchar('\n');
    iso_buf_release(&writers);
}

enum iso_err iso_cli_log_list(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON, .least = 1, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &given);
    const struct iso_definition *definition;
    enum iso_err err = iso_cli_definition(cli, given.places[0], &definition);
    if (err != ISO_OK)
        return err;
    json_t *logs = given.json ? json_array() : NULL;
    for (size_t i = 0; i < definition->log_count; i++) {
        if (given.json)
            json_array_append_new(logs,
                                  log_json(cli, definition, &definition->logs[i]));
        else
            log_print(cli, definition, &definition->logs[i]);
    }
    if (given.json)
        iso_cli_print_json(json_pack("{s:s, s:i, s:o}", "collection",
                                     definition->collection, "definition",
                                     (int)definition->number, "logs", logs));
    return ISO_OK;
}

/* ---- replace ---- */

struct replace_arguments {
    struct cli_given given; /* collection, log */
    const char *cluster, *topic;
    bool yes;
};

static const struct argp_option replace_options[] = {
    {"cluster", 'k', "NAME", 0, "Of the successor (default: that of the log)", 0},
    {"topic", 't', "NAME", 0,
     "Of the successor (default: the log's, with the new log's number)", 0},
    {"yes", 'y', NULL, 0, "Do it; else it is only said what would be done", 0},
    {0},
};

static error_t replace_option(int key, char *value, struct argp_state *state)
{
    struct replace_arguments *arguments = state->input;
    switch (key) {
    case 'k':
        arguments->cluster = value;
        return 0;
    case 't':
        arguments->topic = value;
        return 0;
    case 'y':
        arguments->yes = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum iso_err number_of(struct cli *cli, const char *text, uint16_t *number)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 1 || value > ISO_LOG_MAX)
        return iso_fail(&cli->why, ISO_USAGE,
                        "'%.40s' is no log's number: see isostasy log list", text);
    *number = (uint16_t)value;
    return ISO_OK;
}

static enum iso_err replace_ask(void *user, const char *cluster, struct iso_bus **bus,
                                struct iso_topic_options *options, struct iso_why *why)
{
    struct cli *cli = user;
    enum iso_err err = iso_cli_bus(cli, cluster, bus);
    if (err != ISO_OK) {
        if (why != &cli->why)
            *why = cli->why;
        return err;
    }
    options->replication =
        (int)iso_settings_number(cli->settings, "cluster", cluster, "replication");
    options->retention_ms =
        iso_settings_number(cli->settings, "topics", NULL, "retention");
    options->timeout_ms = CLI_TIMEOUT_MS;
    return ISO_OK;
}

static void replace_told(void *user, const char *sentence)
{
    const struct cli *cli = user;
    (void)cli;
    fprintf(stderr, "%s\n", sentence);
}

/* What would be done. */
static void plan_print(const struct iso_definition *definition,
                       const struct iso_definition_log *log,
                       const struct replace_arguments *arguments)
{
    struct iso_buf topic = {0}, writers = {0};
    unsigned next = iso_log_successor(definition, log, &topic);
    const char *name = arguments->topic ? arguments->topic : iso_buf_text(&topic);
    const char *cluster = arguments->cluster ? arguments->cluster : log->cluster;
    writers_print(definition, log, &writers);
    printf("log %u of %s (topic %s in cluster %s, written by %s) would be closed, and "
           "log %u succeed it:\n"
           "  1  topic %s is made in cluster %s\n"
           "  2  topic %s is fenced (max.message.bytes=0): nobody can write to it any "
           "more, other Kafka clients included\n"
           "  3  its ends are read, and announced: from here on it is not undone\n"
           "  4  the new definition is written into log %u, and every other open log\n"
           "  5  writers go on in log %u; between 2 and 5, some seconds (several "
           "brokers: a minute), their writes "
           "wait\n"
           "Topic %s stays: regions that are behind read it to its end.\n"
           "Nothing was done. To do it, say the same with --yes.\n",
           log->number, definition->collection, log->topic, log->cluster,
           iso_buf_text(&writers), next, name, cluster, log->topic, next, next,
           log->topic);
    iso_buf_release(&topic);
    iso_buf_release(&writers);
}

static void replaced_print(const struct iso_log_replacing *replacing, bool json)
{
    const struct iso_definition_log *log = replacing->successor;
    const struct iso_definition *definition = replacing->definition;
    const struct iso_definition_log *was =
        iso_definition_log(definition, replacing->log);
    if (json) {
        iso_cli_print_json(json_pack(
            "{s:s, s:i, s:i, s:I, s:i, s:s, s:s}", "collection", definition->collection,
            "definition", (int)definition->number, "closed", (int)was->number,
            "records", (json_int_t)records_of(definition, was), "log", (int)log->number,
            "topic", log->topic, "cluster", log->cluster));
        return;
    }
    printf("log %u of %s is closed after %" PRIu64
           " records; log %u (topic %s in cluster %s) succeeds it\n",
           was->number, definition->collection, records_of(definition, was),
           log->number, log->topic, log->cluster);
}

/* Daemons tell of themselves in every cluster that has a log. */
static enum iso_err cluster_prepare(struct cli *cli, const char *cluster)
{
    struct iso_bus *bus;
    const char *home = iso_settings_name(cli->settings, "cluster", 0);
    enum iso_err err = iso_cli_bus(cli, cluster, &bus);
    if (err != ISO_OK)
        return err;
    return iso_control_topics(
        bus, iso_cli_prefix(cli), strcmp(cluster, home) == 0,
        (int)iso_settings_number(cli->settings, "cluster", cluster, "replication"),
        CLI_TIMEOUT_MS, &cli->why);
}

static enum iso_err
replace_run(struct cli *cli, const struct replace_arguments *arguments, uint16_t number)
{
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    struct iso_log_replacing replacing = {.control = cli->control,
                                          .collection = arguments->given.places[0],
                                          .log = number,
                                          .cluster = arguments->cluster,
                                          .topic = arguments->topic,
                                          .clock = &iso_clock_machine,
                                          .chance = &chance,
                                          .ask = replace_ask,
                                          .told = replace_told,
                                          .user = cli};
    enum iso_err err = iso_cli_place(cli, &replacing.place);
    if (err == ISO_OK && arguments->cluster != NULL)
        err = cluster_prepare(cli, arguments->cluster);
    if (err == ISO_OK)
        err = iso_log_replace(&replacing, &cli->why);
    if (err == ISO_OK)
        replaced_print(&replacing, arguments->given.json);
    else if (iso_err_kind(err) == ISO_RETRY)
        iso_fail_at(&cli->why, err,
                    "log %u of %s is not replaced yet (the same command again goes on)",
                    number, replacing.collection);
    return err;
}

enum iso_err iso_cli_log_replace(struct cli *cli, int argc, char **argv)
{
    struct replace_arguments arguments = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .least = 2,
                                      .most = 2,
                                      .options = replace_options,
                                      .parser = replace_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    uint16_t number = 0;
    const struct iso_definition *definition;
    enum iso_err err = number_of(cli, arguments.given.places[1], &number);
    if (err == ISO_OK)
        err = iso_cli_definition(cli, arguments.given.places[0], &definition);
    if (err != ISO_OK)
        return err;
    const struct iso_definition_log *log = iso_definition_log(definition, number);
    if (log == NULL)
        return iso_fail(&cli->why, ISO_NOT_FOUND,
                        "collection %s has no log %u: see isostasy log list %s",
                        definition->collection, number, definition->collection);
    if (arguments.yes)
        return replace_run(cli, &arguments, number);
    if (log->ends == NULL)
        plan_print(definition, log, &arguments);
    else
        printf("log %u of %s is closed already; with --yes, whatever step of that is "
               "missing is done\n",
               number, definition->collection);
    return ISO_OK;
}
