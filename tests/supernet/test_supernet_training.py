"""Training supernets: the same weights after a kill, scores, and bad input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import numpy as np  # noqa: E402
from twins.processes import environment  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.supernet import epochs, memory  # noqa: E402
from flash.supernet.drawing import Draw  # noqa: E402
from flash.supernet.running import train_supernet  # noqa: E402
from flash.supernet.scoring import Supernet, checkpoint_of  # noqa: E402
from flash.supernet.weights import SAMPLING, weights_of  # noqa: E402
from flash.training import Recipe, TrainingError  # noqa: E402
from flash.training.loop import judge  # noqa: E402

pytestmark = pytest.mark.torch

WHOLE = flash.Range(32, 32, unit="width/32")
TINY = {"family": "resnet", "widths": [2, 4], "depths": [1, 2], "cells": 2, "skips": WHOLE}
SCRIPT = """
import sys, flash
tiny = flash.ResNet(widths=[2, 4], depths=[1, 2], cells=2, resolution=8,
                    skips=flash.Range(32, 32, unit="width/32"))
flash.train_supernet(tiny, "digits", epochs=6, sampling={sampling!r}, out=sys.argv[1])
"""
SPACE = flash.ResNet(
    widths=[4, 6, 8], depths=[1, 2, 3], skips=[0, 3, 8], cells=[2, 3], resolution=8
)


def arch(family: str, *cells: tuple[int, ...], side: int = 8) -> flash.Architecture:
    return flash.Architecture(family, [flash.Cell(*cell) for cell in cells], resolution=side)


# training


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Supernet]:
    folder = tmp_path_factory.mktemp("supernets")
    return {
        sampling: train_supernet(TINY, "digits", epochs=6, sampling=sampling, out=folder / sampling)
        for sampling in SAMPLING
    }


def weights(folder: str | Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(checkpoint_of(str(folder)), weights_only=True)
    return {**state["module"], **{
        f"momentum {k}": one["momentum_buffer"]
        for k, one in state["optimizer"]["state"].items()
    }}  # fmt: skip


@pytest.mark.parametrize("sampling", SAMPLING)
def test_training_learns_and_scores_as_cut_networks(
    sampling: str, trained: dict[str, Supernet]
) -> None:
    supernet = trained[sampling]
    index = [0, 5, 10, 15]
    scores = supernet.score(index)
    assert max(scores) > 0.2  # chance is 0.1, and the networks are tiny
    before = weights(supernet.folder)
    for i, score in zip(index, scores, strict=True):
        cut = supernet.recalibrate(supernet.cut(i))
        assert judge(cut, supernet.data["test_x"], supernet.data["test_y"], Recipe())[0] == score
        assert isinstance(cut, type(supernet.space.decode(i).to_torch()))
    assert supernet.score(index[::-1]) == scores[::-1]  # none leaves a trace for the next
    assert supernet.score([supernet.space.decode(5), supernet.space.encode(
        supernet.space.decode(5))]) == [scores[1]] * 2  # fmt: skip
    again = Supernet.load(supernet.folder, "digits", space=supernet.space)
    assert again.score(index) == scores
    for key, tensor in weights(supernet.folder).items():
        assert torch.equal(tensor, before[key])


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("sampling", SAMPLING)
def test_a_killed_training_goes_on_to_the_same_weights(
    sampling: str, trained: dict[str, Supernet], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SCRIPT.format(sampling=sampling), str(tmp_path)]
    process = subprocess.Popen(command, env=environment())
    end = time.monotonic() + 120
    while not list(tmp_path.glob("checkpoints/*.pt")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = torch.load(checkpoint_of(str(tmp_path)), weights_only=True)["epochs"]
    assert 1 <= done < 6  # it was stopped on its way
    seen: list[int] = []
    torch.set_num_threads(2)  # the user's; training takes one, and gives them back
    train_supernet(
        TINY, "digits", epochs=6, sampling=sampling, out=tmp_path,
        callback=lambda epoch: seen.append(epoch.epoch),
    )  # fmt: skip
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert seen == list(range(done + 1, 7))
    whole, found = weights(trained[sampling].folder), weights(tmp_path)
    assert whole.keys() == found.keys()
    for key, tensor in whole.items():
        assert torch.equal(tensor, found[key]), key


def test_seeds_and_slices(trained: dict[str, Supernet], tmp_path: Path) -> None:
    given: dict[str, Any] = {"epochs": 1, "out": tmp_path / "a"}
    first = train_supernet(TINY, "digits", seed=1, **given)
    other = train_supernet(TINY, "digits", seed=2, epochs=1, out=tmp_path / "b")
    sliced = train_supernet(TINY, "digits", seed=1, epochs=1, subnets=4, out=tmp_path / "c")
    losses = {first.train_loss, other.train_loss, sliced.train_loss}
    assert len(losses) == 3
    assert first.images.fingerprint() != other.images.fingerprint()  # the split is the seed's too
    # a finished run is only read
    before = Path(checkpoint_of(first.folder)).stat().st_mtime_ns
    again = train_supernet(TINY, "digits", seed=1, **given)
    assert again.train_loss == first.train_loss
    assert again.seconds == first.seconds
    assert Path(checkpoint_of(first.folder)).stat().st_mtime_ns == before


def test_a_torch_dataset_and_a_start_from_other_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((60, 1, 8, 8), dtype=np.float32))
    data = torch.utils.data.TensorDataset(x, torch.arange(60) % 3)
    space = {**TINY, "num_classes": 3}
    first = train_supernet(space, data, epochs=1, out=tmp_path / "a")
    assert first.space.num_classes == 3
    assert first.score([0])[0] >= 0.0
    second = train_supernet(space, data, epochs=1, start=tmp_path / "a", out=tmp_path / "b")
    plain = train_supernet(space, data, epochs=1, out=tmp_path / "c")
    assert second.train_loss != plain.train_loss
    assert plain.train_loss == first.train_loss
    with pytest.raises(ArgumentError, match="start must be a supernet of the same space"):
        train_supernet(TINY | {"num_classes": 4}, data, start=tmp_path / "a", out=tmp_path / "d")


def test_pools_are_drawn_from(tmp_path: Path) -> None:
    space = SPACE
    draw = Draw(weights_of(space), [([3, 4], [[0, 1], [2, 2]]), ([0], [[0]])])
    rows = draw.rows(np.random.default_rng(0), 400)
    assert {tuple(row) for row in rows[:, [3, 4]].tolist()} == {(0, 1), (2, 2)}
    assert {len(set(rows[:, k])) for k in range(5, rows.shape[1])} == {3}
    whole = Draw(weights_of(space), None).rows(np.random.default_rng(1), 9000)
    counts = np.bincount(whole[:, 4])  # uniform
    assert (abs(counts - 3000) < 250).all()
    for pools, message in (
        ([([99], [[0]])], r"pools\[0\] variable must be"),
        ([([3], [[0]]), ([3], [[1]])], r"pools\[1\] must hold variables that no other"),
        ([([3], [])], "at least one row of 1"),
        ([([3], [[7]])], "choice indices of width_0 must be 0 to 2, got 7"),
        ([5], r"pools\[0\] must be \(variables, rows"),
    ):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
            train_supernet(space, "digits", pools=pools, out=tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


# bad input


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ((np.ones((20, 8, 8)), np.zeros(20, dtype=int)), "at least two classes"),
        ((np.ones((20, 2, 8, 8)), np.arange(20) % 2), "images of 2 channels"),
        ((np.full((20, 8, 8), np.nan), np.arange(20) % 2), "NaN or infinity in image 0"),
        ((np.ones((20, 8, 8)), np.arange(19) % 2), "one label per image"),
    ],
)
def test_data_that_are_none(dataset: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        train_supernet(TINY, dataset, out=tmp_path)
    assert not list(tmp_path.iterdir())  # nothing was begun


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"space": "densenet"}, "resnet, wide-resnet, mobilenet-v2, a BypassSpace or a BlockSpace"),
        ({"space": flash.ResNet(resolution=[8, 16])}, "one resolution"),
        ({"space": flash.ResNet(num_classes=4, resolution=8)}, "at least the 10 classes"),
        ({"sampling": "dropout"}, "sampling must be"),
        ({"sampling": "single-path", "subnets": 4}, "subnets belongs to ordered-dropout"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": 4000}, "batch_size must be at most the 1438 training images"),
        ({"recipe": {"rate": 1}}, "recipe"),
        ({"out": ""}, "out must be the path"),
        ({"start": "nowhere"}, "holds no supernet"),
    ],
)
def test_arguments_that_are_not_accepted(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    given = {"space": TINY, "out": tmp_path, **given}
    with pytest.raises(ArgumentError, match=message):
        train_supernet(given.pop("space"), "digits", **given)
    assert not list(tmp_path.iterdir())


def test_memory_too_small_for_the_batch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda place: 1 << 20)
    with pytest.raises(ArgumentError, match=r"batch_size must leave .* at most \d+ fit"):
        train_supernet(TINY, "digits", out=tmp_path / "a")
    assert not (tmp_path / "a").exists()
    monkeypatch.undo()
    found = memory.free_bytes("cpu")
    assert found is None or found > 1 << 20

    calls = [0]
    epoch = epochs.train_epoch

    def failing(*given: Any) -> float:
        calls[0] += 1
        if calls[0] == 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return epoch(*given)

    monkeypatch.setattr(epochs, "train_epoch", failing)
    with pytest.raises(TrainingError, match=r"memory ran out in epoch 2 .* 1 of 2 epochs are kept"):
        train_supernet(TINY, "digits", epochs=2, out=tmp_path / "b")
    done = train_supernet(TINY, "digits", epochs=2, out=tmp_path / "b")
    assert calls[0] == 3  # the first epoch was not lost
    assert done.train_loss > 0.0
    monkeypatch.setattr(epochs, "train_epoch", lambda *given: float("nan"))
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1"):
        train_supernet(TINY, "digits", epochs=1, out=tmp_path / "c")


def test_checkpoints_of_other_runs(trained: dict[str, Supernet], tmp_path: Path) -> None:
    folder = trained["single-path"].folder
    held = Path(checkpoint_of(folder)).read_bytes()
    with pytest.raises(ArgumentError, match="holds one with another space"):
        train_supernet(
            {**TINY, "depths": [1, 3]}, "digits", epochs=6, sampling="single-path", out=folder
        )
    with pytest.raises(ArgumentError, match="holds one with another sampling"):
        train_supernet(TINY, "digits", epochs=6, out=folder)
    with pytest.raises(ArgumentError, match="out must be a new folder where resume is False"):
        train_supernet(TINY, "digits", epochs=6, sampling="single-path", out=folder, resume=False)
    with pytest.raises(ArgumentError, match="space must be that of the supernet"):
        Supernet.load(folder, "digits", space=SPACE)
    with pytest.raises(ArgumentError, match="dataset must be the one"):
        Supernet.load(folder, "digits", test_fraction=0.3)
    assert Path(checkpoint_of(folder)).read_bytes() == held
    with pytest.raises(FormatError, match="holds no supernet"):
        Supernet.load(tmp_path, "digits")
    # a file of another space under this one's name, and one that is no checkpoint
    bad = train_supernet({**TINY, "depths": [1, 3]}, "digits", epochs=1, out=tmp_path / "other")
    copy = tmp_path / "copy"
    train_supernet(TINY, "digits", epochs=1, out=copy)
    place = Path(checkpoint_of(str(copy)))
    place.write_bytes(Path(checkpoint_of(bad.folder)).read_bytes())
    with pytest.raises(FormatError, match="does not fit its space"):
        Supernet.load(copy, "digits")
    with pytest.raises(ArgumentError, match="checkpoint of another run"):
        train_supernet(TINY, "digits", epochs=1, out=copy)
    place.write_bytes(held[: len(held) // 2])
    with pytest.raises(FormatError, match="cannot be read"):
        Supernet.load(copy, "digits")


def test_checkpoints_hold_no_code(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "evil"),))

    supernet = train_supernet(TINY, "digits", epochs=1, out=tmp_path / "a")
    Path(checkpoint_of(supernet.folder)).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FormatError, match="cannot be read"):
        Supernet.load(supernet.folder, "digits")
    assert not (tmp_path / "evil").exists()


def test_networks_that_are_no_subnets(trained: dict[str, Supernet]) -> None:
    supernet = trained["single-path"]
    for net, message in (
        (arch("wide-resnet", (4, 1, 4), (4, 1, 4)), "family of the supernet"),
        (arch("resnet", (4, 1, 4)), "heads after"),
        (arch("resnet", (8, 1, 8), (4, 1, 4)), "wider than the supernet's"),
        (arch("resnet", (4, 3, 4), (4, 1, 4)), "at most 2 blocks, got 3"),
        (arch("resnet", (4, 1, 4), (4, 1, 4), side=16), "resolution of the supernet"),
    ):
        with pytest.raises(ArgumentError, match=message):
            supernet.subnet(net)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_training_on_cuda(tmp_path: Path) -> None:
    supernet = train_supernet(TINY, "digits", epochs=6, device="cuda", out=tmp_path)
    assert max(supernet.score([0, 15])) > 0.3
    assert Supernet.load(tmp_path, "digits", device="cpu").score([15])[0] > 0.3
