"""The explorer's page, from what `benchmarks.claims.explorer` left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

HEAD = ("space on rram", "numbers [ms]", "90 %", "front redrawn [ms]", "90 %", "a frame alone [ms]")


def write(told: dict[str, Any]) -> str:
    """Return the times from a drag to what is seen."""
    rows = [
        (
            space,
            one["numbers_ms"].get("median", "-"),
            one["numbers_ms"].get("p90", "-"),
            one["redrawn_ms"].get("median", "-"),
            one["redrawn_ms"].get("p90", "-"),
            one["frame_ms"].get("median", "-"),
        )
        for space, one in told["spaces"].items()
    ]
    return (
        "## The explorer, in a browser\n\n"
        "`flash explore` on the default spaces, Chromium without a window or a graphics card, "
        "`python -m benchmarks.claims.explorer`. From the event of a drag until the frame in which "
        "its numbers stand, and until the one in which the front is redrawn; medians, by the "
        "page's own clock.\n\n" + table(HEAD, rows)
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield how late the page may be."""
    names = (("numbers_ms", "from a drag to new numbers"), ("redrawn_ms", "with the front redrawn"))
    found = told.get("explorer")
    for k, (name, label) in enumerate(names):
        limit = (60.0, 150.0)[k]
        times = (
            [] if found is None else [one[name].get("median") for one in found["spaces"].values()]
        )
        known = [one for one in times if one is not None]
        worst = max(known, default=None)
        text = None if worst is None else f"{worst:.0f} ms, the slowest space"
        yield f"explorer: {label}", f"median at most {limit:.0f} ms", text, (worst or 0.0) <= limit


KEPT = {"explorer": HERE / "claims" / "explorer.json"}
SECTION = Section(of_one("explorer", write), kept=KEPT, claims=claims)
