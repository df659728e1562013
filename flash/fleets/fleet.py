"""Many devices at once: one proven answer for each, in one call."""

from __future__ import annotations

import os
from time import perf_counter

from ..base.checks import integer, items, public, shown
from ..base.names import BUDGETS, MAXIMA
from ..base.record import Reported
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.compiling import as_space
from ..solving.options import METHODS, check_device, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from pandas import DataFrame

    from ..base.html import Part
    from ..base.pages import Section
    from ..base.progress import Watching
    from ..hardware.target import Target
    from ..results.result import SearchResult
    from ..spaces.network_space import NetworkSpace

    T = TypeVar("T")

__all__ = ["FleetResult", "load_targets", "search_fleet"]

CHUNK = 16  # devices of a thread's turn
AHEAD = 8  # turns that may wait for each thread
FEW = 32  # devices that one thread answers sooner than several
LISTED = 10  # bad targets that an error spells out


@public
class FleetResult(list["SearchResult"], Reported):
    """The results of `search` over a list of targets, in their order: a list with tables.

    Attributes
    ----------
    elapsed_s : float
        Of the whole call.
    """

    def __init__(self, results: Sequence[SearchResult] = (), elapsed_s: float = 0.0) -> None:
        super().__init__(items("results", results, 1 << 20))
        self.elapsed_s = elapsed_s

    def __str__(self) -> str:
        from .text import screen

        return screen(self)

    def _parts(self) -> list[Part]:
        from .text import parts

        return parts(self)

    def _line(self) -> str:
        return f"{len(self):,} results, {sum(one.proven for one in self):,} proven"

    def _title(self) -> str:
        from .page import titled

        return titled(self)

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def __repr__(self) -> str:
        return f"<{len(self):,} search results, {sum(r.proven for r in self):,} proven>"

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame, one row a device: the columns of `SearchResult.to_frame`."""
        from .text import frame

        return frame(self)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the results as a JSON array, and write it where a path is given."""
        from ..base.checks import write_text_atomic

        text = "[" + ",\n".join(result.to_json() for result in self) + "]"
        if path is not None:
            write_text_atomic(path, text + "\n")
        return text

    @classmethod
    def from_json(
        cls, source: str | os.PathLike[str], space: NetworkSpace[Any] | None = None
    ) -> FleetResult:
        """Read results from JSON text (it starts with a bracket) or from a file.

        Parameters
        ----------
        source : str or path
        space : NetworkSpace, optional
            As `SearchResult.from_dict` takes it.

        Raises
        ------
        FormatError
            If it is no JSON array of search results.
        """
        from ..base.plain import parsed
        from ..errors import FormatError
        from ..results.result import SearchResult

        data = parsed(source, "the results' file", "[")
        if not isinstance(data, list):
            raise FormatError(f"the results must be a JSON array, got {shown(data)}")
        return cls([SearchResult.from_dict(one, space) for one in data])


def load_targets(folder: str | os.PathLike[str]) -> list[Target]:
    """Return the targets of all JSON files in a folder, by file name.

    Raises
    ------
    ArgumentError
        If the folder is none or has no JSON file, or files are no targets: each is named.
    """
    from ..hardware.target import Target

    path = os.fspath(folder)
    if not os.path.isdir(path):
        raise ArgumentError(f"targets must be a folder of JSON files, got {shown(path)}")
    names = sorted(name for name in os.listdir(path) if name.endswith(".json"))
    if not names:
        raise ArgumentError(f"the folder {shown(path)} has no .json file")
    found, wrong = [], []
    for name in names:
        try:
            found.append(Target.load(os.path.join(path, name)))
        except (FlashError, OSError) as error:
            wrong.append(f"{name}: {error}")
    _refuse(wrong, len(names), "target files")
    return found


def search_fleet(
    space: Any,
    targets: Sequence[Any],
    costs: Sequence[Any],
    min_accuracy: Any,
    given: dict[str, Any],
    threads: int | None,
    started: float,
    on_result: Callable[[SearchResult], Any] | None = None,
    each: Sequence[Mapping[str, Any]] | None = None,
) -> FleetResult:
    """Search a space for every target.

    Parameters
    ----------
    space, targets
        As `flash.search` takes them.
    costs, min_accuracy
        The budgets of `UPPER`, and on accuracy: each a number or None for all targets, or a
        sequence of one per target. Those on memory and weights only where `given` has conditions.
    given : dict
        The other arguments of `flash.search`, by name.
    threads : int or None
    started : float
        When the call began, as `perf_counter` counts.
    on_result : callable, optional
        Takes each result, in the targets' order, as soon as those before it are there.
    each : sequence of dict, optional
        What is asked of each target alone besides: "where", "min_nn_degree". `given` has these
        names then.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, for any of the targets: nothing was searched then. Bad
        targets and budgets are named, each with its place in the list.
    """
    if not targets:
        raise ArgumentError("target must name at least one target, got an empty list")
    if any(isinstance(one, (list, tuple)) for one in targets):
        raise ArgumentTypeError(f"target must be one or a list of them, got {shown(targets)}")
    if threads is not None:
        threads = integer("threads", threads, 1, 1024)
    stop: list[bool] = []
    budgets = (*costs, min_accuracy)
    n = len(MAXIMA)  # budgets that searches without conditions have
    own = isinstance(given["method"], str) and given["method"] in METHODS
    devices: list[Any]
    plain = own and all(given[name] is None for name in ("evaluator", "options", "journal"))
    if plain and "where" not in given:
        targets, given = _with_memory(targets, given)
    if "where" in given:
        from ..solving.within import Within

        within = Within(space, given)
        further: Iterator[Any] = iter(each if each is not None else [{}] * len(targets))
        devices = _devices(
            targets, budgets, lambda t, own, least: within.check(t, own, least, next(further))
        )
        alone = given["callback"] is not None  # it is called from one thread only

        def answer(device: Any) -> SearchResult:  # what each of the three searches
            return within.search(device, perf_counter(), stop)

    elif not plain:
        from ..methods.running import prepare

        ready = prepare(space, given)
        devices = _devices(targets, budgets, lambda t, own, least: ready.check(t, own[:n], least))
        alone = True  # an evaluator, like a callback, is called from one thread only

        def answer(device: Any) -> SearchResult:
            return ready.search(device, perf_counter(), stop)
    else:
        space = as_space(space)
        predictor = as_predictor(given["predictor"], space.family)
        options = check_options(given)
        one: Any = (predictor, given["objective"], given["compile_objective"])
        devices = _devices(
            targets,
            budgets,
            lambda t, own, least: check_device(as_target(t), own[:n], least, *one),
        )
        # a function, or whoever listens, is called from one thread only
        alone = options.callback is not None or callable(given["objective"])

        def answer(device: Any) -> SearchResult:
            if options.codesign:
                from ..codesign.run import search_codesign

                return search_codesign(options, space, predictor, device, perf_counter(), stop)
            return options.search(space, predictor, device, perf_counter(), stop)

    many = threads or (_processors() if len(devices) > FEW else 1)
    results: list[SearchResult] = []
    answers = _answers(devices, answer, 1 if alone else many, stop)
    for result in _seen(answers, given["progress"], len(devices), started):
        results.append(result)
        if on_result is not None:
            on_result(result)
    return FleetResult(results, perf_counter() - started)


