"""The search tree: the life of a node.

A node is popped with the highest bound first (close_gap), relaxed over the ranges of its rows
(process), bounded by its Lagrangian dual (settle), rid of rows that the bound rules out (fix_rows),
and then either halved (branch) or enumerated (enumerate_rows).
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.string cimport memcpy, memset

from flash._core.search.branching cimport SUPPOSED_GAP, choose_split, widest
from flash._core.search.enumeration cimport enumerate_depth_first, least_boundary
from flash._core.search.exact cimport (
    DualPoint, Node, SolverState, pause, short_of_memory, thin_rows, threshold,
)
from flash._core.search.flat_enumeration cimport enumerate_flat, siftable
from flash._core.search.inner_problem cimport evaluate_dual, ranges
from flash._core.search.lagrangian cimport (
    Relaxation, lower_dual, offer_rows, relax, weigh_columns,
)
from flash._core.search.node_queue cimport pop, push
from flash._core.search.relaxation cimport CONSTRAINTS, SCALE_ABOVE, Form, additive
from flash._core.search.row_lists cimport List, Lists, copy, drop, empty, release, sample, take
from flash._core.tables.problem cimport (
    COL_SCALE, FLASH_COLUMNS, M_SCORE, N_CELLS, N_COLUMNS, N_STATES, flash_variant,
)


cdef enum:
    FEW = 5              # a list is copied to be without a fifth of its rows or more
    DEEP = 1000000000    # combinations of which the promising ones are looked at first
    MANY = 1000000       # combinations that are enumerated only where nothing else helps
    DEEPEST = 40         # halvings, after which a node is enumerated whatever it takes
    EAGER = 16           # halvings from which on ever more combinations are enumerated at once
    LOOKS = 16           # nodes between looks at the limits: a power of two
    PASSES = 4           # of an enumeration: three near the bound, and all of it


cdef inline int64_t choose_rows(SolverState* solver, const DualPoint* dual, int c,
                                const List* list, double base, const double* value,
                                int32_t* chosen, int64_t* start) noexcept nogil:
    """The rows of cell c whose bound reaches the incumbent: how many, and where each state's
    begin. A row's bound: its own value with the best of the other cells that go with its state."""
    cdef int64_t n = 0, kept, i
    cdef double least
    cdef int s
    for s in range(list.states):
        start[s] = n
        least = threshold(solver) - base - dual.into[c][s] - dual.after[c][s]
        i = list.start[s]
        kept = solver.kernels.select(list.start[s + 1] - i, value + i, least, chosen + n)
        for i in range(n, n + kept if list.start[s] else n):
            chosen[i] += <int32_t> list.start[s]
        n += kept
    start[list.states] = n
    return n


cdef inline Lists* fix_rows(SolverState* solver, const flash_variant* v, Lists* lists,
                            int borrowed, const DualPoint* dual,
                            double* combinations) noexcept nogil:
    """Reduced-cost fixing: the rows whose own bound still reaches the incumbent; all of them where
    a copy without the few that don't would cost more than it brings. NULL: no memory."""
    cdef Lists* out
    cdef double base = dual.constant
    cdef const double* value = solver.value
    cdef int32_t* chosen = solver.chosen
    cdef int64_t n, before = 0, after = 0
    cdef int64_t start[N_CELLS][N_STATES + 1]
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        base += dual.weight[k] * v.constant[k]
    combinations[0] = 1.0
    for c in range(lists.n_cells):
        n = choose_rows(solver, dual, c, &lists.cell[c], base, value, chosen, start[c])
        combinations[0] *= <double> n
        before += lists.cell[c].n
        after += n
        chosen += n
        value += lists.cell[c].n
    if not borrowed and FEW * (before - after) < before:
        lists.refs += 1
        return lists
    out = empty(lists.n_cells, lists.pool)
    if out == NULL:
        return NULL
    chosen = solver.chosen
    for c in range(lists.n_cells):
        n = start[c][lists.cell[c].states]
        if not take(&lists.cell[c], chosen, n, start[c], &out.cell[c], out.pool):
            release(out)
            return NULL
        chosen += n
    return out


