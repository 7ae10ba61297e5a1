/* The world of a story is a simulated one without dice: the trace is kept as text, and
 * the operation's number is the time. */
#include "tests/sim/story.h"

#include <check.h>

#include "consumer/replica.h"
#include "schema/edit.h"
#include "schema/value.h"
#include "tests/sim/sim_look.h"

enum { STEPS = 4 };

static const int64_t BEGAN_MS = 1700000000000;

static struct sim sim;
static struct iso_buf told;
static struct iso_buf token; /* of the session */
static struct iso_why why;

struct sim_region *story_region(unsigned region)
{
    return &sim.regions[region];
}

void at(int64_t ms)
{
    sim_time_passes(&sim, BEGAN_MS + ms - sim.truth.now_ms);
    sim.operation = (unsigned)ms;
}

void story_begin(const struct sim_plan *given)
{
    struct sim_plan plan = *given;
    plan.clusters = plan.regions;
    plan.shards = plan.partitions = plan.buckets = 1;
    plan.keys = 2;
    plan.per_region = true;
    plan.avro = plan.resolver == SIM_FIELDS;
    plan.before_max_ms = plan.before_max_ms > 0 ? plan.before_max_ms : 86400000;
    plan.after_max_ms = plan.after_max_ms > 0 ? plan.after_max_ms : 2000;
    plan.tick_ms = 10;
    sim_open(&sim, &plan);
    snprintf(sim.keys[0], sizeof sim.keys[0], "cart");
    snprintf(sim.keys[1], sizeof sim.keys[1], "list");
    for (int i = 0; i < STEPS; i++)
        applies_each();
    sim.told = &told;
    iso_buf_clear(&told);
    iso_buf_clear(&token);
}

void story_is(const char *expected)
{
    ck_assert_msg(strcmp(iso_buf_text(&told), expected) == 0, "it was told:\n%s",
                  iso_buf_text(&told));
    sim_close(&sim);
    iso_buf_release(&told);
    iso_buf_release(&token);
}

/* ---- networks and daemons ---- */

static void cut_all(unsigned region, bool cut)
{
    for (unsigned c = 0; c < sim.plan.clusters; c++) {
        iso_memory_cut(story_region(region)->buses[c], cut);
        iso_memory_cut(story_region(region)->fronts[c], cut);
    }
    sim_trace(&sim, "%s ! %s", story_region(region)->name, cut ? "cut off" : "healed");
}

void cuts(unsigned region)
{
    cut_all(region, true);
}

void heals(unsigned region)
{
    cut_all(region, false);
    sim_services_poll(&sim, story_region(region));
}

void applies(unsigned region)
{
    for (int i = 0; i < STEPS; i++)
        sim_shard_step(story_region(region), 0);
}

void applies_each(void)
{
    for (unsigned i = 0; i < sim.plan.regions; i++)
        applies(i);
}

void dies(unsigned region, enum sim_store_commit how)
{
    story_region(region)->disks[0].next = how;
}

/* ---- writes ---- */

struct act {
    struct sim_region *region;
    struct iso_bytes key;
    struct iso_write_options options;
    struct iso_buf context;
};

static void act_begin(struct act *act, unsigned region, const char *key)
{
    *act = (struct act){.region = story_region(region), .key = iso_bytes_text(key)};
}

/* With what the region shows now. */
static void act_sees(struct act *act)
{
    struct iso_replica *replica;
    struct iso_read read = {0};
    SIM_OK(&sim, iso_replica_open_on(act->region->stores, 1,
                                     &act->region->service_clock.manual.clock, &replica,
                                     &why));
    iso_replica_get(replica, "cart", act->key, &read, &why);
    iso_buf_add_bytes(&act->context, iso_buf_bytes(&read.context));
    act->options.context = &act->context;
    iso_read_release(&read);
    iso_replica_close(replica);
}

static void act_end(struct act *act, enum iso_err err, const char *what)
{
    ck_assert_msg(err == ISO_OK, "%s", why.text);
    sim_trace(&sim, "%s > %.*s: %s", act->region->name, (int)act->key.size,
              (const char *)act->key.data, what);
    sim_services_poll(&sim, act->region);
    iso_buf_release(&act->context);
}

static void put_act(struct act *act, const char *value)
{
    enum iso_err err = iso_producer_put(act->region->handles[0].producer, act->key,
                                        iso_bytes_text(value), &act->options, &why);
    act_end(act, err, value);
}

void put(unsigned region, const char *key, const char *value)
{
    struct act act;
    act_begin(&act, region, key);
    put_act(&act, value);
}

void put_seen(unsigned region, const char *key, const char *value)
{
    struct act act;
    act_begin(&act, region, key);
    act_sees(&act);
    put_act(&act, value);
}

void put_until(unsigned region, const char *key, const char *value, int64_t ms)
{
    struct act act;
    act_begin(&act, region, key);
    act.options.has_expiry = true;
    act.options.expiry_ms = BEGAN_MS + ms;
    put_act(&act, value);
}

void session_put(unsigned region, const char *key, const char *value)
{
    struct act act;
    act_begin(&act, region, key);
    act.options.token = &token;
    put_act(&act, value);
}

static void delete_act(struct act *act)
{
    enum iso_err err = iso_producer_delete(act->region->handles[0].producer, act->key,
                                           &act->options, &why);
    act_end(act, err, "deleted");
}

void deletes(unsigned region, const char *key)
{
    struct act act;
    act_begin(&act, region, key);
    delete_act(&act);
}

