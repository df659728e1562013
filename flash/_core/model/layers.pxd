"""A configuration's layers as runs for the vector kernels: families.pxd's operations, listed."""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t

from flash._core.kernels.kernels cimport flash_network, flash_run
from flash._core.model.compile cimport Plan, PlanCell
from flash._core.model.families cimport (
    DENSENET, MOBILENET_V2, RESNET, WIDE_RESNET, Place, half, stem_width,
)
from flash._core.model.operations cimport KIND_RRAM, CostModel
from flash._core.model.rows cimport entering, place_of


cdef struct Spot:        # a variant's cell, but for its choices
    const PlanCell* cell
    Place at
    int64_t outer        # side of the cell's output
    uint32_t rows
    uint32_t lines       # rows per depth
    uint32_t step        # lines per link cap


cdef inline void spot_of(Plan plan, int variant, int c, int n_cells, const PlanCell* cells,
                         Spot* spot):
    cdef const PlanCell* cell = cells + c
    spot.cell = cell
    place_of(plan.family, plan.resolution[variant], plan.classes, c, n_cells, cells, &spot.at)
    spot.outer = half(spot.at.side, spot.at.stride)
    spot.step = cell.n_expansions * cell.n_kernels
    spot.lines = cell.n_skips * spot.step
    spot.rows = cell.n_widths * cell.n_depths * spot.lines


