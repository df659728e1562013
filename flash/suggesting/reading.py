"""Trained networks as users have them: pairs, tables, journals, folders; each mapped to its row."""

from __future__ import annotations

import json
import os

from ..base.checks import integer, is_list, items, number, path_of, real, shown
from ..errors import ArgumentError, ArgumentTypeError, FlashError, FormatError
from ..spaces.network_space import NetworkSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    Row = tuple[int, ...]
    Trained = dict[Row, list[tuple[float, float | None]]]
    Line = tuple[str, Any, float, float | None]  # where it stands, network, accuracy, seconds

__all__ = ["canonical_rows", "doubts", "name_of", "read_trained", "row_of", "space_of"]

MOST = 1_000_000  # trainings
PLAUSIBLE = 0.05  # between trainings of one network; more is named
TIMES = 4.0  # the noise of all others, where that is more


def canonical_rows(space: Any, rows: Sequence[Sequence[int]]) -> list[Row]:
    """Return for each row the one that stands for all rows of the same network.

    Raises
    ------
    ArgumentError
        If a row is a step on the way to networks, and in the space itself not.
    """
    import numpy as np

    given = np.array(rows, dtype=np.int64).reshape(len(rows), len(space.lengths))
    if isinstance(space, NetworkSpace):
        found = space.canonical(given)
        member = space.is_member(found)
        if member is not None and not member.all():
            step = space.name(found[int(np.argmin(member))].tolist())
            raise ArgumentError(f"{step!r} is a step on the way, and not in {space!r}")
    elif space.numbering is not None:
        found = space.numbering.canonical(given)
    else:  # choices may round to the same network
        return [space.encode(space.decode(row)) for row in given.tolist()]
    return [tuple(row) for row in found.tolist()]


def name_of(space: Any, row: Sequence[int]) -> str:
    """Return what files call a network: its name, or its flat index."""
    return space.name(row) if isinstance(space, NetworkSpace) else str(space.index(row))


def row_of(space: Any, network: Any) -> Row:
    """Return the canonical row of a network, a row, a flat index, a name or plain data.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is none of the space.
    """
    return canonical_rows(space, [_row_of(space, network)])[0]


def _row_of(space: Any, network: Any) -> Sequence[int]:
    from ..spaces.index import checked_row, row_at

    networks = isinstance(space, NetworkSpace)
    if hasattr(network, "network") and hasattr(network, "params"):
        return _encoded(space, network)
    if hasattr(network, "keys"):
        return _encoded(space, _of_data(network))
    if isinstance(network, str):
        if networks:
            return space.parse(network)  # type: ignore[no-any-return]
        if not network.isdecimal() or len(network) > 4000 or int(network) >= space.size:
            raise ArgumentError(
                f"a network of {space.family} is a flat index below {space.size}, "
                f"got {shown(network)}"
            )
        return row_at(space, int(network))
    if is_list(network):
        if hasattr(network, "tolist"):
            network = network.tolist()
        return space.row(network) if networks else checked_row(space, network)
    if isinstance(network, (float, bool)) or not hasattr(network, "__index__"):
        raise ArgumentTypeError(
            "a network must be one of the space, its row of choice indices, its flat index or its "
            f"name, got {shown(network)} ({type(network).__name__})"
        )
    flat = integer("a flat index", network, 0, space.size - 1)
    return space.row(flat) if networks else row_at(space, flat)


def _encoded(space: Any, network: Any) -> Sequence[int]:
    encode = getattr(space, "encode", None)
    if encode is None:
        raise ArgumentError(f"space {space.family} tells no rows of networks: pass rows or names")
    return encode(network)  # type: ignore[no-any-return]


def _of_data(data: Mapping[str, Any]) -> Any:
    """Return the network of plain data."""
    if "layers" in data:
        from ..networks.network import Network

        return Network.from_dict(data)
    from ..spaces.network_files import network_from_dict

    return network_from_dict(data)


def read_trained(space: Any, given: Any, name: str = "measured") -> tuple[Trained, list[str]]:
    """Return trainings by canonical row, and notes on how they were read.

    Parameters
    ----------
    space : SearchSpace, BlockSpace or NetworkSpace
    given : see `flash.suggest`
    name : str
        The argument, for errors.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If something is no network of the space, or no accuracy; the message names it.
    """
    notes: list[str] = []
    if isinstance(given, (str, os.PathLike)):
        lines = _of_path(space, path_of(name, given), notes)
    elif hasattr(given, "samples") and hasattr(given, "folder"):
        lines = _of_training(given, name)
    elif hasattr(given, "items"):
        lines = [(f"{name}[{key!r}]", key, *_run(one)) for key, one in given.items()]
    else:
        lines = _of_pairs(name, given)
    return _mapped(space, lines), notes


