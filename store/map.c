/* A treap (Seidel and Aragon, 1996): a search tree by key, a heap by a priority drawn
 * at random, hence of depth O(log n) whatever the keys are. Nodes and rows are counted;
 * one with a single owner is changed in place, a shared one is copied first, its
 * children becoming shared by that:
 *
 *     before            put into the left map
 *     map   view        map        view
 *       \   /            |          |
 *        (b)            (b')       (b)
 *       /   \           /  \ _____/ |
 *     (a)   (c)       (a')  (c)    (a)
 *
 * Rows are apart from nodes so that copying a path copies no values. The counts are
 * plain numbers: who changes, copies or releases holds a lock (see map.h); who reads
 * touches no count. Nothing here fails but for memory.
 */
#include "store/map.h"

#include "base/mem.h"

struct row {
    size_t owners;
    size_t key_size, value_size;
    uint8_t data[]; /* key, then value */
};

struct iso_map_node {
    size_t owners;
    uint64_t priority;
    struct iso_map_node *left, *right;
    struct row *row;
};

static struct row *row_new(struct iso_bytes key, struct iso_bytes value)
{
    struct row *row = iso_alloc(sizeof *row + key.size + value.size);
    *row = (struct row){.owners = 1, .key_size = key.size, .value_size = value.size};
    memcpy(row->data, key.data, key.size);
    if (value.size > 0)
        memcpy(row->data + key.size, value.data, value.size);
    return row;
}

static void row_drop(struct row *row)
{
    if (--row->owners == 0)
        iso_free(row);
}

static struct iso_bytes row_key(const struct row *row)
{
    return iso_bytes(row->data, row->key_size);
}

static struct iso_bytes row_value(const struct row *row)
{
    return iso_bytes(row->data + row->key_size, row->value_size);
}

static struct iso_map_node *node_share(struct iso_map_node *node)
{
    if (node != NULL)
        node->owners++;
    return node;
}

static void node_drop(struct iso_map_node *node)
{
    if (node == NULL || --node->owners > 0)
        return;
    node_drop(node->left);
    node_drop(node->right);
    row_drop(node->row);
    iso_free(node);
}

/* Takes one ownership of `node`; gives back a node with the same content that may be
 * changed. */
static struct iso_map_node *node_own(struct iso_map_node *node)
{
    if (node->owners == 1)
        return node;
    struct iso_map_node *copy = iso_alloc(sizeof *copy);
    *copy = *node;
    copy->owners = 1;
    node_share(copy->left);
    node_share(copy->right);
    copy->row->owners++;
    node->owners--;
    return copy;
}

static struct iso_map_node *turn_right(struct iso_map_node *node)
{
    struct iso_map_node *top = node->left;
    node->left = top->right;
    top->right = node;
    return top;
}

static struct iso_map_node *turn_left(struct iso_map_node *node)
{
    struct iso_map_node *top = node->right;
    node->right = top->left;
    top->left = node;
    return top;
}

/* Puts `row` into the tree, taking both over; every node on the way is ours then, so
 * the turns may change them. */
static struct iso_map_node *tree_put(struct iso_map_node *node, struct row *row,
                                     uint64_t priority)
{
    if (node == NULL) {
        node = iso_alloc(sizeof *node);
        *node = (struct iso_map_node){.owners = 1, .priority = priority, .row = row};
        return node;
    }
    node = node_own(node);
    int order = iso_bytes_compare(row_key(row), row_key(node->row));
    if (order == 0) {
        row_drop(node->row);
        node->row = row;
    } else if (order < 0) {
        node->left = tree_put(node->left, row, priority);
        if (node->left->priority > node->priority)
            return turn_right(node);
    } else {
        node->right = tree_put(node->right, row, priority);
        if (node->right->priority > node->priority)
            return turn_left(node);
    }
    return node;
}

/* One tree of two, all of whose keys are in order; takes both over. */
static struct iso_map_node *tree_join(struct iso_map_node *left,
                                      struct iso_map_node *right)
{
    if (left == NULL)
        return right;
    if (right == NULL)
        return left;
    if (left->priority > right->priority) {
        left = node_own(left);
        left->right = tree_join(left->right, right);
        return left;
    }
    right = node_own(right);
    right->left = tree_join(left, right->left);
    return right;
}

/* Takes out a key that is there. */
static struct iso_map_node *tree_delete(struct iso_map_node *node, struct iso_bytes key)
{
    node = node_own(node);
    int order = iso_bytes_compare(key, row_key(node->row));
    if (order < 0) {
        node->left = tree_delete(node->left, key);
        return node;
    }
    if (order > 0) {
        node->right = tree_delete(node->right, key);
        return node;
    }
    struct iso_map_node *joined = tree_join(node->left, node->right);
    row_drop(node->row);
    iso_free(node);
    return joined;
}

static const struct row *tree_find(const struct iso_map_node *node,
                                   struct iso_bytes key)
{
    while (node != NULL) {
        int order = iso_bytes_compare(key, row_key(node->row));
        if (order == 0)
            return node->row;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

/* Knuth's linear congruential step: its upper bits are good, and they decide. */
static uint64_t map_roll(struct iso_map *map)
{
    map->dice = map->dice * 6364136223846793005u + 1442695040888963407u;
    return map->dice;
}

void iso_map_release(struct iso_map *map)
{
    node_drop(map->root);
    *map = (struct iso_map){0};
}

struct iso_map iso_map_copy(const struct iso_map *map)
{
    node_share(map->root);
    return *map;
}

void iso_map_put(struct iso_map *map, struct iso_bytes key, struct iso_bytes value)
{
    const struct row *old = tree_find(map->root, key);
    if (old != NULL) {
        map->bytes -= old->key_size + old->value_size;
        map->count--;
    }
    map->root = tree_put(map->root, row_new(key, value), map_roll(map));
    map->bytes += key.size + value.size;
    map->count++;
}

void iso_map_delete(struct iso_map *map, struct iso_bytes key)
{
    const struct row *old = tree_find(map->root, key);
    if (old == NULL)
        return;
    map->bytes -= old->key_size + old->value_size;
    map->count--;
    map->root = tree_delete(map->root, key);
}

bool iso_map_get(const struct iso_map *map, struct iso_bytes key,
                 struct iso_bytes *value)
{
    const struct row *row = tree_find(map->root, key);
    if (row != NULL)
        *value = row_value(row);
    return row != NULL;
}

bool iso_map_seek(const struct iso_map *map, struct iso_bytes from, bool is_after,
                  struct iso_bytes *key, struct iso_bytes *value)
{
    const struct row *found = NULL;
    for (const struct iso_map_node *node = map->root; node != NULL;) {
        int order = iso_bytes_compare(row_key(node->row), from);
        bool fits = is_after ? order > 0 : order >= 0;
        if (fits)
            found = node->row;
        node = fits ? node->left : node->right;
    }
    if (found == NULL)
        return false;
    *key = row_key(found);
    *value = row_value(found);
    return true;
}
