#!/usr/bin/env bash
# Each region writes a log of its own, every daemon reads all three: same data, same ledgers.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin per_region
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
printf 'seed %s: repeat with tests/e2e/per_region.sh %s\n' "$seed" "$seed"
kafka_start
settings eu us ap
create things --partitions 4 --logs per-region
expect 0 iso collection show things
[[ $out == *"topic things.eu "*"topic things.us "*"topic things.ap "* ]] ||
    fail "collection show says: $out"

# One daemon from the beginning, one that comes in the middle, one only at the end: each
# reads the logs in another order.
daemon_start eu
for region in "${regions[@]}"; do
    lines "$region" 4000 400 deletes >"$work/$region.lines"
    job_start "load-$region" iso load things "$work/$region.lines" --region "$region" --quiet --json
done
job_start forge "$python" "$here/forge.py" --servers "$servers" --collection things \
    --seed "$seed" --count 3000 --acks "$work/forge.acks"
job_wait load-eu 60
daemon_start us
for job in load-us load-ap forge; do
    job_wait "$job" 60
done
cat "$work/forge.out"
daemon_start ap
iso put things last word --region us >/dev/null
for region in "${regions[@]}"; do
    reads "$region" last word
done
acks=("$work"/*.lines "$work/forge.acks")
judge
[[ -s $work/eu.ledger ]] || fail "three regions wrote the same keys, and nobody lost"
proves "three logs, read in three orders: exports and ledgers are the same, and those of the model"
