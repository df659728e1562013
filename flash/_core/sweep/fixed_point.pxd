"""The fixed point of the sieve (see sweep.h): its units, and the rooms that other cells leave."""

from libc.math cimport INFINITY, fabs, floor
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t
from libc.string cimport memset

from flash._core.kernels.kernels cimport (
    N_PLAIN, SWEEP_LOWERED, SWEEP_MOST, SWEEP_SHARES, SWEEP_SLACK, SWEEP_TOP, flash_gate, flash_mix,
)
from flash._core.sweep.tile cimport SCALES, Layout, Piece, Tile, is_sorted
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_METRICS, LINK_EXPONENTIAL, M_AREA, M_ENERGY, M_LATENCY, M_MACS, M_PARAMS,
    M_SCORE, N_COLUMNS, N_METRICS, flash_accuracy, flash_area, flash_cell, flash_class,
    flash_class_of, flash_joined, flash_links, flash_metrics, flash_problem, flash_query,
    flash_variant,
)


cdef extern from * nogil:
    """
    /* A budget binds where it is at most the greatest total, and this part of it more: more than
     * both are rounded by. One that seems to bind and does not costs time only. */
    #define SWEEP_BINDING 1e-9
    /* Accuracies of a unit of the score more and less that are nearer each other are not told
     * apart: more than an accuracy is rounded by. */
    #define SWEEP_SAME_ACCURACY 1e-13
    /* The least score is told from the least accuracy by bisection: by what part of it the two may
     * differ, at most. */
    #define SWEEP_SCORE_OUTWARD 2e-9
    /* By this factor a unit of energy is more than a unit of leaking at the greatest scale, so that
     * no rounding makes the scale's number exceed 16 bits. */
    #define SWEEP_ROOMIER 1.001
    """
    const double SWEEP_BINDING
    const double SWEEP_SAME_ACCURACY
    const double SWEEP_SCORE_OUTWARD
    const double SWEEP_ROOMIER

cdef enum:
    SHARE_MOST = 65535   # of a column or a weight of 16 bits without a sign
    MOST_UNSURE = 1000   # units: where rounding loses more, the sieve would tell too little

cdef enum:               # what a column holds of a row: a metric (what adds up of it), or
    USE_PEAKED = 6       # the area with the row's own peak
    USES = 7             # so many may have a budget of their own
    USE_LEAKING = 7
    USE_SCALE = 8
    USE_PEAK = 9

cdef struct Plain:       # a budget on a sum
    int use              # the score: what it is below the tile's highest
    double limit         # in units of the use's columns; inf where free
    double per_unit


cdef struct FixedPoint:  # what a variant's tiles have in common
    const flash_links* links
    flash_class none     # where there are no classes
    int n_plain
    Plain plain[N_PLAIN]
    int place[USES]      # of each use among them; -1: none
    int cut              # the area is within its budget up to some scale
    double per_area      # units of the area's column; of a unit of scale so many
    double per_scale
    int leaks            # the energy is no plain sum, but holds scale times leaking
    double energy_limit, energy_per_unit, leaking_per_unit, scale_per_unit
    int16_t sure         # units of slack that no rounding takes away


cdef inline const flash_class* class_of(const FixedPoint* f, int g) noexcept nogil:
    return &f.links.of[g] if f.links.n_steps else &f.none


cdef struct Spent:       # what totals of some cells come to in a class, in units of the columns
    double latency, leaking
    double energy        # what does not leak
    double area          # without peaks and what the class itself has


cdef inline void spend(const FixedPoint* f, const flash_class* of, const double* x,
                       Spent* spent) noexcept nogil:
    spent.latency = x[COL_LATENCY] + (of.latency_in * x[COL_LATENCY_IN]
                                      + of.latency_out * x[COL_LATENCY_OUT])
    spent.leaking = x[COL_LEAK] + (of.latency_in * x[COL_LEAK_IN]
                                   + of.leak_out * x[COL_LATENCY_OUT])
    spent.energy = x[COL_ENERGY] + (of.energy_in * x[COL_ENERGY_IN]
                                    + of.energy_out * x[COL_ENERGY_OUT])
    spent.area = x[COL_AREA] + f.per_scale * x[COL_SCALE]


