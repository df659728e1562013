"""What objects show of themselves in a notebook: text and tables as HTML, nothing from outside.

A *part* of a page is a line of text, or (rows, left, head): cells of which the first `left` columns
are aligned to the left and all others to the right; with `head` the first row holds titles. A row
that is a text spans all columns.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    Row: TypeAlias = Sequence[str] | str
    Part: TypeAlias = "str | tuple[Sequence[Row], int, bool]"

__all__ = ["document", "facts", "page"]


def page(parts: Iterable[Part]) -> str:
    """Return parts as HTML: paragraphs and tables, all text escaped."""
    inner = [_text(one) if isinstance(one, str) else _table(*one) for one in parts if one]
    return f'<div class="flash">{"".join(inner)}</div>'


def document(title: str, parts: Iterable[Part]) -> str:
    """Return parts as a page of its own, to be opened in a browser."""
    style = (
        "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.15em .7em;border-bottom:1px solid #ddd}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_escaped(title)}</title><style>{style}</style></head>\n"
        f"<body>{page(parts)}</body></html>\n"
    )


def facts(values: Mapping[str, object]) -> Part:
    """Return a table of names and values, without those that are None."""
    return [(name, str(one)) for name, one in values.items() if one is not None], 2, False


def _escaped(text: str) -> str:
    from html import escape

    return escape(text).replace("\n", "<br>")


def _text(line: str) -> str:
    return f"<p>{_escaped(line)}</p>"


def _table(rows: Sequence[Row], left: int, head: bool) -> str:
    columns = max((len(row) for row in rows if not isinstance(row, str)), default=1)
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if head and not number else "td"
        if isinstance(row, str):
            cells = f'<td colspan="{columns}">{_escaped(row)}</td>'
        else:
            cells = "".join(
                f'<{tag} style="text-align:{"left" if place < left else "right"}">'
                f"{_escaped(cell)}</{tag}>"
                for place, cell in enumerate(row)
            )
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