cdef inline int counts(const SolverState* solver, const Form* form) noexcept nogil:
    """Whether a constraint depends on any column that is there."""
    cdef int k
    for k in range(FLASH_COLUMNS):
        if form.w[k] != 0.0 and (solver.needed & solver.problem.present) >> k & 1:
            return 1
    return 0


cdef inline double most_slack(const SolverState* solver, const Form* form, const List* list,
                              double* value) noexcept nogil:
    """The most that a row leaves of a constraint; value: what each row leaves, its use negative."""
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef int k, used = 0
    for k in range(FLASH_COLUMNS):
        if form.w[k] != 0.0 and list.column[k] != NULL:
            column[used] = list.column[k]
            weight[used] = -form.w[k]
            used += 1
    if used:
        return solver.kernels.weigh(list.n, used, column, weight, value)
    memset(value, 0, list.n * sizeof(double))
    return 0.0


cdef inline int keep_only(List* list, const int32_t* chosen, int64_t kept,
                          Lists* of) noexcept nogil:
    """Leaves only the chosen rows of a list; false, and all of them, where memory ends."""
    cdef int64_t start[N_STATES + 1]
    cdef List cut
    cdef int64_t i
    cdef int s = 0
    start[0] = 0
    for i in range(kept):        # chosen[:i] are of the states up to s, and start[:s + 1] is set
        while chosen[i] >= list.start[s + 1]:
            s += 1
            start[s] = i
    while s < list.states:
        s += 1
        start[s] = kept
    if not take(list, chosen, kept, start, &cut, of.pool):
        drop(&cut, of.pool)
        return 0
    drop(list, of.pool)
    list[0] = cut
    return 1


cdef inline double room_of(const flash_variant* v, const Lists* lists, const Form* form,
                           double room) noexcept nogil:
    """What constants and boundaries leave of it at most."""
    cdef int c, k
    for k in range(FLASH_COLUMNS):
        room -= form.w[k] * v.constant[k]
        for c in range(lists.n_cells):
            if v.cells[c].boundary[k] != NULL:
                room -= least_boundary(&v.cells[c], k, form.w[k],
                                       v.cells[c - 1].states if c else 1)
    return room


cdef inline Lists* keep_fitting(SolverState* solver, const flash_variant* v, Lists* lists,
                                const Relaxation* m) noexcept nogil:
    """Without the rows that break a constraint whatever the other cells take; may be `lists`.
    NULL: no memory."""
    cdef double top[N_CELLS]     # the most that a row of each cell leaves
    cdef double room             # what the best rows of all cells leave together
    cdef double* value
    cdef Lists* out = lists
    cdef int64_t n, kept
    cdef int r, c
    for r in range(CONSTRAINTS):
        if not m.active[r] or not counts(solver, &m.form[r]):
            continue
        value = solver.value
        room = m.right[r] + m.slack[r] - m.form[r].c
        for c in range(out.n_cells):
            top[c] = most_slack(solver, &m.form[r], &out.cell[c], value)
            room += top[c]
            value += out.cell[c].n
        room = room_of(v, out, &m.form[r], room)
        value = solver.value
        for c in range(out.n_cells):
            n = out.cell[c].n
            kept = solver.kernels.select(n, value, top[c] - room, solver.chosen)
            value += n
            if kept == n:
                continue
            if out == lists:
                out = copy(lists)
                if out == NULL:
                    return NULL
            if not keep_only(&out.cell[c], solver.chosen, kept, out):
                release(out)
                return NULL
    return out


cdef inline void branch(SolverState* solver, const Node* node, Lists* lists, int choice,
                        double where) noexcept nogil:
    """Leaves the node's halves in the heap: both have all of its rows, and each half of its
    interval. A metric may lie on the border of both, the scale is an integer."""
    cdef Node child = node[0]
    child.depth += 1
    child.lists = lists
    lists.refs += 2
    if choice == SCALE_ABOVE:
        child.scale_high = where
        push(solver, &child)
        child.scale_high = node.scale_high
        child.scale_low = where + 1.0
        push(solver, &child)
        return
    child.high[choice] = where
    push(solver, &child)
    child.high[choice] = node.high[choice]
    child.low[choice] = where
    push(solver, &child)


