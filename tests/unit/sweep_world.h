/* sweep_world.h - a world of apply_world.h in which there is something to forget: large
 * values, and a before_max that its records outlive. */
#ifndef ISO_TESTS_UNIT_SWEEP_WORLD_H
#define ISO_TESTS_UNIT_SWEEP_WORLD_H

#include "apply_world.h"

enum { LARGE = 5000, BEFORE_MS = 12000 };

static struct world world;
static struct iso_definition *definition;

/* A record that was sent twice borrows from the one that was sent first. */
static inline void copies_follow(size_t log, const struct made *made, const void *was)
{
    for (size_t n = 1; n < RECORDS; n++) {
        struct iso_record *copy = &world.records[log][n].record;
        if (copy == &made->record || copy->value.data != was)
            continue;
        copy->value = made->record.value;
        copy->header = made->record.header;
    }
}

static inline void large_make(size_t log, struct made *made)
{
    const void *was = made->value.data;
    if (made->broken || made->record.header_count == 0 || !made->record.has_value ||
        made->record.value.data != was || made->write.operation != ISO_PUT ||
        roll(&world, 4) != 0)
        return;
    iso_buf_clear(&made->value);
    for (size_t n = 0; n < LARGE; n++)
        iso_buf_add_u8(&made->value, (uint8_t)roll(&world, 256));
    made_seal(made);
    copies_follow(log, made, was);
}

static inline void sweep_world_make(uint64_t seed, const char *resolver)
{
    world_init(&world, seed);
    definition = def_bare(1, 1);
    def_log(definition, OTHER, "packages-ap", 1u << (AP - 1), BIRTH);
    snprintf(definition->resolver, sizeof definition->resolver, "%s", resolver);
    definition->limits.value_max = 2 * LARGE;
    definition->before_max_ms = BEFORE_MS;
    def_encoded(definition);
    for (size_t log = 0; log < LOGS; log++) {
        made_define(&world.records[log][0], 0, log == 0 ? EU : AP, 1, 0, definition);
        world.records[log][0].write.log = log_numbers[log];
        made_seal(&world.records[log][0]);
        for (size_t n = 1; n < RECORDS; n++)
            large_make(log, &world.records[log][n]);
    }
}

static inline void sweep_world_free(void)
{
    world_release(&world);
    iso_definition_free(definition);
}

#endif
