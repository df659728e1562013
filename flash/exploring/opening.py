"""What a page explores, told apart by looking at it."""

from __future__ import annotations

import os

from ..base.checks import is_list, shown
from ..choosing.front import ChoiceFront
from ..choosing.problem import ChoiceProblem
from ..errors import ArgumentError, ArgumentTypeError
from ..fronts.front import ParetoFront
from ..sweeps.result import SweepResult
from ..sweeps.store import MANIFEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .source import Source
    from .state import State

__all__ = ["opened"]

TABLES = (".csv", ".parquet", ".jsonl")
ENDINGS = (*TABLES, ".json")
TAKES = (
    "a space with targets, a table of choices (.csv, .parquet, .jsonl, .json), a front's JSON, or "
    "the folder of a sweep"
)


def opened(
    what: Any,
    targets: Any = (),
    *,
    predictor: Any = None,
    trained: Any = None,
    words: Sequence[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    minimize: Any = None,
    maximize: Any = None,
    start: State | None = None,
) -> Source:
    """Return what is explored, as a `Source`.

    Parameters
    ----------
    what : SearchSpace, ChoiceProblem, ParetoFront, ChoiceFront, SweepResult, or str or path
        A space goes with targets. A path may be that of a space's file, with targets; of a table or
        the JSON of a problem of choices; of a front's JSON; of the folder of a sweep.
    targets : Target, str or path, or a list of them
        Of a space.
    predictor : AccuracyPredictor, or str or path, optional
        Of a space.
    trained : optional
        Of a space: networks that are trained, as `flash.suggest` takes them.
    words : list of str, optional
        What names the space on a command line: see `SpaceSource`.
    columns : dict, optional
        Of a table: see `ChoiceSource`.
    minimize, maximize : str or list of str, or dict, optional
        Of a problem of choices: metrics of which less, or more, is better; the first is what is
        asked for at the opening. As ``{"sum": {...}}`` their weights.
    start : State, optional
        The state at the opening.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError, OSError
        If something is not accepted: the message names it.
    """
    some = list(targets) if is_list(targets) else [targets]
    of_choices = {"columns": columns, "minimize": minimize, "maximize": maximize}
    of_spaces = {"predictor": predictor, "trained": trained, "words": words}
    if some:
        _refuse(of_choices, "a table of choices", "a space")
        from .of_space import SpaceSource

        return SpaceSource(
            what, some, predictor=predictor, trained=trained, words=words, start=start
        )
    kind = _kind_of(what)
    if kind == "choices":
        _refuse(of_spaces, "a space", "a table of choices")
        return _choices(what, columns, minimize, maximize, start)
    _refuse(of_spaces, "a space", f"a {kind}")
    _refuse(of_choices, "a table of choices", f"a {kind}")
    if kind == "sweep":
        from .of_sweep import SweepSource

        return SweepSource(what.out if isinstance(what, SweepResult) else what, start=start)
    from .of_front import ChoiceFrontSource, FrontSource

    if isinstance(what, ChoiceFront) or (kind == "front of choices"):
        return ChoiceFrontSource(what, start=start)
    return FrontSource(what, start=start)


def _refuse(given: Mapping[str, Any], of: str, what: str) -> None:
    for name, one in given.items():
        if one is not None:
            raise ArgumentError(f"{name} is of {of}, and what is explored is {what}")


def _kind_of(what: Any) -> str:
    """Return "choices", "front", "front of choices" or "sweep"."""
    if isinstance(what, ChoiceProblem):
        return "choices"
    if isinstance(what, (ParetoFront, ChoiceFront)):
        return "front"
    if isinstance(what, SweepResult):
        if what.out is None:
            raise ArgumentError("the sweep kept no rows: give flash.sweep a folder, out=...")
        return "sweep"
    if hasattr(what, "family"):
        raise ArgumentError(f"a space needs at least one target, got {shown(what)} alone")
    if not isinstance(what, (str, os.PathLike)):
        raise ArgumentTypeError(f"what is explored must be {TAKES}, got {shown(what)}")
    path = os.fsdecode(what)
    if os.path.isdir(path):
        if os.path.exists(os.path.join(path, MANIFEST)):
            return "sweep"
        raise ArgumentError(
            f"the folder {shown(path)} is none of a sweep: flash.sweep with out= makes one"
        )
    if not path.lower().endswith(ENDINGS):
        if path.endswith(".toml") or not os.path.exists(path):
            raise ArgumentError(
                f"{shown(path)} needs a target, if it is a space; beside that {TAKES} is explored"
            )
        raise ArgumentError(f"{shown(path)} is none of what is explored: {TAKES}")
    return _kind_of_file(path)


def _kind_of_file(path: str) -> str:
    if path.lower().endswith(TABLES):
        if not os.path.exists(path):
            raise FileNotFoundError(2, "no such file", path)
        return "choices"
    from ..base.checks import kind_of, parse_json, read_text

    data = parse_json(_head(path) or read_text(path, "the file"), path)
    if not isinstance(data, dict) or (data and all(isinstance(v, list) for v in data.values())):
        return "choices"  # rows of a table, or its columns
    kind = kind_of(data)
    if kind in EXPLORED:
        return EXPLORED[kind]
    if kind is not None:
        raise ArgumentError(f"{shown(path)} is {kind}; what is explored is {TAKES}")
    if "family" in data:
        raise ArgumentError(f"{shown(path)} is a space, which needs at least one target")
    raise ArgumentError(f"{shown(path)} is none of what is explored: {TAKES}")


# Of what `kind_of` tells of a file's data.
EXPLORED = {
    "a problem of choices": "choices",
    "a front": "front",
    "a front of choices": "front of choices",
}
FRONT = '{"format": 1, "space":'  # how a front's JSON begins, which may be large: read once


def _head(path: str) -> str:
    """Return a stand-in for a front's JSON, "" of any other file: large ones are read once."""
    with open(path, encoding="utf-8", errors="replace") as file:
        start = file.read(1 << 16)
    if start.startswith(FRONT) and '"objectives": [' in start and '"epsilon": ' in start:
        return '{"objectives": [], "metrics": {}, "epsilon": 0}'
    return ""


def _choices(
    what: Any,
    columns: Mapping[str, Any] | None,
    minimize: Any,
    maximize: Any,
    start: State | None,
) -> Source:
    from .of_choices import ChoiceSource
    from .state import State as Made

    less, more = _weights("minimize", minimize), _weights("maximize", maximize)
    given = Made() if start is None else start
    wanted = {**more, **less}
    if wanted and not given.objective:
        summed = any(isinstance(one, dict) for one in (minimize, maximize))
        first = next(iter(less or more))
        given = given.replace(objective=wanted if summed else {first: 1.0})
    return ChoiceSource(what, columns=columns, greatest=tuple(more), start=given)


def _weights(name: str, given: Any) -> dict[str, float]:
    """Return the metrics that are minimised or maximised, with their weights."""
    if given is None:
        return {}
    if isinstance(given, dict):
        inner = given.get("sum")
        if list(given) != ["sum"] or not isinstance(inner, dict):
            raise ArgumentError(f"{name} must name metrics, or be a sum of them: {shown(given)}")
        return {str(key): float(one) for key, one in inner.items()}
    some = [given] if isinstance(given, str) else list(given) if is_list(given) else []
    if not some or not all(isinstance(one, str) for one in some):
        raise ArgumentTypeError(f"{name} must be a metric or a list of them, got {shown(given)}")
    return dict.fromkeys(some, 1.0)
