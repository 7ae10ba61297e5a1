/* Input: flags, the clocks of two writers, the size of what the first writes, and
 * what each of them writes: a PATCH, or what a DELETE was shown. What admission takes
 * is merged into an entry in either order, each writer in a log of its own: the rows
 * and the ledgers must be the same bytes, and readers must be shown something. */
#include "resolver/resolver.h"
#include "tests/fuzz/fuzz.h"

enum { WRITERS = 2, INPUT_MAX = 4096, ROWS_MAX = 512, FIELD_MAX = 64 };
enum {
    FIRST_DELETES = 1,
    SECOND_DELETES = 2,
    BLIND = 4,
    EXPIRES = 8,
    BEGINS_EMPTY = 16
};

/* ---- a conflict ledger of one key ---- */

struct row {
    uint8_t field[FIELD_MAX];
    size_t field_size;
    struct iso_version version;
    enum iso_loser_rule rule;
    uint16_t log;
    struct iso_digest hash; /* of the value */
};

struct ledger {
    size_t count;
    struct row rows[ROWS_MAX];
};

static const struct iso_bytes key = {(const uint8_t *)"k", 1};

static struct row *row_find(struct ledger *ledger, struct iso_bytes field,
                            struct iso_version version)
{
    for (size_t n = 0; n < ledger->count; n++) {
        struct row *row = &ledger->rows[n];
        if (iso_version_equal(row->version, version) &&
            iso_bytes_equal(iso_bytes(row->field, row->field_size), field))
            return row;
    }
    return NULL;
}

static enum iso_err row_enter(void *self, const struct iso_loser *loser,
                              struct iso_why *why)
{
    struct ledger *ledger = self;
    (void)why;
    iso_assert(ledger->count < ROWS_MAX && loser->field.size <= FIELD_MAX);
    iso_assert(row_find(ledger, loser->field, loser->version) == NULL);
    struct row *row = &ledger->rows[ledger->count++];
    *row = (struct row){.field_size = loser->field.size,
                        .version = loser->version,
                        .rule = loser->rule,
                        .log = loser->log,
                        .hash = iso_hash128(loser->value)};
    memcpy(row->field, loser->field.data, loser->field.size);
    return ISO_OK;
}

static enum iso_err row_leave(void *self, struct iso_bytes field,
                              struct iso_version version, bool *left,
                              struct iso_why *why)
{
    struct ledger *ledger = self;
    struct row *row = row_find(ledger, field, version);
    (void)why;
    *left = row != NULL;
    if (row != NULL)
        *row = ledger->rows[--ledger->count];
    return ISO_OK;
}

static enum iso_err rows_leave_older(void *self, struct iso_bytes field,
                                     struct iso_version version, uint16_t log,
                                     uint32_t *left, struct iso_why *why)
{
    struct ledger *ledger = self;
    (void)why;
    *left = 0;
    for (size_t n = ledger->count; n-- > 0;) {
        const struct row *row = &ledger->rows[n];
        if (row->log != log || iso_version_compare(row->version, version) >= 0 ||
            iso_node_region(row->version.node) != iso_node_region(version.node) ||
            (field.data != NULL &&
             !iso_bytes_equal(iso_bytes(row->field, row->field_size), field)))
            continue;
        ledger->rows[n] = ledger->rows[--ledger->count];
        ++*left;
    }
    return ISO_OK;
}

static bool never_succeeds(void *self, uint16_t log, uint16_t older)
{
    (void)self;
    (void)log;
    (void)older;
    return false;
}

static bool ledgers_equal(struct ledger *a, struct ledger *b)
{
    for (size_t n = 0; n < a->count; n++) {
        const struct row *row = &a->rows[n];
        const struct row *same =
            row_find(b, iso_bytes(row->field, row->field_size), row->version);
        if (same == NULL || same->rule != row->rule || same->log != row->log ||
            !iso_digest_equal(same->hash, row->hash))
            return false;
    }
    return a->count == b->count;
}

/* ---- an entry ---- */

struct entry {
    struct ledger ledger;
    struct iso_buf row;
};

static void entry_merge(struct entry *entry, const struct iso_coming *coming)
{
    static struct iso_merged merged;
    struct iso_why why = {0};
    struct iso_ledger port = {.self = &entry->ledger,
                              .enter = row_enter,
                              .leave = row_leave,
                              .leave_older = rows_leave_older,
                              .succeeds = never_succeeds}; /* nothing is swept */
    struct iso_merge merge = {iso_buf_bytes(&entry->row), coming, &port, 0, NULL};
    if (iso_resolver_find("fields")->merge(&merge, &merged, &why) != ISO_OK)
        fuzz_broken("what was admitted cannot be merged", &why);
    if (!merged.changed)
        return;
    iso_buf_clear(&entry->row);
    iso_buf_add_bytes(&entry->row, iso_buf_bytes(&merged.row));
}

/* What readers are shown of it: the context says all, part by part. */
static void entry_show(const struct entry *entry, struct iso_shown *shown)
{
    static struct iso_seen seen;
    struct iso_why why = {0};
    if (iso_resolver_find("fields")->show(key, iso_buf_bytes(&entry->row), 50, shown,
                                          &why) != ISO_OK)
        fuzz_broken("what was merged cannot be shown", &why);
    if (iso_seen_decode(iso_buf_bytes(&shown->context), &seen, &why) != ISO_OK)
        fuzz_broken("a reader was given no context", &why);
}

