"""The options that made a space that comes with flash, as files hold them."""

from __future__ import annotations

from ..choices import Range, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["origin_of"]


def origin_of(chosen: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not as usual, as plain data; choices as `parse` gives them."""
    return {
        name: plain(value) if isinstance(value, (tuple, Range)) else value
        for name, value in chosen.items()
        if value != usual[name]
    }
