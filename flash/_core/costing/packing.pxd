"""Tables laid out for batches: a row is one cache line wherever it can be, and the class one
look-up."""

from libc.math cimport frexp, log
from libc.stdint cimport int16_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy, memset

from flash._core.kernels.kernels cimport (
    FOLD_ENERGY, FOLD_ENERGY_IN, FOLD_LATENCY, FOLD_LATENCY_IN, FOLD_LEAK, FOLD_LEAK_IN,
    FOLD_NUMBERS, FOLD_PEAK, FOLD_SCORE, N_FOLDED, PACK_DIRECT, PACK_FEW, PACK_FOLDED, PACK_LINE,
    PACK_PLAIN, PACK_WIDE, PLACES_CELLS, SPLIT_ENERGY_OUT, SPLIT_LATENCY_OUT, SPLIT_MACS,
    flash_kernels, flash_packed, flash_places,
)
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_ENERGY_IN, COL_ENERGY_OUT, COL_LATENCY, COL_LATENCY_IN,
    COL_LATENCY_OUT, COL_LEAK, COL_LEAK_IN, COL_MACS, COL_PARAMS, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, FLASH_MAX_CELLS, M_MACS, M_PARAMS, N_CELLS, N_COLUMNS, flash_cell,
    flash_class_of, flash_joined, flash_links, flash_problem, flash_variant,
)
from flash._core.tables.tables cimport Tables, kernels


cdef extern from * nogil:
    """
    #define MOST_EXACT 9007199254740992.0 /* 2^53: integers up to it are doubles */
    #define LEAST_FOLD 4.0 /* so that what is folded, over it, is below 2^51: kernels round that */
    """
    const double MOST_EXACT
    const double LEAST_FOLD


cdef enum:
    WORTHWHILE = 4           # rows per configuration at which packing pays
    MAX_NUMBERS = 1 << 30    # places are 32-bit
    FAR = 1 << 16            # numbers that a core's own caches hold
    MAX_BUCKETS = 1 << 14    # of scales beyond the first few thousand
    MAX_BITS = 52            # of a folded column: kernels make doubles of its totals
    MAX_COARSE = 12          # a bucket of scales has at most 2^12
    LAST_ROWS = 12           # configurations whose rows are copied: see all_of


cdef struct Extents:         # of the totals of all variants
    double low[N_COLUMNS]
    double high[N_COLUMNS]


cdef inline const flash_packed* packed(Tables tables, int64_t n):
    """The packed tables, kept with them; NULL where n more configurations are too few to pay for
    them, or where they cannot be: boundaries, or classes too close together."""
    cdef int64_t lines = 1
    cdef int c, t
    if tables.packed == NULL and not tables.unpackable:
        for t in range(tables.problem.n_variants):
            for c in range(tables.problem.variants[t].n_cells):
                lines += tables.problem.variants[t].cells[c].rows
        tables.evaluated += n
        if tables.evaluated >= lines // WORTHWHILE:
            pack_tables(tables, lines)
    return tables.packed


cdef inline bint choose_layout(const flash_problem* problem, Extents* x,
                               flash_packed* p) noexcept nogil:
    """Chooses the layout; whether there is one."""
    cdef const flash_links* links = &problem.links
    cdef bint scaled
    cdef int c, k, t
    memset(p, 0, sizeof(flash_packed))
    for t in range(problem.n_variants):
        p.n_cells = max(p.n_cells, problem.variants[t].n_cells)
        for c in range(problem.variants[t].n_cells):
            if problem.variants[t].cells[c].joined:
                return False
    p.n_variants = problem.n_variants
    p.links = links
    extents(problem, x)
    for k in range(PACK_LINE):
        p.summed[k] = ~<uint64_t> 0
    if links.n_steps:
        p.coarse = buckets(links, x.high[COL_SCALE])
        if p.coarse < 0 or x.low[COL_SCALE] < 0.0:
            return False
        p.layout = PACK_FOLDED if folds(problem, x, p) else PACK_WIDE
    else:
        scaled = some(x, COL_SCALE) and (links.leakage != 0.0 or links.area_per_scale != 0.0)
        if some(x, COL_PEAK):
            p.layout = PACK_WIDE
        elif scaled or some(x, COL_ENERGY) or some(x, COL_AREA):
            p.layout = PACK_PLAIN if folds_scale(x, p) else PACK_WIDE
        else:
            p.layout = PACK_FEW
    p.shift = 4 if p.layout == PACK_WIDE else 2 if p.layout == PACK_FEW else 3
    if p.layout == PACK_WIDE:
        p.summed[COL_PEAK % PACK_LINE] = 0
    return True


