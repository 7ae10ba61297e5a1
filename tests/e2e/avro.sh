#!/usr/bin/env bash
# Values are Avro, given and shown as JSON; schemas evolve while daemons and writers run.
# Usage: avro.sh [SEED]
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin avro
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
printf 'seed %s: repeat with tests/e2e/avro.sh %s\n' "$seed" "$seed"
RANDOM=$((seed % 32768))
kafka_start
settings eu us ap
create orders --partitions 4 --logs per-region --schema "$here/order.avsc"
daemons_start

# Are two texts the same JSON, whatever the order of members?
json() { "$python" -c 'import json, sys
print(json.dumps(json.load(sys.stdin), sort_keys=True))'; }
shows() { # REGION KEY JSON [OPTION…]: get says that
    local region=$1 key=$2 wanted got until=$((SECONDS + 15))
    wanted=$(json <<<"$3")
    shift 3
    until got=$(iso get orders "$key" --region "$region" "$@" 2>&1) &&
        [[ $(json <<<"$got") == "$wanted" ]]; do
        ((SECONDS < until)) || fail "$key in $region is $got, not $wanted"
        pause
    done
}

# ---- JSON ----
order='{"id": 7, "customer": "Zoë ☂", "state": "PAID", "digest": "\u0000\u00ff\u0010A",
 "photo": "\u0000\u0001\u00fe", "price": {"tests.shop.Money": {"amount": 5, "currency": "EUR"}},
 "labels": {"none": null, "text": {"string": "x"}, "fee": {"tests.shop.Money": {"amount": 1, "currency": "CHF"}}},
 "lines": [{"what": "pear", "count": -3, "instead": {"tests.shop.Line": {"what": "fig", "count": 1, "instead": null}}},
 {"what": "", "count": 2147483647, "instead": null}], "at": 1700000000000, "stock": 9007199254740993}'
plain='{"id": 1, "customer": "", "state": "OPEN", "digest": "abcd", "photo": "", "price": null,
 "labels": {}, "lines": [], "at": -1, "stock": 0}'
expect 0 iso put orders rich "$order" --region eu
printf '%s' "$plain" | iso put orders plain - --region us >/dev/null
for region in "${regions[@]}"; do
    shows "$region" rich "$order"
    shows "$region" plain "$plain"
