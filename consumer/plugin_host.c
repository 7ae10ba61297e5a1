/* isostasy-plugin-host - the child process that one plug-in runs in. Started by the
 * loader (plugin_child.c) and by nobody else.
 *
 *   isostasy-plugin-host MEMORY_MAX CPU_SECONDS    socket on 3, the plug-in on 4
 *
 * It fences itself in (plugin_fence.h), loads the plug-in from the open file, so that
 * what was checked is what is loaded, says its name, and answers questions until the
 * loader hangs up. It links none of our libraries, and its memory is mapped anew: the
 * limits are the plug-in's.
 *
 * How it can fail: it says so in a reply, or it ends; the loader takes an end without a
 * reply for a crash of the plug-in, which is what it mostly is. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "consumer/plugin_fence.h"
#include "consumer/plugin_wire.h"
#include "resolver/plugin.h"

/* Memory that grows; what it held is forgotten then. */
struct region {
    uint8_t *data;
    size_t room;
};

struct host {
    void *object; /* as it was loaded, to the end of the process */
    const struct iso_plugin *plugin;
    struct region question, values, answer; /* the answer begins with its reply */
    size_t answer_size, answer_max;         /* without that */
    bool over; /* the answer was too long, and the loader was told */
};

static bool region_reserve(struct region *region, size_t size)
{
    if (region->data != NULL && size <= region->room)
        return true;
    if (region->data != NULL)
        munmap(region->data, region->room);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    region->room = (size + size / 2 + page - 1) / page * page;
    region->data = mmap(NULL, region->room, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region->data != MAP_FAILED)
        return true;
    *region = (struct region){0};
    return false;
}

/* What a plug-in is given it may not change. */
static void region_protect(const struct region *region, bool protect)
{
    if (region->data != NULL)
        mprotect(region->data, region->room,
                 protect ? PROT_READ : PROT_READ | PROT_WRITE);
}

/* ---- the socket ---- */

static bool socket_read(void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = read(ISO_PLUGIN_SOCKET, at, size);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return true;
}

static bool socket_write(const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t put = write(ISO_PLUGIN_SOCKET, at, size);
        if (put <= 0 && !(put < 0 && errno == EINTR))
            return false;
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        }
    }
    return true;
}

static bool reply(enum iso_plugin_outcome outcome, int64_t number, const void *data,
                  size_t size)
{
    const struct iso_plugin_reply head = {ISO_PLUGIN_WIRE, outcome, number, size};
    return socket_write(&head, sizeof head) && socket_write(data, size);
}

/* In one piece, so that the loader wakes once. */
static bool reply_answer(struct host *host)
{
    const struct iso_plugin_reply head = {ISO_PLUGIN_WIRE, ISO_PLUGIN_ANSWERED, 0,
                                          host->answer_size};
    memcpy(host->answer.data, &head, sizeof head);
    return socket_write(host->answer.data, sizeof head + host->answer_size);
}

static bool reply_text(enum iso_plugin_outcome outcome, int64_t number,
                       const char *text)
{
    return reply(outcome, number, text, strnlen(text, ISO_PLUGIN_WORDS_MAX));
}

/* ---- questions ---- */

static void answer_add(void *self, const void *data, size_t size)
{
    struct host *host = self;
    if (host->over || size == 0)
        return;
    if (size > host->answer_max - host->answer_size) {
        host->over = true;
        reply(ISO_PLUGIN_TOO_LONG, 0, NULL, 0);
        return;
    }
    memcpy(host->answer.data + sizeof(struct iso_plugin_reply) + host->answer_size,
           data, size);
    host->answer_size += size;
}

/* Heads and bytes of a MERGE; the bytes of each value stand where the question was
 * read. False: the loader went, or it is not ours. */
static bool values_read(struct host *host, const struct iso_plugin_question *question)
{
    size_t heads = question->count * sizeof(struct iso_plugin_head), left;
    if (question->count == 0 || question->count > ISO_PLUGIN_COUNT_MAX ||
        question->size > ISO_PLUGIN_BYTES_MAX ||
        !region_reserve(&host->question, heads + question->size) ||
        !region_reserve(&host->values,
                        question->count * sizeof(struct iso_plugin_value)) ||
        !socket_read(host->question.data, heads + question->size))
        return false;
    struct iso_plugin_value *values = (void *)host->values.data;
    const uint8_t *at = host->question.data + heads;
    left = question->size;
    for (size_t n = 0; n < question->count; n++) {
        struct iso_plugin_head head;
        memcpy(&head, host->question.data + n * sizeof head, sizeof head);
        if (head.size > left)
            return false;
        values[n] = (struct iso_plugin_value){at, head.size, head.hlc, head.node};
        at += head.size;
        left -= head.size;
    }
    return left == 0;
}

