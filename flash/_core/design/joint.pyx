"""Tables of accelerators from those of their parts.

An accelerator's parts charge for different layers, so a column of its table is the sum of its
parts' columns (of the peak, their maximum); and no accelerator of a set costs less than the sum of
each part's least.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from flash._core.kernels.kernels cimport PACK_LINE, flash_kernels
from flash._core.tables.problem cimport (
    COL_PEAK, FLASH_COLUMNS, M_LATENCY, M_PARAMS, flash_cell, flash_class, flash_joined,
    flash_links, flash_problem, flash_variant,
)
from flash._core.tables.tables cimport Tables, kernels

__all__ = ("join", "total_of")

cdef enum:
    COSTS = 0b111111111110   # columns: latency ... peak
    ROWS_AT_A_TIME = 256 # which stay in the innermost cache


cdef inline int64_t whole_lines(int64_t rows) noexcept nogil:
    """Numbers of a column with what fills its last cache line."""
    return (rows + PACK_LINE - 1) & ~<int64_t> (PACK_LINE - 1)


cdef struct Options:     # tables of a part's options
    int n
    const flash_problem** option


def join(Tables base not None, list parts not None) -> Tables:
    """Tables of an accelerator, or of what no accelerator of a set costs less than.

    Parameters
    ----------
    base : Tables
        Its score, params and macs are taken, without a copy, and what the score becomes.
    parts : list of list of Tables
        For each part the tables of one option, or of several, of which the least counts, row by
        row. Of these the costs are taken, and what they become; their rows are the base's, and
        their classes and units are alike.
    """
    cdef Tables self = Tables.__new__(Tables)
    cdef Tables one
    cdef const flash_kernels* kernel = kernels()
    cdef Options* options
    cdef int v, c, i, j, costs = COSTS, n_parts = <int> len(parts), alone
    cdef int64_t need = 0
    cdef double* at
    if not parts or not all(parts):
        raise ValueError("parts: each needs an option")
    alone = n_parts == 1 and len(parts[0]) == 1
    options = <Options*> malloc(n_parts * sizeof(Options)
                                + sum(map(len, parts)) * sizeof(void*))
    if options == NULL:
        raise MemoryError
    try:
        at = <double*> (options + n_parts)
        for i in range(n_parts):
            options[i].n = <int> len(parts[i])
            options[i].option = <const flash_problem**> at
            at += options[i].n
            for j in range(options[i].n):
                one = parts[i][j]
                if not same_rows(&one.problem, &base.problem):
                    raise ValueError("parts: tables of another space")
                costs &= one.problem.present
                options[i].option[j] = &one.problem
                if not linked_alike(&one.problem.links, &options[0].option[0].links, n_parts > 1):
                    raise ValueError("parts: their totals become metrics in different ways")
        self.shape([base.problem.variants[v].n_cells for v in range(base.problem.n_variants)])
        self.problem.present = (base.problem.present & ~COSTS) | costs
        self.problem.links = base.problem.links
        least_links(options, n_parts, &self.problem.links)
        one = parts[0][0]
        self.classes = (base, one if alone else one.classes)   # keeps their arrays alive
        for v in range(base.problem.n_variants):
            for c in range(base.problem.variants[v].n_cells):
                need += count_of(costs) * whole_lines(base.problem.variants[v].cells[c].rows)
        at = NULL if alone else self.reserve(need)
        for v in range(base.problem.n_variants):
            self.problem.variants[v].constant = base.problem.variants[v].constant
            for c in range(base.problem.variants[v].n_cells):
                self.problem.variants[v].cells[c] = base.problem.variants[v].cells[c]
                with nogil:
                    at = join_cell(options, n_parts, v, c, costs, alone, kernel,
                                   &self.problem.variants[v].cells[c], at)
    finally:
        free(options)
    self.ranged = 1
    self.check()
    return self


cdef inline int count_of(int columns) noexcept nogil:
    """How many of the columns' bits are set."""
    cdef int n = 0
    while columns:
        columns &= columns - 1
        n += 1
    return n


