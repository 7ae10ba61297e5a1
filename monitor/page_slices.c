/* The partitions that are not the same in all regions: those that diverged first. The
 * section stands there when all are equal, too, and says so. Nothing here can fail. */
#include "monitor/page.h"

static enum iso_lag_state colour_of(enum iso_verdict_state state)
{
    switch (state) {
    case ISO_VERDICT_DIVERGED:
        return ISO_LAG_DIVERGED;
    case ISO_VERDICT_PENDING:
    case ISO_VERDICT_CONSISTENT:
        return ISO_LAG_CATCHING_UP;
    case ISO_VERDICT_CONVERGED:
        return ISO_LAG_OK;
    case ISO_VERDICT_UNKNOWN:
        break;
    }
    return ISO_LAG_UNKNOWN;
}

static void slice_row(struct iso_buf *out, const struct iso_verdict_slice *slice)
{
    const char *colour = iso_lag_state_name(colour_of(slice->state));
    iso_page_add(out,
                 "<tr><th scope=\"row\" class=\"n\">%u</th><td><span class=\"state\" "
                 "data-state=\"%s\">",
                 (unsigned)slice->partition, colour);
    iso_page_shape(out, colour);
    iso_page_add(
        out, "<span>%s</span></span></td><td class=\"wide\"><bdi>%s</bdi></td></tr>",
        iso_verdict_state_name(slice->state), slice->why);
}

void iso_page_slices(const struct iso_page *page)
{
    struct iso_buf *out = page->out;
    const struct iso_verdict *verdict = &page->collection->verdict;
    size_t all = verdict->diverged + verdict->pending;
    iso_page_add(out, "<section id=\"slices\" aria-labelledby=\"slices-head\">"
                      "<h2 id=\"slices-head\">Partitions that are not equal</h2>");
    if (all == 0) {
        iso_page_add(out, "<p class=\"empty\">%s</p></section>",
                     verdict->slices == 0 ? "Nothing was compared yet."
                                          : "All are the same in all regions.");
        return;
    }
    iso_page_add(out,
                 "<p class=\"hint\">%zu of %zu diverged, %zu cannot be compared, or "
                 "have not applied the same writes yet.%s</p>",
                 verdict->diverged, verdict->slices, verdict->pending,
                 all > verdict->unequal_count ? " The first of them:" : "");
    iso_page_table(out, "Partitions that are not equal", "#Partition|Is|Why");
    for (size_t i = 0; i < verdict->unequal_count; i++)
        slice_row(out, &verdict->unequal[i]);
    iso_page_table_end(out);
    iso_page_add(out, "</section>");
}
