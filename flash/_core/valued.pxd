"""Objectives that are no plain score, in float32: which rows may reach what is wanted.

A weighted product is compared by its logarithm; a score may hold logarithms of totals itself. What
is computed here is off by less than a margin that is taken off what must be reached.
"""

from libc.math cimport INFINITY, M_LN2, fabs, log2
from libc.stdlib cimport calloc
from libc.string cimport memset

from flash._core.block cimport *
from flash._core.core cimport *
from flash._core.frame cimport *


cdef struct Valued:
    double power[6]      # of log2 of the metrics; the score's is kept apart where it is no sum
    double accuracy      # exponent of an accuracy that is bounded only
    double linear        # factor of the score
    double margin
    double per_need      # from objectives to what is compared


cdef inline int make_valued(const flash_problem* problem, const flash_query* query, int variant,
                            Valued* u) noexcept nogil:
    """0 where only exact arithmetic will do."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef const flash_links* links = &problem.links
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double m[6]
    cdef double n[6]
    cdef double total = 0.0
    cdef int k, c, curved = links.log_params != 0.0 or links.log_macs != 0.0
    memset(u, 0, sizeof(Valued))
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = v.constant[k]
        if problem.present >> k & 1:
            for c in range(v.n_cells):
                low[k] += v.cells[c].low[k]
                high[k] += v.cells[c].high[k]
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
        if links.score_link != 0 or curved:
            u.accuracy = u.power[M_SCORE]
            u.power[M_SCORE] = 0.0
    flash_metrics(links, low, m)
    flash_metrics(links, high, n)
    m[M_SCORE] = low[COL_SCORE] * links.quantum[M_SCORE]
    n[M_SCORE] = high[COL_SCORE] * links.quantum[M_SCORE]
    if u.accuracy != 0.0 and (links.score_link != 2 or u.accuracy < 0.0) and m[M_SCORE] <= 0.0:
        return 0
    for k in range(FLASH_METRICS):
        if u.power[k] == 0.0:
            continue
        if not (m[k] > 1e-30 and n[k] < 1e30 and fabs(u.power[k]) < 1e30):
            return 0
        # the metric's own rounding, the logarithm's, and that of the sum
        u.margin += fabs(u.power[k]) * (SWEEP_LOG_ERROR + 2e-6
                                        + 1e-6 * max(fabs(log2(m[k])), fabs(log2(n[k]))))
    u.margin += 1e-6 * total
    return 1


cdef inline int values_of(const Valued* u, int linked, const flash_links* links, const Block* b,
                          flash_values* values, void** memory) noexcept nogil:
    """A block's columns as float32; 0 where memory is short."""
    cdef float* at
    cdef const float** column = <const float**> values
    cdef int order[N_COLUMNS]
    cdef double unit[N_COLUMNS]
    cdef int k
    cdef int64_t i
    order[:] = [COL_SCORE, COL_LATENCY, COL_LATENCY_SCALED, COL_ENERGY, COL_ENERGY_SCALED,
                COL_SCALE, COL_AREA, COL_PARAMS, COL_MACS]
    unit[:] = [links.quantum[M_SCORE], links.quantum[M_LATENCY], links.quantum[M_LATENCY],
               links.quantum[M_ENERGY], links.quantum[M_ENERGY], links.leakage,
               links.quantum[M_AREA], 1.0, 1.0]
    memory[0] = calloc(9 * SWEEP_STRIDE * sizeof(float) + 64, 1)
    if memory[0] == NULL:
        return 0
    at = <float*> ((<size_t> memory[0] + 63) & ~<size_t> 63)
    for k in range(9):
        for i in range(b.rows):
            at[i] = <float> (b.column[order[k]][i] * unit[k])
        column[k] = at   # the struct's first fields, in this order
        at += SWEEP_STRIDE
    values.linear = <float> u.linear
    for k in range(6):
        values.power[k] = <float> u.power[k]
    values.linked = linked
    return 1


