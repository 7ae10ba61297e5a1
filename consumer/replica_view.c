/* Values as a reader's own schema sees them. The view is made of the newest definition
 * that the handle has met; the daemon goes on, so a value may be of a schema that only
 * a later one names: then that is looked up, once, and the value is tried again. A
 * definition stands in the store before the first value that needs it, so what is not
 * found then is not there. */
#include "consumer/replica_state.h"

#include "base/mem.h"

void iso_replica_view_release(struct iso_replica_collection *collection)
{
    iso_view_free(collection->view);
    iso_free(collection->reader);
    collection->view = NULL;
    collection->reader = NULL;
}

static void view_replace(struct iso_replica_collection *collection,
                         struct iso_view *view, uint32_t number)
{
    iso_view_free(collection->view);
    collection->view = view;
    collection->view_number = number;
}

enum iso_err iso_replica_read_as(struct iso_replica *replica, const char *name,
                                 const char *schema, struct iso_why *why)
{
    const struct iso_definition *newest;
    struct iso_replica_collection *collection;
    struct iso_view *view = NULL;
    enum iso_err err = iso_replica_definition(replica, name, &newest, why);
    if (err == ISO_OK)
        err = iso_replica_collection(replica, name, &collection, why);
    if (err == ISO_OK && schema != NULL)
        err = iso_view_new(newest, schema, &view, why);
    if (err != ISO_OK)
        return err;
    view_replace(collection, view, newest->number);
    iso_free(collection->reader);
    collection->reader = schema != NULL ? iso_strdup(schema) : NULL;
    iso_replica_records_release(collection);
    return ISO_OK;
}

/* Makes the view of the newest definition; *later says whether it was of another. */
static enum iso_err view_renew(struct iso_replica *replica,
                               struct iso_replica_collection *collection, bool *later,
                               struct iso_why *why)
{
    const struct iso_definition *newest;
    struct iso_view *view;
    enum iso_err err = iso_replica_definition(replica, collection->name, &newest, why);
    if (err != ISO_OK)
        return err;
    *later = newest->number != collection->view_number;
    if (!*later)
        return ISO_OK;
    err = iso_view_new(newest, collection->reader, &view, why);
    if (err == ISO_OK)
        view_replace(collection, view, newest->number);
    return err;
}

enum iso_err iso_replica_view(struct iso_replica *replica,
                              struct iso_replica_collection *collection,
                              struct iso_bytes value, struct iso_buf *datum,
                              struct iso_why *why)
{
    bool later;
    struct iso_why looking = {0};
    enum iso_err refused = iso_view_datum(collection->view, value, datum, why);
    if (refused != ISO_REFUSED)
        return refused;
    enum iso_err err = view_renew(replica, collection, &later, &looking);
    if (err == ISO_OK)
        return later ? iso_view_datum(collection->view, value, datum, why) : refused;
    if (why != NULL)
        *why = looking;
    return err;
}

enum iso_err iso_replica_value(struct iso_replica *replica,
                               struct iso_replica_collection *collection,
                               const struct iso_shown *shown, struct iso_buf *value,
                               struct iso_why *why)
{
    if (collection->resolver->has_fields)
        return iso_replica_record(replica, collection, shown, value, why);
    if (collection->plugin != NULL && shown->sibling_count > 0)
        return iso_replica_answer(replica, collection, shown, value, why);
    if (collection->view != NULL)
        return iso_replica_view(replica, collection, shown->value, value, why);
    iso_buf_add_bytes(value, shown->value);
    return ISO_OK;
}
