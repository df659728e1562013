"""Labelled images, checked: arrays in memory, or files that are decoded for a network's input.

Both kinds say what a training needs of them by the same names: `Images` and `ImageFiles`.
"""

from __future__ import annotations

import os

from ..base.record import Record, cached
from ..errors import ArgumentError
from .pixels import MODES, decoded, in_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from .pixels import Probe, Shape

    Array: TypeAlias = NDArray[Any]
    Data: TypeAlias = "Images | ImageFiles"

__all__ = ["ImageFiles", "Images", "key_of", "moments"]

RULE = 1  # of pixels.py: another would be other images
CHUNK = 4096


def key_of(shape: Shape) -> str:
    """Return the text by which a shape is known in files: "3x32x32"."""
    return "x".join(map(str, shape))


class Images(Record):
    """Images to train on and images to judge by, as arrays.

    Parameters
    ----------
    train_x, test_x : array of shape (n, channels, height, width)
        uint8 or float32.
    train_y, test_y : array of shape (n,)
        int64, 0 to classes - 1.
    classes : int
    name : str
        What the data are called in a record.
    augment : str
        What may be done to its images in training, where the caller says nothing.
    labels : tuple of str, optional
        Names of the classes, where labels are text.
    """

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array
    classes: int
    name: str
    augment: str
    labels: tuple[str, ...] | None = None

    @property
    def side(self) -> int:
        """Height and width of the images in pixels; the shorter where they differ."""
        return int(min(self.train_x.shape[2:]))

    def unfit(self, shape: Shape) -> str | None:
        """Return why a network of this input cannot take the images, or None."""
        channels = int(self.train_x.shape[1])
        if channels in (1, shape[0]):
            return None
        return f"images of {channels} channels, the network takes {shape[0]}"

    def fingerprint(self) -> str:
        """Return a hash of all images and labels: 16 hexadecimal digits."""
        import hashlib

        import numpy as np

        digest = hashlib.sha256()
        for array in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).data)
        if self.labels is not None:
            digest.update(repr(self.labels).encode())
        return digest.hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the data beside their name."""
        return {"side": self.side, **_named(self.labels)}

    def statistics(self) -> dict[str, list[float]]:
        """Return mean and deviation of each channel over the training images."""
        import numpy as np

        if self.train_x.dtype == np.uint8:
            return byte_moments(self.train_x)
        axes = (0, 2, 3)
        return _plain(
            self.train_x.mean(axis=axes, dtype=np.float64),
            self.train_x.std(axis=axes, dtype=np.float64),
        )

    def store(self, folder: str, shapes: Sequence[Shape], limit: int) -> dict[str, Any]:
        """Write to a folder what workers read, and return what they must be told beside it."""
        import numpy as np

        for name in ("train_x", "train_y", "test_x", "test_y"):
            np.save(os.path.join(folder, name + ".npy"), getattr(self, name))
        found = self.statistics()
        return {"views": {key_of(shape): {**found, "at": "arrays"} for shape in shapes}}


def byte_moments(images: Any) -> dict[str, list[float]]:
    """Return mean and deviation of each channel; images: uint8 of shape (n, channels, height,
    width)."""
    import numpy as np

    channels = images.shape[1]
    count = np.zeros((channels, 256), dtype=np.int64)
    for at in range(0, len(images), CHUNK):
        part = images[at : at + CHUNK]
        for channel in range(channels):
            count[channel] += np.bincount(part[:, channel].ravel(), minlength=256)
    return moments(count)


class ImageFiles(Record):
    """Images to train on and images to judge by, as files, decoded for each input asked for.

    Parameters
    ----------
    train, test : tuple of str
        Paths.
    train_y, test_y : array of shape (n,)
        int64, 0 to classes - 1.
    classes : int
    name, augment
        As of `Images`.
    labels : tuple of str
    probes : tuple of (str, int, int)
        Of each file, training first: the hash of its bytes, height and width.
    """

    train: tuple[str, ...]
    train_y: Array
    test: tuple[str, ...]
    test_y: Array
    classes: int
    name: str
    augment: str
    labels: tuple[str, ...]
    probes: tuple[Probe, ...]

    @cached
    def sizes(self) -> list[tuple[int, int]]:
        """The sizes (height, width) that images have, in rising order."""
        return sorted({(height, width) for _, height, width in self.probes})

    @property
    def side(self) -> int:
        """The shorter side of the images in pixels.

        Raises
        ------
        ArgumentError
            If they have many sizes.
        """
        if len(self.sizes) > 1:
            (low, narrow), (high, wide) = self.sizes[0], self.sizes[-1]
            raise ArgumentError(
                f"resolution must be given: the images of {self.name} have {len(self.sizes)} "
                f"sizes, from {low} x {narrow} to {high} x {wide} pixels, and a space without a "
                "resolution would have theirs; say it with the space ({'family': ..., "
                "'resolution': 64}; --resolution 64)"
            )
        return min(self.sizes[0])

    def unfit(self, shape: Shape) -> str | None:
        """Return why a network of this input cannot take the images, or None."""
        if shape[0] in MODES:
            return None
        return f"image files, which give 1, 3 or 4 channels, the network takes {shape[0]}"

    def fingerprint(self) -> str:
        """Return a hash of all files and labels: 16 hexadecimal digits."""
        import hashlib

        digest = hashlib.sha256(f"files {RULE} {len(self.train)} {self.labels!r}".encode())
        for y in (self.train_y, self.test_y):
            digest.update(y.tobytes())
        for one in self.probes:
            digest.update(one[0].encode())
        return digest.hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """Return what a record says of the data beside their name."""
        from PIL import __version__

        side = min(self.sizes[0]) if len(self.sizes) == 1 else None
        return {"side": side, "pillow": str(__version__), **_named(self.labels)}

    def bytes_at(self, shape: Shape) -> int:
        """Return how many bytes all images of this shape are."""
        return (len(self.train) + len(self.test)) * shape[0] * shape[1] * shape[2]

    def pixels(self, paths: Sequence[str], shape: Shape) -> Iterable[Array]:
        """Yield each image at this shape, decoded by several threads."""
        return in_threads(lambda path: decoded(path, shape), paths)

    def array(self, shape: Shape) -> tuple[Array, Array]:
        """Return (training, test) images at this shape, in memory."""
        import numpy as np

        found = []
        for paths in (self.train, self.test):
            part = np.empty((len(paths), *shape), dtype=np.uint8)
            for at, one in enumerate(self.pixels(paths, shape)):
                part[at] = one
            found.append(part)
        return found[0], found[1]

    def statistics(self, shape: Shape) -> dict[str, list[float]]:
        """Return mean and deviation of each channel over the training images at this shape."""
        count = _Counts(shape[0])
        for one in self.pixels(self.train, shape):
            count.add(one)
        return moments(count.count)

    def store(self, folder: str, shapes: Sequence[Shape], limit: int) -> dict[str, Any]:
        """Write to a folder what workers read, and return what they must be told beside it.

        Images are written decoded, smaller shapes first, as long as they are at most `limit` bytes
        together; what is beyond is decoded anew in every epoch.
        """
        import json

        import numpy as np

        from ..base.checks import write_text_atomic

        for name in ("train_y", "test_y"):
            np.save(os.path.join(folder, name + ".npy"), getattr(self, name))
        views: dict[str, Any] = {}
        for shape in sorted(shapes, key=lambda one: one[0] * one[1] * one[2]):
            key = key_of(shape)
            limit -= self.bytes_at(shape)
            if limit >= 0:
                count = _Counts(shape[0])
                for name, paths in (("train_x", self.train), ("test_x", self.test)):
                    path = os.path.join(folder, f"{name}-{key}.npy")
                    self._write(path, paths, shape, count if name == "train_x" else None)
                views[key] = {**moments(count.count), "at": "kept"}
            else:
                views[key] = {**self.statistics(shape), "at": "files"}
        if any(one["at"] == "files" for one in views.values()):
            paths_ = {"train_x": list(map(os.path.abspath, self.train)),
                      "test_x": list(map(os.path.abspath, self.test))}  # fmt: skip
            write_text_atomic(os.path.join(folder, "files.json"), json.dumps(paths_))
        return {"views": views}

    def _write(self, path: str, paths: Sequence[str], shape: Shape, count: _Counts | None) -> None:
        """Write images as one .npy file, one after another: a full disk is an OSError."""
        import numpy as np

        with open(path, "wb") as file:
            facts = {"descr": "|u1", "fortran_order": False, "shape": (len(paths), *shape)}
            np.lib.format.write_array_header_1_0(file, facts)
            for one in self.pixels(paths, shape):
                file.write(one.tobytes())
                if count is not None:
                    count.add(one)


class _Counts:
    """How often each value of a byte occurs, by channel."""

    def __init__(self, channels: int) -> None:
        import numpy as np

        self.count = np.zeros((channels, 256), dtype=np.int64)

    def add(self, image: Array) -> None:
        import numpy as np

        for channel, pixels in enumerate(image):
            self.count[channel] += np.bincount(pixels.ravel(), minlength=256)


def moments(count: Array) -> dict[str, list[float]]:
    """Return mean and deviation of bytes of which each value occurs so often, by channel.

    Sums are of integers, so that neither threads nor the order of images change them.
    """
    import numpy as np

    values = np.arange(256)
    number, total, squares = count.sum(1), count @ values, count @ (values * values)
    mean = total / number
    # the variance as one fraction: the difference of two large numbers would lose digits
    above = [int(n) * int(s) - int(t) ** 2 for n, s, t in zip(number, squares, total, strict=True)]
    variance = np.array([one / int(n) ** 2 for one, n in zip(above, number, strict=True)])
    return _plain(mean, np.sqrt(variance))


def _plain(mean: Array, deviation: Array) -> dict[str, list[float]]:
    import numpy as np

    return {
        "mean": mean.tolist(),
        "deviation": np.where(deviation > 0, deviation, 1.0).tolist(),
    }


def _named(labels: tuple[str, ...] | None) -> dict[str, Any]:
    return {} if labels is None else {"labels": list(labels)}
