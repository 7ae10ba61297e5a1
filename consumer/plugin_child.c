/* The child is started by posix_spawn, in a clean environment with nothing open but the
 * socket and the plug-in, and asked one question at a time. Whatever goes wrong ends
 * it; the next question starts another one. It is also replaced between questions when
 * it has died meanwhile (its parent thread ended), and when it has answered for
 * LIFE_MS, so that the limit of processor time, which is there for one that is left
 * alone, is never an honest one's.
 *
 * How it can fail: what the plug-in does wrong, each with its error (plugin.h); no
 * process or socket to be had: ISO_IO. */
#include "consumer/plugin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/plugin.h"

enum { LIFE_MS = 30000, START_MS = 10000, SPAWN_FILES_FROM = ISO_PLUGIN_FILE + 1 };

static int64_t steady_ms(void)
{
    return iso_steady_ms(&iso_clock_machine);
}

/* ---- the process ---- */

/* Its files: /dev/null three times, the socket, the plug-in. */
static int files_add(posix_spawn_file_actions_t *files, int socket, int plugin)
{
    int failed = 0;
    for (int fd = 0; failed == 0 && fd < ISO_PLUGIN_SOCKET; fd++)
        failed = posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(files, socket, ISO_PLUGIN_SOCKET);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(files, plugin, ISO_PLUGIN_FILE);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(files, SPAWN_FILES_FROM);
    return failed;
}

/* No handler, mask or ignored signal of the service's goes with it. */
static int attributes_set(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                          POSIX_SPAWN_SETSIGMASK);
    return failed;
}

