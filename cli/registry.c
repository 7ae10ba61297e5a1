/* What Confluent's API says, on top of registry_http.c: paths, JSON, what its status
 * and error codes mean, and what is remembered of earlier answers.
 *
 * An error of the registry carries a body {"error_code": n, "message": "…"}; so a 404
 * without one comes from a server that is no registry, or from beside its base path. An
 * answer is believed only as far as it has the shape that was asked for.
 */
#include "cli/registry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/registry_http.h"

#define KNOWN_MAX 64 /* answers that are remembered, the oldest given up first */

/* One answer: of a subject and its JSON the id, or (no subject) of an id its JSON. */
struct known {
    char *subject;
    struct iso_buf json;
    int32_t id;
};

struct iso_registry {
    struct iso_registry_http *http;
    struct iso_registry_answer answer; /* its buffer is used again */
    struct known known[KNOWN_MAX];
    size_t known_count; /* ever: the next one stands at this, modulo KNOWN_MAX */
};

/* ---- what is known already ---- */

static void known_release(struct known *known)
{
    iso_free(known->subject);
    iso_buf_release(&known->json);
    *known = (struct known){0};
}

static void known_add(struct iso_registry *registry, const char *subject,
                      struct iso_bytes json, int32_t id)
{
    struct known *at = &registry->known[registry->known_count++ % KNOWN_MAX];
    known_release(at);
    at->subject = subject != NULL ? iso_strdup(subject) : NULL;
    at->id = id;
    iso_buf_add_bytes(&at->json, json);
}

static size_t known_size(const struct iso_registry *registry)
{
    return registry->known_count < KNOWN_MAX ? registry->known_count : KNOWN_MAX;
}

static const struct known *known_subject(const struct iso_registry *registry,
                                         const char *subject, struct iso_bytes json)
{
    for (size_t i = 0; i < known_size(registry); i++) {
        const struct known *at = &registry->known[i];
        if (at->subject != NULL && strcmp(at->subject, subject) == 0 &&
            iso_bytes_equal(iso_buf_bytes(&at->json), json))
            return at;
    }
    return NULL;
}

static const struct known *known_id(const struct iso_registry *registry, int32_t id)
{
    for (size_t i = 0; i < known_size(registry); i++)
        if (registry->known[i].subject == NULL && registry->known[i].id == id)
            return &registry->known[i];
    return NULL;
}

/* ---- what it refuses ---- */

/* The registry's own error, or nothing. */
struct refusal {
    bool told; /* it has the shape of a registry's error */
    char words[ISO_REGISTRY_WORDS_SIZE];
};

/* Without the name of the Java class that it comes from: there is room for one line. */
static const char *message_begin(const char *message)
{
    static const char class_end[] = "Exception: ";
    const char *at = strstr(message, class_end);
    size_t word = strcspn(message, " ");
    bool class = at != NULL && (size_t)(at - message) < word;
    return class ? at + sizeof class_end - 1 : message;
}

static void refusal_read(const struct iso_registry *registry, struct refusal *refusal)
{
    *refusal = (struct refusal){0};
    const struct iso_buf *body = &registry->answer.body;
    json_t *error = json_loadb((const char *)body->data, body->size, 0, NULL);
    const char *message = json_string_value(json_object_get(error, "message"));
    refusal->told = json_is_integer(json_object_get(error, "error_code"));
    if (message != NULL)
        iso_registry_http_words(registry->http, message_begin(message), refusal->words);
    json_decref(error);
}

static enum iso_err refusal_err(long status, bool told)
{
    switch (status) {
    case 401:
    case 403:
        return ISO_DENIED;
    case 404:
        return told ? ISO_NOT_FOUND : ISO_BAD_DATA;
    case 409:
        return ISO_INCOMPATIBLE;
    case 408:
    case 429:
        return ISO_UNAVAILABLE;
    default:
        return status >= 500 ? ISO_UNAVAILABLE : ISO_BAD_DATA;
    }
}

static const char *refusal_remedy(long status, bool told)
{
    switch (status) {
    case 401:
        return "check schema.registry.username and schema.registry.password";
    case 403:
        return "ask who runs it for the right, or name another "
               "schema.registry.username";
    case 404:
        return told ? "check its name or id, and that schema.registry.url is the right "
                      "registry"
                    : "schema.registry.url may lack a path, as in /apis/ccompat/v7";
    case 409:
        return "change the schema, or the subject's compatibility in the registry";
    case 422:
    case 400:
        return "check that it is an Avro schema as the specification has it";
    default:
        return status >= 500 || status == 408 || status == 429
                   ? "look into its log, then try again"
                   : "is schema.registry.url that of a schema registry?";
    }
}

