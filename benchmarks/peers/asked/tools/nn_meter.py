"""nn-Meter: what it lists; its predictors are fetched when one is first asked."""

from __future__ import annotations

import nn_meter

DISTRIBUTION = "nn-meter"


def look() -> str:
    """Return the predictors that it knows."""
    names = [one["name"] for one in nn_meter.list_latency_predictors()]
    return f"lists {len(names)} predictors, fetched at first use: {', '.join(names)}"
