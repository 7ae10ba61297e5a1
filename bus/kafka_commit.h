/* kafka_commit.h - writes positions under a group's name, for other people's tools;
 * private to bus/kafka_commit.c and bus/kafka_reader.c.
 *
 * Nothing here waits but close, for at most half a second; what fails is forgotten,
 * since whoever commits will do so again. One thread.
 */
#ifndef ISO_BUS_KAFKA_COMMIT_H
#define ISO_BUS_KAFKA_COMMIT_H

#include "bus/kafka.h"

struct kafka_committer;

/* Its client is made at the first send. The bus must outlive it. */
struct kafka_committer *iso_kafka_committer_new(const struct kafka_bus *bus,
                                                const char *client_id,
                                                const char *group);

/* Sends the last positions if the group's coordinator answers promptly, then ends. NULL
 * is fine. */
void iso_kafka_committer_close(struct kafka_committer *committer);

/* Keeps a position to be sent; a partition's newest counts. */
void iso_kafka_committer_put(struct kafka_committer *committer, const char *topic,
                             int partition, int64_t next_offset);

/* Sends what was put, unless an answer is still missing. */
void iso_kafka_committer_send(struct kafka_committer *committer);

/* Sends what had to wait for an answer, once that is here. Cheap when nothing waits. */
void iso_kafka_committer_serve(struct kafka_committer *committer);

#endif
