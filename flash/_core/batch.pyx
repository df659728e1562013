"""Many configurations at once: from tables, and layer by layer."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.math cimport log
from libc.stdlib cimport calloc, free, malloc
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint16_t
from libc.string cimport memcpy

from flash._core.blocks cimport *
from flash._core.compile cimport Model, Plan, PlanCell
from flash._core.core cimport *
from flash._core.layers cimport *
from flash._core.ops cimport *
from flash._core.pack cimport packed
from flash._core.rows cimport *
from flash._core.tables cimport Tables, kernels

__all__ = ("evaluate", "evaluate_choices", "evaluate_layers", "prepare")

ctypedef fused Choice:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    int64_t

cdef enum:
    BLOCK = 1024         # configurations whose rows and metrics stay in a core's own caches


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
    Once batches are large beside the tables these are laid out anew, a row in one cache line. The
    copy, about as large as the tables, is kept with them.
    """
    cdef Py_ssize_t i, n = variant.shape[0], width = row.shape[1], plane = (n + 7) & ~7
    cdef const flash_packed* pack = NULL
    cdef const int32_t* r = NULL
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
                if not fits(&tables.problem, variant[i], r + i * width, width):
                    wrong = 1
                    break
                flash_totals(&tables.problem.variants[variant[i]], r + i * width, x)
                flash_metrics(&tables.problem.links, x, m)
                for k in range(FLASH_METRICS):
                    out[k * plane + i] = m[k]
    if wrong:
        for i in range(n):
            check(tables, variant[i], row[i])
    view = memoryview(buffer).cast("d")
    return [view[first + k * plane:first + k * plane + n] for k in range(FLASH_METRICS)]


cdef void add_logarithms(const flash_links* links, Py_ssize_t n, Py_ssize_t plane,
                         double* out) noexcept nogil:
    """What flash_metrics adds to the scores, in its order."""
    cdef Py_ssize_t i
    if links.log_macs != 0.0:
        for i in range(n):
            out[i] += links.log_macs * log(out[M_MACS * plane + i])
    if links.log_params != 0.0:
        for i in range(n):
            out[i] += links.log_params * log(out[M_PARAMS * plane + i])


