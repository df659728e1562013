"""Keeps of a cloud, and of points that wait to join it, those that no other dominates."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from flash._core.cloud cimport *
from flash._core.core cimport *
from flash._core.front_task cimport *


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    STAYS = 2            # 0: gone, 1: dominated by no other
    TIMED = 4096         # points whose sifting tells how long others take


cdef struct Waiting:
    int64_t n
    int64_t room
    char* record


cdef inline char* claim(Task* t, Waiting* waiting) noexcept nogil:
    """Room for one more record, or NULL without memory."""
    cdef void* more
    if waiting.n == waiting.room:
        more = realloc(waiting.record, (2 * waiting.room + 1024) * t.stride)
        if more == NULL:
            t.stopped = 4
            return NULL
        waiting.record = <char*> more
        waiting.room = 2 * waiting.room + 1024
    waiting.n += 1
    return waiting.record + (waiting.n - 1) * t.stride


cdef inline uint64_t hashed(const double* key, int keys) noexcept nogil:
    cdef uint64_t h = 0, bits
    cdef int d
    cdef double x
    for d in range(keys):
        x = key[d] + 0.0     # no negative zero
        memcpy(&bits, &x, 8)
        h = (h ^ bits) * <uint64_t> 0x9E3779B97F4A7C15
        h ^= h >> 29
    return h


cdef inline int alike(const double* a, const double* b, int keys) noexcept nogil:
    cdef int d
    for d in range(keys):
        if a[d] != b[d]:
            return 0
    return 1


cdef inline int64_t distinct(const Task* t, int keys, int64_t n, char* const* record,
                             const double* key, int32_t* slot, uint64_t mask,
                             int32_t* order) noexcept nogil:
    """Of equal keys those that no other comes before; how many are left, and which."""
    cdef int64_t i, count = 0
    cdef uint64_t at
    cdef int32_t j
    cdef char* gone = <char*> order   # n marks, before their room is used for the order
    memset(gone, 0, n)
    for i in range(n):
        at = hashed(key + i * keys, keys) & mask
        while slot[at] >= 0:
            j = slot[at]
            if not gone[j] and alike(key + i * keys, key + <int64_t> j * keys, keys):
                if t.epsilon > 0.0 or before(t, record[j], record[i]):
                    gone[i] = 1
                    break
                if before(t, record[i], record[j]):
                    gone[j] = 1
                elif not earlier(t, record[i], record[j]) and not earlier(t, record[j], record[i]):
                    gone[i] = 1    # the same rows, seen twice
                    break
            at = (at + 1) & mask
        if not gone[i]:
            slot[at] = <int32_t> i
    for i in range(n):             # marks become flags in the table, then the order is written
        slot[i] = gone[i]
    for i in range(n):
        if not slot[i]:
            order[count] = <int32_t> i
            count += 1
    return count


cdef inline int doubtful(const Task* t, const Cloud* cloud, int64_t n, const int32_t* blocks,
                         char* const* record, const int32_t* order, int64_t own,
                         const double* key) noexcept nogil:
    """Whether a point at most `own` in all keys, less in none that is strict, comes before it."""
    cdef double other[MOST_KEYS]
    cdef int64_t i, j
    cdef int d, p
    for i in range(n):
        for p in range(FLASH_POINTS):
            j = <int64_t> blocks[i] * FLASH_POINTS + p
            if j >= cloud.n or j == own:
                continue
            for d in range(cloud.keys):
                other[d] = cloud.key[(blocks[i] * <int64_t> cloud.keys + d) * FLASH_POINTS + p]
            if within(cloud.keys, other, key) and before(t, record[order[j]], record[order[own]]):
                return 1
    return 0


cdef inline int stood_for(const Cloud* cloud, const double* key, const char* state, int64_t n,
                          const int32_t* blocks) noexcept nogil:
    """Whether a point that stays is at most `key`."""
    cdef double other[MOST_KEYS]
    cdef int64_t i, j
    cdef int d, p
    for i in range(n):
        for p in range(FLASH_POINTS):
            j = <int64_t> blocks[i] * FLASH_POINTS + p
            if j >= cloud.n or state[j] != STAYS:
                continue
            for d in range(cloud.keys):
                other[d] = cloud.key[(blocks[i] * <int64_t> cloud.keys + d) * FLASH_POINTS + p]
            if within(cloud.keys, other, key):
                return 1
    return 0


cdef inline void sift(Task* t, Cloud* cloud, Waiting* waiting) noexcept nogil:
    """The waiting points join the cloud, and what is dominated then is left out.

    With an epsilon, points of the cloud may stand for others that were left out: they stay, since
    what replaced them could itself be left out for a third, twice epsilon away.
    """
    cdef int keys = compared(t), strict = strictly(t)
    cdef int64_t n_old = cloud.n, n = cloud.n + waiting.n, i, count, kept, b, found
    cdef uint64_t size = 1024
    cdef char** record
    cdef double* key
    cdef int32_t* slot
    cdef int32_t* order
    cdef int32_t* blocks
    cdef char* state
    cdef Cloud whole, made
    cdef double low[MOST_KEYS]
    cdef double high[MOST_KEYS]
    cdef double lanes[MOST_LANES]
    cdef uint32_t alive, perhaps
    cdef int l, d
    cdef double start = flash_clock()
    if n == 0:
        return
    while size < 2 * <uint64_t> n:
        size *= 2
    memset(&whole, 0, sizeof(Cloud))
    memset(&made, 0, sizeof(Cloud))
    record = <char**> malloc(n * sizeof(char*))
    key = <double*> malloc(n * keys * sizeof(double))
    slot = <int32_t*> malloc(size * sizeof(int32_t))
    order = <int32_t*> malloc(n * sizeof(int32_t))
    blocks = <int32_t*> malloc((n // FLASH_POINTS + 1) * sizeof(int32_t))
    state = <char*> malloc(n)
    if record != NULL and key != NULL and slot != NULL and order != NULL and blocks != NULL \
            and state != NULL:
        for i in range(n):
            record[i] = (cloud.record + i * t.stride if i < n_old
                         else waiting.record + (i - n_old) * t.stride)
            keys_of(t, record[i], key + i * keys)
        memset(slot, 0xFF, size * sizeof(int32_t))
        count = distinct(t, keys, n, record, key, slot, size - 1, order)
        arrange(keys, count, key, order)
        if pack(&whole, keys, count, order, key):
            for b in range(whole.blocks):
                for d in range(keys):
                    low[d] = whole.low[0][b * keys + d]
                    high[d] = whole.high[0][b * keys + d]
                wary(t, low)
                found = relevant(&whole, strict, low, high, blocks)
                if found < 0:
                    for i in range(b * FLASH_POINTS, min((b + 1) * FLASH_POINTS, count)):
                        state[i] = 0
                    continue
                memcpy(lanes, whole.key + b * keys * FLASH_POINTS,
                       keys * FLASH_POINTS * sizeof(double))
                for i in range(t.corners * FLASH_POINTS if not t.final else 0):
                    lanes[i] -= t.margin
                alive = t.kernels.covered(keys, strict, lanes, found, blocks, whole.low[0],
                                          whole.key, &perhaps)
                for l in range(FLASH_POINTS):
                    i = b * FLASH_POINTS + l
                    if i >= count:
                        break
                    state[i] = alive >> l & 1
                    if alive & perhaps & (<uint32_t> 1 << l) and doubtful(
                            t, &whole, found, blocks, record, order, i,
                            key + <int64_t> order[i] * keys):
                        state[i] = 0
            for i in range(count if t.epsilon > 0.0 else 0):
                if order[i] < n_old:
                    state[i] = STAYS
            for i in range(count if t.epsilon > 0.0 else 0):
                if state[i] != 1:
                    continue
                for d in range(keys):
                    high[d] = low[d] = key[<int64_t> order[i] * keys + d]
                eased(t, high)
                found = relevant(&whole, keys + 1, low, high, blocks)
                state[i] = 0 if stood_for(&whole, high, state, found, blocks) else STAYS
            kept = 0
            for i in range(count):
                if state[i]:
                    order[kept] = order[i]
                    kept += 1
            made.stride = t.stride
            made.record = <char*> malloc(kept * t.stride + 1)
            if made.record != NULL and pack(&made, keys, kept, order, key):
                for i in range(kept):
                    memcpy(made.record + i * t.stride, record[order[i]], t.stride)
                discard(cloud)
                cloud[0] = made
                waiting.n = 0
            else:
                discard(&made)
                t.stopped = 4
        else:
            t.stopped = 4
        discard(&whole)
    else:
        t.stopped = 4
    free(record)
    free(key)
    free(slot)
    free(order)
    free(blocks)
    free(state)
    if n >= TIMED:
        t.each = (flash_clock() - start) / n


cdef inline void by_sums(Task* t, Cloud* cloud) noexcept nogil:
    """Arranges a cloud by what adds up, where that is not what its points were compared by."""
    cdef Cloud made
    cdef int64_t i
    cdef double* key
    cdef int32_t* order
    if not t.corners or cloud.n == 0 or t.stopped == 4:
        return
    memset(&made, 0, sizeof(Cloud))
    made.stride = t.stride
    key = <double*> malloc(cloud.n * t.n_keys * sizeof(double))
    order = <int32_t*> malloc(cloud.n * sizeof(int32_t))
    made.record = <char*> malloc(cloud.n * t.stride)
    if key != NULL and order != NULL and made.record != NULL:
        for i in range(cloud.n):
            order[i] = <int32_t> i
            sum_keys(t, cloud.record + i * t.stride, key + i * t.n_keys)
        arrange(t.n_keys, cloud.n, key, order)
        for i in range(cloud.n):
            memcpy(made.record + i * t.stride, cloud.record + order[i] * t.stride, t.stride)
    if key != NULL and order != NULL and made.record != NULL and pack(
            &made, t.n_keys, cloud.n, order, key):
        discard(cloud)
        cloud[0] = made
    else:
        discard(&made)
        t.stopped = 4
    free(key)
    free(order)
