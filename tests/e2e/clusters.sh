#!/usr/bin/env bash
# Two regions, each with a Kafka of its own, as they stand in two places. One of the two
# Kafkas dies, then the other, while both regions write: who can go on goes on, the monitor
# names the cluster and vouches for nothing that it cannot see, and healed, both hold the same.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin clusters
kafka_start
cluster_start west
settings eu us@west
create things --partitions 2 --logs per-region
expect 0 iso collection show things
[[ $out == *"things.eu "*"things.us "* ]] || fail "collection show says: $out"
daemons_start
monitor_start
for region in eu us; do
    lines "$region" 2000 200 deletes >"$work/$region.lines"
    job_start "load-$region" iso load things "$work/$region.lines" --region "$region" --quiet --json
done
job_wait load-eu 60
job_wait load-us 60
watches settled 30
watches verdict converged 10
proves "two Kafkas, a log in each: both regions apply both"

written() { # how many records the log of us has
    kcat -Q -b "${clusters[west]}" -t things.us:0:-1 -t things.us:1:-1 2>/dev/null |
        awk '{ n += $NF } END { print n + 0 }'
}
has_written() { (($(written) > $1)); }

# What stands in the west is away; eu's log and the control topic are not.
lines second 2000 200 deletes >"$work/second.lines"
job_start slow load_slowly us "$work/second.lines" 40
await 15 "the load begins" has_written "$(written)"
cluster_kill west
iso put things here alone --region eu >/dev/null
reads eu here alone
reads us here alone
alive eu us
watches verdict unknown,consistent 15 west
code=0
iso check things >"$work/check.out" || code=$?
((code != 0)) || fail "check finds nothing wrong: $(<"$work/check.out")"
cluster_again west
job_wait slow 90
watches settled 40
watches verdict converged 10
proves "without its own Kafka a region applies what the other writes, and catches up"

# The home cluster is away, and with it the control topic: who writes already goes on.
lines third 2000 200 deletes >"$work/third.lines"
job_start slow load_slowly us "$work/third.lines" 40
await 15 "the load begins" has_written "$(written)"
kafka_kill
await 15 "us writes without the home cluster" has_written $(($(written) + 200))
watches verdict unknown,consistent 15 home
alive eu us
kafka_again
job_wait slow 90
watches settled 40
iso put things last word --region us >/dev/null
reads eu last word
acks=("$work"/*.lines)
reap monitor 10 TERM
((code == 0)) || fail "the monitor ended with $code after SIGTERM"
judge
proves "without the control topic a region goes on; healed, all is the same, and the model's"
