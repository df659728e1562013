"""NetAdaptV2's mechanisms on and off, from what `benchmarks.claims.netadapt_v2` left."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.section import Section
from benchmarks.report.sections.supernets import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from benchmarks.report.section import Told

HOW = (
    "A resnet of 4 blocks on scikit-learn's digits (8 x 8 pixels), half of the images to judge by, "
    "`python -m benchmarks.claims.netadapt_v2 FOLDER`. Differences are means over seeds, in "
    "brackets their 95 % bootstrap intervals; d is the mean difference over its standard "
    "deviation.\n"
)
TITLES = {"bypass": "bypass", "plain": "plain", "ordered-dropout": "ordered dropout",
          "single-path": "single path", "netadapt-v2": "several", "netadapt": "one"}  # fmt: skip


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return what was measured."""
    found = told.get("netadapt-v2")
    if not found:
        return ""
    writers = {"switches": _switches, "sweep": _sweep}
    parts = [one(found[name]) for name, one in writers.items() if name in found]
    return f"## NetAdaptV2: its three mechanisms, and budgets of latency\n\n{HOW}\n" + "\n".join(
        parts
    )


def _switches(one: Mapping[str, Any]) -> str:
    rows = []
    for key, runs in one["runs"].items():
        space, sampling, method = key.split(", ")
        met = [run for run in runs if run["found"]]
        rows.append(
            (
                TITLES[space], TITLES[sampling], TITLES[method],
                f"{statistics.fmean(run['evaluations'] for run in runs):.0f}",
                f"{len(met)} of {len(runs)}",
                f"{100 * statistics.fmean(run['alone'] for run in runs):.2f}",
                f"{statistics.fmean(run['supernet_s'] for run in runs):.1f}",
            )
        )  # fmt: skip
    head = (
        "removed filters", "supernet", "layers at a time", "evaluations", "within budget",
        "trained alone, %", "supernet s",
    )  # fmt: skip
    text = (
        f"### The three switches, {one['target']} within {one['max_latency_ms']:.3g} ms\n\n"
        f"Supernets of {one['epochs']} epochs, whatever the sampling: equal passes. Answers are "
        "trained alone by one recipe of 8 epochs.\n\n" + table(head, rows) + "\n"
    )
    lines = [
        (f"{what} off", f"{told['first']:.4f}", f"{told['second']:.4f}", shown(told, 4))
        for what, told in one["off"].items()
    ]
    lines += [
        (f"{what}, mean over the others", f"{told['first']:.4f}", f"{told['second']:.4f}",
         shown(told, 4))
        for what, told in one["main"].items()
    ]  # fmt: skip
    return text + table(("switched", "off", "on", "on - off"), lines)


def _sweep(one: Mapping[str, Any]) -> str:
    rows = []
    for line in one["lines"]:
        change = line["difference"]
        found = line["found"]
        rows.append(
            (
                line["target"], line["judge"], f"{line['share']:g}",
                f"{line['max_latency_ms']:.3g}",
                f"{found['netadapt-v2']} / {found['random']}",
                " / ".join(f"{line['evaluations'][name]:.0f}" for name in found),
                "-" if change is None else "{:+.4g} [{:+.4g}, {:+.4g}]".format(*change),
                f"{line['worse']} of {line['pairs']}",
            )
        )  # fmt: skip
    lost = [line for line in one["lines"] if line["difference"] and line["difference"][0] < 0.0]
    sure = [line for line in lost if line["difference"][2] < 0.0]
    head = (
        "target", "judged by", "budget", "ms", "seeds that found, ours / random",
        "evaluations, ours / random", "ours - random", "worse",
    )  # fmt: skip
    return (
        f"### Budgets of latency against random search, {one['evaluations']} evaluations\n\n"
        "A budget of 0 is the least latency of the space, 1 that of the largest network, in the "
        f"logarithm. In the mean random search is better in {len(lost)} of {len(one['lines'])} "
        f"rows, beyond its interval in {len(sure)}.\n\n" + table(head, rows)
    )


SECTION = Section(write, kept={"netadapt-v2": HERE / "claims" / "netadapt_v2.json"})
