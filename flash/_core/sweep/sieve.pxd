"""A tile's columns as the kernels sieve them (see sweep.h), class by class.

In one class latency, leaking latency and energy are plain sums of a row and the other cells: their
columns are made when a class is first met and kept as long as the tile.
"""

from libc.stdint cimport int16_t, int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from flash._core.kernels.kernels cimport (
    SWEEP_MOST, SWEEP_STRIDE, flash_kernels, flash_mix, flash_sieve, flash_values,
)
from flash._core.sweep.fixed_point cimport (
    SHARE_MOST, USE_LEAKING, USE_PEAK, USE_SCALE, FixedPoint, mix_of,
)
from flash._core.sweep.tile cimport Tile
from flash._core.tables.problem cimport (
    COL_SCORE, FLASH_COLUMNS, FLASH_METRICS, M_AREA, M_ENERGY, M_LATENCY, M_SCORE, flash_class,
)


cdef enum:
    KEPT_BYTES = 1 << 24     # of the columns of all classes; those beyond are made anew each time
    MEMORY = KEPT_BYTES + (1 << 20)      # with those of a tile and what no class changes
    SCORE_TOP = 32000        # units of the scores' range
    ALIGNED_ROWS = 64        # rows are made from a multiple of it on: cache lines of every column
    SHARED_FIXED = 4         # columns that are the same in every class, beside the plain ones: the
                             # score, the scale, energy and leaking
    SHARED_FLOATS = 9        # six metrics, leaking, scale and peak
    CLASS_FIXED = 3          # of a class: latency; energy; leaking
    CLASS_FLOATS = 3
    LINE_BYTES = 64          # of a cache line

cdef extern from *:
    """
    #include "kernels/kernels.h"
    _Static_assert(SWEEP_STRIDE * (FLASH_COLUMNS * 8 + 4 + (4 + SWEEP_PLAIN) * 2 + 9 * 4)
                       + 64 * (FLASH_COLUMNS + 2) <= 1 << 20,
                   "sieve.pxd has too little room for a tile");
    """


cdef struct ClassRows:            # a tile's in one class
    flash_sieve sieve
    flash_values values
    void* memory             # of its own columns


cdef struct Sieve:
    Tile tile
    ClassRows shared              # what is the same in every class
    ClassRows** of                # by class; NULL where it is not kept
    ClassRows* kept               # `room` of them, and one more that is made anew each time
    int n_kept, room
    int classes, valued
    double score_per_unit


cdef inline int by_class(const FixedPoint* f, int use) noexcept nogil:
    """Whether each class has a column of its own for it."""
    if not f.links.n_steps:
        return 0
    return use == M_LATENCY or use == M_ENERGY or use == USE_LEAKING


cdef inline const int16_t* fixed_column(const flash_kernels* kernel, const flash_mix* mix,
                                        double most, int64_t begin, int64_t end,
                                        void** at) noexcept nogil:
    """Rows [begin, end) of a column, rounded down and so that none is above."""
    cdef int16_t* column = <int16_t*> at[0]
    kernel.mix_fixed(mix, begin, end, most, column)
    at[0] = column + SWEEP_STRIDE
    return column


cdef inline const float* float_column(const flash_kernels* kernel, const flash_mix* mix,
                                      int64_t begin, int64_t end, void** at) noexcept nogil:
    cdef float* column = <float*> at[0]
    kernel.mix_float(mix, begin, end, column)
    at[0] = column + SWEEP_STRIDE
    return column


cdef inline void make_rows(const FixedPoint* f, const flash_kernels* kernel, const Tile* b,
                           const flash_class* of, int classes, int valued, int64_t begin,
                           int64_t end, ClassRows* rows, void** at) noexcept nogil:
    """The columns that depend on the class (classes: 1), or those that do not."""
    cdef const double* q = &f.links.quantum[0]
    cdef flash_mix mix
    cdef int i, k
    for i in range(f.n_plain):
        k = f.plain[i].use
        if by_class(f, k) != classes:
            continue
        mix_of(f, of, k, b.column, &mix)
        mix.per_unit = f.plain[i].per_unit
        if k == M_SCORE:         # how much they are below the highest
            mix.factor[0] = -1.0
            mix.offset = -b.high[COL_SCORE]
        rows.sieve.plain[i] = fixed_column(kernel, &mix, SWEEP_MOST, begin, end, at)
    if f.leaks and by_class(f, M_ENERGY) == classes:
        mix_of(f, of, M_ENERGY, b.column, &mix)
        mix.per_unit = f.energy_per_unit
        rows.sieve.energy = fixed_column(kernel, &mix, SWEEP_MOST, begin, end, at)
        mix_of(f, of, USE_LEAKING, b.column, &mix)
        mix.per_unit = f.leaking_per_unit
        rows.sieve.leaking = fixed_column(kernel, &mix, SWEEP_MOST, begin, end, at)
    if not valued:
        return
    for k in range(FLASH_METRICS):
        if by_class(f, k) == classes:
            mix_of(f, of, k, b.column, &mix)
            mix.per_unit = q[k]
            rows.values.metric[k] = float_column(kernel, &mix, begin, end, at)
    if by_class(f, USE_LEAKING) == classes:
        mix_of(f, of, USE_LEAKING, b.column, &mix)
        mix.per_unit = q[M_LATENCY]
        rows.values.leaking = float_column(kernel, &mix, begin, end, at)