cdef int all_of(const flash_kernels* kernel, const flash_packed* pack, Py_ssize_t n,
                const int32_t* variant, const int32_t* row, Py_ssize_t width, Py_ssize_t plane,
                double* out) noexcept nogil:
    """Whether a configuration is out of range. The last ones' rows are copied: a kernel reads
    whole vectors of them."""
    cdef int32_t rows[12 * FLASH_MAX_CELLS]
    cdef Py_ssize_t i, whole = (n - 8) & ~3 if n > 8 else 0
    for i in range(whole, n):
        memcpy(rows + (i - whole) * FLASH_MAX_CELLS, row + i * width,
               pack.n_cells * sizeof(int32_t))
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
    cdef double x[11]
    cdef double m[6]
    cdef double[:, ::1] out
    cdef const flash_kernels* kernel = kernels()
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    holder.set_links(model.links)
    buffer = bytearray(max(1, n) * 6 * sizeof(double))
    out = memoryview(buffer).cast("d", (6, max(1, n)))
    start = <const PlanCell**> malloc(plan.n_variants * sizeof(void*))
    counts = <int*> malloc(plan.n_variants * sizeof(int))
    spots = <Spot*> malloc(plan.n_variants * FLASH_MAX_CELLS * sizeof(Spot))
    net = <flash_network*> calloc(1, sizeof(flash_network))
    room = malloc(4 * FLASH_LAYERS * sizeof(double) + 64)
    try:
        if start == NULL or counts == NULL or spots == NULL or net == NULL or room == NULL:
            raise MemoryError
        layer = <double*> ((<size_t> room + 63) & ~<size_t> 63)   # whole cache lines are read
        net.unit = score_scale()
        for k in range(plan.n_variants):
            start[k] = cells
            counts[k] = plan.counts[k]
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
                    k = kernel.charge(&model.model.terms, model.model.kind == KIND_RRAM, net,
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
    return [memoryview(buffer).cast("d")[k * max(1, n):k * max(1, n) + n] for k in range(6)]


def prepare(Tables tables not None, int64_t n):
    """Lay the tables out for batches of n configurations in all, before threads share them."""
    packed(tables, n)


def evaluate_choices(Tables tables not None, const Choice[:, ::1] choices not None,
                     const int64_t[::1] lengths not None, int each, bint free_widths,
                     int64_t first, int64_t last, list out not None, params, macs):
    """Metrics of the configurations [first, last) of rows of choice indices.

    Parameters
    ----------
    tables : Tables
        After `prepare`, where threads share them.
    choices : integer array of shape (n, variables)
    lengths : int64 array of shape (variables,)
        Choices per variable.
    each : int
        Variables per cell.
    free_widths : bool
        The first variable of a cell is its width, which goes into the next cell.
    first, last : int
    out : list of 4 arrays of float64, shape (n,), or None
        Take score, latency, energy and area; None is not written.
    params, macs : int64 arrays of shape (n,)

    Returns
    -------
    int
        The place of the first choice that is out of its range, or -1.
    """
    cdef const flash_problem* problem = &tables.problem
    cdef const flash_packed* pack = tables.packed
    cdef const flash_kernels* kernel = kernels()
    cdef double[::1] plane
    cdef int64_t[::1] counts
    cdef double* column[4]
    cdef int64_t* count[2]
    cdef int64_t i, n, at, wrong = -1
    cdef int c, k, cells, bad, last_one, width = <int> lengths.shape[0]
    cdef int32_t number, before
    cdef const Choice* own
    cdef int32_t* stride
    cdef int32_t* handed   # 1 row further for a width that comes in
    cdef uint32_t* limit
    cdef int32_t* rows
    cdef int32_t* variant
    cdef double* metrics
    cdef void* room
    cdef double x[9]
    cdef double m[6]
    if each < 1 or (width - 3) % each or choices.shape[1] != width:
        raise ValueError(f"rows must have {width} choices")
    cells = (width - 3) // each
    if not 0 <= first <= last <= choices.shape[0]:
        raise ValueError(f"range {first}..{last} of {choices.shape[0]}")
    for k in range(4):
        column[k] = NULL
        if out[k] is not None:
            plane = out[k]
            if plane.shape[0] < last:
                raise ValueError("out is too short")
            column[k] = &plane[0]
    for k in range(2):
        counts = macs if k else params
        if counts.shape[0] < last:
            raise ValueError("params or macs is too short")
        count[k] = &counts[0] if last else NULL
    for k in range(problem.n_variants):
        if problem.variants[k].n_cells > cells:
            raise ValueError("rows are too short")
    room = malloc((6 * (BLOCK + 8) * sizeof(double))
                  + ((BLOCK + 16) * (cells + 1) + 3 * width) * sizeof(int32_t) + 128)
    if room == NULL:
        raise MemoryError
    metrics = <double*> ((<size_t> room + 63) & ~<size_t> 63)
    rows = <int32_t*> (metrics + 6 * (BLOCK + 8))
    variant = rows + (BLOCK + 8) * cells
    stride = variant + BLOCK + 8
    handed = stride + width
    limit = <uint32_t*> (handed + width)
    with nogil:
        for k in range(width - 1, -1, -1):
            limit[k] = <uint32_t> lengths[k]
            c = (k - 3) % each if k >= 3 else k
            if k == 2 or k >= 3 and c == each - 1:
                stride[k] = 1
            else:
                stride[k] = <int32_t> (stride[k + 1] * lengths[k + 1])
            if k >= 3 and c == 0:
                handed[(k - 3) // each] = <int32_t> (stride[k] * lengths[k]) if free_widths else 0
        at = first
        while at < last and wrong < 0:
            n = min(BLOCK, last - at)
            bad = 0
            for i in range(n):
                own = &choices[at + i, 0]
                for k in range(width):
                    bad |= <int> (<uint32_t> own[k] >= limit[k])
                    bad |= <int> (<int64_t> own[k] != <int64_t> <int32_t> own[k])
            if bad:
                for i in range(n * width):
                    k = <int> (i % width)
                    if not 0 <= <int64_t> choices[at + i // width, k] < lengths[k]:
                        wrong = at * width + i
                        break
                break
            for i in range(n):
                own = &choices[at + i, 0]
                variant[i] = (<int32_t> own[0] * stride[0] + <int32_t> own[1] * stride[1]
                              + <int32_t> own[2])
                k = 3
                before = 0
                for c in range(cells):
                    number = before * handed[c]
                    before = <int32_t> own[k]
                    last_one = k + each
                    while k < last_one:
                        number += <int32_t> own[k] * stride[k]
                        k += 1
                    rows[i * cells + c] = number
            if pack != NULL and cells >= pack.n_cells:
                all_of(kernel, pack, n, variant, rows, cells, BLOCK + 8, metrics)
                add_logarithms(&problem.links, n, BLOCK + 8, metrics)
            else:
                for i in range(n):
                    flash_totals(&problem.variants[variant[i]], rows + i * cells, x)
                    flash_metrics(&problem.links, x, m)
                    for k in range(FLASH_METRICS):
                        metrics[k * (BLOCK + 8) + i] = m[k]
            for k in range(4):
                if column[k] != NULL:
                    memcpy(column[k] + at, metrics + k * (BLOCK + 8), n * sizeof(double))
            for k in range(2):
                for i in range(n):
                    count[k][at + i] = <int64_t> metrics[(4 + k) * (BLOCK + 8) + i]
            at += n
    free(room)
    return wrong