def space_of(path: str) -> Any:
    """Return the space that a journal or a folder of suggestions is of, the trainings of a folder
    of `flash.train`, which hold their networks, or None: a table says neither."""
    from ..spaces.named import space_from

    if os.path.isdir(path):
        place = _trainings(path)
        if place is not None:
            from ..training.results import TrainingResult

            return list(TrainingResult.load(place).samples)
        from .folder import read_folder

        return space_from(read_folder(_asking(path)).facts["space"])
    return None if _is_table(path) else space_from(_journal(path)[0]["space"])


def _trainings(path: str) -> str | None:
    """Return the folder of trainings: an evaluator has it below its own."""
    for place in (path, os.path.join(path, "trainings")):
        if os.path.exists(os.path.join(place, "results.jsonl")):
            return place
    return None


def _asking(path: str) -> str:
    from .folder import FACTS

    if not os.path.exists(os.path.join(path, FACTS)):
        raise ArgumentError(
            f"{path!r} is a folder of neither: flash.train keeps results.jsonl in it, "
            f"flash.suggest {FACTS}"
        )
    return path


def _is_table(path: str) -> bool:
    kind = path.lower().removesuffix(".gz").rpartition(".")[2]
    return kind in ("csv", "json", "parquet")


def _of_pairs(name: str, given: Any) -> list[Line]:
    """Return the lines of (network, accuracy) pairs, or of (networks, accuracies)."""
    if isinstance(given, (bytes, set)) or not (is_list(given) or hasattr(given, "__next__")):
        raise ArgumentTypeError(
            f"{name} must be a list of (network, accuracy), (networks, accuracies), a dict from "
            f"names to accuracies, a path or a TrainingResult, got {shown(given)} "
            f"({type(given).__name__})"
        )
    pairs = items(name, given, MOST)
    if isinstance(given, tuple) and len(pairs) == 2 and all(map(is_list, pairs)):
        networks, accuracies = map(list, pairs)
        paired = any(isinstance(one, float) for one in networks)
        if not paired and all(map(_is_number, accuracies)):
            if len(networks) != len(accuracies):
                raise ArgumentError(
                    f"{name} must hold as many accuracies as networks, got {len(networks)} "
                    f"networks and {len(accuracies)} accuracies"
                )
            pairs = list(zip(networks, accuracies, strict=True))
    lines: list[Line] = []
    for n, pair in enumerate(pairs):
        if not is_list(pair) or len(pair) not in (2, 3):
            raise ArgumentTypeError(
                f"{name}[{n}] must be (network, accuracy), or (network, accuracy, seconds), "
                f"got {shown(pair)}"
            )
        network, accuracy, *spent = pair
        lines.append((f"{name}[{n}]", network, accuracy, spent[0] if spent else None))
    return lines


def _is_number(value: object) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool) and not is_list(value)


def _run(value: Any) -> tuple[Any, Any]:
    """Return (accuracy, seconds) of a dict's value: an accuracy, or both."""
    if is_list(value) and len(value) == 2:
        return value[0], value[1]
    return value, None


def _of_training(result: Any, name: str) -> list[Line]:
    return [
        (f"{name}, network {one.index}", one.architecture, one.accuracy, one.seconds)
        for one in result.samples
    ]


def _of_path(space: Any, path: str, notes: list[str]) -> list[Line]:
    """Return the lines of a table, a journal, a folder of trainings or one of suggestions."""
    if os.path.isdir(path):
        place = _trainings(path)
        if place is not None:
            from ..training.results import TrainingResult

            return _of_training(TrainingResult.load(place), place)
        from .folder import read_folder

        held = read_folder(_asking(path))
        _same_space(path, held.facts.get("space"), space)
        notes += held.notes
        return [
            (os.path.join(path, "told", run.file), held.asked[run.id], run.accuracy, run.seconds)
            for run in held.told
            if run.accuracy is not None
        ]
    return _of_table(path, notes) if _is_table(path) else _of_journal(space, path)


