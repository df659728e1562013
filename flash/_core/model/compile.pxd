"""Plans and cost models for the modules that evaluate them layer by layer."""

from libc.stdint cimport int32_t, int64_t

from flash._core.model.operations cimport CostModel
from flash._core.tables.problem cimport N_COLUMNS


cdef struct PlanCell:
    int64_t stride
    int64_t n_widths, n_depths, n_skips, n_expansions, n_kernels
    int64_t deepest
    const int64_t* width
    const int64_t* depth
    const int64_t* skip          # n_widths x n_skips caps in channels
    const int64_t* expansion
    const int64_t* kernel


cdef enum:
    TOPOLOGY_TERMS = 5           # coefficients of a topology score's terms of a cell
    PATH_ARRAYS = 6              # of Work: path to count

cdef struct Work:                # room for the rows of any cell, and what is known of one's columns
    int64_t longest, deepest     # lines and positions of a cell, at most
    int32_t* depth_number        # of each depth, -1 where it is no choice
    double* shape                # see rows.pxd
    int64_t* n_runs              # of each position: lines that take their own shape
    int64_t* drawn               # links of the saturated positions
    int rising                   # these lines are the first ones
    const double* terms          # the topology score's coefficients, or NULL: NN-Degree
    double* path                 # of each line, for the topology score: see topology.pxd
    double* previous
    double* earlier
    double* deep
    double* spatial
    double* count
    double low[N_COLUMNS]
    double high[N_COLUMNS]
    # of a mesh: see `Ways`
    double* ways                 # of each position the ways before it, and the one after it
    double* crossings            # of each line: see rows.pxd
    int64_t sources              # tiles of the layer before the cell's first one; 0: no way of its
    int64_t wanted               # of the layer after the cell's last one; 0 likewise,
    double reads                 # and numbers that this reads
    int32_t* first               # of each row, tiles of its first layer,
    int32_t* last                # and of its last one; NULL where nobody asks


cdef class Model:
    cdef CostModel model
    cdef readonly dict links
    cdef int read_crossings(self, coefficients) except -1
    cdef tuple total_of(self, const int64_t* ops, Py_ssize_t numbers)


cdef class Plan:
    cdef int family
    cdef int64_t classes
    cdef int n_variants
    cdef object counts
    cdef PlanCell* cells
    cdef int64_t* numbers
    cdef int64_t* resolution
