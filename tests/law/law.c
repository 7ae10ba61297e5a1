/* Regions of the law test: they apply, forget, and are compared with the model. */
#include "tests/law/law.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

static const struct iso_bytes law_key = {.data = (const uint8_t *)"key", .size = 3};

/* ---- cases */

struct iso_coming *law_case_add(struct law_case *law, const struct iso_coming *write)
{
    size_t n = law->count++;
    iso_assert(n < LAW_WRITES_MAX && write->read.count <= LAW_NAMES_MAX);
    struct iso_coming *added = &law->writes[n];
    *added = *write;
    added->key = law_key;
    added->offset = 0;
    for (size_t i = 0; i < n; i++)
        added->offset += law->writes[i].log == write->log;
    if (write->read.count > 0)
        memcpy(law->names[n], write->read.data, write->read.count * ISO_VERSION_SIZE);
    added->read.data = law->names[n];
    return added;
}

bool law_before(const struct law_case *law, const struct iso_coming *a,
                const struct iso_coming *b)
{
    return (a->log == b->log && a->offset < b->offset) || law->succeeds[b->log][a->log];
}

bool law_read(const struct iso_coming *write, struct iso_version version)
{
    for (size_t n = 0; !write->blind && n < write->read.count; n++)
        if (iso_version_equal(iso_names_at(write->read, n), version))
            return true;
    return false;
}

/* ---- the ledger of a region, and the port to it */

static size_t law_row_find(const struct law_region *region, struct iso_version version)
{
    size_t n = 0;
    while (n < region->row_count &&
           !iso_version_equal(region->rows[n].version, version))
        n++;
    return n;
}

static enum iso_err law_ledger_enter(void *self, const struct iso_loser *loser,
                                     struct iso_why *why)
{
    (void)why;
    struct law_region *region = self;
    iso_assert(region->row_count < LAW_ROWS_MAX && loser->value.size <= LAW_VALUE_MAX);
    if (law_row_find(region, loser->version) < region->row_count)
        region->broken = "a version entered the ledger twice";
    struct law_row *row = &region->rows[region->row_count++];
    *row = (struct law_row){.version = loser->version,
                            .rule = loser->rule,
                            .log = loser->log,
                            .offset = loser->offset,
                            .size = loser->value.size};
    if (row->size > 0)
        memcpy(row->value, loser->value.data, row->size);
    return ISO_OK;
}

static enum iso_err law_ledger_leave(void *self, struct iso_bytes field,
                                     struct iso_version version, bool *left,
                                     struct iso_why *why)
{
    (void)field, (void)why;
    struct law_region *region = self;
    size_t n = law_row_find(region, version);
    *left = n < region->row_count;
    if (*left)
        region->rows[n] = region->rows[--region->row_count];
    return ISO_OK;
}

static bool law_ledger_succeeds(void *self, uint16_t log, uint16_t older)
{
    const struct law_region *region = self;
    return region->law->succeeds[log][older];
}

/* `version` carries the region; a planted mistake moves its hlc. */
static enum iso_err law_ledger_leave_older(void *self, struct iso_bytes field,
                                           struct iso_version version, uint16_t log,
                                           uint32_t *left, struct iso_why *why)
{
    (void)field, (void)why;
    struct law_region *region = self;
    *left = 0;
    for (size_t n = 0; n < region->row_count;) {
        const struct law_row *row = &region->rows[n];
        bool reached = row->log == log || law_ledger_succeeds(self, log, row->log);
        if (reached && iso_version_compare(row->version, version) < 0 &&
            iso_node_region(row->version.node) == iso_node_region(version.node)) {
            region->rows[n] = region->rows[--region->row_count];
            ++*left;
        } else {
            n++;
        }
    }
    return ISO_OK;
}

/* ---- regions */

void law_region_reset(struct law_region *region, const struct law_options *options,
                      const struct law_case *law)
{
    struct iso_merged merged = region->merged;
    struct iso_buf row = region->row;
    iso_buf_clear(&row);
    memset(region, 0, offsetof(struct law_region, rows));
    region->row_count = 0;
    memset(region->applied, 0, sizeof region->applied);
    region->swept_ms = 0;
    region->broken = NULL;
    region->merged = merged;
    region->row = row;
    region->law = law;
    region->resolver = options->resolver;
    region->model = options->model;
}

void law_region_release(struct law_region *region)
{
    iso_merged_release(&region->merged);
    iso_buf_release(&region->row);
}

static bool log_is_applied(const struct law_region *region, uint16_t log)
{
    for (size_t n = 0; n < region->law->count; n++)
        if (region->law->writes[n].log == log && !region->applied[n])
            return false;
    return true;
}

