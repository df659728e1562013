"""Hierarchical SHGO on the integer lattice: simplicial homology global optimisation, compiled.

Reconstruction. Of FLASH (arXiv 2108.00568) the abstract alone says that a hierarchical algorithm
based on SHGO searches; how it parts the levels was not seen. A coarse and a fine level are taken
for granted; that the coarse one lies along prices of resources is flash's own. SHGO itself, the
complex and its minimiser pool, is that of Endres, Sandrock and Focke (J. Global Optim. 72, 2018).

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
from libc.string cimport memset

from flash._core.search.dominance cimport Entry, sort
from flash._core.search.exact cimport RUNNING, Search, SolverState, short_of_memory, thin_rows
from flash._core.search.inner_problem cimport boundary_range
from flash._core.search.local_search cimport (
    NO_BUDGET, OVER_BUDGET_MERIT, LatticePoint, Neighbourhood, appraise, one_width, pause_if_due,
    refine, weigh_point,
)
from flash._core.search.relaxation cimport Box, metric_range
from flash._core.search.row_lists cimport Lists, flash_give, flash_take
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS, M_SCORE,
    N_CELLS, N_COLUMNS, N_METRICS, flash_cell, flash_class, flash_class_of, flash_joined,
    flash_links, flash_metrics, flash_problem, flash_state_of, flash_totals, flash_variant,
)

__all__ = ("explore", "multistart")


cdef enum:
    POOL = 24            # minimisers kept of a variant
    STARTS = 3           # of all of them refined
    MOST_LEVELS = 6      # of an axis: rows of a cell in the complex
    LARGEST = 9          # cells of a complex: the star of a vertex has 2^n corners
    TURNS = 2            # of the search for a price: shares are set anew between them
    HALVINGS = 6         # of the price's logarithm in a turn

cdef extern from *:
    """
    #define FLASH_PRICE_RANGE 1e-4
    #define FLASH_HIGHEST_PRICE 64.0
    #define FLASH_PRICE_STEP 0.75
    #define FLASH_MOST_EXCESS 1e6
    #define FLASH_TIGHTENING 3.0
    """
    const double PRICE_RANGE "FLASH_PRICE_RANGE"         # of the highest price: the lowest tried
    const double HIGHEST_PRICE "FLASH_HIGHEST_PRICE"     # times the scores' spread by the costs'
    const double PRICE_STEP "FLASH_PRICE_STEP"           # of an axis, in powers of two
    const double MOST_EXCESS "FLASH_MOST_EXCESS"         # of a budget that a share looks at,
    const double TIGHTENING "FLASH_TIGHTENING"           # and to what power


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


cdef void prices_of(SolverState* solver, const Lists* lists, const flash_variant* v,
                    const double* share, const double* total, Prices* prices) noexcept nogil:
    """What each column's unit costs, by shares of the budgets' metrics, and what it scores, near
    these totals."""
    cdef const flash_links* links = &solver.problem.links
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


cdef void best_rows(SolverState* solver, const Lists* lists, const Prices* prices, double price,
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
        if not n:            # nothing tells them apart
            row[c] = lists.cell[c].id[0]
            continue
        top = solver.kernels.weigh(lists.cell[c].n, n, column, used, solver.value)
        row[c] = lists.cell[c].id[solver.kernels.find(lists.cell[c].n, solver.value, top)]


cdef void to_space(const flash_variant* v, int32_t* row) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        row[c] = <int32_t> (row[c] % v.cells[c].space_rows)


cdef double critical_price(SolverState* solver, const Lists* lists, int variant, double* share,
                           Prices* prices, double high) noexcept nogil:
    """The least price at which the cells' best rows meet the budgets, to a factor of 1.2; shares
    move towards the budgets that are tight there."""
    cdef const flash_variant* v = &solver.problem.variants[variant]
    cdef double low, middle, price = high
    cdef double total[N_COLUMNS]
    cdef double metric[N_METRICS]
    cdef LatticePoint p
    cdef int turn, k, _step
    p.variant = variant
    for turn in range(TURNS):
        prices_of(solver, lists, v, share, total if turn else NULL, prices)
        low = high * PRICE_RANGE
        price = high
        for _step in range(HALVINGS):
            middle = (low * price) ** 0.5
            best_rows(solver, lists, prices, middle, p.row)
            to_space(v, p.row)
            if weigh_point(solver, &p) > OVER_BUDGET_MERIT:
                price = middle
            else:
                low = middle
        if turn == TURNS - 1:
            break
        best_rows(solver, lists, prices, low, p.row)
        flash_totals(v, p.row, total)
        flash_metrics(&solver.problem.links, total, metric)
        for k in range(1, FLASH_METRICS):
            if share[k] > 0.0 and solver.query.maximum[k] < INFINITY:
                share[k] *= pow(
                    min(metric[k] / solver.query.maximum[k], MOST_EXCESS), TIGHTENING)
    return price


cdef struct Complex:     # the product of the cells' axes: n cells, m rows each
    int n
    int m
    int count            # vertices: m^n
    int32_t axis[MOST_LEVELS][N_CELLS]   # rows of the space
    int stride[N_CELLS]  # from a vertex to the next on a cell's axis
    int offset[1 << LARGEST]     # from a vertex to the next on several axes: a bit for each
    double* merit        # of each vertex


cdef inline int levels_of(int n) noexcept nogil:
    """Rows of an axis where there are n cells."""
    if n > LARGEST:
        return 1
    return MOST_LEVELS if n <= 3 else 5 if n == 4 else 4 if n == 5 else 3 if n <= 7 else 2


cdef inline void first_shares(SolverState* solver, const flash_variant* v, const Lists* lists,
                              double* share) noexcept nogil:
    """What part of a price each metric's unit bears: by the budgets, and where there are none, or
    a product decides, by the metrics of a middling configuration."""
    cdef int k, budgets = 0
    for k in range(FLASH_METRICS):
        share[k] = 0.0
        if k and solver.query.maximum[k] < INFINITY:
            share[k] = 1.0 / (solver.query.maximum[k] + NO_BUDGET)
            budgets += 1
    if solver.query.product or not budgets:
        mean_shares(solver, v, lists, share)


cdef inline double spread_price(const SolverState* solver, const Lists* lists,
                                const Prices* prices) noexcept nogil:
    """A price at which the rows' costs differ as much as their scores."""
    cdef double low, high, least, most, of_scores = 0.0, of_costs = 0.0
    cdef int c, k
    for c in range(lists.n_cells):
        least = most = 0.0
        for k in range(FLASH_COLUMNS):
            if lists.cell[c].column[k] != NULL and (prices.cost[k] > 0.0 or prices.gain[k] != 0.0):
                solver.kernels.range(lists.cell[c].n, lists.cell[c].column[k], &low, &high)
                of_scores += (high - low) * fabs(prices.gain[k])
                least += low * prices.cost[k]
                most += high * prices.cost[k]
        of_costs += most - least
    return of_scores / of_costs if of_costs > 0.0 else 0.0


