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

from libc.math cimport INFINITY, fabs, pow
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from flash._core.search.dominance cimport Entry, sort
from flash._core.search.exact cimport Search, Worker, thin_rows
from flash._core.search.local_search cimport (
    Around, Point, appraise, pause_if_due, refine, summed, weigh_point,
)
from flash._core.search.relaxation cimport Box, metric_range
from flash._core.search.row_lists cimport Lists, flash_give, flash_take
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS, M_SCORE,
    N_COLUMNS, flash_class, flash_class_of, flash_joined, flash_links, flash_metrics,
    flash_problem, flash_totals, flash_variant,
)

__all__ = ("explore", "multistart")


cdef enum:
    POOL = 24            # minimisers kept
    STARTS = 3           # of them refined


cdef struct Prices:      # of each column's unit
    double cost[N_COLUMNS]       # in the composite cost
    double gain[N_COLUMNS]       # in the score


cdef double middling(const Lists* lists, const flash_variant* v, int column) noexcept nogil:
    """A total from the rows in the middle of the lists."""
    cdef double total = v.constant[column]
    cdef int c
    for c in range(lists.n_cells):
        if lists.cell[c].column[column] != NULL:
            total += lists.cell[c].column[column][lists.cell[c].n // 2]
    return total


cdef void prices_of(Worker* w, const Lists* lists, const flash_variant* v, const double* share,
                    const double* total, Prices* prices) noexcept nogil:
    """What each column's unit costs, by shares of the budgets' metrics, and what it scores, near
    these totals."""
    cdef const flash_links* links = &w.problem.links
    cdef const flash_class* of
    cdef double at[N_COLUMNS]
    cdef double leaking
    cdef int g
    for g in range(FLASH_COLUMNS):
        at[g] = total[g] if total != NULL else middling(lists, v, g)
    cdef double* weight = prices.cost
    memset(prices, 0, sizeof(Prices))
    prices.gain[COL_SCORE] = links.quantum[M_SCORE]
    if links.log_params != 0.0:
        prices.gain[COL_PARAMS] = links.log_params / at[COL_PARAMS]
    if links.log_macs != 0.0:
        prices.gain[COL_MACS] = links.log_macs / at[COL_MACS]
    weight[COL_LATENCY] = share[M_LATENCY] * links.quantum[M_LATENCY]
    weight[COL_ENERGY] = share[M_ENERGY] * links.quantum[M_ENERGY]
    weight[COL_AREA] = weight[COL_PEAK] = share[M_AREA] * links.quantum[M_AREA]
    weight[COL_SCALE] = share[M_AREA] * links.area_per_scale
    leaking = share[M_ENERGY] * links.leakage * at[COL_SCALE] * links.quantum[M_LATENCY]
    weight[COL_LEAK] = leaking
    if links.n_steps:
        of = &links.of[flash_class_of(links, at[COL_SCALE])]
        weight[COL_LATENCY_IN] = of.latency_in * weight[COL_LATENCY]
        weight[COL_LATENCY_OUT] = of.latency_out * weight[COL_LATENCY] + of.leak_out * leaking
        weight[COL_ENERGY_IN] = of.energy_in * weight[COL_ENERGY]
        weight[COL_ENERGY_OUT] = of.energy_out * weight[COL_ENERGY]
        weight[COL_LEAK_IN] = of.latency_in * leaking
    weight[COL_PARAMS] = share[M_PARAMS]
    weight[COL_MACS] = share[M_MACS]


cdef void best_rows(Worker* w, const Lists* lists, const Prices* prices, double price,
                    int32_t* row) noexcept nogil:
    """In each cell the row with the most score less price times composite cost."""
    cdef const double* column[N_COLUMNS]
    cdef double used[N_COLUMNS]
    cdef double top
    cdef int c, k, n
    for c in range(lists.n_cells):
        n = 0
        for k in range(FLASH_COLUMNS):
            if lists.cell[c].column[k] != NULL and (k == COL_SCORE or prices.cost[k] > 0.0
                                                    or prices.gain[k] != 0.0):
                column[n] = lists.cell[c].column[k]
                used[n] = prices.gain[k] - price * prices.cost[k]
                n += 1
        top = w.kernels.weigh(lists.cell[c].n, n, column, used, w.value)
        row[c] = lists.cell[c].id[w.kernels.find(lists.cell[c].n, w.value, top)]


cdef void to_space(const flash_variant* v, int32_t* row) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        row[c] = <int32_t> (row[c] % v.cells[c].space_rows)


cdef double critical_price(Worker* w, const Lists* lists, int variant, double* share,
                           Prices* prices, double high) noexcept nogil:
    """The least price at which the cells' best rows meet the budgets, to a factor of 1.2; shares
    move towards the budgets that are tight there."""
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef double low, middle, price = high
    cdef double total[N_COLUMNS]
    cdef double metric[6]
    cdef Point p
    cdef int turn, k, _step
    p.variant = variant
    for turn in range(2):
        prices_of(w, lists, v, share, total if turn else NULL, prices)
        low = high * 1e-4
        price = high
        for _step in range(6):
            middle = (low * price) ** 0.5
            best_rows(w, lists, prices, middle, p.row)
            to_space(v, p.row)
            if weigh_point(w, &p) > -1e9:
                price = middle
            else:
                low = middle
        if turn == 1:
            break
        best_rows(w, lists, prices, low, p.row)
        flash_totals(v, p.row, total)
        flash_metrics(&w.problem.links, total, metric)
        for k in range(1, FLASH_METRICS):
            if share[k] > 0.0 and w.query.maximum[k] < INFINITY:
                share[k] *= pow(min(metric[k] / w.query.maximum[k], 1e6), 3.0)
    return price


cdef int coarse(Worker* w, int variant, Point* pool) noexcept nogil:
    """The complex of one combination of global choices; how many minimisers went to the pool."""
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef Lists* lists = thin_rows(w, variant)
    cdef double share[6]
    cdef Prices prices
    cdef double low, high, s_span = 0.0, z_span = 0.0, price, least_z, most_z
    cdef int n = v.n_cells, m, k, c, i, count, kept = 0, budgets = 0
    cdef int32_t axis[8][32]
    cdef int plain = summed(v)
    cdef double* merit
    cdef Point corner
    cdef double share_of[32][6][N_COLUMNS]   # what an axis' row adds to the totals
    cdef double partial[33][N_COLUMNS]       # of the cells from one on
    cdef const double* own
    cdef int stride[32]
    cdef int digit[32]
    for k in range(FLASH_METRICS):
        share[k] = 0.0
        if k and w.query.maximum[k] < INFINITY:
            share[k] = 1.0 / (w.query.maximum[k] + 1e-300)
            budgets += 1
    if w.query.product or not budgets:
        mean_shares(w, v, lists, share)
    prices_of(w, lists, v, share, NULL, &prices)
    for c in range(n):
        least_z = most_z = 0.0
        for k in range(FLASH_COLUMNS):
            if lists.cell[c].column[k] != NULL and (prices.cost[k] > 0.0 or prices.gain[k] != 0.0):
                w.kernels.range(lists.cell[c].n, lists.cell[c].column[k], &low, &high)
                s_span += (high - low) * fabs(prices.gain[k])
                least_z += low * prices.cost[k]
                most_z += high * prices.cost[k]
        z_span += most_z - least_z
    price = s_span / z_span if z_span > 0.0 else 0.0
    price = critical_price(w, lists, variant, share, &prices, 64.0 * price)
    m = 6 if n <= 3 else 5 if n == 4 else 4 if n == 5 else 3 if n <= 7 else 2
    if n > 9:   # the star of a vertex has 2^n corners
        m = 1
    for i in range(m):
        best_rows(w, lists, &prices, price * pow(2.0, 0.75 * (<double> i - 0.5 * (m - 1))), axis[i])
        to_space(v, axis[i])
    corner.variant = variant
    count = 1
    for c in range(n):
        stride[c] = count
        count *= m
        for i in range(m):
            for k in range(FLASH_COLUMNS):
                share_of[c][i][k] = (v.cells[c].column[k][axis[i][c]]
                                     if plain and v.cells[c].column[k] != NULL else 0.0)
    merit = <double*> malloc(count * sizeof(double))
    for k in range(FLASH_COLUMNS):
        partial[n][k] = v.constant[k]
    for c in range(n):
        digit[c] = 0
    c = n - 1   # the cells from the last down to this one are to be added up anew
    for i in range(count):
        while c >= 0:
            corner.row[c] = axis[digit[c]][c]
            own = share_of[c][digit[c]]
            for k in range(N_COLUMNS):
                partial[c][k] = partial[c + 1][k] + own[k]
            partial[c][COL_PEAK] = max(partial[c + 1][COL_PEAK], own[COL_PEAK])
            c -= 1
        merit[i] = (appraise(w, variant, corner.row, partial[0], -INFINITY) if plain
                    else weigh_point(w, &corner))
        for c in range(n):
            digit[c] += 1
            if digit[c] < m:
                break
            digit[c] = 0
    for i in range(count):
        for c in range(n):
            digit[c] = i // stride[c] % m
        if kept < POOL and is_minimiser(merit, i, n, m, stride, digit):
            pool[kept].variant = variant
            pool[kept].merit = merit[i]
            for c in range(n):
                pool[kept].row[c] = axis[digit[c]][c]
            kept += 1
    free(merit)
    return kept


cdef int is_minimiser(const double* merit, int at, int n, int m, const int* stride,
                      const int* digit) noexcept nogil:
    """No vertex of the star is better, and of equals none comes first."""
    cdef int subset, c, up, down, offset
    if m == 1:
        return 1
    for subset in range(1, 1 << n):
        up = down = 1
        offset = 0
        for c in range(n):
            if subset >> c & 1:
                offset += stride[c]
                up &= digit[c] < m - 1
                down &= digit[c] > 0
        if up and merit[at + offset] > merit[at]:
            return 0
        if down and merit[at - offset] >= merit[at]:
            return 0
    return 1


cdef void mean_shares(Worker* w, const flash_variant* v, const Lists* lists,
                      double* share) noexcept nogil:
    """Shares by the metrics of a middling configuration, times the product's exponents."""
    cdef double total[N_COLUMNS]
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


cdef double most_score(const flash_problem* problem, int variant) noexcept nogil:
    """No configuration of the variant scores more."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef Box box
    cdef double low[6]
    cdef double high[6]
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        box.low[k] = box.high[k] = v.constant[k]
        for c in range(v.n_cells):
            if v.cells[c].boundary[k] != NULL:
                return INFINITY
            if v.cells[c].column[k] != NULL:
                box.low[k] = flash_joined(k, box.low[k], v.cells[c].low[k])
                box.high[k] = flash_joined(k, box.high[k], v.cells[c].high[k])
    metric_range(&problem.links, &box, low, high)
    return high[M_SCORE]


cdef void run(Worker* w) noexcept nogil:
    cdef int n_variants = w.problem.n_variants, n = 0, i, j, first
    cdef Point* pool = <Point*> flash_take(w.pool, n_variants * POOL * sizeof(Point))
    cdef Entry* order = <Entry*> flash_take(w.pool, 2 * n_variants * sizeof(Entry))
    cdef Around* around = <Around*> flash_take(w.pool, sizeof(Around))
    cdef Point swap
    for i in range(n_variants):   # those that could score most first: others may then be left out
        order[i].at = i
        order[i].value = 0.0 if w.query.product else most_score(w.problem, i)
    sort(order, n_variants, order + n_variants)
    for i in range(n_variants):
        if w.best.found and not w.query.product and (
                w.best.objective > order[i].value):
            break
        n += coarse(w, order[i].at, pool + n)
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
        refine(w, &pool[i], around)
    flash_give(w.pool, around)
    flash_give(w.pool, order)
    flash_give(w.pool, pool)


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
    cdef Around* around = <Around*> flash_take(w.pool, sizeof(Around))
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
        refine(w, &p, around)
    flash_give(w.pool, around)
    w.limits.max_leaves = saved
    w.limits.stopped = 0
