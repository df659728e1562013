"""Tiles: rows that many combinations of the other cells share, sorted by scale.

A variant's cells are parted into inner and outer ones. A tile holds all combinations of the inner
cells' rows, or of a part of one of them; a sweep streams it past every combination of the outer
cells' rows. Where the class depends on the scale, cells whose scale varies least are inner: then a
tile falls into few classes. The rows of the last outer cell are taken by scale, too: one
combination after the other then meets the same classes, whose columns are in the caches.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from flash._core.kernels.kernels cimport SWEEP_ROWS
from flash._core.tables.problem cimport (
    COL_SCALE, FLASH_COLUMNS, N_CELLS, N_COLUMNS, flash_cell, flash_class_of, flash_joined,
    flash_state_of,
    flash_links, flash_problem, flash_variant,
)


cdef enum:
    FEW_ROWS = 1024     # rows of a tile; with fewer, a cell is parted
    SCALES = 1 << 20     # scales up to it are looked up


cdef struct Layout:
    const flash_variant* v
    int n_outer, n_inner
    int outer[N_CELLS]
    int inner[N_CELLS]
    int parted           # the inner cell of which a tile has a part; -1: none
    int64_t part_rows
    int64_t parts
    int64_t incoming     # groups that may come in to the first inner cell: widths, or where it has
    const flash_cell* before     # a boundary, states of the cell before it (else NULL)
    int64_t rows         # of a whole tile
    double outer_count   # combinations of the outer cells


cdef struct Tile:           # its columns and `own` have room for SWEEP_STRIDE numbers each
    int64_t rows
    int32_t* own             # position -> combination, in the sorted order
    double* column[N_COLUMNS]        # totals of the inner cells' rows
    double low[N_COLUMNS]
    double high[N_COLUMNS]
    int sorted
    int32_t* below           # below[s]: rows whose scale is at most s; where they are sorted


cdef struct Last:        # the rows of the last outer cell, for each width that may come in
    int64_t rows
    int32_t* row         # of the table, sorted by scale
    double* total        # N_COLUMNS numbers a row
    int32_t* below


cdef inline int64_t own_rows(const flash_cell* cell) noexcept nogil:
    """Rows of the search space: a table row is one of them, for one width that comes in."""
    return cell.rows // cell.incoming if cell.incoming > 1 else cell.rows


cdef inline int64_t own_width(const flash_cell* cell, int64_t row) noexcept nogil:
    cdef int64_t widths = cell.states
    if cell.incoming <= 1 and cell.states <= 1:
        return 0
    if cell.classes != 1:
        widths //= cell.classes
    return row // (cell.rows // widths)


cdef inline int is_coupled(const flash_variant* v) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].incoming > 1 or v.cells[c].joined:
            return 1
    return 0


cdef inline int is_joined(const flash_variant* v) noexcept nogil:
    cdef int c
    for c in range(v.n_cells):
        if v.cells[c].joined:
            return 1
    return 0


cdef inline void let_in(Layout* l, int c) noexcept nogil:
    """Cell c is the first inner one: what may come in to it."""
    l.before = NULL
    l.incoming = max(1, l.v.cells[c].incoming)
    if c and l.v.cells[c].joined:
        l.before = &l.v.cells[c - 1]
        l.incoming = l.before.states


cdef inline int64_t width_of(const Layout* l, int64_t group) noexcept nogil:
    """The width that comes in with a group."""
    if l.before == NULL:
        return group
    return (group // l.before.classes
            % (l.before.states // l.before.classes // max(1, l.before.incoming)))


cdef inline int64_t group_of(const Layout* l, const flash_cell* cell, int64_t own,
                             int64_t row) noexcept nogil:
    """The group that the last outer cell hands on; own, row: of the space and of the table."""
    return own_width(cell, own) if l.before == NULL else flash_state_of(cell, row)


cdef inline void lay_out(const flash_problem* problem, int variant, Layout* l) noexcept nogil:
    cdef const flash_variant* v = &problem.variants[variant]
    cdef int order[N_CELLS]
    cdef double key[N_CELLS]
    cdef double spare
    cdef int c, j, taken, coupled = is_coupled(v)
    cdef int is_inner[N_CELLS]
    cdef int64_t rows
    l.v = v
    for c in range(v.n_cells):
        is_inner[c] = 0
        order[c] = c
        if coupled:
            key[c] = -<double> c
        elif problem.links.n_steps:
            key[c] = v.cells[c].high[COL_SCALE] - v.cells[c].low[COL_SCALE]
        else:
            key[c] = -<double> v.cells[c].rows
        j = c
        while j and key[j] < key[j - 1]:
            order[j], order[j - 1] = order[j - 1], order[j]
            spare = key[j]
            key[j] = key[j - 1]
            key[j - 1] = spare
            j -= 1
    l.rows = 1
    l.parted = -1
    l.parts = 1
    l.part_rows = 0
    l.incoming = 1
    l.before = NULL
    for taken in range(v.n_cells):
        c = order[taken]
        rows = own_rows(&v.cells[c])
        if l.rows * rows <= SWEEP_ROWS:
            l.rows *= rows
            is_inner[c] = 1
            if coupled:
                let_in(l, c)
            continue
        if l.rows < FEW_ROWS:
            is_inner[c] = 1
            l.parted = c
            l.part_rows = SWEEP_ROWS // l.rows
            l.parts = (rows + l.part_rows - 1) // l.part_rows
            l.part_rows = (rows + l.parts - 1) // l.parts   # parts alike
            l.parts = (rows + l.part_rows - 1) // l.part_rows
            l.rows *= l.part_rows
            if coupled:
                let_in(l, c)
        break
    l.n_outer = l.n_inner = 0
    l.outer_count = 1.0
    for c in range(v.n_cells):
        if is_inner[c]:
            l.inner[l.n_inner] = c
            l.n_inner += 1
        else:
            l.outer[l.n_outer] = c
            l.n_outer += 1
            l.outer_count *= <double> own_rows(&v.cells[c])


cdef inline int64_t rows_in_part(const Layout* l, int c, int64_t part) noexcept nogil:
    cdef int64_t rows = own_rows(&l.v.cells[c])
    if c != l.parted:
        return rows
    return min(l.part_rows, rows - part * l.part_rows)


cdef inline void inner_rows(const Layout* l, int64_t part, int64_t width, int64_t combination,
                            int32_t* row) noexcept nogil:
    """The table rows of the inner cells; width: the group that comes in."""
    cdef int j, c
    cdef int64_t n, own
    width = width_of(l, width)
    for j in range(l.n_inner - 1, -1, -1):
        c = l.inner[j]
        n = rows_in_part(l, c, part)
        row[c] = <int32_t> (combination % n + (part * l.part_rows if c == l.parted else 0))
        combination //= n
    for j in range(l.n_inner):
        c = l.inner[j]
        if l.v.cells[c].incoming > 1:
            own = row[c]
            row[c] = <int32_t> (own + width * own_rows(&l.v.cells[c]))
            width = own_width(&l.v.cells[c], own)
        elif l.v.cells[c].states > 1:
            width = own_width(&l.v.cells[c], row[c])


cdef inline int is_sorted(const flash_problem* problem) noexcept nogil:
    """Whether rows are sorted by scale: where metrics depend on it not by leakage alone."""
    if not problem.present >> COL_SCALE & 1:
        return 0
    return problem.links.n_steps > 0 or problem.links.area_per_scale > 0.0


cdef inline int sort_by_scale(int64_t n, const double* scale, int32_t* own,
                              int32_t** below) noexcept nogil:
    """Positions in the order of their scale, and how many there are up to each scale (in memory
    that was allocated before, or NULL); 0 where memory is short."""
    cdef int64_t i, s, most = 0
    for i in range(n):
        most = max(most, <int64_t> scale[i])
    free(below[0])
    below[0] = <int32_t*> calloc(most + 3, sizeof(int32_t))
    if below[0] == NULL:
        return 0
    for i in range(n):
        below[0][<int64_t> scale[i] + 1] += 1
    for s in range(1, most + 3):
        below[0][s] += below[0][s - 1]
    for i in range(n):
        s = <int64_t> scale[i]
        own[below[0][s]] = <int32_t> i
        below[0][s] += 1          # afterwards below[s] is what is at most s
    return 1


cdef inline void add_boundary(const Layout* l, int j, int k, const int32_t* row, int64_t group,
                              Tile* tile) noexcept nogil:
    """Adds what lies between an inner cell and the one before it."""
    cdef const flash_cell* cell = &l.v.cells[l.inner[j]]
    cdef double* out = tile.column[k]
    cdef int64_t n = tile.rows, i, at = group
    if cell.boundary[k] == NULL:
        return
    for i in range(n):
        if j:
            at = flash_state_of(cell - 1, row[(j - 1) * n + tile.own[i]])
        out[i] += cell.boundary[k][at * cell.states
                                   + flash_state_of(cell, row[j * n + tile.own[i]])]


cdef inline void total_column(const Layout* l, int k, const int32_t* row, int64_t group,
                              Tile* tile) noexcept nogil:
    """A column: its totals over the inner cells. row: the cells' rows of each combination; group:
    what comes in."""
    cdef const double* column
    cdef double* out = tile.column[k]
    cdef int64_t n = tile.rows, i
    cdef int j
    for j in range(l.n_inner):
        column = l.v.cells[l.inner[j]].column[k]
        if column == NULL or not j:
            memset(out, 0, n * sizeof(double))
        if column == NULL:
            break
        for i in range(n):
            out[i] = flash_joined(k, out[i], column[row[j * n + tile.own[i]]])
        add_boundary(l, j, k, row, group if l.before != NULL else 0, tile)
    tile.low[k] = INFINITY
    tile.high[k] = -INFINITY
    for i in range(n):
        tile.low[k] = min(tile.low[k], out[i])
        tile.high[k] = max(tile.high[k], out[i])


cdef inline int fill_tile(const Layout* l, int64_t part, int64_t width, int by_scale,
                          Tile* tile) noexcept nogil:
    """A tile's rows; 0 where memory is short."""
    cdef int64_t n = 1, i
    cdef int j, k, done = 1
    cdef int32_t own[N_CELLS]
    cdef int32_t* row
    for j in range(l.n_inner):
        n *= rows_in_part(l, l.inner[j], part)
    tile.rows = n
    row = <int32_t*> malloc((l.n_inner * n + 1) * sizeof(int32_t))
    if row == NULL:
        return 0
    for i in range(n):
        tile.own[i] = <int32_t> i
        inner_rows(l, part, width, i, own)
        for j in range(l.n_inner):
            row[j * n + i] = own[l.inner[j]]
    tile.sorted = 0
    if by_scale:
        total_column(l, COL_SCALE, row, width, tile)
        tile.sorted = tile.high[COL_SCALE] < SCALES
    if tile.sorted:
        done = sort_by_scale(n, tile.column[COL_SCALE], tile.own, &tile.below)
    for k in range(FLASH_COLUMNS if done else 0):
        total_column(l, k, row, width, tile)
    free(row)
    return done


