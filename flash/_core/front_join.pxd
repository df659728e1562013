"""Joins two clouds: the sums of their points that nothing dominates."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.cloud cimport *
from flash._core.core cimport *
from flash._core.front_sift cimport *
from flash._core.front_task cimport *


cdef enum:
    FEW = 64             # points of a sample
    FEW_KEYS = 1152      # all of their keys
    BATCH = 4096         # sums that wait, at least, before they join a cloud
    MANY = 24            # blocks whose corners are looked at together


cdef struct Join:
    const Cloud* a       # sums of the cells before
    const Cloud* b       # rows of the next cell
    int turned           # a point of b meets sixteen of a, which are nearer each other
    double offset[N_COLUMNS]     # what the boundary between them adds, by column
    double key_offset[MOST_KEYS]
    int32_t* near        # blocks of the result near two groups, and near two blocks
    int32_t* nearer
    double* corner       # the least keys of those near two blocks, key by key
    int32_t* chosen      # of them, those near sixteen sums


cdef inline void sample(const Task* t, const Cloud* cloud, int64_t few, Cloud* out,
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
    if out.record == NULL or not pack(out, cloud.keys, n, order, key):
        discard(out)


cdef inline void summed(const Task* t, const Join* j, int64_t one, int64_t other,
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


cdef inline int add(Task* t, const Join* j, int64_t one, int64_t other,
                    Waiting* waiting) noexcept nogil:
    """A sum waits to join, unless no completion of it meets the budgets."""
    cdef double x[N_COLUMNS]
    cdef char* made
    cdef int64_t a = other if j.turned else one, b = one if j.turned else other
    cdef int k
    summed(t, j, one, other, x)
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


cdef inline double key_of_both(const Task* t, const Join* j, int d, double a,
                               double b) noexcept nogil:
    """A key of the sum of two points. The peak's has no offset, and less of it is better."""
    return flash_joined(t.key_column[d], a, b) + j.key_offset[d]


cdef inline int box(const Task* t, const Join* j, const double* low_a, const double* high_a,
                    const double* low_b, const double* high_b, double* low,
                    double* high) noexcept nogil:
    """What the sums of two boxes are compared by, eased; 0 where none can meet the budgets."""
    cdef double least[MOST_KEYS]
    cdef double most[MOST_KEYS]
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef int d
    for d in range(t.n_keys):
        least[d] = key_of_both(t, j, d, low_a[d], low_b[d])
        most[d] = key_of_both(t, j, d, high_a[d], high_b[d])
    corner(t, least, most, x, y)
    if hopeless(t, x, y):
        return 0
    if t.final and not t.additive:
        end_of_goals(t, x, y, 1.0, low)
        end_of_goals(t, x, y, -1.0, high)
    elif t.corners and not t.final:
        corners_of(t, y, x, low)
        corners_of(t, x, y, high)
        for d in range(t.n_plain):
            low[t.corners + d] = least[t.plain[d]]
            high[t.corners + d] = most[t.plain[d]]
    else:
        for d in range(compared(t)):
            low[d] = least[t.goal_key[d] if t.final else d]
            high[d] = most[t.goal_key[d] if t.final else d]
    eased(t, low)
    eased(t, high)
    wary(t, low)
    return 1


