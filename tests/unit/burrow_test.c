/* /v3/kafka as those read it who know Burrow: telegraf's input and burrow_exporter.
 * What their structures declare is there, in their types, with names that Burrow knows.
 */
#include "view_draw.h"

enum { STATUSES = 200 };

static struct iso_status *status;

static void setup(void)
{
    uint64_t seed = draw_seed();
    printf("burrow_test: ISO_SEED=%llu\n", (unsigned long long)seed);
    iso_chance_seeded_init(&chance, seed);
}

/* The answer; NULL when it is Burrow's 404. */
static json_t *ask(const char *path)
{
    struct iso_buf out = {0};
    bool found = iso_view_burrow(status, path, &out);
    json_t *view = json_loadb((char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    iso_buf_release(&out);
    ck_assert_msg(view != NULL, "%s", path);
    ck_assert(json_is_string(json_object_get(view, "message")));
    ck_assert(json_is_object(json_object_get(view, "request")));
    ck_assert_int_eq(json_is_true(json_object_get(view, "error")), !found);
    if (found)
        return view;
    json_decref(view);
    return NULL;
}

static json_t *ask_of(const char *format, const char *a, const char *b)
{
    char path[400];
    snprintf(path, sizeof path, format, a, b);
    return ask(path);
}

/* ---- as they decode it: an integer, or null, which Go reads as 0 ---- */

static void ck_integer(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(json_is_integer(value) || json_is_null(value), "%s", name);
    ck_assert_msg(json_integer_value(value) >= 0, "%s", name);
}

static void ck_state(const json_t *object)
{
    static const char *const known[] = {"NOTFOUND", "OK",    "WARN",   "ERR",
                                        "STOP",     "STALL", "REWIND", "UNKNOWN"};
    const char *name = json_string_value(json_object_get(object, "status"));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (name != NULL && strcmp(name, known[i]) == 0)
            return;
    }
    ck_abort_msg("status %s", name != NULL ? name : "missing");
}

static void ck_offset(const json_t *offset)
{
    if (json_is_null(offset))
        return;
    ck_assert(json_is_object(offset));
    ck_integer(offset, "offset");
    ck_assert(json_object_get(offset, "timestamp") != NULL);
    ck_integer(offset, "lag");
}

static void ck_partition(const json_t *partition)
{
    ck_assert(json_is_string(json_object_get(partition, "topic")));
    ck_integer(partition, "partition");
    ck_state(partition);
    ck_offset(json_object_get(partition, "start"));
    ck_offset(json_object_get(partition, "end"));
    ck_integer(partition, "current_lag");
    ck_assert(json_is_number(json_object_get(partition, "complete")));
}

/* The partitions that it lists. */
static size_t ck_group(const char *cluster, const char *group, const char *what)
{
    char path[300];
    snprintf(path, sizeof path, "/kafka/%s/consumer/%s/%s", cluster, group, what);
    json_t *view = ask(path);
    ck_assert_msg(view != NULL, "%s", path);
    const json_t *said = json_object_get(view, "status");
    ck_assert_str_eq(json_string_value(json_object_get(said, "cluster")), cluster);
    ck_assert_str_eq(json_string_value(json_object_get(said, "group")), group);
    ck_state(said);
    ck_assert(json_is_number(json_object_get(said, "complete")));
    ck_assert(json_number_value(json_object_get(said, "complete")) <= 1);
    ck_integer(said, "partition_count");
    ck_integer(said, "totallag");
    const json_t *partitions = json_object_get(said, "partitions");
    ck_assert(json_is_array(partitions));
    for (size_t i = 0; i < json_array_size(partitions); i++) {
        const json_t *partition = json_array_get(partitions, i);
        ck_partition(partition);
        for (size_t k = 0; k < i; k++) {
            const json_t *other = json_array_get(partitions, k);
            ck_assert(!json_equal(json_object_get(partition, "topic"),
                                  json_object_get(other, "topic")) ||
                      !json_equal(json_object_get(partition, "partition"),
                                  json_object_get(other, "partition")));
        }
    }
    const json_t *most = json_object_get(said, "maxlag");
    if (!json_is_null(most))
        ck_partition(most);
    size_t count = json_array_size(partitions);
    json_decref(view);
    return count;
}

static void ck_groups(const char *cluster)
{
    json_t *list = ask_of("/kafka/%s/consumer", cluster, "");
    const json_t *groups = json_object_get(list, "consumers");
    ck_assert(json_is_array(groups));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *group = json_string_value(json_array_get(groups, i));
        ck_assert_int_eq(strncmp(group, "isostasy.", 9), 0);
        ck_assert_uint_le(ck_group(cluster, group, "status"),
                          ck_group(cluster, group, "lag"));
        json_t *detail = ask_of("/kafka/%s/consumer/%s", cluster, group);
        ck_assert(json_is_object(json_object_get(detail, "topics")));
        json_decref(detail);
    }
    json_decref(list);
}