size_t law_region_next(const struct law_region *region, uint16_t log)
{
    for (uint16_t older = 1; older <= LAW_LOGS_MAX; older++)
        if (region->law->succeeds[log][older] && !log_is_applied(region, older))
            return LAW_WRITES_MAX;
    for (size_t n = 0; n < region->law->count; n++)
        if (region->law->writes[n].log == log && !region->applied[n])
            return n;
    return LAW_WRITES_MAX;
}

static bool tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

/* `region->row` is still the row before. */
static void merged_check(struct law_region *region)
{
    const struct iso_merged *merged = &region->merged;
    struct iso_bytes before = iso_buf_bytes(&region->row);
    struct iso_bytes after = merged->changed ? iso_buf_bytes(&merged->row) : before;
    uint32_t counted;
    struct iso_tally was = region->tally;
    region->tally = region->model->tally(law_key, after, &counted);
    if (merged->changed && iso_bytes_equal(before, after))
        region->broken = "`changed` is said of a row that did not change";
    else if (!tally_equal(&was, &merged->was) ||
             !tally_equal(&region->tally, &merged->is))
        region->broken = "`was` or `is` is not the tally of the row";
    else if (counted != region->row_count)
        region->broken = "the row does not count its ledger rows";
    else if (merged->alarm)
        region->broken = "an alarm without two writes of one version";
}

static void applied_count(const struct law_region *region, size_t write,
                          struct law_report *report)
{
    const struct iso_coming *w = &region->law->writes[write];
    bool is_dead = false;
    report->merges++;
    for (size_t n = 0; n < region->law->count; n++)
        is_dead |= region->applied[n] &&
                   region->model->child(region->law, w, &region->law->writes[n]);
    report->dead += is_dead && w->operation == ISO_PUT && !w->has_expiry;
}

void law_region_apply(struct law_region *region, size_t write,
                      struct law_report *report)
{
    struct iso_ledger ledger = {.self = region,
                                .enter = law_ledger_enter,
                                .leave = law_ledger_leave,
                                .leave_older = law_ledger_leave_older,
                                .succeeds = law_ledger_succeeds};
    struct iso_merge merge = {.held = iso_buf_bytes(&region->row),
                              .coming = &region->law->writes[write],
                              .ledger = &ledger,
                              .swept_ms = region->swept_ms};
    struct iso_why why = {0};
    applied_count(region, write, report);
    region->applied[write] = true;
    if (region->broken != NULL)
        return;
    if (region->resolver->merge(&merge, &region->merged, &why) != ISO_OK) {
        region->broken = "a merge failed";
        return;
    }
    merged_check(region);
    if (!region->merged.changed)
        return;
    struct iso_buf old = region->row;
    region->row = region->merged.row;
    region->merged.row = old;
}

void law_region_sweep(struct law_region *region, int64_t swept_ms)
{
    uint32_t marks = 0;
    if (swept_ms <= region->swept_ms || region->broken != NULL)
        return;
    region->swept_ms = swept_ms;
    for (size_t n = 0; n < region->row_count;) {
        const struct law_row *row = &region->rows[n];
        if (row->rule == ISO_LOSER_NAME && iso_hlc_ms(row->version.hlc) < swept_ms) {
            region->rows[n] = region->rows[--region->row_count];
            marks++;
        } else {
            n++;
        }
    }
    uint32_t counted;
    if (region->row.size > 0)
        region->model->sweep(law_key, swept_ms, marks, &region->row);
    region->tally =
        region->model->tally(law_key, iso_buf_bytes(&region->row), &counted);
    if (counted != region->row_count)
        region->broken = "the row does not count its ledger rows";
}

/* ---- the end */

static bool shown_is(struct law_region *region, const struct iso_coming *held,
                     int64_t now_ms)
{
    struct iso_shown shown;
    struct iso_version none = {0};
    if (region->resolver->show(law_key, iso_buf_bytes(&region->row), now_ms,
                               &region->merged.scratch, &shown, NULL) != ISO_OK)
        return false;
    if (held == NULL)
        return !shown.found && shown.context.count == 0 && shown.hlc == 0 &&
               iso_version_equal(shown.version, none);
    bool found =
        held->operation == ISO_PUT && (!held->has_expiry || held->expiry_ms > now_ms);
    return shown.found == found && iso_version_equal(shown.version, held->version) &&
           shown.hlc == held->version.hlc && shown.context.count == 1 &&
           iso_version_equal(iso_names_at(shown.context, 0), held->version) &&
           (!found || (iso_bytes_equal(shown.value, held->value) &&
                       shown.has_expiry == held->has_expiry &&
                       (!held->has_expiry || shown.expiry_ms == held->expiry_ms)));
}

