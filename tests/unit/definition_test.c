/* Definitions (schema/definition.h): their bytes, and every rule with its sentence. */
#include <check.h>

#include "schema/avro.h"
#include "tests/unit/definition_sample.h"
#include "tests/unit/mutate.h"

static void check_logs(const struct iso_definition *a, const struct iso_definition *b)
{
    ck_assert_uint_eq(a->log_count, b->log_count);
    for (size_t i = 0; i < a->log_count; i++) {
        const struct iso_definition_log *x = &a->logs[i], *y = &b->logs[i];
        ck_assert_uint_eq(x->number, y->number);
        ck_assert_str_eq(x->cluster, y->cluster);
        ck_assert_str_eq(x->topic, y->topic);
        ck_assert_uint_eq(x->writers, y->writers);
        ck_assert_uint_eq(x->birth, y->birth);
        ck_assert(iso_bytes_equal(
            iso_bytes(x->succeeds, x->succeeds_count * sizeof x->succeeds[0]),
            iso_bytes(y->succeeds, y->succeeds_count * sizeof y->succeeds[0])));
        ck_assert((x->ends == NULL) == (y->ends == NULL));
        if (x->ends != NULL)
            ck_assert_int_eq(
                memcmp(x->ends, y->ends, a->partitions * sizeof x->ends[0]), 0);
    }
}

static void check_schemas(const struct iso_definition *a,
                          const struct iso_definition *b)
{
    ck_assert_uint_eq(a->schema_count, b->schema_count);
    for (size_t i = 0; i < a->schema_count; i++) {
        const struct iso_definition_schema *x = &a->schemas[i], *y = &b->schemas[i];
        ck_assert_int_eq(memcmp(x->fingerprint, y->fingerprint, 8), 0);
        ck_assert_str_eq(x->json, y->json);
        ck_assert(x->has_registry_id == y->has_registry_id);
        ck_assert_int_eq(x->registry_id, y->registry_id);
    }
}

START_TEST(a_definition_is_what_was_put_in_and_the_walk_accepts_it)
{
    struct iso_definition *a = sample_encoded("packages", 1), *b;
    struct iso_why why = {0};
    struct iso_bytes bytes = iso_buf_bytes(&a->bytes);
    ck_assert_msg(iso_avro_check(iso_avsc(ISO_AVSC_COLLECTION), bytes, &why) == ISO_OK,
                  "%s", why.text);
    ck_assert_int_eq(iso_definition_decode(bytes, &b, &why), ISO_OK);
    ck_assert(iso_bytes_equal(bytes, iso_buf_bytes(&b->bytes)));
    ck_assert_str_eq(a->collection, b->collection);
    ck_assert_uint_eq(a->number, b->number);
    ck_assert_int_eq(memcmp(a->id, b->id, sizeof a->id), 0);
    ck_assert_uint_eq(a->partitions, b->partitions);
    ck_assert_uint_eq(a->buckets, b->buckets);
    ck_assert_str_eq(a->resolver, b->resolver);
    ck_assert_int_eq(a->format, b->format);
    ck_assert_int_eq(a->before_max_ms, b->before_max_ms);
    ck_assert_int_eq(a->after_max_ms, b->after_max_ms);
    ck_assert_int_eq(memcmp(&a->limits, &b->limits, sizeof a->limits), 0);
    ck_assert_uint_eq(b->region_count, 3);
    ck_assert_str_eq(b->regions[2].name, "us");
    check_logs(a, b);
    check_schemas(a, b);
    ck_assert_uint_eq(b->extension_unknown, 0);
    iso_definition_free(a);
    iso_definition_free(b);
}
END_TEST

