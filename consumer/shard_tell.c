/* What a shard tells others, always of what is committed: its reports, the dead letters
 * of its outbox (again until Kafka has them: they are keyed by origin, so twice is
 * harmless), and positions for other people's tools.
 *
 * How it can fail: Kafka away makes everything here wait its turn; nothing piles up,
 * since a slice has at most one report under way.
 */
#include "consumer/shard_parts.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "schema/dead_letter.h"

enum { REPORT_AT_LEAST_MS = 2000, POSITIONS_MAX = 512, LETTERS_RETRY_MS = 5000 };

void iso_shard_letter_free(struct shard_letter *letter)
{
    iso_buf_release(&letter->key);
    iso_buf_release(&letter->value);
    iso_buf_release(&letter->row);
    iso_free(letter);
}

static void letter_delivered(void *user, const struct iso_delivery *delivery)
{
    struct iso_shard *shard = user;
    struct shard_letter *letter = delivery->opaque;
    if (delivery->fate == ISO_SENT)
        iso_shard_health_answer(shard, letter, delivery->append_ms);
    if (letter->row.size == 0) {
        shard->reports_out--;
        iso_shard_letter_free(letter);
        return;
    }
    shard->letters_out--;
    if (delivery->fate == ISO_SENT) {
        letter->next = shard->letters_done;
        shard->letters_done = letter;
        return;
    }
    shard->outbox_filled = true;
    /* Kafka refuses it (no topic, no right): said once, and asked again in a while. */
    if (delivery->fate == ISO_NOT_SENT &&
        shard_now(shard) >= shard->letters_retry_at_ms) {
        shard->letters_retry_at_ms = shard_now(shard) + LETTERS_RETRY_MS;
        iso_log(ISO_WARN, "dead-letter.send", "topic=%s err=%s",
                shard->dead_letter_topic, iso_err_name(delivery->err));
    }
    iso_shard_letter_free(letter);
}

static bool publisher_ready(struct iso_shard *shard)
{
    if (shard->publisher != NULL)
        return true;
    struct iso_why why = {0};
    struct shard_cluster *own = iso_shard_cluster_open(shard, shard->options.own, &why);
    struct iso_publisher_options options = {
        .linger_ms = shard->options.tuning.linger_ms,
        .memory_max = 16 << 20,
        .client_id = "isostasyd-reports",
        .header = ISO_HEADER_NAME,
        .delivered = letter_delivered,
        .user = shard,
    };
    if (own != NULL &&
        iso_publisher_open(own->bus, &options, &shard->publisher, &why) == ISO_OK)
        return true;
    shard->publisher = NULL;
    iso_log_why(ISO_ERROR, "report.open", &why);
    return false;
}

/* Takes the letter over; false: the queue is full, or the publisher was fenced. */
static bool letter_send(struct iso_shard *shard, const char *topic,
                        struct shard_letter *letter)
{
    struct iso_message message = {
        .topic = topic,
        .has_key = true,
        .has_value = true,
        .key = iso_buf_bytes(&letter->key),
        .value = iso_buf_bytes(&letter->value),
        .opaque = letter,
    };
    struct iso_why why;
    letter->sent_ms = iso_now_ms(shard->options.clock);
    letter->sent_steady_ms = shard_now(shard);
    enum iso_err err = iso_publisher_send(shard->publisher, &message, &why);
    if (err == ISO_OK)
        return true;
    iso_shard_letter_free(letter);
    if (err == ISO_FENCED) {
        iso_publisher_close(shard->publisher); /* answers what is under way */
        shard->publisher = NULL;
    }
    return false;
}

/* ---- reports ---- */

static bool report_send(struct iso_shard *shard, struct shard_slice *slice)
{
    const struct iso_definition *definition = slice->collection->definition;
    struct iso_slice nothing = {.partition = slice->partition};
    if (slice->apply != NULL)
        definition = iso_apply_definition(slice->apply);
    struct iso_report report = {
        .region_number = (uint8_t)shard->region,
        .definition = definition->number,
        .at_ms = iso_now_ms(shard->options.clock),
        .state = slice->state,
        .slice = slice->apply == NULL ? nothing /* borrowed: not released here */
                                      : *iso_apply_slice(slice->apply),
        .has_health = true,
    };
    iso_shard_health_fill(shard, slice);
    report.health = slice->health; /* borrowed as well */
    report.diverged = slice->diverged;
    snprintf(report.region, sizeof report.region, "%s", shard->options.region);
    snprintf(report.collection, sizeof report.collection, "%s",
             slice->collection->name);
    snprintf(report.software, sizeof report.software, "%s", ISOSTASY_VERSION);
    if (slice->state != ISO_SLICE_APPLYING)
        snprintf(report.why, sizeof report.why, "%.255s", slice->why.text);
    memcpy(report.store, iso_store_id(shard->options.store).data, sizeof report.store);
    struct shard_letter *letter = iso_alloc_zero(1, sizeof *letter);
    iso_report_key(&report, &letter->key);
    iso_report_encode(&report, &letter->value);
    if (!letter_send(shard, shard->status_topic, letter))
        return false;
    shard->reports_out++;
    return true;
}

