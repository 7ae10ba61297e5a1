/* One pair of regions closely: its state and why, the numbers it stands on, its trend,
 * and its partitions, the worst first.
 *
 * The trend is drawn here, as an SVG; where the scripts for charts were built in,
 * page.js draws it again in the empty .plot beside it and hides this one. Nothing here
 * can fail.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "monitor/page.h"

enum { HISTORY_ROWS = 30, FINE_MS = 300000, COARSE_MS = 6 * 3600000 };

/* ---- evidence ---- */

static void fact(struct iso_buf *out, const char *name)
{
    iso_page_add(out, "<div><dt>%s</dt><dd>", name);
}

static void fact_end(struct iso_buf *out)
{
    iso_page_add(out, "</dd></div>");
}

static void fact_ms(struct iso_buf *out, const char *name, int64_t ms)
{
    fact(out, name);
    iso_page_duration(out, ms);
    fact_end(out);
}

static void fact_rate(struct iso_buf *out, const char *name, double rate)
{
    fact(out, name);
    if (rate < 0)
        iso_page_add(out, "<span class=\"none\">unknown</span>");
    else
        iso_page_add(out, "%.1f <small>records/s</small>", rate);
    fact_end(out);
}

static void fact_count(struct iso_buf *out, const char *name, uint64_t count)
{
    fact(out, name);
    iso_page_count(out, count);
    fact_end(out);
}

static void latency(struct iso_buf *out, const struct iso_status_pair *pair)
{
    fact(out, "Latency, 5 min");
    if (pair->latency_p50_ms == ISO_UNKNOWN_MS) {
        iso_page_add(out, "<span class=\"none\">%s</span>",
                     pair->row.has_latency ? "nothing was applied" : "unknown");
    } else {
        char half[ISO_PAGE_TEXT_MAX], most[ISO_PAGE_TEXT_MAX];
        iso_page_add(out, "%s <small>median,</small> %s <small>p99</small>",
                     iso_page_duration_text(pair->latency_p50_ms, half),
                     iso_page_duration_text(pair->latency_p99_ms, most));
    }
    fact_end(out);
}

static void evidence(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status_pair *pair = page->pair;
    const struct iso_lag_row *row = &pair->row;
    iso_page_add(out, "<dl class=\"facts\">");
    fact_ms(out, row->lag_exact ? "Lag" : "Lag, at most", row->lag_ms);
    latency(out, pair);
    fact_ms(out, "Staleness", row->staleness_ms);
    fact(out, row->records_exact ? "Records that wait" : "Records that wait, at most");
    iso_page_count(out, row->records_behind);
    fact_end(out);
    if (pair->eta_ms != ISO_UNKNOWN_MS)
        fact_ms(out, "Caught up in", pair->eta_ms);
    fact_rate(out, "Written", pair->written_rate);
    fact_rate(out, "Applied", pair->applied_rate);
    fact(out, "Newest report");
    iso_page_age(page, row->report_ms);
    fact_end(out);
    if (row->committed) {
        fact(out, "Counted by");
        iso_page_add(out, "committed offsets");
        fact_end(out);
    }
    if (row->deleted_in_ms != ISO_UNKNOWN_MS)
        fact_ms(out, "Retention takes the oldest in", row->deleted_in_ms);
    if (row->lost != 0)
        fact_count(out, "Records lost to retention", row->lost);
    fact_count(out, "Records refused", row->refused);
    fact(out, "Rule");
    iso_page_add(out, "<code>%s</code>", pair->rule == NULL ? "none" : pair->rule);
    fact_end(out);
    iso_page_add(out, "</dl>");
}

/* ---- trend ---- */

struct pair_figure {
    const char *id, *head;
    struct iso_page_line lines[2];
    const char *names[2];
};

static const struct pair_figure figures[] = {
    {"lag",
     "Lag and staleness",
     {{offsetof(struct iso_sample, lag_ms), "line-1"},
      {offsetof(struct iso_sample, staleness_ms), "line-2"}},
     {"lag", "staleness"}},
    {"latency",
     "Replication latency",
     {{offsetof(struct iso_sample, latency_p50_ms), "line-3"},
      {offsetof(struct iso_sample, latency_p99_ms), "line-4"}},
     {"median", "p99"}},
};

/* "Lag and staleness of eu to us, last 5 minutes: lag at most 12 s, staleness at most
 * 13 s" */
