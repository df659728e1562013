"""The search tree: the life of a node."""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from flash._core.search.branching cimport choose_split, widest
from flash._core.search.enumeration cimport dive, least_boundary
from flash._core.search.exact cimport (
    CONSTRAINTS, SCALE_ABOVE, Node, Scan, Worker, pause, thin_rows, threshold,
)
from flash._core.search.flat_enumeration cimport flat_dive, siftable
from flash._core.search.inner_problem cimport ranges, scan
from flash._core.search.lagrangian cimport Model, attempt, build, seek_prices, weigh_prices
from flash._core.search.node_queue cimport pop, push
from flash._core.search.relaxation cimport additive
from flash._core.search.row_lists cimport List, Lists, copy, drop, empty, release, sample, take
from flash._core.tables.problem cimport COL_SCALE, FLASH_COLUMNS, M_SCORE, N_COLUMNS, flash_variant


cdef enum:
    FEW = 5              # a list is copied to be without a fifth of its rows or more
    DEEP = 1000000000    # combinations of which the promising ones are looked at first
    MANY = 1000000       # combinations that are enumerated only where nothing else helps


cdef inline Lists* fix_rows(Worker* w, const flash_variant* v, Lists* lists, int borrowed,
                            const Scan* at, double* combinations) noexcept nogil:
    """The rows whose own bound still reaches the best answer; all of them where a copy without the
    few that don't would cost more than it brings."""
    cdef Lists* out
    cdef double base = at.constant, least
    cdef const double* value = w.value
    cdef int32_t* chosen = w.chosen
    cdef const List* list
    cdef int64_t n, kept, i, before = 0, after = 0
    cdef int64_t start[32][65]
    cdef int c, s, k
    for k in range(FLASH_COLUMNS):
        base += at.weight[k] * v.constant[k]
    combinations[0] = 1.0
    for c in range(lists.n_cells):
        list = &lists.cell[c]
        n = 0
        for s in range(list.states):
            start[c][s] = n
            least = threshold(w) - base - at.into[c][s] - at.after[c][s]
            i = list.start[s]
            kept = w.kernels.select(list.start[s + 1] - i, value + i, least, chosen + n)
            for i in range(n, n + kept if list.start[s] else n):
                chosen[i] += <int32_t> list.start[s]
            n += kept
        start[c][list.states] = n
        combinations[0] *= <double> n
        before += list.n
        after += n
        chosen += n
        value += list.n
    if not borrowed and FEW * (before - after) < before:
        lists.refs += 1
        return lists
    out = empty(lists.n_cells, lists.pool)
    chosen = w.chosen
    for c in range(lists.n_cells):
        take(&lists.cell[c], chosen, start[c][lists.cell[c].states], start[c], &out.cell[c],
             out.pool)
        chosen += start[c][lists.cell[c].states]
    return out


