/* The ledger of a region, and the port to it: a handful of rows, gone through. */
#include "tests/law/law.h"

static struct iso_bytes row_field(const struct law_row *row)
{
    return iso_bytes(row->field, row->field_size);
}

size_t law_row_find(const struct law_region *region, struct iso_bytes field,
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
    if (law_row_find(region, loser->field, loser->version) < region->row_count)
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
    size_t n = law_row_find(region, field, version);
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

static enum iso_err ledger_forget(void *self, int64_t swept_ms, uint32_t *left,
                                  struct iso_why *why)
{
    (void)why;
    struct law_region *region = self;
    *left = 0;
    for (size_t n = 0; n < region->row_count;) {
        const struct law_row *row = &region->rows[n];
        if (row->rule == ISO_LOSER_NAME && iso_hlc_ms(row->version.hlc) < swept_ms) {
            row_remove(region, n);
            ++*left;
        } else {
            n++;
        }
    }
    return ISO_OK;
}

struct iso_ledger law_ledger_port(struct law_region *region)
{
    return (struct iso_ledger){.self = region,
                               .enter = ledger_enter,
                               .leave = ledger_leave,
                               .leave_older = ledger_leave_older,
                               .forget = ledger_forget,
                               .succeeds = ledger_succeeds};
}
