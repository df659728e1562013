"""The Lagrangian's inner problem over lists of rows, and what their totals can be.

With the constraints priced out, the best combination is the best row of each cell by itself; where
cells hand on states, the best chain of states by dynamic programming.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from flash._core.search.exact cimport DualPoint, SolverState
from flash._core.search.relaxation cimport Box
from flash._core.search.row_lists cimport List, Lists
from flash._core.tables.problem cimport (
    COL_PEAK, FLASH_COLUMNS, N_CELLS, N_COLUMNS, N_STATES, flash_cell, flash_follows, flash_joined,
    flash_variant,
)


cdef inline void value_rows(const SolverState* solver, const List* list, const double* weight,
                            double* value, double* top) noexcept nogil:
    """The value of each row of a list, and of each state the best of them; -inf where it has none.
    """
    cdef const double* column[N_COLUMNS]
    cdef double used[N_COLUMNS]
    cdef int64_t i
    cdef int s, k, n = 0
    for k in range(FLASH_COLUMNS):
        if list.column[k] != NULL and weight[k] != 0.0:
            column[n] = list.column[k]
            used[n] = weight[k]
            n += 1
    if n == 0:
        memset(value, 0, list.n * sizeof(double))
    for s in range(list.states):
        i = list.start[s]
        for k in range(n):       # each column from this state's first row on
            column[k] = column[k] + (i - (list.start[s - 1] if s else 0))
        if list.start[s + 1] == i:
            top[s] = -INFINITY
        elif n == 0:
            top[s] = 0.0
        else:
            top[s] = solver.kernels.weigh(list.start[s + 1] - i, n, column, used, value + i)


cdef inline double cross(double value, const double* weight, const flash_cell* cell,
                         int place) noexcept nogil:
    """The value with what lies between two states: place: before * states + own."""
    cdef int k
    for k in range(FLASH_COLUMNS):
        if cell.boundary[k] != NULL:
            value += weight[k] * cell.boundary[k][place]
    return value


cdef inline void come_to(const flash_variant* v, const Lists* lists, int c, DualPoint* dual,
                         int* back) noexcept nogil:
    """Forward: the best of the cells before c that hand on to each of its states, and from where.
    """
    cdef const flash_cell* cell = &v.cells[c]
    cdef int states = lists.cell[c].states, s, t
    cdef double best, x
    for s in range(states):
        back[s] = 0
        if not c:
            dual.into[c][s] = cross(0.0, dual.weight, cell, s)
            continue
        best = -INFINITY
        for t in range(lists.cell[c - 1].states):
            if not flash_follows(&v.cells[c - 1], t, cell, s):
                continue
            x = cross(dual.into[c - 1][t] + dual.top[c - 1][t], dual.weight, cell, t * states + s)
            if x > best:
                best = x
                back[s] = t
        dual.into[c][s] = best


cdef inline void go_from(const flash_variant* v, const Lists* lists, int c,
                         DualPoint* dual) noexcept nogil:
    """Backward: the best of cell c and those after it, given each state of the cell before."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef int s, t
    cdef double best, x
    for t in range(lists.cell[c - 1].states):
        best = -INFINITY
        for s in range(lists.cell[c].states):
            if not flash_follows(&v.cells[c - 1], t, cell, s):
                continue
            x = cross(dual.top[c][s] + dual.after[c][s], dual.weight, cell, t * cell.states + s)
            if x > best:
                best = x
        dual.after[c - 1][t] = best


cdef inline int last_state(const Lists* lists, DualPoint* dual) noexcept nogil:
    """The state in which the best chain ends, and its value as the bound."""
    cdef int c = lists.n_cells - 1, s, t = 0
    cdef double x
    dual.bound = -INFINITY
    for s in range(lists.cell[c].states):
        x = dual.into[c][s] + dual.top[c][s]
        if x > dual.bound:
            dual.bound = x
            t = s
    return t


