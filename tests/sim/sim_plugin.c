/* What a plug-in answers is known: the lines of all values, oldest first, each once.
 * What it cannot take is met in that order too.
 *
 * No clock is in the outcome: a question that is answered may take as long as it likes,
 * and one that hangs would for ever. */
#include "tests/sim/sim_plugin.h"

#include <fcntl.h>

#include "consumer/plugin_state.h"
#include "tests/sim/sim.h"

enum { PATIENT_MS = 60000, IMPATIENT_MS = 1, CHECKS = 3 };

static const struct trip {
    const char *value;
    enum iso_err err;
} trips[] = {{"crash", ISO_AGAIN},
             {"hang", ISO_TIMEOUT},
             {"grow", ISO_TOO_LARGE},
             {"refuse", ISO_BAD_DATA}};
enum { TRIPS = sizeof trips / sizeof trips[0] };

static struct iso_plugin_child *child;

static void child_open(struct sim *sim)
{
    struct iso_plugin_options options = {.name = "trips",
                                         .path = ISO_TEST_PLUGINS "trips.so",
                                         .host = ISO_TEST_PLUGIN_HOST,
                                         .timeout_ms = PATIENT_MS,
                                         .checks = CHECKS};
    struct iso_why why = {0};
    int file = open(options.path, O_PATH | O_CLOEXEC);
    SIM_HOLDS(sim, file >= 0, "there is no plug-in at %s", options.path);
    SIM_OK(sim, iso_plugin_open_file(&options, file, &child, &why));
}

/* ---- what is due ---- */

static enum iso_err due_error(const struct iso_read *read)
{
    for (size_t n = read->sibling_count; n > 0; n--)
        for (int i = 0; i < TRIPS; i++)
            if (iso_bytes_equal(read->siblings[n - 1].value,
                                iso_bytes_text(trips[i].value)))
                return trips[i].err;
    return ISO_OK;
}

static bool has_line(struct iso_bytes text, struct iso_bytes line)
{
    for (size_t at = 0; at < text.size; at++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
        size_t size = (size_t)(end - text.data) - at; /* each has an end */
        if (iso_bytes_equal(iso_bytes(text.data + at, size), line))
            return true;
        at += size;
    }
    return false;
}

/* A value that was garbled may have several lines, or none. */
static void lines_add(struct iso_bytes value, struct iso_buf *answer)
{
    for (size_t at = 0; at < value.size; at++) {
        const uint8_t *end = memchr(value.data + at, '\n', value.size - at);
        size_t size = end != NULL ? (size_t)(end - value.data) - at : value.size - at;
        struct iso_bytes line = iso_bytes(value.data + at, size);
        if (size > 0 && !has_line(iso_buf_bytes(answer), line)) {
            iso_buf_add_bytes(answer, line);
            iso_buf_add_u8(answer, '\n');
        }
        at += size;
    }
}

static void due_answer(const struct iso_read *read, struct iso_buf *answer)
{
    for (size_t n = read->sibling_count; n > 0; n--)
        lines_add(read->siblings[n - 1].value, answer);
}

/* ---- a read ---- */

static bool siblings_equal(const struct iso_read *a, const struct iso_read *b)
{
    bool equal =
        a->sibling_count == b->sibling_count &&
        iso_version_equal(a->version, b->version) &&
        iso_bytes_equal(iso_buf_bytes(&a->context), iso_buf_bytes(&b->context));
    for (size_t n = 0; equal && n < a->sibling_count; n++)
        equal = iso_bytes_equal(a->siblings[n].value, b->siblings[n].value);
    return equal;
}

static void read_check(struct sim_region *region, int key, const struct iso_read *read,
                       const struct iso_read *with, enum iso_err err)
{
    struct sim *sim = region->sim;
    struct iso_buf answer = {0};
    enum iso_err due = due_error(read);
    SIM_HOLDS(sim, err == due, "%s: through its plug-in %s is %s, not %s", region->name,
              sim->keys[key], iso_err_name(err), iso_err_name(due));
    SIM_HOLDS(sim, siblings_equal(read, with),
              "%s: the plug-in alters which siblings of %s are shown", region->name,
              sim->keys[key]);
    due_answer(read, &answer);
    SIM_HOLDS(sim,
              err != ISO_OK ||
                  iso_bytes_equal(iso_buf_bytes(&with->value), iso_buf_bytes(&answer)),
              "%s: the plug-in shows %s otherwise than its siblings", region->name,
              sim->keys[key]);
    iso_buf_release(&answer);
    sim->figures.plugin_reads++;
    sim->figures.plugin_errors += err != ISO_OK;
    sim_trace(sim, "%s ? %s through a plug-in: %s", region->name, sim->keys[key],
              iso_err_name(err));
}

void sim_plugin_read(struct sim_region *region, int key, const struct iso_read *read)
{
    struct sim *sim = region->sim;
    struct iso_bytes name = iso_bytes_text(sim->keys[key]);
    struct iso_replica *replica;
    struct iso_read with = {0};
    struct iso_why why = {0};
    for (unsigned n = 0; n < sim->plan.shards; n++)
        if (region->disks[n].views > 0)
            return; /* a bad disk has errors of its own */
    if (read->sibling_count == 0)
        return;
    if (child == NULL)
        child_open(sim);
    child->timeout_ms = due_error(read) == ISO_TIMEOUT ? IMPATIENT_MS : PATIENT_MS;
    SIM_OK(sim,
           iso_replica_open_on(region->stores, sim->plan.shards,
                               &region->service_clock.manual.clock, &replica, &why));
    SIM_OK(sim, iso_replica_plugin(replica, "cart", child, &why));
    enum iso_err err = iso_replica_get(replica, "cart", name, &with, &why);
    read_check(region, key, read, &with, err);
    iso_read_release(&with);
    iso_replica_close(replica);
}

/* ---- what it cannot take ---- */

void sim_plugin_trip(struct sim_region *region)
{
    struct sim *sim = region->sim;
    unsigned key = (unsigned)sim_dice(sim, sim->plan.keys < 4 ? sim->plan.keys : 4);
    const struct trip *trip = &trips[sim_dice(sim, TRIPS)];
    struct iso_write_options options = {0};
    struct iso_why why = {0};
    enum iso_err err =
        iso_producer_put(region->handles[0].producer, iso_bytes_text(sim->keys[key]),
                         iso_bytes_text(trip->value), &options, &why);
    SIM_HOLDS(sim, err == ISO_OK || err == ISO_AGAIN || err == ISO_CLOCK_SKEW,
              "%s cannot write: %s: %s", region->name, iso_err_name(err), why.text);
    sim->figures.writes += err == ISO_OK;
    sim_trace(sim, "%s > put %s to %s", region->name, sim->keys[key], trip->value);
}