/* `what` was not answered as it should be. */
static enum iso_err refused(const struct iso_registry *registry, const char *what,
                            struct iso_why *why)
{
    const char *url = iso_registry_http_url(registry->http);
    long status = registry->answer.status;
    if (registry->answer.redirect != NULL) {
        char to[ISO_REGISTRY_WORDS_SIZE];
        iso_registry_http_words(registry->http, registry->answer.redirect, to);
        return iso_fail(why, ISO_BAD_DATA,
                        "schema registry %.80s: sends %.80s elsewhere, to %s: if that "
                        "is right, write it as schema.registry.url",
                        url, what, to);
    }
    struct refusal refusal;
    refusal_read(registry, &refusal);
    const char *quote = refusal.words[0] != '\0' ? "\"" : "";
    return iso_fail(why, refusal_err(status, refusal.told),
                    "schema registry %.80s: refuses %.80s with status %ld%s%s%s%s: %s",
                    url, what, status, *quote != '\0' ? ", " : "", quote, refusal.words,
                    quote, refusal_remedy(status, refusal.told));
}

static enum iso_err strange(const struct iso_registry *registry, const char *what,
                            const char *reason, struct iso_why *why)
{
    return iso_fail(why, ISO_BAD_DATA,
                    "schema registry %.80s: its answer to %.80s %s: is "
                    "schema.registry.url that of a schema registry?",
                    iso_registry_http_url(registry->http), what, reason);
}

/* ---- asking ---- */

/* An answer of success and its JSON object, which is the caller's to let go of. */
static enum iso_err ask(struct iso_registry *registry, const char *path,
                        struct iso_bytes body, const char *what, json_t **answer,
                        struct iso_why *why)
{
    *answer = NULL;
    struct iso_registry_answer *got = &registry->answer;
    enum iso_err err = iso_registry_http_ask(registry->http, path, body, got, why);
    if (err != ISO_OK)
        return err;
    if (got->status < 200 || got->status > 299)
        return refused(registry, what, why);
    json_t *json = json_loadb((const char *)got->body.data, got->body.size,
                              JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        return strange(registry, what, "is no JSON object", why);
    }
    *answer = json;
    return ISO_OK;
}

/* One segment of a path: RFC 3986's unreserved characters as they are. */
static void segment_add(struct iso_buf *path, const char *segment)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *at = segment; *at != '\0'; at++)
        if (strchr(unreserved, *at) != NULL)
            iso_buf_add_u8(path, (uint8_t)*at);
        else
            iso_buf_print(path, "%%%02X", (unsigned char)*at);
}

/* Dots alone would be taken for a step in the path, encoded or not. */
static bool subject_is_good(const char *subject)
{
    return *subject != '\0' && strcmp(subject, ".") != 0 && strcmp(subject, "..") != 0;
}

static enum iso_err question_write(struct iso_bytes json, char **question,
                                   struct iso_why *why)
{
    json_t *text = json_stringn((const char *)json.data, json.size);
    if (text == NULL)
        return iso_fail(why, ISO_BAD_DATA,
                        "a schema that is not UTF-8 cannot be registered: JSON is "
                        "written in UTF-8");
    json_t *object = json_pack("{s:o, s:s}", "schema", text, "schemaType", "AVRO");
    *question = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    iso_assert(*question != NULL);
    return ISO_OK;
}

/* Ids travel in four bytes; Confluent's own are positive. */
static bool id_read(const json_t *number, int32_t *id)
{
    json_int_t value = json_integer_value(number);
    if (!json_is_integer(number) || value < 0 || value > INT32_MAX)
        return false;
    *id = (int32_t)value;
    return true;
}

static enum iso_err register_ask(struct iso_registry *registry, const char *subject,
                                 const char *question, int32_t *id, struct iso_why *why)
{
    struct iso_buf path = {0}, what = {0};
    iso_buf_print(&path, "/subjects/");
    segment_add(&path, subject);
    iso_buf_print(&path, "/versions");
    iso_buf_print(&what, "a schema for subject %.60s", subject);
    json_t *answer;
    enum iso_err err = ask(registry, iso_buf_text(&path), iso_bytes_text(question),
                           iso_buf_text(&what), &answer, why);
    if (err == ISO_OK && !id_read(json_object_get(answer, "id"), id))
        err = strange(registry, iso_buf_text(&what),
                      "has no id, a number from 0 to 2147483647", why);
    json_decref(answer);
    iso_buf_release(&what);
    iso_buf_release(&path);
    return err;
}

