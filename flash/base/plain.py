"""Plain data read back: a table of keys and what each may hold, for all that is read.

A *check* takes a name and a value, returns the value as its object keeps it, and raises an error
that begins with the name (see `checks`). The functions here make checks of checks, and read tables
by them: every fault is a `FormatError` that says where.
"""

from __future__ import annotations

from ..errors import ArgumentError, ArgumentTypeError, FormatError
from .checks import choice, faults, flag, integer, known_keys, parse_json, read_text, real, shown
from .checks import number as any_number
from .checks import table as any_table
from .checks import text as any_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Container, Iterable, Mapping
    from typing import Any, TypeVar

    from .record import Record

    Made = TypeVar("Made", bound=Record)
    Check = Callable[[str, Any], Any]
else:
    Check = None  # a type, which modules import beside the rest

__all__ = [
    "AMOUNT",
    "ANY",
    "COUNT",
    "FLAG",
    "NUMBER",
    "POSITIVE",
    "REAL",
    "TABLE",
    "TEXT",
    "by",
    "fields",
    "list_of",
    "made",
    "maybe",
    "one_of",
    "parsed",
    "part",
    "plain",
    "row_of",
    "table_of",
    "within",
]


# Checks of checks


def within(check: Callable[..., Any], *limits: Any, **more: Any) -> Check:
    """Return a check with limits: ``within(integer, 0, 9)``."""
    return lambda name, value: check(name, value, *limits, **more)


def maybe(check: Check) -> Check:
    """Return a check that accepts None too."""
    return lambda name, value: None if value is None else check(name, value)


def one_of(accepted: Iterable[str]) -> Check:
    """Return a check of names."""
    return within(choice, tuple(accepted))


def by(reader: Callable[[Any], Any]) -> Check:
    """Return a check that a reader of its own does, such as ``SearchSpace.from_dict``."""
    return lambda name, value: reader(value)


def part(cls: type[Made], checks: Mapping[str, Check]) -> Check:
    """Return a check of a table that is a record: see `made`."""
    return lambda name, value: made(cls, name, value, checks, join=".")


def list_of(check: Check, length: int | None = None) -> Check:
    """Return a check of lists, which become tuples."""

    def checked(name: str, value: Any) -> tuple[Any, ...]:
        many = "" if length is None else f" of {length}"
        if not isinstance(value, (list, tuple)) or (length is not None and len(value) != length):
            raise ArgumentTypeError(f"{name} must be a list{many}, got {shown(value)}")
        return tuple([check(f"{name}[{n}]", one) for n, one in enumerate(value)])

    return checked


def row_of(*checks: Check) -> Check:
    """Return a check of lists with one value for each check."""

    def checked(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or len(value) != len(checks):
            raise ArgumentTypeError(f"{name} must be a list of {len(checks)}, got {shown(value)}")
        both = zip(checks, value, strict=True)
        return tuple([check(f"{name}[{n}]", one) for n, (check, one) in enumerate(both)])

    return checked


def table_of(check: Check, accepted: Iterable[str] | None = None) -> Check:
    """Return a check of tables whose keys are names, or some of the accepted ones."""
    keys = None if accepted is None else tuple(accepted)

    def checked(name: str, value: Any) -> dict[str, Any]:
        given = any_table(name, value, keys)
        return {any_text(name, key): check(f"{name}.{key}", given[key]) for key in given}

    return checked


DEEPEST = 32  # tables and lists within each other


def plain(name: str, value: Any, depth: int = 0) -> Any:
    """Accept what JSON has: tables and lists of text, finite numbers, true, false and null."""
    if depth > DEEPEST:
        raise ArgumentTypeError(f"{name} is nested too deeply")
    if isinstance(value, dict):
        for key, one in value.items():
            plain(f"{name}.{any_text(name, key)}", one, depth + 1)
    elif isinstance(value, (list, tuple)):
        for one in value:
            plain(name, one, depth + 1)
    elif value is not None and not isinstance(value, (str, bool)):
        any_number(name, value)
    return value


def whole(name: str, value: Any) -> int:
    """Accept an integer from 0 that 64 bits hold."""
    found = integer(name, value, 0)
    if found >> 64:
        raise ArgumentError(f"{name} must be an integer that 64 bits hold, got {shown(value)}")
    return found


def ANY(name: str, value: Any) -> Any:
    """Accept anything: what reads it knows more."""
    return value


TEXT: Check = any_text
FLAG: Check = flag
TABLE: Check = any_table
NUMBER: Check = any_number  # stays an integer where it is one
REAL: Check = real
AMOUNT = within(any_number, 0)
POSITIVE = within(any_number, above=0)
COUNT: Check = whole


# Reading


def fields(
    where: str,
    data: Any,
    checks: Mapping[str, Check],
    *,
    optional: Container[str] = (),
    also: Iterable[str] = (),
    version: int | None = None,
    join: str = ": ",
) -> dict[str, Any]:
    """Return the values of a table, checked.

    Parameters
    ----------
    where : str
        What the table is, for errors: "the front".
    data : mapping
    checks : dict of str to check
        The keys that there are.
    optional : names
        Those that may be missing.
    also : names
        Keys for other readers, which follow from the rest: nothing is read of them.
    version : int, optional
        What the key "format" must be, where the table has one.
    join : str
        What stands between `where` and a key in errors: "." where the table is a part of another.

    Raises
    ------
    FormatError
        If a key is unknown or missing, or a value not accepted.
    """
    head = () if version is None else ("format",)
    known_keys(where, data, (*head, *checks, *also))
    for key in (*head, *checks):
        if key not in data and key not in optional:
            raise FormatError(f"{where} lacks the key {key!r}")
    if version is not None and (type(data["format"]) is bool or data["format"] != version):
        raise FormatError(f"{where} has format {shown(data['format'])}; this flash reads {version}")
    with faults():
        return {
            key: check(f"{where}{join}{key}", data[key])
            for key, check in checks.items()
            if key in data
        }


def made(
    cls: type[Made],
    where: str,
    data: Any,
    checks: Mapping[str, Check],
    *,
    also: Iterable[str] = (),
    version: int | None = None,
    join: str = ": ",
) -> Made:
    """Return a record of a table, checked by `fields`, and then by the record itself.

    Fields with a default may be missing.
    """
    given = fields(
        where, data, checks, optional=cls._defaults, also=also, version=version, join=join
    )
    with faults(where):
        return cls(**given)


def parsed(source: str | os.PathLike[str], what: str, opening: str = "{") -> Any:
    """Return the data of JSON text, or of a JSON file.

    Parameters
    ----------
    source : str or path
        It is text where it starts with `opening`.
    what : str
        What the file is, for errors: "the result file".
    """
    if isinstance(source, str) and source.lstrip().startswith(opening):
        return parse_json(source)
    return parse_json(read_text(source, what), f"{what} {shown(str(source))}")
