/* service - reads a note beside the region's daemon, and writes it anew knowing what
 * was read: the least that a service does with isostasy.
 *
 *   service REGION COLLECTION KEY TEXT
 *
 * Settings come from $ISOSTASY_CONFIG or /etc/isostasy/isostasy.conf; the collection is
 * made with `isostasy collection create COLLECTION --schema note.avsc`. The write
 * carries the context of the read, so it replaces what was seen here and nothing else:
 * had another region written meanwhile, neither value would be lost unseen; the one
 * that is not shown would stand in the conflict ledger.
 *
 * The service is made for one schema. It reads every value as that schema sees it,
 * whichever wrote it, and writes by it: so the collection's schema may move on, and
 * this program when it likes.
 */
#include <stdio.h>
#include <string.h>

#include <isostasy/base/keyfile.h>
#include <isostasy/consumer/replica.h>
#include <isostasy/producer/producer.h>
#include <isostasy/schema/value.h>

enum { FLUSH_MS = 30000 };

/* note.avsc. */
static const char note_schema[] =
    "{\"type\":\"record\",\"name\":\"Note\",\"namespace\":\"example\",\"fields\":["
    "{\"name\":\"text\",\"type\":\"string\"},"
    "{\"name\":\"edits\",\"type\":\"long\",\"default\":0}]}";

/* What the region holds of the note now. */
struct note {
    struct iso_read read; /* its context goes into the write that follows */
    int64_t edits;
};

/* Runs on the thread that polls or flushes. What it is told is gone when it returns. */
static void acknowledged(void *user, const struct iso_ack *ack)
{
    struct iso_why *why = user;
    char version[ISO_VERSION_DIGITS + 1];
    iso_version_text(ack->version, version);
    switch (ack->state) {
    case ISO_DURABLE:
        why->err = ISO_OK;
        printf("durable: version %s, partition %u, offset %lld\n", version,
               (unsigned)ack->partition, (long long)ack->offset);
        break;
    case ISO_NOT_APPLIED: /* surely nowhere: it may be written again */
        iso_fail(why, ack->err, "refused: %s", ack->text);
        break;
    case ISO_MAYBE_APPLIED: /* read the key before writing it again */
        iso_fail(why, ack->err, "not known: %s", ack->text);
        break;
    }
}

static enum iso_err settings_read(struct iso_settings *settings, struct iso_why *why)
{
    enum iso_err err = iso_keyfile_read(settings, NULL, why);
    return err == ISO_OK ? iso_settings_set_environment(settings, why) : err;
}

/* The datum is one of note_schema, checked: its fields stand in their order. */
static void note_take(struct note *note)
{
    struct iso_avro_cursor datum = iso_avro_read(iso_buf_bytes(&note->read.value));
    struct iso_bytes text = iso_avro_bytes(&datum);
    note->edits = iso_avro_long(&datum);
    printf("was: %.*s (edits: %lld)\n", (int)text.size, (const char *)text.data,
           (long long)note->edits);
}

static enum iso_err note_read(const struct iso_settings *settings, char **words,
                              struct note *note, struct iso_why *why)
{
    const char *store = iso_settings_text(settings, "region", words[0], "store");
    if (store == NULL)
        return iso_fail(why, ISO_SETTING, "region %s has no store on this machine",
                        words[0]);
    struct iso_replica *replica;
    enum iso_err err = iso_replica_open(store, &replica, why);
    if (err != ISO_OK)
        return err;
    err = iso_replica_read_as(replica, words[1], note_schema, why);
    if (err == ISO_OK)
        err = iso_replica_get(replica, words[1], iso_bytes_text(words[2]), &note->read,
                              why);
    iso_replica_close(replica);
    if (err == ISO_OK)
        note_take(note);
    if (err == ISO_NOT_FOUND)
        printf("was: nothing\n");
    return err == ISO_NOT_FOUND ? ISO_OK : err; /* an answer, not a failure */
}

/* Begins a value by note_schema, under the name that the collection gives it. */
static enum iso_err note_begin(struct iso_producer *producer, struct iso_buf *value,
                               struct iso_why *why)
{
    const struct iso_schemas *schemas = iso_producer_schemas(producer);
    struct iso_avro *schema;
    size_t n;
    enum iso_err err = iso_avro_parse(iso_bytes_text(note_schema), &schema, why);
    if (err != ISO_OK)
        return err;
    err = iso_schemas_find(schemas, schema, &n, why);
    iso_avro_free(schema);
    if (err == ISO_NOT_FOUND)
        return iso_fail(why, err,
                        "the collection does not have the schema of this service: add "
                        "it with `isostasy schema register COLLECTION note.avsc`");
    if (err == ISO_OK)
        iso_value_begin(schemas, n, value);
    return err;
}

static enum iso_err note_write(struct iso_producer *producer, char **words,
                               struct note *note, struct iso_why *why)
{
    struct iso_write_options options = {.context = &note->read.context};
    struct iso_buf value = {0};
    enum iso_err err = note_begin(producer, &value, why);
    iso_avro_add_text(&value, words[3]);
    iso_avro_add_long(&value, note->edits + 1);
    while (err == ISO_OK) {
        err = iso_producer_put(producer, iso_bytes_text(words[2]),
                               iso_buf_bytes(&value), &options, why);
        if (err != ISO_AGAIN)
            break;
        iso_producer_poll(producer, 100); /* back-pressure: let answers in */
        err = ISO_OK;
    }
    iso_buf_release(&value);
    return err == ISO_OK ? iso_producer_flush(producer, FLUSH_MS, why) : err;
}

static enum iso_err service_run(struct iso_settings *settings, char **words,
                                struct iso_why *why)
{
    struct iso_why answer = {.err = ISO_UNKNOWN, .text = "no answer came"};
    struct iso_producer_options options = {.region = words[0],
                                           .collection = words[1],
                                           .acknowledged = acknowledged,
                                           .user = &answer};
    struct iso_producer *producer;
    enum iso_err err = settings_read(settings, why);
    if (err == ISO_OK)
        err = iso_producer_open(settings, &options, &producer, why);
    if (err != ISO_OK)
        return err;
    struct note note = {0};
    err = note_read(settings, words, &note, why);
    if (err == ISO_OK)
        err = note_write(producer, words, &note, why);
    iso_producer_close(producer);
    iso_read_release(&note.read);
    if (err == ISO_OK && answer.err != ISO_OK)
        *why = answer;
    return err == ISO_OK ? answer.err : err;
}

int main(int argc, char **argv)
{
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 5) {
        fprintf(help ? stdout : stderr, "usage: service REGION COLLECTION KEY TEXT\n");
        return help ? 0 : iso_err_exit(ISO_USAGE);
    }
    struct iso_settings *settings = iso_settings_new();
    struct iso_why why = {0};
    enum iso_err err = service_run(settings, argv + 1, &why);
    if (err != ISO_OK)
        fprintf(stderr, "service: %s (%s)\n", why.text, iso_err_name(err));
    iso_settings_free(settings);
    return iso_err_exit(err);
}