static void entries_compare(struct entry *a, struct entry *b)
{
    static struct iso_shown one, other;
    static struct iso_buf scratch;
    struct iso_tally was, is;
    entry_show(a, &one);
    entry_show(b, &other);
    iso_assert(
        iso_bytes_equal(iso_buf_bytes(&one.context), iso_buf_bytes(&other.context)));
    iso_assert(one.found == other.found && one.parts.losers == other.parts.losers);
    iso_parts_tally(&one.parts, key, &scratch, &was);
    iso_parts_tally(&other.parts, key, &scratch, &is);
    iso_assert(iso_digest_equal(was.live, is.live) &&
               iso_digest_equal(was.mortal, is.mortal));
    iso_assert(ledgers_equal(&a->ledger, &b->ledger));
}

/* What was there before: a record, put blind by a third writer. */
static void entry_begin(struct entry *entry, bool empty)
{
    static struct iso_buf datum;
    const struct iso_schemas *schemas = fuzz_user();
    const char *json = "{\"name\":\"a\",\"tags\":[\"x\"],\"visits\":0,\"few\":0,"
                       "\"vip\":true,\"last\":5,\"first\":1.5,\"notes\":{\"n\":\"b\"},"
                       "\"cart\":{},\"groups\":{\"g\":[1]},\"flags\":{\"f\":true},"
                       "\"tops\":{\"t\":\"c\"}}";
    entry->ledger.count = 0;
    iso_buf_clear(&entry->row);
    if (empty)
        return;
    struct iso_why why = {0};
    iso_buf_clear(&datum);
    if (iso_avro_from_json(iso_schemas_at(schemas, 0), iso_bytes_text(json), &datum,
                           &why) != ISO_OK)
        fuzz_broken(json, &why);
    struct iso_coming put = {.operation = ISO_PUT,
                             .key = key,
                             .version = {UINT64_C(8) << 16, UINT64_C(3) << 48},
                             .log = 3,
                             .blind = true,
                             .schemas = schemas,
                             .fields = iso_schemas_fields(schemas, 0),
                             .fingerprint = iso_schemas_fingerprint(schemas, 0),
                             .datum = iso_buf_bytes(&datum)};
    entry_merge(entry, &put);
}

/* ---- the writes ---- */

static void patch_round_trip(const struct iso_patch *patch)
{
    static struct iso_patch back;
    static struct iso_buf once, again;
    struct iso_why why = {0};
    iso_buf_clear(&once);
    iso_buf_clear(&again);
    iso_patch_encode(patch, &once);
    if (iso_patch_decode(iso_buf_bytes(&once), &back, &why) != ISO_OK)
        fuzz_broken("a patch was encoded, but does not decode", &why);
    iso_patch_encode(&back, &again);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&once), iso_buf_bytes(&again)));
}

/* The n-th writer's; false: it is refused. */
static bool write_read(struct iso_bytes bytes, unsigned n, unsigned flags,
                       uint8_t clock, struct iso_coming *coming)
{
    static struct iso_patch patches[WRITERS];
    const struct iso_schemas *schemas = fuzz_user();
    struct iso_why why = {0};
    if (iso_patch_decode(bytes, &patches[n], &why) != ISO_OK) {
        iso_assert(why.text[0] != '\0');
        return false;
    }
    patch_round_trip(&patches[n]);
    bool deletes = (flags & (n == 0 ? FIRST_DELETES : SECOND_DELETES)) != 0;
    *coming =
        (struct iso_coming){.operation = deletes ? ISO_DELETE : ISO_PATCH,
                            .key = key,
                            .version = {(uint64_t)clock << 16, (uint64_t)(n + 1) << 48},
                            .log = (uint16_t)(n + 1),
                            .offset = 7,
                            .blind = (flags & BLIND) != 0 && !deletes,
                            .has_expiry = (flags & EXPIRES) != 0 && !deletes,
                            .expiry_ms = 100,
                            .schemas = schemas,
                            .fields = iso_schemas_fields(schemas, 0),
                            .fingerprint = iso_schemas_fingerprint(schemas, 0),
                            .patch = &patches[n]};
    enum iso_err err = iso_resolver_find("fields")->admit(coming, &why);
    iso_assert(err == ISO_OK || why.text[0] != '\0');
    return err == ISO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct entry entries[2];
    struct iso_bytes input = {data, size};
    struct iso_coming writes[WRITERS];
    if (size > INPUT_MAX) /* of more names than a part has room for, some are marks */
        return 0;
    unsigned flags = fuzz_take(&input);
    uint8_t clocks[WRITERS] = {fuzz_take(&input), fuzz_take(&input)};
    size_t first = (size_t)fuzz_take(&input) << 8;
    first |= fuzz_take(&input);
    if (first > input.size)
        first = input.size;
    struct iso_bytes second = {input.data + first, input.size - first};
    if (!write_read(iso_bytes(input.data, first), 0, flags, clocks[0], &writes[0]) ||
        !write_read(second, 1, flags, clocks[1], &writes[1]))
        return 0;
    for (unsigned order = 0; order < 2; order++) {
        entry_begin(&entries[order], (flags & BEGINS_EMPTY) != 0);
        entry_merge(&entries[order], &writes[order]);
        entry_merge(&entries[order], &writes[1 - order]);
    }
    entries_compare(&entries[0], &entries[1]);
    return 0;
}
