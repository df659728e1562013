"""Pages to be read in a browser or on paper: one file each, of at most 1.5 MB.

A *section* is a title and items: parts (see `flash.base.html`), charts, and titles within it
(`Under`). Nothing is loaded from anywhere unless charts by plotly are asked for; the page's own
policy says so to the browser. Where all of it does not fit, tables get fewer rows, then charts go,
and the page says so.
"""

from __future__ import annotations

import re

from .checks import flag, writable, write_text_atomic
from .html import CLASS, columns_of, escaped, parted, some_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Protocol, TypeAlias

    from .html import Part, Row, Table
    from .record import Reported

    class Chart(Protocol):
        """A drawing of something: see `flash.charts`."""

        @property
        def title(self) -> str: ...
        def svg(self) -> str: ...
        def fragment(self, name: str) -> str: ...

    Item: TypeAlias = "Part | Chart"
    Section: TypeAlias = "tuple[str, Sequence[Item]]"

__all__ = ["MOST_BYTES", "ROWS", "Under", "call", "cut", "document", "link", "to_html"]

MOST_BYTES = 1_500_000
ROWS = 1000  # of a table
TOGETHER = 15  # rows of a table that paper does not part
LONG = 24  # characters of a cell that is folded
FEW = 6  # sections that need no list of contents
# What a section is made of where the one before takes too much: rows, characters of a cell, charts.
FORMS = ((ROWS, 2000, True), (300, 1000, True), (60, 300, True), (60, 300, False), (12, 120, False))


class Under(str):
    """A title within a section."""

    __slots__ = ()


class Link(str):
    """A cell that leads to a section of the page, by its number from 1."""

    section: int = 0


def link(text: str, section: int) -> Link:
    """Return a cell that leads to a section."""
    made = Link(text)
    made.section = section
    return made


def to_html(
    thing: Reported,
    path: str | os.PathLike[str] | None,
    cdn: bool,
    sections: Sequence[Section] | None = None,
) -> str:
    """Return an object's page: see `flash.base.record.Reported`, whose methods these are."""
    if path is not None:
        writable("path", path)
    if flag("cdn", cdn):
        from .extras import require

        require("to_html(cdn=True)", "plot", "plotly.offline")
    own = thing._sections() if sections is None else sections
    html = document(thing._title(), own, made=thing._made(), cdn=cdn)
    if path is not None:
        write_text_atomic(path, html)
    return html


def cut(shown: int, of: int, what: str, where: str) -> list[Part]:
    """Return what says that a table has some of many rows alone, and where the others are."""
    if shown >= of:
        return []
    return [f"{shown:,} of {of:,} {what}, at even distances; all of them: {where}"]


def call(name: str, *given: object, **keywords: object) -> str:
    """Return the call of flash that something came of, as far as it is known: what is None is left
    out. Text that is no value of its own, such as a variable's name, is an `Under`."""
    words = [_value(one) for one in given]
    words += [f"{key}={_value(one)}" for key, one in keywords.items() if one is not None]
    return f"flash.{name}({', '.join(words)})"


