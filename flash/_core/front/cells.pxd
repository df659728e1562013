"""Joins a variant's cells one after another, by groups of states."""

from libc.math cimport exp, log1p
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from flash._core.front.cloud cimport Cloud, discard, points_of
from flash._core.front.join cimport Pause, join_clouds
from flash._core.front.keys cimport bounded, by_goals, by_missing, rest_of
from flash._core.front.sift cimport Waiting, by_sums, claim, sift
from flash._core.front.task cimport (
    EASE_INWARD, KEEP, MOST_STEEP, OUT_OF_MEMORY, SHIFT, Task, has_logarithms, hopeless, rows_of,
    totals, variant_of,
)
from flash._core.kernels.kernels cimport FLASH_POINTS, flash_lanes, flash_points, flash_stage
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, LINK_EXPONENTIAL, LINK_LOGISTIC, M_SCORE, N_COLUMNS, N_STATES,
    flash_cell, flash_follows, flash_links, flash_state_of, flash_variant,
)


cdef enum:
    MANY_ROWS = 256      # of a cell, so that not all are sifted at once
    FEW_ROWS = 64        # that come first


cdef inline int positive(const flash_variant* v) noexcept nogil:
    """Whether no row has a negative score."""
    cdef int c
    cdef int64_t i
    for c in range(v.n_cells):
        if v.cells[c].low[COL_SCORE] < 0.0:
            return 0
        if v.cells[c].boundary[COL_SCORE] != NULL:
            for i in range(v.cells[c].states * (v.cells[c - 1].states if c else 1)):
                if v.cells[c].boundary[COL_SCORE][i] < 0.0:
                    return 0
    return v.constant[COL_SCORE] >= 0.0


cdef inline void choose_steps(Task* t, const flash_variant* v) noexcept nogil:
    """Splits epsilon between the joins: half for the last, the rest for those in the middle."""
    cdef const flash_links* l = &t.problem.links
    cdef double low[N_COLUMNS]
    cdef double high[N_COLUMNS]
    cdef double whole = log1p(t.epsilon), share, score, steep
    cdef int k, middle = v.n_cells - 2
    t.shift = 0.0
    for k in range(FLASH_COLUMNS):
        t.slack[k] = KEEP
    if t.epsilon == 0.0 or middle <= 0:
        return
    share = 0.5 * whole / middle
    t.epsilon = exp(0.5 * whole) - 1.0
    for k in range(FLASH_COLUMNS):
        t.slack[k] = t.loose[k]
        t.step[k] = exp(share) * EASE_INWARD
    rest_of(v, 0, -1, low, high)
    score = l.quantum[M_SCORE] * (low[COL_SCORE] + v.constant[COL_SCORE])
    if has_logarithms(l):
        if l.score_link == LINK_LOGISTIC and not bounded(t, M_SCORE):
            t.shift = share * EASE_INWARD
    elif t.slack[COL_SCORE] == KEEP:
        pass
    elif l.score_link == LINK_LOGISTIC:
        t.slack[COL_SCORE] = SHIFT
        t.step[COL_SCORE] = share * EASE_INWARD / l.quantum[M_SCORE]
    elif not score > 0.0 or not positive(v):
        t.slack[COL_SCORE] = KEEP
    elif l.score_link == LINK_EXPONENTIAL:
        # accuracy rises by at most this power of the score, steepest where it is least
        score *= exp(-whole)
        steep = exp(l.link_b / score + l.link_c)
        steep = l.link_b / score * (steep / (l.link_a + steep) if steep < MOST_STEEP else 1.0)
        t.step[COL_SCORE] = exp(share / max(1.0, steep)) * EASE_INWARD


cdef inline int64_t future(const flash_variant* v, int c, int64_t state) noexcept nogil:
    """States that the cells after c can't tell apart have the same number."""
    cdef int k
    cdef const flash_cell* cell = &v.cells[c]
    if cell.incoming <= 1:
        return state
    if c + 1 < v.n_cells:
        for k in range(FLASH_COLUMNS):
            if v.cells[c + 1].boundary[k] != NULL:
                return state
    return (state // cell.classes % (cell.states // cell.classes // cell.incoming)
            * cell.classes)


cdef inline void take_row(Task* t, const flash_cell* cell, int64_t row,
                          Waiting* waiting) noexcept nogil:
    """A row waits to join the others, unless no completion of it meets the budgets."""
    cdef double x[N_COLUMNS]
    cdef char* made
    cdef int k
    for k in range(FLASH_COLUMNS):
        x[k] = cell.column[k][row] if cell.column[k] != NULL else 0.0
    if hopeless(t, x, x):
        return
    made = claim(t, waiting)
    if made == NULL:
        return
    for k in range(t.n_columns):
        totals(made)[k] = x[t.column[k]]
    memset(variant_of(t, made), 0, (t.n_cells + 1) * sizeof(int32_t))
    rows_of(t, made)[0] = <int32_t> row


