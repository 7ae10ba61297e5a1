/* What only a store on disk has: a place, a lock, a bound, other processes. */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/store_kit.h"

static const struct iso_store_options reads = {.read_only = true},
                                      writes = {.not_durable = true};

/* Runs `work` in a process of its own; true when it answered true. */
static bool in_child(bool (*work)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(work() ? 0 : 1);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static enum iso_err try_open(const struct iso_store_options *options)
{
    struct iso_store *store = NULL;
    enum iso_err err = iso_store_lmdb_open(kit_place(), options, &store, &kit_why);
    iso_store_close(store);
    return err;
}

static void write_file(const char *name, const char *text)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", kit_place(), name);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(a_store_is_what_it_was_when_it_is_opened_again)
{
    struct iso_store *store = kit_lmdb_with((struct iso_store_options){0});
    uint8_t id[16];
    memcpy(id, iso_store_id(store).data, sizeof id);
    kit_store_put(store, ISO_ENTRY, "a", "1");
    kit_store_put(store, ISO_OUTBOX, "b", "2");
    iso_store_close(store);
    store = kit_lmdb();
    ck_assert_str_eq(kit_store_get(store, ISO_ENTRY, "a"), "1");
    ck_assert_str_eq(kit_store_get(store, ISO_OUTBOX, "b"), "2");
    ck_assert(iso_bytes_equal(iso_store_id(store), iso_bytes(id, sizeof id)));
    iso_store_close(store);
    kit_clean();
}
END_TEST

/* ---- other processes ---- */

static int to_child[2], to_parent[2];

static void say(int pipe_end)
{
    ck_assert_int_eq(write(pipe_end, "x", 1), 1);
}

static bool hear(int pipe_end)
{
    char heard;
    return read(pipe_end, &heard, 1) == 1;
}

static void pipes_open(void)
{
    ck_assert(pipe(to_child) == 0 && pipe(to_parent) == 0);
}

static bool reader_follows(void)
{
    struct iso_store *store;
    if (iso_store_lmdb_open(kit_place(), &reads, &store, &kit_why) != ISO_OK)
        return false;
    struct iso_snapshot *before = kit_snapshot(store);
    say(to_parent[1]);
    if (!hear(to_child[0]))
        return false;
    struct iso_snapshot *after = kit_snapshot(store);
    bool good = strcmp(kit_snapshot_get(before, ISO_ENTRY, "a"), "1") == 0 &&
                strcmp(kit_snapshot_get(after, ISO_ENTRY, "a"), "2") == 0;
    struct iso_txn *txn;
    good = good && iso_txn_begin(store, &txn, &kit_why) == ISO_USAGE;
    iso_snapshot_close(before);
    iso_snapshot_close(after);
    iso_store_close(store);
    return good;
}

START_TEST(a_reader_in_another_process_sees_commits_as_they_come)
{
    pipes_open();
    kit_place();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!hear(to_child[0]))
            _exit(1);
        _exit(reader_follows() ? 0 : 1);
    }
    struct iso_store *store = kit_lmdb();
    kit_store_put(store, ISO_ENTRY, "a", "1");
    say(to_child[1]);
    ck_assert(hear(to_parent[0]));
    kit_store_put(store, ISO_ENTRY, "a", "2");
    say(to_child[1]);
    int status;
    waitpid(pid, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(the_slot_of_a_reader_that_was_killed_is_cleared)
{
    pipes_open();
    struct iso_store *store = kit_lmdb();
    kit_store_put(store, ISO_ENTRY, "a", "1");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct iso_store *mine;
        if (iso_store_lmdb_open(kit_place(), &reads, &mine, &kit_why) != ISO_OK)
            _exit(1);
        kit_snapshot(mine);
        say(to_parent[1]);
        hear(to_child[0]); /* until it is killed */
        _exit(1);
    }
    ck_assert(hear(to_parent[0]));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    kit_store_put(store, ISO_ENTRY, "a", "2");
    struct iso_store_stats stats;
    kit_ok(iso_store_stats(store, &stats, &kit_why));
    ck_assert_uint_ge(stats.readers_cleared, 1);
    iso_store_close(store);
    kit_clean();
}
END_TEST

