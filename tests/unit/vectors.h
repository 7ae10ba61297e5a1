/* vectors.h - reads the test vectors of tests/data/vectors: lines of fields between
 * spaces, bytes in hexadecimal, `-` empty, `absent` absent, `#` a comment.
 */
#ifndef ISO_TESTS_UNIT_VECTORS_H
#define ISO_TESTS_UNIT_VECTORS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { VECTOR_FIELDS_MAX = 16 };

struct vectors {
    FILE *file;
    char *line;
    size_t room;
    char *fields[VECTOR_FIELDS_MAX];
    int count;
};

static inline struct vectors vectors_open(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/vectors/%s", ISO_SOURCE_DIR, name);
    struct vectors vectors = {.file = fopen(path, "r")};
    ck_assert_msg(vectors.file != NULL, "%s cannot be read", path);
    return vectors;
}

/* The next line of exactly `count` fields; at the end closes the file and says false.
 */
static inline bool vectors_next(struct vectors *vectors, int count)
{
    ssize_t size;
    do
        size = getline(&vectors->line, &vectors->room, vectors->file);
    while (size > 0 && vectors->line[0] == '#');
    if (size <= 0) {
        fclose(vectors->file);
        free(vectors->line);
        return false;
    }
    char *rest = vectors->line;
    for (vectors->count = 0; vectors->count < VECTOR_FIELDS_MAX; vectors->count++) {
        char *field = strtok_r(rest, " \n", &rest);
        if (field == NULL)
            break;
        vectors->fields[vectors->count] = field;
    }
    ck_assert_int_eq(vectors->count, count);
    return true;
}

static inline uint64_t vectors_number(const struct vectors *vectors, int field)
{
    return strtoull(vectors->fields[field], NULL, 10);
}

/* Bytes of a field into `buf` (cleared); false when they are absent. */
static inline bool vectors_bytes(const struct vectors *vectors, int field,
                                 struct iso_buf *buf)
{
    const char *text = vectors->fields[field];
    iso_buf_clear(buf);
    if (strcmp(text, "absent") == 0)
        return false;
    size_t size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    iso_buf_reserve(buf, size + 1);
    ck_assert(size == 0 || iso_hex_decode(iso_bytes_text(text), buf->data, size));
    buf->size = size;
    return true;
}

#endif
