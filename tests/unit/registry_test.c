/* The registry client against a scripted server: what it asks, what it remembers, and
 * that no answer, however hostile, hurts it, keeps it waiting or makes it tell the
 * password. A real registry with TLS is tests/e2e/registry.sh's.
 */
#include "cli/registry.h"

#include "registry_server.h"

#define PASSWORD "s3cr=t:pw"
#define TOKEN "d3JpdGVyOnMzY3I9dDpwdw" /* base64 of writer:PASSWORD */
#define SCHEMA "{\"type\": \"string\", \"doc\": \"\xC3\xA4 \\u00e4\"}"

static struct server server;
static struct iso_settings *settings;
static struct iso_registry *registry;
static struct iso_why why;

static void set(const char *key, const char *value)
{
    char name[64];
    snprintf(name, sizeof name, "schema.registry.%s", key);
    ck_assert_int_eq(iso_settings_set(settings, name, value, "test", &why), ISO_OK);
}

static void setup(void)
{
    settings = iso_settings_new();
    setenv("no_proxy", "*", 1);
}

static void teardown(void)
{
    iso_registry_close(registry);
    registry = NULL;
    iso_settings_free(settings);
    settings = NULL;
}

/* A server with this script, and a client of it, with a user, on the path `path`. */
static void begin(const struct server_line *script, const char *path)
{
    char url[128];
    server_start(&server, script);
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    set("url", url);
    set("username", "writer");
    set("password", PASSWORD);
    set("timeout", "2s");
    ck_assert_msg(iso_registry_open(settings, &registry, &why) == ISO_OK, "%s",
                  why.text);
}

static enum iso_err put(const char *subject, const char *json, int32_t *id)
{
    why.text[0] = '\0';
    return iso_registry_register(registry, subject, iso_bytes_text(json), id, &why);
}

static enum iso_err get(int32_t id, struct iso_buf *json)
{
    why.text[0] = '\0';
    return iso_registry_schema(registry, id, json, &why);
}

static void says(const char *words)
{
    ck_assert_msg(strstr(why.text, words) != NULL, "no \"%s\" in: %s", words, why.text);
    ck_assert_msg(strstr(why.text, PASSWORD) == NULL, "the password: %s", why.text);
    ck_assert_msg(strstr(why.text, TOKEN) == NULL, "the password: %s", why.text);
    ck_assert_msg(strlen(why.text) < sizeof why.text - 1, "cut: %s", why.text);
}

/* ---- settings ---- */

static void refused_setting(const char *key, const char *value, const char *words)
{
    setup();
    set("url", "https://registry.example:8081");
    set(key, value);
    ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_SETTING);
    ck_assert_ptr_null(registry);
    says("schema.registry.");
    says(words);
    teardown();
}

START_TEST(a_setting_that_is_none_is_refused_with_its_remedy)
{
    ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_SETTING);
    says("set schema.registry.url");
    teardown();
    refused_setting("url", "registry.example", "is no url");
    refused_setting("url", "ftp://registry.example", "https://");
    refused_setting("url", "file:///etc/passwd", "https://");
    refused_setting("url", "http://", "is no url");
    refused_setting("url", "http://a b/", "is no url");
    refused_setting("url", "http://h/?a=b", "query");
    refused_setting("url", "http://h/#a", "fragment");
    refused_setting("username", "writer", "schema.registry.password");
    refused_setting("password", PASSWORD, "schema.registry.username");
    refused_setting("ca", "/nowhere/ca.pem", "cannot be opened");
    refused_setting("ca", ISO_SOURCE_DIR "/LICENSE", "no certificate");
    refused_setting("ca", "/", "no certificate");
}
END_TEST

