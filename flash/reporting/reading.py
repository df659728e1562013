"""What a file or a folder of flash holds, told apart by looking at it: one place for all kinds."""

from __future__ import annotations

import os

from ..base.checks import kind_of, parse_json, path_of, read_text
from ..base.record import Record
from ..errors import FlashError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Found", "kept_in", "opened"]


class Found(Record):
    """What was read.

    Parameters
    ----------
    kind : str
        In words: "a search result".
    thing : object
        What it was read as: an object of flash, or a list of them.
    notes : tuple of str
        What there is to say of the file.
    """

    kind: str
    thing: Any
    notes: tuple[str, ...] = ()


def opened(path: str | os.PathLike[str]) -> Found:
    """Return what a file holds, or a folder that flash wrote.

    Raises
    ------
    FormatError
        If it is no file of flash, or a damaged one; the message says which kind it seems to be.
    OSError
        If it can't be read.
    """
    where = path_of("path", path)
    if os.path.isdir(where):
        found = kept_in(where)
        if found is None:
            raise FormatError(f"{where} is no folder of a sweep, a training or flash.suggest")
        return found
    ending = os.path.splitext(where)[1].lower()
    reader = READERS.get(ending)
    if reader is None:
        raise FormatError(OTHERS.get(ending, "not a kind of file that flash writes results to"))
    return reader(where)


def kept_in(folder: str) -> Found | None:
    """Return what a folder holds as a whole; None where it is a folder like any other.

    Raises
    ------
    FormatError, OSError
        If it is one that flash wrote, and can't be read.
    """
    from ..suggesting.folder import FACTS
    from ..sweeps.store import MANIFEST

    names = set(os.listdir(folder))
    if MANIFEST in names:
        from ..sweeps.opening import kept_sweep

        sweep = kept_sweep(folder)
        return Found("a sweep", sweep, () if sweep.complete else ("the sweep is not complete",))
    if "results.jsonl" in names:
        from ..training.results import TrainingResult

        return Found("trainings", TrainingResult.load(folder))
    if FACTS in names and "asked" in names:
        from ..suggesting.folder import read_folder

        asked = read_folder(folder)
        return Found("a folder of flash.suggest", asked, asked.notes)
    if "run.json" in names:
        from ..supernet.scoring import held_facts

        return Found("a supernet", held_facts(folder))
    return None


# Files


def _of_json(where: str) -> Found:
    data = parse_json(read_text(where, "the file"), where)
    if isinstance(data, list):
        return _listed(where, data)
    return _of_data(where, data)


def _listed(where: str, data: list[Any], notes: tuple[str, ...] = ()) -> Found:
    """Return a list as what its items are: results, measurements or trainings."""
    kinds = {kind_of(one) for one in data}
    if len(kinds) != 1:
        told = " and ".join(sorted(kind or "something else" for kind in kinds)) or "nothing"
        raise FormatError(f"the list holds {told}: no list of results, measurements or trainings")
    kind = kinds.pop()
    if kind == "a search result":
        from ..fleets.fleet import FleetResult
        from ..results.result import SearchResult

        results = [_item(where, n, SearchResult.from_dict, one) for n, one in enumerate(data)]
        return Found("search results", FleetResult(results), notes)
    if kind == "a measurement":
        from ..hardware._measurement import Measurement

        some = [_item(where, n, Measurement.from_dict, one) for n, one in enumerate(data)]
        return Found("measurements", some, notes)
    if kind == "a training":
        from ..training.results import TrainedNetwork, TrainingResult

        made = [_item(where, n, TrainedNetwork.from_dict, one) for n, one in enumerate(data)]
        return Found("trainings", TrainingResult(tuple(made), os.path.dirname(where)), notes)
    raise FormatError(f"the list holds {kind or 'nothing that flash wrote'}")


def _item(where: str, number: int, read: Callable[[Any], Any], data: Any) -> Any:
    try:
        return read(data)
    except FlashError as error:
        raise FormatError(f"[{number}]: {error}") from None


def _of_data(where: str, data: Any) -> Found:
    kind = kind_of(data)
    reader = KINDS.get(kind or "")
    if kind is None or reader is None:
        from ..networks.families import FAMILIES

        if isinstance(data, dict) and ("stages" in data or data.get("family") in FAMILIES):
            from ..spaces.files import from_dict

            return Found("a space", from_dict(data, where))
        raise FormatError("JSON, but none of the kinds that flash writes")
    return Found(kind, reader(data))


