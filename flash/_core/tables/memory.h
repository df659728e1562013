/* Memory for tables. Touching fresh pages takes longer than filling them: where the system has
 * large pages, those that lie wholly within a block are asked for. Freed by `free`. */
#ifndef FLASH_MEMORY_H
#define FLASH_MEMORY_H

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

static inline void *flash_memory(size_t size)
{
#ifdef MADV_HUGEPAGE
    const size_t large = (size_t)2 << 20;
    void *block;
    if (size >= large) {
        if (posix_memalign(&block, large, size))
            return NULL;
        madvise(block, size & ~(large - 1), MADV_HUGEPAGE); /* advice: it may be refused */
        return block;
    }
#endif
    return malloc(size);
}

#endif
