/* The seven steps (DESIGN.md, section 4):
 *
 *   1 below the frontier? ── yes ─▶ skipped
 *   2 judge: admitted? ───── no ──▶ dead letter ──▶ 6
 *   3 filter: new? ───────── no ──▶ counted ──────▶ 6   (disorder: as 2)
 *   4 merge: entry, ledger, bucket, slice
 *   5 T, bound, top, source
 *   6 frontier   7 running hash
 *
 * What a record that fails has changed is taken back: one that has to wait, or meets
 * damage, leaves slice and transaction as it found them. */
#include "consumer/apply_state.h"

#include <inttypes.h>

#include "consumer/apply_marks.h"
#include "consumer/rows.h"

#ifndef ISO_PLANTED
#define ISO_PLANTED(mistake) 0
#endif

struct step {
    struct iso_apply *apply;
    const struct iso_record *record;
    size_t index;                            /* of the log in slice.logs */
    const struct iso_write *write;           /* as it was admitted */
    const struct iso_definition *definition; /* that a DEFINE puts in force */
    enum iso_outcome outcome;
};

static struct iso_slice_log *log_of(const struct step *step)
{
    return &step->apply->slice.logs[step->index];
}

static bool has_header(const struct step *step)
{
    return step->record->header_count > 0;
}

/* What the merge will look up lies in memory that nobody has touched lately: it is
 * fetched while the record is judged. */
static void expect(const struct step *step)
{
    struct iso_apply *apply = step->apply;
    struct iso_bytes key = step->record->key;
    if (key.size == 0 || key.size > ISO_KEY_MAX)
        return;
    iso_rows_key_entry(&apply->key, apply->number, apply->partition, key);
    iso_txn_expect(apply->txn, ISO_ENTRY, iso_buf_bytes(&apply->key));
    iso_buckets_expect(&apply->buckets, iso_bucket_of(key, apply->buckets.count));
}

/* ---- step 2 ---- */

static enum iso_err judge(struct step *step, bool control_read, struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    const struct iso_apply_log *log = &apply->logs[step->index];
    struct iso_admit admit = {
        .definition = log->definition,
        .where = log->definition != NULL ? log->where : NULL,
        .log = log_of(step),
        .partition = apply->partition,
        .schemas = log->schemas,
        .resolver = apply->resolver,
        .known = &apply->known,
        .control_read = control_read,
    };
    enum iso_err err = iso_admit(&admit, step->record, &apply->admitted, why);
    if (err == ISO_OK && step->write->operation == ISO_DEFINE)
        err =
            iso_admit_define(&admit, step->record, step->write, &step->definition, why);
    if (err == ISO_OK && step->definition != NULL)
        err = iso_apply_define_check(apply, log_of(step)->log, step->definition, why);
    return err;
}

static void set_aside(struct step *step, enum iso_err err, const struct iso_why *why)
{
    log_of(step)->refused++;
    if (ISO_PLANTED(what_is_refused_moves_the_vector))
        iso_vector_move(&step->apply->slice.vector, log_of(step)->log,
                        step->record->offset);
    iso_apply_letter(step->apply, step->index, step->record, err, why);
    step->outcome = ISO_SET_ASIDE;
}

/* ---- step 4 ---- */

/* The row changes, and by it the sums of its bucket and of the slice. */
static void merge_keep(struct step *step, struct iso_bytes key, uint32_t number,
                       struct iso_bucket *bucket)
{
    struct iso_apply *apply = step->apply;
    const struct iso_merged *merged = &apply->merged;
    uint16_t log = log_of(step)->log;
    if (merged->changed && merged->row.size > 0)
        iso_txn_put(apply->txn, ISO_ENTRY, key, iso_buf_bytes(&merged->row));
    else if (merged->changed)
        iso_txn_delete(apply->txn, ISO_ENTRY, key);
    iso_apply_asides_keep(apply);
    iso_apply_mortal_keep(apply, step->record->key, number);
    iso_buckets_touch(&apply->buckets, number);
    iso_tally_subtract(&bucket->tally, &merged->was);
    if (ISO_PLANTED(digests_forget_tombstones) && merged->is.tombstones > 0)
        apply->merged.is.mortal = (struct iso_digest){0};
    iso_tally_add(&bucket->tally, &merged->is);
    iso_tally_subtract(&apply->slice.tally, &merged->was);
    iso_tally_add(&apply->slice.tally, &merged->is);
    iso_vector_move(&bucket->vector, log, step->record->offset);
    iso_vector_move(&apply->slice.vector, log, step->record->offset);
    apply->slice.effective++;
    apply->slice.alarms += merged->alarm;
}

