/* What was set stands in one array in the order in which it was first set, which is the
 * order of the named sections too; there are few, so a search walks it. A value is
 * checked against its row before it is kept, so asking cannot fail. */
#include "base/settings.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/option.h"

#define NAME_SIZE 33 /* [a-z0-9-]{1,32} */
#define KEY_SIZE 128 /* librdkafka's longest has 41 */
#define ENV_PREFIX "ISOSTASY_"
#define ENV_FILE "ISOSTASY_CONFIG" /* the key file reader's, not a setting */

/* One value that was set. */
struct setting {
    const struct iso_option *option;
    char *name; /* of the named section, else "" */
    char *key;  /* the option's, or kafka.NAME */
    char *value;
    int64_t number;
};

struct iso_settings {
    struct setting *all;
    size_t count;
    size_t room;
};

/* A setting's name, taken apart. */
struct address {
    char section[KEY_SIZE];
    char name[NAME_SIZE];
    char key[KEY_SIZE];
};

struct iso_settings *iso_settings_new(void)
{
    return iso_alloc_zero(1, sizeof(struct iso_settings));
}

struct iso_settings *iso_settings_copy(const struct iso_settings *settings)
{
    struct iso_settings *copy = iso_settings_new();
    copy->all = iso_alloc_zero(settings->count + 1, sizeof *copy->all);
    copy->count = settings->count;
    copy->room = settings->count + 1;
    for (size_t i = 0; i < settings->count; i++) {
        copy->all[i] = settings->all[i];
        copy->all[i].name = iso_strdup(settings->all[i].name);
        copy->all[i].key = iso_strdup(settings->all[i].key);
        copy->all[i].value = iso_strdup(settings->all[i].value);
    }
    return copy;
}

void iso_settings_free(struct iso_settings *settings)
{
    if (settings == NULL)
        return;
    for (size_t i = 0; i < settings->count; i++) {
        iso_free(settings->all[i].name);
        iso_free(settings->all[i].key);
        iso_free(settings->all[i].value);
    }
    iso_free(settings->all);
    iso_free(settings);
}

static struct setting *settings_find(const struct iso_settings *settings,
                                     const char *section, const char *name,
                                     const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        struct setting *at = &settings->all[i];
        if (strcmp(at->option->section, section) == 0 && strcmp(at->name, name) == 0 &&
            strcmp(at->key, key) == 0)
            return at;
    }
    return NULL;
}

static struct setting *settings_add(struct iso_settings *settings,
                                    const struct iso_option *option,
                                    const struct address *address)
{
    if (settings->count == settings->room) {
        size_t room = settings->room == 0 ? 16 : settings->room * 2;
        settings->all = iso_realloc(settings->all, room * sizeof settings->all[0]);
        settings->room = room;
    }
    struct setting *made = &settings->all[settings->count];
    *made = (struct setting){.option = option};
    settings->count++;
    made->name = iso_strdup(address->name);
    made->key = iso_strdup(address->key);
    return made;
}

/* Copies what stands before the next dot; false when it is empty or too long. */
static bool address_part(const char **at, char *part, size_t room)
{
    size_t size = strcspn(*at, ".");
    if (size == 0 || size >= room || (*at)[size] != '.')
        return false;
    memcpy(part, *at, size);
    part[size] = '\0';
    *at += size + 1;
    return true;
}

static bool name_is_good(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && size < NAME_SIZE && name[size] == '\0';
}

static enum iso_err section_unknown(const char *section, const char *place,
                                    struct iso_why *why)
{
    struct iso_nearest nearest = {.word = section};
    for (const struct iso_option *at = iso_options; at->section != NULL; at++)
        iso_nearest_try(&nearest, at->section);
    if (nearest.best != NULL)
        return iso_fail(why, ISO_SETTING,
                        "%s: there is no section \"%.40s\": did you mean \"%s\"?",
                        place, section, nearest.best);
    return iso_fail(why, ISO_SETTING,
                    "%s: there is no section \"%.40s\": see --help-settings", place,
                    section);
}

static enum iso_err key_unknown(const struct address *address, const char *place,
                                struct iso_why *why)
{
    struct iso_nearest nearest = {.word = address->key};
    for (const struct iso_option *at = iso_options; at->section != NULL; at++)
        if (strcmp(at->section, address->section) == 0)
            iso_nearest_try(&nearest, at->key);
    if (nearest.best != NULL)
        return iso_fail(why, ISO_SETTING,
                        "%s: section \"%s\" has no setting \"%.80s\": did you mean "
                        "\"%s\"?",
                        place, address->section, address->key, nearest.best);
    const char *hint = strcmp(address->section, "cluster") == 0
                           ? "librdkafka's begin with \"kafka.\"; "
                           : "";
    return iso_fail(
        why, ISO_SETTING,
        "%s: section \"%s\" has no setting \"%.80s\": %ssee --help-settings", place,
        address->section, address->key, hint);
}

