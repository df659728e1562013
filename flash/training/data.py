"""Labelled images from what users pass, checked before anything is trained.

Arrays of any layout become n x channels x height x width, uint8 or float32 (what an array of floats
holds is kept as it is, since training normalises it). Folders and tables of paths become lists of
files, each of which was decoded once: see `images` for both, `pixels` for how a file is read.
"""

from __future__ import annotations

import os

from ..base.checks import hint, known_keys, number, path_of, shown
from ..errors import ArgumentError, ArgumentTypeError, FlashError, FormatError
from .images import ImageFiles, Images
from .labels import as_classes, label_array
from .listing import listed
from .pixels import in_mode, probed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from .images import Data

    Array: TypeAlias = NDArray[Any]

    class Items(Protocol):
        """A torch dataset: (image, label) by number."""

        def __getitem__(self, index: Any, /) -> Any: ...

    Path: TypeAlias = "str | os.PathLike[str]"
    Pair: TypeAlias = "Path | tuple[ArrayLike, ArrayLike] | Items"
    Dataset: TypeAlias = "Pair | tuple[Pair, Pair]"

__all__ = ["DATASETS", "ImageFiles", "Images", "read"]

DATASETS = ("digits",)
TABLES = (".csv", ".jsonl")
_FILE_KEYS = ("images", "labels", "test_images", "test_labels")
_ACCEPTED = (
    "'digits', a folder of images by class, a .csv, .jsonl or .npz file, a pair (images, labels), "
    "a torch dataset, or a pair (train, test) of such"
)
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")


def read(dataset: object, test: object, test_fraction: float, seed: int) -> Data:
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
    test_fraction = float(number("test_fraction", test_fraction, above=0.0, high=0.9))
    if _is_two(dataset):
        if test is not None:
            raise ArgumentError("test must not be given: dataset is a pair (train, test)")
        dataset, test = dataset  # type: ignore[misc]
    found = _opened("dataset", dataset)
    judged = None if test is None else _opened("test", test)
    if judged is not None:
        if found.judged is not None:
            raise ArgumentError(f"test must not be given: {found.path} holds test images")
        if judged.judged is not None:
            raise ArgumentError(
                f"test must be one set of images, {judged.path} holds some to train on and others "
                "to judge by"
            )
        if (found.files is None) != (judged.files is None):
            raise ArgumentError(
                "dataset and test must both be of image files, or both of arrays, got "
                f"{shown(dataset)} and {shown(test)}"
            )
    if found.files is not None:
        return _from_files(found, judged, test_fraction, seed)
    return _from_arrays(found, judged.pair if judged is not None else None, test_fraction, seed)


class _Opened:
    """What one argument holds: arrays with labels, or lists of files with labels."""

    def __init__(
        self,
        *,
        pair: Any = None,
        files: list[tuple[str, str]] | None = None,
        judged: Any = None,
        name: str = "arrays",
        path: str = "",
        augment: str = "flip-shift",
    ) -> None:
        self.pair, self.files, self.judged = pair, files, judged
        self.name, self.path, self.augment = name, path, augment


