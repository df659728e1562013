"""Lists of surviving rows, one per cell, shared by the nodes of the search tree.

Whatever makes lists returns NULL (or 0) where memory ends; the pool is then `failed`.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from flash._core.tables.problem cimport (
    COL_PEAK, FLASH_COLUMNS, N_COLUMNS, N_STATES, flash_cell, flash_variant,
)


cdef extern from "search/pool.h" nogil:
    ctypedef struct flash_pool:
        size_t held
        int failed
        int64_t refusal

    void* flash_take(flash_pool* pool, size_t size) noexcept
    void flash_give(flash_pool* pool, void* memory) noexcept
    void* flash_resize(flash_pool* pool, void* memory, size_t size) noexcept
    void flash_drain(flash_pool* pool) noexcept


cdef struct List:
    int64_t n
    int32_t states
    int32_t* id          # rows of the table; NULL: all of them, in order
    int64_t* start       # states + 1 offsets
    # of the surviving rows; NULL where absent or not needed. Sums alone: the peak, whose total is
    # a maximum, is there in the variant's peak_cell only, and no sum of it is above the total.
    double* column[N_COLUMNS]
    double* peak         # in every cell
    int owned            # id and what follows it are its own, not another list's
    int ranged           # low and high are known
    double low[N_COLUMNS]
    double high[N_COLUMNS]


cdef struct Lists:
    flash_pool* pool
    int refs
    int n_cells
    List* cell


cdef inline Lists* empty(int n_cells, flash_pool* pool) noexcept nogil:
    """Lists without memory of their own yet: good to be released at any time."""
    cdef Lists* lists = <Lists*> flash_take(pool, sizeof(Lists))
    cdef int c
    if lists == NULL:
        return NULL
    lists.cell = <List*> flash_take(pool, n_cells * sizeof(List))
    if lists.cell == NULL:
        flash_give(pool, lists)
        return NULL
    lists.pool = pool
    lists.refs = 1
    lists.n_cells = n_cells
    for c in range(n_cells):
        lists.cell[c].start = NULL
        lists.cell[c].owned = 0
    return lists


cdef inline int set_starts(List* list, int states, flash_pool* pool) noexcept nogil:
    """Room for a list's offsets; false where there is none."""
    list.states = states
    list.start = <int64_t*> flash_take(pool, (states + 1) * sizeof(int64_t))
    return list.start != NULL


cdef inline int whole_cell(const flash_variant* v, int c, int needed, List* out,
                           flash_pool* pool) noexcept nogil:
    """Every row of a cell, without a copy."""
    cdef int k, s
    out.n = v.cells[c].rows
    out.id = NULL
    out.owned = 0
    out.ranged = 1
    memcpy(out.low, v.cells[c].low, sizeof(v.cells[c].low))
    memcpy(out.high, v.cells[c].high, sizeof(v.cells[c].high))
    memcpy(out.column, v.cells[c].column, sizeof(v.cells[c].column))
    for k in range(FLASH_COLUMNS):
        if not needed >> k & 1:
            out.column[k] = NULL
            out.low[k] = out.high[k] = 0.0
    out.peak = out.column[COL_PEAK]
    if c != v.peak_cell:
        out.column[COL_PEAK] = NULL
    if not set_starts(out, v.cells[c].states, pool):
        return 0
    if v.cells[c].state_at != NULL:
        return by_state(&v.cells[c], out, pool)
    for s in range(out.states + 1):
        out.start[s] = s * (v.cells[c].rows // v.cells[c].states)
    return 1


cdef inline int by_state(const flash_cell* cell, List* out, flash_pool* pool) noexcept nogil:
    """The same of a cell whose states lie mixed: a copy, state by state."""
    cdef List source = out[0]
    cdef int64_t start[N_STATES + 1]
    cdef int64_t next[N_STATES]
    cdef int64_t i
    cdef int s, done
    cdef int32_t* chosen = <int32_t*> flash_take(pool, cell.rows * sizeof(int32_t))
    flash_give(pool, source.start)
    source.start = out.start = NULL
    if chosen == NULL:
        return 0
    for s in range(cell.states + 1):
        start[s] = 0
    for i in range(cell.rows):
        start[cell.state_at[i] + 1] += 1
    for s in range(cell.states):
        start[s + 1] += start[s]
        next[s] = start[s]
    for i in range(cell.rows):
        s = cell.state_at[i]
        chosen[next[s]] = <int32_t> i
        next[s] += 1
    done = take(&source, chosen, cell.rows, start, out, pool)
    flash_give(pool, chosen)
    if done:
        out.ranged = 1
        memcpy(out.low, source.low, sizeof(source.low))
        memcpy(out.high, source.high, sizeof(source.high))
    return done


cdef inline Lists* whole(const flash_variant* v, int needed, flash_pool* pool) noexcept nogil:
    """Every row of a variant, in the columns that are needed: bit k for column k."""
    cdef Lists* lists = empty(v.n_cells, pool)
    cdef int c
    if lists == NULL:
        return NULL
    for c in range(v.n_cells):
        if not whole_cell(v, c, needed, &lists.cell[c], pool):
            release(lists)
            return NULL
    return lists


cdef inline void release(Lists* lists) noexcept nogil:
    """Gives up one reference to lists, or to none."""
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
    if lists == NULL:
        return NULL
    for c in range(source.n_cells):
        lists.cell[c] = source.cell[c]
        lists.cell[c].owned = 0
        if not set_starts(&lists.cell[c], source.cell[c].states, source.pool):
            release(lists)
            return NULL
        memcpy(lists.cell[c].start, source.cell[c].start,
               (source.cell[c].states + 1) * sizeof(int64_t))
    return lists


cdef inline int take(const List* source, const int32_t* chosen, int64_t n, const int64_t* start,
                     List* out, flash_pool* pool) noexcept nogil:
    """out = the rows `chosen` (positions in source, by state) in one block of memory; false, and
    nothing in it, where there is no memory."""
    cdef int k, present = 0
    cdef int64_t i, room = (n + 1) // 2 * 2
    cdef double* block
    cdef const double* column
    for k in range(FLASH_COLUMNS):
        present += source.column[k] != NULL
    present += source.peak != NULL and source.column[COL_PEAK] == NULL
    out.n = n
    out.owned = 0
    out.ranged = 0
    out.id = <int32_t*> flash_take(
        pool, room * (sizeof(int32_t) + present * sizeof(double)) + 16)
    if not set_starts(out, source.states, pool) or out.id == NULL:
        flash_give(pool, out.id)
        return 0         # its offsets, if any, are dropped with the list
    out.owned = 1
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
    return 1


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
    cdef int64_t start[N_STATES + 1]
    cdef const List* list
    if lists == NULL:
        return NULL
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
        if not take(list, work, n, start, &lists.cell[c], source.pool):
            release(lists)
            return NULL
    return lists