cdef inline Lists* keep_fitting(Worker* w, const flash_variant* v, Lists* lists,
                         const Model* m) noexcept nogil:
    """Without the rows that break a constraint whatever the other cells take; may be `lists`."""
    cdef const double* column[N_COLUMNS]
    cdef double weight[N_COLUMNS]
    cdef double top[32]
    cdef double room
    cdef double* value
    cdef const List* list
    cdef List cut
    cdef Lists* out = lists
    cdef int64_t start[65]
    cdef int64_t i, n, kept
    cdef int r, c, k, s, used
    for r in range(CONSTRAINTS):
        if not m.active[r]:
            continue
        used = 0
        for k in range(FLASH_COLUMNS):
            if m.form[r].w[k] != 0.0 and (w.needed & w.problem.present) >> k & 1:
                used = 1
        if not used:
            continue
        value = w.value
        room = m.right[r] + 1e-11 * (1.0 + fabs(m.right[r])) - m.form[r].c
        for c in range(out.n_cells):
            list = &out.cell[c]
            used = 0
            for k in range(FLASH_COLUMNS):
                if m.form[r].w[k] != 0.0 and list.column[k] != NULL:
                    column[used] = list.column[k]
                    weight[used] = -m.form[r].w[k]
                    used += 1
            top[c] = 0.0
            if used:
                top[c] = w.kernels.weigh(list.n, used, column, weight, value)
            else:
                memset(value, 0, list.n * sizeof(double))
            room += top[c]
            value += list.n
        for k in range(FLASH_COLUMNS):
            room -= m.form[r].w[k] * v.constant[k]
            for c in range(out.n_cells):
                if v.cells[c].boundary[k] != NULL:
                    room -= least_boundary(&v.cells[c], k, m.form[r].w[k],
                                           v.cells[c - 1].states if c else 1)
        value = w.value
        for c in range(out.n_cells):
            list = &out.cell[c]
            n = list.n
            kept = w.kernels.select(n, value, top[c] - room, w.chosen)
            value += n
            if kept == n:
                continue
            if out == lists:
                out = copy(lists)
                list = &out.cell[c]
            s = 0
            start[0] = 0
            for i in range(kept):
                while w.chosen[i] >= list.start[s + 1]:
                    s += 1
                    start[s] = i
            while s < list.states:
                s += 1
                start[s] = kept
            take(list, w.chosen, kept, start, &cut, out.pool)
            drop(&out.cell[c], out.pool)
            out.cell[c] = cut
    return out


cdef inline void branch(Worker* w, Node* node, Lists* lists, int choice, double where) noexcept nogil:
    cdef Node child = node[0]
    child.depth += 1
    child.lists = lists
    lists.refs += 2
    if choice == SCALE_ABOVE:
        child.scale_high = where
        push(w, &child)
        child.scale_high = node.scale_high
        child.scale_low = where + 1.0
        push(w, &child)
        return
    child.high[choice] = where
    push(w, &child)
    child.high[choice] = node.high[choice]
    child.low[choice] = where
    push(w, &child)


cdef inline void process(Worker* w, Node* node) noexcept nogil:
    """Bounds a node; discards it, enumerates it, or leaves its two halves in the heap."""
    cdef const flash_variant* v = &w.problem.variants[node.variant]
    cdef Lists* fitting
    cdef Model m
    cdef int c, large = 0
    w.nodes += 1
    ranges(w, v, node.lists, &m.box)
    if not build(w, node, node.total if node.depth else NULL, &m):
        return
    fitting = node.lists
    for c in range(fitting.n_cells):   # of a whole variant it would cost more than it brings
        large |= fitting.cell[c].id == NULL and fitting.cell[c].n > 2 * w.thin
    if not large:
        fitting = keep_fitting(w, v, node.lists, &m)
    if fitting != node.lists:
        for c in range(fitting.n_cells):
            if fitting.cell[c].n == 0:
                release(fitting)
                return
        ranges(w, v, fitting, &m.box)
    if fitting == node.lists or build(w, node, node.total if node.depth else NULL, &m):
        settle(w, node, v, fitting, &m)
    if fitting != node.lists:
        release(fitting)


cdef inline Lists* thinned(Worker* w, int variant, const Lists* lists) noexcept nogil:
    """A thinned copy to seek prices on; that of a whole variant is made once."""
    cdef int c
    for c in range(lists.n_cells):
        if lists.cell[c].id != NULL:
            return sample(lists, w.thin, w.chosen)
    thin_rows(w, variant).refs += 1
    return w.thin_of[variant]


cdef inline int dive_into(Worker* w, Node* node, const flash_variant* v, Lists* lists, Model* m,
                          Scan* at, int filtered, double floor, int64_t most) noexcept nogil:
    """Whether all combinations of value `floor` and more were looked at."""
    scan(w, v, lists, at)
    if siftable(w, v, lists):
        return flat_dive(w, node.variant, lists, at, m.form, m.right, m.active, node.price,
                         &m.upper[M_SCORE], &m.box, filtered, floor, most)
    return dive(w, node.variant, lists, at, m.form, m.right, m.active, filtered, floor,
                most)


