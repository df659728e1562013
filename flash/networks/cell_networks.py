"""CellNetwork: a network made of one searched cell, as PNAS stacks it (arXiv 1712.00559).

A *cell* is a few blocks. A block is ``(input_1, input_2, operator_1, operator_2)``: each operator
is applied to its input and the two results are added. Input 0 is the cell before the previous one,
1 the previous cell, 2 and on the blocks of this cell in order. The cell hands on the concatenation
of all its blocks.
"""

from __future__ import annotations

from ..base.checks import choice, flag, integer, is_list, json_text, public, shown
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from .architecture import Architecture, Counted
from .families import MAX_CLASSES, MAX_RESOLUTION, MAX_SEED, MAX_WIDTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    import torch

    from ..base.html import Part
    from ..spaces.blocks.network import BlockNetwork
    from .network import Network

    Block: TypeAlias = tuple[int, int, str, str]
    Net: TypeAlias = "Architecture | CellNetwork | Network | BlockNetwork"

__all__ = ["FAMILY", "OPERATORS", "PNASNET_5", "SIZES", "CellNetwork", "canonical"]

OPERATORS = (
    "sep3x3",
    "sep5x5",
    "sep7x7",
    "conv1x7-7x1",
    "identity",
    "avg3x3",
    "max3x3",
    "dil3x3",
)
FAMILY = "pnas"
MAX_BLOCKS = 8
MAX_REPEATS = 64
IMAGENET_STEM = 96  # channels of the first convolution: PNASNet-5 as released

# The cell of PNASNet-5: genotypes.py of chenxi116/PNASNet.pytorch.
PNASNET_5: tuple[Block, ...] = (
    (0, 0, "sep5x5", "max3x3"),
    (1, 1, "sep7x7", "max3x3"),
    (1, 1, "sep5x5", "sep3x3"),
    (4, 1, "sep3x3", "max3x3"),
    (0, 1, "sep3x3", "identity"),
)

# What networks of one cell are at the paper's sizes. ImageNet's are those of the released code
# (tensorflow/models, research/slim/nets/nasnet/pnasnet.py, without its auxiliary head): 12 and 9
# cells beside the two of the stem, whose convolution has 32 channels times a multiplier of 3 or 1.
SIZES: dict[str, dict[str, Any]] = {
    "large": {
        "repeats": 4, "filters": 216, "resolution": 331, "num_classes": 1000,
        "stem": 96, "factorised": True,
    },
    "mobile": {
        "repeats": 3, "filters": 54, "resolution": 224, "num_classes": 1000,
        "stem": 32, "factorised": True,
    },
    "cifar": {"repeats": 3, "filters": 48, "factorised": True},
    "proxy": {},
}  # fmt: skip


