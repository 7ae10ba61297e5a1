/* What the admitted writes of a key come to, in any prefixes: of the set of them, each
 * knows where the writes begin that replace it. */
#include "tests/sim/sim.h"

#include "base/mem.h"

bool sim_effect_is_blind_over(const struct sim *sim, const struct sim_effect *write,
                              const struct sim_effect *other)
{
    if (iso_node_region(write->version.node) != iso_node_region(other->version.node))
        return false;
    return write->log == other->log ? other->offset < write->offset
                                    : sim_log_succeeds(sim, write->log, other->log);
}

/* Does c replace w? (Section 4: with a context what it names, blind the earlier writes
 * of its own region in its own log, or in those that this one succeeded; either way
 * only what has a smaller version.) */
static bool replaces(const struct sim *sim, const struct sim_effect *c,
                     const struct sim_effect *w)
{
    if (iso_version_compare(c->version, w->version) <= 0)
        return false;
    if (c->blind)
        return sim_effect_is_blind_over(sim, c, w);
    for (size_t i = 0; i < c->names.count; i++)
        if (iso_version_equal(iso_names_at(c->names, i), w->version))
            return true;
    return false;
}

static void child_note(const struct sim *sim, struct sim_effect *w,
                       const struct sim_effect *c)
{
    if (replaces(sim, c, w) && c->offset < w->children[c->log])
        w->children[c->log] = c->offset;
}

void sim_key_add(struct sim *sim, int index, const struct sim_effect *effect)
{
    struct sim_key *key = &sim->oracle.keys[index];
    if (key->count == key->room) {
        key->room = key->room * 2 + 16;
        key->effects = iso_realloc(key->effects, key->room * sizeof *key->effects);
    }
    struct sim_effect *added = &key->effects[key->count];
    size_t names = effect->names.count * ISO_VERSION_SIZE;
    *added = *effect;
    added->bytes = iso_alloc(effect->value.size + names + 1);
    if (effect->value.size > 0)
        memcpy(added->bytes, effect->value.data, effect->value.size);
    if (names > 0)
        memcpy(added->bytes + effect->value.size, effect->names.data, names);
    added->value = iso_bytes(added->bytes, effect->value.size);
    added->names.data = added->bytes + effect->value.size;
    for (unsigned i = 0; i < SIM_LOGS_MAX; i++)
        added->children[i] = INT64_MAX;
    for (size_t i = 0; i < key->count; i++) {
        SIM_HOLDS(sim, !iso_version_equal(key->effects[i].version, effect->version),
                  "a write of %s counts twice: in log %u and in log %u",
                  sim->keys[index], sim->oracle.numbers[key->effects[i].log],
                  sim->oracle.numbers[effect->log]);
        child_note(sim, added, &key->effects[i]);
        child_note(sim, &key->effects[i], added);
    }
    key->count++;
}

bool sim_effect_is_in(const struct sim_effect *effect, const struct sim_prefix *prefix)
{
    return effect->offset < prefix->frontiers[effect->log];
}

bool sim_children_are_in(const int64_t children[SIM_LOGS_MAX],
                         const struct sim_prefix *prefix)
{
    for (unsigned i = 0; i < SIM_LOGS_MAX; i++)
        if (children[i] < prefix->frontiers[i])
            return true;
    return false;
}

bool sim_effect_has_child(const struct sim_effect *effect,
                          const struct sim_prefix *prefix)
{
    return sim_children_are_in(effect->children, prefix);
}

const struct sim_effect *sim_key_held(const struct sim_key *key,
                                      const struct sim_prefix *prefix)
{
    const struct sim_effect *held = NULL;
    for (size_t i = 0; i < key->count; i++) {
        const struct sim_effect *effect = &key->effects[i];
        if (sim_effect_is_in(effect, prefix) &&
            (held == NULL || iso_version_compare(effect->version, held->version) > 0))
            held = effect;
    }
    return held;
}

bool sim_effect_is_swept(const struct sim_effect *effect,
                         const struct sim_prefix *prefix)
{
    if (!effect->is_delete && !effect->has_expiry)
        return false;
    return iso_hlc_ms(effect->version.hlc) < prefix->swept_ms &&
           (effect->is_delete || effect->expiry_ms < prefix->swept_ms);
}

bool sim_effect_is_loser(const struct sim_effect *effect, const struct sim_effect *held,
                         const struct sim_prefix *prefix)
{
    return sim_effect_is_in(effect, prefix) && effect != held && !effect->is_delete &&
           !effect->has_expiry && !sim_effect_has_child(effect, prefix);
}
