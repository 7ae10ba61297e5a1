/* Input: which resolver's, and a row without its check, which whoever can write a store
 * can write too. What decodes encodes to what decodes to the same; it is shown, and
 * takes a write, without breaking anything. */
#include "resolver/resolver.h"
#include "tests/fuzz/fuzz.h"

enum { CHECK_SIZE = 8 };

static const struct iso_bytes key = {(const uint8_t *)"k", 1};

/* The row as a store would have it. */
static struct iso_bytes row_seal(enum iso_parts_format format, struct iso_bytes body,
                                 struct iso_buf *row)
{
    iso_buf_clear(row);
    iso_buf_add_u8(row, (uint8_t)format);
    iso_buf_add_u64(row, iso_hash64(body, iso_hash64(key, (uint64_t)format)));
    iso_buf_add_bytes(row, body);
    return iso_buf_bytes(row);
}

static void row_round_trip(struct iso_bytes row, enum iso_parts_format format)
{
    static struct iso_parts parts;
    static struct iso_buf scratch, once, again;
    struct iso_tally was, is;
    struct iso_why why = {0};
    if (iso_parts_decode(row, key, format, &parts, NULL) != ISO_OK)
        return;
    iso_parts_encode(&parts, key, &scratch, &once, &was);
    if (iso_parts_decode(iso_buf_bytes(&once), key, format, &parts, &why) != ISO_OK)
        fuzz_broken("a row was encoded, but does not decode", &why);
    iso_parts_encode(&parts, key, &scratch, &again, &is);
    iso_assert(iso_bytes_equal(iso_buf_bytes(&once), iso_buf_bytes(&again)));
    iso_assert(iso_digest_equal(was.live, is.live) &&
               iso_digest_equal(was.mortal, is.mortal));
}

/* ---- a ledger that has nothing and takes everything ---- */

static enum iso_err enter(void *self, const struct iso_loser *loser,
                          struct iso_why *why)
{
    (void)self;
    (void)loser;
    (void)why;
    return ISO_OK;
}

static enum iso_err leave(void *self, struct iso_bytes field,
                          struct iso_version version, bool *left, struct iso_why *why)
{
    (void)self;
    (void)field;
    (void)version;
    (void)why;
    *left = false;
    return ISO_OK;
}

static enum iso_err leave_older(void *self, struct iso_bytes field,
                                struct iso_version version, uint16_t log,
                                uint32_t *left, struct iso_why *why)
{
    (void)self;
    (void)field;
    (void)version;
    (void)log;
    (void)why;
    *left = 0;
    return ISO_OK;
}

static bool succeeds(void *self, uint16_t log, uint16_t older)
{
    (void)self;
    (void)log;
    (void)older;
    return false;
}

/* A DELETE, which goes through everything that is there. */
static void row_delete(const struct iso_resolver *resolver, struct iso_bytes row)
{
    static struct iso_merged merged;
    struct iso_ledger ledger = {.enter = enter,
                                .leave = leave,
                                .leave_older = leave_older,
                                .succeeds = succeeds}; /* nothing is swept */
    struct iso_coming coming = {.operation = ISO_DELETE,
                                .key = key,
                                .version = {UINT64_C(9) << 16, UINT64_C(1) << 48},
                                .log = 1,
                                .offset = 7,
                                .blind = true,
                                .schemas = fuzz_user()};
    struct iso_merge merge = {row, &coming, &ledger, 0, NULL};
    struct iso_why why = {0};
    enum iso_err err = resolver->merge(&merge, &merged, &why);
    iso_assert(err == ISO_OK || err == ISO_DAMAGED || err == ISO_STORE_FULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct iso_shown shown;
    static struct iso_buf row;
    struct iso_bytes input = {data, size};
    bool fields = fuzz_take(&input) % 2 == 0;
    enum iso_parts_format format = fields ? ISO_PARTS_FIELDS : ISO_PARTS_SIBLINGS;
    const struct iso_resolver *resolver =
        iso_resolver_find(fields ? "fields" : "siblings");
    struct iso_bytes sealed = row_seal(format, input, &row);
    struct iso_why why = {0};
    row_round_trip(sealed, format);
    enum iso_err err = resolver->show(key, sealed, 50, &shown, &why);
    iso_assert(err == ISO_OK || err == ISO_DAMAGED);
    row_delete(resolver, sealed);
    return 0;
}
