"""once-for-all: whether its networks can be had; their weights are fetched when they are asked."""

from __future__ import annotations

import ofa

DISTRIBUTION = "ofa"


def look() -> str:
    """Return what importing its networks comes to."""
    assert ofa
    try:
        from ofa.model_zoo import ofa_net
    except ImportError as error:
        return f"installed, `import ofa.model_zoo` fails: {error}"
    return f"`{ofa_net.__name__}` can be imported, weights are fetched at first use"
