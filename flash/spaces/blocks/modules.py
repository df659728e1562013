"""Torch modules of blocks: made without values, read, and put together. Imports torch in
functions."""

from __future__ import annotations

import sys

from ...base.checks import shown
from ...errors import ArgumentError, FlashError
from ...networks.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    import torch

    from .network import BlockNetwork

    T = TypeVar("T")
    Shape = tuple[int, ...]

__all__ = ["build_module", "flattened", "of_rows", "on_meta", "put_together", "read", "seeded"]


def on_meta(build: Callable[[], T]) -> T:
    """Call what may make a torch module where tensors have no values: large ones cost nothing then.

    One that needs values is called again where it has them.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        found = build()
        if "torch" not in sys.modules:
            return found
        import torch as loaded  # the function has loaded it: from now on all are alike

        torch = loaded
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return build()
    except FlashError:
        raise
    except Exception:
        with torch.random.fork_rng(devices=[]):
            return build()


def seeded(build: Callable[[], torch.nn.Module], seed: int) -> torch.nn.Module:
    """Return a module whose weights are drawn by a seed; torch's own random numbers stay."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def read(where: str, option: str, module: torch.nn.Module, shape: Shape) -> tuple[Network, Shape]:
    """Return a module as a network, and the shape that it hands on, both without the batch."""
    from .fragments import image_of

    try:
        on = module
        if len(shape) == 2:  # tokens as rows have them behind another block: features, tokens, 1
            from .layouts import OnRows

            on = OnRows(module)
        network = Network.from_torch(on, image_of(shape))
        handed = _shape_out(module, shape)
        if not _ends(network, handed):
            network = _with_its_end(on, image_of(shape), handed)
        return network, handed
    except FlashError as error:
        raise ArgumentError(f"option {shown(option)} at {where}: {error}") from None
    except Exception as error:
        raise ArgumentError(
            f"option {shown(option)} raised {type(error).__name__} when it was called at {where}: "
            f"{error}"
        ) from error


def _ends(network: Network, handed: Shape) -> bool:
    """Whether the last row is what a module hands on."""
    from math import prod

    if network.outputs not in (None, (len(network) - 1,)):
        return False
    return prod(network.layers[-1].shape_out) == prod(handed)


def _with_its_end(module: torch.nn.Module, shape: Shape, handed: Shape) -> Network:
    """Return a module as a network to which something follows.

    What ends in a concatenation hands out its pieces: the concatenation is no work where nobody
    reads it. So it is read with a layer behind it, which is left out then.
    """
    from torch import nn

    like = next(module.parameters(), None)
    device = None if like is None else like.device
    if len(handed) == 3:
        tail = nn.Conv2d(handed[0], handed[0], 1, device=device)
    else:
        tail = nn.Linear(handed[-1], handed[-1], device=device)
    found = Network.from_torch(nn.Sequential(module, tail), shape)
    last = len(found) - 1
    network = Network(found.layers[:last], found.input_shape)
    if found.layers[last].inputs != (last - 1,) or not _ends(network, handed):
        raise ArgumentError("it must hand on what its last layer makes")
    return network


def _shape_out(module: torch.nn.Module, shape: Shape) -> Shape:
    import torch

    kind = torch.long if len(shape) == 1 else torch.float32
    module = module.eval()
    try:
        with torch.no_grad():
            found: Any = module.to("meta")(torch.zeros((1, *shape), dtype=kind, device="meta"))
    except Exception:  # it asks for values
        module = module.to_empty(device="cpu") if _is_meta(module) else module.to("cpu")
        with torch.no_grad():
            found = module(torch.zeros((1, *shape), dtype=kind))
    if not isinstance(found, torch.Tensor) or found.dim() < 2:
        raise ArgumentError(f"it must hand on one tensor with a batch, got {shown(found)}")
    return tuple(found.shape[1:])


def of_rows(network: Network, shape: Shape, seed: int) -> torch.nn.Module:
    """Return a module of rows that hands on what a block does: of features no axis of positions."""
    from torch import nn

    module = network.to_torch(seed=seed)
    return nn.Sequential(module, nn.Flatten()) if flattened(network, shape) else module


def flattened(network: Network, shape: Shape) -> bool:
    """Whether what a module of rows hands on has an axis of positions that a block's has not."""
    return len(shape) == 1 and any(one.height > one.width == 1 for one in network.layers)


def _is_meta(module: torch.nn.Module) -> bool:
    return any(one.is_meta for one in (*module.parameters(), *module.buffers()))


def build_module(net: BlockNetwork, seed: int) -> torch.nn.Module:
    """Return the module of a network of blocks, its weights drawn by `seed`.

    Where an option tells rows alone, the whole network is made of its rows.
    """
    from torch import nn

    def build() -> nn.Module:
        parts = [(name, fragment.module()) for name, fragment in net.named()]
        if any(module is None for _, module in parts):
            *_, (_, end) = net.named()
            return of_rows(net.network(), end.shape_out, seed)
        found = put_together(net, [module for _, module in parts if module is not None])
        for module in found:
            join: Any = getattr(module, "flash_joined", None)
            if join is not None:  # where weights are another block's
                join(found)
        return found

    return seeded(build, seed)


def put_together(net: BlockNetwork, modules: Sequence[torch.nn.Module]) -> torch.nn.Sequential:
    """Return a network of blocks made of their modules, in order."""
    from torch import nn

    found = nn.Sequential()
    for (name, fragment), (cell, _), module in zip(
        net.named(), net.labelled(), modules, strict=True
    ):
        if all(layer.kind != "concat" for layer in fragment.network.layers):
            _tell(module, "flash_cell", cell)
        found.add_module(name, module)
    _tell(found, "architecture", net)
    return found


def _tell(module: Any, name: str, value: object) -> None:
    """Set an attribute of which torch's types know nothing."""
    setattr(module, name, value)
