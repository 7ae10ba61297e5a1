/* The cache file: small, written whole beside its place and renamed, so that whoever
 * reads finds the old or the new one; checked by its last eight bytes, so that a disk's
 * mistake is told from an answer. It can be deleted at any time; the next open while
 * Kafka is there writes it again. */
#include "producer/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/digest.h"

enum { CACHE_FORMAT = 1, CACHE_HEAD = 2, CACHE_CHECK = 8, CACHE_MAX = 4 << 20 };

static enum iso_err io_fail(struct iso_why *why, const char *what, const char *path)
{
    enum iso_err err = errno == EACCES || errno == EPERM ? ISO_DENIED : ISO_IO;
    return iso_fail(why, err, "%s %s: %s (setting producer.cache)", what, path,
                    strerror(errno));
}

static void path_print(struct iso_buf *path, const char *folder, const char *region,
                       const char *collection)
{
    iso_buf_print(path, "%s/%s@%s.definition", folder, region, collection);
}

/* ---- writing ---- */

static enum iso_err bytes_write(int file, struct iso_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(file, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return ISO_IO;
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    return fsync(file) == 0 ? ISO_OK : ISO_IO;
}

/* The name of the file beside is drawn, so that two processes do not write into one. */
static enum iso_err file_replace(const char *path, struct iso_bytes bytes,
                                 struct iso_why *why)
{
    struct iso_buf beside = {0};
    iso_buf_print(&beside, "%s.XXXXXX", path);
    iso_buf_text(&beside);
    char *name = (char *)beside.data;
    int file = mkstemp(name);
    enum iso_err err = ISO_OK;
    if (file < 0) {
        err = io_fail(why, "cannot write", name);
        iso_buf_release(&beside);
        return err;
    }
    if (bytes_write(file, bytes) != ISO_OK || fchmod(file, 0644) != 0 ||
        rename(name, path) != 0) {
        err = io_fail(why, "cannot write", path);
        unlink(name);
    }
    close(file);
    iso_buf_release(&beside);
    return err;
}

enum iso_err iso_cache_write(const char *folder, const char *region,
                             const struct iso_definition *definition, unsigned number,
                             struct iso_why *why)
{
    if (iso_cache_holds(folder, region, definition, number))
        return ISO_OK; /* an open costs no sync */
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return io_fail(why, "cannot make the folder", folder);
    struct iso_buf path = {0}, bytes = {0};
    path_print(&path, folder, region, definition->collection);
    iso_buf_add_u8(&bytes, CACHE_FORMAT);
    iso_buf_add_u8(&bytes, (uint8_t)number);
    iso_buf_add_bytes(&bytes, iso_buf_bytes(&definition->bytes));
    iso_buf_add_u64(&bytes, iso_hash64(iso_buf_bytes(&bytes), 0));
    enum iso_err err = file_replace(iso_buf_text(&path), iso_buf_bytes(&bytes), why);
    iso_buf_release(&path);
    iso_buf_release(&bytes);
    return err;
}

/* ---- reading ---- */

static enum iso_err file_read(const char *path, struct iso_buf *bytes,
                              struct iso_why *why)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return iso_fail(why, ISO_NOT_FOUND, "%s does not exist", path);
    if (file < 0)
        return io_fail(why, "cannot read", path);
    ssize_t got = 1;
    while (got > 0 && bytes->size <= CACHE_MAX) {
        iso_buf_reserve(bytes, 4096);
        got = read(file, bytes->data + bytes->size, 4096);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            bytes->size += (size_t)got;
    }
    enum iso_err err = got < 0 ? io_fail(why, "cannot read", path) : ISO_OK;
    close(file);
    return err;
}

static enum iso_err damaged(struct iso_why *why, const char *path)
{
    return iso_fail(
        why, ISO_DAMAGED,
        "the cached definition %s is not what was written: delete it and open "
        "once while Kafka is there",
        path);
}

static enum iso_err file_decode(const char *path, const struct iso_buf *bytes,
                                const char *collection,
                                struct iso_definition **definition, unsigned *number,
                                struct iso_why *why)
{
    if (bytes->size < CACHE_HEAD + CACHE_CHECK || bytes->size > CACHE_MAX)
        return damaged(why, path);
    struct iso_bytes checked = iso_bytes(bytes->data, bytes->size - CACHE_CHECK);
    if (iso_get_u64(bytes->data + checked.size) != iso_hash64(checked, 0) ||
        checked.data[0] != CACHE_FORMAT || checked.data[1] < 1 ||
        checked.data[1] > ISO_REGION_MAX)
        return damaged(why, path);
    struct iso_definition *decoded;
    struct iso_bytes rest =
        iso_bytes(checked.data + CACHE_HEAD, checked.size - CACHE_HEAD);
    if (iso_definition_decode(rest, &decoded, NULL) != ISO_OK)
        return damaged(why, path);
    if (strcmp(decoded->collection, collection) != 0) {
        iso_definition_free(decoded);
        return damaged(why, path);
    }
    *number = checked.data[1];
    *definition = decoded;
    return ISO_OK;
}

enum iso_err iso_cache_read(const char *folder, const char *region,
                            const char *collection, struct iso_definition **definition,
                            unsigned *number, struct iso_why *why)
{
    struct iso_buf path = {0}, bytes = {0};
    path_print(&path, folder, region, collection);
    enum iso_err err = file_read(iso_buf_text(&path), &bytes, why);
    if (err == ISO_OK)
        err = file_decode(iso_buf_text(&path), &bytes, collection, definition, number,
                          why);
    iso_buf_release(&path);
    iso_buf_release(&bytes);
    return err;
}

bool iso_cache_holds(const char *folder, const char *region,
                     const struct iso_definition *definition, unsigned number)
{
    struct iso_definition *kept;
    unsigned kept_number;
    if (iso_cache_read(folder, region, definition->collection, &kept, &kept_number,
                       NULL) != ISO_OK)
        return false;
    bool same =
        kept_number == number &&
        iso_bytes_equal(iso_buf_bytes(&kept->bytes), iso_buf_bytes(&definition->bytes));
    iso_definition_free(kept);
    return same;
}

bool iso_cache_knows_log(const char *folder, const char *region,
                         const struct iso_definition *definition, unsigned number)
{
    struct iso_definition *kept;
    unsigned kept_number;
    if (iso_cache_read(folder, region, definition->collection, &kept, &kept_number,
                       NULL) != ISO_OK)
        return false;
    const struct iso_definition_log *was = iso_definition_log_of(kept, kept_number);
    const struct iso_definition_log *is = iso_definition_log_of(definition, number);
    bool same = kept_number == number && was != NULL && is != NULL &&
                was->number == is->number && was->birth == is->birth &&
                strcmp(was->cluster, is->cluster) == 0 &&
                strcmp(was->topic, is->topic) == 0;
    iso_definition_free(kept);
    return same;
}
