#!/usr/bin/env bash
# Stores that cannot be used: not writable, in use, of another region, of another definition,
# full. Each is said with its remedy; a full one waits and loses nothing.
set -euo pipefail
# shellcheck source=tests/e2e/kit
source "$(dirname "${BASH_SOURCE[0]}")/kit"

umount "$root/build/e2e/stores/small" 2>/dev/null || true # of a run that was killed
begin stores
mounted=
clean_up() { [[ -z $mounted ]] || umount "$mounted" 2>/dev/null; }
kafka_start
settings eu us
create things --partitions 4
daemons_start
iso put things colour green --region eu >/dev/null
reads us colour green
alone() { # the daemon of a region, in the foreground, which must end by itself
    timeout 10 "$programs/isostasyd" --config "$conf" "$@"
}

expect 75 alone --region eu
says "in use by process ${pids[eu]}"
alive eu
proves "two daemons on one store: the second ends and names the first"

daemon_stop us
expect 66 alone --region eu -X region.eu.store="$work/store-us"
says "belongs to region us" "another directory"
expect 66 alone --region us -X daemon.shards=2
says "shard 0 of 1" daemon.shards
iso -X topics.prefix=two. region add eu >/dev/null
iso -X topics.prefix=two. region add us >/dev/null
iso -X topics.prefix=two. collection create things --topic elsewhere --partitions 4 >/dev/null
expect 66 alone --region us -X topics.prefix=two.
says "another collection of the name things" "another store directory"
expect 66 iso -X region.us.store="$work/store-none" get things colour --region us
says "$work/store-none"
daemon_start us
iso put things colour blue --region eu >/dev/null
reads us colour blue
proves "a store of another region, of other shards, of another definition is not touched"

printf 'x' >"$work/file"
expect 78 alone --region us -X region.us.store="$work/file"
says "$work/file"
expect 74 alone --region us -X region.us.store="$work/no/such/parent"
says "$work/no/such/parent" "No such file or directory"
mkdir "$work/closed"
if ((EUID == 0)); then
    chmod 700 "$work/closed"
    expect 77 setpriv --reuid nobody --regid nogroup --clear-groups \
        timeout 10 "$programs/isostasyd" --config "$conf" --region us -X region.us.store="$work/closed"
    says "$work/closed" "Permission denied"
    expect 77 setpriv --reuid nobody --regid nogroup --clear-groups \
        timeout 10 "$programs/isostasyd" --config "$conf" --region us -X region.us.store="$work/closed/us"
    says "$work/closed/us" "Permission denied"
else
    chmod 500 "$work/closed"
    expect 77 alone --region us -X region.us.store="$work/closed/us"
    says "$work/closed/us" "Permission denied"
fi
proves "a store path that cannot be written is named, with the reason"

# ---- full ----
value=$(head -c 2000 /dev/zero | tr '\0' v)
awk -v v="$value" 'BEGIN { for (i = 0; i < 20000; i++)
    printf "{\"key\":\"full-%d\",\"value\":\"%d %s\"}\n", i, i, v }' >"$work/full.lines"
full() { log_says us 'ISO_STORE_FULL|store is full|No space|full'; }
shown_full() { iso lag things | grep -E ' us ' | grep -qiE 'full|room|space'; }
daemon_stop us
if ((EUID == 0)) && mkdir "$work/small" && mount -t tmpfs -o size=16m tmpfs "$work/small" 2>/dev/null; then
    mounted=$work/small
    rm -rf "$work/store-us"
    sed -i "s|^store = .*store-us|store = $work/small/store|" "$conf"
    daemon_start us
    room() { mount -o remount,size=400m "$work/small"; }
else # nobody may mount: the store's own bound has to do
    daemon_start us -X daemon.store.size.max=16MiB
    room() {
        daemon_stop us
        daemon_start us
    }
fi
reads us colour blue
iso load things "$work/full.lines" --region eu --quiet --json >/dev/null
await 15 "us says that its store is full" full
await 10 "lag says why us does not go on" shown_full
alive eu us
reads eu full-19999 "19999 $value"
expect 0 iso get things colour --region us
pause 1
alive us
room
reads us full-19999 "19999 $value"
proves "a full disk: said, waited out, and nothing is lost"

# Anew from the log, into less than it needs.
daemon_stop us
rm -rf "$work/small/store" "$work/store-us"
daemon_start us -X daemon.store.size.max=8MiB
bounded() { log_says us store.size.max; }
await 15 "us names the setting that bounds its store" bounded
alive us
expect 0 iso put things still writing --region eu
daemon_stop us
daemon_start us
reads us still writing
proves "a store that has reached store.size.max says so, and goes on when that is raised"
acks=("$work/full.lines")
judge
