/* replica.h - the reader library: reads of a region's copy, by the services beside it.
 *
 * A replica is a region's store directory, opened for reading, while its daemon goes on
 * writing. Value, context, version and token of one read come from one snapshot, and
 * every entry is checked before it is shown: a damaged one is ISO_DAMAGED, never a
 * value. A read with the token of its session never shows less than the session has
 * seen or written, without saying so.
 *
 *   struct iso_replica *replica;
 *   iso_replica_open("…/eu", &replica, &why);
 *   struct iso_read read = {0};
 *   if (iso_replica_get(replica, "packages", iso_bytes_text("bash"), &read, &why) ==
 * ISO_OK) use(read.value); iso_read_release(&read); iso_replica_close(replica);
 *
 * A handle may be used by one thread at a time; open one a thread. Processes that fork
 * open after it.
 */
#ifndef ISO_CONSUMER_REPLICA_H
#define ISO_CONSUMER_REPLICA_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "schema/version.h"

struct iso_plugin_child;
struct iso_replica;
struct iso_store;
struct iso_definition;

/* Opens the store directory of a region (as in `[region NAME] store`), all its shards.
 * ISO_NOT_FOUND: no store there; ISO_DENIED; ISO_STORE_MISMATCH. */
enum iso_err iso_replica_open(const char *path, struct iso_replica **replica,
                              struct iso_why *why);
/* The same over stores that are open already, shard n at stores[n]; they stay the
 * caller's. `clock` decides what has expired. */
enum iso_err iso_replica_open_on(struct iso_store **stores, size_t count,
                                 const struct iso_clock *clock,
                                 struct iso_replica **replica, struct iso_why *why);
void iso_replica_close(struct iso_replica *replica); /* NULL is fine */

/* The region whose store it is; borrowed. */
const char *iso_replica_region(const struct iso_replica *replica);

/* The newest definition of a collection that the store holds; borrowed until the next
 * call with another collection or close. ISO_NO_DEFINITION names the collections that
 * it has. */
enum iso_err iso_replica_definition(struct iso_replica *replica, const char *collection,
                                    const struct iso_definition **definition,
                                    struct iso_why *why);

/* From now on the values of a collection are given as this schema sees them
 * (schema/view.h): `value` is then a datum of it, without a frame. NULL: as they are
 * stored. A value whose schema is newer than what the handle has seen is looked up in
 * the store. ISO_BAD_DATA: the schema does not parse; ISO_USAGE: values are opaque.
 * Reads then also fail with ISO_INCOMPATIBLE: a read has version and context all the
 * same, a scan goes on behind that entry with its next call. */
enum iso_err iso_replica_read_as(struct iso_replica *replica, const char *collection,
                                 const char *schema, struct iso_why *why);

/* From now on what a key of a collection of resolver plugin:NAME is shown as is asked
 * of this plug-in (consumer/plugin.h): `value` of a read or a scan is its answer to the
 * siblings that are there, which is stored nowhere; siblings, version and context are
 * as without it, so a write that follows replaces them all. The child stays the
 * caller's and outlives its use here; NULL: none again.
 *
 * Without a plug-in the value is the newest sibling's, as in a collection of resolver
 * siblings: a reader that has none, or cannot load it, still sees every value that was
 * written, but not what other readers see as one.
 *
 * Reads then also fail with what iso_plugin_ask fails with (ISO_TIMEOUT, ISO_TOO_LARGE,
 * ISO_BAD_DATA, ISO_AGAIN): a read has version, context and siblings all the same, a
 * scan goes on behind that entry with its next call. ISO_USAGE: the collection has
 * another resolver, or one of another name. */
enum iso_err iso_replica_plugin(struct iso_replica *replica, const char *collection,
                                struct iso_plugin_child *child, struct iso_why *why);

/* One of the values of a key that no write replaced (resolvers siblings, plugin:NAME).
 */
struct iso_sibling {
    struct iso_bytes value; /* borrowed from the iso_read */
    struct iso_version version;
    bool has_expiry;
    int64_t expiry_ms;
};

