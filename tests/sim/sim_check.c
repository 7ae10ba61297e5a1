/* What was touched: after every commit the slices of its shard are held to the oracle,
 * log by log, and every key of the records that they have now applied. */
#include "tests/sim/sim_look.h"

static struct sim_look look; /* its arrays are kept from one look to the next */

/* ---- the trace ---- */

static void version_print(const struct sim *sim, struct iso_version version,
                          struct iso_buf *text)
{
    unsigned region = iso_node_region(version.node);
    iso_buf_print(text, "%lld.%u@",
                  (long long)(iso_hlc_ms(version.hlc) - 1700000000000),
                  (unsigned)(version.hlc & 0xffff));
    if (region >= 1 && region <= sim->plan.regions)
        iso_buf_print(text, "%s", sim->regions[region - 1].name);
    else
        iso_buf_print(text, "%u", region);
}

static const char *outcome(const struct sim_record *record,
                           const struct sim_effect *held)
{
    switch (record->verdict) {
    case SIM_REFUSED:
        return record->why;
    case SIM_DUPLICATE:
        return "sent twice";
    case SIM_BEAT:
        return "beat";
    case SIM_DEFINE:
        return "define";
    case SIM_WRITE:
        break;
    }
    return held == NULL || iso_version_compare(record->version, held->version) > 0
               ? "take"
               : "beaten";
}

/* What came, what was held, what became of it. */
static void record_trace(struct sim_region *region, unsigned index, int64_t offset,
                         const struct sim_prefix *before)
{
    static struct iso_buf text;
    struct sim *sim = region->sim;
    const struct sim_log *log = &sim->oracle.logs[index][look.partition];
    const struct sim_record *record = &log->records[offset];
    const struct sim_effect *held = NULL;
    iso_buf_clear(&text);
    if (record->verdict == SIM_BEAT)
        return;
    if (record->key >= 0) {
        held = sim_key_held(&sim->oracle.keys[record->key], before);
        iso_buf_print(&text, "%s ", sim->keys[record->key]);
    }
    version_print(sim, record->version, &text);
    if (held != NULL) {
        iso_buf_print(&text, ", held ");
        version_print(sim, held->version, &text);
    }
    sim_trace(sim, "%s < %u/%u:%lld %s: %s", region->name, log->number, look.partition,
              (long long)offset, iso_buf_text(&text), outcome(record, held));
}

/* ---- a log of a slice ---- */

/* Has the region read what the log is now? */
static bool log_is_read(const struct iso_slice_log *row, const struct sim_log *log)
{
    return row->frontier <= log->next &&
           iso_digest_equal(row->prefix, sim_state_at(log, row->frontier)->prefix);
}

static void log_check(const struct iso_slice_log *row, const struct sim_log *log)
{
    const struct sim_state *state = sim_state_at(log, row->frontier);
    if (state->definition == 0 && row->definition == 0)
        return;
    SIM_LOOK_HOLDS(&look, row->t_ms == state->t_ms && row->bound_ms == state->bound_ms,
                   "log %u at %lld: T %lld and bound %lld, not %lld and %lld", row->log,
                   (long long)row->frontier, (long long)row->t_ms,
                   (long long)row->bound_ms, (long long)state->t_ms,
                   (long long)state->bound_ms);
    SIM_LOOK_HOLDS(
        &look, row->definition == state->definition && row->top == state->top,
        "log %u at %lld: definition %u, not %u; top %016llx, not %016llx", row->log,
        (long long)row->frontier, row->definition, state->definition,
        (unsigned long long)row->top, (unsigned long long)state->top);
    SIM_LOOK_HOLDS(
        &look, row->refused == state->refused && row->duplicates == state->duplicates,
        "log %u at %lld: %llu refused and %llu duplicates, not %llu and %llu", row->log,
        (long long)row->frontier, (unsigned long long)row->refused,
        (unsigned long long)row->duplicates, (unsigned long long)state->refused,
        (unsigned long long)state->duplicates);
}

/* No log is begun before those that it succeeds are at their ends, and none is read on
 * behind its end by who knew of it. */
static void successions_check(struct sim *sim, const int64_t was[SIM_LOGS_MAX])
{
    uint32_t known = sim_definition_at(sim, look.partition, was);
    for (unsigned i = 0; i < sim->oracle.log_count; i++) {
        int64_t end = sim->oracle.logs[i][look.partition].end;
        SIM_LOOK_HOLDS(&look,
                       look.frontiers[i] <= end || was[i] > end ||
                           sim_log_closed_by(sim, i) > known,
                       "log %u is read to %lld, behind its end at %lld",
                       sim->oracle.numbers[i], (long long)look.frontiers[i],
                       (long long)end);
        for (unsigned n = 0; look.frontiers[i] > 0 && n < i; n++)
            SIM_LOOK_HOLDS(
                &look,
                !sim_log_succeeds(sim, i, n) ||
                    look.frontiers[n] == sim->oracle.logs[n][look.partition].end,
                "log %u is begun, and log %u stands at %lld, before its end at %lld",
                sim->oracle.numbers[i], sim->oracle.numbers[n],
                (long long)look.frontiers[n],
                (long long)sim->oracle.logs[n][look.partition].end);
    }
}

/* Whether the region read other records than there are; that is a failure where no log
 * lost any. */
