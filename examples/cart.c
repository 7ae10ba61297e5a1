/* cart - changes a shopping cart, one article at a time: a record whose fields merge.
 *
 *   cart REGION COLLECTION KEY [ARTICLE NUMBER]
 *
 * The collection is made with `isostasy collection create COLLECTION --resolver fields
 * --schema cart.avsc`. Its "items" are counters, one for each article. So a cart that
 * is filled on a phone in one region and emptied on a laptop in another, while the two
 * cannot speak, holds in the end what both did: nobody writes how many there are, only
 * how many more or fewer. An article whose number is 0 is taken out of the cart, but
 * not what was put there meanwhile where this program could not see it.
 *
 * Settings come from $ISOSTASY_CONFIG or /etc/isostasy/isostasy.conf.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isostasy/base/keyfile.h>
#include <isostasy/consumer/replica.h>
#include <isostasy/producer/producer.h>
#include <isostasy/schema/edit.h>

enum { FLUSH_MS = 30000 };

/* cart.avsc: what this program reads by, whichever schema wrote. */
static const char cart_schema[] =
    "{\"type\":\"record\",\"name\":\"Cart\",\"namespace\":\"example\",\"fields\":["
    "{\"name\":\"items\",\"merge\":\"map:counter\",\"type\":{\"type\":\"map\","
    "\"values\":\"long\"}},"
    "{\"name\":\"note\",\"merge\":\"lww\",\"type\":\"string\",\"default\":\"\"}]}";

struct cart {
    const char *region, *collection, *key;
    const char *article; /* NULL: it is only looked at */
    int64_t number;
    struct iso_read read; /* its context goes into the write that follows */
};

/* ---- reading ---- */

/* The datum is one of cart_schema, checked: a map in blocks, then the note. */
static void cart_print(const struct cart *cart)
{
    struct iso_avro_cursor datum = iso_avro_read(iso_buf_bytes(&cart->read.value));
    size_t count;
    while ((count = iso_avro_block(&datum, ISO_AVRO_ITEMS_MAX)) > 0) {
        for (; count > 0; count--) {
            struct iso_bytes article = iso_avro_bytes(&datum);
            int64_t number = iso_avro_long(&datum);
            printf("%6lld  %.*s\n", (long long)number, (int)article.size,
                   (const char *)article.data);
        }
    }
    struct iso_bytes note = iso_avro_bytes(&datum);
    if (note.size > 0)
        printf("note: %.*s\n", (int)note.size, (const char *)note.data);
}

static enum iso_err cart_read(const struct iso_settings *settings, struct cart *cart,
                              struct iso_why *why)
{
    const char *store = iso_settings_text(settings, "region", cart->region, "store");
    if (store == NULL)
        return iso_fail(why, ISO_SETTING, "region %s has no store on this machine",
                        cart->region);
    struct iso_replica *replica;
    enum iso_err err = iso_replica_open(store, &replica, why);
    if (err != ISO_OK)
        return err;
    err = iso_replica_read_as(replica, cart->collection, cart_schema, why);
    if (err == ISO_OK)
        err = iso_replica_get(replica, cart->collection, iso_bytes_text(cart->key),
                              &cart->read, why);
    iso_replica_close(replica);
    if (err == ISO_OK)
        cart_print(cart);
    else if (err == ISO_NOT_FOUND)
        printf("the cart is empty\n");
    return err == ISO_NOT_FOUND ? ISO_OK : err; /* an answer, not a failure */
}

/* ---- writing ---- */

/* Runs on the thread that polls or flushes. */
static void acknowledged(void *user, const struct iso_ack *ack)
{
    struct iso_why *why = user;
    if (ack->state == ISO_DURABLE)
        why->err = ISO_OK;
    else
        iso_fail(why, ack->err, "%s", ack->text);
}

/* The operation, by the collection's newest schema that has such a field. */
static enum iso_err edit_make(const struct cart *cart, struct iso_producer *producer,
                              struct iso_edit **edit, struct iso_why *why)
{
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    size_t count = iso_schemas_count(schemas);
    if (count == 0)
        return iso_fail(why, ISO_USAGE, "collection %s has no schemas",
                        cart->collection);
    enum iso_err err = iso_edit_new(schemas, count - 1, edit, why);
    if (err != ISO_OK)
        return err;
    err = cart->number == 0
              ? iso_edit_unset(*edit, "items", cart->article, why)
              : iso_edit_increment(*edit, "items", cart->article, cart->number, why);
    if (err != ISO_OK)
        iso_edit_free(*edit);
    return err;
}

static enum iso_err cart_write(struct cart *cart, struct iso_producer *producer,
                               struct iso_why *why)
{
    struct iso_write_options options = {.context = &cart->read.context};
    struct iso_edit *edit;
    enum iso_err err = edit_make(cart, producer, &edit, why);
    if (err != ISO_OK)
        return err;
    do
        err = iso_producer_patch(producer, iso_bytes_text(cart->key), edit, &options,
                                 why);
    while (err == ISO_AGAIN && iso_producer_poll(producer, 100) >= 0);
    iso_edit_free(edit);
    return err == ISO_OK ? iso_producer_flush(producer, FLUSH_MS, why) : err;
}

/* ---- the program ---- */

static enum iso_err cart_run(struct iso_settings *settings, struct cart *cart,
                             struct iso_why *why)
{
    struct iso_why answer = {.err = ISO_UNKNOWN, .text = "no answer came"};
    struct iso_producer_options options = {.region = cart->region,
                                           .collection = cart->collection,
                                           .acknowledged = acknowledged,
                                           .user = &answer};
    struct iso_producer *producer;
    enum iso_err err = iso_keyfile_read(settings, NULL, why);
    if (err == ISO_OK)
        err = iso_settings_set_environment(settings, why);
    if (err == ISO_OK)
        err = cart_read(settings, cart, why);
    if (err != ISO_OK || cart->article == NULL)
        return err;
    err = iso_producer_open(settings, &options, &producer, why);
    if (err != ISO_OK)
        return err;
    err = cart_write(cart, producer, why);
    iso_producer_close(producer);
    if (err == ISO_OK && answer.err != ISO_OK)
        *why = answer;
    if (err == ISO_OK && answer.err == ISO_OK)
        printf("durable\n");
    return err == ISO_OK ? answer.err : err;
}

static bool number_parse(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0' && errno == 0;
}

int main(int argc, char **argv)
{
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    struct cart cart = {0};
    if ((argc != 4 && argc != 6) ||
        (argc == 6 && !number_parse(argv[5], &cart.number))) {
        fprintf(help ? stdout : stderr,
                "usage: cart REGION COLLECTION KEY [ARTICLE NUMBER]\n");
        return help ? 0 : iso_err_exit(ISO_USAGE);
    }
    cart.region = argv[1];
    cart.collection = argv[2];
    cart.key = argv[3];
    cart.article = argc == 6 ? argv[4] : NULL;
    struct iso_settings *settings = iso_settings_new();
    struct iso_why why = {0};
    enum iso_err err = cart_run(settings, &cart, &why);
    if (err != ISO_OK)
        fprintf(stderr, "cart: %s (%s)\n", why.text, iso_err_name(err));
    iso_read_release(&cart.read);
    iso_settings_free(settings);
    return iso_err_exit(err);
}
