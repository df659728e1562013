"""The folder through which networks are asked for and told: a cluster trains, file by file.

    suggest.json        what the folder is of: space, target and budgets; it is of one problem
    lock                held while somebody asks
    asked/0001.json     a network to train: its id, row, plain data, costs and what is expected
    told/0001-*.json    {"accuracy": 0.93, "seconds": 120, "seed": 0}: one training of 0001

A job reads its file of `asked` and tells by `tell`, or writes a file of `told` itself: at best
under another name first, and then renamed. ``"accuracy": null`` is a training that failed. Files
are written whole or not at all; what is cut off all the same is named, and counts as not told.
"""

from __future__ import annotations

import json
import os

from ..base.checks import (
    integer,
    number,
    parse_json,
    path_of,
    public,
    read_text,
    real,
    shown,
    write_text_atomic,
)
from ..base.lock import Held, Lock
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError, FlashError, FormatError
from ..networks.families import MAX_SEED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..base.html import Part, Row

__all__ = [
    "FACTS",
    "Folder",
    "Run",
    "claimed",
    "lock",
    "read_folder",
    "target_facts",
    "tell",
    "write_asked",
]

FACTS = "suggest.json"
FORMAT = 1


class Run(Record):
    """One training that was told: of which network, in which file."""

    id: str
    file: str
    accuracy: float | None
    seconds: float | None
    seed: int | None


class Folder(Record):
    """What a folder holds.

    Parameters
    ----------
    path : str
    facts : dict
    asked : dict
        From an id to a row of choice indices.
    told : tuple of Run
        By file name.
    notes : tuple of str
        What could not be read.
    """

    path: str
    facts: dict[str, Any]
    asked: dict[str, tuple[int, ...]]
    told: tuple[Run, ...]
    notes: tuple[str, ...]

    def _line(self) -> str:
        return f"{len(self.asked):,} networks asked for, {len(self.told):,} trainings told"

    def _parts(self) -> list[Part]:
        found: dict[str, list[str]] = {one: [] for one in self.asked}
        for run in self.told:
            told = "failed" if run.accuracy is None else f"{100 * run.accuracy:.2f} %"
            found.setdefault(run.id, []).append(told)
        rows: list[Row] = [["network", "row", "accuracies told"]]
        for name, said in found.items():
            row = " ".join(map(str, self.asked.get(name, ())))
            rows.append([name, row, ", ".join(said) or "not yet"])
        return [self._line(), (rows, 3, True), *(f"note: {one}" for one in self.notes)]


def lock(path: str) -> Lock:
    """Let nobody else ask through a folder meanwhile; it is made where it is missing.

    Raises
    ------
    ArgumentError
        If another process or thread does; the message says which.
    """
    for below in ("asked", "told"):
        os.makedirs(os.path.join(path, below), exist_ok=True)
    try:
        return Lock(os.path.join(path, "lock"), f"folder: {path!r}")
    except Held as error:
        raise ArgumentError(
            f"{error}, which suggests networks through it: wait for it, or take another folder"
        ) from None


def claimed(path: str, facts: dict[str, Any]) -> Folder:
    """Return a folder that is ours by now, and of these facts.

    Raises
    ------
    ArgumentError
        If it is of others; the message names the first difference.
    """
    place = os.path.join(path, FACTS)
    given = json.loads(json.dumps({"format": FORMAT, **facts}))
    if not os.path.exists(place):
        if os.listdir(os.path.join(path, "asked")):
            raise ArgumentError(
                f"folder: {path!r} has networks that were asked for, but no {FACTS}"
            )
        write_text_atomic(place, json.dumps(given, indent=1) + "\n")
    found = read_folder(path)
    if not found.asked and found.facts != given:  # nothing came of what it was made for
        write_text_atomic(place, json.dumps(given, indent=1) + "\n")
        return found.replace(facts=given)
    for name in given:
        if found.facts.get(name) != given[name]:
            raise ArgumentError(
                f"folder must be of one space, target and set of budgets; its {name} in "
                f"{path!r}: {_brief(found.facts.get(name))}, now {_brief(given[name])}"
            )
    return found


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def read_folder(path: str) -> Folder:
    """Read a folder.

    Raises
    ------
    FormatError
        If it is none, or a file of it says what no network or no accuracy is. One of `told` that
        is cut off is only noted.
    FileNotFoundError
        If it is not there.
    """
    place = os.path.join(path, FACTS)
    facts = parse_json(read_text(place, "the folder's facts"), place)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or "space" not in facts:
        raise FormatError(f"{place} is not that of a folder of flash.suggest")
    asked = dict(_read_asked(path, name) for name in _files(path, "asked"))
    runs: list[Run] = []
    notes: list[str] = []
    seen = set()
    for name in _files(path, "told"):
        where = os.path.join(path, "told", name)
        try:
            data = parse_json(read_text(where, "what was told"), where)
        except FormatError as error:
            notes.append(f"{error}: cut off, or still being written? It counts as not told")
            continue
        run = _told(where, name, data)
        if run.id not in asked:
            notes.append(f"{where}: no network was asked for by the id {run.id!r}")
        elif run.seed is None or (run.id, run.seed, run.accuracy) not in seen:
            runs.append(run)  # one and the same training counts once
            seen.add((run.id, run.seed, run.accuracy))
    return Folder(path, facts, asked, tuple(runs), tuple(notes))


