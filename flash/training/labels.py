"""Labels as users have them, numbers or text, as classes 0, 1, ..."""

from __future__ import annotations

from ..base.checks import shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["as_classes", "class_names", "label_array", "told"]


def label_array(what: str, given: Any, count: int) -> Array:
    """Return labels as an array of int64 or of text, one for each image."""
    import numpy as np

    y = np.asarray(given)
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8")
    if y.dtype.kind == "O" and y.ndim == 1 and all(isinstance(one, str) for one in y):
        y = y.astype(str)
    if y.ndim != 1 or len(y) != count:
        raise ArgumentError(
            f"{what} must have one label per image, got {count} images and labels of shape "
            f"{y.shape}"
        )
    if y.dtype.kind not in "iuU":
        raise ArgumentTypeError(f"{what} must have whole numbers or text as labels, got {y.dtype}")
    return y if y.dtype.kind == "U" else y.astype(np.int64)


def class_names(labels: Sequence[str]) -> list[str]:
    """Return the classes of text labels, in the order of their numbers.

    Sorted as text; where they are the numbers 0 to classes - 1, by these.
    """
    found = sorted(set(labels))
    numbers = [str(number) for number in range(len(found))]
    return numbers if set(found) == set(numbers) else found


def as_classes(
    what: str, train: Array, test: Array | None
) -> tuple[Array, Array | None, int, tuple[str, ...] | None]:
    """Return labels as class numbers, how many classes there are, and their names if they are text.

    Raises
    ------
    ArgumentError
        If there are fewer than two classes, or the test part has one that training lacks.
    """
    import numpy as np

    if train.dtype.kind == "U":
        names = class_names([str(one) for one in train])
        if len(names) < 2:
            raise ArgumentError(
                f"{what} must have at least two classes, got label {names[0]!r} only"
            )
        number = {name: at for at, name in enumerate(names)}
        strange = [] if test is None else sorted({str(one) for one in test} - set(number))
        if strange:
            raise ArgumentError(
                f"test must have labels of the {len(names)} classes of {what} "
                f"({told(names)}), got {told(strange)}"
            )

        def numbered(y: Array) -> Array:
            return np.array([number[str(one)] for one in y], dtype=np.int64)

        judged = None if test is None else numbered(test)
        return numbered(train), judged, len(names), tuple(names)
    classes = _numbered(what, train)
    if test is not None and test.dtype.kind == "U":
        raise ArgumentError(
            f"test must have labels of the {classes} classes of {what}, which are numbers, "
            f"got {shown(str(test[0]))}"
        )
    if test is not None and not 0 <= int(test.min()) <= int(test.max()) < classes:
        bad = int(test.max()) if int(test.max()) >= classes else int(test.min())
        raise ArgumentError(
            f"test must have labels of the {classes} classes of {what}, got label {bad}"
        )
    return train, test, classes, None


def told(names: Sequence[str], most: int = 8) -> str:
    """Return names for a message, not too many of them."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(str(name)) for name in names[:most]) + more


def _numbered(what: str, y: Array) -> int:
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
