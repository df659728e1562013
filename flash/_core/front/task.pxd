"""What a front is asked for: its goals, and what decides between the sums of some cells' rows.

While cells are missing, a sum of rows is compared by what each goal and budget is with the least
that the missing cells can bring, and with the most, and by the scale, which selects the class. What
is no worse in these keys is then looked at in all columns (front_pair.h): whether no goal or budget
can be worse whatever the missing cells are, and one goal is better. A sum that another is better
than in this way is left out with all its completions. Where no goal surely differs, the order of
answers decides, so that of equal answers the first is kept.

A score with logarithms of totals is compared by its corners: what it is with the least and with the
most that the other cells can add to each total. Of two sums the difference of the scores is
monotone in either total, so that one better at all corners is better with any completion.
"""

from libc.math cimport INFINITY, exp, fabs, log, log1p
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from flash._core.kernels.kernels cimport FLASH_AT_MOST, FLASH_BY_SCALE, flash_kernels, flash_stage
from flash._core.tables.problem cimport (
    COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE, FLASH_COLUMNS, FLASH_METRICS,
    LINK_LOGISTIC, LINK_NONE, M_LATENCY, M_PARAMS, M_SCORE, N_COLUMNS, N_METRICS, flash_accuracy,
    flash_joined, flash_links, flash_metrics, flash_problem, flash_query,
)


cdef extern from * nogil:
    """
    #define DOUBLE_STEP 0x1p-52 /* from 1.0 to the next double */
    /* A step by which keys are eased is this factor of what epsilon allows, so that the rounding
     * of exp, log1p and of the easing itself takes no point out of epsilon's reach; and where a
     * score is told back from an accuracy, it is so much higher. */
    #define EASE_INWARD (1.0 - 1e-12)
    #define EASE_OUTWARD (1.0 + 1e-12)
    /* Parts of a score with logarithms that it is rounded by, at most: of the greatest score's
     * size where two are compared, of the terms' size where one is bounded. */
    #define SCORE_ROUNDING 1e-13
    #define TERM_ROUNDING 1e-14
    #define MOST_STEEP 1e300 /* beyond it a quotient of two such numbers is 1 */
    """
    const double DOUBLE_STEP
    const double EASE_INWARD
    const double EASE_OUTWARD
    const double SCORE_ROUNDING
    const double TERM_ROUNDING
    const double MOST_STEEP


cdef enum:               # why a search stopped
    RUNNING = 0
    OUT_OF_TIME = 1
    NEW_POINT = 2        # which was all that was asked for
    INTERRUPTED = 3
    OUT_OF_MEMORY = 4

cdef enum:
    KEEP = 0             # how much worse in a column a sum may be than one that it stands for: not,
    COST = 1             # a factor above its cost,
    GAIN = 2             # a factor below its gain,
    SHIFT = 3            # a difference


cdef struct Task:
    const flash_problem* problem
    const flash_query* query
    const flash_kernels* kernels
    int n_columns
    int column[N_COLUMNS]        # of a record
    int n_cells          # rows of a record
    int64_t stride
    int n_goals
    int goal[N_METRICS]          # metrics
    double epsilon
    int loose[N_COLUMNS]         # how each column may be eased
    int slack[N_COLUMNS]         # and is, while the variant's cells are joined
    double step[N_COLUMNS]
    flash_stage stage    # how points are compared now
    int shows[N_COLUMNS]         # a unit less of a column always shows in what orders answers
    double top[N_METRICS]        # of each metric's size
    const double* known  # metrics of points from elsewhere, (n, 6): records of variant -1
    int limited          # there are budgets
    int only_new         # a point that none of them dominates is all that is asked for
    int variant
    int n_rows           # cells joined
    double margin        # more than the rounding of a score with logarithms
    double shift         # how much less of it a sum may have, while cells are joined
    int stopped          # RUNNING, OUT_OF_TIME ...
    double deadline
    double each          # seconds that sifting took for a point
    int64_t held         # points to sift before the search can end
    int64_t before       # of them, those of the variants before
    double next_look
    void* owner
    double done, share   # cells joined, and how much of the present join is done
    double whole         # cells of the variant
    int64_t weighed


cdef inline double* totals(const char* record) noexcept nogil:
    return <double*> record


cdef inline int32_t* variant_of(const Task* t, const char* record) noexcept nogil:
    return <int32_t*> (record + t.n_columns * sizeof(double))


cdef inline int32_t* rows_of(const Task* t, const char* record) noexcept nogil:
    return <int32_t*> (record + t.n_columns * sizeof(double)) + 1


cdef inline const double* known_of(const Task* t, const char* record) noexcept nogil:
    """The metrics of a point from elsewhere; NULL of the problem's own."""
    if variant_of(t, record)[0] >= 0:
        return NULL
    return t.known + <int64_t> rows_of(t, record)[0] * FLASH_METRICS


cdef inline void spelled(const Task* t, const double* own, double* x) noexcept nogil:
    """All totals of a record's."""
    cdef int k
    for k in range(FLASH_COLUMNS):
        x[k] = 0.0
    for k in range(t.n_columns):
        x[t.column[k]] = own[k]


