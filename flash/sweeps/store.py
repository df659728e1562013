"""A sweep's folder: Parquet parts, a manifest, and a journal while it runs.

    _manifest.json         the plan and, once complete, the result and each part's checksum
    _journal.jsonl         one line per finished unit, with its own checksum; gone once complete
    part-000000.parquet    one per unit, written under a temporary name and renamed
    _lock                  held while a process writes here: see flash/base/lock.py

A part's bytes depend on the plan and its unit alone, and the journal goes at the end: a folder that
was killed and continued is the same, byte for byte, as one that was not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import contextmanager, suppress

from ..base.checks import append_bytes, log, parse_json, read_text, shown, write_text_atomic
from ..base.extras import need_pyarrow
from ..base.lock import Held, Lock
from ..base.names import COUNTS
from ..errors import ArgumentError, FormatError, SweepError
from .drawing import LARGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

    from .work import Job

__all__ = ["MANIFEST", "Store", "read_journal", "read_manifest", "write_part"]

FORMAT = 1
# readers of datasets pass over them
MANIFEST, JOURNAL, LOCK = "_manifest.json", "_journal.jsonl", "_lock"


def part_name(unit: int) -> str:
    return f"part-{unit:06d}.parquet"


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _written(folder: str, name: str) -> Iterator[None]:
    """Make a SweepError of what goes wrong while a file of a sweep's folder is written."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            why, way_out = f"no space left for {name}", "once there is room"
        elif not os.path.isdir(folder):
            why, way_out = f"the folder is gone, {name} cannot be written", "where it is kept"
        else:
            why = f"{name} cannot be written ({error.strerror or error})"
            way_out = "once that is mended"
        raise SweepError(
            f"{folder}: {why}; what is finished is kept: the same call goes on with it {way_out}"
        ) from error


def write_part(
    job: Job, unit: int, least: float, folder: str, stopping: Any = lambda: False
) -> dict[str, Any]:
    """Run a unit and write its rows; what it returns names the part and its checksum."""
    parquet = need_pyarrow()
    import pyarrow

    path = os.path.join(folder, part_name(unit))
    part = os.path.join(folder, f".{part_name(unit)}.{os.urandom(6).hex()}.tmp")
    whole: dict[str, Any] = dict.fromkeys(("index", *COUNTS), pyarrow.int64())
    large = job.space.size >= LARGEST
    if large:  # its indices are written as decimal text
        whole["index"] = pyarrow.string()
    schema = pyarrow.schema([(name, whole.get(name, pyarrow.float64())) for name in job.columns])
    rows = 0
    with _written(folder, part_name(unit)), _removed(part):
        with parquet.ParquetWriter(part, schema, compression="zstd", use_dictionary=False) as out:

            def write(columns: dict[str, Any]) -> None:
                nonlocal rows
                if large:
                    columns = {**columns, "index": list(map(str, columns["index"].tolist()))}
                table = pyarrow.table(columns, schema=schema)
                rows += table.num_rows
                if table.num_rows:
                    out.write_table(table, row_group_size=table.num_rows)

            result = job.run(unit, least, write, stopping)
        result["part"] = {
            "file": part_name(unit),
            "rows": rows,
            "bytes": os.path.getsize(part),
            "sha256": _digest(part),
        }
        os.replace(part, path)
    return result


