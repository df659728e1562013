"""Design spaces: accelerators to choose from, each an ordinary target.

A design space has parts (an FPGA's units; a systolic array or an RRAM chip is one part), a part has
options, and a configuration is an option of each part. Where parts draw on common resources, only
configurations within the limits count. A kind's module says what its options are
(``design_parts``), and what target a configuration amounts to (``configured``).
"""

from __future__ import annotations

from collections.abc import Mapping

from .._core.design.candidates import fitting, undominated
from .._core.model import compile as core
from ..base import checks
from ..base.record import Record, cached, text
from ..errors import ArgumentError, ArgumentTypeError
from . import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..base.html import Part as Shown
    from . import Target

__all__ = ["DesignSpace", "Part", "design_space"]


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
        return fitting([part.uses for part in self.parts], list(self.limits.values()))

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
        """Return what even the smallest parts are short of, each resource on its own; else, where
        no configuration fits, what one with the smallest shares of the resources is; or None."""
        return self._least_shortage

    @cached
    def _least_shortage(self) -> str | None:
        from .fpga import shortage

        least = {
            name: sum(min(row[r] for row in part.uses) for part in self.parts)
            for r, name in enumerate(self.limits)
        }
        short = shortage(least, self.limits)
        if short is not None or len(self.parts) == 1 or self.candidates:
            return short
        most = tuple(self.limits.values())
        nearest = []
        for part in self.parts:
            shares = [max([a / b for a, b in zip(row, most, strict=True)]) for row in part.uses]
            nearest.append(shares.index(min(shares)))
        return self.shortage(nearest)

    def describe(self, choice: Sequence[int]) -> dict[str, Any]:
        """Return a configuration's values by part and dimension."""
        return {
            part.name: dict(part.options[k])
            for part, k in zip(self.parts, choice, strict=True)
        }  # fmt: skip

    def choice_of(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the configuration that has some values: an option's number for each part.

        Parameters
        ----------
        values : dict of str to dict
            By part and dimension, as `describe` and ``result.accelerator["values"]`` have them. A
            dimension may be left out where the others leave but one option. A space of one part
            takes its dimensions alone.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If a part or a dimension is missing or not known, or no option, or more than one, has
            the values. Whether all parts fit the device together, `shortage` says.
        """
        names = [part.name for part in self.parts]
        given: Any = values
        if len(names) == 1 and isinstance(given, Mapping) and names[0] not in given:
            given = {names[0]: given}
        _of_mapping("values", given, names)
        for name in names:
            if name not in given:
                raise ArgumentError(f"values lacks {name!r}: it must have {', '.join(names)}")
        return tuple(_option(part, given[part.name]) for part in self.parts)

    def target_of(
        self, choice: Sequence[int] | Mapping[str, Any], bits: int | None = None
    ) -> Target:
        """Return the target that a configuration amounts to.

        Parameters
        ----------
        choice : sequence of int, or dict
            An option's number for each part, or values: see `choice_of`.
        bits : int, optional
            Of all of a network's numbers, where the target has that choice.
        """
        if isinstance(choice, Mapping):
            choice = self.choice_of(choice)
        fields = KINDS[self.target.kind].configured(self.target, self.describe(choice), bits)
        return self.target.replace(**{"design": None, "intervals": None, **fields})

    def __repr__(self) -> str:  # its options fill many screens
        return f"DesignSpace({self.target.name!r}, {self.family!r}, {self.size:,} accelerators)"

    def __str__(self) -> str:
        return text(self._parts())

    def _parts(self) -> list[Shown]:
        limits = ", ".join(f"{name} {most:,}" for name, most in self.limits.items())
        rows: list[tuple[str, ...]] = [("part", "open", "values")]
        for part in self.parts:
            for key in part.options[0]:
                values = dict.fromkeys(option[key] for option in part.options)
                rows.append((part.name, key, ", ".join(map(str, values))))
        count = f"{self.size:,} accelerators"
        if limits:
            count += f", {self.feasible:,} of them within {limits}"
        bits = ", ".join(map(str, self.cell_bits))
        return [
            f"{self.target.name} for {self.family}: {count}",
            (rows, 3, True),
            f"bits of each cell: {bits}" if bits else "",
        ]

    # What the solver needs

    @cached
    def pruned(self) -> list[list[int]]:
        """The options of each part that may be worth taking, fastest first: see `prune`."""
        return prune(self.parts, self.limits)

    @cached
    def candidates(self) -> list[tuple[int, ...]]:
        """Configurations within the resources of which one is the best of all, whatever the network
        and the budgets: those that no other has at least as much of everything as.

        Raises
        ------
        ArgumentError
            If there are more than a million, or finding them takes too long.
        """
        kept = self.pruned
        if len(kept) == 1 or not all(kept):
            return [(k,) for k in kept[0]] if len(kept) == 1 else []
        rows = []
        for part, own in zip(self.parts, kept, strict=True):
            better = part.better or [(k, -k) for k in range(len(part.options))]
            rows.append(([better[k] for k in own], [part.uses[k] for k in own]))
        try:
            found = undominated(rows, list(self.limits.values()))
        except OverflowError as error:
            raise ArgumentError(
                f"target {self.target.name!r} has too large a design space for {self.family}, "
                f"name fewer values: {error}"
            ) from None
        return [tuple([own[k] for own, k in zip(kept, one, strict=True)]) for one in found]

    def group(self, choice: tuple[int, ...]) -> int:
        """Return a number that configurations share whose totals become metrics alike."""
        return 0 if self.divided else id(self._target(choice).links)

    def alike(self) -> list[list[tuple[int, ...]]]:
        """Return the candidates by their `group`."""
        groups: dict[int, list[tuple[int, ...]]] = {}
        for one in self.candidates:
            groups.setdefault(self.group(one), []).append(one)
        return list(groups.values())

    @property
    def divided(self) -> bool:
        """Whether each part has a model of its own, and the others do not change it."""
        return hasattr(KINDS[self.target.kind], "part_array")

    @cached
    def idle(self) -> list[core.Model] | None:
        """Models that charge for nothing, where parts have models of their own."""
        return self._part_models("", {}) if self.divided else None

    @cached
    def _targets(self) -> dict[tuple[int, ...], Target]:
        return {}

    def _target(self, choice: tuple[int, ...]) -> Target:
        found = self._targets.get(choice)
        if found is None:
            found = self._targets[choice] = self.target_of(choice)
        return found

    @cached
    def _models(self) -> dict[tuple[int, int], list[core.Model]]:
        return {}

    def models(self, part: int, option: int) -> list[core.Model]:
        """Return the core's models of an option of a part, one for each number of bits: they charge
        for what the part does."""
        found = self._models.get((part, option))
        if found is None:
            own = self.parts[part]
            found = self._models[part, option] = (
                self._part_models(own.name, own.options[option])
                if self.divided
                else [self._target((option,)).model(self.family)]
            )
        return found

    def _part_models(self, name: str, option: dict[str, Any]) -> list[core.Model]:
        make = KINDS[self.target.kind].part_array
        names = [one.name for one in self.parts]
        arrays = [
            make(self.target.parameters, names, name, option, bits)
            for bits in self.cell_bits or (None,)
        ]
        return [self.target.model_on(self.family, array) for array in arrays]


def _of_mapping(name: str, given: Any, names: Sequence[str]) -> None:
    """Check that a mapping has no other keys than these."""
    if not isinstance(given, Mapping):
        raise ArgumentTypeError(
            f"{name} must be a dict of {', '.join(names)}, got {checks.shown(given)}"
        )
    for key in given:
        if key not in names:
            raise ArgumentError(
                f"{name} has {checks.shown(key)}{checks.hint(key, names)}; it takes "
                f"{', '.join(names)}"
            )


def _option(part: Part, given: Any) -> int:
    """Return the number of the one option of a part that has some values."""
    _of_mapping(f"values[{part.name!r}]", given, tuple(part.options[0]))
    found = list(range(len(part.options)))
    told: list[str] = []
    for key, value in given.items():
        left = [k for k in found if part.options[k][key] == value]
        if not left:
            values = dict.fromkeys(part.options[k][key] for k in found)
            beside = f" beside {', '.join(told)}" if told else ""
            raise ArgumentError(
                f"values[{part.name!r}][{key!r}] must be one of {', '.join(map(repr, values))}"
                f"{beside}, got {checks.shown(value)}"
            )
        found = left
        told.append(f"{key} {value!r}")
    if len(found) > 1:
        rest = [
            key for key in part.options[0] if len({repr(part.options[k][key]) for k in found}) > 1
        ]
        raise ArgumentError(
            f"values[{part.name!r}] leaves {len(found)} options open: say {', '.join(rest)} too"
        )
    return found[0]


def design_space(target: Target, family: str) -> DesignSpace:
    """Return a target's design space for a family: see `Target.design_space`."""
    if target.tiles is not None:
        from .tiles import refuse_several

        refuse_several(target, "for codesign")
    if target.design is None:
        raise ArgumentError(
            f"target {target.name!r} has no design space: its hardware is not open to choice"
        )
    checks.text("family", family)
    kept: dict[str, DesignSpace] = target.__dict__.setdefault("_designs", {})
    if family not in kept:
        module = KINDS[target.kind]
        parts, limits = module.design_parts(target.design, target.parameters, family)
        bits = tuple(target.design.get("cell_bits", ()))
        kept[family] = DesignSpace(target, family, tuple(parts), limits, bits)
    return kept[family]


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
            if goods:
                kept = undominated([(goods, [()] * len(goods))], [])
                fitting = [fitting[i] for (i,) in kept]
            # fastest first
            fast = better
            fitting.sort(key=lambda k: -fast[k][0] * fast[k][1] * fast[k][2])
        result.append(fitting)
    return result
