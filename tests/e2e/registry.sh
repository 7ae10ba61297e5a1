#!/usr/bin/env bash
# Values in Confluent's format, with a real schema registry that asks for a password over
# TLS: its ids stand in the definition, so that it may fail, lie or forget, and nothing
# stops but what needs a new id.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

registry=$here/registry
app=${ISO_E2E_REGISTRY:-$root/build/registry}
data=$root/build/e2e/registry/registry
clean_up() { "$registry" kill "$data" 2>/dev/null; }

# Of a run that was killed; one that still runs holds the lock.
flock -n "$root/build/e2e/registry.lock" "$registry" kill "$data" 2>/dev/null || true
begin registry
export PYTHONPATH=$root/build/python no_proxy=127.0.0.1,localhost
unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE # or Python's requests trusts those instead
has_modules() { "$python" -c 'import fastavro, requests' 2>/dev/null; }
has_modules || "$python" -m pip install --quiet --disable-pip-version-check --upgrade \
    --root-user-action ignore --target "$PYTHONPATH" 'fastavro==1.13.*' 'requests==2.32.*' \
    >"$work/pip.log" 2>&1 || fail "fastavro cannot be had: $(tail -n 3 "$work/pip.log")"
"$registry" install "$app" 2>"$work/install.log" || fail "no registry: see above"
fetched=$SECONDS
job_start server "$registry" start "$app" "$data" tls login
kafka_start
job_wait server 60
settings eu us
password=$(<"$data/password")
url=$("$registry" url "$data")
registered() { # PASSWORD CA URL: what the settings say of it
    printf '[schema]\nregistry.url = %s\nregistry.username = writer\n' "$3"
    printf 'registry.password = %s\nregistry.ca = %s\n' "$1" "$2"
}
plain_conf=$work/plain.conf
cp "$conf" "$plain_conf"
settings_of() { # PASSWORD CA URL: the settings with another registry, from here on
    { cat "$plain_conf" && registered "$@"; } >"$conf"
}
settings_of "$password" "$data/ca.pem" "$url/"
api() { # PATH [OPTION…]: asks the registry as anybody would
    curl --noproxy '*' -fsS --cacert "$data/ca.pem" -u "writer:$password" "$url/$1" "${@:2}"
}
client() { "$python" "$here/serializer.py" --servers "$servers" --topic orders \
    --registry "$url" --ca "$data/ca.pem" --password "$data/password" "$@"; }

# ---- ids ----

field() { printf '{"name":"%s","type":"string","default":"none"}' "$1"; }
schema() { # FIELD…: a file with an order of these fields, and an id
    local fields='{"name":"id","type":"int"}' name
    for name in "$@"; do
        fields+=",$(field "$name")"
    done
    printf '{"type":"record","name":"Order","fields":[%s]}' "$fields"
}
schema who >"$work/order-1.avsc"
schema who note >"$work/order-2.avsc"
schema who note tag >"$work/order-3.avsc"
sed 's/"name":"who","type":"string","default":"none"/"name":"who","type":"int"/' \
    "$work/order-2.avsc" >"$work/order-4.avsc"

create orders --partitions 4 --format confluent --schema "$work/order-1.avsc"
expect 0 iso schema list orders --json
[[ $out =~ '"registry_id":'([0-9]+) ]] || fail "schema list names no registry id: $out"
id=${BASH_REMATCH[1]}
api "schemas/ids/$id" | grep -qF '\"name\":\"Order\"' || fail "the registry has not id $id"
expect 0 api subjects/orders-value/versions
equal "versions of the subject" "$out" "[1]"
create orders --partitions 4 --format confluent --schema "$work/order-1.avsc"
expect 0 api subjects/orders-value/versions
equal "versions after doing it twice" "$out" "[1]"
proves "a collection's schema is in the registry, and its id in the definition"

# ---- other clients ----

daemons_start
orders() { # PREFIX COUNT FIELDS
    awk -v p="$1" -v n="$2" -v f="$3" 'BEGIN {
        for (i = 0; i < n; i++)
            printf "%s-%d\t{\"id\": %d, \"who\": \"%s ☂\"%s}\n", p, i, i, p, f
    }'
}
iso put orders ours '{"id":7,"who":"us"}' --region eu >/dev/null
reads us ours '{"id":7,"who":"us"}'
orders theirs 50 '' >"$work/theirs"
equal "the id that the serializer uses" "$(client write "$work/order-1.avsc" "$work/theirs")" "$id"
for region in eu us; do
    reads "$region" theirs-49 '{"id":49,"who":"theirs ☂"}'
