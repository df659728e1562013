"""`flash.train_supernet`: trains one set of weights for all networks of a space.

What a step does (its images, their subnets) is drawn from (seed, epoch, step) alone, and the state
is kept after every epoch, so that a run which was killed goes on to the same weights, bit for bit
on a CPU.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager

from .._record import Record
from .._validate import choice, integer, known_keys, shown
from ..architecture import MAX_SEED
from ..errors import ArgumentError, ArgumentTypeError, TrainingError
from ..training.ledger import Ledger
from ..training.loop import Recipe
from .bypass_space import BypassSpace
from .plans import Backbone, Subnet, backbone_of, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    import numpy as np

    from ..spaces import SearchSpace
    from ..training.data import Images
    from .scoring import Supernet

    Pools = Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]

__all__ = ["EPOCHS", "SAMPLING", "Draw", "Epoch", "subnet_of", "train_supernet"]

SAMPLING = ("ordered-dropout", "single-path")
EPOCHS = 30
KEPT_SUBNETS = 1 << 14
KEPT_PER_ACTIVATION = 3  # tensors of a layer's size that a training step holds: measured 2.3 to 2.9


class Epoch(Record):
    """What a callback sees after an epoch.

    Parameters
    ----------
    epoch : int
        Epochs done.
    epochs : int
        Of the whole training.
    loss : float
        Mean training loss of the epoch, over the subnets drawn.
    seconds : float
        Of training so far, over all runs that it took.
    """

    epoch: int
    epochs: int
    loss: float
    seconds: float


def train_supernet(
    space: SearchSpace | BypassSpace | str | Mapping[str, Any],
    dataset: Any,
    *,
    test: Any = None,
    test_fraction: float = 0.2,
    epochs: int | None = None,
    batch_size: int | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    sampling: str = "ordered-dropout",
    subnets: int | None = None,
    pools: Pools | None = None,
    start: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = False,
    callback: Callable[[Epoch], object] | None = None,
) -> Supernet:
    """Train a supernet: weights that every network of a space shares.

    Parameters
    ----------
    space : SearchSpace, BypassSpace, name or dict
        resnet, wide-resnet or mobilenet-v2 of one resolution. A name or a dictionary stands for a
        space at the images' own size and number of classes, as for `flash.train`.
    dataset, test, test_fraction, device
        As for `flash.train`.
    epochs, batch_size, recipe
        As for `flash.train`; usually 30 epochs, and no weight decay below that of the recipe.
    sampling : {"ordered-dropout", "single-path"}
        "ordered-dropout": every image of a batch has a subnet of its own, and many are trained in
        one pass at the cost of the largest (NetAdaptV2, arXiv 2104.00031). "single-path": one
        subnet per batch, drawn uniformly, at its own cost (SPOS, arXiv 1904.00420).
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
    progress : bool, default False
        Print a line per epoch to standard error.
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
        If torch is not installed (``pip install 'flash-nas[train]'``).
    TrainingError
        If memory ran out, or the loss is no number any more; what was finished stays.
    """
    from ..export import require
    from ..training import data as data_module
    from ..training.preparing import device_of, digest
    from .scoring import Supernet

    integer("seed", seed, 0, MAX_SEED)
    choice("sampling", sampling, SAMPLING)
    if subnets is not None:
        integer("subnets", subnets, 1, 1 << 20)
        if sampling != "ordered-dropout":
            raise ArgumentError(f"subnets belongs to ordered-dropout, got {subnets}")
    if callback is not None and not callable(callback):
        raise ArgumentTypeError(f"callback must be callable, got {shown(callback)}")
    for name, value, low in (("epochs", epochs, 1), ("batch_size", batch_size, 2)):
        if value is not None:
            integer(name, value, low)
    if recipe is not None and not isinstance(recipe, Recipe):
        known_keys("recipe", recipe, Recipe._fields)
    if out is not None and not os.fspath(out):
        raise ArgumentError("out must be the path of a folder, got ''")
    torch = require("flash.train_supernet", "train", "torch")
    place = device_of(torch, device)
    images = data_module.read(dataset, test, test_fraction, seed)
    plan_ = _recipe(recipe, epochs, batch_size, images)
    found = as_supernet_space(space, images)
    backbone = backbone_of(found)
    if backbone.num_classes < images.classes:
        raise ArgumentError(
            f"space must have num_classes of at least the {images.classes} classes of the "
            f"dataset, got {backbone.num_classes}"
        )
    drawing = Draw(found, backbone, pools)
    check_memory(backbone, plan_.batch_size, place)
    facts: dict[str, Any] = {
        "space": found.to_dict(),
        "seed": seed,
        "recipe": plan_.to_dict(),
        "dataset": images.fingerprint(),
        "device": place.partition(":")[0],
        "sampling": sampling,
        "subnets": subnets,
        "pools": None if pools is None else drawing.plain(),
        "start": None if start is None else _start_of(os.fspath(start), found),
    }
    key = digest(facts)
    folder = os.fspath(out) if out is not None else f"flash-supernet-{key[:8]}"
    with Ledger(folder, facts, True) as ledger:
        checkpoint = ledger.checkpoint(0, 0)
        if not resume and os.path.exists(checkpoint):
            raise ArgumentError(
                f"out must be a new folder where resume is False, got {folder!r} with a checkpoint"
            )
        supernet = Supernet(found, images, folder, place, seed)
        with one_thread(torch, place):
            _fit(
                supernet, plan_, drawing, key, checkpoint, None if start is None else
                os.fspath(start), sampling, subnets, _teller(callback, progress),
            )  # fmt: skip
    return supernet


def as_supernet_space(space: Any, images: Images) -> SearchSpace | BypassSpace:
    """Return the space that a supernet is for, from what users pass."""
    from ..architecture import FAMILIES
    from ..problem import as_space
    from ..spaces import SearchSpace

    if isinstance(space, BypassSpace):
        return space
    if isinstance(space, str) and space in FAMILIES:
        space = {"family": space}
    if hasattr(space, "keys"):
        if space.get("family") == "bypass":
            return BypassSpace.from_dict(space)
        own = {"resolution": images.side, "num_classes": images.classes}
        return SearchSpace.from_dict({**own, **known_keys("space", space, SearchSpace._fields)})
    return as_space(space)


def subnet_of(space: SearchSpace | BypassSpace, backbone: Backbone, row: Sequence[int]) -> Subnet:
    """Return which part of a backbone the network of a row is."""
    if isinstance(space, BypassSpace):
        return space.subnet(row)
    return plan(backbone, space.decode(row))


class Draw:
    """Draws subnets: each pool of choices uniformly, and each variable that is in none.

    Parameters
    ----------
    pools : sequence of (variables, rows), or None
        See `train_supernet`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a pool is empty, or a number out of range or there twice.
    """

    def __init__(
        self, space: SearchSpace | BypassSpace, backbone: Backbone, pools: Pools | None
    ) -> None:
        import numpy as np

        self._space, self._backbone = space, backbone
        self._kept: dict[tuple[int, ...], Subnet] = {}
        lengths, names = space._lengths, space.variables
        self._pools: list[tuple[Any, Any]] = []
        seen: set[int] = set()
        for number, pool in enumerate(pools or ()):
            where = f"pools[{number}]"
            try:
                given, rows = pool
                columns = [integer(f"{where} variable", k, 0, len(lengths) - 1) for k in given]
                values = np.array([[int(one) for one in row] for row in rows], dtype=np.int64)
            except (TypeError, ValueError) as error:
                if isinstance(error, ArgumentError):
                    raise
                raise ArgumentTypeError(
                    f"{where} must be (variables, rows of choice indices), got {shown(pool)}"
                ) from None
            if seen.intersection(columns) or len(set(columns)) < len(columns):
                raise ArgumentError(f"{where} must hold variables that no other pool has")
            seen.update(columns)
            if values.ndim != 2 or values.shape[1] != len(columns) or not len(values):
                raise ArgumentError(
                    f"{where} must hold at least one row of {len(columns)} choice indices"
                )
            for k, column in enumerate(columns):
                low, high = int(values[:, k].min()), int(values[:, k].max())
                if low < 0 or high >= lengths[column]:
                    raise ArgumentError(
                        f"{where}: choice indices of {names[column]} must be 0 to "
                        f"{lengths[column] - 1}, got {low if low < 0 else high}"
                    )
            self._pools.append((columns, values))
        for column, length in enumerate(lengths):
            if column not in seen:
                self._pools.append(([column], np.arange(length)[:, None]))

    def plain(self) -> list[Any]:
        """Return the pools as plain data."""
        return [[list(columns), values.tolist()] for columns, values in self._pools]

    def rows(self, rng: np.random.Generator, n: int) -> np.ndarray[Any, Any]:
        """Return `n` rows, shape (n, variables)."""
        import numpy as np

        picks = rng.random((n, len(self._pools)))
        out = np.zeros((n, len(self._space._lengths)), dtype=np.int64)
        for k, (columns, values) in enumerate(self._pools):
            places = np.minimum((picks[:, k] * len(values)).astype(np.int64), len(values) - 1)
            out[:, columns] = values[places]
        return out

    def subnets(self, rng: np.random.Generator, n: int) -> list[Subnet]:
        """Return `n` subnets."""
        found = []
        for row in map(tuple, self.rows(rng, n).tolist()):
            if row not in self._kept:
                if len(self._kept) >= KEPT_SUBNETS:
                    self._kept.clear()
                self._kept[row] = subnet_of(self._space, self._backbone, row)
            found.append(self._kept[row])
        return found


def _recipe(
    given: Recipe | Mapping[str, Any] | None,
    epochs: int | None,
    batch_size: int | None,
    images: Images,
) -> Recipe:
    from ..training.preparing import recipe_of

    if epochs is None and not isinstance(given, Recipe) and "epochs" not in (given or {}):
        epochs = EPOCHS
    return recipe_of(given, epochs, batch_size, images)


def _start_of(folder: str, space: SearchSpace | BypassSpace) -> str:
    """Return what tells the weights to start from; an error where they are of another space."""
    import hashlib

    from .scoring import checkpoint_of, held_facts

    facts = held_facts(folder)
    if facts.get("space") != space.to_dict():
        raise ArgumentError(f"start must be a supernet of the same space, {folder!r} is of another")
    with open(checkpoint_of(folder), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_memory(backbone: Backbone, batch_size: int, place: str) -> None:
    """Refuse a batch whose activations do not fit into the memory that is free.

    What a training step holds is estimated by the largest subnet's activations, so that this finds
    batches that are far too large; others end in a `TrainingError`.
    """
    free = free_bytes(place)
    if free is None:
        return
    one = activations(backbone)
    need = 4 * KEPT_PER_ACTIVATION * one * batch_size
    if need > free:
        most = free // (4 * KEPT_PER_ACTIVATION * one)
        raise ArgumentError(
            f"batch_size must leave a training step in memory: {batch_size} images of the largest "
            f"subnet need about {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; "
            f"at most {most} fit"
        )


def activations(backbone: Backbone) -> int:
    """Return the numbers that the layers of the largest subnet hand on, for one image."""
    side = backbone.resolution
    if backbone.is_imagenet:
        side = -(-side // 2)
    total = backbone.stem * side * side
    if backbone.is_imagenet and backbone.family != "mobilenet-v2":
        side = -(-side // 2)
    for slot in backbone.slots:
        if backbone.family == "mobilenet-v2":
            total += slot.filters * side * side * slot.expands
        side = -(-side // slot.stride)
        total += (slot.filters + slot.made) * side * side
    return total


def free_bytes(place: str) -> int | None:
    """Return the memory that is free where a supernet is trained; None where it cannot be told."""
    if place != "cpu":
        import torch

        return int(torch.cuda.mem_get_info(place)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _cached()
    except (AttributeError, ValueError, OSError):
        return None


def _cached() -> int:
    """Return the memory that the system would give back at once."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("Cached:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


