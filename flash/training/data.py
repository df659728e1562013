"""Labelled images from what users pass, checked before anything is trained.

Images of any layout become arrays of n x channels x height x width, uint8 or float32, with one
channel or three; what an array of floats holds is kept as it is, since training normalises it.
"""

from __future__ import annotations

from ..base.checks import choice, known_keys, number, shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any, Protocol, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[Any]

    class Items(Protocol):
        """A torch dataset: (image, label) by number."""

        def __getitem__(self, index: Any, /) -> Any: ...

    Pair: TypeAlias = "tuple[ArrayLike, ArrayLike] | Items"
    Dataset: TypeAlias = "str | os.PathLike[str] | Pair"

__all__ = ["DATASETS", "Images", "read"]

DATASETS = ("digits",)
_FILE_KEYS = ("images", "labels", "test_images", "test_labels")


class Images(Record):
    """Images to train on and images to judge by.

    Parameters
    ----------
    train_x, test_x : array of shape (n, channels, side, side)
        uint8 or float32, channels 1 or 3.
    train_y, test_y : array of shape (n,)
        int64, 0 to classes - 1.
    classes : int
    name : str
        What the data are called in a record.
    augment : str
        What may be done to its images in training, where the caller says nothing.
    """

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array
    classes: int
    name: str
    augment: str

    @property
    def side(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train_x.shape[2])

    def fingerprint(self) -> str:
        """Return a hash of all images and labels: 16 hexadecimal digits."""
        import hashlib

        import numpy as np

        digest = hashlib.sha256()
        for array in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]


def read(dataset: object, test: object, test_fraction: float, seed: int) -> Images:
    """Return the images of a dataset, split where no test images are given.

    Parameters
    ----------
    dataset, test, test_fraction
        As for `flash.train`.
    seed : int
        Of the split, which takes the same share of every class.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If there are no images to train on and judge by; the message says what is wrong.
    """
    import numpy as np

    test_fraction = float(number("test_fraction", test_fraction, above=0.0, high=0.9))
    name, augment = "arrays", "flip-shift"
    if isinstance(dataset, str) and not dataset.endswith(".npz"):
        choice("dataset", dataset, DATASETS, " or the path of an .npz file")
        name, augment = dataset, "shift"  # a mirrored 2 is no digit
        dataset = _digits()
    elif isinstance(dataset, str) or hasattr(dataset, "__fspath__"):
        name = str(dataset)
        dataset, inside = _file(name)
        if inside is not None and test is not None:
            raise ArgumentError(f"test must not be given: {name} holds test images")
        test = test if inside is None else inside
        name = name.replace("\\", "/").rsplit("/", 1)[-1]
    elif not isinstance(dataset, (tuple, list)):
        name = type(dataset).__name__
    x, y = _pair("dataset", dataset)
    classes = _classes("dataset", y)
    if test is not None:
        test_x, test_y = _pair("test", test)
        if test_x.shape[1:] != x.shape[1:] or test_x.dtype != x.dtype:
            raise ArgumentError(
                f"test must have images like those of dataset, {x.shape[1:]} of {x.dtype}, "
                f"got {test_x.shape[1:]} of {test_x.dtype}"
            )
        if int(test_y.max()) >= classes:
            raise ArgumentError(
                f"test must have labels of the {classes} classes of dataset, "
                f"got label {int(test_y.max())}"
            )
        return Images(x, y, test_x, test_y, classes, name, augment)
    judged = _held_out(y, classes, test_fraction, seed)
    kept = np.setdiff1d(np.arange(len(y)), judged)
    if not len(judged) or len(np.unique(y[kept])) < classes:
        raise ArgumentError(
            f"dataset is too small to hold out {test_fraction:g} of every class: "
            f"{len(y)} images of {classes} classes; pass test images of its own"
        )
    return Images(x[kept], y[kept], x[judged], y[judged], classes, name, augment)


def _held_out(y: Array, classes: int, fraction: float, seed: int) -> Array:
    """Return the rows to judge by: the same share of every class, in rising order."""
    import numpy as np

    draw = np.random.Generator(np.random.PCG64(seed))
    rows = []
    for label in range(classes):
        own = np.flatnonzero(y == label)
        rows.append(draw.permutation(own)[: int(len(own) * fraction + 0.5)])
    return np.sort(np.concatenate(rows))


def _digits() -> tuple[Array, Array]:
    import numpy as np

    from ..base.extras import require

    require("the dataset 'digits'", "train", "sklearn")
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    return found.images.astype(np.float32), found.target.astype(np.int64)


