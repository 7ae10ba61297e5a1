#!/usr/bin/env bash
# What `cmake --install` leaves works from where it was moved to: the examples build with
# pkg-config and with CMake, libraries let out what their headers declare and nothing
# else, and the manual tells every command, option and setting.
#
# Installs build/release (ISO_INSTALL_BUILD names another) into a folder of its own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${ISO_INSTALL_BUILD:-$root/build/release}
work=$(mktemp -d)
prefix=$work/moved
trap 'rm -rf "$work"' EXIT

proves() { printf 'holds: %s (%s s)\n' "$*" "$SECONDS"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
quietly() { # COMMAND …: its output only when it fails
    "$@" >"$work/log" 2>&1 || {
        tail -n 40 "$work/log" >&2
        fail "$*"
    }
}
empty() { # SENTENCE, with the findings on standard input
    local found
    found=$(cat)
    [[ -z $found ]] || fail "$1: $(tr '\n' ' ' <<<"$found")"
}
says() { # STATUS TEXT COMMAND …: it ends with that status and says that
    local status=$1 text=$2 got=0 said
    shift 2
    said=$("$@" 2>&1) || got=$?
    [[ $got == "$status" ]] || fail "$* ended with $got, not $status: $said"
    [[ $said == *"$text"* ]] || fail "$* did not say '$text' but: $said"
}

# ---- what is looked for ----

# Names that a library lets out, with their symbol version.
exports() { nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }'; }
foreign_exports() { exports "$1" | grep -v '^iso_' || true; }
public_exports() { exports "$1" | sed -n "s/@@ISOSTASY_[0-9.]*$//p" | sort -u; }

# Functions and objects that a header declares, by the compiler's own list.
declared() { # HEADER, below include/isostasy
    local include=$prefix/include/isostasy
    cc -I"$include" -fsyntax-only -aux-info "$work/declared" -x c "$include/$1"
    grep -E "^/\* $include/$1:[0-9]+:NC " "$work/declared" |
        awk 'match($0, /iso_[a-z0-9_]+ \(/) { print substr($0, RSTART, RLENGTH - 2) }'
    sed -n 's/^extern .*\b\(iso_[a-z_]*\)\(\[\]\)\?;$/\1/p' "$include/$1"
}
public_declared() { # HEADER …
    local header
    for header in "$@"; do
        declared "$header"
    done | sort -u
}

needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# Long options of a command that its page does not tell.
options_untold() { # PAGE COMMAND …
    local page=$1 option
    shift
    "$@" --help | grep -oE '^ +(-., +)?--[a-z-]+' | grep -oE -- '--[a-z-]+' |
        while read -r option; do
            grep -qF -- "Fl ${option#-}" "$page" || printf '%s\n' "$option"
        done
}
commands() { # one a line, as `isostasy --help` lists them
    "$prefix/bin/isostasy" --help |
        awk '/^Commands/ { on = 1; next } on {
            name = $1
            if ($2 ~ /^[a-z]/) name = name " " $2
            if (name != "") print name
        }'
}
commands_untold() { # PAGE
    local command
    commands | while read -r command; do
        grep -qE "^\.It Nm Ic $command( |$)" "$1" || printf '%s\n' "$command"
    done
}
settings_untold() { # PAGE
    local key
    "$prefix/bin/isostasy" --settings |
        sed -n 's/^  \([a-z]*\)\(\.NAME\)\?\.\([a-z.]*\)\(NAME\)\?=.*/\3/p' |
        while read -r key; do
            grep -qF ".It Ic $key" "$1" || printf '%s\n' "$key"
        done
}

# ---- install, and move ----

[[ -f $build/build.ninja ]] || fail "$build is not there: run cmake --preset release"
quietly cmake --build "$build"
quietly cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$prefix"
for program in isostasy isostasyd isostasy-monitor; do
    says 0 "$program $(sed -n 's/^project(isostasy VERSION \([0-9.]*\).*/\1/p' \
        "$root/CMakeLists.txt")" "$prefix/bin/$program" --version
done
proves "three programs are installed and run from where they were moved to"

# ---- libraries ----

library() { printf '%s/lib/libisostasy-%s.so' "$prefix" "$1"; }

public_of() {
    case $1 in
    base) echo base/{bytes,clock,err,log,mem,settings}.h schema/{avro,compatibility,definition,edit,path,rule,token,value,version,view,write}.h ;;
    producer) echo producer/producer.h ;;
    reader) echo consumer/{plugin,replica}.h ;;
    keyfile) echo base/keyfile.h ;;
    esac
}
: >"$work/told"
for name in base producer reader keyfile; do
    read -ra headers <<<"$(public_of "$name")"
    printf '%s\n' "${headers[@]}" >>"$work/told"
    empty "isostasy-$name lets out foreign names" < <(foreign_exports "$(library "$name")")
    empty "isostasy-$name and its headers differ" < <(
        comm -3 <(public_exports "$(library "$name")") <(public_declared "${headers[@]}")
    )
    [[ $(readelf -d "$(library "$name")") == *"libisostasy-$name.so."* ]] ||
        fail "isostasy-$name has no soname"
done
printf 'resolver/plugin.h\n' >>"$work/told" # what plug-ins are written by
empty "headers that no library is for" < <(
    comm -3 <(sort "$work/told") <(cd "$prefix/include/isostasy" && find . -name '*.h' |
        cut -c 3- | sort)
)
proves "libraries let out what their headers declare, and nothing else"

