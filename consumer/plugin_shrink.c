/* A counter-example for a person: the same failure with fewer siblings, then with
 * smaller seeds and plain versions. A step is kept when the case still fails, however
 * it does. Each try costs two processes; how many there are is bounded in number and in
 * time, since a plug-in that hangs makes each of them long. */
#include "consumer/plugin_state.h"

enum { TRIES_MAX = 300, SHRINK_MS = 10000, OTHERS = 3 };

/* ---- runs ---- */

void iso_plugin_run_release(struct iso_plugin_run *run)
{
    for (size_t n = 0; n < ISO_PLUGIN_SIBLINGS_MAX; n++)
        iso_buf_release(&run->values[n].bytes);
    iso_buf_release(&run->answer.bytes);
    *run = (struct iso_plugin_run){0};
}

/* Is it a value, where only values are taken? */
static enum iso_err value_check(struct iso_plugin_child *child,
                                const struct iso_plugin_got *got, const char *what,
                                struct iso_why *why)
{
    if (child->definition == NULL)
        return ISO_OK;
    enum iso_err err = iso_plugin_answer_check(child, child->definition,
                                               iso_buf_bytes(&got->bytes), why);
    if (err == ISO_OK)
        return ISO_OK;
    iso_fail_at(why, err, "%s", what);
    return ISO_REFUSED;
}

static enum iso_err values_check(struct iso_plugin_child *child,
                                 const struct iso_plugin_run *run, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t n = 0; err == ISO_OK && n < run->count; n++)
        err = value_check(child, &run->values[n], "generate", why);
    return err;
}

enum iso_err iso_plugin_run(struct iso_plugin_child *child,
                            const struct iso_plugin_case *asked,
                            struct iso_plugin_run *run, struct iso_why *why)
{
    struct iso_plugin_given given[ISO_PLUGIN_SIBLINGS_MAX];
    uint64_t seeds[ISO_PLUGIN_SIBLINGS_MAX];
    iso_buf_clear(&run->answer.bytes);
    run->answer.number = 0;
    run->count = asked->count;
    for (size_t n = 0; n < asked->count; n++)
        seeds[n] = asked->siblings[n].seed;
    enum iso_err err =
        iso_plugin_child_generate(child, seeds, asked->count, run->values, why);
    if (err != ISO_OK) {
        iso_fail_at(why, err, "generate");
        return err == ISO_BAD_DATA ? ISO_REFUSED : err;
    }
    err = values_check(child, run, why);
    if (err != ISO_OK)
        return err;
    for (size_t n = 0; n < asked->count; n++)
        given[n] = (struct iso_plugin_given){asked->siblings[n].version,
                                             iso_buf_bytes(&run->values[n].bytes)};
    err = iso_plugin_child_merge(child, given, asked->count, &run->answer, why);
    if (err == ISO_BAD_DATA) /* to have no answer is one, while it stays that */
        return ISO_OK;
    if (err == ISO_OK)
        return value_check(child, &run->answer, "merge", why);
    iso_fail_at(why, err, "merge");
    return err;
}

static bool got_equal(const struct iso_plugin_got *a, const struct iso_plugin_got *b)
{
    return a->number == b->number &&
           iso_bytes_equal(iso_buf_bytes(&a->bytes), iso_buf_bytes(&b->bytes));
}

enum iso_err iso_plugin_runs_compare(const struct iso_plugin_run *a,
                                     const struct iso_plugin_run *b, const char *when,
                                     struct iso_why *why)
{
    const char *what = NULL;
    for (size_t n = 0; what == NULL && n < a->count; n++)
        if (!got_equal(&a->values[n], &b->values[n]))
            what = "generate gives another value of the same seed";
    if (what == NULL && !got_equal(&a->answer, &b->answer))
        what = "merge gives another answer to the same siblings";
    return what == NULL ? ISO_OK : iso_fail(why, ISO_REFUSED, "%s %s", what, when);
}

/* ---- one case by itself ---- */

static void report_fill(struct iso_plugin_report *report,
                        const struct iso_plugin_case *tried,
                        const struct iso_plugin_run runs[2], size_t given)
{
    report->count = tried->count;
    for (size_t n = 0; n < tried->count; n++) {
        report->siblings[n].seed = tried->siblings[n].seed;
        report->siblings[n].version = tried->siblings[n].version;
        iso_buf_clear(&report->siblings[n].value);
        iso_buf_add_bytes(&report->siblings[n].value,
                          iso_buf_bytes(&runs[0].values[n].bytes));
    }
    report->given = given;
    for (size_t n = 0; n < 2; n++) {
        iso_buf_clear(&report->shown[n]);
        if (given > 0)
            iso_buf_add_bytes(&report->shown[n], iso_buf_bytes(&runs[n].answer.bytes));
    }
}

/* Asks something else, of which only that it was asked matters: a plug-in that fails on
 * that goes on in another process. ISO_OK but for this machine's own failures. */
