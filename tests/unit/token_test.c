/* Tokens of sessions (schema/token.h): against another program's, and by their laws. */
#include "schema/token.h"
#include "tests/unit/mutate.h"
#include "tests/unit/vectors.h"

static struct iso_why why;

static uint32_t crc32c(struct iso_bytes bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return crc ^ UINT32_MAX;
}

static struct iso_token_item item_at(const char *collection, uint16_t log,
                                     uint32_t partition, uint64_t seq, uint64_t value)
{
    struct iso_token_item item = {.log.number = log,
                                  .log.birth = 7,
                                  .partition = partition,
                                  .node = seq > 0 ? 9 : 0,
                                  .seq = seq,
                                  .value = value};
    snprintf(item.log.collection, sizeof item.log.collection, "%s", collection);
    return item;
}

static void add(struct iso_token *token, struct iso_token_item item)
{
    ck_assert_int_eq(iso_token_add(token, &item, &why), ISO_OK);
}

static void expect_same(const struct iso_token *a, const struct iso_token *b)
{
    struct iso_buf one = {0}, two = {0};
    iso_token_encode(a, &one);
    iso_token_encode(b, &two);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&one), iso_buf_bytes(&two)));
    iso_buf_release(&one);
    iso_buf_release(&two);
}

/* ---- bytes and text ---- */

START_TEST(tokens_of_another_program_are_read_written_and_merged)
{
    struct vectors vectors = vectors_open("token.txt");
    int count = 0;
    for (; vectors_next(&vectors, 3); count++) {
        struct iso_buf parts[3] = {{0}}, text = {0};
        for (int n = 0; n < 3; n++) {
            struct iso_token token = {0};
            struct iso_buf again = {0};
            struct iso_bytes given = iso_bytes_text(vectors.fields[n]);
            ck_assert_int_eq(iso_token_parse(given, &parts[n], &why), ISO_OK);
            ck_assert_int_eq(iso_token_decode(iso_buf_bytes(&parts[n]), &token, &why),
                             ISO_OK);
            iso_token_encode(&token, &again);
            iso_buf_clear(&text);
            iso_base64_encode(&text, iso_buf_bytes(&again));
            ck_assert(iso_bytes_equal(iso_buf_bytes(&text), given));
            iso_buf_release(&again);
            iso_token_release(&token);
        }
        ck_assert_int_eq(iso_token_join(&parts[0], iso_buf_bytes(&parts[1]), &why),
                         ISO_OK);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&parts[0]), iso_buf_bytes(&parts[2])));
        for (int n = 0; n < 3; n++)
            iso_buf_release(&parts[n]);
        iso_buf_release(&text);
    }
    ck_assert_int_gt(count, 30);
}
END_TEST

static struct iso_buf sample(void)
{
    struct iso_token token = {.hlc = 77};
    struct iso_buf bytes = {0};
    add(&token, item_at("things", 1, 0, 0, 5));
    add(&token, item_at("things", 1, 3, 2, 99));
    add(&token, item_at("things", 2, 0, 0, 6));
    add(&token, item_at("carts", 1, 0, 0, 1));
    iso_token_encode(&token, &bytes);
    iso_token_release(&token);
    return bytes;
}

struct trial {
    struct iso_bytes good;
    size_t refused, taken;
};

static void changed_is_refused(struct iso_bytes bad, void *arg)
{
    struct trial *trial = arg;
    struct iso_token token = {0};
    enum iso_err err = iso_token_decode(bad, &token, &why);
    bool same = iso_bytes_equal(bad, trial->good) || bad.size == 0;
    ck_assert_int_eq(err, same ? ISO_OK : ISO_BAD_DATA);
    trial->refused += err != ISO_OK;
    if (err != ISO_OK) {
        ck_assert_uint_eq(token.count, 0);
        ck_assert_ptr_nonnull(strstr(why.text, "unchanged"));
    }
    iso_token_release(&token);
}

START_TEST(a_token_that_was_changed_is_refused)
{
    struct iso_buf bytes = sample();
    struct trial trial = {.good = iso_buf_bytes(&bytes)};
    mutate_all(trial.good, 17, changed_is_refused, &trial);
    ck_assert_uint_gt(trial.refused, 8 * bytes.size);
    iso_buf_release(&bytes);
}
END_TEST

