"""How predictors rank networks that they never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE, PICTURES
from benchmarks.report.format import covered, ms, table
from benchmarks.report.measuring import DRAWS, QUICK_DRAWS, told_by
from benchmarks.report.plotting import both, pyplot_of
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

# of each published set the accuracies that a goal is about, and its title
SETS = {
    "nas-bench-macro": "NAS-Bench-Macro",
    "imgclsmob": "imgclsmob",
    "nas-bench-201": "NAS-Bench-201",
}
DATA_SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "svhn": "SVHN"}
RANK_GOALS = {"nas-bench-macro": 0.96, "imgclsmob": 0.94, "nas-bench-201": 0.86}
OWN = "own DenseNet-type networks"
GROWING = HERE / "models" / "growing.json"
TABLES = {"densenets": OWN, **SETS}
PLAIN = ("ridge", "forest", "gaussian process")
NEAR = 0.005  # of the best plain model from 100 networks
HOW = (
    "Not measured here: `python -m benchmarks.report --only predictors --data FOLDER` measures it "
    "from the folder of the measured data (benchmarks/README.md names its sources).\n"
)


def measure(fragment: str, options: Options) -> Any:
    """Judge them on published networks."""
    if options.data is None:
        return None
    draws = str(QUICK_DRAWS if options.quick else DRAWS)
    return told_by("-m", "benchmarks.models.predictors", options.data, "--draws", draws, "--out")


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return how predictors rank networks that they never saw, beside the baselines."""
    head = "## Accuracy predictors\n\n"
    published, training = told.get("predictors"), told.get("training")
    if published is None and training is None:
        return head + HOW + _growing(told)
    rows, more = [], []
    if training is not None:
        rows.append(_own_row(training))
    for key, title in SETS.items():
        found = published["sets"].get(key, "absent") if published is not None else "absent"
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
    draws = f"{published['draws']} draws" if published is not None else "draws"
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
    if published is None:
        text += "\nPublished sets: " + HOW
    text += _growing(told)
    if "predictors.svg" in pictures:
        text += f"\n![predicted and real accuracy]({PICTURES}/predictors.svg)\n"
    return text


