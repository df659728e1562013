"""A supernet whose weights are trained together with a distribution over its networks (FP-NAS).

Yan et al., arXiv 2011.10949: in every iteration networks A_k are drawn from P(A), the weights w
take a step on a batch of one half of the training images, the distribution on a batch of the other
half. The likelihood of a batch is that of the mixture, ``(1/K) sum_k P_k``, P_k that of network k,
so that ``dL/dw = -sum_k q_k d log P_k/dw`` with ``q_k = P_k / sum_j P_j``. What is drawn, and how
the distribution moves, is the method's: `flash.methods`.

P_k is a product over the images of a batch in the paper: with 64 of them a network that is better
by 0.05 nats an image has 25 times the weight. Here a batch may count as fewer images (`counted`, a
reconstruction): ``log P_k = counted * mean log likelihood``. The step of the weights is divided by
`counted`, so that the learning rate is that of a mean over images, as in any training.

Reconstruction too: the learning rate rises over the first epoch and stays, since nobody knows
before when a distribution will be sure; the likelihood has no label smoothing.
"""

from __future__ import annotations

import math
import os

from ..base.checks import path_of
from ..base.progress import Progress
from ..base.record import cached
from ..errors import ArgumentError, TrainingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    import torch

    from .scoring import Supernet

    Batch = tuple[torch.Tensor, torch.Tensor]

__all__ = ["JointTraining", "halves", "mixture_step"]

KIND = "joint"  # what a folder's record calls this way of sampling
NOT_TAKEN = ("sampling", "subnets")


