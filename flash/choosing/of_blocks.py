"""A space of blocks as a problem of choices: a group for each block or stage, its costs and scores.

What `BlockSpace.choices` gives. The numbers are those that the space's tables are made of, row by
row; so a choice's metrics are the costs of its network wherever these are plain sums.
"""

from __future__ import annotations

import numpy as np

from ..base.checks import hint, shown
from ..base.names import COSTS, Column, Metric
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError
from ..problem.blocks import AT, charges_of, counted_of, image_bytes
from ..spaces.blocks.recipe import check_alike, recipe_of, rows_of_cell
from .problem import ChoiceProblem
from .reading import columns_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy.typing as npt

    from ..hardware.target import Target
    from ..spaces.blocks.network import BlockNetwork
    from ..spaces.blocks.numbering import Cell
    from ..spaces.blocks.options import Variant
    from ..spaces.blocks.space import BlockSpace

    Floats = npt.NDArray[np.float64]

__all__ = ["choices_of", "network_of"]

GROUP, OPTION = "layer", "option"
DIGITS = 9  # of costs: a millionth of a nanosecond, so that sums of them are exact
TOLD = 5  # rows that an error names
# where each cost is in tables of targets whose costs are plain sums
COLUMN_OF = dict(zip(COSTS, (Column.LATENCY, Column.ENERGY, Column.AREA), strict=True))
OWN = ("params", "macs", "weights_kib", "memory_kib", *COSTS)


def choices_of(space: BlockSpace, target: Target | str | None, scores: Any) -> ChoiceProblem:
    """Return a space's choices as a problem: see `BlockSpace.choices`."""
    layouts = space.numbering.layouts
    if len(layouts) > 1:
        chosen = ", ".join(one.name for one in space.numbering.globals)
        raise ArgumentError(
            f"{space.name} has choices that hold for the whole network, of which a problem of "
            f"choices has none: give each of them one value ({chosen}); cell='stage' keeps a "
            "stage's width and repeats within the stage"
        )
    target = _target(target)
    columns: dict[str, list[Floats]] = {}
    options: dict[str, list[str]] = {}
    takes: list[str] = []
    gives: list[str] = []
    facts: list[tuple[str, str, dict[str, Any]]] = []
    groups = groups_of(space)
    for group in groups:
        options[group.name] = [one[0] for one in group.options]
        for label, own, into, width in group.options:
            takes.append(str(into))
            gives.append(str(width))
            facts.append((group.name, label, own))
        for metric, values in _numbers(space, target, group, group is groups[0]).items():
            columns.setdefault(metric, []).append(values)
    metrics: dict[str, Any] = {name: np.concatenate(some) for name, some in columns.items()}
    alone = {name for name, some in options.items() if len(some) == 1}
    if scores is not None:
        found = _scores(scores, options, facts, alone)
        for name in found:
            if name in metrics:
                raise ArgumentError(
                    f"scores has a column {shown(name)}, which the space has itself; rename it, or "
                    "leave it out"
                )
        metrics.update(found)
    several = any(len({one[2] for one in group.options}) > 1 for group in groups)
    return ChoiceProblem(
        options, metrics, peaks=["memory_kib"],
        takes=takes if several else None, gives=gives if several else None,
        group_name=GROUP, option_name=OPTION,
    )  # fmt: skip


class Group(Record):
    """A block, or a stage that is one choice.

    Parameters
    ----------
    name : str
    cell, spot : int
        Numbers of its cell, and of the block in it where each is a choice by itself.
    options : list of (str, dict, int, int)
        Label, choices of a single block, the width that it reads and the one that it hands on.
    contexts : array or None
        Of each option the context of its block (-1: none); None where options are rows of the cell.
    """

    name: str
    cell: int
    spot: int
    options: list[tuple[str, dict[str, Any], int, int]]
    contexts: Any

    def rows(self, space: BlockSpace, values: Floats, peak: int | None, what: str) -> Floats:
        """Return what each option has of numbers of contexts."""
        recipe = recipe_of(space)
        names = [what] * values.shape[1]
        if self.contexts is None:
            check_alike(recipe, 0, self.cell, values, names)
            return rows_of_cell(recipe, 0, self.cell, values, peak)
        check_alike(recipe, 0, self.cell, values, names, spot=self.spot)
        padded = np.vstack([values, np.zeros(values.shape[1])])
        found: Floats = padded[self.contexts]
        return found


