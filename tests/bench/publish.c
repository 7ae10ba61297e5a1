/* bench-publish: the producer library beside a bare librdkafka produce loop.
 *
 * Both send the same keys and values with a header of the same size to 8 partitions of
 * a topic with the same settings, idempotent, acks=all, lz4, with the same linger and
 * queues, from one thread that polls every 512 records; the time is from the first
 * record to the last acknowledgement. Ours also makes versions, remembers each write
 * until it is answered, and checks its append time. */
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

int main(int argc, char **argv)
{
    struct bench bench;
    struct world world;
    bench_init(&bench, "publish", argc, argv);
    world_init(&world, &bench);
    world_collection(&world, "publish");
    world_topic(&world, "raw-publish");
    size_t size = header_size(&world);
    double thousands = (double)bench.records / 1e3;
    /* The first round warms up broker, compiler and disk; it does not count. */
    for (int round = 0; round <= bench.rounds; round++) {
        double cpu[3] = {bench_cpu_process()};
        double ours = world_publish(&world, "publish", 0, bench.records, 0);
        cpu[1] = bench_cpu_process();
        double raw = raw_publish(bench.servers, "raw-publish", bench.records, size);
        cpu[2] = bench_cpu_process();
        if (round == 0)
            continue;
        bench_add(&bench, "isostasy", "k/s", thousands / ours);
        bench_add(&bench, "librdkafka alone", "k/s", thousands / raw);
        bench_add_ratio(&bench, "publish: isostasy / librdkafka", "isostasy",
                        "librdkafka alone");
        bench_add(&bench, "isostasy: CPU", "us/record",
                  (cpu[1] - cpu[0]) * 1e3 / thousands);
        bench_add(&bench, "librdkafka alone: CPU", "us/record",
                  (cpu[2] - cpu[1]) * 1e3 / thousands);
    }
    world_release(&world);
    bench_print(&bench);
    return 0;
}
