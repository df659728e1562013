"""How rows of choice indices are told to a model: what is alike in them, and how much.

A variable is ordered (depths, widths: neighbours mean nearly the same) or not (operations).
Variables of one kind mean the same in several places, as the operations of a cell's edges do; how
often each value of a kind occurs is told too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from .._core.gaussian import process as core
from ..base.names import Metric
from ..errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..predictors.predictor import AccuracyPredictor
    from ..solving.ground import Ground

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Codes = NDArray[np.int32]

__all__ = [
    "Encoding",
    "Sizes",
    "column_of",
    "encoding_of",
    "expected_by",
    "hats",
    "root_of",
    "solved",
]

KNOTS = 6  # of the hat functions that stand for a long list of ordered choices
BUILT = 64  # networks that are built, where there are no tables


class Encoding:
    """What a model sees of rows.

    Parameters
    ----------
    lengths : sequence of int
        Choices of each variable.
    ordered : sequence of bool
        Whether a variable's choices are ordered.
    kinds : sequence of hashable
        Equal for variables that mean the same.

    Attributes
    ----------
    width : int
        Values of all variables: codes are below it.
    counts : int
        Features that count how often values occur.
    basis : float64 array, shape (width, counts)
        What each value adds to them.
    gaps : list of float64 arrays
        Of each variable the distances of its values, from 0 to 1, shape (length, length).
    roots : list of float64 arrays
        Roots of what values have in common, 1 less their distance: L, with L L' that.
    """

    def __init__(
        self, lengths: Sequence[int], ordered: Sequence[bool], kinds: Sequence[object]
    ) -> None:
        self.lengths: tuple[int, ...] = tuple(int(length) for length in lengths)
        self.ordered: tuple[bool, ...] = tuple(bool(one) for one in ordered)
        self.first: Rows = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self.width: int = int(self.first[-1])
        self.gaps: list[Floats] = [
            _gaps(length, order) for length, order in zip(self.lengths, self.ordered, strict=True)
        ]
        made: dict[tuple[int, bool], Floats] = {}
        for key, gaps in zip(zip(self.lengths, self.ordered, strict=True), self.gaps, strict=True):
            if key not in made:
                made[key] = root_of(1.0 - gaps, np.full(len(gaps), 1e-9))
        keys = zip(self.lengths, self.ordered, strict=True)
        self.roots: list[Floats] = [made[key] for key in keys]
        self._count(list(kinds))

    def _count(self, kinds: list[object]) -> None:
        """Find the kinds of several variables, and what counts their values."""
        shared = [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1]
        parts: list[tuple[list[int], Floats]] = []
        for kind in shared:
            members = [j for j, own in enumerate(kinds) if own == kind]
            length, order = self.lengths[members[0]], self.ordered[members[0]]
            if length > 1:
                parts.append((members, hats(length) if order else np.eye(length)))
        self.counts: int = sum(part.shape[1] for _, part in parts)
        self.basis: Floats = np.zeros((self.width, self.counts))
        at = 0
        for members, part in parts:
            for j in members:
                self.basis[self.first[j] : self.first[j + 1], at : at + part.shape[1]] = part
            at += part.shape[1]
        # centred and scaled: of random rows the counts have length 1 on average
        usual = np.zeros(self.counts)
        spread = 0.0
        for first, last in zip(self.first[:-1], self.first[1:], strict=True):
            own = self.basis[first:last]
            usual += own.mean(axis=0)
            spread += float(own.var(axis=0).sum())
        scale = 1.0 / np.sqrt(spread) if spread > 0.0 else 1.0
        self.basis *= scale
        self.usual: Floats = usual * scale

    def codes(self, rows: Rows) -> Codes:
        """Return the number of each value among all variables' values, shape (n, variables)."""
        return np.ascontiguousarray(rows + self.first[:-1], dtype=np.int32)

    def features(self, codes: Codes) -> Floats:
        """Return how often values occur in rows, centred and scaled, shape (n, counts)."""
        found = np.zeros((len(codes), self.counts))
        if self.counts:
            for column in codes.T:
                found += self.basis[column]
            found -= self.usual
        return found


