"""The sections of RESULTS.md that tell how true: targets, predictors, trainings, what they cost."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.report_format import ms, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Told = dict[str, Any]

PICTURES = {"predictors": "predictors.svg", "isometry": "training/isometry.png"}
# of each published set the accuracies that a goal of issue 3 is about, and its title
SETS = {
    "nas-bench-macro": "NAS-Bench-Macro",
    "imgclsmob": "imgclsmob",
    "nas-bench-201": "NAS-Bench-201",
}
DATA_SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "svhn": "SVHN"}
RANK_GOALS = {"nas-bench-macro": 0.96, "imgclsmob": 0.94, "nas-bench-201": 0.86}
PI_RANK = 0.95  # the Raspberry Pi 4's goal beside its error
OWN = "own DenseNet-type networks"
HOW = (
    "Not measured here: `python -m benchmarks.report --only {section} --data FOLDER` measures it "
    "from the folder of the measured data (README.md names its sources).\n"
)


def covered(line: Told) -> float | None:
    """Return the share of unseen networks within 90 % intervals, in percent, where it is known.

    The mean over draws before their median, which few networks make coarse.
    """
    kinds = ("mean_coverage", "covered, mean", "coverage", "covered")
    value = next((line[k] for kind in kinds for k in line if k.startswith(kind)), None)
    if isinstance(value, list):
        value = value[0]
    return None if value is None else 100.0 * value if value <= 1.0 else float(value)


def beyond(line: Told) -> float:
    """Return the error that noise does not explain, where twins tell of it; in percent."""
    return max(0.0, line["mape"] ** 2 - line["twins"] ** 2) ** 0.5


def _bound(line: Told) -> str:
    if "twins" in line:
        text = (
            f"networks of equal work: a perfect model would be off by {line['twins']:.1f} %; "
            f"beyond it {beyond(line):.1f} %"
        )
        if line["drift"] > 0.1:
            text += f"; the device drifts (residuals of neighbours in time: {line['drift']:.2f})"
        return text
    return f"two halves of its passes differ by {line['halves']:.1f} %" if "halves" in line else ""


def verdict(line: Told) -> str:
    """Return whether a target's line reaches its goal."""
    if "goal" not in line:
        return "-"
    holds = line["mape"] <= line["goal"]
    if line["name"] == "raspberry-pi-4":
        holds = holds and line["rank"] >= PI_RANK
    return "holds" if holds else "**missed**"


def targets(told: Told | None) -> str:
    """Return how near the hardware models come, and what bounds them."""
    head = "## Targets against what they model\n\n"
    if told is None:
        return head + HOW.format(section="targets")
    rows = []
    absent = [line["name"] for line in told["lines"] if "absent" in line]
    for line in told["lines"]:
        if "mape" not in line:
            continue
        base = line.get("baseline", "")
        if isinstance(base, (list, tuple)):
            base = " to ".join(f"{one:g}" for one in base)
        share = covered(line)
        rows.append(
            (
                line["name"],
                line["networks"],
                f"{base:g}" if isinstance(base, float) else base,
                f"{line['goal']:g}" if "goal" in line else "",
                f"{line['mape']:.2f}",
                f"{line['rank']:.3f}" if "rank" in line else "",
                "" if share is None else f"{share:.0f} %",
                _bound(line),
                verdict(line),
            )
        )
    names = ("target", "networks", "simple baseline", "required", "seen", "rank",
             "90 % intervals cover", "what bounds it", "verdict")  # fmt: skip
    if not any(row[6] for row in rows):
        names, rows = _without(names, rows, 6)
    text = (
        head
        + f"Mean absolute error in percent (MAPE): {told['fit_on']} networks fitted, all others "
        f"judged but duplicates of those fitted, medians over {told['draws']} draws. `rram` is "
        "judged on NeuroSim: its pinned tile, DenseNet-type cells on the same (densenet), and its "
        "own floorplan. Systolic arrays are counted, not fitted, against SCALE-Sim. Devices and "
        "Xeons: NAS-Bench-201.\n\n" + table(names, rows)
    )
    rules = [line for line in told["lines"] if "of" in line]
    for line in rules:
        text += (
            f"\nThe rule that gives the tile of NeuroSim's own floorplan is wrong for "
            f"{len(line['of'])} of {line['networks']} networks.\n"
        )
    text += "\n" + _calibrated(told) if told["calibrate"] else ""
    return text + (f"\nAbsent from the data: {', '.join(absent)}.\n" if absent else "")


