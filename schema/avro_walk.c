/* The walk keeps its own stack of 64 frames, so a hostile datum cannot make the
 * program's overflow; it allocates nothing. Three counts end every datum, whatever it
 * says: levels of nesting, items of all its arrays and maps together, and steps. The
 * last is for what takes no bytes (nulls, records of records): a datum of a few bytes
 * could else ask for any number of them. */
#include <stdio.h>

#include "schema/avro_node.h"

/* An ordinary datum takes one to three steps a byte. */
enum { STEPS_FREE = 1 << 20, STEPS_A_BYTE = 8 };

struct walk_frame {
    const struct iso_avro_node *node; /* a record, array or map */
    uint32_t next;                    /* the field or item that comes next */
    size_t left;                      /* items in the block */
    const uint8_t *block_end;         /* where it says that it ends, or NULL */
};

struct walk {
    const struct iso_avro *schema;
    struct iso_avro_cursor cursor;
    size_t items_left, steps_left;
    const char *problem; /* NULL while all is well */
    unsigned depth;
    struct walk_frame frames[ISO_AVRO_DEPTH_MAX];
};

static void walk_refuse(struct walk *walk, const char *problem)
{
    if (walk->problem == NULL)
        walk->problem = problem;
    iso_avro_fail(&walk->cursor);
}

/* A sequence of `size` bytes at most, from the first byte, that is one character of
 * UTF-8 (RFC 3629): no surrogates, nothing longer than it need be. 0: it is none. */