cdef inline void mix_of(const FixedPoint* f, const flash_class* of, int use, double* const* column,
                        flash_mix* mix) noexcept nogil:
    """The columns that a use adds up, in class `of`."""
    cdef int first, second, third
    mix.factor[0] = 1.0
    mix.factor[1] = mix.factor[2] = mix.offset = 0.0
    if use == M_LATENCY or use == USE_LEAKING:
        first, second, third = COL_LATENCY, COL_LATENCY_IN, COL_LATENCY_OUT
        mix.factor[1] = of.latency_in
        mix.factor[2] = of.latency_out
        if use == USE_LEAKING:
            first, second = COL_LEAK, COL_LEAK_IN
            mix.factor[2] = of.leak_out
    elif use == M_ENERGY:
        first, second, third = COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT
        mix.factor[1] = of.energy_in
        mix.factor[2] = of.energy_out
    elif use == M_AREA or use == USE_PEAKED:
        first, second, third = COL_AREA, COL_SCALE, COL_PEAK
        mix.factor[1] = f.per_scale
        mix.factor[2] = 1.0 if use == USE_PEAKED else 0.0
    else:
        first = second = third = (COL_SCORE if use == M_SCORE else COL_PARAMS if use == M_PARAMS
                                  else COL_MACS if use == M_MACS
                                  else COL_SCALE if use == USE_SCALE else COL_PEAK)
    mix.total[0] = column[first]
    mix.total[1] = column[second]
    mix.total[2] = column[third]


cdef inline void range_of_totals(const flash_problem* problem, const flash_variant* v, double* low,
                                 double* high) noexcept nogil:
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = v.constant[k]
        if problem.present >> k & 1:
            for c in range(v.n_cells):
                low[k] = flash_joined(k, low[k], v.cells[c].low[k])
                high[k] = flash_joined(k, high[k], v.cells[c].high[k])


cdef inline int is_beyond(const flash_problem* problem, const flash_variant* v, double score_least,
                          const double* low, const double* high) noexcept nogil:
    """Whether only exact arithmetic will do."""
    cdef const flash_links* links = &problem.links
    cdef int k
    for k in range(FLASH_COLUMNS):
        if k != COL_SCORE and v.constant[k] < 0.0:
            return 1       # what some of the cells use is then no lower bound
    for k in range(FLASH_METRICS):
        if links.quantum[k] <= 0.0:
            return 1
    if links.leakage < 0.0 or is_sorted(problem) and high[COL_SCALE] >= SCALES:
        return 1
    if score_least == -INFINITY:
        return 0
    return (links.log_params != 0.0 or links.log_macs != 0.0
            or links.score_link == LINK_EXPONENTIAL and low[COL_SCORE] <= 0.0)


cdef inline double room_of(double limit, double top) noexcept nogil:
    """The range that SWEEP_TOP units stand for."""
    cdef double x = limit if limit < top else top
    return x if x > 0.0 else 1.0


cdef inline void add_plain(FixedPoint* f, int use, double limit, double span) noexcept nogil:
    """span: what SWEEP_TOP units stand for."""
    cdef Plain* p = &f.plain[f.n_plain]
    p.use = use
    p.limit = limit
    p.per_unit = SWEEP_TOP / span
    f.place[use] = f.n_plain
    f.n_plain += 1


cdef inline double add_score(FixedPoint* f, double least, double low, double high) noexcept nogil:
    """What rounding loses of the score, in units; inf where the link does not tell a unit from the
    next."""
    cdef double q = f.links.quantum[M_SCORE], span = high - low, step
    if not span > 0.0:
        span = 1.0
    add_plain(f, M_SCORE, -least / q, span)
    step = span / SWEEP_TOP * q
    if not (flash_accuracy(f.links, least + step)
            > flash_accuracy(f.links, least - step) + SWEEP_SAME_ACCURACY):
        return INFINITY
    return 1.0 + SWEEP_SCORE_OUTWARD * fabs(least) / step


