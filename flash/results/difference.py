"""Two results side by side: what was chosen otherwise, and what that costs."""

from __future__ import annotations

from ..base.checks import shown
from ..base.names import LABELS, TERMS, UNITS
from ..charts.chart import Axis, Bars, Chart, Panel, Rule, Texts
from ..charts.metrics import unit_of
from ..errors import ArgumentError, ArgumentTypeError
from .screen import quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..base.html import Part
    from .result import SearchResult

    Row = tuple[str, str, str]

__all__ = ["chart_of", "checked", "choices_of", "costs_of", "parts_of", "times_of"]

TOLD = 6  # choices that the chart names
LABELS_OF_ALL = {"nn_degree": "NN-Degree", **LABELS}
NAMES = ("first", "second")


def checked(result: SearchResult[Any], other: object) -> SearchResult[Any]:
    """Return the other result, after a check that both have a network."""
    from .result import SearchResult

    if not isinstance(other, SearchResult):
        raise ArgumentTypeError(
            f"against must be a SearchResult, got {shown(other)} ({type(other).__name__})"
        )
    for name, one in (("this result", result), ("against", other)):
        if one.architecture is None:
            raise ArgumentError(f"{name} has no network: {one.status}, {one.message}")
    return other


def titles_of(first: SearchResult[Any], second: SearchResult[Any]) -> tuple[str, str]:
    """Return what tells the two apart: spaces, targets, methods or budgets, whatever differs."""
    found: list[list[str]] = [[], []]
    for read in (
        lambda one: one.space.family,
        lambda one: one.target,
        lambda one: one.method,
        lambda one: ", ".join(f"{k} {v:g}" for k, v in one.budgets.items()),
    ):
        pair = [read(first), read(second)]
        if pair[0] != pair[1]:
            for own, text in zip(found, pair, strict=True):
                own.append(text or "no budget")
    return tuple(  # type: ignore[return-value]
        ", ".join((name, *own)) for name, own in zip(NAMES, found, strict=True)
    )


def choices_of(first: SearchResult[Any], second: SearchResult[Any]) -> list[Row]:
    """Return (choice, what it is in the first, what in the second) of all choices."""
    ours, theirs = _chosen(first), _chosen(second)
    names = list(dict.fromkeys((*ours, *theirs)))
    return [(name, ours.get(name, "-"), theirs.get(name, "-")) for name in names]


def _chosen(result: SearchResult[Any]) -> dict[str, str]:
    net: Any = result.architecture
    found: dict[str, str] = {}
    if hasattr(net, "cells"):
        found["resolution"] = str(net.resolution)
        for number, cell in enumerate(net.cells, 1):
            for key, value in cell.to_dict().items():
                found[f"cell {number} {key}"] = f"{value:,}"
    elif hasattr(net, "space") and hasattr(net, "row"):
        for name, block in net.named():
            found[name] = f"{block.variant.label}, {block.out_channels:,} channels"
    elif hasattr(net, "repeats"):
        for number, (one, two, left, right) in enumerate(net.blocks):
            found[f"block {number}"] = f"{left}({one}) + {right}({two})"
    else:
        found["network"] = f"{len(net.network().layers):,} layers"
    if result.accelerator is not None:
        for part, values in result.accelerator["values"].items():
            told = ", ".join(f"{key} {value}" for key, value in values.items())
            found[f"accelerator {part}"] = told
        for number, bits in enumerate(result.accelerator["cell_bits"], 1):
            found[f"cell {number} bits"] = str(bits)
    return found


def costs_of(
    first: SearchResult[Any], second: SearchResult[Any]
) -> list[tuple[str, float, float, float | None]]:
    """Return (metric, first, second, second over first) of what both have."""
    found: list[tuple[str, float, float, float | None]] = []
    for name in ("nn_degree", *TERMS, "weights_kib", "memory_kib"):
        one, two = _metric(first, name), _metric(second, name)
        if one is not None and two is not None:
            found.append((name, one, two, two / one if one > 0 else None))
    return found


def _metric(result: SearchResult[Any], name: str) -> float | None:
    try:
        value: float | None = getattr(result, name)
    except ArgumentError:  # memory of a network whose connections are not known
        return None
    return value


def times_of(
    first: SearchResult[Any], second: SearchResult[Any]
) -> list[tuple[str, float, float]] | None:
    """Return (part, first, second): the time of each cell or stage, in milliseconds.

    None where a target is not at hand.
    """
    ours, theirs = _times(first), _times(second)
    if ours is None or theirs is None:
        return None
    names = list(dict.fromkeys((*ours, *theirs)))
    names.sort(key=lambda name: (name != "stem", name == "head"))
    return [(name, ours.get(name, 0.0), theirs.get(name, 0.0)) for name in names]


def _times(result: SearchResult[Any]) -> Mapping[str, float] | None:
    from ..errors import FlashError
    from ..hardware.target import as_target

    net: Any = result.architecture
    kept = result.__dict__.get("_asked", (None, None))[0]
    if result.accelerator is not None or result.costs is not None:
        return None
    try:
        cost = as_target(kept or result.target).cost(net)
    except (FlashError, OSError):
        return None
    rows = net.network().layers
    if len(rows) != len(cost.by_layer):
        return None
    names = _names_of(net)
    found: dict[str, float] = {}
    begun = False
    for layer, one in zip(rows, cost.by_layer, strict=True):
        begun = begun or layer.cell is not None
        name = ("head" if begun else "stem") if layer.cell is None else names(layer.cell)
        found[name] = found.get(name, 0.0) + one.latency_ms
    return found


