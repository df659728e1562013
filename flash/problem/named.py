"""A space of either kind, of tables or of networks, from what users pass."""

from __future__ import annotations

from ..networks.families import FAMILIES
from ..spaces.named import registered_space
from ..spaces.network_space import HOMES, NetworkSpace, network_space
from .compiling import as_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..spaces.space import SearchSpace

__all__ = ["any_space"]


def any_space(value: Any) -> SearchSpace | NetworkSpace:
    """Return a space of either kind from what users pass."""
    if isinstance(value, NetworkSpace):
        return value
    if isinstance(value, str) and value not in FAMILIES:
        if value in HOMES:
            return network_space(value)
        found: SearchSpace | NetworkSpace | None = registered_space(value)
        if found is not None:
            return found
    return as_space(value)
