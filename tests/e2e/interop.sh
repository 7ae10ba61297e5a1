#!/usr/bin/env bash
# Other languages read what our library wrote, and write what every region applies: Python's
# fastavro with confluent-kafka, and Java's Avro with Java's Kafka client.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin interop
export PYTHONPATH=$root/build/python
has_fastavro() { "$python" -c 'import fastavro' 2>/dev/null; }
has_fastavro || "$python" -m pip install --quiet --disable-pip-version-check \
    --root-user-action ignore --target "$PYTHONPATH" 'fastavro==1.13.*' >"$work/pip.log" 2>&1 ||
    fail "fastavro cannot be had: $(tail -n 3 "$work/pip.log")"
avro=$root/build/avro-java
[[ -e $avro/avro-1.11.4.jar ]] || mvn -B -f "$here/java/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$avro" >"$work/mvn.log" 2>&1 ||
    fail "Java's Avro cannot be had: $(tail -n 3 "$work/mvn.log")"
job_start javac javac -cp "$jars/lib/*:$avro/*" -d "$work/classes" "$here/java/Interop.java"
kafka_start
settings eu us ap
create orders --partitions 8 --schema "$here/order.avsc"
daemons_start

orders() { # NUMBER OF WHOM: lines of key, tab, JSON
    awk -v n="$1" -v who="$2" 'BEGIN {
        for (i = 0; i < n; i++) {
            printf "%s-%d\t{\"id\": %d, \"customer\": \"%s ☂ %d\", \"state\": \"SENT\",", who, i, i * 7919 - 99, who, i
            printf " \"digest\": \"\\u0000\\u00ff\\u00%02x.\", \"photo\": \"\\u00fe%s\",", i, who
            if (i % 3 == 0) printf " \"price\": null,"
            if (i % 3 == 1) printf " \"price\": {\"double\": %d.25},", i
            if (i % 3 == 2) printf " \"price\": {\"tests.shop.Money\": {\"amount\": -%d, \"currency\": \"€\"}},", i
            printf " \"labels\": {\"none\": null, \"some\": {\"string\": \"%d\"}},", i
            printf " \"lines\": [{\"what\": \"a\", \"count\": %d, \"instead\": {\"tests.shop.Line\":", i
            printf " {\"what\": \"b\", \"count\": 0, \"instead\": null}}}],"
            print " \"at\": 1700000000000, \"stock\": 4611686018427387904}"
        }
    }'
}
interop() { "$python" "$here/interop.py" --servers "$servers" --topic orders \
    --schema "${schema:-$work/shown.avsc}" "$@"; }
java_interop() { java -Xmx128m -XX:TieredStopAtLevel=1 \
    "-Dlog4j.configuration=file:$work/kafka/log4j.properties" \
    -cp "$work/classes:$avro/*:$jars/lib/*" Interop "$servers" orders "$work/shown.avsc" "$@"; }
iso schema show orders >"$work/shown.avsc"

orders 60 ours >"$work/ours"
awk -F'\t' '{ printf "{\"key\":\"%s\",\"value\":%s}\n", $1, $2 }' "$work/ours" |
    iso load orders --region eu --quiet >/dev/null
iso put orders ours-0 "$(head -n 1 "$work/ours" | cut -f 2)" --region us >/dev/null
sorted() { # FILE: keys with their JSON, members in order, each line once
    "$python" -c 'import json, sys
for line in sys.stdin:
    key, value = line.rstrip("\n").split("\t")
    print(key, json.dumps(json.loads(value), sort_keys=True), sep="\t")' <"$1" | LC_ALL=C sort -u
}
held() { # REGION WHO: what it holds of them, as sorted would print it
    iso export orders --region "$1" --json | "$python" -c 'import json, sys
for row in map(json.loads, sys.stdin):
    if row["key"].startswith(sys.argv[1]):
        print(row["key"], json.dumps(row["value"], sort_keys=True), sep="\t")' "$2" |
        LC_ALL=C sort >"$work/$1.$2"
}
interop read >"$work/read" || fail "fastavro cannot read what we wrote"
sorted "$work/ours" >"$work/ours.sorted"
sorted "$work/read" >"$work/read.sorted"
same_files "what was written and what fastavro read" "$work/ours.sorted" "$work/read.sorted"
proves "fastavro reads what put and load wrote, by the schema and the fingerprint that it computes itself"

