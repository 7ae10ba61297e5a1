/* write.h - what travels: the `iso` header of a record (DESIGN.md, section 2).
 *
 * The header is byte 01, then the Avro binary of write.avsc. It is decoded by hand,
 * within bounds and without allocating, because every record has one; a test holds this
 * decoder and avro-c to the same answer.
 */
#ifndef ISO_SCHEMA_WRITE_H
#define ISO_SCHEMA_WRITE_H

#include "schema/version.h"

#define ISO_HEADER_NAME "iso"
enum { ISO_KEY_MAX = 384, ISO_VALUE_MAX = 960 << 10, ISO_HEADER_MAX = 64 << 10 };
enum { ISO_READ_MAX = 4092 }; /* versions in `read`: so many always fit into a header */
enum { ISO_WRITE_SEEN_MAX = 65472 }; /* bytes of `seen` and versions: as many */
enum { ISO_LOG_MAX = 65000, ISO_LOGS_OPEN_MAX = 64, ISO_PARTITIONS_MAX = 4096 };

enum iso_operation { ISO_PUT, ISO_PATCH, ISO_DELETE, ISO_HEARTBEAT, ISO_DEFINE };
const char *iso_operation_name(enum iso_operation operation); /* "put", … */

/* Versions that a writer was shown, as they travel: 16 bytes each, borrowed. */
struct iso_names {
    const uint8_t *data;
    size_t count;
};
static inline struct iso_version iso_names_at(struct iso_names names, size_t n)
{
    return iso_version_get(names.data + n * ISO_VERSION_SIZE);
}

struct iso_write {
    enum iso_operation operation;
    uint16_t log;
    uint32_t partition;
    struct iso_version version;
    uint64_t seq; /* 1, 2, 3 … of its node in its log and slice */
    bool blind;   /* its writer read nothing: `read` is null */
    struct iso_names read;
    bool has_expiry;
    int64_t expiry_ms;
    /* Of a DELETE in a collection with fields: what its writer was shown, as a patch
     * (schema/patch.h). Extension 1, in no other write. Empty: nothing. Borrowed from
     * the header. */
    struct iso_bytes seen;
    /* The smallest odd extension number present, 0 when there is none: something that
     * no definition named. Even ones are ignored. */
    uint32_t extension_unknown;
};

/* Whether the numbers of a write are such that its header will be decoded:
 * log 1..65000, partition below 4096, a region 1..64, seq ≥ 1, an hlc above 0, times
 * within the years 1970..6429, `seen` only in a DELETE (ISO_BAD_DATA); at most
 * ISO_READ_MAX versions read, and these and `seen` at most ISO_WRITE_SEEN_MAX bytes
 * (ISO_TOO_LARGE). */
enum iso_err iso_write_check(const struct iso_write *write, struct iso_why *why);

/* Decodes a header into borrowed fields. `read` points into `header` when its versions
 * stand in one block, as ours always do; else into `scratch`. ISO_BAD_DATA: it does not
 * decode, or is over ISO_HEADER_MAX; or what iso_write_check says. */
enum iso_err iso_write_decode(struct iso_bytes header, struct iso_buf *scratch,
                              struct iso_write *write, struct iso_why *why);

/* Appends the header of `write`, for which iso_write_check holds.
 * `read` and `seen` may not borrow from `header`. */
void iso_write_encode(const struct iso_write *write, struct iso_buf *header);

/* The largest header without what stands in `read` and `seen`: for callers that keep
 * one in a fixed place. */
enum { ISO_HEADER_BLIND_MAX = 64 };

/* Partition of a key, as Java's default partitioner: (murmur2(key) & 0x7fffffff) %
 * partitions. */
uint32_t iso_partition_of(struct iso_bytes key, uint32_t partitions);

#endif
