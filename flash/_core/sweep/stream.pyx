"""Which configurations a range of a sweep holds, and reductions of rows already evaluated."""

from libc.math cimport INFINITY, log
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from flash._core.search.exact cimport Query
from flash._core.search.inner_problem cimport boundary_range
from flash._core.sweep.tile cimport own_rows, own_width
from flash._core.tables.problem cimport (
    COL_MACS, COL_PARAMS, COL_SCORE, FLASH_COLUMNS, FLASH_METRICS, M_SCORE, N_COLUMNS, N_METRICS,
    flash_accuracy, flash_feasible, flash_joined, flash_links, flash_metrics, flash_objective,
    flash_variant,
)
from flash._core.tables.tables cimport Tables

__all__ = ("accuracies", "draw", "metric_ranges", "nondominated", "place_rows", "weigh")

cdef inline uint64_t mix(uint64_t x) noexcept nogil:
    """SplitMix64, as flash/base/seeds.py has it."""
    x += <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


def draw(int64_t size, uint64_t key, int64_t first, int64_t[::1] out not None):
    """The places [first, first + n) of a random order of 0 .. size - 1.

    A Feistel network of six rounds over the least even number of bits, walked until it falls below
    `size` (Black and Rogaway, CT-RSA 2002): any place is found without those before it, and no
    index comes twice.
    """
    cdef int64_t i, n = out.shape[0]
    cdef uint64_t x, left, right, mask, spare
    cdef int half = 1, k
    if size < 1 or first < 0 or n > size - first:
        raise ValueError(f"places {first}..{first + n} of {size}")
    while (<uint64_t> 1 << 2 * half) < <uint64_t> size:
        half += 1
    mask = (<uint64_t> 1 << half) - 1
    with nogil:
        for i in range(n):
            x = <uint64_t> (first + i)
            while True:
                left = x >> half
                right = x & mask
                for k in range(6):
                    spare = left ^ (mix(key + <uint64_t> k * <uint64_t> 0x632BE59BD9B4E019
                                        ^ right) & mask)
                    left = right
                    right = spare
                x = left << half | right
                if x < <uint64_t> size:
                    break
            out[i] = <int64_t> x


def place_rows(Tables tables not None, const int64_t[::1] index not None,
               int32_t[::1] variant not None, int32_t[:, ::1] row not None):
    """The variants and table rows of flat indices; rows beyond a variant's cells become 0."""
    cdef int64_t i, n = index.shape[0], at, wrong = -1
    cdef int n_variants = tables.problem.n_variants, v = 0, c, cells
    cdef int64_t* first
    cdef const flash_variant* own
    cdef int64_t width, rows
    if variant.shape[0] != n or row.shape[0] != n:
        raise ValueError("variant and row must have as many entries as index")
    sizes = []
    for v in range(n_variants):
        if tables.problem.variants[v].n_cells > row.shape[1]:
            raise ValueError(f"rows must have {tables.problem.variants[v].n_cells} entries")
        size = 1
        for c in range(tables.problem.variants[v].n_cells):
            size *= own_rows(&tables.problem.variants[v].cells[c])
        sizes.append(size)
    if sum(sizes) >= 2 ** 63:
        raise OverflowError("flat indices reach 2^63")
    first = <int64_t*> malloc((n_variants + 1) * sizeof(int64_t))
    if first == NULL:
        raise MemoryError
    first[0] = 0
    for v in range(n_variants):
        first[v + 1] = first[v] + <int64_t> sizes[v]
    v = 0
    with nogil:
        for i in range(n):
            at = index[i]
            if not 0 <= at < first[n_variants]:
                wrong = i
                break
            if not first[v] <= at < first[v + 1]:
                v = find(first, n_variants, at)
            own = &tables.problem.variants[v]
            cells = own.n_cells
            variant[i] = v
            at -= first[v]
            for c in range(cells, row.shape[1]):
                row[i, c] = 0
            for c in range(cells - 1, -1, -1):
                rows = own_rows(&own.cells[c])
                row[i, c] = <int32_t> (at % rows)
                at //= rows
            width = 0
            for c in range(cells):
                if own.cells[c].incoming > 1:
                    at = row[i, c]
                    row[i, c] += <int32_t> (width * own_rows(&own.cells[c]))
                    width = own_width(&own.cells[c], at)
                elif own.cells[c].states > 1:
                    width = own_width(&own.cells[c], row[i, c])
    free(first)
    if wrong >= 0:
        raise ValueError(f"index {index[wrong]} is not in the space")


cdef inline int find(const int64_t* first, int n, int64_t at) noexcept nogil:
    cdef int low = 0, high = n - 1, middle
    while low < high:
        middle = (low + high + 1) // 2
        if first[middle] <= at:
            low = middle
        else:
            high = middle - 1
    return low