START_TEST(a_password_in_the_url_is_refused_and_not_repeated)
{
    static const char *const urls[] = {"https://writer:" PASSWORD "@registry.example",
                                       "https://:" PASSWORD "@h/",
                                       "ftp://writer:" PASSWORD "@h",
                                       "https://w:" PASSWORD "@a b/",
                                       "writer:" PASSWORD "@registry.example",
                                       "https://w:1/" PASSWORD "@h",
                                       "https://w:1?" PASSWORD "@h"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        teardown();
        setup();
        set("url", urls[i]);
        ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_SETTING);
        says("schema.registry.url");
        says("schema.registry.username and schema.registry.password");
    }
}
END_TEST

START_TEST(a_user_with_a_colon_is_refused)
{
    set("url", "https://registry.example");
    set("username", "a:b");
    set("password", PASSWORD);
    ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_SETTING);
    says("colon");
}
END_TEST

/* ---- what is asked ---- */

START_TEST(a_schema_is_registered_as_it_stands_under_an_encoded_subject)
{
    static const struct server_line script[] = {{.status = 200, .body = "{\"id\":7}"}};
    int32_t id = 0;
    begin(script, "/apis/ccompat/v7//");
    ck_assert_msg(put("a/b ?\xC3\xA4..", SCHEMA, &id) == ISO_OK, "%s", why.text);
    ck_assert_int_eq(id, 7);
    server_stop(&server);
    const char *asked = server.question[0];
    ck_assert_ptr_nonnull(
        strstr(asked, "POST /apis/ccompat/v7/subjects/a%2Fb%20%3F%C3%A4../versions "));
    ck_assert_ptr_nonnull(
        strstr(asked, "Content-Type: application/vnd.schemaregistry.v1+json\r\n"));
    ck_assert_ptr_nonnull(strstr(asked, "Authorization: Basic " TOKEN));
    ck_assert_ptr_nonnull(strstr(
        asked, "\r\n\r\n{\"schema\":\"{\\\"type\\\": \\\"string\\\", \\\"doc\\\": "
               "\\\"\xC3\xA4 \\\\u00e4\\\"}\",\"schemaType\":\"AVRO\"}"));
}
END_TEST

START_TEST(what_was_asked_once_is_not_asked_again)
{
    static const struct server_line script[] = {
        {.status = 200, .body = "{\"id\":7}"},
        {.status = 200, .body = "{\"id\":8}"},
        {.status = 200, .body = "{\"id\":9}"},
        {.status = 200, .body = "{\"schema\":\"\\\"int\\\"\"}"},
        {.status = 200, .body = "{\"schema\":\"\\\"long\\\"\"}"}};
    struct iso_buf json = {0};
    int32_t id = 0;
    begin(script, "");
    for (int n = 0; n < 3; n++) {
        ck_assert_int_eq(put("a", "\"int\"", &id), ISO_OK);
        ck_assert_int_eq(id, 7);
        ck_assert_int_eq(put("b", "\"int\"", &id), ISO_OK);
        ck_assert_int_eq(id, 8);
        ck_assert_int_eq(put("a", "\"int\" ", &id), ISO_OK);
        ck_assert_int_eq(id, 9);
        ck_assert_int_eq(get(7, &json), ISO_OK);
        ck_assert_int_eq(get(8, &json), ISO_OK);
    }
    ck_assert_str_eq(iso_buf_text(&json),
                     "\"int\"\"long\"\"int\"\"long\"\"int\"\"long\"");
    server_stop(&server);
    ck_assert_int_eq(server.asked, 5);
    ck_assert_ptr_nonnull(
        strstr(server.question[3], "GET /schemas/ids/7 HTTP/1.1\r\n"));
    iso_buf_release(&json);
}
END_TEST

START_TEST(a_failure_is_not_remembered)
{
    static const struct server_line script[] = {{.status = 503, .body = ""},
                                                {.status = 200, .body = "{\"id\":7}"}};
    int32_t id = 0;
    begin(script, "");
    ck_assert_int_eq(put("a", "\"int\"", &id), ISO_UNAVAILABLE);
    ck_assert_int_eq(put("a", "\"int\"", &id), ISO_OK);
    ck_assert_int_eq(id, 7);
    server_stop(&server);
}
END_TEST

