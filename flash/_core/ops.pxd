"""What a target charges for: the operations of a network and their features.

Each kind of target turns an operation into features (its hardware's structure: array tiles, padded
channel blocks); a column's cost is a sum of feature times coefficient, rounded once to fixed point.
The features' plain twins are in tests/reference.py; what they mean is told in hardware/.
"""

from libc.math cimport rint

from flash._core.core cimport *


cdef enum:
    OP_CONV              # also a linear layer: kernel 1 on one position
    OP_ELEMENTWISE       # a pass over out_channels maps: concatenation, a norm that can't be folded

cdef enum:
    KIND_RRAM
    KIND_CPU

cdef enum:
    COST_COLUMNS = 7     # score (unused here) ... area, in the order of problem.h
    MAX_FEATURES = 32


cdef struct Op:
    int kind
    int64_t kernel, in_channels, out_channels, groups, height, width   # of the output


cdef struct CostModel:
    int kind
    int n_features
    flash_terms terms


cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline void rram_features(const Op* op, double* f) noexcept nogil:
    """Sixteen counts of a layer on 512 x 512 tiles of 128 x 128 subarrays, eight columns a weight;
    see hardware/rram.py. Depthwise groups are ignored (written as dense)."""
    cdef int64_t r = op.kernel * op.kernel * op.in_channels, c = 8 * op.out_channels
    cdef int64_t positions = op.height * op.width
    cdef int64_t tr = (r + 511) >> 9, tc = (c + 511) >> 9
    cdef int64_t pr = (r + 255) >> 8, pc = (c + 255) >> 8
    cdef int64_t sr = (r + 127) >> 7, sc = (c + 127) >> 7
    cdef int64_t copies = ((2 if pr == 1 else 1) * (2 if pc == 1 else 1)
                           * (2 if sr == 1 else 1) * (2 if sc == 1 else 1))
    cdef int64_t rest_r = r - ((tr - 1) << 9), rest_c = c - ((tc - 1) << 9)
    cdef int64_t wr = r, wsr = sr, wc = c, wsc = sc, wpc = pc, levels = 0
    cdef double p = <double> positions
    if copies == 1 and rest_r <= 256:
        wr += rest_r
        wsr += (rest_r + 127) >> 7
    if copies == 1 and rest_c <= 256:
        wc += rest_c
        wsc += (rest_c + 127) >> 7
        wpc += 1
    while (<int64_t> 1 << levels) < tr:
        levels += 1
    f[0] = <double> (tr * tc)
    f[1] = p / <double> copies
    f[2] = p if pr > 1 else 0.0
    f[3] = p * <double> (op.out_channels * ((2 * levels + 4) // 5))
    f[4] = p * <double> r
    f[5] = p * <double> op.out_channels
    f[6] = p * <double> (r if r < 512 else 512)
    f[7] = p * <double> (op.out_channels if op.out_channels < 64 else 64)
    f[8] = p * <double> (ceil_div(r, tr) + ceil_div(op.out_channels, tc))
    f[9] = p * <double> (wsr * wsc)
    f[10] = p * <double> (wsr * wc)
    f[11] = p * <double> (wr * wsc)
    f[12] = p * <double> (r * tc)
    f[13] = p * <double> (op.out_channels * tr)
    f[14] = p * <double> (wr * wpc)
    f[15] = p * <double> (op.in_channels * tc)


cdef inline void cpu_features(const Op* op, double* f) noexcept nogil:
    """Ten counts of a layer on a processor whose vector unit takes channels in blocks of 16."""
    cdef int64_t k2 = op.kernel * op.kernel, g = op.in_channels // op.groups
    cdef int64_t out = 16 * ceil_div(op.out_channels, 16)
    cdef int64_t padded = g if g < 16 else 16 * ceil_div(g, 16)
    cdef double p = <double> (op.height * op.width)
    cdef double weights = <double> (k2 * padded) * <double> out
    cdef int k
    for k in range(10):
        f[k] = 0.0
    if op.kind == OP_ELEMENTWISE:
        f[5] = p * <double> op.out_channels
        f[6] = f[5] if op.out_channels % 16 else 0.0
        return
    if op.groups > 1 and g == 1:
        f[3] = p * <double> (k2 * out)
        f[4] = <double> (k2 * out)
    else:
        f[0] = p * weights if op.kernel > 1 else 0.0
        f[1] = p * <double> (out * ceil_div(g, 16))
        f[2] = (weights - 65536.0) * <double> op.height if weights > 65536.0 else 0.0
        f[7] = p * <double> (k2 * g) if g >= 16 and g % 4 else 0.0
    f[8] = p * <double> op.out_channels if op.out_channels % 16 else 0.0
    f[9] = 1.0


cdef inline void charge(const CostModel* model, const Op* op, double* column) noexcept nogil:
    """column[k] += what the operation costs, in whole units."""
    cdef double f[32]
    cdef double cost[7]
    cdef int i, k
    if model.kind == KIND_RRAM:
        if op.kind != OP_CONV:
            return
        rram_features(op, f)
    else:
        cpu_features(op, f)
    for k in range(COST_COLUMNS):
        cost[k] = 0.0
    for i in range(model.terms.n):
        cost[model.terms.column[i]] += model.terms.weight[i] * f[model.terms.feature[i]]
    for k in range(1, COST_COLUMNS):
        column[k] += rint(cost[k] * model.terms.per_unit[k])
