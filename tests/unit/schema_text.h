/* schema_text.h - schemas as short as a test's table needs them, with ' for ".
 */
#ifndef ISO_TESTS_UNIT_SCHEMA_TEXT_H
#define ISO_TESTS_UNIT_SCHEMA_TEXT_H

#include <check.h>

#include "schema/avro.h"

#define RECORD(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define FIELD(name, type) "{'name':'" name "','type':" type "}"
#define FIELD_OR(name, type, fallback) \
    "{'name':'" name "','type':" type ",'default':" fallback "}"
#define FIELD_ONCE(name, type, was) \
    "{'name':'" name "','type':" type ",'aliases':['" was "']}"
#define ENUM(name, symbols) "{'type':'enum','name':'" name "','symbols':[" symbols "]}"
#define ENUM_OR(name, symbols, fallback) \
    "{'type':'enum','name':'" name "','symbols':[" symbols "],'default':'" fallback "'}"
#define FIXED(name, size) "{'type':'fixed','name':'" name "','size':" size "}"
#define ARRAY(items) "{'type':'array','items':" items "}"
#define MAP(values) "{'type':'map','values':" values "}"

#define LIST(name, value, next)                                             \
    "{'type':'record','name':'" name "','fields':[" value ",{'name':'" next \
    "','type':['null','" name "']}]}"

/* The test fails when it does not parse. */
static inline struct iso_avro *schema_parse(const char *text)
{
    struct iso_buf json = {0};
    iso_buf_add_bytes(&json, iso_bytes_text(text));
    for (size_t i = 0; i < json.size; i++)
        if (json.data[i] == '\'')
            json.data[i] = '"';
    struct iso_avro *schema = NULL;
    struct iso_why why;
    if (iso_avro_parse(iso_buf_bytes(&json), &schema, &why) != ISO_OK)
        ck_abort_msg("%s: %s", why.text, text);
    iso_buf_release(&json);
    return schema;
}

#endif
