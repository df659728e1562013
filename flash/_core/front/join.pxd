"""Joins two clouds: the sums of their points that nothing dominates."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.front.cloud cimport FANOUT, Cloud, among, discard, pack, points_of, relevant
from flash._core.front.sift cimport Waiting, claim, sift
from flash._core.front.task cimport (
    NEW_POINT, OUT_OF_MEMORY, RUNNING, Task, corners_of, eased_keys, eased_totals, has_logarithms,
    hopeless, keys_between, rows_of, totals, variant_of, wary,
)
from flash._core.kernels.kernels cimport (
    FLASH_POINTS, N_KEYS, flash_lanes, flash_points, flash_stage,
)
from flash._core.tables.problem cimport (
    FLASH_COLUMNS, M_SCORE, N_COLUMNS, N_METRICS, flash_joined, flash_metrics,
)


cdef enum:
    SAMPLE_POINTS = 64   # of a sample
    WAITING_LEAST = 4096 # sums that wait, at least, before they join a cloud
    CORNER_BLOCKS = 24   # blocks whose corners are looked at together


cdef struct Join:
    const Cloud* a       # sums of the cells before
    const Cloud* b       # rows of the next cell
    int turned           # a point of b meets sixteen of a, which are nearer each other
    double offset[N_COLUMNS]     # what the boundary between them adds, by column
    int32_t* near        # blocks of the result near two groups, and near two blocks
    int32_t* nearer
    double* corner       # the least keys of those near two blocks, key by key
    int32_t* chosen      # of them, those near sixteen sums
    flash_lanes lanes    # these


cdef inline void sample_cloud(const Task* t, const Cloud* cloud, int64_t few, Cloud* out,
                              double* key, int32_t* order) noexcept nogil:
    """Every so many points; key and order have room for `few`."""
    cdef int64_t i, j, n = min(few, cloud.n)
    cdef int d
    out.stride = cloud.stride
    out.record = <char*> malloc(n * cloud.stride + 1)
    for i in range(n):
        j = i * cloud.n // n
        order[i] = <int32_t> i
        for d in range(cloud.keys):
            key[i * cloud.keys + d] = cloud.key[
                (j // FLASH_POINTS * cloud.keys + d) * FLASH_POINTS + j % FLASH_POINTS]
        if out.record != NULL:
            memcpy(out.record + i * cloud.stride, cloud.record + j * cloud.stride, cloud.stride)
    if out.record == NULL or not pack(out, cloud.keys, n, order, key, 0):
        discard(out)


cdef inline void sum_of(const Task* t, const Join* j, int64_t one, int64_t other,
                        double* x) noexcept nogil:
    """All totals of two points."""
    cdef const double* left = totals(j.a.record + (other if j.turned else one) * t.stride)
    cdef const double* right = totals(j.b.record + (one if j.turned else other) * t.stride)
    cdef int k, i
    for k in range(FLASH_COLUMNS):
        x[k] = 0.0
    for i in range(t.n_columns):
        k = t.column[i]
        x[k] = flash_joined(k, left[i], right[i]) + j.offset[k]


cdef inline int add_sum(Task* t, const Join* j, int64_t one, int64_t other,
                        Waiting* waiting) noexcept nogil:
    """A sum waits to join, unless no completion of it meets the budgets."""
    cdef double x[N_COLUMNS]
    cdef char* made
    cdef int64_t a = other if j.turned else one, b = one if j.turned else other
    cdef int k
    sum_of(t, j, one, other, x)
    if hopeless(t, x, x):
        return 1
    made = claim(t, waiting)
    if made == NULL:
        return 0
    for k in range(t.n_columns):
        totals(made)[k] = x[t.column[k]]
    variant_of(t, made)[0] = t.variant
    memset(rows_of(t, made), 0, t.n_cells * sizeof(int32_t))
    memcpy(rows_of(t, made), rows_of(t, j.a.record + a * t.stride),
           (t.n_rows - 1) * sizeof(int32_t))
    rows_of(t, made)[t.n_rows - 1] = rows_of(t, j.b.record + b * t.stride)[0]
    return 1


cdef inline int box(const Task* t, const Join* j, const double* low_a, const double* high_a,
                    const double* low_b, const double* high_b, double* low,
                    double* high) noexcept nogil:
    """What the sums of two boxes are compared by, eased; 0 where none can meet the budgets."""
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef int i, k
    memset(x, 0, sizeof(x))
    memset(y, 0, sizeof(y))
    for i in range(t.stage.n_columns):
        k = t.stage.column[i]
        x[k] = flash_joined(k, low_a[i], low_b[i]) + j.offset[k]
        y[k] = flash_joined(k, high_a[i], high_b[i]) + j.offset[k]
    if hopeless(t, x, y):
        return 0
    if t.epsilon > 0.0 and not t.stage.final:
        eased_totals(t, x, 1)
        eased_totals(t, y, 1)
    keys_between(t, x, y, low, high)
    if t.epsilon > 0.0:
        eased_keys(t, low)
        eased_keys(t, high)
    return 1


cdef inline int lanes_of(const Task* t, const Join* j, int64_t point, int64_t block,
                         flash_lanes* lanes) noexcept nogil:
    """The sums of a point and the points of a block, as others are to dominate them; how many."""
    cdef const Cloud* one = j.b if j.turned else j.a
    cdef const Cloud* many = j.a if j.turned else j.b
    cdef const flash_stage* s = &t.stage
    cdef double x[N_COLUMNS]
    cdef double key[N_KEYS]
    cdef double m[N_METRICS]
    cdef int l, d, k, n = <int> min(<int64_t> FLASH_POINTS, many.n - block * FLASH_POINTS)
    t.kernels.joined(s, one.key + point // FLASH_POINTS * one.keys * FLASH_POINTS
                     + point % FLASH_POINTS, many.key + block * many.keys * FLASH_POINTS,
                     j.offset, lanes)
    if t.epsilon > 0.0 and not s.final:
        for l in range(n):
            eased_totals(t, &lanes.total[0][l], FLASH_POINTS)
    t.kernels.keyed(s, lanes)
    if not has_logarithms(s.links) and (t.epsilon == 0.0 or not s.final):
        return n
    for l in range(n):
        for k in range(FLASH_COLUMNS):
            x[k] = lanes.total[k][l]
        for d in range(s.n_keys):
            key[d] = lanes.key[d][l]
        if s.corners:
            corners_of(t, x, x, key)
        elif has_logarithms(s.links):
            flash_metrics(s.links, x, m)
            for d in range(s.n_keys):
                if s.kind[d] == M_SCORE:
                    key[d] = -m[M_SCORE]
        if t.epsilon > 0.0:
            eased_keys(t, key)
        wary(t, key)
        for d in range(s.n_keys):
            lanes.key[d][l] = key[d]
    return n


cdef inline void corners_apart(const Cloud* out, int64_t n, const int32_t* list,
                               double* corner) noexcept nogil:
    """The least keys of listed blocks, key by key, as kernels take them."""
    cdef int64_t i
    cdef int d
    for i in range(n):
        for d in range(out.keys):
            corner[d * n + i] = out.low[0][<int64_t> list[i] * out.keys + d]


cdef inline int64_t closest(const Task* t, int64_t n, const Join* j, int count,
                            const flash_lanes* lanes) noexcept nogil:
    """Chooses of the n nearest blocks those that may dominate one of the sums."""
    cdef double most[N_KEYS]
    cdef int keys = t.stage.n_keys, d, l
    cdef int64_t i, near
    for d in range(keys):
        most[d] = lanes.key[d][0]
        for l in range(1, count):
            most[d] = max(most[d], lanes.key[d][l])
    near = t.kernels.fitting(n, keys, j.corner, n, most, j.chosen)
    for i in range(near):
        j.chosen[i] = j.nearer[j.chosen[i]]
    return near


cdef inline int blocks_of(Task* t, Join* j, int64_t a, int64_t b, int64_t n, const Cloud* out,
                          Waiting* waiting) noexcept nogil:
    """The sums of block a and block b that the cloud does not dominate, by its n nearest blocks."""
    cdef double low[N_KEYS]
    cdef double high[N_KEYS]
    cdef flash_lanes* lanes = &j.lanes
    cdef flash_points points = points_of(out, t.epsilon > 0.0)
    cdef int keys = t.stage.n_columns, l, count
    cdef uint32_t alive, perhaps
    cdef int64_t block = a if j.turned else b, one = b if j.turned else a, i, near
    cdef int32_t* list
    if not box(t, j, j.a.low[0] + a * keys, j.a.high[0] + a * keys, j.b.low[0] + b * keys,
               j.b.high[0] + b * keys, low, high):
        return 1
    n = among(out, t.stage.final, t.epsilon > 0.0, low, high, n, j.near, j.nearer)
    if n < 0:
        return 1
    if n >= CORNER_BLOCKS:
        corners_apart(out, n, j.nearer, j.corner)
    for i in range(one * FLASH_POINTS,
                   min((one + 1) * FLASH_POINTS, j.b.n if j.turned else j.a.n)):
        count = lanes_of(t, j, i, block, lanes)
        t.weighed += count
        near = n
        list = j.nearer
        if n >= CORNER_BLOCKS:
            near = closest(t, n, j, count, lanes)
            list = j.chosen
        alive = t.kernels.covered(&t.stage, &points, lanes, count, near, list, &perhaps)
        for l in range(count):
            if alive >> l & 1 and not add_sum(t, j, i, block * FLASH_POINTS + l, waiting):
                return 0
    return 1


cdef inline void look_for_new(Task* t, Cloud* out, Waiting* waiting) noexcept nogil:
    """Ends the search where one new point is all that is asked for, and there is one."""
    cdef int64_t i
    if not (t.stage.final and t.only_new and waiting.n) or t.stopped:
        return
    sift(t, out, waiting)
    for i in range(out.n if t.stopped == RUNNING else 0):
        if variant_of(t, out.record + i * t.stride)[0] >= 0:
            t.stopped = NEW_POINT
            return


cdef inline int room_for(Task* t, Join* j, const Cloud* out) noexcept nogil:
    """Lists long enough for the cloud as it is now."""
    no_room(j)
    j.near = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.nearer = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.chosen = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.corner = <double*> malloc((out.blocks * t.stage.n_keys + 1) * sizeof(double))
    if j.near == NULL or j.nearer == NULL or j.chosen == NULL or j.corner == NULL:
        t.stopped = OUT_OF_MEMORY
        return 0
    return 1


cdef inline void no_room(Join* j) noexcept nogil:
    free(j.near)
    free(j.nearer)
    free(j.chosen)
    free(j.corner)


ctypedef int (*Pause)(Task*) noexcept nogil


cdef inline void all_sums(Task* t, Join* j, Cloud* out, Waiting* waiting,
                          Pause pause) noexcept nogil:
    """Group by group; `pause` looks at the limits in between."""
    cdef double low[N_KEYS]
    cdef double high[N_KEYS]
    cdef int keys = t.stage.n_columns
    cdef int la = 1 if j.a.n_levels > 1 else 0, lb = 1 if j.b.n_levels > 1 else 0
    cdef int64_t ga, gb, a, b, n
    cdef int64_t wa = FANOUT if la else 1, wb = FANOUT if lb else 1
    if not room_for(t, j, out):
        return
    for ga in range(j.a.nodes[la]):
        for gb in range(j.b.nodes[lb]):
            t.held = out.n + waiting.n + t.before
            if pause != NULL and pause(t):
                return
            if not box(t, j, j.a.low[la] + ga * keys, j.a.high[la] + ga * keys,
                       j.b.low[lb] + gb * keys, j.b.high[lb] + gb * keys, low, high):
                continue
            n = relevant(out, t.stage.final, t.epsilon > 0.0, low, high, j.near)
            if n < 0:
                continue
            for a in range(ga * wa, min((ga + 1) * wa, j.a.blocks)):
                for b in range(gb * wb, min((gb + 1) * wb, j.b.blocks)):
                    if not blocks_of(t, j, a, b, n, out, waiting):
                        return
            if waiting.n > WAITING_LEAST and waiting.n > out.n:
                t.held += out.n + waiting.n
                if pause != NULL and pause(t):
                    return
                sift(t, out, waiting)
                if t.stopped == OUT_OF_MEMORY or not room_for(t, j, out):
                    return
        if pause != NULL:
            t.share = <double> (ga + 1) / j.a.nodes[la]
        if t.stage.final and t.only_new and waiting.n >= FLASH_POINTS:
            look_for_new(t, out, waiting)
            if t.stopped or not room_for(t, j, out):
                return


cdef inline void join_clouds(Task* t, const Cloud* a, const Cloud* b, const double* offset,
                             Cloud* out, Waiting* waiting, Pause pause) noexcept nogil:
    """Adds to a cloud, and to what waits to join it, the sums of a's and b's points.

    A sample comes first: what is far from the front is then left out block by block. Once the
    search has been stopped, the sample is all.
    """
    cdef Join j
    cdef Cloud few_a, few_b
    cdef double key[SAMPLE_POINTS * N_KEYS]
    cdef int32_t order[SAMPLE_POINTS]
    cdef int whole = 0
    if a.n == 0 or b.n == 0 or t.stopped == OUT_OF_MEMORY or t.stopped == NEW_POINT:
        return
    memset(&j, 0, sizeof(Join))
    memset(&few_a, 0, sizeof(Cloud))
    memset(&few_b, 0, sizeof(Cloud))
    memcpy(j.offset, offset, sizeof(j.offset))
    if not t.stopped and <double> a.n * b.n <= 4.0 * SAMPLE_POINTS * SAMPLE_POINTS:
        j.a = a
        j.b = b
        all_sums(t, &j, out, waiting, pause)
        whole = not t.stopped
    if not whole:
        sample_cloud(t, a, SAMPLE_POINTS, &few_a, key, order)
        sample_cloud(t, b, SAMPLE_POINTS, &few_b, key, order)
        j.turned = 0
        if few_a.n and few_b.n:
            j.a = &few_a
            j.b = &few_b
            all_sums(t, &j, out, waiting, NULL)
            look_for_new(t, out, waiting)
            if waiting.n > SAMPLE_POINTS and not t.stopped:
                sift(t, out, waiting)
        else:
            t.stopped = OUT_OF_MEMORY
        if not t.stopped:
            j.a = a
            j.b = b
            j.turned = a.n > b.n
            all_sums(t, &j, out, waiting, pause)
    look_for_new(t, out, waiting)
    discard(&few_a)
    discard(&few_b)
    no_room(&j)
