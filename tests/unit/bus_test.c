/* What bus.h promises of reading, held to every bus. */
#include "tests/unit/bus_world.h"

START_TEST(records_come_back_in_order_with_their_offsets_and_bytes)
{
    publish_numbers(2, 0, 1000);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 77, 2, 0);
    for (int i = 0; i < 1000; i++) {
        const struct iso_record *record = next_event(reader);
        ck_assert_int_eq(record->event, ISO_RECORD);
        ck_assert_uint_eq(record->id, 77);
        ck_assert_int_eq(record->offset, i);
        ck_assert_int_eq(number_of(record), i);
        ck_assert(iso_bytes_equal(record->key, iso_bytes_text("k")));
        ck_assert_int_eq(record->header_count, 1);
        ck_assert(iso_bytes_equal(record->header, iso_bytes_text("h")));
    }
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 1000);
    iso_reader_close(reader);
}
END_TEST

START_TEST(the_append_time_is_the_brokers_only_where_the_topic_says_so)
{
    struct iso_delivery delivery = {.offset = -1, .append_ms = -1};
    struct iso_message message = message_of(0, "k", "v", NULL);
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, &delivery, &why),
                     ISO_OK);
    ck_assert_int_eq(delivery.fate, ISO_SENT);
    ck_assert_int_eq(delivery.offset, 0);
    ck_assert_int_gt(delivery.append_ms, 0);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 0, 0);
    const struct iso_record *record = next_event(reader);
    ck_assert(record->append_by_broker);
    ck_assert_int_eq(record->append_ms, delivery.append_ms);

    char other[64];
    make_topic(other, sizeof other, 1, "CreateTime");
    message.topic = other;
    ck_assert_int_eq(iso_bus_publish(bus, &message, "iso", WAIT_MS, &delivery, &why),
                     ISO_OK);
    ck_assert_int_eq(delivery.append_ms, -1);
    ck_assert_int_eq(iso_reader_assign(reader, 0, other, 0, 0, &why), ISO_OK);
    record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert(!record->append_by_broker);
    iso_reader_close(reader);
}
END_TEST

START_TEST(null_and_empty_are_told_apart)
{
    publish(message_of(1, NULL, "v", NULL));
    publish(message_of(1, "", "v", ""));
    publish(message_of(1, "k", NULL, NULL));
    publish(message_of(1, "k", "", "h"));
    struct iso_message bare = message_of(1, NULL, NULL, NULL);
    bare.has_key = bare.has_value = bare.has_header =
        true; /* empty, without a pointer */
    publish(bare);
    static const struct {
        bool key, value;
        int headers;
    } expected[] = {{0, 1, 0}, {1, 1, 1}, {1, 0, 0}, {1, 1, 1}, {1, 1, 1}};
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 1, 0);
    for (int i = 0; i < 5; i++) {
        const struct iso_record *record = next_event(reader);
        ck_assert_int_eq(record->event, ISO_RECORD);
        ck_assert_int_eq(record->has_key, expected[i].key);
        ck_assert_int_eq(record->has_value, expected[i].value);
        ck_assert_int_eq(record->header_count, expected[i].headers);
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(a_header_of_another_name_is_not_the_readers)
{
    publish(message_of(0, "k", "v", "h"));
    struct iso_reader *reader = open_reader("other");
    assign(reader, 0, 0, 0);
    const struct iso_record *record = next_event(reader);
    ck_assert_int_eq(record->event, ISO_RECORD);
    ck_assert_int_eq(record->header_count, 0);
    ck_assert_uint_eq(record->header.size, 0);
    iso_reader_close(reader);
}
END_TEST

START_TEST(reading_begins_where_it_is_told_and_the_end_is_said_once)
{
    publish_numbers(3, 0, 10);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 5, 3, 7);
    for (int i = 7; i < 10; i++)
        ck_assert_int_eq(number_of(next_event(reader)), i);
    ck_assert_int_eq(next_event(reader)->event, ISO_AT_END);
    publish_numbers(3, 10, 1);
    ck_assert_int_eq(number_of(next_event(reader)), 10); /* not the end again */
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 11);
    iso_reader_close(reader);
}
END_TEST

START_TEST(a_partition_that_is_empty_is_at_its_end)
{
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 5, 3, 0);
    const struct iso_record *end = next_event(reader);
    ck_assert_int_eq(end->event, ISO_AT_END);
    ck_assert_int_eq(end->offset, 0);
    iso_reader_close(reader);
}
END_TEST

START_TEST(an_offset_that_is_not_in_the_log_is_a_hole_and_stands_until_assigned)
{
    publish_numbers(0, 0, 5);
    publish_numbers(1, 0, 1);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 9, 0, 100);
    const struct iso_record *hole = next_event(reader);
    ck_assert_int_eq(hole->event, ISO_HOLE);
    ck_assert_uint_eq(hole->id, 9);
    ck_assert_int_eq(hole->offset, 100);
    publish_numbers(0, 5, 5);
    assign(reader, 10, 1, 0); /* its events are all that come now */
    ck_assert_uint_eq(next_event(reader)->id, 10);
    ck_assert_uint_eq(next_event(reader)->id, 10);
    assign(reader, 9, 0, 3);
    ck_assert_int_eq(number_of(next_event(reader)), 3);
    iso_reader_close(reader);
}
END_TEST

/* Moves a reader that has fetched ahead to and fro: the first record after a move is
 * the one that was asked for, and they go on from there. */
