/* Random cases. Three regions live while the case is written: a writer reads what its
 * own region shows at that moment (or showed a while ago), so contexts are real ones.
 * Versions come from few milliseconds, counters and nodes, so that ties are common; no
 * version is used twice, as admission sees to. Regions forget at random, but never so
 * far that a write could still come, which is what the bound sees to. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/law/law.h"

enum { RANDOM_FIRST_MS = 100, RANDOM_SPREAD_MS = 6, RANDOM_CONTEXTS = 3 };

/* Which logs there are, and which follow which. */
enum shape { SHAPE_SHARED, SHAPE_PER_REGION, SHAPE_SUCCESSION, SHAPE_MIXED, SHAPES };

struct law_context {
    struct iso_version shown[2];
    size_t count;
    uint64_t hlc;
};

struct law_random {
    const struct law_options *options;
    struct law_report *report;
    struct iso_chance chance;
    struct law_case law;
    enum shape shape;
    bool is_closed; /* log 1 is closed, what succeeds it has begun */
    bool sweeps;
    struct law_region regions[LAW_REGIONS];
    struct law_context contexts[LAW_REGIONS][RANDOM_CONTEXTS];
};

static unsigned draw(struct law_random *random, unsigned below)
{
    return (unsigned)(iso_chance_draw(&random->chance) >> 33) % below;
}

static bool percent(struct law_random *random, unsigned chance)
{
    return draw(random, 100) < chance;
}

