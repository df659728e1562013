"""What flash.train takes: data, recipe and design, checked before any work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.training import Recipe  # noqa: E402
from flash.training import data as training_data  # noqa: E402
from flash.training.data import read  # noqa: E402
from flash.training.design import covering  # noqa: E402
from flash.training.loop import augmented  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.torch

TINY = {"family": "densenet", "widths": [4, 6], "depths": [2, 3], "skips": [0, 4], "cells": 2}


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
    "flat": (changed(images=np.zeros((40, 64))), ArgumentError, r"of shape \(40, 64\)"),
    "no height": (changed(images=np.zeros((40, 3, 0, 8))), ArgumentError, r"\(40, 3, 0, 8\)"),
    "nan": (changed(images=np.full((40, 3, 8, 8), np.nan)), ArgumentError, "infinity in image 0"),
    "text": (changed(images=np.full((40, 3, 8, 8), "a")), ArgumentTypeError, "images of numbers"),
    "ragged": (changed(images=[[1], [1, 2]]), ArgumentTypeError, "arrays"),
    "none": ((np.zeros((0, 8, 8)), np.zeros(0, int)), ArgumentError, "must have images, got none"),
    "few": (arrays(5, classes=4), ArgumentError, "too small to hold out"),
    "three": ((1, 2, 3), ArgumentError, "got 3 things"),
    "a number": (7, ArgumentTypeError, "must be 'digits', a folder"),
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
    with pytest.raises(ArgumentError, match="images of 2 channels, the network takes 3"):
        flash.train(TINY, arrays(channels=2), out=out)
    with pytest.raises(ArgumentError, match="did you mean 'densenet'"):
        flash.train("densnet", arrays(), out=out)
    for wrong in ({"n": 0}, {"n": 2.0}, {"workers": 0}, {"repeats": 0}, {"seed": -1}, {"epochs": 0},
                  {"test_fraction": 1.0}, {"callback": 3}, {"out": ""}, {"keep_weights": 1},
                  {"keep_weights": "all"}, {"memory_gib": -1.0}):  # fmt: skip
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
    from flash.training.worker import scaled

    common = {"mean": [1.0, 1.0, 1.0], "deviation": [2.0, 2.0, 2.0]}
    images = np.full((2, 3, 8, 8), 5, dtype=np.uint8)
    for side in (4, 8, 12):
        found = scaled(images, side, common)
        assert found.shape == (2, 3, side, side)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, 2.0)
    checks = np.zeros((1, 3, 8, 8), dtype=np.uint8)
    checks[:, :, ::2] = 4  # rows in turn: their mean is 2
    np.testing.assert_allclose(scaled(checks, 4, common), 0.5)


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
    ways = [bool(torch.equal(one, two)) for one, two in zip(flipped, images, strict=True)]
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


def test_progress_is_told_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from flash.training.progress import Trainings

    events = [
        {"event": "epoch", "index": 3, "repeat": 0, "epoch": 1, "loss": 2.0},
        {"event": "epoch", "index": 4, "repeat": 1, "epoch": 1, "loss": 2.0},
        {"event": "done", "index": 3, "repeat": 0, "accuracy": 0.5, "seconds": 1.25},
        {"event": "done", "index": 4, "repeat": 1, "accuracy": 0.25, "seconds": 2.0},
    ]
    shares = [2.5, 3.0, 3.5, 4.0]  # of 5: networks under way count by their epochs
    for wanted in (False, True):
        with Trainings(wanted, 5, 2, 2) as seen:
            for event, share in zip(events, shares, strict=True):
                seen.take(event)
                assert seen.done == share or not wanted
        told = capsys.readouterr().err
        line = "training: 4 of 5 networks, network 4, repeat 1: accuracy 0.2500, 2.0 s, in 0.0 s\n"
        assert told == (line if wanted else "")
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Trainings(True, 5, 2, 2) as seen:
        for event in events:
            seen.take(event)
    assert "network 3: accuracy 0.5000, 1.2 s" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False])
def test_digits_are_those_of_scikit_learn(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from its file; and asked of the package, where the file lies elsewhere."""
    datasets = pytest.importorskip("sklearn.datasets")
    if not installed:
        monkeypatch.setattr(training_data, "_installed", lambda *_: None)
    images, labels = training_data._digits()
    wanted = datasets.load_digits()
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(images, wanted.images)
    np.testing.assert_array_equal(labels, wanted.target)


@pytest.mark.processes
def test_digits_need_no_import_of_scikit_learn(python: Any) -> None:
    pytest.importorskip("sklearn")
    code = """
import sys
from flash.training.data import _digits
_digits()
print(sorted({name.partition('.')[0] for name in sys.modules} & {"sklearn", "scipy", "torch"}))
"""
    assert python("-c", code).stdout == "[]\n"


def test_digits_without_scikit_learn_name_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(flash.errors.MissingExtraError, match="scikit-learn"):
        training_data._digits()