def groups_of(space: BlockSpace) -> list[Group]:
    """Return the groups of a space of one variant."""
    numbering = space.numbering
    found: list[Group] = []
    for place, (cell, betweens) in enumerate(recipe_of(space).cells[0]):
        name = numbering.names[cell.stage]
        if not cell.apart:
            found.append(Group(name, place, 0, labelled(space, cell), None))
            continue
        stage, width = numbering.stages[cell.stage], cell.widths[0]
        for k, spot in enumerate(cell.spots):
            read = cell.into if k == 0 else (width,)
            options = []
            for into in read:
                for digit in spot.options:
                    one = stage.variants[digit]
                    label = one.label if len(read) == 1 else f"{one.label} behind {into}"
                    options.append((label, {OPTION: one.name, **one.keywords}, into, width))
            contexts = [one.spots[k].contexts[0] for one in betweens[: len(read)]]
            own = f"{name}_{spot.place}" if max(stage.depths) > 1 else name
            found.append(Group(own, place, k, options, np.concatenate(contexts)))
    return found


def labelled(space: BlockSpace, cell: Cell) -> list[tuple[str, dict[str, Any], int, int]]:
    """Return of each table row of a cell its label, the choices of its one block, the width that it
    reads and the one that it hands on."""
    stage = space.numbering.stages[cell.stage]
    found: list[tuple[str, dict[str, Any], int, int]] = []
    for into in cell.into:
        for row in range(cell.rows):
            width, depth, blocks = cell.digits(row)
            handed = into if stage.widths is None else cell.widths[width]
            digits = blocks * cell.depths[depth] if cell.shared else blocks
            some: list[Variant] = [
                stage.variants[spot.options[digit]]
                for spot, digit in zip(cell.spots, digits, strict=False)
            ]
            label = ", ".join(one.label for one in some)
            if len(cell.widths) > 1:
                label = f"{handed}: {label}"
            if len(cell.into) > 1:
                label = f"{label} behind {into}"
            own = {OPTION: some[0].name, **some[0].keywords} if len(some) == 1 else {}
            found.append((label, own, into, handed))
    return found


def _target(given: Target | str | None) -> Target | None:
    if given is None:
        return None
    from ..hardware.target import Target

    found = given if isinstance(given, Target) else Target.load(given)
    links = dict(found.model("").links)
    for name in ("quantum", "modelled"):
        links.pop(name, None)
    if any(links.values()):
        raise _no_sums(found)
    return found


def _no_sums(target: Target) -> ArgumentError:
    return ArgumentError(
        f"target: costs on {target.name!r} are no sums over blocks, which metrics of choices are; "
        "flash.search proves its answers on it"
    )


def _numbers(
    space: BlockSpace, target: Target | None, group: Group, first: bool
) -> dict[str, Floats]:
    """Return each metric of a group's options."""
    counts, peak = counted_of(space), AT["peak_bytes"]
    counted = group.rows(space, counts[:, :peak], None, "counts")
    found = {name: counted[:, AT[name]] for name in ("params", "macs")}
    found["weights_kib"] = counted[:, AT["weights_bytes"]] / 1024
    peaks = group.rows(space, counts[:, peak:], 0, "peaks")[:, 0]
    found["memory_kib"] = (peaks + image_bytes(space, 0)) / 1024
    for name in further(space):
        found[name] = group.rows(space, _further(space, name), None, name)[:, 0]
    if target is None:
        return found
    units = target.model("").links["quantum"]
    costs = group.rows(space, charges_of(space, target), Column.PEAK, "costs")
    if costs[:, [k for k in Column.CHARGED if k not in COLUMN_OF.values()]].any():
        raise _no_sums(target)
    beside = {} if target.table is None else target.table.constants()
    for metric, name in enumerate(COSTS, Metric.LATENCY):
        if name not in target.metrics:
            continue
        values = costs[:, COLUMN_OF[name]]
        if first:  # what a network takes beyond its layers
            values = values + beside.get(COLUMN_OF[name], 0.0)
        found[name] = np.round(values * units[metric], DIGITS)
    return found