static char holder[32];

static bool second_writer_is_told(void)
{
    return try_open(&writes) == ISO_STORE_BUSY && strstr(kit_why.text, holder) != NULL;
}

START_TEST(a_second_writer_is_told_who_the_first_one_is)
{
    struct iso_store *store = kit_lmdb();
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    ck_assert(in_child(second_writer_is_told));
    ck_assert(second_writer_is_told());         /* also when it is the same process */
    ck_assert(in_child(second_writer_is_told)); /* which has not opened the lock */
    iso_store_close(store);
    ck_assert_int_eq(try_open(&writes), ISO_OK);
    kit_clean();
}
END_TEST

static struct iso_store *inherited;

static bool closes_what_it_inherited(void)
{
    iso_store_close(inherited);
    return true;
}

START_TEST(a_child_may_close_what_it_inherited_without_harm)
{
    inherited = kit_lmdb();
    kit_store_put(inherited, ISO_ENTRY, "a", "1");
    ck_assert(in_child(closes_what_it_inherited));
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    ck_assert(in_child(second_writer_is_told));
    kit_store_put(inherited, ISO_ENTRY, "a", "2");
    ck_assert_str_eq(kit_store_get(inherited, ISO_ENTRY, "a"), "2");
    iso_store_close(inherited);
    kit_clean();
}
END_TEST

/* ---- places that will not do ---- */

START_TEST(a_reader_of_nothing_is_told_so)
{
    ck_assert_int_eq(try_open(&reads), ISO_NOT_FOUND);
    kit_clean();
    snprintf(kit_path, sizeof kit_path, "/tmp/iso-store-none");
    ck_assert_int_eq(try_open(&reads), ISO_NOT_FOUND);
}
END_TEST