cdef inline void undominated_rows(Task* t, const flash_variant* v, int c, int64_t state,
                                  Cloud* out) noexcept nogil:
    """The rows of a cell in a state that no other dominates. Of many some come first: most of the
    others are dominated by one of them."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef int64_t each = cell.rows // (cell.states // cell.classes)   # among them, where mixed
    cdef int64_t first = state // cell.classes * each, i, b
    cdef Waiting waiting
    cdef flash_stage stage = t.stage
    cdef flash_lanes lanes
    cdef flash_points some
    cdef int32_t blocks[FEW_ROWS]
    cdef uint32_t alive, perhaps
    cdef int d, k, l, count, n_rows = t.n_rows
    cdef double epsilon = t.epsilon
    by_missing(t, v, 0, c)
    t.n_rows = 1
    t.epsilon = 0.0
    memset(&waiting, 0, sizeof(waiting))
    memset(&lanes, 0, sizeof(lanes))
    if each > MANY_ROWS and not has_logarithms(t.stage.links):
        for i in range(FEW_ROWS):
            if flash_state_of(cell, first + i * each // FEW_ROWS) == state:
                take_row(t, cell, first + i * each // FEW_ROWS, &waiting)
        if t.stopped != OUT_OF_MEMORY:
            sift(t, out, &waiting)
    some = points_of(out, 0)
    for i in range(out.blocks):
        blocks[i] = <int32_t> i
    for b in range((each + FLASH_POINTS - 1) // FLASH_POINTS if t.stopped != OUT_OF_MEMORY else 0):
        i = first + b * FLASH_POINTS
        count = <int> min(<int64_t> FLASH_POINTS, first + each - i)
        alive = (<uint32_t> 1 << count) - 1
        if out.n:
            for d in range(t.stage.n_columns):
                k = t.stage.column[d]
                memcpy(lanes.total[k], cell.column[k] + i, count * sizeof(double))
            t.kernels.keyed(&t.stage, &lanes)
            alive = t.kernels.covered(&t.stage, &some, &lanes, count, out.blocks, blocks, &perhaps)
        for l in range(count):
            if alive >> l & 1 and (cell.state_at == NULL or cell.state_at[i + l] == state):
                take_row(t, cell, i + l, &waiting)
    if t.stopped != OUT_OF_MEMORY:
        sift(t, out, &waiting)
    by_sums(t, out)
    free(waiting.record)
    t.n_rows = n_rows
    t.epsilon = epsilon
    t.stage = stage


cdef inline void start_cloud(Task* t, const flash_variant* v, Cloud* out,
                             Waiting* waiting) noexcept nogil:
    """One sum, of no rows: the constants."""
    cdef char* start = claim(t, waiting)
    cdef int k
    if start == NULL:
        return
    memset(start, 0, t.stride)
    for k in range(t.n_columns):
        totals(start)[k] = v.constant[t.column[k]]
    by_missing(t, v, 0, -1)
    sift(t, out, waiting)
    by_sums(t, out)


cdef inline void join_state(Task* t, const flash_variant* v, int c, int64_t state,
                            const Cloud* before, Cloud* out, Waiting* waiting,
                            Pause pause) noexcept nogil:
    """The rows of cell c in a state join the sums of the cells before it that they may follow."""
    cdef Cloud rows
    cdef double offset[N_COLUMNS]
    cdef int64_t g
    cdef int k
    memset(&rows, 0, sizeof(rows))
    undominated_rows(t, v, c, state, &rows)
    for g in range(v.cells[c - 1].states if c else 1):
        if c and (future(v, c - 1, g) != g
                  or not flash_follows(&v.cells[c - 1], g, &v.cells[c], state)):
            continue
        for k in range(FLASH_COLUMNS):
            offset[k] = 0.0
            if v.cells[c].boundary[k] != NULL:
                offset[k] = v.cells[c].boundary[k][g * v.cells[c].states + state]
        join_clouds(t, &before[g], &rows, offset, out, waiting, pause)
    discard(&rows)


cdef inline void join_cells(Task* t, int variant, Cloud* found, Waiting* kept,
                            Pause pause) noexcept nogil:
    """One variant, cell by cell, by groups of states.

    before[g]: the sums of the cells so far that hand on group g, of which no other dominates one
    whatever the missing cells bring. With the last cell all go to `found`, and wait in `kept`.
    """
    cdef const flash_variant* v = &t.problem.variants[variant]
    cdef Cloud before[N_STATES]
    cdef Cloud after[N_STATES]
    cdef Waiting waiting
    cdef int64_t s, f
    cdef int c, final
    memset(before, 0, sizeof(before))
    memset(&waiting, 0, sizeof(waiting))
    t.variant = variant
    t.n_rows = 0
    t.done = 0.0
    t.whole = v.n_cells
    choose_steps(t, v)
    start_cloud(t, v, before, &waiting)
    for c in range(v.n_cells):
        final = c + 1 == v.n_cells
        t.n_rows = c + 1
        if final:
            by_goals(t)
        else:
            by_missing(t, v, c + 1, -1)
        memset(after, 0, sizeof(after))
        for f in range(v.cells[c].states):      # groups after, each from all its states
            for s in range(v.cells[c].states):
                if future(v, c, s) != f or t.stopped == OUT_OF_MEMORY:
                    continue
                t.before = 0 if final else found.n + kept.n
                join_state(t, v, c, s, before, found if final else &after[f],
                           kept if final else &waiting, pause)
            if t.stopped == OUT_OF_MEMORY:
                continue
            if final and t.epsilon > 0.0:
                sift(t, found, kept)
            elif not final:
                sift(t, &after[f], &waiting)
                by_sums(t, &after[f])
        for s in range(N_STATES):
            discard(&before[s])
            before[s] = after[s]
        t.done = c + 1
        t.share = 0.0
    for s in range(N_STATES):
        discard(&before[s])
    free(waiting.record)
