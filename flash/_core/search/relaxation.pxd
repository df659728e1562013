"""Linear bounds of the metrics over a box: what the exact solver reasons with.

A metric is a formula of totals with two kinds of curvature: a class factor times a total
(interconnect by tile grid) and a product of totals (leakage = scale x latency). Over an interval of
the scale and of the totals each is bounded from below by McCormick's lines and from above by its
factors' upper ends; what remains is linear in the totals, hence additive over rows.
"""

from libc.math cimport INFINITY, exp, fabs, log, log1p

from flash._core.search.tolerances cimport LOGARITHM_SLACK, NARROW
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, LINK_LOGISTIC, LINK_NONE, M_AREA, M_ENERGY, M_LATENCY, M_MACS,
    M_PARAMS, M_SCORE, N_COLUMNS, N_METRICS, flash_class, flash_class_of, flash_links,
    flash_accuracy, flash_metrics, flash_saturated,
)


cdef enum:               # a node's linear constraints, by place
    UPPER_ENDS = 0       # of each metric: its lower line <= the node's or the budget's upper end
    LOWER_ENDS = N_METRICS               # its upper line >= the node's lower end
    SCALE_ABOVE = 2 * N_METRICS
    SCALE_BELOW = 2 * N_METRICS + 1
    CONSTRAINTS = 2 * N_METRICS + 2


cdef struct Form:        # sum_k w[k] * total[k] + c
    double w[N_COLUMNS]
    double c


cdef struct Box:
    double low[N_COLUMNS]   # of the totals
    double high[N_COLUMNS]


