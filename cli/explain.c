/* isostasy explain: all that a region holds of a key, and why. One JSON object is made
 * of it; text is that object, written for people. */
#include "cli/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/when.h"

/* ---- the whole as JSON ---- */

/* What readers are shown, in a word. */
static const char *kind_of(const struct iso_explained *explained)
{
    if (explained->found)
        return explained->is_whole               ? "value"
               : explained->resolver->has_fields ? "record"
                                                 : "siblings";
    if (!explained->has_entry)
        return "nothing";
    return explained->is_whole && explained->entry.kind == ISO_EXPIRING ? "expired"
                                                                        : "deleted";
}

static void set_entry(const struct cli_held *held,
                      const struct iso_explained *explained, json_t *object,
                      struct iso_buf *why)
{
    struct iso_held now;
    if (!iso_explained_stands(explained, (struct iso_bytes){0}, &now)) {
        iso_buf_print(why, "nothing is held under the key");
        return;
    }
    json_t *write = iso_cli_explain_write(held, &now);
    if (now.kind != ISO_TOMBSTONE)
        json_object_set_new(write, "value", iso_cli_held_whole(held, now.value));
    json_object_set_new(object, "write", write);
    iso_cli_explain_names(held, explained->entry.names, object);
    iso_cli_explain_larger(held, explained, now.version, (struct iso_bytes){0}, why);
    if (now.kind == ISO_TOMBSTONE)
        iso_buf_print(why, "; it deleted the key");
    else if (!explained->found)
        iso_buf_print(why, "; it has expired, and is hidden");
}

static void set_siblings(const struct cli_held *held,
                         const struct iso_explained *explained, json_t *object,
                         struct iso_buf *why)
{
    json_t *siblings = json_array();
    json_object_set_new(object, "siblings", siblings);
    if (explained->parts.count == 0) {
        iso_buf_print(why, "nothing is held under the key");
        return;
    }
    const struct iso_part *part = &explained->parts.parts[0];
    size_t shown = 0; /* of very many the newest, as readers see them */
    for (size_t i = part->value_count; i-- > 0 && shown < ISO_SIBLINGS_SHOWN_MAX;
         shown++) {
        json_t *sibling = iso_cli_explain_write(held, &part->values[i]);
        json_object_set_new(sibling, "value",
                            iso_cli_held_whole(held, part->values[i].value));
        json_array_append_new(siblings, sibling);
    }
    iso_cli_explain_names(held, part->names, object);
    const char *resolver = held->definition->resolver;
    if (strncmp(resolver, "plugin:", 7) == 0)
        iso_buf_print(why,
                      "%zu value%s that no write replaced; the plug-in %s says "
                      "what readers are shown",
                      part->value_count, part->value_count == 1 ? "" : "s",
                      resolver + 7);
    else
        iso_buf_print(why, "%zu value%s that no write replaced, the newest first",
                      part->value_count, part->value_count == 1 ? "" : "s");
}

static void set_parts(const struct cli_held *held,
                      const struct iso_explained *explained, json_t *object,
                      struct iso_buf *why)
{
    const struct iso_parts *parts = &explained->parts;
    json_t *array = json_array();
    for (size_t i = 0; i < parts->count; i++)
        json_array_append_new(array,
                              iso_cli_explain_part(held, explained, &parts->parts[i]));
    json_object_set_new(object, "parts", array);
    if (parts->has_delete)
        json_object_set_new(object, "deleted",
                            iso_cli_explain_write(held, &parts->deleted));
    if (explained->found)
        iso_buf_print(why, "put together of its parts, each by its own rule");
    else if (parts->has_delete)
        iso_buf_print(why, "nothing was written since that the delete had not seen");
    else
        iso_buf_print(why, explained->has_entry ? "only remains are held"
                                                : "nothing is held under the key");
}

