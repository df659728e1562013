"""Moves on the lattice of choices, and local search by them.

A move shifts one variable, two variables of a cell, or one variable in each of two cells. Totals
are sums of integers, exact in any order, so a neighbour's totals are its origin's plus the moves'
differences; only where cells hand on widths are they summed anew.
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t

from flash._core.search.exact cimport SolverState, pause, spent
from flash._core.search.relaxation cimport additive
from flash._core.tables.problem cimport (
    COL_PEAK, COL_SCORE, FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_SCORE,
    N_CELLS, N_COLUMNS, N_METRICS, N_VARIABLES, flash_accuracy, flash_area, flash_cell,
    flash_class, flash_class_at, flash_energy, flash_feasible, flash_latency, flash_links,
    flash_metrics, flash_objective, flash_totals, flash_try, flash_variant,
)


cdef enum:
    SHIFTS = 2 * N_VARIABLES     # of one cell: each variable, down and up
    COARSEST = 3         # steps are a range's size >> 3 first, halved until they are 1
    FINEST = 9
    LOOK = 16384         # configurations between looks at the limits

cdef extern from *:
    """
    #define FLASH_OVER_BUDGET_MERIT -1e9
    #define FLASH_MOST_VIOLATION 1e9
    #define FLASH_NO_BUDGET 1e-300
    """
    const double OVER_BUDGET_MERIT "FLASH_OVER_BUDGET_MERIT"     # and less: a budget is broken
    const double MOST_VIOLATION "FLASH_MOST_VIOLATION"
    const double NO_BUDGET "FLASH_NO_BUDGET"     # added to what is divided by: it may be 0


cdef struct LatticePoint:
    double merit         # objective, or what it breaks budgets by (appraise)
    int variant
    int32_t row[N_CELLS]      # rows of the space


cdef struct Move:
    int32_t row
    int usable
    double change[N_COLUMNS]     # of the totals
    double peak          # of the row


cdef struct Neighbourhood:   # the moves from one point
    double total[N_COLUMNS]
    double peak[N_CELLS]      # of each cell
    Move one[N_CELLS][SHIFTS]
    Move two[N_CELLS][SHIFTS][SHIFTS]  # of a cell: the first move, then a variable after its own


cdef inline int summed(const flash_variant* v) noexcept nogil:
    """Totals are plain sums of rows: no cell hands on a state."""
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].states > 1 or v.cells[c].joined:
            return 0
    return 1


cdef inline int one_width(const flash_variant* v) noexcept nogil:
    """Any rows may follow each other, so that those of the tables are those of the space."""
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].incoming > 1:
            return 0
    return 1


cdef inline double appraise(SolverState* solver, int variant, const int32_t* row,
                            const double* total, double least) noexcept nogil:
    """Merit of the configuration of table rows `row` with these totals; anything not above `least`
    where its score or a budget tells as much."""
    cdef const flash_links* links = &solver.problem.links
    cdef double metric[N_METRICS]
    cdef const flash_class* of
    cdef double over = 0.0, x
    cdef int k
    if spent(solver):
        return -INFINITY
    if not solver.query.product and least > OVER_BUDGET_MERIT and additive(links):
        x = links.quantum[M_SCORE] * total[COL_SCORE]
        if x <= least and x < solver.best.objective:
            return least
    if least > OVER_BUDGET_MERIT:     # what breaks a budget is no better
        of = flash_class_at(links, total)
        if (flash_latency(links, of, total) > solver.query.maximum[M_LATENCY]
                or flash_area(links, of, total) > solver.query.maximum[M_AREA]
                or flash_energy(links, of, total) > solver.query.maximum[M_ENERGY]):
            return least
    flash_metrics(links, total, metric)
    if flash_feasible(links, solver.query, metric):
        x = flash_objective(links, solver.query, metric)
        if not solver.best.found or x >= solver.best.objective:
            flash_try(solver.problem, solver.query, variant, row, &solver.best)
        return x
    for k in range(1, FLASH_METRICS):
        if metric[k] > solver.query.maximum[k]:
            over += metric[k] / (solver.query.maximum[k] + NO_BUDGET) - 1.0
    if solver.query.min_accuracy > -INFINITY:
        x = flash_accuracy(links, metric[M_SCORE])
        if x < solver.query.min_accuracy:
            over += (solver.query.min_accuracy - x) / (fabs(solver.query.min_accuracy) + NO_BUDGET)
    return OVER_BUDGET_MERIT * (1.0 + (over if over < MOST_VIOLATION else MOST_VIOLATION))


cdef inline double weigh_point(SolverState* solver, LatticePoint* p) noexcept nogil:
    """Merit of a point; its rows' table numbers follow from the widths before them."""
    cdef const flash_variant* v = &solver.problem.variants[p.variant]
    cdef const flash_cell* cell
    cdef int32_t row[N_CELLS]
    cdef double total[N_COLUMNS]
    cdef int64_t own = 0
    cdef int c, widths
    for c in range(v.n_cells):
        cell = &v.cells[c]
        row[c] = p.row[c]
        if cell.incoming > 1:
            row[c] += <int32_t> (own * cell.space_rows)
        if cell.states > 1:
            widths = cell.states // cell.incoming
            if cell.classes != 1:
                widths //= cell.classes
            own = p.row[c] // (cell.space_rows // widths)
    flash_totals(v, row, total)
    p.merit = appraise(solver, p.variant, row, total, -INFINITY)
    return p.merit


