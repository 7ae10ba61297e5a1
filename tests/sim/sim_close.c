/* An operator closes a log or two, and mostly lets another go on, by the steps of the
 * product's tools: fenced, its ends read, announced, DEFINEs in every open log, marked.
 * Between two of them the world goes on. A closing that is behind has an end that is
 * not the log's: what stands behind it counts nowhere, and who has applied it already
 * has to stop. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "producer/define.h"

static struct iso_define_ground ground_of(struct sim *sim,
                                          const struct iso_definition_log *log)
{
    return (struct iso_define_ground){.bus = sim_log_bus(sim, log),
                                      .clock = &sim->truth.clock,
                                      .chance = &sim->chance,
                                      .timeout_ms = 1000};
}

/* ---- which ---- */

/* Has each of its writers another log that it can go on with? */
static bool writers_have_another(const struct sim *sim,
                                 const struct iso_definition_log *log)
{
    uint64_t others = 0;
    for (size_t i = 0; i < sim->definition->log_count; i++)
        if (sim->definition->logs[i].ends == NULL && &sim->definition->logs[i] != log)
            others |= sim->definition->logs[i].writers;
    return (log->writers & ~others) == 0;
}

/* One that is open, has lost nothing, and is not that one; NULL: there is none. */
static const struct iso_definition_log *log_to_close(struct sim *sim, uint16_t other)
{
    const struct iso_definition *now = sim->definition;
    size_t from = sim_dice(sim, now->log_count);
    for (size_t i = 0; i < now->log_count; i++) {
        const struct iso_definition_log *log = &now->logs[(from + i) % now->log_count];
        if (log->ends == NULL && log->number != other &&
            (sim->lost >> sim_log_index(sim, log->number) & 1) == 0)
            return log;
    }
    return NULL;
}

bool sim_log_is_closing(const struct sim *sim, uint16_t number)
{
    return sim->closing.stage == SIM_CLOSING_FENCED &&
           (sim->closing.logs[0] == number || sim->closing.logs[1] == number);
}

bool sim_log_is_fenced(const struct sim *sim, uint16_t number)
{
    return iso_definition_log(sim->definition, number)->ends != NULL ||
           sim_log_is_closing(sim, number);
}

static void fence(struct sim *sim, unsigned n, const struct iso_definition_log *log)
{
    struct iso_define_ground ground = ground_of(sim, log);
    struct iso_why why = {0};
    sim->closing.logs[n] = log->number;
    SIM_OK(sim, iso_log_fence(&ground, sim->definition, log, &why));
    sim_trace(sim, "log %u is fenced", log->number);
}

bool sim_close_begin(struct sim *sim, bool behind)
{
    struct sim_closing *closing = &sim->closing;
    unsigned *count = behind ? &closing->behinds : &closing->count;
    if (closing->stage != SIM_CLOSING_NONE || *count == SIM_CLOSINGS_MAX / 2 ||
        (!behind && sim->lost != 0) || !sim_definition_counts(sim))
        return false;
    const struct iso_definition_log *log = log_to_close(sim, 0), *second = NULL;
    if (log == NULL)
        return false;
    ++*count;
    closing->stage = SIM_CLOSING_FENCED;
    closing->behind = behind;
    closing->logs[1] = 0;
    fence(sim, 0, log);
    /* (What opened the second may stand behind a wrong end of the first: then nobody
     * could ever begin what waits for both.) */
    if (!behind && sim_percent(sim, 25))
        second = log_to_close(sim, log->number);
    if (second != NULL)
        fence(sim, 1, second);
    closing->succeeded =
        second != NULL || !writers_have_another(sim, log) || sim_percent(sim, 50);
    return true;
}

/* ---- the definition that says so ---- */

/* One partition loses some of what stands there; not one that cannot be read from its
 * beginning any more. */
