"""Compiles a search space and a target's cost model into tables.

A cell's row is a prefix sum over its positions (layers or blocks). Positions repeat: in a
concatenation cell a layer's cost depends on the links it draws, min(cap, candidates), so a cell
needs one cost per cap and one per saturated layer; in the others every block but the first is
alike. Each distinct position is charged once, then rows are sums of vectors over the caps.

Where neighbours are coupled (free widths), a cell's rows are repeated for every width that may
come in; its states are (incoming, own) pairs and only those that agree may follow each other.
"""

from libc.math cimport INFINITY, rint
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from flash._core.blocks cimport *
from flash._core.core cimport *
from flash._core.ops cimport *
from flash._core.tables cimport Classes, Tables, kernels

__all__ = ("KINDS", "Model", "Plan", "SCORE_UNIT", "compile_tables", "totals_of")

SCORE_UNIT = 2.0 ** -36  # of NN-Degree in tables
cdef double SCORE_SCALE = 2.0 ** 36
KINDS = {"rram": KIND_RRAM, "cpu": KIND_CPU}


cdef class Model:
    """A target's layer model: coefficients per feature and column, and the links of its totals."""

    def __init__(self, str kind, coefficients, quantum, dict links):
        """coefficients: per feature a tuple of seven numbers, one per column from score to area;
        quantum: what a unit of each of the six metrics is worth, powers of two."""
        cdef int i, k, n
        self.model.kind = KINDS[kind]
        self.model.n_features = len(coefficients)
        n = 0
        for k in range(1, COST_COLUMNS):
            for i in range(self.model.n_features):
                if coefficients[i][k]:
                    self.model.term_feature[n] = i
                    self.model.term_column[n] = k
                    self.model.term[n] = coefficients[i][k]
                    n += 1
        self.model.n_terms = n
        for k in range(COST_COLUMNS):
            self.model.per_unit[k] = 1.0
        self.model.per_unit[COL_LATENCY] = self.model.per_unit[COL_LATENCY_SCALED] = 1.0 / quantum[1]
        self.model.per_unit[COL_ENERGY] = self.model.per_unit[COL_ENERGY_SCALED] = 1.0 / quantum[2]
        self.model.per_unit[COL_AREA] = 1.0 / quantum[3]
        classes = links.get("classes")
        self.links = dict(links, quantum=tuple(quantum),
                          classes=Classes(classes) if classes else None)

    def charge(self, ops):
        """Columns of each operation (kind, kernel, in, out, groups, height, width): for Network
        costs layer by layer. kind 0: convolution or linear, 1: elementwise pass."""
        cdef Op op
        cdef double column[7]
        out = []
        for op.kind, op.kernel, op.in_channels, op.out_channels, op.groups, op.height, op.width in ops:
            memset(column, 0, sizeof(column))
            charge(&self.model, &op, column)
            out.append(tuple([column[k] for k in range(COST_COLUMNS)]))
        return out

    def metrics(self, total):
        """The reported metrics of nine column totals."""
        cdef Tables holder = Tables.__new__(Tables)
        cdef double x[9]
        cdef double m[6]
        cdef int k
        holder.set_links(self.links)
        for k in range(FLASH_COLUMNS):
            x[k] = total[k]
        flash_metrics(&holder.problem.links, x, m)
        return tuple([m[k] for k in range(FLASH_METRICS)])


cdef class Plan:
    """A space's choices as C arrays: what `SearchSpace.plan()` returns, read once."""

    def __init__(self, plan):
        cdef int i, c, w
        cdef PlanCell* cell
        cdef int64_t* number
        family, classes, variants = plan
        counts = [len(cells) for _, _, cells in variants]
        need = 0
        for _, _, cells in variants:
            for _, widths, depths, skips, expansions, kernel_sizes in cells:
                need += len(widths) + len(depths) + len(expansions) + len(kernel_sizes)
                need += sum([len(s) for s in skips])
        self.family = family
        self.classes = classes
        self.n_variants = len(variants)
        self.counts = counts
        self.cells = <PlanCell*> calloc(sum(counts), sizeof(PlanCell))
        self.numbers = <int64_t*> malloc(need * sizeof(int64_t))
        self.resolution = <int64_t*> malloc(len(variants) * sizeof(int64_t))
        if self.cells == NULL or self.numbers == NULL or self.resolution == NULL:
            raise MemoryError
        cell = self.cells
        number = self.numbers
        for i, (offset, resolution, cells) in enumerate(variants):
            self.resolution[i] = resolution
            for stride, widths, depths, skips, expansions, kernel_sizes in cells:
                cell.stride = stride
                cell.n_widths = len(widths)
                cell.n_depths = len(depths)
                cell.n_skips = len(skips[0])
                cell.n_expansions = len(expansions)
                cell.n_kernels = len(kernel_sizes)
                cell.width = number
                for x in widths:
                    number[0] = x
                    number += 1
                cell.depth = number
                for x in depths:
                    number[0] = x
                    number += 1
                    if x > cell.deepest:
                        cell.deepest = x
                cell.skip = number
                for row in skips:
                    for x in row:
                        number[0] = x
                        number += 1
                cell.expansion = number
                for x in expansions:
                    number[0] = x
                    number += 1
                cell.kernel = number
                for x in kernel_sizes:
                    number[0] = x
                    number += 1
                cell += 1

    def __dealloc__(self):
        free(self.cells)
        free(self.numbers)
        free(self.resolution)