cdef inline bint some(const Extents* x, int column) noexcept nogil:
    return x.low[column] != 0.0 or x.high[column] != 0.0


cdef inline void extents(const flash_problem* problem, Extents* x) noexcept nogil:
    cdef const flash_variant* v
    cdef double low, high
    cdef int c, k, t
    for t in range(problem.n_variants):
        v = &problem.variants[t]
        for k in range(FLASH_COLUMNS):
            low = high = v.constant[k]
            if problem.present >> k & 1:
                for c in range(v.n_cells):
                    low = flash_joined(k, low, v.cells[c].low[k])
                    high = flash_joined(k, high, v.cells[c].high[k])
            x.low[k] = min(low, x.low[k]) if t else low
            x.high[k] = max(high, x.high[k]) if t else high


cdef inline int buckets(const flash_links* links, double scale) noexcept nogil:
    """The power of two of the classes' buckets, each of at most two classes; -1 where none fits."""
    cdef int k
    for k in range(MAX_COARSE, -1, -1):
        if scale / <double> (<int64_t> 1 << k) < MAX_BUCKETS and separate(links, k, scale):
            return k
    return -1


cdef inline bint separate(const flash_links* links, int coarse, double scale) noexcept nogil:
    """Whether no bucket of scales holds more than two classes."""
    cdef int64_t s = PACK_DIRECT >> coarse << coarse
    while <double> s <= scale:
        if (flash_class_of(links, <double> (s + (<int64_t> 1 << coarse) - 1))
                > flash_class_of(links, <double> s) + 1):
            return False
        s += <int64_t> 1 << coarse
    return True


cdef inline bint folds_scale(const Extents* x, flash_packed* p) noexcept nogil:
    """Whether a double holds parameters and scale."""
    p.fold = LEAST_FOLD
    while p.fold <= 2.0 * x.high[COL_SCALE]:
        p.fold *= 2.0
    p.unfold = 1.0 / p.fold
    return (x.low[COL_SCALE] >= 0.0 and x.low[COL_PARAMS] >= 0.0
            and (x.high[COL_PARAMS] + 1.0) * p.fold <= MOST_EXACT)


cdef inline int bits(double x) noexcept nogil:
    """Of an integer that is not negative; at least one."""
    cdef int n
    frexp(x, &n)
    return max(1, n)


