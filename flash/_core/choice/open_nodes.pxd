"""Open nodes: a heap by their bounds, and the decisions that lead to each (a tree of steps)."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from flash._core.choice.state cimport MOST_TIGHT, Level, OpenNode, State, Step


cdef inline int grow(State* s) noexcept nogil:
    """Room for one node and one step more; false where memory ends."""
    cdef void* more
    if s.n_heap == s.heap_room:
        more = realloc(s.heap, (2 * s.heap_room + 256) * sizeof(OpenNode))
        if more == NULL:
            return 0
        s.heap = <OpenNode*> more
        s.heap_room = 2 * s.heap_room + 256
    if s.n_steps == s.step_room:
        more = realloc(s.step, (2 * s.step_room + 256) * sizeof(Step))
        if more == NULL:
            return 0
        s.step = <Step*> more
        s.step_room = 2 * s.step_room + 256
    return 1


cdef inline int32_t note_step(State* s, int32_t before, int32_t option, int taken) noexcept nogil:
    """A decision after those that end with step `before`; -1: no memory."""
    if not grow(s):
        return -1
    s.step[s.n_steps].before = before
    s.step[s.n_steps].option = option
    s.step[s.n_steps].taken = taken
    s.n_steps += 1
    return <int32_t> (s.n_steps - 1)


cdef inline int comes_before(const OpenNode* a, const OpenNode* b) noexcept nogil:
    """By the bound; of equal ones the newer first."""
    if a.bound != b.bound:
        return a.bound > b.bound
    return a.order > b.order


cdef inline int push(State* s, int32_t step, int32_t own, double bound,
                     OpenNode* node) noexcept nogil:
    """Leaves a node open whose basis is in `node`; false where memory ends."""
    cdef int64_t i, parent
    if not grow(s):
        free(node.basis)
        return 0
    node.bound = bound
    node.order = s.n_pushed
    node.step = step
    node.own = own
    s.n_pushed += 1
    i = s.n_heap
    s.n_heap += 1
    while i:             # the hole at i rises until its parent is no worse than the node
        parent = (i - 1) // 2
        if not comes_before(node, &s.heap[parent]):
            break
        s.heap[i] = s.heap[parent]
        i = parent
    s.heap[i] = node[0]
    return 1


cdef inline int keep_basis(const State* s, int32_t n_tight, const double* multiplier,
                           OpenNode* node) noexcept nogil:
    """Room for a basis, and its multipliers. False: no memory."""
    node.n_tight = n_tight
    node.basis = <double*> malloc(s.n_rows * sizeof(double) + 3 * n_tight * sizeof(int32_t) + 8)
    if node.basis == NULL:
        return 0
    memcpy(node.basis, multiplier, s.n_rows * sizeof(double))
    return 1


cdef inline int push_level(State* s, int32_t l) noexcept nogil:
    """Leaves what level l comes back to open: its option ruled out."""
    cdef const Level* level = &s.level[l]
    cdef const int32_t* kept = s.basis_pool + l * <int64_t> 3 * MOST_TIGHT
    cdef OpenNode node
    cdef int32_t j
    cdef int32_t* own
    if not keep_basis(s, level.n_tight, s.pool + l * <int64_t> s.n_rows, &node):
        return 0
    own = <int32_t*> (node.basis + s.n_rows)
    for j in range(level.n_tight):
        own[3 * j] = kept[j]
        own[3 * j + 1] = kept[MOST_TIGHT + j]
        own[3 * j + 2] = kept[2 * MOST_TIGHT + j]
    return push(s, level.step, level.option, level.bound, &node)


cdef inline int push_now(State* s, int32_t step, double bound) noexcept nogil:
    """Leaves the node of now open."""
    cdef OpenNode node
    cdef int32_t j
    cdef int32_t* own
    if not keep_basis(s, s.n_tight, s.multiplier, &node):
        return 0
    own = <int32_t*> (node.basis + s.n_rows)
    for j in range(s.n_tight):
        own[3 * j] = s.tight[j]
        own[3 * j + 1] = s.basic[j]
        own[3 * j + 2] = s.id[s.key[s.group_of[s.basic[j]]]]
    return push(s, step, -1, bound, &node)


cdef inline void pop(State* s, OpenNode* node) noexcept nogil:
    cdef int64_t i = 0, child
    cdef OpenNode last
    node[0] = s.heap[0]
    s.n_heap -= 1
    last = s.heap[s.n_heap]
    while True:          # the hole at i sinks until no child of it is better than the last
        child = 2 * i + 1
        if child >= s.n_heap:
            break
        if child + 1 < s.n_heap and comes_before(&s.heap[child + 1], &s.heap[child]):
            child += 1
        if not comes_before(&s.heap[child], &last):
            break
        s.heap[i] = s.heap[child]
        i = child
    s.heap[i] = last
