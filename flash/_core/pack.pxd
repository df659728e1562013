"""Tables laid out for batches: a row is one cache line, and the class one look-up."""

from libc.math cimport log
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from flash._core.core cimport *
from flash._core.tables cimport Tables


cdef enum:
    WORTHWHILE = 4           # rows per configuration at which packing pays
    MAX_LINES = 1 << 27      # places are 32-bit
    FAR = 1 << 16            # doubles that a core's own caches hold
    MAX_BUCKETS = 1 << 14    # of scales beyond the first few thousand


cdef inline const flash_packed* packed(Tables tables, int64_t n):
    """The packed tables, kept with them; NULL where n more configurations are too few to pay for
    them, or where they cannot be: boundaries, or parameters and scale that fill over 53 bits."""
    cdef double scale = 0.0, params = 0.0
    cdef int64_t lines = 1
    cdef int c, coarse, t, shift = 2
    if tables.packed == NULL and not tables.unpackable:
        for t in range(tables.problem.n_variants):
            for c in range(tables.problem.variants[t].n_cells):
                lines += tables.problem.variants[t].cells[c].rows
        tables.evaluated += n
        if tables.evaluated < lines // WORTHWHILE:
            return NULL
        coarse = scales(&tables.problem, &shift, &scale, &params)
        if coarse < 0 or lines > MAX_LINES:
            tables.unpackable = True
        else:
            pack(tables, lines, shift, coarse, scale, params)
    return tables.packed


cdef inline int scales(const flash_problem* problem, int* shift, double* scale,
                       double* params) noexcept nogil:
    """What the layout depends on; returns the power of two of the classes' buckets or -1."""
    cdef const flash_variant* v
    cdef double low, high
    cdef int c, k, t
    for t in range(problem.n_variants):
        v = &problem.variants[t]
        for c in range(v.n_cells):
            if v.cells[c].joined:
                return -1
        for k in range(FLASH_COLUMNS):
            low = high = v.constant[k]
            if problem.present >> k & 1:
                for c in range(v.n_cells):
                    low += v.cells[c].low[k]
                    high += v.cells[c].high[k]
            if k == COL_SCALE or k == COL_PARAMS:
                if low < 0.0:
                    return -1
                scale[0] = max(scale[0], high if k == COL_SCALE else 0.0)
                params[0] = max(params[0], high if k == COL_PARAMS else 0.0)
            if k > COL_LATENCY and k < COL_PARAMS and (low != 0.0 or high != 0.0):
                shift[0] = 3
    if not problem.links.n_steps:
        return 0
    shift[0] = 3
    for k in range(12, -1, -1):
        if scale[0] / <double> (<int64_t> 1 << k) < MAX_BUCKETS and separate(
                &problem.links, k, scale[0]):
            return k
    return -1


cdef inline bint separate(const flash_links* links, int coarse, double scale) noexcept nogil:
    """Whether no bucket of scales holds more than two classes."""
    cdef int64_t s = PACK_DIRECT >> coarse << coarse
    while <double> s <= scale:
        if (flash_class_of(links, <double> (s + (<int64_t> 1 << coarse) - 1))
                > flash_class_of(links, <double> s) + 1):
            return False
        s += <int64_t> 1 << coarse
    return True


