/* Comparing: which regions hold the same, and which hold different things.
 *
 * Two slices whose vectors are equal have applied the same writes, so their digests
 * must be equal, whatever is in flight elsewhere. While writes go on, vectors are
 * seldom equal; so what was found once is remembered until the two are equal at one
 * vector, which only mending brings about, or until one of the stores is another one.
 */
#include "monitor/table.h"

/* Mortal parts go when they are swept: comparable only where all of both slices was
 * swept up to one H. */
static bool mortal_comparable(const struct table_proof *a, const struct table_proof *b)
{
    return a->swept_min_ms == a->swept_max_ms && b->swept_min_ms == b->swept_max_ms &&
           a->swept_min_ms == b->swept_min_ms;
}

const char *iso_table_difference(const struct table_proof *a,
                                 const struct table_proof *b)
{
    if (!iso_digest_equal(a->vector, b->vector))
        return NULL;
    if (!iso_digest_equal(a->live, b->live))
        return "live values";
    if (mortal_comparable(a, b) && !iso_digest_equal(a->mortal, b->mortal))
        return "tombstones or expiring values";
    if (!iso_digest_equal(a->ledger, b->ledger) || a->ledger_rows != b->ledger_rows)
        return "conflict ledgers";
    return NULL;
}

/* What was found in tombstones is not taken back where these cannot be compared. */
static bool settles(const struct table_proof *a, const struct table_proof *b)
{
    return iso_digest_equal(a->vector, b->vector) && mortal_comparable(a, b);
}

static void pair_compare(struct table_report *a, unsigned a_number,
                         struct table_report *b, unsigned b_number)
{
    uint64_t a_bit = UINT64_C(1) << (a_number - 1);
    uint64_t b_bit = UINT64_C(1) << (b_number - 1);
    if (iso_table_difference(&a->proof, &b->proof) != NULL) {
        a->apart |= b_bit;
        b->apart |= a_bit;
    } else if ((a->apart & b_bit) != 0 && settles(&a->proof, &b->proof)) {
        a->apart &= ~b_bit;
        b->apart &= ~a_bit;
    }
}

void iso_table_compare(const struct table_collection *collection, uint32_t partition)
{
    const struct iso_definition *definition = collection->definition;
    struct table_report *reports[ISO_REGION_MAX];
    uint64_t vectors[ISO_REGION_MAX];
    size_t count = 0;
    uint8_t numbers[ISO_REGION_MAX];
    for (size_t i = 0; i < definition->region_count; i++) {
        uint8_t number = definition->regions[i].number;
        struct table_report *report = iso_table_report(collection, number, partition);
        if (report == NULL)
            continue;
        numbers[count] = number;
        vectors[count] = report->proof.vector.low;
        reports[count++] = report;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (vectors[i] == vectors[k])
                pair_compare(reports[i], numbers[i], reports[k], numbers[k]);
        }
    }
}
