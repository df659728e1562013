"""The four families' building blocks as operations: what flash/networks/families.py says, in
numbers. layers.pxd lists the same ones for the vector kernels.

A cell is a sequence of positions (layers of a concatenation cell, blocks of the others). The
first position takes the previous cell's output and its stride; all others are alike but for the
links that a concatenation cell's layer may draw.
"""

from libc.stdint cimport int64_t

from flash._core.model.operations cimport (
    KIND_SYSTOLIC, OP_ADD, OP_CONV, OP_ELEMENTWISE, OP_POOL, CostModel, Op, add_cost,
    add_crossing, begun, has_passes, tiles_of,
)
from flash._core.tables.problem cimport COL_MACS, COL_PARAMS


cdef enum:
    DENSENET
    RESNET
    WIDE_RESNET
    MOBILENET_V2

cdef enum:
    COL_LINKS = 14       # skip links of the position (NN-Degree's SC)
    COL_WIDTH = 15       # output channels of its convolutions, summed
    PLAIN_COLUMNS = 16
    COL_BEFORE = 16      # of a mesh: tiles of the last layer so far, 0 before the first
    COL_ENTERED = 17     # tiles of the first one that had none before it,
    COL_ENTERING = 18    # and the numbers that it reads
    SHAPE_COLUMNS = 19


cdef struct Place:       # where a cell stands
    int family
    int first            # the network's first cell
    int last             # its last one
    int imagenet
    int64_t resolution, classes
    int64_t side         # of the cell's input
    int64_t stride
    int64_t before       # channels of the cell's input; 3 for the first cell of a CIFAR DenseNet
    int64_t width