def further(space: BlockSpace) -> dict[str, None]:
    """Return the names of what options add beside costs."""
    found: dict[str, None] = {}
    for stage in space.all_stages:
        for option in stage.options.values():
            if option is not None:
                found.update(dict.fromkeys(option.metrics or {}))
    for name in found:
        if name in OWN:
            raise ArgumentError(f"metrics of an option must not be named {shown(name)}")
    return found


def _further(space: BlockSpace, name: str) -> Floats:
    """Return what each context adds of it, shape (contexts, 1)."""
    values = []
    for context in recipe_of(space).contexts:
        one = context.fragment
        option = one.variant.option
        function = (option.metrics or {}).get(name) if option is not None else None
        value: Any = 0.0
        if option is not None and function is not None:
            keywords = dict(one.variant.keywords)
            if option.shape:
                keywords["shape"] = one.shape_in
            value = function(one.in_channels, one.out_channels, one.stride, **keywords)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value - value:
                raise ArgumentError(
                    f"{name} of {one.name} must be a finite number, got {shown(value)}"
                )
        values.append([float(value)])
    return np.array(values, np.float64).reshape(-1, 1)


# a table of scores


def _scores(
    source: Any,
    options: Mapping[str, Sequence[str]],
    facts: Sequence[tuple[str, str, dict[str, Any]]],
    alone: set[str],
) -> dict[str, Floats]:
    """Return the scores of all options; 0 for those of groups of one that a table leaves out."""
    columns = columns_of(source, GROUP, OPTION)
    count = len(next(iter(columns.values()), ()))
    if not count:
        raise ArgumentError("scores must have at least one row, got none")
    if GROUP not in columns:
        raise ArgumentError(
            f"scores must have a column {shown(GROUP)}, got {', '.join(map(str, columns))}"
        )
    keys = tuple(dict.fromkeys(key for _, _, own in facts for key in own if key != OPTION))
    told = tuple(key for key in keys if key in columns)
    if OPTION not in columns and not told:
        raise ArgumentError(
            f"scores must have a column {shown(OPTION)}, or of choices ({', '.join(keys)}), got "
            f"{', '.join(map(str, columns))}"
        )
    names = [name for name in columns if name not in (GROUP, OPTION, *keys)]
    if not names:
        raise ArgumentError(f"scores must have a column beside {', '.join(map(str, columns))}")
    places = _places(options, facts, told, OPTION in columns)
    numbered = [name for name, some in options.items() if len(some) > 1]
    found = {name: np.full(len(facts), np.nan) for name in names}
    met: dict[int, int] = {}
    for row in range(count):
        group = _group(columns[GROUP][row], options, numbered, row)
        asked = tuple(_text(columns[key][row]) for key in told)
        label = _text(columns[OPTION][row]) if OPTION in columns else ""
        place = places.get((group, label, asked))
        if place is None:
            what = " ".join(
                [
                    *([label] if label else []),
                    *(f"{k} {v}" for k, v in zip(told, asked, strict=True)),
                ]
            )
            raise ArgumentError(
                f"scores, row {row}: {GROUP} {shown(group)} has no option {shown(what)}"
                f"{hint(what, options[group])}"
            )
        if place in met:
            raise ArgumentError(
                f"scores has {GROUP} {shown(group)}, {OPTION} {shown(facts[place][1])} twice: rows "
                f"{met[place]} and {row}"
            )
        met[place] = row
        for name in names:
            found[name][place] = _number(name, columns[name][row], row)
    missing = [k for k, (group, _, _) in enumerate(facts) if k not in met and group not in alone]
    if missing:
        some = "; ".join(f"{facts[k][0]}: {facts[k][1]}" for k in missing[:TOLD])
        more = f"; and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
        raise ArgumentError(f"scores lacks {len(missing)} rows ({some}{more})")
    return {name: np.nan_to_num(values) for name, values in found.items()}