cdef inline void set_axes(SolverState* solver, const flash_variant* v, int variant,
                          const Lists* lists, Complex* x) noexcept nogil:
    """Each cell's rows from frugal to lavish, around the price at which the budgets are just met.
    """
    cdef double share[N_METRICS]
    cdef Prices prices
    cdef double price
    cdef int c, i
    first_shares(solver, v, lists, share)
    prices_of(solver, lists, v, share, NULL, &prices)
    price = spread_price(solver, lists, &prices)
    price = critical_price(solver, lists, variant, share, &prices, HIGHEST_PRICE * price)
    x.n = v.n_cells
    x.m = levels_of(x.n)
    x.count = 1
    for i in range(x.m):
        best_rows(solver, lists, &prices,
                  price * pow(2.0, PRICE_STEP * (<double> i - 0.5 * (x.m - 1))), x.axis[i])
        to_space(v, x.axis[i])
    for c in range(x.n):
        x.stride[c] = x.count
        x.count *= x.m
    if x.m > 1:
        x.offset[0] = 0
        for c in range(x.n):
            for i in range(1 << c):
                x.offset[1 << c | i] = x.stride[c] + x.offset[i]


cdef inline int next_vertex(const Complex* x, int* digit) noexcept nogil:
    """Counts on, the first cell's digit fastest; which digit is the last that changed."""
    cdef int c
    for c in range(x.n):
        digit[c] += 1
        if digit[c] < x.m:
            return c
        digit[c] = 0
    return x.n - 1


