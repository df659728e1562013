"""The linear relaxation, by the dual simplex method for problems of choices.

Each group has a basic option that is its key; beside the keys as many options are basic as rows are
tight, so the basis proper is no larger than the number of tight rows however many groups there are
(generalised upper bounds, Dantzig and Van Slyke 1967). From multipliers of zero, where every
group's best option is its key, no first phase is needed. A step goes along a line of multipliers until the
basis changes, and past the places where only the key of a group does: an exact search of the dual
function along the line.

Nothing here decides what is true. Every bound is worked out anew from the multipliers alone, which
bound whatever they are (`price`).
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from flash._core.choice.choices cimport pause
from flash._core.choice.state cimport MOST_TIGHT, State, hide


cdef extern from *:
    """
    #define FLASH_ALMOST 1e-9
    #define FLASH_PIVOT 1e-10
    #define FLASH_LATER 0.01
    #define FLASH_ROUNDING 2.3e-16
    """
    const double ALMOST "FLASH_ALMOST"       # a share or a row's use this far off is kept to
    const double LATER "FLASH_LATER"         # how much a row of single options counts at first
    const double PIVOT "FLASH_PIVOT"         # smaller coefficients turn nothing
    const double ROUNDING "FLASH_ROUNDING"   # more than what one operation may lose

cdef enum:
    PATIENCE = 40        # pivots, and so many more for each open group and tight row
    LOOKS = 64           # pivots between looks at the limits: a power of two


cdef inline double value_of(const State* s, int32_t g, int32_t i) noexcept nogil:
    """What option number `i - start` of group g is worth at the multipliers."""
    cdef double x = s.c[s.start[g] + i]
    cdef int32_t k
    for k in range(s.first_block[g], s.first_block[g + 1]):
        x -= s.multiplier[s.row_of[k]] * s.block[k][i]
    return x


cdef inline void take_key(State* s, int32_t g, int32_t at) noexcept nogil:
    """Makes the option at `at` the key; sums follow."""
    cdef int32_t k, first = s.start[g], old = s.key[g]
    if at == old:
        return
    for k in range(s.first_block[g], s.first_block[g + 1]):
        s.left[s.row_of[k]] += s.block[k][old - first] - s.block[k][at - first]
    s.keys_value += s.c[at] - s.c[old]
    s.key[g] = at


cdef inline double price_group(State* s, int32_t g) noexcept nogil:
    """Reduced values of a group's options; its key becomes its best option, unless others are basic
    beside it. By how much the best exceeds the key."""
    cdef int32_t first = s.start[g], n = s.alive[g], i, k, best
    cdef double* d = s.d + first
    cdef double y, top
    cdef const double* a
    s.work += n * (1 + s.first_block[g + 1] - s.first_block[g])
    for i in range(n):
        d[i] = s.c[first + i]
    for k in range(s.first_block[g], s.first_block[g + 1]):
        y = s.multiplier[s.row_of[k]]
        if y != 0.0:
            a = s.block[k]
            for i in range(n):
                d[i] -= y * a[i]
    best = s.key[g] - first              # where several are best the key stays: it is part of what
    top = d[best]                        # the relaxation has found
    for i in range(n):
        if d[i] > top:
            top = d[i]
            best = i
    if not s.basics[g]:
        take_key(s, g, first + best)
        y = top
    else:
        y = d[s.key[g] - first]
    for i in range(n):
        d[i] -= y
    return top - y


cdef inline double price(State* s) noexcept nogil:
    """Reduced values at the multipliers, and the bound that these give, outward."""
    cdef double bound, excess = 0.0, size = s.size_c
    cdef int32_t j, r
    for j in range(s.n_open):
        excess += price_group(s, s.open[j])
    bound = s.keys_value + excess
    for r in range(s.n_rows):
        if s.multiplier[r] != 0.0:
            bound += s.multiplier[r] * s.left[r]
            size += s.multiplier[r] * s.size[r]
    return bound + ROUNDING * (s.n_rows + s.n_groups + 8) * size


cdef inline void leave_all(State* s) noexcept nogil:
    """Gives the basis up, and keeps the multipliers: they bound as well as before."""
    cdef int32_t j
    for j in range(s.n_tight):
        s.tight_at[s.tight[j]] = -1
        s.basics[s.group_of[s.basic[j]]] = 0
    s.n_tight = 0


cdef inline void start_relaxation(State* s) noexcept nogil:
    """Multipliers of zero, no tight row."""
    cdef int32_t r
    leave_all(s)
    for r in range(s.n_rows):
        s.multiplier[r] = 0.0
    price(s)


cdef inline int invert(State* s) noexcept nogil:
    """The inverse of the basis: tight rows' numbers of the basic options, less those of their keys.
    False where it is singular."""
    cdef int n = s.n_tight, i, j, k, top
    cdef int32_t g, at, key
    cdef double* m = s.scratch          # n x 2n: the basis by (tight, basic), and the unit matrix
    cdef double x, y
    cdef int w = 2 * n
    memset(m, 0, n * w * sizeof(double))
    for j in range(n):
        g = s.group_of[s.basic[j]]
        at = s.place[s.basic[j]] - s.start[g]
        key = s.key[g] - s.start[g]
        for k in range(s.first_block[g], s.first_block[g + 1]):
            i = s.tight_at[s.row_of[k]]
            if i >= 0:
                m[i * w + j] = s.block[k][at] - s.block[k][key]
    for i in range(n):
        m[i * w + n + i] = 1.0
    for j in range(n):               # columns before j are those of the unit matrix
        top = j
        for i in range(j + 1, n):
            if fabs(m[i * w + j]) > fabs(m[top * w + j]):
                top = i
        if fabs(m[top * w + j]) < PIVOT:
            return 0
        if top != j:
            for k in range(w):
                x = m[j * w + k]
                m[j * w + k] = m[top * w + k]
                m[top * w + k] = x
        x = 1.0 / m[j * w + j]
        for k in range(j, w):
            m[j * w + k] *= x
        for i in range(n):
            y = m[i * w + j]
            if i != j and y != 0.0:
                for k in range(j, w):
                    m[i * w + k] -= y * m[j * w + k]
    for i in range(n):
        memcpy(s.inverse + i * MOST_TIGHT, m + i * w + n, n * sizeof(double))
    return 1


cdef inline void shares(State* s) noexcept nogil:
    """What each basic option has of its group; the key has the rest."""
    cdef int j, t
    cdef double x
    for j in range(s.n_tight):
        x = 0.0
        for t in range(s.n_tight):
            x += s.inverse[j * MOST_TIGHT + t] * s.left[s.tight[t]]
        s.share[j] = x


cdef inline double key_share(const State* s, int32_t g) noexcept nogil:
    cdef double x = 1.0
    cdef int j
    if s.basics[g]:
        for j in range(s.n_tight):
            if s.group_of[s.basic[j]] == g:
                x -= s.share[j]
    return x


cdef inline double beside_key(const State* s, int32_t r, int j) noexcept nogil:
    """Row r's number of basic option j less that of its key."""
    cdef int32_t g = s.group_of[s.basic[j]], k
    for k in range(s.first_block[g], s.first_block[g + 1]):
        if s.row_of[k] == r:
            return (s.block[k][s.place[s.basic[j]] - s.start[g]]
                    - s.block[k][s.key[g] - s.start[g]])
    return 0.0