def _with_memory(
    targets: Sequence[Any], given: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the targets, and what is given with what conditions need where one of them brings
    budgets on memory."""
    targets = [_loaded(one) for one in targets]
    limited = [one for one in targets if getattr(one, "memory_budgets", None)]
    if not limited:
        return targets, given
    from ..solving.within import UNASKED, not_held

    if given["codesign"] is True:
        raise not_held(limited[0], "codesign")
    return targets, {**UNASKED, **given}


def _loaded(target: Any) -> Any:
    """Return a target; what is none as it came, for an error that tells its place."""
    try:
        return as_target(target)
    except (FlashError, OSError):
        return target


def _devices(
    targets: Sequence[Any],
    budgets: Sequence[Any],
    check: Callable[[Any, Sequence[Any], Any], T],
) -> list[T]:
    """Return each target with its budgets and objective; an error names every one that is bad."""
    n = len(targets)
    columns = []
    for name, value in zip(BUDGETS, budgets, strict=True):
        if hasattr(value, "__len__") and not isinstance(value, (str, bytes)):
            if len(value) != n:
                raise ArgumentError(
                    f"{name} must be one number, or one per target ({n}), got {len(value)}"
                )
            columns.append(list(value))
        else:
            columns.append([value] * n)
    found: list[T] = []
    wrong: list[Exception] = []
    lines = []
    for i, (target, *costs, accuracy) in enumerate(zip(targets, *columns, strict=True)):
        try:
            found.append(check(target, costs, accuracy))
        except (FlashError, OSError) as error:
            wrong.append(error)
            lines.append(f"target[{i}]: {error}")
    if wrong and n == 1:
        raise wrong[0]
    _refuse(lines, n, "targets", all(isinstance(one, ArgumentTypeError) for one in wrong))
    return found


def _refuse(wrong: list[str], n: int, what: str, types: bool = False) -> None:
    """Raise an error that lists what is wrong, where something is."""
    if not wrong:
        return
    rest = [f"and {len(wrong) - LISTED} more"] if len(wrong) > LISTED else []
    lines = "\n  ".join([*wrong[:LISTED], *rest])
    kind = ArgumentTypeError if types else ArgumentError
    raise kind(f"{len(wrong)} of {n} {what} can't be used:\n  {lines}")


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _answers(
    devices: list[T],
    answer: Callable[[T], SearchResult],
    threads: int,
    stop: list[bool],
) -> Iterator[SearchResult]:
    """Yield the results in order; after Ctrl-C those of the rest say that they were interrupted.

    The core releases the interpreter's lock, so that threads do: their tables and pools are their
    own, and each device's answer is the one that it gets alone.
    """
    if threads == 1 or len(devices) == 1:
        for device in devices:
            try:
                result = answer(device)
            except KeyboardInterrupt:  # outside the core
                stop.append(True)
                result = answer(device)
            if result.stopped == "interrupt":
                stop.append(True)
            yield result
        return
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    def turn(first: int) -> list[SearchResult]:
        return [answer(device) for device in devices[first : first + CHUNK]]

    starts = iter(range(0, len(devices), CHUNK))
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(
            pool.submit(turn, s) for _, s in zip(range(AHEAD * threads), starts, strict=False)
        )
        try:
            while waiting:
                while True:
                    try:
                        done = waiting[0].result()
                        break
                    except KeyboardInterrupt:
                        stop.append(True)
                waiting.popleft()
                following = next(starts, None)
                if following is not None:
                    waiting.append(pool.submit(turn, following))
                yield from done
        except BaseException:
            stop.append(True)
            raise


def _seen(
    answers: Iterator[SearchResult], progress: Watching, n: int, started: float
) -> Iterator[SearchResult]:
    """Yield the answers, and show how many of n there are, where somebody watches."""
    if progress is False:
        yield from answers
        return
    from ..base.progress import Progress

    with Progress(progress, "search", n, "devices", began=started) as seen:
        for done, result in enumerate(answers, 1):
            yield result
            seen.update(done)
