/* Prints what /metrics of isostasy-monitor names: each family with its type, by the
 * same code. deploy.py holds alert rules and dashboard to it.
 */
#include <stdio.h>

#include "monitor/view.h"

int main(void)
{
    struct iso_status_cluster cluster = {.name = "home", .answers = true};
    struct iso_status status = {.look = 1, .clusters = &cluster, .cluster_count = 1};
    const struct iso_view_self self = {.looks = 1};
    const struct iso_metrics_options options = {
        .granularity = ISO_BY_PARTITION, .series_max = 500, .self = &self};
    struct iso_buf out = {0};
    iso_view_metrics(&status, &options, &out);
    fwrite(out.data, 1, out.size, stdout);
    iso_buf_release(&out);
    return 0;
}
