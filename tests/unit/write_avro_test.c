/* The iso header (schema/write.h): our decoder against the walk and avro-c, over random
 * headers, sound and damaged. */
#include <avro.h>

#include "base/clock.h"
#include "schema/avro.h"
#include "tests/unit/write_kit.h"

enum { ROUNDS = 100000, SEED = 20240611 };

static uint64_t below(struct iso_chance *chance, uint64_t n)
{
    return iso_chance_draw(chance) % n;
}

/* Small, or at an edge, or anything. */
static int64_t number(struct iso_chance *chance, const int64_t *edges, size_t count)
{
    return below(chance, 8) > 0 ? edges[below(chance, count)]
                                : (int64_t)iso_chance_draw(chance) >> below(chance, 64);
}
#define NUMBER(chance, ...)                        \
    number(chance, (const int64_t[]){__VA_ARGS__}, \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* An array in some blocks, each with or without its size; at times with a wrong one. */
static void array_add(struct iso_chance *chance, struct iso_buf *header, bool names)
{
    for (uint64_t blocks = below(chance, 3); blocks > 0; blocks--) {
        struct iso_buf items = {0};
        uint64_t count = 1 + below(chance, 3);
        for (uint64_t i = 0; i < count; i++) {
            uint8_t bytes[ISO_VERSION_SIZE];
            iso_version_put(bytes, (struct iso_version){iso_chance_draw(chance),
                                                        iso_chance_draw(chance)});
            if (!names)
                iso_avro_add_long(&items,
                                  NUMBER(chance, 0, 1, 2, 3, 5, 7, 7, 2, 4, -1));
            if (names)
                iso_buf_add(&items, bytes, sizeof bytes);
            else
                iso_avro_add_bytes(&items, iso_bytes(bytes, below(chance, 16)));
        }
        bool sized = below(chance, 2);
        iso_avro_add_long(header, sized ? -(int64_t)count : (int64_t)count);
        if (sized)
            iso_avro_add_long(header, (int64_t)items.size + (below(chance, 20) == 0));
        iso_buf_add_bytes(header, iso_buf_bytes(&items));
        iso_buf_release(&items);
    }
    iso_avro_add_long(header, 0);
}

static void header_draw(struct iso_chance *chance, struct iso_buf *header)
{
    iso_buf_clear(header);
    iso_buf_add_u8(header, 1);
    iso_avro_add_long(header, (int64_t)below(chance, 5));
    iso_avro_add_long(header, NUMBER(chance, 1, 2, 65000, 65000, 3, 9, 65001, 0));
    iso_avro_add_long(header, NUMBER(chance, 0, 1, 63, 64, 4095, 7, 4096, -1));
    iso_buf_add_u64(header, (uint64_t)NUMBER(chance, 1, INT64_MAX, 1 << 20, 5, 0));
    iso_buf_add_u64(header,
                    iso_node((unsigned)below(chance, 66), iso_chance_draw(chance)));
    iso_avro_add_long(header, NUMBER(chance, 1, 2, 3, INT64_MAX, 100, 200, 5000, 0));
    int64_t branch = (int64_t)below(chance, 2);
    iso_avro_add_long(header, branch);
    if (branch == 1)
        array_add(chance, header, true);
    branch = (int64_t)below(chance, 2);
    iso_avro_add_long(header, branch);
    if (branch == 1)
        iso_avro_add_long(header, NUMBER(chance, 0, 1, 1 << 30, 99, 7, 5,
                                         (INT64_C(1) << 47) - 1, -1));
    array_add(chance, header, false);
}

static void header_damage(struct iso_chance *chance, struct iso_buf *header)
{
    for (uint64_t times = 1 + below(chance, 2); times > 0; times--) {
        size_t at = below(chance, header->size);
        uint64_t what = below(chance, 6);
        if (what == 0 && at > 0)
            header->size = at;
        else if (what == 1)
            iso_buf_add_u8(header, (uint8_t)below(chance, 3));
        else if (what == 2)
            header->data[at] = (uint8_t)iso_chance_draw(chance);
        else
            header->data[at] ^= (uint8_t)(1 << below(chance, 8));
    }
}

/* What avro-c makes of a datum that the walk took. */
struct reading {
    struct iso_write write;
    int32_t log, partition, least_extension;
    int64_t seq;
    int seen_count;
    struct iso_buf names, seen;
};

static avro_value_t part(avro_value_t *value, size_t n)
{
    avro_value_t found;
    ck_assert_int_eq(avro_value_get_by_index(value, n, &found, NULL), 0);
    return found;
}

static void fixed_get(avro_value_t value, uint8_t *bytes, size_t size)
{
    const void *data;
    size_t has;
    ck_assert_int_eq(avro_value_get_fixed(&value, &data, &has), 0);
    ck_assert_uint_eq(has, size);
    memcpy(bytes, data, size);
}

static bool branch_get(avro_value_t value, avro_value_t *branch)
{
    int number;
    ck_assert_int_eq(avro_value_get_discriminant(&value, &number), 0);
    ck_assert_int_eq(avro_value_get_current_branch(&value, branch), 0);
    return number == 1;
}

static void reading_take(avro_value_t *value, struct reading *reading)
{
    avro_value_t at = part(value, 0), branch;
    int symbol;
    size_t count;
    uint8_t bytes[ISO_VERSION_SIZE];
    avro_value_get_enum(&at, &symbol);
    reading->write.operation = (enum iso_operation)symbol;
    at = part(value, 1);
    avro_value_get_int(&at, &reading->log);
    at = part(value, 2);
    avro_value_get_int(&at, &reading->partition);
    fixed_get(part(value, 3), bytes, 8);
    fixed_get(part(value, 4), bytes + 8, 8);
    reading->write.version = iso_version_get(bytes);
    at = part(value, 5);
    avro_value_get_long(&at, &reading->seq);
    reading->write.blind = !branch_get(part(value, 6), &branch);
    iso_buf_clear(&reading->names);
    if (!reading->write.blind) {
        avro_value_get_size(&branch, &count);
        for (size_t i = 0; i < count; i++) {
            fixed_get(part(&branch, i), bytes, sizeof bytes);
            iso_buf_add(&reading->names, bytes, sizeof bytes);
        }
    }
    reading->write.read =
        (struct iso_names){reading->names.data, reading->names.size / sizeof bytes};
    reading->write.has_expiry = branch_get(part(value, 7), &branch);
    if (reading->write.has_expiry)
        avro_value_get_long(&branch, &reading->write.expiry_ms);
    at = part(value, 8);
    avro_value_get_size(&at, &count);
    for (size_t i = 0; i < count; i++) {
        avro_value_t item = part(&at, i), field = part(&item, 0);
        int32_t number;
        avro_value_get_int(&field, &number);
        uint32_t *odd = &reading->write.extension_unknown;
        if (number < reading->least_extension)
            reading->least_extension = number;
        if (number == 1) {
            const void *data;
            size_t size;
            field = part(&item, 1);
            avro_value_get_bytes(&field, &data, &size);
            iso_buf_clear(&reading->seen);
            iso_buf_add(&reading->seen, data, size);
            reading->seen_count++;
        } else if (number > 0 && number % 2 == 1 &&
                   (*odd == 0 || (uint32_t)number < *odd))
            *odd = (uint32_t)number;
    }
}

static bool reading_in_range(const struct reading *reading)
{
    const struct iso_write *write = &reading->write;
    unsigned region = (unsigned)(write->version.node >> 48);
    return reading->log >= 1 && reading->log <= 65000 && reading->partition >= 0 &&
           reading->partition <= 4095 && reading->seq >= 1 && region >= 1 &&
           region <= 64 && write->version.hlc >= 1 && write->version.hlc >> 63 == 0 &&
           reading->least_extension >= 0 &&
           (!write->has_expiry ||
            (write->expiry_ms >= 0 && write->expiry_ms >> 47 == 0)) &&
           reading->seen_count <= (write->operation == ISO_DELETE);
}

struct oracle {
    avro_schema_t schema;
    avro_value_iface_t *form;
    struct reading reading;
};

static bool oracle_takes(struct oracle *oracle, struct iso_bytes header)
{
    if (header.size == 0 || header.data[0] != 1)
        return false;
    struct iso_bytes datum = iso_bytes(header.data + 1, header.size - 1);
    if (iso_avro_check(iso_avsc(ISO_AVSC_WRITE), datum, NULL) != ISO_OK)
        return false;
    avro_value_t value;
    avro_generic_value_new(oracle->form, &value);
    avro_reader_t reader =
        avro_reader_memory((const char *)datum.data, (int64_t)datum.size);
    ck_assert_int_eq(avro_value_read(reader, &value), 0);
    struct iso_buf names = oracle->reading.names, seen = oracle->reading.seen;
    iso_buf_clear(&seen);
    oracle->reading = (struct reading){.names = names, .seen = seen};
    reading_take(&value, &oracle->reading);
    avro_reader_free(reader);
    avro_value_decref(&value);
    return reading_in_range(&oracle->reading);
}

/* Mistakes that a decoder could have, to show that the comparison finds them. */
enum planted {
    NONE,
    IGNORES_WHAT_IS_LEFT,
    LOSES_A_BLOCK,
    LETS_SEQ_0_PASS,
    FORGETS_WHAT_WAS_SEEN,
    PLANTED
};

static bool planted_takes(enum planted planted, struct iso_buf *header,
                          struct iso_buf *scratch, struct iso_write *write)
{
    struct iso_bytes bytes = iso_buf_bytes(header);
    iso_buf_clear(scratch);
    bool takes = decode(bytes, scratch, write) == ISO_OK;
    if (planted == IGNORES_WHAT_IS_LEFT && !takes && bytes.size > 0)
        takes = decode(iso_bytes(bytes.data, bytes.size - 1), scratch, write) == ISO_OK;
    if (planted == LOSES_A_BLOCK && takes && scratch->size > 0)
        write->read.count--;
    if (planted == LETS_SEQ_0_PASS && !takes)
        takes = header->size > 20 && write->seq == 0 && write->log > 0 && write->blind;
    if (planted == FORGETS_WHAT_WAS_SEEN && takes)
        write->seen = (struct iso_bytes){0};
    return takes;
}

/* Rounds until the first difference; `rounds` when there is none. */
static int rounds_alike(enum planted planted, int rounds, int taken[2])
{
    struct iso_chance chance;
    iso_chance_seeded_init(&chance, SEED);
    struct oracle oracle = {0};
    struct iso_bytes json = iso_avsc_json(ISO_AVSC_WRITE);
    ck_assert_int_eq(avro_schema_from_json_length((const char *)json.data, json.size,
                                                  &oracle.schema),
                     0);
    oracle.form = avro_generic_class_from_schema(oracle.schema);
    struct iso_buf header = {0}, scratch = {0};
    int round = 0;
    for (bool alike = true; alike && round < rounds; round += alike) {
        header_draw(&chance, &header);
        if (below(&chance, 2))
            header_damage(&chance, &header);
        struct iso_write write;
        const struct iso_write *other = &oracle.reading.write;
        bool ours = planted_takes(planted, &header, &scratch, &write);
        bool theirs = oracle_takes(&oracle, iso_buf_bytes(&header));
        taken[theirs]++;
        alike = ours == theirs;
        if (alike && ours)
            alike =
                write.operation == other->operation &&
                write.log == oracle.reading.log &&
                write.partition == (uint32_t)oracle.reading.partition &&
                iso_version_equal(write.version, other->version) &&
                write.seq == (uint64_t)oracle.reading.seq &&
                write.blind == other->blind && write.has_expiry == other->has_expiry &&
                write.expiry_ms == other->expiry_ms &&
                write.extension_unknown == other->extension_unknown &&
                iso_bytes_equal(write.seen, iso_buf_bytes(&oracle.reading.seen)) &&
                iso_bytes_equal(iso_bytes(write.read.data, 16 * write.read.count),
                                iso_bytes(other->read.data, 16 * other->read.count));
    }
    avro_value_iface_decref(oracle.form);
    avro_schema_decref(oracle.schema);
    iso_buf_release(&oracle.reading.names);
    iso_buf_release(&oracle.reading.seen);
    iso_buf_release(&header);
    iso_buf_release(&scratch);
    return round;
}

START_TEST(our_decoder_and_avro_c_say_the_same_of_every_header)
{
    int taken[2] = {0};
    ck_assert_msg(rounds_alike(NONE, ROUNDS, taken) == ROUNDS,
                  "seed %d: a difference in round %d", SEED, taken[0] + taken[1] - 1);
    ck_assert_int_gt(taken[true], ROUNDS / 20); /* both answers are well tried */
    ck_assert_int_gt(taken[false], ROUNDS / 4);
}
END_TEST

START_TEST(the_comparison_finds_a_decoder_that_is_wrong)
{
    for (int planted = NONE + 1; planted < PLANTED; planted++) {
        int taken[2] = {0};
        ck_assert_msg(rounds_alike((enum planted)planted, ROUNDS, taken) < ROUNDS,
                      "mistake %d goes unseen", planted);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("write_avro");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, our_decoder_and_avro_c_say_the_same_of_every_header);
    tcase_add_test(tests, the_comparison_finds_a_decoder_that_is_wrong);
    Suite *suite = suite_create("write_avro");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
