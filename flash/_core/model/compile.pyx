"""Compiles a search space and a target's cost model into tables.

A cell's row is a prefix sum over its positions (layers or blocks). Positions repeat: in a
concatenation cell a layer's cost depends on the links it draws, min(cap, candidates), so a cell
needs one cost per cap and one per saturated layer; in the others every block but the first is
alike. Each distinct position is charged once, then rows are sums of vectors over the caps.

Where neighbours are coupled (free widths), a cell's rows are repeated for every width that may
come in; its states are (incoming, own) pairs and only those that agree may follow each other.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.buffer cimport (PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release,
                             PyObject_GetBuffer)
from libc.math cimport INFINITY, rint
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport FLASH_CPU_COUNTS, N_COSTS, PACK_LINE, flash_terms
from flash._core.model.families cimport (
    COL_ENTERED, COL_ENTERING, SHAPE_COLUMNS, Place, add_position,
)
from flash._core.model.operations cimport (
    FIRST_OF_OTHERS, KIND_CPU, KIND_RRAM, LAST_OF_OTHERS, MAPS_FAR, RRAM_COUNTS, RRAM_FEATURES,
    VECTOR_MAPS_FAR, VECTOR_WEIGHTS_FAR, WEIGHTS_FAR, CostModel, Op, add_after, add_crossing,
    features_at_most, kinds, read_array, read_op,
)
from flash._core.model.mesh cimport MEMORY, Crossing, Known, Mesh, cross, read_mesh
from flash._core.model.rows cimport entering, fill, network_totals, place_of, score_scale
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN,
    COL_MACS, COL_PARAMS, COL_PEAK, COL_SCORE, FLASH_COLUMNS, FLASH_MAX_STATES, FLASH_METRICS,
    M_AREA, M_ENERGY, M_LATENCY, N_CELLS, N_COLUMNS, N_METRICS, flash_cell, flash_joined,
    flash_metrics,
)
from flash._core.tables.tables cimport Tables, cells_within, classes_of

__all__ = ("KINDS", "Model", "Plan", "SCORE_UNIT", "compile_tables", "crossing", "totals_of")

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
        for inputs in bits) or the RRAM tile (and the side of a subarray, columns a weight, and the
        eight numbers of `Mesh` in mesh.pxd where tiles lie on a mesh); of an FPGA (bits, bits per
        cycle, five numbers of each unit)."""
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
                if coefficients[i][k] and not (self.model.kind == KIND_RRAM and i >= RRAM_COUNTS):
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
        if self.model.mesh.on:
            self.read_crossings(coefficients)
        keep_fast(&self.model)
        self.links = dict(links, quantum=tuple(quantum),
                          classes=classes_of(links.get("classes")))

    cdef int read_crossings(self, coefficients) except -1:
        """What the mesh adds to columns; its layers have no vector kernel."""
        cdef CostModel* model = &self.model
        cdef int i, k
        model.vectors = 0
        for k in range(1, N_COSTS):
            own = [coefficients[i][k] if i < model.n_features else 0.0
                   for i in range(RRAM_COUNTS, RRAM_FEATURES)]
            if any(own):
                model.crossed[model.n_crossed] = k
                for i in range(RRAM_FEATURES - RRAM_COUNTS):
                    model.crossing[model.n_crossed][i] = own[i]
                model.n_crossed += 1
                model.ways |= 1 << k
        if model.ways >> COL_LATENCY & 1:
            model.ways |= 1 << COL_LEAK
        return 0

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
        cdef int64_t before = 0
        out = []
        for one in ops:
            (op.kind, op.kernel, op.in_channels, op.out_channels, op.groups, op.height,
             op.width) = one[:7]
            op.kernel_width, op.begun_height, op.begun_width = (
                one[7:10] or (op.kernel, op.height, op.width))
            op.reads = one[10] if len(one) > 10 else op.height * op.width
            op.padded = one[11] if len(one) > 11 else op.reads
            memset(column, 0, sizeof(column))
            before = add_after(&self.model, &op, before, column)
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
        cdef int64_t before = 0
        cdef Py_ssize_t i, n = numbers // OP_NUMBERS
        cdef int k
        if numbers % OP_NUMBERS:
            raise ValueError(f"ops: {numbers} numbers; each operation has {OP_NUMBERS}")
        memset(total, 0, sizeof(total))
        with nogil:
            for i in range(n):
                read_op(&ops[OP_NUMBERS * i], &op)
                memset(column, 0, sizeof(column))
                before = add_after(&self.model, &op, before, column)
                for k in range(N_COSTS):
                    total[k] = flash_joined(k, total[k], column[k])
                    largest = max(largest, total[k])
        if largest < EXACT:  # so that no addition was rounded: nothing charged is negative
            return tuple([<int64_t> total[k] for k in range(N_COSTS)])
        exact = [0] * N_COSTS
        before = 0
        for i in range(n):
            read_op(&ops[OP_NUMBERS * i], &op)
            memset(column, 0, sizeof(column))
            before = add_after(&self.model, &op, before, column)
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
    """Keep the terms that a family's layers have apart, and for the vector kernels."""
    cdef flash_terms* terms = &model.terms
    cdef flash_terms* fast = &model.fast
    cdef flash_terms* plain = &model.plain
    cdef int i, k, n = 0
    memcpy(fast, terms, sizeof(flash_terms))
    memcpy(plain, terms, sizeof(flash_terms))
    for i in range(terms.n):
        k = terms.feature[i]
        if model.kind == KIND_CPU and k >= FLASH_CPU_COUNTS:
            if k == WEIGHTS_FAR:
                k = VECTOR_WEIGHTS_FAR
            elif k == MAPS_FAR:
                k = VECTOR_MAPS_FAR
            elif FIRST_OF_OTHERS <= k <= LAST_OF_OTHERS:
                continue
            else:
                model.vectors = 0
        plain.feature[n] = terms.feature[i]
        plain.column[n] = terms.column[i]
        plain.weight[n] = terms.weight[i]
        fast.feature[n] = k
        fast.column[n] = terms.column[i]
        fast.weight[n] = terms.weight[i]
        n += 1
    fast.n = plain.n = n


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
        log parameters, the four of a cell's terms and that of its strides. Needs the columns params
        and macs.
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
    work.ways = <double*> malloc(2 * N_COSTS * positions * sizeof(double))
    work.crossings = <double*> malloc(3 * N_COSTS * longest * sizeof(double))
    if NULL in (work.depth_number, work.shape, work.path, work.n_runs, work.ways, work.crossings):
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
    free(work.ways)
    free(work.crossings)
    free(work.n_runs)
    free(work.path)


