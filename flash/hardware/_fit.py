"""One set of a target's coefficients, fitted to the networks that take it; for `calibrate`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..base.checks import shown
from ..errors import ArgumentError
from . import KINDS
from ._doubts import doubts_of_fit, warn
from ._fitting import (
    FOLDS,
    Prior,
    choose_strength,
    drawn_to,
    fit_relative,
    intervals_and_leverages,
    leave_out,
    noise_of,
    summary,
    undetermined,
)
from ._terms import Terms, terms, totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..networks.network import Network
    from . import Target
    from ._fitting import Array
    from ._samples import Sample

__all__ = ["Fit", "equal_layers", "layer_ranges"]

UNITS = 200.0  # measured over predicted: beyond it the unit is doubted
FASTER = 20.0  # the same of a device so much faster than the base that hardly any is as fast
STRAY = 50.0  # the same of one network over all others
MOST_LISTED = 500  # networks whose residuals are written out


class Fit:
    """One set of coefficients and the networks that it is fitted to."""

    def __init__(
        self,
        base: Target,
        place: str,
        found: list[Sample],
        families: list[str],
        networks: list[Network],
    ) -> None:
        self.base, self.found, self.networks = base, found, networks
        self.family = families[0]  # any of them: they share the set
        self.features = totals(base.kind, networks, base.array)
        self.coefficients = {key: dict(one) for key, one in base.coefficients[place].items()}
        self.intervals: dict[str, Any] = {}
        self.notes: dict[str, dict[str, Any]] = {}
        self.values: dict[str, list[list[float]]] = {}
        self.alike: dict[str, list[str]] = {}
        self.held: dict[str, list[str]] = {}
        self.doubts: list[str] = []
        self.groups = equal_layers(networks)
        first: dict[bytes, int] = {}
        keys = [first.setdefault(row.tobytes(), n) for n, row in enumerate(self.features)]
        twins = [n for n, key in enumerate(keys) if key != n and self.groups[key] == self.groups[n]]
        if twins:
            warn(
                f"{len(twins)} of {len(networks)} networks are charged like another one "
                f"([{twins[0]}] like [{keys[twins[0]]}]): they are left out together"
            )
        self.latency: Array | None = None

    def fit(self, metric: str, *, with_prior: bool) -> None:
        """Fit one metric; latency comes first, energy may depend on it."""
        y = np.array([getattr(one, metric) for one in self.found])
        found = terms(self.base, self.family, metric, self.features, self._latency(), self.networks)
        known = self._known(found)
        self._doubt(metric, y, found, known)
        known = known if known.any() else self._of_latency(found)
        with_prior = with_prior and bool(known.any())
        told = self._count(metric, y, found, with_prior)
        prior, strength = self._prior(y, found, known, with_prior)
        fixed = found.columns, y, found.offset, self.groups, prior
        fitted = fit_relative(found.columns, y, found.offset, prior, strength)
        if not fitted.any():
            raise ArgumentError(
                f"{metric} must be more than what does not depend on the layers, got "
                f"{shown(y.tolist())}"
            )
        for column in {c for c, _ in found.names}:
            self.coefficients[column] = {
                f: float(f"{v:.12g}")
                for (c, f), v in zip(found.names, fitted, strict=True)
                if c == column and v > 0
            }
        predicted = found.offset + found.columns @ fitted
        if metric == "latency_ms":
            self.latency = predicted
        left = leave_out(*fixed, strength)
        facts = self.notes[metric] = {"fitted": predicted / y - 1.0}
        facts["strength"] = "prior alone" if math.isinf(strength) else strength
        self._tell_held(metric, found, prior, told or with_prior)
        leverage: Array = np.zeros(0)
        if not np.isnan(left).any():
            facts["left"] = left / y - 1.0
            drawn = drawn_to(found.columns, y, found.offset, prior) if with_prior else None
            unsure = prior.doubtful(fitted)
            table, leverage = intervals_and_leverages(
                found.columns, y, left, self.groups, fitted, strength, drawn, unsure
            )
            self.intervals[metric] = {"terms": [".".join(one) for one in found.names], **table}
            covered = np.abs(np.log(np.maximum(left / y, 1e-9)))
            facts["worst"] = self.found[int(np.argmax(covered))].name
        self._wonder(doubts_of_fit(metric, self.found, y, left, predicted))
        self.values[metric] = [one.tolist() for one in (y, predicted, left, leverage)]

    def _wonder(self, doubts: list[str]) -> None:
        """Warn, and keep for the flags of searches."""
        for one in doubts:
            warn(one)
        self.doubts += doubts

    def _prior(self, y: Array, found: Terms, known: Array, with_prior: bool) -> tuple[Prior, float]:
        """Return what is drawn to the base's coefficients or left at them, and how strongly."""
        prior = Prior(known, self._likely(found, known))
        of = found.columns, y, found.offset
        strength = choose_strength(*of, self.groups, prior) if with_prior else 0.0
        noise = noise_of(leave_out(*of, self.groups, prior, strength, FOLDS), y)
        if with_prior:
            prior = prior.replace(noise=noise)
        return prior.replace(held=undetermined(*of, prior, strength, noise)), strength

    def _likely(self, found: Terms, known: Array) -> Array:
        """Return the most that each coefficient is likely to be: that of the base, or where that
        is 0 the greatest of its kind."""
        alike = getattr(KINDS[self.base.kind], "ALIKE", None)
        if alike is None:
            return known
        kinds = [next((n for n, k in enumerate(alike) if f in k), -1) for _, f in found.names]
        most = [max(v for v, k in zip(known, kinds, strict=True) if k == own) for own in kinds]
        return np.where(known > 0, known, most)

    def _of_latency(self, found: Terms) -> Array:
        """Return coefficients of latency for a metric that the base has not: a device takes about
        the same power whatever it does."""
        own = self.coefficients["latency_ms"]
        columns = {c for c, _ in found.names}
        return np.array(
            [own.get(f, 0.0) if columns == {"energy_mj"} else 0.0 for _, f in found.names]
        )

    def _tell_held(self, metric: str, found: Terms, prior: Prior, told: bool) -> None:
        """Note the coefficients that hardly any network determines; warn, if not told by others."""
        if prior.held is None:
            return
        seen = found.columns.max(axis=0, initial=0.0) > 0
        held = [
            ".".join(one)
            for one, left, has in zip(found.names, prior.held, seen, strict=True)
            if left and has
        ]
        if not held:
            return
        self.held[metric] = held
        if not told:
            warn(
                f"{metric}: hardly any network determines the coefficients of {', '.join(held)}, "
                f"which stay those of {self.base.name}, times the factor of all"
            )

    def _latency(self) -> Array | None:
        """Return the networks' latency by the fitted coefficients, or by the base's."""
        if self.latency is None:
            found = terms(self.base, self.family, "latency_ms", self.features)
            self.latency = found.offset + found.columns @ self._known(found)
        return self.latency

    def _known(self, found: Terms) -> Array:
        """Return the base's coefficients in the order of the terms."""
        return np.array([self.coefficients.get(c, {}).get(f, 0.0) for c, f in found.names])

    def _doubt(self, metric: str, y: Array, found: Terms, known: Array) -> None:
        """Warn where measurements cannot be what they are said to be."""
        if len(set(self.groups)) > 1 and (y == y[0]).all():
            self._wonder(
                [f"{metric} is {y[0]:g} for all {len(y)} networks: nothing can be fitted to it"]
            )
        if not known.any():
            return
        ratio = y / np.maximum(found.offset + found.columns @ known, 1e-300)
        usual = float(np.median(ratio))
        if usual > UNITS or usual < self._least(metric, y):
            self._wonder(
                [
                    f"{metric} is {usual:.3g} times what {self.base.name} predicts: is it in "
                    f"{_unit(metric)}?"
                ]
            )
        stray = [n for n, r in enumerate(ratio) if not 1 / STRAY <= r / usual <= STRAY]
        if stray:
            some = ", ".join(f"[{n}]" for n in stray[:5])
            self._wonder(
                [
                    f"{metric}{some}{' ...' if len(stray) > 5 else ''} is more than {STRAY:g} "
                    f"times off from the others, compared with {self.base.name}: is it in "
                    f"{_unit(metric)}?"
                ]
            )

    def _least(self, metric: str, y: Array) -> float:
        """Return below what share of the base's prediction the unit is doubted.

        Times in seconds of a device that is 24 times slower are 1/42 of it; so are those of one
        that is 42 times faster, if that leaves it a speed that its kind has.
        """
        fastest = getattr(KINDS[self.base.kind], "FASTEST_MACS_PER_MS", None)
        if metric != "latency_ms" or fastest is None:
            return 1 / UNITS
        rate = float(np.median([net.macs for net in self.networks] / y))
        return 1 / FASTER if rate > fastest else 1 / UNITS

    def _count(self, metric: str, y: Array, found: Terms, with_prior: bool) -> bool:
        """Warn where there are too few networks, or too alike, for the coefficients; say if
        there are too few."""
        a = found.columns / y[:, None]
        scale = np.sqrt((a * a).mean(axis=0))
        used = a[:, scale > 0] / scale[scale > 0]
        names = [f"{c}.{f}" for (c, f), s in zip(found.names, scale, strict=True) if s > 0]
        rest = f"{'drawn to ' if with_prior else ''}those of {self.base.name}"
        distinct = len(set(self.groups))
        if distinct < len(names):
            warn(
                f"{metric}: {distinct} different networks for {len(names)} coefficients, which "
                f"are {rest} where the networks do not tell"
            )
            return True
        values, vectors = np.linalg.eigh(used.T @ used)
        alike = vectors[:, values < 1e-9 * values[-1]]
        if alike.size:
            some = [n for n, w in zip(names, np.abs(alike).max(axis=1), strict=True) if w > 1e-3]
            self.alike[metric] = some
            if not with_prior:
                warn(
                    f"{metric}: the networks do not tell apart the coefficients of "
                    f"{', '.join(some)}, which are {rest}"
                )
        return False

    def ranges(self, metrics: Sequence[str]) -> dict[str, Any]:
        """Return what was seen in fitting."""
        kind = KINDS[self.base.kind]
        result = layer_ranges(self.networks)
        for metric in metrics:
            result["network"][metric] = _bounds([getattr(one, metric) for one in self.found])
        if kind.SCALE is not None:
            column = self.features[:, kind.FEATURES.index(kind.SCALE)]
            result["network"]["tiles"] = _bounds(column.tolist())
            result["tiles"] = sorted({int(one) for one in column})
        result["features"] = {
            name: _bounds(column.tolist())
            for name, column in zip(kind.FEATURES, self.features.T, strict=True)
        }
        return result

    def residuals(self) -> dict[str, Any]:
        """Return how well the coefficients fit, as plain data."""
        facts: dict[str, Any] = {
            "networks": len(self.found),
            "groups": len(set(self.groups)),
            "held_out_by": "leaving out one group of equal networks at a time",
        }
        held = {m: summary(one["left"]) for m, one in self.notes.items() if "left" in one}
        if held:
            facts["held_out"] = held
            facts["worst_network"] = {m: self.notes[m]["worst"] for m in held}
        facts["all_networks"] = {m: summary(one["fitted"]) for m, one in self.notes.items()}
        facts["strength"] = {m: one["strength"] for m, one in self.notes.items()}
        if self.alike:
            facts["not_told_apart"] = self.alike
        if self.doubts:
            facts["doubts"] = self.doubts
        if self.held:
            facts["kept_from_the_base"] = self.held
        noise = [one.noise_pct for one in self.found if one.noise_pct is not None]
        if noise:
            facts["noise_floor"] = {"latency_ms": summary(np.array(noise) / 100)}
        if len(self.found) <= MOST_LISTED:
            facts["by_network"] = {
                "names": [one.name for one in self.found],
                **{
                    m: {
                        key: [float(f"{v:.6g}") for v in column if v == v]
                        for key, column in zip(
                            ("measured", "fitted", "held_out", "leverage"), columns, strict=True
                        )
                    }
                    for m, columns in self.values.items()
                },
            }
        return facts


