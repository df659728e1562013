"""Graphics processors, one image at a time: the counts of `cpu`, other coefficients.

With a single image most kernels of a small network do not fill the device, and what is left is the
launch of each: `kernels` (convolutions with what is launched beside them), `joins` (additions) and
`passes` (everything else). Larger layers add their macs and maps.
"""

from __future__ import annotations

from .cpu import (
    ALIKE,
    COLUMNS,
    FEATURES,
    GROUPED,
    LINKS,
    QUANTUM,
    SCALE,
    WITH_BASE,
    array,
    check_links,
    links,
)

FASTEST_MACS_PER_MS = 1e10  # more than graphics processors do of one image's layers

__all__ = [
    "ALIKE",
    "COLUMNS",
    "FASTEST_MACS_PER_MS",
    "FEATURES",
    "GROUPED",
    "LINKS",
    "QUANTUM",
    "SCALE",
    "WITH_BASE",
    "array",
    "check_links",
    "links",
]
