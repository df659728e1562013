"""A search result as a page, and what pages say of a space and its networks."""

from __future__ import annotations

from ..base.html import facts, told
from ..base.names import LABELS, STORED, UNITS
from ..base.pages import ROWS, Under, call, cut
from .screen import called, count, duration, parts, quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Section
    from .histogram import Histogram
    from .result import SearchResult

__all__ = ["budget_called", "histogram_parts", "line", "made", "sections", "space_of"]


def space_of(space: Any) -> Any:
    """Return what a call has for a space: its name where that says it all, else `space`."""
    from ..spaces.space import SearchSpace

    if isinstance(space, SearchSpace) and space == SearchSpace(space.family):
        return space.family
    return Under("space")


def budget_called(name: str) -> str:
    """Return a budget as a reader and a call name it; a condition as it is."""
    label = LABELS.get(name.removeprefix("max_").removeprefix("min_"), "")
    return f"{label} ({name})" if label else name


def made(result: SearchResult[Any]) -> str:
    """Return the search that gave a result, as far as the result knows it."""
    plain = result.objective_name in ("nn_degree", "accuracy")
    keywords: dict[str, Any] = dict(result.budgets)
    keywords["where"] = list(result.where) or None
    keywords["confidence"] = result.confidence
    keywords["k"] = len(result.alternatives) + 1 if result.alternatives else None
    keywords["codesign"] = None if result.accelerator is None else True
    keywords["method"] = None if result.method == "shgo" else result.method
    keywords["seed"] = result.seed or None
    if result.objective_name.startswith("-") and "," not in result.objective_name:
        keywords["minimize"] = result.objective_name[1:]
    elif not plain:
        keywords["objective"] = Under(f"... ({result.objective_name})")
    if result.scored_by:
        keywords["predictor"] = Under(f"... ({result.scored_by})")
    return call("search", space_of(result.space), result.target, **keywords)


def line(result: SearchResult[Any]) -> str:
    """Return in a line what a result says."""
    from .screen import headline

    return f"{result.status}, {headline(result)}" if result.x is not None else result.status


def sections(result: SearchResult[Any]) -> list[Section]:
    """Return a result as the sections of a page."""
    lines = parts(result)
    found: list[Section] = [("", [_verdict(result), *_said(lines)])]
    if result._charts():
        found.append(("Charts", list(result._charts())))
    if result.x is not None:
        found += [("Costs", _costs(result)), ("Network", _network(result))]
    if result.alternatives:
        found.append(("Further networks", _alternatives(result)))
    if result.binding:
        found.append(("What binds", _binding(result)))
    if result.conflicts or result.remedies or result.least:
        found.append(("Why nothing fits", _refusal(result)))
    found.append(("Search", _search(result)))
    if result.flags:
        found.append(("Notes", list(result.flags)))
    return found


def _verdict(result: SearchResult[Any]) -> Part:
    from .screen import headline

    return facts(
        {
            "status": result.status,
            "found": headline(result) if result.x is not None else None,
            "target": result.target,
            "space": f"{result.space.family}, {count(result.space.size)} configurations",
        }
    )


def _said(lines: Sequence[Part]) -> list[Part]:
    """Return the sentences of the screen that say how far it is proven."""
    starts = ("proven", "not proven", "stopped")
    return [one for one in lines if isinstance(one, str) and one.startswith(starts)]


def _costs(result: SearchResult[Any]) -> list[Part]:
    from .screen import UNKNOWN, costs_of, ends_of, percent_of, tells

    rows: list[Row] = [["cost", "value", "90 % from", "to", "budget", "used"]]
    for label, field, value, limit in costs_of(result):
        unit = UNITS.get(field, "")
        ends = None if result.costs is not None else (result.intervals or {}).get(field)
        between = ["", ""] if ends is None else list(ends_of(ends, field))
        if ends is not None and not tells(ends):
            between = [UNKNOWN, ""]
        budget, used = "", ""
        if limit is not None:
            budget = ("at least " if field == "accuracy" else "") + quantity(limit, unit)
            used = "" if field == "accuracy" else f"{percent_of(value, limit):.1f} %"
        rows.append([label, quantity(value, unit), *between, budget, used])
    shown = {row[0] for row in rows}
    chosen = result.accelerator is not None and any(result.accelerator["cell_bits"])
    bits = " (at 32 bits)" if chosen and not result.int8 else ""
    for name in STORED:
        value = getattr(result, name)
        if value is not None and LABELS[name] not in shown:
            rows.append([LABELS[name] + bits, f"{value:,.1f} KiB", "", "", "", ""])
    said = [k for k in range(6) if any(row[k] for row in rows[1:])]  # columns
    return [([[row[k] for k in said] for row in rows], 1, True)]


