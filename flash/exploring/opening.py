"""What a page explores, told apart by looking at it."""

from __future__ import annotations

import os

from ..base.checks import is_list, shown
from ..errors import ArgumentError, ArgumentTypeError
from .of_space import SpaceSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .source import Source
    from .state import State

__all__ = ["opened"]


def opened(
    what: Any,
    targets: Any = (),
    *,
    predictor: Any = None,
    trained: Any = None,
    words: Sequence[str] | None = None,
    start: State | None = None,
) -> Source:
    """Return what is explored, as a `Source`.

    Parameters
    ----------
    what : SearchSpace, name or path of one, with targets
    targets : Target, str or path, or a list of them
    predictor : AccuracyPredictor, or str or path, optional
        Of a space.
    trained : optional
        Of a space: networks that are trained, as `flash.suggest` takes them.
    words : list of str, optional
        What names the space on a command line: see `SpaceSource`.
    start : State, optional
        The state at the opening.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError, OSError
        If something is not accepted: the message names it.
    """
    some = list(targets) if is_list(targets) else [targets]
    if not some:
        raise ArgumentError(f"a space needs at least one target, got {shown(what)} alone")
    if not isinstance(what, (str, os.PathLike)) and not hasattr(what, "family"):
        raise ArgumentTypeError(f"what is explored must be a space, got {shown(what)}")
    return SpaceSource(what, some, predictor=predictor, trained=trained, words=words, start=start)