static void figure_label(char label[256], const struct pair_figure *figure,
                         const struct iso_lag_row *row, const char *span,
                         const struct iso_sample *samples, size_t count)
{
    char most[2][ISO_PAGE_TEXT_MAX];
    for (size_t n = 0; n < 2; n++)
        iso_page_duration_text(iso_page_most(samples, count, figure->lines[n].field),
                               most[n]);
    snprintf(label, 256, "%s of %s to %s, last %s: %s at most %s, %s at most %s",
             figure->head, row->source, row->target, span, figure->names[0], most[0],
             figure->names[1], most[1]);
}

static void figure(const struct iso_page *page, const struct pair_figure *figure,
                   const struct iso_sample *samples, size_t count)
{
    struct iso_buf *out = page->out;
    char label[256];
    figure_label(label, figure, &page->pair->row, "5 minutes", samples, count);
    iso_page_add(out,
                 "<figure class=\"trend\" data-figure=\"%s\" aria-label=\"%s\">"
                 "<figcaption><h3>%s</h3><p class=\"key\">",
                 figure->id, figure->head, figure->head);
    for (size_t n = 0; n < 2; n++) {
        char most[ISO_PAGE_TEXT_MAX];
        int64_t most_ms = iso_page_most(samples, count, figure->lines[n].field);
        iso_page_add(out, "<span class=\"%s\">%s <b>%s%s</b></span> ",
                     figure->lines[n].class, figure->names[n],
                     most_ms == ISO_UNKNOWN_MS ? "" : "≤ ",
                     iso_page_duration_text(most_ms, most));
    }
    iso_page_add(out, "</p></figcaption><div class=\"plot\" data-keep=\"%s\"></div>",
                 figure->id);
    iso_page_spark(out, &(struct iso_page_spark){.samples = samples,
                                                 .count = count,
                                                 .from_ms = page->at_ms - FINE_MS,
                                                 .to_ms = page->at_ms,
                                                 .lines = figure->lines,
                                                 .line_count = 2,
                                                 .label = label});
    iso_page_add(out, "<p class=\"axis\"><span>5 minutes ago</span>"
                      "<span>now</span></p></figure>");
}

static void history_row(struct iso_buf *out, const struct iso_sample *sample)
{
    iso_page_add(out, "<tr><th scope=\"row\">");
    iso_page_time(out, sample->at_ms);
    iso_page_add(out, "</th><td>");
    iso_page_state(out, sample->state);
    const int64_t times[] = {sample->lag_ms, sample->staleness_ms,
                             sample->latency_p50_ms, sample->latency_p99_ms};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        iso_page_add(out, "</td><td class=\"n\">");
        iso_page_duration(out, times[i]);
    }
    iso_page_add(out, "</td><td class=\"n\">");
    iso_page_count(out, sample->records_behind);
    iso_page_add(out, "</td></tr>");
}

/* The worst of each minute: six hours as a drawing, the newest half hour as a table. */
static void history(const struct iso_page *page, struct iso_sample *samples)
{
    struct iso_buf *out = page->out;
    const struct iso_lag_row *row = &page->pair->row;
    size_t count =
        iso_page_trend(page, page->pair, ISO_TREND_COARSE, samples, ISO_SAMPLES_COARSE);
    char label[256];
    figure_label(label, &figures[0], row, "six hours", samples, count);
    iso_page_add(out,
                 "<details id=\"history\"><summary>The last six hours, the worst of "
                 "each minute</summary>");
    iso_page_spark(out, &(struct iso_page_spark){.samples = samples,
                                                 .count = count,
                                                 .from_ms = page->at_ms - COARSE_MS,
                                                 .to_ms = page->at_ms,
                                                 .lines = figures[0].lines,
                                                 .line_count = 2,
                                                 .label = label});
    iso_page_table(out, "The worst of each minute, the newest first",
                   "Minute|State|#Lag|#Staleness|#Latency, median|#p99|#Records wait");
    size_t least = count > HISTORY_ROWS ? count - HISTORY_ROWS : 0;
    for (size_t i = count; i > least; i--)
        history_row(out, &samples[i - 1]);
    iso_page_table_end(out);
    iso_page_add(out, "</details>");
}

static void trend(const struct iso_page *page)
{
    if (page->view->watch == NULL)
        return;
    struct iso_sample *samples = iso_alloc(ISO_SAMPLES_COARSE * sizeof *samples);
    size_t count =
        iso_page_trend(page, page->pair, ISO_TREND_FINE, samples, ISO_SAMPLES_FINE);
    iso_page_add(page->out, "<div class=\"ranges\" id=\"ranges\" data-keep=\"ranges\" "
                            "aria-label=\"Range of the charts\"></div>"
                            "<div class=\"trends\" id=\"trends\">");
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        figure(page, &figures[i], samples, count);
    iso_page_add(page->out, "</div>");
    history(page, samples);
    iso_free(samples);
}

