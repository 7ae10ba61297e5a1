/* mem.h - the one allocator.
 *
 * Everything that isostasy's own code allocates comes from here, so that tests can make
 * it fail and can count it ("the apply path does not allocate after warm-up"). Sizes
 * from outside are checked against a limit before they get here.
 *
 * Out of memory: the calls below never return NULL. They call the handler, which by
 * default logs to stderr and aborts; a host process sets its own, which must not return
 * (longjmp, exit, abort).
 *
 * Any thread may call everything here but iso_mem_handler_set.
 */
#ifndef ISO_BASE_MEM_H
#define ISO_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *iso_alloc(size_t size);                    /* not cleared */
void *iso_alloc_zero(size_t count, size_t size); /* cleared; checks the product */
void *iso_realloc(void *data, size_t size);      /* data may be NULL */
char *iso_strdup(const char *text);
void iso_free(void *data); /* NULL is fine */

void iso_mem_handler_set(void (*handler)(size_t size));

/* How many allocations (iso_alloc*, iso_realloc, iso_strdup) this thread has made. */
uint64_t iso_mem_count(void);

/* For tests: from now on what this thread allocates is added to *account, and what it
 * frees is taken off, in bytes as malloc counts them. NULL: that ends. Says where it
 * was added before. */
int64_t *iso_mem_account(int64_t *account);

/* For tests: the n-th allocation of this thread from now fails (0: none does). */
void iso_mem_fail_at(uint64_t n);

#endif
