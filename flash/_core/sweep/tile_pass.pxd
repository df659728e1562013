"""One combination of the outer cells past a tile: what is counted, and what is kept."""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from flash._core.kernels.kernels cimport (
    SWEEP_CHUNK, SWEEP_SLACK, flash_gate, flash_kernels, flash_level,
)
from flash._core.sweep.best cimport Best, offer_best
from flash._core.sweep.fixed_point cimport (
    FixedPoint, Spent, class_of, fit_area, need_of, open_gate, spend, turn_gate,
)
from flash._core.sweep.float_objective cimport (
    Bound, Ends, FloatObjective, find_ends, open_level, raise_gate, set_bound, turn_level,
)
from flash._core.sweep.sieve cimport ClassRows, Sieve, rows_of_class
from flash._core.sweep.tile cimport Last, Layout, Piece, Tile, inner_rows, next_piece
from flash._core.tables.problem cimport (
    COL_PEAK, COL_SCALE, COL_SCORE, FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_SCORE, N_CELLS,
    N_COLUMNS, N_METRICS, flash_class, flash_class_of, flash_feasible, flash_joined, flash_links,
    flash_metrics, flash_objective, flash_point, flash_problem, flash_query,
)


cdef extern from * nogil:
    """
    /* An objective that is wanted, or the score's units that stand for it, is lowered by this part
     * of it: more than the division by the quantum rounds. What is let through is weighed exactly.
     */
    #define NEED_LOWERED 1e-9
    """
    const double NEED_LOWERED


cdef enum:                  # what is done to the rows of a tile
    SIEVED = 0              # by the sieve; what it leaves is weighed
    MEASURED = 1            # all metrics of all of them, many at a time
    WEIGHED = 2             # the same, one by one


cdef struct Run:
    const flash_problem* problem
    const flash_query* query
    const flash_kernels* kernel
    Layout layout
    FixedPoint fixed
    Last last
    Sieve sieve
    FloatObjective value
    Best best
    int variant
    int valued              # the objective is no plain score
    int how                 # SIEVED, MEASURED or WEIGHED
    int bins
    const double* low       # of each metric's histogram
    const double* per_bin
    int64_t* histogram      # metrics x bins
    double least            # objectives below it are not wanted
    double need             # of the objective; of a plain score in the column's units
    int32_t* chosen
    uint8_t* may_meet
    double* metric          # metrics x SWEEP_CHUNK
    flash_gate gate
    Bound bound
    int64_t feasible
    int64_t weighed
    int64_t part, width     # of the tile
    int32_t outer_row[N_CELLS]


cdef inline void raise_need(Run* r) noexcept nogil:
    """A score that a row must reach to be wanted still, in units and a little lower."""
    cdef double score = r.least
    if r.best.n and r.best.n == r.best.room and r.best.point[0].objective > score:
        score = r.best.point[0].objective
    r.need = score
    if not r.valued:
        r.need /= r.problem.links.quantum[M_SCORE]
    if score > -INFINITY:
        r.need -= NEED_LOWERED * (1.0 + fabs(r.need))
    if not r.best.room:
        r.need = INFINITY


cdef inline void keep_row(Run* r, int64_t combination, double objective,
                          const double* m) noexcept nogil:
    """Offers a configuration to the best ones."""
    cdef const Layout* l = &r.layout
    cdef Best* best = &r.best
    cdef flash_point point
    cdef int k, n = l.v.n_cells
    memset(&point, 0, sizeof(point))
    point.found = 1
    point.variant = r.variant
    point.objective = objective
    for k in range(FLASH_METRICS):
        point.metric[k] = m[k]
    for k in range(l.n_outer):
        point.row[l.outer[k]] = r.outer_row[l.outer[k]]
    inner_rows(l, r.part, r.width, combination, point.row)
    if not offer_best(best, &point, n):
        return
    raise_need(r)


cdef inline void settle_row(Run* r, int64_t i, const double* m, int count,
                            int wanted) noexcept nogil:
    """Row i, of these metrics. count: it is not counted yet; wanted: it may be among the best."""
    cdef const flash_links* links = &r.problem.links
    cdef double objective
    cdef int64_t j
    cdef int k
    if not flash_feasible(links, r.query, m):
        return
    r.feasible += count
    for k in range(FLASH_METRICS if r.bins else 0):
        j = <int64_t> ((m[k] - r.low[k]) * r.per_bin[k])
        r.histogram[k * r.bins + max(0, min(j, r.bins - 1))] += 1
    if not wanted or not r.best.room:
        return
    objective = flash_objective(links, r.query, m)
    if objective < r.least or r.best.n == r.best.room and objective < r.best.point[0].objective:
        return
    keep_row(r, r.sieve.tile.own[i], objective, m)


