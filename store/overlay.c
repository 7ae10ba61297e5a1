/* Rows live in an arena, and are listed in the order in which they came. Three things
 * point at them:
 *
 *   slots    an open-addressing hash table with linear probing. A slot belongs to the
 *            transaction whose number it bears, so clearing costs nothing, also after a
 *            huge transaction. The hash is keyed by chance: nobody who can choose keys
 * can make them collide. lists    per ordered space a skip list (Pugh, 1990); a row's
 * height comes from its hash. changes  what a commit is given; made when asked for.
 *
 * A value that is overwritten stays in its place when it fits; otherwise it moves to a
 * place of twice the room, so what a growing value leaves behind is at most as much
 * again.
 *
 * Nothing here fails but for memory (mem.h).
 */
#include "store/overlay.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/order.h"

enum {
    OVERLAY_SLOTS_MIN = 1024,
    OVERLAY_SHRINK_TIMES = 16,
    OVERLAY_HEIGHT_MAX = 12,
    ORDER_AHEAD = 12
};

struct slot {
    uint32_t tag;    /* the upper half of the hash */
    uint32_t number; /* whose it is */
    struct iso_row *row;
};

struct iso_overlay {
    struct iso_arena arena;
    struct slot *slots;
    size_t mask;     /* slots - 1; there are a power of two of them */
    uint32_t number; /* of this transaction */
    uint64_t key_a, key_b;

    struct iso_row **rows;
    size_t count, room;
    size_t recent; /* rows that lately were needed */

    struct iso_row *lists[ISO_SPACES][OVERLAY_HEIGHT_MAX];

    /* For a commit, 2 × ordered_room and ordered_room of them. */
    struct iso_order *ordered;
    struct iso_change *changes;
    size_t ordered_room;
};

static void slots_new(struct iso_overlay *overlay, size_t slots)
{
    iso_free(overlay->slots);
    overlay->slots = iso_alloc_zero(slots, sizeof *overlay->slots);
    overlay->mask = slots - 1;
    overlay->number = 1;
}

struct iso_overlay *iso_overlay_new(void)
{
    struct iso_overlay *overlay = iso_alloc_zero(1, sizeof *overlay);
    struct iso_chance chance;
    iso_chance_machine_init(&chance);
    overlay->key_a = iso_chance_draw(&chance) | 1;
    overlay->key_b = iso_chance_draw(&chance) | 1;
    slots_new(overlay, OVERLAY_SLOTS_MIN);
    return overlay;
}

void iso_overlay_free(struct iso_overlay *overlay)
{
    if (overlay == NULL)
        return;
    iso_arena_release(&overlay->arena);
    iso_free(overlay->slots);
    iso_free(overlay->rows);
    iso_free(overlay->ordered);
    iso_free(overlay->changes);
    iso_free(overlay);
}

/* ---- the hash table ---- */

/* Both halves of the product, folded: every bit of both factors reaches the low bits.
 */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct iso_overlay *overlay, enum iso_space space,
                        struct iso_bytes key)
{
    uint64_t hash = overlay->key_a ^ (key.size << 8 | (uint64_t)space);
    const uint8_t *at = key.data;
    size_t left = key.size;
    for (; left > 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = fold(hash ^ word, overlay->key_b) + overlay->key_a;
    }
    uint64_t word = 0;
    memcpy(&word, at, left);
    return fold(fold(hash ^ word, overlay->key_b), overlay->key_a);
}

static bool row_is(const struct iso_row *row, enum iso_space space,
                   struct iso_bytes key)
{
    return row->key_size == key.size && row->space == (uint8_t)space &&
           memcmp(row->key, key.data, key.size) == 0;
}

/* The key's slot, or the free one where it belongs. */
static struct slot *slot_find(const struct iso_overlay *overlay, uint64_t hash,
                              enum iso_space space, struct iso_bytes key)
{
    for (size_t at = (size_t)hash;; at++) {
        struct slot *slot = &overlay->slots[at & overlay->mask];
        if (slot->number != overlay->number)
            return slot;
        if (slot->tag == (uint32_t)(hash >> 32) && row_is(slot->row, space, key))
            return slot;
    }
}

static void slot_fill(struct iso_overlay *overlay, struct slot *slot,
                      struct iso_row *row)
{
    *slot = (struct slot){
        .tag = (uint32_t)(row->hash >> 32), .number = overlay->number, .row = row};
}

static void slots_double(struct iso_overlay *overlay)
{
    slots_new(overlay, (overlay->mask + 1) * 2);
    for (size_t i = 0; i < overlay->count; i++) {
        struct iso_row *row = overlay->rows[i];
        size_t at = (size_t)row->hash;
        while (overlay->slots[at & overlay->mask].number == overlay->number)
            at++;
        slot_fill(overlay, &overlay->slots[at & overlay->mask], row);
    }
}

