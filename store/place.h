/* place.h - the directory that a store lives in, and the right to use it. Room-private.
 *
 * A directory belongs to one process at a time for writing, and within a process to one
 * handle. The right ends with the process, however that ends. It does not cross fork: a
 * child takes the place anew, or leaves it alone.
 */
#ifndef ISO_STORE_PLACE_H
#define ISO_STORE_PLACE_H

#include <sys/types.h>

#include "store/store.h"

struct iso_place {
    char *path;
    pid_t pid; /* who took it */
    int lock;  /* file descriptor; -1: read only */
    dev_t device;
    ino_t inode;
    struct iso_place *next;
};

/* Makes the directory when it is not there (but for read_only). The errors of
 * iso_store_lmdb_open. */
enum iso_err iso_place_take(const char *path, bool read_only, struct iso_place **place,
                            struct iso_why *why);
void iso_place_leave(struct iso_place *place); /* NULL is fine */

/* False in a child of the process that took it. */
bool iso_place_is_ours(const struct iso_place *place);

/* Bytes of the file system, used or not. */
int64_t iso_place_room(const struct iso_place *place);

/* Bytes that its file system has left for us; 0: it does not say. */
int64_t iso_place_free(const struct iso_place *place);

/* The size of a file in it; 0: there is none. */
int64_t iso_place_file_size(const struct iso_place *place, const char *name);

/* Lets everybody write file `lock` who may read file `data`, as far as we may say so.
 */
void iso_place_share(const struct iso_place *place, const char *data, const char *lock);

/* True when the file system or the process's limit on file sizes surely leaves no room
 * for `bytes` more behind a file of `size`. */
bool iso_place_is_full(const struct iso_place *place, int64_t size, int64_t bytes);

/* Makes the names of new files in it durable. */
enum iso_err iso_place_sync(const struct iso_place *place, struct iso_why *why);

#endif
