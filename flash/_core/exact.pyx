"""Exact search: the optimum over all rows of all variants, with a proof.

Branch and bound over intervals of the scale (and, for the weighted product, of the metrics). In a
node every metric is bounded by a linear form (relax.pxd); a Lagrangian dual over those forms bounds
the objective, prices out rows (reduced-cost fixing), and leaves lists short enough to enumerate
depth first, best value first. Cells are joined by dynamic programming over their hand-on states.
Bounds are computed in float64 with an outward slack; feasibility and the objective of a
configuration are always the exact ones of problem.h.
"""

from libc.math cimport INFINITY, exp, fabs, log, sqrt
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from cpython.exc cimport PyErr_CheckSignals

from flash._core.core cimport *
from flash._core.dive cimport dive, least_boundary
from flash._core.exact cimport *
from flash._core.lists cimport *
from flash._core.relax cimport *
from flash._core.tables cimport Tables, kernels

__all__ = ("Query", "Search")


cdef enum:
    ROUNDS = 48          # price updates in a node

cdef double SHARE = 0.2  # of a node's gap that must be curvature for a split to pay


cdef struct Model:       # a node's linear bounds
    Form lower[6]
    Form upper[6]
    Form objective       # >= the objective on the box
    Form form[14]        # constraints form <= right, scaled to a unit right side
    double right[14]
    int active[14]
    double limit[14]     # right sides before scaling
    Box box
    double metric_low[6]
    double metric_high[6]


cdef extern from *:
    """
    #if defined(_WIN32)
    #include <windows.h>
    static double flash_clock(void) { return GetTickCount64() * 1e-3; }
    #else
    #include <time.h>
    static double flash_clock(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec + 1e-9 * t.tv_nsec;
    }
    #endif
    """
    double flash_clock() noexcept nogil


cdef void scan(Worker* w, const flash_variant* v, const Lists* lists, Scan* out) noexcept nogil:
    """Maximises sum_k weight[k] * total[k] over the lists: the Lagrangian's inner problem."""
    cdef const double* column[9]
    cdef double weight[9]
    cdef int c, s, t, k, n, before
    cdef int back[32][64]
    cdef double* value = w.value
    cdef double best, x
    cdef const List* list
    cdef const flash_cell* cell
    cdef int64_t i
    w.scans += 1
    n = 0
    for k in range(FLASH_COLUMNS):
        if w.problem.present >> k & 1 and out.weight[k] != 0.0:
            weight[n] = out.weight[k]
            n += 1
    for c in range(lists.n_cells):
        list = &lists.cell[c]
        cell = &v.cells[c]
        n = 0
        for k in range(FLASH_COLUMNS):
            if w.problem.present >> k & 1 and out.weight[k] != 0.0:
                column[n] = list.column[k]
                n += 1
        if n == 0:
            memset(value, 0, list.n * sizeof(double))
        for s in range(list.states):
            i = list.start[s]
            for k in range(n):
                column[k] = column[k] + (i - (list.start[s - 1] if s else 0))
            if list.start[s + 1] == i:
                out.top[c][s] = -INFINITY
            elif n == 0:
                out.top[c][s] = 0.0
            else:
                out.top[c][s] = w.kernels.weigh(list.start[s + 1] - i, n, column, weight, value + i)
        value += list.n
        # forward: the best of the cells before, handing on to s
        for s in range(list.states):
            best = 0.0
            back[c][s] = 0
            if not c:
                for k in range(FLASH_COLUMNS):
                    if cell.boundary[k] != NULL:
                        best += out.weight[k] * cell.boundary[k][s]
            else:
                best = -INFINITY
                for t in range(lists.cell[c - 1].states):
                    if not flash_follows(&v.cells[c - 1], t, cell, s):
                        continue
                    x = out.into[c - 1][t] + out.top[c - 1][t]
                    for k in range(FLASH_COLUMNS):
                        if cell.boundary[k] != NULL:
                            x += out.weight[k] * cell.boundary[k][t * list.states + s]
                    if x > best:
                        best = x
                        back[c][s] = t
            out.into[c][s] = best
    # backward, and the combination itself
    c = lists.n_cells - 1
    for s in range(lists.cell[c].states):
        out.after[c][s] = 0.0
    while c > 0:
        cell = &v.cells[c]
        for t in range(lists.cell[c - 1].states):
            best = -INFINITY
            for s in range(lists.cell[c].states):
                if not flash_follows(&v.cells[c - 1], t, cell, s):
                    continue
                x = out.top[c][s] + out.after[c][s]
                for k in range(FLASH_COLUMNS):
                    if cell.boundary[k] != NULL:
                        x += out.weight[k] * cell.boundary[k][t * cell.states + s]
                if x > best:
                    best = x
            out.after[c - 1][t] = best
        c -= 1
    best = -INFINITY
    t = 0
    c = lists.n_cells - 1
    for s in range(lists.cell[c].states):
        x = out.into[c][s] + out.top[c][s]
        if x > best:
            best = x
            t = s
    out.bound = best
    for k in range(FLASH_COLUMNS):
        out.bound += out.weight[k] * v.constant[k]
        out.total[k] = v.constant[k]
    out.bound += out.constant
    if best == -INFINITY:
        return
    while c >= 0:
        list = &lists.cell[c]
        value -= list.n
        i = list.start[t]
        while value[i] != out.top[c][t]:
            i += 1
        out.arg[c] = <int32_t> i
        before = back[c][t]
        for k in range(FLASH_COLUMNS):
            if list.column[k] != NULL:
                out.total[k] += list.column[k][i]
            if v.cells[c].boundary[k] != NULL:
                out.total[k] += v.cells[c].boundary[k][before * list.states + t]
        t = before
        c -= 1


