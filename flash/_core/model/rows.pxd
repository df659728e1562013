"""Rows of one cell: prefix sums over its positions."""

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport flash_kernels, flash_stacking
from flash._core.model.compile cimport PlanCell, Work
from flash._core.model.families cimport (
    COL_LINKS, COL_WIDTH, DENSENET, MOBILENET_V2, SHAPE_COLUMNS, Place, carries, ends, half,
    position, stem_width,
)
from flash._core.model.operations cimport COST_COLUMNS, KIND_CPU, KIND_RRAM, CostModel
from flash._core.model.topology cimport extend_paths, score_rows
from flash._core.tables.problem cimport COL_MACS, COL_PARAMS, COL_PEAK, COL_SCORE, FLASH_COLUMNS
from flash._core.tables.tables cimport kernels


cdef enum:
    SCORE_BITS = 36      # NN-Degree is held in units of 2^-36


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
    if at.family == DENSENET and not at.imagenet:
        return 3
    return stem_width(at)


cdef inline void concatenations(const CostModel* model, const Place* at,
                                const flash_kernels* kernel, const int64_t* links, int64_t n,
                                double* shape, int64_t shapes) noexcept nogil:
    """Positions of a concatenation cell that draw so many links each, eight at a time."""
    cdef double into[8]
    cdef double area[8]
    cdef double out[8]
    cdef double spots[8]
    cdef double padded[8]
    cdef double spare[COST_COLUMNS][8]
    cdef double* column[COST_COLUMNS]
    cdef double w = <double> at.width, side = <double> half(at.side, at.stride), x
    cdef int64_t i = 0, j, own
    cdef int k, late = 0
    for k in range(8):
        area[k] = 9.0
        out[k] = w
        spots[k] = side * side
        padded[k] = (side + 2.0) * (side + 2.0)
    while i < n:
        own = min(8, n - i)
        for j in range(8):
            into[j] = w + <double> links[i + j if j < own else n - 1]
        for k in range(COST_COLUMNS):
            column[k] = shape + k * shapes + i if own == 8 else spare[k]
        late |= kernel.rram_eight(&model.terms, into, area, out, spots, padded, column)
        if own < 8:
            for k in range(1, COST_COLUMNS):
                memcpy(shape + k * shapes + i, spare[k], own * sizeof(double))
        for j in range(own):
            x = 9.0 * into[j] * w
            shape[COL_PARAMS * shapes + i + j] = x + 2.0 * into[j]
            shape[COL_MACS * shapes + i + j] = x * spots[0]
            shape[COL_LINKS * shapes + i + j] = w * (into[j] - w)
            shape[COL_WIDTH * shapes + i + j] = w
        i += 8
    for i in range(n if late else 0):   # too large for the vectors' rounding
        shape_of(model, at, 0, links[i], 1, 3, shape + i, shapes)


cdef inline void shape_of(const CostModel* model, const Place* at, int first, int64_t links,
                          int64_t expansion, int64_t kernel_size, double* to,
                          int64_t shapes) noexcept nogil:
    """What one position adds, column by column."""
    cdef double x[SHAPE_COLUMNS]
    cdef int k
    memset(x, 0, sizeof(x))
    position(model, at, first, links, expansion, kernel_size, x)
    for k in range(SHAPE_COLUMNS):
        to[k * shapes] = x[k]


