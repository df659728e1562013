"""The one screen that a SearchResult prints, and the text tables of the command line."""

from __future__ import annotations

from ..base.names import LABELS, LIMITED, MAXIMA, STORED, UNITS, UPPER
from ..base.record import table, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..base.html import Part
    from .result import SearchResult

__all__ = [
    "called",
    "costs_of",
    "count",
    "ends_of",
    "found_for",
    "headline",
    "network_parts",
    "parts",
    "percent_of",
    "proof_line",
    "quantity",
    "screen",
    "table",
    "tells",
    "text",
    "UNKNOWN",
    "used_percent",
]

_BAR = 24  # characters of a full bar
_CHANGES = 4  # columns of a refusal's remedies
_WIDEST = 30.0  # an interval from one end to more than so many times that tells nothing
UNKNOWN = "unknown: unlike what was measured"  # stands for such an interval


def screen(result: SearchResult[Any]) -> str:
    """Return the text of ``print(result)``."""
    return text(parts(result))


def parts(result: SearchResult[Any]) -> list[Part]:
    """Return what a result shows: lines of text, and tables."""
    lines: list[Part] = [f"{result.space.family} on {result.target}: {result.status}"]
    if result.x is None:
        lines += _refusal(result)
    else:
        lines += [headline(result), "", *network_parts(result), "", *_costs(result), ""]
        if result.accelerator is not None:
            from .accelerator import accelerator_parts

            lines += [*accelerator_parts(result.accelerator), ""]
        if result.alternatives:
            from .further import alternatives

            lines += [*alternatives(result), ""]
    lines += [f"where {one}" for one in result.where]
    lines.append(proof_line(result))
    lines += _binding(result)
    if result.stopped:
        lines.append(f"stopped by {result.stopped}")
    effort = "1 evaluation" if result.nfev == 1 else f"{count(result.nfev)} evaluations"
    if result.feasible is not None and result.samples:
        effort += f", {count(result.feasible)} of {count(result.samples)} rows within the budgets"
    lines.append(f"{result.method}, {effort}, {duration(result.elapsed_s)}, seed {result.seed}")
    if result.x is not None and not result.proven:  # what a method has to say of its end
        lines += [f"note: {said}" for said in result.message.split("; ")[1:]]
    lines += [f"note: {flag}" for flag in result.flags]
    return lines


def found_for(result: SearchResult[Any]) -> str:
    """Return for what a network was found, as paragraphs for a file of it."""
    said = headline(result)
    told = f", {said}" if said else ""
    first = f"Found by flash ({result.method}) for {result.target}: {result.status}{told}."
    tables: list[Part] = [
        ([row[:4] for row in part[0]], part[1], part[2]) if not isinstance(part, str) else part
        for part in _costs(result)
    ]
    if result.accelerator is not None:
        from .accelerator import accelerator_parts

        tables += accelerator_parts(result.accelerator)
        if result.accelerator["cell_bits"]:
            bits = ", ".join(map(str, result.accelerator["cell_bits"]))
            tables.append(f"bits of the cells there: {bits}; torch computes in float32")
    lines = [f"  {line}" for line in text(tables).splitlines()]
    ending = [*(f"where {one}" for one in result.where), proof_line(result)]
    return "\n\n".join([first, "\n".join(lines), "\n".join(ending)])


def count(value: int) -> str:
    """Return an integer in full up to 15 digits, and as 1.23e+45 above."""
    text = str(value)
    return f"{value:,}" if len(text) <= 15 else f"{text[0]}.{text[1:3]}e+{len(text) - 1}"


