"""`flash.search`: checks what users pass, and hands it to the solver that answers it."""

from __future__ import annotations

from time import perf_counter

from . import _core as _core  # first: it opens what a search needs
from .base.checks import integer, public
from .hardware.target import as_target
from .networks.families import FAMILIES
from .problem.compiling import as_space
from .solving.options import METHODS, check_device, check_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal, TypeAlias, TypeVar, overload

    from numpy.typing import ArrayLike, NDArray

    from .base.checks import Several
    from .conditional.together import Together
    from .evaluators import Evaluator
    from .fleets.fleet import FleetResult
    from .hardware.target import Target
    from .methods._task import Task
    from .networks.architecture import Architecture
    from .networks.cell_networks import Net
    from .predictors.predictor import AccuracyPredictor
    from .results.event import Event
    from .results.result import SearchResult
    from .solving.options import Device
    from .spaces.space import SearchSpace
    from .spaces.tabled import SpaceOf, TabledSpace

    N = TypeVar("N", bound=Net)
    Named: TypeAlias = Target | Together | str | os.PathLike[str]
    Columns: TypeAlias = dict[str, NDArray[Any]]
    Sums: TypeAlias = Mapping[str, Mapping[str, float]]
    Wanted: TypeAlias = (
        str | Mapping[str, float] | Sums | Callable[[Columns], ArrayLike] | Sequence[str | Sums]
    )
    Judge: TypeAlias = Callable[[list[N]], ArrayLike]
    Runs: TypeAlias = Callable[[Task], object]  # a search method

__all__ = ["search"]

FIRST = 20_000  # evaluations by the families' solver of networks of many cells
SUMS = frozenset(("sum", "memory_kib", "weights_kib"))  # keys of objectives beside the core's

if TYPE_CHECKING:

    @overload
    def search(
        space: SearchSpace | str | os.PathLike[str],
        target: Named,
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        max_memory_kib: float | None = None,
        max_weights_kib: float | None = None,
        min_accuracy: float | None = None,
        confidence: float | None = None,
        where: str | Sequence[str] | None = None,
        k: int = 1,
        min_distance: int = 1,
        minimize: str | Sequence[str] | None = None,
        min_nn_degree: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: Wanted = "accuracy",
        compile_objective: bool | None = None,
        method: str | Runs = "shgo",
        codesign: bool = False,
        certify: bool = True,
        evaluator: Evaluator | str | os.PathLike[str] | Judge[Architecture] | None = None,
        options: Mapping[str, Any] | None = None,
        journal: str | os.PathLike[str] | None = None,
        seed: int = 0,
        time_limit_s: float | None = None,
        max_evals: int | None = None,
        callback: Callable[[Event], object] | None = None,
        progress: bool | Literal["auto"] = False,
        threads: int | None = None,
    ) -> SearchResult: ...
    @overload
    def search(
        space: SpaceOf[N],
        target: Named,
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        max_memory_kib: float | None = None,
        max_weights_kib: float | None = None,
        min_accuracy: float | None = None,
        confidence: float | None = None,
        where: str | Sequence[str] | None = None,
        k: int = 1,
        min_distance: int = 1,
        minimize: str | Sequence[str] | None = None,
        min_nn_degree: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: Wanted = "accuracy",
        compile_objective: bool | None = None,
        method: str | Runs = "shgo",
        codesign: bool = False,
        certify: bool = True,
        evaluator: Evaluator | str | os.PathLike[str] | Judge[N] | None = None,
        options: Mapping[str, Any] | None = None,
        journal: str | os.PathLike[str] | None = None,
        seed: int = 0,
        time_limit_s: float | None = None,
        max_evals: int | None = None,
        callback: Callable[[Event], object] | None = None,
        progress: bool | Literal["auto"] = False,
        threads: int | None = None,
    ) -> SearchResult[N]: ...
    @overload
    def search(
        space: TabledSpace | str | os.PathLike[str],
        target: Several[Named],
        *,
        max_latency_ms: float | Sequence[float | None] | None = None,
        max_energy_mj: float | Sequence[float | None] | None = None,
        max_area_mm2: float | Sequence[float | None] | None = None,
        max_params: float | Sequence[float | None] | None = None,
        max_macs: float | Sequence[float | None] | None = None,
        max_memory_kib: float | Sequence[float | None] | None = None,
        max_weights_kib: float | Sequence[float | None] | None = None,
        min_accuracy: float | Sequence[float | None] | None = None,
        confidence: float | None = None,
        where: str | Sequence[str] | None = None,
        k: int = 1,
        min_distance: int = 1,
        minimize: str | Sequence[str] | None = None,
        min_nn_degree: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        objective: Wanted = "accuracy",
        compile_objective: bool | None = None,
        method: str | Runs = "shgo",
        codesign: bool = False,
        certify: bool = True,
        evaluator: Evaluator | str | os.PathLike[str] | Judge[Architecture] | None = None,
        options: Mapping[str, Any] | None = None,
        journal: str | os.PathLike[str] | None = None,
        seed: int = 0,
        time_limit_s: float | None = None,
        max_evals: int | None = None,
        callback: Callable[[Event], object] | None = None,
        progress: bool | Literal["auto"] = False,
        threads: int | None = None,
    ) -> FleetResult: ...