@contextmanager
def one_thread(torch: Any, place: str) -> Iterator[None]:
    """Run on one thread, since sums of several may differ in their last bits."""
    threads = torch.get_num_threads()
    deterministic = torch.backends.cudnn.deterministic
    if place == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = deterministic


def _teller(
    callback: Callable[[Epoch], object] | None, progress: bool
) -> Callable[[Epoch], None]:
    def tell(done: Epoch) -> None:
        if progress:
            import sys

            print(
                f"supernet: epoch {done.epoch}/{done.epochs}, loss {done.loss:.4f}, "
                f"{done.seconds:.1f} s",
                file=sys.stderr,
                flush=True,
            )
        if callback is not None:
            callback(done)

    return tell


def _fit(
    supernet: Supernet,
    recipe: Recipe,
    drawing: Draw,
    key: str,
    checkpoint: str,
    start: str | None,
    sampling: str,
    subnets: int | None,
    tell: Callable[[Epoch], None],
) -> None:
    """Train from wherever the checkpoint is."""
    import time

    import torch

    from ..training.loop import load_state, optimizer_for, save_state
    from .scoring import checkpoint_of

    module, place = supernet.module, torch.device(supernet.device)
    optimizer = optimizer_for(module, recipe)
    done, spent, loss = 0, 0.0, math.nan
    if os.path.exists(checkpoint):
        state = load_state(checkpoint, place)
        if state["key"] != key:
            raise ArgumentError(f"out holds the checkpoint of another run: {checkpoint!r}")
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        done, spent, loss = state["epochs"], state["seconds"], state["train_loss"]
    elif start is not None:
        module.load_state_dict(load_state(checkpoint_of(start), place)["module"])
    began = time.perf_counter()
    for epoch in range(done, recipe.epochs):
        try:
            loss = _epoch(supernet, optimizer, recipe, drawing, epoch, sampling, subnets)
        except (RuntimeError, MemoryError) as error:
            if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
                raise
            raise TrainingError(
                f"memory ran out in epoch {epoch + 1} with batches of {recipe.batch_size}: "
                f"{error}; {epoch} of {recipe.epochs} epochs are kept in {supernet.folder!r}"
            ) from error
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in epoch {epoch + 1}: a smaller learning_rate than "
                f"{recipe.learning_rate} may do; {epoch} of {recipe.epochs} epochs are kept in "
                f"{supernet.folder!r}"
            )
        state = {
            "key": key,
            "module": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epochs": epoch + 1,
            "seconds": spent + time.perf_counter() - began,
            "train_loss": loss,
        }
        save_state(checkpoint, state)
        tell(Epoch(epoch + 1, recipe.epochs, loss, state["seconds"]))
        spent_now = state["seconds"]
    supernet.train_loss = loss
    supernet.seconds = spent if done == recipe.epochs else spent_now
    module.eval()


