"""What objects show of themselves as HTML: text and tables, nothing from outside.

A *part* of a page is a line of text, or (rows, left, head) or (rows, left, head, foot): cells of
which the first `left` columns are aligned to the left and all others to the right; with `head` the
first row holds titles, and the last `foot` rows are totals. A row that is a text spans all columns.
`flash.base.record.Shown` is who has parts, `flash.base.pages` what makes files of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    Row: TypeAlias = Sequence[str] | str
    Table: TypeAlias = "tuple[Sequence[Row], int, bool] | tuple[Sequence[Row], int, bool, int]"
    Part: TypeAlias = "str | Table"

__all__ = [
    "CLASS",
    "columns_of",
    "escaped",
    "facts",
    "page",
    "parted",
    "shown_by",
    "some_of",
    "table",
    "told",
]

ROWS = 60  # rows of a table in a notebook
CHARACTERS = 1000  # of a cell or a line there
CLASS = ("", ' class="l"')  # of cells, where they are aligned to the left
# Quiet, and in the notebook's own colours, be they light or dark; what strips it leaves tables.
STYLE = (
    ".flash table{border-collapse:collapse;margin:.3em 0;border:0}"
    ".flash td,.flash th{padding:.1em .6em;text-align:right;vertical-align:top;border:0}"
    ".flash th{font-weight:600;border-bottom:1px solid rgba(128,128,128,.5)}"
    ".flash .l{text-align:left}.flash p{margin:.2em 0}"
)


def page(parts: Iterable[Part]) -> str:
    """Return parts as HTML for a notebook: paragraphs and tables, all text escaped.

    Of a long table the first and the last rows are there, of a long text its beginning.
    """
    inner = [
        f"<p>{escaped(one, CHARACTERS)}</p>"
        if isinstance(one, str)
        else table(one, most=ROWS, characters=CHARACTERS)
        for one in parts
        if one
    ]
    return f'<div class="flash"><style>{STYLE}</style>{"".join(inner)}</div>'


def facts(values: Mapping[str, object]) -> Part:
    """Return a table of names and values, without those that are None."""
    return [(name, str(one)) for name, one in values.items() if one is not None], 2, False


def shown_by(thing: object) -> list[Part]:
    """Return what an object shows that says no more: its class, and the fields of a record that
    are not at their defaults."""
    rows: list[tuple[str, str]] = []
    defaults: Mapping[str, Any] = getattr(thing, "_defaults", {})
    for name in getattr(thing, "field_names", ()) or getattr(thing, "__slots__", ()):
        value = getattr(thing, name)
        if name not in defaults or value is not defaults[name]:
            rows.append((name, told(value)))
    return [type(thing).__name__, *([(rows, 2, False)] if rows else [])]


def told(value: Any) -> str:
    """Return a value as a line: numbers as they are read, long things by their beginning."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else told_large(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value
    if hasattr(value, "shape") and hasattr(value, "dtype"):  # an array
        return f"array of {' x '.join(map(str, value.shape))}, {value.dtype}"
    if isinstance(value, (list, tuple)):
        return _listed([told(one) for one in value[:SOME]], len(value))
    if hasattr(value, "items") and hasattr(value, "__len__"):
        pairs = [f"{key}: {told(one)}" for key, (_, one) in zip(range(SOME), value.items())]  # noqa: B905
        return _listed(pairs, len(value))
    if callable(value) and hasattr(value, "__name__"):
        return f"{value.__name__}()"
    from .checks import shown
    from .record import Reported

    if isinstance(value, Reported):  # its own text would be a screen
        return f"{type(value).__name__}: {value._title()}"
    return shown(value)


SOME = 12  # values of a list in a line


def _listed(texts: list[str], count: int) -> str:
    more = f", ... ({count:,} in all)" if count > len(texts) else ""
    return ", ".join(texts) + more


def told_large(value: int) -> str:
    """Return an integer of many digits by its size."""
    from math import log10

    try:
        return f"{float(value):.4g}"
    except OverflowError:
        return f"about 10^{int(log10(abs(value)))}"


def some_of(n: int, most: int) -> list[int]:
    """Return numbers below n, at most so many: all, or some at even distances, the ends among
    them."""
    if n <= most:
        return list(range(n))
    return [k * (n - 1) // (most - 1) for k in range(most)]


def escaped(text: str, characters: int = 0) -> str:
    """Return text for a page; of more characters than that the beginning."""
    from html import escape

    if characters and len(text) > characters:
        text = f"{text[:characters]}... ({len(text):,} characters)"
    return escape(text).replace("\n", "<br>")


def table(part: Table, *, most: int, characters: int) -> str:
    """Return a part that is a table as HTML, with the first and the last rows of many."""
    titles, body, totals = parted(part)
    left = part[1]
    if len(body) > most:
        half = most // 2
        body = [*body[:half], f"... {len(body) - 2 * half:,} more ...", *body[-half:]]
    columns = columns_of(part[0])
    lines = [f"<tr>{_cells('th', row, left, columns, characters)}</tr>" for row in titles]
    lines += [
        f"<tr>{_cells('td', row, left, columns, characters)}</tr>" for row in (*body, *totals)
    ]
    return f"<table>{''.join(lines)}</table>"


def parted(part: Table) -> tuple[Sequence[Row], Sequence[Row], Sequence[Row]]:
    """Return titles, body and totals of a table."""
    rows = part[0]
    start, end = int(part[2]), len(rows) - (part[3] if len(part) == 4 else 0)
    return rows[:start], rows[start:end], rows[end:]


def columns_of(rows: Sequence[Row]) -> int:
    """Return how many columns a table has."""
    return max((len(row) for row in rows if not isinstance(row, str)), default=1)


def _cells(tag: str, row: Row, left: int, columns: int, characters: int) -> str:
    if isinstance(row, str):
        return f'<td class="l" colspan="{columns}">{escaped(row, characters)}</td>'
    return "".join(
        f"<{tag}{CLASS[place < left]}>{escaped(cell, characters)}</{tag}>"
        for place, cell in enumerate(row)
    )


def flat(data: Any, name: str = "") -> list[tuple[str, str]]:
    """Return plain data of tables within tables as names with dots between, and values."""
    if hasattr(data, "items") and len(data):
        found: list[tuple[str, str]] = []
        for key, one in data.items():
            found += flat(one, f"{name}.{key}" if name else str(key))
        return found
    return [(name, told(data) or "none")] if name else []
