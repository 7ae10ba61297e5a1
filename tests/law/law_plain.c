/* Writes of whole values. A forged context claims real writes, some not read here yet
 * or not smaller, and versions that nobody wrote: in no order, and some twice. */
#include "tests/law/law_plain.h"

static void content_draw(struct law_random *random, struct iso_coming *write)
{
    static const char *const values[] = {"", "a", "b", "ba"};
    write->operation = law_percent(random, 70) ? ISO_PUT : ISO_DELETE;
    if (write->operation == ISO_PUT)
        write->value = iso_bytes_text(values[law_draw(random, 4)]);
    write->has_expiry = write->operation == ISO_PUT && law_percent(random, 20);
    write->expiry_ms = write->has_expiry ? 98 + law_draw(random, 14) : 0;
}

static uint8_t *name_add(uint8_t *names, struct iso_names *read,
                         struct iso_version version)
{
    if (read->count < LAW_NAMES_MAX)
        iso_version_put(names + read->count++ * ISO_VERSION_SIZE, version);
    return names;
}

void law_plain_draw(struct law_random *random, struct iso_coming *write,
                    const struct iso_buf *context)
{
    static _Thread_local uint8_t names[LAW_NAMES_MAX * ISO_VERSION_SIZE];
    struct iso_context seen;
    content_draw(random, write);
    if (context == NULL)
        return;
    enum iso_err err = iso_context_decode(iso_buf_bytes(context), &seen, NULL);
    iso_assert(err == ISO_OK);
    write->read.data = names;
    for (size_t n = 0; n < seen.shown.count; n++)
        name_add(names, &write->read, iso_names_at(seen.shown, n));
    if (random->options->forged && law_percent(random, 50)) {
        for (size_t n = law_draw(random, 4) + 1; n > 0; n--)
            name_add(names, &write->read, law_version_forge(random));
    } else if (write->version.hlc <= seen.hlc) {
        write->version.hlc = seen.hlc + 1;
    }
}

void law_plain_added(struct law_random *random, size_t write)
{
    const struct iso_coming *w = &random->law.writes[write];
    enum iso_err err = random->options->resolver->admit(w, NULL);
    iso_assert(err == ISO_OK);
}

void law_plain_advance(struct law_random *random, size_t write, struct iso_buf *context)
{
    struct iso_version version = random->law.writes[write].version;
    uint8_t name[ISO_VERSION_SIZE];
    struct iso_context seen;
    enum iso_err err = iso_context_decode(iso_buf_bytes(context), &seen, NULL);
    iso_assert(err == ISO_OK);
    iso_version_put(name, version);
    seen.hlc = version.hlc > seen.hlc ? version.hlc : seen.hlc;
    seen.shown = (struct iso_names){name, 1};
    iso_buf_clear(context);
    iso_context_encode(&seen, context);
}

bool law_plain_child(const struct law_case *law, const struct iso_coming *w,
                     const struct iso_coming *c)
{
    if (iso_version_compare(c->version, w->version) <= 0)
        return false;
    if (!c->blind)
        return law_names_hold(c->read, w->version);
    return iso_node_region(c->version.node) == iso_node_region(w->version.node) &&
           law_before(law, w, c);
}

bool law_plain_has_child(const struct law_case *law, const struct iso_coming *w)
{
    for (size_t n = 0; n < law->count; n++)
        if (law_plain_child(law, w, &law->writes[n]))
            return true;
    return false;
}

void law_plain_print(const struct law_case *law, size_t write, struct iso_buf *text)
{
    const struct iso_coming *w = &law->writes[write];
    iso_buf_print(text, " '%.*s'%s", (int)w->value.size, (const char *)w->value.data,
                  w->blind ? " blind" : " read");
    if (!w->blind)
        law_names_print(w->read, text);
}
