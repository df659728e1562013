"""`flash.suggest`: given what is trained so far, which networks to train next."""

from __future__ import annotations

from ..base.checks import choice, integer, items, number, path_of, public, shown, watched
from ..base.names import COSTS, COUNTS, TERMS
from ..base.progress import Progress
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from ..hardware.target import as_target
from ..networks.families import MAX_SEED
from ..problem.objective import read_budgets
from ..spaces.named import any_space
from ..spaces.tabled import TabledSpace
from .suggestion import Suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeAlias, TypeVar, overload

    from numpy.typing import ArrayLike

    from ..base.progress import Watching
    from ..hardware.target import Target
    from ..networks.cell_networks import Net
    from ..predictors.predictor import AccuracyPredictor
    from ..solving.ground import Ground
    from ..spaces.space import SearchSpace
    from ..spaces.tabled import SpaceOf, TabledSpace
    from ..training.results import TrainingResult
    from .known import Known

    N = TypeVar("N", bound=Net)
    Row = tuple[int, ...]
    Measured: TypeAlias = (
        Iterable[Sequence[Any]]
        | tuple[Sequence[Any], ArrayLike]
        | Mapping[Any, Any]
        | str
        | os.PathLike[str]
        | TrainingResult
    )
    Columns: TypeAlias = Mapping[str, Callable[..., ArrayLike] | ArrayLike]

__all__ = ["suggest"]

MOST = 10_000  # networks at a time
WEIGHED = ("none", "macs", "seconds")

if TYPE_CHECKING:

    @overload
    def suggest(
        space: SearchSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        measured: Measured = (),
        n: int = 4,
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        cost: str = "none",
        prior: AccuracyPredictor | str | os.PathLike[str] | None = None,
        columns: Columns | None = None,
        noise: float | None = None,
        pending: Iterable[Any] = (),
        folder: str | os.PathLike[str] | None = None,
        seed: int = 0,
        progress: Watching = False,
    ) -> Suggestion: ...
    @overload
    def suggest(
        space: SpaceOf[N],
        target: Target | str | os.PathLike[str],
        measured: Measured = (),
        n: int = 4,
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        cost: str = "none",
        prior: AccuracyPredictor | str | os.PathLike[str] | None = None,
        columns: Columns | None = None,
        noise: float | None = None,
        pending: Iterable[Any] = (),
        folder: str | os.PathLike[str] | None = None,
        seed: int = 0,
        progress: Watching = False,
    ) -> Suggestion[N]: ...


