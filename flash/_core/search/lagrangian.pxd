"""Bounding a node: its linear relaxation, and the Lagrangian dual over it."""

from libc.math cimport INFINITY, fabs, log
from libc.stdint cimport int32_t

from flash._core.search.bundle cimport Bundle, begin, learn_cut, take_step
from flash._core.search.exact cimport (
    DualPoint, Node, SolverState, spent, threshold,
)
from flash._core.search.inner_problem cimport evaluate_dual
from flash._core.search.relaxation cimport (
    CONSTRAINTS, LOWER_ENDS, SCALE_ABOVE, SCALE_BELOW, UPPER_ENDS, Box, Form, add, additive, apply,
    clear, log_accuracy, lower_forms, metric_range, most, upper_forms,
)
from flash._core.search.roundings cimport VariantFacts, log_size
from flash._core.search.row_lists cimport Lists
from flash._core.search.tolerances cimport (
    BOUND_SLACK, CONSTRAINT_SLACK, LOG_TERMS_SLACK, NARROW_CHORD,
)
from flash._core.tables.problem cimport (
    COL_MACS, COL_PARAMS, COL_SCALE, COL_SCORE, FLASH_COLUMNS, FLASH_METRICS, LINK_NONE,
    M_MACS, M_PARAMS, M_SCORE, N_CELLS, N_COLUMNS, N_METRICS, flash_links,
    flash_query, flash_saturated, flash_try, flash_variant,
)


cdef enum:
    ROUNDS = 48          # multiplier updates in a node

cdef extern from *:
    """
    #define FLASH_GAIN 1e-2
    #define FLASH_FIRST_TARGET 0.02
    #define FLASH_LEAST_SCORE_SHARE 1e-3
    #define FLASH_UNIT 1e-300
    """
    # how steps go: none of it can make a bound wrong
    const double GAIN "FLASH_GAIN"                       # of the gap: steps that gain less end it
    const double FIRST_TARGET "FLASH_FIRST_TARGET"       # below the bound, without an incumbent
    const double LEAST_SCORE_SHARE "FLASH_LEAST_SCORE_SHARE"     # where a tangent may touch
    const double UNIT "FLASH_UNIT"                       # right sides below it are not scaled by


cdef struct Relaxation:  # a node's linear bounds
    Form lower[N_METRICS]
    Form upper[N_METRICS]
    Form objective       # >= the objective on the box
    Form form[CONSTRAINTS]       # constraints form <= right, scaled to a unit right side
    double right[CONSTRAINTS]
    double slack[CONSTRAINTS]    # what sums of a left side may have lost by rounding
    int active[CONSTRAINTS]      # others hold for all rows of the node
    double limit[CONSTRAINTS]    # right sides before scaling
    Box box              # of the totals of what the node stands for
    Box hull             # of the totals of all its rows
    double size[N_COLUMNS]       # of each total: no more absolute values add up to it
    double sum_slack     # of the terms' sizes (roundings.pxd)
    double log_loss      # what logarithms in the objective lost, where that is not little
    double metric_low[N_METRICS]
    double metric_high[N_METRICS]


cdef inline double size_of(const Relaxation* m, const Form* f) noexcept nogil:
    """What the absolute values of its terms add up to at most."""
    cdef double size = fabs(f.c)
    cdef int k
    for k in range(FLASH_COLUMNS):
        size += fabs(f.w[k]) * m.size[k]
    return size


cdef inline void constrain(Relaxation* m, int which, double sign, const Form* form,
                           double right) noexcept nogil:
    """Constraint `which`: sign * form <= sign * right, unless the box already implies it."""
    cdef Form* f = &m.form[which]
    cdef double scale
    m.active[which] = 0
    if right == INFINITY or right == -INFINITY:
        return
    scale = fabs(right) if fabs(right) > UNIT else 1.0
    m.limit[which] = scale
    clear(f)
    add(f, sign / scale, form)
    m.right[which] = sign * right / scale
    m.active[which] = most(f, &m.hull) > m.right[which]
    if m.active[which]:
        m.slack[which] = max(CONSTRAINT_SLACK * (1.0 + fabs(m.right[which])),
                             m.sum_slack * (fabs(m.right[which]) + size_of(m, f)))


cdef inline int narrow(Box* box, int column, double low, double high) noexcept nogil:
    """Narrows a total's range; false where none is left."""
    box.low[column] = max(box.low[column], low)
    box.high[column] = min(box.high[column], high)
    return box.low[column] <= box.high[column]


