#!/usr/bin/env bash
# The status topic lost its reports while the daemon of us was away: what waits for us is
# counted by the offsets that its consumer group committed, and said to be; it proves
# nothing; and a report, when it comes, is worth more.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin committed
kafka_start
settings eu us
printf '[monitor]\nstopped.after = 2s\n' >>"$conf"
create things --partitions 2 --logs per-region
daemon_start eu
daemon_start us -X daemon.commit.interval=200ms
load() { # NAME COUNT
    lines "$1" "$2" 50 >"$work/$1.lines"
    iso load things "$work/$1.lines" --region eu --quiet --json >/dev/null
}
load first 300
expect 0 iso wait things --converged -t 20s
# All of it, in both partitions: whoever commits forgets a commit that failed.
committed() {
    "$python" - "$servers" <<'PYTHON'
import sys
from confluent_kafka import Consumer, TopicPartition

consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "isostasy.us"})
places = [TopicPartition("things.eu", n) for n in range(2)]
kept = consumer.committed(places, 10)
sys.exit(any(at.offset < 100 for at in kept))
PYTHON
}
await 15 "the group of us has committed" committed
daemons_stop

# Deleted and made anew, as it was.
"$python" - "$servers" iso.status <<'PYTHON'
import sys
from confluent_kafka.admin import AdminClient, NewTopic

servers, topic = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": servers})
admin.delete_topics([topic])[topic].result(10)
while topic in admin.list_topics(timeout=10).topics:
    pass
admin.create_topics([NewTopic(topic, 1, 1, config={
    "cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"})])[topic].result(10)
PYTHON

daemon_start eu
load second 120
monitor_start
watches is_in eu us unknown 10 "(by committed offsets)" "no report of us" "records of eu wait for us"
watches rests_on eu us "committed offsets"
watches rests_on us eu reports
watches verdict unknown 5 "nothing was heard of us"
expect 0 iso lag things
[[ $out == *unknown* ]] || fail "lag says: $out"
proves "without a report, what waits is counted by committed offsets, and proves nothing"

watches is_in eu us stopped 30 "(by committed offsets)" "have not moved for"
proves "offsets that do not move though something waits: stopped"

daemon_start us
watches settled 30
watches rests_on eu us reports
proves "a report is worth more"

reap monitor 10 TERM
((code == 0)) || fail "the monitor ended with $code after SIGTERM"
daemons_stop
