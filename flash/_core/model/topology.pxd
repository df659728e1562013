"""The topology predictor's score of a cell: rows of it beside the columns' prefix sums.

A random path goes back through a cell and at each join takes a channel of those read, all alike.
What it meets on average, with the cell's convolutions and parameters, gives four terms, to which
the strides of the cell are added (see TopologyScore in Python, whose operations these are, in its
order).
"""

from libc.stdint cimport int64_t

from flash._core.kernels.kernels cimport flash_kernels
from flash._core.model.compile cimport TOPOLOGY_TERMS, PlanCell, Work
from flash._core.model.families cimport (
    DENSENET, MOBILENET_V2, Place, convolutions, has_stem, head_convolutions,
    spatial_convolutions,
)


cdef inline void extend_paths(const Place* at, const int64_t* skip, int64_t layer, Work* work,
                              int64_t lines) noexcept nogil:
    """Expected convolutions up to this layer of a concatenation cell, for each of its caps."""
    cdef double w = <double> at.width, links, before = <double> (layer - 1)
    cdef int64_t j, most = at.width * (layer - 1)
    for j in range(lines):
        if layer < 2:
            work.earlier[j] = 0.0
            work.previous[j] = 1.0
            work.path[j] = <double> (layer + 1)
            continue
        work.earlier[j] += work.previous[j]
        work.previous[j] = work.path[j]
        links = <double> (skip[j] if skip[j] < most else most)
        work.path[j] = 1.0 + (w * work.path[j] + links * (work.earlier[j] / before)) / (w + links)


cdef inline double strides_of(const Place* at) noexcept nogil:
    """How often the map is halved, the stem's strides with the first cell's."""
    cdef double count = 1.0 if at.stride > 1 else 0.0
    if at.first and at.imagenet:
        count += 1.0 if at.family == MOBILENET_V2 else 2.0   # a convolution, and a pool
    return count


cdef inline void score_rows(const flash_kernels* kernel, const Place* at, const PlanCell* cell,
                            const int64_t* skip, int64_t depth, Work* work, int64_t lines,
                            const double* params, double* out) noexcept nogil:
    """The rows of one depth, in the score's units."""
    cdef int64_t j, step = cell.n_expansions * cell.n_kernels, expansion, kept
    cdef double stem = 1.0 if at.first and has_stem(at) else 0.0
    cdef double tail = head_convolutions(at) if at.last else 0.0
    cdef double path, each = 0.0, wide = 0.0, blocks
    cdef double[TOPOLOGY_TERMS] terms
    cdef double* deep = work.deep
    cdef double* spatial = work.spatial
    cdef double* count = work.count
    blocks = <double> (depth - (0 if at.stride == 1 and at.before == at.width else 1))
    for j in range(lines):
        if at.family == DENSENET:
            deep[j] = work.path[j] + stem
            spatial[j] = deep[j]
            count[j] = <double> depth + stem
            continue
        kept = skip[j // step]
        kept = kept if kept < at.width else at.width
        path = <double> depth - blocks * (0.5 * (<double> kept / <double> at.width))
        if step > 1 or j == 0:   # else the lines' blocks are alike
            expansion = cell.expansion[j // cell.n_kernels % cell.n_expansions]
            each = convolutions(at, 1, expansion)
            wide = spatial_convolutions(at, cell.kernel[j % cell.n_kernels])
        deep[j] = each * path + stem + tail
        spatial[j] = wide * path + stem
        count[j] = each * <double> depth + stem + tail
    for j in range(TOPOLOGY_TERMS):
        terms[j] = work.terms[j]
    terms[TOPOLOGY_TERMS - 1] *= strides_of(at)
    kernel.topology(lines, deep, spatial, count, params, terms, out)
