"""Rows of one cell: prefix sums over its positions."""

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport N_COSTS, flash_kernels, flash_stacking
from flash._core.model.compile cimport PlanCell, Work
from flash._core.model.families cimport (
    COL_BEFORE, COL_ENTERED, COL_ENTERING, COL_LINKS, COL_WIDTH, DENSENET, MOBILENET_V2,
    PLAIN_COLUMNS, SHAPE_COLUMNS, Place, add_head, add_position, add_stem, carries, convolutions,
    half, has_stem, stem_width,
)
from flash._core.model.operations cimport KIND_RRAM, CostModel, add_crossing, has_passes
from flash._core.model.topology cimport extend_paths, score_rows
from flash._core.tables.problem cimport (
    COL_LATENCY, COL_LEAK, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCORE, FLASH_COLUMNS,
)
from flash._core.tables.tables cimport kernels


cdef enum:
    SCORE_BITS = 36      # NN-Degree is held in units of 2^-36
    ABREAST = 8          # layers that rram_eight charges

cdef enum:               # which lines of a cell (a skip, expansion and kernel each) share shapes
    BY_CAP               # of a concatenation cell a line is a cap: a position draws all that there
                         # is, more than the one before it, until that is more than the cap
    BY_LINKS             # lines differ in links alone, which cost nothing
    BY_LINE              # each line has its own


cdef struct Filling:     # of one width's rows
    const CostModel* model
    const Place* at
    const PlanCell* cell
    const int64_t* skip          # the width's caps
    const flash_kernels* kernel
    Work* work
    int sharing
    flash_stacking stack
    # Shapes, what a position adds: SHAPE_COLUMNS columns of `stride` numbers
    int columns          # of them, those in use: the last ones are a mesh's
    double* first        # of each line, at its first position,
    double* other        # and at any later one;
    double* rest         # of each position, what lines add that do not take their own
    int64_t stride


cdef inline void place_of(int family, int64_t resolution, int64_t classes, int c, int n_cells,
                          const PlanCell* cells, Place* at) noexcept nogil:
    """Where cell c stands, but for its widths."""
    cdef int j
    at.family = family
    at.first = c == 0
    at.last = c == n_cells - 1
    at.resolution = resolution
    at.imagenet = at.resolution > 64
    at.classes = classes
    at.side = at.resolution
    if at.imagenet:
        at.side = half(at.side, 2)
        if at.family != MOBILENET_V2:
            at.side = half(at.side, 2)
    for j in range(c):
        at.side = half(at.side, cells[j].stride)
    at.stride = cells[c].stride


cdef inline int64_t entering(const Place* at) noexcept nogil:
    """Channels that enter the first cell."""
    if not has_stem(at):
        return 3
    return stem_width(at)


cdef inline void choose_sharing(Filling* f) noexcept nogil:
    """Which lines share shapes."""
    cdef const PlanCell* cell = f.cell
    if f.at.family == DENSENET:
        f.sharing = BY_CAP
    # additions are on the way where only convolutions are charged for: lines differ in links alone
    elif not has_passes(f.model) and cell.n_expansions * cell.n_kernels == 1:
        f.sharing = BY_LINKS
    else:
        f.sharing = BY_LINE


cdef inline void place_shapes(Filling* f) noexcept nogil:
    """Where the shapes go."""
    f.stride = 2 * f.stack.lines + f.cell.deepest + 1
    f.first = f.work.shape
    f.other = f.first + f.stack.lines
    f.rest = f.other + f.stack.lines


cdef inline void plan_stack(Filling* f) noexcept nogil:
    """Which lines take shapes of their own at each position: the first n_runs of them.

    Of a cell by caps those whose cap is below what there is to draw. Caps that do not rise (not
    `rising`) are no prefix of the lines then, and are stacked one by one.
    """
    cdef Work* work = f.work
    cdef int64_t lines = f.cell.n_skips * f.cell.n_expansions * f.cell.n_kernels, i, j, n
    f.stack.lines = lines
    f.stack.positions = f.cell.deepest
    f.stack.depth_number = work.depth_number
    f.stack.n_runs = work.n_runs
    work.rising = 1
    for i in range(f.cell.deepest):
        work.n_runs[i] = 0 if f.sharing == BY_LINKS else lines
    if f.sharing != BY_CAP:
        return
    for j in range(1, f.cell.n_skips):
        work.rising &= f.skip[j] > f.skip[j - 1]
    n = 0
    for i in range(f.cell.deepest):      # what there is to draw grows with i, and so does n
        while n < lines and f.skip[n] < f.at.width * (i - 1):
            n += 1
        work.n_runs[i] = n


