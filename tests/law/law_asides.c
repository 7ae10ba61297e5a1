/* A handful of rows, found by going through them. */
#include "tests/law/law_asides.h"

static size_t aside_find(const struct law_region *region, uint64_t number)
{
    size_t n = 0;
    while (n < region->aside_count && region->asides[n].number != number)
        n++;
    return n;
}

static enum iso_err aside_get(void *self, uint64_t number, struct iso_bytes *value,
                              struct iso_why *why)
{
    const struct law_region *region = self;
    size_t n = aside_find(region, number);
    (void)why;
    if (n == region->aside_count)
        return ISO_NOT_FOUND;
    *value = iso_buf_bytes(&region->asides[n].value);
    return ISO_OK;
}

struct iso_asides law_asides_port(struct law_region *region)
{
    return (struct iso_asides){region, aside_get};
}

/* Its buffer goes to the end, and stays. */
static void aside_remove(struct law_region *region, size_t n)
{
    struct law_aside was = region->asides[n];
    region->asides[n] = region->asides[--region->aside_count];
    region->asides[region->aside_count] = was;
}

void law_asides_keep(struct law_region *region)
{
    for (size_t i = 0; i < region->merged.aside_count; i++) {
        const struct iso_aside *aside = &region->merged.asides[i];
        size_t n = aside_find(region, aside->number);
        if (aside->value.size == 0) {
            if (n == region->aside_count)
                region->broken = "a large value goes that is not there";
            else
                aside_remove(region, n);
            continue;
        }
        iso_assert(n < LAW_ASIDES_MAX);
        if (n < region->aside_count)
            region->broken = "a large value has the number of another";
        region->aside_count += n == region->aside_count;
        region->asides[n].number = aside->number;
        iso_buf_clear(&region->asides[n].value);
        iso_buf_add_bytes(&region->asides[n].value, aside->value);
    }
}

/* The entry, when it is one of parts; else one without any. */
static const struct iso_parts *parts_of(const struct law_region *region)
{
    static _Thread_local struct iso_parts parts; /* keeps its buffers warm */
    struct iso_bytes row = iso_buf_bytes(&region->row), none = {0};
    bool is_whole = row.size > 0 && row.data[0] != ISO_PARTS_FIELDS &&
                    row.data[0] != ISO_PARTS_SIBLINGS;
    enum iso_parts_format format = row.size > 0 && !is_whole
                                       ? (enum iso_parts_format)row.data[0]
                                       : ISO_PARTS_FIELDS;
    enum iso_err err = iso_parts_decode(is_whole ? none : row, iso_bytes_text("key"),
                                        format, &parts, NULL);
    iso_assert(err == ISO_OK);
    return &parts;
}

static bool names_it(const struct iso_parts *parts, uint64_t number)
{
    for (size_t i = 0; i < parts->count; i++)
        for (size_t n = 0; n < parts->parts[i].value_count; n++)
            if (parts->parts[i].values[n].aside == number)
                return true;
    return false;
}

void law_asides_sweep(struct law_region *region)
{
    const struct iso_parts *parts = parts_of(region);
    for (size_t n = region->aside_count; n-- > 0;)
        if (!names_it(parts, region->asides[n].number))
            aside_remove(region, n);
}

void law_asides_check(struct law_region *region)
{
    const struct iso_parts *parts = parts_of(region);
    struct iso_asides port = law_asides_port(region);
    size_t count = 0;
    for (size_t i = 0; i < parts->count; i++)
        for (size_t n = 0; n < parts->parts[i].value_count; n++) {
            struct iso_held held = parts->parts[i].values[n];
            count += iso_held_is_aside(&held);
            if (iso_held_load(&held, &port, NULL) != ISO_OK)
                region->broken = "a large value is not there, or another one is";
        }
    if (count != region->aside_count)
        region->broken = "a large value is there that the entry does not name";
}

void law_asides_release(struct law_region *region)
{
    for (size_t n = 0; n < LAW_ASIDES_MAX; n++)
        iso_buf_release(&region->asides[n].value);
}
