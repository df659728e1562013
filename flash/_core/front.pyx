"""Exact fronts: every trade-off between two to four goals that nothing in the space improves on.

Cells are joined one after another; of the sums of some cells' rows only those are kept that no
other dominates (see front_task.pxd), and sums are compared block by block, so that most are never
formed. Joined to the last cell, points are compared by their goals: the reported metrics. With an
epsilon a point stands for all that it comes within that factor of.
"""

from libc.math cimport INFINITY, exp, fabs, log, log1p
from libc.stdlib cimport free
from libc.string cimport memset

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals

from flash._core.cloud cimport *
from flash._core.core cimport *
from flash._core.exact cimport Query
from flash._core.front_join cimport *
from flash._core.front_sift cimport *
from flash._core.front_task cimport *
from flash._core.relax cimport additive
from flash._core.tables cimport Tables, kernels

__all__ = ("Front",)


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef double INTERVAL = 0.02   # seconds between looks at signals and the callback


cdef class Front:
    """The front of a compiled problem.

    Parameters
    ----------
    tables : Tables
    query : Query
        Its budgets; the objective is not read.
    goals : sequence of int
        Metrics: 0 (the score, more is better) to 5, each once.
    epsilon : float, default 0
        For every configuration within the budgets one of the front has costs at most 1 + epsilon
        times its own and an accuracy at most that factor lower.
    time_limit_s : float
    callback : callable, optional
        Called now and then with this object; the search stops where it returns True.
    """

    cdef Task task
    cdef Cloud found
    cdef Waiting waiting
    cdef readonly Tables tables
    cdef readonly Query query
    cdef object callback
    cdef object error
    cdef double variants_done

    def __init__(self, Tables tables not None, Query query not None, goals, *, double epsilon=0.0,
                 double time_limit_s=INFINITY, callback=None):
        cdef Task* t = &self.task
        cdef int k
        self.tables = tables
        self.query = query
        self.callback = callback
        t.problem = &tables.problem
        t.query = &query.query
        t.kernels = kernels()
        t.epsilon = epsilon
        t.deadline = flash_clock() + time_limit_s
        t.owner = <void*> self
        t.additive = (additive(&tables.problem.links) and not tables.problem.links.n_steps
                      and tables.problem.links.leakage == 0.0)
        if not 2 <= len(goals) <= FLASH_METRICS or len(set(goals)) != len(goals):
            raise ValueError(f"goals must be two to six different metrics, got {goals!r}")
        for k in goals:
            if not 0 <= k < FLASH_METRICS:
                raise ValueError(f"goals must be metrics from 0 to 5, got {goals!r}")
            t.goal[t.n_goals] = k
            t.n_goals += 1
        if not 0.0 <= epsilon <= 1e3:
            raise ValueError(f"epsilon must be from 0 to 1000, got {epsilon}")
        for k in range(FLASH_COLUMNS):
            if tables.problem.present >> k & 1:
                t.column[t.n_columns] = k
                t.n_columns += 1
        for k in range(tables.problem.n_variants):
            t.n_cells = max(t.n_cells, tables.problem.variants[k].n_cells)
        t.stride = (t.n_columns * sizeof(double) + (t.n_cells + 1) * sizeof(int32_t) + 7) & ~7
        choose_keys(t)

    def __dealloc__(self):
        discard(&self.found)
        free(self.waiting.record)

    def run(self) -> None:
        """Finds the front, or what there is of it when it is stopped."""
        cdef int v
        cdef double epsilon = self.task.epsilon
        with nogil:
            for v in range(self.task.problem.n_variants):
                self.task.epsilon = epsilon
                join_cells(&self.task, v, &self.found, &self.waiting)
                self.variants_done = v + 1
                self.task.done = 0.0
            self.task.epsilon = 0.0
            self.task.final = 1
            if self.task.stopped != 4:
                sift(&self.task, &self.found, &self.waiting)
            self.task.epsilon = epsilon
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if self.task.stopped == 4:
            raise MemoryError(f"a front of {self.found.n + self.waiting.n:,} points so far")

    @property
    def points(self):
        """Variants (n), rows (n, cells) as int32 and metrics (n, 6) as float64, all as bytearrays,
        in no order; rows beyond a variant's cells are 0."""
        cdef Task* t = &self.task
        cdef int64_t n = self.found.n, i
        cdef int k
        cdef double x[9]
        variants = PyByteArray_FromStringAndSize(NULL, n * sizeof(int32_t))
        rows = PyByteArray_FromStringAndSize(NULL, n * t.n_cells * sizeof(int32_t))
        metrics = PyByteArray_FromStringAndSize(NULL, n * FLASH_METRICS * sizeof(double))
        cdef int32_t* v = <int32_t*> PyByteArray_AS_STRING(variants)
        cdef int32_t* r = <int32_t*> PyByteArray_AS_STRING(rows)
        cdef double* m = <double*> PyByteArray_AS_STRING(metrics)
        cdef const char* record
        for i in range(n):
            record = self.found.record + i * t.stride
            v[i] = variant_of(t, record)[0]
            for k in range(t.n_cells):
                r[i * t.n_cells + k] = rows_of(t, record)[k]
            spelled(t, totals(record), x)
            flash_metrics(&t.problem.links, x, m + i * FLASH_METRICS)
        return variants, rows, metrics

    @property
    def stopped(self) -> int:
        """0: complete; 1: time; 3: interrupted."""
        return self.task.stopped

    @property
    def progress(self) -> float:
        """Share of the variants' joins that are done, from 0 to 1."""
        cdef double n = self.task.problem.n_variants
        cdef double own = (self.task.done + self.task.share) / max(1.0, self.task.whole)
        return min(1.0, (self.variants_done + min(1.0, own)) / n)

    @property
    def size(self) -> int:
        """Points so far, some of which may still be dominated."""
        return self.found.n

    @property
    def weighed(self) -> int:
        """Sums that were formed."""
        return self.task.weighed