def duration(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def quantity(value: float, unit: str = "") -> str:
    text = count(value) if isinstance(value, int) else f"{value:.6g}"
    return f"{text} {unit}" if unit else text


def percent_of(part: float, whole: float) -> float:
    """Return a percentage of one decimal, 100.0 only for what is used up wholly."""
    percent = round(100 * (part / whole), 1)
    return 99.9 if percent >= 100 and part < whole else percent


def used_percent(result: SearchResult[Any]) -> list[tuple[str, float]]:
    """Return (label, percent used) of each upper budget."""
    return [
        (label, percent_of(value, limit))
        for label, field, value, limit in costs_of(result)
        if limit is not None and field != "accuracy"
    ]


def costs_of(result: SearchResult[Any]) -> list[tuple[str, str, float, float | None]]:
    """Return label, metric, value and budget of each cost, and of an accuracy that has one."""
    if result.costs is not None or result.where:
        from .further import costs_within

        return costs_within(result)
    found = []
    for budget, field in LIMITED.items():
        limit = result.budgets.get(budget)
        if limit is None and field in STORED:  # worked out where it is asked for
            continue
        value = getattr(result, field)
        if value is not None and (limit is not None or budget in MAXIMA):
            found.append((LABELS[field], field, value, limit))
    return found


def headline(result: SearchResult[Any]) -> str:
    """Return what was found in a line: accuracy, NN-Degree, and what else was maximised."""
    parts = []
    told = result.scored_by or ""
    if result.accuracy is not None and _is_score(result):
        parts.append(f"score {result.accuracy:.6g} ({told})")
    elif result.accuracy is not None:
        ranked = f" by a {told}" if told.endswith("ranks") or ", the part of" in told else ""
        parts.append(f"accuracy {100 * result.accuracy:.2f} %{ranked}")
    if result.nn_degree is not None:
        parts.append(f"NN-Degree {result.nn_degree:.6g}")
    if result.objective_name not in ("accuracy", "nn_degree") and result.objective is not None:
        cost = _least_cost(result)
        if cost:
            given: Any = result.costs or {}
            value = given[cost] if "@" in cost else getattr(result, cost)
            parts.append(f"{called(cost)} {quantity(value, UNITS.get(cost.partition('@')[0], ''))}")
        else:
            parts.append(f"{result.objective_name} {result.objective:.6g}")
    return ", ".join(parts)


def _least_cost(result: SearchResult[Any]) -> str:
    """Return the cost that is least: the objective is its reciprocal, or the first is its negative;
    or nothing."""
    name = result.objective_name.removesuffix("^-1")
    if name != result.objective_name:
        return name if getattr(result, name, None) else ""
    if not name.startswith("-"):
        return ""
    from .further import least_cost

    return least_cost(result)


def called(name: str) -> str:
    """Return a metric as a reader calls it: latency_ms@pi is "latency on pi"."""
    metric, at, device = name.partition("@")
    label = LABELS.get(metric, "NN-Degree" if metric == "nn_degree" else metric)
    return f"{label} on {device}" if at else label


def _is_score(result: SearchResult[Any]) -> bool:
    """Whether what is maximised comes from a user's own function: nobody knows what it is."""
    return (result.scored_by or "").startswith("function ")


def network_parts(result: SearchResult[Any]) -> list[Part]:
    """Return the network that was found: a table of its cells or blocks, and its input."""
    found: Any = result.architecture
    if found is None:  # for the type checker: the caller has a network
        return []
    if hasattr(type(found), "labelled"):  # asked of the class: no instance suggests names then
        return _blocks(result, found)
    if not hasattr(found, "cells"):  # of a NetworkSpace: its name says it all
        from ..networks.network import Network

        net = found if isinstance(found, Network) else found.network()
        _, height, width = net.input_shape
        name = getattr(result.space, "name")(result.x)  # noqa: B009 - no SearchSpace has it
        return [name, f"{len(net)} layers, images of {height} x {width}"]
    names = ["width", "depth", "skips"]
    if found.family == "mobilenet-v2":
        names += ["expansion", "kernel"]
    rows = [["cell", *names]]
    rows += [
        [str(number), *(str(getattr(cell, name)) for name in names)]
        for number, cell in enumerate(found.cells, 1)
    ]
    total = sum(result.cell_degrees)
    if len(result.cell_degrees) == len(found.cells) and total > 0:
        rows[0] += ["NN-Degree", "share"]
        for row, degree in zip(rows[1:], result.cell_degrees, strict=True):
            row += [f"{degree:.6g}", f"{100 * degree / total:.0f} %"]
    bits = () if result.accelerator is None else result.accelerator["cell_bits"]
    if bits:
        for row, one in zip(rows, ["bits", *bits], strict=True):
            row.append(str(one))
    size = f"images of {found.resolution} x {found.resolution}, {found.num_classes} classes"
    return [(rows, 0, True), size]


def _blocks(result: SearchResult[Any], found: Any) -> list[Part]:
    """Return a network of blocks: a line for each run of equal blocks of a stage."""
    rows: list[list[str]] = [["stage", "blocks", "channels"]]
    runs: list[tuple[str, str, int, int]] = []
    for stage, label, channels in found.blocks:
        if runs and runs[-1][:3] == (stage, label, channels):
            runs[-1] = (stage, label, channels, runs[-1][3] + 1)
        else:
            runs.append((stage, label, channels, 1))
    last = ""
    for stage, label, channels, times in runs:
        name = "" if stage == last else stage
        rows.append([name, f"{times} x {label}" if times > 1 else label, str(channels)])
        last = stage
    size = " x ".join(map(str, found.input_shape))
    return [(rows, 2, True), f"input of {size}"]


def _costs(result: SearchResult[Any]) -> list[Part]:
    rows = []
    for label, field, value, limit in costs_of(result):
        unit = UNITS.get(field, "")
        row = [label, quantity(value, unit), "", "", "", ""]
        ends = None if result.costs is not None else (result.intervals or {}).get(field)
        if ends is not None:
            low, high = ends_of(ends, field)
            row[2] = f"({low} to {high}, 90 %)" if tells(ends) else f"({UNKNOWN})"
        if limit is not None and field != "accuracy":
            percent = percent_of(value, limit)
            bar = "#" * int(percent / 100 * _BAR)
            row[3:] = [f"of {quantity(limit, unit)}", f"{percent:.1f} %", bar.ljust(_BAR, ".")]
        elif limit is not None:
            row[3] = f"at least {quantity(limit)}"
        rows.append(row)
    return [(rows, 1, False)] if rows else []


def _binding(result: SearchResult[Any]) -> list[Part]:
    """Return a line for each budget that binds."""
    name = "NN-Degree" if result.objective_name == "nn_degree" else result.objective_name
    now = "" if result.objective is None else f"{result.objective:.6g}"
    lines: list[Part] = []
    for budget, one in (result.binding or {}).items():
        more = f"{one['one_percent']:.6g}"
        bought = "nothing" if more == now else f"{name} {more}"
        free = f"{'' if more != now else name + ' '}{one['unlimited']:.6g}"
        lines.append(f"{budget} binds: 1 % more would buy {bought}, without it {free}")
    return lines


def tells(ends: Sequence[float]) -> bool:
    """Return whether an interval is narrow enough to tell anything of a cost."""
    low, high = ends
    return high <= _WIDEST * low


def ends_of(ends: Sequence[float], field: str) -> tuple[str, str]:
    """Return the ends of an interval, with as many digits as tell them apart."""
    low, high = ends
    for more in range(5):
        found = _end(low, field, more), _end(high, field, more)
        if found[0] != found[1]:
            return found
    return _end(low, field), _end(high, field)


def _end(value: float, field: str, more: int = 0) -> str:
    """Return an end of an interval; more: further digits."""
    return f"{100 * value:.{1 + more}f} %" if field == "accuracy" else f"{value:.{4 + more}g}"


def _refusal(result: SearchResult[Any]) -> list[Part]:
    lines: list[Part] = [result.message] if result.message else []
    if result.least:
        changes = result.remedies[:_CHANGES]
        rows = [["budget", "given", "alone at least", *(_titles(len(changes)) or [""])]]
        for budget, given in result.budgets.items():
            unit = UNITS.get(LIMITED[budget], "")
            least = result.least.get(budget)
            alone = "" if budget in UPPER else "at most "
            row = [budget, quantity(given, unit), ""]
            row[2] = "" if least is None else alone + quantity(least, unit)
            row += [quantity(one[budget], unit) if budget in one else "" for one in changes]
            if not changes:
                upper = budget in UPPER
                beyond = least is not None and (least > given if upper else least < given)
                row.append("cannot be met" if beyond else "")
            rows.append(row)
        lines += ["", (rows, 1, True)]
    return [*lines, ""]


def _titles(changes: int) -> list[str]:
    """Return the titles of columns of changes, any one of which would do."""
    return [
        f"{'or ' * (n > 1)}change {n}" if changes > 1 else "change" for n in range(1, changes + 1)
    ]


def proof_line(result: SearchResult[Any]) -> str:
    """Return what is proven of an answer, or that nothing is."""
    of = f"of {count(result.space.size)} configurations"
    if result.accelerator is not None:
        of = f"of {count(result.accelerator['joint'])} networks on accelerators"
    within = " within the budgets" if result.budgets else ""
    if result.where:
        within = " within the conditions"
    if result.confidence is not None:
        within = f" with {100 * result.confidence:g} % intervals that end within the budgets"
    label = "NN-Degree" if result.objective_name == "nn_degree" else result.objective_name
    label = "score" if label == "accuracy" and _is_score(result) else label
    better = f"a higher {label}"
    if _least_cost(result):
        better = f"a lower {called(_least_cost(result))}"
    if result.x is None:
        if result.proven:
            what = "the conditions" if result.where else "the budgets"
            return f"proven: {of}, none meets {what}"
        return "not proven: the search ended before it found a network, or that there is none"
    if result.proven:
        return f"proven optimal: {of}, none{within} has {better}"
    if result.upper_bound is None or result.gap is None:
        return f"not proven: there is no upper bound on {label}"
    return (
        f"not proven: {of}, none{within} exceeds {label} {result.upper_bound:.6g} "
        f"(gap {100 * result.gap:.3g} %)"
    )
