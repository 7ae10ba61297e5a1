/* bench-micro: nanoseconds of the pieces that every write passes: header, resolver,
 * entry, digests, and the store's transaction. No Kafka; the store is on disk, without
 * waiting for it.
 *
 * Each figure is the mean over all records of a round. Keys are in no order, so what
 * looks something up pays for the cache misses that it would pay in earnest. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "bench.h"
#include "resolver/resolver.h"
#include "schema/value.h"
#include "schema/write.h"
#include "store/store.h"

enum { PATH_ROOM = 512, ROW_FIXED = 40, PREFIX = 4, PARTITIONS = 8, BUCKETS = 1024 };

struct micro {
    struct bench *bench;
    const struct iso_resolver *resolver;
    struct iso_merged merged;
    struct iso_buf header, scratch, row, value;
    struct iso_schemas *schemas;
    struct iso_store *store;
    uint64_t sum; /* what the compiler may not leave out */
};

static struct iso_version version_of(uint64_t n)
{
    return (struct iso_version){.hlc = iso_hlc_of_ms(1700000000000) + n,
                                .node = UINT64_C(1) << 48 | 77};
}

static struct iso_write write_of(uint64_t n)
{
    return (struct iso_write){.operation = ISO_PUT,
                              .log = 1,
                              .partition = 5,
                              .version = version_of(n),
                              .seq = n + 1,
                              .blind = true};
}

/* ---- the pieces ---- */

static void header_encode(struct micro *micro, uint64_t n)
{
    struct iso_write write = write_of(n);
    iso_buf_clear(&micro->header);
    iso_write_encode(&write, &micro->header);
    micro->sum += micro->header.size;
}

static void header_decode(struct micro *micro, uint64_t n)
{
    struct iso_write write;
    struct iso_why why;
    (void)n;
    bench_must(
        iso_write_decode(iso_buf_bytes(&micro->header), &micro->scratch, &write, &why),
        "header", &why);
    micro->sum += write.seq;
}

static void partition(struct micro *micro, uint64_t n)
{
    uint8_t key[BENCH_KEY];
    bench_key(n, key);
    micro->sum += iso_partition_of(iso_bytes(key, BENCH_KEY), PARTITIONS);
}

static void bucket(struct micro *micro, uint64_t n)
{
    uint8_t key[BENCH_KEY];
    bench_key(n, key);
    micro->sum += iso_bucket_of(iso_bytes(key, BENCH_KEY), BUCKETS);
}

static void entry_encode(struct micro *micro, uint64_t n)
{
    uint8_t key[BENCH_KEY];
    struct iso_digest digest;
    struct iso_entry entry = {.kind = ISO_VALUE,
                              .version = version_of(n),
                              .log = 1,
                              .offset = (int64_t)n,
                              .value = bench_value(n, 0)};
    bench_key(n, key);
    iso_entry_encode(&entry, iso_bytes(key, BENCH_KEY), &micro->scratch, &micro->row,
                     &digest);
    micro->sum += digest.low;
}

static void prefix_hash(struct micro *micro, uint64_t n)
{
    uint8_t bytes[BENCH_KEY];
    struct iso_digest h = {.low = micro->sum};
    bench_key(n, bytes);
    struct iso_bytes key = iso_bytes(bytes, BENCH_KEY), value = bench_value(n, 0);
    struct iso_bytes header = iso_buf_bytes(&micro->header);
    struct iso_prefix_record record = {.offset = (int64_t)n,
                                       .append_ms = 1700000000000,
                                       .key = &key,
                                       .value = &value,
                                       .header = &header};
    micro->sum += iso_prefix_hash(h, &record, &micro->scratch).low;
}

/* ---- a value of thirteen fields and a hundred bytes ---- */

