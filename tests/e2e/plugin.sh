#!/usr/bin/env bash
# A collection of resolver plugin:lines: shopping lists of two regions, shown by the example
# plug-in, and what readers see who do not have it.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

begin plugin
safe=$("$root/tests/plugin/folder" "$work")
clean_up() { rm -rf "$safe"; }
mkdir "$work/include"
ln -s "$root" "$work/include/isostasy" # the header, as it is installed
cc -shared -fPIC -I"$work/include" -o "$safe/lines.so" "$root/examples/plugin/lines.c"
sed 's/add(answer->self, line/add(NULL, line/' "$root/examples/plugin/lines.c" >"$work/bad.c"
cc -shared -fPIC -I"$work/include" -o "$safe/bad.so" "$work/bad.c"

kafka_start
settings eu us
create lists --resolver plugin:lines
daemons_start

shown() { # REGION EXPECTED [OPTION …]
    local region=$1 expected=$2
    shift 2
    expect 0 iso "$@" get lists home --region "$region"
    equal "the list in $region" "$out" "$expected"
}
with=(-X "plugin.lines.path=$safe/lines.so")

printf 'tea\nmilk\n' | iso put lists home - --region eu >/dev/null
printf 'bread\ntea\n' | iso put lists home - --region us >/dev/null
converge
for region in eu us; do
    shown "$region" $'tea\nmilk\nbread' "${with[@]}"
done
proves "two lists are shown as one, in both regions"

expect 0 iso get lists home --region eu
[[ $err == *"plug-in lines is not in the settings"* ]] ||
    fail "nothing is said of the missing plug-in: $err"
expect 0 iso get lists home --region eu --siblings
[[ $(wc -l <<<"$out") == 2 ]] || fail "the siblings are: $out"
proves "a reader without the plug-in is told, and sees every list"

expect 65 iso -X "plugin.lines.path=$safe/bad.so" get lists home --region eu
says "breaks the rules" "crashed on signal 11"
cp "$safe/lines.so" "$work/lines.so"
chmod o+w "$work/lines.so"
expect 77 iso -X "plugin.lines.path=$work/lines.so" get lists home --region eu
says "may be changed by others"
shown us $'tea\nmilk\nbread' "${with[@]}"
proves "one that crashes is refused before the read, as is one that others may change"

expect 0 iso "${with[@]}" get lists home --region eu --json
context=$(grep -o '"context":"[^"]*"' <<<"$out" | cut -d'"' -f4)
printf 'milk\nbread\n' | iso put lists home - --region eu --context "$context" >/dev/null
converge
for region in eu us; do
    shown "$region" $'milk\nbread' "${with[@]}"
done
expect 0 iso "${with[@]}" export lists --region us
equal "the export" "$(cut -f 1,3 <<<"$out")" $'home\tmilk\\x0abread\\x0a'
proves "a write with what was shown replaces both lists"
