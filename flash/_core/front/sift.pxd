"""Keeps of a cloud, and of points that wait to join it, those that no other dominates."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from flash._core.front.cloud cimport (
    MOST_KEYS, Cloud, arrange, discard, pack, points_of, relevant, within,
)
from flash._core.front.task cimport (
    Task, before, earlier, eased_keys, eased_totals, has_logarithms, keys_between, keys_of,
    known_of, spelled, totals, wary,
)
from flash._core.kernels.kernels cimport (
    FLASH_POINTS, flash_dominates, flash_lanes, flash_points, flash_stage,
)
from flash._core.tables.problem cimport FLASH_COLUMNS, N_COLUMNS


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    STAYS = 2            # 0: gone, 1: dominated by no other
    TIMED = 4096         # points whose sifting tells how long others take
    ROOM = 256           # records at first


cdef struct Waiting:
    int64_t n
    int64_t room
    char* record


cdef inline char* claim(Task* t, Waiting* waiting) noexcept nogil:
    """Room for one more record, or NULL without memory."""
    cdef void* more
    if waiting.n == waiting.room:
        more = realloc(waiting.record, (2 * waiting.room + ROOM) * t.stride)
        if more == NULL:
            t.stopped = 4
            return NULL
        waiting.record = <char*> more
        waiting.room = 2 * waiting.room + ROOM
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
                if (t.stage.final and t.epsilon > 0.0) or before(t, record[j], record[i]):
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
    """Whether a point that is worse than `own` in nothing comes before it."""
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


cdef inline void keys_of_some(const Task* t, char* const* record, int n, flash_lanes* lanes,
                              double* key) noexcept nogil:
    """What up to sixteen records are compared by."""
    cdef const flash_stage* s = &t.stage
    cdef const double* own
    cdef int d, l, plain = not has_logarithms(s.links)
    for l in range(n):
        plain = plain and known_of(t, record[l]) == NULL
    if not plain:
        for l in range(n):
            keys_of(t, record[l], key + l * s.n_keys)
        return
    memset(lanes.total, 0, sizeof(lanes.total))
    for l in range(n):
        own = totals(record[l])
        for d in range(s.n_columns):
            lanes.total[s.column[d]][l] = own[s.place[d]]
    t.kernels.keyed(s, lanes)
    for l in range(n):
        for d in range(s.n_keys):
            key[l * s.n_keys + d] = lanes.key[d][l]


cdef inline void as_lanes(const Task* t, const Cloud* cloud, int64_t block, int count,
                          flash_lanes* lanes) noexcept nogil:
    """A block's points as sums that others are to dominate."""
    cdef const double* own
    cdef int d, l
    lanes.known = 0
    memcpy(lanes.key, cloud.key + block * cloud.keys * FLASH_POINTS,
           cloud.keys * FLASH_POINTS * sizeof(double))
    for d in range(t.stage.corners):
        for l in range(FLASH_POINTS):
            lanes.key[d][l] -= t.margin
    if t.stage.final:
        return
    memset(lanes.total, 0, sizeof(lanes.total))
    for l in range(count):
        own = totals(cloud.record + (block * FLASH_POINTS + l) * cloud.stride)
        for d in range(t.stage.n_columns):
            lanes.total[t.stage.column[d]][l] = own[t.stage.place[d]]


cdef inline int stood_for(const Task* t, const Cloud* cloud, const char* record,
                          const char* state, int32_t* blocks) noexcept nogil:
    """Whether a point that stays comes within epsilon of a record."""
    cdef flash_points points = points_of(cloud, 1)
    cdef flash_lanes lanes
    cdef double x[N_COLUMNS]
    cdef double key[MOST_KEYS]
    cdef int64_t i, j, n
    cdef int k, p
    spelled(t, totals(record), x)
    if t.stage.final:
        keys_of(t, record, key)
    else:
        eased_totals(t, x, 1)
        keys_between(t, x, x, key, key)
    eased_keys(t, key)
    wary(t, key)
    for k in range(FLASH_COLUMNS):
        lanes.total[k][0] = x[k]
    for k in range(t.stage.n_keys):
        lanes.key[k][0] = key[k]
    n = relevant(cloud, 0, 1, key, key, blocks)
    for i in range(n):
        for p in range(FLASH_POINTS):
            j = <int64_t> blocks[i] * FLASH_POINTS + p
            if j < cloud.n and state[j] == STAYS and flash_dominates(&t.stage, &points, j,
                                                                     &lanes, 0):
                return 1
    return 0


