/* Entries of parts (schema/part.h): rows and canonical bytes against the vectors, which
 * another program made; random entries; damage, also under a check that is right. */
#include "schema/part.h"
#include "tests/unit/mutate.h"
#include "tests/unit/vectors.h"

enum { SEED = 53, ROUNDS = 2000 };

static struct iso_why why;
static struct iso_buf scratch, row;

static uint64_t below(struct iso_chance *chance, uint64_t n)
{
    return iso_chance_draw(chance) % n;
}

/* ---- vectors ---- */

static void expect_digest(struct iso_digest digest, const char *want)
{
    char text[ISO_DIGEST_DIGITS + 1];
    iso_digest_text(digest, text);
    ck_assert_str_eq(text, want);
}

/* The texts themselves stand in the vectors for who writes another store: their hashes
 * are what the digests say. */
static void expect_texts(char *texts, const char *want)
{
    struct iso_digest sum = {0};
    for (char *text = strtok_r(texts, ",", &texts); text != NULL;
         text = strtok_r(NULL, ",", &texts)) {
        size_t size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
        iso_buf_clear(&scratch);
        iso_buf_reserve(&scratch, size + 1);
        ck_assert(size == 0 ||
                  iso_hex_decode(iso_bytes_text(text), scratch.data, size));
        if (size > 0)
            iso_digest_add(&sum, iso_hash128(iso_bytes(scratch.data, size)));
    }
    expect_digest(sum, want);
}

START_TEST(rows_and_canonical_bytes_are_those_of_the_vectors)
{
    struct vectors vectors = vectors_open("part.txt");
    struct iso_buf key = {0}, stored = {0};
    struct iso_parts parts = {0};
    int lines = 0;
    for (; vectors_next(&vectors, 7); lines++) {
        enum iso_parts_format format =
            (enum iso_parts_format)vectors_number(&vectors, 1);
        struct iso_tally tally, again;
        vectors_bytes(&vectors, 0, &key);
        vectors_bytes(&vectors, 2, &stored);
        ck_assert_msg(iso_parts_decode(iso_buf_bytes(&stored), iso_buf_bytes(&key),
                                       format, &parts, &why) == ISO_OK,
                      "line %d: %s", lines, why.text);
        iso_parts_tally(&parts, iso_buf_bytes(&key), &scratch, &tally);
        expect_digest(tally.live, vectors.fields[5]);
        expect_digest(tally.mortal, vectors.fields[6]);
        iso_parts_encode(&parts, iso_buf_bytes(&key), &scratch, &row, &again);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&stored), iso_buf_bytes(&row)));
        ck_assert_mem_eq(&tally, &again, sizeof tally);
        expect_texts(vectors.fields[3], vectors.fields[5]);
        expect_texts(vectors.fields[4], vectors.fields[6]);
    }
    ck_assert_int_ge(lines, 20);
    iso_parts_release(&parts);
    iso_buf_release(&key);
    iso_buf_release(&stored);
}
END_TEST

/* ---- random entries ---- */

static struct iso_version version_draw(struct iso_chance *chance)
{
    return (struct iso_version){1 + below(chance, 1 << 20),
                                iso_node((unsigned)below(chance, 9) + 1, 7)};
}

static void values_draw(struct iso_chance *chance, struct iso_arena *arena,
                        struct iso_part *part)
{
    static const uint8_t bytes[9] = "isostasy";
    part->value_count = below(chance, part->rule == ISO_RULE_LWW ? 2 : 4);
    part->values = iso_arena_take(arena, part->value_count * sizeof *part->values);
    struct iso_version version = {0};
    for (size_t i = 0; i < part->value_count; i++) {
        struct iso_held *held = &part->values[i];
        version.hlc += version_draw(chance).hlc;
        version.node = version_draw(chance).node;
        *held = (struct iso_held){.version = version,
                                  .kind = (enum iso_entry_kind)below(chance, 3),
                                  .log = (uint16_t)below(chance, 65001),
                                  .offset = (int64_t)below(chance, INT64_MAX)};
        if (held->kind == ISO_EXPIRING)
            held->expiry_ms = (int64_t)below(chance, 1 << 30);
        if (held->kind != ISO_TOMBSTONE)
            held->value = iso_bytes(bytes, below(chance, sizeof bytes));
    }
}

static struct iso_sum *sums_draw(struct iso_chance *chance, struct iso_arena *arena,
                                 size_t *count)
{
    *count = below(chance, 4);
    struct iso_sum *sums = iso_arena_take(arena, *count * sizeof *sums);
    for (size_t i = 0; i < *count; i++)
        sums[i] = (struct iso_sum){(uint16_t)(i + 1), (uint8_t)below(chance, 65),
                                   (int64_t)below(chance, INT64_MAX),
                                   (int64_t)iso_chance_draw(chance)};
    return sums;
}

