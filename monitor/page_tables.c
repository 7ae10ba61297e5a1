/* What a collection's regions and clusters tell besides lag: conflicts, forgetting,
 * dead letters, clocks and stores; and what happened. Where there is nothing to show,
 * a sentence says so. Nothing here can fail. */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "monitor/page.h"

enum { EVENTS_SHOWN = 40, LETTERS_SHOWN = 20, KEY_SHOWN = 48 };

static void head(struct iso_buf *out, const char *id, const char *words)
{
    iso_page_add(out,
                 "<section id=\"%s\" aria-labelledby=\"%s-head\"><h2 id=\"%s-head\">"
                 "%s</h2>",
                 id, id, id, words);
}

static void cell_name(struct iso_buf *out, const char *name)
{
    iso_page_add(out, "<tr><th scope=\"row\"><bdi>%s</bdi></th>", name);
}

static void cell_count(struct iso_buf *out, uint64_t count)
{
    iso_page_add(out, "<td class=\"n\">");
    iso_page_count(out, count);
    iso_page_add(out, "</td>");
}

/* Bytes as a person can read them: text as it is, the rest as \x.., and no more than
 * fits a cell. */
static void cell_bytes(struct iso_buf *out, struct iso_bytes bytes)
{
    char text[KEY_SHOWN * 4 + 1];
    size_t at = 0, shown = bytes.size < KEY_SHOWN ? bytes.size : KEY_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = bytes.data[i];
        bool plain = c >= 0x20 && c != 0x7f && c != '\\';
        at +=
            (size_t)snprintf(text + at, sizeof text - at, plain ? "%c" : "\\x%02x", c);
    }
    text[at] = '\0';
    iso_page_add(out, "<code><bdi>%s</bdi></code>%s", text,
                 bytes.size > shown ? "…" : "");
}

/* ---- clusters ---- */

static void cluster_row(const struct iso_page *page,
                        const struct iso_status_cluster *cluster)
{
    struct iso_buf *out = page->out;
    cell_name(out, cluster->name);
    iso_page_add(out, "<td><span class=\"state\" data-state=\"%s\">",
                 cluster->answers ? "ok" : "stopped");
    iso_page_shape(out, cluster->answers ? "ok" : "stopped");
    iso_page_add(out, "<span>%s</span></span></td><td>",
                 cluster->answers ? "answers" : "away");
    iso_page_age(page, cluster->heard_ms);
    iso_page_add(out, "</td><td class=\"n\">");
    if (cluster->has_clock) {
        char text[ISO_PAGE_TEXT_MAX];
        int64_t off_ms = cluster->clock_ms < 0 ? -cluster->clock_ms : cluster->clock_ms;
        iso_page_add(out, "%s%s", cluster->clock_ms < 0 ? "−" : "+",
                     iso_page_duration_text(off_ms, text));
    } else {
        iso_page_add(out, "<span class=\"none\">unknown</span>");
    }
    iso_page_add(out, "</td><td><bdi>%s</bdi></td></tr>", cluster->why);
}

void iso_page_clusters(const struct iso_page *page)
{
    const struct iso_status *status = page->view->status;
    if (status->cluster_count == 0)
        return;
    head(page->out, "clusters", "Kafka");
    iso_page_table(page->out, "Kafka clusters",
                   "Cluster|State|Answered|#Clock against ours|Why");
    for (size_t i = 0; i < status->cluster_count; i++)
        cluster_row(page, &status->clusters[i]);
    iso_page_table_end(page->out);
    iso_page_add(page->out, "</section>");
}

/* ---- conflicts ---- */

static void conflict_row(const struct iso_page *page,
                         const struct iso_lag_region *region)
{
    struct iso_buf *out = page->out;
    bool heard = region->heard != 0;
    cell_name(out, region->region);
    cell_count(out, heard ? region->ledger_rows : ISO_UNKNOWN_COUNT);
    cell_count(out, heard ? region->dropped_rows : ISO_UNKNOWN_COUNT);
    cell_count(out, heard ? region->alarms : ISO_UNKNOWN_COUNT);
    cell_count(out, heard ? region->gaps : ISO_UNKNOWN_COUNT);
    cell_count(out, heard ? region->refused : ISO_UNKNOWN_COUNT);
    if (region->has_loser) {
        iso_page_add(out, "<td>");
        cell_bytes(out, region->loser_key);
        iso_page_add(out, " <span class=\"quiet\">log %u, offset %ld, </span>",
                     (unsigned)region->loser_log, (long)region->loser_offset);
        iso_page_age(page, region->loser_at_ms);
        iso_page_add(out, "</td></tr>");
    } else {
        iso_page_add(out, "<td><span class=\"none\">%s</span></td></tr>",
                     heard ? "none since its daemon started" : "unknown");
    }
}

