/* Looking a region and a collection up: in the control topic, or while Kafka is away in
 * the cache; and whether the log is ready to be written. */
#include "producer/cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include "producer/define.h"
#include "producer/home.h"
#include "tests/unit/producer_ground.h"

static struct iso_clock_manual manual;
static struct iso_memory_cluster *cluster;
static struct iso_bus *bus;
static struct iso_definition *definition;
static struct iso_chance chance;
static struct iso_why why;
static char folder[64], file[128];

enum { TIMEOUT_MS = 100 };

static void setup(void)
{
    iso_clock_manual_init(&manual, GROUND_NOW_MS);
    cluster = iso_memory_cluster_new(&manual.clock);
    bus = iso_bus_memory_open(cluster);
    definition = ground_definition(GROUND_PARTITIONS);
    iso_chance_seeded_init(&chance, 7);
    snprintf(folder, sizeof folder, "%s", "/tmp/iso-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/eu@packages.definition", folder);
}
static void teardown(void)
{
    unlink(file);
    rmdir(folder);
    iso_definition_free(definition);
    iso_bus_close(bus);
    iso_memory_cluster_free(cluster);
}

static void announce(void)
{
    struct iso_control *control = iso_control_new();
    unsigned given;
    ck_ok(iso_control_topics(bus, "iso.", true, 0, TIMEOUT_MS, &why));
    ck_ok(iso_control_add_region(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                 "eu", GROUND_REGION, control, &given, &why));
    ck_ok(
        iso_control_add_definition(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                   definition, control, &why));
    iso_control_free(control);
}

static enum iso_err lookup(const char *region, const char *collection,
                           const char *cache, struct iso_found *found)
{
    struct iso_lookup asked = {.home = bus,
                               .prefix = "iso.",
                               .region = region,
                               .collection = collection,
                               .cache = cache,
                               .timeout_ms = TIMEOUT_MS};
    return iso_lookup(&asked, found, &why);
}

/* ---- lookup ---- */

START_TEST(what_the_control_topic_says_is_found)
{
    announce();
    struct iso_found found;
    ck_ok(lookup("eu", "packages", NULL, &found));
    ck_assert_uint_eq(found.region, GROUND_REGION);
    ck_assert(!found.cached);
    ck_assert(iso_bytes_equal(iso_buf_bytes(&found.definition->bytes),
                              iso_buf_bytes(&definition->bytes)));
    iso_definition_free(found.definition);
}
END_TEST

/* The definition of `number` behind the one that was announced, in which somebody may
 * have a schema that is in no log yet. */
static void announce_next(uint32_t number)
{
    struct iso_definition *later = ground_definition(GROUND_PARTITIONS);
    struct iso_control *control = iso_control_new();
    struct iso_control_place place = {bus, "iso.", TIMEOUT_MS};
    later->number = number;
    memset(later->id, (int)number, sizeof later->id);
    ck_ok(iso_definition_encode(later, &why));
    ck_ok(iso_control_add_definition(&place, later, control, &why));
    iso_control_free(control);
    iso_definition_free(later);
}

static void mark(uint32_t number)
{
    struct iso_control *control = iso_control_new();
    struct iso_control_place place = {bus, "iso.", TIMEOUT_MS};
    ck_ok(iso_control_read(&place, control, &why));
    ck_ok(iso_control_add_defined(
        &place, iso_control_definition(control, "packages", number), control, &why));
    iso_control_free(control);
}

START_TEST(a_definition_is_used_and_kept_once_it_stands_in_every_log)
{
    struct iso_found found;
    announce();
    announce_next(2);
    announce_next(3);
    ck_ok(lookup("eu", "packages", NULL, &found));
    ck_assert_uint_eq(found.definition->number, 1);
    iso_definition_free(found.definition);
    mark(2);
    ck_ok(lookup("eu", "packages", NULL, &found));
    ck_assert_uint_eq(found.definition->number, 2);
    ck_ok(iso_cache_write(folder, "eu", found.definition, found.region, &why));
    iso_definition_free(found.definition);
    iso_memory_cut(bus, true);
    ck_ok(lookup("eu", "packages", folder, &found));
    ck_assert(found.cached);
    ck_assert_uint_eq(found.definition->number, 2);
    iso_definition_free(found.definition);
}
END_TEST

START_TEST(what_is_not_defined_is_answered_with_what_is)
{
    struct iso_found found;
    ck_err(lookup("eu", "packages", NULL, &found), ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(why.text, "isostasy region add eu"));
    announce();
    ck_err(lookup("us", "packages", NULL, &found), ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(why.text, "there are eu"));
    ck_err(lookup("eu", "package", NULL, &found), ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(why.text, "there are packages"));
    struct iso_control *control = iso_control_new();
    unsigned given;
    ck_ok(iso_control_add_region(&(struct iso_control_place){bus, "iso.", TIMEOUT_MS},
                                 "us", 0, control, &given, &why));
    iso_control_free(control);
    ck_err(lookup("us", "packages", NULL, &found), ISO_NO_DEFINITION);
    ck_assert_ptr_nonnull(strstr(why.text, "does not have the region us"));
}
END_TEST