cdef inline void set_merits(SolverState* solver, const flash_variant* v, int variant,
                            Complex* x) noexcept nogil:
    """The merit of every vertex."""
    cdef double own[N_CELLS][MOST_LEVELS][N_COLUMNS]     # what an axis' row adds to the totals
    cdef double partial[N_CELLS + 1][N_COLUMNS]  # totals of the cells from one on
    cdef const double* more
    cdef const flash_cell* cell
    cdef LatticePoint corner
    cdef int digit[N_CELLS]
    cdef int64_t state[N_CELLS][MOST_LEVELS]
    cdef int64_t at
    cdef int c, i, k, plain = one_width(v)
    corner.variant = variant
    for c in range(x.n):
        digit[c] = 0
        for i in range(x.m):
            state[c][i] = flash_state_of(&v.cells[c], x.axis[i][c]) if plain else 0
            for k in range(FLASH_COLUMNS):
                own[c][i][k] = (v.cells[c].column[k][x.axis[i][c]]
                                if plain and v.cells[c].column[k] != NULL else 0.0)
    for k in range(FLASH_COLUMNS):
        partial[x.n][k] = v.constant[k]
    c = x.n - 1
    for i in range(x.count):
        while c >= 0:    # those of the cells after c are as they were
            corner.row[c] = x.axis[digit[c]][c]
            more = own[c][digit[c]]
            for k in range(N_COLUMNS):
                partial[c][k] = partial[c + 1][k] + more[k]
            partial[c][COL_PEAK] = max(partial[c + 1][COL_PEAK], more[COL_PEAK])
            if plain and c + 1 < x.n and v.cells[c + 1].joined:
                cell = &v.cells[c + 1]
                at = state[c][digit[c]] * cell.states + state[c + 1][digit[c + 1]]
                for k in range(FLASH_COLUMNS):
                    if cell.boundary[k] != NULL:
                        partial[c][k] += cell.boundary[k][at]
            if plain and c == 0 and v.cells[0].joined:
                for k in range(FLASH_COLUMNS):
                    if v.cells[0].boundary[k] != NULL:
                        partial[0][k] += v.cells[0].boundary[k][state[0][digit[0]]]
            c -= 1
        x.merit[i] = (appraise(solver, variant, corner.row, partial[0], -INFINITY) if plain
                      else weigh_point(solver, &corner))
        c = next_vertex(x, digit)


cdef int coarse(SolverState* solver, int variant, LatticePoint* pool) noexcept nogil:
    """The complex of one combination of global choices; how many minimisers went to the pool."""
    cdef const flash_variant* v = &solver.problem.variants[variant]
    cdef Lists* lists = thin_rows(solver, variant)
    cdef Complex x
    cdef int digit[N_CELLS]
    cdef int c, i, kept = 0
    if lists == NULL:
        return 0
    set_axes(solver, v, variant, lists, &x)
    x.merit = <double*> flash_take(solver.pool, x.count * sizeof(double))
    if x.merit == NULL:
        return 0
    set_merits(solver, v, variant, &x)
    for i in range(x.count):
        for c in range(x.n):
            digit[c] = i // x.stride[c] % x.m
        if kept < POOL and is_minimiser(&x, i, digit):
            pool[kept].variant = variant
            pool[kept].merit = x.merit[i]
            for c in range(x.n):
                pool[kept].row[c] = x.axis[digit[c]][c]
            kept += 1
    flash_give(solver.pool, x.merit)
    return kept


cdef int is_minimiser(const Complex* x, int at, const int* digit) noexcept nogil:
    """No vertex of the star is better, and of equals none comes first."""
    cdef int subset, c, up = 0, down = 0
    cdef double own = x.merit[at]
    if x.m == 1:
        return 1
    for c in range(x.n):     # the axes along which there is a next vertex, and one before
        up |= (digit[c] < x.m - 1) << c
        down |= (digit[c] > 0) << c
    for subset in range(1, 1 << x.n):    # the axes along which all digits go up, or all down
        if subset & ~up == 0 and x.merit[at + x.offset[subset]] > own:
            return 0
        if subset & ~down == 0 and x.merit[at - x.offset[subset]] >= own:
            return 0
    return 1


