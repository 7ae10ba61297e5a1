/* The pool: a list of idle blocks per size class, under one small lock.
 *
 * What is idle never exceeds what may be in use (bytes_max); beyond it blocks are
 * freed, so a burst of large writes is not kept for ever. Memory itself is asked for
 * and freed without the lock. */
#include "producer/pending.h"

#include "base/mem.h"

/* Class 0 is up to 256 bytes; then four a doubling: 320, 384, 448, 512, 640, … */
enum {
    CLASS_LEAST_BITS = 8,
    CLASS_STEPS_BITS = 2,
    CLASS_STEPS = 1 << CLASS_STEPS_BITS
};

static unsigned class_of(size_t size, size_t *room)
{
    if (size <= (size_t)1 << CLASS_LEAST_BITS) {
        *room = (size_t)1 << CLASS_LEAST_BITS;
        return 0;
    }
    unsigned bits = 63 - (unsigned)__builtin_clzll(size - 1); /* 2^bits < size */
    size_t step = (size_t)1 << (bits - CLASS_STEPS_BITS);
    size_t steps = (size - ((size_t)1 << bits) + step - 1) / step;
    *room = ((size_t)1 << bits) + steps * step;
    return (bits - CLASS_LEAST_BITS) * CLASS_STEPS + (unsigned)steps;
}

void iso_pool_init(struct iso_pool *pool, int64_t bytes_max, int64_t waiting_max)
{
    *pool = (struct iso_pool){.bytes_max = bytes_max, .waiting_max = waiting_max};
    iso_assert(pthread_mutex_init(&pool->lock, NULL) == 0);
}

void iso_pool_release(struct iso_pool *pool)
{
    iso_assert(pool->waiting == 0 && pool->bytes == 0);
    for (size_t i = 0; i < ISO_POOL_CLASSES; i++) {
        struct iso_pending *next;
        for (struct iso_pending *at = pool->idle[i]; at != NULL; at = next) {
            next = at->next;
            iso_free(at);
        }
        pool->idle[i] = NULL;
    }
    pthread_mutex_destroy(&pool->lock);
}

/* The lock is held. */
static enum iso_err pool_admit(struct iso_pool *pool, size_t room, struct iso_why *why)
{
    bool full = pool->waiting >= pool->waiting_max ||
                pool->bytes + (int64_t)room > pool->bytes_max;
    if (full && pool->waiting > 0)
        return iso_fail(
            why, ISO_AGAIN,
            "%lld writes of %lld bytes have no answer yet (at most %lld and "
            "%lld): poll, then call again",
            (long long)pool->waiting, (long long)pool->bytes,
            (long long)pool->waiting_max, (long long)pool->bytes_max);
    pool->waiting++;
    pool->bytes += (int64_t)room;
    return ISO_OK;
}

enum iso_err iso_pool_take(struct iso_pool *pool, size_t size,
                           struct iso_pending **pending, struct iso_why *why)
{
    size_t room;
    unsigned size_class = class_of(sizeof **pending + size, &room);
    iso_assert(size_class < ISO_POOL_CLASSES);
    struct iso_pending *taken = NULL;
    pthread_mutex_lock(&pool->lock);
    enum iso_err err = pool_admit(pool, room, why);
    if (err == ISO_OK && pool->idle[size_class] != NULL) {
        taken = pool->idle[size_class];
        pool->idle[size_class] = taken->next;
        pool->idle_bytes -= (int64_t)room;
    }
    pthread_mutex_unlock(&pool->lock);
    if (err != ISO_OK)
        return err;
    if (taken == NULL)
        taken = iso_alloc(room);
    taken->next = NULL;
    taken->room = room;
    taken->size_class = size_class;
    taken->lost = false;
    taken->timeless = false;
    taken->absent = false;
    taken->closed = false;
    taken->refusals = 0;
    *pending = taken;
    return ISO_OK;
}

void iso_pool_give(struct iso_pool *pool, struct iso_pending *chain)
{
    struct iso_pending *surplus = NULL;
    pthread_mutex_lock(&pool->lock);
    while (chain != NULL) {
        struct iso_pending *given = chain;
        chain = given->next;
        pool->waiting--;
        pool->bytes -= (int64_t)given->room;
        bool keep = pool->idle_bytes + (int64_t)given->room <= pool->bytes_max;
        struct iso_pending **list = keep ? &pool->idle[given->size_class] : &surplus;
        given->next = *list;
        *list = given;
        if (keep)
            pool->idle_bytes += (int64_t)given->room;
    }
    pthread_mutex_unlock(&pool->lock);
    while (surplus != NULL) {
        struct iso_pending *next = surplus->next;
        iso_free(surplus);
        surplus = next;
    }
}

int64_t iso_pool_waiting(struct iso_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    int64_t waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
