from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ("covariances", "evidence", "factor", "forward", "improvement", "inverse", "weigh")

_Floats: TypeAlias = NDArray[np.float64]
_Codes: TypeAlias = NDArray[np.int32]

def factor(a: _Floats) -> float: ...
def inverse(l: _Floats, out: _Floats) -> None: ...
def forward(l: _Floats, b: _Floats) -> None: ...
def evidence(
    grams: _Floats,
    distances: _Floats,
    part: _Codes,
    noise: _Floats,
    y: _Floats,
    theta: _Floats,
    gradient: _Floats,
) -> float: ...
def covariances(
    codes: _Codes,
    features: _Floats,
    linear: _Floats,
    tables: _Floats,
    samples: _Floats,
    along: _Floats,
    across: _Floats,
    weights: _Floats,
    out: _Floats,
) -> None: ...
def weigh(
    codes: _Codes,
    features: _Floats,
    linear: _Floats,
    tables: _Floats,
    samples: _Floats,
    along: _Floats,
    across: _Floats,
    weights: _Floats,
    alpha: _Floats,
    own: _Floats,
    mean: _Floats,
    known: _Floats,
) -> None: ...
def improvement(ahead: _Floats, deviation: _Floats, gain: _Floats, chance: _Floats) -> None: ...
