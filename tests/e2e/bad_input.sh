#!/usr/bin/env bash
# Bad input: each is refused with a sentence that names the thing and the remedy, and the
# rest goes on.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin bad_input

# ---- before there is any Kafka ----
free_ports 1
servers=127.0.0.1:${ports[0]}
settings eu us
expect 78 iso -X deamon.shards=1 region list
says 'did you mean "daemon"'
expect 78 iso -X daemon.memory.maxx=1GiB region list
says 'did you mean "memory.max"'
expect 78 iso -X cluster.home.kafka.acks=1 region list
says acks "leave it out"
expect 78 env ISOSTASY_DAEMON_SHARDZ=2 "$programs/isostasyd" --config "$conf" --region eu --check
says ISOSTASY_DAEMON_SHARDZ 'did you mean'
printf '[cluster home]\nsevrers = 127.0.0.1:1\n' >"$work/misspelt.conf"
expect 78 "$programs/isostasyd" --config "$work/misspelt.conf" --region eu
says misspelt.conf:2 'did you mean "servers"'
printf '[cluster home]\nservers = 127.0.0.1:1\n[region eu]\nstore = /x\n[daemon]\nmemory.max = 12 parsecs\n' \
    >"$work/unit.conf"
expect 78 "$programs/isostasyd" --config "$work/unit.conf" --region eu
says unit.conf:6 memory.max parsecs
printf 'nonsense\n' >"$work/nonsense.conf"
expect 78 "$programs/isostasyd" --config "$work/nonsense.conf" --region eu
says nonsense.conf "key = value"
expect 74 "$programs/isostasyd" --config "$work/absent.conf" --region eu
says absent.conf --config
expect 78 "$programs/isostasyd" --config "$conf" --region nowhere
says "region nowhere is not in the settings" "[region nowhere]"
expect 64 "$programs/isostasyd" --config "$conf"
says "more than one region" --region
expect 0 "$programs/isostasyd" --config "$conf" --region eu --check
proves "wrong settings are named with file and line, and with what was meant"

expect 69 iso -X producer.timeout=1s put things k v --region eu
says "$servers" "check that it runs" producer.cache
proves "Kafka away, nothing cached: a named error"

# ---- Kafka away at start: who can wait, waits ----
daemon_start eu
pause 1
alive eu
kafka_start
settings eu us # another port: who started before was told the wrong one
daemon_kill eu
create things --partitions 4
mkdir -p "$work/cache"
iso -X producer.cache="$work/cache" put things first cached --region eu >/dev/null
kafka_stop
daemons_start
job_start put iso -X producer.cache="$work/cache" -X producer.timeout=1s put things away patient --region eu
pause 1
alive eu us put
kafka_again
job_wait put 30
for region in "${regions[@]}"; do
    reads "$region" away patient
done
proves "Kafka away at start: daemons wait, a producer with a cache does too, and both go on"

# ---- names that are not ----
expect 66 iso put thongs k v --region eu
says "no collection 'thongs'" things "collection create"
expect 66 iso lag thongs
says thongs "collection list"
expect 66 iso wait thongs
says thongs "collection list"
expect 66 iso export thongs --region eu
says thongs
expect 66 iso get thongs k --region eu
says thongs
expect 78 iso put things k v --region mars
says "region mars" "[region mars]"
printf '[region mars]\nstore = %s\n' "$work/store-mars" >>"$conf"
expect 66 iso put things k v --region mars
says "no region 'mars'" "eu, us" "region add"
daemon_start mars
unknown_region() { log_says mars 'no region.*mars.*region add|mars.*region add'; }
await 10 "the daemon of a region that nobody added says so" unknown_region
if [[ -n ${pids[mars]:-} ]] && ! gone "${pids[mars]}"; then
    reap mars 10 TERM
fi
unset "pids[mars]"
expect 64 iso region add 'Not A Name'
says a-z
expect 64 iso collection create 'a/b'
says a-z
expect 66 iso collection create other --regions eu,venus
says venus "region add"
proves "unknown collections and regions: the sentence names those there are"

# ---- keys and values at their limits ----
long() { head -c "$1" /dev/zero | tr '\0' "$2"; }
expect 65 iso put things '' v --region eu
says "1 to 384"
expect 65 iso put things "$(long 385 k)" v --region eu
says 385 384
expect 0 iso put things "$(long 384 k)" "longest" --region eu
reads us "$(long 384 k)" longest
long $((960 * 1024)) v >"$work/largest"
long $((960 * 1024 + 1)) v >"$work/larger"
input=$work/largest expect 0 iso put things big - --region eu
input=$work/larger expect 65 iso put things big - --region eu
says 983040
same() { iso get things big --region us 2>/dev/null | head -c 983040 | cmp -s - "$work/largest"; }
await 15 "the largest value is read in us" same
printf '{"key":"","value":"x"}\n' >"$work/empty.lines"
expect 65 iso load things "$work/empty.lines" --region eu --quiet
says "line 1"
proves "keys of 1 to 384 bytes and values up to 960 KiB, and not one more"

# ---- a topic with the wrong settings ----
daemon_stop us
alter() { # KEY=VALUE,…
    kafka_tool kafka.admin.ConfigCommand --bootstrap-server "$servers" --alter --topic things \
        --add-config "$1" >"$work/alter.out" 2>&1 || fail "$(cat "$work/alter.out")"
}
alter cleanup.policy=compact,message.timestamp.type=CreateTime
expect 78 iso put things k v --region eu
says "cleanup.policy is compact" "message.timestamp.type is CreateTime" "kafka-configs.sh"
daemon_start us
topic_named() { log_says us 'cleanup.policy is compact.*--add-config'; }
await 10 "us names the settings that are wrong" topic_named
waiting() { iso lag things | grep 'us ' | grep -q 'cleanup.policy'; }
await 10 "lag shows why us does not apply" waiting
alive us
remedy=$(grep -o -- '--add-config [^ "]*' "$work/us.log" | tail -n 1)
alter "${remedy#--add-config }"
expect 0 iso put things mended topic --region eu
reads us mended topic
proves "a compacted topic with CreateTime is refused by who writes and who reads; the command that the sentence names mends it"

expect 78 iso collection create crowded --topic things --partitions 7
says "has 4 partitions and must have 7"
proves "a topic with another number of partitions is not taken"
judge