static bool slice_strayed(struct sim *sim)
{
    for (size_t i = 0; i < look.slice.log_count; i++) {
        const struct iso_slice_log *row = &look.slice.logs[i];
        int index = sim_log_index(sim, row->log);
        if (log_is_read(row, &sim->oracle.logs[index][look.partition]))
            continue;
        SIM_LOOK_HOLDS(&look, sim->broken[look.partition],
                       "log %u below %lld is not what was read", row->log,
                       (long long)row->frontier);
        return true;
    }
    return false;
}

static void slice_sums(struct sim *sim)
{
    uint64_t effective = 0;
    for (size_t i = 0; i < look.slice.log_count; i++) {
        const struct iso_slice_log *row = &look.slice.logs[i];
        int index = sim_log_index(sim, row->log);
        const struct sim_state *state =
            sim_state_at(&sim->oracle.logs[index][look.partition], row->frontier);
        int64_t moved = -1;
        effective += state->effective;
        for (size_t n = 0; n < look.slice.vector.count; n++)
            if (look.slice.vector.items[n].log == row->log)
                moved = look.slice.vector.items[n].offset;
        SIM_LOOK_HOLDS(&look, moved == state->last_effective,
                       "its vector has %lld of log %u, not %lld", (long long)moved,
                       row->log, (long long)state->last_effective);
    }
    SIM_LOOK_HOLDS(
        &look, effective == look.slice.effective, "%llu effective records, not %llu",
        (unsigned long long)look.slice.effective, (unsigned long long)effective);
}

/* ---- forgetting ---- */

/* The step that a slice may be swept to: by its floor where it stands; 0: there is none
 * yet, or no log is open any more. */
static int64_t slice_step_ms(const struct sim *sim)
{
    int64_t step_ms = sim->plan.before_max_ms / 24;
    int64_t floor_ms = sim_floor_at(sim, look.partition, look.frontiers);
    uint64_t birth = UINT64_MAX;
    for (size_t i = 0; i < look.slice.log_count; i++)
        if (look.slice.logs[i].birth < birth)
            birth = look.slice.logs[i].birth;
    if (look.slice.log_count == 0 || floor_ms <= iso_hlc_ms(birth))
        return 0;
    return floor_ms / step_ms * step_ms;
}

bool sim_region_has_swept(struct sim_region *region)
{
    const struct sim *sim = region->sim;
    for (uint32_t p = 0; p < sim->plan.partitions; p++)
        if (!sim->broken[p] && !sim->trimmed[p] && sim_look_open(&look, region, p) &&
            look.slice.swept_min_ms < slice_step_ms(sim))
            return false;
    return true;
}

static void slice_check(struct sim_region *region, uint32_t partition)
{
    struct sim *sim = region->sim;
    bool touched[SIM_KEYS_MAX] = {false};
    int64_t *was = region->frontiers[partition];
    if (!sim_look_open(&look, region, partition))
        return;
    successions_check(sim, was);
    region->strayed[partition] = slice_strayed(sim);
    sim->strayed[partition] |= region->strayed[partition];
    if (region->strayed[partition])
        return;
    for (size_t i = 0; i < look.slice.log_count; i++) {
        const struct iso_slice_log *row = &look.slice.logs[i];
        unsigned index = (unsigned)sim_log_index(sim, row->log);
        struct sim_log *log = &sim->oracle.logs[index][partition];
        struct sim_prefix before = {.frontiers = was};
        SIM_LOOK_HOLDS(&look, row->frontier >= was[index], "log %u went back to %lld",
                       row->log, (long long)row->frontier);
        log_check(row, log);
        for (int64_t offset = was[index]; offset < row->frontier; offset++) {
            int key = log->records[offset].key;
            record_trace(region, index, offset, &before);
            if (key >= 0 && sim->key_partition[key] == partition)
                touched[key] = true;
            was[index] = offset + 1;
            sim->figures.deliveries++;
            sim->figures.refused += log->records[offset].verdict == SIM_REFUSED;
            sim->figures.duplicates += log->records[offset].verdict == SIM_DUPLICATE;
        }
    }
    slice_sums(sim);
    SIM_LOOK_HOLDS(&look,
                   look.slice.swept_max_ms <= slice_step_ms(sim) ||
                       sim_floor_at(sim, partition, look.frontiers) == INT64_MIN,
                   "it was swept to %lld, and its floor is at %lld",
                   (long long)look.slice.swept_max_ms, (long long)slice_step_ms(sim));
    for (unsigned key = 0; key < sim->plan.keys; key++)
        if (touched[key])
            sim_look_key(&look, (int)key);
}

int64_t sim_frontier(const struct sim_region *region, uint32_t partition,
                     unsigned index)
{
    struct sim_region *at = &region->sim->regions[region->index];
    if (!sim_look_open(&look, at, partition))
        return -1;
    for (size_t i = 0; i < look.slice.log_count; i++)
        if (look.slice.logs[i].log == region->sim->oracle.numbers[index])
            return look.slice.logs[i].frontier;
    return -1;
}

void sim_check_shard(struct sim_region *region, unsigned shard)
{
    struct sim *sim = region->sim;
    sim_oracle_read(sim);
    for (uint32_t p = shard; p < sim->plan.partitions; p += sim->plan.shards)
        slice_check(region, p);
}