def _names_of(net: Any) -> Any:
    """Return what calls a cell by its number."""
    if not hasattr(net, "labelled"):
        return lambda cell: f"cell {cell + 1}"
    stages: dict[int, str] = {}
    for (name, _), (cell, _) in zip(net.named(), net.labelled(), strict=True):
        stage, _, number = name.rpartition("_")
        stages.setdefault(cell, stage if stage and number.isdigit() else name)
    return stages.__getitem__


def parts_of(first: SearchResult[Any], second: SearchResult[Any]) -> list[Part]:
    """Return the difference as lines of text and tables."""
    ours, theirs = titles_of(first, second)
    lines: list[Part] = [f"{ours}; {theirs}"]
    rows = [["", *NAMES, "ratio"]]
    for name, one, two, ratio in costs_of(first, second):
        unit = UNITS.get(name, "")
        told = "" if ratio is None else f"{ratio:.4g}"
        rows.append([LABELS_OF_ALL[name], quantity(one, unit), quantity(two, unit), told])
    lines += ["", (rows, 1, True)]
    differing = [row for row in choices_of(first, second) if row[1] != row[2]]
    if differing:
        lines += ["", ([["chosen otherwise", *NAMES], *map(list, differing)], 3, True)]
    else:
        lines += ["", "the same network"]
    times = times_of(first, second)
    if times is not None:
        rows = [["ms", *NAMES, "more"]]
        rows += [[name, f"{a:.4g}", f"{b:.4g}", f"{b - a:+.4g}"] for name, a, b in times]
        lines += ["", (rows, 1, True)]
    return lines


def chart_of(first: SearchResult[Any], second: SearchResult[Any]) -> Chart:
    """Return the chart of ``first.plot(against=second)``."""
    from ..networks.drawing import colours_of, panel_of, widest
    from ..networks.scene import scene_of

    titles = titles_of(first, second)
    panels: list[Panel] = []
    scenes = [scene_of(one.architecture).thinned() for one in (first, second)]
    most = max(map(widest, scenes))  # the same channels are as high in both
    colours = colours_of(*scenes)
    panels += [panel_of(*pair, most, colours=colours) for pair in zip(scenes, titles, strict=True)]
    panels.append(_ratios(first, second))
    times = times_of(first, second)
    if times is not None:
        panels.append(_beside(times, titles))
    differing = [row for row in choices_of(first, second) if row[1] != row[2]]
    notes = [f"{name}: {one} and {two}" for name, one, two in differing[:TOLD]]
    if len(differing) > TOLD:
        notes.append(f"and {len(differing) - TOLD} other choices differ")
    if not differing:
        notes.append("the same network")
    if times is None:
        notes.append("layers' times are not told: a target is not at hand, or was chosen too")
    families = dict.fromkeys(one.space.family for one in (first, second))
    return Chart(
        f"two results of {' and '.join(families)}",
        panels,
        columns=1,
        notes=notes,
        size=(11.0, 12.0),
    )


def _ratios(first: SearchResult[Any], second: SearchResult[Any]) -> Panel:
    """Return what the second has of each metric, as a multiple of what the first has."""
    some = [one for one in costs_of(first, second) if one[3] is not None and one[3] > 0.0]
    ratios = [float(one[3] or 0.0) for one in some]
    texts = []
    for name, one, two, ratio in some:
        unit = unit_of(name)
        texts.append(f"{ratio:.3g}x: {quantity(one)} > {quantity(two, unit)}")
    moved = [k for k, one in enumerate(ratios) if one != 1.0]
    span = max((max(one, 1.0 / one) for one in ratios), default=1.0) ** 1.15
    span = max(span, 1.2)
    marks: list[Any] = [
        Bars(
            moved,
            [abs(ratios[k] - 1.0) for k in moved],
            start=[min(ratios[k], 1.0) for k in moved],
            flat=True,
            how="over",
            name="second over first",
            colour=0,
            hover=[texts[k] for k in moved],
        ),
        Rule(1.0, upright=True, dash="solid"),
        Texts([span * 1.02] * len(some), range(len(some)), texts, anchor="start"),
    ]
    return Panel(
        marks,
        x=Axis("second over first", log=True, limits=(1.0 / span, span * span**1.3)),
        y=Axis(
            categories=[LABELS_OF_ALL[one[0]] for one in some],
            flipped=True,
            limits=(-0.6, len(some) - 0.4),
        ),
    )


def _beside(times: Sequence[tuple[str, float, float]], titles: tuple[str, str]) -> Panel:
    marks: list[Any] = []
    for place, title in enumerate(titles):
        values = [one[1 + place] for one in times]
        marks.append(
            Bars(
                range(len(times)),
                values,
                name=title,
                colour=place,
                hover=[
                    f"{one[0]}: {value:.4g} ms" for one, value in zip(times, values, strict=True)
                ],
            )
        )
    return Panel(marks, x=Axis(categories=[one[0] for one in times]), y=Axis("time", "ms"))
