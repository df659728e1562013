"""Objectives that are no plain score, in float32: which rows may reach what is wanted.

A weighted product is compared by its logarithm; a score may hold logarithms of totals itself. What
is computed here is off by less than a margin that is taken off what must be reached.
"""

from libc.math cimport INFINITY, M_LN2, fabs, log2
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport (
    N_LOGS, SWEEP_LOG_ERROR, SWEEP_SHARES, SWEEP_TOP, flash_gate, flash_kernels, flash_level,
    flash_values,
)
from flash._core.sweep.fixed_point cimport (
    SHARE_MOST, USE_PEAKED, FixedPoint, Spent, need_of, range_of_totals, share_of, spend,
)
from flash._core.sweep.sieve cimport SCORE_TOP, Sieve
from flash._core.sweep.tile cimport Tile
from flash._core.tables.problem cimport (
    COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE, FLASH_METRICS, LINK_LOGISTIC, LINK_NONE,
    M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS, M_SCORE, N_COLUMNS, N_METRICS, flash_accuracy,
    flash_class, flash_links, flash_metrics, flash_problem, flash_query,
)


cdef extern from * nogil:
    """
    /* Metrics and powers beyond these are no float32. */
    #define FLOAT_LEAST 1e-30
    #define FLOAT_MOST 1e30
    /* A part by which a float32 may be off: of a metric, of a logarithm or of a sum of them. Some
     * eight times float32's rounding (6e-8 twice: of the total, and of the other cells'). */
    #define FLOAT_ERROR 1e-6
    /* Of a logarithm to base 2, for the rounding of what it is of: 1 / ln 2 times that, and more.
     */
    #define FLOAT_LOG_ERROR 2e-6
    /* Ends of a cost that are nearer each other, as a factor, have no chord. */
    #define FLOAT_APART 1.00001
    /* By this factor a unit is more than the largest weight, so that no share exceeds 16 bits. */
    #define FLOAT_ROOMIER 1.0001
    /* Units of what the sieve compares: a rounding down of each of two products, of the score and
     * of the rest. */
    #define FLOAT_ROUNDED 4.0
    """
    const double FLOAT_LEAST
    const double FLOAT_MOST
    const double FLOAT_ERROR
    const double FLOAT_LOG_ERROR
    const double FLOAT_APART
    const double FLOAT_ROOMIER
    const double FLOAT_ROUNDED


cdef enum:
    SCORE_MIDDLE = 12    # place of a logarithm, after the low and the high end of each metric

cdef struct FloatObjective:
    double power[N_METRICS]  # of log2 of the metrics; the score's is apart where it is no sum
    double accuracy      # exponent of an accuracy that is bounded only
    double linear        # factor of the score
    double margin
    double per_need      # from objectives to what is compared


cdef inline int make_float_objective(const flash_problem* problem, const flash_query* query,
                                     int variant, FloatObjective* u) noexcept nogil:
    """0 where only exact arithmetic will do."""
    cdef const flash_links* links = &problem.links
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef double n[N_METRICS]
    cdef double total = 0.0
    cdef int k, curved = links.log_params != 0.0 or links.log_macs != 0.0
    memset(u, 0, sizeof(FloatObjective))
    range_of_totals(problem, &problem.variants[variant], low, high)
    if not query.product:
        u.linear = 1.0
        u.per_need = 1.0
        u.power[M_PARAMS] = links.log_params * M_LN2
        u.power[M_MACS] = links.log_macs * M_LN2
        total = 4.0 * max(fabs(low[COL_SCORE]), fabs(high[COL_SCORE])) * links.quantum[M_SCORE]
    else:
        u.per_need = 1.0 / M_LN2
        for k in range(FLASH_METRICS):
            u.power[k] = query.exponent[k]
        if links.score_link != LINK_NONE or curved:
            u.accuracy = u.power[M_SCORE]
            u.power[M_SCORE] = 0.0
    flash_metrics(links, low, m)
    flash_metrics(links, high, n)
    m[M_SCORE] = low[COL_SCORE] * links.quantum[M_SCORE]
    n[M_SCORE] = high[COL_SCORE] * links.quantum[M_SCORE]
    if (u.accuracy != 0.0 and m[M_SCORE] <= 0.0
            and (links.score_link != LINK_LOGISTIC or u.accuracy < 0.0)):
        return 0
    for k in range(FLASH_METRICS):
        if u.power[k] == 0.0:
            continue
        if not (m[k] > FLOAT_LEAST and n[k] < FLOAT_MOST and fabs(u.power[k]) < FLOAT_MOST):
            return 0
        # the metric's own rounding, the logarithm's, and that of the sum
        u.margin += fabs(u.power[k]) * (SWEEP_LOG_ERROR + FLOAT_LOG_ERROR
                                        + FLOAT_ERROR * max(fabs(log2(m[k])), fabs(log2(n[k]))))
    u.margin += FLOAT_ERROR * total
    return 1


cdef inline void set_powers(const FloatObjective* u, flash_values* values) noexcept nogil:
    cdef int k
    values.linear = <float> u.linear
    for k in range(FLASH_METRICS):
        values.power[k] = <float> u.power[k]


