/* Admission of records with fields, as a table: what is refused, by which code and with
 * which words, beside each the nearest write that passes; nothing of it allocates, and
 * nothing that is hostile makes the decoder grow. */
#include "apply_fields_kit.h"

#include "consumer/admit.h"

static struct iso_definition *definition;
static struct iso_slice_log state;
static struct iso_schemas *schemas;
static struct made made;
static struct iso_edit *edit;
static struct iso_patch patch; /* what is sent; its steps may be changed */
static struct iso_buf bytes;

static void setup(void)
{
    definition = def_encoded(def_fields());
    schemas = iso_schemas_new(definition);
    state = (struct iso_slice_log){.log = LOG,
                                   .definition = 1,
                                   .t_ms = NOW_MS,
                                   .bound_ms = NOW_MS,
                                   .birth = BIRTH,
                                   .top = BIRTH};
    made_write(&made, (struct draft){500, US, 1, 10, 1000, "key", ""});
    edit = kit_edit(schemas);
}

static void teardown(void)
{
    iso_edit_free(edit);
    iso_patch_release(&patch);
    iso_buf_release(&bytes);
    iso_schemas_free(schemas);
    iso_definition_free(definition);
    made_release(&made);
}

static enum iso_err judge_with(struct iso_admitted *admitted, struct iso_why *why)
{
    struct iso_admit admit = {.definition = definition,
                              .where = iso_definition_log(definition, LOG),
                              .log = &state,
                              .schemas = schemas,
                              .resolver = iso_resolver_find(definition->resolver)};
    return iso_admit(&admit, &made.record, admitted, why);
}

/* ---- what is sent ---- */

/* The edit as a patch of our own, whose steps can be bent. */
static void patch_take(void)
{
    const struct iso_patch *made_by = iso_edit_patch(edit);
    iso_patch_clear(&patch);
    memcpy(patch.fingerprint, made_by->fingerprint, sizeof patch.fingerprint);
    for (size_t i = 0; i < made_by->step_count; i++)
        *iso_patch_step_add(&patch) = made_by->steps[i];
}

static void patch_send(void)
{
    made.write.operation = ISO_PATCH;
    kit_patch(&patch, &made.value);
}

static void good_patch(void)
{
    kit_step(edit, ISO_STEP_SET, "name", NULL, "\"Ada\"");
    kit_step(edit, ISO_STEP_INCREMENT, "visits", NULL, "1");
    kit_step(edit, ISO_STEP_ADD, "tags", NULL, "\"new\"");
    patch_take();
    patch_send();
}
static void cut(void)
{
    good_patch();
    made.value.size--;
}
static void longer(void)
{
    good_patch();
    iso_buf_add_u8(&made.value, 0);
}
static void empty(void)
{
    good_patch();
    made.value.size = 0;
}
static void unknown_fingerprint(void)
{
    good_patch();
    patch.fingerprint[0] ^= 1;
    patch_send();
}
static void unknown_field(void)
{
    good_patch();
    patch.steps[0].field = iso_bytes_text("nome");
    patch_send();
}
static void wrong_operation(void)
{
    good_patch();
    patch.steps[0].operation = ISO_STEP_ADD;
    patch_send();
}
static void wrong_type(void)
{
    good_patch();
    patch.steps[0].value = iso_bytes("\x06"
                                     "ab",
                                     3);
    patch_send();
}
static void member_of_none(void)
{
    good_patch();
    patch.steps[0].has_member = true;
    patch.steps[0].member = iso_bytes_text("m");
    patch_send();
}
static void one_part_twice(void)
{
    good_patch();
    patch.steps[2] = patch.steps[0];
    patch_send();
}
static void put_record(void)
{
    made.write.operation = ISO_PUT;
    kit_record(schemas, KIT_NAMED("Ada"), &made.value);
}
static void put_with_read(void)
{
    put_record();
    made.write.blind = false;
}
static void expiring(enum iso_step_operation operation, const char *field,
                     const char *json)
{
    kit_step(edit, operation, field, NULL, json);
    patch_take();
    patch_send();
    made.write.has_expiry = true;
    made.write.expiry_ms = NOW_MS + 1000;
}
static void expiring_name(void)
{
    expiring(ISO_STEP_SET, "name", "\"Ada\"");
}
static void expiring_counter(void)
{
    expiring(ISO_STEP_INCREMENT, "visits", "1");
}
static void expiring_max(void)
{
    expiring(ISO_STEP_RAISE, "last", "1");
}
static void expiring_min(void)
{
    expiring(ISO_STEP_LOWER, "first", "1.5");
}
static void expiring_put(void)
{
    put_record();
    made.write.has_expiry = true;
    made.write.expiry_ms = NOW_MS + 1000;
}
static void delete_plain(void)
{
    made.write.operation = ISO_DELETE;
    made.record.has_value = false;
    made.write.blind = false;
}
/* One that names what it was shown. */
static void delete_seen(void)
{
    delete_plain();
    iso_patch_clear(&patch);
    struct iso_step *step = iso_patch_step_add(&patch);
    step->field = iso_bytes_text("name");
    step->operation = ISO_STEP_UNSET;
    kit_patch(&patch, &bytes);
    made.write.seen = iso_buf_bytes(&bytes);
}
static void delete_seen_blind(void)
{
    delete_seen();
    made.write.blind = true;
}
static void delete_seen_of_lww(void)
{
    delete_seen();
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
}
static void delete_of_lww(void)
{
    delete_plain();
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
}
static void delete_seen_sets(void)
{
    delete_seen();
    patch.steps[0].operation = ISO_STEP_SET;
    patch.steps[0].value = iso_bytes("\x02q", 2);
    kit_patch(&patch, &bytes);
    made.write.seen = iso_buf_bytes(&bytes);
}
static void delete_seen_cut(void)
{
    delete_seen();
    made.write.seen.size--;
}
static void patch_of_lww(void)
{
    good_patch();
    snprintf(definition->resolver, sizeof definition->resolver, "lww");
}
static void patch_of_siblings(void)
{
    good_patch();
    snprintf(definition->resolver, sizeof definition->resolver, "siblings");
}
static void put_of_siblings(void)
{
    put_record();
    snprintf(definition->resolver, sizeof definition->resolver, "plugin:cart");
}