def _without(
    names: Sequence[str], rows: Sequence[Sequence[Any]], column: int
) -> tuple[Any, list[Any]]:
    return (
        (*names[:column], *names[column + 1 :]),
        [(*row[:column], *row[column + 1 :]) for row in rows],
    )


def _calibrated(told: Told) -> str:
    rows = [
        (
            name,
            metric.split("_")[0],
            f"{row['mape_pct']:.2f}",
            f"{row['design_mape_pct']:.2f}",
            f"{covered(row):.0f} %",
            f"{row['half_width_pct']:.2g}",
        )
        for name, metrics in told["calibrate"].items()
        for metric, row in metrics.items()
    ]
    head = ("set", "cost", "error, random networks", "error, chosen by the design",
            "90 % intervals cover", "half width of an interval")  # fmt: skip
    return (
        "What a user's own `flash.calibrate` reaches from 25 measured networks, without a prior; "
        "errors and widths in percent:\n\n" + table(head, rows)
    )


def predictors(told: Told | None, training: Told | None) -> str:
    """Return how predictors rank networks that they never saw, beside the baselines."""
    head = "## Accuracy predictors\n\n"
    if told is None and training is None:
        return head + HOW.format(section="predictors")
    rows, more = [], []
    if training is not None:
        rows.append(_own_row(training))
    for key, title in SETS.items():
        found = told["sets"].get(key, "absent") if told is not None else "absent"
        if isinstance(found, str):
            continue
        for data, one in found.items():
            name = f"{title}, {DATA_SETS.get(data, 'ImageNet16-120')}"
            rows.append(_published_row(name, RANK_GOALS[key] if data == "cifar10" else None, one))
            sizes = {int(size): got for size, got in one["topology"].items()}
            cells = [
                f"{sizes[n]['rank'][0]:.3f} / {100 * sizes[n]['mae'][0]:.2f}" if n in sizes else ""
                for n in (10, 25, 50, 100)
            ]
            more.append((name, *cells, _ceiling(one["ceiling"])))
    names = ("set", "networks", "required", "rank", "quartiles", "error", "intervals cover",
             "width", "fit, ms", "NN-Degree's form", "NN-Degree", "params", "MACs",
             "best zero-cost proxy")  # fmt: skip
    draws = f"{told['draws']} draws" if told is not None else "draws"
    text = (
        head + '`AccuracyPredictor.fit`, kind "topology", on 25 networks, judged on all others: '
        f"Spearman's rank correlation (medians over {draws}; over 100 for our own), mean error and "
        "width of 90 % intervals in points of accuracy, time of a fit. Beside it rank correlations "
        "of NN-Degree's form fitted on the same 25 and of what needs no fit. The same code and "
        "features for every set.\n\n" + table(names, rows)
    )
    if more:
        text += "\nRank correlation / error in points by networks fitted:\n\n"
        text += table(("set", "10", "25", "50", "100", "what bounds it"), more)
    if told is None:
        text += "\nPublished sets: " + HOW.format(section="predictors")
    return text


def _own_row(one: Told) -> tuple[Any, ...]:
    own, form, plain = one["predictors"]["flash: topology"], None, one["numbers"]
    form = one["predictors"]["NN-Degree, the paper's form"]
    middle, low, high = own["rank"]
    share = one["intervals"]
    return (
        f"{OWN}, CIFAR-10", one["networks"], "0.9", f"{middle:.3f}", f"{low:.3f} to {high:.3f}",
        f"{own['mae'][0]:.2f}", f"{covered(share):.0f} %", f"{share['width']:.1f}",
        ms(share["fit_s"]), f"{form['rank'][0]:.2f}",
        *(f"{plain[name]['all']:.2f}" for name in ("NN-Degree", "params", "MACs")), "",
    )  # fmt: skip