cdef inline double accuracy_part(const FloatObjective* u, const flash_links* links, const Tile* b,
                                 const double* x) noexcept nogil:
    """The most that the accuracy can add."""
    cdef double low, high, side, part
    cdef double first = -INFINITY
    cdef int k
    low = (x[COL_SCORE] + b.low[COL_SCORE]) * links.quantum[M_SCORE]
    high = (x[COL_SCORE] + b.high[COL_SCORE]) * links.quantum[M_SCORE]
    for k in range(2):
        part = links.log_macs if k else links.log_params
        if part != 0.0:
            side = log2(x[COL_MACS if k else COL_PARAMS]
                        + b.low[COL_MACS if k else COL_PARAMS]) * M_LN2 * part
            part *= log2(x[COL_MACS if k else COL_PARAMS]
                         + b.high[COL_MACS if k else COL_PARAMS]) * M_LN2
            low += min(side, part)
            high += max(side, part)
    low = flash_accuracy(links, low)
    high = flash_accuracy(links, high)
    if u.accuracy > 0.0:
        return u.accuracy * log2(high) if high > 0.0 else -INFINITY
    if low > 0.0:
        first = u.accuracy * log2(low)
    return first if low > 0.0 else INFINITY


cdef inline void open_level(const FloatObjective* u, const FixedPoint* f, const Tile* b,
                            const double* x, double need, flash_level* level) noexcept nogil:
    """What combination x of the other cells brings in any class; need: of the objective."""
    cdef const flash_links* links = f.links
    level.metric[M_SCORE] = <float> (x[COL_SCORE] * links.quantum[M_SCORE])
    level.metric[M_PARAMS] = <float> x[COL_PARAMS]
    level.metric[M_MACS] = <float> x[COL_MACS]
    level.scale = <float> (x[COL_SCALE] * links.leakage)
    level.peak = <float> (x[COL_PEAK] * links.quantum[M_AREA])
    need = need * u.per_need - u.margin - FLOAT_ERROR * fabs(need * u.per_need)
    if u.accuracy != 0.0:
        need -= accuracy_part(u, links, b, x)
    level.need = <float> (need - FLOAT_ERROR * fabs(need))


cdef inline void turn_level(const FixedPoint* f, const flash_class* of, const Spent* spent,
                            flash_level* level) noexcept nogil:
    """The same in one class, of what they spend there."""
    cdef const flash_links* links = f.links
    level.metric[M_LATENCY] = <float> (spent.latency * links.quantum[M_LATENCY])
    level.metric[M_ENERGY] = <float> (spent.energy * links.quantum[M_ENERGY])
    level.metric[M_AREA] = <float> (spent.area * links.quantum[M_AREA] + of.area)
    level.leaking = <float> (spent.leaking * links.quantum[M_LATENCY])


cdef struct Bound:        # a linear function above the objective
    double rest           # what must be reached, its constants taken off
    double slope[N_METRICS]       # of the metrics
    double per_unit       # units of what the sieve compares


cdef struct Ends:         # of each metric the least and the greatest, and the score's middle
    float value[N_LOGS]
    float log2[N_LOGS]


cdef inline double own_of(const flash_level* level, int k) noexcept nogil:
    """Of metric k what the sieve's column comes on top of."""
    return level.metric[k] + (level.peak if k == M_AREA else 0.0)


cdef inline double unit_of(const FixedPoint* f, int k) noexcept nogil:
    """What a unit of the sieve's column is worth; 0 where there is none."""
    if k == M_ENERGY and f.leaks:
        return f.links.quantum[k] / f.energy_per_unit
    if f.place[k] < 0:
        return 0.0
    return f.links.quantum[k] / f.plain[f.place[k]].per_unit


cdef inline void set_ends(const FixedPoint* f, const flash_class* of, const double* x,
                          const flash_level* level, float* end) noexcept nogil:
    """Every second number: each metric of the other cells and of rows with totals x, in a class."""
    cdef const flash_links* links = f.links
    cdef const double* q = &links.quantum[0]
    cdef Spent spent
    spend(f, of, x, &spent)
    end[2 * M_SCORE] = <float> (level.metric[M_SCORE] + x[COL_SCORE] * q[M_SCORE])
    end[2 * M_LATENCY] = <float> (level.metric[M_LATENCY] + spent.latency * q[M_LATENCY])
    end[2 * M_ENERGY] = <float> (level.metric[M_ENERGY] + spent.energy * q[M_ENERGY]
                                 + (level.scale + x[COL_SCALE] * links.leakage)
                                 * (level.leaking + spent.leaking * q[M_LATENCY]))
    end[2 * M_AREA] = <float> (level.metric[M_AREA] + spent.area * q[M_AREA]
                               + max(<double> level.peak, x[COL_PEAK] * q[M_AREA]))
    end[2 * M_PARAMS] = <float> (level.metric[M_PARAMS] + x[COL_PARAMS])
    end[2 * M_MACS] = <float> (level.metric[M_MACS] + x[COL_MACS])


