"""Images as a training takes them: float32 tensors, normalised, of the network's shape.

Small data are tensors as a whole. Of others a `Feed` makes each batch when it is asked for, from
bytes on the disk or from image files, one batch ahead of the training: the same numbers.
"""

from __future__ import annotations

import json
import os

from .pixels import centred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Protocol

    from numpy.typing import NDArray

    from .images import Data
    from .pixels import Shape

    Array = NDArray[Any]

    class Rows(Protocol):
        """Images by number, as they are kept."""

        def __len__(self) -> int: ...

        def take(self, rows: Array) -> Array: ...


__all__ = ["WHOLE", "Feed", "batches", "feeds", "local", "on_device", "scaled", "shape_of"]

WHOLE = 1 << 30  # bytes of float32 that are held as tensors as a whole
NAMES = ("train_x", "train_y", "test_x", "test_y")


def shape_of(network: Any) -> Shape:
    """Return the input of a network: (channels, height, width)."""
    given = getattr(network, "input_shape", None)
    if given is not None:
        return int(given[0]), int(given[1]), int(given[2])
    return 3, int(network.resolution), int(network.resolution)


class ArrayRows:
    """Images of an array, in memory or on the disk."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: Array) -> Array:
        import numpy as np

        return np.asarray(self.array[rows])


class FileRows:
    """Images of files, decoded whenever they are asked for."""

    def __init__(self, paths: Sequence[str], shape: Shape, threads: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.paths, self.shape = paths, shape
        self.pool = ThreadPoolExecutor(threads)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Array) -> Array:
        import numpy as np

        from .pixels import decoded

        given = [self.paths[int(row)] for row in rows]
        return np.stack(list(self.pool.map(lambda path: decoded(path, self.shape), given)))


class Feed:
    """Images that become tensors batch by batch; it is asked for them as a tensor is.

    Parameters
    ----------
    rows : ArrayRows or FileRows
    shape : (int, int, int)
        Of an image as the network takes it.
    view : dict
        ``mean`` and ``deviation`` of each channel.
    device : torch.device, optional
    """

    def __init__(self, rows: Rows, shape: Shape, view: dict[str, Any], device: Any = None) -> None:
        import torch

        self.rows, self.shape, self.view = rows, shape, view
        self.device = torch.device("cpu") if device is None else device

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: Any) -> Feed:
        """Return the same images for another device."""
        return Feed(self.rows, self.shape, self.view, device)

    def __getitem__(self, chosen: Any) -> Any:
        return self._made(self.rows.take(self._numbers(chosen)))

    def batches(self, chosen: Sequence[Any]) -> Iterator[Any]:
        """Yield batches, each read while the one before it is at work."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            waiting: list[Any] = []
            for one in chosen:
                waiting.append(pool.submit(self.rows.take, self._numbers(one)))
                if len(waiting) > 1:
                    yield self._made(waiting.pop(0).result())
            for last in waiting:
                yield self._made(last.result())

    def _numbers(self, chosen: Any) -> Array:
        import numpy as np

        if isinstance(chosen, slice):
            return np.arange(len(self))[chosen]
        found: Array = chosen.cpu().numpy()
        return found

    def _made(self, images: Array) -> Any:
        import torch

        return prepared(torch.from_numpy(images).to(self.device), self.shape, self.view)


def batches(images: Any, chosen: Sequence[Any]) -> Iterator[Any]:
    """Yield batches of a tensor or of a Feed, by row numbers."""
    if isinstance(images, Feed):
        yield from images.batches(chosen)
        return
    for rows in chosen:
        yield images[rows if isinstance(rows, slice) else rows.to(images.device)]


def on_device(data: dict[str, Any], place: Any) -> dict[str, Any]:
    """Return arrays as tensors on a device, and Feeds for it."""
    import torch

    return {
        name: (one if isinstance(one, Feed) else torch.from_numpy(one)).to(place)
        for name, one in data.items()
    }


