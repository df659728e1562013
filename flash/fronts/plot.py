"""What a picture of a front shows: its points, its knee, and which accelerator a point has."""

from __future__ import annotations

from ..charts.chart import GREY, MOST, Chart, Line, Panel, Points
from ..charts.metrics import metric_axis
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..charts.chart import Axis, Mark
    from .front import ParetoFront

__all__ = ["chart_of"]

FEW = 1000  # points that are drawn larger
MARKED = 6  # accelerators that are told apart, where there are many: the rest are together
OTHERS = " other accelerators"
LEAST = 200  # points of an accelerator that may be drawn, where there are many
KNEE = 5  # its colour


def chart_of(front: ParetoFront) -> Chart:
    """Return the chart of a front.

    Accuracy goes up, the next objective goes across; of three and four objectives the third is
    the colour and the fourth the size.

    Raises
    ------
    ArgumentError
        If it is empty.
    """
    if not len(front):
        raise ArgumentError(f"there is no point to plot: {front.message}")
    import numpy as np

    across, up, *rest = axes_of(front)
    order = np.argsort(front.values(across), kind="stable")
    x, y = front.values(across)[order], front.values(up)[order]
    marks: list[Mark] = [] if rest else [Line(x, y, colour=GREY, steps="after", width=0.8)]
    own, names, notes = groups_of(front)
    for number, name in enumerate(names):
        some = np.flatnonzero(own[order] == number)
        points = order[some]
        more: dict[str, Any] = {"colour": GREY} if name.endswith(OTHERS) else {}
        if rest:
            more |= {"shade": front.values(rest[0])[points], "scale": axis_of(front, rest[0])}
        if len(rest) > 1:
            more |= {"weight": front.values(rest[1])[points], "weights": axis_of(front, rest[1])}
        marks.append(
            Points(
                x[some],
                y[some],
                name,
                hover=_Hover(front, points),
                keys=points,
                size=4.5 if len(order) < FEW else 3.0 - (len(rest) > 1),
                **more,
                most=max(LEAST, MOST * len(points) // len(order)),
            )
        )
    k = front.knee_index
    marks.append(
        Points(
            [front.values(across)[k]],
            [front.values(up)[k]],
            "knee",
            KNEE,
            keys=[k],
            hover=lambda _: f"knee\n{hover(front, k)}",
            size=13.0,
            symbol="star",
        )
    )
    panel = Panel(marks, axis_of(front, across), axis_of(front, up))
    return Chart(title(front), [panel], notes=notes)


def axes_of(front: ParetoFront) -> list[str]:
    """Return the objectives as across, up, colour and size: accuracy goes up."""
    names = list(front.objectives)
    up = "accuracy" if "accuracy" in names else names[0]
    names.remove(up)
    return [names[0], up, *names[1:]]


def axis_of(front: ParetoFront, name: str) -> Axis:
    """Return the axis of an objective: what stands for accuracy is called by its name."""
    return metric_axis(name, accuracy="accuracy" if front.predicted else front.score_name)


def title(front: ParetoFront) -> str:
    """Return what the points are, of what."""
    kind = "front" if front.exact else "front, partial" if not front.complete else "front within"
    within = f" {100 * front.epsilon:g} %" if kind == "front within" else ""
    where = front.target.name + ("" if front.chosen is None else " and its accelerators")
    points = f"{len(front):,} point" + "s" * (len(front) != 1)
    return f"{front.space.family} on {where}: {kind}{within}, {points}"


def groups_of(front: ParetoFront) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Return each point's group, the groups' names and what is to be said of them.

    Without codesign there is one. With it the accelerators that most points have are groups of
    their own, under the letters that the screen has for them.
    """
    import numpy as np

    if front.chosen is None:
        return np.zeros(len(front), dtype=np.int64), ["front"], []
    from .text import accelerators_among

    letters, own = accelerators_among(front)
    counts = np.bincount(own, minlength=len(letters))
    often = np.argsort(-counts, kind="stable")[: MARKED if len(letters) > MARKED + 1 else None]
    often = np.sort(often)
    place = np.full(len(letters), len(often), dtype=np.int64)
    place[often] = np.arange(len(often))
    all_letters = list(letters.values())
    names = [f"accelerator {all_letters[k]}" for k in often.tolist()]
    chosen = list(letters)
    design = front.target.design_space(front.space.family)
    facts = [design.describe(chosen[k]) for k in often.tolist()]
    notes = [f"{name}: {text}" for name, text in zip(names, _differing(facts), strict=True) if text]
    if len(often) < len(letters):
        names.append(f"{len(letters) - len(often)}{OTHERS}")
        notes.append(f"{len(letters)} accelerators in all; to_frame() has each point's")
    return place[own], names, notes


def _differing(facts: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Return in words what is not the same of all accelerators."""
    texts = []
    for one in facts:
        parts = []
        for part, values in one.items():
            told = [
                f"{key} {value}"
                for key, value in values.items()
                if any(other.get(part, {}).get(key) != value for other in facts)
            ]
            if told:
                parts.append(f"{part} {', '.join(told)}")
        texts.append("; ".join(parts))
    return texts


class _Hover:
    """The hover texts of a front's points, each made when it is asked for."""

    def __init__(self, front: ParetoFront, points: NDArray[np.int64]) -> None:
        self.front, self.points = front, points

    def __call__(self, i: int) -> str:
        return hover(self.front, int(self.points[i]))


def hover(front: ParetoFront, i: int) -> str:
    """Return what there is to say of a point: its metrics, its network, its accelerator."""
    from ..results.screen import quantity

    architecture = front.architectures[i]
    lines = [f"point {i}"]
    for name, column in front.metrics.items():
        if name != "score":
            axis = metric_axis(name)
            lines.append(f"{axis.title} {quantity(column[i].item(), axis.unit)}")
    for number, cell in enumerate(architecture.cells):
        facts = ", ".join(f"{key} {value}" for key, value in cell.to_dict().items())
        if front.cell_bits is not None and front.cell_bits.shape[1]:
            facts += f", bits {front.cell_bits[i, number]}"
        lines.append(f"cell {number}: {facts}")
    if front.accelerators is not None:
        from .text import letter_of

        lines.append(f"accelerator {letter_of(front, i)}")
        for part, values in front.accelerators[i]["values"].items():
            facts = ", ".join(f"{key} {value}" for key, value in values.items())
            lines.append(f"{part}: {facts}")
    return "\n".join(lines)
