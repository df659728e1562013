"""What a node is halved by: where its linear bounds are furthest from the metrics."""

from libc.math cimport INFINITY, fabs, log, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from flash._core.search.exact cimport CONSTRAINTS, SCALE_ABOVE, Node, Scan, Worker
from flash._core.search.lagrangian cimport Model
from flash._core.search.relaxation cimport additive, apply, log_accuracy
from flash._core.tables.problem cimport (
    COL_SCALE, FLASH_METRICS, M_MACS, M_PARAMS, M_SCORE, N_COLUMNS, flash_class_of, flash_links,
    flash_metrics,
)


cdef enum:
    CURVED = 5           # a split pays where a fifth of the node's gap is curvature, or for products
    VAST = 1000000       # a tenth of that where so many combinations are left


cdef inline double bulge(double low, double high) noexcept nogil:
    """The most that the logarithm lies above its chord."""
    cdef double middle
    if high <= low * (1.0 + 1e-9):
        return 0.0
    middle = (high - low) / log(high / low)
    return log(middle / low) - (middle - low) / (high - low) * log(high / low)


cdef inline double tangent_gap(Worker* w, const Model* m, double score) noexcept nogil:
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


cdef inline int widest(const flash_links* links, const Model* m, double gap,
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


cdef inline int choose_split(Worker* w, const Node* node, const Model* m, const Scan* at,
                             double combinations, double* where) noexcept nogil:
    """What to branch on: a metric, SCALE_ABOVE for the scale, or -1 where halving a box would
    gain little: most of the gap is then a matter of whole rows, not of curvature."""
    cdef double metric[6]
    cdef double total[N_COLUMNS]
    cdef double low, high, error, worst = 0.0, curved = 0.0, x, gap
    cdef int k, g, choice = -1, over = 0, priced = 0
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
        if metric[k] > w.query.maximum[k] * 1.001:
            over = 1
        e = w.query.exponent[k] if w.query.product else 0.0
        if e == 0.0 or m.metric_low[k] <= 0.0:
            continue
        low = m.metric_low[k]
        high = m.metric_high[k]
        if x < low:
            x = low
        if metric[k] > x:
            curved += fabs(e) * log(metric[k] / x)
        error = e * log(high / x)
        if e < 0.0:      # the most that the chord lies below the logarithm
            error = -e * bulge(low, high)
            if error > 0.0:
                x = sqrt(low * high)
        if error > worst:
            worst = error
            choice = k
            where[0] = x
    if w.query.product and w.query.exponent[M_SCORE] != 0.0:
        # within the box: outside it no split would ever make the error small
        x = metric[M_SCORE]
        if x < m.metric_low[M_SCORE]:
            x = m.metric_low[M_SCORE]
        elif x > m.metric_high[M_SCORE]:
            x = m.metric_high[M_SCORE]
        error = tangent_gap(w, m, x)
        if error > worst:
            worst = error
            choice = M_SCORE
            where[0] = x
    if not additive(links) and (not w.query.product or w.query.exponent[M_SCORE] > 0.0):
        x = 1.0
        if w.query.product:
            log_accuracy(links, metric[M_SCORE], &x)
            x *= w.query.exponent[M_SCORE]
        for k in range(M_PARAMS, M_MACS + 1):
            e = links.log_params if k == M_PARAMS else links.log_macs
            error = x * fabs(e) * bulge(m.metric_low[k], m.metric_high[k])
            if e != 0.0 and error > worst:
                worst = error
                choice = k
                where[0] = sqrt(m.metric_low[k] * m.metric_high[k])
    for k in range(CONSTRAINTS):
        if m.active[k] and node.price[k] > 0.0:
            priced = 1
    if over and not priced:    # a budget is broken that the lines know nothing of
        curved = INFINITY
    gap = at.bound - w.best.objective if w.best.found else 0.05 * (1.0 + fabs(at.bound))
    gap /= 10.0 * CURVED if w.query.product and combinations > VAST else CURVED
    gap = gap if gap > 1e-9 * (1.0 + fabs(at.bound)) else 1e-9 * (1.0 + fabs(at.bound))
    low = m.box.low[COL_SCALE]
    high = m.box.high[COL_SCALE]
    if (links.n_steps > 1 or links.leakage > 0.0) and high > low and (
            curved >= worst and curved >= gap):
        x = at.total[COL_SCALE]
        if x < low + 0.3 * (high - low):
            x = low + 0.3 * (high - low)
        elif x > high - 0.3 * (high - low):
            x = high - 0.3 * (high - low)
        x = <double> <int64_t> x
        if links.n_steps > 1 and flash_class_of(links, low) != flash_class_of(links, high):
            g = flash_class_of(links, x)
            if links.scale_max[g] < high:
                x = <double> <int64_t> links.scale_max[g]
            elif g and links.scale_max[g - 1] >= low:
                x = <double> <int64_t> links.scale_max[g - 1]
        where[0] = x if x < high else high - 1.0
        return SCALE_ABOVE
    if choice < 0 or worst < gap:
        return -1
    low = m.metric_low[choice]
    high = m.metric_high[choice]
    if high <= low * (1.0 + 1e-9):
        return -1
    if w.best.found and low * 1.05 < w.best.metric[choice] < high * 0.95:
        where[0] = w.best.metric[choice]   # the best answer's chord should be tight
    if where[0] < low + 0.1 * (high - low):
        where[0] = low + 0.1 * (high - low)
    elif where[0] > high - 0.1 * (high - low):
        where[0] = high - 0.1 * (high - low)
    return choice
