/* Two things keep others out. A POSIX record lock on the file iso.lock keeps out other
 * processes: it ends with the process, is not inherited by fork (an orphaned child
 * would keep the store locked), and the kernel says who holds it. It also ends when the
 * process closes *any* descriptor of that file, and does not exclude the process
 * itself, so a list of what this process has open is looked at first. The list also
 * keeps LMDB's rule that no process opens one environment twice.
 *
 * A network file system is refused: neither these locks nor shared mappings can be
 * trusted there. FUSE cannot be told from local disks and is let through.
 */
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/mem.h"

enum { PLACE_MODE = 0750, PLACE_LOCK_MODE = 0640 };

static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iso_place *places; /* that this process has, or its parent had */

bool iso_place_is_ours(const struct iso_place *place)
{
    return place->pid == getpid();
}

static enum iso_err place_fail(const char *path, const char *what, struct iso_why *why)
{
    switch (errno) {
    case ENOENT:
        return iso_fail(
            why, ISO_SETTING,
            "store directory %s cannot be made: its parent is not there; make "
            "that first, or choose another directory",
            path);
    case ENOTDIR:
        return iso_fail(
            why, ISO_SETTING,
            "store directory %s: a part of the path is no directory; choose "
            "another one",
            path);
    case EACCES:
    case EPERM:
    case EROFS:
        return iso_fail(
            why, ISO_DENIED,
            "store directory %s: %s: %s; give this user (uid %u) the right to "
            "write there, or choose another directory",
            path, what, strerror(errno), (unsigned)geteuid());
    case ENOSPC:
    case EDQUOT:
        return iso_fail(why, ISO_STORE_FULL,
                        "store directory %s: %s: %s; make room on that file system",
                        path, what, strerror(errno));
    default:
        return iso_fail(why, ISO_IO, "store directory %s: %s: %s", path, what,
                        strerror(errno));
    }
}

static const char *network_name(const struct statfs *fs)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } networks[] = {
        {NFS_SUPER_MAGIC, "NFS"},   {SMB_SUPER_MAGIC, "SMB"},
        {CIFS_SUPER_MAGIC, "CIFS"}, {SMB2_SUPER_MAGIC, "SMB"},
        {AFS_SUPER_MAGIC, "AFS"},   {AFS_FS_MAGIC, "AFS"},
        {CODA_SUPER_MAGIC, "Coda"}, {NCP_SUPER_MAGIC, "NCP"},
        {CEPH_SUPER_MAGIC, "Ceph"}, {OCFS2_SUPER_MAGIC, "OCFS2"},
        {V9FS_MAGIC, "9P"},         {0x0BD00BD0, "Lustre"},
        {0x01161970, "GFS2"},       {0x47504653, "GPFS"},
    };
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if ((uint32_t)fs->f_type == networks[i].magic)
            return networks[i].name;
    }
    return NULL;
}

static enum iso_err directory_sync(const char *path, struct iso_why *why)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return place_fail(path, "it cannot be opened", why);
    enum iso_err err =
        fsync(directory) == 0 ? ISO_OK : place_fail(path, "it cannot be synced", why);
    close(directory);
    return err;
}

/* Its own name in its parent is made durable too, where that may be read. */
static enum iso_err place_make(const char *path, struct iso_why *why)
{
    if (mkdir(path, PLACE_MODE) != 0)
        return errno == EEXIST ? ISO_OK : place_fail(path, "it cannot be made", why);
    char parent[4096];
    int length = snprintf(parent, sizeof parent, "%s/..", path);
    if (length < (int)sizeof parent && access(parent, R_OK) == 0)
        return directory_sync(parent, why);
    return ISO_OK;
}

/* The directory is there, is one, and is local. */
static enum iso_err place_inspect(const char *path, bool read_only, struct stat *found,
                                  struct iso_why *why)
{
    if (path[0] == '\0')
        return iso_fail(why, ISO_SETTING, "the store directory is not set; name one");
    enum iso_err err = read_only ? ISO_OK : place_make(path, why);
    if (err != ISO_OK)
        return err;
    if (stat(path, found) != 0) {
        if (errno == ENOENT)
            return iso_fail(
                why, ISO_NOT_FOUND,
                "there is no store in %s; start the daemon that makes it, or "
                "name another directory",
                path);
        return place_fail(path, "it cannot be looked at", why);
    }
    if (!S_ISDIR(found->st_mode))
        return iso_fail(why, ISO_SETTING,
                        "store directory %s is no directory; choose another one", path);
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return place_fail(path, "its file system cannot be looked at", why);
    const char *network = network_name(&fs);
    if (network != NULL)
        return iso_fail(
            why, ISO_SETTING,
            "store directory %s is on a network file system (%s), where locks "
            "and shared memory cannot be trusted; choose a local disk",
            path, network);
    return ISO_OK;
}

/* ---- the lock ---- */

/* Who holds the lock; what the file says when the kernel does not know (a process in
 * another container). */
