"""Enumeration of a node where cells don't hand on states.

All cells but the last are nested loops over rows by falling value. The last cell lies by its key:
falling score where the score decides, falling value for a weighted product. What a partial
combination still needs leaves a prefix of it, and the least uses within that prefix tell at once
whether any of them can fit; vectors sift the prefix before anything is weighed exactly.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from flash._core.search.dominance cimport Entry, distinct, sort, undominated
from flash._core.search.exact cimport CONSTRAINTS, Scan, Worker, pause
from flash._core.search.last_cell cimport Flat, finish, index_last, link_last, match
from flash._core.search.relaxation cimport Box, Form, additive
from flash._core.search.row_lists cimport List, Lists, flash_give, flash_take
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, M_MACS, M_PARAMS, N_COLUMNS, flash_query, flash_variant,
)


cdef inline int siftable(const Worker* w, const flash_variant* v, const Lists* lists) noexcept nogil:
    """There is an answer to match, no cell hands on a state, and nothing but the score, latency,
    energy and area counts in a product, in which no cost is rewarded."""
    cdef const flash_query* q = w.query
    cdef int c
    if not w.best.found:
        return 0
    if q.product and (w.unusual or w.problem.links.score_link != 0 or q.exponent[M_PARAMS] != 0.0
                      or q.exponent[M_MACS] != 0.0 or not additive(&w.problem.links)):
        return 0
    for c in range(lists.n_cells):
        if lists.cell[c].states > 1 or v.cells[c].joined:
            return 0
    return 1


cdef inline void nest(Flat* d, int level, double value, double points,
                      const double* use) noexcept nogil:
    """Every combination that extends the first `level` levels and may match the best answer."""
    cdef double used[CONSTRAINTS + 1]
    cdef int64_t i
    cdef int r
    cdef const double* more = d.use[level]
    for i in range(d.n[level]):
        d.steps += 1
        if d.steps >= d.check:
            d.w.partial += d.steps - (d.check - 1024)
            d.check = d.steps + 1024
            if pause(d.w):
                return
        if d.w.limits.stopped or d.steps > d.most:
            return
        if value + d.after[level + 1] + d.entry[level][i].value < d.least:
            return
        if not d.by_value and points + d.score[level][i] + d.gain[level + 1] < d.want:
            continue
        for r in range(d.n_limits):
            used[r] = use[r] + more[i * d.n_limits + r]
            if used[r] + d.rest[level + 1][r] > d.right[r]:
                break
        else:
            d.row[level] = d.entry[level][i].at
            if level + 2 == d.n_cells:
                finish(d, value + d.entry[level][i].value, points + d.score[level][i], used)
            else:
                nest(d, level + 1, value + d.entry[level][i].value, points + d.score[level][i],
                     used)


cdef inline void score_by_line(Flat* d, const List* list, const Form* line,
                               double* score) noexcept nogil:
    """What the line gives each row of a list."""
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef int k, used = 0
    for k in range(FLASH_COLUMNS):
        if list.column[k] != NULL and line.w[k] != 0.0:
            column[used] = list.column[k]
            weight[used] = line.w[k]
            used += 1
    d.w.kernels.weigh(list.n, used, column, weight, score)


cdef inline void arrange(Flat* d, int level, const double* value, const double* weights,
                         const Form* line, int filtered) noexcept nogil:
    """The rows of a level in its order, with what they score and use."""
    cdef const List* list = &d.lists.cell[d.order[level]]
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef const double* key = value
    cdef const double* lined
    cdef double* plain
    cdef double low
    cdef Entry* entry
    cdef Entry* spare
    cdef int k, r, used, last = level + 1 == d.n_cells
    cdef int64_t i, n = list.n
    entry = d.entry[level] = <Entry*> flash_take(d.lists.pool, 2 * (n + 1) * sizeof(Entry))
    spare = entry + n + 1
    plain = <double*> flash_take(d.lists.pool, 2 * (n + 8) * sizeof(double))
    lined = list.column[COL_SCORE]
    if d.lined:
        score_by_line(d, list, line, plain + n + 8)
        lined = plain + n + 8
    if last and not d.by_value:
        key = lined
    if filtered:
        n = undominated(d.w, &d.v.cells[d.order[level]], list, 0, n, entry, spare)
        if key != list.column[COL_SCORE]:
            for i in range(n):
                entry[i].value = key[entry[i].at]
            sort(entry, n, spare)
    else:
        for i in range(n):
            entry[i].at = <int32_t> i
            entry[i].value = key[i] if key != NULL else 0.0
        sort(entry, n, spare)
        n = distinct(d.w, &d.v.cells[d.order[level]], list, entry, n)
    d.n[level] = n
    d.score[level] = <double*> flash_take(d.lists.pool, (n + 1) * sizeof(double))
    d.use[level] = <double*> flash_take(d.lists.pool, (n + 1) * d.n_limits * sizeof(double))
    for i in range(n):
        d.score[level][i] = lined[entry[i].at] if lined != NULL else 0.0
    for r in range(d.n_limits):
        used = 0
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL and weights[r * FLASH_COLUMNS + k] != 0.0:
                column[used] = list.column[k]
                weight[used] = weights[r * FLASH_COLUMNS + k]
                used += 1
        if used:
            d.w.kernels.weigh(list.n, used, column, weight, plain)
        low = 1e300
        for i in range(n):
            d.use[level][r * n + i if last else i * d.n_limits + r] = (
                plain[entry[i].at] if used else 0.0)
            if used and plain[entry[i].at] < low:
                low = plain[entry[i].at]
        d.rest[level][r] = low if used else 0.0
    flash_give(d.lists.pool, plain)
    d.gain[level] = -1e300
    d.after[level] = -1e300
    for i in range(n):
        if d.score[level][i] > d.gain[level]:
            d.gain[level] = d.score[level][i]
        if value[entry[i].at] > d.after[level]:
            d.after[level] = value[entry[i].at]


cdef inline int flat_dive(Worker* w, int variant, const Lists* lists, const Scan* scan,
                          const Form* form, const double* right, const int* active,
                          const double* price, const Form* line, const Box* box,
                          int filtered, double floor, int64_t most) noexcept nogil:
    """Enumerates a node, as `dive` does, where `siftable` holds."""
    cdef Flat d
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef const double* value[32]
    cdef double weights[(CONSTRAINTS + 1) * N_COLUMNS]
    cdef double used[CONSTRAINTS + 1]
    cdef double x, points
    cdef int c, k, r, level
    cdef int64_t i
    cdef double* keys = NULL
    d.w = w
    d.floor = floor
    d.by_value = w.query.product
    d.lined = not w.query.product and not additive(&w.problem.links)
    d.slack = fabs(line.c)
    points = v.constant[COL_SCORE]
    if d.lined:
        points = line.c
    for k in range(FLASH_COLUMNS if d.lined else 0):
        points += line.w[k] * v.constant[k]
        d.slack += fabs(line.w[k]) * max(fabs(box.low[k]), fabs(box.high[k]))
    d.slack *= 1e-14
    d.v = v
    d.variant = variant
    d.lists = lists
    d.n_cells = lists.n_cells
    d.steps = 0
    d.most = most
    d.check = 1024
    d.n_limits = 1
    d.right[0] = used[0] = 0.0
    for k in range(FLASH_COLUMNS):
        weights[k] = 0.0
    for r in range(CONSTRAINTS):
        if not active[r]:
            continue
        d.right[d.n_limits] = right[r] + 1e-11 * (1.0 + fabs(right[r]))
        used[d.n_limits] = form[r].c
        for k in range(FLASH_COLUMNS):
            weights[d.n_limits * FLASH_COLUMNS + k] = form[r].w[k]
            weights[k] += price[r] * form[r].w[k]
            used[d.n_limits] += form[r].w[k] * v.constant[k]
        d.right[0] += price[r] * d.right[d.n_limits]
        used[0] += price[r] * used[d.n_limits]
        d.n_limits += 1
    d.right[0] += 1e-11 * fabs(d.right[0])
    # short lists first: the longest is the innermost loop
    value[0] = w.value
    for c in range(d.n_cells):
        d.order[c] = c
        if c:
            value[c] = value[c - 1] + lists.cell[c - 1].n
        level = c
        while level and lists.cell[d.order[level - 1]].n > lists.cell[c].n:
            d.order[level] = d.order[level - 1]
            level -= 1
        d.order[level] = c
    for level in range(d.n_cells):
        arrange(&d, level, value[d.order[level]], weights, line, filtered)
    d.chosen = <int32_t*> flash_take(lists.pool, (d.n[d.n_cells - 1] + 16) * sizeof(int32_t))
    d.key = d.score[d.n_cells - 1]
    if d.by_value:
        keys = <double*> flash_take(lists.pool, (d.n[d.n_cells - 1] + 1) * sizeof(double))
        for i in range(d.n[d.n_cells - 1]):
            keys[i] = d.entry[d.n_cells - 1][i].value
        d.key = keys
    index_last(&d)
    link_last(&d)
    level = d.n_cells
    for r in range(d.n_limits):
        d.rest[level][r] = 0.0
    d.after[level] = d.gain[level] = 0.0
    while level:
        level -= 1
        for r in range(d.n_limits):
            d.rest[level][r] += d.rest[level + 1][r]
        d.after[level] += d.after[level + 1]
        d.gain[level] += d.gain[level + 1]
    x = scan.constant
    for k in range(FLASH_COLUMNS):
        x += scan.weight[k] * v.constant[k]
    match(&d)
    if d.n_cells == 1:
        finish(&d, x, points, used)
    else:
        nest(&d, 0, x, points, used)
    if d.by_value:
        flash_give(lists.pool, keys)
    flash_give(lists.pool, d.least_use)
    flash_give(lists.pool, d.chosen)
    if d.linked != NULL:
        flash_give(lists.pool, d.linked)
        flash_give(lists.pool, d.least_scale)
    for level in range(d.n_cells):
        flash_give(lists.pool, d.entry[level])
        flash_give(lists.pool, d.score[level])
        flash_give(lists.pool, d.use[level])
    return d.steps <= most
