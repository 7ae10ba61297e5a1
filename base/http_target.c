/* Everything is decoded into room that lies in the target itself, which is as large as
 * the longest target that is let in: decoding never makes a text longer. */
#include "base/http_target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

#include "base/utf8.h"

#define BAD_ESCAPE \
    "holds a % without two hexadecimal digits behind: write %25 for a percent sign"

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* One byte at *at, which moves behind it; -1: a broken escape. */
static int decode_byte(const char **at, const char *end)
{
    const char *from = *at;
    *at = from + 1;
    if (*from != '%')
        return (unsigned char)*from;
    int high = end - from > 2 ? hex_digit(from[1]) : -1;
    int low = end - from > 2 ? hex_digit(from[2]) : -1;
    if (high < 0 || low < 0)
        return -1;
    *at = from + 3;
    return high * 16 + low;
}

/* Decodes from..end to *to, which moves behind the NUL that it puts there. */
static const char *decode(const char *from, const char *end, bool query, char **to)
{
    char *begin = *to;
    while (from < end) {
        bool escaped = *from == '%';
        int byte = decode_byte(&from, end);
        if (byte < 0)
            return BAD_ESCAPE;
        if (byte < ' ' || byte == 0x7f)
            return "holds a control character: leave it out";
        if (!query && escaped && byte == '/')
            return "holds a slash within a name (%2F): no name here has one";
        *(*to)++ = query && !escaped && byte == '+' ? ' ' : (char)byte;
    }
    struct iso_bytes text = iso_bytes(begin, (size_t)(*to - begin));
    *(*to)++ = '\0';
    return iso_utf8_valid(text) ? NULL : "is no UTF-8: encode names as UTF-8";
}

static const char *parse_path(const char *at, const char *end,
                              struct iso_http_target *target)
{
    char *name = target->names;
    char *path = target->path;
    do {
        at++; /* the slash */
        const char *stop = memchr(at, '/', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (target->name_count == ISO_HTTP_NAMES_MAX)
            return "has more names than any path here: shorten it";
        target->name[target->name_count++] = name;
        const char *begin = name;
        const char *wrong = decode(at, stop, false, &name);
        if (wrong != NULL)
            return wrong;
        if (strcmp(begin, ".") == 0 || strcmp(begin, "..") == 0)
            return "holds . or .. as a name: write the path out";
        *path++ = '/';
        memcpy(path, begin, strlen(begin));
        path += strlen(begin);
        at = stop;
    } while (at < end);
    *path = '\0';
    return NULL;
}

static const char *parse_query(const char *at, struct iso_http_target *target)
{
    char *to = target->query;
    while (*at != '\0') {
        const char *end = at + strcspn(at, "&");
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *stop = equals != NULL ? equals : end;
        size_t n = target->parameter_count;
        if (n == ISO_HTTP_NAMES_MAX)
            return "has more parameters than any query here: leave some out";
        target->parameter[n] = to;
        const char *wrong = decode(at, stop, true, &to);
        if (wrong != NULL)
            return wrong;
        if (equals == NULL) {
            target->value[n] = to - 1; /* the NUL: an empty value */
        } else {
            target->value[n] = to;
            wrong = decode(equals + 1, end, true, &to);
            if (wrong != NULL)
                return wrong;
        }
        target->parameter_count++;
        at = *end == '&' ? end + 1 : end;
    }
    return NULL;
}

/* Takes "http://AUTHORITY" off a target that is a whole address, as proxies send it. */
static const char *parse_authority(const char *raw, struct iso_http_target *target)
{
    size_t scheme = strncasecmp(raw, "http://", 7) == 0    ? 7
                    : strncasecmp(raw, "https://", 8) == 0 ? 8
                                                           : 0;
    if (scheme == 0)
        return raw;
    size_t size = strcspn(raw + scheme, "/?");
    if (size == 0 || size >= sizeof target->authority)
        return raw;
    memcpy(target->authority, raw + scheme, size);
    target->authority[size] = '\0';
    return raw + scheme + size;
}

const char *iso_http_target_parse(const char *raw, struct iso_http_target *target)
{
    target->authority[0] = target->path[0] = '\0';
    target->name_count = target->parameter_count = 0;
    if (strlen(raw) > ISO_HTTP_PATH_MAX)
        return "is longer than any here: shorten it";
    if (strchr(raw, '#') != NULL)
        return "holds a #: what stands behind it is for the browser alone";
    raw = parse_authority(raw, target);
    const char *end = raw + strcspn(raw, "?");
    static const char root[] = "/";
    const char *wrong;
    if (raw == end && target->authority[0] != '\0')
        wrong = parse_path(root, root + 1, target);
    else if (*raw == '/')
        wrong = parse_path(raw, end, target);
    else
        wrong = "does not begin with a slash: ask for a path";
    if (wrong != NULL || *end != '?')
        return wrong;
    return parse_query(end + 1, target);
}

bool iso_http_target_fits(const struct iso_http_target *target, const char *route,
                          const char *parts[ISO_HTTP_PARTS_MAX])
{
    size_t part = 0;
    for (size_t n = 0; n < target->name_count; n++) {
        const char *name = target->name[n];
        if (*route != '/')
            return false;
        route++;
        size_t size = strcspn(route, "/");
        if (*route == '{') {
            if (*name == '\0')
                return false;
            iso_assert(part < ISO_HTTP_PARTS_MAX);
            parts[part++] = name;
        } else if (strlen(name) != size || memcmp(name, route, size) != 0) {
            return false;
        }
        route += size;
    }
    return *route == '\0';
}

const char *iso_http_target_query(const struct iso_http_target *target,
                                  const char *name)
{
    for (size_t n = 0; n < target->parameter_count; n++)
        if (strcmp(target->parameter[n], name) == 0)
            return target->value[n];
    return NULL;
}

bool iso_http_host_local(const char *host)
{
    char name[64];
    size_t size = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (size >= sizeof name || size > strlen(host))
        return false;
    const char *port = host + size;
    if (*port == ':')
        port += 1 + strspn(port + 1, "0123456789");
    if (*port != '\0')
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    struct in_addr four;
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

bool iso_http_etag_listed(const char *list, const char *etag)
{
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", \t");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t size = *at == '"' ? strcspn(at + 1, "\"") + 1 : strcspn(at, ",");
        if (at[0] == '"' && at[size] == '"')
            size++;
        if (size == strlen(etag) && memcmp(at, etag, size) == 0)
            return true;
        at += size;
    }
    return false;
}
