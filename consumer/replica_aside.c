/* Large values for readers: those of what is shown are looked up in the snapshot that
 * gave the entry, and borrowed from it until it is closed. Fails as a read. */
#include "consumer/replica_state.h"

struct looking {
    struct iso_replica *replica;
    const struct iso_replica_look *look;
};

static enum iso_err aside_get(void *self, uint64_t number, struct iso_bytes *value,
                              struct iso_why *why)
{
    const struct looking *looking = self;
    const struct iso_replica_look *look = looking->look;
    struct iso_buf *key = &looking->replica->key;
    iso_rows_key_aside(key, look->number, look->partition, look->key, number);
    return iso_snapshot_get(look->snapshot, ISO_ASIDE, iso_buf_bytes(key), value, why);
}

enum iso_err iso_replica_load(struct iso_replica *replica,
                              const struct iso_replica_look *look,
                              struct iso_shown *shown, struct iso_why *why)
{
    struct looking looking = {replica, look};
    const struct iso_asides asides = {&looking, aside_get};
    return iso_shown_load(shown, &asides, why);
}

enum iso_err iso_replica_load_held(struct iso_replica *replica,
                                   const struct iso_replica_look *look,
                                   struct iso_held *held, struct iso_why *why)
{
    struct looking looking = {replica, look};
    const struct iso_asides asides = {&looking, aside_get};
    return iso_held_load(held, &asides, why);
}
