/* lines - a resolver plug-in for shopping lists: values are text, a thing to buy on
 * each line, and readers are shown every thing that is on any list, once, in the order
 * in which it was first written.
 *
 * Two people add to one list in two regions at once: both additions are shown. Who
 * reads, strikes something off and writes with what was read replaces both lists.
 *
 * It needs no memory of its own: whether a line stands on an earlier list is looked up
 * there. That is quadratic, and lists are short. */
#include <isostasy/resolver/plugin.h>

#include <stdbool.h>
#include <string.h>

/* The line at `at`, without its end. */
static size_t line_size(const struct iso_plugin_value *value, size_t at)
{
    const uint8_t *end = memchr(value->data + at, '\n', value->size - at);
    return end != NULL ? (size_t)(end - value->data) - at : value->size - at;
}

/* Is the line on a list, before its byte `end`? */
static bool list_has(const struct iso_plugin_value *list, size_t end,
                     const uint8_t *line, size_t size)
{
    for (size_t at = 0; at < end; at += line_size(list, at) + 1)
        if (line_size(list, at) == size && memcmp(list->data + at, line, size) == 0)
            return true;
    return false;
}

static int lines_merge(const struct iso_plugin_value *values, size_t count,
                       struct iso_plugin_answer *answer)
{
    for (size_t n = 0; n < count; n++) {
        const struct iso_plugin_value *list = &values[n];
        for (size_t at = 0; at < list->size; at += line_size(list, at) + 1) {
            const uint8_t *line = list->data + at;
            size_t size = line_size(list, at);
            bool known = size == 0 || list_has(list, at, line, size);
            for (size_t earlier = 0; !known && earlier < n; earlier++)
                known = list_has(&values[earlier], values[earlier].size, line, size);
            if (known)
                continue;
            answer->add(answer->self, line, size);
            answer->add(answer->self, "\n", 1);
        }
    }
    return 0;
}

/* Each bit of the seed says whether one thing is on the list; one more, whether the
 * last line has an end. */
static int lines_generate(uint64_t seed, struct iso_plugin_answer *answer)
{
    static const char *const things[] = {"tea", "milk", "bread", "apples", "", "te"};
    size_t count = sizeof things / sizeof things[0];
    for (size_t n = 0; n < count; n++) {
        if ((seed >> n & 1) == 0)
            continue;
        answer->add(answer->self, things[n], strlen(things[n]));
        if (n + 1 < count || (seed >> count & 1) == 0)
            answer->add(answer->self, "\n", 1);
    }
    return 0;
}

const struct iso_plugin *iso_plugin_describe(void)
{
    static const struct iso_plugin lines = {
        .abi = ISO_PLUGIN_ABI,
        .name = "lines",
        .words = "every line of any of the texts, once",
        .merge = lines_merge,
        .generate = lines_generate,
    };
    return &lines;
}