cdef inline int shifted(const flash_cell* cell, int32_t row, int variable, int by,
                        int32_t* out) noexcept nogil:
    """The row with one variable moved; false where that leaves its range."""
    cdef int64_t inner = 1, size = cell.dims[variable], digit
    cdef int d
    for d in range(variable + 1, N_VARIABLES):
        inner *= cell.dims[d]
    digit = row // inner % size
    if digit + by < 0:
        by = -<int> digit
    elif digit + by >= size:
        by = <int> (size - 1 - digit)
    out[0] = row + <int32_t> (by * inner)
    return by != 0


cdef inline int step_of(int size, int scale) noexcept nogil:
    cdef int s = size >> scale
    return s if s > 1 else 1


cdef inline void look(const flash_cell* cell, int32_t at, int number, int32_t origin, int scale,
                      Move* out) noexcept nogil:
    """Move `number` from row `at`; its change counts from `origin`."""
    cdef int k, variable = number >> 1
    out.usable = cell.dims[variable] > 1 and shifted(
        cell, at, variable, (2 * (number & 1) - 1) * step_of(cell.dims[variable], scale), &out.row)
    if not out.usable:
        return
    for k in range(FLASH_COLUMNS):
        out.change[k] = (cell.column[k][out.row] - cell.column[k][origin]
                         if cell.column[k] != NULL else 0.0)
    out.peak = cell.column[COL_PEAK][out.row] if cell.column[COL_PEAK] != NULL else 0.0


cdef inline void look_around(const flash_variant* v, const LatticePoint* p, int scale,
                             Neighbourhood* out) noexcept nogil:
    cdef int c, i, j
    flash_totals(v, p.row, out.total)
    for c in range(v.n_cells):
        out.peak[c] = 0.0
        if v.cells[c].column[COL_PEAK] != NULL:
            out.peak[c] = v.cells[c].column[COL_PEAK][p.row[c]]
        for i in range(SHIFTS):
            look(&v.cells[c], p.row[c], i, p.row[c], scale, &out.one[c][i])
            if out.one[c][i].usable:
                for j in range((i | 1) + 1, SHIFTS):
                    look(&v.cells[c], out.one[c][i].row, j, p.row[c], scale, &out.two[c][i][j])


cdef inline void moved(SolverState* solver, const LatticePoint* p, const Neighbourhood* around,
                       const Move* one, int a, const Move* two, int b,
                       LatticePoint* best) noexcept nogil:
    """Appraises p with one or two moves (`two` may be NULL) and keeps it where it is better."""
    cdef double sum[N_COLUMNS]
    cdef int32_t row[N_CELLS]
    cdef int c, k
    cdef double merit
    if (solver.limits.max_leaves < 0 and not solver.query.product
            and best.merit > OVER_BUDGET_MERIT and additive(&solver.problem.links)):
        # as appraise would tell, before anything else is added up
        merit = solver.problem.links.quantum[M_SCORE] * (
            around.total[COL_SCORE] + one.change[COL_SCORE]
            + (two.change[COL_SCORE] if two != NULL else 0.0))
        if merit <= best.merit and merit < solver.best.objective:
            solver.leaves += 1
            return
    for k in range(FLASH_COLUMNS):
        sum[k] = around.total[k] + one.change[k]
    if two != NULL:
        for k in range(FLASH_COLUMNS):
            sum[k] += two.change[k]
    sum[COL_PEAK] = max(one.peak, two.peak if two != NULL else 0.0)
    for c in range(solver.problem.variants[p.variant].n_cells):
        row[c] = p.row[c]
        if c != a and (c != b or two == NULL):
            sum[COL_PEAK] = max(sum[COL_PEAK], around.peak[c])
    row[a] = one.row
    if two != NULL:
        row[b] = two.row
    merit = appraise(solver, p.variant, row, sum, best.merit)
    if merit > best.merit:
        best.merit = merit
        for c in range(solver.problem.variants[p.variant].n_cells):
            best.row[c] = row[c]