def _is_two(given: object) -> bool:
    """Return whether it is a pair (train, test) rather than a pair (images, labels)."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        return False
    return all(_is_set(one) for one in given)


def _is_set(given: Any) -> bool:
    if isinstance(given, (str, os.PathLike)):
        return True
    if isinstance(given, (tuple, list)):
        return len(given) == 2 and len(getattr(given[0], "shape", ())) > 2
    arrays = hasattr(given, "__array__") or hasattr(given, "detach")
    return hasattr(given, "__getitem__") and hasattr(given, "__len__") and not arrays


def _opened(what: str, given: Any) -> _Opened:
    if isinstance(given, (str, os.PathLike)):
        return _at_path(what, path_of(what, given))
    name = "arrays" if isinstance(given, (tuple, list)) else type(given).__name__
    return _Opened(pair=_pair(what, given), name=name)


def _at_path(what: str, path: str) -> _Opened:
    if path in DATASETS:  # a mirrored 2 is no digit
        return _Opened(pair=_pair(what, _digits()), name=path, augment="shift")
    name = os.path.normpath(path).replace("\\", "/").rsplit("/", 1)[-1]
    if path.lower().endswith(".npz"):
        pair, test = _file(path)
        judged = None if test is None else _pair("test", test)
        return _Opened(pair=_pair(what, pair), judged=judged, name=name, path=path)
    if os.path.isdir(path) or path.lower().endswith(TABLES):
        found = listed(what, path, name)
        return _Opened(files=found.train, judged=found.test, name=name, path=path)
    if os.path.exists(path):
        raise ArgumentError(f"{what} must be {_ACCEPTED}, got the file {path!r}")
    if os.sep in path or "/" in path:
        raise FileNotFoundError(2, f"{what}: no such folder or file", path)
    raise ArgumentError(
        f"{what} must be {_ACCEPTED}, got {path!r}, which is not there{hint(path, DATASETS)}"
    )


# Files


def _from_files(
    found: _Opened, given: _Opened | None, test_fraction: float, seed: int
) -> ImageFiles:
    import numpy as np

    own = found.files or []
    other = given.files if given is not None else found.judged
    labels = np.array([label for _, label in own])
    judged = None if other is None else np.array([label for _, label in other])
    y, test_y, classes, names = as_classes("dataset", labels, judged)
    train = [path for path, _ in own]
    if test_y is None:
        kept, rows = _split(y, classes, test_fraction, seed)
        test = [train[row] for row in rows]
        train = [train[row] for row in kept]
        y, test_y = y[kept], y[rows]
    else:
        test = [path for path, _ in other or ()]
    probes = probed([*train, *test])
    return ImageFiles(
        tuple(train), y, tuple(test), test_y, classes, found.name, found.augment,
        tuple(names or ()), tuple(probes),
    )  # fmt: skip


# Arrays


def _from_arrays(found: _Opened, test: Any, test_fraction: float, seed: int) -> Images:
    x, labels = found.pair
    if test is None:
        test = found.judged
    if test is None:
        y, _, classes, names = as_classes("dataset", labels, None)
        kept, rows = _split(y, classes, test_fraction, seed)
        return Images(x[kept], y[kept], x[rows], y[rows], classes, found.name, found.augment, names)
    test_x, judged = test
    if test_x.shape[1:] != x.shape[1:] or test_x.dtype != x.dtype:
        raise ArgumentError(
            f"test must have images like those of dataset, {x.shape[1:]} of {x.dtype}, "
            f"got {test_x.shape[1:]} of {test_x.dtype}"
        )
    y, test_y, classes, names = as_classes("dataset", labels, judged)
    test_labels: Any = test_y
    return Images(x, y, test_x, test_labels, classes, found.name, found.augment, names)


def _split(y: Array, classes: int, fraction: float, seed: int) -> tuple[Array, Array]:
    """Return (rows to train on, rows to judge by): the same share of every class."""
    import numpy as np

    judged = _held_out(y, classes, fraction, seed)
    kept = np.setdiff1d(np.arange(len(y)), judged)
    if not len(judged) or len(np.unique(y[kept])) < classes:
        raise ArgumentError(
            f"dataset is too small to hold out {fraction:g} of every class: "
            f"{len(y)} images of {classes} classes; pass test images of its own"
        )
    return kept, judged


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
    """Return the images and labels of scikit-learn's digits: its file as it lies, since importing
    the package takes a second; where it lies elsewhere, the package is asked."""
    import numpy as np

    file = _installed("sklearn", "datasets", "data", "digits.csv.gz")
    if file is not None:
        rows: Array = np.loadtxt(file, delimiter=",", dtype=np.float32)
        if rows.shape[1:] == (65,):
            return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)

    from ..base.extras import require

    require("the dataset 'digits'", "train", "sklearn")
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    return found.images.astype(np.float32), found.target.astype(np.int64)


def _installed(package: str, *parts: str) -> str | None:
    """Return the path of a file that a package brings, without importing it; None: it has none."""
    from importlib.util import find_spec

    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # of what stands for it in sys.modules
        return None
    for folder in (spec and spec.submodule_search_locations) or ():
        path = os.path.join(folder, *parts)
        if os.path.isfile(path):
            return path
    return None


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
                f"{what} must be {_ACCEPTED}, got {len(given)} things; test images are given as "
                "test"
            )
        return _checked(what, _array(given[0]), _array(given[1]))
    if not hasattr(given, "__getitem__") and not hasattr(given, "__iter__"):
        raise ArgumentTypeError(
            f"{what} must be {_ACCEPTED}, got {shown(given)} ({type(given).__name__})"
        )
    return _checked(what, *_items(what, given))


def _items(what: str, dataset: Any) -> tuple[Array, Array]:
    """Read each (image, label) of a torch dataset once."""
    import numpy as np

    images: list[Any] = []
    labels: list[Any] = []
    for at, item in enumerate(_each(what, dataset)):
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            raise ArgumentTypeError(
                f"{what} must give (image, label), got {shown(type(item).__name__)} as item {at}"
            )
        image = item[0] if hasattr(item[0], "getbands") else _array(item[0])
        size, first = _size_of(image), _size_of(images[0]) if images else None
        if first is not None and size != first:
            raise ArgumentError(
                f"{what} must give images of one size, got {first} first and {size} as item {at}; "
                "resize them in the dataset's transform, or pass the folder or the list of the "
                "files instead"
            )
        images.append(image)
        labels.append(_label(what, item[1], at))
    if not images:
        raise ArgumentError(f"{what} must have images, got none")
    if isinstance(images[0], np.ndarray):
        return np.stack(images), np.array(labels)
    try:
        grey = all(image.mode in GREY for image in images)
        return (
            np.stack([np.asarray(in_mode(image, "L" if grey else "RGB")) for image in images]),
            np.array(labels),
        )
    except ValueError as error:
        raise ArgumentError(f"{what} has an image that cannot be read: {error}") from None


def _each(what: str, dataset: Any) -> Any:
    """Yield the items of a dataset; what it raises says which item it was."""
    at = 0
    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    try:
        items = (dataset[one] for one in range(len(dataset))) if indexed else iter(dataset)
        for item in items:
            yield item
            at += 1
    except FlashError:
        raise
    except Exception as error:  # whatever a user's dataset raises
        raise ArgumentError(
            f"{what} cannot be read: item {at} raises {type(error).__name__}: {error}"
        ) from error


def _size_of(image: Any) -> tuple[Any, ...]:
    """Return the shape of an array, or kind and size of a Pillow image."""
    if hasattr(image, "getbands"):
        return ("PIL", image.size[1], image.size[0])
    return tuple(image.shape)


def _label(what: str, given: Any, at: int) -> int | str:
    if isinstance(given, str):
        return given
    label = _array(given)
    if label.size != 1 or label.dtype.kind not in "iubU":
        raise ArgumentTypeError(
            f"{what} must give a whole number or a text as label, got {shown(given)} as item {at}"
        )
    return str(label.reshape(())) if label.dtype.kind == "U" else int(label.reshape(()))


def _array(given: Any) -> Array:
    import numpy as np

    if hasattr(given, "detach"):  # a tensor, wherever it lies
        given = given.detach().cpu().numpy()
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"images and labels must be arrays: {error}") from None


def _checked(what: str, x: Array, labels: Array) -> tuple[Array, Array]:
    """Return images as n x channels x height x width, and labels as int64 or text."""
    import numpy as np

    shape = x.shape
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and not _channels_first(x.shape):
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or min(x.shape[1:]) < 1:
        raise ArgumentError(
            f"{what} must have images of shape (n, channels, height, width), "
            f"(n, height, width, channels) or (n, height, width), got an array of shape {shape}"
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
    y = label_array(what, labels, len(x))
    if not len(y):
        raise ArgumentError(f"{what} must have images, got none")
    return np.ascontiguousarray(x), y


def _channels_first(shape: tuple[int, ...]) -> bool:
    """Return whether channels are the second axis: 1 or 3 of them, else 2 or 4, else the fewest."""
    for usual in ((1, 3), (2, 4)):
        if shape[1] in usual:
            return True
        if shape[3] in usual:
            return False
    return shape[1] <= shape[3]
