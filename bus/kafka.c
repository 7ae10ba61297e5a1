/* The Kafka bus: one cluster's settings, and what its clients have in common.
 *
 * A client is configured in three layers: our defaults, the operator's kafka.*
 * settings, and what isostasy's promises rest on, which is set last and so cannot be
 * overridden whatever the settings' deny-list misses. librdkafka's own words go to the
 * log at debug; its error callback says what the cluster suffers from, and that is kept
 * as *trouble* for whoever asks, because librdkafka itself retries for ever and never
 * fails.
 *
 * The bus's own client asks questions. It is of the consumer type: a producer's
 * metadata request would create the topic it asks about where the brokers allow that.
 */
#include "bus/kafka.h"

#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"

static const struct iso_bus_port kafka_port;

/* Heal within seconds, and notice a connection that went silent within half a minute.
 */
static const struct kafka_row defaults_all[] = {
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "30000"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"log.connection.close", "false"},
    /* how long a topic that nobody knows may be one that was made just now */
    {"topic.metadata.propagation.max.ms", "5000"},
    {NULL, NULL},
};

const char *iso_bus_library(void)
{
    static char text[64];
    snprintf(text, sizeof text, "librdkafka %s", rd_kafka_version_str());
    return text;
}

/* ---- errors ---- */

enum iso_err iso_kafka_err(rd_kafka_resp_err_t err)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ISO_OK;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return ISO_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return ISO_EXISTS;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ISO_DENIED;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ISO_TOO_LARGE;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return ISO_REFUSED;
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return ISO_SETTING;
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
        return ISO_UNSUPPORTED;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__UNDERFLOW:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return ISO_DAMAGED;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
        return ISO_FENCED;
    default:
        return ISO_UNAVAILABLE;
    }
}

/* ---- trouble ---- */

void iso_kafka_trouble_init(struct kafka_trouble *trouble, const struct kafka_bus *bus)
{
    iso_assert(pthread_mutex_init(&trouble->lock, NULL) == 0);
    trouble->bus = bus;
    trouble->why.err = ISO_OK;
}

void iso_kafka_trouble_release(struct kafka_trouble *trouble)
{
    pthread_mutex_destroy(&trouble->lock);
}

void iso_kafka_trouble_clear(struct kafka_trouble *trouble)
{
    pthread_mutex_lock(&trouble->lock);
    trouble->why.err = ISO_OK;
    pthread_mutex_unlock(&trouble->lock);
}

enum iso_err iso_kafka_trouble_get(struct kafka_trouble *trouble, struct iso_why *why)
{
    pthread_mutex_lock(&trouble->lock);
    enum iso_err err = trouble->why.err;
    if (err != ISO_OK && why != NULL)
        *why = trouble->why;
    pthread_mutex_unlock(&trouble->lock);
    return err;
}

static const char *trouble_remedy(rd_kafka_resp_err_t err)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return "check kafka.sasl.* (mechanism, user name, password)";
    case RD_KAFKA_RESP_ERR__SSL:
        return "check kafka.ssl.* (authority, certificate) and kafka.security.protocol";
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return "check the host names in servers";
    default:
        return "check that it runs and that servers is right";
    }
}

/* That all brokers are down follows from what was heard of one of them: the more
 * telling sentence stays. */
static void trouble_error(rd_kafka_t *rk, int number, const char *reason, void *opaque)
{
    (void)rk;
    struct kafka_trouble *trouble = opaque;
    rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)number;
    iso_log(ISO_DEBUG, "kafka.error", "error=%s reason=\"%s\"", rd_kafka_err2name(err),
            reason);
    if (trouble->take != NULL && trouble->take(trouble, err, reason))
        return;
    pthread_mutex_lock(&trouble->lock);
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || trouble->why.err == ISO_OK)
        iso_fail(&trouble->why,
                 err == RD_KAFKA_RESP_ERR__FATAL ? ISO_FENCED : ISO_UNAVAILABLE,
                 "Kafka (cluster %s, servers %.120s) cannot be used: %.220s: %s",
                 trouble->bus->name, trouble->bus->servers, reason,
                 trouble_remedy(err));
    pthread_mutex_unlock(&trouble->lock);
}

static void log_line(const rd_kafka_t *rk, int level, const char *facility,
                     const char *text)
{
    (void)rk;
    iso_log(ISO_DEBUG, "kafka.client", "level=%d at=%s text=\"%s\"", level, facility,
            text);
}

/* ---- a client ---- */

static void rows_set(rd_kafka_conf_t *conf, const struct kafka_row *rows)
{
    char text[256];
    for (; rows != NULL && rows->name != NULL; rows++)
        iso_assert(rd_kafka_conf_set(conf, rows->name, rows->value, text,
                                     sizeof text) == RD_KAFKA_CONF_OK);
}

static enum iso_err settings_set(const struct kafka_bus *bus, rd_kafka_conf_t *conf,
                                 struct iso_why *why)
{
    char text[256];
    for (size_t i = 0; i < bus->setting_count; i++) {
        const struct kafka_setting *at = &bus->settings[i];
        if (rd_kafka_conf_set(conf, at->name, at->value, text, sizeof text) !=
            RD_KAFKA_CONF_OK)
            return iso_fail(why, ISO_SETTING,
                            "cluster.%s.kafka.%.80s is not a setting of librdkafka, or "
                            "has a value that it does not take: %.200s",
                            bus->name, at->name, text);
    }
    return ISO_OK;
}

