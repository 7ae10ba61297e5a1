/* One libcurl handle that is told everything when it is opened and asked one question
 * after the other, so that connections are kept. What can go wrong is either a setting,
 * found when it is opened, or the registry's: then libcurl's code chooses kind and
 * remedy, and its words are the reason.
 *
 * The other side is not trusted: its headers and its body are counted while they come,
 * nothing is unpacked, no redirect is followed (it would take the question, or the
 * password, elsewhere), and what it says is cleaned before it is repeated.
 */
#include "cli/registry_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"

#define HEADERS_MAX (64 << 10)
#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"

struct iso_registry_http {
    CURL *curl;
    struct curl_slist *headers;
    char *url;
    char *password;       /* NULL: none */
    struct iso_buf token; /* user and password, as they travel */
    int64_t timeout_ms;
    char error[CURL_ERROR_SIZE];
};

/* One answer that is coming. */
struct coming {
    struct iso_buf *body;
    size_t headers;
    bool over; /* a limit */
};

/* ---- settings ---- */

static const char *setting(const struct iso_settings *settings, const char *key)
{
    const char *text = iso_settings_text(settings, "schema", NULL, key);
    return text != NULL && *text != '\0' ? text : NULL;
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

static bool url_is_http(CURLU *url)
{
    char *scheme = NULL;
    bool is = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    curl_free(scheme);
    return is;
}

/* A url that is refused is not repeated: it may hold a password. Every @ is taken for
 * that of one, since a password with / or ? would make the rest of it a path. */
static enum iso_err url_check(CURLU *url, const char *text, struct iso_why *why)
{
    if (strchr(text, '@') != NULL)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.url holds a user or a password (an @), which "
                        "logs would show: write them as schema.registry.username and "
                        "schema.registry.password, and the url without them");
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.url is no url (%s): write it as in "
                        "https://registry.example:8081",
                        curl_url_strerror(code));
    if (!url_is_http(url))
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.url is not for HTTP: begin it with https:// "
                        "or http://");
    if (url_has(url, CURLUPART_QUERY) || url_has(url, CURLUPART_FRAGMENT))
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.url has a query or a fragment (? or #), to "
                        "which no path can be added: leave it out");
    return ISO_OK;
}

static enum iso_err url_take(struct iso_registry_http *http,
                             const struct iso_settings *settings, struct iso_why *why)
{
    const char *text = setting(settings, "registry.url");
    if (text == NULL)
        return iso_fail(why, ISO_SETTING,
                        "no schema registry is known: set schema.registry.url");
    CURLU *url = curl_url();
    iso_assert(url != NULL);
    enum iso_err err = url_check(url, text, why);
    curl_url_cleanup(url);
    if (err != ISO_OK)
        return err;
    http->url = iso_strdup(text);
    for (size_t size = strlen(text); size > 0 && text[size - 1] == '/'; size--)
        http->url[size - 1] = '\0';
    return ISO_OK;
}

/* What libcurl would find out at the first question, with words of its own. */
static enum iso_err ca_check(const char *path, struct iso_why *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.ca: %.200s cannot be opened (%s): name a file "
                        "of certificates, or leave it out for the system's",
                        path, strerror(errno));
    char line[256];
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, "-----BEGIN ", 11) == 0 &&
                strstr(line, "CERTIFICATE-----") != NULL;
    fclose(file);
    if (!found)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.ca: there is no certificate in %.200s: name a "
                        "file with PEM certificates (-----BEGIN CERTIFICATE-----)",
                        path);
    return ISO_OK;
}

/* Both or none. HTTP's basic authentication puts a colon between them. */
static enum iso_err login_check(const char *username, const char *password,
                                struct iso_why *why)
{
    if (username != NULL && password == NULL)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.username has no password: set "
                        "schema.registry.password, or leave out both");
    if (username == NULL && password != NULL)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.password has no user: set "
                        "schema.registry.username, or leave out both");
    if (username != NULL && strchr(username, ':') != NULL)
        return iso_fail(why, ISO_SETTING,
                        "schema.registry.username has a colon, which basic "
                        "authentication does not know: use another user");
    return ISO_OK;
}

/* RFC 4648's own alphabet, without padding. */
static void token_write(struct iso_buf *token, const char *username,
                        const char *password)
{
    struct iso_buf both = {0};
    iso_buf_print(&both, "%s:%s", username, password);
    iso_base64_encode(token, iso_buf_bytes(&both));
    explicit_bzero(both.data, both.size);
    iso_buf_release(&both);
    for (size_t i = 0; i < token->size; i++)
        if (token->data[i] == '-')
            token->data[i] = '+';
        else if (token->data[i] == '_')
            token->data[i] = '/';
}

