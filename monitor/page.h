/* page.h - the parts that the page for people is put together from. Private to the
 * room; view.h has the page.
 *
 *   page_text.c     text, times, counts and states as HTML
 *   page_crust.c    the drawing of the regions at their level
 *   page_matrix.c   source × target, and what that means for each target
 *   page_pair.c     one pair closely: reason, evidence, trend, partitions
 *   page_spark.c    a trend as a drawing, without a script
 *   page_slices.c   partitions that are not equal
 *   page_tables.c   clusters, conflicts, forgetting, dead letters, events
 *   view_page.c     what stands around these
 *
 * Nothing here writes a style into the page, or a script: the content security policy
 * forbids both, so colour and size hang on classes and data-… attributes (page.css).
 */
#ifndef ISO_MONITOR_PAGE_H
#define ISO_MONITOR_PAGE_H

#include "monitor/view.h"

struct iso_page {
    const struct iso_view_page *view;
    const struct iso_status_collection *collection;
    const struct iso_status_pair *pair; /* looked at closely; NULL: there is none */
    int64_t at_ms;
    struct iso_buf *out;
};

/* ---- text (page_text.c) ---- */

/* As printf, of %s, %d, %u, %zu, %ld, %lu, %lld, %llu, %.1f and %%. What %s says is
 * made harmless: it ends neither an element nor an attribute; bytes that are no UTF-8,
 * control characters and those that turn the direction of writing show as U+FFFD. So
 * markup can only stand in the format. */
void iso_page_add(struct iso_buf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum { ISO_PAGE_TEXT_MAX = 48 };
/* "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h", "unknown". Returns text. */
const char *iso_page_duration_text(int64_t ms, char text[ISO_PAGE_TEXT_MAX]);
/* "12,345", "unknown" */
const char *iso_page_count_text(uint64_t count, char text[ISO_PAGE_TEXT_MAX]);
/* "2026-11-23 22:40:05 UTC", "unknown" */
const char *iso_page_time_text(int64_t ms, char text[ISO_PAGE_TEXT_MAX]);

/* The same as elements; what is not known has a class of its own. */
void iso_page_duration(struct iso_buf *out, int64_t ms);
void iso_page_count(struct iso_buf *out, uint64_t count);
void iso_page_time(struct iso_buf *out, int64_t ms);
void iso_page_age(const struct iso_page *page, int64_t then_ms); /* "12 s ago" */

/* A query for this collection and a pair, with "&" as an attribute wants it. */
void iso_page_query(struct iso_buf *out, const char *collection, const char *source,
                    const char *target);

const char *iso_page_state_words(enum iso_lag_state state);   /* "catching up" */
const char *iso_page_state_meaning(enum iso_lag_state state); /* a sentence */
const char *iso_page_verdict_words(enum iso_verdict_state state);

/* What a collection is marked with, wherever it is named: the worse of its verdict and
 * its worst pair, so that nobody reads green while a region stands still. */
struct iso_page_mark {
    enum iso_lag_state state; /* whose colour */
    const char *shape;
    const struct iso_status_pair *late; /* the worst pair, when it is not ok; or NULL */
};
struct iso_page_mark iso_page_mark(const struct iso_status_collection *collection);
/* Its shape, which tells it without colour; said to nobody, as words stand beside it.
 */
void iso_page_shape(struct iso_buf *out, const char *name);
/* Shape and words. */
void iso_page_state(struct iso_buf *out, enum iso_lag_state state);
/* The drawings that the shapes are taken from: once a page. */
void iso_page_shapes(struct iso_buf *out);

/* A table that scrolls by itself where the window is narrow: its name is what it is
 * called by who cannot see it; heads are separated by |, one that begins with # is of
 * numbers. Rows follow; iso_page_table_end closes it. */
void iso_page_table(struct iso_buf *out, const char *name, const char *heads);
void iso_page_table_end(struct iso_buf *out);

/* ---- parts ---- */

/* The worst pair of all, and of those with a target; NULL: there is none. */
const struct iso_status_pair *
iso_page_worst(const struct iso_status_collection *collection);
const struct iso_status_pair *
iso_page_worst_for(const struct iso_status_collection *collection, const char *target);

void iso_page_crust(const struct iso_page *page);
void iso_page_matrix(const struct iso_page *page);
void iso_page_targets(const struct iso_page *page);
void iso_page_slices(const struct iso_page *page);
void iso_page_pair(const struct iso_page *page);
void iso_page_clusters(const struct iso_page *page);
void iso_page_conflicts(const struct iso_page *page);
void iso_page_forgetting(const struct iso_page *page);
void iso_page_letters(const struct iso_page *page);
void iso_page_events(const struct iso_page *page);
void iso_page_legend(struct iso_buf *out);

/* ---- drawings (page_spark.c) ---- */

/* As iso_watch_samples, of a pair of the page's collection. */
size_t iso_page_trend(const struct iso_page *page, const struct iso_status_pair *pair,
                      enum iso_trend trend, struct iso_sample *samples, size_t max);

/* A line of the newest five minutes, or six hours, of one number of the samples:
 * offsetof of it in struct iso_sample. Where it is not known the line is broken. */
struct iso_page_line {
    size_t field;
    const char *class; /* "line-1" */
};
struct iso_page_spark {
    const struct iso_sample *samples;
    size_t count;
    int64_t from_ms, to_ms;
    const struct iso_page_line *lines;
    size_t line_count;
    const char *label; /* what it shows, said to who cannot see it */
    bool small;        /* in a cell of a table */
};
void iso_page_spark(struct iso_buf *out, const struct iso_page_spark *spark);
/* The largest of a number that is known; ISO_UNKNOWN_MS. */
int64_t iso_page_most(const struct iso_sample *samples, size_t count, size_t field);

#endif
