#!/usr/bin/env bash
# What was deleted is forgotten by itself, and does not come back. Half of the keys are
# deleted under load while one region is away for longer than before_max; meanwhile, in a
# collection whose logs are the regions' own, the log of the one that is away stands still.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin forget
keys=${ISO_E2E_KEYS:-100000}
kafka_start
settings eu us ap
iso region add eu >/dev/null
iso region add us >/dev/null
iso region add ap >/dev/null
iso collection create notes --partitions 1 --logs per-region --before-max 30s >/dev/null
create things --partitions 4 --before-max 30s
daemons_start

told() { # COLLECTION REGION NAME: a number of the region's in `isostasy status --json`
    iso status "$1" --json | "$python" -c '
import json, sys
for collection in json.load(sys.stdin)["collections"]:
    for region in collection["regions"]:
        if collection["collection"] == sys.argv[1] and region["region"] == sys.argv[2]:
            print(region[sys.argv[3]])' "$@"
}
is_told() { [[ $(told "$1" "$2" "$3") == "$4" ]]; } # COLLECTION REGION NAME NUMBER
puts() { # FIRST STEP
    awk -v n="$keys" -v i="$1" -v s="$2" 'BEGIN {
        for (; i < n; i += s) printf "{\"key\":\"k%d\",\"value\":\"v%d\"}\n", i, i }'
}
deletes() { puts "$@" | sed 's/"value":.*/"delete":true}/'; }

puts 0 1 >"$work/puts.lines"
deletes 1 2 >"$work/deletes.lines"
iso load things "$work/puts.lines" --region eu --quiet --json >"$work/load.out"
iso put notes a 1 --region us >/dev/null
iso put notes b 2 --region ap >/dev/null
converge 40
proves "$keys keys are in three regions"

# ap goes away; what it had seen is deleted.
daemon_kill ap
away=$SECONDS
lines meanwhile 40000 5000 >"$work/meanwhile.lines"
sed -i 's/"key":"k/"key":"m/' "$work/meanwhile.lines"
job_start meanwhile load_slowly us "$work/meanwhile.lines" 200
iso load things "$work/deletes.lines" --region eu --quiet --json >"$work/load.out"
iso delete notes a --region us >/dev/null
await 10 "eu counts what was deleted" not is_told things eu tombstones 0
explains() { [[ $(iso explain things k1 --region eu) == *"forgets "*"the floor has passed"* ]]; }
await 5 "explain says when a tombstone goes" explains
await 70 "eu has forgotten what was deleted" is_told things eu tombstones 0
await 10 "us has forgotten what was deleted" is_told things us tombstones 0
((SECONDS - away >= 30)) || fail "it was forgotten before before_max was over"
alive eu us
proves "tombstones go by themselves while a region is away, $((SECONDS - away)) s after they came"

held() { [[ $(iso status notes) == *"log 3 (partition 0) stands still and holds the floor"* ]]; }
await 40 "status names the log that stands still" held
is_told notes eu tombstones 1 || fail "notes were forgotten although log 3 stands still"
is_told notes eu floor_log 3 || fail "the floor of notes is not held by log 3"
proves "the log of the region that is away holds the floor back, and status says so"

daemon_start ap
for region in "${regions[@]}"; do
    await 30 "$region has forgotten notes" is_told notes "$region" tombstones 0
    await 30 "$region has forgotten things" is_told things "$region" tombstones 0
done
job_wait meanwhile 60
iso put things last word --region us >/dev/null
for region in "${regions[@]}"; do
    reads "$region" last word
    lacks "$region" k1
done
acks=("$work/puts.lines" "$work/deletes.lines" "$work/meanwhile.lines")
proves "the region came back, and forgets like the others"
converge 40
daemons_stop
exports
exports_equal
proves "all regions hold the same"
"$python" "$here/fold.py" --servers "$servers" --collection things --dir "$work" \
    eu --acks "${acks[@]}" || fail "the model disagrees"
for region in "${regions[@]}"; do
    ! grep -qE '^k[0-9]*[13579]	' "$work/$region.export" ||
        fail "$region has keys that were deleted"
    equal "keys that $region holds" "$(grep -c '^k' "$work/$region.export")" "$((keys / 2))"
done
proves "nothing returned anywhere, and nothing is left of what was deleted"
