/* apply_world.h - random logs for the tests of apply: two, of three regions' nodes,
 * with contexts, expiry, duplicates, gaps, steps back, clocks gone wrong, plain
 * clients' records and broken headers.
 */
#ifndef ISO_TESTS_UNIT_APPLY_WORLD_H
#define ISO_TESTS_UNIT_APPLY_WORLD_H

#include "apply_ground.h"

enum { LOGS = 2, RECORDS = 700, NODES = 6, KEYS = 25, NAMES = 64 };
static const uint16_t log_numbers[LOGS] = {LOG, OTHER};

struct node {
    uint64_t seq[LOGS], hlc, bits;
    int64_t skew_ms;
};

struct world {
    struct iso_chance chance;
    struct made records[LOGS][RECORDS];
    struct node nodes[NODES];
    struct iso_version names[NAMES]; /* of what was written lately */
    int64_t now_ms;                  /* after the birth */
};

static inline uint64_t roll(struct world *world, uint64_t sides)
{
    return iso_chance_draw(&world->chance) % sides;
}

static inline struct iso_definition *two_logs(void)
{
    struct iso_definition *definition = def_bare(1, 1);
    def_log(definition, OTHER, "packages-ap", 1u << (AP - 1), BIRTH);
    return def_encoded(definition);
}

static inline unsigned region_of(struct world *world, size_t log)
{
    return log == 1 ? AP : roll(world, 2) == 0 ? EU : US;
}

/* Some names of other writes, some invented: contexts are believed. */
static inline void draw_read(struct world *world, struct made *made)
{
    size_t count = roll(world, 4);
    iso_buf_clear(&made->names);
    for (size_t i = 0; i < count; i++) {
        struct iso_version name = world->names[roll(world, NAMES)];
        if (roll(world, 8) == 0)
            name.hlc += roll(world, 3);
        iso_buf_reserve(&made->names, ISO_VERSION_SIZE);
        iso_version_put(made->names.data + made->names.size, name);
        made->names.size += ISO_VERSION_SIZE;
    }
    made->write.blind = false;
    made->write.read = (struct iso_names){made->names.data, count};
}

/* A node's next version in a log; seldom with a gap, a step back, or a clock gone
 * wrong. */
static inline void draw_version(struct world *world, struct made *made, size_t log,
                                unsigned region)
{
    /* Of a region's two nodes one is silent for longer than the bound reaches back. */
    size_t phase = (size_t)(world->now_ms / (BEFORE_MAX_MS * 13 / 10)) % 2;
    struct node *node = &world->nodes[region * 2 - 2 + phase];
    if (roll(world, 60) == 0)
        node->skew_ms = (int64_t)roll(world, 9000) - 4500;
    uint64_t now = iso_hlc_of_ms(NOW_MS + world->now_ms + node->skew_ms);
    node->hlc = node->hlc + 1 > now ? node->hlc + 1 : now;
    node->seq[log] += roll(world, 20) == 0 ? 3 : 1;
    made->write.version = (struct iso_version){node->hlc, iso_node(region, node->bits)};
    made->write.seq = node->seq[log];
    if (roll(world, 30) == 0)
        made->write.seq -= roll(world, made->write.seq);
    if (roll(world, 40) == 0)
        made->write.version.hlc -= iso_hlc_of_ms((int64_t)roll(world, 150000));
    world->names[roll(world, NAMES)] = made->write.version;
}

static inline void draw_record(struct world *world, size_t log, size_t n)
{
    struct made *made = &world->records[log][n];
    unsigned region = region_of(world, log);
    char key[16], value[16];
    snprintf(key, sizeof key, "key-%d", (int)roll(world, KEYS));
    snprintf(value, sizeof value, "%d", (int)roll(world, 1000));
    bool beats = roll(world, 12) == 0, deletes = roll(world, 6) == 0;
    made_write(made, (struct draft){(int64_t)(n + n / 50), region, 1, 1, world->now_ms,
                                    beats ? NULL : key, deletes ? NULL : value});
    made->write.log = log_numbers[log];
    draw_version(world, made, log, region);
    if (!beats && roll(world, 2) == 0)
        draw_read(world, made);
    if (!beats && roll(world, 10) == 0) {
        made->write.has_expiry = true;
        made->write.expiry_ms = NOW_MS + (int64_t)roll(world, 100000);
    }
    made->record.append_ms += (int64_t)roll(world, 5000) - 2500;
    made_seal(made);
    if (roll(world, 15) == 0)
        made->record.header_count = 0;
    made->broken = roll(world, 40) == 0;
    made->record.header.size -= made->broken;
}

/* One that was sent before, again. */
static inline void copy_record(struct world *world, size_t log, size_t n)
{
    struct made *made = &world->records[log][n];
    const struct made *old = &world->records[log][1 + roll(world, n - 1)];
    made->write = old->write;
    made->record = old->record;
    made->broken = old->broken;
    made->record.offset = (int64_t)(n + n / 50);
    made->record.append_ms = NOW_MS + world->now_ms;
}

static inline void world_init(struct world *world, uint64_t seed)
{
    struct iso_definition *definition = two_logs();
    memset(world, 0, sizeof *world);
    iso_chance_seeded_init(&world->chance, seed);
    for (size_t i = 0; i < NODES; i++)
        world->nodes[i].bits = roll(world, 1000);
    for (size_t log = 0; log < LOGS; log++) {
        made_define(&world->records[log][0], 0, log == 0 ? EU : AP, 1, 0, definition);
        world->records[log][0].write.log = log_numbers[log];
        made_seal(&world->records[log][0]);
    }
    for (size_t n = 1; n < RECORDS; n++) {
        world->now_ms += (int64_t)roll(world, 1500);
        for (size_t log = 0; log < LOGS; log++) {
            if (n > 1 && roll(world, 10) == 0)
                copy_record(world, log, n);
            else
                draw_record(world, log, n);
        }
    }
    iso_definition_free(definition);
}

static inline void world_release(struct world *world)
{
    for (size_t log = 0; log < LOGS; log++)
        for (size_t n = 0; n < RECORDS; n++)
            made_release(&world->records[log][n]);
}

#endif
