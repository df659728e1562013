"""sweep(): every configuration of a space, or a sample of it, reduced on the way or written out."""

from __future__ import annotations

import os
from time import perf_counter

from ..base.checks import (
    choice,
    flag,
    integer,
    is_list,
    items,
    listener,
    path_of,
    public,
    shown,
    watched,
)
from ..base.names import COSTS, TERMS
from ..choosing.problem import ChoiceProblem, refuse_others
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.compiling import MACS, PARAMS, as_space, count_columns
from ..problem.objective import as_objective, limits_on, read_budgets
from ..solving.stored import limit_params, stored_of
from .drawing import LARGEST
from .result import Histogram, SweepResult
from .run import Settings, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from typing import Any, Literal, overload

    from ..choosing.front import ChoiceEvent
    from ..choosing.tally import ChoiceSweep
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.space import SearchSpace
    from ..spaces.tabled import TabledSpace
    from .run import SweepEvent

__all__ = ["Histogram", "SweepResult", "sweep"]

INF = float("inf")
MAX_TOP = 1_000_000
MAX_BINS = 65536
UNIT = 1 << 32  # configurations of a unit that is only counted: about a second
MAX_UNIT = 1 << 36
UNIT_EXACT = 1 << 27  # with histograms
UNIT_ROWS = 1 << 22  # of one that is evaluated row by row
CHUNK = 1 << 18
HISTOGRAMS = 1 << 28  # up to so many configurations histograms cost seconds: they come unasked


