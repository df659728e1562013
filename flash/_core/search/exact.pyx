"""Exact search: the optimum over all rows of all variants, with a proof.

Branch and bound over intervals of the scale (and, for the weighted product, of the metrics). In a
node every metric is bounded by a linear form (relaxation.pxd); a Lagrangian dual over those forms bounds
the objective, prices out rows (reduced-cost fixing), and leaves lists short enough to enumerate
depth first, best value first. Cells are joined by dynamic programming over their hand-on states.
Bounds are computed in float64 with an outward slack; feasibility and the objective of a
configuration are always the exact ones of problem.h.
"""
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from flash._core.search.branch_and_bound cimport run
from flash._core.search.node_queue cimport push
from flash._core.search.row_lists cimport flash_drain
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS, flash_accuracy,
    flash_links, flash_point, flash_problem, flash_query, flash_try,
)
from flash._core.tables.tables cimport Tables, kernels


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    PARTIAL = 64         # combinations of some cells that count as one evaluation
    FOREIGN = -1         # variants of an incumbent from elsewhere: before all others,
    LAST = 2147483647    # and after them


cdef int pause(Worker* w) noexcept nogil:
    """Looks at the limits now and then; true where the search must end."""
    cdef int interrupted = 0
    if w.limits.stopped:
        return 1
    if flash_clock() >= w.limits.deadline:
        w.limits.stopped = 1
    elif w.limits.max_leaves >= 0 and w.leaves + w.partial // PARTIAL >= w.limits.max_leaves:
        w.limits.stopped = 2
    else:
        with gil:
            interrupted = notify(w)
        if interrupted:
            w.limits.stopped = 3
    return w.limits.stopped


cdef int notify(Worker* w) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Search owner = <Search> w.owner
    try:
        PyErr_CheckSignals()
        if owner.callback is not None and owner.callback(owner) is True:
            return 1
    except BaseException as error:
        owner.error = error
        return 1
    return 0


# One pool outlives its search, so that the next one finds its pages in place.
cdef flash_pool* spare_pool = NULL
cdef size_t SPARE_LIMIT = 16 << 20


__all__ = ("Query", "Search")


cdef class Query:
    """Budgets and objective in the core's terms (see flash_query)."""

    def __init__(self, maximum, double min_accuracy=-INFINITY, exponent=None):
        cdef int k
        for k in range(FLASH_METRICS):
            self.query.maximum[k] = maximum[k]
            self.query.exponent[k] = exponent[k] if exponent is not None else 0.0
        self.query.min_accuracy = min_accuracy
        self.query.product = exponent is not None