cdef int pause(Worker* w) noexcept nogil:
    """Looks at the limits now and then; true where the search must end."""
    cdef int interrupted = 0
    if w.limits.stopped:
        return 1
    if w.limits.max_leaves >= 0 and w.leaves >= w.limits.max_leaves:
        w.limits.stopped = 2
    elif flash_clock() >= w.limits.deadline:
        w.limits.stopped = 1
    else:
        with gil:
            interrupted = notify(w)
        if interrupted:
            w.limits.stopped = 3
    return w.limits.stopped


cdef void ranges(Worker* w, const flash_variant* v, const Lists* lists, Box* box) noexcept nogil:
    """What each total can be at least and at most."""
    cdef int c, k
    cdef double low, high, x
    cdef int64_t i
    for k in range(FLASH_COLUMNS):
        box.low[k] = box.high[k] = v.constant[k]
        if not w.problem.present >> k & 1:
            continue
        for c in range(lists.n_cells):
            if lists.cell[c].id == NULL:
                low = v.cells[c].low[k]
                high = v.cells[c].high[k]
            else:
                w.kernels.range(lists.cell[c].n, lists.cell[c].column[k], &low, &high)
            box.low[k] += low
            box.high[k] += high
            if v.cells[c].boundary[k] != NULL:
                low = INFINITY
                high = -INFINITY
                for i in range((lists.cell[c - 1].states if c else 1) * lists.cell[c].states):
                    x = v.cells[c].boundary[k][i]
                    low = x if x < low else low
                    high = x if x > high else high
                box.low[k] += low
                box.high[k] += high


cdef void limit(Model* m, int which, double sign, const Form* form, double right) noexcept nogil:
    """Constraint `which`: sign * form <= sign * right, unless the box already implies it."""
    cdef Form* f = &m.form[which]
    cdef double scale
    m.active[which] = 0
    if right == INFINITY or right == -INFINITY:
        return
    scale = fabs(right) if fabs(right) > 1e-300 else 1.0
    m.limit[which] = scale
    clear(f)
    add(f, sign / scale, form)
    m.right[which] = sign * right / scale
    m.active[which] = most(f, &m.box) > m.right[which]


