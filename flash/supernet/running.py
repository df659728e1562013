"""`flash.train_supernet`: trains one set of weights for all networks of a space."""

from __future__ import annotations

import os

from ..base.checks import choice, flag, integer, path_of, public, watched
from ..base.progress import Progress
from ..errors import ArgumentError
from ..networks.families import MAX_SEED
from ..spaces.bypass import BypassSpace
from ..training.ledger import Ledger
from ..training.loop import Recipe
from .drawing import Draw
from .epochs import Epoch, fit, one_thread
from .memory import check_memory
from .weights import SAMPLING, weights_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal

    from ..spaces.blocks.space import BlockSpace
    from ..spaces.space import SearchSpace
    from ..training.data import Dataset, Pair
    from ..training.images import Data
    from .drawing import Pools
    from .scoring import Supernet
    from .weights import Weights

__all__ = ["EPOCHS", "as_supernet_space", "refuse_unfit", "start_of", "train_supernet"]

EPOCHS = 30  # where nothing else is asked for


@public
def train_supernet(
    space: SearchSpace | BypassSpace | BlockSpace | str | Mapping[str, Any],
    dataset: Dataset,
    *,
    test: Pair | None = None,
    test_fraction: float = 0.2,
    epochs: int | None = None,
    batch_size: int | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    sampling: str | None = None,
    subnets: int | None = None,
    pools: Pools | None = None,
    start: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool | Literal["auto"] = False,
    callback: Callable[[Epoch], object] | None = None,
) -> Supernet:
    """Train a supernet: weights that every network of a space shares.

    Parameters
    ----------
    space : SearchSpace, BypassSpace, BlockSpace, name or dict
        resnet, wide-resnet or mobilenet-v2 of one resolution, or a space of blocks that read images
        of one size. A name or a dictionary stands for a space at the images' own size and number of
        classes, as for `flash.train`.
    dataset, test, test_fraction, device
        As for `flash.train`.
    epochs, batch_size, recipe
        As for `flash.train`; usually 30 epochs, and no weight decay below that of the recipe.
    sampling : {"ordered-dropout", "single-path"}, optional
        "ordered-dropout": every image of a batch has a subnet of its own, and many are trained in
        one pass at the cost of the largest (NetAdaptV2, arXiv 2104.00031). "single-path": one
        subnet per batch, drawn uniformly, at its own cost (SPOS, arXiv 1904.00420). Usually the
        first; of a `BlockSpace` the second, the only one it has: see Notes.
    subnets : int, optional
        Ordered dropout: subnets per batch, each of a slice of the images; usually one per image.
    pools : sequence of (variables, rows), optional
        Draw only part of the space: the variables of these numbers (of `space.variables`) take
        together one of these rows of choice indices. A variable in no pool is drawn from all its
        choices.
    start : path, optional
        Folder of another supernet of this space, whose weights this one starts from.
    seed : int, default 0
        Of the split, the weights, the order of images and the subnets drawn. On a CPU the same
        seed gives the same weights, bit for bit; on CUDA nearly.
    out : path, optional
        Folder of the run, usually ``flash-supernet-`` and 8 digits in the current folder that stand
        for its settings. Where it holds a checkpoint of the same run, the run goes on from there;
        where that is finished, nothing is trained.
    resume : bool, default True
        False refuses a folder that holds a checkpoint.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.
    callback : callable, optional
        Called with an `Epoch` after each of them.

    Returns
    -------
    Supernet

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument or the data are not accepted, the folder is another run's, or memory is too
        small for the batch: before anything is trained.
    MissingExtraError
        If torch is not installed (the extra ``train``).
    TrainingError
        If memory ran out, or the loss is no number any more; what was finished stays.

    Notes
    -----
    Of a `BlockSpace` each place has a module of its own for each option at each shape that reaches
    it, so that a width that is a choice has a module for each pair of channels in and out that
    occurs: options are closed modules, in which nobody knows what a filter is. So they share no
    filters between widths (as FBNetV2's masking of channels does, arXiv 2004.05565), and cannot be
    trained by ordered dropout.
    """
    from ..base.extras import require
    from ..training import data as data_module
    from ..training.preparing import check_training, device_of, digest
    from .scoring import Supernet

    seed = integer("seed", seed, 0, MAX_SEED)
    watched("progress", progress)
    flag("resume", resume)
    if sampling is not None:
        choice("sampling", sampling, SAMPLING)
    if subnets is not None:
        subnets = integer("subnets", subnets, 1, 1 << 20)
        if sampling == "single-path":
            raise ArgumentError(f"subnets belongs to ordered-dropout, got {subnets}")
    check_training(epochs, batch_size, recipe, out, callback)
    torch = require("flash.train_supernet", "train", "torch")
    place = device_of(torch, device)
    images = data_module.read(dataset, test, test_fraction, seed)
    plan_ = _recipe(recipe, epochs, batch_size, images)
    found = as_supernet_space(space, images)
    weights = weights_of(found, seed)
    drawn = weights.sampling[0] if sampling is None else sampling
    why = weights.why_not("ordered-dropout" if subnets is not None else drawn)
    if why is not None:
        raise ArgumentError(f"{'sampling' if subnets is None else 'subnets'}: {why}")
    refuse_unfit(weights, images)
    drawing = Draw(weights, pools)
    weights.check()
    check_memory(weights, plan_.batch_size, drawn, place)
    facts: dict[str, Any] = {
        "space": found.to_dict(),
        "seed": seed,
        "recipe": plan_.to_dict(),
        "dataset": images.fingerprint(),
        "device": place.partition(":")[0],
        "sampling": drawn,
        "subnets": subnets,
        "pools": None if pools is None else drawing.plain(),
        "start": None if start is None else start_of(path_of("start", start), found),
    }
    key = digest(facts)
    folder = os.fspath(out) if out is not None else f"flash-supernet-{key[:8]}"
    with Ledger(folder, facts, True) as ledger:
        checkpoint = ledger.checkpoint(0, 0)
        if not resume and os.path.exists(checkpoint):
            raise ArgumentError(
                f"out must be a new folder where resume is False, got {folder!r} with a checkpoint"
            )
        supernet = Supernet(weights, images, folder, place)
        seen = Progress(progress, "supernet", None, "epochs")
        with one_thread(torch, place), seen:
            fit(
                supernet, plan_, drawing, key, checkpoint, None if start is None else
                os.fspath(start), drawn, subnets, _teller(callback, seen),
            )  # fmt: skip
    return supernet


