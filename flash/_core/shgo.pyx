"""Hierarchical SHGO on the integer lattice: simplicial homology global optimisation, compiled.

Coarse: for each combination of the global choices, a price of resources is sought at which the
cells' best rows just meet the budgets; prices around it give each cell an axis of rows, from frugal
to lavish. On the product of the axes the Kuhn (Freudenthal) triangulation is a simplicial complex:
the star of a vertex v is v +- e_S for every set S of axes. Vertices that no feasible vertex of
their star betters form the minimiser pool.

Fine: the pool's best are refined on the full lattice of choices with shrinking steps; a move shifts
one variable, two variables of a cell, or one variable in each of two cells.

The pool, the steps and the order of moves are fixed: the same problem gives the same answer.
"""

from libc.math cimport INFINITY, pow
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from flash._core.core cimport *
from flash._core.exact cimport Search, Worker, pause, spent
from flash._core.lists cimport *

__all__ = ("explore", "multistart")


cdef enum:
    THIN = 96           # rows per cell on the coarse level
    POOL = 24            # minimisers kept
    STARTS = 3           # of them refined
    VERTICES = 4096


cdef struct Point:
    double merit         # objective, or -1e9 - violation where over a budget
    int variant
    int32_t row[32]      # rows of the space


cdef double weigh_point(Worker* w, Point* p) noexcept nogil:
    """Merit of a point; its rows' table numbers follow from the widths before them."""
    cdef const flash_variant* v = &w.problem.variants[p.variant]
    cdef const flash_cell* cell
    cdef const flash_links* links = &w.problem.links
    cdef int32_t row[32]
    cdef flash_point point
    cdef double over = 0.0, x
    cdef int64_t own = 0
    cdef int c, k
    for c in range(v.n_cells):
        cell = &v.cells[c]
        row[c] = p.row[c]
        if cell.incoming > 1:
            row[c] += <int32_t> (own * cell.space_rows)
        if cell.states > 1:
            own = p.row[c] // (cell.space_rows // (cell.states // cell.incoming))
    if spent(w):
        p.merit = -INFINITY
        return p.merit
    if flash_weigh(w.problem, w.query, p.variant, row, &point, &w.best) >= 0:
        p.merit = point.objective
        return p.merit
    for k in range(1, FLASH_METRICS):
        if point.metric[k] > w.query.maximum[k]:
            over += point.metric[k] / (w.query.maximum[k] + 1e-300) - 1.0
    x = flash_accuracy(links, point.metric[M_SCORE]) if w.query.min_accuracy > -INFINITY else INFINITY
    if x < w.query.min_accuracy:
        over += 1.0 - x / w.query.min_accuracy
    p.merit = -1e9 * (1.0 + (over if over < 1e9 else 1e9))
    return p.merit


