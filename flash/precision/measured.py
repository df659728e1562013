"""What `flash.best_measured` gives: choices of bits in the order of their losses."""

from __future__ import annotations

import os

from ..base.checks import integer, json_text, public
from ..base.plain import (
    AMOUNT,
    COUNT,
    REAL,
    Check,
    list_of,
    made,
    maybe,
    parsed,
    part,
    table_of,
    within,
)
from ..base.record import Record, Reported
from ..errors import ArgumentError
from .choices import MOST_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pandas import DataFrame

    from ..base.html import Part
    from ..base.pages import Section

__all__ = ["MeasuredChoice", "MeasuredChoices"]

FORMAT = 1
SHOWN = 10  # choices on a screen


class MeasuredChoice(Record):
    """One choice of bits, measured as a whole.

    Parameters
    ----------
    choices : dict of str to int
        Bits of the layers that have some.
    loss : float
        By how much the loss grows over that of the module as it was.
    error : float or None
        Its standard error over the samples; None where there was one alone.
    place : int
        Which of the candidates it was, from 0.
    """

    choices: dict[str, int]
    loss: float
    error: float | None
    place: int

    def __hash__(self) -> int:
        return hash((tuple(self.choices.items()), self.loss, self.place))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(zip(self.field_names, self._values(), strict=True))


CHOICE: dict[str, Check] = {
    "choices": table_of(within(integer, 1, MOST_BITS)),
    "loss": REAL,
    "error": maybe(AMOUNT),
    "place": COUNT,
}
CHECKS: dict[str, Check] = {
    **dict.fromkeys(("base_loss", "gain"), REAL),
    "samples": COUNT,
    "rows": list_of(part(MeasuredChoice, CHOICE)),
    "gain_error": maybe(AMOUNT),
    "elapsed_s": AMOUNT,
}


@public
class MeasuredChoices(Record, Reported):
    """Choices of bits in the order of their measured losses; see `flash.best_measured`.

    Parameters
    ----------
    base_loss : float
        The mean over the data, of the module as it was.
    samples : int
        Samples of the data.
    rows : tuple of MeasuredChoice
        The best first; of equal ones that which came first.
    gain : float
        How much less the best loses than the first candidate.
    gain_error : float or None
        Its standard error over the samples.
    elapsed_s : float
    """

    base_loss: float
    samples: int
    rows: tuple[MeasuredChoice, ...]
    gain: float
    gain_error: float | None
    elapsed_s: float = 0.0

    def __post_init__(self) -> None:
        losses = [row.loss for row in self.rows]
        if not losses or losses != sorted(losses):
            raise ArgumentError("rows must hold a choice, in the order of their losses")

    def __hash__(self) -> int:
        return hash((self.base_loss, self.samples, *(row.loss for row in self.rows)))

    @property
    def choices(self) -> dict[str, int]:
        """The bits of the best."""
        return dict(self.rows[0].choices)

    @property
    def loss(self) -> float:
        """By how much the loss grows with the best."""
        return self.rows[0].loss

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal record."""
        own = dict(zip(self.field_names, self._values(), strict=True))
        own["rows"] = [row.to_dict() for row in self.rows]
        return {"format": FORMAT, **own}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MeasuredChoices:
        """Make a record from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        return made(cls, "the measured choices", data, CHECKS, version=FORMAT)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the record as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> MeasuredChoices:
        """Read a record from JSON text (it starts with a brace) or from a file."""
        return cls.from_dict(parsed(source, "the measured choices"))

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame: a row for each choice, the best first, a column a layer."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        rows = [
            {"place": row.place, "loss": row.loss, "error": row.error, **row.choices}
            for row in self.rows
        ]
        frame: DataFrame = pandas.DataFrame(rows)
        return frame

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _title(self) -> str:
        return f"{len(self.rows)} measured choices of bits"

    def _sections(self) -> list[Section]:
        from .page import of_measured

        return of_measured(self)

    def _parts(self) -> list[Part]:
        from ..results.screen import duration

        rows: list[Any] = [["candidate", "loss", "bits"]]
        for one in self.rows[:SHOWN]:
            bits = " ".join(map(str, one.choices.values()))
            rows.append([str(one.place), f"{one.loss:+.4g}", bits if len(bits) < 60 else bits[:57]])
        more = len(self.rows) - SHOWN
        gain = f"{self.gain:.3g}" + ("" if self.gain_error is None else f" ± {self.gain_error:.2g}")
        return [
            f"{len(self.rows)} choices of bits measured on {self.samples:,} samples, loss "
            f"{self.base_loss:.4g} before",
            "",
            (rows, 1, True),
            *([f"and {more} more"] if more > 0 else []),
            "",
            f"the best loses {gain} less than candidate 0; {duration(self.elapsed_s)}",
        ]