START_TEST(a_subject_of_dots_and_a_schema_that_is_not_utf8_are_not_asked)
{
    static const char *const subjects[] = {"", ".", ".."};
    static const struct server_line script[1];
    int32_t id;
    begin(script, "");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(put(subjects[i], "\"int\"", &id), ISO_USAGE);
    ck_assert_int_eq(put("a", "\"\xFF\"", &id), ISO_BAD_DATA);
    says("UTF-8");
    server_stop(&server);
    ck_assert_int_eq(server.asked, 0);
}
END_TEST

/* ---- what it refuses ---- */

struct refusal_case {
    struct server_line line;
    enum iso_err err;
    const char *words[3];
};

#define ERROR(code, message) "{\"error_code\":" code ",\"message\":\"" message "\"}"

static const struct refusal_case refusals[] = {
    {{.status = 401, .body = ""}, ISO_DENIED, {"401", "schema.registry.password"}},
    {{.status = 401, .body = ERROR("40101", "no " PASSWORD "?")},
     ISO_DENIED,
     {"left out"}},
    {{.status = 401, .body = ERROR("40101", "Basic " TOKEN "==")},
     ISO_DENIED,
     {"left out"}},
    {{.status = 403, .body = ERROR("40301", "only readers")},
     ISO_DENIED,
     {"only readers", "right"}},
    {{.status = 404, .body = ERROR("40403", "Schema not found")},
     ISO_NOT_FOUND,
     {"Schema not found"}},
    {{.status = 404, .body = "<html>not here</html>"}, ISO_BAD_DATA, {"lack a path"}},
    {{.status = 409, .body = ERROR("409", "field a is gone")},
     ISO_INCOMPATIBLE,
     {"\"field a is gone\"", "compatibility"}},
    {{.status = 409, .body = ERROR("409", "a\\u001b[2J\\nb\\u009bc")},
     ISO_INCOMPATIBLE,
     {"\"a [2J b  c\""}},
    {{.status = 409, .body = ERROR("409", "io.rules.BadException: a is gone")},
     ISO_INCOMPATIBLE,
     {"409, \"a is gone\""}},
    {{.status = 409, .body = ERROR("409", "an Exception: a is gone")},
     ISO_INCOMPATIBLE,
     {"409, \"an Exception: a is gone\""}},
    {{.status = 422, .body = ERROR("42201", "Invalid Avro")},
     ISO_BAD_DATA,
     {"Invalid Avro", "Avro schema"}},
    {{.status = 500, .body = "Internal"}, ISO_UNAVAILABLE, {"500", "log"}},
    {{.status = 503, .body = ERROR("\"x\"", "leader") "trailing"},
     ISO_UNAVAILABLE,
     {"503"}},
    {{.status = 302, .body = "", .header = "Location: https://elsewhere.example/x\r\n"},
     ISO_BAD_DATA,
     {"https://elsewhere.example/x", "schema.registry.url"}},
    {{.status = 307, .body = "", .header = "Location: file:///etc/passwd\r\n"},
     ISO_BAD_DATA,
     {"elsewhere"}},
    {{.status = 301, .body = "", .header = "Location: /x?" PASSWORD "\r\n"},
     ISO_BAD_DATA,
     {"left out"}},
    {{.status = 418, .body = "{}"}, ISO_BAD_DATA, {"418", "schema registry?"}},
    {{.status = 200, .body = ""}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "<html>"}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "[7]"}, ISO_BAD_DATA, {"no JSON object"}},
    {{.status = 200, .body = "{\"id\":7,\"id\":8}"}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "{\"id\":7"}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "{}"}, ISO_BAD_DATA, {"no id"}},
    {{.status = 200, .body = "{\"id\":\"7\"}"}, ISO_BAD_DATA, {"no id"}},
    {{.status = 200, .body = "{\"id\":7.0}"}, ISO_BAD_DATA, {"no id"}},
    {{.status = 200, .body = "{\"id\":-1}"}, ISO_BAD_DATA, {"no id"}},
    {{.status = 200, .body = "{\"id\":2147483648}"}, ISO_BAD_DATA, {"no id"}},
    {{.status = 200, .body = "{\"id\":99999999999999999999}"},
     ISO_BAD_DATA,
     {"no JSON"}},
    {{.manner = SERVER_RAW, .body = ""}, ISO_UNAVAILABLE, {"hangs up", "https://"}},
    {{.manner = SERVER_RAW, .body = "SSH-2.0-OpenSSH_9.2\r\n"},
     ISO_BAD_DATA,
     {"no HTTP"}},
    {{.manner = SERVER_RAW,
      .body = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":7}"},
     ISO_UNAVAILABLE,
     {"cannot be asked"}},
    {{.manner = SERVER_RAW,
      .body = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"},
     ISO_UNAVAILABLE,
     {"cannot be asked"}},
    {{.manner = SERVER_FLOODS}, ISO_BAD_DATA, {"more than 2048 KiB"}},
    {{.manner = SERVER_BRAGS}, ISO_BAD_DATA, {"more than"}},
};

