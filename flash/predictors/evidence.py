"""What a fitted predictor knows of its own errors: intervals, range, report."""

from __future__ import annotations

from ..base.checks import faults, integer, number, real, shown
from ..base.record import Record
from ..errors import ArgumentError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..base.html import Part

__all__ = ["Evidence", "Report", "ReportRow", "level_of", "reach_of"]

LEVEL = 0.005  # of the test against chance
MARGIN = 0.1  # how far beyond the fitted range a single number may lie, as a share of the range


class ReportRow(Record):
    """One line of a report.

    Parameters
    ----------
    name : str
    mae : float
        Mean absolute error of accuracies in [0, 1], each network predicted by a fit without it.
    rank : float or None
        Spearman rank correlation with the accuracies: of the predictor's left-out predictions, of a
        baseline's own values. None where one of the two is constant.
    """

    name: str
    mae: float
    rank: float | None


class Report(Record):
    """How a fitted predictor does on networks that it did not see, beside simple baselines.

    Parameters
    ----------
    rows : tuple of ReportRow
        The predictor; of a grown one its additive part, "topology"; lines of log(params), log(MACs)
        and log(NN-Degree); "regression", a plain one on log(MACs), log(params) and the number of
        convolutions; the mean of the others.
    networks : int
    distinct : int
        Networks that the predictor's features tell apart; equal ones are left out together.
    chance : float or None
        How often shuffled accuracies are ranked as well by a predictor fitted to them, from 0.001
        to 1: a permutation test of 999 shuffles, of a grown predictor that of its additive part.
        None in files of older versions.
    """

    rows: tuple[ReportRow, ...]
    networks: int
    distinct: int
    chance: float | None = None

    @property
    def mae(self) -> float:
        """Leave-one-out mean absolute error of the predictor."""
        return self.rows[0].mae

    @property
    def rank(self) -> float | None:
        """Spearman rank correlation of the predictor's left-out predictions."""
        return self.rows[0].rank

    @property
    def earns_its_keep(self) -> bool:
        """Whether it ranks better, and errs less, than every baseline (but its own input), and
        than chance would: `chance` is at most 0.005."""
        return self.beats_chance and not self.better

    @property
    def beats_chance(self) -> bool:
        """Whether shuffled accuracies are hardly ever ranked as well (at most 1 in 200 times)."""
        return self.rank is not None and (self.chance is None or self.chance <= LEVEL)

    @property
    def better(self) -> tuple[str, ...]:
        """Baselines, but its own input, that rank as well or err as little."""
        own, *others = self.rows
        names = []
        for row in others:
            beaten = (
                own.rank is not None
                and own.mae < row.mae
                and own.rank > (-1.0 if row.rank is None else row.rank)
            )
            if not beaten and row.name != own.name.replace("-", "_"):
                names.append(row.name)
        return tuple(names)

    @property
    def verdict(self) -> str:
        """What is to be said of it, as "better than every baseline"."""
        if not self.beats_chance:
            times = "" if self.chance is None else f" (shuffled accuracies: p = {self.chance:.2g})"
            return f"NOT better than chance at ranking networks{times}"
        if self.better:
            do = "does" if len(self.better) == 1 else "do"
            return f"NOT better than every baseline: {', '.join(self.better)} {do} as well"
        return "better than every baseline"

    def __str__(self) -> str:
        head, rows, verdict = self._told()
        lines = [f"{name:12}{error:>10}{rank:>8}" for name, error, rank in rows]
        return "\n".join([head, *lines, verdict])

    def _parts(self) -> list[Part]:
        head, rows, verdict = self._told()
        return [head, (rows, 1, True), verdict]

    def _told(self) -> tuple[str, list[tuple[str, str, str]], str]:
        several = f" ({self.distinct} distinct)" if self.distinct != self.networks else ""
        rows = [("", "error", "rank")]
        for row in self.rows:
            rank = "-" if row.rank is None else f"{row.rank:.3f}"
            rows.append((row.name, f"{100 * row.mae:.2f} %", rank))
        return (
            f"left-out errors on {self.networks} networks{several}",
            rows,
            f"the predictor is {self.verdict}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal report."""
        rows = {row.name: {"mae": row.mae, "rank": row.rank} for row in self.rows}
        data: dict[str, Any] = {"networks": self.networks, "distinct": self.distinct, "rows": rows}
        return data if self.chance is None else {**data, "chance": self.chance}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "report") -> Report:
        """Make a report from plain data."""
        from ..base.plain import COUNT, fields, maybe, table_of, within

        row = {"mae": within(real, 0.0, 1.0), "rank": maybe(within(real, -1.01, 1.01))}
        checks = {
            "networks": COUNT,
            "distinct": within(integer, 1),
            "rows": table_of(lambda name, value: fields(name, value, row, join=".")),
        }
        checks["chance"] = within(real, 0.0, 1.0)
        given = fields(where, data, checks, optional=("chance",), join=".")
        if not given["rows"]:
            raise FormatError(f"{where}.rows must be a table of rows, got none")
        with faults():
            integer(f"{where}.networks", given["networks"], given["distinct"])
        rows = [ReportRow(name, **values) for name, values in given["rows"].items()]
        return cls(tuple(rows), given["networks"], given["distinct"], given.get("chance"))