/* What a key holds stands in one row, but for its large values. It cannot be refused
 * for that: in another region, which read other logs first, the record before was the
 * one too many. */
static enum iso_err check_row(const struct step *step, struct iso_why *why)
{
    size_t size = step->apply->merged.row.size;
    if (size <= ISO_STORE_VALUE_MAX)
        return ISO_OK;
    return iso_fail(why, ISO_UNSUPPORTED,
                    "with the write at offset %" PRId64
                    " of log %u, what its key holds "
                    "takes %zu bytes, and this is isostasy " ISOSTASY_VERSION
                    ", which keeps at most %d of one key: upgrade it, and find who "
                    "writes that key without reading it",
                    step->record->offset, log_of(step)->log, size, ISO_STORE_VALUE_MAX);
}

static enum iso_err merge(struct step *step, struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    const struct iso_record *record = step->record;
    struct iso_ledger ledger = iso_apply_ledger(apply);
    struct iso_bytes held = {0};
    struct iso_bucket *bucket;
    uint32_t number = iso_bucket_of(record->key, apply->buckets.count);
    enum iso_err err =
        iso_buckets_get(&apply->buckets, apply->txn, number, &bucket, why);
    if (err != ISO_OK)
        return err;
    iso_rows_key_entry(&apply->key, apply->number, apply->partition, record->key);
    struct iso_bytes key = iso_buf_bytes(&apply->key);
    err = iso_txn_get(apply->txn, ISO_ENTRY, key, &held, why);
    if (err != ISO_OK && err != ISO_NOT_FOUND)
        return err;
    if (err == ISO_NOT_FOUND)
        held = (struct iso_bytes){0};
    iso_apply_ledger_begin(apply, record->key);
    struct iso_asides asides = iso_apply_asides(apply);
    struct iso_merge given = {held, &apply->admitted.coming, &ledger, bucket->swept_ms,
                              &asides};
    err = apply->resolver->merge(&given, &apply->merged, why);
    if (err == ISO_OK)
        err = check_row(step, why);
    if (err != ISO_OK) {
        iso_apply_ledger_undo(apply);
        return err;
    }
    merge_keep(step, key, number, bucket);
    return ISO_OK;
}

/* A log begins (its first DEFINE), or goes on under another definition. */
static enum iso_err define(struct step *step, struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    uint16_t number = log_of(step)->log;
    iso_assert(step->definition != NULL);
    enum iso_err err = iso_apply_define(apply, number, step->definition,
                                        step->write->version.hlc, why);
    step->index = iso_apply_log_index(apply, number); /* logs may have moved */
    return err;
}

/* ---- step 5 ---- */

static void advance_time(struct step *step)
{
    struct iso_slice_log *log = log_of(step);
    const struct iso_write *write = step->write;
    uint64_t hlc = write->version.hlc;
    int64_t append_ms = iso_admit_append_ms(step->record);
    if (hlc > log->top)
        log->top = hlc;
    if (has_header(step)) {
        int64_t attested_ms = iso_hlc_ms(hlc) < append_ms ? iso_hlc_ms(hlc) : append_ms;
        if (ISO_PLANTED(the_broker_alone_says_the_time))
            attested_ms = append_ms;
        if (ISO_PLANTED(the_writer_alone_says_the_time))
            attested_ms = iso_hlc_ms(hlc);
        if (attested_ms > log->t_ms)
            log->t_ms = attested_ms;
    }
    const struct iso_definition *definition = step->apply->logs[step->index].definition;
    if (log->t_ms - definition->before_max_ms > log->bound_ms)
        log->bound_ms = log->t_ms - definition->before_max_ms;
    if (ISO_PLANTED(bounds_fall))
        log->bound_ms = log->t_ms - definition->before_max_ms;
}

