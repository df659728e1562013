"""One set of a target's coefficients, fitted to the networks that take it; for `calibrate`."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..base.checks import shown
from ..errors import ArgumentError, CalibrationWarning
from . import KINDS
from ._fitting import choose_strength, drawn_to, fit_relative, interval_table, leave_out, summary
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
        self.groups = equal_layers(networks)
        first: dict[bytes, int] = {}
        keys = [first.setdefault(row.tobytes(), n) for n, row in enumerate(self.features)]
        twins = [n for n, key in enumerate(keys) if key != n and self.groups[key] == self.groups[n]]
        if twins:
            _warn(
                f"{len(twins)} of {len(networks)} networks are charged like another one "
                f"([{twins[0]}] like [{keys[twins[0]]}]): they are left out together"
            )
        self.latency: Array | None = None

    def fit(self, metric: str, *, with_prior: bool) -> None:
        """Fit one metric; latency comes first, energy may depend on it."""
        y = np.array([getattr(one, metric) for one in self.found])
        found = terms(self.base, self.family, metric, self.features, self._latency(), self.networks)
        known = self._known(found)
        with_prior = with_prior and bool(known.any())
        prior = known if with_prior else None
        self._doubt(metric, y, found, known)
        self._count(metric, y, found, with_prior)
        fixed = found.columns, y, found.offset, self.groups, prior
        strength = choose_strength(*fixed)
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
        if not np.isnan(left).any():
            facts["left"] = left / y - 1.0
            drawn = None if prior is None else drawn_to(found.columns, y, found.offset, prior)
            table = interval_table(found.columns, y, left, self.groups, fitted, strength, drawn)
            self.intervals[metric] = {"terms": [".".join(one) for one in found.names], **table}
            covered = np.abs(np.log(np.maximum(left / y, 1e-9)))
            facts["worst"] = self.found[int(np.argmax(covered))].name
        self.values[metric] = [y.tolist(), predicted.tolist(), left.tolist()]

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
            _warn(f"{metric} is {y[0]:g} for all {len(y)} networks: nothing can be fitted to it")
        if not known.any():
            return
        ratio = y / np.maximum(found.offset + found.columns @ known, 1e-300)
        usual = float(np.median(ratio))
        if not 1 / UNITS <= usual <= UNITS:
            _warn(
                f"{metric} is {usual:.3g} times what {self.base.name} predicts: is it in "
                f"{_unit(metric)}?"
            )
        stray = [n for n, r in enumerate(ratio) if not 1 / STRAY <= r / usual <= STRAY]
        if stray:
            some = ", ".join(f"[{n}]" for n in stray[:5])
            _warn(
                f"{metric}{some}{' ...' if len(stray) > 5 else ''} is more than {STRAY:g} times "
                f"off from the others, compared with {self.base.name}: is it in {_unit(metric)}?"
            )

    def _count(self, metric: str, y: Array, found: Terms, with_prior: bool) -> None:
        """Warn where there are too few networks, or too alike, for the coefficients."""
        a = found.columns / y[:, None]
        scale = np.sqrt((a * a).mean(axis=0))
        used = a[:, scale > 0] / scale[scale > 0]
        names = [f"{c}.{f}" for (c, f), s in zip(found.names, scale, strict=True) if s > 0]
        rest = f"drawn to those of {self.base.name}" if with_prior else "not determined"
        distinct = len(set(self.groups))
        if distinct < len(names):
            _warn(
                f"{metric}: {distinct} different networks for {len(names)} coefficients, which "
                f"are {rest} where the networks do not tell"
            )
            return
        values, vectors = np.linalg.eigh(used.T @ used)
        alike = vectors[:, values < 1e-9 * values[-1]]
        if alike.size:
            some = [n for n, w in zip(names, np.abs(alike).max(axis=1), strict=True) if w > 1e-3]
            self.alike[metric] = some
            if not with_prior:
                _warn(
                    f"{metric}: the networks do not tell apart the coefficients of "
                    f"{', '.join(some)}, which are {rest}"
                )

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
                            ("measured", "fitted", "held_out"), columns, strict=True
                        )
                    }
                    for m, columns in self.values.items()
                },
            }
        return facts


def equal_layers(networks: Sequence[Network]) -> list[int]:
    """Return for each network the number of the first one with the same layers.

    What is between the convolutions and linear layers does not count: networks that differ by it
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
                if one.kind in ("conv", "linear")
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
    layers = [layer for net in networks for layer in net.counting_layers if layer.weights]
    counted = [sum(layer.weights > 0 for layer in net.counting_layers) for net in networks]
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


def _warn(message: str) -> None:
    import sys

    # at the line of the user's call, however deep this is
    depth, frame = 1, sys._getframe(0).f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith("flash."):
        frame, depth = frame.f_back, depth + 1
    depth += 1
    warnings.warn(message, CalibrationWarning, stacklevel=depth)
