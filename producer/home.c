/* iso_producer_open: what the settings name is looked up, checked, and handed to
 * iso_producer_open_on.
 *
 * The control topic in the home cluster knows regions and collections. While it cannot
 * be reached, the cache says what an earlier open had found; then the log's topic is
 * not checked either, and writes wait in the queue until Kafka is back. Everything else
 * that is wrong fails here, by name, rather than in the acknowledgements of writes. */
#include "producer/home.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "producer/cache.h"
#include "producer/define.h"
#include "producer/handle.h"

/* The cluster of a log that the handle writes, or wrote. */
struct home_bus {
    struct home_bus *next;
    char *cluster;
    struct iso_bus *bus;
};

struct producer_home {
    struct iso_settings *settings; /* a copy: a log may come in another cluster */
    struct iso_lookup lookup;      /* its texts are the copy's, but for … */
    char *region, *collection;     /* … these */
    const char *home_name;
    struct iso_bus *home;
    struct home_bus *others; /* but home */
    struct iso_definition *definition;
    struct iso_control *control; /* read by who polls, when a log is closed */
    bool cached;                 /* Kafka was away when it was opened */
};

void iso_producer_home_free(struct producer_home *home)
{
    if (home == NULL)
        return;
    while (home->others != NULL) {
        struct home_bus *other = home->others;
        home->others = other->next;
        iso_bus_close(other->bus);
        iso_free(other->cluster);
        iso_free(other);
    }
    iso_bus_close(home->home);
    iso_definition_free(home->definition);
    iso_control_free(home->control);
    iso_settings_free(home->settings);
    iso_free(home->region);
    iso_free(home->collection);
    iso_free(home);
}

/* ---- looking up ---- */

static enum iso_err lookup_region(const struct iso_lookup *lookup,
                                  const struct iso_control *control, unsigned *number,
                                  struct iso_why *why)
{
    *number = iso_control_region(control, lookup->region);
    if (*number != 0)
        return ISO_OK;
    struct iso_buf known = {0};
    for (unsigned n = 1; n <= ISO_REGION_MAX; n++) {
        const char *name = iso_control_region_name(control, n);
        if (name != NULL)
            iso_buf_print(&known, "%s%s", known.size > 0 ? ", " : "", name);
    }
    enum iso_err err = iso_fail(
        why, ISO_NO_DEFINITION,
        "there is no region '%.40s' (%s%.200s): name one of these, or make it with "
        "isostasy region add",
        lookup->region, known.size > 0 ? "there are " : "there are none yet",
        iso_buf_text(&known));
    iso_buf_release(&known);
    return err;
}

static enum iso_err lookup_collection(const struct iso_lookup *lookup,
                                      const struct iso_control *control,
                                      const struct iso_definition **definition,
                                      struct iso_why *why)
{
    *definition = iso_control_definition_written(control, lookup->collection);
    if (*definition != NULL)
        return ISO_OK;
    struct iso_buf known = {0};
    const char *name;
    for (size_t n = 0; (name = iso_control_collection(control, n)) != NULL; n++)
        iso_buf_print(&known, "%s%s", known.size > 0 ? ", " : "", name);
    enum iso_err err = iso_fail(
        why, ISO_NO_DEFINITION,
        "there is no collection '%.64s' (%s%.200s): name one of these, or make it with "
        "isostasy collection create",
        lookup->collection, known.size > 0 ? "there are " : "there are none yet",
        iso_buf_text(&known));
    iso_buf_release(&known);
    return err;
}

/* The collection has the region, under the number that the control topic gives it. */
static enum iso_err lookup_member(const struct iso_lookup *lookup,
                                  const struct iso_definition *definition,
                                  unsigned number, struct iso_why *why)
{
    const struct iso_definition_region *region =
        iso_definition_region_named(definition, lookup->region);
    if (region != NULL && region->number == number)
        return ISO_OK;
    return iso_fail(why, ISO_NO_DEFINITION,
                    "collection %s does not have the region %s (number %u): its "
                    "definition %" PRIu32 " names others",
                    lookup->collection, lookup->region, number, definition->number);
}

