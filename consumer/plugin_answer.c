/* Whether a plug-in answers with values. In a collection of schemas a value is a frame
 * and one datum of the schema that the frame names; an answer that is anything else is
 * none that a writer could have written, and no reader is shown it. The schemas are
 * parsed once for a definition, and kept with the child that was asked.
 *
 * How it can fail: as iso_value_check, with the plug-in's name in front. */
#include "consumer/plugin_state.h"

#include "base/mem.h"

static const struct iso_schemas *schemas_of(struct iso_plugin_child *child,
                                            const struct iso_definition *definition)
{
    if (child->schemas != NULL &&
        memcmp(child->schemas_id, definition->id, sizeof child->schemas_id) == 0)
        return child->schemas;
    iso_schemas_free(child->schemas);
    child->schemas = iso_schemas_new(definition);
    memcpy(child->schemas_id, definition->id, sizeof child->schemas_id);
    return child->schemas;
}

enum iso_err iso_plugin_answer_check(struct iso_plugin_child *child,
                                     const struct iso_definition *definition,
                                     struct iso_bytes answer, struct iso_why *why)
{
    struct iso_why wrong = {0};
    enum iso_err err = iso_value_check(schemas_of(child, definition), answer, &wrong);
    if (err == ISO_OK)
        return ISO_OK;
    return iso_fail(why, err,
                    "plug-in %s: its answer of %zu bytes is no value of collection %s: "
                    "%.400s; a plug-in answers with a whole value, frame and datum",
                    child->name, answer.size, definition->collection, wrong.text);
}
