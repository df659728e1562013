"""What fewer bits cost, as pages."""

from __future__ import annotations

from ..base.html import some_of
from ..base.pages import ROWS, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.html import Part, Row
    from ..base.pages import Section
    from .measured import MeasuredChoices
    from .table import Sensitivities

__all__ = ["of_measured", "of_sensitivities"]


def of_sensitivities(found: Sensitivities) -> list[Section]:
    """Return sensitivities as the sections of a page."""
    said = [one for one in found._parts() if isinstance(one, str)]
    titles = ["layer", "bits", "loss", "standard error", "KiB", "bit operations", "weights", "MACs"]
    rows: list[Row] = [[*titles, "squared error", "trace"]]
    some = some_of(len(found.rows), ROWS)
    for k in some:
        one = found.rows[k]
        error, trace = ("" if value is None else f"{value:.3g}" for value in (one.error, one.trace))
        counts = (f"{one.bit_operations:,}", f"{one.params:,}", f"{one.macs:,}")
        row = [one.layer, str(one.bits), f"{one.loss:+.4g}", error, f"{one.weights_kib:.5g}"]
        rows.append([*row, *counts, f"{one.squared_error:.4g}", trace])
    sums: list[Row] = [["bits of all layers", "loss", "KiB", "bit operations"]]
    for bits in found.bits:
        own = found.totals(bits)
        numbers = (
            f"{own['loss']:+.4g}",
            f"{own['weights_kib']:.5g}",
            f"{own['bit_operations']:,.0f}",
        )
        sums.append([str(bits), *numbers])
    every: list[Part] = [(rows, 1, True), *cut(len(some), len(found.rows), "rows", "to_frame()")]
    sections: list[Section] = [
        ("", [*said, *found._charts()]),
        ("All layers alike", [(sums, 0, True)]),
        ("Layer by layer", every),
    ]
    return [*sections, *([("Left out", list(found.left))] if found.left else [])]


def of_measured(found: MeasuredChoices) -> list[Section]:
    """Return measured choices of bits as the sections of a page."""
    said = [one for one in found._parts() if isinstance(one, str) and not one.startswith("and ")]
    rows: list[Row] = [["candidate", "loss", "standard error", "bits"]]
    for one in found.rows[:ROWS]:
        error = "" if one.error is None else f"{one.error:.3g}"
        bits = " ".join(map(str, one.choices.values()))
        rows.append([str(one.place), f"{one.loss:+.4g}", error, bits])
    best = [["layer", "bits"], *([name, str(bits)] for name, bits in found.choices.items())]
    more = len(found.rows) - ROWS
    return [
        ("", [*said, *found._charts()]),
        ("Choices", [(rows, 0, True), f"and {more:,} more: to_frame()" if more > 0 else ""]),
        ("Bits of the best", [(best, 1, True)]),
    ]
