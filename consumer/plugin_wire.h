/* plugin_wire.h - what a loader and its plug-in host say to each other, over a socket
 * between two processes of one machine: numbers are as this machine has them.
 *
 *   host:   reply LOADED, or why not        words of the plug-in, or a sentence
 *   loader: question, heads, bytes          one after the other,
 *   host:   reply, bytes                    until the loader hangs up
 *
 * Each side checks every length that the other one says before it believes it.
 */
#ifndef ISO_CONSUMER_PLUGIN_WIRE_H
#define ISO_CONSUMER_PLUGIN_WIRE_H

#include <stdint.h>

enum { ISO_PLUGIN_WIRE = 0x150c0de1 }; /* first in every reply; another one: not ours */

/* What the host finds open beside standard input and output, which are /dev/null. */
enum { ISO_PLUGIN_SOCKET = 3, ISO_PLUGIN_FILE = 4 };

enum {
    ISO_PLUGIN_NAME_MAX = 63,
    ISO_PLUGIN_WORDS_MAX = 255,
    ISO_PLUGIN_SLACK = 64 << 10,     /* an answer is at most its siblings and this, */
    ISO_PLUGIN_VALUE_MAX = 64 << 10, /* a generated value at most this */
    ISO_PLUGIN_COUNT_MAX = 1 << 16,  /* siblings of a question … */
    ISO_PLUGIN_BYTES_MAX = 32 << 20, /* … and their bytes */
};

enum iso_plugin_verb { ISO_PLUGIN_MERGE = 1, ISO_PLUGIN_GENERATE };

struct iso_plugin_question {
    uint32_t verb, count;
    uint64_t seed, size; /* of GENERATE; of all bytes together */
};
struct iso_plugin_head { /* of one sibling */
    uint64_t hlc, node, size;
};

enum iso_plugin_outcome {
    ISO_PLUGIN_LOADED = 1, /* name, NUL, words, NUL */
    ISO_PLUGIN_NOT_LOADED, /* a sentence of the dynamic loader */
    ISO_PLUGIN_OTHER_ABI,  /* number: its ABI */
    ISO_PLUGIN_NO_LIMITS,  /* the call that failed; number: errno */
    ISO_PLUGIN_ANSWERED,
    ISO_PLUGIN_NO_ANSWER, /* number: what merge or generate returned */
    ISO_PLUGIN_TOO_LONG,  /* the host ends */
};
struct iso_plugin_reply {
    uint32_t wire, outcome;
    int64_t number;
    uint64_t size; /* bytes behind it */
};

#endif