cdef inline void shape_of(const Filling* f, int first, int64_t links, int64_t expansion,
                          int64_t kernel_size, double* to) noexcept nogil:
    """What one position adds, column by column."""
    cdef double x[SHAPE_COLUMNS]
    cdef int k
    memset(x, 0, sizeof(x))
    add_position(f.model, f.at, first, links, expansion, kernel_size, x)
    for k in range(f.columns):
        to[k * f.stride] = x[k]


cdef inline void concatenations(const Filling* f, const int64_t* links, int64_t n,
                                double* shape) noexcept nogil:
    """Positions of a concatenation cell that draw so many links each, eight at a time."""
    cdef double into[ABREAST]
    cdef double area[ABREAST]
    cdef double out[ABREAST]
    cdef double spots[ABREAST]
    cdef double padded[ABREAST]
    cdef double spare[N_COSTS][ABREAST]
    cdef double* column[N_COSTS]
    cdef double w = <double> f.at.width, side = <double> half(f.at.side, f.at.stride), x
    cdef int64_t i = 0, j, own
    cdef int k, late = 0
    for k in range(ABREAST):
        area[k] = 9.0
        out[k] = w
        spots[k] = side * side
        padded[k] = (side + 2.0) * (side + 2.0)
    while i < n:
        own = min(ABREAST, n - i)
        for j in range(ABREAST):
            into[j] = w + <double> links[i + j if j < own else n - 1]
        for k in range(N_COSTS):
            column[k] = shape + k * f.stride + i if own == ABREAST else spare[k]
        late |= f.kernel.rram_eight(&f.model.terms, into, area, out, spots, padded, column)
        if own < ABREAST:
            for k in range(1, N_COSTS):
                memcpy(shape + k * f.stride + i, spare[k], own * sizeof(double))
        for j in range(own):
            x = 9.0 * into[j] * w
            shape[COL_PARAMS * f.stride + i + j] = x + 2.0 * into[j]
            shape[COL_MACS * f.stride + i + j] = x * spots[0]
            shape[COL_LINKS * f.stride + i + j] = w * (into[j] - w)
            shape[COL_WIDTH * f.stride + i + j] = w
        i += ABREAST
    for i in range(n if late else 0):   # too large for the vectors' rounding
        shape_of(f, 0, links[i], 1, 3, shape + i)


cdef inline void shape_caps(const Filling* f) noexcept nogil:
    """By cap: `other` is what a position that draws a line's cap adds; `rest` the first position,
    and after it those that draw all that there is."""
    cdef Work* work = f.work
    cdef int64_t lines = f.cell.n_skips, deepest = f.cell.deepest, j
    shape_of(f, 1, 0, 1, 3, f.rest)
    if f.model.kind == KIND_RRAM and f.model.vectors and f.kernel.rram_eight != NULL:
        for j in range(1, deepest):
            work.drawn[j - 1] = f.at.width * (j - 1)
        concatenations(f, work.drawn, deepest - 1, f.rest + 1)
        concatenations(f, f.skip, lines, f.other)
        return
    for j in range(1, deepest):
        shape_of(f, 0, f.at.width * (j - 1), 1, 3, f.rest + j)
    for j in range(lines):
        shape_of(f, 0, f.skip[j], 1, 3, f.other + j)