def prepared(images: Any, shape: Shape, view: dict[str, Any]) -> Any:
    """Return a tensor of images as float32 of this shape, normalised.

    The largest centred part of the shape's proportions is scaled: down by means over areas, up
    bilinearly. One channel stands for all.
    """
    import torch
    from torch.nn.functional import interpolate

    channels, height, width = shape
    given = _cropped(images, height, width).float()
    mean = torch.tensor(view["mean"], device=given.device)[:, None, None]
    given = (given - mean) / torch.tensor(view["deviation"], device=given.device)[:, None, None]
    if given.shape[2] > height:
        given = interpolate(given, size=(height, width), mode="area")
    elif given.shape[2] < height or given.shape[3] < width:
        given = interpolate(given, size=(height, width), mode="bilinear", align_corners=False)
    elif given.shape[3] > width:
        given = interpolate(given, size=(height, width), mode="area")
    if given.shape[1] == 1:
        given = given.expand(-1, channels, -1, -1)
    return given.contiguous()


def _cropped(images: Any, height: int, width: int) -> Any:
    """Return the largest centred part of images that has the proportions of height and width."""
    have_height, have_width = images.shape[2:]
    top, left, own_height, own_width = centred(have_height, have_width, height, width)
    return images[:, :, top : top + own_height, left : left + own_width]


def scaled(images: Array, side: int | Shape, view: dict[str, Any]) -> Array:
    """Return images as a network takes them: of `side` pixels and three channels, or of a shape."""
    import numpy as np
    import torch

    shape = (3, side, side) if isinstance(side, int) else side
    parts = []
    for at in range(0, len(images), 4096):  # in parts, so that memory holds them once
        part = torch.from_numpy(np.array(images[at : at + 4096]))
        parts.append(prepared(part, shape, view).numpy())
    return np.concatenate(parts)


def _held(rows: dict[str, Rows], shape: Shape, view: dict[str, Any]) -> dict[str, Any]:
    """Return images of both parts, as whole arrays where they are small."""
    count = sum(map(len, rows.values()))
    small = count * 4 * shape[0] * shape[1] * shape[2] <= WHOLE
    return {
        name: scaled(one.array, shape, view)
        if small and isinstance(one, ArrayRows)
        else Feed(one, shape, view)
        for name, one in rows.items()
    }


def feeds(folder: str, shape: Shape, views: dict[str, Any], threads: int) -> dict[str, Any]:
    """Return the data of a run's folder for networks of an input, as `fit` takes them."""
    import numpy as np

    from .images import key_of

    key = key_of(shape)
    view = views[key]
    rows: dict[str, Rows] = {}
    paths: dict[str, Any] = {}
    if view["at"] == "files":
        with open(os.path.join(folder, "files.json"), encoding="utf-8") as file:
            paths = json.load(file)
    for name in ("train_x", "test_x"):
        if view["at"] == "files":
            rows[name] = FileRows(paths[name], shape, threads)
        else:
            end = f"-{key}.npy" if view["at"] == "kept" else ".npy"
            path = os.path.join(folder, name + end)
            rows[name] = ArrayRows(np.load(path, mmap_mode="r", allow_pickle=False))
    labels = {
        name: np.load(os.path.join(folder, name + ".npy"), allow_pickle=False)
        for name in ("train_y", "test_y")
    }
    return {**_held(rows, shape, view), **labels}


def local(images: Data, shape: Shape, limit: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the same in this process, and what images are normalised by."""
    from .images import Images, byte_moments
    from .pool import processors

    if isinstance(images, Images):
        view = images.statistics()
        rows: dict[str, Rows] = {
            "train_x": ArrayRows(images.train_x), "test_x": ArrayRows(images.test_x)
        }  # fmt: skip
    elif images.bytes_at(shape) <= limit:
        train, test = images.array(shape)
        view = byte_moments(train)  # files are decoded once
        rows = {"train_x": ArrayRows(train), "test_x": ArrayRows(test)}
    else:
        view = images.statistics(shape)
        rows = {
            "train_x": FileRows(images.train, shape, processors()),
            "test_x": FileRows(images.test, shape, processors()),
        }
    labels = {"train_y": images.train_y, "test_y": images.test_y}
    return {**_held(rows, shape, view), **labels}, view
