/* isostasy collection list|show: what the control topic says of collections. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"

enum iso_err iso_cli_collection_list(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    iso_cli_parse(&(struct cli_syntax){.takes = CLI_JSON}, argc, argv, &given);
    enum iso_err err = iso_cli_control(cli);
    const char *name;
    for (size_t i = 0; err == ISO_OK; i++) {
        if ((name = iso_control_collection(cli->control, i)) == NULL)
            break;
        const struct iso_definition *row =
            iso_control_definition(cli->control, name, 0);
        if (given.json)
            iso_cli_print_json(json_pack("{s:s, s:i, s:i, s:s, s:i}", "name", name,
                                         "definition", (int)row->number, "partitions",
                                         (int)row->partitions, "resolver",
                                         row->resolver, "logs", (int)row->log_count));
        else
            printf("%-24s definition %u, %u partitions, %s, %zu logs\n", name,
                   row->number, row->partitions, row->resolver, row->log_count);
    }
    return err;
}

static void show_schema(const struct iso_definition *row, size_t n)
{
    const struct iso_definition_schema *schema = &row->schemas[n];
    struct iso_buf digits = {0}, title = {0};
    iso_hex_encode(&digits, iso_bytes(schema->fingerprint, sizeof schema->fingerprint));
    iso_cli_schema_title(schema->json, &title);
    printf("schema %-4zu %s %s", n + 1, iso_buf_text(&digits), iso_buf_text(&title));
    if (schema->has_registry_id)
        printf(" (registry id %d)", (int)schema->registry_id);
    putchar('\n');
    iso_buf_release(&digits);
    iso_buf_release(&title);
}

/* How the fields of the newest schema merge: {"visits": "counter", …}; NULL: it is no
 * collection of fields, or its schema cannot be used. */
static json_t *rules_json(const struct iso_definition *row)
{
    struct iso_schemas *schemas = iso_schemas_new(row);
    const struct iso_fields *fields =
        row->schema_count > 0 ? iso_schemas_fields(schemas, row->schema_count - 1)
                              : NULL;
    json_t *rules = fields != NULL ? json_object() : NULL;
    const struct iso_field *field;
    for (size_t n = 0; rules != NULL; n++) {
        if ((field = iso_fields_at(fields, n)) == NULL)
            break;
        struct iso_buf rule = {0};
        iso_buf_print(&rule, "%s%s", field->is_map ? "map:" : "",
                      iso_rule_name(field->rule));
        json_object_set_new(rules, field->name, json_string(iso_buf_text(&rule)));
        iso_buf_release(&rule);
    }
    iso_schemas_free(schemas);
    return rules;
}

static void show_rules(const struct iso_definition *row)
{
    json_t *rules = rules_json(row);
    for (void *at = json_object_iter(rules); at != NULL;
         at = json_object_iter_next(rules, at))
        printf("field       %s: %s\n", json_object_iter_key(at),
               json_string_value(json_object_iter_value(at)));
    json_decref(rules);
}

static void show_text(const struct iso_definition *row)
{
    static const char *const formats[] = {"avro", "confluent", "opaque"};
    printf("collection  %s (definition %u)\npartitions  %u, of %u buckets\n"
           "resolver    %s\nvalues      %s\nadmits      %llds before, %llds after the "
           "broker's clock\n",
           row->collection, row->number, row->partitions, row->buckets, row->resolver,
           formats[row->format], (long long)(row->before_max_ms / 1000),
           (long long)(row->after_max_ms / 1000));
    if (row->schema_count > 0)
        printf("schemas     compatibility %s\n",
               iso_compatibility_name(row->compatibility));
    for (size_t n = 0; n < row->schema_count; n++)
        show_schema(row, n);
    show_rules(row);
    for (size_t i = 0; i < row->log_count; i++) {
        const struct iso_definition_log *log = &row->logs[i];
        printf("log %-7u topic %s in cluster %s, written by", log->number, log->topic,
               log->cluster);
        for (size_t r = 0; r < row->region_count; r++) {
            if (log->writers >> (row->regions[r].number - 1) & 1)
                printf(" %s", row->regions[r].name);
        }
        for (size_t n = 0; n < log->succeeds_count; n++)
            printf("%s %u", n == 0 ? ", succeeds log" : ",", log->succeeds[n]);
        printf("%s\n", log->ends != NULL ? ", closed" : "");
    }
}

/* The definition as it travels, in Avro's JSON encoding, and what its extensions say.
 */
static enum iso_err show_json(struct cli *cli, const struct iso_definition *row)
{
    struct iso_buf json = {0};
    enum iso_err err = iso_avro_to_json(iso_avsc(ISO_AVSC_COLLECTION),
                                        iso_buf_bytes(&row->bytes), &json, &cli->why);
    json_t *object = NULL;
    if (err == ISO_OK)
        object = json_loadb((const char *)json.data, json.size, JSON_ALLOW_NUL, NULL);
    iso_buf_release(&json);
    if (err != ISO_OK)
        return err;
    json_object_set_new(object, "compatibility",
                        json_string(iso_compatibility_name(row->compatibility)));
    json_t *rules = rules_json(row);
    if (rules != NULL)
        json_object_set_new(object, "rules", rules);
    iso_cli_print_json(object);
    return ISO_OK;
}

enum iso_err iso_cli_collection_show(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON, .least = 1, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &given);
    const struct iso_definition *definition;
    enum iso_err err = iso_cli_definition(cli, given.places[0], &definition);
    if (err != ISO_OK)
        return err;
    if (!given.json) {
        show_text(definition);
        return ISO_OK;
    }
    return show_json(cli, definition);
}
