/* bench-publish: the producer library beside a bare librdkafka produce loop.
 *
 * All send the same keys and values with a header of the same size to 8 partitions of
 * a topic with the same settings, idempotent, acks=all, lz4, with the same linger and
 * queues, from one thread that polls every 512 records; the time is from the first
 * record to the last acknowledgement. Ours also makes versions, remembers each write
 * until it is answered, and checks its append time.
 *
 * The limit is the loop that keeps the library's contract, that a value is the caller's
 * again at once (librdkafka copies it). Beside it stands the loop that copies nothing.
 */
#include "raw.h"
#include "schema/write.h"
#include "world.h"

static size_t header_size(const struct world *world)
{
    struct iso_buf header = {0};
    struct iso_write write = {
        .operation = ISO_PUT,
        .log = 1,
        .partition = 1,
        .version = {.hlc = iso_hlc_of_ms(iso_now_ms(&iso_clock_machine)),
                    .node = iso_node(world->region, UINT64_C(0x123456789abc))},
        .seq = 100000,
        .blind = true};
    iso_write_encode(&write, &header);
    size_t size = header.size;
    iso_buf_release(&header);
    return size;
}

/* Adds the rate, and what the process spent on processors. */
static void add(struct bench *bench, const char *rate, const char *cpu, double seconds,
                double spent)
{
    double records = (double)bench->records;
    bench_add(bench, rate, "k/s", records / 1e3 / seconds);
    bench_add(bench, cpu, "us/record", spent * 1e6 / records);
}

static void measure(struct bench *bench, struct world *world, size_t header, bool count)
{
    struct raw_produce copy = {"raw-copy", bench->records, header, true};
    struct raw_produce borrow = {"raw-borrow", bench->records, header, false};
    double at[] = {bench_cpu_process(), 0, 0, 0}, seconds[3];
    seconds[0] = world_publish(world, "publish", 0, bench->records, 0);
    at[1] = bench_cpu_process();
    seconds[1] = raw_publish(bench->servers, &copy);
    at[2] = bench_cpu_process();
    seconds[2] = raw_publish(bench->servers, &borrow);
    at[3] = bench_cpu_process();
    if (!count)
        return;
    add(bench, "isostasy", "isostasy: CPU", seconds[0], at[1] - at[0]);
    add(bench, "librdkafka alone", "librdkafka alone: CPU", seconds[1], at[2] - at[1]);
    add(bench, "librdkafka alone, no copy", "librdkafka alone, no copy: CPU",
        seconds[2], at[3] - at[2]);
    bench_add_ratio(bench, "publish: isostasy / librdkafka", "isostasy",
                    "librdkafka alone");
    bench_add_ratio(bench, "publish: isostasy / librdkafka, no copy", "isostasy",
                    "librdkafka alone, no copy");
}

int main(int argc, char **argv)
{
    struct bench bench;
    struct world world;
    bench_init(&bench, "publish", argc, argv);
    world_init(&world, &bench);
    world_collection(&world, "publish");
    world_topic(&world, "raw-copy");
    world_topic(&world, "raw-borrow");
    size_t size = header_size(&world);
    /* The first round warms up broker, compiler and disk; it does not count. */
    for (int round = 0; round <= bench.rounds; round++)
        measure(&bench, &world, size, round > 0);
    world_release(&world);
    bench_print(&bench);
    return 0;
}
