/* isostasy resolver check: tries a resolver plug-in with values that it generates
 * itself, as every loader does before its first use, only with more cases; and the
 * plug-in that `get` and `export` show a collection by. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"
#include "consumer/plugin.h"
#include "consumer/replica.h"

/* Before one read a few are enough: the plug-in's author has tried it with many. */
enum { CHECK_CASES = 10000, READ_CASES = 64, HEX_SHOWN = 64 };

/* ---- reading ---- */

enum iso_err iso_cli_plugin(struct cli *cli, struct iso_replica *replica,
                            const char *collection, struct iso_plugin_child **plugin)
{
    static const char resolver[] = "plugin:";
    const struct iso_definition *definition;
    *plugin = NULL;
    enum iso_err err =
        iso_replica_definition(replica, collection, &definition, &cli->why);
    if (err != ISO_OK || strncmp(definition->resolver, resolver, strlen(resolver)) != 0)
        return err;
    const char *name = definition->resolver + strlen(resolver);
    const char *path = iso_settings_text(cli->settings, "plugin", name, "path");
    if (path == NULL) {
        fprintf(stderr,
                "isostasy: plug-in %s is not in the settings, so only the newest value "
                "of each key is shown: write `path = FILE` into section [plugin %s]\n",
                name, name);
        return ISO_OK;
    }
    const struct iso_plugin_options options = {
        .name = name,
        .path = path,
        .timeout_ms =
            (int)iso_settings_number(cli->settings, "plugin", name, "timeout"),
        .checks = READ_CASES};
    err = iso_plugin_open(&options, plugin, &cli->why);
    return err != ISO_OK ? err
                         : iso_replica_plugin(replica, collection, *plugin, &cli->why);
}

/* ---- check ---- */

struct check_arguments {
    struct cli_given given; /* path */
    uint64_t cases, seed;
    int64_t timeout_ms;
    const char *schema; /* file; NULL: values are any bytes */
    int32_t schema_id;  /* 0: values name the schema by its fingerprint */
};

static const struct argp_option check_options[] = {
    {"cases", 'n', "N", 0, "How many cases to try (10000)", 0},
    {"seed", 's', "N", 0, "Which cases are drawn; the same, the same ones (0)", 0},
    {"timeout", 't', "TIME", 0, "How long one answer may take (1s)", 0},
    {"schema", 'S', "FILE", 0, "Values and answers must be of this schema", 0},
    {"id", 'i', "ID", 0, "They name it by this id of the registry (Confluent)", 0},
    {0},
};

static error_t check_option(int key, char *value, struct argp_state *state)
{
    struct check_arguments *arguments = state->input;
    struct iso_why why;
    char *end = value;
    errno = 0;
    uint64_t number =
        key == 'n' || key == 's' || key == 'i' ? strtoull(value, &end, 10) : 0;
    bool good = end != value && *end == '\0' && errno == 0 && value[0] != '-';
    switch (key) {
    case 'n':
        if (!good || number == 0)
            argp_error(state, "'%s' is no number of cases", value);
        arguments->cases = number;
        return 0;
    case 's':
        if (!good)
            argp_error(state, "'%s' is no seed: write a number", value);
        arguments->seed = number;
        return 0;
    case 't':
        if (iso_duration_parse(value, &arguments->timeout_ms, &why) != ISO_OK)
            argp_error(state, "%s", why.text);
        if (arguments->timeout_ms < 1 || arguments->timeout_ms > 60000)
            argp_error(state, "'%s' is not within 1ms and 1m", value);
        return 0;
    case 'S':
        arguments->schema = value;
        return 0;
    case 'i':
        if (!good || number == 0 || number > INT32_MAX)
            argp_error(state, "'%s' is no id of a registry", value);
        arguments->schema_id = (int32_t)number;
        return 0;
    case ARGP_KEY_END:
        if (arguments->schema_id != 0 && arguments->schema == NULL)
            argp_error(state, "--id needs the schema that it is of: add --schema FILE");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *bytes_json(const struct iso_buf *bytes)
{
    struct iso_buf hex = {0};
    iso_hex_encode(&hex, iso_buf_bytes(bytes));
    json_t *text = json_string(iso_buf_text(&hex));
    iso_buf_release(&hex);
    return text;
}

static json_t *example_json(const struct iso_plugin_example *example)
{
    char version[ISO_VERSION_DIGITS + 1], seed[24];
    iso_version_text(example->version, version);
    snprintf(seed, sizeof seed, "%" PRIu64, example->seed);
    return json_pack("{s:s, s:s, s:o}", "version", version, "seed", seed, "value",
                     bytes_json(&example->value));
}

static void report_print_json(const struct iso_plugin_report *report, const char *why)
{
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I, s:b}", "name", report->name, "words",
                  report->words, "cases", (json_int_t)report->cases, "answers",
                  (json_int_t)report->answers, "keeps", why == NULL);
    if (why != NULL) {
        json_t *siblings = json_array(), *shown = json_array();
        for (size_t n = 0; n < report->count; n++)
            json_array_append_new(siblings, example_json(&report->siblings[n]));
        for (size_t n = 0; n < report->given; n++)
            json_array_append_new(shown, bytes_json(&report->shown[n]));
        json_object_set_new(object, "why", json_string(why));
        json_object_set_new(object, "siblings", siblings);
        json_object_set_new(object, "shown", shown);
    }
    iso_cli_print_json(object);
}