/* ---- the ordered lists ---- */

bool iso_overlay_is_ordered(enum iso_space space)
{
    return space == ISO_META || space == ISO_LEDGER || space == ISO_OUTBOX ||
           space == ISO_MORTAL;
}

/* One row in four is a level higher. */
static unsigned row_height(const struct iso_row *row)
{
    unsigned height = 1;
    for (uint64_t bits = row->hash; height < OVERLAY_HEIGHT_MAX && (bits & 3) == 0;
         bits >>= 2)
        height++;
    return height;
}

/* For each level the link that leads to the first row whose key is ≥ `key`. */
static void list_seek(struct iso_row **head, struct iso_bytes key,
                      struct iso_row **links[OVERLAY_HEIGHT_MAX])
{
    struct iso_row **tower = head;
    for (int level = OVERLAY_HEIGHT_MAX - 1; level >= 0; level--) {
        while (tower[level] != NULL &&
               iso_bytes_compare(iso_row_key(tower[level]), key) < 0)
            tower = tower[level]->next;
        links[level] = &tower[level];
    }
}

static void list_add(struct iso_overlay *overlay, struct iso_row *row)
{
    struct iso_row **links[OVERLAY_HEIGHT_MAX];
    list_seek(overlay->lists[row->space], iso_row_key(row), links);
    unsigned height = row_height(row);
    row->next = iso_arena_take(&overlay->arena, height * sizeof(struct iso_row *));
    for (unsigned level = 0; level < height; level++) {
        row->next[level] = *links[level];
        *links[level] = row;
    }
}

const struct iso_row *iso_overlay_first(const struct iso_overlay *overlay,
                                        enum iso_space space, struct iso_bytes key)
{
    iso_assert(iso_overlay_is_ordered(space));
    struct iso_row *const *tower = overlay->lists[space];
    for (int level = OVERLAY_HEIGHT_MAX - 1; level >= 0; level--) {
        while (tower[level] != NULL &&
               iso_bytes_compare(iso_row_key(tower[level]), key) < 0)
            tower = tower[level]->next;
    }
    return tower[0];
}

/* ---- rows ---- */

static struct iso_row *row_new(struct iso_overlay *overlay, uint64_t hash,
                               enum iso_space space, struct iso_bytes key, size_t value)
{
    size_t head = sizeof(struct iso_row) + key.size;
    struct iso_row *row = iso_arena_take(&overlay->arena, head + value);
    *row = (struct iso_row){
        .hash = hash,
        .value = (uint8_t *)row + head,
        .value_room = (uint32_t)value,
        .key_size = (uint16_t)key.size,
        .space = (uint8_t)space,
    };
    memcpy(row->key, key.data, key.size);
    return row;
}

static void rows_add(struct iso_overlay *overlay, struct iso_row *row)
{
    if (overlay->count == overlay->room) {
        overlay->room = overlay->room ? overlay->room * 2 : OVERLAY_SLOTS_MIN;
        overlay->rows =
            iso_realloc(overlay->rows, overlay->room * sizeof(struct iso_row *));
    }
    overlay->rows[overlay->count++] = row;
    if (iso_overlay_is_ordered(row->space))
        list_add(overlay, row);
}

/* The row of a key, made when there is none, with room for `value` bytes. */
static struct iso_row *row_touch(struct iso_overlay *overlay, enum iso_space space,
                                 struct iso_bytes key, size_t value)
{
    uint64_t hash = hash_of(overlay, space, key);
    struct slot *slot = slot_find(overlay, hash, space, key);
    if (slot->number != overlay->number) {
        struct iso_row *row = row_new(overlay, hash, space, key, value);
        slot_fill(overlay, slot, row);
        rows_add(overlay, row);
        if (overlay->count * 3 > overlay->mask * 2)
            slots_double(overlay);
        return row;
    }
    struct iso_row *row = slot->row;
    if (row->value_room < value) {
        size_t room = value > row->value_room * 2u ? value : row->value_room * 2u;
        row->value = iso_arena_take(&overlay->arena, room);
        row->value_room = (uint32_t)room;
    }
    return row;
}

void iso_overlay_expect(const struct iso_overlay *overlay, enum iso_space space,
                        struct iso_bytes key)
{
    uint64_t hash = hash_of(overlay, space, key);
    __builtin_prefetch(&overlay->slots[hash & overlay->mask]);
}