cdef inline void sift(Task* t, Cloud* cloud, Waiting* waiting) noexcept nogil:
    """The waiting points join the cloud, and what is dominated then is left out.

    With an epsilon, points of the cloud may stand for others that were left out: they stay, since
    what replaced them could itself be left out for a third, twice epsilon away.
    """
    cdef int keys = t.stage.n_keys, final = t.stage.final
    cdef int64_t n_old = cloud.n, n = cloud.n + waiting.n, i, count, kept, b, found
    cdef uint64_t size = 1024
    cdef char** record
    cdef double* key
    cdef int32_t* slot
    cdef int32_t* order
    cdef int32_t* blocks
    cdef char* state
    cdef Cloud whole, made
    cdef flash_lanes lanes
    cdef flash_points points
    cdef uint32_t alive, perhaps
    cdef int some, l, d
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
        for i in range(n_old):
            for d in range(keys):
                key[i * keys + d] = cloud.key[
                    (i // FLASH_POINTS * keys + d) * FLASH_POINTS + i % FLASH_POINTS]
        for b in range((waiting.n + FLASH_POINTS - 1) // FLASH_POINTS):
            i = n_old + b * FLASH_POINTS
            keys_of_some(t, record + i, <int> min(<int64_t> FLASH_POINTS, n - i), &lanes,
                         key + i * keys)
        memset(slot, 0xFF, size * sizeof(int32_t))
        count = distinct(t, keys, n, record, key, slot, size - 1, order)
        arrange(keys, count, key, order)
        whole.stride = t.stride
        whole.record = <char*> malloc(1 if final else count * t.stride)
        if whole.record != NULL and pack(&whole, keys, count, order, key, 1):
            for i in range(0 if final else count):
                memcpy(whole.record + i * t.stride, record[order[i]], t.stride)
            points = points_of(&whole, 0)
            for b in range(whole.blocks):
                i = b * FLASH_POINTS
                some = <int> min(<int64_t> FLASH_POINTS, count - i)
                found = relevant(&whole, final, 0, whole.low[0] + b * keys,
                                 whole.high[0] + b * keys, blocks)
                if found < 0:
                    memset(state + i, 0, some)
                    continue
                as_lanes(t, &whole, b, some, &lanes)
                alive = t.kernels.covered(&t.stage, &points, &lanes, some, found, blocks, &perhaps)
                for l in range(some):
                    state[i + l] = alive >> l & 1
                    if alive & perhaps & (<uint32_t> 1 << l) and doubtful(
                            t, &whole, found, blocks, record, order, i + l,
                            key + <int64_t> order[i + l] * keys):
                        state[i + l] = 0
            for i in range(count if t.epsilon > 0.0 else 0):
                if order[i] < n_old:
                    state[i] = STAYS
            for i in range(count if t.epsilon > 0.0 else 0):
                if state[i] == 1:
                    state[i] = 0 if stood_for(t, &whole, record[order[i]], state, blocks) else STAYS
            kept = 0
            for i in range(count):
                if state[i]:
                    order[kept] = order[i]
                    kept += 1
            made.stride = t.stride
            made.record = <char*> malloc(kept * t.stride + 1)
            if made.record != NULL and pack(&made, keys, kept, order, key, 1):
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
    """A cloud by what adds up, in its order, in place of what its points were compared by."""
    cdef Cloud made
    cdef const flash_stage* s = &t.stage
    cdef const double* own
    cdef int64_t i
    cdef int d
    cdef double* key
    cdef int32_t* order
    if cloud.n == 0 or t.stopped == 4:
        return
    memset(&made, 0, sizeof(Cloud))
    made.stride = t.stride
    key = <double*> malloc(cloud.n * s.n_columns * sizeof(double))
    order = <int32_t*> malloc(cloud.n * sizeof(int32_t))
    if key != NULL and order != NULL:
        for i in range(cloud.n):
            order[i] = <int32_t> i
            own = totals(cloud.record + i * t.stride)
            for d in range(s.n_columns):
                key[i * s.n_columns + d] = own[s.place[d]]
    if key != NULL and order != NULL and pack(&made, s.n_columns, cloud.n, order, key, 0):
        made.record = cloud.record
        cloud.record = NULL
        discard(cloud)
        cloud[0] = made
    else:
        discard(&made)
        t.stopped = 4
    free(key)
    free(order)
