"""The innermost cell of an enumeration: its rows by key, sifted before they are weighed exactly."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from flash._core.kernels.kernels cimport FLASH_PARTS, flash_parts
from flash._core.search.dominance cimport Entry
from flash._core.search.exact cimport SolverState, spent, threshold
from flash._core.search.relaxation cimport CONSTRAINTS
from flash._core.search.row_lists cimport List, Lists, flash_take, held
from flash._core.search.row_parts cimport PRODUCT_METRICS, parts_of, row_parts
from flash._core.search.tolerances cimport ROUGH_LOG_SLACK, UNITS_SLACK
from flash._core.tables.problem cimport (
    COL_PEAK, COL_SCALE, FLASH_COLUMNS, M_SCORE, N_CELLS, N_COLUMNS, N_METRICS, flash_feasible,
    flash_joined, flash_links, flash_metrics, flash_objective, flash_query, flash_try,
    flash_variant,
)


cdef enum:
    BUCKETS = 256        # by which a key finds its place in the last cell
    LIMITS = CONSTRAINTS + 1     # the active constraints and their priced sum
    SPARE = 8            # numbers after a column, which vectors may read
    ROWS_A_STEP = 3      # the kernels look at 2^3 rows in the time of an entry


cdef struct FlatEnumeration:     # levels are cells in the order of the loops, the last innermost
    SolverState* solver
    const flash_variant* v
    const Lists* lists
    int variant
    int n_cells
    int n_limits         # the priced sum of constraints, then the active ones
    double right[LIMITS] # their right sides, outward
    double base[LIMITS]  # their left sides before any cell
    int order[N_CELLS]   # the cell of each level
    int64_t n[N_CELLS]   # of the rows looped over, by level
    Entry* entry[N_CELLS]
    double* score[N_CELLS]       # in the column's units: exact sums; with logarithms, by the line
                                 # above them
    double* use[N_CELLS] # n_limits numbers a row; of the last cell n numbers a limit
    double* linked       # of the last cell: the parts that are sifted; NULL where its uses are
    int by_value         # a weighted product decides: the key is the value, not the score
    int lined            # the score has logarithms: it is known by a line above it
    double slack         # what sums of that line may have lost by rounding
    double* keys         # of the last cell, where no scores: its own memory
    const double* key    # of the last cell, falling
    double* least_use    # of the last cell: within its first rows, n_limits numbers each
    double rest[N_CELLS + 1][LIMITS]     # least use of the levels from one on
    double after[N_CELLS + 1]    # best value of the levels from one on
    double gain[N_CELLS + 1]     # best score of the levels from one on
    double want          # a score below it can't match the incumbent
    double floor         # values below it are left for later
    double least         # a value below it can't match the incumbent, or is left for later
    double high          # the last cell's best key
    double per_key       # buckets a unit of the key
    int32_t upto[BUCKETS]        # rows of the last cell down to a bucket's end
    double* least_scale  # of the last cell: within its first rows
    int32_t* chosen
    int32_t row[N_CELLS] # chosen so far, by level: positions in the lists
    int64_t check        # steps at which to look at the limits
    int64_t steps, most  # rows looked at, and how many may be


cdef inline void match(FlatEnumeration* e) noexcept nogil:
    """What the incumbent asks of the next one, outward."""
    cdef double x = e.solver.best.metric[M_SCORE] / e.solver.problem.links.quantum[M_SCORE]
    e.least = max(threshold(e.solver), e.floor)
    e.want = (threshold(e.solver) - e.slack if e.lined
              else x - UNITS_SLACK * fabs(x) - 1.0)


cdef inline void join_others(const FlatEnumeration* e, double* part) noexcept nogil:
    """Totals of the chosen rows of all cells but the last."""
    cdef int k, level
    cdef const List* list
    for k in range(FLASH_COLUMNS):
        part[k] = e.v.constant[k]
    for level in range(e.n_cells - 1):
        list = &e.lists.cell[e.order[level]]
        for k in range(FLASH_COLUMNS):
            part[k] = flash_joined(k, part[k], held(list, k, e.row[level]))


cdef inline int64_t sift(FlatEnumeration* e, int64_t n, const double* part) noexcept nogil:
    """Which of the last cell's first n rows meet latency, energy and area (or may match the best
    product), reckoned with the factors of their least scale."""
    cdef const flash_query* q = e.solver.query
    cdef int64_t stride = e.n[e.n_cells - 1]
    cdef flash_parts p
    cdef int k
    parts_of(&e.solver.problem.links, q, part, e.least_scale[n - 1], &p)
    if not q.product:
        return e.solver.kernels.meeting(n, e.linked, stride, &p, e.chosen)
    p.least = e.least
    for k in range(PRODUCT_METRICS):
        p.least -= ROUGH_LOG_SLACK * fabs(q.exponent[k])
    return e.solver.kernels.promising_product(n, e.linked, stride, &p, e.chosen)


cdef inline void offer(FlatEnumeration* e) noexcept nogil:
    """Weighs the chosen rows of all levels against the incumbent."""
    cdef int32_t row[N_CELLS]
    cdef int c, level
    for level in range(e.n_cells):
        c = e.order[level]
        row[c] = (e.lists.cell[c].id[e.row[level]] if e.lists.cell[c].id != NULL
                  else e.row[level])
    flash_try(e.solver.problem, e.solver.query, e.variant, row, &e.solver.best)
    match(e)


cdef inline void weigh_exactly(FlatEnumeration* e, double points, const double* part,
                               int64_t count) noexcept nogil:
    """The chosen rows of the last cell, each with the rows of the other levels."""
    cdef SolverState* solver = e.solver
    cdef int k, last = e.n_cells - 1
    cdef int64_t i
    cdef double total[N_COLUMNS]
    cdef double metric[N_METRICS]
    cdef const List* list = &e.lists.cell[e.order[last]]
    for k in range(FLASH_COLUMNS):
        total[k] = part[k]
    for i in range(count):
        if not e.by_value and points + e.score[last][e.chosen[i]] < e.want:
            return       # so do the rows after it: they lie by falling score
        if spent(solver):
            return
        e.row[last] = e.entry[last][e.chosen[i]].at
        for k in range(FLASH_COLUMNS):
            total[k] = flash_joined(k, part[k], held(list, k, e.row[last]))
        flash_metrics(&solver.problem.links, total, metric)
        if flash_feasible(&solver.problem.links, solver.query, metric) and (
                not e.by_value and not e.lined
                or flash_objective(&solver.problem.links, solver.query, metric)
                >= solver.best.objective):
            offer(e)


cdef inline int64_t prefix(const FlatEnumeration* e, double need) noexcept nogil:
    """How many rows of the last cell have a key of `need` or more, or somewhat more rows."""
    cdef double bucket
    if need > e.high:
        return 0
    bucket = (e.high - need) * e.per_key
    return e.upto[<int> bucket] if bucket < BUCKETS - 1 else e.n[e.n_cells - 1]


cdef inline void finish(FlatEnumeration* e, double value, double points,
                        const double* used) noexcept nogil:
    """The last cell's rows that extend a partial combination to an answer as good as the best."""
    cdef double room[LIMITS]
    cdef double part[N_COLUMNS]
    cdef const double* least
    cdef int r, last = e.n_cells - 1
    cdef int64_t n = prefix(e, e.least - value if e.by_value else e.want - points)
    if n == 0:
        return
    least = e.least_use + (n - 1) * e.n_limits
    for r in range(e.n_limits):
        room[r] = e.right[r] - used[r]
        if least[r] > room[r]:
            return
    e.steps += n >> ROWS_A_STEP
    if e.linked == NULL:
        n = e.solver.kernels.fitting(n, e.n_limits, e.use[last], e.n[last], room, e.chosen)
        if n:
            join_others(e, part)
    else:
        join_others(e, part)
        n = sift(e, n, part)
    if n:
        weigh_exactly(e, points, part, n)