cdef inline int any_large(const SolverState* solver, const Lists* lists,
                          int whole_only) noexcept nogil:
    """Whether a list (whole_only: of all rows of a cell) is too long to seek multipliers on."""
    cdef int c, large = 0
    for c in range(lists.n_cells):
        large |= lists.cell[c].n > 2 * solver.thin and (
            not whole_only or lists.cell[c].id == NULL)
    return large


cdef inline int any_empty(const Lists* lists) noexcept nogil:
    cdef int c
    for c in range(lists.n_cells):
        if lists.cell[c].n == 0:
            return 1
    return 0


cdef inline void process(SolverState* solver, Node* node) noexcept nogil:
    """Bounds a node; discards it, enumerates it, or leaves its two halves in the heap."""
    cdef const flash_variant* v = &solver.problem.variants[node.variant]
    cdef const double* at = node.total if node.depth else NULL
    cdef Lists* fitting = node.lists
    cdef Relaxation m
    solver.nodes += 1
    ranges(solver, v, node.lists, &m.box)
    if not relax(solver, node, at, &m):
        return
    if not any_large(solver, node.lists, 1):     # there it would cost more than it brings
        fitting = keep_fitting(solver, v, node.lists, &m)
    if fitting == node.lists:
        settle(solver, node, v, fitting, &m)
    elif fitting != NULL:
        if not any_empty(fitting):
            ranges(solver, v, fitting, &m.box)
            if relax(solver, node, at, &m):
                settle(solver, node, v, fitting, &m)
        release(fitting)


cdef inline Lists* thinned(SolverState* solver, int variant, const Lists* lists) noexcept nogil:
    """A thinned copy to seek multipliers on; that of a whole variant is made once. NULL: no memory.
    """
    cdef Lists* thin
    cdef int c
    for c in range(lists.n_cells):
        if lists.cell[c].id != NULL:
            return sample(lists, solver.thin, solver.chosen)
    thin = thin_rows(solver, variant)
    if thin != NULL:
        thin.refs += 1
    return thin


cdef inline int dive_into(SolverState* solver, const Node* node, const flash_variant* v,
                          const Lists* lists, const Relaxation* m, DualPoint* dual, int filtered,
                          double floor, int64_t most) noexcept nogil:
    """Whether all combinations of value `floor` and more were looked at."""
    evaluate_dual(solver, v, lists, dual)
    if siftable(solver, v, lists):
        return enumerate_flat(solver, node.variant, lists, dual, m, node.multiplier, filtered,
                              floor, most)
    return enumerate_depth_first(solver, node.variant, lists, dual, m, filtered, floor, most)


cdef inline void halve(SolverState* solver, Node* node, const flash_variant* v, Lists* lists,
                       const Relaxation* m, DualPoint* dual, int better, double gap) noexcept nogil:
    """What becomes of a node that was not enumerated in time: bounded again where that found a
    better answer, else halved while anything is left to halve, else enumerated."""
    cdef double low = m.box.low[COL_SCALE], high = m.box.high[COL_SCALE], where
    cdef Node again
    cdef int k
    if node.depth < DEEPEST:
        if better:
            again = node[0]
            again.depth += 1
            again.lists = lists
            lists.refs += 1
            push(solver, &again)
            return
        if solver.problem.links.n_steps > 1 and high > low:
            branch(solver, node, lists, SCALE_ABOVE, <double> <int64_t> (0.5 * (low + high)))
            return
        if not additive(&solver.problem.links):
            k = widest(&solver.problem.links, m, gap, &where)
            if k >= 0:
                branch(solver, node, lists, k, where)
                return
    dive_into(solver, node, v, lists, m, dual, 1, -INFINITY, INT64_MAX)


