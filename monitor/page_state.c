/* States and verdicts as words and shapes. Each state has a shape of its own, so that
 * the page reads without colour, and in a print. */
#include "monitor/page.h"

static const struct page_state {
    const char *words, *meaning, *drawing;
} page_states[ISO_LAG_STATES] = {
    [ISO_LAG_UNKNOWN] =
        {"unknown",
         "There is no report of it, or the ends of its logs could not be read.",
         "<circle cx=\"8\" cy=\"8\" r=\"6\" fill=\"none\" stroke=\"currentColor\" "
         "stroke-width=\"2\" stroke-dasharray=\"2.6 2.1\"/>"},
    [ISO_LAG_OK] =
        {"ok", "Nothing waits, or what waits is young.",
         "<circle cx=\"8\" cy=\"8\" r=\"7\"/>"
         "<path d=\"M4.6 8.3l2.3 2.3 4.5-4.8\" fill=\"none\" class=\"cut\"/>"},
    [ISO_LAG_CATCHING_UP] = {"catching up", "Late, and what waits becomes less.",
                             "<path d=\"M8 1l6.5 6.5H11L8 4.6 5 7.5H1.5z\"/>"
                             "<path d=\"M8 7.5l6.5 6.5H11L8 11.1 5 14H1.5z\"/>"},
    [ISO_LAG_LAGGING] = {"lagging", "Late, and it does not become less.",
                         "<path d=\"M1 3h14L8 15z\"/>"},
    [ISO_LAG_STALLED] =
        {"stalled", "Late; the daemon is heard, and nothing moves, or not all of it.",
         "<path d=\"M3 2h3.6v12H3zM9.4 2H13v12H9.4z\"/>"},
    [ISO_LAG_STOPPED] = {"stopped", "Its daemon closed, or is not heard any more.",
                         "<path d=\"M2 2h12v12H2z\"/>"},
    [ISO_LAG_PARKED] = {"parked", "Its daemon parked or stopped a slice, and says why.",
                        "<path d=\"M3 1h6a4.5 4.5 0 0 1 0 9H6v5H3zM6 4v3h3a1.5 1.5 "
                        "0 0 0 0-3z\" fill-rule=\"evenodd\"/>"},
    [ISO_LAG_REWOUND] = {"rewound", "It stands before a place that it had reached.",
                         "<path d=\"M8 2v12L1 8zM15 2v12L8 8z\"/>"},
    [ISO_LAG_LOST] = {"lost", "The log begins behind it: records are gone for it.",
                      "<path d=\"M3.5 1.4L8 5.9l4.5-4.5 2.1 2.1L10.1 8l4.5 "
                      "4.5-2.1 2.1L8 10.1l-4.5 4.5-2.1-2.1L5.9 8 1.4 "
                      "3.5z\"/>"},
    [ISO_LAG_DIVERGED] = {"diverged", "It holds other data at the same vector.",
                          "<path d=\"M8 0l8 8-8 8-8-8z\"/>"
                          "<path d=\"M4.8 6.3h6.4M4.8 9.7h6.400M9.7 4L6.3 "
                          "12\" fill=\"none\" class=\"cut\"/>"},
};

static const struct page_verdict {
    const char *words, *shape;
    enum iso_lag_state state; /* whose colour it has */
} page_verdicts[] = {
    [ISO_VERDICT_UNKNOWN] = {"Unknown", "unknown", ISO_LAG_UNKNOWN},
    [ISO_VERDICT_PENDING] = {"Not there yet", "catching_up", ISO_LAG_CATCHING_UP},
    [ISO_VERDICT_CONSISTENT] = {"Consistent so far", "consistent", ISO_LAG_OK},
    [ISO_VERDICT_CONVERGED] = {"Converged", "ok", ISO_LAG_OK},
    [ISO_VERDICT_DIVERGED] = {"Diverged", "diverged", ISO_LAG_DIVERGED},
};

const char *iso_page_state_words(enum iso_lag_state state)
{
    return page_states[state].words;
}

const char *iso_page_state_meaning(enum iso_lag_state state)
{
    return page_states[state].meaning;
}

const char *iso_page_verdict_words(enum iso_verdict_state state)
{
    return page_verdicts[state].words;
}

void iso_page_shape(struct iso_buf *out, const char *name)
{
    iso_page_add(out,
                 "<svg class=\"shape\" aria-hidden=\"true\" focusable=\"false\">"
                 "<use href=\"#is-%s\"/></svg>",
                 name);
}

void iso_page_state(struct iso_buf *out, enum iso_lag_state state)
{
    iso_page_add(out, "<span class=\"state\" data-state=\"%s\">",
                 iso_lag_state_name(state));
    iso_page_shape(out, iso_lag_state_name(state));
    iso_page_add(out, "<span>%s</span></span>", page_states[state].words);
}

struct iso_page_mark iso_page_mark(const struct iso_status_collection *collection)
{
    enum iso_verdict_state verdict = collection->verdict.state;
    const struct iso_status_pair *worst = iso_page_worst(collection);
    struct iso_page_mark mark = {.state = page_verdicts[verdict].state,
                                 .shape = page_verdicts[verdict].shape};
    if (worst == NULL || worst->state == ISO_LAG_OK)
        return mark;
    mark.late = worst;
    if (verdict != ISO_VERDICT_DIVERGED) {
        mark.state = worst->state;
        mark.shape = iso_lag_state_name(worst->state);
    }
    return mark;
}

void iso_page_shapes(struct iso_buf *out)
{
    iso_page_add(out, "<svg class=\"shapes\" aria-hidden=\"true\" focusable=\"false\" "
                      "width=\"0\" height=\"0\">");
    for (int n = 0; n < ISO_LAG_STATES; n++) {
        enum iso_lag_state state = (enum iso_lag_state)n;
        iso_page_add(out, "<symbol id=\"is-%s\" viewBox=\"0 0 16 16\">",
                     iso_lag_state_name(state));
        iso_buf_add(out, page_states[state].drawing,
                    strlen(page_states[state].drawing));
        iso_page_add(out, "</symbol>");
    }
    iso_page_add(out, "<symbol id=\"is-consistent\" viewBox=\"0 0 16 16\">"
                      "<circle cx=\"8\" cy=\"8\" r=\"6\" fill=\"none\" "
                      "stroke=\"currentColor\" stroke-width=\"2\"/>"
                      "<path d=\"M4.8 8.3l2.3 2.3 4.2-4.5\" fill=\"none\" "
                      "stroke=\"currentColor\" stroke-width=\"1.8\"/></symbol></svg>");
}

void iso_page_legend(struct iso_buf *out)
{
    iso_page_add(out, "<section id=\"legend\" aria-labelledby=\"legend-head\">"
                      "<h2 id=\"legend-head\">What the states mean</h2><dl>");
    for (int n = 0; n < ISO_LAG_STATES; n++) {
        enum iso_lag_state state = (enum iso_lag_state)n;
        iso_page_add(out, "<div><dt>");
        iso_page_state(out, state);
        iso_page_add(out, "</dt><dd>%s</dd></div>", page_states[state].meaning);
    }
    iso_page_add(out, "</dl></section>");
}
