/* What groups have committed in a cluster in memory: one list, of which every group and
 * partition has one row. Nothing here can fail, but that the bus is cut off.
 */
#include "base/mem.h"
#include "bus/memory_log.h"

static struct memory_committed *commit_find(const struct iso_memory_cluster *cluster,
                                            const char *group, const char *topic,
                                            int partition)
{
    for (size_t i = 0; i < cluster->commit_count; i++) {
        struct memory_committed *at = &cluster->commits[i];
        if (at->partition == partition && strcmp(at->topic, topic) == 0 &&
            strcmp(at->group, group) == 0)
            return at;
    }
    return NULL;
}

void iso_memory_commit(struct iso_memory_cluster *cluster, const char *group,
                       const struct iso_place *place)
{
    struct memory_committed *at =
        commit_find(cluster, group, place->topic, place->partition);
    if (at == NULL) {
        int64_t *account = iso_mem_account(NULL); /* the cluster's */
        size_t count = cluster->commit_count++;
        cluster->commits = iso_realloc(cluster->commits, cluster->commit_count *
                                                             sizeof *cluster->commits);
        at = &cluster->commits[count];
        *at = (struct memory_committed){.group = iso_strdup(group),
                                        .topic = iso_strdup(place->topic),
                                        .partition = place->partition};
        iso_mem_account(account);
    }
    at->next = place->offset;
}

void iso_memory_commits_release(struct iso_memory_cluster *cluster)
{
    for (size_t i = 0; i < cluster->commit_count; i++) {
        iso_free(cluster->commits[i].group);
        iso_free(cluster->commits[i].topic);
    }
    iso_free(cluster->commits);
    cluster->commits = NULL;
    cluster->commit_count = 0;
}

enum iso_err iso_memory_committed(struct iso_bus *base, const char *group,
                                  struct iso_committed *positions, size_t count,
                                  int timeout_ms, struct iso_why *why)
{
    (void)timeout_ms;
    struct memory_bus *bus = memory_bus_of(base);
    enum iso_err err = iso_memory_reachable(bus, why);
    if (err != ISO_OK)
        return err;
    pthread_mutex_lock(&bus->cluster->lock);
    for (size_t i = 0; i < count; i++) {
        const struct memory_committed *at = commit_find(
            bus->cluster, group, positions[i].topic, positions[i].partition);
        if (at != NULL)
            positions[i].next = at->next;
    }
    pthread_mutex_unlock(&bus->cluster->lock);
    return ISO_OK;
}
