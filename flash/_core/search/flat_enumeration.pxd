"""Enumeration of a node where cells don't hand on states.

All cells but the last are nested loops over rows by falling value. The last cell lies by its key:
falling score where the score decides, falling value for a weighted product. What a partial
combination still needs leaves a prefix of it, and the least uses within that prefix tell at once
whether any of them can fit; vectors sift the prefix before anything is weighed exactly.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from flash._core.search.dominance cimport Entry, distinct, sort, undominated
from flash._core.search.exact cimport DualPoint, SolverState, pause, short_of_memory
from flash._core.search.lagrangian cimport Relaxation
from flash._core.search.last_cell cimport (
    LIMITS, SPARE, FlatEnumeration, finish, index_last, link_last, match,
)
from flash._core.search.relaxation cimport CONSTRAINTS, Form, additive
from flash._core.search.roundings cimport power_of_two
from flash._core.search.row_lists cimport List, Lists, flash_give, flash_take
from flash._core.search.tolerances cimport CONSTRAINT_SLACK, HUGE
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, LINK_NONE, M_MACS, M_PARAMS, M_SCORE, N_CELLS, N_COLUMNS,
    flash_query, flash_variant,
)


cdef enum:
    STRIDE = 1024        # rows between looks at the limits
    PRICED = 0           # the limit that is the constraints' sum, weighed by their multipliers


cdef inline int sure_scores(const SolverState* solver, const flash_variant* v) noexcept nogil:
    """Whether a score from two parts is as good as that of the total, relatively: parts of both
    signs that are no exact numbers may leave nothing but rounding."""
    return (solver.facts[v - solver.problem.variants].score_size == 0.0
            or power_of_two(solver.problem.links.quantum[M_SCORE]))


cdef inline int siftable(const SolverState* solver, const flash_variant* v,
                         const Lists* lists) noexcept nogil:
    """There is an answer to match, no cell hands on a state, and nothing but the score, latency,
    energy and area counts in a product, in which no cost is rewarded."""
    cdef const flash_query* q = solver.query
    cdef int c
    if not solver.best.found:
        return 0
    if q.product and (solver.unusual or solver.problem.links.score_link != LINK_NONE
                      or q.exponent[M_PARAMS] != 0.0 or q.exponent[M_MACS] != 0.0
                      or not additive(&solver.problem.links)
                      or not sure_scores(solver, v)):
        return 0
    for c in range(lists.n_cells):
        if lists.cell[c].states > 1 or v.cells[c].joined:
            return 0
    return 1


cdef inline int paused(FlatEnumeration* e) noexcept nogil:
    """Counts a row; true where no more may be looked at."""
    e.steps += 1
    if e.steps >= e.check:
        e.solver.partial += e.steps - (e.check - STRIDE)
        e.check = e.steps + STRIDE
        if pause(e.solver):
            return 1
    return e.solver.limits.stopped or e.steps > e.most


cdef inline void nest(FlatEnumeration* e, int level, double value, double points,
                      const double* use) noexcept nogil:
    """Every combination that extends the first `level` levels and may match the incumbent.

    value, points, use: the first levels' Lagrangian value, score, and left sides of the limits.
    """
    cdef double used[LIMITS]
    cdef int64_t i
    cdef int r
    cdef const double* more = e.use[level]
    for i in range(e.n[level]):
        if paused(e):
            return
        if value + e.after[level + 1] + e.entry[level][i].value < e.least:
            return       # so do the rows after it: they lie by falling value
        if not e.by_value and points + e.score[level][i] + e.gain[level + 1] < e.want:
            continue
        for r in range(e.n_limits):
            used[r] = use[r] + more[i * e.n_limits + r]
            if used[r] + e.rest[level + 1][r] > e.right[r]:
                break
        else:
            e.row[level] = e.entry[level][i].at
            if level + 2 == e.n_cells:
                finish(e, value + e.entry[level][i].value, points + e.score[level][i], used)
            else:
                nest(e, level + 1, value + e.entry[level][i].value, points + e.score[level][i],
                     used)


cdef inline int weigh_by(const FlatEnumeration* e, const List* list, const double* weights,
                         double* out) noexcept nogil:
    """Each row's sum of columns, weighed; false, and nothing written, where no column counts."""
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef int k, used = 0
    for k in range(FLASH_COLUMNS):
        if list.column[k] != NULL and weights[k] != 0.0:
            column[used] = list.column[k]
            weight[used] = weights[k]
            used += 1
    if used:
        e.solver.kernels.weigh(list.n, used, column, weight, out)
    return used


