#!/usr/bin/env bash
# Records that nobody may apply are set aside, named, and the rest goes on; every region
# refuses the same ones.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin poison
kafka_start
settings eu us ap
create things --partitions 4
daemons_start
iso put things before poison --region eu >/dev/null
forge() { "$python" "$here/forge.py" --servers "$servers" --collection things "$@"; }
forge --poison "$work/poison" || fail "the forge could not write"
kinds=$(wc -l <"$work/poison")
iso put things after poison --region us >/dev/null
for region in "${regions[@]}"; do
    reads "$region" before poison
    reads "$region" after poison
done
alive "${regions[@]}"
proves "$kinds kinds of poison, and the keys behind them are applied"

listed() { (($(iso dead-letter list --json | wc -l) >= kinds)); }
await 15 "$kinds dead letters are listed" listed
iso dead-letter list >"$work/letters"
while IFS=$'\t' read -r id kind words; do
    grep -F "$id " "$work/letters" >"$work/letter" || fail "$kind ($id) has no dead letter"
    grep -qF "$words" "$work/letter" || fail "$kind: '$words' is not in: $(<"$work/letter")"
    expect 0 iso dead-letter show "$id"
    [[ $out == *"collection things"* ]] || fail "$kind: show says: $out"
    expect 0 iso dead-letter show "$id" --json
    "$python" -m json.tool <<<"$out" >/dev/null || fail "$kind: show --json says: $out"
done <"$work/poison"
equal "dead letters" "$(wc -l <"$work/letters")" "$kinds"
proves "each has one dead letter, which says what to do"

replayable() { grep -F "$1" "$work/poison" | head -n 1 | cut -f 1; }
id=$(replayable "plain, wrong partition")
key=$(iso dead-letter show "$id" --json | grep -o '"key":"[^"]*"' | cut -d'"' -f4)
expect 0 iso dead-letter replay "$id" --region ap
for region in "${regions[@]}"; do
    reads "$region" "$key" v
done
expect 65 iso dead-letter replay "$(replayable "plain, no key")" --region ap
says "no key"
expect 65 iso dead-letter replay "$(replayable "value too large")" --region ap
says "cut"
proves "what can be replayed is written anew; what cannot says why"

# A daemon that was not there when they came refuses the same.
daemon_stop ap
forge --poison "$work/more"
daemon_start ap
judge
kinds=$((kinds * 2))
await 15 "the same letters, from one region only" listed
equal "dead letters" "$(iso dead-letter list | wc -l)" "$kinds"
proves "all regions refuse alike"
