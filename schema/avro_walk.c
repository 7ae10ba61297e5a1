/* The walk keeps its own stack of 64 frames, so a hostile datum cannot make the
 * program's overflow; it allocates nothing. Three counts end every datum, whatever it
 * says: levels of nesting, items of all its arrays and maps together, and steps. The
 * last is for what takes no bytes (nulls, records of records): a datum of a few bytes
 * could else ask for any number of them. Between two steps a constant amount is done,
 * but for texts, of which each byte is looked at once.
 *
 * Every value that travels goes through here, so what is common is short: the fields of
 * a record, and the items of a block, are gone through in one loop with the place in a
 * register, and of a number only its end is looked for, in eight bytes at once. What is
 * rare is left to avro_binary.c. */
#include "schema/avro_walk.h"

#include <endian.h>
#include <stdio.h>

#include "base/utf8.h"
#include "schema/avro_node.h"

#define HIGH_BITS UINT64_C(0x8080808080808080) /* of eight bytes */

struct walk_frame {
    const struct iso_avro_node *node; /* a record, array or map */
    uint32_t next;                    /* the field or item that comes next */
    size_t left;                      /* items in the block */
    const uint8_t *block_end;         /* where it says that it ends, or NULL */
};

struct walk {
    const struct iso_avro *schema;
    const uint8_t *at, *end; /* `at` is behind what has been walked, or what is wrong */
    uint64_t steps, steps_max;
    size_t items_left;
    const char *problem; /* NULL while all is well */
    unsigned depth;
    struct walk_frame frames[ISO_AVRO_DEPTH_MAX];
};

/* ---- where a value without parts ends; NULL: it is none ---- */

static const uint8_t *cursor_end(struct iso_avro_cursor cursor)
{
    return cursor.failed ? NULL : cursor.at;
}

static __attribute__((noinline)) const uint8_t *
number_end_slow(const uint8_t *at, const uint8_t *end, bool is_int)
{
    struct iso_avro_cursor cursor = {.at = at, .end = end};
    if (is_int)
        iso_avro_int(&cursor);
    else
        iso_avro_long(&cursor);
    return cursor_end(cursor);
}

static const uint8_t *number_end(const uint8_t *at, const uint8_t *end, bool is_int)
{
    uint64_t eight;
    if (end - at >= (ptrdiff_t)sizeof eight) {
        memcpy(&eight, at, sizeof eight);
        uint64_t last = ~le64toh(eight) & HIGH_BITS; /* the bytes that end a number */
        /* What has four bytes is within 32 bits, what has eight within 64. */
        if ((is_int ? (uint32_t)last : last) != 0)
            return at + __builtin_ctzll(last) / 8 + 1;
    }
    return number_end_slow(at, end, is_int);
}

static __attribute__((noinline)) const uint8_t *
small_end_slow(const uint8_t *at, const uint8_t *end, uint64_t *n)
{
    struct iso_avro_cursor cursor = {.at = at, .end = end};
    *n = (uint64_t)iso_avro_long(&cursor);
    return cursor_end(cursor);
}

/* A length, branch or symbol, nearly always of one byte; a negative one is a very large
 * *n. */
static const uint8_t *small_end(const uint8_t *at, const uint8_t *end, uint64_t *n)
{
    if (at == end || *at > 0x7f)
        return small_end_slow(at, end, n);
    uint64_t zigzag = *at;
    *n = zigzag >> 1 ^ (0 - (zigzag & 1));
    return at + 1;
}

static const uint8_t *fixed_end(const uint8_t *at, const uint8_t *end, uint64_t size)
{
    return size <= (uint64_t)(end - at) ? at + size : NULL;
}

static const uint8_t *bytes_end(const uint8_t *at, const uint8_t *end, bool is_text)
{
    uint64_t size;
    at = small_end(at, end, &size);
    const uint8_t *behind = at != NULL ? fixed_end(at, end, size) : NULL;
    if (behind == NULL || (is_text && !iso_utf8_valid(iso_bytes(at, size))))
        return NULL;
    return behind;
}

static const uint8_t *choice_end(const uint8_t *at, const uint8_t *end, uint32_t count)
{
    uint64_t n;
    at = small_end(at, end, &n);
    return at != NULL && n < count ? at : NULL;
}

