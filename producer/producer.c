/* The handle: opened on what its caller has looked up, closed with an answer for all.
 *
 * Closing answers every write that has no answer as unknown, then frees. A process that
 * was forked off after opening has a copy of the handle without the threads that its
 * Kafka client lives by: every call there is ISO_CLOSED, and close leaves the memory
 * alone. */
#include "producer/producer.h"

#include "base/mem.h"
#include "producer/handle.h"

/* How often this process is a fork of one that loaded the library: a number that
 * changes is the cheapest way to see that a handle was inherited. */
static atomic_uint forks;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

static void forks_count(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void forks_watch(void)
{
    iso_assert(pthread_atfork(NULL, NULL, forks_count) == 0);
}

enum iso_err iso_producer_check(const struct iso_producer *producer,
                                struct iso_why *why)
{
    if (producer->forks != atomic_load_explicit(&forks, memory_order_relaxed))
        return iso_fail(
            why, ISO_CLOSED,
            "this producer was opened before the process forked: open one in "
            "the child");
    return ISO_OK;
}

enum iso_err iso_producer_publisher_open(struct iso_producer *producer,
                                         struct iso_why *why)
{
    struct iso_publisher_options options = {.linger_ms = producer->ground.linger_ms,
                                            .memory_max = producer->ground.queue_max,
                                            .client_id = producer->client_id,
                                            .header = ISO_HEADER_NAME,
                                            .delivered = iso_producer_delivered,
                                            .user = producer};
    return iso_publisher_open(producer->bus, &options, &producer->publisher, why);
}

void iso_producer_publisher_give(struct iso_producer *producer,
                                 struct iso_publisher *publisher)
{
    for (uint32_t i = 0; i < producer->ground.definition->partitions; i++) {
        pthread_mutex_lock(&producer->slices[i].lock);
        producer->slices[i].publisher = publisher;
        pthread_mutex_unlock(&producer->slices[i].lock);
    }
}

/* ---- open and close ---- */

static enum iso_err log_of(const struct iso_producer_ground *ground,
                           const struct iso_definition_log **log, struct iso_why *why)
{
    const struct iso_definition *definition = ground->definition;
    if (definition->extension_unknown != 0)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "definition %u of collection %s uses extension %u, which this "
                        "software is too old for: install a newer isostasy",
                        definition->number, definition->collection,
                        definition->extension_unknown);
    *log = iso_definition_log_of(definition, ground->region);
    if (*log == NULL)
        return iso_fail(why, ISO_NO_DEFINITION,
                        "region %u writes no open log of collection %s: definition %u "
                        "does not name it as a writer",
                        ground->region, definition->collection, definition->number);
    return ISO_OK;
}

/* The poll lock tells who comes again from inside `acknowledged` from who must wait. */
static void poll_lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    iso_assert(pthread_mutexattr_init(&attr) == 0);
    iso_assert(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
    iso_assert(pthread_mutex_init(lock, &attr) == 0);
    pthread_mutexattr_destroy(&attr);
}

static struct iso_producer *handle_new(const struct iso_producer_ground *ground,
                                       const struct iso_producer_options *options,
                                       const struct iso_definition_log *log)
{
    struct iso_producer *producer = iso_alloc_zero(1, sizeof *producer);
    producer->ground = *ground;
    producer->acknowledged = options->acknowledged;
    producer->user = options->user;
    producer->client_id =
        iso_strdup(options->client_id ? options->client_id : "isostasy-producer");
    producer->bus = ground->bus;
    producer->log = log;
    producer->message_max = -1;
    atomic_init(&producer->newest, ground->definition);
    producer->schemas = iso_schemas_new(ground->definition);
    producer->has_fields = iso_definition_has_fields(ground->definition);
    producer->node = iso_node(ground->region, iso_chance_draw(ground->chance));
    producer->forks = atomic_load_explicit(&forks, memory_order_relaxed);
    iso_assert(pthread_mutex_init(&producer->hlc_lock, NULL) == 0);
    poll_lock_init(&producer->poll_lock);
    iso_pool_init(&producer->pool, ground->queue_max, ground->pending_max);
    uint32_t partitions = ground->definition->partitions;
    producer->slices = iso_alloc_zero(partitions, sizeof *producer->slices);
    for (uint32_t i = 0; i < partitions; i++) {
        iso_assert(pthread_mutex_init(&producer->slices[i].lock, NULL) == 0);
        producer->slices[i].log = log;
    }
    /* What is older than the log's birth is refused, so a clock that is behind it
     * starts there. */
    iso_hlc_init(&producer->hlc);
    iso_hlc_observe(&producer->hlc, log->birth);
    return producer;
}