START_TEST(what_it_says_is_looked_up)
{
    struct iso_definition *definition = sample_encoded("packages", 1);
    ck_assert_uint_eq(iso_definition_log(definition, 2)->number, 2);
    ck_assert_ptr_null(iso_definition_log(definition, 4));
    ck_assert_ptr_null(iso_definition_log(definition, 0));
    ck_assert_str_eq(iso_definition_region(definition, 64)->name, "us");
    ck_assert_ptr_null(iso_definition_region(definition, 3));
    ck_assert_uint_eq(iso_definition_region_named(definition, "ap")->number, 1);
    ck_assert_ptr_null(iso_definition_region_named(definition, "as"));
    ck_assert_uint_eq(iso_definition_log_of(definition, 1)->number, 3);
    ck_assert_uint_eq(iso_definition_log_of(definition, 64)->number, 2);
    ck_assert_ptr_null(iso_definition_log_of(definition, 3));
    ck_assert_ptr_null(iso_definition_log_of(definition, 65));
    ck_assert_ptr_null(iso_definition_log_of(definition, 0));
    ck_assert_uint_eq(iso_definition_owner(&definition->logs[0]), 1);
    ck_assert_uint_eq(iso_definition_owner(&definition->logs[1]), 2);
    iso_definition_free(definition);
    iso_definition_free(NULL);
}
END_TEST

START_TEST(names_are_of_few_letters)
{
    char long_name[ISO_COLLECTION_NAME_MAX + 2] = {0};
    memset(long_name, 'a', ISO_COLLECTION_NAME_MAX + 1);
    ck_assert(!iso_collection_name_valid(long_name));
    ck_assert(iso_collection_name_valid(long_name + 1));
    ck_assert(!iso_region_name_valid(long_name + ISO_REGION_NAME_MAX));
    ck_assert(iso_region_name_valid(long_name + ISO_REGION_NAME_MAX + 1));
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "ä", "a\n", "a:b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!iso_collection_name_valid(bad[i]), "%s", bad[i]);
        ck_assert_msg(!iso_region_name_valid(bad[i]), "%s", bad[i]);
    }
    ck_assert(iso_collection_name_valid("A.b_c-9"));
    ck_assert(!iso_region_name_valid("A"));
    ck_assert(iso_region_name_valid("eu-west-1"));
}
END_TEST

/* ---- the rules: each breaks one thing in the sample (in its order before sorting)
 * ---- */

typedef void break_rule(struct iso_definition *d);
#define RULE(name, code)                       \
    static void name(struct iso_definition *d) \
    {                                          \
        code;                                  \
    }

static void replace(char **text, const char *with)
{
    iso_free(*text);
    *text = iso_strdup(with);
}

/* `count` open logs, each on its own topic. */
static void logs_open(struct iso_definition *d, uint16_t count)
{
    size_t total = d->log_count + count;
    d->logs = iso_realloc(d->logs, total * sizeof d->logs[0]);
    for (uint16_t i = 0; i < count; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%u", i);
        d->logs[d->log_count++] = sample_log((uint16_t)(100 + i), topic, 1);
    }
}

static void schema_huge(struct iso_definition *d)
{
    for (size_t i = 0; i < 2; i++) {
        iso_free(d->schemas[i].json);
        d->schemas[i].json = iso_alloc_zero(1, (451 << 10) + 1);
        memset(d->schemas[i].json, 'x', 451 << 10);
    }
}