done
client read >"$work/read"
grep -qxF $'ours\t{"id": 7, "who": "us"}' "$work/read" ||
    fail "the deserializer reads otherwise: $(grep '^ours' "$work/read")"
equal "values that the deserializer read" "$(wc -l <"$work/read")" 51
proves "confluent-kafka's AvroSerializer and we read what the other wrote"

# ---- an id that the definition does not name ----

orders newer 20 ', "note": "new"' >"$work/newer"
newer=$(client write "$work/order-2.avsc" "$work/newer")
((newer != id)) || fail "another schema has the same id"
letters() { (($(iso dead-letter list | wc -l) == 20)); }
await 15 "20 values of an unknown id are set aside" letters
expect 0 iso dead-letter list --json
letter=$(grep -o '"id":"[^"]*"' <<<"$out" | head -n 1 | cut -d'"' -f4)
expect 0 iso dead-letter show "$letter"
[[ $out == *"registry id $newer"*"schema register orders --id $newer"* ]] ||
    fail "the dead letter names no remedy: $out"
expect 1 iso get orders newer-3 --region eu
expect 0 iso schema register orders --id "$newer" --json
[[ $out == *"\"registry_id\":$newer"* ]] || fail "schema register --id says: $out"
iso dead-letter list --json | grep -o '"id":"[^"]*"' | cut -d'"' -f4 >"$work/letters"
while read -r letter; do
    iso dead-letter replay "$letter" --region us >/dev/null
done <"$work/letters"
for region in eu us; do
    reads "$region" newer-3 '{"id":3,"who":"newer ☂","note":"new"}'
done
proves "an unknown id is set aside with its remedy, and applied once that was done"

# ---- what fails, and how it is said ----

expect 1 iso schema register orders --id 4711
says "schema 4711" 404 "$url"
api config/orders-value -X PUT -H 'content-type: application/json' \
    -d '{"compatibility":"BACKWARD"}' >/dev/null
expect 1 iso schema register orders "$work/order-4.avsc" --compatibility NONE
says 409 /fields/1/type "the subject's compatibility in the registry"
expect 77 iso -X schema.registry.password=wrong-one schema register orders "$work/order-3.avsc"
says 401 schema.registry.username schema.registry.password
[[ $err != *wrong-one* ]] || fail "the password is shown: $err"
settings_of "$password" "$data/other-ca.pem" "$url"
expect 69 iso schema register orders "$work/order-3.avsc"
says "certificate is not trusted" schema.registry.ca
settings_of "$password" "$data/ca.pem" "${url/127.0.0.1/localhost}"
expect 69 iso schema register orders "$work/order-3.avsc"
says "not trusted" "name the host"
settings_of "$password" "$data/ca.pem" "${url/https/http}"
expect 69 iso schema register orders "$work/order-3.avsc"
says "begins with https://"
settings_of "$password" "$data/ca.pem" "${url%/apis*}"
expect 65 iso schema register orders "$work/order-3.avsc"
says "lack a path"
settings_of "$password" "$data/ca.pem" "${url/:\/\//://writer:$password@}"
expect 78 iso schema register orders "$work/order-3.avsc"
says "holds a user or a password"
[[ $err != *"$password"* ]] || fail "the password is shown: $err"
cp "$plain_conf" "$conf"
expect 78 iso schema register orders "$work/order-3.avsc"
says "set schema.registry.url"
settings_of "$password" "$data/ca.pem" "$url"
proves "what the registry refuses, and wrong passwords, certificates, hosts, paths and settings are named with their remedies"

# ---- without it ----

"$registry" kill "$data"
daemon_kill us
iso put orders alone '{"id":1,"who":"nobody","note":"away"}' --region eu >/dev/null
daemon_start us
for region in eu us; do
    reads "$region" alone '{"id":1,"who":"nobody","note":"away"}'
done
expect 69 iso schema register orders "$work/order-3.avsc"
says "$url" "check that it runs" schema.registry.url
expect 0 iso schema register orders "$work/order-2.avsc" # has its id
proves "without the registry all goes on but a new schema"

# One that has forgotten all gives old ids again: a value would be read by another schema.
"$registry" start "$app" "$data" tls login 2>"$work/again.log" {lock_fd}>&-
expect 65 iso schema register orders "$work/order-3.avsc"
says "id $id for this schema" schema.registry.url
proves "a registry that forgot its schemas cannot make two of one id"

judge
while read -r file; do
    [[ $file == *.conf || $file == "$data"/* ]] || fail "the password stands in $file"
done < <(grep -rlF -- "$password" "$work")
proves "the password stands in no log and no error"
say "of these $SECONDS s, $fetched s were for fetching"
