# distutils: sources = flash/_core/kernels/kernels.c
"""The compiled problem: rows per cell choice, classes, boundaries and links.

`Tables` owns the memory that every solver reads. Columns are arrays of integers held in doubles
(see problem.h), one after another, so that a kernel streams them and a row is one index.
"""

import os

from cpython.buffer cimport (PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release,
                             PyObject_GetBuffer)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport INFINITY, ceil, exp, isfinite, log, sqrt
from libc.stdint cimport int16_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from flash._core.kernels.kernels cimport flash_choose_kernels, flash_kernels
from flash._core.tables.problem cimport (
    COL_AREA, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE, FLASH_COLUMNS, FLASH_MAX_CELLS,
    FLASH_MAX_STATES, FLASH_METRICS, N_COLUMNS, flash_cell, flash_class, flash_joined, flash_links,
    flash_variant,
)

__all__ = ("COLUMNS", "Classes", "MAX_CELLS", "MAX_STATES", "MAX_TOTAL", "METRICS",
           "Tables", "VERSION", "build_info", "exponential", "logarithm", "simd", "square_root")

cdef extern from "tables/memory.h":
    void* flash_memory(size_t size) noexcept nogil

cdef extern from *:
    """
    #if defined(__clang__)
    #define FLASH_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FLASH_COMPILER "gcc " __VERSION__
    #elif defined(_MSC_VER)
    #define FLASH_TEXT_(x) #x
    #define FLASH_TEXT(x) FLASH_TEXT_(x)
    #define FLASH_COMPILER "msvc " FLASH_TEXT(_MSC_VER)
    #else
    #define FLASH_COMPILER "unknown"
    #endif
    """
    const char* FLASH_BUILD_FLAGS
    const char* FLASH_BUILD_SWITCHES
    const char* FLASH_CYTHON
    const char* FLASH_VERSION
    const char* FLASH_COMPILER


def build_info():
    """Return how this core was compiled: compiler, flags, switches, cython."""
    return {
        "compiler": FLASH_COMPILER.decode(),
        "flags": FLASH_BUILD_FLAGS.decode(),
        "switches": FLASH_BUILD_SWITCHES.decode(),
        "cython": FLASH_CYTHON.decode(),
    }


VERSION = FLASH_VERSION.decode()   # of flash, when this was compiled
COLUMNS = ("score", "latency", "latency_in", "latency_out", "energy", "energy_in", "energy_out",
           "leak", "leak_in", "scale", "area", "peak", "params", "macs")