static void part_draw(struct iso_chance *chance, struct iso_parts *parts)
{
    static const uint8_t names[3 * ISO_VERSION_SIZE] = {1, [16] = 2, [32] = 3};
    uint8_t field = (uint8_t)('a' + below(chance, 26));
    struct iso_buf bytes = {0};
    struct iso_path path = {.field = iso_bytes(&field, 1)};
    iso_path_encode(&path, &bytes);
    enum iso_rule rule = (enum iso_rule)below(chance, ISO_RULES);
    struct iso_part *part = iso_parts_add(parts, iso_buf_bytes(&bytes), rule);
    *part = (struct iso_part){.path = part->path, .rule = rule}; /* drawn before? */
    iso_buf_release(&bytes);
    if (iso_part_form(part->rule) == ISO_FORM_COUNTER) {
        part->sums = sums_draw(chance, &parts->arena, &part->sum_count);
        part->bases = sums_draw(chance, &parts->arena, &part->base_count);
        return;
    }
    values_draw(chance, &parts->arena, part);
    part->has_clear =
        iso_part_form(part->rule) == ISO_FORM_EXTREME && below(chance, 2) == 0;
    if (part->has_clear)
        part->clear = version_draw(chance);
    if (iso_part_form(part->rule) != ISO_FORM_EXTREME)
        part->names = (struct iso_names){names, below(chance, 4)};
}

static void entry_draw(struct iso_chance *chance, struct iso_parts *parts)
{
    struct iso_bytes none = {0};
    ck_assert_int_eq(iso_parts_decode(none, none, ISO_PARTS_FIELDS, parts, NULL),
                     ISO_OK);
    parts->losers = (uint32_t)below(chance, 3);
    parts->has_delete = below(chance, 2);
    if (parts->has_delete)
        parts->deleted = (struct iso_held){.kind = ISO_TOMBSTONE,
                                           .version = version_draw(chance),
                                           .log = 3,
                                           .offset = 9};
    for (uint64_t n = below(chance, 6); n > 0; n--)
        part_draw(chance, parts);
    iso_parts_settle(parts);
}

static void same_values(const struct iso_part *a, const struct iso_part *b)
{
    ck_assert_uint_eq(a->value_count, b->value_count);
    for (size_t i = 0; i < a->value_count; i++) {
        const struct iso_held *left = &a->values[i], *right = &b->values[i];
        ck_assert(iso_version_equal(left->version, right->version));
        ck_assert(left->kind == right->kind && left->expiry_ms == right->expiry_ms);
        ck_assert(left->log == right->log && left->offset == right->offset);
        ck_assert_mem_eq(left->fingerprint, right->fingerprint, ISO_FINGERPRINT_SIZE);
        ck_assert(iso_bytes_equal(left->value, right->value));
    }
}

static void same_sums(const struct iso_sum *a, const struct iso_sum *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert(a[i].log == b[i].log && a[i].region == b[i].region &&
                  a[i].next == b[i].next && a[i].sum == b[i].sum);
}

static bool stays(const struct iso_part *part)
{
    return iso_part_holds(part) || part->names.count > 0;
}

static void same_parts(const struct iso_parts *a, const struct iso_parts *b)
{
    size_t n = 0;
    ck_assert(a->losers == b->losers && a->has_delete == b->has_delete);
    ck_assert(iso_version_equal(a->deleted.version, b->deleted.version));
    for (size_t i = 0; i < a->count; i++) {
        const struct iso_part *left = &a->parts[i], *right = &b->parts[n];
        if (!stays(left))
            continue;
        ck_assert_uint_lt(n++, b->count);
        ck_assert(iso_bytes_equal(left->path, right->path));
        ck_assert(left->rule == right->rule && left->has_clear == right->has_clear);
        ck_assert(iso_version_equal(left->clear, right->clear));
        ck_assert_uint_eq(left->names.count, right->names.count);
        ck_assert(left->names.count == 0 || memcmp(left->names.data, right->names.data,
                                                   16 * left->names.count) == 0);
        same_values(left, right);
        ck_assert(left->sum_count == right->sum_count &&
                  left->base_count == right->base_count);
        same_sums(left->sums, right->sums, left->sum_count);
        same_sums(left->bases, right->bases, left->base_count);
    }
    ck_assert_uint_eq(n, b->count);
}

