"""The exact solver of problems of choices: see state.pxd for the problem, tree.pxd for the search."""
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from flash._core.choice.state cimport MOST_TIGHT, Level, State
from flash._core.choice.best_first cimport best_first
from flash._core.choice.state cimport INTERRUPTED, RAN_OUT, TIME_LIMIT

from cpython.exc cimport PyErr_CheckSignals


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    FIRST_WORK = 20000000    # numbers looked at depth first


cdef int pause(State* s) noexcept nogil:
    """Looks at the clock, signals and the callback; true where the search must end."""
    cdef int interrupted = 0
    if s.ended == RAN_OUT:
        if flash_clock() >= s.deadline:
            s.ended = TIME_LIMIT
        else:
            with gil:
                interrupted = notify(s)
            if interrupted:
                s.ended = INTERRUPTED
    return s.ended != RAN_OUT


cdef int notify(State* s) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Choices owner = <Choices> s.owner
    try:
        PyErr_CheckSignals()
        if owner.callback is not None and owner.callback(owner) is True:
            return 1
    except BaseException as error:
        owner.error = error
        return 1
    return 0


cdef class Choices:
    """One search. start: int32 (groups + 1); values: float64 (options), to be maximised; rows:
    float64 (rows, options), limits float64 (rows). All numbers integers."""

    def __cinit__(self):
        memset(&self.state, 0, sizeof(State))

    def __init__(self, const int32_t[::1] start, const double[::1] values,
                 const double[:, ::1] rows, const double[::1] limits, *, double unit=1.0,
                 double time_limit_s=INFINITY, int64_t max_nodes=-1):
        cdef State* s = &self.state
        cdef int32_t G = start.shape[0] - 1, m = limits.shape[0], g, r, blocks = 0
        cdef int64_t n = values.shape[0], i
        cdef double top
        self.held = []
        s.n_groups = G
        s.n_rows = m
        s.n = n
        s.start = <int32_t*> self.take((G + 1) * 4)
        s.alive = <int32_t*> self.take(G * 4)
        s.first_block = <int32_t*> self.take((G + 1) * 4)
        for g in range(G + 1):
            s.start[g] = start[g]
        for g in range(G):
            s.alive[g] = start[g + 1] - start[g]
            s.first_block[g] = blocks
            for r in range(m):
                for i in range(start[g], start[g + 1]):
                    if rows[r, i] != 0.0:
                        blocks += 1
                        break
        s.first_block[G] = blocks
        s.row_of = <int32_t*> self.take(blocks * 4)
        s.block = <double**> self.take(blocks * sizeof(void*))
        s.c = <double*> self.take(n * 8)
        s.d = <double*> self.take(n * 8)
        s.alpha = <double*> self.take(n * 8)
        s.id = <int32_t*> self.take(n * 4)
        s.place = <int32_t*> self.take(n * 4)
        s.group_of = <int32_t*> self.take(n * 4)
        s.b = <double*> self.take(m * 8)
        s.size = <double*> self.take(m * 8)
        s.multiplier = <double*> self.take(m * 8)
        s.left = <double*> self.take(m * 8)
        s.direction = <double*> self.take(m * 8)
        s.least = <double*> self.take(m * 8)
        s.tight_at = <int32_t*> self.take(m * 4)
        s.key = <int32_t*> self.take(G * 4)
        s.basics = <int32_t*> self.take(G * 4)
        s.open = <int32_t*> self.take(G * 4)
        s.place_open = <int32_t*> self.take(G * 4)
        s.inverse = <double*> self.take(MOST_TIGHT * MOST_TIGHT * 8)
        s.scratch = <double*> self.take(2 * MOST_TIGHT * MOST_TIGHT * 8)
        s.turn = <double*> self.take(G * 8)
        s.next_key = <int32_t*> self.take(G * 4)
        s.key_alpha = <double*> self.take(G * 8)
        s.key_d = <double*> self.take(G * 8)
        s.trail = <int32_t*> self.take(n * 4)
        s.answer = <int32_t*> self.take(G * 4)
        s.level = <Level*> self.take((G + 1) * sizeof(Level))
        s.pool = <double*> self.take((G + 1) * <int64_t> m * 8)
        s.basis_pool = <int32_t*> self.take((G + 1) * 3 * MOST_TIGHT * 4)
        s.unit = unit
        s.owner = <void*> self
        s.most_nodes = max_nodes if max_nodes >= 0 else <int64_t> 1 << 62
        s.deadline = flash_clock() + time_limit_s
        blocks = 0
        for r in range(m):
            s.b[r] = s.left[r] = limits[r]
            s.size[r] = fabs(limits[r])
            s.tight_at[r] = -1
        for g in range(G):
            s.key[g] = start[g]
            s.open[g] = s.place_open[g] = g
            for r in range(m):
                top = 0.0
                for i in range(start[g], start[g + 1]):
                    top = max(top, fabs(rows[r, i]))
                if top == 0.0:
                    continue
                s.size[r] += top
                s.row_of[blocks] = r
                s.block[blocks] = <double*> self.take((start[g + 1] - start[g]) * 8)
                for i in range(start[g], start[g + 1]):
                    s.block[blocks][i - start[g]] = rows[r, i]
                s.left[r] -= rows[r, start[g]]
                blocks += 1
            top = 0.0
            for i in range(start[g], start[g + 1]):
                s.c[i] = values[i]
                s.id[i] = s.place[i] = i
                s.group_of[i] = g
                top = max(top, fabs(values[i]))
            s.size_c += top
            s.keys_value += values[start[g]]
        s.n_open = G
        for g in range(G):               # groups of one option are closed
            if s.alive[g] == 1:
                s.n_open -= 1
                r = s.place_open[g]
                i = s.open[s.n_open]
                s.open[r] = i
                s.place_open[i] = r
                s.open[s.n_open] = g
                s.place_open[g] = s.n_open

    cdef void* take(self, int64_t size) except NULL:
        cdef void* found = calloc(size + 64, 1)
        if found == NULL:
            raise MemoryError
        self.held.append(<size_t> found)
        return found

    def __dealloc__(self):
        for one in self.held or ():
            free(<void*> <size_t> one)
        while self.state.n_heap:
            self.state.n_heap -= 1
            free(self.state.heap[self.state.n_heap].basis)
        free(self.state.heap)
        free(self.state.step)

    def run(self):
        with nogil:
            best_first(&self.state, FIRST_WORK)
        if self.state.found:
            self.state.bound = max(self.state.bound, self.state.best)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    @property
    def best(self):
        cdef State* s = &self.state
        return (s.best, [s.answer[g] for g in range(s.n_groups)]) if s.found else None

    @property
    def bound(self):
        return self.state.bound

    @property
    def counts(self):
        return (self.state.nodes, self.state.pivots, self.state.leaves, self.state.ended)
