/* Preloaded into a daemon (watched.sh): the wall clock is off by CLOCK_OFF seconds, for
 * it alone. The steady clock is not, and what waits until a moment of the wall clock,
 * as librdkafka does, is put right on its way to the C library: otherwise a daemon an
 * hour ahead would wait an hour.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static time_t off(void)
{
    const char *text = getenv("CLOCK_OFF");
    return text == NULL ? 0 : strtol(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *at)
{
    int failed = (int)syscall(SYS_clock_gettime, id, at);
    if (failed == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        at->tv_sec += off();
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *at = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL)
        *at = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *at, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

int cnd_timedwait(cnd_t *restrict changed, mtx_t *restrict lock,
                  const struct timespec *restrict until)
{
    int (*wait)(cnd_t *, mtx_t *, const struct timespec *);
    *(void **)&wait = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec real = *until;
    real.tv_sec -= off();
    return wait(changed, lock, &real);
}