def root_of(matrix: Floats, room: Floats) -> Floats:
    """Return a lower triangle L with L L' a matrix with so much more on its diagonal."""
    own = np.array(matrix, dtype=np.float64, order="C")
    while True:
        found = own.copy()
        found[np.arange(len(own)), np.arange(len(own))] += room
        if np.isfinite(core.factor(found)):
            return np.tril(found)
        room = 10.0 * room


def solved(root: Floats, right: Floats) -> Floats:
    """Return the inverse of L L' times each row, shape (rows, n); right: shape (rows, n)."""
    own = np.array(right, dtype=np.float64, order="C")
    core.forward(root, own)
    for i in range(len(root) - 1, -1, -1):
        own[:, i] = (own[:, i] - (root[i + 1 :, i] * own[:, i + 1 :]).sum(axis=1)) / root[i, i]
    return own


def _gaps(length: int, ordered: bool) -> Floats:
    if not ordered or length < 3:
        return np.asarray(1.0 - np.eye(length))
    place = np.arange(length) / (length - 1)
    return np.asarray(np.abs(place[:, None] - place[None]))


def hats(size: int) -> Floats:
    """Return hat functions at evenly spaced knots, of each of `size` values."""
    if size <= KNOTS:
        return np.eye(size)
    place = np.arange(size) * ((KNOTS - 1) / (size - 1))
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(KNOTS))))


def encoding_of(ground: Ground) -> Encoding:
    """Return the encoding of a ground's rows, kept with the ground.

    What is ordered, a space says (`ordered`); of the families all variables are. Variables are of a
    kind if they have as many choices and their names differ in digits alone.
    """
    kept = ground.__dict__.get("_encoding")
    if kept is not None:
        return kept  # type: ignore[no-any-return]
    space = ground.space
    names = space.variables
    told = getattr(space, "ordered", ())
    if len(told) != len(ground.lengths):
        told = [_is_ordered(name, ground) for name in names]
    stems = [re.sub(r"\d+", "", name) for name in names]
    kinds = list(zip(stems, ground.lengths.tolist(), told, strict=True))
    found = Encoding(ground.lengths.tolist(), told, kinds)
    ground.__dict__["_encoding"] = found
    return found


def _is_ordered(name: str, ground: Ground) -> bool:
    if not ground.tabled:
        return False
    if getattr(ground.space, "numbering", None) is None:
        return True
    return name.startswith(("depth", "width", "input", "repeats"))


def sizes_of(metrics: Floats) -> Floats:
    """Return logarithms of MACs and parameters, shape (n, 2)."""
    own = metrics[[Metric.MACS, Metric.PARAMS]]
    return np.asarray(np.log(np.maximum(own, 1.0)).T)