static long lock_holder(int lock)
{
    struct flock flock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(lock, F_GETLK, &flock) == 0 && flock.l_type != F_UNLCK && flock.l_pid > 0)
        return flock.l_pid;
    char text[24] = {0};
    return pread(lock, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static enum iso_err lock_open(struct iso_place *place, struct iso_why *why)
{
    char file[4096];
    snprintf(file, sizeof file, "%s/iso.lock", place->path);
    place->lock =
        open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, PLACE_LOCK_MODE);
    if (place->lock < 0)
        return place_fail(place->path, "iso.lock cannot be opened", why);
    struct flock flock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(place->lock, F_SETLK, &flock) == 0) {
        /* For people, and other containers; the lock is what counts. */
        if (ftruncate(place->lock, 0) == 0)
            dprintf(place->lock, "%ld\n", (long)place->pid);
        return ISO_OK;
    }
    if (errno != EACCES && errno != EAGAIN)
        return place_fail(place->path, "iso.lock cannot be locked", why);
    return iso_fail(
        why, ISO_STORE_BUSY,
        "the store in %s is in use by process %ld; stop that one, or give this "
        "one another directory",
        place->path, lock_holder(place->lock));
}

/* ---- taking and leaving ---- */

static bool places_have(const struct stat *found)
{
    for (const struct iso_place *at = places; at != NULL; at = at->next) {
        if (at->device == found->st_dev && at->inode == found->st_ino &&
            iso_place_is_ours(at))
            return true;
    }
    return false;
}

static enum iso_err place_enter(struct iso_place *place, bool read_only,
                                const struct stat *found, struct iso_why *why)
{
    pthread_mutex_lock(&places_lock);
    enum iso_err err = ISO_OK;
    if (places_have(found))
        err =
            iso_fail(why, ISO_STORE_BUSY,
                     "the store in %s is in use by process %ld, which is this one; use "
                     "the handle that it has",
                     place->path, (long)place->pid);
    else if (!read_only)
        err = lock_open(place, why);
    if (err == ISO_OK) {
        place->next = places;
        places = place;
    }
    pthread_mutex_unlock(&places_lock);
    return err;
}

static void place_free(struct iso_place *place)
{
    if (place->lock >= 0)
        close(place->lock);
    iso_free(place->path);
    iso_free(place);
}

enum iso_err iso_place_take(const char *path, bool read_only, struct iso_place **place,
                            struct iso_why *why)
{
    *place = NULL;
    struct stat found = {0};
    enum iso_err err = place_inspect(path, read_only, &found, why);
    if (err != ISO_OK)
        return err;
    struct iso_place *made = iso_alloc_zero(1, sizeof *made);
    made->path = iso_strdup(path);
    made->pid = getpid();
    made->lock = -1;
    made->device = found.st_dev;
    made->inode = found.st_ino;
    err = place_enter(made, read_only, &found, why);
    if (err == ISO_OK)
        *place = made;
    else
        place_free(made);
    return err;
}

void iso_place_leave(struct iso_place *place)
{
    if (place == NULL)
        return;
    pthread_mutex_lock(&places_lock);
    struct iso_place **link = &places;
    for (; *link != place; link = &(*link)->next)
        iso_assert(*link != NULL);
    *link = place->next;
    place_free(place);
    pthread_mutex_unlock(&places_lock);
}

/* ---- its room ---- */

int64_t iso_place_room(const struct iso_place *place)
{
    struct statfs fs;
    if (statfs(place->path, &fs) != 0)
        return 0;
    return (int64_t)fs.f_blocks * (int64_t)fs.f_bsize;
}

int64_t iso_place_free(const struct iso_place *place)
{
    struct statfs fs;
    if (statfs(place->path, &fs) != 0)
        return 0;
    return (int64_t)fs.f_bavail * (int64_t)fs.f_bsize;
}

/* In the place's directory; the answer is stat's. */
static int file_stat(const struct iso_place *place, const char *name, char *file,
                     size_t room, struct stat *found)
{
    snprintf(file, room, "%s/%s", place->path, name);
    return stat(file, found);
}

int64_t iso_place_file_size(const struct iso_place *place, const char *name)
{
    char file[4096];
    struct stat found;
    if (file_stat(place, name, file, sizeof file, &found) != 0)
        return 0;
    return (int64_t)found.st_size;
}

void iso_place_share(const struct iso_place *place, const char *data, const char *lock)
{
    char file[4096];
    struct stat found, old;
    if (file_stat(place, data, file, sizeof file, &found) != 0 ||
        file_stat(place, lock, file, sizeof file, &old) != 0)
        return;
    mode_t readers = found.st_mode & 0444;
    mode_t mode = (old.st_mode & 0666) | readers | readers >> 1;
    if (chmod(file, mode) != 0)
        return; /* it is another user's, who has seen to that */
}

bool iso_place_is_full(const struct iso_place *place, int64_t size, int64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        size + bytes > (int64_t)limit.rlim_cur)
        return true;
    struct statfs fs;
    return statfs(place->path, &fs) == 0 &&
           (int64_t)fs.f_bavail * (int64_t)fs.f_bsize < bytes;
}

enum iso_err iso_place_sync(const struct iso_place *place, struct iso_why *why)
{
    return directory_sync(place->path, why);
}
