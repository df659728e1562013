"""Accuracies by a supernet: one training for all networks of a space."""

from __future__ import annotations

import os
from time import perf_counter

import numpy as np

from ..base.checks import integer, path_of, public, shown
from ..base.names import MAXIMA, Metric
from ..errors import ArgumentError, ArgumentTypeError
from . import Evaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypedDict, Unpack

    from numpy.typing import NDArray

    from ..base.progress import Watching
    from ..solving.ground import Ground
    from ..supernet.drawing import Pools
    from ..supernet.joint import JointTraining
    from ..supernet.scoring import Supernet
    from ..training.data import Dataset, Pair
    from ..training.loop import Recipe
    from .task import Task

    class Settings(TypedDict, total=False):
        test: Pair | None
        test_fraction: float
        epochs: int | None
        batch_size: int | None
        recipe: Recipe | Mapping[str, Any] | None
        sampling: str
        subnets: int | None
        start: str | os.PathLike[str] | None
        seed: int
        device: str
        progress: Watching


__all__ = ["SupernetEvaluator"]

TAKEN = (
    *("test", "test_fraction", "epochs", "batch_size", "recipe", "sampling", "subnets", "start"),
    *("seed", "device", "progress"),
)


@public
class SupernetEvaluator(Evaluator):
    """Evaluates subnets of a supernet, batch norms recalibrated: milliseconds each.

    For resnet, wide-resnet and mobilenet-v2 spaces of one resolution, a `BypassSpace`, and a
    `BlockSpace` of images of one size.

    Parameters
    ----------
    supernet : Supernet, or a dataset as for `flash.train_supernet`
        Of a dataset a supernet of the space searched is trained at the first evaluation.
    out : path, optional
        Of a dataset: folder of the supernet; made where it is missing. A run that was stopped goes
        on from it, and other methods find it trained.
    calibration : int, default 128
        Training images for the batch norms of each subnet.
    **settings
        Arguments of `flash.train_supernet`: test, test_fraction, epochs, batch_size, recipe,
        sampling, subnets, start, seed, device, progress.

    Notes
    -----
    A method that trains weights together with its distribution (fp-nas and parsec, by their option
    weights) has a supernet of its own below `out`: `joined`, after the search.

    What an evaluation costs (`SearchResult.trace`) leaves the training out, which is all methods'
    alike; a supernet that a method has trained for part of the space (hurricane) is counted in.
    """

    usual_evals = 500
    chunk: int | None = 16

    def __init__(
        self,
        supernet: Supernet | Dataset,
        out: str | os.PathLike[str] | None = None,
        *,
        calibration: int = 128,
        **settings: Unpack[Settings],
    ) -> None:
        for name in settings:
            if name not in TAKEN:
                from ..base.checks import hint

                raise ArgumentError(
                    f"a SupernetEvaluator takes no {name!r}{hint(name, TAKEN)}; "
                    f"it takes {', '.join(TAKEN)}"
                )
        self.calibration: int = integer("calibration", calibration, 2)
        self.supernet: Supernet | None = None
        self.joined: Supernet | None = None  # what the last search trained with its distribution
        self.pools: Pools | None = None
        self.whole: int | None = None  # epochs of the whole space, where this is of a part
        self.dataset: Any = None
        self.folder: str = ""
        trained: Any = supernet
        if hasattr(trained, "recalibrate"):
            if out is not None or settings:
                raise ArgumentError("out and settings belong to a dataset, got a trained supernet")
            self.supernet = trained
            self.folder = trained.folder
        else:
            given: object = out
            if not isinstance(given, (str, os.PathLike)) or not path_of("out", given):
                raise ArgumentTypeError(f"out must be the path of a folder, got {shown(given)}")
            self.dataset = supernet
            self.folder = os.fspath(given)
        self.settings: dict[str, Any] = {**settings}
        self.name = "supernet"

    def unfit(self, space: Any) -> str | None:
        from ..supernet.weights import weights_of

        try:
            weights_of(space)
        except ArgumentError as error:
            return f"evaluator by supernet does not fit: {error}"
        held = self.supernet if self.dataset is None else None
        if held is not None and not held.weights.covers(space):
            return (
                f"evaluator by supernet does not fit: the supernet in {self.folder!r} is one of "
                "another space"
            )
        return None

    def facts(self) -> dict[str, Any]:
        from ..base.extras import require

        found: dict[str, Any] = {"evaluator": "supernet", "calibration": self.calibration}
        if self.dataset is None:
            from ..supernet.scoring import held_facts

            return {**found, "supernet": held_facts(self.folder)}
        from ..training import data

        require("a SupernetEvaluator", "train", "torch")
        given = self.settings
        images = data.read(
            self.dataset, given.get("test"), given.get("test_fraction", 0.2), given.get("seed", 0)
        )
        kept = ("epochs", "batch_size", "recipe", "sampling", "subnets", "start", "seed")
        plain = {name: repr(given[name]) for name in kept if name in given}
        return {**found, "dataset": images.fingerprint(), "settings": plain}

    def prepare(self, task: Task, budgets: Mapping[str, float]) -> None:
        """Refuse budgets that no subnet meets, before a supernet is trained."""
        if budgets:
            refuse_impossible(task, budgets)

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        supernet = self.trained(ground.space)
        if ground.space.family == "bypass":
            nets: list[Any] = rows.tolist()
        else:
            nets = [ground.space.decode(tuple(row)) for row in rows.tolist()]
        began = perf_counter()
        found = np.array(supernet.score(nets, calibration=self.calibration))
        return found, np.full(len(rows), (perf_counter() - began) / len(rows))

    def trained(self, space: Any) -> Supernet:
        """Return the supernet; it is trained for a space where that is still to be done."""
        from ..supernet.running import train_supernet

        if self.supernet is not None and self.dataset is None:
            return self.supernet
        if self.supernet is None or self.supernet.space.to_dict() != space.to_dict():
            self.supernet = train_supernet(
                space, self.dataset, out=self.folder, pools=self.pools, **self.settings
            )
        return self.supernet

    def jointly(self, space: Any, search: Mapping[str, Any]) -> JointTraining:
        """Return what trains a supernet's weights together with a method's distribution.

        Parameters
        ----------
        space : the space searched
        search : mapping
            Plain data that say what draws the networks.

        Raises
        ------
        ArgumentError
            If this one was given a supernet, and knows no dataset, or settings that belong to a
            training before the search (sampling, subnets).
        """
        if self.dataset is None:
            raise ArgumentError(
                "evaluator must be a SupernetEvaluator of a dataset where weights are trained "
                "jointly, got one of a trained supernet"
            )
        from ..supernet.joint import JointTraining

        return JointTraining(space, self.dataset, self.folder, search, **self.settings)

    def focused(
        self, ground: Ground, pools: Pools, share: float = 1.0
    ) -> tuple[Evaluator, float] | None:
        """Return an evaluator by a supernet of part of the space, and the seconds it trained.

        It starts from this one's weights where those are of part of the space already. None where
        this one was given a supernet, and knows no dataset.
        """
        if self.dataset is None:
            return None
        from ..supernet.running import EPOCHS
        from ..training.preparing import digest

        settings = dict(self.settings)
        whole = self.whole or settings.get("epochs") or EPOCHS
        settings["epochs"] = max(1, round(share * whole))
        if self.pools is not None:
            settings["start"] = self.folder
        root = self.folder if self.pools is None else os.path.dirname(self.folder)
        told = digest([ground.space.to_dict(), pools, settings["epochs"], settings.get("start")])
        out = os.path.join(root, f"part-{told[:12]}")
        other = SupernetEvaluator(self.dataset, out, calibration=self.calibration, **settings)
        other.pools, other.whole = pools, whole
        return other, other.trained(ground.space).seconds