enum iso_err iso_kafka_client_new(const struct kafka_bus *bus,
                                  const struct kafka_client *client, rd_kafka_t **rk,
                                  struct iso_why *why)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rows_set(conf, defaults_all);
    rows_set(conf, client->defaults);
    struct kafka_row identity[] = {
        {"client.id", client->client_id ? client->client_id : "isostasy"},
        {NULL, NULL}};
    rows_set(conf, identity);
    enum iso_err err = settings_set(bus, conf, why);
    if (err != ISO_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    rows_set(conf, client->promises);
    char text[384];
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bus->servers, text, sizeof text) !=
        RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return iso_fail(why, ISO_SETTING, "cluster.%s.servers is wrong: %.300s",
                        bus->name, text);
    }
    rd_kafka_conf_set_log_cb(conf, log_line);
    rd_kafka_conf_set_error_cb(conf, trouble_error);
    rd_kafka_conf_set_opaque(conf, client->opaque);
    if (client->prepare != NULL)
        client->prepare(conf);
    *rk = rd_kafka_new(client->type, conf, text, sizeof text);
    if (*rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return iso_fail(why, ISO_SETTING,
                        "librdkafka does not take the settings of cluster %s: %.350s",
                        bus->name, text);
    }
    return ISO_OK;
}

/* ---- the bus ---- */

static enum iso_err setting_keep(void *user, const char *name, const char *value,
                                 struct iso_why *why)
{
    (void)why;
    struct kafka_bus *bus = user;
    bus->settings =
        iso_realloc(bus->settings, (bus->setting_count + 1) * sizeof *bus->settings);
    bus->settings[bus->setting_count++] =
        (struct kafka_setting){.name = iso_strdup(name), .value = iso_strdup(value)};
    return ISO_OK;
}

static const char *setting_find(const struct kafka_bus *bus, const char *name)
{
    for (size_t i = bus->setting_count; i-- > 0;) {
        if (strcmp(bus->settings[i].name, name) == 0)
            return bus->settings[i].value;
    }
    return NULL;
}

/* librdkafka would silently choose GSSAPI, which nobody means who wrote a password. */
static enum iso_err mechanism_check(const struct kafka_bus *bus, struct iso_why *why)
{
    const char *protocol = setting_find(bus, "security.protocol");
    if (protocol == NULL || strncasecmp(protocol, "sasl", 4) != 0)
        return ISO_OK;
    if (setting_find(bus, "sasl.mechanism") || setting_find(bus, "sasl.mechanisms"))
        return ISO_OK;
    return iso_fail(why, ISO_SETTING,
                    "cluster.%s.kafka.security.protocol is %.32s but "
                    "kafka.sasl.mechanism is not set: write SCRAM-SHA-256, "
                    "SCRAM-SHA-512, PLAIN or GSSAPI",
                    bus->name, protocol);
}

static void kafka_close(struct iso_bus *base)
{
    struct kafka_bus *bus = kafka_bus_of(base);
    if (bus->admin != NULL)
        rd_kafka_destroy(bus->admin);
    for (size_t i = 0; i < bus->setting_count; i++) {
        memset(bus->settings[i].value, 0, strlen(bus->settings[i].value));
        iso_free(bus->settings[i].name);
        iso_free(bus->settings[i].value);
    }
    iso_kafka_trouble_release(&bus->trouble);
    iso_free(bus->settings);
    iso_free(bus->servers);
    iso_free(bus->name);
    iso_free(bus);
}

enum iso_err iso_bus_kafka_open(const struct iso_settings *settings, const char *name,
                                struct iso_bus **bus, struct iso_why *why)
{
    const char *servers = NULL;
    if (iso_settings_has(settings, "cluster", name))
        servers = iso_settings_text(settings, "cluster", name, "servers");
    if (servers == NULL || *servers == '\0')
        return iso_fail(why, ISO_SETTING,
                        "cluster %.64s has no servers: write [cluster %.64s] servers = "
                        "host:port",
                        name, name);
    struct kafka_bus *opened = iso_alloc_zero(1, sizeof *opened);
    opened->bus.port = &kafka_port;
    opened->name = iso_strdup(name);
    opened->servers = iso_strdup(servers);
    iso_kafka_trouble_init(&opened->trouble, opened);
    enum iso_err err = iso_settings_kafka(settings, name, setting_keep, opened, why);
    if (err == ISO_OK)
        err = mechanism_check(opened, why);
    static const struct kafka_row promises[] = {{"allow.auto.create.topics", "false"},
                                                {"isolation.level", "read_committed"},
                                                {NULL, NULL}};
    struct kafka_client client = {
        .type = RD_KAFKA_CONSUMER, .promises = promises, .opaque = &opened->trouble};
    if (err == ISO_OK)
        err = iso_kafka_client_new(opened, &client, &opened->admin, why);
    if (err != ISO_OK) {
        kafka_close(&opened->bus);
        return err;
    }
    *bus = &opened->bus;
    return ISO_OK;
}

static const struct iso_bus_port kafka_port = {
    .still = false,
    .close = kafka_close,
    .brokers = iso_kafka_brokers,
    .partitions = iso_kafka_partitions,
    .topic_create = iso_kafka_topic_create,
    .topic_config = iso_kafka_topic_config,
    .topic_set = iso_kafka_topic_set,
    .ends = iso_kafka_ends,
    .committed = iso_kafka_committed,
    .written = iso_kafka_written,
    .publisher_open = iso_kafka_publisher_open,
    .reader_open = iso_kafka_reader_open,
};
