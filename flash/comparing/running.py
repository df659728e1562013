"""`flash.compare`: several methods on one problem, over several seeds."""

from __future__ import annotations

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
    text,
    watched,
)
from ..base.progress import Progress, time_of
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError
from ..spaces.network_space import NetworkSpace
from .comparison import Comparison

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, TypeVar, overload

    from ..evaluators import Evaluator
    from ..hardware.target import Target
    from ..methods.own import OwnMethod
    from ..networks.architecture import Architecture
    from ..networks.cell_networks import Net
    from ..predictors.predictor import AccuracyPredictor
    from ..results.result import SearchResult
    from ..searching import Judge, Runs
    from ..spaces.network_space import NetworkSpace
    from ..spaces.space import SearchSpace
    from ..spaces.tabled import SpaceOf, TabledSpace

    N = TypeVar("N", bound=Net)

__all__ = ["CORE", "compare", "unfit_core"]

CORE = ("shgo", "exact")
DESIGNING = ("hao",)  # methods that choose the accelerator too
MAX_SEEDS = 1000


if TYPE_CHECKING:

    @overload
    def compare(
        space: SearchSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        *,
        methods: Sequence[str | Runs] | Mapping[str, str | Runs] | None = None,
        seeds: int | Sequence[int] = 10,
        baseline: str | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        evaluator: Evaluator | str | os.PathLike[str] | Judge[Architecture] | None = None,
        max_evals: int | None = None,
        time_limit_s: float | None = None,
        callback: Callable[[SearchResult], object] | None = None,
        progress: bool | Literal["auto"] = False,
        codesign: bool = False,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        min_accuracy: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: str | Mapping[str, float] = "accuracy",
        journal: str | os.PathLike[str] | None = None,
    ) -> Comparison: ...
    @overload
    def compare(
        space: SpaceOf[N],
        target: Target | str | os.PathLike[str],
        *,
        methods: Sequence[str | Runs] | Mapping[str, str | Runs] | None = None,
        seeds: int | Sequence[int] = 10,
        baseline: str | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        evaluator: Evaluator | str | os.PathLike[str] | Judge[N] | None = None,
        max_evals: int | None = None,
        time_limit_s: float | None = None,
        callback: Callable[[SearchResult[N]], object] | None = None,
        progress: bool | Literal["auto"] = False,
        codesign: bool = False,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        min_accuracy: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: str | Mapping[str, float] = "accuracy",
        journal: str | os.PathLike[str] | None = None,
    ) -> Comparison[N]: ...


