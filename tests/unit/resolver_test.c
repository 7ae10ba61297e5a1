/* What a resolver promises beside the law (tests/law): limits, failures, alarms, what
 * readers are shown, and that the hot path does not allocate. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "resolver/names.h"
#include "resolver/resolver.h"

/* ---- a ledger that only remembers versions */

enum { ROWS_MAX = 2000 };
static struct iso_loser rows[ROWS_MAX];
static size_t row_count;
static enum iso_err ledger_err; /* what its calls fail with */
static uint32_t ledger_lies;    /* leave_older says that so many more left */

static enum iso_err enter(void *self, const struct iso_loser *loser,
                          struct iso_why *why)
{
    (void)self;
    if (ledger_err != ISO_OK)
        return iso_fail(why, ledger_err, "planted");
    for (size_t n = 0; n < row_count; n++)
        if (iso_version_equal(rows[n].version, loser->version))
            ck_abort_msg("a version entered the ledger twice");
    ck_assert_uint_lt(row_count, ROWS_MAX);
    rows[row_count++] = *loser;
    return ISO_OK;
}

static enum iso_err leave(void *self, struct iso_bytes field,
                          struct iso_version version, bool *left, struct iso_why *why)
{
    (void)self, (void)field;
    if (ledger_err != ISO_OK)
        return iso_fail(why, ledger_err, "planted");
    *left = false;
    for (size_t n = 0; n < row_count && !*left; n++) {
        *left = iso_version_equal(rows[n].version, version);
        if (*left)
            rows[n] = rows[--row_count];
    }
    return ISO_OK;
}

static enum iso_err leave_older(void *self, struct iso_bytes field,
                                struct iso_version version, uint16_t log,
                                uint32_t *left, struct iso_why *why)
{
    (void)self, (void)field, (void)version, (void)log, (void)why;
    *left = ledger_lies;
    return ISO_OK;
}

static bool succeeds(void *self, uint16_t log, uint16_t older)
{
    (void)self, (void)log, (void)older;
    return false;
}

static const struct iso_ledger ledger = {
    .enter = enter, .leave = leave, .leave_older = leave_older, .succeeds = succeeds};

/* ---- one key */

static const struct iso_resolver *lww;
static struct iso_merged merged;
static struct iso_buf held;
static struct iso_shown shown;
static struct iso_context context; /* what `shown` has in bytes */
static struct iso_why why;
static int64_t swept_ms;
static const struct iso_bytes key = {.data = (const uint8_t *)"key", .size = 3};

static void setup(void)
{
    lww = iso_resolver_find("lww");
    row_count = 0;
    ledger_err = ISO_OK;
    ledger_lies = 0;
    swept_ms = 0;
    iso_buf_clear(&held);
}

static void teardown(void)
{
    iso_merged_release(&merged);
    iso_shown_release(&shown);
    iso_buf_release(&held);
}

static struct iso_coming put_at(unsigned region, int64_t ms, struct iso_bytes value)
{
    return (struct iso_coming){
        .operation = ISO_PUT,
        .key = key,
        .value = value,
        .version = {iso_hlc_of_ms(ms), iso_node(region, 1)},
        .log = (uint16_t)region,
        .offset = ms,
        .blind = true,
    };
}

static enum iso_err merge(const struct iso_coming *coming)
{
    struct iso_merge in = {.held = iso_buf_bytes(&held),
                           .coming = coming,
                           .ledger = &ledger,
                           .swept_ms = swept_ms};
    enum iso_err err = lww->merge(&in, &merged, &why);
    if (err == ISO_OK && merged.changed) {
        struct iso_buf old = held;
        held = merged.row;
        merged.row = old;
    }
    return err;
}

static void ck_merge(const struct iso_coming *coming)
{
    ck_assert_int_eq(merge(coming), ISO_OK);
}

static struct iso_entry entry_held(void)
{
    struct iso_entry entry;
    struct iso_digest digest;
    ck_assert_int_eq(iso_entry_decode(iso_buf_bytes(&held), key, &merged.scratch,
                                      &entry, &digest, &why),
                     ISO_OK);
    return entry;
}

static void show(int64_t now_ms)
{
    ck_assert_int_eq(lww->show(key, iso_buf_bytes(&held), now_ms, &shown, &why),
                     ISO_OK);
    ck_assert_int_eq(iso_context_decode(iso_buf_bytes(&shown.context), &context, &why),
                     ISO_OK);
}