cdef inline void rooms(State* s) noexcept nogil:
    """What the relaxed answer leaves of each row."""
    cdef int32_t g, k, r, at, key
    cdef int j
    for r in range(s.n_rows):
        s.room[r] = s.left[r]
    for j in range(s.n_tight):
        g = s.group_of[s.basic[j]]
        at = s.place[s.basic[j]] - s.start[g]
        key = s.key[g] - s.start[g]
        for k in range(s.first_block[g], s.first_block[g + 1]):
            s.room[s.row_of[k]] -= s.share[j] * (s.block[k][at] - s.block[k][key])


cdef inline int swap_key(State* s, int j) noexcept nogil:
    """Basic option j and its group's key change their parts. False where the basis is singular."""
    cdef int32_t g = s.group_of[s.basic[j]]
    cdef int32_t old = s.id[s.key[g]], i
    cdef double y
    take_key(s, g, s.place[s.basic[j]])
    s.basic[j] = old
    y = s.d[s.key[g]]
    for i in range(s.start[g], s.start[g] + s.alive[g]):
        s.d[i] -= y
    if not invert(s):
        return 0
    shares(s)
    return 1


cdef inline void row_of_basic(State* s, int j, double sign) noexcept nogil:
    """direction: the rows whose combination is basic option j's row of the tableau."""
    cdef int t
    for t in range(s.n_rows):
        s.direction[t] = 0.0
    for t in range(s.n_tight):
        s.direction[s.tight[t]] = sign * s.inverse[j * MOST_TIGHT + t]


