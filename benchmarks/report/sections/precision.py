"""Bits for each layer, from what `benchmarks.claims.precision` left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from benchmarks.report.section import Line, Told

OURS = "k best around"
HOW = (
    "Networks trained on scikit-learn's digits, half of the images held out; "
    "`python -m benchmarks.claims.precision FOLDER`, whose text says what each way is. Accuracy on "
    "the images held out, in per cent, without tuning; means over {seeds} seeds with their 95 % "
    "intervals, differences paired. Passes over the training images are those that a way measures."
    "\n"
)
WAYS = (
    "uniform", "uniform, less", "greedy by loss", "greedy", "greedy up", "one table",
    "greedy again", "k best", OURS,
)  # fmt: skip


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return every way's accuracy, and what the best one has more."""
    if "precision" not in told:
        return ""
    found = told["precision"]["summary"]
    parts = ["## Bits for each layer\n", HOW.format(seeds=found[0]["seeds"])]
    for one in found:
        parts.append(f"**{_title(one)}**\n")
        head = ("way", "accuracy", f'"{OURS}" has more', "loss in training", "passes")
        rows = []
        for way in WAYS:
            if way not in one["accuracy"]:
                continue
            more = one["more"].get(way)
            rows.append(
                (
                    way,
                    points(one["accuracy"][way]),
                    "" if more is None else points(more, "+"),
                    f"{one['loss'][way]:.3f}",
                    f"{one['passes'][way]:.0f}",
                )
            )
        parts.append(table(head, rows))
    return "\n".join(parts)


def claims(told: Told) -> Iterator[Line]:
    """Yield that mixed bits are above uniform ones and a greedy choice, network by network."""
    found = told["precision"]["summary"] if "precision" in told else []
    for way, whom, which in (
        ("uniform", "uniform bits", "3 and 4 bits together"),
        ("greedy", "a greedy choice", "all sizes together"),
    ):
        together = [one for one in found if one["network"] and one["budget"] is None]
        sizes = [one for one in found if one["budget"] is not None and way in one["more"]]
        sure = sum(above(one["more"][way]) for one in sizes)
        yield (
            f"mixed precision over {whom} at equal size, two networks, {which}",
            "95 % intervals above 0",
            "; ".join(f"{one['network']} {points(one['more'][way], '+')}" for one in together)
            + f" points; single sizes: {sure} of {len(sizes)} above 0"
            if found
            else None,
            all(above(one["more"][way]) for one in together) if found else None,
        )


def above(pair: tuple[float, float]) -> bool:
    """Return whether the whole interval is above zero."""
    return pair[0] - pair[1] > 0.0


def points(pair: tuple[float, float], sign: str = "") -> str:
    """Return a mean and half of its interval in per cent."""
    return f"{100 * pair[0]:{sign}.1f} ± {100 * pair[1]:.1f}"


def _title(one: Mapping[str, Any]) -> str:
    floating = f"{points(one['float'])} in full precision"
    if one["budget"] is None:
        return f"{one['network'] or 'Both networks'}, all sizes together, {floating}"
    return f"{one['network']}, the size of {one['budget']} bits ({one['kib']:.2f} KiB), {floating}"


SECTION = Section(write, kept={"precision": HERE / "claims" / "precision.json"}, claims=claims)
