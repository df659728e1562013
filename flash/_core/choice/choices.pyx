"""The exact solver of problems of choices: state.pxd has the problem, tree.pxd the search.

Rows come dense (metrics) and sparse (what ties single options together).
"""
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from cpython.exc cimport PyErr_CheckSignals

from flash._core.choice.sifting cimport search
from flash._core.choice.state cimport (
    INTERRUPTED, Level, MOST_TIGHT, RAN_OUT, State, TIME_LIMIT, close_group,
)


cdef extern from "clock.h" nogil:
    double flash_clock() noexcept


cdef enum:
    FIRST_WORK = 20000000    # numbers looked at depth first, before the best nodes are
    FIRST_SETS = 8192        # of changes that are put together in the first round of halves
    SPARE = 64               # bytes after an array
    CHUNK = 4 << 20          # bytes that are asked for at once
    MOST_SPARE = 16 << 20


# A chunk outlives its search, so that the next one finds its pages in place. Under the GIL only.
cdef void* spare = NULL
cdef int64_t spare_size = 0

__all__ = ("ENDS", "Choices")

# What ends a search before it is done, by its number in Choices.ended: an Ended.
ENDS = (None, "time_limit_s", "max_nodes", "interrupt")


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
    """One search: the greatest sum of `values` over one option of each group.

    start: int32, groups + 1; values: float64, an option each; rows: float64, (rows, options), and
    limits, a row each: sums that may not exceed them. Sparse rows beside them: those of number r
    are entries pointer[r] to pointer[r + 1] of option (rising) and number. All numbers are
    integers, and sums of their sizes stay below 2^53. unit: what values of answers differ by, a multiple of it.
    first_work, first_sets: when more than depth first is tried, and how much of halves at first.
    """

    def __cinit__(self):
        memset(&self.state, 0, sizeof(State))

    def __init__(self, const int32_t[::1] start, const double[::1] values,
                 const double[:, ::1] rows, const double[::1] limits,
                 const int64_t[::1] pointer, const int32_t[::1] option, const double[::1] number,
                 const double[::1] sparse_limits, *, double unit=1.0,
                 double time_limit_s=INFINITY, int64_t max_nodes=-1, callback=None,
                 int64_t first_work=FIRST_WORK, int32_t first_sets=FIRST_SETS):
        cdef State* s = &self.state
        if first_sets < 1:
            raise ValueError("first_sets")
        self.first_work = first_work
        s.first_sets = first_sets
        self.held = []
        self.callback = callback
        s.owner = <void*> self
        s.n_groups = <int32_t> (start.shape[0] - 1)
        s.n_rows = <int32_t> (limits.shape[0] + sparse_limits.shape[0])
        s.n_sparse = <int32_t> sparse_limits.shape[0]
        s.n = values.shape[0]
        s.unit = unit
        s.most_nodes = max_nodes if max_nodes >= 0 else <int64_t> 1 << 62
        s.deadline = flash_clock() + time_limit_s
        self.check(start, values, rows, limits, pointer, option, number, sparse_limits)
        self.make_room()
        self.fill_groups(start, values)
        self.fill_rows(rows, limits, pointer, option, number, sparse_limits)

    cdef int check(self, const int32_t[::1] start, const double[::1] values,
                   const double[:, ::1] rows, const double[::1] limits,
                   const int64_t[::1] pointer, const int32_t[::1] option,
                   const double[::1] number, const double[::1] sparse_limits) except -1:
        cdef int64_t g, i, r
        if start.shape[0] < 2 or start[0] != 0 or start[start.shape[0] - 1] != values.shape[0]:
            raise ValueError("start does not part the options")
        for g in range(start.shape[0] - 1):
            if start[g + 1] <= start[g]:
                raise ValueError(f"group {g} has no option")
        if rows.shape[0] != limits.shape[0] or rows.shape[0] and rows.shape[1] != values.shape[0]:
            raise ValueError("rows and limits do not go together")
        if pointer.shape[0] != sparse_limits.shape[0] + 1 or option.shape[0] != number.shape[0]:
            raise ValueError("sparse rows do not go together")
        if pointer[0] != 0 or pointer[pointer.shape[0] - 1] != option.shape[0]:
            raise ValueError("pointer does not part the entries")
        for r in range(sparse_limits.shape[0]):
            if pointer[r + 1] < pointer[r]:
                raise ValueError("pointer falls")
            for i in range(pointer[r], pointer[r + 1]):
                if not 0 <= option[i] < values.shape[0] or (
                        i > pointer[r] and option[i] <= option[i - 1]):
                    raise ValueError(f"option {option[i]} in sparse row {r}")
        return 0

    cdef int make_room(self) except -1:
        """All arrays but the rows' blocks."""
        cdef State* s = &self.state
        cdef int64_t G = s.n_groups, m = s.n_rows, n = s.n
        s.start = <int32_t*> self.take((G + 1) * sizeof(int32_t))
        s.alive = <int32_t*> self.take(G * sizeof(int32_t))
        s.first_block = <int32_t*> self.take((G + 1) * sizeof(int32_t))
        s.key = <int32_t*> self.take(G * sizeof(int32_t))
        s.basics = <int32_t*> self.take_zeros(G * sizeof(int32_t))
        s.open = <int32_t*> self.take(G * sizeof(int32_t))
        s.place_open = <int32_t*> self.take(G * sizeof(int32_t))
        s.next_key = <int32_t*> self.take(G * sizeof(int32_t))
        s.answer = <int32_t*> self.take(G * sizeof(int32_t))
        s.turn = <double*> self.take(G * sizeof(double))
        s.key_alpha = <double*> self.take(G * sizeof(double))
        s.key_d = <double*> self.take(G * sizeof(double))
        s.c = <double*> self.take(n * sizeof(double))
        s.d = <double*> self.take(n * sizeof(double))
        s.alpha = <double*> self.take(n * sizeof(double))
        s.id = <int32_t*> self.take(n * sizeof(int32_t))
        s.place = <int32_t*> self.take(n * sizeof(int32_t))
        s.group_of = <int32_t*> self.take(n * sizeof(int32_t))
        s.trail = <int32_t*> self.take(n * sizeof(int32_t))
        s.b = <double*> self.take(m * sizeof(double))
        s.size = <double*> self.take(m * sizeof(double))
        s.multiplier = <double*> self.take(m * sizeof(double))
        s.left = <double*> self.take(m * sizeof(double))
        s.direction = <double*> self.take(m * sizeof(double))
        s.least = <double*> self.take(m * sizeof(double))
        s.room = <double*> self.take(m * sizeof(double))
        s.kept = <double*> self.take(m * sizeof(double))
        s.at_root = <double*> self.take_zeros(m * sizeof(double))
        s.mark = <char*> self.take(n)
        s.full = <int32_t*> self.take(G * sizeof(int32_t))
        s.now = <int32_t*> self.take(G * sizeof(int32_t))
        s.near = <int32_t*> self.take(G * sizeof(int32_t))
        s.whole = <int32_t*> self.take(G * sizeof(int32_t))
        s.linked = <char*> self.take_zeros(G)
        s.tight_at = <int32_t*> self.take(m * sizeof(int32_t))
        s.inverse = <double*> self.take(MOST_TIGHT * MOST_TIGHT * sizeof(double))
        s.scratch = <double*> self.take(2 * MOST_TIGHT * MOST_TIGHT * sizeof(double))
        s.level = <Level*> self.take((G + 1) * sizeof(Level))
        s.pool = <double*> self.take((G + 1) * m * sizeof(double))
        s.basis_pool = <int32_t*> self.take((G + 1) * 3 * MOST_TIGHT * sizeof(int32_t))
        return 0

    cdef void fill_groups(self, const int32_t[::1] start, const double[::1] values) noexcept:
        cdef State* s = &self.state
        cdef int32_t g, i
        cdef double top
        s.start[s.n_groups] = start[s.n_groups]
        s.n_open = s.n_groups
        for g in range(s.n_groups):
            s.start[g] = s.key[g] = start[g]
            s.alive[g] = start[g + 1] - start[g]
            s.open[g] = s.place_open[g] = g
            top = 0.0
            for i in range(start[g], start[g + 1]):
                s.c[i] = values[i]
                s.id[i] = s.place[i] = i
                s.group_of[i] = g
                top = max(top, fabs(values[i]))
            s.size_c += top
            s.keys_value += values[start[g]]
        for g in range(s.n_groups):
            if s.alive[g] == 1:
                close_group(s, g)

    cdef int fill_rows(self, const double[:, ::1] rows, const double[::1] limits,
                       const int64_t[::1] pointer, const int32_t[::1] option,
                       const double[::1] number, const double[::1] sparse_limits) except -1:
        """A block for each row and group where any number of it is not zero."""
        cdef State* s = &self.state
        cdef int32_t g, r, dense = <int32_t> limits.shape[0], before
        cdef int32_t* count = <int32_t*> self.take_zeros((s.n_groups + 1) * sizeof(int32_t))
        cdef int64_t numbers = 0, i
        cdef int32_t blocks = 0
        cdef double* data
        cdef double** made
        for r in range(dense):
            for g in range(s.n_groups):
                for i in range(s.start[g], s.start[g + 1]):
                    if rows[r, i] != 0.0:
                        count[g] += 1
                        break
        for r in range(s.n_rows - dense):
            before = -1
            for i in range(pointer[r], pointer[r + 1]):
                g = s.group_of[option[i]]
                if g != before:
                    count[g] += 1
                before = g
        for g in range(s.n_groups):
            s.first_block[g] = blocks
            blocks += count[g]
            numbers += count[g] * <int64_t> s.alive[g]
            count[g] = s.first_block[g]
        s.first_block[s.n_groups] = blocks
        s.row_of = <int32_t*> self.take(blocks * sizeof(int32_t))
        s.most_of = <double*> self.take(blocks * sizeof(double))
        s.block = made = <double**> self.take(blocks * sizeof(void*))
        data = <double*> self.take(numbers * sizeof(double))
        for g in range(s.n_groups):
            for r in range(s.first_block[g], s.first_block[g + 1]):
                made[r] = data
                data += s.alive[g]
        for r in range(dense):
            s.b[r] = limits[r]
            for g in range(s.n_groups):
                for i in range(s.start[g], s.start[g + 1]):
                    if rows[r, i] != 0.0:
                        break
                else:
                    continue
                s.row_of[count[g]] = r
                for i in range(s.start[g], s.start[g + 1]):
                    made[count[g]][i - s.start[g]] = rows[r, i]
                count[g] += 1
        for r in range(s.n_rows - dense):
            s.b[dense + r] = sparse_limits[r]
            before = -1
            for i in range(pointer[r], pointer[r + 1]):
                g = s.group_of[option[i]]
                if g != before:
                    s.row_of[count[g]] = dense + r
                    memset(made[count[g]], 0, s.alive[g] * sizeof(double))
                    count[g] += 1
                before = g
                made[count[g] - 1][option[i] - s.start[g]] = number[i]
        self.sum_up()
        return 0

    cdef void sum_up(self) noexcept:
        """What rows have left beside the keys, and how large their sums can be."""
        cdef State* s = &self.state
        cdef int32_t g, k, i, r
        cdef double top
        for r in range(s.n_rows):
            s.left[r] = s.b[r]
            s.size[r] = fabs(s.b[r])
            s.tight_at[r] = -1
        for g in range(s.n_groups):
            for k in range(s.first_block[g], s.first_block[g + 1]):
                top = 0.0
                for i in range(s.alive[g]):
                    top = max(top, fabs(s.block[k][i]))
                s.size[s.row_of[k]] += top
                s.left[s.row_of[k]] -= s.block[k][0]

    cdef void* take(self, int64_t size) except NULL:
        """Memory for so many bytes; what is in it is not said."""
        global spare, spare_size
        cdef char* found
        cdef int64_t room
        size = (size + SPARE + 63) // 64 * 64
        if size > self.room:
            room = max(size, <int64_t> CHUNK)
            if spare != NULL and spare_size >= room:
                found, room = <char*> spare, spare_size
                spare = NULL
            else:
                found = <char*> malloc(room)
            if found == NULL:
                raise MemoryError
            self.held.append((<size_t> found, room))
            self.free = found
            self.room = room
        found = self.free
        self.free += size
        self.room -= size
        return found

    cdef void* take_zeros(self, int64_t size) except NULL:
        cdef void* found = self.take(size)
        memset(found, 0, size)
        return found

    def __dealloc__(self):
        global spare, spare_size
        cdef State* s = &self.state
        for at, room in self.held or ():
            if spare == NULL and room <= MOST_SPARE:
                spare = <void*> <size_t> at
                spare_size = room
            else:
                free(<void*> <size_t> at)
        while s.n_heap:
            s.n_heap -= 1
            free(s.heap[s.n_heap].basis)
        free(s.heap)
        free(s.step)

    def offer(self, const int32_t[::1] options) -> bool:
        """Tries one answer, an option of each group, before the search; whether it is feasible and
        the best so far."""
        cdef State* s = &self.state
        cdef int32_t g, r, k, i
        cdef double value = 0.0
        if options.shape[0] != s.n_groups:
            raise ValueError("an option of each group")
        if s.nodes:
            raise ValueError("before the search")
        for r in range(s.n_rows):
            s.least[r] = s.b[r]
        for g in range(s.n_groups):
            i = options[g] - s.start[g]
            if not 0 <= i < s.start[g + 1] - s.start[g]:
                raise ValueError(f"option {options[g]} of group {g}")
            value += s.c[options[g]]
            for k in range(s.first_block[g], s.first_block[g + 1]):
                s.least[s.row_of[k]] -= s.block[k][i]
        for r in range(s.n_rows):
            if s.least[r] < 0.0:
                return False
        i = -1
        for g in range(s.n_groups):
            if s.n_labels and s.linked[g]:
                if i >= 0 and s.label[options[g]] != i:
                    return False
                i = s.label[options[g]]
        if s.found and value <= s.best:
            return False
        s.found = 1
        s.best = value
        for g in range(s.n_groups):
            s.answer[g] = options[g]
        return True

    def link(self, const int32_t[::1] groups, const int32_t[::1] label, int32_t labels) -> None:
        """The groups take options of one label, each the same; label: of every option, those of
        other groups don't count."""
        cdef State* s = &self.state
        cdef int64_t i
        if label.shape[0] != s.n or labels < 1:
            raise ValueError("a label of each option")
        for i in range(groups.shape[0]):
            if not 0 <= groups[i] < s.n_groups:
                raise ValueError(f"group {groups[i]}")
            s.linked[groups[i]] = 1
        s.label = <int32_t*> self.take(s.n * sizeof(int32_t))
        for i in range(s.n):
            if label[i] >= labels:
                raise ValueError(f"label {label[i]} of option {i}")
            s.label[i] = label[i]
        s.label_bound = <double*> self.take(labels * sizeof(double))
        s.label_top = <double*> self.take(labels * sizeof(double))
        s.n_labels = labels

    def ask_above(self, double value) -> None:
        """Only answers greater than this are looked for."""
        self.state.asked = 1
        self.state.above = value

    def solve(self) -> None:
        """Searches to the end or to a limit; once."""
        cdef State* s = &self.state
        if s.nodes:
            raise ValueError("a search runs once")
        with nogil:
            search(s, self.first_work)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if s.failed:
            raise MemoryError("the search has used up the memory")

    @property
    def best(self):
        """(value, option of each group) of the best answer, or None."""
        cdef State* s = &self.state
        cdef int32_t g
        if not s.found:
            return None
        return s.best, [s.answer[g] for g in range(s.n_groups)]

    @property
    def bound(self) -> float:
        """No answer's value is above it."""
        cdef const State* s = &self.state
        cdef double rest
        if not s.nodes or s.failed:
            return INFINITY
        if s.over:
            rest = s.bound
        else:                            # in a callback: levels hold no more than the first does
            rest = s.level[0].bound if s.n_levels else INFINITY
            if s.n_heap and s.heap[0].bound > rest:
                rest = s.heap[0].bound
        return max(rest, s.best) if s.found else rest

    @property
    def ended(self) -> int:
        """0: ran to its end; 1: time; 2: nodes; 3: interrupted. See ENDS."""
        return self.state.ended

    @property
    def counts(self) -> tuple:
        """(nodes, pivots, answers tried)"""
        return self.state.nodes, self.state.pivots, self.state.leaves

    @property
    def rounds(self) -> int:
        """How many times two halves were put together."""
        return self.state.rounds
