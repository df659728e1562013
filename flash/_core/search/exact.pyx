"""Exact search: the optimum over all rows of all variants, with a proof.

Branch and bound (branch_and_bound.pxd) over intervals of the scale and, for the weighted product,
of the metrics. In a node every metric is bounded by a linear form (relaxation.pxd); a Lagrangian
dual over those forms (lagrangian.pxd) bounds the objective, rules out rows (reduced-cost fixing),
and leaves lists short enough to enumerate depth first, best value first (enumeration.pxd,
flat_enumeration.pxd). Cells are joined by dynamic programming over their hand-on states
(inner_problem.pxd). Bounds are computed in float64 with an outward slack (docs/concepts/proof.md);
feasibility and the objective of a configuration are always the exact ones of problem.h.
"""
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from flash._core.search.branch_and_bound cimport close_gap
from flash._core.search.node_queue cimport push
from flash._core.search.roundings cimport VariantFacts, learn_all
from flash._core.search.row_lists cimport flash_drain
from flash._core.search.tolerances cimport LINK_SLACK
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, LINK_LOGISTIC, LINK_NONE, M_AREA, M_ENERGY, M_LATENCY, M_MACS,
    M_PARAMS, M_SCORE, N_CELLS, N_METRICS, flash_accuracy, flash_links, flash_point, flash_problem,
    flash_query, flash_try,
)
from flash._core.tables.tables cimport Tables, kernels


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    PARTIAL = 64         # combinations of some cells that count as one evaluation
    FOREIGN = -1         # variants of an incumbent from elsewhere: before all others,
    LAST = 2147483647    # and after them