cdef int build(Worker* w, Node* node, const double* at, Model* m) noexcept nogil:
    """The node's linear model; false where no configuration of it can be feasible and as good."""
    cdef const flash_links* links = &w.problem.links
    cdef const flash_query* q = w.query
    cdef Form scale
    cdef int k
    cdef double high, low, slope, reference, e
    if links.n_steps or links.leakage > 0.0:
        if node.scale_low > m.box.low[COL_SCALE]:
            m.box.low[COL_SCALE] = node.scale_low
        if node.scale_high < m.box.high[COL_SCALE]:
            m.box.high[COL_SCALE] = node.scale_high
        if m.box.low[COL_SCALE] > m.box.high[COL_SCALE]:
            return 0
    lower_forms(links, &m.box, at, m.lower)
    upper_forms(links, &m.box, m.upper)
    flash_metrics(links, m.box.low, m.metric_low)
    flash_metrics(links, m.box.high, m.metric_high)
    for k in range(FLASH_METRICS):
        high = node.high[k] if node.high[k] < q.maximum[k] else q.maximum[k]
        low = node.low[k]
        if k == M_SCORE and w.score_least > low:
            low = w.score_least
        if (m.metric_low[k] > high + 1e-11 * fabs(high)
                or m.metric_high[k] < low - 1e-11 * fabs(low)):
            return 0
        limit(m, k, 1.0, &m.lower[k], high)
        limit(m, LOWER_ENDS + k, -1.0, &m.upper[k], low)
        if high < m.metric_high[k]:
            m.metric_high[k] = high
        if low > m.metric_low[k]:
            m.metric_low[k] = low
    clear(&scale)
    scale.w[COL_SCALE] = 1.0
    limit(m, SCALE_ABOVE, 1.0, &scale, node.scale_high)
    limit(m, SCALE_BELOW, -1.0, &scale, node.scale_low)
    if not q.product:
        m.objective = m.lower[M_SCORE]
        return 1
    clear(&m.objective)
    for k in range(FLASH_METRICS):
        e = q.exponent[k]
        if e == 0.0:
            continue
        low = m.metric_low[k]
        high = m.metric_high[k]
        if k == M_SCORE:
            if e > 0.0:
                reference = 0.5 * (low + high)
                if at != NULL:
                    reference = apply(&m.lower[k], at)
                    reference = low if reference < low else high if reference > high else reference
                low = log_accuracy(links, reference, &slope)
                m.objective.c += e * (low - slope * reference)
                add(&m.objective, e * slope, &m.lower[k])
                continue
            slope = 0.0
            reference = low
            low = log_accuracy(links, reference, &slope)
            slope = ((log_accuracy(links, high, &slope) - low) / (high - reference)
                     if high > reference else 0.0)
            m.objective.c += e * (low - slope * reference)
            add(&m.objective, e * slope, &m.lower[k])
        elif e > 0.0:
            m.objective.c += e * log(high)
        else:
            slope = (log(high) - log(low)) / (high - low) if high > low * (1.0 + 1e-12) else 0.0
            m.objective.c += e * (log(low) - slope * low)
            add(&m.objective, e * slope, &m.lower[k])
    return 1


cdef void weigh_prices(Model* m, const double* price, Scan* out) noexcept nogil:
    """The Lagrangian's column weights: objective less price times constraint."""
    cdef int r, k
    out.constant = m.objective.c
    for k in range(FLASH_COLUMNS):
        out.weight[k] = m.objective.w[k]
    for r in range(CONSTRAINTS):
        if m.active[r] and price[r] > 0.0:
            out.constant += price[r] * (m.right[r] - m.form[r].c)
            for k in range(FLASH_COLUMNS):
                out.weight[k] -= price[r] * m.form[r].w[k]


cdef void attempt(Worker* w, int variant, const Lists* lists, const int32_t* arg) noexcept nogil:
    cdef int32_t row[32]
    cdef int c
    for c in range(lists.n_cells):
        row[c] = arg[c] if lists.cell[c].id == NULL else lists.cell[c].id[arg[c]]
    w.leaves += 1
    flash_try(w.problem, w.query, variant, row, &w.best)


