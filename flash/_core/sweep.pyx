"""Complete enumeration under budgets: how many configurations meet them, and the best of those.

Every configuration is looked at: the rows of a block (block.pxd) stream past each combination of
the other cells in 15-bit fixed point, rounded so that a row is in, out or uncertain (sweep.h).
What is uncertain or may be among the best is weighed exactly, in problem.h's one definition; so
counts and answers are exact, and the same for every instruction set.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from flash._core.best cimport Best, offer
from flash._core.block cimport *
from flash._core.core cimport *
from flash._core.exact cimport Query
from flash._core.frame cimport *
from flash._core.tables cimport Tables, kernels
from flash._core.valued cimport *

__all__ = ("count_range", "outer_sizes")


cdef struct Run:
    const flash_problem* problem
    const flash_query* query
    const flash_kernels* kernel
    Layout layout
    Frame frame
    Sieve sieve
    Valued value
    void* values            # memory of the block's float32 columns
    Best best
    int variant
    int valued              # the objective is no plain score
    int exact               # no sieve
    int bins
    const double* low       # of each metric's histogram
    const double* per_bin
    int64_t* histogram      # metrics x bins
    double least            # objectives below it are not wanted
    double need             # of the objective; of a plain score in the column's units
    int32_t* chosen
    uint8_t* may_meet
    int64_t begin, end      # the block's rows that are streamed
    double tile_low[N_COLUMNS]
    double tile_high[N_COLUMNS]
    int64_t feasible
    int64_t weighed
    int32_t outer_row[32]


def outer_sizes(Tables tables not None):
    """How a complete enumeration is parted.

    Returns
    -------
    list of (int, int)
        For each variant: combinations of the outer cells, and configurations per combination.
    """
    cdef Layout l
    cdef int i, c
    sizes = []
    for i in range(tables.problem.n_variants):
        lay_out(&tables.problem, i, &l)
        outer = inner = 1
        for c in range(l.n_outer):
            outer *= own_rows(&l.v.cells[l.outer[c]])
        for c in range(l.n_inner):
            inner *= own_rows(&l.v.cells[l.inner[c]])
        sizes.append((outer, inner))
    return sizes


def count_range(Tables tables not None, Query query not None, int variant, int64_t first,
                int64_t last, *, int64_t top=1, double least=-INFINITY, int bins=0,
                const double[::1] low=None, const double[::1] per_bin=None, bint exact=False):
    """Look at every configuration of a range of outer combinations.

    Parameters
    ----------
    tables, query
    variant : int
    first, last : int
        Outer combinations (see `outer_sizes`), the last not included.
    top : int
        How many of the best are kept.
    least : float
        Objectives below it are not wanted.
    bins : int
        Of each metric's histogram over the feasible ones; 0: none. They need every metric of every
        configuration, some ten times the work.
    low, per_bin : float64 arrays of shape (6,)
        Where each histogram starts, and 1 / the width of its bins.
    exact : bool
        Weigh every configuration exactly, without the sieve: for tests.

    Returns
    -------
    (feasible, weighed, points, histogram)
        points: a list of (variant, rows, objective, metrics), in no order; weighed: how many were
        weighed exactly; histogram: bytes of int64 of shape (6, bins).
    """
    cdef Run r
    cdef int c, k, failed = 0
    cdef int64_t i
    if not 0 <= variant < tables.problem.n_variants:
        raise ValueError(f"variant {variant} is not in 0..{tables.problem.n_variants - 1}")
    for c in range(tables.problem.variants[variant].n_cells):
        if tables.problem.variants[variant].cells[c].joined:
            raise ValueError("boundaries are not enumerated")
    if top < 0 or bins < 0:
        raise ValueError("top and bins must not be negative")
    if bins and (low.shape[0] != FLASH_METRICS or per_bin.shape[0] != FLASH_METRICS):
        raise ValueError("low and per_bin must have 6 numbers")
    memset(&r, 0, sizeof(r))
    r.problem = &tables.problem
    r.query = &query.query
    r.kernel = kernels()
    r.variant = variant
    r.least = least
    lay_out(r.problem, variant, &r.layout)
    if not 0 <= first <= last or not <double> last <= r.layout.outer_count:
        raise ValueError(f"outer combinations are 0..{r.layout.outer_count:.0f}, "
                         f"got {first}..{last}")
    r.exact = exact or bins > 0 or not sieves(&r)
    r.bins = bins
    if bins:
        r.low = &low[0]
        r.per_bin = &per_bin[0]
    r.best.room = top
    r.best.point = <flash_point*> calloc(max(1, top), sizeof(flash_point))
    r.chosen = <int32_t*> malloc((SWEEP_ROWS + 64) * sizeof(int32_t))
    r.may_meet = <uint8_t*> calloc(SWEEP_ROWS // 8 + 64, 1)
    r.histogram = <int64_t*> calloc(6 * bins + 1, sizeof(int64_t))
    try:
        if (r.best.point == NULL or r.chosen == NULL or r.may_meet == NULL
                or r.histogram == NULL):
            raise MemoryError
        with nogil:
            raise_need(&r)
            failed = not enumerate_range(&r, first, last)
        if failed:
            raise MemoryError
        points = []
        c = r.layout.v.n_cells
        for i in range(r.best.n):
            points.append((variant, tuple([r.best.point[i].row[k] for k in range(c)]),
                           r.best.point[i].objective,
                           tuple([r.best.point[i].metric[k] for k in range(FLASH_METRICS)])))
        return (r.feasible, r.weighed, points,
                PyBytes_FromStringAndSize(<char*> r.histogram, 6 * bins * sizeof(int64_t)))
    finally:
        free(r.best.point)
        free(r.chosen)
        free(r.may_meet)
        free(r.histogram)


cdef double least_score(const flash_links* links, double accuracy) noexcept nogil:
    """A score below which no accuracy reaches the least one asked for (see exact.pyx)."""
    cdef double low = -1e300, high = 1e300, middle
    cdef int _step
    if accuracy == -INFINITY:
        return -INFINITY
    if links.score_link == 0:
        return accuracy
    if links.score_link == 1:
        low = 1e-300
    else:
        low = -745.0
        high = 745.0
    for _step in range(200):
        middle = 0.5 * (low + high) if links.score_link == 2 else sqrt(low) * sqrt(high)
        if flash_accuracy(links, middle) < accuracy:
            low = middle
        else:
            high = middle
    return low


cdef int sieves(Run* r) noexcept nogil:
    """Whether the sieve can do it; its frame is made then."""
    cdef const flash_links* links = &r.problem.links
    cdef double score = least_score(links, r.query.min_accuracy)
    r.valued = r.query.product or links.log_params != 0.0 or links.log_macs != 0.0
    if r.valued and not make_valued(r.problem, r.query, r.variant, &r.value):
        return 0
    return make_frame(r.problem, r.query, r.variant, score, &r.frame)


cdef int enumerate_range(Run* r, int64_t first, int64_t last) noexcept nogil:
    """0 where memory is short."""
    cdef Layout* l = &r.layout
    cdef int64_t part, width, tile, tiles, tile_rows
    cdef int done = 1, k
    for part in range(l.parts):
        for width in range(l.incoming):
            done = build(l, part, width, r.problem.links.n_steps > 0, &r.sieve.block)
            if done and not r.exact:
                done = sieve_of(&r.frame, r.problem, &r.sieve)
                if done and r.valued:
                    done = values_of(&r.value, r.frame.linked, &r.problem.links, &r.sieve.block,
                                     &r.sieve.values, &r.values)
            if done:
                tiles = 1
                if not r.exact:
                    tile_rows = TILE_NUMBERS // (r.frame.n_plain + (6 if r.frame.linked else 1))
                    tiles = (r.sieve.block.rows + tile_rows - 1) // tile_rows
                for tile in range(tiles):
                    r.begin = r.sieve.block.rows * tile // tiles & -64
                    r.end = r.sieve.block.rows
                    if tile < tiles - 1:
                        r.end = r.end * (tile + 1) // tiles & -64
                    if r.valued:
                        for k in range(FLASH_COLUMNS):
                            r.kernel.range(r.end - r.begin, r.sieve.block.column[k] + r.begin,
                                           &r.tile_low[k], &r.tile_high[k])
                    stream(r, part, width, first, last)
            drop(&r.sieve.block)
            free(r.sieve.memory)
            free(r.values)
            r.sieve.memory = r.values = NULL
            if not done:
                return 0
    return 1


cdef inline void add_row(const flash_variant* v, int c, int64_t row, const double* before,
                         double* after) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        after[k] = before[k]
        if v.cells[c].column[k] != NULL:
            after[k] += v.cells[c].column[k][row]


cdef void stream(Run* r, int64_t part, int64_t width, int64_t first, int64_t last) noexcept nogil:
    """All outer combinations of a range past one block."""
    cdef const Layout* l = &r.layout
    cdef const flash_variant* v = l.v
    cdef double total[33][N_COLUMNS]
    cdef int64_t own[32]
    cdef int64_t handed[33]
    cdef int64_t at, rest, n
    cdef int j, c, begin
    cdef int32_t* row = r.outer_row
    if first >= last:
        return
    for j in range(FLASH_COLUMNS):
        total[0][j] = v.constant[j]
    handed[0] = 0
    rest = first
    for j in range(l.n_outer - 1, -1, -1):
        n = own_rows(&v.cells[l.outer[j]])
        own[j] = rest % n
        rest //= n
    begin = 0
    at = first
    while True:
        for j in range(begin, l.n_outer):
            c = l.outer[j]
            n = own[j]
            if v.cells[c].incoming > 1:
                n += handed[j] * own_rows(&v.cells[c])
            row[c] = <int32_t> n
            handed[j + 1] = own_width(&v.cells[c], own[j])
            add_row(v, c, n, total[j], total[j + 1])
        if l.incoming <= 1 or handed[l.n_outer] == width:
            if r.exact:
                weigh_block(r, part, width, total[l.n_outer])
            else:
                sieve_block(r, part, width, total[l.n_outer])
        at += 1
        if at >= last:
            return
        begin = l.n_outer - 1
        own[begin] += 1
        while own[begin] == own_rows(&v.cells[l.outer[begin]]):
            own[begin] = 0
            begin -= 1
            own[begin] += 1


cdef void raise_need(Run* r) noexcept nogil:
    """A score that a row must reach to be wanted still, in units and a little lower."""
    cdef double score = r.least
    if r.best.n and r.best.n == r.best.room and r.best.point[0].objective > score:
        score = r.best.point[0].objective
    r.need = score
    if not r.valued:
        r.need /= r.problem.links.quantum[M_SCORE]
    if score > -INFINITY:
        r.need -= 1e-9 * (1.0 + fabs(r.need))
    if not r.best.room:
        r.need = INFINITY


cdef void sieve_block(Run* r, int64_t part, int64_t width, const double* x) noexcept nogil:
    cdef const flash_links* links = &r.problem.links
    cdef const Block* b = &r.sieve.block
    cdef flash_gate gate
    cdef flash_level level
    cdef flash_level last
    cdef Bound bound
    cdef int64_t n, at = r.begin, to, end = r.end, i
    cdef int g = 0
    memset(&gate, 0, sizeof(gate))
    memset(&level, 0, sizeof(level))
    if links.n_steps:
        g = flash_class_of(links, x[COL_SCALE] + b.column[COL_SCALE][at])
    while at < end:
        to = end
        if links.n_steps and g < links.n_steps - 1:
            to = min(end, at_most(b, links.scale_max[g] - x[COL_SCALE]))
        if to > at:
            open_gate(&r.frame, &r.sieve, links, x, g, INFINITY if r.valued else r.need, &gate)
            if r.valued:
                set_level(&r.value, links, b, x, g, r.need, &level)
                if at == r.begin:
                    last = level
                    if to < end:
                        set_level(&r.value, links, b, x, flash_class_of(
                            links, x[COL_SCALE] + b.column[COL_SCALE][end - 1]), r.need, &last)
                    set_bound(&r.value, &r.frame, &r.sieve, links, r.kernel, r.tile_low,
                              r.tile_high, &level, &last, &bound)
                raise_gate(&r.frame, &bound, &level, &gate)
            n = 0
            r.feasible += r.kernel.sieve(&r.sieve.sieve, &gate, at, to, r.chosen, &n,
                                         r.may_meet if r.valued else NULL)
            for i in range(n):
                weigh(r, part, width, x, r.chosen[i] >> 1, not r.chosen[i] & 1, not r.valued)
            if r.valued and r.best.room:
                n = 0
                r.kernel.sieve_values(&r.sieve.values, &level, at, to, r.may_meet, r.chosen, &n)
                for i in range(n):
                    weigh(r, part, width, x, r.chosen[i] >> 1, 0, 1)
            at = to
        g += 1


cdef void weigh_block(Run* r, int64_t part, int64_t width, const double* x) noexcept nogil:
    cdef int64_t i
    for i in range(r.sieve.block.rows):
        weigh(r, part, width, x, i, 1, 1)


cdef void weigh(Run* r, int64_t part, int64_t width, const double* x, int64_t i,
                int count, int wanted) noexcept nogil:
    """One configuration exactly; count: it is not counted yet; wanted: it may be among the best."""
    cdef const flash_links* links = &r.problem.links
    cdef Block* b = &r.sieve.block
    cdef double total[N_COLUMNS]
    cdef double m[6]
    cdef double objective
    cdef int64_t j
    cdef int k
    r.weighed += 1
    for k in range(FLASH_COLUMNS):
        total[k] = x[k] + b.column[k][i]
    flash_metrics(links, total, m)
    if not flash_feasible(links, r.query, m):
        return
    r.feasible += count
    for k in range(FLASH_METRICS if r.bins else 0):
        j = <int64_t> ((m[k] - r.low[k]) * r.per_bin[k])
        r.histogram[k * r.bins + (j if j < r.bins else r.bins - 1)] += 1
    if not wanted or not r.best.room:
        return
    objective = flash_objective(links, r.query, m)
    if objective < r.least or r.best.n == r.best.room and objective < r.best.point[0].objective:
        return
    keep(r, part, width, b.own[i], objective, m)


cdef void keep(Run* r, int64_t part, int64_t width, int64_t combination, double objective,
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
    inner_rows(l, part, width, combination, point.row)
    if not offer(best, &point, n):
        return
    raise_need(r)