static void end_is_behind(struct sim *sim, int64_t *ends)
{
    uint32_t partition = (uint32_t)sim_dice(sim, sim->plan.partitions);
    int64_t less = 1 + (int64_t)sim_dice(sim, 6);
    if (sim->trimmed[partition])
        return;
    ends[partition] = ends[partition] > less ? ends[partition] - less : 0;
}

/* The log that opens goes on with another one besides. */
static void definition_merge(struct sim *sim, struct iso_definition *next,
                             const int64_t *ends)
{
    struct iso_why why = {0};
    struct iso_definition_log *opened = NULL, *second = NULL;
    for (size_t i = 0; i < next->log_count; i++) {
        if (next->logs[i].number == sim->closing.logs[1])
            second = &next->logs[i];
        if (iso_definition_log(sim->definition, next->logs[i].number) == NULL)
            opened = &next->logs[i];
    }
    second->ends = iso_alloc(next->partitions * sizeof *ends);
    memcpy(second->ends, ends, next->partitions * sizeof *ends);
    opened->writers |= second->writers;
    opened->succeeds = iso_realloc(opened->succeeds, (opened->succeeds_count + 1) *
                                                         sizeof *opened->succeeds);
    opened->succeeds[opened->succeeds_count++] = second->number;
    SIM_OK(sim, iso_definition_encode(next, &why));
}

static struct iso_definition *definition_make(struct sim *sim,
                                              const int64_t ends[2][SIM_PARTITIONS_MAX])
{
    const struct sim_closing *closing = &sim->closing;
    const struct iso_definition_log *log =
        iso_definition_log(sim->definition, closing->logs[0]);
    struct iso_buf topic = {0};
    struct iso_definition *next;
    struct iso_why why = {0};
    iso_log_successor(sim->definition, log, &topic);
    struct iso_succession succession = {
        .log = log->number,
        .ends = ends[0],
        .now_ms = sim->truth.now_ms,
        .cluster = sim_cluster_name((unsigned)sim_dice(sim, sim->plan.clusters)),
        .topic = closing->succeeded ? iso_buf_text(&topic) : NULL};
    SIM_OK(sim, iso_definition_succeed(sim->definition, &succession, &sim->chance,
                                       &next, &why));
    iso_buf_release(&topic);
    if (closing->logs[1] != 0)
        definition_merge(sim, next, ends[1]);
    return next;
}

/* What is read of the log by now is read anew up to its end. */
static void log_ends(struct sim *sim, uint16_t number, const int64_t *ends)
{
    unsigned index = (unsigned)sim_log_index(sim, number);
    for (uint32_t p = 0; p < sim->plan.partitions; p++) {
        struct sim_log *log = &sim->oracle.logs[index][p];
        log->end = ends[p];
        if (log->next <= log->end)
            continue;
        sim->behind[p] = true;
        sim_slice_changes(sim, p);
    }
}

static const struct iso_definition_log *opened_by(const struct sim *sim,
                                                  const struct iso_definition *next)
{
    for (size_t i = 0; i < next->log_count; i++)
        if (iso_definition_log(sim->definition, next->logs[i].number) == NULL)
            return &next->logs[i];
    return NULL;
}

