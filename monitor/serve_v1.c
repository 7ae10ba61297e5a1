/* /v1: finds what a request names in the newest status, and answers with its view.
 *
 * What is named and not there is 404, what cannot be meant is 400; both say what there
 * is. A pair in no collection that was named is that of the first collection that has
 * it, by name.
 */
#include "monitor/serve_v1.h"
#include "base/mem.h"
#include "monitor/view_parts.h"

enum { NAMES_MAX = 50 }; /* of what there is, in a problem */

/* ---- what there is ---- */

static void name_add(struct iso_buf *names, size_t *count, const char *name)
{
    if (*count < NAMES_MAX)
        iso_buf_print(names, "%s%s", *count > 0 ? ", " : "", name);
    else if (*count == NAMES_MAX)
        iso_buf_print(names, ", …");
    ++*count;
}

static void problem_collection(const struct iso_status *status, const char *name,
                               struct iso_http_answer *answer)
{
    struct iso_buf names = {0};
    size_t count = 0;
    for (size_t i = 0; i < status->collection_count; i++)
        name_add(&names, &count, status->collections[i].name);
    iso_http_problem(answer, 404, "No such collection",
                     "there is no collection \"%s\"; there %s %s", name,
                     count == 1 ? "is" : "are",
                     count == 0 ? "none: `isostasy collection create` makes one"
                                : iso_buf_text(&names));
    iso_buf_release(&names);
}

static void problem_pair(const struct iso_status *status, const char *collection,
                         const char *source, const char *target,
                         struct iso_http_answer *answer)
{
    struct iso_buf names = {0};
    size_t count = 0;
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *at = &status->collections[i];
        if (collection != NULL && strcmp(at->name, collection) != 0)
            continue;
        for (size_t k = 0; k < at->region_count; k++)
            name_add(&names, &count, at->regions[k].region);
        if (count > 0)
            break; /* of one collection is enough to try again */
    }
    iso_http_problem(
        answer, 404, "No such pair",
        "no collection%s%s has the pair from \"%s\" to \"%s\"; a pair is of two of its "
        "regions: %s",
        collection != NULL ? " " : "", collection != NULL ? collection : "", source,
        target, count == 0 ? "there are none yet" : iso_buf_text(&names));
    iso_buf_release(&names);
}

/* ---- what a request names ---- */

/* False: it names a collection that is not there, which was answered. */
static bool wants_collection(const struct iso_status *status,
                             const struct iso_http_request *request,
                             const char **collection, struct iso_http_answer *answer)
{
    *collection = iso_http_query(request, "collection");
    if (*collection == NULL || iso_status_collection(status, *collection) != NULL)
        return true;
    problem_collection(status, *collection, answer);
    return false;
}

static const struct iso_status_pair *wants_pair(const struct iso_status *status,
                                                const struct iso_http_request *request,
                                                struct iso_http_answer *answer)
{
    const char *collection;
    if (!wants_collection(status, request, &collection, answer))
        return NULL;
    const char *source = request->parts[0], *target = request->parts[1];
    const struct iso_status_pair *pair =
        iso_status_pair(status, collection, source, target);
    if (pair == NULL)
        problem_pair(status, collection, source, target, answer);
    return pair;
}

/* ---- status ---- */

static void status_render(struct iso_serve *serve, enum serve_text which,
                          const struct iso_status *status, struct iso_buf *out)
{
    (void)serve;
    (void)which;
    iso_view_write(iso_view_status(status), out);
}

void iso_serve_v1_status(void *user, const struct iso_http_request *request,
                         struct iso_http_answer *answer)
{
    (void)request;
    const struct iso_status *status = iso_serve_status(user, answer);
    if (status == NULL)
        return;
    iso_serve_copy(user, SERVE_STATUS, status, status_render, answer);
    iso_serve_release(user, status);
}

/* ---- pairs ---- */

/* False: it names a state that there is not. *state: -1: any. */
static bool wants_state(const struct iso_http_request *request, int *state,
                        struct iso_http_answer *answer)
{
    const char *name = iso_http_query(request, "state");
    struct iso_buf names = {0};
    size_t count = 0;
    *state = -1;
    for (int i = 0; name != NULL && i < ISO_LAG_STATES; i++) {
        const char *known = iso_lag_state_name((enum iso_lag_state)i);
        name_add(&names, &count, known);
        if (strcmp(known, name) == 0)
            *state = i;
    }
    bool fine = name == NULL || *state >= 0;
    if (!fine)
        iso_http_problem(answer, 400, "No such state", "\"%s\" is none of %s", name,
                         iso_buf_text(&names));
    iso_buf_release(&names);
    return fine;
}