def _file(path: str) -> tuple[object, object]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except OSError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"the dataset file {path!r} cannot be read: {error}") from None
    known_keys(f"the dataset file {path!r}", arrays, _FILE_KEYS)
    for key in _FILE_KEYS[: 4 if "test_images" in arrays or "test_labels" in arrays else 2]:
        if key not in arrays:
            raise FormatError(f"the dataset file {path!r} lacks the array {key!r}")
    test = (arrays["test_images"], arrays["test_labels"]) if "test_images" in arrays else None
    return (arrays["images"], arrays["labels"]), test


def _pair(what: str, given: Any) -> tuple[Array, Array]:
    """Return the images and labels of a pair of arrays or of a torch dataset."""
    if isinstance(given, (tuple, list)):
        if len(given) != 2:
            raise ArgumentError(
                f"{what} must be a pair (images, labels), a torch dataset, an .npz file or "
                f"'digits', got {len(given)} things; test images are given as test"
            )
        return _checked(what, _array(given[0]), _array(given[1]))
    if not hasattr(given, "__getitem__") and not hasattr(given, "__iter__"):
        raise ArgumentTypeError(
            f"{what} must be a pair (images, labels), a torch dataset, an .npz file or 'digits', "
            f"got {shown(given)} ({type(given).__name__})"
        )
    return _checked(what, *_items(what, given))


def _items(what: str, dataset: Any) -> tuple[Array, Array]:
    """Read each (image, label) of a torch dataset once."""
    import numpy as np

    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    items = (dataset[number_] for number_ in range(len(dataset))) if indexed else iter(dataset)
    images: list[Array] = []
    labels: list[int] = []
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            raise ArgumentTypeError(
                f"{what} must give (image, label), got {shown(type(item).__name__)} as item "
                f"{len(images)}"
            )
        image, label = _array(item[0]), _array(item[1])
        if images and image.shape != images[0].shape:
            raise ArgumentError(
                f"{what} must give images of one size, got {images[0].shape} first and "
                f"{image.shape} as item {len(images)}"
            )
        if label.size != 1 or label.dtype.kind not in "iub":
            raise ArgumentTypeError(
                f"{what} must give a whole number as label, got {shown(item[1])} as item "
                f"{len(labels)}"
            )
        images.append(image)
        labels.append(int(label.reshape(())))
    if not images:
        raise ArgumentError(f"{what} must have images, got none")
    return np.stack(images), np.array(labels, dtype=np.int64)


def _array(given: Any) -> Array:
    import numpy as np

    if hasattr(given, "detach"):  # a tensor, wherever it lies
        given = given.detach().cpu().numpy()
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"images and labels must be arrays: {error}") from None


def _checked(what: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Return images as n x channels x side x side and labels as int64."""
    import numpy as np

    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or x.shape[2] != x.shape[3] or x.shape[2] < 1:
        raise ArgumentError(
            f"{what} must have square images of one or three channels, (n, channels, side, side), "
            f"(n, side, side, channels) or (n, side, side), got an array of shape {x.shape}"
        )
    if x.dtype.kind not in "iufb":
        raise ArgumentTypeError(f"{what} must have images of numbers, got {x.dtype}")
    if x.dtype != np.uint8:
        x = x.astype(np.float32)
        if not np.isfinite(x).all():
            bad = int(np.flatnonzero(~np.isfinite(x).all(axis=(1, 2, 3)))[0])
            raise ArgumentError(
                f"{what} must have finite images, got NaN or infinity in image {bad}"
            )
    if y.ndim != 1 or len(y) != len(x):
        raise ArgumentError(
            f"{what} must have one label per image, got {len(x)} images and labels of shape "
            f"{y.shape}"
        )
    if y.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{what} must have whole numbers as labels, got {y.dtype}")
    if not len(y):
        raise ArgumentError(f"{what} must have images, got none")
    return np.ascontiguousarray(x), y.astype(np.int64)


def _classes(what: str, y: Array) -> int:
    """Return the number of classes of labels 0, 1, ..., all of which occur."""
    import numpy as np

    present = np.unique(y)
    if len(present) < 2:
        raise ArgumentError(f"{what} must have at least two classes, got label {present[0]} only")
    if present[0] != 0 or present[-1] != len(present) - 1:
        raise ArgumentError(
            f"{what} must have labels 0 to classes - 1, each of them, got {len(present)} labels "
            f"from {present[0]} to {present[-1]}"
        )
    return len(present)
