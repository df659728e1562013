"""Asking and telling through a folder: nothing is lost, and nobody is let in twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from twins.processes import environment

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.suggesting import folder as kept
from flash.suggesting.folder import FACTS, read_folder
from flash.suggesting.proposing import NothingLeft

SMALL = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2], width_multipliers=[1])
BUDGETS: dict[str, Any] = {"max_latency_ms": 4.0}


def ask(folder: Path, n: int = 2, **more: Any) -> flash.Suggestion:
    return flash.suggest(SMALL, "rram", folder=folder, n=n, **{**BUDGETS, **more})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def asked(folder: Path) -> dict[str, Any]:
    return {
        path.stem: json.loads(path.read_text()) for path in sorted((folder / "asked").iterdir())
    }


def test_the_loop(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    first = ask(folder)
    assert first.ids == ("0001", "0002")
    held = asked(folder)
    assert list(held) == ["0001", "0002"]
    for n, one in enumerate(held.values()):
        assert one["row"] == first.rows[n].tolist()
        assert flash.Architecture.from_dict(one["network"]) == first.networks[n]
        assert SMALL.decode(one["index"]) == first.networks[n]
        assert one["budgets"] == BUDGETS
        assert one["costs"]["latency_ms"] <= 4.0
    path = Path(flash.tell(folder, "0001", 0.91, seconds=30, seed=0))
    assert json.loads(path.read_text()) == {
        "id": "0001", "accuracy": 0.91, "seconds": 30.0, "seed": 0,
    }  # fmt: skip
    flash.tell(folder, 1, 0.93, seed=1)
    flash.tell(folder, 1, 0.93, seed=1)  # a job that ran twice
    flash.tell(folder, "0002", None)
    second = ask(folder)
    assert second.ids == ("0003", "0004")
    assert (second.trained, second.trainings) == (1, 2)
    assert second.best == (first.networks[0], 0.92)
    assert second.notes == ("failed, and not asked for again: 0002",)
    assert len({*first.names, *second.names}) == 4
    assert "asked for in" in str(second)
    flash.tell(folder, "0002", 0.8)  # the second try went well
    third = ask(folder, measured=[(second.networks[0], 0.95)])
    assert (third.trained, third.notes) == (3, ())
    assert third.best == (second.networks[0], 0.95)
    assert names_in(folder) == ["asked", FACTS, "told"]


def test_the_same_folder_and_seed_give_the_same(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        folder = tmp_path / name
        ask(folder)
        flash.tell(folder, 2, 0.6)
        flash.tell(folder, 1, 0.5)
        found.append(ask(folder, seed=4).replace(folder=None))
    assert found[0] == found[1]


def test_jobs_may_write_files_themselves(tmp_path: Path) -> None:
    ask(tmp_path)
    (tmp_path / "told" / "0001.json").write_text('{"accuracy": 0.5, "loss": 1.5}')
    (tmp_path / "told" / "0001-b.json").write_text('{"id": "0001", "accuracy": 0.6}')
    (tmp_path / "told" / "0002.json.1234.part").write_text("half")
    assert ask(tmp_path).trainings == 2


def test_files_that_are_cut_off_are_named(tmp_path: Path) -> None:
    ask(tmp_path)
    whole = Path(flash.tell(tmp_path, 1, 0.5))
    cut = Path(flash.tell(tmp_path, 2, 0.6))
    text = cut.read_text()
    cut.write_text(text[:20])
    (tmp_path / "told" / "0077.json").write_text('{"accuracy": 0.5}')
    found = ask(tmp_path)
    assert found.trained == 1
    assert len(found.notes) == 2
    assert f"{cut} is not valid JSON" in found.notes[0]
    assert "counts as not told" in found.notes[0]
    assert "no network was asked for by the id '0077'" in found.notes[1]
    cut.write_text(text)
    assert ask(tmp_path).trained == 2
    whole.write_text('{"accuracy": 95.0}')
    with pytest.raises(FormatError, match=r"0001-.*from 0 to 1, got 95.0; it looks like percent"):
        ask(tmp_path)
    whole.write_text('{"id": "0002", "accuracy": 0.5}')
    with pytest.raises(FormatError, match="by its name of network '0001', but says '0002'"):
        ask(tmp_path)
    whole.write_text("[]")
    with pytest.raises(FormatError, match="must have an accuracy, or null"):
        ask(tmp_path)
    whole.unlink()
    lost = tmp_path / "asked" / "0002.json"
    lost.write_text("{")
    before = names_in(tmp_path / "asked")
    with pytest.raises(FormatError, match=r"0002\.json.*put the file back"):
        ask(tmp_path)
    assert names_in(tmp_path / "asked") == before


def test_a_folder_is_of_one_problem(tmp_path: Path) -> None:
    ask(tmp_path)
    with pytest.raises(ArgumentError, match="its budgets in"):
        ask(tmp_path, max_latency_ms=5.0)
    with pytest.raises(ArgumentError, match="its target in"):
        flash.suggest(SMALL, "cpu-x86", folder=tmp_path, **BUDGETS)
    with pytest.raises(ArgumentError, match="its space in"):
        flash.suggest("densenet", "rram", folder=tmp_path, **BUDGETS)
    assert names_in(tmp_path / "asked") == ["0001.json", "0002.json"]
    (tmp_path / FACTS).unlink()
    with pytest.raises(ArgumentError, match=r"asked for, but no suggest\.json"):
        ask(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("0009", 0.5), r"id must be that of a network asked for \(from 0001 to 0002\)"),
        ((0, 0.5), "id must be an integer of at least 1"),
        ((1, 91.0), "it looks like percent"),
        ((1, -1), "fraction from 0 to 1"),
        ((1, "good"), "accuracy must be"),
        ((1, 0.5, -3), "seconds must be"),
        ((1, 0.5, 3, -1), "seed must be"),
        ((None, 0.5), "id must be"),
    ],
)
def test_what_cannot_be_told(tmp_path: Path, given: tuple[Any, ...], message: str) -> None:
    ask(tmp_path)
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.tell(tmp_path, *given)
    assert names_in(tmp_path / "told") == []


def test_a_folder_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"one of flash\.suggest"):
        flash.tell(tmp_path, 1, 0.5)
    with pytest.raises(ArgumentError, match=r"one of flash\.suggest"):
        flash.tell(tmp_path / "none", 1, 0.5)
    (tmp_path / FACTS).write_text('{"format": 9}')
    (tmp_path / "asked").mkdir()
    with pytest.raises(FormatError, match="not that of a folder"):
        ask(tmp_path)


def test_what_was_told_may_be_measured_for_another_target(tmp_path: Path) -> None:
    first = ask(tmp_path / "runs")
    flash.tell(tmp_path / "runs", 1, 0.5)
    found = flash.suggest(SMALL, "cpu-x86", tmp_path / "runs", n=1)
    assert found.best == (first.networks[0], 0.5)
    with pytest.raises(ArgumentError, match="is of another space than resnet"):
        flash.suggest("resnet", "rram", tmp_path / "runs")


def test_a_folder_in_which_nothing_was_asked_is_free(tmp_path: Path) -> None:
    with pytest.raises(NothingLeft):
        ask(tmp_path, max_latency_ms=1e-6)
    assert ask(tmp_path).ids == ("0001", "0002")


def test_one_that_is_stopped_while_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path)
    write, written = kept.write_text_atomic, []

    def stops(path: Any, text: str) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(path)
        write(path, text)

    monkeypatch.setattr(kept, "write_text_atomic", stops)
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path)
    monkeypatch.undo()
    found = ask(tmp_path)
    assert found.ids == ("0004", "0005")
    assert len({tuple(one["row"]) for one in asked(tmp_path).values()}) == 5


SLOW = """
import sys, time
import flash
from flash.suggesting import proposing

