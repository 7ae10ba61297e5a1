#!/usr/bin/env bash
# A daemon is killed (-9) twenty times under load, at random moments; nothing is lost, and
# nothing counts twice. Usage: kill.sh [SEED]
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

kills=20
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
begin kill
printf 'seed %s: repeat with tests/e2e/kill.sh %s\n' "$seed" "$seed"
RANDOM=$((seed % 32768))
kafka_start
settings eu us ap
create things --partitions 4
daemons_start
reads_anything() { iso get things first --region "$1"; }
iso put things first write --region eu >/dev/null
for region in "${regions[@]}"; do
    await 15 "$region applies" reads_anything "$region"
done

# Loads from all regions, and records of every kind from a writer of our own, for as long
# as daemons are being killed.
for region in "${regions[@]}"; do
    lines "$region" 12000 700 deletes >"$work/$region.lines"
    job_start "load-$region" load_slowly "$region" "$work/$region.lines" 150
done
job_start forge "$python" "$here/forge.py" --servers "$servers" --collection things \
    --seed "$seed" --count 4000 --rate 500 --acks "$work/forge.acks"

for ((n = 1; n <= kills; n++)); do
    victim=${regions[RANDOM % 3]}
    daemon_kill "$victim"
    # Between 0 and 0.4 s: before the store is open, while it is read, in the midst of a batch.
    pause "0.$(printf '%03d' $((RANDOM % 100)))"
    daemon_start "$victim"
    pause "0.$(printf '%03d' $((RANDOM % 500)))"
    ((n % 5)) || alive "${regions[@]}"
done
proves "$kills daemons killed, and started again"
for region in "${regions[@]}"; do
    job_wait "load-$region" 60
    grep -q '"refused":0,"unknown":0' "$work/load-$region.out" ||
        fail "load-$region: $(cat "$work/load-$region.out")"
done
job_wait forge 60
cat "$work/forge.out"
acks=("$work"/*.lines "$work/forge.acks")
judge
proves "exports, ledgers and counts are those of the logs; every acknowledged write is in them, once"