cdef inline int take_last(const Layout* l, int by_scale, Last* last) noexcept nogil:
    """The last outer cell's rows, if there is one; 0 where memory is short."""
    cdef const flash_cell* cell
    cdef int64_t n, i, width
    cdef int32_t* own
    cdef int k
    memset(last, 0, sizeof(Last))
    if not l.n_outer:
        return 1
    cell = &l.v.cells[l.outer[l.n_outer - 1]]
    n = last.rows = own_rows(cell)
    last.row = <int32_t*> malloc(cell.rows * sizeof(int32_t))
    last.total = <double*> calloc(N_COLUMNS * cell.rows, sizeof(double))
    if last.row == NULL or last.total == NULL:
        return 0
    for width in range(cell.rows // n):
        own = last.row + width * n
        for i in range(n):
            own[i] = <int32_t> i
        if by_scale and cell.high[COL_SCALE] < SCALES:
            if not sort_by_scale(n, cell.column[COL_SCALE] + width * n, own, &last.below):
                return 0
        for i in range(n):
            own[i] += <int32_t> (width * n)
            for k in range(FLASH_COLUMNS):
                if cell.column[k] != NULL:
                    last.total[N_COLUMNS * (width * n + i) + k] = cell.column[k][own[i]]
    return 1


cdef inline void drop_last(Last* last) noexcept nogil:
    free(last.row)
    free(last.total)
    free(last.below)


cdef inline int64_t at_most(const Tile* tile, double scale) noexcept nogil:
    """How many of the first rows have at most this scale; rows are sorted by it."""
    if scale < 0.0:
        return 0
    if scale >= tile.high[COL_SCALE]:
        return tile.rows
    return tile.below[<int64_t> scale]


cdef struct Piece:           # rows [begin, end) of a tile, which are in one class
    int64_t begin, end
    int g
    double most              # no scale of them is above it


cdef inline void next_piece(const flash_links* links, const Tile* tile, double scale,
                            Piece* piece) noexcept nogil:
    """The rows from the end of a piece on that are in one class with cells of this scale."""
    piece.begin = piece.end
    piece.end = tile.rows
    piece.most = tile.high[COL_SCALE]
    piece.g = 0
    if not links.n_steps:
        return
    piece.g = flash_class_of(links, scale + tile.column[COL_SCALE][piece.begin])
    if not tile.sorted:
        piece.end = piece.begin + 1
    elif piece.g < links.n_steps - 1:
        piece.most = min(piece.most, links.scale_max[piece.g] - scale)
        piece.end = at_most(tile, piece.most)
