/* Random cases. Three regions live while the case is written: a writer reads what its
 * own region shows at that moment (or showed a while ago, or has written since), so
 * contexts are real ones. Versions come from few milliseconds, counters and nodes, so
 * that ties are common; no version is used twice, as admission sees to. Regions forget
 * at random, but never so far that a write could still come, which is what the bound
 * sees to. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/law/law.h"

enum { SHAPE_SHARED, SHAPE_PER_REGION, SHAPE_SUCCESSION, SHAPE_MIXED, SHAPES };

unsigned law_draw(struct law_random *random, unsigned below)
{
    return (unsigned)(iso_chance_draw(&random->chance) >> 33) % below;
}

bool law_percent(struct law_random *random, unsigned chance)
{
    return law_draw(random, 100) < chance;
}

/* Of shape mixed, regions 1 and 3 move from log 1 to log 3. */
static uint16_t log_of(const struct law_random *random, unsigned region)
{
    if (random->shape == SHAPE_SHARED)
        return 1;
    if (random->shape == SHAPE_PER_REGION)
        return (uint16_t)region;
    if (random->shape == SHAPE_SUCCESSION)
        return random->is_closed ? 2 : 1;
    return region == 2 ? 2 : random->is_closed ? 3 : 1;
}

static void close_log(struct law_random *random)
{
    uint16_t next = random->shape == SHAPE_SUCCESSION ? 2 : 3;
    if (random->shape == SHAPE_SHARED || random->shape == SHAPE_PER_REGION)
        return;
    random->is_closed = true;
    random->law.succeeds[next][1] = true;
}

/* ---- versions */

/* Nothing that comes from now on is older. */
static int64_t bound_ms(const struct law_random *random)
{
    int64_t bound = LAW_FIRST_MS;
    for (size_t n = 0; n < LAW_REGIONS; n++)
        if (random->regions[n].swept_ms > bound)
            bound = random->regions[n].swept_ms;
    return bound;
}

static bool version_is_used(const struct law_case *law, struct iso_version version)
{
    for (size_t n = 0; n < law->count; n++)
        if (iso_version_equal(law->writes[n].version, version))
            return true;
    return false;
}

struct iso_version law_version_draw(struct law_random *random, unsigned region)
{
    int64_t ms = bound_ms(random) + law_draw(random, LAW_SPREAD_MS);
    return (struct iso_version){iso_hlc_of_ms(ms) | law_draw(random, 2),
                                iso_node(region, law_draw(random, 2))};
}

struct iso_version law_version_forge(struct law_random *random)
{
    const struct law_case *law = &random->law;
    struct iso_version version =
        law_version_draw(random, law_draw(random, LAW_REGIONS) + 1);
    if (law->count > 0 && law_percent(random, 60))
        version = law->writes[law_draw(random, (unsigned)law->count)].version;
    return version;
}

/* ---- writes */

/* What the region's reader is shown now stands before what it was shown earlier. */
static struct iso_buf *context_read(struct law_random *random, unsigned region)
{
    struct law_region *reader = &random->regions[region - 1];
    struct iso_buf *contexts = random->contexts[region - 1];
    struct iso_buf oldest = contexts[LAW_CONTEXTS - 1];
    enum iso_err err = random->options->resolver->show(
        iso_bytes_text("key"), iso_buf_bytes(&reader->row), 105, &reader->shown, NULL);
    iso_assert(err == ISO_OK);
    memmove(contexts + 1, contexts, (LAW_CONTEXTS - 1) * sizeof *contexts);
    contexts[0] = oldest;
    iso_buf_clear(&contexts[0]);
    iso_buf_add_bytes(&contexts[0], iso_buf_bytes(&reader->shown.context));
    if (law_percent(random, 70))
        return &contexts[0];
    struct iso_buf *context = &contexts[law_draw(random, LAW_CONTEXTS)];
    return context->size > 0 ? context : &contexts[0];
}

