"""`flash.space_for`: a search space of the size and number of classes of labelled images."""

from __future__ import annotations

import os

from ..base.checks import choice, integer, public, shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..networks.families import MAX_RESOLUTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..spaces.blocks.space import BlockSpace
    from ..spaces.space import SearchSpace
    from .data import Dataset

__all__ = ["space_for"]

LARGEST = 224  # pixels: what networks of photographs usually take
STEP = 32  # of a size that images of many sizes are brought to
LOOKED_AT = 1000  # files whose sizes are read


class Sizes(Record):
    """What a space needs to know of images.

    Parameters
    ----------
    classes : int
    side : int
        Height and width of a network's input in pixels.
    """

    classes: int
    side: int


@public
def space_for(
    space: str | os.PathLike[str] | Mapping[str, Any],
    dataset: Dataset,
    *,
    resolution: int | None = None,
) -> SearchSpace | BlockSpace:
    """Return a search space for labelled images: at their size, with as many classes as they have.

    Parameters
    ----------
    space : name, path or dict
        The name of a family ("densenet") or of a space of blocks ("mobilenet-v3"), or what a file
        or a dictionary says of one. What it says of resolution or classes stays.
    dataset
        As `flash.train` takes it: usually a folder with a folder of images for each class.
    resolution : int, optional
        Height and width of the networks' input in pixels. By default, where the space does not say
        it, that of the images where all have one size of at most 224 pixels; else the median of
        their shorter sides (of 1,000 images spread over the dataset), at most 224, rounded down to
        a multiple of 32 where it is at least that.

    Returns
    -------
    SearchSpace or BlockSpace

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument or the data are not accepted, or the space says fewer classes than the images
        have.
    MissingExtraError
        If there are image files, and Pillow is not installed (the extra ``train``).

    Examples
    --------
    >>> space = flash.space_for("densenet", "photos")
    >>> flash.search(space, "cpu-x86", max_latency_ms=4.0)
    """
    from ..networks.families import FAMILIES
    from ..spaces.known.homes import KNOWN
    from .preparing import space_at

    data = _plain(space)
    family = data.get("family")
    own = "stages" in data  # blocks of the user's own, whose input the file says
    if not own:
        choice("space", family, (*FAMILIES, *KNOWN))
    if resolution is not None:
        resolution = integer("resolution", resolution, 1, MAX_RESOLUTION)
        if own or "resolution" in data or "input" in data:
            raise ArgumentError(
                f"resolution must not be given, got {resolution}: the space says its own"
            )
    found = sizes_of(dataset, resolution)
    made: Any = space_at(data, found)
    least = getattr(made, "num_classes", None)
    if isinstance(least, int) and least < found.classes:
        raise ArgumentError(
            f"space must have num_classes of at least the {found.classes} classes of the dataset, "
            f"got {least}"
        )
    fit: SearchSpace | BlockSpace = made
    return fit


def _plain(space: Any) -> dict[str, Any]:
    """Return what a space says of itself, and no more."""
    from ..networks.families import FAMILIES
    from ..spaces.known.homes import KNOWN

    if isinstance(space, str) and space in (*FAMILIES, *KNOWN):
        return {"family": space}
    if hasattr(space, "keys"):
        given: Any = space
        return {**given}
    if not isinstance(space, (str, os.PathLike)):
        raise ArgumentTypeError(
            f"space must be a name, a file or a dictionary, got {shown(space)} "
            f"({type(space).__name__}), which says its own size and classes"
        )
    path = os.fspath(space)
    if not path.endswith((".toml", ".json")):
        choice("space", path, (*FAMILIES, *KNOWN), ", or a .toml or .json file")
    from ..spaces.files import read

    data: Any = read(path)
    if not hasattr(data, "keys"):
        raise FormatError(f"the space file {shown(path)} must hold a table, got {shown(data)}")
    return {**data}


def sizes_of(dataset: Any, resolution: int | None = None) -> Sizes:
    """Return how many classes a dataset has, and at what size networks take its images.

    Of image files the beginnings are read, not the pixels.
    """
    from .data import TABLES, read
    from .listing import listed

    if isinstance(dataset, (str, os.PathLike)):
        path = os.fspath(dataset)
        if os.path.isdir(path) or path.lower().endswith(TABLES):
            name = os.path.basename(os.path.normpath(path))
            files = listed("dataset", path, name)
            labels = {label for _, label in (*files.train, *(files.test or ()))}
            if len(labels) < 2:
                raise ArgumentError(
                    f"dataset must have images of at least 2 classes, {path!r} has those of "
                    f"{len(labels)}: a folder for each class within it"
                )
            if resolution is None:
                resolution = _side(_shapes([file for file, _ in files.train]))
            return Sizes(len(labels), resolution)
    images = read(dataset, None, 0.2, 0)
    return Sizes(images.classes, images.side if resolution is None else resolution)


def _shapes(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Return (height, width) of images that are spread evenly over the files."""
    from .pixels import in_threads, measured

    step = max(1, len(paths) // LOOKED_AT)
    found: list[tuple[int, int]] = []
    for one in in_threads(measured, paths[::step]):
        if isinstance(one, str):
            raise FormatError(f"an image cannot be read: {one}")
        found.append(one)
    return found


def _side(shapes: Sequence[tuple[int, int]]) -> int:
    """Return the side of a network's square input, by the rule that `space_for` tells."""
    if len(set(shapes)) == 1 and min(shapes[0]) <= LARGEST:
        return min(shapes[0])
    middle = sorted(min(shape) for shape in shapes)[len(shapes) // 2]
    middle = min(middle, LARGEST)
    return middle // STEP * STEP if middle >= STEP else middle