void iso_page_conflicts(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    head(out, "conflicts", "Conflicts");
    iso_page_add(out,
                 "<p class=\"hint\">A loser is a value that nobody who replaced it had "
                 "seen. It is kept in the ledger, the same in every region, until a "
                 "person or a program settles it.</p>");
    iso_page_table(out, "Conflicts by region",
                   "Region|#Losers kept|#Losers dropped|#Alarms|#Writes that never "
                   "came|#Refused|Newest loser");
    for (size_t n = 0; n < page->collection->region_count; n++)
        conflict_row(page, &page->collection->regions[n]);
    iso_page_table_end(out);
    iso_page_add(out, "</section>");
}

/* ---- forgetting, store, clock ---- */

/* The topic of a log; NULL: the collection has no such log any more. */
static const char *topic_of(const struct iso_status_collection *collection,
                            uint16_t log)
{
    for (size_t i = 0; i < collection->log_count; i++) {
        if (collection->logs[i].number == log)
            return collection->logs[i].topic;
    }
    return NULL;
}

static void floor_cells(const struct iso_page *page,
                        const struct iso_lag_region *region)
{
    struct iso_buf *out = page->out;
    const char *topic = topic_of(page->collection, region->floor_log);
    iso_page_add(out, "<td>");
    if (region->oldest_ms == 0)
        iso_page_add(out, "<span class=\"quiet\">none</span>");
    else
        iso_page_age(page, region->oldest_ms);
    iso_page_add(out, "</td><td>");
    iso_page_age(page, region->floor_ms <= 0 ? ISO_UNKNOWN_MS : region->floor_ms);
    iso_page_add(out, "</td><td>");
    if (region->floor_log == 0)
        iso_page_add(out, "<span class=\"none\">unknown</span>");
    else
        iso_page_add(
            out, "log %u, partition %lu <span class=\"quiet\"><bdi>%s</bdi></span>",
            (unsigned)region->floor_log, (unsigned long)region->floor_partition,
            topic == NULL ? "" : topic);
    iso_page_add(out, "</td><td>");
    if (region->heard == region->slices && region->swept_ms == ISO_UNKNOWN_MS)
        iso_page_add(out, "<span class=\"none\">not swept yet</span>");
    else
        iso_page_age(page, region->swept_ms);
    iso_page_add(out, "</td>");
}

static void store_cell(struct iso_buf *out, const struct iso_lag_region *region)
{
    if (!region->has_store) {
        iso_page_add(out, "<td class=\"n\"><span class=\"none\">unknown</span></td>");
        return;
    }
    double used = (double)region->store_used / 1048576.0;
    if (region->store_free == ISO_UNKNOWN_COUNT) {
        iso_page_add(out, "<td class=\"n\">%.1f <small>MiB</small></td>", used);
        return;
    }
    double room = used + (double)region->store_free / 1048576.0;
    iso_page_add(out,
                 "<td class=\"n\">%.1f <small>of</small> %.1f <small>MiB</small></td>",
                 used, room);
}

static void clock_cell(struct iso_buf *out, const struct iso_lag_region *region)
{
    char off[ISO_PAGE_TEXT_MAX], error[ISO_PAGE_TEXT_MAX];
    if (!region->has_clock) {
        iso_page_add(out, "<td class=\"n\"><span class=\"none\">unknown</span></td>");
        return;
    }
    int64_t ms = region->clock_ms;
    iso_page_add(out, "<td class=\"n\">%s%s <small>± %s</small></td>",
                 ms < 0 ? "−" : "+", iso_page_duration_text(ms < 0 ? -ms : ms, off),
                 iso_page_duration_text(region->clock_error_ms, error));
}

void iso_page_forgetting(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    head(out, "forgetting", "Forgetting, store and clock");
    iso_page_add(out, "<p class=\"hint\">Below the floor nothing can come any more, so "
                      "tombstones may go, the oldest first. A log that stands still "
                      "holds it back.</p>");
    iso_page_table(out, "Forgetting, store and clock by region",
                   "Region|#Values|#Tombstones|#Expiring|Oldest|Floor|Held "
                   "by|Swept to|#Store|#Clock off by");
    for (size_t n = 0; n < page->collection->region_count; n++) {
        const struct iso_lag_region *region = &page->collection->regions[n];
        const int64_t counts[] = {region->values, region->tombstones, region->expiring};
        cell_name(out, region->region);
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            cell_count(out, region->heard == 0 || counts[i] < 0 ? ISO_UNKNOWN_COUNT
                                                                : (uint64_t)counts[i]);
        floor_cells(page, region);
        store_cell(out, region);
        clock_cell(out, region);
        iso_page_add(out, "</tr>");
    }
    iso_page_table_end(out);
    iso_page_add(out, "</section>");
}

/* ---- dead letters ---- */