cdef void mean_shares(SolverState* solver, const flash_variant* v, const Lists* lists,
                      double* share) noexcept nogil:
    """Shares by the metrics of a middling configuration, times the product's exponents."""
    cdef double total[N_COLUMNS]
    cdef double metric[N_METRICS]
    cdef int32_t row[N_CELLS]
    cdef double e
    cdef int c, k
    for c in range(lists.n_cells):
        row[c] = lists.cell[c].id[lists.cell[c].n // 2]
    flash_totals(v, row, total)
    flash_metrics(&solver.problem.links, total, metric)
    for k in range(1, FLASH_METRICS):
        e = -solver.query.exponent[k] if solver.query.product else 1.0
        if metric[k] > 0.0 and e > 0.0:
            share[k] += e / metric[k]


cdef double most_score(const flash_problem* problem, int variant) noexcept nogil:
    """No configuration of the variant scores more."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef Box box
    cdef double low[N_METRICS]
    cdef double high[N_METRICS]
    cdef double least, most
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        box.low[k] = box.high[k] = v.constant[k]
        for c in range(v.n_cells):
            if v.cells[c].boundary[k] != NULL:
                boundary_range(&v.cells[c], k, v.cells[c - 1].states if c else 1, &least, &most)
                box.low[k] += least
                box.high[k] += most
            if v.cells[c].column[k] != NULL:
                box.low[k] = flash_joined(k, box.low[k], v.cells[c].low[k])
                box.high[k] = flash_joined(k, box.high[k], v.cells[c].high[k])
    metric_range(&problem.links, &box, low, high)
    return high[M_SCORE]


cdef void order_variants(SolverState* solver, Entry* order) noexcept nogil:
    """Those that could score most first: others may then be left out. order: twice their number.
    """
    cdef int i, n = solver.problem.n_variants
    for i in range(n):
        order[i].at = i
        order[i].value = 0.0 if solver.query.product else most_score(solver.problem, i)
    sort(order, n, order + n)


cdef int fill_pool(SolverState* solver, const Entry* order, LatticePoint* pool) noexcept nogil:
    """The variants' minimisers; how many."""
    cdef int i, n = 0
    for i in range(solver.problem.n_variants):
        if solver.best.found and not solver.query.product and (
                solver.best.objective > order[i].value):
            break
        n += coarse(solver, order[i].at, pool + n)
        if pause_if_due(solver) or short_of_memory(solver):
            break
    return n


cdef void refine_best(SolverState* solver, LatticePoint* pool, int n,
                      Neighbourhood* around) noexcept nogil:
    """Local search from the pool's best; of equals the first."""
    cdef LatticePoint swap
    cdef int i, j, first
    for i in range(n if n < STARTS else STARTS):
        first = i        # pool[:i] are refined already
        for j in range(i + 1, n):
            if pool[j].merit > pool[first].merit:
                first = j
        swap = pool[i]
        pool[i] = pool[first]
        pool[first] = swap
        if solver.limits.stopped:
            break
        refine(solver, &pool[i], around)


cdef void explore_complexes(SolverState* solver) noexcept nogil:
    """Coarse and fine search; the best configuration is the solver's incumbent."""
    cdef int n_variants = solver.problem.n_variants
    cdef LatticePoint* pool = <LatticePoint*> flash_take(
        solver.pool, n_variants * POOL * sizeof(LatticePoint))
    cdef Entry* order = <Entry*> flash_take(solver.pool, 2 * n_variants * sizeof(Entry))
    cdef Neighbourhood* around = <Neighbourhood*> flash_take(solver.pool, sizeof(Neighbourhood))
    if pool != NULL and order != NULL and around != NULL:
        order_variants(solver, order)
        refine_best(solver, pool, fill_pool(solver, order, pool), around)
    flash_give(solver.pool, around)
    flash_give(solver.pool, order)
    flash_give(solver.pool, pool)


def explore(Search search not None, seed=0) -> None:
    """Hierarchical SHGO (a reconstruction, see above): leaves its best configuration in the search.

    Parameters
    ----------
    search : Search
    seed : int
        Not used: nothing is drawn at random. Taken so that every method is called alike.
    """
    cdef SolverState* solver = &search.solver
    with nogil:
        explore_complexes(solver)
    search.raise_error()


def multistart(Search search not None, int seed, int64_t max_evals) -> None:
    """Random multistart with SHGO's own moves: the yardstick for its complex and pool.

    Starts at random rows of random variants and refines each, until `max_evals` configurations
    have been weighed.
    """
    cdef SolverState* solver = &search.solver
    cdef LatticePoint p
    cdef unsigned long long state = seed * 2654435761 + 88172645463325252    # xorshift64
    cdef Neighbourhood* around = <Neighbourhood*> flash_take(solver.pool, sizeof(Neighbourhood))
    cdef int c
    cdef int64_t saved = solver.limits.max_leaves
    if around == NULL:
        search.raise_error()
    solver.limits.max_leaves = max_evals
    while solver.leaves < max_evals and not solver.limits.stopped:
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        p.variant = <int> ((state >> 11) % solver.problem.n_variants)
        for c in range(solver.problem.variants[p.variant].n_cells):
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            p.row[c] = <int32_t> (
                (state >> 11) % solver.problem.variants[p.variant].cells[c].space_rows)
        weigh_point(solver, &p)
        refine(solver, &p, around)
    flash_give(solver.pool, around)
    solver.limits.max_leaves = saved
    solver.limits.stopped = RUNNING
