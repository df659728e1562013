"""`flash.train`: trains sampled networks, and keeps what is finished."""

from __future__ import annotations

import os
import sys

from ..base.checks import flag, integer, log, number, public, shown, watched
from ..errors import ArgumentError, ArgumentTypeError, TrainingError
from ..networks.families import MAX_SEED
from .design import MAX_NETWORKS
from .ledger import Ledger
from .loop import Recipe
from .pool import processors
from .preparing import (
    check_training,
    conditions_of,
    device_of,
    digest,
    facts_of,
    networks_of,
    plain,
    recipe_of,
    shapes_of,
)
from .results import TrainedNetwork, TrainingResult, best_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import Any, Literal

    from ..base.progress import Watching
    from ..networks.cell_networks import Net
    from ..results.result import SearchResult
    from ..spaces.tabled import TabledSpace
    from .data import Dataset, Pair
    from .images import Data

__all__ = ["train"]

MAX_WORKERS, MAX_REPEATS = 1024, 1000
MEMORY_GIB = 4.0
PLAIN = ("Architecture", "CellNetwork")  # their plain data make them anew anywhere


@public
def train(
    space: TabledSpace | str | Mapping[str, Any] | SearchResult[Any] | Sequence[Net],
    dataset: Dataset,
    n: int = 25,
    *,
    test: Pair | None = None,
    test_fraction: float = 0.2,
    epochs: int | None = None,
    batch_size: int | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    repeats: int = 1,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    executor: Executor | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
    keep_weights: bool | str = False,
    memory_gib: float = MEMORY_GIB,
    progress: bool | Literal["auto"] = False,
    callback: Callable[[TrainedNetwork], object] | None = None,
) -> TrainingResult:
    """Train the network that a search found, or networks that cover a space, on labelled images.

    Those that cover a space are what an accuracy predictor is fitted on.

    Parameters
    ----------
    space : SearchSpace, name, path, dict, SearchResult or sequence of Architecture or CellNetwork
        A name stands for the family's default space at the images' own size and number of classes;
        so does a dictionary, as `SearchSpace.from_dict` takes it, that does not say them. The
        networks of any other space are trained at their own resolution: images of another size are
        scaled to it. A sequence of architectures is trained as it is, and `n` counts not; so is
        the network of a search's result, or of its JSON file.
    dataset : "digits", path, pair of arrays, torch dataset, or pair (train, test) of such
        "digits" are scikit-learn's 1797 handwritten digits of 8 x 8 pixels. A folder has a folder
        of images for each class, perhaps within ``train`` and ``val`` (or ``test``). A ``.csv`` or
        ``.jsonl`` file has ``path``, ``label`` and perhaps ``split`` in each line, paths relative
        to the file. An ``.npz`` file has ``images`` and ``labels``, and perhaps ``test_images`` and
        ``test_labels``. As arrays: images of shape (n, channels, height, width),
        (n, height, width, channels) or (n, height, width), and labels of shape (n,). A torch
        dataset gives (image, label), images of one size as tensors, arrays or Pillow images; it is
        read once, so give it without random transforms, which are the recipe's to make. Labels are
        numbers 0, 1, ... or text: classes are then sorted. Images of any size fit a network: see
        Notes.
    n : int, default 25
        Number of networks, 1 to 1000. A later call may ask for more: the first stay the same.
    test : path, pair of arrays or torch dataset, optional
        Images to judge by, of the same kind as `dataset`.
    test_fraction : float, default 0.2
        Without `test`: the share of each class that is held out, above 0, at most 0.9.
    epochs, batch_size : int, optional
        Instead of the recipe's.
    recipe : flash.training.Recipe or dict, optional
        What it leaves open: 10 epochs, batches of 128 (64 of fewer than 10,000 images, and at least
        ten batches an epoch), and of digits no mirror images.
    repeats : int, default 1
        Trainings of each network, under the seeds `seed`, ``seed + 1``, ...: they show the noise.
    seed : int, default 0
        Of the choice of networks, the split, the weights and the order of images. On a CPU the same
        seed gives the same results, bit for bit, with any number of workers; on CUDA nearly.
    device : {"auto", "cpu", "cuda", "cuda:N"}
        "auto" is CUDA where there is one.
    workers : int, optional
        Networks trained at a time, each in a process of its own (on a CPU of one thread). Usually
        as many as there are processors, one on CUDA.
    executor : concurrent.futures.Executor, optional
        Trains in its workers (Dask's ``Client.get_executor()``: on other machines) instead of in
        processes of flash's own. `out` must then be a folder that all of them see.
    out : path, optional
        Folder of the run, usually ``flash-train-`` and 8 digits in the current folder that stand
        for its settings. Where it holds finished networks or checkpoints of the same run, the run
        goes on from there.
    resume : bool, default True
        False refuses a folder with finished networks.
    keep_weights : bool or "best", default False
        Whether to keep each network's weights in ``out/weights``, or those of the most accurate
        only: ``.npz`` files of plain arrays. `TrainingResult.to_torch` and `flash.load_weights`
        put them into a module. A finished network whose weights are missing is trained again.
    memory_gib : float, default 4.0
        Image files are decoded once, for the networks' sizes, and kept as bytes in the run's folder
        up to so many GiB, which processes share; what is beyond is decoded anew in every epoch.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.
    callback : callable, optional
        Called with each `TrainedNetwork` as it is finished.

    Returns
    -------
    TrainingResult
        ``.architectures`` and ``.accuracies`` are what `AccuracyPredictor.fit` takes.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument or the data are not accepted: before anything is trained.
    MissingExtraError
        If torch is not installed (the extra ``train``).
    TrainingError
        If a network cannot be trained, such as for want of memory.
    OSError
        If a file cannot be written. What was finished stays, and the same call goes on from it;
        so it does after Ctrl-C or a kill.

    Notes
    -----
    Of an image that has not the network's proportions the largest centred part that has them is
    taken, and scaled to its size. Image files are turned as their EXIF orientation says, what is
    transparent lies on white, and they are grey, RGB or RGBA for networks of one, three or four
    channels; the four families take three. Images of one channel in arrays stand for all channels.
    Then each channel is normalised by mean and deviation over the training images.

    Networks that are defined in the running script (blocks of one's own) are trained in this
    process, one at a time; in a module that others can import, as all others are.
    """
    from ..base.extras import require
    from . import data as data_module

    n = integer("n", n, 1, MAX_NETWORKS)
    seed = integer("seed", seed, 0, MAX_SEED - MAX_REPEATS)
    repeats = integer("repeats", repeats, 1, MAX_REPEATS)
    watched("progress", progress)
    flag("resume", resume)
    if not isinstance(keep_weights, bool) and not _is_best(keep_weights):
        raise ArgumentError(
            f"keep_weights must be False, True or 'best', got {shown(keep_weights)}"
        )
    limit = int(number("memory_gib", memory_gib, 0.0, 1 << 20) * (1 << 30))
    if workers is not None:
        workers = integer("workers", workers, 1, MAX_WORKERS)
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise ArgumentTypeError(f"executor must be an Executor, got {shown(executor)}")
        if workers is not None:
            raise ArgumentError("workers cannot be used with an executor, which has its own")
    check_training(epochs, batch_size, recipe, out, callback)
    torch = require("flash.train", "train", "torch")
    place = device_of(torch, device)
    images = data_module.read(dataset, test, test_fraction, seed)
    plan = recipe_of(recipe, epochs, batch_size, images)
    named, networks = networks_of(space, n, seed, images)
    facts = facts_of(named, images, plan, seed, place)
    key = digest(facts)
    folder = os.fspath(out) if out is not None else f"flash-train-{key[:8]}"
    folder = os.path.abspath(folder) if executor is not None else folder
    conditions = conditions_of(torch, place, plan, images)
    handed = Handed(networks, executor is not None)

    with Ledger(folder, facts, resume) as ledger:
        usual = 1 if place != "cpu" else processors()
        pool = executor if executor is not None else 0 if handed.here else workers or usual
        common = {
            "data": os.path.join(folder, "data"),
            "folder": folder,
            "recipe": plan.to_dict(),
            "device": place,
            "threads": 1 if place == "cpu" else 0,
            "readers": max(1, processors() // (pool or 1)) if isinstance(pool, int) else 1,
            "run": f"{folder} {key} {os.urandom(8).hex()}",
            "path": handed.path,
        }
        run = Run(ledger, images, networks, handed, common, conditions, progress, callback)
        jobs = [
            run.job(key, index, repeat, seed, keep_weights)
            for index, repeat in run.unfinished(repeats, keep_weights is True)
        ]
        run.go(jobs, pool, limit, len(networks) * repeats)
        if keep_weights == "best":
            run.keep_best(key, seed, pool, limit, repeats)
        kept = [
            run.trained(line)
            for line in sorted(ledger.lines, key=lambda line: (line["index"], line["repeat"]))
            if line["index"] < len(networks) and line["repeat"] < repeats
        ]
    return TrainingResult(tuple(kept), folder)


def _is_best(value: object) -> bool:
    return isinstance(value, str) and value == "best"


class Handed:
    """How networks reach the processes that train them: as plain data, with the class to read it.

    Where the running script defines what they are made of, no other process can make them.
    """

    def __init__(self, networks: list[Any], elsewhere: bool) -> None:
        self.here = False
        self.path: list[str] = []
        self.classes: dict[int, str] = {}
        for index, one in enumerate(networks):
            kind = type(one)
            if kind.__module__ == "flash" and kind.__name__ in PLAIN:
                continue
            self.path = [os.path.abspath(folder) for folder in sys.path]
            self.classes[index] = f"{kind.__module__}:{kind.__qualname__}"
            if kind.__module__ == "__main__" or not _made_anew(one):
                self.here = True
                if elsewhere:
                    raise ArgumentError(
                        f"executor cannot train network {index} of space: it is made of what the "
                        "running script defines, or has no from_dict(); put that into a module "
                        "that workers can import"
                    )


def _made_anew(network: Any) -> bool:
    """Return whether a network's plain data make it again."""
    try:
        return bool(plain(type(network).from_dict(plain(network))) == plain(network))
    except Exception:  # whatever a user's class raises: it is trained in this process then
        return False


class Run:
    """One call's trainings, in its folder."""

    def __init__(
        self,
        ledger: Ledger,
        images: Data,
        networks: list[Any],
        handed: Handed,
        common: dict[str, Any],
        conditions: dict[str, Any],
        progress: Watching,
        callback: Callable[[TrainedNetwork], object] | None,
    ) -> None:
        self.ledger, self.images, self.networks, self.handed = ledger, images, networks, handed
        self.common, self.conditions = common, conditions
        self.progress: Watching = progress
        self.callback = callback
        self.plain = [plain(one) for one in networks]

    def trained(self, line: dict[str, Any]) -> TrainedNetwork:
        """Return a line of the ledger as a result."""
        if line["index"] not in self.handed.classes:
            return TrainedNetwork.from_dict(line)
        facts = {name: value for name, value in line.items() if name != "format"}
        return TrainedNetwork(**{**facts, "architecture": self.networks[line["index"]]})

    def unfinished(self, repeats: int, weights: bool) -> Iterator[tuple[int, int]]:
        """Yield (index, repeat) of each training whose result or weights the folder lacks."""
        lines = self.lines()
        for index, found in enumerate(self.plain):
            for repeat in range(repeats):
                line = lines.get((index, repeat))
                if line is not None and line["architecture"] != found:
                    raise ArgumentError(
                        f"out must be a folder of its own for each run: network {index} in "
                        f"{self.ledger.folder!r} is another"
                    )
                if line is None or (
                    weights and not os.path.exists(self.ledger.weights(index, repeat))
                ):
                    yield index, repeat

    def lines(self) -> dict[tuple[int, int], dict[str, Any]]:
        return {(line["index"], line["repeat"]): line for line in self.ledger.lines}

    def job(
        self, key: str, index: int, repeat: int, seed: int, weights: bool | str
    ) -> dict[str, Any]:
        """Return what a worker must know of one training."""
        found = self.plain[index]
        path = self.ledger.weights(index, repeat, weights == "best") if weights else None
        return {
            "index": index,
            "repeat": repeat,
            "seed": seed + repeat,
            "architecture": found,
            "checkpoint": self.ledger.checkpoint(index, repeat),
            "key": digest([key, found, seed + repeat]),
            "weights": path,
            "about": {
                "network": found,
                "seed": seed + repeat,
                "recipe": self.common["recipe"],
                "dataset": self.conditions["dataset"],
            },
            "class": self.handed.classes.get(index),
        }

    def keep_best(
        self, key: str, seed: int, pool: int | Executor, limit: int, repeats: int
    ) -> None:
        """See that the best network's weights are there, and no other's."""
        asked = [
            line
            for line in self.ledger.lines
            if line["index"] < len(self.networks) and line["repeat"] < repeats
        ]
        best = best_of(asked)
        index, repeat = best["index"], best["repeat"]
        if not any(
            os.path.exists(self.ledger.weights(index, repeat, one)) for one in (False, True)
        ):
            jobs = [self.job(key, index, repeat, seed, "best")]
            self.go(jobs, pool, limit, len(self.networks) * repeats)
        self.ledger.keep_best(index, repeat)

    def go(self, jobs: list[dict[str, Any]], pool: int | Executor, limit: int, wanted: int) -> None:
        """Train the jobs, and write each as it is finished."""
        import shutil

        if not jobs:
            return
        finished = self.lines()
        again = sum((job["index"], job["repeat"]) in finished for job in jobs)
        data = self.common["data"]
        try:
            shutil.rmtree(data, ignore_errors=True)  # of a run that was killed
            os.makedirs(data)
            shapes = shapes_of([self.networks[job["index"]] for job in jobs])
            common = {**self.common, **self.images.store(data, shapes, limit)}
            self._train(jobs, common, pool, wanted, wanted - len(jobs) + again)
        except (Exception, KeyboardInterrupt) as error:
            here = {(job["index"], job["repeat"]) for job in jobs}
            left = len(here - self.lines().keys())
            text = (
                f"{wanted - left} of {wanted} networks are finished in {self.ledger.folder!r}; "
                "the same call goes on from there"
            )
            if isinstance(error, OSError) and error.errno is not None:
                name = error.filename if error.filename is not None else self.ledger.folder
                raise OSError(error.errno, f"{os.strerror(error.errno)}; {text}", name) from error
            error.add_note(text)
            raise
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def _train(
        self,
        jobs: list[dict[str, Any]],
        common: dict[str, Any],
        pool: int | Executor,
        wanted: int,
        done: int,
    ) -> None:
        from .pool import UnmadeError, run_jobs, run_jobs_here, run_jobs_in
        from .progress import Trainings

        by_key = {(job["index"], job["repeat"]): job for job in jobs}

        def take(events: Generator[dict[str, Any]]) -> None:
            try:
                for event in events:
                    seen.take(event)
                    if event["event"] == "done":
                        del left[event["index"], event["repeat"]]
                        self._finish(by_key[event["index"], event["repeat"]], event)
            finally:
                events.close()

        left = dict(by_key)
        epochs = common["recipe"]["epochs"]
        with Trainings(self.progress, wanted, done, epochs) as seen:
            if not isinstance(pool, int):
                take(run_jobs_in(pool, jobs, common))
                return
            if pool:
                try:
                    take(run_jobs(jobs, common, pool))
                except UnmadeError as error:  # by a process that has not what this one has
                    log("training", "in this process, for others cannot: %s", error)
                    pool = 0
            if not pool:
                networks = self.networks
                here = [{**job, "network": networks[job["index"]]} for job in left.values()]
                take(run_jobs_here(here, common))

    def _finish(self, job: dict[str, Any], event: dict[str, Any]) -> None:
        """Write a finished training down; what was trained again must have come to the same."""
        import math

        said = {
            name: event[name] if math.isfinite(event[name]) else None
            for name in ("accuracy", "loss", "train_loss", "seconds")
        }
        before = self.lines().get((job["index"], job["repeat"]))
        if before is not None:
            if any(before[name] != said[name] for name in ("accuracy", "loss")):
                os.unlink(job["weights"])
                raise TrainingError(
                    f"network {job['index']}, trained again for its weights, has accuracy "
                    f"{said['accuracy']} and loss {said['loss']}, not {before['accuracy']} and "
                    f"{before['loss']} as before (another machine or version of torch, or CUDA): "
                    "choose a new folder as out"
                )
            if os.path.exists(job["checkpoint"]):
                os.unlink(job["checkpoint"])
            return
        line = {
            "format": 1,
            **{name: job[name] for name in ("index", "repeat", "seed")},
            **said,
            "architecture": job["architecture"],
            "conditions": self.conditions,
        }
        self.ledger.finish(line)
        if job["weights"] is not None and os.path.basename(job["weights"]).startswith("best-"):
            self._drop_lesser(job["weights"])
        if self.callback is not None:
            self.callback(self.trained(line))

    def _drop_lesser(self, path: str) -> None:
        """Keep the weights of the best that has been finished so far, if it is this one."""
        best = best_of(self.ledger.lines)
        if self.ledger.weights(best["index"], best["repeat"], True) == path:
            self.ledger.keep_best(best["index"], best["repeat"])
        else:
            os.unlink(path)