if TYPE_CHECKING:

    @overload
    def sweep(
        space: TabledSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        max_memory_kib: float | None = None,
        max_weights_kib: float | None = None,
        min_accuracy: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: str | Mapping[str, float] = "accuracy",
        top: int = 100,
        bins: int | None = None,
        pareto: Sequence[str] | None = None,
        sample: int | None = None,
        seed: int = 0,
        where: str | Sequence[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        chunk: int | None = None,
        executor: Executor | None = None,
        threads: int | None = None,
        resume: bool = True,
        yes: bool = False,
        progress: bool | Literal["auto"] = False,
        callback: Callable[[SweepEvent], object] | None = None,
    ) -> SweepResult: ...

    @overload
    def sweep(
        problem: ChoiceProblem,
        /,
        *,
        minimize: Any = None,
        maximize: Any = None,
        where: str | Sequence[str] | None = None,
        top: int = 100,
        bins: int | None = None,
        sample: int | None = None,
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
        progress: bool | Literal["auto"] = False,
        time_limit_s: float | None = None,
        callback: Callable[[ChoiceEvent], object] | None = None,
    ) -> ChoiceSweep: ...


@public
def sweep(
    space: TabledSpace | str | os.PathLike[str] | ChoiceProblem,
    target: Target | str | os.PathLike[str] | None = None,
    *,
    minimize: Any = None,
    maximize: Any = None,
    max_latency_ms: float | None = None,
    max_energy_mj: float | None = None,
    max_area_mm2: float | None = None,
    max_params: float | None = None,
    max_macs: float | None = None,
    max_memory_kib: float | None = None,
    max_weights_kib: float | None = None,
    min_accuracy: float | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    objective: str | Mapping[str, float] = "accuracy",
    top: int = 100,
    bins: int | None = None,
    pareto: Sequence[str] | None = None,
    sample: int | None = None,
    seed: int = 0,
    where: str | Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
    executor: Executor | None = None,
    threads: int | None = None,
    resume: bool = True,
    yes: bool = False,
    progress: bool | Literal["auto"] = False,
    callback: Callable[[Any], object] | None = None,
    time_limit_s: float | None = None,
) -> SweepResult | ChoiceSweep:
    """Look at every configuration of a space, or at a sample of it.

    Without `where`, `pareto`, `sample` and `out` this is a complete enumeration in the compiled
    core: the count of configurations within the budgets and the best `top`, some fractions of a
    nanosecond per configuration and thread; histograms cost some fifty times that. Otherwise every
    configuration becomes a row of all metrics, some hundred times slower.

    Of a problem of choices: how many answers meet the conditions, the metrics' histograms, and the
    best answers. It takes `minimize`, `maximize`, `where`, `top`, `bins`, `sample`, `seed`, `out`,
    `progress`, `callback` and `time_limit_s`.

    Parameters
    ----------
    space : SearchSpace, name or path, or ChoiceProblem
    target : Target, name or path
        Of a space.
    minimize, maximize : str, dict or list, optional
        Of a problem of choices: what the best answers are best by, as `flash.choose` takes it. They
        are those of ``choose`` with ``k=top``, proven, also where the rest is of a sample.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs, min_accuracy : float
        Budgets, as `flash.search` takes them.
    max_memory_kib, max_weights_kib : float, optional
        The same; with one on memory every configuration becomes a row, as with `where`.
    predictor, objective
        As `flash.search` takes them; an objective function is not accepted.
    top : int, default 100
        How many of the best networks are kept, at most a million. They are all different:
        configurations that give the same network (choices of skips beyond a cell's width) count
        once there, and all of them in counts.
    bins : int, optional
        Of each metric's histogram; 0: none. By default 64 where at most 2^28 configurations are
        looked at, or each is a row anyway; else none. Of a problem of choices 64, and a metric
        whose sums are too many to count is left out, and named in `flags`.
    pareto : sequence of str, optional
        Two to four of accuracy, latency_ms, energy_mj, area_mm2, params, macs: the front of those.
    sample : int, optional
        Look at so many distinct configurations, drawn uniformly, instead of all. Answers of a
        problem of choices are drawn each by itself, so one may come twice; so are configurations of
        a space of 2^63 or more, where two of n are the same with a probability below n^2 / 2^64.
    seed : int, default 0
        Of the sample; the first n of a larger sample are those of a smaller one.
    where : str or list of str, optional
        Conditions, joined by *and*, on columns ("index", "nn_degree", "accuracy", the target's
        costs, "params", "macs") and on the choices of the space, by the names of
        ``space.variables``: ``"energy_mj / latency_ms < 0.01 and depth_0 == depth_1"``. They are
        worked out in float64. See docs/howto/conditions.md. Of a problem of choices conditions as
        `flash.choose` takes them.
    out : path, optional
        A folder, new or of the same sweep before: every row within the budgets for which `where`
        holds goes there, as a Parquet dataset with a manifest; the column "index" is of decimal
        text where the space has 2^63 configurations or more. Of a problem of choices a file, .csv
        or .parquet, of every answer that meets the conditions.
    chunk : int, optional
        Rows that are evaluated together and become one row group; 262,144 by default.
    executor : concurrent.futures.Executor, optional
        Where the work units run: processes, or a cluster's (Dask: ``Client.get_executor()``). Each
        takes a second or more, gets ranges and not data, and writes its own Parquet part (`out`
        must then be a folder that all see). By default threads of this process.
    threads : int, optional
        Threads of this process; all processors by default.
    resume : bool, default True
        Go on with the sweep that `out` holds; False refuses a folder that holds one.
    yes : bool, default False
        Go ahead with a sweep that is estimated to take more than ten minutes.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.
    callback : callable, optional
        Called after each unit with a `SweepEvent`, of a problem of choices now and then with a
        `ChoiceEvent`; the sweep stops where it returns True.
    time_limit_s : float, optional
        Of a problem of choices: after it, and at Ctrl-C, the result has what was found by then, and
        says so.

    Returns
    -------
    SweepResult, or of a problem of choices a ChoiceSweep
        The same for any number of threads and any executor, also after a kill and a resume.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, `out` holds another sweep (what differs is named), or the
        sweep is estimated to be long; nothing was done then.
    FormatError
        If the manifest in `out` is damaged.
    SweepError
        If a disk is full or a worker process died; what is finished is kept.
    KeyboardInterrupt
        On Ctrl-C; with `out` the same call goes on later.
    """
    if isinstance(space, ChoiceProblem):
        of_a_space = {
            "target": target,
            "max_latency_ms": max_latency_ms,
            "max_energy_mj": max_energy_mj,
            "max_area_mm2": max_area_mm2,
            "max_params": max_params,
            "max_macs": max_macs,
            "max_memory_kib": max_memory_kib,
            "max_weights_kib": max_weights_kib,
            "min_accuracy": min_accuracy,
            "predictor": predictor,
            "objective": None
            if isinstance(objective, str) and objective == "accuracy"
            else objective,
            "pareto": pareto,
            "chunk": chunk,
            "executor": executor,
            "threads": threads,
            "resume": None if resume is True else resume,
            "yes": None if yes is False else yes,
        }
        refuse_others("sweep", of_a_space)
        from ..choosing.counting import count_choices

        return count_choices(
            space, minimize, maximize, where, top, bins, sample, seed, out, progress,
            time_limit_s, callback,
        )  # fmt: skip
    for name, given in (("minimize", minimize), ("maximize", maximize)):
        if given is not None:
            raise ArgumentError(f"{name} is for a flash.ChoiceProblem; a space takes objective")
    if time_limit_s is not None:
        raise ArgumentError(
            "time_limit_s is for a flash.ChoiceProblem; a sweep of a space ends where its callback "
            "returns True"
        )
    if target is None:
        raise ArgumentTypeError("sweep() missing required argument: 'target'")
    started = perf_counter()
    space = as_space(space)
    target = as_target(target)
    if target.table is not None and not target.table.written:
        raise ArgumentError(
            f"target must be one that can be written down, as the plan of a sweep is, got "
            f"{target.name!r}, a Python function; Target.from_layer_table takes its answers as rows"
        )
    predictor = as_predictor(predictor, space.family)
    costs = (max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs)
    budgets, limits, _ = read_budgets(costs, min_accuracy, target, predictor is not None)
    stored = {**target.memory_budgets, **stored_of((max_memory_kib, max_weights_kib))}
    budgets |= stored
    memory, weights = stored.get("max_memory_kib"), None
    if target.int8 or space.numbering is not None:  # bytes that no limit on parameters tells
        weights = stored.get("max_weights_kib")
    else:
        limit_params(limits, stored)
    if callable(objective):
        raise ArgumentError(
            "objective must be 'accuracy' or a dict of exponents: a sweep takes no function"
        )
    wanted = as_objective(objective, target)
    plan: dict[str, Any] = {
        "space": space.to_dict(),
        "target": target.to_dict(),
        "predictor": None if predictor is None else predictor.to_json(),
        "limits": [None if one == INF else one for one in limits],
        "min_accuracy": budgets.get("min_accuracy"),
        "exponents": None if wanted.exponents is None else list(wanted.exponents),
        **_kept(
            space, target, top, pareto, sample, seed, where, out is not None, bins, chunk,
            memory is not None or weights is not None,
        ),
    }  # fmt: skip
    if memory is not None:  # plans without it are those of older folders
        plan["memory_kib"] = memory
    if weights is not None:
        plan["weights_kib"] = weights
    columns = count_columns((*limits_on(limits), *wanted.metrics))
    plan["extra"] = PARAMS | MACS if plan["rows"] or plan["bins"] else columns
    settings = Settings(
        plan=plan,
        out=None if out is None else os.path.abspath(path_of("out", out)),
        executor=_executor(executor, space),
        threads=(os.cpu_count() or 1) if threads is None else integer("threads", threads, 1, 4096),
        resume=flag("resume", resume),
        yes=flag("yes", yes),
        progress=watched("progress", progress),
        callback=listener("callback", callback),
        started=started,
    )
    return run(settings, budgets, wanted)


def _kept(
    space: SearchSpace,
    target: Target,
    top: Any,
    pareto: Any,
    sample: Any,
    seed: Any,
    where: Any,
    written: bool,
    bins: Any,
    chunk: Any,
    remembered: bool,
) -> dict[str, Any]:
    """Return the part of a plan that says which configurations are looked at and what is kept."""
    top = integer("top", top, 0, MAX_TOP)
    front = _front_of(pareto, target.metrics)
    size = space.size
    sample = None if sample is None else min(size, integer("sample", sample, 1, 2**62))
    seed = integer("seed", seed, 0, 2**64 - 1)
    as_rows = not (where is None and front is None and sample is None and not written) or remembered
    if as_rows and sample is None and size >= LARGEST:
        raise ArgumentError(
            "where, pareto, out and budgets on memory need sample=N for a space of 2^63 "
            f"configurations or more; this one has {_about(size)}"
        )
    looked_at = size if sample is None else sample
    if bins is None:
        bins = 64 if as_rows or looked_at <= HISTOGRAMS else 0
    bins = integer("bins", bins, 0, MAX_BINS)
    chunk = CHUNK if chunk is None else integer("chunk", chunk, 1, UNIT_ROWS)
    if as_rows:  # small sweeps are parted finer, for threads to share them
        unit = max(chunk, min(UNIT_ROWS, looked_at // 16 // chunk * chunk))
    elif bins:
        unit = UNIT_EXACT
    else:  # larger ones of a huge space: a scheduler is to hand out some ten thousands, no millions
        unit = min(MAX_UNIT, max(UNIT, size >> 16))
    return {
        "rows": as_rows,
        "top": top,
        "bins": bins,
        "pareto": None if front is None else list(front),
        "sample": sample,
        "seed": seed if sample is not None else 0,
        "where": _joined(where),
        "unit": unit,
        "chunk": chunk,
    }


def _about(size: int) -> str:
    digits = len(str(size)) - 1
    return f"{size:.3g}" if digits < 300 else f"some 1e{digits}"


def _joined(where: Any) -> Any:
    """Return conditions as one; what is no text is left to who reads it."""
    if not is_list(where):
        return where
    some = items("where", where, 1000)
    if not all(isinstance(one, str) for one in some):
        wrong = next(one for one in some if not isinstance(one, str))
        raise ArgumentTypeError(
            "where must be a condition such as 'latency_ms < 2', or a list of them, got "
            f"{shown(wrong)} ({type(wrong).__name__})"
        )
    return " and ".join(f"({one})" for one in some) if some else None


def _executor(value: Any, space: Any) -> Any:
    if value is None:
        return None
    if not hasattr(value, "submit"):
        raise ArgumentTypeError(
            f"executor must be a concurrent.futures.Executor, got {type(value).__name__}"
        )
    if space.numbering is not None and "digest" in space.to_dict():
        from concurrent.futures import ThreadPoolExecutor

        from ..base.registry import registered

        if not isinstance(value, ThreadPoolExecutor) and registered("space", space.name) is None:
            raise ArgumentError(
                f"executor: space {space.name!r} has blocks that are functions, which other "
                "processes are not given: sweep without an executor, or let a plugin that workers "
                "have register the space or its blocks (flash.register)"
            )
    return value


def _front_of(pareto: Any, metrics: Sequence[str]) -> tuple[str, ...] | None:
    if pareto is None:
        return None
    if not (hasattr(pareto, "__next__") or is_list(pareto)):
        raise ArgumentTypeError(
            f"pareto must be two to four of {', '.join(TERMS)}, got {shown(pareto)}"
        )
    names = tuple([choice("pareto", name, TERMS) for name in items("pareto", pareto, 99)])
    if not 2 <= len(names) <= 4 or len(set(names)) < len(names):
        raise ArgumentError(
            f"pareto must be two to four different ones of {', '.join(TERMS)}, got {shown(names)}"
        )
    for name in names:
        if name in COSTS and name not in metrics:
            raise ArgumentError(
                f"pareto: the target does not model {name} (it models {', '.join(metrics)})"
            )
    return names