const struct iso_row *iso_overlay_find(const struct iso_overlay *overlay,
                                       enum iso_space space, struct iso_bytes key)
{
    if (overlay->count == 0)
        return NULL;
    struct slot *slot = slot_find(overlay, hash_of(overlay, space, key), space, key);
    return slot->number == overlay->number ? slot->row : NULL;
}

void iso_overlay_put(struct iso_overlay *overlay, enum iso_space space,
                     struct iso_bytes key, struct iso_bytes value)
{
    struct iso_row *row = row_touch(overlay, space, key, value.size);
    if (value.size > 0)
        memmove(row->value, value.data, value.size);
    row->value_size = (uint32_t)value.size;
    row->is_delete = false;
}

void iso_overlay_delete(struct iso_overlay *overlay, enum iso_space space,
                        struct iso_bytes key)
{
    struct iso_row *row = row_touch(overlay, space, key, 0);
    row->value_size = 0;
    row->is_delete = true;
}

/* ---- a commit ---- */

static void changes_reserve(struct iso_overlay *overlay)
{
    if (overlay->ordered_room >= overlay->count)
        return;
    overlay->ordered_room = overlay->room;
    iso_free(overlay->ordered);
    iso_free(overlay->changes);
    overlay->ordered = iso_alloc(2 * overlay->ordered_room * sizeof *overlay->ordered);
    overlay->changes = iso_alloc(overlay->ordered_room * sizeof *overlay->changes);
}

/* Groups the rows by space, each group sorted by key. */
static void rows_order(struct iso_overlay *overlay)
{
    size_t starts[ISO_SPACES + 1] = {0};
    for (size_t i = 0; i < overlay->count; i++) {
        if (i + ORDER_AHEAD < overlay->count)
            __builtin_prefetch(overlay->rows[i + ORDER_AHEAD]);
        starts[overlay->rows[i]->space + 1]++;
    }
    for (int space = 0; space < ISO_SPACES; space++)
        starts[space + 1] += starts[space];
    size_t at[ISO_SPACES];
    memcpy(at, starts, sizeof at);
    for (size_t i = 0; i < overlay->count; i++) {
        if (i + ORDER_AHEAD < overlay->count)
            __builtin_prefetch(overlay->rows[i + ORDER_AHEAD]);
        struct iso_row *row = overlay->rows[i];
        overlay->ordered[at[row->space]++].row = row;
    }
    struct iso_order *spare = overlay->ordered + overlay->ordered_room;
    for (int space = 0; space < ISO_SPACES; space++)
        iso_order_rows(overlay->ordered + starts[space], spare,
                       starts[space + 1] - starts[space]);
}

const struct iso_change *iso_overlay_changes(struct iso_overlay *overlay, size_t *count)
{
    changes_reserve(overlay);
    rows_order(overlay);
    for (size_t i = 0; i < overlay->count; i++) {
        if (i + ORDER_AHEAD < overlay->count)
            __builtin_prefetch(overlay->ordered[i + ORDER_AHEAD].row);
        const struct iso_row *row = overlay->ordered[i].row;
        overlay->changes[i] = (struct iso_change){
            .space = row->space,
            .is_delete = row->is_delete,
            .key = iso_row_key(row),
            .value = iso_row_value(row),
        };
    }
    *count = overlay->count;
    return overlay->changes;
}

size_t iso_overlay_size(const struct iso_overlay *overlay)
{
    size_t each = 2 * sizeof(struct slot) + sizeof(struct iso_row *) +
                  2 * sizeof(struct iso_order) + sizeof(struct iso_change);
    return overlay->arena.total + overlay->count * each;
}

size_t iso_overlay_count(const struct iso_overlay *overlay)
{
    return overlay->count;
}

/* Gives back what is far more than lately was needed; what is needed again grows again.
 */
static void tables_shrink(struct iso_overlay *overlay)
{
    overlay->recent = iso_recent(overlay->recent, overlay->count);
    size_t needed = overlay->recent * 2 + OVERLAY_SLOTS_MIN;
    if (overlay->mask / OVERLAY_SHRINK_TIMES < needed)
        return;
    slots_new(overlay, (overlay->mask + 1) / (OVERLAY_SHRINK_TIMES / 2));
    iso_free(overlay->rows);
    iso_free(overlay->ordered);
    iso_free(overlay->changes);
    overlay->rows = NULL;
    overlay->ordered = NULL;
    overlay->changes = NULL;
    overlay->room = overlay->ordered_room = 0;
}

void iso_overlay_clear(struct iso_overlay *overlay)
{
    iso_arena_clear(&overlay->arena);
    tables_shrink(overlay);
    overlay->count = 0;
    memset(overlay->lists, 0, sizeof overlay->lists);
    if (++overlay->number == 0)
        slots_new(overlay, overlay->mask + 1);
}
