/* A plug-in is its open file and a child that is asked. Siblings come newest first, as
 * resolvers show them, and are given by version, ascending, as authors are told: so
 * they are turned around here.
 *
 * How it can fail: see plugin.h; a child that fails is started anew by the next
 * question. */
#include "consumer/plugin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "schema/part.h"

enum { TIMEOUT_MS = 1000, MEMORY_MAX = 256 << 20, MEMORY_MIN = 128 << 20 };
enum { CHECKS = 1000 };

const char *iso_plugin_name(const struct iso_plugin_child *child)
{
    return child->name;
}

void iso_plugin_report_release(struct iso_plugin_report *report)
{
    for (size_t n = 0; n < ISO_PLUGIN_SIBLINGS_MAX; n++)
        iso_buf_release(&report->siblings[n].value);
    for (size_t n = 0; n < 2; n++)
        iso_buf_release(&report->shown[n]);
    *report = (struct iso_plugin_report){0};
}

void iso_plugin_close(struct iso_plugin_child *child)
{
    if (child == NULL)
        return;
    iso_plugin_child_stop(child);
    close(child->file);
    iso_buf_release(&child->question);
    iso_schemas_free(child->schemas);
    iso_free(child->path);
    iso_free(child->host);
    iso_free(child);
}

/* ---- opening ---- */

static struct iso_plugin_child *child_new(const struct iso_plugin_options *options,
                                          int file)
{
    struct iso_plugin_child *child = iso_alloc_zero(1, sizeof *child);
    child->file = file;
    child->path = iso_strdup(options->path);
    child->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    child->memory_max = options->memory_max > 0 ? options->memory_max : MEMORY_MAX;
    if (child->memory_max < MEMORY_MIN)
        child->memory_max = MEMORY_MIN;
    return child;
}

static enum iso_err host_choose(struct iso_plugin_child *child, const char *given,
                                struct iso_why *why)
{
    struct iso_buf found = {0};
    enum iso_err err = given == NULL ? iso_plugin_host_find(&found, why) : ISO_OK;
    if (err == ISO_OK)
        child->host = iso_strdup(given != NULL ? given : iso_buf_text(&found));
    iso_buf_release(&found);
    return err;
}

/* Starts it, and looks at what it is called. */
static enum iso_err child_meet(struct iso_plugin_child *child, const char *name,
                               struct iso_plugin_report *report, struct iso_why *why)
{
    enum iso_err err = iso_plugin_child_start(child, why);
    if (err != ISO_OK)
        return err;
    snprintf(report->name, sizeof report->name, "%s", child->name);
    snprintf(report->words, sizeof report->words, "%s", child->words);
    if (name != NULL && strcmp(name, child->name) != 0)
        return iso_fail(why, ISO_BAD_DATA,
                        "it calls itself %s and not %s: name the plug-in that the "
                        "collection's resolver means",
                        child->name, name);
    return ISO_OK;
}

enum iso_err iso_plugin_open_file(const struct iso_plugin_options *options, int file,
                                  struct iso_plugin_child **opened, struct iso_why *why)
{
    struct iso_plugin_report own = {0};
    struct iso_plugin_report *report = options->report != NULL ? options->report : &own;
    struct iso_plugin_child *child = child_new(options, file);
    iso_plugin_report_release(report);
    enum iso_err err = host_choose(child, options->host, why);
    if (err == ISO_OK)
        err = child_meet(child, options->name, report, why);
    child->definition = options->definition;
    if (err == ISO_OK)
        err = iso_plugin_check(child, options->checks > 0 ? options->checks : CHECKS,
                               options->seed, report, why);
    child->definition = NULL;
    iso_plugin_report_release(&own);
    if (err == ISO_OK) {
        *opened = child;
        return ISO_OK;
    }
    iso_fail_at(why, err, "plug-in %.200s", options->path);
    iso_plugin_close(child);
    return err;
}

enum iso_err iso_plugin_open(const struct iso_plugin_options *options,
                             struct iso_plugin_child **child, struct iso_why *why)
{
    int file, root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return iso_fail(why, ISO_IO, "/: %s", strerror(errno));
    enum iso_err err = iso_plugin_path_open(root, options->path, geteuid(), &file, why);
    close(root);
    return err != ISO_OK ? err : iso_plugin_open_file(options, file, child, why);
}

/* ---- asking ---- */

enum iso_err iso_plugin_ask(struct iso_plugin_child *child,
                            const struct iso_held *siblings, size_t count,
                            struct iso_buf *answer, struct iso_why *why)
{
    struct iso_plugin_got got = {.bytes = *answer};
    struct iso_plugin_given *given = iso_alloc_zero(count + 1, sizeof *given);
    for (size_t n = 0; n < count; n++) {
        const struct iso_held *from = &siblings[count - 1 - n];
        given[n] = (struct iso_plugin_given){from->version, from->value};
    }
    enum iso_err err = iso_plugin_child_merge(child, given, count, &got, why);
    iso_free(given);
    *answer = got.bytes;
    if (err != ISO_OK)
        iso_fail_at(why, err, "plug-in %s", child->name);
    return err;
}