enum iso_err iso_registry_register(struct iso_registry *registry, const char *subject,
                                   struct iso_bytes json, int32_t *id,
                                   struct iso_why *why)
{
    if (!subject_is_good(subject))
        return iso_fail(why, ISO_USAGE,
                        "\"%s\" is no subject of a schema registry: it would not stand "
                        "in a url; choose another name",
                        subject);
    const struct known *known = known_subject(registry, subject, json);
    if (known != NULL) {
        *id = known->id;
        return ISO_OK;
    }
    char *question;
    enum iso_err err = question_write(json, &question, why);
    if (err != ISO_OK)
        return err;
    err = register_ask(registry, subject, question, id, why);
    free(question); /* jansson's */
    if (err == ISO_OK)
        known_add(registry, subject, json, *id);
    return err;
}

/* That it is Avro, whole, and by itself. */
static enum iso_err schema_check(const struct iso_registry *registry, const char *what,
                                 const json_t *answer, struct iso_why *why)
{
    const json_t *type = json_object_get(answer, "schemaType");
    const json_t *references = json_object_get(answer, "references");
    const char *url = iso_registry_http_url(registry->http);
    if (!json_is_string(json_object_get(answer, "schema")))
        return strange(registry, what, "holds no schema", why);
    if (type != NULL && !json_is_null(type) && !json_is_string(type))
        return strange(registry, what, "has a schemaType that is no text", why);
    if (json_is_string(type) && strcmp(json_string_value(type), "AVRO") != 0) {
        char words[ISO_REGISTRY_WORDS_SIZE];
        iso_registry_http_words(registry->http, json_string_value(type), words);
        return iso_fail(why, ISO_UNSUPPORTED,
                        "schema registry %.80s: %s is of type %.40s: collections know "
                        "Avro only, so name the id of an Avro schema",
                        url, what, words);
    }
    if (json_array_size(references) > 0)
        return iso_fail(why, ISO_UNSUPPORTED,
                        "schema registry %.80s: %s refers to schemas of other "
                        "subjects, and a definition must hold all of it: register one "
                        "with their types written out",
                        url, what);
    return ISO_OK;
}

static enum iso_err schema_ask(struct iso_registry *registry, int32_t id,
                               struct iso_buf *json, struct iso_why *why)
{
    char path[64], what[32];
    snprintf(path, sizeof path, "/schemas/ids/%d", (int)id);
    snprintf(what, sizeof what, "schema %d", (int)id);
    json_t *answer;
    enum iso_err err = ask(registry, path, (struct iso_bytes){0}, what, &answer, why);
    if (err != ISO_OK)
        return err;
    err = schema_check(registry, what, answer, why);
    if (err == ISO_OK) {
        const json_t *schema = json_object_get(answer, "schema");
        struct iso_bytes text =
            iso_bytes(json_string_value(schema), json_string_length(schema));
        iso_buf_add_bytes(json, text);
        known_add(registry, NULL, text, id);
    }
    json_decref(answer);
    return err;
}

enum iso_err iso_registry_schema(struct iso_registry *registry, int32_t id,
                                 struct iso_buf *json, struct iso_why *why)
{
    const struct known *known = known_id(registry, id);
    if (known == NULL)
        return schema_ask(registry, id, json, why);
    iso_buf_add_bytes(json, iso_buf_bytes(&known->json));
    return ISO_OK;
}

/* ---- the handle ---- */

enum iso_err iso_registry_open(const struct iso_settings *settings,
                               struct iso_registry **registry, struct iso_why *why)
{
    struct iso_registry_http *http;
    *registry = NULL;
    enum iso_err err = iso_registry_http_open(settings, &http, why);
    if (err != ISO_OK)
        return err;
    *registry = iso_alloc_zero(1, sizeof **registry);
    (*registry)->http = http;
    return ISO_OK;
}

void iso_registry_close(struct iso_registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = 0; i < KNOWN_MAX; i++)
        known_release(&registry->known[i]);
    iso_buf_release(&registry->answer.body);
    iso_registry_http_close(registry->http);
    iso_free(registry);
}
