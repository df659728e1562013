"""What supernets are worth, from what `benchmarks.claims.supernets` left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table, verdict
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from benchmarks.report.section import Told

HOW = (
    "Small networks on scikit-learn's digits, half of the images to judge by, "
    "`python -m benchmarks.claims.supernets FOLDER`. A pass is one forward and backward pass over "
    "a batch of 32. Differences are means over seeds, in brackets their 95 % bootstrap intervals; "
    "d is the mean difference over its standard deviation.\n"
)


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return what was measured of each claim."""
    if "supernets" not in told:
        return ""
    found = told["supernets"]
    writers = {"rank": _rank, "cost": _cost}
    seeds = ", ".join(f"{name} {found[name]['seeds']}" for name in writers if name in found)
    parts = [f"## Supernets\n\nSeeds: {seeds}. {HOW}"]
    parts += [one(found[name]) for name, one in writers.items() if name in found]
    return "\n".join(parts)


def shown(effect: Mapping[str, Any], digits: int = 3) -> str:
    """Return a difference with its interval and effect size."""
    mean, low, high = (f"{one:+.{digits}f}" for one in effect["difference"])
    size = effect["effect_size"]
    return f"{mean} [{low}, {high}]" + ("" if size is None else f", d {size:+.2f}")


def judged(effect: Mapping[str, Any]) -> str:
    """Return what an interval of a difference says of a claim that the second is better."""
    _, low, high = effect["difference"]
    if low > 0.0:
        return "reproduced"
    return "refuted" if high < 0.0 else "no difference shown"


def _until(until: Mapping[str, Any], base: str, own: str, claimed: float) -> str:
    passes, ratio = until["passes"], until["ratio"]
    spent = ", ".join(
        f"{name} {'never' if passes[name] is None else f'{passes[name]:.0f}'} "
        f"({100 * until['reached'][name]:.0f} % of seeds)"
        for name in (base, own)
    )
    text = f"Passes to {until['quality']:.3f}, the mean of {base} at the end: {spent}; "
    if ratio is None:
        return text + verdict(None, claimed) + ".\n"
    low, high = ("" if one is None else f"{one:.2f}" for one in ratio[1:])
    return text + f"ratio {ratio[0]:.2f} [{low}, {high}]: {verdict(ratio, claimed)}.\n"


def _rank(one: Mapping[str, Any]) -> str:
    rows = []
    for k, epochs in enumerate(one["epochs"]):
        against = one["against"][k]
        rows.append(
            (
                epochs * one["passes_per_epoch"],
                f"{against['first']:.2f}",
                f"{against['second']:.2f}",
                shown(against, 2),
                judged(against),
            )
        )
    head = (
        "passes", "single path", "ordered dropout", "difference", "several widths per pass",
    )  # fmt: skip
    return (
        "### NetAdaptV2: rank correlation per pass\n\n"
        f"Kendall's tau of supernet scores with {one['networks']} networks trained alone; two "
        f"trainings of these agree to {one['noise']:.2f}.\n\n"
        + table(head, rows)
        + "\n"
        + _until(one["until"], "single-path", "ordered-dropout", 1.0)
    )


def _cost(one: Mapping[str, Any]) -> str:
    ratio, low, high = one["ratio"]
    passes = "{:.2f} [{:.2f}, {:.2f}]".format(*one["pass_ratio"])
    return (
        "### A score against a training\n\n"
        f"Scoring a subnet is {ratio:.0f} [{low:.0f}, {high:.0f}] times as cheap as training it "
        f"for {one['epochs']} epochs ({len(one['score_s'])} networks, "
        f"{1e3 * min(one['score_s']):.0f} to {1e3 * max(one['score_s']):.0f} ms against "
        f"{min(one['training_s']):.1f} to {max(one['training_s']):.1f} s): "
        f"{'100 times is met' if low >= 100.0 else '100 times is not shown'}. A pass of ordered "
        f"dropout takes {passes} times as long as one of a single path, measured in turns.\n"
    )


SECTION = Section(write, kept={"supernets": HERE / "claims" / "supernets.json"})