cdef void place_of(Plan plan, int variant, int c, int n_cells, const PlanCell* cells,
                   Place* at) noexcept:
    """Where cell c stands, but for its widths."""
    cdef int j
    at.family = plan.family
    at.first = c == 0
    at.last = c == n_cells - 1
    at.resolution = plan.resolution[variant]
    at.imagenet = at.resolution > 64
    at.classes = plan.classes
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


cdef int fill(const CostModel* model, const Place* at, const PlanCell* cell, int64_t width_number,
              Work* work, double** row) except -1 nogil:
    """The rows of one width: `row[k]` is where column k of the first one goes."""
    cdef int64_t lines = cell.n_skips * cell.n_expansions * cell.n_kernels
    cdef int64_t i, j, d, n_runs, shapes, base, rest, step = cell.n_expansions * cell.n_kernels
    cdef const int64_t* skip = cell.skip + width_number * cell.n_skips
    cdef double* shape = work.shape
    cdef double* total = work.total
    cdef double x[11]
    cdef double* out
    cdef int k, column
    cdef const flash_kernels* kernel = kernels()
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
        memset(x, 0, sizeof(x))
        position(model, at, 1, 0 if at.family == DENSENET else skip[j // step],
                 cell.expansion[j // cell.n_kernels % cell.n_expansions],
                 cell.kernel[j % cell.n_kernels], x)
        for k in range(SHAPE_COLUMNS):
            shape[k * shapes + j] = x[k]
    for j in range(lines):
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
        if d < 0 or row[COL_SCORE] == NULL:
            continue
        out = row[COL_SCORE] + d * lines
        if at.family == DENSENET:
            kernel.scale_round(lines, total + COL_LINKS * lines,
                               SCORE_SCALE / <double> (at.width * (i + 1)),
                               <double> at.width * SCORE_SCALE, out)
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
    return rint(width_sum * (SCORE_SCALE / convs)) + rint(links * (SCORE_SCALE / width_sum))


cdef inline double convolutions(const Place* at, int64_t positions,
                                int64_t expansion) noexcept nogil:
    if at.family == DENSENET:
        return <double> positions
    if at.family == MOBILENET_V2 and expansion > 1:
        return <double> (3 * positions)
    return <double> (2 * positions)


def compile_tables(Plan plan, Model model, int wanted, score=(0, 0.0, 0.0, 0.0)) -> Tables:
    """Tables of every variant.

    Parameters
    ----------
    plan, model : Plan, Model
    wanted : int
        Bit k: column k is needed.
    score : tuple
        The link from score to accuracy: kind, a, b, c.
    """
    cdef Tables tables = Tables.__new__(Tables)
    cdef Work work
    cdef Place at
    cdef const PlanCell* cells = plan.cells
    cdef const PlanCell* cell
    cdef flash_cell* table
    cdef double* at_row[9]
    cdef double* memory
    cdef size_t need = 0
    cdef int64_t lines, longest = 0, deepest = 0, i, j, rows, incoming
    cdef int v, c, k, n_columns = 0, n_cells
    tables.shape(plan.counts)
    for k in range(FLASH_COLUMNS):
        n_columns += wanted >> k & 1
    tables.problem.present = wanted
    for v in range(plan.n_variants):
        n_cells = tables.problem.variants[v].n_cells
        for c in range(n_cells):
            cell = cells + c
            table = &tables.problem.variants[v].cells[c]
            incoming = cells[c - 1].n_widths if c else 1
            lines = cell.n_skips * cell.n_expansions * cell.n_kernels
            rows = cell.n_widths * cell.n_depths * lines
            if incoming * cell.n_widths > FLASH_MAX_STATES:
                raise ValueError(f"widths: {incoming} x {cell.n_widths} pairs of neighbouring "
                                 f"widths; at most {FLASH_MAX_STATES} are supported")
            table.states = <int32_t> (incoming * cell.n_widths)
            table.rows = incoming * rows
            table.space_rows = rows
            table.dims = [<int32_t> cell.n_widths, <int32_t> cell.n_depths,
                          <int32_t> cell.n_skips, <int32_t> cell.n_expansions,
                          <int32_t> cell.n_kernels]
            if table.rows > 1 << 30:
                raise ValueError(f"cell {c} has {table.rows:,} rows; at most 2^30 are supported")
            need += n_columns * (((table.rows + 7) & ~7) + 8)
            longest = max(longest, lines)
            deepest = max(deepest, cell.deepest)
        cells += n_cells
    memory = tables.reserve(need)
    work.depth_number = <int32_t*> malloc((deepest + 1) * sizeof(int32_t))
    work.shape = <double*> malloc((SHAPE_COLUMNS * (3 * longest + deepest + 1) + longest)
                                  * sizeof(double))
    work.total = <double*> malloc(SHAPE_COLUMNS * longest * sizeof(double))
    work.scratch = <double*> malloc((longest + 8) * sizeof(double))
    cells = plan.cells
    try:
        if NULL in (work.depth_number, work.shape, work.total, work.scratch):
            raise MemoryError
        for v in range(plan.n_variants):
            n_cells = tables.problem.variants[v].n_cells
            for c in range(n_cells):
                cell = cells + c
                table = &tables.problem.variants[v].cells[c]
                lines = cell.n_skips * cell.n_expansions * cell.n_kernels
                for k in range(FLASH_COLUMNS):
                    if wanted >> k & 1:
                        table.column[k] = memory
                        memory += (table.rows + 7) & ~7
                for i in range(deepest + 1):
                    work.depth_number[i] = -1
                for i in range(cell.n_depths):
                    work.depth_number[cell.depth[i]] = <int32_t> i
                place_of(plan, v, c, n_cells, cells, &at)
                incoming = cells[c - 1].n_widths if c else 1
                for k in range(FLASH_COLUMNS):
                    work.low[k] = INFINITY
                    work.high[k] = -INFINITY
                for j in range(incoming):
                    for i in range(cell.n_widths):
                        at.width = cell.width[i]
                        at.before = cells[c - 1].width[j] if c else entering(&at)
                        for k in range(FLASH_COLUMNS):
                            at_row[k] = NULL
                            if table.column[k] != NULL:
                                at_row[k] = table.column[k] + (
                                    (j * cell.n_widths + i) * cell.n_depths * lines)
                        with nogil:
                            fill(&model.model, &at, cell, i, &work, at_row)
                table.incoming = <int32_t> incoming
                memcpy(table.low, work.low, sizeof(work.low))
                memcpy(table.high, work.high, sizeof(work.high))
            cells += n_cells
    finally:
        free(work.depth_number)
        free(work.shape)
        free(work.total)
        free(work.scratch)
    links = dict(model.links)
    links["score"] = score
    tables.set_links(links)
    tables.ranged = 1
    tables.check()
    return tables


def totals_of(Plan plan, Model model, int variant, rows):
    """The nine column totals of one configuration, position by position, without tables, and the
    score of each cell.

    rows: one row number of the space per cell. An independent way to the numbers in the tables.
    """
    cdef const PlanCell* cells = plan.cells
    cdef const PlanCell* cell
    cdef Place at
    cdef double x[11]
    cdef double start[11]
    cdef double score = 0.0, own
    cdef int64_t r, lines, line, width_number, depth, expansion, links, i, before = 0
    cdef int v, c, k, n_cells = plan.counts[variant]
    degrees = []
    for v in range(variant):
        cells += <int> plan.counts[v]
    memset(x, 0, sizeof(x))
    for c in range(n_cells):
        cell = cells + c
        r = rows[c]
        lines = cell.n_skips * cell.n_expansions * cell.n_kernels
        line = r % lines
        depth = cell.depth[r // lines % cell.n_depths]
        width_number = r // (lines * cell.n_depths)
        place_of(plan, variant, c, n_cells, cells, &at)
        at.width = cell.width[width_number]
        at.before = before if c else entering(&at)
        before = at.width
        expansion = cell.expansion[line // cell.n_kernels % cell.n_expansions]
        ends(&model.model, &at, x)
        x[COL_LINKS] = x[COL_WIDTH] = 0.0
        for i in range(depth):
            links = cell.skip[width_number * cell.n_skips
                              + line // (cell.n_expansions * cell.n_kernels)]
            if at.family == DENSENET:
                links = min(links, at.width * (i - 1)) if i else 0
            position(&model.model, &at, i == 0, links, expansion,
                     cell.kernel[line % cell.n_kernels], x)
        own = degree(x[COL_WIDTH], convolutions(&at, depth, expansion), x[COL_LINKS])
        degrees.append(own)
        score += own
    x[COL_SCORE] = score
    return tuple([x[k] for k in range(FLASH_COLUMNS)]), tuple(degrees)
