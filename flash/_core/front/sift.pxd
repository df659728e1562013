"""Keeps of a cloud, and of points that wait to join it, those that no other dominates."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from flash._core.front.cloud cimport (
    Cloud, arrange_points, discard, no_worse, pack, points_of, relevant,
)
from flash._core.front.task cimport (
    OUT_OF_MEMORY, Task, comes_before, earlier, eased_keys, eased_totals, has_logarithms,
    keys_between, keys_of, known_of, spelled, totals, wary,
)
from flash._core.kernels.kernels cimport (
    FLASH_POINTS, N_KEYS, flash_dominates, flash_lanes, flash_points, flash_stage,
)
from flash._core.tables.problem cimport FLASH_COLUMNS, N_COLUMNS


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    STAYS = 2            # 0: gone, 1: dominated by no other
    TIMED = 4096         # points whose sifting tells how long others take
    ROOM = 256           # records at first
    LEAST_SLOTS = 1024   # of the table of keys


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
            t.stopped = OUT_OF_MEMORY
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


cdef inline int equal_keys(const double* a, const double* b, int keys) noexcept nogil:
    cdef int d
    for d in range(keys):
        if a[d] != b[d]:
            return 0
    return 1


cdef struct Sifting:     # points of a cloud, then those that wait to join it
    int64_t n, n_old     # all of them; those of the cloud
    int64_t count        # that are compared: of equal ones but one
    char** record
    double* key          # (n, keys)
    int32_t* slot        # a table of points by their keys, at least half of it free
    uint64_t mask        # of a place in it
    int32_t* order       # of the points that are compared
    char* state          # of each in that order: 0 gone, 1 dominated by no other, or STAYS
    int32_t* blocks


cdef inline int64_t distinct_points(const Task* t, int keys, Sifting* s) noexcept nogil:
    """Of equal keys those that no other comes before; how many are left, and which (`order`)."""
    cdef int64_t n = s.n, i, count = 0
    cdef uint64_t at
    cdef int32_t j
    cdef char* gone = <char*> s.order   # n marks, before their room is used for the order
    cdef char* const* record = s.record
    cdef const double* key = s.key
    cdef int32_t* slot = s.slot
    memset(gone, 0, n)
    memset(slot, 0xFF, (s.mask + 1) * sizeof(int32_t))     # all -1: free
    for i in range(n):
        # in the table are those before i that were not gone when they were looked at
        at = hashed(key + i * keys, keys) & s.mask
        while slot[at] >= 0:
            j = slot[at]
            if not gone[j] and equal_keys(key + i * keys, key + <int64_t> j * keys, keys):
                if (t.stage.final and t.epsilon > 0.0) or comes_before(t, record[j], record[i]):
                    gone[i] = 1
                    break
                if comes_before(t, record[i], record[j]):
                    gone[j] = 1
                elif not earlier(t, record[i], record[j]) and not earlier(t, record[j], record[i]):
                    gone[i] = 1    # the same rows, seen twice
                    break
            at = (at + 1) & s.mask
        if not gone[i]:
            slot[at] = <int32_t> i
    for i in range(n):             # marks become flags in the table, then the order is written
        slot[i] = gone[i]
    for i in range(n):
        if not slot[i]:
            s.order[count] = <int32_t> i
            count += 1
    return count


cdef inline int doubtful(const Task* t, const Cloud* cloud, int64_t n, const int32_t* blocks,
                         char* const* record, const int32_t* order, int64_t own,
                         const double* key) noexcept nogil:
    """Whether a point that is worse than `own` in nothing comes before it."""
    cdef double other[N_KEYS]
    cdef int64_t i, j
    cdef int d, p
    for i in range(n):
        for p in range(FLASH_POINTS):
            j = <int64_t> blocks[i] * FLASH_POINTS + p
            if j >= cloud.n or j == own:
                continue
            for d in range(cloud.keys):
                other[d] = cloud.key[(blocks[i] * <int64_t> cloud.keys + d) * FLASH_POINTS + p]
            if no_worse(cloud.keys, other, key) and comes_before(t, record[order[j]],
                                                                 record[order[own]]):
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


cdef inline int stood_for(const Task* t, const Cloud* cloud, const char* record, const char* state,
                          int32_t* blocks) noexcept nogil:
    """Whether a point that stays comes within epsilon of a record."""
    cdef flash_points points = points_of(cloud, 1)
    cdef flash_lanes lanes
    cdef double x[N_COLUMNS]
    cdef double key[N_KEYS]
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


cdef inline int start_sifting(const Cloud* cloud, const Waiting* waiting, int keys,
                              Sifting* s) noexcept nogil:
    """Room for all points; 0 where memory is short. `drop_sifting` frees it, whole or in part."""
    cdef int64_t n = cloud.n + waiting.n
    cdef uint64_t size = LEAST_SLOTS
    while size < 2 * <uint64_t> n:
        size *= 2
    s.n = n
    s.n_old = cloud.n
    s.mask = size - 1
    s.record = <char**> malloc(n * sizeof(char*))
    s.key = <double*> malloc(n * keys * sizeof(double))
    s.slot = <int32_t*> malloc(size * sizeof(int32_t))
    s.order = <int32_t*> malloc(n * sizeof(int32_t))
    s.blocks = <int32_t*> malloc((n // FLASH_POINTS + 1) * sizeof(int32_t))
    s.state = <char*> malloc(n)
    return (s.record != NULL and s.key != NULL and s.slot != NULL and s.order != NULL
            and s.blocks != NULL and s.state != NULL)


cdef inline void drop_sifting(Sifting* s) noexcept nogil:
    free(s.record)
    free(s.key)
    free(s.slot)
    free(s.order)
    free(s.blocks)
    free(s.state)


cdef inline void gather(Task* t, const Cloud* cloud, const Waiting* waiting,
                        Sifting* s) noexcept nogil:
    """The points, and what they are compared by: the cloud's keys are there, others are made."""
    cdef int keys = t.stage.n_keys, d
    cdef int64_t i, b
    cdef flash_lanes lanes
    for i in range(s.n):
        s.record[i] = (cloud.record + i * t.stride if i < s.n_old
                       else waiting.record + (i - s.n_old) * t.stride)
    for i in range(s.n_old):
        for d in range(keys):
            s.key[i * keys + d] = cloud.key[
                (i // FLASH_POINTS * keys + d) * FLASH_POINTS + i % FLASH_POINTS]
    for b in range((waiting.n + FLASH_POINTS - 1) // FLASH_POINTS):
        i = s.n_old + b * FLASH_POINTS
        keys_of_some(t, s.record + i, <int> min(<int64_t> FLASH_POINTS, s.n - i), &lanes,
                     s.key + i * keys)


cdef inline int cloud_of(const Task* t, const Sifting* s, int64_t count, int records,
                         Cloud* out) noexcept nogil:
    """A cloud of the first points in their order, of their records or of none; 0 where memory is
    short."""
    cdef int64_t i
    out.stride = t.stride
    out.record = <char*> malloc(count * t.stride + 1 if records else 1)
    if out.record == NULL or not pack(out, t.stage.n_keys, count, s.order, s.key, 1):
        return 0
    for i in range(count if records else 0):
        memcpy(out.record + i * t.stride, s.record[s.order[i]], t.stride)
    return 1


cdef inline void mark_dominated(Task* t, const Cloud* whole, Sifting* s) noexcept nogil:
    """The states of all points, block by block of their cloud. A point that one worse in nothing
    comes before is gone, too."""
    cdef int keys = t.stage.n_keys, some, l
    cdef int64_t b, i, found
    cdef uint32_t alive, perhaps
    cdef flash_lanes lanes
    cdef flash_points points = points_of(whole, 0)
    for b in range(whole.blocks):
        i = b * FLASH_POINTS
        some = <int> min(<int64_t> FLASH_POINTS, s.count - i)
        found = relevant(whole, t.stage.final, 0, whole.low[0] + b * keys,
                         whole.high[0] + b * keys, s.blocks)
        if found < 0:        # a block dominates all of this one
            memset(s.state + i, 0, some)
            continue
        as_lanes(t, whole, b, some, &lanes)
        alive = t.kernels.covered(&t.stage, &points, &lanes, some, found, s.blocks, &perhaps)
        for l in range(some):
            s.state[i + l] = alive >> l & 1
            if alive & perhaps & (<uint32_t> 1 << l) and doubtful(
                    t, whole, found, s.blocks, s.record, s.order, i + l,
                    s.key + <int64_t> s.order[i + l] * keys):
                s.state[i + l] = 0


cdef inline void leave_out_near(Task* t, const Cloud* whole, Sifting* s) noexcept nogil:
    """With an epsilon: points of the cloud stay, and of the others those for which none stands that
    stays (so far: in their order)."""
    cdef int64_t i
    for i in range(s.count):
        if s.order[i] < s.n_old:
            s.state[i] = STAYS
    for i in range(s.count):
        if s.state[i] == 1:
            s.state[i] = (0 if stood_for(t, whole, s.record[s.order[i]], s.state, s.blocks)
                          else STAYS)


cdef inline int64_t close_ranks(Sifting* s) noexcept nogil:
    """Leaves what is gone out of the order; how many points are left."""
    cdef int64_t i, kept = 0
    for i in range(s.count):
        if s.state[i]:
            s.order[kept] = s.order[i]
            kept += 1
    return kept


cdef inline void sift(Task* t, Cloud* cloud, Waiting* waiting) noexcept nogil:
    """The waiting points join the cloud, and what is dominated then is left out.

    With an epsilon, points of the cloud may stand for others that were left out: they stay, since
    what replaced them could itself be left out for a third, twice epsilon away.
    """
    cdef int keys = t.stage.n_keys, done = 0
    cdef Sifting s
    cdef Cloud whole, made
    cdef double start = flash_clock()
    if cloud.n + waiting.n == 0:
        return
    memset(&whole, 0, sizeof(Cloud))
    memset(&made, 0, sizeof(Cloud))
    if start_sifting(cloud, waiting, keys, &s):
        gather(t, cloud, waiting, &s)
        s.count = distinct_points(t, keys, &s)
        arrange_points(keys, s.count, s.key, s.order)
        # once no cell is missing keys alone decide, and records are not looked at
        if cloud_of(t, &s, s.count, not t.stage.final, &whole):
            mark_dominated(t, &whole, &s)
            if t.epsilon > 0.0:
                leave_out_near(t, &whole, &s)
            done = cloud_of(t, &s, close_ranks(&s), 1, &made)
    if done:
        discard(cloud)
        cloud[0] = made
        waiting.n = 0
    else:                    # all is as it was
        discard(&made)
        t.stopped = OUT_OF_MEMORY
    discard(&whole)
    drop_sifting(&s)
    if s.n >= TIMED:
        t.each = (flash_clock() - start) / s.n


cdef inline void by_sums(Task* t, Cloud* cloud) noexcept nogil:
    """A cloud by what adds up, in its order, in place of what its points were compared by."""
    cdef Cloud made
    cdef const flash_stage* s = &t.stage
    cdef const double* own
    cdef int64_t i
    cdef int d
    cdef double* key
    cdef int32_t* order
    if cloud.n == 0 or t.stopped == OUT_OF_MEMORY:
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
        t.stopped = OUT_OF_MEMORY
    free(key)
    free(order)
