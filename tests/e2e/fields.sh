#!/usr/bin/env bash
# What concurrent writes mean, as people meet it: a cart on two machines during a cut, a
# profile, a counter under kill -9, sets, siblings; and who says why.
# Usage: fields.sh [SEED]
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin fields
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
printf 'seed %s: repeat with tests/e2e/fields.sh %s\n' "$seed" "$seed"
RANDOM=$((seed % 32768))
kafka_start
settings eu us ap
create carts --resolver fields --schema "$root/examples/cart.avsc" --logs per-region --partitions 2
create profiles --resolver fields --schema "$root/examples/profile.avsc" --partitions 2
create notes --resolver siblings --logs per-region --partitions 2
daemons_start
forge() { "$python" "$here/forge_patch.py" --servers "$servers" --collection "$collection" "$@"; }

# Are these members in what each line holds? (null: there is no such member)
cat >"$work/members.py" <<'PYTHON'
import json, sys
wanted = json.loads(sys.argv[1])
for line in sys.stdin:
    got = json.loads(line)
    for name, value in wanted.items():
        if got.get(name) != value:
            sys.exit("%s is %r, not %r" % (name, got.get(name), value))
PYTHON

sees() { # REGION KEY JSON: waits until the region shows a record with these members
    local until=$((SECONDS + 15))
    until iso get "$collection" "$2" --region "$1" >"$work/got" 2>&1 &&
        "$python" "$work/members.py" "$3" <"$work/got" >"$work/members" 2>&1; do
        ((SECONDS < until)) || fail "$2 in $1: $(tail -n 1 "$work/members"): $(<"$work/got")"
        pause
    done
}
all_see() { # KEY JSON: and it is the same in all, to the last byte
    local region
    for region in "${regions[@]}"; do
        sees "$region" "$@"
    done
    converge
    exports
    exports_equal
}
context() { # REGION KEY: what a reader there was shown
    iso get "$collection" "$2" --region "$1" --json >"$work/context" || true
    grep -o '"context":"[^"]*"' "$work/context" | cut -d'"' -f4
}
patch() { # REGION KEY OPERATION…
    iso patch "$collection" "$2" --region "$1" "${@:3}" >"$work/ack" 2>"$work/ack.err" ||
        fail "patch $*: $(<"$work/ack.err")"
}
is_json() { "$python" -c 'import json, sys
[json.loads(line) for line in open(sys.argv[1])]' "$work/expect.out" || fail "not JSON: $out"; }
ledger_is() { # ROWS
    local region
    converge
    for region in "${regions[@]}"; do
        iso conflicts list "$collection" --region "$region" >"$work/$region.conflicts"
        equal "conflicts of $collection in $region" "$(wc -l <"$work/$region.conflicts")" "$1"
    done
    same_files "conflicts list" "$work/eu.conflicts" "$work/us.conflicts"
    same_files "conflicts list" "$work/eu.conflicts" "$work/ap.conflicts"
}

# ---- a cart, on the phone (eu) and on the laptop (us) ----
collection=carts
expect 0 iso put carts ada '{"items": {}, "note": "for Sunday"}' --region eu
patch eu ada 'items["tea"] += 3' 'items["milk"] += 1'
all_see ada '{"items": {"tea": 3, "milk": 1}, "note": "for Sunday"}'
daemon_stop us
patch eu ada 'items["tea"] += 2' 'items["bread"] += 1'
sees eu ada '{"items": {"tea": 5, "milk": 1, "bread": 1}}'
patch us ada 'items["tea"] -= 1' 'items["bread"] += 4' # by what stood in us before the cut
sees us ada '{"items": {"tea": 3, "milk": 1}}'
sees eu ada '{"items": {"tea": 4, "milk": 1, "bread": 5}}'
daemon_start us
all_see ada '{"items": {"tea": 4, "milk": 1, "bread": 5}, "note": "for Sunday"}'
ledger_is 0
proves "a cart that was edited in two regions during a cut shows the sum of both everywhere, and nothing lost"

daemon_stop us
patch eu ada 'items["tea"] unset'
sees eu ada '{"items": {"milk": 1, "bread": 5}}'
patch us ada 'items["tea"] += 7'
patch eu ada 'items["tea"] += 1' 'items["bread"] unset'
daemon_start us
all_see ada '{"items": {"tea": 8, "milk": 1}}'
proves "a member that was removed starts anew: what the remove had seen is gone, what it had not is counted"

# ---- a profile, whose picture changes elsewhere ----
collection=profiles
expect 0 iso put profiles ada '{"name": "Ada", "picture": {"string": "hat.png"}, "tags": ["maths"], "visits": 0, "last_seen": 0, "online": false}' --region eu
all_see ada '{"name": "Ada", "picture": {"string": "hat.png"}, "tags": ["maths"]}'
old=$(context eu ada)
patch us ada 'picture = {"string": "garden.png"}'
sees eu ada '{"picture": {"string": "garden.png"}}'
expect 0 iso put profiles ada '{"name": "Ada Lovelace", "picture": {"string": "hat.png"}, "tags": ["maths"], "visits": 0, "last_seen": 0, "online": true}' --region eu --context "$old" --json
is_json
all_see ada '{"name": "Ada Lovelace", "picture": {"string": "garden.png"}, "online": true}'
ledger_is 0
proves "a whole record that is put by an old context changes what its writer changed, and no more: both changes stay, nothing is lost"

old=$(context eu ada)
patch eu ada --context "$old" 'name = "Ada of eu"'
patch us ada --context "$old" 'name = "Ada of us"'
ledger_is 1
IFS=$'\t' read -r key field loser region _ <"$work/eu.conflicts"
equal "the loser" "$key $field $region" "ada name eu"
all_see ada '{"name": "Ada of us", "picture": {"string": "garden.png"}}'
for region in "${regions[@]}"; do
    expect 0 iso conflicts show profiles ada --region "$region"
    [[ $out == *"Ada of eu"*"Ada of us"* ]] || fail "conflicts show: $out"
    expect 0 iso conflicts list profiles --region "$region" --json
    is_json
    [[ $out == *'"field":"name"'* ]] || fail "conflicts list --json: $out"
done
expect 0 iso explain profiles ada --region ap
for words in "name (lww)" "Ada of us" "by us" "$loser" "by eu" "lost " "tags{\"maths\"} (set)" "picture (lww)" "last_seen (max)"; do
    [[ $out == *"$words"* ]] || fail "explain does not say '$words': $out"
done
expect 0 iso explain profiles ada --region ap --json
is_json
proves "of two who set a field at once one wins everywhere; the other stands in every ledger alike, and explain says why"
expect 1 iso conflicts restore profiles ada "${loser/%????/0000}" --region ap
expect 0 iso conflicts restore profiles ada "$loser" --region ap
all_see ada '{"name": "Ada of eu", "picture": {"string": "garden.png"}, "online": true}'
ledger_is 0
proves "restore brings the loser back, and its row leaves in every region"

# ---- last seen ----
patch eu ada 'last_seen raise 1700000000100'
patch us ada 'last_seen raise 1700000000300'
patch ap ada 'last_seen raise 1700000000200' 'online disable'
all_see ada '{"last_seen": 1700000000300, "online": false}'
proves "last seen is the latest, whoever wrote it last"

# ---- a set ----
old=$(context us ada)
patch eu ada --context "$old" 'tags remove "maths"' 'tags add "poetry"'
patch us ada --context "$old" 'tags add "maths"' # which that remove had not seen
all_see ada '{"tags": ["maths", "poetry"]}'
patch ap ada 'tags remove "maths"' 'tags remove "poetry"'
all_see ada '{"tags": []}'
proves "an add survives a remove that had not seen it, and not one that had"

patch us gone 'name = "x"' 'tags add "a"' 'visits += 5' 'last_seen raise 9'
all_see gone '{"name": "x", "visits": 5}'
expect 0 iso delete profiles gone --region eu --context "$(context eu gone)"
deleted=$(cut -d' ' -f2 <<<"$out")
converge
forge --late gone "$deleted" || fail "the forge could not write"
patch eu other 'name = "behind"'
all_see other '{"name": "behind"}'
for region in "${regions[@]}"; do
    expect 1 iso get profiles gone --region "$region"
done
proves "a delete with a context takes all that was seen, and a write that is older and comes later does not bring it back"

# ---- siblings ----
collection=notes
old=$(context eu list)
expect 0 iso put notes list "tea" --region eu --context "$old"
expect 0 iso put notes list "milk" --region us --context "$old"
converge
for region in "${regions[@]}"; do
    expect 0 iso get notes list --region "$region" --siblings
    equal "siblings in $region" "$(cut -f2 <<<"$out")" $'milk\ntea'
    expect 0 iso explain notes list --region "$region"
    [[ $out == *tea* && $out == *milk* && $out == *eu* && $out == *us* ]] || fail "explain: $out"
done
expect 0 iso explain notes list --region eu --json
is_json
expect 0 iso put notes list "tea and milk" --region ap --context "$(context ap list)"
converge
for region in "${regions[@]}"; do
    expect 0 iso get notes list --region "$region" --siblings
    equal "siblings in $region" "$(cut -f2 <<<"$out")" "tea and milk"
done
exports
exports_equal
ledger_is 0
proves "two who put at once are siblings in every region, and a put by what was read leaves one"

# ---- a counter that must not lie ----
collection=profiles
counting() { # REGION [OPTION…]: says for each patch whether it was acknowledged
    local n region=$1
    shift
    for ((n = 0; n < 30 || quiet == 0; n++)); do
        if iso patch profiles counted --region "$region" "$@" 'visits += 1' >/dev/null; then
            echo acknowledged
        else
            echo failed
        fi
        [[ ! -e $work/quiet ]] || quiet=1
    done
}
quiet=0 # until no daemon is killed any more
for n in 1 2; do
    job_start "count-eu-$n" counting eu
    job_start "count-us-$n" counting us
    job_start "count-ap-$n" counting ap --blind # its store will not be there to read
done
job_start again forge --again counted 40
for ((n = 0; n < 6; n++)); do
    victim=${regions[RANDOM % 3]}
    daemon_kill "$victim"
    if ((n == 3)); then
        [[ $victim == ap ]] || daemon_kill ap
        rm -rf "$work/store-ap"
        [[ $victim == ap ]] || daemon_start ap
    fi
    pause "0.$(printf '%03d' $((RANDOM % 200)))"
    daemon_start "$victim"
    pause "0.$(printf '%03d' $((RANDOM % 500)))"
done
touch "$work/quiet"
for job in count-{eu,us,ap}-{1,2} again; do
    job_wait "$job" 40
done
cat "$work"/count-*.out >"$work/counted"
acknowledged=$(($(grep -c acknowledged "$work/counted") + 40))
! grep -q failed "$work/counted" || fail "patches failed: $(cat "$work"/count-*.log | sort | uniq -c)"
equal "increments in the log" "$(forge --count counted)" "$acknowledged"
all_see counted "{\"visits\": $acknowledged}"
not "$python" "$work/members.py" "{\"visits\": $((acknowledged + 1))}" <"$work/got" 2>/dev/null ||
    fail "a wrong count is not found"
((acknowledged >= 200)) || fail "only $acknowledged were counted"
proves "$acknowledged acknowledged increments, 40 of them sent twice, daemons killed and a store rebuilt: $acknowledged in every region"
daemon_stop us
patch eu counted 'visits reset'
patch us counted 'visits += 5'
sees eu counted '{"visits": 5}'
daemon_start us
all_see counted '{"visits": 5}'
proves "a reset takes what it had seen, and nothing that came at the same time"

# ---- what is refused ----
refused() { # STATUS WORDS OPERATION…
    expect "$1" iso patch profiles ada --region eu "${@:3}"
    # shellcheck disable=SC2086
    says $2
}
refused 65 "visits counter += reset" 'visits = 5'
refused 65 "tags set add remove" 'tags = ["x"]'
refused 65 "last_seen max raise" 'last_seen lower 1'
refused 65 "name lww unset" 'name += 1'
refused 65 "name no*counter unset" 'name reset'
refused 65 "name member" 'name["x"] = "y"'
refused 65 "shoes schema" 'shoes = 4'
refused 65 "name string" 'name = 4'
refused 64 "character wanted" 'visits ++'
expect 65 iso put profiles ada '{"name": "", "tags": [], "visits": 3, "online": false}' --region eu
says visits counter patch
expect 64 iso patch notes list --region eu 'name = "x"'
says notes "put the whole value"
expect 65 iso patch profiles ada --region eu --ttl 1h 'visits += 1'
says visits expire
all_see ada '{"name": "Ada of eu", "last_seen": 1700000000300}'
proves "an operation that the rule does not take, a field that is not there, a counter in a blind put: refused with the remedy, and nothing is written"

before=$(iso dead-letter list | wc -l)
forge --poison "$work/poison" || fail "the forge could not write"
kinds=$(wc -l <"$work/poison")
all_see damaged "{\"visits\": $((2 * kinds)), \"name\": \"\"}"
letters() { iso dead-letter list >"$work/letters"; (($(wc -l <"$work/letters") >= before + kinds)); }
await 15 "every damaged patch has its dead letter" letters
awk -F'\t' 'NR == FNR { split($0, word, " "); letter[word[1]] = $0; next }
    !($1 in letter) { print $2 " (" $1 ") has no dead letter"; bad = 1; next }
    !index(letter[$1], $3) { print $2 ": no \"" $3 "\" in " letter[$1]; bad = 1 }
    END { exit bad }' "$work/letters" "$work/poison" >"$work/wrong" || fail "$(<"$work/wrong")"
equal "dead letters" "$(wc -l <"$work/letters")" $((before + kinds))
alive "${regions[@]}"
proves "$kinds kinds of damaged patches have a dead letter each, and $((2 * kinds)) good ones around them count"

# ---- who reads all of it anew ----
daemon_stop ap
rm -rf "$work/store-ap"
daemon_start ap
# Until then the others know only the report of the store that there was.
caught_up() { iso export "$collection" --region ap --raw | cmp - "$work/eu.export"; }
for collection in carts profiles notes; do
    iso export "$collection" --region eu --raw >"$work/eu.export"
    await 15 "ap has read $collection anew" caught_up
    converge
    exports
    exports_equal
done
daemons_stop
proves "a store that is built anew from the logs holds the same of all"