cdef inline void find_ends(const FixedPoint* f, const flash_kernels* kernel, const Tile* b,
                           const flash_class* first, const flash_class* last,
                           const flash_level* least, const flash_level* greatest,
                           Ends* end) noexcept nogil:
    """first, last: of the classes that rows meet; least, greatest: the other cells' levels there.
    """
    cdef float[2 * N_LOGS] room          # a cache line of it is used
    cdef float* aligned = <float*> ((<size_t> &room[0] + 63) & ~<size_t> 63)
    cdef int k
    set_ends(f, first, b.low, least, &end.value[0])
    set_ends(f, last, b.high, greatest, &end.value[1])
    for k in range(SCORE_MIDDLE, N_LOGS):
        end.value[k] = <float> (0.5 * (end.value[2 * M_SCORE] + end.value[2 * M_SCORE + 1]))
    kernel.sixteen_logs(end.value, aligned)
    memcpy(end.log2, aligned, sizeof(end.log2))


cdef inline void bound_cost(const FixedPoint* f, double power, const Ends* end, int k,
                            Bound* bound) noexcept nogil:
    """The chord of a cost's logarithm, which is below it; the cost at its best where rewarding it
    bends the other way, or where the sieve has no column of it."""
    cdef double low = end.value[2 * k], high = end.value[2 * k + 1]
    bound.slope[k] = 0.0
    if power == 0.0:
        return
    if power > 0.0:
        bound.rest -= power * end.log2[2 * k + 1]
        return
    if unit_of(f, k) > 0.0 and high > low * FLOAT_APART:
        bound.slope[k] = power * (end.log2[2 * k + 1] - end.log2[2 * k]) / (high - low)
    bound.rest -= power * end.log2[2 * k] - bound.slope[k] * low


cdef inline void bound_score(const FloatObjective* u, const Ends* end, double own,
                             Bound* bound) noexcept nogil:
    """The tangent of its logarithm, or the score itself. own: what the sieve's column is on top of.
    """
    cdef double power = u.power[M_SCORE], middle = end.value[SCORE_MIDDLE]
    bound.slope[M_SCORE] = u.linear
    if power > 0.0:
        bound.slope[M_SCORE] = power / (middle * M_LN2)
        bound.rest -= power * end.log2[SCORE_MIDDLE] - bound.slope[M_SCORE] * middle
    elif power < 0.0:
        bound.rest -= power * end.log2[2 * M_SCORE]
    bound.rest -= bound.slope[M_SCORE] * own


cdef inline void weigh_columns(const FixedPoint* f, const Sieve* s, const Ends* end,
                               const flash_level* least, Bound* bound,
                               flash_gate* gate) noexcept nogil:
    """The bound's slopes as weights of the sieve's columns."""
    cdef double[N_METRICS] weight
    cdef double whole, most = 0.0, unit
    cdef int i, k
    weight[M_SCORE] = bound.slope[M_SCORE] * f.links.quantum[M_SCORE] / s.score_per_unit
    whole = weight[M_SCORE] * SCORE_TOP
    for k in range(M_LATENCY, FLASH_METRICS):
        weight[k] = -bound.slope[k] * unit_of(f, k)
        whole += -bound.slope[k] * (end.value[2 * k + 1] - own_of(least, k))
    for k in range(FLASH_METRICS):
        most = max(most, weight[k])
    unit = max(whole / SWEEP_TOP, most * FLOAT_ROOMIER)    # 15 bits hold all of it, 16 each weight
    bound.per_unit = 1.0 / unit if unit > 0.0 else 1.0
    for k in range(FLASH_METRICS):
        weight[k] *= bound.per_unit * SWEEP_SHARES
    # rounded so that the bound stays above
    gate.by_score = share_of(weight[M_SCORE] + 1.0, SHARE_MOST) if weight[M_SCORE] > 0.0 else 0
    gate.by_energy = share_of(weight[M_ENERGY], SHARE_MOST)
    for i in range(f.n_plain):
        k = f.plain[i].use
        gate.by[i] = 0 if k == M_SCORE or k == USE_PEAKED else share_of(weight[k], SHARE_MOST)


cdef inline void set_bound(const FloatObjective* u, const FixedPoint* f, const Sieve* s,
                           const Ends* end, const flash_level* least, Bound* bound,
                           flash_gate* gate) noexcept nogil:
    """A linear function above the objective of all rows, and its weights. least: the other cells'
    level in the first class."""
    cdef int k
    bound.rest = least.need
    for k in range(M_LATENCY, FLASH_METRICS):
        bound_cost(f, u.power[k], end, k, bound)
    bound_score(u, end, least.metric[M_SCORE]
                + s.tile.low[COL_SCORE] * f.links.quantum[M_SCORE], bound)
    weigh_columns(f, s, end, least, bound, gate)


cdef inline void raise_gate(const Bound* bound, const flash_level* level,
                            flash_gate* gate) noexcept nogil:
    """What rows must reach in one class."""
    cdef double rest = bound.rest
    cdef int k
    for k in range(M_LATENCY, FLASH_METRICS):
        rest -= bound.slope[k] * own_of(level, k)
    gate.need = need_of(rest * bound.per_unit - FLOAT_ROUNDED)
