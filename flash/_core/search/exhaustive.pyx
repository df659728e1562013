"""Complete enumeration: the yardstick that a proven answer is held against."""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from flash._core.kernels.kernels cimport FLASH_PARTS, PART_SCORE, flash_kernels, flash_parts
from flash._core.search.exact cimport Query
from flash._core.search.relaxation cimport additive
from flash._core.search.row_parts cimport parts_of, row_parts
from flash._core.search.tolerances cimport STREAM_SLACK, UNITS_SLACK
from flash._core.tables.problem cimport (
    COL_SCALE, FLASH_COLUMNS, M_SCORE, N_CELLS, N_COLUMNS, N_METRICS, OVER_BUDGET, flash_cell,
    flash_feasible, flash_follows, flash_joined, flash_links, flash_metrics, flash_objective,
    flash_point, flash_problem, flash_query, flash_state_of, flash_try, flash_variant,
)
from flash._core.tables.tables cimport Tables, kernels

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
    cdef int64_t feasible = 0, longest = 1, i
    cdef int v, k, c
    cdef int32_t* chosen
    cdef double* linked
    cdef flash_cell* last
    memset(&best, 0, sizeof(best))
    for v in range(tables.problem.n_variants):
        for c in range(tables.problem.variants[v].n_cells):
            longest = max(longest, tables.problem.variants[v].cells[c].rows)
    chosen = <int32_t*> malloc((longest + 16) * sizeof(int32_t))
    linked = <double*> malloc(FLASH_PARTS * longest * sizeof(double))
    try:
        if chosen == NULL or linked == NULL:
            raise MemoryError
        with nogil:
            for v in range(tables.problem.n_variants):
                if not count and streams(&tables.problem, &query.query, v):
                    last = &tables.problem.variants[v].cells[tables.problem.variants[v].n_cells - 1]
                    for i in range(last.rows):
                        row_parts(&tables.problem.links, last.column, i, last.rows, linked + i)
                    stream_variant(&tables.problem, &query.query, v, chosen, linked, &best)
                else:
                    feasible += enumerate_variant(&tables.problem, &query.query, v, &best)
    finally:
        free(chosen)
        free(linked)
    answer = None
    if best.found:
        answer = (best.variant, tuple([best.row[k] for k in range(
            tables.problem.variants[best.variant].n_cells)]), best.objective,
            tuple([best.metric[k] for k in range(N_METRICS)]))
    return answer, feasible if count else None


cdef int streams(const flash_problem* problem, const flash_query* query,
                 int variant) noexcept nogil:
    """The vector comparison knows scores, latency, energy and area, of cells that are not joined.
    """
    cdef const flash_variant* v = &problem.variants[variant]
    return not query.product and v.n_cells > 1 and additive(&problem.links) and apart(v)


cdef int apart(const flash_variant* v) noexcept nogil:
    """Any rows of its cells go together, and nothing is between them."""
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].joined or v.cells[c].incoming > 1:
            return 0
    return 1


cdef inline double needed_score(const flash_point* best, const flash_parts* p) noexcept nogil:
    """A score that a row must add to the other cells' to match the best, outward."""
    cdef double need = -INFINITY
    if best.found:
        need = best.metric[M_SCORE] - p.own[PART_SCORE]
        need -= STREAM_SLACK * (1.0 + fabs(need)) + UNITS_SLACK * (
            fabs(best.metric[M_SCORE]) + fabs(p.own[PART_SCORE]))
    return need


cdef void stream_variant(const flash_problem* problem, const flash_query* query, int variant,
                         int32_t* chosen, const double* linked, flash_point* best) noexcept nogil:
    """linked: the last cell's rows as the sifting kernel takes them, after their scores."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef const flash_cell* last = &v.cells[v.n_cells - 1]
    cdef const flash_kernels* kernel = kernels()
    cdef int32_t row[N_CELLS]
    cdef double start[N_COLUMNS]
    cdef double need
    cdef int64_t i, n
    cdef flash_parts p
    memset(row, 0, sizeof(row))
    while True:
        join_all_but_last(v, row, start)
        parts_of(&problem.links, query, start, last.low[COL_SCALE], &p)
        need = needed_score(best, &p)
        n = kernel.meeting(last.rows, linked, last.rows, &p, chosen)
        for i in range(n):
            if linked[chosen[i]] < need:
                continue
            row[v.n_cells - 1] = chosen[i]
            flash_try(problem, query, variant, row, best)
            need = needed_score(best, &p)
        row[v.n_cells - 1] = 0
        if not advance(v, row):
            return


cdef void join_all_but_last(const flash_variant* v, const int32_t* row, double* x) noexcept nogil:
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        x[k] = v.constant[k]
        for c in range(v.n_cells - 1):
            if v.cells[c].column[k] != NULL:
                x[k] = flash_joined(k, x[k], v.cells[c].column[k][row[c]])


cdef int64_t enumerate_variant(const flash_problem* problem, const flash_query* query, int variant,
                               flash_point* best) noexcept nogil:
    """All rows of all cells but the last in an odometer, the last cell's in a plain loop."""
    cdef const flash_variant* v = &problem.variants[variant]
    cdef int quick = v.n_cells > 1 and apart(v)
    cdef const flash_cell* last = &v.cells[v.n_cells - 1]
    cdef const flash_links* links = &problem.links
    cdef int32_t row[N_CELLS]
    cdef double start[N_COLUMNS]
    cdef double x[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef int k
    cdef int64_t feasible = 0, i
    memset(row, 0, sizeof(row))
    while True:
        if quick:
            join_all_but_last(v, row, start)
            for i in range(last.rows):
                for k in range(FLASH_COLUMNS):
                    x[k] = start[k]
                    if last.column[k] != NULL:
                        x[k] = flash_joined(k, x[k], last.column[k][i])
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
                    feasible += flash_try(problem, query, variant, row, best) != OVER_BUDGET
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
