/* Looks at the records that wait: the first of all, and the first write of each region.
 *
 * A look reads on from an offset until it has found a write of every region that writes
 * the log, or has come to the end, or has seen LOOK_RECORDS, or its time is over. What
 * it found until then is fed; the next look goes on where it ended. A record that every
 * region will refuse since its header does not decode is no write.
 */
#include "monitor/cluster.h"
#include "schema/write.h"

enum { LOOK_RECORDS = 20000 };

bool iso_cluster_look(struct iso_cluster *cluster, const char *topic,
                      const struct cluster_look *look)
{
    struct iso_why why;
    if (cluster->away || cluster->look_count == CLUSTER_LOOKS_MAX ||
        iso_cluster_reader(cluster, &why) != ISO_OK)
        return false;
    /* ISO_EXISTS: another place of that partition is being looked at. */
    if (iso_reader_assign(cluster->reader, CLUSTER_LOOK + (uint32_t)cluster->look_count,
                          topic, (int)look->partition, look->offset, &why) != ISO_OK)
        return false;
    struct cluster_look *begun = &cluster->looks[cluster->look_count++];
    *begun = *look;
    begun->assigned = true;
    begun->done = false;
    begun->found = 0;
    begun->seen = (struct iso_lag_seen){.collection = look->collection,
                                        .log = look->log,
                                        .partition = look->partition,
                                        .offset = look->offset,
                                        .upto = look->offset,
                                        .append_ms = ISO_UNKNOWN_MS,
                                        .upto_ms = ISO_UNKNOWN_MS};
    return true;
}

static void first_take(struct cluster_look *look, unsigned region,
                       const struct iso_record *record)
{
    struct iso_lag_seen *seen = &look->seen;
    for (size_t i = 0; i < seen->first_count; i++) {
        if (seen->firsts[i].region == region)
            return;
    }
    seen->firsts[seen->first_count++] = (struct iso_lag_first){
        .region = region, .offset = record->offset, .append_ms = record->append_ms};
    /* One without our header may be anybody's, and is earlier than all that follows. */
    look->found |= region == 0 ? UINT64_MAX : UINT64_C(1) << (region - 1);
}

/* Whose write a record is: -1 when it is none. */
static int writer_of(struct iso_cluster *cluster, const struct cluster_look *look,
                     const struct iso_record *record)
{
    struct iso_write write;
    if (record->header_count == 0)
        return 0;
    if (iso_write_decode(record->header, &cluster->scratch, &write, NULL) != ISO_OK ||
        write.operation == ISO_HEARTBEAT || write.operation == ISO_DEFINE)
        return -1;
    unsigned region = iso_node_region(write.version.node);
    if (region < 1 || region > ISO_REGION_MAX ||
        (look->writers >> (region - 1) & 1) == 0)
        return -1;
    return (int)region;
}

static void record_take(struct iso_cluster *cluster, struct cluster_look *look,
                        const struct iso_record *record)
{
    struct iso_lag_seen *seen = &look->seen;
    int region = writer_of(cluster, look, record);
    if (seen->append_ms == ISO_UNKNOWN_MS)
        seen->append_ms = record->append_ms;
    seen->upto = record->offset + 1;
    seen->upto_ms = record->append_ms;
    if (region >= 0)
        first_take(look, (unsigned)region, record);
    look->done = (look->found & look->writers) == look->writers ||
                 seen->upto - seen->offset >= LOOK_RECORDS;
}

void iso_cluster_look_take(struct iso_cluster *cluster, const struct iso_record *record)
{
    size_t index = record->id - CLUSTER_LOOK;
    if (index >= cluster->look_count || cluster->looks[index].done)
        return;
    struct cluster_look *look = &cluster->looks[index];
    switch (record->event) {
    case ISO_RECORD:
        record_take(cluster, look, record);
        break;
    case ISO_AT_END:
        if (look->seen.upto < record->offset)
            look->seen.upto = record->offset;
        look->done = true;
        break;
    case ISO_HOLE:
    case ISO_TROUBLE: /* we may not read it, or it is away: nobody waits for it */
        look->done = true;
        break;
    }
}

/* Nothing more is fetched of what is done. */
static void looks_unassign(struct iso_cluster *cluster, bool all)
{
    struct iso_why why;
    for (size_t i = 0; i < cluster->look_count; i++) {
        if (!cluster->looks[i].assigned || !(all || cluster->looks[i].done))
            continue;
        iso_reader_unassign(cluster->reader, CLUSTER_LOOK + (uint32_t)i, &why);
        cluster->looks[i].assigned = false;
    }
}

size_t iso_cluster_look_poll(struct iso_cluster *cluster, int wait_ms)
{
    struct iso_why why;
    size_t waiting = 0;
    for (size_t i = 0; i < cluster->look_count; i++)
        waiting += !cluster->looks[i].done;
    if (waiting == 0 || iso_cluster_fetch(cluster, wait_ms, &why) != ISO_OK)
        return 0;
    looks_unassign(cluster, false);
    waiting = 0;
    for (size_t i = 0; i < cluster->look_count; i++)
        waiting += !cluster->looks[i].done;
    return waiting;
}

void iso_cluster_look_end(struct iso_cluster *cluster)
{
    looks_unassign(cluster, true);
    for (size_t i = 0; i < cluster->look_count; i++)
        iso_lag_feed_seen(cluster->lag, &cluster->looks[i].seen);
    cluster->look_count = 0;
}
