/* The page for people: verdict, matrix, one pair closely, and tables; HTML that needs
 * no script and brings no style of its own (page.h says which file makes which part).
 *
 * page.js fetches this same page again when something happened, and puts what differs
 * into the one that is shown; so there is one place that makes it, and what a person
 * sees with scripts is what another sees without. Ids, and the data-… attributes of
 * the body, are what the script goes by.
 *
 * Nothing here can fail: what is not known, or not there, is said to be so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "monitor/page.h"

/* ---- what is looked at ---- */

static const struct iso_status_pair *pair_named(const struct iso_page *page)
{
    const struct iso_view_page *view = page->view;
    if (view->source != NULL || view->target != NULL)
        return view->source == NULL || view->target == NULL
                   ? NULL
                   : iso_status_pair(view->status, page->collection->name, view->source,
                                     view->target);
    return iso_page_worst(page->collection);
}

static const struct iso_status_collection *
collection_named(const struct iso_view_page *view)
{
    if (view->status == NULL || view->status->collection_count == 0)
        return NULL;
    return iso_status_collection(view->status, view->collection != NULL
                                                   ? view->collection
                                                   : view->status->collections[0].name);
}

/* ---- head ---- */

/* As a tab of a browser shows it, from afar: the verdict, what is late, and an icon. */
static void head_title(const struct iso_page *page)
{
    static const char *const icons[ISO_LAG_STATES] = {
        [ISO_LAG_UNKNOWN] = "-unknown",  [ISO_LAG_OK] = "",
        [ISO_LAG_CATCHING_UP] = "-late", [ISO_LAG_LAGGING] = "-late",
        [ISO_LAG_STALLED] = "-late",     [ISO_LAG_STOPPED] = "-bad",
        [ISO_LAG_PARKED] = "-bad",       [ISO_LAG_REWOUND] = "-bad",
        [ISO_LAG_LOST] = "-bad",         [ISO_LAG_DIVERGED] = "-bad"};
    struct iso_buf *out = page->out;
    struct iso_page_mark mark = {.state = ISO_LAG_UNKNOWN};
    if (page->collection != NULL) {
        mark = iso_page_mark(page->collection);
        iso_page_add(out, "%s%s%s · %s · ",
                     iso_page_verdict_words(page->collection->verdict.state),
                     mark.late != NULL ? ", " : "",
                     mark.late != NULL ? iso_page_state_words(mark.late->state) : "",
                     page->collection->name);
    }
    iso_page_add(out,
                 "isostasy</title><link rel=\"icon\" type=\"image/svg+xml\" "
                 "href=\"%sassets/icon%s.svg\">",
                 page->view->prefix, icons[mark.state]);
}

static void head(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const char *prefix = page->view->prefix;
    iso_page_add(out,
                 "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width, "
                 "initial-scale=1\"><meta name=\"color-scheme\" content=\"light "
                 "dark\"><meta name=\"robots\" content=\"noindex\"><title>");
    head_title(page);
    if (page->view->charts)
        iso_page_add(out,
                     "<link rel=\"stylesheet\" href=\"%sassets/uplot.css\">"
                     "<script src=\"%sassets/uplot.js\" defer></script>",
                     prefix, prefix);
    iso_page_add(out,
                 "<link rel=\"stylesheet\" href=\"%sassets/page.css\">"
                 "<script src=\"%sassets/page.js\" defer></script>"
                 "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>"
                 "</head>",
                 prefix, prefix);
}

static void nav(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status *status = page->view->status;
    if (status == NULL || status->collection_count == 0)
        return;
    iso_page_add(out, "<nav aria-label=\"Collections\"><ul>");
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *collection = &status->collections[i];
        struct iso_page_mark mark = iso_page_mark(collection);
        iso_page_add(out, "<li data-state=\"%s\"><a href=\"%s",
                     iso_lag_state_name(mark.state), page->view->prefix);
        iso_page_query(out, collection->name, NULL, NULL);
        bool shown = page->collection != NULL &&
                     strcmp(page->collection->name, collection->name) == 0;
        iso_page_add(out, "\"%s>", shown ? " aria-current=\"page\"" : "");
        iso_page_shape(out, mark.shape);
        iso_page_add(out, "<bdi>%s</bdi><span class=\"said\">, %s%s%s</span></a></li>",
                     collection->name,
                     iso_page_verdict_words(collection->verdict.state),
                     mark.late != NULL ? ", a pair is " : "",
                     mark.late != NULL ? iso_page_state_words(mark.late->state) : "");
    }
    iso_page_add(out, "</ul></nav>");
}