def _value(value: object) -> str:
    if isinstance(value, Under):
        return str(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return repr(value[0])
    return repr(value)


def document(
    title: str,
    sections: Sequence[Section],
    *,
    made: str = "",
    cdn: bool = False,
    few: int = FEW,
) -> str:
    """Return a page.

    Parameters
    ----------
    title : str
    sections : sequence of (str, sequence of items)
        Of one without a title only the items are there.
    made : str
        The call or the command that made it, for its foot.
    cdn : bool
        Whether plotly draws.
    few : int
        Of more sections with a title there is a list of contents.
    """
    from .._version import __version__

    drawing = _Drawing(cdn)
    named = [one for one in sections if one[0]]
    contents = ""
    if len(named) > few:
        links = (
            f'<li><a href="#s{number}">{escaped(one[0], 200)}</a></li>'
            for number, one in enumerate(sections, 1)
            if one[0]
        )
        contents = f'<nav aria-label="Contents"><ol>{"".join(links)}</ol></nav>\n'
    told = f": <code>{escaped(made, 4000)}</code>" if made else ""
    foot = f"<p>made by flash {__version__}{told}</p>"
    room = MOST_BYTES - 20_000 - len(contents.encode()) - len(foot.encode())
    inner = "\n".join(_fitted(sections, drawing, room))
    body = (
        f"<header><h1>{escaped(title, 300)}</h1></header>\n{contents}<main>\n{inner}\n</main>\n"
        f"<footer>{foot}</footer>\n<script>{SCRIPT}</script>\n"
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{drawing.policy()}">'
        f'<meta name="generator" content="flash {__version__}">'
        f"<title>{escaped(title, 300)}</title><style>{STYLE}</style>{drawing.loaded()}"
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</body></html>\n'


def _fitted(sections: Sequence[Section], drawing: _Drawing, room: int) -> list[str]:
    """Return sections that take no more bytes than there is room: the large ones give way."""
    texts = [_section(n, one, FORMS[0], drawing) for n, one in enumerate(sections, 1)]
    sizes = [len(text.encode()) for text in texts]
    if sum(sizes) <= room:
        return texts
    left = room
    for done, at in enumerate(sorted(range(len(texts)), key=sizes.__getitem__)):
        share = left // (len(texts) - done)
        for form in FORMS[1:]:
            if sizes[at] <= share:
                break
            texts[at] = _section(at + 1, sections[at], form, drawing)
            sizes[at] = len(texts[at].encode())
        if sizes[at] > share:
            texts[at] = _section(at + 1, (sections[at][0], [LEFT_OUT]), FORMS[-1], drawing)
            sizes[at] = len(texts[at].encode())
        left -= sizes[at]
    return texts


LEFT_OUT = "left out: the page would have more than 1.5 MB; a page of its own shows it"


def _section(number: int, section: Section, form: tuple[int, int, bool], drawing: _Drawing) -> str:
    title, items = section
    rows, characters, charted = form
    lines = [f"<h2>{escaped(title, 200)}</h2>"] if title else []
    lacking: dict[str, list[str]] = {}
    for one in items:
        if isinstance(one, Under):
            lines.append(f"<h3>{escaped(one, 200)}</h3>")
        elif isinstance(one, str):
            if one:
                lines.append(f"<p>{escaped(one, characters)}</p>")
        elif isinstance(one, tuple):
            table, wide = _table(one, most=rows, characters=characters)
            lines.append(f'<div class="wide">{_lead(lines)}{table}</div>' if wide else table)
        elif not charted:
            lacking.setdefault("the page would have more than 1.5 MB", []).append(one.title)
        else:
            drawn, why = drawing.draw(one)
            if drawn is None:
                lacking.setdefault(why, []).append(one.title)
            else:
                lines.append(drawn)
    for why, titles in lacking.items():
        lines.append(f"<p>not drawn: {escaped(', '.join(titles), 300)}: {escaped(why)}</p>")
    return f'<section id="s{number}">{"".join(lines)}</section>'


def _lead(lines: list[str]) -> str:
    """Take the title of what follows, and what stands between, off the lines: a wide table has
    paper of its own, and they go with it."""
    for count in range(1, min(3, len(lines)) + 1):
        if lines[-count].startswith("<h"):
            lead = "".join(lines[-count:])
            del lines[-count:]
            return lead
        if not lines[-count].startswith("<p>"):
            break
    return ""


# Charts


class _Drawing:
    """Draws charts, each once, and knows what the page needs for them."""

    def __init__(self, cdn: bool) -> None:
        self.cdn = cdn
        self.known: dict[int, tuple[str | None, str]] = {}
        self.scripts = [SCRIPT]

    def draw(self, chart: Chart) -> tuple[str | None, str]:
        """Return a chart as HTML; or None, and why there is none."""
        if id(chart) not in self.known:
            self.known[id(chart)] = self._drawn(chart, len(self.known) + 1)
        return self.known[id(chart)]

    def _drawn(self, chart: Chart, number: int) -> tuple[str | None, str]:
        from ..errors import MissingExtraError

        if self.cdn:
            html = chart.fragment(f"chart{number}")
            self.scripts += re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
            return f"<figure>{html}</figure>", ""
        try:
            svg = chart.svg()
        except MissingExtraError as error:
            return None, str(error)
        except Exception as error:  # a page with its tables is better than none
            return None, f"{type(error).__name__}: {error}"
        return f"<figure>{svg}</figure>", ""

    def loaded(self) -> str:
        """Return what loads plotly, where it draws."""
        if not self.cdn:
            return ""
        address, check = _plotly()
        return f'<script src="{address}" integrity="{check}" crossorigin="anonymous"></script>'

    def policy(self) -> str:
        """Return what the browser may load and run: what is written here, and no more."""
        allowed = " ".join(f"'sha256-{_digest(one, 'sha256')}'" for one in self.scripts)
        if self.cdn:
            allowed += f" {_plotly()[0]}"
            return (
                f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; "
                f"script-src {allowed}"
            )
        return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


def _plotly() -> tuple[str, str]:
    """Return plotly's address, and by what the browser knows that it is the one installed here."""
    from plotly.offline import get_plotlyjs, get_plotlyjs_version

    address = f"https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js"
    return address, f"sha384-{_digest(get_plotlyjs(), 'sha384')}"


def _digest(text: str, name: str) -> str:
    import hashlib
    from base64 import b64encode

    return b64encode(hashlib.new(name, text.encode()).digest()).decode()


# Tables


def _table(part: Table, *, most: int, characters: int) -> tuple[str, bool]:
    """Return a part that is a table, and whether it needs wide paper; one with titles can be sorted
    by each of them."""
    titles, body, totals = parted(part)
    rows, left, head = part[0], part[1], part[2]
    note = ""
    if len(body) > most:
        note = (
            f"<p>{most:,} of these {len(body):,} rows, at even distances: for the page's size</p>"
        )
        body = [body[k] for k in some_of(len(body), most)]
    columns = columns_of(rows)
    keys = _keys(body, columns) if head else [None] * columns
    long = [any(len(row[k]) > LONG for row in body if _has(row, k)) for k in range(columns)]
    texts = [k < left or (head and not _of_numbers(body, k)) for k in range(columns)]
    lefts = [' class="l t"' if head and long[k] else CLASS[texts[k]] for k in range(columns)]
    lines = []
    for row in titles:
        cells = "".join(
            f'<th scope="col"{lefts[place]}{_kind(keys[place], texts[place])}>'
            f"{escaped(cell, characters)}</th>"
            if cell
            else "<td></td>"
            for place, cell in enumerate(row)
        )
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    for name, some in (("tbody", body), ("tfoot", totals)):
        told = []
        for number, row in enumerate(some):
            own = [None if one is None or name != "tbody" else one[number] for one in keys]
            told.append(f"<tr>{_cells(row, lefts, characters, own)}</tr>")
        if told:
            lines.append(f"<{name}>{''.join(told)}</{name}>")
    kind = _room([*titles, *body, *totals], columns)
    sort = " sort" if head and len(body) > 1 else ""
    label = escaped(", ".join(titles[0]) if head else "facts", 100)
    keep = " keep" if len(rows) <= TOGETHER else ""
    html = (
        f'<div class="scroll{kind}{keep}" role="group" tabindex="0" aria-label="table: {label}">'
        f'<table class="{"rows" if head else "facts"}{sort}">{"".join(lines)}</table></div>'
        f"{note}"
    )
    return html, kind in (" p2", " p3")


def _cells(row: Row, lefts: Sequence[str], characters: int, keys: Sequence[str | None]) -> str:
    if isinstance(row, str):
        return f'<td class="l" colspan="{len(lefts)}">{escaped(row, characters)}</td>'
    return "".join(
        f"<td{lefts[place]}{'' if key is None else _key(key)}>{_cell(cell, characters)}</td>"
        for place, (cell, key) in enumerate(zip(row, keys, strict=False))
    )


def _cell(cell: str, characters: int) -> str:
    text = escaped(cell, characters)
    return f'<a href="#s{cell.section}">{text}</a>' if isinstance(cell, Link) else text


def _key(key: str) -> str:
    return f' data-n="{key}"'


NOTHING = ("", "-", "none", "unknown")  # cells that say nothing: they are last in any order
NUMBER = re.compile(
    r"\(?([+-]?(?:\d[\d,]*)(?:\.\d+)?(?:e[+-]?\d+)?|[+-]?inf)\)?"  # 1,234.5, (+0.1), 1.2e-07
    r" ?([^\d\s\[(]\S*)?(?: [\[(].*)?"  # its unit, and an interval in brackets
)
SCALES = {
    **dict(zip(("ns", "µs", "us", "ms", "s", "min", "h", "d"),
               (1e-9, 1e-6, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86400.0), strict=True)),
    **dict(zip(("B", "KiB", "MiB", "GiB", "TiB"), (1.0, 2.0**10, 2.0**20, 2.0**30, 2.0**40),
               strict=True)),
    **dict(zip(("kB", "MB", "GB"), (1e3, 1e6, 1e9), strict=True)),
    **dict(zip(("nJ", "µJ", "mJ", "J", "kJ"), (1e-9, 1e-6, 1e-3, 1.0, 1e3), strict=True)),
}  # fmt: skip


def _kind(keys: list[str | None] | None, text: bool) -> str:
    """Return how a column is sorted: numbers as such, text as it is; numbers of several kinds, such
    as ms and mJ, not at all."""
    if keys is not None:
        return ' data-k="n"'
    return "" if text else ' data-k="x"'


def _of_numbers(body: Sequence[Row], place: int) -> bool:
    """Return whether a column has numbers alone, be their units of one kind or not."""
    cells = [row[place] for row in body if _has(row, place)]
    return all(cell in NOTHING or NUMBER.fullmatch(cell) is not None for cell in cells)


def _has(row: Row, place: int) -> bool:
    return not isinstance(row, str) and place < len(row)


def _keys(body: Sequence[Row], columns: int) -> list[list[str | None] | None]:
    """Return for each column of numbers what its cells are sorted by, where their text does not
    say it to a browser by its first digits; None for a column of text."""
    return [
        _column(
            [row[place] if not isinstance(row, str) and place < len(row) else "" for row in body]
        )
        for place in range(columns)
    ]


def _column(cells: Sequence[str]) -> list[str | None] | None:
    found = [None if cell in NOTHING else NUMBER.fullmatch(cell) for cell in cells]
    said = [cell for cell in cells if cell not in NOTHING]
    matches = [one for one in found if one is not None]
    if not said or len(matches) < len(said):
        return None
    units = {one[2] or "" for one in matches}
    if len(units) > 1 and not units <= SCALES.keys():
        return None
    keys: list[str | None] = []
    for cell, one in zip(cells, found, strict=True):
        if one is None or (len(units) == 1 and not cell.startswith("(") and "inf" not in cell):
            keys.append(None)
        else:
            scale = SCALES[one[2]] if len(units) > 1 else 1.0
            keys.append(repr(float(one[1].replace(",", "")) * scale).replace("inf", "Infinity"))
    return keys


def _room(rows: Sequence[Row], columns: int) -> str:
    """Return what a table needs on paper: by a guess of its width in characters."""
    widest = [0] * columns
    for row in rows:
        for place, cell in enumerate(() if isinstance(row, str) else row):
            widest[place] = max(widest[place], min(len(cell), 60))
    width = sum(widest) + 1.6 * columns
    return "" if width < 100 else " p1" if width < 122 else " p2" if width < 175 else " p3"


# What all pages have. The script sorts: up, down, as it was; what says nothing stays last.

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sort")) {
  const body = table.tBodies[0], first = [...body.rows], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    if (head.dataset.k === "x") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    if (!button.textContent) return;
    head.append(button);
    head.setAttribute("aria-sort", "none");
    const number = head.dataset.k === "n";
    const key = row => {
      const cell = row.cells[place], text = cell ? cell.textContent : "";
      if (row.cells.length < heads.length) return null;
      if (!number) return text === "" ? null : text;
      const value = "n" in cell.dataset ? +cell.dataset.n : parseFloat(text.replaceAll(",", ""));
      return Number.isNaN(value) ? null : value;
    };
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      const now = was === "none" ? "ascending" : was === "ascending" ? "descending" : "none";
      for (const one of heads)
        if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", now);
      const sign = now === "descending" ? -1 : 1, rows = first.map(row => [key(row), row]);
      const text = new Intl.Collator("en", {numeric: true});
      if (now !== "none") rows.sort(([a], [b]) => a === null || b === null
        ? (a === null) - (b === null) : sign * (number ? a - b : text.compare(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  });
}
"""
STYLE = """
:root{
  color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--ground:#fff;
  --over:#f3f5f8;--link:#0550ae}
@media (prefers-color-scheme:dark){:root{
  --ink:#e6e9ed;--dim:#a3adb8;--line:#3b434d;--ground:#14181d;--over:#1e242b;--link:#79b8ff}}
*{box-sizing:border-box}
body{
  font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);
  background:var(--ground);margin:0 auto;padding:1.5rem 1.5rem 3rem;max-width:76rem}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0 .6em}
h2{font-size:1.2rem;margin:1.8em 0 .5em;padding-top:.4em;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.2em 0 .3em}
h1,h2,h3,p,td,code{overflow-wrap:anywhere}
p{margin:.35em 0;max-width:60rem}
a{color:var(--link)}
nav ol{columns:20rem;column-gap:2.5rem;margin:.5em 0;padding-left:2em}
.scroll{overflow-x:auto;margin:.6em 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.93em}
th,td{padding:.2em .7em;text-align:right;vertical-align:top;border-bottom:1px solid var(--line)}
td{min-width:1.5em}
th{vertical-align:bottom;border-bottom:2px solid var(--line)}
.rows td,.rows th{white-space:nowrap}
.rows .t{white-space:normal;overflow-wrap:break-word;min-width:13rem;max-width:34rem}
.l,td[colspan]{text-align:left}
tbody tr:hover{background:var(--over)}
tfoot td{font-weight:600;border-top:2px solid var(--line)}
th button{
  font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;
  text-align:inherit}
th button::after{content:"\\2195";color:var(--dim);font-size:.8em;padding-left:.3em}
th[aria-sort=ascending] button::after{content:"\\2191";color:inherit}
th[aria-sort=descending] button::after{content:"\\2193";color:inherit}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
figure{margin:1em 0;max-width:60rem}
figure>div{background:#fff;color:#000;overflow-x:auto;border-radius:3px}
figure>svg{max-width:100%;height:auto;display:block;background:#fff;border-radius:3px}
footer{
  margin-top:3em;padding-top:.6em;border-top:1px solid var(--line);color:var(--dim);
  font-size:.87em}
@page{size:A4;margin:14mm 13mm}
@page wide{size:A4 landscape;margin:12mm}
@media print{
:root{
  color-scheme:light;--ink:#000;--dim:#333;--line:#999;--ground:#fff;--over:#fff;--link:#000}
body{padding:0;max-width:none;font-size:10pt}
.scroll{overflow:visible}
table{font-size:8.5pt}
.p1 table{font-size:7pt}
.wide{page:wide}
.p2 table{font-size:7.5pt}
.p3 table{font-size:6.5pt}
.rows .t{min-width:0;overflow-wrap:anywhere}
.p3 td,.p3 th{white-space:normal!important;overflow-wrap:anywhere;padding:.15em .4em}
thead{display:table-header-group}
tfoot{display:table-row-group}
tr,thead,figure,.keep{break-inside:avoid}
h1,h2,h3{break-after:avoid}
th button::after{content:none}
th button{display:contents}
a{color:inherit}
a[href^=http]::after{content:" (" attr(href) ")"}
}
"""
