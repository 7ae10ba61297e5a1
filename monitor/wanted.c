/* Which append times are worth asking Kafka for: those of the records at which regions
 * stand before an end.
 *
 * Each costs a fetch, so those come first that can be the oldest: by the append time of
 * the record before them. The list is made when the first is asked for, in one pass
 * over the tables; beyond WANTED_MAX the youngest are left out until next time. Nothing
 * here can fail.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/table.h"

enum { WANTED_MAX = 1024, WANTED_SORT_AT = 8 * WANTED_MAX };

static int wanted_order(const void *a, const void *b)
{
    const struct table_wanted *left = a, *right = b;
    return (left->append_ms > right->append_ms) - (left->append_ms < right->append_ms);
}

static void wanted_cut(struct iso_lag *lag)
{
    if (lag->wanted_count > 1)
        qsort(lag->wanted, lag->wanted_count, sizeof *lag->wanted, wanted_order);
    if (lag->wanted_count > WANTED_MAX)
        lag->wanted_count = WANTED_MAX;
}

static void wanted_add(struct iso_lag *lag, const struct table_wanted *wanted,
                       size_t group)
{
    for (size_t i = group; i < lag->wanted_count; i++) {
        if (lag->wanted[i].offset == wanted->offset)
            return; /* another region stands there too */
    }
    if (lag->wanted_count == lag->wanted_room) {
        lag->wanted_room = lag->wanted_room == 0 ? 64 : lag->wanted_room * 2;
        lag->wanted = iso_realloc(lag->wanted, lag->wanted_room * sizeof *lag->wanted);
    }
    lag->wanted[lag->wanted_count++] = *wanted;
}

/* The places in one partition of one log. */
static void wanted_in(struct iso_lag *lag, const struct table_collection *collection,
                      size_t index, uint32_t partition)
{
    size_t group = lag->wanted_count;
    uint16_t log = collection->logs[index].number;
    int64_t end = iso_table_end(collection, index, partition, NULL);
    for (unsigned region = 1; region <= ISO_REGION_MAX; region++) {
        const struct table_report *report =
            iso_table_report(collection, region, partition);
        if (report == NULL)
            continue;
        const struct table_stand *stand = iso_table_stand(report, log);
        struct table_wanted wanted = {.collection = collection,
                                      .log = log,
                                      .partition = partition,
                                      .offset = stand == NULL ? 0 : stand->frontier,
                                      .append_ms = stand == NULL ? ISO_UNKNOWN_MS
                                                                 : stand->append_ms};
        if (wanted.offset < end && iso_table_append_ms(collection, index, partition,
                                                       wanted.offset) == ISO_UNKNOWN_MS)
            wanted_add(lag, &wanted, group);
    }
}

static void wanted_collect(struct iso_lag *lag)
{
    lag->wanted_count = 0;
    for (size_t c = 0; c < lag->collection_count; c++) {
        const struct table_collection *collection = lag->collections[c];
        size_t places = collection->log_count * collection->partitions;
        for (size_t i = 0; i < places; i++) {
            wanted_in(lag, collection, i / collection->partitions,
                      (uint32_t)(i % collection->partitions));
            if (lag->wanted_count >= WANTED_SORT_AT)
                wanted_cut(lag);
        }
    }
    wanted_cut(lag);
}

bool iso_lag_wanted(struct iso_lag *lag, size_t n, const char **collection,
                    uint16_t *log, uint32_t *partition, int64_t *offset)
{
    if (n == 0)
        wanted_collect(lag);
    if (n >= lag->wanted_count)
        return false;
    const struct table_wanted *wanted = &lag->wanted[n];
    *collection = wanted->collection->definition->collection;
    *log = wanted->log;
    *partition = wanted->partition;
    *offset = wanted->offset;
    return true;
}