cdef inline int narrow_box(const SolverState* solver, const Node* node,
                           Relaxation* m) noexcept nogil:
    """The totals that the node stands for, as far as its intervals are of totals; false where it
    stands for none."""
    cdef const flash_links* links = &solver.problem.links
    cdef const flash_query* q = solver.query
    m.hull = m.box
    if not additive(links):
        if not narrow(&m.box, COL_PARAMS, node.low[M_PARAMS],
                      min(node.high[M_PARAMS], q.maximum[M_PARAMS])):
            return 0
        if not narrow(&m.box, COL_MACS, node.low[M_MACS],
                      min(node.high[M_MACS], q.maximum[M_MACS])):
            return 0
    if links.n_steps or links.leakage > 0.0:
        return narrow(&m.box, COL_SCALE, node.scale_low, node.scale_high)
    return 1


cdef inline int constrain_metric(const SolverState* solver, const Node* node, int k,
                                 Relaxation* m) noexcept nogil:
    """Metric k's interval as constraints on its lines, and its range cut to it; false where no
    configuration of the node has a metric in it."""
    cdef double high = min(node.high[k], solver.query.maximum[k]), low = node.low[k]
    if k == M_SCORE and solver.score_least > low:
        low = solver.score_least
    if (m.metric_low[k] > high + CONSTRAINT_SLACK * fabs(high)
            or m.metric_high[k] < low - CONSTRAINT_SLACK * fabs(low)):
        return 0
    constrain(m, UPPER_ENDS + k, 1.0, &m.lower[k], high)
    constrain(m, LOWER_ENDS + k, -1.0, &m.upper[k], low)
    if k == M_SCORE and not solver.query.product and m.metric_high[k] < threshold(solver):
        return 0
    if high < m.metric_high[k]:
        m.metric_high[k] = high
    if low > m.metric_low[k]:
        m.metric_low[k] = low
    return 1


cdef inline double touching(const Form* upper, const double* at, double low,
                            double high) noexcept nogil:
    """Where a tangent touches: at the totals `at` if they are given, else midway; within the range.
    """
    cdef double reference = 0.5 * (low + high)
    if at != NULL:
        reference = apply(upper, at)
        reference = low if reference < low else high if reference > high else reference
    return reference


cdef inline void add_score_term(const flash_links* links, double e, const double* at,
                                Relaxation* m) noexcept nogil:
    """objective += a line above e * log(accuracy): concave in the score, so its tangent where it is
    wanted high (e > 0), its chord where it is not."""
    cdef double low = m.metric_low[M_SCORE], high = m.metric_high[M_SCORE]
    cdef double reference, slope
    if flash_saturated(links, low):   # no line but a level one is above the bend
        m.objective.c += e * log_accuracy(links, high if e > 0.0 else low, &slope)
        return
    if links.score_link == LINK_NONE and low <= 0.0:
        if e < 0.0 or high <= 0.0:
            m.objective.c = INFINITY
            return
        low = LEAST_SCORE_SHARE * high
    if e > 0.0:
        reference = touching(&m.upper[M_SCORE], at, low, high)
        low = log_accuracy(links, reference, &slope)
        m.objective.c += e * (low - slope * reference)
        add(&m.objective, e * slope, &m.upper[M_SCORE])
        return
    slope = 0.0
    reference = low
    low = log_accuracy(links, reference, &slope)
    slope = ((log_accuracy(links, high, &slope) - low) / (high - reference)
             if high > reference else 0.0)
    m.objective.c += e * (low - slope * reference)
    add(&m.objective, e * slope, &m.lower[M_SCORE])


cdef inline void add_cost_term(double e, int k, const double* at, Relaxation* m) noexcept nogil:
    """objective += a line above e * log(metric k): a chord below the logarithm where the cost is
    wanted low (e < 0), a tangent above it where it is rewarded."""
    cdef double low = m.metric_low[k], high = m.metric_high[k]
    cdef double reference, slope
    if low <= 0.0 and (e < 0.0 or high <= 0.0):
        m.objective.c = INFINITY     # nothing bounds what may be 0
    elif e > 0.0:
        reference = touching(&m.upper[k], at, low, high)
        m.objective.c += e * (log(reference) - 1.0)
        add(&m.objective, e / reference, &m.upper[k])
    else:
        slope = ((log(high) - log(low)) / (high - low)
                 if high > low * (1.0 + NARROW_CHORD) else 0.0)
        m.objective.c += e * (log(low) - slope * low)
        add(&m.objective, e * slope, &m.lower[k])


