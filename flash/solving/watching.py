"""Searches that somebody watches."""

from __future__ import annotations

from ..base.checks import listener
from ..base.checks import watched as checked
from .options import with_confidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["watched"]


def watched(search: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Search for one target, and show how far it is.

    Parameters
    ----------
    search : callable
        `flash.search`.
    given : dict
        What it was called with, by name: "progress" is True or "auto".
    """
    progress, callback = checked("progress", given["progress"]), given["callback"]
    quiet = {**given, "progress": False}
    if given["confidence"] is not None:
        if progress is True:
            raise with_confidence()
        return search(**quiet)
    from ..results.event import Watch

    limits: Any = {"most": given["max_evals"], "limit_s": given["time_limit_s"]}
    with Watch(listener("callback", callback), progress, **limits) as watch:
        found = search(**{**quiet, "callback": watch})
        watch.end(found.objective, found.upper_bound, found.nfev)
        return found