static void write_draw(struct law_random *random)
{
    const struct law_model *model = random->options->model;
    unsigned region = law_draw(random, LAW_REGIONS) + 1;
    struct iso_coming write = {.log = log_of(random, region),
                               .offset = law_draw(random, 3),
                               .version = law_version_draw(random, region)};
    struct iso_buf *context = NULL;
    if (law_percent(random, 8)) /* from a client that knows no header */
        write.version.node = iso_node(128u + write.log, random->law.count);
    else if (law_percent(random, 70))
        context = context_read(random, region);
    write.blind = context == NULL;
    model->draw(random, &write, context);
    while (version_is_used(&random->law, write.version))
        write.version.hlc++;
    law_case_add(&random->law, &write);
    size_t n = random->law.count - 1;
    model->added(random, n);
    /* A session's next write names what it wrote last, whether or not that has been
     * applied where it reads. */
    if (context != NULL && law_percent(random, 40))
        model->advance(random, n, context);
}

/* ---- regions */

/* A region forgets up to somewhere below all that it has not applied. */
static void sweep_draw(struct law_random *random, struct law_region *region)
{
    int64_t highest = random->law.swept_ms;
    for (size_t n = 0; n < random->law.count; n++) {
        int64_t ms = iso_hlc_ms(random->law.writes[n].version.hlc);
        if (!region->applied[n] && ms < highest)
            highest = ms;
    }
    if (highest > LAW_FIRST_MS)
        law_region_sweep(region,
                         LAW_FIRST_MS + 1 +
                             law_draw(random, (unsigned)(highest - LAW_FIRST_MS)));
    random->report->swept++;
}

/* A copy of what was applied comes again. */
static void copy_draw(struct law_random *random, struct law_region *region)
{
    size_t write = law_draw(random, (unsigned)random->law.count);
    if (region->applied[write])
        law_region_deliver(region, write, random->report);
}

static bool region_step(struct law_random *random, struct law_region *region)
{
    uint16_t first = (uint16_t)law_draw(random, LAW_LOGS_MAX);
    if (random->sweeps && law_percent(random, 15))
        sweep_draw(random, region);
    if (random->law.count > 0 && law_percent(random, 10))
        copy_draw(random, region);
    for (uint16_t n = 0; n < LAW_LOGS_MAX; n++) {
        size_t write =
            law_region_next(region, (uint16_t)((first + n) % LAW_LOGS_MAX + 1));
        if (write == LAW_WRITES_MAX)
            continue;
        law_region_deliver(region, write, random->report);
        return true;
    }
    return false;
}

/* ---- cases */

static void case_write(struct law_random *random)
{
    size_t most = random->options->writes_max;
    size_t count = most > 0 ? 3 + law_draw(random, (unsigned)most - 2)
                            : 3 + law_draw(random, LAW_WRITES_MAX - 5);
    while (random->law.count < count) {
        if (law_percent(random, 60))
            region_step(random, &random->regions[law_draw(random, LAW_REGIONS)]);
        else
            write_draw(random);
        if (!random->is_closed && random->law.count == count / 2)
            close_log(random);
    }
}

/* ---- restoring */

/* The number of a row that is a loser, or LAW_ROWS_MAX. */
static size_t loser_draw(struct law_random *random, const struct law_region *region)
{
    size_t first = region->row_count > 0 ? law_draw(random, (unsigned)region->row_count)
                                         : LAW_ROWS_MAX;
    for (size_t n = first; n < region->row_count; n++)
        if (region->rows[n].rule != ISO_LOSER_NAME)
            return n;
    return LAW_ROWS_MAX;
}

static bool is_lost(const struct law_expected *expected, const struct law_row *row)
{
    for (size_t n = 0; n < expected->row_count; n++)
        if (iso_version_equal(expected->rows[n].version, row->version) &&
            iso_bytes_equal(
                iso_bytes(expected->rows[n].field, expected->rows[n].field_size),
                iso_bytes(row->field, row->field_size)))
            return true;
    return false;
}

/* Above all that was written, and not below H. */
static struct iso_version version_last(const struct law_random *random)
{
    struct iso_version last = {iso_hlc_of_ms(random->law.swept_ms), iso_node(1, 0)};
    for (size_t n = 0; n < random->law.count; n++)
        if (random->law.writes[n].version.hlc >= last.hlc)
            last.hlc = random->law.writes[n].version.hlc + 1;
    return last;
}

