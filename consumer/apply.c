/* A slice's state, its buckets and the filters of busy nodes live here between batches;
 * the store has them after save and commit. Load takes them back from a snapshot, so an
 * abort leaves nothing behind.
 *
 * Open and load fail when the store does, when a row of it fails its check
 * (ISO_DAMAGED), when no definition is there yet, or when store and definition do not
 * belong together. */
#include "consumer/apply_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "consumer/rows.h"

/* ---- loading ---- */

static enum iso_err slice_begin(struct iso_apply *apply)
{
    const struct iso_definition *first = iso_known_first(&apply->known);
    iso_slice_release(&apply->slice);
    apply->slice.partition = apply->partition;
    memcpy(apply->slice.definition_id, first->id, sizeof first->id);
    iso_apply_logs_add(apply, first);
    return ISO_OK;
}

static enum iso_err slice_take(struct iso_apply *apply, struct iso_bytes row,
                               struct iso_why *why)
{
    const struct iso_definition *first = iso_known_first(&apply->known);
    enum iso_err err = iso_slice_decode(row, &apply->slice, why);
    if (err != ISO_OK)
        return iso_fail_at(why, ISO_DAMAGED, "the state of the slice in the store");
    if (memcmp(apply->slice.definition_id, first->id, sizeof first->id) != 0 ||
        apply->slice.partition != apply->partition)
        return iso_fail(
            why, ISO_STORE_MISMATCH,
            "partition %u of %s in the store was made for another definition "
            "of that name: set another store directory, or remove this one to "
            "build it anew from the log",
            apply->partition, apply->known.collection);
    return ISO_OK;
}

static enum iso_err slice_load(struct iso_apply *apply, struct iso_snapshot *snapshot,
                               struct iso_why *why)
{
    struct iso_bytes row;
    iso_rows_key_slice(&apply->key, apply->number, apply->partition);
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&apply->key), &row, why);
    if (err == ISO_NOT_FOUND)
        return slice_begin(apply);
    return err == ISO_OK ? slice_take(apply, row, why) : err;
}

/* An announced definition may be in force in a slice whose store lost its row only when
 * the store is damaged; control still names it. */
static void definitions_use(struct iso_apply *apply)
{
    for (size_t i = 0; i < apply->slice.log_count; i++) {
        uint32_t number = apply->slice.logs[i].definition;
        const struct iso_definition *definition =
            iso_known_announced(&apply->known, number);
        if (definition != NULL)
            iso_known_use(&apply->known, definition);
    }
}

