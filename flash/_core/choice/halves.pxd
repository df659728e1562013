"""Better answers from two halves: sets of changes put together so that rows are used to the full.

From the answer of the root's multipliers each change of a group loses something. The groups are
parted by chance in two halves, and of each the sets of changes that lose least are gone through:
those of the one lie in a tree by what they take of the rows (a k-d tree: Bentley, Communications of
the ACM 18, 1975), and for each of the other it is asked for one that fills what is left (meeting in
the middle: Horowitz and Sahni, Journal of the ACM 21, 1974). A million of each make 10^12 pairs.
What can be better loses no more than the bound is above the best answer: where both halves are gone
through to there, nothing better is left.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from flash._core.choice.choices cimport pause
from flash._core.choice.exchange cimport Change, sort_changes
from flash._core.choice.simplex cimport ROUNDING, leave_all, price
from flash._core.choice.state cimport RAN_OUT, State, undo_to
from flash._core.choice.tree cimport threshold


cdef extern from *:
    """
    #define FLASH_SINGLE 1e-5f
    """
    const float SINGLE "FLASH_SINGLE"    # of the largest number: more than sums of floats lose

cdef enum:
    DIMS = 12            # rows that the tree parts by, and the value
    DEEPEST = 40         # changes in a set at most
    LEAF = 8             # sets in a leaf of the tree
    BINS = 600           # of losses, to count sets
    LARGEST = 1 << 19        # sets in the tree
    MOST_SETS = 1 << 20      # where all are gone through
    PART = 2             # one in so many numbers may be looked at here
    ROUND_COST = 700     # numbers looked at in a round, about, for each set in the tree
    MORE = 2             # times as many of the other half
    SET_COST = 60        # numbers looked at, about, for each set in the tree
    ASKED_COST = 150     # and for each of the other half, before it is known
    TIMES = 6            # what a round was to look at is its end, and of all numbers so far if all
                         # sets are gone through
    VISIT = 5            # numbers that a look at a set counts for
    ASKED = 512          # sets between looks at the limits: a power of two


cdef struct Halves:
    int32_t dims, stride # of a set: charges of rows, the value, its loss
    int32_t[DIMS] row
    double[DIMS] charge  # multipliers of these rows; 1 of the value
    Change* change       # of the first half, then of the second: by loss
    int32_t n_first, n_changes
    double* of_change    # of each: as of a set
    double[BINS] count
    double[BINS] after
    # sets of the first half
    int32_t n_sets
    float* set
    int32_t* name        # of each in its place in the tree: its number
    int32_t* before      # by number: the set that it adds a change to, or -1
    int32_t* by
    float[DIMS] top      # the largest number of any
    # the tree: node i has 2 i + 1 and 2 i + 2 below it
    int32_t* dim         # -1: a leaf
    float* middle
    # the set of the second half
    int32_t depth
    int32_t[DEEPEST] path
    double[DEEPEST * (DIMS + 1)] sums
    float[DIMS] low
    float[DIMS] high
    int64_t looks


cdef inline double chance(State* s) noexcept nogil:
    """A number in (0, 1), the same ones in every run."""
    cdef uint64_t x = s.draws
    x ^= x << 13
    x ^= x >> 7
    x ^= x << 17
    s.draws = x
    return (<double> (x >> 11) + 0.5) / 9007199254740992.0


cdef inline void pick_dims(State* s, Halves* h) noexcept nogil:
    """The rows that charge most, and the value after them."""
    cdef int32_t r, k, n = 0
    cdef double x
    for r in range(s.n_rows):
        x = s.multiplier[r] * s.size[r]
        if x <= 0.0:
            continue
        k = n if n < DIMS - 1 else DIMS - 1      # by insertion: the least falls out
        while k > 0 and x > s.multiplier[h.row[k - 1]] * s.size[h.row[k - 1]]:
            if k < DIMS - 1:
                h.row[k] = h.row[k - 1]
            k -= 1
        if k < DIMS - 1:
            h.row[k] = r
            n = min(n + 1, <int32_t> DIMS - 1)
    for k in range(n):
        h.charge[k] = s.multiplier[h.row[k]]
    h.charge[n] = 1.0
    h.dims = n + 1
    h.stride = n + 2


cdef inline void shuffle(State* s) noexcept nogil:
    """next_key: the open groups in an order by chance."""
    cdef int32_t j, k, g
    for j in range(s.n_open):
        s.next_key[j] = s.open[j]
    for j in range(s.n_open - 1, 0, -1):
        k = <int32_t> (chance(s) * (j + 1))
        g = s.next_key[j]
        s.next_key[j] = s.next_key[k]
        s.next_key[k] = g


cdef inline void list_half(State* s, Halves* h, int32_t from_, int32_t to,
                           double most) noexcept nogil:
    """Changes of some groups that lose at most so much, in rising order."""
    cdef int32_t j, g, i, first, n = h.n_changes
    for j in range(from_, to):
        g = s.next_key[j]
        first = s.start[g]
        for i in range(first, first + s.alive[g]):
            if i != s.key[g] and -s.d[i] <= most:
                h.change[n].gain = s.c[i] - s.c[s.key[g]]
                h.change[n].loss = -s.d[i] if s.d[i] < 0.0 else 0.0
                h.change[n].group = g
                h.change[n].at = i
                n += 1
    sort_changes(h.change + h.n_changes, n - h.n_changes, 1)
    h.n_changes = n


cdef inline void weigh(State* s, Halves* h) noexcept nogil:
    """of_change, from the groups' blocks."""
    cdef int32_t i, k, d, g
    cdef double* own
    cdef const Change* one
    for i in range(h.n_changes):
        own = h.of_change + i * <int64_t> h.stride
        one = &h.change[i]
        g = one.group
        for d in range(h.dims):
            own[d] = 0.0
            for k in range(s.first_block[g], s.first_block[g + 1]):
                if d < h.dims - 1 and s.row_of[k] == h.row[d]:
                    own[d] = h.charge[d] * (s.block[k][one.at - s.start[g]]
                                            - s.block[k][s.key[g] - s.start[g]])
        own[h.dims - 1] = one.gain
        own[h.dims] = one.loss


