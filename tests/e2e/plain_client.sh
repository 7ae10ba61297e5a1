#!/usr/bin/env bash
# Other Kafka clients write without our header: kcat, Java's console producer, and one with
# transactions; their records are blind writes, and a wrong partitioner is refused by name.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin plain_client
kafka_start
settings eu us ap
create things --partitions 8
daemons_start
iso put things fruit apple --region eu >/dev/null

plain() { kcat -P -b "$servers" -t things -K $'\t' -X partitioner=murmur2_random -X acks=all "$@"; }
for ((n = 0; n < 200; n++)); do
    printf 'kcat-%s\tvalue %s\n' "$n" "$n"
done | plain
printf 'fruit\tpear\n' | plain
printf 'gone\tsoon\n' | plain
for region in "${regions[@]}"; do
    reads "$region" kcat-199 "value 199"
    reads "$region" fruit pear
done
expect 0 iso export things --region us --conflicts
[[ $out == fruit*apple ]] || fail "a blind write of another client made this ledger: $out"
printf 'gone\t\n' | plain -Z # no value: a delete
lacks eu gone
printf 'empty\t\n' | plain # an empty value is a value
reads us empty ''
proves "kcat with murmur2_random: puts, a delete, an empty value"

# Java's own producer, with its default partitioner.
for ((n = 0; n < 50; n++)); do
    printf 'java-%s\tvalue %s\n' "$n" "$n"
done | kafka_tool kafka.tools.ConsoleProducer --bootstrap-server "$servers" --topic things \
    --property parse.key=true >"$work/java.out" 2>&1 || fail "java: $(tail -n 3 "$work/java.out")"
for ((n = 0; n < 50; n += 7)); do
    reads ap "java-$n" "value $n"
done
proves "Java's console producer, as it comes"

# The default partitioner of librdkafka puts most keys elsewhere.
for ((n = 0; n < 40; n++)); do
    printf 'crc-%s\tvalue\n' "$n"
done | kcat -P -b "$servers" -t things -K $'\t' -X partitioner=consistent
letters() { (($(iso dead-letter list | wc -l) > 20)); }
await 15 "dead letters tell of the wrong partitioner" letters
iso dead-letter list >"$work/letters"
not grep -v 'set partitioner=murmur2_random' "$work/letters" || fail "no remedy: see above"
proves "a wrong partitioner is refused, and each refusal names the remedy"

"$python" - "$servers" <<'PYTHON'
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "tests",
                     "partitioner": "murmur2_random"})
producer.init_transactions(30)
for value, end in (("first", producer.commit_transaction), ("never", producer.abort_transaction),
                   ("second", producer.commit_transaction), ("nor this", producer.abort_transaction)):
    producer.begin_transaction()
    for n in range(40):
        producer.produce("things", key="transaction-%d" % n, value=value)
    producer.flush(30)
    end(30)
PYTHON
for region in "${regions[@]}"; do
    reads "$region" transaction-7 second
    reads "$region" transaction-39 second
done
proves "committed transactions are applied, aborted ones are not"

printf 'twice\tvalue\n' | plain -H iso=one -H iso=two
printf 'once\tvalue\n' | plain -H other=header
reads us once value
two_headers() { iso dead-letter list | grep -q '2 headers iso: write exactly one'; }
await 15 "the record with two headers is set aside" two_headers
expect 1 iso get things twice --region us
proves "two iso headers are refused; headers of others are nothing to us"

judge
