"""A problem of choices while it is searched: one option a group, rows that limit sums.

Maximise sum c[i] over one option i of each group, subject to sum a[r][i] <= b[r] for each row r.
Every number is an integer held in a double, and every sum stays below 2^53: sums are exact in any
order.

A group's options lie side by side, those that are still possible (`alive`) first: what is ruled out
changes places with the last of them, and comes back in reverse order by raising the number again.
Of a row a group holds a block only where it is not zero throughout.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef enum:
    MOST_TIGHT = 96      # rows that the relaxation may hold at equality at once

cdef enum Ended:
    RAN_OUT, TIME_LIMIT, NODE_LIMIT, INTERRUPTED


cdef struct Level:       # what going back to a node needs
    int64_t trail        # removals before its first child
    double bound
    int32_t option       # the option (by its own number) that the first child takes
    int32_t step         # of its own decisions the last
    int64_t steps        # decisions noted before its first child
    int32_t n_tight
    int64_t at           # of its multipliers and basis in the pools


cdef struct Step:        # a decision
    int32_t before       # the one before it, or -1
    int32_t option
    int32_t taken        # or ruled out


cdef struct OpenNode:
    double bound
    int64_t order
    double* basis        # of its parent: multipliers; then rows, basic options and keys
    int32_t step         # the last decision on the way
    int32_t own          # an option that is ruled out besides, or -1
    int32_t n_tight


cdef struct State:
    int32_t n_groups, n_rows, n_sparse   # of the rows the last are sparse
    int64_t n            # options
    int32_t* start       # of each group's options; n_groups + 1
    int32_t* alive       # options of each group that are still possible
    int32_t* first_block # of each group; n_groups + 1
    int32_t* row_of      # of each block: its row
    double* most_of      # of each block: what an option may be at most
    double** block       # of each block: the row's numbers of the group's options
    double* c
    double* d            # reduced values: c less what multipliers charge, less the key's
    double* alpha        # of a pivot
    int32_t* id          # the option's number in the problem
    int32_t* place       # and where it lies now
    int32_t* group_of    # of each option, by its number
    double* b
    double* size         # of each row: the most that its terms can be in sum
    double size_c
    double* multiplier
    double* left         # of each row: b less the keys' sum, exact
    double keys_value    # sum of the keys' c, exact
    int32_t* key         # of each group: where its key lies
    int32_t* basics      # of each group: basic options beside the key
    int32_t* open        # groups with more than one option alive first
    int32_t* place_open
    int32_t n_open
    # the basis: tight rows, and as many basic options that are no keys
    int32_t n_tight
    int32_t[MOST_TIGHT] tight
    int32_t[MOST_TIGHT] basic        # options by number
    int32_t* tight_at    # of each row: where in tight, or -1
    double* inverse      # MOST_TIGHT^2: basic by tight
    double* scratch      # MOST_TIGHT^2 * 2
    double[MOST_TIGHT] share         # of the basic options
    double* direction    # of multipliers, one a row
    double* kept         # multipliers to come back to
    double* at_root      # multipliers of the root
    char* mark           # of each option by number: whether it is looked at
    double* room         # of each row: what the relaxed answer leaves
    double* least        # of each row: what is left where every group takes least
    # of a pivot, by group
    int32_t* now         # of each group: the option of exchanges
    int near_found       # an answer of late that need not be the best
    double near_best
    int32_t* near        # by number
    int64_t improving    # numbers looked at for exchanges
    int32_t* full        # options of each group before sifting
    int32_t n_labels     # of linked groups, which take options of one label
    int32_t* label       # of each option, by its number
    char* linked         # of each group: whether it is
    double* label_bound  # of each label: what no answer of it exceeds; -inf once it is searched
    double* label_top    # of each label: the best reduced value of a group
    int32_t* whole       # options of each group before a label is chosen
    double* turn         # where the group's key changes next
    int32_t* next_key
    double* key_alpha
    double* key_d
    # trail
    int32_t* trail
    int64_t n_trail
    Level* level
    int32_t n_levels, level_room
    double* pool         # of levels: multipliers
    int32_t* basis_pool
    int64_t n_pool, pool_room, n_basis, basis_room
    # answers
    int asked            # for values above this only
    double above
    int found
    double best
    double unit          # values differ by multiples of it
    int32_t* answer      # by number
    double bound         # of what is left, at the end
    int over             # the search has ended
    int64_t nodes, pivots, leaves, most_nodes
    double deadline
    int ended
    int failed           # memory
    # best first
    OpenNode* heap
    int64_t n_heap, heap_room, n_pushed
    Step* step
    int64_t n_steps, step_room
    int64_t work         # numbers looked at
    int went_back        # since the heap's node was taken up
    # halves
    uint64_t draws       # of chance
    int32_t first_sets   # in the first round
    int32_t n_sets       # and in the next
    int64_t meeting      # numbers looked at for it
    int64_t rounds
    double asked_cost    # numbers looked at, about, for each set of the second half
    void* owner


cdef inline void change_places(State* s, int32_t g, int32_t a, int32_t b) noexcept nogil:
    """Two options of group g change places."""
    cdef int32_t k, first = s.start[g]
    cdef double x
    cdef double* block
    if a == b:
        return
    s.work += s.first_block[g + 1] - s.first_block[g]
    for k in range(s.first_block[g], s.first_block[g + 1]):
        block = s.block[k] - first
        x = block[a]
        block[a] = block[b]
        block[b] = x
    x = s.c[a]
    s.c[a] = s.c[b]
    s.c[b] = x
    x = s.d[a]
    s.d[a] = s.d[b]
    s.d[b] = x
    k = s.id[a]
    s.id[a] = s.id[b]
    s.id[b] = k
    s.place[s.id[a]] = a
    s.place[s.id[b]] = b
    if s.key[g] == a:
        s.key[g] = b
    elif s.key[g] == b:
        s.key[g] = a


cdef inline void close_group(State* s, int32_t g) noexcept nogil:
    """Group g has one option left: it lies behind the open ones from now on."""
    cdef int32_t at = s.place_open[g], last
    s.n_open -= 1
    last = s.open[s.n_open]
    s.open[at] = last
    s.place_open[last] = at
    s.open[s.n_open] = g
    s.place_open[g] = s.n_open


cdef inline void hide(State* s, int32_t g, int32_t at) noexcept nogil:
    """Rules out the option at place `at` of group g, which is not its key."""
    s.trail[s.n_trail] = g           # there is room: no option is out twice
    s.n_trail += 1
    s.alive[g] -= 1
    change_places(s, g, at, s.start[g] + s.alive[g])
    if s.alive[g] == 1:
        close_group(s, g)


cdef inline void undo_to(State* s, int64_t length) noexcept nogil:
    """Brings back what was ruled out since the trail had this length."""
    cdef int32_t g
    while s.n_trail > length:
        s.n_trail -= 1
        g = s.trail[s.n_trail]
        if s.alive[g] == 1:
            s.n_open += 1        # it is the one that was closed last
        s.alive[g] += 1