def refuse_impossible(task: Task, budgets: Mapping[str, float]) -> None:
    """Raise an ArgumentError where no network of the task's space meets the budgets."""
    ground = task.ground
    from ..solving.ground import TableGround

    if isinstance(ground, TableGround):
        from .._core.search.exact import Query, Search
        from ..results.conflicts import why_not

        core = Search(ground.problem.tables, Query(task.limits, -np.inf), time_limit_s=1.0)
        core.prove()
        if core.best is None and not core.stopped:
            costs = {name: value for name, value in budgets.items() if name != "min_accuracy"}
            problem = ground.problem
            why = why_not(problem.space, problem.target, problem.predictor, costs)
            raise ArgumentError(why.message)
        return
    # of a bypass space the network that uses least need not be the one of fewest filters
    lookups = getattr(ground, "lookups", None)
    smallest = (
        np.zeros((1, len(ground.lengths)), dtype=np.int64)
        if lookups is None
        else lookups.least(task.used)[:1]
    )
    smallest = ground.canonical(smallest)
    if task.excess(smallest)[0] > 0.0:
        used = ground.charge(smallest)[:, 0]
        told = [
            f"{name} would have to be at least {used[k]:.6g} (given {budgets[name]:g})"
            for k, name in enumerate(MAXIMA, Metric.LATENCY)
            if name in budgets and used[k] > budgets[name]
        ]
        raise ArgumentError(
            "the smallest network of the space breaks the budgets: " + "; ".join(told)
        )