static void masthead(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status *status = page->view->status;
    iso_page_add(out,
                 "<header><a class=\"brand\" href=\"%s\" aria-label=\"isostasy, first "
                 "page\"><svg viewBox=\"0 0 28 20\" aria-hidden=\"true\" "
                 "focusable=\"false\"><path d=\"M1 5h7v9H1zM10.5 5h7v13h-7zM20 5h7v7"
                 "h-7z\"/><path class=\"water\" d=\"M0 8.5h28\" fill=\"none\"/></svg>"
                 "<span>isostasy</span></a>",
                 page->view->prefix);
    nav(page);
    iso_page_add(out, "<p class=\"looked\" id=\"looked\"><span id=\"live\" "
                      "data-keep=\"live\"></span>");
    if (status != NULL) {
        char every[ISO_PAGE_TEXT_MAX];
        iso_page_add(out, "<span>Looked at ");
        iso_page_time(out, status->at_ms);
        iso_page_add(out, ", every %s</span>",
                     iso_page_duration_text(status->interval_ms, every));
    }
    iso_page_add(out, "</p></header><p id=\"trouble\" role=\"alert\"></p>");
}

/* ---- the verdict ---- */

static void verdict_sentence(struct iso_buf *out,
                             const struct iso_status_collection *collection)
{
    const struct iso_verdict *verdict = &collection->verdict;
    char text[ISO_PAGE_TEXT_MAX];
    switch (verdict->state) {
    case ISO_VERDICT_CONVERGED:
        iso_page_add(out, "All %zu regions hold the same %s.", verdict->regions,
                     verdict->values == 1 ? "value" : "data");
        return;
    case ISO_VERDICT_CONSISTENT:
        iso_page_add(out, "Whatever can be compared is equal; %s of %zu slices wait.",
                     iso_page_count_text(verdict->pending, text), verdict->slices);
        return;
    case ISO_VERDICT_PENDING:
        iso_page_add(out, "Some region has not applied all that was written.");
        return;
    case ISO_VERDICT_DIVERGED:
        iso_page_add(out, "Regions that applied the same writes hold different data.");
        return;
    case ISO_VERDICT_UNKNOWN:
        break;
    }
    iso_page_add(out, "There is no evidence, neither for nor against.");
}

/* The cut: up to where the verdict speaks. Without one in common there is no digest. */
static void verdict_cut(struct iso_buf *out, const struct iso_verdict *verdict)
{
    static const struct iso_digest none;
    char digits[ISO_DIGEST_DIGITS + 1], few[13];
    iso_digest_text(verdict->cut, digits);
    snprintf(few, sizeof few, "%.12s", digits);
    iso_page_add(out, "<div><dt>%s</dt><dd>",
                 verdict->asked ? "Up to the ends of" : "As reported at");
    iso_page_time(out, verdict->at_ms);
    iso_page_add(out, "</dd></div><div><dt>Cut</dt><dd>");
    if (iso_digest_equal(verdict->cut, none))
        iso_page_add(out, "<span class=\"none\">none in common</span>");
    else
        iso_page_add(out, "<code title=\"%s\">%s…</code>", digits, few);
    iso_page_add(out, "</dd></div>");
}

static void verdict_facts(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status_collection *collection = page->collection;
    const struct iso_verdict *verdict = &collection->verdict;
    iso_page_add(out, "<dl class=\"facts\"><div><dt>Since</dt><dd>");
    iso_page_age(page, collection->verdict_since_ms);
    iso_page_add(out, "</dd></div>");
    verdict_cut(out, verdict);
    iso_page_add(out, "<div><dt>Oldest evidence</dt><dd>");
    iso_page_duration(out, verdict->oldest_ms);
    iso_page_add(out,
                 "</dd></div><div><dt>Slices equal</dt><dd>%zu <small>of</small> %zu"
                 "</dd></div>",
                 verdict->equal, verdict->slices);
    if (verdict->diverged != 0)
        iso_page_add(out, "<div><dt>Slices diverged</dt><dd>%zu</dd></div>",
                     verdict->diverged);
    if (verdict->state == ISO_VERDICT_CONVERGED) {
        iso_page_add(out, "<div><dt>Values</dt><dd>");
        iso_page_count(out, verdict->values);
        iso_page_add(out, "</dd></div>");
    }
    iso_page_add(out, "<div><dt>Resolver</dt><dd><bdi>%s</bdi></dd></div></dl>",
                 collection->resolver);
}

/* How the pairs do, and which is worst; without its lag, since this is read aloud
 * whenever it becomes different. */
static void pairs_sum(const struct iso_page *page, const struct iso_status_pair *late)
{
    struct iso_buf *out = page->out;
    const struct iso_status_collection *collection = page->collection;
    size_t count = collection->pair_count, ok = 0;
    for (size_t i = 0; i < count; i++)
        ok += collection->pairs[i].state == ISO_LAG_OK;
    if (count == 0)
        iso_page_add(out, "<span>No pair of regions is known yet.</span>");
    else if (late == NULL)
        iso_page_add(out, "<span>All %zu pairs are ok.</span>", count);
    else
        iso_page_add(out,
                     "<span class=\"late\"><bdi>%s</bdi> → <bdi>%s</bdi> is %s.</span> "
                     "<span>%zu of %zu pairs %s not ok.</span>",
                     late->row.source, late->row.target,
                     iso_page_state_words(late->state), count - ok, count,
                     count - ok == 1 ? "is" : "are");
}