static const uint8_t *plain_end(const struct iso_avro_node *node, const uint8_t *at,
                                const uint8_t *end)
{
    switch ((unsigned)node->kind) {
    case ISO_AVRO_NULL:
        return at;
    case ISO_AVRO_BOOLEAN:
        return at < end && *at <= 1 ? at + 1 : NULL;
    case ISO_AVRO_INT:
    case ISO_AVRO_LONG:
        return number_end(at, end, node->kind == ISO_AVRO_INT);
    case ISO_AVRO_FLOAT:
        return fixed_end(at, end, sizeof(float));
    case ISO_AVRO_DOUBLE:
        return fixed_end(at, end, sizeof(double));
    case ISO_AVRO_BYTES:
    case ISO_AVRO_STRING:
        return bytes_end(at, end, node->kind == ISO_AVRO_STRING);
    case ISO_AVRO_ENUM:
        return choice_end(at, end, node->count);
    case ISO_AVRO_FIXED:
        return fixed_end(at, end, node->count);
    default: /* what has parts never comes here */
        iso_assert(node->kind < ISO_AVRO_PRIMITIVES);
        return NULL;
    }
}

static const char *plain_problem(enum iso_avro_kind kind)
{
    switch ((unsigned)kind) {
    case ISO_AVRO_BOOLEAN:
        return "it does not decode: a boolean is 00 or 01";
    case ISO_AVRO_INT:
        return "it does not decode: no number of 32 bits stands there";
    case ISO_AVRO_LONG:
        return "it does not decode: no number of 64 bits stands there";
    case ISO_AVRO_BYTES:
        return "it does not decode: its length is beyond the end";
    case ISO_AVRO_STRING:
        return "a string does not decode: its length is beyond the end, or it is no "
               "UTF-8";
    case ISO_AVRO_ENUM:
        return "it does not decode: the enum has no such symbol";
    default:
        return "it does not decode: it ends too early";
    }
}

/* ---- the walk ---- */

static void walk_refuse(struct walk *walk, const uint8_t *at, const char *problem)
{
    walk->at = at;
    walk->problem = problem;
}

static bool walk_count(struct walk *walk, const uint8_t *at)
{
    if (walk->steps < walk->steps_max) {
        walk->steps++;
        return true;
    }
    walk_refuse(walk, at, "it has too many parts that take no bytes");
    return false;
}

static void walk_push(struct walk *walk, const struct iso_avro_node *node,
                      const uint8_t *at)
{
    walk->at = at;
    if (walk->depth < ISO_AVRO_DEPTH_MAX)
        walk->frames[walk->depth++] = (struct walk_frame){.node = node};
    else
        walk_refuse(walk, at, "it is nested more than 64 deep");
}

static const struct iso_avro_node *
node_below(const struct iso_avro *schema, const struct iso_avro_node *node, uint64_t n)
{
    return &schema->nodes[schema->edges[node->first + n].node];
}

static bool has_parts(enum iso_avro_kind kind)
{
    return kind == ISO_AVRO_RECORD || kind == ISO_AVRO_ARRAY || kind == ISO_AVRO_MAP;
}

/* Where it ends. NULL: it has parts, for which a frame is open now, or it is wrong. */
static const uint8_t *walk_value(struct walk *walk, const struct iso_avro_node *node,
                                 const uint8_t *at)
{
    if (!walk_count(walk, at))
        return NULL;
    if (node->kind == ISO_AVRO_UNION) {
        uint64_t branch;
        const uint8_t *behind = small_end(at, walk->end, &branch);
        if (behind == NULL || branch >= node->count) {
            walk_refuse(walk, at, "it does not decode: the union has no such branch");
            return NULL;
        }
        at = behind;
        /* No union stands in a union: one step down is enough. */
        node = node_below(walk->schema, node, branch);
    }
    if (has_parts(node->kind)) {
        walk_push(walk, node, at);
        return NULL;
    }
    const uint8_t *behind = plain_end(node, at, walk->end);
    if (behind == NULL)
        walk_refuse(walk, at, plain_problem(node->kind));
    return behind;
}

/* The fields of a record up to the first that opens a frame of its own. */
static void walk_fields(struct walk *walk, struct walk_frame *frame)
{
    const struct iso_avro_node *node = frame->node;
    const uint8_t *at = walk->at;
    while (frame->next < node->count) {
        at = walk_value(walk, node_below(walk->schema, node, frame->next++), at);
        if (at == NULL)
            return;
    }
    walk->at = at;
    walk->depth--;
}

