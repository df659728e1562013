"""Enumeration of a node's surviving rows: dominance filter, then depth first, best value first."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from flash._core.search.dominance cimport Entry, distinct, sort, undominated
from flash._core.search.exact cimport CONSTRAINTS, Scan, Worker, pause, spent, threshold
from flash._core.search.relaxation cimport Form, additive
from flash._core.search.row_lists cimport List, Lists, flash_give, flash_take
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, M_SCORE, flash_cell, flash_follows, flash_try, flash_variant,
)


cdef struct Dive:
    Worker* w
    const flash_variant* v
    int variant
    int n_cells
    int n_limits         # active constraints of the node
    int limit[14]
    const Form* form
    double right[14]
    int order[32]        # cells in the order of the search
    Entry* entry[32]     # by state, then by falling value
    double* score[32]    # of the entries, in the column's units: exact sums
    int plain            # scores decide and add up: a leaf that falls short needs no weighing
    double* use[32]      # n_limits numbers per entry, in the same order
    double rest[33][14]   # least use of the cells still to come
    double after[33][64] # best value of the cells still to come, given the state handed on
    const double* weight # of the columns in the reduced value
    const Lists* lists
    int32_t row[32]
    int64_t start[32][65]
    double base[14]
    double floor         # values below it are left for later
    int joined           # cells hand on states
    int64_t steps, most  # entries looked at, and how many may be


cdef inline void descend(Dive* d, int level, int before, double value, double points,
                         const double* use) noexcept nogil:
    """Every combination that extends the first `level` cells and may match the best answer."""
    cdef Worker* w = d.w
    cdef int c = d.order[level], s, k, r, last = level + 1 == d.n_cells
    cdef const flash_cell* cell = &d.v.cells[c]
    cdef const List* list = &d.lists.cell[c]
    cdef double base, here
    cdef double used[14]
    cdef double joint[14]
    cdef int64_t i
    for s in range(list.states):
        if c and not flash_follows(&d.v.cells[c - 1], before, cell, s):
            continue
        base = value + d.after[level][s]
        for r in range(d.n_limits):
            joint[r] = use[r]
        if list.states > 1 or d.joined:
            for k in range(FLASH_COLUMNS):
                if cell.boundary[k] != NULL:
                    here = cell.boundary[k][before * list.states + s]
                    base += d.weight[k] * here
                    for r in range(d.n_limits):
                        joint[r] += d.form[d.limit[r]].w[k] * here
        for i in range(d.start[c][s], d.start[c][s + 1]):
            d.steps += 1
            if d.steps & 1023 == 0:
                w.partial += 1024
                if pause(w):
                    return
            if w.limits.stopped or d.steps > d.most:
                return
            if (base + d.entry[c][i].value < threshold(w)
                    or base + d.entry[c][i].value < d.floor):
                break
            if last and d.plain and (w.problem.links.quantum[M_SCORE] * (points + d.score[c][i])
                                     < w.best.metric[M_SCORE]):
                continue
            for r in range(d.n_limits):
                used[r] = joint[r] + d.use[c][i * d.n_limits + r]
                if used[r] + d.rest[level + 1][r] > d.right[r]:
                    break
            else:
                d.row[c] = (list.id[d.entry[c][i].at] if list.id != NULL
                            else d.entry[c][i].at)
                if last:
                    if spent(w):
                        return
                    flash_try(w.problem, w.query, d.variant, d.row, &w.best)
                else:
                    descend(d, level + 1, s, base - d.after[level][s] + d.entry[c][i].value,
                            points + d.score[c][i], used)


cdef inline int dive(Worker* w, int variant, const Lists* lists, const Scan* scan,
                      const Form* form, const double* right, const int* active,
                     int filtered, double floor, int64_t most) noexcept nogil:
    """Enumerates a node. `scan` holds the weights and the reduced values' bound structure; the
    constraints `active` among form[m] <= right[m] prune partial combinations. False where `most`
    entries did not do."""
    cdef Dive d
    cdef Entry* spare
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef const List* list
    cdef int c, s, t, k, r, level, moved
    cdef int64_t i, kept
    cdef double x, low
    cdef const double* value = w.value
    d.w = w
    d.v = v
    d.variant = variant
    d.n_cells = lists.n_cells
    d.lists = lists
    d.form = form
    d.weight = scan.weight
    d.steps = 0
    d.most = most
    d.floor = floor
    d.joined = 0
    d.plain = w.best.found and not w.query.product and additive(&w.problem.links)
    for c in range(lists.n_cells):
        d.plain &= v.cells[c].boundary[COL_SCORE] == NULL
    d.n_limits = 0
    for k in range(CONSTRAINTS):
        if active[k]:
            d.limit[d.n_limits] = k
            d.right[d.n_limits] = right[k] + 1e-11 * (1.0 + fabs(right[k]))
            d.n_limits += 1
    for c in range(d.n_cells):
        list = &lists.cell[c]
        d.order[c] = c
        if list.states > 1 or v.cells[c].joined:
            d.joined = 1
        d.entry[c] = <Entry*> flash_take(lists.pool, 2 * (list.n + 1) * sizeof(Entry))
        spare = d.entry[c] + list.n + 1
        d.score[c] = <double*> flash_take(lists.pool, (list.n + 1) * sizeof(double))
        d.use[c] = <double*> flash_take(
            lists.pool, (list.n + 1) * (d.n_limits + 1) * sizeof(double))
        kept = 0
        for s in range(list.states):
            d.start[c][s] = kept
            if filtered:
                kept += undominated(w, &v.cells[c], list, list.start[s], list.start[s + 1],
                                    d.entry[c] + kept, spare)
            else:
                for i in range(list.start[s], list.start[s + 1]):
                    d.entry[c][kept].at = <int32_t> i
                    kept += 1
            for i in range(d.start[c][s], kept):
                d.entry[c][i].value = value[d.entry[c][i].at]
            sort(d.entry[c] + d.start[c][s], kept - d.start[c][s], spare)
            kept = d.start[c][s] + distinct(w, &v.cells[c], list, d.entry[c] + d.start[c][s],
                                            kept - d.start[c][s])
        d.start[c][list.states] = kept
        for i in range(kept):
            d.score[c][i] = 0.0
            if list.column[COL_SCORE] != NULL:
                d.score[c][i] = list.column[COL_SCORE][d.entry[c][i].at]
            for r in range(d.n_limits):
                x = 0.0
                for k in range(FLASH_COLUMNS):
                    if list.column[k] != NULL:
                        x += form[d.limit[r]].w[k] * list.column[k][d.entry[c][i].at]
                d.use[c][i * d.n_limits + r] = x
        value += list.n
    if not d.joined:      # short lists first: the longest is the innermost loop
        for c in range(1, d.n_cells):
            moved = d.order[c]
            level = c
            while level and (d.start[d.order[level - 1]][1] > d.start[moved][1]):
                d.order[level] = d.order[level - 1]
                level -= 1
            d.order[level] = moved
    # what the cells still to come need at least and bring at most
    for r in range(d.n_limits):
        d.rest[d.n_cells][r] = 0.0
    level = d.n_cells - 1
    while level >= 0:
        c = d.order[level]
        list = &lists.cell[c]
        for r in range(d.n_limits):
            low = 1e300
            for i in range(d.start[c][list.states]):
                if d.use[c][i * d.n_limits + r] < low:
                    low = d.use[c][i * d.n_limits + r]
            x = 0.0
            for k in range(FLASH_COLUMNS):
                if v.cells[c].boundary[k] != NULL:
                    x += least_boundary(&v.cells[c], k, form[d.limit[r]].w[k],
                                        lists.cell[c - 1].states if c else 1)
            d.rest[level][r] = d.rest[level + 1][r] + low + x
        for s in range(list.states):
            d.after[level][s] = 0.0
            if level + 1 == d.n_cells:
                continue
            if d.joined:
                d.after[level][s] = scan.after[c][s]
            else:
                t = d.order[level + 1]
                d.after[level][s] = d.after[level + 1][0] + (
                    d.entry[t][0].value if d.start[t][1] else -1e300)
        level -= 1
    x = scan.constant
    for k in range(FLASH_COLUMNS):
        x += scan.weight[k] * v.constant[k]
    for r in range(d.n_limits):
        d.base[r] = form[d.limit[r]].c
        for k in range(FLASH_COLUMNS):
            d.base[r] += form[d.limit[r]].w[k] * v.constant[k]
    descend(&d, 0, 0, x, v.constant[COL_SCORE], d.base)
    for c in range(d.n_cells):
        flash_give(lists.pool, d.entry[c])
        flash_give(lists.pool, d.use[c])
        flash_give(lists.pool, d.score[c])
    return d.steps <= most


cdef inline double least_boundary(const flash_cell* cell, int k, double weight,
                                  int before) noexcept nogil:
    cdef double x, low = 1e300
    cdef int i
    for i in range(before * cell.states):
        x = weight * cell.boundary[k][i]
        if x < low:
            low = x
    return low
