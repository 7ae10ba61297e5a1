/* A reader of memory logs: it walks the partitions it was given, beginning each fetch
 * with the one behind the last it served, so that a busy one does not starve the rest.
 *
 * Each partition has a next offset and what was last said of it: its end is reported
 * once for an offset, a hole once until it is assigned again, a missing partition once.
 */
#include "base/mem.h"
#include "bus/memory_log.h"

struct memory_assignment {
    uint32_t id;
    char *topic;
    int partition;
    int64_t next;
    int elections;    /* of the partition, when it was last looked at; -1: not yet */
    int64_t end_told; /* the offset at which the end was last reported, or -1 */
    bool missing_told;
    bool stands; /* behind a hole */
};

struct memory_reader {
    struct iso_reader reader;
    struct memory_bus *bus;
    char *header;
    char *group; /* NULL: commits go nowhere */
    struct memory_assignment *assignments;
    size_t count;
    size_t turn; /* who is served first */
    struct iso_record *records;
    struct memory_record **held; /* what `records` points into */
    size_t record_count, held_count, room;
};

static const struct iso_reader_port reader_port;

static struct memory_reader *reader_of(struct iso_reader *reader)
{
    return (struct memory_reader *)reader; /* its first member */
}

enum iso_err iso_memory_reader_open(struct iso_bus *bus,
                                    const struct iso_reader_options *options,
                                    struct iso_reader **reader, struct iso_why *why)
{
    (void)why;
    struct memory_reader *opened = iso_alloc_zero(1, sizeof *opened);
    opened->reader.port = &reader_port;
    opened->bus = memory_bus_of(bus);
    opened->header = iso_strdup(options->header);
    opened->group = options->group == NULL ? NULL : iso_strdup(options->group);
    pthread_mutex_lock(&opened->bus->cluster->lock);
    opened->bus->users++;
    pthread_mutex_unlock(&opened->bus->cluster->lock);
    *reader = &opened->reader;
    return ISO_OK;
}

/* Lets go of what the last fetch returned. The lock is held. */
static void reader_let_go(struct memory_reader *reader)
{
    for (size_t i = 0; i < reader->held_count; i++)
        iso_memory_record_drop(reader->held[i]);
    reader->held_count = 0;
    reader->record_count = 0;
}

static void memory_reader_close(struct iso_reader *base)
{
    struct memory_reader *reader = reader_of(base);
    pthread_mutex_lock(&reader->bus->cluster->lock);
    reader_let_go(reader);
    reader->bus->users--;
    pthread_mutex_unlock(&reader->bus->cluster->lock);
    for (size_t i = 0; i < reader->count; i++)
        iso_free(reader->assignments[i].topic);
    iso_free(reader->assignments);
    iso_free(reader->records);
    iso_free(reader->held);
    iso_free(reader->header);
    iso_free(reader->group);
    iso_free(reader);
}

static enum iso_err memory_assign(struct iso_reader *base, uint32_t id,
                                  const struct iso_place *place, struct iso_why *why)
{
    struct memory_reader *reader = reader_of(base);
    size_t slot = reader->count;
    for (size_t i = 0; i < reader->count; i++) {
        struct memory_assignment *at = &reader->assignments[i];
        if (at->id == id)
            slot = i;
        else if (at->partition == place->partition &&
                 strcmp(at->topic, place->topic) == 0)
            return iso_fail(why, ISO_EXISTS, "%s/%d is read as %u already",
                            place->topic, place->partition, (unsigned)at->id);
    }
    if (slot == reader->count) {
        reader->assignments =
            iso_realloc(reader->assignments, (slot + 1) * sizeof *reader->assignments);
        reader->assignments[slot].topic = NULL;
        reader->count++;
    }
    char *was = reader->assignments[slot].topic; /* may be place->topic */
    reader->assignments[slot] =
        (struct memory_assignment){.id = id,
                                   .topic = iso_strdup(place->topic),
                                   .partition = place->partition,
                                   .next = place->offset,
                                   .elections = -1,
                                   .end_told = -1};
    iso_free(was);
    return ISO_OK;
}

static enum iso_err memory_unassign(struct iso_reader *base, uint32_t id,
                                    struct iso_why *why)
{
    struct memory_reader *reader = reader_of(base);
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->assignments[i].id != id)
            continue;
        iso_free(reader->assignments[i].topic);
        reader->assignments[i] = reader->assignments[--reader->count];
        return ISO_OK;
    }
    return iso_fail(why, ISO_NOT_FOUND, "%u reads no partition", (unsigned)id);
}

static struct iso_record *reader_event(struct memory_reader *reader,
                                       const struct memory_assignment *at,
                                       enum iso_event event)
{
    struct iso_record *record = &reader->records[reader->record_count++];
    *record = (struct iso_record){
        .event = event, .id = at->id, .offset = at->next, .append_ms = -1};
    return record;
}

