"""Enumeration of a node where the score decides and cells don't hand on states.

All cells but the last are nested loops over rows by falling value. The last cell lies by falling
score: what a partial combination still needs leaves a prefix of it, and the least uses within that
prefix tell at once whether any of them can fit.
"""

from libc.math cimport fabs

from flash._core.core cimport *
from flash._core.dominance cimport *
from flash._core.exact cimport CONSTRAINTS, Scan, Worker, pause, spent, threshold
from flash._core.lists cimport *
from flash._core.relax cimport *


cdef enum:
    BUCKETS = 256        # by which a score finds its place in the last cell
    MANY = 1 << 15       # partial combinations from which on a dominance filter pays


cdef struct Flat:
    Worker* w
    const flash_variant* v
    const Lists* lists
    int variant
    int n_cells
    int n_limits         # the prices' own sum of constraints, then the active ones
    double right[15]
    int order[32]        # cells in the order of the loops
    int64_t n[32]        # of the rows looped over, by level
    Entry* entry[32]
    double* score[32]    # in the column's units: exact sums
    double* use[32]      # n_limits numbers a row; of the last cell n numbers a limit
    double* linked       # of the last cell: its six linked columns, in the metrics' units
    double* least_use    # of the last cell: within its first rows, n_limits numbers each
    double rest[33][15]  # least use of the levels still to come
    double after[33]     # best value of the levels still to come
    double gain[33]      # best score of the levels still to come
    double high          # the last cell's best score
    double per_score     # buckets a unit of score
    int32_t upto[256]    # rows of the last cell down to a bucket's end
    double* least_scale  # of the last cell: within its first rows
    int32_t* chosen
    int32_t row[32]
    int64_t check        # steps at which to look at the limits
    int64_t steps, most  # rows looked at, and how many may be


cdef inline double wanted(const Flat* d) noexcept nogil:
    """The least total score that matches the best answer (outward)."""
    cdef double x = d.w.best.metric[M_SCORE] / d.w.problem.links.quantum[M_SCORE]
    return x - 1e-15 * fabs(x) - 1.0


cdef inline void join(const Flat* d, double* part) noexcept nogil:
    """Totals of the chosen rows of all cells but the last."""
    cdef int k, level
    cdef const List* list
    for k in range(FLASH_COLUMNS):
        part[k] = d.v.constant[k]
    for level in range(d.n_cells - 1):
        list = &d.lists.cell[d.order[level]]
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL:
                part[k] += list.column[k][d.row[level]]


cdef inline int64_t meeting(Flat* d, int64_t n, const double* part) noexcept nogil:
    """Which of the last cell's first n rows meet latency, energy and area, whatever their class:
    the factors are those of the least scale."""
    cdef const flash_links* links = &d.w.problem.links
    cdef const double* maximum = d.w.query.maximum
    cdef flash_parts own
    cdef int g = flash_class_of(links, part[COL_SCALE] + d.least_scale[n - 1])
    own.latency = links.quantum[M_LATENCY] * part[COL_LATENCY]
    own.latency_scaled = links.quantum[M_LATENCY] * part[COL_LATENCY_SCALED]
    own.energy = links.quantum[M_ENERGY] * part[COL_ENERGY]
    own.energy_scaled = links.quantum[M_ENERGY] * part[COL_ENERGY_SCALED]
    own.leakage = links.leakage * part[COL_SCALE]
    own.area = links.quantum[M_AREA] * part[COL_AREA]
    own.latency_factor = links.latency_factor[g] if links.n_steps else 0.0
    own.energy_factor = links.energy_factor[g] if links.n_steps else 0.0
    own.max_latency = maximum[M_LATENCY] * (1.0 + 1e-12)
    own.max_energy = maximum[M_ENERGY] * (1.0 + 1e-12)
    own.max_area = (maximum[M_AREA] - (links.area_offset[g] if links.n_steps else 0.0)
                    + 1e-12 * maximum[M_AREA])
    return d.w.kernels.meeting(n, d.linked, d.n[d.n_cells - 1], &own, d.chosen)