START_TEST(a_refusal_or_a_hostile_answer_has_its_code_and_its_remedy)
{
    const struct refusal_case *this = &refusals[_i];
    int32_t id = 77;
    begin(&this->line, "/base");
    ck_assert_msg(put("things-value", "\"int\"", &id) == this->err, "%s: %s",
                  iso_err_name(why.err), why.text);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/base", server.port);
    says(url);
    for (int i = 0; i < 3 && this->words[i] != NULL; i++)
        says(this->words[i]);
    server_stop(&server);
    ck_assert_int_eq(server.asked, 1);
}
END_TEST

START_TEST(long_words_of_a_registry_are_cut_between_characters)
{
    char body[2048];
    size_t at =
        (size_t)snprintf(body, sizeof body, "{\"error_code\":409,\"message\":\"x");
    for (int i = 0; i < 400; i++, at += 2)
        memcpy(body + at, "\xC3\xA4", 2);
    memcpy(body + at, "\"}", 3);
    const struct server_line script[] = {{.status = 409, .body = body}};
    char subject[512];
    int32_t id;
    memset(subject, 's', sizeof subject);
    subject[sizeof subject - 1] = '\0';
    begin(script, "/a/path/that/is/long/a/path/that/is/long/a/path/that/is/long/a/path/"
                  "that/is/long/a/path/that/is/long");
    ck_assert_int_eq(put(subject, "\"int\"", &id), ISO_INCOMPATIBLE);
    says("\xC3\xA4\": change the schema");
    server_stop(&server);
}
END_TEST

static void within(enum server_manner manner)
{
    const struct server_line script[] = {{.manner = manner}};
    int32_t id;
    begin(script, "");
    iso_registry_close(registry);
    set("timeout", "300ms");
    ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_OK);
    ck_assert_int_eq(put("a", "\"int\"", &id), ISO_TIMEOUT);
    says("within 300 ms");
    says("schema.registry.timeout");
    server_stop(&server);
}

START_TEST(a_registry_that_says_nothing_is_left_in_time)
{
    within(SERVER_SILENT);
}
END_TEST

START_TEST(a_registry_that_drips_is_left_in_time)
{
    within(SERVER_DRIPS);
}
END_TEST

START_TEST(a_registry_that_is_not_there_is_named)
{
    static const struct server_line script[1];
    int32_t id;
    begin(script, "");
    server_stop(&server);
    ck_assert_int_eq(put("a", "\"int\"", &id), ISO_UNAVAILABLE);
    says("check that it runs");
}
END_TEST

