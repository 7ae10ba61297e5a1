/* registry_http.h - how the schema registry is spoken to: one question over HTTP, one
 * bounded answer.
 *
 * Certificates are always verified, redirects are told and not followed, an answer has
 * at most ISO_REGISTRY_ANSWER_MAX bytes and is whole after schema.registry.timeout, or
 * the question fails. The password is in no sentence. One thread at a time.
 */
#ifndef ISO_CLI_REGISTRY_HTTP_H
#define ISO_CLI_REGISTRY_HTTP_H

#include "base/bytes.h"
#include "base/settings.h"

enum {
    ISO_REGISTRY_ANSWER_MAX = 2 << 20,
    ISO_REGISTRY_WORDS_SIZE = 221, /* of somebody else's words in a sentence */
};

struct iso_registry_http;

struct iso_registry_answer {
    long status;          /* of HTTP; 1xx are passed over */
    struct iso_buf body;  /* cleared before it is filled; the caller's to release */
    const char *redirect; /* where to; NULL: to nowhere; until the next question */
};

/* By the settings schema.registry.*; ISO_SETTING. Does not connect yet. */
enum iso_err iso_registry_http_open(const struct iso_settings *settings,
                                    struct iso_registry_http **http,
                                    struct iso_why *why);
void iso_registry_http_close(struct iso_registry_http *http); /* NULL is fine */

/* The url of the settings, for sentences and paths: no slash at its end, no password.
 */
const char *iso_registry_http_url(const struct iso_registry_http *http);

/* Asks for url + path: GET, or POST with a body (one that has data). An answer with any
 * status is ISO_OK. ISO_UNAVAILABLE: it cannot be reached, its certificate is not
 * trusted, or it hangs up; ISO_TIMEOUT; ISO_BAD_DATA: too much, or no HTTP. */
enum iso_err iso_registry_http_ask(struct iso_registry_http *http, const char *path,
                                   struct iso_bytes body,
                                   struct iso_registry_answer *answer,
                                   struct iso_why *why);

/* What somebody else said, fit for a sentence of ours: cut, one line, printable; and
 * left out when it repeats the password. */
void iso_registry_http_words(const struct iso_registry_http *http, const char *said,
                             char words[ISO_REGISTRY_WORDS_SIZE]);

#endif