static char package_json[] =
    "{\"type\": \"record\", \"name\": \"Package\", \"fields\": ["
    "{\"name\": \"name\", \"type\": \"string\"},"
    "{\"name\": \"version\", \"type\": \"string\"},"
    "{\"name\": \"section\", \"type\": \"string\"},"
    "{\"name\": \"maintainer\", \"type\": \"string\"},"
    "{\"name\": \"priority\", \"type\": {\"type\": \"enum\", \"name\": \"Priority\","
    " \"symbols\": [\"REQUIRED\", \"STANDARD\", \"OPTIONAL\"]}},"
    "{\"name\": \"essential\", \"type\": \"boolean\"},"
    "{\"name\": \"size\", \"type\": \"long\"},"
    "{\"name\": \"installed\", \"type\": \"int\"},"
    "{\"name\": \"score\", \"type\": \"double\"},"
    "{\"name\": \"hash\", \"type\": {\"type\": \"fixed\", \"name\": \"H\", \"size\": "
    "16}},"
    "{\"name\": \"source\", \"type\": [\"null\", \"string\"]},"
    "{\"name\": \"depends\", \"type\": {\"type\": \"array\", \"items\": \"string\"}},"
    "{\"name\": \"sizes\", \"type\": {\"type\": \"map\", \"values\": \"int\"}}]}";

static void package_datum(struct iso_buf *value)
{
    static const uint8_t zeros[8 + 16];
    iso_avro_add_text(value, "coreutils");
    iso_avro_add_text(value, "9.1-1");
    iso_avro_add_text(value, "utils");
    iso_avro_add_text(value, "Michael Stone");
    iso_avro_add_long(value, 1);
    iso_avro_add_long(value, 0); /* boolean: the byte is the same */
    iso_avro_add_long(value, 2896444);
    iso_avro_add_long(value, 18062);
    iso_buf_add(value, zeros, sizeof zeros);
    iso_avro_add_long(value, 0);
    iso_avro_add_long(value, 2);
    iso_avro_add_text(value, "libacl1");
    iso_avro_add_text(value, "libattr1");
    iso_avro_add_long(value, 0);
    iso_avro_add_long(value, 1);
    iso_avro_add_text(value, "amd64");
    iso_avro_add_long(value, 2896444);
    iso_avro_add_long(value, 0);
}

static void value_make(struct micro *micro)
{
    struct iso_why why;
    struct iso_avro *schema;
    struct iso_definition_schema named = {.json = package_json};
    struct iso_definition definition = {.collection = "packages",
                                        .number = 1,
                                        .format = ISO_FORMAT_AVRO,
                                        .schemas = &named,
                                        .schema_count = 1};
    bench_must(iso_avro_parse(iso_bytes_text(package_json), &schema, &why), "schema",
               &why);
    iso_avro_fingerprint(schema, named.fingerprint);
    iso_avro_free(schema);
    micro->schemas = iso_schemas_new(&definition);
    iso_value_begin(micro->schemas, 0, &micro->value);
    package_datum(&micro->value);
}

static void value_check(struct micro *micro, uint64_t n)
{
    struct iso_why why;
    (void)n;
    bench_must(iso_value_check(micro->schemas, iso_buf_bytes(&micro->value), &why),
               "value", &why);
    micro->sum += micro->value.size;
}

static enum iso_err ledger_leave_older(void *self, struct iso_bytes field,
                                       struct iso_version version, uint16_t log,
                                       uint32_t *left, struct iso_why *why)
{
    (void)self, (void)field, (void)version, (void)log, (void)why;
    *left = 0;
    return ISO_OK;
}

static bool ledger_succeeds(void *self, uint16_t log, uint16_t older)
{
    (void)self, (void)log, (void)older;
    return false;
}

/* Merges write `n` of the key into `held`: a blind write of the same region and log, so
 * the ledger has nothing to say. */
static void merge_into(struct micro *micro, uint64_t n, struct iso_bytes held)
{
    static const struct iso_ledger ledger = {.leave_older = ledger_leave_older,
                                             .succeeds = ledger_succeeds};
    uint8_t key[BENCH_KEY];
    struct iso_why why;
    bench_key(n, key);
    struct iso_coming coming = {.operation = ISO_PUT,
                                .key = iso_bytes(key, BENCH_KEY),
                                .value = bench_value(n, 1),
                                .version = version_of(n + 1),
                                .log = 1,
                                .offset = (int64_t)n + 1,
                                .blind = true};
    struct iso_merge merge = {.held = held, .coming = &coming, .ledger = &ledger};
    bench_must(micro->resolver->merge(&merge, &micro->merged, &why), "merge", &why);
    micro->sum += micro->merged.is.live.low;
}

static void merge_new(struct micro *micro, uint64_t n)
{
    merge_into(micro, n, (struct iso_bytes){0});
}

