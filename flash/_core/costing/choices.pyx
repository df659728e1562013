"""Rows of choice indices to columns of metrics, from compiled tables."""

from libc.math cimport log
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from flash._core.costing.packing cimport add_logarithms, all_of, packed
from flash._core.kernels.kernels cimport (
    FLASH_COUNTS, PLACES_CELLS, READ_CHOICES, flash_columns, flash_kernels, flash_packed,
    flash_reading,
)
from flash._core.tables.problem cimport (
    FLASH_METRICS, M_MACS, M_PARAMS, N_COLUMNS, N_METRICS, flash_links, flash_metrics,
    flash_problem, flash_totals,
)
from flash._core.tables.tables cimport Tables, kernels

__all__ = ("evaluate_choices", "prepare")

ctypedef fused Choice:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    int64_t

cdef enum:
    AT_A_TIME = 1024     # configurations whose rows and metrics stay in a core's own caches
    PLANE = AT_A_TIME + 8    # of their metrics: kernels write beyond the last
    LINE_BYTES = 64      # of a cache line
    GLOBALS = 3          # choices before those of the cells: width, number of cells, resolution
    OUTPUTS = 4          # metrics that are not told as integers
    TERMS = 9            # numbers of a row: its cells', and the variant's, the last
    VARIANT = 8
    MOST_WORD = 32767    # choices of a variable, and strides, are 16-bit
    NO_MEMORY = -2       # of block_by_block


cdef struct Strides:
    int32_t width            # choices of a row
    int32_t each             # choices of a cell
    int32_t cells
    int32_t* own             # of each choice in its cell's row, or in the variant
    int32_t* handed          # of each cell: 1 further for a width that comes in, or 0
    uint64_t* limit


def prepare(Tables tables not None, int64_t n):
    """Lay the tables out for batches of n configurations in all, before threads share them."""
    packed(tables, n)


def evaluate_choices(Tables tables not None, const Choice[:, ::1] choices not None,
                     const int64_t[::1] lengths not None, int each, bint free_widths,
                     int64_t first, int64_t last, list out not None, params, macs):
    """Metrics of the configurations [first, last) of rows of choice indices.

    Parameters
    ----------
    tables : Tables
        After `prepare`, where threads share them.
    choices : integer array of shape (n, variables)
    lengths : int64 array of shape (variables,)
        Choices per variable.
    each : int
        Variables per cell.
    free_widths : bool
        The first variable of a cell is its width, which goes into the next cell.
    first, last : int
    out : list of 4 arrays of float64, shape (n,), or None
        Take score, latency, energy and area; None is not written.
    params, macs : int64 arrays of shape (n,)

    Returns
    -------
    int
        The place of the first choice that is out of its range, or -1.
    """
    cdef const flash_problem* problem = &tables.problem
    cdef const flash_packed* pack = tables.packed
    cdef const flash_kernels* kernel = kernels()
    cdef double[::1] plane
    cdef int64_t[::1] counts
    cdef flash_columns to
    cdef flash_reading reading
    cdef Strides strides
    cdef int64_t at = first, wrong = -1, variants
    cdef int k, width = <int> lengths.shape[0], kind = sizeof(Choice)
    cdef void* room
    if each < 1 or width < GLOBALS or (width - GLOBALS) % each or choices.shape[1] != width:
        raise ValueError(f"rows must have {width} choices")
    if not 0 <= first <= last <= choices.shape[0]:
        raise ValueError(f"range {first}..{last} of {choices.shape[0]}")
    to.metric[M_PARAMS] = to.metric[M_MACS] = NULL   # told as integers
    for k in range(OUTPUTS):
        to.metric[k] = NULL
        if out[k] is not None:
            plane = out[k]
            if plane.shape[0] < last:
                raise ValueError("out is too short")
            to.metric[k] = &plane[0] if last else NULL
    for k in range(FLASH_COUNTS):
        counts = macs if k else params
        if counts.shape[0] < last:
            raise ValueError("params or macs is too short")
        to.count[k] = &counts[0] if last else NULL
    variants = lengths[0] * lengths[1] * lengths[2]
    if variants != problem.n_variants:
        raise ValueError(f"{variants} variants, and tables of {problem.n_variants}")
    strides.width = width
    strides.each = each
    strides.cells = (width - GLOBALS) // each
    for k in range(problem.n_variants):
        if problem.variants[k].n_cells > strides.cells:
            raise ValueError("rows are too short")
    if first == last:
        return -1
    room = malloc(width * (2 * sizeof(int32_t) + sizeof(uint64_t)))
    if room == NULL:
        raise MemoryError
    try:
        strides.limit = <uint64_t*> room
        strides.own = <int32_t*> (strides.limit + width)
        strides.handed = strides.own + width
        stride(&strides, &lengths[0], free_widths)
        if Choice is int8_t or Choice is int16_t or Choice is int32_t or Choice is int64_t:
            kind = -kind
        if (kernel.from_choices != NULL and pack != NULL and pack.n_cells <= PLACES_CELLS
                and readable(&strides, kind, &reading)):
            with nogil:
                at = kernel.from_choices(pack, &reading, &choices[0, 0], first, last, &to)
                add_logarithms_of(&problem.links, first, last if at < 0 else at, &to)
            if at < 0:
                return -1
        # what is left: another machine, another layout, or the first choice out of range
        with nogil:
            wrong = block_by_block(problem, pack, kernel, &strides, &choices[0, 0], at, last, &to)
        if wrong == NO_MEMORY:
            raise MemoryError
        return wrong
    finally:
        free(room)


