/* Disks that fill up, writes that fail, writers that are killed: what was committed
 * stays, what was not is all there or not at all, and the store goes on.
 *
 * A shim in this file stands in front of pwrite and fdatasync, as LMDB calls them, and
 * fails them when told to. It must be visible, so that the library finds it first. */
#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "tests/unit/store_kit.h"

/* ---- the shim ---- */

#define SHIM __attribute__((visibility("default")))

enum { META_PAGES_END = 8192 };
static int fail_meta_writes, fail_syncs; /* so many of the next ones */

SHIM ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (at < META_PAGES_END && fail_meta_writes > 0) {
        fail_meta_writes--;
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

SHIM int fdatasync(int fd)
{
    if (fail_syncs > 0) {
        fail_syncs--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* ---- words ---- */

enum { LOAD_ROWS = 200, LOAD_VALUE = 10000 };

/* A change of some megabytes, all rows of which bear `mark`. */
static struct iso_txn *load_begin(struct iso_store *store, uint8_t mark)
{
    static uint8_t value[LOAD_VALUE];
    memset(value, mark, sizeof value);
    struct iso_txn *txn = kit_begin(store);
    for (uint32_t i = 0; i < LOAD_ROWS; i++)
        iso_txn_put(txn, i % ISO_SPACES, iso_bytes(&i, sizeof i),
                    iso_bytes(value, sizeof value));
    return txn;
}

/* The mark that all rows bear; -1: they do not all bear one, which must not be. */
static int load_mark(struct iso_store *store)
{
    struct iso_snapshot *snapshot = kit_snapshot(store);
    int mark = -2;
    for (uint32_t i = 0; i < LOAD_ROWS && mark != -1; i++) {
        struct iso_bytes value;
        enum iso_err err = iso_snapshot_get(snapshot, i % ISO_SPACES,
                                            iso_bytes(&i, sizeof i), &value, &kit_why);
        int here = err == ISO_OK ? value.data[0] : 0;
        for (size_t at = 0; err == ISO_OK && at < value.size; at++)
            here = value.data[at] == here ? here : -1;
        mark = mark == -2 || mark == here ? here : -1;
    }
    iso_snapshot_close(snapshot);
    return mark;
}

START_TEST(the_check_of_marks_catches_a_store_that_is_half_written)
{
    struct iso_store *store = iso_store_memory_new();
    ck_assert_int_eq(load_mark(store), 0);
    kit_commit(load_begin(store, 1));
    ck_assert_int_eq(load_mark(store), 1);
    struct iso_txn *txn = kit_begin(store);
    uint32_t row = LOAD_ROWS / 2;
    iso_txn_put(txn, row % ISO_SPACES, iso_bytes(&row, sizeof row), iso_bytes("\2", 1));
    kit_commit(txn);
    ck_assert_int_eq(load_mark(store), -1);
    iso_store_close(store);
}
END_TEST

/* ---- full disks ---- */

static void full_then_room(struct iso_store *store, void (*make_room)(void))
{
    enum iso_err err;
    int mark = 0;
    struct iso_txn *txn;
    do {
        txn = load_begin(store, (uint8_t)++mark);
        for (uint32_t i = 0; i < 100; i++) { /* so that it grows every time */
            uint32_t key[2] = {(uint32_t)mark, i};
            uint8_t value[LOAD_VALUE] = {0};
            iso_txn_put(txn, ISO_LEDGER, iso_bytes(key, sizeof key),
                        iso_bytes(value, sizeof value));
        }
        err = iso_txn_commit(txn, &kit_why);
    } while (err == ISO_OK && mark < 100);
    ck_assert_msg(err == ISO_STORE_FULL, "%s: %s", iso_err_name(err), kit_why.text);
    ck_assert_ptr_nonnull(strstr(kit_why.text, kit_place()));
    ck_assert_int_gt(mark, 1);
    ck_assert_int_eq(load_mark(store), mark - 1);
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_STORE_FULL);
    make_room();
    kit_commit(txn);
    ck_assert_int_eq(load_mark(store), mark);
    iso_store_close(store);
    store = kit_lmdb();
    ck_assert_int_eq(load_mark(store), mark);
    iso_store_close(store);
}

static void lift_file_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_store_at_the_limit_of_file_sizes_recovers)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    ck_assert_int_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
    struct iso_store *store = kit_lmdb();
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = (10 << 20) + 1234;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    full_then_room(store, lift_file_limit);
    kit_clean();
}
END_TEST

