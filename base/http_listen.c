/* Where to listen. An address is written as everywhere: HOST:PORT, [ADDRESS]:PORT, or
 * unix:PATH.
 *
 * A socket's file outlives its process. It is replaced when nobody answers behind it;
 * two processes that find the same one at once are kept apart by a lock on its folder.
 * How it can fail: the address is not ours, or taken; a file is there that is none of
 * ours to remove.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/http_visit.h"

enum { BACKLOG = 512, SOCKET_MODE = 0660 };

static const char unix_mark[] = "unix:";

/* ---- what an operator reads ---- */

static enum iso_err fail_bind(const struct iso_http_options *options, int reason,
                              struct iso_why *why)
{
    if (reason == EADDRINUSE)
        return iso_fail(why, ISO_EXISTS,
                        "HTTP: %s is taken: stop who listens there (ss -lp), or set "
                        "%s.http.listen to another",
                        options->listen, options->section);
    if (reason == EACCES || reason == EPERM)
        return iso_fail(why, ISO_DENIED,
                        "HTTP: listening at %s is not permitted: use a port from 1024 "
                        "on, or a folder that this user may write (%s.http.listen)",
                        options->listen, options->section);
    return iso_fail(why, ISO_SETTING,
                    "HTTP: cannot listen at %s (%s): set %s.http.listen to an address "
                    "of this machine",
                    options->listen, strerror(reason), options->section);
}

static enum iso_err fail_address(const struct iso_http_options *options,
                                 const char *what, struct iso_why *why)
{
    return iso_fail(why, ISO_SETTING,
                    "HTTP: \"%s\" %s: set %s.http.listen to HOST:PORT, [ADDRESS]:PORT "
                    "or unix:PATH, as in 127.0.0.1:8470",
                    options->listen, what, options->section);
}

/* ---- TCP ---- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == 127);
}

static bool is_any(const struct sockaddr *address)
{
    static const struct in6_addr none;
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        return four.sin_addr.s_addr == 0;
    }
    memcpy(&six, address, sizeof six);
    return memcmp(&six.sin6_addr, &none, sizeof none) == 0;
}

/* "HOST:PORT" → its two halves. */
static bool split_address(const char *listen, char *host, size_t room,
                          const char **port)
{
    bool bracket = *listen == '[';
    const char *end = bracket ? strchr(listen, ']') : strrchr(listen, ':');
    if (end == NULL)
        return false;
    const char *begin = bracket ? listen + 1 : listen;
    const char *colon = bracket ? end + 1 : end;
    size_t size = (size_t)(end - begin);
    if (size == 0 || size >= room || *colon != ':' || colon[1] == '\0' ||
        (!bracket && memchr(begin, ':', size) != NULL) ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    memcpy(host, begin, size);
    host[size] = '\0';
    *port = colon + 1;
    return true;
}

/* The address as a person, or a browser, may type it. */
static void write_address(struct iso_http *http, int fd, bool tls)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    char host[256] = "";
    char port[8] = "";
    const struct sockaddr *address = (const struct sockaddr *)&bound;
    getsockname(fd, (struct sockaddr *)&bound, &size);
    getnameinfo(address, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    if (is_any(address))
        gethostname(host, sizeof host - 1);
    bool six = strchr(host, ':') != NULL;
    snprintf(http->address, sizeof http->address, "http%s://%s%s%s:%s/", tls ? "s" : "",
             six ? "[" : "", host, six ? "]" : "", port);
}

static enum iso_err listen_at(const struct addrinfo *at,
                              const struct iso_http_options *options, int *fd,
                              struct iso_why *why)
{
    const int yes = 1;
    int no = !is_any(at->ai_addr); /* [::] takes in IPv4 as well */
    *fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return fail_bind(options, errno, why);
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (at->ai_family == AF_INET6)
        setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(*fd, at->ai_addr, at->ai_addrlen) == 0 && listen(*fd, BACKLOG) == 0)
        return ISO_OK;
    int reason = errno;
    close(*fd);
    *fd = -1;
    return fail_bind(options, reason, why);
}

