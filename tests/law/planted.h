/* planted.h - planted mistakes, for a test that compiles a resolver once more: from the
 * list PLANTED(X) it makes an enum, the names, and ISO_PLANTED, which is true of the
 * one that is switched on. Include it once, in place of a product's definition.
 */
#ifndef ISO_TESTS_LAW_PLANTED_H
#define ISO_TESTS_LAW_PLANTED_H

enum planted {
    PLANTED_NOTHING,
#define PLANTED_ENUM(name) PLANTED_##name,
    PLANTED(PLANTED_ENUM)
#undef PLANTED_ENUM
        PLANTED_END
};
static const char *const planted_names[] = {"nothing",
#define PLANTED_NAME(name) #name,
                                            PLANTED(PLANTED_NAME)
#undef PLANTED_NAME
};
static enum planted planted;

#define ISO_PLANTED(mistake) (planted == PLANTED_##mistake)

#endif