cdef inline double apply(const Form* f, const double* total) noexcept nogil:
    cdef double v = f.c, u = 0.0   # two sums: neither addition waits for the other
    cdef int k
    for k in range(N_COLUMNS // 2):
        v += f.w[2 * k] * total[2 * k]
        u += f.w[2 * k + 1] * total[2 * k + 1]
    return v + u


cdef inline double least(const Form* f, const Box* box) noexcept nogil:
    cdef double v = f.c
    cdef int k
    for k in range(FLASH_COLUMNS):
        if f.w[k] > 0.0:
            v += f.w[k] * box.low[k]
        elif f.w[k] < 0.0:
            v += f.w[k] * box.high[k]
    return v


cdef inline double most(const Form* f, const Box* box) noexcept nogil:
    cdef double v = f.c
    cdef int k
    for k in range(FLASH_COLUMNS):
        if f.w[k] > 0.0:
            v += f.w[k] * box.high[k]
        elif f.w[k] < 0.0:
            v += f.w[k] * box.low[k]
    return v


cdef inline void clear(Form* f) noexcept nogil:
    cdef int k
    f.c = 0.0
    for k in range(FLASH_COLUMNS):
        f.w[k] = 0.0


cdef inline void add(Form* f, double factor, const Form* g) noexcept nogil:
    cdef int k
    f.c += factor * g.c
    for k in range(FLASH_COLUMNS):
        f.w[k] += factor * g.w[k]


cdef inline double factor_of(const flash_links* links, int g, int which) noexcept nogil:
    """A number of a class, by its place in flash_class."""
    return (<const double*> &links.of[g])[which]


cdef inline void step_line(const flash_links* links, int which, int first, int last,
                           double high, double* at_zero, double* slope) noexcept nogil:
    """A line below a class number, a step function of the scale, on the integers from the first
    class' own to `high` in the last."""
    cdef int g
    cdef double start, end, steepest = INFINITY, s, least = factor_of(links, first, which)
    slope[0] = 0.0
    at_zero[0] = least
    if first == last:
        return
    start = links.scale_max[first]
    for g in range(first + 1, last + 1):
        end = links.scale_max[g] if g < last else high
        s = (factor_of(links, g, which) - least) / (end - start)
        if s < steepest:
            steepest = s
    if steepest > 0.0:
        slope[0] = steepest
        at_zero[0] = least - steepest * start


cdef inline void scaled_term(const flash_links* links, int which, int column, double quantum,
                             const Box* box, int first, int last, const double* at,
                             Form* form) noexcept nogil:
    """form += a line below a class' factor times a scaled column."""
    cdef Form u, v
    if box.high[column] <= 0.0:
        return
    clear(&u)
    step_line(links, which, first, last, box.high[COL_SCALE], &u.c, &u.w[COL_SCALE])
    clear(&v)
    v.w[column] = quantum
    under_product(form, 1.0, &u, factor_of(links, first, which), factor_of(links, last, which), &v,
                  quantum * box.low[column], quantum * box.high[column], at)


cdef inline void under_product(Form* f, double weight, const Form* u, double u_low, double u_high,
                               const Form* v, double v_low, double v_high,
                               const double* at) noexcept nogil:
    """f += weight * (a line below u * v), weight >= 0, u and v non-negative on the box.

    Both McCormick lines are valid; the one that is higher at the totals `at` is taken.
    """
    cdef double a = v_low, b = u_low
    if (at != NULL and v_high * apply(u, at) + u_high * apply(v, at) - u_high * v_high
            > v_low * apply(u, at) + u_low * apply(v, at) - u_low * v_low):
        a = v_high
        b = u_high
    add(f, weight * a, u)
    add(f, weight * b, v)
    f.c -= weight * a * b


cdef inline int additive(const flash_links* links) noexcept nogil:
    """The score is a sum over rows, and nothing else."""
    return links.log_params == 0.0 and links.log_macs == 0.0


cdef inline void log_line(Form* f, double factor, int column, const Box* box,
                          int side) noexcept nogil:
    """f += a line above (side 1) or below (-1) factor * log(total): the tangent where it errs alike
    at both ends of the box, or the chord over the box. Neither errs by more than the other."""
    cdef double low = box.low[column], high = box.high[column], middle, slope
    if (factor > 0.0) == (side > 0):
        middle = (high - low) / log(high / low) if high > low * (1.0 + NARROW) else low
        f.w[column] += factor / middle
        f.c += factor * (log(middle) - 1.0)
        return
    slope = log(high / low) / (high - low) if high > low else 0.0
    f.w[column] += factor * slope
    f.c += factor * (log(low) - slope * low)


cdef inline void score_form(const flash_links* links, const Box* box, int side,
                            Form* f) noexcept nogil:
    """A line above (side 1) or below (-1) the score."""
    f.w[COL_SCORE] = links.quantum[M_SCORE]
    if links.log_params != 0.0:
        log_line(f, links.log_params, COL_PARAMS, box, side)
    if links.log_macs != 0.0:
        log_line(f, links.log_macs, COL_MACS, box, side)


cdef inline void metric_range(const flash_links* links, const Box* box, double* low,
                              double* high) noexcept nogil:
    """What each metric can be at least and at most."""
    flash_metrics(links, box.low, low)
    flash_metrics(links, box.high, high)
    if links.log_params < 0.0:
        low[M_SCORE] += links.log_params * log(box.high[COL_PARAMS] / box.low[COL_PARAMS])
        high[M_SCORE] -= links.log_params * log(box.high[COL_PARAMS] / box.low[COL_PARAMS])
    if links.log_macs < 0.0:
        low[M_SCORE] += links.log_macs * log(box.high[COL_MACS] / box.low[COL_MACS])
        high[M_SCORE] -= links.log_macs * log(box.high[COL_MACS] / box.low[COL_MACS])
    if links.log_params != 0.0 or links.log_macs != 0.0:   # logarithms round
        low[M_SCORE] -= LOGARITHM_SLACK * (1.0 + fabs(low[M_SCORE]))
        high[M_SCORE] += LOGARITHM_SLACK * (1.0 + fabs(high[M_SCORE]))


cdef enum:               # places in flash_class
    LATENCY_IN
    LATENCY_OUT
    ENERGY_IN
    ENERGY_OUT
    LEAK_OUT
    AREA


cdef inline void lower_forms(const flash_links* links, const Box* box, const double* at,
                             Form* form) noexcept nogil:
    """form[m] <= metric m on the box. `at`: totals where the bounds should be tight, or NULL."""
    cdef Form u, leaking
    cdef double low, high
    cdef double ms = links.quantum[M_LATENCY], mj = links.quantum[M_ENERGY]
    cdef int k, first = 0, last = 0
    for k in range(FLASH_METRICS):
        clear(&form[k])
    score_form(links, box, -1, &form[M_SCORE])
    form[M_LATENCY].w[COL_LATENCY] = ms
    form[M_ENERGY].w[COL_ENERGY] = mj
    form[M_AREA].w[COL_AREA] = form[M_AREA].w[COL_PEAK] = links.quantum[M_AREA]
    form[M_AREA].w[COL_SCALE] = links.area_per_scale
    form[M_PARAMS].w[COL_PARAMS] = 1.0
    form[M_MACS].w[COL_MACS] = 1.0
    clear(&leaking)
    leaking.w[COL_LEAK] = ms
    if links.n_steps:
        first = flash_class_of(links, box.low[COL_SCALE])
        last = flash_class_of(links, box.high[COL_SCALE])
        clear(&u)
        step_line(links, AREA, first, last, box.high[COL_SCALE], &u.c, &u.w[COL_SCALE])
        add(&form[M_AREA], 1.0, &u)
        scaled_term(links, LATENCY_IN, COL_LATENCY_IN, ms, box, first, last, at, &form[M_LATENCY])
        scaled_term(links, LATENCY_OUT, COL_LATENCY_OUT, ms, box, first, last, at,
                    &form[M_LATENCY])
        scaled_term(links, ENERGY_IN, COL_ENERGY_IN, mj, box, first, last, at, &form[M_ENERGY])
        scaled_term(links, ENERGY_OUT, COL_ENERGY_OUT, mj, box, first, last, at, &form[M_ENERGY])
        if links.leakage > 0.0:
            scaled_term(links, LATENCY_IN, COL_LEAK_IN, ms, box, first, last, at, &leaking)
            scaled_term(links, LEAK_OUT, COL_LATENCY_OUT, ms, box, first, last, at, &leaking)
    if links.leakage > 0.0:
        clear(&u)
        u.w[COL_SCALE] = 1.0
        low = least(&leaking, box)
        high = ms * box.high[COL_LEAK]
        if links.n_steps:
            high += ms * (links.of[last].latency_in * box.high[COL_LEAK_IN]
                          + links.of[last].leak_out * box.high[COL_LATENCY_OUT])
        under_product(&form[M_ENERGY], links.leakage, &u, box.low[COL_SCALE], box.high[COL_SCALE],
                      &leaking, low if low > 0.0 else 0.0, high, at)


cdef inline void upper_forms(const flash_links* links, const Box* box, const double* at,
                             Form* form) noexcept nogil:
    """form[m] >= metric m on the box."""
    cdef double ms = links.quantum[M_LATENCY], mj = links.quantum[M_ENERGY], leaked
    cdef const flash_class* g = NULL
    cdef int k
    for k in range(FLASH_METRICS):
        clear(&form[k])
    if links.n_steps:
        g = &links.of[flash_class_of(links, box.high[COL_SCALE])]
    score_form(links, box, 1, &form[M_SCORE])
    leaked = links.leakage * box.high[COL_SCALE] * ms
    form[M_LATENCY].w[COL_LATENCY] = ms
    form[M_ENERGY].w[COL_ENERGY] = mj
    form[M_ENERGY].w[COL_LEAK] = leaked
    form[M_AREA].w[COL_AREA] = links.quantum[M_AREA]
    form[M_AREA].c = links.quantum[M_AREA] * box.high[COL_PEAK]   # a maximum: no sum is above it
    form[M_AREA].w[COL_SCALE] = links.area_per_scale
    if g != NULL:
        form[M_LATENCY].w[COL_LATENCY_IN] = ms * g.latency_in
        form[M_LATENCY].w[COL_LATENCY_OUT] = ms * g.latency_out
        form[M_ENERGY].w[COL_ENERGY_IN] = mj * g.energy_in
        form[M_ENERGY].w[COL_ENERGY_OUT] = mj * g.energy_out
        form[M_ENERGY].w[COL_LEAK_IN] = leaked * g.latency_in
        form[M_ENERGY].w[COL_LATENCY_OUT] = leaked * g.leak_out
        form[M_AREA].c += g.area
    form[M_PARAMS].w[COL_PARAMS] = 1.0
    form[M_MACS].w[COL_MACS] = 1.0


cdef inline double log_accuracy(const flash_links* links, double score,
                                double* slope) noexcept nogil:
    """log of the linked score and its derivative; concave in the score for all links, but where the
    link's exponent is at its end: see `flash_saturated`."""
    cdef double z
    if links.score_link == LINK_NONE:
        slope[0] = 1.0 / score
        return log(score)
    if flash_saturated(links, score):
        slope[0] = 0.0
        return log(flash_accuracy(links, score))
    if links.score_link == LINK_LOGISTIC:
        z = exp(-score)
        slope[0] = z / (1.0 + z)
        return log(links.link_a) - log1p(z)
    z = exp(links.link_b / score + links.link_c)
    slope[0] = links.link_b / (score * score) * (z / (links.link_a + z))
    return -log(links.link_a + z)