cdef inline void row_of_slack(State* s, int32_t r) noexcept nogil:
    """direction: the same of row r, which is not tight."""
    cdef int t, j
    cdef double x
    for t in range(s.n_rows):
        s.direction[t] = 0.0
    for t in range(s.n_tight):
        x = 0.0
        for j in range(s.n_tight):
            x += beside_key(s, r, j) * s.inverse[j * MOST_TIGHT + t]
        s.direction[s.tight[t]] = -x
    s.direction[r] = 1.0


cdef inline void slopes(State* s, int32_t g) noexcept nogil:
    """alpha: how fast a group's options lose along the direction, beside the key."""
    cdef int32_t first = s.start[g], n = s.alive[g], i, k, any = 0
    cdef double* alpha = s.alpha + first
    cdef const double* a
    cdef double y
    s.work += n * (1 + s.first_block[g + 1] - s.first_block[g])
    for k in range(s.first_block[g], s.first_block[g + 1]):
        y = s.direction[s.row_of[k]]
        if y == 0.0:
            continue
        a = s.block[k]
        if any:
            for i in range(n):
                alpha[i] += y * a[i]
        else:
            any = 1
            for i in range(n):
                alpha[i] = y * a[i]
    if not any:
        for i in range(n):
            alpha[i] = 0.0
        return
    y = alpha[s.key[g] - first]
    for i in range(n):
        alpha[i] -= y


cdef inline void next_turn(State* s, int32_t g) noexcept nogil:
    """Where along the direction another option overtakes the group's key of now."""
    cdef int32_t first = s.start[g], n = s.alive[g], i
    cdef double a, x, least = INFINITY
    cdef double ka = s.key_alpha[g], kd = s.key_d[g]
    s.next_key[g] = -1
    for i in range(first, first + n):
        a = s.alpha[i] - ka
        if a < -PIVOT:
            x = (s.d[i] - kd) / a
            if x < least:
                least = x
                s.next_key[g] = i
    s.turn[g] = least if least > 0.0 else 0.0 if least < INFINITY else INFINITY


cdef inline double line_search(State* s, int leaves, double sign, double lack, int32_t* enters,
                               int32_t* group) noexcept nogil:
    """How far to go along the direction, where what leaves lacks `lack` (negative). leaves, sign:
    which basic option, or -1, and that of its row in the direction.

    enters: the option (its place) that enters the basis, or -1 - r where row r is tight no longer;
    what keys change on the way is done. INFINITY: nothing ends it, so nothing is feasible."""
    cdef int32_t j, g = -1, t, row, i
    cdef double theta, x
    for j in range(s.n_open):
        g = s.open[j]
        slopes(s, g)
        s.key_alpha[g] = 0.0
        s.key_d[g] = 0.0
    for t in range(s.n_tight):           # what is basic does not enter
        s.alpha[s.place[s.basic[t]]] = 0.0
    if leaves >= 0 and sign > 0.0:
        s.alpha[s.place[s.basic[leaves]]] = 1.0
    for j in range(s.n_open):
        next_turn(s, s.open[j])
    while True:
        # the keys are those that are best just before theta; `lack` is the slope there
        theta = INFINITY
        row = -1
        for t in range(s.n_tight):
            x = s.direction[s.tight[t]]
            if x < -PIVOT:
                x = -s.multiplier[s.tight[t]] / x
                if x < theta:
                    theta = x
                    row = s.tight[t]
        g = -1
        for j in range(s.n_open):
            if s.turn[s.open[j]] < theta:
                g = s.open[j]
                theta = s.turn[g]
        if theta == INFINITY:
            break
        if g < 0:
            enters[0] = -1 - row
            break
        i = s.next_key[g]
        x = s.alpha[i] - s.key_alpha[g]
        if s.basics[g] or lack - x >= 0.0:
            enters[0] = i
            group[0] = g
            break
        lack -= x
        s.key_alpha[g] = s.alpha[i]
        s.key_d[g] = s.d[i]
        take_key(s, g, i)
        next_turn(s, g)
        if s.turn[g] < theta:
            s.turn[g] = theta
    if theta == INFINITY:
        # the groups whose keys changed are priced anew by whoever asked
        return theta
    for t in range(s.n_rows):
        if s.direction[t] != 0.0:
            x = s.multiplier[t] + theta * s.direction[t]
            s.multiplier[t] = x if x > 0.0 else 0.0
    for j in range(s.n_open):
        g = s.open[j]
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            s.d[i] = (s.d[i] - s.key_d[g]) - theta * (s.alpha[i] - s.key_alpha[g])
    if enters[0] < 0:
        s.multiplier[-1 - enters[0]] = 0.0
    return theta


cdef inline void enter_basis(State* s, int j, int32_t option) noexcept nogil:
    s.basic[j] = option
    s.basics[s.group_of[option]] += 1


