/* The table of resolvers. A definition names one; a name that is not here means that
 * this software is too old for the definition, which the caller says. */
#include "resolver/table.h"

static const struct iso_resolver *const resolver_table[] = {
    &iso_resolver_lww,
};

const struct iso_resolver *iso_resolver_at(size_t n)
{
    size_t count = sizeof resolver_table / sizeof resolver_table[0];
    return n < count ? resolver_table[n] : NULL;
}

const struct iso_resolver *iso_resolver_find(const char *name)
{
    const struct iso_resolver *resolver;
    for (size_t n = 0; (resolver = iso_resolver_at(n)) != NULL; n++)
        if (strcmp(resolver->name, name) == 0)
            return resolver;
    return NULL;
}

void iso_merged_release(struct iso_merged *merged)
{
    iso_buf_release(&merged->row);
    iso_buf_release(&merged->scratch);
    iso_buf_release(&merged->names);
    *merged = (struct iso_merged){0};
}
