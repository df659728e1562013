"""BlockSpace: a search space of blocks of one's own."""

from __future__ import annotations

import os

from ...base.checks import integer, is_list, items, public, shown
from ...base.record import cached
from ...errors import ArgumentError, ArgumentTypeError, FormatError
from ..choices import parse
from ..tabled import TabledSpace
from .network import BlockNetwork
from .numbering import Numbering
from .stage import Stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ...base.html import Part
    from ...choosing.problem import ChoiceProblem
    from .fragments import Fragment

    Shape = tuple[int, ...]

__all__ = ["BlockSpace"]

MAX_AXIS = 1 << 24
MAX_MULTIPLIER = 64
BITS = (4, 8, 16, 32)


@public
class BlockSpace(TabledSpace):
    """A space of networks made of blocks of one's own.

    Stages follow one another; each block of a stage is one of the stage's options, functions that
    give a torch module, layer rows or a `Network`. Each option is built once for each shape that
    can reach it, and charged by the target; a network's costs are the sums of its blocks'. So
    `flash.search` proves its answer, and all else that takes a space takes this one.

    Parameters
    ----------
    stages : sequence of Stage
    input : (int, int, int), default (3, 224, 224)
        What networks read, without the batch: (channels, height, width), (tokens, features), or a
        length alone for token numbers. A list of such is a choice: the variable "input".
    stem : Stage or function, optional
        What comes before the stages: a function hands on as many channels as the first stage does;
        where that is a choice, it has the same choices, by itself.
    head : Stage or function, optional
        What ends the network, with `num_classes` out channels: a function
        ``(in_channels, num_classes, 1)``. A Stage without widths has as many. Without a head the
        last stage ends the network.
    num_classes : int, default 1000
    name : str, default "blocks"
        What results and files call it.
    width_multipliers : numbers above 0, default 1
        What all widths are multiplied by, those of the stem among them, not what the network ends
        with: several are a choice, the variable "width_multiplier". Products are rounded to a
        multiple of 8 as MobileNets' are (never below 90 % of the product); 1 leaves widths as they
        are.
    bits : {32, 16, 8, 4}, default 32
        Of weights and activations: what memory budgets count.
    origin : dict, optional
        Of a space that comes with flash, or that is registered: the options that made it, as files
        hold them.

    Attributes
    ----------
    family : str
        Its name.
    size : int
        How many networks there are, exactly. Each combination of choices is one: networks whose
        skips lie at other places are counted apart, though they may have the same blocks.
    variables, lengths, bounds, groups
        As of a `SearchSpace`. Names: "width_body", "depth_body", "block_body_0" (the stage's name,
        or its number, from 0; "stem", "head"), without those of one choice.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the space is too large to compile. Options are built when
        networks or costs are first asked for; an option that gives other shapes than it should,
        that raises, or that is not deterministic is refused then, by its name and place.

    Notes
    -----
    A cell, of NN-Degree and of predictors, is a stage, or a block where stages are long: see
    `Stage`. Stem and head are cells of their own. Costs of a block are those that the target has
    for it behind the block before it; a space in which they depend on more is refused when it is
    compiled.

    Examples
    --------
    >>> def mb(in_channels, out_channels, stride, *, kernel=(3, 5), expansion=(3, 6)):
    ...     wide = in_channels * expansion
    ...     return torch.nn.Sequential(...)
    >>> space = flash.BlockSpace([flash.Stage(mb, [16, 24], flash.Range(1, 4), stride=2)],
    head=head) >>> flash.search(space, "cpu-x86", max_latency_ms=5.0)
    """

    stages: Sequence[Stage]
    input: Any = (3, 224, 224)
    stem: Any = None
    head: Any = None
    num_classes: int = 1000
    name: str = "blocks"
    width_multipliers: Any = 1
    bits: int = 32
    origin: Mapping[str, Any] | None = None

    if TYPE_CHECKING:
        numbering: Numbering  # no field: set once the fields are checked

        def __init__(  # what is given is more than what the fields hold
            self,
            stages: Sequence[Stage] | Stage,
            input: Any = (3, 224, 224),
            stem: Any = None,
            head: Any = None,
            num_classes: int = 1000,
            name: str = "blocks",
            width_multipliers: Any = 1,
            bits: int = 32,
            origin: Mapping[str, Any] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        state = self.__dict__
        given: Any = [self.stages] if isinstance(self.stages, Stage) else self.stages
        for place, one in enumerate(items("stages", given, 256)):
            if not isinstance(one, Stage):
                raise ArgumentTypeError(f"stages[{place}] must be a Stage, got {shown(one)}")
        state["stages"] = tuple(given)
        if not state["stages"]:
            raise ArgumentError("stages must be at least one, got none")
        state["num_classes"] = integer("num_classes", self.num_classes, 1, 1 << 24)
        called: Any = self.name
        if not (isinstance(called, str) and called.strip() and called.isprintable()):
            raise ArgumentTypeError(f"name must be a text, got {shown(self.name)}")
        state["family"] = called
        state["bits"] = integer("bits", self.bits, 1, max(BITS))
        if self.bits not in BITS:
            raise ArgumentError(
                f"bits must be one of {', '.join(map(str, BITS))}, got {self.bits!r}"
            )
        shapes = state["inputs"] = _inputs(self.input)
        state["input"] = shapes[0] if len(shapes) == 1 else list(shapes)  # equal however spelt
        factors = parse("width_multipliers", self.width_multipliers, above=0, high=MAX_MULTIPLIER)
        state["width_multipliers"] = factors
        if len({(len(one), one[0] if len(one) == 3 else one[-1]) for one in state["inputs"]}) > 1:
            raise ArgumentError(f"input: all must have the same channels, got {shown(self.input)}")
        first = state["stages"][0]
        if self.stem is not None and not isinstance(self.stem, Stage):
            state["stem"] = Stage(self.stem, first.widths, name="stem")
        if self.head is not None and not isinstance(self.head, Stage):
            state["head"] = Stage(self.head, self.num_classes, name="head")
        elif self.head is not None and self.head.widths is None:
            state["head"] = self.head.replace(widths=self.num_classes)
        names = self.stage_names
        if len(set(names)) < len(names):
            raise ArgumentError(f"stages must have different names, got {', '.join(names)}")
        state["numbering"] = Numbering(self)

    def __hash__(self) -> int:
        return hash((self.name, self.size))

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """What networks may read."""
        found: tuple[Shape, ...] = self.__dict__["inputs"]
        return found

    @cached
    def sizes(self) -> tuple[int, ...]:
        """The inputs as single numbers: heights of images, or their widths or areas where these
        tell them apart; lengths of sequences. Else their numbers, from 0."""
        several = self.inputs
        if len(several[0]) != 3:
            return tuple(one[0] for one in several)
        for told in (
            [h for _, h, _ in several],
            [w for *_, w in several],
            [h * w for _, h, w in several],
        ):
            if len(set(told)) == len(told):
                return tuple(told)
        return tuple(range(len(several)))

    @property
    def channels(self) -> int:
        """What the first stage reads: channels of the image, features of a token; of token numbers
        their number."""
        first = self.inputs[0]
        return first[0] if len(first) == 3 else first[-1]

    @cached
    def factors(self) -> tuple[float, ...]:
        """Choices of the width multiplier."""
        return tuple(self.width_multipliers)

    @cached
    def all_stages(self) -> tuple[Stage, ...]:
        """Stem, stages and head."""
        ends = [[] if one is None else [one] for one in (self.stem, self.head)]
        return (*ends[0], *self.stages, *ends[1])

    @cached
    def stage_names(self) -> tuple[str, ...]:
        """Their names."""
        found = [one.name or str(number) for number, one in enumerate(self.stages)]
        before = [] if self.stem is None else [self.stem.name or "stem"]
        after = [] if self.head is None else [self.head.name or "head"]
        return (*before, *found, *after)

    @cached
    def size(self) -> int:
        """How many networks there are, exactly."""
        return self.numbering.size

    @cached
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order: the global ones, then stage by stage."""
        return self.numbering.variables

    @cached
    def lengths(self) -> tuple[int, ...]:
        """Choices of each variable, counted."""
        return self.numbering.lengths

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the variables that belong together: the global ones, then cell by cell."""
        return self.numbering.groups

    def choices_of(self, variable: str) -> tuple[Any, ...]:
        """Return what a variable's choices are: widths, depths, or blocks by name."""
        from ...base.checks import choice

        name = choice("variable", variable, self.variables)
        return next(one.values for one in self.numbering.all if one.name == name)

    def decode(self, i: int | Sequence[int]) -> BlockNetwork:
        """Return the network of a flat index in [0, size), or of a row of choice indices.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the index or an entry of the row is out of range.
        """
        from ..index import checked_row, row_at

        if hasattr(i, "__len__"):
            row = checked_row(self, i)
        else:
            row = row_at(self, integer("i", i, 0, self.size - 1))
        return BlockNetwork(self, dict(zip(self.variables, row, strict=True)))

    def encode(self, network: BlockNetwork) -> tuple[int, ...]:
        """Return the row of choice indices of a network of this space.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is none.
        """
        if not isinstance(network, BlockNetwork):
            raise ArgumentTypeError(f"network must be a BlockNetwork, got {shown(network)}")
        if network.space is not self and network.space != self:
            raise ArgumentError(f"network is of another space, {network.family}")
        return network.row

    if TYPE_CHECKING:

        def sample(self, n: int, seed: int = 0) -> list[BlockNetwork]: ...

    def fragments(self) -> list[Fragment]:
        """Return each distinct block once, at the shape that reaches it, stem and head among them.

        What a table of measured layers needs: `flash measure --layers`.
        """
        from .recipe import fragments

        return fragments(self)

    def choices(self, target: Any = None, *, scores: Any = None) -> ChoiceProblem:
        """Return the space as a problem of choices: a group for each block, or for each stage that
        is one cell, an option for each of its rows.

        Parameters
        ----------
        target : Target or str, optional
            Whose costs are metrics; its latency must be a plain sum over layers. Default none.
        scores : path, DataFrame, list of rows or mapping, optional
            What each choice is worth, as `ChoiceProblem.from_table` takes tables. A column "layer"
            names the group ("layers_7"), or says its number among those that have a choice, from
            0. A column "option" has the block's label ("layer kv_heads 8 width 8192"), or its
            option beside a column for each choice; or there are columns of choices alone
            (kv_heads, width), 0 or nothing where a block has none. All other columns are scores,
            and become metrics.

        Returns
        -------
        ChoiceProblem
            For `flash.choose`, `flash.pareto` and `flash.sweep`. Metrics: the target's costs,
            params, macs, weights_kib, memory_kib (a peak), what options add (`Option.metrics`), and
            the scores. `chosen` makes the network of an answer.

        Raises
        ------
        ArgumentError, ArgumentTypeError, FormatError
            If the space has choices of the whole network, costs on the target are no sums, or the
            table lacks a block that is a choice, has one twice, or one that is none: named.
        """
        from ...choosing.of_blocks import choices_of

        return choices_of(self, target, scores)

    def chosen(self, choices: Any) -> BlockNetwork:
        """Return the network of an answer to `choices`: of `flash.choose`, or a dict of groups.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If a group is missing, or an option unknown.
        """
        from ...choosing.of_blocks import network_of

        return network_of(self, choices)

    def replace(self, **changes: Any) -> BlockSpace:
        """Return a copy with some fields changed: no longer what `origin` makes."""
        return super().replace(**({"origin": None, **changes} if changes else {}))

    __replace__ = replace

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what `from_dict` makes an equal space of, where its options are known
        by name, and else what tells it from others."""
        from .files import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BlockSpace:
        """Make a space from plain data, as a TOML or JSON file holds it.

        Raises
        ------
        FormatError
            If a key is unknown or missing, a value not accepted, or a block is known by no such
            name.
        """
        from .files import from_dict

        return from_dict(data)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BlockSpace:
        """Read a space from a TOML or JSON file: see `from_dict`.

        Raises
        ------
        FormatError
            As `from_dict`, and if the file is of a space of another make.
        """
        from ..files import load

        found: Any = load(path)
        if not isinstance(found, BlockSpace):
            raise FormatError(
                f"the space file {shown(os.fspath(path))} is of a space of {found.family!r}, not "
                "of blocks: SearchSpace.load reads it"
            )
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the space to a .toml or .json file. The file is either complete or not there.

        Of blocks that are functions it holds what they are called: `load` reads such a file where
        this process has the space, or it is registered.
        """
        from ..files import save

        save(self, path)

    def _parts(self) -> list[Part]:
        rows = [["stage", "options", "widths", "repeats", "stride"]]
        for name, stage, widths in zip(
            self.stage_names, self.all_stages, self.numbering.widths, strict=True
        ):
            options = ", ".join(
                f"{own} ({len(one.combinations)})" if one is not None else own
                for own, one in stage.options.items()
            )
            told = (", ".join(map(str, some)) for some in (widths, stage.depths))
            rows.append([name, options, *told, str(stage.stride)])
        return [self.name, (rows, 2, True), f"{self.size:,} networks"]


def _inputs(given: Any) -> tuple[Shape, ...]:
    """Return the input shapes: one, or several where a list of them is given."""
    several = isinstance(given, list) and given and all(is_list(one) for one in given)
    found: list[Shape] = []
    each: list[Any] = given if several else [given]
    for one in each:
        kind = type(one)
        shape = (one,) if issubclass(kind, int) and kind is not bool else one
        if not is_list(shape) or not 1 <= len(shape) <= 3:
            raise ArgumentError(
                "input must be (channels, height, width), (tokens, features) or a length for token "
                f"numbers, or a list of such, got {shown(given)}"
            )
        found.append(
            tuple(integer(f"input[{k}]", side, 1, MAX_AXIS) for k, side in enumerate(shape))
        )
    if len(set(found)) < len(found):
        raise ArgumentError(f"input must hold each shape once, got {shown(given)}")
    return tuple(found)
