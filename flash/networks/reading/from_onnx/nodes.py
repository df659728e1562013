"""What each operator of ONNX is: by its name, and its domain where that is another.

A handler takes a call and says through `Call.give` what its outputs are. It raises `Open` where
that depends on the data, and `Unknown` where no layer stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .constants import CONSTANTS
from .control import CONTROL
from .fused import FUSED
from .numbers import NUMBERS
from .places import PLACES
from .products import PRODUCTS
from .quantised import QUANTISED
from .windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Call

__all__ = ["HANDLERS", "WEIGHED"]


HANDLERS: dict[str, Callable[[Call], None]] = {
    **PRODUCTS,
    **WINDOWS,
    **NUMBERS,
    **PLACES,
    **QUANTISED,
    **FUSED,
    **CONTROL,
    **CONSTANTS,
}

# operators that multiply, by weights or values: none of them may be left out
WEIGHED = frozenset(
    name
    for name in HANDLERS
    if name in PRODUCTS
    or name.rpartition(".")[2] in ("LinearRegressor", "LinearClassifier")
    or any(part in name for part in ("Conv", "MatMul", "Gemm", "Attention", "LSTM"))
)
