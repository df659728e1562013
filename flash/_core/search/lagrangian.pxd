"""Bounding a node: its linear model, the Lagrangian dual over it, and the rows that it rules out."""

from libc.math cimport INFINITY, fabs, log
from libc.stdint cimport int32_t

from flash._core.search.exact cimport (
    CONSTRAINTS, LOWER_ENDS, SCALE_ABOVE, SCALE_BELOW, Node, Scan, Worker, spent, threshold,
)
from flash._core.search.inner_problem cimport scan
from flash._core.search.relaxation cimport (
    Box, Form, add, additive, apply, clear, log_accuracy, lower_forms, metric_range, most,
    upper_forms,
)
from flash._core.search.row_lists cimport Lists
from flash._core.tables.problem cimport (
    COL_MACS, COL_PARAMS, COL_SCALE, FLASH_COLUMNS, FLASH_METRICS, M_MACS, M_PARAMS, M_SCORE,
    N_COLUMNS, flash_links, flash_query, flash_try, flash_variant,
)


cdef enum:
    ROUNDS = 48          # price updates in a node


cdef struct Model:       # a node's linear bounds
    Form lower[6]
    Form upper[6]
    Form objective       # >= the objective on the box
    Form form[14]        # constraints form <= right, scaled to a unit right side
    double right[14]
    int active[14]
    double limit[14]     # right sides before scaling
    Box box              # of the totals of what the node stands for
    Box hull             # of the totals of all its rows
    double metric_low[6]
    double metric_high[6]


cdef inline void limit(Model* m, int which, double sign, const Form* form, double right) noexcept nogil:
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
    m.active[which] = most(f, &m.hull) > m.right[which]


cdef inline int within(Box* box, int column, const Node* node, int metric,
                       const flash_query* q) noexcept nogil:
    """Narrows the box to the node's interval of a metric that is a total; false where none is left."""
    box.low[column] = max(box.low[column], node.low[metric])
    box.high[column] = min(box.high[column], min(node.high[metric], q.maximum[metric]))
    return box.low[column] <= box.high[column]


cdef inline int build(Worker* w, Node* node, const double* at, Model* m) noexcept nogil:
    """The node's linear model; false where no configuration of it can be feasible and as good."""
    cdef const flash_links* links = &w.problem.links
    cdef const flash_query* q = w.query
    cdef Form scale
    cdef int k
    cdef double high, low, slope, reference, e
    m.hull = m.box
    if not additive(links):
        if not within(&m.box, COL_PARAMS, node, M_PARAMS, q) or not within(
                &m.box, COL_MACS, node, M_MACS, q):
            return 0
    if links.n_steps or links.leakage > 0.0:
        if node.scale_low > m.box.low[COL_SCALE]:
            m.box.low[COL_SCALE] = node.scale_low
        if node.scale_high < m.box.high[COL_SCALE]:
            m.box.high[COL_SCALE] = node.scale_high
        if m.box.low[COL_SCALE] > m.box.high[COL_SCALE]:
            return 0
    lower_forms(links, &m.box, at, m.lower)
    upper_forms(links, &m.box, at, m.upper)
    metric_range(links, &m.box, m.metric_low, m.metric_high)
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
        if (k == M_SCORE and not q.product
                and m.metric_high[k] < threshold(w)):
            return 0
        if high < m.metric_high[k]:
            m.metric_high[k] = high
        if low > m.metric_low[k]:
            m.metric_low[k] = low
    clear(&scale)
    scale.w[COL_SCALE] = 1.0
    limit(m, SCALE_ABOVE, 1.0, &scale, node.scale_high)
    limit(m, SCALE_BELOW, -1.0, &scale, node.scale_low)
    if not q.product:
        m.objective = m.upper[M_SCORE]
        return 1
    clear(&m.objective)
    for k in range(FLASH_METRICS):
        e = q.exponent[k]
        if e == 0.0:
            continue
        low = m.metric_low[k]
        high = m.metric_high[k]
        if k == M_SCORE:
            if links.score_link != 2 and low <= 0.0:
                if e < 0.0 or high <= 0.0:
                    m.objective.c = INFINITY
                    continue
                low = 1e-3 * high
            if e > 0.0:
                reference = 0.5 * (low + high)
                if at != NULL:
                    reference = apply(&m.upper[k], at)
                    reference = low if reference < low else high if reference > high else reference
                low = log_accuracy(links, reference, &slope)
                m.objective.c += e * (low - slope * reference)
                add(&m.objective, e * slope, &m.upper[k])
                continue
            slope = 0.0
            reference = low
            low = log_accuracy(links, reference, &slope)
            if low < -650.0:   # an accuracy may be 0
                m.objective.c = INFINITY
                continue
            slope = ((log_accuracy(links, high, &slope) - low) / (high - reference)
                     if high > reference else 0.0)
            m.objective.c += e * (low - slope * reference)
            add(&m.objective, e * slope, &m.lower[k])
        elif low <= 0.0 and (e < 0.0 or high <= 0.0):
            m.objective.c = INFINITY   # nothing bounds what may be 0
        elif e > 0.0:
            reference = 0.5 * (low + high)
            if at != NULL:
                reference = apply(&m.upper[k], at)
                reference = low if reference < low else high if reference > high else reference
            m.objective.c += e * (log(reference) - 1.0)
            add(&m.objective, e / reference, &m.upper[k])
        else:
            slope = (log(high) - log(low)) / (high - low) if high > low * (1.0 + 1e-12) else 0.0
            m.objective.c += e * (log(low) - slope * low)
            add(&m.objective, e * slope, &m.lower[k])
    return 1


