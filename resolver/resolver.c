/* The table of resolvers. A definition names one; a name that is not here means that
 * this software is too old for the definition, which the caller says. */
#include "base/mem.h"
#include "resolver/table.h"

static const struct iso_resolver *const resolver_table[] = {
    &iso_resolver_lww,
    &iso_resolver_fields,
    &iso_resolver_siblings,
};

const struct iso_resolver *iso_resolver_at(size_t n)
{
    size_t count = sizeof resolver_table / sizeof resolver_table[0];
    return n < count ? resolver_table[n] : NULL;
}

const struct iso_resolver *iso_resolver_find(const char *name)
{
    static const char plugin[] = "plugin:";
    const struct iso_resolver *resolver;
    if (strncmp(name, plugin, strlen(plugin)) == 0 && name[strlen(plugin)] != '\0')
        return &iso_resolver_siblings;
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
    iso_buf_release(&merged->path);
    iso_buf_release(&merged->field);
    iso_parts_release(&merged->parts);
    iso_free(merged->asides);
    *merged = (struct iso_merged){0};
}

void iso_merged_clear(struct iso_merged *merged)
{
    merged->changed = false;
    merged->alarm = false;
    merged->was = merged->is = (struct iso_tally){0};
    merged->aside_count = 0;
    iso_buf_clear(&merged->row);
}

void iso_shown_release(struct iso_shown *shown)
{
    iso_buf_release(&shown->context);
    iso_buf_release(&shown->scratch);
    iso_parts_release(&shown->parts);
    iso_seen_release(&shown->seen);
    iso_free(shown->fields);
    *shown = (struct iso_shown){0};
}

enum iso_err iso_shown_load(struct iso_shown *shown, const struct iso_asides *asides,
                            struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t n = 0; err == ISO_OK && n < shown->sibling_count; n++)
        err = iso_held_load(&shown->siblings[n], asides, why);
    if (err == ISO_OK && shown->sibling_count > 0)
        shown->value = shown->siblings[0].value;
    for (size_t n = 0; err == ISO_OK && n < shown->field_count; n++) {
        struct iso_shown_part *part = &shown->fields[n];
        if (part->held == NULL)
            continue;
        err = iso_held_load(part->held, asides, why);
        part->datum = part->held->value;
    }
    return err;
}

void iso_shown_clear(struct iso_shown *shown)
{
    shown->found = false;
    shown->version = (struct iso_version){0};
    shown->value = (struct iso_bytes){0};
    shown->has_expiry = false;
    shown->expiry_ms = 0;
    iso_buf_clear(&shown->context);
    shown->siblings = NULL;
    shown->sibling_count = shown->sibling_total = 0;
    shown->field_count = 0;
    iso_seen_clear(&shown->seen);
}