cdef inline bint folds(const flash_problem* problem, const Extents* x,
                       flash_packed* p) noexcept nogil:
    """Whether eight integers hold the totals, and where they do."""
    cdef double[2] leaks                     # of latency, of the inputs' latency
    cdef double[N_FOLDED] above
    cdef int k, t
    if some(x, COL_AREA) or not leaks_beyond(problem, leaks):
        return False
    for k in range(FLASH_COLUMNS):
        if bits(x.high[k] - (x.low[k] if k == COL_SCORE else 0.0)) > MAX_BITS:
            return False
        for t in range(problem.n_variants):
            if k != COL_SCORE and problem.variants[t].constant[k] < 0.0:
                return False
    if (bits(x.high[COL_LATENCY] + leaks[0]) > MAX_BITS
            or bits(x.high[COL_LATENCY_IN] + leaks[1]) > MAX_BITS):
        return False
    p.base = x.low[COL_SCORE]
    above[FOLD_SCORE] = x.high[COL_SCORE] - p.base
    above[FOLD_LATENCY] = x.high[COL_LATENCY]
    above[FOLD_ENERGY] = x.high[COL_ENERGY]
    above[FOLD_LATENCY_IN] = x.high[COL_LATENCY_IN]
    above[FOLD_ENERGY_IN] = x.high[COL_ENERGY_IN]
    above[FOLD_LEAK] = leaks[0]
    above[FOLD_LEAK_IN] = leaks[1]
    above[FOLD_PEAK] = x.high[COL_PEAK]
    for k in range(FOLD_NUMBERS):
        # peaks are compared as signed integers
        p.cut[k] = 64 - bits(above[k]) - (k == FOLD_PEAK)
        p.below[k] = (<uint64_t> 1 << p.cut[k]) - 1
    p.summed[FOLD_PEAK] = p.below[FOLD_PEAK]
    return (bits(x.high[COL_SCALE]) <= <int> p.cut[FOLD_LEAK]
            and bits(x.high[COL_PARAMS]) <= <int> p.cut[FOLD_LEAK_IN]
            and splits(p, SPLIT_LATENCY_OUT, FOLD_LATENCY, FOLD_ENERGY_IN, x.high[COL_LATENCY_OUT])
            and splits(p, SPLIT_ENERGY_OUT, FOLD_SCORE, FOLD_LATENCY_IN, x.high[COL_ENERGY_OUT])
            and splits(p, SPLIT_MACS, FOLD_ENERGY, FOLD_PEAK, x.high[COL_MACS]))


cdef inline bint splits(flash_packed* p, int which, int high, int low, double total) noexcept nogil:
    """Whether two numbers' room below their cuts holds a column: all its cells' low parts, and what
    they leave."""
    cdef int split = min(MAX_BITS, <int> p.cut[low] - bits(<double> (p.n_cells - 1)))
    p.split[which] = split
    return split >= 0 and bits(total) - split <= <int> p.cut[high]


cdef inline bint leaks_beyond(const flash_problem* problem, double* most) noexcept nogil:
    """How much more leaks than the latencies tell, at most; False where it is less. Where there is
    no leakage it is nothing."""
    cdef const flash_variant* v
    cdef double total, least, high
    cdef int c, j, k, t
    for j in range(2):
        k = COL_LATENCY_IN if j else COL_LATENCY
        most[j] = 0.0
        for t in range(problem.n_variants if problem.links.leakage != 0.0 else 0):
            v = &problem.variants[t]
            total = least = v.constant[leaking(k)] - v.constant[k]
            for c in range(v.n_cells):
                high = 0.0
                beyond(&v.cells[c], leaking(k), k, &least, &high)
                total += high
            if least < 0.0:
                return False
            most[j] = max(most[j], total)
    return True


cdef inline void beyond(const flash_cell* cell, int column, int other, double* least,
                        double* most) noexcept nogil:
    """The extremes of the differences of two columns, and of what there is already."""
    cdef double low = least[0], high = most[0], own
    cdef int64_t i
    for i in range(cell.rows):
        own = number(cell, column, i) - number(cell, other, i)
        low = own if own < low else low
        high = own if own > high else high
    least[0] = low
    most[0] = high


cdef inline int leaking(int latency) noexcept nogil:
    return COL_LEAK if latency == COL_LATENCY else COL_LEAK_IN


cdef inline double number(const flash_cell* cell, int column, int64_t row) noexcept nogil:
    return cell.column[column][row] if cell.column[column] != NULL else 0.0


