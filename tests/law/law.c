/* Regions of the law test: they apply, forget, and are compared with the model. */
#include "tests/law/law.h"

#include "tests/law/law_asides.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

enum { LAW_CHUNK = 16 << 10 };

static const struct iso_bytes law_key = {.data = (const uint8_t *)"key", .size = 3};

/* ---- cases */

void law_case_clear(struct law_case *law)
{
    if (law->arena.chunk == 0)
        law->arena.chunk = LAW_CHUNK;
    iso_arena_clear(&law->arena);
    law->count = 0;
    memset(law->succeeds, 0, sizeof law->succeeds);
    law->swept_ms = 0;
    law->profile = 0;
}

void law_case_release(struct law_case *law)
{
    for (size_t n = 0; n < LAW_WRITES_MAX; n++)
        iso_patch_release(&law->patches[n]);
    iso_arena_release(&law->arena);
}

struct iso_coming *law_case_add(struct law_case *law, const struct iso_coming *write)
{
    size_t n = law->count++;
    iso_assert(n < LAW_WRITES_MAX && write->read.count <= LAW_NAMES_MAX);
    struct iso_coming *added = &law->writes[n];
    size_t size = write->read.count * ISO_VERSION_SIZE;
    uint8_t *names = iso_arena_take(&law->arena, size);
    *added = *write;
    added->key = law_key;
    for (size_t i = 0; i < n; i++)
        if (law->writes[i].log == write->log)
            added->offset = law->writes[i].offset + 1 + write->offset;
    if (size > 0)
        memcpy(names, write->read.data, size);
    added->read.data = names;
    law->ops[n] = NULL;
    return added;
}

bool law_before(const struct law_case *law, const struct iso_coming *a,
                const struct iso_coming *b)
{
    return (a->log == b->log && a->offset < b->offset) || law->succeeds[b->log][a->log];
}

bool law_names_hold(struct iso_names names, struct iso_version version)
{
    for (size_t n = 0; n < names.count; n++)
        if (iso_version_equal(iso_names_at(names, n), version))
            return true;
    return false;
}

/* ---- what is expected */

void law_expected_clear(struct law_expected *expected)
{
    struct iso_parts *parts = &expected->parts;
    if (parts->arena.chunk == 0)
        parts->arena.chunk = LAW_CHUNK;
    iso_arena_clear(&parts->arena);
    parts->sorted = parts->count = 0;
    parts->losers = 0;
    parts->has_delete = false;
    expected->tally = (struct iso_tally){0};
    expected->held = NULL;
    expected->row_count = 0;
    expected->broken = NULL;
}

void law_expected_release(struct law_expected *expected)
{
    iso_parts_release(&expected->parts);
}

void law_row_fill(struct law_row *row, const struct iso_loser *loser)
{
    iso_assert(loser->field.size <= LAW_FIELD_MAX &&
               loser->value.size <= LAW_VALUE_MAX);
    row->field_size = loser->field.size;
    if (row->field_size > 0)
        memcpy(row->field, loser->field.data, row->field_size);
    row->version = loser->version;
    row->rule = loser->rule;
    row->log = loser->log;
    row->offset = loser->offset;
    row->size = loser->value.size;
    if (row->size > 0)
        memcpy(row->value, loser->value.data, row->size);
}

struct law_row *law_expect_row(struct law_expected *expected,
                               const struct iso_loser *loser)
{
    iso_assert(expected->row_count < LAW_LOSERS_MAX);
    struct law_row *row = &expected->rows[expected->row_count++];
    law_row_fill(row, loser);
    return row;
}

/* ---- the ledger of a region, and the port to it */

static struct iso_bytes row_field(const struct law_row *row)
{
    return iso_bytes(row->field, row->field_size);
}

static size_t row_find(const struct law_region *region, struct iso_bytes field,
                       struct iso_version version)
{
    size_t n = 0;
    while (n < region->row_count &&
           !(iso_version_equal(region->rows[n].version, version) &&
             iso_bytes_equal(row_field(&region->rows[n]), field)))
        n++;
    return n;
}