def refuse_unfit(weights: Weights, images: Data) -> None:
    """Refuse images that networks of these weights do not take.

    Raises
    ------
    ArgumentError
    """
    if weights.num_classes < images.classes:
        raise ArgumentError(
            f"space must have num_classes of at least the {images.classes} classes of the "
            f"dataset, got {weights.num_classes}: say num_classes={images.classes} with the space"
        )
    why = images.unfit(weights.input_shape)
    if why is not None:
        raise ArgumentError(f"dataset must fit the networks, it has {why}")


def as_supernet_space(space: Any, images: Data) -> SearchSpace | BypassSpace | BlockSpace:
    """Return the space that a supernet is for, from what users pass."""
    from ..networks.architecture import FAMILIES
    from ..problem.compiling import as_space
    from ..spaces.known.homes import KNOWN
    from ..training.preparing import space_at

    if isinstance(space, BypassSpace):
        return space
    named = isinstance(space, str) and space in (*FAMILIES, *KNOWN)
    given: Any = {"family": space} if named else space
    if hasattr(given, "keys"):
        if given.get("family") == "bypass":
            return BypassSpace.from_dict(given)
        read: SearchSpace | BlockSpace = space_at(given, images)
        return read
    return as_space(space)


def _recipe(
    given: Recipe | Mapping[str, Any] | None,
    epochs: int | None,
    batch_size: int | None,
    images: Data,
) -> Recipe:
    from ..training.preparing import recipe_of

    if epochs is None and not isinstance(given, Recipe) and "epochs" not in (given or {}):
        epochs = EPOCHS
    return recipe_of(given, epochs, batch_size, images)


def start_of(folder: str, space: SearchSpace | BypassSpace | BlockSpace) -> str:
    """Return what tells the weights to start from; an error where they are of another space."""
    import hashlib

    from .scoring import checkpoint_of, held_facts

    facts = held_facts(folder)
    if facts.get("space") != space.to_dict():
        raise ArgumentError(f"start must be a supernet of the same space, {folder!r} is of another")
    with open(checkpoint_of(folder), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _teller(callback: Callable[[Epoch], object] | None, seen: Progress) -> Callable[[Epoch], None]:
    def tell(done: Epoch) -> None:
        if not seen.done:
            seen.start(done.epoch - 1)
        seen.update(done.epoch, f"loss {done.loss:.4f}", total=done.epochs)
        if callback is not None:
            callback(done)

    return tell