static void set_losers(const struct cli_held *held,
                       const struct iso_explained *explained, json_t *object)
{
    json_t *losers = json_array();
    for (size_t i = 0; i < explained->loser_count; i++) {
        const struct iso_replica_item *item = &explained->losers[i];
        struct iso_buf place = {0};
        struct iso_path path;
        json_t *loser = json_object();
        iso_cli_held_writer(held, item->version, loser);
        iso_cli_held_position(item->log, item->offset, loser);
        iso_cli_held_place(held, item->path, &place);
        if (place.size > 0)
            json_object_set_new(loser, "field", json_string(iso_buf_text(&place)));
        bool is_part = item->path.size > 0 && iso_path_decode(item->path, &path);
        if (item->dropped)
            json_object_set_new(loser, "dropped", json_true());
        else if (is_part)
            json_object_set_new(
                loser, "value",
                iso_cli_held_part(held, &path, item->fingerprint, item->value));
        else
            json_object_set_new(loser, "value", iso_cli_held_whole(held, item->value));
        json_array_append_new(losers, loser);
        iso_buf_release(&place);
    }
    json_object_set_new(object, "losers", losers);
    json_object_set_new(object, "losers_total",
                        json_integer((json_int_t)explained->loser_total));
    json_object_set_new(object, "names_in_ledger",
                        json_integer((json_int_t)explained->mark_total));
}

static json_t *explained_json(const struct cli_held *held, struct iso_bytes key,
                              const struct iso_explained *explained, const char *region)
{
    struct iso_buf why = {0};
    json_t *object =
        json_pack("{s:s, s:o, s:s, s:s, s:i, s:i, s:b, s:s}", "collection",
                  held->definition->collection, "key", iso_cli_json_bytes(key),
                  "region", region, "resolver", held->definition->resolver, "partition",
                  (int)explained->partition, "bucket", (int)explained->bucket, "found",
                  explained->found, "kind", kind_of(explained));
    json_object_set_new(object, "swept_ms", json_integer(explained->swept_ms));
    if (explained->is_whole)
        set_entry(held, explained, object, &why);
    else if (explained->resolver->has_fields)
        set_parts(held, explained, object, &why);
    else
        set_siblings(held, explained, object, &why);
    json_object_set_new(object, "why", json_string(iso_buf_text(&why)));
    set_losers(held, explained, object);
    iso_buf_release(&why);
    return object;
}

