"""What a front is asked for: its goals, and what decides between the sums of some cells' rows.

Sums of rows are compared by keys: every column that a goal or a budget depends on, in the direction
in which it helps (or in both). A sum that is worse in no key and better in a strict one (where a
unit less always shows in a goal) can be left out with all its completions. Where no strict key
differs, the order of answers decides, so that of equal answers the first is kept.

A score with logarithms of totals is compared by its corners instead: what it is with the least and
with the most that the other cells can add to each total. Of two sums the difference of the scores
is monotone in either total, so that one better at all corners is better with any completion.
"""

from libc.math cimport INFINITY, exp, fabs, log, log1p
from libc.string cimport memcpy

from flash._core.cloud cimport *
from flash._core.core cimport *


cdef enum:
    KEEP = 0             # how much worse in a key a sum may be than one that it stands for: nothing,
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
    int n_keys
    int strict           # the first keys
    int key_column[MOST_KEYS]
    double sign[MOST_KEYS]   # 1: less of the column is better; -1: more
    int n_goals
    int goal[6]          # metrics
    int goal_key[6]      # where goals are columns
    int additive         # goals are columns, and so are budgets
    double epsilon
    int slack[MOST_KEYS] # of keys, while cells are joined
    double step[MOST_KEYS]
    int final            # all cells are joined: points are compared by their goals
    const double* known  # metrics of points from elsewhere, (n, 6): records of variant -1
    int only_new         # a point that none of them dominates is all that is asked for
    int variant
    int n_rows           # cells joined
    int corners          # of the score, in the place of its columns; 0 where it is a sum
    int plain[MOST_KEYS] # the other keys
    int n_plain
    int place[N_COLUMNS]         # a key of each column, or -1
    int shows[N_COLUMNS]         # a unit less of a column always shows in what orders answers
    double least_peak    # of any configuration of the variant
    double margin        # more than the rounding of a score
    double shift         # how much less of it a sum may have, while cells are joined
    double rest_low[N_COLUMNS]   # what the other cells bring, by column
    double rest_high[N_COLUMNS]
    int stopped          # 0 running, 1 time, 3 interrupted, 4 no memory
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


cdef inline int compared(const Task* t) noexcept nogil:
    """How many numbers points are compared by."""
    if t.final:
        return t.n_goals
    return t.corners + t.n_plain if t.corners else t.n_keys


cdef inline int strictly(const Task* t) noexcept nogil:
    """How many of them are strict: the first."""
    cdef int d, n = t.corners
    if t.final:
        return t.n_goals
    if not t.corners:
        return t.strict
    for d in range(t.n_plain):
        n += t.plain[d] < t.strict
    return n


cdef inline void corners_of(const Task* t, const double* gain, const double* loss,
                            double* out) noexcept nogil:
    """Scores, negative, at the corners; of what helps the totals are in `gain`, else in `loss`."""
    cdef const flash_links* l = &t.problem.links
    cdef double macs[2]
    cdef double params[2]
    cdef double score = l.quantum[M_SCORE] * gain[COL_SCORE], x
    cdef int i, n = 1
    out[0] = -score
    if l.log_macs != 0.0:
        x = gain[COL_MACS] if l.log_macs > 0.0 else loss[COL_MACS]
        macs[0] = l.log_macs * log(x + t.rest_low[COL_MACS])
        macs[1] = l.log_macs * log(x + t.rest_high[COL_MACS])
        out[1] = out[0] - macs[1]
        out[0] -= macs[0]
        n = 2
    if l.log_params != 0.0:
        x = gain[COL_PARAMS] if l.log_params > 0.0 else loss[COL_PARAMS]
        params[0] = l.log_params * log(x + t.rest_low[COL_PARAMS])
        params[1] = l.log_params * log(x + t.rest_high[COL_PARAMS])
        for i in range(n):
            out[n + i] = out[i] - params[1]
            out[i] -= params[0]


cdef inline void wary(const Task* t, double* key) noexcept nogil:
    """Keys that a point must reach to dominate what had them: beyond the rounding of scores."""
    cdef int d
    if not t.final:
        for d in range(t.corners):
            key[d] -= t.margin


cdef inline void sum_keys(const Task* t, const char* record, double* out) noexcept nogil:
    """What adds up when cells are joined."""
    cdef double x[N_COLUMNS]
    cdef int d
    spelled(t, totals(record), x)
    for d in range(t.n_keys):
        out[d] = t.sign[d] * x[t.key_column[d]]


cdef inline void goals_of(const Task* t, const double* metric, double* out) noexcept nogil:
    cdef int d
    for d in range(t.n_goals):
        out[d] = metric[t.goal[d]] if t.goal[d] != M_SCORE else -metric[M_SCORE]


cdef inline void metrics_of(const Task* t, const char* record, double* m) noexcept nogil:
    cdef double x[N_COLUMNS]
    if known_of(t, record) != NULL:
        memcpy(m, known_of(t, record), FLASH_METRICS * sizeof(double))
        return
    spelled(t, totals(record), x)
    flash_metrics(&t.problem.links, x, m)