static void grow_disk(void)
{
    ck_assert_int_eq(mount("none", kit_place(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
}

START_TEST(a_store_on_a_full_disk_recovers)
{
    if (mount("none", kit_place(), "tmpfs", 0, "size=10m") != 0) {
        rmdir(kit_place()); /* only root may mount; file sizes are tested above */
        return;
    }
    full_then_room(kit_lmdb(), grow_disk);
    ck_assert_int_eq(umount(kit_place()), 0);
    kit_clean();
}
END_TEST

/* ---- failing disks ---- */

START_TEST(a_meta_page_that_cannot_be_written_is_survived)
{
    struct iso_store *store = kit_lmdb_with((struct iso_store_options){0});
    kit_commit(load_begin(store, 1));
    for (uint8_t mark = 2; mark < 6; mark++) {
        struct iso_txn *txn = load_begin(store, mark);
        fail_meta_writes = mark % 2 ? 1 : 2; /* the second one is LMDB's way back */
        ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_IO);
        ck_assert_int_eq(iso_err_kind(ISO_IO), ISO_RETRY);
        fail_meta_writes = 0;
        kit_commit(txn);
        ck_assert_int_eq(load_mark(store), mark);
    }
    iso_store_close(store);
    store = kit_lmdb();
    ck_assert_int_eq(load_mark(store), 5);
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(a_snapshot_outlives_a_meta_page_that_cannot_be_written)
{
    struct iso_store *store = kit_lmdb_with((struct iso_store_options){0});
    kit_store_put(store, ISO_META, "a", "1");
    struct iso_snapshot *snapshot = kit_snapshot(store);
    struct iso_txn *txn = load_begin(store, 1);
    fail_meta_writes = 1;
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_IO);
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_IO);
    ck_assert_ptr_nonnull(strstr(kit_why.text, "1 snapshots"));
    ck_assert_str_eq(kit_snapshot_get(snapshot, ISO_META, "a"), "1");
    iso_snapshot_close(snapshot);
    kit_commit(txn);
    ck_assert_int_eq(load_mark(store), 1);
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(a_sync_that_fails_leaves_nothing_and_is_tried_again)
{
    struct iso_store *store = kit_lmdb_with((struct iso_store_options){0});
    kit_commit(load_begin(store, 1));
    struct iso_txn *txn = load_begin(store, 2);
    fail_syncs = 1;
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_IO);
    ck_assert_int_eq(load_mark(store), 1);
    kit_commit(txn);
    ck_assert_int_eq(load_mark(store), 2);
    iso_store_close(store);
    kit_clean();
}
END_TEST

/* ---- killed writers ---- */

enum { KILL_ROUNDS = 15, KILL_MARKS = 250 };

/* Commits marks one above the other until it is killed, and says so after each. */
static void write_until_killed(int said)
{
    struct iso_store *store = kit_lmdb();
    for (int mark = load_mark(store) + 1; mark < KILL_MARKS; mark++) {
        kit_commit(load_begin(store, (uint8_t)mark));
        uint8_t byte = (uint8_t)mark;
        if (write(said, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

/* The highest mark that a killed writer said it had committed. */
static int kill_one(struct iso_chance *chance)
{
    int ends[2], last = 0;
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        write_until_killed(ends[1]);
    }
    close(ends[1]);
    uint8_t mark;
    for (unsigned left = 1 + (unsigned)(iso_chance_draw(chance) % 8);
         left > 0 && read(ends[0], &mark, 1) == 1; left--)
        last = mark;
    for (uint64_t turns = iso_chance_draw(chance) % 2000000; turns > 0; turns--)
        __asm__ volatile("" ::: "memory"); /* somewhere within the next commit */
    kill(pid, SIGKILL);
    while (read(ends[0], &mark, 1) == 1)
        last = mark;
    waitpid(pid, NULL, 0);
    close(ends[0]);
    return last;
}

START_TEST(a_killed_writer_leaves_a_prefix_of_its_commits)
{
    struct iso_chance chance;
    const char *given = getenv("ISO_SEED");
    iso_chance_machine_init(&chance);
    uint64_t seed = given ? strtoull(given, NULL, 10) : iso_chance_draw(&chance) >> 1;
    printf("ISO_SEED=%llu\n", (unsigned long long)seed);
    iso_chance_seeded_init(&chance, seed);
    kit_place();
    for (int round = 0; round < KILL_ROUNDS; round++) {
        int said = kill_one(&chance);
        struct iso_store *store = kit_lmdb();
        int mark = load_mark(store);
        /* Everything it said, and perhaps one more that it could not say. */
        ck_assert_msg(mark == said || mark == said + 1, "said %d, found %d", said,
                      mark);
        iso_store_close(store);
    }
    kit_clean();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store on bad disks");
    TCase *disk = tcase_create("disk");
    tcase_set_timeout(disk, 120);
    suite_add_tcase(suite, disk);
    tcase_add_test(disk, the_check_of_marks_catches_a_store_that_is_half_written);
    tcase_add_test(disk, a_store_at_the_limit_of_file_sizes_recovers);
    tcase_add_test(disk, a_store_on_a_full_disk_recovers);
    tcase_add_test(disk, a_meta_page_that_cannot_be_written_is_survived);
    tcase_add_test(disk, a_snapshot_outlives_a_meta_page_that_cannot_be_written);
    tcase_add_test(disk, a_sync_that_fails_leaves_nothing_and_is_tried_again);
    tcase_add_test(disk, a_killed_writer_leaves_a_prefix_of_its_commits);
    return kit_run(suite);
}
