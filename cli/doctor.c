/* isostasy doctor: looks at everything that can be wrong and says of each finding what
 * to do. It changes nothing; with --write it sends a heartbeat in every region of the
 * settings, which is what shows that a service there could write. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const level_names[] = {[DOCTOR_OK] = "ok",
                                          [DOCTOR_NOTE] = "note",
                                          [DOCTOR_WARNING] = "warning",
                                          [DOCTOR_FAILURE] = "failure"};

void iso_doctor_find(struct doctor *doctor, enum doctor_level level,
                     const char *subject, const char *what, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    doctor->counts[level]++;
    if (doctor->json)
        iso_cli_print_json(json_pack("{s:s, s:s, s:s}", "level", level_names[level],
                                     "subject", subject, "finding", text));
    else
        printf("%-8s %-24s %s\n", level_names[level], subject, text);
    fflush(stdout); /* a question may take its time: what is known is shown */
}

void iso_doctor_err(struct doctor *doctor, const char *subject, enum iso_err err,
                    const char *well)
{
    if (err == ISO_OK)
        iso_doctor_find(doctor, DOCTOR_OK, subject, "%s", well);
    else
        iso_doctor_find(doctor, DOCTOR_FAILURE, subject, "%s", doctor->cli->why.text);
}

static const struct argp_option doctor_options[] = {
    {"write", 'w', NULL, 0,
     "Send a heartbeat to the log of each region of the settings, to see that writing "
     "is allowed and admitted",
     0},
    {0},
};

static error_t doctor_option(int key, char *value, struct argp_state *state)
{
    struct doctor *doctor = state->input;
    (void)value;
    if (key != 'w')
        return ARGP_ERR_UNKNOWN;
    doctor->write = true;
    return 0;
}

enum iso_err iso_cli_doctor(struct cli *cli, int argc, char **argv)
{
    struct doctor doctor = {.cli = cli};
    struct cli_given given = {0};
    const struct cli_syntax syntax = {.takes = CLI_JSON,
                                      .options = doctor_options,
                                      .parser = doctor_option,
                                      .input = &doctor};
    iso_cli_parse(&syntax, argc, argv, &given);
    doctor.json = given.json;
    iso_doctor_kafka(&doctor);
    iso_doctor_regions(&doctor);
    if (!doctor.json)
        printf("%zu failed, %zu warned of, %zu well\n", doctor.counts[DOCTOR_FAILURE],
               doctor.counts[DOCTOR_WARNING], doctor.counts[DOCTOR_OK]);
    cli->why.text[0] = '\0'; /* it was said */
    cli->has_exit_status = true;
    cli->exit_status = doctor.counts[DOCTOR_FAILURE] > 0;
    return ISO_OK;
}