/* ---- as text ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void value_print(const json_t *object)
{
    struct iso_buf text = {0};
    const json_t *value = json_object_get(object, "value");
    if (value != NULL)
        iso_cli_json_text(value, &text);
    else if (json_is_true(json_object_get(object, "removed")))
        iso_buf_print(&text, "(removed)");
    else if (json_is_true(json_object_get(object, "dropped")))
        iso_buf_print(&text, "(its bytes were dropped here)");
    if (text.size > 0)
        printf("  %s", iso_buf_text(&text));
    iso_buf_release(&text);
}

static void write_print(const char *title, const json_t *write)
{
    const char *region = text_of(write, "region");
    struct iso_buf when = {0};
    printf("%s%s  %s by %s", title, text_of(write, "version"), text_of(write, "time"),
           *region != '\0' ? region : "a client without our header");
    if (json_object_get(write, "log") != NULL)
        printf(", log %lld, offset %lld", number_of(write, "log"),
               number_of(write, "offset"));
    if (json_object_get(write, "expiry_ms") != NULL) {
        iso_cli_when_text(number_of(write, "expiry_ms"), &when);
        printf(", expires %s", iso_buf_text(&when));
    }
    if (json_object_get(write, "field") != NULL)
        printf("  %s:", text_of(write, "field"));
    value_print(write);
    putchar('\n');
    iso_buf_release(&when);
}

static void names_print(const char *title, const json_t *object)
{
    const json_t *remembered = json_object_get(object, "remembered");
    const json_t *first = json_object_get(remembered, "first");
    if (remembered == NULL)
        return;
    printf("%snames of writes that were replaced, remembered until they can come no "
           "more: %lld\n",
           title, number_of(remembered, "count"));
    for (size_t i = 0; i < json_array_size(first); i++) {
        printf("  ");
        write_print(title, json_array_get(first, i));
    }
}

static void sum_print(const json_t *sum)
{
    const json_t *base = json_object_get(sum, "base");
    const char *region = text_of(sum, "region");
    printf("    %s in log %lld: sum %lld before offset %lld",
           *region != '\0' ? region : "a region without a name", number_of(sum, "log"),
           number_of(sum, "sum"), number_of(sum, "next"));
    if (base != NULL)
        printf(", base %lld before offset %lld", number_of(base, "sum"),
               number_of(base, "next"));
    printf(", counts %lld\n", number_of(sum, "counts"));
}

static void part_print(const json_t *part)
{
    const char *field = text_of(part, "field");
    const json_t *writes = json_object_get(part, "writes");
    const json_t *sums = json_object_get(part, "sums");
    printf("%s (%s)", *field != '\0' ? field : "the record", text_of(part, "rule"));
    value_print(part);
    printf("\n    %s\n", text_of(part, "why"));
    for (size_t i = 0; i < json_array_size(writes); i++)
        write_print("    ", json_array_get(writes, i));
    for (size_t i = 0; i < json_array_size(sums); i++)
        sum_print(json_array_get(sums, i));
    if (json_object_get(part, "cleared") != NULL)
        write_print("    cleared by ", json_object_get(part, "cleared"));
    names_print("    ", part);
}

static void list_print(const char *title, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        write_print(title, json_array_get(array, i));
}

static void ledger_print(const json_t *object)
{
    const json_t *losers = json_object_get(object, "losers");
    long long total = number_of(object, "losers_total");
    list_print("lost        ", losers);
    if (total > (long long)json_array_size(losers))
        printf("            and %lld more: isostasy conflicts list %s --key …\n",
               total - (long long)json_array_size(losers),
               text_of(object, "collection"));
    if (number_of(object, "names_in_ledger") > 0)
        printf("names       %lld more in the ledger\n",
               number_of(object, "names_in_ledger"));
}

static void explained_print(const json_t *object, struct iso_bytes key)
{
    const json_t *parts = json_object_get(object, "parts");
    struct iso_buf text = {0};
    iso_escape(&text, key);
    printf("key         %s in %s (%s), as region %s holds it\nstands      in partition "
           "%lld, bucket %lld\nis          %s: %s\n",
           iso_buf_text(&text), text_of(object, "collection"),
           text_of(object, "resolver"), text_of(object, "region"),
           number_of(object, "partition"), number_of(object, "bucket"),
           text_of(object, "kind"), text_of(object, "why"));
    if (json_object_get(object, "write") != NULL)
        write_print("by          ", json_object_get(object, "write"));
    list_print("sibling     ", json_object_get(object, "siblings"));
    if (json_object_get(object, "deleted") != NULL)
        write_print("deleted     ", json_object_get(object, "deleted"));
    names_print("", object);
    for (size_t i = 0; i < json_array_size(parts); i++)
        part_print(json_array_get(parts, i));
    ledger_print(object);
    iso_buf_release(&text);
}

/* ---- the command ---- */

static enum iso_err explain_run(struct cli *cli, struct iso_replica *replica,
                                const struct cli_given *given,
                                struct iso_explained *explained)
{
    struct iso_bytes key = iso_bytes_text(given->places[1]);
    struct cli_held held;
    enum iso_err err =
        iso_replica_explain(replica, given->places[0], key, explained, &cli->why);
    if (err == ISO_OK)
        err = iso_cli_held_init(cli, explained->definition, &held);
    if (err != ISO_OK)
        return err;
    json_t *object = explained_json(&held, key, explained, iso_replica_region(replica));
    iso_cli_held_release(&held);
    if (given->json) {
        iso_cli_print_json(object);
        return ISO_OK;
    }
    explained_print(object, key);
    json_decref(object);
    return ISO_OK;
}

enum iso_err iso_cli_explain(struct cli *cli, int argc, char **argv)
{
    struct cli_given given = {0};
    const struct cli_syntax syntax = {
        .takes = CLI_REGION | CLI_JSON, .least = 2, .most = 2};
    iso_cli_parse(&syntax, argc, argv, &given);
    struct iso_replica *replica;
    enum iso_err err = iso_cli_replica(cli, given.region, &replica);
    if (err != ISO_OK)
        return err;
    struct iso_explained explained = {0};
    err = explain_run(cli, replica, &given, &explained);
    iso_explained_release(&explained);
    iso_replica_close(replica);
    return err;
}
