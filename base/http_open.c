/* Begins and ends the server: a token, a certificate (http_tls.c), a socket, then the
 * library with its threads, then the ticker. What fails on the way is undone by
 * iso_http_close, which ends a server that is only half there.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/http_visit.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    CONNECTIONS_MAX = 1000,
    TIMEOUT_MS = 15000,
    FILES_BESIDE = 256, /* that the rest of the program may need */
};

void iso_http_settings(const struct iso_settings *settings, const char *program,
                       struct iso_http_options *options)
{
    const char *listen = iso_settings_text(settings, program, NULL, "http.listen");
    options->section = program;
    options->listen = listen != NULL && *listen != '\0' ? listen : NULL;
    options->token_file = iso_settings_text(settings, program, NULL, "http.token");
    options->certificate =
        iso_settings_text(settings, program, NULL, "http.certificate");
    options->key = iso_settings_text(settings, program, NULL, "http.key");
    options->open_to_all =
        iso_settings_number(settings, program, NULL, "http.open") != 0;
}

/* ---- files ---- */

enum iso_err iso_http_read_file(const char *path, size_t max, struct iso_buf *buf,
                                struct iso_why *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return iso_fail(why, ISO_IO,
                        "HTTP: %s cannot be read (%s): correct the path, or let this "
                        "user read it",
                        path, strerror(errno));
    iso_buf_reserve(buf, max + 1);
    buf->size = fread(buf->data, 1, max + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return iso_fail(why, ISO_IO, "HTTP: reading %s failed: is it a file?", path);
    if (buf->size > max)
        return iso_fail(why, ISO_SETTING, "HTTP: %s is larger than %zu bytes", path,
                        max);
    return ISO_OK;
}

void iso_http_release_secret(struct iso_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->room);
    iso_buf_release(buf);
}

/* A secret that others of this machine can read is none. */
static void warn_if_open(const char *path)
{
    struct stat is;
    if (stat(path, &is) == 0 && (is.st_mode & (S_IROTH | S_IWOTH)) != 0)
        iso_log(ISO_WARN, "http.file",
                "file=%s mode=%03o why=\"everybody on this machine can read or change "
                "it: chmod o= %s\"",
                path, (unsigned)(is.st_mode & 0777), path);
}

/* The first line of the file. What a header cannot carry would never match. */
static enum iso_err read_token(struct iso_http *http, const char *path,
                               struct iso_why *why)
{
    struct iso_buf file = {0};
    enum iso_err err = iso_http_read_file(path, 64 * 1024, &file, why);
    if (err == ISO_OK) {
        const char *text = iso_buf_text(&file);
        size_t size = strcspn(text, "\r\n");
        bool plain = size > 0 && size < sizeof http->token;
        for (size_t i = 0; i < size; i++)
            plain = plain && text[i] > ' ' && text[i] < 0x7f;
        if (plain) {
            memcpy(http->token, text, size);
            http->token_size = size;
        } else {
            err = iso_fail(why, ISO_SETTING,
                           "HTTP: the first line of %s is no token: write 1 to %d "
                           "printable ASCII characters without blanks",
                           path, ISO_HTTP_TOKEN_MAX - 1);
        }
    }
    iso_http_release_secret(&file);
    return err;
}

/* ---- the library ---- */

/* Where this thread, while it opens a server, wants to have what the library says. */
static _Thread_local struct iso_why *opening;

__attribute__((format(printf, 2, 0))) static void said(void *user, const char *format,
                                                       va_list arguments)
{
    char text[256];
    (void)user;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    for (char *quote = strchr(text, '"'); quote != NULL; quote = strchr(quote, '"'))
        *quote = '\'';
    if (opening != NULL)
        iso_fail(opening, ISO_IO, "%s", text);
    else
        iso_log(ISO_DEBUG, "http.library", "why=\"%s\"", text);
}

/* Targets are taken apart by http_target.c: here they stay as they came. */
static size_t keep(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    return strlen(text);
}

/* Every worker has a share of the library's limit, and connections do not fall to them
 * evenly: each gets as many as there may be at all, and ours is the limit that holds.
 */
static enum iso_err start(struct iso_http *http, int fd)
{
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    unsigned limit = ISO_HTTP_THREADS * (http->connections_max + ISO_HTTP_THREADS * 2);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_END, 0, NULL}};
    if (http->tls != NULL) {
        flags |= MHD_USE_TLS;
        iso_http_tls_option(&tls[0]);
    }
    http->daemon = MHD_start_daemon(
        flags, 0, iso_http_admit, http, iso_http_handle, http,
        MHD_OPTION_EXTERNAL_LOGGER, said, http, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)ISO_HTTP_THREADS,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)ISO_HTTP_CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, iso_http_asked, http, MHD_OPTION_NOTIFY_CONNECTION,
        iso_http_came, http, MHD_OPTION_NOTIFY_COMPLETED, iso_http_answered, http,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    return http->daemon != NULL ? ISO_OK : ISO_IO;
}

