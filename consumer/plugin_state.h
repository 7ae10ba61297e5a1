/* plugin_state.h - what an iso_plugin_child is made of; only plugin*.c of the loader
 * includes this (not plugin_host.c, which is another program). */
#ifndef ISO_CONSUMER_PLUGIN_STATE_H
#define ISO_CONSUMER_PLUGIN_STATE_H

#include <limits.h>
#include <sys/types.h>

#include "base/clock.h"
#include "consumer/plugin.h"
#include "consumer/plugin_wire.h"
#include "schema/value.h"

struct iso_plugin_child {
    int file; /* O_PATH: the plug-in that was checked */
    char *path, *host;
    int timeout_ms;
    size_t memory_max;
    bool runs;           /* else the next question starts one */
    int process, socket; /* of the one that runs: pidfd_open(2), our end */
    int64_t spent_ms;    /* by this process, on answers */
    char name[ISO_PLUGIN_NAME_MAX + 1], words[ISO_PLUGIN_WORDS_MAX + 1];
    struct iso_buf question;
    struct iso_schemas *schemas; /* by which answers were checked last; NULL: none */
    uint8_t schemas_id[16];      /* of their definition */
    const struct iso_definition *definition; /* while it is checked; NULL: any bytes */
};

/* ---- plugin_path.c: which files are taken ---- */

/* Opens `path` (O_PATH) folder by folder from `root`, an open folder that stands for /,
 * and looks at each step: owned by root or `user`, writable by no others. ISO_DENIED,
 * ISO_NOT_FOUND, ISO_USAGE (not absolute), ISO_IO. */
enum iso_err iso_plugin_path_open(int root, const char *path, uid_t user, int *file,
                                  struct iso_why *why);

/* The program of the child: appends its path. ISO_NOT_FOUND names the places. */
enum iso_err iso_plugin_host_find(struct iso_buf *path, struct iso_why *why);

/* ---- plugin_child.c: the process, and one question ---- */

/* Starts it when none runs: reads its name and words. ISO_UNSUPPORTED, ISO_BAD_DATA,
 * ISO_IO, ISO_AGAIN, ISO_TIMEOUT. */
enum iso_err iso_plugin_child_start(struct iso_plugin_child *child,
                                    struct iso_why *why);
/* Ends it, when one runs. */
void iso_plugin_child_stop(struct iso_plugin_child *child);

struct iso_plugin_given { /* one sibling of a question */
    struct iso_version version;
    struct iso_bytes value;
};

/* An answer; its number when the plug-in has none. */
struct iso_plugin_got {
    int64_t number;
    struct iso_buf bytes;
};

/* One question; by version, ascending. As iso_plugin_ask; a child that is stopped, or
 * has died since its last answer, is started anew first. */
enum iso_err iso_plugin_child_merge(struct iso_plugin_child *child,
                                    const struct iso_plugin_given *given, size_t count,
                                    struct iso_plugin_got *got, struct iso_why *why);
/* A value of each seed, in one go: at most ISO_PLUGIN_SIBLINGS_MAX. The time is that of
 * each one. After a failure those behind it are empty. */
enum iso_err iso_plugin_child_generate(struct iso_plugin_child *child,
                                       const uint64_t *seeds, size_t count,
                                       struct iso_plugin_got *got, struct iso_why *why);

/* ---- plugin_answer.c ---- */

/* Is it a value by the definition's schemas? Any bytes are, where values are opaque.
 * ISO_REFUSED: the definition names no such schema (a later one may); ISO_BAD_DATA. */
enum iso_err iso_plugin_answer_check(struct iso_plugin_child *child,
                                     const struct iso_definition *definition,
                                     struct iso_bytes answer, struct iso_why *why);

/* ---- plugin_check.c ---- */

struct iso_plugin_case {
    size_t count;
    struct {
        uint64_t seed;
        struct iso_version version;
    } siblings[ISO_PLUGIN_SIBLINGS_MAX];
};

/* Tries `cases` cases; fills `report`. ISO_REFUSED with the counter-example; what kept
 * the child from starting passes through. */
enum iso_err iso_plugin_check(struct iso_plugin_child *child, uint64_t cases,
                              uint64_t seed, struct iso_plugin_report *report,
                              struct iso_why *why);

/* plugin_shrink.c: does it fail on this case, asked in a fresh process, again, after
 * others, and in a second process? Fills the report with the case, when it does.
 * ISO_REFUSED says how; ISO_OK: it does not. */
enum iso_err iso_plugin_try(struct iso_plugin_child *child,
                            const struct iso_plugin_case *tried,
                            struct iso_plugin_report *report, struct iso_why *why);

/* Makes a case that fails smaller while it still does. As iso_plugin_try of the
 * smallest; ISO_OK: `found` itself does not fail when it is tried alone. */
enum iso_err iso_plugin_shrink(struct iso_plugin_child *child,
                               const struct iso_plugin_case *found,
                               struct iso_plugin_report *report, struct iso_why *why);

/* One run of a case: its values and the answer; what was not reached is empty. */
struct iso_plugin_run {
    size_t count;
    struct iso_plugin_got values[ISO_PLUGIN_SIBLINGS_MAX], answer;
};
enum iso_err iso_plugin_run(struct iso_plugin_child *child,
                            const struct iso_plugin_case *asked,
                            struct iso_plugin_run *run, struct iso_why *why);
void iso_plugin_run_release(struct iso_plugin_run *run);

/* ISO_OK: two runs of a case are alike. ISO_REFUSED: which part of them is not; `when`
 * says when the second one was. */
enum iso_err iso_plugin_runs_compare(const struct iso_plugin_run *a,
                                     const struct iso_plugin_run *b, const char *when,
                                     struct iso_why *why);

/* Is it the plug-in's own failure, and not this machine's? */
static inline bool iso_plugin_failed(enum iso_err err)
{
    return err == ISO_TIMEOUT || err == ISO_AGAIN || err == ISO_TOO_LARGE ||
           err == ISO_REFUSED;
}

/* ---- plugin.c ---- */

/* iso_plugin_open behind its look at the path: takes `file` over, also when it fails.
 */
enum iso_err iso_plugin_open_file(const struct iso_plugin_options *options, int file,
                                  struct iso_plugin_child **child, struct iso_why *why);

#endif