static void verdict(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_status_collection *collection = page->collection;
    enum iso_verdict_state state = collection->verdict.state;
    struct iso_page_mark mark = iso_page_mark(collection);
    iso_page_add(
        out,
        "<section id=\"verdict\" class=\"banner\" data-verdict=\"%s\" "
        "data-state=\"%s\" aria-labelledby=\"verdict-head\"><div class=\"words\">"
        "<p class=\"of\">Collection <bdi>%s</bdi></p>",
        iso_verdict_state_name(state), iso_lag_state_name(mark.state),
        collection->name);
    iso_page_add(out, "<div role=\"status\" aria-live=\"polite\" aria-atomic=\"true\" "
                      "id=\"verdict-said\"><h1 id=\"verdict-head\">");
    iso_page_shape(out, mark.shape);
    iso_page_add(out, "%s</h1><p class=\"sentence\">", iso_page_verdict_words(state));
    verdict_sentence(out, collection);
    iso_page_add(out, " ");
    pairs_sum(page, mark.late);
    iso_page_add(out, "</p></div>");
    if (collection->verdict.why[0] != '\0')
        iso_page_add(out, "<p class=\"why\"><bdi>%s</bdi></p>",
                     collection->verdict.why);
    iso_page_add(out, "</div>");
    iso_page_crust(page);
    verdict_facts(page);
    if (collection->certificate != NULL)
        iso_page_add(out,
                     "<details id=\"certificate\"><summary>Certificate</summary>"
                     "<p class=\"hint\">One line to paste: what was claimed, of what, "
                     "at which cut, by which digests.</p><pre tabindex=\"0\" "
                     "aria-label=\"Certificate\" id=\"certificate-line\">%s</pre>"
                     "<div data-keep=\"copy\" id=\"copy\"></div></details>",
                     collection->certificate);
    iso_page_add(out, "</section>");
}

/* ---- nothing to show ---- */

static void empty(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_view_page *view = page->view;
    iso_page_add(
        out,
        "<section id=\"verdict\" class=\"banner\" data-verdict=\"unknown\" "
        "data-state=\"unknown\" aria-labelledby=\"verdict-head\"><div class=\"words\">"
        "<div role=\"status\" aria-live=\"polite\" id=\"verdict-said\">"
        "<h1 id=\"verdict-head\">");
    iso_page_shape(out, "unknown");
    if (view->status == NULL)
        iso_page_add(out,
                     "Looking</h1><p class=\"sentence\">The monitor has not finished "
                     "its first look yet.</p>");
    else if (view->status->collection_count == 0)
        iso_page_add(out, "No collection yet</h1><p class=\"sentence\">Create one: "
                          "<code>isostasy collection create NAME</code></p>");
    else
        iso_page_add(out,
                     "No such collection</h1><p class=\"sentence\">There is no "
                     "collection <bdi>%s</bdi>: choose one above.</p>",
                     view->collection);
    iso_page_add(out, "</div></div></section>");
    if (view->status == NULL)
        return;
    iso_page_clusters(page);
    iso_page_letters(page);
    iso_page_events(page);
}

static void foot(const struct iso_page *page)
{
    const char *prefix = page->view->prefix;
    iso_page_add(page->out,
                 "</main><footer><ul>"
                 "<li><a href=\"%sv1/status\">status as JSON</a></li>"
                 "<li><a href=\"%smetrics\">metrics</a></li>"
                 "<li><a href=\"%sopenapi.json\">OpenAPI</a></li></ul>"
                 "<p>isostasy-monitor %s</p></footer></body></html>\n",
                 prefix, prefix, prefix, ISOSTASY_VERSION);
}

void iso_view_page(const struct iso_view_page *view, struct iso_buf *out)
{
    const struct iso_status *status = view->status;
    struct iso_page page = {.view = view, .out = out};
    page.at_ms = status == NULL ? ISO_UNKNOWN_MS : status->at_ms;
    page.collection = collection_named(view);
    page.pair = page.collection == NULL ? NULL : pair_named(&page);
    head(&page);
    iso_page_add(out,
                 "<body data-prefix=\"%s\" data-look=\"%llu\" data-interval=\"%ld\" "
                 "data-pairs=\"%zu\" data-collection=\"%s\">"
                 "<a class=\"skip\" href=\"#main\">Skip to the verdict</a>",
                 view->prefix, (unsigned long long)(status == NULL ? 0 : status->look),
                 (long)(status == NULL ? 1000 : status->interval_ms),
                 page.collection == NULL ? 0 : page.collection->pair_count,
                 page.collection == NULL ? "" : page.collection->name);
    iso_page_shapes(out);
    masthead(&page);
    iso_page_add(out, "<main id=\"main\" tabindex=\"-1\">");
    if (page.collection == NULL) {
        empty(&page);
    } else {
        verdict(&page);
        iso_page_matrix(&page);
        iso_page_pair(&page);
        iso_page_targets(&page);
        iso_page_slices(&page);
        iso_page_events(&page);
        iso_page_conflicts(&page);
        iso_page_letters(&page);
        iso_page_forgetting(&page);
        iso_page_clusters(&page);
        iso_page_legend(out);
    }
    foot(&page);
}
