"""Enumeration of a node's surviving rows, whatever its cells hand on: dominance filter, then depth
first, best value first.

A partial combination is given up as soon as its Lagrangian value with the best of the cells still
to come falls short of the incumbent, or what it uses of a constraint with the least that they need
exceeds the right side.
"""

from libc.stdint cimport int32_t, int64_t

from flash._core.search.dominance cimport Entry, distinct, sort, undominated
from flash._core.search.exact cimport (
    DualPoint, SolverState, pause, short_of_memory, spent, threshold,
)
from flash._core.search.lagrangian cimport Relaxation
from flash._core.search.relaxation cimport CONSTRAINTS, Form, additive
from flash._core.search.row_lists cimport List, Lists, flash_give, flash_take
from flash._core.search.tolerances cimport HUGE
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, M_SCORE, N_CELLS, N_STATES, flash_cell, flash_follows, flash_try,
    flash_variant,
)


cdef enum:
    STRIDE = 1024        # entries between looks at the limits: a power of two
    NEAREST = 16        # rows that each is compared with, of thousands in a state: those of the
                         # nearest scores, where what dominates a row lies as a rule


cdef struct Enumeration:
    SolverState* solver
    const flash_variant* v
    int variant
    int n_cells
    int n_limits         # active constraints of the node
    int limit[CONSTRAINTS]       # which
    const Form* form
    double right[CONSTRAINTS]    # their right sides, outward
    double base[CONSTRAINTS]     # their left sides before any cell
    int order[N_CELLS]   # cells in the order of the search: by level
    Entry* entry[N_CELLS]        # by state, then by falling value
    int64_t start[N_CELLS][N_STATES + 1]         # of each state's entries
    double* score[N_CELLS]       # of the entries, in the column's units: exact sums
    double* use[N_CELLS] # n_limits numbers per entry, in the same order
    int plain            # scores decide and add up: a leaf that falls short needs no weighing
    double rest[N_CELLS + 1][CONSTRAINTS]        # least use of the levels from one on
    double after[N_CELLS + 1][N_STATES]          # best value of the levels after one, given its
                                                 # state
    const double* weight # of the columns in the Lagrangian value
    const Lists* lists
    int32_t row[N_CELLS] # chosen so far, by cell
    double floor         # values below it are left for later
    int joined           # cells hand on states
    int64_t steps, most  # entries looked at, and how many may be


cdef inline double least_boundary(const flash_cell* cell, int k, double weight,
                                  int before) noexcept nogil:
    """The least that a column's boundary adds, weighted."""
    cdef double x, low = HUGE
    cdef int i
    for i in range(before * cell.states):
        x = weight * cell.boundary[k][i]
        if x < low:
            low = x
    return low


cdef inline int paused(Enumeration* e) noexcept nogil:
    """Counts an entry; true where no more may be looked at."""
    cdef SolverState* solver = e.solver
    e.steps += 1
    if e.steps & (STRIDE - 1) == 0:
        solver.partial += STRIDE
        if pause(solver):
            return 1
    return solver.limits.stopped or e.steps > e.most


cdef inline void enter_state(const Enumeration* e, int c, int before, int s, const double* use,
                             double* value, double* joint) noexcept nogil:
    """Adds to the value, and to what is used, what lies between state `before` and state s."""
    cdef const flash_cell* cell = &e.v.cells[c]
    cdef const List* list = &e.lists.cell[c]
    cdef double here
    cdef int k, r
    for r in range(e.n_limits):
        joint[r] = use[r]
    if list.states == 1 and not e.joined:
        return
    for k in range(FLASH_COLUMNS):
        if cell.boundary[k] != NULL:
            here = cell.boundary[k][before * list.states + s]
            value[0] += e.weight[k] * here
            for r in range(e.n_limits):
                joint[r] += e.form[e.limit[r]].w[k] * here


