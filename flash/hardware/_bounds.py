"""What bounds each row of a network on a target: products, numbers moved, or the calls themselves.

It is told by the target's own model. Where latency is a sum over features (processors, graphics
processors, crossbars), each feature belongs to one of three: "compute" (multiplications, additions,
conversions, exponentials), "calls" (a constant for each operation) or "memory" (all else: numbers
that are read, written or laid out). A row is bound by the one that takes most of its time. Where a
row takes the longer of computing and traffic (FPGAs, systolic arrays with a memory), it is bound by
memory if it would be faster with a memory of any speed, and else by computing; by the call itself
where that takes longer than all else (FPGAs).
"""

from __future__ import annotations

from .._core.model.compile import Model
from ..base.names import N_METRICS, Column

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..networks.operations import Charged
    from . import Target

__all__ = ["BOUNDS", "bounds_of"]

BOUNDS = ("compute", "memory", "calls")
CALLS = (
    *("calls", "joins", "kernels", "kernels_dressed", "layers", "loops", "passes", "products"),
    *("steps", "windows"),
)
COMPUTED = (
    # of processors, beside what begins with macs
    *("accumulations", "curves", "elus", "softmaxes", "softpluses"),
    *("adc_cycles", "chip_adds", "columns", "image", "roots", "rows", "subarrays", "tile_adds"),
)
FASTEST = 1e18  # bits a cycle of a memory of any speed
SPEED = {"fpga": 1, "systolic": 3}  # place of the memory's bits a cycle in `Target.array`
QUANTUM = 2.0**-36
SLACK = 1e-9  # of roundings to quanta, relative


def bounds_of(
    target: Target, family: str, counted: Charged, latencies: Sequence[float]
) -> list[str | None]:
    """Return what bounds each row, None for rows that take no time.

    latencies: of the rows, as the target charges them.
    """
    if target.table is not None:  # what a layer's time is made of is not known
        return [None] * len(counted.rows)
    place = SPEED.get(target.kind)
    if place is not None:
        return _longer(target, family, counted, latencies, place)
    table = target.coefficients[target.set_for(family)]["latency_ms"]
    model = _parted(target, table)
    columns = (Column.LATENCY, Column.ENERGY)  # of "compute" and of "calls"
    found: list[str | None] = []
    for row, latency in zip(counted.rows, latencies, strict=True):
        if not latency:
            found.append(None)
            continue
        charges = model.charge(row)
        computed, called = (sum(one[k] for one in charges) * QUANTUM for k in columns)
        parts = (computed, latency - computed - called, called)
        found.append(BOUNDS[parts.index(max(parts))])
    return found


def _parted(target: Target, table: dict[str, float]) -> Model:
    """Return a model whose latency is what computing takes, and whose energy what calls take."""
    from . import KINDS

    rows = []
    for feature in KINDS[target.kind].FEATURES:
        row = [0.0] * Column.PARAMS
        if feature in CALLS:
            row[Column.ENERGY] = table.get(feature, 0.0)
        elif feature in COMPUTED or feature.startswith("macs"):
            row[Column.LATENCY] = table.get(feature, 0.0)
        rows.append(row)
    return Model(target.kind, rows, (QUANTUM,) * N_METRICS, {}, target.array)


def _longer(
    target: Target, family: str, counted: Charged, latencies: Sequence[float], place: int
) -> list[str | None]:
    array = list(target.array)
    if place < len(array):
        array[place] = FASTEST
    from . import KINDS

    quantum = KINDS[target.kind].QUANTUM[1]
    call = target.coefficients[target.set_for(family)]["latency_ms"].get("layers", 0.0)
    model = target.model_on(family, tuple(array))
    found: list[str | None] = []
    for row, latency in zip(counted.rows, latencies, strict=True):
        charges = model.charge(row)
        alone = sum(one[Column.LATENCY] for one in charges) * quantum
        bound = "memory" if alone < latency * (1.0 - SLACK) else "compute"
        if call * sum(one[Column.LATENCY] > 0 for one in charges) > latency / 2.0:
            bound = "calls"
        found.append(bound if latency else None)
    return found
