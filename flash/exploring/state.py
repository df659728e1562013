"""What is asked of the explorer, as a record and as a link: budgets, weights, the front shown."""

from __future__ import annotations

from types import MappingProxyType

from ..base.checks import shown
from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = ["State", "is_budget", "written"]

LONGEST = 100_000  # characters of a link
DIGITS = 400  # of a number in one
WHOLE = 1e15  # floats below it are written as the integers that they are
NONE: Mapping[str, float] = MappingProxyType({})
KNOWN = ("source", "target", "confidence", "codesign", "front", "epsilon", "where")
WEIGHT = "weight_"
YES, NO = ("1", "true"), ("0", "false")


def is_budget(name: str) -> bool:
    """Return whether a name is that of a budget: ``max_latency_ms``, ``min_accuracy``."""
    return name.startswith(("max_", "min_")) and len(name) > len("max_")


def written(value: Any) -> str:
    """Return a number as it is written in links and commands: in full, whole ones without a point.

    Read again it is equal.
    """
    if isinstance(value, float) and value == value // 1 and abs(value) < WHOLE:
        return str(int(value))
    return repr(value)


class State(Record):
    """All that an answer of the explorer follows from, beside what it explores.

    Parameters
    ----------
    budgets : dict of str to float
        By the keywords of `flash.search`: ``{"max_latency_ms": 4.0}``; of a problem of choices by
        its metrics, ``{"max_loss": 3.0}``. "max_latency_ms@rram" holds on the target "rram" alone
        and goes before "max_latency_ms". No budget is none.
    objective : dict of str to float
        Exponents of the weighted product; of a problem of choices weights of the sum that is least.
        Empty: what the source maximises by itself, the accuracy or NN-Degree.
    confidence : float or None
        At which the budgets hold for the upper ends of the costs' intervals.
    codesign : bool
        Whether the accelerator is open to choice too.
    front : tuple of str
        The two or three objectives of the front shown; empty: the source's own choice.
    epsilon : float
        Of the front; 0 is exact.
    where : tuple of str
        Conditions beyond budgets.
    target : str
        The target whose front is shown and whose answer is exported; "" is the first.
    source : str
        The `Source.key` of what the link was made on; "" fits any.
    """

    budgets: Mapping[str, float] = NONE
    objective: Mapping[str, float] = NONE
    confidence: float | None = None
    codesign: bool = False
    front: tuple[str, ...] = ()
    epsilon: float = 0.0
    where: tuple[str, ...] = ()
    target: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        own = self.__dict__
        for name in ("budgets", "objective"):
            own[name] = dict(own[name])
        for name in ("front", "where"):
            own[name] = tuple(own[name])

    def __hash__(self) -> int:
        return hash(self.to_query())

    def budgets_on(self, target: str) -> dict[str, float]:
        """Return the budgets that hold on a target, by keyword."""
        found: dict[str, float] = {}
        for name, value in self.budgets.items():
            if "@" not in name:
                found.setdefault(name, value)
        for name, value in self.budgets.items():
            keyword, at, device = name.partition("@")
            if at and device == target:
                found[keyword] = value
        return found

    def with_budgets(self, changes: Mapping[str, float | None]) -> State:
        """Return the state with some budgets changed; None takes one away."""
        merged: dict[str, Any] = {**self.budgets, **changes}
        return self.replace(budgets={k: v for k, v in merged.items() if v is not None})

    def to_query(self) -> str:
        """Return the state as the query of a link, without the question mark.

        Numbers are written in full: `from_query` returns an equal state.
        """
        from urllib.parse import urlencode

        pairs: list[tuple[str, str]] = []
        if self.source:
            pairs.append(("source", self.source))
        pairs += [(name, written(value)) for name, value in self.budgets.items()]
        pairs += [(WEIGHT + name, written(value)) for name, value in self.objective.items()]
        if self.confidence is not None:
            pairs.append(("confidence", written(self.confidence)))
        if self.codesign:
            pairs.append(("codesign", "1"))
        pairs += [("where", one) for one in self.where]
        pairs += [("front", one) for one in self.front]
        if self.epsilon:
            pairs.append(("epsilon", written(self.epsilon)))
        if self.target:
            pairs.append(("target", self.target))
        return urlencode(pairs, safe="@,:~")

    @classmethod
    def from_query(cls, text: str) -> tuple[State, tuple[str, ...]]:
        """Return the state of a link's query, and what of it could not be read.

        A broken link raises nothing: each part that is not accepted is left out, and a message
        says which and why.
        """
        from urllib.parse import parse_qsl

        if len(text) > LONGEST:
            return cls(), (
                f"the link is longer than {LONGEST:,} characters: nothing of it is read",
            )
        try:
            pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, errors="strict")
        except (ValueError, UnicodeError) as error:
            return cls(), (f"the link cannot be read: {error}",)
        return _read(pairs)


def _read(pairs: Iterable[tuple[str, str]]) -> tuple[State, tuple[str, ...]]:
    given: dict[str, Any] = {"budgets": {}, "objective": {}, "front": [], "where": []}
    wrong: list[str] = []
    for name, text in pairs:
        try:
            if name in ("front", "where"):
                given[name].append(_text(name, text))
            elif name in ("source", "target"):
                _once(given, name, _text(name, text))
            elif name == "codesign":
                _once(given, name, _flag(name, text))
            elif name in ("confidence", "epsilon"):
                _once(given, name, _number(name, text))
            elif name.startswith(WEIGHT) and len(name) > len(WEIGHT):
                _once(given["objective"], name.removeprefix(WEIGHT), _number(name, text))
            elif is_budget(name):
                _once(given["budgets"], name, _number(name, text))
            else:
                from ..base.checks import hint

                raise ValueError(f"the link has {shown(name)}{hint(name, KNOWN)}, which is nothing")
        except ValueError as error:
            wrong.append(str(error))
    return State(**given), tuple(wrong)


def _once(kept: dict[str, Any], name: str, value: Any) -> None:
    if name in kept:
        raise ValueError(f"the link has {shown(name)} twice: the first holds")
    kept[name] = value


def _text(name: str, text: str) -> str:
    if not text.strip():
        raise ValueError(f"{name} of the link is empty")
    return text


def _flag(name: str, text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValueError(f"{name} of the link must be 1 or 0, got {shown(text)}")
    return text.lower() in YES


def _number(name: str, text: str) -> float:
    """Return a finite number: an integer where it is written as one."""
    if len(text) <= DIGITS:
        for kind in (int, float):
            try:
                value = kind(text)
                if "_" not in text and value - value == 0:
                    return value
            except (ValueError, OverflowError):
                continue
    raise ValueError(f"{name} of the link must be a number, got {shown(text)}")
