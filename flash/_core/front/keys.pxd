"""What sums of rows are compared by: what goals and budgets depend on."""

from libc.math cimport INFINITY, fabs, log
from libc.stdint cimport int64_t
from libc.string cimport memset

from flash._core.front.task cimport (
    COST, DOUBLE_STEP, GAIN, KEEP, SCORE_ROUNDING, Task, has_logarithms,
)
from flash._core.kernels.kernels cimport FLASH_AT_MOST, FLASH_BY_SCALE, flash_stage
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS, M_SCORE, N_COLUMNS,
    N_METRICS, flash_class, flash_joined, flash_links, flash_metrics, flash_variant,
)


cdef enum:
    METRIC_ROUNDINGS = 5 # of operations on the way to a metric, at most
    KEY_ROUNDINGS = 64   # the same of what sums of rows are compared by, generously


cdef inline void rest_of(const flash_variant* v, int first, int but, double* low,
                         double* high) noexcept nogil:
    """What cells from `first` on bring at least and at most, by column, but for one."""
    cdef int c, k
    cdef int64_t i
    cdef double least, most
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = 0.0
    for c in range(first, v.n_cells):
        for k in range(FLASH_COLUMNS):
            if v.cells[c].column[k] == NULL:
                continue
            if c != but:
                low[k] = flash_joined(k, low[k], v.cells[c].low[k])
                high[k] = flash_joined(k, high[k], v.cells[c].high[k])
            if v.cells[c].boundary[k] != NULL:
                least = INFINITY
                most = -INFINITY
                for i in range(v.cells[c].states * (v.cells[c - 1].states if c else 1)):
                    least = min(least, v.cells[c].boundary[k][i])
                    most = max(most, v.cells[c].boundary[k][i])
                low[k] += least
                high[k] += most


cdef inline int uses(const flash_links* l, int metric, int* columns) noexcept nogil:
    """Columns that a metric depends on; how many."""
    cdef int n = 1, leaks = metric == M_ENERGY and l.leakage > 0.0
    if metric == M_SCORE:
        columns[0] = COL_SCORE
        if l.log_macs != 0.0:
            columns[n] = COL_MACS
            n += 1
        if l.log_params != 0.0:
            columns[n] = COL_PARAMS
            n += 1
    elif metric == M_PARAMS:
        columns[0] = COL_PARAMS
    elif metric == M_MACS:
        columns[0] = COL_MACS
    elif metric == M_AREA:
        columns[0] = COL_AREA
        columns[1] = COL_PEAK
        n = 2
        if l.n_steps or l.area_per_scale > 0.0:
            columns[2] = COL_SCALE
            n = 3
    else:
        columns[0] = COL_LATENCY if metric == M_LATENCY else COL_ENERGY
        if l.n_steps:
            columns[1] = COL_LATENCY_IN if metric == M_LATENCY else COL_ENERGY_IN
            columns[2] = COL_LATENCY_OUT if metric == M_LATENCY else COL_ENERGY_OUT
            n = 3
        if leaks:
            columns[n] = COL_LEAK
            n += 1
            if l.n_steps:
                columns[n] = COL_LEAK_IN
                columns[n + 1] = COL_LATENCY_OUT
                n += 2
        if l.n_steps or leaks:
            columns[n] = COL_SCALE
            n += 1
    return n


cdef inline int metric_of(int column) noexcept nogil:
    """The metric that falls with each unit of a column (or rises, the score), if any does: see
    `least_share`."""
    if column == COL_SCORE:
        return M_SCORE
    if column <= COL_LATENCY_OUT:
        return M_LATENCY
    if column <= COL_ENERGY_OUT:
        return M_ENERGY
    if column == COL_PARAMS:
        return M_PARAMS
    return M_MACS if column == COL_MACS else M_AREA


cdef inline double least_share(const flash_links* l, int column) noexcept nogil:
    """What a unit of a column adds to its metric at least; 0 where another cell may hide it."""
    cdef const flash_class* least = &l.of[0] if l.n_steps else NULL    # no factor is smaller
    cdef double unit = l.quantum[metric_of(column)]
    if column == COL_LEAK or column == COL_LEAK_IN or column == COL_PEAK:
        return 0.0
    if column == COL_SCALE:
        return l.area_per_scale
    if column == COL_LATENCY_IN:
        return unit * least.latency_in if least != NULL else 0.0
    if column == COL_LATENCY_OUT:
        return unit * least.latency_out if least != NULL else 0.0
    if column == COL_ENERGY_IN:
        return unit * least.energy_in if least != NULL else 0.0
    if column == COL_ENERGY_OUT:
        return unit * least.energy_out if least != NULL else 0.0
    return unit


cdef inline int is_goal(const Task* t, int metric) noexcept nogil:
    cdef int i
    for i in range(t.n_goals):
        if t.goal[i] == metric:
            return 1
    return 0


cdef inline int bounded(const Task* t, int metric) noexcept nogil:
    """Whether a metric has a budget."""
    if metric == M_SCORE:
        return t.query.min_accuracy != -INFINITY
    return t.query.maximum[metric] < INFINITY


