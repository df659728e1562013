"""Entries of a list in order, and which rows no other row makes superfluous."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memmove

from flash._core.search.exact cimport SolverState
from flash._core.search.row_lists cimport List
from flash._core.tables.problem cimport COL_SCORE, FLASH_COLUMNS, flash_cell


cdef struct Entry:
    double value         # what they are ordered by
    int32_t at           # position in the list


cdef enum:
    RUN = 8              # entries sorted by insertion


cdef inline void sort(Entry* entry, int64_t n, Entry* spare) noexcept nogil:
    """By falling value, then by rising position: a merge sort from short runs."""
    cdef int64_t i, j, start, middle, stop, width = RUN
    cdef Entry moved
    cdef Entry* source = entry
    cdef Entry* target = spare
    start = 0
    while start < n:
        stop = min(start + RUN, n)
        for i in range(start + 1, stop):
            moved = entry[i]
            j = i
            while j > start and (entry[j - 1].value < moved.value
                                 or (entry[j - 1].value == moved.value
                                     and entry[j - 1].at > moved.at)):
                entry[j] = entry[j - 1]
                j -= 1
            entry[j] = moved
        start = stop
    while width < n:
        start = 0
        while start < n:
            middle = min(start + width, n)
            stop = min(start + 2 * width, n)
            i = start
            j = middle
            while i < middle and j < stop:
                if source[j].value > source[i].value or (source[j].value == source[i].value
                                                         and source[j].at < source[i].at):
                    target[i + j - middle] = source[j]
                    j += 1
                else:
                    target[i + j - middle] = source[i]
                    i += 1
            while i < middle:
                target[i + j - middle] = source[i]
                i += 1
            while j < stop:
                target[i + j - middle] = source[j]
                j += 1
            start = stop
        source, target = target, source
        width *= 2
    if source != entry:
        memcpy(entry, source, n * sizeof(Entry))


cdef inline int dominates(const SolverState* solver, const flash_cell* cell, const List* list,
                          int32_t a, int32_t b) noexcept nogil:
    """Row a makes row b superfluous: nowhere worse, and strictly better in something reported
    (or, all of that equal, first in the order of indices).

    What is always reported: a class factor may be 0, a peak be hidden by another cell's, and
    rounding hide the difference."""
    cdef int k, strict = 0
    cdef double x, y
    if list.id != NULL:
        a = list.id[a]
        b = list.id[b]
    for k in range(FLASH_COLUMNS):
        if cell.column[k] == NULL:
            continue
        x = cell.column[k][a]
        y = cell.column[k][b]
        if x == y:
            continue
        if solver.direction[k] == 0 or (x < y) == (solver.direction[k] > 0):
            return 0
        strict |= solver.shows[k]
    return strict or a < b


cdef inline int64_t undominated(const SolverState* solver, const flash_cell* cell, const List* list,
                                int64_t start, int64_t stop, Entry* entry, Entry* spare,
                                int64_t most) noexcept nogil:
    """The rows of one state that none of the `most` kept before it in order makes superfluous, as
    entries by falling score. A row kept in vain costs time alone."""
    cdef int64_t i, j, n = stop - start, kept = 0
    for i in range(n):
        entry[i].at = <int32_t> (start + i)
        entry[i].value = (list.column[COL_SCORE][start + i]
                          if list.column[COL_SCORE] != NULL else 0.0)
    sort(entry, n, spare)
    for i in range(n):
        j = kept - 1
        while j >= kept - most and j >= 0 and not dominates(solver, cell, list, entry[j].at,
                                                            entry[i].at):
            j -= 1
        if j >= kept - most and j >= 0:
            continue
        # among equal scores a later row may make an earlier one superfluous
        j = kept - 1
        while j >= 0 and entry[j].value == entry[i].value:
            if dominates(solver, cell, list, entry[i].at, entry[j].at):
                kept -= 1
                memmove(&entry[j], &entry[j + 1], (kept - j) * sizeof(Entry))
            j -= 1
        entry[kept] = entry[i]
        kept += 1
    return kept


cdef inline int64_t distinct(const SolverState* solver, const flash_cell* cell, const List* list,
                             Entry* entry, int64_t n) noexcept nogil:
    """Drops rows that a row of equal value just before them makes superfluous: choices that make
    the same network."""
    cdef int64_t i, j, kept = 0
    for i in range(n):
        j = kept - 1
        while j >= 0 and j >= kept - RUN and entry[j].value == entry[i].value and not dominates(
                solver, cell, list, entry[j].at, entry[i].at):
            j -= 1
        if j >= 0 and j >= kept - RUN and entry[j].value == entry[i].value:
            continue
        entry[kept] = entry[i]
        kept += 1
    return kept
