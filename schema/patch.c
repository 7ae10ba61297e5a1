/* One pass over borrowed bytes, as for a header: what fails reads zeros, and it is
 * asked once, at the end. Steps and sums stand in arrays that stay and grow to what is
 * really there; what steps point to in them is set when they no longer move. Every
 * count has a limit, so no patch makes its reader allocate for a number that it only
 * says. */
#include "schema/patch.h"

#include "base/mem.h"
#include "schema/bounded.h"
#include "schema/names.h"

enum { MEMBER_NULL, MEMBER_STRING, MEMBER_BRANCHES };

void iso_patch_release(struct iso_patch *patch)
{
    iso_free(patch->steps);
    iso_free(patch->sums);
    iso_buf_release(&patch->names);
    *patch = (struct iso_patch){0};
}

void iso_patch_clear(struct iso_patch *patch)
{
    memset(patch->fingerprint, 0, sizeof patch->fingerprint);
    patch->put = false;
    patch->mark = (struct iso_names){0};
    patch->step_count = patch->sum_count = 0;
    iso_buf_clear(&patch->names);
}

struct iso_step *iso_patch_step_add(struct iso_patch *patch)
{
    if (patch->step_count == patch->step_room) {
        patch->step_room = patch->step_room * 2 + 8;
        patch->steps =
            iso_realloc(patch->steps, patch->step_room * sizeof *patch->steps);
    }
    struct iso_step *step = &patch->steps[patch->step_count++];
    *step = (struct iso_step){0};
    return step;
}

/* ---- decoding ---- */

static struct iso_sum *sum_add(struct iso_patch *patch)
{
    if (patch->sum_count == patch->sum_room) {
        patch->sum_room = patch->sum_room * 2 + 8;
        patch->sums = iso_realloc(patch->sums, patch->sum_room * sizeof *patch->sums);
    }
    return &patch->sums[patch->sum_count++];
}

void iso_sum_read(struct iso_avro_cursor *cursor, struct iso_sum *sum)
{
    sum->log = (uint16_t)iso_bounded_long(cursor, 1, ISO_LOG_MAX);
    sum->region = (uint8_t)iso_bounded_long(cursor, 1, ISO_REGION_MAX);
    sum->next = iso_bounded_long(cursor, 1, INT64_MAX);
    sum->sum = iso_avro_long(cursor);
}

static size_t sums_read(struct iso_avro_cursor *cursor, struct iso_patch *patch)
{
    struct iso_list list = iso_list(ISO_PATCH_SUMS_MAX - patch->sum_count);
    size_t before = patch->sum_count;
    while (iso_list_next(cursor, &list))
        iso_sum_read(cursor, sum_add(patch));
    return patch->sum_count - before;
}

/* *seen_left: versions that the patch may still name. */
static struct iso_names seen_read(struct iso_avro_cursor *cursor,
                                  struct iso_patch *patch, size_t *seen_left)
{
    struct iso_names names = iso_names_read(cursor, *seen_left, &patch->names);
    *seen_left -= names.count;
    return names;
}

static void step_read(struct iso_avro_cursor *cursor, struct iso_patch *patch,
                      size_t *seen_left)
{
    struct iso_step *step = iso_patch_step_add(patch);
    step->field = iso_bounded_string(cursor, ISO_VALUE_MAX);
    step->has_member = iso_avro_branch(cursor, MEMBER_BRANCHES) == MEMBER_STRING;
    if (step->has_member)
        step->member = iso_bounded_string(cursor, ISO_VALUE_MAX);
    step->operation =
        (enum iso_step_operation)iso_avro_branch(cursor, ISO_STEP_OPERATIONS);
    step->value = iso_avro_bytes(cursor);
    step->seen = seen_read(cursor, patch, seen_left);
    step->sum_count = sums_read(cursor, patch);
}

/* Now that nothing moves any more. */
static void patch_settle(struct iso_patch *patch)
{
    size_t names_at = 0, sums_at = 0;
    iso_names_settle(&patch->mark, &patch->names, &names_at);
    for (size_t i = 0; i < patch->step_count; i++) {
        struct iso_step *step = &patch->steps[i];
        iso_names_settle(&step->seen, &patch->names, &names_at);
        if (step->sum_count > 0)
            step->sums = patch->sums + sums_at;
        sums_at += step->sum_count;
    }
}

enum iso_err iso_patch_decode(struct iso_bytes bytes, struct iso_patch *patch,
                              struct iso_why *why)
{
    struct iso_avro_cursor cursor = iso_avro_read(bytes);
    struct iso_list steps = iso_list(ISO_PATCH_STEPS_MAX);
    size_t seen_left = ISO_PATCH_SEEN_MAX;
    iso_patch_clear(patch);
    iso_bounded_fixed(&cursor, patch->fingerprint, sizeof patch->fingerprint);
    patch->put = iso_avro_boolean(&cursor);
    patch->mark = seen_read(&cursor, patch, &seen_left);
    while (iso_list_next(&cursor, &steps))
        step_read(&cursor, patch, &seen_left);
    if (iso_avro_done(&cursor)) {
        patch_settle(patch);
        return ISO_OK;
    }
    bool failed = cursor.failed;
    iso_patch_clear(patch);
    return iso_fail(why, ISO_BAD_DATA,
                    "the patch of %zu bytes is wrong at byte %zu (%s): a patch has at "
                    "most %d steps, %d versions and %d sums; write it with isostasy's "
                    "producer",
                    bytes.size, (size_t)(cursor.at - bytes.data),
                    failed ? "it does not decode" : "bytes are left over",
                    (int)ISO_PATCH_STEPS_MAX, (int)ISO_PATCH_SEEN_MAX,
                    (int)ISO_PATCH_SUMS_MAX);
}

/* ---- encoding ---- */

void iso_sum_add(struct iso_buf *out, const struct iso_sum *sum)
{
    iso_avro_add_long(out, sum->log);
    iso_avro_add_long(out, sum->region);
    iso_avro_add_long(out, sum->next);
    iso_avro_add_long(out, sum->sum);
}

static void step_encode(const struct iso_step *step, struct iso_buf *out)
{
    iso_avro_add_bytes(out, step->field);
    iso_avro_add_long(out, step->has_member ? MEMBER_STRING : MEMBER_NULL);
    if (step->has_member)
        iso_avro_add_bytes(out, step->member);
    iso_avro_add_long(out, step->operation);
    iso_avro_add_bytes(out, step->value);
    iso_names_add(out, step->seen);
    if (step->sum_count > 0)
        iso_avro_add_long(out, (int64_t)step->sum_count);
    for (size_t i = 0; i < step->sum_count; i++)
        iso_sum_add(out, &step->sums[i]);
    iso_avro_add_long(out, 0);
}

void iso_patch_encode(const struct iso_patch *patch, struct iso_buf *out)
{
    iso_buf_add(out, patch->fingerprint, sizeof patch->fingerprint);
    iso_buf_add_u8(out, patch->put);
    iso_names_add(out, patch->mark);
    if (patch->step_count > 0)
        iso_avro_add_long(out, (int64_t)patch->step_count);
    for (size_t i = 0; i < patch->step_count; i++)
        step_encode(&patch->steps[i], out);
    iso_avro_add_long(out, 0);
}
