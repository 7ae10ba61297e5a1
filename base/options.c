/* The tables: what may be set, and what of librdkafka's may not, each with its reason.
 * Printing walks the first table, so that help, example and checks cannot differ. */
#include <inttypes.h>
#include <string.h>

#include "base/option.h"

#define MIB (INT64_C(1) << 20)
#define TIB (INT64_C(1) << 40)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* clang-format off */
#define TEXT(default, about)                                                           \
    .type = ISO_OPTION_TEXT, .fallback = (default), .words = (about)
#define CHOICE(default, all, about)                                                    \
    .type = ISO_OPTION_CHOICE, .fallback = (default), .choices = (all), .words = (about)
#define NUMBER(default, least, most, about)                                            \
    .type = ISO_OPTION_NUMBER, .fallback = (default), .min = (least), .max = (most),   \
    .words = (about)
#define FLAG(default, about)                                                           \
    .type = ISO_OPTION_FLAG, .fallback = (default), .words = (about)
#define SIZE(default, least, most, about)                                              \
    .type = ISO_OPTION_SIZE, .fallback = (default), .min = (least), .max = (most),     \
    .words = (about)
#define DURATION(default, least, most, about)                                          \
    .type = ISO_OPTION_DURATION, .fallback = (default), .min = (least), .max = (most), \
    .words = (about)