cdef inline int64_t order_rows(FlatEnumeration* e, int level, const double* value,
                               const double* score, int filtered) noexcept nogil:
    """A level's entries, by falling value; the last level's by its key. How many are left."""
    cdef const List* list = &e.lists.cell[e.order[level]]
    cdef const double* key = value
    cdef Entry* entry = e.entry[level]
    cdef Entry* spare = entry + list.n + 1
    cdef int64_t i, n = list.n
    if level + 1 == e.n_cells and not e.by_value:
        key = score
    if filtered:
        n = undominated(e.solver, &e.v.cells[e.order[level]], list, 0, n, entry, spare, n)
        if key != list.column[COL_SCORE]:        # by which they lie already
            for i in range(n):
                entry[i].value = key[entry[i].at]
            sort(entry, n, spare)
        return n
    for i in range(n):
        entry[i].at = <int32_t> i
        entry[i].value = key[i] if key != NULL else 0.0
    sort(entry, n, spare)
    return distinct(e.solver, &e.v.cells[e.order[level]], list, entry, n)


cdef inline void tally(FlatEnumeration* e, int level, const double* score, const double* weights,
                       double* room) noexcept nogil:
    """What a level's entries score and use, and the least of each use. room: a number a row."""
    cdef const List* list = &e.lists.cell[e.order[level]]
    cdef const Entry* entry = e.entry[level]
    cdef double low, one
    cdef int r, used, last = level + 1 == e.n_cells
    cdef int64_t i, n = e.n[level]
    for i in range(n):
        e.score[level][i] = score[entry[i].at] if score != NULL else 0.0
    for r in range(e.n_limits):
        used = weigh_by(e, list, weights + r * FLASH_COLUMNS, room)
        low = HUGE
        for i in range(n):
            one = room[entry[i].at] if used else 0.0
            e.use[level][r * n + i if last else i * e.n_limits + r] = one
            if used and one < low:
                low = one
        e.rest[level][r] = low if used else 0.0


cdef inline void find_best(FlatEnumeration* e, int level, const double* value) noexcept nogil:
    """The best score and the best value of a level's entries."""
    cdef int64_t i
    e.gain[level] = -HUGE
    e.after[level] = -HUGE
    for i in range(e.n[level]):
        if e.score[level][i] > e.gain[level]:
            e.gain[level] = e.score[level][i]
        if value[e.entry[level][i].at] > e.after[level]:
            e.after[level] = value[e.entry[level][i].at]


cdef inline int arrange(FlatEnumeration* e, int level, const double* value, const double* weights,
                        const Form* line, int filtered) noexcept nogil:
    """The rows of a level in its order, with what they score and use; false: no memory."""
    cdef const List* list = &e.lists.cell[e.order[level]]
    cdef const double* score = list.column[COL_SCORE]
    cdef double* room
    cdef int64_t n = list.n
    e.entry[level] = <Entry*> flash_take(e.lists.pool, 2 * (n + 1) * sizeof(Entry))
    room = <double*> flash_take(e.lists.pool, 2 * (n + SPARE) * sizeof(double))
    if e.entry[level] == NULL or room == NULL:
        flash_give(e.lists.pool, room)
        return 0
    if e.lined:
        score = room + n + SPARE
        if not weigh_by(e, list, line.w, room + n + SPARE):
            memset(room + n + SPARE, 0, n * sizeof(double))
    e.n[level] = n = order_rows(e, level, value, score, filtered)
    e.score[level] = <double*> flash_take(e.lists.pool, (n + 1) * sizeof(double))
    e.use[level] = <double*> flash_take(e.lists.pool, (n + 1) * e.n_limits * sizeof(double))
    if e.score[level] != NULL and e.use[level] != NULL:
        tally(e, level, score, weights, room)
        find_best(e, level, value)
    flash_give(e.lists.pool, room)
    return e.score[level] != NULL and e.use[level] != NULL


cdef inline void begin(FlatEnumeration* e, SolverState* solver, int variant,
                       const Lists* lists) noexcept nogil:
    """What is known before any row is looked at."""
    cdef int level
    e.solver = solver
    e.v = &solver.problem.variants[variant]
    e.variant = variant
    e.lists = lists
    e.n_cells = lists.n_cells
    e.steps = 0
    e.check = STRIDE
    e.by_value = solver.query.product
    e.lined = not solver.query.product and not additive(&solver.problem.links)
    e.linked = e.least_scale = e.least_use = e.keys = NULL
    e.chosen = NULL
    for level in range(e.n_cells):
        e.entry[level] = NULL
        e.score[level] = e.use[level] = NULL


cdef inline double own_points(FlatEnumeration* e, const Relaxation* m) noexcept nogil:
    """What the variant scores before any row; sets the slack of scores that are known by a line."""
    cdef const Form* line = &m.upper[M_SCORE]
    cdef double points = e.v.constant[COL_SCORE]
    cdef int k
    e.slack = fabs(line.c)
    if e.lined:
        points = line.c
        for k in range(FLASH_COLUMNS):
            points += line.w[k] * e.v.constant[k]
            e.slack += fabs(line.w[k]) * m.size[k]
    e.slack = e.slack * m.sum_slack + m.log_loss
    return points


