"""Clouds of points, sixteen to a block, in an order that keeps near ones together.

Blocks are the leaves of a pyramid: a node of each level spans eight of the level below and knows
the corners of the box around its points. Keys are what is compared; less is better in all of them.
"""

from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.core cimport *


cdef enum:
    GROUP = 8            # nodes of a level in one of the next
    LEVELS = 12
    POINTS = 16          # of a block: FLASH_POINTS, as a size that Cython must know
    MOST_KEYS = 18       # numbers that points are compared by
    MOST_LANES = 288     # of a block

cdef extern from *:
    """
    /* each column, params and macs both ways; or each but the score, and its four corners */
    _Static_assert(FLASH_COLUMNS + 4 <= 18 && 18 * FLASH_POINTS == 288 && FLASH_POINTS == 16,
                   "cloud.pxd has room for fewer keys");
    """


cdef struct Cloud:
    int keys
    int64_t stride       # bytes of a record
    int64_t n
    int64_t blocks
    char* record         # one per point
    double* key          # (blocks, keys, 16); beyond the last point: infinity
    int n_levels
    int64_t nodes[LEVELS]
    double* low[LEVELS]  # (nodes, keys)
    double* high[LEVELS]


cdef inline void discard(Cloud* cloud) noexcept nogil:
    free(cloud.record)
    free(cloud.key)
    free(cloud.low[0])
    memset(cloud, 0, sizeof(Cloud))


cdef inline void enclose(Cloud* cloud, int level, int64_t at, double low,
                         double high) noexcept nogil:
    if low < cloud.low[level][at]:
        cloud.low[level][at] = low
    if high > cloud.high[level][at]:
        cloud.high[level][at] = high


cdef inline int pack(Cloud* cloud, int keys, int64_t n, const int32_t* order,
                     const double* key) noexcept nogil:
    """Blocks and their pyramid for points in an order; key: (points, keys). 0 without memory."""
    cdef int64_t b, i, j, total = 0, size
    cdef int d, level
    cdef const double* own
    cdef double* block
    cdef double* at
    cloud.keys = keys
    cloud.n = n
    cloud.blocks = (n + FLASH_POINTS - 1) // FLASH_POINTS
    cloud.n_levels = 0
    size = cloud.blocks
    while True:
        cloud.nodes[cloud.n_levels] = size
        cloud.n_levels += 1
        total += size
        if size <= GROUP:
            break
        size = (size + GROUP - 1) // GROUP
    cloud.key = <double*> malloc((cloud.blocks * FLASH_POINTS * keys + 1) * sizeof(double))
    cloud.low[0] = <double*> malloc((2 * total * keys + 1) * sizeof(double))
    if cloud.key == NULL or cloud.low[0] == NULL:
        return 0
    at = cloud.low[0]
    for level in range(cloud.n_levels):
        cloud.low[level] = at
        at += cloud.nodes[level] * keys
        cloud.high[level] = at
        at += cloud.nodes[level] * keys
    for level in range(cloud.n_levels):
        for i in range(cloud.nodes[level] * keys):
            cloud.low[level][i] = INFINITY
            cloud.high[level][i] = -INFINITY
    for b in range(cloud.blocks):
        block = cloud.key + b * keys * FLASH_POINTS
        for i in range(FLASH_POINTS):
            j = b * FLASH_POINTS + i
            own = key + (order[j] if j < n else 0) * keys
            for d in range(keys):
                if j >= n:
                    block[d * FLASH_POINTS + i] = INFINITY
                    continue
                block[d * FLASH_POINTS + i] = own[d]
                enclose(cloud, 0, b * keys + d, own[d], own[d])
    for level in range(1, cloud.n_levels):
        for b in range(cloud.nodes[level - 1]):
            for d in range(keys):
                enclose(cloud, level, b // GROUP * keys + d, cloud.low[level - 1][b * keys + d],
                        cloud.high[level - 1][b * keys + d])
    return 1


cdef inline int beats(int keys, int strict, const double* a, const double* b) noexcept nogil:
    """Whether a is at most b in all keys and, unless strict is negative, less in a strict one."""
    cdef int d, less = strict < 0
    for d in range(keys):
        if a[d] > b[d]:
            return 0
        if d < strict and a[d] < b[d]:
            less = 1
    return less


cdef inline int within(int keys, const double* a, const double* b) noexcept nogil:
    cdef int d
    for d in range(keys):
        if a[d] > b[d]:
            return 0
    return 1