static void pairs_write(const struct iso_status *status, const char *collection,
                        int state, struct iso_buf *out)
{
    json_t *object = json_object(), *pairs = json_array();
    for (size_t i = 0; i < status->collection_count; i++) {
        const struct iso_status_collection *at = &status->collections[i];
        if (collection != NULL && strcmp(at->name, collection) != 0)
            continue;
        for (size_t k = 0; k < at->pair_count; k++) {
            if (state < 0 || (int)at->pairs[k].state == state)
                json_array_append_new(pairs, iso_view_pair_short(&at->pairs[k]));
        }
    }
    iso_view_put_ms(object, "at_ms", status->at_ms);
    iso_view_put(object, "pairs", pairs);
    iso_view_write(object, out);
}

void iso_serve_v1_pairs(void *user, const struct iso_http_request *request,
                        struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    const char *collection;
    int state;
    if (status == NULL)
        return;
    if (wants_collection(status, request, &collection, answer) &&
        wants_state(request, &state, answer))
        pairs_write(status, collection, state, &answer->body);
    iso_serve_release(user, status);
}

void iso_serve_v1_pair(void *user, const struct iso_http_request *request,
                       struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    if (status == NULL)
        return;
    const struct iso_status_pair *pair = wants_pair(status, request, answer);
    if (pair != NULL) {
        json_t *object = iso_view_pair(pair);
        iso_view_put_ms(object, "at_ms", status->at_ms);
        iso_view_write(object, &answer->body);
    }
    iso_serve_release(user, status);
}

void iso_serve_v1_explain(void *user, const struct iso_http_request *request,
                          struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    if (status == NULL)
        return;
    const struct iso_status_pair *pair = wants_pair(status, request, answer);
    if (pair != NULL)
        iso_view_write(iso_view_explain(status, pair), &answer->body);
    iso_serve_release(user, status);
}

static void history_write(struct iso_serve *serve, const struct iso_status_pair *pair,
                          bool coarse, struct iso_buf *out)
{
    const struct iso_lag_row *row = &pair->row;
    size_t max = coarse ? ISO_SAMPLES_COARSE : ISO_SAMPLES_FINE;
    struct iso_sample *samples = iso_alloc_zero(max, sizeof *samples);
    const struct iso_watch_pair names = {row->collection, row->source, row->target};
    size_t count =
        iso_watch_samples(serve->options->watch, &names,
                          coarse ? ISO_TREND_COARSE : ISO_TREND_FINE, samples, max);
    json_t *object = json_object();
    iso_view_put_text(object, "collection", row->collection);
    iso_view_put_text(object, "source_region", row->source);
    iso_view_put_text(object, "target_region", row->target);
    iso_view_put_text(object, "trend", coarse ? "coarse" : "fine");
    iso_view_put(object, "samples", iso_view_trend(samples, count));
    iso_view_write(object, out);
    iso_free(samples);
}

void iso_serve_v1_history(void *user, const struct iso_http_request *request,
                          struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    if (status == NULL)
        return;
    const struct iso_status_pair *pair = wants_pair(status, request, answer);
    const char *trend = iso_http_query(request, "trend");
    bool coarse = trend != NULL && strcmp(trend, "coarse") == 0;
    if (pair != NULL && trend != NULL && !coarse && strcmp(trend, "fine") != 0)
        iso_http_problem(answer, 400, "No such trend",
                         "\"%s\" is none: there are fine (every look of the last five "
                         "minutes) and coarse (the worst of each minute of six hours)",
                         trend);
    else if (pair != NULL)
        history_write(user, pair, coarse, &answer->body);
    iso_serve_release(user, status);
}

/* ---- lists over all collections ---- */

void iso_serve_v1_convergence(void *user, const struct iso_http_request *request,
                              struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    const char *collection;
    if (status == NULL)
        return;
    if (wants_collection(status, request, &collection, answer))
        iso_view_write(collection == NULL ? iso_view_convergence(status)
                                          : iso_view_verdict(iso_status_collection(
                                                status, collection)),
                       &answer->body);
    iso_serve_release(user, status);
}

static void answer_view(void *user, json_t *(*view)(const struct iso_status *status),
                        struct iso_http_answer *answer)
{
    const struct iso_status *status = iso_serve_status(user, answer);
    if (status == NULL)
        return;
    iso_view_write(view(status), &answer->body);
    iso_serve_release(user, status);
}

void iso_serve_v1_conflicts(void *user, const struct iso_http_request *request,
                            struct iso_http_answer *answer)
{
    (void)request;
    answer_view(user, iso_view_conflicts, answer);
}

void iso_serve_v1_dead_letters(void *user, const struct iso_http_request *request,
                               struct iso_http_answer *answer)
{
    (void)request;
    answer_view(user, iso_view_dead_letters, answer);
}