def _judged(told: Told) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield title, number of fitted networks and what was found, of each table of `growing`."""
    for key, tables in told.get("growing", {}).get("tables", {}).items():
        for data, one in tables.items():
            name = f"{TABLES[key]}, {DATA_SETS.get(data, 'ImageNet16-120')}"
            for size, got in one["sizes"].items():
                yield name, int(size), got


def _growing(told: Told) -> str:
    """Return how predictors do that go on learning, beside plain models."""
    rows = [
        (
            *(name, size),
            *(f"{got['rank'][k][0]:.3f}" for k in ("topology", "auto")),
            *(f"{got['rank'][k][0]:.3f}" if k in got["rank"] else "" for k in PLAIN),
            f"{100 * got['grown']:.0f} %",
            f"{100 * got['mae'][0]:.2f}",
            f"{100 * got['mean_coverage']:.0f} %",
            ms(got["fit_s"][0]),
        )
        for name, size, got in _judged(told)
    ]
    if not rows:
        return ""
    names = ("set", "fitted", "topology", "auto", *PLAIN, "grown", "error", "intervals cover",
             "fit, ms")  # fmt: skip
    return (
        f'\nKind "auto" of `AccuracyPredictor.fit`, medians over {told["growing"]["draws"]} draws: '
        'with 50 networks or more it adds a kernel part where networks left out say so ("grown": '
        "in which share of draws). Rank correlations beside its additive part, by which searches "
        "prove, and beside plain models of scikit-learn on one-hot choices (imgclsmob: on family, "
        "numbers of the name, parameters and MACs). `python -m benchmarks.models.growing FOLDER`."
        "\n\n" + table(names, rows)
    )


def _short_of(told: Told, size: int) -> list[tuple[float, str]]:
    """Return by how much "auto" is behind what it must reach, and where, the worst last."""
    found = []
    for name, fitted, got in _judged(told):
        if fitted == size:
            rank = {key: value[0] for key, value in got["rank"].items()}
            best = max([rank["topology"], *(rank[k] - NEAR for k in PLAIN if k in rank)])
            found.append((best - rank["auto"], name))
    return sorted(found)


def claims(told: Told) -> Iterator[Line]:
    """Yield the ranks that predictors must reach."""
    published, training = told.get("predictors"), told.get("training")
    for key, title in SETS.items():
        goal = RANK_GOALS[key]
        one = published["sets"].get(key) if published else None
        text = holds = None
        if isinstance(one, dict):
            rank = one["cifar10"]["topology"]["25"]["rank"][0]
            plain = one["cifar10"]["proxies"]
            text = (
                f"{rank:.3f} (params {plain['params']:.2f}, MACs {plain['macs']:.2f}, "
                f"NN-Degree {plain['nn_degree']:.2f})"
            )
            holds = rank >= goal
        yield f"{title}, CIFAR-10: rank from 25 samples", f"{goal:g}", text, holds
    text = holds = None
    if training:
        own, plain = training["predictors"]["flash: topology"], training["numbers"]
        noise = training["ceiling"]["mae"]
        text = (
            f"{own['rank'][0]:.3f} (params {plain['params']['all']:.2f}, MACs "
            f"{plain['MACs']['all']:.2f}, NN-Degree {plain['NN-Degree']['all']:.2f}); error "
            f"{own['mae'][0]:.2f} points, noise alone {noise:.2f}"
        )
        holds = own["rank"][0] >= 0.9 and own["mae"][0] <= 2 * noise
    if short := _short_of(told, 100):
        most, name = short[-1]
        yield (
            "A predictor that goes on learning: rank from 100 networks on every table",
            f"its additive part's, and the best plain model's less {NEAR:g}",
            f"{'behind' if most > 0 else 'ahead'} by {abs(most):.3f} at least ({name})",
            most <= 0.0,
        )
    required = "rank 0.9; error near (at most twice) the seed noise's"
    yield f"{OWN}: rank and error from 25 samples", required, text, holds


def _own_row(one: dict[str, Any]) -> tuple[Any, ...]:
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


def _published_row(name: str, goal: float | None, one: dict[str, Any]) -> tuple[Any, ...]:
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


def _ceiling(found: dict[str, Any]) -> str:
    parts = []
    for name, value in found.items():
        if name.startswith("spread"):
            continue
        parts.append(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    return "; ".join(parts)


def predictions(told: Told) -> dict[str, tuple[dict[str, Any], dict[str, float]]]:
    """Return one draw of each set, real and predicted accuracies, and the median ranks of all."""
    found: dict[str, Any] = {}
    if own := told.get("training"):
        kinds = {"nn-degree": "NN-Degree, the paper's form", "topology": "flash: topology"}
        ranks = {kind: own["predictors"][name]["rank"][0] for kind, name in kinds.items()}
        found[OWN] = own["example"], ranks
    for key, title in SETS.items():
        one = told.get("predictors", {}).get("sets", {}).get(key, "absent")
        if isinstance(one, dict):
            data = one["cifar10"]
            ranks = {kind: data[kind]["25"]["rank"][0] for kind in ("nn-degree", "topology")}
            found[title] = data["example"], ranks
    return found


def draw(told: Told) -> dict[str, bytes]:
    """Return predictors.svg and .png: networks that were not fitted, real against predicted."""
    found = predictions(told)
    if not found:
        return {}
    pyplot = pyplot_of()
    figure, axes = pyplot.subplots(
        1, len(found), figsize=(3.4 * len(found), 3.9), layout="constrained", squeeze=False
    )
    for axis, (title, (drawn, ranks)) in zip(axes[0], found.items(), strict=True):
        one = {name: [100.0 * value for value in column] for name, column in drawn.items()}
        real = one["real"]
        for name, label, color, size in (
            ("nn-degree", "NN-Degree", "0.65", 9),
            ("topology", "topology", "tab:blue", 9),
        ):
            axis.scatter(one[name], real, s=size, color=color, alpha=0.7, lw=0,
                         label=f"{label}, rank correlation {ranks[name]:.2f}")  # fmt: skip
        shown = sorted([*real, *one["topology"]])
        trimmed = shown[len(shown) // 200], shown[-1]  # one failed training is no scale
        margin = 0.05 * (trimmed[1] - trimmed[0])
        ends = trimmed[0] - margin, trimmed[1] + margin
        axis.plot(ends, ends, color="black", lw=0.8, ls=":")
        axis.set(xlim=ends, ylim=ends, xlabel="predicted accuracy, %", title=title)
        axis.set_aspect("equal")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="upper left", markerscale=1.5)
    axes[0][0].set_ylabel("accuracy after training, %")
    figure.suptitle(
        "Fitted on 25 networks, asked of others: a draw on CIFAR-10, rank correlations of all draws"
    )
    return both(figure, "predictors")


SECTION = Section(
    write, measure, ("predictors",), kept={"growing": GROWING}, claims=claims, draw=draw
)