static bool ledger_is(const struct law_region *region, const bool *lost)
{
    size_t expected = 0, losers = 0;
    for (size_t n = 0; n < region->row_count; n++)
        losers += region->rows[n].rule != ISO_LOSER_NAME;
    for (size_t n = 0; n < region->law->count; n++) {
        const struct iso_coming *w = &region->law->writes[n];
        if (!lost[n])
            continue;
        expected++;
        size_t at = law_row_find(region, w->version);
        const struct law_row *row = &region->rows[at];
        if (at == region->row_count || row->rule == ISO_LOSER_NAME ||
            row->log != w->log || row->offset != w->offset ||
            !iso_bytes_equal(iso_bytes(row->value, row->size), w->value))
            return false;
    }
    return losers == expected;
}

static void report_case(const struct law_region *region, struct law_report *report)
{
    struct iso_buf text = {0};
    iso_buf_print(&text, "%s\n", region->broken);
    for (size_t n = 0; n < region->law->count; n++) {
        const struct iso_coming *w = &region->law->writes[n];
        iso_buf_print(&text, "  log %u: %s '%.*s' @%" PRId64 ".%u region %u.%" PRIu64,
                      (unsigned)w->log, iso_operation_name(w->operation),
                      (int)w->value.size, (const char *)w->value.data,
                      iso_hlc_ms(w->version.hlc), (unsigned)(w->version.hlc & 0xffff),
                      iso_node_region(w->version.node), w->version.node & 0xffff);
        if (w->has_expiry)
            iso_buf_print(&text, " until %" PRId64, w->expiry_ms);
        iso_buf_print(&text, w->blind ? " blind" : " read");
        for (size_t i = 0; !w->blind && i < w->read.count; i++)
            iso_buf_print(&text, " %" PRId64 ".%u/%u",
                          iso_hlc_ms(iso_names_at(w->read, i).hlc),
                          (unsigned)(iso_names_at(w->read, i).hlc & 0xffff),
                          iso_node_region(iso_names_at(w->read, i).node));
        iso_buf_print(&text, "\n");
    }
    snprintf(report->text, sizeof report->text, "%s", iso_buf_text(&text));
    iso_buf_release(&text);
}

bool law_region_holds(struct law_region *region, struct law_report *report)
{
    struct law_expected expected = {0};
    region->model->expect(region->law, &expected);
    for (size_t n = 0; n < region->row_count; n++)
        report->marks += region->rows[n].rule == ISO_LOSER_NAME;
    law_region_sweep(region, region->law->swept_ms);
    if (region->broken == NULL && !tally_equal(&region->tally, &expected.tally))
        region->broken = "the entry is not what the set of writes says";
    if (region->broken == NULL &&
        (!shown_is(region, expected.held, 0) || !shown_is(region, expected.held, 105) ||
         !shown_is(region, expected.held, INT64_MAX)))
        region->broken = "readers are not shown what the set of writes says";
    if (region->broken == NULL && !ledger_is(region, expected.lost))
        region->broken = "the ledger is not what the set of writes says";
    if (region->broken == NULL)
        return true;
    report_case(region, report);
    return false;
}

/* ---- every order */

struct law_orders {
    const struct law_options *options;
    const struct law_case *law;
    struct law_report *report;
    struct law_region region;
    size_t order[LAW_WRITES_MAX];
};

static bool order_play(struct law_orders *orders)
{
    law_region_reset(&orders->region, orders->options, orders->law);
    for (size_t n = 0; n < orders->law->count; n++)
        law_region_apply(&orders->region, orders->order[n], orders->report);
    return law_region_holds(&orders->region, orders->report);
}

/* `depth` writes of the order are chosen; orders->region.applied says which. */
static bool orders_from(struct law_orders *orders, size_t depth)
{
    if (depth == orders->law->count)
        return order_play(orders);
    for (uint16_t log = 1; log <= LAW_LOGS_MAX; log++) {
        law_region_reset(&orders->region, orders->options, orders->law);
        for (size_t n = 0; n < depth; n++)
            orders->region.applied[orders->order[n]] = true;
        size_t next = law_region_next(&orders->region, log);
        if (next == LAW_WRITES_MAX)
            continue;
        orders->order[depth] = next;
        if (!orders_from(orders, depth + 1))
            return false;
    }
    return true;
}

bool law_every_order(const struct law_options *options, const struct law_case *law,
                     struct law_report *report)
{
    static _Thread_local struct law_orders orders; /* keeps its buffers warm */
    orders.options = options;
    orders.law = law;
    orders.report = report;
    bool holds = orders_from(&orders, 0);
    law_region_release(&orders.region);
    report->cases++;
    return holds;
}
