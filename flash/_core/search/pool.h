/* Memory for row lists, recycled by powers of two. Fresh pages from the system cost more than what
 * is written to them, so a pool outlives its search (see exact.pyx). Not for two threads at once. */
#ifndef FLASH_POOL_H
#define FLASH_POOL_H

#include <stdint.h>
#include <stdlib.h>

typedef struct flash_free {
    struct flash_free *next;
} flash_free;

typedef struct {
    flash_free *free[48];
    size_t held; /* bytes in the free lists */
} flash_pool;

typedef struct {
    int32_t level;
    char pad[60]; /* what follows starts a cache line of its own offset */
} flash_header;

static inline void *flash_take(flash_pool *pool, size_t size)
{
    int level = 8;
    while (((size_t)1 << level) < size)
        level++;
    if (pool->free[level]) {
        flash_free *block = pool->free[level];
        pool->free[level] = block->next;
        pool->held -= (size_t)1 << level;
        return block;
    }
    flash_header *header = malloc(sizeof(flash_header) + ((size_t)1 << level));
    if (!header)
        abort(); /* out of memory with the GIL released: nothing can be reported from here */
    header->level = level;
    return header + 1;
}

static inline void flash_give(flash_pool *pool, void *memory)
{
    flash_free *block = memory;
    int level = ((flash_header *)memory)[-1].level;
    block->next = pool->free[level];
    pool->free[level] = block;
    pool->held += (size_t)1 << level;
}

static inline void flash_drain(flash_pool *pool)
{
    for (int level = 0; level < 48; level++)
        while (pool->free[level]) {
            flash_free *block = pool->free[level];
            pool->free[level] = block->next;
            free((flash_header *)(void *)block - 1);
        }
    pool->held = 0;
}

#endif
