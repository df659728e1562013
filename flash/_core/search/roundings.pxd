"""What sums over a variant may lose by rounding (docs/concepts/proof.md derives it)."""

from libc.math cimport fabs, frexp, log
from libc.string cimport memset

from flash._core.search.tolerances cimport SUM_ROUNDINGS, SUM_SLACK
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_LATENCY, COL_MACS, COL_PARAMS, COL_SCORE, FLASH_COLUMNS, M_AREA,
    M_ENERGY, M_LATENCY, M_SCORE, N_COLUMNS, N_METRICS, flash_joined, flash_links, flash_metrics,
    flash_problem, flash_variant,
)


cdef enum:
    FIXED_ROUNDINGS = 26     # of a term, but for those by column, by cell and by boundary
    METRIC_ROUNDINGS = 5     # of operations on the way to a metric, at most


cdef struct VariantFacts:
    double sum_slack     # of the terms' absolute values: SUM_SLACK, or more where sums are longer
    double score_size    # of the scores' absolute values, where both signs occur: what is left of
                         # them may be small; else 0


cdef inline double largest(const double* number, int n) noexcept nogil:
    cdef double most = 0.0
    cdef int i
    for i in range(n):
        most = max(most, fabs(number[i]))
    return most


cdef inline void most_of(const flash_variant* v, double* most) noexcept nogil:
    """The most that the absolute values of each column can add up to."""
    cdef double own
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        most[k] = fabs(v.constant[k])
        for c in range(v.n_cells):
            own = max(fabs(v.cells[c].low[k]), fabs(v.cells[c].high[k]))
            if v.cells[c].column[k] != NULL:
                most[k] = flash_joined(k, most[k], own)
            if v.cells[c].boundary[k] != NULL:
                most[k] += largest(v.cells[c].boundary[k],
                                   v.cells[c].states * (v.cells[c - 1].states if c else 1))


cdef inline int any_negative_score(const flash_variant* v) noexcept nogil:
    """Whether any number of the score's column is negative, as no other column's may be."""
    cdef const double* boundary
    cdef int c, i
    if v.constant[COL_SCORE] < 0.0:
        return 1
    for c in range(v.n_cells):
        if v.cells[c].column[COL_SCORE] != NULL and v.cells[c].low[COL_SCORE] < 0.0:
            return 1
        boundary = v.cells[c].boundary[COL_SCORE]
        if boundary != NULL:
            for i in range(v.cells[c].states * (v.cells[c - 1].states if c else 1)):
                if boundary[i] < 0.0:
                    return 1
    return 0


cdef inline int roundings(const flash_variant* v, int columns) noexcept nogil:
    """How many operations round a term of a sum over columns and cells, at most. columns: a bit for
    each that may weigh anything."""
    cdef int c, k, n = FIXED_ROUNDINGS + v.n_cells
    for k in range(FLASH_COLUMNS):
        if columns >> k & 1:
            n += 2           # within a row, and of the constant
            for c in range(v.n_cells):
                n += v.cells[c].boundary[k] != NULL
    return n


cdef inline void learn(const flash_variant* v, int columns, const double* most,
                       VariantFacts* facts) noexcept nogil:
    """The facts of a variant; most: of most_of."""
    cdef int n = roundings(v, columns)
    facts.sum_slack = SUM_SLACK
    if n > SUM_ROUNDINGS:
        facts.sum_slack *= n / <double> SUM_ROUNDINGS
    facts.score_size = most[COL_SCORE] if any_negative_score(v) else 0.0


cdef inline double log_size(const flash_links* links, double params, double macs) noexcept nogil:
    """Of the logarithms in the score, absolute, up to these totals, which are 1 or more."""
    cdef double size = 0.0
    if links.log_params != 0.0:
        size += fabs(links.log_params) * (1.0 + fabs(log(params)))
    if links.log_macs != 0.0:
        size += fabs(links.log_macs) * (1.0 + fabs(log(macs)))
    return size


cdef inline int power_of_two(double x) noexcept nogil:
    cdef int exponent
    return frexp(x, &exponent) == 0.5


cdef inline void learn_all(const flash_problem* problem, int needed, VariantFacts* facts,
                           int* shows) noexcept nogil:
    """The facts of all variants, of the columns that are needed; shows[k]: in the score, latency,
    energy and area, whether one unit more of the column always shows in the reported metric,
    whatever the others add to it."""
    cdef const flash_links* links = &problem.links
    cdef double most[N_COLUMNS]
    cdef double top[N_METRICS]
    cdef double metric[N_METRICS]
    cdef double step = METRIC_ROUNDINGS * 2.0 ** -52
    cdef int i, k
    memset(top, 0, sizeof(top))
    for i in range(problem.n_variants):
        most_of(&problem.variants[i], most)
        learn(&problem.variants[i], needed & problem.present, most, &facts[i])
        flash_metrics(links, most, metric)
        metric[M_SCORE] = links.quantum[M_SCORE] * most[COL_SCORE] + log_size(
            links, most[COL_PARAMS], most[COL_MACS])
        for k in range(M_AREA + 1):
            top[k] = max(top[k], metric[k])
    for k in range(FLASH_COLUMNS):
        shows[k] = 0
    shows[COL_SCORE] = links.quantum[M_SCORE] > step * top[M_SCORE]
    shows[COL_LATENCY] = links.quantum[M_LATENCY] > step * top[M_LATENCY]
    shows[COL_ENERGY] = links.quantum[M_ENERGY] > step * top[M_ENERGY]
    shows[COL_AREA] = links.quantum[M_AREA] > step * top[M_AREA]
