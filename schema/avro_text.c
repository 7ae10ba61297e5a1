/* The shortest decimal is found by trying: with so many digits, does it come back?
 * jansson prints and reads each try, so whatever the locale's decimal point is, and
 * however it reads a number, iso_avro_from_json reads the same. */
#include <float.h>
#include <jansson.h>
#include <math.h>

#include "schema/avro_text.h"

enum { REAL_TEXT_MAX = 40 };

/* `real` with so many digits; how long it is, and what it is read as. */
static size_t digits_try(double real, size_t digits, char text[REAL_TEXT_MAX],
                         double *back)
{
    json_t *json = json_real(real);
    size_t size =
        json_dumpb(json, text, REAL_TEXT_MAX,
                   JSON_ENCODE_ANY | JSON_REAL_PRECISION((unsigned)digits & 0x1f));
    json_decref(json);
    json = size <= REAL_TEXT_MAX ? json_loadb(text, size, JSON_DECODE_ANY, NULL) : NULL;
    *back = json_number_value(json);
    if (json == NULL) /* rounded up beyond what there is: no number */
        *back = real > 0 ? 0.0 : 1.0;
    json_decref(json);
    return size;
}

/* What is not real in JSON. */
static json_t *word_of(double real)
{
    if (isnan(real))
        return json_string("NaN");
    return isinf(real) ? json_string(real > 0 ? "Infinity" : "-Infinity") : NULL;
}

/* As a double that is the shortest decimal which is read as this float. FLT_DIG digits
 * come back of every decimal that has no more, unless it is subnormal. */
json_t *iso_avro_text_float(float single)
{
    json_t *word = word_of((double)single);
    if (word != NULL)
        return word;
    char text[REAL_TEXT_MAX];
    double back = 0;
    for (size_t digits = fabsf(single) < FLT_MIN ? 1 : FLT_DIG;
         digits <= FLT_DECIMAL_DIG; digits++) {
        digits_try((double)single, digits, text, &back);
        if ((float)back == single)
            return json_real(back);
    }
    return json_real((double)single);
}

json_t *iso_avro_text_double(double real)
{
    json_t *word = word_of(real);
    return word != NULL ? word : json_real(real);
}

static void real_write(double real, struct iso_buf *text)
{
    char digits[REAL_TEXT_MAX];
    size_t size = 0;
    double back = 0;
    for (size_t i = fabs(real) < DBL_MIN ? 1 : DBL_DIG; i <= DBL_DECIMAL_DIG; i++) {
        size = digits_try(real, i, digits, &back);
        if (back == real)
            break;
    }
    iso_buf_add(text, digits, size);
}

static int leaf_take(const char *text, size_t size, void *buf)
{
    iso_buf_add(buf, text, size);
    return 0;
}

static void leaf_write(const json_t *leaf, struct iso_buf *text)
{
    if (json_is_real(leaf))
        real_write(json_real_value(leaf), text);
    else
        json_dump_callback(leaf, leaf_take, text, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void key_write(void *member, struct iso_buf *text)
{
    json_t *key = json_stringn_nocheck(json_object_iter_key(member),
                                       json_object_iter_key_len(member));
    leaf_write(key, text);
    json_decref(key);
    iso_buf_add_u8(text, ':');
}

void iso_avro_text(json_t *tree, struct iso_buf *text)
{
    bool array = json_is_array(tree);
    if (!array && !json_is_object(tree)) {
        leaf_write(tree, text);
        return;
    }
    iso_buf_add_u8(text, array ? '[' : '{');
    for (size_t i = 0; i < json_array_size(tree); i++) {
        if (i > 0)
            iso_buf_add_u8(text, ',');
        iso_avro_text(json_array_get(tree, i), text);
    }
    void *first = json_object_iter(tree);
    for (void *at = first; at != NULL; at = json_object_iter_next(tree, at)) {
        if (at != first)
            iso_buf_add_u8(text, ',');
        key_write(at, text);
        iso_avro_text(json_object_iter_value(at), text);
    }
    iso_buf_add_u8(text, array ? ']' : '}');
}