cdef inline void pack_tables(Tables tables, int64_t lines) noexcept nogil:
    cdef const flash_problem* problem = &tables.problem
    cdef const flash_links* links = &problem.links
    cdef Extents x
    cdef flash_packed planned
    cdef flash_packed* p
    cdef flash_places* part
    cdef flash_places* own
    cdef double* line
    cdef int16_t* class_at
    cdef int64_t s, scales = 0, n_coarse = 0
    cdef int c, t, groups
    cdef size_t size
    if (kernels().from_tables == NULL or not choose_layout(problem, &x, &planned)
            or lines > MAX_NUMBERS >> planned.shift):
        tables.unpackable = True
        return
    if links.n_steps:
        scales = min(PACK_DIRECT, <int64_t> x.high[COL_SCALE] + 1)
        n_coarse = (<int64_t> x.high[COL_SCALE] >> planned.coarse) + 1
    groups = (planned.n_cells + PLACES_CELLS - 1) // PLACES_CELLS
    size = (lines << planned.shift) * sizeof(double) + sizeof(flash_packed)
    size += problem.n_variants * groups * sizeof(flash_places)
    size += (PACK_DIRECT + n_coarse) * sizeof(int16_t)
    tables.packing = calloc(1, size + PACK_LINE * sizeof(double))
    if tables.packing == NULL:
        return
    line = <double*> ((<size_t> tables.packing + 63) & ~<size_t> 63)
    p = <flash_packed*> (line + (lines << planned.shift))
    part = <flash_places*> (p + 1)
    class_at = <int16_t*> (part + problem.n_variants * groups)
    memcpy(p, &planned, sizeof(flash_packed))
    p.memory = line
    p.part = part
    p.far = lines << p.shift > FAR
    p.class_at = class_at
    for s in range(scales):
        class_at[s] = flash_class_of(links, <double> s)
    for s in range(n_coarse):
        class_at[PACK_DIRECT + s] = flash_class_of(links, <double> (s << p.coarse))
    s = 1
    for t in range(problem.n_variants):
        for c in range(problem.variants[t].n_cells):
            own = part + t * groups + c // PLACES_CELLS
            own.first[c % PLACES_CELLS] = s << p.shift
            own.limit[c % PLACES_CELLS] = problem.variants[t].cells[c].rows
            own.need[c % PLACES_CELLS] = -1
            side_by_side(p, &problem.variants[t], c, line + (s << p.shift))
            s += problem.variants[t].cells[c].rows
    tables.packed = p


cdef inline void side_by_side(const flash_packed* p, const flash_variant* v, int c,
                              double* line) noexcept nogil:
    """The lines of a cell's rows; the first cell's hold the constants too."""
    cdef const flash_cell* cell = &v.cells[c]
    cdef double[N_COLUMNS] constant
    cdef double[N_COLUMNS] x
    cdef int64_t i
    cdef int k
    for k in range(FLASH_COLUMNS):
        constant[k] = 0.0 if c else v.constant[k]
    if p.layout == PACK_FOLDED:      # scores are told from the least ones, of which `base` is left
        constant[COL_SCORE] = -cell.low[COL_SCORE]
        if c == 0:
            constant[COL_SCORE] = v.constant[COL_SCORE] - p.base
            for k in range(1, v.n_cells):
                constant[COL_SCORE] += v.cells[k].low[COL_SCORE]
    for i in range(cell.rows):
        for k in range(FLASH_COLUMNS):
            x[k] = constant[k] + number(cell, k, i)
        if p.layout == PACK_FOLDED:
            fold(p, x, <uint64_t*> line)
        elif p.layout == PACK_WIDE:
            memcpy(line, x, sizeof(x))
        else:
            line[0] = x[COL_SCORE]
            line[1] = x[COL_LATENCY]
            line[2] = x[COL_PARAMS]
            line[3] = x[COL_MACS]
        if p.layout == PACK_PLAIN:
            line[2] = x[COL_PARAMS] * p.fold + x[COL_SCALE]
            line[4] = x[COL_ENERGY]
            line[5] = x[COL_LEAK]
            line[6] = x[COL_AREA]
        line += 1 << p.shift


