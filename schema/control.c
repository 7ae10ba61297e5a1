/* A fold: the state is a function of the records in their order, so every reader of the
 * topic knows the same. Nothing here fails to the caller: a record that counts for
 * nothing is counted, with the reason of the newest one, because an operator may have
 * meant it.
 *
 * Collections and definitions are few and asked for rarely (a DEFINE, a command), so
 * they stand in plain arrays; definitions never move, since others hold pointers to
 * them. */
#include "schema/control.h"

#include "base/mem.h"
#include "schema/bounded.h"

struct control_collection {
    struct iso_definition **definitions; /* number n at n − 1 */
    size_t count, room;
    uint32_t written; /* the newest that stands in every open log */
};

struct iso_control {
    int64_t next;
    uint64_t ignored;
    struct iso_why why; /* of the newest ignored record */
    char regions[ISO_REGION_MAX + 1][ISO_REGION_NAME_MAX + 1]; /* by number */
    struct control_collection *collections;
    size_t collection_count, collection_room;
    size_t bytes; /* of all definitions */
};

struct iso_control *iso_control_new(void)
{
    return iso_alloc_zero(1, sizeof(struct iso_control));
}

void iso_control_free(struct iso_control *control)
{
    if (control == NULL)
        return;
    for (size_t i = 0; i < control->collection_count; i++) {
        struct control_collection *collection = &control->collections[i];
        for (size_t n = 0; n < collection->count; n++)
            iso_definition_free(collection->definitions[n]);
        iso_free(collection->definitions);
    }
    iso_free(control->collections);
    iso_free(control);
}

static struct control_collection *collection_find(const struct iso_control *control,
                                                  const char *name)
{
    for (size_t i = 0; i < control->collection_count; i++)
        if (strcmp(control->collections[i].definitions[0]->collection, name) == 0)
            return &control->collections[i];
    return NULL;
}

/* ---- feeding ---- */

/* `bytes` as text; false when it does not fit or has a NUL. */
static bool text_of(struct iso_bytes bytes, char *text, size_t room)
{
    if (bytes.size >= room || (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size)))
        return false;
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

static enum iso_err region_read(struct iso_bytes value,
                                char name[ISO_REGION_NAME_MAX + 1], unsigned *number,
                                struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(value);
    iso_bounded_text(&cursor, name, ISO_REGION_NAME_MAX + 1);
    *number = (unsigned)iso_bounded_long(&cursor, 1, ISO_REGION_MAX);
    bool known = iso_bounded_extensions(&cursor) == 0;
    if (known && iso_avro_done(&cursor))
        return ISO_OK;
    return iso_fail(
        why, ISO_BAD_DATA,
        "the claim of a region does not decode: it is damaged, or of a newer "
        "version of this software; claim with `isostasy region add`");
}

static enum iso_err region_feed(struct iso_control *control, struct iso_bytes key,
                                struct iso_bytes value, struct iso_why *why)
{
    char name[ISO_REGION_NAME_MAX + 1] = {0}, said[ISO_REGION_NAME_MAX + 1];
    unsigned number;
    if (!text_of(key, name, sizeof name) || !iso_region_name_valid(name))
        return iso_fail(why, ISO_BAD_DATA,
                        "the name of a region is not valid: use 1 to %d of a-z 0-9 -",
                        ISO_REGION_NAME_MAX);
    enum iso_err err = region_read(value, said, &number, why);
    if (err != ISO_OK)
        return err;
    if (strcmp(name, said) != 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "the claim of region %s names another one: key and value must "
                        "agree",
                        name);
    unsigned held = iso_control_region(control, name);
    if (held != 0)
        return iso_fail(why, ISO_EXISTS,
                        "region %s is number %u already: a name keeps it", name, held);
    if (control->regions[number][0] != '\0')
        return iso_fail(why, ISO_EXISTS,
                        "number %u is region %s's: claim another for %s", number,
                        control->regions[number], name);
    memcpy(control->regions[number], name, sizeof name);
    return ISO_OK;
}

