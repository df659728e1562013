from typing_extensions import Buffer

__all__ = ("covariances", "evidence", "factor", "forward", "improvement", "inverse", "weigh")

def factor(a: Buffer) -> float: ...
def inverse(l: Buffer, out: Buffer) -> None: ...
def forward(l: Buffer, b: Buffer) -> None: ...
def evidence(
    grams: Buffer,
    distances: Buffer,
    part: Buffer,
    noise: Buffer,
    y: Buffer,
    theta: Buffer,
    gradient: Buffer,
) -> float: ...
def covariances(
    codes: Buffer,
    features: Buffer,
    linear: Buffer,
    tables: Buffer,
    samples: Buffer,
    along: Buffer,
    across: Buffer,
    weights: Buffer,
    out: Buffer,
) -> None: ...
def weigh(
    codes: Buffer,
    features: Buffer,
    linear: Buffer,
    tables: Buffer,
    samples: Buffer,
    along: Buffer,
    across: Buffer,
    weights: Buffer,
    alpha: Buffer,
    own: Buffer,
    mean: Buffer,
    known: Buffer,
) -> None: ...
def improvement(ahead: Buffer, deviation: Buffer, gain: Buffer, chance: Buffer) -> None: ...
