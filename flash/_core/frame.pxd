"""A block in the fixed point of the sieve (see sweep.h), and the rooms that other cells leave."""

from libc.math cimport INFINITY, fabs, floor
from libc.stdlib cimport calloc
from libc.string cimport memset

from flash._core.block cimport *
from flash._core.core cimport *


cdef enum:
    TILE_NUMBERS = 14000  # of fixed-point columns, that stay in a core's first cache

cdef struct Plain:        # a budget on a sum
    int metric            # the score's is that of the least accuracy
    int column
    double sign           # -1: it must not fall below
    double limit          # in units of the column
    double per_unit


cdef struct Frame:        # what a variant's blocks have in common
    int linked
    int n_plain
    Plain plain[6]
    double latency_limit, energy_limit     # in units of their columns; inf where free
    double latency_per_unit, energy_per_unit, scale_per_unit
    double latency_factor, energy_factor   # the greatest
    double latency_share, energy_share     # 65536 / the greatest, or 0
    double per_area                        # 1 / what a unit of area is worth
    double leak                            # energy per scale and latency, in columns' units
    double score_low, score_per_unit
    int16_t sure


cdef inline double room_of(double limit, double top) noexcept nogil:
    """The range that SWEEP_TOP units stand for."""
    cdef double x = limit if limit < top else top
    return x if x > 0.0 else 1.0


cdef inline int column_of(int metric) noexcept nogil:
    if metric <= M_LATENCY:
        return metric
    return COL_ENERGY if metric == M_ENERGY else metric + COL_AREA - M_AREA


