"""A trained supernet: accuracies of its subnets, and subnets as networks of their own."""

from __future__ import annotations

import os

from ..base.checks import integer, parse_json, path_of, public, read_text
from ..base.record import Shown
from ..errors import ArgumentError, FlashError, FormatError
from .epochs import one_thread
from .weights import Weights, weights_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    import torch

    from ..base.html import Part
    from ..networks.architecture import Architecture
    from ..spaces.blocks.network import BlockNetwork
    from ..spaces.blocks.space import BlockSpace
    from ..spaces.bypass import BypassSpace
    from ..spaces.space import SearchSpace
    from ..training.data import Dataset, Pair
    from ..training.images import Data

    # A network of the families or of blocks; a flat index, a name, or a row of choice indices.
    Chosen: TypeAlias = Architecture | BlockNetwork | int | str | Sequence[int]

__all__ = ["CALIBRATION", "Supernet", "checkpoint_of", "held_facts"]

CALIBRATION = 128  # images by which batch norms are recalibrated


@public
class Supernet(Shown):
    """One set of weights for all networks of a space: what `flash.train_supernet` returns.

    Attributes
    ----------
    space : SearchSpace, BypassSpace or BlockSpace
    folder : str
        Where its checkpoint lies.
    module : torch.nn.Module
        The weights.
    train_loss : float
        Mean loss of the last epoch of training, over the subnets drawn.
    seconds : float
        Of training, over all runs that it took.
    """

    space: SearchSpace | BypassSpace | BlockSpace
    folder: str
    device: str
    seed: int

    def __init__(
        self,
        weights: Weights,
        images: Data,
        folder: str,
        device: str = "cpu",
    ) -> None:
        import torch

        from ..training.feeding import local, on_device
        from ..training.loop import layout_of
        from ..training.running import MEMORY_GIB

        self.weights: Weights = weights
        self.space, self.seed = weights.space, weights.seed
        self.folder, self.device = folder, device
        place = torch.device(device)
        self.module: Any = weights.module
        layout: Any = {"memory_format": layout_of(place)}
        self.module.to(place, **layout)
        self.images = images
        data, _ = local(images, weights.input_shape, int(MEMORY_GIB * (1 << 30)))
        self.data: dict[str, Any] = on_device(data, place)
        self.train_loss: float = float("nan")
        self.seconds: float = 0.0

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        dataset: Dataset,
        *,
        test: Pair | None = None,
        test_fraction: float = 0.2,
        space: SearchSpace | BypassSpace | BlockSpace | None = None,
        device: str = "auto",
    ) -> Supernet:
        """Return the supernet of a folder that `flash.train_supernet` left.

        Parameters
        ----------
        folder : path
        dataset, test, test_fraction
            As they were given to `flash.train_supernet`: subnets are judged on its images.
        space : SearchSpace, BypassSpace or BlockSpace, optional
            Refuse the supernet of another. Of blocks that are functions, which no file holds, it
            must be given.
        device : {"auto", "cpu", "cuda", "cuda:N"}

        Raises
        ------
        ArgumentError
            If the supernet is one of another space or of other images.
        FormatError
            If the folder holds no supernet, or one of a space that must be given.
        """
        import torch

        from ..base.extras import require
        from ..training import data
        from ..training.loop import load_state
        from ..training.preparing import device_of

        require("Supernet.load()", "train", "torch")
        where = path_of("folder", folder)
        facts = held_facts(where)
        if space is not None and facts["space"] != space.to_dict():
            raise ArgumentError(f"space must be that of the supernet in {where!r}, got another")
        seed = integer("seed", facts["seed"], 0)
        images = data.read(dataset, test, test_fraction, seed)
        if images.fingerprint() != facts["dataset"]:
            raise ArgumentError(
                f"dataset must be the one that the supernet in {where!r} was trained on, "
                "got other images or another split"
            )
        found = _space_of(facts["space"], where) if space is None else space
        supernet = cls(weights_of(found, seed), images, where, device_of(torch, device))
        state = load_state(checkpoint_of(where), torch.device(supernet.device))
        supernet._take(state, where)
        return supernet

    def _take(self, state: dict[str, Any], where: str) -> None:
        try:
            self.module.load_state_dict(state["module"])
        except (RuntimeError, AttributeError, TypeError) as error:
            raise FormatError(
                f"the checkpoint in {where!r} does not fit its space: {error}"
            ) from None
        self.module.eval()
        self.train_loss, self.seconds = state["train_loss"], state["seconds"]

    def subnet(self, network: Chosen) -> Any:
        """Return which part of the supernet a network is.

        Parameters
        ----------
        network : Architecture, BlockNetwork, int, str or sequence of int
            A network of the space; of a space with names a name; a flat index, or a row of choice
            indices.
        """
        return self.weights.subnet(network)

    def cut(self, network: Chosen) -> torch.nn.Module:
        """Return a subnet as a module of its own, with a copy of the supernet's weights.

        Batch norms have the supernet's statistics, those of many subnets: `recalibrate` it, or
        train it further. Of the families it is what `Architecture.to_torch` gives, of blocks what
        `BlockNetwork.to_torch` gives (where an option tells layer rows alone, the block is a module
        of its rows).
        """
        return self.weights.cut(network)

    def recalibrate(self, module: torch.nn.Module, images: int = CALIBRATION) -> torch.nn.Module:
        """Set the batch norms of a cut subnet to the statistics of training images.

        Parameters
        ----------
        module : torch.nn.Module
            What `cut` returned; it is changed, and returned in evaluation mode.
        images : int, default 128
            The first so many images of the training set, in one batch.
        """
        import torch

        from .norms import norms_of

        integer("images", images, 2)
        norms = norms_of(module)
        kept = [one.momentum for one in norms]
        module.eval()
        for one in norms:
            one.momentum = 1.0  # the statistics of this batch alone
            one.train()
        with torch.no_grad():
            module(self.data["train_x"][:images])
        for one, momentum in zip(norms, kept, strict=True):
            one.momentum = momentum
        return module.eval()

    def score(
        self,
        networks: Sequence[Chosen],
        *,
        images: int | None = None,
        calibration: int = CALIBRATION,
    ) -> list[float]:
        """Return the accuracy of each network with the supernet's weights, on the test images.

        Batch norms are recalibrated on the first training images; the supernet stays as it is, so
        that a score depends on nothing but the network.

        Parameters
        ----------
        networks : sequence
            As for `subnet`.
        images : int, optional
            Judge by the first so many test images only.
        calibration : int, default 128
            Training images for the batch norms.
        """
        import torch

        from ..training.loop import Recipe, judge

        recipe = Recipe(precision="float32")
        x, y = self.data["test_x"], self.data["test_y"][:images]
        if images is not None:
            x = x[:images]
        found = []
        with one_thread(torch, self.device):
            given = self.data["train_x"][:calibration]
            for network in networks:
                one = _One(self.module, self.subnet(network))
                self.module.measure(one.subnet, given)
                try:
                    found.append(judge(one, x, y, recipe)[0])
                finally:
                    self.module.forget()
        return found

    def _parts(self) -> list[Part]:
        from ..base.html import facts, told

        spent = {"seconds": told(self.seconds), "loss of the last epoch": told(self.train_loss)}
        return [
            f"supernet of {self.space.family}, {told(self.space.size)} networks",
            facts({"folder": self.folder, "device": self.device, "seed": self.seed, **spent}),
        ]

    def __repr__(self) -> str:
        return (
            f"Supernet({self.space.family}, {self.space.size:,} networks, trained for "
            f"{self.seconds:.1f} s, in {self.folder!r})"
        )


