#!/usr/bin/env bash
# One region's connection to Kafka is cut, in two ways, and healed: it stays behind, says so,
# and catches up by itself; nobody else notices.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin cut
free_ports 2
proxy=${ports[0]}
control=${ports[1]}
# A second listener, which clients are told to reach through the proxy: so also what a
# client learns from metadata leads through it.
mkdir -p "$work/kafka"
free_ports 1
behind=${ports[0]}
kafka_ports_for_proxy() { # PORT CONTROLLER_PORT
    cat >"$work/kafka/extra.properties" <<TEXT
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2,CUT://127.0.0.1:$behind
advertised.listeners=PLAINTEXT://127.0.0.1:$1,CUT://127.0.0.1:$proxy
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CUT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
TEXT
}
kafka_ports=kafka_ports_for_proxy kafka_start
job_start proxy "$python" "$here/proxy.py" "$proxy" "$behind" "$control"
link() { # pass, drop (silence), refuse (connections end and none is made)
    printf '%s\n' "$1" >"/dev/tcp/127.0.0.1/$control"
}
listens() { (: <"/dev/tcp/127.0.0.1/$control"); }
await 5 "the proxy listens" listens

settings eu us ap
create things --partitions 4
daemon_start eu
daemon_start us
daemon_start ap -X cluster.home.servers=127.0.0.1:"$proxy" -X cluster.home.kafka.socket.timeout.ms=3000
iso put things before cut --region eu >/dev/null
reads ap before cut

load() { # NAME REGION
    lines "$1" 1500 300 deletes >"$work/$1.lines"
    iso load things "$work/$1.lines" --region "$2" --quiet --json >"$work/$1.out"
}
behind_ap() { # the lag table knows that ap is behind
    iso lag things --json | grep '"target_region":"ap"' | grep -qv '"records_behind":0'
}
token() { # of the session, after its last write
    grep -o '"token":"[^"]*"' "$work/put.out" | cut -d'"' -f4
}
for how in refuse drop; do
    link "$how"
    load "$how" us
    iso put things during "$how" --region eu >/dev/null
    reads eu during "$how"
    reads us during "$how"
    alive ap
    [[ $(iso get things during --region ap 2>/dev/null) != "$how" ]] ||
        fail "ap reads through a cut line"
    await 10 "lag shows that ap is behind" behind_ap
    expect 1 iso wait things --converged -t 0s

    # A session that writes in eu and us goes on in ap: never back in time unsaid.
    iso put things session first --region eu --json >"$work/put.out"
    iso put things session "$how" --region us --json --token "$(token)" >"$work/put.out"
    expect 0 iso get things session --region us --token "$(token)" --wait 20s
    equal "what us shows the session" "$out" "$how"
    expect 75 iso get things session --region ap --token "$(token)"
    says 'region ap is behind' 'record* of log 1 (things)' '--wait'
    expect 75 iso get things session --region ap --token "$(token)" --wait 200ms
    says 'the wait is over'
    iso get things session --region ap --token "$(token)" --stale --json >"$work/get.out" \
        2>"$work/get.err" || true
    grep -q '"stale":true' "$work/get.out" || fail "ap does not mark what is stale"
    expect 0 iso get things before --region ap # who has no session is shown what is there
    link pass
    expect 0 iso get things session --region ap --token "$(token)" --wait 30s
    equal "what ap shows the session when healed" "$out" "$how"
    proves "cut ($how): a read with the session's token is stale by name, and whole when healed"

    reads ap during "$how"
    converge
    proves "cut ($how): the others go on, ap says that it is behind, and catches up when healed"
done

# Cut again and again while it applies: every reconnection resumes at the store's frontier.
lines flutter 9000 300 deletes >"$work/flutter.lines"
job_start flutter load_slowly us "$work/flutter.lines" 300
for ((n = 0; n < 6; n++)); do
    pause "0.3$((RANDOM % 10))"
    link refuse
    pause 0.1
    link pass
done
job_wait flutter 30
acks=("$work"/*.lines)
judge
proves "after all the cuts nothing is missing and nothing counts twice"