START_TEST(a_registry_without_tls_is_not_asked_in_plain_text)
{
    static const struct server_line script[] = {
        {.manner = SERVER_RAW, .body = "HTTP/1.1 400 Bad Request\r\n\r\n"}};
    char url[64];
    int32_t id;
    begin(script, "");
    iso_registry_close(registry);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", server.port);
    set("url", url);
    ck_assert_int_eq(iso_registry_open(settings, &registry, &why), ISO_OK);
    ck_assert_int_eq(put("a", "\"int\"", &id), ISO_UNAVAILABLE);
    says("TLS");
    server_stop(&server);
    ck_assert_int_eq(server.asked, 1);
    ck_assert_int_eq(server.question[0][0], SERVER_TLS_HELLO);
}
END_TEST

/* ---- schemas by id ---- */

static const struct refusal_case schemas[] = {
    {{.status = 404, .body = ERROR("40403", "none")}, ISO_NOT_FOUND, {"schema 12"}},
    {{.status = 200, .body = "{}"}, ISO_BAD_DATA, {"no schema"}},
    {{.status = 200, .body = "{\"schema\":{}}"}, ISO_BAD_DATA, {"no schema"}},
    {{.status = 200, .body = "{\"schema\":\"a\\u0000b\"}"}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "{\"schema\":\"\xFF\"}"}, ISO_BAD_DATA, {"no JSON"}},
    {{.status = 200, .body = "{\"schema\":\"a\",\"schemaType\":7}"},
     ISO_BAD_DATA,
     {"schemaType"}},
    {{.status = 200, .body = "{\"schema\":\"a\",\"schemaType\":\"PROTOBUF\"}"},
     ISO_UNSUPPORTED,
     {"PROTOBUF", "Avro"}},
    {{.status = 200, .body = "{\"schema\":\"a\",\"references\":[{\"name\":\"b\"}]}"},
     ISO_UNSUPPORTED,
     {"other subjects"}},
    {{.status = 200,
      .body = "{\"schema\":\"a\",\"schemaType\":\"AVRO\",\"references\":[]}"},
     ISO_OK,
     {0}},
    {{.status = 200, .body = "{\"schema\":\"a\",\"schemaType\":null}"}, ISO_OK, {0}},
};

START_TEST(a_schema_by_id_is_avro_and_whole_or_refused)
{
    const struct refusal_case *this = &schemas[_i];
    struct iso_buf json = {0};
    begin(&this->line, "");
    ck_assert_msg(get(12, &json) == this->err, "%s", why.text);
    for (int i = 0; i < 3 && this->words[i] != NULL; i++)
        says(this->words[i]);
    ck_assert_str_eq(iso_buf_text(&json), this->err == ISO_OK ? "a" : "");
    iso_buf_release(&json);
    server_stop(&server);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("registry");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_setting_that_is_none_is_refused_with_its_remedy);
    tcase_add_test(tests, a_password_in_the_url_is_refused_and_not_repeated);
    tcase_add_test(tests, a_user_with_a_colon_is_refused);
    tcase_add_test(tests, a_schema_is_registered_as_it_stands_under_an_encoded_subject);
    tcase_add_test(tests, what_was_asked_once_is_not_asked_again);
    tcase_add_test(tests, a_failure_is_not_remembered);
    tcase_add_test(tests,
                   a_subject_of_dots_and_a_schema_that_is_not_utf8_are_not_asked);
    tcase_add_loop_test(tests,
                        a_refusal_or_a_hostile_answer_has_its_code_and_its_remedy, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tests, long_words_of_a_registry_are_cut_between_characters);
    tcase_add_test(tests, a_registry_that_says_nothing_is_left_in_time);
    tcase_add_test(tests, a_registry_that_drips_is_left_in_time);
    tcase_add_test(tests, a_registry_that_is_not_there_is_named);
    tcase_add_test(tests, a_registry_without_tls_is_not_asked_in_plain_text);
    tcase_add_loop_test(tests, a_schema_by_id_is_avro_and_whole_or_refused, 0,
                        (int)(sizeof schemas / sizeof schemas[0]));
    Suite *suite = suite_create("registry");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
