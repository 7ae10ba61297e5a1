/* siblings_model.h - the dumb model of siblings, for the law test. */
#ifndef ISO_TESTS_LAW_SIBLINGS_MODEL_H
#define ISO_TESTS_LAW_SIBLINGS_MODEL_H

#include "tests/law/law.h"

extern const struct law_model law_siblings_model;

#endif