/* The count before a block's items; it stays 0 at the end, and when it is wrong. */
static void block_begin(struct walk *walk, struct walk_frame *frame)
{
    if (frame->block_end != NULL && frame->block_end != walk->at) {
        walk_refuse(walk, walk->at, "a block does not have the size that it says");
        return;
    }
    if (!walk_count(walk, walk->at))
        return;
    struct iso_avro_cursor cursor = {.at = walk->at, .end = walk->end};
    frame->left = iso_avro_block_sized(&cursor, walk->items_left, &frame->block_end);
    walk->items_left -= frame->left;
    if (cursor.failed)
        walk_refuse(walk, walk->at,
                    "it does not decode: there cannot be so many items");
    else
        walk->at = cursor.at;
}

/* The items of a block up to the first that opens a frame of its own. */
static void walk_items(struct walk *walk, struct walk_frame *frame)
{
    if (frame->left == 0) {
        block_begin(walk, frame);
        if (frame->left == 0 && walk->problem == NULL)
            walk->depth--;
    }
    const struct iso_avro_node *item = node_below(walk->schema, frame->node, 0);
    bool is_map = frame->node->kind == ISO_AVRO_MAP;
    const uint8_t *at = walk->at;
    while (frame->left > 0) {
        frame->left--;
        frame->next++;
        const uint8_t *key = at;
        if (is_map)
            at = bytes_end(key, walk->end, true);
        if (at == NULL)
            walk_refuse(walk, key, plain_problem(ISO_AVRO_STRING));
        else
            at = walk_value(walk, item, at);
        if (at == NULL)
            return;
    }
    walk->at = at;
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

static enum iso_err walk_fail(struct walk *walk, size_t size, struct iso_why *why)
{
    char place[200];
    walk_place(walk, place, sizeof place);
    return iso_fail(
        why, ISO_BAD_DATA,
        "%zu bytes are not one datum of the Avro schema: at byte %zu, %s%s: "
        "%s: write it with the schema that it names",
        size, size - (size_t)(walk->end - walk->at),
        place[0] != '\0' ? "field " : "at the top", place, walk->problem);
}

uint64_t iso_avro_steps_of(size_t size)
{
    return ISO_AVRO_STEPS_FREE + ISO_AVRO_STEPS_A_BYTE * (uint64_t)size;
}

enum iso_err iso_avro_node_walk(const struct iso_avro *schema, uint32_t node,
                                struct iso_bytes datum, uint64_t *steps_left,
                                struct iso_why *why)
{
    static const uint8_t nowhere; /* an empty datum needs a place: NULL is a failure */
    struct walk walk;
    walk.schema = schema;
    walk.at = datum.size > 0 ? datum.data : &nowhere;
    walk.end = walk.at + datum.size;
    walk.steps = 0;
    walk.steps_max = *steps_left;
    walk.items_left = ISO_AVRO_ITEMS_MAX;
    walk.problem = NULL;
    walk.depth = 0; /* the frames above it are not read: they need no clearing */
    const uint8_t *behind = walk_value(&walk, &schema->nodes[node], walk.at);
    walk.at = behind != NULL ? behind : walk.at;
    while (walk.depth > 0 && walk.problem == NULL) {
        struct walk_frame *frame = &walk.frames[walk.depth - 1];
        if (frame->node->kind == ISO_AVRO_RECORD)
            walk_fields(&walk, frame);
        else
            walk_items(&walk, frame);
    }
    *steps_left -= walk.steps;
    if (walk.problem == NULL && walk.at != walk.end)
        walk_refuse(&walk, walk.at, "bytes are left over");
    return walk.problem == NULL ? ISO_OK : walk_fail(&walk, datum.size, why);
}

enum iso_err iso_avro_walk(const struct iso_avro *schema, struct iso_bytes datum,
                           uint64_t *steps, struct iso_why *why)
{
    uint64_t most = iso_avro_steps_of(datum.size), left = most;
    enum iso_err err = iso_avro_node_walk(schema, schema->root, datum, &left, why);
    *steps = most - left;
    return err;
}

enum iso_err iso_avro_check(const struct iso_avro *schema, struct iso_bytes datum,
                            struct iso_why *why)
{
    return iso_avro_node_check(schema, schema->root, datum, why);
}

enum iso_err iso_avro_node_check(const struct iso_avro *schema, uint32_t node,
                                 struct iso_bytes datum, struct iso_why *why)
{
    uint64_t left = iso_avro_steps_of(datum.size);
    return iso_avro_node_walk(schema, node, datum, &left, why);
}