cdef inline void descend(Enumeration* e, int level, int before, double value, double points,
                         const double* use) noexcept nogil:
    """Every combination that extends the first `level` levels and may match the incumbent.

    before: the state that the cell before hands on; value, points, use: the first levels'
    Lagrangian value, score in the column's units, and left sides of the constraints.
    """
    cdef SolverState* solver = e.solver
    cdef int c = e.order[level], s, r, last = level + 1 == e.n_cells
    cdef const flash_cell* cell = &e.v.cells[c]
    cdef const List* list = &e.lists.cell[c]
    cdef double base
    cdef double used[CONSTRAINTS]
    cdef double joint[CONSTRAINTS]
    cdef int64_t i
    for s in range(list.states):
        if c and not flash_follows(&e.v.cells[c - 1], before, cell, s):
            continue
        # base + an entry's value: what no completion of that entry exceeds
        base = value + e.after[level][s]
        enter_state(e, c, before, s, use, &base, joint)
        for i in range(e.start[c][s], e.start[c][s + 1]):
            if paused(e):
                return
            if (base + e.entry[c][i].value < threshold(solver)
                    or base + e.entry[c][i].value < e.floor):
                break    # so do all entries after it: they lie by falling value
            if last and e.plain and (
                    solver.problem.links.quantum[M_SCORE] * (points + e.score[c][i])
                    < solver.best.metric[M_SCORE]):
                continue
            for r in range(e.n_limits):
                used[r] = joint[r] + e.use[c][i * e.n_limits + r]
                if used[r] + e.rest[level + 1][r] > e.right[r]:
                    break
            else:
                e.row[c] = (list.id[e.entry[c][i].at] if list.id != NULL
                            else e.entry[c][i].at)
                if not last:
                    descend(e, level + 1, s, base - e.after[level][s] + e.entry[c][i].value,
                            points + e.score[c][i], used)
                elif spent(solver):
                    return
                else:
                    flash_try(solver.problem, solver.query, e.variant, e.row, &solver.best)


cdef inline void set_limits(Enumeration* e, const Relaxation* m) noexcept nogil:
    """The active constraints, outward, and what the variant's constants use of them."""
    cdef int k, r
    e.n_limits = 0
    for k in range(CONSTRAINTS):
        if m.active[k]:
            e.limit[e.n_limits] = k
            e.right[e.n_limits] = m.right[k] + m.slack[k]
            e.n_limits += 1
    for r in range(e.n_limits):
        e.base[r] = e.form[e.limit[r]].c
        for k in range(FLASH_COLUMNS):
            e.base[r] += e.form[e.limit[r]].w[k] * e.v.constant[k]


cdef inline void arrange_state(Enumeration* e, int c, int s, const double* value, int filtered,
                               Entry* spare) noexcept nogil:
    """The entries of a state by falling value, from start[c][s] on; sets where the next begin."""
    cdef const flash_cell* cell = &e.v.cells[c]
    cdef const List* list = &e.lists.cell[c]
    cdef Entry* entry = e.entry[c] + e.start[c][s]
    cdef int64_t i, n = 0
    if filtered:
        n = undominated(e.solver, cell, list, list.start[s], list.start[s + 1], entry, spare,
                        NEAREST)
    else:
        for i in range(list.start[s], list.start[s + 1]):
            entry[n].at = <int32_t> i
            n += 1
    for i in range(n):
        entry[i].value = value[entry[i].at]
    sort(entry, n, spare)
    e.start[c][s + 1] = e.start[c][s] + distinct(e.solver, cell, list, entry, n)


cdef inline void tally(Enumeration* e, int c) noexcept nogil:
    """What each entry of a cell scores and uses."""
    cdef const List* list = &e.lists.cell[c]
    cdef double x
    cdef int k, r
    cdef int64_t i
    for i in range(e.start[c][list.states]):
        e.score[c][i] = 0.0
        if list.column[COL_SCORE] != NULL:
            e.score[c][i] = list.column[COL_SCORE][e.entry[c][i].at]
        for r in range(e.n_limits):
            x = 0.0
            for k in range(FLASH_COLUMNS):
                if list.column[k] != NULL:
                    x += e.form[e.limit[r]].w[k] * list.column[k][e.entry[c][i].at]
            e.use[c][i * e.n_limits + r] = x


cdef inline int arrange_cell(Enumeration* e, int c, const double* value,
                             int filtered) noexcept nogil:
    """A cell's entries, state after state, with what they score and use; false: no memory.

    value: Lagrangian values of the list's rows."""
    cdef const List* list = &e.lists.cell[c]
    cdef int s
    e.entry[c] = <Entry*> flash_take(e.lists.pool, 2 * (list.n + 1) * sizeof(Entry))
    e.score[c] = <double*> flash_take(e.lists.pool, (list.n + 1) * sizeof(double))
    e.use[c] = <double*> flash_take(
        e.lists.pool, (list.n + 1) * (e.n_limits + 1) * sizeof(double))
    if e.entry[c] == NULL or e.score[c] == NULL or e.use[c] == NULL:
        return 0
    e.start[c][0] = 0
    for s in range(list.states):
        arrange_state(e, c, s, value, filtered, e.entry[c] + list.n + 1)
    tally(e, c)
    return 1


