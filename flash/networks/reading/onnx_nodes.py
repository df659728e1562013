"""What each operator of ONNX is: by its name, and its domain where that is another.

A handler takes a call and says through `Call.give` what its outputs are. It raises `Open` where
that depends on the data, and `Unknown` where no layer stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .onnx_constants import CONSTANTS
from .onnx_control import CONTROL
from .onnx_fused import FUSED
from .onnx_numbers import NUMBERS
from .onnx_places import PLACES
from .onnx_products import PRODUCTS
from .onnx_quantised import QUANTISED
from .onnx_windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .onnx_calls import Call

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
