/* The target of a request, taken apart: what is let in, in which form, and what is not;
 * and that no bytes, however drawn, come through in a form that could be read twice. */
#include "base/http_target.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

static struct iso_http_target target;
static const char *parts[ISO_HTTP_PARTS_MAX];

static bool fits(const char *raw, const char *route)
{
    memset(parts, 0, sizeof parts);
    return iso_http_target_parse(raw, &target) == NULL &&
           iso_http_target_fits(&target, route, parts);
}

START_TEST(a_path_fits_its_route_and_no_other)
{
    ck_assert(fits("/", "/"));
    ck_assert(fits("/livez", "/livez"));
    ck_assert(!fits("/livez/", "/livez"));
    ck_assert(!fits("/live", "/livez"));
    ck_assert(!fits("/livezz", "/livez"));
    ck_assert(!fits("//livez", "/livez"));
    ck_assert(!fits("/LIVEZ", "/livez"));
    ck_assert(fits("/v1/pairs/eu/us", "/v1/pairs/{source}/{target}"));
    ck_assert_str_eq(parts[0], "eu");
    ck_assert_str_eq(parts[1], "us");
    ck_assert_str_eq(target.path, "/v1/pairs/eu/us");
    ck_assert(!fits("/v1/pairs/eu/", "/v1/pairs/{source}/{target}"));
    ck_assert(!fits("/v1/pairs//us", "/v1/pairs/{source}/{target}"));
    ck_assert(!fits("/v1/pairs/eu/us/", "/v1/pairs/{source}/{target}"));
    ck_assert(!fits("/v1/pairs/eu/us/explain", "/v1/pairs/{source}/{target}"));
    ck_assert(fits("/v1/pairs/eu/us/explain", "/v1/pairs/{source}/{target}/explain"));
}
END_TEST

START_TEST(names_and_values_are_decoded_once)
{
    ck_assert(fits("/v1/pairs/e%75/%C3%BC%25", "/v1/pairs/{source}/{target}"));
    ck_assert_str_eq(parts[0], "eu");
    ck_assert_str_eq(parts[1], "ü%");
    ck_assert(fits("/a+b", "/{name}"));
    ck_assert_str_eq(parts[0], "a+b");
    ck_assert(fits("/x?a=1&b=%26%3D%2F+%2B&a=2&&c&=d&e=f=g", "/x"));
    ck_assert_str_eq(iso_http_target_query(&target, "a"), "1");
    ck_assert_str_eq(iso_http_target_query(&target, "b"), "&=/ +");
    ck_assert_str_eq(iso_http_target_query(&target, "c"), "");
    ck_assert_str_eq(iso_http_target_query(&target, "e"), "f=g");
    ck_assert_ptr_null(iso_http_target_query(&target, "f"));
    ck_assert(fits("/x?", "/x"));
}
END_TEST

START_TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const char *const refused[] = {
        "",
        "x",
        "*",
        "/%",
        "/%z1",
        "/%1",
        "/%1z",
        "/% 1",
        "/..",
        "/a/../b",
        "/.",
        "/./livez",
        "/%2e%2e/x",
        "/%2E.",
        "/a%2Fb",
        "/a%2fb",
        "/%00",
        "/a%00b",
        "/%0a",
        "/\x01",
        "/a\x7f",
        "/\xff",
        "/%ff",
        "/%c0%af",
        "/%ed%a0%80",
        "/x#y",
        "/x?a=%",
        "/x?a=%00",
        "/x?%0d%0a",
        "/x?a=%ff",
        "ftp://a/b",
        "http:///livez",
        "localhost:80",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *wrong = iso_http_target_parse(refused[i], &target);
        ck_assert_msg(wrong != NULL, "let in: %s", refused[i]);
    }
}
END_TEST

START_TEST(more_than_fits_is_refused)
{
    char raw[ISO_HTTP_PATH_MAX + 16];
    memset(raw, 'a', sizeof raw);
    raw[0] = '/';
    raw[ISO_HTTP_PATH_MAX] = '\0';
    ck_assert_ptr_null(iso_http_target_parse(raw, &target));
    raw[ISO_HTTP_PATH_MAX] = 'a';
    raw[ISO_HTTP_PATH_MAX + 1] = '\0';
    ck_assert_ptr_nonnull(iso_http_target_parse(raw, &target));
    memset(raw, '/', ISO_HTTP_PATH_MAX);
    raw[ISO_HTTP_PATH_MAX] = '\0';
    ck_assert_ptr_nonnull(iso_http_target_parse(raw, &target));
    memset(raw, '&', ISO_HTTP_PATH_MAX);
    memcpy(raw, "/?", 2);
    ck_assert_ptr_nonnull(iso_http_target_parse(raw, &target));
    raw[2 + ISO_HTTP_NAMES_MAX] = '\0';
    ck_assert_ptr_null(iso_http_target_parse(raw, &target));
}
END_TEST

