/* err.h - every way in which a call can fail, declared once.
 *
 * A call that can fail returns `enum iso_err` and nothing else; its answers leave by
 * parameter. The *kind* of a failure tells the caller what to do, so that nobody lists
 * codes:
 *
 *   answer   not a failure of anything: the question has this answer
 *   retry    the world is not ready (Kafka away, disk full, queue full): wait, do again
 *   poison   this input will never be right; set it aside, go on with the rest
 *   fatal    going on would be wrong: stop, and tell a person
 *
 * Who detects a failure writes the sentence: `return iso_fail(why, ISO_IO, "…", …)`.
 * The sentence names the thing, the reason and the remedy. Who decides what to do logs
 * it, once.
 */
#ifndef ISO_BASE_ERR_H
#define ISO_BASE_ERR_H

enum iso_kind { ISO_ANSWER, ISO_RETRY, ISO_POISON, ISO_FATAL };

/* X(name, number, kind, words). Numbers are never reused: scripts see them. */
#define ISO_ERRORS(X)                                                             \
    X(OK, 0, ANSWER, "ok")                                                        \
    X(NOT_FOUND, 1, ANSWER, "not found")                                          \
    X(EXISTS, 2, ANSWER, "already exists")                                        \
    X(END, 3, ANSWER, "nothing more")                                             \
    X(TIMEOUT, 4, ANSWER, "the deadline passed")                                  \
    X(STALE, 5, ANSWER, "the store is behind what was asked for")                 \
    X(INCOMPATIBLE, 6, ANSWER, "the schemas do not go together")                  \
    X(AGAIN, 10, RETRY, "a queue is full")                                        \
    X(UNAVAILABLE, 11, RETRY, "a server cannot be reached")                       \
    X(STORE_FULL, 12, RETRY, "the store is full")                                 \
    X(IO, 13, RETRY, "input or output failed")                                    \
    X(CONTROL_WAIT, 14, RETRY, "waiting for the control topic")                   \
    X(UNKNOWN, 15, RETRY, "it is not known whether the write reached the log")    \
    X(BAD_DATA, 20, POISON, "bytes do not decode")                                \
    X(REFUSED, 21, POISON, "refused")                                             \
    X(TOO_LARGE, 22, POISON, "over a limit")                                      \
    X(DAMAGED, 23, POISON, "stored bytes do not match their check")               \
    X(USAGE, 30, FATAL, "used wrongly")                                           \
    X(SETTING, 31, FATAL, "a setting is wrong")                                   \
    X(MEMORY, 32, FATAL, "out of memory")                                         \
    X(DENIED, 33, FATAL, "not permitted")                                         \
    X(CLOCK_SKEW, 34, FATAL, "a clock is wrong")                                  \
    X(TOPIC_CONFIG, 35, FATAL, "a topic has the wrong settings")                  \
    X(LOG_DIVERGED, 36, FATAL, "the log is not the one that was read before")     \
    X(STORE_BUSY, 37, FATAL, "another process holds the store")                   \
    X(STORE_MISMATCH, 38, FATAL, "the store was made for something else")         \
    X(UNSUPPORTED, 39, FATAL, "this version of the software is too old for that") \
    X(FENCED, 40, FATAL, "the Kafka client cannot go on and must be opened anew") \
    X(CLOSED, 41, FATAL, "closed")                                                \
    X(NO_DEFINITION, 42, FATAL, "no such region or collection is defined")        \
    X(PARTITION, 43, POISON, "in the wrong partition")

enum iso_err {
#define ISO_ERR_ENUM(name, number, kind, words) ISO_##name = number,
    ISO_ERRORS(ISO_ERR_ENUM)
#undef ISO_ERR_ENUM
};

/* Why a call failed: embedded in a handle or passed by the caller, who owns it. `text`
 * is always a terminated sentence; a longer one is cut. */
struct iso_why {
    enum iso_err err;
    char text[512];
};

/* "ISO_TOPIC_CONFIG": the name that logs, dead letters and reports carry. */
const char *iso_err_name(enum iso_err err);

/* The words of the table above. */
const char *iso_err_words(enum iso_err err);

enum iso_kind iso_err_kind(enum iso_err err);

/* Writes code and sentence into `why` (which may be NULL) and is `err`. A macro, so
 * that who reads the caller, a static analyser too, sees what is returned. */
#define iso_fail(why, err, ...) \
    (iso_why_write((why), (err), __VA_ARGS__), iso_fail_code(err))
void iso_why_write(struct iso_why *why, enum iso_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline enum iso_err iso_fail_code(enum iso_err err)
{
    return err;
}

/* Puts "`format`: " before the sentence of a failure that stands in `why` (which may be
 * NULL), and is its code `err`. */
#define iso_fail_at(why, err, ...) \
    (iso_why_place((why), __VA_ARGS__), iso_fail_code(err))
void iso_why_place(struct iso_why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The process exit status for `err`, from sysexits.h; 1 for ISO_NOT_FOUND,
 * ISO_TIMEOUT and ISO_INCOMPATIBLE. */
int iso_err_exit(enum iso_err err);

/* Our own mistakes end the process, in release builds too. */
#define iso_assert(condition) \
    ((condition) ? (void)0 : iso_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void iso_assert_failed(const char *condition, const char *file, int line);

#endif