cdef double seek_prices(Worker* w, const flash_variant* v, int variant, const Lists* lists,
                        Model* m, double* price, Scan* out) noexcept nogil:
    """Lowers the dual bound by deflected subgradient steps; price: start in, best out."""
    cdef double best = INFINITY, target, step, norm, share = 1.0, slack
    cdef double p[14]
    cdef double direction[14]
    cdef double g
    cdef int r, k, stall = 0
    for r in range(CONSTRAINTS):
        p[r] = price[r] if m.active[r] else 0.0
        direction[r] = 0.0
    for k in range(ROUNDS):
        weigh_prices(m, p, out)
        scan(w, v, lists, out)
        if out.bound == -INFINITY:
            return -INFINITY
        attempt(w, variant, lists, out.arg)
        if out.bound < best - 1e-9 * fabs(best) or best == INFINITY:
            if best - out.bound < 1e-3 * (best - threshold(w)):
                stall += 1
            else:
                stall = 0
            best = out.bound
            for r in range(CONSTRAINTS):
                price[r] = p[r]
        else:
            stall += 1
        if best < threshold(w):
            break
        if stall >= 3:
            share *= 0.5
            stall = 0
            if share < 0.02:
                break
            for r in range(CONSTRAINTS):
                p[r] = price[r]
                direction[r] = 0.0
            continue
        target = threshold(w) if w.best.found else best - 0.02 * fabs(best)
        norm = 0.0
        for r in range(CONSTRAINTS):
            if not m.active[r]:
                continue
            slack = apply(&m.form[r], out.total) - m.right[r]
            g = slack + 0.3 * direction[r]
            if p[r] <= 0.0 and g < 0.0:
                g = 0.0
            direction[r] = g
            norm += g * g
        if norm < 1e-24:
            break
        step = share * (out.bound - target) / norm
        for r in range(CONSTRAINTS):
            if m.active[r]:
                p[r] += step * direction[r]
                if p[r] < 0.0:
                    p[r] = 0.0
    return best


cdef void push(Worker* w, const Node* node) noexcept nogil:
    cdef int64_t i = w.n_heap, parent
    if w.n_heap == w.heap_room:
        w.heap_room = 2 * w.heap_room + 64
        w.heap = <Node*> realloc(w.heap, w.heap_room * sizeof(Node))
    w.n_heap += 1
    while i:
        parent = (i - 1) // 2
        if w.heap[parent].bound >= node.bound:
            break
        w.heap[i] = w.heap[parent]
        i = parent
    w.heap[i] = node[0]


cdef void pop(Worker* w, Node* node) noexcept nogil:
    cdef int64_t i = 0, child
    cdef Node* heap = w.heap
    cdef Node* last
    node[0] = heap[0]
    w.n_heap -= 1
    last = &heap[w.n_heap]
    while True:
        child = 2 * i + 1
        if child >= w.n_heap:
            break
        if child + 1 < w.n_heap and heap[child + 1].bound > heap[child].bound:
            child += 1
        if last.bound >= heap[child].bound:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last[0]


cdef Lists* fix_rows(Worker* w, const flash_variant* v, const Lists* lists, const Scan* at,
                     double* combinations) noexcept nogil:
    """The rows whose own bound still reaches the best answer."""
    cdef Lists* out = <Lists*> malloc(sizeof(Lists))
    cdef double base = at.constant, least
    cdef const double* value = w.value
    cdef const List* list
    cdef int64_t n, kept, i
    cdef int64_t start[65]
    cdef int c, s, k
    for k in range(FLASH_COLUMNS):
        base += at.weight[k] * v.constant[k]
    out.cell = <List*> malloc(lists.n_cells * sizeof(List))
    out.refs = 1
    out.n_cells = lists.n_cells
    combinations[0] = 1.0
    for c in range(lists.n_cells):
        list = &lists.cell[c]
        n = 0
        for s in range(list.states):
            start[s] = n
            least = threshold(w) - base - at.into[c][s] - at.after[c][s]
            i = list.start[s]
            kept = w.kernels.select(list.start[s + 1] - i, value + i, least, w.chosen + n)
            for i in range(n, n + kept):
                w.chosen[i] += <int32_t> list.start[s]
            n += kept
        start[list.states] = n
        combinations[0] *= <double> n
        take(list, w.chosen, n, start, &out.cell[c])
        value += list.n
    return out


