"""State of the exact solver, shared with the enumeration of leaves and with SHGO."""

from libc.stdint cimport int32_t, int64_t

from flash._core.kernels.kernels cimport flash_kernels
from flash._core.search.relaxation cimport CONSTRAINTS
from flash._core.search.roundings cimport VariantFacts
from flash._core.search.row_lists cimport Lists, flash_pool, release, sample, whole
from flash._core.search.tolerances cimport BOUND_SLACK, HUGE
from flash._core.tables.problem cimport (
    N_CELLS, N_COLUMNS, N_METRICS, N_STATES, flash_point, flash_problem, flash_query,
)
from flash._core.tables.tables cimport Tables, kernels


cdef enum Stop:          # why a search ended; Python sees these numbers (STOPS in exact.pyx)
    RUNNING = 0          # not yet, or at its end
    TIME_LIMIT = 1
    EVALUATION_LIMIT = 2
    INTERRUPTED = 3      # by a signal or by the callback
    OUT_OF_MEMORY = 4    # MemoryError was raised


cdef struct Limits:
    double deadline      # monotonic seconds; inf where free
    int64_t max_leaves   # configurations weighed; negative: no limit
    int stopped          # a Stop


cdef struct Node:
    int variant
    int depth
    double bound         # no configuration of it has a higher objective
    double scale_low     # its interval of the scale
    double scale_high
    double low[N_METRICS]        # and of the metrics, where branching needs one
    double high[N_METRICS]
    double multiplier[CONSTRAINTS]       # to start from
    double total[N_COLUMNS]      # where its parent's bound was attained
    Lists* lists         # one reference of them is the node's


cdef struct SolverState:
    void* owner          # the Search
    const flash_problem* problem
    const flash_query* query
    const flash_kernels* kernels
    flash_point best     # the incumbent
    Limits limits
    double score_least   # the least score that min_accuracy admits
    double leaf          # combinations that are enumerated without further thought
    flash_pool* pool     # memory of the lists
    Lists** thin_of      # per variant: every so many rows, or NULL
    int64_t patience     # entries an enumeration looks at before its node is halved
    int64_t thin         # rows a list is thinned to, for SHGO and while multipliers are sought
    int bound_only       # roots are bounded and kept
    int needed           # bit k: a budget or the objective depends on column k
    VariantFacts* facts  # per variant: of prove and bound_roots
    int shows[N_COLUMNS] # a unit more of a column always shows in what orders answers
    int unusual          # an exponent rewards a cost: no row dominates another
    int direction[N_COLUMNS]     # of each column: more is better (1), less is (-1), or neither (0)
    int64_t nodes, dual_evaluations, leaves, next_check
    int64_t partial      # combinations of some cells that an enumeration looked at
    double* value        # Lagrangian values of all rows of a node, cell after cell: written by
                         # evaluate_dual, read by reduced-cost fixing and by the enumerations
    int32_t* chosen      # positions of rows, for whatever selects some
    int64_t room         # rows of the largest variant: both have so many entries and some more
    Node* heap           # open nodes (node_queue.pxd)
    int64_t n_heap, heap_room


cdef struct DualPoint:   # one evaluation of the Lagrangian dual function
    double bound         # its value: no objective is above it
    int refuted          # over all rows of the node, and below what is looked for
    int settled          # the last evaluation was at the best multipliers
    double weight[N_COLUMNS]     # what a unit of each column is worth at these multipliers
    double constant      # added to the bound
    int32_t arg[N_CELLS]         # where it is attained: positions in the lists
    double total[N_COLUMNS]      # of that combination
    double into[N_CELLS][N_STATES]       # best value of the cells before c that hand on to state s
    double after[N_CELLS][N_STATES]      # best value of the cells after c given its state s
    double top[N_CELLS][N_STATES]        # best row of cell c in state s


cdef inline double threshold(const SolverState* solver) noexcept nogil:
    """Bounds below this can't hold an answer as good as the incumbent; the slack covers rounding.
    """
    cdef double best = solver.best.objective
    if not solver.best.found:
        return -HUGE
    if best > HUGE:
        return best
    return best - BOUND_SLACK * (1.0 + (best if best > 0.0 else -best))


cdef inline int spent(SolverState* solver) noexcept nogil:
    """Counts a configuration about to be weighed; true, and the search ends, where none is left."""
    if solver.limits.max_leaves >= 0 and solver.leaves >= solver.limits.max_leaves:
        solver.limits.stopped = EVALUATION_LIMIT
        return 1
    solver.leaves += 1
    return 0


cdef inline int short_of_memory(SolverState* solver) noexcept nogil:
    """Whether the pool refused memory; the search has then ended."""
    if solver.pool.failed:
        solver.limits.stopped = OUT_OF_MEMORY
    return solver.pool.failed


cdef inline Lists* thin_rows(SolverState* solver, int variant) noexcept nogil:
    """Every so many rows of a variant, made once; the solver's to release. NULL: no memory."""
    cdef Lists* every
    if solver.thin_of[variant] == NULL:
        every = whole(&solver.problem.variants[variant], solver.needed, solver.pool)
        if every == NULL:
            return NULL
        solver.thin_of[variant] = sample(every, solver.thin, solver.chosen)
        release(every)
    return solver.thin_of[variant]


cdef class Query:
    cdef flash_query query


cdef class Search:
    cdef SolverState solver
    cdef readonly Tables tables
    cdef readonly Query query
    cdef object callback
    cdef object error
    cdef int started
    cdef int raise_error(self) except -1


cdef int pause(SolverState* solver) noexcept nogil