enum iso_err iso_apply_load(struct iso_apply *apply, struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    iso_buckets_forget(&apply->buckets);
    iso_apply_filters_forget(&apply->filters);
    apply->changed = false;
    apply->loser_fresh = false;
    apply->pass.is_running = apply->pass.has_oldest = false;
    enum iso_err err = iso_snapshot_open(apply->store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    err = iso_known_load(&apply->known, snapshot, why);
    if (err == ISO_OK)
        err = slice_load(apply, snapshot, why);
    iso_snapshot_close(snapshot);
    if (err != ISO_OK)
        return err;
    definitions_use(apply);
    return iso_apply_logs_refresh(apply, why);
}

/* Is the store's collection of that name the one of the first definition? */
static enum iso_err collection_check(struct iso_apply *apply,
                                     struct iso_snapshot *snapshot, struct iso_why *why)
{
    struct iso_bytes value;
    struct iso_rows_collection row;
    iso_rows_key_collection(&apply->key, apply->known.collection);
    enum iso_err err =
        iso_snapshot_get(snapshot, ISO_META, iso_buf_bytes(&apply->key), &value, why);
    if (err == ISO_NOT_FOUND)
        return ISO_OK;
    if (err == ISO_OK)
        err = iso_rows_decode_collection(value, &row, why);
    if (err != ISO_OK)
        return err;
    const struct iso_definition *first = iso_known_first(&apply->known);
    if (row.number == apply->number && memcmp(row.id, first->id, sizeof row.id) == 0)
        return ISO_OK;
    return iso_fail(why, ISO_STORE_MISMATCH,
                    "the store was made for another collection of the name %s: set "
                    "another store directory, or remove this one to build it anew from "
                    "the log",
                    apply->known.collection);
}

static enum iso_err open_check(struct iso_apply *apply, struct iso_why *why)
{
    struct iso_snapshot *snapshot;
    enum iso_err err = iso_snapshot_open(apply->store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    err = iso_known_load(&apply->known, snapshot, why);
    if (err == ISO_OK)
        err = collection_check(apply, snapshot, why);
    iso_snapshot_close(snapshot);
    if (err != ISO_OK)
        return err;
    const struct iso_definition *first = iso_known_first(&apply->known);
    err = iso_admit_supported(first, why);
    if (err != ISO_OK)
        return err;
    if (apply->partition >= first->partitions)
        return iso_fail(why, ISO_USAGE,
                        "collection %s has %u partitions, there is no %u",
                        first->collection, first->partitions, apply->partition);
    apply->resolver = iso_resolver_find(first->resolver);
    iso_buckets_init(&apply->buckets, apply->number, apply->partition, first->buckets);
    return ISO_OK;
}

enum iso_err iso_apply_open(struct iso_store *store,
                            const struct iso_apply_options *options,
                            struct iso_apply **opened, struct iso_why *why)
{
    struct iso_apply *apply = iso_alloc_zero(1, sizeof *apply);
    apply->store = store;
    apply->number = options->number;
    apply->partition = options->partition;
    apply->region = options->region;
    apply->known.control = options->control;
    apply->known.parsed = options->parsed != NULL ? options->parsed : &apply->parsed;
    snprintf(apply->known.collection, sizeof apply->known.collection, "%s",
             options->collection);
    apply->filters.collection = options->number;
    apply->filters.partition = options->partition;
    enum iso_err err = open_check(apply, why);
    if (err == ISO_OK)
        err = iso_apply_load(apply, why);
    if (err != ISO_OK) {
        iso_apply_close(apply);
        return err;
    }
    *opened = apply;
    return ISO_OK;
}

void iso_apply_close(struct iso_apply *apply)
{
    if (apply == NULL)
        return;
    iso_known_release(&apply->known);
    iso_slice_release(&apply->slice);
    iso_free(apply->logs);
    iso_free(apply->before);
    iso_free(apply->coming);
    iso_buckets_release(&apply->buckets);
    iso_apply_filters_release(&apply->filters);
    iso_admitted_release(&apply->admitted);
    iso_merged_release(&apply->merged);
    struct iso_buf *buffers[] = {
        &apply->key,         &apply->row,         &apply->hash,
        &apply->ledger_key,  &apply->aside_key,   &apply->mortal_key,
        &apply->mortal_keys, &apply->pass.filter, &apply->ledger_row,
        &apply->ledger_keys, &apply->ledger_undo, &apply->loser_key};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        iso_buf_release(buffers[i]);
    iso_free(apply);
}

/* ---- saving ---- */

void iso_apply_save(struct iso_apply *apply, struct iso_txn *txn)
{
    if (!apply->changed)
        return;
    iso_apply_filters_save(&apply->filters, txn);
    iso_buckets_save(&apply->buckets, txn);
    iso_known_save(&apply->known, txn, &apply->key);
    iso_rows_key_slice(&apply->key, apply->number, apply->partition);
    iso_buf_clear(&apply->row);
    iso_slice_encode(&apply->slice, &apply->row);
    iso_txn_put(txn, ISO_META, iso_buf_bytes(&apply->key), iso_buf_bytes(&apply->row));
    apply->changed = false;
}

enum iso_err iso_apply_end(struct iso_apply *apply, uint16_t log, int64_t offset,
                           struct iso_why *why)
{
    size_t index = iso_apply_log_index(apply, log);
    if (index == apply->slice.log_count) { /* nothing of it was met */
        enum iso_err err = offset > 0 ? iso_apply_log_meet(apply, log, why) : ISO_OK;
        if (err != ISO_OK || offset == 0)
            return err;
        index = iso_apply_log_index(apply, log);
    }
    struct iso_slice_log *is = &apply->slice.logs[index];
    if (offset > apply->logs[index].end)
        offset = apply->logs[index].end;
    if (offset < is->frontier)
        return iso_fail(
            why, ISO_LOG_DIVERGED,
            "log %u of %s ends at offset %" PRId64 " in partition %u, but "
            "%" PRId64 " was applied: it lost its tail or was made anew; stop "
            "its writers and see `isostasy lag` for what each region holds",
            log, apply->known.collection, offset, apply->partition, is->frontier);
    if (offset > is->frontier) {
        is->frontier = offset;
        apply->changed = true;
    }
    return ISO_OK;
}

/* ---- what others may ask ---- */

const struct iso_slice *iso_apply_slice(const struct iso_apply *apply)
{
    return &apply->slice;
}

bool iso_apply_wrote(const struct iso_apply *apply, uint32_t *region)
{
    *region = apply->wrote_region;
    return apply->wrote;
}

const struct iso_loser *iso_apply_newest_loser(struct iso_apply *apply)
{
    bool fresh = apply->loser_fresh;
    apply->loser_fresh = false;
    return fresh ? &apply->loser : NULL;
}

const struct iso_definition *iso_apply_definition(const struct iso_apply *apply)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < apply->slice.log_count; i++) {
        if (apply->slice.logs[i].definition > newest)
            newest = apply->slice.logs[i].definition;
    }
    const struct iso_definition *definition = iso_known_find(&apply->known, newest);
    return definition != NULL ? definition : iso_known_first(&apply->known);
}