static void ck_context(struct iso_version version)
{
    ck_assert_uint_eq(context.shown.count, 1);
    ck_assert(iso_version_equal(iso_names_at(context.shown, 0), version));
    ck_assert_uint_eq(context.hlc, version.hlc);
}

START_TEST(a_resolver_is_found_by_its_name)
{
    ck_assert_ptr_eq(iso_resolver_find("lww"), iso_resolver_at(0));
    ck_assert_str_eq(iso_resolver_at(0)->name, "lww");
    ck_assert_ptr_null(iso_resolver_find("LWW"));
    ck_assert_ptr_null(iso_resolver_find(""));
    ck_assert_ptr_null(iso_resolver_at(1000));
}
END_TEST

/* The rooms below ask the definition, which knows no resolver. */
START_TEST(a_definition_says_of_each_resolver_whether_it_has_fields)
{
    const struct iso_resolver *resolver;
    unsigned having = 0;
    for (size_t n = 0; (resolver = iso_resolver_at(n)) != NULL; n++) {
        struct iso_definition definition = {0};
        snprintf(definition.resolver, sizeof definition.resolver, "%s", resolver->name);
        ck_assert(iso_definition_has_fields(&definition) == resolver->has_fields);
        having += resolver->has_fields;
    }
    ck_assert_uint_eq(having, 1);
}
END_TEST

START_TEST(a_row_has_at_most_64_bytes_beside_its_value)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    ck_assert_uint_le(held.size - 5, 64);
    put.version.hlc++;
    put.has_expiry = true;
    put.expiry_ms = 200;
    ck_merge(&put);
    ck_assert_uint_le(held.size - 5, 64);
}
END_TEST

START_TEST(after_the_first_a_merge_allocates_nothing)
{
    uint8_t value[200] = {7}, name[ISO_VERSION_SIZE];
    struct iso_coming put = put_at(1, 100, iso_bytes(value, sizeof value));
    for (int n = 0; n < 3; n++, put.version.hlc++)
        ck_merge(&put);
    put.read = (struct iso_names){name, 1};
    uint64_t before = iso_mem_count();
    for (int n = 0; n < 100; n++, put.version.hlc++) {
        put.blind = n % 2 == 0;
        iso_version_put(name,
                        (struct iso_version){put.version.hlc - 1, put.version.node});
        ck_merge(&put);
        ck_assert(merged.changed);
    }
    ck_assert_uint_eq(iso_mem_count(), before);
}
END_TEST

START_TEST(what_is_shown_is_what_is_held)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    show(0);
    ck_assert(shown.found && !shown.has_expiry);
    ck_assert_mem_eq(shown.value.data, "value", 5);
    ck_assert(iso_version_equal(shown.version, put.version));
    ck_context(put.version);
}
END_TEST

START_TEST(of_a_tombstone_and_an_expired_value_readers_see_the_context_only)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    put.has_expiry = true;
    put.expiry_ms = 500;
    ck_merge(&put);
    show(499);
    ck_assert(shown.found && shown.has_expiry && shown.expiry_ms == 500);
    show(500);
    ck_assert(!shown.found && shown.value.size == 0);
    ck_context(put.version);
    put.operation = ISO_DELETE;
    put.value.size = 0;
    put.version.hlc++;
    ck_merge(&put);
    show(0);
    ck_assert(!shown.found);
    ck_context(put.version);
}
END_TEST

START_TEST(of_a_key_that_is_not_there_readers_see_nothing)
{
    show(0);
    ck_assert(!shown.found && context.shown.count == 0 && context.hlc == 0);
}
END_TEST

START_TEST(what_is_beaten_and_changes_nothing_is_no_change)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    struct iso_coming gone = put_at(2, 99, iso_bytes_text(""));
    gone.operation = ISO_DELETE;
    ck_merge(&put);
    ck_merge(&gone);
    ck_assert(!merged.changed && !merged.alarm);
    ck_assert(iso_digest_equal(merged.was.live, merged.is.live));
    ck_assert_int_eq(merged.was.values, 1);
    ck_assert_int_eq(merged.is.values, 1);
}
END_TEST