def equal_layers(networks: Sequence[Network]) -> list[int]:
    """Return for each network the number of the first one with the same layers.

    What is between the layers that multiply does not count: networks that differ by it
    alone are too near to judge one by the other.
    """
    seen: dict[Any, int] = {}
    return [
        seen.setdefault(
            tuple(
                (
                    one.kernel_size,
                    one.in_channels,
                    one.out_channels,
                    one.groups,
                    one.out_height,
                    one.out_width,
                )
                for one in net.counting_layers
                if one.macs
            ),
            n,
        )
        for n, net in enumerate(networks)
    ]


def layer_ranges(networks: Sequence[Network]) -> dict[str, Any]:
    """Return the least and the greatest of what networks and their layers have.

    Returns
    -------
    dict
        The parts "network" and "layer" of a target's calibrated ranges.
    """
    each = [
        [layer for layer in net.counting_layers if layer.kind in ("conv", "linear")]
        for net in networks
    ]
    layers = [layer for some in each for layer in some]
    counted = [len(some) for some in each]
    return {
        "network": {
            "macs": _bounds([net.macs for net in networks]),
            "layers": _bounds(counted),
        },
        "layer": {
            "in_channels": _bounds([layer.in_channels for layer in layers]),
            "out_channels": _bounds([layer.out_channels for layer in layers]),
            "kernel": _bounds([layer.kernel for layer in layers]),
            "positions": _bounds([layer.out_height * layer.out_width for layer in layers]),
        },
    }


def _bounds(values: Sequence[float]) -> list[float]:
    """Return the least and the greatest value, as integers where they are."""
    ends = (min(values), max(values))
    return [int(v) if float(v).is_integer() else float(f"{v:.6g}") for v in ends]


def _unit(metric: str) -> str:
    return {"ms": "milliseconds", "mj": "millijoules", "mm2": "square millimetres"}[
        metric.rsplit("_", 1)[1]
    ]