static size_t utf8_character(const uint8_t *at, size_t size)
{
    uint8_t first = at[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
    bool surrogate = first == 0xed && at[1] > 0x9f;
    bool beyond = first == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

static bool utf8_valid(struct iso_bytes text)
{
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        if (text.size - i >= sizeof eight) {
            memcpy(&eight, text.data + i, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = utf8_character(text.data + i, text.size - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static void walk_string(struct walk *walk)
{
    struct iso_avro_cursor before = walk->cursor;
    struct iso_bytes text = iso_avro_bytes(&walk->cursor);
    if (utf8_valid(text))
        return;
    walk->cursor = before;
    walk_refuse(walk, "a string is not UTF-8");
}

static void walk_push(struct walk *walk, const struct iso_avro_node *node)
{
    if (walk->depth == ISO_AVRO_DEPTH_MAX) {
        walk_refuse(walk, "it is nested more than 64 deep");
        return;
    }
    walk->frames[walk->depth++] = (struct walk_frame){.node = node};
}

static const struct iso_avro_node *
node_below(const struct iso_avro *schema, const struct iso_avro_node *node, uint32_t n)
{
    return &schema->nodes[schema->edges[node->first + n].node];
}

/* Reads what has no parts; of what has, opens a frame. */
static void walk_enter(struct walk *walk, const struct iso_avro_node *node)
{
    struct iso_avro_cursor *cursor = &walk->cursor;
    const struct iso_avro *schema = walk->schema;
    if (walk->steps_left-- == 0) {
        walk->steps_left = 0;
        walk_refuse(walk, "it has too many parts that take no bytes");
        return;
    }
    if (node->kind == ISO_AVRO_UNION) {
        int branch = iso_avro_branch(cursor, (int)node->count);
        if (cursor->failed)
            return;
        /* No union stands in a union: one step down is enough. */
        node = node_below(schema, node, (uint32_t)branch);
    }
    switch (node->kind) {
    case ISO_AVRO_NULL:
        break;
    case ISO_AVRO_BOOLEAN:
        iso_avro_boolean(cursor);
        break;
    case ISO_AVRO_INT:
        iso_avro_int(cursor);
        break;
    case ISO_AVRO_LONG:
        iso_avro_long(cursor);
        break;
    case ISO_AVRO_FLOAT:
        iso_avro_fixed(cursor, sizeof(float));
        break;
    case ISO_AVRO_DOUBLE:
        iso_avro_fixed(cursor, sizeof(double));
        break;
    case ISO_AVRO_BYTES:
        iso_avro_bytes(cursor);
        break;
    case ISO_AVRO_STRING:
        walk_string(walk);
        break;
    case ISO_AVRO_ENUM:
        iso_avro_branch(cursor, (int)node->count);
        break;
    case ISO_AVRO_FIXED:
        iso_avro_fixed(cursor, node->count);
        break;
    case ISO_AVRO_RECORD:
    case ISO_AVRO_ARRAY:
    case ISO_AVRO_MAP:
        walk_push(walk, node);
        break;
    case ISO_AVRO_UNION:
        iso_assert(!"a union stands in a union");
    }
}

/* Before the next item: is there one? */
static bool block_next(struct walk *walk, struct walk_frame *frame)
{
    if (frame->left == 0) {
        if (frame->block_end != NULL && frame->block_end != walk->cursor.at) {
            walk_refuse(walk, "a block does not have the size that it says");
            return false;
        }
        frame->left =
            iso_avro_block_sized(&walk->cursor, walk->items_left, &frame->block_end);
        walk->items_left -= frame->left;
    }
    if (frame->left == 0)
        return false;
    frame->left--;
    return true;
}

/* One part of the innermost frame, or its end. */
static void walk_step(struct walk *walk)
{
    struct walk_frame *frame = &walk->frames[walk->depth - 1];
    const struct iso_avro_node *node = frame->node;
    if (node->kind == ISO_AVRO_RECORD) {
        if (frame->next < node->count)
            walk_enter(walk, node_below(walk->schema, node, frame->next++));
        else
            walk->depth--;
        return;
    }
    if (!block_next(walk, frame)) {
        if (!walk->cursor.failed)
            walk->depth--;
        return;
    }
    frame->next++;
    if (node->kind == ISO_AVRO_MAP)
        walk_string(walk);
    if (!walk->cursor.failed)
        walk_enter(walk, node_below(walk->schema, node, 0));
}

/* "a.b[3].c": where the walk stands, from its frames; cut when it is long. */
static void walk_place(const struct walk *walk, char *text, size_t room)
{
    size_t size = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < walk->depth && size + 1 < room; i++) {
        const struct walk_frame *frame = &walk->frames[i];
        int wrote = 0;
        if (frame->next == 0)
            break;
        if (frame->node->kind == ISO_AVRO_RECORD) {
            uint32_t edge = frame->node->first + frame->next - 1;
            const char *name =
                iso_avro_name(walk->schema, walk->schema->edges[edge].name);
            wrote =
                snprintf(text + size, room - size, "%s%s", size > 0 ? "." : "", name);
        } else {
            wrote = snprintf(text + size, room - size, "[%u]", frame->next - 1);
        }
        size += wrote > 0 ? (size_t)wrote : 0;
    }
}

static enum iso_err walk_fail(struct walk *walk, struct iso_bytes datum,
                              struct iso_why *why)
{
    char place[200];
    walk_place(walk, place, sizeof place);
    const char *problem = walk->problem;
    if (problem == NULL)
        problem = walk->cursor.failed ? "it does not decode" : "bytes are left over";
    return iso_fail(
        why, ISO_BAD_DATA,
        "%zu bytes are not one datum of the Avro schema: at byte %zu, %s%s: "
        "%s: write it with the schema that it names",
        datum.size, (size_t)(walk->cursor.at - datum.data),
        place[0] != '\0' ? "field " : "at the top", place, problem);
}

enum iso_err iso_avro_check(const struct iso_avro *schema, struct iso_bytes datum,
                            struct iso_why *why)
{
    struct walk walk;
    walk.schema = schema;
    walk.cursor = iso_avro_read(datum);
    walk.items_left = ISO_AVRO_ITEMS_MAX;
    walk.steps_left = STEPS_FREE + STEPS_A_BYTE * datum.size;
    walk.problem = NULL;
    walk.depth = 0; /* the frames above it are not read: they need no clearing */
    walk_enter(&walk, &schema->nodes[schema->root]);
    while (walk.depth > 0 && !walk.cursor.failed)
        walk_step(&walk);
    if (iso_avro_done(&walk.cursor))
        return ISO_OK;
    return walk_fail(&walk, datum, why);
}