@public
def search(
    space: TabledSpace | SpaceOf[Any] | str | os.PathLike[str],
    target: Named | Several[Named],
    *,
    max_latency_ms: float | Sequence[float | None] | None = None,
    max_energy_mj: float | Sequence[float | None] | None = None,
    max_area_mm2: float | Sequence[float | None] | None = None,
    max_params: float | Sequence[float | None] | None = None,
    max_macs: float | Sequence[float | None] | None = None,
    max_memory_kib: float | Sequence[float | None] | None = None,
    max_weights_kib: float | Sequence[float | None] | None = None,
    min_accuracy: float | Sequence[float | None] | None = None,
    confidence: float | None = None,
    where: str | Sequence[str] | None = None,
    k: int = 1,
    min_distance: int = 1,
    minimize: str | Sequence[str] | None = None,
    min_nn_degree: float | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    objective: Wanted = "accuracy",
    compile_objective: bool | None = None,
    method: str | Runs = "shgo",
    codesign: bool = False,
    certify: bool = True,
    evaluator: Evaluator | str | os.PathLike[str] | Judge[Any] | None = None,
    options: Mapping[str, Any] | None = None,
    journal: str | os.PathLike[str] | None = None,
    seed: int = 0,
    time_limit_s: float | None = None,
    max_evals: int | None = None,
    callback: Callable[[Event], object] | None = None,
    progress: bool | Literal["auto"] = False,
    threads: int | None = None,
) -> SearchResult[Any] | FleetResult:
    """Find the best network of a space for a target within budgets, and prove it.

    Parameters
    ----------
    space : SearchSpace, or str or path
        A space, the name of a default one ("densenet", "resnet", "wide-resnet", "mobilenet-v2"),
        a registered one (`flash.register`), or a TOML or JSON file.
    target : Target, str or path, or a list of them
        The hardware: see `flash.targets`. A list gives one result each, in a `FleetResult`.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs : float, optional
        Budgets, positive; a network is feasible if and only if its reported float64 is at most
        the budget. For a list of targets a budget may be a list too: one for each, or None.
    max_memory_kib, max_weights_kib : float, optional
        Budgets on what the network takes on any device: the most that its values take while it
        runs (`Architecture.peak_memory_kib`), and its weights. Methods "shgo" and "exact", without
        codesign and without an objective function, as `where`. A target that says how much memory
        it has, as microcontrollers do, brings these budgets unless they are given
        (`Target.memory_budgets`), and its results have them among their `budgets`; one that runs
        networks in integers of 8 bits (`Target.int8`) counts both so.
    min_accuracy : float in (0, 1], optional
        Needs a predictor.
    confidence : float in [0.5, 0.99], optional
        The budgets hold for the upper end of the costs' intervals at this level (see
        `Target.interval`) instead of the costs themselves, proven all the same. Methods "shgo" and
        "exact", without codesign and without an objective function. By default they do not.
    where : str or list of str, optional
        Conditions beyond budgets, joined by *and*: on sums of metrics (``"energy_mj / latency_ms <=
        0.01"``, ``"latency_ms >= 2"``, ``"2 * latency_ms + energy_mj <= 9"``), of several devices
        (``"latency_ms@pi <= 12"``, see `flash.together`), and on the choices of the space
        (``"depth_0 == depth_1"``, ``"width_2 >= width_1"``, ``"not (kernel_0 == 3 and kernel_1 ==
        3)"``; names as in ``space.variables``). See docs/howto/choosing.md.
    k : int, default 1
        How many networks: the best, then the best of those that differ from all before it in at
        least `min_distance` choices, in `SearchResult.alternatives`.
    min_distance : int, default 1
    minimize : str or list of str, optional
        A cost that is to be least, instead of an accuracy that is to be greatest; of a list each
        decides between networks that are equal in those before it.
    min_nn_degree : float, optional
    predictor : AccuracyPredictor or path, optional
        None searches without training, by NN-Degree.
    objective : str, dict or function, default "accuracy"
        "accuracy": predicted accuracy, or NN-Degree without a predictor. A dict of exponents, for
        example ``{"accuracy": 1, "latency_ms": -1}``: the weighted product of these. ``{"sum":
        {"nn_degree": 1, "latency_ms": -2}}``: the weighted sum. A list: one after another, each
        deciding between networks that are equal in those before it. A function
        takes a dict of arrays (what `flash.evaluate` returns, plus "choices") and returns one
        score per configuration, larger is better; it is searched by SHGO and never proven.
    compile_objective : bool, optional
        Whether numba, where installed, compiles an objective function; the result's flags say what
        was done and why. By default it does where the function loops in Python: array operations
        are compiled already, and compiling takes about a second. True: those too. False: never.
        Where numba cannot, or the scores would differ, the function runs as it is.
    method : str or function, default "shgo"
        "shgo": hierarchical SHGO (FLASH's, a reconstruction: docs/concepts/proof.md), then the
        exact solver from its answer. "exact": only that.
        Methods of other papers, to compare: "random", "evolution", "pnas", "fp-nas", "parsec",
        "netadapt-v2", "netadapt", "hurricane", "spos", "hao" (see docs/howto/methods.md). A
        function that takes a `Task` is a method of one's own (see docs/howto/plugins.md), and so is
        its name, where it is registered.
    codesign : bool, default False
        Whether the accelerator is open to choice too, where the target has a design space (see
        docs/howto/codesign.md): the exact solver proves the best of network, accelerator and, where
        the target has them, bits for each cell, whatever `certify` says.
    certify : bool, default True
        False: SHGO alone, with its gap to the bound. Of another paper's method: whether to work out
        the optimum afterwards, where it can be proven, and the gap to it.
    evaluator : optional
        Other papers' methods: what tells accuracies, instead of a predictor: a
        `TableEvaluator`, a `TrainingEvaluator`, the path of a table, a function from a list of
        architectures to their accuracies, or the name of a registered one.
    options : dict, optional
        Other papers' methods: their own options.
    journal : path, optional
        Other papers' methods: file of all evaluations. A run that finds its networks there takes
        their accuracies from it, so that one that was stopped goes on.
    seed : int, default 0
        The same seed gives the same answer.
    time_limit_s : float, optional
    max_evals : int, optional
        Configurations that may be evaluated. Combinations of some cells only, which the exact
        solver's enumeration looks at, count as one for every 64. Other papers' methods: networks
        whose accuracy is asked for; one over a budget is none.
    callback : callable, optional
        Called now and then with an `Event`; the search stops where it returns True.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.
    threads : int, optional
        For a list of targets; the answers are the same for any number. By default as many as there
        are processors. A callback, or an objective function, is called from one thread only, and
        methods of other papers use one.

    Returns
    -------
    SearchResult, or FleetResult (a list of SearchResult)

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; nothing was searched then.
    """
    if progress is not False and not isinstance(target, (list, tuple)):
        keywords = locals()
        from .solving.watching import watched

        return watched(search, keywords)  # type: ignore[no-any-return]
    started = perf_counter()
    given: dict[str, Any] = {
        "confidence": confidence,
        "predictor": predictor,
        "objective": objective,
        "compile_objective": compile_objective,
        "method": method,
        "codesign": codesign,
        "certify": certify,
        "evaluator": evaluator,
        "options": options,
        "journal": journal,
        "seed": seed,
        "time_limit_s": time_limit_s,
        "max_evals": max_evals,
        "callback": callback,
        "progress": progress,
    }
    costs = (max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs)
    stored = (max_memory_kib, max_weights_kib)
    wanted: Any = target
    many = isinstance(wanted, (list, tuple))
    if (type(space) is str and space not in FAMILIES) or hasattr(space, "__fspath__"):
        from .spaces.named import any_space

        space = any_space(space)
    if (
        (where is not None or minimize is not None or min_nn_degree is not None)
        or (max_memory_kib is not None or max_weights_kib is not None)
        or (type(k) is not int or k != 1 or type(min_distance) is not int or min_distance != 1)
        or (_sums(objective) or hasattr(wanted, "targets"))
        or (many and any(hasattr(one, "targets") for one in wanted))
    ):
        given["where"], given["k"], given["min_distance"] = where, k, min_distance
        given["minimize"], given["min_nn_degree"] = minimize, min_nn_degree
    if many:
        from .fleets.fleet import search_fleet

        return search_fleet(space, wanted, (*costs, *stored), min_accuracy, given, threads, started)
    if threads is not None:
        integer("threads", threads, 1, 1024)
    if "where" in given:
        from .solving.within import Within

        within = Within(space, given)
        return within.search(within.check(wanted, (*costs, *stored), min_accuracy), started)
    asked: Any = method
    plain = evaluator is None and options is None and journal is None
    if not plain or not isinstance(asked, str) or method not in METHODS:
        from .methods.running import prepare

        ready = prepare(space, given)
        return ready.search(ready.check(target, costs, min_accuracy), started)
    space = as_space(space)
    target = as_target(target)
    if target.memory_budgets:
        from .solving.within import UNASKED, Within, not_held

        if codesign is True:
            raise not_held(target, "codesign")
        within = Within(space, {**UNASKED, **given})
        nothing = (None,) * len(stored)
        return within.search(within.check(target, (*costs, *nothing), min_accuracy), started)
    if predictor is not None:
        from .predictors.predictor import as_predictor

        predictor = as_predictor(predictor, space.family)
    one: Any = (costs, min_accuracy, predictor, objective, compile_objective)
    device = check_device(target, *one)
    checked = check_options(given)
    if codesign:
        from .codesign.run import search_codesign

        return search_codesign(checked, space, predictor, device, started)
    numbering = space.numbering
    if numbering is not None and numbering.is_deep and certify and not callable(objective):
        given["predictor"] = predictor
        nothing = (None,) * len(stored)
        limits = ((*costs, *nothing), min_accuracy)
        return _search_deep(space, device, given, limits, started)
    return checked.search(space, predictor, device, started)


