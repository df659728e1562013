"""How the networks of a `BlockSpace` are numbered, and where they lie in tables.

A *variant* is one combination of the global choices: the input's size, the width multiplier, and
width and repeats of the stages whose blocks are cells by themselves. In a variant a network is a
sequence of *cells*, and a cell's *row* is one combination of its own choices: of a whole stage its
width, its repeats and a choice for each of its blocks (those of fewer repeats first), of a single
block its choice. In tables a row stands once for each width that the cell before may hand on.

A flat index counts variants in lexicographic order of the global choices, and in each of them
combinations of rows, cell 0 first. A *row of choice indices* has one entry for every variable that
has more than one choice; entries of blocks that a network has not are 0 and count nothing.
"""

from __future__ import annotations

from ...base.record import Record, cached
from ...errors import ArgumentError
from ...networks.families import make_divisible
from ..index import digits_of, in_range, number_of
from .fragments import Fragment, made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from .options import Variant
    from .space import BlockSpace
    from .stage import Stage

    Row = tuple[int, ...]
    Shape = tuple[int, ...]

__all__ = ["Cell", "Layout", "Numbering", "Spot"]

MERGED = 20_000  # rows of a stage that is one cell by default
DEEP = 12  # cells of the largest network that the families' solver takes
JOINED, FEW = 8192, 6  # rows of several blocks that lie in one cell, where so few cells are left
MAX_ROWS = 1 << 22  # of a cell
MAX_TABLE = 1 << 25  # rows of all tables
MAX_VARIANTS = 1 << 14
GIVEN = "given "  # before the name of what an option is given: it may be called as a stage's own
MAX_CELLS = 128
MAX_BLOCKS = 1 << 17  # distinct ones, each of which is built


class Spot(Record):
    """One block's place.

    Parameters
    ----------
    stage, place : int
        Number of the stage (stem and head among them), and of the block in it.
    first : bool
        Whether it is the first of its stage: it reads what the stage before hands on.
    options : tuple of int
        Which of `Stage.variants` it may be.
    """

    stage: int
    place: int
    first: bool
    options: tuple[int, ...]


class Cell(Record):
    """What one row of tables stands for, in one variant.

    Parameters
    ----------
    stage : int
    spots : tuple of Spot
        Its blocks, of the greatest number of repeats.
    depths : tuple of int
        Choices of how many of them there are.
    into : tuple of int
        Widths that it may read.
    widths : tuple of int
        Widths that it may hand on: one for each own state.
    shared : bool
        Whether all of its blocks have one choice.
    apart : bool
        Whether each of its blocks is a cell of NN-Degree by itself, and they only lie in one table:
        a few large tables are searched far faster than many small ones.
    """

    stage: int
    spots: tuple[Spot, ...]
    depths: tuple[int, ...]
    into: tuple[int, ...]
    widths: tuple[int, ...]
    shared: bool
    apart: bool = False

    @cached
    def sizes(self) -> tuple[int, ...]:
        """Combinations of blocks for each choice of depth."""
        found = []
        for depth in self.depths:
            size = 1
            for spot in self.spots[: 1 if self.shared else depth]:
                size *= len(spot.options)
            found.append(size)
        return tuple(found)

    @cached
    def each(self) -> int:
        """Rows of one width."""
        return sum(self.sizes)

    @cached
    def rows(self) -> int:
        """Its own rows; tables have them for each of `into`."""
        return len(self.widths) * self.each

    def digits(self, row: int) -> tuple[int, int, tuple[int, ...]]:
        """Return (choice of width, choice of depth, choice of each block) of a row."""
        width, rest = divmod(row, self.each)
        depth = 0
        while rest >= self.sizes[depth]:
            rest -= self.sizes[depth]
            depth += 1
        count = 1 if self.shared else self.depths[depth]
        lengths = [len(spot.options) for spot in self.spots[:count]]
        return width, depth, tuple(digits_of(rest, lengths))

    def number(self, width: int, depth: int, blocks: Sequence[int]) -> int:
        """Return the row of its digits."""
        count = 1 if self.shared else self.depths[depth]
        lengths = [len(spot.options) for spot in self.spots[:count]]
        inner: int = number_of(blocks[:count], lengths)
        return width * self.each + sum(self.sizes[:depth]) + inner

    @cached
    def table(self) -> Any:
        """int32 array (rows of one width, 1 + blocks): choice of depth, then of each block; -1
        where a row has no such block. Of a shared choice each block has it."""
        import numpy as np

        blocks = len(self.spots)
        found = np.full((self.each, 1 + blocks), -1, np.int32)
        start = 0
        for k, (depth, size) in enumerate(zip(self.depths, self.sizes, strict=True)):
            own = found[start : start + size]
            own[:, 0] = k
            count = 1 if self.shared else depth
            left = np.arange(size)
            for place in range(count - 1, -1, -1):
                length = len(self.spots[place].options)
                own[:, 1 + place] = left % length
                left //= length
            if self.shared:
                own[:, 2 : 1 + depth] = own[:, 1:2]
            start += size
        return found