/* One of the losers that the first region has is written again by name. */
static bool restore_play(struct law_random *random)
{
    static _Thread_local struct law_row row;
    const struct law_model *model = random->options->model;
    struct law_region *first = &random->regions[0];
    size_t at = loser_draw(random, first);
    if (at == LAW_ROWS_MAX || random->law.count == LAW_WRITES_MAX)
        return true;
    row = first->rows[at];
    struct iso_coming write = {.log = log_of(random, 1),
                               .version = version_last(random)};
    model->restore(random, &write, &row, context_read(random, 1));
    law_case_add(&random->law, &write);
    model->added(random, random->law.count - 1);
    model->expect(&random->law, &random->expected);
    if (is_lost(&random->expected, &row))
        random->expected.broken = "a loser that was restored is one still";
    random->report->restored++;
    for (size_t n = 0; n < LAW_REGIONS; n++) {
        struct law_region *region = &random->regions[n];
        while (region_step(random, region))
            ;
        if (!law_region_holds(region, &random->expected, random->report))
            return false;
    }
    return true;
}

static bool case_play(struct law_random *random)
{
    struct law_expected *expected = &random->expected;
    case_write(random);
    random->options->model->expect(&random->law, expected);
    for (size_t n = 0; n < LAW_REGIONS; n++) {
        struct law_region *region = &random->regions[n];
        while (region_step(random, region))
            ;
        if (!law_region_holds(region, expected, random->report))
            return false;
    }
    random->report->losers += expected->row_count;
    random->report->conflicts += expected->row_count > 0;
    if (random->options->model->restore != NULL && law_percent(random, 20) &&
        !restore_play(random))
        return false;
    return random->options->schedules == 0 ||
           law_every_order(random->options, &random->law, random->report);
}

static void case_begin(struct law_random *random, uint64_t seed)
{
    const struct law_options *options = random->options;
    iso_chance_seeded_init(&random->chance, seed);
    law_case_clear(&random->law);
    if (options->profiles > 0)
        random->law.profile =
            options->first_profile + law_draw(random, options->profiles);
    for (size_t n = 0; n < LAW_REGIONS; n++)
        for (size_t i = 0; i < LAW_CONTEXTS; i++)
            iso_buf_clear(&random->contexts[n][i]);
    random->is_closed = false;
    random->shape = law_draw(random, SHAPES);
    random->sweeps = law_percent(random, 50);
    random->law.swept_ms = random->sweeps ? LAW_FIRST_MS + 3 + law_draw(random, 12) : 0;
    for (size_t n = 0; n < LAW_REGIONS; n++)
        law_region_reset(&random->regions[n], options, &random->law);
}

static bool case_run(struct law_random *random, uint64_t seed)
{
    case_begin(random, seed);
    if (case_play(random))
        return true;
    size_t used = strlen(random->report->text);
    snprintf(random->report->text + used, sizeof random->report->text - used,
             "  H %" PRId64 "; repeat it with ISO_LAW_SEED=%" PRIu64
             " ISO_LAW_CASES=1\n",
             random->law.swept_ms, seed);
    return false;
}

static void random_release(struct law_random *random)
{
    for (size_t n = 0; n < LAW_REGIONS; n++) {
        law_region_release(&random->regions[n]);
        for (size_t i = 0; i < LAW_CONTEXTS; i++)
            iso_buf_release(&random->contexts[n][i]);
    }
    law_case_release(&random->law);
    law_expected_release(&random->expected);
}

bool law_random(const struct law_options *options, struct law_report *report)
{
    static _Thread_local struct law_random random;
    bool holds = true;
    memset(&random, 0, sizeof random);
    random.options = options;
    random.report = report;
    for (uint64_t n = 0; holds && n < options->cases; n++) {
        holds = case_run(&random, options->seed + n);
        report->cases++;
        if (options->schedules > 0 && report->schedules >= options->schedules)
            break;
    }
    random_release(&random);
    return holds;
}
