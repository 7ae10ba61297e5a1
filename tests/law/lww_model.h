/* lww_model.h - the dumb model of lww, for the law test. */
#ifndef ISO_TESTS_LAW_LWW_MODEL_H
#define ISO_TESTS_LAW_LWW_MODEL_H

#include "tests/law/law.h"

extern const struct law_model law_lww_model;

#endif
