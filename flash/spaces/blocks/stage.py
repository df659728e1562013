"""Stage: blocks one after another, each of which is one of several options."""

from __future__ import annotations

from ...base.checks import choice, flag, integer, public, shown
from ...base.record import Record, cached
from ...errors import ArgumentError
from ..choices import parse, values
from .options import as_options, variants_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ...base.html import Part
    from ..choices import Choices, Given
    from .options import Option, Variant

__all__ = ["Stage"]

MAX_WIDTH = 1 << 24
MAX_REPEATS = 1 << 10
MAX_STRIDE = 1 << 10


@public
class Stage(Record):
    """Blocks one after another: a part of a `BlockSpace`.

    Parameters
    ----------
    options : dict of str to function, a list of functions, or one
        What a block may be: see `Option`. None is skip: nothing stands there. It is a choice
        wherever it can be: not for a block that changes stride or width.
    widths : int, list or Range, optional
        Channels that every block of the stage hands on. Default: as many as the stage reads.
    repeats : int, list or Range, default 1
        How many blocks.
    stride : int, default 1
        Of the first block; all others have stride 1.
    shared : bool, default False
        Whether one choice of option holds for all blocks of the stage; else each has its own.
    cell : {"stage", "block"}, optional
        What compiles to one row of tables, and is one cell of NN-Degree and of predictors: all
        blocks of the stage together, with width and repeats as choices among the rows, or each
        block, with width and repeats as global choices. Default: the stage, where that makes at
        most 20,000 rows, and else the block.
    name : str, optional
        Of the stage, for variables and screens; default its number, from 0.
    """

    options: Mapping[str, Option | None]
    widths: Choices | None = None
    repeats: Choices = (1,)
    stride: int = 1
    shared: bool = False
    cell: str | None = None
    name: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            options: Any,
            widths: Given | None = None,
            repeats: Given = 1,
            stride: int = 1,
            shared: bool = False,
            cell: str | None = None,
            name: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        state = self.__dict__
        where = "stage" if self.name is None else f"stage {shown(self.name)}"
        state["options"] = as_options(self.options, where)
        if self.widths is not None:
            state["widths"] = parse(f"widths of {where}", self.widths, 1, MAX_WIDTH)
        state["repeats"] = parse(f"repeats of {where}", self.repeats, 1, MAX_REPEATS)
        state["stride"] = integer(f"stride of {where}", self.stride, 1, MAX_STRIDE)
        flag("shared", self.shared)
        if self.cell is not None:
            choice("cell", self.cell, ("stage", "block"))
        if self.cell == "block" and self.shared:
            raise ArgumentError("cell must not be 'block' where one option is shared by all blocks")
        called: Any = self.name
        if called is not None and not (isinstance(called, str) and called.isidentifier()):
            raise ArgumentError(
                f"name of a stage must be a word such as 'body', got {shown(self.name)}"
            )

    def _parts(self) -> list[Part]:
        from ...base.html import facts, told

        rows = [["option", "choices", "combinations"]]
        for name, one in self.options.items():
            if one is None:
                rows.append([name, "nothing stands there", "1"])
            else:
                rows.append([name, told(one.choices or {}), f"{len(one.combinations):,}"])
        own = {"widths": self.widths and told(tuple(self.widths)), "repeats": told(self.depths)}
        more = {"stride": self.stride, "shared": told(self.shared), "cell": self.cell}
        title = "stage" if self.name is None else f"stage {self.name}"
        return [title, (rows, 2, True), facts({**own, **more})]

    def __eq__(self, other: object) -> bool:
        """Equal in the order of options and choices too, in which networks are numbered."""
        if self is other:
            return True
        if not isinstance(other, Stage):
            return NotImplemented
        return self._values() == other._values() and self._order == other._order

    def __hash__(self) -> int:
        return hash((self.name, self.stride, self._order))

    @cached
    def _order(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple(
            (name, () if one is None else tuple(one.choices or ()))
            for name, one in self.options.items()
        )

    @cached
    def variants(self) -> tuple[Variant, ...]:
        """Every choice of a block."""
        return variants_of(self.options)

    @cached
    def depths(self) -> tuple[int, ...]:
        """Choices of the number of blocks."""
        return values(self.repeats)

    def combinations(self, depth: int, first: Sequence[int], rest: Sequence[int]) -> int:
        """Return how many networks a depth has, of the choices of the first block and of others."""
        if self.shared:
            return len(first)
        count: int = len(first) * len(rest) ** (depth - 1)
        return count
