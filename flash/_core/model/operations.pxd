"""What a target charges for: the operations of a network and their features.

Each kind of target turns an operation into features (its hardware's structure: array tiles, padded
channel blocks); a column's cost is a sum of feature times coefficient, rounded once to fixed point.
The features' plain twins are in tests/twins/reference.py; what they mean is told in hardware/.

To add a kind: its number and its name in `kinds`, its features here, its module in hardware/.
"""

from libc.math cimport INFINITY, rint, sqrt
from libc.stdint cimport int64_t

from flash._core.kernels.kernels cimport N_COSTS, N_FEATURES, flash_terms
from flash._core.model.mesh cimport MESH_NUMBERS, Crossing, Mesh, cross, read_mesh
from flash._core.tables.problem cimport (
    COL_LATENCY, COL_LATENCY_IN, COL_LEAK, COL_LEAK_IN, flash_joined,
)


cdef enum:
    OP_CONV              # also a linear layer: kernel 1 on one position
    OP_ELEMENTWISE       # a pass over out_channels maps: concatenation, a norm that can't be folded
    OP_ADD               # out_channels maps added to others
    OP_POOL              # of out_channels maps
    OP_PASS              # any other: kernel is its sub-kind, in_channels the numbers read,
                         # out_channels those written, groups those that it is about
    OP_PRODUCT           # of two computed values: a convolution whose weights are one of them
    OP_RECURRENT         # in_channels with the states, out_channels with the gates, kernel the
                         # gates, kernel_width the states, height the steps, groups the directions
    OP_BARE              # a convolution without norm and activation
    OP_TOKENS            # a linear layer of each position

cdef enum:               # sub-kinds of passes
    PASS_PLAIN
    PASS_CURVE           # exponentials and the like of each number
    PASS_SOFTMAX
    PASS_NORM            # by means over the numbers themselves
    PASS_PERMUTE         # numbers that end up elsewhere
    PASS_RESIZE
    PASS_UNROLL          # no pass: numbers that a convolution lays out one by one
    PASS_REORDER         # no pass: numbers that leave the blocks of channels, or come back
    PASS_ELU             # curves that runtimes have no fast way for,
    PASS_SOFTPLUS        # and of two of them at once

cdef enum:
    KIND_RRAM
    KIND_CPU             # also a GPU: the same counts
    KIND_SYSTOLIC
    KIND_FPGA
    KIND_MCU

cdef enum:               # features that a kind counts; those of a processor that layers_body.h has
    RRAM_FEATURES = 23   # are FLASH_CPU_COUNTS. Of RRAM, those of a layer by itself are
    RRAM_COUNTS = 20     # FLASH_RRAM_COUNTS; the others are of two layers and the mesh between them
    CPU_FEATURES = 43
    SYSTOLIC_FEATURES = 2
    FPGA_FEATURES = 4
    MCU_FEATURES = 15

cdef enum:
    FIRST_OF_OTHERS = 17     # features of a processor that no layer of a family has, but for
    LAST_OF_OTHERS = 37      # these two,
    WEIGHTS_FAR = 30
    MAPS_FAR = 37
    VECTOR_WEIGHTS_FAR = 10  # which are other numbers in the vector kernels
    VECTOR_MAPS_FAR = 11
    LSTM_GATES = 4
    QUAD = 4                 # numbers of 8 bits in a word: fewer channels do not fill one
    COLUMN_LINE = 32         # positions of a line of maps that are one column
    FAR_WEIGHTS = 4194304    # of a linear layer on one position: more come from memory
    FAR_MAPS = 262144        # numbers that a layer writes: more go to memory

cdef enum:               # units of an FPGA
    UNIT_CONVOLUTIONS
    UNIT_DEPTHWISE
    UNIT_POINTWISE       # where it has one of its own; else the first does them
    FPGA_UNITS

cdef enum:
    UNIT_NUMBERS = 5     # of each in a `Model`'s array, after ARRAY_HEAD others
    ARRAY_HEAD = 2