cdef class Search:
    """One search over compiled tables: an incumbent, a bound, and the means to close the gap.

    incumbent: (objective, metrics, first), an answer from elsewhere: only better ones are looked
    for, and are `best`. Where all that is compared is equal, it comes before those of the tables
    (first) or after them."""

    def __init__(self, Tables tables not None, Query query not None, *, double time_limit_s=INFINITY,
                 int64_t max_leaves=-1, double leaf=3e4, int64_t thin=96, int64_t patience=10000, callback=None,
                 incumbent=None):
        cdef int i, c, k
        cdef int64_t rows
        cdef Worker* w = &self.w
        cdef flash_query* q = &query.query
        global spare_pool
        self.tables = tables
        self.query = query
        self.callback = callback
        w.owner = <void*> self
        w.leaf = leaf
        w.thin = thin
        w.patience = patience
        w.problem = &tables.problem
        w.query = q
        w.kernels = kernels()
        w.limits.deadline = flash_clock() + time_limit_s
        w.limits.max_leaves = max_leaves
        w.score_least = least_score(&tables.problem.links, q.min_accuracy)
        for k in range(FLASH_METRICS):
            if q.exponent[k] * (-1.0 if k == 0 else 1.0) > 0.0:
                w.unusual = 1
        for k in range(FLASH_COLUMNS):
            w.direction[k] = 0 if w.unusual else 1 if k == COL_SCORE else -1
        # what raises the score by its logarithm is better where it costs nothing else
        if tables.problem.links.log_params > 0.0 and not w.unusual:
            w.direction[COL_PARAMS] = q.maximum[M_PARAMS] == INFINITY and q.exponent[M_PARAMS] == 0.0
        if tables.problem.links.log_macs > 0.0 and not w.unusual:
            w.direction[COL_MACS] = q.maximum[M_MACS] == INFINITY and q.exponent[M_MACS] == 0.0
        w.needed = needed_columns(&tables.problem, q)
        for i in range(tables.problem.n_variants):
            rows = 0
            for c in range(tables.problem.variants[i].n_cells):
                rows += tables.problem.variants[i].cells[c].rows
            if rows > w.room:
                w.room = rows
        w.value = <double*> malloc((w.room + 16) * sizeof(double))
        w.chosen = <int32_t*> malloc((w.room + 16) * sizeof(int32_t))
        w.thin_of = <Lists**> calloc(tables.problem.n_variants, sizeof(void*))
        if incumbent is not None:
            w.best.found = 1
            w.best.variant = FOREIGN if incumbent[2] else LAST
            w.best.objective = incumbent[0]
            for k in range(FLASH_METRICS):
                w.best.metric[k] = incumbent[1][k]
        w.pool = spare_pool
        spare_pool = NULL
        if w.pool == NULL:
            w.pool = <flash_pool*> calloc(1, sizeof(flash_pool))
        if w.pool == NULL or w.thin_of == NULL or w.value == NULL or w.chosen == NULL:
            raise MemoryError

    def __dealloc__(self):
        global spare_pool
        cdef int64_t i
        for i in range(self.w.n_heap):
            release(self.w.heap[i].lists)
        for i in range(self.w.problem.n_variants if self.w.thin_of != NULL else 0):
            release(self.w.thin_of[i])
        free(self.w.thin_of)
        if spare_pool == NULL and self.w.pool != NULL and self.w.pool.held < SPARE_LIMIT:
            spare_pool = self.w.pool
        elif self.w.pool != NULL:
            flash_drain(self.w.pool)
            free(self.w.pool)
        free(self.w.heap)
        free(self.w.value)
        free(self.w.chosen)

    def offer(self, int variant, row) -> int:
        """Tries one configuration: 1 new best, 0 feasible, -1 over a budget."""
        cdef int32_t r[32]
        cdef int c
        if not 0 <= variant < self.w.problem.n_variants:
            raise IndexError(f"variant {variant}")
        for c in range(self.w.problem.variants[variant].n_cells):
            r[c] = row[c]
            if not 0 <= r[c] < self.w.problem.variants[variant].cells[c].rows:
                raise IndexError(f"row {r[c]} of cell {c}")
        if spent(&self.w):
            return 0
        return flash_try(self.w.problem, self.w.query, variant, r, &self.w.best)

    def prove(self) -> None:
        """Runs the exact solver to the end or to a limit."""
        cdef Node root
        cdef int i, k
        cdef Worker* w = &self.w
        if not self.started:
            self.started = 1
            memset(&root, 0, sizeof(root))
            root.bound = INFINITY
            root.scale_high = INFINITY
            for k in range(FLASH_METRICS):
                root.low[k] = -INFINITY
                root.high[k] = INFINITY
            for i in range(w.problem.n_variants):
                root.variant = i
                root.lists = whole(&w.problem.variants[i], w.needed, w.pool)
                push(w, &root)
        with nogil:
            run(w)
        self.raise_error()

    cdef int raise_error(self) except -1:
        """What a signal or the callback raised while the GIL was released."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return 0

    def bound_roots(self) -> None:
        """Bounds every variant without enumerating any: the certificate of a search that is not
        to be proven."""
        self.w.bound_only = 1
        self.prove()
        self.w.bound_only = 0

    @property
    def best(self):
        """(variant, rows, objective, metrics) of the incumbent, or None."""
        cdef flash_point* p = &self.w.best
        cdef int k, n
        if not p.found or p.variant == FOREIGN or p.variant == LAST:
            return None
        n = self.w.problem.variants[p.variant].n_cells
        return (p.variant, tuple([p.row[k] for k in range(n)]), p.objective,
                tuple([p.metric[k] for k in range(FLASH_METRICS)]))

    @property
    def bound(self) -> float:
        """No configuration's objective is above it."""
        cdef double high = self.w.best.objective if self.w.best.found else -INFINITY
        if not self.started:
            return INFINITY
        if self.w.n_heap and self.w.heap[0].bound > high and self.w.heap[0].bound >= threshold(&self.w):
            high = self.w.heap[0].bound
        return high

    @property
    def stopped(self) -> int:
        """0: ran to its end; 1: time; 2: evaluations; 3: interrupted."""
        return self.w.limits.stopped

    @property
    def counts(self) -> tuple:
        """(nodes, dual evaluations, configurations weighed)"""
        return (self.w.nodes, self.w.scans, self.w.leaves)