/* ---- the handle ---- */

static size_t on_header(char *data, size_t one, size_t size, void *user)
{
    (void)data;
    struct coming *coming = user;
    coming->headers += one * size;
    coming->over = coming->over || coming->headers > HEADERS_MAX;
    return coming->over ? 0 : one * size;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    struct coming *coming = user;
    size *= one;
    if (size > ISO_REGISTRY_ANSWER_MAX - coming->body->size)
        coming->over = true;
    else
        iso_buf_add(coming->body, data, size);
    return coming->over ? 0 : size;
}

/* Nothing here depends on what was set but memory and how libcurl was built. */
#define SET(option, value) \
    iso_assert(curl_easy_setopt(http->curl, (option), (value)) == CURLE_OK)

static void handle_set(struct iso_registry_http *http)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)http->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->timeout_ms);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "isostasy/" ISOSTASY_VERSION);
    SET(CURLOPT_ERRORBUFFER, http->error);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    static const char *const lines[] = {
        "Accept: " MEDIA_TYPE ", application/json", "Content-Type: " MEDIA_TYPE,
        "Expect:", /* a body is short: it need not be asked for */
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct curl_slist *more = curl_slist_append(http->headers, lines[i]);
        iso_assert(more != NULL);
        http->headers = more;
    }
    SET(CURLOPT_HTTPHEADER, http->headers);
}

static enum iso_err ca_set(struct iso_registry_http *http, const char *ca,
                           struct iso_why *why)
{
    if (ca == NULL)
        return ISO_OK;
    enum iso_err err = ca_check(ca, why);
    if (err != ISO_OK)
        return err;
    SET(CURLOPT_CAINFO, ca);
    SET(CURLOPT_CAPATH, (char *)NULL); /* these alone, not the system's besides */
    return ISO_OK;
}

static enum iso_err login_set(struct iso_registry_http *http,
                              const struct iso_settings *settings, struct iso_why *why)
{
    const char *username = setting(settings, "registry.username");
    const char *password = setting(settings, "registry.password");
    enum iso_err err = login_check(username, password, why);
    if (err != ISO_OK || username == NULL)
        return err;
    http->password = iso_strdup(password);
    token_write(&http->token, username, password);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_USERNAME, username);
    SET(CURLOPT_PASSWORD, password);
    return ISO_OK;
}

enum iso_err iso_registry_http_open(const struct iso_settings *settings,
                                    struct iso_registry_http **http,
                                    struct iso_why *why)
{
    struct iso_registry_http *made = iso_alloc_zero(1, sizeof *made);
    *http = NULL;
    iso_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    made->curl = curl_easy_init();
    iso_assert(made->curl != NULL);
    made->timeout_ms =
        iso_settings_number(settings, "schema", NULL, "registry.timeout");
    handle_set(made);
    enum iso_err err = url_take(made, settings, why);
    if (err == ISO_OK)
        err = ca_set(made, setting(settings, "registry.ca"), why);
    if (err == ISO_OK)
        err = login_set(made, settings, why);
    if (err != ISO_OK) {
        iso_registry_http_close(made);
        return err;
    }
    *http = made;
    return ISO_OK;
}

void iso_registry_http_close(struct iso_registry_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    curl_global_cleanup(); /* counted: what others began goes on */
    if (http->password != NULL)
        explicit_bzero(http->password, strlen(http->password));
    if (http->token.size > 0)
        explicit_bzero(http->token.data, http->token.size);
    iso_buf_release(&http->token);
    iso_free(http->password);
    iso_free(http->url);
    iso_free(http);
}

const char *iso_registry_http_url(const struct iso_registry_http *http)
{
    return http->url;
}

/* ---- words of others ---- */

static bool repeats_password(const struct iso_registry_http *http, const char *said)
{
    if (http->password == NULL)
        return false;
    return strstr(said, http->password) != NULL ||
           memmem(said, strlen(said), http->token.data, http->token.size) != NULL;
}

/* How many bytes of a control character stand here; they move a terminal's cursor: C0,
 * and as UTF-8 writes them, C1. */
static size_t control_size(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    if (iscntrl(*c))
        return 1;
    return c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0 ? 2 : 0;
}

