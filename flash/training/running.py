"""`flash.train`: trains sampled networks, and keeps what is finished."""

from __future__ import annotations

import os

from ..base.checks import flag, integer, public, shown
from ..errors import ArgumentError, ArgumentTypeError
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
    recipe_of,
    statistics_of,
)
from .results import TrainedNetwork, TrainingResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from ..networks.architecture import Architecture
    from ..networks.cell_networks import CellNetwork
    from ..spaces.space import SearchSpace
    from .data import Dataset, Images, Pair

__all__ = ["train"]

MAX_WORKERS, MAX_REPEATS = 1024, 1000


@public
def train(
    space: SearchSpace | str | Mapping[str, Any] | Sequence[Architecture | CellNetwork],
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
    keep_weights: bool = False,
    progress: bool = False,
    callback: Callable[[TrainedNetwork], object] | None = None,
) -> TrainingResult:
    """Train networks that cover a space, for an accuracy predictor to be fitted on.

    Parameters
    ----------
    space : SearchSpace, name, path, dict or sequence of Architecture or CellNetwork
        A name stands for the family's default space at the images' own size and number of classes;
        so does a dictionary, as `SearchSpace.from_dict` takes it, that does not say them. The
        networks of any other space are trained at their own resolution: images of another size are
        scaled to it. A sequence of architectures is trained as it is, and `n` counts not.
    dataset : "digits", path, pair of arrays or torch dataset
        "digits" are scikit-learn's 1797 handwritten digits of 8 x 8 pixels. A path is an ``.npz``
        file with ``images`` and ``labels``, and perhaps ``test_images`` and ``test_labels``. As
        arrays: images of shape (n, channels, side, side), (n, side, side, channels) or
        (n, side, side), one channel or three, and labels 0, 1, ... of shape (n,). A torch dataset
        gives (image, label); it is read once, so give it without random transforms, which are the
        recipe's to make.
    n : int, default 25
        Number of networks, 1 to 1000. A later call may ask for more: the first stay the same.
    test : pair of arrays or torch dataset, optional
        Images to judge by.
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
    keep_weights : bool, default False
        Whether to keep each network's state_dict in ``out/weights``.
    progress : bool, default False
        Show progress on standard error (with rich where it is installed).
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
    """
    from ..base.extras import require
    from . import data as data_module

    n = integer("n", n, 1, MAX_NETWORKS)
    seed = integer("seed", seed, 0, MAX_SEED - MAX_REPEATS)
    repeats = integer("repeats", repeats, 1, MAX_REPEATS)
    flag("progress", progress)
    flag("resume", resume)
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

    with Ledger(folder, facts, resume) as ledger:
        jobs = [
            _job(ledger, key, index, repeat, arch, seed, keep_weights)
            for index, repeat, arch in _unfinished(ledger, networks, repeats)
        ]
        wanted = len(networks) * repeats
        if jobs:
            common = {
                "data": os.path.join(folder, "data"),
                "folder": folder,
                "recipe": plan.to_dict(),
                "device": place,
                "threads": 1 if place == "cpu" else 0,
                "run": f"{folder} {key} {os.urandom(8).hex()}",
                **statistics_of(images),
            }
            usual = 1 if place != "cpu" else processors()
            pool = executor if executor is not None else workers or usual
            _run(ledger, images, jobs, common, pool, conditions, wanted, progress, callback)
        kept = [
            TrainedNetwork.from_dict(line)
            for line in sorted(ledger.lines, key=lambda line: (line["index"], line["repeat"]))
            if line["index"] < len(networks) and line["repeat"] < repeats
        ]
    return TrainingResult(tuple(kept), folder)


def _unfinished(
    ledger: Ledger, networks: list[Architecture | CellNetwork], repeats: int
) -> Iterator[tuple[int, int, Architecture | CellNetwork]]:
    """Yield (index, repeat, network) of each training that the folder does not hold."""
    lines = {(line.get("index"), line.get("repeat")): line for line in ledger.lines}
    for index, arch in enumerate(networks):
        for repeat in range(repeats):
            line = lines.get((index, repeat))
            if line is None:
                yield index, repeat, arch
            elif line["architecture"] != arch.to_dict():
                raise ArgumentError(
                    f"out must be a folder of its own for each run: network {index} in "
                    f"{ledger.folder!r} is another"
                )


def _run(
    ledger: Ledger,
    images: Images,
    jobs: list[dict[str, Any]],
    common: dict[str, Any],
    pool: int | Executor,
    conditions: dict[str, Any],
    wanted: int,
    progress: bool,
    callback: Callable[[TrainedNetwork], object] | None,
) -> None:
    """Train the jobs, and write each as it is finished."""
    import math
    import shutil

    import numpy as np

    from .pool import run_jobs, run_jobs_in
    from .showing import display

    by_key = {(job["index"], job["repeat"]): job for job in jobs}
    try:
        shutil.rmtree(common["data"], ignore_errors=True)  # of a run that was killed
        os.makedirs(common["data"])
        for name in ("train_x", "train_y", "test_x", "test_y"):
            np.save(os.path.join(common["data"], name + ".npy"), getattr(images, name))
        events = (
            run_jobs(jobs, common, pool)
            if isinstance(pool, int)
            else run_jobs_in(pool, jobs, common)
        )
        with display(progress, wanted, wanted - len(jobs), common["recipe"]["epochs"]) as show:
            try:
                for event in events:
                    show(event)
                    if event["event"] != "done":
                        continue
                    job = by_key[event["index"], event["repeat"]]
                    line = {
                        "format": 1,
                        **{name: job[name] for name in ("index", "repeat", "seed")},
                        **{
                            name: event[name] if math.isfinite(event[name]) else None
                            for name in ("accuracy", "loss", "train_loss", "seconds")
                        },
                        "architecture": job["architecture"],
                        "conditions": conditions,
                    }
                    ledger.finish(line)
                    if callback is not None:
                        callback(TrainedNetwork.from_dict(line))
            finally:
                events.close()
    except (Exception, KeyboardInterrupt) as error:
        here = sum((line["index"], line["repeat"]) in by_key for line in ledger.lines)
        done = wanted - len(jobs) + here
        text = (
            f"{done} of {wanted} networks are finished in {ledger.folder!r}; "
            "the same call goes on from there"
        )
        if isinstance(error, OSError) and error.errno is not None:
            name = error.filename if error.filename is not None else ledger.folder
            raise OSError(error.errno, f"{os.strerror(error.errno)}; {text}", name) from error
        error.add_note(text)
        raise
    finally:
        shutil.rmtree(common["data"], ignore_errors=True)


def _job(
    ledger: Ledger,
    key: str,
    index: int,
    repeat: int,
    arch: Architecture | CellNetwork,
    seed: int,
    weights: bool,
) -> dict[str, Any]:
    found = arch.to_dict()
    return {
        "index": index,
        "repeat": repeat,
        "seed": seed + repeat,
        "architecture": found,
        "checkpoint": ledger.checkpoint(index, repeat),
        "key": digest([key, found, seed + repeat]),
        "weights": ledger.weights(index, repeat) if weights else None,
    }