START_TEST(the_tally_counts_each_kind_where_it_belongs)
{
    struct iso_digest none = {0};
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    ck_assert(iso_digest_equal(merged.was.live, none) && merged.was.values == 0);
    ck_assert(!iso_digest_equal(merged.is.live, none) && merged.is.values == 1);
    ck_assert(iso_digest_equal(merged.is.mortal, none));
    put.version.hlc++;
    put.has_expiry = true;
    put.expiry_ms = 1;
    ck_merge(&put);
    ck_assert(merged.is.values == 0 && merged.is.expiring == 1);
    ck_assert(iso_digest_equal(merged.is.live, none));
    ck_assert(!iso_digest_equal(merged.is.mortal, none));
    put.version.hlc++;
    put.operation = ISO_DELETE;
    put.value.size = 0;
    ck_merge(&put);
    ck_assert(merged.was.expiring == 1 && merged.is.expiring == 0);
    ck_assert(merged.is.tombstones == 1);
}
END_TEST

/* Larger first: delete, larger bytes, no expiry, later expiry. */
START_TEST(two_contents_of_one_version_are_an_alarm_and_have_one_winner)
{
    struct iso_coming of[5];
    for (size_t n = 0; n < 5; n++)
        of[n] = put_at(1, 100, iso_bytes_text(n == 1 ? "b" : "a"));
    of[0].operation = ISO_DELETE;
    of[0].value.size = 0;
    of[3].has_expiry = of[4].has_expiry = true;
    of[3].expiry_ms = 900;
    of[4].expiry_ms = 800;
    for (size_t first = 0; first < 5; first++) {
        for (size_t second = 0; second < 5; second++) {
            setup();
            ck_merge(&of[first]);
            ck_assert(!merged.alarm);
            ck_merge(&of[second]);
            ck_assert_int_eq(merged.alarm, first != second);
            const struct iso_coming *winner = &of[first < second ? first : second];
            struct iso_entry entry = entry_held();
            ck_assert_int_eq(entry.kind == ISO_TOMBSTONE, winner == &of[0]);
            ck_assert(iso_bytes_equal(entry.value, winner->value));
            ck_assert_int_eq(entry.expiry_ms, winner->expiry_ms);
        }
    }
}
END_TEST

START_TEST(a_damaged_row_is_damage_and_changes_nothing)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    held.data[held.size - 1] ^= 1;
    put = put_at(2, 101, iso_bytes_text("other"));
    ck_assert_int_eq(merge(&put), ISO_DAMAGED);
    ck_assert(!merged.changed);
    ck_assert_uint_eq(row_count, 0);
    ck_assert_int_eq(lww->show(key, iso_buf_bytes(&held), 0, &shown, &why),
                     ISO_DAMAGED);
    ck_assert(!shown.found);
}
END_TEST

START_TEST(a_failure_of_the_ledger_ends_the_merge_with_it)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    ledger_err = ISO_IO;
    put = put_at(2, 101, iso_bytes_text("other"));
    ck_assert_int_eq(merge(&put), ISO_IO);
    ck_assert_str_eq(why.text, "planted");
    ck_assert(!merged.changed);
    ledger_err = ISO_OK;
    ck_merge(&put);
    ck_assert_uint_eq(row_count, 1);
    ck_assert_uint_eq(entry_held().losers, 1);
}
END_TEST

START_TEST(more_rows_that_leave_than_were_counted_are_damage)
{
    struct iso_coming put = put_at(1, 100, iso_bytes_text("value"));
    ck_merge(&put);
    put = put_at(2, 101, iso_bytes_text("other"));
    ck_merge(&put);
    ledger_lies = 2;
    put.version.hlc++;
    ck_assert_int_eq(merge(&put), ISO_DAMAGED);
}
END_TEST

START_TEST(names_that_are_swept_are_not_remembered)
{
    uint8_t names[2 * ISO_VERSION_SIZE];
    struct iso_coming put = put_at(1, 200, iso_bytes_text("value"));
    iso_version_put(names, (struct iso_version){iso_hlc_of_ms(99), iso_node(2, 1)});
    iso_version_put(names + ISO_VERSION_SIZE,
                    (struct iso_version){iso_hlc_of_ms(100), iso_node(2, 1)});
    put.blind = false;
    put.read = (struct iso_names){names, 2};
    swept_ms = 100;
    ck_merge(&put);
    ck_assert_uint_eq(entry_held().names.count, 1);
    swept_ms = 101;
    put.version.hlc++;
    put.read.count = 0;
    ck_merge(&put);
    ck_assert_uint_eq(entry_held().names.count, 0);
}
END_TEST

