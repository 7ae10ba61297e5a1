#!/usr/bin/env bash
# Java's Avro and we: fingerprints, verdicts on compatibility, single-object messages, and
# data as a reader sees them; random schemas as in fastavro.sh. ISO_SEED repeats a run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
pairs=${ISO_TOOLS:-$root/build/dev/tests}/interop_pairs
avro=$root/build/avro-java
seed=${ISO_SEED:-$(date +%s)}
count=${PAIRS:-2000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[[ -e $avro/avro-1.11.4.jar ]] ||
    mvn -B -q -f "$here/../e2e/java/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$avro"
javac -cp "$avro/*" -d "$work" "$here/Compare.java"

compare() {
    "$pairs" --seed "$seed" --data 5 "$@" | java -cp "$work:$avro/*" Compare 2>"$work/err"
}

for fault in byte refused verdict; do
    if compare --pairs 400 --planted "$fault" >/dev/null; then
        echo "java.sh: seed $seed: the planted fault \"$fault\" goes unseen" >&2
        exit 1
    fi
done
compare --pairs "$count" || {
    cat "$work/err" >&2
    echo "java.sh: the seed is ISO_SEED=$seed" >&2
    exit 1
}
echo "java.sh: seed $seed: $count pairs of schemas alike"