@public
def compare(
    space: TabledSpace | SpaceOf[Any] | str | os.PathLike[str],
    target: Target | str | os.PathLike[str],
    *,
    methods: Sequence[str | Runs] | Mapping[str, str | Runs] | None = None,
    seeds: int | Sequence[int] = 10,
    baseline: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    evaluator: Evaluator | str | os.PathLike[str] | Judge[Any] | None = None,
    max_evals: int | None = None,
    time_limit_s: float | None = None,
    callback: Callable[[SearchResult[Any]], object] | None = None,
    progress: bool | Literal["auto"] = False,
    codesign: bool = False,
    max_latency_ms: float | None = None,
    max_energy_mj: float | None = None,
    max_area_mm2: float | None = None,
    max_params: float | None = None,
    max_macs: float | None = None,
    min_accuracy: float | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    objective: str | Mapping[str, float] = "accuracy",
    journal: str | os.PathLike[str] | None = None,
) -> Comparison[Any]:
    """Run several methods on the same problem, and compare what they found and what it took.

    Parameters
    ----------
    space, target
        As for `flash.search`.
    methods : sequence or dict of str or function, optional
        All of flash's that fit, by default; one that is named and does not fit is an error. Those
        of one's own, registered or functions, take part where they are named: tables call a
        function by its own name. A dict gives each a name of its own, so that one method may take
        part several times: ``{"pnas": "pnas", "pnas, tuned": "pnas"}``, with `options` for each.
    seeds : int or sequence of int, default 10
        How many seeds (0, 1, ...), or which. Every method runs with the first seed, then with the
        second, and so on.
    baseline : str, optional
        The method that others are compared with: by default "random" where that takes part, else
        the first.
    options : dict, optional
        Of each method, by the name that it has here.
    evaluator, max_evals, time_limit_s
        As for `flash.search`, the same for every method and each of its runs. A method that does
        not end by itself has 1000 evaluations (fewer by an evaluator that takes long) by default.
    callback : callable, optional
        Called with each result.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second. A run that is left is taken to last as long as the latest of its method, or
        as the mean of all where it had none.
    codesign : bool, default False
        Compare what chooses the accelerator too: flash's own methods, with ``codesign=True``, and
        "hao", which is left out otherwise.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs, min_accuracy
        Budgets, as for `flash.search`.
    predictor, objective, journal
        As for `flash.search`.

    Returns
    -------
    Comparison
        After Ctrl-C, of the runs that were done.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.
    KeyboardInterrupt
        If Ctrl-C came before the baseline was done once.
    """
    from ..evaluators import as_evaluator
    from ..methods._journal import held
    from ..predictors.predictor import as_predictor
    from ..searching import search
    from ..spaces.named import any_space

    space = any_space(space)
    problem: dict[str, Any] = {
        "max_latency_ms": max_latency_ms,
        "max_energy_mj": max_energy_mj,
        "max_area_mm2": max_area_mm2,
        "max_params": max_params,
        "max_macs": max_macs,
        "min_accuracy": min_accuracy,
        "objective": objective,
        "time_limit_s": time_limit_s,
    }
    predictor = as_predictor(predictor, space.family)
    judge = as_evaluator(evaluator, predictor)
    numbers = _seeds(seeds)
    flag("codesign", codesign)
    watched("progress", progress)
    listener("callback", callback)
    if options is not None and not isinstance(options, dict):
        raise ArgumentTypeError(
            f"options must be a dict of dicts, one for each method, got {shown(options)}"
        )
    own_options = options or {}
    field = _field(space, judge, methods, baseline, own_options, codesign)
    given = {"evaluator": judge, "journal": journal, "max_evals": max_evals}
    field = _checked(field, space, target, {**problem, **given}, predictor, codesign)
    if max_evals is None and time_limit_s is None:
        max_evals = min(1000, judge.usual_evals)

    def answer(name: str, seed: int, certify: bool) -> SearchResult[Any]:
        method = field.methods[name]
        if method in CORE:
            own: dict[str, Any] = {"predictor": predictor, "codesign": codesign}
        else:
            own = {
                "evaluator": judge,
                "options": field.options.get(name),
                "journal": journal,
                "max_evals": max_evals,
                "certify": certify,
            }
        if seen.on:
            own["callback"] = clock.hearing(f"{name}, seed {seed}", max_evals)
        return search(space, target, method=method, seed=seed, **own, **problem)

    seen = Progress(progress, "compare", len(numbers) * len(field.methods), "runs")
    clock = Clock(list(field.methods), len(numbers), seen)

    def tell(name: str, seed: int, result: SearchResult[Any]) -> None:
        clock.ended(name, _told(name, seed, result))
        if callback is not None:
            callback(result)

    with held(journal, judge.held), seen:
        found = _rounds(field, numbers, answer, tell)
    if field.baseline not in found.runs:
        stop = KeyboardInterrupt()
        stop.add_note(f"before {field.baseline!r}, which others are compared with, was done once")
        if journal is not None or hasattr(judge, "folder"):
            stop.add_note("the evaluations are kept, and the same call goes on from there")
        raise stop
    return found


def _checked(
    field: Field,
    space: Any,
    target: Any,
    problem: Mapping[str, Any],
    predictor: AccuracyPredictor | None,
    codesign: bool,
) -> Field:
    """Return the field with its options as methods read them: what is given is looked at first."""
    from ..base.names import MAXIMA
    from ..hardware.target import as_target
    from ..methods.running import prepare
    from ..solving.options import check_device, check_options

    plain = {"compile_objective": None, "certify": True, "seed": 0, "progress": False}
    costs = [problem[name] for name in MAXIMA]
    least = problem["min_accuracy"]
    options = {}
    for name, method in field.methods.items():
        own = field.options.get(name)
        given = {**plain, **problem, "method": method, "callback": None, "predictor": None}
        if method in CORE:
            if own:
                raise ArgumentError(f"options: method {name!r} takes none, got {shown(own)}")
            given |= {"evaluator": None, "journal": None, "options": None, "codesign": codesign}
            check_options(given)
            check_device(as_target(target), costs, least, predictor, problem["objective"], None)
        else:
            given["options"] = own
            if given["journal"] is not None:
                path_of("journal", given["journal"])
            ready = prepare(space, given)
            ready.check(target, costs, least)
            if own:
                options[name] = {one: ready.settings[one] for one in own}
    return field.replace(options=options)


