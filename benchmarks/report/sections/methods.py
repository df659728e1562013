"""What RESULTS.md says of other papers' methods: comparisons, and each system's claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.claims.claim import judged
from benchmarks.claims.methods import TUNED
from benchmarks.common.files import PICTURES
from benchmarks.report.format import table, triple
from benchmarks.report.measuring import told_by
from benchmarks.report.plotting import drawn, pyplot_of
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

COMPARED = ("methods", "methods_tables")
SURROGATES = ("methods_pnas", "methods_lstm")
CLAIMS = {  # their programs in benchmarks/claims
    "methods_adaptive": "fp_nas",
    "methods_overhead": "overhead",
    "methods_training": "training_free",
}

FEWER = 1.0 / 0.36  # 64 % fewer
ORDERS = 1e4
OVERHEAD_S = 50e-6
PNAS = 5.0

HOW = (
    "`python -m benchmarks.report --only methods,methods_tables`; docs/howto/methods.md says what "
    "counts. The quality to reach is the median of what random search found; evaluations and time "
    "are what reaching it takes in expectation (all that was spent, over the runs that came there)."
    " Found: the share of seeds that found a network within the budgets; objective and gap are of "
    "these. The gap is 1 - objective / optimum. Used is how many evaluations a run took in all, in "
    "the median: what its gap cost. Feasible: of the rows that a method asked for, the share "
    "within the budgets (100 % where it looks at costs before). Tuned options were chosen on other "
    "problems, which are named, by `python -m benchmarks.claims.tuning`; a method that is not "
    "shown tuned had no better ones there. In brackets 95 % bootstrap intervals over seeds; an "
    "open end means that some draws held no success.\n"
)


def measure(fragment: str, options: Options) -> Any:
    """Compare search methods; without the measured data on what there is."""
    seeds = ["--seeds", "2" if options.quick else "10"]
    if fragment in SURROGATES:
        if options.data is None:
            return None
        names = "mlp,ridge" if fragment == "methods_pnas" else "lstm"
        words = [str(Path(options.data, "accuracy")), "--surrogates", names]
        return told_by("-m", "benchmarks.claims.pnas", *words, *seeds, "--json")
    given = [] if options.data is None else ["--data", options.data]
    if fragment in COMPARED:
        return told_by("-m", "benchmarks.claims.methods", fragment, *given, *seeds, "--json")
    if fragment == "methods_training":  # on what ships
        given = []
    return told_by("-m", f"benchmarks.claims.{CLAIMS[fragment]}", *given, *seeds, "--json")


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return the comparisons and what became of each claim."""
    parts = []
    problems = compared(told)
    if problems:
        parts.append(HOW)
    parts += [_problem(name, one) for name, one in problems.items()]
    for section, writer in (
        ("methods_pnas", _surrogates),
        ("methods_adaptive", _adaptive),
        ("methods_training", _training),
        ("methods_overhead", _overhead),
    ):
        if section in told:
            parts.append(writer(told))
    return "\n".join(["## Search methods of other papers\n", *parts]) if parts else ""


def claims(told: Told) -> Iterator[Line]:
    """Yield the claims of the systems, on this ground."""
    loop = [
        one
        for kind in ("shipped", "digits")
        for one in told.get("methods_training", {}).get(kind, ())
    ]
    text = holds = None
    if loop:
        bounds = [_slower(one) for one in loop]
        text = ", ".join(said for said, _ in bounds) + " (random search)"
        counted = [
            one["methods"]["random"].get("slower_trained")
            for one in loop
            if "random" in one["methods"]
        ]
        if any(counted):
            text += "; the answers' training counted alike: " + ", ".join(
                f"{one[0]:.2g}x" for one in counted if one
            )
        holds = all(least is not None and least >= ORDERS for _, least in bounds)
    yield "FLASH against training in the loop, search alone", "10,000x", text, holds
    for name, tables in (("mlp", told.get("methods_pnas")), ("lstm", told.get("methods_lstm"))):
        ratios = {} if tables is None else _ratios(tables, name)
        text = ", ".join(
            f"{goal}: {r[0]:.2g}x [{r[1]:.2g}, {r[2]:.2g}]{met}"
            for goal, (r, met) in ratios.items()
        )
        yield (
            f"PNAS ({name}) against random search, evaluations to the same quality",
            "up to 5x fewer",
            text or None,
            any(r[1] >= PNAS and not met for r, met in ratios.values()),
        )
    fewer = [
        (other["fewer_samples"], _censored(other))
        for one in told.get("methods_adaptive", ())
        if one["ends_at"] == 0.02
        for other in (one["methods"]["parsec, fixed 16"],)
    ]
    text = ", ".join(
        f"{1 - 1 / r[0]:.0%} fewer{' at least: PARSEC was cut short' if cut else ''}"
        for r, cut in fewer
    )
    yield (
        "FP-NAS against PARSEC, samples until the search is over",
        "64 % fewer",
        text or None,
        all(r[1] >= FEWER for r, _ in fewer),
    )
    worst = [(one["seconds"], one["method"]) for one in told.get("methods_overhead", ())]
    text = f"{1e6 * max(worst)[0]:.0f} us at most ({max(worst)[1]})" if worst else None
    yield (
        "methods' own time per evaluation, surrogates aside",
        "at most 50 us",
        text,
        bool(worst) and max(worst)[0] <= OVERHEAD_S,
    )


