/* keyfile.h - reads a settings file (GLib key file). A target of its own, iso_keyfile:
 * programs link it, services that link the libraries need not have GLib.
 */
#ifndef ISO_BASE_KEYFILE_H
#define ISO_BASE_KEYFILE_H

#include "base/settings.h"

/* Reads `path`, or when it is NULL $ISOSTASY_CONFIG, or /etc/isostasy/isostasy.conf,
 * into `settings`. Only an explicitly named file (path or variable) must exist.
 * ISO_SETTING with file and key; ISO_IO when it cannot be read. */
enum iso_err iso_keyfile_read(struct iso_settings *settings, const char *path,
                              struct iso_why *why);

#endif
