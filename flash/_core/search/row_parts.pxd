"""The last cell's rows as the sifting kernels take them, and what the other cells cost already."""

from libc.stdint cimport int64_t
from libc.string cimport memset

from flash._core.kernels.kernels cimport (
    FLASH_PARTS, N_PARTS, PART_AREA, PART_ENERGY, PART_LATENCY, PART_LEAK, PART_LEAKAGE,
    PART_LEAK_IN, PART_PEAK, PART_SCORE, flash_parts,
)
from flash._core.search.tolerances cimport PART_SLACK
from flash._core.tables.problem cimport (
    COL_AREA, COL_ENERGY, COL_LATENCY, COL_LEAK, COL_LEAK_IN, COL_PEAK, COL_SCALE, COL_SCORE,
    FLASH_COLUMNS, M_AREA, M_ENERGY, M_LATENCY, M_SCORE, N_COLUMNS, flash_class_of, flash_links,
    flash_query,
)


cdef enum:
    PRODUCT_METRICS = 4  # that count in a product which is sifted: score, latency, energy, area
    KINDS = 3            # of a cost: what no class scales, its inputs, its outputs


cdef inline void row_parts(const flash_links* links, double* const* column, int64_t i,
                           int64_t stride, double* to) noexcept nogil:
    """A row's parts, `stride` numbers apart, in the metrics' units."""
    cdef double x[N_COLUMNS]
    cdef double own[N_PARTS]
    cdef int k
    for k in range(FLASH_COLUMNS):
        x[k] = column[k][i] if column[k] != NULL else 0.0
    parts_of_totals(links, x, own)
    for k in range(FLASH_PARTS):
        to[k * stride] = own[k]


cdef inline void parts_of_totals(const flash_links* links, const double* x,
                                 double* own) noexcept nogil:
    """Totals of some cells as parts."""
    cdef double ms = links.quantum[M_LATENCY], mj = links.quantum[M_ENERGY]
    cdef int k
    own[PART_SCORE] = links.quantum[M_SCORE] * x[COL_SCORE]
    for k in range(KINDS):
        own[PART_LATENCY + k] = ms * x[COL_LATENCY + k]
        own[PART_ENERGY + k] = mj * x[COL_ENERGY + k]
    own[PART_LEAK] = ms * x[COL_LEAK]
    own[PART_LEAK_IN] = ms * x[COL_LEAK_IN]
    own[PART_LEAKAGE] = links.leakage * x[COL_SCALE]
    own[PART_AREA] = links.quantum[M_AREA] * x[COL_AREA] + links.area_per_scale * x[COL_SCALE]
    own[PART_PEAK] = links.quantum[M_AREA] * x[COL_PEAK]


cdef inline void parts_of(const flash_links* links, const flash_query* q, const double* x,
                          double least_scale, flash_parts* p) noexcept nogil:
    """What totals x of the other cells leave, with the factors of the class that the last cell's
    least scale makes; budgets are outward by what sums in another order may round."""
    cdef int k
    parts_of_totals(links, x, p.own)
    memset(&p.of, 0, sizeof(p.of))
    if links.n_steps:
        p.of = links.of[flash_class_of(links, x[COL_SCALE] + least_scale)]
    p.own[PART_AREA] += p.of.area
    p.max_latency = q.maximum[M_LATENCY] * (1.0 + PART_SLACK)
    p.max_energy = q.maximum[M_ENERGY] * (1.0 + PART_SLACK)
    p.max_area = q.maximum[M_AREA] * (1.0 + PART_SLACK)
    for k in range(PRODUCT_METRICS):
        p.exponent[k] = q.exponent[k]