cdef inline int64_t relevant(const Cloud* cloud, int strict, const double* low, const double* high,
                             int32_t* found) noexcept nogil:
    """The blocks with points that may dominate some of a box; -1 where one surely dominates all."""
    cdef int64_t first[LEVELS]
    cdef int64_t last[LEVELS]
    cdef int64_t n = 0, i
    cdef int level = cloud.n_levels - 1, keys = cloud.keys
    if cloud.n == 0:
        return 0
    first[level] = 0
    last[level] = cloud.nodes[level]
    while level < cloud.n_levels:
        if first[level] == last[level]:
            level += 1
            continue
        i = first[level]
        first[level] += 1
        if not within(keys, cloud.low[level] + i * keys, high):
            continue
        if beats(keys, strict, cloud.high[level] + i * keys, low):
            return -1
        if level == 0:
            found[n] = <int32_t> i
            n += 1
            continue
        level -= 1
        first[level] = i * GROUP
        last[level] = min((i + 1) * GROUP, cloud.nodes[level])
    return n


cdef inline int64_t among(const Cloud* cloud, int strict, const double* low, const double* high,
                          int64_t n, const int32_t* of, int32_t* found) noexcept nogil:
    """The same among listed blocks."""
    cdef int64_t i, count = 0
    cdef int keys = cloud.keys
    for i in range(n):
        if not within(keys, cloud.low[0] + <int64_t> of[i] * keys, high):
            continue
        if beats(keys, strict, cloud.high[0] + <int64_t> of[i] * keys, low):
            return -1
        found[count] = of[i]
        count += 1
    return count


cdef inline void spread(int keys, int64_t n, const double* key, const int32_t* order,
                        double* width) noexcept nogil:
    cdef double low[MOST_KEYS]
    cdef double high[MOST_KEYS]
    cdef int64_t i
    cdef int d
    cdef double x
    for d in range(keys):
        low[d] = INFINITY
        high[d] = -INFINITY
    for i in range(n):
        for d in range(keys):
            x = key[<int64_t> order[i] * keys + d]
            low[d] = x if x < low[d] else low[d]
            high[d] = x if x > high[d] else high[d]
    for d in range(keys):
        width[d] = high[d] - low[d]


cdef inline void divide(int keys, int d, int64_t n, int64_t left, const double* key,
                        int32_t* order) noexcept nogil:
    """Puts the `left` least of key d first (Hoare's selection)."""
    cdef int64_t low = 0, high = n - 1, i, j
    cdef double pivot, a, b, c
    cdef int32_t swap
    while low < high:
        a = key[<int64_t> order[low] * keys + d]
        b = key[<int64_t> order[(low + high) // 2] * keys + d]
        c = key[<int64_t> order[high] * keys + d]
        pivot = max(min(a, b), min(max(a, b), c))
        i = low
        j = high
        while i <= j:
            while key[<int64_t> order[i] * keys + d] < pivot:
                i += 1
            while key[<int64_t> order[j] * keys + d] > pivot:
                j -= 1
            if i <= j:
                swap = order[i]
                order[i] = order[j]
                order[j] = swap
                i += 1
                j -= 1
        if left <= j:
            high = j
        elif left >= i:
            low = i
        else:
            return


cdef inline void halve(int keys, int64_t n, const double* key, int32_t* order,
                       const double* whole) noexcept nogil:
    cdef double width[MOST_KEYS]
    cdef double best
    cdef int64_t left
    cdef int d, widest
    while n > FLASH_POINTS:
        spread(keys, n, key, order, width)
        widest = 0
        best = -1.0
        for d in range(keys):
            if whole[d] > 0.0 and width[d] / whole[d] > best:
                best = width[d] / whole[d]
                widest = d
        left = FLASH_POINTS
        while 2 * left < n:
            left *= 2
        if best > 0.0:
            divide(keys, widest, n, left, key, order)
        halve(keys, left, key, order, whole)
        order += left
        n -= left


cdef inline void arrange(int keys, int64_t n, const double* key, int32_t* order) noexcept nogil:
    """Orders points so that blocks, and groups of them, are near each other: halves along the
    widest key, relative to the whole."""
    cdef double whole[MOST_KEYS]
    if n <= FLASH_POINTS:
        return
    spread(keys, n, key, order, whole)
    halve(keys, n, key, order, whole)
