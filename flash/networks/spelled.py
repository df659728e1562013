"""Networks that are told by something shorter than their rows: cells, or blocks that were
chosen."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .network import Network

__all__ = ["spelled_out"]


def spelled_out(net: Any) -> Network | None:
    """Return the rows of whatever has a family and can tell its rows; None of anything else."""
    from .network import Network

    if isinstance(net, Network):
        return net
    if isinstance(net, type) or not hasattr(net, "family"):
        return None
    tell = getattr(net, "network", None)
    found = tell() if callable(tell) else None
    return found if isinstance(found, Network) else None
