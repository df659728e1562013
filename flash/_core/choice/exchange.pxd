"""Exchanges: whether changing two or three groups at once makes a better answer.

Of changes of one group, those nearest to free by reduced value are kept, in falling order of what
they gain; pairs and triples of them that gain together and fit all rows are looked for, exactly.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from flash._core.choice.simplex cimport value_of
from flash._core.choice.state cimport State


cdef enum:
    PAIRS = 1500         # changes of which pairs are looked at
    TRIPLES = 240        # and triples


cdef struct Change:
    double gain
    double loss          # of reduced value
    int32_t group
    int32_t at           # where the option lies


cdef inline int is_worse(const Change* a, const Change* b, int by_loss) noexcept nogil:
    cdef double x = a.loss if by_loss else -a.gain, y = b.loss if by_loss else -b.gain
    if x != y:
        return x > y
    if a.group != b.group:
        return a.group > b.group
    return a.at > b.at


cdef inline void sink(Change* change, int32_t i, int32_t n, int by_loss) noexcept nogil:
    """For the sort below: change[i] to its place in the heap of the first n, the worst on top."""
    cdef Change one = change[i]
    cdef int32_t child
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and is_worse(&change[child + 1], &change[child], by_loss):
            child += 1
        if not is_worse(&change[child], &one, by_loss):
            break
        change[i] = change[child]
        i = child
    change[i] = one


cdef inline void sort_changes(Change* change, int32_t n, int by_loss) noexcept nogil:
    """The best first, in place."""
    cdef int32_t i = n // 2
    cdef Change one
    while i > 0:
        i -= 1
        sink(change, i, n, by_loss)
    i = n
    while i > 1:                         # from i on they are in order, and before i none is worse
        i -= 1
        one = change[0]
        change[0] = change[i]
        change[i] = one
        sink(change, 0, i, by_loss)


cdef inline int32_t list_changes(State* s, Change* change) noexcept nogil:
    """All changes of one group from `now`, with their losses at the multipliers."""
    cdef int32_t j, g, i, n = 0, first
    cdef double own
    for j in range(s.n_open):
        g = s.open[j]
        first = s.start[g]
        own = value_of(s, g, s.now[g] - first)
        for i in range(first, first + s.alive[g]):
            if i != s.now[g]:
                change[n].gain = s.c[i] - s.c[s.now[g]]
                change[n].loss = own - value_of(s, g, i - first)
                change[n].group = g
                change[n].at = i
                n += 1
    return n


cdef inline void take(State* s, const Change* one, double sign, double* room) noexcept nogil:
    """room: what rows have left with a change made, or with sign -1 unmade."""
    cdef int32_t g = one.group, k, first = s.start[one.group]
    for k in range(s.first_block[g], s.first_block[g + 1]):
        room[s.row_of[k]] -= sign * (s.block[k][one.at - first] - s.block[k][s.now[g] - first])


cdef inline int fits_with(const State* s, const Change* one, const double* room) noexcept nogil:
    """Whether a change fits beside what was made before; rows of other groups have room."""
    cdef int32_t g = one.group, k, first = s.start[one.group]
    for k in range(s.first_block[g], s.first_block[g + 1]):
        if (s.block[k][one.at - first] - s.block[k][s.now[g] - first]) > room[s.row_of[k]]:
            return 0
    return 1


cdef inline int all_left(const State* s, const double* room) noexcept nogil:
    cdef int32_t r
    for r in range(s.n_rows):
        if room[r] < 0.0:
            return 0
    return 1


cdef inline int broken_elsewhere(const State* s, const Change* one,
                                 const double* room) noexcept nogil:
    """Whether a row is broken in which the change's group has no part."""
    cdef int32_t r, k, g = one.group
    for r in range(s.n_rows):
        if room[r] < 0.0:
            for k in range(s.first_block[g], s.first_block[g + 1]):
                if s.row_of[k] == r:
                    break
            else:
                return 1
    return 0