class Evidence(Record):
    """What is kept of the fitted networks.

    Parameters
    ----------
    scores : tuple of float
        Errors of the logit of each network when left out, absolute, over the root of their
        relative variance; rising.
    centre, spread, base
        With x what the fit is linear in, ``base + (x - centre) @ spread @ (x - centre)`` is the
        variance of the fitted mean over that of the noise.
    widest : float
        The largest such variance of a fitted network, left out.
    low, high : tuple of float
        Least and greatest value of each number that a network is judged by.
    families : tuple of str
        Of the fitted architectures; empty where networks came without one.
    report : Report
    """

    scores: tuple[float, ...]
    centre: tuple[float, ...]
    spread: tuple[tuple[float, ...], ...]
    base: float
    widest: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    families: tuple[str, ...]
    report: Report

    def variance(self, x: Sequence[float]) -> float:
        """Return the variance of the fitted mean over that of the noise."""
        away = [a - b for a, b in zip(x, self.centre, strict=True)]
        total = self.base
        for value, row in zip(away, self.spread, strict=True):
            total += value * sum([a * b for a, b in zip(away, row, strict=True)])
        return max(0.0, total)

    def half_width(self, x: Sequence[float], level: float) -> float:
        """Return how far from the predicted logit an unseen network's lies, at most, so often.

        The conformal quantile of the left-out errors (jackknife), each divided by the root of its
        own variance. Levels beyond n / (n + 1) have none: there the largest error is stretched as
        Student's distribution would be.
        """
        from math import sqrt

        return reach_of(self.scores, level) * sqrt(1.0 + self.variance(x))

    def beyond(self, values: Sequence[float], x: Sequence[float]) -> bool:
        """Whether a network lies outside of what was fitted on."""
        for value, low, high in zip(values, self.low, self.high, strict=True):
            room = MARGIN * (high - low) + 1e-9 * (1.0 + abs(low) + abs(high))
            if low == high or len(values) == 1:
                if not low - room <= value <= high + room:
                    return True
            elif not low - (high - low) <= value <= high + (high - low):
                return True
        return self.variance(x) > self.widest

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal record."""
        data = dict(zip(self.field_names, self._values(), strict=True))
        data["spread"] = [list(row) for row in self.spread]
        data["report"] = self.report.to_dict()
        return {key: list(v) if isinstance(v, tuple) else v for key, v in data.items()}

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], size: int, numbers: int, where: str = "evidence"
    ) -> Evidence:
        """Make a record from plain data: `size` numbers in x, `numbers` to be judged by."""
        from ..base.plain import REAL, TEXT, list_of, made, within

        found = made(
            cls,
            where,
            data,
            {
                "scores": list_of(within(real, 0.0)),
                "centre": list_of(REAL, size),
                "spread": list_of(list_of(REAL, size), size),
                **dict.fromkeys(("base", "widest"), within(real, 0.0)),
                **dict.fromkeys(("low", "high"), list_of(REAL, numbers)),
                "families": list_of(TEXT),
                "report": lambda name, value: Report.from_dict(value, name),
            },
            join=".",
        )
        if not found.scores or list(found.scores) != sorted(found.scores):
            raise FormatError(f"{where}.scores must be rising numbers of at least 0")
        return found


def reach_of(scores: Sequence[float], level: float) -> float:
    """Return the conformal quantile of left-out errors: see `Evidence.half_width`."""
    from math import ceil

    n = len(scores)
    count = ceil((n + 1) * level - 1e-9)
    if count <= n:
        return scores[count - 1]
    from scipy.special import stdtrit

    most = stdtrit(n, 0.5 + 0.5 * level) / stdtrit(n, 0.5 + 0.5 * n / (n + 1))
    return scores[-1] * float(most)


def level_of(level: object) -> float:
    """Return a level strictly between 0 and 1."""
    value = float(number("level", level, 0.0, 1.0))
    if not 0.0 < value < 1.0:
        raise ArgumentError(f"level must be between 0 and 1, got {shown(level)}")
    return value
