/* What readers of a collection of resolver plugin:NAME are shown: the answer of its
 * plug-in, which is a value like the siblings that it was made of, so a reader's schema
 * sees it like any other. What is no value of the collection's schemas is shown to
 * nobody. */
#include "consumer/replica_state.h"

#include <stdio.h>

#include "consumer/plugin_state.h"

static const char plugin_resolver[] = "plugin:";

enum iso_err iso_replica_plugin(struct iso_replica *replica, const char *name,
                                struct iso_plugin_child *child, struct iso_why *why)
{
    const struct iso_definition *newest;
    struct iso_replica_collection *collection;
    enum iso_err err = iso_replica_definition(replica, name, &newest, why);
    if (err == ISO_OK)
        err = iso_replica_collection(replica, name, &collection, why);
    if (err != ISO_OK)
        return err;
    size_t begin = strlen(plugin_resolver);
    if (strncmp(newest->resolver, plugin_resolver, begin) != 0)
        return iso_fail(why, ISO_USAGE,
                        "collection %s has the resolver %s: a plug-in shows what is in "
                        "collections of resolver plugin:NAME",
                        name, newest->resolver);
    if (child != NULL && strcmp(newest->resolver + begin, iso_plugin_name(child)) != 0)
        return iso_fail(why, ISO_USAGE,
                        "collection %s has the resolver %s, but the plug-in calls "
                        "itself %s: give the one that is meant",
                        name, newest->resolver, iso_plugin_name(child));
    collection->plugin = child;
    return ISO_OK;
}

/* By the newest definition that was met, and when that does not know its schema, by the
 * newest that the store has. */
static enum iso_err answer_check(struct iso_replica *replica,
                                 struct iso_replica_collection *collection,
                                 struct iso_bytes answer, struct iso_why *why)
{
    struct iso_why looking = {0};
    iso_assert(collection->definition_count > 0); /* it was looked up */
    const struct iso_definition *newest =
        collection->definitions[collection->definition_count - 1];
    uint32_t number = newest->number;
    enum iso_err err = iso_plugin_answer_check(collection->plugin, newest, answer, why);
    if (err == ISO_REFUSED &&
        iso_replica_definition(replica, collection->name, &newest, &looking) ==
            ISO_OK &&
        newest->number != number)
        err = iso_plugin_answer_check(collection->plugin, newest, answer, why);
    return err == ISO_OK ? ISO_OK : ISO_BAD_DATA;
}

enum iso_err iso_replica_answer(struct iso_replica *replica,
                                struct iso_replica_collection *collection,
                                const struct iso_shown *shown, struct iso_buf *value,
                                struct iso_why *why)
{
    struct iso_buf answer = {0};
    enum iso_err err = iso_plugin_ask(collection->plugin, shown->siblings,
                                      shown->sibling_count, &answer, why);
    struct iso_bytes given = iso_buf_bytes(&answer);
    if (err == ISO_OK)
        err = answer_check(replica, collection, given, why);
    if (err == ISO_OK && collection->view != NULL)
        err = iso_replica_view(replica, collection, given, value, why);
    else if (err == ISO_OK)
        iso_buf_add_bytes(value, given);
    iso_buf_release(&answer);
    return err;
}