const struct iso_option iso_options[] = {
    {"cluster", "servers", TEXT(NULL,
        "Kafka's bootstrap servers: host:port, several with commas between. The first "
        "cluster is the home cluster, which holds the control topic.")},
    {"cluster", "replication", NUMBER("0", 0, 32767,
        "Copies of each topic that is created. 0: 3 on clusters of three or more "
        "brokers, else 1.")},
    {"cluster", ISO_OPTION_KAFKA_ALL, TEXT(NULL,
        "Passed through to librdkafka, as in kafka.security.protocol = SSL.")},

    {"region", "cluster", TEXT(NULL,
        "The cluster that the region's daemons report to. Left out: the home one.")},
    {"region", "store", TEXT(NULL,
        "The folder that holds the region's store on this machine.")},
    {"region", "collections", TEXT("",
        "The collections that are kept here, with commas between. Empty: all.")},

    {"plugin", "path", TEXT(NULL,
        "The file of a resolver plug-in, from / on. It and every folder above it must "
        "belong to root or to who reads, and nobody else may write them.")},
    {"plugin", "timeout", DURATION("1s", 1, MINUTE,
        "How long one answer of it may take.")},

    {"topics", "prefix", TEXT("iso.",
        "What the names of the control topics begin with.")},
    {"topics", "retention", DURATION("7d", 7 * DAY, 36500 * DAY,
        "How long the logs that are created keep their records.")},

    {"daemon", "shards", NUMBER("1", 1, 64,
        "Stores, each with a loop and a share of the slices. One core is the limit of "
        "one.")},
    {"daemon", "memory.max", SIZE("512MiB", 128 * MIB, TIB,
        "Memory that the daemon may use beside mapped store pages. Queues and batches "
        "are derived from it.")},
    {"daemon", "batch.linger", DURATION("0ms", 0, 10 * SECOND,
        "How long a commit waits for more records when none are. 0: not at all.")},
    {"daemon", "batch.time.max", DURATION("1s", 10, 10 * MINUTE,
        "The longest that applied records wait for their commit while behind.")},
    {"daemon", "heartbeat.interval", DURATION("1s", 100, MINUTE,
        "How often a slice without writes is sent a heartbeat.")},
    {"daemon", "report.interval", DURATION("500ms", 50, MINUTE,
        "How often the daemon reports where it is.")},
    {"daemon", "commit.interval", DURATION("5s", 100, HOUR,
        "How often positions are committed to Kafka, for other people's tools.")},
    {"daemon", "verify.interval", DURATION("1m", SECOND, HOUR,
        "How often each log is asked whether it still holds what was read of it.")},
    {"daemon", "store.type", CHOICE("lmdb", "lmdb|memory",
        "What keeps the entries. memory forgets them at the end; it is for trials.")},
    {"daemon", "store.size.max", SIZE("0", 0, 1024 * TIB,
        "The largest that one store may become. 0: as large as the disk.")},
    {"daemon", "conflicts.max", SIZE("1GiB", 0, 1024 * TIB,
        "The most bytes of values that lost which one store keeps; of the oldest "
        "beyond it only the record that they lost is kept. 0: all.")},
    {"daemon", "conflicts.age", DURATION("90d", 0, 36500 * DAY,
        "How long values that lost are kept; then only the record is. 0: for ever.")},
    {"daemon", "shutdown.timeout", DURATION("30s", 100, HOUR,
        "How long a clean stop may take before it is forced.")},
    {"daemon", "http.listen", TEXT("",
        "Where the daemon answers /livez, /readyz and /metrics: HOST:PORT, or "
        "unix:PATH. Empty: nowhere.")},
    {"daemon", "http.token", TEXT(NULL,
        "A file whose first line every request must bring as its bearer token, or as "
        "the password that a browser asks for; but /livez and /readyz want none.")},
    {"daemon", "http.certificate", TEXT(NULL,
        "A file (PEM) with the certificate to answer by TLS with, and those that "
        "signed it.")},
    {"daemon", "http.key", TEXT(NULL,
        "And its key.")},
    {"daemon", "http.open", FLAG("false",
        "May listen beyond this machine without a token, and be asked for by any "
        "name: everybody who gets there may read.")},

    {"producer", "linger", DURATION("5ms", 0, 10 * SECOND,
        "How long a write waits for others to travel with.")},
    {"producer", "queue.max", SIZE("64MiB", 4 * MIB, TIB,
        "Bytes of writes that wait to be sent; beyond it the caller is told to wait.")},
    {"producer", "pending.max", NUMBER("1000000", 1, 100000000,
        "Writes that are not acknowledged yet; beyond it the caller is told to wait.")},
    {"producer", "cache", TEXT(NULL,
        "A folder that keeps definitions, so that a producer can be opened while Kafka "
        "is away.")},
    {"producer", "timeout", DURATION("10s", 100, 10 * MINUTE,
        "How long opening may wait for Kafka.")},

    {"monitor", "interval", DURATION("1s", 100, HOUR,
        "How often the ends of the logs are asked for.")},
    {"monitor", "stale.after", DURATION("2500ms", 100, DAY,
        "A region whose newest report is older is shown as stale.")},
    {"monitor", "stopped.after", DURATION("10s", 100, DAY,
        "A region whose newest report is older is shown as stopped.")},
    {"monitor", "retention.warning", DURATION("6h", MINUTE, 365 * DAY,
        "Warns when a log will drop records within this time that a region has not "
        "applied.")},
    {"monitor", "metrics.granularity", CHOICE("auto", "auto|region|pair|partition",
        "How fine the series of /metrics are. auto: by pair while that makes at most "
        "metrics.series.max, else by target region.")},
    {"monitor", "metrics.series.max", NUMBER("500", 10, 1000000,
        "See metrics.granularity.")},
    {"monitor", "http.listen", TEXT("127.0.0.1:8470",
        "Where the monitor answers: HOST:PORT, or unix:PATH. Empty: nowhere.")},
    {"monitor", "http.token", TEXT(NULL,
        "A file whose first line every request must bring as its bearer token, or as "
        "the password that a browser asks for; but /livez and /readyz want none.")},
    {"monitor", "http.certificate", TEXT(NULL,
        "A file (PEM) with the certificate to answer by TLS with, and those that "
        "signed it.")},
    {"monitor", "http.key", TEXT(NULL,
        "And its key.")},
    {"monitor", "http.open", FLAG("false",
        "May listen beyond this machine without a token, and be asked for by any "
        "name: everybody who gets there may read.")},

    {"schema", "registry.url", TEXT(NULL,
        "A schema registry with Confluent's API, as in https://registry.example:8081. "
        "Needed only by collections in Confluent's format, and only to add schemas.")},
    {"schema", "registry.username", TEXT(NULL,
        "Who `isostasy` is to the registry (basic authentication).")},
    {"schema", "registry.password", TEXT(NULL,
        "And the password."), .secret = true},
    {"schema", "registry.ca", TEXT(NULL,
        "A file of certificates (PEM) that the registry's is checked by. Left out: the "
        "system's.")},
    {"schema", "registry.timeout", DURATION("10s", 100, 10 * MINUTE,
        "How long a question to the registry may take.")},

    {"log", "level", CHOICE("info", "debug|info|warn|error",
        "Events of this level and above are written.")},
    {"log", "form", CHOICE("auto", "auto|text|logfmt|json",
        "How events are written. auto: text on a terminal, else logfmt.")},
    {0},
};
/* clang-format on */

