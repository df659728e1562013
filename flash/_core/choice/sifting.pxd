"""Groups of many options: a relaxation and an answer from few of them, then all that these leave.

The relaxation is solved over a sample of each group, and what of all options betters it joins,
until none does: these multipliers are best for all (column generation). Those near to be taken are
a problem of their own, whose answer is often the best; with it and the bound of all options most
are ruled out (a core: Pisinger, European Journal of Operational Research 83, 1995).
"""

from libc.math cimport INFINITY
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.string cimport memset

from flash._core.choice.best_first cimport best_first
from flash._core.choice.simplex cimport (
    ROUNDING, leave_all, optimise, price, start_relaxation, take_key, value_of,
)
from flash._core.choice.state cimport NODE_LIMIT, RAN_OUT, State, change_places, close_group
from flash._core.choice.tree cimport threshold


cdef enum:
    LARGE = 160          # options of a group that are worth it
    MANY = 1500          # options of all groups that are worth it
    FEW = 16             # but not where groups have so few each
    SAMPLE = 144         # options of all groups at first, and of each FEWEST
    FEWEST = 6
    JOINING = 6          # options that join a group at once
    BLOCK = 128          # hidden options of which the best is known
    NEAR = 120           # options of all groups in the core, about, and of each NEAREST
    NEAREST = 4
    ROUNDS = 24
    COUNTED = 256        # options of a group that are counted, for all of them
    HALVINGS = 24        # of what is near, until about so many are
    CORE_WORK = 2000000  # numbers looked at in a core at most
    CORE_NODES = 4000


cdef extern from *:
    """
    #define FLASH_ALMOST_NOTHING 1e-9
    #define FLASH_NEARLY_BEST 0.5
    """
    const double ALMOST_NOTHING "FLASH_ALMOST_NOTHING"   # of a value: what is better by less does
                                                         # not join
    const double NEARLY_BEST "FLASH_NEARLY_BEST"         # of the best's gain, for which others join


cdef inline int any_large(const State* s) noexcept nogil:
    """Whether a group has many options, or all have together and several each."""
    cdef int32_t j
    cdef int64_t all = 0
    for j in range(s.n_open):
        if s.alive[s.open[j]] > LARGE:
            return 1
        all += s.alive[s.open[j]]
    return all > MANY and all > FEW * <int64_t> s.n_open


cdef inline void close_single(State* s) noexcept nogil:
    cdef int32_t j = 0
    while j < s.n_open:
        if s.alive[s.open[j]] == 1:
            close_group(s, s.open[j])    # another one lies at j now
        else:
            j += 1


cdef inline void keep_marked(State* s) noexcept nogil:
    """Of each group's options the marked ones and the key are left, without a note in the trail."""
    cdef int32_t j, g, i, front
    for j in range(s.n_open):
        g = s.open[j]
        s.mark[s.id[s.key[g]]] = 1
        front = s.start[g]
        for i in range(front, front + s.alive[g]):
            # what is marked of those before i lies before `front`
            if s.mark[s.id[i]]:
                change_places(s, g, i, front)
                front += 1
        s.alive[g] = front - s.start[g]
    close_single(s)


cdef inline void bring_back(State* s, const int32_t* full, int32_t n_open) noexcept nogil:
    """All options that were there before, of so many groups that were open."""
    cdef int32_t g
    for g in range(s.n_groups):
        s.alive[g] = full[g]
    s.n_open = n_open


cdef inline double largest(const double* x, int32_t n) noexcept nogil:
    """The largest of n numbers: four at a time, since each comparison waits for the one before."""
    cdef double a = -INFINITY, b = -INFINITY, c = -INFINITY, d = -INFINITY
    cdef int32_t i = 0
    while i + 4 <= n:
        a = x[i] if x[i] > a else a
        b = x[i + 1] if x[i + 1] > b else b
        c = x[i + 2] if x[i + 2] > c else c
        d = x[i + 3] if x[i + 3] > d else d
        i += 4
    while i < n:
        a = x[i] if x[i] > a else a
        i += 1
    a = a if a > b else b
    c = c if c > d else d
    return a if a > c else c


cdef inline double smallest(const double* x, int32_t n) noexcept nogil:
    """The smallest of n numbers, as `largest`."""
    cdef double a = INFINITY, b = INFINITY, c = INFINITY, d = INFINITY
    cdef int32_t i = 0
    while i + 4 <= n:
        a = x[i] if x[i] < a else a
        b = x[i + 1] if x[i + 1] < b else b
        c = x[i + 2] if x[i + 2] < c else c
        d = x[i + 3] if x[i + 3] < d else d
        i += 4
    while i < n:
        a = x[i] if x[i] < a else a
        i += 1
    a = a if a < b else b
    c = c if c < d else d
    return a if a < c else c