START_TEST(after_a_move_nothing_of_the_old_position_comes)
{
    publish_numbers(0, 0, 2000);
    publish_numbers(1, 0, 2000);
    struct iso_reader *reader = open_reader("iso");
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, (uint64_t)_i);
    for (int move = 0; move < 60; move++) {
        int from = (int)(iso_chance_draw(&chance) % 1900);
        int partition = (int)(iso_chance_draw(&chance) % 2);
        uint32_t id = (uint32_t)partition;
        if (iso_chance_draw(&chance) % 4 == 0)
            iso_reader_unassign(reader, id, &why);
        assign(reader, id, partition, from);
        int until = from + (int)(iso_chance_draw(&chance) % 50);
        while (from < until) {
            const struct iso_record *record = next_event(reader);
            if (record->id != id)
                continue;
            ck_assert_int_eq(record->event, ISO_RECORD);
            ck_assert_msg(number_of(record) == from, "seed %d, move %d: %d for %d", _i,
                          move, number_of(record), from);
            from++;
        }
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(what_is_unassigned_is_not_returned)
{
    publish_numbers(0, 0, 100);
    publish_numbers(1, 0, 100);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 0, 0, 0);
    assign(reader, 1, 1, 0);
    next_event(reader);
    ck_assert_int_eq(iso_reader_unassign(reader, 0, &why), ISO_OK);
    for (int seen = 0; seen < 50; seen++)
        ck_assert_uint_eq(next_event(reader)->id, 1);
    ck_assert_int_eq(iso_reader_unassign(reader, 0, &why), ISO_NOT_FOUND);
    iso_reader_close(reader);
}
END_TEST

START_TEST(one_partition_has_one_reader_and_an_id_can_move)
{
    publish_numbers(0, 0, 3);
    publish_numbers(1, 100, 3);
    struct iso_reader *reader = open_reader("iso");
    assign(reader, 4, 0, 0);
    ck_assert_int_eq(iso_reader_assign(reader, 5, topic, 0, 0, &why), ISO_EXISTS);
    assign(reader, 4, 1, 1); /* lets partition 0 go */
    ck_assert_int_eq(number_of(next_event(reader)), 101);
    assign(reader, 5, 0, 2);
    int seen = 0;
    while (seen < 2) {
        const struct iso_record *record = next_event(reader);
        if (record->event != ISO_RECORD)
            continue;
        ck_assert_int_eq(number_of(record), record->id == 4 ? 102 : 2);
        seen++;
    }
    iso_reader_close(reader);
}
END_TEST

START_TEST(no_partition_starves)
{
    for (int i = 0; i < 4; i++)
        publish_numbers(i, 0, 300);
    struct iso_reader *reader = open_reader("iso");
    for (int i = 0; i < 4; i++)
        assign(reader, (uint32_t)i, i, 0);
    int next[4] = {0}, at_end = 0;
    while (at_end < 4) {
        const struct iso_record *record = next_event(reader);
        if (record->event == ISO_AT_END)
            at_end++;
        else
            ck_assert_int_eq(number_of(record), next[record->id]++);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(next[i], 300);
    iso_reader_close(reader);
}
END_TEST

static enum iso_err each_number(void *user, const struct iso_record *record,
                                struct iso_why *out)
{
    int *next = user;
    if (number_of(record) == 13)
        return iso_fail(out, ISO_REFUSED, "thirteen");
    ck_assert_int_eq(number_of(record), (*next)++);
    return ISO_OK;
}

START_TEST(reading_to_the_end_sees_every_record_and_says_where_to_go_on)
{
    int number = 3;
    int64_t next = -1;
    struct iso_walk walk = {.topic = topic,
                            .partition = 2,
                            .from = 3,
                            .timeout_ms = WAIT_MS,
                            .each = each_number,
                            .user = &number};
    publish_numbers(2, 0, 10);
    ck_assert_msg(iso_bus_read(bus, &walk, &next, &why) == ISO_OK, "%s", why.text);
    ck_assert_int_eq(number, 10);
    ck_assert_int_eq(next, 10);
    walk.from = 10;
    ck_assert_int_eq(iso_bus_read(bus, &walk, NULL, &why), ISO_OK);
    publish_numbers(2, 10, 10);
    ck_assert_int_eq(iso_bus_read(bus, &walk, &next, &why), ISO_REFUSED);
    ck_assert_str_eq(why.text, "thirteen");
    ck_assert_int_eq(next, 14);
    walk.from = 21;
    ck_assert_int_eq(iso_bus_read(bus, &walk, NULL, &why), ISO_NOT_FOUND);
    walk.from = 0;
    walk.partition = 9;
    ck_assert_int_eq(iso_bus_read(bus, &walk, NULL, &why), ISO_NOT_FOUND);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, records_come_back_in_order_with_their_offsets_and_bytes);
    tcase_add_test(tests, the_append_time_is_the_brokers_only_where_the_topic_says_so);
    tcase_add_test(tests, null_and_empty_are_told_apart);
    tcase_add_test(tests, a_header_of_another_name_is_not_the_readers);
    tcase_add_test(tests, reading_begins_where_it_is_told_and_the_end_is_said_once);
    tcase_add_test(tests, a_partition_that_is_empty_is_at_its_end);
    tcase_add_test(
        tests, an_offset_that_is_not_in_the_log_is_a_hole_and_stands_until_assigned);
    tcase_add_loop_test(tests, after_a_move_nothing_of_the_old_position_comes, 1, 4);
    tcase_add_test(tests, what_is_unassigned_is_not_returned);
    tcase_add_test(tests, one_partition_has_one_reader_and_an_id_can_move);
    tcase_add_test(tests, no_partition_starves);
    tcase_add_test(tests, reading_to_the_end_sees_every_record_and_says_where_to_go_on);
}

int main(void)
{
    return run_contracts(add);
}