cdef int fill_tables(Tables tables, Plan plan, list parts, double* memory, Work* work,
                     double intercept) except -1:
    """All rows, in memory for as many numbers as `size_up` told."""
    cdef const PlanCell* cells = plan.cells
    cdef flash_cell* table
    cdef Place at
    cdef Ways ways = None
    cdef int v, c, k, n_cells
    if (<Model> parts[0][0][0]).model.mesh.on:
        if len(parts[0]) > 1:
            raise ValueError("parts: tiles that lie on a mesh are the same in all cells")
        ways = Ways(tables, parts[0][0][0])
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
            if ways is not None:
                ways.start(plan, v, c, n_cells, cells, table, work)
            fill_cell(&at, cells + c, cells + c - 1 if c else NULL, parts[c], work, table, ways)
            if ways is not None:
                ways.end(c, table)
        cells += n_cells
    return 0


cdef int fill_cell(Place* at, const PlanCell* cell, const PlanCell* before, list of_cell,
                   Work* work, flash_cell* table, Ways ways) except -1:
    """A cell's rows: by the width that comes in, its own width, its part, then as `fill` has them.
    """
    cdef double* at_row[N_COLUMNS]
    cdef int64_t n_parts = len(of_cell), rows = cell.n_depths * lines_of(cell), first, i, j
    cdef int k, part
    cdef Model own
    cdef double factor, shift
    cdef const CostModel* model = &ways.model if ways is not None else NULL
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
                if ways is not None:
                    ways.between(i, j, first, work)
                with nogil:
                    fill(&own.model if model == NULL else model, at, cell, i, work, at_row)
                    if factor != 1.0 or shift != 0.0:
                        rescore(at_row[COL_SCORE], rows, factor, shift * score_scale())
    memcpy(table.low, work.low, sizeof(work.low))
    memcpy(table.high, work.high, sizeof(work.high))
    return 0


