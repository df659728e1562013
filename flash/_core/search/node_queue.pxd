"""Open nodes in a binary heap: none has a higher bound than its parent, the top the highest."""

from libc.stdint cimport int64_t

from flash._core.search.exact cimport Node, SolverState
from flash._core.search.row_lists cimport flash_resize, release


cdef inline int make_room(SolverState* solver) noexcept nogil:
    """Room for one node more; false where there is none."""
    cdef int64_t room = 2 * solver.heap_room + 64
    cdef Node* heap
    if solver.n_heap < solver.heap_room:
        return 1
    heap = <Node*> flash_resize(solver.pool, solver.heap, room * sizeof(Node))
    if heap == NULL:
        return 0
    solver.heap = heap
    solver.heap_room = room
    return 1


cdef inline void push(SolverState* solver, const Node* node) noexcept nogil:
    """Takes over the node and its reference to its lists; where memory ends the node is lost, and
    with it whatever the search could have said of the optimum."""
    cdef int64_t i = solver.n_heap, parent
    if not make_room(solver):
        release(node.lists)
        return
    solver.n_heap += 1
    while i:             # the hole at i rises until its parent is no worse than the node
        parent = (i - 1) // 2
        if solver.heap[parent].bound >= node.bound:
            break
        solver.heap[i] = solver.heap[parent]
        i = parent
    solver.heap[i] = node[0]


cdef inline void pop(SolverState* solver, Node* node) noexcept nogil:
    """The top, with its reference to its lists."""
    cdef int64_t i = 0, child
    cdef Node* heap = solver.heap
    cdef Node* last
    node[0] = heap[0]
    solver.n_heap -= 1
    last = &heap[solver.n_heap]
    while True:          # the hole at i sinks until the last node fits there
        child = 2 * i + 1
        if child >= solver.n_heap:
            break
        if child + 1 < solver.n_heap and heap[child + 1].bound > heap[child].bound:
            child += 1
        if last.bound >= heap[child].bound:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last[0]