METRICS = ("score", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
MAX_CELLS = FLASH_MAX_CELLS
MAX_STATES = FLASH_MAX_STATES
cdef enum:
    DIRECT = 4096        # scales below it, at most, find their class at once
    CLASS_FACTORS = 6    # numbers of a class: latency_in ... area, as flash_class has them
    CLASS_NUMBERS = 8    # with its padding
    MOST_CLASSES = 32767     # their numbers are 16-bit
    MOST_GRID = 16383    # rows of a grid: each but the first has two classes
    LINE_BYTES = 64      # of a cache line

cdef extern from *:
    """
    _Static_assert(sizeof(flash_class) == 8 * sizeof(double)
                       && offsetof(flash_class, area) == 5 * sizeof(double),
                   "tables.pyx has another flash_class");
    """

MAX_TOTAL = 2.0 ** 53   # beyond it sums of integers in doubles are no longer exact

_VARIANTS = ("auto", "baseline", "avx2", "avx512")


cdef const flash_kernels* choose() except NULL:
    """The kernels that the environment asks for; a KernelsError where there are none."""
    cdef str name = os.environ.get("FLASH_SIMD", "") or "auto"
    cdef bytes text = name.encode("utf-8", "replace")  # named: C reads its bytes
    cdef const flash_kernels* found = flash_choose_kernels(text)
    if found == NULL:
        from ...errors import KernelsError

        here = [one for one in _VARIANTS if flash_choose_kernels(one.encode()) != NULL]
        why = "this build on this processor has no such kernels" if name in _VARIANTS else \
            "there are no such kernels"
        raise KernelsError(f"the environment variable FLASH_SIMD is {name!r}: {why}; "
                           f"accepted here: {', '.join(here)}, or unset it")
    return found


cdef const flash_kernels* chosen = choose()

# Blocks are kept between searches, one for each of a few devices: fresh pages cost more than the
# tables themselves.
cdef enum:
    SPARES = 4

cdef void* spare[SPARES]
cdef size_t spare_size[SPARES]
cdef size_t SPARE_LIMIT = 16 << 20   # bytes, of all


cdef void* take_spare(size_t size, size_t* found) noexcept:
    """The smallest block kept that has room for so many bytes, and its size; NULL: there is none.
    """
    cdef int i, best = -1
    cdef void* block
    for i in range(SPARES):
        if spare_size[i] >= size and (best < 0 or spare_size[i] < spare_size[best]):
            best = i
    if best < 0:
        return NULL
    block = spare[best]
    found[0] = spare_size[best]
    spare[best] = NULL
    spare_size[best] = 0
    return block


cdef void keep_spare(void* block, size_t size) noexcept:
    """Keeps a block in place of the smallest where that is smaller, within the limit."""
    cdef int i, least = 0
    cdef size_t every = size
    for i in range(SPARES):
        every += spare_size[i]
        if spare_size[i] < spare_size[least]:
            least = i
    if every - spare_size[least] > SPARE_LIMIT or size <= spare_size[least]:
        free(block)
        return
    free(spare[least])
    spare[least] = block
    spare_size[least] = size


cdef inline size_t whole_lines(size_t size) noexcept nogil:
    """Bytes with those that fill the last cache line."""
    return (size + LINE_BYTES - 1) & ~<size_t> (LINE_BYTES - 1)


cdef int cells_within(int n) except -1:
    """The cells of a network, or an error where the core has no room for them."""
    if not 1 <= n <= FLASH_MAX_CELLS:
        raise ValueError(f"a network has 1 to {MAX_CELLS} cells, got {n}")
    return n


cdef const flash_kernels* kernels() noexcept nogil:
    return chosen


def simd() -> str:
    """The instruction set that the vector kernels use in this process."""
    return chosen.name.decode()


cdef int64_t read(object data, double* out, int64_t room) except -1:
    """Copies a contiguous buffer of float64; how many there are."""
    cdef Py_buffer view
    cdef int64_t n, i
    PyObject_GetBuffer(data, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
    n = view.len // <int64_t> sizeof(double)
    try:
        if view.itemsize != sizeof(double) or view.format[0] != b"d":
            raise ValueError("columns must be contiguous float64")
        memcpy(out, view.buf, min(n, room) * sizeof(double))
    finally:
        PyBuffer_Release(&view)
    for i in range(min(n, room)):
        if not isfinite(out[i]):
            raise ValueError("columns must hold numbers that are finite")
    return n


cdef const flash_variant* variant_of(Tables tables, int variant, int column) except NULL:
    if not 0 <= variant < tables.problem.n_variants:
        raise IndexError("variant")
    if not 0 <= column < FLASH_COLUMNS:
        raise IndexError("column")
    return &tables.problem.variants[variant]


cdef int put_column(const flash_variant* v, int column, double* out, int64_t room) noexcept nogil:
    """Writes a column of all cells, one after another; false where they are not so many numbers."""
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].rows > room:
            return 0
        memcpy(out, v.cells[c].column[column], v.cells[c].rows * sizeof(double))
        out += v.cells[c].rows
        room -= v.cells[c].rows
    return room == 0


cdef class Classes:
    """What depends on the scale: tuples (bound, factors of the latency of inputs and of outputs, of
    the energy of inputs and of outputs, of the outputs' latency where it leaks, area)."""

    def __init__(self, classes):
        cdef int i, k
        cdef double own[1 + CLASS_FACTORS]       # the bound comes first
        self.reserve(len(classes))
        for i in range(self.n):
            if len(classes[i]) != 1 + CLASS_FACTORS:
                raise ValueError(f"classes: each has {1 + CLASS_FACTORS} numbers, "
                                 f"got {len(classes[i])}")
            for k in range(1 + CLASS_FACTORS):
                own[k] = classes[i][k]
            self.bound[i] = own[0]
            memcpy(&self.of[i], own + 1, CLASS_FACTORS * sizeof(double))
        self.check()

    @staticmethod
    def of_grid(double cycles_per_tile, double leak_out, double constant, double per_row,
                double per_col, int most):
        """The classes of a square chip of tiles: see flash/hardware/rram.py.

        Parameters
        ----------
        cycles_per_tile : float
            Of the clock, that a word takes to cross a tile.
        leak_out : float
            By what factor the outputs' latency leaks more than it takes.
        constant, per_row, per_col : float
            The area of the bus.
        most : int
            Rows of the largest grid; a larger chip has its class.
        """
        cdef Classes self = Classes.__new__(Classes)
        cdef flash_class* of
        cdef int rows, cols, far, near, i = 0
        if not 1 <= most <= MOST_GRID:
            raise ValueError(f"most: 1 to {MOST_GRID} rows are accepted, got {most}")
        self.reserve(2 * most - 1)
        for rows in range(1, most + 1):
            for cols in range(max(1, rows - 1), rows + 1):
                far = (cols + 1) // 2
                near = max(0, rows // 2 - 1)
                self.bound[i] = <double> rows * cols
                of = &self.of[i]
                of.latency_in = rows * ceil(cycles_per_tile * far)
                of.latency_out = cols * ceil(cycles_per_tile * near)
                of.energy_in = far
                of.energy_out = near
                of.leak_out = leak_out * of.latency_out
                of.area = constant + per_row * rows + per_col * cols
                i += 1
        self.bound[self.n - 1] = INFINITY
        self.check()
        return self

    def __len__(self):
        return self.n

    def __getitem__(self, int i):
        cdef const double* own
        if i < 0:
            i += self.n
        if not 0 <= i < self.n:
            raise IndexError(f"class {i} of {self.n}")
        own = <const double*> &self.of[i]
        return (self.bound[i], own[0], own[1], own[2], own[3], own[4], own[5])

    cdef int reserve(self, int n) except -1:
        if not 1 <= n <= MOST_CLASSES:
            raise ValueError(f"classes: 1 to {MOST_CLASSES} are accepted, got {n}")
        if self.memory != NULL:
            raise ValueError("classes: they are made once")
        self.n = n
        self.bound = <double*> malloc(n * sizeof(double))
        self.memory = calloc(1, n * sizeof(flash_class) + LINE_BYTES)
        if self.bound == NULL or self.memory == NULL:
            raise MemoryError
        self.of = <flash_class*> whole_lines(<size_t> self.memory)
        return 0

    cdef int check(self) except -1:
        """Refuses what does not rise, and finds the class of small scales once."""
        cdef int i, k, scale
        cdef const double* own
        for i in range(self.n):
            own = <const double*> &self.of[i]
            for k in range(CLASS_FACTORS):   # written so that NaN is refused
                if not own[k] >= ((own - CLASS_NUMBERS)[k] if i else 0.0):
                    raise ValueError("classes: numbers must not be negative nor fall")
            if i and not self.bound[i] > self.bound[i - 1]:
                raise ValueError("classes: bounds must rise")
        if self.bound[self.n - 1] != INFINITY:
            raise ValueError("classes: the last must have no bound")
        # scales up to a few thousand find their class at once, others by bisection
        self.n_direct = 0
        if self.n > 1 and self.bound[self.n - 2] > 0.0:
            self.n_direct = <int> min(<double> DIRECT, self.bound[self.n - 2])
        self.direct = <int16_t*> malloc((self.n_direct + 1) * sizeof(int16_t))
        if self.direct == NULL:
            raise MemoryError
        i = 0
        for scale in range(self.n_direct):
            while scale > self.bound[i]:
                i += 1
            self.direct[scale] = i
        return 0

    def __dealloc__(self):
        free(self.bound)
        free(self.memory)
        free(self.direct)


cdef Classes classes_of(classes):
    """Classes, from themselves or from tuples; None of none."""
    if isinstance(classes, Classes):
        return classes
    return Classes(classes) if classes else None


cdef class Tables:
    """A compiled problem. Made by `from_arrays` or by the compile module; immutable."""

    def __dealloc__(self):
        if self.block != NULL:
            keep_spare(self.block, self.block_size)
        free(self.small)
        free(self.packing)

    cdef double* reserve(self, size_t n_numbers) except NULL:
        """One block for all rows."""
        cdef size_t size = whole_lines(max(n_numbers, <size_t> 1) * sizeof(double))
        self.block = take_spare(size, &self.block_size)
        if self.block == NULL:
            self.block_size = size
            self.block = flash_memory(size)
            if self.block == NULL:
                raise MemoryError(f"tables of {size:,} bytes")
        return <double*> self.block

    cdef int shape(self, object cells_of) except -1:
        """Room for the variants' cells; cells_of: number of cells per variant."""
        cdef int n = len(cells_of), total = sum(cells_of), i, j = 0
        cdef flash_cell* cell
        self.small = calloc(1, n * sizeof(flash_variant) + total * sizeof(flash_cell))
        if self.small == NULL:
            raise MemoryError
        self.problem.n_variants = n
        self.problem.variants = <flash_variant*> self.small
        cell = <flash_cell*> (self.problem.variants + n)
        for i in range(n):
            self.problem.variants[i].n_cells = cells_within(cells_of[i])
            self.problem.variants[i].cells = cell + j
            j += self.problem.variants[i].n_cells
        for i in range(j):
            cell[i].classes = 1
        self.kept = []
        return 0

    cdef int set_links(self, dict links) except -1:
        cdef flash_links* l = &self.problem.links
        cdef Classes classes = links.get("classes")
        cdef int k
        if len(links["quantum"]) != FLASH_METRICS:
            raise ValueError(f"quantum: {FLASH_METRICS} numbers are needed")
        for k in range(FLASH_METRICS):
            l.quantum[k] = links["quantum"][k]
        l.leakage = links.get("leakage", 0.0)
        l.area_per_scale = links.get("area_per_scale", 0.0)
        l.modelled = links["modelled"]
        l.score_link, l.link_a, l.link_b, l.link_c = links.get("score", (0, 0.0, 0.0, 0.0))
        l.log_macs, l.log_params = links.get("logs", (0.0, 0.0))
        if classes is not None:
            self.classes = classes
            l.n_steps = classes.n
            l.n_direct = classes.n_direct
            l.class_at = classes.direct
            l.scale_max = classes.bound
            l.of = classes.of
        l.linked = l.n_steps > 0 or l.leakage != 0.0 or l.area_per_scale != 0.0
        return 0

    @staticmethod
    def from_arrays(list variants, dict links):
        """Tables from plain numbers.

        Parameters
        ----------
        variants : list of (constant, cells)
            constant: one number per column. cells: list of (states, columns, boundaries[,
            incoming]), where columns and boundaries map a column's number to a buffer of float64;
            every row of a state is contiguous and boundaries are (states of the previous cell,
            states). incoming: how many states may come in, where a cell must take what the one
            before it hands on: its states are then pairs (incoming, own), and its rows those of
            the space for each of them.
        links : dict
            quantum (one per metric), modelled (bits), leakage, area_per_scale, classes (see
            `Classes`), score (kind, a, b, c).
        """
        cdef Tables self = Tables.__new__(Tables)
        cdef double* at
        cdef int i, c, k, before
        self.shape([len(cells) for _, cells in variants])
        at = self.reserve(self.size_up(variants))
        for i, (constant, cells) in enumerate(variants):
            if len(constant) != FLASH_COLUMNS:
                raise ValueError(f"constants: {FLASH_COLUMNS} numbers are needed, "
                                 f"got {len(constant)}")
            for k in range(FLASH_COLUMNS):
                self.problem.variants[i].constant[k] = constant[k]
            before = 1
            for c, (states, columns, boundaries, *_) in enumerate(cells):
                at = self.take_cell(&self.problem.variants[i].cells[c], c, before, columns,
                                    boundaries, at)
                before = states
        links = dict(links, classes=classes_of(links.get("classes")))
        self.set_links(links)
        self.check()
        return self

    def with_columns(self, dict columns, dict links):
        """Tables of the same rows with columns put in place of these, or beside them.

        Parameters
        ----------
        columns : dict of int to list
            Of a column's number: for each variant, for each cell, a buffer of float64.
        links : dict
            As in `from_arrays`.
        """
        cdef Tables made = Tables.__new__(Tables)
        cdef const flash_cell* own
        cdef flash_cell* cell
        cdef double* at
        cdef size_t need = 0, line
        cdef int v, c, k
        made.shape([self.problem.variants[v].n_cells for v in range(self.problem.n_variants)])
        made.kept = [self]       # whose boundaries and states they share
        made.problem.present = self.problem.present
        for k in columns:
            if not 0 <= k < FLASH_COLUMNS:
                raise ValueError(f"there is no column {k}")
            made.problem.present |= 1 << k
        for v in range(self.problem.n_variants):
            for c in range(self.problem.variants[v].n_cells):
                own = &self.problem.variants[v].cells[c]
                for k in columns:
                    if own.boundary[k] != NULL:
                        raise ValueError(f"column {COLUMNS[k]} has boundaries, and keeps its rows")
                for k in range(FLASH_COLUMNS):
                    if made.problem.present >> k & 1:
                        need += whole_lines(<size_t> own.rows * sizeof(double)) // sizeof(double)
        at = made.reserve(need)
        for v in range(self.problem.n_variants):
            for k in range(FLASH_COLUMNS):
                made.problem.variants[v].constant[k] = self.problem.variants[v].constant[k]
            for c in range(self.problem.variants[v].n_cells):
                own = &self.problem.variants[v].cells[c]
                cell = &made.problem.variants[v].cells[c]
                cell.rows = own.rows
                cell.states = own.states
                cell.incoming = own.incoming
                cell.space_rows = own.space_rows
                cell.classes = own.classes
                cell.state_at = own.state_at
                cell.joined = own.joined
                memcpy(cell.boundary, own.boundary, sizeof(own.boundary))
                memcpy(cell.dims, own.dims, sizeof(own.dims))
                line = whole_lines(<size_t> own.rows * sizeof(double)) // sizeof(double)
                for k in range(FLASH_COLUMNS):
                    if not made.problem.present >> k & 1:
                        continue
                    cell.column[k] = at
                    at += line
                    if k in columns:
                        n = read(columns[k][v][c], cell.column[k], own.rows)
                        if n != own.rows:
                            raise ValueError(f"variant {v}, cell {c}: column {COLUMNS[k]} has {n} "
                                             f"rows, others {own.rows}")
                    else:
                        memcpy(cell.column[k], own.column[k], own.rows * sizeof(double))
        made.set_links(dict(links, classes=classes_of(links.get("classes"))))
        made.check()
        return made

    cdef size_t size_up(self, list variants) except? 0:
        """States and rows of all cells; how many numbers their columns and boundaries have."""
        cdef size_t need = 0
        cdef int i, c, before, handed, incoming
        cdef flash_cell* cell
        for i, (_, cells) in enumerate(variants):
            before = handed = 1   # states of the cell before, and those of them that it hands on
            for c, (states, columns, boundaries, *joined) in enumerate(cells):
                incoming = joined[0] if joined else 1
                cell = &self.problem.variants[i].cells[c]
                if not columns:
                    raise ValueError(f"cell {c} has no columns")
                cell.states = states
                cell.rows = len(next(iter(columns.values())))
                cell.incoming = incoming
                if incoming < 1 or states % incoming or incoming > 1 and incoming != handed:
                    raise ValueError(f"cell {c}: {incoming} states come in, and the cell before "
                                     f"it hands on {handed}")
                cell.space_rows = cell.rows // incoming
                if not 1 <= states <= FLASH_MAX_STATES or cell.rows % states or not cell.rows:
                    raise ValueError(f"cell {c}: {cell.rows} rows do not divide by {states} states")
                handed = states // incoming
                cell.dims = [1, 1, 1, handed, cell.rows // states]
                need += <size_t> cell.rows * len(columns) + before * states * len(boundaries)
                before = states
        return need

    cdef double* take_cell(self, flash_cell* cell, int c, int before, columns, boundaries,
                           double* at) except NULL:
        """A cell's columns and its boundaries with `before` states; where the next ones go."""
        cdef int k
        cdef int64_t n
        for k, data in columns.items():
            if not 0 <= k < FLASH_COLUMNS:
                raise ValueError(f"cell {c}: there is no column {k}")
            n = read(data, at, cell.rows)
            if n != cell.rows:
                raise ValueError(f"cell {c}: column {COLUMNS[k]} has {n} rows, "
                                 f"others {cell.rows}")
            cell.column[k] = at
            at += n
            self.problem.present |= 1 << k
        cell.joined = len(boundaries) > 0
        for k, data in boundaries.items():
            if not 0 <= k < FLASH_COLUMNS:
                raise ValueError(f"cell {c}: there is no column {k}")
            n = read(data, at, before * cell.states)
            if n != before * cell.states:
                raise ValueError(f"cell {c}: boundary {COLUMNS[k]} has {n} numbers")
            cell.boundary[k] = at
            at += n
        return at

    cdef int check(self) except -1:
        """All columns everywhere or nowhere; totals exact."""
        cdef int i, k
        cdef double total[N_COLUMNS]
        cdef flash_variant* v
        cdef flash_links* l = &self.problem.links
        if not isfinite(l.log_params) or not isfinite(l.log_macs):
            raise ValueError("logs: factors must be finite")
        if self.problem.links.n_steps and not self.problem.present >> COL_SCALE & 1:
            raise ValueError("classes need the column scale")
        if l.area_per_scale < 0.0 or not isfinite(l.area_per_scale):
            raise ValueError("area_per_scale must be a number that is not negative")
        for i in range(self.problem.n_variants):
            v = &self.problem.variants[i]
            if v.constant[COL_PEAK] != 0.0:
                raise ValueError("column peak has no constant: nothing adds up to it")
            for k in range(FLASH_COLUMNS):
                total[k] = self.check_column(v, k)
                if not total[k] < MAX_TOTAL:
                    raise OverflowError(f"totals of column {COLUMNS[k]} reach 2^53 units")
            # of a chip's area they are added up before anything is rounded (flash_area)
            if not total[COL_AREA] + total[COL_PEAK] < MAX_TOTAL:
                raise OverflowError("totals of columns area and peak reach 2^53 units together")
        return 0

    cdef double check_column(self, flash_variant* v, int k) except -1.0:
        """A column of a variant: its cells' extremes; what no total's size exceeds."""
        cdef int c, s
        cdef double low, high, least, most
        cdef double total = abs(v.constant[k]), lowest = v.constant[k]
        cdef flash_links* l = &self.problem.links
        cdef flash_cell* cell
        for c in range(v.n_cells):
            cell = &v.cells[c]
            if cell.boundary[k] != NULL and cell.column[k] == NULL:
                raise ValueError(f"column {COLUMNS[k]} has boundaries but no rows")
            if cell.boundary[k] != NULL and k == COL_PEAK:
                raise ValueError("column peak has no boundaries: nothing adds up to it")
            if (cell.column[k] != NULL) != (self.problem.present >> k & 1):
                raise ValueError(f"column {COLUMNS[k]} is missing in a cell")
            if cell.column[k] == NULL:
                continue
            if not self.ranged:
                chosen.range(cell.rows, cell.column[k], &cell.low[k], &cell.high[k])
            low = cell.low[k]
            high = cell.high[k]
            lowest += low
            total = flash_joined(k, total, max(abs(low), abs(high)))
            if k == COL_PEAK and high > v.cells[v.peak_cell].high[k]:
                v.peak_cell = c
            if cell.boundary[k] != NULL:
                s = cell.states * (v.cells[c - 1].states if c else 1)
                chosen.range(s, cell.boundary[k], &least, &most)
                total += max(abs(least), abs(most))
                low = min(low, least)
            if not isfinite(low) or not isfinite(high):
                raise ValueError(f"column {COLUMNS[k]} holds a number that is not finite")
            if low < 0.0 and k != COL_SCORE:
                raise ValueError(f"column {COLUMNS[k]} holds a negative number")
        if lowest <= 0.0 and (k == COL_PARAMS and l.log_params != 0.0
                              or k == COL_MACS and l.log_macs != 0.0):
            raise ValueError(f"the logarithm of {COLUMNS[k]} needs totals above 0")
        return total

    @property
    def joined(self) -> bool:
        """Whether pairs of rows of neighbouring cells add to totals: see `flash_cell.boundary`."""
        cdef int i, c
        for i in range(self.problem.n_variants):
            for c in range(self.problem.variants[i].n_cells):
                if self.problem.variants[i].cells[c].joined:
                    return True
        return False

    @property
    def rows(self) -> tuple:
        """Rows per cell, for each variant."""
        cdef flash_variant* v
        out = []
        for i in range(self.problem.n_variants):
            v = &self.problem.variants[i]
            out.append(tuple([v.cells[c].rows for c in range(v.n_cells)]))
        return tuple(out)

    @property
    def space_rows(self) -> tuple:
        """Rows of the search space per cell: where neighbours are coupled, table row r stands
        for row ``r % space_rows``."""
        cdef flash_variant* v
        out = []
        for i in range(self.problem.n_variants):
            v = &self.problem.variants[i]
            out.append(tuple([v.cells[c].space_rows for c in range(v.n_cells)]))
        return tuple(out)

    def column(self, int variant, int cell, int column):
        """One column of one cell as bytes of float64, or None where it is absent."""
        cdef flash_cell* c
        if not 0 <= variant < self.problem.n_variants:
            raise IndexError("variant")
        if not 0 <= cell < self.problem.variants[variant].n_cells:
            raise IndexError("cell")
        c = &self.problem.variants[variant].cells[cell]
        if not 0 <= column < FLASH_COLUMNS:
            raise IndexError("column")
        if c.column[column] == NULL:
            return None
        return (<char*> c.column[column])[:c.rows * sizeof(double)]

    def whole(self, int variant, int column):
        """One column of all cells, one after another, as bytes of float64; None where it is absent.
        """
        cdef const flash_variant* v = variant_of(self, variant, column)
        cdef int64_t n = 0
        cdef int c
        cdef bytes found
        if not self.problem.present >> column & 1:
            return None
        for c in range(v.n_cells):
            n += v.cells[c].rows
        found = PyBytes_FromStringAndSize(NULL, n * sizeof(double))
        put_column(v, column, <double*> PyBytes_AS_STRING(found), n)
        return found

    def put(self, int variant, int column, out):
        """Writes `whole` to a buffer of float64; False where the column is absent."""
        cdef const flash_variant* v = variant_of(self, variant, column)
        cdef Py_buffer view
        if not self.problem.present >> column & 1:
            return False
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            if view.itemsize != sizeof(double) or view.format[0] != b"d" or not put_column(
                    v, column, <double*> view.buf, view.len // <int64_t> sizeof(double)):
                raise ValueError("out must hold a float64 for each row")
        finally:
            PyBuffer_Release(&view)
        return True

    def ends(self, int variant, int column) -> tuple:
        """What a column holds at least and at most, of each cell; zeros where it is absent."""
        cdef const flash_variant* v = variant_of(self, variant, column)
        cdef int c
        if not self.problem.present >> column & 1:
            return (0.0,) * v.n_cells, (0.0,) * v.n_cells
        return (tuple([v.cells[c].low[column] for c in range(v.n_cells)]),
                tuple([v.cells[c].high[column] for c in range(v.n_cells)]))

    @property
    def size_bytes(self) -> int:
        """Of the block that the rows lie in."""
        return self.block_size

    @property
    def size(self) -> int:
        """Configurations."""
        total = 0
        for rows in self.rows:
            n = 1
            for r in rows:
                n *= r
            total += n
        return total


def square_root(double x) -> float:
    """For what a search loads: the module math is one more file to load at every start."""
    return sqrt(x)


def exponential(double x) -> float:
    """See `square_root`."""
    return exp(x)


def logarithm(double x) -> float:
    """See `square_root`."""
    return log(x)