static uint16_t log_of(const struct law_random *random, unsigned region)
{
    switch (random->shape) {
    case SHAPE_SHARED:
        return 1;
    case SHAPE_PER_REGION:
        return (uint16_t)region;
    case SHAPE_SUCCESSION:
        return random->is_closed ? 2 : 1;
    case SHAPE_MIXED: /* regions 1 and 3 move from log 1 to log 3 */
    case SHAPES:
        break;
    }
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

/* Nothing that comes from now on is older. */
static int64_t bound_ms(const struct law_random *random)
{
    int64_t bound = RANDOM_FIRST_MS;
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

static struct iso_version version_draw(struct law_random *random, unsigned region)
{
    int64_t ms = bound_ms(random) + draw(random, RANDOM_SPREAD_MS);
    return (struct iso_version){iso_hlc_of_ms(ms) | draw(random, 2),
                                iso_node(region, draw(random, 2))};
}

/* What the region's reader is shown now, remembered beside what it was shown before. */
static const struct law_context *context_read(struct law_random *random,
                                              unsigned region)
{
    struct law_region *reader = &random->regions[region - 1];
    struct law_context *contexts = random->contexts[region - 1];
    struct iso_shown shown = {0};
    memmove(contexts + 1, contexts, (RANDOM_CONTEXTS - 1) * sizeof *contexts);
    enum iso_err err = random->options->resolver->show(
        iso_bytes_text("key"), iso_buf_bytes(&reader->row), 105,
        &reader->merged.scratch, &shown, NULL);
    iso_assert(err == ISO_OK);
    contexts[0] = (struct law_context){.hlc = shown.hlc};
    for (size_t n = 0; n < shown.context.count && n < 2; n++)
        contexts[0].shown[contexts[0].count++] = iso_names_at(shown.context, n);
    return &contexts[percent(random, 70) ? 0 : draw(random, RANDOM_CONTEXTS)];
}

static void read_add(struct iso_coming *write, uint8_t *names,
                     struct iso_version version)
{
    iso_version_put(names + write->read.count++ * ISO_VERSION_SIZE, version);
}

/* Claims of what was never shown: real writes, some not read here yet or not smaller,
 * and versions that nobody wrote. In no order, and some twice. */
static void names_forge(struct law_random *random, struct iso_coming *write,
                        uint8_t *names)
{
    size_t count = draw(random, LAW_NAMES_MAX - 2) + 1;
    for (size_t n = 0; n < count; n++) {
        struct iso_version version =
            version_draw(random, draw(random, LAW_REGIONS) + 1);
        if (random->law.count > 0 && percent(random, 60))
            version =
                random->law.writes[draw(random, (unsigned)random->law.count)].version;
        read_add(write, names, version);
    }
}

/* A session's next write names what it wrote last, whether or not that has been applied
 * where it reads. */
static void session_go_on(struct law_random *random, unsigned region,
                          struct iso_version version)
{
    struct law_context *context = &random->contexts[region - 1][0];
    context->shown[0] = version;
    context->count = 1;
    if (version.hlc > context->hlc)
        context->hlc = version.hlc;
}

static void content_draw(struct law_random *random, struct iso_coming *write)
{
    static const char *const values[] = {"", "a", "b", "ba"};
    write->operation = percent(random, 70) ? ISO_PUT : ISO_DELETE;
    if (write->operation == ISO_PUT)
        write->value = iso_bytes_text(values[draw(random, 4)]);
    write->has_expiry = write->operation == ISO_PUT && percent(random, 20);
    write->expiry_ms = write->has_expiry ? 98 + draw(random, 14) : 0;
}

static void write_draw(struct law_random *random)
{
    unsigned region = draw(random, LAW_REGIONS) + 1;
    uint8_t names[LAW_NAMES_MAX * ISO_VERSION_SIZE];
    struct iso_coming write = {.log = log_of(random, region),
                               .blind = percent(random, 30),
                               .version = version_draw(random, region),
                               .read = {names, 0}};
    content_draw(random, &write);
    if (percent(random, 8)) { /* from a client that knows no header */
        write.blind = true;
        write.version.node = iso_node(128u + write.log, random->law.count);
    }
    if (!write.blind) {
        const struct law_context *context = context_read(random, region);
        for (size_t n = 0; n < context->count; n++)
            read_add(&write, names, context->shown[n]);
        bool is_forged = random->options->forged && percent(random, 50);
        if (is_forged)
            names_forge(random, &write, names);
        else if (write.version.hlc <= context->hlc)
            write.version.hlc = context->hlc + 1;
    }
    while (version_is_used(&random->law, write.version))
        write.version.hlc++;
    struct iso_coming *added = law_case_add(&random->law, &write);
    if (percent(random, 40))
        session_go_on(random, region, added->version);
}

/* A region forgets up to somewhere below all that it has not applied. */
static void sweep_draw(struct law_random *random, struct law_region *region)
{
    int64_t highest = random->law.swept_ms;
    for (size_t n = 0; n < random->law.count; n++) {
        int64_t ms = iso_hlc_ms(random->law.writes[n].version.hlc);
        if (!region->applied[n] && ms < highest)
            highest = ms;
    }
    if (highest > RANDOM_FIRST_MS)
        law_region_sweep(region,
                         RANDOM_FIRST_MS + 1 +
                             draw(random, (unsigned)(highest - RANDOM_FIRST_MS)));
    random->report->swept++;
}

static bool region_step(struct law_random *random, struct law_region *region)
{
    uint16_t first = (uint16_t)draw(random, LAW_LOGS_MAX);
    if (random->sweeps && percent(random, 15))
        sweep_draw(random, region);
    for (uint16_t n = 0; n < LAW_LOGS_MAX; n++) {
        size_t write =
            law_region_next(region, (uint16_t)((first + n) % LAW_LOGS_MAX + 1));
        if (write == LAW_WRITES_MAX)
            continue;
        law_region_apply(region, write, random->report);
        return true;
    }
    return false;
}

static void case_write(struct law_random *random)
{
    size_t count = 3 + draw(random, LAW_WRITES_MAX - 5);
    while (random->law.count < count) {
        if (percent(random, 60))
            region_step(random, &random->regions[draw(random, LAW_REGIONS)]);
        else
            write_draw(random);
        if (!random->is_closed && random->law.count == count / 2)
            close_log(random);
    }
}

static bool case_play(struct law_random *random)
{
    struct law_expected expected = {0};
    case_write(random);
    for (size_t n = 0; n < LAW_REGIONS; n++) {
        struct law_region *region = &random->regions[n];
        while (region_step(random, region))
            ;
        if (!law_region_holds(region, random->report))
            return false;
    }
    random->options->model->expect(&random->law, &expected);
    uint64_t losers = 0;
    for (size_t n = 0; n < random->law.count; n++)
        losers += expected.lost[n];
    random->report->losers += losers;
    random->report->conflicts += losers > 0;
    return true;
}

static bool case_run(struct law_random *random, uint64_t seed)
{
    iso_chance_seeded_init(&random->chance, seed);
    random->law.count = 0;
    memset(random->law.succeeds, 0, sizeof random->law.succeeds);
    memset(random->contexts, 0, sizeof random->contexts);
    random->is_closed = false;
    random->shape = (enum shape)draw(random, SHAPES);
    random->sweeps = percent(random, 50);
    random->law.swept_ms = random->sweeps ? RANDOM_FIRST_MS + 3 + draw(random, 12) : 0;
    for (size_t n = 0; n < LAW_REGIONS; n++)
        law_region_reset(&random->regions[n], random->options, &random->law);
    if (case_play(random))
        return true;
    size_t used = strlen(random->report->text);
    snprintf(random->report->text + used, sizeof random->report->text - used,
             "  H %" PRId64 "; repeat it with ISO_LAW_SEED=%" PRIu64
             " ISO_LAW_CASES=1\n",
             random->law.swept_ms, seed);
    return false;
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
    }
    for (size_t n = 0; n < LAW_REGIONS; n++)
        law_region_release(&random.regions[n]);
    return holds;
}