class Clock:
    """How long the runs of a comparison took, and about how long those that are left will."""

    def __init__(self, names: list[str], seeds: int, seen: Progress) -> None:
        self.todo: dict[str, int] = dict.fromkeys(names, seeds)
        self.took: dict[str, float] = {}
        self.runs = 0  # that ended
        self.seen = seen
        self._since = perf_counter()

    def ended(self, name: str, told: str) -> None:
        """Take note that the run of a method ended now, and show what is told of it."""
        now = perf_counter()
        self.took[name] = now - self._since
        self.todo[name] -= 1
        self.runs += 1
        self._since = now
        self.seen.note(told)
        self.seen.update(self.runs, told, left_s=self.left())

    def hearing(self, what: str, evals: int | None) -> Callable[[Any], None]:
        """Return what takes events of a run, of so many evaluations, and shows them."""

        def heard(event: Any) -> None:
            part = min(0.99, event.nfev / evals) if evals else 0.0
            left_s = None  # by the pace, in the very first run
            if self.took:
                left_s = max(0.0, self.left() - (perf_counter() - self._since))
            told = f"{what}: {event.nfev:,} evaluations"
            self.seen.update(self.runs + part, told, left_s=left_s)

        return heard

    def left(self) -> float:
        """Return about how many seconds the runs that are left take.

        Of each method as many as its latest run; the mean of the others where it had none yet.
        """
        mean = sum(self.took.values()) / len(self.took) if self.took else 0.0
        return sum(runs * self.took.get(name, mean) for name, runs in self.todo.items())


class Field(Record):
    """Who takes part, by name in their order; those left out and why; options by name.

    methods: by the name that each has here its own name, or the function that users passed.
    """

    methods: dict[str, Any]
    baseline: str
    skipped: dict[str, str]
    options: Mapping[str, Any]


def _field(
    space: Any,
    judge: Evaluator,
    methods: Any,
    baseline: str | None,
    options: Mapping[str, Any],
    codesign: bool,
) -> Field:
    """Return which methods are compared: those named, or all that fit."""
    from ..methods import METHODS

    known: tuple[str, ...] = (*CORE, *METHODS) if not codesign else (*CORE, *DESIGNING)
    if methods is not None:
        wanted = _methods(methods, known, codesign)
    else:
        names = DESIGNING if codesign else tuple(METHODS)
        if unfit_core(space, judge) is None:
            names = ("shgo", *names)
        wanted = {name: (name, name) for name in names}
    known = tuple(dict.fromkeys((*known, *wanted)))
    if baseline is not None and choice("baseline", baseline, known) not in wanted:
        raise ArgumentError(
            f"baseline must be one of the methods compared ({', '.join(wanted)}), got {baseline!r}"
        )
    for name in options:
        choice("options", name, known)
    reasons = {name: _unfit(method, space, judge, codesign) for name, (_, method) in wanted.items()}
    skipped = {name: why for name, why in reasons.items() if why is not None}
    fitting = {name: given for name, (given, _) in wanted.items() if name not in skipped}
    if methods is not None or not fitting:
        for name, why in skipped.items():
            raise ArgumentError(f"methods: {name}: {why}")
    if baseline is None:
        usual = DESIGNING[0] if codesign else "random"
        baseline = usual if usual in fitting else next(iter(fitting))
    if baseline in skipped:
        raise ArgumentError(f"baseline {baseline!r}: {skipped[baseline]}")
    return Field(fitting, baseline, skipped, options)