/* The row that is merged into is made here too: its cost is the figure before. */
static void merge_over(struct micro *micro, uint64_t n)
{
    entry_encode(micro, n);
    merge_into(micro, n, iso_buf_bytes(&micro->row));
}

/* ---- rounds ---- */

static const struct {
    const char *name;
    void (*run)(struct micro *micro, uint64_t n);
} pieces[] = {
    {"header: encode", header_encode},
    {"header: decode", header_decode},
    {"partition of a key (with making the key)", partition},
    {"bucket of a key (with making the key)", bucket},
    {"entry: encode with digest and check", entry_encode},
    {"running hash of the log, one record", prefix_hash},
    {"value of 13 fields, 100 bytes: check", value_check},
    {"lww merge: new key", merge_new},
    {"lww merge: over a row (with encoding that row)", merge_over},
};

static void add(struct micro *micro, const char *name, double began)
{
    double records = (double)micro->bench->records;
    bench_add(micro->bench, name, "ns", (bench_now() - began) * 1e9 / records);
}

static struct iso_bytes row_key(uint64_t n, uint8_t key[PREFIX + BENCH_KEY])
{
    memset(key, 0, PREFIX);
    bench_key(n, key + PREFIX);
    return iso_bytes(key, PREFIX + BENCH_KEY);
}

/* One transaction that touches every key; `get` before `put`, as apply does. */
static void store_round(struct micro *micro, const char *get, const char *put,
                        const char *commit)
{
    uint8_t key[PREFIX + BENCH_KEY], value[ROW_FIXED + BENCH_VALUE] = {0};
    struct iso_why why;
    struct iso_txn *txn;
    struct iso_bytes found;
    bench_must(iso_txn_begin(micro->store, &txn, &why), "begin", &why);
    double began = bench_now();
    for (uint64_t n = 0; n < micro->bench->records; n++) {
        found.size = 0;
        enum iso_err err = iso_txn_get(txn, ISO_ENTRY, row_key(n, key), &found, &why);
        if (err != ISO_NOT_FOUND)
            bench_must(err, "get", &why);
        micro->sum += found.size;
    }
    add(micro, get, began);
    began = bench_now();
    for (uint64_t n = 0; n < micro->bench->records; n++)
        iso_txn_put(txn, ISO_ENTRY, row_key(n, key), iso_bytes(value, sizeof value));
    add(micro, put, began);
    began = bench_now();
    bench_must(iso_txn_commit(txn, &why), "commit", &why);
    add(micro, commit, began);
}

static void store_open(struct micro *micro, int round)
{
    char path[PATH_ROOM];
    struct iso_why why;
    struct iso_store_options options = {.not_durable = true};
    snprintf(path, sizeof path, "%s/micro-%d", micro->bench->folder, round);
    if (mkdir(path, 0750) != 0)
        bench_die("%s cannot be made", path);
    bench_must(iso_store_lmdb_open(path, &options, &micro->store, &why), "store", &why);
}

static void round_run(struct micro *micro, int round)
{
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        double began = bench_now();
        for (uint64_t n = 0; n < micro->bench->records; n++)
            pieces[i].run(micro, n);
        add(micro, pieces[i].name, began);
    }
    store_open(micro, round);
    store_round(micro, "store, new keys: get", "store, new keys: put",
                "store, new keys: commit, each row (not durable)");
    store_round(micro, "store, known keys: get", "store, known keys: put",
                "store, known keys: commit, each row (not durable)");
    iso_store_close(micro->store);
}

int main(int argc, char **argv)
{
    struct bench bench;
    bench_init(&bench, "micro", argc, argv);
    if (bench.folder == NULL)
        bench_die("--folder is missing: tests/bench/run gives it");
    struct micro micro = {.bench = &bench, .resolver = iso_resolver_find("lww")};
    value_make(&micro);
    for (int round = 0; round < bench.rounds; round++)
        round_run(&micro, round);
    iso_merged_release(&micro.merged);
    iso_buf_release(&micro.header);
    iso_buf_release(&micro.scratch);
    iso_buf_release(&micro.row);
    iso_buf_release(&micro.value);
    iso_schemas_free(micro.schemas);
    bench_print(&bench);
    return micro.sum == 0;
}
