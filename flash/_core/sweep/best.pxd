"""The best configurations of a range: a heap, what all others precede on top."""

from libc.stdint cimport int64_t

from flash._core.tables.problem cimport flash_point, flash_precedes


cdef struct Best:
    flash_point* point
    int64_t n, room


cdef inline int offer_best(Best* best, const flash_point* point, int n_cells) noexcept nogil:
    """Whether it is among the best; then it is kept."""
    cdef int64_t i = 0, child
    if best.n < best.room:
        i = best.n
        best.n += 1
        while i and flash_precedes(&best.point[(i - 1) // 2], point, n_cells):
            best.point[i] = best.point[(i - 1) // 2]
            i = (i - 1) // 2
        best.point[i] = point[0]
        return 1
    if not flash_precedes(point, &best.point[0], n_cells):
        return 0
    while True:
        child = 2 * i + 1
        if child >= best.n:
            break
        if child + 1 < best.n and flash_precedes(&best.point[child], &best.point[child + 1],
                                                 n_cells):
            child += 1
        if not flash_precedes(point, &best.point[child], n_cells):
            break
        best.point[i] = best.point[child]
        i = child
    best.point[i] = point[0]
    return 1