@public
def suggest(
    space: TabledSpace | SpaceOf[Any] | str | os.PathLike[str],
    target: Target | str | os.PathLike[str],
    measured: Measured = (),
    n: int = 4,
    *,
    max_latency_ms: float | None = None,
    max_energy_mj: float | None = None,
    max_area_mm2: float | None = None,
    max_params: float | None = None,
    max_macs: float | None = None,
    cost: str = "none",
    prior: AccuracyPredictor | str | os.PathLike[str] | None = None,
    columns: Columns | None = None,
    noise: float | None = None,
    pending: Iterable[Any] = (),
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Watching = False,
) -> Suggestion[Any]:
    """Suggest which networks to train next, given what is trained so far.

    Call it, train what it suggests, add the accuracies to `measured`, and call it again; or let it
    ask through a folder, and whoever trains tell by `flash.tell`. See docs/howto/suggest.md.

    Parameters
    ----------
    space : SearchSpace, BlockSpace, NetworkSpace, or str or path
    target : Target, or str or path
    measured : optional
        What is trained so far: a list of (network, accuracy) or (network, accuracy, seconds);
        (networks, accuracies); a dict from names to accuracies; a table (CSV, JSON or Parquet, with
        columns "name" or "index", "accuracy" and perhaps "seconds"); a journal of `flash.search`; a
        folder of `flash.train` or of suggestions; a `TrainingResult`. A network is one of the
        space, its row of choice indices, its flat index or its name; one that is there several
        times was trained several times. Accuracies are fractions; of tables, where one is above 1,
        percent.
    n : int, default 4
        How many; fewer where no more are left.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs : float, optional
        Budgets on what is suggested, and on the best that it is to better.
    cost : {"none", "macs", "seconds"}, default "none"
        What a training is taken to cost: nothing, or in proportion to the network's MACs, or what
        the seconds of `measured` say. Networks are weighed by expected improvement per cost.
    prior : AccuracyPredictor or path, optional
        What was known before: `measured` corrects it.
    columns : dict of str to array or function, optional
        Further numbers that may tell accuracy, such as zero-cost scores, by name: a function from
        rows of choice indices, shape (m, variables), to m numbers; or an array, one number for
        each flat index.
    noise : float, optional
        Standard deviation of the accuracy of one training; by default what repeats say.
    pending : iterable of networks, optional
        Those that are being trained: nothing is suggested twice.
    folder : path, optional
        Ask through a folder: what is told there counts as measured, what is asked for and not told
        as pending, and what is suggested is written there, one file a network. It is of one space,
        target and set of budgets, and one process asks at a time.
    seed : int, default 0
        The same seed and measurements give the same networks.
    progress : bool or "auto", default False
        Show on standard error how many are found: see `flash.search`.

    Returns
    -------
    Suggestion

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument is not accepted, or a network is not in the space; it is named.
    NothingLeft
        If no network that is not measured meets the budgets.
    """
    watched("progress", progress)
    own = any_space(space)
    device = _device(target, own)
    costs = (max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs)
    budgets, limits, least = read_budgets(costs, None, device, False)
    asked = Asked(
        own,
        device,
        integer("n", n, 1, MOST),
        budgets,
        limits,
        least,
        {"cost": choice("cost", cost, WEIGHED), "columns": _columns(columns), "prior": None},
        None if noise is None else float(number("noise", noise, 0.0, 1.0)),
        integer("seed", seed, 0, MAX_SEED),
        progress,
    )
    if prior is not None:
        from ..predictors.predictor import as_predictor

        asked.options["prior"] = as_predictor(prior, own.family)
    from .reading import read_trained, row_of

    trained, notes = read_trained(own, measured)
    waiting = [row_of(own, one) for one in items("pending", pending, 1_000_000)]
    if folder is None:
        return asked.answer(trained, waiting, notes)
    from . import folder as kept

    path = path_of("folder", folder)
    facts = {"space": own.to_dict(), "target": kept.target_facts(device), "budgets": budgets}
    with kept.lock(path):
        held = kept.claimed(path, facts)
        rows = asked.rows_of(held)
        told = _told(held, rows, trained)
        failed = sorted({run.id for run in held.told} - told)
        notes += held.notes
        if failed:
            notes.append(f"failed, and not asked for again: {', '.join(failed)}")
        out = [rows[one] for one in held.asked if one not in told]
        found = asked.answer(trained, [*waiting, *out], notes)
        ids = kept.write_asked(held, found.asks())
        return found.replace(folder=path, ids=ids)


def _device(target: Any, space: Any) -> Target:
    """Return the target, if it charges single networks of the space."""
    device = as_target(target)
    if device.tiles is not None and isinstance(space, TabledSpace):
        from ..hardware.tiles import refuse_several

        refuse_several(device, "for flash.suggest")
    if device.memory_budgets:
        from ..solving.stored import not_held

        raise not_held(device, "flash.suggest")
    return device


