"""Design spaces: accelerators to choose from, each an ordinary target.

A design space has parts (an FPGA's units; a systolic array or an RRAM chip is one part), a part has
options, and a configuration is an option of each part. Where parts draw on common resources, only
configurations within the limits count. A kind's module says what its options are
(``design_parts``), and what target a configuration amounts to (``configured``).
"""

from __future__ import annotations

from .._core import compile as core
from .._record import Record, cached
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from . import Target

__all__ = ["DesignSpace", "Part", "design_space"]

MAX_MODELS = 4096  # kept with a space


class Part(Record):
    """A part of an accelerator, and what it may be.

    Parameters
    ----------
    name : str
    options : tuple of dict
        Values by dimension.
    uses : tuple of tuple of int
        What each takes of the resources, in the order of the limits.
    better : tuple of tuple of int, or None
        Of each, numbers above 0 of which more is never dearer: an option that has at least as much
        of all costs every layer no more. None: nothing of the kind is known.
    """

    name: str
    options: tuple[dict[str, Any], ...]
    uses: tuple[tuple[int, ...], ...]
    better: tuple[tuple[int, ...], ...] | None = None


class DesignSpace(Record):
    """What of a target's hardware is open to choice, for one family of networks.

    Parameters
    ----------
    target : Target
    family : str
    parts : tuple of Part
    limits : dict of str to int
        What all parts together may take of each resource.
    cell_bits : tuple of int
        Bits that each cell of a network may have; empty where the target has no such choice.
    """

    target: Target
    family: str
    parts: tuple[Part, ...]
    limits: dict[str, int]
    cell_bits: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Configurations, those beyond the resources included."""
        size = 1
        for part in self.parts:
            size *= len(part.options)
        return size

    @cached
    def feasible(self) -> int:
        """Configurations within the resources, counted."""
        known: dict[tuple[int, ...], int] = {(0,) * len(self.limits): 1}
        most = tuple(self.limits.values())
        for part in self.parts:
            kinds: dict[tuple[int, ...], int] = {}
            for one in part.uses:
                kinds[one] = kinds.get(one, 0) + 1
            after: dict[tuple[int, ...], int] = {}
            for used, count in known.items():
                for one, times in kinds.items():
                    both = tuple([a + b for a, b in zip(used, one, strict=True)])
                    if all(a <= b for a, b in zip(both, most, strict=True)):
                        after[both] = after.get(both, 0) + count * times
            known = after
        return sum(known.values())

    def configurations(self) -> Iterator[tuple[int, ...]]:
        """Yield every configuration within the resources: an option's number for each part."""
        from itertools import product

        for choice in product(*(range(len(part.options)) for part in self.parts)):
            if self.shortage(choice) is None:
                yield choice

    def used(self, choice: Sequence[int]) -> dict[str, int]:
        """Return what a configuration takes of each resource."""
        rows = [part.uses[k] for part, k in zip(self.parts, choice, strict=True)]
        return {name: sum(row[r] for row in rows) for r, name in enumerate(self.limits)}

    def shortage(self, choice: Sequence[int]) -> str | None:
        """Return which resources a configuration is short of, and by how much; or None."""
        from .fpga import shortage

        return shortage(self.used(choice), self.limits)

    def least_shortage(self) -> str | None:
        """Return what even the smallest parts are short of, or None."""
        return self._least_shortage

    @cached
    def _least_shortage(self) -> str | None:
        from .fpga import shortage

        least = {
            name: sum(min(row[r] for row in part.uses) for part in self.parts)
            for r, name in enumerate(self.limits)
        }
        return shortage(least, self.limits)

    def describe(self, choice: Sequence[int]) -> dict[str, Any]:
        """Return a configuration's values by part and dimension."""
        return {
            part.name: dict(part.options[k])
            for part, k in zip(self.parts, choice, strict=True)
        }  # fmt: skip

    def target_of(self, choice: Sequence[int], bits: int | None = None) -> Target:
        """Return the target that a configuration amounts to.

        bits : of all of a network's numbers, where the target has that choice
        """
        from . import KINDS

        fields = KINDS[self.target.kind].configured(self.target, self.describe(choice), bits)
        return self.target._replace(design=None, intervals=None, **fields)

    # What the solver needs

    @cached
    def _models(self) -> dict[Any, core.Model]:
        return {}

    def model(self, choices: Sequence[Sequence[int]], bits: int | None) -> core.Model:
        """Return the core's model of a configuration, or the least of several."""
        found = [self._one(tuple(choice), bits) for choice in choices]
        return found[0] if len(found) == 1 else core.Model.least(found)

    def _one(self, choice: tuple[int, ...], bits: int | None) -> core.Model:
        model = self._models.get((choice, bits))
        if model is None:
            if len(self._models) >= MAX_MODELS:
                self._models.clear()
            model = self.target_of(choice, bits).model(self.family)
            self._models[choice, bits] = model
        return model


def design_space(target: Target, family: str) -> DesignSpace:
    """Return a target's design space for a family: see `Target.design_space`."""
    from . import KINDS

    if target.design is None:
        raise ArgumentError(
            f"target {target.name!r} has no design space: its hardware is not open to choice"
        )
    kept: dict[str, DesignSpace] = target.__dict__.setdefault("_designs", {})
    if family not in kept:
        module = KINDS[target.kind]
        parts, limits = module.design_parts(target.design, target.parameters, family)
        bits = tuple(target.design.get("cell_bits", ()))
        kept[family] = DesignSpace(target, family, tuple(parts), limits, bits)
    return kept[family]


def maximal(part: Part, among: Sequence[int]) -> list[int]:
    """Return the options that no other of `among` is at least as good as, the first of equals."""
    if part.better is None:
        return list(among)
    better = part.better
    kept: list[int] = []
    for k in sorted(among, key=lambda k: [-product(better[k]), k]):
        own = better[k]
        if not any(all(a >= b for a, b in zip(better[j], own, strict=True)) for j in kept):
            kept.append(k)
    return kept


def product(numbers: Sequence[int]) -> int:
    """Return the product: of two comparable tuples the greater has the greater one."""
    result = 1
    for number in numbers:
        result *= number
    return result


def prune(parts: Sequence[Part], limits: Mapping[str, int]) -> list[list[int]]:
    """Return each part's options that may be worth taking: those that fit with the smallest others,
    and for which none that takes no more of anything is as good."""
    most = tuple(limits.values())
    floors = [[min(row[r] for row in part.uses) for r in range(len(most))] for part in parts]
    result = []
    for number, part in enumerate(parts):
        room = [
            limit - sum(floor[r] for other, floor in enumerate(floors) if other != number)
            for r, limit in enumerate(most)
        ]
        fitting = [
            k
            for k, row in enumerate(part.uses)
            if all(a <= b for a, b in zip(row, room, strict=True))
        ]
        better = part.better
        if better is not None:
            goods = [(*better[k], *(-a for a in part.uses[k] if len(parts) > 1)) for k in fitting]
            fitting = [fitting[i] for i in _undominated(goods)]
            ranked = sorted((-product(better[k][:3]), k) for k in fitting)  # fastest first
            fitting = [k for _, k in ranked]
        result.append(fitting)
    return result


def _undominated(rows: Sequence[tuple[int, ...]]) -> list[int]:
    """Return the rows that no other has at least as much of everything as, the first of equals."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i], -i), reverse=True)
    kept: list[int] = []
    for i in order:  # what dominates a row comes before it
        own = rows[i]
        if not any(all(a >= b for a, b in zip(rows[j], own, strict=True)) for j in kept):
            kept.append(i)
    return sorted(kept)
