/* A session that roams: in a world of cuts, crashes, lost answers, duplicates and full
 * disks it writes in one region and reads in another, with its token. What it is shown
 * unmarked is never older than what it has seen or written of that key; and at rest
 * every region has come up to it. */
#include "world_run.h"

#include <stdio.h>

#include "schema/token.h"

enum { SEEDS = 12 };

static const char *const collections[WORLD_COLLECTIONS] = {"things", "others"};

struct session {
    struct world *world;
    struct iso_buf token;
    /* The newest version of each key that it has seen or written: its hlc. */
    uint64_t known[WORLD_COLLECTIONS][WORLD_KEYS];
    bool believes_all; /* planted: a read that is marked is taken for a fresh one */
    uint64_t writes, fresh, stale, behind;
};

static uint64_t token_hlc(const struct session *session)
{
    struct iso_token token = {0};
    ck_assert_int_eq(iso_token_decode(iso_buf_bytes(&session->token), &token, NULL),
                     ISO_OK);
    uint64_t hlc = token.hlc;
    iso_token_release(&token);
    return hlc;
}

static void key_text(int key, char text[16])
{
    snprintf(text, 16, "key-%d", key);
}

/* A write is issued above all that its token has seen: it is the largest there. */
static void session_write(struct session *session, struct world_region *region,
                          int collection, int key)
{
    struct iso_why why = {0};
    struct iso_buf value = {0};
    char text[16];
    struct iso_write_options options = {.token = &session->token};
    struct iso_producer *producer = region->producers[collection];
    key_text(key, text);
    world_value(session->world, producer, &value);
    enum iso_err err =
        world_dice(session->world, 4) == 0
            ? iso_producer_delete(producer, iso_bytes_text(text), &options, &why)
            : iso_producer_put(producer, iso_bytes_text(text), iso_buf_bytes(&value),
                               &options, &why);
    ck_assert_msg(err == ISO_OK || err == ISO_AGAIN, "seed %llu: %s",
                  (unsigned long long)session->world->plan.seed, why.text);
    session->world->counts.writes += err == ISO_OK;
    session->writes += err == ISO_OK;
    if (err == ISO_OK)
        session->known[collection][key] = token_hlc(session);
    iso_buf_release(&value);
}

/* ISO_STALE: the region is behind. */
static enum iso_err session_read(struct session *session, struct world_region *region,
                                 int collection, int key, enum iso_stale stale)
{
    struct world *world = session->world;
    struct iso_why why = {0};
    struct iso_read read = {0};
    struct iso_replica *replica;
    char text[16];
    uint64_t *known = &session->known[collection][key];
    struct iso_read_options options = {.token = iso_buf_bytes(&session->token),
                                       .stale = stale};
    key_text(key, text);
    if (iso_replica_open_on(region->stores, world_shards(world), &world->clock.clock,
                            &replica, &why) != ISO_OK)
        return ISO_STALE; /* its daemon has not begun */
    enum iso_err err = iso_replica_get_fresh(
        replica, collections[collection], iso_bytes_text(text), &options, &read, &why);
    iso_replica_close(replica);
    ck_assert_msg(err == ISO_OK || err == ISO_NOT_FOUND || err == ISO_STALE ||
                      err == ISO_NO_DEFINITION,
                  "seed %llu: %s", (unsigned long long)world->plan.seed, why.text);
    if (err == ISO_OK || err == ISO_NOT_FOUND) {
        bool fresh = !read.stale || session->believes_all;
        session->behind += fresh && read.version.hlc < *known;
        session->fresh += !read.stale;
        session->stale += read.stale;
        if (read.version.hlc > *known)
            *known = read.version.hlc;
        iso_buf_clear(&session->token);
        iso_buf_add_bytes(&session->token, iso_buf_bytes(&read.token));
    }
    iso_read_release(&read);
    return err == ISO_NO_DEFINITION ? ISO_STALE : err;
}

static void session_step(struct session *session)
{
    struct world *world = session->world;
    struct world_region *region = &world->regions[world_dice(world, WORLD_REGIONS)];
    int collection = world->definitions[1] != NULL && world_dice(world, 2) == 0;
    int key = (int)world_dice(world, 6); /* the same few again and again */
    if (world_dice(world, 3) == 0)
        session_write(session, region, collection, key);
    else
        session_read(session, region, collection, key, ISO_STALE_MARK);
}

/* Everybody has everything, so nobody is behind. */
static void session_rest(struct session *session)
{
    struct world *world = session->world;
    for (int r = 0; r < WORLD_REGIONS; r++)
        for (int c = 0; c < WORLD_COLLECTIONS; c++)
            for (int k = 0; k < WORLD_KEYS && world->definitions[c] != NULL; k++)
                ck_assert_msg(session_read(session, &world->regions[r], c, k,
                                           ISO_STALE_FAIL) != ISO_STALE,
                              "seed %llu: region %d does not come up to the session",
                              (unsigned long long)world->plan.seed, r);
}

static void session_run(uint64_t seed, struct session *session)
{
    struct world world;
    struct world_plan plan = {.seed = seed,
                              .per_region = seed % 2 == 0,
                              .two_clusters = seed / 2 % 2 == 1,
                              .two_shards = seed / 4 % 2 == 1,
                              .two_collections = seed % 3 == 0,
                              .full_disks = true,
                              .fences = seed % 3 == 1};
    world_open(&world, &plan);
    session->world = &world;
    for (int i = 0; i < WORLD_STEPS; i++) {
        world_step(&world);
        session_step(session);
    }
    ck_assert_msg(world_settle(&world), "seed %llu: the regions do not come to rest",
                  (unsigned long long)seed);
    session_rest(session);
    world_close(&world);
    iso_buf_release(&session->token);
}

START_TEST(a_session_that_roams_is_never_shown_less_than_it_has_seen)
{
    struct session sum = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct session session = {0};
        session_run(seed, &session);
        ck_assert_msg(session.behind == 0, "seed %llu: %llu reads went back",
                      (unsigned long long)seed, (unsigned long long)session.behind);
        sum.writes += session.writes;
        sum.fresh += session.fresh;
        sum.stale += session.stale;
    }
    printf(
        "%d seeds: %llu writes, %llu fresh reads, %llu that were stale and said so\n",
        SEEDS, (unsigned long long)sum.writes, (unsigned long long)sum.fresh,
        (unsigned long long)sum.stale);
    ck_assert(sum.writes > 500 && sum.fresh > 500 && sum.stale > 500);
}
END_TEST

START_TEST(a_reader_that_does_not_look_at_the_mark_is_found_out)
{
    struct session session = {.believes_all = true};
    session_run(1, &session);
    ck_assert_uint_gt(session.behind, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, a_session_that_roams_is_never_shown_less_than_it_has_seen);
    tcase_add_test(tcase, a_reader_that_does_not_look_at_the_mark_is_found_out);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
