/* Input: which record it is, its bytes (of the control topic: key, NUL, value). What
 * else a daemon or a monitor reads from Kafka or the store: nothing must break it, and
 * what decodes encodes to what decodes. */
#include "schema/control.h"
#include "schema/dead_letter.h"
#include "schema/report.h"
#include "tests/fuzz/fuzz.h"

static void report_try(struct iso_bytes bytes)
{
    struct iso_report report = {0};
    struct iso_buf again = {0};
    if (iso_report_decode(bytes, &report, NULL) == ISO_OK) {
        iso_report_encode(&report, &again);
        iso_assert(iso_report_decode(iso_buf_bytes(&again), &report, NULL) == ISO_OK);
    }
    iso_buf_release(&again);
    iso_report_release(&report);
}

static void slice_try(struct iso_bytes bytes)
{
    struct iso_slice slice = {0};
    struct iso_buf again = {0};
    if (iso_slice_decode(bytes, &slice, NULL) == ISO_OK) {
        iso_slice_encode(&slice, &again);
        iso_assert(iso_slice_decode(iso_buf_bytes(&again), &slice, NULL) == ISO_OK);
    }
    iso_buf_release(&again);
    iso_slice_release(&slice);
}

static void dead_letter_try(struct iso_bytes bytes)
{
    struct iso_dead_letter letter, back;
    struct iso_buf again = {0};
    if (iso_dead_letter_decode(bytes, &letter, NULL) == ISO_OK) {
        iso_dead_letter_encode(&letter, &again);
        iso_assert(iso_dead_letter_decode(iso_buf_bytes(&again), &back, NULL) ==
                   ISO_OK);
    }
    iso_buf_release(&again);
}

static void control_try(struct iso_bytes bytes)
{
    struct iso_control *control = iso_control_new();
    struct iso_bytes key = fuzz_take_text(&bytes);
    iso_control_feed(control, 0, key, bytes);
    iso_assert(iso_control_next(control) == 1);
    iso_control_feed(control, 1, key, bytes); /* a second claim */
    iso_control_free(control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct iso_bytes) = {report_try, slice_try,
                                                      dead_letter_try, control_try};
    struct iso_bytes input = {data, size};
    tries[fuzz_take(&input) % 4](input);
    return 0;
}