/* A writer claims a thousand that nobody wrote: the row stays small, nothing is refused
 * and nothing forgotten: each of them is still dead on arrival. */
START_TEST(any_number_of_names_is_remembered_in_a_bounded_row)
{
    enum { CLAIMS = 1000 };
    static uint8_t names[CLAIMS * ISO_VERSION_SIZE];
    struct iso_coming put = put_at(1, 100000, iso_bytes_text("value"));
    for (size_t n = 0; n < CLAIMS; n++)
        iso_version_put(
            names + n * ISO_VERSION_SIZE,
            (struct iso_version){iso_hlc_of_ms(100 + (int64_t)(n * 7919) % CLAIMS),
                                 iso_node(2, 1)});
    put.blind = false;
    put.read = (struct iso_names){names, CLAIMS};
    ck_merge(&put);
    ck_assert_uint_le(held.size, 64 + 256 * ISO_VERSION_SIZE + put.value.size);
    ck_assert_uint_eq(entry_held().names.count + row_count, CLAIMS);
    ck_assert_uint_eq(entry_held().losers, row_count);
    for (size_t n = 0; n < CLAIMS; n++) {
        struct iso_coming late = put_at(2, 100 + (int64_t)n, iso_bytes_text("late"));
        ck_merge(&late);
    }
    ck_assert_uint_eq(row_count, 0);
    ck_assert_uint_eq(entry_held().losers, 0);
    ck_assert_uint_eq(entry_held().names.count, 0);
}
END_TEST

START_TEST(names_are_sorted_in_any_order_they_come)
{
    uint8_t names[257 * ISO_VERSION_SIZE];
    struct iso_names sorted = {names, 0};
    for (size_t count = 0; count <= 257; count += count < 9 ? 1 : 31) {
        for (size_t n = 0; n < count; n++)
            iso_version_put(names + n * ISO_VERSION_SIZE,
                            (struct iso_version){n * 2654435761u % 131, n % 3});
        iso_names_sort(names, count);
        sorted.count = count;
        for (size_t n = 1; n < count; n++)
            ck_assert_int_le(iso_name_compare(names + (n - 1) * ISO_VERSION_SIZE,
                                              names + n * ISO_VERSION_SIZE),
                             0);
        for (size_t n = 0; n < count; n++)
            ck_assert(iso_names_hold(sorted, iso_names_at(sorted, n)));
        ck_assert(!iso_names_hold(sorted, (struct iso_version){131, 0}));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolver");
    TCase *lww_case = tcase_create("lww");
    tcase_add_checked_fixture(lww_case, setup, teardown);
    tcase_add_test(lww_case, a_resolver_is_found_by_its_name);
    tcase_add_test(lww_case, a_definition_says_of_each_resolver_whether_it_has_fields);
    tcase_add_test(lww_case, a_row_has_at_most_64_bytes_beside_its_value);
    tcase_add_test(lww_case, after_the_first_a_merge_allocates_nothing);
    tcase_add_test(lww_case, what_is_shown_is_what_is_held);
    tcase_add_test(lww_case,
                   of_a_tombstone_and_an_expired_value_readers_see_the_context_only);
    tcase_add_test(lww_case, of_a_key_that_is_not_there_readers_see_nothing);
    tcase_add_test(lww_case, what_is_beaten_and_changes_nothing_is_no_change);
    tcase_add_test(lww_case, the_tally_counts_each_kind_where_it_belongs);
    tcase_add_test(lww_case,
                   two_contents_of_one_version_are_an_alarm_and_have_one_winner);
    tcase_add_test(lww_case, a_damaged_row_is_damage_and_changes_nothing);
    tcase_add_test(lww_case, a_failure_of_the_ledger_ends_the_merge_with_it);
    tcase_add_test(lww_case, more_rows_that_leave_than_were_counted_are_damage);
    tcase_add_test(lww_case, names_that_are_swept_are_not_remembered);
    tcase_add_test(lww_case, any_number_of_names_is_remembered_in_a_bounded_row);
    tcase_add_test(lww_case, names_are_sorted_in_any_order_they_come);
    suite_add_tcase(suite, lww_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
