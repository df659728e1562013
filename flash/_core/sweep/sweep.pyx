"""Complete enumeration under budgets: how many configurations meet them, and the best of those.

Every configuration is looked at, but for those whose scale alone breaks the area's budget: the rows
of a tile (tile.pxd) stream past each combination of the other cells in 15-bit fixed point,
rounded so that a row is in, out or uncertain (sweep.h).
What is uncertain or may be among the best is weighed exactly, in problem.h's one definition; so
counts and answers are exact, and the same for every instruction set.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from flash._core.kernels.kernels cimport SWEEP_CHUNK, SWEEP_ROWS
from flash._core.search.exact cimport Query
from flash._core.sweep.fixed_point cimport make_fixed_point
from flash._core.sweep.float_objective cimport make_float_objective, set_powers
from flash._core.sweep.sieve cimport MEMORY, carve, drop_sieve, fill_sieve, place_tile, start_sieve
from flash._core.sweep.tile cimport (
    Layout, drop_last, fill_tile, group_of, is_joined, is_sorted, lay_out, own_rows,
    own_width, take_last,
)
from flash._core.sweep.tile_pass cimport MEASURED, SIEVED, WEIGHED, Run, pass_tile, raise_need
from flash._core.tables.problem cimport (
    FLASH_COLUMNS, FLASH_METRICS, LINK_EXPONENTIAL, LINK_LOGISTIC, LINK_NONE, N_CELLS, N_COLUMNS,
    flash_accuracy, flash_cell, flash_joined, flash_links, flash_point, flash_state_of,
    flash_variant,
)
from flash._core.tables.tables cimport Tables, kernels

__all__ = ("count_range", "outer_sizes")

cdef extern from * nogil:
    """
    /* Scores between which the least one is looked for. Beyond 745 exp(-score) is 0 or infinite. */
    #define MOST_SCORE 1e300
    #define LEAST_SCORE 1e-300
    #define MOST_LOGIT 745.0
    """
    const double MOST_SCORE
    const double LEAST_SCORE
    const double MOST_LOGIT

cdef enum:
    BISECTIONS = 200     # more than halve any range of doubles down to neighbours
    SPARE_BYTES = 64     # that kernels read or write beyond the last row

# The memory of a call is kept for the next one: fresh pages cost more than what is put there.
cdef void* spare = NULL


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
    global spare
    cdef Run r
    cdef void* memory
    cdef int failed = 0
    refuse_variant(tables, variant)
    if top < 0 or bins < 0:
        raise ValueError("top and bins must not be negative")
    if bins and (low is None or per_bin is None or low.shape[0] != FLASH_METRICS
                 or per_bin.shape[0] != FLASH_METRICS):
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
    r.fixed.links = &r.problem.links
    r.how = WEIGHED if exact else MEASURED if bins or not sieves(&r) else SIEVED
    r.bins = bins
    if bins:
        r.low = &low[0]
        r.per_bin = &per_bin[0]
    r.best.room = top
    r.best.point = <flash_point*> calloc(max(1, top), sizeof(flash_point))
    r.chosen = <int32_t*> malloc((SWEEP_ROWS + SPARE_BYTES) * sizeof(int32_t))
    r.may_meet = <uint8_t*> calloc(SWEEP_ROWS // 8 + SPARE_BYTES, 1)
    r.histogram = <int64_t*> calloc(<size_t> FLASH_METRICS * bins + 1, sizeof(int64_t))
    memory = spare if spare != NULL else malloc(MEMORY)
    spare = NULL
    try:
        if (memory == NULL or r.best.point == NULL or r.chosen == NULL or r.may_meet == NULL
                or r.histogram == NULL):
            raise MemoryError
        with nogil:
            raise_need(&r)
            failed = not enumerate_range(&r, memory, first, last)
        if failed:
            raise MemoryError
        return (r.feasible, r.weighed, points_of(&r),
                PyBytes_FromStringAndSize(
                    <char*> r.histogram, <size_t> FLASH_METRICS * bins * sizeof(int64_t)))
    finally:
        if spare == NULL:
            spare = memory
        else:
            free(memory)
        drop_sieve(&r.sieve)
        drop_last(&r.last)
        free(r.best.point)
        free(r.chosen)
        free(r.may_meet)
        free(r.histogram)


cdef int refuse_variant(Tables tables, int variant) except -1:
    if not 0 <= variant < tables.problem.n_variants:
        raise ValueError(f"variant {variant} is not in 0..{tables.problem.n_variants - 1}")
    return 0


cdef list points_of(const Run* r):
    """The best configurations: (variant, rows, objective, metrics)."""
    cdef const flash_point* point
    cdef int64_t i
    cdef int k
    points = []
    for i in range(r.best.n):
        point = &r.best.point[i]
        points.append((r.variant, tuple([point.row[k] for k in range(r.layout.v.n_cells)]),
                       point.objective,
                       tuple([point.metric[k] for k in range(FLASH_METRICS)])))
    return points


cdef double least_score(const flash_links* links, double accuracy) noexcept nogil:
    """A score below which no accuracy reaches the least one asked for (see exact.pyx)."""
    cdef double low = -MOST_SCORE, high = MOST_SCORE, middle
    cdef int _step
    if accuracy == -INFINITY:
        return -INFINITY
    if links.score_link == LINK_NONE:
        return accuracy
    if links.score_link == LINK_EXPONENTIAL:
        low = LEAST_SCORE
    else:
        low = -MOST_LOGIT
        high = MOST_LOGIT
    if flash_accuracy(links, low) >= accuracy:
        return -INFINITY
    for _step in range(BISECTIONS):
        middle = 0.5 * (low + high) if links.score_link == LINK_LOGISTIC else sqrt(low) * sqrt(high)
        if flash_accuracy(links, middle) < accuracy:
            low = middle
        else:
            high = middle
    return low


cdef int sieves(Run* r) noexcept nogil:
    """Whether the sieve can do it; its fixed point is made then."""
    cdef const flash_links* links = &r.problem.links
    cdef double score = least_score(links, r.query.min_accuracy)
    r.valued = r.query.product or links.log_params != 0.0 or links.log_macs != 0.0
    if is_joined(r.layout.v):    # its fixed point spans sums of rows alone
        return 0
    if r.valued and not make_float_objective(r.problem, r.query, r.variant, &r.value):
        return 0
    return make_fixed_point(r.problem, r.query, &r.layout, score, &r.fixed)


cdef int enumerate_range(Run* r, void* memory, int64_t first, int64_t last) noexcept nogil:
    """0 where memory is short."""
    cdef Layout* l = &r.layout
    cdef int64_t part, width
    cdef int by_scale = is_sorted(r.problem)
    if not take_last(l, by_scale, &r.last):
        return 0
    place_tile(&memory, &r.sieve.tile)
    if r.how == SIEVED:
        if not start_sieve(&r.fixed, r.valued, memory, &r.sieve):
            return 0
        set_powers(&r.value, &r.sieve.shared.values)
    else:
        r.metric = <double*> carve(&memory, FLASH_METRICS * SWEEP_CHUNK * sizeof(double))
    for part in range(l.parts):
        for width in range(l.incoming):
            r.part = part
            r.width = width
            if not fill_tile(l, part, width, by_scale, &r.sieve.tile):
                return 0
            if r.how == SIEVED:
                fill_sieve(&r.fixed, r.kernel, &r.sieve)
            stream(r, first, last)
    return 1


cdef inline void add_row(const flash_variant* v, int c, int64_t row, double* total) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        if v.cells[c].column[k] != NULL:
            total[k] = flash_joined(k, total[k], v.cells[c].column[k][row])


cdef inline void add_between(const flash_variant* v, int c, int64_t before, int64_t row,
                             double* total) noexcept nogil:
    """What lies between a cell's row and the state of the cell before it."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef int64_t at
    cdef int k
    if not cell.joined:
        return
    at = before * cell.states + flash_state_of(cell, row)
    for k in range(FLASH_COLUMNS):
        if cell.boundary[k] != NULL:
            total[k] += cell.boundary[k][at]


