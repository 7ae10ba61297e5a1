#!/usr/bin/env bash
# Python's fastavro and we make the same of the same bytes: random schemas, data of them,
# and readers' schemas that the writers' have become. ISO_SEED repeats a run. README.md
# says what is compared, and what fastavro does otherwise than the specification.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
pairs=${ISO_TOOLS:-$root/build/dev/tests}/interop_pairs
python=$root/build/python
seed=${ISO_SEED:-$(date +%s)}
count=${PAIRS:-10000}
from=${FROM:-0}
each=${DATA:-10} # 10^5 data with 10^4 pairs

# Debian has no fastavro: it is put into build/, once.
if ! PYTHONPATH=$python /usr/bin/python3 -c 'import fastavro' 2>/dev/null; then
    /usr/bin/python3 -m pip install --quiet --target "$python" 'fastavro==1.13.*'
fi

compare() {
    "$pairs" --seed "$seed" --data "$each" "$@" |
        PYTHONPATH=$python /usr/bin/python3 "$here/compare.py"
}

# A comparison that sees nothing would agree with everything.
for fault in byte refused taken json verdict; do
    if compare --pairs 400 --planted "$fault" >/dev/null 2>&1; then
        echo "fastavro.sh: seed $seed: the planted fault \"$fault\" goes unseen" >&2
        exit 1
    fi
done

# Half of them each: there are two cores, and Python takes one.
half=$((count / 2))
first=$(mktemp)
trap 'rm -f "$first"' EXIT
compare --pairs "$half" --from "$from" >"$first" &
compare --pairs $((count - half)) --from $((from + half)) || {
    echo "fastavro.sh: the seed is ISO_SEED=$seed" >&2
    wait || true
    exit 1
}
wait "$!" || {
    echo "fastavro.sh: the seed is ISO_SEED=$seed" >&2
    exit 1
}
cat "$first"
echo "fastavro.sh: seed $seed: $count pairs of schemas and $((count * each)) data alike"