class _One:
    """One subnet of a supernet's module, to be judged. What it computes is what `cut` does."""

    def __init__(self, module: Any, subnet: Any) -> None:
        self.module, self.subnet = module, subnet

    def eval(self) -> None:
        """Its batch norms have been measured: there is nothing to change."""

    def __call__(self, x: Any) -> Any:
        return self.module(x, self.subnet)


def _space_of(given: Any, where: str) -> Any:
    """Return the space that a supernet's folder tells."""
    from ..spaces.named import space_from

    try:
        return space_from(given)
    except FlashError as error:
        raise FormatError(
            f"the supernet in {where!r} is of a space that no file holds: say space=...; {error}"
        ) from None


def checkpoint_of(folder: str) -> str:
    """Return the path of a supernet's checkpoint."""
    path = os.path.join(folder, "checkpoints", "0000-0.pt")
    if not os.path.exists(path):
        raise FormatError(f"{folder!r} holds no checkpoint of a supernet")
    return path


def held_facts(folder: str) -> dict[str, Any]:
    """Return what a supernet's folder says of it."""
    path = os.path.join(folder, "run.json")
    if not os.path.exists(path):
        raise FormatError(f"{folder!r} holds no supernet: {path!r} is missing")
    facts = parse_json(read_text(path, "the record of a supernet"), path)
    for name in ("space", "seed", "dataset", "sampling"):
        if not isinstance(facts, dict) or name not in facts:
            raise FormatError(f"{path!r} is no record of a supernet: it lacks {name!r}")
    return dict(facts)
