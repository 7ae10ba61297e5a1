#!/usr/bin/env bash
# What a monitor must not get wrong: a pair that is cut is stale within 5 s, and named; a
# region's clock that is an hour off does not make lag; retention that is about to pass a
# stopped region is warned of before, and what it took is counted after.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin watched
free_ports 3
proxy=${ports[0]}
control=${ports[1]}
behind=${ports[2]}
mkdir -p "$work/kafka"
kafka_ports_for_proxy() { # PORT CONTROLLER_PORT
    cat >"$work/kafka/extra.properties" <<TEXT
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2,CUT://127.0.0.1:$behind
advertised.listeners=PLAINTEXT://127.0.0.1:$1,CUT://127.0.0.1:$proxy
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CUT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.retention.check.interval.ms=500
log.segment.delete.delay.ms=100
TEXT
}
kafka_ports=kafka_ports_for_proxy kafka_start
job_start proxy "$python" "$here/proxy.py" "$proxy" "$behind" "$control"
link() { # pass, drop, refuse
    printf '%s\n' "$1" >"/dev/tcp/127.0.0.1/$control"
}
listens() { (: <"/dev/tcp/127.0.0.1/$control"); }
await 5 "the proxy listens" listens

# Each region writes a log of its own. To ap's daemon the cluster of us is one that it
# reaches through the proxy: with that cut, us → ap stands still and nothing else does.
settings eu us ap
cat >>"$conf" <<TEXT
[cluster far]
servers = $servers
TEXT
sed -i 's/^\[region us\]/&\ncluster = far/' "$conf"
create things --partitions 2 --logs per-region
daemon_start eu
daemon_start us
daemon_start ap -X cluster.far.servers=127.0.0.1:"$proxy"
monitor_start
iso put things a 1 --region eu >/dev/null
iso put things b 2 --region us >/dev/null
watches settled
link drop
watches is_in us ap 'stalled' 5 us
watches is_in eu ap 'ok' 1
watches is_in eu us 'ok' 1
link pass
watches settled 30
proves "a pair that is cut is named, and nobody else"

# The clock of eu's daemon is an hour ahead, then an hour behind.
cc -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -shared -fPIC -o "$work/clock_off.so" "$here/clock_off.c"
for seconds in 3600 -3600; do
    daemon_stop eu
    wrapper=(env CLOCK_OFF="$seconds" LD_PRELOAD="$work/clock_off.so")
    daemon_start eu
    wrapper=()
    iso put things c "at $seconds" --region us >/dev/null
    reads eu c "at $seconds"
    watches clock eu "$seconds" 20
done
daemon_stop eu
daemon_start eu
watches settled 30
proves "a clock that is an hour off is shown, and makes no lag"

# ap stands still, and the log of us forgets. (Writers refuse such a topic: so it is set
# after they have written.)
daemon_kill ap
lines gone 200 50 >"$work/gone.lines"
iso load things "$work/gone.lines" --region us --quiet --json >/dev/null
kafka_tool kafka.admin.ConfigCommand --bootstrap-server "$servers" --alter --topic things.us \
    --add-config retention.ms=12000,segment.ms=1000 >"$work/alter.out" 2>&1 ||
    fail "$(cat "$work/alter.out")"
reap monitor 10 TERM
monitor_start
watches warned us ap retention 10
watches lost us ap 45
proves "retention: warned before, counted after"