cdef inline double add_leaking(FixedPoint* f, double limit, double most, double leaking,
                               double scale) noexcept nogil:
    """The units of an energy that leaks, of the greatest energy, leaking and scale; what rounding
    loses of it, in units."""
    cdef double leak = f.links.leakage * f.links.quantum[M_LATENCY] / f.links.quantum[M_ENERGY]
    cdef double step = room_of(leaking, leaking) / SWEEP_TOP   # of leaking: no total saturates
    cdef double unit = room_of(limit, most) / SWEEP_TOP
    # a unit of leaking at the greatest scale: at most one of energy, so that 16 bits hold the scale
    unit = max(unit, leak * scale * step * SWEEP_ROOMIER)
    f.leaks = 1
    f.energy_limit = limit
    f.energy_per_unit = 1.0 / unit
    f.leaking_per_unit = 1.0 / step
    f.scale_per_unit = SWEEP_SHARES * leak * step / unit
    # a rounding down each: of a row's energy; of its leaking and that of the other cells; of its
    # scale and theirs, half a unit at most; of the product
    return 1.0 + 2.0 * leak * scale * step / unit + 2.0 * 0.5 + 1.0


cdef inline int add_area(FixedPoint* f, const Layout* l, double limit, double span, int bound,
                         int weighed) noexcept nogil:
    """An area is within its budget where it is so with the other cells' peak and with the row's
    own. The former depends on the scale alone where rows do not differ in COL_AREA. Returns whether
    the latter has a plain column, still to be added."""
    cdef const flash_cell* cell
    cdef int j, differ = 0, peaks = 0
    for j in range(l.n_inner):
        cell = &l.v.cells[l.inner[j]]
        if cell.column[COL_AREA] != NULL:
            differ |= cell.low[COL_AREA] != cell.high[COL_AREA]
        if cell.column[COL_PEAK] != NULL:
            peaks |= cell.high[COL_PEAK] > 0.0
    f.cut = bound and not differ
    if differ or weighed:
        add_plain(f, M_AREA, limit if bound and differ else INFINITY, span)
    return bound and peaks


cdef inline double add_budget(FixedPoint* f, const Layout* l, const flash_query* query, int k,
                              double most, const double* high, int* peaked) noexcept nogil:
    """The units of a metric's budget, if it binds or if its use weighs in the objective; what
    rounding loses of it, in units. most: the metric's greatest, in units of the columns."""
    cdef double limit = query.maximum[k] / f.links.quantum[k]
    cdef int bound = limit <= most * (1.0 + SWEEP_BINDING) + 1.0     # else it never binds
    cdef int weighed = query.product and query.exponent[k] < 0.0
    cdef Spent greatest
    if not bound and not weighed:
        return 1.0
    if k == M_ENERGY and f.links.leakage > 0.0:
        spend(f, class_of(f, flash_class_of(f.links, high[COL_SCALE])), high, &greatest)
        return add_leaking(f, limit, most, greatest.leaking, high[COL_SCALE])
    if k == M_AREA:
        peaked[0] = add_area(f, l, limit, room_of(limit, most), bound, weighed)
    else:
        add_plain(f, k, limit, room_of(limit, most))
    return 1.0


cdef inline int make_fixed_point(const flash_problem* problem, const flash_query* query,
                                 const Layout* l, double score_least, FixedPoint* f) noexcept nogil:
    """The units of every budget that may bind, and from how many on a slack is sure; 0 where only
    exact arithmetic will do."""
    cdef const flash_links* links = &problem.links
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double most[N_METRICS]
    cdef double limit, error = 1.0
    cdef int k, peaked = 0
    memset(f, 0, sizeof(FixedPoint))
    f.links = links
    for k in range(USES):
        f.place[k] = -1
    range_of_totals(problem, l.v, low, high)
    if is_beyond(problem, l.v, score_least, low, high):
        return 0
    f.per_area = 1.0 / links.quantum[M_AREA]
    f.per_scale = links.area_per_scale * f.per_area
    flash_metrics(links, high, most)
    if score_least > -INFINITY:
        error = max(error, add_score(f, score_least, low[COL_SCORE], high[COL_SCORE]))
    for k in range(M_LATENCY, FLASH_METRICS):
        most[k] /= links.quantum[k]
        error = max(error, add_budget(f, l, query, k, most[k], high, &peaked))
    if peaked:      # the last one: fit_area leaves it out where it can
        limit = query.maximum[M_AREA] / links.quantum[M_AREA]
        add_plain(f, USE_PEAKED, limit, room_of(limit, most[M_AREA]))
    if error > MOST_UNSURE:
        return 0
    f.sure = <int16_t> (error + 2.0)     # and the rounding up of a room (room_in)
    return 1


