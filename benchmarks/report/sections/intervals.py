"""What 90 % intervals cover, of targets and predictors alike: a claim without a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import covered
from benchmarks.report.section import Section
from benchmarks.report.sections.predictors import OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report.section import Line, Told

COVER = (85.0, 95.0)


def claims(told: Told) -> Iterator[Line]:
    """Yield what every kind of interval covers; a line of targets that has its own goes before the
    calibration's, which has the same networks."""
    shares: dict[str, float | None] = {}
    targets = told.get("targets") or {"lines": [], "calibrate": {}}
    for name, metrics in targets["calibrate"].items():
        shares |= {f"flash.calibrate, {name}, {m}": covered(row) for m, row in metrics.items()}
    shares |= {line["name"]: covered(line) for line in targets["lines"]}
    for key, one in told.get("predictors", {}).get("sets", {}).items():
        if isinstance(one, dict):
            for data, found in one.items():
                share = covered({"coverage": found["topology"]["25"]["mean_coverage"]})
                shares[f"{key} {data}"] = share
    if "training" in told:
        shares[OWN] = covered(told["training"]["intervals"])
    known = {name: share for name, share in shares.items() if share is not None}
    required = f"cover {COVER[0]:g} to {COVER[1]:g} % of unseen networks"
    if not known:
        yield "90 % intervals", required, None, None
        return
    least, most = (f(known, key=lambda name: known[name]) for f in (min, max))
    inside = sum(COVER[0] <= share <= COVER[1] for share in known.values())
    text = (
        f"{inside} of {len(known)} sets; from {known[least]:.0f} % ({least}) to "
        f"{known[most]:.0f} % ({most})"
    )
    yield "90 % intervals", required, text, inside == len(known)


SECTION = Section(lambda told, pictures: "", claims=claims)
