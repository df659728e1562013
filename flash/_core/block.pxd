"""Blocks: rows that many combinations of the other cells share, sorted by scale.

A variant's cells are parted into inner and outer ones. A block holds all combinations of the inner
cells' rows, or of a part of one of them; a sweep streams it past every combination of the outer
cells' rows. Where the class depends on the scale, cells whose scale varies least are inner: then a
block falls into few classes.
"""

from libc.math cimport INFINITY, floor
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from flash._core.core cimport *


cdef enum:
    BLOCK_FEW = 1024     # rows of a block; with fewer, a cell is parted
    SCALES = 1 << 20     # scales up to it are looked up


cdef struct Layout:
    const flash_variant* v
    int n_outer, n_inner
    int outer[32]
    int inner[32]
    int parted           # the inner cell of which a block has a part; -1: none
    int64_t part_rows
    int64_t parts
    int64_t incoming     # widths that may come in to the first inner cell
    int64_t rows         # of a whole block
    double outer_count   # combinations of the outer cells


cdef struct Block:
    int64_t rows
    int32_t* own             # position -> combination, in the sorted order
    double* column[N_COLUMNS]        # totals of the inner cells' rows
    double low[N_COLUMNS]
    double high[N_COLUMNS]
    int32_t* below           # below[s]: rows whose scale is at most s
    int64_t scales
    double* memory


cdef inline int64_t own_rows(const flash_cell* cell) noexcept nogil:
    """Rows of the search space: a table row is one of them, for one width that comes in."""
    return cell.rows // cell.incoming if cell.incoming > 1 else cell.rows


cdef inline int64_t own_width(const flash_cell* cell, int64_t row) noexcept nogil:
    return row // (cell.rows // cell.states) if cell.incoming > 1 or cell.states > 1 else 0


cdef inline int is_coupled(const flash_variant* v) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].incoming > 1:
            return 1
    return 0


cdef inline void lay_out(const flash_problem* problem, int variant, Layout* l) noexcept nogil:
    cdef const flash_variant* v = &problem.variants[variant]
    cdef int order[32]
    cdef double key[32]
    cdef double spare
    cdef int c, j, taken, coupled = is_coupled(v)
    cdef int is_inner[32]
    cdef int64_t rows
    l.v = v
    for c in range(v.n_cells):
        is_inner[c] = 0
        order[c] = c
        if coupled:
            key[c] = -<double> c
        elif problem.links.n_steps:
            key[c] = v.cells[c].high[COL_SCALE] - v.cells[c].low[COL_SCALE]
        else:
            key[c] = -<double> v.cells[c].rows
        j = c
        while j and key[j] < key[j - 1]:
            order[j], order[j - 1] = order[j - 1], order[j]
            spare = key[j]
            key[j] = key[j - 1]
            key[j - 1] = spare
            j -= 1
    l.rows = 1
    l.parted = -1
    l.parts = 1
    l.part_rows = 0
    l.incoming = 1
    for taken in range(v.n_cells):
        c = order[taken]
        rows = own_rows(&v.cells[c])
        if l.rows * rows <= SWEEP_ROWS:
            l.rows *= rows
            is_inner[c] = 1
            if coupled:
                l.incoming = max(1, v.cells[c].incoming)
            continue
        if l.rows < BLOCK_FEW:
            is_inner[c] = 1
            l.parted = c
            l.part_rows = SWEEP_ROWS // l.rows
            l.parts = (rows + l.part_rows - 1) // l.part_rows
            l.part_rows = (rows + l.parts - 1) // l.parts   # parts alike
            l.parts = (rows + l.part_rows - 1) // l.part_rows
            l.rows *= l.part_rows
            if coupled:
                l.incoming = max(1, v.cells[c].incoming)
        break
    l.n_outer = l.n_inner = 0
    l.outer_count = 1.0
    for c in range(v.n_cells):
        if is_inner[c]:
            l.inner[l.n_inner] = c
            l.n_inner += 1
        else:
            l.outer[l.n_outer] = c
            l.n_outer += 1
            l.outer_count *= <double> own_rows(&v.cells[c])