cdef inline void count_none(Halves* h) noexcept nogil:
    memset(h.count, 0, BINS * sizeof(double))
    h.count[0] = 1.0


cdef inline double count_with(State* s, Halves* h, int32_t g, double most,
                              double up) noexcept nogil:
    """Counts sets by their loss, one group more among them; how many lose at most so much. No less
    than there are where `up`, by which losses are rounded, is 0."""
    cdef int32_t i, t, bin
    cdef double total = 0.0
    for t in range(BINS):
        h.after[t] = h.count[t]
    for i in range(s.start[g], s.start[g] + s.alive[g]):
        if i == s.key[g] or -s.d[i] > most:
            continue
        bin = <int32_t> (up - s.d[i] / most * (BINS - 1)) if s.d[i] < 0.0 else 0
        s.work += BINS // 4
        for t in range(bin, BINS):
            h.after[t] += h.count[t - bin]
    for t in range(BINS):
        h.count[t] = h.after[t]
        total += h.count[t]
    return total


cdef inline double loss_for(State* s, Halves* h, int32_t from_, int32_t to, double most,
                            double sets) noexcept nogil:
    """The loss up to which some groups have about so many sets of changes: at most `most`."""
    cdef int32_t j, t
    cdef double total = 0.0
    count_none(h)
    for j in range(from_, to):
        count_with(s, h, s.next_key[j], most, 0.5)
    for t in range(BINS):
        total += h.count[t]
        if total > sets:
            return most * t / BINS
    return most


cdef inline int32_t part_for_all(State* s, Halves* h, double most, double* first,
                                 double* second) noexcept nogil:
    """How many groups the first half has for both to be gone through with least work, and how many
    sets each has then; -1 where that is too much."""
    cdef int32_t j, k = -1, n = s.n_open
    cdef double total = 1.0, least = 2.0 * s.work, work
    count_none(h)
    for j in range(n - 1, -1, -1):
        s.turn[j] = INFINITY
    for j in range(n - 1, -1, -1):       # turn: sets of the groups from j on
        total = count_with(s, h, s.next_key[j], most, 0.0)
        if s.asked_cost * total > least:
            break
        s.turn[j] = total
    count_none(h)
    for j in range(n - 1):
        total = count_with(s, h, s.next_key[j], most, 0.0)
        if total > MOST_SETS:
            break
        work = SET_COST * total + s.asked_cost * s.turn[j + 1]
        if work < least:
            least = work
            k = j + 1
            first[0] = total
            second[0] = s.turn[j + 1]
    return k