cdef inline void weigh_prices(Model* m, const double* price, Scan* out) noexcept nogil:
    """The Lagrangian's column weights: objective less price times constraint.

    The terms' own size times 1e-14 is added: what their sums may have lost by rounding.
    """
    cdef int r, k
    cdef double size = fabs(m.objective.c)
    cdef double terms[N_COLUMNS]   # of each column, added up
    out.constant = m.objective.c
    for k in range(FLASH_COLUMNS):
        out.weight[k] = m.objective.w[k]
        terms[k] = fabs(m.objective.w[k])
    for r in range(CONSTRAINTS):
        if m.active[r] and price[r] > 0.0:
            out.constant += price[r] * (m.right[r] - m.form[r].c)
            size += price[r] * (fabs(m.right[r]) + fabs(m.form[r].c))
            for k in range(FLASH_COLUMNS):
                out.weight[k] -= price[r] * m.form[r].w[k]
                terms[k] += price[r] * fabs(m.form[r].w[k])
    for k in range(FLASH_COLUMNS):
        size += terms[k] * max(fabs(m.box.low[k]), fabs(m.box.high[k]))
    if size < INFINITY:
        out.constant += 1e-14 * size


cdef inline void attempt(Worker* w, int variant, const Lists* lists, const int32_t* arg) noexcept nogil:
    cdef int32_t row[32]
    cdef int c
    for c in range(lists.n_cells):
        row[c] = arg[c] if lists.cell[c].id == NULL else lists.cell[c].id[arg[c]]
    if not spent(w):
        flash_try(w.problem, w.query, variant, row, &w.best)


cdef inline double seek_prices(Worker* w, const flash_variant* v, int variant, const Lists* lists,
                        const Lists* every, Model* m, double* price, Scan* out) noexcept nogil:
    """Lowers the dual bound by deflected subgradient steps; price: start in, best out.

    Where `lists` are thinned, `every` holds all rows: what they lack is allowed for where they
    promise too little. If all rows promise too little as well, the node is refuted.
    """
    cdef double best = INFINITY, target, step, norm, share = 1.0, slack
    cdef double p[14]
    cdef double direction[14]
    cdef double g, missing = 0.0
    cdef int r, _round, stall = 0
    out.refuted = 0
    for r in range(CONSTRAINTS):
        p[r] = price[r] if m.active[r] else 0.0
        direction[r] = 0.0
    if not m.objective.c < INFINITY:
        for r in range(CONSTRAINTS):
            price[r] = 0.0
        weigh_prices(m, price, out)
        scan(w, v, lists, out)
        if out.bound == -INFINITY:
            return -INFINITY
        attempt(w, variant, lists, out.arg)
        return out.bound
    for _round in range(ROUNDS):
        weigh_prices(m, p, out)
        scan(w, v, lists, out)
        if out.bound == -INFINITY:
            return -INFINITY
        attempt(w, variant, lists, out.arg)
        if _round == 0 and every != NULL and out.bound < threshold(w):
            missing = out.bound
            scan(w, v, every, out)
            if out.bound < threshold(w):
                out.refuted = 1
                return out.bound
            missing = out.bound - missing
            scan(w, v, lists, out)
        out.bound += missing
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
        if stall >= 2:
            share *= 0.5
            stall = 0
            if share < 0.05:
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
