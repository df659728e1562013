"""Many configurations at once: from tables, and layer by layer."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc

from flash._core.costing.packing cimport add_logarithms, all_of, packed
from flash._core.kernels.kernels cimport (
    FLASH_LAYERS, PACK_LINE, flash_kernels, flash_network, flash_packed,
)
from flash._core.model.compile cimport Model, Plan, PlanCell
from flash._core.model.families cimport SHAPE_COLUMNS
from flash._core.model.layers cimport Spot, network_of, spot_of
from flash._core.model.operations cimport KIND_RRAM
from flash._core.model.rows cimport network_totals, score_scale
from flash._core.tables.problem cimport (
    FLASH_MAX_CELLS, FLASH_METRICS, N_COLUMNS, N_METRICS, flash_metrics, flash_problem,
    flash_totals, flash_variant,
)
from flash._core.tables.tables cimport Tables, cells_within, kernels

__all__ = ("evaluate", "evaluate_layers")

cdef enum:
    LINE_BYTES = 64      # of a cache line
    LAYER_NUMBERS = 5    # of a layer, as kernels.charge takes it


cdef inline Py_ssize_t whole_lines(Py_ssize_t n) noexcept nogil:
    """Numbers with those that fill the last cache line."""
    return (n + PACK_LINE - 1) & ~<Py_ssize_t> (PACK_LINE - 1)


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
    Once batches are large beside the tables these are laid out anew, a row in one cache line or, if
    it is too long, in two. The copy, about as large as the tables, is kept with them.
    """
    cdef Py_ssize_t i, n = variant.shape[0], width = row.shape[1], plane = whole_lines(n)
    cdef const flash_packed* pack = NULL
    cdef const int32_t* r = NULL
    cdef const flash_kernels* kernel = kernels()
    cdef double x[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef int k, wrong = 0
    cdef Py_ssize_t first
    cdef double* out
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    # not cleared, and from a cache line on
    buffer = PyByteArray_FromStringAndSize(
        NULL, (FLASH_METRICS * plane + PACK_LINE) * sizeof(double))
    out = <double*> PyByteArray_AS_STRING(buffer)
    first = (-(<Py_ssize_t> out) & (LINE_BYTES - 1)) // <Py_ssize_t> sizeof(double)
    out += first
    if n and width:
        r = &row[0, 0]
        pack = packed(tables, n)
    if pack != NULL and width >= pack.n_cells:
        with nogil:
            wrong = all_of(kernel, pack, n, &variant[0], r, width, plane, out)
            add_logarithms(&tables.problem.links, n, plane, out)
    else:
        pack = NULL
    if pack == NULL:
        with nogil:
            for i in range(n):
                if not in_range(&tables.problem, variant[i], r + i * width, width):
                    wrong = 1
                    break
                flash_totals(&tables.problem.variants[variant[i]], r + i * width, x)
                flash_metrics(&tables.problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k * plane + i] = m[k]
    if wrong:
        for i in range(n):
            refuse_range(tables, variant[i], row[i])
    view = memoryview(buffer).cast("d")
    return [view[first + k * plane:first + k * plane + n] for k in range(FLASH_METRICS)]


cdef inline bint in_range(const flash_problem* problem, int32_t variant, const int32_t* row,
                          Py_ssize_t width) noexcept nogil:
    cdef int c
    if not 0 <= variant < problem.n_variants or width < problem.variants[variant].n_cells:
        return False
    for c in range(problem.variants[variant].n_cells):
        if not 0 <= row[c] < problem.variants[variant].cells[c].rows:
            return False
    return True


cdef int refuse_range(Tables tables, int32_t variant, const int32_t[::1] row) except -1:
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
    cdef const PlanCell* cells = plan.cells
    cdef const PlanCell** start
    cdef Spot* spots
    cdef int* counts
    cdef void* room
    cdef double* layer
    cdef flash_network* net
    cdef int k, c
    cdef double x[SHAPE_COLUMNS]
    cdef double m[N_METRICS]
    cdef double[:, ::1] out
    cdef const flash_kernels* kernel = kernels()
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    holder.set_links(model.links)
    buffer = bytearray(max(1, n) * FLASH_METRICS * sizeof(double))
    out = memoryview(buffer).cast("d", (FLASH_METRICS, max(1, n)))
    start = <const PlanCell**> malloc(plan.n_variants * sizeof(void*))
    counts = <int*> malloc(plan.n_variants * sizeof(int))
    spots = <Spot*> malloc(plan.n_variants * FLASH_MAX_CELLS * sizeof(Spot))
    net = <flash_network*> calloc(1, sizeof(flash_network))
    room = malloc(LAYER_NUMBERS * FLASH_LAYERS * sizeof(double) + LINE_BYTES)
    try:
        if start == NULL or counts == NULL or spots == NULL or net == NULL or room == NULL:
            raise MemoryError
        # whole cache lines are read
        layer = <double*> ((<size_t> room + LINE_BYTES - 1) & ~<size_t> (LINE_BYTES - 1))
        net.unit = score_scale()
        for k in range(plan.n_variants):
            start[k] = cells
            counts[k] = cells_within(plan.counts[k])
            for c in range(counts[k]):
                spot_of(plan, k, c, counts[k], cells, spots + k * FLASH_MAX_CELLS + c)
            cells += counts[k]
        for i in range(n):
            if not 0 <= variant[i] < plan.n_variants:
                raise ValueError(f"variant {variant[i]} is not in 0..{plan.n_variants - 1}")
            if row.shape[1] < counts[variant[i]]:
                raise ValueError(f"rows must have {counts[variant[i]]} entries, got {row.shape[1]}")
            for c in range(counts[variant[i]]):
                k = variant[i] * FLASH_MAX_CELLS + c
                if not 0 <= row[i, c] < <int64_t> spots[k].rows:
                    raise ValueError(f"row {row[i, c]} of cell {c} is not in "
                                     f"0..{spots[k].rows - 1}")
        with nogil:
            for i in range(n):
                k = 0
                if kernel.charge != NULL and model.model.vectors:
                    network_of(&model.model, counts[variant[i]],
                               spots + variant[i] * FLASH_MAX_CELLS, &row[i, 0], net)
                    k = kernel.charge(&model.model.fast, model.model.kind == KIND_RRAM, net,
                                      layer, x)
                if not k:
                    network_totals(&model.model, plan.family, plan.resolution[variant[i]],
                                   plan.classes, counts[variant[i]], start[variant[i]],
                                   &row[i, 0], x, NULL)
                flash_metrics(&holder.problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k, i] = m[k]
    finally:
        free(start)
        free(counts)
        free(spots)
        free(net)
        free(room)
    view = memoryview(buffer).cast("d")
    return [view[k * max(1, n):k * max(1, n) + n] for k in range(FLASH_METRICS)]
