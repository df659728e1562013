"""Batch metrics layer by layer, as a good user of numba would write them.

The job is that of ``flash._core.costing.batch.evaluate_layers``: every layer of every configuration
turned into features and charged, bit for bit the same. One thread, no allocation in the loop, only
the coefficients that aren't zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from benchmarks.twins.links import (
    COSTS,
    LATENCY,
    LATENCY_IN,
    LEAK,
    LEAK_IN,
    MACS,
    PARAMS,
    PEAK,
    SCALE,
    SCORE,
    Links,
    costs,
)
from flash.base.names import COST_COLUMNS
from flash.hardware import KINDS

if TYPE_CHECKING:
    from typing import Any

    from flash.problem.compiling import Problem

DENSENET, RESNET, WIDE_RESNET, MOBILENET_V2 = range(4)
SCORE_SCALE = 2.0**36
# totals: all columns, then links, widths, layers
LINKS, WIDTHS, COUNT = range(MACS + 1, MACS + 4)
TOTALS = COUNT + 1


class LayerTwin:
    """A space's choices and a target's coefficients in numpy arrays."""

    def __init__(self, problem: Problem) -> None:
        space, target = problem.space, problem.target
        family, classes, variants = space.plan()
        self.head = np.array([family, classes], dtype=np.int64)
        choices: list[int] = []
        # of each cell: stride, number of widths, depths, skips, expansions, kernels, their places
        cells = np.zeros((len(variants), max(len(c) for _, _, c in variants), 11), dtype=np.int64)
        self.shape = np.array([(resolution, len(c)) for _, resolution, c in variants])
        for v, (_, _, own) in enumerate(variants):
            for c, (stride, widths, depths, skips, expansions, kernels) in enumerate(own):
                flat = [x for row in skips for x in row]
                lists = (widths, depths, flat, expansions, kernels)
                counts = (len(widths), len(depths), len(skips[0]), len(expansions), len(kernels))
                places = []
                for one in lists:
                    places.append(len(choices))
                    choices += one
                cells[v, c] = (stride, *counts, *places)
        self.cells, self.choices = cells, np.array(choices, dtype=np.int64)
        table = target.coefficients[target.set_for(space.family)]
        terms = [
            (i, k, float(table[column][feature]))
            for i, feature in enumerate(KINDS[target.kind].FEATURES)
            for k, column in enumerate(COST_COLUMNS, 1)
            if table.get(column, {}).get(feature, 0.0)
        ]
        self.rram = target.kind == "rram"
        self.links = Links(problem.model)
        if self.rram:  # tiles select the class; what they cost is a link
            terms = [one for one in terms if one[:2] != (0, COST_COLUMNS.index("area_mm2") + 1)]
            terms.append((0, SCALE, 1.0))
        self.places = np.array([(i, k) for i, k, _ in terms], dtype=np.int64)
        self.weights = np.array([w for _, _, w in terms])
        q = self.links.quantum
        self.per_unit = 1.0 / np.repeat([1.0, q[1], q[2], q[1], 1.0, q[3]], [1, 3, 3, 2, 1, 2])
        self.step = float(problem.model.links.get("leak_step", 0.0))

    def _totals(self, variants: Any, rows: Any) -> Any:
        return _run(
            variants,
            rows,
            self.head,
            self.shape,
            self.cells,
            self.choices,
            self.rram,
            self.places,
            self.weights,
            self.per_unit,
            self.step,
            (self.links.quantum, self.links.bounds, self.links.classes, self.links.numbers),
        )

    def numba(self, variants: Any, rows: Any) -> Any:
        """Return the six metrics, shape (6, n), on one thread."""
        return self._totals(variants, rows)[:6]

    def layers(self, variants: Any, rows: Any) -> float:
        """Return how many operations a configuration is charged for, on average."""
        return float(self._totals(variants, rows)[6].mean())


@numba.njit(cache=True, error_model="numpy")
def _run(  # type: ignore[no-untyped-def]
    variants,
    rows,
    head,
    shape,
    cells,
    choices,
    rram,
    places,
    weights,
    per_unit,
    step,
    links,
):
    quantum, bounds, classes, numbers = links
    n = len(variants)
    out = np.empty((7, n))
    # features that none of these layers has are there too, as zeros: some have a coefficient
    x, cost = np.empty(TOTALS), np.empty(COSTS)
    f = np.zeros(max(20, places[:, 0].max() + 1))
    model = (rram, places, weights, per_unit, f, cost, step)
    for i in range(n):
        v = variants[i]
        _network(rows[i], head, shape[v], cells[v], choices, model, x)
        out[0, i] = quantum[0] * x[SCORE]
        g = np.searchsorted(bounds, x[SCALE])
        out[1, i], out[2, i], out[3, i] = costs(x, classes[g], quantum, numbers)
        out[4, i] = x[PARAMS]
        out[5, i] = x[MACS]
        out[6, i] = x[COUNT]
    return out


@numba.njit(cache=True, error_model="numpy")
def _network(row, head, shape, cells, choices, model, x):  # type: ignore[no-untyped-def]  # noqa: PLR0915
    family, classes = head
    resolution, n_cells = shape
    imagenet = resolution > 64
    x[:] = 0.0
    side = resolution
    if imagenet:
        side = (side + 1) // 2
        if family != MOBILENET_V2:
            side = (side + 1) // 2
    before, width = 3, 0
    for c in range(n_cells):
        stride, _, n_depths, n_skips, n_expansions, n_kernels, w0, d0, s0, e0, k0 = cells[c]
        lines = n_skips * n_expansions * n_kernels
        line = row[c] % lines
        depth = choices[d0 + row[c] // lines % n_depths]
        number = row[c] // (lines * n_depths)
        width = choices[w0 + number]
        skips = choices[s0 + number * n_skips + line // (n_expansions * n_kernels)]
        expansion = choices[e0 + line // n_kernels % n_expansions]
        kernel = choices[k0 + line % n_kernels]
        if c == 0:
            before = _stem(family, imagenet, resolution, width, model, x)
        outer = (side + stride - 1) // stride
        x[LINKS] = x[WIDTHS] = 0.0
        for p in range(depth):
            here = outer if p else side
            if family == DENSENET:
                links = min(skips, width * (p - 1)) if p else 0
                into = width + links if p else before
                norm = 0 if p == 0 and c == 0 and not imagenet else into
                _conv(model, x, 3, into, width, 1, here, outer, norm, False)
                if links:
                    _pass(model, x, into, outer)
                    _pass(model, x, into, outer)
                x[LINKS] += width * links
                x[WIDTHS] += width
                continue
            into = width if p else before
            links = skips if (p or stride == 1) and into == width else 0
            if family == MOBILENET_V2:
                hidden = into * expansion
                if expansion > 1:
                    _conv(model, x, 1, into, hidden, 1, here, here, hidden, False)
                    x[WIDTHS] += hidden
                _conv(model, x, kernel, hidden, hidden, hidden, here, outer, hidden, False)
                _conv(model, x, 1, hidden, width, 1, outer, outer, width, False)
                x[WIDTHS] += hidden + width
            else:
                norm = into if family == WIDE_RESNET else width
                _conv(model, x, 3, into, width, 1, here, outer, norm, False)
                _conv(model, x, 3, width, width, 1, outer, outer, width, False)
                x[WIDTHS] += 2 * width
                if links and family == WIDE_RESNET:
                    _pass(model, x, width, outer)
            x[LINKS] += links * width
        convs = depth
        if family != DENSENET:
            convs = 3 * depth if family == MOBILENET_V2 and expansion > 1 else 2 * depth
        x[SCORE] += np.rint(x[WIDTHS] * (SCORE_SCALE / convs)) + np.rint(
            x[LINKS] * (SCORE_SCALE / x[WIDTHS])
        )
        before, side = width, outer
    last = width
    if family == MOBILENET_V2:
        last = max(4 * width, 1280)
        _conv(model, x, 1, width, last, 1, side, side, last, False)
    elif family != RESNET:
        x[PARAMS] += 2.0 * width
    _conv(model, x, 1, last, classes, 1, 1, 1, 0, True)


@numba.njit(cache=True, error_model="numpy")
def _stem(family, imagenet, resolution, width, model, x):  # type: ignore[no-untyped-def]
    if family == DENSENET and not imagenet:
        return 3
    stem = width
    if family == WIDE_RESNET:
        stem = 64 if imagenet else 16
    elif family == MOBILENET_V2:
        stem = 2 * width
    norm = 0 if family == WIDE_RESNET else stem
    side = (resolution + 1) // 2 if imagenet else resolution
    kernel = 7 if imagenet and family != MOBILENET_V2 else 3
    _conv(model, x, kernel, 3, stem, 1, resolution, side, norm, False)
    return stem


@numba.njit(cache=True, error_model="numpy", inline="always")
def _conv(model, x, kernel, into, out, groups, before, side, norm, bias):  # type: ignore[no-untyped-def]
    """before: side of what it reads."""
    steps = 0
    if model[0]:
        padded = before + 2 * (kernel // 2)
        steps = _rram(model[4], kernel, into, out, side, padded * padded)
    else:
        _cpu(model[4], kernel, into, out, groups, side)
    _charge(model, x, steps)
    weights = float(kernel * kernel * (into // groups)) * float(out)
    x[PARAMS] += weights + 2.0 * norm + (float(out) if bias else 0.0)
    x[MACS] += weights * float(side * side)


@numba.njit(cache=True, error_model="numpy", inline="always")
def _pass(model, x, channels, side):  # type: ignore[no-untyped-def]
    if model[0]:
        return
    f = model[4]
    f[:] = 0.0
    f[5] = float(side * side) * channels
    f[6] = f[5] if channels % 16 else 0.0
    _charge(model, x, 0)


@numba.njit(cache=True, error_model="numpy", inline="always")
def _charge(model, x, steps):  # type: ignore[no-untyped-def]
    _, places, weights, per_unit, f, cost, step = model
    cost[:] = 0.0
    for i in range(len(weights)):
        cost[places[i, 1]] += weights[i] * f[places[i, 0]]
    if step > 0.0:
        cost[LEAK] = cost[LATENCY] * (1.0 + steps * step)
        cost[LEAK_IN] = cost[LATENCY_IN] * (1.0 + steps * step)
    for k in range(1, PEAK):
        x[k] += np.rint(cost[k] * per_unit[k])
    x[PEAK] = max(x[PEAK], np.rint(cost[PEAK] * per_unit[PEAK]))
    x[COUNT] += 1.0


@numba.njit(cache=True, error_model="numpy", inline="always")
def _roots(r, subs):  # type: ignore[no-untyped-def]
    """Square roots of the rows in each of so many subarrays of 128, added up."""
    if r == 0:
        return 0.0
    return float(subs - 1) * np.sqrt(128.0) + np.sqrt(float(r - 128 * (subs - 1)))


@numba.njit(cache=True, error_model="numpy", inline="always")
def _rram(f, kernel, into, out, side, padded):  # type: ignore[no-untyped-def]
    """Features of a layer on tiles of 512 cells; by how many steps it leaks more."""
    r, c = kernel * kernel * into, 8 * out
    tr, tc = (r + 511) >> 9, (c + 511) >> 9
    pr, pc = (r + 255) >> 8, (c + 255) >> 8
    sr, sc = (r + 127) >> 7, (c + 127) >> 7
    copies = 1
    for one in (pr, pc, sr, sc):
        if one == 1:
            copies *= 2
    # partly filled last tiles work twice; of rows all but a last element of one subarray's columns
    rest_r, rest_c = r - ((tr - 1) << 9), c - ((tc - 1) << 9)
    wc, wsc, wpc = c, sc, pc
    second_c, second_sc, second_pc = c, sc, pc
    if copies == 1 and rest_c <= 256:
        wc, wsc, wpc = c + rest_c, sc + ((rest_c + 127) >> 7), pc + 1
        second_c, second_sc, second_pc = wc, wsc, wpc
    elif sc - 2 * (pc - 1) == 1:
        second_c, second_sc, second_pc = (pc - 1) << 8, sc - 1, pc - 1
    if copies > 1 or rest_r > 256:
        rest_r = 0
    rest_s = (rest_r + 127) >> 7
    levels = 0
    while 1 << levels < tr:
        levels += 1
    p = float(side * side)
    f[0] = tr * tc
    f[1] = p / copies
    f[2] = p if pr > 1 else 0.0
    f[3] = p * (out * ((2 * levels + 4) // 5))
    f[4] = p * r
    f[5] = p * out
    f[6] = p * min(r, 512)
    f[7] = p * min(out, 64)
    f[8] = p * (float(r) / tr)
    f[9] = p * (float(out) / tc)
    f[10] = p * (sr * wsc + rest_s * second_sc)
    f[11] = p * (sr * wc + rest_s * second_c)
    f[12] = p * (r * wsc + rest_r * second_sc)
    f[13] = p * (_roots(r, sr) * wc + _roots(rest_r, rest_s) * second_c)
    f[14] = f[11] if into == 3 else 0.0
    f[15] = p * (r * tc)
    f[16] = p * (out * tr)
    f[17] = p * (r * wpc + rest_r * second_pc)
    f[18] = (padded * into + 2047) // 2048
    f[19] = tr
    if copies == 16:
        return 1
    return 1 if sr - 2 * (pr - 1) == 2 else 0


@numba.njit(cache=True, error_model="numpy", inline="always")
def _cpu(f, kernel, into, out, groups, side):  # type: ignore[no-untyped-def]
    f[:] = 0.0
    k2, g = kernel * kernel, into // groups
    padded_out = 16 * ((out + 15) // 16)
    padded = g if g < 16 else 16 * ((g + 15) // 16)
    p = float(side * side)
    weights = float(k2 * padded) * padded_out
    if groups > 1 and g == 1:
        f[3] = p * (k2 * padded_out)
        f[4] = k2 * padded_out
    else:
        f[0] = p * weights if kernel > 1 else 0.0
        f[1] = p * (padded_out * ((g + 15) // 16))
        f[2] = (weights - 65536.0) * side if weights > 65536.0 else 0.0
        f[7] = p * (k2 * g) if g >= 16 and g % 4 else 0.0
    f[8] = p * out if out % 16 else 0.0
    f[9] = 1.0
