#!/usr/bin/env bash
# The service files of deploy/systemd as systemd reads them, how much they leave open, and
# whether the image of deploy/Containerfile has the libraries that the programs need.
#
#   services.sh FOLDER      where the programs were built
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deploy=$(dirname "$(dirname "$here")")/deploy
programs=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

proves() { printf 'holds: %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# The files as they are installed, but for where the programs are.
for file in "$deploy"/systemd/*.service; do
    sed "s|^ExecStart=|ExecStart=$programs/|" "$file" >"$work/${file##*/}"
done
verify() { systemd-analyze verify --man=no "$work/$1" >"$work/out" 2>&1 && [[ ! -s $work/out ]]; }
for unit in isostasyd@eu.service isostasy-monitor.service; do
    verify "$unit" || fail "$unit: $(<"$work/out")"
done
for unit in isostasyd@.service isostasy-monitor.service; do
    # 20: 2.0 of 10, 10 being a service that may do everything
    systemd-analyze security --offline=yes --threshold=20 "$work/$unit" >"$work/out" ||
        fail "$unit leaves much open: $(tail -n 1 "$work/out")"
done
systemd-sysusers --dry-run "$deploy/systemd/isostasy.sysusers.conf" >/dev/null 2>"$work/out" ||
    fail "isostasy.sysusers.conf: $(<"$work/out")"
proves "systemd takes the service files, and they leave little open"

sed -i 's/^ProtectSystem=.*/ProtectSistem=strict/' "$work/isostasy-monitor.service"
! verify isostasy-monitor.service || fail "a setting of no name is not seen"
proves "the check finds a setting of no name"

# Debian's packages of the libraries that the programs are linked to.
packages() {
    local library
    for program in isostasy isostasyd isostasy-monitor; do
        objdump -p "$programs/$program" | awk '$1 == "NEEDED" { print $2 }'
    done | sort -u | grep -vE '^(libc|libm|libgcc_s|libasan|libubsan|ld-)' | while read -r library; do
        dpkg-query -S "*/$library" 2>/dev/null | cut -d: -f1 | head -n 1
    done | sort -u
}
[[ $(packages | wc -l) -ge 5 ]] || fail "the check does not see what programs are linked to"
for package in $(packages); do
    grep -qw -- "$package" "$deploy/Containerfile" || fail "the image lacks $package"
done
proves "the image has every library that the programs need"