RULE(name_bad, put_text(d->collection, "a/b"))
RULE(name_none, d->collection[0] = '\0')
RULE(number_zero, d->number = 0)
RULE(number_huge, d->number = UINT32_MAX)
RULE(id_none, memset(d->id, 0, sizeof d->id))
RULE(partitions_none, d->partitions = 0)
RULE(partitions_many, d->partitions = ISO_PARTITIONS_MAX + 1)
RULE(buckets_none, d->buckets = 0)
RULE(buckets_many, d->buckets = ISO_BUCKETS_MAX + 1)
RULE(resolver_bad, put_text(d->resolver, "plugin:"))
RULE(resolver_name, put_text(d->resolver, "plugin:Shopping.v2"))
RULE(format_bad, d->format = (enum iso_format)3)
RULE(before_short, d->before_max_ms = 999)
RULE(before_long, d->before_max_ms = INT64_MAX)
RULE(after_short, d->after_max_ms = 0)
RULE(after_long, d->after_max_ms = ISO_AFTER_MAX_LIMIT_MS + 1)
RULE(key_none, d->limits.key_max = 0)
RULE(key_long, d->limits.key_max = ISO_KEY_MAX + 1)
RULE(value_long, d->limits.value_max = ISO_VALUE_MAX + 1)
RULE(header_short, d->limits.header_max = ISO_HEADER_BLIND_MAX - 1)
RULE(header_long, d->limits.header_max = UINT32_MAX)
RULE(read_long, d->limits.read_max = ISO_DEFINITION_READ_MAX + 1)
RULE(regions_none, d->region_count = 0)
RULE(region_zero, d->regions[0].number = 0)
RULE(region_large, d->regions[0].number = ISO_REGION_MAX + 1)
RULE(region_number_twice, d->regions[0].number = 64)
RULE(region_name_twice, put_text(d->regions[0].name, "us"))
RULE(region_name_bad, put_text(d->regions[0].name, "EU"))
RULE(log_zero, d->logs[0].number = 0)
RULE(log_large, d->logs[0].number = ISO_LOG_MAX + 1)
RULE(log_twice, d->logs[0].number = 2)
RULE(log_no_writer, d->logs[0].writers = 0)
RULE(log_writer_unknown, d->logs[0].writers |= 1 << 2)
RULE(log_no_birth, d->logs[0].birth = 0)
RULE(log_cluster_bad, replace(&d->logs[0].cluster, "a b"))
RULE(log_topic_bad, replace(&d->logs[0].topic, ".."))
RULE(log_topic_twice, replace(&d->logs[0].topic, "packages"))
RULE(log_end_negative, d->logs[2].ends[3] = -1)
RULE(log_succeeds_higher, d->logs[1].succeeds[0] = 3)
RULE(log_succeeds_itself, d->logs[1].succeeds[0] = 2)
RULE(log_succeeds_nobody, d->logs[2].number = 9)
RULE(log_succeeds_open, iso_free(d->logs[2].ends); d->logs[2].ends = NULL;
     replace(&d->logs[2].topic, "old"))
RULE(logs_many, logs_open(d, 63))
RULE(schema_empty, replace(&d->schemas[0].json, ""))
RULE(schema_no_text, replace(&d->schemas[0].json, "\xff"))
RULE(schema_twice, d->schemas[0].fingerprint[0] = 1)
RULE(schema_unregistered, d->format = ISO_FORMAT_CONFLUENT)
RULE(schema_opaque, d->format = ISO_FORMAT_OPAQUE)
RULE(compatibility_bad, d->compatibility = ISO_COMPATIBILITIES)

static void registered_twice(struct iso_definition *d)
{
    d->format = ISO_FORMAT_CONFLUENT;
    d->schemas[0].has_registry_id = true;
    d->schemas[0].registry_id = d->schemas[1].registry_id;
}