cdef extern from *:
    """
    #include "kernels/kernels.h"
    _Static_assert(FLASH_RRAM_COUNTS == 20 && FLASH_CPU_COUNTS <= 17
                   && FLASH_FEATURES >= 43
                   && FLASH_FAR_WEIGHTS == 4194304.0 && FLASH_FAR_MAPS == 262144.0,
                   "operations.pxd counts other features than the kernels");
    """


cdef struct Op:
    int kind
    int64_t kernel, in_channels, out_channels, groups, height, width   # of the output
    int64_t kernel_width
    int64_t begun_height, begun_width   # positions, a last one that has only begun among them
    int64_t reads        # positions of the input
    int64_t padded       # the same with its padding


cdef struct Unit:        # of an FPGA; into is 0 where it has none of the kind, -1 where another
                         # model charges for its layers
    double into, out     # channels (depthwise: taps, channels) at once
    double bits          # of its multipliers
    double weights, maps     # room of its buffers, in bits


cdef struct CostModel:
    int kind
    int n_features
    int vectors          # the vector kernels have all that it charges for
    int64_t rows, columns    # of a systolic array; of an RRAM tile
    int64_t subarray, each   # of RRAM: side in cells, columns a weight
    Unit unit[FPGA_UNITS]    # of an FPGA; of a systolic array the buffers of the first
    double bits              # of an FPGA's numbers in memory
    double bits_per_cycle    # of the memory; 0: operands are there in time
    flash_terms terms
    flash_terms plain        # of operations that families have; the others' features are 0 there
    flash_terms fast         # of them those that a family's layers have, for the vector kernels
    Mesh mesh                # between the tiles of an RRAM chip, where no bus is
    int ways                 # bit k: a crossing of it adds to column k
    int n_crossed            # of these, those but for leaking latency:
    int crossed[N_COSTS]     # which, and what a cycle, a flit's link and a flit's router add
    double crossing[N_COSTS][3]


cdef inline int read_array(CostModel* model, array) except -1:
    """What a layer is laid on: see `Model`."""
    cdef Unit* unit
    cdef int i
    if model.kind != KIND_FPGA:
        model.rows = array[0]
        model.columns = array[1]
        model.subarray = 128
        model.each = 8
        if len(array) == 4 or len(array) == 4 + MESH_NUMBERS:
            model.subarray = array[2]    # RRAM: side of a subarray, columns a weight, the mesh
            model.each = array[3]
            if len(array) > 4:
                read_mesh(&model.mesh, array[4:])
        elif len(array) == 6:    # systolic: the memory
            model.bits = array[2]
            model.bits_per_cycle = array[3]
            model.unit[0].weights = array[4]
            model.unit[0].maps = array[5]
        return 0
    model.bits = array[0]
    model.bits_per_cycle = array[1]
    for i in range(FPGA_UNITS):
        unit = &model.unit[i]
        unit.into = array[UNIT_NUMBERS * i + ARRAY_HEAD]
        unit.out = array[UNIT_NUMBERS * i + ARRAY_HEAD + 1]
        unit.bits = array[UNIT_NUMBERS * i + ARRAY_HEAD + 2]
        unit.weights = array[UNIT_NUMBERS * i + ARRAY_HEAD + 3]
        unit.maps = array[UNIT_NUMBERS * i + ARRAY_HEAD + 4]
    return 0


cdef inline void read_op(const int64_t* ops, Op* op) noexcept nogil:
    op.kind = <int> ops[0]
    op.kernel, op.in_channels, op.out_channels, op.groups = ops[1], ops[2], ops[3], ops[4]
    op.height, op.width, op.kernel_width = ops[5], ops[6], ops[7]
    op.begun_height, op.begun_width, op.reads, op.padded = ops[8], ops[9], ops[10], ops[11]


cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline double rram_features(const Op* op, int64_t tile, int64_t sub, int64_t each,
                                 double* f) noexcept nogil:
    """Twenty counts of a layer on square tiles of 2 x 2 elements of sub x sub cells, `each` columns
    a weight; see hardware/rram.py. Depthwise groups are ignored (written as dense). Returns by how
    many steps it leaks more, for the rows of subarrays that its last element needs."""
    cdef int64_t r = op.kernel * op.kernel_width * op.in_channels, c = each * op.out_channels
    cdef int64_t positions = op.height * op.width, pe = tile // 2, inside = pe // sub
    cdef int64_t tr = ceil_div(r, tile), tc = ceil_div(c, tile)
    cdef int64_t pr = ceil_div(r, pe), pc = ceil_div(c, pe)
    cdef int64_t sr = ceil_div(r, sub), sc = ceil_div(c, sub)
    cdef int64_t copies = ((2 if pr == 1 else 1) * (2 if pc == 1 else 1)
                           * max(1, inside // sr) * max(1, inside // sc))
    cdef int64_t rest_r = r - (tr - 1) * tile, rest_c = c - (tc - 1) * tile, more_sr
    cdef int64_t wc = c, wsc = sc, wpc = pc, levels = 0
    # what rows that work twice have: all but a last element with one column of subarrays
    cdef int64_t alone = sc - (pc - 1) * inside == 1
    cdef int64_t full_c = c, full_sc = sc, full_pc = pc
    cdef double p = <double> positions, roots
    if copies > 1 or rest_r > pe:
        rest_r = 0
    if copies == 1 and rest_c <= pe:
        wc += rest_c
        wsc += ceil_div(rest_c, sub)
        wpc += 1
        full_c, full_sc, full_pc = wc, wsc, wpc
    elif alone:
        full_c, full_sc, full_pc = (pc - 1) * pe, sc - 1, pc - 1
    more_sr = ceil_div(rest_r, sub)
    while (<int64_t> 1 << levels) < tr:
        levels += 1
    roots = rooted(r, sr, sub) * <double> wc + rooted(rest_r, more_sr, sub) * <double> full_c
    f[0] = <double> (tr * tc)
    f[1] = p / <double> copies
    f[2] = p if pr > 1 else 0.0
    f[3] = p * <double> (op.out_channels * ((2 * levels + 4) // 5))
    f[4] = p * <double> r
    f[5] = p * <double> op.out_channels
    f[6] = p * <double> min(r, tile)
    f[7] = p * <double> min(op.out_channels, tile // each)
    f[8] = p * (<double> r / <double> tr)
    f[9] = p * (<double> op.out_channels / <double> tc)
    f[10] = p * <double> (sr * wsc + more_sr * full_sc)
    f[11] = p * <double> (sr * wc + more_sr * full_c)
    f[12] = p * <double> (r * wsc + rest_r * full_sc)
    f[13] = p * roots
    f[14] = f[11] if op.in_channels == 3 else 0.0
    f[15] = p * <double> (r * tc)
    f[16] = p * <double> (op.out_channels * tr)
    f[17] = p * <double> (r * wpc + rest_r * full_pc)
    f[18] = <double> ceil_div(op.padded * op.in_channels, 2048)
    f[19] = <double> tr
    # the adders between an element's rows of subarrays: as many as the last full stage has. The
    # simulator leaves a layer copied 16 times what the one before had: to a first one, all
    levels = 1
    while 2 * levels <= (inside if copies == 16 else sr - (pr - 1) * inside):
        levels *= 2
    return <double> (levels - 1)


cdef inline double rooted(int64_t r, int64_t sr, int64_t sub) noexcept nogil:
    """Square roots of the rows that work in each of sr subarrays, added up."""
    if r == 0:
        return 0.0
    return <double> (sr - 1) * sqrt(<double> sub) + sqrt(<double> (r - (sr - 1) * sub))


cdef inline int64_t tiles_of(const CostModel* model, const Op* op) noexcept nogil:
    """The first of these counts alone."""
    return (ceil_div(op.kernel * op.kernel_width * op.in_channels, model.rows)
            * ceil_div(model.each * op.out_channels, model.rows))


cdef inline void pass_features(const Op* op, double* f) noexcept nogil:
    """Counts of what moves numbers and hardly multiplies."""
    if op.kernel == PASS_UNROLL:
        f[28] = <double> op.groups
        return
    if op.kernel == PASS_REORDER:
        f[35] = <double> op.groups
        return
    f[17] = <double> op.in_channels + <double> op.out_channels
    f[18] = 1.0
    if op.kernel == PASS_ELU or op.kernel == PASS_SOFTPLUS:
        f[32 + (op.kernel - PASS_ELU)] = <double> op.groups
    elif op.kernel != PASS_PLAIN:
        f[18 + op.kernel] = <double> op.groups


cdef inline void product_features(const Op* op, double* f) noexcept nogil:
    """Counts of products of computed values, one after another, and of recurrent layers."""
    cdef int64_t g = op.in_channels // op.groups, each = op.out_channels // op.groups
    cdef double p = <double> (op.height * op.width)
    f[18] = 1.0
    if op.kind == OP_RECURRENT:
        f[1] = p * <double> (op.out_channels * ceil_div(op.in_channels - op.kernel_width, 16))
        f[11] = <double> op.in_channels * <double> op.out_channels
        f[26] = p * (<double> op.kernel_width * <double> op.out_channels)
        f[27] = p * <double> op.groups
        f[34] = 0.0 if op.kernel == LSTM_GATES else f[27]
        return
    f[1] = p * (<double> (16 * ceil_div(each, 16)) * <double> (op.groups * ceil_div(g, 16)))
    f[10] = f[24] = p * (<double> g * <double> op.out_channels)
    f[17] = p * <double> (op.in_channels + op.out_channels) + (<double> g
                                                               * <double> op.out_channels)
    f[25] = <double> op.groups


cdef inline void cpu_features(const Op* op, int plain, double* f) noexcept nogil:
    """Counts of a layer on a processor, the first ten of them for vectors of 16 channels; plain:
    of an operation that families have, without those that it has not."""
    cdef double maps = <double> (op.height * op.width) * <double> op.out_channels
    # one by one: vectors are stored then, a loop becomes a slow string instruction
    f[0] = f[1] = f[2] = f[3] = f[4] = f[5] = f[6] = f[7] = 0.0
    f[8] = f[9] = f[10] = f[11] = f[12] = f[13] = f[14] = f[15] = 0.0
    f[16] = f[WEIGHTS_FAR] = f[MAPS_FAR] = 0.0
    f[38] = f[39] = f[40] = f[41] = f[42] = 0.0
    if not plain:
        f[17] = f[18] = f[19] = f[20] = f[21] = f[22] = f[23] = f[24] = 0.0
        f[25] = f[26] = f[27] = f[28] = f[29] = f[31] = f[32] = f[33] = 0.0
        f[34] = f[35] = f[36] = 0.0
    if op.kind == OP_ADD:
        f[13] = maps
        f[16] = 1.0
    elif op.kind == OP_POOL:
        f[14] = maps * <double> (op.kernel * op.kernel_width)
        f[15] = 1.0
        f[40] = f[14] if op.height * op.width > 1 else 0.0
    elif op.kind == OP_ELEMENTWISE:
        f[5] = maps
        f[6] = f[5] if op.out_channels % 16 else 0.0
        f[15] = 1.0
    elif op.kind == OP_PASS:
        pass_features(op, f)
    elif op.kind == OP_PRODUCT or op.kind == OP_RECURRENT:
        product_features(op, f)
    else:
        layer_features(op, maps, f)


cdef inline void layer_features(const Op* op, double maps, double* f) noexcept nogil:
    """The same of a convolution or linear layer."""
    cdef int64_t k2 = op.kernel * op.kernel_width
    cdef int64_t g = op.in_channels if op.groups == 1 else op.in_channels // op.groups
    cdef int64_t out = 16 * ceil_div(op.out_channels, 16)
    cdef int64_t padded = g if g < 16 else 16 * ceil_div(g, 16)
    cdef double p = <double> (op.height * op.width)
    cdef double weights = <double> (k2 * padded) * <double> out
    if op.groups > 1 and g == 1:
        f[3] = p * <double> (k2 * out)
        f[4] = <double> (k2 * out)
    else:
        f[0] = p * weights if k2 > 1 else 0.0
        f[1] = p * <double> (out * ceil_div(g, 16))
        if weights > 65536.0:
            # maps of one column are read as lines too
            f[2] = (weights - 65536.0) * <double> (op.height if op.width > 1
                                                   else ceil_div(op.height, COLUMN_LINE))
        f[7] = p * <double> (k2 * g) if g >= 16 and g % 4 else 0.0
        f[10] = p * (<double> g * <double> op.out_channels) if k2 == 1 else 0.0
        f[11] = <double> (k2 * g) * <double> op.out_channels
        if op.groups > 1:
            f[29] = p * f[11]
        # what there are no blocks of channels for: other groups, kernels along one axis
        if (op.groups > 1 and (g % 16 or op.out_channels // op.groups % 16)
                or op.width == op.kernel_width == 1 < op.kernel):
            f[28] = p * (<double> k2 * <double> op.in_channels)
    f[8] = maps if op.out_channels % 16 else 0.0
    f[9] = 1.0
    f[12] = maps
    f[MAPS_FAR] = maps - <double> FAR_MAPS if maps > <double> FAR_MAPS else 0.0
    if op.kind == OP_TOKENS:
        f[31] = f[10]
        f[36] = f[11]
    elif op.height * op.width > 1:
        f[42] = f[11]
        if k2 > 1 and op.groups == 1:
            f[41] = <double> op.reads * <double> op.in_channels
        if op.kind == OP_CONV:
            f[38] = maps
            f[39] = 1.0
    elif f[11] > <double> FAR_WEIGHTS and k2 == 1:
        f[WEIGHTS_FAR] = f[11] - <double> FAR_WEIGHTS


cdef inline int64_t begun(int64_t side, int64_t kernel, int64_t stride) noexcept nogil:
    """Positions along a side padded by kernel // 2, a last one that has only begun among them."""
    return max(1, ceil_div(side + 2 * (kernel // 2) - kernel, stride) + 1)


cdef inline double up(double count, double each) noexcept nogil:
    """ceil(count / each), exact below 2^53."""
    cdef double share = count / each, whole
    if share >= 4503599627370496.0:
        return share
    whole = <double> <int64_t> share
    return whole + 1.0 if whole < share else whole


cdef inline void systolic_features(const Op* op, int64_t rows, int64_t columns,
                                   double* f) noexcept nogil:
    """Cycles of a convolution on a systolic array, output- and weight-stationary; groups one after
    the other; see hardware/systolic.py."""
    cdef double taps = <double> (op.kernel * op.kernel_width * (op.in_channels // op.groups))
    cdef int64_t outs = op.out_channels // op.groups
    cdef double spots = <double> op.begun_height * <double> op.begun_width
    cdef double across = <double> ceil_div(outs, columns), g = <double> op.groups
    cdef double fill = <double> (2 * rows + columns - 2)
    f[0] = g * (up(spots, <double> rows) * across * (taps + <double> (rows + columns - 2)) - 1.0)
    f[1] = g * (up(taps, <double> rows) * across * (spots + fill) - 1.0)


cdef inline double traffic(const Unit* unit, double weights, double inputs,
                           double outputs) noexcept nogil:
    """Bits moved: where neither fits its buffer, one is read again for each part of the other."""
    return min(inputs * up(weights, unit.weights) + weights,
               weights * up(inputs, unit.maps) + inputs) + outputs


cdef inline void fpga_features(const CostModel* model, const Op* op, double* f) noexcept nogil:
    """Cycles, bits moved and MACs of a convolution on its unit; see hardware/fpga.py."""
    cdef double k2 = <double> (op.kernel * op.kernel_width), groups = <double> op.groups
    cdef double into = <double> (op.in_channels if op.groups == 1 else op.in_channels // op.groups)
    cdef double out = <double> op.out_channels
    cdef double spots = <double> op.height * <double> op.width
    cdef double weights = k2 * into * out, inputs, outputs, moved, cycles
    cdef int single = op.groups > 1 and op.in_channels == op.groups
    cdef const Unit* unit = &model.unit[UNIT_DEPTHWISE if single else UNIT_CONVOLUTIONS]
    if (not single and k2 == 1.0 and op.groups == 1
            and model.unit[UNIT_POINTWISE].into != 0.0):
        unit = &model.unit[UNIT_POINTWISE]
    if unit.into < 0.0:
        f[0] = f[1] = f[2] = f[3] = 0.0
        return
    f[2] = weights * spots
    f[3] = 1.0
    weights *= model.bits
    inputs = <double> op.reads * <double> op.in_channels * model.bits
    outputs = spots * out * model.bits
    if unit.into == 0.0:   # refused before; never free
        f[0] = f[1] = INFINITY
        return
    moved = traffic(unit, weights, inputs, outputs)
    if single:
        cycles = up(k2, unit.into) * up(out, unit.out)
    else:
        cycles = k2 * groups * up(into, unit.into) * up(out / groups, unit.out)
    cycles *= spots * (up(model.bits, unit.bits) * up(model.bits, unit.bits))
    f[0] = max(cycles, moved / model.bits_per_cycle)
    f[1] = moved


cdef inline void wait_for_memory(const CostModel* model, const Op* op, double* f) noexcept nogil:
    """Cycles of a systolic array are at least those of its traffic."""
    cdef double weights = (<double> (op.kernel * op.kernel_width * (op.in_channels // op.groups))
                           * <double> op.out_channels * model.bits)
    cdef double inputs = <double> op.reads * <double> op.in_channels * model.bits
    cdef double outputs = (<double> op.height * <double> op.width * <double> op.out_channels
                           * model.bits)
    cdef double least = traffic(&model.unit[0], weights, inputs, outputs) / model.bits_per_cycle
    f[0] = max(f[0], least)
    f[1] = max(f[1], least)


cdef inline void mcu_features(const Op* op, double* f) noexcept nogil:
    """Counts of an operation on a microcontroller, nothing padded; see hardware/mcu.py."""
    cdef double maps = <double> (op.height * op.width) * <double> op.out_channels, macs, weights
    cdef int64_t each, k2 = op.kernel * op.kernel_width
    cdef int i
    for i in range(MCU_FEATURES):
        f[i] = 0.0
    if op.kind == OP_PASS and (op.kernel == PASS_UNROLL or op.kernel == PASS_REORDER):
        return                       # of runtimes that lay out: these do not
    f[12] = 1.0
    if op.kind == OP_ADD:
        f[7] = maps
    elif op.kind == OP_POOL:
        f[8] = maps * <double> k2
    elif op.kind == OP_ELEMENTWISE:
        f[9] = maps
    elif op.kind == OP_PASS:
        f[10] = <double> op.in_channels + <double> op.out_channels
        if op.kernel == PASS_CURVE or op.kernel == PASS_SOFTMAX or op.kernel >= PASS_ELU:
            f[11] = <double> op.groups
    elif op.kind == OP_RECURRENT:
        weights = <double> op.in_channels * <double> op.out_channels
        f[5] = <double> (op.height * op.width) * weights
        f[6] = maps
        f[13] = weights
        f[14] = <double> op.out_channels
    elif op.kind == OP_PRODUCT:
        f[5] = maps * <double> (op.in_channels // op.groups)
        f[6] = maps
    else:
        each = op.in_channels if op.groups == 1 else op.in_channels // op.groups
        weights = <double> (k2 * each) * <double> op.out_channels
        macs = weights * <double> (op.height * op.width)
        if op.groups > 1 and each == 1:
            f[3] = macs
        elif k2 == 1:
            f[4 if op.height * op.width == 1 else 2] = macs
        else:
            f[1 if each < QUAD else 0] = macs
        f[6] = maps
        f[13] = weights
        f[14] = <double> op.out_channels


cdef inline double features_of(const CostModel* model, const Op* op, double* f) noexcept nogil:
    """What a kind counts of an operation that is none of a processor's; returns by how many steps
    it leaks more while it works."""
    if model.kind == KIND_RRAM:
        return rram_features(op, model.rows, model.subarray, model.each, f)
    if model.kind == KIND_FPGA:
        fpga_features(model, op, f)
        return 0.0
    systolic_features(op, model.rows, model.columns, f)
    if model.bits_per_cycle > 0.0:
        wait_for_memory(model, op, f)
    return 0.0


cdef inline dict kinds():
    """The kinds by name: what target files say, and the modules of flash/hardware."""
    return {"rram": KIND_RRAM, "cpu": KIND_CPU, "gpu": KIND_CPU, "systolic": KIND_SYSTOLIC,
            "fpga": KIND_FPGA, "mcu": KIND_MCU}


cdef inline int features_at_most(int kind) noexcept nogil:
    """How many features a kind has."""
    if kind == KIND_RRAM:
        return RRAM_FEATURES
    if kind == KIND_CPU:
        return CPU_FEATURES
    if kind == KIND_MCU:
        return MCU_FEATURES
    return SYSTOLIC_FEATURES if kind == KIND_SYSTOLIC else FPGA_FEATURES


cdef inline int has_passes(const CostModel* model) noexcept nogil:
    """Whether a kind charges for more than convolutions and products."""
    return model.kind == KIND_CPU or model.kind == KIND_MCU


cdef inline int is_product(const CostModel* model, const Op* op) noexcept nogil:
    """Whether an accelerator works on it as on a convolution: crossbars hold weights alone, and a
    systolic array multiplies whatever matrices there are."""
    if op.kind == OP_PRODUCT:
        return model.kind == KIND_SYSTOLIC
    return op.kind == OP_BARE or op.kind == OP_TOKENS


cdef inline int is_plain(const Op* op) noexcept nogil:
    """Whether an operation is one that families have."""
    if op.kind == OP_CONV:
        return ((op.groups == 1 or op.groups == op.in_channels)
                and not op.width == op.kernel_width == 1 < op.kernel)
    return op.kind == OP_ADD or op.kind == OP_POOL or op.kind == OP_ELEMENTWISE


cdef inline void add_cost(const CostModel* model, const Op* op, double* column) noexcept nogil:
    """Adds what the operation costs to the columns, in whole units."""
    cdef double f[N_FEATURES]
    cdef double cost, leaking = 0.0
    cdef const flash_terms* terms = &model.terms
    cdef int i, k
    if model.kind == KIND_CPU:
        if is_plain(op):
            terms = &model.plain
        cpu_features(op, terms == &model.plain, f)
    elif model.kind == KIND_MCU:
        mcu_features(op, f)
    elif op.kind != OP_CONV and not is_product(model, op):
        return
    else:
        leaking = 1.0 + features_of(model, op, f) * model.terms.leak
    i = 0
    while i < terms.n:   # in the order of their columns
        k = terms.column[i]
        cost = 0.0
        while i < terms.n and terms.column[i] == k:
            cost += terms.weight[i] * f[terms.feature[i]]
            i += 1
        column[k] = flash_joined(k, column[k], rint(cost * terms.per_unit[k]))
        if terms.leak > 0.0 and (k == COL_LATENCY or k == COL_LATENCY_IN):
            column[COL_LEAK if k == COL_LATENCY else COL_LEAK_IN] += rint(
                cost * leaking * terms.per_unit[k])


cdef inline void add_crossing(const CostModel* model, int64_t sources, int64_t wanted,
                              double activations, double* column) noexcept nogil:
    """Adds what a layer's inputs take through the mesh, from the tiles of the layer before it."""
    cdef Crossing own
    cdef const double* weight
    cdef double cost
    cdef int i, k
    cross(&model.mesh, sources, wanted, activations, &own)
    for i in range(model.n_crossed):
        k = model.crossed[i]
        weight = model.crossing[i]
        cost = rint((weight[0] * own.cycles + weight[1] * own.links + weight[2] * own.routers)
                    * model.terms.per_unit[k])
        column[k] += cost
        if k == COL_LATENCY and model.terms.leak > 0.0:      # all tiles but none of a layer's own
            column[COL_LEAK] += cost


cdef inline int is_charged(const CostModel* model, const Op* op) noexcept nogil:
    """Whether an RRAM chip has tiles of it."""
    return op.kind == OP_CONV or is_product(model, op)


cdef inline int64_t add_after(const CostModel* model, const Op* op, int64_t sources,
                              double* column) noexcept nogil:
    """Adds what an operation costs after a layer on so many tiles, 0 where there is none before it;
    returns those that the next one comes after."""
    cdef int64_t own
    add_cost(model, op, column)
    if not model.mesh.on or not is_charged(model, op):
        return sources
    own = tiles_of(model, op)
    if sources:
        add_crossing(model, sources, own, <double> op.reads * <double> op.in_channels, column)
    return own