static bool section_is_known(const char *section)
{
    for (const struct iso_option *at = iso_options; at->section != NULL; at++)
        if (strcmp(at->section, section) == 0)
            return true;
    return false;
}

/* "region.eu.store" → region, eu, store; "daemon.shards" → daemon, "", shards. */
static enum iso_err address_parse(struct address *address, const char *text,
                                  const char *place, struct iso_why *why)
{
    *address = (struct address){0};
    const char *at = text;
    if (!address_part(&at, address->section, sizeof address->section))
        return iso_fail(why, ISO_SETTING,
                        "%s: \"%.80s\" is not a setting: write section.key, as in "
                        "daemon.shards",
                        place, text);
    if (!section_is_known(address->section))
        return section_unknown(address->section, place, why);
    if (iso_option_section_named(address->section) &&
        (!address_part(&at, address->name, sizeof address->name) ||
         !name_is_good(address->name)))
        return iso_fail(
            why, ISO_SETTING,
            "%s: \"%.80s\" needs a name of 1 to 32 of a-z, 0-9 and - behind "
            "\"%s\": [%s NAME] in a file, %s.NAME.key on the command line",
            place, text, address->section, address->section, address->section);
    size_t size = strlen(at);
    if (size == 0 || size >= sizeof address->key)
        return iso_fail(why, ISO_SETTING,
                        "%s: \"%.80s\" has no setting's name behind \"%s\"", place,
                        text, address->section);
    memcpy(address->key, at, size + 1);
    return ISO_OK;
}

/* The row for `address`; refuses what may not be passed through to librdkafka. */
static enum iso_err address_option(const struct address *address, const char *place,
                                   const struct iso_option **option,
                                   struct iso_why *why)
{
    *option = iso_option_find(address->section, address->key);
    if (*option == NULL)
        return key_unknown(address, place, why);
    if (strcmp((*option)->key, ISO_OPTION_KAFKA_ALL) != 0)
        return ISO_OK;
    const char *name = address->key + strlen(ISO_OPTION_KAFKA);
    if (*name == '\0' || *name == '*')
        return iso_fail(why, ISO_SETTING,
                        "%s: \"%s\" names no setting of librdkafka: write kafka.NAME",
                        place, address->key);
    const char *reason = iso_option_kafka_denied(name);
    if (reason != NULL)
        return iso_fail(why, ISO_SETTING, "%s: \"%s\" may not be set: %s", place,
                        address->key, reason);
    return ISO_OK;
}

enum iso_err iso_settings_set(struct iso_settings *settings, const char *name,
                              const char *value, const char *place, struct iso_why *why)
{
    struct address address;
    const struct iso_option *option;
    enum iso_err err = address_parse(&address, name, place, why);
    if (err == ISO_OK)
        err = address_option(&address, place, &option, why);
    if (err != ISO_OK)
        return err;

    int64_t number;
    struct iso_why local;
    err = iso_option_check(option, value, &number, &local);
    if (err != ISO_OK)
        return iso_fail(why, err, "%s: %s: %s", place, name, local.text);

    struct setting *setting =
        settings_find(settings, address.section, address.name, address.key);
    if (setting == NULL)
        setting = settings_add(settings, option, &address);
    char *copy = iso_strdup(value);
    iso_free(setting->value);
    setting->value = copy;
    setting->number = number;
    return ISO_OK;
}

enum iso_err iso_settings_set_pair(struct iso_settings *settings, const char *pair,
                                   struct iso_why *why)
{
    char name[2 * KEY_SIZE];
    size_t size = strcspn(pair, "=");
    if (pair[size] != '=' || size >= sizeof name)
        return iso_fail(why, ISO_SETTING,
                        "-X: \"%.40s\" is not a setting: write section.key=value",
                        pair);
    memcpy(name, pair, size);
    name[size] = '\0';
    return iso_settings_set(settings, name, pair + size + 1, "-X", why);
}

/* The variable of a setting: DAEMON_MEMORY_MAX, without the prefix. */
static void env_name(const struct iso_option *option, char *name, size_t room)
{
    snprintf(name, room, "%s.%s", option->section, option->key);
    for (char *at = name; *at != '\0'; at++)
        *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
}