static enum iso_err listen_tcp(struct iso_http *http,
                               const struct iso_http_options *options, int *fd,
                               struct iso_why *why)
{
    char host[256];
    const char *port;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    if (!split_address(options->listen, host, sizeof host, &port))
        return fail_address(options, "is no address to listen at", why);
    if (strlen(port) > 5 || strtoul(port, NULL, 10) > 65535)
        return fail_address(options, "has no such port", why);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return fail_address(options, "names no address of this machine", why);
    enum iso_err err = ISO_OK;
    bool loopback = is_loopback(found->ai_addr);
    if (!loopback && http->token_size == 0 && !options->open_to_all)
        err = iso_fail(why, ISO_SETTING,
                       "HTTP: %s can be reached from other machines: set "
                       "%s.http.token to a file with a token, or %s.http.open to true "
                       "when everybody who gets there may read",
                       options->listen, options->section, options->section);
    else
        err = listen_at(found, options, fd, why);
    freeaddrinfo(found);
    if (err != ISO_OK)
        return err;
    http->check_host = loopback && http->token_size == 0 && !options->open_to_all;
    write_address(http, *fd, options->certificate != NULL);
    return ISO_OK;
}

/* ---- unix ---- */

/* Does anybody listen behind the file? */
static bool is_live(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    bool live = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ||
                errno != ECONNREFUSED;
    close(fd);
    return live;
}

/* Removes a socket that nobody is behind. */
static enum iso_err clear_way(const struct sockaddr_un *at,
                              const struct iso_http_options *options,
                              struct iso_why *why)
{
    struct stat is;
    if (lstat(at->sun_path, &is) != 0)
        return ISO_OK;
    if (!S_ISSOCK(is.st_mode))
        return iso_fail(why, ISO_EXISTS,
                        "HTTP: %s is there and is no socket: remove it, or set "
                        "%s.http.listen to another path",
                        at->sun_path, options->section);
    if (is_live(at))
        return fail_bind(options, EADDRINUSE, why);
    if (unlink(at->sun_path) != 0 && errno != ENOENT)
        return fail_bind(options, errno, why);
    return ISO_OK;
}

/* Nobody may connect before the file has its mode: it is set before listen(2). */
static enum iso_err bind_unix(struct iso_http *http, const struct sockaddr_un *at,
                              const struct iso_http_options *options, int *fd,
                              struct iso_why *why)
{
    struct stat is;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return fail_bind(options, errno, why);
    if (bind(*fd, (const struct sockaddr *)at, sizeof *at) == 0 &&
        chmod(at->sun_path, SOCKET_MODE) == 0 && listen(*fd, BACKLOG) == 0 &&
        lstat(at->sun_path, &is) == 0) {
        snprintf(http->socket_path, sizeof http->socket_path, "%s", at->sun_path);
        http->socket_inode = is.st_ino;
        snprintf(http->address, sizeof http->address, "unix:%s", at->sun_path);
        return ISO_OK;
    }
    int reason = errno;
    close(*fd);
    *fd = -1;
    return fail_bind(options, reason, why);
}

static int lock_folder(const char *path)
{
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, slash == NULL ? "." : path, size);
    folder[size] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

static enum iso_err listen_unix(struct iso_http *http,
                                const struct iso_http_options *options, int *fd,
                                struct iso_why *why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = options->listen + strlen(unix_mark);
    if (*path == '\0' || strlen(path) >= sizeof at.sun_path)
        return fail_address(options, "has no path of 1 to 107 bytes", why);
    memcpy(at.sun_path, path, strlen(path));
    int folder = lock_folder(path);
    enum iso_err err = clear_way(&at, options, why);
    if (err == ISO_OK)
        err = bind_unix(http, &at, options, fd, why);
    if (folder >= 0)
        close(folder);
    return err;
}

/* ---- */

enum iso_err iso_http_listen(struct iso_http *http,
                             const struct iso_http_options *options, int *fd,
                             struct iso_why *why)
{
    *fd = -1;
    if (strncmp(options->listen, unix_mark, strlen(unix_mark)) == 0)
        return listen_unix(http, options, fd, why);
    return listen_tcp(http, options, fd, why);
}

void iso_http_unlisten(struct iso_http *http)
{
    struct stat is;
    if (http->socket_path[0] != '\0' && lstat(http->socket_path, &is) == 0 &&
        is.st_ino == http->socket_inode)
        unlink(http->socket_path);
}
