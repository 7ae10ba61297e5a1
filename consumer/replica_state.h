/* replica_state.h - what an iso_replica is made of; only replica*.c includes this. */
#ifndef ISO_CONSUMER_REPLICA_STATE_H
#define ISO_CONSUMER_REPLICA_STATE_H

#include "consumer/replica.h"
#include "consumer/rows.h"
#include "resolver/resolver.h"
#include "schema/assemble.h"
#include "schema/slice.h"
#include "schema/token.h"
#include "schema/view.h"

struct iso_replica_collection {
    char name[ISO_COLLECTION_NAME_MAX + 1];
    const struct iso_resolver *resolver;
    uint32_t partitions;
    uint16_t *numbers; /* by shard: the store's own; 0: it has none of that name */
    struct iso_definition **definitions; /* met so far, the newest last; kept */
    size_t definition_count;
    struct iso_view *view; /* by which values are given; NULL: as they are stored */
    uint32_t view_number;  /* the definition that it was made of */
    char *reader;          /* the schema that it reads by */
    struct iso_plugin_child *plugin; /* asked for what is shown; borrowed; NULL: none */
    struct iso_replica_records *records; /* of a collection of fields; NULL: not yet */
    struct iso_replica_collection *next;
};

struct iso_replica {
    struct iso_store **stores; /* by shard */
    size_t shards;
    bool owns_stores;
    const struct iso_clock *clock;
    struct iso_rows_store owner;
    struct iso_replica_collection *collections;
    struct iso_buf key;
    /* Of the read in hand: */
    struct iso_shown shown;
    struct iso_slice slice; /* the key's, as the snapshot has it */
    struct iso_token token; /* the session's, grown by the read */
};

/* A key being read, and from which snapshot. */
struct iso_replica_look {
    struct iso_replica_collection *collection;
    struct iso_bytes key;
    uint32_t partition;
    size_t shard;
    uint16_t number; /* the shard's own; 0: it has nothing of the collection */
    struct iso_snapshot *snapshot;
};

/* Finds what the stores hold of a collection. ISO_NO_DEFINITION, ISO_UNSUPPORTED. */
enum iso_err iso_replica_collection(struct iso_replica *replica, const char *name,
                                    struct iso_replica_collection **collection,
                                    struct iso_why *why);

/* The store's number in one shard, looked up anew while it has none; 0: nothing there.
 */
enum iso_err iso_replica_number(struct iso_replica *replica,
                                struct iso_replica_collection *collection, size_t shard,
                                struct iso_snapshot *snapshot, uint16_t *number,
                                struct iso_why *why);

/* replica_token.c: opens the snapshot of a look, in which the store has come up to the
 * token in the slice of the key, or is behind and the caller's policy takes that, and
 * loads the slice. The snapshot is open after ISO_OK only. */
enum iso_err iso_replica_look_open(struct iso_replica *replica,
                                   struct iso_replica_look *look,
                                   const struct iso_read_options *options,
                                   struct iso_read *read, struct iso_why *why);
/* Adds to the token what the look showed: the frontiers of its slice, and the largest
 * hlc of the context. Of a fresh read the slice's pending writes, which are met, leave
 * it: the frontier of their log stands for them. */
enum iso_err iso_replica_token_grow(struct iso_replica *replica,
                                    const struct iso_replica_look *look, bool fresh,
                                    struct iso_bytes context, struct iso_why *why);

/* replica_aside.c: the large values of what is shown of the key, borrowed from the
 * snapshot; of one value. ISO_DAMAGED. */
enum iso_err iso_replica_load(struct iso_replica *replica,
                              const struct iso_replica_look *look,
                              struct iso_shown *shown, struct iso_why *why);
enum iso_err iso_replica_load_held(struct iso_replica *replica,
                                   const struct iso_replica_look *look,
                                   struct iso_held *held, struct iso_why *why);

/* replica_view.c: the value by the collection's view: appends its datum. As
 * iso_view_datum; `why` may be NULL. */
enum iso_err iso_replica_view(struct iso_replica *replica,
                              struct iso_replica_collection *collection,
                              struct iso_bytes value, struct iso_buf *datum,
                              struct iso_why *why);
void iso_replica_view_release(struct iso_replica_collection *collection);

/* replica_records.c: of a collection of fields, the record put together from what is
 * shown: appends it as a value of the newest schema, or a datum of the reader's. As
 * iso_assemble; ISO_NO_DEFINITION: no schema that can be used. */
enum iso_err iso_replica_record(struct iso_replica *replica,
                                struct iso_replica_collection *collection,
                                const struct iso_shown *shown, struct iso_buf *value,
                                struct iso_why *why);
void iso_replica_records_release(struct iso_replica_collection *collection);

/* replica_plugin.c: the plug-in's answer to the siblings that are shown, as a value or
 * by the collection's view: appends. As iso_plugin_ask, iso_view_datum. */
enum iso_err iso_replica_answer(struct iso_replica *replica,
                                struct iso_replica_collection *collection,
                                const struct iso_shown *shown, struct iso_buf *value,
                                struct iso_why *why);

/* What is shown of an entry as its value: appends. `why` may be NULL. */
enum iso_err iso_replica_value(struct iso_replica *replica,
                               struct iso_replica_collection *collection,
                               const struct iso_shown *shown, struct iso_buf *value,
                               struct iso_why *why);

#endif
