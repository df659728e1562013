"""The folder of a training run: what it is, one JSON line per finished network, checkpoints.

    run.json            what is trained on what and how; a folder takes one run
    lock                held while a process is at work in it
    results.jsonl       one line per finished network, in the order of finishing
    checkpoints/        the state of networks under way, after their last epoch
    weights/            weights of finished networks, where asked for: 0003-0.npz of network 3,
                        best-0003-0.npz where only those of the best are kept

A line is written whole and flushed to the disk before its network's checkpoint goes, so that
neither a kill nor a full disk loses more than the epoch under way.
"""

from __future__ import annotations

import json
import os

from ..base.checks import append_bytes, log, parse_json, read_text, write_text_atomic
from ..base.lock import Held, Lock
from ..errors import ArgumentError, FormatError, TrainingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

__all__ = ["Ledger", "read_lines", "weights_name"]

FORMAT = 1


class Ledger:
    """Keeps a run's folder; one process at a time.

    Parameters
    ----------
    folder : str
        Made where it is missing.
    facts : dict
        Plain data that say what the run is. A folder of a run with other facts is refused, and
        the message names the first difference.
    resume : bool
        Whether a folder with finished networks may be gone on with.

    Raises
    ------
    ArgumentError
        If the folder holds another run, or one that may not be gone on with.
    TrainingError
        If another process or thread is at work in it; the message says which.
    """

    def __init__(self, folder: str, facts: dict[str, Any], resume: bool) -> None:
        self.folder = folder
        os.makedirs(os.path.join(folder, "checkpoints"), exist_ok=True)
        try:
            self._lock = Lock(os.path.join(folder, "lock"), repr(folder))
        except Held as error:
            raise TrainingError(f"out: {error}: wait for it, or choose another folder") from None
        try:
            self._claim(facts)
            for below in ("checkpoints", "weights"):
                place = self._path(below)
                for name in os.listdir(place) if os.path.isdir(place) else ():
                    if name.endswith(".part"):  # of a process that was killed while it wrote
                        os.unlink(os.path.join(place, name))
            self.lines: list[dict[str, Any]] = read_lines(self._path("results.jsonl"), repair=True)
            if self.lines and not resume:
                raise ArgumentError(
                    f"out must be a new folder where resume is False, got {folder!r} with "
                    f"{len(self.lines)} finished networks"
                )
        except BaseException:
            self.close()
            raise
        log("training", "folder %s: %d trainings so far", folder, len(self.lines))

    def _path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _claim(self, facts: dict[str, Any]) -> None:
        path = self._path("run.json")
        text = json.dumps({"format": FORMAT, **facts}, indent=1)
        if not os.path.exists(path):
            write_text_atomic(path, text + "\n")
            return
        held, given = parse_json(read_text(path, "the run"), path), json.loads(text)
        if not isinstance(held, dict):
            raise FormatError(f"{path} is not the record of a training run")
        for name in sorted({*held, *given}):
            if held.get(name) != given.get(name):
                raise ArgumentError(
                    f"out must be a folder of its own for each run: {self.folder!r} holds one with "
                    f"another {name} ({_brief(held.get(name))}, now {_brief(given.get(name))})"
                )

    def checkpoint(self, index: int, repeat: int) -> str:
        """Return the path of a network's checkpoint."""
        return self._path("checkpoints", f"{index:04d}-{repeat}.pt")

    def weights(self, index: int, repeat: int, best: bool = False) -> str:
        """Return the path of a network's weights; its folder is made."""
        os.makedirs(self._path("weights"), exist_ok=True)
        return self._path("weights", weights_name(index, repeat, best))

    def keep_best(self, index: int, repeat: int) -> None:
        """Drop the weights of all that were the best before this network."""
        kept = weights_name(index, repeat, True)
        for name in os.listdir(self._path("weights")):
            if name.startswith("best-") and name.endswith(".npz") and name != kept:
                os.unlink(self._path("weights", name))

    def finish(self, line: dict[str, Any]) -> None:
        """Write one finished network, then drop its checkpoint."""
        path = self._path("results.jsonl")
        append_bytes(path, (json.dumps(line, allow_nan=False) + "\n").encode())
        self.lines.append(line)
        checkpoint = self.checkpoint(line["index"], line["repeat"])
        if os.path.exists(checkpoint):
            os.unlink(checkpoint)

    def close(self) -> None:
        """Let other processes have the folder."""
        self._lock.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def weights_name(index: int, repeat: int, best: bool = False) -> str:
    """Return the name of a network's file of weights."""
    return f"{'best-' if best else ''}{index:04d}-{repeat}.npz"


def read_lines(path: str, repair: bool = False) -> list[dict[str, Any]]:
    """Return the lines of a results file; a last line cut short by a kill counts not.

    Parameters
    ----------
    repair : bool
        Whether to cut such a rest off the file.

    Raises
    ------
    FormatError
        If another line is no JSON object.
    """
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    if repair and len(whole) < len(raw):
        os.truncate(path, len(whole))
    lines = []
    for number, text in enumerate(whole.decode("utf-8", "replace").splitlines(), 1):
        where = f"{path}, line {number}"
        line = parse_json(text, where)
        if not isinstance(line, dict):
            raise FormatError(f"{where} is no JSON object")
        lines.append(line)
    log("files", "read %s, %d lines", path, len(lines))
    return lines


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
