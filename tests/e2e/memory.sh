#!/usr/bin/env bash
# A daemon stays below 512 MiB while a million records wait for it, and while large ones do.
# Pages of the store's file, which the kernel may take back at any moment, do not count.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

records=${ISO_E2E_RECORDS:-1000000}
keys=100000
bound=$((512 * 1024))
begin memory
kafka_start
settings eu
create things --partitions 8
create large --partitions 8
collection=things

most=0
watch() { # UNTIL-COMMAND…: samples the daemon's own memory until it succeeds
    local until=$((SECONDS + 60)) now name rest
    most=0
    until "$@" >/dev/null 2>&1; do
        while read -r name now rest; do
            [[ $name != RssAnon: ]] || ((now <= most)) || most=$now
        done <"/proc/${pids[eu]}/status"
        ((SECONDS < until)) || fail "the daemon does not catch up"
        alive eu
    done
}
below() { # WHAT
    ((most < bound)) || fail "$1: the daemon took $((most / 1024)) MiB, not below 512"
    proves "$1: at most $((most / 1024)) MiB"
}

awk -v n="$records" -v k="$keys" 'BEGIN { for (i = 0; i < n; i++)
    printf "{\"key\":\"key-%08d\",\"value\":\"%d: about a hundred bytes, as records of \
services often are, so that a million of them are real\"}\n", i % k, i }' |
    iso load things --region eu --quiet --json >"$work/load.out"
grep -q "\"durable\":$records,\"refused\":0,\"unknown\":0" "$work/load.out" ||
    fail "load says: $(<"$work/load.out")"
last=$(printf 'key-%08d' $(((records - 1) % keys)))
arrived() { [[ $(iso get things "$last" --region eu) == "$((records - 1)): "* ]]; }
daemon_start eu
watch arrived
below "$records records waited"
converge
equal "keys" "$(iso export things --region eu | wc -l)" "$keys"
daemon_stop eu

# Large ones, which a bound by number alone would let in by the gigabyte. Their bytes do
# not compress: what does is one small message on the wire and becomes hundreds of megabytes
# inside the Kafka client, before anybody can look at it.
count=500
head -c 675000 /dev/urandom | base64 -w 0 >"$work/value"
awk -v n="$count" -v file="$work/value" 'BEGIN {
    getline value <file
    for (i = 0; i < n; i++)
        printf "{\"key\":\"large-%d\",\"value\":\"%d%s\"}\n", i, i, value }' |
    iso load large --region eu --quiet --json >"$work/large.out"
caught_up() { iso wait large --caught-up -t 1s; }
daemon_start eu
watch caught_up
below "$count records of 900 kB waited"
equal "large records" "$(iso export large --region eu | wc -l)" "$count"
