/* The Parsing Canonical Form is written from the nodes, which have of a schema just
 * what it keeps: kinds, full names, fields, symbols, sizes. A named type is spelled out
 * where the form first comes to it, which is where it was defined, so the recursion is
 * as deep as the JSON was. Names have no character that JSON would escape.
 *
 * CRC-64-AVRO (specification: "Schema Fingerprints") is a Rabin fingerprint. What a
 * byte adds is the sum (XOR) of what its bits add, so eight constants make the table:
 * bit 7 adds the polynomial itself, each bit below one division step more. */
#include "base/mem.h"
#include "schema/avro_node.h"

#define CRC_EMPTY UINT64_C(0xc15d213aa4d7a795)

#define BIT(n, bit, word) ((1u & (n) >> (bit)) * UINT64_C(word))
#define BYTE(n)                                                      \
    (BIT(n, 0, 0x2cf1cba6b75351fa) ^ BIT(n, 1, 0x59e3974d6ea6a3f4) ^ \
     BIT(n, 2, 0xb3c72e9add4d47e8) ^ BIT(n, 3, 0xe5341f40f335c0fb) ^ \
     BIT(n, 4, 0x48d27cf4afc4cedd) ^ BIT(n, 5, 0x91a4f9e95f899dba) ^ \
     BIT(n, 6, 0xa1f3b1a7f6bc745f) ^ BIT(n, 7, 0xc15d213aa4d7a795))
#define BYTES_4(n) BYTE(n), BYTE((n) + 1), BYTE((n) + 2), BYTE((n) + 3)
#define BYTES_16(n) BYTES_4(n), BYTES_4((n) + 4), BYTES_4((n) + 8), BYTES_4((n) + 12)
#define BYTES_64(n) \
    BYTES_16(n), BYTES_16((n) + 16), BYTES_16((n) + 32), BYTES_16((n) + 48)

static const uint64_t crc_table[256] = {BYTES_64(0u), BYTES_64(64u), BYTES_64(128u),
                                        BYTES_64(192u)};

uint64_t iso_avro_crc64(struct iso_bytes bytes)
{
    uint64_t crc = CRC_EMPTY;
    for (size_t i = 0; i < bytes.size; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ bytes.data[i]) & 0xff];
    return crc;
}

struct writer {
    const struct iso_avro *schema;
    struct iso_buf *text;
    bool *spelled; /* by node: a named type that stands there already */
};

static void type_write(struct writer *writer, uint32_t number);

static void text_add(struct writer *writer, const char *text)
{
    iso_buf_add_bytes(writer->text, iso_bytes_text(text));
}

static void quoted_add(struct writer *writer, const char *text)
{
    iso_buf_add_u8(writer->text, '"');
    text_add(writer, text);
    iso_buf_add_u8(writer->text, '"');
}

/* One edge of a node: a field, a branch, a symbol, an item. */
static void part_write(struct writer *writer, enum iso_avro_kind kind,
                       const struct iso_avro_edge *edge)
{
    const char *name = iso_avro_name(writer->schema, edge->name);
    if (kind == ISO_AVRO_ENUM) {
        quoted_add(writer, name);
        return;
    }
    if (kind == ISO_AVRO_RECORD) {
        text_add(writer, "{\"name\":");
        quoted_add(writer, name);
        text_add(writer, ",\"type\":");
    }
    type_write(writer, edge->node);
    if (kind == ISO_AVRO_RECORD)
        text_add(writer, "}");
}

static void parts_write(struct writer *writer, const struct iso_avro_node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0)
            text_add(writer, ",");
        part_write(writer, node->kind, &writer->schema->edges[node->first + i]);
    }
}

static void named_write(struct writer *writer, uint32_t number)
{
    const struct iso_avro_node *node = &writer->schema->nodes[number];
    const char *name = iso_avro_name(writer->schema, node->name);
    if (writer->spelled[number]) {
        quoted_add(writer, name);
        return;
    }
    writer->spelled[number] = true;
    text_add(writer, "{\"name\":");
    quoted_add(writer, name);
    if (node->kind == ISO_AVRO_FIXED) {
        iso_buf_print(writer->text, ",\"type\":\"fixed\",\"size\":%u}", node->count);
        return;
    }
    text_add(writer, node->kind == ISO_AVRO_ENUM ? ",\"type\":\"enum\",\"symbols\":["
                                                 : ",\"type\":\"record\",\"fields\":[");
    parts_write(writer, node);
    text_add(writer, "]}");
}

static void type_write(struct writer *writer, uint32_t number)
{
    const struct iso_avro_node *node = &writer->schema->nodes[number];
    if (node->kind >= ISO_AVRO_RECORD) {
        named_write(writer, number);
        return;
    }
    if (node->kind < ISO_AVRO_PRIMITIVES) {
        quoted_add(writer, iso_avro_branch_name(writer->schema, number));
        return;
    }
    bool plain = node->kind == ISO_AVRO_UNION;
    text_add(writer, plain                          ? "["
                     : node->kind == ISO_AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                    : "{\"type\":\"map\",\"values\":");
    parts_write(writer, node);
    text_add(writer, plain ? "]" : "}");
}

void iso_avro_canonical(const struct iso_avro *schema, struct iso_buf *text)
{
    struct writer writer = {.schema = schema, .text = text};
    writer.spelled = iso_alloc_zero(schema->node_count, sizeof *writer.spelled);
    type_write(&writer, schema->root);
    iso_free(writer.spelled);
}

void iso_avro_fingerprint(const struct iso_avro *schema,
                          uint8_t fingerprint[ISO_FINGERPRINT_SIZE])
{
    struct iso_buf text = {0};
    iso_avro_canonical(schema, &text);
    uint64_t crc = iso_avro_crc64(iso_buf_bytes(&text));
    iso_buf_release(&text);
    for (int i = 0; i < ISO_FINGERPRINT_SIZE; i++)
        fingerprint[i] = (uint8_t)(crc >> 8 * i);
}
