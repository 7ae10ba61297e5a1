/* A thin layer over malloc. Counting is per thread, so it costs no shared cache line.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static _Thread_local uint64_t mem_count;
static _Thread_local uint64_t mem_fail_at;
static _Thread_local int64_t *mem_account;

static void mem_handler_default(size_t size)
{
    fprintf(stderr, "isostasy: out of memory: %zu bytes could not be had\n", size);
    abort();
}

static void (*mem_handler)(size_t size) = mem_handler_default;

static void mem_failed(size_t size)
{
    mem_handler(size);
    abort();
}

static void *mem_came(void *data)
{
    if (mem_account != NULL)
        *mem_account += (int64_t)malloc_usable_size(data);
    return data;
}

static void mem_goes(void *data)
{
    if (mem_account != NULL)
        *mem_account -= (int64_t)malloc_usable_size(data);
}

static int mem_may_go_on(void)
{
    mem_count++;
    if (mem_fail_at == 0)
        return 1;
    return --mem_fail_at != 0;
}

void *iso_alloc(size_t size)
{
    void *data = mem_may_go_on() ? malloc(size ? size : 1) : NULL;
    if (data == NULL)
        mem_failed(size);
    return mem_came(data);
}

void *iso_alloc_zero(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        mem_failed(SIZE_MAX);
    void *data = mem_may_go_on() ? calloc(1, total ? total : 1) : NULL;
    if (data == NULL)
        mem_failed(total);
    return mem_came(data);
}

void *iso_realloc(void *old, size_t size)
{
    mem_goes(old);
    void *data = mem_may_go_on() ? realloc(old, size ? size : 1) : NULL;
    if (data == NULL)
        mem_failed(size);
    return mem_came(data);
}

char *iso_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = iso_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

void iso_free(void *data)
{
    mem_goes(data);
    free(data);
}

void iso_mem_handler_set(void (*handler)(size_t size))
{
    mem_handler = handler ? handler : mem_handler_default;
}

int64_t *iso_mem_account(int64_t *account)
{
    int64_t *before = mem_account;
    mem_account = account;
    return before;
}

uint64_t iso_mem_count(void)
{
    return mem_count;
}

void iso_mem_fail_at(uint64_t n)
{
    mem_fail_at = n;
}