cdef Lists* keep_fitting(Worker* w, const flash_variant* v, Lists* lists,
                         const Model* m) noexcept nogil:
    """Without the rows that break a constraint whatever the other cells take; may be `lists`."""
    cdef const double* column[9]
    cdef double weight[9]
    cdef double top[32]
    cdef double room
    cdef double* value
    cdef const List* list
    cdef List cut
    cdef Lists* out = lists
    cdef int64_t start[65]
    cdef int64_t i, n, kept
    cdef int r, c, k, s, used
    for r in range(CONSTRAINTS):
        if not m.active[r]:
            continue
        used = 0
        for k in range(FLASH_COLUMNS):
            if m.form[r].w[k] != 0.0 and w.problem.present >> k & 1:
                weight[used] = -m.form[r].w[k]
                used += 1
        if not used:
            continue
        value = w.value
        room = m.right[r] + 1e-11 * (1.0 + fabs(m.right[r])) - m.form[r].c
        for c in range(out.n_cells):
            list = &out.cell[c]
            used = 0
            for k in range(FLASH_COLUMNS):
                if m.form[r].w[k] != 0.0 and w.problem.present >> k & 1:
                    column[used] = list.column[k]
                    used += 1
            top[c] = w.kernels.weigh(list.n, used, column, weight, value)
            room += top[c]
            value += list.n
        for k in range(FLASH_COLUMNS):
            room -= m.form[r].w[k] * v.constant[k]
            for c in range(out.n_cells):
                if v.cells[c].boundary[k] != NULL:
                    room -= least_boundary(&v.cells[c], k, m.form[r].w[k],
                                           v.cells[c - 1].states if c else 1)
        value = w.value
        for c in range(out.n_cells):
            list = &out.cell[c]
            n = list.n
            kept = w.kernels.select(n, value, top[c] - room, w.chosen)
            value += n
            if kept == n:
                continue
            if out == lists:
                out = copy(lists)
                list = &out.cell[c]
            s = 0
            start[0] = 0
            for i in range(kept):
                while w.chosen[i] >= list.start[s + 1]:
                    s += 1
                    start[s] = i
            while s < list.states:
                s += 1
                start[s] = kept
            take(list, w.chosen, kept, start, &cut)
            drop(&out.cell[c])
            out.cell[c] = cut
    return out


cdef int choose_split(Worker* w, const Node* node, const Model* m, const Scan* at,
                      double* where) noexcept nogil:
    """What to branch on: a metric, SCALE_ABOVE for the scale, or -1 where halving a box would
    gain little: most of the gap is then a matter of whole rows, not of curvature."""
    cdef double metric[6]
    cdef double total[9]
    cdef double low, high, line, error, worst = 0.0, curved = 0.0, x, gap
    cdef int k, g, choice = -1
    cdef const flash_links* links = &w.problem.links
    cdef double e
    memcpy(total, at.total, sizeof(total))
    if total[COL_SCALE] < m.box.low[COL_SCALE]:
        total[COL_SCALE] = m.box.low[COL_SCALE]
    elif total[COL_SCALE] > m.box.high[COL_SCALE]:
        total[COL_SCALE] = m.box.high[COL_SCALE]
    flash_metrics(links, total, metric)
    for k in range(1, FLASH_METRICS):
        x = apply(&m.lower[k], total)
        if m.active[k] and metric[k] > x:
            curved += node.price[k] * (metric[k] - x) / fabs(m.limit[k])
        e = w.query.exponent[k] if w.query.product else 0.0
        if e == 0.0:
            continue
        low = m.metric_low[k]
        high = m.metric_high[k]
        if x < low:
            x = low
        if metric[k] > x:
            curved += fabs(e) * log(metric[k] / x)
        error = e * log(high / x)
        if e < 0.0:
            line = log(low)
            if high > low * (1.0 + 1e-12):
                line += (log(high) - log(low)) / (high - low) * (x - low)
            error = -e * (log(x) - line)
        if error > worst:
            worst = error
            choice = k
            where[0] = x
    if w.query.product and w.query.exponent[M_SCORE] != 0.0:
        error = tangent_gap(w, m, metric[M_SCORE])
        if error > worst:
            worst = error
            choice = M_SCORE
            where[0] = metric[M_SCORE]
    gap = at.bound - w.best.objective if w.best.found else 0.05 * (1.0 + fabs(at.bound))
    gap = SHARE * gap if SHARE * gap > 1e-9 * (1.0 + fabs(at.bound)) else 1e-9 * (1.0 + fabs(at.bound))
    low = m.box.low[COL_SCALE]
    high = m.box.high[COL_SCALE]
    if (links.n_steps > 1 or links.leakage > 0.0) and high > low and (
            curved >= worst and curved >= gap):
        x = at.total[COL_SCALE]
        if x < low + 0.15 * (high - low):
            x = low + 0.15 * (high - low)
        elif x > high - 0.15 * (high - low):
            x = high - 0.15 * (high - low)
        x = <double> <int64_t> x
        if links.n_steps > 1 and flash_class_of(links, low) != flash_class_of(links, high):
            g = flash_class_of(links, x)
            if links.scale_max[g] < high:
                x = links.scale_max[g]
            elif g and links.scale_max[g - 1] >= low:
                x = links.scale_max[g - 1]
        where[0] = x if x < high else high - 1.0
        return SCALE_ABOVE
    if choice < 0 or worst < gap:
        return -1
    low = m.metric_low[choice]
    high = m.metric_high[choice]
    if high <= low * (1.0 + 1e-9):
        return -1
    if where[0] < low + 0.1 * (high - low):
        where[0] = low + 0.1 * (high - low)
    elif where[0] > high - 0.1 * (high - low):
        where[0] = high - 0.1 * (high - low)
    return choice


