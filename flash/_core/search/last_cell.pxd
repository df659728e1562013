"""The innermost cell of an enumeration: its rows by key, sifted before they are weighed exactly."""

from libc.math cimport fabs, floor
from libc.stdint cimport int32_t, int64_t

from flash._core.kernels.kernels cimport FLASH_PARTS, flash_parts
from flash._core.search.dominance cimport Entry
from flash._core.search.exact cimport Worker, spent, threshold
from flash._core.search.relaxation cimport most
from flash._core.search.row_lists cimport List, Lists, flash_take, held
from flash._core.search.row_parts cimport parts_of, row_parts
from flash._core.tables.problem cimport (
    COL_PEAK, COL_SCALE, FLASH_COLUMNS, M_SCORE, N_COLUMNS, flash_feasible, flash_joined,
    flash_links, flash_metrics, flash_objective, flash_query, flash_try, flash_variant,
)


cdef enum:
    BUCKETS = 256        # by which a key finds its place in the last cell


cdef struct Flat:
    Worker* w
    const flash_variant* v
    const Lists* lists
    int variant
    int n_cells
    int n_limits         # the prices' own sum of constraints, then the active ones
    double right[15]
    int order[32]        # cells in the order of the loops
    int64_t n[32]        # of the rows looped over, by level
    Entry* entry[32]
    double* score[32]    # in the column's units: exact sums; with logarithms, by the line above them
    double* use[32]      # n_limits numbers a row; of the last cell n numbers a limit
    double* linked       # of the last cell: the columns that are sifted, in the metrics' units
    int by_value         # a weighted product decides: the key is the value, not the score
    int lined            # the score has logarithms: it is known by a line above it
    double slack         # what sums of that line may have lost by rounding
    const double* key    # of the last cell, falling
    double* least_use    # of the last cell: within its first rows, n_limits numbers each
    double rest[33][15]  # least use of the levels still to come
    double after[33]     # best value of the levels still to come
    double gain[33]      # best score of the levels still to come
    double want          # a score below it can't match the best answer
    double floor         # values below it are left for later
    double least         # a value below it can't match the best answer, or is left for later
    double high          # the last cell's best key
    double per_key       # buckets a unit of the key
    int32_t upto[256]    # rows of the last cell down to a bucket's end
    double* least_scale  # of the last cell: within its first rows
    int32_t* chosen
    int32_t row[32]
    int64_t check        # steps at which to look at the limits
    int64_t steps, most  # rows looked at, and how many may be


cdef inline void match(Flat* d) noexcept nogil:
    """What the best answer asks of the next one, outward."""
    cdef double x = d.w.best.metric[M_SCORE] / d.w.problem.links.quantum[M_SCORE]
    d.least = max(threshold(d.w), d.floor)
    d.want = threshold(d.w) - d.slack if d.lined else x - 1e-15 * fabs(x) - 1.0


cdef inline void join(const Flat* d, double* part) noexcept nogil:
    """Totals of the chosen rows of all cells but the last."""
    cdef int k, level
    cdef const List* list
    for k in range(FLASH_COLUMNS):
        part[k] = d.v.constant[k]
    for level in range(d.n_cells - 1):
        list = &d.lists.cell[d.order[level]]
        for k in range(FLASH_COLUMNS):
            part[k] = flash_joined(k, part[k], held(list, k, d.row[level]))


cdef inline int64_t sift(Flat* d, int64_t n, const double* part) noexcept nogil:
    """Which of the last cell's first n rows meet latency, energy and area (or may match the best
    product), reckoned with the factors of their least scale."""
    cdef const flash_query* q = d.w.query
    cdef int64_t stride = d.n[d.n_cells - 1]
    cdef flash_parts p
    cdef int k
    parts_of(&d.w.problem.links, q, part, d.least_scale[n - 1], &p)
    if not q.product:
        return d.w.kernels.meeting(n, d.linked, stride, &p, d.chosen)
    p.least = d.least
    for k in range(4):
        p.least -= 1e-9 * fabs(q.exponent[k])
    return d.w.kernels.promising_product(n, d.linked, stride, &p, d.chosen)