static enum iso_err start_said(struct iso_http *http, int fd, struct iso_why *why)
{
    struct iso_why library = {0};
    opening = &library;
    enum iso_err err = start(http, fd);
    opening = NULL;
    return err == ISO_OK ? ISO_OK
                         : iso_fail(why, ISO_UNAVAILABLE,
                                    "HTTP: the server cannot be started (%s): raise "
                                    "the limits of threads and of open files",
                                    library.text);
}

/* Open files for all connections, if the machine lets us; else fewer connections. */
static void make_room(struct iso_http *http)
{
    struct rlimit files;
    rlim_t wanted = http->connections_max + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < wanted)
        http->connections_max = files.rlim_cur > 2 * FILES_BESIDE
                                    ? (unsigned)files.rlim_cur - FILES_BESIDE
                                    : (unsigned)files.rlim_cur / 2;
}

/* ---- open and close ---- */

/* The library has closed the socket, or has not: it depends on where it failed. */
static void close_if_open(int fd, ino_t inode)
{
    struct stat is;
    if (fstat(fd, &is) == 0 && is.st_ino == inode)
        close(fd);
}

static enum iso_err begin(struct iso_http *http, const struct iso_http_options *options,
                          struct iso_why *why)
{
    int fd;
    struct stat is;
    enum iso_err err = ISO_OK;
    if (options->token_file != NULL)
        warn_if_open(options->token_file);
    if (options->key != NULL)
        warn_if_open(options->key);
    if (options->token_file != NULL)
        err = read_token(http, options->token_file, why);
    if (err == ISO_OK && (options->certificate == NULL) != (options->key == NULL))
        err = iso_fail(why, ISO_SETTING,
                       "HTTP: TLS needs both %s.http.certificate and %s.http.key: set "
                       "the other as well",
                       options->section, options->section);
    if (err == ISO_OK && options->certificate != NULL)
        err = iso_http_tls_open(options->certificate, options->key, &http->tls, why);
    if (err == ISO_OK)
        err = iso_http_listen(http, options, &fd, why);
    if (err != ISO_OK)
        return err;
    if (fstat(fd, &is) != 0)
        is.st_ino = 0;
    make_room(http);
    err = start_said(http, fd, why);
    if (err != ISO_OK) {
        close_if_open(fd, is.st_ino);
        return err;
    }
    return iso_http_ticker_start(http, why);
}

enum iso_err iso_http_open(const struct iso_http_options *given, struct iso_http **http,
                           struct iso_why *why)
{
    pthread_condattr_t steady;
    struct iso_http_options options = *given;
    if (options.section == NULL)
        options.section = "monitor";
    iso_assert(options.listen != NULL && options.routes != NULL);
    *http = iso_alloc_zero(1, sizeof **http);
    (*http)->routes = options.routes;
    (*http)->policy = options.policy;
    (*http)->user = options.user;
    (*http)->timeout_ms = options.timeout_ms > 0 ? options.timeout_ms : TIMEOUT_MS;
    (*http)->connections_max =
        options.connections_max > 0 ? options.connections_max : CONNECTIONS_MAX;
    pthread_mutex_init(&(*http)->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&(*http)->turn, &steady);
    pthread_condattr_destroy(&steady);
    enum iso_err err = begin(*http, &options, why);
    if (err != ISO_OK) {
        iso_http_close(*http);
        *http = NULL;
    }
    return err;
}

/* Nothing sleeps any more when the library ends: it could not end then. */
void iso_http_close(struct iso_http *http)
{
    if (http == NULL)
        return;
    iso_http_ticker_stop(http);
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    iso_http_unlisten(http);
    iso_http_tls_close(http->tls);
    iso_assert(http->visit_count == 0);
    pthread_cond_destroy(&http->turn);
    pthread_mutex_destroy(&http->lock);
    explicit_bzero(http->token, sizeof http->token);
    iso_free(http);
}

const char *iso_http_address(const struct iso_http *http)
{
    return http->address;
}

void iso_http_stats(struct iso_http *http, struct iso_http_stats *stats)
{
    pthread_mutex_lock(&http->lock);
    *stats = (struct iso_http_stats){
        .requests = http->requests,
        .refused_connections = http->refused,
        .unauthorized = http->unauthorized,
        .connections = http->visit_count,
    };
    pthread_mutex_unlock(&http->lock);
}