cdef inline double price_hidden(State* s, int32_t g) noexcept nogil:
    """Reduced values of a group's hidden options, against its key; the greatest. That of every
    BLOCK of them goes to alpha, which no pivot needs now."""
    cdef int32_t first = s.start[g], low = s.alive[g], high = s.full[g], end, i, k
    cdef double* d = s.d + first
    cdef double* tops = s.alpha + first
    cdef double y, top = -INFINITY, base = value_of(s, g, s.key[g] - first)
    cdef const double* a
    while low < high:
        end = min(low + BLOCK, high)
        for i in range(low, end):
            d[i] = s.c[first + i] - base
        for k in range(s.first_block[g], s.first_block[g + 1]):
            y = s.multiplier[s.row_of[k]]
            if y != 0.0:
                a = s.block[k]
                for i in range(low, end):
                    d[i] -= y * a[i]
        tops[0] = largest(d + low, end - low)
        top = tops[0] if tops[0] > top else top
        tops += 1
        low = end
    return top


cdef inline int join_group(State* s, int32_t g, double least) noexcept nogil:
    """Brings the first few of a group's hidden options back that are worth so much; how many."""
    cdef int32_t first = s.start[g], low = s.alive[g], i = low, end, count = 0
    while i < s.full[g]:
        end = min(i + BLOCK, s.full[g])
        if s.alpha[first + (i - low) // BLOCK] >= least:
            while i < end:
                if s.d[first + i] >= least:
                    # what lies there now was looked at before
                    change_places(s, g, first + i, first + s.alive[g])
                    s.alive[g] += 1
                    count += 1
                    if count == JOINING:
                        return count
                i += 1
        i = end
    return count


cdef inline int join(State* s, int32_t n_open) noexcept nogil:
    """Prices what is hidden, and brings a group's options back that are better than its key, the
    best few of them; how many: none where there is no better one, or none is needed, since all that
    there is falls short already."""
    cdef int32_t j, g, r
    cdef double top, tolerance = ALMOST_NOTHING * (1.0 + s.size_c / s.n_groups)
    cdef double bound = s.keys_value
    cdef int joined = 0
    for r in range(s.n_rows):
        bound += s.multiplier[r] * s.left[r]
    for j in range(n_open):
        g = s.open[j]
        top = price_hidden(s, g)
        if top > tolerance:
            bound += top
            joined += join_group(s, g, top * NEARLY_BEST)
    return joined if bound >= threshold(s) else 0


cdef inline void mark_sample(State* s) noexcept nogil:
    """Every so many of a group's options, its best one, and of each row those that take least."""
    cdef int32_t j, g, i, k, n, step, first
    cdef int32_t each = max(<int32_t> SAMPLE // s.n_open, <int32_t> FEWEST)
    cdef double x
    for j in range(s.n_open):
        g = s.open[j]
        n = s.alive[g]
        first = s.start[g]
        step = 1 + n // each
        i = 0
        while i < n:
            s.mark[s.id[first + i]] = 1
            i += step
        x = largest(s.c + first, n)
        i = first
        while s.c[i] < x:
            i += 1
        s.mark[s.id[i]] = 1
        for k in range(s.first_block[g], s.first_block[g + 1]):
            x = smallest(s.block[k], n)
            i = 0
            while s.block[k][i] > x:
                i += 1
            s.mark[s.id[first + i]] = 1
        s.mark[s.id[s.key[g]]] = 1


cdef inline void mark_near(State* s, double scale) noexcept nogil:
    """Marks, of all options, those whose reduced value is near enough to 0 that about NEAR a group
    are; scale: the most that may be near."""
    cdef int32_t j, g, i, step, count
    cdef int32_t most = max(<int32_t> NEAR, <int32_t> NEAREST * s.n_open)
    cdef double low = 0.0, high = scale, middle
    cdef int _step
    for _step in range(HALVINGS):        # about `most` options at most are within low
        middle = 0.5 * (low + high)
        count = 0
        for j in range(s.n_open):
            g = s.open[j]
            step = 1 + s.alive[g] // COUNTED
            i = s.start[g]
            while i < s.start[g] + s.alive[g]:
                count += step * (s.d[i] >= -middle)
                i += step
        if count > most:
            high = middle
        else:
            low = middle
    memset(s.mark, 0, s.n)
    for j in range(s.n_open):
        g = s.open[j]
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            if s.d[i] >= -low:
                s.mark[s.id[i]] = 1
        s.mark[s.id[s.key[g]]] = 1


cdef inline void mark_worth(State* s, double least) noexcept nogil:
    """Marks what the bound does not rule out."""
    cdef int32_t j, g, i
    for j in range(s.n_open):
        g = s.open[j]
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            s.mark[s.id[i]] = s.d[i] >= least


cdef inline void relax(State* s) noexcept nogil:
    """Multipliers that are best for all options, which are left as they are; `kept` has them too.
    """
    cdef int32_t r, g, _round, n_open = s.n_open
    for g in range(s.n_groups):
        s.full[g] = s.alive[g]
    memset(s.mark, 0, s.n)
    start_relaxation(s)
    mark_sample(s)
    keep_marked(s)
    for _round in range(ROUNDS):
        # solved over what is there; hidden options join while any is better
        start_relaxation(s)
        if optimise(s) <= 0 or s.ended != RAN_OUT or not join(s, n_open):
            break
        close_single(s)
    for r in range(s.n_rows):
        s.kept[r] = s.multiplier[r]
    leave_all(s)
    bring_back(s, s.full, n_open)


cdef inline double sift(State* s) noexcept nogil:
    """Rules out for good what a good answer does. The bound of all options."""
    cdef double bound
    cdef int32_t r, n_open = s.n_open
    relax(s)
    bound = price(s)
    if bound < threshold(s):
        return bound
    mark_near(s, s.size_c)
    keep_marked(s)
    best_first(s, CORE_WORK, CORE_NODES)
    bring_back(s, s.full, n_open)
    for r in range(s.n_rows):
        s.multiplier[r] = s.kept[r]
    bound = min(bound, price(s))
    if (s.found or s.asked) and bound >= threshold(s):
        mark_worth(s, threshold(s) - bound)
        keep_marked(s)
    return bound


cdef inline void search_one(State* s, int64_t first) noexcept nogil:
    """What is left of the problem. `bound` is what is left open at the end."""
    cdef double bound = INFINITY
    if any_large(s):
        bound = sift(s)
    if bound >= threshold(s):
        best_first(s, first, INT64_MAX)
        s.bound = min(s.bound, bound)
        if s.bound > -INFINITY and s.ended == RAN_OUT and not s.failed:
            s.ended = NODE_LIMIT         # nothing else ends it early
    else:
        s.bound = -INFINITY


cdef inline int keep_label(State* s, int32_t label) noexcept nogil:
    """Leaves, of the groups that are linked, the options with this label; false where one has none.
    """
    cdef int32_t g, i, found
    for g in range(s.n_groups):
        found = -1
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            s.mark[s.id[i]] = not s.linked[g] or s.label[s.id[i]] == label
            if found < 0 and s.mark[s.id[i]]:
                found = i
        if found < 0:
            return 0
        if not s.mark[s.id[s.key[g]]]:
            take_key(s, g, found)
    keep_marked(s)
    return 1


cdef inline void bound_labels(State* s) noexcept nogil:
    """label_bound: what no answer of each label exceeds, by multipliers of all options."""
    cdef int32_t l, g, i, r
    cdef double bound, x, size = s.size_c
    cdef double* top = s.label_top
    if any_large(s):
        relax(s)
    else:
        start_relaxation(s)
        optimise(s)
        leave_all(s)
    bound = price(s)
    for r in range(s.n_rows):
        size += s.multiplier[r] * s.size[r]
    bound += ROUNDING * (s.n_rows + s.n_groups + 8) * size   # of what is added here
    for l in range(s.n_labels):
        s.label_bound[l] = bound
    for g in range(s.n_groups):
        if not s.linked[g]:
            continue
        for l in range(s.n_labels):
            top[l] = -INFINITY
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            l = s.label[s.id[i]]
            x = s.d[i] if s.alive[g] > 1 else 0.0    # a group's only option is not priced
            if l >= 0 and x > top[l]:
                top[l] = x
        for l in range(s.n_labels):
            s.label_bound[l] += top[l]


cdef inline int32_t best_label(const State* s) noexcept nogil:
    """The label with the highest bound, of equal ones the first."""
    cdef int32_t l, best = 0
    for l in range(1, s.n_labels):
        if s.label_bound[l] > s.label_bound[best]:
            best = l
    return best


cdef inline void end(State* s, double bound) noexcept nogil:
    s.bound = bound
    s.over = 1
    s.nodes = max(s.nodes, <int64_t> 1)      # what a relaxation refutes has its root


cdef inline void search(State* s, int64_t first) noexcept nogil:
    """The whole problem, where groups are linked label by label: those that may hold most first."""
    cdef int32_t g, l, n_open = s.n_open
    cdef double bound = -INFINITY
    if s.n_labels == 0:
        search_one(s, first)
        end(s, s.bound)
        return
    bound_labels(s)
    for g in range(s.n_groups):
        s.whole[g] = s.alive[g]
    while True:
        l = best_label(s)
        if s.label_bound[l] == -INFINITY or s.label_bound[l] < threshold(s):
            break
        if s.ended != RAN_OUT or s.failed:       # what is left of all is at most the best of them
            bound = max(bound, s.label_bound[l])
            break
        s.label_bound[l] = -INFINITY
        if keep_label(s, l):
            search_one(s, first)
            bound = max(bound, s.bound)
        bring_back(s, s.whole, n_open)
    end(s, bound)
