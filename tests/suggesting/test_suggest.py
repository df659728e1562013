"""`flash.suggest`: what it reads, what it refuses, what it answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.spaces.named import any_space
from flash.suggesting.known import known_of, pooled
from flash.suggesting.proposing import NothingLeft, Proposal
from flash.suggesting.reading import canonical_rows, read_trained, row_of

SMALL = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2], width_multipliers=[1])


def block(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3, 5)) -> Any:
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    return [{"kind": "conv", "kernel": kernel, **sizes}]


def own_blocks() -> flash.BlockSpace:
    stages = [flash.Stage(block, [8, 16], repeats=flash.Range(1, 3)) for _ in range(2)]
    return flash.BlockSpace(stages, input=(3, 8, 8))


SPACES = {
    "densenet": lambda: any_space("densenet"),
    "cells": lambda: flash.DenseNet(cells=[2, 3]),
    "mobilenet-v2": lambda: any_space("mobilenet-v2"),
    "mobilenet-v3": lambda: any_space("mobilenet-v3"),
    "blocks": own_blocks,
    "pnas": lambda: flash.PNASCells([1, 2]),
    "nas-bench-201": lambda: any_space("nas-bench-201"),
    "bypass": flash.BypassSpace,
}


@pytest.mark.parametrize("name", SPACES)
def test_networks_rows_indices_names_and_data_are_the_same(name: str) -> None:
    space: Any = SPACES[name]()
    found = flash.suggest(space, "cpu-x86", n=4)
    assert len(found) == len(list(found)) == len(found.networks) == len(found.rows) == 4
    assert len({*found.names}) == 4
    rows = [tuple(row) for row in found.rows.tolist()]
    for n, row in enumerate(rows):
        net = found.networks[n]
        for given in (row, found.rows[n], found.indices[n], np.int64(0) + found.rows[n],
                      found.names[n], net, net.to_dict()):  # fmt: skip
            assert row_of(space, given) == row == canonical_rows(space, [row])[0]
    accuracies = [0.5, 0.6, 0.7, 0.8]
    ways: list[Any] = [
        list(zip(found.networks, accuracies, strict=True)),
        zip(rows, accuracies, strict=True),
        (found.networks, accuracies),
        (list(found.indices), np.array(accuracies)),
        dict(zip(found.names, accuracies, strict=True)),
        [(net, a, 3.0) for net, a in zip(found.networks, accuracies, strict=True)],
    ]
    answers = [flash.suggest(space, "cpu-x86", way, n=2) for way in ways]
    for one in answers:
        assert one.trained == one.trainings == 4
        assert one.best == (found.networks[3], 0.8)
        assert not {*one.names} & {*found.names}
        assert one == answers[0]
    text = str(answers[0])
    assert "2 networks to train next" in text
    assert "80.00 %" in text
    data = json.loads(answers[0].to_json())
    assert [one["row"] for one in data["networks"]] == answers[0].rows.tolist()
    assert data["best"]["accuracy"] == 0.8


def test_costs_are_those_of_evaluate_and_meet_the_budgets() -> None:
    found = flash.suggest("densenet", "rram", n=6, max_latency_ms=3.0, max_params=3e6)
    told = flash.evaluate("densenet", "rram", found.rows)
    for name, column in found.costs.items():
        assert (column == told[name]).all()
    assert (found.costs["latency_ms"] <= 3.0).all()
    assert (found.costs["params"] <= 3e6).all()
    assert found.budgets == {"max_latency_ms": 3.0, "max_params": 3_000_000}
    assert "within max_latency_ms 3, max_params 3e+06" in str(found)


def test_the_best_is_within_the_budgets() -> None:
    rows = flash.evaluate(SMALL, "rram", range(SMALL.size))
    order = np.argsort(rows["latency_ms"])
    measured = [(int(order[0]), 0.4), (int(order[1]), 0.6), (int(order[-1]), 0.9)]
    limit = float(rows["latency_ms"][order[2]])
    found = flash.suggest(SMALL, "rram", measured, n=1, max_latency_ms=limit)
    assert found.best is not None
    assert (found.best_row, found.best[1]) == (row_of(SMALL, int(order[1])), 0.6)
    tight = float(rows["latency_ms"][order[0]]) * 1.0001
    with pytest.raises(NothingLeft) as caught:
        flash.suggest(SMALL, "rram", [(int(order[0]), 0.4)], max_latency_ms=tight)
    assert "measured: 1" in caught.value.__notes__[0]


def test_the_same_seed_suggests_the_same_whatever_the_order() -> None:
    pairs = [(n, 0.5 + n / 100) for n in range(0, 40, 4)]
    one = flash.suggest(SMALL, "rram", pairs, seed=3)
    other = flash.suggest(SMALL, "rram", pairs[::-1], seed=3)
    assert one == other
    assert hash(one) == hash(other)
    assert one != flash.suggest(SMALL, "rram", pairs[:-1], seed=3)


def test_what_is_pending_is_not_suggested() -> None:
    first = flash.suggest(SMALL, "rram", n=5)
    second = flash.suggest(SMALL, "rram", n=5, pending=first)
    assert not {*first.names} & {*second.names}


def test_a_small_space_is_used_up() -> None:
    space = flash.DenseNet(depths=[5, 6], skips=[1], width_multipliers=[1], cells=1)
    found = flash.suggest(space, "rram", n=10)
    assert len(found) == space.size == 2
    assert any("no more are left" in note for note in found.notes)
    with pytest.raises(NothingLeft):
        flash.suggest(space, "rram", [(0, 0.5), (1, 0.6)])


def test_the_model_is_given_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def propose(ground: Any, known: Any, n: int, **more: Any) -> Proposal:
        seen.update(more, known=known, n=n, ground=ground)
        one = np.ones(1)
        return Proposal(np.zeros((1, 9), np.int64), 0.9 * one, 0.02 * one, 0.01 * one, 0.4 * one,
                        "expected improvement", 0.015)  # fmt: skip

    monkeypatch.setattr("flash.suggesting.proposing.propose", propose)
    measured = [(7, 0.5, 10), (7, 0.54, 20), (9, 0.6, 30)]
    found = flash.suggest(
        "densenet", "rram", measured, 1, max_latency_ms=4, cost="seconds", pending=[11], seed=5,
        columns={"score": lambda rows: rows[:, 0]},
    )  # fmt: skip
    known = seen["known"]
    assert known.rows.tolist() == sorted(list(row_of(any_space("densenet"), n)) for n in (7, 9))
    assert known.accuracy.tolist() == [0.52, 0.6]
    assert known.repeats.tolist() == [2, 1]
    assert known.seconds.tolist() == [15.0, 30.0]
    assert known.noise == pytest.approx(np.std([0.5, 0.54], ddof=1))
    assert known.pending.shape == (1, 9)
    assert (seen["seed"], seen["n"], seen["least"]) == (5, 1, -np.inf)
    assert list(seen["limits"]) == [np.inf, 4.0, np.inf, np.inf, np.inf, np.inf]
    assert seen["options"]["cost"] == "seconds"
    assert found.intervals[0] == pytest.approx([0.9 - 0.0329, 0.9 + 0.0329], abs=1e-4)
    assert found.left == 0.015
    assert "90.00 %" in str(found)
    assert "at most: 1.5 points" in str(found)
    given = flash.suggest("densenet", "rram", measured, 1, noise=0.03)
    assert (given.noise, seen["known"].noise) == (0.03, 0.03)


def test_noise_is_pooled() -> None:
    assert pooled([[0.5], [0.6]]) is None
    assert pooled([[0.5, 0.5], [0.6, 0.62]]) == pytest.approx(0.01)
    known = known_of({(1,): [(0.5, None), (0.6, 2.0)], (0,): [(0.4, None)]}, [(0,), (2,)], 1)
    assert known.rows.tolist() == [[0], [1]]
    assert known.pending.tolist() == [[2]]
    assert known.seconds is None


def test_trainings_far_apart_are_named() -> None:
    pairs = [(3, 0.5), (3, 0.9), (5, 0.6), (5, 0.61), (8, 0.7)]
    notes = flash.suggest(SMALL, "rram", pairs, n=1).notes
    assert len(notes) == 1
    assert "network 3 was trained 2 times with accuracies from 0.5 to 0.9: far apart" in notes[0]
    assert not flash.suggest(SMALL, "rram", pairs[2:], n=1).notes
    wide = [(n, 0.5 + a) for n in range(8) for a in (0.0, 0.08)]
    assert not flash.suggest(SMALL, "rram", wide, n=1).notes  # that is how noisy they are


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        ([(10**9, 0.5), (1, 0.6)], r"measured\[0\] is no network of the space.*\(1 of 2 are\)"),
        ([(flash.ResNet().decode(0), 0.5)], "family of the space is 'densenet', got 'resnet'"),
        ([("abc", 0.5), (-1, 0.5)], r"flat index below .*\(0 of 2 are; 1 more are none\)"),
        ([(0, 91.3)], "fraction from 0 to 1, got 91.3; it looks like percent: divide by 100"),
        ([(0, -0.5)], "fraction from 0 to 1, got -0.5$"),
        ([(0, float("nan"))], "finite number"),
        ([(0, 0.5, -1)], "seconds must be"),
        (([0, 1, 2], [0.5, 0.6]), "3 networks and 2 accuracies"),
        ([0.5], r"measured\[0\] must be \(network, accuracy\)"),
        ([(0.5, 0.5)], "its flat index or its name, got 0.5"),
        (7, "must be a list of"),
        ([((0, 0), 0.5)], "9 choice indices"),
    ],
)
def test_what_is_not_accepted(measured: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.suggest(SMALL, "rram", measured)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "n must be"),
        ({"cost": "money"}, "cost must be one of"),
        ({"noise": -1}, "noise must be"),
        ({"columns": [1]}, "columns must be a dict"),
        ({"columns": {"a": 5}}, r"columns\['a'\] must be"),
        ({"max_latency_ms": -1}, "max_latency_ms must be"),
        ({"max_area_mm2": 1, "target": "cpu-x86"}, "does not model area_mm2"),
        ({"cost": "seconds", "measured": [(0, 0.5)]}, "needs the seconds of each"),
        ({"target": "cortex-m4"}, "without_memory_budgets"),
        ({"target": flash.together(a="rram", b="cpu-x86")}, "target"),
        ({"pending": ["x"]}, "flat index below"),
        ({"folder": "a\0b"}, "null character"),
        ({"space": "nothing"}, "space must be"),
    ],
)
def test_arguments_that_are_not_accepted(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.suggest(**{"space": SMALL, "target": "rram", **given})


def test_tables_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trained.csv"
    path.write_text("# a note\nindex,accuracy,seconds\n3,0.5,10\n3,0.52,12\n8,0.6,9\n")
    trained, notes = read_trained(SMALL, path)
    assert trained == {
        row_of(SMALL, 3): [(0.5, 10.0), (0.52, 12.0)],
        row_of(SMALL, 8): [(0.6, 9.0)],
    }
    assert notes == []
    path = tmp_path / "trained.json"
    path.write_text(json.dumps({"3": {"acc": [91.0, 92.0]}, "8": {"acc": 93.0}}))
    found = flash.suggest(SMALL, "rram", path, n=1)
    assert (found.trained, found.trainings) == (2, 3)
    assert found.best == (SMALL.decode(8), 0.93)
    assert "read as percent" in found.notes[0]
    path.write_text(json.dumps({"3": 0.5, "99999999": 0.6}))
    with pytest.raises(ArgumentError, match=r"entry 2 is no network of the space.*1 of 2 are"):
        flash.suggest(SMALL, "rram", path)
    with pytest.raises(FileNotFoundError):
        flash.suggest(SMALL, "rram", tmp_path / "none.csv")
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(FormatError, match="JSON"):
        flash.suggest(SMALL, "rram", tmp_path / "notes.txt")
    with pytest.raises(ArgumentError, match="folder of neither"):
        flash.suggest(SMALL, "rram", tmp_path)


def test_parquet_is_read(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    table = pyarrow.table({"index": [3, 8], "accuracy": [0.5, 0.6]})
    parquet.write_table(table, tmp_path / "trained.parquet")
    assert flash.suggest(SMALL, "rram", tmp_path / "trained.parquet", n=1).trained == 2


def test_journals_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def judge(nets: list[flash.Architecture]) -> list[float]:
        return [0.5 + net.params / 1e8 for net in nets]

    flash.search(SMALL, "rram", method="random", evaluator=judge, max_evals=6, journal=path)
    found = flash.suggest(SMALL, "rram", path, n=2)
    assert found.trained == 6
    with pytest.raises(ArgumentError, match="is of another space than resnet: 'densenet'"):
        flash.suggest("resnet", "rram", path)
    with pytest.raises(ArgumentError, match="other choices of it"):
        flash.suggest("densenet", "rram", path)
    with path.open("a") as file:
        file.write('{"row": [0, 0')  # cut short by a kill
    assert flash.suggest(SMALL, "rram", path, n=2) == found


def test_trainings_are_read(tmp_path: Path) -> None:
    lines = [
        {"format": 1, "index": n // 2, "repeat": n % 2, "seed": n, "accuracy": 0.5 + n / 100,
         "architecture": SMALL.decode(n // 2).to_dict(), "loss": 1.0, "train_loss": 1.0,
         "seconds": 5.0, "conditions": {}}
        for n in range(6)
    ]  # fmt: skip
    for folder in (tmp_path / "own", tmp_path / "evaluator" / "trainings"):
        folder.mkdir(parents=True)
        (folder / "results.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    found = flash.suggest(SMALL, "rram", tmp_path / "own", n=2, cost="seconds")
    assert (found.trained, found.trainings) == (3, 6)
    assert found.noise == pytest.approx(0.01 / 2**0.5)
    assert flash.suggest(SMALL, "rram", tmp_path / "evaluator", n=2) == found
    from flash.training.results import TrainingResult

    result = TrainingResult.load(tmp_path / "own")
    assert flash.suggest(SMALL, "rram", result, n=2) == found
    with pytest.raises(ArgumentError, match="network 0 is no network of the space"):
        flash.suggest("resnet", "rram", result)


def test_what_a_network_space_cannot_tell_is_said() -> None:
    space = flash.BypassSpace()
    net = flash.BypassSpace().decode(17)
    with pytest.raises(ArgumentError, match="cannot be told from its layers: pass its name"):
        flash.suggest(space, "cpu-x86", [(net, 0.5)])
    assert row_of(space, space.decode(17)) == space.row(17)
    macro: Any = any_space("nas-bench-macro")
    with pytest.raises(ArgumentTypeError, match="must be a Network, its name or its row"):
        macro.encode(SMALL.decode(0))


def test_a_step_on_the_way_is_no_network_of_the_space() -> None:
    space = flash.PNASCells([2])
    step = space.row_of(((4, 4),))
    with pytest.raises(ArgumentError, match="is a step on the way, and not in PNASCells"):
        flash.suggest(space, "cpu-x86", [(step, 0.5)])


@pytest.mark.slow
def test_networks_of_a_small_space_are_told_from_their_layers() -> None:
    from flash.spaces.nas_bench import NasBenchMacro

    row = (0, 1, 2, 0, 1, 2, 0, 1)
    assert NasBenchMacro().encode(NasBenchMacro().network(row)) == row
    other = flash.BypassSpace().decode(17)
    with pytest.raises(ArgumentError, match="no network of nas-bench-macro has these layers"):
        NasBenchMacro().encode(other)


def test_a_frame() -> None:
    pytest.importorskip("pandas")
    frame = flash.suggest(SMALL, "rram", [(0, 0.5)], n=3).to_frame()
    assert list(frame.columns[:2]) == ["name", "index"]
    assert len(frame) == 3
    assert (frame["latency_ms"] > 0).all()


def test_progress_is_told_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    trained = [(row, 0.5 + k / 20) for k, row in enumerate(SMALL.sample(6, seed=1))]
    seen = flash.suggest(SMALL, "rram", trained, n=2, progress=True)
    assert "suggestions: 2 of 2 networks, in " in capsys.readouterr().err
    assert seen.rows.tolist() == flash.suggest(SMALL, "rram", trained, n=2).rows.tolist()
    with pytest.raises(ArgumentTypeError, match="progress must be True, False or 'auto'"):
        flash.suggest(SMALL, "rram", trained, progress=1)  # type: ignore[arg-type]