cdef int pause(Task* t) noexcept nogil:
    """Looks at the limits; true where the search must end."""
    cdef double now
    cdef int interrupted = 0
    if t.stopped:
        return 1
    now = flash_clock()
    if now >= t.deadline:
        t.stopped = 1
    elif now >= t.next_look:
        t.next_look = now + INTERVAL
        with gil:
            interrupted = notify(t)
        if interrupted:
            t.stopped = 3
    return t.stopped


cdef int notify(Task* t) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Front owner = <Front> t.owner
    try:
        PyErr_CheckSignals()
        if owner.callback is not None and owner.callback(owner) is True:
            return 1
    except BaseException as error:
        owner.error = error
        return 1
    return 0


cdef int uses(const flash_links* l, int metric, int* columns, int* direct) noexcept nogil:
    """Columns that a metric depends on; direct: the first is a term of its own."""
    cdef int n = 0
    direct[0] = 1
    if metric == M_SCORE:
        columns[0] = COL_SCORE
        return 1
    if metric == M_PARAMS or metric == M_MACS:
        columns[0] = COL_PARAMS if metric == M_PARAMS else COL_MACS
        return 1
    columns[0] = (COL_LATENCY if metric == M_LATENCY else COL_ENERGY if metric == M_ENERGY
                  else COL_AREA)
    n = 1
    if l.n_steps and metric != M_AREA:
        columns[n] = COL_LATENCY_SCALED if metric == M_LATENCY else COL_ENERGY_SCALED
        n += 1
    if metric == M_ENERGY and l.leakage > 0.0:
        columns[n] = COL_LATENCY
        n += 1
        if l.n_steps:
            columns[n] = COL_LATENCY_SCALED
            n += 1
    if l.n_steps or (metric == M_ENERGY and l.leakage > 0.0):
        columns[n] = COL_SCALE
        n += 1
    return n


cdef int is_goal(const Task* t, int metric) noexcept nogil:
    cdef int i
    for i in range(t.n_goals):
        if t.goal[i] == metric:
            return 1
    return 0


cdef int counts(const Task* t, int metric) noexcept nogil:
    """Whether a metric is a goal or has a budget."""
    return is_goal(t, metric) or t.query.maximum[metric] < INFINITY


