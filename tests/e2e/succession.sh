#!/usr/bin/env bash
# A log is replaced while three regions write it: handles that are open go on in its successor,
# nobody is told that a write failed, and every region comes to the same. The command is
# killed at any moment, and done again; one region is away for two successions.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin succession
seed=${1:-${ISO_E2E_SEED:-$SRANDOM}}
RANDOM=$((seed & 32767))
printf 'seed %s: repeat with tests/e2e/succession.sh %s\n' "$seed" "$seed"
kafka_start
settings eu us ap
create things --partitions 4
iso collection create notes --partitions 2 --logs per-region >/dev/null
iso collection create foreign --partitions 1 >/dev/null
daemons_start

logs() { # WORD [COLLECTION]: what `log list` says of each log
    iso log list "${2:-things}" --json | "$python" -c '
import json, sys
print(*(l.get(sys.argv[1]) for l in json.load(sys.stdin)["logs"]))' "$1"
}
loads_start() { # PREFIX
    local region
    for region in "${regions[@]}"; do
        lines "$1-$region" 20000 500 deletes >"$work/$1-$region.lines"
        acks+=("$work/$1-$region.lines")
        job_start "load-$region" load_slowly "$region" "$work/$1-$region.lines" 400
    done
}
loads_wait() { # all is durable, nothing refused, nothing unknown
    local region
    for region in "${regions[@]}"; do
        job_wait "load-$region" 60
        grep -q '"durable":20000,"refused":0,"unknown":0' "$work/load-$region.out" ||
            fail "load in $region says: $(<"$work/load-$region.out")"
    done
}

# By itself it says what it would do.
expect 0 iso log replace things 1
[[ $out == *"topic things.2 is made"*"Nothing was done"* ]] || fail "replace says: $out"
equal "the log" "$(logs state)" open
expect 64 iso log replace things one --yes
expect 1 iso log replace things 7 --yes
says "no log 7" "log list"
token=$(iso put things session 1 --region eu --json | sed 's/.*"token": *"\([^"]*\)".*/\1/')
proves "nothing is done without --yes"

# A transaction of another client hides what stands behind its first record.
mkfifo "$work/commit"
cat >"$work/foreign.py" <<'PYTHON'
import sys
import confluent_kafka as k
p = k.Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "foreign"})
p.init_transactions(20)
p.begin_transaction()
p.produce("foreign", b"in a transaction", b"tx", partition=0)
p.flush(20)
print("open", flush=True)
open(sys.argv[2]).readline()
p.commit_transaction(20)
PYTHON
job_start foreign "$python" "$work/foreign.py" "$servers" "$work/commit"
await 30 "a foreign transaction is open" grep -q open "$work/foreign.out"
iso put foreign behind it --region eu >/dev/null
job_start held iso log replace foreign 1 --yes

# Killed at any moment, and done again.
loads_start first
pause 0.5
for _ in 1 2 3 4; do
    job_start replace iso log replace things 1 --yes
    pause "0.$((RANDOM % 4))$((RANDOM % 10))"
    job_kill replace 2>>"$work/replace.log"
done
iso log replace things 1 --yes >"$work/replace.out" 2>"$work/replace.log"
grep -q 'log 2 (topic things.2 in cluster home) succeeds it' "$work/replace.out" ||
    fail "replace says: $(<"$work/replace.out")"
equal "the logs" "$(logs state)" "closed open"
iso log replace things 1 --yes >"$work/replace.again" 2>"$work/replace.log"
same_files "what replace says" "$work/replace.out" "$work/replace.again"
loads_wait
converge 40
for region in "${regions[@]}"; do
    expect 0 iso get things session --region "$region" --token "$token" --wait 10s
    equal "what the session reads in $region" "$out" 1
done
proves "three regions wrote while their log was replaced: all is durable, and they converge"

reap held 30
equal "how replace ends while a foreign transaction is open" "$code" 75
grep -q 'a transaction of another client is open in foreign/0' "$work/held.log" ||
    fail "replace says: $(<"$work/held.log")"
equal "the log" "$(logs state foreign)" open
echo >"$work/commit"
job_wait foreign 30
iso log replace foreign 1 --yes >/dev/null 2>"$work/replace.log"
collection=foreign reads us tx "in a transaction"
collection=foreign reads us behind it
proves "what stands behind a foreign transaction is not left out"

# Nobody writes to it any more, whatever the client asks for.
ends=$("$python" - "$servers" 2>"$work/plain.log" <<'PYTHON'
import sys
import confluent_kafka as k
refused = []
for acks in ("0", "1", "all"):
    p = k.Producer({"bootstrap.servers": sys.argv[1], "acks": acks, "message.timeout.ms": 5000})
    p.produce("things", b"x", b"a", on_delivery=lambda e, m: refused.append(e))
    p.flush(10)
c = k.Consumer({"bootstrap.servers": sys.argv[1], "group.id": "look"})
ends = [c.get_watermark_offsets(k.TopicPartition("things", n))[1] for n in range(4)]
c.close()
print(ends)
sys.exit(None in refused[1:])
PYTHON
) || fail "the closed topic takes records"
equal "where it ends" "$(logs ends)" "$ends None"
proves "the topic that was closed refuses every client"

# A region that is away for two successions; and one log of three, each a region's own.
daemon_kill ap
loads_start second
lines notes 8000 300 deletes >"$work/notes.lines"
collection=notes job_start load-notes load_slowly us "$work/notes.lines" 400
pause 0.5
iso log replace notes 2 --yes >"$work/replace.out" 2>"$work/replace.log"
grep -q 'log 4 (topic notes.us.4' "$work/replace.out" || fail "$(<"$work/replace.out")"
iso log replace things 2 --yes >"$work/replace.out" 2>"$work/replace.log"
pause 0.5
iso log replace things 3 --topic things-again --yes >"$work/replace.out" 2>"$work/replace.log"
grep -q 'log 4 (topic things-again' "$work/replace.out" || fail "$(<"$work/replace.out")"
loads_wait
daemon_start ap
job_wait load-notes 60
iso put things last word --region ap >/dev/null
for region in "${regions[@]}"; do
    reads "$region" last word
done
equal "the logs" "$(logs state)" "closed closed closed open"
proves "a region that was away reads every log to its end, and goes on in the last"
collection=notes converge 40
judge
collection=notes
acks=("$work/notes.lines")
agree
proves "one of three logs was replaced, and the others say so"