propose = proposing.propose
def slowly(*given, **more):
    print("in", flush=True)
    time.sleep(float(sys.argv[2]))
    return propose(*given, **more)

proposing.propose = slowly
space = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2], width_multipliers=[1])
flash.suggest(space, "rram", folder=sys.argv[1], n=2, max_latency_ms=4.0)
"""


def slow(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """Return a process that is about to suggest, after some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder), str(seconds)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


@pytest.mark.processes
def test_two_at_once_are_told_apart(tmp_path: Path) -> None:
    ask(tmp_path)
    process = slow(tmp_path, 1.5)
    with pytest.raises(ArgumentError, match=rf"in use by process {process.pid} on .* wait for it"):
        ask(tmp_path)
    flash.tell(tmp_path, 1, 0.5)  # who tells need not wait
    assert process.wait(60) == 0, process.communicate()[1]
    process.communicate()
    assert len(read_folder(str(tmp_path)).asked) == 4
    assert ask(tmp_path).ids == ("0005", "0006")


@pytest.mark.processes
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_one_that_is_stopped_loses_nothing(tmp_path: Path, kind: signal.Signals) -> None:
    ask(tmp_path)
    flash.tell(tmp_path, 1, 0.5)
    process = slow(tmp_path, 60)
    process.send_signal(kind)
    process.communicate(timeout=60)
    assert process.returncode != 0
    found = ask(tmp_path)
    assert (found.ids, found.trained) == (("0003", "0004"), 1)


TELLS = """
import sys
import flash
for n in range(20):
    flash.tell(sys.argv[1], 1, 0.5 + n / 100, seed=n + 20 * int(sys.argv[2]))
"""


@pytest.mark.processes
def test_many_tell_at_once(tmp_path: Path) -> None:
    ask(tmp_path)
    several = [
        subprocess.Popen([sys.executable, "-c", TELLS, str(tmp_path), str(n)], env=environment())
        for n in range(3)
    ]
    started = time.monotonic()
    while any(one.poll() is None for one in several) and time.monotonic() < started + 60:
        read_folder(str(tmp_path))
    assert [one.wait(60) for one in several] == [0, 0, 0]
    assert ask(tmp_path).trainings == 60