cdef void choose_keys(Task* t) noexcept nogil:
    """The keys, strict ones first, and how far each may be eased while cells are joined."""
    cdef const flash_links* l = &t.problem.links
    cdef const flash_query* q = t.query
    cdef int need[2][9]     # of less, of more
    cdef int strict[9]
    cdef int fixed[9]
    cdef int columns[9]
    cdef double top[6]
    cdef int i, k, n, m, part, goal, direct
    memset(need, 0, sizeof(need))
    memset(strict, 0, sizeof(strict))
    memset(fixed, 0, sizeof(fixed))
    greatest(t, top)
    for m in range(FLASH_METRICS):
        goal = is_goal(t, m)
        n = uses(l, m, columns, &direct)
        if m == M_SCORE:
            if not goal and q.min_accuracy == -INFINITY:
                continue
            need[1][COL_SCORE] = 1
            fixed[COL_SCORE] |= q.min_accuracy != -INFINITY
            if l.log_macs != 0.0:
                need[l.log_macs > 0.0][COL_MACS] = 1
                fixed[COL_MACS] = 1
            if l.log_params != 0.0:
                need[l.log_params > 0.0][COL_PARAMS] = 1
                fixed[COL_PARAMS] = 1
        elif not goal and q.maximum[m] == INFINITY:
            continue
        else:
            for i in range(n):
                need[0][columns[i]] = 1
                fixed[columns[i]] |= q.maximum[m] < INFINITY or columns[i] == COL_SCALE
        # one unit must outlive the rounding of the metric
        if goal and l.quantum[m] > 4.0 * 2.0 ** -52 * top[m]:
            strict[columns[0]] = 1
    n = 0
    for part in range(2):
        for k in range(FLASH_COLUMNS):
            if not t.problem.present >> k & 1:
                continue
            for i in range(2):
                if not need[i][k]:
                    continue
                # params or macs that only a logarithm rewards are not strict
                direct = strict[k] and i == (k == COL_SCORE)
                if direct != (part == 0):
                    continue
                t.key_column[n] = k
                t.sign[n] = -1.0 if i else 1.0
                t.slack[n] = KEEP if fixed[k] else GAIN if k == COL_SCORE else COST
                n += 1
        if part == 0:
            t.strict = n
    t.n_keys = n
    for k in range(FLASH_COLUMNS):
        t.place[k] = -1
    for i in range(n):
        t.place[t.key_column[i]] = i
    if (l.log_macs != 0.0 or l.log_params != 0.0) and is_goal(t, M_SCORE):
        t.corners = (2 if l.log_macs != 0.0 else 1) * (2 if l.log_params != 0.0 else 1)
        t.margin = 1e-13 * top[M_SCORE]
        for i in range(n):
            k = t.key_column[i]
            if k == COL_SCORE:
                continue
            if (k == COL_MACS or k == COL_PARAMS) and not (
                    t.sign[i] > 0.0 and counts(t, M_MACS if k == COL_MACS else M_PARAMS)):
                continue
            t.plain[t.n_plain] = i
            t.n_plain += 1
    for i in range(t.n_goals):
        n = uses(l, t.goal[i], columns, &direct)
        for k in range(t.n_keys):
            if t.key_column[k] == columns[0] and (t.sign[k] < 0.0) == (columns[0] == COL_SCORE):
                t.goal_key[i] = k


cdef double size_of_score(const flash_links* l, const double* low,
                          const double* high) noexcept nogil:
    """A bound of each term of the score, added up."""
    cdef double size = l.quantum[M_SCORE] * max(fabs(low[COL_SCORE]), fabs(high[COL_SCORE]))
    if l.log_macs != 0.0:
        size += fabs(l.log_macs) * max(fabs(log(low[COL_MACS])), fabs(log(high[COL_MACS])))
    if l.log_params != 0.0:
        size += fabs(l.log_params) * max(fabs(log(low[COL_PARAMS])), fabs(log(high[COL_PARAMS])))
    return size


cdef void greatest(const Task* t, double* top) noexcept nogil:
    """A bound of each metric's size."""
    cdef double low[9]
    cdef double high[9]
    cdef double m[6]
    cdef int v, k
    for k in range(FLASH_METRICS):
        top[k] = 0.0
    for v in range(t.problem.n_variants):
        rest_of(&t.problem.variants[v], 0, -1, low, high)
        for k in range(FLASH_COLUMNS):
            low[k] += t.problem.variants[v].constant[k]
            high[k] += t.problem.variants[v].constant[k]
        flash_metrics(&t.problem.links, high, m)
        m[M_SCORE] = size_of_score(&t.problem.links, low, high)
        for k in range(FLASH_METRICS):
            top[k] = max(top[k], m[k])