class Layout(Record):
    """One variant.

    Parameters
    ----------
    digits : tuple of int
        Its global choices.
    shape : tuple of int
        What the network reads.
    cells : tuple of Cell
    first : int
        Its first flat index.
    """

    digits: tuple[int, ...]
    shape: Shape
    cells: tuple[Cell, ...]
    first: int

    @cached
    def size(self) -> int:
        """Its networks."""
        found = 1
        for cell in self.cells:
            found *= cell.rows
        return found


class _Variable(Record):
    """A variable: what it is of, and its choices.

    kind: "input", "multiplier", "width", "depth" or "block"; place: of a block, in its stage.
    """

    name: str
    kind: str
    stage: int
    place: int
    values: tuple[Any, ...]


class Numbering:
    """The numbering of a space's networks."""

    def __init__(self, space: BlockSpace) -> None:
        self.space = space
        self.stages: tuple[Stage, ...] = space.all_stages
        self.names: tuple[str, ...] = space.stage_names
        self._fragments: dict[Any, Fragment] = {}
        self._built: dict[Any, Any] = {}
        self._shapes: dict[Any, Shape] = {}
        self._choose()
        self._lay_out()
        self.told  # noqa: B018 - names that two stages have are found here

    # what is global, and what each cell has

    def _choose(self) -> None:
        """Decide which stages are cells, and which choices are global."""
        factors = self.space.factors
        channels: tuple[int, ...] = (self.space.channels,)
        incoming = (channels,) * len(factors)
        self.widths: list[tuple[int, ...]] = []  # of each stage
        self.scaled: list[tuple[tuple[int, ...], ...]] = []  # the same with each multiplier
        self.source: list[int] = []  # of each stage: the stage that chooses its width
        self.options: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.whole: list[bool] = []
        for number, stage in enumerate(self.stages):
            follows = stage.widths is None
            own = tuple(map(int, stage.widths or ()))
            if follows:
                own = self.widths[-1] if number else channels
            ended = number == len(self.stages) - 1  # its widths are what the network hands on
            at = incoming
            if not follows:
                at = tuple(
                    own if ended else self._scaled(number, own, factor) for factor in factors
                )
            self.widths.append(own)
            self.scaled.append(at)
            self.source.append(self.source[-1] if follows and number else number)
            keeps = stage.stride == 1 and (follows or (at == incoming and len(own) == 1))
            every = tuple(range(len(stage.variants)))
            first = tuple(k for k in every if keeps or stage.variants[k].option is not None)
            if not first:
                raise ArgumentError(
                    f"stage {self.names[number]} must have an option beside skip: its first block "
                    "changes stride or width"
                )
            self.options.append((first, first if stage.shared else every))
            rows = (1 if follows else len(own)) * sum(
                stage.combinations(depth, first, every) for depth in stage.depths
            )
            merged = stage.cell == "stage" or stage.shared or stage.depths == (1,)
            if stage.cell is None and not merged:
                merged = rows <= MERGED
            if merged and rows > MAX_ROWS:
                raise ArgumentError(
                    f"stage {self.names[number]} has {rows:,} combinations of its choices, at most "
                    f"{MAX_ROWS:,} fit tables; cell='block' makes each block a cell by itself"
                )
            self.whole.append(merged)
            incoming = at
        if all(
            any(stage.variants[k].option is None for k in first)
            for stage, (first, _) in zip(self.stages, self.options, strict=True)
        ):
            raise ArgumentError(
                "every stage can be skipped as a whole, and a network must have a block: give the "
                "space a head, or a stage without skip"
            )
        # widths that stages of single blocks have, or that a stage after it follows, are global
        shared = {self.source[k] for k in range(len(self.stages)) if not self.whole[k]}
        shared |= {self.source[k] for k in range(len(self.stages)) if self.source[k] != k}
        self.global_widths: tuple[int, ...] = tuple(
            k for k in sorted(shared) if len(self.widths[k]) > 1
        )

    def _scaled(self, number: int, widths: tuple[int, ...], factor: float) -> tuple[int, ...]:
        if factor == 1:
            return widths
        found = tuple(make_divisible(factor * width) for width in widths)
        if len(set(found)) < len(found):
            raise ArgumentError(
                f"width_multipliers must leave the widths of stage {self.names[number]} different, "
                f"got {', '.join(map(str, found))} of {', '.join(map(str, widths))} at {factor}"
            )
        return found

    @cached
    def globals(self) -> tuple[_Variable, ...]:
        """The global variables."""
        found = []
        if len(self.space.inputs) > 1:
            found.append(_Variable("input", "input", -1, 0, self.space.sizes))
        if len(self.space.factors) > 1:
            found.append(_Variable("width_multiplier", "multiplier", -1, 0, self.space.factors))
        for number, stage in enumerate(self.stages):
            name = self.names[number]
            if number in self.global_widths:
                found.append(_Variable(f"width_{name}", "width", number, 0, self.widths[number]))
            if not self.whole[number] and len(stage.depths) > 1:
                found.append(_Variable(f"depth_{name}", "depth", number, 0, stage.depths))
        return tuple(found)

    @cached
    def locals(self) -> tuple[tuple[_Variable, ...], ...]:
        """The variables of each stage; of a block by itself those of the stage's blocks in turn."""
        found = []
        for number, stage in enumerate(self.stages):
            name, own = self.names[number], []
            open_ = stage.widths is not None and len(stage.widths) > 1
            if open_ and number not in self.global_widths:
                own.append(_Variable(f"width_{name}", "width", number, 0, self.widths[number]))
            if self.whole[number] and len(stage.depths) > 1:
                own.append(_Variable(f"depth_{name}", "depth", number, 0, stage.depths))
            count = 1 if stage.shared else max(stage.depths)
            for place in range(count):
                options = self.options[number][place > 0]
                if len(options) > 1:
                    alone = stage.shared or max(stage.depths) == 1
                    called = f"block_{name}" if alone else f"block_{name}_{place}"
                    labels = tuple(stage.variants[k].label for k in options)
                    own.append(_Variable(called, "block", number, place, labels))
            found.append(tuple(own))
        return tuple(found)

    @cached
    def all(self) -> tuple[_Variable, ...]:
        """All variables in their order."""
        return (*self.globals, *(one for own in self.locals for one in own))

    @cached
    def variables(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(one.name for one in self.all)

    @cached
    def lengths(self) -> Row:
        """Choices of each."""
        return tuple(len(one.values) for one in self.all)

    @cached
    def groups(self) -> tuple[Row, ...]:
        """Numbers of the variables that belong together: the global ones, then stage by stage; of a
        stage of single blocks each by itself."""
        start = len(self.globals)
        found = [tuple(range(start))]
        for number, own in enumerate(self.locals):
            numbers = tuple(range(start, start + len(own)))
            start += len(own)
            if self.whole[number]:
                found.append(numbers)
            else:
                found += [(one,) for one in numbers]
        return tuple(group for k, group in enumerate(found) if group or k == 0)

    def _lay_out(self) -> None:
        lengths = [len(one.values) for one in self.globals]
        count = 1
        for length in lengths:
            count *= length
        if count > MAX_VARIANTS:
            raise ArgumentError(
                f"global choices must combine to at most {MAX_VARIANTS:,} variants, got {count:,} "
                f"({', '.join(one.name for one in self.globals)}); cell='stage' keeps a stage's "
                f"width "
                "and repeats out of them"
            )
        built = self._blocks()
        if built > MAX_BLOCKS:
            raise ArgumentError(
                f"the space is too large to compile: about {built:,} distinct blocks, each option "
                f"at each width and size, of which at most {MAX_BLOCKS:,} are built"
            )
        found: list[Layout] = []
        first = rows = 0
        for variant in range(count):
            digits = tuple(digits_of(variant, lengths))
            shape, cells = self._cells_of(digits)
            if not 1 <= len(cells) <= MAX_CELLS:
                raise ArgumentError(
                    f"a network must have 1 to {MAX_CELLS} cells, got {len(cells)}; cell='stage' "
                    f"makes "
                    "one of all blocks of a stage"
                )
            found.append(Layout(digits, shape, cells, first))
            rows += sum(len(one.into) * one.rows for one in cells)
            first += found[-1].size
        if rows > MAX_TABLE:
            raise ArgumentError(
                f"the space is too large to compile: {rows:,} rows of tables for {count:,} "
                f"variants "
                f"and up to {max(len(one.cells) for one in found)} cells, of which {MAX_TABLE:,} "
                f"fit"
            )
        self.layouts: tuple[Layout, ...] = tuple(found)
        self.size: int = first

    def _blocks(self) -> int:
        """Return how many blocks must be built, at most."""
        found, into = 0, 1
        for number, stage in enumerate(self.stages):
            first, rest = self.options[number]
            own = len(self.widths[number])
            found += len(first) * (into if stage.widths is None else into * own)
            if max(stage.depths) > 1:
                found += len(rest) * own
            into = own
        return found * len(self.space.inputs) * len(self.space.factors)

    @cached
    def is_deep(self) -> bool:
        """Whether networks have more cells than the families' solver is at its best with."""
        return max(len(one.cells) for one in self.layouts) > DEEP

    def _cells_of(self, digits: Row) -> tuple[Shape, tuple[Cell, ...]]:
        chosen = {
            (one.kind, one.stage): one.values[digit]
            for one, digit in zip(self.globals, digits, strict=True)
        }
        kinds = [one.kind for one in self.globals]  # sizes of inputs may be told by no number
        shape = self.space.inputs[digits[kinds.index("input")] if "input" in kinds else 0]
        factors = self.space.factors
        factor = factors.index(chosen.get(("multiplier", -1), factors[0]))
        into: tuple[int, ...] = (self.space.channels,)
        cells: list[Cell] = []
        for number, stage in enumerate(self.stages):
            widths = self.scaled[number][factor]
            source = self.source[number]
            if source in self.global_widths:
                at = self.widths[source].index(chosen["width", source])
                widths = (self.scaled[source][factor][at],)
            elif stage.widths is None:
                widths = into
            first, rest = self.options[number]
            depths = stage.depths
            if not self.whole[number]:
                depths = (chosen.get(("depth", number), depths[0]),)
            spots = tuple(
                Spot(number, place, place == 0, rest if place else first)
                for place in range(max(depths))
            )
            if self.whole[number]:
                cells.append(Cell(number, spots, depths, into, widths, stage.shared))
            else:
                each = _together(spots)
                for start in range(0, len(spots), each):
                    some = spots[start : start + each]
                    cells.append(Cell(number, some, (len(some),), into, widths, False, True))
                    into = widths
            into = widths
        return shape, tuple(cells)

    # fragments

    def fragment(
        self, spot: Spot, choice: int, into: int, width: int, shape: Shape
    ) -> Fragment | None:
        """Return the block of a choice at a place; None where it is skipped."""
        stage = self.stages[spot.stage]
        variant: Variant = stage.variants[spot.options[choice]]
        if variant.option is None:
            return None
        stride = stage.stride if spot.first else 1
        key = (spot.stage, spot.first, spot.options[choice], into, width, shape)
        found = self._fragments.get(key)
        if found is None:
            where = self.names[spot.stage]
            found = made(where, variant, into, width, stride, shape, self.space.bits, self._built)
            self._fragments[key] = found
        return found

    def shape_after(self, spot: Spot, into: int, width: int, shape: Shape) -> Shape:
        """Return what a place hands on: the same whatever stands there."""
        key = (spot.stage, spot.first, into, width, shape)
        found = self._shapes.get(key)
        if found is not None:
            return found
        said: Fragment | None = None
        for choice in range(len(spot.options)):
            one = self.fragment(spot, choice, into, width, shape)
            handed = shape if one is None else one.shape_out
            if found is not None and handed != found:
                name = "skip" if one is None else one.name
                other = "skip" if said is None else said.name
                raise ArgumentError(
                    f"options must hand on the same: {other} hands on {_size(found)}, and {name} "
                    f"{_size(handed)}"
                )
            found, said = handed, one
        assert found is not None
        self._shapes[key] = found
        return found

    def fragments_of(self, row: Sequence[int]) -> list[tuple[str, int, Fragment]]:
        """Return the blocks of a checked row: name, number of the cell, and the block."""
        found: list[tuple[str, int, Fragment]] = []
        variant, rows = self.rows_of(row)
        first = [0]  # cell of NN-Degree that a cell begins with
        for cell in self.layouts[variant].cells:
            first.append(first[-1] + (len(cell.spots) if cell.apart else 1))
        for number, one, spot in self._placed(variant, rows):
            cell = self.layouts[variant].cells[number]
            label = first[number]
            if cell.apart:
                label += spot.place - cell.spots[0].place
            found.append((self.name_of(spot), label, one))
        return found

    def _placed(self, variant: int, rows: Sequence[int]) -> Iterator[tuple[int, Fragment, Spot]]:
        """Yield the blocks of a place, each with the number of its cell, and where it stands."""
        for number, one, spot in self._places_in(variant, rows):
            if one is not None:
                yield number, one, spot

    def _places_in(
        self, variant: int, rows: Sequence[int]
    ) -> Iterator[tuple[int, Fragment | None, Spot]]:
        """Yield the same of skipped blocks too, which are None."""
        layout = self.layouts[variant]
        shape, into = layout.shape, self.space.channels
        for number, (cell, own) in enumerate(zip(layout.cells, rows, strict=True)):
            width_at, depth, blocks = cell.digits(own)
            width = into if self.stages[cell.stage].widths is None else cell.widths[width_at]
            for place, spot in enumerate(cell.spots[: cell.depths[depth]]):
                choice = blocks[0] if cell.shared else blocks[place]
                one = self.fragment(spot, choice, into, width, shape)
                yield number, one, spot
                if one is not None:
                    shape, into = one.shape_out, width

    def stages_of(
        self, row: Sequence[int]
    ) -> list[tuple[str, int, list[tuple[str, Fragment | None]]]]:
        """Return the stages of a checked row: name, the most blocks that it can have, and of each
        place its name and block, None where it is skipped."""
        variant, rows = self.rows_of(row)
        found: dict[int, list[tuple[str, Fragment | None]]] = {}
        for _, one, spot in self._places_in(variant, rows):
            found.setdefault(spot.stage, []).append((self.name_of(spot), one))
        return [
            (self.names[stage], max(self.stages[stage].depths), some)
            for stage, some in found.items()
        ]

    def name_of(self, spot: Spot) -> str:
        """Return how networks call the block of a place: "body_0", or "stem" where it is alone."""
        name = self.names[spot.stage]
        return f"{name}_{spot.place}" if max(self.stages[spot.stage].depths) > 1 else name

    def reachable(self) -> dict[str, list[Fragment]]:
        """Return every block that may stand at each place, at each shape that reaches it.

        By the places' names; each block once, in an order that depends on nothing but the space.
        They are the objects that `fragments_of` gives.
        """
        found: dict[str, dict[int, Fragment]] = {}
        for layout in self.layouts:
            shapes: dict[int, Shape] = {self.space.channels: layout.shape}
            for cell in layout.cells:
                after: dict[int, Shape] = {}
                follows = self.stages[cell.stage].widths is None
                for first in cell.into:
                    for width in (first,) if follows else cell.widths:
                        into, shape = first, shapes[first]
                        for spot in cell.spots:
                            own = found.setdefault(self.name_of(spot), {})
                            for choice in range(len(spot.options)):
                                one = self.fragment(spot, choice, into, width, shape)
                                if one is not None:
                                    own[id(one)] = one
                            into, shape = width, self.shape_after(spot, into, width, shape)
                        after[width] = shape
                shapes = after
        return {name: list(some.values()) for name, some in found.items()}

    def input_of(self, row: Sequence[int]) -> Shape:
        """Return what a network reads."""
        return self.layouts[self.rows_of(row)[0]].shape

    def output_of(self, row: Sequence[int]) -> Shape:
        """Return what a network hands on."""
        placed = self.fragments_of(row)
        return placed[-1][2].shape_out if placed else self.input_of(row)

    # between flat index, row of choice indices and place

    def row_at(self, flat: int) -> Row:
        """Return the row of choice indices of a flat index."""
        from bisect import bisect_right

        variant = bisect_right(self._firsts, flat) - 1
        layout = self.layouts[variant]
        rows = digits_of(flat - layout.first, [cell.rows for cell in layout.cells])
        return self.row_of(variant, rows)

    @cached
    def _firsts(self) -> list[int]:
        return [one.first for one in self.layouts]

    def flat_of(self, row: Sequence[int]) -> int:
        """Return the flat index of a row of choice indices."""
        variant, rows = self.rows_of(in_range(self.variables, self.lengths, row))
        layout = self.layouts[variant]
        inner: int = number_of(rows, [cell.rows for cell in layout.cells])
        return layout.first + inner

    def checked_row(self, row: Any) -> Row:
        """Return a user's row as a tuple of ints in range, 0 for blocks that a network has not."""
        return self.row_of(*self.rows_of(in_range(self.variables, self.lengths, row)))

    def rows_of(self, row: Sequence[int]) -> tuple[int, Row]:
        """Return (variant, one row number per cell) for a row of choice indices."""
        many = len(self.globals)
        variant: int = number_of(row[:many], [len(one.values) for one in self.globals])
        at = dict(zip(self._keys, row, strict=True))
        rows = []
        for cell in self.layouts[variant].cells:
            width = at.get(("width", cell.stage, 0), 0) if len(cell.widths) > 1 else 0
            if self.stages[cell.stage].widths is None:
                width = 0
            depth = at.get(("depth", cell.stage, 0), 0) if len(cell.depths) > 1 else 0
            count = 1 if cell.shared else cell.depths[depth]
            blocks = [at.get(("block", cell.stage, spot.place), 0) for spot in cell.spots[:count]]
            rows.append(cell.number(width, depth, blocks))
        return variant, tuple(rows)

    @cached
    def _keys(self) -> list[tuple[str, int, int]]:
        return [(one.kind, one.stage, one.place) for one in self.all]

    @cached
    def _places(self) -> dict[tuple[str, int, int], int]:
        return {key: place for place, key in enumerate(self._keys)}

    def row_of(self, variant: int, rows: Sequence[int]) -> Row:
        """Return the row of choice indices for a variant and one row number per cell."""
        found = [0] * len(self.all)
        layout, places = self.layouts[variant], self._places
        found[: len(layout.digits)] = layout.digits
        for cell, own in zip(layout.cells, rows, strict=True):
            width, depth, blocks = cell.digits(own)
            for key, value in (
                (("width", cell.stage, 0), width),
                (("depth", cell.stage, 0), depth),
                *((("block", cell.stage, s.place), b) for s, b in zip(cell.spots, blocks)),  # noqa: B905
            ):
                place = places.get(key)
                if place is not None and place >= len(layout.digits):
                    found[place] = value
        return tuple(found)

    # the same of many

    def places_of(self, choices: Any) -> tuple[Any, Any]:
        """Return int32 (variants, table rows of each cell) of int64 rows of choice indices."""
        import numpy as np

        many = len(self.globals)
        variants = number_of(choices[:, :many].T, [len(one.values) for one in self.globals])
        variants = np.broadcast_to(np.asarray(variants, np.int64), len(choices))
        most = max(len(one.cells) for one in self.layouts)
        rows = np.zeros((len(choices), most), np.int32)
        for variant in np.unique(variants).tolist():
            some = np.flatnonzero(variants == variant)
            handed: Any = 0
            for c, cell in enumerate(self.layouts[variant].cells):
                own, width = self._rows_of_cell(cell, choices[some])
                rows[some, c] = own + handed * cell.rows
                handed = width
        return variants.astype(np.int32), rows

    def _rows_of_cell(self, cell: Cell, choices: Any) -> tuple[Any, Any]:
        """Return the own rows of a cell, and its choices of width."""
        import numpy as np

        zero = np.zeros(len(choices), np.int64)

        def column(kind: str, place: int = 0) -> Any:
            at = self._places.get((kind, cell.stage, place))
            return zero if at is None else choices[:, at]

        width = column("width") if len(cell.widths) > 1 else zero
        depth = column("depth") if len(cell.depths) > 1 else zero
        inner = zero.copy()
        start = 0
        for k, (count, size) in enumerate(zip(cell.depths, cell.sizes, strict=True)):
            number: Any = zero
            for spot in cell.spots[: 1 if cell.shared else count]:
                number = number * len(spot.options) + column("block", spot.place)
            inner = np.where(depth == k, start + number, inner)
            start += size
        return width * cell.each + inner, width

    def choices_at(self, variants: Any, rows: Any) -> Any:
        """Return rows of choice indices, shape (n, variables), for variants and table rows."""
        import numpy as np

        found = np.zeros((len(variants), len(self.all)), np.int64)
        variants = np.asarray(variants)
        for variant in np.unique(variants).tolist():
            layout = self.layouts[variant]
            some = np.flatnonzero(variants == variant)
            found[some, : len(layout.digits)] = layout.digits
            for c, cell in enumerate(layout.cells):
                own = rows[some, c].astype(np.int64) % cell.rows
                at = self._places.get(("width", cell.stage, 0))
                if at is not None and len(cell.widths) > 1:
                    found[some, at] = own // cell.each
                told = cell.table[own % cell.each]
                at = self._places.get(("depth", cell.stage, 0))
                if at is not None and len(cell.depths) > 1:
                    found[some, at] = told[:, 0]
                for k, spot in enumerate(cell.spots[: 1 if cell.shared else None]):
                    at = self._places.get(("block", cell.stage, spot.place))
                    if at is not None:
                        found[some, at] = np.maximum(told[:, 1 + k], 0)
        return found

    def canonical(self, choices: Any) -> Any:
        """Return rows with 0 for all that their networks have not."""
        return self.choices_at(*self.places_of(choices))

    def draw(self, rng: Any, n: int) -> Any:
        """Draw rows of choice indices, each network as likely as any other."""
        import numpy as np

        sizes = np.array([one.size / self.size for one in self.layouts])
        variants = np.zeros(n, np.int32)
        if len(sizes) > 1:
            variants = rng.choice(len(sizes), size=n, p=sizes / sizes.sum()).astype(np.int32)
        most = max(len(one.cells) for one in self.layouts)
        rows = np.zeros((n, most), np.int32)
        for variant in np.unique(variants).tolist():
            some = np.flatnonzero(variants == variant)
            for c, cell in enumerate(self.layouts[variant].cells):
                rows[some, c] = rng.integers(0, cell.rows, size=len(some))
        return self.choices_at(variants, rows)

    # what choices are, for conditions

    @cached
    def told(self) -> Mapping[str, tuple[str, int, int]]:
        """Names by which conditions call choices, each with what it is of: (what, stage, place).

        "width_body" (without the multiplier), "depth_body" and "input" are numbers; "block_body_0"
        is the whole choice as a text, "option_body_0" the option's name, and "kernel_body_0" what
        it is given.
        """
        found: dict[str, tuple[str, int, int]] = {}

        def put(name: str, *of: Any) -> None:
            other = found.setdefault(name, of)
            if other != of:
                one, two = (self.names[stage] for _, stage, _ in (other, of))
                both = (
                    f"stages {one} and {two} both have" if one != two else f"stage {one} has twice"
                )
                raise ArgumentError(
                    f"{both} what is called {name}; give a stage, or what an option takes, another "
                    "name"
                )

        if len(self.space.inputs) > 1:
            put("input", "input", -1, 0)
        if len(self.space.factors) > 1:
            put("width_multiplier", "multiplier", -1, 0)
        for number, stage in enumerate(self.stages):
            name = self.names[number]
            if len(self.widths[number]) > 1:
                put(f"width_{name}", "width", number, 0)
            if len(stage.depths) > 1:
                put(f"depth_{name}", "depth", number, 0)
            if len(stage.variants) < 2:
                continue
            keys = dict.fromkeys(key for one in stage.variants for key in one.keywords)
            alone = stage.shared or max(stage.depths) == 1
            for place in range(1 if stage.shared else max(stage.depths)):
                tail = name if alone else f"{name}_{place}"
                for what in ("block", "option"):
                    put(f"{what}_{tail}", what, number, place)
                for key in keys:
                    put(f"{key}_{tail}", GIVEN + key, number, place)
        return found

    def values(self, variant: int, name: str) -> tuple[int, Any]:
        """Return the cell whose choice a name is, and what each of its own rows has of it; -1 and
        one value for a global choice. An empty array where the variant has no such block.

        Numbers are float64, NaN where a block is not there or has no such choice; all else is text.
        """
        import numpy as np

        what, stage, place = self.told[name]
        layout = self.layouts[variant]
        chosen = {
            (one.kind, one.stage): one.values[digit]
            for one, digit in zip(self.globals, layout.digits, strict=True)
        }
        if (what, stage) in chosen:
            return -1, np.array([float(chosen[what, stage])])
        if what == "width" and self.source[stage] != stage:
            return self.values(variant, f"width_{self.names[self.source[stage]]}")
        for number, cell in enumerate(layout.cells):
            if cell.stage != stage:
                continue
            if what == "width":
                return number, np.repeat(np.array(self.widths[stage], float), cell.each)
            count = len(cell.widths)
            if what == "depth":
                own = np.array(cell.depths, float)[cell.table[:, 0]]
                return number, np.tile(own, count)
            for k, spot in enumerate(cell.spots):
                if spot.place == place:
                    told = [self._of_variant(stage, what, one) for one in spot.options]
                    return number, np.tile(_picked(told, cell.table[:, 1 + k]), count)
        return len(layout.cells), np.zeros(0)

    def _of_variant(self, stage: int, what: str, number: int) -> Any:
        one = self.stages[stage].variants[number]
        if what == "block":
            return one.label
        return one.name if what == "option" else one.keywords.get(what.removeprefix(GIVEN))

    def spots_of(self, variant: int, place: int) -> tuple[list[int], Any]:
        """Return the variables that a cell's rows choose, and their choice indices in each of its
        own rows, shape (rows, variables); 0 for blocks that a row has not."""
        import numpy as np

        cell = self.layouts[variant].cells[place]
        numbers: list[int] = []
        columns: list[Any] = []
        for kind in ("width", "depth"):
            at = self._places.get((kind, cell.stage, 0))
            if at is not None and len(cell.widths if kind == "width" else cell.depths) > 1:
                numbers.append(at)
                columns.append(
                    np.repeat(np.arange(len(cell.widths)), cell.each)
                    if kind == "width"
                    else np.tile(cell.table[:, 0], len(cell.widths))
                )
        for k, spot in enumerate(cell.spots[: 1 if cell.shared else None]):
            at = self._places.get(("block", cell.stage, spot.place))
            if at is not None:
                numbers.append(at)
                columns.append(np.tile(np.maximum(cell.table[:, 1 + k], 0), len(cell.widths)))
        rows = np.array(columns, np.int64).reshape(len(columns), cell.rows).T
        return numbers, rows

    def network_at(self, variant: int, rows: Sequence[int]) -> tuple[Any, ...]:
        """Return what tells the network of a place from all others: its input and its blocks."""
        found: list[Any] = [self.layouts[variant].shape]
        apart = [cell.apart for cell in self.layouts[variant].cells]
        found += [
            (cell, spot.place if apart[cell] else 0, one.variant.label, one.out_channels)
            for cell, one, spot in self._placed(variant, rows)
        ]
        return tuple(found)

    def networks_of(self, variant: int, place: int) -> Any:
        """Return a number for each own row of a cell: the same for rows that are the same blocks,
        where skipped ones leave no trace."""
        import numpy as np

        cell = self.layouts[variant].cells[place]
        if cell.apart:  # each block is a cell, and where a skip is tells networks apart
            return np.arange(cell.rows)
        stage = self.stages[cell.stage]
        table = np.full((cell.each, 1 + len(cell.spots)), -1, np.int64)
        filled = np.zeros(cell.each, np.int64)
        for k, spot in enumerate(cell.spots):
            choice = cell.table[:, 1 + k]
            own = np.array(
                [-1 if stage.variants[one].option is None else one for one in spot.options]
            )[np.maximum(choice, 0)]
            there = np.flatnonzero((choice >= 0) & (own >= 0))
            table[there, 1 + filled[there]] = own[there]
            filled[there] += 1
        _, which = np.unique(table, axis=0, return_inverse=True)
        which = which.ravel()
        return np.concatenate([which + k * cell.each for k in range(len(cell.widths))])


def _picked(told: Sequence[Any], choice: Any) -> Any:
    """Return what each row has of what its choice is; nothing where the choice is -1."""
    import numpy as np

    plain = all(one is None or isinstance(one, (bool, int, float)) for one in told)
    if plain:
        own = np.array([float("nan") if one is None else float(one) for one in [*told, None]])
    else:
        own = np.array(["" if one is None else str(one) for one in [*told, None]])
    return own[choice]


def _together(spots: Sequence[Spot]) -> int:
    """Return how many blocks in a row lie in one cell: as many as give few rows, where that leaves
    few cells; else each is one by itself."""
    options = max(len(spot.options) for spot in spots)
    each = 1
    while options ** (each + 1) <= JOINED and each < len(spots):
        each += 1
    return each if -(-len(spots) // each) <= FEW else 1


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