cdef inline void add_conv(const CostModel* model, double* x, int64_t kernel, int64_t into,
                          int64_t out, int64_t groups, int64_t side, int64_t norm, int bias,
                          int64_t before, int64_t stride) noexcept nogil:
    """Adds one convolution to the columns x; norm: channels normalised with it; before: side of its
    input."""
    cdef Op op
    cdef double weights
    cdef int64_t each = into if groups == 1 else into // groups
    op.kind = OP_CONV
    op.kernel = kernel
    op.in_channels = into
    op.out_channels = out
    op.groups = groups
    op.height = side
    op.width = side
    op.kernel_width = kernel
    # divisions cost: only a systolic array reads what has begun
    op.begun_height = op.begun_width = (begun(before, kernel, stride)
                                        if model.kind == KIND_SYSTOLIC else side)
    op.reads = before * before
    op.padded = (before + 2 * (kernel // 2)) * (before + 2 * (kernel // 2))
    add_cost(model, &op, x)
    if model.mesh.on:
        add_way(model, &op, x)
    weights = <double> (kernel * kernel * each) * <double> out
    x[COL_PARAMS] += weights + 2.0 * <double> norm + (<double> out if bias else 0.0)
    x[COL_MACS] += weights * <double> (side * side)


cdef inline void add_way(const CostModel* model, const Op* op, double* x) noexcept nogil:
    """Adds the way through the mesh from the layer before it, if x knows one."""
    cdef int64_t own = tiles_of(model, op)
    cdef double reads = <double> op.reads * <double> op.in_channels
    if x[COL_BEFORE] > 0.0:
        add_crossing(model, <int64_t> x[COL_BEFORE], own, reads, x)
    else:
        x[COL_ENTERED] = <double> own
        x[COL_ENTERING] = reads
    x[COL_BEFORE] = <double> own


cdef inline void add_pass(const CostModel* model, double* x, int kind, int64_t kernel,
                          int64_t channels, int64_t side) noexcept nogil:
    """Adds a pass over maps: elementwise, an addition or a pool; side: of what it writes."""
    cdef Op op
    if not has_passes(model):
        return
    op.kind = kind
    op.kernel = op.kernel_width = kernel
    op.in_channels = op.groups = 1
    op.out_channels = channels
    op.height = side
    op.width = side
    op.begun_height = op.begun_width = side
    op.reads = op.padded = side * side
    add_cost(model, &op, x)


cdef inline void add_maps(const CostModel* model, double* x, int64_t channels,
                          int64_t side) noexcept nogil:
    add_pass(model, x, OP_ELEMENTWISE, 1, channels, side)


cdef inline int64_t half(int64_t side, int64_t stride) noexcept nogil:
    return (side + stride - 1) // stride


cdef inline int carries(const Place* at, int first) noexcept nogil:
    """Whether a residual block can add its input."""
    return not first or (at.stride == 1 and at.before == at.width)


cdef inline void add_position(const CostModel* model, const Place* at, int first, int64_t links,
                              int64_t expansion, int64_t kernel, double* x) noexcept nogil:
    """Adds one position to x[SHAPE_COLUMNS]. links: drawn channels, or residual channels."""
    cdef int64_t w = at.width, into = at.before if first else at.width
    cdef int64_t stride = at.stride if first else 1
    cdef int64_t outer = half(at.side, at.stride), side = at.side if first else outer, hidden
    if at.family == DENSENET:
        if first:
            add_conv(model, x, 3, into, w, 1, outer,
                     0 if at.first and not at.imagenet else into, 0, at.side, stride)
        else:
            add_conv(model, x, 3, w + links, w, 1, outer, w + links, 0, outer, 1)
            if links:
                add_maps(model, x, w + links, outer)   # the concatenation
                add_maps(model, x, w + links, outer)   # its norm
        x[COL_LINKS] += <double> (w * links)
        x[COL_WIDTH] += <double> w
        return
    if not carries(at, first):
        links = 0
    if at.family == MOBILENET_V2:
        hidden = into * expansion
        if expansion > 1:
            add_conv(model, x, 1, into, hidden, 1, side, hidden, 0, side, 1)
            x[COL_WIDTH] += <double> hidden
        add_conv(model, x, kernel, hidden, hidden, hidden, outer, hidden, 0, side, stride)
        add_conv(model, x, 1, hidden, w, 1, outer, w, 0, outer, 1)
        x[COL_WIDTH] += <double> (hidden + w)
    else:
        add_conv(model, x, 3, into, w, 1, outer, into if at.family == WIDE_RESNET else w, 0, side,
                 stride)
        add_conv(model, x, 3, w, w, 1, outer, w, 0, outer, 1)
        x[COL_WIDTH] += <double> (2 * w)
        if links and at.family == WIDE_RESNET:
            add_maps(model, x, w, outer)   # the norm after an addition can't be folded
    if links:
        add_pass(model, x, OP_ADD, 1, links, outer)
    x[COL_LINKS] += <double> (links * w)


cdef inline void add_stem(const CostModel* model, const Place* at, double* x) noexcept nogil:
    """Adds the stem to x, in the first cell."""
    cdef int64_t whole = at.resolution, halved = half(whole, 2), stem
    if at.first and has_stem(at):
        stem = stem_width(at)
        if at.family == MOBILENET_V2:
            add_conv(model, x, 3, 3, stem, 1, halved if at.imagenet else whole, stem, 0, whole,
                     2 if at.imagenet else 1)
        elif at.imagenet:
            add_conv(model, x, 7, 3, stem, 1, halved, 0 if at.family == WIDE_RESNET else stem, 0,
                     whole, 2)
            add_pass(model, x, OP_POOL, 3, stem, half(halved, 2))
        else:
            add_conv(model, x, 3, 3, stem, 1, whole, 0 if at.family == WIDE_RESNET else stem, 0,
                     whole, 1)


cdef inline void add_head(const CostModel* model, const Place* at, double* x) noexcept nogil:
    """Adds the head to x, in the last cell."""
    cdef int64_t w = at.width, side = half(at.side, at.stride), head = w
    if not at.last:
        return
    if at.family == MOBILENET_V2:
        head = 4 * w if 4 * w > 1280 else 1280
        add_conv(model, x, 1, w, head, 1, side, head, 0, side, 1)
    elif at.family != RESNET:
        x[COL_PARAMS] += 2.0 * <double> w   # the norm before the pool, folded or counted above
    add_pass(model, x, OP_POOL, side, head, 1)
    add_conv(model, x, 1, head, at.classes, 1, 1, 0, 1, 1, 1)


cdef inline int has_stem(const Place* at) noexcept nogil:
    """Whether a convolution comes before the network's first cell."""
    return at.family != DENSENET or at.imagenet


cdef inline double convolutions(const Place* at, int64_t positions,
                                int64_t expansion) noexcept nogil:
    """How many convolutions so many positions have."""
    if at.family == DENSENET:
        return <double> positions
    if at.family == MOBILENET_V2 and expansion > 1:
        return <double> (3 * positions)
    return <double> (2 * positions)


cdef inline double spatial_convolutions(const Place* at, int64_t kernel) noexcept nogil:
    """How many of a block's convolutions have a kernel above 1."""
    if at.family == MOBILENET_V2:
        return 1.0 if kernel > 1 else 0.0
    return 2.0


cdef inline double head_convolutions(const Place* at) noexcept nogil:
    """How many convolutions follow the network's last cell."""
    return 1.0 if at.family == MOBILENET_V2 else 0.0


cdef inline int64_t stem_width(const Place* at) noexcept nogil:
    if at.family == WIDE_RESNET:
        return 64 if at.imagenet else 16
    return 2 * at.width if at.family == MOBILENET_V2 else at.width