cdef inline void completed(const double* x, const double* rest, double* out) noexcept nogil:
    """Totals with what missing cells bring."""
    cdef int k
    for k in range(FLASH_COLUMNS):
        out[k] = flash_joined(k, x[k], rest[k])


cdef inline int has_logarithms(const flash_links* l) noexcept nogil:
    return l.log_macs != 0.0 or l.log_params != 0.0


cdef inline void corners_of(const Task* t, const double* gain, const double* loss,
                            double* out) noexcept nogil:
    """Scores, negative, at the corners; of what helps the totals are in `gain`, else in `loss`."""
    cdef const flash_links* l = &t.problem.links
    cdef const double* low = &t.stage.low[0]
    cdef const double* high = &t.stage.high[0]
    cdef double macs[2]
    cdef double params[2]
    cdef double score = l.quantum[M_SCORE] * gain[COL_SCORE], x
    cdef int i, n = 1
    out[0] = -score
    if l.log_macs != 0.0:
        x = gain[COL_MACS] if l.log_macs > 0.0 else loss[COL_MACS]
        macs[0] = l.log_macs * log(x + low[COL_MACS])
        macs[1] = l.log_macs * log(x + high[COL_MACS])
        out[1] = out[0] - macs[1]
        out[0] -= macs[0]
        n = 2
    if l.log_params != 0.0:
        x = gain[COL_PARAMS] if l.log_params > 0.0 else loss[COL_PARAMS]
        params[0] = l.log_params * log(x + low[COL_PARAMS])
        params[1] = l.log_params * log(x + high[COL_PARAMS])
        for i in range(n):
            out[n + i] = out[i] - params[1]
            out[i] -= params[0]


cdef inline void wary(const Task* t, double* key) noexcept nogil:
    """Keys that a point must reach to dominate what had them: beyond the rounding of scores."""
    cdef int d
    for d in range(t.stage.corners):
        key[d] -= t.margin


cdef inline void key_of_each(const Task* t, const double* metric, const double* at_most,
                             double scale, double* out) noexcept nogil:
    """Keys of metrics and of the scale, after the corners."""
    cdef const flash_stage* s = &t.stage
    cdef int d
    for d in range(s.corners, s.n_keys):
        if s.kind[d] == FLASH_BY_SCALE:
            out[d] = scale
        elif s.kind[d] >= FLASH_AT_MOST:
            out[d] = at_most[s.kind[d] - FLASH_AT_MOST]
        else:
            out[d] = metric[s.kind[d]] if s.kind[d] != M_SCORE else -metric[M_SCORE]


cdef inline void keys_of(const Task* t, const char* record, double* out) noexcept nogil:
    """What a record is compared by."""
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef double n[N_METRICS]
    if known_of(t, record) != NULL:
        key_of_each(t, known_of(t, record), NULL, 0.0, out)
        return
    spelled(t, totals(record), x)
    if not t.stage.final:
        completed(x, t.stage.high, y)
        flash_metrics(&t.problem.links, y, n)
    completed(x, t.stage.low, y)
    flash_metrics(&t.problem.links, y, m)
    key_of_each(t, m, n, y[COL_SCALE], out)
    if t.stage.corners:
        corners_of(t, x, x, out)


