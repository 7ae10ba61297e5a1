/* Limits, and two filters of system calls (seccomp): an allowed list each, made into a
 * program of six instructions a row. Whatever is not in it kills the process with
 * SIGSYS, and so does a call by another architecture's numbers. The second filter comes
 * on top of the first; the kernel asks both.
 *
 * The time needs no system call: the C library reads it through a page that the kernel
 * maps (vDSO), so that page is unmapped; who asks for the time then dies of SIGSEGV.
 *
 * How it can fail: a kernel without seccomp filters, an architecture whose name is not
 * written here. */
#include "consumer/plugin_fence.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FENCE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FENCE_ARCH AUDIT_ARCH_AARCH64
#else
#define FENCE_ARCH 0 /* how linux/audit.h calls it is to be added: no plug-ins here */
#endif

/* Allowed when (argument & mask) == want; argument 0 with mask 0: always. */
struct fence_rule {
    int call, argument;
    uint32_t mask, want;
};

#define WRITES (O_ACCMODE | O_CREAT | O_TRUNC)

/* Memory, the socket, and an end: of a thread, of the process, by abort(3). */
static const struct fence_rule asking[] = {
    {.call = __NR_read},         {.call = __NR_write},
    {.call = __NR_mmap},         {.call = __NR_munmap},
    {.call = __NR_mremap},       {.call = __NR_mprotect},
    {.call = __NR_madvise},      {.call = __NR_brk},
    {.call = __NR_futex},        {.call = __NR_rt_sigprocmask},
    {.call = __NR_rt_sigreturn}, {.call = __NR_gettid},
    {.call = __NR_getpid},       {.call = __NR_exit},
    {.call = __NR_exit_group},
};

/* What the dynamic loader, constructors and the next fence need besides. */
static const struct fence_rule loading[] = {
    {__NR_openat, 2, WRITES, O_RDONLY},
    {.call = __NR_close},
    {.call = __NR_close_range},
    {.call = __NR_pread64},
    {.call = __NR_lseek},
    {.call = __NR_fstat},
    {.call = __NR_newfstatat},
    {.call = __NR_statx},
    {.call = __NR_readlinkat},
    {.call = __NR_faccessat},
    {.call = __NR_faccessat2},
    {.call = __NR_getcwd},
    {.call = __NR_getrandom},
    {.call = __NR_sysinfo},
    {.call = __NR_uname},
    {.call = __NR_rt_sigaction},
    {.call = __NR_prlimit64},
    {.call = __NR_prctl},
    {.call = __NR_seccomp},
#ifdef __NR_readlink /* x86: the older names of some */
    {.call = __NR_readlink},
    {.call = __NR_access},
    {.call = __NR_stat},
#endif
};

enum {
    RULES_MAX = sizeof asking / sizeof asking[0] + sizeof loading / sizeof loading[0],
    RULE_SIZE = 6,
    PROGRAM_MAX = (RULES_MAX + 1) * RULE_SIZE + 5,
};

#define LOAD(field) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), yes, no)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))

struct fence_program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short size;
};

static void program_add(struct fence_program *program, struct sock_filter step)
{
    program->code[program->size++] = step;
}

/* Behind it the call's number is in hand again when it was another one. Arguments that
 * are looked at have 32 bits: the lower half, on machines of this byte order. */
static void program_add_rule(struct fence_program *program,
                             const struct fence_rule *rule)
{
    const struct sock_filter steps[RULE_SIZE] = {
        IF_EQUAL((uint32_t)rule->call, 0, 5),
        LOAD(args[rule->argument]),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->mask),
        IF_EQUAL(rule->want, 0, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_KILL_PROCESS),
    };
    for (size_t n = 0; n < RULE_SIZE; n++)
        program_add(program, steps[n]);
}