cdef inline void shapes_of_lines(const CostModel* model, const Place* at, const PlanCell* cell,
                                 const int64_t* skip, int first, double* shape,
                                 int64_t shapes) noexcept nogil:
    """The first position, or any other, of each line."""
    cdef int64_t step = cell.n_expansions * cell.n_kernels, lines = cell.n_skips * step, j
    cdef int k
    # additions are on the way where only convolutions are charged for: lines differ in links alone
    cdef int free = at.family != DENSENET and model.kind != KIND_CPU
    for j in range(lines):
        if free and j >= step:
            for k in range(SHAPE_COLUMNS):
                shape[k * shapes + j] = shape[k * shapes + j % step]
            shape[COL_LINKS * shapes + j] = (<double> (skip[j // step] * at.width)
                                             if carries(at, first) else 0.0)
            continue
        shape_of(model, at, first, skip[j // step],
                 cell.expansion[j // cell.n_kernels % cell.n_expansions],
                 cell.kernel[j % cell.n_kernels], shape + j, shapes)


cdef inline void shapes_of_one(const CostModel* model, const Place* at, const PlanCell* cell,
                               const int64_t* skip, double* shape, int64_t shapes) noexcept nogil:
    """Where lines differ in links alone: one first position and one other, that all lines take, and
    what each line's links and widths are."""
    cdef int64_t lines = cell.n_skips, i, j
    cdef int k, later
    cdef double* own
    for later in range(2):
        own = shape + 2 * lines + later
        shape_of(model, at, not later, skip[0], cell.expansion[0], cell.kernel[0], own, shapes)
        for j in range(lines):
            shape[COL_WIDTH * shapes + later * lines + j] = own[COL_WIDTH * shapes]
            shape[COL_LINKS * shapes + later * lines + j] = (
                <double> (skip[j] * at.width) if carries(at, not later) else 0.0)
    for k in range(SHAPE_COLUMNS):
        own = shape + k * shapes + 2 * lines
        for i in range(2, cell.deepest):
            own[i] = own[1]


cdef inline void shapes_of_caps(const CostModel* model, const Place* at, const PlanCell* cell,
                                const int64_t* skip, const flash_kernels* kernel, Work* work,
                                double* shape, int64_t shapes) noexcept nogil:
    """Of a concatenation cell: its first position, one for each cap, and after them the saturated
    ones, layer by layer, which draw all that there is."""
    cdef int64_t lines = cell.n_skips, j
    cdef double* rest = shape + 2 * lines
    shape_of(model, at, 1, 0, 1, 3, rest, shapes)
    if model.kind == KIND_RRAM and model.vectors and kernel.rram_eight != NULL:
        for j in range(1, cell.deepest):
            work.drawn[j - 1] = at.width * (j - 1)
        concatenations(model, at, kernel, work.drawn, cell.deepest - 1, rest + 1, shapes)
        concatenations(model, at, kernel, skip, lines, shape + lines, shapes)
        return
    for j in range(1, cell.deepest):
        shape_of(model, at, 0, at.width * (j - 1), 1, 3, rest + j, shapes)
    for j in range(lines):
        shape_of(model, at, 0, skip[j], 1, 3, shape + lines + j, shapes)


cdef inline void stack_column(const flash_kernels* kernel, const Place* at, const int64_t* skip,
                              Work* work, flash_stacking* stack, int column, const double* shape,
                              int64_t shapes, double start, double* out) noexcept nogil:
    """Prefix sums of one column over the positions (of the peak: maxima), at every depth."""
    cdef const double* own = shape + column * shapes
    cdef int64_t lines = stack.lines, i, j
    if work.rising:
        kernel.stack(stack, 0, lines, own, own + lines, own + 2 * lines, column == COL_PEAK, start,
                     out)
        return
    for j in range(lines):   # caps in another order: which take their own shape is no prefix
        for i in range(stack.positions):
            work.n_runs[i] = j + (skip[j] < at.width * (i - 1))
        kernel.stack(stack, j, j + 1, own, own + lines, own + 2 * lines, column == COL_PEAK, start,
                     out)


cdef inline void plan_stack(const Place* at, const PlanCell* cell, const int64_t* skip, int alike,
                            Work* work, flash_stacking* stack) noexcept nogil:
    """Which lines take their own shape at each position; alike: none."""
    cdef int64_t i, j, n
    stack.lines = cell.n_skips * cell.n_expansions * cell.n_kernels
    stack.positions = cell.deepest
    stack.depth_number = work.depth_number
    stack.n_runs = work.n_runs
    work.rising = 1
    for i in range(cell.deepest):
        work.n_runs[i] = 0 if alike else stack.lines
    if at.family != DENSENET:
        return
    for j in range(1, cell.n_skips):
        work.rising &= skip[j] > skip[j - 1]
    n = 0
    for i in range(cell.deepest):
        while n < stack.lines and skip[n] < at.width * (i - 1):
            n += 1
        work.n_runs[i] = n


cdef inline void scores(const Place* at, const PlanCell* cell, const int64_t* skip,
                        const flash_kernels* kernel, Work* work, flash_stacking* stack,
                        const double* shape, int64_t shapes, double** row) noexcept nogil:
    """The scores' rows: NN-Degree, or a topology's score."""
    cdef int64_t lines = stack.lines, i, j
    cdef int64_t step = cell.n_kernels
    cdef const double* links = shape + COL_LINKS * shapes
    cdef const double* widths = shape + COL_WIDTH * shapes
    cdef double* out
    cdef double wide
    if at.family == DENSENET and work.terms == NULL:
        stack_column(kernel, at, skip, work, stack, COL_LINKS, shape, shapes, 0.0, row[COL_SCORE])
    for i in range(cell.deepest):
        if at.family == DENSENET and work.terms != NULL:
            extend_paths(at, skip, i, work, lines)
        if work.depth_number[i + 1] < 0:
            continue
        out = row[COL_SCORE] + work.depth_number[i + 1] * lines
        if work.terms != NULL:
            score_rows(kernel, at, cell, skip, i + 1, work, lines,
                       row[COL_PARAMS] + work.depth_number[i + 1] * lines, out)
        elif at.family == DENSENET:
            wide = <double> (at.width * (i + 1))
            kernel.scale_round(lines, out, score_scale() / wide,
                               rint(wide * (score_scale() / <double> (i + 1))), out)
        else:
            for j in range(lines):   # whole numbers: the positions after the first are alike
                out[j] = degree(widths[j] + <double> i * widths[lines + j], convolutions(
                    at, i + 1, cell.expansion[j // step % cell.n_expansions]),
                    links[j] + <double> i * links[lines + j])
    out = row[COL_SCORE]
    span(kernel, cell.n_depths * lines, out, out, work, COL_SCORE)


cdef inline int fill(const CostModel* model, const Place* at, const PlanCell* cell,
                     int64_t width_number, Work* work, double** row) except -1 nogil:
    """The rows of one width: `row[k]` is where column k of the first one goes."""
    cdef const int64_t* skip = cell.skip + width_number * cell.n_skips
    cdef int64_t lines = cell.n_skips * cell.n_expansions * cell.n_kernels, least = 1
    cdef int64_t shapes = 2 * lines + cell.deepest + 1
    cdef double* shape = work.shape
    cdef double x[SHAPE_COLUMNS]
    cdef int k
    cdef const flash_kernels* kernel = kernels()
    cdef flash_stacking stack
    # additions are on the way where only convolutions are charged for: lines differ in links alone
    cdef int alike = (at.family != DENSENET and model.kind != KIND_CPU
                      and cell.n_expansions * cell.n_kernels == 1)
    plan_stack(at, cell, skip, alike, work, &stack)
    if at.family == DENSENET:
        shapes_of_caps(model, at, cell, skip, kernel, work, shape, shapes)
    elif alike:
        shapes_of_one(model, at, cell, skip, shape, shapes)
    else:
        shapes_of_lines(model, at, cell, skip, 1, shape, shapes)
        shapes_of_lines(model, at, cell, skip, 0, shape + lines, shapes)
    memset(x, 0, sizeof(x))
    ends(model, at, x)
    while work.depth_number[least] < 0:
        least += 1
    for k in range(FLASH_COLUMNS):
        if row[k] == NULL or k == COL_SCORE:
            continue
        stack_column(kernel, at, skip, work, &stack, k, shape, shapes, x[k], row[k])
        # nothing falls with depth: the first and the last one span a column's range
        span(kernel, lines, row[k] + work.depth_number[least] * lines,
             row[k] + work.depth_number[cell.deepest] * lines, work, k)
    if row[COL_SCORE] != NULL:
        scores(at, cell, skip, kernel, work, &stack, shape, shapes, row)
    return 0


cdef inline void span(const flash_kernels* kernel, int64_t n, const double* first,
                      const double* last, Work* work, int column) noexcept nogil:
    """What a column holds at least, in the rows of one depth, and at most, in those of another."""
    cdef double low, high
    kernel.span(n, first, last, &low, &high)
    if low < work.low[column]:
        work.low[column] = low
    if high > work.high[column]:
        work.high[column] = high


cdef inline double degree(double width_sum, double convs, double links) noexcept nogil:
    """NN-Degree of a cell in units of 2^-36: the mean width plus links per channel."""
    return rint(width_sum * (score_scale() / convs)) + rint(links * (score_scale() / width_sum))


cdef inline double convolutions(const Place* at, int64_t positions,
                                int64_t expansion) noexcept nogil:
    if at.family == DENSENET:
        return <double> positions
    if at.family == MOBILENET_V2 and expansion > 1:
        return <double> (3 * positions)
    return <double> (2 * positions)


cdef inline double score_scale() noexcept nogil:
    return <double> (<int64_t> 1 << SCORE_BITS)


cdef inline void network_totals(const CostModel* model, int family, int64_t resolution,
                                int64_t classes, int n_cells, const PlanCell* cells,
                                const int32_t* row, double* x, double* degrees) noexcept nogil:
    """x: all totals of a configuration, position by position; degrees: the cells' scores or NULL."""
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
        ends(model, &at, x)
        x[COL_LINKS] = x[COL_WIDTH] = 0.0
        for i in range(depth):
            links = cell.skip[width_number * cell.n_skips
                              + line // (cell.n_expansions * cell.n_kernels)]
            if at.family == DENSENET:
                links = min(links, at.width * (i - 1)) if i else 0
            position(model, &at, i == 0, links, expansion, cell.kernel[line % cell.n_kernels], x)
        own = degree(x[COL_WIDTH], convolutions(&at, depth, expansion), x[COL_LINKS])
        if degrees != NULL:
            degrees[c] = own
        score += own
    x[COL_SCORE] = score