/* COLLECTION/N of a key; false when it is not that, in the one form it has. */
static bool definition_key(struct iso_bytes key, char name[ISO_COLLECTION_NAME_MAX + 1],
                           uint32_t *number)
{
    size_t slash = 0;
    while (slash < key.size && key.data[slash] != '/')
        slash++;
    if (!text_of(iso_bytes(key.data, slash), name, ISO_COLLECTION_NAME_MAX + 1) ||
        !iso_collection_name_valid(name))
        return false;
    uint64_t value = 0;
    size_t at = slash + 1;
    if (at >= key.size || key.data[at] == '0')
        return false;
    for (; at < key.size && value <= INT32_MAX; at++) {
        if (key.data[at] < '0' || key.data[at] > '9')
            return false;
        value = value * 10 + (uint64_t)(key.data[at] - '0');
    }
    *number = (uint32_t)value;
    return at == key.size && value <= INT32_MAX;
}

static enum iso_err definition_judge(const struct iso_control *control,
                                     const char *name, uint32_t number,
                                     const struct iso_definition *definition,
                                     struct iso_why *why)
{
    const struct iso_definition *newest = iso_control_definition(control, name, 0);
    if (strcmp(definition->collection, name) != 0 || definition->number != number)
        return iso_fail(
            why, ISO_BAD_DATA,
            "the record definition/%s/%u holds definition %s/%u: key and value "
            "must agree",
            name, number, definition->collection, definition->number);
    if (newest != NULL && number > newest->number)
        return iso_definition_follows(definition, newest, why);
    if (newest != NULL)
        return iso_fail(
            why, ISO_EXISTS,
            "definition %s/%u is there already: the first claim counts; take "
            "the next number",
            name, number);
    if (number != 1)
        return iso_fail(why, ISO_BAD_DATA,
                        "definition %s/%u has none before it: begin at 1", name,
                        number);
    if (control->collection_count >= ISO_CONTROL_COLLECTIONS_MAX)
        return iso_fail(why, ISO_TOO_LARGE, "collection %s is over the limit of %d",
                        name, ISO_CONTROL_COLLECTIONS_MAX);
    return ISO_OK;
}

static void definition_keep(struct iso_control *control,
                            struct iso_definition *definition)
{
    struct control_collection *collection =
        collection_find(control, definition->collection);
    if (collection == NULL) {
        if (control->collection_count == control->collection_room) {
            control->collection_room = control->collection_room * 2 + 4;
            control->collections =
                iso_realloc(control->collections,
                            control->collection_room * sizeof control->collections[0]);
        }
        collection = &control->collections[control->collection_count++];
        *collection = (struct control_collection){.written = 1};
    }
    if (collection->count == collection->room) {
        collection->room = collection->room * 2 + 1;
        collection->definitions =
            iso_realloc(collection->definitions,
                        collection->room * sizeof collection->definitions[0]);
    }
    collection->definitions[collection->count++] = definition;
    control->bytes += definition->bytes.size;
}

static enum iso_err definition_feed(struct iso_control *control, struct iso_bytes key,
                                    struct iso_bytes value, struct iso_why *why)
{
    char name[ISO_COLLECTION_NAME_MAX + 1];
    uint32_t number;
    if (!definition_key(key, name, &number))
        return iso_fail(
            why, ISO_BAD_DATA,
            "the key of a definition is not definition/COLLECTION/NUMBER: use "
            "`isostasy collection create`");
    if (value.size > ISO_CONTROL_BYTES_MAX - control->bytes)
        return iso_fail(why, ISO_TOO_LARGE,
                        "with definition %s/%u all definitions take more than %d bytes",
                        name, number, ISO_CONTROL_BYTES_MAX);
    struct iso_definition *definition;
    enum iso_err err = iso_definition_decode(value, &definition, why);
    if (err != ISO_OK)
        return err;
    err = definition_judge(control, name, number, definition, why);
    if (err != ISO_OK)
        iso_definition_free(definition);
    else
        definition_keep(control, definition);
    return err;
}