cdef inline int64_t rows_of(const Layout* l, int c, int64_t part) noexcept nogil:
    cdef int64_t rows = own_rows(&l.v.cells[c])
    if c != l.parted:
        return rows
    return min(l.part_rows, rows - part * l.part_rows)


cdef inline void inner_rows(const Layout* l, int64_t part, int64_t width, int64_t combination,
                            int32_t* row) noexcept nogil:
    """The table rows of the inner cells."""
    cdef int j, c
    cdef int64_t n, own
    for j in range(l.n_inner - 1, -1, -1):
        c = l.inner[j]
        n = rows_of(l, c, part)
        row[c] = <int32_t> (combination % n + (part * l.part_rows if c == l.parted else 0))
        combination //= n
    for j in range(l.n_inner):
        c = l.inner[j]
        if l.v.cells[c].incoming > 1:
            own = row[c]
            row[c] = <int32_t> (own + width * own_rows(&l.v.cells[c]))
            width = own_width(&l.v.cells[c], own)
        elif l.v.cells[c].states > 1:
            width = own_width(&l.v.cells[c], row[c])


cdef inline int build(const Layout* l, int64_t part, int64_t width, int by_scale,
                      Block* block) noexcept nogil:
    """A block's rows; 0 where memory is short."""
    cdef int64_t n = 1, i, s
    cdef int j, k, c
    cdef int32_t row[32]
    cdef double x
    cdef double* spare
    cdef int32_t* first
    memset(block, 0, sizeof(Block))
    for j in range(l.n_inner):
        n *= rows_of(l, l.inner[j], part)
    block.rows = n
    block.memory = <double*> malloc((11 * n + 64) * sizeof(double))
    block.own = <int32_t*> malloc((n + 1) * sizeof(int32_t))
    if block.memory == NULL or block.own == NULL:
        return 0
    spare = block.memory + 10 * n
    for k in range(FLASH_COLUMNS):
        block.low[k] = INFINITY
        block.high[k] = -INFINITY
        block.column[k] = block.memory + k * n
    for i in range(n):
        inner_rows(l, part, width, i, row)
        block.own[i] = <int32_t> i
        for k in range(FLASH_COLUMNS):
            x = 0.0
            for j in range(l.n_inner):
                c = l.inner[j]
                if l.v.cells[c].column[k] != NULL:
                    x += l.v.cells[c].column[k][row[c]]
            block.column[k][i] = x
            block.low[k] = min(block.low[k], x)
            block.high[k] = max(block.high[k], x)
    if not by_scale or block.high[COL_SCALE] >= SCALES:
        return 1
    # sorted by counting
    block.scales = <int64_t> block.high[COL_SCALE] + 2
    block.below = <int32_t*> calloc(block.scales + 1, sizeof(int32_t))
    first = block.below
    if first == NULL:
        return 0
    for i in range(n):
        first[<int64_t> block.column[COL_SCALE][i] + 1] += 1
    for s in range(1, block.scales + 1):
        first[s] += first[s - 1]
    for i in range(n):
        s = <int64_t> block.column[COL_SCALE][i]
        block.own[first[s]] = <int32_t> i
        first[s] += 1             # afterwards first[s] is what is at most s
    for k in range(FLASH_COLUMNS):
        for i in range(n):
            spare[i] = block.column[k][block.own[i]]
        memcpy(block.column[k], spare, n * sizeof(double))
    return 1


cdef inline void drop(Block* block) noexcept nogil:
    free(block.memory)
    free(block.own)
    free(block.below)
    block.memory = NULL
    block.own = NULL
    block.below = NULL


cdef inline int64_t at_most(const Block* block, double scale) noexcept nogil:
    """How many of the first rows have at most this scale; rows are sorted by it."""
    if scale < 0.0:
        return 0
    if scale >= block.high[COL_SCALE]:
        return block.rows
    return block.below[<int64_t> scale]