cdef inline void leave_basis(State* s, int j) noexcept nogil:
    s.basics[s.group_of[s.basic[j]]] -= 1


cdef inline int pivot(State* s, int j, int32_t r, double sign, double lack) noexcept nogil:
    """Basic option j, or row r's slack where j is negative, leaves the basis by the direction.

    1: done; 0: nothing is feasible; -1: the basis broke down."""
    cdef int32_t enters = 0, g = 0, t, last = s.n_tight - 1
    s.pivots += 1
    if line_search(s, j, sign, lack, &enters, &g) == INFINITY:
        return 0
    if j >= 0:
        leave_basis(s, j)
        if enters >= 0:
            enter_basis(s, j, s.id[enters])
        else:                        # a row is tight no longer: the basis shrinks
            t = s.tight_at[-1 - enters]
            s.tight_at[-1 - enters] = -1
            s.basic[j] = s.basic[last]
            s.tight[t] = s.tight[last]
            if t != last:
                s.tight_at[s.tight[t]] = t
            s.n_tight = last
    elif enters >= 0:                # the basis grows
        s.tight[s.n_tight] = r
        s.tight_at[r] = s.n_tight
        enter_basis(s, s.n_tight, s.id[enters])
        s.n_tight += 1
    else:
        t = s.tight_at[-1 - enters]
        s.tight_at[-1 - enters] = -1
        s.tight[t] = r
        s.tight_at[r] = t
    if not invert(s):
        return -1
    shares(s)
    return 1


cdef inline int optimise(State* s) noexcept nogil:
    """Pivots until the relaxation is solved (1), or nothing is feasible (0; the direction then is a
    ray), or it breaks down or is ended (-1)."""
    cdef int j, leaves
    cdef int32_t r, row, most = PATIENCE * (1 + s.n_tight) + 8 * s.n_open, step
    cdef double x, worst
    for step in range(most):
        if step & (LOOKS - 1) == LOOKS - 1 and pause(s):
            return -1
        worst = -ALMOST
        leaves = -1
        row = -1
        for j in range(s.n_tight):
            if s.share[j] < worst:
                worst = s.share[j]
                leaves = j
        for j in range(s.n_tight):   # a key that is less than nothing changes parts with another
            x = key_share(s, s.group_of[s.basic[j]])
            if x < worst:
                worst = x
                leaves = j
                row = -2
        rooms(s)
        for r in range(s.n_rows):
            if s.tight_at[r] < 0:
                x = s.room[r] / (1.0 + fabs(s.b[r]))
                if r >= s.n_rows - s.n_sparse and x < -10.0 * ALMOST:
                    x *= LATER           # sums over all groups first: they move most
                if x < worst:
                    worst = x
                    row = r
        if worst == -ALMOST:
            return 1
        if row == -2:
            if not swap_key(s, leaves):
                return -1
            row = -1
        if row >= 0:
            if s.n_tight == MOST_TIGHT:
                return -1
            row_of_slack(s, row)
            j = pivot(s, -1, row, 1.0, s.room[row])
        else:
            row_of_basic(s, leaves, 1.0)
            j = pivot(s, leaves, -1, 1.0, s.share[leaves])
        if j <= 0:
            return j
    return -1


cdef inline int expel(State* s, int32_t option) noexcept nogil:
    """Rules an option out, from the basis too. False where its group would have none left."""
    cdef int32_t g = s.group_of[option], i, best, j
    cdef double x
    if s.alive[g] == 1:
        return 0
    if s.key[g] == s.place[option] and s.basics[g]:
        for j in range(s.n_tight):
            if s.group_of[s.basic[j]] == g:
                if not swap_key(s, j):
                    start_relaxation(s)
                break
    if s.basics[g] and s.key[g] != s.place[option]:
        for j in range(s.n_tight):
            if s.basic[j] == option:
                row_of_basic(s, j, -1.0)
                if pivot(s, j, -1, -1.0, -s.share[j] if s.share[j] > ALMOST else -ALMOST) <= 0:
                    start_relaxation(s)
                break
    if s.key[g] == s.place[option]:      # alone in the basis: another takes its place
        best = -1
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            if s.id[i] != option and (best < 0 or s.d[i] > s.d[best] or (
                    s.d[i] == s.d[best] and s.id[i] < s.id[best])):
                best = i
        take_key(s, g, best)
        x = s.d[best]
        for i in range(s.start[g], s.start[g] + s.alive[g]):
            s.d[i] -= x
        shares(s)
    hide(s, g, s.place[option])
    return 1