void iso_registry_http_words(const struct iso_registry_http *http, const char *said,
                             char words[ISO_REGISTRY_WORDS_SIZE])
{
    if (repeats_password(http, said))
        said = "its words repeat the password and are left out";
    size_t size = strnlen(said, ISO_REGISTRY_WORDS_SIZE - 1);
    if (said[size] != '\0') /* not within a character of UTF-8 */
        while (size > 0 && ((unsigned char)said[size] & 0xC0) == 0x80)
            size--;
    memcpy(words, said, size);
    words[size] = '\0';
    for (size_t i = 0; i < size; i++)
        for (size_t n = control_size(words + i); n > 0; n--)
            words[i + n - 1] = ' ';
}

/* ---- asking ---- */

/* OpenSSL writes with write(2): a registry that hangs up would end us by SIGPIPE. One
 * that was pending before is not ours to take. */
static CURLcode perform(CURL *curl)
{
    static const struct timespec at_once = {0};
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    CURLcode code = curl_easy_perform(curl);
    if (sigismember(&pending, SIGPIPE) == 0)
        while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static enum iso_err explain(const struct iso_registry_http *http, CURLcode code,
                            const struct coming *coming, struct iso_why *why)
{
    const char *url = http->url;
    char words[ISO_REGISTRY_WORDS_SIZE];
    const char *error = http->error;
    iso_registry_http_words(http, *error != '\0' ? error : curl_easy_strerror(code),
                            words);
    if (coming->over)
        return iso_fail(why, ISO_BAD_DATA,
                        "schema registry %.80s: its answer has more than %d KiB: is "
                        "schema.registry.url that of a schema registry?",
                        url, ISO_REGISTRY_ANSWER_MAX >> 10);
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        return iso_fail(why, ISO_TIMEOUT,
                        "schema registry %.80s: no whole answer within %" PRId64
                        " ms: check that it is well, or raise schema.registry.timeout",
                        url, http->timeout_ms);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return iso_fail(why, ISO_UNAVAILABLE,
                        "schema registry %.80s: its certificate is not trusted (%s): "
                        "set schema.registry.ca to the authority that signed it, and "
                        "name the host as the certificate does",
                        url, words);
    case CURLE_SSL_CONNECT_ERROR:
        return iso_fail(why, ISO_UNAVAILABLE,
                        "schema registry %.80s: TLS fails (%s): does it speak TLS 1.2 "
                        "or newer there? Else the url begins with http://",
                        url, words);
    case CURLE_UNSUPPORTED_PROTOCOL: /* as HTTP/0.9 would look */
    case CURLE_WEIRD_SERVER_REPLY:
        return iso_fail(why, ISO_BAD_DATA,
                        "schema registry %.80s: what answers there speaks no HTTP "
                        "(%s): check schema.registry.url",
                        url, words);
    case CURLE_GOT_NOTHING:
        return iso_fail(
            why, ISO_UNAVAILABLE,
            "schema registry %.80s: hangs up without an answer: if it speaks "
            "TLS, schema.registry.url begins with https://; else look into "
            "its log",
            url);
    default:
        return iso_fail(why, ISO_UNAVAILABLE,
                        "schema registry %.80s: cannot be asked (%s): check that it "
                        "runs, and schema.registry.url",
                        url, words);
    }
}

static void question_set(struct iso_registry_http *http, const char *url,
                         struct iso_bytes body)
{
    SET(CURLOPT_URL, url);
    if (body.data == NULL) {
        SET(CURLOPT_HTTPGET, 1L);
        return;
    }
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    SET(CURLOPT_POSTFIELDS, (const char *)body.data);
}

enum iso_err iso_registry_http_ask(struct iso_registry_http *http, const char *path,
                                   struct iso_bytes body,
                                   struct iso_registry_answer *answer,
                                   struct iso_why *why)
{
    struct iso_buf url = {0};
    struct coming coming = {.body = &answer->body};
    iso_buf_clear(&answer->body);
    iso_buf_print(&url, "%s%s", http->url, path);
    question_set(http, iso_buf_text(&url), body);
    SET(CURLOPT_HEADERDATA, &coming);
    SET(CURLOPT_WRITEDATA, &coming);
    http->error[0] = '\0';
    CURLcode code = perform(http->curl);
    iso_buf_release(&url);
    if (code != CURLE_OK)
        return explain(http, code, &coming, why);
    char *redirect = NULL;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(http->curl, CURLINFO_REDIRECT_URL, &redirect);
    answer->redirect = redirect;
    return ISO_OK;
}