cdef inline int16_t room_in(double room) noexcept nogil:
    """Whole units of it, rounded up by a little; -1 where there is none."""
    room += SWEEP_SLACK + 1.0
    room = room if room < SWEEP_MOST else SWEEP_MOST
    room = room if room > 0.0 else 0.0
    return <int16_t> (<int32_t> room - 1)


cdef inline int16_t plain_room(const Plain* p, double spent) noexcept nogil:
    return room_in((p.limit - spent) * p.per_unit)


cdef inline uint16_t share_of(double x, double most) noexcept nogil:
    x = x if x < most else most
    return <uint16_t> <int32_t> (x if x > 0.0 else 0.0)


cdef inline int16_t need_of(double x) noexcept nogil:
    """Rounded down; what no row reaches, or any, where it is out of range."""
    return <int16_t> (-32768 if not x > -32768.0 else 32767 if not x < 32767.0
                      else <int32_t> floor(x))


cdef inline void open_gate(const FixedPoint* f, const Tile* b, const double* x,
                           flash_gate* gate) noexcept nogil:
    """What combination x of the other cells leaves to a tile's rows in any class."""
    cdef const Plain* p
    cdef int i
    for i in range(f.n_plain):
        p = &f.plain[i]
        if p.use == M_SCORE:
            gate.room[i] = plain_room(p, -x[COL_SCORE] - b.high[COL_SCORE])
        elif p.use == M_PARAMS:
            gate.room[i] = plain_room(p, x[COL_PARAMS])
        elif p.use == M_MACS:
            gate.room[i] = plain_room(p, x[COL_MACS])
    if f.leaks:
        gate.scale = share_of(x[COL_SCALE] * f.scale_per_unit - SWEEP_LOWERED, SHARE_MOST)


cdef inline void turn_gate(const FixedPoint* f, const flash_class* of, const Spent* spent,
                           double peak, flash_gate* gate) noexcept nogil:
    """The same in one class, of what they spend there."""
    cdef double area = spent.area + of.area * f.per_area
    cdef int i = f.place[M_LATENCY]
    if i >= 0:
        gate.room[i] = plain_room(&f.plain[i], spent.latency)
    i = f.place[M_ENERGY]
    if i >= 0:
        gate.room[i] = plain_room(&f.plain[i], spent.energy)
    if f.leaks:
        gate.leaking = share_of(spent.leaking * f.leaking_per_unit - SWEEP_LOWERED, SWEEP_MOST)
        gate.room_energy = room_in((f.energy_limit - spent.energy) * f.energy_per_unit)
    i = f.place[M_AREA]
    if i >= 0:
        gate.room[i] = plain_room(&f.plain[i], area + peak)
    i = f.place[USE_PEAKED]
    if i >= 0:
        gate.room[i] = plain_room(&f.plain[i], area)


cdef inline int64_t fit_area(const FixedPoint* f, const Tile* b, double budget, const double* x,
                             const Piece* piece, flash_gate* gate) noexcept nogil:
    """The rows of a piece up to a scale that is too much for the area: to the bit.

    Returns the first beyond it, and leaves out the column of the rows' own peaks, the last one,
    where none is too large.
    """
    cdef const flash_class* of = class_of(f, piece.g)
    cdef double total[N_COLUMNS]
    cdef int64_t begin = piece.begin, end = piece.end, middle
    gate.n_plain = f.n_plain
    if not f.cut and f.place[USE_PEAKED] < 0:
        return end
    total[COL_AREA] = x[COL_AREA] + b.high[COL_AREA]
    total[COL_PEAK] = max(x[COL_PEAK], b.high[COL_PEAK])
    total[COL_SCALE] = x[COL_SCALE] + piece.most
    if flash_area(f.links, of, total) <= budget:
        gate.n_plain -= f.place[USE_PEAKED] >= 0
        return end
    if not f.cut:
        return end
    # rows do not differ in COL_AREA
    total[COL_PEAK] = x[COL_PEAK]
    while begin < end:
        middle = (begin + end) // 2
        total[COL_SCALE] = x[COL_SCALE] + b.column[COL_SCALE][middle]
        if flash_area(f.links, of, total) > budget:
            end = middle
        else:
            begin = middle + 1
    return end