cdef inline double size_of_score(const flash_links* l, const double* low,
                                 const double* high) noexcept nogil:
    """A bound of each term of the score, added up."""
    cdef double size = l.quantum[M_SCORE] * max(fabs(low[COL_SCORE]), fabs(high[COL_SCORE]))
    if l.log_macs != 0.0:
        size += fabs(l.log_macs) * max(fabs(log(low[COL_MACS])), fabs(log(high[COL_MACS])))
    if l.log_params != 0.0:
        size += fabs(l.log_params) * max(fabs(log(low[COL_PARAMS])), fabs(log(high[COL_PARAMS])))
    return size


cdef inline void greatest(const Task* t, double* top) noexcept nogil:
    """A bound of each metric's size."""
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef int v, k
    for k in range(FLASH_METRICS):
        top[k] = 0.0
    for v in range(t.problem.n_variants):
        rest_of(&t.problem.variants[v], 0, -1, low, high)
        for k in range(FLASH_COLUMNS):
            low[k] += t.problem.variants[v].constant[k]
            high[k] += t.problem.variants[v].constant[k]
        flash_metrics(&t.problem.links, high, m)
        m[M_SCORE] = size_of_score(&t.problem.links, low, high)
        for k in range(FLASH_METRICS):
            top[k] = max(top[k], m[k])


cdef inline void choose_columns(Task* t) noexcept nogil:
    """What is compared, the columns that it depends on, and how it may be eased."""
    cdef const flash_links* l = &t.problem.links
    cdef flash_stage* s = &t.stage
    cdef int used[N_COLUMNS]
    cdef int fixed[N_COLUMNS]
    cdef int columns[N_COLUMNS]
    cdef int i, k, m, n
    memset(used, 0, sizeof(used))
    memset(fixed, 0, sizeof(fixed))
    greatest(t, t.top)
    t.margin = SCORE_ROUNDING * t.top[M_SCORE]
    for k in range(FLASH_COLUMNS):
        t.shows[k] = least_share(l, k) > METRIC_ROUNDINGS * DOUBLE_STEP * t.top[metric_of(k)]
    s.links = l
    for m in range(FLASH_METRICS):
        s.margin[m] = KEY_ROUNDINGS * DOUBLE_STEP * t.top[m] * (1.0 + t.epsilon)
        if not is_goal(t, m) and not bounded(t, m):
            continue
        s.counts |= 1 << m
        if is_goal(t, m):
            s.goals |= 1 << m
        t.limited |= bounded(t, m)
        n = uses(l, m, columns)
        for i in range(n):
            used[columns[i]] = 1
            # the scale and what a logarithm takes may not be eased
            if bounded(t, m) or columns[i] == COL_SCALE or (m == M_SCORE and has_logarithms(l)):
                fixed[columns[i]] = 1
    for i in range(t.n_columns):
        k = t.column[i]
        if not used[k]:
            continue
        s.column[s.n_columns] = k
        s.place[s.n_columns] = i
        s.n_columns += 1
        t.loose[k] = KEEP if fixed[k] else GAIN if k == COL_SCORE else COST


cdef inline void by_goals(Task* t) noexcept nogil:
    """Points are compared by their goals: no cell is missing."""
    cdef flash_stage* s = &t.stage
    cdef int d
    s.final = 1
    s.corners = 0
    s.n_keys = t.n_goals
    for d in range(t.n_goals):
        s.kind[d] = t.goal[d]
    memset(s.low, 0, sizeof(s.low))
    memset(s.high, 0, sizeof(s.high))


cdef inline void by_missing(Task* t, const flash_variant* v, int first, int but) noexcept nogil:
    """Points are compared with regard to the cells from `first` on, or to all but one."""
    cdef flash_stage* s = &t.stage
    cdef int i, k, scaled = 0
    s.final = 0
    s.corners = 0
    rest_of(v, first, but, s.low, s.high)
    for k in range(FLASH_COLUMNS if but >= 0 else 0):
        s.low[k] += v.constant[k]
        s.high[k] += v.constant[k]
    for i in range(s.n_columns):
        scaled |= s.column[i] == COL_SCALE
    if has_logarithms(s.links):
        if s.counts >> M_SCORE & 1:
            s.corners = ((2 if s.links.log_macs != 0.0 else 1)
                         * (2 if s.links.log_params != 0.0 else 1))
        s.n_keys = s.corners
    else:
        s.n_keys = 0
        compare_by(s, M_SCORE, s.counts >> M_SCORE & 1)
    # those first that tell most
    compare_by(s, M_LATENCY, s.counts >> M_LATENCY & 1)
    compare_by(s, M_ENERGY, s.counts >> M_ENERGY & 1)
    compare_by(s, FLASH_BY_SCALE, scaled)
    compare_by(s, FLASH_AT_MOST + M_LATENCY, scaled and s.counts >> M_LATENCY & 1)
    compare_by(s, FLASH_AT_MOST + M_ENERGY, scaled and s.counts >> M_ENERGY & 1)
    compare_by(s, M_AREA, s.counts >> M_AREA & 1)
    compare_by(s, M_PARAMS, s.counts >> M_PARAMS & 1)
    compare_by(s, M_MACS, s.counts >> M_MACS & 1)


cdef inline void compare_by(flash_stage* s, int kind, int wanted) noexcept nogil:
    if wanted:
        s.kind[s.n_keys] = kind
        s.n_keys += 1
