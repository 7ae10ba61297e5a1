/* isostasy dead-letter list|show|replay: records that were refused, and why.
 *
 * An ID is TOPIC/PARTITION/OFFSET: where the refused record stands. Replay writes its
 * key and value anew, as an ordinary blind write of a region; the letter stays on
 * record.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/schema.h"
#include "producer/producer.h"
#include "schema/dead_letter.h"

/* A walk over the dead letters of every cluster. */
struct letter_walk {
    struct cli *cli;
    const struct cli_given *given; /* places[0]: the ID, or NULL */
    enum iso_err (*each)(struct letter_walk *walk,
                         const struct iso_dead_letter *letter);
    uint64_t count;
};

static void letter_id(const struct iso_dead_letter *letter, struct iso_buf *id)
{
    iso_buf_clear(id);
    iso_dead_letter_key(letter, id);
}

static enum iso_err letter_record(void *user, const struct iso_record *record,
                                  struct iso_why *why)
{
    struct letter_walk *walk = user;
    struct iso_dead_letter letter;
    if (!record->has_value ||
        iso_dead_letter_decode(record->value, &letter, why) != ISO_OK)
        return ISO_OK; /* not ours */
    struct iso_buf id = {0};
    letter_id(&letter, &id);
    const char *wanted = walk->given->places[0];
    bool ours = wanted == NULL || strcmp(wanted, iso_buf_text(&id)) == 0;
    iso_buf_release(&id);
    if (!ours)
        return ISO_OK;
    walk->count++;
    enum iso_err err = walk->each(walk, &letter);
    if (err != ISO_OK)
        *why = walk->cli->why; /* the walk hands on what stands there */
    return err == ISO_OK && wanted != NULL ? ISO_END : err; /* twice is once */
}

static enum iso_err letters_of(struct letter_walk *walk, const char *cluster)
{
    struct cli *cli = walk->cli;
    struct iso_bus *bus = NULL;
    enum iso_err err = iso_cli_bus(cli, cluster, &bus);
    if (err != ISO_OK)
        return err;
    struct iso_buf topic = {0};
    iso_buf_print(&topic, "%sdead-letter", iso_cli_prefix(cli));
    struct iso_position ends = {.topic = iso_buf_text(&topic)};
    err = iso_bus_ends(bus, &ends, 1, CLI_TIMEOUT_MS, &cli->why);
    struct iso_walk letters = {.topic = ends.topic,
                               .from = ends.begin,
                               .timeout_ms = CLI_TIMEOUT_MS,
                               .each = letter_record,
                               .user = walk};
    if (err == ISO_OK)
        err = iso_bus_read(bus, &letters, NULL, &cli->why);
    else if (err == ISO_NOT_FOUND)
        err = ISO_OK; /* nothing was ever refused here */
    iso_buf_release(&topic);
    return err;
}

static enum iso_err letters_walk(struct letter_walk *walk)
{
    const char *cluster;
    for (int n = 0;
         (cluster = iso_settings_name(walk->cli->settings, "cluster", n)) != NULL;
         n++) {
        enum iso_err err = letters_of(walk, cluster);
        if (err == ISO_END)
            return ISO_OK;
        if (err != ISO_OK)
            return err;
    }
    if (walk->given->places[0] != NULL && walk->count == 0)
        return iso_fail(&walk->cli->why, ISO_NOT_FOUND,
                        "there is no dead letter %s: see `isostasy dead-letter list`",
                        walk->given->places[0]);
    return ISO_OK;
}

/* ---- list and show ---- */

static json_t *letter_json(const struct iso_dead_letter *letter, bool whole)
{
    struct iso_buf id = {0};
    letter_id(letter, &id);
    json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:I}", "id", iso_buf_text(&id),
                               "collection", iso_cli_json_bytes(letter->collection),
                               "error", iso_cli_json_bytes(letter->error), "reason",
                               iso_cli_json_bytes(letter->reason), "appended_ms",
                               (json_int_t)letter->append_ms);
    iso_buf_release(&id);
    if (letter->has_key)
        json_object_set_new(object, "key", iso_cli_json_bytes(letter->key));
    if (whole && letter->has_value)
        json_object_set_new(object, "value", iso_cli_json_bytes(letter->value));
    if (whole && letter->has_header)
        json_object_set_new(object, "header", iso_cli_json_bytes(letter->header));
    if (letter->value_cut)
        json_object_set_new(object, "value_cut", json_true());
    return object;
}

static enum iso_err letter_list(struct letter_walk *walk,
                                const struct iso_dead_letter *letter)
{
    if (walk->given->json) {
        iso_cli_print_json(letter_json(letter, false));
        return ISO_OK;
    }
    struct iso_buf id = {0};
    letter_id(letter, &id);
    printf("%-28s %-14.*s %.*s\n", iso_buf_text(&id), (int)letter->error.size,
           (const char *)letter->error.data, (int)letter->reason.size,
           (const char *)letter->reason.data);
    iso_buf_release(&id);
    return ISO_OK;
}

/* Does its value stand for operations on fields? */
static bool letter_is_patch(const struct iso_dead_letter *letter)
{
    struct iso_buf scratch = {0};
    struct iso_write write;
    struct iso_why unheard;
    bool decoded =
        letter->has_header && !letter->header_cut &&
        iso_write_decode(letter->header, &scratch, &write, &unheard) == ISO_OK;
    iso_buf_release(&scratch);
    return decoded && write.operation == ISO_PATCH;
}

/* The value as JSON, when it is a patch, or one of a schema of its collection: appends.
 */
