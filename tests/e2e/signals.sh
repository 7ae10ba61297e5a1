#!/usr/bin/env bash
# SIGTERM and SIGINT end a daemon cleanly, a second one at once; it runs as anybody.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin signals
kafka_start
settings eu us
create things --partitions 4
daemons_start
iso put things colour green --region eu >/dev/null
reads us colour green

reported() { # REGION STATE: of every slice, in the newest report
    equal "the states that $1 reported" "$("$python" "$here/fold.py" --servers "$servers" \
        --collection things --states "$1")" "$2"
}
daemon_stop us
log_says us daemon.end || fail "no word about the end"
reported us CLOSED
stopped() { iso lag things --json | grep '"target_region":"us"' | grep -q '"state":"stopped"'; }
await 10 "lag shows us as stopped" stopped
proves "SIGTERM: exit status 0, and the last report says closed"

iso put things colour blue --region eu >/dev/null
daemon_start us
reads us colour blue
reap us 35 INT
equal "the exit status after SIGINT" "$code" 0
reported us CLOSED
daemon_start us
reads us colour blue
runs_again() { (($(grep -c daemon.start "$work/us.log") == 3)); }
await 10 "us runs for the third time" runs_again
kill -HUP "${pids[us]}"
iso put things colour red --region eu >/dev/null
reads us colour red
alive us
proves "SIGINT is as good, SIGHUP is nothing, and a restart goes on"

# In the middle of a load: what is committed is committed.
lines load 8000 300 deletes >"$work/load.lines"
job_start load load_slowly eu "$work/load.lines" 300
for _ in 1 2 3; do
    pause 0.4
    daemon_stop us
    daemon_start us
done
job_wait load 60
proves "stopped and started under load"

# Kafka is away, so that a clean stop has nobody to tell: a second signal ends it at once,
# and patience is bounded anyhow.
daemon_stop us
daemon_start us -X daemon.shutdown.timeout=2s
reads us colour red
kafka_stop
kill -TERM "${pids[eu]}"
kill -TERM "${pids[us]}"
stopping() { log_says eu daemon.stop && log_says us daemon.stop; }
await 5 "the daemons heard the signal" stopping
pause 0.5
kill -0 "${pids[eu]}" || fail "eu did not try to tell that it stops"
reap eu 3 INT
((code != 0)) || fail "forced, and yet it ended with 0"
reap us 10
equal "the exit status when nobody could be told" "$code" 0
kafka_again
daemons_start
reads us colour red
proves "a second signal ends a daemon that waits for Kafka; the patience of a clean stop is a setting"

# As nobody, with a store of its own.
daemon_stop us
rm -rf "$work/store-us"
if ((EUID == 0)); then
    nobody=$work/nobody
    mkdir -p "$nobody"
    chown nobody "$nobody"
    sed -i "s|^store = .*store-us|store = $nobody/store|" "$conf"
    wrapper=(setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs)
    daemon_start us
    wrapper=()
    reads us colour red
    equal "the user of the daemon" "$(stat -c %U "/proc/${pids[us]}")" nobody
    equal "the owner of the store" "$(stat -c %U "$nobody/store/0/data.mdb")" nobody
    proves "it runs without any privilege"
else
    daemon_start us
fi
acks=("$work/load.lines")
judge