static const struct rule {
    const char *name;
    break_rule *break_it;
    const char *said, *remedy;
} rules[] = {
    {"name_bad", name_bad, "name", "use 1 to 64"},
    {"name_none", name_none, "name", "use 1 to 64"},
    {"number_zero", number_zero, "number is 0", "count from 1"},
    {"number_huge", number_huge, "4294967295", "count from 1"},
    {"id_none", id_none, "zeros", "random"},
    {"partitions_none", partitions_none, "0 partitions", "1 to 4096"},
    {"partitions_many", partitions_many, "4097 partitions", "1 to 4096"},
    {"buckets_none", buckets_none, "0 buckets", "1 to 65536"},
    {"buckets_many", buckets_many, "65537 buckets", "1 to 65536"},
    {"resolver_bad", resolver_bad, "resolver", "use lww"},
    {"resolver_name", resolver_name, "resolver", "of a-z 0-9 -"},
    {"format_bad", format_bad, "format 3", "use avro"},
    {"before_short", before_short, "before_max is 999", "1 second to"},
    {"before_long", before_long, "before_max", "366 days"},
    {"after_short", after_short, "after_max is 0", "1 second to"},
    {"after_long", after_long, "after_max", "1 hour"},
    {"key_none", key_none, "key_max is 0", "1 to 384"},
    {"key_long", key_long, "key_max is 385", "1 to 384"},
    {"value_long", value_long, "value_max", "1 to 983040"},
    {"header_short", header_short, "header_max is 63", "64 to 65536"},
    {"header_long", header_long, "header_max", "64 to 65536"},
    {"read_long", read_long, "read_max is 4097", "1 to 4096"},
    {"regions_none", regions_none, "0 regions", "1 to 64"},
    {"region_zero", region_zero, "region eu has the number 0", "1 to 64"},
    {"region_large", region_large, "region eu has the number 65", "1 to 64"},
    {"region_number_twice", region_number_twice, "number 64 stands twice",
     "one region"},
    {"region_name_twice", region_name_twice, "region us stands twice", "one region"},
    {"region_name_bad", region_name_bad, "region 2", "a-z 0-9 -"},
    {"log_zero", log_zero, "number 0", "1 to 65000"},
    {"log_large", log_large, "number 65001", "1 to 65000"},
    {"log_twice", log_twice, "log number 2 stands twice", "for ever"},
    {"log_no_writer", log_no_writer, "log 3 has no writer", "name a region"},
    {"log_writer_unknown", log_writer_unknown, "region 3 writes log 3", "add it"},
    {"log_no_birth", log_no_birth, "log 3 has no birth", "first DEFINE"},
    {"log_cluster_bad", log_cluster_bad, "cluster of log 3", "use 1 to 64"},
    {"log_topic_bad", log_topic_bad, "topic of log 3", "use 1 to 249"},
    {"log_topic_twice", log_topic_twice, "logs 2 and 3 are both open", "close one"},
    {"log_end_negative", log_end_negative, "ends at offset -1", "0 or more"},
    {"log_succeeds_higher", log_succeeds_higher, "log 2 succeeds log 3", "higher"},
    {"log_succeeds_itself", log_succeeds_itself, "log 2 succeeds log 2", "higher"},
    {"log_succeeds_nobody", log_succeeds_nobody, "not named", "its ends are named"},
    {"log_succeeds_open", log_succeeds_open, "is open", "its ends are named"},
    {"logs_many", logs_many, "65 logs are open", "close some"},
    {"schema_empty", schema_empty, "schema 1 has no text", "give its JSON"},
    {"schema_no_text", schema_no_text, "does not decode", "damaged"},
    {"schema_twice", schema_twice, "one fingerprint", "name each once"},
    {"schema_unregistered", schema_unregistered, "registry id", "register"},
    {"registered_twice", registered_twice, "one registry id", "name each once"},
    {"schema_opaque", schema_opaque, "values are opaque", "leave them out"},
    {"compatibility_bad", compatibility_bad, "mode 7 is unknown", "BACKWARD"},
    {"schema_huge", schema_huge, "of JSON", "leave out"},
};

START_TEST(each_rule_is_held_with_a_sentence_that_names_the_remedy)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct iso_definition *definition = sample_definition("packages", 1);
        struct iso_why why = {0};
        rules[i].break_it(definition);
        enum iso_err err = iso_definition_encode(definition, &why);
        ck_assert_msg(err == ISO_BAD_DATA && why.err == err, "%s: %d", rules[i].name,
                      err);
        ck_assert_msg(strstr(why.text, rules[i].said) != NULL, "%s: %s", rules[i].name,
                      why.text);
        ck_assert_msg(strstr(why.text, rules[i].remedy) != NULL, "%s: %s",
                      rules[i].name, why.text);
        ck_assert_int_eq(iso_definition_encode(definition, NULL), ISO_BAD_DATA);
        iso_definition_free(definition);
    }
}
END_TEST

/* ---- damage ---- */

static void the_walk_agrees(struct iso_bytes bad, void *arg)
{
    size_t *taken = arg;
    struct iso_definition *definition;
    struct iso_why why;
    if (iso_definition_decode(bad, &definition, &why) != ISO_OK) {
        ck_assert_int_eq(why.err, ISO_BAD_DATA);
        ck_assert_ptr_null(definition);
        return;
    }
    ++*taken;
    ck_assert_int_eq(iso_avro_check(iso_avsc(ISO_AVSC_COLLECTION), bad, NULL), ISO_OK);
    iso_definition_free(definition);
}

START_TEST(what_the_walk_refuses_decode_refuses)
{
    struct iso_definition *definition = sample_encoded("packages", 1);
    size_t taken = 0;
    mutate_all(iso_buf_bytes(&definition->bytes), 31, the_walk_agrees, &taken);
    ck_assert_uint_gt(taken, 100);
    iso_definition_free(definition);
}
END_TEST

