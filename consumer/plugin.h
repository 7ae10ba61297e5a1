/* plugin.h - loads resolver plug-ins, and asks them in a child process.
 *
 * What a plug-in does wrong harms the one question that it was asked: a crash, an
 * answer too late or too long is an error with a sentence, and the next question gets a
 * fresh child. State is never touched; see resolver/plugin.h.
 *
 *   struct iso_plugin_options options = {.name = "cart", .path = "/usr/lib/…/cart.so"};
 *   struct iso_plugin_child *child;
 *   iso_plugin_open(&options, &child, &why);
 *   iso_replica_plugin(replica, "carts", child, &why);
 *   …
 *   iso_replica_close(replica); iso_plugin_close(child);
 *
 * The child is another program, isostasy-plugin-host, so that services with threads may
 * have one. It is stood beside the code that this is part of, or in ../libexec of that
 * folder, or where isostasy was installed to.
 *
 * A handle may be used by one thread at a time.
 */
#ifndef ISO_CONSUMER_PLUGIN_H
#define ISO_CONSUMER_PLUGIN_H

#include "base/bytes.h"
#include "base/err.h"
#include "schema/version.h"

struct iso_definition;
struct iso_held;
struct iso_plugin_child;
struct iso_plugin_report;

struct iso_plugin_options {
    const char *name;  /* as in plugin:NAME; NULL: whatever the plug-in is called */
    const char *path;  /* absolute, without links; owned by root or this user, writable
                          by no others, and so every folder above it */
    const char *host;  /* the child's program; NULL: found as said above */
    int timeout_ms;    /* of one answer; 0: 1000 */
    size_t memory_max; /* of the child; 0: 256 MiB */
    uint64_t checks;   /* cases to try before it is taken; 0: 1000 */
    uint64_t seed;
    struct iso_plugin_report *report; /* filled in, also of a failure; NULL: not */
    /* What it generates and answers must be values by its schemas; NULL: any bytes. For
     * the checks only: a replica holds answers to the collection's own. */
    const struct iso_definition *definition;
};

/* Loads it in a child and tries it: on one to eight values that it generates itself, by
 * version, the same answer again, in another order of questions, and in a fresh
 * process, within the limits. What is checked is the file that is open, and that file
 * is used until close.
 *
 * ISO_DENIED: the file may be changed by others; ISO_UNSUPPORTED: another ABI;
 * ISO_BAD_DATA: no plug-in, or another name; ISO_REFUSED: a check failed, with the
 * smallest counter-example that was found. ISO_NOT_FOUND, ISO_IO: no such file, no
 * child. */
enum iso_err iso_plugin_open(const struct iso_plugin_options *options,
                             struct iso_plugin_child **child, struct iso_why *why);
void iso_plugin_close(struct iso_plugin_child *child); /* NULL is fine */

/* What readers are shown of `siblings` (newest first, as a resolver shows them):
 * replaces `answer`. ISO_TIMEOUT; ISO_TOO_LARGE: longer than all siblings together and
 * 64 KiB, or these are over 32 MiB; ISO_BAD_DATA: it has no answer, with its number;
 * ISO_AGAIN: it crashed, on what signal. `answer` is empty then. */
enum iso_err iso_plugin_ask(struct iso_plugin_child *child,
                            const struct iso_held *siblings, size_t count,
                            struct iso_buf *answer, struct iso_why *why);

/* What the plug-in calls itself. Borrowed. */
const char *iso_plugin_name(const struct iso_plugin_child *child);

enum { ISO_PLUGIN_SIBLINGS_MAX = 8 };

/* What the checks did and found. Zero before the first use; release frees. */
struct iso_plugin_report {
    char name[64], words[256];
    uint64_t cases, answers;
    /* Of a failed check: the siblings, by version, each with the seed that it was
     * generated of. */
    size_t count; /* 0: none failed */
    struct iso_plugin_example {
        uint64_t seed;
        struct iso_version version;
        struct iso_buf value;
    } siblings[ISO_PLUGIN_SIBLINGS_MAX];
    size_t given; /* how many answers differ: 2, or 0 when there was no answer */
    struct iso_buf shown[2];
};
void iso_plugin_report_release(struct iso_plugin_report *report);

#endif