cdef inline void keys_between(const Task* t, const double* low, const double* high, double* least,
                              double* most) noexcept nogil:
    """Keys that no totals between low and high have less than, and more than."""
    cdef const flash_links* l = &t.problem.links
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double z[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef double n[N_METRICS]
    completed(low, t.stage.low, x)
    completed(high, t.stage.low, y)
    flash_metrics(l, x, m)
    m[M_SCORE] = end_of_score(l, x, y, 1.0)
    if not t.stage.final:
        completed(low, t.stage.high, z)
        flash_metrics(l, z, n)
    key_of_each(t, m, n, x[COL_SCALE], least)
    flash_metrics(l, y, m)
    m[M_SCORE] = end_of_score(l, x, y, -1.0)
    if not t.stage.final:
        completed(high, t.stage.high, z)
        flash_metrics(l, z, n)
    key_of_each(t, m, n, y[COL_SCALE], most)
    if t.stage.corners:
        corners_of(t, high, low, least)
        corners_of(t, low, high, most)


cdef inline void metrics_of(const Task* t, const char* record, double* m) noexcept nogil:
    cdef double x[N_COLUMNS]
    if known_of(t, record) != NULL:
        memcpy(m, known_of(t, record), FLASH_METRICS * sizeof(double))
        return
    spelled(t, totals(record), x)
    flash_metrics(&t.problem.links, x, m)


cdef inline int earlier(const Task* t, const char* a, const char* b) noexcept nogil:
    """Whether rows a come before rows b of the same variant."""
    cdef const int32_t* r = rows_of(t, a)
    cdef const int32_t* s = rows_of(t, b)
    cdef int c
    for c in range(t.n_rows):
        if r[c] != s[c]:
            return r[c] < s[c]
    return 0


cdef inline int comes_before(const Task* t, const char* a, const char* b) noexcept nogil:
    """Whether a comes before b in the order of answers whatever the other cells are, where a is
    worse in nothing that is compared."""
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef double n[N_METRICS]
    cdef int k, less = 0
    if t.stage.final:
        metrics_of(t, a, m)
        metrics_of(t, b, n)
        for k in range(M_LATENCY, M_PARAMS):
            if m[k] != n[k]:
                return m[k] < n[k]
        if m[M_SCORE] != n[M_SCORE]:
            return m[M_SCORE] > n[M_SCORE]
        if variant_of(t, a)[0] != variant_of(t, b)[0]:
            return variant_of(t, a)[0] < variant_of(t, b)[0]
        return earlier(t, a, b)
    spelled(t, totals(a), x)
    spelled(t, totals(b), y)
    if (t.problem.links.log_macs != 0.0 and x[COL_MACS] != y[COL_MACS]) or (
            t.problem.links.log_params != 0.0 and x[COL_PARAMS] != y[COL_PARAMS]):
        return 0           # which of the scores is higher depends on the other cells
    for k in range(COL_PEAK + 1):
        if (x[k] < y[k]) if k == COL_SCORE else (x[k] > y[k]):
            return 0
        if x[k] != y[k] and t.shows[k]:
            less = 1
    return less or earlier(t, a, b)


cdef inline void eased_totals(const Task* t, double* x, int64_t apart) noexcept nogil:
    """Totals so much worse that what is no worse than them stands for what had them, within
    epsilon, while cells are missing. `apart`: from one column's to the next."""
    cdef int i, k
    cdef double* own
    for i in range(t.stage.n_columns):
        k = t.stage.column[i]
        own = x + k * apart
        if t.slack[k] == COST:
            own[0] *= t.step[k]
        elif t.slack[k] == GAIN:
            if own[0] > 0.0:
                own[0] /= t.step[k]
        elif t.slack[k] == SHIFT:
            own[0] -= t.step[k]


cdef inline void eased_goals(const Task* t, double* key) noexcept nogil:
    """The same of goals once all cells are joined."""
    cdef double step = (1.0 + t.epsilon) * EASE_INWARD
    cdef int d
    for d in range(t.n_goals):
        if t.goal[d] == M_SCORE:
            key[d] = -eased_score(t, -key[d])
        else:
            key[d] *= step


cdef inline void eased_keys(const Task* t, double* key) noexcept nogil:
    """Keys of eased totals, eased as what is no total."""
    cdef int d
    if t.stage.final:
        eased_goals(t, key)
    for d in range(t.stage.corners):
        key[d] += t.shift


cdef inline double eased_score(const Task* t, double score) noexcept nogil:
    """The least score, or somewhat more, of an accuracy 1 + epsilon times lower."""
    cdef const flash_links* l = &t.problem.links
    cdef double step = (1.0 + t.epsilon) * EASE_INWARD, least
    if l.score_link == LINK_NONE:
        return score / step if score > 0.0 else score
    if l.score_link == LINK_LOGISTIC:   # log(1 + exp(-z)) grows by less than z falls
        return score - log1p(t.epsilon) * EASE_INWARD
    if score <= 0.0 or not l.link_b > 0.0:
        return score
    # a + exp(b / s' + c) = step (a + exp(b / score + c))
    least = step * (l.link_a + exp(l.link_b / score + l.link_c)) - l.link_a
    least = l.link_b / (log(least) - l.link_c)
    return min(score, least * EASE_OUTWARD) if least > 0.0 else score


cdef inline double end_of_score(const flash_links* l, const double* least, const double* most,
                                double direction) noexcept nogil:
    """A score that no totals between two exceed (direction 1), or that none falls below (-1)."""
    cdef const double* gain = most if direction > 0.0 else least
    cdef const double* loss = least if direction > 0.0 else most
    cdef double score = l.quantum[M_SCORE] * gain[COL_SCORE], term, slack = 0.0
    if l.log_macs != 0.0:
        term = l.log_macs * log(gain[COL_MACS] if l.log_macs > 0.0 else loss[COL_MACS])
        slack += fabs(score) + fabs(term)
        score += term
    if l.log_params != 0.0:
        term = l.log_params * log(gain[COL_PARAMS] if l.log_params > 0.0 else loss[COL_PARAMS])
        slack += fabs(score) + fabs(term)
        score += term
    return score + direction * TERM_ROUNDING * slack


cdef inline int hopeless(const Task* t, const double* low, const double* high) noexcept nogil:
    """Whether no completion of sums within (low, high), all columns, meets the budgets."""
    cdef const flash_query* q = t.query
    cdef const flash_links* l = &t.problem.links
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef int k
    if not t.limited:
        return 0
    completed(low, t.stage.low, x)
    flash_metrics(l, x, m)
    for k in range(M_LATENCY, FLASH_METRICS):
        if m[k] > q.maximum[k]:
            return 1
    if q.min_accuracy == -INFINITY:
        return 0
    completed(high, t.stage.high, y)
    return flash_accuracy(l, end_of_score(l, x, y, 1.0)) < q.min_accuracy
