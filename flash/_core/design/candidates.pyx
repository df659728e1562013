"""Which accelerators of a design space fit, and which of them may be best."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

__all__ = ("fitting", "undominated")

cdef int64_t PATIENCE = 1 << 30  # comparisons: some seconds

cdef enum:
    MOST_KEPT = 1 << 20  # accelerators
    MOST_PARTS = 16      # of one
    MOST_LIMITS = 16
    MOST_NUMBERS = 256   # of one, that more of is never worse

cdef enum:               # why a search ended early
    NOT_FULL = 0
    NO_MEMORY = 1
    TOO_MANY = 2
    TOO_MUCH_WORK = 3


cdef struct Part:
    int n, dims          # options, and numbers of each
    const int64_t* better    # n x dims
    const int64_t* uses      # n x resources


cdef struct Archive:
    int n_parts, dims, resources
    int64_t n, room
    int64_t* better      # n x dims
    int32_t* option      # n x n_parts
    Part* part
    const int64_t* floor # of each depth: what the parts after it take at least
    int32_t* kept        # options of the last part, for what is left of the resources
    int64_t work         # comparisons
    int full             # NOT_FULL, NO_MEMORY ...


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
        If there are more than 2^20, or if it takes more than 2^30 comparisons.
    """
    cdef Archive a
    cdef void* numbers
    cdef int64_t prefix[MOST_NUMBERS]
    cdef int64_t room[MOST_LIMITS]
    cdef int32_t chosen[MOST_PARTS]
    cdef int p, r, i
    cdef size_t need
    if not 1 <= len(parts) <= MOST_PARTS or len(limits) > MOST_LIMITS:
        raise ValueError(f"parts: 1 to {MOST_PARTS} are accepted, and at most {MOST_LIMITS} limits")
    need = size_up(parts, len(limits), &a)
    numbers = malloc(need)
    if numbers == NULL:
        raise MemoryError
    try:
        read_parts(parts, numbers, &a)
        for r in range(a.resources):
            room[r] = limits[r]
        with nogil:
            extend(&a, 0, prefix, room, chosen, 0)
        if a.full == NO_MEMORY:
            raise MemoryError
        if a.full == TOO_MANY:
            raise OverflowError(
                f"more than {MOST_KEPT:,} configurations that no other is as good as")
        if a.full:
            raise OverflowError("too many configurations to compare: " + " x ".join(
                [str(len(better)) for better, _ in parts]) + " options")
        return sorted([tuple([a.option[i * a.n_parts + p] for p in range(a.n_parts)])
                       for i in range(a.n)])
    finally:
        free(numbers)
        free(a.better)
        free(a.option)


cdef size_t size_up(parts, int resources, Archive* a) except 0:
    """An empty archive; bytes of what `read_parts` reads."""
    cdef size_t numbers = 0
    memset(a, 0, sizeof(Archive))
    a.n_parts = <int> len(parts)
    a.resources = resources
    for better, uses in parts:
        if not better or len(better) != len(uses):
            raise ValueError("parts: each needs an option, and as many uses")
        if {len(row) for row in better} != {len(better[0])}:
            raise ValueError("parts: a part's options have as many numbers each")
        refuse_uses(uses, resources)
        numbers += len(better) * (len(better[0]) + resources)
        a.dims += <int> len(better[0])
    if a.dims > MOST_NUMBERS:
        raise ValueError(f"parts: at most {MOST_NUMBERS} numbers in all, got {a.dims}")
    return ((numbers + a.n_parts * resources) * sizeof(int64_t) + a.n_parts * sizeof(Part)
            + len(parts[len(parts) - 1][0]) * sizeof(int32_t))


cdef int read_parts(parts, void* memory, Archive* a) except -1:
    """All numbers: the parts', what the later ones take at least, and room for the last options."""
    cdef int64_t* at
    cdef int p, r
    a.part = <Part*> memory
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
    a.kept = <int32_t*> at
    return 0


cdef int refuse_uses(uses, int resources) except -1:
    for row in uses:
        if len(row) != resources:
            raise ValueError(f"uses: {resources} limits need as many numbers, got {len(row)}")
    return 0