cdef inline int64_t start_of(Run* r, int64_t place, double* total, int64_t* state) noexcept nogil:
    """Totals of a combination of the outer cells but the last one; the width and the state that it
    hands on."""
    cdef const Layout* l = &r.layout
    cdef const flash_cell* cell
    cdef int64_t own[N_CELLS]
    cdef int64_t n, width = 0
    cdef int j, k
    state[0] = 0
    for j in range(l.n_outer - 2, -1, -1):
        n = own_rows(&l.v.cells[l.outer[j]])
        own[j] = place % n
        place //= n
    for k in range(FLASH_COLUMNS):
        total[k] = l.v.constant[k]
    for j in range(l.n_outer - 1):
        cell = &l.v.cells[l.outer[j]]
        n = own[j]
        if cell.incoming > 1:
            n += width * own_rows(cell)
        r.outer_row[l.outer[j]] = <int32_t> n
        width = own_width(cell, own[j])
        add_row(l.v, l.outer[j], n, total)
        add_between(l.v, l.outer[j], state[0], n, total)
        state[0] = flash_state_of(cell, n)
    return width


cdef void stream(Run* r, int64_t first, int64_t last) noexcept nogil:
    """All outer combinations of a range past one tile, the last cell's rows by scale."""
    cdef const Layout* l = &r.layout
    cdef const flash_cell* cell
    cdef const double* own
    cdef double begun[N_COLUMNS]
    cdef double x[N_COLUMNS]
    cdef int64_t n = r.last.rows, at, group, row, i, state
    cdef int c, k
    if first >= last:
        return
    if not l.n_outer:
        start_of(r, 0, x, &state)
        pass_tile(r, x)
        return
    c = l.outer[l.n_outer - 1]
    cell = &l.v.cells[c]
    for at in range(first // n, (last - 1) // n + 1):
        group = start_of(r, at, begun, &state)
        group = group * n if cell.incoming > 1 else 0
        for i in range(group + n - 1, group - 1, -1):    # large ones first: they are good
            row = r.last.row[i] - group
            if not first <= at * n + row < last:
                continue
            if l.incoming > 1 and group_of(l, cell, row, r.last.row[i]) != r.width:
                continue
            r.outer_row[c] = r.last.row[i]
            own = r.last.total + N_COLUMNS * i
            for k in range(FLASH_COLUMNS):
                x[k] = flash_joined(k, begun[k], own[k])
            add_between(l.v, c, state, r.last.row[i], x)
            pass_tile(r, x)
