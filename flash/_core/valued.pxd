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
    cdef double low[9]
    cdef double high[9]
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
    cdef int order[9]
    cdef double unit[9]
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