cdef inline void keys_of(const Task* t, const char* record, double* out) noexcept nogil:
    """What a record is compared by."""
    cdef double x[N_COLUMNS]
    cdef double m[6]
    cdef int d, k
    if known_of(t, record) != NULL:
        goals_of(t, known_of(t, record), out)
        if t.additive:     # keys are totals then; quanta are powers of two
            for d in range(t.n_goals):
                if t.goal[d] < M_PARAMS:
                    out[d] /= t.problem.links.quantum[t.goal[d]]
        return
    spelled(t, totals(record), x)
    if t.final and not t.additive:
        flash_metrics(&t.problem.links, x, m)
        goals_of(t, m, out)
        return
    if t.corners and not t.final:
        corners_of(t, x, x, out)
        for d in range(t.n_plain):
            k = t.plain[d]
            out[t.corners + d] = t.sign[k] * x[t.key_column[k]]
        return
    for d in range(compared(t)):
        k = t.goal_key[d] if t.final else d
        out[d] = t.sign[k] * x[t.key_column[k]]


cdef inline int earlier(const Task* t, const char* a, const char* b) noexcept nogil:
    """Whether rows a come before rows b of the same variant."""
    cdef const int32_t* r = rows_of(t, a)
    cdef const int32_t* s = rows_of(t, b)
    cdef int c
    for c in range(t.n_rows):
        if r[c] != s[c]:
            return r[c] < s[c]
    return 0


cdef inline int before(const Task* t, const char* a, const char* b) noexcept nogil:
    """Whether a comes before b in the order of answers whatever the other cells are, where a is at
    most b in all keys and they differ in no strict one."""
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double m[6]
    cdef double n[6]
    cdef int k, less = 0
    if t.final or t.additive:
        metrics_of(t, a, m)
        metrics_of(t, b, n)
        for k in range(M_LATENCY, M_PARAMS):
            if m[k] != n[k]:
                return m[k] < n[k]
        if m[M_SCORE] != n[M_SCORE]:
            return m[M_SCORE] > n[M_SCORE]
        if t.final and variant_of(t, a)[0] != variant_of(t, b)[0]:
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


cdef inline void eased(const Task* t, double* key) noexcept nogil:
    """Keys so much worse that what dominates them stands for what had them, within epsilon."""
    cdef int d, k
    cdef double step
    if t.epsilon == 0.0:
        return
    if not t.final:
        for d in range(t.corners):
            key[d] += t.shift
        for d in range(t.corners, compared(t)):
            k = t.plain[d - t.corners] if t.corners else d
            step = t.step[k]
            if t.slack[k] == COST:
                key[d] *= step
            elif t.slack[k] == GAIN:
                if key[d] < 0.0:
                    key[d] /= step
            elif t.slack[k] == SHIFT:
                key[d] += step
        return
    step = (1.0 + t.epsilon) * (1.0 - 1e-12)
    for d in range(t.n_goals):
        if t.goal[d] != M_SCORE:
            key[d] *= step
        elif t.additive:
            key[d] = -eased_score(t, -key[d] * t.problem.links.quantum[M_SCORE])
            key[d] /= t.problem.links.quantum[M_SCORE]
        else:
            key[d] = -eased_score(t, -key[d])


cdef inline double eased_score(const Task* t, double score) noexcept nogil:
    """The least score, or somewhat more, of an accuracy 1 + epsilon times lower."""
    cdef const flash_links* l = &t.problem.links
    cdef double step = (1.0 + t.epsilon) * (1.0 - 1e-12), least
    if l.score_link == 0:
        return score / step if score > 0.0 else score
    if l.score_link == 2:   # log(1 + exp(-z)) grows by less than z falls
        return score - log1p(t.epsilon) * (1.0 - 1e-12)
    if score <= 0.0 or not l.link_b > 0.0:
        return score
    # a + exp(b / s' + c) = step (a + exp(b / score + c))
    least = step * (l.link_a + exp(l.link_b / score + l.link_c)) - l.link_a
    least = l.link_b / (log(least) - l.link_c)
    return min(score, least * (1.0 + 1e-12)) if least > 0.0 else score


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
    return score + direction * 1e-14 * slack


cdef inline int hopeless(const Task* t, const double* low, const double* high) noexcept nogil:
    """Whether no completion of sums within (low, high), all columns, meets the budgets."""
    cdef const flash_query* q = t.query
    cdef const flash_links* l = &t.problem.links
    cdef double x[N_COLUMNS]
    cdef double y[N_COLUMNS]
    cdef double m[6]
    cdef int k
    for k in range(FLASH_COLUMNS):
        x[k] = flash_joined(k, low[k], t.rest_low[k])
        y[k] = flash_joined(k, high[k], t.rest_high[k])
    flash_metrics(l, x, m)
    for k in range(M_LATENCY, FLASH_METRICS):
        if m[k] > q.maximum[k]:
            return 1
    if q.min_accuracy == -INFINITY:
        return 0
    return flash_accuracy(l, end_of_score(l, x, y, 1.0)) < q.min_accuracy


cdef inline void corner(const Task* t, const double* key, const double* opposite,
                        double* low, double* high) noexcept nogil:
    """Totals in the box between the corners of keys; columns without a key are 0."""
    cdef int d, k
    for k in range(FLASH_COLUMNS):
        low[k] = high[k] = 0.0
    for d in range(t.n_keys):
        k = t.key_column[d]
        if t.sign[d] > 0.0:
            low[k] = key[d]
            high[k] = opposite[d]
        else:
            low[k] = -opposite[d]
            high[k] = -key[d]


cdef inline void end_of_goals(const Task* t, const double* low, const double* high,
                              double direction, double* out) noexcept nogil:
    """Goals that no totals between low and high better (1), or than which none are worse (-1)."""
    cdef double m[6]
    flash_metrics(&t.problem.links, low if direction > 0.0 else high, m)
    m[M_SCORE] = end_of_score(&t.problem.links, low, high, direction)
    goals_of(t, m, out)