cdef void prices_of(Worker* w, const Lists* lists, const flash_variant* v, const double* share,
                    double* weight) noexcept nogil:
    """Weight of each column's unit in the composite cost: shares of the budgets' metrics."""
    cdef const flash_links* links = &w.problem.links
    cdef double middle = v.constant[COL_SCALE], f = 0.0, h = 0.0
    cdef int c, g
    memset(weight, 0, 9 * sizeof(double))
    if links.n_steps:
        for c in range(lists.n_cells):
            middle += lists.cell[c].column[COL_SCALE][lists.cell[c].n // 2]
        g = flash_class_of(links, middle)
        f = links.latency_factor[g]
        h = links.energy_factor[g]
    weight[COL_LATENCY] = share[M_LATENCY] * links.quantum[M_LATENCY]
    weight[COL_LATENCY_SCALED] = f * weight[COL_LATENCY]
    weight[COL_ENERGY] = share[M_ENERGY] * links.quantum[M_ENERGY]
    weight[COL_ENERGY_SCALED] = h * weight[COL_ENERGY]
    weight[COL_AREA] = share[M_AREA] * links.quantum[M_AREA]
    weight[COL_PARAMS] = share[M_PARAMS]
    weight[COL_MACS] = share[M_MACS]


cdef void best_rows(Worker* w, const Lists* lists, const double* weight, double price,
                    int32_t* row) noexcept nogil:
    """In each cell the row with the most score less price times composite cost."""
    cdef const double* column[9]
    cdef double used[9]
    cdef double top
    cdef int c, k, n
    cdef int64_t i
    for c in range(lists.n_cells):
        n = 0
        for k in range(FLASH_COLUMNS):
            if lists.cell[c].column[k] != NULL and (k == COL_SCORE or weight[k] > 0.0):
                column[n] = lists.cell[c].column[k]
                used[n] = w.problem.links.quantum[M_SCORE] if k == COL_SCORE else -price * weight[k]
                n += 1
        top = w.kernels.weigh(lists.cell[c].n, n, column, used, w.value)
        i = 0
        while w.value[i] != top:
            i += 1
        row[c] = lists.cell[c].id[i]


cdef void to_space(const flash_variant* v, int32_t* row) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        row[c] = <int32_t> (row[c] % v.cells[c].space_rows)


cdef double critical_price(Worker* w, const Lists* lists, int variant, double* share,
                           double* weight, double high) noexcept nogil:
    """The least price at which the cells' best rows meet the budgets, to a factor of 1.2; shares
    move towards the budgets that are tight there."""
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef double low, middle, price = high
    cdef double total[9]
    cdef double metric[6]
    cdef Point p
    cdef int turn, k, _step
    p.variant = variant
    for turn in range(2):
        prices_of(w, lists, v, share, weight)
        low = high * 1e-4
        price = high
        for _step in range(6):
            middle = (low * price) ** 0.5
            best_rows(w, lists, weight, middle, p.row)
            to_space(v, p.row)
            if weigh_point(w, &p) > -1e9:
                price = middle
            else:
                low = middle
        if turn == 1:
            break
        best_rows(w, lists, weight, low, p.row)
        flash_totals(v, p.row, total)
        flash_metrics(&w.problem.links, total, metric)
        for k in range(1, FLASH_METRICS):
            if share[k] > 0.0 and w.query.maximum[k] < INFINITY:
                share[k] *= pow(metric[k] / w.query.maximum[k], 3.0)
    return price


cdef int coarse(Worker* w, int variant, Point* pool) noexcept nogil:
    """The complex of one combination of global choices; how many minimisers went to the pool."""
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef Lists* all_rows = whole(v, w.pool)
    cdef Lists* lists = sample(all_rows, THIN, w.chosen)
    cdef double share[6]
    cdef double weight[9]
    cdef double low, high, s_span = 0.0, z_span = 0.0, price, least_z, most_z
    cdef int n = v.n_cells, m, k, c, i, count, kept = 0, budgets = 0
    cdef int32_t axis[8][32]
    cdef Point* vertex
    cdef int stride[32]
    cdef int digit[32]
    for k in range(FLASH_METRICS):
        share[k] = 0.0
        if k and w.query.maximum[k] < INFINITY:
            share[k] = 1.0 / (w.query.maximum[k] + 1e-300)
            budgets += 1
    if w.query.product or not budgets:
        mean_shares(w, v, lists, share)
    prices_of(w, lists, v, share, weight)
    for c in range(n):
        w.kernels.range(lists.cell[c].n, lists.cell[c].column[COL_SCORE], &low, &high)
        s_span += (high - low) * w.problem.links.quantum[M_SCORE]
        least_z = most_z = 0.0
        for k in range(FLASH_COLUMNS):
            if lists.cell[c].column[k] != NULL and weight[k] > 0.0:
                w.kernels.range(lists.cell[c].n, lists.cell[c].column[k], &low, &high)
                least_z += low * weight[k]
                most_z += high * weight[k]
        z_span += most_z - least_z
    price = s_span / z_span if z_span > 0.0 else 0.0
    price = critical_price(w, lists, variant, share, weight, 64.0 * price)
    m = 6 if n <= 3 else 5 if n == 4 else 4 if n == 5 else 3 if n <= 7 else 2
    if n > 12:
        m = 1
    for i in range(m):
        best_rows(w, lists, weight, price * pow(2.0, 0.75 * (<double> i - 0.5 * (m - 1))), axis[i])
        to_space(v, axis[i])
    count = 1
    for c in range(n):
        stride[c] = count
        count *= m
    vertex = <Point*> malloc(count * sizeof(Point))
    for i in range(count):
        vertex[i].variant = variant
        for c in range(n):
            vertex[i].row[c] = axis[i // stride[c] % m][c]
        weigh_point(w, &vertex[i])
    for i in range(count):
        for c in range(n):
            digit[c] = i // stride[c] % m
        if kept < POOL and is_minimiser(vertex, i, n, m, stride, digit):
            pool[kept] = vertex[i]
            kept += 1
    free(vertex)
    release(lists)
    release(all_rows)
    return kept


cdef int is_minimiser(const Point* vertex, int at, int n, int m, const int* stride,
                      const int* digit) noexcept nogil:
    """No vertex of the star is better, and of equals none comes first."""
    cdef int subset, c, up, down, offset
    for subset in range(1, 1 << n):
        up = down = 1
        offset = 0
        for c in range(n):
            if subset >> c & 1:
                offset += stride[c]
                up &= digit[c] < m - 1
                down &= digit[c] > 0
        if up and vertex[at + offset].merit > vertex[at].merit:
            return 0
        if down and vertex[at - offset].merit >= vertex[at].merit:
            return 0
    return 1


cdef void mean_shares(Worker* w, const flash_variant* v, const Lists* lists,
                      double* share) noexcept nogil:
    """Shares by the metrics of a middling configuration, times the product's exponents."""
    cdef double total[9]
    cdef double metric[6]
    cdef int32_t row[32]
    cdef double e
    cdef int c, k
    for c in range(lists.n_cells):
        row[c] = lists.cell[c].id[lists.cell[c].n // 2]
    flash_totals(v, row, total)
    flash_metrics(&w.problem.links, total, metric)
    for k in range(1, FLASH_METRICS):
        e = -w.query.exponent[k] if w.query.product else 1.0
        if metric[k] > 0.0 and e > 0.0:
            share[k] += e / metric[k]


cdef int shifted(const flash_cell* cell, int32_t row, int variable, int by,
                 int32_t* out) noexcept nogil:
    """The row with one variable moved; false where that leaves its range."""
    cdef int64_t inner = 1, size = cell.dims[variable], digit
    cdef int d
    for d in range(variable + 1, 5):
        inner *= cell.dims[d]
    digit = row // inner % size
    if digit + by < 0:
        by = -<int> digit
    elif digit + by >= size:
        by = <int> (size - 1 - digit)
    out[0] = row + <int32_t> (by * inner)
    return by != 0


cdef int step_of(int size, int scale) noexcept nogil:
    cdef int s = size >> scale
    return s if s > 1 else 1


cdef void refine(Worker* w, Point* p) noexcept nogil:
    """Local search with shrinking steps; leaves p at its end."""
    cdef const flash_variant* v = &w.problem.variants[p.variant]
    cdef Point trial, best, one
    cdef int scale, a, b, i, j, s, t, improved
    for scale in range(3, 9):
        while True:
            best = p[0]
            for a in range(v.n_cells):
                for i in range(5):
                    if v.cells[a].dims[i] < 2:
                        continue
                    for s in range(-1, 2, 2):
                        one = p[0]
                        if not shifted(&v.cells[a], p.row[a], i,
                                       s * step_of(v.cells[a].dims[i], scale), &one.row[a]):
                            continue
                        weigh_point(w, &one)
                        if one.merit > best.merit:
                            best = one
                        for b in range(a, v.n_cells):
                            for j in range(i + 1 if b == a else 0, 5):
                                if v.cells[b].dims[j] < 2:
                                    continue
                                for t in range(-1, 2, 2):
                                    trial = one
                                    if shifted(&v.cells[b], one.row[b], j,
                                               t * step_of(v.cells[b].dims[j], scale),
                                               &trial.row[b]):
                                        weigh_point(w, &trial)
                                        if trial.merit > best.merit:
                                            best = trial
                if pause_if_due(w):
                    return
            improved = best.merit > p.merit
            if not improved:
                break
            p[0] = best
        if largest_step(v, scale) == 1:
            break


cdef int largest_step(const flash_variant* v, int scale) noexcept nogil:
    cdef int c, d, s = 1
    for c in range(v.n_cells):
        for d in range(5):
            s = max(s, step_of(v.cells[c].dims[d], scale))
    return s


cdef int pause_if_due(Worker* w) noexcept nogil:
    if w.leaves >= w.next_check:
        w.next_check = w.leaves + 16384
        return pause(w)
    return w.limits.stopped


cdef void run(Worker* w) noexcept nogil:
    cdef int n_variants = w.problem.n_variants, v, n = 0, i, j, first
    cdef Point* pool = <Point*> malloc(n_variants * POOL * sizeof(Point))
    cdef Point swap
    if pool == NULL:
        return
    for v in range(n_variants):
        n += coarse(w, v, pool + n)
        if pause_if_due(w):
            break
    for i in range(n if n < STARTS else STARTS):
        first = i
        for j in range(i + 1, n):
            if pool[j].merit > pool[first].merit:
                first = j
        swap = pool[i]
        pool[i] = pool[first]
        pool[first] = swap
        if w.limits.stopped:
            break
        refine(w, &pool[i])
    free(pool)


def explore(Search search not None, seed=0) -> None:
    """Hierarchical SHGO: leaves its best configuration in the search.

    Parameters
    ----------
    search : Search
    seed : int
        Not used: nothing is drawn at random. Taken so that every method is called alike.
    """
    cdef Worker* w = &search.w
    with nogil:
        run(w)
    search.raise_error()


def multistart(Search search not None, int seed, int64_t max_evals) -> None:
    """Random multistart with SHGO's own moves: the yardstick for its complex and pool.

    Starts at random rows of random variants and refines each, until `max_evals` configurations
    have been weighed.
    """
    cdef Worker* w = &search.w
    cdef Point p
    cdef unsigned long long state = seed * 2654435761 + 88172645463325252
    cdef int c
    cdef int64_t saved = w.limits.max_leaves
    w.limits.max_leaves = max_evals
    while w.leaves < max_evals and not w.limits.stopped:
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        p.variant = <int> ((state >> 11) % w.problem.n_variants)
        for c in range(w.problem.variants[p.variant].n_cells):
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            p.row[c] = <int32_t> ((state >> 11) % w.problem.variants[p.variant].cells[c].space_rows)
        weigh_point(w, &p)
        refine(w, &p)
    w.limits.max_leaves = saved
    w.limits.stopped = 0
