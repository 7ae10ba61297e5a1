/* A reader with one place, which only goes forward. Whoever finds something else than
 * it wants says so at once, with the place; nothing is tried twice, so the time is that
 * of the text. JSON is jansson's to judge; here only its end is found. */
#include "cli/patch_parse.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

enum { REST_SHOWN = 40 }; /* bytes */

struct reader {
    const char *text, *at;
    struct iso_why *why;
};

static const struct word {
    const char *text;
    enum iso_step_operation operation;
    bool takes_value;
} words[] = {
    {"=", ISO_STEP_SET, true},
    {"+=", ISO_STEP_INCREMENT, true},
    {"-=", ISO_STEP_INCREMENT, true},
    {"add", ISO_STEP_ADD, true},
    {"remove", ISO_STEP_REMOVE, true},
    {"raise", ISO_STEP_RAISE, true},
    {"lower", ISO_STEP_LOWER, true},
    {"enable", ISO_STEP_ENABLE, false},
    {"disable", ISO_STEP_DISABLE, false},
    {"unset", ISO_STEP_UNSET, false},
    {"reset", ISO_STEP_UNSET, false},
};
enum { WORDS = sizeof words / sizeof words[0] };

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SPACES " \t\r\n"

/* ---- places ---- */

static bool is_begin(char byte) /* of a character */
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

static size_t place_of(const struct reader *reader, const char *at)
{
    size_t place = 1;
    for (const char *byte = reader->text; byte < at; byte++)
        place += is_begin(*byte);
    return place;
}

static enum iso_err wanted(const struct reader *reader, const char *at,
                           const char *what)
{
    size_t size = strlen(at), shown = size;
    if (size > REST_SHOWN)
        for (shown = REST_SHOWN; shown > 0 && !is_begin(at[shown]);)
            shown--;
    if (size == 0)
        return iso_fail(reader->why, ISO_USAGE, "it ends at character %zu: wanted %s",
                        place_of(reader, at), what);
    return iso_fail(reader->why, ISO_USAGE, "character %zu, at '%.*s%s': wanted %s",
                    place_of(reader, at), (int)shown, at, shown < size ? "…" : "",
                    what);
}

static void space_pass(struct reader *reader)
{
    reader->at += strspn(reader->at, SPACES);
}

static enum iso_err end_wanted(struct reader *reader, const char *what)
{
    space_pass(reader);
    return *reader->at == '\0' ? ISO_OK : wanted(reader, reader->at, what);
}

/* ---- which part ---- */

static enum iso_err name_take(struct reader *reader, struct iso_buf *name)
{
    space_pass(reader);
    size_t size = strspn(reader->at, LETTERS "0123456789_");
    if (size == 0 || strchr("0123456789", *reader->at) != NULL)
        return wanted(reader, reader->at,
                      "the name of a field, of letters, digits and _");
    iso_buf_add(name, reader->at, size);
    reader->at += size;
    return ISO_OK;
}

/* Behind the JSON string that begins at `at`; NULL: it has no end. */
static const char *string_end(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

static enum iso_err member_take(struct reader *reader, struct iso_buf *member)
{
    space_pass(reader);
    const char *begin = reader->at;
    const char *end = *begin == '"' ? string_end(begin) : NULL;
    if (end == NULL)
        return wanted(reader, begin,
                      "the name of a member in double quotes, as in cart[\"sku\"]");
    json_error_t error;
    json_t *string = json_loadb(begin, (size_t)(end - begin),
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!json_is_string(string)) {
        json_decref(string);
        return wanted(reader, begin, "the name of a member as a JSON string");
    }
    size_t size = json_string_length(string);
    bool has_nul = strlen(json_string_value(string)) < size;
    iso_buf_add(member, json_string_value(string), size);
    json_decref(string);
    if (has_nul)
        return wanted(reader, begin, "a member's name without U+0000");
    reader->at = end;
    space_pass(reader);
    if (*reader->at != ']')
        return wanted(reader, reader->at, "] behind the name of the member");
    reader->at++;
    return ISO_OK;
}

static enum iso_err part_take(struct reader *reader, struct cli_operation *operation)
{
    enum iso_err err = name_take(reader, &operation->field);
    if (err != ISO_OK)
        return err;
    space_pass(reader);
    operation->has_member = *reader->at == '[';
    if (!operation->has_member)
        return ISO_OK;
    reader->at++;
    return member_take(reader, &operation->member);
}

/* ---- what is done ---- */

static enum iso_err word_take(struct reader *reader, const struct word **word)
{
    space_pass(reader);
    const char *begin = reader->at;
    size_t size = strspn(begin, LETTERS);
    if (size == 0) /* a sign */
        size = strspn(begin, "+-") + (begin[strspn(begin, "+-")] == '=');
    for (size_t i = 0; size > 0 && i < WORDS; i++) {
        if (strlen(words[i].text) != size || memcmp(words[i].text, begin, size) != 0)
            continue;
        *word = &words[i];
        reader->at += size;
        return ISO_OK;
    }
    return wanted(reader, begin,
                  "=, +=, -=, add, remove, raise, lower, enable, disable, unset or "
                  "reset");
}

static enum iso_err number_take(struct reader *reader, bool subtracts, int64_t *by)
{
    const char *begin = reader->at, *digits = begin + (*begin == '-');
    char *end;
    if (strspn(digits, "0123456789") == 0)
        return wanted(reader, begin, "a whole number");
    errno = 0;
    *by = strtoll(begin, &end, 10);
    if (errno == ERANGE || (subtracts && *by == INT64_MIN))
        return wanted(reader, begin, "a number that a long can hold");
    if (subtracts)
        *by = -*by;
    reader->at = end;
    return end_wanted(reader, "the end of the operation, behind a whole number");
}

static enum iso_err value_take(struct reader *reader, struct iso_bytes *value)
{
    const char *begin = reader->at;
    size_t size = strlen(begin);
    json_error_t error;
    while (size > 0 && strchr(SPACES, begin[size - 1]) != NULL)
        size--;
    json_t *json =
        size > 0 ? json_loadb(begin, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error)
                 : NULL;
    bool sound = json != NULL;
    json_decref(json);
    *value = iso_bytes(begin, size);
    if (sound)
        return ISO_OK;
    return wanted(reader, begin,
                  "a value as JSON (a text stands in double quotes: \"Ada\")");
}

static enum iso_err operation_take(struct reader *reader,
                                   struct cli_operation *operation)
{
    const struct word *word = NULL;
    enum iso_err err = part_take(reader, operation);
    if (err == ISO_OK)
        err = word_take(reader, &word);
    if (err != ISO_OK)
        return err;
    iso_assert(word != NULL);
    operation->operation = word->operation;
    operation->resets = strcmp(word->text, "reset") == 0;
    if (!word->takes_value)
        return end_wanted(reader, "the end of the operation, which takes no value");
    space_pass(reader);
    if (word->operation == ISO_STEP_INCREMENT)
        return number_take(reader, word->text[0] == '-', &operation->by);
    return value_take(reader, &operation->value);
}

enum iso_err iso_cli_operation_parse(const char *text, struct cli_operation *operation,
                                     struct iso_why *why)
{
    struct reader reader = {.text = text, .at = text, .why = why};
    *operation = (struct cli_operation){0};
    return operation_take(&reader, operation);
}

void iso_cli_operation_release(struct cli_operation *operation)
{
    iso_buf_release(&operation->field);
    iso_buf_release(&operation->member);
}