def _columns(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not hasattr(given, "items"):
        raise ArgumentTypeError(
            f"columns must be a dict from names to arrays or functions, got {shown(given)}"
        )
    for name, column in given.items():
        if not isinstance(name, str) or not (callable(column) or hasattr(column, "__len__")):
            raise ArgumentTypeError(
                f"columns[{name!r}] must be an array or a function of rows, got {shown(column)}"
            )
    return dict(given)


def _told(held: Any, rows: Mapping[str, Row], trained: dict[Row, list[Any]]) -> set[str]:
    """Add what a folder tells to what is trained; return the ids that have an accuracy."""
    known = set()
    for run in held.told:
        if run.accuracy is not None:
            known.add(run.id)
            trained.setdefault(rows[run.id], []).append((run.accuracy, run.seconds))
    return known


class Asked:
    """What is asked for, checked.

    Parameters
    ----------
    space, target, n, budgets, limits, least, options, noise, seed, progress
        As `flash.suggest` and `propose` have them.
    """

    def __init__(
        self,
        space: Any,
        target: Target,
        n: int,
        budgets: dict[str, float],
        limits: list[float],
        least: float,
        options: dict[str, Any],
        noise: float | None,
        seed: int,
        progress: Watching,
    ) -> None:
        self.space = space
        self.target = target
        self.n = n
        self.budgets = budgets
        self.limits = limits
        self.least = least
        self.options = options
        self.noise = noise
        self.seed = seed
        self.progress: Watching = progress

    def rows_of(self, held: Any) -> dict[str, Row]:
        """Return the row of each id of a folder."""
        from .reading import row_of

        try:
            return {one: row_of(self.space, row) for one, row in held.asked.items()}
        except FlashError as error:
            raise ArgumentError(f"{held.path}: what is asked for there: {error}") from None

    def answer(
        self, trained: Mapping[Row, list[Any]], pending: Iterable[Row], notes: Iterable[str]
    ) -> Suggestion[Any]:
        """Return what to train next."""
        from ..solving.ground import ground_of
        from .known import known_of
        from .proposing import NothingLeft, propose
        from .reading import doubts

        known = known_of(trained, pending, len(self.space.lengths), self.noise)
        if self.options["cost"] == "seconds" and len(known) and known.seconds is None:
            raise ArgumentError(
                "cost='seconds' needs the seconds of each measured network's training: measured "
                "as (network, accuracy, seconds), or cost='macs'"
            )
        ground = ground_of(self.space, self.target)
        try:
            with Progress(self.progress, "suggestions", self.n, "networks") as show:
                found = propose(
                    ground,
                    known,
                    self.n,
                    limits=self.limits,
                    least=self.least,
                    seed=self.seed,
                    options={**self.options, "found": show.update},
                )
        except NothingLeft as error:
            error.add_note(
                f"measured: {len(known)}, asked for and not told or failed: {len(known.pending)}; "
                f"budgets: {self.budgets or 'none'}"
            )
            raise
        told = [*notes, *doubts(self.space, trained)]
        if len(found.rows) < self.n:
            told.append(f"{self.n} were asked for; no more are left within the budgets")
        best, accuracy = self._best(ground, known)
        return Suggestion(
            self.space,
            self.target.name,
            found.rows,
            found.mean,
            found.deviation,
            found.gain,
            found.chance,
            self._costs(ground, found.rows),
            self.budgets,
            float(found.left),
            found.how,
            tuple(told),
            len(known),
            int(known.repeats.sum()),
            known.noise,
            best,
            accuracy,
            self.seed,
        )

    def _costs(self, ground: Ground, rows: Any) -> dict[str, Any]:
        metrics = ground.charge(rows)
        return {
            name: metrics[k]
            for k, name in enumerate(TERMS)
            if name in COUNTS or (name in COSTS and name in self.target.metrics)
        }

    def _best(self, ground: Ground, known: Known) -> tuple[Row | None, float | None]:
        """Return the best measured network within the budgets, and its accuracy."""
        import numpy as np

        if not len(known):
            return None, None
        metrics = ground.charge(known.rows)
        limits = np.array(self.limits)[1:, None]
        fits = (metrics[1:] <= limits).all(axis=0) & np.isfinite(metrics[-1])
        if not fits.any():
            return None, None
        at = int(np.argmax(np.where(fits, known.accuracy, -1.0)))
        return tuple(known.rows[at].tolist()), float(known.accuracy[at])
