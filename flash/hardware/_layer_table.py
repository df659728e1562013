"""A table of measured layers and blocks as what charges networks.

A network's layers, as they are charged, are parted into entries of the table: sequences of one or
more layers that are equal in all that the table tells layers apart by. Among the ways to do so the
best has the fewest layers extrapolated, then the fewest interpolated, then the fewest parts; of
equal ones that whose first part is longest.

Between measured sizes: of entries that differ in sizes alone (channels, positions; the same kinds,
kernels, strides, groups), times are first a sum over the numbers of layers, products, numbers moved
and weights, with coefficients that are not negative, fitted relative to the times. What each
measured entry is off by it, as a factor, is averaged over the entries, weighed by the inverse cube
of the distance between logarithms of sizes: a measured entry is met exactly, and no factor is
greater or smaller than all measured ones.
"""

from __future__ import annotations

from ..errors import ArgumentError
from ._layer_costs import SHOWN, LayerCosts, units_of
from ._layer_rows import (
    TOLD,
    canonical,
    differing,
    key_of,
    numbers_of,
    sizes_of,
    structure_of,
    title,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.layer import Layer
    from ..networks.operations import Charged
    from ._layer_costs import Units
    from ._layer_rows import Key

__all__ = ["OUTSIDE", "Entry", "LayerTable"]

OUTSIDE = ("refuse", "flag")
MEASURED, INTERPOLATED, EXTRAPOLATED, LACKING = range(4)
KEPT = 100_000  # segments whose parts are kept
SIZES = ("in_channels", "out_channels", "positions")


class Entry:
    """A measured layer or block.

    Attributes
    ----------
    layers : tuple of Layer
    costs : tuple of float
        In milliseconds and millijoules, by the table's metrics.
    name : str
    """

    __slots__ = ("costs", "layers", "name")

    def __init__(self, layers: Sequence[Layer], costs: Sequence[float], name: str = "") -> None:
        self.layers, self.costs, self.name = tuple(layers), tuple(costs), name

    def __reduce__(self) -> tuple[Any, ...]:
        return Entry, (self.layers, self.costs, self.name)


class Scale:
    """Entries that differ in sizes alone."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        sizes = [sizes_of_all(one.layers) for one in entries]
        self.low = tuple(map(min, zip(*sizes, strict=True)))
        self.high = tuple(map(max, zip(*sizes, strict=True)))
        self.fits: list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None
        self.places: Any = None

    def holds(self, sizes: Sequence[int]) -> bool:
        """Whether sizes lie between measured ones."""
        return all(
            low <= one <= high for low, one, high in zip(self.low, sizes, self.high, strict=True)
        )

    def costs(self, layers: Sequence[Layer]) -> list[float]:
        """Return the costs of layers of other sizes than those measured."""
        import numpy as np

        if self.fits is None:
            self._fit()
        assert self.fits is not None
        numbers = np.array(numbers_of_all(layers), float)
        place = np.log(np.array(sizes_of_all(layers), float))
        away = np.sqrt(((self.places - place) ** 2).mean(axis=1))
        weight = np.maximum(away, 1e-6) ** -3.0
        weight /= weight.sum()
        return [
            float(numbers @ coefficients) * float(np.exp(weight @ off))
            for coefficients, off in self.fits
        ]

    def _fit(self) -> None:
        import numpy as np
        from scipy.optimize import nnls

        numbers = np.array([numbers_of_all(one.layers) for one in self.entries], float)
        self.places = np.log(np.array([sizes_of_all(one.layers) for one in self.entries], float))
        self.fits = []
        for k in range(len(self.entries[0].costs)):
            values = np.array([one.costs[k] for one in self.entries])
            floor = max(values.max() * 1e-9, 1e-15)  # of what was measured as nothing
            values = np.maximum(values, floor)
            relative = numbers / values[:, None]
            size = np.maximum(relative.max(axis=0), 1e-300)
            found, _ = nnls(relative / size, np.ones(len(values)))
            coefficients = found / size
            fitted = np.maximum(numbers @ coefficients, floor)
            self.fits.append((coefficients, np.log(values / fitted)))


def sizes_of_all(layers: Sequence[Layer]) -> tuple[int, ...]:
    """Return the sizes of a block, layer after layer."""
    return tuple([one for layer in layers for one in sizes_of(layer)])


def numbers_of_all(layers: Sequence[Layer]) -> tuple[int, ...]:
    """Return what a block's time grows with."""
    return tuple(map(sum, zip(*map(numbers_of, layers), strict=True)))


class LayerTable(LayerCosts):
    """Measured layers and blocks, what a network takes beside them, and what is done outside.

    Parameters
    ----------
    entries : sequence of Entry
    metrics : tuple of str
    told : tuple of str
        Fields beside the usual ones by which layers are told apart.
    outside : {"refuse", "flag"}
    free : iterable of str
        Kinds of layers that cost nothing.
    scale, overhead : mapping of str to float
        By metric: what sums of entries are multiplied by, and what is added for a network.
    notes : mapping
        Whatever else is known of it.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        metrics: tuple[str, ...],
        told: tuple[str, ...] = (),
        outside: str = "refuse",
        free: Sequence[str] = (),
        scale: Mapping[str, float] | None = None,
        overhead: Mapping[str, float] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.entries, self.metrics, self.told = tuple(entries), metrics, told
        self.outside, self.free = outside, frozenset(free)
        self.scale = dict.fromkeys(metrics, 1.0) | dict(scale or {})
        self.overhead = dict.fromkeys(metrics, 0.0) | dict(overhead or {})
        self.notes = dict(notes or {})
        self.by_key: dict[tuple[Key, ...], Entry] = {}
        for one in self.entries:  # networks are charged without what is free: so are blocks found
            layers = [layer for layer in one.layers if layer.kind not in self.free]
            keys = tuple([key_of(layer, told) for layer in layers])
            if len(layers) == len(one.layers):
                self.by_key[keys] = one
            elif layers:  # one that is measured without it counts more
                self.by_key.setdefault(keys, Entry(layers, one.costs, one.name))
        alike: dict[tuple[Key, ...], list[Entry]] = {}
        for keys, one in self.by_key.items():
            alike.setdefault(tuple(map(structure_of, keys)), []).append(one)
        self.scales = {structure: Scale(some) for structure, some in alike.items()}
        self.lengths = sorted({len(keys) for keys in self.by_key}, reverse=True)
        self._kept: dict[tuple[Key, ...], list[tuple[int, int, Entry | Scale | None, int]]] = {}
        self._charged: dict[tuple[Any, ...], list[Units]] = {}
        self._digest: str | None = None

    # As a value

    def __reduce__(self) -> tuple[Any, ...]:
        return LayerTable, (
            *(self.entries, self.metrics, self.told, self.outside, tuple(sorted(self.free))),
            *(self.scale, self.overhead, self.notes),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerTable):
            return NotImplemented
        return self is other or self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.metrics, len(self.entries)))

    @property
    def digest(self) -> str:
        """A text that tells tables apart by what they hold."""
        if self._digest is None:
            import hashlib
            import json

            self._digest = hashlib.sha256(json.dumps(self.data()).encode()).hexdigest()
        return self._digest

    def __repr__(self) -> str:
        return f"LayerTable({len(self.entries)} entries)"

    def data(self, name: str = "") -> dict[str, Any]:
        """Return the table as plain data, as target files hold it."""
        rows = []
        for one in self.entries:
            own: dict[str, Any] = {"name": one.name} if one.name else {}
            layers = list(map(differing, one.layers))
            own |= layers[0] if len(layers) == 1 else {"layers": layers}
            rows.append(own | dict(zip(self.metrics, one.costs, strict=True)))
        found: dict[str, Any] = {"outside": self.outside, "free": sorted(self.free)}
        found |= {"told": list(self.told), "scale": dict(self.scale)}
        found |= {"overhead": dict(self.overhead), "notes": self.notes}
        return {**found, "rows": rows}

    def changed(self, **changes: Any) -> LayerTable:
        """Return a table with some of its parameters changed."""
        kind, values = self.__reduce__()
        names = ("entries", "metrics", "told", "outside", "free", "scale", "overhead", "notes")
        found: LayerTable = kind(**{**dict(zip(names, values, strict=True)), **changes})
        return found

    # Charging

    def beside(self) -> dict[str, float]:
        return dict(self.overhead)

    def of_segment(
        self, layers: Sequence[Layer], lacking: list[Layer] | None = None
    ) -> list[Units]:
        keys = tuple([key_of(layer, self.told) for layer in layers])
        kept = (keys, tuple(map(numbers_of, layers)))  # scales go by the latter
        found = self._charged.get(kept)
        if found is not None:
            return found
        none_lacks = True
        found = []
        for start, length, source, _how in self.parts(keys, layers):
            own = layers[start : start + length]
            if source is None:
                if lacking is None:
                    raise ArgumentError(f"net has layers without a cost: {self.why_lacking(own)}")
                lacking += own
                none_lacks = False
                found += [(0,) * len(self.metrics)] * length
                continue
            costs = source.costs if isinstance(source, Entry) else source.costs(own)
            found += self._shared(own, costs)
        if none_lacks:
            if len(self._charged) >= KEPT:
                self._charged.clear()
            self._charged[kept] = found
        return found

    def _shared(self, layers: Sequence[Layer], costs: Sequence[float]) -> list[Units]:
        """Return a part's costs in units, shared out among its layers by what they compute and
        move: integers that add up to the whole."""
        whole = [
            units_of(name, value * self.scale[name], title(layers[0]))
            for name, value in zip(self.metrics, costs, strict=True)
        ]
        if len(layers) == 1:
            return [tuple(whole)]
        weights = [layer.macs + layer.numbers_read + layer.numbers_written for layer in layers]
        every = max(1, sum(weights))
        result, done, before = [], 0, [0] * len(whole)
        for number, weight in enumerate(weights):
            done += weight
            last = number + 1 == len(weights)
            now = [one if last else one * done // every for one in whole]
            result.append(tuple([b - a for a, b in zip(before, now, strict=True)]))
            before = now
        return result

    def parts(
        self, keys: tuple[Key, ...], layers: Sequence[Layer]
    ) -> list[tuple[int, int, Entry | Scale | None, int]]:
        """Return (first layer, how many, what tells their costs, how) of the best way to part a
        sequence."""
        kept = self._kept.get(keys)
        if kept is not None:
            return kept
        n = len(keys)
        structures = tuple([structure_of(key) for key in keys])
        best: list[Any] = [None] * n + [([0, 0, 0, 0], None)]
        for start in range(n - 1, -1, -1):
            for length in (*(one for one in self.lengths if one <= n - start), 0):
                end = start + max(1, length)
                source, how = None, LACKING
                if length:
                    source, how = self._source(
                        keys[start:end], structures[start:end], layers[start:end]
                    )
                    if source is None:
                        continue
                worth = list(best[end][0])  # layers lacking, extrapolated, interpolated; parts
                if how:
                    worth[LACKING - how] += end - start
                worth[3] += 1
                if best[start] is None or worth < best[start][0]:
                    best[start] = (worth, (start, end - start, source, how))
        result = []
        place = 0
        while place < n:
            part = best[place][1]
            result.append(part)
            place += part[1]
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[keys] = result
        return result

    def _source(
        self, keys: tuple[Key, ...], structure: tuple[Key, ...], layers: Sequence[Layer]
    ) -> tuple[Entry | Scale | None, int]:
        entry = self.by_key.get(keys)
        if entry is not None:
            return entry, MEASURED
        scale = self.scales.get(structure)
        if scale is None:
            return None, LACKING
        if scale.holds(sizes_of_all(layers)):
            return scale, INTERPOLATED
        return (scale, EXTRAPOLATED) if self.outside == "flag" else (None, LACKING)

    # What is said of it

    def why_lacking(self, layers: Sequence[Layer]) -> str:
        told: dict[str, str] = {}
        for layer in layers:
            told.setdefault(title(layer), self._why(layer))
        some = [f"{name} ({why})" for name, why in list(told.items())[:SHOWN]]
        more = f" and {len(told) - SHOWN:,} more" if len(told) > SHOWN else ""
        ways = "measure them, name their kinds in free= if they cost nothing"
        if self.outside == "refuse":
            ways += ", or extrapolate with outside='flag' what has the same kernel and stride"
        return f"{'; '.join(some)}{more}; {ways}"

    def _why(self, layer: Layer) -> str:
        scale = self.scales.get((structure_of(key_of(layer, self.told)),))
        if scale is None:
            return "none of its kind, kernel, stride and groups was measured"
        spans = [
            f"{name} {low:,} to {high:,}"
            for name, low, high, own in zip(
                SIZES, scale.low, scale.high, sizes_of(layer), strict=True
            )
            if not low <= own <= high
        ]
        return f"measured for {', '.join(spans)}"

    def flags(self, counted: Charged) -> list[str]:
        found = super().flags(counted)
        told: list[Layer] = []
        for rows in self.segments(counted):
            layers = [counted.layers[row] for row in rows]
            keys = tuple([key_of(layer, self.told) for layer in layers])
            for start, length, _, how in self.parts(keys, layers):
                if how == EXTRAPOLATED:
                    told += layers[start : start + length]
        return found + [
            f"extrapolates {one}: it is outside of what was measured"
            for one in dict.fromkeys(map(title, told))
        ]

    def mentions(self) -> tuple[str, ...]:
        """Return the fields of `TOLD` that any of its layers has something unusual in."""

        every = [layer for one in self.entries for layer in one.layers]
        return tuple(
            name for name in TOLD if any(canonical(layer, name) is not None for layer in every)
        )

    def error_left_out(self, parts: int = 5) -> dict[str, float]:
        """Return by how much interpolation is off, relative, on entries that are left out in turns:
        mean and greatest of the latencies of those that lie between others."""
        errors = []
        for scale in self.scales.values():
            for turn in range(parts):
                rest = [one for n, one in enumerate(scale.entries) if n % parts != turn]
                if not rest:
                    continue
                others = Scale(rest)
                for one in scale.entries[turn::parts]:
                    if others.holds(sizes_of_all(one.layers)):
                        errors.append(abs(others.costs(one.layers)[0] / one.costs[0] - 1.0))
        if not errors:
            return {}
        return {
            "entries": len(errors),
            "mape_pct": 100.0 * sum(errors) / len(errors),
            "max_pct": 100.0 * max(errors),
        }