cdef inline double* join_cell(const Options* options, int n_parts, int v, int c, int costs,
                              int alone, const flash_kernels* kernel, flash_cell* cell,
                              double* at) noexcept nogil:
    """A cell's columns of costs: `costs` of them, those of the only option where it stands alone,
    else joined and written to `at`. Returns where the next cell's go."""
    cdef const flash_cell* first = &options[0].option[0].variants[v].cells[c]
    cdef int k
    for k in range(FLASH_COLUMNS):
        if not COSTS >> k & 1:
            continue
        cell.column[k] = NULL
        if not costs >> k & 1:
            continue
        if alone:
            cell.column[k] = first.column[k]
            cell.low[k] = first.low[k]
            cell.high[k] = first.high[k]
            continue
        cell.column[k] = at
        at += whole_lines(cell.rows)
        join_up(options, n_parts, v, c, k, cell.rows, cell.column[k])
        kernel.range(cell.rows, cell.column[k], &cell.low[k], &cell.high[k])
    return at


cdef inline int same_rows(const flash_problem* a, const flash_problem* b) noexcept nogil:
    """Whether two problems have the same rows."""
    cdef int v, c
    if a.n_variants != b.n_variants:
        return 0
    for v in range(a.n_variants):
        if a.variants[v].n_cells != b.variants[v].n_cells:
            return 0
        for c in range(a.variants[v].n_cells):
            if a.variants[v].cells[c].rows != b.variants[v].cells[c].rows:
                return 0
    return 1


cdef inline int linked_alike(const flash_links* a, const flash_links* b, int wholly) noexcept nogil:
    """Whether totals of costs become metrics with the same classes and units; wholly: and the
    same of what they leak and of what the scale takes."""
    cdef int k
    for k in range(M_LATENCY, M_PARAMS):
        if a.quantum[k] != b.quantum[k]:
            return 0
    if a.n_steps != b.n_steps or wholly and (a.leakage != b.leakage
                                             or a.area_per_scale != b.area_per_scale):
        return 0
    return a.n_steps == 0 or (
        memcmp(a.scale_max, b.scale_max, a.n_steps * sizeof(double)) == 0
        and memcmp(a.of, b.of, a.n_steps * sizeof(flash_class)) == 0)


cdef inline void least_links(const Options* options, int n_parts, flash_links* out) noexcept nogil:
    """What costs become: as the first option's, and no more than with any other."""
    cdef const flash_links* own = &options[0].option[0].links
    cdef int part, j, k
    out.n_direct = own.n_direct
    out.class_at = own.class_at
    out.n_steps = own.n_steps
    out.scale_max = own.scale_max
    out.of = own.of
    out.leakage = own.leakage
    out.area_per_scale = own.area_per_scale
    for k in range(M_LATENCY, M_PARAMS):
        out.quantum[k] = own.quantum[k]
    for part in range(n_parts):
        for j in range(options[part].n):
            own = &options[part].option[j].links
            out.leakage = min(out.leakage, own.leakage)
            out.area_per_scale = min(out.area_per_scale, own.area_per_scale)


cdef inline void join_up(const Options* options, int n_parts, int v, int c, int k, int64_t n,
                         double* out) noexcept nogil:
    """out = the sum, or the peak, over the parts of the least of their options."""
    cdef double least[ROWS_AT_A_TIME]
    cdef const double* column
    cdef int64_t start = 0, m, i
    cdef int part, j
    while start < n:
        m = min(<int64_t> ROWS_AT_A_TIME, n - start)
        for part in range(n_parts):
            column = options[part].option[0].variants[v].cells[c].column[k] + start
            if options[part].n > 1:
                memcpy(least, column, m * sizeof(double))
                for j in range(1, options[part].n):
                    column = options[part].option[j].variants[v].cells[c].column[k] + start
                    for i in range(m):
                        least[i] = column[i] if column[i] < least[i] else least[i]
                column = least
            if part == 0:
                memcpy(out + start, column, m * sizeof(double))
            elif k == COL_PEAK:
                for i in range(m):
                    out[start + i] = max(out[start + i], column[i])
            else:
                for i in range(m):
                    out[start + i] += column[i]
        start += m


def total_of(Tables tables not None, int variant, rows, int column) -> float:
    """What one configuration's rows amount to in a column: the sum, or the peak."""
    cdef const flash_variant* v
    cdef double total
    cdef int c
    cdef int64_t row
    if not 0 <= variant < tables.problem.n_variants or not 0 <= column < FLASH_COLUMNS:
        raise IndexError(f"variant {variant}, column {column}")
    v = &tables.problem.variants[variant]
    total = v.constant[column]
    for c in range(v.n_cells):
        row = rows[c]
        if not 0 <= row < v.cells[c].rows or v.cells[c].column[column] == NULL:
            raise IndexError(f"row {row} of cell {c}, column {column}")
        total = flash_joined(column, total, v.cells[c].column[column][row])
    return total
