"""Options of the spaces that come with flash: checked where several take them, and as files hold
them."""

from __future__ import annotations

from ...base.checks import integer, is_list, shown
from ...errors import ArgumentError
from ..choices import Range, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Shape = tuple[int, ...]

__all__ = ["images", "origin_of"]

MAX_INPUTS = 1 << 10
MAX_SIDE = 1 << 16


def origin_of(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not as usual, as plain data."""
    told = {name: _plain(value) for name, value in given.items()}
    return {
        name: value
        for name, value in told.items()
        if name not in usual or value != _plain(usual[name])
    }


def _plain(given: Any) -> Any:
    """Return an option as a file holds it."""
    if isinstance(given, Range):
        return plain(given)
    if hasattr(given, "tolist"):
        return given.tolist()
    if isinstance(given, (list, tuple, range)):
        return [_plain(one) for one in given]
    if isinstance(given, dict):
        return {name: _plain(one) for name, one in given.items()}
    return given


def images(given: Any, least: int = 1, divisor: int = 1) -> list[Shape]:
    """Return the images that networks read, one or several, checked.

    Parameters
    ----------
    given
        A shape (channels, height, width), or a list of such.
    least, divisor : int
        What a side must be at least, and a multiple of: a patch's.
    """
    several = isinstance(given, list) and bool(given) and all(is_list(one) for one in given)
    each: list[Any] = given if several else [given]
    if len(each) > MAX_INPUTS:
        raise ArgumentError(f"input must be at most {MAX_INPUTS} shapes, got {len(each)}")
    for one in each:
        if not is_list(one) or len(one) != 3:
            raise ArgumentError(
                f"input must be (channels, height, width), or a list of such, got {shown(given)}"
            )
        for side in list(one)[1:]:
            if integer("sides of input", side, least, MAX_SIDE) % divisor:
                raise ArgumentError(
                    f"input must be a multiple of patch, {divisor}, got {shown(one)}"
                )
    return [tuple(one) for one in each]
