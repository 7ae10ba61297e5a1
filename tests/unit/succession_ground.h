/* succession_ground.h - a collection whose log LOG is closed and succeeded by THIRD,
 * and that by FOURTH, while OTHER stays open: what the tests of succession stand on.
 */
#ifndef ISO_TESTS_UNIT_SUCCESSION_GROUND_H
#define ISO_TESTS_UNIT_SUCCESSION_GROUND_H

#include "apply_ground.h"

enum { FOURTH = 10, EU_US = 1u << (EU - 1) | 1u << (US - 1) };

/* What definitions 2 and 3 say: where LOG and THIRD end, when what succeeds them was
 * born; and whether there is OTHER, which ap writes. */
struct chain {
    bool other;
    int64_t end, third_end;                  /* third_end 0: there is no definition 3 */
    int64_t third_after_ms, fourth_after_ms; /* births, after that of LOG */
};

static inline void def_end(struct iso_definition *definition, uint16_t number,
                           int64_t end)
{
    for (size_t i = 0; i < definition->log_count; i++) {
        struct iso_definition_log *log = &definition->logs[i];
        if (log->number != number)
            continue;
        log->ends = iso_alloc(sizeof log->ends[0]);
        log->ends[0] = end;
    }
}

/* A log that goes on where another has ended. */
static inline void def_successor(struct iso_definition *definition, uint16_t number,
                                 const char *topic, uint64_t birth, uint16_t of)
{
    def_log(definition, number, topic, EU_US, birth);
    struct iso_definition_log *log = &definition->logs[definition->log_count - 1];
    log->succeeds = iso_alloc(sizeof log->succeeds[0]);
    log->succeeds[0] = of;
    log->succeeds_count = 1;
}

/* Definition 1, 2 or 3 of the chain; encoded. */
static inline struct iso_definition *chain_definition(const struct chain *chain,
                                                      uint32_t number)
{
    struct iso_definition *definition = def_bare(number, 1);
    if (chain->other)
        def_log(definition, OTHER, "packages-ap", 1u << (AP - 1), BIRTH);
    if (number >= 2) {
        def_end(definition, LOG, chain->end);
        def_successor(definition, THIRD, "packages-3", hlc_at(chain->third_after_ms, 1),
                      LOG);
    }
    if (number >= 3) {
        def_end(definition, THIRD, chain->third_end);
        def_successor(definition, FOURTH, "packages-4",
                      hlc_at(chain->fourth_after_ms, 1), THIRD);
    }
    return def_encoded(definition);
}

/* Points a made record at another log. */
static inline const struct iso_record *made_in(struct made *made, uint16_t log)
{
    made->write.log = log;
    return made_seal(made);
}

/* A DEFINE in any log; hlc 0: as the time says. */
static inline const struct iso_record *made_define_in(struct made *made, uint16_t log,
                                                      unsigned region,
                                                      struct draft draft, uint64_t hlc,
                                                      const struct iso_definition *of)
{
    made_define(made, draft.offset, region, draft.seq, draft.after_ms, of);
    if (hlc != 0)
        made->write.version.hlc = hlc;
    return made_in(made, log);
}

#endif