START_TEST(an_unknown_extension_is_ignored_when_even_and_said_when_odd)
{
    static const uint8_t numbers[] = {8, 5, 3}; /* each with two bytes */
    struct iso_definition *definition = sample_encoded("packages", 1), *read;
    for (size_t count = 1; count <= 3; count++) {
        struct iso_buf out = {0};
        iso_buf_add(&out, definition->bytes.data, definition->bytes.size - 1);
        iso_avro_add_long(&out, (int64_t)count);
        for (size_t i = 0; i < count; i++) {
            iso_avro_add_long(&out, numbers[i]);
            iso_avro_add_text(&out, "xy");
        }
        iso_avro_add_long(&out, 0);
        ck_assert_int_eq(iso_definition_decode(iso_buf_bytes(&out), &read, NULL),
                         ISO_OK);
        ck_assert_uint_eq(read->extension_unknown, count == 1 ? 0 : numbers[count - 1]);
        ck_assert_int_eq(iso_definition_encode(read, NULL), ISO_UNSUPPORTED); /* lost */
        iso_definition_free(read);
        iso_buf_release(&out);
    }
    iso_definition_free(definition);
}
END_TEST

/* One extension, 8 "xy" (five bytes), in blocks as other writers may make them. */
START_TEST(blocks_may_say_their_size_and_must_be_right)
{
    static const struct {
        const char *array;
        size_t size;
        bool right;
    } cases[] = {
        {"\x02\x10\x04xy\0", 6, true},
        {"\x01\x08\x10\x04xy\0", 7, true},
        {"\x02\x10\x04xy\x01\x08\x10\x04xy\0", 12, true},
        {"\x01\x06\x10\x04xy\0", 7, false}, /* it says less */
        {"\x01\x0a\x10\x04xy\0", 7, false}, /* … more */
        {"\x01\x07\x10\x04xy\0", 7, false}, /* … a negative size */
        {"\x10\x04xy\0", 5, false},
    };
    struct iso_definition *definition = sample_encoded("packages", 1), *read;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct iso_buf out = {0};
        iso_buf_add(&out, definition->bytes.data, definition->bytes.size - 1);
        iso_buf_add(&out, cases[i].array, cases[i].size);
        enum iso_err walk =
            iso_avro_check(iso_avsc(ISO_AVSC_COLLECTION), iso_buf_bytes(&out), NULL);
        enum iso_err err = iso_definition_decode(iso_buf_bytes(&out), &read, NULL);
        ck_assert_msg(walk == err && (err == ISO_OK) == cases[i].right, "%zu: %d %d", i,
                      walk, err);
        iso_definition_free(read);
        iso_buf_release(&out);
    }
    iso_definition_free(definition);
}
END_TEST

START_TEST(what_is_too_large_is_refused_before_it_is_looked_at)
{
    size_t size = ISO_VALUE_MAX + 1;
    uint8_t *zeros = calloc(1, size);
    struct iso_definition *definition;
    struct iso_why why;
    ck_assert_int_eq(iso_definition_decode(iso_bytes(zeros, size), &definition, &why),
                     ISO_BAD_DATA);
    ck_assert_ptr_nonnull(strstr(why.text, "fewer"));
    free(zeros);
}
END_TEST

/* ---- what may follow ---- */

RULE(next_skips, d->number++)
RULE(next_same_id, memset(d->id, 3, sizeof d->id))
RULE(next_partitions, d->partitions--)
RULE(next_buckets, d->buckets++)
RULE(next_resolver, put_text(d->resolver, "siblings"))
RULE(next_before_max, d->before_max_ms--)
RULE(next_after_max, d->after_max_ms--)
RULE(next_limit, d->limits.value_max--)
RULE(next_region_number, d->regions[0].number = 9; d->logs[1].writers |= 1 << 8;
     d->logs[1].writers &= ~UINT64_C(2); d->logs[2].writers = 1)
RULE(next_region_name, put_text(d->regions[0].name, "fr"))
RULE(next_log_topic, replace(&d->logs[0].topic, "other"))
RULE(next_log_cluster, replace(&d->logs[0].cluster, "other"))
RULE(next_log_birth, d->logs[0].birth++)
RULE(next_log_writer, d->logs[1].writers = 2)
RULE(next_log_reopened, d->logs[1].succeeds_count = 0; iso_free(d->logs[2].ends);
     d->logs[2].ends = NULL; replace(&d->logs[1].topic, "x"))