def _places(
    options: Mapping[str, Sequence[str]],
    facts: Sequence[tuple[str, str, dict[str, Any]]],
    told: tuple[str, ...],
    named: bool,
) -> dict[tuple[str, str, tuple[str, ...]], int]:
    """Return the place of each option by its group and what a row of a table says of it: its label,
    or its option and choices, or its choices alone."""
    found: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for k, (group, label, own) in enumerate(facts):
        asked = tuple(_text(own.get(key)) for key in told)
        ways = {("", asked)}
        if named:
            ways = {(_text(label), asked), (_text(own.get(OPTION, label)), asked)}
        for text, choices in ways:
            key = (group, text, choices)
            if key in found and len(options[group]) > 1:
                if not named:
                    raise ArgumentError(
                        f"scores must have a column {shown(OPTION)}: {', '.join(told)} alone do "
                        f"not tell {shown(label)} from {shown(facts[found[key]][1])}"
                    )
                found[key] = -1  # what several options are called
                continue
            found[key] = k
    return {key: k for key, k in found.items() if k >= 0}


def _group(
    given: Any, options: Mapping[str, Sequence[str]], numbered: Sequence[str], row: int
) -> str:
    """Return a group by its name, or by its number among those that have a choice."""
    name = _text(given) or ("0" if _is_zero(given) else str(given))
    if name in options:
        return name
    if name.isdigit() and int(name) < len(numbered):
        return numbered[int(name)]
    raise ArgumentError(
        f"scores, row {row}: there is no {GROUP} {shown(given)}{hint(name, options)}; accepted are "
        f"{', '.join(list(options)[:3])}, ... and numbers from 0 to {len(numbered) - 1} of those "
        "that have a choice"
    )


def _text(value: Any) -> str:
    """Return a choice as a table may have it: numbers alike however written, 0 and gaps as none."""
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        value = value.strip()
        if value in ("True", "False"):  # of a file
            value = value == "True"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if number == 0:
        return ""
    return repr(number) if number % 1 else str(int(number))


def _is_zero(value: Any) -> bool:
    try:
        return float(value) == 0
    except (TypeError, ValueError):
        return False


def _number(name: str, value: Any, row: int) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if found - found:
        raise ArgumentError(f"scores, row {row}: {name} must be a number, got {shown(value)}")
    return found


def network_of(space: BlockSpace, choices: Any) -> BlockNetwork:
    """Return the network of an answer: see `BlockSpace.chosen`."""
    given = getattr(choices, "choices", choices)
    if not hasattr(given, "items"):
        raise ArgumentTypeError(
            f"choices must be an answer of flash.choose or a table, got {shown(choices)}"
        )
    layout = space.numbering.layouts[0]
    blocks: dict[int, list[int]] = {}
    rows = [0] * len(layout.cells)
    for group in groups_of(space):
        some = [one[0] for one in group.options]
        label = given.get(group.name, some[0] if len(some) == 1 else None)
        if label not in some:
            raise ArgumentError(
                f"choices: {GROUP} {shown(group.name)} must be one of its options, "
                f"got {shown(label)}{hint(str(label), some)}"
            )
        cell = layout.cells[group.cell]
        if group.contexts is None:
            rows[group.cell] = some.index(label) % cell.rows
            continue
        own = blocks.setdefault(group.cell, [])
        own.append(some.index(label) % len(cell.spots[group.spot].options))
        if len(own) == len(cell.spots):
            rows[group.cell] = cell.number(0, 0, own)
    return space.decode(space.numbering.row_of(0, rows))