static enum iso_err lookup_control(const struct iso_lookup *lookup,
                                   const struct iso_control *control,
                                   struct iso_found *found, struct iso_why *why)
{
    const struct iso_definition *definition;
    enum iso_err err = lookup_region(lookup, control, &found->region, why);
    if (err == ISO_OK)
        err = lookup_collection(lookup, control, &definition, why);
    if (err == ISO_OK)
        err = lookup_member(lookup, definition, found->region, why);
    if (err == ISO_OK)
        err = iso_definition_decode(iso_buf_bytes(&definition->bytes),
                                    &found->definition, why);
    return err;
}

static enum iso_err lookup_cached(const struct iso_lookup *lookup,
                                  struct iso_found *found, struct iso_why *why)
{
    if (lookup->cache == NULL)
        return iso_fail_at(why, ISO_UNAVAILABLE,
                           "region %s of collection %s cannot be looked up and "
                           "nothing is cached (setting producer.cache)",
                           lookup->region, lookup->collection);
    struct iso_why unavailable = *why;
    enum iso_err err = iso_cache_read(lookup->cache, lookup->region, lookup->collection,
                                      &found->definition, &found->region, why);
    found->cached = err == ISO_OK;
    if (err != ISO_NOT_FOUND)
        return err;
    *why = unavailable;
    return iso_fail_at(why, unavailable.err,
                       "region %s of collection %s was never cached in %.100s",
                       lookup->region, lookup->collection, lookup->cache);
}

enum iso_err iso_lookup(const struct iso_lookup *lookup, struct iso_found *found,
                        struct iso_why *why)
{
    *found = (struct iso_found){0};
    struct iso_why here; /* the cache is tried after a failure that nobody asked for */
    struct iso_control *control = iso_control_new();
    struct iso_control_place place = {.home = lookup->home,
                                      .prefix = lookup->prefix,
                                      .timeout_ms = lookup->timeout_ms};
    enum iso_err err = iso_control_read(&place, control, &here);
    if (err == ISO_OK)
        err = lookup_control(lookup, control, found, &here);
    else if (err == ISO_UNAVAILABLE)
        err = lookup_cached(lookup, found, &here);
    else if (err == ISO_NOT_FOUND)
        err =
            iso_fail(&here, ISO_NO_DEFINITION,
                     "nothing is defined in the home cluster yet: begin with isostasy "
                     "region add %.32s",
                     lookup->region);
    iso_control_free(control);
    if (err != ISO_OK && why != NULL)
        *why = here;
    return err;
}

/* ---- the log ---- */

static enum iso_err undefined(struct iso_why *why,
                              const struct iso_definition *definition,
                              const struct iso_definition_log *log, const char *reason)
{
    return iso_fail(
        why, ISO_TOPIC_CONFIG,
        "topic %s of collection %s %s: run isostasy collection create %s again",
        log->topic, definition->collection, reason, definition->collection);
}

/* A topic with other settings loses or misdates what is written, so it is not written.
 * A service that may write and not look is believed: daemons look too. */
static enum iso_err log_settings(struct iso_bus *bus,
                                 const struct iso_definition *definition,
                                 const struct iso_definition_log *log, int timeout_ms,
                                 struct iso_why *why)
{
    struct iso_why here = {0};
    enum iso_err err = iso_log_check(bus, definition, log, timeout_ms, &here);
    if (err == ISO_DENIED) {
        iso_log_why(ISO_DEBUG, "producer.settings", &here);
        return ISO_OK;
    }
    if (err != ISO_OK && why != NULL)
        *why = here;
    return err;
}

enum iso_err iso_log_ready(struct iso_bus *bus, const struct iso_definition *definition,
                           const struct iso_definition_log *log, int timeout_ms,
                           struct iso_why *why)
{
    int partitions;
    enum iso_err err =
        iso_bus_partitions(bus, log->topic, timeout_ms, &partitions, why);
    if (err == ISO_NOT_FOUND)
        return undefined(why, definition, log, "does not exist");
    if (err != ISO_OK)
        return err;
    if ((uint32_t)partitions != definition->partitions)
        return iso_fail(why, ISO_TOPIC_CONFIG,
                        "topic %s has %d partitions, and collection %s has %" PRIu32
                        ": keys would go astray; partitions of a log cannot be changed",
                        log->topic, partitions, definition->collection,
                        definition->partitions);
    struct iso_position *positions =
        iso_alloc_zero((size_t)partitions, sizeof *positions);
    for (int i = 0; i < partitions; i++)
        positions[i] = (struct iso_position){.topic = log->topic, .partition = i};
    err = iso_bus_ends(bus, positions, (size_t)partitions, timeout_ms, why);
    for (int i = 0; err == ISO_OK && i < partitions; i++)
        if (positions[i].end == 0)
            err = undefined(why, definition, log, "is not defined in every partition");
    iso_free(positions);
    return err == ISO_OK ? log_settings(bus, definition, log, timeout_ms, why) : err;
}