cdef inline void order_cells(Enumeration* e) noexcept nogil:
    """Short lists first, the longest is the innermost loop; cells that hand on states as they are.
    """
    cdef int c, level
    for c in range(e.n_cells):       # by insertion: the levels before are in order
        level = c
        while not e.joined and level and (
                e.start[e.order[level - 1]][1] > e.start[c][1]):
            e.order[level] = e.order[level - 1]
            level -= 1
        e.order[level] = c


cdef inline double least_use(const Enumeration* e, int c, int r) noexcept nogil:
    """The least that a cell uses of a limit, with its boundary."""
    cdef const flash_cell* cell = &e.v.cells[c]
    cdef double low = HUGE, x = 0.0
    cdef int64_t i
    cdef int k
    for i in range(e.start[c][e.lists.cell[c].states]):
        if e.use[c][i * e.n_limits + r] < low:
            low = e.use[c][i * e.n_limits + r]
    for k in range(FLASH_COLUMNS):
        if cell.boundary[k] != NULL:
            x += least_boundary(cell, k, e.form[e.limit[r]].w[k],
                                e.lists.cell[c - 1].states if c else 1)
    return low + x


cdef inline void look_ahead(Enumeration* e, const DualPoint* dual) noexcept nogil:
    """From the last level up: what the levels still to come need at least and bring at most."""
    cdef int c, r, s, t, level = e.n_cells - 1
    for r in range(e.n_limits):
        e.rest[e.n_cells][r] = 0.0
    while level >= 0:
        c = e.order[level]
        for r in range(e.n_limits):
            e.rest[level][r] = e.rest[level + 1][r] + least_use(e, c, r)
        for s in range(e.lists.cell[c].states):
            e.after[level][s] = 0.0
            if level + 1 == e.n_cells:
                continue
            if e.joined:
                e.after[level][s] = dual.after[c][s]
            else:
                t = e.order[level + 1]
                e.after[level][s] = e.after[level + 1][0] + (
                    e.entry[t][0].value if e.start[t][1] else -HUGE)
        level -= 1


cdef inline void begin(Enumeration* e, SolverState* solver, int variant, const Lists* lists,
                       const Relaxation* m, const DualPoint* dual) noexcept nogil:
    """What is known before any row is looked at."""
    cdef const flash_variant* v = &solver.problem.variants[variant]
    cdef int c
    e.solver = solver
    e.v = v
    e.variant = variant
    e.n_cells = lists.n_cells
    e.lists = lists
    e.form = &m.form[0]
    e.weight = &dual.weight[0]
    e.steps = 0
    e.joined = 0
    e.plain = (solver.best.found and not solver.query.product
               and additive(&solver.problem.links))
    for c in range(e.n_cells):
        e.plain &= v.cells[c].boundary[COL_SCORE] == NULL
        if lists.cell[c].states > 1 or v.cells[c].joined:
            e.joined = 1
        e.entry[c] = NULL
        e.score[c] = e.use[c] = NULL


cdef inline int arrange_cells(Enumeration* e, int filtered) noexcept nogil:
    """All cells' entries; false where memory ends."""
    cdef const double* value = e.solver.value
    cdef int c
    for c in range(e.n_cells):
        if not arrange_cell(e, c, value, filtered):
            return 0
        value += e.lists.cell[c].n
    return 1


cdef inline int enumerate_depth_first(SolverState* solver, int variant, const Lists* lists,
                                      const DualPoint* dual, const Relaxation* m, int filtered,
                                      double floor, int64_t most) noexcept nogil:
    """Enumerates a node: every combination whose Lagrangian value is `floor` or more and may match
    the incumbent. False where `most` entries did not do, or memory ended.

    dual: its weights made the rows' values, solver.value; m: its active constraints prune partial
    combinations; filtered: without dominated rows.
    """
    cdef Enumeration e
    cdef const flash_variant* v = &solver.problem.variants[variant]
    cdef double constant = dual.constant
    cdef int c, k
    begin(&e, solver, variant, lists, m, dual)
    e.floor = floor
    e.most = most
    set_limits(&e, m)
    if arrange_cells(&e, filtered):
        order_cells(&e)
        look_ahead(&e, dual)
        for k in range(FLASH_COLUMNS):
            constant += dual.weight[k] * v.constant[k]
        descend(&e, 0, 0, constant, v.constant[COL_SCORE], e.base)
    for c in range(e.n_cells):
        flash_give(lists.pool, e.entry[c])
        flash_give(lists.pool, e.use[c])
        flash_give(lists.pool, e.score[c])
    return not short_of_memory(solver) and e.steps <= most