@public
class CellNetwork(Counted):
    """A network that repeats one cell: three stages, each but the first starting with stride 2.

    Parameters
    ----------
    blocks : sequence of (int, int, str, str)
        The cell: per block two inputs and two of `OPERATORS` (names, or their numbers 0 to 7).
        Block b (from 0) may read inputs 0 to b + 1. 1 to 8 blocks.
    repeats : int, default 2
        Cells of a stage (N), 1 to 64.
    filters : int, default 24
        Channels of each block in the first stage (F); they double at each stride-2 cell. Above 64
        pixels at least 4.
    resolution : int, default 32
        Height and width of the input image in pixels. Above 64 the network gets the ImageNet stem:
        a convolution of stride 2 and two stride-2 cells of F/4 and F/2 channels, rounded down.
    num_classes : int, default 10
    stem : int, optional
        Channels of the first convolution: by default 96 above 64 pixels, else 3 F.
    factorised : bool, default False
        Whether the size of the older input is halved as in the released code: by two strided 1x1
        convolutions of half the channels each, one of which reads the map shifted by a pixel, and
        one batch norm over both. False: by one strided 1x1 convolution, which has as many
        parameters and MACs.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is out of range, or a block reads what is not before it.

    Notes
    -----
    As in the released PNASNet-5 (chenxi116/PNASNet.pytorch): the operators, the 1x1 convolutions
    that bring both inputs to F channels, the stem for ImageNet, stride-2 cells in place of the
    first cell of a stage, all blocks concatenated. Reconstruction: networks of other resolutions
    than ImageNet's, whose stem (a 3x3 convolution to 3 F channels) is that of NASNet on CIFAR in
    tensorflow/models. The defaults are the search's proxy (N=2, F=24).

    `pnasnet5` builds the released networks. Their parameters and MACs are matched exactly. What is
    not: the auxiliary head and drop path, which train the network only; and where a stride-2
    operator pads an even map (here alike on both sides, there at the bottom and at the right
    only), so that released weights fit in and compute something slightly different.
    """

    blocks: Sequence[Block]
    repeats: int = 2
    filters: int = 24
    resolution: int = 32
    num_classes: int = 10
    stem: int | None = None
    factorised: bool = False

    if TYPE_CHECKING:  # operators may be given by their numbers

        def __init__(
            self,
            blocks: Sequence[Sequence[int | str]],
            repeats: int = 2,
            filters: int = 24,
            resolution: int = 32,
            num_classes: int = 10,
            stem: int | None = None,
            factorised: bool = False,
        ) -> None: ...

    def __post_init__(self) -> None:
        state = self.__dict__
        state["blocks"] = _blocks(self.blocks)
        state["repeats"] = integer("repeats", self.repeats, 1, MAX_REPEATS)
        state["filters"] = integer("filters", self.filters, 1, MAX_WIDTH)
        state["resolution"] = integer("resolution", self.resolution, 1, MAX_RESOLUTION)
        state["num_classes"] = integer("num_classes", self.num_classes, 1, MAX_CLASSES)
        if self.stem is not None:
            state["stem"] = integer("stem", self.stem, 1, MAX_WIDTH)
        flag("factorised", self.factorised)
        if self.is_imagenet and self.filters < 4:
            raise ArgumentError(f"filters must be at least 4 above 64 pixels, got {self.filters}")

    @classmethod
    def pnasnet5(cls, size: str = "large") -> CellNetwork:
        """Return PNASNet-5, the cell that the paper found, at one of the paper's sizes.

        Parameters
        ----------
        size : {"large", "mobile", "cifar", "proxy"}
            "large": 12 cells from 216 filters on, 331 pixels, 86,057,668 parameters and
            24,937,395,792 MACs. "mobile": 9 cells from 54 on, 224 pixels, 5,064,487 parameters and
            587,293,200 MACs. "cifar": 9 cells from 48 on, 32 pixels. "proxy": 6 cells from 24 on,
            as the search trains them.

        Notes
        -----
        The two on ImageNet are those of the released code without its auxiliary head, see above;
        N and F of the other two are from memory of the paper, not read.
        """
        return cls(PNASNET_5, **SIZES[choice("size", size, SIZES)])

    @property
    def family(self) -> str:
        """Always "pnas"."""
        return FAMILY

    @property
    def is_imagenet(self) -> bool:
        """Whether the network has the ImageNet stem: resolution above 64."""
        return self.resolution > 64

    @property
    def stem_channels(self) -> int:
        """Channels of the stem's convolution."""
        if self.stem is not None:
            return self.stem
        return IMAGENET_STEM if self.is_imagenet else 3 * self.filters

    def layout(self) -> Iterator[tuple[int, int]]:
        """Yield (channels of a block, stride) for every cell of the network, in order."""
        if self.is_imagenet:
            yield self.filters // 4, 2
            yield self.filters // 2, 2
        for stage in range(3):
            for cell in range(self.repeats):
                yield self.filters << stage, 2 if stage and not cell else 1

    def canonical(self) -> CellNetwork:
        """Return the equal network whose cell is in canonical form: see `canonical`."""
        return self.replace(blocks=canonical(self.blocks))

    def _spelled(self) -> Network:
        from .cell_builder import build

        return build(self)

    def to_torch(
        self, *, seed: int = 0, weights: str | os.PathLike[str] | None = None
    ) -> torch.nn.Module:
        """Return the network as a torch module, ready to train; see `Architecture.to_torch`.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        """
        from ..base.extras import require

        seed = integer("seed", seed, 0, MAX_SEED)
        require("to_torch()", "torch", "torch")
        from .writing.cell_modules import build_module

        module = build_module(self, seed)
        if weights is not None:
            from .weights import load_weights

            load_weights(module, weights)
        return module

    def to_torch_code(
        self, path: str | os.PathLike[str] | None = None, *, about: str | None = None
    ) -> str:
        """Return the network as Python source code that needs torch alone, not flash, and write
        it where a path is given; see `Architecture.to_torch_code`.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted.
        """
        from .writing.torch_code.cells import of_cell_network
        from .writing.torch_code.file import code

        return code(lambda told: of_cell_network(self, told), path, about)

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        module: torch.nn.Module | None = None,
        weights: str | os.PathLike[str] | None = None,
        seed: int = 0,
        opset: int = 17,
        batch: int | None = None,
    ) -> None:
        """Write the network as an ONNX file, for inference; see `Architecture.to_onnx`.

        Raises
        ------
        MissingExtraError
            If torch or onnx is not installed.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or `module` is not one of this network.
        """
        from ..base.extras import require

        require("to_onnx()", "onnx", "torch", "onnx")
        from .writing.onnx_file import write_onnx

        if module is None:
            module = self.to_torch(seed=seed, weights=weights)
        elif weights is not None:
            raise ArgumentError("weights cannot be given with a module, which has its own")
        elif getattr(module, "architecture", None) != self:
            raise ArgumentError(
                "module must be what to_torch() of this network returned, "
                f"got {type(module).__name__}"
            )
        image = (3, self.resolution, self.resolution)
        write_onnx(module, image, (self.num_classes,), path, opset, batch)

    def _parts(self) -> list[Part]:
        rows = [["block", "input 1", "operator 1", "input 2", "operator 2"]]
        rows += [
            [str(number), str(first), left, str(second), right]
            for number, (first, second, left, right) in enumerate(self.blocks)
        ]
        stages = f"3 stages of {self.repeats} cells, {self.filters} channels in the first"
        size = f"images of {self.resolution} x {self.resolution}, {self.num_classes} classes"
        return [self.family, (rows, 0, True), f"{stages}; {size}"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal network."""
        return {
            "family": self.family,
            "blocks": [list(block) for block in self.blocks],
            "repeats": self.repeats,
            "filters": self.filters,
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            **further(self),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CellNetwork:
        """Make a network from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        from ..base.plain import ANY, made

        where = "the cell network"
        if isinstance(data, dict) and data.get("family", FAMILY) != FAMILY:
            raise FormatError(f"{where} needs the family {FAMILY!r}, got {shown(data['family'])}")
        return made(cls, where, data, dict.fromkeys(cls.field_names, ANY), also=("family",))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the network as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> CellNetwork:
        """Read a network from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the cell network's file"))


def further(net: Any) -> dict[str, Any]:
    """Return `stem` and `factorised` where they are not the usual: other files are as they were."""
    given = {"stem": net.stem, "factorised": net.factorised}
    return {name: value for name, value in given.items() if value}


def _blocks(given: Any) -> tuple[Block, ...]:
    if not (hasattr(given, "__next__") or is_list(given)):
        raise ArgumentTypeError(f"blocks must be a list of blocks, got {shown(given)}")
    found: list[Block] = []
    for number, block in enumerate(given):
        where = f"blocks[{number}]"
        if number == MAX_BLOCKS:
            raise ArgumentError(f"blocks must be 1 to {MAX_BLOCKS}, got more")
        try:
            if isinstance(block, str):
                raise TypeError
            first, second, left, right = block
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"{where} must be (input_1, input_2, operator_1, operator_2), got {shown(block)}"
            ) from None
        found.append(
            (
                integer(f"{where} input_1", first, 0, number + 1),
                integer(f"{where} input_2", second, 0, number + 1),
                _operator(f"{where} operator_1", left),
                _operator(f"{where} operator_2", right),
            )
        )
    if not found:
        raise ArgumentError(f"blocks must be 1 to {MAX_BLOCKS}, got none")
    return tuple(found)


def _operator(name: str, value: object) -> str:
    if isinstance(value, str):
        return choice(name, value, OPERATORS)
    return OPERATORS[integer(name, value, 0, len(OPERATORS) - 1)]


def canonical(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the canonical form of a cell: the same for two cells if and only if they are equal.

    Cells are equal where one becomes the other by exchanging the halves of blocks (addition
    commutes) and by reordering blocks (which permutes the channels that the cell hands on).

    Parameters
    ----------
    blocks : sequence of (int, int, str, str)
        As of a `CellNetwork`, checked.

    Returns
    -------
    tuple of (int, int, str, str)
        The first of the equal cells, by the numbers of inputs and operators.
    """
    order = {name: number for number, name in enumerate(OPERATORS)}
    pairs = [(8 * a + order[p], 8 * b + order[q]) for a, b, p, q in blocks]
    return tuple(
        (x >> 3, y >> 3, OPERATORS[x & 7], OPERATORS[y & 7]) for x, y in canonical_codes(pairs)
    )


def canonical_codes(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """`canonical` for blocks as two numbers ``8 * input + operator`` each."""
    if len(pairs) == 1:
        x, y = pairs[0]
        return ((x, y) if x <= y else (y, x),)
    best: list[tuple[tuple[int, int], ...]] = []
    places = [0, 8] + [-1] * len(pairs)  # of each input, where it is placed: 8 x its new number

    def extend(made: tuple[tuple[int, int], ...], left: tuple[int, ...]) -> None:
        if not left:
            if not best or made < best[0]:
                best[:] = [made]
            return
        # The first form takes, place by place, the least block whose inputs are placed; blocks
        # that are alike at their turn may differ in who reads them, so each is tried.
        least, ties = (1 << 30, 0), []
        for block in left:
            x, y = pairs[block]
            one, two = places[x >> 3], places[y >> 3]
            if one < 0 or two < 0:
                continue
            one, two = one + (x & 7), two + (y & 7)
            pair = (one, two) if one <= two else (two, one)
            if pair < least:
                least, ties = pair, [block]
            elif pair == least:
                ties.append(block)
        for block in ties:
            places[block + 2] = 8 * (len(made) + 2)
            extend((*made, least), tuple(one for one in left if one != block))
            places[block + 2] = -1

    extend((), tuple(range(len(pairs))))
    return best[0]