void deletes_seen(unsigned region, const char *key)
{
    struct act act;
    act_begin(&act, region, key);
    act_sees(&act);
    delete_act(&act);
}

static void edit_act(struct act *act, const struct iso_edit *edit, const char *what)
{
    enum iso_err err = iso_producer_patch(act->region->handles[0].producer, act->key,
                                          edit, &act->options, &why);
    act_end(act, err, what);
}

static struct iso_edit *edit_new(struct act *act)
{
    struct iso_edit *edit;
    SIM_OK(&sim, iso_edit_new(iso_producer_schemas(act->region->handles[0].producer), 0,
                              &edit, &why));
    return edit;
}

void counts(unsigned region, const char *key, int by)
{
    struct act act;
    char what[24];
    act_begin(&act, region, key);
    struct iso_edit *edit = edit_new(&act);
    SIM_OK(&sim, iso_edit_increment(edit, "visits", NULL, by, &why));
    snprintf(what, sizeof what, "visits %+d", by);
    edit_act(&act, edit, what);
    iso_edit_free(edit);
}

void resets(unsigned region, const char *key)
{
    struct act act;
    act_begin(&act, region, key);
    act_sees(&act);
    struct iso_edit *edit = edit_new(&act);
    SIM_OK(&sim, iso_edit_unset(edit, "visits", NULL, &why));
    edit_act(&act, edit, "visits reset");
    iso_edit_free(edit);
}

/* ---- reads ---- */

/* Of a record the count alone is told. */
static void value_print(struct iso_bytes value, struct iso_buf *text)
{
    struct iso_buf json = {0};
    struct iso_value read;
    if (sim.plan.resolver != SIM_FIELDS) {
        iso_buf_add_bytes(text, value);
        return;
    }
    const struct iso_schemas *schemas = sim.oracle.schemas[0];
    SIM_OK(&sim, iso_value_read(schemas, value, &read, &why));
    SIM_OK(&sim, iso_avro_to_json(iso_schemas_at(schemas, read.schema), read.datum,
                                  &json, &why));
    const char *visits = strstr(iso_buf_text(&json), "\"visits\":");
    ck_assert_ptr_nonnull(visits);
    visits += strlen("\"visits\":");
    iso_buf_print(text, "visits %.*s", (int)strspn(visits, "-0123456789"), visits);
    iso_buf_release(&json);
}

static unsigned losers_of(struct iso_replica *replica, const char *key)
{
    struct iso_replica_scan *scan;
    struct iso_replica_item item;
    unsigned losers = 0;
    SIM_OK(&sim, iso_replica_scan_losers_of(replica, "cart", iso_bytes_text(key), &scan,
                                            &why));
    while (iso_replica_scan_next(scan, &item, &why) == ISO_OK)
        losers++;
    iso_replica_scan_close(scan);
    return losers;
}

static void read_tell(const struct sim_region *region, const char *key,
                      const struct iso_read *read, unsigned losers)
{
    struct iso_buf text = {0};
    if (read->value.size == 0)
        iso_buf_print(&text, "nothing");
    else if (read->sibling_count == 0)
        value_print(iso_buf_bytes(&read->value), &text);
    for (size_t n = 0; n < read->sibling_count; n++) {
        iso_buf_print(&text, "%s", n > 0 ? " and " : "");
        iso_buf_add_bytes(&text, read->siblings[n].value);
    }
    if (losers > 0)
        iso_buf_print(&text, ", %u lost", losers);
    if (read->stale)
        iso_buf_print(&text, ", stale: %u missing", (unsigned)read->missing);
    sim_trace(&sim, "%s ? %s: %s", region->name, key, iso_buf_text(&text));
    iso_buf_release(&text);
}

static void read_act(unsigned at_region, const char *key,
                     const struct iso_read_options *options)
{
    struct sim_region *region = story_region(at_region);
    struct iso_replica *replica;
    struct iso_read read = {0};
    SIM_OK(&sim,
           iso_replica_open_on(region->stores, 1, &region->service_clock.manual.clock,
                               &replica, &why));
    enum iso_err err = iso_replica_get_fresh(replica, "cart", iso_bytes_text(key),
                                             options, &read, &why);
    ck_assert_msg(err == ISO_OK || err == ISO_NOT_FOUND, "%s", why.text);
    read_tell(region, key, &read, losers_of(replica, key));
    if (options->token.size > 0) {
        iso_buf_clear(&token);
        iso_buf_add_bytes(&token, iso_buf_bytes(&read.token));
    }
    iso_read_release(&read);
    iso_replica_close(replica);
}

void shows(unsigned region, const char *key)
{
    struct iso_read_options options = {.stale = ISO_STALE_FAIL};
    read_act(region, key, &options);
}

void session_reads(unsigned region, const char *key)
{
    struct iso_buf given = {0};
    iso_buf_add_bytes(&given, iso_buf_bytes(&token));
    struct iso_read_options options = {.token = iso_buf_bytes(&given),
                                       .stale = ISO_STALE_MARK};
    read_act(region, key, &options);
    iso_buf_release(&given);
}

void holds(unsigned region)
{
    static struct sim_look look;
    ck_assert(sim_look_open(&look, story_region(region), 0));
    int64_t swept_ms = look.slice.swept_min_ms;
    sim_trace(&sim, "%s = %u tombstones, %u expiring, swept up to %lld",
              story_region(region)->name, (unsigned)look.slice.tally.tombstones,
              (unsigned)look.slice.tally.expiring,
              (long long)(swept_ms > 0 ? swept_ms - BEGAN_MS : 0));
}
