"""What a node is halved by: where its linear bounds are furthest from the metrics."""

from libc.math cimport INFINITY, fabs, log, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from flash._core.search.exact cimport DualPoint, Node, SolverState
from flash._core.search.lagrangian cimport Relaxation
from flash._core.search.relaxation cimport (
    CONSTRAINTS, SCALE_ABOVE, additive, apply, log_accuracy,
)
from flash._core.search.tolerances cimport NARROW
from flash._core.tables.problem cimport (
    COL_SCALE, FLASH_METRICS, M_MACS, M_PARAMS, M_SCORE, N_COLUMNS, N_METRICS, flash_class_of,
    flash_links, flash_metrics,
)


cdef enum:
    CURVED = 5           # a split pays where a fifth of the gap is curvature, or for products
    VAST = 1000000       # a tenth of that where so many combinations are left

cdef extern from *:
    """
    #define FLASH_CLEARLY 1.001
    #define FLASH_EDGE_OF_SCALE 0.3
    #define FLASH_EDGE_OF_METRIC 0.1
    #define FLASH_NEAR_AN_END 0.05
    #define FLASH_SUPPOSED_GAP 0.05
    #define FLASH_LEAST_GAP 1e-9
    """
    # any of them gives right answers
    const double CLEARLY "FLASH_CLEARLY"                 # times a budget: it is broken
    const double EDGE_OF_SCALE "FLASH_EDGE_OF_SCALE"     # of an interval: no split is nearer an end
    const double EDGE_OF_METRIC "FLASH_EDGE_OF_METRIC"
    const double NEAR_AN_END "FLASH_NEAR_AN_END"         # of an end: too near for a split
    const double SUPPOSED_GAP "FLASH_SUPPOSED_GAP"       # of the bound, without an incumbent
    const double LEAST_GAP "FLASH_LEAST_GAP"             # of 1 + the bound


cdef struct Split:       # where the objective's own lines err the most
    double error         # by how much; 0: nowhere
    int choice           # which metric, or -1
    double where


cdef inline double bulge(double low, double high) noexcept nogil:
    """The most that the logarithm lies above its chord."""
    cdef double middle
    if high <= low * (1.0 + NARROW):
        return 0.0
    middle = (high - low) / log(high / low)
    return log(middle / low) - (middle - low) / (high - low) * log(high / low)


cdef inline double tangent_gap(const SolverState* solver, const Relaxation* m,
                               double score) noexcept nogil:
    """How far the objective's line lies above the score's own term at `score`."""
    cdef double e = solver.query.exponent[M_SCORE], low, high, a, b, slope
    cdef const flash_links* links = &solver.problem.links
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


cdef inline int widest(const flash_links* links, const Relaxation* m, double gap,
                       double* where) noexcept nogil:
    """Which logarithm in the score the box leaves most room, and the middle of it; -1 where that is
    little beside the gap, which then has other reasons."""
    cdef double room, most = gap / CURVED
    cdef int k, choice = -1
    for k in range(M_PARAMS, M_MACS + 1):
        room = fabs(links.log_params if k == M_PARAMS else links.log_macs) * log(
            m.metric_high[k] / m.metric_low[k])
        if room > most:
            most = room
            choice = k
            where[0] = sqrt(m.metric_low[k] * m.metric_high[k])
    return choice


