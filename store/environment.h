/* environment.h - one LMDB environment: the words of lmdb.c. Room-private.
 *
 * This is the seam behind which LMDB stands: an environment, readings of it, and
 * writing. disk.c makes a store of that: it decides when an environment is opened anew.
 *
 * An environment may be read by any threads, each with its own reading; opening,
 * closing and checking are kept apart from everything else by the caller, and one
 * thread writes.
 */
#ifndef ISO_STORE_ENVIRONMENT_H
#define ISO_STORE_ENVIRONMENT_H

#include "store/backend.h"

struct iso_environment;
struct iso_reading;

struct iso_environment_options {
    const char *path; /* of the directory, which is there; outlives the environment */
    bool read_only, not_durable;
    int64_t map; /* bytes: the most that the file may grow to; less, if the process may
                    not map so much */
};

/* Opens, or makes, a store's environment. `id` is drawn when it is made, and otherwise
 * read; but when it is not zero, it must be the one that stands there. */
enum iso_err iso_environment_open(const struct iso_environment_options *options,
                                  uint8_t id[16], struct iso_environment **env,
                                  struct iso_why *why);
/* All readings must have ended. NULL is fine. */
void iso_environment_close(struct iso_environment *env);

/* True when something failed that only a new environment gets over: a meta page could
 * not be written, or another process wrote beyond our map. */
bool iso_environment_is_spent(const struct iso_environment *env);

/* Clears the slots of readers whose process died; says how many. */
uint64_t iso_environment_check_readers(struct iso_environment *env);

/* All of `changes` or none; see iso_backend. When the map is full: ISO_STORE_FULL, with
 * `map_is_full` set. A write that a full disk cut short is ISO_IO. */
enum iso_err iso_environment_write(struct iso_environment *env,
                                   const struct iso_change *changes, size_t count,
                                   bool *map_is_full, struct iso_why *why);

/* Shows `*reading` the newest state; makes it when it is NULL. */
enum iso_err iso_reading_begin(struct iso_environment *env,
                               struct iso_reading **reading, struct iso_why *why);
void iso_reading_rest(struct iso_reading *reading);
void iso_reading_end(struct iso_reading *reading); /* frees it; NULL is fine */

enum iso_err iso_reading_get(struct iso_reading *reading, enum iso_space space,
                             struct iso_bytes key, struct iso_bytes *value,
                             struct iso_why *why);

/* Rows and pages in use. */
enum iso_err iso_reading_measure(struct iso_reading *reading,
                                 struct iso_store_stats *stats, struct iso_why *why);

/* As a backend's; a scan is closed before its reading rests or ends. */
enum iso_err iso_reading_scan_open(struct iso_reading *reading, enum iso_space space,
                                   struct iso_bytes from, void **scan,
                                   struct iso_why *why);
enum iso_err iso_reading_scan_next(void *scan, struct iso_bytes *key,
                                   struct iso_bytes *value, struct iso_why *why);
void iso_reading_scan_close(void *scan);

#endif
