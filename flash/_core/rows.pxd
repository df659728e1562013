"""Rows of one cell: prefix sums over its positions."""

from libc.math cimport rint
from libc.string cimport memset

from flash._core.blocks cimport *
from flash._core.compile cimport PlanCell, Work
from flash._core.core cimport *
from flash._core.ops cimport *
from flash._core.tables cimport kernels
from flash._core.terms cimport extend_paths, score_rows


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
    cdef double cost[7][8]
    cdef double* column[7]
    cdef double x[11]
    cdef double w = <double> at.width, side = <double> half(at.side, at.stride)
    cdef int64_t i, j
    cdef int k, late = 0
    for k in range(7):
        column[k] = cost[k]
    for k in range(8):
        area[k] = 9.0
        out[k] = w
        spots[k] = side * side
    i = 0
    while i < n:
        for j in range(8):
            into[j] = w + <double> links[i + j if i + j < n else n - 1]
        kernel.rram_eight(&model.terms, into, area, out, spots, column)
        for j in range(min(8, n - i)):
            for k in range(1, 7):
                late |= cost[k][j] >= 2251799813685248.0
                shape[k * shapes + i + j] = cost[k][j]
            shape[COL_PARAMS * shapes + i + j] = 9.0 * into[j] * w + 2.0 * into[j]
            shape[COL_MACS * shapes + i + j] = 9.0 * into[j] * w * spots[0]
            shape[COL_LINKS * shapes + i + j] = w * (into[j] - w)
            shape[COL_WIDTH * shapes + i + j] = w
        i += 8
    if late:   # too large for the vectors' rounding
        for i in range(n):
            memset(x, 0, sizeof(x))
            position(model, at, 0, links[i], 1, 3, x)
            for k in range(SHAPE_COLUMNS):
                shape[k * shapes + i] = x[k]


cdef inline void relinked(const Place* at, int first, int64_t links, double* to,
                          const double* other, int64_t shapes) noexcept nogil:
    """A position that is like another one but for its links."""
    cdef int k
    for k in range(SHAPE_COLUMNS):
        to[k * shapes] = other[k * shapes]
    to[COL_LINKS * shapes] = (<double> (links * at.width) if carries(at, first) else 0.0)