cdef inline int make_frame(const flash_problem* problem, const flash_query* query, int variant,
                           double score_least, Frame* f) noexcept nogil:
    """0 where only exact arithmetic will do."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef const flash_links* links = &problem.links
    cdef const double* q = links.quantum
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double factor, power, limit, unit, most, error, share, inner
    cdef int c, g, k, column
    memset(f, 0, sizeof(Frame))
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = v.constant[k]
        if problem.present >> k & 1:
            for c in range(v.n_cells):
                low[k] += v.cells[c].low[k]
                high[k] += v.cells[c].high[k]
    factor = power = 0.0
    if links.n_steps:
        g = flash_class_of(links, high[COL_SCALE])
        factor = links.latency_factor[g]
        power = links.energy_factor[g]
        if high[COL_SCALE] >= SCALES:
            return 0
    if links.score_link == 1 and low[COL_SCORE] <= 0.0 and score_least > -INFINITY:
        return 0
    if score_least > -INFINITY and (links.log_params != 0.0 or links.log_macs != 0.0):
        return 0
    if q[M_SCORE] <= 0.0 or q[M_LATENCY] <= 0.0 or q[M_ENERGY] <= 0.0 or q[M_AREA] <= 0.0:
        return 0
    f.latency_factor = factor
    f.energy_factor = power
    f.latency_share = 65536.0 / factor if factor > 0.0 else 0.0
    f.energy_share = 65536.0 / power if power > 0.0 else 0.0
    f.per_area = 1.0 / q[M_AREA]
    f.leak = links.leakage * q[M_LATENCY] / q[M_ENERGY]
    f.linked = links.n_steps > 0 or links.leakage != 0.0
    f.latency_limit = query.maximum[M_LATENCY] / q[M_LATENCY]
    f.energy_limit = query.maximum[M_ENERGY] / q[M_ENERGY]
    error = 1.0
    if f.linked:
        most = high[COL_LATENCY] + factor * high[COL_LATENCY_SCALED]
        unit = max(room_of(f.latency_limit, most) / SWEEP_TOP,
                   high[COL_LATENCY_SCALED] * factor / 32767.0)
        f.latency_per_unit = 1.0 / unit
        inner = f.leak * high[COL_SCALE] * unit
        most = (high[COL_ENERGY] + power * high[COL_ENERGY_SCALED]
                + f.leak * high[COL_SCALE] * most)
        unit = max(max(room_of(f.energy_limit, most) / SWEEP_TOP,
                       high[COL_ENERGY_SCALED] * power / 32767.0), inner * 1.001)
        f.energy_per_unit = 1.0 / unit
        f.scale_per_unit = 65536.0 * f.leak / (f.latency_per_unit * unit)
        share = f.scale_per_unit * high[COL_SCALE] / 65536.0
        # a rounding down each: of a row, of a scaled row, its factor and their product; of the
        # latency with that of the other cells, of the scale and theirs, of the product
        error = (1.0 + 3.0) + (1.0 + 3.0 + 1.0) * share + 2.0
    for k in range(FLASH_METRICS):
        column = column_of(k)
        if f.linked and (k == M_LATENCY or k == M_ENERGY):
            continue
        if k == M_SCORE:
            if score_least == -INFINITY:
                continue
            limit = -score_least / q[k]
            most = -low[column]
            inner = high[column] - low[column]
        else:
            if query.maximum[k] == INFINITY and (not query.product or query.exponent[k] >= 0.0):
                continue
            limit = query.maximum[k] / q[k]
            most = high[column]
            inner = room_of(limit, most)
            if links.n_steps and k == M_AREA:
                most = INFINITY   # what the class adds comes on top
        if (limit > most * (1.0 + 1e-9) + 1.0 and k != M_SCORE
                and (not query.product or query.exponent[k] >= 0.0)):
            continue              # it never binds
        f.plain[f.n_plain].metric = k
        f.plain[f.n_plain].column = column
        f.plain[f.n_plain].sign = -1.0 if k == M_SCORE else 1.0
        f.plain[f.n_plain].limit = limit
        f.plain[f.n_plain].per_unit = SWEEP_TOP / (inner if inner > 0.0 else 1.0)
        f.n_plain += 1
        if k == M_SCORE:
            # the link must tell one unit from the next, and what the limit is outward by is small
            unit = inner / SWEEP_TOP
            if not (flash_accuracy(links, score_least + unit * q[k])
                    > flash_accuracy(links, score_least - unit * q[k]) + 1e-13):
                return 0
            error = max(error, 1.0 + 2e-9 * fabs(limit) / unit)
    if error > 1000.0:
        return 0
    f.sure = <int16_t> (error + 3.0)
    f.score_low = low[COL_SCORE]
    return f.n_plain <= (4 if f.linked else 6)


cdef struct Sieve:        # a block in fixed point
    Block block
    flash_sieve sieve
    flash_values values
    void* memory
    double score_low, score_per_unit


cdef inline void fixed(const double* x, int64_t n, double sign, double offset, double per_unit,
                       double most, int16_t* out) noexcept nogil:
    """Rounded down, and so that it is never above."""
    cdef double q
    cdef int64_t i
    for i in range(n):
        q = (sign * x[i] - offset) * per_unit - 1e-7
        q = q if q < most else most
        out[i] = <int16_t> (<uint16_t> <int32_t> (q if q > 0.0 else 0.0))


cdef inline int sieve_of(const Frame* f, const flash_problem* problem, Sieve* s) noexcept nogil:
    """The fixed-point columns of s.block; 0 where memory is short."""
    cdef Block* b = &s.block
    cdef int16_t* at
    cdef int k, p
    s.memory = calloc((S_PLAIN + f.n_plain) * SWEEP_STRIDE * sizeof(int16_t) + 64, 1)
    if s.memory == NULL:
        return 0
    at = <int16_t*> ((<size_t> s.memory + 63) & ~<size_t> 63)
    s.sieve.column = at
    s.sieve.linked = f.linked
    s.sieve.n_plain = f.n_plain
    s.sieve.sure = f.sure
    s.score_low = b.low[COL_SCORE]
    s.score_per_unit = 32000.0 / max(b.high[COL_SCORE] - b.low[COL_SCORE], 1.0)
    fixed(b.column[COL_SCORE], b.rows, 1.0, s.score_low, s.score_per_unit, 32766.0, at)
    if f.linked:
        fixed(b.column[COL_LATENCY], b.rows, 1.0, 0.0, f.latency_per_unit, 32767.0,
              at + S_LATENCY * SWEEP_STRIDE)
        fixed(b.column[COL_LATENCY_SCALED], b.rows, 1.0, 0.0,
              f.latency_factor * f.latency_per_unit, 32767.0, at + S_LATENCY_SCALED * SWEEP_STRIDE)
        fixed(b.column[COL_ENERGY], b.rows, 1.0, 0.0, f.energy_per_unit, 32767.0,
              at + S_ENERGY * SWEEP_STRIDE)
        fixed(b.column[COL_ENERGY_SCALED], b.rows, 1.0, 0.0,
              f.energy_factor * f.energy_per_unit, 32767.0, at + S_ENERGY_SCALED * SWEEP_STRIDE)
        fixed(b.column[COL_SCALE], b.rows, 1.0, 0.0, f.scale_per_unit, 65535.0,
              at + S_SCALE * SWEEP_STRIDE)
    for p in range(f.n_plain):
        k = f.plain[p].column
        fixed(b.column[k], b.rows, f.plain[p].sign,
              -b.high[k] if f.plain[p].sign < 0.0 else 0.0, f.plain[p].per_unit, 32767.0,
              at + (S_PLAIN + p) * SWEEP_STRIDE)
    return 1


cdef inline int16_t room_in(double room) noexcept nogil:
    """Whole units of it, rounded up by a little; -1 where there is none."""
    room += SWEEP_SLACK
    if room < 0.0:
        return -1
    if room >= 32766.0:
        return 32766
    return <int16_t> <int32_t> room


cdef inline uint16_t share_of(double x, double most) noexcept nogil:
    x = x if x < most else most
    return <uint16_t> <int32_t> (x if x > 0.0 else 0.0)


cdef inline void open_gate(const Frame* f, const Sieve* s, const flash_links* links,
                           const double* x, int g, double need, flash_gate* gate) noexcept nogil:
    """What combination x of the other cells leaves in class g; need: of the score, in units."""
    cdef double latency = x[COL_LATENCY], energy = x[COL_ENERGY], area = 0.0, limit, rest
    cdef int p
    if f.linked:
        if links.n_steps:
            latency += links.latency_factor[g] * x[COL_LATENCY_SCALED]
            energy += links.energy_factor[g] * x[COL_ENERGY_SCALED]
            gate.latency_factor = share_of(
                links.latency_factor[g] * f.latency_share - 1e-7, 65535.0)
            gate.energy_factor = share_of(
                links.energy_factor[g] * f.energy_share - 1e-7, 65535.0)
            area = links.area_offset[g] * f.per_area
        gate.latency = share_of(latency * f.latency_per_unit - 1e-7, 32767.0)
        gate.scale = share_of(x[COL_SCALE] * f.scale_per_unit - 1e-7, 65535.0)
        gate.room_latency = SWEEP_FREE
        if f.latency_limit < INFINITY:
            gate.room_latency = room_in((f.latency_limit - latency) * f.latency_per_unit)
        gate.room_energy = SWEEP_FREE
        if f.energy_limit < INFINITY:
            gate.room_energy = room_in((f.energy_limit - energy) * f.energy_per_unit)
    for p in range(f.n_plain):
        rest = f.plain[p].sign * x[f.plain[p].column]
        limit = f.plain[p].limit - rest
        if f.plain[p].sign < 0.0:
            limit += s.block.high[COL_SCORE]
        elif f.plain[p].metric == M_AREA:
            limit -= area
        gate.room[p] = SWEEP_FREE
        if limit < INFINITY:
            gate.room[p] = room_in(limit * f.plain[p].per_unit)
    rest = (need - x[COL_SCORE] - s.score_low) * s.score_per_unit - SWEEP_SLACK - 1.0
    gate.need = <int16_t> (-32768 if rest < -32768.0 else 32767 if not rest < 32767.0
                           else <int32_t> floor(rest))
