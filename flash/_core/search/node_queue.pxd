"""Open nodes, the one with the highest bound on top."""

from libc.stdint cimport int64_t
from libc.stdlib cimport realloc

from flash._core.search.exact cimport Node, Worker


cdef inline void push(Worker* w, const Node* node) noexcept nogil:
    cdef int64_t i = w.n_heap, parent
    if w.n_heap == w.heap_room:
        w.heap_room = 2 * w.heap_room + 64
        w.heap = <Node*> realloc(w.heap, w.heap_room * sizeof(Node))
    w.n_heap += 1
    while i:
        parent = (i - 1) // 2
        if w.heap[parent].bound >= node.bound:
            break
        w.heap[i] = w.heap[parent]
        i = parent
    w.heap[i] = node[0]


cdef inline void pop(Worker* w, Node* node) noexcept nogil:
    cdef int64_t i = 0, child
    cdef Node* heap = w.heap
    cdef Node* last
    node[0] = heap[0]
    w.n_heap -= 1
    last = &heap[w.n_heap]
    while True:
        child = 2 * i + 1
        if child >= w.n_heap:
            break
        if child + 1 < w.n_heap and heap[child + 1].bound > heap[child].bound:
            child += 1
        if last.bound >= heap[child].bound:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = last[0]
