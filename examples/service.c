/* service - reads a key beside the region's daemon, and writes it anew knowing what was
 * read: the least that a service does with isostasy.
 *
 *   service REGION COLLECTION KEY VALUE
 *
 * Settings come from $ISOSTASY_CONFIG or /etc/isostasy/isostasy.conf. The write carries
 * the context of the read, so it replaces what was seen here and nothing else: had
 * another region written meanwhile, neither value would be lost unseen; the one that is
 * not shown would stand in the conflict ledger.
 */
#include <stdio.h>
#include <string.h>

#include <isostasy/base/keyfile.h>
#include <isostasy/consumer/replica.h>
#include <isostasy/producer/producer.h>

enum { FLUSH_MS = 30000 };

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

/* What the region holds of the key now, with the context for the write that follows. */
static enum iso_err key_read(const struct iso_settings *settings, char **words,
                             struct iso_read *read, struct iso_why *why)
{
    const char *store = iso_settings_text(settings, "region", words[0], "store");
    if (store == NULL)
        return iso_fail(why, ISO_SETTING, "region %s has no store on this machine",
                        words[0]);
    struct iso_replica *replica;
    enum iso_err err = iso_replica_open(store, &replica, why);
    if (err != ISO_OK)
        return err;
    err = iso_replica_get(replica, words[1], iso_bytes_text(words[2]), read, why);
    iso_replica_close(replica);
    if (err == ISO_OK)
        printf("was: %.*s\n", (int)read->value.size, (const char *)read->value.data);
    if (err == ISO_NOT_FOUND)
        printf("was: nothing\n");
    return err == ISO_NOT_FOUND ? ISO_OK : err; /* an answer, not a failure */
}

static enum iso_err key_write(struct iso_producer *producer, char **words,
                              struct iso_buf *context, struct iso_why *why)
{
    struct iso_write_options options = {.context = context};
    enum iso_err err;
    do /* ISO_AGAIN is back-pressure: let answers in, then call again */
        err = iso_producer_put(producer, iso_bytes_text(words[2]),
                               iso_bytes_text(words[3]), &options, why);
    while (err == ISO_AGAIN && iso_producer_poll(producer, 100) >= 0);
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
    struct iso_read read = {0};
    err = key_read(settings, words, &read, why);
    if (err == ISO_OK)
        err = key_write(producer, words, &read.context, why);
    iso_producer_close(producer);
    iso_read_release(&read);
    if (err == ISO_OK && answer.err != ISO_OK)
        *why = answer;
    return err == ISO_OK ? answer.err : err;
}

int main(int argc, char **argv)
{
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc != 5) {
        fprintf(help ? stdout : stderr, "usage: service REGION COLLECTION KEY VALUE\n");
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