static enum iso_err ask_others(struct iso_plugin_child *child,
                               struct iso_plugin_run *run, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t n = 0; err == ISO_OK && n < OTHERS; n++) {
        struct iso_plugin_case other = {.count = n + 1};
        for (size_t i = 0; i <= n; i++) {
            other.siblings[i].seed = 7 * n + i;
            other.siblings[i].version = (struct iso_version){i + 1, 1};
        }
        err = iso_plugin_run(child, &other, run, why);
    }
    return iso_plugin_failed(err) ? ISO_OK : err;
}

/* The runs after the first, each compared with it. */
static enum iso_err runs_try(struct iso_plugin_child *child,
                             const struct iso_plugin_case *tried,
                             struct iso_plugin_run runs[2], struct iso_why *why)
{
    static const char *const when[] = {"when it is asked again",
                                       "after other questions", "in another process"};
    enum iso_err err = ISO_OK;
    for (size_t n = 0; err == ISO_OK && n < 3; n++) {
        if (n == 1)
            err = ask_others(child, &runs[1], why);
        if (n == 2)
            iso_plugin_child_stop(child);
        if (err == ISO_OK)
            err = iso_plugin_run(child, tried, &runs[1], why);
        if (err == ISO_OK)
            err = iso_plugin_runs_compare(&runs[0], &runs[1], when[n], why);
    }
    return err;
}

enum iso_err iso_plugin_try(struct iso_plugin_child *child,
                            const struct iso_plugin_case *tried,
                            struct iso_plugin_report *report, struct iso_why *why)
{
    struct iso_plugin_run runs[2] = {0};
    iso_plugin_child_stop(child);
    enum iso_err err = iso_plugin_run(child, tried, &runs[0], why);
    if (err == ISO_OK)
        err = runs_try(child, tried, runs, why);
    bool differ = err == ISO_REFUSED && !got_equal(&runs[0].answer, &runs[1].answer);
    if (iso_plugin_failed(err))
        report_fill(report, tried, runs, differ ? 2 : 0);
    for (size_t n = 0; n < 2; n++)
        iso_plugin_run_release(&runs[n]);
    return err;
}

/* ---- smaller ones ---- */

struct shrink {
    struct iso_plugin_child *child;
    struct iso_plugin_report *report;
    struct iso_plugin_case least; /* that fails */
    enum iso_err err;             /* how it does */
    struct iso_why *why;
    int tries;
    int64_t until_ms;
};

/* Keeps `smaller` when it fails too. */
static bool shrink_to(struct shrink *shrink, const struct iso_plugin_case *smaller)
{
    struct iso_why why = {0};
    if (shrink->tries++ >= TRIES_MAX ||
        iso_steady_ms(&iso_clock_machine) > shrink->until_ms)
        return false;
    enum iso_err err = iso_plugin_try(shrink->child, smaller, shrink->report, &why);
    if (!iso_plugin_failed(err))
        return false;
    shrink->least = *smaller;
    shrink->err = err;
    *shrink->why = why;
    return true;
}

static struct iso_plugin_case without(const struct iso_plugin_case *from, size_t at)
{
    struct iso_plugin_case smaller = *from;
    smaller.count--;
    for (size_t n = at; n < smaller.count; n++)
        smaller.siblings[n] = from->siblings[n + 1];
    return smaller;
}

static void shrink_count(struct shrink *shrink)
{
    bool shrunk = true;
    while (shrunk && shrink->least.count > 1) {
        shrunk = false;
        for (size_t n = shrink->least.count; !shrunk && n-- > 0;) {
            struct iso_plugin_case smaller = without(&shrink->least, n);
            shrunk = shrink_to(shrink, &smaller);
        }
    }
}

static void shrink_versions(struct shrink *shrink)
{
    struct iso_plugin_case plain = shrink->least;
    for (size_t n = 0; n < plain.count; n++)
        plain.siblings[n].version = (struct iso_version){n + 1, 1};
    shrink_to(shrink, &plain);
}

/* The smallest seeds first, then half of it as often as that goes. */
static void shrink_seed(struct shrink *shrink, size_t at)
{
    struct iso_plugin_case smaller = shrink->least;
    uint64_t was = smaller.siblings[at].seed;
    for (uint64_t seed = 0; seed < 16 && seed < was; seed++) {
        smaller.siblings[at].seed = seed;
        if (shrink_to(shrink, &smaller))
            return;
    }
    for (bool shrunk = true; shrunk && shrink->least.siblings[at].seed > 16;) {
        smaller.siblings[at].seed = shrink->least.siblings[at].seed / 2;
        shrunk = shrink_to(shrink, &smaller);
    }
}

enum iso_err iso_plugin_shrink(struct iso_plugin_child *child,
                               const struct iso_plugin_case *found,
                               struct iso_plugin_report *report, struct iso_why *why)
{
    struct shrink shrink = {.child = child,
                            .report = report,
                            .why = why,
                            .until_ms = iso_steady_ms(&iso_clock_machine) + SHRINK_MS};
    if (!shrink_to(&shrink, found))
        return ISO_OK;
    shrink_count(&shrink);
    shrink_versions(&shrink);
    for (size_t n = 0; n < shrink.least.count; n++)
        shrink_seed(&shrink, n);
    return shrink.err;
}