cdef inline int fill(const CostModel* model, const Place* at, const PlanCell* cell, int64_t width_number,
              Work* work, double** row) except -1 nogil:
    """The rows of one width: `row[k]` is where column k of the first one goes."""
    cdef int64_t lines = cell.n_skips * cell.n_expansions * cell.n_kernels
    cdef int64_t i, j, d, n_runs, shapes, base, rest, step = cell.n_expansions * cell.n_kernels
    cdef const int64_t* skip = cell.skip + width_number * cell.n_skips
    cdef double* shape = work.shape
    cdef double* total = work.total
    cdef double x[11]
    cdef double* out
    cdef int k
    cdef const flash_kernels* kernel = kernels()
    # additions are on the way where only convolutions are charged for: lines differ in links alone
    cdef int free = at.family != DENSENET and model.kind != KIND_CPU
    cdef int rising = 1, first
    work.n_done = 0
    for j in range(1, cell.n_skips):
        rising &= skip[j] > skip[j - 1]
    # shapes: the first position per line, any other per line, saturated positions
    shapes = 2 * lines + cell.deepest + 1
    memset(shape, 0, SHAPE_COLUMNS * shapes * sizeof(double))
    for j in range(lines):
        if at.family == DENSENET and j:
            break
        if free and j >= step:
            relinked(at, 1, skip[j // step], shape + j, shape + j % step, shapes)
            continue
        memset(x, 0, sizeof(x))
        position(model, at, 1, 0 if at.family == DENSENET else skip[j // step],
                 cell.expansion[j // cell.n_kernels % cell.n_expansions],
                 cell.kernel[j % cell.n_kernels], x)
        for k in range(SHAPE_COLUMNS):
            shape[k * shapes + j] = x[k]
    if (at.family == DENSENET and model.kind == KIND_RRAM and model.vectors
            and kernel.rram_eight != NULL):
        concatenations(model, at, kernel, skip, lines, shape + lines, shapes)
    else:
        for j in range(lines):
            if free and j >= step:
                relinked(at, 0, skip[j // step], shape + lines + j, shape + lines + j % step,
                         shapes)
                continue
            memset(x, 0, sizeof(x))
            position(model, at, 0, skip[j // step],
                     cell.expansion[j // cell.n_kernels % cell.n_expansions],
                     cell.kernel[j % cell.n_kernels], x)
            for k in range(SHAPE_COLUMNS):
                shape[k * shapes + lines + j] = x[k]
    memset(x, 0, sizeof(x))
    ends(model, at, x)
    for k in range(SHAPE_COLUMNS):
        for j in range(lines):
            total[k * lines + j] = x[k]
    for i in range(cell.deepest):
        # lines below n_runs take their own shape, the others the one at `rest`
        n_runs = lines
        base = lines
        rest = 0
        if i == 0:
            base = 0
            if at.family == DENSENET:
                n_runs = 0
        elif at.family == DENSENET and not rising:
            for j in range(lines):
                memset(x, 0, sizeof(x))
                position(model, at, 0, min(skip[j], at.width * (i - 1)), 1, 3, x)
                for k in range(SHAPE_COLUMNS):
                    shape[k * shapes + lines + j] = x[k]
        elif at.family == DENSENET:
            n_runs = 0
            while n_runs < lines and skip[n_runs] < at.width * (i - 1):
                n_runs += 1
            if n_runs < lines:
                rest = 2 * lines + i
                memset(x, 0, sizeof(x))
                position(model, at, 0, at.width * (i - 1), 1, 3, x)
                for k in range(SHAPE_COLUMNS):
                    shape[k * shapes + rest] = x[k]
        d = work.depth_number[i + 1]
        first = 0
        if d >= 0:
            first = work.n_done == 0
            work.n_done += 1
        for k in range(SHAPE_COLUMNS):
            if k < FLASH_COLUMNS and (row[k] == NULL or k == COL_SCORE):
                continue
            out = work.scratch
            if d >= 0 and k < FLASH_COLUMNS:
                out = row[k] + d * lines
            if k == COL_WIDTH and at.family == DENSENET:
                continue
            kernel.accumulate(lines, n_runs, shape + k * shapes + base, shape[k * shapes + rest],
                              total + k * lines, out)
            # sums only grow with depth: the first and the last one span a column's range
            if k < FLASH_COLUMNS and (first or i + 1 == cell.deepest):
                span(kernel, lines, total + k * lines, work, k)
        if work.terms != NULL and at.family == DENSENET:
            extend_paths(at, skip, i, work, lines)
        if d < 0 or row[COL_SCORE] == NULL:
            continue
        out = row[COL_SCORE] + d * lines
        if work.terms != NULL:
            score_rows(kernel, at, cell, skip, i + 1, work, lines, out)
            span(kernel, lines, out, work, COL_SCORE)
            continue
        if at.family == DENSENET:
            kernel.scale_round(lines, total + COL_LINKS * lines,
                               score_scale() / <double> (at.width * (i + 1)),
                               rint(<double> (at.width * (i + 1))
                                    * (score_scale() / <double> (i + 1))), out)
            span(kernel, lines, out, work, COL_SCORE)
            continue
        for j in range(lines):
            out[j] = degree(total[COL_WIDTH * lines + j], convolutions(
                at, i + 1, cell.expansion[j // cell.n_kernels % cell.n_expansions]),
                total[COL_LINKS * lines + j])
        span(kernel, lines, out, work, COL_SCORE)
    return 0


cdef inline void span(const flash_kernels* kernel, int64_t n, const double* x, Work* work,
                      int column) noexcept nogil:
    cdef double low, high
    kernel.range(n, x, &low, &high)
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