START_TEST(while_kafka_is_away_the_cache_answers)
{
    struct iso_found found;
    iso_memory_cut(bus, true);
    ck_err(lookup("eu", "packages", NULL, &found), ISO_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "producer.cache"));
    ck_err(lookup("eu", "packages", folder, &found), ISO_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "never cached"));
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    ck_ok(lookup("eu", "packages", folder, &found));
    ck_assert(found.cached);
    ck_assert_uint_eq(found.region, GROUND_REGION);
    ck_assert_str_eq(found.definition->collection, "packages");
    iso_definition_free(found.definition);
    ck_err(lookup("us", "packages", folder, &found), ISO_UNAVAILABLE);
}
END_TEST

/* ---- the file ---- */

START_TEST(the_cache_makes_its_folder_and_replaces_what_it_had)
{
    struct iso_definition *read;
    unsigned number;
    rmdir(folder);
    ck_ok(iso_cache_write(folder, "eu", definition, 2, &why));
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    struct stat before, after;
    ck_assert_int_eq(stat(file, &before), 0);
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    ck_assert_int_eq(stat(file, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino); /* the same is not written again */
    ck_ok(iso_cache_read(folder, "eu", "packages", &read, &number, &why));
    ck_assert_uint_eq(number, GROUND_REGION);
    iso_definition_free(read);
}
END_TEST

static size_t file_load(uint8_t *bytes, size_t room)
{
    FILE *in = fopen(file, "rb");
    ck_assert_ptr_nonnull(in);
    size_t size = fread(bytes, 1, room, in);
    fclose(in);
    return size;
}
static void file_store(const uint8_t *bytes, size_t size)
{
    FILE *out = fopen(file, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, size, out), size);
    fclose(out);
}

START_TEST(a_damaged_cache_is_named_and_never_believed)
{
    uint8_t bytes[4096];
    struct iso_definition *read;
    unsigned number;
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    size_t size = file_load(bytes, sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        file_store(bytes, size);
        ck_err(iso_cache_read(folder, "eu", "packages", &read, &number, &why),
               ISO_DAMAGED);
        bytes[i] ^= 0x10;
    }
    ck_assert_ptr_nonnull(strstr(why.text, file));
    for (size_t cut = 0; cut < size; cut++) {
        file_store(bytes, cut);
        ck_err(iso_cache_read(folder, "eu", "packages", &read, &number, &why),
               ISO_DAMAGED);
    }
    iso_memory_cut(bus, true);
    struct iso_found found;
    ck_err(lookup("eu", "packages", folder, &found), ISO_DAMAGED);
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why)); /* mended */
    ck_ok(iso_cache_read(folder, "eu", "packages", &read, &number, &why));
    iso_definition_free(read);
}
END_TEST

START_TEST(a_cache_of_another_collection_is_not_taken_for_this_one)
{
    char other[128];
    struct iso_definition *read;
    unsigned number;
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    snprintf(other, sizeof other, "%s/eu@users.definition", folder);
    ck_assert_int_eq(rename(file, other), 0);
    ck_err(iso_cache_read(folder, "eu", "users", &read, &number, &why), ISO_DAMAGED);
    unlink(other);
}
END_TEST

START_TEST(a_log_that_was_ready_is_known_under_a_later_definition)
{
    ck_assert(!iso_cache_knows_log(folder, "eu", definition, GROUND_REGION));
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    definition->number++;
    ck_ok(iso_definition_encode(definition, &why));
    ck_assert(!iso_cache_holds(folder, "eu", definition, GROUND_REGION));
    ck_assert(iso_cache_knows_log(folder, "eu", definition, GROUND_REGION));
    ck_assert(!iso_cache_knows_log(folder, "eu", definition, GROUND_REGION + 1));
    definition->logs[0].birth++; /* of the same name, made anew */
    ck_assert(!iso_cache_knows_log(folder, "eu", definition, GROUND_REGION));
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_named)
{
    char below[160];
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    snprintf(below, sizeof below, "%s/cache", file); /* below a file */
    ck_err(iso_cache_write(below, "eu", definition, GROUND_REGION, &why), ISO_IO);
    ck_assert_ptr_nonnull(strstr(why.text, below));
}
END_TEST

/* ---- the log ---- */

