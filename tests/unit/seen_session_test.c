/* A session through the resolver: what it reads, PUTs and reads again is what it has
 * put, whether it goes on from a new context or from the one that its own writes moved
 * on; and one writer with a context never loses anything. */
#include "resolver/resolver.h"
#include "tests/unit/schema_kit.h"
#include "tests/unit/seen_model.h"

enum { SEED = 55, ROUNDS = 2000 };

/* ---- a store of one key, and a ledger that nothing may enter ---- */

static enum iso_err ledger_enter(void *self, const struct iso_loser *loser,
                                 struct iso_why *reason)
{
    (void)self, (void)loser, (void)reason;
    ck_abort_msg("one writer has a loser");
}

static enum iso_err ledger_leave(void *self, struct iso_bytes field,
                                 struct iso_version version, bool *left,
                                 struct iso_why *reason)
{
    (void)self, (void)field, (void)version, (void)reason;
    *left = false;
    return ISO_OK;
}

static enum iso_err ledger_leave_older(void *self, struct iso_bytes field,
                                       struct iso_version version, uint16_t log,
                                       uint32_t *left, struct iso_why *reason)
{
    (void)self, (void)field, (void)version, (void)log, (void)reason;
    *left = 0;
    return ISO_OK;
}

static bool ledger_succeeds(void *self, uint16_t log, uint16_t older)
{
    (void)self, (void)log, (void)older;
    return false;
}

static const struct iso_ledger ledger = {.enter = ledger_enter,
                                         .leave = ledger_leave,
                                         .leave_older = ledger_leave_older,
                                         .succeeds = ledger_succeeds};

struct world {
    struct iso_chance chance;
    const struct iso_resolver *resolver;
    struct iso_buf row, record;
    struct iso_merged merged;
    struct iso_shown shown;
    struct iso_seen seen;
    struct iso_patch patch, sent;
    struct model want;
    struct iso_definition definition;
    struct iso_schemas *schemas;
    int64_t offset;
};

static const struct iso_bytes key = {(const uint8_t *)"key", 3};

static void world_read(struct world *world)
{
    ck_assert_msg(world->resolver->show(key, iso_buf_bytes(&world->row), 0,
                                        &world->shown, &why) == ISO_OK,
                  "%s", why.text);
}

/* world->patch, by way of its bytes and of admission. */
static void world_write(struct world *world, enum iso_operation operation)
{
    struct iso_buf bytes = {0};
    iso_patch_encode(&world->patch, &bytes);
    ck_assert_int_eq(iso_patch_decode(iso_buf_bytes(&bytes), &world->sent, &why),
                     ISO_OK);
    struct iso_coming coming = {
        .operation = operation,
        .key = key,
        .version = {1000 + (uint64_t)world->offset, iso_node(2, 2)},
        .log = 1,
        .offset = world->offset++,
        .fields = operation == ISO_PATCH ? kit.fields : NULL,
        .fingerprint = world->sent.fingerprint,
        .schemas = world->schemas,
        .patch = &world->sent,
    };
    struct iso_merge merge = {
        .held = iso_buf_bytes(&world->row), .coming = &coming, .ledger = &ledger};
    ck_assert_int_eq(world->resolver->admit(&coming, &why), ISO_OK);
    ck_assert_msg(world->resolver->merge(&merge, &world->merged, &why) == ISO_OK, "%s",
                  why.text);
    iso_buf_clear(&world->row);
    iso_buf_add_bytes(&world->row, iso_buf_bytes(&world->merged.row));
    iso_seen_advance(&world->seen, kit.fields,
                     operation == ISO_PATCH ? &world->patch : NULL, coming.version);
    iso_buf_release(&bytes);
}

/* ---- what is read against what was put ---- */