cdef inline void best_neighbour(SolverState* solver, const LatticePoint* p, int scale,
                                Neighbourhood* around, LatticePoint* best) noexcept nogil:
    """The best of p's neighbours, where totals are plain sums."""
    cdef const flash_variant* v = &solver.problem.variants[p.variant]
    cdef int a, b, i, j
    look_around(v, p, scale, around)
    for a in range(v.n_cells):
        for i in range(SHIFTS):
            if not around.one[a][i].usable:
                continue
            moved(solver, p, around, &around.one[a][i], a, NULL, 0, best)
            for j in range((i | 1) + 1, SHIFTS):
                if around.two[a][i][j].usable:
                    moved(solver, p, around, &around.two[a][i][j], a, NULL, 0, best)
            for b in range(a + 1, v.n_cells):
                for j in range(SHIFTS):
                    if around.one[b][j].usable:
                        moved(solver, p, around, &around.one[a][i], a, &around.one[b][j], b, best)
        if pause_if_due(solver):
            return


cdef inline void best_of_joined(SolverState* solver, const LatticePoint* p, int scale,
                                LatticePoint* best) noexcept nogil:
    """The best of p's neighbours, where cells hand on widths."""
    cdef const flash_variant* v = &solver.problem.variants[p.variant]
    cdef LatticePoint trial, one
    cdef int a, b, i, j, s, t
    for a in range(v.n_cells):
        for i in range(N_VARIABLES):
            if v.cells[a].dims[i] < 2:
                continue
            for s in range(-1, 2, 2):
                one = p[0]
                if not shifted(&v.cells[a], p.row[a], i,
                               s * step_of(v.cells[a].dims[i], scale), &one.row[a]):
                    continue
                weigh_point(solver, &one)
                if one.merit > best.merit:
                    best[0] = one
                for b in range(a, v.n_cells):
                    for j in range(i + 1 if b == a else 0, N_VARIABLES):
                        if v.cells[b].dims[j] < 2:
                            continue
                        for t in range(-1, 2, 2):
                            trial = one
                            if shifted(&v.cells[b], one.row[b], j,
                                       t * step_of(v.cells[b].dims[j], scale), &trial.row[b]):
                                weigh_point(solver, &trial)
                                if trial.merit > best.merit:
                                    best[0] = trial
        if pause_if_due(solver):
            return


cdef inline void refine(SolverState* solver, LatticePoint* p, Neighbourhood* around) noexcept nogil:
    """Local search with shrinking steps; leaves p at its end."""
    cdef const flash_variant* v = &solver.problem.variants[p.variant]
    cdef LatticePoint best
    cdef int scale, plain = summed(v)
    for scale in range(COARSEST, FINEST):
        while True:
            best = p[0]
            if plain:
                best_neighbour(solver, p, scale, around, &best)
            else:
                best_of_joined(solver, p, scale, &best)
            if solver.limits.stopped:
                return
            if best.merit <= p.merit:
                break
            p[0] = best
        if largest_step(v, scale) == 1:
            break


cdef inline int largest_step(const flash_variant* v, int scale) noexcept nogil:
    cdef int c, d, s = 1
    for c in range(v.n_cells):
        for d in range(N_VARIABLES):
            s = max(s, step_of(v.cells[c].dims[d], scale))
    return s


cdef inline int pause_if_due(SolverState* solver) noexcept nogil:
    if solver.leaves >= solver.next_check:
        solver.next_check = solver.leaves + LOOK
        return pause(solver)
    return solver.limits.stopped