cdef inline int has_group(const Halves* h, int32_t set, int32_t g) noexcept nogil:
    while set > 0:
        if h.change[h.by[set]].group == g:
            return 1
        set = h.before[set]
    return 0


cdef inline int list_sets(Halves* h, double most, int32_t room) noexcept nogil:
    """Sets of changes of the first half that lose at most so much; false where there is no room for
    all."""
    cdef int32_t i = 0, c, d, n = 1, w = h.stride
    cdef double loss
    cdef float x
    cdef float* own
    cdef const float* base
    cdef const double* more
    memset(h.set, 0, w * sizeof(float))
    h.before[0] = h.by[0] = -1
    h.name[0] = 0
    for d in range(h.dims):
        h.top[d] = 0.0
    while i < n:
        base = h.set + i * <int64_t> w
        for c in range(h.by[i] + 1, h.n_first):
            more = h.of_change + c * <int64_t> w
            loss = base[h.dims] + more[h.dims]
            if loss > most:
                break
            if has_group(h, i, h.change[c].group):
                continue
            if n == room:
                h.n_sets = n
                return 0
            own = h.set + n * <int64_t> w
            for d in range(w):
                own[d] = <float> (base[d] + more[d])
            for d in range(h.dims):
                x = own[d] if own[d] > 0.0 else -own[d]
                h.top[d] = x if x > h.top[d] else h.top[d]
            h.before[n] = i
            h.by[n] = c
            h.name[n] = n
            n += 1
        i += 1
    h.n_sets = n
    return 1


cdef inline void swap_sets(Halves* h, int32_t a, int32_t b) noexcept nogil:
    cdef float* p = h.set + a * <int64_t> h.stride
    cdef float* q = h.set + b * <int64_t> h.stride
    cdef float x
    cdef int32_t d
    for d in range(h.stride):
        x = p[d]
        p[d] = q[d]
        q[d] = x
    d = h.name[a]
    h.name[a] = h.name[b]
    h.name[b] = d