cdef inline double padding_of(double area) noexcept nogil:
    """The padding of a square kernel of so many taps."""
    return <double> (<int64_t> (sqrt(fabs(area)) + 0.5) // 2)


cdef inline void add_run(flash_network* net, double area, double into, double out, double side,
                         int64_t count, double into_step=0.0, double out_step=0.0,
                         double before=0.0) noexcept nogil:
    """before: side of the input, where it is another than the output's."""
    cdef flash_run* r = &net.run[net.n_runs]
    r.area = area
    r.into = into
    r.into_step = into_step
    r.out = out
    r.out_step = out_step
    r.side = side
    before = side if before == 0.0 else before
    r.padded = (before + 2.0 * padding_of(area)) * (before + 2.0 * padding_of(area))
    r.count = <int32_t> count
    net.n_runs += count > 0


cdef inline void concatenating(flash_network* net, const Spot* spot, int64_t before, int64_t w,
                               int64_t depth, int64_t cap, bint sweeps) noexcept nogil:
    """Layers draw w more channels each than the one before, until their cap."""
    cdef double side = <double> spot.outer, wide = <double> w, most = <double> (w + cap)
    cdef int64_t rising = min(depth - 1, (cap + w - 1) // w), rest = depth - 1 - rising, links
    links = w * (rising * (rising - 1) // 2) + rest * cap
    add_run(net, 9.0, <double> before, wide, side, 1, 0.0, 0.0, <double> spot.at.side)
    add_run(net, 9.0, wide, wide, side, rising, wide)
    add_run(net, 9.0, most, wide, side, rest)
    if sweeps:           # the concatenation and its norm, of layers that draw any
        add_run(net, 0.0, 0.0, 2.0 * wide, side, rising - 1, 0.0, wide)
        add_run(net, 0.0, 0.0, 2.0 * wide, side, rising - 1, 0.0, wide)
        if cap:
            add_run(net, 0.0, 0.0, most, side, 2 * rest)
    net.params += 2.0 * <double> ((0 if spot.at.first and not spot.at.imagenet else before)
                                  + (depth - 1) * w + links)
    net.links[net.n_cells] = wide * <double> links
    net.width[net.n_cells] = wide * <double> depth
    net.convolutions[net.n_cells] = <double> depth


cdef inline void residual(flash_network* net, const Spot* spot, int64_t before, int64_t w,
                          int64_t depth, int64_t links, bint sweeps) noexcept nogil:
    cdef double side = <double> spot.outer, wide = <double> w
    cdef int64_t carrying = depth - (0 if spot.at.stride == 1 and before == w else 1)
    add_run(net, 9.0, <double> before, wide, side, 1, 0.0, 0.0, <double> spot.at.side)
    add_run(net, 9.0, wide, wide, side, 2 * depth - 1)
    if sweeps and links and spot.at.family == WIDE_RESNET:
        add_run(net, 0.0, 0.0, wide, side, carrying)
    net.params += 2.0 * <double> (2 * depth * w
                                  + (before - w if spot.at.family == WIDE_RESNET else 0))
    net.links[net.n_cells] = <double> (carrying * links) * wide
    net.width[net.n_cells] = 2.0 * <double> depth * wide
    net.convolutions[net.n_cells] = 2.0 * <double> depth


cdef inline void inverted(flash_network* net, const Spot* spot, int64_t before, int64_t w,
                          int64_t depth, int64_t links, int64_t expansion,
                          int64_t kernel) noexcept nogil:
    cdef double side = <double> spot.outer, wide = <double> w
    cdef double first = <double> (before * expansion), hidden = <double> (w * expansion)
    cdef double size = <double> (kernel * kernel), widths
    cdef int64_t carrying = depth - (0 if spot.at.stride == 1 and before == w else 1)
    if expansion > 1:
        add_run(net, 1.0, <double> before, first, <double> spot.at.side, 1)
        add_run(net, 1.0, wide, hidden, side, depth - 1)
    # a single channel's convolution is a dense one
    add_run(net, -size if first > 1.0 else size, first, first, side, 1, 0.0, 0.0,
            <double> spot.at.side)
    add_run(net, -size if hidden > 1.0 else size, hidden, hidden, side, depth - 1)
    add_run(net, 1.0, first, wide, side, 1)
    add_run(net, 1.0, hidden, wide, side, depth - 1)
    widths = ((2.0 if expansion > 1 else 1.0) * (first + <double> (depth - 1) * hidden)
              + <double> depth * wide)
    net.params += 2.0 * widths
    net.links[net.n_cells] = <double> (carrying * links) * wide
    net.width[net.n_cells] = widths
    net.convolutions[net.n_cells] = <double> (3 * depth if expansion > 1 else 2 * depth)


cdef inline void network_of(const CostModel* model, int n_cells, const Spot* spots,
                            const int32_t* row, flash_network* net) noexcept nogil:
    """All layers of a configuration; what rows.pxd's network_totals charges one by one."""
    cdef const PlanCell* cell
    cdef const Spot* spot
    cdef Place at
    cdef uint32_t line, number, rest
    cdef int64_t depth, expansion, kernel, links, w = 0, before = 0
    cdef bint sweeps = model.kind != KIND_RRAM
    cdef double head
    cdef int c
    net.n_runs = net.n_cells = 0
    net.params = 0.0
    for c in range(n_cells):
        spot = spots + c
        cell = spot.cell
        rest = <uint32_t> row[c] // spot.lines
        line = <uint32_t> row[c] - rest * spot.lines
        number = rest // <uint32_t> cell.n_depths
        depth = cell.depth[rest - number * <uint32_t> cell.n_depths]
        w = cell.width[number]
        links = cell.skip[number * cell.n_skips + line // spot.step]
        if c == 0:
            at = spot.at
            at.width = w
            before = entering(&at)
            add_stem(net, &at)
        if spot.at.family == DENSENET:
            concatenating(net, spot, before, w, depth, links, sweeps)
        elif spot.at.family == MOBILENET_V2:
            expansion = cell.expansion[line // <uint32_t> cell.n_kernels
                                       % <uint32_t> cell.n_expansions]
            kernel = cell.kernel[line % <uint32_t> cell.n_kernels]
            inverted(net, spot, before, w, depth, links, expansion, kernel)
        else:
            residual(net, spot, before, w, depth, links, sweeps)
        net.n_cells += 1
        before = w
    spot = spots + n_cells - 1
    head = <double> w
    if spot.at.family == MOBILENET_V2:
        head = max(4.0 * head, 1280.0)
        add_run(net, 1.0, <double> w, head, <double> spot.outer, 1)
        net.params += 2.0 * head
    elif spot.at.family != RESNET:
        net.params += 2.0 * head
    add_run(net, 1.0, head, <double> spot.at.classes, 1.0, 1)
    net.params += <double> spot.at.classes


cdef inline void add_stem(flash_network* net, const Place* at) noexcept nogil:
    cdef double out
    if at.family == DENSENET and not at.imagenet:
        return
    out = <double> stem_width(at)
    add_run(net, 49.0 if at.imagenet and at.family != MOBILENET_V2 else 9.0, 3.0, out,
            <double> half(at.resolution, 2 if at.imagenet else 1), 1, 0.0, 0.0,
            <double> at.resolution)
    if at.family != WIDE_RESNET:
        net.params += 2.0 * out
