#!/usr/bin/env bash
# Kafka is stopped and started under load, cleanly and by kill -9: writers wait and lose
# nothing, daemons go on by themselves.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin restart
kafka_start
settings eu us ap
create things --partitions 4
daemons_start
iso put things before restart --region eu >/dev/null
reads ap before restart

for region in "${regions[@]}"; do
    lines "$region" 9000 500 deletes >"$work/$region.lines"
    job_start "load-$region" load_slowly "$region" "$work/$region.lines" 90
done
pause 1
kafka_stop
alive "${regions[@]}" load-eu load-us load-ap
proves "Kafka is stopped under load: daemons and writers live"
kafka_again
moves() { [[ $(iso get things "$1" --region us) == "$2" ]]; }
expect 0 iso put things between restarts --region eu
await 20 "us applies again" moves between restarts

# Killed: what the broker had not written is sent again, and counts once.
kafka_kill
pause 0.5
kafka_again
expect 0 iso put things after restarts --region us
for region in "${regions[@]}"; do
    reads "$region" after restarts
    job_wait "load-$region" 60
    grep -q '"durable":9000,"refused":0,"unknown":0' "$work/load-$region.out" ||
        fail "load-$region: $(<"$work/load-$region.out")"
done
alive "${regions[@]}"
proves "Kafka is killed and comes back: every write becomes durable"
acks=("$work"/*.lines)
judge
proves "nothing was lost and nothing counts twice"
