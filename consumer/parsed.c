/* A chain of a few: slices go from definition to definition nearly together. What
 * nobody holds any more is freed at once. Nothing here can fail. */
#include "consumer/parsed.h"

#include "base/mem.h"

struct iso_parsed_item {
    struct iso_buf bytes; /* of the definition: a copy, it may go before its schemas */
    struct iso_schemas *schemas;
    size_t taken;
    struct iso_parsed_item *next;
};

const struct iso_schemas *iso_parsed_take(struct iso_parsed *parsed,
                                          const struct iso_definition *definition)
{
    struct iso_bytes bytes = iso_buf_bytes(&definition->bytes);
    struct iso_parsed_item *item = parsed->first;
    while (item != NULL && !iso_bytes_equal(iso_buf_bytes(&item->bytes), bytes))
        item = item->next;
    if (item == NULL) {
        item = iso_alloc_zero(1, sizeof *item);
        iso_buf_add_bytes(&item->bytes, bytes);
        item->schemas = iso_schemas_new(definition);
        item->next = parsed->first;
        parsed->first = item;
    }
    item->taken++;
    return item->schemas;
}

void iso_parsed_give(struct iso_parsed *parsed, const struct iso_schemas *schemas)
{
    if (schemas == NULL)
        return;
    struct iso_parsed_item **link = &parsed->first, *item = *link;
    iso_assert(item != NULL); /* what was taken is there */
    while (item->schemas != schemas) {
        iso_assert(item->next != NULL);
        link = &item->next;
        item = *link;
    }
    if (--item->taken > 0)
        return;
    *link = item->next;
    iso_schemas_free(item->schemas);
    iso_buf_release(&item->bytes);
    iso_free(item);
}