printf 'int stray(void);\nint stray(void) { return 0; }\n' >"$work/stray.c"
cc -shared -fPIC -o "$work/stray.so" "$work/stray.c"
[[ $(foreign_exports "$work/stray.so") == stray ]] ||
    fail "the check of exports does not see a stray name"
proves "the check of exports finds a planted name"

empty "isostasy-producer needs too much" < <(
    needed "$(library producer)" | grep -vE '^(libisostasy-base|librdkafka|libc|ld-linux)' || true
)
empty "isostasy-reader needs too much" < <(
    needed "$(library reader)" | grep -vE '^(libisostasy-base|liblmdb|libc|ld-linux)' || true
)
empty "isostasy-base needs too much" < <(
    needed "$(library base)" | grep -vE '^(libavro|libjansson|libc|ld-linux)' || true
)
proves "services link no more than librdkafka, avro-c, jansson and the store"

# ---- the examples ----

cat >"$work/isostasy.conf" <<CONF
[cluster home]
servers = 127.0.0.1:1
[region eu]
store = $work/store
[producer]
timeout = 200ms
CONF
works() { # FOLDER
    says 0 "usage: service" "$1/service" --help
    says 64 "usage: service" "$1/service" too few
    says 74 "settings file cannot be read" \
        env ISOSTASY_CONFIG="$work/none" "$1/service" eu things key value
    says 69 "ISO_UNAVAILABLE" \
        env ISOSTASY_CONFIG="$work/isostasy.conf" "$1/service" eu things key value
    says 0 "usage: cart" "$1/cart" --help
    says 64 "usage: cart" "$1/cart" eu carts ada tea many
    says 1 "cannot be read" \
        env ISOSTASY_CONFIG="$work/isostasy.conf" "$1/cart" eu carts ada tea 2
}
cp -r "$root/examples" "$work/pkgconfig"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
quietly make -C "$work/pkgconfig" CFLAGS="-O1 -Wall -Wextra -Werror"
works "$work/pkgconfig"
proves "the examples build and run by pkg-config"

for static in OFF ON; do
    quietly cmake -S "$root/examples" -B "$work/cmake-$static" -G Ninja -DSTATIC=$static \
        -DCMAKE_PREFIX_PATH="$prefix"
    quietly cmake --build "$work/cmake-$static"
    works "$work/cmake-$static"
done
empty "a static example links shared libraries of ours" < <(
    for program in service cart; do
        needed "$work/cmake-ON/$program" | grep isostasy || true
    done
)
proves "the examples build and run by the CMake package, shared and static"

# ---- the example plug-in ----

safe=$("$root/tests/plugin/folder" "$build")
trap 'rm -rf "$work" "$safe"' EXIT

quietly make -C "$work/pkgconfig/plugin" CFLAGS="-O1 -Wall -Wextra -Werror"
cp "$work/pkgconfig/plugin/lines.so" "$safe/lines.so"
says 0 "1000 cases, 3000 answers: it keeps the rules" \
    "$prefix/bin/isostasy" resolver check --cases 1000 "$safe/lines.so"
says 77 "may be changed by others" \
    "$prefix/bin/isostasy" resolver check "$work/pkgconfig/plugin/lines.so"
sed 's/values\[n\]/values[clock() % count]/; s/#include <string.h>/&\n#include <time.h>/' \
    "$root/examples/plugin/lines.c" >"$work/pkgconfig/plugin/lines.c"
quietly make -C "$work/pkgconfig/plugin"
cp "$work/pkgconfig/plugin/lines.so" "$safe/lines.so"
says 1 "it breaks the rules" "$prefix/bin/isostasy" resolver check "$safe/lines.so"
proves "the example plug-in builds by the installed header and keeps the rules; one that \
reads a clock does not"

# ---- the manual ----

man=$prefix/share/man
mandoc -T lint -W warning "$man"/man*/* || fail "mandoc found something in the manual"
empty "commands that isostasy(1) does not tell" < <(commands_untold "$man/man1/isostasy.1")
commands | while read -r command; do
    read -ra words <<<"$command"
    empty "options of isostasy $command that its page does not tell" < <(
        options_untold "$man/man1/isostasy.1" "$prefix/bin/isostasy" "${words[@]}"
    )
done
for program in isostasyd isostasy-monitor; do
    empty "options that $program(8) does not tell" < <(
        options_untold "$man/man8/$program.8" "$prefix/bin/$program"
    )
done
empty "options that isostasy(1) does not tell" < <(
    options_untold "$man/man1/isostasy.1" "$prefix/bin/isostasy"
)
empty "settings that isostasy.conf(5) does not tell" < <(
    settings_untold "$man/man5/isostasy.conf.5"
)
proves "the manual is well-formed and tells every command, option and setting"

grep -v 'Nm Ic wait' "$man/man1/isostasy.1" >"$work/page"
[[ $(commands_untold "$work/page") == wait ]] || fail "a missing command is not seen"
sed 's/Fl -caught-up//' "$man/man1/isostasy.1" >"$work/page"
[[ $(options_untold "$work/page" "$prefix/bin/isostasy" wait) == --caught-up ]] ||
    fail "a missing option is not seen"
grep -v 'Ic batch.time.max' "$man/man5/isostasy.conf.5" >"$work/page"
[[ $(settings_untold "$work/page") == batch.time.max ]] || fail "a missing setting is not seen"
proves "the checks of the manual find what was left out"