static void handle_free(struct iso_producer *producer)
{
    for (uint32_t i = 0; i < producer->ground.definition->partitions; i++)
        pthread_mutex_destroy(&producer->slices[i].lock);
    iso_free(producer->slices);
    iso_schemas_free(producer->schemas);
    iso_pool_release(&producer->pool);
    pthread_mutex_destroy(&producer->poll_lock);
    pthread_mutex_destroy(&producer->hlc_lock);
    iso_free(producer->client_id);
    iso_producer_home_free(producer->home);
    iso_free(producer);
}

enum iso_err iso_producer_open_on(const struct iso_producer_ground *ground,
                                  const struct iso_producer_options *options,
                                  struct iso_producer **producer, struct iso_why *why)
{
    iso_assert(ground->queue_max > 0 && ground->pending_max > 0);
    iso_assert(pthread_once(&forks_once, forks_watch) == 0);
    const struct iso_definition_log *log;
    enum iso_err err = log_of(ground, &log, why);
    if (err != ISO_OK)
        return err;
    struct iso_producer *opened = handle_new(ground, options, log);
    err = iso_producer_publisher_open(opened, why);
    if (err != ISO_OK) {
        handle_free(opened);
        return err;
    }
    iso_producer_publisher_give(opened, opened->publisher);
    *producer = opened;
    return ISO_OK;
}

void iso_producer_close(struct iso_producer *producer)
{
    if (producer == NULL || iso_producer_check(producer, NULL) != ISO_OK)
        return;
    iso_assert(pthread_mutex_lock(&producer->poll_lock) == 0);
    iso_producer_answer_all(producer);
    pthread_mutex_unlock(&producer->poll_lock);
    handle_free(producer);
}

/* ---- questions ---- */

const struct iso_schemas *iso_producer_schemas(const struct iso_producer *producer)
{
    return producer->schemas;
}

void iso_producer_stats(struct iso_producer *producer, struct iso_producer_stats *stats)
{
    *stats = (struct iso_producer_stats){0};
    if (iso_producer_check(producer, NULL) != ISO_OK)
        return;
    struct producer_counters *counters = &producer->counters;
    stats->queued = atomic_load_explicit(&counters->queued, memory_order_relaxed);
    stats->durable = atomic_load_explicit(&counters->durable, memory_order_relaxed);
    stats->not_applied =
        atomic_load_explicit(&counters->not_applied, memory_order_relaxed);
    stats->maybe_applied =
        atomic_load_explicit(&counters->maybe_applied, memory_order_relaxed);
    stats->resent = atomic_load_explicit(&counters->resent, memory_order_relaxed);
    stats->waiting = (uint64_t)iso_pool_waiting(&producer->pool);
}

enum iso_err iso_producer_trouble(struct iso_producer *producer, struct iso_why *why)
{
    enum iso_err err = iso_producer_check(producer, why);
    if (err != ISO_OK)
        return err;
    /* With a slice's lock held its publisher is not closed. */
    struct producer_slice *slice = &producer->slices[0];
    pthread_mutex_lock(&slice->lock);
    if (atomic_load_explicit(&producer->shut, memory_order_relaxed))
        err = iso_fail(why, ISO_UNAVAILABLE,
                       "the log of collection %s that this region writes takes no "
                       "records any more: writes wait for the one that succeeds it "
                       "(see isostasy log list %s)%s%.200s",
                       producer->ground.definition->collection,
                       producer->ground.definition->collection,
                       producer->heard.err != ISO_OK ? ": " : "",
                       producer->heard.err != ISO_OK ? producer->heard.text : "");
    else if (slice->publisher == NULL)
        err = iso_fail(why, ISO_FENCED,
                       "the Kafka client could not go on and is being replaced: poll");
    else
        err = iso_publisher_trouble(slice->publisher, why);
    pthread_mutex_unlock(&slice->lock);
    return err;
}
