/* plugin.h - the binary interface of resolver plug-ins, for their authors.
 *
 * A collection whose resolver is `plugin:NAME` keeps every value that no write replaced
 * (siblings); the plug-in decides which one value readers are shown. It is a view: what
 * it answers is never stored, never sent, and never part of what regions compare.
 *
 * A plug-in is a shared object with one symbol, iso_plugin_describe. It must be a
 * function of its arguments: the same siblings, the same answer, in every region, in
 * any process, whatever was asked before. `isostasy resolver check ./merge.so` tries
 * that with the plug-in's own values, and every loader does so before its first use.
 *
 * It runs in a child process with limits on time and memory. What is there is memory
 * (malloc) and an end; files, network, threads, processes, signals, random bytes and
 * the clock are not: asking for one ends the process, and that one question fails. What
 * it needs to read, it reads while it is loaded: constructors may open files to read.
 *
 *   cc -shared -fPIC -o merge.so merge.c
 */
#ifndef ISO_RESOLVER_PLUGIN_H
#define ISO_RESOLVER_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define ISO_PLUGIN_ABI 1

struct iso_plugin_value {
    const uint8_t *data; /* the value as it was written, its frame included */
    size_t size;
    uint64_t hlc, node; /* its version */
};

/* Appends to the answer, which is at most 64 KiB longer than all siblings together; a
 * generated value has at most 64 KiB. */
struct iso_plugin_answer {
    void *self;
    void (*add)(void *self, const void *data, size_t size);
};

struct iso_plugin {
    uint32_t abi;      /* ISO_PLUGIN_ABI of the header that it was built with */
    const char *name;  /* as in plugin:NAME, [a-z0-9-]{1,32} */
    const char *words; /* one sentence: what it shows */

    /* `count` ≥ 1 values by version, ascending. 0, or another number: no answer, which
     * readers see as a failure with that number. */
    int (*merge)(const struct iso_plugin_value *values, size_t count,
                 struct iso_plugin_answer *answer);

    /* A value such as a writer might write: the same seed, the same value. For the
     * checks. */
    int (*generate)(uint64_t seed, struct iso_plugin_answer *answer);
};

/* The one symbol. */
const struct iso_plugin *iso_plugin_describe(void);

#endif
