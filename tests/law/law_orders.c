/* Every interleaving of a case that keeps each log's order, one by one. Each is played
 * by a region from its beginning, and every write comes twice or more: a copy after
 * each write, of it or of an earlier one, and all once more in the end. When there is
 * an H, every other region forgets after each write as much as it may. */
#include "tests/law/law.h"

struct orders {
    const struct law_options *options;
    const struct law_case *law;
    struct law_report *report;
    struct law_region region;
    struct law_expected expected;
    size_t order[LAW_WRITES_MAX];
};

/* Up to what has not come yet. */
static void sweep_eagerly(struct law_region *region)
{
    const struct law_case *law = region->law;
    int64_t highest = law->swept_ms;
    for (size_t n = 0; n < law->count; n++)
        if (!region->applied[n] && iso_hlc_ms(law->writes[n].version.hlc) < highest)
            highest = iso_hlc_ms(law->writes[n].version.hlc);
    law_region_sweep(region, highest);
}

static bool order_play(struct orders *orders)
{
    struct law_region *region = &orders->region;
    uint64_t number = orders->report->schedules++;
    law_region_reset(region, orders->options, orders->law);
    for (size_t n = 0; n < orders->law->count; n++) {
        law_region_deliver(region, orders->order[n], orders->report);
        law_region_deliver(region, orders->order[n - number % (n + 1)], orders->report);
        if (number % 2 == 0)
            sweep_eagerly(region);
    }
    for (size_t n = 0; n < orders->law->count; n++)
        law_region_deliver(region, orders->order[n], orders->report);
    return law_region_holds(region, &orders->expected, orders->report);
}

/* `depth` writes of the order are chosen. */
static bool orders_from(struct orders *orders, size_t depth)
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
    static _Thread_local struct orders orders; /* keeps its buffers warm */
    orders.options = options;
    orders.law = law;
    orders.report = report;
    options->model->expect(law, &orders.expected);
    bool holds = orders_from(&orders, 0);
    if (options->schedules == 0) { /* called for one case */
        law_region_release(&orders.region);
        law_expected_release(&orders.expected);
        report->cases++;
    }
    return holds;
}

bool law_every_order_swept(const struct law_options *options, struct law_case *law,
                           struct law_report *report)
{
    int64_t swept_ms = law->swept_ms, above_ms = 1;
    for (size_t n = 0; n < law->count; n++)
        if (iso_hlc_ms(law->writes[n].version.hlc) >= above_ms)
            above_ms = iso_hlc_ms(law->writes[n].version.hlc) + 1;
    for (law->swept_ms = above_ms; law->swept_ms > above_ms - 4; law->swept_ms--)
        if (!law_every_order(options, law, report))
            return false;
    law->swept_ms = swept_ms;
    return true;
}
