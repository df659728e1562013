"""The compiled tables of a space on its devices, as columns of numbers for each variant.

Of every metric there are two linear forms over a box of totals, one that no network of the box is
below and one that none is above; where a metric is a plain sum both are the metric itself.
"""

from __future__ import annotations

from math import inf, log, nextafter

import numpy as np

from ..base.names import COSTS, Column, Metric
from ..base.record import Record
from ..errors import ArgumentError
from .products import FACTOR, line, middle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import numpy.typing as npt

    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem
    from .products import Product
    from .storing import Stored

__all__ = ["MEMORY", "Box", "Device", "Form", "Tables", "whole_box"]

# Stand for a device in keys of columns and boxes: peak memory, in numbers of the target's bits,
MEMORY = (-2, Column.PEAK)
STORED = (-3, Column.PARAMS)  # and bytes of weights in integers of 8 bits
PER_KIB = 256  # numbers of 32 bits
BYTES = 1024
PSEUDO = (MEMORY[0], STORED[0])

# Of a class in the core's links: where it ends, then what it multiplies and adds.
ENDS, LATENCY_IN, LATENCY_OUT, ENERGY_IN, ENERGY_OUT, LEAK_OUT, AREA = range(7)
OUTWARD = 1e-13  # relative: more than what float64 loses in a form


class Form(Record):
    """sum of weight * column + constant.

    Parameters
    ----------
    weights : dict of (int, int) to float
        Of the column of a device, by its number.
    constant : float
    exact : bool
        Whether it is the metric itself, not a bound on it.
    """

    weights: dict[tuple[int, int], float]
    constant: float
    exact: bool


class Box(Record):
    """What totals may be: of each device its scale and its peak, and of the counts.

    Parameters
    ----------
    variant : int
    low, high : dict of (int, int) to float
        Of a device's column, or of a factor of a product; what is not there is free.
    at : dict of int to float, or None
        Of factors where their tangents touch; by default somewhere inside.
    """

    variant: int
    low: Mapping[tuple[int, int], float]
    high: Mapping[tuple[int, int], float]
    at: Mapping[int, float] | None = None

    def cut(
        self, key: tuple[int, int], at: float, touched: Mapping[int, float] | None = None
    ) -> tuple[Box, Box]:
        """Return the parts up to a total and above it; totals are integers, factors are not."""
        above = nextafter(at, inf) if key[0] == FACTOR else at + 1.0
        touched = touched or self.at
        return (
            Box(self.variant, self.low, {**self.high, key: at}, touched),
            Box(self.variant, {**self.low, key: above}, self.high, touched),
        )


