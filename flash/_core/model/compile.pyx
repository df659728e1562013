"""Compiles a search space and a target's cost model into tables.

A cell's row is a prefix sum over its positions (layers or blocks). Positions repeat: in a
concatenation cell a layer's cost depends on the links it draws, min(cap, candidates), so a cell
needs one cost per cap and one per saturated layer; in the others every block but the first is
alike. Each distinct position is charged once, then rows are sums of vectors over the caps.

Where neighbours are coupled (free widths), a cell's rows are repeated for every width that may
come in; its states are (incoming, own) pairs and only those that agree may follow each other.
"""

from cpython.buffer cimport (PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release,
                             PyObject_GetBuffer)
from libc.math cimport INFINITY, rint
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport FLASH_CPU_COUNTS, N_COSTS, PACK_LINE, flash_terms
from flash._core.model.families cimport SHAPE_COLUMNS, Place
from flash._core.model.operations cimport (
    FIRST_OF_OTHERS, KIND_CPU, KIND_RRAM, LAST_OF_OTHERS, MAPS_FAR, VECTOR_MAPS_FAR,
    VECTOR_WEIGHTS_FAR, WEIGHTS_FAR, CostModel, Op, add_cost, features_at_most, kinds, read_array,
    read_op,
)
from flash._core.model.rows cimport entering, fill, network_totals, place_of, score_scale
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN,
    COL_MACS, COL_PARAMS, COL_PEAK, COL_SCORE, FLASH_COLUMNS, FLASH_MAX_STATES, FLASH_METRICS,
    M_AREA, M_ENERGY, M_LATENCY, N_CELLS, N_COLUMNS, N_METRICS, flash_cell, flash_joined,
    flash_metrics,
)
from flash._core.tables.tables cimport Tables, cells_within, classes_of

__all__ = ("KINDS", "Model", "Plan", "SCORE_UNIT", "compile_tables", "totals_of")

cdef enum:
    OP_NUMBERS = 12  # of a packed operation

cdef int64_t MOST_ROWS = 1 << 30     # of a cell: places in packed tables are 32-bit
cdef double EXACT = 2.0 ** 53
SCORE_UNIT = 2.0 ** -36  # of NN-Degree in tables
KINDS = kinds()


