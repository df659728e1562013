"""Many configurations at once: from tables, and layer by layer."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.blocks cimport *
from flash._core.compile cimport Model, Plan, PlanCell
from flash._core.core cimport *
from flash._core.ops cimport *
from flash._core.pack cimport packed
from flash._core.rows cimport *
from flash._core.tables cimport Tables, kernels

__all__ = ("evaluate", "evaluate_layers")

cdef enum:
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
    A batch that is large beside the tables first lays these out anew, a row in one cache line. The
    copy, as large as the tables, is kept with them.
    """
    cdef Py_ssize_t i, n = variant.shape[0], width = row.shape[1], plane = (n + 7) & ~7
    cdef const flash_packed* pack = NULL
    cdef const flash_kernels* kernel = kernels()
    cdef double x[9]
    cdef double m[6]
    cdef int k, wrong = 0
    cdef Py_ssize_t first
    cdef double* out
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    # not cleared, and from a cache line on
    buffer = PyByteArray_FromStringAndSize(NULL, (6 * plane + 8) * sizeof(double))
    out = <double*> PyByteArray_AS_STRING(buffer)
    first = (-(<Py_ssize_t> out) & 63) // <Py_ssize_t> sizeof(double)
    out += first
    if kernel.from_tables != NULL and n:
        pack = packed(tables, n)
    if pack != NULL and width >= pack.n_cells:
        with nogil:
            wrong = all_of(kernel, pack, n, &variant[0], &row[0, 0], width, plane, out)
    else:
        pack = NULL
    if pack == NULL:
        with nogil:
            for i in range(n):
                if not fits(&tables.problem, variant[i], &row[i, 0], width):
                    wrong = 1
                    break
                flash_totals(&tables.problem.variants[variant[i]], &row[i, 0], x)
                flash_metrics(&tables.problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k * plane + i] = m[k]
    if wrong:
        for i in range(n):
            check(tables, variant[i], row[i])
    view = memoryview(buffer).cast("d")
    return [view[first + k * plane:first + k * plane + n] for k in range(FLASH_METRICS)]


cdef int all_of(const flash_kernels* kernel, const flash_packed* pack, Py_ssize_t n,
                const int32_t* variant, const int32_t* row, Py_ssize_t width, Py_ssize_t plane,
                double* out) noexcept nogil:
    """Whether a configuration is out of range. The last ones' rows are copied: a kernel reads
    whole vectors of them."""
    cdef int32_t rows[12 * FLASH_MAX_CELLS]
    cdef Py_ssize_t i, whole = (n - 8) & ~3 if n > 8 else 0
    for i in range(whole, n):
        memcpy(rows + (i - whole) * FLASH_MAX_CELLS, row + i * width, pack.n_cells * sizeof(int32_t))
    return (kernel.from_tables(pack, whole, variant, row, width, plane, out)
            | kernel.from_tables(pack, n - whole, variant + whole, rows, FLASH_MAX_CELLS, plane,
                                 out + whole))


cdef inline bint fits(const flash_problem* problem, int32_t variant, const int32_t* row,
                      Py_ssize_t width) noexcept nogil:
    cdef int c
    if not 0 <= variant < problem.n_variants or width < problem.variants[variant].n_cells:
        return False
    for c in range(problem.variants[variant].n_cells):
        if not 0 <= row[c] < problem.variants[variant].cells[c].rows:
            return False
    return True


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
