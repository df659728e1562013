"""Accelerators to choose from: which of them may be best, and their tables from those of parts.

An accelerator's parts charge for different layers, so a column of its table is the sum of its
parts' columns; and no accelerator of a set costs less than the sum of each part's least.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from flash._core.core cimport *
from flash._core.tables cimport Tables, kernels

__all__ = ("fitting", "join", "total_of", "undominated")

cdef enum:
    COSTS = 0b1111110    # columns: latency ... area
    PIECE = 256          # rows at a time, which stay in the innermost cache

cdef int MOST = 1 << 20  # accelerators


cdef struct Choices:     # tables of a part's options
    int n
    const flash_problem** option


def join(Tables base not None, list parts not None) -> Tables:
    """Tables of an accelerator, or of what no accelerator of a set costs less than.

    Parameters
    ----------
    base : Tables
        Its score, params and macs are taken, without a copy.
    parts : list of list of Tables
        For each part the tables of one option, or of several, of which the least counts, row by
        row. Of these the costs are taken; their rows are the base's.
    """
    cdef Tables self = Tables.__new__(Tables)
    cdef Tables one
    cdef const flash_kernels* kernel = kernels()
    cdef const flash_problem* first
    cdef Choices* choices
    cdef flash_cell* cell
    cdef int v, c, k, i, j, costs = COSTS, n_parts = <int> len(parts), alone
    cdef int64_t need = 0
    cdef double* at
    if not parts or not all(parts):
        raise ValueError("parts: each needs an option")
    alone = n_parts == 1 and len(parts[0]) == 1
    choices = <Choices*> malloc(n_parts * sizeof(Choices)
                                + sum(map(len, parts)) * sizeof(void*))
    if choices == NULL:
        raise MemoryError
    try:
        at = <double*> (choices + n_parts)
        for i in range(n_parts):
            choices[i].n = <int> len(parts[i])
            choices[i].option = <const flash_problem**> at
            at += choices[i].n
            for j in range(choices[i].n):
                one = parts[i][j]
                if not alike(&one.problem, &base.problem):
                    raise ValueError("parts: tables of another space")
                costs &= one.problem.present
                choices[i].option[j] = &one.problem
        first = choices[0].option[0]
        self.shape([base.problem.variants[v].n_cells for v in range(base.problem.n_variants)])
        self.problem.present = (base.problem.present & ~COSTS) | costs
        self.problem.links = base.problem.links
        self.classes = (base, parts[0][0] if alone else None)   # keeps their arrays alive
        for v in range(base.problem.n_variants):
            for c in range(base.problem.variants[v].n_cells):
                for k in range(FLASH_COLUMNS):
                    if costs >> k & 1:
                        need += (base.problem.variants[v].cells[c].rows + 7) & ~7
        at = NULL if alone else self.reserve(need)
        for v in range(base.problem.n_variants):
            self.problem.variants[v].constant = base.problem.variants[v].constant
            for c in range(base.problem.variants[v].n_cells):
                cell = &self.problem.variants[v].cells[c]
                cell[0] = base.problem.variants[v].cells[c]
                for k in range(FLASH_COLUMNS):
                    if not COSTS >> k & 1:
                        continue
                    cell.column[k] = NULL
                    if not costs >> k & 1:
                        continue
                    if alone:
                        cell.column[k] = first.variants[v].cells[c].column[k]
                        cell.low[k] = first.variants[v].cells[c].low[k]
                        cell.high[k] = first.variants[v].cells[c].high[k]
                        continue
                    cell.column[k] = at
                    at += (cell.rows + 7) & ~7
                    with nogil:
                        add_up(choices, n_parts, v, c, k, cell.rows, cell.column[k])
                        kernel.range(cell.rows, cell.column[k], &cell.low[k], &cell.high[k])
    finally:
        free(choices)
    self.ranged = 1
    self.check()
    return self


cdef inline int alike(const flash_problem* a, const flash_problem* b) noexcept nogil:
    """Whether two problems have the same rows."""
    cdef int v, c
    if a.n_variants != b.n_variants:
        return 0
    for v in range(a.n_variants):
        if a.variants[v].n_cells != b.variants[v].n_cells:
            return 0
        for c in range(a.variants[v].n_cells):
            if a.variants[v].cells[c].rows != b.variants[v].cells[c].rows:
                return 0
    return 1


cdef inline void add_up(const Choices* choices, int n_parts, int v, int c, int k, int64_t n,
                        double* out) noexcept nogil:
    """out = the sum over the parts of the least of their options."""
    cdef double least[PIECE]
    cdef const double* column
    cdef int64_t start = 0, m, i
    cdef int part, j
    while start < n:
        m = min(<int64_t> PIECE, n - start)
        for part in range(n_parts):
            column = choices[part].option[0].variants[v].cells[c].column[k] + start
            if choices[part].n > 1:
                memcpy(least, column, m * sizeof(double))
                for j in range(1, choices[part].n):
                    column = choices[part].option[j].variants[v].cells[c].column[k] + start
                    for i in range(m):
                        least[i] = column[i] if column[i] < least[i] else least[i]
                column = least
            if part == 0:
                memcpy(out + start, column, m * sizeof(double))
            else:
                for i in range(m):
                    out[start + i] += column[i]
        start += m


def total_of(Tables tables not None, int variant, rows, int column) -> float:
    """What one configuration's rows add up to in a column."""
    cdef const flash_variant* v
    cdef double total
    cdef int c
    cdef int64_t row
    if not 0 <= variant < tables.problem.n_variants or not 0 <= column < FLASH_COLUMNS:
        raise IndexError(f"variant {variant}, column {column}")
    v = &tables.problem.variants[variant]
    total = v.constant[column]
    for c in range(v.n_cells):
        row = rows[c]
        if not 0 <= row < v.cells[c].rows or v.cells[c].column[column] == NULL:
            raise IndexError(f"row {row} of cell {c}, column {column}")
        total += v.cells[c].column[column][row]
    return total


