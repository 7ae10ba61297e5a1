#!/usr/bin/env bash
# Avro values that are none, schemas that nobody can use, DEFINEs that change what stays:
# refused alike in every region, named with the remedy, and the rest goes on.
# Usage: refused.sh [SEED]
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin refused
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
printf 'seed %s: repeat with tests/e2e/refused.sh %s\n' "$seed" "$seed"
kafka_start
settings eu us ap
cat >"$work/first.avsc" <<'AVSC'
{"type": "record", "name": "Thing", "namespace": "tests", "fields": [
  {"name": "colour", "type": "string"},
  {"name": "weight", "type": ["null", "long"], "default": null}]}
AVSC
sed 's/"default": null}/&, {"name": "note", "type": "string", "default": "-"}/' \
    "$work/first.avsc" >"$work/second.avsc"
forge() { "$python" "$here/forge_avro.py" --servers "$servers" --seed "$((seed++))" "$@"; }
create things --partitions 4 --schema "$work/first.avsc"
forge --collection framed --create CONFLUENT --schema "$work/first.avsc"
daemons_start

green='{"colour": "green", "weight": {"long": 7}}'
both() { # COMMAND ARG…: for each of the collections
    for collection in things framed; do
        "$@"
    done
}
applied() { # KEY VALUE…: written in one region, read in all
    local region key=$1
    expect 0 iso put "$collection" "$key" "$2" --region "${regions[RANDOM % 3]}" "${@:3}"
    for region in "${regions[@]}"; do
        reads "$region" "$key" "$("$python" -c 'import json, sys
print(json.dumps(json.loads(sys.argv[1]), separators=(",", ":")))' "$2")"
    done
}
poison() { # NAME
    forge --collection "$collection" --poison "$work/$collection.$1" ||
        fail "the forge could not write"
}
letters() { iso dead-letter list | awk -v topic="$collection/" 'index($0, topic) == 1'; }
listed() { (($(letters | wc -l) >= $1)); }
named() { # NAME…: each refused record has one dead letter, which says what to do
    cat "${@/#/$work/$collection.}" >"$work/kinds"
    await 15 "every refusal of $collection has its dead letter" listed "$(wc -l <"$work/kinds")"
    letters >"$work/letters"
    awk -F'\t' 'NR == FNR { split($0, word, " "); letter[word[1]] = $0; next }
        !($1 in letter) { print $2 " (" $1 ") has no dead letter"; bad = 1; next }
        !index(letter[$1], $3) { print $2 ": no \"" $3 "\" in " letter[$1]; bad = 1 }
        END { exit bad }' "$work/letters" "$work/kinds" >"$work/wrong" || fail "$(<"$work/wrong")"
    equal "dead letters" "$(wc -l <"$work/letters")" "$(wc -l <"$work/kinds")"
}

told() { # COUNT: by every region, of each of the others
    (($(iso lag "$collection" --json | grep -c "\"refused\":$1,") == 6))
}
in_status() {
    await 10 "the status of $collection counts what was refused" \
        told "$(wc -l <"$work/$collection.first")"
}

both applied before "$green"
both poison first
both applied after "$green"
alive "${regions[@]}"
both named first
both in_status
proves "$(wc -l <"$work/things.first") kinds of bad values and DEFINEs, in Avro's and in Confluent's frame: each has one dead letter and counts in every region's status, and the keys behind it are applied"

while IFS=$'\t' read -r id kind words; do
    expect 0 iso dead-letter show "$id"
    [[ $out == *"$words"* && $out == *"collection framed"* ]] || fail "$kind: show says: $out"
done < <(grep -E 'truncated|unknown|does not parse|megabyte|nobody' "$work/framed.first")
proves "dead-letter show names the reason and the remedy"

# The definition with the schemas that nobody can use stands, and the next one comes.
collection=things
expect 0 iso schema list things
expect 1 iso schema register things "$work/second.avsc"
says "schema 3 of things cannot be used" "--compatibility NONE"
expect 0 iso schema register things "$work/second.avsc" --compatibility NONE
expect 0 iso schema list things --json
applied evolved '{"colour": "red", "weight": null, "note": "later"}'
number=$(iso schema list things | grep -c .)
expect 65 iso put things unusable '{}' --region eu --schema 3
says "cannot be used" --schema
applied older "$green" --schema 1
((number >= 5)) || fail "schema list shows only $number lines"
proves "a definition with schemas that nobody can use stops no key, no other schema and no register"

# A daemon that was not there, and one that reads all of it anew.
daemon_stop us
both poison second
daemon_stop ap
rm -rf "$work/store-ap"
daemon_start us
daemon_start ap
both converge
daemons_stop
both agree
daemons_start
both named first second
proves "who comes later, and who reads all of it anew, refuses the same"
daemons_stop
