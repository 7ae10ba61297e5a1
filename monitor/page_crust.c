/* The regions as blocks of one crust, which float: the page's picture of what the
 * program is for. A block at the line holds all that was written; one that is behind
 * sinks below it, by steps of its lag that grow, so that a second and a day can both be
 * seen. One that nothing is known of is an outline. The words beside say the same.
 */
#include <stdio.h>

#include "monitor/page.h"

enum {
    CRUST_MAX = 16,  /* blocks that can still be told apart */
    CRUST_NAMED = 4, /* with room for a name in each */
    CRUST_LETTERS = 10,
    CRUST_WIDTH = 360,
    CRUST_HEIGHT = 112,
    CRUST_LINE = 14, /* where a level block's top is */
    CRUST_BLOCK = 50,
    CRUST_SINK = 34, /* the deepest below the line */
};

/* 0: level; 1: a day behind, or more. Straight between the marks, so that each step is
 * as deep as the others. */
static double depth(int64_t lag_ms)
{
    static const int64_t marks_ms[] = {0,      1000,    10000,    60000,
                                       600000, 3600000, 21600000, 86400000};
    enum { STEPS = sizeof marks_ms / sizeof marks_ms[0] - 1 };
    for (int n = 0; n < STEPS; n++) {
        if (lag_ms >= marks_ms[n + 1])
            continue;
        double part = (double)(lag_ms - marks_ms[n]);
        return (n + part / (double)(marks_ms[n + 1] - marks_ms[n])) / STEPS;
    }
    return 1.0;
}

static void block(const struct iso_page *page, size_t n, size_t count)
{
    const struct iso_lag_region *region = &page->collection->regions[n];
    const struct iso_status_pair *worst =
        iso_page_worst_for(page->collection, region->region);
    bool known = worst != NULL && worst->row.lag_ms != ISO_UNKNOWN_MS &&
                 worst->state != ISO_LAG_UNKNOWN;
    double sink = known ? depth(worst->row.lag_ms) * CRUST_SINK : 0.0;
    int each = CRUST_WIDTH / (int)count, gap = count > 8 ? 4 : 8;
    int width = each - gap > 84 ? 84 : each - gap;
    int x = (int)n * each + (each - width) / 2;
    iso_page_add(page->out, "<g class=\"block\" data-state=\"%s\">",
                 iso_lag_state_name(worst == NULL ? ISO_LAG_UNKNOWN : worst->state));
    iso_page_add(page->out,
                 "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%d\" "
                 "height=\"%d\" rx=\"3\"/>",
                 known ? "known" : "unknown", x, CRUST_LINE + sink, width, CRUST_BLOCK);
    if (count <= CRUST_NAMED) {
        const char *name = region->region;
        bool fits = strlen(name) <= CRUST_LETTERS;
        char text[CRUST_LETTERS + 1];
        snprintf(text, sizeof text, "%.*s", fits ? CRUST_LETTERS : CRUST_LETTERS - 1,
                 name);
        iso_page_add(page->out,
                     "<text x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">%s%s</text>",
                     x + width / 2, CRUST_LINE + sink + CRUST_BLOCK * 0.5 + 4.0, text,
                     fits ? "" : "…");
    }
    iso_page_add(page->out, "</g>");
}

void iso_page_crust(const struct iso_page *page)
{
    const struct iso_status_collection *collection = page->collection;
    size_t count = collection->region_count;
    if (count == 0 || count > CRUST_MAX)
        return;
    iso_page_add(page->out,
                 "<svg class=\"crust\" role=\"img\" focusable=\"false\" "
                 "viewBox=\"0 0 %d %d\" aria-label=\"How level the regions are:",
                 CRUST_WIDTH, CRUST_HEIGHT);
    for (size_t n = 0; n < count; n++) {
        char text[ISO_PAGE_TEXT_MAX];
        const struct iso_status_pair *worst =
            iso_page_worst_for(collection, collection->regions[n].region);
        int64_t lag_ms = worst == NULL ? ISO_UNKNOWN_MS : worst->row.lag_ms;
        iso_page_add(page->out, "%s %s %s", n == 0 ? "" : ",",
                     collection->regions[n].region,
                     lag_ms == 0 ? "level" : iso_page_duration_text(lag_ms, text));
        if (lag_ms != 0 && lag_ms != ISO_UNKNOWN_MS)
            iso_page_add(page->out, " behind");
    }
    iso_page_add(page->out, "\"><path class=\"mantle\" d=\"M0 %dH%dV%dH0z\"/>",
                 CRUST_LINE, CRUST_WIDTH, CRUST_HEIGHT);
    for (size_t n = 0; n < count; n++)
        block(page, n, count);
    iso_page_add(page->out,
                 "<path class=\"level\" d=\"M0 %dH%d\" fill=\"none\"/></svg>",
                 CRUST_LINE, CRUST_WIDTH);
}
