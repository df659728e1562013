"""Answers, fronts and counts of problems of choices as pages."""

from __future__ import annotations

from ..base.html import facts, some_of
from ..base.pages import ROWS, Under, call, cut
from ..results.page import histogram_parts
from ..results.screen import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Item, Section
    from .answer import Alternative, ChoiceResult
    from .front import ChoiceFront
    from .tally import ChoiceSweep

__all__ = ["made", "sections", "titled"]

ANSWERS = 12  # further answers that have a column of their own
LONGEST = 200  # characters that say what was chosen


def titled(thing: ChoiceResult | ChoiceFront | ChoiceSweep) -> str:
    """Return what a page is called."""
    objectives = getattr(thing, "objectives", None)
    if objectives is not None:
        return " against ".join(objectives)
    word = "greatest" if thing.greatest else "least"
    name: str = getattr(thing, "objective_name", "")
    return f"choices of the {word} {name}" if name else "choices within conditions"


def made(thing: ChoiceResult | ChoiceFront | ChoiceSweep) -> str:
    """Return the call that gave it, as far as it is known."""
    where = list(thing.where) or None
    objectives = getattr(thing, "objectives", None)
    if objectives is not None:
        sides: Any = zip(objectives, thing.greatest, strict=True)  # type: ignore[arg-type]
        goals: dict[str, list[str]] = {}
        for name, greatest in sides:
            goals.setdefault("maximize" if greatest else "minimize", []).append(name)
        return call("pareto", Under("problem"), **goals, where=where)
    name = getattr(thing, "objective_name", "") or None
    goal = {"maximize" if thing.greatest else "minimize": name}
    sample, seed = getattr(thing, "sample", None), getattr(thing, "seed", 0) or None
    if hasattr(thing, "histograms"):
        return call("sweep", Under("problem"), **goal, where=where, sample=sample, seed=seed)
    k = len(getattr(thing, "alternatives", ()))
    return call("choose", Under("problem"), **goal, where=where, k=k + 1 if k else None)


def sections(thing: ChoiceResult | ChoiceFront | ChoiceSweep) -> list[Section]:
    """Return the sections of a page."""
    given: Any = thing
    if hasattr(thing, "objectives"):
        return _of_front(given)
    return _of_sweep(given) if hasattr(thing, "histograms") else _of_result(given)


def _head(thing: ChoiceResult | ChoiceFront | ChoiceSweep) -> list[Item]:
    """Return the lines of the screen: what is not in a table, nor that it was cut."""
    lines = [one for one in thing._parts() if isinstance(one, str)]
    return [*(one for one in lines if not one.startswith(("... and", "answer "))), *thing._charts()]


def _of_result(result: ChoiceResult) -> list[Section]:
    found: list[Section] = [("", _head(result))]
    if result.choices is not None:
        found.append(("Choices", _choices(result)))
        every = [(result.metrics or {}, result.objective), *_measured(result.alternatives)]
        if len(every) > 1:
            found.append(("Answers", _answers(result.objective_name, every)))
    if result.binding:
        names = list(dict.fromkeys(key for one in result.binding.values() for key in one))
        rows: list[Row] = [["condition", *names]]
        rows += [
            [name, *(f"{one[key]:.6g}" if key in one else "" for key in names)]
            for name, one in result.binding.items()
        ]
        found.append(("What binds", [(rows, 1, True)]))
    if result.conflicts:
        sets = [[" and ".join(one)] for one in result.conflicts]
        found.append(("Conditions that no answer meets together", [(sets, 1, False)]))
    if result.remedies:
        changes = [[name, f"{one:.6g}"] for some in result.remedies for name, one in some.items()]
        found.append(("Changes after which there is one", [(changes, 1, False)]))
    return found


def _measured(answers: Sequence[Alternative]) -> list[tuple[Mapping[str, float], float | None]]:
    return [(one.metrics, one.objective) for one in answers]


def _choices(result: ChoiceResult) -> list[Part]:
    more = result.alternatives[:ANSWERS]
    rows: list[Row] = [["group", "option", *(f"answer {k}" for k in range(2, 2 + len(more)))]]
    pairs = list((result.choices or {}).items())
    some = some_of(len(pairs), ROWS)
    for i in some:
        name, option = pairs[i]
        rows.append([name, *map(_option, (option, *(one.choices.get(name) for one in more)))])
    where = "result.to_frame(), result.to_json(path)"
    return [(rows, len(rows[0]), True), *cut(len(some), len(pairs), "groups", where)]


def _option(option: str | None) -> str:
    return "(covered)" if option is None else option


def _answers(title: str, answers: Sequence[tuple[Mapping[str, float], float | None]]) -> list[Part]:
    names = [name for name in answers[0][0] if name != title]
    rows: list[Row] = [["answer", title or "objective", *names]]
    for k, (metrics, objective) in enumerate(answers[:ROWS], 1):
        value = "" if objective is None else f"{objective:.6g}"
        rows.append([str(k), value, *(f"{metrics[name]:.6g}" for name in names)])
    more = len(answers) - ROWS
    return [(rows, 0, True), f"and {more:,} more: to_json(path)" if more > 0 else ""]


def _chosen(choices: Mapping[str, str | None]) -> str:
    text = ", ".join(f"{name} {option}" for name, option in choices.items() if option is not None)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _of_front(front: ChoiceFront) -> list[Section]:
    found: list[Section] = [("", _head(front))]
    if not front.points:
        return found
    n = len(front.points)
    more = [one for one in front.points[0].metrics if one not in front.objectives]
    rows: list[Row] = [["point", *front.objectives, *more, "proven", "choices"]]
    some = some_of(n, ROWS)
    for i in some:
        one = front.points[i]
        numbers = [*one.values, *(one.metrics[name] for name in more)]
        told = [f"{value:.6g}" for value in numbers]
        rows.append([str(i), *told, "yes" if one.proven else "no", _chosen(one.choices)])
    where = "front.to_frame(), front.to_json(path)"
    return [*found, ("Points", [(rows, 0, True), *cut(len(some), n, "points", where)])]


def _of_sweep(result: ChoiceSweep) -> list[Section]:
    head = [one for one in _head(result) if one != f"{result.objective_name} minimised:"]
    found: list[Section] = [("", head)]
    if result.top:
        names = [one for one in result.top[0].metrics if one != result.objective_name]
        rows: list[Row] = [["", result.objective_name or "objective", *names, "choices"]]
        for k, one in enumerate(result.top[:ROWS], 1):
            numbers = [one.objective, *(one.metrics[name] for name in names)]
            rows.append([str(k), *(f"{value:.6g}" for value in numbers), _chosen(one.choices)])
        more = len(result.top) - ROWS
        tail = f"and {more:,} more: result.to_frame()" if more > 0 else ""
        found.append(("The best", [(rows, 0, True), tail]))
    if result.histograms and result.feasible:
        found.append(("Histograms", histogram_parts(result.histograms)))
    return [*found, ("Time", [facts({"time": duration(result.elapsed_s), "seed": result.seed})])]