cdef inline void fold(const flash_packed* p, const double* x, uint64_t* line) noexcept nogil:
    """A row as integers of two columns each."""
    cdef bint leaks = p.links.leakage != 0.0
    line[FOLD_SCORE] = above(p, FOLD_SCORE, x[COL_SCORE])
    line[FOLD_SCORE] |= high(p, SPLIT_ENERGY_OUT, x[COL_ENERGY_OUT])
    line[FOLD_LATENCY] = above(p, FOLD_LATENCY, x[COL_LATENCY])
    line[FOLD_LATENCY] |= high(p, SPLIT_LATENCY_OUT, x[COL_LATENCY_OUT])
    line[FOLD_ENERGY] = above(p, FOLD_ENERGY, x[COL_ENERGY])
    line[FOLD_ENERGY] |= high(p, SPLIT_MACS, x[COL_MACS])
    line[FOLD_LATENCY_IN] = above(p, FOLD_LATENCY_IN, x[COL_LATENCY_IN])
    line[FOLD_LATENCY_IN] |= low(p, SPLIT_ENERGY_OUT, x[COL_ENERGY_OUT])
    line[FOLD_ENERGY_IN] = above(p, FOLD_ENERGY_IN, x[COL_ENERGY_IN])
    line[FOLD_ENERGY_IN] |= low(p, SPLIT_LATENCY_OUT, x[COL_LATENCY_OUT])
    line[FOLD_LEAK] = above(p, FOLD_LEAK, x[COL_LEAK] - x[COL_LATENCY] if leaks else 0.0)
    line[FOLD_LEAK] |= <uint64_t> x[COL_SCALE]
    line[FOLD_LEAK_IN] = above(p, FOLD_LEAK_IN,
                               x[COL_LEAK_IN] - x[COL_LATENCY_IN] if leaks else 0.0)
    line[FOLD_LEAK_IN] |= <uint64_t> x[COL_PARAMS]
    line[FOLD_PEAK] = above(p, FOLD_PEAK, x[COL_PEAK])
    line[FOLD_PEAK] |= low(p, SPLIT_MACS, x[COL_MACS])


cdef inline uint64_t above(const flash_packed* p, int number, double x) noexcept nogil:
    return <uint64_t> x << p.cut[number]


cdef inline uint64_t high(const flash_packed* p, int which, double x) noexcept nogil:
    return <uint64_t> x >> p.split[which]


cdef inline uint64_t low(const flash_packed* p, int which, double x) noexcept nogil:
    return <uint64_t> x & ((<uint64_t> 1 << p.split[which]) - 1)


cdef inline void add_logarithms(const flash_links* links, Py_ssize_t n, Py_ssize_t plane,
                                double* out) noexcept nogil:
    """What flash_metrics adds to the scores, in its order."""
    cdef Py_ssize_t i
    if links.log_macs != 0.0:
        for i in range(n):
            out[i] += links.log_macs * log(out[M_MACS * plane + i])
    if links.log_params != 0.0:
        for i in range(n):
            out[i] += links.log_params * log(out[M_PARAMS * plane + i])


cdef inline int all_of(const flash_kernels* kernel, const flash_packed* pack, Py_ssize_t n,
                       const int32_t* variant, const int32_t* row, Py_ssize_t width,
                       Py_ssize_t plane, double* out) noexcept nogil:
    """Whether a configuration is out of range. The last ones' rows are copied: a kernel reads
    whole vectors of them."""
    cdef int32_t rows[LAST_ROWS * N_CELLS]
    cdef Py_ssize_t i, whole = (n - 8) & ~3 if n > 8 else 0
    for i in range(whole, n):
        memcpy(rows + (i - whole) * FLASH_MAX_CELLS, row + i * width,
               pack.n_cells * sizeof(int32_t))
    return (kernel.from_tables(pack, whole, variant, row, width, plane, out)
            | kernel.from_tables(pack, n - whole, variant + whole, rows, FLASH_MAX_CELLS, plane,
                                 out + whole))
