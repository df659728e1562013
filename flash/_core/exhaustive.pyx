"""Complete enumeration: the yardstick that a proven answer is held against."""

from libc.math cimport INFINITY
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from flash._core.core cimport *
from flash._core.exact cimport Query
from flash._core.relax cimport additive
from flash._core.tables cimport Tables, kernels

__all__ = ("enumerate_best",)


def enumerate_best(Tables tables not None, Query query not None, bint count=False):
    """Looks at every configuration: the answer that a search must give.

    Parameters
    ----------
    tables : Tables
    query : Query
    count : bool, default False
        Also count the feasible ones: each is then weighed exactly, some ten times slower.

    Returns
    -------
    tuple
        (variant, rows, objective, metrics) or None, and the number of feasible configurations or
        None.

    Notes
    -----
    One thread. No part of the space is skipped: the last cell's rows stream past every combination
    of the others, and those that a conservative vector comparison lets through are weighed exactly.
    """
    cdef flash_point best
    cdef int64_t feasible = 0, longest = 1
    cdef int v, k, c
    cdef int32_t* chosen
    cdef double* zeros
    memset(&best, 0, sizeof(best))
    for v in range(tables.problem.n_variants):
        for c in range(tables.problem.variants[v].n_cells):
            longest = max(longest, tables.problem.variants[v].cells[c].rows)
    chosen = <int32_t*> malloc((longest + 16) * sizeof(int32_t))
    zeros = <double*> calloc(longest, sizeof(double))
    try:
        if chosen == NULL or zeros == NULL:
            raise MemoryError
        with nogil:
            for v in range(tables.problem.n_variants):
                if not count and streams(&tables.problem, &query.query, v):
                    stream_variant(&tables.problem, &query.query, v, chosen, zeros, &best)
                else:
                    feasible += enumerate_variant(&tables.problem, &query.query, v, &best)
    finally:
        free(chosen)
        free(zeros)
    answer = None
    if best.found:
        answer = (best.variant, tuple([best.row[k] for k in range(
            tables.problem.variants[best.variant].n_cells)]), best.objective,
            tuple([best.metric[k] for k in range(6)]))
    return answer, feasible if count else None


cdef int streams(const flash_problem* problem, const flash_query* query, int variant) noexcept nogil:
    """The vector comparison knows scores, latency, energy and area, of cells that are not joined."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].joined or v.cells[c].incoming > 1:
            return 0
    return not query.product and v.n_cells > 1 and additive(&problem.links)


cdef void stream_variant(const flash_problem* problem, const flash_query* query, int variant,
                         int32_t* chosen, const double* zeros, flash_point* best) noexcept nogil:
    cdef const flash_variant* v = &problem.variants[variant]
    cdef const flash_cell* last = &v.cells[v.n_cells - 1]
    cdef const flash_links* links = &problem.links
    cdef const flash_kernels* kernel = kernels()
    cdef const double* column[6]
    cdef int32_t row[32]
    cdef double start[9]
    cdef double room[3]
    cdef double f, h, a, need, low
    cdef int c, k, g
    cdef int64_t i, n
    for k in range(6):
        c = k if k < COL_SCALE else COL_AREA
        column[k] = last.column[c] if last.column[c] != NULL else zeros
    memset(row, 0, sizeof(row))
    while True:
        flash_totals(v, row, start)
        for k in range(FLASH_COLUMNS):
            if last.column[k] != NULL:
                start[k] -= last.column[k][0]
        f = h = a = low = 0.0
        if links.n_steps:
            low = start[COL_SCALE] + last.low[COL_SCALE]
            g = flash_class_of(links, low)
            f = links.latency_factor[g]
            h = links.energy_factor[g]
            a = links.area_offset[g]
        room[0] = outward(query.maximum[M_LATENCY], 0.0, links.quantum[M_LATENCY],
                          start[COL_LATENCY] + f * start[COL_LATENCY_SCALED])
        room[1] = outward(query.maximum[M_ENERGY], 0.0, links.quantum[M_ENERGY],
                          start[COL_ENERGY] + h * start[COL_ENERGY_SCALED])
        room[2] = outward(query.maximum[M_AREA], a, links.quantum[M_AREA], start[COL_AREA])
        need = -INFINITY
        if best.found:
            need = best.metric[M_SCORE] / links.quantum[M_SCORE] - start[COL_SCORE]
            need -= 1e-9 * (1.0 + (need if need > 0.0 else -need))
        n = kernel.promising(last.rows, column, f, h, need, room, chosen)
        for i in range(n):
            row[v.n_cells - 1] = chosen[i]
            flash_try(problem, query, variant, row, best)
        row[v.n_cells - 1] = 0
        if not advance(v, row):
            return


cdef inline double outward(double budget, double offset, double quantum,
                           double used) noexcept nogil:
    """What is left of a budget in units, rounded up."""
    cdef double room
    if budget == INFINITY:
        return INFINITY
    room = (budget - offset) / quantum
    return room + 1e-9 * (1.0 + (room if room > 0.0 else -room)) - used


cdef int64_t enumerate_variant(const flash_problem* problem, const flash_query* query, int variant,
                               flash_point* best) noexcept nogil:
    """All rows of all cells but the last in an odometer, the last cell's in a plain loop."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef const flash_cell* last = &v.cells[v.n_cells - 1]
    cdef const flash_links* links = &problem.links
    cdef int32_t row[32]
    cdef double start[9]
    cdef double x[9]
    cdef double m[6]
    cdef int k
    cdef int64_t feasible = 0, i
    memset(row, 0, sizeof(row))
    while True:
        if v.n_cells > 1 and not last.joined and last.incoming <= 1:
            flash_totals(v, row, start)
            for k in range(FLASH_COLUMNS):
                if last.column[k] != NULL:
                    start[k] -= last.column[k][0]
            for i in range(last.rows):
                for k in range(FLASH_COLUMNS):
                    x[k] = start[k]
                    if last.column[k] != NULL:
                        x[k] += last.column[k][i]
                flash_metrics(links, x, m)
                if flash_feasible(links, query, m):
                    feasible += 1
                    if not best.found or flash_objective(links, query, m) >= best.objective:
                        row[v.n_cells - 1] = <int32_t> i
                        flash_try(problem, query, variant, row, best)
            row[v.n_cells - 1] = 0
        else:
            for i in range(last.rows):
                row[v.n_cells - 1] = <int32_t> i
                if follows(v, row):
                    feasible += flash_try(problem, query, variant, row, best) >= 0
            row[v.n_cells - 1] = 0
        if not advance(v, row):
            return feasible


cdef inline int advance(const flash_variant* v, int32_t* row) noexcept nogil:
    """The next combination of all cells but the last; false after the last one."""
    cdef int c = v.n_cells - 2
    while c >= 0:
        row[c] += 1
        if row[c] < v.cells[c].rows:
            return 1
        row[c] = 0
        c -= 1
    return 0


cdef inline int follows(const flash_variant* v, const int32_t* row) noexcept nogil:
    cdef int c
    for c in range(1, v.n_cells):
        if not flash_follows(&v.cells[c - 1], flash_state_of(&v.cells[c - 1], row[c - 1]),
                             &v.cells[c], flash_state_of(&v.cells[c], row[c])):
            return 0
    return 1
