/* Input: a route, a NUL, the target of a request. What is let in has one reading: names
 * without slashes, dots and control characters, in UTF-8, which joined are the path;
 * and taken apart again, a path that needs no escape is itself. */
#include "base/http_target.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static void hold_name(const char *name)
{
    iso_assert(strchr(name, '/') == NULL && strcmp(name, ".") != 0);
    iso_assert(strcmp(name, "..") != 0);
    for (const char *at = name; *at != '\0'; at++)
        iso_assert((unsigned char)*at >= ' ' && *at != 0x7f);
}

static void hold_path(const struct iso_http_target *target)
{
    char joined[ISO_HTTP_PATH_MAX + 2] = "";
    size_t size = 0;
    iso_assert(target->path[0] == '/' && strlen(target->path) <= ISO_HTTP_PATH_MAX);
    iso_assert(iso_utf8_valid(iso_bytes_text(target->path)));
    for (size_t n = 0; n < target->name_count; n++) {
        hold_name(target->name[n]);
        size += (size_t)snprintf(joined + size, sizeof joined - size, "/%s",
                                 target->name[n]);
    }
    iso_assert(strcmp(joined, target->path) == 0);
}

static void hold_again(const struct iso_http_target *target)
{
    static struct iso_http_target again;
    if (strpbrk(target->path, "%?#") != NULL)
        return;
    iso_assert(iso_http_target_parse(target->path, &again) == NULL);
    iso_assert(strcmp(again.path, target->path) == 0);
    iso_assert(again.name_count == target->name_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct iso_http_target target;
    struct iso_bytes input = iso_bytes(data, size);
    struct iso_bytes route = fuzz_take_text(&input);
    struct iso_bytes raw = fuzz_take_text(&input);
    struct iso_buf route_text = {0}, raw_text = {0};
    const char *parts[ISO_HTTP_PARTS_MAX];
    int braces = 0;
    iso_buf_add_bytes(&route_text, route);
    iso_buf_add_bytes(&raw_text, raw);
    const char *where = iso_buf_text(&route_text);
    for (const char *at = where; *at != '\0'; at++)
        braces += *at == '{';
    if (iso_http_target_parse(iso_buf_text(&raw_text), &target) == NULL) {
        hold_path(&target);
        hold_again(&target);
        for (size_t n = 0; n < target.parameter_count; n++)
            iso_assert(iso_http_target_query(&target, target.parameter[n]) != NULL);
        if (braces <= ISO_HTTP_PARTS_MAX)
            iso_http_target_fits(&target, where, parts);
    }
    iso_http_host_local(iso_buf_text(&raw_text));
    iso_http_etag_listed(iso_buf_text(&raw_text), "\"v1\"");
    iso_buf_release(&route_text);
    iso_buf_release(&raw_text);
    return 0;
}
