"""A space as nested tuples of integers, for the compiled core: the inner part of `SearchSpace`."""

from __future__ import annotations

from ..errors import ArgumentError
from ..networks.families import FAMILIES, default_width, stride_of_cell
from .choices import caps, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .space import SearchSpace

    Ints = tuple[int, ...]
    PlanCell = tuple[int, Ints, Ints, tuple[Ints, ...], Ints, Ints]
    Plan = tuple[int, int, tuple[tuple[int, int, tuple[PlanCell, ...]], ...]]

__all__ = ["make_plan"]

MAX_PLAN_ROWS = 1 << 24
MAX_VARIANTS = 1 << 16


def make_plan(space: SearchSpace) -> Plan:
    """Return what `SearchSpace.plan` documents."""
    variants = len(space.factors) * len(space.cells) * len(space.resolution)
    if variants > MAX_VARIANTS:
        raise ArgumentError(
            f"global choices must combine to at most {MAX_VARIANTS} variants, got {variants}"
        )
    numbers = len(space.factors) * sum(
        len(one) for variables in space.cell_choices for one in variables
    )
    if numbers > MAX_PLAN_ROWS:
        raise ArgumentError(
            f"width_multipliers times choices must be at most {MAX_PLAN_ROWS}, got {numbers}"
        )
    for number, variables in enumerate(space.cell_choices):
        rows = 1
        for one in variables:
            rows *= len(one)
        if rows > MAX_PLAN_ROWS:
            raise ArgumentError(
                f"choices of cell {number} must combine to at most {MAX_PLAN_ROWS} rows, got {rows}"
            )
    planned: dict[tuple[int, int, bool], PlanCell] = {}
    result = []
    offset = 0
    for factor in range(len(space.factors)):
        for count, block in zip(space.cells, space.combinations, strict=True):
            for resolution in space.resolution:
                cells = []
                for cell in range(int(count)):
                    key = (factor, cell, resolution > 64)
                    if key not in planned:
                        planned[key] = _plan_cell(space, *key)
                    cells.append(planned[key])
                result.append((offset, int(resolution), tuple(cells)))
                offset += block
    return FAMILIES.index(space.family), space.classes, tuple(result)


def _plan_cell(space: SearchSpace, factor: int, cell: int, imagenet: bool) -> PlanCell:
    if space.widths is None:
        widths: Ints = (default_width(space.family, space.factors[factor], cell, imagenet),)
    else:
        widths = values(space.widths[cell])
    addition = space.family != "densenet"
    skips = space.skips[cell]
    return (
        stride_of_cell(space.family, cell, imagenet),
        widths,
        values(space.depths[cell]),
        tuple([caps(skips, width, addition) for width in widths]),
        (1,) if space.expansions is None else values(space.expansions[cell]),
        (3,) if space.kernels is None else values(space.kernels[cell]),
    )