cdef inline void trace_row(const SolverState* solver, const flash_variant* v, const List* list,
                           int c, int s, int before, const double* value,
                           DualPoint* dual) noexcept nogil:
    """Cell c's best row in state s, and its totals with what lies before it."""
    cdef int64_t i = list.start[s]
    cdef int k
    i += solver.kernels.find(list.start[s + 1] - i, value + i, dual.top[c][s])
    dual.arg[c] = <int32_t> i
    for k in range(FLASH_COLUMNS):
        if list.column[k] != NULL:
            dual.total[k] += list.column[k][i]
        if v.cells[c].boundary[k] != NULL:
            dual.total[k] += v.cells[c].boundary[k][before * list.states + s]


cdef inline void evaluate_dual(SolverState* solver, const flash_variant* v, const Lists* lists,
                               DualPoint* dual) noexcept nogil:
    """Maximises sum_k weight[k] * total[k] over the lists: the bound, and where it is attained.

    Leaves every row's value in solver.value, cell after cell. Every number of `into` and `after`
    is what branch_and_bound.fix_rows and enumeration.look_ahead take it for.
    """
    cdef int back[N_CELLS][N_STATES]
    cdef double* value = solver.value
    cdef double best
    cdef int c, s, k
    solver.dual_evaluations += 1
    for c in range(lists.n_cells):
        value_rows(solver, &lists.cell[c], dual.weight, value, dual.top[c])
        value += lists.cell[c].n
        come_to(v, lists, c, dual, back[c])
    c = lists.n_cells - 1
    for s in range(lists.cell[c].states):
        dual.after[c][s] = 0.0
    while c > 0:
        go_from(v, lists, c, dual)
        c -= 1
    s = last_state(lists, dual)
    best = dual.bound
    for k in range(FLASH_COLUMNS):
        dual.bound += dual.weight[k] * v.constant[k]
        dual.total[k] = v.constant[k]
    dual.bound += dual.constant
    if not best > -INFINITY:
        dual.bound = -INFINITY
        return
    c = lists.n_cells - 1
    while c >= 0:        # back along the chain: s is cell c's state
        value -= lists.cell[c].n
        trace_row(solver, v, &lists.cell[c], c, s, back[c][s], value, dual)
        s = back[c][s]
        c -= 1


cdef inline void range_rows(SolverState* solver, List* list) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        list.low[k] = list.high[k] = 0.0
        if k == COL_PEAK and list.peak != NULL:
            solver.kernels.range(list.n, list.peak, &list.low[k], &list.high[k])
        elif list.column[k] != NULL:
            solver.kernels.range(list.n, list.column[k], &list.low[k], &list.high[k])
    list.ranged = 1


cdef inline void boundary_range(const flash_cell* cell, int k, int before, double* low,
                                double* high) noexcept nogil:
    """The least and the most of a column's boundary."""
    cdef int64_t i
    cdef double x
    low[0] = INFINITY
    high[0] = -INFINITY
    for i in range(before * cell.states):
        x = cell.boundary[k][i]
        low[0] = x if x < low[0] else low[0]
        high[0] = x if x > high[0] else high[0]


cdef inline void ranges(SolverState* solver, const flash_variant* v, Lists* lists,
                        Box* box) noexcept nogil:
    """What each total can be at least and at most."""
    cdef double low, high
    cdef int c, k
    for c in range(lists.n_cells):
        if not lists.cell[c].ranged:
            range_rows(solver, &lists.cell[c])
    for k in range(FLASH_COLUMNS):
        box.low[k] = box.high[k] = v.constant[k]
        if not solver.problem.present >> k & 1:
            continue
        for c in range(lists.n_cells):
            if k == COL_PEAK and c != v.peak_cell:   # linear bounds know its own peak alone
                box.high[k] = max(box.high[k], lists.cell[c].high[k])
                continue
            box.low[k] = flash_joined(k, box.low[k], lists.cell[c].low[k])
            box.high[k] = flash_joined(k, box.high[k], lists.cell[c].high[k])
            if v.cells[c].boundary[k] != NULL:
                boundary_range(&v.cells[c], k, lists.cell[c - 1].states if c else 1, &low, &high)
                box.low[k] += low
                box.high[k] += high