def _slower(one: dict[str, Any]) -> tuple[str, float | None]:
    """Return how much slower random search was than FLASH, in words, and the least that it is."""
    if one["quality"] is None:
        return "not told: FLASH's own network was not trained", None
    random = one["methods"]["random"]
    if random["slower"] is None:
        if "at_least" not in random:
            return "not told: random search never came there", None
        return f"at least {random['at_least']:.2g}x, never as good", random["at_least"]
    return f"{random['slower'][0]:.2g}x", random["slower"][1]


def _censored(other: dict[str, Any]) -> int:
    """Return how many runs were cut short by the most iterations that they were given.

    Where that was not told, those whose samples are the most that 2,000 iterations of 16 draw.
    """
    found: int = other.get("capped", sum(n == 2000 * 16 + 1 for n in other["samples"]))
    return found


def compared(told: Told) -> dict[str, Any]:
    """Return the problems that were compared, by name."""
    every = {name: one for key in COMPARED for name, one in told.get(key, {}).items()}
    return {name: one for name, one in every.items() if one is not None}


def _problem(name: str, one: dict[str, Any]) -> str:
    budgets = "".join(f", {key} {value:g}" for key, value in one["budgets"].items())
    optimum = "" if one["optimum"] is None else f"; proven optimum {one['optimum']:.6g}"
    head = (
        f"### {one['about']}\n\n{one['seeds']} seeds, {one['max_evals']} evaluations at most"
        f"{budgets}{optimum}; quality to reach {one['quality']:.6g}\n"
    )
    used = one.get("used", {})  # of files of older versions
    rows = [
        (
            row["method"],
            " ".join(row.get("statuses", "-"))
            if row["objective"] is None
            else f"{row['objective']:.6g}",
            f"{100 * row['found']:.0f} %" if "found" in row else "-",
            triple(row["gap"], 100.0),
            _number(row.get("used", used.get(row["method"]))),
            "-" if row.get("feasible") is None else f"{100 * row['feasible']:.3g} %",
            f"{100 * row['reached']:.0f} %",
            "-" if row["evaluations"] is None else f"{row['evaluations']:,.0f}",
            triple(row["fewer"]),
            "-" if row["seconds"] is None else f"{1e3 * row['seconds']:,.3g}",
        )
        for row in one["rows"]
    ]
    titles = (
        *("method", "objective", "found", "gap %", "used", "feasible", "reached", "evaluations"),
        *("fewer", "time ms"),
    )
    options = "".join(
        f"- {name}: {', '.join(f'{key} {value}' for key, value in own.items())}\n"
        for name, own in (one.get("options") or {}).items()
    )
    held = "; ".join(one.get("tuned_on", ()))
    tuning = f"\nTuned on: {held}.\n\n{options}" if options else ""
    return (
        f"{head}\n{table(titles, rows)}{tuning}\n![{one['about']}]({PICTURES}/methods-{name}.png)\n"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _ratios(found: dict[str, Any], surrogate: str) -> dict[str, tuple[Sequence[float], str]]:
    """Return random search's evaluations over PNAS's, by table and goal, and how many runs failed
    to meet it, if any did."""
    out = {}
    for name, entry in found["tables"].items():
        for k, goal in enumerate(entry["goals"] if entry else ()):
            failed = found["seeds"] - entry["methods"][f"pnas ({surrogate})"]["met"][k]
            note = f" ({failed} of {found['seeds']} runs failed)" if failed else ""
            out[f"{name}, {goal}"] = (entry["methods"]["random"]["ratio"][surrogate][k], note)
    return out


def _surrogates(told: Told) -> str:
    """Return PNAS's evaluations to the best networks of real tables, by surrogate."""
    rows = []
    for section in SURROGATES:
        for name, entry in told.get(section, {}).get("tables", {}).items():
            for title, one in (entry["methods"] if entry else {}).items():
                if section != SURROGATES[0] and not title.startswith("pnas"):
                    continue  # the baselines are the same
                counts = np.array(one["evaluations"], dtype=float).mean(axis=0)
                cells = [
                    f"{count:.0f}" + (f" ({met} met)" if met < told[section]["seeds"] else "")
                    for count, met in zip(counts, one["met"], strict=True)
                ]
                against = [
                    f"{own}: " + "; ".join(triple(r) for r in ratios)
                    for own, ratios in one.get("ratio", {}).items()
                ]
                rows.append((name, title, *cells, "<br>".join(against), f"{one['seconds']:.1f}"))
    first = next(entry for entry in told[SURROGATES[0]]["tables"].values() if entry)
    return (
        "### PNAS: up to 5 times fewer models than undirected search?\n\n"
        f"{told[SURROGATES[0]]['seeds']} seeds. Evaluations until a network as good as the goal is "
        "found; a run that ended before counts with all of its own. Random search: (N + 1)/(k + 1) "
        "of N networks, k of them good enough. The last column but one: how many times as many as "
        "PNAS by each surrogate, goal by goal. PNAS begins with networks of equal cells, which on "
        "NAS-Bench-Macro are among the best.\n\n"
        + table(("table", "method", *first["goals"], "over PNAS", "seconds a run"), rows)
    )


def _adaptive(told: Told) -> str:
    """Return FP-NAS's claim, problem by problem."""
    rows = []
    for one in told["methods_adaptive"]:
        for title, other in one["methods"].items():
            own = title == "fp-nas"
            cut = _censored(other)
            least = "at least " if cut else ""
            bound = f"{cut} runs were cut short" if cut else None
            rows.append(
                (
                    one["about"],
                    f"{100 * one['ends_at']:g} %",
                    title,
                    *(f"{np.mean(other[what]):,.0f}" for what in ("samples", "evaluations")),
                    f"{cut} of {len(other['samples'])}" if cut else "",
                    f"{100 * float(np.mean(other['gap'])):.2f}",
                    "" if own else least + triple(other["fewer_samples"]),
                    "" if own else triple(other["fewer_evaluations"]),
                    "" if own else triple(other["fewer_seconds"]),
                    "" if own else triple(other["worse"], 100.0),
                    "" if own else judged(other["fewer_samples"][1:], FEWER, bound=bound),
                )
            )
    return (
        "### FP-NAS: 64 % fewer samples and 2.1 times faster than PARSEC?\n\n"
        "A run goes on until the entropy of its distribution has fallen to a share of the first "
        "(second column). The paper's samples cost a pass through a supernet each, so that its time"
        " goes with them; here a network that was drawn before costs nothing again, so that "
        "evaluations and time fall less than samples. Ratios are the other's over FP-NAS's; 64 % "
        "fewer is 2.78 times fewer. Runs that were cut short had not come to that end after the "
        "most iterations: their samples, and so the ratio, are at least what stands there. Last "
        "but one: by how many per cent FP-NAS's answer is worse than the other's.\n\n"
        + table(
            ("problem", "ends at", "method", "samples", "evaluations", "cut short", "gap %",
             "samples, ratio", "evaluations, ratio", "time, ratio", "worse %",
             "64 % fewer samples"),
            rows,
        )
    )  # fmt: skip


def _training(told: Told) -> str:
    """Return what search with training in the loop takes to FLASH's quality."""
    found = told["methods_training"]
    rows = []
    for kind, label in (("digits", "digits"), ("shipped", "CIFAR-10, 96 shipped networks")):
        for one in found[kind]:
            head = (label, f"{one['budget']:.3g}", one["networks"])
            if one["quality"] is None:
                own = "the timed search's own network is not among those trained"
                rows.append((*head, "-", own, f"{1e3 * one['flash_s']:.2g}", *"------"))
            for method, other in one["methods"].items():
                rows.append(
                    (
                        *head,
                        f"{one['better']:.2g}",
                        f"{one['quality']:.3f}",
                        f"{1e3 * one['flash_s']:.2g}",
                        method,
                        f"{100 * other['reached']:.0f} %",
                        *("-" if other[what] is None else f"{other[what]:.3g}"
                          for what in ("evaluations", "seconds")),
                        f"at least {other['at_least']:.3g}: none of them is as accurate"
                        if "at_least" in other
                        else triple(other["slower"]),
                        triple(other.get("slower_trained")),
                    )
                )  # fmt: skip
    titles = ("trained on", "max_macs", "networks", "better than FLASH's", "FLASH's accuracy",
              "FLASH ms", "method", "reached", "trainings", "seconds", "search alone, slower",
              "answer trained, slower")  # fmt: skip
    cells = found["cells"]
    said = "; ".join(
        f"{name}: accuracy {', '.join(f'{a:.3f}' for a in one['accuracies'])} "
        f"({np.mean(one['seconds']):.0f} s to it)"
        for name, one in cells["methods"].items()
    )
    return (
        "### FLASH: four orders of magnitude faster than search with training in the loop?\n\n"
        "FLASH searches by NN-Degree, without training; the others train what they look at, until "
        "they hold a network as accurate as the one that the timed search returned, trained "
        "alike. Each row's networks are those within a budget of MACs; all of them were trained, "
        "which tells how many are better than FLASH's. On CIFAR-10 FLASH searches the whole space, "
        "random search draws from the trained networks, a designed sample of it. All is counted "
        "in processor time, in two readings. Search alone: FLASH's search against the other's "
        "trainings, each without the training of the network that it ends with; this ratio grows "
        "with what a training costs "
        f"({_costs(found)}). Answer trained: FLASH's search and the training of its answer against "
        "all of the other's trainings; this one is bounded by how many trainings the other "
        "needs, however fast the search. A seed is one of the trainings of all networks and of "
        "the other's draws. `flash` is FLASH with a predictor fitted on 12 trained samples.\n\n"
        + table(titles, rows)
        + f"\nCells of PNAS by training on digits, {cells['evaluations']} trainings a run: "
        f"{said}.\n"
    )


def _costs(found: dict[str, Any]) -> str:
    """Return what a training takes, by what is trained on."""
    said = [
        f"{np.mean([one['training_s'] for one in found[kind]]):.2g} s on {label}"
        for kind, label in (("digits", "digits"), ("shipped", "CIFAR-10"))
        if found[kind]
    ]
    return ", ".join(said)


def _overhead(told: Told) -> str:
    rows = [
        (
            one["method"],
            one["score"],
            one["budgets"],
            f"{one['evaluations']:.0f}",
            f"{1e6 * one['seconds']:.3g}",
            f"{1e6 * one['worst']:.3g}",
            f"{one['surrogate_s']:.2g}" if one["surrogate_s"] else "",
        )
        for one in told["methods_overhead"]
    ]
    return (
        "### Each method's own time\n\nDenseNet x rram, 2000 evaluations at most; processor time, "
        "tables and the answer included, fits and predictions of surrogates apart.\n\n"
        + table(
            ("method", "score", "budgets", "evaluations", "us each, median", "worst seed",
             "surrogates s"),
            rows,
        )
    )  # fmt: skip


def draw(told: Told) -> dict[str, bytes]:
    """Return one PNG per problem: quality against evaluations and against time."""
    found = {}
    for name, one in compared(told).items():
        pyplot = pyplot_of()
        figure, axes = pyplot.subplots(1, 2, figsize=(8.0, 3.2), sharey=True, layout="constrained")
        labels = {"evaluations": "evaluations", "seconds": "time with evaluations, s"}
        for axis, (what, label) in zip(axes, labels.items(), strict=True):
            curve = one["curves"][what]
            plain = [item for item in curve["methods"].items() if not item[0].endswith(TUNED)]
            for color, (method, points) in zip(pyplot.cm.tab10.colors, plain, strict=False):
                kept = [(x, *y) for x, y in zip(curve["grid"], points, strict=True) if y]
                if kept:
                    x, middle, low, high = zip(*kept, strict=True)
                    axis.step(x, middle, where="post", color=color, label=method)
                    axis.fill_between(x, low, high, step="post", color=color, alpha=0.15, lw=0)
            if one["optimum"] is not None:
                axis.axhline(one["optimum"], color="k", lw=0.7, ls=":", label="proven optimum")
            axis.set(xscale="log", xlabel=label)
            axis.grid(alpha=0.3)
        finals = [row["objective"] for row in one["rows"] if row["objective"] is not None]
        top = one["optimum"] or max(finals)
        spread = top - min(finals)
        axes[0].set_ylim(top - 3.0 * spread, top + 0.2 * spread)
        axes[0].set_ylabel("best so far, median and quartiles")
        axes[0].legend(fontsize=7, loc="lower right")
        figure.suptitle(one["about"], fontsize=10)
        found[f"methods-{name}.png"] = drawn(figure, "png", dpi=80)
        pyplot.close(figure)
    return found


SECTION = Section(
    write,
    measure,
    (*COMPARED, *SURROGATES, *CLAIMS),
    claims=claims,
    draw=draw,
    whose={"FLASH against": "FLASH's paper", "PNAS (": "PNAS's paper", "FP-NAS": "FP-NAS's paper"},
)