cdef inline void weigh_row(Run* r, const double* x, int64_t i, int count,
                           int wanted) noexcept nogil:
    """Row i exactly, added to other cells' totals x."""
    cdef double total[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef int k
    for k in range(FLASH_COLUMNS):
        total[k] = flash_joined(k, x[k], r.sieve.tile.column[k][i])
    flash_metrics(&r.problem.links, total, m)
    r.weighed += 1
    settle_row(r, i, m, count, wanted)


cdef inline void measure_tile(Run* r, const double* x) noexcept nogil:
    """All metrics of all rows, class after class."""
    cdef const flash_links* links = &r.problem.links
    cdef const Tile* b = &r.sieve.tile
    cdef Piece piece
    cdef double m[N_METRICS]
    cdef int64_t at, n, i
    cdef int k
    piece.end = 0
    while piece.end < b.rows:
        next_piece(links, b, x[COL_SCALE], &piece)
        at = piece.begin
        while at < piece.end:
            n = min(piece.end - at, <int64_t> SWEEP_CHUNK)
            r.kernel.measure(links, class_of(&r.fixed, piece.g), x, b.column, at, at + n, r.metric)
            for i in range(n):
                for k in range(FLASH_METRICS):
                    m[k] = r.metric[k * SWEEP_CHUNK + i]
                settle_row(r, at + i, m, 1, 1)
            at += n
    r.weighed += b.rows


cdef inline void sieve_plain(Run* r, const double* x, const ClassRows* rows, int64_t at,
                             int64_t to) noexcept nogil:
    """ClassRows of one class where the objective is the score."""
    cdef int64_t n = 0, i
    r.feasible += r.kernel.sieve(&rows.sieve, &r.gate, at, to, r.chosen, &n, NULL)
    for i in range(n):
        weigh_row(r, x, r.chosen[i] >> 1, not r.chosen[i] & 1, 1)


cdef inline const flash_class* turn_at(const Run* r, const double* x, int64_t i,
                                       flash_level* level) noexcept nogil:
    """The class that combination x and a row make, and the level there."""
    cdef const flash_class* of = class_of(&r.fixed, flash_class_of(
        r.fixed.links, x[COL_SCALE] + r.sieve.tile.column[COL_SCALE][i]))
    cdef Spent spent
    spend(&r.fixed, of, x, &spent)
    turn_level(&r.fixed, of, &spent, level)
    return of


cdef inline void open_bound(Run* r, const double* x, flash_level level) noexcept nogil:
    """What is above the objective of all rows, in whichever class they are."""
    cdef const Tile* b = &r.sieve.tile
    cdef flash_level least = level
    cdef flash_level greatest = level
    cdef const flash_class* first = turn_at(r, x, 0, &least)
    cdef const flash_class* last = turn_at(r, x, b.rows - 1, &greatest)
    cdef Ends end
    find_ends(&r.fixed, r.kernel, b, first, last, &least, &greatest, &end)
    set_bound(&r.value, &r.fixed, &r.sieve, &end, &least, &r.bound, &r.gate)


cdef inline void sieve_floats(Run* r, const double* x, const ClassRows* rows,
                              const flash_level* level, int64_t at, int64_t to) noexcept nogil:
    """ClassRows of one class where the objective is another."""
    cdef int64_t n = 0, i
    r.feasible += r.kernel.sieve(&rows.sieve, &r.gate, at, to, r.chosen, &n, r.may_meet)
    for i in range(n):
        weigh_row(r, x, r.chosen[i] >> 1, 1, 0)
    if not r.best.room:
        return
    n = 0
    r.kernel.sieve_values(&rows.values, level, at, to, r.may_meet, r.chosen, &n)
    for i in range(n):
        weigh_row(r, x, r.chosen[i] >> 1, 0, 1)


cdef inline void sieve_tile(Run* r, const double* x) noexcept nogil:
    """What the sieve leaves of the rows, class after class."""
    cdef const flash_links* links = &r.problem.links
    cdef const Tile* b = &r.sieve.tile
    cdef const FixedPoint* f = &r.fixed
    cdef const ClassRows* rows
    cdef const flash_class* of
    cdef flash_gate* gate = &r.gate
    cdef flash_level level
    cdef Spent spent
    cdef Piece piece
    cdef int64_t end
    open_gate(f, b, x, gate)
    if r.valued:
        open_level(&r.value, f, b, x, r.need, &level)
        open_bound(r, x, level)
    else:
        gate.need = need_of((r.need - x[COL_SCORE] - b.low[COL_SCORE]) * r.sieve.score_per_unit
                            - SWEEP_SLACK - 1.0)
    piece.end = 0
    while piece.end < b.rows:
        next_piece(links, b, x[COL_SCALE], &piece)
        end = fit_area(f, b, r.query.maximum[M_AREA], x, &piece, gate)
        if end <= piece.begin:
            return
        of = class_of(f, piece.g)
        spend(f, of, x, &spent)
        turn_gate(f, of, &spent, x[COL_PEAK], gate)
        rows = rows_of_class(f, r.kernel, &r.sieve, piece.g, piece.begin, end)
        if r.valued:
            turn_level(f, of, &spent, &level)
            raise_gate(&r.bound, &level, gate)
            sieve_floats(r, x, rows, &level, piece.begin, end)
        else:
            sieve_plain(r, x, rows, piece.begin, end)
        if end < piece.end:
            return           # what comes is of no lesser scale nor class


cdef inline void pass_tile(Run* r, const double* x) noexcept nogil:
    """All rows, added to other cells' totals x."""
    cdef int64_t i
    if r.how == SIEVED:
        sieve_tile(r, x)
    elif r.how == MEASURED:
        measure_tile(r, x)
    else:
        for i in range(r.sieve.tile.rows):
            weigh_row(r, x, i, 1, 1)
