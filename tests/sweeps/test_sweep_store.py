"""A sweep's folder: the same bytes however it came about, and nothing overwritten or believed."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.processes import environment

import flash
import flash.sweeps.store as storing
from flash import Range
from flash.errors import ArgumentError, FormatError, SweepError

parquet = pytest.importorskip("pyarrow.parquet")

SPACE = flash.DenseNet(depths=Range(3, 9), skips=[0, 16, 40], cells=3)
GIVEN: dict[str, Any] = {
    "max_latency_ms": 1.5,
    "where": "area_mm2 < 30",
    "top": 4,
    "chunk": 100,
    "pareto": ("accuracy", "latency_ms"),
}


def run(out: Path, **changes: Any) -> flash.SweepResult:
    return flash.sweep(SPACE, "rram", **{**GIVEN, **changes}, out=out)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("whole") / "rows"
    return run(folder, threads=1), bytes_of(folder)


def test_rows_are_those_that_pass(tmp_path: Path, whole: Any) -> None:
    result, files = whole
    table = flash.evaluate(SPACE, "rram", list(range(SPACE.size)))
    kept = (table["latency_ms"] <= 1.5) & (table["area_mm2"] < 30)
    assert result.rows == result.feasible == kept.sum() > 1000
    run(tmp_path / "rows")
    read = parquet.read_table(tmp_path / "rows").to_pandas().sort_values("index")
    assert read["index"].tolist() == np.flatnonzero(kept).tolist()
    for name, column in table.items():
        assert read[name].tolist() == column[kept].tolist()
    assert len(files) > 5
    assert sorted(files)[0] == "_manifest.json"
    assert not any("journal" in name or "tmp" in name for name in files)


@pytest.mark.parametrize("threads", [2, 8])
def test_any_threads_write_the_same_bytes(tmp_path: Path, whole: Any, threads: int) -> None:
    result = run(tmp_path / "rows", threads=threads)
    assert bytes_of(tmp_path / "rows") == whole[1]
    assert result.replace(elapsed_s=0, out=None) == whole[0].replace(elapsed_s=0, out=None)


def test_a_finished_sweep_is_read(tmp_path: Path, whole: Any) -> None:
    first = run(tmp_path / "rows")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").glob("*.parquet")}
    again = run(tmp_path / "rows")
    assert again.replace(elapsed_s=0) == first.replace(elapsed_s=0)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert bytes_of(tmp_path / "rows") == whole[1]


def test_a_stopped_sweep_goes_on(tmp_path: Path, whole: Any) -> None:
    folder = tmp_path / "rows"
    for units in range(1, 5):
        left = iter(range(units))
        stopped = run(folder, threads=1, callback=lambda event, left=left: next(left, None) is None)
        if stopped.complete:
            break
        assert stopped.stopped == "callback"
        assert (folder / "_journal.jsonl").exists()
    result = run(folder)
    assert bytes_of(folder) == whole[1]
    assert result.top == whole[0].top
    assert result.front == whole[0].front


def test_ctrl_c_leaves_what_goes_on(tmp_path: Path, whole: Any) -> None:
    def interrupt(event: Any) -> None:
        if event.units == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path / "rows", callback=interrupt)
    assert "the same call goes on with them" in caught.value.__notes__[0]
    run(tmp_path / "rows")
    assert bytes_of(tmp_path / "rows") == whole[1]


SCRIPT = """
import sys, json
import flash
from flash import Range
space = flash.DenseNet(depths=Range(3, 9), skips=[0, 16, 40], cells=3)
print("ready", flush=True)
flash.sweep(space, "rram", **json.loads(sys.argv[2]), out=sys.argv[1])
print("done", flush=True)
"""


def kill_a_sweep(folder: Path, after_s: float) -> None:
    """Run the sweep in a process and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), json.dumps(GIVEN)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_random_moments(tmp_path: Path, whole: Any) -> None:
    """FLASH_KILLS=20 for more of them."""
    moments = random.Random(7)
    for number in range(int(os.environ.get("FLASH_KILLS", "4"))):
        folder = tmp_path / f"rows{number // 2}"  # every second one is killed twice
        kill_a_sweep(folder, moments.uniform(0.0, 1.0))
        if number % 2:
            result = run(folder)
            assert bytes_of(folder) == whole[1]
            assert result.top == whole[0].top


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_latency_ms": 1.4}, r"differs in limits \(.*1.5.* there, .*1.4.* here\)"),
        ({"where": "area_mm2 < 31"}, r"where \('area_mm2 < 30' there, 'area_mm2 < 31' here\)"),
        ({"chunk": 50}, r"chunk \(100 there, 50 here\)"),
        ({"top": 5}, r"top \(4 there, 5 here\)"),
        ({"sample": 100}, r"sample \(None there, 100 here\)"),
        ({"objective": {"latency_ms": -1}}, "exponents"),
        ({"resume": False}, "holds a sweep; resume=True goes on"),
    ],
)
def test_another_sweep_is_refused(
    tmp_path: Path, whole: Any, changes: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "rows"
    run(folder)
    with pytest.raises(ArgumentError, match=message):
        run(folder, **changes)
    assert bytes_of(folder) == whole[1]


def test_another_space_or_target_is_refused(tmp_path: Path, whole: Any) -> None:
    folder = tmp_path / "rows"
    run(folder)
    other = flash.DenseNet(depths=Range(3, 9), skips=[0, 16, 41], cells=3)
    with pytest.raises(ArgumentError, match=r"differs in space\.skips"):
        flash.sweep(other, "rram", **GIVEN, out=folder)
    with pytest.raises(ArgumentError, match=r"differs in target\."):
        flash.sweep(SPACE, "rram-1024", **GIVEN, out=folder)
    assert bytes_of(folder) == whole[1]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArgumentError, match=r"new or empty folder.* holds 'notes.txt'"):
        run(tmp_path)
    with pytest.raises(ArgumentError, match="out must be a folder"):
        run(tmp_path / "notes.txt")
    assert bytes_of(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("how", ["changed", "short", "gone"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_damaged_part_is_made_again(tmp_path: Path, whole: Any, how: str, complete: bool) -> None:
    folder = tmp_path / "rows"
    run(folder, threads=1, callback=None if complete else lambda event: event.units == 5)
    part = folder / "part-000002.parquet"
    data = part.read_bytes()
    if how == "gone":
        part.unlink()
    else:
        part.write_bytes(
            data[:-9] if how == "short" else data[:50] + bytes([data[50] ^ 1]) + data[51:]
        )
    result = run(folder)
    assert result.remade == ("part-000002.parquet",)
    assert "made again, damaged or missing: part-000002.parquet" in str(result)
    assert bytes_of(folder) == whole[1]
    assert result.top == whole[0].top


@pytest.mark.parametrize("how", ["text", "value", "short", "format"])
def test_a_damaged_manifest_is_refused(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "rows"
    run(folder)
    path = folder / "_manifest.json"
    data = json.loads(path.read_text())
    if how == "text":
        path.write_text("{ not JSON")
    elif how == "short":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        data["units" if how == "value" else "format"] += 1
        path.write_text(json.dumps(data))
    before = bytes_of(folder)
    with pytest.raises(FormatError, match=r"_manifest\.json is damaged"):
        run(folder)
    assert bytes_of(folder) == before


def test_a_damaged_journal_costs_work_only(tmp_path: Path, whole: Any) -> None:
    folder = tmp_path / "rows"
    run(folder, threads=1, callback=lambda event: event.units == 6)
    journal = folder / "_journal.jsonl"
    lines = journal.read_bytes().split(b"\n")
    assert len(lines) == 6
    lines[1] = lines[1].replace(b'"count": ', b'"count": 9')
    lines[3] = b"\xff\x00 no JSON"
    lines[5] = lines[5][:-30]
    journal.write_bytes(b"\n".join(lines))
    run(folder)
    assert bytes_of(folder) == whole[1]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any) -> None:
    folder = tmp_path / "rows"
    writer = parquet.ParquetWriter
    count = iter(range(100))

    class Full(writer):  # type: ignore[misc, valid-type]
        def write_table(self, *args: Any, **options: Any) -> None:
            if next(count) == 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().write_table(*args, **options)

    monkeypatch.setattr(parquet, "ParquetWriter", Full)
    with pytest.raises(SweepError, match=r"no space left for part-\d+\.parquet; what is finished"):
        run(folder, threads=1)
    assert not [name for name in bytes_of(folder) if name.endswith(".tmp")]
    monkeypatch.undo()
    run(folder)
    assert bytes_of(folder) == whole[1]


def test_a_full_disk_for_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(storing, "write_text_atomic", full)
    with pytest.raises(SweepError, match=r"no space left for _manifest\.json"):
        run(tmp_path / "rows")


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'pyarrow>="):
        run(tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_a_second_sweep_is_refused_and_the_first_loses_nothing(tmp_path: Path, whole: Any) -> None:
    told: list[str] = []

    def second(event: Any) -> None:
        with pytest.raises(SweepError) as caught:
            run(tmp_path / "rows")
        told.append(str(caught.value))

    result = run(tmp_path / "rows", threads=2, callback=second)
    assert len(told) > 5
    assert f"rows' is in use by process {os.getpid()} on " in told[0]
    assert "one sweep at a time" in told[0]
    assert bytes_of(tmp_path / "rows") == whole[1]
    assert result.top == whole[0].top


@pytest.mark.processes
def test_a_sweep_beside_that_of_another_process(tmp_path: Path, whole: Any) -> None:
    slow = SCRIPT.replace(", out=", ", callback=lambda e: time.sleep(0.2), threads=1, out=")
    process = subprocess.Popen(
        [sys.executable, "-c", "import time\n" + slow, str(tmp_path / "rows"), json.dumps(GIVEN)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "rows" / "_journal.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(SweepError, match=f"by process {process.pid} on "):
        run(tmp_path / "rows")
    assert process.communicate()[0] == "ready\ndone\n"
    assert bytes_of(tmp_path / "rows") == whole[1]


def test_a_lock_that_a_kill_left_blocks_nothing(tmp_path: Path, whole: Any) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "_lock").write_text('{"pid": 1, "host": "x", "since": "then"}\n')
    run(tmp_path / "rows")
    assert bytes_of(tmp_path / "rows") == whole[1]


@pytest.mark.parametrize("what", ["folder", "part"])
def test_what_vanishes_meanwhile_is_told(tmp_path: Path, whole: Any, what: str) -> None:
    folder = tmp_path / "rows"

    def take_away(event: Any) -> None:
        if event.units == 3:
            if what == "folder":
                shutil.rmtree(folder)
            else:
                (folder / "part-000000.parquet").unlink()

    message = "the folder is gone" if what == "folder" else r"part-000000\.parquet was taken away"
    with pytest.raises(SweepError, match=message):
        run(folder, threads=1, callback=take_away)
    result = run(folder)
    assert result.top == whole[0].top
    assert bytes_of(folder) == whole[1]


@pytest.mark.parametrize("name", ["part-999999.parquet", "copy.parquet", "notes.txt", "year=2020"])
@pytest.mark.parametrize("complete", [True, False])
def test_what_readers_would_count_is_refused(tmp_path: Path, name: str, complete: bool) -> None:
    folder = tmp_path / "rows"
    run(folder, threads=1, callback=None if complete else lambda event: event.units == 3)
    shutil.copy(folder / "part-000000.parquet", folder / name)
    before = bytes_of(folder)
    with pytest.raises(SweepError, match=rf"{name} is not of this sweep"):
        run(folder)
    assert bytes_of(folder) == before
    (folder / name).rename(folder / f"_{name}")  # readers pass over it, and so do sweeps
    assert run(folder).complete


def test_what_comes_meanwhile_is_refused(tmp_path: Path) -> None:
    def write(event: Any) -> None:
        (tmp_path / "rows" / "other.parquet").write_bytes(b"")

    with pytest.raises(SweepError, match=r"other\.parquet is not of this sweep"):
        run(tmp_path / "rows", callback=write)
