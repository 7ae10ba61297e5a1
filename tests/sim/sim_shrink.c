/* Each trial is a process of its own, since what fails ends it. First the run is cut
 * behind the operation that failed; then pieces are left out, half of the rest at a
 * time, then quarters, … down to single operations, until nothing more can go (Zeller's
 * ddmin, without the complements). Time passes as before: only what was done is left
 * out. */
#include "tests/sim/sim_shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/sim/sim.h"

struct shrink {
    struct sim_plan plan;
    bool *left_out; /* by operation */
    unsigned trials;
    int status; /* of the failure: another one is not it */
};

static _Noreturn void trial_child(const struct shrink *shrink, bool shows)
{
    static struct sim sim;
    if (!shows) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    sim.traces = shows;
    sim.shrinks = true;
    sim.left_out = shrink->left_out;
    sim_run(&sim, &shrink->plan);
    _exit(0);
}

static bool fails(struct shrink *shrink, bool shows)
{
    int status = 0;
    shrink->trials++;
    fflush(stdout);
    pid_t child = fork();
    iso_assert(child >= 0);
    if (child == 0)
        trial_child(shrink, shows);
    iso_assert(waitpid(child, &status, 0) == child);
    if (shrink->status == 0)
        shrink->status = status;
    return status != 0 && status == shrink->status;
}

/* The fewest operations from the first on that fail: by halving. */
static void cut_behind(struct shrink *shrink)
{
    unsigned well = 0, failed = shrink->plan.operations;
    while (failed - well > 1) {
        shrink->plan.operations = well + (failed - well) / 2;
        if (fails(shrink, false))
            failed = shrink->plan.operations;
        else
            well = shrink->plan.operations;
    }
    shrink->plan.operations = failed;
}

/* Leaves out what can be left out of [first, end); true: something could. */
static bool leave_out(struct shrink *shrink, unsigned first, unsigned end)
{
    bool *was = iso_alloc(end - first), any = false;
    memcpy(was, shrink->left_out + first, end - first);
    for (unsigned n = first; n < end; n++) {
        any = any || !shrink->left_out[n];
        shrink->left_out[n] = true;
    }
    bool gone = any && fails(shrink, false);
    if (!gone)
        memcpy(shrink->left_out + first, was, end - first);
    iso_free(was);
    return gone;
}

static void pieces_leave(struct shrink *shrink)
{
    unsigned operations = shrink->plan.operations;
    bool again = true;
    for (unsigned size = operations / 2; size > 0; size = size > 1 ? size / 2 : again) {
        again = false;
        for (unsigned first = 0; first < operations; first += size) {
            unsigned end = first + size < operations ? first + size : operations;
            again = leave_out(shrink, first, end) || again;
        }
    }
}

int sim_shrink(uint64_t seed, unsigned operations)
{
    struct shrink shrink = {0};
    sim_plan_draw(&shrink.plan, seed, operations);
    shrink.left_out = iso_alloc_zero(operations, sizeof *shrink.left_out);
    bool failed = fails(&shrink, false);
    if (failed) {
        cut_behind(&shrink);
        pieces_leave(&shrink);
        fails(&shrink, true);
    }
    unsigned left = 0;
    for (unsigned n = 0; n < shrink.plan.operations; n++)
        left += !shrink.left_out[n];
    if (failed)
        printf("seed %llu fails with %u operations (%u trials)\n",
               (unsigned long long)seed, left, shrink.trials);
    else
        printf("seed %llu does not fail\n", (unsigned long long)seed);
    iso_free(shrink.left_out);
    return failed ? 0 : 1;
}
