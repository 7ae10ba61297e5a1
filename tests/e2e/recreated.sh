#!/usr/bin/env bash
# The topic of a log is deleted and made anew under running daemons, with at least as many
# records as there were: no Kafka client gets a sign of it. Every daemon stops the slices of
# that log by name, says where it differs, and goes on with everything else; started again,
# it stops before it has read anything; built anew from what the log now holds, it goes on.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin recreated
kafka_start
settings eu us ap
printf '[daemon]\nverify.interval = 5s\n' >>"$conf"
create others --partitions 2
create things --partitions 2
daemons_start
monitor_start
lines before 400 80 >"$work/before.lines"
iso load things "$work/before.lines" --region us --quiet --json >/dev/null
converge

# The daemons stand still meanwhile, as they do for a network that is gone for a while: none
# of them sees the topic gone, or short.
for region in "${regions[@]}"; do
    kill -STOP "${pids[$region]}"
done
"$python" "$here/anew.py" --servers "$servers" --topic things --more 300 >"$work/anew.out"
for region in "${regions[@]}"; do
    kill -CONT "${pids[$region]}"
done

stops() { # REGION
    log_says "$1" 'event=slice.stopped.*collection=things.*err=ISO_LOG_DIVERGED'
}
for region in "${regions[@]}"; do
    await 30 "the daemon of $region stops the slices of things" stops "$region"
    log_says "$region" 'slice.stopped.*from offset [0-9]+ on at the latest.*topic things was made anew' ||
        fail "the daemon of $region does not say what is wrong"
done
proves "every daemon finds a topic that was made anew under it, and names the offset"

status_says() {
    iso status things >"$work/status.out" 2>&1 || true
    grep -q 'is not what was read of it' "$work/status.out"
}
await 15 "isostasy status says why" status_says
watches is_in us eu parked 15 'not what was read of it'
watches is_in eu us parked 15 'not what was read of it'
watches is_in eu ap parked 15 'not what was read of it'
proves "isostasy status and the monitor say so"

alive "${regions[@]}"
collection=others
for region in "${regions[@]}"; do
    iso put others "$region" after --region "$region" >/dev/null
done
for region in "${regions[@]}"; do
    reads eu "$region" after
    reads ap "$region" after
done
converge
not log_says eu 'slice.stopped.*collection=others' || fail "others stopped as well"
proves "another collection goes on"

# Started again: nothing is applied before the newest record was read again.
daemons_stop
for region in "${regions[@]}"; do
    rm "$work/$region.log"
done
daemons_start
for region in "${regions[@]}"; do
    await 15 "the daemon of $region stops again" stops "$region"
done
proves "a daemon that is started again stops before it reads"

# What a person may decide: that the log is right, as it is now.
collection=things
daemons_stop
for region in "${regions[@]}"; do
    rm -r "$work/store-$region" "$work/$region.log"
done
daemons_start
iso put things again yes --region eu >/dev/null
converge
for region in "${regions[@]}"; do
    reads "$region" again yes
    not log_says "$region" 'slice.stopped' || fail "the daemon of $region stopped again"
done
watches settled 30
exports
exports_equal
proves "regions that are built anew read what the log holds now, and nobody stops"