struct row {
    const char *name;
    void (*bad)(void);
    enum iso_err err;
    const char *words;
    void (*good)(void);
};
static const struct row rows[] = {
    {"cut", cut, ISO_BAD_DATA, "", good_patch},
    {"longer", longer, ISO_BAD_DATA, "", good_patch},
    {"empty", empty, ISO_BAD_DATA, "", good_patch},
    {"fingerprint", unknown_fingerprint, ISO_REFUSED, "schema register packages",
     good_patch},
    {"field", unknown_field, ISO_BAD_DATA, "nome", good_patch},
    {"operation", wrong_operation, ISO_BAD_DATA, "name", good_patch},
    {"type", wrong_type, ISO_BAD_DATA, "name", good_patch},
    {"member", member_of_none, ISO_BAD_DATA, "name", good_patch},
    {"twice", one_part_twice, ISO_BAD_DATA, "name", good_patch},
    {"read", put_with_read, ISO_REFUSED, "isostasy's library", put_record},
    {"counter", expiring_counter, ISO_BAD_DATA, "visits", expiring_name},
    {"max", expiring_max, ISO_BAD_DATA, "last", expiring_name},
    {"min", expiring_min, ISO_BAD_DATA, "first", expiring_name},
    {"put", expiring_put, ISO_BAD_DATA, "expir", put_record},
    {"blind", delete_seen_blind, ISO_REFUSED, "isostasy's library", delete_seen},
    {"lww", delete_seen_of_lww, ISO_REFUSED, "isostasy's library", delete_of_lww},
    {"sets", delete_seen_sets, ISO_BAD_DATA, "name", delete_seen},
    {"seen cut", delete_seen_cut, ISO_BAD_DATA, "", delete_plain},
    {"patch of lww", patch_of_lww, ISO_REFUSED, "--resolver fields", good_patch},
    {"patch of siblings", patch_of_siblings, ISO_REFUSED, "--resolver fields",
     put_of_siblings},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* Twice, so that the second time finds its buffers: what it then allocates. */
static uint64_t judge_twice(enum iso_err *err, struct iso_why *why)
{
    struct iso_admitted admitted = {0};
    uint64_t before = 0;
    for (int n = 0; n < 2; n++) {
        before = iso_mem_count();
        *err = judge_with(&admitted, why);
    }
    before = iso_mem_count() - before;
    iso_admitted_release(&admitted);
    return before;
}

START_TEST(each_is_refused_with_a_remedy_and_its_neighbour_passes_without_allocating)
{
    const struct row *row = &rows[_i];
    for (int good = 0; good < 2; good++) {
        struct iso_why why = {0};
        enum iso_err err;
        setup();
        (good ? row->good : row->bad)();
        made_seal(&made);
        uint64_t allocated = judge_twice(&err, &why);
        enum iso_err want = good ? ISO_OK : row->err;
        ck_assert_msg(err == want, "%s: %s, not %s: %s", row->name, iso_err_name(err),
                      iso_err_name(want), why.text);
        ck_assert_msg(good || strstr(why.text, row->words) != NULL,
                      "%s: no \"%s\" in: %s", row->name, row->words, why.text);
        ck_assert(good || (iso_err_kind(err) == ISO_POISON && why.text[0] != '\0'));
        ck_assert_msg(allocated == 0, "%s: %d allocations", row->name, (int)allocated);
        teardown();
    }
}
END_TEST

/* ---- hostile ---- */

/* Arrays that say they have more than there is room for in the bytes. */
START_TEST(a_patch_that_claims_to_be_huge_takes_no_memory)
{
    static const int64_t counts[] = {ISO_PATCH_STEPS_MAX + 1, 1 << 20, INT64_MAX,
                                     INT64_MIN, -1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct iso_why why = {0};
        enum iso_err err;
        setup();
        good_patch();
        made.value.size = ISO_FINGERPRINT_SIZE + 2; /* put, no mark */
        iso_avro_add_long(&made.value, counts[i]);
        if (counts[i] < 0)
            iso_avro_add_long(&made.value, INT64_MAX); /* bytes of the block */
        made_seal(&made);
        ck_assert_uint_eq(judge_twice(&err, &why), 0);
        ck_assert_int_eq(err, ISO_BAD_DATA);
        teardown();
    }
}
END_TEST

/* As many steps as fit, each of another member. */
START_TEST(the_largest_patch_is_judged_and_one_step_more_is_refused)
{
    char names[ISO_PATCH_STEPS_MAX + 1][8];
    for (size_t more = 0; more < 2; more++) {
        struct iso_why why = {0};
        enum iso_err err;
        setup();
        good_patch();
        patch.step_count = 0;
        for (size_t n = 0; n < ISO_PATCH_STEPS_MAX + more; n++) {
            struct iso_step *step = iso_patch_step_add(&patch);
            snprintf(names[n], sizeof names[n], "%u", (unsigned)n);
            step->field = iso_bytes_text("cart");
            step->has_member = true;
            step->member = iso_bytes_text(names[n]);
            step->operation = ISO_STEP_INCREMENT;
            step->value = iso_bytes("\x02", 1);
        }
        patch_send();
        made_seal(&made);
        ck_assert_uint_eq(judge_twice(&err, &why), 0);
        ck_assert_int_eq(err, more == 0 ? ISO_OK : ISO_BAD_DATA);
        teardown();
    }
}
END_TEST

START_TEST(every_changed_bit_is_refused_or_is_another_patch)
{
    struct iso_admitted admitted = {0};
    struct iso_why why;
    setup();
    good_patch();
    made_seal(&made);
    ck_assert_int_eq(judge_with(&admitted, &why), ISO_OK);
    for (size_t bit = 0; bit < 8 * made.value.size; bit++) {
        made.value.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum iso_err err = judge_with(&admitted, &why);
        ck_assert(err == ISO_OK || iso_err_kind(err) == ISO_POISON);
        made.value.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    iso_admitted_release(&admitted);
    teardown();
}
END_TEST

/* ---- definitions ---- */

START_TEST(fields_need_values_that_have_them)
{
    struct iso_why why = {0};
    struct iso_definition *of = def_bare(1, 1);
    snprintf(of->resolver, sizeof of->resolver, "fields");
    ck_err(iso_definition_check(of, &why), ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "format avro or confluent"));
    of->format = ISO_FORMAT_AVRO;
    ck_ok(iso_definition_check(of, &why));
    of->format = ISO_FORMAT_CONFLUENT;
    ck_ok(iso_definition_check(of, &why));
    iso_definition_free(of);
}
END_TEST

START_TEST(a_plugin_has_a_name)
{
    static const struct {
        const char *resolver;
        bool valid;
    } names[] = {{"plugin:cart", true},   {"plugin:a-1", true},   {"plugin:", false},
                 {"plugin:a b", false},   {"plugin:../x", false}, {"siblings", true},
                 {"plugin:cart:x", false}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct iso_definition *of = def_bare(1, 1);
        struct iso_why why = {0};
        snprintf(of->resolver, sizeof of->resolver, "%s", names[i].resolver);
        enum iso_err err = iso_definition_check(of, &why);
        ck_assert_msg((err == ISO_OK) == names[i].valid, "%s: %s", names[i].resolver,
                      why.text);
        ck_assert(err != ISO_OK || iso_admit_supported(of, &why) == ISO_OK);
        iso_definition_free(of);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admit_fields");
    TCase *tests = tcase_create("admit_fields");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
        tests,
        each_is_refused_with_a_remedy_and_its_neighbour_passes_without_allocating, 0,
        ROWS);
    tcase_add_test(tests, a_patch_that_claims_to_be_huge_takes_no_memory);
    tcase_add_test(tests, the_largest_patch_is_judged_and_one_step_more_is_refused);
    tcase_add_test(tests, every_changed_bit_is_refused_or_is_another_patch);
    tcase_add_test(tests, fields_need_values_that_have_them);
    tcase_add_test(tests, a_plugin_has_a_name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
