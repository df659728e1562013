"""The Lagrangian's inner problem over lists of rows, and what their totals can be."""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from flash._core.search.exact cimport Scan, Worker
from flash._core.search.relaxation cimport Box
from flash._core.search.row_lists cimport List, Lists
from flash._core.tables.problem cimport (
    COL_PEAK, FLASH_COLUMNS, N_COLUMNS, flash_cell, flash_follows, flash_joined, flash_variant,
)


cdef inline void scan(Worker* w, const flash_variant* v, const Lists* lists, Scan* out) noexcept nogil:
    """Maximises sum_k weight[k] * total[k] over the lists: the Lagrangian's inner problem."""
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef int c, s, t, k, n, before
    cdef int back[32][64]
    cdef double* value = w.value
    cdef double best, x
    cdef const List* list
    cdef const flash_cell* cell
    cdef int64_t i
    w.scans += 1
    for c in range(lists.n_cells):
        list = &lists.cell[c]
        cell = &v.cells[c]
        n = 0
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL and out.weight[k] != 0.0:
                column[n] = list.column[k]
                weight[n] = out.weight[k]
                n += 1
        if n == 0:
            memset(value, 0, list.n * sizeof(double))
        for s in range(list.states):
            i = list.start[s]
            for k in range(n):
                column[k] = column[k] + (i - (list.start[s - 1] if s else 0))
            if list.start[s + 1] == i:
                out.top[c][s] = -INFINITY
            elif n == 0:
                out.top[c][s] = 0.0
            else:
                out.top[c][s] = w.kernels.weigh(list.start[s + 1] - i, n, column, weight, value + i)
        value += list.n
        # forward: the best of the cells before, handing on to s
        for s in range(list.states):
            best = 0.0
            back[c][s] = 0
            if not c:
                for k in range(FLASH_COLUMNS):
                    if cell.boundary[k] != NULL:
                        best += out.weight[k] * cell.boundary[k][s]
            else:
                best = -INFINITY
                for t in range(lists.cell[c - 1].states):
                    if not flash_follows(&v.cells[c - 1], t, cell, s):
                        continue
                    x = out.into[c - 1][t] + out.top[c - 1][t]
                    for k in range(FLASH_COLUMNS):
                        if cell.boundary[k] != NULL:
                            x += out.weight[k] * cell.boundary[k][t * list.states + s]
                    if x > best:
                        best = x
                        back[c][s] = t
            out.into[c][s] = best
    # backward, and the combination itself
    c = lists.n_cells - 1
    for s in range(lists.cell[c].states):
        out.after[c][s] = 0.0
    while c > 0:
        cell = &v.cells[c]
        for t in range(lists.cell[c - 1].states):
            best = -INFINITY
            for s in range(lists.cell[c].states):
                if not flash_follows(&v.cells[c - 1], t, cell, s):
                    continue
                x = out.top[c][s] + out.after[c][s]
                for k in range(FLASH_COLUMNS):
                    if cell.boundary[k] != NULL:
                        x += out.weight[k] * cell.boundary[k][t * cell.states + s]
                if x > best:
                    best = x
            out.after[c - 1][t] = best
        c -= 1
    best = -INFINITY
    t = 0
    c = lists.n_cells - 1
    for s in range(lists.cell[c].states):
        x = out.into[c][s] + out.top[c][s]
        if x > best:
            best = x
            t = s
    out.bound = best
    for k in range(FLASH_COLUMNS):
        out.bound += out.weight[k] * v.constant[k]
        out.total[k] = v.constant[k]
    out.bound += out.constant
    if not best > -INFINITY:
        out.bound = -INFINITY
        return
    while c >= 0:
        list = &lists.cell[c]
        value -= list.n
        i = list.start[t]
        i += w.kernels.find(list.start[t + 1] - i, value + i, out.top[c][t])
        out.arg[c] = <int32_t> i
        before = back[c][t]
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL:
                out.total[k] += list.column[k][i]
            if v.cells[c].boundary[k] != NULL:
                out.total[k] += v.cells[c].boundary[k][before * list.states + t]
        t = before
        c -= 1


cdef inline void range_rows(Worker* w, List* list) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        list.low[k] = list.high[k] = 0.0
        if k == COL_PEAK and list.peak != NULL:
            w.kernels.range(list.n, list.peak, &list.low[k], &list.high[k])
        elif list.column[k] != NULL:
            w.kernels.range(list.n, list.column[k], &list.low[k], &list.high[k])
    list.ranged = 1


cdef inline void ranges(Worker* w, const flash_variant* v, Lists* lists, Box* box) noexcept nogil:
    """What each total can be at least and at most."""
    cdef int c, k
    for c in range(lists.n_cells):
        if not lists.cell[c].ranged:
            range_rows(w, &lists.cell[c])
    cdef double low, high, x
    cdef int64_t i
    for k in range(FLASH_COLUMNS):
        box.low[k] = box.high[k] = v.constant[k]
        if not w.problem.present >> k & 1:
            continue
        for c in range(lists.n_cells):
            if k == COL_PEAK and c != v.peak_cell:   # linear bounds know its own peak alone
                box.high[k] = max(box.high[k], lists.cell[c].high[k])
                continue
            box.low[k] = flash_joined(k, box.low[k], lists.cell[c].low[k])
            box.high[k] = flash_joined(k, box.high[k], lists.cell[c].high[k])
            if v.cells[c].boundary[k] != NULL:
                low = INFINITY
                high = -INFINITY
                for i in range((lists.cell[c - 1].states if c else 1) * lists.cell[c].states):
                    x = v.cells[c].boundary[k][i]
                    low = x if x < low else low
                    high = x if x > high else high
                box.low[k] += low
                box.high[k] += high