/* An enemy can compute a CRC: what is taken then has the one form of its content. */
static void forged_has_one_form(struct iso_bytes bad, void *arg)
{
    struct trial *trial = arg;
    if (bad.size < 5)
        return;
    struct iso_token token = {0};
    struct iso_buf forged = {0}, again = {0};
    iso_buf_add(&forged, bad.data, bad.size - 4);
    iso_buf_add_u32(&forged, crc32c(iso_buf_bytes(&forged)));
    enum iso_err err = iso_token_decode(iso_buf_bytes(&forged), &token, &why);
    ck_assert(err == ISO_OK || err == ISO_BAD_DATA ||
              (err == ISO_UNSUPPORTED && forged.data[0] != 1));
    if (err == ISO_OK) {
        iso_token_encode(&token, &again);
        ck_assert(iso_bytes_equal(iso_buf_bytes(&again), iso_buf_bytes(&forged)));
    }
    *(err == ISO_OK ? &trial->taken : &trial->refused) += 1;
    iso_token_release(&token);
    iso_buf_release(&forged);
    iso_buf_release(&again);
}

START_TEST(a_forged_token_is_taken_in_one_form_only)
{
    struct iso_buf bytes = sample();
    struct trial trial = {0};
    mutate_all(iso_buf_bytes(&bytes), 18, forged_has_one_form, &trial);
    ck_assert_uint_gt(trial.refused, 1000);
    ck_assert_uint_gt(trial.taken, 100);
    iso_buf_release(&bytes);
}
END_TEST

static void expect_text(const char *text, enum iso_err expected)
{
    struct iso_buf token = {0};
    iso_buf_add_u8(&token, 9); /* what stood there stays */
    enum iso_err err = iso_token_parse(iso_bytes_text(text), &token, &why);
    ck_assert_msg(err == expected, "%s: %s", text, iso_err_name(err));
    ck_assert(err == ISO_OK || token.size == 1);
    iso_buf_release(&token);
}

START_TEST(only_the_text_that_would_be_written_is_read)
{
    expect_text("AQAAAAAAAAAAAAA9oEE5", ISO_OK);
    expect_text("", ISO_OK); /* a session that begins */
    expect_text("AQAAAAAAAAAAAAA9oEE5=", ISO_BAD_DATA);
    expect_text("AQAAAAAAAAAAAAA9oEE5 ", ISO_BAD_DATA);
    expect_text("AQAAAAAAAAAAAAA9oEE5A", ISO_BAD_DATA);
    expect_text("AQAAAAAAAAAAAAA9oEE", ISO_BAD_DATA);
    expect_text("AQAAAAAAAAAAAAA9o+E5", ISO_BAD_DATA);
    expect_text("nonsense", ISO_BAD_DATA);
}
END_TEST

START_TEST(a_token_of_a_later_version_says_so)
{
    struct iso_buf bytes = sample();
    struct iso_token token = {0};
    bytes.data[0] = 2;
    iso_put_u32(bytes.data + bytes.size - 4,
                crc32c(iso_bytes(bytes.data, bytes.size - 4)));
    ck_assert_int_eq(iso_token_decode(iso_buf_bytes(&bytes), &token, &why),
                     ISO_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(why.text, "version 2"));
    iso_buf_release(&bytes);
    iso_token_release(&token);
}
END_TEST

/* ---- what it holds ---- */

START_TEST(of_each_name_the_larger_value_counts)
{
    struct iso_token token = {0};
    add(&token, item_at("b", 1, 0, 0, 5));
    add(&token, item_at("b", 1, 0, 0, 3));
    add(&token, item_at("a", 1, 0, 4, 8));
    add(&token, item_at("b", 1, 0, 0, 9));
    ck_assert_uint_eq(token.count, 2);
    ck_assert_uint_eq(token.items[0].seq, 4);
    ck_assert_uint_eq(token.items[1].value, 9);
    struct iso_token_item gone = item_at("a", 1, 0, 4, 0),
                          never = item_at("a", 1, 0, 5, 0);
    iso_token_remove(&token, &never);
    iso_token_remove(&token, &gone);
    ck_assert_uint_eq(token.count, 1);
    ck_assert_str_eq(token.items[0].log.collection, "b");
    iso_token_release(&token);
}
END_TEST

static void draw(struct iso_chance *chance, struct iso_token *token)
{
    token->hlc = iso_chance_draw(chance) % 5;
    for (uint64_t n = iso_chance_draw(chance) % 9; n > 0; n--) {
        uint64_t dice = iso_chance_draw(chance);
        struct iso_token_item item =
            item_at(dice & 1 ? "a" : "b", (uint16_t)(1 + (dice >> 1 & 1)),
                    (uint32_t)(dice >> 2 & 1), dice >> 3 & 3, 1 + (dice >> 5 & 3));
        item.log.birth += dice >> 7 & 1;
        add(token, item);
    }
}

