/* GLib parses; what it does not keep, the line of a key, is found again in the text for
 * the error's sake. Values are taken raw: a backslash is a backslash. Memory here is
 * GLib's own (g_free), which aborts when there is none. */
#include "base/keyfile.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYFILE_DEFAULT "/etc/isostasy/isostasy.conf"
#define PLACE_MAX 300
#define NAME_MAX_BYTES 300

/* One file while it is read. */
struct keyfile {
    struct iso_settings *settings;
    const char *path;
    gchar *text;
    GKeyFile *parsed;
    struct iso_why *why;
};

/* Is the line `at`, blanks stripped, exactly `[group]`? */
static bool line_is_group(const char *at, size_t size, const char *group)
{
    size_t length = strlen(group);
    return size == length + 2 && at[0] == '[' && at[size - 1] == ']' &&
           memcmp(at + 1, group, length) == 0;
}

static bool line_is_key(const char *at, size_t size, const char *key)
{
    size_t length = strlen(key);
    if (size <= length || memcmp(at, key, length) != 0)
        return false;
    size_t blanks = strspn(at + length, " \t");
    return length + blanks < size && at[length + blanks] == '=';
}

/* The number of the last line that sets `key` in `group`, which is the one that counts;
 * 0 when there is none. */
static int keyfile_line(const struct keyfile *file, const char *group, const char *key)
{
    int found = 0;
    int number = 1;
    bool inside = false;
    for (const char *at = file->text; *at != '\0'; number++) {
        size_t whole = strcspn(at, "\n");
        size_t blanks = strspn(at, " \t");
        size_t size = whole > blanks ? whole - blanks : 0;
        while (size > 0 && strchr(" \t\r", at[blanks + size - 1]) != NULL)
            size--;
        if (size > 0 && at[blanks] == '[')
            inside = line_is_group(at + blanks, size, group);
        else if (inside && line_is_key(at + blanks, size, key))
            found = number;
        at += whole + (at[whole] == '\n');
    }
    return found;
}

/* "region eu" and "store" are the setting "region.eu.store". */
static enum iso_err keyfile_take(struct keyfile *file, const char *group,
                                 const char *key)
{
    char place[PLACE_MAX];
    snprintf(place, sizeof place, "%s:%d", file->path, keyfile_line(file, group, key));
    char name[NAME_MAX_BYTES];
    int length = snprintf(name, sizeof name, "%s.%s", group, key);
    if (length < 0 || (size_t)length >= sizeof name)
        return iso_fail(file->why, ISO_SETTING, "%s: the name is too long: shorten it",
                        place);
    char *blank = strchr(name, ' ');
    if (blank != NULL && blank < name + strlen(group))
        *blank = '.';
    gchar *value = g_key_file_get_value(file->parsed, group, key, NULL);
    if (value == NULL)
        return iso_fail(file->why, ISO_SETTING, "%s: %s has no value: give it one",
                        place, name);
    enum iso_err err =
        iso_settings_set(file->settings, name, g_strstrip(value), place, file->why);
    g_free(value);
    return err;
}

static enum iso_err keyfile_take_group(struct keyfile *file, const char *group)
{
    gchar **keys = g_key_file_get_keys(file->parsed, group, NULL, NULL);
    enum iso_err err = ISO_OK;
    for (gchar **key = keys; err == ISO_OK && key != NULL && *key != NULL; key++)
        err = keyfile_take(file, group, *key);
    g_strfreev(keys);
    return err;
}

static enum iso_err keyfile_parse(struct keyfile *file, size_t size)
{
    GError *error = NULL;
    file->parsed = g_key_file_new();
    if (!g_key_file_load_from_data(file->parsed, file->text, size, G_KEY_FILE_NONE,
                                   &error)) {
        iso_fail(file->why, ISO_SETTING,
                 "%s: %s (lines are [section], key = value, or # words)", file->path,
                 error->message);
        g_error_free(error);
        return ISO_SETTING;
    }
    gchar **groups = g_key_file_get_groups(file->parsed, NULL);
    enum iso_err err = ISO_OK;
    for (gchar **group = groups; err == ISO_OK && *group != NULL; group++)
        err = keyfile_take_group(file, *group);
    g_strfreev(groups);
    return err;
}

enum iso_err iso_keyfile_read(struct iso_settings *settings, const char *path,
                              struct iso_why *why)
{
    struct keyfile file = {.settings = settings, .path = path, .why = why};
    if (file.path == NULL)
        file.path = getenv("ISOSTASY_CONFIG");
    bool must_exist = file.path != NULL;
    if (file.path == NULL)
        file.path = KEYFILE_DEFAULT;

    GError *error = NULL;
    gsize size = 0;
    if (!g_file_get_contents(file.path, &file.text, &size, &error)) {
        bool absent = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        enum iso_err err = ISO_OK;
        if (must_exist || !absent)
            err = iso_fail(why, ISO_IO,
                           "the settings file cannot be read: %s: name another one "
                           "with --config or $ISOSTASY_CONFIG",
                           error->message);
        g_error_free(error);
        return err;
    }
    enum iso_err err = keyfile_parse(&file, size);
    g_key_file_free(file.parsed);
    g_free(file.text);
    return err;
}