START_TEST(a_log_is_ready_when_every_partition_begins_with_its_define)
{
    const struct iso_definition_log *log = &definition->logs[0];
    int64_t week_ms = INT64_C(7) * 24 * 3600 * 1000;
    ck_err(iso_log_ready(bus, definition, log, TIMEOUT_MS, &why), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "isostasy collection create"));
    ck_ok(iso_log_create(bus, definition, log,
                         &(struct iso_topic_options){0, week_ms, TIMEOUT_MS}, &why));
    ck_err(iso_log_ready(bus, definition, log, TIMEOUT_MS, &why), ISO_TOPIC_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "not defined in every partition"));
    ck_ok(iso_log_define(bus, definition, log, &chance, TIMEOUT_MS, &why));
    ck_ok(iso_log_ready(bus, definition, log, TIMEOUT_MS, &why));
    definition->partitions++;
    ck_err(iso_log_ready(bus, definition, log, TIMEOUT_MS, &why), ISO_TOPIC_CONFIG);
    definition->partitions--;
    iso_memory_cut(bus, true);
    ck_err(iso_log_ready(bus, definition, log, TIMEOUT_MS, &why), ISO_UNAVAILABLE);
}
END_TEST

/* ---- open by settings, as far as it goes without Kafka ---- */

START_TEST(an_open_that_names_nothing_is_refused_before_kafka_is_asked)
{
    struct iso_settings *settings = iso_settings_new();
    struct iso_producer *producer = NULL;
    struct iso_producer_options options = {.collection = "packages"};
    ck_err(iso_producer_open(settings, &options, &producer, &why), ISO_NO_DEFINITION);
    options.region = "eu";
    options.collection = "no/such";
    ck_err(iso_producer_open(settings, &options, &producer, &why), ISO_NO_DEFINITION);
    options.collection = "packages";
    ck_err(iso_producer_open(settings, &options, &producer, &why), ISO_SETTING);
    ck_assert_ptr_nonnull(strstr(why.text, "[cluster home]"));
    iso_settings_free(settings);
}
END_TEST

#ifndef __SANITIZE_THREAD__
START_TEST(an_open_while_kafka_is_away_goes_by_the_cache_and_closes_with_answers)
{
    struct iso_settings *settings = iso_settings_new();
    struct iso_producer *producer = NULL;
    struct ground ground = {0};
    struct iso_producer_options options = {.region = "eu",
                                           .collection = "packages",
                                           .acknowledged = ground_acknowledged,
                                           .user = &ground};
    ck_ok(
        iso_settings_set(settings, "cluster.home.servers", "127.0.0.1:1", "-X", &why));
    ck_ok(iso_settings_set(settings, "producer.timeout", "100ms", "-X", &why));
    ck_err(iso_producer_open(settings, &options, &producer, &why), ISO_UNAVAILABLE);
    ck_ok(iso_settings_set(settings, "producer.cache", folder, "-X", &why));
    ck_err(iso_producer_open(settings, &options, &producer, &why), ISO_UNAVAILABLE);
    ck_ok(iso_cache_write(folder, "eu", definition, GROUND_REGION, &why));
    ck_ok(iso_producer_open(settings, &options, &producer, &why));
    ck_ok(iso_producer_put(producer, iso_bytes_text("k"), iso_bytes_text("v"), NULL,
                           &why));
    ck_err(iso_producer_flush(producer, 50, &why), ISO_TIMEOUT);
    iso_producer_close(producer);
    ck_assert_uint_eq(ground.ack_count, 1);
    ck_assert_int_eq(ground.acks[0].ack.state, ISO_MAYBE_APPLIED);
    free(ground.acks);
    iso_settings_free(settings);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("producer cache");
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_the_control_topic_says_is_found);
    tcase_add_test(tests, a_definition_is_used_and_kept_once_it_stands_in_every_log);
    tcase_add_test(tests, what_is_not_defined_is_answered_with_what_is);
    tcase_add_test(tests, while_kafka_is_away_the_cache_answers);
    tcase_add_test(tests, the_cache_makes_its_folder_and_replaces_what_it_had);
    tcase_add_test(tests, a_damaged_cache_is_named_and_never_believed);
    tcase_add_test(tests, a_cache_of_another_collection_is_not_taken_for_this_one);
    tcase_add_test(tests, a_log_that_was_ready_is_known_under_a_later_definition);
    tcase_add_test(tests, a_folder_that_cannot_be_written_is_named);
    tcase_add_test(tests, a_log_is_ready_when_every_partition_begins_with_its_define);
    tcase_add_test(tests, an_open_that_names_nothing_is_refused_before_kafka_is_asked);
#ifndef __SANITIZE_THREAD__
    /* librdkafka starts its threads by thrd_create, which gcc's thread sanitizer does
     * not know: it crashes in them. */
    tcase_add_test(
        tests, an_open_while_kafka_is_away_goes_by_the_cache_and_closes_with_answers);
#endif
    return ground_main(suite);
}