START_TEST(a_whole_address_is_a_path_with_its_host)
{
    ck_assert(fits("http://127.0.0.1:8470/livez", "/livez"));
    ck_assert_str_eq(target.authority, "127.0.0.1:8470");
    ck_assert(fits("HTTPS://evil.example?a=b", "/"));
    ck_assert_str_eq(target.authority, "evil.example");
    ck_assert_str_eq(iso_http_target_query(&target, "a"), "b");
    ck_assert(fits("/livez", "/livez"));
    ck_assert_str_eq(target.authority, "");
}
END_TEST

START_TEST(only_names_of_this_machine_are_local)
{
    static const char *const local[] = {"localhost", "localhost:8470", "LocalHost:1",
                                        "127.0.0.1", "127.9.8.7:8470", "[::1]",
                                        "[::1]:8470"};
    static const char *const foreign[] = {
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "128.0.0.1",
        "127.1",
        "[::2]",
        "[::1",
        "::1",
        "localhost:8470x",
        "localhost:80:80",
        "0x7f.0.0.1",
        "[::1]:80x",
        "localhost@evil",
        "127.0.0.1:80@evil",
        "[::1]evil",
        "2130706433",
        "localhost.",
        "0.0.0.0",
    };
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        ck_assert_msg(iso_http_host_local(local[i]), "%s", local[i]);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        ck_assert_msg(!iso_http_host_local(foreign[i]), "%s", foreign[i]);
}
END_TEST

START_TEST(an_etag_is_found_in_its_list_only_whole)
{
    ck_assert(iso_http_etag_listed("\"v1\"", "\"v1\""));
    ck_assert(iso_http_etag_listed("W/\"v1\"", "\"v1\""));
    ck_assert(iso_http_etag_listed("\"a\", \"v1\" , \"b\"", "\"v1\""));
    ck_assert(iso_http_etag_listed("*", "\"v1\""));
    ck_assert(iso_http_etag_listed("\"a,b\",\"v1\"", "\"v1\""));
    ck_assert(!iso_http_etag_listed("", "\"v1\""));
    ck_assert(!iso_http_etag_listed("\"v\"", "\"v1\""));
    ck_assert(!iso_http_etag_listed("\"v12\"", "\"v1\""));
    ck_assert(!iso_http_etag_listed("v1", "\"v1\""));
    ck_assert(!iso_http_etag_listed("\"v1", "\"v1\""));
    ck_assert(!iso_http_etag_listed("\", \"v1", "\"v1\""));
}
END_TEST

/* What comes through has one reading, and what it was made of decodes to itself. */
static void hold_whole(void)
{
    struct iso_bytes path = iso_bytes_text(target.path);
    ck_assert(path.size > 0 && path.data[0] == '/');
    ck_assert(path.size <= ISO_HTTP_PATH_MAX && iso_utf8_valid(path));
    char joined[ISO_HTTP_PATH_MAX + 2] = "";
    size_t size = 0;
    for (size_t n = 0; n < target.name_count; n++) {
        const char *name = target.name[n];
        ck_assert(strchr(name, '/') == NULL && strcmp(name, ".") != 0);
        ck_assert_str_ne(name, "..");
        for (const char *at = name; *at != '\0'; at++)
            ck_assert((unsigned char)*at >= ' ' && *at != 0x7f);
        size += (size_t)snprintf(joined + size, sizeof joined - size, "/%s", name);
    }
    ck_assert_str_eq(joined, target.path);
    for (size_t n = 0; n < target.parameter_count; n++)
        ck_assert(iso_utf8_valid(iso_bytes_text(target.parameter[n])) &&
                  iso_utf8_valid(iso_bytes_text(target.value[n])));
}

START_TEST(random_targets_have_one_reading_or_none)
{
    static const char letters[] = "//..%%2eEfF0?&=+ab#\xc3\xbc\x01:h";
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    uint64_t seed = iso_chance_draw(&chance);
    printf("seed %llu\n", (unsigned long long)seed);
    iso_chance_seeded_init(&chance, seed);
    int through = 0;
    for (int n = 0; n < 100000; n++) {
        char raw[64] = "/";
        size_t size = 1 + iso_chance_draw(&chance) % 24;
        for (size_t i = 1; i < size; i++)
            raw[i] = letters[iso_chance_draw(&chance) % (sizeof letters - 1)];
        if (iso_http_target_parse(raw, &target) == NULL) {
            hold_whole();
            through++;
        }
    }
    ck_assert_int_gt(through, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_target");
    TCase *tcase = tcase_create("http_target");
    tcase_add_test(tcase, a_path_fits_its_route_and_no_other);
    tcase_add_test(tcase, names_and_values_are_decoded_once);
    tcase_add_test(tcase, what_could_be_read_in_two_ways_is_refused);
    tcase_add_test(tcase, more_than_fits_is_refused);
    tcase_add_test(tcase, a_whole_address_is_a_path_with_its_host);
    tcase_add_test(tcase, only_names_of_this_machine_are_local);
    tcase_add_test(tcase, an_etag_is_found_in_its_list_only_whole);
    tcase_add_test(tcase, random_targets_have_one_reading_or_none);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