cdef inline void make_shared(const FixedPoint* f, const flash_kernels* kernel, const Tile* b,
                             int valued, double score_per_unit, ClassRows* rows) noexcept nogil:
    """The columns that are the same in every class."""
    cdef void* at = rows.memory
    cdef flash_mix mix
    rows.sieve.leaks = f.leaks
    rows.sieve.sure = f.sure
    mix_of(f, &f.none, M_SCORE, b.column, &mix)
    mix.offset = b.low[COL_SCORE]
    mix.per_unit = score_per_unit
    rows.sieve.score = fixed_column(kernel, &mix, SWEEP_MOST, 0, b.rows, &at)
    mix_of(f, &f.none, USE_SCALE, b.column, &mix)
    mix.per_unit = f.scale_per_unit
    rows.sieve.scale = fixed_column(kernel, &mix, SHARE_MOST, 0, b.rows, &at)
    make_rows(f, kernel, b, &f.none, 0, valued, 0, b.rows, rows, &at)
    if not valued:
        return
    mix.per_unit = f.links.leakage
    rows.values.scale = float_column(kernel, &mix, 0, b.rows, &at)
    mix_of(f, &f.none, USE_PEAK, b.column, &mix)
    mix.per_unit = f.links.quantum[M_AREA]
    rows.values.peak = float_column(kernel, &mix, 0, b.rows, &at)
    rows.values.leaks = f.links.leakage > 0.0


cdef inline void* carve(void** memory, size_t bytes) noexcept nogil:
    """Bytes from a cache line on."""
    cdef size_t at = (<size_t> memory[0] + LINE_BYTES - 1) & ~<size_t> (LINE_BYTES - 1)
    memory[0] = <void*> (at + bytes)
    return <void*> at


cdef inline void place_tile(void** memory, Tile* b) noexcept nogil:
    cdef int k
    for k in range(FLASH_COLUMNS):
        b.column[k] = <double*> carve(memory, SWEEP_STRIDE * sizeof(double))
    b.own = <int32_t*> carve(memory, SWEEP_STRIDE * sizeof(int32_t))


cdef inline size_t size_of_rows(int n_fixed, int n_float) noexcept nogil:
    return SWEEP_STRIDE * (n_fixed * sizeof(int16_t) + n_float * sizeof(float)) + LINE_BYTES


cdef inline int start_sieve(const FixedPoint* f, int valued, void* memory, Sieve* s) noexcept nogil:
    """Room for columns, in MEMORY bytes after the tile's; 0 where memory is short."""
    cdef int classes = f.links.n_steps, i
    cdef size_t each
    s.valued = valued
    s.classes = classes > 0 and (f.leaks or valued or f.place[M_LATENCY] >= 0
                                 or f.place[M_ENERGY] >= 0)
    s.shared.memory = carve(&memory, size_of_rows(SHARED_FIXED + f.n_plain,
                                                   SHARED_FLOATS if valued else 0))
    if not s.classes:
        return 1
    each = size_of_rows(CLASS_FIXED, CLASS_FLOATS if valued else 0)
    s.room = <int> min(classes, KEPT_BYTES // <int64_t> each - 1)
    s.kept = <ClassRows*> calloc(s.room + 1, sizeof(ClassRows))
    s.of = <ClassRows**> calloc(classes, sizeof(ClassRows*))
    if s.kept == NULL or s.of == NULL:
        return 0
    for i in range(s.room + 1):
        s.kept[i].memory = carve(&memory, each)
    return 1


cdef inline void fill_sieve(const FixedPoint* f, const flash_kernels* kernel,
                            Sieve* s) noexcept nogil:
    """The columns of s.tile, as far as no class changes them."""
    cdef const Tile* b = &s.tile
    s.score_per_unit = SCORE_TOP / max(b.high[COL_SCORE] - b.low[COL_SCORE], 1.0)
    make_shared(f, kernel, b, s.valued, s.score_per_unit, &s.shared)
    s.n_kept = 0
    if s.classes:
        memset(s.of, 0, f.links.n_steps * sizeof(ClassRows*))


cdef inline const ClassRows* rows_of_class(const FixedPoint* f, const flash_kernels* kernel,
                                           Sieve* s, int g, int64_t begin,
                                           int64_t end) noexcept nogil:
    """Rows [begin, end) in class g."""
    cdef ClassRows* rows
    cdef void* at
    if not s.classes:
        return &s.shared
    if s.of[g] != NULL:
        return s.of[g]
    rows = &s.kept[s.n_kept]
    rows.sieve = s.shared.sieve
    rows.values = s.shared.values
    if s.n_kept < s.room:
        begin = 0
        end = s.tile.rows
        s.of[g] = rows
        s.n_kept += 1
    at = rows.memory
    make_rows(f, kernel, &s.tile, &f.links.of[g], 1, s.valued, begin & -ALIGNED_ROWS, end, rows,
              &at)
    return rows


cdef inline void drop_sieve(Sieve* s) noexcept nogil:
    free(s.tile.below)
    free(s.kept)
    free(s.of)