/* ---- open, and again when the log was closed ---- */

/* The bus of the log's cluster: the home bus when it is that. */
static enum iso_err log_bus(struct producer_home *home,
                            const struct iso_definition_log *log, struct iso_bus **bus,
                            struct iso_why *why)
{
    *bus = home->home;
    if (strcmp(log->cluster, home->home_name) == 0)
        return ISO_OK;
    for (const struct home_bus *at = home->others; at != NULL; at = at->next) {
        *bus = at->bus;
        if (strcmp(at->cluster, log->cluster) == 0)
            return ISO_OK;
    }
    if (!iso_settings_has(home->settings, "cluster", log->cluster))
        return iso_fail(why, ISO_SETTING,
                        "log %u is in cluster %s, which the settings do not name: add "
                        "[cluster %s] with its servers",
                        log->number, log->cluster, log->cluster);
    enum iso_err err = iso_bus_kafka_open(home->settings, log->cluster, bus, why);
    if (err != ISO_OK)
        return err;
    struct home_bus *other = iso_alloc_zero(1, sizeof *other);
    *other = (struct home_bus){
        .next = home->others, .cluster = iso_strdup(log->cluster), .bus = *bus};
    home->others = other;
    return ISO_OK;
}

/* A cache that cannot be written is trouble for another day, not for this open. */
static void cache_write(const struct iso_lookup *lookup,
                        const struct iso_definition *definition, unsigned region)
{
    struct iso_why why;
    if (lookup->cache != NULL && iso_cache_write(lookup->cache, lookup->region,
                                                 definition, region, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "producer.cache", &why);
}

/* What the log is asked for when it was closed (producer.h). Definitions are borrowed
 * from the control, which keeps them all. */
static enum iso_err home_ask(void *user, const struct iso_definition **definition,
                             struct iso_bus **bus, struct iso_why *why)
{
    struct producer_home *home = user;
    const struct iso_lookup *lookup = &home->lookup;
    struct iso_control_place place = {
        .home = home->home, .prefix = lookup->prefix, .timeout_ms = lookup->timeout_ms};
    struct iso_found found = {0};
    if (home->control == NULL)
        home->control = iso_control_new();
    enum iso_err err = iso_control_read(&place, home->control, why);
    if (err == ISO_OK)
        err = lookup_region(lookup, home->control, &found.region, why);
    if (err == ISO_OK)
        err = lookup_collection(lookup, home->control, definition, why);
    if (err != ISO_OK)
        return err;
    const struct iso_definition_log *log =
        iso_definition_log_of(*definition, found.region);
    *bus = NULL;
    if (log != NULL)
        err = log_bus(home, log, bus, why);
    if (err == ISO_OK)
        cache_write(lookup, *definition, found.region);
    return err;
}

static enum iso_err home_open(struct producer_home *home,
                              struct iso_producer_ground *ground, struct iso_why *why)
{
    const struct iso_lookup *lookup = &home->lookup;
    struct iso_found found;
    enum iso_err err = iso_lookup(lookup, &found, why);
    if (err != ISO_OK)
        return err;
    home->cached = found.cached;
    home->definition = found.definition;
    ground->definition = found.definition;
    ground->region = found.region;
    const struct iso_definition_log *log =
        iso_definition_log_of(found.definition, found.region);
    if (log == NULL)
        return ISO_OK; /* iso_producer_open_on says so */
    err = log_bus(home, log, &ground->bus, why);
    if (err == ISO_OK && !found.cached)
        err =
            iso_log_ready(ground->bus, found.definition, log, lookup->timeout_ms, why);
    /* Home is there and the log's cluster is not: an earlier open had found it ready.
     */
    if (err == ISO_UNAVAILABLE && lookup->cache != NULL &&
        iso_cache_knows_log(lookup->cache, lookup->region, found.definition,
                            found.region))
        return ISO_OK;
    if (err == ISO_OK && !found.cached)
        cache_write(lookup, found.definition, found.region);
    return err;
}

/* What the handle writes stands behind what is there now: if its log is closed some
 * day, no more need be read of it. Not worth waiting for. */
static void slices_begin(struct iso_producer *producer, int timeout_ms)
{
    uint32_t partitions = producer->ground.definition->partitions;
    struct iso_position *positions = iso_alloc_zero(partitions, sizeof *positions);
    for (uint32_t i = 0; i < partitions; i++)
        positions[i] =
            (struct iso_position){.topic = producer->log->topic, .partition = (int)i};
    if (iso_bus_ends(producer->bus, positions, partitions, timeout_ms, NULL) == ISO_OK)
        for (uint32_t i = 0; i < partitions; i++)
            producer->slices[i].from = positions[i].end;
    iso_free(positions);
}

static enum iso_err names_check(const struct iso_producer_options *options,
                                struct iso_why *why)
{
    if (options->region == NULL || !iso_region_name_valid(options->region))
        return iso_fail(why, ISO_NO_DEFINITION,
                        "'%.40s' is no region's name: 1 to %d of a-z 0-9 -",
                        options->region ? options->region : "", ISO_REGION_NAME_MAX);
    if (options->collection == NULL || !iso_collection_name_valid(options->collection))
        return iso_fail(why, ISO_NO_DEFINITION,
                        "'%.80s' is no collection's name: 1 to %d of a-z A-Z 0-9 . _ -",
                        options->collection ? options->collection : "",
                        ISO_COLLECTION_NAME_MAX);
    return ISO_OK;
}

/* Everything that the handle needs of its caller's settings. */
static struct producer_home *home_new(const struct iso_settings *given,
                                      const struct iso_producer_options *options)
{
    struct producer_home *home = iso_alloc_zero(1, sizeof *home);
    struct iso_settings *settings = iso_settings_copy(given);
    home->settings = settings;
    home->region = iso_strdup(options->region);
    home->collection = iso_strdup(options->collection);
    home->home_name = iso_settings_name(settings, "cluster", 0);
    home->lookup = (struct iso_lookup){
        .prefix = iso_settings_text(settings, "topics", NULL, "prefix"),
        .region = home->region,
        .collection = home->collection,
        .cache = iso_settings_text(settings, "producer", NULL, "cache"),
        .timeout_ms = (int)iso_settings_number(settings, "producer", NULL, "timeout")};
    return home;
}

enum iso_err iso_producer_open(const struct iso_settings *settings,
                               const struct iso_producer_options *options,
                               struct iso_producer **producer, struct iso_why *why)
{
    enum iso_err err = names_check(options, why);
    if (err != ISO_OK)
        return err;
    if (iso_settings_name(settings, "cluster", 0) == NULL)
        return iso_fail(
            why, ISO_SETTING,
            "the settings name no cluster: write [cluster home] and servers = "
            "host:port");
    struct producer_home *home = home_new(settings, options);
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    struct iso_producer_ground ground = {
        .clock = &iso_clock_machine,
        .chance = &chance,
        .queue_max = iso_settings_number(settings, "producer", NULL, "queue.max"),
        .pending_max = iso_settings_number(settings, "producer", NULL, "pending.max"),
        .linger_ms = (int)iso_settings_number(settings, "producer", NULL, "linger"),
        .renewal = {home_ask, home, home->lookup.timeout_ms}};
    err = iso_bus_kafka_open(home->settings, home->home_name, &home->home, why);
    home->lookup.home = ground.bus = home->home;
    if (err == ISO_OK)
        err = home_open(home, &ground, why);
    if (err == ISO_OK)
        err = iso_producer_open_on(&ground, options, producer, why);
    if (err != ISO_OK) {
        iso_producer_home_free(home);
        return err;
    }
    (*producer)->home = home;
    if (!home->cached)
        slices_begin(*producer, home->lookup.timeout_ms);
    return ISO_OK;
}