cdef inline int lanes_of(const Task* t, const Join* j, int64_t point, int64_t block,
                         double* lanes) noexcept nogil:
    """The keys of the sums of a point and the points of a block; how many there are."""
    cdef const Cloud* one = j.b if j.turned else j.a
    cdef const Cloud* many = j.a if j.turned else j.b
    cdef const double* left = one.key + (point // FLASH_POINTS * t.n_keys) * FLASH_POINTS \
        + point % FLASH_POINTS
    cdef const double* right = many.key + block * t.n_keys * FLASH_POINTS
    cdef double x[N_COLUMNS]
    cdef double m[MOST_KEYS]
    cdef double own[MOST_KEYS]
    cdef double base
    cdef int l, d, k, n = <int> min(FLASH_POINTS, many.n - block * FLASH_POINTS)
    if t.final and not t.additive:
        for l in range(n):
            summed(t, j, point, block * FLASH_POINTS + l, x)
            flash_metrics(&t.problem.links, x, m)
            goals_of(t, m, own)
            eased(t, own)
            for d in range(t.n_goals):
                lanes[d * FLASH_POINTS + l] = own[d]
        for l in range(n, FLASH_POINTS):
            for d in range(t.n_goals):
                lanes[d * FLASH_POINTS + l] = INFINITY
        return n
    if t.corners and not t.final:
        for l in range(n):
            for d in range(t.n_keys):
                own[d] = key_of_both(t, j, d, left[d * FLASH_POINTS], right[d * FLASH_POINTS + l])
            for k in range(FLASH_COLUMNS):
                if t.place[k] >= 0:
                    x[k] = t.sign[t.place[k]] * own[t.place[k]]
            corners_of(t, x, x, m)
            for d in range(t.n_plain):
                m[t.corners + d] = own[t.plain[d]]
            eased(t, m)
            wary(t, m)
            for d in range(compared(t)):
                lanes[d * FLASH_POINTS + l] = m[d]
        for l in range(n, FLASH_POINTS):
            for d in range(compared(t)):
                lanes[d * FLASH_POINTS + l] = INFINITY
        return n
    for d in range(compared(t)):
        k = t.goal_key[d] if t.final else d
        base = left[k * FLASH_POINTS] + j.key_offset[k]
        if t.key_column[k] == COL_PEAK:
            for l in range(FLASH_POINTS):
                lanes[d * FLASH_POINTS + l] = max(base, right[k * FLASH_POINTS + l])
            continue
        for l in range(FLASH_POINTS):
            lanes[d * FLASH_POINTS + l] = base + right[k * FLASH_POINTS + l]
    if t.epsilon > 0.0:
        for l in range(n):
            for d in range(compared(t)):
                own[d] = lanes[d * FLASH_POINTS + l]
            eased(t, own)
            for d in range(compared(t)):
                lanes[d * FLASH_POINTS + l] = own[d]
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
                            const double* lanes) noexcept nogil:
    """Chooses of the n nearest blocks those that may dominate one of the sums."""
    cdef double most[MOST_KEYS]
    cdef int keys = compared(t), d, l
    cdef int64_t i, near
    for d in range(keys):
        most[d] = lanes[d * FLASH_POINTS]
        for l in range(1, count):
            most[d] = max(most[d], lanes[d * FLASH_POINTS + l])
    near = t.kernels.fitting(n, keys, j.corner, n, most, j.chosen)
    for i in range(near):
        j.chosen[i] = j.nearer[j.chosen[i]]
    return near


cdef inline int blocks_of(Task* t, const Join* j, int64_t a, int64_t b, int64_t n,
                          const Cloud* out, Waiting* waiting) noexcept nogil:
    """The sums of block a and block b that the cloud does not dominate, by its n nearest blocks."""
    cdef double low[MOST_KEYS]
    cdef double high[MOST_KEYS]
    cdef double lanes[MOST_LANES]
    cdef int strict = -1 if t.epsilon > 0.0 else strictly(t)
    cdef int keys = t.n_keys, l, count
    cdef uint32_t alive, perhaps
    cdef int64_t block = a if j.turned else b, points = b if j.turned else a, i, near
    cdef int32_t* list
    if not box(t, j, j.a.low[0] + a * keys, j.a.high[0] + a * keys, j.b.low[0] + b * keys,
               j.b.high[0] + b * keys, low, high):
        return 1
    n = among(out, strict, low, high, n, j.near, j.nearer)
    if n < 0:
        return 1
    if n >= MANY:
        corners_apart(out, n, j.nearer, j.corner)
    for i in range(points * FLASH_POINTS,
                   min((points + 1) * FLASH_POINTS, j.b.n if j.turned else j.a.n)):
        count = lanes_of(t, j, i, block, lanes)
        t.weighed += count
        near = n
        list = j.nearer
        if n >= MANY:
            near = closest(t, n, j, count, lanes)
            list = j.chosen
        alive = t.kernels.covered(compared(t), strict, lanes, near, list, out.low[0], out.key,
                                  &perhaps)
        for l in range(count):
            if alive >> l & 1 and not add(t, j, i, block * FLASH_POINTS + l, waiting):
                return 0
    return 1