static void announce(struct sim *sim)
{
    int64_t ends[2][SIM_PARTITIONS_MAX];
    struct iso_why why = {0};
    const struct iso_definition *now = sim->definition;
    const struct sim_closing *closing = &sim->closing;
    sim_oracle_read(sim);
    for (unsigned n = 0; n < 2 && closing->logs[n] != 0; n++) {
        const struct iso_definition_log *log =
            iso_definition_log(now, closing->logs[n]);
        SIM_OK(sim, iso_log_end(sim_log_bus(sim, log), now, log, 1000, ends[n], &why));
    }
    if (closing->behind)
        end_is_behind(sim, ends[0]);
    struct iso_definition *next = definition_make(sim, ends);
    const struct iso_definition_log *opened = opened_by(sim, next);
    int64_t birth_ms = opened != NULL ? iso_hlc_ms(opened->birth) : sim->truth.now_ms;
    /* Clocks that were ahead raised a bound: the operator waits. */
    if (!sim->healing && !sim_define_is_timely(sim, birth_ms)) {
        iso_definition_free(next);
        return;
    }
    if (opened != NULL)
        sim_log_create(sim, next, opened);
    sim_definition_announce(sim, next);
    sim->closing.stage = SIM_CLOSING_ANNOUNCED;
    sim->closing.defined = 0;
    sim->closing.away_until_ms = 0;
    if (sim_percent(sim, 30)) /* for longer than bounds stand still */
        sim->closing.away_until_ms =
            sim->truth.now_ms + (int64_t)sim_dice(sim, (uint64_t)now->before_max_ms);
    for (unsigned n = 0; n < 2 && closing->logs[n] != 0; n++)
        log_ends(sim, closing->logs[n], ends[n]);
    if (opened != NULL)
        sim_oracle_log(sim, opened->number);
    sim_trace(sim, "definition %u closes logs %u and %u%s, and opens %d", next->number,
              closing->logs[0], closing->logs[1], closing->behind ? " behind" : "",
              opened != NULL ? opened->number : 0);
}

/* An operator who was interrupted, or another one, lets writers write again. */
static void lift(struct sim *sim)
{
    static const struct iso_topic_config open = {"max.message.bytes", "1114112"};
    struct iso_why why = {0};
    for (unsigned n = 0; n < 2 && sim->closing.logs[n] != 0; n++) {
        const struct iso_definition_log *log =
            iso_definition_log(sim->definition, sim->closing.logs[n]);
        SIM_OK(sim,
               iso_bus_topic_set(sim_log_bus(sim, log), log->topic, &open, 1000, &why));
    }
    sim->closing.stage = SIM_CLOSING_LIFTED;
    sim_trace(sim, "the fence is taken away");
}

static void fence_again(struct sim *sim)
{
    sim->closing.stage = SIM_CLOSING_NONE;
    if (sim_percent(sim, 50))
        return;
    sim->closing.stage = SIM_CLOSING_FENCED;
    for (unsigned n = 0; n < 2 && sim->closing.logs[n] != 0; n++)
        fence(sim, n, iso_definition_log(sim->definition, sim->closing.logs[n]));
}

/* The successor first, or last, or in between. */
static void define_one(struct sim *sim)
{
    struct sim_closing *closing = &sim->closing;
    const struct iso_definition *now = sim->definition;
    unsigned left = 0;
    for (size_t i = 0; i < now->log_count; i++)
        left += now->logs[i].ends == NULL && (closing->defined >> i & 1) == 0;
    unsigned chosen = left > 0 ? (unsigned)sim_dice(sim, left) : 0;
    for (size_t i = 0; left > 0 && i < now->log_count; i++) {
        if (now->logs[i].ends != NULL || (closing->defined >> i & 1) != 0 ||
            chosen-- != 0)
            continue;
        closing->defined |= 1u << i;
        sim_log_define(sim, &now->logs[i]);
        return;
    }
    closing->stage = SIM_CLOSING_NONE;
    sim_definition_stands(sim);
    sim_trace(sim, "definition %u stands in every log", now->number);
}

void sim_close_go_on(struct sim *sim)
{
    if (sim->closing.stage == SIM_CLOSING_LIFTED)
        fence_again(sim);
    else if (sim->closing.stage == SIM_CLOSING_FENCED && !sim->healing &&
             sim_percent(sim, 20))
        lift(sim);
    else if (sim->closing.stage == SIM_CLOSING_FENCED)
        announce(sim);
    else if (sim->closing.stage == SIM_CLOSING_ANNOUNCED &&
             (sim->healing || sim->truth.now_ms >= sim->closing.away_until_ms))
        define_one(sim);
}
