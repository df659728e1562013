"""Image files as pixels, by Pillow: the one rule by which an image fits a network's input.

The rule: the image is turned as its EXIF orientation says; what is transparent lies on white; the
largest centred part of the network's own proportions is scaled to its size, by antialiased bilinear
interpolation. It becomes grey for a network of one channel, RGB for three, RGBA for four.
"""

from __future__ import annotations

import os

from ..errors import FormatError, MissingExtraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeAlias, TypeVar

    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[Any]
    Shape: TypeAlias = tuple[int, int, int]
    A = TypeVar("A")
    B = TypeVar("B")

__all__ = [
    "ENDINGS",
    "MODES",
    "Probe",
    "centred",
    "decoded",
    "in_threads",
    "measured",
    "pixels_of",
    "probed",
]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels -> how Pillow names them
TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
ORIENTATION = 0x0112
DRAFT = 2  # a JPEG is decoded at a fraction of its size that is still so many times what is wanted
MAX_TOLD = 3
AT_ONCE = 256

Probe = tuple[str, int, int]  # hash of the file's bytes, height and width
_known: dict[tuple[str, int, int], Probe] = {}


def pillow() -> Any:
    """Return Pillow's module of images."""
    from ..base.extras import require

    return require("reading image files", "train", "PIL.Image")


def in_threads(function: Callable[[A], B], given: Sequence[A], threads: int = 0) -> Iterable[B]:
    """Yield what a function gives of each, in order, by as many threads as there are processors."""
    from concurrent.futures import ThreadPoolExecutor

    from .pool import processors

    with ThreadPoolExecutor(threads or processors()) as pool:
        for at in range(0, len(given), AT_ONCE):  # in parts, so that no answers pile up
            yield from pool.map(function, given[at : at + AT_ONCE])


def probed(paths: Sequence[str]) -> list[Probe]:
    """Read and decode each file once, so that one that cannot be read is known before any work.

    A file that is as it was when this process last looked is not read again.

    Raises
    ------
    FormatError
        If images cannot be read; the message says which, and why.
    """
    pillow()
    found: list[Probe] = []
    bad: list[str] = []
    for one in in_threads(_probe, paths):
        if isinstance(one, str):
            bad.append(one)
        else:
            found.append(one)
    if bad:
        more = f", and {len(bad) - MAX_TOLD} more" if len(bad) > MAX_TOLD else ""
        raise FormatError(
            f"{len(bad)} of {len(paths)} images cannot be read: {'; '.join(bad[:MAX_TOLD])}{more}"
        )
    return found


def measured(path: str) -> tuple[int, int] | str:
    """Return (height, width) of an image file, of which the beginning alone is read; or why not."""
    try:
        with pillow().open(path) as image:
            return _size(image)
    except MissingExtraError:
        raise
    except Exception as error:  # whatever a broken file makes Pillow raise
        return _why(path, error)


def _why(path: str, error: Exception) -> str:
    """Return which file cannot be read, and why."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{path!r} ({_line(why) or type(error).__name__})"


def _probe(path: str) -> Probe | str:
    import hashlib
    import io

    try:
        told = os.stat(path)
        key = (os.path.abspath(path), told.st_size, told.st_mtime_ns)
        if key in _known:
            return _known[key]
        with open(path, "rb") as file:
            raw = file.read()
        with pillow().open(io.BytesIO(raw)) as image:
            height, width = _size(image)
            image.draft(None, (1, 1))  # to the end of the file, at a fraction of the work
            image.load()
            _grey_of_wide(image)
    except Exception as error:  # whatever a broken file makes Pillow raise
        return _why(path, error)
    found = hashlib.sha256(raw).hexdigest()[:32], height, width
    _known[key] = found
    return found


def _line(why: object) -> str:
    text = (str(why).splitlines() or [""])[0]
    return "no image of a known format" if text.startswith("cannot identify") else text[:120]


def _size(image: Any) -> tuple[int, int]:
    """Return (height, width) as the image is to be looked at."""
    width, height = image.size
    return (width, height) if image.getexif().get(ORIENTATION) in TURNED else (height, width)


def decoded(path: str, shape: Shape) -> Pixels:
    """Return an image file as uint8 of this shape (channels, height, width).

    Raises
    ------
    FormatError
        If the file is no longer the image that it was.
    """
    try:
        with pillow().open(path) as image:
            height, width = _size(image)
            if image.format == "JPEG":
                by = min(height / shape[1], width / shape[2]) / DRAFT
                if by >= 2:
                    image.draft(None, (int(image.size[0] / by), int(image.size[1] / by)))
            return pixels_of(image, shape)
    except Exception as error:
        raise FormatError(f"the image {path!r} cannot be read: {_line(error)}") from None


def pixels_of(image: Any, shape: Shape) -> Pixels:
    """Return a Pillow image as uint8 of this shape, by the rule of this module."""
    import numpy as np
    from PIL import ImageOps

    channels, height, width = shape
    whole = in_mode(ImageOps.exif_transpose(image), MODES[channels])
    if whole.size != (width, height):
        have_width, have_height = whole.size
        top, left, own_height, own_width = centred(have_height, have_width, height, width)
        if (own_height, own_width) != (have_height, have_width):
            whole = whole.crop((left, top, left + own_width, top + own_height))
        whole = whole.resize((width, height), pillow().Resampling.BILINEAR)
    found = np.asarray(whole)
    return found[None] if channels == 1 else np.ascontiguousarray(found.transpose(2, 0, 1))


def centred(
    have_height: int, have_width: int, height: int, width: int
) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the largest centred part of these proportions."""
    own_height = min(have_height, max(1, round(have_width * height / width)))
    own_width = min(have_width, max(1, round(have_height * width / height)))
    return (have_height - own_height) // 2, (have_width - own_width) // 2, own_height, own_width


def in_mode(image: Any, mode: str) -> Any:
    """Return a Pillow image as L, RGB or RGBA; what is transparent lies on white."""
    image = _grey_of_wide(image)
    if mode != "RGBA" and image.has_transparency_data:
        full = image.convert("RGBA")
        image = pillow().new("RGBA", full.size, "white")
        image.alpha_composite(full)
    return image if image.mode == mode else image.convert(mode)


def _grey_of_wide(image: Any) -> Any:
    """Return an image of 16 bits a pixel in 8: Pillow's own conversion would cut them off."""
    import numpy as np

    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, not 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.size and (values.min() < 0 or values.max() >= 1 << 16):
        raise ValueError("pixels are of more than 16 bits")
    return pillow().fromarray((values >> 8).astype(np.uint8))