cdef void stride(Strides* s, const int64_t* lengths, bint free_widths) noexcept nogil:
    cdef int k, c
    for k in range(s.width - 1, -1, -1):
        s.limit[k] = <uint64_t> lengths[k]
        c = (k - GLOBALS) % s.each if k >= GLOBALS else k
        if k == GLOBALS - 1 or k >= GLOBALS and c == s.each - 1:
            s.own[k] = 1
        else:
            s.own[k] = <int32_t> (s.own[k + 1] * lengths[k + 1])
        if k >= GLOBALS and c == 0:
            c = (k - GLOBALS) // s.each
            s.handed[c] = <int32_t> (s.own[k] * lengths[k]) if free_widths and c else 0


cdef bint readable(const Strides* s, int kind, flash_reading* r) noexcept nogil:
    """Whether the eight-wide kernel takes such rows, and how it does."""
    cdef int[TERMS] terms
    cdef int k, c
    if s.width > READ_CHOICES:
        return False
    memset(r, 0, sizeof(flash_reading))
    r.width = s.width
    r.kind = kind
    r.pairs = 1
    for k in range(TERMS):
        terms[k] = 0
    for k in range(s.width):
        if s.limit[k] > MOST_WORD:
            return False
        r.limit[k] = <uint16_t> s.limit[k]
        if s.limit[k] == 1:
            continue
        c = VARIANT if k < GLOBALS else (k - GLOBALS) // s.each
        if c < VARIANT or k < GLOBALS:
            if not term(r, terms, c, k, s.own[k]):
                return False
        if (k >= GLOBALS and (k - GLOBALS) % s.each == 0 and c + 1 < min(VARIANT, s.cells)
                and s.handed[c + 1]):
            if not term(r, terms, c + 1, k, s.handed[c + 1]):
                return False
    return True


cdef bint term(flash_reading* r, int* terms, int number, int word, int64_t times) noexcept nogil:
    """One more choice in a row's number."""
    cdef int pair = terms[number] // 2, place = 2 * number + terms[number] % 2
    if pair > 1 or times > MOST_WORD:
        return False
    r.word[pair][place] = <int16_t> word
    r.times[pair][place] = <int16_t> times
    r.pairs = max(r.pairs, pair + 1)
    terms[number] += 1
    return True


cdef void add_logarithms_of(const flash_links* links, int64_t first, int64_t last,
                            const flash_columns* to) noexcept nogil:
    """As add_logarithms does."""
    cdef int64_t i
    if to.metric[0] == NULL:
        return
    if links.log_macs != 0.0:
        for i in range(first, last):
            to.metric[0][i] += links.log_macs * log(<double> to.count[1][i])
    if links.log_params != 0.0:
        for i in range(first, last):
            to.metric[0][i] += links.log_params * log(<double> to.count[0][i])


cdef int64_t block_by_block(const flash_problem* problem, const flash_packed* pack,
                            const flash_kernels* kernel, const Strides* s, const Choice* choices,
                            int64_t first, int64_t last, const flash_columns* to) noexcept nogil:
    """The place of the first choice out of its range, -1, or NO_MEMORY."""
    cdef int64_t i, n, at = first, wrong = -1
    cdef int c, k, bad, last_one, cells = s.cells, width = s.width
    cdef int32_t number, before
    cdef const Choice* own
    cdef int32_t* rows
    cdef int32_t* variant
    cdef double* metrics
    cdef double x[N_COLUMNS]
    cdef double m[N_METRICS]
    cdef void* room = malloc(FLASH_METRICS * PLANE * sizeof(double)
                             + (AT_A_TIME + 16) * (cells + 1) * sizeof(int32_t) + 2 * LINE_BYTES)
    if room == NULL:
        return NO_MEMORY
    metrics = <double*> ((<size_t> room + LINE_BYTES - 1) & ~<size_t> (LINE_BYTES - 1))
    rows = <int32_t*> (metrics + FLASH_METRICS * PLANE)
    variant = rows + PLANE * cells
    while at < last and wrong < 0:
        n = min(AT_A_TIME, last - at)
        bad = 0
        for i in range(n):
            own = choices + (at + i) * width
            for k in range(width):
                bad |= <int> (<uint64_t> <int64_t> own[k] >= s.limit[k])
        if bad:
            i = at * width
            while <uint64_t> <int64_t> choices[i] < s.limit[i % width]:
                i += 1
            wrong = i
            break
        for i in range(n):
            own = choices + (at + i) * width
            variant[i] = (<int32_t> own[0] * s.own[0] + <int32_t> own[1] * s.own[1]
                          + <int32_t> own[2])
            k = GLOBALS
            before = 0
            for c in range(cells):
                number = before * s.handed[c]
                before = <int32_t> own[k]
                last_one = k + s.each
                while k < last_one:
                    number += <int32_t> own[k] * s.own[k]
                    k += 1
                rows[i * cells + c] = number
        if pack != NULL and cells >= pack.n_cells:
            all_of(kernel, pack, n, variant, rows, cells, PLANE, metrics)
            add_logarithms(&problem.links, n, PLANE, metrics)
        else:
            for i in range(n):
                flash_totals(&problem.variants[variant[i]], rows + i * cells, x)
                flash_metrics(&problem.links, x, m)
                for k in range(FLASH_METRICS):
                    metrics[k * PLANE + i] = m[k]
        for k in range(OUTPUTS):
            if to.metric[k] != NULL:
                memcpy(to.metric[k] + at, metrics + k * PLANE, n * sizeof(double))
        for k in range(FLASH_COUNTS):
            for i in range(n):
                to.count[k][at + i] = <int64_t> metrics[(M_PARAMS + k) * PLANE + i]
        at += n
    free(room)
    return wrong
