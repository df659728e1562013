"""Spaces of blocks and targets of one's own, from what the claims beside them left."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from benchmarks.report.section import Line, Told

MOST_MS, MOST_ERROR, LEAST_RANK = 5.0, 8.0, 0.98
TABLES = {"search": "cpu-x86", "search_measured_blocks": "measured blocks"}
SETS = {"by choice": "as the once-for-all network draws them", "uniform": "drawn from the space"}


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return what was measured of them."""
    parts = []
    if "blocks" in told:
        parts += ["## Spaces of blocks\n", _searches(told["blocks"])]
    if "decoders" in told:
        parts += ["### Blocks of a decoder, chosen\n", _decoders(told["decoders"])]
    if "layer_table" in told:
        parts += ["### A table of measured blocks\n", _layer_table(told["layer_table"])]
    if "microcontrollers" in told:
        parts += ["### Microcontrollers\n", _boards(told["microcontrollers"])]
    return "\n".join(parts)


def _searches(found: Mapping[str, Any]) -> str:
    equal, compiled = found["equal"], found["compile_s"]
    text = (
        "`mobilenet-v3`, 2.2e19 networks, by `python -m benchmarks.claims.blocks`: whole calls, "
        "warm, processor time and in brackets wall time (a dash: not measured then), range over "
        "four budgets each; HiGHS on the same tables, to gap 0, "
        "all rows of the five stages or only those that no other betters (finding them takes a "
        "further 0.2 s in Python). Compiling is not counted for flash, and building its model is "
        "for HiGHS. "
        f"Compiled in {1e3 * compiled['mobilenet-v3']:.0f} ms; `mcunet`, 108 sizes, in "
        f"{compiled['mcunet']:.1f} s. Costs by the tables are those of the torch modules read back "
        f"for {equal['from_torch']} of {equal['networks']} random networks, of ONNX files for "
        f"{equal['from_onnx']} of {equal['files']}, peak memory for {equal['peak_memory']}.\n\n"
    )
    rows = []
    for name, title in TABLES.items():
        for count in (1, 2, 3):
            some = [one for one in found[name] if len(one["budgets"]) == count]
            keys = ("search_s", "by_predictor_s", "highs_s", "highs_of_undominated_s")
            rows.append((title, count, *(_range(some, key) for key in keys)))
    head = ("costs", "budgets", "NN-Degree, ms", "topology predictor, ms")
    return text + table((*head, "HiGHS, ms", "HiGHS, undominated, ms"), rows)


def _range(some: list[Mapping[str, Any]], key: str) -> str:
    found = []
    for name in (key, _wall(key)):
        values = [1e3 * one[name] for one in some if name in one]
        found.append(f"{min(values):.3g} to {max(values):.3g}" if values else "-")
    return f"{found[0]} ({found[1]})"


def _wall(key: str) -> str:
    """Return the name of the wall time beside a processor time."""
    return f"{key.removesuffix('_s')}_wall_s"


def _decoders(found: list[Mapping[str, Any]]) -> str:
    text = (
        "One block for each layer from a table of drawn scores, under two and three budgets of "
        "latency, weights and key-value cache: `python -m benchmarks.claims.decoders`. Least, "
        "median and greatest processor time, in brackets wall time (a dash: not measured then); "
        "HiGHS to gap 0, stopped after 20 s.\n\n"
    )
    rows = []
    for name in dict.fromkeys(one["parent"] for one in found):
        some = [one for one in found if one["parent"] == name]
        both = [one for one in some if one["highs_proven"]]
        same = all(abs(one["loss"] - one["highs_loss"]) <= 1e-6 for one in both)
        rows.append(
            (
                name,
                some[0]["groups"],
                f"{sum(one['proven'] for one in some)} of {len(some)}",
                _spread(some, "flash_s"),
                f"{len(both)} of {len(some)}",
                _spread(some, "highs_s"),
                "yes" if same else "no",
            )
        )
    head = ("parent", "groups", "flash proves", "flash, ms", "HiGHS proves", "HiGHS, ms", "equal")
    return text + table(head, rows)


def _spread(some: list[Mapping[str, Any]], key: str) -> str:
    found = []
    for name in (key, _wall(key)):
        values = sorted(1e3 * one[name] for one in some if name in one)
        ends = (values[0], median(values), values[-1]) if values else ()
        found.append(" / ".join(f"{one:.3g}" for one in ends) or "-")
    return f"{found[0]} ({found[1]})"


def _layer_table(found: Mapping[str, Any]) -> str:
    text = (
        "93 blocks of `mobilenet-v3` measured here by onnxruntime, one thread, against whole "
        "networks: `python -m benchmarks.claims.layer_table --folder DIR`. The table was measured "
        "before the networks and once more after them, since the machine's load changes; in loops: "
        "each block again and again, which finds its weights in the caches.\n"
    )
    parts = [text]
    for name, title in SETS.items():
        own = found["held_out"][name]
        rows = [
            (
                what,
                *(f"{one[key]:.2f}" for key in ("mean_pct", "p95_pct", "worst_pct", "bias_pct")),
                f"{one['rank']:.3f}",
            )
            for what, one in own.items()
            if isinstance(one, dict)
        ]
        head = ("model", "mean, %", "95 %", "worst", "bias", "rank")
        parts += [f"{own['networks']} networks {title}:\n", table(head, rows)]
    return "\n".join(parts)


def _boards(found: Mapping[str, Any]) -> str:
    text = (
        "Published latencies beside the targets, which are not calibrated: "
        "`python -m benchmarks.claims.microcontrollers`. Rows whose board gave the rates are not "
        "shown.\n\n"
    )
    rows = [
        (
            *(one[key] for key in ("target", "network", "runtime")),
            f"{one['published_ms']:.4g}",
            f"{one['flash_ms']:.4g}",
            f"{100 * (one['flash_ms'] / one['published_ms'] - 1):+.0f} %",
        )
        for one in found["latencies"]
        if not one["rates_from_it"]
    ]
    return text + table(("target", "network", "runtime", "published, ms", "flash, ms", "off"), rows)


def claims(told: Told) -> Iterator[Line]:
    """Yield what spaces of blocks must show."""
    found = told.get("blocks")
    for name, title in TABLES.items():
        line = f"mobilenet-v3 on {title}, two budgets, proven, whole call"
        if found is None:
            yield line, f"<= {MOST_MS:g} ms", None, None
            continue
        some = [one for one in found[name] if len(one["budgets"]) == 2]
        most = 1e3 * max(max(one["search_s"], one["by_predictor_s"]) for one in some)
        proven = all(one["proven"] and one["proven_by_predictor"] for one in some)
        yield line, f"<= {MOST_MS:g} ms", f"{most:.2g} ms", proven and most <= MOST_MS
    line = "a table of measured blocks against whole networks, held out"
    needed = f"error <= {MOST_ERROR:g} %, rank >= {LEAST_RANK:g}"
    if "layer_table" not in told:
        yield line, needed, None, None
        return
    own = told["layer_table"]["held_out"]["by choice"]
    one = own["table before"]
    good = one["mean_pct"] <= MOST_ERROR and one["rank"] >= LEAST_RANK
    yield line, needed, f"{one['mean_pct']:.2f} %, {one['rank']:.3f}", good


KEPT = {
    name: HERE / "claims" / f"{name}.json"
    for name in ("blocks", "decoders", "layer_table", "microcontrollers")
}
SECTION = Section(write, kept=KEPT, claims=claims)