def _epoch(
    supernet: Supernet,
    optimizer: Any,
    recipe: Recipe,
    drawing: Draw,
    epoch: int,
    sampling: str,
    subnets: int | None,
) -> float:
    """Train one epoch; return the mean loss per image."""
    import numpy as np
    import torch
    from torch.nn.functional import cross_entropy

    from .._rng import stream
    from ..training.loop import augmented, autocast, layout_of
    from .modules import mix

    module, backbone = supernet.module, supernet.backbone
    x, y = supernet.data["train_x"], supernet.data["train_y"]
    count, size = len(x), recipe.batch_size
    generator = torch.Generator().manual_seed(stream(supernet.seed, epoch) >> 1)
    order = torch.randperm(count, generator=generator)
    starts = [at for at in range(0, count, size) if count - at > 1]
    steps = len(starts) * recipe.epochs
    parameters = list(module.parameters())
    total, seen = torch.zeros((), dtype=torch.float64), 0
    module.train()
    for step, at in enumerate(starts):
        rate = recipe.rate(epoch * len(starts) + step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = order[at : at + size]
        images = augmented(x[rows.to(x.device)], recipe.augment, generator)
        images = images.contiguous(memory_format=layout_of(x.device))
        rng = np.random.Generator(np.random.PCG64(stream(supernet.seed, epoch, step)))
        n = len(rows)
        several = 1 if sampling == "single-path" else min(n, subnets or n)
        drawn = drawing.subnets(rng, several)
        chosen: Any = drawn[0]
        if several > 1:
            chosen = mix(backbone, [drawn[k * several // n] for k in range(n)], x.device)
        with autocast(x.device, recipe):
            logits = module(images, chosen)
        labels = y[rows.to(y.device)]
        loss = cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        total += loss.detach().double().cpu() * n
        seen += n
    return float(total) / seen