cdef int needed_columns(const flash_problem* problem, const flash_query* q) noexcept nogil:
    """A bit for each column that a budget or the objective depends on."""
    cdef const flash_links* links = &problem.links
    cdef int asked[6]
    cdef int k, needed = 1 << COL_SCORE
    for k in range(FLASH_METRICS):
        asked[k] = q.maximum[k] < INFINITY or q.product and q.exponent[k] != 0.0
    asked[M_PARAMS] |= links.log_params != 0.0
    asked[M_MACS] |= links.log_macs != 0.0
    if asked[M_LATENCY]:
        needed |= 1 << COL_LATENCY
    if asked[M_ENERGY]:
        needed |= 1 << COL_ENERGY
        if links.leakage > 0.0:
            needed |= 1 << COL_LEAK | 1 << COL_SCALE
    if asked[M_AREA]:
        needed |= 1 << COL_AREA | 1 << COL_PEAK
        if links.area_per_scale > 0.0:
            needed |= 1 << COL_SCALE
    if links.n_steps:
        if asked[M_LATENCY]:
            needed |= 1 << COL_LATENCY_IN | 1 << COL_LATENCY_OUT
        if asked[M_ENERGY]:
            needed |= 1 << COL_ENERGY_IN | 1 << COL_ENERGY_OUT
            if links.leakage > 0.0:
                needed |= 1 << COL_LEAK_IN | 1 << COL_LATENCY_OUT
        if asked[M_LATENCY] or asked[M_ENERGY] or asked[M_AREA]:
            needed |= 1 << COL_SCALE
    if asked[M_PARAMS]:
        needed |= 1 << COL_PARAMS
    if asked[M_MACS]:
        needed |= 1 << COL_MACS
    return needed


cdef double least_score(const flash_links* links, double accuracy) noexcept nogil:
    """A score below which no accuracy reaches the least one asked for (outward by 1e-9).

    By bisection on the link itself: its inverse loses all digits where accuracies saturate.
    """
    cdef double low = 1e-300, high = 1e300, middle
    cdef int linear = links.score_link == 2    # it passes zero
    cdef int _step
    if accuracy == -INFINITY:
        return -INFINITY
    if links.score_link == 0:
        return accuracy
    if linear:
        low = -745.0
        high = 745.0
        if flash_accuracy(links, low) >= accuracy:
            return -INFINITY
    if flash_accuracy(links, high) < accuracy:
        return high
    for _step in range(64):
        middle = 0.5 * (low + high) if linear else sqrt(low) * sqrt(high)
        if flash_accuracy(links, middle) < accuracy:
            low = middle
        else:
            high = middle
    return low - 1e-9 * fabs(low)
