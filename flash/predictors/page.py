"""A predictor as a page: what it says of itself, and of the networks that it was fitted on."""

from __future__ import annotations

from ..base.html import flat, some_of
from ..base.pages import ROWS, cut
from ..networks.line import line_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.html import Part, Row
    from ..base.pages import Section
    from .predictor import AccuracyPredictor

__all__ = ["sections"]


def sections(predictor: AccuracyPredictor) -> list[Section]:
    """Return a predictor as the sections of a page."""
    head: list[Part] = [predictor.title, predictor.only_ranks or ""]
    if predictor.evidence is not None and predictor.evidence.families:
        head.append(f"fitted on networks of {', '.join(predictor.evidence.families)}")
    found: list[Section] = [("", [*head, *predictor._charts()])]
    if predictor.report is not None:
        found.append(("Left-out errors", list(predictor.report._parts())))
    if predictor.trained:
        found.append(("Networks that it was fitted on", _trained(predictor)))
    if predictor.topology is not None:
        numbers = flat(predictor.topology.to_dict())
    else:
        numbers = flat({"a": predictor.a, "b": predictor.b, "c": predictor.c})
    found.append(("Numbers", [(numbers, 2, False)]))
    if predictor.provenance:
        found.append(("Provenance", [(flat(predictor.provenance), 2, False)]))
    return found


def _trained(predictor: AccuracyPredictor) -> list[Part]:
    pairs = predictor.trained
    some = some_of(len(pairs), ROWS)
    told = predictor.evidence is not None
    titles = ["", "trained", "predicted", "off by", *(("90 % from", "to") if told else ())]
    rows: list[Row] = [[*titles, "params", "MACs", "network"]]
    for k in some:
        net, accuracy = pairs[k]
        said = predictor.predict_one(net)
        counts = (f"{net.params:,}", f"{net.macs:,}")
        off = f"{100 * (said - accuracy):+.2f}"
        row = [str(k), f"{100 * accuracy:.2f} %", f"{100 * said:.2f} %", off]
        if told:
            row += [f"{100 * end:.2f} %" for end in predictor.interval_around(net, 0.9, said)]
        rows.append([*row, *counts, line_of(net)])
    fitted = "predicted: after the fit to these networks; left-out errors are above"
    return [(rows, 0, True), fitted, *cut(len(some), len(pairs), "networks", "predictor.trained")]