def _of_lines(where: str) -> Found:
    """Return what a file of a line each holds: a fleet's answers, measurements or trainings."""
    from ..training.ledger import read_lines

    with open(where, "rb") as file:
        head = file.read(1 << 16)
        file.seek(0, os.SEEK_END)
        size = file.tell()
        if size:
            file.seek(-1, os.SEEK_END)
        whole = not size or file.read(1) == b"\n"
    if not head.lstrip().startswith(b"{"):
        raise FormatError("no JSON lines" if head.strip() else "an empty file")
    lines = read_lines(where)
    notes = () if whole else ("its last line is cut off, and is left out",)
    if not lines:
        raise FormatError("it has no whole line")
    if "measurement" in lines[-1] or "key" in lines[0] or "pass" in lines[0]:
        from ..hardware._measurement import Measurement

        return Found("measurements", Measurement.load(where), notes)
    if "space" in lines[0] and kind_of(lines[0]) is None:
        raise FormatError("a journal of evaluations: what a search goes on with")
    if "layers" in lines[0] or "in_channels" in lines[0]:
        from ..hardware.target import Target

        name = os.path.splitext(os.path.basename(where))[0]
        return Found("a table of layers", Target.from_layer_table(where, name=name), notes)
    return _listed(where, list(lines), notes)


def _of_parquet(where: str) -> Found:
    from ..base.extras import need_pyarrow
    from ..evaluating import Table

    file = need_pyarrow().ParquetFile(where)
    whole = file.metadata.num_rows
    first = next(file.iter_batches(FIRST), None)
    columns = (
        {}
        if first is None
        else {
            name: first.column(k).to_numpy(zero_copy_only=False)
            for k, name in enumerate(first.schema.names)
        }
    )
    told = () if whole <= FIRST else (f"the first {FIRST:,} of {whole:,} rows",)
    return Found("a table", Table(columns), told)


def _of_toml(where: str) -> Found:
    from ..spaces.files import load

    return Found("a space", load(where))


FIRST = 1000  # rows of a table that are read
READERS: dict[str, Callable[[str], Found]] = {
    ".json": _of_json,
    ".jsonl": _of_lines,
    ".parquet": _of_parquet,
    ".toml": _of_toml,
}
OTHERS = {
    **dict.fromkeys((".png", ".svg", ".pdf", ".jpg"), "a picture"),
    **dict.fromkeys((".html", ".htm"), "a page"),
    **dict.fromkeys((".onnx", ".pt2", ".npz", ".pt", ".pth"), "a network or its weights"),
    **dict.fromkeys((".csv", ".tsv"), "a table of text: none of the files of results"),
    **dict.fromkeys((".log", ".txt", ".md", ".py"), "text"),
}


# What JSON of each kind is read by


def _search_result(data: Any) -> Any:
    from ..results.result import SearchResult

    return SearchResult.from_dict(data)


def _comparison(data: Any) -> Any:
    from ..comparing.comparison import Comparison

    return Comparison.from_dict(data)


def _front(data: Any) -> Any:
    from ..fronts.files import from_dict

    return from_dict(data)


def _sweep(data: Any) -> Any:
    from ..sweeps.result import SweepResult

    return SweepResult.from_dict(data)


def _measurement(data: Any) -> Any:
    from ..hardware._measurement import Measurement

    return Measurement.from_dict(data)


def _target(data: Any) -> Any:
    from ..hardware.target import Target

    return Target.from_dict(data)


def _predictor(data: Any) -> Any:
    from ..predictors.predictor import AccuracyPredictor

    return AccuracyPredictor.from_dict(data)


def _network(data: Any) -> Any:
    from ..networks.network import Network
    from ..spaces.network_files import network_from_dict

    return Network.from_dict(data) if "layers" in data else network_from_dict(data)


def _sensitivities(data: Any) -> Any:
    from ..precision.table import Sensitivities

    return Sensitivities.from_dict(data)


def _measured_choices(data: Any) -> Any:
    from ..precision.measured import MeasuredChoices

    return MeasuredChoices.from_dict(data)


def _choice_result(data: Any) -> Any:
    from ..choosing.answer import ChoiceResult

    return ChoiceResult.from_dict(data)


def _choice_front(data: Any) -> Any:
    from ..choosing.front import ChoiceFront

    return ChoiceFront.from_dict(data)


def _choice_sweep(data: Any) -> Any:
    from ..choosing.tally import ChoiceSweep

    return ChoiceSweep.from_dict(data)


def _choice_problem(data: Any) -> Any:
    from ..choosing.problem import ChoiceProblem

    return ChoiceProblem.from_dict(data)


def _cost(data: Any) -> Any:
    from ..hardware.costing import Cost

    return Cost.from_dict(data)


def _training(data: Any) -> Any:
    from ..training.results import TrainedNetwork

    return TrainedNetwork.from_dict(data)


def _suggestion(data: Any) -> Any:
    return dict(data)


KINDS: dict[str, Callable[[Any], Any]] = {
    "a search result": _search_result,
    "a comparison": _comparison,
    "a front": _front,
    "the result of a sweep": _sweep,
    "a measurement": _measurement,
    "a target": _target,
    "a target of layers": _target,
    "an accuracy predictor": _predictor,
    "an architecture": _network,
    "a cell network": _network,
    "a network": _network,
    "a table of sensitivities": _sensitivities,
    "measured choices of bits": _measured_choices,
    "an answer of choices": _choice_result,
    "a front of choices": _choice_front,
    "a sweep of choices": _choice_sweep,
    "a problem of choices": _choice_problem,
    "a suggestion": _suggestion,
    "a cost": _cost,
    "a training": _training,
}
