#!/usr/bin/env bash
# Three regions on one log: every command once, with what it prints and how it ends.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin smoke
kafka_start
settings eu us ap

for program in isostasy isostasyd; do
    expect 0 "$programs/$program" --version
    [[ $out == *"wire format 1"*librdkafka* ]] || fail "$program --version says: $out"
    expect 0 "$programs/$program" --help
    [[ $out == *Usage:* ]] || fail "$program --help says: $out"
done
expect 0 "$programs/isostasyd" --example
[[ $out == *"[cluster home]"* ]] || fail "the example has no cluster: $out"
proves "programs say what they are and how they are used"

create things --partitions 4
expect 0 iso region add us
equal "a region that is there" "$out" "region us has number 2"
expect 0 iso region list --json
[[ $out == *'{"number":3,"name":"ap"}'* ]] || fail "region list: $out"
create things --partitions 4 # may be done again
expect 73 iso collection create things --partitions 5
says "4 partitions" "another name"
expect 0 iso collection show things
[[ $out == *"partitions  4"*"topic things"*"eu us ap"* ]] || fail "collection show: $out"
expect 0 iso collection show things --json
[[ $out == *'"collection": "things"'* || $out == *'"collection":"things"'* ]] ||
    fail "collection show --json: $out"
expect 0 iso collection list
[[ $out == things* ]] || fail "collection list: $out"
proves "regions and collections are made, listed and shown, and making them again is harmless"

daemons_start
expect 0 iso put things colour green --region eu
[[ $out == "durable "*" in log 1, partition "*", offset "* ]] || fail "put says: $out"
for region in eu us ap; do
    reads "$region" colour green
done
proves "a put is read in every region"

# A session: read, write with its context, and what it replaced is no conflict.
expect 0 iso get things colour --region us --json
context=$(grep -o '"context":"[^"]*"' <<<"$out" | cut -d'"' -f4)
expect 0 iso put things colour blue --region us --context "$context" --json
[[ $out == *'"version":"'*'"context":"'* ]] || fail "put --json says: $out"
reads ap colour blue
# The same context once more, from another region: concurrent, so somebody loses.
expect 0 iso put things colour red --region ap --context "$context"
reads eu colour red
converge
for region in eu us ap; do
    expect 0 iso export things --region "$region" --conflicts
    [[ $out == colour*blue ]] || fail "the ledger of $region is: $out"
done
proves "a write with a context replaces what it saw and nothing else; what it did not see is in the ledger"

expect 0 iso delete things colour --region eu
lacks us colour
expect 1 iso get things colour --region us
says colour things us
expect 1 iso get things never --region us --json
[[ $out == *'"found":false'*'"context":"'* ]] || fail "get --json of a missing key: $out"
proves "a delete is seen in every region, and get of a missing key ends with 1"

iso put things fleeting soon --region eu --ttl 1s >/dev/null
iso put things lasting long --region eu --ttl 1h >/dev/null
reads ap lasting long
lacks ap fleeting
expect 0 iso get things lasting --region us --json
[[ $out == *'"expiry_ms":'* ]] || fail "get --json of a value with expiry: $out"
proves "what has expired is hidden, what has not is shown with its expiry"

printf 'a\\b\tc\n\x01' | iso put things 'schlüssel' - --region us >/dev/null
reads eu 'schlüssel' $'a\\b\tc\n\x01'
converge
exports
exports_equal
grep -qP '^schl\\xc3\\xbcssel\t[0-9a-f]{32}\ta\\x5cb\\x09c\\x0a\\x01$' "$work/eu.export" ||
    fail "the export escapes otherwise: $(cat "$work/eu.export")"
LC_ALL=C sort -c "$work/eu.export" || fail "the export is not in bytewise order"
expect 0 iso export things --region eu --json
[[ $out == *'"key":"lasting"'* ]] || fail "export --json: $out"
proves "exports are sorted, escaped and equal"

lines load 3000 500 deletes >"$work/lines"
expect 0 iso load things "$work/lines" --region ap --quiet --json
[[ $out == *'"durable":3000,"refused":0,"unknown":0'* ]] || fail "load says: $out"
printf '{"key":"x","value":{"n":[1,2]}}\nnonsense\n' >"$work/bad"
expect 65 iso load things "$work/bad" --region ap --quiet
says "line 2" '"key"'
reads us x '{"n":[1,2]}'
proves "load writes JSON lines and names the line that is none"

expect 0 iso wait things --caught-up -t 20s
expect 0 iso wait things --converged -t 20s --json
[[ $out == *'"state":"converged"'* ]] || fail "wait --json says: $out"
expect 0 iso lag things
[[ $out == *SOURCE*TARGET*eu*us* ]] || fail "lag says: $out"
expect 0 iso lag --watch --count 2 --json
[[ $out == *'"source_region":"eu"'* && $out == *'"records_behind":'* ]] || fail "lag --json: $out"
expect 0 iso lag things --explain
[[ $out == *"rule ok."*"PARTITION"*"FRONTIER"* ]] || fail "lag --explain says: $out"
expect 0 iso status
[[ $out == *"things: converged"*"6 of 6 pairs of regions are well"*"isostasy certificate v1: "* ]] ||
    fail "status says: $out"
expect 0 iso status things --json
[[ $out == *'"sum":{"state":"ok"'*'"certificate":"isostasy certificate'* ]] ||
    fail "status --json says: $out"
expect 0 iso top --count 1
[[ $out == *"APPLIED/S"*eu*us* ]] || fail "top says: $out"
expect 0 iso check
[[ $out == "ISOSTASY OK - 6 pairs"*"'things eu->us lag'=0.000s;"* ]] || fail "check says: $out"
expect 0 iso doctor
[[ $out == *"ok       things in ap"*$'\n0 failed, '* ]] || fail "doctor says: $out"
expect 64 iso check --warning never
expect 66 iso status nosuch
daemon_kill ap
iso put things after death --region eu >/dev/null
expect 1 iso wait things --converged -t 1s
says "not converged" lag
daemon_start ap
converge
proves "wait ends when the regions hold the same, and with 1 at its deadline"

# A record in the wrong partition, as a client with another partitioner writes it.
printf 'colour\tnever' | kcat -P -b "$servers" -t things -K $'\t' -p 0 -X acks=all
printf 'lasting\tnever' | kcat -P -b "$servers" -t things -K $'\t' -p 0 -X acks=all
dead() { iso dead-letter list | grep -q "things/0/"; }
await 15 "a dead letter is listed" dead
expect 0 iso dead-letter list --json
id=$(grep -o '"id":"[^"]*"' <<<"$out" | head -n 1 | cut -d'"' -f4)
expect 0 iso dead-letter show "$id"
[[ $out == *murmur2_random* && $out == *never* ]] || fail "dead-letter show says: $out"
expect 0 iso dead-letter replay "$id" --region us
for region in eu us ap; do
    reads "$region" "$(iso dead-letter show "$id" --json |
        grep -o '"key":"[^"]*"' | cut -d'"' -f4)" never
done
expect 1 iso dead-letter show things/0/999999
says "no dead letter" "dead-letter list"
proves "a refused record is listed with its remedy, shown, and replayed"

expect 64 iso frobnicate
says "no command 'frobnicate'" --help
expect 64 iso put things
expect 64 iso put things k v --region eu --frob
expect 64 iso wait things --converged --caught-up
proves "wrong usage ends with 64 and says so"

acks=("$work/lines")
judge
proves "the independent model holds the same as every region"