class Sizes:
    """Logarithms of MACs and parameters of rows, where they cost next to nothing.

    Of a space with tables they are what the tables say. Of another, whose networks take
    milliseconds each to build, some are built, and a regression on rows' values tells the others:
    a number of its own kind, which is all that a model needs. It is kept with the space.

    Parameters
    ----------
    ground : Ground
    encoding : Encoding
    exact : bool, default False
        Build each: there are few.
    """

    def __init__(self, ground: Ground, encoding: Encoding, exact: bool = False) -> None:
        self.ground, self.encoding = ground, encoding
        self.told: Floats | None = None
        if ground.tabled or exact:
            return
        kept = ground.space.__dict__.get("_sizes")
        if kept is None:
            kept = ground.space.__dict__["_sizes"] = self._regression()
        self.told = kept

    def _regression(self) -> Floats:
        """Return what each value adds to the two logarithms, shape (width + 1, 2)."""
        rows = np.unique(self.ground.draw(np.random.default_rng(0), BUILT), axis=0)
        metrics = self.ground.charge(rows)
        fits = np.isfinite(metrics[[Metric.MACS, Metric.PARAMS]]).all(axis=0)
        nothing = np.zeros((self.encoding.width + 1, 2))
        if fits.sum() < 8:
            return nothing
        own = sizes_of(metrics[:, fits])
        nothing[-1] = own.mean(axis=0)
        codes = self.encoding.codes(rows[fits])
        x = np.zeros((len(codes), self.encoding.width + self.encoding.counts))
        for column in codes.T:
            x[np.arange(len(codes)), column] = 0.5
        x[:, self.encoding.width :] = self.encoding.features(codes) * len(self.encoding.lengths)
        # sums in one order, whatever a BLAS does: the answer is the same for any number of threads
        gram = (x[:, None] * x[None]).sum(axis=-1)
        root = root_of(gram, np.full(len(x), 0.1))
        alpha = np.ascontiguousarray(solved(root, (own - nothing[-1]).T).T)
        weights = (x[:, :, None] * alpha[:, None]).sum(axis=0)
        nothing[:-1] = 0.5 * weights[: self.encoding.width]
        each = len(self.encoding.lengths) * weights[self.encoding.width :]
        nothing[:-1] += (self.encoding.basis[:, :, None] * each).sum(axis=1)
        nothing[-1] -= (self.encoding.usual[:, None] * each).sum(axis=0)
        return nothing

    @property
    def told_by_values(self) -> bool:
        """Whether they are a regression on rows' values, of which a model learns nothing new."""
        return self.told is not None

    def of(self, rows: Rows) -> Floats:
        """Return the logarithms of MACs and parameters, shape (n, 2)."""
        if self.told is None:
            return sizes_of(self.ground.charge(rows))
        found = np.tile(self.told[-1], (len(rows), 1))
        for column in self.encoding.codes(rows).T:
            found += self.told[column]
        return found


def column_of(ground: Ground, name: str, given: Any) -> Callable[[Rows], Floats]:
    """Return the function of rows that a column stands for.

    Parameters
    ----------
    ground : Ground
    name : str
        For errors.
    given : function of rows, or array
        An array has a number for each flat index.

    Raises
    ------
    ArgumentError
        If it has other than one number for each; NaN stands for one that is not known.
    """
    if callable(given):

        def told(rows: Rows) -> Floats:
            found = np.asarray(given(rows), dtype=np.float64)
            if found.shape != (len(rows),):
                raise ArgumentError(
                    f"columns[{name!r}] must give one number for each row, got shape {found.shape} "
                    f"for {len(rows)} rows"
                )
            return found

        return told
    values = np.asarray(given, dtype=np.float64)
    space = ground.space
    if values.shape != (space.size,):
        raise ArgumentError(
            f"columns[{name!r}] must have one number for each of the {space.size:,} flat indices, "
            f"got shape {values.shape}"
        )

    def looked_up(rows: Rows) -> Floats:
        return values[[space.index(row) for row in rows.tolist()]]

    return looked_up


def expected_by(ground: Ground, predictor: AccuracyPredictor) -> Callable[[Rows], Floats]:
    """Return a function of rows that gives a predictor's logit of their accuracy."""
    from ..solving.ground import TableGround

    if isinstance(ground, TableGround):
        scored = TableGround(ground.space, ground.target, predictor)

        def of_tables(rows: Rows) -> Floats:
            accuracy = np.clip(scored.charge(rows)[Metric.SCORE], 1e-6, 1.0 - 1e-6)
            return np.asarray(np.log(accuracy / (1.0 - accuracy)))

        return of_tables
    kept: dict[tuple[int, ...], float] = {}

    def one_by_one(rows: Rows) -> Floats:
        found = []
        for row in map(tuple, rows.tolist()):
            if row not in kept:
                net = ground.space.network(row)
                accuracy = float("nan") if net is None else predictor.predict_one(net)
                kept[row] = min(max(accuracy, 1e-6), 1.0 - 1e-6)
            found.append(kept[row])
        likely = np.array(found)
        return np.asarray(np.log(likely / (1.0 - likely)))

    return one_by_one
