"""Cell and Architecture: what a search chooses, as a few numbers per cell."""

from __future__ import annotations

from ..base.checks import choice, integer, is_list, json_text, known_keys, public, shown
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from .families import (
    FAMILIES,
    MAX_CELLS,
    MAX_CLASSES,
    MAX_DEPTH,
    MAX_EXPANSION,
    MAX_KERNEL,
    MAX_RESOLUTION,
    MAX_SEED,
    MAX_SKIPS,
    MAX_STAGES,
    MAX_WIDTH,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Literal, overload

    import torch
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..charts.chart import Chart
    from .network import Network

__all__ = ["FAMILIES", "Architecture", "Cell"]


class Drawn(Record):
    """A network that can be drawn."""

    if TYPE_CHECKING:

        @overload
        def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...

    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:
        """Draw the network: its layers or blocks as boxes, and the links over them.

        A box's height is the square root of its channels; cells are as long as they are deep. A
        skipped block is a dashed box. Below is the cell that is repeated, where one is.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        MissingExtraError
            If the engine is not installed.
        """
        from .drawing import chart_of

        return chart_of(self).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .drawing import chart_of

        return [chart_of(self)]


class Counted(Drawn):
    """A network as choices: spelled out as layers once, and counted by them."""

    if TYPE_CHECKING:

        def _spelled(self) -> Network: ...

    @cached
    def _network(self) -> Network:
        return self._spelled()

    def network(self) -> Network:
        """Return the network as a table of layers (made once, then kept)."""
        return self._network

    @property
    def params(self) -> int:
        """Parameters: weights of convolutions and linear layers, batch norms, biases."""
        return self._network.params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers, for one image or sequence."""
        return self._network.macs

    @property
    def weights_kib(self) -> float:
        """The parameters at their bits (32 where none are told), in KiB; see
        `Network.weights_kib`."""
        return self._network.weights_kib

    @property
    def peak_memory_kib(self) -> float:
        """The most that its values take while it runs, in KiB; see `Network.peak_memory_kib`."""
        return self._network.peak_memory_kib


@public
class Cell(Record):
    """One cell (stage) of a network.

    Parameters
    ----------
    width : int
        Output channels of the cell's layers or blocks, 1 to 2**20.
    depth : int
        Layers (densenet) or blocks (all others), 1 to 1000.
    skips : int, default 0
        densenet: the cap t on channels of earlier layers that a layer takes, so that layer l takes
        ``min(skips, width * (l - 1))`` from layer 2 on. Other families: channels of a block's
        residual, ``min(skips, width)``. A value above the cap saturates.
    expansion : int, default 1
        mobilenet-v2 only: hidden over input channels of a block.
    kernel : int, default 3
        mobilenet-v2 only: side of the depthwise kernel; odd, 1 to 31.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a number is out of range or no integer.
    """

    width: int
    depth: int
    skips: int = 0
    expansion: int = 1
    kernel: int = 3

    def __post_init__(self) -> None:
        state = self.__dict__
        state["width"] = integer("width", self.width, 1, MAX_WIDTH)
        state["depth"] = integer("depth", self.depth, 1, MAX_DEPTH)
        state["skips"] = integer("skips", self.skips, 0, MAX_SKIPS)
        state["expansion"] = integer("expansion", self.expansion, 1, MAX_EXPANSION)
        state["kernel"] = integer("kernel", self.kernel, 1, MAX_KERNEL)
        if state["kernel"] % 2 == 0:
            raise ArgumentError(f"kernel must be odd, got {self.kernel}")

    def __repr__(self) -> str:
        text = f"Cell(width={self.width}, depth={self.depth}, skips={self.skips}"
        if (self.expansion, self.kernel) != (1, 3):
            text += f", expansion={self.expansion}, kernel={self.kernel}"
        return text + ")"

    def to_dict(self) -> dict[str, int]:
        """Return the fields as a dictionary; expansion and kernel only where not 1 and 3."""
        values = dict(zip(self.field_names, self._values(), strict=True))
        if (self.expansion, self.kernel) == (1, 3):
            del values["expansion"], values["kernel"]
        return values


@public
class Architecture(Counted):
    """A network as its cells; `network` spells it out as layers.

    Parameters
    ----------
    family : {"densenet", "resnet", "wide-resnet", "mobilenet-v2"}
    cells : sequence of Cell
        1 to 32 cells (mobilenet-v2: at most 7).
    resolution : int, default 32
        Height and width of the input image in pixels, 1 to 8192. Above 64 the network gets the
        usual ImageNet stem.
    num_classes : int, default 10
    link_seed : int, default 0
        Seed of the drawn long-range links, 0 to 2**64 - 1. It changes no cost and no NN-Degree.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is out of range, or a cell has what its family does not take.
    """

    family: str
    cells: Sequence[Cell]
    resolution: int = 32
    num_classes: int = 10
    link_seed: int = 0

    def __post_init__(self) -> None:
        state = self.__dict__
        choice("family", self.family, FAMILIES)
        state["cells"] = _cells(self.cells)
        state["resolution"] = integer("resolution", self.resolution, 1, MAX_RESOLUTION)
        state["num_classes"] = integer("num_classes", self.num_classes, 1, MAX_CLASSES)
        state["link_seed"] = integer("link_seed", self.link_seed, 0, MAX_SEED)
        if self.family == "mobilenet-v2":
            if len(self.cells) > MAX_STAGES:
                raise ArgumentError(
                    f"cells of a mobilenet-v2 must be 1 to {MAX_STAGES} stages, "
                    f"got {len(self.cells)}"
                )
            return
        for number, cell in enumerate(self.cells):
            if cell.expansion != 1 or cell.kernel != 3:
                raise ArgumentError(
                    f"cells[{number}]: only mobilenet-v2 takes an expansion and a kernel "
                    f"(others: 1 and 3), got {cell.expansion} and {cell.kernel} for {self.family}"
                )

    @property
    def is_imagenet(self) -> bool:
        """Whether the network has the ImageNet stem: resolution above 64."""
        return self.resolution > 64

    def _spelled(self) -> Network:
        from .builders import build

        return build(self)

    def links_into(self, cell: int, layer: int) -> tuple[int, ...]:
        """Return which channels reach a layer over long-range links, in rising order.

        Parameters
        ----------
        cell : int
            Number of the cell, from 0.
        layer : int
            Number of the layer (densenet) or block (others) in the cell, from 0.

        Returns
        -------
        tuple of int
            densenet: numbers of the candidates, the channels of layers 0 to ``layer - 2`` of the
            cell, channel c of layer j being ``j * width + c``. Others: channels of the block's
            input that its residual carries; empty where the block has none.

        Notes
        -----
        Drawn without replacement: SplitMix64 keyed by (link_seed, cell, layer) feeds Floyd's
        algorithm (see ``flash.base.seeds``), so one layer's links do not depend on another's.
        The rule of which layers have links is that of SLDGroup/NN_Mass (arXiv 1910.00780); its
        random numbers are not reproduced.
        """
        from ..base.seeds import draw, stream
        from .families import residual_blocks

        integer("cell", cell, 0, len(self.cells) - 1)
        chosen = self.cells[cell]
        integer("layer", layer, 0, chosen.depth - 1)
        if self.family == "densenet":
            candidates = chosen.width * max(0, layer - 1)
            count = min(chosen.skips, candidates)
        else:
            candidates = chosen.width
            carries = layer in residual_blocks(self, cell)
            count = min(chosen.skips, candidates) if carries else 0
        return draw(count, candidates, stream(self.link_seed, cell, layer)) if count else ()

    def links(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Yield (cell, layer, channels) for every layer that has long-range links."""
        for number, cell in enumerate(self.cells):
            for layer in range(cell.depth):
                channels = self.links_into(number, layer)
                if channels:
                    yield number, layer, channels

    def to_torch(
        self, *, seed: int = 0, weights: str | os.PathLike[str] | None = None
    ) -> torch.nn.Module:
        """Return the network as a torch module, ready to train.

        Parameters
        ----------
        seed : int, default 0
            Of the initial weights (He's normal for convolutions, zero biases), 0 to 2**64 - 1;
            the same seed gives the same weights. The links are drawn by `link_seed`.
        weights : path, optional
            Weights that `flash.train` kept, instead: see `flash.load_weights`. The module is then
            in evaluation mode.

        Returns
        -------
        torch.nn.Module
            In training mode, on the CPU; it has `params` parameters and maps images of shape
            (batch, 3, resolution, resolution) to logits of shape (batch, num_classes). Keep its
            weights as a state_dict: one from other links is refused.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        """
        from ..base.extras import require

        seed = integer("seed", seed, 0, MAX_SEED)
        require("to_torch()", "torch", "torch")
        from .writing.modules import build_module

        module = build_module(self, seed)
        if weights is not None:
            from .weights import load_weights

            load_weights(module, weights)
        return module

    def to_torch_code(
        self, path: str | os.PathLike[str] | None = None, *, about: str | None = None
    ) -> str:
        """Return the network as Python source code that needs torch alone, not flash.

        Parameters
        ----------
        path : path, optional
            Where to write it too, such as "net.py". The file is either complete or not there.
        about : str, optional
            What the class's docstring says besides, such as what the network is for.

        Returns
        -------
        str
            One class, and what it is made of. Its modules, and so the names in a state_dict, are
            those of `to_torch`: weights of the one are weights of the other.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted.
        """
        from .writing.torch_code.cells import of_architecture
        from .writing.torch_code.file import code

        return code(lambda told: of_architecture(self, told), path, about)

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
        """Write the network as an ONNX file, for inference.

        Parameters
        ----------
        path : str or path
            The file is either complete or not there.
        module : torch.nn.Module, optional
            What `to_torch` returned, trained; default a new one with weights from `seed`.
        weights : path, optional
            Weights that `flash.train` kept, for a new module, instead of some from `seed`.
        seed : int, default 0
        opset : int, default 17
            Version of ONNX's operators, 13 to 21.
        batch : int, optional
            Images at once; default any number.

        Notes
        -----
        Input "input" of shape (batch, 3, resolution, resolution), output "output" of shape
        (batch, num_classes), float32. Batch norms are nodes of their own (runtimes fold them).

        Raises
        ------
        MissingExtraError
            If torch or onnx is not installed.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or `module` is not one of this architecture.
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
                "module must be what to_torch() of this architecture returned, "
                f"got {type(module).__name__}"
            )
        image = (3, self.resolution, self.resolution)
        write_onnx(module, image, (self.num_classes,), path, opset, batch)

    def __str__(self) -> str:
        from .line import line_of

        more = " e expansion k kernel" if self.family == "mobilenet-v2" else ""
        size = f"images of {self.resolution} x {self.resolution}, {self.num_classes} classes"
        links = f", link_seed {self.link_seed}" if self.link_seed else ""
        return f"{self.family} of width x depth + skips{more}: {line_of(self)}; {size}{links}"

    def _parts(self) -> list[Part]:
        names = Cell.field_names[: 5 if self.family == "mobilenet-v2" else 3]
        rows = [["cell", *names]]
        rows += [
            [str(number), *(str(getattr(cell, name)) for name in names)]
            for number, cell in enumerate(self.cells, 1)
        ]
        size = f"images of {self.resolution} x {self.resolution}, {self.num_classes} classes"
        return [self.family, (rows, 0, True), f"{size}, link_seed {self.link_seed}"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal architecture."""
        return {
            "family": self.family,
            "cells": [cell.to_dict() for cell in self.cells],
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            "link_seed": self.link_seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """Make an architecture from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        from ..base.plain import ANY, made

        return made(cls, "the architecture", data, dict.fromkeys(cls.field_names, ANY))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the architecture as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Architecture:
        """Read an architecture from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the architecture file"))


def _cells(given: Any) -> tuple[Cell, ...]:
    if isinstance(given, (Cell, str)) or not (hasattr(given, "__next__") or is_list(given)):
        raise ArgumentTypeError(f"cells must be a list of Cell, got {shown(given)}")
    cells = []
    for number, cell in enumerate(given):
        if number == MAX_CELLS:
            count = len(given) if hasattr(given, "__len__") else "more"
            raise ArgumentError(f"cells must be 1 to {MAX_CELLS}, got {count}")
        if isinstance(cell, Cell):
            cells.append(cell)
            continue
        if not hasattr(cell, "keys"):
            raise ArgumentTypeError(f"cells[{number}] must be a Cell, got {shown(cell)}")
        known_keys(f"cells[{number}]", cell, Cell.field_names)
        try:
            cells.append(Cell(**cell))
        except ArgumentError as error:
            raise FormatError(f"cells[{number}]: {error}") from None
        except ArgumentTypeError as error:
            raise ArgumentTypeError(f"cells[{number}]: {error}") from None
    if not cells:
        raise ArgumentError(f"cells must be 1 to {MAX_CELLS}, got none")
    return tuple(cells)