cdef inline double best_second(State* s, const Change* change, int32_t n, int32_t from_,
                               double need, double* room, int32_t* found) noexcept nogil:
    """The change from place `from_` on that gains most beside what was made, above `need`."""
    cdef int32_t i
    for i in range(from_, n):
        s.improving += 4
        if change[i].gain <= need:
            return -INFINITY             # nor do those after it gain more
        if s.turn[change[i].group] == 0.0 and fits_with(s, &change[i], room) and (
                not broken_elsewhere(s, &change[i], room)):
            found[0] = i
            return change[i].gain
    return -INFINITY


cdef inline int exchange(State* s, Change* change, int32_t n, int three) noexcept nogil:
    """Makes the first better pair, or triple, that the order finds; false where there is none."""
    cdef int32_t i, j, k = -1
    cdef double gain
    cdef double* room = s.least
    for i in range(n):
        if change[i].gain <= 0.0:
            return 0                     # the greatest gain of an exchange is positive
        take(s, &change[i], 1.0, room)
        s.turn[change[i].group] = 1.0
        if not three:
            gain = best_second(s, change, n, 0, -change[i].gain, room, &k)
            if gain > -INFINITY:
                take(s, &change[k], 1.0, room)
                s.now[change[i].group] = change[i].at
                s.now[change[k].group] = change[k].at
                s.turn[change[i].group] = 0.0
                return 1
        else:
            for j in range(i + 1, n):
                if s.turn[change[j].group] != 0.0:
                    continue
                if change[i].gain + change[j].gain + change[i].gain <= 0.0:
                    break
                take(s, &change[j], 1.0, room)
                s.turn[change[j].group] = 1.0
                gain = best_second(s, change, n, j + 1, -change[i].gain - change[j].gain, room, &k)
                s.turn[change[j].group] = 0.0
                if gain > -INFINITY:
                    take(s, &change[k], 1.0, room)
                    s.now[change[i].group] = change[i].at
                    s.now[change[j].group] = change[j].at
                    s.now[change[k].group] = change[k].at
                    s.turn[change[i].group] = 0.0
                    return 1
                take(s, &change[j], -1.0, room)
        s.turn[change[i].group] = 0.0
        take(s, &change[i], -1.0, room)
    return 0


cdef inline int begin(State* s) noexcept nogil:
    """now: the answer of late; least: what it leaves of the rows. False where an option is gone."""
    cdef int32_t j, g, k, r, first
    for r in range(s.n_rows):
        s.least[r] = s.left[r]
    for j in range(s.n_open):
        g = s.open[j]
        first = s.start[g]
        s.now[g] = s.place[s.near[g]]
        s.turn[g] = 0.0
        if s.now[g] >= first + s.alive[g]:
            return 0
        for k in range(s.first_block[g], s.first_block[g + 1]):
            s.least[s.row_of[k]] += (s.block[k][s.key[g] - first]
                                     - s.block[k][s.now[g] - first])
    return all_left(s, s.least)


cdef inline void improve(State* s) noexcept nogil:
    """Exchanges from an answer of late until none is better; multipliers are those of the root."""
    cdef int32_t j, n, most
    cdef Change* change
    cdef int better = 1, any = 0
    cdef double value
    if s.n_open < 2 or not begin(s):
        return
    change = <Change*> malloc(s.n * sizeof(Change))
    if change == NULL:
        return                           # without an improvement, then
    while better:
        n = list_changes(s, change)
        sort_changes(change, n, 1)
        most = min(n, PAIRS)
        sort_changes(change, most, 0)
        better = exchange(s, change, most, 0)
        if not better:
            n = list_changes(s, change)
            sort_changes(change, n, 1)
            most = min(n, TRIPLES)
            sort_changes(change, most, 0)
            better = exchange(s, change, most, 1)
        any |= better
    free(change)
    if not any:
        return
    value = s.keys_value
    for j in range(s.n_open):
        value += s.c[s.now[s.open[j]]] - s.c[s.key[s.open[j]]]
    if value > s.best:
        s.best = value
        for j in range(s.n_groups):
            s.answer[j] = s.id[s.key[j]]
        for j in range(s.n_open):
            s.answer[s.open[j]] = s.id[s.now[s.open[j]]]