def _network(result: SearchResult[Any]) -> list[Part]:
    from .screen import network_parts

    found = network_parts(result)
    more: list[Part] = []
    if result.accelerator is not None:
        from .accelerator import accelerator_parts

        more = [Under("Accelerator"), *accelerator_parts(result.accelerator)]
    return [*found, *more, facts({"flat index": result.index and f"{result.index:,}"})]


def _alternatives(result: SearchResult[Any]) -> list[Part]:
    from .further import alternatives

    return [*alternatives(result, ROWS)]


def _binding(result: SearchResult[Any]) -> list[Part]:
    rows: list[Row] = [["budget", "with 1 % more", "without it", "gained by each unit"]]
    for name, one in (result.binding or {}).items():
        given = (one.get(key) for key in ("one_percent", "unlimited", "per_unit"))
        numbers = ("-" if value is None else f"{value:.6g}" for value in given)
        rows.append([budget_called(name), *numbers])
    return [f"what {called(result.objective_name)} would be", (rows, 1, True)]


def _refusal(result: SearchResult[Any]) -> list[Part]:
    found: list[Part] = []
    if result.least:
        rows: list[Row] = [["budget", "given", "alone at least (accuracy: at most)"]]
        for name, value in result.least.items():
            unit = UNITS.get(name.removeprefix("max_"), "")
            given = told(result.budgets.get(name))
            rows.append([budget_called(name), given, quantity(value, unit)])
        found.append((rows, 1, True))
    for title, some in (
        (
            "No network meets all of a line: one of it has to give, to the value there",
            result.conflicts,
        ),
        ("Changes, any one of which would do", result.remedies),
    ):
        if some:
            names = list(dict.fromkeys(name for one in some for name in one))
            rows = [["", *map(budget_called, names)]]
            rows += [
                [str(k), *(_given(one, name) for name in names)] for k, one in enumerate(some, 1)
            ]
            found += [Under(title), (rows, 1, True)]
    return found


def _given(one: Mapping[str, float | None], name: str) -> str:
    value = one.get(name)
    return "" if name not in one else "in the set" if value is None else f"{value:.6g}"


def _search(result: SearchResult[Any]) -> list[Part]:
    bound = None if result.upper_bound is None else f"{result.upper_bound:.6g}"
    gap = None if result.gap is None else f"{100 * result.gap:.3g} %"
    found: list[Part] = [
        facts(
            {
                "maximised": called(result.objective_name),
                "objective": None if result.objective is None else f"{result.objective:.6g}",
                "nothing exceeds": bound,
                "gap": gap,
                "accuracy told by": result.scored_by,
                "conditions": " and ".join(f"({one})" for one in result.where) or None,
                "confidence": result.confidence and f"{100 * result.confidence:g} %",
                "method": result.method,
                "evaluations": count(result.nfev),
                "rows asked for": None if result.samples is None else count(result.samples),
                "of them within the budgets": None
                if result.feasible is None
                else count(result.feasible),
                "time": duration(result.elapsed_s),
                "with evaluations as first made": None
                if result.spent_s is None
                else duration(result.spent_s),
                "seed": result.seed,
                "stopped by": result.stopped,
            }
        )
    ]
    if result.trace:
        rows: list[Row] = [["rows asked for", "evaluations", "time", "objective"]]
        some = result.trace[-ROWS:]
        rows += [[f"{a:,}", f"{n:,}", duration(s), f"{best:.6g}"] for a, n, s, best in some]
        found += [Under("Whenever a better network was found"), (rows, 0, True)]
        found += cut(len(some), len(result.trace), "improvements", "result.trace")
    return found


def histogram_parts(histograms: Mapping[str, Histogram]) -> list[Part]:
    """Return a table that says how metrics are distributed, by their bins."""
    rows: list[Row] = [["metric", "least", "a tenth below", "half below", "nine tenths", "most"]]
    for name, one in histograms.items():
        if sum(one.counts):
            values = [_below(one, share) for share in (0.0, 0.1, 0.5, 0.9, 1.0)]
            rows.append([name, *(f"{value:.4g}" for value in values)])
    return [(rows, 1, True), "to a bin's width: the bins are in to_json()"]


def _below(one: Histogram, share: float) -> float:
    """Return the edge of a bin below which a share of all lies."""
    edges, whole, passed = one.edges, sum(one.counts), 0
    for k, number in enumerate(one.counts):
        if number and share == 0.0:
            return edges[k]
        passed += number
        if passed >= share * whole and passed:
            return edges[k + 1]
    return edges[-1]
