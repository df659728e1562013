"""Lists of surviving rows, one per cell, shared by the nodes of the search tree."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from flash._core.core cimport *


cdef struct List:
    int64_t n
    int32_t states
    int32_t* id          # rows of the table; NULL: all of them, in order
    int64_t* start       # states + 1 offsets
    double* column[9]    # of the surviving rows; NULL where absent
    int owned


cdef struct Lists:
    int refs
    int n_cells
    List* cell


cdef inline Lists* whole(const flash_variant* v) noexcept nogil:
    """Every row of a variant, without a copy."""
    cdef Lists* lists = <Lists*> malloc(sizeof(Lists))
    cdef int c, s
    if lists == NULL:
        return NULL
    lists.cell = <List*> malloc(v.n_cells * sizeof(List))
    lists.refs = 1
    lists.n_cells = v.n_cells
    for c in range(v.n_cells):
        lists.cell[c].n = v.cells[c].rows
        lists.cell[c].states = v.cells[c].states
        lists.cell[c].id = NULL
        lists.cell[c].owned = 0
        lists.cell[c].start = <int64_t*> malloc((v.cells[c].states + 1) * sizeof(int64_t))
        for s in range(v.cells[c].states + 1):
            lists.cell[c].start[s] = s * (v.cells[c].rows // v.cells[c].states)
        memcpy(lists.cell[c].column, v.cells[c].column, sizeof(v.cells[c].column))
    return lists


cdef inline void release(Lists* lists) noexcept nogil:
    cdef int c
    if lists == NULL:
        return
    lists.refs -= 1
    if lists.refs:
        return
    for c in range(lists.n_cells):
        drop(&lists.cell[c])
    free(lists.cell)
    free(lists)


cdef inline void drop(List* list) noexcept nogil:
    free(list.start)
    if list.owned:
        free(list.id)


cdef inline Lists* copy(const Lists* source) noexcept nogil:
    """The same rows, borrowed: good while `source` lives."""
    cdef Lists* lists = <Lists*> malloc(sizeof(Lists))
    cdef int c
    lists.cell = <List*> malloc(source.n_cells * sizeof(List))
    lists.refs = 1
    lists.n_cells = source.n_cells
    for c in range(source.n_cells):
        lists.cell[c] = source.cell[c]
        lists.cell[c].owned = 0
        lists.cell[c].start = <int64_t*> malloc((source.cell[c].states + 1) * sizeof(int64_t))
        memcpy(lists.cell[c].start, source.cell[c].start,
               (source.cell[c].states + 1) * sizeof(int64_t))
    return lists


cdef inline void take(const List* source, const int32_t* chosen, int64_t n, const int64_t* start,
                      List* out) noexcept nogil:
    """out = the rows `chosen` (positions in source, by state) in one block of memory."""
    cdef int k, present = 0
    cdef int64_t i, room = (n + 1) // 2 * 2
    cdef double* block
    cdef const double* column
    for k in range(FLASH_COLUMNS):
        present += source.column[k] != NULL
    out.n = n
    out.states = source.states
    out.owned = 1
    out.id = <int32_t*> malloc(room * (sizeof(int32_t) + present * sizeof(double)) + 16)
    out.start = <int64_t*> malloc((source.states + 1) * sizeof(int64_t))
    memcpy(out.start, start, (source.states + 1) * sizeof(int64_t))
    if source.id == NULL:
        memcpy(out.id, chosen, n * sizeof(int32_t))
    else:
        for i in range(n):
            out.id[i] = source.id[chosen[i]]
    block = <double*> (out.id + room)
    for k in range(FLASH_COLUMNS):
        if source.column[k] == NULL:
            out.column[k] = NULL
            continue
        column = source.column[k]
        out.column[k] = block
        for i in range(n):
            block[i] = column[chosen[i]]
        block += room


cdef inline Lists* sample(const Lists* source, int64_t most, int32_t* work) noexcept nogil:
    """Every n-th row, so that no list is longer than about `most` rows a state."""
    cdef Lists* lists = <Lists*> malloc(sizeof(Lists))
    cdef int c, s
    cdef int64_t i, n, step
    cdef int64_t start[65]
    cdef const List* list
    lists.cell = <List*> malloc(source.n_cells * sizeof(List))
    lists.refs = 1
    lists.n_cells = source.n_cells
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
        take(list, work, n, start, &lists.cell[c])
    return lists
