"""Many configurations at once: from tables, and layer by layer."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from flash._core.blocks cimport *
from flash._core.compile cimport Model, Plan, PlanCell
from flash._core.core cimport *
from flash._core.ops cimport *
from flash._core.rows cimport *
from flash._core.tables cimport Tables, kernels

__all__ = ("evaluate", "evaluate_layers")

cdef enum:
    WORTHWHILE = 512     # configurations from which on rows are copied side by side
    AHEAD = 12           # configurations whose rows are fetched early
    LAYERS = 4096        # of a network in one pass


def evaluate(Tables tables not None, const int32_t[::1] variant not None,
             const int32_t[:, ::1] row not None):
    """Metrics of n configurations from compiled tables.

    Parameters
    ----------
    tables : Tables
    variant : int32 array of shape (n,)
    row : int32 array of shape (n, at least the variants' cells)
        Table rows; entries beyond a variant's cells are not read.

    Returns
    -------
    list of 6 arrays of float64, shape (n,)
        score, latency, energy, area, params, macs, as problem.h defines them.

    Notes
    -----
    For more than a few hundred configurations the columns of a row are first copied side by side,
    so that a row is one or two cache lines instead of one a column.
    """
    cdef Py_ssize_t i, n = variant.shape[0], width = row.shape[1]
    cdef Rows rows
    cdef double x[16]
    cdef double m[6]
    cdef int k, c, n_cells
    cdef double* out
    cdef const int32_t* r
    cdef const flash_problem* problem = &tables.problem
    cdef int64_t bad = -1
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    buffer = bytearray(max(1, n) * 6 * sizeof(double))
    out = <double*> <char*> buffer
    memset(&rows, 0, sizeof(rows))
    memset(x, 0, sizeof(x))
    if n >= WORTHWHILE and not side_by_side(tables, &rows):
        raise MemoryError
    try:
        with nogil:
            for i in range(n):
                if not 0 <= variant[i] < problem.n_variants:
                    bad = i
                    break
                n_cells = problem.variants[variant[i]].n_cells
                if width < n_cells:
                    bad = i
                    break
                r = &row[i, 0]
                for c in range(n_cells):
                    if not 0 <= r[c] < problem.variants[variant[i]].cells[c].rows:
                        bad = i
                        break
                if bad >= 0:
                    break
                if rows.memory == NULL:
                    flash_totals(&problem.variants[variant[i]], r, x)
                else:
                    if i + AHEAD < n and 0 <= variant[i + AHEAD] < problem.n_variants:
                        for c in range(min(width, n_cells)):
                            flash_prefetch(rows.memory + (rows.first[
                                variant[i + AHEAD] * FLASH_MAX_CELLS + c] + row[i + AHEAD, c])
                                * rows.stride)
                    gather(&problem.variants[variant[i]], &rows, variant[i], r, x)
                flash_metrics(&problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k * n + i] = m[k]
    finally:
        free(rows.memory)
        free(rows.first)
    if bad >= 0:
        check(tables, variant[bad], row[bad])
    return [memoryview(buffer).cast("d")[k * max(1, n):k * max(1, n) + n] for k in range(6)]


cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define flash_prefetch(p) __builtin_prefetch(p)
    /* adds n_cells rows of 8 or 16 doubles: whole cache lines */
    typedef double flash_line __attribute__((vector_size(64), aligned(8), may_alias));
    static inline void flash_add_rows(const double *memory, const int64_t *first,
                                      const int32_t *row, int n_cells, int stride, double *sum)
    {
        flash_line a = {0}, b = {0};
        for (int c = 0; c < n_cells; c++) {
            const double *x = memory + (first[c] + row[c]) * stride;
            a += *(const flash_line *)x;
            if (stride == 16)
                b += *(const flash_line *)(x + 8);
        }
        *(flash_line *)sum = a;
        *(flash_line *)(sum + 8) = b;
    }
    #else
    #define flash_prefetch(p) ((void)(p))
    static void flash_add_rows(const double *memory, const int64_t *first, const int32_t *row,
                               int n_cells, int stride, double *sum)
    {
        for (int k = 0; k < 16; k++)
            sum[k] = 0.0;
        for (int c = 0; c < n_cells; c++)
            for (int k = 0; k < stride; k++)
                sum[k] += memory[(first[c] + row[c]) * stride + k];
    }
    #endif
    """
    void flash_prefetch(const void*) noexcept nogil
    void flash_add_rows(const double*, const int64_t*, const int32_t*, int, int,
                        double*) noexcept nogil


cdef struct Rows:        # the same rows, the columns of each side by side
    double* memory
    int64_t* first       # of each variant and cell: where its rows start
    int stride
    int n_columns
    int column[9]
    int joined


cdef int side_by_side(Tables tables, Rows* rows) except -1:
    cdef int64_t total = 0, i
    cdef int v, c, k
    cdef const flash_cell* cell
    for k in range(FLASH_COLUMNS):
        if tables.problem.present >> k & 1:
            rows.column[rows.n_columns] = k
            rows.n_columns += 1
    rows.stride = 8 if rows.n_columns <= 8 else 16
    # zeroed: prefetching looks at entries of cells that a variant may lack
    rows.first = <int64_t*> calloc(tables.problem.n_variants * FLASH_MAX_CELLS, sizeof(int64_t))
    if rows.first == NULL:
        return 0
    for v in range(tables.problem.n_variants):
        for c in range(tables.problem.variants[v].n_cells):
            rows.first[v * FLASH_MAX_CELLS + c] = total
            total += tables.problem.variants[v].cells[c].rows
            rows.joined |= tables.problem.variants[v].cells[c].joined
    rows.memory = <double*> calloc(total * rows.stride, sizeof(double))
    if rows.memory == NULL:
        return 0
    for v in range(tables.problem.n_variants):
        for c in range(tables.problem.variants[v].n_cells):
            cell = &tables.problem.variants[v].cells[c]
            for i in range(cell.rows):
                for k in range(rows.n_columns):
                    rows.memory[(rows.first[v * FLASH_MAX_CELLS + c] + i) * rows.stride + k] = \
                        cell.column[rows.column[k]][i]
    return 1


cdef inline void gather(const flash_variant* v, const Rows* rows, int variant, const int32_t* row,
                        double* total) noexcept nogil:
    cdef double sum16[16]
    cdef int k
    if rows.joined:
        flash_totals(v, row, total)
        return
    flash_add_rows(rows.memory, rows.first + variant * FLASH_MAX_CELLS, row, v.n_cells, rows.stride,
                   sum16)
    for k in range(rows.n_columns):
        total[rows.column[k]] = sum16[k] + v.constant[rows.column[k]]


cdef int check(Tables tables, int32_t variant, const int32_t[::1] row) except -1:
    cdef flash_variant* v
    cdef int c
    if not 0 <= variant < tables.problem.n_variants:
        raise ValueError(f"variant {variant} is not in 0..{tables.problem.n_variants - 1}")
    v = &tables.problem.variants[variant]
    if row.shape[0] < v.n_cells:
        raise ValueError(f"rows must have {v.n_cells} entries, got {row.shape[0]}")
    for c in range(v.n_cells):
        if not 0 <= row[c] < v.cells[c].rows:
            raise ValueError(f"row {row[c]} of cell {c} is not in 0..{v.cells[c].rows - 1}")
    return 0


cdef struct Layers:      # of one network, for the vector kernel
    double into[4104]
    double area[4104]
    double out[4104]
    double spots[4104]
    int n


def evaluate_layers(Plan plan not None, Model model not None, const int32_t[::1] variant not None,
                    const int32_t[:, ::1] row not None):
    """Metrics of n configurations, every layer charged anew, without tables.

    Parameters
    ----------
    plan, model : Plan, Model
    variant : int32 array of shape (n,)
    row : int32 array of shape (n, at least the variants' cells)
        Rows of the search space.

    Returns
    -------
    list of 6 arrays of float64, shape (n,)
        As `evaluate` gives them, bit for bit.
    """
    cdef Py_ssize_t i, n = variant.shape[0]
    cdef Tables holder = Tables.__new__(Tables)
    cdef const PlanCell** start
    cdef const PlanCell* cell = plan.cells
    cdef int* counts
    cdef int k, c, vector
    cdef int64_t limit
    cdef double x[11]
    cdef double m[6]
    cdef double[:, ::1] out
    cdef Layers* layers
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    holder.set_links(model.links)
    buffer = bytearray(max(1, n) * 6 * sizeof(double))
    out = memoryview(buffer).cast("d", (6, max(1, n)))
    start = <const PlanCell**> malloc(plan.n_variants * sizeof(void*))
    counts = <int*> malloc(plan.n_variants * sizeof(int))
    layers = <Layers*> malloc(sizeof(Layers))
    try:
        if start == NULL or counts == NULL or layers == NULL:
            raise MemoryError
        for k in range(plan.n_variants):
            start[k] = cell
            counts[k] = plan.counts[k]
            cell += counts[k]
        for i in range(n):
            if not 0 <= variant[i] < plan.n_variants:
                raise ValueError(f"variant {variant[i]} is not in 0..{plan.n_variants - 1}")
            if row.shape[1] < counts[variant[i]]:
                raise ValueError(f"rows must have {counts[variant[i]]} entries, got {row.shape[1]}")
            for c in range(counts[variant[i]]):
                cell = start[variant[i]] + c
                limit = (cell.n_widths * cell.n_depths * cell.n_skips * cell.n_expansions
                         * cell.n_kernels)
                if not 0 <= row[i, c] < limit:
                    raise ValueError(f"row {row[i, c]} of cell {c} is not in 0..{limit - 1}")
        vector = (plan.family == DENSENET and model.model.kind == KIND_RRAM
                  and kernels().rram_eight != NULL)
        with nogil:
            for i in range(n):
                if not vector or not whole_network(&model.model, plan.resolution[variant[i]],
                                                   plan.classes, counts[variant[i]],
                                                   start[variant[i]], &row[i, 0], layers, x):
                    network_totals(&model.model, plan.family, plan.resolution[variant[i]],
                                   plan.classes, counts[variant[i]], start[variant[i]],
                                   &row[i, 0], x, NULL)
                flash_metrics(&holder.problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k, i] = m[k]
    finally:
        free(start)
        free(counts)
        free(layers)
    return [memoryview(buffer).cast("d")[k * max(1, n):k * max(1, n) + n] for k in range(6)]


cdef inline void put(Layers* layers, double into, double area, double out, double spots,
                     double norm, int bias, double* x) noexcept nogil:
    layers.into[layers.n] = into
    layers.area[layers.n] = area
    layers.out[layers.n] = out
    layers.spots[layers.n] = spots
    layers.n += 1
    x[COL_PARAMS] += area * into * out + 2.0 * norm + (out if bias else 0.0)
    x[COL_MACS] += area * into * out * spots


cdef int whole_network(const CostModel* model, int64_t resolution, int64_t classes, int n_cells,
                       const PlanCell* cells, const int32_t* row, Layers* layers,
                       double* x) noexcept nogil:
    """The totals of a concatenation network, eight layers at a time; false where too large."""
    cdef Place at
    cdef int c, k, j, i
    cdef int64_t cap, depth, links, number, before = 0
    cdef double used, w, side
    cdef double cost[7][8]
    cdef double* column[7]
    cdef const flash_kernels* kernel = kernels()
    for k in range(7):
        column[k] = cost[k]
    memset(x, 0, SHAPE_COLUMNS * sizeof(double))
    layers.n = 0
    for c in range(n_cells):
        number = row[c] // (cells[c].n_skips * cells[c].n_depths)
        depth = cells[c].depth[row[c] // cells[c].n_skips % cells[c].n_depths]
        cap = cells[c].skip[number * cells[c].n_skips + row[c] % cells[c].n_skips]
        if layers.n + depth + 2 > LAYERS:
            return 0
        place_of(DENSENET, resolution, classes, c, n_cells, cells, &at)
        at.width = cells[c].width[number]
        at.before = before if c else entering(&at)
        before = at.width
        w = <double> at.width
        side = <double> half(at.side, at.stride)
        if c == 0 and at.imagenet:
            put(layers, 3.0, 49.0, w, <double> half(resolution, 2) * <double> half(resolution, 2),
                w, 0, x)
        put(layers, <double> at.before, 9.0, w, side * side,
            0.0 if c == 0 and not at.imagenet else <double> at.before, 0, x)
        used = 0.0
        for i in range(1, depth):
            links = min(cap, at.width * (i - 1))
            used += <double> links
            put(layers, w + <double> links, 9.0, w, side * side, w + <double> links, 0, x)
        x[COL_SCORE] += degree(w * <double> depth, <double> depth, w * used)
    put(layers, w, 1.0, <double> classes, 1.0, w, 1, x)
    for j in range(layers.n, (layers.n + 7) & ~7):
        layers.into[j] = layers.area[j] = layers.out[j] = layers.spots[j] = 1.0
    i = 0
    while i < layers.n:
        kernel.rram_eight(&model.terms, layers.into + i, layers.area + i, layers.out + i,
                          layers.spots + i, column)
        for k in range(1, 7):
            for j in range(min(8, layers.n - i)):
                if cost[k][j] >= 2251799813685248.0:
                    return 0
                x[k] += cost[k][j]
        i += 8
    return 1