struct denied {
    const char *name;
    const char *reason;
};

#define LOADS_CODE "it runs other code inside the process: link or install it instead"
#define POSITIONS "the store alone knows the position: leave it out"
#define ASSIGNED "slices are assigned by isostasy, not by a group: leave it out"
#define SERVERS "the cluster's servers are its own setting: write servers = host:port"
#define LOSSLESS "an acknowledged write could be lost or doubled: leave it out"
#define UNKNOWN_FATE \
    "an unanswered write is sent again until its fate is known: leave it out"
#define MEMORY_DERIVED "it is derived: set daemon.memory.max instead"
#define PRODUCER_QUEUE "it is derived: set producer.queue.max instead"
#define OLD_PROTOCOL "older protocols drop the iso header without a word: leave it out"
#define ANSWERS "isostasy waits for what it would turn off: leave it out"

static const struct denied denied_names[] = {
    {"acks", LOSSLESS},
    {"allow.auto.create.topics",
     "topics need settings of their own: use isostasy collection create"},
    {"api.version.fallback.ms", OLD_PROTOCOL},
    {"api.version.request", OLD_PROTOCOL},
    {"auto.commit.enable", POSITIONS},
    {"auto.commit.interval.ms", POSITIONS},
    {"auto.offset.reset", "a hole in a log is an event, never a jump: leave it out"},
    {"bootstrap.servers", SERVERS},
    {"broker.version.fallback", OLD_PROTOCOL},
    {"check.crcs", "records are always checked: leave it out"},
    {"delivery.report.only.error", ANSWERS},
    {"delivery.timeout.ms", UNKNOWN_FATE},
    {"enable.auto.commit", POSITIONS},
    {"enable.auto.offset.store", POSITIONS},
    {"enable.gapless.guarantee", LOSSLESS},
    {"enable.idempotence", LOSSLESS},
    {"enable.partition.eof", ANSWERS},
    {"enable_sasl_queue", ANSWERS},
    {"enabled_events", ANSWERS},
    {"group.id", ASSIGNED},
    {"group.instance.id", ASSIGNED},
    {"group.protocol", ASSIGNED},
    {"group.protocol.type", ASSIGNED},
    {"group.remote.assignor", ASSIGNED},
    {"isolation.level", "aborted writes would be applied: leave it out"},
    {"linger.ms", "it has a name of its own: set producer.linger"},
    {"log.queue", ANSWERS},
    {"message.max.bytes", "it follows from the limits of a write: leave it out"},
    {"message.send.max.retries", UNKNOWN_FATE},
    {"message.timeout.ms", UNKNOWN_FATE},
    {"metadata.broker.list", SERVERS},
    {"offset.store.method", POSITIONS},
    {"offset.store.path", POSITIONS},
    {"offset.store.sync.interval.ms", POSITIONS},
    {"partition.assignment.strategy", ASSIGNED},
    {"partitioner", "a key's partition is fixed by the wire format: leave it out"},
    {"plugin.library.paths", LOADS_CODE},
    {"produce.offset.report", ANSWERS},
    {"queue.buffering.max.kbytes", PRODUCER_QUEUE},
    {"queue.buffering.max.messages",
     "it has a name of its own: set producer.pending.max"},
    {"queue.buffering.max.ms", "it has a name of its own: set producer.linger"},
    {"queued.max.messages.kbytes", MEMORY_DERIVED},
    {"queued.min.messages", MEMORY_DERIVED},
    {"queuing.strategy", "writes of a key must keep their order: leave it out"},
    {"request.required.acks", LOSSLESS},
    {"retries", UNKNOWN_FATE},
    {"sasl.kerberos.kinit.cmd", LOADS_CODE},
    {"ssl.engine.location", LOADS_CODE},
    {"test.mock.num.brokers", "it puts a cluster in memory in the place of yours"},
    {"topic.blacklist", "a topic that is hidden cannot be told from one that is gone"},
    {"transaction.timeout.ms", "writes are not transactions of Kafka: leave it out"},
    {"transactional.id", "writes are not transactions of Kafka: leave it out"},
    {0},
};

