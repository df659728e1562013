"""Networks as plain data, of whatever make: the one place where files of networks are read."""

from __future__ import annotations

from ..errors import FormatError
from ..networks.architecture import Architecture
from ..networks.cell_networks import FAMILY, CellNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .blocks.network import BlockNetwork

__all__ = ["network_from_dict", "networks_in"]


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


def networks_in(data: Any, where: str) -> list[Any] | None:
    """Return the networks of plain data: of a network, of a search's result, of a list of these.

    None where they are something else, such as a space.

    Raises
    ------
    FormatError
        If a result has no network, or a network is not one.
    """
    found = []
    for one in data if isinstance(data, list) else [data]:
        if not hasattr(one, "keys"):
            return None
        inner = one.get("architecture", one)
        if inner is None:
            raise FormatError(f"{where}: the search found no network")
        if not hasattr(inner, "keys") or not _is_network(inner):
            return None
        found.append(network_from_dict(inner))
    return found or None


def _is_network(data: Mapping[str, Any]) -> bool:
    """Return whether plain data are a network's: a space has choices where it has values."""
    if "choices" in data:
        return True
    cells = data.get("cells")
    return isinstance(cells, list) and bool(cells) and all(hasattr(one, "keys") for one in cells)