cdef inline void weigh_exactly(Flat* d, double points, const double* part,
                               int64_t count) noexcept nogil:
    """The chosen rows of the last cell, each with the rows of the other levels."""
    cdef Worker* w = d.w
    cdef int k, last = d.n_cells - 1
    cdef int64_t i
    cdef double total[9]
    cdef double metric[6]
    cdef const List* list = &d.lists.cell[d.order[last]]
    for k in range(FLASH_COLUMNS):
        total[k] = part[k]
    for i in range(count):
        if points + d.score[last][d.chosen[i]] < wanted(d):
            return
        if spent(w):
            return
        d.row[last] = d.entry[last][d.chosen[i]].at
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL:
                total[k] = part[k] + list.column[k][d.row[last]]
        flash_metrics(&w.problem.links, total, metric)
        if flash_feasible(&w.problem.links, w.query, metric):
            offer(d)


cdef inline void offer(Flat* d) noexcept nogil:
    cdef int32_t row[32]
    cdef int c, level
    for level in range(d.n_cells):
        c = d.order[level]
        row[c] = (d.lists.cell[c].id[d.row[level]] if d.lists.cell[c].id != NULL
                  else d.row[level])
    flash_try(d.w.problem, d.w.query, d.variant, row, &d.w.best)


cdef inline void finish(Flat* d, double points, const double* used) noexcept nogil:
    """The last cell's rows that extend a partial combination to an answer as good as the best."""
    cdef double need = wanted(d) - points
    cdef double room[15]
    cdef double part[9]
    cdef const double* least
    cdef int64_t n
    cdef int r, last = d.n_cells - 1
    if need > d.high:
        return
    need = (d.high - need) * d.per_score
    n = d.upto[<int> need] if need < BUCKETS - 1 else d.n[last]
    if n == 0:
        return
    least = d.least_use + (n - 1) * d.n_limits
    for r in range(d.n_limits):
        room[r] = d.right[r] - used[r]
        if least[r] > room[r]:
            return
    d.steps += n >> 3
    if d.linked == NULL:
        n = d.w.kernels.fitting(n, d.n_limits, d.use[last], d.n[last], room, d.chosen)
        if n:
            join(d, part)
    else:
        join(d, part)
        n = meeting(d, n, part)
    if n:
        weigh_exactly(d, points, part, n)


cdef inline void nest(Flat* d, int level, double value, double points,
                      const double* use) noexcept nogil:
    """Every combination that extends the first `level` levels and may match the best answer."""
    cdef double used[15]
    cdef int64_t i
    cdef int r
    cdef const double* more = d.use[level]
    if level + 1 == d.n_cells:
        finish(d, points, use)
        return
    for i in range(d.n[level]):
        d.steps += 1
        if d.steps >= d.check:
            d.w.partial += d.steps - (d.check - 1024)
            d.check = d.steps + 1024
            if pause(d.w):
                return
        if d.w.limits.stopped or d.steps > d.most:
            return
        if value + d.after[level + 1] + d.entry[level][i].value < threshold(d.w):
            return
        if points + d.score[level][i] + d.gain[level + 1] < wanted(d):
            continue
        for r in range(d.n_limits):
            used[r] = use[r] + more[i * d.n_limits + r]
            if used[r] + d.rest[level + 1][r] > d.right[r]:
                break
        else:
            d.row[level] = d.entry[level][i].at
            nest(d, level + 1, value + d.entry[level][i].value, points + d.score[level][i], used)


cdef inline void index_last(Flat* d) noexcept nogil:
    """Prefix minima of the last cell's uses, and where each score is found."""
    cdef int last = d.n_cells - 1, r, b
    cdef int64_t i, n = d.n[last]
    cdef double low = d.score[last][n - 1]
    cdef double* least
    d.least_use = <double*> flash_take(d.lists.pool, (n + 1) * d.n_limits * sizeof(double))
    d.high = d.score[last][0]
    d.per_score = (BUCKETS - 1) / (d.high - low) if d.high > low else 0.0
    b = 0
    for i in range(n):
        while b < <int> ((d.high - d.score[last][i]) * d.per_score):
            d.upto[b] = <int32_t> i
            b += 1
        least = d.least_use + i * d.n_limits
        for r in range(d.n_limits):
            least[r] = d.use[last][r * n + i]
            if i and least[r - d.n_limits] < least[r]:
                least[r] = least[r - d.n_limits]
    while b < BUCKETS:
        d.upto[b] = <int32_t> n
        b += 1


