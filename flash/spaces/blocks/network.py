"""BlockNetwork: a network of a `BlockSpace`, as the blocks that were chosen."""

from __future__ import annotations

from ...base.checks import integer, json_text, path_of, public, shown, write_bytes_atomic
from ...base.record import cached
from ...errors import ArgumentError, ArgumentTypeError
from ...networks.architecture import Counted
from ...networks.families import MAX_SEED
from .fragments import image_of, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from typing import Any

    import torch

    from ...base.html import Part
    from ...networks.network import Network
    from ...networks.scene import Scene
    from .fragments import Fragment
    from .space import BlockSpace

__all__ = ["BlockNetwork"]


@public
class BlockNetwork(Counted):
    """A network of a `BlockSpace`: what `BlockSpace.decode` gives.

    Parameters
    ----------
    space : BlockSpace
    choices : dict of str to int
        Choice indices by variable; those left out are 0.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a name is no variable of the space, or an index out of range.
    """

    space: BlockSpace
    choices: Mapping[str, int]

    def __post_init__(self) -> None:
        from .space import BlockSpace

        if not isinstance(self.space, BlockSpace):
            raise ArgumentTypeError(f"space must be a BlockSpace, got {shown(self.space)}")
        if not hasattr(self.choices, "items"):
            raise ArgumentTypeError(
                f"choices must be a table of choice indices by variable, got {shown(self.choices)}"
            )
        names = self.space.variables
        row = [0] * len(names)
        for name, value in dict(self.choices).items():
            if name not in names:
                from ...base.checks import hint

                raise ArgumentError(
                    f"choices: {self.space.family} has no variable {name!r}{hint(name, names)}; it "
                    f"has "
                    f"{', '.join(names)}"
                )
            row[names.index(name)] = value
        found = self.space.numbering.checked_row(row)
        self.__dict__["row"] = found
        self.__dict__["choices"] = {
            name: value for name, value in zip(names, found, strict=True) if value
        }

    def __hash__(self) -> int:
        return hash((self.space.family, self.row))

    @property
    def row(self) -> tuple[int, ...]:
        """Its row of choice indices."""
        found: tuple[int, ...] = self.__dict__["row"]
        return found

    @property
    def family(self) -> str:
        """The space's name."""
        return self.space.family

    @cached
    def _placed(self) -> list[tuple[str, int, Fragment]]:
        return self.space.numbering.fragments_of(self.row)

    def named(self) -> Iterator[tuple[str, Fragment]]:
        """Yield each block with the name that it has in the torch module: "body_0"."""
        for name, _, fragment in self._placed:
            yield name, fragment

    def labelled(self) -> Iterator[tuple[int, Fragment]]:
        """Yield each block with the number of its cell."""
        for _, cell, fragment in self._placed:
            yield cell, fragment

    @cached
    def input_shape(self) -> tuple[int, ...]:
        """What it reads, without the batch: (channels, height, width), or token numbers."""
        return self.space.numbering.input_of(self.row)

    @property
    def num_classes(self) -> int:
        """What it ends with: the out channels of its last block."""
        if not self._placed:
            return self.space.channels
        found: int = self._placed[-1][2].out_channels
        return found

    @cached
    def blocks(self) -> tuple[tuple[str, str, int], ...]:
        """Each block as (stage, option with its choices, channels)."""
        names = self.space.numbering.names
        return tuple(
            (
                name if name in names else name.rpartition("_")[0],
                fragment.variant.label,
                fragment.out_channels,
            )
            for name, _, fragment in self._placed
        )

    def _scene(self) -> Scene:
        """Return what a drawing of it shows."""
        from .scenes import scene_of_blocks

        return scene_of_blocks(self)

    def _spelled(self) -> Network:
        if not self._placed:
            raise ArgumentError(f"this network of {self.family} has no blocks: all are skipped")
        parts = [(one.network, cell) for cell, one in self.labelled()]
        return joined(parts, image_of(self.input_shape), self.space.bits)

    def to_torch(
        self, *, seed: int = 0, weights: str | os.PathLike[str] | None = None
    ) -> torch.nn.Module:
        """Return the network as a torch module, ready to train.

        Parameters
        ----------
        seed : int, default 0
            Of the initial weights, drawn as the options' modules draw them, 0 to 2**64 - 1.
        weights : path, optional
            Weights that training kept, or a state_dict: see `Architecture.to_torch`.

        Returns
        -------
        torch.nn.Module
            A Sequential of the options' modules, named by stage and place: "body_0". Where an
            option tells layer rows alone, a module of the rows: see `Network.to_torch`.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        """
        from ...base.extras import require

        seed = integer("seed", seed, 0, MAX_SEED)
        require("to_torch()", "torch", "torch")
        from .modules import build_module

        module = build_module(self, seed)
        if weights is not None:
            from ...networks.weights import load_weights

            load_weights(module, weights)
        return module

    def to_torch_code(
        self, path: str | os.PathLike[str] | None = None, *, about: str | None = None
    ) -> str:
        """Return the network as Python source code that needs torch alone, not flash, and write
        it where a path is given; see `Architecture.to_torch_code`.

        Initial weights are torch's own where a function of yours makes a block.

        Raises
        ------
        MissingExtraError
            If torch is not installed: blocks are read as torch modules.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or a block is made of other modules than torch's layers
            in `torch.nn.Sequential` and flash's blocks: it is named.
        """
        from ...base.extras import require
        from ...networks.writing.torch_code.file import code

        require("to_torch_code()", "torch", "torch")
        from .code import of_block_network

        return code(lambda told: of_block_network(self, told), path, about)

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
        """Write the network as an ONNX file, for inference: see `Architecture.to_onnx`.

        Torch writes it, as it does any module: see `Network.to_onnx`.

        Raises
        ------
        MissingExtraError
            If torch or onnx is not installed.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, `module` is not one of this network, or torch cannot
            write it.
        """
        from ...base.extras import require

        path = path_of("path", path)
        opset = integer("opset", opset, 13, 20)
        batch = None if batch is None else integer("batch", batch, 1, 1 << 20)
        require("to_onnx()", "onnx", "torch", "onnx")
        from ...networks.network import onnx_of

        if module is None:
            module = self.to_torch(seed=seed, weights=weights)
        elif weights is not None:
            raise ArgumentError("weights cannot be given with a module, which has its own")
        elif getattr(module, "architecture", None) != self:
            raise ArgumentError(
                "module must be what to_torch() of this network returned, "
                f"got {type(module).__name__}"
            )
        write_bytes_atomic(path, onnx_of(module, self.input_shape, seed, opset, batch))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal network: the space, the choices,
        and, for other readers, the blocks that they are."""
        blocks = [
            {"stage": stage, "block": label, "channels": channels}
            for stage, label, channels in self.blocks
        ]
        return {
            "family": self.family,
            "space": self.space.to_dict(),
            "choices": dict(self.choices),
            "blocks": blocks,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BlockNetwork:
        """Make a network from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, a value not accepted, the space has blocks that are
            functions which this process does not have, or the choices are not the blocks told.
        """
        from .files import network_from_dict

        return network_from_dict(cls, data)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return it as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> BlockNetwork:
        """Read a network from JSON text (it starts with a brace) or from a file."""
        from ...base.plain import parsed

        return cls.from_dict(parsed(source, "the network's file"))

    def __repr__(self) -> str:
        return f"BlockNetwork({self.family}: {self})"

    def __str__(self) -> str:
        told: dict[str, list[str]] = {}
        for stage, label, channels in self.blocks:
            told.setdefault(f"{stage} ({channels})", []).append(label)
        return "; ".join(f"{stage}: {', '.join(some)}" for stage, some in told.items())

    def _parts(self) -> list[Part]:
        rows = [["stage", "block", "channels"]]
        rows += [[stage, label, str(channels)] for stage, label, channels in self.blocks]
        return [self.family, (rows, 2, True)]
