"""Which networks to train next: those from which most is expected, within the budgets.

A process (`process`) is fitted to what is trained, and the networks with the largest expected
improvement over the best of them are proposed (Mockus 1975; Jones et al. 1998): of a space that can
be looked through, of all of its networks, exactly; of a larger one, of a pool that the exact solver
gives and that is climbed from (`candidates`). One after the other, each as if those before it had
turned out as expected, so that they differ.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .._core.gaussian import process as core
from ..base.names import Metric
from ..base.record import Record
from ..errors import FlashError
from ..problem.objective import limits_on
from .candidates import Solver, listed, neighbours, representatives, unique, whole
from .encoding import Sizes, column_of, encoding_of, expected_by
from .process import Process, Samples
from .scale import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..solving.ground import Ground
    from .known import Known

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Told = tuple[float, float, float, float]  # accuracy, its deviation, gain and chance

__all__ = ["LEAST", "NothingLeft", "Proposal", "propose"]

LEAST = 3  # samples that differ in accuracy, from which on a process is fitted
TURNS = 3  # one proposal of so many is the one with the largest mean
# Deviations of accuracy that networks are expected to gain with one of log size, of what columns
# say together, and of what a prior expects
LEAN, LEAN_OF_COLUMNS, LEAN_OF_PRIOR = 0.6, 0.8, 1.0
FARTHEST = 5.0  # of what is known of networks, from what is usual
PATIENCE = 200  # draws, each of some hundred rows,
PATIENCE_BUILT = 32  # and where each network has to be built
CHARGED = 16  # networks that are built and charged at a time, where that is one by one
DRAWN = 256  # rows whose sizes say what is usual, and rows of a draw
FUNCTIONS = 12  # drawn, and their best networks found by the exact solver, for a pool
TABLES = 2_000_000  # rows of tables that are written for them, unless one function has more
FROM = 8  # networks that a pool is climbed from
CLIMBS = 3
POOL = 1024  # networks of a pool, at most, at a time
AT_ONCE = 128  # networks whose variances are worked out at a time
WEIGHED = 256  # networks whose costs are looked at, where gain is weighed by cost


class NothingLeft(FlashError, LookupError):
    """No network that is not measured yet meets the budgets."""


class Proposal(Record):
    """Networks to train next.

    Parameters
    ----------
    rows : int64 array, shape (n, variables)
    mean, deviation : float64 arrays, shape (n,)
        Expected accuracy and its standard deviation, NaN where a row was drawn at random.
    gain : float64 array, shape (n,)
        Expected improvement over the best measured within the budgets, in accuracy.
    chance : float64 array, shape (n,)
        Probability to be better than that.
    how : str
        How they were found, in words.
    left : float
        The largest expected gain of anything unmeasured: what could still be better. NaN where
        that is not known.
    """

    rows: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    gain: NDArray[np.float64]
    chance: NDArray[np.float64]
    how: str
    left: float


def propose(
    ground: Ground,
    known: Known,
    n: int,
    *,
    limits: Sequence[float],
    least: float = -np.inf,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Proposal:
    """Return up to `n` unmeasured networks within the budgets.

    Parameters
    ----------
    ground : Ground
    known : Known
    n : int
    limits : sequence of float
        Budgets in the core's order, inf where there is none.
    least : float
        The least accuracy of an answer, -inf where any will do.
    seed : int
    options : mapping, optional
        "first" : int, so many networks are drawn at random before a model is fitted (`LEAST`);
        "cost" : {"none", "macs", "seconds"}, what a gain is divided by;
        "columns" : dict of name to a function of rows that gives numbers, shape (n,), or to an
        array, one number for each flat index: what else is known of networks, as zero-cost scores;
        "prior" : an AccuracyPredictor of what was known before, or None;
        "among" : rows of which to choose, or None;
        "allowed" : a function of rows, which says which of them may be trained at all;
        "exponents" : of the metrics in what is maximised, their weighted product, accuracy first;
        None: accuracy alone;
        "look" : called between networks that are charged one by one: what it raises ends it all;
        "found" : called with the number of networks found so far, for who watches.

    Raises
    ------
    NothingLeft
        If no unmeasured network meets the budgets.
    """
    return _Proposing(ground, known, limits, least, seed, dict(options or {})).propose(n)


class _Proposing:
    """One call's state: what is measured, and what may be."""

    def __init__(
        self,
        ground: Ground,
        known: Known,
        limits: Sequence[float],
        least: float,
        seed: int,
        options: dict[str, Any],
    ) -> None:
        self.ground, self.known, self.limits, self.least = ground, known, list(limits), least
        self.rng = np.random.default_rng([seed, len(known), len(known.pending)])
        self.limited = list(limits_on(limits))
        self.bounds = np.array([self.limits[k] for k in self.limited])[:, None]
        self.options = options
        self.allowed: Callable[[Rows], NDArray[np.bool_]] | None = options.get("allowed")
        self.look: Callable[[], None] | None = options.get("look")
        self.told: Callable[[int], None] = options.get("found") or (lambda count: None)
        among = options.get("among")
        self.listed = None if among is None else listed(ground, among, self.allowed)
        self.all = whole(ground) if self.listed is None else self.listed
        # measured or asked for: of each network the row that stands for all that describe it
        self.held: set[tuple[int, ...]] = set()
        for rows in (known.rows, known.pending):
            self.held.update(map(tuple, self._keys(rows).tolist()))

    def propose(self, n: int) -> Proposal:
        known = self.known
        differing = len(np.unique(known.accuracy))
        first = max(LEAST, self.options.get("first") or 0)
        if len(known) < first or differing < 2:
            why = (
                f"fewer than {first} networks are trained"
                if len(known) < first
                else f"all {len(known)} accuracies are equal"
            )
            if self.options.get("columns") or self.options.get("prior") is not None:
                return self._told_before(n, why)
            return self._drawn(n, f"random: {why}")
        return self._expected(n)

    def _told_before(self, n: int, why: str) -> Proposal:
        """Return the networks of which prior or columns expect most."""
        self.encoding = encoding_of(self.ground)
        self._usual_sizes()
        rows = self.all
        if rows is None:
            drawn = [self.ground.draw(self.rng, DRAWN) for _ in range(POOL // DRAWN)]
            rows = unique(np.concatenate(drawn))
        features = self._samples(rows).features[:, self.encoding.counts :]
        found: list[Rows] = []
        for place in np.argsort(-(features * self.lean).sum(axis=1), kind="stable").tolist():
            row = rows[place][None]
            if not self._is_held(row) and self._fits(row)[0]:
                self._hold(row)
                found.append(row)
                if len(found) == n:
                    break
        if not found:
            return self._drawn(n, f"random: {why}")
        nothing = np.full(len(found), np.nan)
        how = f"what was known before expects most of them: {why}"
        return Proposal(
            np.concatenate(found), nothing, nothing, nothing, nothing, how, float("nan")
        )

    # at random

    def _drawn(self, n: int, why: str) -> Proposal:
        """Return networks drawn at random."""
        found: list[Rows] = []
        if self.all is not None:
            for place in self.rng.permutation(len(self.all)).tolist():
                row = self.all[place][None]
                if not self._is_held(row) and self._fits(row)[0]:
                    self._hold(row)
                    found.append(row)
                    if len(found) == n:
                        break
        else:
            for _ in range(PATIENCE if self.ground.tabled else PATIENCE_BUILT):
                rows = self.ground.draw(self.rng, DRAWN)
                for row in rows[self._fits(rows)][:, None]:
                    if len(found) < n and not self._is_held(row):
                        self._hold(row)
                        found.append(row)
                if len(found) == n:
                    break
        if not found and self.all is None:
            for row in self._solved(None)[:, None]:
                if not self._is_held(row):
                    self._hold(row)
                    found.append(row)
        if not found:
            raise NothingLeft(self._nothing())
        nothing = np.full(min(n, len(found)), np.nan)
        return Proposal(
            np.concatenate(found[:n]), nothing, nothing, nothing, nothing, why, float("nan")
        )

    def _nothing(self) -> str:
        if self.held and self.all is not None:
            return "nothing is left: every network within the budgets is measured or asked for"
        return "no network that is not measured yet was found within the budgets"

    def _fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows may be trained: networks within the budgets that may be asked for."""
        may = np.ones(len(rows), dtype=np.bool_)
        if self.allowed is not None:
            may &= self.allowed(rows)
        member = self.ground.is_member(rows)
        if member is not None:
            may &= member
        every = np.flatnonzero(may)
        size = len(every) if self.ground.tabled else CHARGED
        for first in range(0, len(every), max(1, size)):
            if self.look is not None:
                self.look()
            some = every[first : first + size]
            metrics = self.ground.charge(rows[some])
            fits = np.isfinite(metrics[Metric.PARAMS])
            if self.limited:
                fits &= (metrics[self.limited] <= self.bounds).all(axis=0)
            may[some] = fits
        return may

    def _may(self, pool: Rows, place: int) -> bool:
        """Return whether a row of a pool of free rows may be trained."""
        if self.ground.tabled:
            return True  # the others are not in the pool
        return bool(self._fits(pool[place][None])[0])

    # by what is expected

    def _expected(self, n: int) -> Proposal:
        self._fit()
        found: list[Rows] = []
        gains: list[Told] = []
        done = len(self.known) + len(self.known.pending)
        for number in range(n):
            row, told = self._best_of(self._pool(), greedy=(done + number) % TURNS == 0)
            if row is None:
                break
            found.append(row)
            gains.append(told)
            self._hold(row)
            self.told(number + 1)
            if number + 1 < n:
                self._imagine(row)
        if not found:
            if self.all is None:
                return self._drawn(n, "random: the model found nothing within the budgets")
            raise NothingLeft(self._nothing())
        mean, deviation, gain, chance = np.array(gains).T.copy()
        seen = (
            f"all {len(self.all):,} networks"
            if self.all is not None
            else f"{self.looked_at:,} networks, those that the exact solver proposed and their like"
        )
        how = f"expected improvement over {seen}"
        return Proposal(np.concatenate(found), mean, deviation, gain, chance, how, self.left)

    def _fit(self) -> None:
        known, ground = self.known, self.ground
        self.scale = Scale(known.accuracy)
        self.encoding = encoding_of(ground)
        self.looked_at, self.left = 0, 0.0
        self._usual_sizes()
        self.samples = self._samples(known.rows)
        targets = self.scale.targets(known.accuracy)
        noise = None
        if known.noise is not None:
            top = float(targets[np.argmax(known.accuracy)])
            noise = (known.noise / max(self.scale.slope(top), 1e-9)) ** 2
        self.process = Process(
            self.encoding, self.lean, noise, only=2 if self.sizes.told_by_values else 0
        )
        self.targets, self.noise = targets, 1.0 / known.repeats
        self.process.fit(self.samples, targets, self.noise)
        fits = self._fits(known.rows) & (known.accuracy >= self.least)
        self.best = float(targets[fits].max()) if fits.any() else float(targets.min()) - 1.0
        self.exponents: Sequence[float] | None = self.options.get("exponents")
        if self.exponents is not None:
            own = self._merit(known.rows, known.accuracy)[fits]
            self.best_merit = float(own.max()) if len(own) else -np.inf
        for row in known.pending:
            self._imagine(row[None])

    def _usual_sizes(self) -> None:
        """Find the mean and deviation of what is known of networks beside their rows."""
        columns = self.options.get("columns") or {}
        self.columns = [column_of(self.ground, name, one) for name, one in columns.items()]
        few = self.listed is not None and len(self.listed) <= DRAWN
        self.sizes = Sizes(self.ground, self.encoding, few)
        told = len(self.columns)
        leans = [LEAN / 2] * 2 if not told else [0.0, 0.0, *[LEAN_OF_COLUMNS / told] * told]
        prior = self.options.get("prior")
        if prior is not None:
            self.columns.append(expected_by(self.ground, prior))
            leans = [0.0] * len(leans) + [LEAN_OF_PRIOR]
        rows = self.ground.draw(np.random.default_rng(0), DRAWN) if self.all is None else self.all
        if len(rows) > DRAWN:
            rows = rows[np.linspace(0, len(rows) - 1, DRAWN).astype(np.int64)]
        self.usual, self.spread = usual_of(self._extra(rows))
        self.lean: Floats = np.array(leans) * np.sqrt(len(leans))
        self.told_of_all: Samples | None = None
        if self.all is not None and not self.columns:  # the same at every call
            kept = self.ground.__dict__.get("_told_of_all")
            if kept is None or kept[0] is not self.all:
                kept = self.ground.__dict__["_told_of_all"] = (self.all, self._samples(self.all))
            self.told_of_all = kept[1]

    def _extra(self, rows: Rows) -> Floats:
        parts = [self.sizes.of(rows), *[column(rows)[:, None] for column in self.columns]]
        return np.concatenate(parts, axis=1)

    def _samples(self, rows: Rows) -> Samples:
        codes = self.encoding.codes(rows)
        extra = (self._extra(rows) - self.usual) / self.spread / np.sqrt(len(self.spread))
        extra = np.clip(np.nan_to_num(extra, posinf=0.0, neginf=0.0), -FARTHEST, FARTHEST)
        return Samples(codes, np.concatenate([self.encoding.features(codes), extra], axis=1))

    def _imagine(self, row: Rows) -> None:
        """Take a network for trained, with the accuracy that is expected of it."""
        own = self._samples(row)
        mean, _ = self.process.means(own)
        self.samples = self.samples.with_those(own)
        self.targets = np.concatenate([self.targets, mean])
        self.noise = np.concatenate([self.noise, np.ones(1)])
        self.process.fit(self.samples, self.targets, self.noise, tuned=False)

    # what may be trained

    def _pool(self) -> Rows:
        """Return rows to choose from."""
        if self.all is not None:
            return self.all
        pool = [self._solved(FUNCTIONS)]
        best = np.argsort(-self.known.accuracy, kind="stable")[:FROM]
        pool.append(self.known.rows[best])
        pool.append(self.ground.draw(self.rng, DRAWN))
        rows = unique(np.concatenate(pool))
        for _ in range(CLIMBS):
            tops = self._tops(rows)
            around = neighbours(self.ground, tops, self.rng, POOL)
            rows = unique(np.concatenate([rows, around]))
            rows = unique(np.concatenate([rows[self._order(rows)[:POOL]], tops]))
        self.looked_at += len(rows)
        return rows

    def _tops(self, rows: Rows) -> Rows:
        """Return the rows of most promise within the budgets, or of most promise at all."""
        order = self._order(rows)
        if self.ground.tabled:
            return rows[order[:FROM]]  # those within the budgets come first
        found: list[int] = []
        for place in order[:WEIGHED].tolist():  # each may have to be built
            if self._fits(rows[place][None])[0]:
                found.append(place)
                if len(found) == FROM:
                    break
        return rows[found or order[:FROM]]

    def _order(self, rows: Rows) -> NDArray[np.int64]:
        """Return the order of promise of rows within the budgets."""
        fits = self._fits(rows) if self.ground.tabled else np.ones(len(rows), dtype=np.bool_)
        mean, variance = self.process.means(self._samples(rows))
        gain, _ = _improvement(mean - self.best, np.sqrt(variance))
        if self.exponents is not None and self.ground.tabled:
            gain = self._merit(rows, np.maximum(self.scale.accuracies(mean), 1e-9))
            gain -= gain[np.isfinite(gain)].min(initial=0.0)
        gain[~fits] = -1.0
        return np.argsort(-gain, kind="stable")

    def _solved(self, functions: int | None) -> Rows:
        """Return what the exact solver finds best by the mean and by drawn functions.

        functions None: by any function at all, to find a network within the budgets.
        """
        ground: Any = self.ground
        empty = np.zeros((0, len(self.ground.lengths)), dtype=np.int64)
        if not ground.tabled or ground.designs:
            return empty
        encoding = encoding_of(ground)
        own = self.known.rows[np.argsort(-self.known.accuracy, kind="stable")[:1]]
        near = self.ground.charge(own if len(own) else self.ground.draw(self.rng, 1))
        near = np.maximum(near[[Metric.MACS, Metric.PARAMS], 0], 1.0)
        solver = Solver(ground, encoding, self.limits, near)
        if functions is None:
            asked = [(self.rng.normal(size=encoding.width), np.zeros(2)) for _ in range(4)]
        else:
            asked = [self.process.values()]
            functions = max(1, min(functions, TABLES // solver.rows))
            asked += [self.process.draw(self.rng) for _ in range(functions)]
        scale = np.zeros(2)
        if functions is not None:
            scale = 1.0 / self.spread[:2] / np.sqrt(len(self.spread))
        found = [solver.best(of_values, of_sizes[:2] * scale) for of_values, of_sizes in asked]
        return np.concatenate([empty, *[row for row in found if row is not None]])

    # the best of them

    def _best_of(self, pool: Rows, greedy: bool) -> tuple[Rows | None, Told]:
        """Return the row to train next and what is told of it: a `Told`.

        It is the one with the largest expected improvement; greedy: with the largest mean.
        """
        free = self._free(pool)
        if self.ground.tabled:
            free &= self._fits(pool)  # at next to no cost for all at once
        pool = pool[free]
        if not len(pool):
            return None, (0.0, 0.0, 0.0, 0.0)
        samples = self._samples(pool) if self.told_of_all is None else self.told_of_all
        if self.told_of_all is not None:
            samples = samples.take(np.flatnonzero(free))
        mean, above = self.process.means(samples)
        place = self._most_expected(pool, samples, mean, above)
        if place is None:
            return None, (0.0, 0.0, 0.0, 0.0)
        told = self._told(samples, mean, place)
        self.left = max(self.left, told[2])
        if self.exponents is not None or self.options.get("cost", "none") != "none":
            place = self._weighed(pool, samples, mean, above, place)
            told = self._told(samples, mean, place)
        elif greedy:
            order = np.argsort(-mean, kind="stable").tolist()
            place = next(one for one in order if self._may(pool, one))
            told = self._told(samples, mean, place)
        return pool[place][None], told

    def _keys(self, rows: Rows) -> Rows:
        """Return rows of which those of one network are equal."""
        if rows is not self.all:
            return representatives(self.ground, rows)
        kept: tuple[Rows, Rows] | None = self.ground.__dict__.get("_keys_of_all")
        if kept is None or kept[0] is not rows:
            kept = self.ground.__dict__["_keys_of_all"] = (rows, representatives(self.ground, rows))
        return kept[1]

    def _is_held(self, row: Rows) -> bool:
        return tuple(self._keys(row)[0].tolist()) in self.held

    def _hold(self, row: Rows) -> None:
        self.held.add(tuple(self._keys(row)[0].tolist()))

    def _free(self, pool: Rows) -> NDArray[np.bool_]:
        """Return which rows are neither measured nor asked for."""
        lengths = self.ground.lengths.tolist()
        own = self._keys(pool)
        if prod(lengths) >= 1 << 62:
            return np.array([tuple(row) not in self.held for row in own.tolist()], dtype=np.bool_)
        steps = np.array([prod(lengths[k + 1 :]) for k in range(len(lengths))], dtype=np.int64)
        held = np.array(sorted(self.held), dtype=np.int64).reshape(-1, len(lengths))
        keys = (held * steps).sum(axis=1)
        return ~np.isin((own * steps).sum(axis=1), keys)

    def _weighed(self, pool: Rows, samples: Samples, mean: Floats, above: Floats, best: int) -> int:
        """Return the place with the largest expected improvement of the product, or for its cost.

        Of those that promise most accuracy, where costs take long to work out; of all with tables.
        """
        bound, _ = _improvement(mean - self.best, np.sqrt(above))
        some = np.argsort(-bound, kind="stable")
        if not self.ground.tabled:
            some = some[:WEIGHED]
        some = some[self._fits(pool[some])]
        if not len(some):
            return best
        deviation = np.sqrt(self.process.variances(samples.take(some)))
        if self.exponents is None:
            gain, _ = _improvement(mean[some] - self.best, deviation)
        else:
            accuracy = np.maximum(self.scale.accuracies(mean[some]), 1e-9)
            slopes = self.scale.slopes(mean[some])
            part = abs(self.exponents[Metric.SCORE]) * deviation * slopes / accuracy
            merit = self._merit(pool[some], accuracy)
            top = self.best_merit if np.isfinite(self.best_merit) else float(merit.min())
            gain, _ = _improvement(merit - top, np.maximum(part, 1e-12))
        kind = self.options.get("cost", "none")
        if kind != "none":
            gain = gain / self._cost(pool[some], kind)
        return int(some[np.argmax(gain)])

    def _merit(self, rows: Rows, accuracies: Floats) -> Floats:
        """Return the logarithm of the weighted product."""
        assert self.exponents is not None
        metrics = self.ground.charge(rows)
        total = self.exponents[Metric.SCORE] * np.log(np.maximum(accuracies, 1e-9))
        for k, exponent in enumerate(self.exponents):
            if k != Metric.SCORE and exponent:
                total = total + exponent * np.log(np.maximum(metrics[k], 1e-300))
        return np.asarray(total)

    def _cost(self, rows: Rows, kind: str) -> Floats:
        """Return what a training of each row is taken to cost, in any unit."""
        macs = np.maximum(self.ground.charge(rows)[Metric.MACS], 1.0)
        seconds = self.known.seconds
        if kind == "macs" or seconds is None:
            return np.asarray(macs)
        # a line through the logarithms of seconds by MACs: what starting costs makes it flatter
        x = np.log(np.maximum(self.ground.charge(self.known.rows)[Metric.MACS], 1.0))
        y = np.log(np.maximum(seconds, 1e-6))
        off = x - x.mean()
        slope = float((off * y).sum()) / (float((off * off).sum()) + 1e-9)
        slope = min(max(slope, 0.0), 1.5)
        return np.asarray(np.exp(y.mean() + slope * (np.log(macs) - x.mean())))

    def _most_expected(
        self, pool: Rows, samples: Samples, mean: Floats, above: Floats
    ) -> int | None:
        """Return the place with the largest expected improvement within the budgets, exactly.

        Variances are worked out in the order of a bound on the improvement, until what is found is
        above all bounds that are left. None where no row is within the budgets.
        """
        bound, _ = _improvement(mean - self.best, np.sqrt(above))
        order = np.argsort(-bound, kind="stable")
        gains = np.full(len(pool), -1.0)
        ready: list[int] = []  # whose improvement is known, and that were not looked at
        for first in range(0, len(order), AT_ONCE):
            part = order[first : first + AT_ONCE]
            deviation = np.sqrt(self.process.variances(samples.take(part)))
            gains[part], _ = _improvement(mean[part] - self.best, deviation)
            ready += part.tolist()
            last = first + AT_ONCE >= len(order)
            rest = -1.0 if last else float(bound[order[first + AT_ONCE]])
            ready.sort(key=lambda place: (-gains[place], place))
            while ready and (last or gains[ready[0]] >= rest):
                place = ready.pop(0)
                if self._may(pool, place):
                    return place
        return None

    def _told(self, samples: Samples, mean: Floats, place: int) -> Told:
        own, ahead = float(mean[place]), mean[place : place + 1] - self.best
        deviation = np.sqrt(self.process.variances(samples.take(np.array([place]))))
        gain, chance = _improvement(ahead, deviation)
        return (
            float(self.scale.accuracies(np.array([own]))[0]),
            float(deviation[0]) * self.scale.slope(own),
            float(gain[0]) * self.scale.slope(max(self.best, own)),
            float(chance[0]),
        )


def usual_of(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean and deviation of each column; infinite where it tells nothing."""
    fine = np.isfinite(values)
    count = np.maximum(fine.sum(axis=0), 1)
    own = np.where(fine, values, 0.0)
    mean = own.sum(axis=0) / count
    off = np.sqrt((np.where(fine, own - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(off > 1e-9 * (1.0 + np.abs(mean)), off, np.inf)


def _improvement(ahead: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Return the expected improvement of normal variables that are so far ahead, and its chance."""
    gain, chance = np.zeros(len(ahead)), np.zeros(len(ahead))
    core.improvement(np.ascontiguousarray(ahead), np.ascontiguousarray(deviation), gain, chance)
    return gain, chance
