/* Dead letters: the newest of a cluster's dead-letter topic are kept, without the value
 * and header that was refused, and how many the topic holds is asked with the ends.
 *
 * Read from where the newest can begin; then what is new. A letter that does not decode
 * is passed over: the topic is open to anybody.
 */
#include "base/mem.h"
#include "monitor/cluster.h"

enum { FETCH_WAIT_MS = 50, LETTERS_WAIT_MS = 500 };

void iso_cluster_letters_release(struct iso_cluster *cluster)
{
    for (size_t i = 0; i < ISO_MONITOR_LETTERS_MAX; i++)
        iso_buf_release(&cluster->kept[i].bytes);
    cluster->kept_count = 0;
    iso_free(cluster->letters);
    cluster->letters = NULL;
}

/* ---- keeping ---- */

/* Fills a letter that borrows from its own bytes; false: it does not decode. */
static bool letter_fill(struct cluster_letter *kept, const struct iso_record *record)
{
    struct iso_dead_letter letter;
    if (!record->has_value ||
        iso_dead_letter_decode(record->value, &letter, NULL) != ISO_OK)
        return false;
    if (letter.has_value) {
        letter.value = iso_bytes(NULL, 0);
        letter.value_cut = true;
    }
    if (letter.has_header) {
        letter.header = iso_bytes(NULL, 0);
        letter.header_cut = true;
    }
    iso_buf_clear(&kept->bytes);
    iso_dead_letter_encode(&letter, &kept->bytes);
    kept->append_ms = record->append_ms;
    return iso_dead_letter_decode(iso_buf_bytes(&kept->bytes), &kept->letter, NULL) ==
           ISO_OK;
}

/* The same record may have two letters: it is known by its origin. */
static bool letter_known(const struct iso_cluster *cluster,
                         const struct iso_dead_letter *letter)
{
    for (size_t i = 0; i < cluster->kept_count; i++) {
        const struct iso_dead_letter *kept = &cluster->kept[i].letter;
        if (kept->offset == letter->offset && kept->partition == letter->partition &&
            iso_bytes_equal(kept->topic, letter->topic))
            return true;
    }
    return false;
}

static void letter_keep(struct iso_cluster *cluster, const struct iso_record *record)
{
    struct cluster_letter fresh = {0};
    if (!letter_fill(&fresh, record) || letter_known(cluster, &fresh.letter)) {
        iso_buf_release(&fresh.bytes);
        return;
    }
    size_t at = 0;
    while (at < cluster->kept_count && cluster->kept[at].append_ms > fresh.append_ms)
        at++;
    if (cluster->kept_count == ISO_MONITOR_LETTERS_MAX) {
        if (at == cluster->kept_count) {
            iso_buf_release(&fresh.bytes);
            return;
        }
        iso_buf_release(&cluster->kept[--cluster->kept_count].bytes);
    }
    memmove(&cluster->kept[at + 1], &cluster->kept[at],
            (cluster->kept_count - at) * sizeof *cluster->kept);
    cluster->kept[at] = fresh;
    cluster->kept_count++;
}

void iso_cluster_letter_take(struct iso_cluster *cluster,
                             const struct iso_record *record)
{
    size_t index = record->id - CLUSTER_LETTER;
    if (index >= cluster->letter_partitions)
        return;
    struct cluster_letters *letters = &cluster->letters[index];
    switch (record->event) {
    case ISO_RECORD:
        letters->next = record->offset + 1;
        letters->trouble = false;
        letter_keep(cluster, record);
        return;
    case ISO_AT_END:
        if (letters->next < record->offset)
            letters->next = record->offset;
        return;
    case ISO_HOLE:
        letters->assigned = false;
        return;
    case ISO_TROUBLE:
        letters->trouble = true;
        return;
    }
}

/* ---- following ---- */

static enum iso_err letters_find(struct iso_cluster *cluster, int64_t until_ms,
                                 struct iso_why *why)
{
    int count;
    if (cluster->letter_partitions > 0)
        return ISO_OK;
    enum iso_err err = iso_bus_partitions(cluster->bus, cluster->letter_topic,
                                          iso_cluster_left_ms(until_ms), &count, why);
    if (err != ISO_OK) /* nothing was refused yet, or it is not for us to see */
        return err == ISO_NOT_FOUND || err == ISO_DENIED ? ISO_OK : err;
    cluster->letter_partitions = (size_t)count;
    cluster->letters = iso_alloc_zero((size_t)count, sizeof *cluster->letters);
    return ISO_OK;
}

static enum iso_err letters_ends(struct iso_cluster *cluster, int64_t until_ms,
                                 struct iso_why *why)
{
    size_t count = cluster->letter_partitions;
    struct iso_position *positions = iso_alloc_zero(count, sizeof *positions);
    for (size_t i = 0; i < count; i++)
        positions[i] =
            (struct iso_position){.topic = cluster->letter_topic, .partition = (int)i};
    enum iso_err err = iso_bus_ends(cluster->bus, positions, count,
                                    iso_cluster_left_ms(until_ms), why);
    for (size_t i = 0; err == ISO_OK && i < count; i++) {
        cluster->letters[i].begin = positions[i].begin;
        cluster->letters[i].end = positions[i].end;
    }
    iso_free(positions);
    return err;
}

/* Where the newest can begin, or where it was. */
static enum iso_err letters_assign(struct iso_cluster *cluster, struct iso_why *why)
{
    enum iso_err err = iso_cluster_reader(cluster, why);
    for (size_t i = 0; err == ISO_OK && i < cluster->letter_partitions; i++) {
        struct cluster_letters *letters = &cluster->letters[i];
        bool inside = letters->next >= letters->begin && letters->next <= letters->end;
        if (letters->assigned && inside)
            continue;
        letters->next = letters->end - ISO_MONITOR_LETTERS_MAX;
        if (letters->next < letters->begin)
            letters->next = letters->begin;
        err = iso_reader_assign(cluster->reader, CLUSTER_LETTER + (uint32_t)i,
                                cluster->letter_topic, (int)i, letters->next, why);
        letters->assigned = err == ISO_OK;
    }
    return err;
}

static bool letters_read(const struct iso_cluster *cluster)
{
    for (size_t i = 0; i < cluster->letter_partitions; i++) {
        const struct cluster_letters *letters = &cluster->letters[i];
        if (letters->assigned && !letters->trouble && letters->next < letters->end)
            return false;
    }
    return true;
}

enum iso_err iso_cluster_letters_follow(struct iso_cluster *cluster, int64_t until_ms,
                                        struct iso_why *why)
{
    enum iso_err err = letters_find(cluster, until_ms, why);
    if (err != ISO_OK || cluster->letter_partitions == 0)
        return err;
    err = letters_ends(cluster, until_ms, why);
    if (err == ISO_NOT_FOUND || err == ISO_DENIED)
        return ISO_OK;
    if (err == ISO_OK)
        err = letters_assign(cluster, why);
    int64_t soon_ms = iso_steady_ms(&iso_clock_machine) + LETTERS_WAIT_MS;
    if (soon_ms < until_ms)
        until_ms = soon_ms; /* what does not come in time comes next time */
    while (err == ISO_OK && !letters_read(cluster) && iso_cluster_left_ms(until_ms) > 0)
        err = iso_cluster_fetch(cluster, FETCH_WAIT_MS, why);
    return err;
}
