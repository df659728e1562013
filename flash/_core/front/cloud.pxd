"""Clouds of points, sixteen to a block, in an order that keeps near ones together.

Blocks are the leaves of a pyramid: a node of each level spans eight of the level below and knows
the corners of the box around its points. Keys are what is compared; less is better in all of them.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int16_t, int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport FLASH_CODES, FLASH_POINTS, N_KEYS, flash_code, flash_points


cdef enum:
    FANOUT = 8           # nodes of a level in one of the next
    LEVELS = 12          # eight to the twelfth blocks are more than any memory holds
    SPREAD_SAMPLE = 64   # points that tell along which key others are halved
    GUESSES = 15         # and where
    TELLING = 4          # keys, the first, that points are arranged by: the others follow them


cdef struct Cloud:
    int keys
    int64_t stride       # bytes of a record
    int64_t n
    int64_t blocks
    char* record         # one per point
    double* key          # (blocks, keys, FLASH_POINTS); beyond the last point: infinity
    int16_t* code        # the same, or NULL: see flash_points
    double first[N_KEYS]
    double per[N_KEYS]
    int n_levels
    int64_t nodes[LEVELS]
    double* low[LEVELS]  # (nodes, keys)
    double* high[LEVELS]


cdef inline void discard(Cloud* cloud) noexcept nogil:
    free(cloud.record)
    free(cloud.key)
    free(cloud.code)
    free(cloud.low[0])
    memset(cloud, 0, sizeof(Cloud))


cdef inline double least_of(const double* x, int64_t n) noexcept nogil:
    cdef double out = x[0]
    cdef int64_t i
    for i in range(1, n):
        out = x[i] if x[i] < out else out
    return out


cdef inline double most_of(const double* x, int64_t n) noexcept nogil:
    cdef double out = x[0]
    cdef int64_t i
    for i in range(1, n):
        out = x[i] if x[i] > out else out
    return out


cdef inline int pack(Cloud* cloud, int keys, int64_t n, const int32_t* order, const double* key,
                     int coded) noexcept nogil:
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
        if size <= FANOUT:
            break
        size = (size + FANOUT - 1) // FANOUT
    cloud.key = <double*> malloc((cloud.blocks * FLASH_POINTS * keys + 1) * sizeof(double))
    cloud.low[0] = <double*> malloc((2 * total * keys + 1) * sizeof(double))
    if coded:
        cloud.code = <int16_t*> malloc((cloud.blocks * FLASH_POINTS * keys + 1) * sizeof(int16_t))
    if cloud.key == NULL or cloud.low[0] == NULL or (coded and cloud.code == NULL):
        return 0
    at = cloud.low[0]
    for level in range(cloud.n_levels):
        cloud.low[level] = at
        at += cloud.nodes[level] * keys
        cloud.high[level] = at
        at += cloud.nodes[level] * keys
    for b in range(cloud.blocks):
        block = cloud.key + b * keys * FLASH_POINTS
        for i in range(FLASH_POINTS):
            j = b * FLASH_POINTS + i
            own = key + (order[j] if j < n else 0) * keys
            for d in range(keys):
                block[d * FLASH_POINTS + i] = own[d] if j < n else INFINITY
        i = min(<int64_t> FLASH_POINTS, n - b * FLASH_POINTS)
        for d in range(keys):
            cloud.low[0][b * keys + d] = least_of(block + d * FLASH_POINTS, i)
            cloud.high[0][b * keys + d] = most_of(block + d * FLASH_POINTS, i)
    for level in range(1, cloud.n_levels):
        for b in range(cloud.nodes[level]):
            at = cloud.low[level] + b * keys
            memcpy(at, cloud.low[level - 1] + b * FANOUT * keys, keys * sizeof(double))
            memcpy(cloud.high[level] + b * keys, cloud.high[level - 1] + b * FANOUT * keys,
                   keys * sizeof(double))
            for i in range(b * FANOUT + 1, min((b + 1) * FANOUT, cloud.nodes[level - 1])):
                for d in range(keys):
                    at[d] = min(at[d], cloud.low[level - 1][i * keys + d])
                    cloud.high[level][b * keys + d] = max(cloud.high[level][b * keys + d],
                                                          cloud.high[level - 1][i * keys + d])
    if coded:
        encode(cloud)
    return 1


cdef inline void encode(Cloud* cloud) noexcept nogil:
    cdef int64_t _b, i
    cdef int d, level = cloud.n_levels - 1
    cdef double high
    cdef const double* key = cloud.key
    cdef int16_t* code = cloud.code
    for d in range(cloud.keys):
        cloud.first[d] = INFINITY
        high = -INFINITY
        for i in range(cloud.nodes[level]):
            cloud.first[d] = min(cloud.first[d], cloud.low[level][i * cloud.keys + d])
            high = max(high, cloud.high[level][i * cloud.keys + d])
        cloud.per[d] = FLASH_CODES / (high - cloud.first[d]) if high > cloud.first[d] else 1.0
    for _b in range(cloud.blocks):
        for d in range(cloud.keys):
            for i in range(FLASH_POINTS):
                code[i] = flash_code(key[i], cloud.first[d], cloud.per[d])
            key += FLASH_POINTS
            code += FLASH_POINTS


cdef inline flash_points points_of(const Cloud* cloud, int alike) noexcept nogil:
    """A cloud as kernels take it; alike: its points dominate what equals them, too."""
    cdef flash_points out
    out.n = cloud.n
    out.keys = cloud.keys
    out.alike = alike
    out.key = cloud.key
    out.code = cloud.code
    out.from_ = &cloud.first[0]
    out.per = &cloud.per[0]
    out.record = cloud.record
    out.stride = cloud.stride
    return out


cdef inline int no_worse(int keys, const double* a, const double* b) noexcept nogil:
    cdef int d
    for d in range(keys):
        if a[d] > b[d]:
            return 0
    return 1


cdef inline int less_in_any(int keys, const double* a, const double* b) noexcept nogil:
    cdef int d
    for d in range(keys):
        if a[d] < b[d]:
            return 1
    return 0


cdef inline int surely_dominates(int keys, int alone, int alike, const double* high,
                                 const double* low) noexcept nogil:
    """Whether a box dominates another whole: only where keys `alone` decide."""
    return alone and no_worse(keys, high, low) and (alike or less_in_any(keys, high, low))


cdef inline int64_t relevant(const Cloud* cloud, int alone, int alike, const double* low,
                             const double* high, int32_t* found) noexcept nogil:
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
        if not no_worse(keys, cloud.low[level] + i * keys, high):
            continue
        if surely_dominates(keys, alone, alike, cloud.high[level] + i * keys, low):
            return -1
        if level == 0:
            found[n] = <int32_t> i
            n += 1
            continue
        level -= 1
        first[level] = i * FANOUT
        last[level] = min((i + 1) * FANOUT, cloud.nodes[level])
    return n


cdef inline int64_t among(const Cloud* cloud, int alone, int alike, const double* low,
                          const double* high, int64_t n, const int32_t* of,
                          int32_t* found) noexcept nogil:
    """The same among listed blocks."""
    cdef int64_t i, count = 0
    cdef int keys = cloud.keys
    for i in range(n):
        if not no_worse(keys, cloud.low[0] + <int64_t> of[i] * keys, high):
            continue
        if surely_dominates(keys, alone, alike, cloud.high[0] + <int64_t> of[i] * keys, low):
            return -1
        found[count] = of[i]
        count += 1
    return count


cdef inline void spread(int keys, int64_t n, const double* key, const int32_t* order,
                        double* width) noexcept nogil:
    cdef double low[N_KEYS]
    cdef double high[N_KEYS]
    cdef int64_t i = 0, step = (n + SPREAD_SAMPLE - 1) // SPREAD_SAMPLE
    cdef int d
    cdef double x
    for d in range(min(keys, TELLING)):
        low[d] = INFINITY
        high[d] = -INFINITY
    while i < n:
        for d in range(min(keys, TELLING)):
            x = key[<int64_t> order[i] * keys + d]
            low[d] = x if x < low[d] else low[d]
            high[d] = x if x > high[d] else high[d]
        i += step
    for d in range(min(keys, TELLING)):
        width[d] = high[d] - low[d]


cdef inline int64_t partition_at(const double* key, int keys, double pivot, int equal, int64_t n,
                                 int32_t* order, int32_t* above) noexcept nogil:
    """Puts what is below a pivot first, or at most equal to it; how much that is. Branches here
    could not be foreseen."""
    cdef int64_t i, count = 0
    cdef int32_t own
    cdef int first
    for i in range(n):
        own = order[i]
        first = (key[<int64_t> own * keys] <= pivot if equal
                 else key[<int64_t> own * keys] < pivot)
        order[count] = own
        above[i - count] = own
        count += first
    memcpy(order + count, above, (n - count) * sizeof(int32_t))
    return count


cdef inline double guess(const double* key, int keys, int64_t n, int64_t left,
                         const int32_t* order) noexcept nogil:
    """One of n keys, with about `left` below it."""
    cdef double few[GUESSES]
    cdef double x
    cdef int64_t m = min(n, <int64_t> GUESSES), i, j
    for i in range(m):
        x = key[<int64_t> order[i * n // m] * keys]
        j = i
        while j > 0 and few[j - 1] > x:
            few[j] = few[j - 1]
            j -= 1
        few[j] = x
    return few[left * m // n]


cdef inline void divide(const double* key, int keys, int64_t n, int64_t left, int32_t* order,
                        int32_t* room) noexcept nogil:
    """Puts the `left` least keys first, 0 < left < n. room: for n numbers."""
    cdef int64_t low = 0, count
    cdef double pivot
    while True:
        pivot = guess(key, keys, n - low, left - low, order + low)
        count = low + partition_at(key, keys, pivot, 0, n - low, order + low, room)
        if left < count:
            n = count
            continue
        low = count
        if left == low:
            return
        low += partition_at(key, keys, pivot, 1, n - low, order + low, room)
        if left <= low:
            return


cdef inline void halve(int keys, int64_t n, const double* key, int32_t* order, const double* whole,
                       int32_t* room) noexcept nogil:
    cdef double width[N_KEYS]
    cdef double best
    cdef int64_t left
    cdef int d, widest
    while n > FLASH_POINTS:
        spread(keys, n, key, order, width)
        widest = 0
        best = -1.0
        for d in range(min(keys, TELLING)):
            if whole[d] > 0.0 and width[d] / whole[d] > best:
                best = width[d] / whole[d]
                widest = d
        left = FLASH_POINTS
        while 2 * left < n:
            left *= 2
        if best > 0.0:
            divide(key + widest, keys, n, left, order, room)
        halve(keys, left, key, order, whole, room)
        order += left
        n -= left


cdef inline void arrange_points(int keys, int64_t n, const double* key,
                                int32_t* order) noexcept nogil:
    """Orders points so that blocks, and groups of them, are near each other: halves along the
    widest key, relative to the whole. Without memory they stay as they are."""
    cdef double whole[N_KEYS]
    cdef int32_t* room
    if n <= FLASH_POINTS:
        return
    room = <int32_t*> malloc(n * sizeof(int32_t))
    if room == NULL:
        return
    spread(keys, n, key, order, whole)
    halve(keys, n, key, order, whole, room)
    free(room)
