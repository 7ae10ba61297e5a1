/* plugin.h - loads resolver plug-ins, and asks them in a child process.
 *
 * What a plug-in does wrong harms the one question that it was asked: a crash, an
 * answer too late or too long is an error with a sentence, and the next question gets a
 * fresh child. State is never touched; see resolver/plugin.h.
 */
#ifndef ISO_CONSUMER_PLUGIN_H
#define ISO_CONSUMER_PLUGIN_H

#include "base/bytes.h"
#include "base/err.h"
#include "schema/part.h"

struct iso_plugin_child;

struct iso_plugin_options {
    const char *name;  /* as in plugin:NAME; NULL: whatever the plug-in is called */
    const char *path;  /* absolute; owned by root or this user, writable by no others,
                          and so every folder above it */
    int timeout_ms;    /* of one answer; 0: 1000 */
    size_t memory_max; /* of the child; 0: 256 MiB */
    uint64_t checks;   /* cases to try before it is taken; 0: 1000 */
    uint64_t seed;
};

/* Loads it in a child and tries it (determinism, in one process and in a fresh one, in
 * whatever order it is asked; answers within limits). ISO_DENIED: the file may be
 * changed by others; ISO_UNSUPPORTED: another ABI; ISO_BAD_DATA: no plug-in, or another
 * name; ISO_REFUSED: a check failed, with the smallest counter-example that was found.
 */
enum iso_err iso_plugin_open(const struct iso_plugin_options *options,
                             struct iso_plugin_child **child, struct iso_why *why);
void iso_plugin_close(struct iso_plugin_child *child); /* NULL is fine */

/* What readers are shown of `siblings` (newest first, as a resolver shows them):
 * replaces `answer`. ISO_TIMEOUT; ISO_TOO_LARGE: longer than all siblings together and
 * 64 KiB; ISO_BAD_DATA: it has no answer, with its number; ISO_AGAIN: it crashed, on
 * what signal.
 */
enum iso_err iso_plugin_ask(struct iso_plugin_child *child,
                            const struct iso_held *siblings, size_t count,
                            struct iso_buf *answer, struct iso_why *why);

struct iso_plugin_report {
    uint64_t cases, answers;
    char name[64], words[256];
};
void iso_plugin_report(const struct iso_plugin_child *child,
                       struct iso_plugin_report *report);

#endif
