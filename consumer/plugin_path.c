/* A path is walked folder by folder on open files (O_PATH), so that what was looked at
 * is what the next step stands on, and the last one is what the child loads. Links are
 * not followed: who may change one, may change what it leads to.
 *
 * A folder that everybody may write is refused also when it is sticky, as /tmp is: the
 * rule stays one sentence. */
#include "consumer/plugin_state.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* `size` bytes of `path` are looked at, by their open file. */
static enum iso_err step_check(int fd, const char *path, size_t size, uid_t user,
                               struct iso_why *why)
{
    struct stat is;
    int shown = (int)(size == 0 ? 1 : size);
    if (fstat(fd, &is) != 0)
        return iso_fail(why, ISO_IO, "%.*s: %s", shown, path, strerror(errno));
    bool last = path[size] == '\0';
    if (S_ISLNK(is.st_mode))
        return iso_fail(why, ISO_DENIED,
                        "%.*s is a symbolic link: name what it leads to (readlink -f)",
                        shown, path);
    if (last ? !S_ISREG(is.st_mode) : !S_ISDIR(is.st_mode))
        return iso_fail(why, ISO_DENIED, "%.*s is no %s: name the plug-in's file",
                        shown, path, last ? "file" : "folder");
    if (is.st_uid != 0 && is.st_uid != user)
        return iso_fail(why, ISO_DENIED,
                        "%.*s belongs to user %u, who may change the plug-in: it must "
                        "belong to root or to this user (%u), and so every folder "
                        "above it",
                        shown, path, (unsigned)is.st_uid, (unsigned)user);
    if ((is.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return iso_fail(why, ISO_DENIED,
                        "%.*s may be changed by others (mode %04o): install the "
                        "plug-in where only root or this user may write, or chmod go-w",
                        shown, path, (unsigned)(is.st_mode & 07777));
    return ISO_OK;
}

/* The next part of a path behind `at`; 0 at its end. */
static size_t part_next(const char *path, size_t *at, char part[NAME_MAX + 1])
{
    *at += strspn(path + *at, "/");
    size_t size = strcspn(path + *at, "/");
    if (size == 0 || size > NAME_MAX)
        return size;
    memcpy(part, path + *at, size);
    part[size] = '\0';
    *at += size;
    return size;
}

/* Replaces the open file by what `part` is in it. */
static enum iso_err step_open(int *fd, const char *part, struct iso_why *why)
{
    int next = openat(*fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return iso_fail(why, errno == EACCES ? ISO_DENIED : ISO_NOT_FOUND, "%s: %s",
                        part, strerror(errno));
    close(*fd);
    *fd = next;
    return ISO_OK;
}

enum iso_err iso_plugin_path_open(int root, const char *path, uid_t user, int *file,
                                  struct iso_why *why)
{
    char part[NAME_MAX + 1];
    size_t at = 0, size;
    if (path[0] != '/' || path[strlen(path) - 1] == '/')
        return iso_fail(why, ISO_USAGE,
                        "the plug-in's path %.200s is not that of a file from / on: "
                        "write it whole",
                        path);
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return iso_fail(why, ISO_IO, "/: %s", strerror(errno));
    enum iso_err err = step_check(fd, path, 0, user, why);
    while (err == ISO_OK && (size = part_next(path, &at, part)) > 0) {
        if (size > NAME_MAX || strcmp(part, ".") == 0 || strcmp(part, "..") == 0) {
            err = iso_fail(why, ISO_USAGE,
                           "the plug-in's path %.200s has a part that is \".\", \"..\" "
                           "or too long: write it as readlink -f does",
                           path);
            break;
        }
        err = step_open(&fd, part, why);
        if (err != ISO_OK)
            iso_fail_at(why, err, "the plug-in %.200s", path);
        else
            err = step_check(fd, path, at, user, why);
    }
    if (err == ISO_OK)
        *file = fd;
    else
        close(fd);
    return err;
}

/* ---- the host ---- */

#define HOST "isostasy-plugin-host"
#ifndef ISO_PLUGIN_HOST /* where the build installs it */
#define ISO_PLUGIN_HOST "/usr/libexec/" HOST
#endif

/* The file that this code was loaded from: a library of ours, or a program. */
static bool own_file(char path[PATH_MAX])
{
    Dl_info info;
    struct link_map *map = NULL;
    int known = dladdr1((const void *)(uintptr_t)iso_plugin_host_find, &info,
                        (void **)&map, RTLD_DL_LINKMAP);
    const char *name = known != 0 && map != NULL && map->l_name[0] != '\0'
                           ? map->l_name
                           : "/proc/self/exe"; /* the program has no name there */
    return realpath(name, path) != NULL;
}

enum iso_err iso_plugin_host_find(struct iso_buf *path, struct iso_why *why)
{
    static const char *const places[] = {"/" HOST, "/../libexec/" HOST,
                                         "/../../libexec/" HOST};
    char own[PATH_MAX];
    size_t begin = path->size;
    char *end = own_file(own) ? strrchr(own, '/') : NULL;
    if (end != NULL)
        *end = '\0';
    for (size_t n = 0; end != NULL && n < sizeof places / sizeof places[0]; n++) {
        path->size = begin;
        iso_buf_print(path, "%s%s", own, places[n]);
        if (access(iso_buf_text(path) + begin, X_OK) == 0)
            return ISO_OK;
    }
    path->size = begin;
    iso_buf_print(path, "%s", ISO_PLUGIN_HOST);
    if (access(iso_buf_text(path) + begin, X_OK) == 0)
        return ISO_OK;
    path->size = begin;
    return iso_fail(why, ISO_NOT_FOUND,
                    "the program that plug-ins run in, " HOST ", is neither beside "
                    "this one (%.200s) nor %s: install isostasy whole",
                    end != NULL ? own : "unknown", ISO_PLUGIN_HOST);
}