cdef int extend(Archive* a, int p, int64_t* prefix, const int64_t* room, int32_t* chosen,
                int done) noexcept nogil:
    """Chooses part p and those after it; prefix: the `done` numbers of the parts before."""
    cdef const Part* part = &a.part[p]
    cdef int64_t left[MOST_LIMITS]
    cdef int i, r, d, q, fits, n = part.n
    if p + 1 == a.n_parts:
        n = locally_best(a, part, room)
    for i in range(n):
        if p + 1 == a.n_parts:
            chosen[p] = a.kept[i]
            memcpy(prefix + done, part.better + a.kept[i] * part.dims,
                   part.dims * sizeof(int64_t))
            if not beaten(a, prefix):
                keep_one(a, prefix, chosen)
        else:
            fits = 1
            for r in range(a.resources):
                left[r] = room[r] - part.uses[i * a.resources + r]
                fits &= left[r] >= a.floor[p * a.resources + r]
            if not fits:
                continue
            chosen[p] = i
            memcpy(prefix + done, part.better + i * part.dims, part.dims * sizeof(int64_t))
            d = done + part.dims
            # the best that the other parts could be, each on its own
            for q in range(p + 1, a.n_parts):
                d += best_fitting(a, q, left, prefix + d)
            if not beaten(a, prefix):
                extend(a, p + 1, prefix, left, chosen, done + part.dims)
        if a.full:
            return 0
    return 0


cdef inline int locally_best(Archive* a, const Part* part, const int64_t* room) noexcept nogil:
    """The last part's options that fit and that no other one that fits is as good as: the first of
    equals. All of them, in their order; how many."""
    cdef const int64_t* own
    cdef int i, j, k, r, m, n = 0, fits
    for i in range(part.n):
        fits = 1
        for r in range(a.resources):
            fits &= part.uses[i * a.resources + r] <= room[r]
        if not fits:
            continue
        own = part.better + i * part.dims
        a.work += n
        for j in range(n):
            k = 0
            while k < part.dims and part.better[a.kept[j] * part.dims + k] >= own[k]:
                k += 1
            if k == part.dims:
                fits = 0
                break
        if not fits:
            continue
        m = 0   # and without those that it is better than
        for j in range(n):
            k = 0
            while k < part.dims and own[k] >= part.better[a.kept[j] * part.dims + k]:
                k += 1
            if k < part.dims:
                a.kept[m] = a.kept[j]
                m += 1
        a.kept[m] = i
        n = m + 1
    return n


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
    a.work += a.n
    if a.work > PATIENCE:
        a.full = TOO_MUCH_WORK
    for i in range(a.n - 1, -1, -1):
        k = 0
        while k < a.dims and a.better[i * a.dims + k] >= x[k]:
            k += 1
        if k == a.dims:
            return 1
    return 0


cdef inline void keep_one(Archive* a, const int64_t* x, const int32_t* chosen) noexcept nogil:
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
    if n == MOST_KEPT:
        a.full = TOO_MANY
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
        a.full = NO_MEMORY
        return memory
    return more


def fitting(uses, limits) -> int:
    """How many configurations there are within the limits.

    uses: for each part, for each option, what it takes of each resource.
    """
    cdef int64_t* numbers
    cdef int64_t* at
    cdef int64_t room[MOST_LIMITS]
    cdef int32_t sizes[MOST_PARTS]
    cdef int64_t count = 0
    cdef int p, r, n_parts = <int> len(uses), resources = <int> len(limits)
    if not 1 <= n_parts <= MOST_PARTS or resources > MOST_LIMITS:
        raise ValueError(f"uses: 1 to {MOST_PARTS} parts are accepted, "
                         f"and at most {MOST_LIMITS} limits")
    for rows in uses:
        refuse_uses(rows, resources)
    numbers = <int64_t*> malloc((sum(map(len, uses)) * resources + 1) * sizeof(int64_t))
    if numbers == NULL:
        raise MemoryError
    try:
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
        return count
    finally:
        free(numbers)


cdef int64_t count_fitting(const int64_t* uses, const int32_t* sizes, int n_parts, int resources,
                           const int64_t* room) noexcept nogil:
    cdef int64_t left[MOST_LIMITS]
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
