/* Source regions × target regions, and what that comes to for each target.
 *
 * A cell is a link that looks at its pair closely; page.js lets the arrow keys walk
 * over them. Up to 64 × 64 cells, so a cell says no more than it must. Nothing here can
 * fail.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "monitor/page.h"

enum { MATRIX_WIDE = 10 }; /* more regions than that are set closer */

/* The worse of two; the first, when they are alike. */
static const struct iso_status_pair *worse(const struct iso_status_pair *first,
                                           const struct iso_status_pair *second)
{
    if (first == NULL)
        return second;
    int more =
        iso_lag_state_severity(second->state) - iso_lag_state_severity(first->state);
    return more > 0 || (more == 0 && second->row.lag_ms > first->row.lag_ms) ? second
                                                                             : first;
}

const struct iso_status_pair *
iso_page_worst(const struct iso_status_collection *collection)
{
    const struct iso_status_pair *worst = NULL;
    for (size_t i = 0; i < collection->pair_count; i++)
        worst = worse(worst, &collection->pairs[i]);
    return worst;
}

const struct iso_status_pair *
iso_page_worst_for(const struct iso_status_collection *collection, const char *target)
{
    const struct iso_status_pair *worst = NULL;
    for (size_t i = 0; i < collection->pair_count; i++) {
        if (strcmp(collection->pairs[i].row.target, target) == 0)
            worst = worse(worst, &collection->pairs[i]);
    }
    return worst;
}

static size_t region_index(const struct iso_status_collection *collection,
                           const char *name)
{
    size_t n = 0;
    while (n < collection->region_count &&
           strcmp(collection->regions[n].region, name) != 0)
        n++;
    return n;
}

/* Pairs by source and target: count × count, NULL where there is none. Owned. */
static const struct iso_status_pair **
pairs_placed(const struct iso_status_collection *collection)
{
    size_t count = collection->region_count;
    const struct iso_status_pair **placed =
        iso_alloc_zero(count * count + 1, sizeof(void *));
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        size_t source = region_index(collection, pair->row.source);
        size_t target = region_index(collection, pair->row.target);
        if (source < count && target < count)
            placed[source * count + target] = pair;
    }
    return placed;
}

/* What a cell says beside its state. */
static void cell_number(const struct iso_page *page, const struct iso_status_pair *pair)
{
    char text[ISO_PAGE_TEXT_MAX];
    bool known = pair->row.lag_ms != ISO_UNKNOWN_MS;
    iso_page_add(page->out, "<span class=\"lag\">%s%s</span>",
                 !known                ? "lag "
                 : pair->row.lag_exact ? ""
                                       : "≤ ",
                 iso_page_duration_text(pair->row.lag_ms, text));
}

static void cell(const struct iso_page *page, const struct iso_status_pair *pair)
{
    struct iso_buf *out = page->out;
    char lag[ISO_PAGE_TEXT_MAX];
    if (pair == NULL) {
        iso_page_add(out, "<td class=\"no\"><span aria-hidden=\"true\">·</span>"
                          "<span class=\"said\">no pair</span></td>");
        return;
    }
    iso_page_add(out, "<td data-state=\"%s\"><a href=\"",
                 iso_lag_state_name(pair->state));
    iso_page_query(out, page->collection->name, pair->row.source, pair->row.target);
    iso_page_add(out, "#pair\"%s aria-label=\"%s to %s: %s, lag %s%s%s\">",
                 pair == page->pair ? " aria-current=\"true\"" : "", pair->row.source,
                 pair->row.target, iso_page_state_words(pair->state),
                 pair->row.lag_exact ? "" : "at most ",
                 iso_page_duration_text(pair->row.lag_ms, lag),
                 pair->warning[0] != '\0' ? ", with a warning" : "");
    iso_page_shape(out, iso_lag_state_name(pair->state));
    iso_page_add(out, "<span class=\"word\">%s</span>",
                 iso_page_state_words(pair->state));
    cell_number(page, pair);
    if (pair->warning[0] != '\0')
        iso_page_add(out, "<span class=\"warned\" aria-hidden=\"true\">!</span>");
    iso_page_add(out, "</a></td>");
}

void iso_page_matrix(const struct iso_page *page)
{
    const struct iso_status_collection *collection = page->collection;
    struct iso_buf *out = page->out;
    size_t count = collection->region_count;
    const struct iso_status_pair **placed = pairs_placed(collection);
    iso_page_add(out,
                 "<section id=\"matrix\" aria-labelledby=\"matrix-head\">"
                 "<h2 id=\"matrix-head\">Every pair of regions</h2>"
                 "<p class=\"hint\">A row is where writes come from, a column where "
                 "they are applied. Choose a cell to look at the pair closely.</p>"
                 "<div class=\"scroll matrix\" role=\"region\" "
                 "aria-label=\"Matrix of regions\">");
    iso_page_add(out,
                 "<table class=\"%s\" id=\"cells\" aria-labelledby=\"matrix-head\">"
                 "<thead><tr><td class=\"corner\"><span>source ↓</span> <span>target "
                 "→</span></td>",
                 count > MATRIX_WIDE ? "cells close" : "cells");
    for (size_t t = 0; t < count; t++)
        iso_page_add(out, "<th scope=\"col\"><bdi>%s</bdi></th>",
                     collection->regions[t].region);
    iso_page_add(out, "</tr></thead><tbody>");
    for (size_t s = 0; s < count; s++) {
        iso_page_add(out, "<tr><th scope=\"row\"><bdi>%s</bdi></th>",
                     collection->regions[s].region);
        for (size_t t = 0; t < count; t++)
            cell(page, placed[s * count + t]);
        iso_page_add(out, "</tr>");
    }
    iso_page_add(out, "</tbody></table></div></section>");
    iso_free(placed);
}

