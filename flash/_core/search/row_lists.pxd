"""Lists of surviving rows, one per cell, shared by the nodes of the search tree."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from flash._core.tables.problem cimport COL_PEAK, FLASH_COLUMNS, N_COLUMNS, flash_variant


cdef extern from "search/pool.h" nogil:
    ctypedef struct flash_pool:
        size_t held

    void* flash_take(flash_pool* pool, size_t size) noexcept
    void flash_give(flash_pool* pool, void* memory) noexcept
    void flash_drain(flash_pool* pool) noexcept


cdef struct List:
    int64_t n
    int32_t states
    int32_t* id          # rows of the table; NULL: all of them, in order
    int64_t* start       # states + 1 offsets
    # of the surviving rows; NULL where absent or not needed. Sums alone: the peak, whose total is a maximum, is
    # there in the variant's peak_cell only, and no sum of it is above the total.
    double* column[N_COLUMNS]
    double* peak         # in every cell
    int owned
    int ranged           # low and high are known
    double low[N_COLUMNS]
    double high[N_COLUMNS]


cdef struct Lists:
    flash_pool* pool
    int refs
    int n_cells
    List* cell


cdef inline Lists* empty(int n_cells, flash_pool* pool) noexcept nogil:
    cdef Lists* lists = <Lists*> flash_take(pool, sizeof(Lists))
    lists.cell = <List*> flash_take(pool, n_cells * sizeof(List))
    lists.pool = pool
    lists.refs = 1
    lists.n_cells = n_cells
    return lists


cdef inline Lists* whole(const flash_variant* v, int needed, flash_pool* pool) noexcept nogil:
    """Every row of a variant, without a copy, in the columns that are needed: bit k for column k."""
    cdef Lists* lists = empty(v.n_cells, pool)
    cdef int c, k, s
    for c in range(v.n_cells):
        lists.cell[c].n = v.cells[c].rows
        lists.cell[c].states = v.cells[c].states
        lists.cell[c].id = NULL
        lists.cell[c].owned = 0
        lists.cell[c].ranged = 1
        memcpy(lists.cell[c].low, v.cells[c].low, sizeof(v.cells[c].low))
        memcpy(lists.cell[c].high, v.cells[c].high, sizeof(v.cells[c].high))
        lists.cell[c].start = <int64_t*> flash_take(
            pool, (v.cells[c].states + 1) * sizeof(int64_t))
        for s in range(v.cells[c].states + 1):
            lists.cell[c].start[s] = s * (v.cells[c].rows // v.cells[c].states)
        memcpy(lists.cell[c].column, v.cells[c].column, sizeof(v.cells[c].column))
        for k in range(FLASH_COLUMNS):
            if not needed >> k & 1:
                lists.cell[c].column[k] = NULL
                lists.cell[c].low[k] = lists.cell[c].high[k] = 0.0
        lists.cell[c].peak = lists.cell[c].column[COL_PEAK]
        if c != v.peak_cell:
            lists.cell[c].column[COL_PEAK] = NULL
    return lists


cdef inline void release(Lists* lists) noexcept nogil:
    cdef int c
    if lists == NULL:
        return
    lists.refs -= 1
    if lists.refs:
        return
    for c in range(lists.n_cells):
        drop(&lists.cell[c], lists.pool)
    flash_give(lists.pool, lists.cell)
    flash_give(lists.pool, lists)


cdef inline void drop(List* list, flash_pool* pool) noexcept nogil:
    flash_give(pool, list.start)
    if list.owned:
        flash_give(pool, list.id)


cdef inline Lists* copy(const Lists* source) noexcept nogil:
    """The same rows, borrowed: good while `source` lives."""
    cdef Lists* lists = empty(source.n_cells, source.pool)
    cdef int c
    for c in range(source.n_cells):
        lists.cell[c] = source.cell[c]
        lists.cell[c].owned = 0
        lists.cell[c].start = <int64_t*> flash_take(
            source.pool, (source.cell[c].states + 1) * sizeof(int64_t))
        memcpy(lists.cell[c].start, source.cell[c].start,
               (source.cell[c].states + 1) * sizeof(int64_t))
    return lists


cdef inline void take(const List* source, const int32_t* chosen, int64_t n, const int64_t* start,
                      List* out, flash_pool* pool) noexcept nogil:
    """out = the rows `chosen` (positions in source, by state) in one block of memory."""
    cdef int k, present = 0
    cdef int64_t i, room = (n + 1) // 2 * 2
    cdef double* block
    cdef const double* column
    for k in range(FLASH_COLUMNS):
        present += source.column[k] != NULL
    present += source.peak != NULL and source.column[COL_PEAK] == NULL
    out.n = n
    out.states = source.states
    out.owned = 1
    out.ranged = 0
    out.id = <int32_t*> flash_take(
        pool, room * (sizeof(int32_t) + present * sizeof(double)) + 16)
    out.start = <int64_t*> flash_take(pool, (source.states + 1) * sizeof(int64_t))
    memcpy(out.start, start, (source.states + 1) * sizeof(int64_t))
    if source.id == NULL:
        memcpy(out.id, chosen, n * sizeof(int32_t))
    else:
        for i in range(n):
            out.id[i] = source.id[chosen[i]]
    block = <double*> (out.id + room)
    out.peak = NULL
    for k in range(FLASH_COLUMNS):
        column = source.peak if k == COL_PEAK else source.column[k]
        out.column[k] = NULL
        if column == NULL:
            continue
        if k == COL_PEAK:
            out.peak = block
        if source.column[k] != NULL:
            out.column[k] = block
        for i in range(n):
            block[i] = column[chosen[i]]
        block += room


cdef inline double held(const List* list, int k, int64_t i) noexcept nogil:
    """A row's number in a column, of the peak too; 0 where it is absent."""
    if k == COL_PEAK:
        return list.peak[i] if list.peak != NULL else 0.0
    return list.column[k][i] if list.column[k] != NULL else 0.0


cdef inline Lists* sample(const Lists* source, int64_t most, int32_t* work) noexcept nogil:
    """Every n-th row, so that no list is longer than about `most` rows a state."""
    cdef Lists* lists = empty(source.n_cells, source.pool)
    cdef int c, s
    cdef int64_t i, n, step
    cdef int64_t start[65]
    cdef const List* list
    for c in range(source.n_cells):
        list = &source.cell[c]
        step = (list.n + most - 1) // most
        n = 0
        for s in range(list.states):
            start[s] = n
            i = list.start[s]
            while i < list.start[s + 1]:
                work[n] = <int32_t> i
                n += 1
                i += step
        start[list.states] = n
        take(list, work, n, start, &lists.cell[c], source.pool)
    return lists