cdef inline void set_sizes(const VariantFacts* facts, Relaxation* m) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        m.size[k] = max(fabs(m.box.low[k]), fabs(m.box.high[k]))
    m.size[COL_SCORE] = max(m.size[COL_SCORE], facts.score_size)
    m.sum_slack = facts.sum_slack


cdef inline double lost_logarithms(const flash_links* links, const flash_query* q,
                                   const Relaxation* m) noexcept nogil:
    """What the logarithms of an objective may have lost; 0 where BOUND_SLACK covers it anyway."""
    cdef double size = 0.0, one
    cdef int k
    if q.product:
        for k in range(FLASH_METRICS):
            if q.exponent[k] != 0.0 and m.metric_low[k] > 0.0:
                one = max(fabs(log(m.metric_low[k])), fabs(log(m.metric_high[k])))
                size += fabs(q.exponent[k]) * (1.0 + one)
    if not additive(links):
        size += fabs(m.objective.w[COL_SCORE] / links.quantum[M_SCORE]) * log_size(
            links, m.box.high[COL_PARAMS], m.box.high[COL_MACS])
    return LOG_TERMS_SLACK * size if LOG_TERMS_SLACK * size > BOUND_SLACK else 0.0


cdef inline int relax(SolverState* solver, const Node* node, const double* at,
                      Relaxation* m) noexcept nogil:
    """The node's linear relaxation over m.box, the ranges of its rows' totals; false where no
    configuration of it can be feasible and as good as the incumbent. at: totals where lines should
    be tight, or NULL."""
    cdef const flash_links* links = &solver.problem.links
    cdef const flash_query* q = solver.query
    cdef Form scale
    cdef int k
    if not narrow_box(solver, node, m):
        return 0
    set_sizes(&solver.facts[node.variant], m)
    lower_forms(links, &m.box, at, m.lower)
    upper_forms(links, &m.box, at, m.upper)
    metric_range(links, &m.box, m.metric_low, m.metric_high)
    for k in range(FLASH_METRICS):
        if not constrain_metric(solver, node, k, m):
            return 0
    clear(&scale)
    scale.w[COL_SCALE] = 1.0
    constrain(m, SCALE_ABOVE, 1.0, &scale, node.scale_high)
    constrain(m, SCALE_BELOW, -1.0, &scale, node.scale_low)
    if not q.product:
        m.objective = m.upper[M_SCORE]
        m.log_loss = lost_logarithms(links, q, m)
        return 1
    clear(&m.objective)
    for k in range(FLASH_METRICS):
        if q.exponent[k] == 0.0:
            continue
        if k == M_SCORE:
            add_score_term(links, q.exponent[k], at, m)
        else:
            add_cost_term(q.exponent[k], k, at, m)
    m.log_loss = lost_logarithms(links, q, m)
    return 1


cdef inline void weigh_columns(const Relaxation* m, const double* multiplier,
                               DualPoint* dual) noexcept nogil:
    """The Lagrangian's column weights: objective less multiplier times constraint.

    What their sums may have lost by rounding is added, by the terms' own sizes.
    """
    cdef int r, k
    cdef double size = fabs(m.objective.c)
    cdef double terms[N_COLUMNS]   # of each column, added up
    dual.constant = m.objective.c
    for k in range(FLASH_COLUMNS):
        dual.weight[k] = m.objective.w[k]
        terms[k] = fabs(m.objective.w[k])
    for r in range(CONSTRAINTS):
        if m.active[r] and multiplier[r] > 0.0:
            dual.constant += multiplier[r] * (m.right[r] - m.form[r].c)
            size += multiplier[r] * (fabs(m.right[r]) + fabs(m.form[r].c))
            for k in range(FLASH_COLUMNS):
                dual.weight[k] -= multiplier[r] * m.form[r].w[k]
                terms[k] += multiplier[r] * fabs(m.form[r].w[k])
    for k in range(FLASH_COLUMNS):
        size += terms[k] * m.size[k]
    if size < INFINITY:
        dual.constant += m.sum_slack * size + m.log_loss