/* ---- partitions ---- */

static void offset_cell(struct iso_buf *out, int64_t offset)
{
    iso_page_add(out, "<td class=\"n\">");
    iso_page_count(out, offset < 0 ? ISO_UNKNOWN_COUNT : (uint64_t)offset);
    iso_page_add(out, "</td>");
}

static void partition_row(struct iso_buf *out, const struct iso_lag_slice *slice)
{
    iso_page_add(out, "<tr><th scope=\"row\" class=\"n\">%lu</th><td>",
                 (unsigned long)slice->partition);
    iso_page_state(out, slice->state);
    iso_page_add(out, "</td><td class=\"n\">");
    iso_page_duration(out, slice->lag_ms);
    iso_page_add(out, "</td><td class=\"n\">");
    iso_page_count(out, slice->records_behind);
    iso_page_add(out, "</td><td class=\"n\">");
    iso_page_duration(out, slice->staleness_ms);
    iso_page_add(out, "</td>");
    if (slice->log == 0)
        iso_page_add(out, "<td class=\"n\"><span class=\"none\">unknown</span></td>");
    else
        iso_page_add(out, "<td class=\"n\">%u</td>", (unsigned)slice->log);
    offset_cell(out, slice->frontier);
    offset_cell(out, slice->end);
    iso_page_add(out, "</tr>");
}

static void partitions(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_lag_row *row = &page->pair->row;
    iso_page_add(out, "<h3>Partitions, the worst first</h3>");
    if (row->worst_count == 0) {
        iso_page_add(out, "<p class=\"empty\">No partition was looked at yet.</p>");
        return;
    }
    iso_page_table(
        out, "Partitions, the worst first",
        "#Partition|State|#Lag|#Records wait|#Staleness|#Log|#Frontier|#End");
    for (size_t i = 0; i < row->worst_count; i++)
        partition_row(out, &row->worst[i]);
    iso_page_table_end(out);
    if (row->worst_count < page->collection->partitions)
        iso_page_add(out,
                     "<p class=\"hint\">%zu of %lu partitions; the others are no "
                     "worse.</p>",
                     row->worst_count, (unsigned long)page->collection->partitions);
}

/* ---- all of it ---- */

static void no_pair(const struct iso_page *page)
{
    const struct iso_view_page *view = page->view;
    iso_page_add(page->out, "<section id=\"pair\" aria-labelledby=\"pair-head\">"
                            "<h2 id=\"pair-head\" tabindex=\"-1\">No such pair</h2>"
                            "<p class=\"empty\">");
    if (view->source != NULL && view->target != NULL)
        iso_page_add(page->out,
                     "The collection has no pair <bdi>%s</bdi> to "
                     "<bdi>%s</bdi>: choose one in the matrix.",
                     view->source, view->target);
    else
        iso_page_add(page->out, "The collection has no pair of regions yet: a pair is "
                                "there once a region writes and another applies.");
    iso_page_add(page->out, "</p></section>");
}

void iso_page_pair(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status_pair *pair = page->pair;
    if (pair == NULL) {
        no_pair(page);
        return;
    }
    iso_page_add(out,
                 "<section id=\"pair\" aria-labelledby=\"pair-head\" "
                 "data-source=\"%s\" data-target=\"%s\">",
                 pair->row.source, pair->row.target);
    iso_page_add(
        out,
        "<h2 id=\"pair-head\" tabindex=\"-1\"><bdi>%s</bdi> "
        "<span class=\"arrow\" aria-hidden=\"true\">→</span>"
        "<span class=\"said\">to</span> <bdi>%s</bdi></h2><p class=\"reason\">",
        pair->row.source, pair->row.target);
    iso_page_state(out, pair->state);
    iso_page_add(out, " <bdi>%s</bdi> <span class=\"since\">since ",
                 pair->why[0] != '\0' ? pair->why
                                      : iso_page_state_meaning(pair->state));
    iso_page_time(out, pair->since_ms);
    iso_page_add(out, "</span></p>");
    if (pair->warning[0] != '\0')
        iso_page_add(out, "<p class=\"warning\"><b>Warning:</b> <bdi>%s</bdi></p>",
                     pair->warning);
    evidence(page);
    trend(page);
    partitions(page);
    iso_page_add(out, "</section>");
}