static enum iso_err env_unknown(const char *variable, struct iso_why *why)
{
    char names[64][KEY_SIZE];
    size_t count = 0;
    struct iso_nearest nearest = {.word = variable};
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        if (iso_option_section_named(at->section))
            continue;
        iso_assert(count < sizeof names / sizeof names[0]);
        env_name(at, names[count], sizeof names[count]);
        iso_nearest_try(&nearest, names[count]);
        count++;
    }
    if (nearest.best != NULL)
        return iso_fail(why, ISO_SETTING,
                        "the variable " ENV_PREFIX
                        "%.80s is no setting: did you mean " ENV_PREFIX "%s?",
                        variable, nearest.best);
    return iso_fail(why, ISO_SETTING,
                    "the variable " ENV_PREFIX "%.80s is no setting: unset it "
                    "(named sections are set in the file or with -X)",
                    variable);
}

/* `text` is one variable without the prefix: "DAEMON_SHARDS=4". */
static enum iso_err env_take(struct iso_settings *settings, const char *text,
                             struct iso_why *why)
{
    char variable[KEY_SIZE];
    size_t size = strcspn(text, "=");
    if (size >= sizeof variable)
        return env_unknown(text, why);
    memcpy(variable, text, size);
    variable[size] = '\0';
    for (const struct iso_option *at = iso_options; at->section != NULL; at++) {
        char name[KEY_SIZE];
        env_name(at, name, sizeof name);
        if (iso_option_section_named(at->section) || strcmp(name, variable) != 0)
            continue;
        char place[KEY_SIZE + 32];
        snprintf(place, sizeof place, "the variable " ENV_PREFIX "%s", variable);
        snprintf(name, sizeof name, "%s.%s", at->section, at->key);
        return iso_settings_set(settings, name, text + size + 1, place, why);
    }
    return env_unknown(variable, why);
}

enum iso_err iso_settings_set_environment(struct iso_settings *settings,
                                          struct iso_why *why)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        bool is_ours = strncmp(*at, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 &&
                       strncmp(*at, ENV_FILE "=", strlen(ENV_FILE) + 1) != 0;
        if (!is_ours)
            continue;
        enum iso_err err = env_take(settings, *at + strlen(ENV_PREFIX), why);
        if (err != ISO_OK)
            return err;
    }
    return ISO_OK;
}

static const struct iso_option *option_known(const char *section, const char *name,
                                             const char *key)
{
    const struct iso_option *option = iso_option_find(section, key);
    iso_assert(option != NULL);
    iso_assert(iso_option_section_named(section) == (name != NULL));
    return option;
}

const char *iso_settings_text(const struct iso_settings *settings, const char *section,
                              const char *name, const char *key)
{
    const struct iso_option *option = option_known(section, name, key);
    const struct setting *set = settings_find(settings, section, name ? name : "", key);
    return set != NULL ? set->value : option->fallback;
}

int64_t iso_settings_number(const struct iso_settings *settings, const char *section,
                            const char *name, const char *key)
{
    const struct iso_option *option = option_known(section, name, key);
    iso_assert(option->type != ISO_OPTION_TEXT && option->type != ISO_OPTION_CHOICE);
    const struct setting *set = settings_find(settings, section, name ? name : "", key);
    if (set != NULL)
        return set->number;
    int64_t number;
    iso_assert(option->fallback != NULL);
    iso_assert(iso_option_check(option, option->fallback, &number, NULL) == ISO_OK);
    return number;
}

/* True when no earlier setting belongs to the same named section. */
static bool setting_is_first(const struct iso_settings *settings, size_t index)
{
    const struct setting *setting = &settings->all[index];
    for (size_t i = 0; i < index; i++)
        if (strcmp(settings->all[i].option->section, setting->option->section) == 0 &&
            strcmp(settings->all[i].name, setting->name) == 0)
            return false;
    return true;
}

const char *iso_settings_name(const struct iso_settings *settings, const char *section,
                              int n)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *at = &settings->all[i];
        if (*at->name == '\0' || strcmp(at->option->section, section) != 0 ||
            !setting_is_first(settings, i))
            continue;
        if (n-- == 0)
            return at->name;
    }
    return NULL;
}

bool iso_settings_has(const struct iso_settings *settings, const char *section,
                      const char *name)
{
    const char *at;
    for (int n = 0; (at = iso_settings_name(settings, section, n)) != NULL; n++)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

enum iso_err
iso_settings_kafka(const struct iso_settings *settings, const char *cluster,
                   enum iso_err (*each)(void *user, const char *name, const char *value,
                                        struct iso_why *why),
                   void *user, struct iso_why *why)
{
    enum iso_err err = ISO_OK;
    for (size_t i = 0; err == ISO_OK && i < settings->count; i++) {
        const struct setting *at = &settings->all[i];
        if (strcmp(at->option->key, ISO_OPTION_KAFKA_ALL) == 0 &&
            strcmp(at->name, cluster) == 0)
            err = each(user, at->key + strlen(ISO_OPTION_KAFKA), at->value, why);
    }
    return err;
}