static enum iso_err defined_feed(struct iso_control *control, struct iso_bytes key,
                                 struct iso_bytes value, struct iso_why *why)
{
    char name[ISO_COLLECTION_NAME_MAX + 1];
    uint32_t number;
    if (!definition_key(key, name, &number) || value.size > 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "a mark is not defined/COLLECTION/NUMBER without a value: use "
                        "`isostasy schema register`");
    struct control_collection *collection = collection_find(control, name);
    if (collection == NULL || number > collection->count)
        return iso_fail(why, ISO_NOT_FOUND,
                        "definition %s/%u is marked as defined and is not there: mark "
                        "it after it was announced",
                        name, number);
    if (number <= collection->written)
        return iso_fail(why, ISO_EXISTS,
                        "definition %s/%u is marked as defined, and so is %u already: "
                        "nothing is to be done",
                        name, number, collection->written);
    collection->written = number;
    return ISO_OK;
}

static struct iso_bytes behind(struct iso_bytes bytes, struct iso_bytes prefix)
{
    return iso_bytes(bytes.data + prefix.size, bytes.size - prefix.size);
}

void iso_control_feed(struct iso_control *control, int64_t offset, struct iso_bytes key,
                      struct iso_bytes value)
{
    struct iso_bytes region = iso_bytes_text("region/");
    struct iso_bytes definition = iso_bytes_text("definition/");
    struct iso_bytes defined = iso_bytes_text("defined/");
    if (offset < control->next || offset == INT64_MAX)
        return;
    control->next = offset + 1;
    struct iso_why why;
    enum iso_err err;
    if (iso_bytes_begins(key, region))
        err = region_feed(control, behind(key, region), value, &why);
    else if (iso_bytes_begins(key, definition))
        err = definition_feed(control, behind(key, definition), value, &why);
    else if (iso_bytes_begins(key, defined))
        err = defined_feed(control, behind(key, defined), value, &why);
    else
        err = iso_fail(&why, ISO_BAD_DATA,
                       "a record's key is none of region/…, definition/… and "
                       "defined/…: only `isostasy` writes to this topic");
    if (err == ISO_OK)
        return;
    control->ignored++;
    control->why = why;
}

/* ---- asking ---- */

int64_t iso_control_next(const struct iso_control *control)
{
    return control->next;
}

uint64_t iso_control_ignored(const struct iso_control *control)
{
    return control->ignored;
}

const char *iso_control_why(const struct iso_control *control)
{
    return control->why.text;
}

unsigned iso_control_region(const struct iso_control *control, const char *name)
{
    for (unsigned number = 1; number <= ISO_REGION_MAX; number++)
        if (control->regions[number][0] != '\0' &&
            strcmp(control->regions[number], name) == 0)
            return number;
    return 0;
}

const char *iso_control_region_name(const struct iso_control *control, unsigned number)
{
    if (number < 1 || number > ISO_REGION_MAX || control->regions[number][0] == '\0')
        return NULL;
    return control->regions[number];
}

const struct iso_definition *iso_control_definition(const struct iso_control *control,
                                                    const char *collection,
                                                    uint32_t number)
{
    const struct control_collection *found = collection_find(control, collection);
    if (found == NULL || number > found->count)
        return NULL;
    return found->definitions[(number == 0 ? found->count : number) - 1];
}

const struct iso_definition *
iso_control_definition_written(const struct iso_control *control,
                               const char *collection)
{
    const struct control_collection *found = collection_find(control, collection);
    return found != NULL ? found->definitions[found->written - 1] : NULL;
}

const char *iso_control_collection(const struct iso_control *control, size_t n)
{
    if (n >= control->collection_count)
        return NULL;
    return control->collections[n].definitions[0]->collection;
}

void iso_control_claim_region(const char *name, unsigned number, struct iso_buf *key,
                              struct iso_buf *value)
{
    iso_buf_print(key, "region/%s", name);
    iso_avro_add_text(value, name);
    iso_avro_add_long(value, number);
    iso_bounded_add_no_extensions(value);
}

void iso_control_claim_definition(const struct iso_definition *definition,
                                  struct iso_buf *key)
{
    iso_buf_print(key, "definition/%s/%u", definition->collection, definition->number);
}

void iso_control_mark_defined(const struct iso_definition *definition,
                              struct iso_buf *key)
{
    iso_buf_print(key, "defined/%s/%u", definition->collection, definition->number);
}
