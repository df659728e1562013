"""The 25-sample claim on our own trainings, and the theory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.common.files import HERE, write_bytes
from benchmarks.report.format import table
from benchmarks.report.measuring import told_by
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.report.section import Options


def measure(fragment: str, options: Options) -> dict[str, Any]:
    """Judge the 25-sample claim on our own trainings, and measure dynamic isometry."""
    told: dict[str, Any] = told_by("-m", "benchmarks.training.judge", "--json")
    kept = HERE / "training" / "isometry.json"
    if not options.quick:
        plot = ["--plot", str(kept.with_suffix(".png"))]
        found = told_by("-m", "benchmarks.training.isometry", *plot, "--json")
        write_bytes(kept, (json.dumps(found) + "\n").encode())
    told["isometry"] = json.loads(kept.read_text())["correlations"]
    return told


def write(one: dict[str, Any]) -> str:
    """Return the 25-sample claim on our own trainings, and the theory."""
    low, high = (100 * value for value in one["accuracy"])
    best = one["ceiling"]
    rows = [
        (
            name,
            *(f"{got[k][0]:.3f} ({got[k][1]:.3f} to {got[k][2]:.3f})" for k in ("rank",)),
            *(f"{got[k][0]:.2f}" for k in ("mae", "rmse")),
        )
        for name, got in one["predictors"].items()
    ]
    bound = (f"{best['rank']:.3f}", f"{best['mae']:.2f}", f"{best['rmse']:.2f}")
    rows.append(("*the true means: bound by noise*", *bound))
    text = (
        "## The 25-sample claim\n\n"
        f"{one['networks']} DenseNet-type networks trained (benchmarks/training/README.md: "
        "CIFAR-10 at 10 x 10 pixels, 5,000 images, 4 epochs: which networks train well, not what "
        f"they reach in the end). Accuracies from {low:.1f} to {high:.1f} %, standard deviation "
        f"{one['spread']:.2f} points; trainings of one network under other seeds differ by "
        f"{one['noise']:.2f} points (standard deviation). Fitted on 25, judged on the rest, "
        "medians of 100 draws; errors in points:\n\n"
        + table(("predictor", "rank correlation (quartiles)", "mean error", "RMSE"), rows)
    )
    return text + "\n" + _explained(one) + "\n" + _theory(one["isometry"])


def _explained(one: dict[str, Any]) -> str:
    every = one["numbers"]
    columns = list(next(iter(every.values())))
    rows = []
    for name, line in every.items():
        fixed = name in ("width",)  # constant at one width
        shown = ["" if fixed and c.startswith("width") else f"{line[c]:.2f}" for c in columns]
        rows.append((name, *shown))
    left, noise = one["left_over"], one["noise"]
    names = ["all", "with links", *columns[2:]]
    return (
        "What NN-Degree explains there, and what not: rank correlation of plain numbers with "
        "accuracy, over all networks, those with links, and at one width of the first cell:\n\n"
        + table(("number", *names), rows)
        + "\nIn this short training NN-Degree ranks better than parameters and MACs: links help, "
        "and it counts them. It does not see depth: its form, fitted on all networks, is off by "
        f"{left['rmse']:.1f} points ({left['rmse'] / noise:.0f} times the noise), and what it "
        f"leaves follows depth (rank correlation {left['depth']:.2f}), width "
        f"({left['width']:.2f}) and links over width ({left['links over width']:.2f}). What "
        "it says of published networks, trained to the end, is in the table above.\n"
    )


def _theory(found: Sequence[dict[str, Any]]) -> str:
    kinds = {"densenet": "concatenation", "resnet": "addition"}
    inits = {"fan in": "He, fan in", "fixed": "variance 2 / (9 width)"}
    rows = [
        (
            kinds[line["family"]],
            inits[line["init"]],
            f"{line['mean_from']:.2f} to {line['mean_to']:.2f}",
            *(
                f"{line[k] or 0.0:.2f}"  # no minus zero
                for k in ("links_only", "nn_degree", "nn_mass", "width", "depth")
            ),
        )
        for line in found
    ]
    head = ("cells", "weights", "mean singular value", "links alone", "NN-Degree", "NN-Mass",
            "width", "depth")  # fmt: skip
    return (
        "### The theory: layerwise dynamic isometry\n\nMean singular value of a layer's "
        "input-output Jacobian at initialisation, exact, on single cells; rank correlations with "
        "it. Links alone: the mean within one width and depth, where nothing but links varies.\n\n"
        + table(head, rows)
        + "\nAt fixed width and depth links raise it, as the propositions say. Across widths "
        "NN-Mass follows it better than NN-Degree, which adds the width itself.\n\n"
        "![mean singular values](training/isometry.png)\n"
    )


SECTION = Section(of_one("training", write), measure, ("training",))
