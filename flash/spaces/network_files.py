"""Networks as plain data, of whatever make: the one place where files of networks are read."""

from __future__ import annotations

from ..networks.architecture import Architecture
from ..networks.cell_networks import FAMILY, CellNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .blocks.network import BlockNetwork

__all__ = ["network_from_dict"]


def network_from_dict(data: Mapping[str, Any]) -> Architecture | CellNetwork | BlockNetwork:
    """Return what ``to_dict`` of an Architecture, a CellNetwork or a BlockNetwork gave.

    Raises
    ------
    FormatError
        If a key is unknown or missing, or a value not accepted.
    """
    if hasattr(data, "get") and data.get("family") == FAMILY:
        return CellNetwork.from_dict(data)
    if hasattr(data, "keys") and "choices" in data:
        from .blocks.network import BlockNetwork

        return BlockNetwork.from_dict(data)
    return Architecture.from_dict(data)