static const struct iso_shown_part *shown_find(const struct world *world,
                                               const struct item *item)
{
    const struct iso_shown_part *found = NULL;
    struct iso_buf path = {0};
    for (size_t i = 0; i < world->shown.field_count && found == NULL; i++) {
        iso_buf_clear(&path);
        iso_path_encode(&world->shown.fields[i].path, &path);
        if (iso_bytes_equal(iso_buf_bytes(&path), iso_buf_bytes(&item->path)))
            found = &world->shown.fields[i];
    }
    iso_buf_release(&path);
    return found;
}

/* A max that is put lower stays, so of extremes only this is asked: is it there? A
 * counter that nobody has counted on is shown as 0 by the reader's schema. */
static void shown_is_wanted(struct world *world, int round)
{
    size_t found = 0, zeros = 0;
    for (size_t i = 0; i < world->want.count; i++) {
        const struct item *item = &world->want.items[i];
        const struct iso_shown_part *part = shown_find(world, item);
        found += part != NULL;
        if (part == NULL) {
            ck_assert_msg(item->rule == ISO_RULE_COUNTER && item->number == 0,
                          "seed %d: round %d: something is missing", SEED, round);
        } else if (item->rule == ISO_RULE_COUNTER) {
            ck_assert_msg(part->number == item->number, "seed %d: round %d: %ld", SEED,
                          round, (long)part->number);
        } else if (item->rule == ISO_RULE_LWW) {
            ck_assert(iso_bytes_equal(part->datum, iso_buf_bytes(&item->datum)));
        }
    }
    for (size_t i = 0; i < world->shown.field_count; i++)
        zeros += world->shown.fields[i].rule == ISO_RULE_COUNTER &&
                 world->shown.fields[i].number == 0;
    ck_assert_msg(world->shown.field_count - found <= zeros,
                  "seed %d: round %d: something is too much", SEED, round);
}

static void session_goes_on(struct world *world, int round)
{
    world_read(world);
    if (iso_chance_draw(&world->chance) % 3 == 0) { /* else from its own writes */
        ck_assert_msg(iso_seen_decode(iso_buf_bytes(&world->shown.context),
                                      &world->seen, &why) == ISO_OK,
                      "%s", why.text);
    }
    if (iso_chance_draw(&world->chance) % 20 == 0 &&
        iso_seen_delete(&world->seen, &world->patch, &why) == ISO_OK) {
        world_write(world, ISO_DELETE);
        world_read(world);
        ck_assert_msg(!world->shown.found, "seed %d: round %d: deleted", SEED, round);
    }
    record_draw(&world->chance, &world->record);
    model_of(&world->want, iso_buf_bytes(&world->record));
    ck_assert_int_eq(iso_seen_put(&world->seen, kit.fields,
                                  iso_buf_bytes(&world->record), &world->patch, &why),
                     ISO_OK);
    world_write(world, ISO_PATCH);
    world_read(world);
    ck_assert(world->shown.found);
    shown_is_wanted(world, round);
}

START_TEST(what_a_session_puts_is_what_it_reads)
{
    struct world world = {.resolver = iso_resolver_find("fields")};
    kit = kit_fields(KIT_USER);
    world.definition.format = ISO_FORMAT_AVRO;
    snprintf(world.definition.resolver, sizeof world.definition.resolver, "fields");
    kit_schema(&world.definition, KIT_USER, 0);
    world.schemas = iso_schemas_new(&world.definition);
    iso_chance_seeded_init(&world.chance, SEED);
    for (int round = 0; round < ROUNDS; round++)
        session_goes_on(&world, round);
    iso_buf_release(&world.row);
    iso_buf_release(&world.record);
    iso_merged_release(&world.merged);
    iso_shown_release(&world.shown);
    iso_seen_release(&world.seen);
    iso_patch_release(&world.patch);
    iso_patch_release(&world.sent);
    model_clear(&world.want);
    iso_schemas_free(world.schemas);
    iso_free(world.definition.schemas[0].json);
    iso_free(world.definition.schemas);
    kit_fields_free(&kit);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("seen_session");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_a_session_puts_is_what_it_reads);
    Suite *suite = suite_create("seen_session");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