cdef void rest_of(const flash_variant* v, int first, int but, double* low,
                  double* high) noexcept nogil:
    """What cells from `first` on add at least and at most, by column, but for one."""
    cdef int c, k
    cdef int64_t i
    cdef double least, most
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = 0.0
    for c in range(first, v.n_cells):
        for k in range(FLASH_COLUMNS):
            if v.cells[c].column[k] == NULL:
                continue
            if c != but:
                low[k] += v.cells[c].low[k]
                high[k] += v.cells[c].high[k]
            if v.cells[c].boundary[k] != NULL:
                least = INFINITY
                most = -INFINITY
                for i in range(v.cells[c].states * (v.cells[c - 1].states if c else 1)):
                    least = min(least, v.cells[c].boundary[k][i])
                    most = max(most, v.cells[c].boundary[k][i])
                low[k] += least
                high[k] += most


cdef void choose_steps(Task* t, const flash_variant* v) noexcept nogil:
    """Splits epsilon between the joins: half for the last, the rest for those in the middle."""
    cdef const flash_links* l = &t.problem.links
    cdef double low[9]
    cdef double high[9]
    cdef double whole = log1p(t.epsilon), share, score, steep
    cdef int d, middle = v.n_cells - 2
    t.shift = 0.0
    if t.epsilon == 0.0 or middle <= 0:
        for d in range(t.n_keys):
            t.slack[d] = KEEP
        return
    share = 0.5 * whole / middle
    t.epsilon = exp(0.5 * whole) - 1.0
    rest_of(v, 0, -1, low, high)
    for d in range(t.n_keys):
        t.step[d] = exp(share) * (1.0 - 1e-12)
        if t.key_column[d] != COL_SCORE or t.slack[d] == KEEP:
            continue
        score = l.quantum[M_SCORE] * (low[COL_SCORE] + v.constant[COL_SCORE])
        if l.score_link == 2:
            t.slack[d] = SHIFT
            t.step[d] = share * (1.0 - 1e-12) / l.quantum[M_SCORE]
            t.shift = share * (1.0 - 1e-12)
        elif l.log_macs != 0.0 or l.log_params != 0.0 or not score > 0.0 or not positive(v):
            t.slack[d] = KEEP
        elif l.score_link == 1:
            # accuracy rises by at most this power of the score, steepest where it is least
            score *= exp(-whole)
            steep = exp(l.link_b / score + l.link_c)
            steep = l.link_b / score * (steep / (l.link_a + steep) if steep < 1e300 else 1.0)
            t.step[d] = exp(share / max(1.0, steep)) * (1.0 - 1e-12)


cdef int positive(const flash_variant* v) noexcept nogil:
    """Whether no row has a negative score."""
    cdef int c
    cdef int64_t i
    for c in range(v.n_cells):
        if v.cells[c].low[COL_SCORE] < 0.0:
            return 0
        if v.cells[c].boundary[COL_SCORE] != NULL:
            for i in range(v.cells[c].states * (v.cells[c - 1].states if c else 1)):
                if v.cells[c].boundary[COL_SCORE][i] < 0.0:
                    return 0
    return v.constant[COL_SCORE] >= 0.0