static void copy(struct iso_token *to, const struct iso_token *from)
{
    iso_token_clear(to);
    ck_assert_int_eq(iso_token_merge(to, from, &why), ISO_OK);
    expect_same(to, from);
}

START_TEST(merging_commutes_associates_and_changes_nothing_twice)
{
    uint64_t seed = 20;
    struct iso_chance chance;
    struct iso_token t[3] = {{0}}, left = {0}, right = {0}, pair = {0};
    iso_chance_seeded_init(&chance, seed);
    for (int round = 0; round < 5000; round++) {
        for (int n = 0; n < 3; n++) {
            iso_token_clear(&t[n]);
            draw(&chance, &t[n]);
        }
        copy(&left, &t[0]);
        ck_assert_int_eq(iso_token_merge(&left, &t[1], &why), ISO_OK);
        copy(&right, &t[1]);
        ck_assert_int_eq(iso_token_merge(&right, &t[0], &why), ISO_OK);
        expect_same(&left, &right); /* a ∨ b = b ∨ a */
        copy(&pair, &t[1]);
        ck_assert_int_eq(iso_token_merge(&pair, &t[2], &why), ISO_OK);
        copy(&right, &t[0]);
        ck_assert_int_eq(iso_token_merge(&right, &pair, &why), ISO_OK);
        ck_assert_int_eq(iso_token_merge(&left, &t[2], &why), ISO_OK);
        expect_same(&left, &right); /* (a ∨ b) ∨ c = a ∨ (b ∨ c) */
        copy(&right, &left);
        ck_assert_int_eq(iso_token_merge(&right, &t[round % 3], &why), ISO_OK);
        expect_same(&left, &right); /* what is in it already */
    }
    for (int n = 0; n < 3; n++)
        iso_token_release(&t[n]);
    iso_token_release(&left);
    iso_token_release(&right);
    iso_token_release(&pair);
}
END_TEST

START_TEST(what_would_not_fit_is_an_error_and_never_a_weaker_token)
{
    struct iso_token token = {0}, more = {0};
    for (unsigned n = 0; n < ISO_TOKEN_ITEMS_MAX; n++)
        add(&token, item_at("a", (uint16_t)(1 + n / 4096), n % 4096, 0, 1));
    struct iso_token_item item = item_at("b", 1, 0, 0, 1);
    struct iso_buf full = {0}, other = {0};
    iso_token_encode(&token, &full);
    ck_assert_int_eq(iso_token_add(&token, &item, &why), ISO_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(why.text, "begin a new session"));
    add(&more, item);
    iso_token_encode(&more, &other);
    size_t size = full.size;
    ck_assert_int_eq(iso_token_merge(&token, &more, &why), ISO_TOO_LARGE);
    ck_assert_uint_eq(token.count, ISO_TOKEN_ITEMS_MAX);
    ck_assert_int_eq(iso_token_join(&full, iso_buf_bytes(&other), &why), ISO_TOO_LARGE);
    ck_assert_uint_eq(full.size, size);
    item = item_at("a", 1, 0, 0, 2); /* a name that is there needs no room */
    add(&token, item);
    ck_assert_int_eq(iso_token_decode(iso_buf_bytes(&full), &token, &why), ISO_OK);
    ck_assert_uint_eq(token.count, ISO_TOKEN_ITEMS_MAX);
    iso_buf_release(&full);
    iso_buf_release(&other);
    iso_token_release(&token);
    iso_token_release(&more);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("token");
    tcase_add_test(tests, tokens_of_another_program_are_read_written_and_merged);
    tcase_add_test(tests, a_token_that_was_changed_is_refused);
    tcase_add_test(tests, a_forged_token_is_taken_in_one_form_only);
    tcase_add_test(tests, only_the_text_that_would_be_written_is_read);
    tcase_add_test(tests, a_token_of_a_later_version_says_so);
    tcase_add_test(tests, of_each_name_the_larger_value_counts);
    tcase_add_test(tests, merging_commutes_associates_and_changes_nothing_twice);
    tcase_add_test(tests, what_would_not_fit_is_an_error_and_never_a_weaker_token);
    tcase_set_timeout(tests, 60);
    Suite *suite = suite_create("token");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