cdef double tangent_gap(Worker* w, const Model* m, double score) noexcept nogil:
    """How far the objective's line lies above the score's own term at `score`."""
    cdef double e = w.query.exponent[M_SCORE], low, high, a, b, slope
    cdef const flash_links* links = &w.problem.links
    low = m.metric_low[M_SCORE]
    high = m.metric_high[M_SCORE]
    if e > 0.0:   # the tangent may touch anywhere: take the middle's error at the worse end
        a = log_accuracy(links, 0.5 * (low + high), &slope)
        b = a + slope * (score - 0.5 * (low + high))
        return e * (b - log_accuracy(links, score, &slope))
    a = log_accuracy(links, low, &slope)
    b = log_accuracy(links, high, &slope)
    if high <= low:
        return 0.0
    return e * (a + (b - a) / (high - low) * (score - low)) - e * log_accuracy(links, score, &slope)


cdef void branch(Worker* w, Node* node, Lists* lists, int choice, double where) noexcept nogil:
    cdef Node child = node[0]
    child.depth += 1
    child.lists = lists
    lists.refs += 2
    if choice == SCALE_ABOVE:
        child.scale_high = where
        push(w, &child)
        child.scale_high = node.scale_high
        child.scale_low = where + 1.0
        push(w, &child)
        return
    child.high[choice] = where
    push(w, &child)
    child.high[choice] = node.high[choice]
    child.low[choice] = where
    push(w, &child)


cdef void process(Worker* w, Node* node) noexcept nogil:
    """Bounds a node; discards it, enumerates it, or leaves its two halves in the heap."""
    cdef const flash_variant* v = &w.problem.variants[node.variant]
    cdef Lists* fitting
    cdef Model m
    cdef int c, large = 0
    w.nodes += 1
    ranges(w, v, node.lists, &m.box)
    if not build(w, node, node.total if node.depth else NULL, &m):
        return
    fitting = node.lists
    for c in range(fitting.n_cells):   # of a whole variant it would cost more than it brings
        large |= fitting.cell[c].id == NULL and fitting.cell[c].n > 2 * w.thin
    if not large:
        fitting = keep_fitting(w, v, node.lists, &m)
    if fitting != node.lists:
        for c in range(fitting.n_cells):
            if fitting.cell[c].n == 0:
                release(fitting)
                return
        ranges(w, v, fitting, &m.box)
    if fitting == node.lists or build(w, node, node.total if node.depth else NULL, &m):
        settle(w, node, v, fitting, &m)
    if fitting != node.lists:
        release(fitting)


