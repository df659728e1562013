"""Sets of choices of a search space: a `Range`, or a tuple of explicit values.

Both have a length and are indexed by choice number; a range is never spelled out.
"""

from __future__ import annotations

from ..base.checks import integer, known_keys, number, public, shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from ..base.html import Part

    Choices: TypeAlias = "tuple[Any, ...] | Range"
    # What users give for a variable, and for one of each cell.
    Given: TypeAlias = "float | Sequence[float] | Range | NDArray[Any] | Mapping[str, Any]"
    PerCell: TypeAlias = "Given | Sequence[Given]"

__all__ = [
    "MAX_CHOICES",
    "Range",
    "cap_at",
    "cap_index",
    "caps",
    "index_of",
    "largest",
    "parse",
    "per_cell",
    "plain",
    "range_of",
    "values",
]

MAX_CHOICES = 1 << 20


@public
class Range(Record):
    """The values low, low + step, ... up to high, both ends included.

    Parameters
    ----------
    low, high : int or float
        ``low <= high``; high itself is a value only if the step meets it.
    step : int or float, default 1
        Above 0.
    unit : str, optional
        ``"width/N"``, for skips only: value j then stands for ``j * ceil(width / N)`` channels.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the range is empty or reversed, or has more than 2**20 values.
    """

    low: float
    high: float
    step: float = 1
    unit: str | None = None

    def __post_init__(self) -> None:
        state = self.__dict__
        for name in ("low", "high", "step"):
            state[name] = number(f"{name} of a Range", state[name])
        if self.step <= 0:
            raise ArgumentError(f"step of a Range must be above 0, got {shown(self.step)}")
        if self.high < self.low:
            raise ArgumentError(
                f"high of a Range must be at least low, got low={shown(self.low)}, "
                f"high={shown(self.high)}"
            )
        if self.unit is not None:
            _divisor(self.unit)
        if self._is_whole():
            count = (self.high - self.low) // self.step + 1
        else:
            # The slack lets high count where rounding leaves it a hair above the last step.
            count = (self.high - self.low) / self.step + 1 + 1e-9
        if not count < MAX_CHOICES + 1:
            raise ArgumentError(
                f"a Range must have at most {MAX_CHOICES} values, got low={shown(self.low)}, "
                f"high={shown(self.high)}, step={shown(self.step)}"
            )
        state["_count"] = int(count)

    def _is_whole(self) -> bool:
        return type(self.low) is type(self.high) is type(self.step) is int

    def __len__(self) -> int:
        return self.__dict__["_count"]  # type: ignore[no-any-return]

    def __getitem__(self, index: int) -> float:
        if not 0 <= index < len(self):
            raise IndexError(index)
        value = self.low + index * self.step
        return value if self._is_whole() else round(value, 12)

    def __iter__(self) -> Iterator[float]:
        return map(self.__getitem__, range(len(self)))

    def __contains__(self, value: object) -> bool:
        return index_of(self, value) is not None

    def __repr__(self) -> str:
        text = f"Range({self.low!r}, {self.high!r}"
        text += f", step={self.step!r}" if self.step != 1 else ""
        return text + (f", unit={self.unit!r})" if self.unit is not None else ")")

    def _parts(self) -> list[Part]:
        from ..base.html import told

        first = ", ".join(told(self[k]) for k in range(min(len(self), 12)))
        more = ", ..." if len(self) > 12 else ""
        unit = "" if self.unit is None else f", of {self.unit} channels"
        ends = f"{told(self.low)} to {told(self.high)}{unit}"
        return [f"Range: {ends}", ([[f"{len(self):,} values", first + more]], 2, False)]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data, without those that have their default."""
        data: dict[str, Any] = {"low": self.low, "high": self.high}
        if self.step != 1:
            data["step"] = self.step
        if self.unit is not None:
            data["unit"] = self.unit
        return data


def _divisor(unit: object) -> int:
    if not isinstance(unit, str):
        raise ArgumentTypeError(f"unit of a Range must be 'width/N' or None, got {shown(unit)}")
    digits = unit[6:]
    if unit[:6] != "width/" or not digits.isascii() or not digits.isdigit() or len(digits) > 7:
        raise ArgumentError(f"unit of a Range must be 'width/N' with N >= 1, got {shown(unit)}")
    if int(digits) < 1:
        raise ArgumentError(f"unit of a Range must be 'width/N' with N >= 1, got {shown(unit)}")
    return int(digits)


def index_of(choices: Choices, value: Any) -> int | None:
    """Return the number of the first choice equal to `value`, or None."""
    if isinstance(choices, tuple):
        return choices.index(value) if value in choices else None
    try:
        guess = round((value - choices.low) / choices.step)
    except (TypeError, ValueError, OverflowError):
        return None
    return guess if 0 <= guess < len(choices) and choices[guess] == value else None


def cap_at(choices: Choices, index: int, width: int, addition: bool) -> int:
    """Return the channels that a choice of skips stands for in a cell of a given width."""
    value = int(choices[index])
    if isinstance(choices, Range) and choices.unit is not None:
        value *= -(-width // _divisor(choices.unit))
    return min(value, width) if addition else value


def cap_index(choices: Choices, value: int, width: int, addition: bool) -> int | None:
    """Return the first choice of skips that stands for `value` channels, or None."""
    if isinstance(choices, tuple):
        for index in range(len(choices)):
            if cap_at(choices, index, width, addition) == value:
                return index
        return None
    unit = 1 if choices.unit is None else -(-width // _divisor(choices.unit))
    if value % unit == 0 and not (addition and value >= width):
        return index_of(choices, value // unit)
    if addition and value == width:  # every choice from here on saturates: take the first
        least = -(-width // unit)
        index = max(0, -int((choices.low - least) // choices.step))
        return index if index < len(choices) else None
    return None


def _is_number(value: object) -> bool:
    return hasattr(value, "__index__") or (
        hasattr(value, "__float__") and not hasattr(value, "__len__")
    )


def _as_list(value: Any) -> Any:
    """Turn a numpy array or a Python range into a list; leave all else."""
    if isinstance(value, Range):  # asking for what it lacks would load how that is told
        return value
    if isinstance(value, range):
        if len(value) > MAX_CHOICES:
            raise ArgumentError(f"a range must have at most {MAX_CHOICES} values, got {value!r}")
        return list(value)
    if hasattr(value, "tolist") and hasattr(value, "__len__"):
        return value.tolist()
    return value


def parse(
    name: str,
    value: Any,
    low: int = 1,
    high: int = MAX_CHOICES,
    *,
    above: float | None = None,
    unit: bool = False,
    odd: bool = False,
) -> Choices:
    """Return what a user gave for a variable as a tuple of values or a `Range`.

    Parameters
    ----------
    low, high
        Limits of integer values; `above` instead of low: any number above it.
    unit
        Whether a Range may have a unit.
    odd
        Whether values must be odd.

    Raises
    ------
    FormatError, ArgumentError, ArgumentTypeError
        If there is no choice, one twice, too many, or one that is not accepted.
    """
    value = _as_list(value)
    if not isinstance(value, Range) and hasattr(value, "keys"):
        value = range_of(name, value)
    checked: list[float] = []
    for one in _ends(name, value, above is None, unit):
        if above is None:
            checked.append(integer(name, one, low, high))
        else:
            checked.append(number(name, one, above=above, high=high))
        if odd and checked[-1] % 2 == 0:
            raise ArgumentError(f"{name} must be odd, got {shown(one)}")
    if isinstance(value, Range):
        if odd and len(value) > 1 and value.step % 2:
            raise ArgumentError(f"{name} must be odd: a Range of them has an even step")
        return value
    if len(set(checked)) < len(checked):
        twice = next(one for one in checked if checked.count(one) > 1)
        raise ArgumentError(f"{name} must hold each choice once, got {shown(twice)} twice")
    return tuple(checked)


def range_of(name: str, table: Any) -> Range:
    """Return the range of a table, as files hold it."""
    known_keys(name, table, Range.field_names)
    try:
        return Range(**table)
    except (ArgumentError, ArgumentTypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def _ends(name: str, value: Any, whole: bool, unit: bool) -> tuple[Any, ...]:
    """Return the values to be checked: all that are listed, of a Range its ends."""
    if isinstance(value, Range):
        if value.unit is not None and not unit:
            raise ArgumentError(f"{name} takes no unit (only skips do), got {value!r}")
        if whole and not value._is_whole():
            raise ArgumentTypeError(f"{name} must be integers, got {value!r}")
        return (value[0], value[len(value) - 1])
    if isinstance(value, (list, tuple)):
        if not 1 <= len(value) <= MAX_CHOICES:
            raise ArgumentError(f"{name} must be 1 to {MAX_CHOICES} choices, got {len(value)}")
        return tuple(value)
    if _is_number(value):
        return (value,)
    raise ArgumentTypeError(
        f"{name} must be a number, a list of numbers or a Range, "
        f"got {shown(value)} ({type(value).__name__}){_spelt(value)}"
    )


def _spelt(value: Any) -> str:
    """Return how a file and Python spell a range that is given as the command line has it."""
    body, _, divisor = value.partition("@") if isinstance(value, str) else ("", "", "")
    parts = body.split(":")
    numbers = [*parts, divisor] if divisor else parts
    if not 2 <= len(parts) <= 3 or not all(one.replace(".", "", 1).isdigit() for one in numbers):
        return ""
    fields: dict[str, str] = dict(zip(("low", "high", "step"), parts, strict=False))
    if divisor:
        fields["unit"] = f'"width/{divisor}"'
    table = ", ".join(f"{name} = {one}" for name, one in fields.items())
    call = ", ".join(one if name != "unit" else f"unit={one}" for name, one in fields.items())
    json = table.replace(" = ", '": ').replace(", ", ', "')
    return f'; write {{{table}}} (JSON: {{"{json}}}), in Python Range({call})'


def per_cell(name: str, value: Any, cells: int, **limits: Any) -> tuple[Choices, ...]:
    """Return the choices of every cell.

    A tuple has one entry per cell; so has a list that holds anything but numbers. All else is for
    every cell alike.
    """
    value = _as_list(value)
    mixed = isinstance(value, list) and not all(map(_is_number, value))
    if isinstance(value, tuple) or mixed:
        if len(value) != cells:
            raise ArgumentError(
                f"{name} must have one entry per cell ({cells}), got {len(value)}; "
                f"a list of numbers is the choices of every cell"
            )
        return tuple(parse(f"{name}[{cell}]", one, **limits) for cell, one in enumerate(value))
    return (parse(name, value, **limits),) * cells


def caps(choices: Choices, width: int, addition: bool) -> tuple[int, ...]:
    """Return what `cap_at` gives for every choice."""
    if isinstance(choices, tuple):
        return tuple([min(one, width) for one in choices]) if addition else choices
    unit = 1 if choices.unit is None else -(-width // _divisor(choices.unit))
    low, step = int(choices.low) * unit, int(choices.step) * unit
    spelt = range(low, low + step * len(choices), step)
    return tuple([min(one, width) for one in spelt]) if addition else tuple(spelt)


def values(choices: Choices) -> tuple[int, ...]:
    """Return every value of choices that are integers."""
    if isinstance(choices, tuple):
        return choices
    return tuple(range(int(choices.low), int(choices.high) + 1, int(choices.step)))


def largest(choices: Choices) -> Any:
    """Return the greatest value."""
    return max(choices) if isinstance(choices, tuple) else choices[len(choices) - 1]


def plain(choices: Choices) -> Any:
    """Return choices as plain data that `parse` reads back."""
    return choices.to_dict() if isinstance(choices, Range) else list(choices)
