#!/usr/bin/env bash
# The monitor over HTTP: quiet topics are at 0 and fresh; a daemon that was killed is said
# to be stopped within 15 s, and its lag grows a second a second; Kafka frozen, every answer
# comes at once; the commands agree with it.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin monitor
kafka_start
settings eu us ap
create things --partitions 4
free_ports 1
daemon=http://127.0.0.1:${ports[0]} # what eu's daemon tells of itself
daemon_start eu -X daemon.http.listen="127.0.0.1:${ports[0]}"
daemon_start us
daemon_start ap
monitor_start
watches endpoints
lines first 400 50 deletes >"$work/first.lines"
iso load things "$work/first.lines" --region eu --quiet --json >/dev/null
watches settled
watches quiet 4
curl -s "$url/metrics" >"$work/metrics"
curl -s -H 'Accept: application/openmetrics-text' "$url/metrics" >"$work/openmetrics"
promtool check metrics <"$work/metrics" || fail "promtool does not like /metrics"
[[ $(tail -n 1 "$work/openmetrics") == "# EOF" ]] || fail "OpenMetrics does not end with EOF"
! grep -qiE '(nan|-1)$' "$work/metrics" || fail "a metric that is not known was written"
series=$(grep -vc '^#' "$work/metrics")
((series < 500)) || fail "$series series for three regions"
proves "quiet topics: lag 0 and fresh; $series series, as promtool wants them"

expect 0 iso check things
[[ $out == "ISOSTASY OK - "* && $out == *"lag'=0.000s;"* ]] || fail "check says: $out"
status_says() { [[ $(iso status things) == *"things: converged"*"isostasy certificate"* ]]; }
await 10 "status says that things is converged" status_says
expect 0 iso wait things --converged -t 20s
expect 0 iso top things --count 1
expect 0 iso doctor --write
[[ $out == *"a heartbeat was taken"*$'\n0 failed, '* ]] ||
    fail "doctor says: $out"

curl -sf "$daemon/livez" >"$work/livez"
await 5 "the daemon of eu is ready" curl -sf "$daemon/readyz"
curl -sf "$daemon/metrics" >"$work/daemon.metrics"
promtool check metrics <"$work/daemon.metrics" || fail "promtool does not like the daemon's /metrics"
grep -q '^isostasy_daemon_records_total{.*} [1-9]' "$work/daemon.metrics" ||
    fail "the daemon of eu has read nothing: $(cat "$work/daemon.metrics")"
! grep -qiE '(nan|-1)$' "$work/daemon.metrics" || fail "a metric that is not known was written"
proves "a daemon tells of itself, and the commands agree with the monitor"

# Kafka stands still: scrapes do not wait for it.
broker=$(kafka_pid)
kill -STOP "$broker"
watches frozen 6
kill -CONT "$broker"
watches settled 30
proves "a scrape never waits for Kafka"

# ap is killed; eu goes on writing.
job_start events iso events things --json
job_start load load_slowly eu <(lines while 20000 100 | head -n 20000) 20
daemon_kill ap
watches stopped ap "$(date +%s.%N)"
code=0
iso check things >"$work/check.out" || code=$?
[[ $code == 2 && $(<"$work/check.out") == "ISOSTASY CRITICAL - things, "*"ap"* ]] ||
    fail "check ended with $code: $(<"$work/check.out")"
daemon_start ap
job_kill load
watches settled 30
await 5 "the events tell of it" grep -q '"is":"stopped"' "$work/events.out"
proves "a daemon that was killed: said within 15 s, lag grows as time does"

reap monitor 10 TERM
((code == 0)) || fail "the monitor ended with $code after SIGTERM"