cdef enum:               # whose rows have the way from a cell's last layer to the next one's first
    OF_OWN               # the cell's: the next layer is the same whatever the next cell's choices
    OF_NEXT              # the next one's: the last layer is the same whatever the cell's choices,
    OF_NEITHER           # but for the width that it hands on; or the boundary's between them


cdef class Ways:
    """Ways through a mesh from cell to cell of one variant after another.

    A layer's way depends on the tiles of the layer before it. Inside a cell both belong to a row;
    from cell to cell, both may be open. Then rows are told apart by the tiles of their first and
    of their last layer, as states (see `flash_cell.state_at`), and pairs of states add the way to
    their columns. docs/concepts/architecture.md ("Boundaries") has more of it.
    """

    cdef Tables tables
    cdef CostModel model     # with what is known of pairs of tiles
    cdef Known known[MEMORY]
    cdef int kind            # of the way out of the cell that is filled
    cdef int into            # of the way into it
    cdef list handed         # of a way of the next one: tiles of the last layer, by own width
    cdef list wanted         # of a way of its own: (tiles, numbers read) of the next, by own width
    cdef list entering       # numbers that the cell's first layer reads, by the width that comes in
    cdef list entering_next  # the same of the next cell
    cdef bytearray first, last   # of each row: tiles of its first and of its last layer
    cdef list states         # of the cell before: (tiles of its last layer, own width) of each

    def __init__(self, Tables tables, Model model):
        self.tables = tables
        self.model = model.model
        memset(self.known, 0, sizeof(self.known))
        self.model.mesh.known = self.known

    cdef int start(self, Plan plan, int v, int c, int n_cells, const PlanCell* cells,
                   const flash_cell* table, Work* work) except -1:
        """Before a cell is filled: whose the way out of it is."""
        cdef Place at
        cdef int64_t i
        if c == 0:
            self.kind = OF_OWN
            self.handed = self.entering_next = []
        self.into = self.kind
        self.entering = self.entering_next
        self.wanted = []
        self.entering_next = []
        self.kind = OF_OWN
        if c + 1 < n_cells:
            place_of(plan.family, plan.resolution[v], plan.classes, c + 1, n_cells, cells, &at)
            for i in range(cells[c].n_widths):
                at.before = cells[c].width[i]
                found = first_layers(&self.model, &at, cells + c + 1)
                self.wanted.append(found[0])
                self.entering_next.append(found[0][1])
                if len(found) > 1:
                    self.kind = OF_NEITHER       # or of the next one's, when its rows are known
        self.first = self.last = None
        if self.kind == OF_NEITHER or self.into == OF_NEITHER:
            self.first = bytearray(table.rows * sizeof(int32_t))
            self.last = bytearray(table.rows * sizeof(int32_t))
        return 0

    cdef int between(self, int64_t own, int64_t incoming, int64_t row, Work* work) except -1:
        """Before a width's rows are filled: what they have of the ways in and out."""
        work.sources = self.handed[incoming] if self.into == OF_NEXT else 0
        work.wanted = 0
        if self.kind == OF_OWN and self.wanted:
            work.wanted, work.reads = self.wanted[own]
        work.first = work.last = NULL
        if self.first is not None:
            work.first = <int32_t*> PyByteArray_AS_STRING(self.first) + row
            work.last = <int32_t*> PyByteArray_AS_STRING(self.last) + row
        return 0

    cdef int end(self, int c, flash_cell* table) except -1:
        """When a cell is filled: the way that is not its own, its states and its boundary."""
        cdef const int32_t* first
        cdef const int32_t* last
        cdef int64_t each = table.rows // table.states, own = table.states // table.incoming
        cdef int64_t i, state
        cdef int most = 1
        cdef uint8_t* of
        cdef bytearray numbers
        if self.first is None:
            self.states = [(0, state % own) for state in range(table.states)]
            return 0
        first = <const int32_t*> PyByteArray_AS_STRING(self.first)
        last = <const int32_t*> PyByteArray_AS_STRING(self.last)
        if self.kind == OF_NEITHER:
            found = [set() for _ in range(own)]
            for i in range(table.rows):
                found[i // each % own].add(last[i])
            if max([len(one) for one in found]) == 1:
                self.kind = OF_NEXT
                self.handed = [one.pop() for one in found]
        numbers = bytearray(table.rows)
        of = <uint8_t*> PyByteArray_AS_STRING(numbers)
        numbered = [{} for _ in range(table.states)]     # (first, last) -> its number, by widths
        for i in range(table.rows):
            known = numbered[i // each]
            ends = (first[i] if self.into == OF_NEITHER else 0,
                    last[i] if self.kind == OF_NEITHER else 0)
            of[i] = known.setdefault(ends, min(len(known), FLASH_MAX_STATES))
        most = max([len(known) for known in numbered])
        if most * table.states > FLASH_MAX_STATES:
            raise ValueError(
                f"cell {c}: {most} pairs of tiles of its first and its last layer, which ways "
                f"through the mesh depend on, times {table.states} of widths; at most "
                f"{FLASH_MAX_STATES} states are supported"
            )
        after = [None] * (most * table.states)
        for state, known in enumerate(numbered):
            for ends, i in known.items():
                after[state * most + i] = (*ends, state // own, state % own)
        if self.into == OF_NEITHER:
            self.join(table, after)
        if most > 1:
            for i in range(table.rows):
                of[i] += <uint8_t> (i // each * most)
            table.state_at = of
            table.classes = most
            table.states *= most
            self.tables.kept.append(numbers)
        self.states = [(0, 0) if one is None else (one[1], one[3]) for one in after]
        return 0

    cdef int join(self, flash_cell* table, list after) except -1:
        """The boundary with the cell before: of each pair of its states and of these the way."""
        cdef const CostModel* model = &self.model
        cdef Py_ssize_t n = len(after), i, j
        cdef int k, m
        cdef double column[N_COSTS]
        cdef bytearray memory
        cdef double* at
        columns = [k for k in range(N_COSTS)
                   if model.ways & self.tables.problem.present & 1 << k]
        memory = bytearray(len(columns) * len(self.states) * n * sizeof(double))
        self.tables.kept.append(memory)
        at = <double*> PyByteArray_AS_STRING(memory)
        for m, k in enumerate(columns):
            table.boundary[k] = at + m * len(self.states) * n
        table.joined = 1
        for i, (last, width) in enumerate(self.states):
            for j, one in enumerate(after):
                if one is None or not last or table.incoming > 1 and one[2] != width:
                    continue
                memset(column, 0, sizeof(column))
                add_crossing(model, last, one[0], self.entering[width], column)
                for k in columns:
                    table.boundary[k][i * n + j] = column[k]
        return 0


cdef list first_layers(const CostModel* model, Place* at, const PlanCell* cell):
    """Tiles of a cell's first layer and the numbers that it reads, whatever the cell's choices."""
    cdef double x[SHAPE_COLUMNS]
    cdef int64_t i, j, k
    found = []
    for i in range(cell.n_widths):
        at.width = cell.width[i]
        for j in range(cell.n_expansions):
            for k in range(cell.n_kernels):
                if k and cell.expansion[j] > 1:
                    continue     # its first layer is pointwise
                memset(x, 0, sizeof(x))
                add_position(model, at, 1, 0, cell.expansion[j], cell.kernel[k], x)
                one = (<int64_t> x[COL_ENTERED], x[COL_ENTERING])
                if one not in found:
                    found.append(one)
    return found


def crossing(numbers, int64_t sources, int64_t wanted, double activations):
    """Cycles, and flits times links and times routers, that a layer's inputs take through a mesh.

    numbers: the eight of `Mesh`; sources, wanted: tiles of the layer before and of the layer.
    """
    cdef Mesh mesh
    cdef Crossing own
    if sources < 1 or wanted < 1:
        raise ValueError(f"sources and wanted are at least 1, got {sources} and {wanted}")
    read_mesh(&mesh, numbers)
    mesh.known = NULL
    with nogil:
        cross(&mesh, sources, wanted, activations, &own)
    return own.cycles, own.links, own.routers


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