def _search_deep(
    space: SearchSpace, device: Device, given: dict[str, Any], limits: Any, started: float
) -> SearchResult:
    """Search networks of many cells: by the families' solver as far as a few evaluations reach, and
    where these prove nothing by that of choices, which many small tables suit better.

    limits: costs and the least accuracy, as they were given.
    """
    most = given["max_evals"]
    few = check_options({**given, "max_evals": FIRST if most is None else min(most, FIRST)})
    found = few.search(space, given["predictor"], device, started)
    if found.stopped != "max_evals" or (most is not None and most <= FIRST):
        return found
    from .solving.within import UNASKED, Within

    within = Within(space, {**UNASKED, **given})
    asked = within.check(device.target, *limits)
    asked.spent = found.nfev
    again = within.search(asked, started)
    best, value = found.objective, again.objective
    if again.proven or best is None or (value is not None and value >= best):
        return again
    from .results.result import verdict

    stopped = again.stopped  # before it came as far as the first
    status, message = verdict(False, stopped, f"found, not proven; {stopped} ended the search")
    return found.replace(
        status=status, message=message, stopped=stopped, nfev=again.nfev, elapsed_s=again.elapsed_s
    )


def _sums(objective: Any) -> bool:
    """Whether an objective is a sum, several of them, or of what the core has no columns for."""
    if isinstance(objective, str):
        return objective == "nn_degree"
    return isinstance(objective, (list, tuple)) or (
        isinstance(objective, dict) and not SUMS.isdisjoint(objective)
    )
