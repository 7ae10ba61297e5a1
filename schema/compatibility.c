/* A table says which way each mode looks and how far; all else is iso_avro_can_read. */
#include "schema/compatibility.h"

#include <strings.h>

#include "schema/avro_resolve.h"

static const struct {
    const char *name;
    bool backward, forward, transitive;
} modes[ISO_COMPATIBILITIES] = {
    [ISO_COMPATIBLE_BACKWARD] = {"BACKWARD", true, false, false},
    [ISO_COMPATIBLE_BACKWARD_TRANSITIVE] = {"BACKWARD_TRANSITIVE", true, false, true},
    [ISO_COMPATIBLE_FORWARD] = {"FORWARD", false, true, false},
    [ISO_COMPATIBLE_FORWARD_TRANSITIVE] = {"FORWARD_TRANSITIVE", false, true, true},
    [ISO_COMPATIBLE_FULL] = {"FULL", true, true, false},
    [ISO_COMPATIBLE_FULL_TRANSITIVE] = {"FULL_TRANSITIVE", true, true, true},
    [ISO_COMPATIBLE_NONE] = {"NONE", false, false, false},
};

const char *iso_compatibility_name(enum iso_compatibility mode)
{
    iso_assert((unsigned)mode < ISO_COMPATIBILITIES);
    return modes[mode].name;
}

bool iso_compatibility_parse(const char *text, enum iso_compatibility *mode)
{
    for (unsigned i = 0; i < ISO_COMPATIBILITIES; i++) {
        if (strcasecmp(text, modes[i].name) == 0) {
            *mode = (enum iso_compatibility)i;
            return true;
        }
    }
    return false;
}

static enum iso_err both_ways(enum iso_compatibility mode,
                              const struct iso_avro *coming,
                              const struct iso_avro *known, size_t number,
                              struct iso_why *why)
{
    struct iso_why reason;
    enum iso_err err = ISO_OK;
    if (modes[mode].backward)
        err = iso_avro_can_read(coming, known, &reason);
    if (err != ISO_OK)
        return iso_fail(why, err,
                        "%s: who has the new schema must read data of schema %zu: %s",
                        modes[mode].name, number, reason.text);
    if (modes[mode].forward)
        err = iso_avro_can_read(known, coming, &reason);
    if (err != ISO_OK)
        return iso_fail(why, err,
                        "%s: who has schema %zu must read data of the new one: %s",
                        modes[mode].name, number, reason.text);
    return ISO_OK;
}

enum iso_err iso_compatibility_check(enum iso_compatibility mode,
                                     const struct iso_avro *coming,
                                     const struct iso_avro *const *known, size_t count,
                                     struct iso_why *why)
{
    iso_assert((unsigned)mode < ISO_COMPATIBILITIES);
    /* The newest first: it is the one that people have before their eyes. */
    for (size_t number = count; number > 0; number--) {
        struct iso_why reason;
        enum iso_err err = iso_avro_same_rules(coming, known[number - 1], &reason);
        if (err != ISO_OK)
            return iso_fail(why, err, "%s, after schema %zu: %s", modes[mode].name,
                            number, reason.text);
        if (number < count && !modes[mode].transitive)
            continue;
        err = both_ways(mode, coming, known[number - 1], number, why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}