cdef inline void link_last(Flat* d) noexcept nogil:
    """The columns that `meeting` looks at, in the order of the last cell."""
    cdef const flash_links* links = &d.w.problem.links
    cdef int last = d.n_cells - 1, j
    cdef int64_t i, n = d.n[last]
    cdef const List* list = &d.lists.cell[d.order[last]]
    cdef int* column = [COL_LATENCY, COL_LATENCY_SCALED, COL_ENERGY, COL_ENERGY_SCALED,
                        COL_SCALE, COL_AREA]
    cdef double* unit = [links.quantum[M_LATENCY], links.quantum[M_LATENCY],
                         links.quantum[M_ENERGY], links.quantum[M_ENERGY], links.leakage,
                         links.quantum[M_AREA]]
    cdef const double* source
    d.linked = d.least_scale = NULL
    if not links.n_steps and links.leakage == 0.0:
        return
    d.linked = <double*> flash_take(d.lists.pool, 6 * (n + 8) * sizeof(double))
    d.least_scale = <double*> flash_take(d.lists.pool, (n + 8) * sizeof(double))
    for j in range(6):
        source = list.column[column[j]]
        for i in range(n):
            d.linked[j * n + i] = (unit[j] * source[d.entry[last][i].at] if source != NULL
                                   else 0.0)
    source = list.column[COL_SCALE]
    for i in range(n):
        d.least_scale[i] = source[d.entry[last][i].at] if source != NULL else 0.0
        if i and d.least_scale[i - 1] < d.least_scale[i]:
            d.least_scale[i] = d.least_scale[i - 1]


cdef inline void arrange(Flat* d, int level, const double* value, const double* weights,
                         int filtered) noexcept nogil:
    """The rows of a level in its order, with what they score and use."""
    cdef const List* list = &d.lists.cell[d.order[level]]
    cdef const double* column[9]
    cdef double weight[9]
    cdef const double* key = value
    cdef double* plain
    cdef double low
    cdef Entry* entry
    cdef Entry* spare
    cdef int k, r, used, last = level + 1 == d.n_cells
    cdef int64_t i, n = list.n
    entry = d.entry[level] = <Entry*> flash_take(d.lists.pool, 2 * (n + 1) * sizeof(Entry))
    spare = entry + n + 1
    if last:
        key = list.column[COL_SCORE]
    if filtered:
        n = undominated(d.w, list, 0, n, entry, spare)
        if not last:
            for i in range(n):
                entry[i].value = key[entry[i].at]
            sort(entry, n, spare)
    else:
        for i in range(n):
            entry[i].at = <int32_t> i
            entry[i].value = key[i] if key != NULL else 0.0
        sort(entry, n, spare)
    d.n[level] = n
    d.score[level] = <double*> flash_take(d.lists.pool, (n + 1) * sizeof(double))
    d.use[level] = <double*> flash_take(d.lists.pool, (n + 1) * d.n_limits * sizeof(double))
    plain = <double*> flash_take(d.lists.pool, (list.n + 1) * sizeof(double))
    for i in range(n):
        d.score[level][i] = (list.column[COL_SCORE][entry[i].at]
                             if list.column[COL_SCORE] != NULL else 0.0)
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
                          const double* price, int64_t most) noexcept nogil:
    """Enumerates a node, as `dive` does, where `w.best` is to be matched by score alone."""
    cdef Flat d
    cdef const flash_variant* v = &w.problem.variants[variant]
    cdef const double* value[32]
    cdef double weights[15 * 9]
    cdef double used[15]
    cdef double x, partial = 1.0
    cdef int c, k, r, level, moved
    d.w = w
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
    for level in range(d.n_cells - 1):
        partial *= <double> lists.cell[d.order[level]].n
    for level in range(d.n_cells):
        arrange(&d, level, value[d.order[level]], weights, partial > MANY)
    d.chosen = <int32_t*> flash_take(lists.pool, (d.n[d.n_cells - 1] + 16) * sizeof(int32_t))
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
    nest(&d, 0, x, v.constant[COL_SCORE], used)
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