/* In hexadecimal digits; of long ones the beginning. */
static void bytes_print(const struct iso_buf *bytes)
{
    struct iso_buf hex = {0};
    size_t shown = bytes->size < HEX_SHOWN ? bytes->size : HEX_SHOWN;
    iso_hex_encode(&hex, iso_bytes(bytes->data, shown));
    printf("%s", iso_buf_text(&hex));
    if (shown < bytes->size)
        printf("… (%zu bytes; whole with --json)", bytes->size);
    putchar('\n');
    iso_buf_release(&hex);
}

static void report_print(const struct iso_plugin_report *report, const char *why)
{
    printf("plug-in %s: %s\n%" PRIu64 " cases, %" PRIu64 " answers: %s\n", report->name,
           report->words, report->cases, report->answers,
           why == NULL ? "it keeps the rules" : "it breaks the rules");
    for (size_t n = 0; why != NULL && n < report->count; n++) {
        char version[ISO_VERSION_DIGITS + 1];
        iso_version_text(report->siblings[n].version, version);
        printf("sibling  %s  seed %" PRIu64 "  ", version, report->siblings[n].seed);
        bytes_print(&report->siblings[n].value);
    }
    for (size_t n = 0; why != NULL && n < report->given; n++) {
        printf("%s", n == 0 ? "answer   " : "another  ");
        bytes_print(&report->shown[n]);
    }
}

/* Opens the plug-in with the checks, and prints what they found. */
static enum iso_err plugin_check(struct cli *cli,
                                 const struct check_arguments *arguments,
                                 const char *path,
                                 const struct iso_definition *definition)
{
    struct iso_plugin_report report = {0};
    struct iso_plugin_child *plugin = NULL;
    const struct iso_plugin_options options = {.path = path,
                                               .timeout_ms = (int)arguments->timeout_ms,
                                               .checks = arguments->cases,
                                               .seed = arguments->seed,
                                               .report = &report,
                                               .definition = definition};
    enum iso_err err = iso_plugin_open(&options, &plugin, &cli->why);
    if (err == ISO_OK || err == ISO_REFUSED) {
        const char *why = err == ISO_OK ? NULL : cli->why.text;
        if (arguments->given.json)
            report_print_json(&report, why);
        else
            report_print(&report, why);
    }
    if (err == ISO_REFUSED) /* an answer, as that of `schema check` */
        err = ISO_INCOMPATIBLE;
    iso_plugin_close(plugin);
    iso_plugin_report_release(&report);
    return err;
}

/* By a collection of this one schema. */
static enum iso_err plugin_check_by(struct cli *cli,
                                    const struct check_arguments *arguments,
                                    const char *path)
{
    struct cli_schema schema;
    enum iso_err err = iso_cli_schema_read(cli, arguments->schema, &schema);
    if (err != ISO_OK)
        return err;
    struct iso_definition_schema named = {.has_registry_id = arguments->schema_id != 0,
                                          .registry_id = arguments->schema_id};
    memcpy(named.fingerprint, schema.fingerprint, sizeof named.fingerprint);
    iso_buf_text(&schema.json); /* ends it */
    named.json = (char *)schema.json.data;
    struct iso_definition definition = {
        .collection = "(checked)",
        .resolver = "plugin:checked",
        .format = named.has_registry_id ? ISO_FORMAT_CONFLUENT : ISO_FORMAT_AVRO,
        .schemas = &named,
        .schema_count = 1};
    err = plugin_check(cli, arguments, path, &definition);
    iso_cli_schema_release(&schema);
    return err;
}

enum iso_err iso_cli_resolver_check(struct cli *cli, int argc, char **argv)
{
    struct check_arguments arguments = {.cases = CHECK_CASES};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .least = 1,
                                      .most = 1,
                                      .options = check_options,
                                      .parser = check_option,
                                      .input = &arguments};
    iso_cli_parse(&syntax, argc, argv, &arguments.given);
    char path[PATH_MAX];
    if (realpath(arguments.given.places[0], path) == NULL)
        return iso_fail(&cli->why, ISO_IO, "%s: %s", arguments.given.places[0],
                        strerror(errno));
    return arguments.schema != NULL ? plugin_check_by(cli, &arguments, path)
                                    : plugin_check(cli, &arguments, path, NULL);
}