static enum iso_err ledger_enter(void *self, const struct iso_loser *loser,
                                 struct iso_why *why)
{
    (void)why;
    struct law_region *region = self;
    iso_assert(region->row_count < LAW_ROWS_MAX);
    if (row_find(region, loser->field, loser->version) < region->row_count)
        region->broken = "a version entered the ledger twice";
    law_row_fill(&region->rows[region->row_count++], loser);
    return ISO_OK;
}

static void row_remove(struct law_region *region, size_t n)
{
    if (n < --region->row_count)
        region->rows[n] = region->rows[region->row_count];
}

static enum iso_err ledger_leave(void *self, struct iso_bytes field,
                                 struct iso_version version, bool *left,
                                 struct iso_why *why)
{
    (void)why;
    struct law_region *region = self;
    size_t n = row_find(region, field, version);
    *left = n < region->row_count;
    if (*left)
        row_remove(region, n);
    return ISO_OK;
}

static bool ledger_succeeds(void *self, uint16_t log, uint16_t older)
{
    const struct law_region *region = self;
    return region->law->succeeds[log][older];
}

/* `version` carries the region; a planted mistake moves its hlc. A field without bytes:
 * of every field. */
static enum iso_err ledger_leave_older(void *self, struct iso_bytes field,
                                       struct iso_version version, uint16_t log,
                                       uint32_t *left, struct iso_why *why)
{
    (void)why;
    struct law_region *region = self;
    *left = 0;
    for (size_t n = 0; n < region->row_count;) {
        const struct law_row *row = &region->rows[n];
        bool reached = row->log == log || ledger_succeeds(self, log, row->log);
        reached &= field.data == NULL || iso_bytes_equal(row_field(row), field);
        if (reached && iso_version_compare(row->version, version) < 0 &&
            iso_node_region(row->version.node) == iso_node_region(version.node)) {
            row_remove(region, n);
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
    iso_buf_clear(&region->row);
    region->tally = (struct iso_tally){0};
    region->row_count = region->filter_count = region->aside_count = 0;
    memset(region->applied, 0, sizeof region->applied);
    region->swept_ms = 0;
    region->broken = NULL;
    region->law = law;
    region->resolver = options->resolver;
    region->model = options->model;
}

void law_region_release(struct law_region *region)
{
    iso_merged_release(&region->merged);
    iso_shown_release(&region->shown);
    iso_buf_release(&region->row);
    law_asides_release(region);
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

bool law_tally_equal(const struct iso_tally *a, const struct iso_tally *b)
{
    return iso_digest_equal(a->live, b->live) &&
           iso_digest_equal(a->mortal, b->mortal) && a->values == b->values &&
           a->tombstones == b->tombstones && a->expiring == b->expiring;
}

/* Does the row have the tally that was said of it, and count its ledger rows? */
static void row_check(struct law_region *region)
{
    uint32_t counted;
    struct iso_tally tally =
        region->model->tally(law_key, iso_buf_bytes(&region->row), &counted);
    if (!law_tally_equal(&region->tally, &tally))
        region->broken = "`was` or `is` is not the tally of the row";
    else if (counted != region->row_count)
        region->broken = "the row does not count its ledger rows";
    else
        law_asides_check(region);
}

/* `region->row` is still the row before. What is said of the row after is held against
 * what the next merge says of it, and in the end against the row. */
static void merged_check(struct law_region *region)
{
    const struct iso_merged *merged = &region->merged;
    if (merged->changed &&
        iso_bytes_equal(iso_buf_bytes(&region->row), iso_buf_bytes(&merged->row)))
        region->broken = "`changed` is said of a row that did not change";
    else if (!merged->changed && !law_tally_equal(&merged->was, &merged->is))
        region->broken = "`is` is another tally, but the row did not change";
    else if (!law_tally_equal(&region->tally, &merged->was))
        region->broken = "`was` or `is` is not the tally of the row";
    else if (merged->alarm)
        region->broken = "an alarm without two writes of one version";
    region->tally = merged->is;
}

static void applied_count(const struct law_region *region, size_t write,
                          struct law_report *report)
{
    const struct iso_coming *w = &region->law->writes[write];
    bool is_dead = false;
    report->merges++;
    for (size_t n = 0; region->model->child != NULL && n < region->law->count; n++)
        is_dead |= region->applied[n] &&
                   region->model->child(region->law, w, &region->law->writes[n]);
    report->dead += is_dead && w->operation == ISO_PUT && !w->has_expiry;
}

static void region_apply(struct law_region *region, size_t write,
                         struct law_report *report)
{
    struct iso_ledger ledger = {.self = region,
                                .enter = ledger_enter,
                                .leave = ledger_leave,
                                .leave_older = ledger_leave_older,
                                .succeeds = ledger_succeeds};
    struct iso_asides asides = law_asides_port(region);
    struct iso_merge merge = {.held = iso_buf_bytes(&region->row),
                              .coming = &region->law->writes[write],
                              .ledger = &ledger,
                              .swept_ms = region->swept_ms,
                              .asides = &asides};
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
    law_asides_keep(region);
    if (!region->merged.changed)
        return;
    struct iso_buf old = region->row;
    region->row = region->merged.row;
    region->merged.row = old;
}

/* A node numbers its writes by time: any numbers that grow will do. */
static enum iso_filter_answer region_filter(struct law_region *region,
                                            const struct iso_coming *w)
{
    uint64_t gaps = 0;
    size_t n = 0;
    while (n < region->filter_count && (region->filters[n].log != w->log ||
                                        region->filters[n].node != w->version.node))
        n++;
    if (n == region->filter_count) {
        region->filter_count++;
        region->filters[n].log = w->log;
        region->filters[n].node = w->version.node;
        region->filters[n].filter.count = 0;
    }
    return iso_filter_take(&region->filters[n].filter, w->version.hlc, w->version.hlc,
                           0, &gaps);
}

/* Of a record without our header each copy is a record of its own. */
void law_region_deliver(struct law_region *region, size_t write,
                        struct law_report *report)
{
    const struct iso_coming *w = &region->law->writes[write];
    enum iso_filter_answer answer =
        region->applied[write] ? ISO_FILTER_DUPLICATE : ISO_FILTER_NEW;
    if (iso_node_region(w->version.node) <= ISO_REGION_MAX)
        answer = region_filter(region, w);
    if ((answer == ISO_FILTER_NEW) == region->applied[write] ||
        answer == ISO_FILTER_DISORDER)
        region->broken = "the duplicate filter is wrong about a copy";
    else if (answer == ISO_FILTER_NEW)
        region_apply(region, write, report);
    report->duplicates += answer == ISO_FILTER_DUPLICATE;
}

void law_region_sweep(struct law_region *region, int64_t swept_ms)
{
    uint32_t marks = 0;
    if (swept_ms <= region->swept_ms || region->broken != NULL)
        return;
    row_check(region);
    if (region->broken != NULL)
        return;
    region->swept_ms = swept_ms;
    for (size_t n = 0; n < region->row_count;) {
        const struct law_row *row = &region->rows[n];
        if (row->rule == ISO_LOSER_NAME && iso_hlc_ms(row->version.hlc) < swept_ms) {
            row_remove(region, n);
            marks++;
        } else {
            n++;
        }
    }
    uint32_t counted;
    if (region->row.size > 0)
        region->model->sweep(law_key, swept_ms, marks, &region->row);
    law_asides_sweep(region);
    region->tally =
        region->model->tally(law_key, iso_buf_bytes(&region->row), &counted);
    if (counted != region->row_count)
        region->broken = "the row does not count its ledger rows";
}

/* ---- the end */

static bool is_shown(struct law_region *region, const struct law_expected *expected,
                     int64_t now_ms)
{
    struct iso_asides asides = law_asides_port(region);
    return region->resolver->show(law_key, iso_buf_bytes(&region->row), now_ms,
                                  &region->shown, NULL) == ISO_OK &&
           iso_shown_load(&region->shown, &asides, NULL) == ISO_OK &&
           region->model->shows(expected, &region->shown, now_ms);
}

static bool row_is(const struct law_row *row, const struct law_row *expected)
{
    return row->rule == expected->rule && row->log == expected->log &&
           row->offset == expected->offset &&
           iso_bytes_equal(iso_bytes(row->value, row->size),
                           iso_bytes(expected->value, expected->size));
}

static bool ledger_is(const struct law_region *region,
                      const struct law_expected *expected)
{
    size_t losers = 0;
    for (size_t n = 0; n < region->row_count; n++)
        losers += region->rows[n].rule != ISO_LOSER_NAME;
    for (size_t n = 0; n < expected->row_count; n++) {
        const struct law_row *row = &expected->rows[n];
        size_t at = row_find(region, row_field(row), row->version);
        if (at == region->row_count || !row_is(&region->rows[at], row))
            return false;
    }
    return losers == expected->row_count;
}

static void write_print(const struct law_case *law, size_t n, struct iso_buf *text)
{
    const struct iso_coming *w = &law->writes[n];
    iso_buf_print(text,
                  "  log %u offset %" PRId64 ": %s @%" PRId64 ".%u region %u.%" PRIu64,
                  (unsigned)w->log, w->offset, iso_operation_name(w->operation),
                  iso_hlc_ms(w->version.hlc), (unsigned)(w->version.hlc & 0xffff),
                  iso_node_region(w->version.node), w->version.node & 0xffff);
    if (w->has_expiry)
        iso_buf_print(text, " until %" PRId64, w->expiry_ms);
}

void law_names_print(struct iso_names names, struct iso_buf *text)
{
    for (size_t i = 0; i < names.count; i++)
        iso_buf_print(text, " %" PRId64 ".%u/%u.%u",
                      iso_hlc_ms(iso_names_at(names, i).hlc),
                      (unsigned)(iso_names_at(names, i).hlc & 0xffff),
                      iso_node_region(iso_names_at(names, i).node),
                      (unsigned)(iso_names_at(names, i).node & 0xffff));
}

static void report_case(const struct law_region *region,
                        const struct law_expected *expected, const char *broken,
                        struct law_report *report)
{
    struct iso_buf text = {0};
    iso_buf_print(&text, "%s\n", broken);
    for (size_t n = 0; n < region->law->count; n++) {
        write_print(region->law, n, &text);
        region->model->print(region->law, n, &text);
        iso_buf_print(&text, "\n");
    }
    if (region->model->print_outcome != NULL)
        region->model->print_outcome(expected, law_key, iso_buf_bytes(&region->row),
                                     &text);
    snprintf(report->text, sizeof report->text, "%s", iso_buf_text(&text));
    iso_buf_release(&text);
}

bool law_region_holds(struct law_region *region, const struct law_expected *expected,
                      struct law_report *report)
{
    int64_t other_ms = report->merges % 2 == 0 ? 0 : INT64_MAX;
    if (region->broken == NULL)
        row_check(region);
    const char *broken = region->broken;
    for (size_t n = 0; n < region->row_count; n++)
        report->marks += region->rows[n].rule == ISO_LOSER_NAME;
    law_region_sweep(region, region->law->swept_ms);
    if (broken == NULL)
        broken = region->broken;
    if (broken == NULL)
        broken = expected->broken;
    if (broken == NULL && !law_tally_equal(&region->tally, &expected->tally))
        broken = "the entry is not what the set of writes says";
    if (broken == NULL &&
        (!is_shown(region, expected, 105) || !is_shown(region, expected, other_ms)))
        broken = "readers are not shown what the set of writes says";
    if (broken == NULL && !ledger_is(region, expected))
        broken = "the ledger is not what the set of writes says";
    if (broken == NULL)
        return true;
    report_case(region, expected, broken, report);
    return false;
}