cdef inline void weigh_exactly(Flat* d, double points, const double* part,
                               int64_t count) noexcept nogil:
    """The chosen rows of the last cell, each with the rows of the other levels."""
    cdef Worker* w = d.w
    cdef int k, last = d.n_cells - 1
    cdef int64_t i
    cdef double total[N_COLUMNS]
    cdef double metric[6]
    cdef const List* list = &d.lists.cell[d.order[last]]
    for k in range(FLASH_COLUMNS):
        total[k] = part[k]
    for i in range(count):
        if not d.by_value and points + d.score[last][d.chosen[i]] < d.want:
            return
        if spent(w):
            return
        d.row[last] = d.entry[last][d.chosen[i]].at
        for k in range(FLASH_COLUMNS):
            total[k] = flash_joined(k, part[k], held(list, k, d.row[last]))
        flash_metrics(&w.problem.links, total, metric)
        if flash_feasible(&w.problem.links, w.query, metric) and (
                not d.by_value and not d.lined or flash_objective(&w.problem.links, w.query, metric)
                >= w.best.objective):
            offer(d)


cdef inline void offer(Flat* d) noexcept nogil:
    cdef int32_t row[32]
    cdef int c, level
    for level in range(d.n_cells):
        c = d.order[level]
        row[c] = (d.lists.cell[c].id[d.row[level]] if d.lists.cell[c].id != NULL
                  else d.row[level])
    flash_try(d.w.problem, d.w.query, d.variant, row, &d.w.best)
    match(d)


cdef inline void finish(Flat* d, double value, double points, const double* used) noexcept nogil:
    """The last cell's rows that extend a partial combination to an answer as good as the best."""
    cdef double need = d.least - value if d.by_value else d.want - points
    cdef double room[15]
    cdef double part[N_COLUMNS]
    cdef const double* least
    cdef int64_t n
    cdef int r, last = d.n_cells - 1
    if need > d.high:
        return
    need = (d.high - need) * d.per_key
    n = d.upto[<int> need] if need < BUCKETS - 1 else d.n[last]
    if n == 0:
        return
    least = d.least_use + (n - 1) * d.n_limits
    for r in range(d.n_limits):
        room[r] = d.right[r] - used[r]
        if least[r] > room[r]:
            return
    d.steps += n >> 3
    if d.linked == NULL:
        n = d.w.kernels.fitting(n, d.n_limits, d.use[last], d.n[last], room, d.chosen)
        if n:
            join(d, part)
    else:
        join(d, part)
        n = sift(d, n, part)
    if n:
        weigh_exactly(d, points, part, n)


cdef inline void index_last(Flat* d) noexcept nogil:
    """Prefix minima of the last cell's uses, and where each key is found."""
    cdef int last = d.n_cells - 1, r, b
    cdef int64_t i, n = d.n[last]
    cdef double low = d.key[n - 1]
    cdef double* least
    d.least_use = <double*> flash_take(d.lists.pool, (n + 1) * d.n_limits * sizeof(double))
    d.high = d.key[0]
    d.per_key = (BUCKETS - 1) / (d.high - low) if d.high > low else 0.0
    b = 0
    for i in range(n):
        while b < <int> ((d.high - d.key[i]) * d.per_key):
            d.upto[b] = <int32_t> i
            b += 1
        least = d.least_use + i * d.n_limits
        for r in range(d.n_limits):
            least[r] = d.use[last][r * n + i]
            if i and least[r - d.n_limits] < least[r]:
                least[r] = least[r - d.n_limits]
    while b < BUCKETS:
        d.upto[b] = <int32_t> n
        b += 1


cdef inline void link_last(Flat* d) noexcept nogil:
    """The columns that the sifting kernels look at, in the order of the last cell."""
    cdef const flash_links* links = &d.w.problem.links
    cdef int last = d.n_cells - 1, k
    cdef int64_t i, n = d.n[last]
    cdef const List* list = &d.lists.cell[d.order[last]]
    cdef double* column[N_COLUMNS]
    d.linked = d.least_scale = NULL
    if not d.w.query.product and not links.n_steps and links.leakage == 0.0:
        return
    d.linked = <double*> flash_take(d.lists.pool, FLASH_PARTS * (n + 8) * sizeof(double))
    d.least_scale = <double*> flash_take(d.lists.pool, (n + 8) * sizeof(double))
    for k in range(FLASH_COLUMNS):
        column[k] = list.column[k]
    column[COL_PEAK] = list.peak
    for i in range(n):
        row_parts(links, column, d.entry[last][i].at, n, d.linked + i)
        d.least_scale[i] = held(list, COL_SCALE, d.entry[last][i].at)
        if i and d.least_scale[i - 1] < d.least_scale[i]:
            d.least_scale[i] = d.least_scale[i - 1]