def _files(path: str, below: str) -> list[str]:
    folder = os.path.join(path, below)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if name.endswith(".json") and name[0] != ".")


def _read_asked(path: str, name: str) -> tuple[str, tuple[int, ...]]:
    where = os.path.join(path, "asked", name)
    try:
        data = parse_json(read_text(where, "what was asked"), where)
    except FormatError as error:
        raise FormatError(
            f"{error}; no network is known by it: put the file back, or take it away with what is "
            "told of it"
        ) from None
    row = data.get("row") if isinstance(data, dict) else None
    if not isinstance(row, list) or not all(type(one) is int for one in row):
        raise FormatError(f"{where} has no row of choice indices")
    return name.removesuffix(".json"), tuple(row)


def _told(where: str, name: str, data: Any) -> Run:
    """Return what a file of `told` says; other keys are the job's own."""
    if not isinstance(data, dict) or "accuracy" not in data:
        raise FormatError(f"{where} must have an accuracy, or null where the training failed")
    own = name.removesuffix(".json").partition("-")[0]
    given = data.get("id", own)
    if given != own:
        raise FormatError(f"{where} is by its name of network {own!r}, but says {shown(given)}")
    try:
        return Run(own, name, *_checked(data["accuracy"], data.get("seconds"), data.get("seed")))
    except (ArgumentError, ArgumentTypeError) as error:
        raise FormatError(f"{where}: {error}") from None


def _checked(
    accuracy: Any, seconds: Any, seed: Any
) -> tuple[float | None, float | None, int | None]:
    if accuracy is not None:
        accuracy = float(number("accuracy", accuracy))
        if not 0.0 <= accuracy <= 1.0:
            more = "; it looks like percent: divide by 100" if 1.0 < accuracy <= 100.0 else ""
            raise ArgumentError(
                f"accuracy must be a fraction from 0 to 1, got {shown(accuracy)}{more}"
            )
    return (
        accuracy,
        None if seconds is None else real("seconds", seconds, 0.0),
        None if seed is None else integer("seed", seed, 0, MAX_SEED),
    )


def write_asked(folder: Folder, asks: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Write what is asked for, a file each; return the ids."""
    last = max((int(one) for one in folder.asked if one.isdecimal()), default=0)
    ids = []
    for n, ask in enumerate(asks, last + 1):
        ids.append(f"{n:04d}")
        text = json.dumps({"format": FORMAT, "id": ids[-1], **ask}, indent=1, allow_nan=False)
        write_text_atomic(os.path.join(folder.path, "asked", f"{ids[-1]}.json"), text + "\n")
    return tuple(ids)


@public
def tell(
    folder: str | os.PathLike[str],
    id: str | int,
    accuracy: float | None,
    seconds: float | None = None,
    seed: int | None = None,
) -> str:
    """Tell how a training of a network went that `flash.suggest` asked for through a folder.

    Several of one id are repeats: what they differ by is the noise of a training. Any number of
    processes may tell at the same time.

    Parameters
    ----------
    folder : path
        The folder.
    id : str or int
        The network's: the name of its file in ``asked``, without ``.json``; 1 is "0001".
    accuracy : float or None
        In [0, 1]; None: the training failed, and the network is not asked for again.
    seconds : float, optional
        What the training took.
    seed : int, optional
        Of the training. The same accuracy told twice for one seed counts once.

    Returns
    -------
    str
        The path of the file that was written, whole, in ``told``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If there is no such folder or id, or a number is not accepted; nothing is written then.
    """
    place = path_of("folder", folder)
    own = id if isinstance(id, str) else f"{integer('id', id, 1):04d}"
    found = _checked(accuracy, seconds, seed)
    if not os.path.exists(os.path.join(place, FACTS)):
        raise ArgumentError(f"folder must be one of flash.suggest, got {place!r} without {FACTS}")
    known = [name.removesuffix(".json") for name in _files(place, "asked")]
    if own not in known:
        span = f"from {known[0]} to {known[-1]}" if known else "there is none"
        raise ArgumentError(f"id must be that of a network asked for ({span}), got {shown(id)}")
    data = {"id": own, "accuracy": found[0], "seconds": found[1], "seed": found[2]}
    os.makedirs(os.path.join(place, "told"), exist_ok=True)
    path = os.path.join(place, "told", f"{own}-{os.urandom(4).hex()}.json")
    write_text_atomic(path, json.dumps(data, allow_nan=False) + "\n")
    return path


def target_facts(target: Any) -> dict[str, Any]:
    """Return what tells two targets apart: the name, and a digest of the rest."""
    from hashlib import sha256

    try:
        text = json.dumps(target.to_dict(), sort_keys=True)
    except FlashError:  # a Python function: its name has to do
        return {"name": target.name}
    return {"name": target.name, "sha256": sha256(text.encode()).hexdigest()}