def _published_row(name: str, goal: float | None, one: Told) -> tuple[Any, ...]:
    got, form = one["topology"]["25"], one["nn-degree"]["25"]
    middle, low, high = got["rank"]
    best = ""
    if zero := one.get("zero_cost"):
        winner = max(zero, key=lambda k: abs(zero[k]))
        best = f"{winner} {zero[winner]:.2f}"
    plain = (one["proxies"][k] for k in ("nn_degree", "params", "macs"))
    return (
        name, f"{one['networks']:,}", "" if goal is None else f"{goal:g}", f"{middle:.3f}",
        f"{low:.3f} to {high:.3f}", f"{100 * got['mae'][0]:.2f}",
        f"{covered({'coverage': got['mean_coverage']}):.0f} %", f"{100 * got['width'][0]:.1f}",
        ms(got["fit_s"][0]), f"{form['rank'][0]:.2f}", *(f"{one:.2f}" for one in plain), best,
    )  # fmt: skip


def _ceiling(found: Told) -> str:
    parts = []
    for name, value in found.items():
        if name.startswith("spread"):
            continue
        parts.append(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    return "; ".join(parts)


def training(one: Told) -> str:
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


def _explained(one: Told) -> str:
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


def _theory(found: Sequence[Told]) -> str:
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
        f"![mean singular values]({PICTURES['isometry']})\n"
    )


def predicted(told: Sequence[Told]) -> str:
    """Return the time of predictors and of imported networks."""
    one = next(t for t in told if t["kind"] == "imported")
    text = (
        "## What predictors and imported networks take\n\n"
        f"{one['networks']} networks of NAS-Bench-Macro read from tables, {one['layers']:.0f} rows "
        "each (median); fits on all of them.\n\n"
        + table(("job", "ms"), [(job, ms(took)) for job, took in one["seconds"].items()])
    )
    rows = []
    for one in told:
        if one["kind"] != "search":
            continue
        whole = [run["whole"] for run in one["rows"]]
        gaps = [run["gap"] for run in one["rows"] if not run["proven"] and run["gap"] is not None]
        proven = sum(run["proven"] for run in one["rows"])
        done = f"{proven} of {len(whole)}"
        worst = f"{100 * max(gaps):.2g} %" if gaps else ""
        row = (one["case"], one["predictor"], f"{one['size']:.2g}", one["binding"], done)
        rows.append((*row, ms(statistics.median(whole)), ms(max(whole)), worst))
    head = ("case", "predictor", "size", "budgets that bind jointly", "proven", "median ms",
            "worst ms", "largest gap where not proven")  # fmt: skip
    limit = next((t["limit_s"] for t in told if t["kind"] == "search"), 0.0)
    return (
        text + "\nWhole calls of `flash.search` with a topology predictor, under budgets that bind "
        f"jointly for NN-Degree; a search that is not proven ended at its limit of {limit:g} s:\n\n"
        + table(head, rows)
    )


def calibration(told: Told) -> str:
    """Return the fits of the shipped targets, made anew."""
    rows = []
    for target, one in told.items():
        for name, residuals in one["residuals"].items():
            held = residuals["held_out"]
            errors = [
                f"{held[cost]['mape_pct']:.2f}" if cost in held else ""
                for cost in ("area_mm2", "energy_mj", "latency_ms")
            ]
            same = "yes" if one["as_shipped"] else "no"
            rows.append((target, name, residuals["networks"], *errors, same))
    head = ("target", "set", "networks", "area", "energy", "latency", "as shipped")
    return (
        "## Calibration, fitted anew\n\nHeld-out error in percent, 25 networks to fit.\n\n"
        + table(head, rows)
    )


def sections(told: Told, pictures: Sequence[str]) -> list[str]:
    """Return all sections about models; one that needs data and has none says so."""
    parts = [calibration(told["calibration"])] if "calibration" in told else []
    parts.append(targets(told.get("targets")))
    parts.append(predictors(told.get("predictors"), told.get("training")))
    if PICTURES["predictors"] in pictures:
        parts[-1] += f"\n![predicted and real accuracy]({PICTURES['predictors']})\n"
    if "training" in told:
        parts.append(training(told["training"]))
    if "predicted" in told:
        parts.append(predicted(told["predicted"]))
    return parts
