/* avro_text.h - jansson's tree as JSON text: numbers as short as they can be and still
 * come back, which jansson's own writer does not do. For this room's avro.c, and
 * for who prints a value within other JSON.
 */
#ifndef ISO_SCHEMA_AVRO_TEXT_H
#define ISO_SCHEMA_AVRO_TEXT_H

#include "base/bytes.h"

struct json_t; /* jansson's */

/* A float or double; what JSON cannot say is a string, as Java writes it: "NaN",
 * "Infinity", "-Infinity". */
struct json_t *iso_avro_text_float(float single);
struct json_t *iso_avro_text_double(double real);

/* Appends. As deep as the tree. */
void iso_avro_text(struct json_t *tree, struct iso_buf *text);

#endif