cdef Lists* thinned(Worker* w, int variant, const Lists* lists) noexcept nogil:
    """A thinned copy to seek prices on; that of a whole variant is made once."""
    cdef int c
    for c in range(lists.n_cells):
        if lists.cell[c].id != NULL:
            return sample(lists, w.thin, w.chosen)
    if w.thin_of[variant] == NULL:
        w.thin_of[variant] = sample(lists, w.thin, w.chosen)
    w.thin_of[variant].refs += 1
    return w.thin_of[variant]


cdef void settle(Worker* w, Node* node, const flash_variant* v, Lists* lists,
                 Model* m) noexcept nogil:
    cdef Scan at
    cdef Lists* thin = lists
    cdef Lists* kept
    cdef double combinations, where = 0.0
    cdef int c, choice, large = 0
    for c in range(lists.n_cells):
        large |= lists.cell[c].n > 2 * w.thin
    if large:
        thin = thinned(w, node.variant, lists)
    if seek_prices(w, v, node.variant, thin, m, node.price, &at) == -INFINITY and not large:
        return
    if not node.depth and at.bound > -INFINITY:
        memcpy(node.total, at.total, sizeof(at.total))
        build(w, node, node.total, m)
        seek_prices(w, v, node.variant, thin, m, node.price, &at)
    if large:
        release(thin)
    weigh_prices(m, node.price, &at)
    scan(w, v, lists, &at)
    if at.bound < threshold(w):
        return
    attempt(w, node.variant, lists, at.arg)
    if at.bound < node.bound:
        node.bound = at.bound
    memcpy(node.total, at.total, sizeof(at.total))
    if w.bound_only:
        node.lists.refs += 1
        push(w, node)
        return
    kept = fix_rows(w, v, lists, &at, &combinations)
    if combinations > 0.0:
        choice = choose_split(w, node, m, &at, &where) if combinations > w.leaf else -1
        if choice >= 0:
            branch(w, node, kept, choice, where)
        else:
            scan(w, v, kept, &at)
            dive(w, node.variant, kept, &at, m.form, m.right, m.active)
    release(kept)


cdef void run(Worker* w) noexcept nogil:
    """Best bound first, until nothing left can hold a better answer."""
    cdef Node node
    while w.n_heap and not w.limits.stopped:
        if w.heap[0].bound < threshold(w):
            break
        if w.bound_only and w.heap[0].bound < INFINITY:
            break
        pop(w, &node)
        process(w, &node)
        if w.limits.stopped:
            push(w, &node)
            break
        release(node.lists)
        if w.nodes & 15 == 0:
            pause(w)


cdef int notify(Worker* w) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Search owner = <Search> w.owner
    try:
        PyErr_CheckSignals()
        if owner.callback is not None and owner.callback(owner) is True:
            return 1
    except BaseException as error:
        owner.error = error
        return 1
    return 0


cdef class Query:
    """Budgets and objective in the core's terms (see flash_query)."""

    def __init__(self, maximum, double min_accuracy=-INFINITY, exponent=None):
        cdef int k
        for k in range(FLASH_METRICS):
            self.query.maximum[k] = maximum[k]
            self.query.exponent[k] = exponent[k] if exponent is not None else 0.0
        self.query.min_accuracy = min_accuracy
        self.query.product = exponent is not None


