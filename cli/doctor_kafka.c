/* What the doctor asks Kafka: brokers, control topics, the logs of every definition,
 * and with --write whether a heartbeat is taken. */
#include "cli/doctor.h"

#include <stdio.h>

#include "producer/define.h"
#include "producer/producer.h"

enum { BROKERS_SAFE = 3 };

static const char *cluster_name(const struct doctor *doctor, int n)
{
    return iso_settings_name(doctor->cli->settings, "cluster", n);
}

static void brokers_look(struct doctor *doctor, const char *cluster,
                         struct iso_bus *bus, bool *answers)
{
    char subject[96];
    int brokers = 0;
    snprintf(subject, sizeof subject, "cluster %.64s", cluster);
    enum iso_err err =
        iso_bus_brokers(bus, CLI_TIMEOUT_MS, &brokers, &doctor->cli->why);
    *answers = err == ISO_OK;
    if (err != ISO_OK)
        iso_doctor_err(doctor, subject, err, "");
    else if (brokers < BROKERS_SAFE)
        iso_doctor_find(doctor, DOCTOR_NOTE, subject,
                        "%d broker%s: what a broker loses is lost; three or more "
                        "keep every acknowledged write",
                        brokers, brokers == 1 ? "" : "s");
    else
        iso_doctor_find(doctor, DOCTOR_OK, subject, "%d brokers answer", brokers);
}

static void control_topics_look(struct doctor *doctor, const char *cluster,
                                struct iso_bus *bus, bool home)
{
    struct cli *cli = doctor->cli;
    for (int n = home ? ISO_TOPIC_CONTROL : ISO_TOPIC_STATUS;
         n <= ISO_TOPIC_DEAD_LETTER; n++) {
        enum iso_control_topic which = (enum iso_control_topic)n;
        char subject[160];
        snprintf(subject, sizeof subject, "topic %.40s%s", iso_cli_prefix(cli),
                 iso_control_topic_name(which));
        enum iso_err err = iso_control_topic_check(bus, iso_cli_prefix(cli), which,
                                                   CLI_TIMEOUT_MS, &cli->why);
        if (err == ISO_NOT_FOUND)
            iso_doctor_find(doctor, DOCTOR_FAILURE, subject,
                            "it is not on cluster %.64s: make the control topics with "
                            "`isostasy region add NAME`",
                            cluster);
        else
            iso_doctor_err(doctor, subject, err, "its settings are right");
    }
}

static void log_look(struct doctor *doctor, const struct iso_definition *definition,
                     const struct iso_definition_log *log)
{
    struct cli *cli = doctor->cli;
    char subject[160];
    struct iso_bus *bus = NULL;
    snprintf(subject, sizeof subject, "log %u of %.64s", (unsigned)log->number,
             definition->collection);
    bool fenced = false;
    enum iso_err err = iso_cli_bus(cli, log->cluster, &bus);
    if (err == ISO_OK)
        err = iso_log_check(bus, definition, log, CLI_TIMEOUT_MS, &cli->why);
    if (err == ISO_OK)
        err = iso_log_fenced(bus, log, CLI_TIMEOUT_MS, &fenced, &cli->why);
    if (fenced)
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject,
                        "nobody can write to topic %.128s (max.message.bytes=0), and "
                        "the log is open: finish closing it with `isostasy log replace "
                        "%.64s %u --yes`, or set max.message.bytes=%d",
                        log->topic, definition->collection, (unsigned)log->number,
                        ISO_MESSAGE_MAX);
    else if (err == ISO_NOT_FOUND)
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject,
                        "there is no topic %.128s on cluster %.64s: was it deleted? "
                        "What it held is lost to regions that had not read it; run "
                        "`isostasy collection create` again only for a collection "
                        "that was never used",
                        log->topic, log->cluster);
    else
        iso_doctor_err(doctor, subject, err, "its topic's settings are right");
}

static void logs_look(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *name;
    enum iso_err err = iso_cli_control(cli);
    if (err != ISO_OK) {
        iso_doctor_err(doctor, "definitions", err, "");
        return;
    }
    for (size_t i = 0; (name = iso_control_collection(cli->control, i)) != NULL; i++) {
        const struct iso_definition *definition =
            iso_control_definition(cli->control, name, 0);
        for (size_t l = 0; l < definition->log_count; l++) {
            if (definition->logs[l].ends == NULL)
                log_look(doctor, definition, &definition->logs[l]);
        }
    }
    if (iso_control_collection(cli->control, 0) == NULL)
        iso_doctor_find(doctor, DOCTOR_NOTE, "collections",
                        "there is none yet: make one with `isostasy collection create "
                        "NAME`");
}

/* ---- --write ---- */

static void heartbeat_send(struct doctor *doctor, const char *region,
                           const char *collection)
{
    struct cli *cli = doctor->cli;
    char subject[160];
    struct iso_producer *producer = NULL;
    struct iso_producer_options options = {.region = region, .collection = collection};
    snprintf(subject, sizeof subject, "write %.64s, %.32s", collection, region);
    enum iso_err err = iso_producer_open(cli->settings, &options, &producer, &cli->why);
    if (err == ISO_OK)
        err = iso_producer_heartbeat(producer, 0, &cli->why);
    if (err == ISO_OK)
        err = iso_producer_flush(producer, CLI_TIMEOUT_MS, &cli->why);
    iso_producer_close(producer);
    iso_doctor_err(doctor, subject, err, "a heartbeat was taken");
}

static bool writes_in(const struct iso_definition *definition, const char *region)
{
    const struct iso_definition_region *row =
        iso_definition_region_named(definition, region);
    return row != NULL && iso_definition_log_of(definition, row->number) != NULL;
}

static void writes_try(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *region, *name;
    for (int n = 0; (region = iso_settings_name(cli->settings, "region", n)) != NULL;
         n++) {
        for (size_t i = 0; cli->control != NULL &&
                           (name = iso_control_collection(cli->control, i)) != NULL;
             i++) {
            if (writes_in(iso_control_definition(cli->control, name, 0), region))
                heartbeat_send(doctor, region, name);
        }
    }
}

void iso_doctor_kafka(struct doctor *doctor)
{
    const char *cluster;
    bool home_answers = false;
    if (cluster_name(doctor, 0) == NULL) {
        struct iso_bus *bus;
        iso_doctor_err(doctor, "settings", iso_cli_bus(doctor->cli, NULL, &bus), "");
        return;
    }
    for (int n = 0; (cluster = cluster_name(doctor, n)) != NULL; n++) {
        struct iso_bus *bus = NULL;
        bool answers = false;
        enum iso_err err = iso_cli_bus(doctor->cli, cluster, &bus);
        if (err != ISO_OK) {
            iso_doctor_err(doctor, cluster, err, "");
            continue;
        }
        brokers_look(doctor, cluster, bus, &answers);
        if (answers)
            control_topics_look(doctor, cluster, bus, n == 0);
        home_answers = n == 0 ? answers : home_answers;
    }
    if (!home_answers)
        return; /* that was said; nothing else can be known */
    logs_look(doctor);
    if (doctor->write)
        writes_try(doctor);
}
