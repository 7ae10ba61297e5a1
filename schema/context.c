/* A context comes back from whoever held it, so its decoder bounds everything; what it
 * claims is believed (DESIGN.md, section 4). */
#include "schema/context.h"

enum { CONTEXT_FORMAT = 1, CONTEXT_FIXED_SIZE = 1 + 8 + 2 };

void iso_context_encode(const struct iso_context *context, struct iso_buf *out)
{
    iso_assert(context->shown.count <= UINT16_MAX);
    iso_buf_add_u8(out, CONTEXT_FORMAT);
    iso_buf_add_u64(out, context->hlc);
    iso_buf_add_u16(out, (uint16_t)context->shown.count);
    iso_buf_add(out, context->shown.data, context->shown.count * ISO_VERSION_SIZE);
}

enum iso_err iso_context_decode(struct iso_bytes bytes, struct iso_context *context,
                                struct iso_why *why)
{
    *context = (struct iso_context){0};
    if (bytes.size < CONTEXT_FIXED_SIZE || bytes.data[0] != CONTEXT_FORMAT)
        return iso_fail(why, ISO_BAD_DATA,
                        "the context is none that this library made: pass on the bytes "
                        "of a read unchanged");
    size_t count = iso_get_u16(bytes.data + 9);
    if (bytes.size != CONTEXT_FIXED_SIZE + count * ISO_VERSION_SIZE)
        return iso_fail(
            why, ISO_BAD_DATA,
            "the context is %zu bytes, its %zu versions take %zu: pass on the "
            "bytes of a read unchanged",
            bytes.size, count, CONTEXT_FIXED_SIZE + count * ISO_VERSION_SIZE);
    context->hlc = iso_get_u64(bytes.data + 1);
    context->shown.count = count;
    context->shown.data = count > 0 ? bytes.data + CONTEXT_FIXED_SIZE : NULL;
    return ISO_OK;
}

/* Both formats begin with their byte and the hlc. */
uint64_t iso_context_hlc(struct iso_bytes bytes)
{
    return bytes.size > 8 ? iso_get_u64(bytes.data + 1) : 0;
}
