"""flash.train: the same results however it is run, and nothing lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import numpy as np  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.training import Recipe, TrainedNetwork, TrainingError, TrainingResult  # noqa: E402
from flash.training.data import read  # noqa: E402
from flash.training.ledger import Ledger, read_lines  # noqa: E402
from flash.training.loop import fit, judge  # noqa: E402

if TYPE_CHECKING:
    from twins.processes import Run

pytestmark = pytest.mark.torch

TINY = {"family": "densenet", "widths": [4, 6], "depths": [2, 3], "skips": [0, 4], "cells": 2}
SCRIPT = """
import sys, flash
tiny = {tiny!r}
flash.train(tiny, "digits", 2, epochs={epochs}, workers=1, out=sys.argv[1], keep_weights=True)
"""


def facts(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a run's lines say but for how long it took, in the order of networks."""
    kept = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
    return sorted(kept, key=lambda line: (line["index"], line["repeat"]))


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "weights").iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run with one worker."""
    folder = tmp_path_factory.mktemp("whole")
    flash.train(TINY, "digits", 2, epochs=5, workers=1, out=folder, keep_weights=True)
    return folder


def test_a_run_and_what_it_leaves(whole: Path) -> None:
    result = TrainingResult.load(whole)
    assert len(result) == 2
    assert [one.index for one in result.samples] == [0, 1]
    assert {path.name for path in whole.iterdir()} == {
        "checkpoints", "results.jsonl", "run.json", "weights",
    }  # fmt: skip
    assert not list((whole / "checkpoints").iterdir())
    sample = result.samples[0]
    assert sample.architecture.resolution == 8
    assert sample.architecture.num_classes == 10
    assert sample.conditions["dataset"]["train_images"] == 1438
    assert sample.conditions["recipe"]["epochs"] == 5
    assert min(result.accuracies) > 0.3  # chance is 0.1: it did learn
    assert result.noise is None
    assert "kept in" in str(result)
    # The weights that were kept are the judged network's.
    module = sample.architecture.to_torch(weights=whole / "weights" / "0000-0.npz")
    images = read("digits", None, 0.2, 0)
    mean, deviation = images.train_x.mean(dtype=np.float64), images.train_x.std(dtype=np.float64)
    x = torch.from_numpy(((images.test_x - mean) / deviation).astype(np.float32))
    accuracy, loss = judge(
        module, x.expand(-1, 3, -1, -1), torch.from_numpy(images.test_y), Recipe()
    )
    assert accuracy == pytest.approx(sample.accuracy, abs=2 / len(x))
    assert loss == pytest.approx(sample.loss, rel=1e-3)


def test_two_workers_and_a_longer_run_change_nothing(whole: Path, tmp_path: Path) -> None:
    seen: list[TrainedNetwork] = []
    other = flash.train(
        TINY, "digits", 3, epochs=5, workers=2, out=tmp_path, keep_weights=True,
        callback=seen.append,
    )  # fmt: skip
    assert len(other) == len(seen) == 3
    lines = facts(read_lines(str(tmp_path / "results.jsonl")))
    assert lines[:2] == facts(read_lines(str(whole / "results.jsonl")))
    for name, content in weights(whole).items():
        assert weights(tmp_path)[name] == content
    # Asked for fewer, the same folder gives those.
    again = flash.train(TINY, "digits", 2, epochs=5, out=tmp_path)
    assert [one.accuracy for one in again.samples] == [one.accuracy for one in other.samples[:2]]


def test_an_executor_trains_the_same(whole: Path, tmp_path: Path) -> None:
    seen: list[TrainedNetwork] = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        flash.train(
            TINY, "digits", 2, epochs=5, executor=pool, out=tmp_path, keep_weights=True,
            callback=seen.append,
        )  # fmt: skip
    assert len(seen) == 2
    lines = facts(read_lines(str(tmp_path / "results.jsonl")))
    assert lines == facts(read_lines(str(whole / "results.jsonl")))
    assert weights(tmp_path) == weights(whole)
    with pytest.raises(ArgumentError, match="workers cannot be used with an executor"):
        flash.train(TINY, "digits", 2, epochs=5, executor=pool, workers=1, out=tmp_path)
    with pytest.raises(ArgumentTypeError, match="executor must be"):
        flash.train(TINY, "digits", 2, executor=3, out=tmp_path)  # type: ignore[arg-type]


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    how: signal.Signals, whole: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SCRIPT.format(tiny=TINY, epochs=5), str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list((tmp_path / "checkpoints").glob("*.pt")) if tmp_path.exists() else True:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    if how == signal.SIGINT:
        assert "0 of 2 networks are finished" in said
    assert len(read_lines(str(tmp_path / "results.jsonl"))) < 2  # it was stopped on its way
    checkpoints = list((tmp_path / "checkpoints").glob("*.pt"))
    assert torch.load(checkpoints[0], weights_only=True)["epochs"] >= 1
    flash.train(TINY, "digits", 2, epochs=5, workers=1, out=tmp_path, keep_weights=True)
    assert facts(read_lines(str(tmp_path / "results.jsonl"))) == facts(
        read_lines(str(whole / "results.jsonl"))
    )
    assert weights(tmp_path) == weights(whole)


def test_a_checkpoint_is_gone_on_with_bit_for_bit(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    data = {
        "train_x": draw.normal(size=(50, 3, 8, 8)).astype(np.float32),
        "train_y": draw.integers(0, 3, 50),
        "test_x": draw.normal(size=(20, 3, 8, 8)).astype(np.float32),
        "test_y": draw.integers(0, 3, 20),
    }
    arch = flash.Architecture("densenet", [flash.Cell(4, 3, 4)], resolution=8, num_classes=3)
    recipe = Recipe(epochs=4, batch_size=16)
    path = str(tmp_path / "state.pt")

    def run(stop: int | None, checkpoint: str | None) -> tuple[dict[str, float], list[Any]]:
        module = arch.to_torch(seed=5)

        def after(epoch: int, loss: float) -> None:
            if epoch == stop:
                raise KeyboardInterrupt

        found = fit(module, data, recipe, seed=7, checkpoint=checkpoint, key="k", after_epoch=after)
        return found, [one.clone() for one in module.state_dict().values()]

    straight, state = run(None, None)
    with pytest.raises(KeyboardInterrupt):
        run(3, path)
    assert torch.load(path, weights_only=True)["epochs"] == 2
    resumed, other = run(None, path)
    assert all(torch.equal(one, two) for one, two in zip(state, other, strict=True))
    for name in ("accuracy", "loss", "train_loss"):
        assert resumed[name] == straight[name]
    Path(path).write_bytes(b"no checkpoint")
    with pytest.raises(FormatError, match="cannot be read"):
        run(None, path)


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_loses_nothing(tmp_path: Path, python: Run) -> None:
    # The limit on a file's size stands for the full disk: writing fails in the same place.
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)); "
        "import flash; from flash import Architecture, Cell; "
        "small, large = ([Cell(4, 2, 0)], [Cell(128, 3, 0)]); "
        "flash.train([Architecture('densenet', one, resolution=8) for one in (small, large)], "
        "'digits', epochs=2, workers=1, out='run')"
    )
    said = python("-c", code, code=1).stderr
    assert "OSError" in said
    assert "1 of 2 networks are finished in 'run'; the same call goes on from there" in said
    assert len(read_lines(str(tmp_path / "run" / "results.jsonl"))) == 1
    assert not list((tmp_path / "run" / "checkpoints").glob("*.part*"))
    networks = [
        flash.Architecture("densenet", [flash.Cell(w, d)], resolution=8)
        for w, d in ((4, 2), (128, 3))
    ]
    done = flash.train(networks, "digits", epochs=2, workers=1, out=tmp_path / "run")
    assert len(done) == 2


def test_a_line_that_cannot_be_written_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(str(tmp_path), {"seed": 1}, resume=True) as ledger:
        ledger.finish({"index": 0, "repeat": 0})
        checkpoint = Path(ledger.checkpoint(1, 0))
        checkpoint.write_bytes(b"x")

        def full(fd: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                ledger.finish({"index": 1, "repeat": 0})
        assert checkpoint.exists()
        assert (tmp_path / "results.jsonl").read_text() == '{"index": 0, "repeat": 0}\n'
        with pytest.raises(TrainingError, match=rf"in use by process {os.getpid()} on .* since "):
            Ledger(str(tmp_path), {"seed": 1}, resume=True)
        assert len(ledger.lines) == 1
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"index": 1, "rep')  # cut short by a kill
    with Ledger(str(tmp_path), {"seed": 1}, resume=True) as ledger:
        assert len(ledger.lines) == 1
    with pytest.raises(ArgumentError, match=r"another seed \(1, now 2\)"):
        Ledger(str(tmp_path), {"seed": 2}, resume=True)
    with pytest.raises(ArgumentError, match="must be a new folder"):
        Ledger(str(tmp_path), {"seed": 1}, resume=False)


def test_repeats_show_the_noise(tmp_path: Path) -> None:
    arch = flash.Architecture("resnet", [flash.Cell(4, 1, 4)], resolution=8)
    result = flash.train([arch], "digits", epochs=1, repeats=2, workers=1, out=tmp_path)
    first, second = result.samples
    assert (first.seed, second.seed) == (0, 1)
    assert first.accuracy != second.accuracy
    assert result.architectures == [arch]
    assert result.accuracies == [(first.accuracy + second.accuracy) / 2]
    assert result.noise == pytest.approx(abs(first.accuracy - second.accuracy) / 2**0.5)


# The command line


def test_the_command_line_as_typed(tmp_path: Path, python: Run) -> None:
    command = ["-m", "flash", "train", "densenet", "--data", "digits", "--widths", "4", "--depths",
               "2", "--skips", "0,4", "--n", "2", "--epochs", "1", "--workers", "1",
               "--out", "run"]  # fmt: skip
    done = python(*command, "--progress")
    assert "2 trainings" in done.stdout
    assert "training: 2 of 2 networks, network 1: accuracy" in done.stderr
    again = python(*command, "--json", "--quiet")
    assert not again.stderr
    found = json.loads(again.stdout)
    assert found["folder"] == "run"
    assert [one["architecture"]["resolution"] for one in found["networks"]] == [8, 8]
    lines = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]
    other = python(*command, "--seed", "1", code=2)
    assert "folder of its own for each run" in other.stderr
    refused = python("-m", "flash", "train", "--data", "digits", "--batch-size", "2000", code=2)
    assert "batch_size must be at most the 1438 training images" in refused.stderr


def test_a_worker_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if os.name == "posix" else sys.executable)
    if os.name != "posix":
        pytest.skip("needs a program that fails")
    with pytest.raises(TrainingError, match="ended without an answer"):
        flash.train(TINY, "digits", 1, epochs=1, out=tmp_path)


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        ({"kind": "OutOfMemoryError", "message": "CUDA out of memory. Tried"}, TrainingError,
         "batch_size 4096 is too large for the memory of cuda"),
        ({"kind": "RuntimeError", "message": "can't allocate memory: you tried"}, TrainingError,
         "batch_size 4096 is too large"),
        ({"kind": "OSError", "message": "full", "errno": 28}, OSError, "No space left"),
        ({"kind": "ValueError", "message": "odd"}, TrainingError, "ValueError: odd"),
    ],
)  # fmt: skip
def test_what_a_worker_reports_is_told_in_words(
    event: dict[str, Any], kind: type[Exception], text: str
) -> None:
    from flash.training.pool import _failure

    common = {"recipe": {"batch_size": 4096}, "device": "cuda", "folder": "run"}
    with pytest.raises(kind, match=text):
        raise _failure({"event": "error", "errno": None, **event}, common)


def test_a_training_that_diverges_is_a_line_all_the_same(tmp_path: Path) -> None:
    arch = flash.Architecture("densenet", [flash.Cell(4, 1)], resolution=8)
    recipe = {"learning_rate": 100.0, "momentum": 0.9999, "clip": 1e30, "weight_decay": 1.0}
    images = np.random.default_rng(0).normal(size=(50, 3, 8, 8)).astype(np.float32)
    data = (images, np.arange(50) % 2)
    result = flash.train([arch], data, epochs=5, batch_size=2, recipe=recipe, out=tmp_path)
    (sample,) = result.samples
    assert sample.loss is None
    assert sample.train_loss is None
    assert 0.0 <= sample.accuracy <= 1.0
    json.loads((tmp_path / "results.jsonl").read_text(), parse_constant=pytest.fail)