cdef inline void shape_links(const Filling* f) noexcept nogil:
    """By links: `rest` is a first position and, from 1 on, any later one, that all lines take; of
    `first` and `other` only each line's links and widths are there."""
    cdef int64_t lines = f.cell.n_skips, stride = f.stride, i, j
    cdef int k, later
    cdef double* own
    for later in range(2):
        own = f.rest + later
        shape_of(f, not later, f.skip[0], f.cell.expansion[0], f.cell.kernel[0], own)
        for j in range(lines):
            f.first[COL_WIDTH * stride + later * lines + j] = own[COL_WIDTH * stride]
            f.first[COL_LINKS * stride + later * lines + j] = (
                <double> (f.skip[j] * f.at.width) if carries(f.at, not later) else 0.0)
    for k in range(f.columns):
        own = f.rest + k * stride
        for i in range(2, f.cell.deepest):
            own[i] = own[1]


cdef inline void shape_lines(const Filling* f, int first, double* shape) noexcept nogil:
    """By line: the first position of each, or any later one."""
    cdef const PlanCell* cell = f.cell
    cdef int64_t step = cell.n_expansions * cell.n_kernels, stride = f.stride, j
    cdef int k
    # where links cost nothing, lines of other links are as those of the first
    cdef int free = f.at.family != DENSENET and not has_passes(f.model)
    for j in range(f.stack.lines):
        if free and j >= step:
            for k in range(f.columns):
                shape[k * stride + j] = shape[k * stride + j % step]
            shape[COL_LINKS * stride + j] = (<double> (f.skip[j // step] * f.at.width)
                                             if carries(f.at, first) else 0.0)
            continue
        shape_of(f, first, f.skip[j // step],
                 cell.expansion[j // cell.n_kernels % cell.n_expansions],
                 cell.kernel[j % cell.n_kernels], shape + j)


cdef inline void stack_column(Filling* f, int column, double start, double* out) noexcept nogil:
    """Prefix sums of one column over the positions (of the peak: maxima), at every depth."""
    cdef int64_t lines = f.stack.lines, at = column * f.stride, i, j
    cdef int peak = column == COL_PEAK
    if f.work.rising:
        f.kernel.stack(&f.stack, 0, lines, f.first + at, f.other + at, f.rest + at, peak, start,
                       out)
        return
    for j in range(lines):   # caps in another order: which take their own shape is no prefix
        for i in range(f.stack.positions):
            f.work.n_runs[i] = j + (f.skip[j] < f.at.width * (i - 1))
        f.kernel.stack(&f.stack, j, j + 1, f.first + at, f.other + at, f.rest + at, peak, start,
                       out)


cdef inline void stack_costs(Filling* f, double** row) noexcept nogil:
    """The rows of all columns but the score."""
    cdef int64_t lines = f.stack.lines, least = 1
    cdef double x[SHAPE_COLUMNS]     # of the stem and the head
    cdef int k
    memset(x, 0, sizeof(x))
    add_stem(f.model, f.at, x)
    if f.at.first:
        f.work.sources = <int64_t> x[COL_BEFORE]
    x[COL_BEFORE] = 0.0      # what comes next is the cell
    add_head(f.model, f.at, x)
    if f.at.last:
        f.work.wanted = <int64_t> x[COL_ENTERED]
        f.work.reads = x[COL_ENTERING]
    while f.work.depth_number[least] < 0:
        least += 1
    for k in range(FLASH_COLUMNS):
        if row[k] == NULL or k == COL_SCORE:
            continue
        stack_column(f, k, x[k], row[k])
        if f.model.mesh.on and (1 << k) & f.model.ways:
            continue         # not all of it yet
        # nothing falls with depth: the first and the last one span a column's range
        widen_range(f, lines, row[k] + f.work.depth_number[least] * lines,
                    row[k] + f.work.depth_number[f.cell.deepest] * lines, k)
    if f.model.mesh.on:
        cross_rows(f, row)


cdef inline const double* shape_at(const Filling* f, int64_t line, int64_t position,
                                   int64_t own) noexcept nogil:
    """The shape of a line's position; own: from which position on it takes its own."""
    if f.sharing == BY_CAP:
        return f.rest + position if position < own else f.other + line
    if f.sharing == BY_LINKS:
        return f.rest + (1 if position else 0)
    return f.other + line if position else f.first + line


cdef inline void add_between(const Filling* f, const double* before, const double* shape,
                             double* column) noexcept nogil:
    """Adds the way from one position to another."""
    add_crossing(f.model, <int64_t> before[COL_BEFORE * f.stride],
                 <int64_t> shape[COL_ENTERED * f.stride], shape[COL_ENTERING * f.stride], column)


cdef inline void add_out(const Filling* f, const double* shape, double* column) noexcept nogil:
    """Adds the way out of the cell from its last position, where it is the cell's."""
    if f.work.wanted:
        add_crossing(f.model, <int64_t> shape[COL_BEFORE * f.stride], f.work.wanted, f.work.reads,
                     column)


cdef inline void share_ways(const Filling* f) noexcept nogil:
    """Of the positions that all lines share: what the ways before each add, and the one after it.
    """
    cdef Work* work = f.work
    cdef double* at = work.ways
    cdef int64_t i, shared = f.cell.deepest if f.sharing == BY_CAP else 0
    memset(at, 0, 2 * N_COSTS * shared * sizeof(double))
    for i in range(shared):
        if i:
            memcpy(at, at - 2 * N_COSTS, N_COSTS * sizeof(double))
            add_between(f, f.rest + i - 1, f.rest + i, at)
        elif work.sources:
            add_crossing(f.model, work.sources, <int64_t> f.rest[COL_ENTERED * f.stride],
                         f.rest[COL_ENTERING * f.stride], at)
        add_out(f, f.rest + i, at + N_COSTS)
        at += 2 * N_COSTS


cdef inline void cross_rows(Filling* f, double** row) noexcept nogil:
    """Adds to the rows what goes through the mesh from position to position, and the ways into and
    out of the cell that are its own. A line's own positions are alike: on one the ways add up to
    `start` and `every` for each position before it."""
    cdef Work* work = f.work
    cdef int64_t lines = f.stack.lines, line, i
    cdef int m, k
    share_ways(f)
    for line in range(lines):
        cross_line(f, line)
    for m in range(f.model.n_crossed):
        k = f.model.crossed[m]
        for i in range(f.cell.deepest):
            if work.depth_number[i + 1] < 0:
                continue
            if row[k] != NULL:
                put_ways(f, m, i, row[k] + work.depth_number[i + 1] * lines)
            if k == COL_LATENCY and row[COL_LEAK] != NULL and f.model.terms.leak > 0.0:
                put_ways(f, m, i, row[COL_LEAK] + work.depth_number[i + 1] * lines)
    for k in range(N_COSTS):
        if (1 << k) & f.model.ways and row[k] != NULL:
            widen_range(f, f.cell.n_depths * lines, row[k], row[k], k)
    if work.first != NULL:
        tell_ends(f)


cdef inline int64_t own_from(const Filling* f, int64_t line) noexcept nogil:
    """From which position on a line has its own: of a cap, from where there is more to draw."""
    return f.skip[line] // f.at.width + 2 if f.sharing == BY_CAP else 1


cdef inline double* of_lines(const Filling* f, int column, int part) noexcept nogil:
    """Of each line for a crossed column: at its first position (0), `start` (1), `every` (2)."""
    return f.work.crossings + (3 * column + part) * f.stack.lines


cdef inline void cross_line(const Filling* f, int64_t line) noexcept nogil:
    """A line's three numbers for each crossed column."""
    cdef Work* work = f.work
    cdef int64_t own = own_from(f, line)
    cdef double total[N_COSTS]       # of the ways up to its first own position,
    cdef double every[N_COSTS]       # of each further one,
    cdef double out[N_COSTS]         # and of the one out of the cell
    cdef const double* first
    cdef const double* other
    cdef int m, k, part
    if line and (f.sharing == BY_LINKS
                 or f.sharing == BY_CAP and f.skip[line] == f.skip[line - 1]):
        for m in range(f.model.n_crossed):   # as the line before
            for part in range(3):
                of_lines(f, m, part)[line] = of_lines(f, m, part)[line - 1]
        return
    memset(total, 0, sizeof(total))
    memset(every, 0, sizeof(every))
    memset(out, 0, sizeof(out))
    if f.sharing != BY_CAP:
        first = shape_at(f, line, 0, own)
        if work.sources:
            add_crossing(f.model, work.sources, <int64_t> first[COL_ENTERED * f.stride],
                         first[COL_ENTERING * f.stride], total)
        add_out(f, first, out)
        for m in range(f.model.n_crossed):
            k = f.model.crossed[m]
            of_lines(f, m, 0)[line] = total[k] + out[k]
        memset(out, 0, sizeof(out))
    elif own < f.cell.deepest:
        memcpy(total, work.ways + 2 * N_COSTS * (own - 1), sizeof(total))
    if own < f.cell.deepest:
        first = shape_at(f, line, own - 1, own)
        other = shape_at(f, line, own, own)
        add_between(f, other, other, every)
        if first[COL_BEFORE * f.stride] == other[COL_BEFORE * f.stride]:
            for k in range(N_COSTS):
                total[k] += every[k]
        else:
            add_between(f, first, other, total)
        add_out(f, other, out)
    for m in range(f.model.n_crossed):
        k = f.model.crossed[m]
        of_lines(f, m, 1)[line] = total[k] + out[k] - <double> own * every[k]
        of_lines(f, m, 2)[line] = every[k]


cdef inline void put_ways(const Filling* f, int column, int64_t position,
                          double* out) noexcept nogil:
    """Adds to the rows of one depth, which end at a position, their ways."""
    cdef const double* first = of_lines(f, column, 0)
    cdef const double* start = of_lines(f, column, 1)
    cdef const double* every = of_lines(f, column, 2)
    cdef const double* ways = f.work.ways + 2 * N_COSTS * position
    cdef int k = f.model.crossed[column]
    cdef int64_t line, n = f.stack.lines
    cdef double at = <double> position, shared
    if f.sharing != BY_CAP:
        for line in range(n):
            out[line] += start[line] + at * every[line] if position else first[line]
        return
    shared = ways[k] + ways[N_COSTS + k]
    if f.work.rising:
        n = f.stack.n_runs[position]
        for line in range(n):
            out[line] += start[line] + at * every[line]
        for line in range(n, f.stack.lines):
            out[line] += shared
        return
    for line in range(n):
        out[line] += (start[line] + at * every[line] if own_from(f, line) <= position else shared)


cdef inline void tell_ends(const Filling* f) noexcept nogil:
    """Writes down the tiles of each row's first and last layer."""
    cdef Work* work = f.work
    cdef int64_t lines = f.stack.lines, line, i, place
    for i in range(f.cell.deepest):
        if work.depth_number[i + 1] < 0:
            continue
        for line in range(lines):
            place = work.depth_number[i + 1] * lines + line
            work.first[place] = <int32_t> shape_at(f, line, 0, 1)[COL_ENTERED * f.stride]
            work.last[place] = <int32_t> shape_at(
                f, line, i, own_from(f, line))[COL_BEFORE * f.stride]


cdef inline void stack_scores(Filling* f, double** row) noexcept nogil:
    """The scores' rows, depth by depth: NN-Degree, or a topology's score."""
    cdef Work* work = f.work
    cdef const PlanCell* cell = f.cell
    cdef int64_t lines = f.stack.lines, i, j
    cdef int64_t step = cell.n_kernels
    cdef const double* links = f.first + COL_LINKS * f.stride
    cdef const double* widths = f.first + COL_WIDTH * f.stride
    cdef double* out
    cdef double wide
    if f.sharing == BY_CAP and work.terms == NULL:
        stack_column(f, COL_LINKS, 0.0, row[COL_SCORE])
    for i in range(cell.deepest):
        if f.sharing == BY_CAP and work.terms != NULL:
            extend_paths(f.at, f.skip, i, work, lines)
        if work.depth_number[i + 1] < 0:
            continue
        out = row[COL_SCORE] + work.depth_number[i + 1] * lines
        if work.terms != NULL:
            score_rows(f.kernel, f.at, cell, f.skip, i + 1, work, lines,
                       row[COL_PARAMS] + work.depth_number[i + 1] * lines, out)
        elif f.sharing == BY_CAP:
            wide = <double> (f.at.width * (i + 1))
            f.kernel.scale_round(lines, out, score_scale() / wide,
                                 rint(wide * (score_scale() / <double> (i + 1))), out)
        else:
            for j in range(lines):   # whole numbers: the positions after the first are alike
                out[j] = degree(widths[j] + <double> i * widths[lines + j], convolutions(
                    f.at, i + 1, cell.expansion[j // step % cell.n_expansions]),
                    links[j] + <double> i * links[lines + j])
    out = row[COL_SCORE]
    widen_range(f, cell.n_depths * lines, out, out, COL_SCORE)


cdef inline void fill(const CostModel* model, const Place* at, const PlanCell* cell,
                      int64_t width_number, Work* work, double** row) noexcept nogil:
    """The rows of one width: `row[k]` is where column k of the first one goes.

    A row is what a cell's positions add up to (of the peak: their maximum). Positions repeat: what
    each distinct one adds (its shape) is charged once, and then the shapes are stacked, all lines
    at once, and written down at each depth that is a choice.
    """
    cdef Filling f
    f.model = model
    f.at = at
    f.cell = cell
    f.skip = cell.skip + width_number * cell.n_skips
    f.kernel = kernels()
    f.work = work
    f.columns = SHAPE_COLUMNS if model.mesh.on else PLAIN_COLUMNS
    choose_sharing(&f)
    plan_stack(&f)
    place_shapes(&f)
    if f.sharing == BY_CAP:
        shape_caps(&f)
    elif f.sharing == BY_LINKS:
        shape_links(&f)
    else:
        shape_lines(&f, 1, f.first)
        shape_lines(&f, 0, f.other)
    stack_costs(&f, row)
    if row[COL_SCORE] != NULL:
        stack_scores(&f, row)


cdef inline void widen_range(const Filling* f, int64_t n, const double* first, const double* last,
                             int column) noexcept nogil:
    """Takes in what a column holds at least, in the rows of one depth, and at most, in those of
    another."""
    cdef double low, high
    f.kernel.span(n, first, last, &low, &high)
    if low < f.work.low[column]:
        f.work.low[column] = low
    if high > f.work.high[column]:
        f.work.high[column] = high


cdef inline double degree(double width_sum, double convs, double links) noexcept nogil:
    """NN-Degree of a cell in units of 2^-36: the mean width plus links per channel."""
    return rint(width_sum * (score_scale() / convs)) + rint(links * (score_scale() / width_sum))


cdef inline double score_scale() noexcept nogil:
    return <double> (<int64_t> 1 << SCORE_BITS)


cdef inline void network_totals(const CostModel* model, int family, int64_t resolution,
                                int64_t classes, int n_cells, const PlanCell* cells,
                                const int32_t* row, double* x, double* degrees) noexcept nogil:
    """x: all totals of a configuration, position by position; degrees: the cells' scores, or NULL.
    """
    cdef const PlanCell* cell
    cdef Place at
    cdef int64_t lines, line, width_number, depth, expansion, links, i, before = 0
    cdef double own, score = 0.0
    cdef int c
    memset(x, 0, SHAPE_COLUMNS * sizeof(double))
    for c in range(n_cells):
        cell = cells + c
        lines = cell.n_skips * cell.n_expansions * cell.n_kernels
        line = row[c] % lines
        depth = cell.depth[row[c] // lines % cell.n_depths]
        width_number = row[c] // (lines * cell.n_depths)
        place_of(family, resolution, classes, c, n_cells, cells, &at)
        at.width = cell.width[width_number]
        at.before = before if c else entering(&at)
        before = at.width
        expansion = cell.expansion[line // cell.n_kernels % cell.n_expansions]
        add_stem(model, &at, x)
        x[COL_LINKS] = x[COL_WIDTH] = 0.0
        for i in range(depth):
            links = cell.skip[width_number * cell.n_skips
                              + line // (cell.n_expansions * cell.n_kernels)]
            if at.family == DENSENET:
                links = min(links, at.width * (i - 1)) if i else 0
            add_position(model, &at, i == 0, links, expansion, cell.kernel[line % cell.n_kernels],
                         x)
        add_head(model, &at, x)
        own = degree(x[COL_WIDTH], convolutions(&at, depth, expansion), x[COL_LINKS])
        if degrees != NULL:
            degrees[c] = own
        score += own
    x[COL_SCORE] = score