cdef inline int index_last(FlatEnumeration* e) noexcept nogil:
    """Prefix minima of the last cell's uses, and where each key is found; false: no memory."""
    cdef int last = e.n_cells - 1, r, b
    cdef int64_t i, n = e.n[last]
    cdef double low = e.key[n - 1]
    cdef double* least
    e.least_use = <double*> flash_take(e.lists.pool, (n + 1) * e.n_limits * sizeof(double))
    if e.least_use == NULL:
        return 0
    e.high = e.key[0]
    e.per_key = (BUCKETS - 1) / (e.high - low) if e.high > low else 0.0
    b = 0
    for i in range(n):
        # upto[:b] is set: those are the buckets of the keys before
        while b < <int> ((e.high - e.key[i]) * e.per_key):
            e.upto[b] = <int32_t> i
            b += 1
        least = e.least_use + i * e.n_limits
        for r in range(e.n_limits):
            least[r] = e.use[last][r * n + i]
            if i and least[r - e.n_limits] < least[r]:
                least[r] = least[r - e.n_limits]
    while b < BUCKETS:
        e.upto[b] = <int32_t> n
        b += 1
    return 1


cdef inline int link_last(FlatEnumeration* e) noexcept nogil:
    """The columns that the sifting kernels look at, in the order of the last cell; false: no
    memory."""
    cdef const flash_links* links = &e.solver.problem.links
    cdef int last = e.n_cells - 1, k
    cdef int64_t i, n = e.n[last]
    cdef const List* list = &e.lists.cell[e.order[last]]
    cdef double* column[N_COLUMNS]
    if not e.solver.query.product and not links.n_steps and links.leakage == 0.0:
        return 1
    e.linked = <double*> flash_take(e.lists.pool, FLASH_PARTS * (n + SPARE) * sizeof(double))
    e.least_scale = <double*> flash_take(e.lists.pool, (n + SPARE) * sizeof(double))
    if e.linked == NULL or e.least_scale == NULL:
        return 0
    for k in range(FLASH_COLUMNS):
        column[k] = list.column[k]
    column[COL_PEAK] = list.peak
    for i in range(n):
        row_parts(links, column, e.entry[last][i].at, n, e.linked + i)
        e.least_scale[i] = held(list, COL_SCALE, e.entry[last][i].at)
        if i and e.least_scale[i - 1] < e.least_scale[i]:
            e.least_scale[i] = e.least_scale[i - 1]
    return 1
