"""`flash.zero_cost_scores`: scores of networks that were not trained."""

from __future__ import annotations

from ..base.checks import choice, integer, items, public, shown, watched
from ..base.progress import Progress
from ..base.seeds import stream
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware._samples import is_module
from ..networks.families import MAX_SEED
from ..networks.network import Network, image_shape
from .preparing import is_trainable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from ..base.progress import Watching
    from ..networks.cell_networks import Net
    from .data import Dataset
    from .images import Data
    from .pixels import Shape

    Scored: TypeAlias = "Net | torch.nn.Module"

__all__ = ["SCORES", "zero_cost_scores"]

SCORES = ("synflow", "nwot", "grad_norm", "zen")
MAX_BATCH, MAX_REPEATS, MAX_NETWORKS = 1 << 16, 1000, 1 << 20
ROWS, LABELS, NOISE = 1, 2, 3  # streams of a seed
KEPT = 4  # batches in memory


@public
def zero_cost_scores(
    networks: Scored | Sequence[Scored],
    dataset: Dataset | None = None,
    *,
    scores: str | Sequence[str] = SCORES,
    input_shape: Sequence[int] | None = None,
    batch_size: int = 64,
    repeats: int = 1,
    seed: int = 0,
    progress: Watching = False,
) -> dict[str, NDArray[np.float64]]:
    """Score networks at their initial weights: a few passes of a batch each, no training.

    Of every score, larger is meant to be better. None is an accuracy, and parameters or MACs alone
    are often as good (docs/howto/zero-cost.md): they are always in the answer, to compare with.

    Parameters
    ----------
    networks : network or sequence of them
        `Architecture`, `CellNetwork`, `BlockNetwork`, `Network` or another that has ``to_torch()``,
        with weights drawn from `seed`; or ``torch.nn.Module``, with its weights as they are. They
        take images. A module stays as it is: copies are scored, on the CPU, in evaluation mode.
    dataset : as `flash.train` takes it, optional
        "digits", arrays, a folder, a torch dataset and so on: `batch_size` images are drawn from
        those to train on, and normalised and scaled as for training (image files by mean and
        deviation of the batch). Usually none: images are standard normal noise, labels random.
        Only "nwot" and "grad_norm" look at images, and only the latter at labels. "nwot" ranks
        better on images than on noise.
    scores : str or sequence of str, default ("synflow", "nwot", "grad_norm", "zen")
        Those to compute; see Notes.
    input_shape : (int, int, int), optional
        Channels, height and width of an image, for torch modules: which do not say it.
    batch_size : int, default 64
        Images in the batch, 2 or more; scores of different batch sizes are not comparable.
    repeats : int, default 1
        Mean over so many seeds, from `seed` on: of weights, where flash makes the module, and of
        all that is drawn.
    seed : int, default 0
        The same seed gives the same scores on a machine, whatever the number of torch's threads
        (one is used) and whatever else is in the list. The caller's random state stays.
    progress : bool or "auto", default False
        Show on standard error how many networks are scored: see `flash.search`.

    Returns
    -------
    dict of str to float64 array of shape (n,)
        By the names of `scores`, then "params" and "macs". A score that means nothing for a network
        is nan (Notes). Where one could not be computed, as when the module itself failed, it is nan
        too, with a UserWarning that says why.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument or the data are not accepted, images do not fit a network, or not one score
        of all networks came out.
    MissingExtraError
        If torch is not installed (the extra ``torch``).

    Notes
    -----
    synflow : Tanaka et al., arXiv 2006.05467, as published: the natural logarithm of the sum over
        all weights of theta * dR/dtheta, R the sum of the outputs for an image of ones, in float64,
        with all weights at their magnitude. R has no biases; norms are left out, activations are
        the identity and sigmoid gates 1, so that it is a sum over paths. Any real number; -inf
        where nothing arrives. nan with softmax or attention.
    nwot : Mellor et al., arXiv 2006.04647, as published (there NASWOT): log det K, where K counts
        in how many signs of the inputs of ReLU two images agree. From -inf (images that no unit
        tells apart) to batch_size * log(units). ReLU6, leaky ReLU and PReLU count by sign as well;
        smooth activations (SiLU, GELU, hard-swish) do not count, and without others it is nan.
    grad_norm : Abdelfattah et al., arXiv 2101.08134, as published: the sum over weights of two
        dimensions or more of the Euclidean norm of the gradient of the cross entropy, for one
        batch. 0 or more. nan unless the output is (batch, classes).
    zen : Lin et al., arXiv 2102.01063, a reconstruction: links around blocks stay, where the paper
        removes them. The logarithm of the mean distance that the maps before the last global
        average pooling go when 0.01 times noise is added to Gaussian images, plus that of the
        root mean variance in each batch norm on the way; weights are drawn standard normal. Any
        real number. nan without batch norms or global average pooling.

    Batch norms take the statistics of the batch.

    Examples
    --------
    >>> space = flash.DenseNet(depths=[5, 8], skips=[0, 16], cells=2)
    >>> found = flash.zero_cost_scores(space.sample(3), batch_size=8)  # doctest: +SKIP
    >>> list(found)  # doctest: +SKIP
    ['synflow', 'nwot', 'grad_norm', 'zen', 'params', 'macs']
    """
    from ..base.extras import require

    wanted = _names(scores)
    batch_size = integer("batch_size", batch_size, 2, MAX_BATCH)
    repeats = integer("repeats", repeats, 1, MAX_REPEATS)
    seed = integer("seed", seed, 0, MAX_SEED - MAX_REPEATS)
    watched("progress", progress)
    shape = None if input_shape is None else image_shape(input_shape)
    given = _listed(networks)
    torch = require("flash.zero_cost_scores", "torch", "torch")
    shapes = _shapes(given, shape, torch)
    from .data import read

    images = None if dataset is None else read(dataset, None, 0.2, seed)
    if images is not None:
        _check_fit(given, shapes, images)
    run = _Run(torch, images, wanted, batch_size)
    with _quiet(torch), Progress(progress, "scores", len(given), "networks") as show:
        for number, (network, one) in enumerate(zip(given, shapes, strict=True)):
            run.network(f"networks[{number}]", network, one, range(seed, seed + repeats))
            show.advance()
    return run.answer()


