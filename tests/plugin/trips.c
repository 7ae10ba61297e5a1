/* trips - the example plug-in with mistakes: what is on a list decides which one. The
 * checks of a loader do not meet any of them, since no list that it generates has such
 * a thing on it. */
#include <isostasy/resolver/plugin.h>

const struct iso_plugin *lines_describe(void);
#define iso_plugin_describe lines_describe
#include "examples/plugin/lines.c"
#undef iso_plugin_describe

static bool has(const struct iso_plugin_value *value, const char *text)
{
    return value->size == strlen(text) && memcmp(value->data, text, value->size) == 0;
}

static int trips_merge(const struct iso_plugin_value *values, size_t count,
                       struct iso_plugin_answer *answer)
{
    for (size_t n = 0; n < count; n++) {
        volatile int *nowhere = NULL;
        if (has(&values[n], "crash"))
            return *nowhere;
        for (volatile bool forever = true; has(&values[n], "hang") && forever;)
            continue;
        for (int more = 0; has(&values[n], "grow") && more < 1 << 20; more++)
            answer->add(answer->self, "and so on ", 10);
        if (has(&values[n], "refuse"))
            return 7;
    }
    return lines_merge(values, count, answer);
}

const struct iso_plugin *iso_plugin_describe(void)
{
    static const struct iso_plugin trips = {
        .abi = ISO_PLUGIN_ABI,
        .name = "trips",
        .words = "the lines of all lists, but for four that it cannot take",
        .merge = trips_merge,
        .generate = lines_generate,
    };
    return &trips;
}