cdef int64_t future(const flash_variant* v, int c, int64_t state) noexcept nogil:
    """States that the cells after c can't tell apart have the same number."""
    cdef int k
    cdef const flash_cell* cell = &v.cells[c]
    if cell.incoming <= 1:
        return state
    if c + 1 < v.n_cells:
        for k in range(FLASH_COLUMNS):
            if v.cells[c + 1].boundary[k] != NULL:
                return state
    return state % (cell.states // cell.incoming)


cdef void rows_in(Task* t, const flash_variant* v, int c, int64_t state,
                  Cloud* out) noexcept nogil:
    """The rows of a cell in a state that no other dominates."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef int64_t each = cell.rows // cell.states, i
    cdef double rest_low[9]
    cdef double rest_high[9]
    cdef double x[9]
    cdef char* made
    cdef Waiting waiting
    cdef int k, n_rows = t.n_rows, final = t.final
    cdef double epsilon = t.epsilon
    for k in range(FLASH_COLUMNS):
        rest_low[k] = t.rest_low[k]
        rest_high[k] = t.rest_high[k]
    rest_of(v, 0, c, t.rest_low, t.rest_high)
    for k in range(FLASH_COLUMNS):
        t.rest_low[k] += v.constant[k]
        t.rest_high[k] += v.constant[k]
    t.n_rows = 1
    t.final = 0
    t.epsilon = 0.0
    memset(&waiting, 0, sizeof(waiting))
    for i in range(state * each, (state + 1) * each):
        for k in range(FLASH_COLUMNS):
            x[k] = cell.column[k][i] if cell.column[k] != NULL else 0.0
        if hopeless(t, x, x):
            continue
        made = claim(t, &waiting)
        if made == NULL:
            break
        for k in range(t.n_columns):
            totals(made)[k] = cell.column[t.column[k]][i]
        memset(variant_of(t, made), 0, (t.n_cells + 1) * sizeof(int32_t))
        rows_of(t, made)[0] = <int32_t> i
    if t.stopped != 4:
        sift(t, out, &waiting)
    by_sums(t, out)
    free(waiting.record)
    t.n_rows = n_rows
    t.final = final
    t.epsilon = epsilon
    for k in range(FLASH_COLUMNS):
        t.rest_low[k] = rest_low[k]
        t.rest_high[k] = rest_high[k]


cdef void join_cells(Task* t, int variant, Cloud* found, Waiting* kept) noexcept nogil:
    """One variant, cell by cell, by groups of states."""
    cdef const flash_variant* v = &t.problem.variants[variant]
    cdef Cloud before[64]
    cdef Cloud after[64]
    cdef Cloud rows
    cdef Waiting waiting
    cdef Waiting* wait
    cdef double offset[9]
    cdef int64_t s, g, f
    cdef int c, k
    cdef char* start
    memset(before, 0, sizeof(before))
    memset(after, 0, sizeof(after))
    memset(&rows, 0, sizeof(rows))
    memset(&waiting, 0, sizeof(waiting))
    t.variant = variant
    t.n_rows = 0
    t.final = 0
    t.done = 0.0
    t.whole = v.n_cells
    choose_steps(t, v)
    start = claim(t, &waiting)
    if start != NULL:
        memset(start, 0, t.stride)
        for k in range(t.n_columns):
            totals(start)[k] = v.constant[t.column[k]]
        rest_of(v, 0, -1, t.rest_low, t.rest_high)
        sift(t, before, &waiting)
        by_sums(t, before)
    for c in range(v.n_cells):
        t.n_rows = c + 1
        rest_of(v, c + 1, -1, t.rest_low, t.rest_high)
        for g in range(64):
            memset(&after[g], 0, sizeof(Cloud))
        for f in range(v.cells[c].states):      # groups after, each from all its states
            for s in range(v.cells[c].states):
                if future(v, c, s) != f or t.stopped == 4:
                    continue
                t.final = 0
                rows_in(t, v, c, s, &rows)
                t.final = c == v.n_cells - 1
                for g in range(v.cells[c - 1].states if c else 1):
                    if c and (future(v, c - 1, g) != g
                              or not flash_follows(&v.cells[c - 1], g, &v.cells[c], s)):
                        continue
                    for k in range(FLASH_COLUMNS):
                        offset[k] = 0.0
                        if v.cells[c].boundary[k] != NULL:
                            offset[k] = v.cells[c].boundary[k][g * v.cells[c].states + s]
                    wait = kept if t.final else &waiting
                    join(t, &before[g], &rows, offset, found if t.final else &after[f], wait,
                         pause)
                discard(&rows)
            t.final = c == v.n_cells - 1
            if t.final and t.epsilon > 0.0 and t.stopped != 4:
                sift(t, found, kept)
            elif not t.final and t.stopped != 4:
                sift(t, &after[f], &waiting)
                by_sums(t, &after[f])
        for g in range(64):
            discard(&before[g])
            before[g] = after[g]
        t.done = c + 1
        t.share = 0.0
    for g in range(64):
        discard(&before[g])
    free(waiting.record)