cdef struct Part:
    int n, dims
    const int64_t* better
    const int64_t* uses


cdef struct Archive:
    int n_parts, dims, resources
    int64_t n, room
    int64_t* better      # n x dims
    int32_t* option      # n x n_parts
    Part* part
    const int64_t* floor # of each depth: what the parts after it take at least
    int full


def undominated(parts, limits) -> list:
    """Which configurations within the limits none other is at least as good as.

    Parameters
    ----------
    parts : sequence of (better, uses)
        For each option of a part a tuple of what more of is never worse, and a tuple of what it
        takes of each resource.
    limits : sequence of int

    Returns
    -------
    list of tuple of int
        An option for each part; of equals the first. Configurations come in the order of the
        options.

    Raises
    ------
    OverflowError
        If there are more than 2^20.
    """
    cdef Archive a
    cdef int64_t* numbers
    cdef int64_t* at
    cdef int64_t prefix[256]
    cdef int64_t room[16]
    cdef int32_t chosen[16]
    cdef int p, r, i
    cdef int64_t need = 0
    if not 1 <= len(parts) <= 16 or len(limits) > 16:
        raise ValueError("parts: 1 to 16 are accepted, and at most 16 limits")
    a.n_parts = <int> len(parts)
    a.resources = <int> len(limits)
    a.dims = 0
    for better, uses in parts:
        if not better or len(better) != len(uses):
            raise ValueError("parts: each needs an option, and as many uses")
        need += len(better) * (len(better[0]) + a.resources)
        a.dims += <int> len(better[0])
    if a.dims > 256:
        raise ValueError(f"parts: at most 256 numbers in all, got {a.dims}")
    numbers = <int64_t*> malloc((need + a.n_parts * a.resources) * sizeof(int64_t)
                                + a.n_parts * sizeof(Part))
    if numbers == NULL:
        raise MemoryError
    a.n = a.room = a.full = 0
    a.better = NULL
    a.option = NULL
    try:
        a.part = <Part*> numbers
        at = <int64_t*> (a.part + a.n_parts)
        for p in range(a.n_parts):
            better, uses = parts[p]
            a.part[p].n = <int> len(better)
            a.part[p].dims = <int> len(better[0])
            a.part[p].better = at
            for row in better:
                for x in row:
                    at[0] = x
                    at += 1
            a.part[p].uses = at
            for row in uses:
                for x in row:
                    at[0] = x
                    at += 1
        a.floor = at
        for p in range(a.n_parts):
            for r in range(a.resources):
                at[0] = sum([min([row[r] for row in uses]) for _, uses in parts[p + 1:]])
                at += 1
        for r in range(a.resources):
            room[r] = limits[r]
        with nogil:
            extend(&a, 0, prefix, room, chosen, 0)
        if a.full == 1:
            raise MemoryError
        if a.full:
            raise OverflowError(f"more than {MOST:,} configurations that no other is as good as")
        return sorted([tuple([a.option[i * a.n_parts + p] for p in range(a.n_parts)])
                       for i in range(a.n)])
    finally:
        free(numbers)
        free(a.better)
        free(a.option)