/* ---- by target ---- */

static void target_trend(const struct iso_page *page,
                         const struct iso_status_pair *worst)
{
    static const struct iso_page_line lines[] = {
        {offsetof(struct iso_sample, lag_ms), "line-1"}};
    struct iso_sample samples[ISO_SAMPLES_FINE];
    size_t count =
        iso_page_trend(page, worst, ISO_TREND_FINE, samples, ISO_SAMPLES_FINE);
    char label[160], most[ISO_PAGE_TEXT_MAX];
    int64_t most_ms =
        iso_page_most(samples, count, offsetof(struct iso_sample, lag_ms));
    snprintf(label, sizeof label,
             "Lag of %s to %s in the last five minutes: at most %s", worst->row.source,
             worst->row.target, iso_page_duration_text(most_ms, most));
    iso_page_spark(page->out, &(struct iso_page_spark){.samples = samples,
                                                       .count = count,
                                                       .from_ms = page->at_ms - 300000,
                                                       .to_ms = page->at_ms,
                                                       .lines = lines,
                                                       .line_count = 1,
                                                       .label = label,
                                                       .small = true});
}

/* Of the pairs with this target: how many, how many are fine, the oldest freshness. */
struct target_sum {
    size_t pairs, ok;
    int64_t staleness_ms;
};

static struct target_sum target_sum(const struct iso_status_collection *collection,
                                    const char *target)
{
    struct target_sum sum = {.staleness_ms = 0};
    for (size_t i = 0; i < collection->pair_count; i++) {
        const struct iso_status_pair *pair = &collection->pairs[i];
        if (strcmp(pair->row.target, target) != 0)
            continue;
        sum.pairs++;
        sum.ok += pair->state == ISO_LAG_OK;
        int64_t staleness_ms = pair->row.staleness_ms;
        if (sum.staleness_ms == ISO_UNKNOWN_MS || staleness_ms == ISO_UNKNOWN_MS)
            sum.staleness_ms = ISO_UNKNOWN_MS;
        else if (staleness_ms > sum.staleness_ms)
            sum.staleness_ms = staleness_ms;
    }
    return sum;
}

static void target_row(const struct iso_page *page, const struct iso_lag_region *region)
{
    struct iso_buf *out = page->out;
    const struct iso_status_pair *worst =
        iso_page_worst_for(page->collection, region->region);
    struct target_sum sum = target_sum(page->collection, region->region);
    iso_page_add(out, "<tr><th scope=\"row\"><bdi>%s</bdi></th><td>", region->region);
    iso_page_state(out, worst == NULL ? ISO_LAG_UNKNOWN : worst->state);
    iso_page_add(out, "</td><td class=\"n\">%zu of %zu</td><td class=\"n\">", sum.ok,
                 sum.pairs);
    iso_page_duration(out, worst == NULL ? ISO_UNKNOWN_MS : worst->row.lag_ms);
    iso_page_add(out, "</td><td class=\"n\">");
    iso_page_duration(out, sum.pairs == 0 ? ISO_UNKNOWN_MS : sum.staleness_ms);
    iso_page_add(out, "</td><td>");
    if (worst != NULL && page->view->watch != NULL)
        target_trend(page, worst);
    iso_page_add(out, "</td><td>");
    iso_page_age(page, region->report_ms);
    iso_page_add(out, "</td><td><bdi>%s</bdi></td><td>",
                 region->cluster[0] == '\0' ? "unknown" : region->cluster);
    iso_page_add(out, "<bdi>%s</bdi></td></tr>",
                 region->software[0] == '\0' ? "unknown" : region->software);
}

void iso_page_targets(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    iso_page_add(out, "<section id=\"targets\" aria-labelledby=\"targets-head\">"
                      "<h2 id=\"targets-head\">Every region, as a target</h2>");
    iso_page_table(out, "Regions as targets",
                   "Region|Worst state|#Sources ok|#Lag of the worst|#Staleness|Lag, "
                   "5 min|Heard|Cluster|Software");
    for (size_t n = 0; n < page->collection->region_count; n++)
        target_row(page, &page->collection->regions[n]);
    iso_page_table_end(out);
    iso_page_add(out, "</section>");
}
