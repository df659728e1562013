"""Targets: what a network costs on a piece of hardware.

A target is data: a JSON file that names a kind of model (one module of this package), its
coefficients and its links. `Target.load` reads one, `Target.cost` charges one network.
"""

from __future__ import annotations

import os

from .._core import compile as core
from .._record import Record, cached
from .._validate import choice, parse_json, read_text
from ..architecture import Architecture
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..network import Network
from . import cpu, rram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Cost", "LayerCost", "Target", "targets"]

KINDS = {"rram": rram, "cpu": cpu}
COLUMNS = ("latency_ms", "ic_latency_ms", "energy_mj", "ic_energy_mj", "tiles", "area_mm2")
METRICS = ("latency_ms", "energy_mj", "area_mm2")
FORMAT = 1

_shipped = os.path.join(os.path.dirname(os.path.dirname(__file__)), "data")
_loaded: dict[str, Target] = {}


def targets() -> tuple[str, ...]:
    """Return the names of the targets that come with flash."""
    return tuple(
        sorted(name[:-5] for name in os.listdir(_shipped) if name.endswith(".json"))
    )


class LayerCost(Record):
    """One layer's share of a cost: the columns that add up (see `Cost.by_layer`)."""

    name: str
    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None


class Cost(Record):
    """What a network costs on a target.

    Parameters
    ----------
    latency_ms : float
        Per image, batch 1, in milliseconds.
    energy_mj : float or None
        Per image, in millijoules, leakage included; None where the target does not model it.
    area_mm2 : float or None
        Of the chip, in square millimetres; None where the target does not model it.
    by_layer : tuple of LayerCost
        The layers' shares. Interconnect and leakage depend on the whole chip: each is shared out
        by the layers' own traffic and latency, so that the shares add up to the whole but for
        rounding.
    flags : tuple of str
        What lies outside the range that the target was calibrated in.
    """

    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None
    by_layer: tuple[LayerCost, ...] = ()
    flags: tuple[str, ...] = ()


class Target(Record):
    """A hardware target: a kind of cost model with its coefficients.

    Made by `Target.load`; the fields are those of its file.
    """

    name: str
    kind: str
    description: str
    coefficients: dict[str, dict[str, dict[str, float]]]
    links: dict[str, dict[str, Any]]
    sets: dict[str, list[str]]
    calibrated_ranges: dict[str, Any]
    not_calibrated_families: tuple[str, ...] = ()
    residuals: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> Target:
        """Return a target by name, or from a JSON file.

        Parameters
        ----------
        name : str or path
            One of `targets`, or the path of a file (told by a separator or ``.json``).

        Raises
        ------
        ArgumentError
            If no target has this name.
        FormatError
            If the file is no valid target.
        """
        if not isinstance(name, (str, os.PathLike)):
            raise ArgumentTypeError(
                f"target must be a name, a path or a Target, got {type(name).__name__}"
            )
        path = os.fspath(name)
        if path in _loaded:
            return _loaded[path]
        if os.sep in path or path.endswith(".json"):
            return cls.from_dict(parse_json(read_text(path, "target"), path), path)
        choice("target", path, targets())
        file = os.path.join(_shipped, path + ".json")
        target = _loaded[path] = cls.from_dict(parse_json(read_text(file, "target"), file), file)
        return target

    @classmethod
    def from_dict(cls, data: Any, where: str = "target") -> Target:
        """Return the target that a parsed file describes; FormatError where it does not."""
        from ._format import check

        return cls(**check(data, where, KINDS, COLUMNS, FORMAT))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The costs that this target models."""
        some = next(iter(self.coefficients.values()))
        return tuple(name for name in METRICS if name in some)

    def set_for(self, family: str) -> str:
        """Return the coefficient set that holds for a family."""
        for name, families in self.sets.items():
            if family in families:
                return name
        return "default" if "default" in self.coefficients else next(iter(self.coefficients))

    @cached
    def _models(self) -> dict[str, core.Model]:
        return {}

    def model(self, family: str) -> core.Model:
        """Return the compiled cost model for a family: coefficients, units and links."""
        name = self.set_for(family)
        if name not in self._models:
            kind = KINDS[self.kind]
            table = self.coefficients[name]
            rows = tuple(
                (0.0, *(float(table.get(column, {}).get(feature, 0.0)) for column in COLUMNS))
                for feature in kind.FEATURES
            )
            links = kind.links(self.links.get(name, {}))
            links["modelled"] = 1 | sum(
                1 << (k + 1) for k, metric in enumerate(METRICS) if metric in table
            ) | 0b110000
            self._models[name] = core.Model(self.kind, rows, kind.QUANTUM, links)
        return self._models[name]

    def columns(self, family: str) -> int:
        """Return a bit per table column that the model fills (see flash/_core/problem.h)."""
        table = self.coefficients[self.set_for(family)]
        return sum(1 << (k + 1) for k, column in enumerate(COLUMNS) if any(table.get(column, {}).values()))

    def cost(self, net: Architecture | Network) -> Cost:
        """Charge one network.

        Parameters
        ----------
        net : Architecture or Network

        Returns
        -------
        Cost
            Bit for bit what a search over a space with this network reports.

        Raises
        ------
        ArgumentTypeError
            If `net` is neither.
        """
        from .costing import cost

        return cost(self, net)

    def costs(self, space: Any, indices: Any) -> dict[str, Any]:
        """Charge many configurations of a space.

        Parameters
        ----------
        space : SearchSpace or str
        indices : array-like of int, shape (n,) or (n, variables)
            Flat indices, or rows of choice indices.

        Returns
        -------
        dict of ndarray
            One array of shape (n,) per modelled cost.
        """
        from ..problem import evaluate

        result = evaluate(space, self, indices)
        return {name: result[name] for name in self.metrics}


def as_target(value: Any) -> Target:
    """Return a Target from what users pass: one, a name, a path."""
    if isinstance(value, Target):
        return value
    return Target.load(value)


__all__ += ["ArgumentError", "FormatError", "as_target"]