done
short=${plain/, \"stock\": 0/}
short=${short/ \"price\": null,/}
expect 0 iso put orders short "$short" --region ap # what is left out has a default
shows eu short "$plain"
proves "a value is given as Avro's JSON and shown as that in every region: unions, bytes, fixed, enums, records in records, maps, defaults"

wrong_json() { # WORDS JSON
    expect 65 iso put orders wrong "$2" --region eu
    # shellcheck disable=SC2086
    says $1
}
wrong_json "id int" "${plain/\"id\": 1/\"id\": \"one\"}"
wrong_json "id" "${plain/\"id\": 1/\"id\": 2147483648}"
wrong_json "customer" "${plain/\"customer\": \"\",/}"
wrong_json "state OPEN" "${plain/OPEN/SHUT}"
wrong_json "digest 4" "${plain/abcd/abc}"
wrong_json "photo" "${plain/\"photo\": \"\"/\"photo\": \"☂\"}"
wrong_json "price double" "${plain/\"price\": null/\"price\": 1.5}"
wrong_json "labels" "${plain/\"labels\": \{\}/\"labels\": []}"
wrong_json "lines" "${plain/\"lines\": []/\"lines\": [{\"what\": 1}]}"
wrong_json "colour" "${plain/\"id\": 1/\"id\": 1, \"colour\": 2}"
wrong_json "" "no JSON"
printf '{"key": "good", "value": %s}\n{"key": "wrong", "value": {"id": 1}}\n' \
    "$(json <<<"$plain")" >"$work/wrong.lines"
expect 65 iso load orders "$work/wrong.lines" --region eu --quiet
says "line 2" customer
printf '{"key": "wrong", "value": {"id": 1, "id": 2}}\n' >"$work/wrong.lines"
expect 65 iso load orders "$work/wrong.lines" --region eu --quiet
says "line 1" duplicate
shows us good "$plain"
converge
for region in "${regions[@]}"; do
    expect 1 iso get orders wrong --region "$region"
done
expect 0 iso dead-letter list
equal "dead letters" "$out" ""
proves "JSON that is not of the schema is refused with the field and what is wanted, and nothing is written"

expect 0 iso get orders rich --region ap --json
[[ $out == *'"value":{'*'"customer":"Zo'*'"schema":"'* ]] || fail "get --json says: $out"
expect 0 iso put orders tenth "${plain/\"price\": null/\"price\": {\"double\": 0.1\}}" --region eu
converge
expect 0 iso get orders tenth --region ap --json
[[ $out == *'"price":{"double":0.1},'* ]] || fail "get --json says: $out"
expect 0 iso export orders --region ap --json
equal "lines of export --json" "$(wc -l <<<"$out")" 5
[[ $out == *'"key":"plain"'*'"value":{'*'"state":"OPEN"'* ]] || fail "export --json says: $out"
expect 0 iso schema list orders
[[ $out == *tests.shop.Order* ]] || fail "schema list says: $out"
expect 0 iso schema show orders
equal "schema show" "$(json <<<"$out")" "$(json <"$here/order.avsc")"
expect 0 iso schema list orders --json
expect 0 iso collection show orders
[[ $out == *tests.shop.Order* ]] || fail "collection show says: $out"
proves "schemas are listed and shown as they were given"

# ---- evolution, under load ----
# The next version: a field more, one renamed, one wider, one symbol more.
evolve() { # OLD-OR-FILE CHANGE…: Python statements about `fields`
    "$python" - "$@" <<'PYTHON'
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
fields = {field["name"]: field for field in schema["fields"]}
for change in sys.argv[2:]:
    exec(change)
print(json.dumps(schema))
PYTHON
}
add='schema["fields"].append({"name": "%s", "type": "string", "default": "%s"})'
evolve "$here/order.avsc" 'fields["id"]["type"] = "long"' \
    'fields["customer"].update(name="client", aliases=["customer"])' \
    'fields["state"]["type"]["symbols"].append("LOST")' \
    "${add//%s/country}" >"$work/second.avsc"
rows() { # PREFIX COUNT VERSION
    awk -v p="$1" -v n="$2" -v second="$3" 'BEGIN {
        for (i = 0; i < n; i++) {
            printf "{\"key\":\"k%d\",\"value\":{\"id\":%d,", i * 7919 % 300,
                second ? 4294967296 + i : i
            printf "\"%s\":\"%s-%d\",", second ? "client" : "customer", p, i
            if (second) printf "\"country\":\"ch\","
            printf "\"state\":\"%s\",", second && i % 2 ? "LOST" : "SENT"
            printf "\"digest\":\"abcd\",\"photo\":\"\\u00%02x\",", i % 256
            printf i % 2 ? "\"price\":{\"double\":0.5}," : "\"price\":null,"
            printf "\"labels\":{\"a\":{\"string\":\"b\"}},\"lines\":[],\"at\":%d,\"stock\":1}}\n", i
        }
    }'
}
# One producer, opened before the new schema and writing on after it.
load_across() { # REGION FILE
    local chunk n=0
    while mapfile -n 50 -t chunk && ((${#chunk[@]})); do
        until ((n++ < 20)) || [[ -e $work/registered ]]; do pause; done
        printf '%s\n' "${chunk[@]}"
        pause 0.1
    done <"$2" | iso load orders --region "$1" --quiet --json
}
for region in "${regions[@]}"; do
    rows "$region-old" 2000 "" >"$work/$region-old.lines"
    rows "$region-new" 1500 1 >"$work/$region-new.lines"
    job_start "old-$region" load_across "$region" "$work/$region-old.lines"
done
pause 0.5
expect 0 iso schema check orders "$work/second.avsc"
expect 0 iso schema register orders "$work/second.avsc"
[[ $out == *"schema 2 of orders"* ]] || fail "schema register says: $out"
expect 0 iso schema register orders "$work/second.avsc"
[[ $out != *"stands in log"* ]] || fail "what stands in every log is written again: $out"
expect 0 iso schema register orders "$work/second.avsc" --again
[[ $out == *"definition 2 stands in log 3"* ]] || fail "register --again says: $out"
alive old-eu old-us old-ap
touch "$work/registered"
for region in "${regions[@]}"; do
    job_start "new-$region" load_slowly "$region" "$work/$region-new.lines" 50
done
job_start forge "$python" "$here/forge.py" --servers "$servers" --collection orders \
    --seed "$seed" --count 1500 --acks "$work/forge.acks" # also values that are none
next='{"id": 4294967297, "client": "", "state": "OPEN", "digest": "abcd", "photo": "",
 "price": null, "labels": {}, "lines": [], "at": -1, "stock": 0, "country": "country"}'
expect 0 iso put orders second "${next/\"OPEN\"/\"LOST\"}" --region us
for region in "${regions[@]}"; do
    shows "$region" second "${next/\"OPEN\"/\"LOST\"}"
    shows "$region" plain "$plain"
done
alive "${regions[@]}"
for region in "${regions[@]}"; do
    for job in "old-$region" "new-$region"; do
        job_wait "$job" 40
        grep -q '"refused":0,"unknown":0' "$work/$job.out" || fail "$job: $(<"$work/$job.out")"
    done
done
job_wait forge 30
proves "a schema is registered under load: who writes by the old one goes on, by the new one is applied in every region"

# ---- read by another version ----
shows ap plain "${next/4294967297/1}" --schema 2
expect 1 iso get orders second --region ap --schema 1
says customer default
evolve "$work/second.avsc" 'fields["id"]["type"] = "double"' \
    'schema["fields"] = [fields["id"], fields["state"]]' \
    'fields["state"]["type"]["symbols"] = ["OPEN"]' >"$work/reader.avsc"
shows eu second '{"id": 4294967297.0, "state": "OPEN"}' --schema "$work/reader.avsc"
expect 0 iso export orders --region us --json --schema "$work/reader.avsc"
[[ $out == *'"key":"second"'* && $out != *client* ]] || fail "export --schema says: ${out:0:500}"
proves "readers see either version by their own: defaults, aliases, wider numbers, the enum's default; and what cannot be read is named"

# ---- what does not go together ----
evolve "$work/second.avsc" \
    'schema["fields"].append({"name": "urgent", "type": "boolean"})' >"$work/bad.avsc"
expect 1 iso schema check orders "$work/bad.avsc"
says urgent default
expect 1 iso schema register orders "$work/bad.avsc"
says urgent default BACKWARD
evolve "$work/second.avsc" 'fields["stock"]["merge"] = "min"' >"$work/rule.avsc"
expect 1 iso schema register orders "$work/rule.avsc" # of the same fingerprint
says stock max min
evolve "$work/second.avsc" 'fields["stock"]["default"] = 1' >"$work/other.avsc"
expect 73 iso schema register orders "$work/other.avsc"
says fingerprint
evolve "$work/rule.avsc" "${add//%s/rule}" >"$work/ruled.avsc"
mv "$work/ruled.avsc" "$work/rule.avsc"
for mode in backward backward_transitive forward forward_transitive full full_transitive none; do
    expect 1 iso schema register orders "$work/rule.avsc" --compatibility "$mode"
    says stock max min
done
expect 65 iso schema register orders "$work/wrong.lines"
says wrong.lines
expect 0 iso schema list orders --json
[[ $out != *urgent* && $(grep -o '"fingerprint"' <<<"$out" | wc -l) == 2 ]] || fail "schema list: $out"
proves "an incompatible schema is refused with field, reason and remedy; another merge rule in every mode"

# ---- interrupted, and at the same time ----
begun=0 done=0 # how far it came before it was killed
for ((n = 1; n <= 10; n++)); do
    evolve "$work/second.avsc" "${add//%s/extra$n}" >"$work/extra$n.avsc"
    job_start register iso schema register orders "$work/extra$n.avsc"
    pause "0.$(printf '%03d' $((RANDOM % 250)))"
    kill_all "${pids[register]}" 2>/dev/null || true # it, and the shell around it
    reap_quietly "${pids[register]}" 5 2>/dev/null
    unset "pids[register]"
    ((n % 3)) || expect 0 iso put orders between "${next/\"country\"\}/\"$n\"\}}" --region ap
    expect 0 iso schema register orders "$work/extra$n.avsc"
    [[ $out == *"schema $((n + 2)) of orders"* ]] || fail "register $n, again: $out"
    case $out in
    *"stands in log"*"was there already"*) begun=$((begun + 1)) ;;
    *"was there already"*) done=$((done + 1)) ;;
    esac
done
proves "register is killed 10 times ($((10 - begun - done)) before it announced, $begun between, $done after), and done again"
for name in one two; do
    evolve "$work/second.avsc" "${add//%s/$name}" >"$work/$name.avsc"
    job_start "register-$name" iso schema register orders "$work/$name.avsc" --json
done
for name in one two; do
    job_wait "register-$name" 20
done
expect 0 iso schema list orders --json
equal "schemas" "$(grep -o '"fingerprint"' <<<"$out" | wc -l)" 14
cat "$work"/register-*.out | grep -o '"schema":[0-9]*' | sort -u >"$work/numbers"
equal "numbers" "$(paste -sd' ' "$work/numbers")" '"schema":13 "schema":14'
proves "two registers at the same time: each gets a number of its own"

expect 0 iso put orders last "${next%\}*}, \"one\": \"one\"}" --region eu --schema 13
expect 0 iso put orders last "${next%\}*}, \"two\": \"here\"}" --region eu --schema 14
for region in "${regions[@]}"; do
    shows "$region" last "${next%\}*}, \"two\": \"here\"}"
done
expect 0 iso dead-letter list
[[ $out != *"is in force"* ]] || fail "a DEFINE was refused: $(grep "is in force" <<<"$out")"
acks=("$work"/*-{old,new}.lines "$work/forge.acks")
judge
proves "every region holds what an independent Avro makes of the logs"