START_TEST(what_is_encoded_is_decoded_and_holds_the_same)
{
    struct iso_chance chance;
    struct iso_parts parts = {0}, back = {0};
    struct iso_bytes key = iso_bytes_text("key");
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < ROUNDS; round++) {
        struct iso_tally tally, again;
        entry_draw(&chance, &parts);
        iso_parts_encode(&parts, key, &scratch, &row, &tally);
        ck_assert_int_eq(
            iso_parts_decode(iso_buf_bytes(&row), key, ISO_PARTS_FIELDS, &back, &why),
            ISO_OK);
        same_parts(&parts, &back);
        iso_parts_tally(&back, key, &scratch, &again);
        ck_assert_mem_eq(&tally, &again, sizeof tally);
        struct iso_bytes other = iso_bytes_text("kez");
        if (row.size > 0)
            ck_assert_int_eq(iso_parts_decode(iso_buf_bytes(&row), other,
                                              ISO_PARTS_FIELDS, &back, &why),
                             ISO_DAMAGED);
    }
    iso_parts_release(&parts);
    iso_parts_release(&back);
}
END_TEST

START_TEST(parts_are_found_by_path)
{
    struct iso_chance chance;
    struct iso_parts parts = {0};
    size_t at;
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < 200; round++) {
        entry_draw(&chance, &parts);
        for (size_t i = 0; i < parts.count; i++) {
            ck_assert(iso_parts_find(&parts, parts.parts[i].path, &at) && at == i);
            ck_assert(i == 0 || iso_bytes_compare(parts.parts[i - 1].path,
                                                  parts.parts[i].path) < 0);
            struct iso_bytes before = parts.parts[i].path;
            before.size--;
            ck_assert(!iso_parts_find(&parts, before, &at) && at == i);
        }
    }
    iso_parts_release(&parts);
}
END_TEST

/* ---- damage ---- */

struct damage {
    struct iso_parts parts;
    int damaged, taken;
};

static void try_damaged(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    struct iso_bytes key = iso_bytes_text("key");
    bool is_row = bad.size == row.size && memcmp(bad.data, row.data, bad.size) == 0;
    enum iso_err err =
        iso_parts_decode(bad, key, ISO_PARTS_FIELDS, &damage->parts, &why);
    ck_assert_int_eq(err, is_row || bad.size == 0 ? ISO_OK : ISO_DAMAGED);
    damage->damaged += err == ISO_DAMAGED;
}

/* The same with a check that is right, as who can write to a store could make it. */
static void try_forged(struct iso_bytes bad, void *arg)
{
    struct damage *damage = arg;
    struct iso_bytes key = iso_bytes_text("key");
    struct iso_buf forged = {0};
    if (bad.size < 9)
        return;
    iso_buf_add_bytes(&forged, bad);
    iso_put_u64(forged.data + 1, iso_hash64(iso_bytes(forged.data + 9, forged.size - 9),
                                            iso_hash64(key, forged.data[0])));
    enum iso_err err = iso_parts_decode(iso_buf_bytes(&forged), key, ISO_PARTS_FIELDS,
                                        &damage->parts, &why);
    ck_assert(err == ISO_OK || err == ISO_DAMAGED);
    ck_assert(err == ISO_OK || damage->parts.count == 0);
    damage->damaged += err == ISO_DAMAGED;
    damage->taken += err == ISO_OK;
    iso_buf_release(&forged);
}

START_TEST(a_damaged_row_is_never_taken_and_a_forged_one_never_crashes)
{
    struct iso_chance chance;
    struct damage damage = {0}, forged = {0};
    struct iso_parts parts = {0};
    iso_chance_seeded_init(&chance, SEED);
    for (int round = 0; round < 30; round++) {
        struct iso_tally tally;
        entry_draw(&chance, &parts);
        iso_parts_encode(&parts, iso_bytes_text("key"), &scratch, &row, &tally);
        if (row.size == 0)
            continue;
        mutate_truncations(iso_buf_bytes(&row), try_damaged, &damage);
        mutate_flips(iso_buf_bytes(&row), try_damaged, &damage);
        mutate_random(iso_buf_bytes(&row), SEED, 200, try_damaged, &damage);
        mutate_truncations(iso_buf_bytes(&row), try_forged, &forged);
        mutate_flips(iso_buf_bytes(&row), try_forged, &forged);
        mutate_random(iso_buf_bytes(&row), SEED, 500, try_forged, &forged);
    }
    ck_assert_int_gt(damage.damaged, 1000);
    ck_assert_int_gt(forged.damaged, 1000);
    ck_assert_int_gt(forged.taken, 1000);
    iso_parts_release(&parts);
    iso_parts_release(&damage.parts);
    iso_parts_release(&forged.parts);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("part");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, rows_and_canonical_bytes_are_those_of_the_vectors);
    tcase_add_test(tests, what_is_encoded_is_decoded_and_holds_the_same);
    tcase_add_test(tests, parts_are_found_by_path);
    tcase_add_test(tests, a_damaged_row_is_never_taken_and_a_forged_one_never_crashes);
    Suite *suite = suite_create("part");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