class JointTraining:
    """Trains a supernet on networks that a method draws. Use it with ``with``.

    Parameters
    ----------
    space : space
        One that supernets know.
    dataset : as for `flash.train_supernet`
    root : path
        The run has a folder below it, named by what it is: a supernet's folder, which
        `flash.Supernet.load` reads.
    search : mapping
        Plain data that say what draws the networks: a folder belongs to one search.
    test, test_fraction, epochs, batch_size, recipe, start, seed, device, progress
        As for `flash.train_supernet`. Without epochs there is no end but the method's.

    Attributes
    ----------
    supernet : Supernet
    folder : str
    epochs : int or None
        At most.
    state : dict or None
        What the method had kept after the last whole epoch, or at its end: the run goes on there.
    done : int
        Epochs until then.
    seconds : float
        Of training until then, over all runs that it took.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError, MissingExtraError
        As `flash.train_supernet`: before anything is trained.
    """

    def __init__(
        self, space: Any, dataset: Any, root: str, search: Mapping[str, Any], **settings: Any
    ) -> None:
        from ..base.extras import require
        from ..training import data as data_module
        from ..training.loop import optimizer_for
        from ..training.preparing import check_training, device_of, digest, recipe_of
        from .memory import check_memory
        from .running import as_supernet_space, refuse_unfit, start_of
        from .scoring import Supernet
        from .weights import weights_of

        for name in NOT_TAKEN:
            if settings.get(name) is not None:
                raise ArgumentError(
                    f"{name} belongs to a supernet that is trained before the search, got "
                    f"{settings[name]!r}: where weights are trained jointly, the method draws"
                )
        given: Any = settings.get("recipe")
        epochs, batch = settings.get("epochs"), settings.get("batch_size")
        check_training(epochs, batch, given, root, None)
        torch = require("weights that are trained jointly", "train", "torch")
        place = device_of(torch, settings.get("device", "auto"))
        seed = settings.get("seed", 0)
        images = data_module.read(
            dataset, settings.get("test"), settings.get("test_fraction", 0.2), seed
        )
        told = given.to_dict() if hasattr(given, "to_dict") else dict(given or {})
        self.epochs: int | None = epochs if epochs is not None else told.get("epochs")
        self.recipe = recipe_of(given, epochs, batch, images)
        if 2 * self.recipe.batch_size > len(images.train_y):
            raise ArgumentError(
                f"batch_size must be at most half of the {len(images.train_y)} training images, "
                f"for weights and distribution have a half each, got {self.recipe.batch_size}"
            )
        found = as_supernet_space(space, images)
        weights = weights_of(found, seed)
        refuse_unfit(weights, images)
        weights.check()
        check_memory(weights, self.recipe.batch_size, "single-path", place)
        start = settings.get("start")
        facts: dict[str, Any] = {
            "space": found.to_dict(),
            "seed": seed,
            "recipe": {k: one for k, one in self.recipe.to_dict().items() if k != "epochs"},
            "dataset": images.fingerprint(),
            "device": place.partition(":")[0],
            "sampling": KIND,
            "search": dict(search),
            "start": None if start is None else start_of(path_of("start", start), found),
        }
        self._facts, self._key = facts, digest(facts)
        self.folder: str = os.path.join(os.fspath(root), f"{KIND}-{self._key[:12]}")
        self._start, self._progress = start, settings.get("progress", False)
        self.supernet: Supernet = Supernet(weights, images, self.folder, place)
        self.optimizer: Any = optimizer_for(self.supernet.module, self.recipe)
        self.state: dict[str, Any] | None = None
        self.done, self.seconds, self.loss = 0, 0.0, math.nan
        self._parameters = list(self.supernet.module.parameters())
        self._kept, self._kept_at, self._writing = 0, 0.0, 0.0  # epochs, when, how long it took
        self._ledger: Any = None
        self._threads: Any = None
        self._began = 0.0
        self._shown = Progress(False, "supernet")

    def __enter__(self) -> JointTraining:
        import time

        import torch

        from ..training.ledger import Ledger
        from ..training.loop import load_state
        from .epochs import one_thread
        from .scoring import checkpoint_of

        self._ledger = Ledger(self.folder, self._facts, True)
        try:
            self._path = self._ledger.checkpoint(0, 0)
            place = torch.device(self.supernet.device)
            module = self.supernet.module
            if os.path.exists(self._path):
                state = load_state(self._path, place)
                if state["key"] != self._key:
                    raise ArgumentError(f"out holds the checkpoint of another run: {self._path!r}")
                module.load_state_dict(state["module"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.done = self._kept = state["epochs"]
                self.seconds = state["seconds"]
                self.loss, self.state = state["train_loss"], state["search"]
            elif self._start is not None:
                held = load_state(checkpoint_of(os.fspath(self._start)), place)
                module.load_state_dict(held["module"])
            self._threads = one_thread(torch, self.supernet.device)
            self._threads.__enter__()
        except BaseException:
            self._ledger.close()
            raise
        self._shown = Progress(self._progress, "supernet", self.epochs, "epochs", done=self.done)
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.supernet.train_loss, self.supernet.seconds = self.loss, self._spent()
        self.supernet.module.eval()
        self._shown.close()
        self._threads.__exit__(None, None, None)
        self._ledger.close()

    def _spent(self) -> float:
        import time

        return self.seconds + time.perf_counter() - self._began

    def batches(self, epoch: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield (a batch for the weights, a batch for the distribution) of one epoch.

        Which images a batch has, and how those of the weights are flipped and moved, is drawn from
        (seed, epoch) alone.
        """
        import torch

        from ..base.seeds import stream
        from ..training.feeding import batches
        from ..training.loop import augmented, layout_of

        x, y = self.supernet.data["train_x"], self.supernet.data["train_y"]
        seed, size = self.supernet.seed, self.recipe.batch_size
        generator = torch.Generator().manual_seed(stream(seed, epoch, 1) >> 1)
        parts = []
        for half in halves(len(x), seed):
            order = half[torch.randperm(len(half), generator=generator)]
            parts.append([one for one in order.split(size) if len(one) > 1])
        steps = min(map(len, parts))
        pairs = zip(
            parts[0][:steps], batches(x, parts[0][:steps]),
            parts[1][:steps], batches(x, parts[1][:steps]), strict=True,
        )  # fmt: skip
        layout: Any = {"memory_format": layout_of(x.device)}
        self.supernet.module.train()
        for rows, images, other_rows, others in pairs:
            moved = augmented(images, self.recipe.augment, generator).contiguous(**layout)
            learnt = moved, y[rows.to(y.device)]
            yield learnt, (others.contiguous(**layout), y[other_rows.to(y.device)])

    @cached
    def steps(self) -> int:
        """Of an epoch."""
        first, second = halves(len(self.supernet.data["train_y"]), self.supernet.seed)
        size = self.recipe.batch_size
        return min(sum(1 for one in half.split(size) if len(one) > 1) for half in (first, second))

    def learn(
        self,
        networks: Sequence[Sequence[int]],
        times: Sequence[int],
        batch: Batch,
        iteration: int,
        counted: float = 0.0,
    ) -> None:
        """Step the weights up the likelihood of the mixture of networks.

        Parameters
        ----------
        networks : sequence of rows of choice indices
            Each once.
        times : sequence of int
            How often each was drawn.
        iteration : int
            From 0: of the learning rate, and of what a network's dropout draws.
        counted : float
            Images that the batch counts for; 0: all it has.
        """
        import torch

        rate = self.recipe.learning_rate * min(1.0, (iteration + 1) / self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        module, images, labels = self.supernet.module, *batch
        subnets = [self.supernet.subnet(one) for one in networks]
        with self._chance(iteration, 0):
            self.loss = mixture_step(
                *(module, self._parameters, subnets, times, images, labels),
                *(counted or len(labels), self.recipe),
            )
        if not math.isfinite(self.loss):
            raise TrainingError(
                f"the loss is {self.loss} in iteration {iteration + 1}: a smaller learning_rate "
                f"than {self.recipe.learning_rate} may do; {self._kept} epochs are kept "
                f"in {self.folder!r}"
            )
        torch.nn.utils.clip_grad_norm_(self._parameters, self.recipe.clip)
        self.optimizer.step()

    def weigh(
        self,
        networks: Sequence[Sequence[int]],
        batch: Batch,
        iteration: int,
        counted: float = 0.0,
    ) -> list[float]:
        """Return the log likelihood of a batch under each network, in nats: see `learn`.

        Batch norms normalise by the batch, as they do in training.
        """
        import torch
        from torch.nn.functional import cross_entropy

        from ..training.loop import autocast

        images, labels = batch
        found = []
        with torch.no_grad(), self._chance(iteration, 1):
            for one in networks:
                with autocast(images.device, self.recipe):
                    logits = self.supernet.module(images, self.supernet.subnet(one))
                found.append(-float(cross_entropy(logits.float(), labels)))
        return [(counted or len(labels)) * one for one in found]

    def _chance(self, iteration: int, which: int) -> Any:
        """Return what makes torch's random numbers (dropout) those of one iteration."""
        from ..base.seeds import stream
        from ..training.loop import seeded

        return seeded(stream(self.supernet.seed, iteration, 2 + which) >> 1, self.supernet.device)

    def keep(self, epochs: int, state: Callable[[], dict[str, Any]], last: bool) -> None:
        """Write the weights, with what the method keeps: tensors, numbers and text.

        Not before the last time unless ten times as long has gone as the writing took: a space of
        many options has many weights.
        """
        import time

        from ..training.loop import save_state

        self.done = epochs
        self._shown.update(epochs, f"loss {self.loss:.4f}")
        now = time.perf_counter()
        if not last and now - self._kept_at < 10.0 * self._writing:
            return
        save_state(
            self._path,
            {
                "key": self._key,
                "module": self.supernet.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "epochs": epochs,
                "seconds": self._spent(),
                "train_loss": self.loss,
                "search": state(),
            },
        )
        self._kept, self._kept_at = epochs, time.perf_counter()
        self._writing = self._kept_at - now


def halves(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers of the images (of the weights, of the distribution), by a seed."""
    import torch

    from ..base.seeds import stream

    generator = torch.Generator().manual_seed(stream(seed, -1) >> 1)
    order = torch.randperm(count, generator=generator)
    return order[: count // 2], order[count // 2 :]


def _scale(parameters: Sequence[torch.nn.Parameter], factor: float) -> None:
    """Multiply the gradients that there are."""
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)


def mixture_step(
    module: Any,
    parameters: Sequence[torch.nn.Parameter],
    subnets: Sequence[Any],
    times: Sequence[int],
    images: torch.Tensor,
    labels: torch.Tensor,
    counted: float,
    recipe: Any,
) -> float:
    """Set gradients of ``-log(sum_k P_k) / counted``; return that loss, per image counted.

    One network's pass is in memory at a time: the gradients of all are summed by their weights
    q_k, which are rescaled whenever a network has more likelihood than all before it.
    """
    from torch.nn.functional import cross_entropy

    from ..training.loop import autocast

    for parameter in parameters:
        parameter.grad = None
    top, total = -math.inf, 0.0
    for subnet, n in zip(subnets, times, strict=True):
        with autocast(images.device, recipe):
            logits = module(images, subnet)
        loss = cross_entropy(logits.float(), labels)
        likely = -counted * float(loss.detach()) + math.log(n)
        if math.isnan(likely):
            return math.nan
        if likely > top:
            _scale(parameters, math.exp(top - likely))
            total, top = total * math.exp(top - likely), likely
        share = math.exp(likely - top)
        total += share
        (share * loss).backward()  # adds to what is there
    _scale(parameters, 1.0 / total)
    return -(top + math.log(total) - math.log(sum(times))) / counted