START_TEST(a_directory_that_is_none_is_refused)
{
    struct iso_store *store;
    ck_assert_int_eq(iso_store_lmdb_open("", &writes, &store, &kit_why), ISO_SETTING);
    ck_assert_int_eq(iso_store_lmdb_open("/dev/null", &writes, &store, &kit_why),
                     ISO_SETTING);
    ck_assert_int_eq(iso_store_lmdb_open("/tmp/no/where", &writes, &store, &kit_why),
                     ISO_SETTING);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(somebody_elses_file_is_no_store)
{
    write_file("data.mdb", "this was written by something else");
    ck_assert_int_eq(try_open(&writes), ISO_STORE_MISMATCH);
    ck_assert_int_eq(try_open(&reads), ISO_STORE_MISMATCH);
    kit_clean();
}
END_TEST

static bool stranger_is_denied(void)
{
    return setgid(65534) == 0 && setuid(65534) == 0 &&
           try_open(&writes) == ISO_DENIED && strstr(kit_why.text, "uid 65534") != NULL;
}

static bool stranger_reads(void)
{
    return setgid(65534) == 0 && setuid(65534) == 0 && try_open(&reads) == ISO_OK;
}

START_TEST(another_user_reads_when_permitted_and_is_denied_writing)
{
    if (geteuid() != 0)
        return; /* only root can become somebody else */
    iso_store_close(kit_lmdb());
    ck_assert(in_child(stranger_is_denied));
    ck_assert(!in_child(stranger_reads));
    char file[128];
    ck_assert_int_eq(chmod(kit_place(), 0755), 0);
    snprintf(file, sizeof file, "%s/data.mdb", kit_place());
    ck_assert_int_eq(chmod(file, 0644), 0);
    iso_store_close(kit_lmdb()); /* shares the lock file with who may read */
    ck_assert(in_child(stranger_reads));
    ck_assert(in_child(stranger_is_denied));
    kit_clean();
}
END_TEST

/* ---- the bound ---- */

static enum iso_err fill(struct iso_store *store, struct iso_txn **txn, int rows)
{
    static uint8_t value[10000];
    *txn = kit_begin(store);
    for (int i = 0; i < rows; i++)
        iso_txn_put(*txn, ISO_ENTRY, iso_bytes(&i, sizeof i), iso_bytes(value, 10000));
    return iso_txn_commit(*txn, &kit_why);
}

START_TEST(a_store_at_its_bound_keeps_the_change_until_the_bound_is_raised)
{
    struct iso_store *store = kit_lmdb_with(
        (struct iso_store_options){.not_durable = true, .size_max = 2 << 20});
    kit_store_put(store, ISO_META, "before", "1");
    struct iso_txn *txn;
    ck_assert_int_eq(fill(store, &txn, 1000), ISO_STORE_FULL);
    ck_assert_ptr_nonnull(
        strstr(kit_why.text, "2097152 bytes: raise daemon.store.size.max"));
    ck_assert_ptr_nonnull(strstr(kit_why.text, kit_place()));
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_STORE_FULL);
    ck_assert_str_eq(kit_txn_get(txn, ISO_META, "before"), "1");
    kit_put(txn, ISO_META, "during", "2");
    iso_store_lmdb_size_max_set(store, 64 << 20);
    struct iso_snapshot *snapshot = kit_snapshot(store);
    ck_assert_int_eq(iso_txn_commit(txn, &kit_why), ISO_IO); /* its map is in use */
    ck_assert_str_eq(kit_snapshot_get(snapshot, ISO_META, "before"), "1");
    iso_snapshot_close(snapshot);
    kit_commit(txn);
    struct iso_store_stats stats;
    kit_ok(iso_store_stats(store, &stats, &kit_why));
    ck_assert_uint_eq(stats.rows[ISO_ENTRY], 1000);
    ck_assert_uint_gt(stats.bytes_on_disk, 10000000);
    ck_assert_uint_gt(stats.bytes_used, 10000000);
    ck_assert_uint_le(stats.bytes_used, stats.bytes_on_disk);
    ck_assert_uint_eq(stats.grown, 1);
    ck_assert_str_eq(kit_store_get(store, ISO_META, "during"), "2");
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(a_store_at_its_bound_can_be_given_up_on)
{
    struct iso_store *store = kit_lmdb_with(
        (struct iso_store_options){.not_durable = true, .size_max = 1 << 20});
    struct iso_txn *txn;
    ck_assert_int_eq(fill(store, &txn, 1000), ISO_STORE_FULL);
    iso_txn_abort(txn);
    kit_store_put(store, ISO_META, "after", "1");
    ck_assert_str_eq(kit_store_get(store, ISO_META, "after"), "1");
    iso_store_close(store);
    kit_clean();
}
END_TEST

START_TEST(overwriting_does_not_grow_the_file_without_end)
{
    struct iso_store *store = kit_lmdb();
    struct iso_store_stats first, last;
    struct iso_txn *txn;
    for (int round = 0; round < 40; round++) {
        kit_ok(fill(store, &txn, 100));
        if (round == 5)
            kit_ok(iso_store_stats(store, &first, &kit_why));
    }
    kit_ok(iso_store_stats(store, &last, &kit_why));
    ck_assert_uint_le(last.bytes_on_disk, first.bytes_on_disk * 2);
    iso_store_close(store);
    kit_clean();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store on disk");
    TCase *disk = tcase_create("disk");
    tcase_set_timeout(disk, 60);
    suite_add_tcase(suite, disk);
    tcase_add_test(disk, a_store_is_what_it_was_when_it_is_opened_again);
    tcase_add_test(disk, a_reader_in_another_process_sees_commits_as_they_come);
    tcase_add_test(disk, the_slot_of_a_reader_that_was_killed_is_cleared);
    tcase_add_test(disk, a_second_writer_is_told_who_the_first_one_is);
    tcase_add_test(disk, a_child_may_close_what_it_inherited_without_harm);
    tcase_add_test(disk, a_reader_of_nothing_is_told_so);
    tcase_add_test(disk, a_directory_that_is_none_is_refused);
    tcase_add_test(disk, somebody_elses_file_is_no_store);
    tcase_add_test(disk, another_user_reads_when_permitted_and_is_denied_writing);
    tcase_add_test(disk,
                   a_store_at_its_bound_keeps_the_change_until_the_bound_is_raised);
    tcase_add_test(disk, a_store_at_its_bound_can_be_given_up_on);
    tcase_add_test(disk, overwriting_does_not_grow_the_file_without_end);
    return kit_run(suite);
}
