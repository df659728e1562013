"""flash.train: the same results however it is run, nothing lost, bad data refused before any work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import numpy as np  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FlashError, FormatError  # noqa: E402
from flash.training import Recipe, TrainedNetwork, TrainingError, TrainingResult  # noqa: E402
from flash.training.data import read  # noqa: E402
from flash.training.design import covering  # noqa: E402
from flash.training.ledger import Ledger, read_lines  # noqa: E402
from flash.training.loop import augmented, fit, judge  # noqa: E402

if TYPE_CHECKING:
    from conftest import Run

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
    flash.train(TINY, "digits", 2, epochs=8, workers=1, out=folder, keep_weights=True)
    return folder


def test_a_run_and_what_it_leaves(whole: Path) -> None:
    result = TrainingResult.load(whole)
    assert len(result) == 2
    assert [one.index for one in result.samples] == [0, 1]
    assert {path.name for path in whole.iterdir()} == {
        "checkpoints", "lock", "results.jsonl", "run.json", "weights",
    }  # fmt: skip
    assert not list((whole / "checkpoints").iterdir())
    sample = result.samples[0]
    assert sample.architecture.resolution == 8
    assert sample.architecture.num_classes == 10
    assert sample.conditions["dataset"]["train_images"] == 1438
    assert sample.conditions["recipe"]["epochs"] == 8
    assert max(result.accuracies) > 0.5  # chance is 0.1: it did learn
    assert result.noise is None
    assert "kept in" in str(result)
    # A state_dict that was kept is the judged network's.
    module = sample.architecture.to_torch()
    state = torch.load(whole / "weights" / "0000-0.pt", weights_only=True)
    module.load_state_dict(state)
    images = read("digits", None, 0.2, 0)
    mean, deviation = images.train_x.mean(dtype=np.float64), images.train_x.std(dtype=np.float64)
    x = torch.from_numpy(((images.test_x - mean) / deviation).astype(np.float32))
    accuracy, loss = judge(module, x.expand(-1, 3, -1, -1), torch.from_numpy(images.test_y), Recipe())
    assert accuracy == pytest.approx(sample.accuracy, abs=2 / len(x))
    assert loss == pytest.approx(sample.loss, rel=1e-3)


def test_two_workers_and_a_longer_run_change_nothing(whole: Path, tmp_path: Path) -> None:
    seen: list[TrainedNetwork] = []
    other = flash.train(
        TINY, "digits", 3, epochs=8, workers=2, out=tmp_path, keep_weights=True,
        callback=seen.append,
    )  # fmt: skip
    assert len(other) == len(seen) == 3
    lines = facts(read_lines(str(tmp_path / "results.jsonl")))
    assert lines[:2] == facts(read_lines(str(whole / "results.jsonl")))
    for name, content in weights(whole).items():
        assert weights(tmp_path)[name] == content
    # Asked for fewer, the same folder gives those.
    again = flash.train(TINY, "digits", 2, epochs=8, out=tmp_path)
    assert [one.accuracy for one in again.samples] == [one.accuracy for one in other.samples[:2]]


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    how: signal.Signals, whole: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SCRIPT.format(tiny=TINY, epochs=8), str(tmp_path)]
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
    flash.train(TINY, "digits", 2, epochs=8, workers=1, out=tmp_path, keep_weights=True)
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

        found = fit(
            module, data, recipe, seed=7, checkpoint=checkpoint, key="k", after_epoch=after
        )
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
    networks = [flash.Architecture("densenet", [flash.Cell(w, d)], resolution=8) for w, d in ((4, 2), (128, 3))]  # noqa: E501
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
        if os.name == "posix":
            with pytest.raises(FlashError, match="another process is training"):
                Ledger(str(tmp_path), {"seed": 1}, resume=True)
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


# Data


def arrays(n: int = 40, channels: int = 3, classes: int = 4) -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    return draw.normal(size=(n, channels, 8, 8)), np.arange(n) % classes


def changed(**changes: Any) -> tuple[Any, Any]:
    images, labels = arrays()
    return changes.get("images", images), changes.get("labels", labels)


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "one class": (changed(labels=np.zeros(40, int)), ArgumentError, "at least two classes"),
    "a gap": (changed(labels=np.arange(40) % 4 * 2), ArgumentError, "each of them, got 4 labels"),
    "from 1": (changed(labels=1 + np.arange(40) % 4), ArgumentError, "labels 0 to classes - 1"),
    "float labels": (changed(labels=np.zeros(40)), ArgumentTypeError, "whole numbers"),
    "one label less": (changed(labels=np.arange(39) % 4), ArgumentError, "one label per image"),
    "not square": (changed(images=np.zeros((40, 3, 8, 9))), ArgumentError, "square images"),
    "two channels": (changed(images=np.zeros((40, 2, 8, 8))), ArgumentError, r"\(40, 2, 8, 8\)"),
    "flat": (changed(images=np.zeros((40, 64))), ArgumentError, "square images"),
    "nan": (changed(images=np.full((40, 3, 8, 8), np.nan)), ArgumentError, "infinity in image 0"),
    "text": (changed(images=np.full((40, 3, 8, 8), "a")), ArgumentTypeError, "images of numbers"),
    "ragged": (changed(images=[[1], [1, 2]]), ArgumentTypeError, "arrays"),
    "none": ((np.zeros((0, 8, 8)), np.zeros(0, int)), ArgumentError, "must have images, got none"),
    "few": (arrays(5, classes=4), ArgumentError, "too small to hold out"),
    "three": ((1, 2, 3), ArgumentError, "got 3 things"),
    "a number": (7, ArgumentTypeError, "must be a pair"),
    "a name": ("digit", ArgumentError, "did you mean 'digits'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_refused_in_words(name: str) -> None:
    dataset, error, text = BAD[name]
    with pytest.raises(error, match=text):
        read(dataset, None, 0.2, 0)


def test_bad_data_is_refused_before_any_work(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ArgumentError, match="finite images"):
        flash.train(TINY, BAD["nan"][0], out=out)
    with pytest.raises(ArgumentError, match="batch_size must be at most the 32 training images"):
        flash.train(TINY, arrays(), out=out, batch_size=33)
    with pytest.raises(ArgumentError, match="device must be one that torch finds"):
        flash.train(TINY, arrays(), out=out, device="cuda:99")
    with pytest.raises(ArgumentError, match="did you mean 'epochs'"):
        flash.train(TINY, arrays(), out=out, recipe={"epoch": 3})
    with pytest.raises(ArgumentError, match="num_classes of at least the 4 classes"):
        flash.train(flash.DenseNet(num_classes=3), arrays(), out=out)
    with pytest.raises(ArgumentError, match="did you mean 'densenet'"):
        flash.train("densnet", arrays(), out=out)
    for wrong in ({"n": 0}, {"n": 2.0}, {"workers": 0}, {"repeats": 0}, {"seed": -1}, {"epochs": 0},
                  {"test_fraction": 1.0}, {"callback": 3}, {"out": ""}):  # fmt: skip
        with pytest.raises((ArgumentError, ArgumentTypeError), match=next(iter(wrong))):
            flash.train(TINY, arrays(), **{"out": out, **wrong})
    for recipe in ({"momentum": 2}, {"augment": "mixup"}, {"precision": "half"}):
        with pytest.raises(ArgumentError, match=next(iter(recipe))):
            flash.train(TINY, arrays(), out=out, recipe=recipe)
    assert not out.exists()


def test_layouts_of_images_agree(tmp_path: Path) -> None:
    images, labels = arrays()
    plain = read((images, labels), None, 0.2, 3)
    assert plain.train_x.shape == (32, 3, 8, 8)
    assert sorted(plain.test_y.tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    for other in (
        (images.transpose(0, 2, 3, 1), labels.tolist()),
        (torch.from_numpy(images), torch.from_numpy(labels)),
        tensors,
        list(tensors) and torch.utils.data.Subset(tensors, range(40)),
        tmp_path / "images.npz",
    ):
        found = read(other, None, 0.2, 3)
        assert found.fingerprint() == plain.fingerprint()
    assert read((images[:, 0], labels), None, 0.2, 3).train_x.shape == (32, 1, 8, 8)
    assert read((images, labels), (images, labels), 0.2, 3).train_x.shape == (40, 3, 8, 8)
    with pytest.raises(ArgumentError, match="test must have images like those"):
        read((images, labels), (images[:, :1], labels), 0.2, 3)
    with pytest.raises(ArgumentError, match="test must have labels of the 4 classes"):
        read((images, labels), (images, labels + 1), 0.2, 3)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(FormatError, match="cannot be read"):
        read(str(tmp_path / "broken.npz"), None, 0.2, 3)
    np.savez(tmp_path / "pickled.npz", images=np.array([{}]), labels=labels)
    with pytest.raises(FormatError, match="cannot be read"):
        read(str(tmp_path / "pickled.npz"), None, 0.2, 3)


def test_images_of_another_size_are_scaled(tmp_path: Path) -> None:
    from flash.training.worker import _scaled

    common = {"mean": [1.0, 1.0, 1.0], "deviation": [2.0, 2.0, 2.0]}
    images = np.full((2, 3, 8, 8), 5, dtype=np.uint8)
    for side in (4, 8, 12):
        found = _scaled(images, side, common)
        assert found.shape == (2, 3, side, side)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, 2.0)
    checks = np.zeros((1, 3, 8, 8), dtype=np.uint8)
    checks[:, :, ::2] = 4  # rows in turn: their mean is 2
    np.testing.assert_allclose(_scaled(checks, 4, common), 0.5)


# The recipe and the design


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [Recipe(learning_rate=0.5).rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[20] == pytest.approx(0.5)
    assert rates[99] < 0.001
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_augmented_images_are_moved_and_mirrored() -> None:
    images = torch.arange(6 * 3 * 8 * 8, dtype=torch.float32).reshape(6, 3, 8, 8) + 1
    generator = torch.Generator().manual_seed(0)
    flipped = augmented(images, "flip", generator)
    ways = [
        bool(torch.equal(one, two)) for one, two in zip(flipped, images, strict=True)
    ]
    assert {True, False} == set(ways)
    for one, two, same in zip(flipped, images, ways, strict=True):
        assert torch.equal(one, two if same else two.flip(2))
    moved = augmented(images, "shift", generator)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    for one, whole_ in zip(moved, padded, strict=True):
        assert any(
            torch.equal(one, whole_[:, y : y + 8, x : x + 8]) for y in range(3) for x in range(3)
        )
    assert augmented(images, "none", generator) is images


def test_a_covering_design_covers() -> None:
    space = flash.DenseNet()
    chosen = covering(space, 25, 0)
    assert len(set(chosen)) == 25
    assert covering(space, 10, 0) == chosen[:10]
    assert covering(space, 10, 1) != chosen[:10]

    def table(networks: list[flash.Architecture]) -> Any:
        rows = [
            [1.0, *(cell.depth / 13 for cell in one.cells), float(np.log(flash.nn_degree(one)))]
            for one in networks
        ]
        return np.array(rows)

    fresh = table(space.sample(400, seed=99))

    def variance(networks: list[flash.Architecture]) -> float:
        """Mean variance of a linear fit's predictions, in units of the noise's."""
        design = table(networks)
        return float((fresh @ np.linalg.inv(design.T @ design) * fresh).sum(axis=1).mean())

    assert variance(chosen) < 0.8 * min(variance(space.sample(25, seed=seed)) for seed in range(9))
    small = flash.DenseNet(**{key: value for key, value in TINY.items() if key != "family"})
    assert len(covering(small, 1000, 0)) == small.size


# The command line


def test_the_command_line_as_typed(tmp_path: Path, python: Run) -> None:
    command = ["-m", "flash", "train", "densenet", "--data", "digits", "--widths", "4", "--depths",
               "2", "--skips", "0,4", "--n", "2", "--epochs", "1", "--workers", "1",
               "--out", "run"]  # fmt: skip
    done = python(*command)
    assert "2 trainings" in done.stdout
    assert "1/2: network 0, accuracy" in done.stderr
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