class Device:
    """One target's tables and what links their totals to costs."""

    def __init__(self, number: int, suffix: str, problem: Problem) -> None:
        self.number, self.suffix, self.problem = number, suffix, problem
        if problem.tables.joined:
            raise ArgumentError(
                f"target {problem.target.name!r} charges this space's cells by pairs (the tiles of "
                "one cell's last layer and of the next one's first both depend on choices): "
                "conditions beyond budgets, several answers and budgets with confidence are not "
                "searched there; budgets are"
            )
        links = problem.model.links
        self.quantum: tuple[float, ...] = links["quantum"]
        classes = links.get("classes")
        self.classes: list[tuple[float, ...]] = [] if classes is None else list(classes)
        self.leakage: float = links.get("leakage", 0.0)
        self.area_per_scale: float = links.get("area_per_scale", 0.0)
        # names of its costs, and their numbers
        self.metrics: dict[str, int] = {
            f"{name}{suffix}": COSTS.index(name) + 1 for name in problem.target.metrics
        }

    def class_at(self, scale: float) -> tuple[float, ...]:
        if not self.classes:
            return (inf, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        return next(one for one in self.classes if scale <= one[ENDS] or one is self.classes[-1])

    def form(self, metric: int, box: Box, upper: bool) -> Form:
        """Return a form below a cost over a box, or above it."""
        ends = box.high if upper else box.low
        scale = ends.get((self.number, Column.SCALE), 0.0)
        group = self.class_at(scale)
        ms, mj, mm2 = (self.quantum[k] for k in (Metric.LATENCY, Metric.ENERGY, Metric.AREA))
        if metric == Metric.LATENCY:
            weights = {
                Column.LATENCY: ms,
                Column.LATENCY_IN: ms * group[LATENCY_IN],
                Column.LATENCY_OUT: ms * group[LATENCY_OUT],
            }
            return self._form(weights, 0.0)
        if metric == Metric.ENERGY:
            leak = self.leakage * scale * ms
            weights = {
                Column.ENERGY: mj,
                Column.ENERGY_IN: mj * group[ENERGY_IN],
                Column.ENERGY_OUT: mj * group[ENERGY_OUT],
                Column.LEAK: leak,
                Column.LEAK_IN: leak * group[LATENCY_IN],
                Column.LATENCY_OUT: leak * group[LEAK_OUT],
            }
            return self._form(weights, 0.0)
        peak = ends.get((self.number, Column.PEAK), 0.0)
        weights = {Column.AREA: mm2, Column.SCALE: self.area_per_scale}
        return self._form(weights, mm2 * peak + group[AREA])

    def _form(self, weights: Mapping[int, float], constant: float) -> Form:
        exact = not self.classes and self.leakage == 0.0 and constant == 0.0
        used = {(self.number, k): one for k, one in weights.items() if one}
        return Form(used, constant, exact and len(used) == 1)


class Tables:
    """All devices' columns.

    Parameters
    ----------
    devices : sequence of Device
        Of one space; the first has the counts.
    scored : Device
        Whose score is maximised, or told; by a predictor or NN-Degrees.
    degrees : Device
        Whose score is NN-Degree.
    int8 : bool
        Whether the devices run and store networks in integers of 8 bits.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        scored: Device,
        degrees: Device,
        predictor: AccuracyPredictor | None,
        products: Mapping[str, Product] | None = None,
        int8: bool = False,
    ) -> None:
        self.int8 = int8  # whether numbers are of 8 bits
        self.in_bytes = int8 or scored.problem.space.numbering is not None
        self.per_kib = BYTES if self.in_bytes else PER_KIB
        self._store: Stored | None = None
        self.products = products or {}
        names = [name for one in self.products.values() for name, _ in one.powers]
        self.factors = tuple(dict.fromkeys(names))
        self.devices = {one.number: one for one in (*devices, scored, degrees)}
        self.costs = list(devices)
        self.added: dict[str, tuple[Device, int]] = {}  # costs by other coefficients
        self.scored, self.degrees, self.predictor = scored, degrees, predictor
        terms = None if predictor is None else predictor.terms
        intercept, self.log_macs, self.log_params = (0.0, 0.0, 0.0) if terms is None else terms[:3]
        unit = scored.quantum[Metric.SCORE]
        self.intercept = round(intercept / unit) * unit  # as the tables have it
        self.remembers = False  # whether anything asks for the peak memory
        self._peaks: dict[int, list[Any]] = {}
        self._columns: dict[tuple[int, int, int, int], Any] = {}
        self._whole: dict[tuple[int, int, int], Any] = {}
        self._ends: dict[tuple[int, int, int], tuple[float, float]] = {}
        self._starts: dict[int, Any] = {}
        self._sizes = scored.problem.tables.rows
        # of the last answer what each device says
        self._told: tuple[int, Sequence[int], dict[int, list[float]]] = (-1, (), {})
        self._forms: dict[str, Form] = {}
        self._forms = self._plain_forms()

    def _plain_forms(self) -> dict[str, Form]:
        """Return the forms of what is the same in every box."""
        whole = Box(0, {}, {})
        names = ["nn_degree", "params", "macs", "weights_kib"]
        names += ["score"] * (self.log_macs == 0.0 and self.log_params == 0.0)
        found = {name: self.form(name, whole, True) for name in names}
        for device in self.costs:
            if not device.classes and device.leakage == 0.0:
                for name, k in device.metrics.items():
                    if k != Metric.AREA:
                        found[name] = device.form(k, whole, True)
        return found

    def sizes(self, variant: int) -> tuple[int, ...]:
        return self._sizes[variant]

    def column(self, variant: int, cell: int, device: int, k: int) -> npt.NDArray[np.float64]:
        """Return a column of one cell's rows; zeros where it is absent."""
        key = (variant, cell, device, k)
        found = self._columns.get(key)
        if found is None and device in PSEUDO:
            found = self._columns[key] = self._own(variant, device)[cell]
        if found is None:
            raw = self.devices[device].problem.tables.column(variant, cell, k)
            n = self.sizes(variant)[cell]
            found = np.zeros(n) if raw is None else np.frombuffer(raw)
            self._columns[key] = found
        return found

    def start(self, variant: int) -> npt.NDArray[np.int32]:
        """Return where each cell's rows begin among all of a variant."""
        if variant not in self._starts:
            self._starts[variant] = np.cumsum([0, *self.sizes(variant)]).astype(np.int32)
        found: npt.NDArray[np.int32] = self._starts[variant]
        return found

    def whole(self, variant: int, device: int, k: int) -> npt.NDArray[np.float64]:
        """Return a column of all cells' rows, one after another."""
        key = (variant, device, k)
        found = self._whole.get(key)
        if found is None and device in PSEUDO:
            found = self._whole[key] = np.concatenate(self._own(variant, device))
        if found is None:
            raw = self.devices[device].problem.tables.whole(variant, k)
            found = np.zeros(sum(self.sizes(variant))) if raw is None else np.frombuffer(raw)
            self._whole[key] = found
        return found

    def put(self, variant: int, device: int, k: int, out: Any) -> None:
        """Write `whole` to an array of float64."""
        if device in PSEUDO:
            out[:] = self.whole(variant, device, k)
            return
        if not self.devices[device].problem.tables.put(variant, k, out):
            out[:] = 0.0

    def peak(self, variant: int, device: int) -> float:
        """Return the greatest number of a device's peaks."""
        return max(self.ends(variant, device, Column.PEAK)[1])

    def ends(self, variant: int, device: int, k: int) -> tuple[Sequence[float], Sequence[float]]:
        """Return the least and the greatest number of a column in each cell."""
        if device in PSEUDO:
            own = self._own(variant, device)
            return [float(one.min()) for one in own], [float(one.max()) for one in own]
        low, high = self.devices[device].problem.tables.ends(variant, k)
        return low, high

    def _own(self, variant: int, device: int) -> list[npt.NDArray[np.float64]]:
        """Return a column that no target's tables have."""
        return self.peaks(variant) if device == MEMORY[0] else self.stored(variant)

    def stored(self, variant: int) -> list[npt.NDArray[np.float64]]:
        """Return the bytes of each cell's weights, where they are counted in bytes."""
        space = self.scored.problem.space
        if space.numbering is not None:
            from ..problem.blocks import weights_of

            return weights_of(space, variant, self.int8)
        if self._store is None:
            from .storing import Stored

            self._store = Stored(space)
        return self._store.bytes_of(variant)

    def peaks(self, variant: int) -> list[npt.NDArray[np.float64]]:
        """Return the peak memory of each cell's rows."""
        if variant not in self._peaks:
            from .memory import peaks_of

            space = self.scored.problem.space
            self._peaks[variant] = peaks_of(space, variant, self.sizes(variant), self.int8)
        return self._peaks[variant]

    def most(self, variant: int, device: int, k: int, greatest: bool) -> float:
        """Return the sum over cells of a column's greatest, or least, number."""
        key = (variant, device, k)
        if key not in self._ends:
            low, high = self.ends(variant, device, k)
            self._ends[key] = (sum(low), sum(high))
        return self._ends[key][greatest]

    def form(self, name: str, box: Box, upper: bool) -> Form:
        """Return a form below or above a metric by its name."""
        if name in self._forms:
            return self._forms[name]
        if name == "nn_degree":
            unit = self.degrees.quantum[Metric.SCORE]
            return Form({(self.degrees.number, Column.SCORE): unit}, 0.0, True)
        if name in ("params", "macs"):
            k = Column.PARAMS if name == "params" else Column.MACS
            return Form({(self.scored.number, k): 1.0}, 0.0, True)
        if name == "weights_kib" and self.in_bytes:
            return Form({STORED: 1.0 / BYTES}, 0.0, True)
        if name == "weights_kib":
            return Form({(self.scored.number, Column.PARAMS): 1.0 / PER_KIB}, 0.0, True)
        if name == "memory_kib":
            return Form({}, (box.high if upper else box.low)[MEMORY] / self.per_kib, False)
        if name == "score":
            return self._score(box, upper)
        if name in self.products:
            return self._product(self.products[name], box, upper)
        for device in self.costs:
            if name in device.metrics:
                return device.form(device.metrics[name], box, upper)
        device, metric = self.added[name]
        return device.form(metric, box, upper)

    def add(self, problem: Problem, metric: str) -> str:
        """Add a cost by other coefficients, of the same space; return what it is called."""
        number, name = len(self.devices), f"{metric} {len(self.added)}"
        device = self.devices[number] = Device(number, "", problem)
        self.added[name] = (device, COSTS.index(metric) + 1)
        return name

    def _score(self, box: Box, upper: bool) -> Form:
        """The score, with a predictor's logarithms by tangents and chords."""
        number = self.scored.number
        weights = {(number, Column.SCORE): self.scored.quantum[Metric.SCORE]}
        constant, exact = self.intercept, True
        for k, factor in ((Column.MACS, self.log_macs), (Column.PARAMS, self.log_params)):
            if factor == 0.0:
                continue
            low, high = box.low[number, k], box.high[number, k]
            exact = False
            if (factor > 0.0) == upper:  # a tangent, in the middle
                middle = 0.5 * (low + high)
                slope, height = 1.0 / middle, log(middle) - 1.0
            else:
                slope = (log(high) - log(low)) / (high - low) if high > low else 0.0
                height = log(low) - slope * low
            weights[number, k] = weights.get((number, k), 0.0) + factor * slope
            constant += factor * height
        return Form(weights, constant, exact)

    def is_positive(self, name: str) -> bool:
        """Whether a factor is never below 0: what a predictor reads may be."""
        return name != "score" or self.predictor is None

    def line(self, name: str, power: float, box: Box, upper: bool) -> tuple[float, float]:
        """Return slope and height of a line above or below a product's term over a box."""
        i = self.factors.index(name)
        low, high = box.low[FACTOR, -1 - i], box.high[FACTOR, -1 - i]
        at = None if box.at is None else box.at.get(i)
        inside = middle(name, low, high) if at is None else at
        return line(name, power, low, high, inside, self.predictor, upper)

    def _product(self, product: Product, box: Box, upper: bool) -> Form:
        weights: dict[tuple[int, int], float] = {}
        constant = 0.0
        for name, power in product.powers:
            slope, height = self.line(name, power, box, upper)
            own = self.form(name, box, (slope > 0.0) == upper)
            for key, weight in own.weights.items():
                weights[key] = weights.get(key, 0.0) + slope * weight
            constant += slope * own.constant + height
        return Form(weights, constant, False)

    def end(self, form: Form, variant: int, upper: bool) -> float:
        """Return what no network of a variant exceeds in a form, or falls short of: each column at
        its end by itself."""
        total, size = form.constant, abs(form.constant)
        for (device, k), weight in form.weights.items():
            own = weight * self.most(variant, device, k, (weight > 0.0) == upper)
            total += own
            size += abs(own)
        slack = OUTWARD * size
        return total + slack if upper else total - slack

    def metrics_of(self, variant: int, rows: Sequence[int]) -> dict[str, float]:
        """Return an answer's exact metrics by name, with "score" and products' logarithms."""
        found: dict[str, float] = {}
        for device in self.costs:
            values = self._evaluated(device, variant, rows)
            for name, k in device.metrics.items():
                found[name] = values[k]
        values = self._evaluated(self.scored, variant, rows)
        found["score"] = values[Metric.SCORE]
        found["params"], found["macs"] = values[Metric.PARAMS], values[Metric.MACS]
        found["weights_kib"] = values[Metric.PARAMS] / PER_KIB
        if self.in_bytes:
            parts = [own[row] for own, row in zip(self.stored(variant), rows, strict=True)]
            found["weights_kib"] = float(sum(parts)) / BYTES
        if self.remembers:
            peaks = [own[row] for own, row in zip(self.peaks(variant), rows, strict=True)]
            found["memory_kib"] = float(max(peaks)) / self.per_kib
        found["nn_degree"] = self._evaluated(self.degrees, variant, rows)[Metric.SCORE]
        for name, product in self.products.items():
            found[name] = product.value(found, self.predictor)
        return found

    def _evaluated(self, device: Device, variant: int, rows: Sequence[int]) -> list[float]:
        from .._core.costing import batch

        if self._told[:2] != (variant, rows):
            self._told = (variant, rows, {})
        found = self._told[2].get(device.number)
        if found is None:
            row: Any = np.zeros((1, max(device.problem.layout)), np.int32)
            row[0, : len(rows)] = rows
            at: Any = np.array([variant], np.int32)
            found = [float(one[0]) for one in batch.evaluate(device.problem.tables, at, row)]
            self._told[2][device.number] = found
        return found

    def totals_of(
        self, variant: int, rows: Sequence[int], keys: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], float]:
        """Return an answer's totals of some columns; of peaks the largest."""
        found: dict[tuple[int, int], float] = {}
        for device, k in keys:
            own = [float(self.column(variant, c, device, k)[r]) for c, r in enumerate(rows)]
            found[device, k] = max(own) if k == Column.PEAK else sum(own)
        return found


def whole_box(tables: Tables, variant: int, keys: Sequence[tuple[int, int]]) -> Box:
    """Return what a variant's totals can be."""
    low: dict[tuple[int, int], float] = {}
    high: dict[tuple[int, int], float] = {}
    for device, k in keys:
        if device == FACTOR:  # these come last: their forms need the others
            own, name = Box(variant, low, high), tables.factors[-1 - k]
            ends = [tables.end(tables.form(name, own, up), variant, up) for up in (False, True)]
            least = 0.0 if tables.is_positive(name) else -inf
            low[device, k], high[device, k] = max(ends[0], least), max(ends[1], least)
            continue
        parts = tables.ends(variant, device, k)
        join: Callable[[Sequence[float]], float] = max if k == Column.PEAK else sum
        low[device, k], high[device, k] = join(parts[0]), join(parts[1])
    return Box(variant, low, high)