@contextmanager
def _removed(path: str) -> Iterator[None]:
    """Leave no file there, whatever happens."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)


def read_journal(folder: str, units: int) -> dict[int, dict[str, Any]]:
    """Return the finished units of a sweep that is not complete."""
    done: dict[int, dict[str, Any]] = {}
    try:
        with open(os.path.join(folder, JOURNAL), encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return done
    for line in lines:
        # a line that the kill cut short, or that was changed since, counts for nothing
        try:
            data = json.loads(line)
            if data.pop("sha256") == _checksum(data) and 0 <= data["unit"] < units:
                done[data["unit"]] = data
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return done


class Store:
    """The folder of one sweep; a context manager, which holds it against other sweeps."""

    def __init__(self, folder: str, plan: dict[str, Any], units: int, resume: bool) -> None:
        self.folder = folder
        self.plan = plan
        self.units = units
        self.done: dict[int, dict[str, Any]] = {}
        self.remade: list[str] = []
        self.result: dict[str, Any] | None = None
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise ArgumentError(f"out must be a folder, {folder!r} is a file")
        os.makedirs(folder, exist_ok=True)
        try:
            self._lock = Lock(self._path(LOCK), repr(folder))
        except Held as error:
            raise SweepError(
                f"out: {error}: one sweep at a time writes into a folder; wait for it, or choose "
                "another"
            ) from None
        try:
            if self._open(resume):
                self._check_parts()
                self._refuse_strangers()
        except BaseException:
            self._lock.close()
            raise
        log("sweeps", "folder %s: %d of %d parts so far", folder, len(self.done), units)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _open(self, resume: bool) -> bool:
        """Prepare a new folder, or read what is in it; true where something is finished."""
        names = [name for name in sorted(os.listdir(self.folder)) if name != LOCK]
        if MANIFEST not in names:
            # what a kill before the manifest was in place may leave
            left = [n for n in names if not (n.startswith(MANIFEST) and n.endswith(".part"))]
            if left:
                raise ArgumentError(
                    f"out must be a new or empty folder, or one of a sweep to go on with; "
                    f"{self.folder!r} holds {shown(left[0])}"
                    + (f" and {len(left) - 1} more" if len(left) > 1 else "")
                )
            self._clean(names)
            self._write_manifest(None)
            return False
        manifest = read_manifest(self.folder)
        if not resume:
            raise ArgumentError(
                f"out: {self.folder!r} holds a sweep; resume=True goes on with it, or choose "
                "another folder"
            )
        self._compare(manifest["plan"])
        self._clean([n for n in names if n.endswith((".tmp", ".part"))])
        if manifest["complete"]:
            self.result = manifest["result"]
            parts: list[dict[str, Any]] = manifest["parts"]
            self.done = {unit: {"part": part} for unit, part in enumerate(parts)}
        else:
            self.done = read_journal(self.folder, self.units)
        return True

    def _clean(self, names: list[str]) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(self._path(name))

    def _compare(self, plan: dict[str, Any]) -> None:
        """Refuse to go on with another sweep; what differs is named."""
        mine = json.loads(json.dumps(self.plan))
        if plan == mine:
            return
        differ = []
        for key in sorted({*plan, *mine}):
            old, new = plan.get(key), mine.get(key)
            if old != new:
                differ.append(_difference(key, old, new))
        raise ArgumentError(
            f"out: {self.folder!r} holds another sweep, which differs in {'; '.join(differ)}"
        )

    def _check_parts(self) -> None:
        """Units whose part is missing or damaged are done again."""
        for unit, data in list(self.done.items()):
            part = data["part"]
            path = self._path(part["file"])
            try:
                good = os.path.getsize(path) == part["bytes"] and _digest(path) == part["sha256"]
            except OSError:
                good = False
            if not good:
                self.remade.append(part["file"])
                del self.done[unit]

    def _refuse_strangers(self) -> None:
        """Refuse files that readers of the dataset would count, and that no unit has written."""
        own = {part_name(unit) for unit in range(self.units)}
        for name in sorted(os.listdir(self.folder)):
            if not name.startswith(("_", ".")) and name not in own:
                raise SweepError(
                    f"{self._path(name)} is not of this sweep, and readers of the dataset would "
                    "count it: take it away, and the same call goes on"
                )

    def _refuse_lost(self, part: dict[str, Any]) -> None:
        """Refuse to call complete what lost a part meanwhile."""
        path = self._path(part["file"])
        if not os.path.exists(path) or os.path.getsize(path) != part["bytes"]:
            raise SweepError(
                f"{path} was taken away or changed while the sweep ran; the same call makes it "
                "again"
            )

    def add(self, data: dict[str, Any]) -> None:
        """Record a finished unit; its part is in place."""
        self.done[data["unit"]] = data
        line = json.dumps({**data, "sha256": _checksum(data)}, allow_nan=False)
        with _written(self.folder, JOURNAL):
            path = self._path(JOURNAL)
            # a new line also after one that was cut short
            first = not os.path.exists(path) or not os.path.getsize(path)
            append_bytes(path, (line if first else f"\n{line}").encode(), sync=False)

    def finish(self, result: dict[str, Any]) -> None:
        """Write the final manifest; the journal goes."""
        self.result = result
        with _written(self.folder, MANIFEST):
            # a worker that was killed in the middle leaves its own
            self._clean([name for name in os.listdir(self.folder) if name.endswith(".tmp")])
            self._refuse_strangers()
            for data in self.done.values():
                self._refuse_lost(data["part"])
        self._write_manifest(result)
        with suppress(FileNotFoundError):
            os.unlink(self._path(JOURNAL))

    def _write_manifest(self, result: dict[str, Any] | None) -> None:
        data: dict[str, Any] = {
            "format": FORMAT,
            "complete": result is not None,
            "plan": self.plan,
            "units": self.units,
            "result": result,
            "parts": [self.done[unit]["part"] for unit in sorted(self.done)] if result else [],
        }
        data["sha256"] = _checksum(data)
        with _written(self.folder, MANIFEST):
            write_text_atomic(
                self._path(MANIFEST), json.dumps(data, indent=1, allow_nan=False) + "\n"
            )


def read_manifest(folder: str) -> dict[str, Any]:
    """Return the manifest of a sweep's folder.

    Raises
    ------
    FormatError
        If it is damaged.
    OSError
        If there is none.
    """
    path = os.path.join(folder, MANIFEST)
    try:
        data = parse_json(read_text(path, "the manifest"), path)
        body = {k: v for k, v in data.items() if k != "sha256"}
        good = data["sha256"] == _checksum(body) and data["format"] == FORMAT
    except (FormatError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is damaged: {error}") from None
    if not good:
        raise FormatError(f"{path} is damaged: its checksum or format is not this flash's")
    found: dict[str, Any] = data
    return found


def _checksum(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(key: str, old: Any, new: Any) -> str:
    """Name what differs, as deep as it is told apart in a line."""
    if isinstance(old, dict) and isinstance(new, dict):
        inner = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)]
        if inner:
            return _difference(f"{key}.{inner[0]}", old.get(inner[0]), new.get(inner[0]))
    return f"{key} ({shown(old)} there, {shown(new)} here)"
