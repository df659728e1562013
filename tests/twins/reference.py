"""Obvious Python twins of what the compiled core computes: no vectors, no bounds, no tricks.

A table problem is plain data, as `Tables.from_arrays` takes it. Integers are summed as Python
integers, metrics follow problem.h word for word, and the best answer is found by looking at every
configuration.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

COLUMNS = (
    "score",
    "latency",
    "latency_in",
    "latency_out",
    "energy",
    "energy_in",
    "energy_out",
    "leak",
    "leak_in",
    "scale",
    "area",
    "peak",
    "params",
    "macs",
)
SCORE, LATENCY, LATENCY_IN, LATENCY_OUT, ENERGY, ENERGY_IN, ENERGY_OUT = range(7)
LEAK, LEAK_IN, SCALE, AREA, PEAK, PARAMS, MACS = range(7, 14)


def metrics(links: dict[str, Any], total: list[int]) -> list[float]:
    """The six reported numbers of a configuration's totals."""
    q = links["quantum"]
    f = g = h = i = k = a = 0.0
    if links.get("classes"):
        _, f, g, h, i, k, a = next(one for one in links["classes"] if total[SCALE] <= one[0])
    out = q[1] * total[LATENCY_OUT]
    latency = q[1] * total[LATENCY] + (f * (q[1] * total[LATENCY_IN]) + g * out)
    energy = q[2] * total[ENERGY] + (h * (q[2] * total[ENERGY_IN]) + i * (q[2] * total[ENERGY_OUT]))
    leaking = q[1] * total[LEAK] + (f * (q[1] * total[LEAK_IN]) + k * out)
    energy += (links.get("leakage", 0.0) * total[SCALE]) * leaking
    area = q[3] * (total[AREA] + total[PEAK]) + (
        links.get("area_per_scale", 0.0) * total[SCALE] + a
    )
    score = q[0] * total[SCORE]
    log_macs, log_params = links.get("logs", (0.0, 0.0))
    if log_macs:
        score += log_macs * math.log(total[MACS])
    if log_params:
        score += log_params * math.log(total[PARAMS])
    return [score, latency, energy, area, float(total[PARAMS]), float(total[MACS])]


def accuracy(links: dict[str, Any], score: float) -> float:
    kind, a, b, c = links.get("score", (0, 0.0, 0.0, 0.0))
    if kind == 2:
        return a / (1.0 + math.exp(min(700.0, -score)))
    if not kind:
        return score
    return 1.0 / (a + math.exp(min(700.0, b / score + c if score > 0.0 else 700.0)))


def totals(variant: tuple[Any, Any], rows: tuple[int, ...]) -> list[int]:
    constant, cells = variant
    out = [int(x) for x in constant]
    before = 0
    for (states, columns, boundaries), row in zip(cells, rows, strict=True):
        n = len(next(iter(columns.values())))
        state = row // (n // states)
        for k, data in columns.items():
            out[k] = max(out[k], int(data[row])) if k == PEAK else out[k] + int(data[row])
        for k, data in boundaries.items():
            out[k] += int(data[before * states + state])
        before = state
    return out


def objective(links: dict[str, Any], m: list[float], exponent: tuple[float, ...] | None) -> float:
    if exponent is None:
        return m[0]
    out = 0.0
    for k, e in enumerate(exponent):
        if e:
            out += e * math.log(m[k] if k else accuracy(links, m[0]))
    return out


def best(
    variants: list[Any],
    links: dict[str, Any],
    maximum: tuple[float, ...],
    min_accuracy: float = -math.inf,
    exponent: tuple[float, ...] | None = None,
) -> tuple[int, tuple[int, ...], float, tuple[float, ...]] | None:
    """Complete enumeration: (variant, rows, objective, metrics) of the answer, or None."""
    answer = None
    for v, variant in enumerate(variants):
        sizes = [len(next(iter(columns.values()))) for _, columns, _ in variant[1]]
        for rows in itertools.product(*map(range, sizes)):
            m = metrics(links, totals(variant, rows))
            if any(m[k] > maximum[k] for k in range(1, 6)) or accuracy(links, m[0]) < min_accuracy:
                continue
            value = objective(links, m, exponent)
            key = (-value, m[1], m[2], m[3], -m[0], v, rows)
            if answer is None or key < answer[0]:
                answer = (key, (v, rows, value, tuple(m)))
    return answer[1] if answer else None


# Layer features (flash/_core/model/operations.pxd), from what the hardware does


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def pieces(length: int, each: int) -> list[int]:
    """Cut a length into pieces; the last one may be shorter."""
    return [min(each, length - start) for start in range(0, length, each)]