static void reader_record(struct memory_reader *reader, struct memory_assignment *at,
                          struct memory_record *stored)
{
    struct iso_record *record = reader_event(reader, at, ISO_RECORD);
    stored->holders++;
    reader->held[reader->held_count++] = stored;
    record->append_ms = stored->append_ms;
    record->append_by_broker = stored->append_by_broker;
    record->has_key = stored->has_key;
    record->has_value = stored->has_value;
    record->key = stored->key;
    record->value = stored->value;
    if (stored->has_header &&
        iso_bytes_equal(stored->header_name, iso_bytes_text(reader->header))) {
        record->header_count = 1;
        record->header = stored->header;
    }
    at->next++;
}

static void reader_missing(struct memory_reader *reader, struct memory_assignment *at)
{
    if (at->missing_told)
        return;
    at->missing_told = true;
    struct iso_record *record = reader_event(reader, at, ISO_TROUBLE);
    record->err = ISO_NOT_FOUND;
    record->text = "the partition does not exist: create the topic";
}

/* Its leader is another broker than when it was last looked at. */
static void reader_elections(struct memory_reader *reader, struct memory_assignment *at,
                             const struct memory_partition *partition)
{
    bool is_news = at->elections >= 0 && at->elections != partition->elections;
    at->elections = partition->elections;
    if (!is_news)
        return;
    struct iso_record *record = reader_event(reader, at, ISO_TROUBLE);
    record->id = UINT32_MAX;
    record->err = ISO_UNAVAILABLE;
    record->text = "a broker went away";
}

/* What one partition has to say, while there is room. The lock is held. */
static void reader_serve(struct memory_reader *reader, struct memory_assignment *at,
                         size_t max)
{
    const struct memory_partition *partition =
        iso_memory_partition(reader->bus->cluster, at->topic, at->partition);
    if (partition == NULL) {
        reader_missing(reader, at);
        return;
    }
    reader_elections(reader, at, partition);
    if (reader->record_count == max)
        return;
    int64_t log_end = partition->begin + (int64_t)partition->count;
    int64_t end = iso_memory_visible_end(reader->bus, partition);
    if (at->next < partition->begin || at->next > log_end) {
        at->stands = true;
        reader_event(reader, at, ISO_HOLE);
        return;
    }
    while (at->next < end && reader->record_count < max)
        reader_record(reader, at,
                      partition->records[(size_t)(at->next - partition->begin)]);
    if (at->next >= log_end && at->end_told != at->next && reader->record_count < max) {
        at->end_told = at->next;
        reader_event(reader, at, ISO_AT_END);
    }
}

static enum iso_err memory_fetch(struct iso_reader *base, size_t max, int timeout_ms,
                                 const struct iso_record **records, size_t *count,
                                 struct iso_why *why)
{
    (void)timeout_ms;
    (void)why;
    struct memory_reader *reader = reader_of(base);
    pthread_mutex_lock(&reader->bus->cluster->lock);
    reader_let_go(reader);
    if (reader->room < max) {
        reader->room = max;
        reader->records = iso_realloc(reader->records, max * sizeof *reader->records);
        reader->held = iso_realloc(reader->held, max * sizeof(struct memory_record *));
    }
    size_t first = reader->count > 0 ? reader->turn % reader->count : 0;
    bool cut = (reader->bus->cut & ISO_MEMORY_IN) != 0;
    for (size_t i = 0; i < reader->count && !cut; i++) {
        size_t slot = (first + i) % reader->count;
        if (reader->record_count == max)
            break;
        reader->turn = slot + 1;
        if (!reader->assignments[slot].stands)
            reader_serve(reader, &reader->assignments[slot], max);
    }
    pthread_mutex_unlock(&reader->bus->cluster->lock);
    *records = reader->records;
    *count = reader->record_count;
    return ISO_OK;
}

static void reader_commit(const struct memory_reader *reader, uint32_t id,
                          int64_t next_offset)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct memory_assignment *at = &reader->assignments[i];
        if (at->id == id)
            iso_memory_commit(reader->bus->cluster, reader->group,
                              &(struct iso_place){.topic = at->topic,
                                                  .partition = at->partition,
                                                  .offset = next_offset});
    }
}

static void memory_commit(struct iso_reader *base, const uint32_t *ids,
                          const int64_t *next_offsets, size_t count)
{
    const struct memory_reader *reader = reader_of(base);
    if (reader->group == NULL || (reader->bus->cut & ISO_MEMORY_OUT) != 0)
        return;
    pthread_mutex_lock(&reader->bus->cluster->lock);
    for (size_t i = 0; i < count; i++)
        reader_commit(reader, ids[i], next_offsets[i]);
    pthread_mutex_unlock(&reader->bus->cluster->lock);
}

static const struct iso_reader_port reader_port = {
    .close = memory_reader_close,
    .assign = memory_assign,
    .unassign = memory_unassign,
    .fetch = memory_fetch,
    .commit = memory_commit,
};
