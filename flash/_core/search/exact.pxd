"""State of the exact solver, shared with the enumeration of leaves and with SHGO."""

from libc.stdint cimport int32_t, int64_t

from flash._core.kernels.kernels cimport flash_kernels
from flash._core.search.row_lists cimport Lists, flash_pool, release, sample, whole
from flash._core.tables.problem cimport N_COLUMNS, flash_point, flash_problem, flash_query
from flash._core.tables.tables cimport Tables, kernels


cdef enum:
    CONSTRAINTS = 14     # upper ends of the metrics, their lower ends, scale above, scale below
    LOWER_ENDS = 6
    SCALE_ABOVE = 12
    SCALE_BELOW = 13


cdef struct Limits:
    double deadline      # monotonic seconds; inf where free
    int64_t max_leaves   # configurations weighed; negative: no limit
    int stopped          # 0 running, 1 time, 2 evaluations, 3 interrupted


cdef struct Node:
    int variant
    int depth
    double bound
    double scale_low
    double scale_high
    double low[6]        # of the metrics (weighted product)
    double high[6]
    double price[14]     # multipliers to start from
    double total[N_COLUMNS]      # where its parent's bound was attained
    Lists* lists


cdef struct Worker:
    void* owner          # the Search
    const flash_problem* problem
    const flash_query* query
    const flash_kernels* kernels
    flash_point best
    Limits limits
    double score_least   # the least score that min_accuracy admits
    double leaf          # combinations that are enumerated without further thought
    flash_pool* pool     # memory of the lists
    Lists** thin_of      # per variant: every so many rows, or NULL
    int64_t patience     # entries an enumeration looks at before its node is halved
    int64_t thin         # rows a list is thinned to, for SHGO and while prices are sought
    int bound_only       # roots are bounded and kept
    int needed           # bit k: a budget or the objective depends on column k
    int unusual          # an exponent rewards a cost: no row dominates another
    int direction[N_COLUMNS]     # of each column: more is better (1), less is (-1), or neither (0)
    int64_t nodes, scans, leaves, next_check
    int64_t partial      # combinations of some cells that an enumeration looked at
    double* value        # reduced values of all rows of a node, cell after cell
    int32_t* chosen
    int64_t room
    Node* heap
    int64_t n_heap, heap_room


cdef struct Scan:        # one evaluation of the dual function
    double bound
    int refuted          # over all rows of the node, and below what is looked for
    double weight[N_COLUMNS]     # what a unit of each column is worth at these prices
    double constant      # added to the bound
    int32_t arg[32]      # positions in the lists
    double total[N_COLUMNS]      # of that combination
    double into[32][64]  # best value of the cells before c that hand on to its state s
    double after[32][64] # best value of the cells after c given its state s
    double top[32][64]   # best row of cell c in state s


cdef inline double threshold(const Worker* w) noexcept nogil:
    """Bounds below this can't hold an answer as good as the best known; the slack covers rounding."""
    if not w.best.found:
        return -1e300
    if w.best.objective > 1e300:
        return w.best.objective
    return w.best.objective - 1e-11 * (1.0 + (w.best.objective if w.best.objective > 0.0
                                               else -w.best.objective))


cdef inline int spent(Worker* w) noexcept nogil:
    """Counts a configuration about to be weighed; true, and the search ends, where none is left."""
    if w.limits.max_leaves >= 0 and w.leaves >= w.limits.max_leaves:
        w.limits.stopped = 2
        return 1
    w.leaves += 1
    return 0


cdef inline Lists* thin_rows(Worker* w, int variant) noexcept nogil:
    """Every so many rows of a variant, made once; the worker's to release."""
    cdef Lists* every
    if w.thin_of[variant] == NULL:
        every = whole(&w.problem.variants[variant], w.needed, w.pool)
        w.thin_of[variant] = sample(every, w.thin, w.chosen)
        release(every)
    return w.thin_of[variant]


cdef class Query:
    cdef flash_query query


cdef class Search:
    cdef Worker w
    cdef readonly Tables tables
    cdef readonly Query query
    cdef object callback
    cdef object error
    cdef int started
    cdef int raise_error(self) except -1


cdef int pause(Worker* w) noexcept nogil