/* Zero before the first use; reused by later reads; release frees. */
struct iso_read {
    struct iso_buf value; /* siblings: the newest; plugin:NAME: the plug-in's answer;
                             fields: put together, by the newest schema of the
                             collection's definition */
    struct iso_version version;
    bool has_expiry;
    int64_t expiry_ms;
    struct iso_buf context;       /* hand it to the write that follows from this read */
    struct iso_buf token;         /* hand it to every read and write that follows */
    bool stale;                   /* the store is behind the token … */
    uint64_t missing;             /* … by that many records, at most */
    struct iso_sibling *siblings; /* newest first; NULL in other collections */
    size_t sibling_count;
    size_t sibling_total; /* more than are given: of a key that is written without being
                             read, the newest 1,000 and at most 32 MiB are. The context
                             names what was given, so a write with it replaces that, and
                             the next read gives others. */
    struct iso_buf sibling_bytes;
};
void iso_read_release(struct iso_read *read);

/* ISO_NOT_FOUND: no live value (version, context and token are given all the same, so
 * that a write can name what was there). ISO_NO_DEFINITION, ISO_DAMAGED. */
enum iso_err iso_replica_get(struct iso_replica *replica, const char *collection,
                             struct iso_bytes key, struct iso_read *read,
                             struct iso_why *why);

/* What a read does when the store is behind the session's token. */
enum iso_stale {
    ISO_STALE_FAIL, /* ISO_STALE, at once */
    ISO_STALE_WAIT, /* until the store is there, or ISO_STALE at the deadline */
    ISO_STALE_MARK, /* shows what is there; read->stale, read->missing */
};

struct iso_read_options {
    struct iso_bytes token; /* empty: a session that begins */
    enum iso_stale stale;
    int timeout_ms; /* ISO_STALE_WAIT */
};

/* A read of a session: as iso_replica_get, but what it shows is at least what the token
 * covers in the slice of the key, or it says how far it is behind. read->token is then
 * the given one, grown by what this read saw.
 *
 * The store has come up to a token when, in each log that it names in that slice, it
 * has applied all records below the place; and of each write without an offset it has
 * the seq in its duplicate filter, or the log's bound has passed its hlc, so that it
 * cannot arrive any more. A closed log need be applied to its end only. What the token
 * says of other slices and of other collections asks nothing of this read: it is passed
 * on.
 *
 * ISO_STALE says how many records are missing in which log: at most, since records that
 * are no writes (heartbeats) count too; nothing is shown then but read->missing. A read
 * that fails hands the token back, grown or as it was, so the same iso_read can carry
 * it: options->token may be iso_buf_bytes(&read->token).
 * ISO_BAD_DATA: it is no token, or one of another installation, in which a log of that
 * collection and number has another birth. ISO_UNSUPPORTED, ISO_TOO_LARGE as
 * iso_token_decode, iso_token_add. A wait blocks the thread, and looks at the store
 * every 50 ms or sooner. */
enum iso_err iso_replica_get_fresh(struct iso_replica *replica, const char *collection,
                                   struct iso_bytes key,
                                   const struct iso_read_options *options,
                                   struct iso_read *read, struct iso_why *why);

/* Every live entry, bytewise by key over all slices, from one snapshot of each shard.
 */
struct iso_replica_scan;
struct iso_replica_item {
    struct iso_bytes key, value; /* borrowed until the next call */
    struct iso_version version;
    /* Of a loser: where it stood. In a collection of fields also which part it was
     * (schema/path.h); `value` is then the part's datum, by the schema of that
     * fingerprint. */
    uint16_t log;
    int64_t offset;
    struct iso_bytes path;
    const uint8_t *fingerprint;
    /* A loser whose bytes the region's bounds (daemon.conflicts.max, .age) have
     * dropped: value is empty, and no schema sees it; fingerprint is NULL, and path
     * empty when it was too long to stand in the ledger's key. */
    bool dropped;
};
enum iso_err iso_replica_scan_open(struct iso_replica *replica, const char *collection,
                                   struct iso_replica_scan **scan, struct iso_why *why);
/* The conflict ledger instead: by key, then field and version ascending; value is the
 * loser's. */
enum iso_err iso_replica_scan_losers(struct iso_replica *replica,
                                     const char *collection,
                                     struct iso_replica_scan **scan,
                                     struct iso_why *why);
/* The same of one key. ISO_TOO_LARGE: it is none. */
enum iso_err iso_replica_scan_losers_of(struct iso_replica *replica,
                                        const char *collection, struct iso_bytes key,
                                        struct iso_replica_scan **scan,
                                        struct iso_why *why);
/* ISO_END after the last. */
enum iso_err iso_replica_scan_next(struct iso_replica_scan *scan,
                                   struct iso_replica_item *item, struct iso_why *why);
void iso_replica_scan_close(struct iso_replica_scan *scan); /* NULL is fine */

#endif