def _of_table(path: str, notes: list[str]) -> list[Line]:
    from ..evaluators._table_file import read_runs

    runs = read_runs(path, maybe_seconds="seconds")
    values = [one for _, _, accuracies, _ in runs for one in accuracies]
    scale = 1.0
    if max(values) > 1.0 and all(0.0 <= one <= 100.0 for one in values):
        scale = 100.0
        notes.append(f"accuracies of {path} were read as percent: some are above 1")
    return [
        (f"{path}, {place}", name, accuracy / scale, seconds)
        for place, name, accuracies, seconds in runs
        for accuracy in accuracies
    ]


def _journal(path: str) -> list[dict[str, Any]]:
    """Return the lines of a journal, the first of which says what it is of."""
    from ..training.ledger import read_lines

    if not os.path.exists(path):
        raise FileNotFoundError(2, "no such table, journal or folder", path)
    lines = read_lines(path)
    if not lines or "space" not in lines[0] or "format" not in lines[0]:
        raise FormatError(
            f"{path!r} is no journal of evaluations; tables of accuracies are .csv, .json (perhaps "
            ".gz) or .parquet, and trainings a folder"
        )
    return lines


def _of_journal(space: Any, path: str) -> list[Line]:
    lines = _journal(path)
    _same_space(path, lines[0]["space"], space)
    found: list[Line] = []
    for n, line in enumerate(lines[1:], 2):
        where = f"{path}, line {n}"
        if "row" not in line or "accuracy" not in line:
            raise FormatError(f"{where} holds no row with an accuracy")
        found.append((where, line["row"], line["accuracy"], line.get("seconds")))
    return found


def _same_space(path: str, held: Any, space: Any) -> None:
    if held != json.loads(json.dumps(space.to_dict())):
        family = held.get("family") if isinstance(held, dict) else None
        other = "other choices of it" if family == space.family else shown(family)
        raise ArgumentError(f"{path!r} is of another space than {space.family}: {other}")


def _mapped(space: Any, lines: Iterable[Line]) -> Trained:
    """Return trainings by row; the error of networks outside of the space counts the others."""
    found: Trained = {}
    wrong: list[str] = []
    rows: list[Sequence[int]] = []
    runs: list[tuple[float, float | None]] = []
    for where, network, accuracy, seconds in lines:
        spent = None if seconds is None else real(f"{where}: seconds", seconds, 0.0)
        value = _accuracy(where, accuracy)
        try:
            rows.append(_row_of(space, network))
            runs.append((value, spent))
        except (FlashError, OverflowError) as error:
            wrong.append(f"{where} is no network of the space: {error}")
    if wrong:
        more = f"; {len(wrong) - 1} more are none" if len(wrong) > 1 else ""
        raise ArgumentError(f"{wrong[0]} ({len(rows)} of {len(rows) + len(wrong)} are{more})")
    for row, run in zip(canonical_rows(space, rows), runs, strict=True):
        found.setdefault(row, []).append(run)
    return found


def _accuracy(where: str, value: Any) -> float:
    found = float(number(f"{where}: accuracy", value))
    if not 0.0 <= found <= 1.0:
        more = "; it looks like percent: divide by 100" if 0.0 <= found <= 100.0 else ""
        raise ArgumentError(
            f"{where}: accuracy must be a fraction from 0 to 1, got {shown(value)}{more}"
        )
    return found


def doubts(space: Any, trained: Mapping[Row, Sequence[tuple[float, Any]]]) -> list[str]:
    """Return a note for each network whose trainings are further apart than noise explains."""
    from .known import pooled

    groups = {row: [one for one, _ in runs] for row, runs in trained.items()}
    apart = {row: max(own) - min(own) for row, own in groups.items() if len(own) > 1}
    notes = []
    for row in sorted(apart):
        if apart[row] <= PLAUSIBLE:
            continue
        noise = pooled([own for other, own in groups.items() if other != row]) or 0.0
        if apart[row] > max(PLAUSIBLE, TIMES * noise):
            told = f" (of other networks by {100 * noise:.2g} points)" if noise else ""
            notes.append(
                f"network {name_of(space, row)} was trained {len(groups[row])} times with "
                f"accuracies from {min(groups[row]):.4g} to {max(groups[row]):.4g}: far apart"
                f"{told}; are they of the same kind of training?"
            )
    return notes