cdef inline void look_for_new(Task* t, Cloud* out, Waiting* waiting) noexcept nogil:
    """Ends the search where one new point is all that is asked for, and there is one."""
    cdef int64_t i
    if not (t.final and t.only_new and waiting.n) or t.stopped:
        return
    sift(t, out, waiting)
    for i in range(out.n if t.stopped == 0 else 0):
        if variant_of(t, out.record + i * t.stride)[0] >= 0:
            t.stopped = 2
            return


cdef inline int room_for(Task* t, Join* j, const Cloud* out) noexcept nogil:
    """Lists long enough for the cloud as it is now."""
    no_room(j)
    j.near = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.nearer = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.chosen = <int32_t*> malloc((out.blocks + 1) * sizeof(int32_t))
    j.corner = <double*> malloc((out.blocks * compared(t) + 1) * sizeof(double))
    if j.near == NULL or j.nearer == NULL or j.chosen == NULL or j.corner == NULL:
        t.stopped = 4
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
    cdef double low[MOST_KEYS]
    cdef double high[MOST_KEYS]
    cdef int strict = -1 if t.epsilon > 0.0 else strictly(t)
    cdef int keys = t.n_keys, la = 1 if j.a.n_levels > 1 else 0, lb = 1 if j.b.n_levels > 1 else 0
    cdef int64_t ga, gb, a, b, n
    cdef int64_t wa = GROUP if la else 1, wb = GROUP if lb else 1
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
            n = relevant(out, strict, low, high, j.near)
            if n < 0:
                continue
            for a in range(ga * wa, min((ga + 1) * wa, j.a.blocks)):
                for b in range(gb * wb, min((gb + 1) * wb, j.b.blocks)):
                    if not blocks_of(t, j, a, b, n, out, waiting):
                        return
            if waiting.n > BATCH and waiting.n > out.n:
                t.held += out.n + waiting.n
                if pause != NULL and pause(t):
                    return
                sift(t, out, waiting)
                if t.stopped == 4 or not room_for(t, j, out):
                    return
        if pause != NULL:
            t.share = <double> (ga + 1) / j.a.nodes[la]
        if t.final and t.only_new and waiting.n >= FLASH_POINTS:
            look_for_new(t, out, waiting)
            if t.stopped or not room_for(t, j, out):
                return


cdef inline void join(Task* t, const Cloud* a, const Cloud* b, const double* offset, Cloud* out,
                      Waiting* waiting, Pause pause) noexcept nogil:
    """Adds to a cloud, and to what waits to join it, the sums of a's and b's points.

    A sample comes first: what is far from the front is then left out block by block. Once the
    search has been stopped, the sample is all.
    """
    cdef Join j
    cdef Cloud few_a, few_b
    cdef double key[FEW_KEYS]
    cdef int32_t order[FEW]
    cdef int d, whole = 0
    if a.n == 0 or b.n == 0 or t.stopped == 4 or t.stopped == 2:
        return
    memset(&j, 0, sizeof(Join))
    memset(&few_a, 0, sizeof(Cloud))
    memset(&few_b, 0, sizeof(Cloud))
    memcpy(j.offset, offset, sizeof(j.offset))
    for d in range(t.n_keys):
        j.key_offset[d] = t.sign[d] * offset[t.key_column[d]]
    if not t.stopped and <double> a.n * b.n <= 4.0 * FEW * FEW:
        j.a = a
        j.b = b
        all_sums(t, &j, out, waiting, pause)
        whole = not t.stopped
    if not whole:
        sample(t, a, FEW, &few_a, key, order)
        sample(t, b, FEW, &few_b, key, order)
        j.turned = 0
        if few_a.n and few_b.n:
            j.a = &few_a
            j.b = &few_b
            all_sums(t, &j, out, waiting, NULL)
            look_for_new(t, out, waiting)
            if waiting.n > FEW and not t.stopped:
                sift(t, out, waiting)
        else:
            t.stopped = 4
        if not t.stopped:
            j.a = a
            j.b = b
            j.turned = a.n > b.n
            all_sums(t, &j, out, waiting, pause)
    look_for_new(t, out, waiting)
    discard(&few_a)
    discard(&few_b)
    no_room(&j)