static void tell_reports(struct iso_shard *shard, bool closing)
{
    int64_t now_ms = shard_now(shard);
    if (!closing && shard->reports_out > shard->slice_count)
        return;
    for (size_t i = 0; i < shard->slice_count; i++) {
        struct shard_slice *slice = &shard->slices[i];
        int64_t age_ms = now_ms - slice->reported_at_ms;
        bool due = slice->news && age_ms >= shard->options.tuning.report_ms;
        if (!closing && !due && age_ms < REPORT_AT_LEAST_MS)
            continue;
        if (!publisher_ready(shard) || !report_send(shard, slice))
            return;
        slice->news = false;
        slice->reported_at_ms = now_ms;
    }
}

/* ---- dead letters ---- */

static bool outbox_send(struct iso_shard *shard, struct iso_bytes row,
                        struct iso_bytes value)
{
    struct iso_dead_letter dead;
    struct iso_why why;
    if (iso_dead_letter_decode(value, &dead, &why) != ISO_OK) {
        iso_log_why(ISO_ERROR, "dead-letter.decode", &why);
        return true; /* it stays in the outbox, for a person */
    }
    struct shard_letter *letter = iso_alloc_zero(1, sizeof *letter);
    iso_dead_letter_key(&dead, &letter->key);
    iso_buf_add_bytes(&letter->value, value);
    iso_buf_add_bytes(&letter->row, row);
    if (!letter_send(shard, shard->dead_letter_topic, letter))
        return false;
    shard->letters_out++;
    return true;
}

static enum iso_err outbox_walk(struct iso_shard *shard, struct iso_snapshot *snapshot,
                                struct iso_why *why)
{
    struct iso_cursor *cursor;
    struct iso_bytes all = {0}, row, value;
    enum iso_err err = iso_cursor_open(snapshot, ISO_OUTBOX, all, all, &cursor, why);
    while (err == ISO_OK && shard->letters_out < SHARD_LETTERS_MAX) {
        err = iso_cursor_next(cursor, &row, &value, why);
        if (err == ISO_OK && !outbox_send(shard, row, value))
            break;
    }
    shard->outbox_filled = err != ISO_END;
    iso_cursor_close(cursor);
    return err == ISO_END ? ISO_OK : err;
}

/* One window of the outbox at a time: when all of it is answered and forgotten, the
 * next. */
static void tell_dead_letters(struct iso_shard *shard)
{
    if (!shard->outbox_filled || shard->letters_out > 0 ||
        shard->letters_done != NULL || shard_now(shard) < shard->letters_retry_at_ms)
        return;
    struct iso_snapshot *snapshot;
    struct iso_why why;
    if (!publisher_ready(shard) ||
        iso_snapshot_open(shard->options.store, &snapshot, &why) != ISO_OK)
        return;
    if (outbox_walk(shard, snapshot, &why) != ISO_OK)
        iso_log_why(ISO_WARN, "dead-letter.read", &why);
    iso_snapshot_close(snapshot);
}

/* ---- positions ---- */

static void tell_positions(struct iso_shard *shard, bool closing)
{
    int64_t now_ms = shard_now(shard);
    if (!closing && now_ms < shard->commit_at_ms)
        return;
    shard->commit_at_ms = now_ms + shard->options.tuning.commit_ms;
    uint32_t ids[POSITIONS_MAX];
    int64_t nexts[POSITIONS_MAX];
    for (struct shard_cluster *it = shard->clusters; it != NULL; it = it->next) {
        size_t count = 0;
        for (size_t id = 0; id < shard->feed_count; id++) {
            const struct shard_feed *feed = &shard->feeds[id];
            if (!feed->assigned || feed->log->cluster != it)
                continue;
            ids[count] = (uint32_t)id;
            nexts[count] = iso_shard_feed_frontier(shard, feed);
            count += nexts[count] >= 0; /* else its slice does not know the log yet */
            if (count == POSITIONS_MAX) {
                iso_reader_commit(it->reader, ids, nexts, count);
                count = 0;
            }
        }
        if (count > 0)
            iso_reader_commit(it->reader, ids, nexts, count);
    }
}

void iso_shard_tell(struct iso_shard *shard, bool closing)
{
    if (shard->txn == NULL && !shard->reload) { /* only what is committed is told */
        tell_reports(shard, closing);
        tell_dead_letters(shard);
        tell_positions(shard, closing);
    }
    if (!closing)
        iso_shard_beats(shard);
}

void iso_shard_tell_poll(struct iso_shard *shard, int timeout_ms)
{
    struct iso_why why;
    int count;
    if (shard->publisher != NULL &&
        iso_publisher_poll(shard->publisher, timeout_ms, &count, &why) == ISO_FENCED) {
        iso_publisher_close(shard->publisher);
        shard->publisher = NULL;
    }
    for (size_t i = 0; i < shard->collection_count; i++)
        iso_shard_beats_poll(shard->collections[i]);
}

void iso_shard_tell_close(struct iso_shard *shard)
{
    iso_publisher_close(shard->publisher); /* answers what is under way */
    shard->publisher = NULL;
    while (shard->letters_done != NULL) {
        struct shard_letter *letter = shard->letters_done;
        shard->letters_done = letter->next;
        iso_shard_letter_free(letter);
    }
}