cdef inline void set_limits(FlatEnumeration* e, const Relaxation* m, const double* multiplier,
                            double* weights) noexcept nogil:
    """The limits, outward; weights: of each one's columns, FLASH_COLUMNS numbers a limit."""
    cdef int k, r
    e.n_limits = 1
    e.right[PRICED] = e.base[PRICED] = 0.0
    for k in range(FLASH_COLUMNS):
        weights[k] = 0.0
    for r in range(CONSTRAINTS):
        if not m.active[r]:
            continue
        e.right[e.n_limits] = m.right[r] + m.slack[r]
        e.base[e.n_limits] = m.form[r].c
        for k in range(FLASH_COLUMNS):
            weights[e.n_limits * FLASH_COLUMNS + k] = m.form[r].w[k]
            weights[k] += multiplier[r] * m.form[r].w[k]
            e.base[e.n_limits] += m.form[r].w[k] * e.v.constant[k]
        e.right[PRICED] += multiplier[r] * e.right[e.n_limits]
        e.base[PRICED] += multiplier[r] * e.base[e.n_limits]
        e.n_limits += 1
    e.right[PRICED] += CONSTRAINT_SLACK * fabs(e.right[PRICED])


cdef inline int arrange_levels(FlatEnumeration* e, const double* weights, const Form* line,
                               int filtered) noexcept nogil:
    """All levels' rows: short lists first, the longest is the innermost loop. False: no memory."""
    cdef const double* value[N_CELLS]    # of each cell's rows
    cdef int c, level
    for c in range(e.n_cells):           # by insertion: the levels before are in order
        value[c] = value[c - 1] + e.lists.cell[c - 1].n if c else e.solver.value
        level = c
        while level and e.lists.cell[e.order[level - 1]].n > e.lists.cell[c].n:
            e.order[level] = e.order[level - 1]
            level -= 1
        e.order[level] = c
    for level in range(e.n_cells):
        if not arrange(e, level, value[e.order[level]], weights, line, filtered):
            return 0
    return 1


cdef inline int arrange_last(FlatEnumeration* e) noexcept nogil:
    """What the innermost loop needs: keys, where they are found, and parts. False: no memory."""
    cdef int last = e.n_cells - 1
    cdef int64_t i
    e.chosen = <int32_t*> flash_take(e.lists.pool, (e.n[last] + 2 * SPARE) * sizeof(int32_t))
    if e.chosen == NULL:
        return 0
    e.key = e.score[last]
    if e.by_value:
        e.keys = <double*> flash_take(e.lists.pool, (e.n[last] + 1) * sizeof(double))
        if e.keys == NULL:
            return 0
        for i in range(e.n[last]):
            e.keys[i] = e.entry[last][i].value
        e.key = e.keys
    return index_last(e) and link_last(e)


cdef inline void look_ahead(FlatEnumeration* e) noexcept nogil:
    """Of one level to of all levels from it on: least use, best value, best score."""
    cdef int r, level = e.n_cells
    for r in range(e.n_limits):
        e.rest[level][r] = 0.0
    e.after[level] = e.gain[level] = 0.0
    while level:
        level -= 1
        for r in range(e.n_limits):
            e.rest[level][r] += e.rest[level + 1][r]
        e.after[level] += e.after[level + 1]
        e.gain[level] += e.gain[level + 1]


cdef inline void end(FlatEnumeration* e) noexcept nogil:
    """Gives all memory back."""
    cdef int level
    flash_give(e.lists.pool, e.keys)
    flash_give(e.lists.pool, e.least_use)
    flash_give(e.lists.pool, e.chosen)
    flash_give(e.lists.pool, e.linked)
    flash_give(e.lists.pool, e.least_scale)
    for level in range(e.n_cells):
        flash_give(e.lists.pool, e.entry[level])
        flash_give(e.lists.pool, e.score[level])
        flash_give(e.lists.pool, e.use[level])


cdef inline int enumerate_flat(SolverState* solver, int variant, const Lists* lists,
                               const DualPoint* dual, const Relaxation* m,
                               const double* multiplier, int filtered, double floor,
                               int64_t most) noexcept nogil:
    """Enumerates a node, as `enumerate_depth_first` does, where `siftable` holds."""
    cdef FlatEnumeration e
    cdef double weights[LIMITS * N_COLUMNS]
    cdef double constant = dual.constant, points
    cdef int k
    begin(&e, solver, variant, lists)
    e.floor = floor
    e.most = most
    points = own_points(&e, m)
    set_limits(&e, m, multiplier, weights)
    if arrange_levels(&e, weights, &m.upper[M_SCORE], filtered) and arrange_last(&e):
        look_ahead(&e)
        for k in range(FLASH_COLUMNS):
            constant += dual.weight[k] * e.v.constant[k]
        match(&e)
        if e.n_cells == 1:
            finish(&e, constant, points, e.base)
        else:
            nest(&e, 0, constant, points, e.base)
    end(&e)
    return not short_of_memory(solver) and e.steps <= most