cdef class Model:
    """A target's layer model: coefficients per feature and column, and the links of its totals."""

    def __init__(self, str kind, coefficients, quantum, dict links, array=(512, 512)):
        """coefficients: per feature a tuple of numbers, one per column from score to peak (those of
        leaking latency are not read: `leak_step` of the links tells them from latency's); quantum:
        what a unit of each of the six metrics is worth, powers of two; array: rows and columns of
        what a layer is laid on, the systolic array (and bits, bits per cycle, room for weights and
        for inputs in bits) or the RRAM tile (and the side of a subarray, columns a weight); of an
        FPGA (bits, bits per cycle, five numbers of each unit)."""
        cdef int i, k, n
        if any([len(row) != N_COSTS for row in coefficients]):
            raise ValueError(f"coefficients: each feature needs {N_COSTS} numbers")
        self.model.kind = KINDS[kind]
        n = features_at_most(self.model.kind)
        if len(coefficients) > n:
            raise ValueError(f"coefficients: {kind} has {n} features, got {len(coefficients)}")
        self.model.n_features = len(coefficients)
        read_array(&self.model, array)
        self.model.vectors = (self.model.rows == 512 and self.model.subarray == 128
                              and self.model.each == 8 if self.model.kind == KIND_RRAM
                              else self.model.kind == KIND_CPU)
        n = 0
        for k in range(1, N_COSTS):
            if k == COL_LEAK or k == COL_LEAK_IN:
                continue
            for i in range(self.model.n_features):
                if coefficients[i][k]:
                    self.model.terms.feature[n] = i
                    self.model.terms.column[n] = k
                    self.model.terms.weight[n] = coefficients[i][k]
                    n += 1
        self.model.terms.n = n
        for k in range(N_COSTS):
            self.model.terms.per_unit[k] = 1.0
        for k in range(COL_LATENCY, COL_LATENCY_OUT + 1):
            self.model.terms.per_unit[k] = 1.0 / quantum[M_LATENCY]
        for k in range(COL_ENERGY, COL_ENERGY_OUT + 1):
            self.model.terms.per_unit[k] = 1.0 / quantum[M_ENERGY]
        for k in (COL_AREA, COL_PEAK):
            self.model.terms.per_unit[k] = 1.0 / quantum[M_AREA]
        self.model.terms.leak = links.get("leak_step", 0.0)
        keep_fast(&self.model)
        self.links = dict(links, quantum=tuple(quantum),
                          classes=classes_of(links.get("classes")))

    def charge(self, ops):
        """Columns of each operation (kind, kernel, in, out, groups, height, width, then the
        kernel's width, the positions begun along the height and across the width, the positions of
        the input, and those with its padding; left out, the kernel is square, no position has only
        begun, and the input is as large as the output and not padded): for Network costs layer by
        layer. kind 0:
        convolution or linear, 1: elementwise pass, 2: addition, 3: pool; the others and their
        numbers are told in operations.pxd."""
        cdef Op op
        cdef double column[N_COSTS]
        out = []
        for one in ops:
            (op.kind, op.kernel, op.in_channels, op.out_channels, op.groups, op.height,
             op.width) = one[:7]
            op.kernel_width, op.begun_height, op.begun_width = (
                one[7:10] or (op.kernel, op.height, op.width))
            op.reads = one[10] if len(one) > 10 else op.height * op.width
            op.padded = one[11] if len(one) > 11 else op.reads
            memset(column, 0, sizeof(column))
            add_cost(&self.model, &op, column)
            out.append(tuple([column[k] for k in range(N_COSTS)]))
        return out

    def total(self, ops not None):
        """Sums of the columns of operations packed one after another, twelve numbers each:
        integers, as exact as those of `charge` added up. Of the peak it is the greatest.

        The buffer is asked for by hand: a typed memoryview would make the module import
        collections, which every start of a process would pay for.
        """
        cdef Py_buffer view
        PyObject_GetBuffer(ops, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            if view.itemsize != sizeof(int64_t) or (
                    view.format[0] != b"q" and view.format[0] != b"l"):
                raise ValueError("ops must hold 64-bit integers")
            return self.total_of(<const int64_t*> view.buf, view.len // view.itemsize)
        finally:
            PyBuffer_Release(&view)

    cdef tuple total_of(self, const int64_t* ops, Py_ssize_t numbers):
        cdef Op op
        cdef double column[N_COSTS]
        cdef double total[N_COSTS]
        cdef double largest = 0.0
        cdef Py_ssize_t i, n = numbers // OP_NUMBERS
        cdef int k
        if numbers % OP_NUMBERS:
            raise ValueError(f"ops: {numbers} numbers; each operation has {OP_NUMBERS}")
        memset(total, 0, sizeof(total))
        with nogil:
            for i in range(n):
                read_op(&ops[OP_NUMBERS * i], &op)
                memset(column, 0, sizeof(column))
                add_cost(&self.model, &op, column)
                for k in range(N_COSTS):
                    total[k] = flash_joined(k, total[k], column[k])
                    largest = max(largest, total[k])
        if largest < EXACT:  # so that no addition was rounded: nothing charged is negative
            return tuple([<int64_t> total[k] for k in range(N_COSTS)])
        exact = [0] * N_COSTS
        for i in range(n):
            read_op(&ops[OP_NUMBERS * i], &op)
            memset(column, 0, sizeof(column))
            add_cost(&self.model, &op, column)
            for k in range(N_COSTS):
                exact[k] = (max(exact[k], int(column[k])) if k == COL_PEAK
                            else exact[k] + int(column[k]))
        return tuple(exact)

    def metrics(self, total):
        """The reported metrics of column totals."""
        cdef Tables holder = Tables.__new__(Tables)
        cdef double x[N_COLUMNS]
        cdef double m[N_METRICS]
        cdef int k
        if len(total) != FLASH_COLUMNS:
            raise ValueError(f"total: {FLASH_COLUMNS} numbers are needed, got {len(total)}")
        holder.set_links(self.links)
        for k in range(FLASH_COLUMNS):
            x[k] = total[k]
        flash_metrics(&holder.problem.links, x, m)
        return tuple([m[k] for k in range(FLASH_METRICS)])


cdef void keep_fast(CostModel* model) noexcept:
    """Keep the terms that a family's layers have apart, for the vector kernels."""
    cdef flash_terms* terms = &model.terms
    cdef flash_terms* own = &model.own
    cdef flash_terms* fast = &model.fast
    cdef int i, k, n = 0
    model.more = 0
    memcpy(own, terms, sizeof(flash_terms))
    memcpy(fast, terms, sizeof(flash_terms))
    for i in range(terms.n):
        k = own.feature[n] = terms.feature[i]
        if model.kind == KIND_CPU and k >= FLASH_CPU_COUNTS:
            if k == WEIGHTS_FAR or k == MAPS_FAR:
                k = VECTOR_WEIGHTS_FAR if k == WEIGHTS_FAR else VECTOR_MAPS_FAR
                model.more = max(model.more, 1)
            elif FIRST_OF_OTHERS <= k <= LAST_OF_OTHERS:
                continue
            else:
                model.vectors = 0
                if k > LAST_OF_OTHERS:
                    model.more = 2
        fast.feature[n] = k
        fast.column[n] = own.column[n] = terms.column[i]
        fast.weight[n] = own.weight[n] = terms.weight[i]
        n += 1
    fast.n = own.n = n


cdef int64_t* copied(numbers, int64_t* to) except NULL:
    """Copies numbers; where the next ones go."""
    for x in numbers:
        to[0] = x
        to += 1
    return to


cdef class Plan:
    """A space's choices as C arrays: what `SearchSpace.plan()` returns, read once."""

    def __init__(self, plan):
        cdef int i
        cdef PlanCell* cell
        cdef int64_t* number
        family, classes, variants = plan
        if self.cells != NULL:
            raise ValueError("plan: it is made once")
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
        self.cells = <PlanCell*> calloc(sum(counts) + 1, sizeof(PlanCell))
        self.numbers = <int64_t*> malloc((need + 1) * sizeof(int64_t))
        self.resolution = <int64_t*> malloc((len(variants) + 1) * sizeof(int64_t))
        if self.cells == NULL or self.numbers == NULL or self.resolution == NULL:
            raise MemoryError
        cell = self.cells
        number = self.numbers
        for i, (_, resolution, cells) in enumerate(variants):
            self.resolution[i] = resolution
            for stride, widths, depths, skips, expansions, kernel_sizes in cells:
                cell.stride = stride
                cell.n_widths = len(widths)
                cell.n_depths = len(depths)
                cell.n_skips = len(skips[0])
                cell.n_expansions = len(expansions)
                cell.n_kernels = len(kernel_sizes)
                cell.width = number
                number = copied(widths, number)
                cell.depth = number
                number = copied(depths, number)
                cell.deepest = max(depths)
                if min(depths) < 1:
                    raise ValueError(f"plan: depths are at least 1, got {min(depths)}")
                cell.skip = number
                for row in skips:
                    number = copied(row, number)
                if number - cell.skip != cell.n_widths * cell.n_skips:
                    raise ValueError("plan: each width needs as many skips")
                cell.expansion = number
                number = copied(expansions, number)
                cell.kernel = number
                number = copied(kernel_sizes, number)
                cell += 1

    def __dealloc__(self):
        free(self.cells)
        free(self.numbers)
        free(self.resolution)


def compile_tables(Plan plan not None, Model model not None, int wanted,
                   score=(0, 0.0, 0.0, 0.0), terms=None, parts=None) -> Tables:
    """Tables of every variant.

    Parameters
    ----------
    plan, model : Plan, Model
    wanted : int
        Bit k: column k is needed.
    score : tuple
        The link from score to accuracy: kind, a, b, c.
    terms : tuple, optional
        A topology score instead of NN-Degree: its intercept, its coefficients of log MACs and of
        log parameters, and the four of a cell's terms. Needs the columns params and macs.
    parts : list of lists of (Model, float, float), optional
        A further choice of each cell, in place of `model`: what charges it, the factor of its
        score, and what is added to it. One list for each cell, all of one length. It comes
        after the width and before the depth.
    """
    cdef Tables tables = Tables.__new__(Tables)
    cdef Work work
    cdef double[TOPOLOGY_TERMS] coefficient
    cdef size_t need
    cdef int k
    parts = parts_of_cells(plan, model, wanted, terms, parts)
    tables.shape(plan.counts)
    tables.problem.present = wanted
    memset(&work, 0, sizeof(work))
    need = size_up(tables, plan, <int> len(parts[0]), &work)
    if terms is not None:
        for k in range(TOPOLOGY_TERMS):
            coefficient[k] = terms[3 + k]
        work.terms = coefficient
    try:
        start_work(&work)
        fill_tables(tables, plan, parts, tables.reserve(need), &work,
                    0.0 if terms is None else rint(terms[0] * score_scale()))
    finally:
        drop_work(&work)
    links = dict(model.links)
    links["score"] = score
    if terms is not None:
        links["logs"] = terms[1:3]
    tables.set_links(links)
    # scores that were changed are looked through once more
    tables.ranged = len(parts[0]) == 1 and all([of_cell[0][1:] == (1.0, 0.0) for of_cell in parts])
    tables.check()
    return tables


cdef list parts_of_cells(Plan plan, Model model, int wanted, terms, parts):
    """What charges each cell: see `compile_tables`."""
    if parts is None:
        parts = [[(model, 1.0, 0.0)]] * max(plan.counts)
    if terms is not None and (not wanted >> COL_PARAMS & 1 or not wanted >> COL_MACS & 1):
        raise ValueError("terms: a topology's score needs the columns params and macs")
    if len(parts) < max(plan.counts) or {len(of_cell) for of_cell in parts} != {len(parts[0])}:
        raise ValueError(f"parts: {max(plan.counts)} cells need lists of one length, "
                         f"got lengths {[len(of_cell) for of_cell in parts]}")
    return list(parts)


cdef inline int64_t lines_of(const PlanCell* cell) noexcept nogil:
    """Rows of a width and a depth."""
    return cell.n_skips * cell.n_expansions * cell.n_kernels


cdef inline int64_t whole_lines(int64_t rows) noexcept nogil:
    """Numbers of a column with what fills its last cache line."""
    return (rows + PACK_LINE - 1) & ~<int64_t> (PACK_LINE - 1)


cdef size_t size_up(Tables tables, Plan plan, int n_parts, Work* work) except? 0:
    """Rows, states and choices of all cells; how many numbers they take, and the largest of them.
    """
    cdef const PlanCell* cells = plan.cells
    cdef const PlanCell* cell
    cdef flash_cell* table
    cdef size_t need = 0
    cdef int64_t lines, rows, incoming
    cdef int v, c, k, n_columns = 0
    for k in range(FLASH_COLUMNS):
        n_columns += tables.problem.present >> k & 1
    for v in range(plan.n_variants):
        for c in range(tables.problem.variants[v].n_cells):
            cell = cells + c
            table = &tables.problem.variants[v].cells[c]
            incoming = cells[c - 1].n_widths if c else 1
            lines = lines_of(cell)
            rows = cell.n_widths * n_parts * cell.n_depths * lines
            if incoming * cell.n_widths > FLASH_MAX_STATES:
                raise ValueError(f"widths: {incoming} x {cell.n_widths} pairs of neighbouring "
                                 f"widths; at most {FLASH_MAX_STATES} are supported")
            table.states = <int32_t> (incoming * cell.n_widths)
            table.incoming = <int32_t> incoming
            table.rows = incoming * rows
            table.space_rows = rows
            table.dims = [<int32_t> cell.n_widths, <int32_t> cell.n_depths,
                          <int32_t> cell.n_skips, <int32_t> cell.n_expansions,
                          <int32_t> cell.n_kernels]
            if table.rows > MOST_ROWS:
                raise ValueError(f"cell {c} has {table.rows:,} rows; at most 2^30 are supported")
            need += n_columns * (whole_lines(table.rows) + PACK_LINE)
            work.longest = max(work.longest, lines)
            work.deepest = max(work.deepest, cell.deepest)
        cells += tables.problem.variants[v].n_cells
    return need


cdef int start_work(Work* work) except -1:
    """Room for the largest cell; the counts are there. `drop_work` frees it, whole or in part."""
    cdef int64_t longest = work.longest, positions = work.deepest + 1
    work.depth_number = <int32_t*> malloc(positions * sizeof(int32_t))
    # first, other and rest of each column: see rows.pxd
    work.shape = <double*> malloc((SHAPE_COLUMNS * (3 * longest + positions) + longest)
                                  * sizeof(double))
    work.path = <double*> malloc(PATH_ARRAYS * longest * sizeof(double))
    work.n_runs = <int64_t*> malloc(2 * positions * sizeof(int64_t))
    if NULL in (work.depth_number, work.shape, work.path, work.n_runs):
        raise MemoryError
    work.previous = work.path + longest
    work.earlier = work.path + 2 * longest
    work.deep = work.path + 3 * longest
    work.spatial = work.path + 4 * longest
    work.count = work.path + 5 * longest
    work.drawn = work.n_runs + positions
    return 0


cdef void drop_work(Work* work) noexcept:
    free(work.depth_number)
    free(work.shape)
    free(work.n_runs)
    free(work.path)


cdef int fill_tables(Tables tables, Plan plan, list parts, double* memory, Work* work,
                     double intercept) except -1:
    """All rows, in memory for as many numbers as `size_up` told."""
    cdef const PlanCell* cells = plan.cells
    cdef flash_cell* table
    cdef Place at
    cdef int v, c, k, n_cells
    for v in range(plan.n_variants):
        n_cells = tables.problem.variants[v].n_cells
        tables.problem.variants[v].constant[COL_SCORE] = intercept
        for c in range(n_cells):
            table = &tables.problem.variants[v].cells[c]
            for k in range(FLASH_COLUMNS):
                if tables.problem.present >> k & 1:
                    table.column[k] = memory
                    memory += whole_lines(table.rows)
            place_of(plan.family, plan.resolution[v], plan.classes, c, n_cells, cells, &at)
            fill_cell(&at, cells + c, cells + c - 1 if c else NULL, parts[c], work, table)
        cells += n_cells
    return 0


cdef int fill_cell(Place* at, const PlanCell* cell, const PlanCell* before, list of_cell,
                   Work* work, flash_cell* table) except -1:
    """A cell's rows: by the width that comes in, its own width, its part, then as `fill` has them.
    """
    cdef double* at_row[N_COLUMNS]
    cdef int64_t n_parts = len(of_cell), rows = cell.n_depths * lines_of(cell), first, i, j
    cdef int k, part
    cdef Model own
    cdef double factor, shift
    for i in range(work.deepest + 1):
        work.depth_number[i] = -1
    for i in range(cell.n_depths):
        work.depth_number[cell.depth[i]] = <int32_t> i
    for k in range(FLASH_COLUMNS):
        work.low[k] = INFINITY
        work.high[k] = -INFINITY
    for j in range(table.incoming):
        for i in range(cell.n_widths):
            at.width = cell.width[i]
            at.before = before.width[j] if before != NULL else entering(at)
            for part in range(n_parts):
                own, factor, shift = of_cell[part]
                first = ((j * cell.n_widths + i) * n_parts + part) * rows
                for k in range(FLASH_COLUMNS):
                    at_row[k] = table.column[k] + first if table.column[k] != NULL else NULL
                with nogil:
                    fill(&own.model, at, cell, i, work, at_row)
                    if factor != 1.0 or shift != 0.0:
                        rescore(at_row[COL_SCORE], rows, factor, shift * score_scale())
    memcpy(table.low, work.low, sizeof(work.low))
    memcpy(table.high, work.high, sizeof(work.high))
    return 0


cdef inline void rescore(double* score, int64_t n, double factor, double shift) noexcept nogil:
    cdef int64_t i
    if score == NULL:
        return
    for i in range(n):
        score[i] = rint(score[i] * factor + shift)


def totals_of(Plan plan not None, Model model not None, int variant, rows):
    """The column totals of one configuration, position by position, without tables, and the
    score of each cell.

    rows: one row number of the space per cell. An independent way to the numbers in the tables.
    """
    cdef const PlanCell* cells = plan.cells
    cdef double x[SHAPE_COLUMNS]
    cdef double degrees[N_CELLS]
    cdef int32_t row[N_CELLS]
    cdef int v, c, k, n_cells
    if not 0 <= variant < plan.n_variants:
        raise IndexError(f"variant {variant} is not in 0..{plan.n_variants - 1}")
    n_cells = cells_within(plan.counts[variant])
    for v in range(variant):
        cells += <int> plan.counts[v]
    for c in range(n_cells):
        row[c] = rows[c]
        if not 0 <= row[c] < (cells[c].n_widths * cells[c].n_depths * cells[c].n_skips
                              * cells[c].n_expansions * cells[c].n_kernels):
            raise IndexError(f"row {row[c]} of cell {c}")
    network_totals(&model.model, plan.family, plan.resolution[variant], plan.classes, n_cells,
                   cells, row, x, degrees)
    return tuple([x[k] for k in range(FLASH_COLUMNS)]), tuple([degrees[c] for c in range(n_cells)])
