/* What the commands that watch share. */
#include "cli/watching.h"

#include <poll.h>
#include <stdio.h>

enum iso_err iso_cli_watching_open(struct cli *cli, const char *collection,
                                   int timeout_ms, struct cli_watching *watching)
{
    *watching = (struct cli_watching){.collection = collection};
    enum iso_err err =
        iso_monitor_open(cli->settings, timeout_ms, &watching->monitor, &cli->why);
    if (err != ISO_OK)
        return err;
    const struct iso_control *control = iso_monitor_control(watching->monitor);
    if (collection != NULL && iso_control_definition(control, collection, 0) == NULL)
        return iso_fail(&cli->why, ISO_NO_DEFINITION,
                        "there is no collection %s: see `isostasy collection list`",
                        collection);
    struct iso_watch_options options = {
        .interval_ms = CLI_LOOK_MS,
        .retention_warning_ms =
            iso_settings_number(cli->settings, "monitor", NULL, "retention.warning")};
    watching->watch = iso_watch_new(&options, iso_now_ms(&iso_clock_machine));
    return ISO_OK;
}

void iso_cli_watching_close(struct cli_watching *watching)
{
    iso_watch_free(watching->watch);
    iso_monitor_close(watching->monitor);
}

enum iso_err iso_cli_watching_look(struct cli *cli, struct cli_watching *watching,
                                   const struct iso_status **status)
{
    enum iso_err err =
        iso_monitor_refresh(watching->monitor, true, CLI_TIMEOUT_MS, &cli->why);
    iso_watch_look(watching->watch, watching->monitor, iso_now_ms(&iso_clock_machine));
    *status = iso_watch_status(watching->watch);
    return err;
}

void iso_cli_pause(int64_t until_ms)
{
    int64_t left_ms = until_ms - iso_steady_ms(&iso_clock_machine);
    if (left_ms > 0)
        poll(NULL, 0, (int)left_ms);
}

bool iso_cli_watching_wants(const struct cli_watching *watching, const char *name)
{
    return watching->collection == NULL || strcmp(watching->collection, name) == 0;
}

const char *iso_cli_ms_text(int64_t ms, char text[CLI_MS_TEXT])
{
    if (ms == ISO_UNKNOWN_MS)
        return "unknown";
    if (ms < 1000)
        snprintf(text, CLI_MS_TEXT, "%lldms", (long long)ms);
    else if (ms < 120000)
        snprintf(text, CLI_MS_TEXT, "%.1fs", (double)ms / 1000.0);
    else if (ms < 2 * 3600000)
        snprintf(text, CLI_MS_TEXT, "%lldm", (long long)(ms / 60000));
    else
        snprintf(text, CLI_MS_TEXT, "%lldh", (long long)(ms / 3600000));
    return text;
}

const char *iso_cli_records_text(const struct iso_lag_row *row, char text[CLI_MS_TEXT])
{
    if (row->records_behind == ISO_UNKNOWN_COUNT)
        return "unknown";
    snprintf(text, CLI_MS_TEXT, "%s%llu",
             row->records_exact ? "" : "<=", (unsigned long long)row->records_behind);
    return text;
}
