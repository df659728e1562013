"""`flash.space_for` and the commands that take a folder of images or a search's result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.training.results import TrainingResult

if TYPE_CHECKING:
    from twins.processes import Run

sys.path.insert(0, str(Path(__file__).parent))
import own_data

sys.path.pop(0)

SMALL = ("--cells", "2", "--depths", "2,3", "--skips", "0,16", "--width-multipliers", "0.25,0.5")


@pytest.fixture(autouse=True)
def _pillow() -> None:
    pytest.importorskip("PIL")


def photos(root: Path, *sizes: tuple[int, int]) -> Path:
    return own_data.folder(root / "photos", each=6, sizes=sizes or ((16, 16),))


def test_a_space_has_the_size_and_the_classes_of_the_images(tmp_path: Path) -> None:
    space: Any = flash.space_for("densenet", photos(tmp_path, (24, 40)))
    assert space.to_dict() == flash.DenseNet(resolution=24, num_classes=3).to_dict()
    blocks: Any = flash.space_for("mobilenet-v3", tmp_path / "photos", resolution=64)
    assert blocks.num_classes == 3
    assert blocks.decode(blocks.sample_indices(1, 0)[0]).input_shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        (((16, 16),), 16),
        (((300, 500),), 224),  # one size, larger than networks of photographs take
        (((70, 90), (100, 80), (200, 210)), 64),  # the median of 70, 80, 200, in steps of 32
        (((20, 30), (24, 24), (28, 40)), 24),  # below one step: the median itself
    ],
)
def test_the_size_of_images_of_many_sizes(
    sizes: tuple[tuple[int, int], ...], side: int, tmp_path: Path
) -> None:
    found: Any = flash.space_for("resnet", photos(tmp_path, *sizes))
    assert found.to_dict()["resolution"] == [side]


def test_what_the_space_says_stays(tmp_path: Path) -> None:
    folder = photos(tmp_path)
    said: Any = flash.space_for({"family": "resnet", "resolution": 8, "num_classes": 5}, folder)
    assert (said.to_dict()["resolution"], said.num_classes) == ([8], 5)
    (tmp_path / "s.toml").write_text('family = "resnet"\ncells = 2\n')
    read: Any = flash.space_for(tmp_path / "s.toml", folder)
    assert (read.to_dict()["resolution"], read.num_classes) == ([16], 3)
    pytest.importorskip("sklearn")
    digits: Any = flash.space_for("resnet", "digits")
    assert (digits.to_dict()["resolution"], digits.num_classes) == ([8], 10)


@pytest.mark.parametrize(
    ("space", "more", "kind", "message"),
    [
        ("resnt", {}, ArgumentError, "did you mean 'resnet'"),
        ({"family": "resnt"}, {}, ArgumentError, "did you mean 'resnet'"),
        (flash.ResNet(), {}, ArgumentTypeError, "which says its own size and classes"),
        (3, {}, ArgumentTypeError, "space must be a name, a file or a dictionary, got 3"),
        ("decoder", {}, ArgumentError, "take no images"),
        ("resnet", {"resolution": 0}, ArgumentError, "resolution must be an integer from 1"),
        ({"family": "resnet", "resolution": 8}, {"resolution": 8}, ArgumentError, "says its own"),
        ({"family": "resnet", "num_classes": 2}, {}, ArgumentError, "at least the 3 classes"),
    ],
)
def test_what_is_refused(
    space: Any, more: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    folder = photos(tmp_path)
    with pytest.raises(kind, match=message):
        flash.space_for(space, folder, **more)


def test_folders_that_are_none(tmp_path: Path) -> None:
    own_data.save(tmp_path / "one" / "cat" / "0.png", own_data.pixels(0, 0))
    with pytest.raises(ArgumentError, match="at least 2 classes"):
        flash.space_for("resnet", tmp_path / "one")
    (tmp_path / "one" / "dog").mkdir()
    (tmp_path / "one" / "dog" / "0.png").write_bytes(b"no image")
    with pytest.raises(FormatError, match=r"an image cannot be read: .*no image of a known format"):
        flash.space_for("resnet", tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        flash.space_for("resnet", tmp_path / "none")


@pytest.mark.torch
@pytest.mark.slow
def test_from_a_folder_to_a_trained_network(cli: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    photos(tmp_path)
    found = ("search", "densenet", "cpu-x86", "--images", "photos", *SMALL)
    shown = cli(*found, "--max-latency-ms", "2", "--json", "best.json").stdout
    assert "images of 16 x 16, 3 classes" in shown
    told = cli("train", "best.json", "--images", "photos", "--epochs", "2", "--out", "trained",
               "--quiet")  # fmt: skip
    assert "1 training, " in told.stdout
    result = flash.SearchResult.from_json(tmp_path / "best.json")
    trained = TrainingResult.load(tmp_path / "trained")
    assert trained.architectures == [result.architecture]
    assert "weights of the best: trained/weights/" in told.stdout
    assert "best.onnx: densenet" in cli("export", "trained", "--onnx", "best.onnx").stdout
    # several results in a file, and the same from Python
    two = ("search", "densenet", "cpu-x86", "rram", "--images", "photos", *SMALL)
    cli(*two, "--json", "two.json")
    assert len(json.loads((tmp_path / "two.json").read_text())) == 2
    both = cli("train", "two.json", "--images", "photos", "--epochs", "1", "--quiet", "--json")
    assert len(json.loads(both.stdout)["networks"]) == 2
    again = flash.train(result, tmp_path / "photos", epochs=2, out=tmp_path / "again")
    assert again.accuracies == trained.accuracies


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "best.json"), "--data or --images, the images to train on, must be given"),
        (("train", "none.json", "--images", "photos"), "the search found no network"),
        (("train", "net.json", "--images", "photos", "--depths", "2"), "--depths is of the famil"),
        (("search", "pnas", "cpu-x86", "--images", "photos"), "space must be one of 'densenet'"),
        (
            ("search", "vit", "cpu-x86", "--images", "photos", "--resolution", "1,2"),
            "--resolution must be one number with 'vit'",
        ),
        (("search", "vit", "cpu-x86", "--images", "photos", "--depths", "2"), "--depths is of the"),
        (("search", "resnet", "cpu-x86", "--images", "nowhere/x"), "no such folder or file"),
        (("calibrate", "--from", "x.jsonl", "--quick"), "--quick is of --space"),
        (("calibrate", "--from", "x.jsonl", "--images", "photos"), "--images is of --space"),
    ],
)
def test_what_commands_refuse(
    words: tuple[str, ...], message: str, cli: Run, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    photos(tmp_path)
    flash.search("resnet", "rram", max_latency_ms=1e-9).to_json(tmp_path / "none.json")
    best = flash.search("resnet", "rram", max_latency_ms=1.0)
    best.to_json(tmp_path / "best.json")
    assert best.architecture is not None
    best.architecture.to_json(tmp_path / "net.json")
    assert message in cli(*words, code=2).stderr


def test_what_quick_stands_for() -> None:
    from flash.cli.measure import _settings
    from flash.cli.options import read

    words = ["--space", "resnet", "--quick"]
    quick = _settings(read("calibrate", words))
    assert (quick["passes"], quick["time_limit_s"], quick["clock"]) == (3, 3.0, "cpu")
    said = _settings(read("calibrate", [*words, "--passes", "5", "--clock", "wall"]))
    assert (said["passes"], said["clock"]) == (5, "wall")
    assert _settings(read("calibrate", [*words, "--threads", "2"]))["clock"] == "wall"
    usual = _settings(read("calibrate", words[:2]))
    assert (usual["passes"], usual["time_limit_s"], usual["clock"]) == (6, 10.0, "wall")


@pytest.mark.torch
@pytest.mark.slow
def test_a_quick_calibration(cli: Run, tmp_path: Path) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name)
    photos(tmp_path)
    words = ("calibrate", "--quick", "--space", "densenet", "--images", "photos", *SMALL)
    done = cli(*words, "--n", "6", "--time-limit-s", "0.05", "--quiet", "--out", "mine.json")
    assert "errors over 6 networks" in done.stdout
    assert "left out" in done.stdout
    kept = flash.Measurement.load(tmp_path / "mine.measurements.jsonl")
    assert {one.conditions["clock"] for one in kept} == {"cpu"}
    assert all(one.subject["architecture"]["num_classes"] == 3 for one in kept)
    shown = cli("search", "densenet", "mine.json", "--images", "photos", *SMALL, "--json").stdout
    assert json.loads(shown)["target"] == "cpu-x86-calibrated"
