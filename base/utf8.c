/* A first byte says how long its character is, the second what is forbidden to it; most
 * texts are ASCII, so eight bytes are looked at together. */
#include "base/utf8.h"

size_t iso_utf8_character(const uint8_t *at, size_t size)
{
    uint8_t first = at[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
    bool surrogate = first == 0xed && at[1] > 0x9f;
    bool beyond = first == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool iso_utf8_valid(struct iso_bytes text)
{
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        if (text.size - i >= sizeof eight) {
            memcpy(&eight, text.data + i, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = iso_utf8_character(text.data + i, text.size - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}
