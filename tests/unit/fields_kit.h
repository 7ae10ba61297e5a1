/* fields_kit.h - schemas with merge rules, and data of them from JSON, for tests. */
#ifndef ISO_TESTS_UNIT_FIELDS_KIT_H
#define ISO_TESTS_UNIT_FIELDS_KIT_H

#include <check.h>
#include <stdio.h>

#include "base/mem.h"
#include "schema/avro.h"
#include "schema/rule.h"

/* A field of every shape. */
#define KIT_USER                                                                   \
    "{\"type\":\"record\",\"name\":\"User\",\"fields\":["                          \
    "{\"name\":\"name\",\"type\":\"string\",\"default\":\"\"},"                    \
    "{\"name\":\"tags\",\"merge\":\"set\",\"type\":{\"type\":\"array\",\"items\":" \
    "\"string\"}},"                                                                \
    "{\"name\":\"visits\",\"merge\":\"counter\",\"type\":\"long\"},"               \
    "{\"name\":\"vip\",\"merge\":\"flag\",\"type\":\"boolean\"},"                  \
    "{\"name\":\"last\",\"merge\":\"max\",\"type\":\"long\",\"default\":0},"       \
    "{\"name\":\"first\",\"merge\":\"min\",\"type\":\"double\",\"default\":0},"    \
    "{\"name\":\"notes\",\"merge\":\"map\",\"type\":{\"type\":\"map\",\"values\":" \
    "\"string\"}},"                                                                \
    "{\"name\":\"cart\",\"merge\":\"map:counter\",\"type\":{\"type\":\"map\","     \
    "\"values\":\"long\"}},"                                                       \
    "{\"name\":\"groups\",\"merge\":\"map:set\",\"type\":{\"type\":\"map\","       \
    "\"values\":{\"type\":\"array\",\"items\":\"int\"}}},"                         \
    "{\"name\":\"flags\",\"merge\":\"map:flag\",\"type\":{\"type\":\"map\","       \
    "\"values\":\"boolean\"}},"                                                    \
    "{\"name\":\"tops\",\"merge\":\"map:max\",\"type\":{\"type\":\"map\","         \
    "\"values\":\"int\"}}]}"

struct kit_fields {
    struct iso_avro *schema;
    struct iso_fields *fields;
};

static inline struct kit_fields kit_fields(const char *json)
{
    struct kit_fields kit = {0};
    struct iso_why why = {0};
    ck_assert_msg(iso_avro_parse(iso_bytes_text(json), &kit.schema, &why) == ISO_OK,
                  "%s: %s", json, why.text);
    ck_assert_msg(iso_fields_new(kit.schema, &kit.fields, &why) == ISO_OK, "%s: %s",
                  json, why.text);
    return kit;
}

static inline void kit_fields_free(struct kit_fields *kit)
{
    iso_fields_free(kit->fields);
    iso_avro_free(kit->schema);
}

/* Clears the buffer first. */
static inline struct iso_bytes kit_datum(const struct kit_fields *kit, const char *json,
                                         struct iso_buf *datum)
{
    struct iso_why why = {0};
    iso_buf_clear(datum);
    ck_assert_msg(iso_avro_from_json(kit->schema, iso_bytes_text(json), datum, &why) ==
                      ISO_OK,
                  "%s: %s", json, why.text);
    return iso_buf_bytes(datum);
}

#endif
