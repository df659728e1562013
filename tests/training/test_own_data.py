"""flash.train on images of one's own: folders, tables of paths, torch datasets, arrays."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.training import load_images  # noqa: E402
from flash.training import pixels as pixels_module  # noqa: E402
from flash.training.data import ImageFiles, read  # noqa: E402
from flash.training.feeding import Feed, batches  # noqa: E402
from flash.training.images import moments  # noqa: E402
from flash.training.pixels import decoded, pixels_of  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import own_data  # noqa: E402
from own_data import CLASSES, save  # noqa: E402

if TYPE_CHECKING:
    from twins.processes import Run

pytestmark = pytest.mark.torch

TINY = {"family": "densenet", "widths": [4, 6], "depths": [2], "skips": [0], "cells": 2}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_data.folder(tmp_path_factory.mktemp("data") / "photos")


def accuracies(result: Any) -> list[float]:
    return [one.accuracy for one in result.samples]


# Folders


def test_a_folder_of_images_is_trained_on(photos: Path, tmp_path: Path) -> None:
    result = flash.train({**TINY, "resolution": 12}, photos, 2, epochs=6, out=tmp_path / "run")
    assert min(result.accuracies) > 0.6  # chance is a third
    told = result.samples[0].conditions["dataset"]
    assert told["labels"] == list(CLASSES)
    assert (told["name"], told["train_images"], told["test_images"]) == ("photos", 24, 6)
    assert told["side"] is None  # of many sizes
    assert result.architectures[0].num_classes == 3
    # Another seed splits otherwise, the same the same; where the folder lies does not count.
    shutil.copytree(photos, tmp_path / "moved")
    first, moved = read(photos, None, 0.2, 0), read(str(tmp_path / "moved"), None, 0.2, 0)
    assert first.fingerprint() == moved.fingerprint() != read(photos, None, 0.2, 1).fingerprint()
    # Files decoded in every epoch, in any number of processes, are the same images.
    again = flash.train(
        {**TINY, "resolution": 12}, str(tmp_path / "moved"), 2, epochs=6, out=tmp_path / "other",
        memory_gib=0.0, workers=2,
    )  # fmt: skip
    assert accuracies(again) == accuracies(result)
    assert [one.loss for one in again.samples] == [one.loss for one in result.samples]
    assert not (tmp_path / "other" / "data").exists()


def test_parts_of_a_folder(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "parted"
    shutil.copytree(photos, root / "train")
    own_data.folder(root / "test", each=2, seed=50)
    (root / "notes").mkdir()
    found = read(root, None, 0.2, 0)
    assert (len(found.train_y), len(found.test_y)) == (30, 6)
    own_data.folder(root / "val", each=1, seed=90)
    assert len(read(root, None, 0.2, 0).test_y) == 3  # networks are chosen by val, not by test
    judged = read(root / "train", root / "test", 0.2, 0)
    assert judged.fingerprint() == found.fingerprint()
    assert read((root / "train", root / "test"), None, 0.2, 0).fingerprint() == found.fingerprint()
    with pytest.raises(ArgumentError, match="test must not be given"):
        read(root, root / "test", 0.2, 0)
    shutil.rmtree(root / "val")
    (root / "test" / "dog").rename(root / "test" / "wolf")
    with pytest.raises(ArgumentError, match=r"classes of dataset .*'owl'.*, got 'wolf'"):
        read(root, None, 0.2, 0)
    arrays = np.zeros((4, 3, 8, 8)), np.array([0, 1, 0, 1])
    with pytest.raises(ArgumentError, match="both be of image files, or both of arrays"):
        read(root / "train", arrays, 0.2, 0)


def test_labels_that_are_numbers_keep_them(tmp_path: Path) -> None:
    for label in range(11):
        for number in range(2):
            save(tmp_path / str(label) / f"{number}.png", own_data.pixels(label % 3, number))
    found = read(tmp_path, None, 0.5, 0)
    assert found.labels == tuple(map(str, range(11)))
    assert [Path(path).parent.name for path in found.train] == [str(y) for y in found.train_y]


def test_bad_folders_are_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"

    def refused(data: Path, error: type[Exception], text: str) -> None:
        with pytest.raises(error, match=text):
            flash.train({**TINY, "resolution": 12}, data, out=out)
        assert not out.exists()

    broken = tmp_path / "broken"
    shutil.copytree(photos, broken)
    (broken / "ant").mkdir()
    (broken / "ant" / "notes.txt").write_text("no image")
    refused(broken, ArgumentError, r"\.webp.* of every class, got none in 'ant'")
    shutil.rmtree(broken / "ant")
    (broken / "cat" / "00.png").write_bytes(b"no image")
    raw = (broken / "dog" / "01.jpg").read_bytes()
    (broken / "dog" / "01.jpg").write_bytes(raw[: len(raw) // 2])
    refused(broken, FormatError, r"2 of 30 images cannot be read: .*00\.png.*known format.*01\.jpg")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(empty, ArgumentError, "has no folders")
    save(empty / "a.png", own_data.pixels(0, 1))
    refused(empty, ArgumentError, "has no folders, but 1 images of its own")
    (empty / "cat").mkdir()
    refused(empty, ArgumentError, "got none in .*folders 'cat'")
    save(empty / "cat" / "a.png", own_data.pixels(0, 1))
    refused(empty, ArgumentError, "two classes, got label 'cat' only")
    refused(tmp_path / "nowhere", FileNotFoundError, "no such folder or file")
    refused(Path(__file__), ArgumentError, "got the file")
    with pytest.raises(ArgumentError, match="'nowhere', which is not there"):
        flash.train(TINY, "nowhere", out=out)
    with pytest.raises(ArgumentError, match=r"3 sizes, from 9 x 16 to 20 x 10 .*--resolution 64"):
        flash.train("densenet", photos, out=out)
    with pytest.raises(ArgumentError, match=r"at least the 3 classes .* say num_classes=3"):
        flash.train(flash.DenseNet(num_classes=2), photos, out=out)
    assert not out.exists()


# Pixels


def test_an_image_is_cut_to_the_centre_and_scaled(tmp_path: Path) -> None:
    image = np.zeros((10, 20, 3), dtype=np.uint8)
    image[:, 5:15] = 200  # the centre square
    path = str(save(tmp_path / "wide.png", image))
    for shape in ((3, 10, 10), (3, 5, 5), (3, 13, 13)):
        assert (decoded(path, shape) == 200).all()
    assert decoded(path, (3, 10, 20)).tolist() == image.transpose(2, 0, 1).tolist()
    tall = decoded(path, (3, 10, 4))
    assert tall.shape == (3, 10, 4)
    assert (tall == 200).all()
    assert decoded(path, (1, 10, 10)).shape == (1, 10, 10)


def test_modes_of_images(tmp_path: Path) -> None:
    def at(image: Any, channels: int = 3) -> Any:
        image.save(tmp_path / "one.png")
        return decoded(str(tmp_path / "one.png"), (channels, 4, 4))[:, 1, 1].tolist()

    assert at(Image.new("L", (4, 4), 77)) == [77, 77, 77]
    assert at(Image.new("L", (4, 4), 77), 1) == [77]
    assert at(Image.new("1", (4, 4), 1)) == [255, 255, 255]
    assert at(Image.new("RGBA", (4, 4), (10, 20, 30, 0))) == [255, 255, 255]  # on white
    assert at(Image.new("RGBA", (4, 4), (10, 20, 30, 0)), 4) == [10, 20, 30, 0]
    assert at(Image.new("LA", (4, 4), (10, 255))) == [10, 10, 10]
    assert at(Image.new("RGB", (4, 4), (10, 20, 30)).quantize()) == [10, 20, 30]
    wide = Image.fromarray(np.full((4, 4), 50_000, dtype=np.uint16))
    assert at(wide) == [50_000 >> 8] * 3  # of 16 bits the upper ones
    turned = Image.new("RGB", (8, 4))
    turned.paste((200, 0, 0), (0, 0, 8, 2))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it right: the upper half comes to the right
    turned.save(tmp_path / "turned.png", exif=exif)
    assert pixels_module.probed([str(tmp_path / "turned.png")])[0][1:] == (8, 4)
    found = decoded(str(tmp_path / "turned.png"), (3, 8, 4))[0]
    assert found[:, 2:].tolist() == [[200, 200]] * 8
    assert found[:, :2].tolist() == [[0, 0]] * 8
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(tmp_path / "floats.tif")
    with pytest.raises(FormatError, match="floating-point"):
        pixels_module.probed([str(tmp_path / "floats.tif")])


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(tmp_path: Path) -> None:
    ramp = np.linspace(0, 250, 640).astype(np.uint8)
    image = np.stack([np.broadcast_to(ramp, (480, 640))] * 3, axis=2)
    path = str(save(tmp_path / "large.jpg", np.ascontiguousarray(image), quality=95))
    with Image.open(path) as whole:
        plain = pixels_of(whole, (3, 32, 32)).astype(int)
    drafted = decoded(path, (3, 32, 32)).astype(int)
    assert np.abs(plain - drafted).max() <= 2


def test_statistics_are_exact() -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 7, 5), dtype=np.uint8)
    count = np.stack([np.bincount(x[:, c].ravel(), minlength=256) for c in range(3)])
    found = moments(count)
    np.testing.assert_allclose(found["mean"], x.mean(axis=(0, 2, 3)), rtol=1e-14)
    np.testing.assert_allclose(found["deviation"], x.std(axis=(0, 2, 3)), rtol=1e-13)
    assert moments(np.eye(256, dtype=np.int64)[7:8] * 9) == {"mean": [7.0], "deviation": [1.0]}


# Tables of paths


@pytest.fixture
def table(photos: Path, tmp_path: Path) -> Path:
    shutil.copytree(photos, tmp_path / "images")
    lines = [
        f"images/{path.parent.name}/{path.name},{path.parent.name}"
        for path in sorted((tmp_path / "images").glob("*/*"))
    ]
    path = tmp_path / "all.csv"
    path.write_text("\n".join(["path,label", *lines]) + "\n")
    return path


def test_a_table_of_paths_is_the_folder(photos: Path, table: Path, tmp_path: Path) -> None:
    whole = read(photos, None, 0.2, 0)
    assert read(table, None, 0.2, 0).fingerprint() == whole.fingerprint()
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    data = [{"path": path, "label": label} for path, label in rows]
    lines = tmp_path / "all.jsonl"
    lines.write_text("\n".join(map(json.dumps, data)))
    assert read(lines, None, 0.2, 0).fingerprint() == whole.fingerprint()
    parted = tmp_path / "parted.csv"
    splits = ["test" if number % 5 == 0 else "train" for number in range(len(rows))]
    text = [f"{label},{path},{split}" for (path, label), split in zip(rows, splits, strict=True)]
    parted.write_text("\ufeffLabel, Path ,split\n\n" + "\n".join(text))
    found = read(parted, None, 0.2, 0)
    assert isinstance(found, ImageFiles)
    assert len(found.test) == splits.count("test")
    assert [Path(path).parent.name for path in found.test] == [
        found.labels[y] for y in found.test_y
    ]


def test_bad_tables_name_the_line(table: Path, tmp_path: Path) -> None:
    head, first, *rest = table.read_text().splitlines()

    def refused(text: str, *lines: str, name: str = "bad.csv") -> None:
        path = tmp_path / name
        path.write_text("\n".join(lines))
        with pytest.raises((ArgumentError, FormatError), match=text):
            read(path, None, 0.2, 0)

    refused("columns path, label", "file,label", first)
    refused("columns path, label and perhaps split, it is empty")
    refused("has none", head)
    refused("line 2 names an image that is not there: .*none.png", head, "none.png,cat")
    refused("line 3 names .* again, after line 2", head, first, first)
    refused("line 2 has 3 values, for 2 columns", head, first + ",x")
    refused("line 2 has no label", head, first.split(",")[0] + ",")
    refused("line 2 must have a split of train, .* got 'later'", head + ",split", first + ",later")
    refused("must have images to train on", head + ",split", first + ",test")
    refused("line 1 must have a text as path, got None", '{"label": "cat"}', name="bad.jsonl")
    refused("line 1 must be an object", "[1]", name="bad.jsonl")
    refused("two classes", head, first, *rest[:3])
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.csv", None, 0.2, 0)


# Datasets and arrays


class Pictures(torch.utils.data.Dataset):  # type: ignore[misc]
    """(Pillow image, text label) by number."""

    def __init__(self, sizes: Any = ((12, 12),), each: int = 5, mode: str = "RGB") -> None:
        self.items = [
            (Image.fromarray(own_data.pixels(label, n, *sizes[n % len(sizes)])).convert(mode), name)
            for label, name in enumerate(CLASSES)
            for n in range(each)
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_torch_datasets_of_any_kind_are_the_same_images(tmp_path: Path) -> None:
    pictures = Pictures()
    arrays = np.stack([np.asarray(image) for image, _ in pictures.items])
    labels = [label for _, label in pictures.items]
    whole = read((arrays, labels), None, 0.2, 0)
    assert whole.labels == CLASSES
    assert read(pictures, None, 0.2, 0).fingerprint() == whole.fingerprint()
    tensors = [(torch.from_numpy(one.transpose(2, 0, 1)), y)
               for one, y in zip(arrays, labels, strict=True)]  # fmt: skip
    subset = torch.utils.data.Subset(tensors, range(len(tensors)))
    assert read(subset, None, 0.2, 0).fingerprint() == whole.fingerprint()
    np.savez(tmp_path / "own.npz", images=arrays, labels=np.array(labels))
    assert read(tmp_path / "own.npz", None, 0.2, 0).fingerprint() == whole.fingerprint()
    pair = read((pictures, Pictures(each=2)), None, 0.2, 0)
    assert (len(pair.train_y), len(pair.test_y)) == (15, 6)
    assert read(Pictures(mode="L"), None, 0.2, 0).train_x.shape == (12, 1, 12, 12)
    assert read(Pictures(((9, 14),)), None, 0.2, 0).train_x.shape == (12, 3, 9, 14)


def test_bad_datasets_are_refused_in_words() -> None:
    def refused(data: Any, error: type[Exception], text: str, test: Any = None) -> None:
        with pytest.raises(error, match=text):
            read(data, test, 0.2, 0)

    refused(Pictures(((12, 12), (9, 16))), ArgumentError,
            r"one size, got \('PIL', 12, 12\) first and .* as item 1; resize")  # fmt: skip
    other = Pictures(each=2)
    other.items[0] = (other.items[0][0], "wolf")
    refused((Pictures(), other), ArgumentError, "classes of dataset .*, got 'wolf'")
    refused((Pictures(), other), ArgumentError, "test must not be given", Pictures())
    other.items[0] = (other.items[0][0], 1.5)
    refused(other, ArgumentTypeError, "whole number or a text as label, got 1.5 as item 0")

    class Raising(Pictures):
        def __getitem__(self, index: int) -> Any:
            if index == 3:
                raise OSError("no disk")
            return super().__getitem__(index)

    refused(Raising(), ArgumentError, "item 3 raises OSError: no disk")
    numbers = np.zeros((4, 3, 8, 8)), np.array([0, 1, 0, 1])
    refused(numbers, ArgumentError, "which are numbers, got 'a'", (numbers[0], ["a", "b"] * 2))
    refused(numbers, ArgumentError, "got label -1", (numbers[0], np.array([0, 1, -1, 0])))


def test_arrays_of_any_size_fit_a_network() -> None:
    draw = np.random.default_rng(0)
    wide = draw.integers(0, 256, (20, 3, 8, 16), dtype=np.uint8)
    labels = np.arange(20) % 2
    found = load_images((wide, labels), 8)
    square = load_images((wide[:, :, :, 4:12], labels), 8)
    plain = [
        one.train[0].numpy() * np.array(one.deviation)[:, None, None]
        + np.array(one.mean)[:, None, None]
        for one in (found, square)
    ]
    np.testing.assert_allclose(*plain, rtol=1e-5, atol=1e-3)
    assert load_images((wide, labels), (3, 4, 12)).train[0].shape == (16, 3, 4, 12)
    assert load_images((wide[:, :1], labels), (2, 8, 8)).test[0].shape == (4, 2, 8, 8)
    four = draw.integers(0, 256, (20, 8, 8, 4), dtype=np.uint8)
    assert load_images((four, labels), (4, 8, 8)).train[0].shape == (16, 4, 8, 8)
    with pytest.raises(ArgumentError, match="images of 4 channels, the network takes 3"):
        load_images((four, labels), 8)
    with pytest.raises(ArgumentError, match=r"shape must be \(channels, height, width\)"):
        load_images((wide, labels), (8, 8))
    with pytest.raises(ArgumentTypeError, match="shape must be an integer"):
        load_images((wide, labels), 8.5)  # type: ignore[arg-type]


def test_batches_are_the_whole_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.training import feeding

    x = np.random.default_rng(0).integers(0, 256, (70, 3, 20, 26), dtype=np.uint8)
    data = (x, np.arange(70) % 2)
    images = read(data, None, 0.2, 0)
    for shape in ((3, 8, 8), (3, 20, 20), (3, 32, 32), (3, 11, 26)):
        whole, _ = feeding.local(images, shape, 0)
        with monkeypatch.context() as patch:
            patch.setattr(feeding, "WHOLE", 0)
            fed, _ = feeding.local(images, shape, 0)
        feed = fed["train_x"]
        assert isinstance(feed, Feed)
        rows = [torch.randperm(56)[:9], torch.arange(5), torch.tensor([3, 3, 0])]
        tensor = torch.from_numpy(whole["train_x"])
        for one, two in zip(batches(feed, rows), batches(tensor, rows), strict=True):
            assert torch.equal(one, two)
        assert torch.equal(feed[4:20], tensor[4:20])


# Networks of any input


class Strip:
    """A network as any space may give it: what it takes, plain data, and a module."""

    family = "strip"
    params = 12
    macs = 12
    input_shape = (1, 6, 10)
    num_classes = 3

    def to_dict(self) -> dict[str, Any]:
        return {"family": "strip"}

    def to_torch(self, *, seed: int = 0) -> Any:
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(60, 3))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Strip:
        return cls()


def check(photos: Path, folder: Path, strip: Strip) -> None:
    """Train it, and get the module back that was judged."""
    threads = torch.get_num_threads()
    result = flash.train(strip, photos, epochs=2, out=folder, keep_weights=True)  # type: ignore[arg-type]
    assert torch.get_num_threads() == threads
    assert isinstance(result.samples[0].architecture, Strip)
    loaded = load_images(photos, (1, 6, 10))
    module = result.to_torch()
    accuracy = float((module(loaded.test[0]).argmax(1) == loaded.test[1]).double().mean())
    assert accuracy == result.samples[0].accuracy
    again = flash.train(strip, photos, epochs=2, out=folder)  # type: ignore[arg-type]
    assert accuracies(again) == accuracies(result)


def test_networks_of_any_input_are_trained(photos: Path, tmp_path: Path) -> None:
    class Local(Strip):
        """Not to be found by its name: trained in this process."""

    check(photos, tmp_path / "local", Local())

    class Pool:
        def submit(self) -> None: ...

    class Bare(Strip):
        from_dict = None  # type: ignore[assignment]

    with pytest.raises(ArgumentError, match="executor cannot train network 0"):
        flash.train(Bare(), photos, executor=Pool(), out=tmp_path / "other")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"space\[0\] must be an Architecture"):
        flash.train([flash.Architecture("resnet", [flash.Cell(4, 1)]).network()], photos)  # type: ignore[list-item]


def test_networks_of_a_module_reach_other_processes(
    photos: Path, tmp_path: Path, python: Run
) -> None:
    source = Path(__file__).read_text()
    own = source[source.index("class Strip:") : source.index("def check(")]
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nfrom typing import Any\nimport torch\n\n" + own
    )
    code = (
        "from __future__ import annotations\nimport flash, sys\n{}\n"
        f"run = flash.train(Strip(), {str(photos)!r}, epochs=2, repeats=2, workers=2, out='{{}}')\n"
        "print(len(run), 'flash.training.worker' in sys.modules, *run.accuracies)"
    )
    there = python("-c", code.format("from mine import Strip", "there")).stdout.split()
    here = python("-c", code.format((tmp_path / "mine.py").read_text().partition("\n")[2], "here"))
    assert there[:2] == ["2", "False"]
    assert here.stdout.split() == ["2", "True", there[2]]


def test_pnas_cells_are_covered(photos: Path) -> None:
    from flash.training.design import covering

    space = flash.PNASCells(blocks=1, repeats=1, filters=4, resolution=8, num_classes=3)
    chosen = covering(space, 5)
    assert len(set(chosen)) == 5
    assert covering(space, 3) == chosen[:3]


def test_a_supernet_is_trained_on_a_folder(photos: Path, tmp_path: Path) -> None:
    space = flash.ResNet(
        widths=[4, 8], depths=[1], skips=[8], cells=2, resolution=12, num_classes=3
    )
    supernet = flash.train_supernet(space, photos, epochs=2, out=tmp_path / "super")
    scores = supernet.score([0, 1])
    again = flash.Supernet.load(tmp_path / "super", photos)
    assert again.score([0, 1]) == scores
    four = np.zeros((20, 4, 8, 8)), np.arange(20) % 2
    with pytest.raises(ArgumentError, match="images of 4 channels, the network takes 3"):
        flash.train_supernet(space, four, out=tmp_path / "four")


def test_sensitivities_say_how_a_folder_is_read(photos: Path) -> None:
    module = flash.Architecture("resnet", [flash.Cell(4, 1)], 12, 3).to_torch().eval()
    with pytest.raises(ArgumentTypeError, match=r"flash.training.load_images\(path, shape\).train"):
        flash.sensitivities(module, photos, bits=(4,))
    table = flash.sensitivities(module, load_images(photos, 12).train, bits=(4,))
    assert table.bits == (4,)


# The command line


def test_the_command_line_takes_folders_and_tables(
    photos: Path, tmp_path: Path, python: Run
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    command = ["-m", "flash", "train", "densenet", "--widths", "4", "--depths", "2", "--skips",
               "0,4", "--n", "2", "--epochs", "1", "--workers", "1", "--quiet"]  # fmt: skip
    mixed = python(*command, "--data", "photos", code=2)
    assert "resolution must be given" in mixed.stderr
    more = ["--resolution", "12", "--keep-weights", "best", "--out", "run"]
    done = python(*command, "--data", "photos", *more)
    assert "weights of the best: run/weights/best-000" in done.stdout.replace("\\", "/")
    rows = [f"{path.relative_to(tmp_path).as_posix()},{path.parent.name}"
            for path in sorted((tmp_path / "photos").glob("*/*"))]  # fmt: skip
    (tmp_path / "all.csv").write_text("\n".join(["path,label", *rows]))
    again = python(*command, "--data", "all.csv", *more, "--json")
    assert len(json.loads(again.stdout)["networks"]) == 2  # the same images: nothing is trained
    missing = python(*command, "--data", "./none", code=2)
    assert "./none" in missing.stderr
    wrong = python(*command, "--data", "photos", "--keep-weights", "bst", code=2)
    assert "did you mean 'best'" in wrong.stderr
