/* What services write: a service reads the region's copy, or goes on with the context
 * of its last write, or writes blind. */
#include "world.h"

#include <check.h>
#include <stdio.h>

#include "schema/patch.h"

static const char *const collection_names[WORLD_COLLECTIONS] = {"things", "others"};

/* A service reads the region's copy, when its daemon has opened it by then. */
static bool region_read(struct world_region *region, int collection,
                        struct iso_bytes key, struct iso_read *read)
{
    struct iso_replica *replica;
    struct iso_why why = {0};
    if (iso_replica_open_on(region->stores, world_shards(region->world),
                            &region->world->clock.clock, &replica, &why) != ISO_OK)
        return false;
    enum iso_err err =
        iso_replica_get(replica, collection_names[collection], key, read, &why);
    iso_replica_close(replica);
    return err == ISO_OK || err == ISO_NOT_FOUND;
}

/* One write on its way. */
struct writing {
    struct world *world;
    struct world_region *region;
    int collection;
    struct iso_producer *producer;
    struct iso_bytes key;
    struct iso_buf *session; /* the context of this key's session here */
    struct iso_read read;
    struct iso_write_options options;
    struct iso_why why;
};

/* Half of the writes have a context: of a read now, or of the session. */
static void context_draw(struct writing *writing)
{
    struct world *world = writing->world;
    if (world_dice(world, 2) != 0)
        return;
    if (world->plan.resolver != NULL && world_dice(world, 3) == 0) {
        writing->options.context = writing->session;
    } else if (region_read(writing->region, writing->collection, writing->key,
                           &writing->read)) {
        iso_buf_clear(writing->session);
        iso_buf_add_bytes(writing->session, iso_buf_bytes(&writing->read.context));
        writing->options.context = writing->session;
    }
    world->counts.contexts += writing->options.context != NULL;
}

static enum iso_err write_delete(struct writing *writing)
{
    enum iso_err err = iso_producer_delete(writing->producer, writing->key,
                                           &writing->options, &writing->why);
    writing->world->counts.deletes += err == ISO_OK;
    /* A session that has counted reads again before it deletes. */
    return err == ISO_STALE && writing->world->plan.fields ? ISO_AGAIN : err;
}

static enum iso_err write_patch(struct writing *writing)
{
    int64_t visits;
    struct iso_edit *edit = world_patch(writing->world, writing->producer, &visits);
    enum iso_err err = ISO_AGAIN; /* two steps may have left nothing */
    if (iso_edit_patch(edit)->step_count > 0)
        err = iso_producer_patch(writing->producer, writing->key, edit,
                                 &writing->options, &writing->why);
    if (err == ISO_OK)
        writing->world->visits += visits;
    writing->world->counts.patches += err == ISO_OK;
    iso_edit_free(edit);
    return err;
}

static enum iso_err write_put(struct writing *writing)
{
    struct world *world = writing->world;
    struct iso_buf value = {0};
    if (!world->plan.fields) {
        world_value(world, writing->producer, &value);
    } else {
        world_record(world, writing->producer, writing->options.context == NULL,
                     &value);
        writing->options.has_expiry = false; /* it has a max */
    }
    enum iso_err err =
        iso_producer_put(writing->producer, writing->key, iso_buf_bytes(&value),
                         &writing->options, &writing->why);
    iso_buf_release(&value);
    return err;
}

static enum iso_err write_some(struct writing *writing)
{
    struct world *world = writing->world;
    if (world->plan.counts_only)
        return write_patch(writing);
    bool is_delete = world_dice(world, 5) == 0;
    if (!is_delete && world_dice(world, 8) == 0) {
        writing->options.has_expiry = true;
        writing->options.expiry_ms = world->clock.now_ms + 3600 * 1000;
    }
    if (is_delete)
        return write_delete(writing);
    if (!world->plan.fields || world_dice(world, 3) == 0)
        return write_put(writing);
    writing->options.has_expiry = false;
    return write_patch(writing);
}

void world_write(struct world *world, struct world_region *region)
{
    char key[16];
    unsigned number = (unsigned)world_dice(world, WORLD_KEYS);
    int collection = world->definitions[1] != NULL && world_dice(world, 2) == 0;
    struct writing writing = {.world = world,
                              .region = region,
                              .collection = collection,
                              .producer = region->producers[collection],
                              .session = &region->sessions[collection][number]};
    snprintf(key, sizeof key, "key-%u", number);
    writing.key = iso_bytes_text(key);
    context_draw(&writing);
    enum iso_err err = write_some(&writing);
    ck_assert_msg(err == ISO_OK || err == ISO_AGAIN ||
                      (err == ISO_TOO_LARGE && world->plan.resolver != NULL) ||
                      (err == ISO_CLOCK_SKEW && world->plan.skewed),
                  "seed %llu: %s", (unsigned long long)world->plan.seed,
                  writing.why.text);
    world->counts.too_large += err == ISO_TOO_LARGE;
    world->counts.writes += err == ISO_OK;
    iso_read_release(&writing.read);
}