static bool letter_value(struct cli *cli, const struct iso_dead_letter *letter,
                         struct iso_buf *json)
{
    struct iso_why unheard;
    if (letter_is_patch(letter))
        return iso_avro_to_json(iso_avsc(ISO_AVSC_PATCH), letter->value, json,
                                &unheard) == ISO_OK;
    struct iso_buf name = {0};
    iso_buf_add_bytes(&name, letter->collection);
    const struct iso_definition *definition;
    struct cli_view *view = NULL;
    enum iso_err err = letter->has_value && !letter->value_cut ? ISO_OK : ISO_NOT_FOUND;
    if (err == ISO_OK)
        err = iso_cli_definition(cli, iso_buf_text(&name), &definition);
    if (err == ISO_OK)
        err = iso_cli_view_new(cli, definition, NULL, false, &view);
    bool shown = err == ISO_OK && iso_cli_view_is_json(view) &&
                 iso_cli_view_text(cli, view, letter->value, json) == ISO_OK;
    cli->why = (struct iso_why){0}; /* it was only asked */
    iso_cli_view_free(view);
    iso_buf_release(&name);
    return shown;
}

static void field_print(const char *name, bool has, struct iso_bytes bytes)
{
    struct iso_buf text = {0};
    iso_escape(&text, bytes);
    printf("%-10s %s\n", name, has ? iso_buf_text(&text) : "(none)");
    iso_buf_release(&text);
}

static enum iso_err letter_show(struct letter_walk *walk,
                                const struct iso_dead_letter *letter)
{
    struct iso_buf json = {0};
    bool shown = letter_value(walk->cli, letter, &json);
    if (walk->given->json) {
        json_t *object = letter_json(letter, true);
        if (shown)
            json_object_set_new(object, "json",
                                json_loads(iso_buf_text(&json),
                                           JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        iso_cli_print_json(object);
        iso_buf_release(&json);
        return ISO_OK;
    }
    letter_list(walk, letter);
    field_print("collection", true, letter->collection);
    field_print("key", letter->has_key, letter->key);
    field_print("header", letter->has_header, letter->header);
    field_print("value", letter->has_value, letter->value);
    if (shown)
        printf("%-10s %s\n", "as JSON", iso_buf_text(&json));
    iso_buf_release(&json);
    if (letter->value_cut)
        printf("(the value was longer than %d bytes, and is cut)\n",
               ISO_DEAD_LETTER_VALUE_MAX);
    return ISO_OK;
}

enum iso_err iso_cli_dead_letter_list(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON};
    iso_cli_parse(&syntax, argc, argv, &given);
    struct letter_walk walk = {.cli = cli, .given = &given, .each = letter_list};
    return letters_walk(&walk);
}

enum iso_err iso_cli_dead_letter_show(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON, .least = 1, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &given);
    struct letter_walk walk = {.cli = cli, .given = &given, .each = letter_show};
    return letters_walk(&walk);
}

/* ---- replay ---- */

static void replay_acknowledged(void *user, const struct iso_ack *ack)
{
    struct cli *cli = user;
    if (ack->state == ISO_DURABLE)
        cli->why = (struct iso_why){0};
    else
        iso_fail(&cli->why, ack->err != ISO_OK ? ack->err : ISO_UNKNOWN, "%s",
                 ack->text);
}

static enum iso_err replay_write(struct cli *cli, struct iso_producer *producer,
                                 const struct iso_dead_letter *letter)
{
    enum iso_err err =
        letter->has_value
            ? iso_producer_put(producer, letter->key, letter->value, NULL, &cli->why)
            : iso_producer_delete(producer, letter->key, NULL, &cli->why);
    if (err != ISO_OK)
        return err;
    iso_fail(&cli->why, ISO_UNKNOWN, "no answer came");
    struct iso_why flush;
    err = iso_producer_flush(producer, CLI_TIMEOUT_MS, &flush);
    return err == ISO_OK ? cli->why.err : err;
}

static enum iso_err letter_replay(struct letter_walk *walk,
                                  const struct iso_dead_letter *letter)
{
    struct cli *cli = walk->cli;
    if (!letter->has_key || letter->value_cut)
        return iso_fail(
            &cli->why, ISO_BAD_DATA,
            "%s cannot be written anew: %s; write it by hand with `isostasy "
            "put`",
            walk->given->places[0],
            letter->has_key ? "its value was cut" : "it has no key");
    if (letter_is_patch(letter))
        return iso_fail(&cli->why, ISO_BAD_DATA,
                        "%s is a PATCH, whose context is not what stands there now: "
                        "look at it (isostasy dead-letter show), and do what it asks "
                        "with `isostasy patch`",
                        walk->given->places[0]);
    const char *region;
    char collection[ISO_KEY_MAX];
    enum iso_err err = iso_cli_region(cli, walk->given->region, &region);
    if (err != ISO_OK)
        return err;
    snprintf(collection, sizeof collection, "%.*s", (int)letter->collection.size,
             (const char *)letter->collection.data);
    struct iso_producer_options options = {.region = region,
                                           .collection = collection,
                                           .acknowledged = replay_acknowledged,
                                           .user = cli,
                                           .client_id = "isostasy-replay"};
    struct iso_producer *producer;
    err = iso_producer_open(cli->settings, &options, &producer, &cli->why);
    if (err != ISO_OK)
        return err;
    err = replay_write(cli, producer, letter);
    iso_producer_close(producer);
    if (err == ISO_OK)
        printf("%s is written anew, by region %s\n", walk->given->places[0], region);
    return err;
}

enum iso_err iso_cli_dead_letter_replay(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_REGION, .least = 1, .most = 1};
    iso_cli_parse(&syntax, argc, argv, &given);
    struct letter_walk walk = {.cli = cli, .given = &given, .each = letter_replay};
    return letters_walk(&walk);
}