cdef inline void enumerate_rows(Worker* w, Node* node, const flash_variant* v, Lists* lists,
                                Model* m, Scan* at, double combinations) noexcept nogil:
    """Dives. Where many combinations are left, a short dive first: if it finds a better answer the
    node is bounded again, else it is halved while anything is left to halve."""
    cdef double low = m.box.low[COL_SCALE], high = m.box.high[COL_SCALE], before, where, gap, floor
    cdef double* near = [1.0 / 32, 1.0 / 8, 1.0 / 2]
    cdef Node again
    cdef int k, done, better
    if combinations <= MANY:
        dive_into(w, node, v, lists, m, at, 0, -INFINITY, <int64_t> 1 << 62)
        return
    before = w.best.objective if w.best.found else -INFINITY
    gap = at.bound - before if w.best.found else 0.05 * fabs(at.bound)
    # near the bound first, then all; until a better answer is found or patience ends
    for k in range(0 if combinations > DEEP else 3, 4):
        floor = at.bound - gap * near[k] if k < 3 else -INFINITY
        done = dive_into(w, node, v, lists, m, at, 0, floor, w.patience)
        better = w.best.found and w.best.objective > before
        if (done and k == 3) or w.limits.stopped:
            return
        if better or not done:
            break
    if node.depth < 40:
        if better:
            again = node[0]
            again.depth += 1
            again.lists = lists
            lists.refs += 1
            push(w, &again)
            return
        if w.problem.links.n_steps > 1 and high > low:
            branch(w, node, lists, SCALE_ABOVE, <double> <int64_t> (0.5 * (low + high)))
            return
        if not additive(&w.problem.links):
            k = widest(&w.problem.links, m, gap, &where)
            if k >= 0:
                branch(w, node, lists, k, where)
                return
    dive_into(w, node, v, lists, m, at, 1, -INFINITY, <int64_t> 1 << 62)


cdef inline void settle(Worker* w, Node* node, const flash_variant* v, Lists* lists,
                 Model* m) noexcept nogil:
    cdef Scan at
    cdef Lists* thin = lists
    cdef Lists* kept
    cdef double combinations, where = 0.0, bound
    cdef int c, choice, large = 0
    for c in range(lists.n_cells):
        large |= lists.cell[c].n > 2 * w.thin
    if large:
        thin = thinned(w, node.variant, lists)
    bound = seek_prices(w, v, node.variant, thin, lists if large else NULL, m, node.price, &at)
    if not at.refuted and not node.depth and at.bound > -INFINITY:
        memcpy(node.total, at.total, sizeof(at.total))
        build(w, node, node.total, m)
        seek_prices(w, v, node.variant, thin, lists if large else NULL, m, node.price, &at)
    if large:
        release(thin)
    if at.refuted or (bound == -INFINITY and not large):
        return
    weigh_prices(m, node.price, &at)
    scan(w, v, lists, &at)
    if at.bound < threshold(w):
        return
    attempt(w, node.variant, lists, at.arg)
    if at.bound < node.bound:
        node.bound = at.bound
    memcpy(node.total, at.total, sizeof(at.total))
    if w.bound_only:
        node.lists.refs += 1
        push(w, node)
        return
    kept = fix_rows(w, v, lists, lists != node.lists, &at, &combinations)
    if combinations > 0.0:
        choice = (choose_split(w, node, m, &at, combinations, &where)
                  if combinations > w.leaf * (<int64_t> 1 << max(0, min(node.depth - 16, 40)))
                  else -1)
        if choice >= 0:
            branch(w, node, kept, choice, where)
        else:
            enumerate_rows(w, node, v, kept, m, &at, combinations)
    release(kept)


cdef inline void run(Worker* w) noexcept nogil:
    """Best bound first, until nothing left can hold a better answer."""
    cdef Node node
    while w.n_heap and not w.limits.stopped:
        if w.heap[0].bound < threshold(w):
            break
        if w.bound_only and w.heap[0].bound < INFINITY:
            break
        pop(w, &node)
        process(w, &node)
        if w.limits.stopped:
            push(w, &node)
            break
        release(node.lists)
        if w.nodes & 15 == 0:
            pause(w)