cdef int extend(Archive* a, int p, int64_t* prefix, const int64_t* room, int32_t* chosen,
                int done) noexcept nogil:
    """Chooses part p and those after it; prefix: the `done` numbers of the parts before."""
    cdef const Part* part = &a.part[p]
    cdef int64_t left[16]
    cdef int i, r, d, q, fits
    for i in range(part.n):
        fits = 1
        for r in range(a.resources):
            left[r] = room[r] - part.uses[i * a.resources + r]
            fits &= left[r] >= a.floor[p * a.resources + r]
        if not fits:
            continue
        memcpy(prefix + done, part.better + i * part.dims, part.dims * sizeof(int64_t))
        chosen[p] = i
        d = done + part.dims
        if p + 1 == a.n_parts:
            if not beaten(a, prefix):
                keep(a, prefix, chosen)
        else:
            # the best that the other parts could be, each on its own
            for q in range(p + 1, a.n_parts):
                d += best_fitting(a, q, left, prefix + d)
            if not beaten(a, prefix):
                extend(a, p + 1, prefix, left, chosen, done + part.dims)
        if a.full:
            return 0
    return 0


cdef inline int best_fitting(const Archive* a, int q, const int64_t* left,
                             int64_t* out) noexcept nogil:
    """The greatest of each number among part q's options that fit what is left."""
    cdef const Part* part = &a.part[q]
    cdef int i, r, k, fits
    for k in range(part.dims):
        out[k] = -(<int64_t> 1 << 62)
    for i in range(part.n):
        fits = 1
        for r in range(a.resources):
            fits &= part.uses[i * a.resources + r] <= left[r]
        if fits:
            for k in range(part.dims):
                out[k] = max(out[k], part.better[i * part.dims + k])
    return part.dims


cdef inline int beaten(Archive* a, const int64_t* x) noexcept nogil:
    """Whether one that is kept is at least as good."""
    cdef int64_t i
    cdef int k
    for i in range(a.n - 1, -1, -1):
        k = 0
        while k < a.dims and a.better[i * a.dims + k] >= x[k]:
            k += 1
        if k == a.dims:
            return 1
    return 0


cdef inline void keep(Archive* a, const int64_t* x, const int32_t* chosen) noexcept nogil:
    """Adds one, and drops those that it is better than."""
    cdef int64_t i, n = 0
    cdef int k
    for i in range(a.n):
        k = 0
        while k < a.dims and x[k] >= a.better[i * a.dims + k]:
            k += 1
        if k == a.dims:
            continue
        if n < i:
            memcpy(a.better + n * a.dims, a.better + i * a.dims, a.dims * sizeof(int64_t))
            memcpy(a.option + n * a.n_parts, a.option + i * a.n_parts,
                   a.n_parts * sizeof(int32_t))
        n += 1
    a.n = n
    if n == MOST:
        a.full = 2
        return
    if n == a.room:
        a.room = 2 * n + 64
        a.better = <int64_t*> grown(a.better, a.room * a.dims * sizeof(int64_t), a)
        a.option = <int32_t*> grown(a.option, a.room * a.n_parts * sizeof(int32_t), a)
        if a.full:
            return
    memcpy(a.better + n * a.dims, x, a.dims * sizeof(int64_t))
    memcpy(a.option + n * a.n_parts, chosen, a.n_parts * sizeof(int32_t))
    a.n = n + 1


cdef inline void* grown(void* memory, size_t size, Archive* a) noexcept nogil:
    cdef void* more = realloc(memory, size)
    if more == NULL:
        a.full = 1
        return memory
    return more


def fitting(uses, limits) -> int:
    """How many configurations there are within the limits.

    uses: for each part, for each option, what it takes of each resource.
    """
    cdef int64_t* numbers
    cdef int64_t* at
    cdef int64_t room[16]
    cdef int32_t sizes[16]
    cdef int64_t count = 0
    cdef int p, r, n_parts = <int> len(uses), resources = <int> len(limits)
    if not 1 <= n_parts <= 16 or resources > 16:
        raise ValueError("uses: 1 to 16 parts are accepted, and at most 16 limits")
    numbers = <int64_t*> malloc((sum(map(len, uses)) * resources + 1) * sizeof(int64_t))
    if numbers == NULL:
        raise MemoryError
    at = numbers
    for p in range(n_parts):
        sizes[p] = <int32_t> len(uses[p])
        for row in uses[p]:
            for x in row:
                at[0] = x
                at += 1
    for r in range(resources):
        room[r] = limits[r]
    with nogil:
        count = count_fitting(numbers, sizes, n_parts, resources, room)
    free(numbers)
    return count


cdef int64_t count_fitting(const int64_t* uses, const int32_t* sizes, int n_parts, int resources,
                           const int64_t* room) noexcept nogil:
    cdef int64_t left[16]
    cdef int64_t count = 0
    cdef int i, r, fits
    for i in range(sizes[0]):
        fits = 1
        for r in range(resources):
            left[r] = room[r] - uses[i * resources + r]
            fits &= left[r] >= 0
        if not fits:
            continue
        if n_parts == 1:
            count += 1
        else:
            count += count_fitting(uses + sizes[0] * resources, sizes + 1, n_parts - 1, resources,
                                   left)
    return count