static int child_spawn(const struct iso_plugin_child *child, int socket, int plugin,
                       pid_t *pid)
{
    char memory[24], seconds[24], name[] = "isostasy-plugin-host";
    char bind[] = "LD_BIND_NOW=1";
    char *const arguments[] = {name, memory, seconds, NULL};
    char *const environment[] = {bind, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    snprintf(memory, sizeof memory, "%zu", child->memory_max);
    snprintf(seconds, sizeof seconds, "%d",
             (LIFE_MS + START_MS + 2 * child->timeout_ms) / 1000 + 1);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = files_add(&files, socket, plugin);
        if (failed == 0)
            failed = attributes_set(&attributes);
        if (failed == 0)
            failed = posix_spawn(pid, child->host, &files, &attributes, arguments,
                                 environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* Ends it and waits for that, by an open file of the process: its number may be
 * another's already where the service waits for all its children, or for none (SIGCHLD
 * ignored). How it ended is not known then: si_pid is 0. */
static siginfo_t child_reap(struct iso_plugin_child *child)
{
    siginfo_t how = {0};
    int got;
    close(child->socket);
    pidfd_send_signal(child->process, SIGKILL, NULL, 0);
    do
        got = waitid(P_PIDFD, (id_t)child->process, &how, WEXITED);
    while (got != 0 && errno == EINTR);
    close(child->process);
    child->runs = false;
    return how;
}

void iso_plugin_child_stop(struct iso_plugin_child *child)
{
    if (child->runs)
        child_reap(child);
}

/* It hung up: how it ended. */
static enum iso_err child_ended(struct iso_plugin_child *child, struct iso_why *why)
{
    siginfo_t how = child_reap(child);
    int number = how.si_status;
    if (how.si_pid == 0)
        return iso_fail(why, ISO_AGAIN,
                        "the plug-in's process ended, how is not known, since this "
                        "service waits for children by itself");
    if (how.si_code == CLD_EXITED)
        return iso_fail(why, ISO_AGAIN,
                        "the plug-in ended its process, with status %d: it must return "
                        "instead",
                        number);
    if (number == SIGSYS)
        return iso_fail(why, ISO_AGAIN,
                        "the plug-in asked the system for what plug-ins may not have "
                        "(files, network, processes, threads, chance) and was killed "
                        "by signal %d: it must work on its arguments alone",
                        number);
    return iso_fail(why, ISO_AGAIN,
                    "the plug-in crashed on signal %d (%s)%s: run it under a debugger",
                    number, sigdescr_np(number),
                    number == SIGSEGV ? "; asking for the time ends so too" : "");
}

/* Did it die since its last answer? */
static bool child_died(const struct iso_plugin_child *child)
{
    siginfo_t how = {0};
    int options = WEXITED | WNOHANG | WNOWAIT;
    return waitid(P_PIDFD, (id_t)child->process, &how, options) != 0 || how.si_pid != 0;
}

/* ---- bytes with a deadline ---- */

/* ISO_END: it hung up. */
static enum iso_err socket_wait(const struct iso_plugin_child *child, short events,
                                int64_t until_ms)
{
    for (;;) {
        int64_t left_ms = until_ms - steady_ms();
        struct pollfd ready = {.fd = child->socket, .events = events};
        int count = poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0);
        if (count > 0)
            return ISO_OK;
        if (count == 0 && left_ms <= 0)
            return ISO_TIMEOUT;
        if (count < 0 && errno != EINTR)
            return ISO_END;
    }
}

static enum iso_err socket_send(const struct iso_plugin_child *child,
                                struct iso_bytes bytes, int64_t until_ms)
{
    for (size_t at = 0; at < bytes.size;) {
        ssize_t put = send(child->socket, bytes.data + at, bytes.size - at,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put >= 0) {
            at += (size_t)put;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return ISO_END;
        enum iso_err err = socket_wait(child, POLLOUT, until_ms);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

static enum iso_err socket_receive(const struct iso_plugin_child *child, void *data,
                                   size_t size, int64_t until_ms)
{
    uint8_t *to = data;
    while (size > 0) {
        ssize_t got = recv(child->socket, to, size, MSG_DONTWAIT);
        if (got > 0) {
            to += got;
            size -= (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return ISO_END;
        enum iso_err err = socket_wait(child, POLLIN, until_ms);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

/* A reply of at most `max` bytes, which replace `bytes`. ISO_BAD_DATA: it is none. */
static enum iso_err reply_receive(const struct iso_plugin_child *child, size_t max,
                                  int64_t until_ms, struct iso_plugin_reply *reply,
                                  struct iso_buf *bytes)
{
    iso_buf_clear(bytes);
    enum iso_err err = socket_receive(child, reply, sizeof *reply, until_ms);
    if (err != ISO_OK)
        return err;
    if (reply->wire != ISO_PLUGIN_WIRE || reply->size > max)
        return ISO_BAD_DATA;
    iso_buf_reserve(bytes, reply->size);
    err = socket_receive(child, bytes->data, reply->size, until_ms);
    bytes->size = err == ISO_OK ? reply->size : 0;
    return err;
}

/* What a failure of the two above means: the child is at its end with each. */
static enum iso_err talk_failed(struct iso_plugin_child *child, enum iso_err err,
                                int within_ms, struct iso_why *why)
{
    if (err == ISO_END)
        return child_ended(child, why);
    iso_plugin_child_stop(child);
    if (err == ISO_TIMEOUT)
        return iso_fail(why, err,
                        "the plug-in gave no answer within %d ms and was killed: set "
                        "a longer `timeout` in its section [plugin NAME], or make it "
                        "faster",
                        within_ms);
    return iso_fail(why, ISO_AGAIN,
                    "the plug-in's process said what is no reply, and was killed: "
                    "plug-ins may not write to files that they did not open");
}

/* ---- starting ---- */

static enum iso_err hello_take(struct iso_plugin_child *child,
                               const struct iso_plugin_reply *reply,
                               struct iso_buf *text, struct iso_why *why)
{
    int abi = ISO_PLUGIN_ABI, number = (int)reply->number;
    const char *words = iso_buf_text(text);
    if (reply->outcome == ISO_PLUGIN_OTHER_ABI)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "the plug-in was built for ABI %d, this isostasy has %d: build "
                        "it with this isostasy's isostasy/resolver/plugin.h",
                        number, abi);
    if (reply->outcome == ISO_PLUGIN_NO_LIMITS)
        return iso_fail(why, ISO_IO,
                        "plug-ins cannot be fenced in on this machine: %s: %s", words,
                        strerror(number));
    if (reply->outcome != ISO_PLUGIN_LOADED)
        return iso_fail(why, ISO_BAD_DATA,
                        "it is no plug-in: %s; build it with cc -shared -fPIC", words);
    snprintf(child->name, sizeof child->name, "%s", words);
    size_t name = strlen(words) + 1;
    snprintf(child->words, sizeof child->words, "%s",
             name < text->size ? words + name : "");
    return ISO_OK;
}

static enum iso_err hello_receive(struct iso_plugin_child *child, struct iso_why *why)
{
    struct iso_plugin_reply reply;
    struct iso_buf text = {0};
    enum iso_err err =
        reply_receive(child, ISO_PLUGIN_NAME_MAX + ISO_PLUGIN_WORDS_MAX + 2,
                      steady_ms() + START_MS, &reply, &text);
    if (err != ISO_OK)
        err = talk_failed(child, err, START_MS, why);
    else if ((err = hello_take(child, &reply, &text, why)) != ISO_OK)
        iso_plugin_child_stop(child);
    iso_buf_release(&text);
    return err;
}

/* The two are moved above what they become in the child, whatever the service has open:
 * none is written over while it is still needed. */
static int file_above(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FILES_FROM);
}

/* With one end of the socket. Is 0, or errno. */
static int child_run(struct iso_plugin_child *child, int end)
{
    pid_t pid = 0;
    int socket = file_above(end), plugin = file_above(child->file);
    int failed =
        socket < 0 || plugin < 0 ? errno : child_spawn(child, socket, plugin, &pid);
    if (socket >= 0)
        close(socket);
    if (plugin >= 0)
        close(plugin);
    if (failed != 0)
        return failed;
    child->process = pidfd_open(pid, 0);
    child->runs = child->process >= 0;
    return child->runs ? 0 : errno; /* then the socket's end is its end */
}

enum iso_err iso_plugin_child_start(struct iso_plugin_child *child, struct iso_why *why)
{
    int ends[2];
    if (child->runs && (child->spent_ms > LIFE_MS || child_died(child)))
        iso_plugin_child_stop(child);
    if (child->runs)
        return ISO_OK;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return iso_fail(why, ISO_IO, "a plug-in cannot be started: socketpair: %s",
                        strerror(errno));
    int failed = child_run(child, ends[1]);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return iso_fail(why, ISO_IO, "a plug-in cannot be started: %.200s: %s",
                        child->host, strerror(failed));
    }
    child->socket = ends[0];
    child->spent_ms = 0;
    return hello_receive(child, why);
}

/* ---- one question ---- */

static enum iso_err answer_take(struct iso_plugin_child *child,
                                const struct iso_plugin_reply *reply, size_t max,
                                struct iso_plugin_got *got, struct iso_why *why)
{
    got->number = reply->outcome == ISO_PLUGIN_NO_ANSWER ? reply->number : 0;
    if (reply->outcome == ISO_PLUGIN_ANSWERED)
        return ISO_OK;
    if (reply->outcome == ISO_PLUGIN_NO_ANSWER && got->number != 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "the plug-in has no answer, and says %" PRId64
                        ": its manual should tell what that means",
                        got->number);
    if (reply->outcome != ISO_PLUGIN_TOO_LONG)
        return talk_failed(child, ISO_BAD_DATA, 0, why);
    iso_plugin_child_stop(child);
    return iso_fail(why, ISO_TOO_LARGE,
                    "the plug-in's answer is longer than %zu bytes and it was killed: "
                    "an answer is at most %d KiB longer than all siblings together, "
                    "a generated value %d KiB",
                    max, ISO_PLUGIN_SLACK / 1024, ISO_PLUGIN_VALUE_MAX / 1024);
}

/* Asks what stands in child->question. *until_ms is when an answer must be there. */
static enum iso_err question_send(struct iso_plugin_child *child, int64_t *until_ms,
                                  struct iso_why *why)
{
    enum iso_err err = iso_plugin_child_start(child, why);
    if (err != ISO_OK)
        return err;
    *until_ms = steady_ms() + child->timeout_ms;
    err = socket_send(child, iso_buf_bytes(&child->question), *until_ms);
    return err != ISO_OK ? talk_failed(child, err, child->timeout_ms, why) : ISO_OK;
}

static enum iso_err answer_receive(struct iso_plugin_child *child, size_t max,
                                   int64_t until_ms, struct iso_plugin_got *got,
                                   struct iso_why *why)
{
    struct iso_plugin_reply reply;
    enum iso_err err = reply_receive(child, max, until_ms, &reply, &got->bytes);
    child->spent_ms += steady_ms() - (until_ms - child->timeout_ms);
    if (err != ISO_OK)
        return talk_failed(child, err, child->timeout_ms, why);
    return answer_take(child, &reply, max, got, why);
}

enum iso_err iso_plugin_child_merge(struct iso_plugin_child *child,
                                    const struct iso_plugin_given *given, size_t count,
                                    struct iso_plugin_got *got, struct iso_why *why)
{
    struct iso_plugin_question question = {.verb = ISO_PLUGIN_MERGE,
                                           .count = (uint32_t)count};
    for (size_t n = 0; n < count; n++)
        question.size += given[n].value.size;
    iso_buf_clear(&got->bytes);
    got->number = 0;
    if (count > ISO_PLUGIN_COUNT_MAX || question.size > ISO_PLUGIN_BYTES_MAX)
        return iso_fail(why, ISO_TOO_LARGE,
                        "%zu siblings of %" PRIu64 " bytes together are too much for a "
                        "plug-in, %d of %d MiB at most: write the key anew",
                        count, question.size, ISO_PLUGIN_COUNT_MAX,
                        ISO_PLUGIN_BYTES_MAX >> 20);
    iso_buf_clear(&child->question);
    iso_buf_add(&child->question, &question, sizeof question);
    for (size_t n = 0; n < count; n++) {
        const struct iso_plugin_head head = {
            given[n].version.hlc, given[n].version.node, given[n].value.size};
        iso_buf_add(&child->question, &head, sizeof head);
    }
    for (size_t n = 0; n < count; n++)
        iso_buf_add_bytes(&child->question, given[n].value);
    int64_t until_ms;
    enum iso_err err = question_send(child, &until_ms, why);
    return err != ISO_OK ? err
                         : answer_receive(child, question.size + ISO_PLUGIN_SLACK,
                                          until_ms, got, why);
}

enum iso_err iso_plugin_child_generate(struct iso_plugin_child *child,
                                       const uint64_t *seeds, size_t count,
                                       struct iso_plugin_got *got, struct iso_why *why)
{
    iso_buf_clear(&child->question);
    for (size_t n = 0; n < count; n++) {
        const struct iso_plugin_question question = {.verb = ISO_PLUGIN_GENERATE,
                                                     .seed = seeds[n]};
        iso_buf_add(&child->question, &question, sizeof question);
        iso_buf_clear(&got[n].bytes);
    }
    int64_t until_ms;
    enum iso_err err = question_send(child, &until_ms, why);
    for (size_t n = 0; err == ISO_OK && n < count; n++) {
        err = answer_receive(child, ISO_PLUGIN_VALUE_MAX, until_ms, &got[n], why);
        until_ms = steady_ms() + child->timeout_ms;
    }
    if (err == ISO_BAD_DATA) /* the answers behind it are on their way */
        iso_plugin_child_stop(child);
    return err;
}