static const char *denied_find(const char *name)
{
    for (const struct denied *at = denied_names; at->name != NULL; at++)
        if (strcmp(at->name, name) == 0)
            return at->reason;
    return NULL;
}

const char *iso_option_kafka_denied(const char *name)
{
    /* librdkafka takes topic.acks for acks: the second name is denied with the first.
     */
    static const char alias[] = "topic.";
    const char *reason = denied_find(name);
    if (reason == NULL && strncmp(name, alias, strlen(alias)) == 0)
        reason = denied_find(name + strlen(alias));
    return reason;
}

/* The key as it is written; librdkafka's own names are not listed here. */
static const char *print_key(const struct iso_option *option)
{
    bool all = strcmp(option->key, ISO_OPTION_KAFKA_ALL) == 0;
    return all ? ISO_OPTION_KAFKA "NAME" : option->key;
}

/* "1..64, default 1": what may be written, for people. */
static void print_values(FILE *out, const struct iso_option *option)
{
    static const char *const types[] = {
        [ISO_OPTION_TEXT] = "text",         [ISO_OPTION_NUMBER] = "number",
        [ISO_OPTION_FLAG] = "true|false",   [ISO_OPTION_SIZE] = "size",
        [ISO_OPTION_DURATION] = "duration", [ISO_OPTION_CHOICE] = NULL,
    };
    const char *type = types[option->type];
    fprintf(out, "%s", type != NULL ? type : option->choices);
    if (option->max != 0) {
        char low[32];
        char high[32];
        iso_option_number_text(option->type, option->min, low, sizeof low);
        iso_option_number_text(option->type, option->max, high, sizeof high);
        fprintf(out, " %s..%s", low, high);
    }
    if (option->secret)
        fputs(", secret", out);
    else if (option->fallback != NULL && *option->fallback != '\0')
        fprintf(out, ", default %s", option->fallback);
}

#define PRINT_WIDTH 76

/* Words, broken at blanks, each line behind `lead`. */
static void print_words(FILE *out, const char *lead, const char *words)
{
    while (*words != '\0') {
        size_t size = strlen(words);
        if (size > PRINT_WIDTH)
            for (size = PRINT_WIDTH; size > 1 && words[size] != ' ';)
                size--;
        fprintf(out, "%s%.*s\n", lead, (int)size, words);
        words += size;
        words += strspn(words, " ");
    }
}

static void print_section(FILE *out, const char *section)
{
    const char *name = "";
    if (strcmp(section, "cluster") == 0)
        name = " home";
    else if (strcmp(section, "region") == 0)
        name = " eu";
    else if (strcmp(section, "plugin") == 0)
        name = " cart";
    fprintf(out, "\n[%s%s]\n", section, name);
}

void iso_settings_print_example(FILE *out)
{
    fputs(
        "# Settings of isostasy. A line that begins with # changes nothing; the "
        "values\n"
        "# shown are the defaults. Sections with a name can stand many times: the "
        "name\n"
        "# is yours ([a-z0-9-], at most 32). Later wins: this file, the environment\n"
        "# (ISOSTASY_DAEMON_MEMORY_MAX), the command line (-X daemon.memory.max=…).\n",
        out);
    const char *section = "";
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        if (strcmp(section, at->section) != 0)
            print_section(out, section = at->section);
        print_words(out, "# ", at->words);
        fputs("# (", out);
        print_values(out, at);
        fprintf(out, ")\n#%s =%s%s\n", print_key(at),
                at->fallback != NULL && *at->fallback != '\0' ? " " : "",
                at->fallback != NULL ? at->fallback : "");
    }
}

void iso_settings_print_help(FILE *out)
{
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        const char *name = iso_option_section_named(at->section) ? ".NAME" : "";
        fprintf(out, "  %s%s.%s=", at->section, name, print_key(at));
        print_values(out, at);
        fputs("\n", out);
        print_words(out, "        ", at->words);
    }
}