def rram_copies(rows: int, columns: int, tile: int, side: int) -> int:
    """How often a matrix is laid into its tile: twice along each direction in which it needs one of
    the two elements, and as often as it fits beside itself into an element."""
    copies = 1
    for length in (rows, columns):
        if length <= tile // 2:
            copies *= 2
        copies *= max(1, tile // 2 // side // len(pieces(length, side)))
    return copies


def rram_features(
    kernel: int,
    into: int,
    out: int,
    positions: int,
    tile: int = 512,
    padded: int | None = None,
    side: int = 128,
    each: int = 8,
) -> list[float]:
    """A matrix of kernel^2 x into rows and, say, 8 x out columns on tiles of 512 x 512, which hold
    2 x 2 elements of 256 x 256, which hold 2 x 2 subarrays of 128 x 128. padded: numbers of a
    channel of the input with its padding."""
    r, c, p = kernel * kernel * into, each * out, positions
    element = tile // 2
    tiles_r, tiles_c = pieces(r, tile), pieces(c, tile)
    copies = rram_copies(r, c, tile, side)
    rows, columns, elements = pieces(r, side), pieces(c, side), pieces(c, element)
    # The last tiles of an uncopied layer work twice where they are at most half full.
    if copies == 1 and tiles_c[-1] <= element:
        again = tiles_c[-1]
        second_columns = columns = columns + pieces(again, side)
        second_elements = elements = [*elements, again]
    elif len(pieces(elements[-1], side)) == 1:  # all columns but those of that element
        second_columns, second_elements = columns[:-1], elements[:-1]
    else:
        second_columns, second_elements = columns, elements
    second_rows = pieces(tiles_r[-1], side) if copies == 1 and tiles_r[-1] <= element else []
    # subarrays that work, each with its rows and columns
    works = ((rows, columns), (second_rows, second_columns))
    used_columns = sum(len(high) * sum(wide) for high, wide in works)
    roots = sum(math.fsum(map(math.sqrt, high)) * sum(wide) for high, wide in works)
    return [
        len(tiles_r) * len(tiles_c),
        p / copies,
        p if r > element else 0,
        p * out * ceil_div(2 * (len(tiles_r) - 1).bit_length(), 5),
        p * r,
        p * out,
        p * min(r, tile),
        p * min(out, tile // each),
        p * r / len(tiles_r),
        p * out / len(tiles_c),
        p * sum(len(high) * len(wide) for high, wide in works),
        p * used_columns,
        p * sum(sum(high) * len(wide) for high, wide in works),
        p * roots,
        p * used_columns if into == 3 else 0,
        p * r * len(tiles_c),
        p * out * len(tiles_r),
        p * (sum(rows) * len(elements) + sum(second_rows) * len(second_elements)),
        ceil_div(8 * (positions if padded is None else padded) * into, 16384),
        len(tiles_r),
    ]


def rram_leak_steps(
    kernel: int, into: int, out: int, tile: int = 512, side: int = 128, each: int = 8
) -> int:
    """By how many steps a layer leaks more: the adders between rows of subarrays, those of all
    full stages of a tree over what its last element uses (over a whole one if copied 16 times)."""
    r = kernel * kernel * into
    inputs = len(pieces(pieces(r, tile // 2)[-1], side))
    if rram_copies(r, each * out, tile, side) == 16:
        inputs = tile // 2 // side
    adders, stage = 0, 1
    while 2 * stage <= inputs:
        adders, stage = adders + stage, 2 * stage
    return adders


def rram_network(
    data: dict[str, Any], layers: list[tuple[int, int, int, int, int]], tile: int = 512
) -> dict[str, float]:
    """What a chip costs: its layers one after another on a grid of tiles, beside a shared bus.

    data: a target file's {"coefficients": of a set, "links": of a set}; layers: (kernel, in, out,
    positions, positions of the padded input).
    """
    names = (
        *("tiles", "adc_cycles", "tile_adds", "chip_adds", "in_chip", "out_chip", "in_tile"),
        *("out_tile", "in_words", "out_words", "subarrays", "columns", "rows", "roots", "image"),
        *("in_tiles", "out_tiles", "in_pes", "buffers", "tile_rows"),
    )
    known, links = data["coefficients"], data["links"]
    found = [
        dict(zip(names, rram_features(k, i, o, p, tile, padded), strict=True))
        for k, i, o, p, padded in layers
    ]

    def each(column: str) -> list[float]:
        return [sum(v * one[name] for name, v in known[column].items()) for one in found]

    tiles = sum(one["tiles"] for one in found)
    rows = next(side for side in itertools.count(1) if side * side >= tiles)
    cols = next(side for side in itertools.count(1) if rows * side >= tiles)
    far, near = ceil_div(cols, 2), max(0, rows // 2 - 1)
    into_ms = [rows * math.ceil(links["cycles_per_tile"] * far) * x for x in each("bus_in_ms")]
    out_ms = [cols * math.ceil(links["cycles_per_tile"] * near) * x for x in each("bus_out_ms")]
    own_ms = each("latency_ms")
    latency = sum(own_ms) + sum(into_ms) + sum(out_ms)
    leaking = links["leak_out"] * sum(out_ms)
    for (kernel, into, out, _, _), own, bus in zip(layers, own_ms, into_ms, strict=True):
        more = links["leakage_step"] * rram_leak_steps(kernel, into, out, tile)
        leaking += (1 + more) * (own + bus)
    energy = sum(each("energy_mj")) + far * sum(each("bus_in_mj")) + near * sum(each("bus_out_mj"))
    energy += links["leakage_w_per_tile"] * tiles * leaking
    grid = links["grid_area_mm2"]
    area = known["area_mm2"]["tiles"] * tiles + max(each("peak_mm2"))
    area += grid["const"] + grid["per_row"] * rows + grid["per_col"] * cols
    return {"tiles": tiles, "latency_ms": latency, "energy_mj": energy, "area_mm2": area}


CPU_FEATURES = 43
FAR_WEIGHTS, FAR_MAPS = 2**22, 2**18


def cpu_features(
    kind: int,
    kernel: int,
    into: int,
    out: int,
    groups: int,
    height: int,
    width: int,
    across: int | None = None,
    reads: int | None = None,
) -> list[float]:
    """A convolution (kind 0; 7: without norm and activation; 8: a linear layer of each position)
    with channels in blocks of 16; a pass over `out` maps (1), their addition to others (2), a pool
    of kernel x kernel numbers for each one written (3). across: width of the kernel; reads:
    positions of the input, by default those of the output."""
    f = [0.0] * CPU_FEATURES
    p, padded_out = height * width, 16 * ceil_div(out, 16)
    across = kernel if across is None else across
    taps = kernel * across
    if kind == 1:
        f[5] = p * out
        f[6] = p * out if out % 16 else 0
        f[15] = 1
        return f
    if kind == 2:
        f[13], f[16] = p * out, 1
        return f
    if kind == 3:
        f[14], f[15] = p * out * taps, 1
        f[40] = f[14] if p > 1 else 0
        return f
    each = into // groups
    if groups > 1 and each == 1:
        f[3] = p * taps * padded_out
        f[4] = taps * padded_out
    else:
        padded_in = each if each < 16 else 16 * ceil_div(each, 16)
        weights = taps * padded_in * padded_out
        f[0] = p * weights if taps > 1 else 0
        f[1] = p * padded_out * ceil_div(each, 16)
        lines = height if width > 1 else ceil_div(height, 32)
        f[2] = max(0, weights - 65536) * lines
        f[7] = p * taps * each if each >= 16 and each % 4 else 0
        f[10] = p * each * out if taps == 1 else 0
        f[11] = taps * each * out
        blocks = each % 16 == 0 and out // groups % 16 == 0
        along_one_axis = width == across == 1 and kernel > 1
        if groups > 1:
            f[29] = p * taps * each * out
        if (groups > 1 and not blocks) or along_one_axis:
            f[28] = p * taps * into
    f[8] = p * out if out % 16 else 0
    f[9] = 1
    f[12] = p * out
    f[37] = max(0, p * out - FAR_MAPS)
    if kind == 8:
        f[31], f[36] = f[10], f[11]
    elif p > 1:
        f[42] = f[11]
        f[41] = (p if reads is None else reads) * into if taps > 1 and groups == 1 else 0
        if kind == 0:
            f[38], f[39] = p * out, 1
    elif taps == 1:
        f[30] = max(0, f[11] - FAR_WEIGHTS)
    return f


PASSES = {"plain": None, "curve": 19, "softmax": 20, "norm": 21, "permute": 22, "resize": 23}
SLOW = {"elu": 32, "softplus": 33}


def pass_features(sub: str, reads: int, writes: int, numbers: int) -> list[float]:
    """A pass over numbers, whatever shape they have; "unroll": what a convolution lays out, and
    "reorder": what it hands on in another order, are no passes of their own."""
    f = [0.0] * CPU_FEATURES
    if sub in ("unroll", "reorder"):
        f[28 if sub == "unroll" else 35] = numbers
        return f
    f[17], f[18] = reads + writes, 1
    own = (PASSES | SLOW)[sub]
    if own is not None:
        f[own] = numbers
    return f


def product_features(rows: int, inner: int, columns: int, groups: int) -> list[float]:
    """So many products of (rows, inner) by (inner, columns), both of them computed values."""
    f = [0.0] * CPU_FEATURES
    f[1] = groups * rows * 16 * ceil_div(columns, 16) * ceil_div(inner, 16)
    f[10] = f[24] = groups * rows * inner * columns
    f[17] = groups * (rows * inner + inner * columns + rows * columns)
    f[18], f[25] = 1, groups
    return f


def recurrent_features(into: int, hidden: int, gates: int, ways: int, steps: int) -> list[float]:
    """A layer of so many gates, states and directions: `into` numbers come in at each step."""
    f = [0.0] * CPU_FEATURES
    out = gates * hidden * ways
    f[1] = steps * out * ceil_div(into, 16)
    f[11] = (into + hidden) * out
    f[18] = 1
    f[26] = steps * hidden * out
    f[27] = steps * ways
    f[34] = 0 if gates == 4 else f[27]
    return f


def systolic_cycles(
    m: int, k: int, n: int, groups: int, rows: int, columns: int
) -> tuple[float, float]:
    """Cycles of groups products of m x k by k x n, block by block: outputs stay, weights stay."""
    outputs = weights = 0
    for _ in range(groups):
        for _ in range(0, n, columns):
            for _ in range(0, m, rows):  # a block of outputs: skewed in, summed over k, drained
                outputs += (rows - 1) + k + (columns - 1)
            for _ in range(0, k, rows):  # a block of weights: loaded, then m vectors pass it
                weights += rows + (rows - 1) + m + (columns - 1)
        outputs, weights = outputs - 1, weights - 1  # counted from cycle 0
    return outputs, weights


def begun_positions(side: int, kernel: int, stride: int) -> int:
    """Windows along a padded side, a last one that has only begun among them."""
    count, at = 1, 0
    while at + kernel < side + 2 * (kernel // 2):
        count, at = count + 1, at + stride
    return count


def fits(
    links: dict[str, Any], m: list[float], maximum: tuple[float, ...], min_accuracy: float
) -> bool:
    return all(m[k] <= maximum[k] for k in range(1, 6)) and accuracy(links, m[0]) >= min_accuracy


def all_metrics(variants: list[Any], links: dict[str, Any]) -> Iterator[list[float]]:
    """The metrics of every configuration."""
    for variant in variants:
        sizes = [len(next(iter(columns.values()))) for _, columns, _ in variant[1]]
        for rows in itertools.product(*map(range, sizes)):
            yield metrics(links, totals(variant, rows))


# Search over a space: every network spelled out as layers and charged one by one


def networks(space: Any, target: Any) -> list[list[float]]:
    """[NN-Degree, latency, energy, area, params, MACs] of every flat index; unmodelled costs 0."""
    import flash

    out = []
    for i in range(space.size):
        arch = space.decode(i)
        cost = target.cost(arch)
        out.append(
            [
                flash.nn_degree(arch),
                cost.latency_ms,
                cost.energy_mj or 0.0,
                cost.area_mm2 or 0.0,
                float(arch.params),
                float(arch.macs),
            ]
        )
    return out


def best_network(
    rows: list[list[float]],
    maximum: tuple[float, ...] = (math.inf,) * 6,
    min_accuracy: float = -math.inf,
    exponent: tuple[float, ...] | None = None,
    links: dict[str, Any] | None = None,
) -> int | None:
    """The flat index of the best network, or None."""
    answer = None
    for i, m in enumerate(rows):
        if (
            any(m[k] > maximum[k] for k in range(1, 6))
            or accuracy(links or {}, m[0]) < min_accuracy
        ):
            continue
        key = (-objective(links or {}, m, exponent), m[1], m[2], m[3], -m[0], i)
        if answer is None or key < answer:
            answer = key
    return answer[-1] if answer else None


def fpga_layer(
    unit: dict[str, int],
    bits: int,
    kernel: int,
    into: int,
    out: int,
    groups: int,
    inputs: int,
    spots: int,
) -> tuple[int, int]:
    """(cycles of computing, bits moved) of a convolution; inputs, spots: positions read, written.

    Counted block by block, as the loops of an accelerator run.
    """
    each, made = into // groups, out // groups
    cycles = 0
    if groups == into > 1:
        for _ in range(0, kernel * kernel, unit["into"]):
            for _ in range(0, out, unit["out"]):
                cycles += spots
    else:
        for _ in range(groups * kernel * kernel):
            for _ in range(0, each, unit["into"]):
                for _ in range(0, made, unit["out"]):
                    cycles += spots
    passes = ceil_div(bits, unit["bits"]) ** 2
    weights, read = kernel * kernel * each * out * bits, inputs * into * bits
    by_weights = read * ceil_div(weights, 8192 * unit["weights_kib"]) + weights
    by_inputs = weights * ceil_div(read, 8192 * unit["maps_kib"]) + read
    return cycles * passes, min(by_weights, by_inputs) + spots * out * bits
