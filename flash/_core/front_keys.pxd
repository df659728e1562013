"""The keys that sums of rows are compared by: what goals and budgets depend on."""

from libc.math cimport INFINITY, fabs, log
from libc.string cimport memset

from flash._core.core cimport *
from flash._core.front_task cimport *


cdef enum:
    ROUNDINGS = 5        # of operations on the way to a metric, at most


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
    """Columns that a metric depends on, that which is a term of its own first; how many."""
    cdef int n = 1, leaks = metric == M_ENERGY and l.leakage > 0.0
    if metric == M_SCORE:
        columns[0] = COL_SCORE
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


cdef inline int counts(const Task* t, int metric) noexcept nogil:
    """Whether a metric is a goal or has a budget."""
    return is_goal(t, metric) or t.query.maximum[metric] < INFINITY


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
    cdef double m[6]
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


cdef inline void choose_keys(Task* t) noexcept nogil:
    """The keys, strict ones first, and how far each may be eased while cells are joined."""
    cdef const flash_links* l = &t.problem.links
    cdef const flash_query* q = t.query
    cdef int need[2][N_COLUMNS]     # of less, of more
    cdef int strict[N_COLUMNS]
    cdef int fixed[N_COLUMNS]
    cdef int columns[N_COLUMNS]
    cdef double top[6]
    cdef int i, k, n, m, part, goal, direct
    memset(need, 0, sizeof(need))
    memset(fixed, 0, sizeof(fixed))
    greatest(t, top)
    for k in range(FLASH_COLUMNS):
        m = metric_of(k)
        t.shows[k] = least_share(l, k) > ROUNDINGS * 2.0 ** -52 * top[m]
        strict[k] = t.shows[k] and is_goal(t, m)
    for m in range(FLASH_METRICS):
        goal = is_goal(t, m)
        n = uses(l, m, columns)
        if m == M_SCORE:
            if not goal and q.min_accuracy == -INFINITY:
                continue
            need[1][COL_SCORE] = 1
            fixed[COL_SCORE] |= q.min_accuracy != -INFINITY
            if l.log_macs != 0.0:
                need[l.log_macs > 0.0][COL_MACS] = 1
                fixed[COL_MACS] = 1
            if l.log_params != 0.0:
                need[l.log_params > 0.0][COL_PARAMS] = 1
                fixed[COL_PARAMS] = 1
        elif not goal and q.maximum[m] == INFINITY:
            continue
        else:
            for i in range(n):
                need[0][columns[i]] = 1
                fixed[columns[i]] |= q.maximum[m] < INFINITY or columns[i] == COL_SCALE
    n = 0
    for part in range(2):
        for k in range(FLASH_COLUMNS):
            if not t.problem.present >> k & 1:
                continue
            for i in range(2):
                if not need[i][k]:
                    continue
                # params or macs that only a logarithm rewards are not strict
                direct = strict[k] and i == (k == COL_SCORE)
                if direct != (part == 0):
                    continue
                t.key_column[n] = k
                t.sign[n] = -1.0 if i else 1.0
                t.slack[n] = KEEP if fixed[k] else GAIN if k == COL_SCORE else COST
                n += 1
        if part == 0:
            t.strict = n
    t.n_keys = n
    for k in range(FLASH_COLUMNS):
        t.place[k] = -1
    for i in range(n):
        t.place[t.key_column[i]] = i
    if (l.log_macs != 0.0 or l.log_params != 0.0) and is_goal(t, M_SCORE):
        t.corners = (2 if l.log_macs != 0.0 else 1) * (2 if l.log_params != 0.0 else 1)
        t.margin = 1e-13 * top[M_SCORE]
        for i in range(n):
            k = t.key_column[i]
            if k == COL_SCORE:
                continue
            if (k == COL_MACS or k == COL_PARAMS) and not (
                    t.sign[i] > 0.0 and counts(t, M_MACS if k == COL_MACS else M_PARAMS)):
                continue
            t.plain[t.n_plain] = i
            t.n_plain += 1
    for i in range(t.n_goals):
        direct = 0
        uses(l, t.goal[i], columns)
        for k in range(t.n_keys):
            if t.key_column[k] == columns[0] and (t.sign[k] < 0.0) == (columns[0] == COL_SCORE):
                t.goal_key[i] = k
                direct = 1
        t.additive = t.additive and direct