cdef inline void enumerate_rows(SolverState* solver, Node* node, const flash_variant* v,
                                Lists* lists, const Relaxation* m, DualPoint* dual,
                                double combinations) noexcept nogil:
    """Enumerates. Where many combinations are left, for a short time first: near the bound, then
    farther from it, then all; until a better answer is found or patience ends."""
    cdef double before, gap, floor
    cdef double* near = [1.0 / 32, 1.0 / 8, 1.0 / 2]     # the bound: so much of the gap
    cdef int k, done, better
    if combinations <= MANY:
        dive_into(solver, node, v, lists, m, dual, 0, -INFINITY, INT64_MAX)
        return
    before = solver.best.objective if solver.best.found else -INFINITY
    gap = dual.bound - before if solver.best.found else SUPPOSED_GAP * fabs(dual.bound)
    for k in range(0 if combinations > DEEP else PASSES - 1, PASSES):
        floor = dual.bound - gap * near[k] if k < PASSES - 1 else -INFINITY
        done = dive_into(solver, node, v, lists, m, dual, 0, floor, solver.patience)
        better = solver.best.found and solver.best.objective > before
        if (done and k == PASSES - 1) or solver.limits.stopped:
            return
        if better or not done:
            break
    halve(solver, node, v, lists, m, dual, better, gap)


cdef inline int seek_multipliers(SolverState* solver, Node* node, const flash_variant* v,
                                 Lists* lists, Relaxation* m, DualPoint* dual) noexcept nogil:
    """Multipliers that bound the node well, sought on few of its rows. False where all rows told
    that it can hold no answer, or memory ended."""
    cdef Lists* thin = lists
    cdef int large = any_large(solver, lists, 0)
    cdef double bound
    if large:
        thin = thinned(solver, node.variant, lists)
        if thin == NULL:
            return 0
    bound = lower_dual(solver, v, node.variant, thin, lists if large else NULL, m,
                       node.multiplier, dual)
    if not dual.refuted and not node.depth and dual.bound > -INFINITY:
        # a root's first lines are tight nowhere in particular: now where the bound is attained
        memcpy(node.total, dual.total, sizeof(dual.total))
        relax(solver, node, node.total, m)
        lower_dual(solver, v, node.variant, thin, lists if large else NULL, m, node.multiplier,
                   dual)
    if large:
        dual.settled = 0
        release(thin)
    return not dual.refuted and (bound > -INFINITY or large)


cdef inline void settle(SolverState* solver, Node* node, const flash_variant* v, Lists* lists,
                        Relaxation* m) noexcept nogil:
    """Bounds a relaxed node over all of `lists`, and goes on with what is left of it."""
    cdef DualPoint dual
    cdef Lists* kept
    cdef double combinations, where = 0.0
    cdef int choice
    if not seek_multipliers(solver, node, v, lists, m, &dual):
        return
    if not dual.settled:
        weigh_columns(m, node.multiplier, &dual)
        evaluate_dual(solver, v, lists, &dual)
    if dual.bound < threshold(solver):
        return
    if not dual.settled:
        offer_rows(solver, node.variant, lists, dual.arg)
    if dual.bound < node.bound:
        node.bound = dual.bound
    memcpy(node.total, dual.total, sizeof(dual.total))
    if solver.bound_only:
        node.lists.refs += 1
        push(solver, node)
        return
    kept = fix_rows(solver, v, lists, lists != node.lists, &dual, &combinations)
    if kept == NULL:
        return
    if combinations > 0.0:
        choice = -1
        if combinations > solver.leaf * (
                <int64_t> 1 << max(0, min(node.depth - EAGER, DEEPEST))):
            choice = choose_split(solver, node, m, &dual, combinations, &where)
        if choice >= 0:
            branch(solver, node, kept, choice, where)
        else:
            enumerate_rows(solver, node, v, kept, m, &dual, combinations)
    release(kept)


cdef inline void close_gap(SolverState* solver) noexcept nogil:
    """Best bound first, until nothing left can hold a better answer."""
    cdef Node node
    while solver.n_heap and not solver.limits.stopped and not short_of_memory(solver):
        if solver.heap[0].bound < threshold(solver):
            break
        if solver.bound_only and solver.heap[0].bound < INFINITY:
            break
        pop(solver, &node)
        process(solver, &node)
        if short_of_memory(solver) or solver.limits.stopped:
            push(solver, &node)          # its rows were not all looked at
            break
        release(node.lists)
        if solver.nodes & (LOOKS - 1) == 0:
            pause(solver)