cdef inline double accuracy_part(const Valued* u, const flash_links* links, const Block* b,
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


cdef inline void set_level(const Valued* u, const flash_links* links, const Block* b,
                           const double* x, int g, double need, flash_level* level) noexcept nogil:
    """What combination x of the other cells brings in class g; need: of the objective."""
    cdef double latency = x[COL_LATENCY], energy = x[COL_ENERGY], area = 0.0
    if links.n_steps:
        latency += links.latency_factor[g] * x[COL_LATENCY_SCALED]
        energy += links.energy_factor[g] * x[COL_ENERGY_SCALED]
        area = links.area_offset[g]
        level.latency_factor = <float> links.latency_factor[g]
        level.energy_factor = <float> links.energy_factor[g]
    level.score = <float> (x[COL_SCORE] * links.quantum[M_SCORE])
    level.latency = <float> (latency * links.quantum[M_LATENCY])
    level.energy = <float> (energy * links.quantum[M_ENERGY])
    level.scale = <float> (x[COL_SCALE] * links.leakage)
    level.area = <float> (x[COL_AREA] * links.quantum[M_AREA] + area)
    level.params = <float> x[COL_PARAMS]
    level.macs = <float> x[COL_MACS]
    need = need * u.per_need - u.margin - 1e-6 * fabs(need * u.per_need)
    if u.accuracy != 0.0:
        need -= accuracy_part(u, links, b, x)
    level.need = <float> (need - 1e-6 * fabs(need))


cdef struct Bound:        # a linear function above the objective, of metrics
    double rest           # what must be reached, its constants taken off
    double slope[6]
    double per_span
    uint16_t weight[6]    # of a row's units


cdef inline void set_bound(const Valued* u, const Frame* f, const Sieve* s,
                           const flash_links* links, const flash_kernels* kernel,
                           const double* low, const double* high, const flash_level* least,
                           const flash_level* greatest, Bound* bound) noexcept nogil:
    """Chords of the costs' logarithms, the score's tangent.

    low, high: of the rows' columns; least, greatest: in the first class that they meet and in the
    last one.
    """
    cdef float[16] at
    cdef float[32] room
    cdef float* logs = <float*> ((<size_t> &room[0] + 63) & ~<size_t> 63)
    cdef const double* q = links.quantum
    cdef double[6] base
    cdef double[6] weight
    cdef double[6] unit
    cdef double whole = 0.0, most = 0.0, slope, span
    cdef int k, p
    base[M_SCORE] = least.score
    base[M_LATENCY] = least.latency
    base[M_ENERGY] = least.energy
    base[M_AREA] = least.area
    base[M_PARAMS] = least.params
    base[M_MACS] = least.macs
    for k in range(13, 16):
        at[k] = 1.0
    at[0] = <float> (base[0] + low[COL_SCORE] * q[M_SCORE])
    at[1] = <float> (base[0] + high[COL_SCORE] * q[M_SCORE])
    at[2] = <float> (base[1] + low[COL_LATENCY] * q[M_LATENCY]
                     + least.latency_factor * low[COL_LATENCY_SCALED] * q[M_LATENCY])
    at[3] = <float> (greatest.latency + high[COL_LATENCY] * q[M_LATENCY]
                     + greatest.latency_factor * high[COL_LATENCY_SCALED] * q[M_LATENCY])
    at[4] = <float> (base[2] + low[COL_ENERGY] * q[M_ENERGY]
                     + least.energy_factor * low[COL_ENERGY_SCALED] * q[M_ENERGY]
                     + (least.scale + low[COL_SCALE] * links.leakage) * at[2])
    at[5] = <float> (greatest.energy + high[COL_ENERGY] * q[M_ENERGY]
                     + greatest.energy_factor * high[COL_ENERGY_SCALED] * q[M_ENERGY]
                     + (least.scale + high[COL_SCALE] * links.leakage) * at[3])
    at[6] = <float> (base[3] + low[COL_AREA] * q[M_AREA])
    at[7] = <float> (greatest.area + high[COL_AREA] * q[M_AREA])
    at[8] = <float> (base[4] + low[COL_PARAMS])
    at[9] = <float> (base[4] + high[COL_PARAMS])
    at[10] = <float> (base[5] + low[COL_MACS])
    at[11] = <float> (base[5] + high[COL_MACS])
    at[12] = <float> (0.5 * (at[0] + at[1]))
    kernel.sixteen_logs(at, logs)
    for k in range(FLASH_METRICS):
        weight[k] = unit[k] = bound.slope[k] = 0.0
        bound.weight[k] = 0
    if f.linked:
        unit[M_LATENCY] = q[M_LATENCY] / f.latency_per_unit
        unit[M_ENERGY] = q[M_ENERGY] / f.energy_per_unit
    for p in range(f.n_plain):
        if f.plain[p].metric != M_SCORE:
            unit[f.plain[p].metric] = q[f.plain[p].metric] / f.plain[p].per_unit
    bound.rest = least.need
    for k in range(1, FLASH_METRICS):
        if u.power[k] == 0.0:
            continue
        if u.power[k] > 0.0 or unit[k] == 0.0 or not at[2 * k + 1] > at[2 * k] * 1.00001:
            bound.rest -= u.power[k] * logs[2 * k + (1 if u.power[k] > 0.0 else 0)]
            continue
        slope = u.power[k] * (logs[2 * k + 1] - logs[2 * k]) / (at[2 * k + 1] - at[2 * k])
        bound.rest -= u.power[k] * logs[2 * k] - slope * at[2 * k]
        bound.slope[k] = slope
        weight[k] = -slope * unit[k]
        whole += -slope * (at[2 * k + 1] - base[k])
        most = max(most, weight[k])
    slope = u.linear
    if u.power[M_SCORE] > 0.0:
        slope = u.power[M_SCORE] / (at[12] * M_LN2)
        bound.rest -= u.power[M_SCORE] * logs[12] - slope * at[12]
    elif u.power[M_SCORE] < 0.0:
        bound.rest -= u.power[M_SCORE] * logs[0]
    bound.rest -= slope * (base[0] + s.score_low * q[M_SCORE])
    weight[M_SCORE] = slope * q[M_SCORE] / s.score_per_unit
    whole += weight[M_SCORE] * 32000.0
    most = max(most, weight[M_SCORE])
    span = max(whole / 30000.0, most * 1.0001)
    bound.per_span = 1.0 / span if span > 0.0 else 1.0
    for k in range(FLASH_METRICS):
        if weight[k] > 0.0:
            bound.weight[k] = share_of(
                weight[k] * bound.per_span * 65536.0 + (0.0 if k else 1.0), 65535.0)


cdef inline void raise_gate(const Frame* f, const Bound* bound, const flash_level* level,
                            flash_gate* gate) noexcept nogil:
    """The bound in one class."""
    cdef double rest = bound.rest
    cdef int p
    rest -= bound.slope[M_LATENCY] * level.latency
    rest -= bound.slope[M_ENERGY] * level.energy
    rest -= bound.slope[M_AREA] * level.area
    rest -= bound.slope[M_PARAMS] * level.params
    rest -= bound.slope[M_MACS] * level.macs
    rest = rest * bound.per_span - 4.0
    gate.need = <int16_t> (-32768 if not rest > -32768.0 else 32767 if not rest < 32767.0
                           else <int32_t> floor(rest))
    gate.by_score = bound.weight[M_SCORE]
    gate.by_latency = bound.weight[M_LATENCY]
    gate.by_energy = bound.weight[M_ENERGY]
    for p in range(f.n_plain):
        gate.by[p] = 0 if f.plain[p].metric == M_SCORE else bound.weight[f.plain[p].metric]