static const char *filter_install(const struct fence_rule *more, size_t more_count)
{
    struct fence_program program = {0};
    if (FENCE_ARCH == 0) {
        errno = ENOSYS;
        return "a filter for this architecture";
    }
    /* abort(3) sends itself a signal: to this process, and to no other one. */
    const struct fence_rule own_end = {__NR_tgkill, 0, UINT32_MAX, (uint32_t)getpid()};
    program_add(&program, (struct sock_filter)LOAD(arch));
    program_add(&program, (struct sock_filter)IF_EQUAL(FENCE_ARCH, 1, 0));
    program_add(&program, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
    program_add(&program, (struct sock_filter)LOAD(nr));
    for (size_t n = 0; n < sizeof asking / sizeof asking[0]; n++)
        program_add_rule(&program, &asking[n]);
    for (size_t n = 0; n < more_count; n++)
        program_add_rule(&program, &more[n]);
    program_add_rule(&program, &own_end);
    program_add(&program, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
    const struct sock_fprog filter = {program.size, program.code};
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? NULL
                                                                           : "seccomp";
}

static const char *limit_set(int what, uint64_t most, const char *name)
{
    const struct rlimit limit = {most, most};
    return setrlimit((__rlimit_resource_t)what, &limit) == 0 ? NULL : name;
}

const char *iso_plugin_fence_load(uint64_t memory_max, uint64_t cpu_seconds)
{
    const struct {
        int what;
        uint64_t most;
        const char *name;
    } limits[] = {
        {RLIMIT_AS, memory_max, "RLIMIT_AS"}, {RLIMIT_CPU, cpu_seconds, "RLIMIT_CPU"},
        {RLIMIT_CORE, 0, "RLIMIT_CORE"},      {RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"},
        {RLIMIT_NPROC, 0, "RLIMIT_NPROC"},
    };
    const char *failed = NULL;
    for (size_t n = 0; failed == NULL && n < sizeof limits / sizeof limits[0]; n++)
        failed = limit_set(limits[n].what, limits[n].most, limits[n].name);
    if (failed == NULL && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        failed = "PR_SET_PDEATHSIG";
    if (failed == NULL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        failed = "PR_SET_NO_NEW_PRIVS";
    return failed != NULL ? failed
                          : filter_install(loading, sizeof loading / sizeof loading[0]);
}

/* ---- before the first question ---- */

static int bytes_compare(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* glibc's qsort asks once how much memory there is, by a call that is not allowed
 * afterwards: it keeps the answer. */
static void sort_once(void)
{
    unsigned char some[2048] = {1};
    qsort(some, sizeof some, 1, bytes_compare);
}

/* Where the vDSO ends, its ELF header says. */
static const char *clock_unmap(void)
{
    unsigned long begin = getauxval(AT_SYSINFO_EHDR), end = 0;
    if (begin == 0)
        return NULL; /* there is none: the time is a system call, and not allowed */
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)begin;
    const Elf64_Phdr *parts = (const Elf64_Phdr *)(begin + head->e_phoff);
    for (int n = 0; n < head->e_phnum; n++)
        if (parts[n].p_type == PT_LOAD)
            end = parts[n].p_offset + parts[n].p_memsz;
    unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
    return munmap((void *)begin, (end + page - 1) / page * page) == 0 ? NULL : "munmap";
}

const char *iso_plugin_fence_ask(int keep)
{
    sort_once();
    if (close_range((unsigned)keep + 1, ~0U, 0) != 0)
        return "close_range";
    const char *failed = limit_set(RLIMIT_NOFILE, 0, "RLIMIT_NOFILE");
    if (failed == NULL && prctl(PR_SET_DUMPABLE, 0) != 0)
        failed = "PR_SET_DUMPABLE";
    if (failed == NULL)
        failed = clock_unmap();
#if defined(__x86_64__) /* the instruction that counts ticks, likewise */
    if (failed == NULL && prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0)
        failed = "PR_SET_TSC";
#endif
    return failed != NULL ? failed : filter_install(NULL, 0);
}
