/* A pass reads snapshots, a step at a time, each from behind the last key of the
 * former, and counts the bytes that stay into classes of age: sixteen for each
 * doubling. At its end, when they are more than may be, the oldest classes that are too
 * much together are set to go in the next pass, and of the class in which the bound
 * lies as many bytes as are too much: the bound is met to a value, the order to a
 * class.
 *
 * Rows that change while a pass runs are met or missed; the next pass meets them. A row
 * that fails its check is left to who reads it for its own sake. A step fails as the
 * store or `drop` does, and is tried again where it stopped. */
#include "consumer/prune.h"

#include "consumer/rows.h"
#include "schema/loser.h"

void iso_prune_release(struct iso_prune *prune)
{
    iso_buf_release(&prune->at);
    *prune = (struct iso_prune){0};
}

bool iso_prune_due(const struct iso_prune *prune, int64_t steady_ms)
{
    const struct iso_prune_bounds *bounds = &prune->bounds;
    return (bounds->bytes_max > 0 || bounds->age_ms > 0) &&
           steady_ms >= prune->step_at_ms;
}

/* ---- ages ---- */

/* 0 is the youngest. */
static unsigned class_of(int64_t age_ms)
{
    if (age_ms < 1)
        return 0;
    uint64_t age = (uint64_t)age_ms;
    unsigned power = 63u - (unsigned)__builtin_clzll(age);
    unsigned part = (unsigned)((age << 4 >> power) & 15);
    unsigned class = power * 16 + part;
    return class < ISO_PRUNE_CLASSES ? class : ISO_PRUNE_CLASSES - 1;
}

/* The smallest age in it. */
static int64_t class_age_ms(unsigned class)
{
    return (int64_t)((((uint64_t)(16 + class % 16) << class / 16) + 15) >> 4);
}

/* ---- a pass ---- */

static void pass_begin(struct iso_prune *prune, int64_t now_ms)
{
    prune->now_ms = now_ms;
    memset(prune->classes, 0, sizeof prune->classes);
}

/* Sets what the next pass has to drop; false: nothing is too much. */
static bool pass_judge(struct iso_prune *prune)
{
    int64_t over = -prune->bounds.bytes_max;
    unsigned class = ISO_PRUNE_CLASSES;
    prune->old_ms = prune->until_ms = INT64_MIN;
    prune->quota = 0;
    for (unsigned i = 0; i < ISO_PRUNE_CLASSES; i++)
        over += prune->classes[i];
    if (prune->bounds.bytes_max == 0 || over <= 0)
        return false;
    while (prune->classes[class - 1] <= over)
        over -= prune->classes[--class];
    if (class < ISO_PRUNE_CLASSES)
        prune->old_ms = prune->now_ms - class_age_ms(class) + 1;
    prune->until_ms =
        class > 1 ? prune->now_ms - class_age_ms(class - 1) + 1 : INT64_MAX;
    prune->quota = over;
    return true;
}

static void pass_end(struct iso_prune *prune, int64_t steady_ms)
{
    iso_buf_clear(&prune->at);
    if (pass_judge(prune))
        return;
    int64_t rest_ms = ISO_PRUNE_REST_MS, age_ms = prune->bounds.age_ms;
    if (age_ms > 0 && age_ms / 16 < rest_ms)
        rest_ms = age_ms / 16 > ISO_PRUNE_STEP_MS ? age_ms / 16 : ISO_PRUNE_STEP_MS;
    prune->step_at_ms = steady_ms + rest_ms;
}

/* ---- a row ---- */

struct pass {
    struct iso_prune *prune;
    enum iso_err (*drop)(void *user, struct iso_bytes key, size_t *bytes,
                         struct iso_why *why);
    void *user;
    size_t rows, bytes; /* of this step */
};

static enum iso_err row_drop(struct pass *pass, struct iso_bytes key, bool by_quota,
                             struct iso_why *why)
{
    size_t bytes;
    enum iso_err err = pass->drop(pass->user, key, &bytes, why);
    if (err == ISO_OK && by_quota)
        pass->prune->quota -= (int64_t)bytes;
    return err;
}

static enum iso_err row_meet(struct pass *pass, struct iso_bytes key,
                             struct iso_bytes row, struct iso_why *why)
{
    struct iso_prune *prune = pass->prune;
    struct iso_loser loser;
    struct iso_digest digest;
    struct iso_bytes own =
        iso_bytes(key.data + ISO_ROWS_PREFIX, key.size - ISO_ROWS_PREFIX);
    if (iso_loser_decode(own, row, &loser, &digest, NULL) != ISO_OK || loser.dropped ||
        loser.rule == ISO_LOSER_NAME)
        return ISO_OK;
    int64_t ms = iso_hlc_ms(loser.version.hlc);
    if (ms < prune->old_ms ||
        (prune->bounds.age_ms > 0 && ms < prune->now_ms - prune->bounds.age_ms))
        return row_drop(pass, key, false, why);
    if (ms < prune->until_ms && prune->quota > 0)
        return row_drop(pass, key, true, why);
    prune->classes[class_of(prune->now_ms - ms)] += (int64_t)loser.value.size;
    return ISO_OK;
}

/* ISO_END: that was the last row. */
static enum iso_err rows_meet(struct pass *pass, struct iso_cursor *cursor,
                              struct iso_why *why)
{
    struct iso_buf *at = &pass->prune->at;
    struct iso_bytes key, row;
    enum iso_err err = ISO_OK;
    while (err == ISO_OK && pass->rows < ISO_PRUNE_STEP_ROWS &&
           pass->bytes < ISO_PRUNE_STEP_BYTES) {
        err = iso_cursor_next(cursor, &key, &row, why);
        if (err == ISO_OK)
            err = row_meet(pass, key, row, why);
        if (err != ISO_OK)
            break;
        pass->rows++;
        pass->bytes += row.size;
        iso_buf_clear(at);
        iso_buf_add_bytes(at, key);
    }
    return err;
}

enum iso_err iso_prune_step(struct iso_prune *prune, struct iso_store *store,
                            struct iso_prune_time time,
                            enum iso_err (*drop)(void *user, struct iso_bytes key,
                                                 size_t *bytes, struct iso_why *why),
                            void *user, struct iso_why *why)
{
    struct pass pass = {.prune = prune, .drop = drop, .user = user};
    struct iso_snapshot *snapshot;
    struct iso_cursor *cursor;
    prune->step_at_ms = time.steady_ms + ISO_PRUNE_STEP_MS;
    enum iso_err err = iso_snapshot_open(store, &snapshot, why);
    if (err != ISO_OK)
        return err;
    if (prune->at.size == 0)
        pass_begin(prune, time.now_ms);
    iso_buf_add_u8(&prune->at, 0); /* the next key there can be */
    err = iso_cursor_open(snapshot, ISO_LEDGER, (struct iso_bytes){0},
                          iso_buf_bytes(&prune->at), &cursor, why);
    prune->at.size--;
    if (err == ISO_OK) {
        err = rows_meet(&pass, cursor, why);
        iso_cursor_close(cursor);
    }
    iso_snapshot_close(snapshot);
    if (err != ISO_END)
        return err;
    pass_end(prune, time.steady_ms);
    return ISO_OK;
}