RULE(next_log_ends, d->logs[2].ends[0]++)
RULE(next_log_successor, d->logs[1].succeeds_count = 0)
RULE(next_log_gone, d->logs[0].number = 4)
static const struct rule follow_rules[] = {
    {"skips", next_skips, "4 cannot come after 2", "by one"},
    {"same_id", next_same_id, "id of the one before", "new random"},
    {"partitions", next_partitions, "partitions change from 4 to 3", "new collection"},
    {"buckets", next_buckets, "buckets change", "new collection"},
    {"resolver", next_resolver, "from lww to siblings", "new collection"},
    {"before_max", next_before_max, "before_max falls", "or raise it"},
    {"after_max", next_after_max, "after_max falls", "or raise it"},
    {"limit", next_limit, "the limit of values falls", "or raise it"},
    {"region_number", next_region_number, "region eu was number 2", "keeps"},
    {"region_name", next_region_name, "region eu was number 2", "keeps"},
    {"log_topic", next_log_topic, "log 3 moves", "new number"},
    {"log_cluster", next_log_cluster, "log 3 moves", "new number"},
    {"log_birth", next_log_birth, "birth of log 3", "first DEFINE"},
    {"log_writer", next_log_writer, "log 2 loses a writer", "leave it"},
    {"log_reopened", next_log_reopened, "log 1 was closed", "new number"},
    {"log_ends", next_log_ends, "log 1 was closed", "new number"},
    {"log_successor", next_log_successor, "what log 2 succeeds", "opened"},
    {"log_gone", next_log_gone, "log 3 is no longer named", "naming its ends"},
};

START_TEST(what_decides_stays_from_one_definition_to_the_next)
{
    struct iso_definition *now = sample_encoded("packages", 2);
    for (size_t i = 0; i < sizeof follow_rules / sizeof follow_rules[0]; i++) {
        const struct rule *rule = &follow_rules[i];
        struct iso_definition *next = sample_definition("packages", 3);
        struct iso_why why = {0};
        rule->break_it(next);
        ck_assert_msg(iso_definition_encode(next, &why) == ISO_OK, "%s: %s", rule->name,
                      why.text);
        ck_assert_msg(iso_definition_follows(next, now, &why) == ISO_BAD_DATA, "%s",
                      rule->name);
        ck_assert_msg(strstr(why.text, rule->said) && strstr(why.text, rule->remedy),
                      "%s: %s", rule->name, why.text);
        iso_definition_free(next);
    }
    iso_definition_free(now);
}
END_TEST

START_TEST(logs_may_open_and_end_and_writers_may_join)
{
    struct iso_definition *now = sample_encoded("packages", 2);
    struct iso_definition *next = sample_definition("packages", 3);
    struct iso_why why = {0};
    next->logs[0].ends = sample_ends();
    next->logs[1].writers |= 1;
    next->before_max_ms++;
    logs_open(next, 1);
    ck_assert_int_eq(iso_definition_encode(next, &why), ISO_OK);
    ck_assert_msg(iso_definition_follows(next, now, &why) == ISO_OK, "%s", why.text);
    iso_definition_free(next);
    iso_definition_free(now);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("definition");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_definition_is_what_was_put_in_and_the_walk_accepts_it);
    tcase_add_test(tests, what_it_says_is_looked_up);
    tcase_add_test(tests, names_are_of_few_letters);
    tcase_add_test(tests, each_rule_is_held_with_a_sentence_that_names_the_remedy);
    tcase_add_test(tests, what_the_walk_refuses_decode_refuses);
    tcase_add_test(tests, an_unknown_extension_is_ignored_when_even_and_said_when_odd);
    tcase_add_test(tests, blocks_may_say_their_size_and_must_be_right);
    tcase_add_test(tests, what_is_too_large_is_refused_before_it_is_looked_at);
    tcase_add_test(tests, what_decides_stays_from_one_definition_to_the_next);
    tcase_add_test(tests, logs_may_open_and_end_and_writers_may_join);
    Suite *suite = suite_create("definition");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