/* Borrowed bytes as text, which ends at a NUL: no sentence has one. */
static const char *words(struct iso_bytes bytes, char text[512])
{
    size_t size = bytes.size < 511 ? bytes.size : 511;
    if (size != 0)
        memcpy(text, bytes.data, size);
    text[size] = '\0';
    return text;
}

static void letter_row(const struct iso_page *page, const struct iso_status_letter *row)
{
    struct iso_buf *out = page->out;
    const struct iso_dead_letter *letter = &row->letter;
    char text[512];
    iso_page_add(out, "<tr><td>");
    iso_page_age(page, row->append_ms);
    iso_page_add(out, "</td><td><bdi>%s</bdi></td>", row->cluster);
    iso_page_add(out, "<td><bdi>%s</bdi></td>", words(letter->collection, text));
    iso_page_add(out, "<td><code><bdi>%s</bdi>/%lu/%ld</code></td>",
                 words(letter->topic, text), (unsigned long)letter->partition,
                 (long)letter->offset);
    iso_page_add(out, "<td><code>%s</code></td>", words(letter->error, text));
    iso_page_add(out, "<td class=\"wide\"><bdi>%s</bdi></td></tr>",
                 words(letter->reason, text));
}

void iso_page_letters(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status *status = page->view->status;
    char text[ISO_PAGE_TEXT_MAX];
    head(out, "letters", "Dead letters");
    if (status->letter_count == 0) {
        iso_page_add(out, "<p class=\"empty\">%s</p></section>",
                     status->letters_held == 0 ? "No record was refused."
                                               : "None was read yet.");
        return;
    }
    size_t shown =
        status->letter_count < LETTERS_SHOWN ? status->letter_count : LETTERS_SHOWN;
    iso_page_add(out,
                 "<p class=\"hint\">%s in all clusters; the newest %zu. <code>isostasy "
                 "dead-letter</code> shows and replays them.</p>",
                 iso_page_count_text(status->letters_held, text), shown);
    iso_page_table(out, "The newest dead letters",
                   "Refused|Cluster|Collection|Record|Error|Reason");
    for (size_t i = 0; i < shown; i++)
        letter_row(page, &status->letters[i]);
    iso_page_table_end(out);
    iso_page_add(out, "</section>");
}

/* ---- events ---- */

/* "catching_up" as a person would write it. */
static const char *spaced(const char *name, char text[24])
{
    snprintf(text, 24, "%s", name);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '_' ? ' ' : *at;
    return text;
}

static void event_row(const struct iso_page *page, const struct iso_watch_event *event)
{
    struct iso_buf *out = page->out;
    char was[24], is[24];
    iso_page_add(out, "<li data-kind=\"%s\"><span class=\"when\">",
                 iso_watch_kind_name(event->kind));
    iso_page_time(out, event->at_ms);
    iso_page_add(out, "</span> <span class=\"what\"><b><bdi>%s</bdi>",
                 event->collection);
    if (event->source[0] != '\0' && event->target[0] != '\0')
        iso_page_add(out, " <bdi>%s</bdi> → <bdi>%s</bdi>", event->source,
                     event->target);
    else
        iso_page_add(out, " <bdi>%s%s</bdi>", event->source, event->target);
    iso_page_add(out, "</b> ");
    if (event->was[0] != '\0' || event->is[0] != '\0')
        iso_page_add(out, "<span class=\"change\">%s → <b>%s</b></span> ",
                     event->was[0] == '\0' ? "new" : spaced(event->was, was),
                     spaced(event->is, is));
    else
        iso_page_add(out, "<span class=\"change\">%s</span> ",
                     iso_watch_kind_name(event->kind));
    iso_page_add(out, "<bdi>%s</bdi></span></li>", event->why);
}

/* Of the collection that is shown, or of none. */
static bool event_shown(const struct iso_page *page,
                        const struct iso_watch_event *event)
{
    return page->collection == NULL || event->collection[0] == '\0' ||
           strcmp(event->collection, page->collection->name) == 0;
}

void iso_page_events(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    head(out, "events", "What happened");
    struct iso_watch_event *events = iso_alloc(ISO_WATCH_EVENTS_MAX * sizeof *events);
    size_t count =
        page->view->watch == NULL
            ? 0
            : iso_watch_events(page->view->watch, 0, events, ISO_WATCH_EVENTS_MAX);
    size_t shown = 0;
    for (size_t i = count; i > 0 && shown < EVENTS_SHOWN; i--) {
        if (!event_shown(page, &events[i - 1]))
            continue;
        if (shown++ == 0)
            iso_page_add(out, "<ol class=\"events\" reversed tabindex=\"0\" "
                              "aria-label=\"Events, the newest first\">");
        event_row(page, &events[i - 1]);
    }
    if (shown == 0)
        iso_page_add(out, "<p class=\"empty\">Nothing since this monitor started.</p>");
    iso_page_add(out, shown == 0 ? "</section>" : "</ol></section>");
    iso_free(events);
}