static void ck_topics(const char *cluster)
{
    json_t *list = ask_of("/kafka/%s/topic", cluster, "");
    const json_t *topics = json_object_get(list, "topics");
    for (size_t i = 0; i < json_array_size(topics); i++) {
        const char *topic = json_string_value(json_array_get(topics, i));
        json_t *detail = ask_of("/kafka/%s/topic/%s", cluster, topic);
        const json_t *offsets = json_object_get(detail, "offsets");
        ck_assert(json_array_size(offsets) > 0);
        for (size_t k = 0; k < json_array_size(offsets); k++)
            ck_assert(json_is_integer(json_array_get(offsets, k)) ||
                      json_is_null(json_array_get(offsets, k)));
        json_decref(detail);
        json_decref(ask_of("/kafka/%s/topic/%s/consumers", cluster, topic));
    }
    json_decref(list);
}

START_TEST(a_collector_that_walks_everything_can_read_it)
{
    for (int i = 0; i < STATUSES; i++) {
        status = draw_status();
        json_t *list = ask("/kafka");
        const json_t *clusters = json_object_get(list, "clusters");
        ck_assert_uint_eq(json_array_size(clusters), status->cluster_count);
        for (size_t k = 0; k < json_array_size(clusters); k++) {
            const char *cluster = json_string_value(json_array_get(clusters, k));
            json_t *detail = ask_of("/kafka/%s", cluster, "");
            ck_assert(json_is_object(json_object_get(detail, "module")));
            json_decref(detail);
            ck_groups(cluster);
            ck_topics(cluster);
        }
        json_decref(list);
        draw_free(status);
    }
}
END_TEST

START_TEST(what_is_not_there_is_burrows_404)
{
    static const char *const paths[] = {
        "",
        "/",
        "/kafk",
        "/kafkaa",
        "/kafka/",
        "/kafka/none",
        "/kafka//consumer",
        "/kafka/home/",
        "/kafka/home/other",
        "/kafka/home/consumer/",
        "/kafka/home/consumer/none",
        "/kafka/home/consumer/isostasy.",
        "/kafka/home/consumer/isostasy.none/lag",
        "/kafka/home/consumer/isostasy.eu/other",
        "/kafka/home/consumer/isostasy.eu/lag/more",
        "/kafka/home/topic/none",
        "/kafka/home/topic/none/consumers",
        "/kafka/home/topic/cart-0.1/other",
    };
    status = draw_status();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        ck_assert_msg(ask(paths[i]) == NULL, "%s", paths[i]);
    char *deep = iso_alloc_zero(1, 4096);
    memcpy(deep, "/kafka/", 7);
    memset(deep + 7, 'a', 4000);
    ck_assert_ptr_null(ask(deep));
    iso_free(deep);
    draw_free(status);
}
END_TEST

/* ---- one that is known ---- */

START_TEST(a_group_is_behind_by_what_its_sources_say)
{
    do {
        status = draw_status();
        if (status->collection_count == 1 && status->collections[0].region_count == 2)
            break;
        draw_free(status);
    } while (true);
    struct iso_status_collection *cart = &status->collections[0];
    struct iso_status_pair *pair = &cart->pairs[0]; /* eu -> us */
    pair->state = ISO_LAG_STALLED;
    pair->row.records_behind = 12;
    pair->row.worst_count = 1;
    pair->row.worst[0] = (struct iso_lag_slice){.partition = 0,
                                                .log = 1,
                                                .frontier = 88,
                                                .end = 100,
                                                .records_behind = 12,
                                                .state = ISO_LAG_STALLED};
    json_t *view = ask("/kafka/home/consumer/isostasy.us/lag");
    const json_t *said = json_object_get(view, "status");
    ck_assert_str_eq(json_string_value(json_object_get(said, "status")), "STALL");
    ck_assert_int_eq(json_integer_value(json_object_get(said, "totallag")), 12);
    const json_t *one = json_array_get(json_object_get(said, "partitions"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(one, "topic")), "cart-0.1");
    ck_assert_int_eq(json_integer_value(json_object_get(one, "current_lag")), 12);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(one, "end"), "offset")), 88);
    ck_assert(json_equal(one, json_object_get(said, "maxlag")));
    json_decref(view);
    pair->row.records_behind = pair->row.worst[0].records_behind = ISO_UNKNOWN_COUNT;
    view = ask("/kafka/home/consumer/isostasy.us/lag");
    said = json_object_get(view, "status");
    ck_assert(json_is_null(json_object_get(said, "totallag")));
    json_decref(view);
    draw_free(status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("burrow");
    TCase *cases = tcase_create("burrow");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, a_collector_that_walks_everything_can_read_it);
    tcase_add_test(cases, what_is_not_there_is_burrows_404);
    tcase_add_test(cases, a_group_is_behind_by_what_its_sources_say);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