static void advance_source(struct step *step)
{
    const struct iso_write *write = step->write;
    uint32_t region = has_header(step) ? iso_node_region(write->version.node) : 0;
    struct iso_slice_source *source = iso_slice_source_add(log_of(step), region);
    if (source->offset < 0 || write->version.hlc >= source->hlc) {
        source->hlc = write->version.hlc;
        source->offset = step->record->offset;
        source->append_ms = step->record->append_ms;
    }
    step->apply->wrote =
        write->operation != ISO_HEARTBEAT && write->operation != ISO_DEFINE;
    step->apply->wrote_region = region;
    source->writes += step->apply->wrote;
}

/* ---- steps 3 to 5 ---- */

/* What the record does when it is new. */
static enum iso_err effect(struct step *step, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    if (step->write->operation == ISO_DEFINE)
        err = define(step, why);
    else if (step->write->operation != ISO_HEARTBEAT)
        err = merge(step, why);
    if (err != ISO_OK)
        return err;
    advance_time(step);
    advance_source(step);
    step->outcome = ISO_APPLIED;
    return ISO_OK;
}

static void filter_copy(struct iso_filter *to, const struct iso_filter *from)
{
    to->count = from->count;
    memcpy(to->intervals, from->intervals, from->count * sizeof from->intervals[0]);
}

static void disorder(struct step *step, uint16_t before, struct iso_why *why)
{
    const struct iso_write *write = step->write;
    enum iso_err err;
    if (before == 0)
        err = iso_fail(
            why, ISO_REFUSED,
            "seq %" PRIu64 " of node %016" PRIx64 " has an hlc that is not between "
            "those of the seqs beside it: a handle was copied, so open one in each "
            "process, after fork",
            write->seq, write->version.node);
    else
        err = iso_fail(
            why, ISO_REFUSED,
            "seq %" PRIu64 " of node %016" PRIx64 " has an hlc that is not above what "
            "the node wrote in log %u, which this one succeeds: a handle was copied, "
            "or the record was; open a handle in each process, after fork",
            write->seq, write->version.node, before);
    set_aside(step, err, why);
}

/* Has the node written as late or later in a log that this one succeeds? *before says
 * in which; 0: in none. Asked only of what is not newer than all that stands there,
 * which is what copies and clocks that were set back bring. Rows that a sweep has
 * deleted are not missed: their hlcs are below the bound of every log that is open or
 * will be. */
static enum iso_err find_before(struct step *step, uint16_t *before,
                                struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    const struct iso_apply_log *log = &apply->logs[step->index];
    struct iso_version version = step->write->version;
    *before = 0;
    for (size_t i = 0; i < log->before_count; i++) {
        uint16_t number = apply->before[log->before + i];
        struct iso_apply_filter *slot;
        enum iso_err err = iso_apply_filters_get(&apply->filters, apply->txn, number,
                                                 version.node, &slot, why);
        if (err != ISO_OK)
            return err;
        if (version.hlc <= iso_filter_newest(&slot->filter))
            *before = number;
    }
    return ISO_OK;
}