cdef class Search:
    """One search over compiled tables: an incumbent, a bound, and the means to close the gap."""

    def __init__(self, Tables tables, Query query, *, double time_limit_s=INFINITY,
                 int64_t max_leaves=-1, double leaf=20000.0, int64_t thin=192, callback=None):
        cdef int i, c, k
        cdef int64_t rows
        cdef Worker* w = &self.w
        cdef flash_query* q = &query.query
        self.tables = tables
        self.query = query
        self.callback = callback
        w.owner = <void*> self
        w.leaf = leaf
        w.thin = thin
        w.problem = &tables.problem
        w.query = q
        w.kernels = kernels()
        w.limits.deadline = flash_clock() + time_limit_s
        w.limits.max_leaves = max_leaves
        w.score_least = least_score(&tables.problem.links, q.min_accuracy)
        for k in range(FLASH_METRICS):
            if q.exponent[k] * (-1.0 if k == 0 else 1.0) > 0.0:
                w.unusual = 1
        for i in range(tables.problem.n_variants):
            rows = 0
            for c in range(tables.problem.variants[i].n_cells):
                rows += tables.problem.variants[i].cells[c].rows
            if rows > w.room:
                w.room = rows
        w.value = <double*> malloc((w.room + 16) * sizeof(double))
        w.chosen = <int32_t*> malloc((w.room + 16) * sizeof(int32_t))
        w.thin_of = <Lists**> calloc(tables.problem.n_variants, sizeof(void*))
        if w.thin_of == NULL or w.value == NULL or w.chosen == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef int64_t i
        for i in range(self.w.n_heap):
            release(self.w.heap[i].lists)
        for i in range(self.w.problem.n_variants if self.w.thin_of != NULL else 0):
            release(self.w.thin_of[i])
        free(self.w.thin_of)
        free(self.w.heap)
        free(self.w.value)
        free(self.w.chosen)

    def offer(self, int variant, row) -> int:
        """Tries one configuration: 1 new best, 0 feasible, -1 over a budget."""
        cdef int32_t r[32]
        cdef int c
        for c in range(self.w.problem.variants[variant].n_cells):
            r[c] = row[c]
        self.w.leaves += 1
        return flash_try(self.w.problem, self.w.query, variant, r, &self.w.best)

    def prove(self) -> None:
        """Runs the exact solver to the end or to a limit."""
        cdef Node root
        cdef int i, k
        cdef Worker* w = &self.w
        if not self.started:
            self.started = 1
            memset(&root, 0, sizeof(root))
            root.bound = INFINITY
            root.scale_high = INFINITY
            for k in range(FLASH_METRICS):
                root.low[k] = -INFINITY
                root.high[k] = INFINITY
            for i in range(w.problem.n_variants):
                root.variant = i
                root.lists = whole(&w.problem.variants[i])
                push(w, &root)
        with nogil:
            run(w)
        self.raise_error()

    cdef int raise_error(self) except -1:
        """What a signal or the callback raised while the GIL was released."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return 0

    def bound_roots(self) -> None:
        """Bounds every variant without enumerating any: the certificate of a search that is not
        to be proven."""
        self.w.bound_only = 1
        self.prove()
        self.w.bound_only = 0

    @property
    def best(self):
        """(variant, rows, objective, metrics) of the incumbent, or None."""
        cdef flash_point* p = &self.w.best
        cdef int k, n
        if not p.found:
            return None
        n = self.w.problem.variants[p.variant].n_cells
        return (p.variant, tuple([p.row[k] for k in range(n)]), p.objective,
                tuple([p.metric[k] for k in range(FLASH_METRICS)]))

    @property
    def bound(self) -> float:
        """No configuration's objective is above it."""
        cdef double high = self.w.best.objective if self.w.best.found else -INFINITY
        if not self.started:
            return INFINITY
        if self.w.n_heap and self.w.heap[0].bound > high and self.w.heap[0].bound >= threshold(&self.w):
            high = self.w.heap[0].bound
        return high

    @property
    def stopped(self) -> int:
        """0: ran to its end; 1: time; 2: evaluations; 3: interrupted."""
        return self.w.limits.stopped

    @property
    def counts(self) -> tuple:
        """(nodes, dual evaluations, configurations weighed)"""
        return (self.w.nodes, self.w.scans, self.w.leaves)


cdef double least_score(const flash_links* links, double accuracy) noexcept nogil:
    """A score below which no accuracy reaches the least one asked for (outward by 1e-9).

    By bisection on the link itself: its inverse loses all digits where accuracies saturate.
    """
    cdef double low = 1e-300, high = 1e300, middle
    cdef int step
    if accuracy == -INFINITY:
        return -INFINITY
    if links.score_link == 0:
        return accuracy
    if flash_accuracy(links, high) < accuracy:
        return high
    for step in range(64):
        middle = sqrt(low) * sqrt(high)
        if flash_accuracy(links, middle) < accuracy:
            low = middle
        else:
            high = middle
    return low * (1.0 - 1e-9)