cdef inline void part_at(Halves* h, int32_t low, int32_t high, int32_t at,
                         int32_t d) noexcept nogil:
    """Sets from low to high - 1 change places until none before `at` is larger in d than it, and
    none after it smaller."""
    cdef int32_t i, j, w = h.stride
    cdef float x, a, b, c
    cdef const float* set = h.set + d
    high -= 1
    while low < high:
        a = set[low * <int64_t> w]
        b = set[(low + (high - low) // 2) * <int64_t> w]
        c = set[high * <int64_t> w]
        x = max(min(a, b), min(max(a, b), c))    # the middle one of three
        i = low
        j = high
        while i <= j:
            while set[i * <int64_t> w] < x:
                i += 1
            while set[j * <int64_t> w] > x:
                j -= 1
            if i <= j:
                swap_sets(h, i, j)
                i += 1
                j -= 1
        if at <= j:
            high = j
        elif at >= i:
            low = i
        else:
            return


cdef inline int32_t widest(const Halves* h, int32_t low, int32_t high) noexcept nogil:
    """In which dimension sets differ most, by a sample of them."""
    cdef int32_t d, i, best = 0, count, step = max(1, (high - low) // 64)
    cdef double sum_, squares, x, most = -1.0
    for d in range(h.dims):
        sum_ = squares = 0.0
        count = 0
        i = low
        while i < high:
            x = h.set[i * <int64_t> h.stride + d]
            sum_ += x
            squares += x * x
            count += 1
            i += step
        x = squares - sum_ * sum_ / count
        if x > most:
            most = x
            best = d
    return best


cdef inline void grow_tree(Halves* h) noexcept nogil:
    """Parts the sets by halves, in the dimension in which they differ most."""
    cdef int32_t[64] node
    cdef int32_t[64] low
    cdef int32_t[64] high
    cdef int32_t n = 1, at, i, k, d, a, b
    node[0] = low[0] = 0
    high[0] = h.n_sets
    while n:
        n -= 1
        i, a, b = node[n], low[n], high[n]
        if b - a <= LEAF:
            h.dim[i] = -1
            continue
        d = widest(h, a, b)
        at = (a + b) // 2
        part_at(h, a, b, at, d)
        h.dim[i] = d
        h.middle[i] = h.set[at * <int64_t> h.stride + d]
        for k in range(2):
            node[n + k] = 2 * i + 1 + k
            low[n + k] = at if k else a
            high[n + k] = b if k else at
        n += 2


cdef inline void try_pair(State* s, Halves* h, int32_t set) noexcept nogil:
    """Keeps what a set of the first half and that of the second make, where it is a better answer:
    exactly."""
    cdef int32_t r, i, k, g, n = 0
    cdef int32_t[2 * DEEPEST] made
    cdef double value = s.keys_value
    cdef const Change* one
    while set > 0:
        made[n] = h.by[set]
        n += 1
        set = h.before[set]
    for i in range(h.depth):
        made[n] = h.path[i]
        n += 1
    for r in range(s.n_rows):
        s.least[r] = s.left[r]
    for i in range(n):
        one = &h.change[made[i]]
        g = one.group
        value += one.gain
        for k in range(s.first_block[g], s.first_block[g + 1]):
            s.least[s.row_of[k]] -= (s.block[k][one.at - s.start[g]]
                                     - s.block[k][s.key[g] - s.start[g]])
    for r in range(s.n_rows):
        if s.least[r] < 0.0:
            return
    if value < threshold(s):
        return
    s.found = 1
    s.best = value
    for g in range(s.n_groups):
        s.answer[g] = s.id[s.key[g]]
    for i in range(n):
        s.answer[h.change[made[i]].group] = s.id[h.change[made[i]].at]


cdef inline void ask(State* s, Halves* h) noexcept nogil:
    """Looks for sets of the first half within low and high that make better answers."""
    cdef int32_t[64] node
    cdef int32_t[64] first
    cdef int32_t[64] last
    cdef int32_t n = 1, i, a, b, at, d, k
    cdef const float* own
    node[0] = first[0] = 0
    last[0] = h.n_sets
    while n:
        n -= 1
        i, a, b = node[n], first[n], last[n]
        h.looks += 1
        d = h.dim[i]
        while d >= 0:
            at = (a + b) // 2
            if h.high[d] >= h.middle[i]:
                if h.low[d] <= h.middle[i]:
                    node[n] = 2 * i + 2
                    first[n] = at
                    last[n] = b
                    n += 1
                    i = 2 * i + 1
                    b = at
                else:
                    i = 2 * i + 2
                    a = at
            else:
                i = 2 * i + 1
                b = at
            h.looks += 1
            d = h.dim[i]
        for k in range(a, b):
            own = h.set + k * <int64_t> h.stride
            d = 0
            while d < h.dims and own[d] >= h.low[d] and own[d] <= h.high[d]:
                d += 1
            if d == h.dims:
                try_pair(s, h, h.name[k])
        h.looks += b - a


cdef inline void ask_for(State* s, Halves* h, double most) noexcept nogil:
    """What would fill what the set of the second half leaves; most: that an answer may lose."""
    cdef const double* own = h.sums + h.depth * <int64_t> h.stride
    cdef double left = most - own[h.dims], x
    cdef int32_t d
    cdef float wide
    for d in range(h.dims):
        wide = SINGLE * h.top[d]
        if d < h.dims - 1:
            x = h.charge[d] * s.left[h.row[d]] - own[d]
            h.high[d] = <float> x + wide
            h.low[d] = <float> (x - left) - wide
        else:
            x = threshold(s) - s.keys_value - own[d]
            h.low[d] = <float> x - wide
            h.high[d] = <float> (x + left) + wide
    h.looks = 0
    ask(s, h)
    s.work += VISIT * h.looks


cdef inline int go_through(State* s, Halves* h, double bound, double most, int64_t room,
                           int64_t work) noexcept nogil:
    """All sets of the second half that lose at most so much; false where that is too many, or where
    the numbers looked at come to `work`."""
    cdef int32_t[DEEPEST + 1] next_
    cdef int64_t n = 0
    cdef int32_t c, d, k, w = h.stride
    cdef int used, all_ = 1
    cdef double* own
    h.depth = 0
    memset(h.sums, 0, w * sizeof(double))
    next_[0] = h.n_first
    ask_for(s, h, bound - threshold(s))
    while True:
        c = next_[h.depth]
        own = h.sums + h.depth * <int64_t> w
        if c == h.n_changes or own[h.dims] + h.change[c].loss > most:
            if h.depth == 0:
                return all_
            h.depth -= 1
            continue
        next_[h.depth] = c + 1
        used = 0
        for k in range(h.depth):
            used |= h.change[h.path[k]].group == h.change[c].group
        if used:
            continue
        if h.depth == DEEPEST - 1:
            all_ = 0
            continue
        if n == room or s.work > work or n & (ASKED - 1) == ASKED - 1 and pause(s):
            return 0
        n += 1
        for d in range(w):
            own[w + d] = own[d] + h.of_change[c * <int64_t> w + d]
        h.path[h.depth] = c
        h.depth += 1
        next_[h.depth] = c + 1
        ask_for(s, h, bound - threshold(s))


cdef inline char* room_for(State* s, Halves* h, int32_t sets) noexcept nogil:
    """Memory for all of it, or NULL."""
    cdef int64_t n = 0, w = h.stride, size
    cdef int32_t j
    cdef char* all_
    for j in range(s.n_open):
        n += s.alive[s.open[j]] - 1
    size = (n * (sizeof(Change) + w * sizeof(double))
            + sets * (w * sizeof(float) + 5 * sizeof(int32_t) + 2 * sizeof(float)))
    all_ = <char*> malloc(size)
    if all_ == NULL:
        return NULL
    h.change = <Change*> all_
    h.of_change = <double*> (h.change + n)
    h.set = <float*> (h.of_change + n * w)
    h.middle = h.set + sets * w
    h.name = <int32_t*> (h.middle + 2 * sets)
    h.before = h.name + sets
    h.by = h.before + sets
    h.dim = h.by + sets
    return all_


cdef inline int meet(State* s, int64_t trail, int32_t sets) noexcept nogil:
    """Puts together so many sets of one half and MORE times as many of the other, or all where that
    is not too much; true where nothing better than the best answer is left."""
    cdef Halves h
    cdef char* all_
    cdef int32_t r, first
    cdef double bound, most, first_most, second_most, rounding, n = sets, asked = MORE * sets
    cdef int64_t before = s.work
    cdef int whole = 1
    undo_to(s, trail)
    leave_all(s)
    rounding = s.size_c
    for r in range(s.n_rows):
        s.multiplier[r] = s.at_root[r]
        rounding += s.multiplier[r] * s.size[r]
    # losses are rounded too
    bound = price(s) + ROUNDING * (s.n_rows + s.n_groups + 8) * rounding
    most = bound - threshold(s)
    if most < 0.0:
        return 1
    shuffle(s)
    first = part_for_all(s, &h, most, &n, &asked)
    if first >= 0:
        first_most = second_most = most
    else:
        whole = 0
        first = s.n_open // 2
        first_most = loss_for(s, &h, 0, first, most, n)
        second_most = loss_for(s, &h, first, s.n_open, most, asked)
    pick_dims(s, &h)
    all_ = room_for(s, &h, <int32_t> n)
    if all_ == NULL:
        return 0                         # without it, then
    h.n_changes = 0
    list_half(s, &h, 0, first, first_most)
    h.n_first = h.n_changes
    list_half(s, &h, first, s.n_open, second_most)
    weigh(s, &h)
    whole &= list_sets(&h, first_most, <int32_t> n)
    grow_tree(&h)
    s.work += SET_COST * <int64_t> h.n_sets
    before = TIMES * before if whole else before + TIMES * <int64_t> ROUND_COST * sets
    if not go_through(s, &h, bound, second_most, <int64_t> (asked if whole else MORE * asked),
                      before):
        if whole:
            s.asked_cost *= TIMES
        whole = 0
    free(all_)
    return whole and s.ended == RAN_OUT


cdef inline int put_together(State* s, int64_t trail) noexcept nogil:
    """Rounds of it until they have had their part of the work: larger where nothing was found. True
    where nothing better than the best answer is left."""
    cdef int64_t before
    cdef double least
    while s.ended == RAN_OUT and (
            PART * (s.meeting + <int64_t> ROUND_COST * s.n_sets) < s.work):
        s.rounds += 1
        before = s.work
        least = threshold(s)
        if meet(s, trail, s.n_sets):
            return 1
        s.meeting += s.work - before
        if threshold(s) == least and s.n_sets < LARGEST:
            s.n_sets *= 2
    return 0
