"""Best bound first, where depth first alone takes long.

What depth first leaves open lies in a heap by its bounds. The best of it is taken up again and
searched depth first for a while, and what that leaves open goes to the heap: so dives start all
over the tree, and the bound of all that is open falls.
"""

from libc.math cimport INFINITY
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from flash._core.choice.exchange cimport improve
from flash._core.choice.halves cimport ASKED_COST, put_together
from flash._core.choice.open_nodes cimport note_step, pop
from flash._core.choice.simplex cimport (
    expel, invert, leave_all, optimise, price, shares, start_relaxation, take_key,
)
from flash._core.choice.state cimport OpenNode, RAN_OUT, State, hide, undo_to
from flash._core.choice.tree cimport explore, fix, threshold


cdef extern from *:
    """
    #define FLASH_FIRST_DRAW 0x9E3779B97F4A7C15ULL
    """
    const uint64_t FIRST_DRAW "FLASH_FIRST_DRAW"     # of chance, where groups are parted

cdef enum:
    MOST_OPEN = 1000000  # nodes, after which the best are searched depth first to their end
    SHARE = 3            # one in so many numbers may be looked at for exchanges
    WORTH = 10           # times the work of going to a node is spent there at least


cdef inline int expel_own(State* s, const OpenNode* node) noexcept nogil:
    cdef int32_t option = node.own, g
    if option < 0:
        return 1
    g = s.group_of[option]
    if s.place[option] >= s.start[g] + s.alive[g]:
        return 1
    return expel(s, option)


cdef inline int go_to(State* s, const OpenNode* node) noexcept nogil:
    """From the root to a node's parent, its basis, and then the node's own decision. False where
    nothing is left of it."""
    cdef int32_t at = node.step, g, i, option, j
    cdef const int32_t* own = <const int32_t*> (node.basis + s.n_rows)
    leave_all(s)
    while at >= 0:       # in any order: all of them hold
        option = s.step[at].option
        g = s.group_of[option]
        i = s.place[option]
        if i >= s.start[g] + s.alive[g]:
            if s.step[at].taken:
                return 0                 # what the root rules out meanwhile
        elif s.step[at].taken:
            take_key(s, g, i)
            j = s.start[g] + s.alive[g]
            while s.alive[g] > 1:
                j -= 1
                if j != s.key[g]:
                    hide(s, g, j)
        else:
            if s.alive[g] == 1:
                return 0
            if s.key[g] == i:
                take_key(s, g, s.start[g] + (1 if i == s.start[g] else 0))
            hide(s, g, i)
        at = s.step[at].before
    memcpy(s.multiplier, node.basis, s.n_rows * sizeof(double))
    for j in range(node.n_tight):
        for i in range(1, 3):            # of what the root rules out meanwhile there is no basis
            option = own[3 * j + i]
            if s.place[option] >= s.start[s.group_of[option]] + s.alive[s.group_of[option]]:
                start_relaxation(s)
                return expel_own(s, node)
    for j in range(node.n_tight):
        s.tight[j] = own[3 * j]
        s.tight_at[s.tight[j]] = j
        s.basic[j] = own[3 * j + 1]
        g = s.group_of[s.basic[j]]
        s.basics[g] += 1
        take_key(s, g, s.place[own[3 * j + 2]])
    s.n_tight = node.n_tight
    price(s)
    if s.n_tight:
        if invert(s):
            shares(s)
        else:
            start_relaxation(s)
    return expel_own(s, node)


cdef inline int take_up(State* s, int64_t trail) noexcept nogil:
    """Explores from the open node of the highest bound. False: no memory."""
    cdef OpenNode node
    cdef int64_t before
    cdef int alive
    pop(s, &node)
    undo_to(s, trail)
    before = s.work
    alive = go_to(s, &node)
    free(node.basis)
    if not alive:
        return 1
    s.went_back = 0
    # the way here costs as much as many nodes: it is to be a small part
    if node.own >= 0:
        node.step = note_step(s, node.step, node.own, 0)
        if node.step < 0:
            return 0
    before = WORTH * (s.work - before) if s.n_heap < MOST_OPEN else INT64_MAX // 4
    return explore(s, node.step, node.bound, before)


cdef inline void best_first(State* s, int64_t first, int64_t most) noexcept nogil:
    """Searches what is left of the problem: depth first for so much work, then best first, over at
    most so many nodes. `bound` is that of what is left open at the end."""
    cdef int64_t trail = s.n_trail, inner = s.n_trail
    cdef double polished = -INFINITY
    cdef int32_t r
    cdef int done = 0, rooted = 0
    most = most if most == INT64_MAX else s.nodes + most
    s.draws = FIRST_DRAW
    s.n_sets = s.first_sets
    s.asked_cost = ASKED_COST
    start_relaxation(s)
    s.went_back = 1
    s.n_steps = 0
    s.over = 0
    s.failed = not explore(s, -1, INFINITY, first)
    while (s.n_heap and s.ended == RAN_OUT and not s.failed and s.nodes < most
            and s.heap[0].bound >= threshold(s)):
        if not rooted and (s.found or s.asked):
            rooted = 1                   # what the best answer rules out here stays out
            undo_to(s, trail)
            start_relaxation(s)
            if optimise(s) == 1:
                fix(s, price(s))
            inner = s.n_trail
            for r in range(s.n_rows):
                s.at_root[r] = s.multiplier[r]
        s.failed = not take_up(s, inner)
        if not rooted:
            continue
        if (s.near_found and not s.n_sparse
                and (s.best > polished or SHARE * s.improving < s.work - s.meeting)):
            undo_to(s, inner)
            leave_all(s)
            for r in range(s.n_rows):
                s.multiplier[r] = s.at_root[r]
            improve(s)
            polished = s.best
            s.near_found = 0
        if most == INT64_MAX and not s.n_sparse:
            done = put_together(s, inner)
            if done:
                break
    s.bound = -INFINITY
    if not done and s.n_heap and s.heap[0].bound >= threshold(s):
        s.bound = s.heap[0].bound
    while s.n_heap:
        s.n_heap -= 1
        free(s.heap[s.n_heap].basis)
    leave_all(s)
    undo_to(s, trail)