def _names(scores: Any) -> tuple[str, ...]:
    given = [scores] if isinstance(scores, str) else items("scores", scores, MAX_NETWORKS)
    if not given:
        raise ArgumentError(f"scores must name one of {', '.join(map(repr, SCORES))}, got none")
    return tuple(dict.fromkeys([choice("scores", one, SCORES) for one in given]))


def _listed(networks: Any) -> list[Any]:
    """Return the networks, each of which a module can be made of."""
    if _is_scored(networks):
        return [networks]
    if isinstance(networks, (str, type)) or not hasattr(networks, "__iter__"):
        raise ArgumentTypeError(
            "networks must be a network that to_torch() makes a module of, a torch.nn.Module or a "
            f"list of such, got {shown(networks)} ({type(networks).__name__})"
        )
    found = items("networks", networks, MAX_NETWORKS)
    if not found:
        raise ArgumentError("networks must hold a network, got none")
    for number, one in enumerate(found):
        if not _is_scored(one):
            raise ArgumentTypeError(
                f"networks[{number}] must be a network that to_torch() makes a module of, or a "
                f"torch.nn.Module, got {shown(one)} ({type(one).__name__})"
            )
    return found


def _is_scored(network: Any) -> bool:
    return is_module(network) or isinstance(network, Network) or is_trainable(network)


def _shapes(networks: list[Any], given: Shape | None, torch: Any) -> list[Shape]:
    """Return the input of each network."""
    found: list[Shape] = []
    for number, network in enumerate(networks):
        if is_module(network):
            if isinstance(network, torch.jit.ScriptModule):
                raise ArgumentTypeError(
                    f"networks[{number}] must be a torch.nn.Module in Python, got a "
                    f"{type(network).__name__}: what it calls cannot be watched"
                )
            if given is None:
                raise ArgumentError(
                    f"input_shape must be given as (channels, height, width): networks[{number}] "
                    "is a torch module, which does not say it"
                )
            found.append(given)
            continue
        shape = getattr(network, "input_shape", None)
        if shape is None:
            shape = (3, network.resolution, network.resolution)
        if len(shape) != 3:
            raise ArgumentError(
                f"networks[{number}] must take images (channels, height, width), it takes {shape}"
            )
        found.append((int(shape[0]), int(shape[1]), int(shape[2])))
    if given is not None and not any(map(is_module, networks)):
        raise ArgumentError(f"input_shape is for torch modules, got {given} and none of these")
    return found


def _check_fit(networks: list[Any], shapes: list[Shape], images: Data) -> None:
    for number, (network, shape) in enumerate(zip(networks, shapes, strict=True)):
        why = images.unfit(shape)
        if why is not None:
            raise ArgumentError(f"dataset must fit the networks, it has {why} (networks[{number}])")
        classes = None if is_module(network) else getattr(network, "num_classes", None)
        if classes is not None and classes < images.classes:
            raise ArgumentError(
                f"networks[{number}] must have num_classes of at least the {images.classes} "
                f"classes of the dataset, got {classes}"
            )


def _quiet(torch: Any) -> AbstractContextManager[None]:
    """Within it torch works on one thread, and then has the caller's threads and random state."""
    from contextlib import contextmanager

    @contextmanager
    def held() -> Iterator[None]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums of several threads differ in their last digits
        try:
            with (
                torch.random.fork_rng(devices=[]),
                torch.inference_mode(False),
                torch.enable_grad(),
                torch.autocast("cpu", enabled=False),
            ):
                yield
        finally:
            torch.set_num_threads(threads)

    return held()


