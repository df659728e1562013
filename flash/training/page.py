"""A run of trainings as a page."""

from __future__ import annotations

from ..base.html import flat
from ..base.pages import ROWS
from ..networks.line import line_of
from ..results.screen import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.html import Part, Row
    from ..base.pages import Section
    from .results import TrainingResult

__all__ = ["sections"]


def sections(result: TrainingResult) -> list[Section]:
    """Return trainings as the sections of a page, the most accurate first."""
    said = [one for one in result._parts() if isinstance(one, str) and not one.startswith("...")]
    found: list[Section] = [("", [*said, *result._charts()])]
    if result.samples:
        found += [("Networks", _networks(result)), ("Conditions", _conditions(result))]
    return found


def _networks(result: TrainingResult) -> list[Part]:
    from ..networks.degree import nn_degree

    titles = ["network", "repeat", "accuracy", "loss", "training loss", "params", "MACs"]
    rows: list[Row] = [[*titles, "NN-Degree", "time", "shape"]]
    order = sorted(result.samples, key=lambda one: (-one.accuracy, one.index, one.repeat))
    for one in order[:ROWS]:
        net = one.architecture
        losses = (
            "diverged" if loss is None else f"{loss:.4g}" for loss in (one.loss, one.train_loss)
        )
        counts = (f"{net.params:,}", f"{net.macs:,}", f"{nn_degree(net):.5g}")
        row = [str(one.index), str(one.repeat), f"{100 * one.accuracy:.2f} %", *losses, *counts]
        rows.append([*row, duration(one.seconds), line_of(net)])
    more = len(order) - ROWS
    return [(rows, 0, True), f"and {more:,} more: {result.folder}" if more > 0 else ""]


def _conditions(result: TrainingResult) -> list[Part]:
    """Return under which conditions networks were trained: what is alike in all is told once."""
    every = [dict(flat(one.conditions)) for one in result.samples]
    rows = []
    for name in dict.fromkeys(name for one in every for name in one):
        values = list(dict.fromkeys(one.get(name, "") for one in every))
        more = f", ... ({len(values)} in all)" if len(values) > 4 else ""
        rows.append([name, " or ".join(values[:4]) + more])
    return [(rows, 2, False)]