def _unfit(method: str | OwnMethod, space: Any, judge: Evaluator, codesign: bool) -> str | None:
    """Return why a method does not take part, or None where it does."""
    from ..methods.running import unfit

    why = unfit_core(space, judge) if method in CORE else unfit(method, space, judge)
    if why is None and method in DESIGNING and not codesign:
        return f"method {method!r} chooses the accelerator too: compare it with codesign=True"
    return why


def _rounds(
    field: Field,
    seeds: list[int],
    answer: Callable[[str, int, bool], SearchResult[Any]],
    tell: Callable[[str, int, SearchResult[Any]], None],
) -> Comparison[Any]:
    """Run every method with every seed, seed by seed, until all are done or Ctrl-C.

    The optimum is asked for (`answer`'s third argument) until one is known.
    """
    runs: dict[str, tuple[SearchResult[Any], ...]] = {}
    optimum: float | None = None
    skipped = dict(field.skipped)
    options = field.options
    for seed in seeds:
        for name in field.methods:
            result = answer(name, seed, optimum is None)
            if result.stopped == "interrupt":
                for left in field.methods:
                    done = len(runs.get(left, ()))
                    if done < len(seeds):
                        skipped[left] = f"interrupted, {done} of {len(seeds)} seeds done"
                return Comparison(runs, optimum, field.baseline, skipped, True, options)
            if optimum is None:
                optimum = _optimum(result)
            runs[name] = (*runs.get(name, ()), result)
            tell(name, seed, result)
    return Comparison(runs, optimum, field.baseline, skipped, False, options)


def _optimum(result: SearchResult[Any]) -> float | None:
    """Return the proven optimum that a certified result tells."""
    from ..methods._outcome import KNOWN

    if result.proven or result.message.endswith(KNOWN):
        return result.upper_bound
    return None


def unfit_core(space: Any, judge: Any) -> str | None:
    """Return why flash's own search does not fit, or None where it does."""
    if judge.expensive or isinstance(space, NetworkSpace):
        return "searches a SearchSpace by a predictor or NN-Degree"
    return None


def _methods(
    methods: Any, known: Sequence[str], codesign: bool
) -> dict[str, tuple[Any, str | OwnMethod]]:
    """Return by the name that each has here what users pass, and what that is."""
    from ..methods.own import as_method

    named = hasattr(methods, "items")
    if not named and not hasattr(methods, "__next__") and not is_list(methods):
        raise ArgumentTypeError(
            f"methods must be a list of names, or a dict of them by other names, got "
            f"{shown(methods)}"
        )
    found: dict[str, tuple[Any, str | OwnMethod]] = {}
    for given in items("methods", list(methods) if named else methods, 99):
        what, called = "methods", None
        if named:
            called = text("methods: a name", given)
            what, given = f"methods[{called!r}]", methods[given]
        method: str | OwnMethod
        method = choice(what, given, known) if codesign else as_method(given, CORE, what)
        own = method if isinstance(method, str) else method.name
        name = own if called is None else called
        if not name.strip():
            raise ArgumentError(f"methods: a name must not be empty, got {name!r}")
        if name != own and name in known:
            raise ArgumentError(f"methods: {name!r} is another method's name, got it for {own!r}")
        before, _ = found.setdefault(name, (given, method))
        if before is not given and before != given:
            raise ArgumentError(
                f"methods: two are called {name!r}, {shown(before)} and {shown(given)}; give "
                "one of them another name"
            )
    if not found:
        raise ArgumentError("methods must be at least one, got none")
    return found


def _seeds(seeds: Any) -> list[int]:
    if is_list(seeds):
        given = items("seeds", seeds, MAX_SEEDS)
        found = [integer("seeds", seed, 0, 2**64 - 1) for seed in given]
        if not found or len(set(found)) < len(found):
            raise ArgumentError(
                f"seeds must be different numbers, at least one, got {shown(seeds)}"
            )
        return found
    return list(range(integer("seeds", seeds, 1, MAX_SEEDS)))


def _told(name: str, seed: int, result: SearchResult[Any]) -> str:
    found = result.status if result.objective is None else f"{result.objective:.6g}"
    return f"{name}, seed {seed}: {found}, {result.nfev} evaluations, {time_of(result.elapsed_s)}"
