"""Accuracies by training: `flash.train`, network by network as a method asks for them."""

from __future__ import annotations

import os

import numpy as np

from ..base.checks import integer, parse_json, path_of, public, read_text, shown
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..spaces.network_files import network_from_dict
from ..spaces.network_space import NetworkSpace
from . import Evaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypedDict, Unpack

    from numpy.typing import NDArray

    from ..base.progress import Watching
    from ..networks.cell_networks import Net
    from ..solving.ground import Ground
    from ..training.data import Dataset, Pair
    from ..training.loop import Recipe

    class Settings(TypedDict, total=False):
        test: Pair | None
        test_fraction: float
        epochs: int | None
        batch_size: int | None
        recipe: Recipe | Mapping[str, Any] | None
        repeats: int
        seed: int
        device: str
        keep_weights: bool | str
        memory_gib: float
        progress: Watching


__all__ = ["TrainingEvaluator"]

TAKEN = (
    *("test", "test_fraction", "epochs", "batch_size", "recipe", "repeats", "seed", "device"),
    *("keep_weights", "memory_gib", "progress"),
)


@public
class TrainingEvaluator(Evaluator):
    """Evaluates by training on a dataset, for any space whose networks `flash.train` takes.

    A `SearchSpace` and `PNASCells` are such; spaces of other papers' benchmarks are not.

    The folder keeps what is trained: a run that was stopped or killed goes on from it, in the
    middle of a training too, and other methods find there what this one had trained.

    Parameters
    ----------
    dataset
        As for `flash.train`: "digits", a folder or file, arrays, a torch dataset, or a pair of
        such.
    out : path
        Folder of the trainings; made where it is missing.
    workers : int, default 1
        Networks trained at a time, where a method asks for several.
    **settings
        Arguments of `flash.train`: test, test_fraction, epochs, batch_size, recipe, repeats, seed,
        device, keep_weights, memory_gib, progress. An accuracy is the mean of the repeats, a cost
        the sum of their seconds. With ``keep_weights=True`` `weights` has those of any network that
        was trained, the winner's too.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a setting is unknown; what `flash.train` refuses is refused at the first evaluation.
    """

    usual_evals = 50

    def __init__(
        self,
        dataset: Dataset,
        out: str | os.PathLike[str],
        *,
        workers: int = 1,
        **settings: Unpack[Settings],
    ) -> None:
        given: object = out
        if not isinstance(given, (str, os.PathLike)) or not path_of("out", given):
            raise ArgumentTypeError(f"out must be the path of a folder, got {shown(given)}")
        for name in settings:
            if name not in TAKEN:
                from ..base.checks import hint

                raise ArgumentError(
                    f"a TrainingEvaluator takes no {name!r}{hint(name, TAKEN)}; "
                    f"it takes {', '.join(TAKEN)}"
                )
        self.dataset = dataset
        self.folder: str = os.fspath(out)
        self.held: str | None = self.folder
        self.workers: int = integer("workers", workers, 1, 1024)
        self.chunk: int | None = 8 * self.workers  # processes that train start anew for each chunk
        self.settings: dict[str, Any] = {**settings}
        self.name: str = f"training on {dataset}" if isinstance(dataset, str) else "training"
        self._found: dict[Net, tuple[float, float]] = {}

    def unfit(self, space: Any) -> str | None:
        from ..training.preparing import is_trainable

        if isinstance(space, NetworkSpace):
            found = space.sample(16)
            if not found or not is_trainable(found[0]):
                return (
                    f"evaluator by training does not fit the space {space.family!r}: flash.train "
                    "trains architectures of the four families, cells of PNAS and what else makes "
                    "a torch module of its own"
                )
        return None

    def weights(self, network: Any) -> str:
        """Return the path of the weights of a network that was trained, with keep_weights.

        Parameters
        ----------
        network : Architecture or CellNetwork
            Such as ``result.architecture`` of a search: ``result.to_torch(weights=...)`` is the
            trained module.

        Raises
        ------
        ArgumentError
            If it was not trained here, or its weights were not kept.
        """
        from ..training import TrainingResult

        folder = os.path.join(self.folder, "trainings")
        if os.path.exists(os.path.join(folder, "results.jsonl")):
            result = TrainingResult.load(folder)
            for one in result.samples:
                if one.architecture == network:
                    best = result.best  # of several trainings the kept one
                    return result.weights(one.index, best.repeat if best.index == one.index else 0)
        raise ArgumentError(
            f"network must be one that was trained in {self.folder!r}, got {shown(network)}"
        )

    def facts(self) -> dict[str, Any]:
        from ..base.extras import require
        from ..training import data

        require("a TrainingEvaluator", "train", "torch")
        given = self.settings
        images = data.read(
            self.dataset, given.get("test"), given.get("test_fraction", 0.2), given.get("seed", 0)
        )
        kept = ("epochs", "batch_size", "recipe", "repeats", "seed")
        plain = {name: repr(given[name]) for name in kept if name in given}
        return {"evaluator": "training", "dataset": images.fingerprint(), "settings": plain}

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        nets = [ground.space.decode(tuple(row)) for row in rows.tolist()]
        if any(net not in self._found for net in nets):
            self._train(nets)
        found = np.array([self._found[net] for net in nets])
        return found[:, 0].copy(), found[:, 1].copy()

    def _train(self, nets: list[Net]) -> None:
        """Train what was never trained. The list of networks is written down before."""
        from ..base.checks import json_text
        from ..training import train

        path = os.path.join(self.folder, "networks.json")
        listed = self._listed(path)
        fresh = [net for net in nets if net not in listed]
        if fresh:
            os.makedirs(self.folder, exist_ok=True)
            listed += dict.fromkeys(fresh)
            json_text([net.to_dict() for net in listed], path)
        result = train(
            listed,
            self.dataset,
            workers=self.workers,
            out=os.path.join(self.folder, "trainings"),
            **self.settings,
        )
        spent: dict[Net, float] = {}
        for one in result.samples:
            spent[one.architecture] = spent.get(one.architecture, 0.0) + one.seconds
        for net, accuracy in zip(result.architectures, result.accuracies, strict=True):
            self._found[net] = (accuracy, spent[net])

    def _listed(self, path: str) -> list[Net]:
        if not os.path.exists(path):
            return []
        data = parse_json(read_text(path, "the list of networks"), path)
        if not isinstance(data, list):
            raise FormatError(f"{path} must be a list of networks, got {shown(data)}")
        return [network_from_dict(one) for one in data]