orders 60 theirs >"$work/theirs"
interop write "$work/theirs" --partitioner murmur2_random
sorted "$work/theirs" >"$work/theirs.sorted"
iso wait orders --caught-up -t 20s >/dev/null
for region in "${regions[@]}"; do
    held "$region" theirs
    same_files "what fastavro wrote and what $region holds" "$work/theirs.sorted" "$work/$region.theirs"
done
expect 0 iso get orders theirs-7 --region us
[[ $out == *'"customer"'*'theirs ☂ 7'* ]] || fail "get says: $out"
expect 0 iso dead-letter list
equal "dead letters" "$out" ""
proves "what fastavro wrote with partitioner=murmur2_random is applied in every region, and get shows it"

job_wait javac 30
orders 60 java >"$work/java"
java_interop write "$work/java" >"$work/java.out" 2>&1 || fail "Java cannot write: $(<"$work/java.out")"
sorted "$work/java" >"$work/java.sorted"
iso wait orders --caught-up -t 20s >/dev/null
for region in "${regions[@]}"; do
    held "$region" java
    same_files "what Java wrote and what $region holds" "$work/java.sorted" "$work/$region.java"
done
java_interop read >"$work/java.read" 2>"$work/java.err" || fail "Java cannot read: $(tail -n 5 "$work/java.err")"
sorted "$work/java.read" >"$work/java.read.sorted"
cat "$work"/{ours,theirs,java}.sorted | LC_ALL=C sort >"$work/all.sorted"
same_files "what was written and what Java read" "$work/all.sorted" "$work/java.read.sorted"
proves "Java's BinaryMessageDecoder reads all of it, and what its encoder made is applied, by its own partitioner"

orders 40 astray >"$work/astray"
interop write "$work/astray" # librdkafka's own partitioner
letters() { (($(iso dead-letter list | wc -l) > 20)); }
await 15 "dead letters tell of the wrong partitioner" letters
iso dead-letter list >"$work/letters"
not grep -v 'set partitioner=murmur2_random' "$work/letters" || fail "no remedy: see above"
id=$(head -n 1 "$work/letters" | cut -d' ' -f 1)
key=$(iso dead-letter show "$id" --json | grep -o '"key":"[^"]*"' | cut -d'"' -f 4)
expect 1 iso get orders "$key" --region us
expect 0 iso dead-letter replay "$id" --region us
for region in "${regions[@]}"; do
    await 15 "$region has what was replayed" iso get orders "$key" --region "$region"
done
before=$(wc -l <"$work/letters")
proves "a wrong partitioner is refused, each refusal names the remedy, and replay mends it"

orders 12 framed >"$work/framed"
interop write "$work/framed" --partitioner murmur2_random --registry-id 7
framed() { (($(iso dead-letter list | wc -l) == before + 12)); }
await 15 "12 dead letters tell of another frame" framed
iso dead-letter list | tail -n +$((before + 1)) >"$work/letters"
grep -q 'C3 01' "$work/letters" || fail "no remedy: $(head -n 1 "$work/letters")"
expect 1 iso get orders framed-3 --region eu
proves "Confluent's frame in a collection of Avro's own is refused with the remedy"

sed 's/"name": *"stock"/"name": "note", "type": "string", "default": "-"}, {&/' \
    "$here/order.avsc" >"$work/noted.avsc"
orders 1 noted | sed 's/"stock":/"note": "new", &/' >"$work/noted"
schema=$work/noted.avsc interop write "$work/noted" --partitioner murmur2_random
unknown() { iso dead-letter list | grep 'isostasy schema register orders' >"$work/letters"; }
await 15 "a dead letter names the command that registers the schema" unknown
expect 1 iso get orders noted-0 --region us
expect 0 iso schema register orders "$work/noted.avsc"
expect 0 iso dead-letter replay "$(cut -d' ' -f 1 "$work/letters")" --region eu
for region in "${regions[@]}"; do
    await 15 "$region has what was replayed" iso get orders noted-0 --region "$region"
done
expect 0 iso get orders noted-0 --region ap
[[ $out == *'"note":"new"'* ]] || fail "get says: $out"
proves "a schema that nobody registered: refused with the command that does, and then replayed"
judge