cdef int pause(SolverState* solver) noexcept nogil:
    """Looks at the limits now and then; true where the search must end."""
    cdef int interrupted = 0
    if solver.limits.stopped:
        return 1
    if flash_clock() >= solver.limits.deadline:
        solver.limits.stopped = TIME_LIMIT
    elif (solver.limits.max_leaves >= 0
            and solver.leaves + solver.partial // PARTIAL >= solver.limits.max_leaves):
        solver.limits.stopped = EVALUATION_LIMIT
    else:
        with gil:
            interrupted = notify(solver)
        if interrupted:
            solver.limits.stopped = INTERRUPTED
    return solver.limits.stopped


cdef int notify(SolverState* solver) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Search owner = <Search> solver.owner
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


__all__ = ("STOPS", "Query", "Search")

# What ends a search, in the words of results, by its number in Search.stopped: a Stop. Where memory
# ends there is no result but MemoryError.
STOPS = (None, "time_limit_s", "max_evals", "interrupt")


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

    def __init__(self, Tables tables not None, Query query not None, *,
                 double time_limit_s=INFINITY, int64_t max_leaves=-1, double leaf=3e4,
                 int64_t thin=96, int64_t patience=10000, callback=None, incumbent=None):
        cdef int i, c, k
        cdef int64_t rows
        cdef SolverState* solver = &self.solver
        cdef flash_query* q = &query.query
        global spare_pool
        self.tables = tables
        self.query = query
        self.callback = callback
        solver.owner = <void*> self
        solver.leaf = leaf
        solver.thin = thin
        solver.patience = patience
        solver.problem = &tables.problem
        solver.query = q
        solver.kernels = kernels()
        solver.limits.deadline = flash_clock() + time_limit_s
        solver.limits.max_leaves = max_leaves
        solver.score_least = least_score(&tables.problem.links, q.min_accuracy)
        set_directions(solver)
        solver.needed = needed_columns(&tables.problem, q)
        for i in range(tables.problem.n_variants):
            rows = 0
            for c in range(tables.problem.variants[i].n_cells):
                rows += tables.problem.variants[i].cells[c].rows
            if rows > solver.room:
                solver.room = rows
        solver.value = <double*> malloc((solver.room + 16) * sizeof(double))
        solver.chosen = <int32_t*> malloc((solver.room + 16) * sizeof(int32_t))
        solver.thin_of = <Lists**> calloc(tables.problem.n_variants, sizeof(void*))
        solver.facts = <VariantFacts*> calloc(tables.problem.n_variants, sizeof(VariantFacts))
        if incumbent is not None:
            solver.best.found = 1
            solver.best.variant = FOREIGN if incumbent[2] else LAST
            solver.best.objective = incumbent[0]
            for k in range(FLASH_METRICS):
                solver.best.metric[k] = incumbent[1][k]
        solver.pool = spare_pool
        spare_pool = NULL
        if solver.pool == NULL:
            solver.pool = <flash_pool*> calloc(1, sizeof(flash_pool))
        if (solver.pool == NULL or solver.thin_of == NULL or solver.facts == NULL
                or solver.value == NULL or solver.chosen == NULL):
            raise MemoryError
        solver.pool.failed = 0
        solver.pool.refusal = 0

    def __dealloc__(self):
        global spare_pool
        cdef int64_t i
        for i in range(self.solver.n_heap):
            release(self.solver.heap[i].lists)
        for i in range(self.solver.problem.n_variants if self.solver.thin_of != NULL else 0):
            release(self.solver.thin_of[i])
        free(self.solver.thin_of)
        free(self.solver.facts)
        if spare_pool == NULL and self.solver.pool != NULL and self.solver.pool.held < SPARE_LIMIT:
            spare_pool = self.solver.pool
        elif self.solver.pool != NULL:
            flash_drain(self.solver.pool)
            free(self.solver.pool)
        free(self.solver.heap)
        free(self.solver.value)
        free(self.solver.chosen)

    def offer(self, int variant, row) -> int:
        """Tries one configuration: 1 new best, 0 feasible, -1 over a budget."""
        cdef int32_t r[N_CELLS]
        cdef int c
        if not 0 <= variant < self.solver.problem.n_variants:
            raise IndexError(f"variant {variant}")
        for c in range(self.solver.problem.variants[variant].n_cells):
            r[c] = row[c]
            if not 0 <= r[c] < self.solver.problem.variants[variant].cells[c].rows:
                raise IndexError(f"row {r[c]} of cell {c}")
        if spent(&self.solver):
            return 0
        return flash_try(self.solver.problem, self.solver.query, variant, r, &self.solver.best)

    def prove(self) -> None:
        """Runs the exact solver to the end or to a limit."""
        cdef Node root
        cdef int i, k
        cdef SolverState* solver = &self.solver
        if not self.started:
            self.started = 1
            learn_all(solver.problem, solver.needed, solver.facts, solver.shows)
            memset(&root, 0, sizeof(root))
            root.bound = INFINITY
            root.scale_high = INFINITY
            for k in range(FLASH_METRICS):
                root.low[k] = -INFINITY
                root.high[k] = INFINITY
            for i in range(solver.problem.n_variants):
                root.variant = i
                root.lists = whole(&solver.problem.variants[i], solver.needed, solver.pool)
                if root.lists == NULL:
                    break
                push(solver, &root)
        with nogil:
            close_gap(solver)
        self.raise_error()

    cdef int raise_error(self) except -1:
        """What could not be raised while the GIL was released: of a signal or the callback, and
        that memory ended. A search that ran out of memory stays as it is: it has lost nodes."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if short_of_memory(&self.solver):
            raise MemoryError("the search has used up the memory")
        return 0

    def refuse_memory(self, int64_t block) -> None:
        """For tests: the block-th request for memory from here on is refused, and all after it."""
        self.solver.pool.refusal = block

    def bound_roots(self) -> None:
        """Bounds every variant without enumerating any: the certificate of a search that is not
        to be proven."""
        self.solver.bound_only = 1
        self.prove()
        self.solver.bound_only = 0

    @property
    def best(self):
        """(variant, rows, objective, metrics) of the incumbent, or None."""
        cdef flash_point* p = &self.solver.best
        cdef int k, n
        if not p.found or p.variant == FOREIGN or p.variant == LAST:
            return None
        n = self.solver.problem.variants[p.variant].n_cells
        return (p.variant, tuple([p.row[k] for k in range(n)]), p.objective,
                tuple([p.metric[k] for k in range(FLASH_METRICS)]))

    @property
    def bound(self) -> float:
        """No configuration's objective is above it."""
        cdef const SolverState* solver = &self.solver
        cdef double high = solver.best.objective if solver.best.found else -INFINITY
        if not self.started or solver.pool.failed:
            return INFINITY
        if solver.n_heap and solver.heap[0].bound > high and solver.heap[0].bound >= threshold(
                solver):
            high = solver.heap[0].bound
        return high

    @property
    def stopped(self) -> int:
        """0: ran to its end; 1: time; 2: evaluations; 3: interrupted; 4: memory. See STOPS."""
        return self.solver.limits.stopped

    @property
    def counts(self) -> tuple:
        """(nodes, dual evaluations, configurations weighed)"""
        return (self.solver.nodes, self.solver.dual_evaluations, self.solver.leaves)


cdef void set_directions(SolverState* solver) noexcept nogil:
    """What makes a row no worse than another, by column."""
    cdef const flash_query* q = solver.query
    cdef const flash_links* links = &solver.problem.links
    cdef int k
    for k in range(FLASH_METRICS):
        if q.exponent[k] * (-1.0 if k == M_SCORE else 1.0) > 0.0:
            solver.unusual = 1
    for k in range(FLASH_COLUMNS):
        solver.direction[k] = 0 if solver.unusual else 1 if k == COL_SCORE else -1
    # what raises the score by its logarithm is better where it costs nothing else
    if links.log_params > 0.0 and not solver.unusual:
        solver.direction[COL_PARAMS] = (q.maximum[M_PARAMS] == INFINITY
                                        and q.exponent[M_PARAMS] == 0.0)
    if links.log_macs > 0.0 and not solver.unusual:
        solver.direction[COL_MACS] = q.maximum[M_MACS] == INFINITY and q.exponent[M_MACS] == 0.0


cdef int needed_columns(const flash_problem* problem, const flash_query* q) noexcept nogil:
    """A bit for each column that a budget or the objective depends on."""
    cdef const flash_links* links = &problem.links
    cdef int asked[N_METRICS]
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


cdef enum:
    HALVINGS = 64        # of an interval of scores: to neighbouring doubles


cdef extern from *:
    """
    #define FLASH_LEAST_LINKED 1e-300
    #define FLASH_MOST_LINKED 1e300
    #define FLASH_MOST_LOGIT 745.0
    """
    # scores between which a link is inverted: all that are not 0 or infinite nearly, and those
    # whose exponential is neither
    const double LEAST_LINKED "FLASH_LEAST_LINKED"
    const double MOST_LINKED "FLASH_MOST_LINKED"
    const double MOST_LOGIT "FLASH_MOST_LOGIT"


cdef double least_score(const flash_links* links, double accuracy) noexcept nogil:
    """A score below which no accuracy reaches the least one asked for, outward.

    By bisection on the link itself: its inverse loses all digits where accuracies saturate.
    """
    cdef double low = LEAST_LINKED, high = MOST_LINKED, middle
    cdef int linear = links.score_link == LINK_LOGISTIC    # its scores pass zero
    cdef int _step
    if accuracy == -INFINITY:
        return -INFINITY
    if links.score_link == LINK_NONE:
        return accuracy
    if linear:
        low = -MOST_LOGIT
        high = MOST_LOGIT
    if flash_accuracy(links, low) >= accuracy:
        return -INFINITY
    if flash_accuracy(links, high) < accuracy:
        return high
    for _step in range(HALVINGS):    # the link at low falls short, at high it does not
        middle = 0.5 * (low + high) if linear else sqrt(low) * sqrt(high)
        if flash_accuracy(links, middle) < accuracy:
            low = middle
        else:
            high = middle
    return low - LINK_SLACK * fabs(low)