cdef inline void pack(Tables tables, int64_t lines, int shift, int coarse, double scale,
                      double params) noexcept nogil:
    cdef const flash_problem* problem = &tables.problem
    cdef const flash_links* links = &problem.links
    cdef flash_packed* p
    cdef flash_places* part
    cdef double* line
    cdef double* factor
    cdef int16_t* class_at
    cdef int64_t s, n_coarse = 0
    cdef double fold = 4.0   # the kernels' floor takes less than 2^51
    cdef int c, g, t, chunks, n_cells = 1
    cdef size_t size
    while fold <= scale:
        fold *= 2.0
    if (params + 1.0) * fold > 9007199254740992.0:
        tables.unpackable = True
        return
    if links.n_steps:
        n_coarse = (<int64_t> scale >> coarse) + 1
    for t in range(problem.n_variants):
        n_cells = max(n_cells, problem.variants[t].n_cells)
    chunks = (n_cells + 7) // 8
    size = ((lines << shift) + 4 * links.n_steps) * sizeof(double) + sizeof(flash_packed)
    size += problem.n_variants * chunks * sizeof(flash_places)
    size += (PACK_DIRECT + n_coarse) * sizeof(int16_t)
    tables.packing = calloc(1, size + 64)
    if tables.packing == NULL:
        return
    line = <double*> ((<size_t> tables.packing + 63) & ~<size_t> 63)
    factor = line + (lines << shift)
    p = <flash_packed*> (factor + 4 * links.n_steps)
    part = <flash_places*> (p + 1)
    class_at = <int16_t*> (part + problem.n_variants * chunks)
    p.memory = line
    p.part = part
    p.n_variants = problem.n_variants
    p.n_cells = n_cells
    p.shift = shift
    p.coarse = coarse
    p.far = lines << shift > FAR
    p.fold = fold
    p.unfold = 1.0 / fold
    p.factor = factor
    p.class_at = class_at
    p.links = links
    for g in range(links.n_steps):
        factor[4 * g] = links.latency_factor[g]
        factor[4 * g + 1] = links.energy_factor[g]
        factor[4 * g + 2] = links.area_offset[g]
        factor[4 * g + 3] = links.scale_max[g]
    if links.n_steps:
        for s in range(min(PACK_DIRECT, <int64_t> scale + 1)):
            class_at[s] = flash_class_of(links, <double> s)
        for s in range(n_coarse):
            class_at[PACK_DIRECT + s] = flash_class_of(links, <double> (s << coarse))
    s = 1
    for t in range(problem.n_variants):
        for c in range(problem.variants[t].n_cells):
            part[t * chunks + c // 8].first[c % 8] = s << shift
            part[t * chunks + c // 8].limit[c % 8] = problem.variants[t].cells[c].rows
            part[t * chunks + c // 8].need[c % 8] = -1
            side_by_side(&problem.variants[t], c, shift, fold, line + (s << shift))
            s += problem.variants[t].cells[c].rows
    tables.packed = p


cdef inline void side_by_side(const flash_variant* v, int c, int shift, double fold,
                              double* line) noexcept nogil:
    """The lines of a cell's rows; the first cell's hold the constants too."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef int[N_COLUMNS] order
    cdef double[N_COLUMNS] constant
    cdef int64_t i
    cdef int j
    order[:] = [COL_SCORE, COL_LATENCY, COL_PARAMS, COL_MACS, COL_LATENCY_SCALED, COL_ENERGY,
                COL_ENERGY_SCALED, COL_AREA, COL_SCALE]
    cdef double[N_COLUMNS] x
    for j in range(9):
        constant[j] = 0.0 if c else v.constant[order[j]]
    for i in range(cell.rows):
        for j in range(9):
            x[j] = constant[j]
            if cell.column[order[j]] != NULL:
                x[j] += cell.column[order[j]][i]
        if shift == 3:
            x[2] = x[2] * fold + x[8]
        memcpy(line + (i << shift), x, sizeof(double) << shift)


cdef inline void add_logarithms(const flash_links* links, Py_ssize_t n, Py_ssize_t plane,
                         double* out) noexcept nogil:
    """What flash_metrics adds to the scores, in its order."""
    cdef Py_ssize_t i
    if links.log_macs != 0.0:
        for i in range(n):
            out[i] += links.log_macs * log(out[M_MACS * plane + i])
    if links.log_params != 0.0:
        for i in range(n):
            out[i] += links.log_params * log(out[M_PARAMS * plane + i])


cdef inline int all_of(const flash_kernels* kernel, const flash_packed* pack, Py_ssize_t n,
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