cdef inline double within(double x, double low, double high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef inline void consider(Split* split, double error, int choice, double where) noexcept nogil:
    if error > split.error:
        split.error = error
        split.choice = choice
        split.where = where


cdef inline void consider_cost(double e, double low, double high, double x, int k,
                               Split* split) noexcept nogil:
    """A cost's logarithm in the product: x is its lower line where the bound is attained."""
    cdef double error
    if e > 0.0:
        consider(split, e * log(high / x), k, x)
        return
    error = -e * bulge(low, high)    # the most that the chord lies below the logarithm
    consider(split, error, k, sqrt(low * high) if error > 0.0 else x)


cdef inline double curvature(const SolverState* solver, const Node* node, const Relaxation* m,
                             const double* total, const double* metric,
                             Split* split) noexcept nogil:
    """How much of the gap the metrics' lines make, and the objective's worst logarithm of a cost.

    Infinite where a budget is broken that no multiplier weighs: the lines know nothing of it."""
    cdef double e, low, high, x, curved = 0.0
    cdef int k, over = 0, priced = 0
    for k in range(1, FLASH_METRICS):
        x = apply(&m.lower[k], total)
        if m.active[k] and metric[k] > x:
            curved += node.multiplier[k] * (metric[k] - x) / fabs(m.limit[k])
        if metric[k] > solver.query.maximum[k] * CLEARLY:
            over = 1
        e = solver.query.exponent[k] if solver.query.product else 0.0
        low = m.metric_low[k]
        high = m.metric_high[k]
        if e == 0.0 or low <= 0.0:
            continue
        if x < low:
            x = low
        if metric[k] > x:
            curved += fabs(e) * log(metric[k] / x)
        consider_cost(e, low, high, x, k, split)
    for k in range(CONSTRAINTS):
        if m.active[k] and node.multiplier[k] > 0.0:
            priced = 1
    return INFINITY if over and not priced else curved


cdef inline void consider_score(const SolverState* solver, const Relaxation* m, double score,
                                Split* split) noexcept nogil:
    """The score's own term in a product, and the logarithms in the score."""
    cdef const flash_links* links = &solver.problem.links
    cdef double e = solver.query.exponent[M_SCORE], x, slope = 1.0, factor
    cdef int k
    if solver.query.product and e != 0.0:
        # within the box: outside it no split would ever make the error small
        x = within(score, m.metric_low[M_SCORE], m.metric_high[M_SCORE])
        consider(split, tangent_gap(solver, m, x), M_SCORE, x)
    if additive(links) or (solver.query.product and not e > 0.0):
        return
    if solver.query.product:
        log_accuracy(links, score, &slope)
        slope *= e
    for k in range(M_PARAMS, M_MACS + 1):
        factor = links.log_params if k == M_PARAMS else links.log_macs
        if factor != 0.0:
            consider(split, slope * fabs(factor) * bulge(m.metric_low[k], m.metric_high[k]), k,
                     sqrt(m.metric_low[k] * m.metric_high[k]))


cdef inline double split_scale(const flash_links* links, double at, double low,
                               double high) noexcept nogil:
    """A scale near `at`, well within the interval, and the last of its class if that is there."""
    cdef double x = within(at, low + EDGE_OF_SCALE * (high - low),
                           high - EDGE_OF_SCALE * (high - low))
    cdef int g
    x = <double> <int64_t> x
    if links.n_steps > 1 and flash_class_of(links, low) != flash_class_of(links, high):
        g = flash_class_of(links, x)
        if links.scale_max[g] < high:
            x = <double> <int64_t> links.scale_max[g]
        elif g and links.scale_max[g - 1] >= low:
            x = <double> <int64_t> links.scale_max[g - 1]
    return x if x < high else high - 1.0


cdef inline double worthwhile(const SolverState* solver, double bound,
                              double combinations) noexcept nogil:
    """The error of a line from which on a split pays."""
    cdef double gap, least = LEAST_GAP * (1.0 + fabs(bound))
    gap = (bound - solver.best.objective if solver.best.found
           else SUPPOSED_GAP * (1.0 + fabs(bound)))
    gap /= 10.0 * CURVED if solver.query.product and combinations > VAST else CURVED
    return gap if gap > least else least


cdef inline int choose_split(const SolverState* solver, const Node* node, const Relaxation* m,
                             const DualPoint* dual, double combinations,
                             double* where) noexcept nogil:
    """What to branch on: a metric, SCALE_ABOVE for the scale, or -1 where halving a box would
    gain little: most of the gap is then a matter of whole rows, not of curvature."""
    cdef const flash_links* links = &solver.problem.links
    cdef double metric[N_METRICS]
    cdef double total[N_COLUMNS]
    cdef double low = m.box.low[COL_SCALE], high = m.box.high[COL_SCALE], curved, gap
    cdef Split split
    split.error = split.where = 0.0
    split.choice = -1
    memcpy(total, dual.total, sizeof(total))
    total[COL_SCALE] = within(total[COL_SCALE], low, high)
    flash_metrics(links, total, metric)
    curved = curvature(solver, node, m, total, metric, &split)
    consider_score(solver, m, metric[M_SCORE], &split)
    gap = worthwhile(solver, dual.bound, combinations)
    if (links.n_steps > 1 or links.leakage > 0.0) and high > low and (
            curved >= split.error and curved >= gap):
        where[0] = split_scale(links, dual.total[COL_SCALE], low, high)
        return SCALE_ABOVE
    if split.choice < 0 or split.error < gap:
        return -1
    low = m.metric_low[split.choice]
    high = m.metric_high[split.choice]
    if high <= low * (1.0 + NARROW):
        return -1
    if solver.best.found and (low * (1.0 + NEAR_AN_END) < solver.best.metric[split.choice]
                              < high * (1.0 - NEAR_AN_END)):
        split.where = solver.best.metric[split.choice]   # its own chord should be tight
    where[0] = within(split.where, low + EDGE_OF_METRIC * (high - low),
                      high - EDGE_OF_METRIC * (high - low))
    return split.choice