cdef inline void offer_rows(SolverState* solver, int variant, const Lists* lists,
                            const int32_t* at) noexcept nogil:
    """Weighs the configuration of the lists' rows `at`: it may be the new incumbent."""
    cdef int32_t row[N_CELLS]
    cdef int c
    for c in range(lists.n_cells):
        row[c] = at[c] if lists.cell[c].id == NULL else lists.cell[c].id[at[c]]
    if not spent(solver):
        flash_try(solver.problem, solver.query, variant, row, &solver.best)


cdef inline int dual_at(SolverState* solver, const flash_variant* v, int variant,
                        const Lists* lists, const Relaxation* m, const double* multiplier,
                        DualPoint* dual) noexcept nogil:
    """The dual function at these multipliers, its own rows offered; false where there are no rows.
    """
    weigh_columns(m, multiplier, dual)
    evaluate_dual(solver, v, lists, dual)
    if dual.bound == -INFINITY:
        return 0
    offer_rows(solver, variant, lists, dual.arg)
    return 1


cdef inline void slope_of(const Relaxation* m, const DualPoint* dual, const int* place, int n,
                          double* slope) noexcept nogil:
    """The dual function's slope where it was evaluated: what the rows that attain it leave of each
    constraint."""
    cdef int i
    for i in range(n):
        slope[i] = m.right[place[i]] - apply(&m.form[place[i]], dual.total)


cdef inline double aim_of(const SolverState* solver, double bound) noexcept nogil:
    """Below which a bound is to be brought."""
    return threshold(solver) if solver.best.found else bound - FIRST_TARGET * (1.0 + fabs(bound))


cdef inline double missing_of(SolverState* solver, const flash_variant* v, const Lists* lists,
                              const Lists* every, DualPoint* dual) noexcept nogil:
    """By how much all rows promise more than the thinned ones, which promise too little. Where all
    rows do so too, dual.refuted is set; else `dual` is that of the thinned ones again."""
    cdef double promised = dual.bound
    evaluate_dual(solver, v, every, dual)
    if dual.bound < threshold(solver):
        dual.refuted = 1
        return 0.0
    promised = dual.bound - promised
    evaluate_dual(solver, v, lists, dual)
    return promised


cdef inline double lower_dual(SolverState* solver, const flash_variant* v, int variant,
                              const Lists* lists, const Lists* every, const Relaxation* m,
                              double* multiplier, DualPoint* dual) noexcept nogil:
    """Lowers the dual bound by a proximal bundle; multiplier: start in, best out.

    Leaves in `dual` the last evaluation, which is that of `multiplier` where dual.settled is set.
    Where `lists` are thinned, `every` holds all rows: what they lack is allowed for where they
    promise too little. If all rows promise too little as well, the node is refuted.
    """
    cdef double missing = 0.0
    cdef double slope[CONSTRAINTS]
    cdef int place[CONSTRAINTS]          # the bundle's variables: multipliers of these constraints
    cdef int r, i, _round
    cdef Bundle b
    dual.refuted = 0
    dual.settled = 1
    b.n = 0
    for r in range(CONSTRAINTS):
        if not m.active[r] or not m.objective.c < INFINITY:  # no multipliers make it finite
            multiplier[r] = 0.0
            continue
        place[b.n] = r
        b.centre[b.n] = multiplier[r]
        b.n += 1
    if not dual_at(solver, v, variant, lists, m, multiplier, dual):
        return -INFINITY
    if every != NULL and dual.bound < threshold(solver):
        missing = missing_of(solver, v, lists, every, dual)
        if dual.refuted:
            return dual.bound
    dual.bound += missing
    slope_of(m, dual, place, b.n, slope)
    begin(&b, dual.bound, slope, aim_of(solver, dual.bound))
    for _round in range(ROUNDS):
        if b.value < threshold(solver) or not b.weight > 0.0:
            break
        if take_step(&b) < GAIN * (b.value - aim_of(solver, b.value)):
            break
        for i in range(b.n):
            multiplier[place[i]] = b.step[i]
        if not dual_at(solver, v, variant, lists, m, multiplier, dual):
            return -INFINITY
        dual.bound += missing
        dual.settled = dual.bound < b.value
        slope_of(m, dual, place, b.n, slope)
        learn_cut(&b, dual.bound, slope)
    for i in range(b.n):
        multiplier[place[i]] = b.centre[i]
    return b.value
