/* Memory for row lists, recycled by powers of two. Fresh pages from the system cost more than what
 * is written to them, so a pool outlives its search (see exact.pyx). Not for two threads at once.
 *
 * Where memory ends, flash_take and flash_resize return NULL and the pool is `failed`: from then on
 * it gives nothing. Searches run without the GIL and can't raise: whoever takes memory checks it
 * and returns early, what it took given back; the search sees `failed` and stops, and the caller
 * that holds the GIL raises MemoryError. */
#ifndef FLASH_POOL_H
#define FLASH_POOL_H

#include <stdint.h>
#include <stdlib.h>

#define FLASH_SMALLEST 8 /* blocks are of 2^8 bytes or more, */
#define FLASH_LEVELS 48  /* and of less than 2^48 */

typedef struct flash_free {
    struct flash_free *next;
} flash_free;

typedef struct {
    flash_free *free[FLASH_LEVELS];
    size_t held;     /* bytes in the free lists */
    int failed;      /* memory was refused */
    int64_t refusal; /* for tests: so many blocks from here one is refused; 0: none */
} flash_pool;

typedef struct {
    int32_t level;
    char pad[60]; /* what follows starts a cache line of its own offset */
} flash_header;

_Static_assert(sizeof(flash_header) == 64, "a header fills a cache line");
_Static_assert(sizeof(size_t) * 8 > FLASH_LEVELS, "a size holds every level");

/* Whether the pool may give a block. */
static inline int flash_gives(flash_pool *pool)
{
    if (pool->refusal && !--pool->refusal)
        pool->failed = 1;
    return !pool->failed;
}

/* A block of at least `size` bytes; NULL where there is none. */
static inline void *flash_take(flash_pool *pool, size_t size)
{
    int level = FLASH_SMALLEST;
    while (((size_t)1 << level) < size && level < FLASH_LEVELS)
        level++;
    if (!flash_gives(pool))
        return NULL;
    if (level < FLASH_LEVELS && pool->free[level]) {
        flash_free *block = pool->free[level];
        pool->free[level] = block->next;
        pool->held -= (size_t)1 << level;
        return block;
    }
    flash_header *header = NULL;
    if (level < FLASH_LEVELS)
        header = malloc(sizeof(flash_header) + ((size_t)1 << level));
    if (!header) {
        pool->failed = 1;
        return NULL;
    }
    header->level = level;
    return header + 1;
}

/* Takes a block back; NULL is none. */
static inline void flash_give(flash_pool *pool, void *memory)
{
    if (!memory)
        return;
    flash_free *block = memory;
    int level = ((flash_header *)memory)[-1].level;
    block->next = pool->free[level];
    pool->free[level] = block;
    pool->held += (size_t)1 << level;
}

/* realloc, for memory that is not the pool's: where it fails, so has the pool, and `memory` is as
 * it was. */
static inline void *flash_resize(flash_pool *pool, void *memory, size_t size)
{
    void *larger = flash_gives(pool) ? realloc(memory, size) : NULL;
    if (!larger)
        pool->failed = 1;
    return larger;
}

static inline void flash_drain(flash_pool *pool)
{
    for (int level = 0; level < FLASH_LEVELS; level++)
        while (pool->free[level]) {
            flash_free *block = pool->free[level];
            pool->free[level] = block->next;
            free((flash_header *)(void *)block - 1);
        }
    pool->held = 0;
}

#endif