static enum iso_err filter_and_effect(struct step *step, struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    const struct iso_write *write = step->write;
    struct iso_slice_log *log = log_of(step);
    if (!has_header(step))
        return effect(step, why);
    struct iso_apply_filter *slot;
    enum iso_err err = ISO_OK;
    uint16_t newer_in = 0; /* a log that this one succeeds */
    if (write->version.hlc <= apply->logs[step->index].before_top)
        err = find_before(step, &newer_in, why);
    if (err == ISO_OK)
        err = iso_apply_filters_get(&apply->filters, apply->txn, log->log,
                                    write->version.node, &slot, why);
    if (err != ISO_OK)
        return err;
    struct iso_filter before;
    uint64_t gaps = 0;
    filter_copy(&before, &slot->filter);
    switch (iso_filter_take(&slot->filter, write->seq, write->version.hlc,
                            log->bound_ms, &gaps)) {
    case ISO_FILTER_DUPLICATE:
        log->duplicates++;
        step->outcome = ISO_DUPLICATE;
        if (ISO_PLANTED(what_is_sent_twice_counts_twice))
            break;
        return ISO_OK;
    case ISO_FILTER_DISORDER:
        disorder(step, 0, why);
        return ISO_OK;
    case ISO_FILTER_NEW:
        if (newer_in == 0 || ISO_PLANTED(nodes_go_back_in_successors))
            break;
        filter_copy(&slot->filter, &before);
        disorder(step, newer_in, why);
        return ISO_OK;
    }
    err = effect(step, why);
    if (err != ISO_OK) {
        filter_copy(&slot->filter, &before);
        return err;
    }
    slot->dirty = true;
    apply->slice.gaps += gaps;
    return ISO_OK;
}

/* ---- steps 6 and 7 ---- */

static void advance_frontier(struct step *step)
{
    struct iso_apply *apply = step->apply;
    const struct iso_record *record = step->record;
    struct iso_slice_log *log = log_of(step);
    struct iso_digest zero = {0};
    int64_t append_ms = iso_admit_append_ms(record), former = log->record_offset;
    log->frontier = record->offset + 1;
    if (append_ms > log->append_ms)
        log->append_ms = append_ms;
    log->prefix = iso_apply_record_hash(log->prefix, record, &apply->hash);
    log->record_offset = record->offset;
    log->record_append_ms = record->append_ms;
    log->record_hash = iso_apply_record_hash(zero, record, &apply->hash);
    iso_apply_mark(apply, log, former);
    apply->changed = true;
}

/* The log was closed before this record: all that counts of it was read. */
static void skip_to_end(struct step *step)
{
    struct iso_slice_log *log = log_of(step);
    int64_t end = step->apply->logs[step->index].end;
    step->outcome = ISO_SKIPPED;
    step->apply->changed |= log->frontier != end;
    log->frontier = end;
}

/* What becomes of a record that is not below the frontier, and below the end. */
static enum iso_err apply_here(struct step *step, bool control_read,
                               struct iso_why *why)
{
    expect(step);
    enum iso_err err = judge(step, control_read, why);
    if (iso_err_kind(err) == ISO_POISON)
        set_aside(step, err, why);
    else if (err != ISO_OK)
        return err;
    else
        err = filter_and_effect(step, why);
    if (step->outcome != ISO_SET_ASIDE && err != ISO_OK)
        return err;
    advance_frontier(step);
    return ISO_OK;
}

/* The first record of a log that only the control topic has named so far. */
static enum iso_err apply_first(struct step *step, const struct iso_apply_input *input,
                                struct iso_why *why)
{
    struct iso_apply *apply = step->apply;
    enum iso_err err = iso_apply_log_meet(apply, input->log, why);
    if (err != ISO_OK)
        return err;
    step->index = iso_apply_log_index(apply, input->log);
    err = apply_here(step, input->control_read, why);
    if (err != ISO_OK)
        iso_apply_log_forget(apply, input->log);
    return err;
}

enum iso_err iso_apply_record(struct iso_apply *apply, struct iso_txn *txn,
                              const struct iso_apply_input *input,
                              enum iso_outcome *outcome, struct iso_why *why)
{
    struct step step = {.apply = apply,
                        .record = input->record,
                        .write = &apply->admitted.write,
                        .index = iso_apply_log_index(apply, input->log)};
    struct iso_why unasked;
    enum iso_err err = ISO_OK;
    if (why == NULL)
        why = &unasked; /* a dead letter needs its sentence */
    apply->txn = txn;
    if (step.index == apply->slice.log_count)
        err = apply_first(&step, input, why);
    else if (input->record->offset < log_of(&step)->frontier)
        step.outcome = ISO_SKIPPED;
    else if (input->record->offset >= apply->logs[step.index].end)
        skip_to_end(&step);
    else
        err = apply_here(&step, input->control_read, why);
    if (err == ISO_OK)
        *outcome = step.outcome;
    return err;
}