def metric_ranges(Tables tables not None):
    """Between which values each metric lies: lists of 6 lows and 6 highs, over all variants."""
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double least, most
    cdef double m[N_METRICS]
    cdef double n[N_METRICS]
    cdef const flash_variant* v
    cdef const flash_links* links = &tables.problem.links
    cdef int i, c, k
    lows = [INFINITY] * FLASH_METRICS
    highs = [-INFINITY] * FLASH_METRICS
    for i in range(tables.problem.n_variants):
        v = &tables.problem.variants[i]
        for k in range(FLASH_COLUMNS):
            low[k] = high[k] = v.constant[k]
            if tables.problem.present >> k & 1:
                for c in range(v.n_cells):
                    low[k] = flash_joined(k, low[k], v.cells[c].low[k])
                    high[k] = flash_joined(k, high[k], v.cells[c].high[k])
                    if v.cells[c].boundary[k] != NULL:
                        boundary_range(&v.cells[c], k, v.cells[c - 1].states if c else 1, &least,
                                       &most)
                        low[k] += least
                        high[k] += most
        flash_metrics(links, low, m)
        flash_metrics(links, high, n)
        m[M_SCORE] = links.quantum[M_SCORE] * low[COL_SCORE]
        n[M_SCORE] = links.quantum[M_SCORE] * high[COL_SCORE]
        for k in range(2):
            c = COL_MACS if k else COL_PARAMS
            factor = links.log_macs if k else links.log_params
            if factor:
                m[M_SCORE] += min(factor * log(low[c]), factor * log(high[c]))
                n[M_SCORE] += max(factor * log(low[c]), factor * log(high[c]))
        for k in range(FLASH_METRICS):
            lows[k] = min(lows[k], m[k])
            highs[k] = max(highs[k], n[k])
    return lows, highs


def nondominated(const double[:, ::1] value not None, const int64_t[::1] order not None):
    """Which points no other dominates, of all costs the less the better; of equals the first.

    Parameters
    ----------
    value : float64 array of shape (n, costs)
    order : int64 array of shape (n,)
        The points sorted by their costs, the first cost first, and where they are equal by what
        tells equals apart: a point is dominated only by ones before it.

    Returns
    -------
    list of int
        Positions, in that order.
    """
    cdef int64_t i, j, k, n = order.shape[0], kept = 0, costs = value.shape[1], at
    cdef int64_t* keep
    cdef double* front
    cdef const double* own
    cdef int beaten = 0
    if value.shape[0] != n:
        raise ValueError(f"order must have {value.shape[0]} entries, got {n}")
    if not n:
        return []
    keep = <int64_t*> malloc(n * sizeof(int64_t))
    front = <double*> malloc(max(1, n * costs) * sizeof(double))
    try:
        if keep == NULL or front == NULL:
            raise MemoryError
        with nogil:
            for i in range(n):
                at = order[i]
                own = &value[at, 0]
                beaten = 0
                for j in range(kept - 1, -1, -1):
                    beaten = 1
                    for k in range(costs):
                        if front[j * costs + k] > own[k]:
                            beaten = 0
                            break
                    if beaten:
                        break
                if beaten:
                    continue
                memcpy(front + kept * costs, own, costs * sizeof(double))
                keep[kept] = at
                kept += 1
        return [keep[i] for i in range(kept)]
    finally:
        free(keep)
        free(front)


def weigh(Tables tables not None, Query query not None, metrics not None,
          uint8_t[::1] feasible not None, double[::1] objective not None,
          double[::1] accuracy=None):
    """Which of n configurations meet the budgets, and their objectives, as a search has them.

    metrics: six float64 arrays of shape (n,), as batch.evaluate returns them; the others are
    written. accuracy: the linked score, where it is wanted.
    """
    cdef const double[::1] own
    cdef const double* column[N_METRICS]
    cdef double m[N_METRICS]
    cdef int64_t i, n = feasible.shape[0]
    cdef int k
    cdef bint linked = accuracy is not None
    cdef const flash_links* links = &tables.problem.links
    if objective.shape[0] != n or linked and accuracy.shape[0] != n:
        raise ValueError(f"feasible, objective and accuracy must have {n} entries")
    for k in range(FLASH_METRICS):
        own = metrics[k]
        if own.shape[0] != n:
            raise ValueError(f"metrics must have {n} entries")
        column[k] = &own[0] if n else NULL
    with nogil:
        for i in range(n):
            for k in range(FLASH_METRICS):
                m[k] = column[k][i]
            feasible[i] = flash_feasible(links, &query.query, m)
            objective[i] = flash_objective(links, &query.query, m)
            if linked:
                accuracy[i] = flash_accuracy(links, m[M_SCORE])


def accuracies(Tables tables not None, const double[::1] score not None,
               double[::1] accuracy not None):
    """The linked scores of n configurations."""
    cdef int64_t i, n = score.shape[0]
    if accuracy.shape[0] != n:
        raise ValueError(f"accuracy must have {n} entries")
    with nogil:
        for i in range(n):
            accuracy[i] = flash_accuracy(&tables.problem.links, score[i])
