"""Branch and bound over options: the life of a node.

A node is what options are left. Rows rule out what no answer can hold (`propagate`), the relaxation
bounds it (simplex.pxd), reduced values rule out more (`fix`), the relaxation rounded may be an
answer (`round_down`), and one option is taken or ruled out (`choose`). Depth first: the option is
taken first, and ruled out after that.
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from flash._core.choice.choices cimport pause
from flash._core.choice.open_nodes cimport note_step, push_level, push_now
from flash._core.choice.simplex cimport (
    ALMOST, expel, invert, key_share, leave_all, optimise, price, shares, start_relaxation,
    take_key,
)
from flash._core.choice.state cimport (
    Level, MOST_TIGHT, NODE_LIMIT, RAN_OUT, State, hide, undo_to,
)


cdef enum:
    LOOKS = 64           # nodes between looks at the limits: a power of two
    SELDOM = 2           # nodes between propagations where all rows are sums over all groups
    RAYS = 8             # lengths along a ray that are tried to refute a node


cdef inline double threshold(const State* s) noexcept nogil:
    """What an answer must be worth to be looked for: the next value that there is. Bounds are
    outward, so one below it is that of no better answer."""
    if s.found:
        return s.best + s.unit
    return s.above + 1.0 if s.asked else -INFINITY     # it need not be a value of any answer


cdef inline void accept(State* s) noexcept nogil:
    """The keys are a better answer."""
    cdef int32_t g
    s.found = 1
    s.best = s.keys_value
    for g in range(s.n_groups):
        s.answer[g] = s.id[s.key[g]]


cdef inline int fits(const State* s) noexcept nogil:
    """Whether the keys meet all rows: exactly."""
    cdef int32_t r
    for r in range(s.n_rows):
        if s.left[r] < 0.0:
            return 0
    return 1


cdef inline void offer_keys(State* s) noexcept nogil:
    cdef int32_t g
    cdef int better = not s.asked or s.keys_value > s.above
    if s.found:
        better = s.keys_value > s.best
    s.leaves += 1
    if not better and (not s.found or s.near_found and s.keys_value <= s.near_best):
        return
    if not fits(s):
        return
    if better:
        accept(s)
    s.near_found = 1
    s.near_best = s.keys_value
    for g in range(s.n_groups):
        s.near[g] = s.id[s.key[g]]


cdef inline void round_down(State* s) noexcept nogil:
    """Offers the relaxed answer with each group at what it has most of; keys are as before after
    it."""
    cdef int32_t old[MOST_TIGHT]
    cdef int32_t group[MOST_TIGHT]
    cdef int32_t g
    cdef int j, n = 0
    offer_keys(s)
    for j in range(s.n_tight):
        g = s.group_of[s.basic[j]]
        if s.share[j] > key_share(s, g):
            group[n] = g
            old[n] = s.key[g]
            n += 1
            take_key(s, g, s.place[s.basic[j]])
    if n:
        offer_keys(s)
        while n:                     # a group may have changed twice: backwards
            n -= 1
            take_key(s, group[n], old[n])


cdef inline int is_basic(const State* s, int32_t g, int32_t at) noexcept nogil:
    cdef int j
    if s.key[g] == at:
        return 1
    if s.basics[g]:
        for j in range(s.n_tight):
            if s.place[s.basic[j]] == at:
                return 1
    return 0


cdef inline int fix(State* s, double bound) noexcept nogil:
    """Rules out what the bound does; true where anything went. Basic options stay: theirs is 0."""
    cdef double least = threshold(s) - bound
    cdef int32_t j, g, i, any = 0
    if least == -INFINITY:
        return 0
    j = 0
    while j < s.n_open:
        g = s.open[j]
        i = s.start[g]
        while i < s.start[g] + s.alive[g]:
            # all before i are worth keeping
            if s.d[i] < least and not is_basic(s, g, i):
                hide(s, g, i)
                any = 1
            else:
                i += 1
        if s.alive[g] > 1:           # else another group lies at j now
            j += 1
    return any


cdef inline double least_of(const double* a, int32_t n) noexcept nogil:
    cdef double x = a[0]
    cdef int32_t i
    for i in range(1, n):
        x = a[i] if a[i] < x else x
    return x


cdef inline int sum_least(State* s) noexcept nogil:
    """least: what rows have left where every group takes what uses least. False where that is too
    much for one."""
    cdef int32_t j, g, k, r
    for r in range(s.n_rows):
        s.least[r] = s.left[r]
    for j in range(s.n_open):
        g = s.open[j]
        for k in range(s.first_block[g], s.first_block[g + 1]):
            s.least[s.row_of[k]] += (s.block[k][s.key[g] - s.start[g]]
                                     - least_of(s.block[k], s.alive[g]))
    for r in range(s.n_rows):
        if s.least[r] < 0.0:
            return 0
    return 1


cdef inline int breaks(const State* s, int32_t g, int32_t i) noexcept nogil:
    """Whether option i of group g breaks a row, by `most_of` its blocks."""
    cdef int32_t k
    for k in range(s.first_block[g], s.first_block[g + 1]):
        if s.block[k][i] > s.most_of[k]:
            return 1
    return 0


cdef inline int rule_out(State* s, int32_t g) noexcept nogil:
    """Rules out the options of a group that break a row whatever the others are: how many; -1 where
    none is left."""
    cdef int32_t k, i, count = 0, again
    cdef int any = 0
    cdef double x, top
    cdef const double* a
    for k in range(s.first_block[g], s.first_block[g + 1]):
        a = s.block[k]
        x = top = a[0]
        for i in range(1, s.alive[g]):
            x = a[i] if a[i] < x else x
            top = a[i] if a[i] > top else top
        s.most_of[k] = s.least[s.row_of[k]] + x
        any |= top > s.most_of[k]
    if not any:
        return 0
    i = s.alive[g]
    while i > 0 and s.alive[g] > 1:      # options from i on are worth keeping, or basic
        i -= 1
        if breaks(s, g, i) and not is_basic(s, g, s.start[g] + i):
            hide(s, g, s.start[g] + i)
            count += 1
    again = 1
    while again:                         # what is basic goes by pivots, which move others
        again = 0
        for i in range(s.alive[g]):
            if breaks(s, g, i):
                if not expel(s, s.id[s.start[g] + i]):
                    return -1
                count += 1
                again = 1
                break
    return count


cdef inline int propagate(State* s) noexcept nogil:
    """Rules out options that break a row whatever the others are; false where nothing is feasible.
    """
    cdef int32_t j, g, found
    cdef int again = 1
    while again:
        again = 0
        if not sum_least(s):
            return 0
        j = 0
        while j < s.n_open:
            g = s.open[j]
            found = rule_out(s, g)
            if found < 0:
                return 0
            again |= found > 0
            if s.alive[g] > 1:           # else another group lies at j now
                j += 1
    return 1


cdef inline int refuted_by_ray(State* s, double bound) noexcept nogil:
    """Whether multipliers along the ray of an infeasible relaxation say so: what counts is their
    bound."""
    cdef double theta = 1.0 + fabs(bound), x
    cdef int32_t r
    cdef int _step
    cdef double least = max(threshold(s), -1.0 - s.size_c)     # no answer is worth less
    for r in range(s.n_rows):
        if s.direction[r] < 0.0 and s.multiplier[r] <= 0.0:
            s.direction[r] = 0.0
    for _step in range(RAYS):
        for r in range(s.n_rows):
            x = s.multiplier[r] + theta * s.direction[r]
            s.multiplier[r] = x if x > 0.0 else 0.0
        if price(s) < least:
            return 1
        theta *= 16.0
    return 0


cdef inline void save(State* s, int32_t g, int32_t option, double bound,
                      int32_t step) noexcept nogil:
    """A level: where to come back to."""
    cdef Level* level = &s.level[s.n_levels]
    cdef int64_t at = s.n_levels * <int64_t> s.n_rows
    cdef int j
    level.trail = s.n_trail
    level.bound = bound
    level.option = option
    level.step = step
    level.steps = s.n_steps
    level.n_tight = s.n_tight
    memcpy(s.pool + at, s.multiplier, s.n_rows * sizeof(double))
    for j in range(s.n_tight):
        s.basis_pool[(s.n_levels * 3) * MOST_TIGHT + j] = s.tight[j]
        s.basis_pool[(s.n_levels * 3 + 1) * MOST_TIGHT + j] = s.basic[j]
        s.basis_pool[(s.n_levels * 3 + 2) * MOST_TIGHT + j] = s.id[s.key[s.group_of[s.basic[j]]]]
    s.n_levels += 1


cdef inline void restore(State* s) noexcept nogil:
    """Back to the last level, with its basis."""
    cdef Level* level
    cdef int j
    cdef int32_t* kept
    s.n_levels -= 1
    level = &s.level[s.n_levels]
    undo_to(s, level.trail)
    leave_all(s)
    memcpy(s.multiplier, s.pool + s.n_levels * <int64_t> s.n_rows, s.n_rows * sizeof(double))
    kept = s.basis_pool + s.n_levels * 3 * MOST_TIGHT
    for j in range(level.n_tight):
        s.tight[j] = kept[j]
        s.tight_at[kept[j]] = j
        s.basic[j] = kept[MOST_TIGHT + j]
        s.basics[s.group_of[s.basic[j]]] += 1
        take_key(s, s.group_of[s.basic[j]], s.place[kept[2 * MOST_TIGHT + j]])
    s.n_tight = level.n_tight
    price(s)
    if s.n_tight:
        if invert(s):
            shares(s)
        else:
            leave_all(s)


cdef inline void choose(State* s, int32_t* group, int32_t* option) noexcept nogil:
    """The option to branch on: of the groups that the relaxation parts, what it has most of."""
    cdef int j
    cdef int32_t g, k
    cdef double most = -1.0, x
    group[0] = -1
    for j in range(s.n_tight):
        g = s.group_of[s.basic[j]]
        x = s.share[j]
        if x > ALMOST and x < 1.0 - ALMOST:
            if x > most:
                most = x
                group[0] = g
                option[0] = s.basic[j]
            x = key_share(s, g)
            if x > most and x < 1.0 - ALMOST:
                most = x
                group[0] = g
                option[0] = s.id[s.key[g]]
    if group[0] >= 0:
        return
    k = 0                                # the relaxation parts none: the group with fewest options
    for j in range(s.n_open):
        g = s.open[j]
        if group[0] < 0 or s.alive[g] < k or (s.alive[g] == k and g < group[0]):
            group[0] = g
            k = s.alive[g]
    if group[0] >= 0:
        option[0] = s.id[s.key[group[0]]]


cdef inline int settle(State* s, double* bound) noexcept nogil:
    """Bounds a node. False where it holds nothing better."""
    cdef int state = 1
    cdef double cut
    while True:
        if (s.n_sparse or s.nodes & (SELDOM - 1) == 0) and not propagate(s):
            return 0
        cut = threshold(s)
        state = optimise(s)
        bound[0] = price(s)
        if bound[0] < cut:
            return 0
        if state == 0:
            if refuted_by_ray(s, bound[0]):
                return 0
            start_relaxation(s)
            bound[0] = price(s)
        elif state < 0:
            start_relaxation(s)
            optimise(s)
            bound[0] = min(bound[0], price(s))
        shares(s)
        round_down(s)
        if bound[0] < threshold(s):
            return 0
        if not fix(s, bound[0]):
            return 1


cdef inline int look(State* s) noexcept nogil:
    """Limits; true where the search must end."""
    if s.ended == RAN_OUT and s.nodes >= s.most_nodes:
        s.ended = NODE_LIMIT
    elif s.nodes & (LOOKS - 1) == 0:
        pause(s)
    return s.ended != RAN_OUT


cdef inline void take_only(State* s, int32_t g, int32_t option) noexcept nogil:
    """Group g takes the option: all others are out."""
    cdef int32_t i
    # those that are not basic first: each of the others costs a pivot
    i = s.start[g]
    while i < s.start[g] + s.alive[g]:
        if s.id[i] != option and not is_basic(s, g, i):
            hide(s, g, i)
        else:
            i += 1
    while s.alive[g] > 1:
        i = s.start[g]
        if s.id[i] == option:
            i += 1
        expel(s, s.id[i])


cdef inline int explore(State* s, int32_t step, double bound, int64_t work) noexcept nogil:
    """Depth first from the node of now, which the decisions up to `step` lead to; after so much
    work what is open goes to the heap, so does it at a limit. False: no memory."""
    cdef double own = bound
    cdef int32_t g = 0, option = 0, l
    cdef int alive = 1
    work += s.work
    while True:
        if alive and (look(s) or s.work > work and s.went_back):
            break
        if alive:
            s.nodes += 1
            alive = settle(s, &own)
            own = min(own, bound)
        if alive:
            choose(s, &g, &option)
            if g < 0:                    # one answer is left, and it was offered
                alive = 0
            else:
                save(s, g, option, own, step)
                step = note_step(s, step, option, 1)
                if step < 0:
                    return 0
                bound = own
                take_only(s, g, option)
                continue
        if s.n_levels == 0:
            return 1
        restore(s)
        s.went_back = 1
        s.n_steps = s.level[s.n_levels].steps     # what came after it is in no open node
        step = note_step(s, s.level[s.n_levels].step, s.level[s.n_levels].option, 0)
        if step < 0:
            return 0
        bound = s.level[s.n_levels].bound
        alive = expel(s, s.level[s.n_levels].option)
    for l in range(s.n_levels):
        if not push_level(s, l):
            return 0
    s.n_levels = 0
    return push_now(s, step, bound)