class _Run:
    """One call's scores, network by network."""

    def __init__(
        self, torch: Any, images: Data | None, wanted: tuple[str, ...], count: int
    ) -> None:
        self.torch, self.images, self.wanted, self.count = torch, images, wanted, count
        self.columns: dict[str, list[float]] = {name: [] for name in (*wanted, "params", "macs")}
        self.failed: list[str] = []
        self.undefined: list[str] = []
        self.view: dict[str, Any] | None = None
        self.batches: dict[tuple[Shape, int], tuple[Any, Any]] = {}

    def network(self, where: str, network: Any, shape: Shape, seeds: range) -> None:
        """Score a network, and add a row to the columns."""
        sums = dict.fromkeys(self.wanted, 0.0)
        for seed in seeds:
            try:
                module = network if is_module(network) else network.to_torch(seed=seed)
            except Exception as error:  # whatever making it raises: the others are scored
                self._fails(f"{where} could not be made", error)
                sums = dict.fromkeys(self.wanted, float("nan"))
                break
            for name in self.wanted:
                if sums[name] == sums[name]:
                    sums[name] += self._score(f"{where} has no {name}", name, module, shape, seed)
        for name, total in sums.items():
            self.columns[name].append(total / len(seeds))
        params, macs = self._size(where, network, shape)
        self.columns["params"].append(params)
        self.columns["macs"].append(macs)

    def answer(self) -> dict[str, NDArray[np.float64]]:
        """Return the columns; an error where they are empty, a warning where something failed."""
        import numpy as np

        found = {name: np.array(column, np.float64) for name, column in self.columns.items()}
        if all(np.isnan(found[name]).all() for name in self.wanted):
            why = "; ".join(dict.fromkeys([*self.failed, *self.undefined][:4]))
            raise ArgumentError(f"networks have none of the scores: {why}")
        if self.failed:
            import warnings

            more = len(self.failed) - 1
            tail = f" (and {more} more)" if more else ""
            warnings.warn(f"{self.failed[0]}{tail}", UserWarning, stacklevel=4)
        return found

    def _fails(self, what: str, error: Exception) -> None:
        self.failed.append(f"{what}: {type(error).__name__}: {error}")

    def _score(self, what: str, name: str, module: Any, shape: Shape, seed: int) -> float:
        from . import _zero_cost_torch as proxies

        self.torch.default_generator.manual_seed(stream(seed) >> 1)  # for what a module draws
        try:
            if name == "synflow":
                return proxies.synflow(module, shape)
            if name == "zen":
                return proxies.zen(module, shape, self.count, stream(seed, NOISE) >> 1)
            images, labels = self._batch(shape, seed)
            if name == "nwot":
                return proxies.nwot(module, images)
            return proxies.grad_norm(module, images, labels, stream(seed, LABELS) >> 1)
        except proxies.UndefinedError as error:
            self.undefined.append(f"{what}: {error}")
        except Exception as error:  # whatever a module raises: the others are scored
            self._fails(what, error)
        return float("nan")

    def _batch(self, shape: Shape, seed: int) -> tuple[Any, Any]:
        """Return a batch for networks of an input, and its labels where there are some."""
        if (shape, seed) not in self.batches:
            if len(self.batches) >= KEPT:
                self.batches.clear()
            self.batches[shape, seed] = self._drawn(shape, seed)
        return self.batches[shape, seed]

    def _drawn(self, shape: Shape, seed: int) -> tuple[Any, Any]:
        torch, draw = self.torch, stream(seed, ROWS) >> 1
        if self.images is None:
            generator = torch.Generator().manual_seed(draw)
            noise = torch.randn(
                (self.count, *shape), generator=generator, dtype=torch.float32, device="cpu"
            )
            return noise, None
        import numpy as np

        from .feeding import prepared
        from .images import Images, byte_moments
        from .pixels import decoded

        data = self.images
        generator = torch.Generator().manual_seed(draw)
        rows = torch.randperm(len(data.train_y), generator=generator)[: self.count].numpy()
        if isinstance(data, Images):
            self.view = self.view or data.statistics()
            pixels, view = np.asarray(data.train_x[rows]), self.view
        else:  # those of all files would take as long as a training's start
            pixels = np.stack([decoded(data.train[row], shape) for row in rows])
            view = byte_moments(pixels)
        batch = prepared(torch.from_numpy(pixels), shape, view)
        return batch, torch.from_numpy(np.array(data.train_y[rows]))

    def _size(self, where: str, network: Any, shape: Shape) -> tuple[float, float]:
        """Return parameters and MACs of a network."""
        if not is_module(network):
            return float(network.params), float(getattr(network, "macs", float("nan")))
        import warnings

        params = float(sum(one.numel() for one in network.parameters()))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of weights that it does not read
                return params, float(Network.from_torch(network, shape).macs)
        except Exception as error:  # what cannot be followed is refused by name
            self._fails(f"{where} has no macs", error)
            return params, float("nan")