static bool question_answer(struct host *host,
                            const struct iso_plugin_question *question)
{
    bool merges = question->verb == ISO_PLUGIN_MERGE;
    struct iso_plugin_answer answer = {host, answer_add};
    host->answer_size = 0;
    host->answer_max =
        merges ? question->size + ISO_PLUGIN_SLACK : ISO_PLUGIN_VALUE_MAX;
    if (!region_reserve(&host->answer,
                        sizeof(struct iso_plugin_reply) + host->answer_max))
        return false;
    int number;
    if (merges) {
        region_protect(&host->question, true);
        region_protect(&host->values, true);
        number = host->plugin->merge((const void *)host->values.data, question->count,
                                     &answer);
        region_protect(&host->question, false);
        region_protect(&host->values, false);
    } else {
        number = host->plugin->generate(question->seed, &answer);
    }
    if (host->over)
        return false;
    return number == 0 ? reply_answer(host)
                       : reply(ISO_PLUGIN_NO_ANSWER, number, NULL, 0);
}

static void questions_answer(struct host *host)
{
    struct iso_plugin_question question;
    bool goes_on = true;
    while (goes_on && socket_read(&question, sizeof question)) {
        if (question.verb == ISO_PLUGIN_MERGE)
            goes_on = values_read(host, &question);
        else if (question.verb != ISO_PLUGIN_GENERATE)
            goes_on = false;
        if (goes_on)
            goes_on = question_answer(host, &question);
    }
}

/* ---- loading ---- */

/* NULL: told why. */
static const struct iso_plugin *plugin_load(struct host *host)
{
    char path[32];
    const struct iso_plugin *(*describe)(void);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ISO_PLUGIN_FILE);
    host->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol =
        host->object != NULL ? dlsym(host->object, "iso_plugin_describe") : NULL;
    if (symbol == NULL) {
        reply_text(ISO_PLUGIN_NOT_LOADED, 0, dlerror());
        return NULL;
    }
    memcpy(&describe, &symbol, sizeof describe); /* C has no cast between the two */
    const struct iso_plugin *plugin = describe();
    if (plugin == NULL || plugin->abi != ISO_PLUGIN_ABI) {
        reply(ISO_PLUGIN_OTHER_ABI, plugin != NULL ? plugin->abi : 0, NULL, 0);
        return NULL;
    }
    if (plugin->name == NULL || plugin->words == NULL || plugin->merge == NULL ||
        plugin->generate == NULL) {
        reply_text(ISO_PLUGIN_NOT_LOADED, 0,
                   "it says no name, no words, or lacks merge or generate");
        return NULL;
    }
    return plugin;
}

static bool plugin_tell(const struct iso_plugin *plugin)
{
    char text[ISO_PLUGIN_NAME_MAX + ISO_PLUGIN_WORDS_MAX + 2] = {0};
    size_t name = strnlen(plugin->name, ISO_PLUGIN_NAME_MAX);
    size_t words = strnlen(plugin->words, ISO_PLUGIN_WORDS_MAX);
    memcpy(text, plugin->name, name);
    memcpy(text + name + 1, plugin->words, words);
    return reply(ISO_PLUGIN_LOADED, 0, text, name + words + 2);
}

int main(int argc, char **argv)
{
    struct host host = {0};
    if (argc != 3)
        return EX_USAGE;
    const char *failed =
        iso_plugin_fence_load(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    if (failed == NULL) {
        host.plugin = plugin_load(&host);
        if (host.plugin == NULL)
            return EX_DATAERR;
        failed = iso_plugin_fence_ask(ISO_PLUGIN_SOCKET);
    }
    if (failed != NULL) {
        reply_text(ISO_PLUGIN_NO_LIMITS, errno, failed);
        return EX_OSERR;
    }
    if (plugin_tell(host.plugin))
        questions_answer(&host);
    return EX_OK;
}
