#!/usr/bin/env bash
# A monitor that is there before Kafka is: it answers at once and says what it waits for,
# shows each thing as it comes, and ends when it is told to, whatever it waits for.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin early
monitor() { "$programs/isostasy-monitor" --config "$conf" "$@"; }

# ---- wrong ways to start it ----
free_ports 1
servers=127.0.0.1:${ports[0]}
settings eu us
expect 64 monitor things
says --print
expect 78 monitor -X monitor.http.listen=
says monitor.http.listen --print
expect 78 monitor -X monitor.http.listen=0.0.0.0:0
says monitor.http.token
expect 78 monitor -X monitor.http.listen=nowhere
says monitor.http.listen nowhere
expect 69 monitor --once
says "$servers"
expect 0 monitor --check
proves "wrong ways to start it are named"

# ---- before Kafka ----
kafka_start
kafka_stop
settings eu us
free_ports 1
url=http://127.0.0.1:${ports[0]}
early_start() {
    "$programs/isostasy-monitor" --config "$conf" -X "monitor.http.listen=${url#http://}" \
        >>"$work/monitor.log" 2>&1 </dev/null {lock_fd}>&- &
    pids[monitor]=$!
    await 5 "the monitor answers" curl -sf "$url/livez"
}
# Its answer, whatever the status is.
answers() { # PATH TEXT…
    local path=$1 answer text
    shift
    answer=$(curl -s -m 2 -w '\n%{http_code}' "$url$path") || return 1
    for text in "$@"; do
        [[ $answer == *"$text"* ]] || return 1
    done
}
early_start
answers /readyz $'\n503' || fail "it is ready, and Kafka is away"
await 10 "it says that Kafka is away" answers /readyz "$servers" "cannot be used"
answers /v1/status $'\n503' "$servers" || fail "/v1/status does not say why it has nothing"
answers /metrics 'isostasy_build_info{version="' $'\n200' || fail "/metrics is not there"
answers / '<!doctype html>' $'\n200' || answers / '<!DOCTYPE html>' $'\n200' ||
    fail "the page is not there"
early_taken() { expect 73 monitor -X "monitor.http.listen=${url#http://}"; }
early_taken
says "${url#http://}"
reap monitor 6 TERM
((code == 0)) || fail "it ended with $code after SIGTERM while Kafka was away"
proves "before Kafka is there it answers, says why it has nothing, and ends when told to"

# ---- as things come ----
early_start
kafka_again
await 20 "it says that nothing is defined" answers /readyz iso.control isostasy
create things --partitions 2
await 20 "it is ready" answers /readyz '"ready":true'
await 10 "it shows eu -> us, of which nothing is known" \
    answers /v1/pairs/eu/us '"state":"unknown"' '"lag_ms":null'
daemons_start
await 20 "eu -> us is ok" answers /v1/pairs/eu/us '"state":"ok"' '"lag_ms":0'
await 20 "things is converged" answers '/v1/convergence?collection=things' '"state":"converged"'
answers /v3/kafka/home/consumer/isostasy.us/lag '"status":"OK"' '"topic":"' ||
    fail "a collector that knows Burrow sees no lag"
proves "what comes later is shown without a new start"

expect 66 monitor --once nothing
says nothing "isostasy collection list"
expect 0 monitor --once --json things
[[ $out == *'"event":"lag"'*'"state":"ok"'*'"event":"verdict"'* ]] || fail "lines say: $out"
proves "lines are there for who wants lines"
reap monitor 10 TERM
((code == 0)) || fail "the monitor ended with $code after SIGTERM"
