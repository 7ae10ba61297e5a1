#!/usr/bin/env bash
# monitor/openapi.json is what others take for OpenAPI: Python's openapi-spec-validator
# reads it, and sees what is planted. (That it describes what is answered is held by
# unit.serve_test and unit.view_test.)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python=$root/build/python
openapi=$root/monitor/openapi.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian 12 has none: it is put into build/, once.
if ! PYTHONPATH=$python /usr/bin/python3 -c 'import openapi_spec_validator' 2>/dev/null; then
    /usr/bin/python3 -m pip install --quiet --upgrade --target "$python" \
        'openapi-spec-validator==0.7.*'
fi

validate() { # FILE
    PYTHONPATH=$python /usr/bin/python3 -m openapi_spec_validator "$1"
}

# A validator that sees nothing would take everything.
planted() { # WHAT WITH
    sed "$2" "$openapi" >"$work/planted.json"
    if cmp -s "$openapi" "$work/planted.json" || validate "$work/planted.json" >/dev/null 2>&1; then
        echo "openapi.sh: the planted fault \"$1\" goes unseen" >&2
        exit 1
    fi
}
planted "no responses" 's/"responses": {/"answers": {/'
planted "a reference into nothing" 's|schemas/State"|schemas/Stat"|'
planted "a part of a path without a parameter" 's|parameters/source"|parameters/state"|'

validate "$openapi"
