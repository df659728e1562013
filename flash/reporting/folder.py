"""One page of all that a folder holds: `flash.report`."""

from __future__ import annotations

import os

from ..base.checks import flag, path_of, public, shown, text, writable, write_text_atomic
from ..base.html import facts, flat, told
from ..base.pages import ROWS, Under, document, link
from ..base.record import Record, Reported, Shown
from ..errors import ArgumentError, FlashError
from .reading import Found, kept_in, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Item, Section
    from ..hardware._measurement import Measurement

__all__ = ["Entry", "report", "written"]

CHARTED = 40  # files whose charts are drawn
WITHIN = 10_000  # files of a folder that are looked at


class Entry(Record):
    """A file or a folder, and what was found there, or why it can't be read."""

    name: str
    path: str
    found: Found | None
    why: str = ""


@public
def report(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    cdn: bool = False,
) -> str:
    """Return one page of all that a folder holds, and write it where a path is given.

    A table of all files comes first, then each of them as its own ``to_html`` shows it: results,
    fronts, sweeps (their Parquet folders too), comparisons, fleets' answers, targets, trainings,
    predictors, measurements, sensitivities, choices, networks and spaces, of the folder and of the
    folders in it. What can't be read is listed with the reason.

    Parameters
    ----------
    folder : path
        A folder; that of a sweep or a training is one thing.
    path : path, optional
        Where the page is written: complete, or not there. What lies there is not in the page.
    title : str, optional
        Default the folder's name.
    cdn : bool, default False
        As `SearchResult.to_html` takes it.

    Returns
    -------
    str
        HTML of at most 1.5 MB. Where there is more to say, the largest files have shorter tables,
        which the page tells.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the folder has no file.
    OSError
        If the folder is not there, or the page can't be written: told before any work.

    Examples
    --------
    >>> page = flash.report("runs", "runs.html")
    """
    return written(folder, path, title, cdn)[0]


def written(folder: Any, path: Any, title: Any, cdn: Any) -> tuple[str, list[Entry]]:
    """Return the page of a folder, and what was found there: see `report`."""
    where = path_of("folder", folder)
    if title is not None:
        text("title", title)
    flag("cdn", cdn)
    if not os.path.isdir(where):
        what = "a file" if os.path.exists(where) else "not there"
        raise ArgumentError(f"folder must be a folder, got {shown(where)}, which is {what}")
    out = None if path is None else os.path.abspath(writable("path", path))
    if cdn:
        from ..base.extras import require

        require("report(cdn=True)", "plot", "plotly.offline")
    entries = _entries(where, out)
    if not entries:
        raise ArgumentError(
            f"folder must hold files of results, got {shown(where)}, which is empty"
        )
    name = os.path.basename(os.path.abspath(where))
    made = f"flash report {where}" + (" --cdn" if cdn else "")
    html = document(title or name, _sections(entries), made=made, cdn=cdn, few=1)
    if out is not None:
        write_text_atomic(out, html)
    return html, entries


# What there is


def _entries(folder: str, out: str | None) -> list[Entry]:
    """Return what is in a folder, in the order of names; folders in it after its files."""
    whole = _whole(folder, os.path.basename(os.path.abspath(folder)))
    if whole is not None:
        return [whole]
    found: list[Entry] = []
    below: list[str] = []
    for name in _names(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            below.append(name)
        elif os.path.abspath(path) != out:
            found.append(_entry(path, name))
    for name in below:
        path = os.path.join(folder, name)
        try:
            found += _inside(path, name)
        except OSError as error:
            found.append(Entry(f"{name}/", path, None, error.strerror or str(error)))
    return found


def _inside(folder: str, name: str) -> list[Entry]:
    whole = _whole(folder, f"{name}/")
    if whole is not None:
        return [whole]
    found = []
    for own in _names(folder):
        path, called = os.path.join(folder, own), f"{name}/{own}"
        if not os.path.isdir(path):
            found.append(_entry(path, called))
            continue
        deeper = _whole(path, f"{called}/")
        nothing = Entry(f"{called}/", path, None, "a folder: flash report reads it by itself")
        found.append(nothing if deeper is None else deeper)
    return found


def _names(folder: str) -> list[str]:
    names = sorted(one for one in os.listdir(folder) if not one.startswith("."))
    if len(names) > WITHIN:
        raise ArgumentError(
            f"folder must hold at most {WITHIN:,} files, {folder!r} has {len(names):,}"
        )
    return names


def _whole(folder: str, name: str) -> Entry | None:
    """Return a folder that is one thing: a sweep's, a training's."""
    try:
        found = kept_in(folder)
    except (FlashError, OSError) as error:
        return Entry(name, folder, None, str(error))
    return None if found is None else Entry(name, folder, found)


def _entry(path: str, name: str) -> Entry:
    try:
        return Entry(name, path, opened(path))
    except OSError as error:
        return Entry(name, path, None, error.strerror or str(error))
    except FlashError as error:
        why = str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")
        return Entry(name, path, None, why)


# What the page says of it


def _sections(entries: Sequence[Entry]) -> list[Section]:
    """Return the summary, what was read, and what could not be."""
    bodies: list[Section] = []
    rows: list[Row] = [["file", "what", "of", "says", "KiB", "changed (UTC)"]]
    unread: list[Row] = [["file", "why it is not here", "KiB"]]
    for entry in entries:
        size, changed = _stat(entry.path)
        if entry.found is None:
            unread.append([entry.name, entry.why, size])
            continue
        try:
            title, line = _title(entry.found), _line(entry.found)
            items = _items(entry.found, len(bodies) < CHARTED)
        except Exception as error:  # one file that is odd must not take the others with it
            entry.__dict__.update(found=None, why=f"{type(error).__name__}: {error}")
            unread.append([entry.name, entry.why, size])
            continue
        bodies.append((f"{entry.name}: {title}" if title else entry.name, items))
        number = len(bodies) + 1  # the summary is the first
        cells = [entry.found.kind, title, line if len(line) < 120 else f"{line[:117]}..."]
        rows.append([link(entry.name, number), *cells, size, changed])
    read, left = len(rows) - 1, len(unread) - 1
    head = f"{read:,} of {read + left:,} files and folders are shown"
    summary: list[Item] = [head]
    if read:
        summary.append((rows, 4, True))
    if read > CHARTED:
        summary.append(f"charts are those of the first {CHARTED}: a page of one file has its own")
    found: list[Section] = [("Summary", summary), *bodies]
    if left:
        found.append(("Not read", [(unread, 2, True)]))
    return found


def _stat(path: str) -> tuple[str, str]:
    """Return a file's size in KiB, and when it was changed; of a folder, of all its files."""
    from datetime import UTC, datetime

    try:
        paths = [path]
        if os.path.isdir(path):
            paths = [os.path.join(path, one) for one in os.listdir(path)]
        stats = [os.stat(one) for one in paths if os.path.isfile(one)]
    except OSError:
        return "", ""
    if not stats:
        return "", ""
    changed = datetime.fromtimestamp(int(max(one.st_mtime for one in stats)), UTC)
    return f"{sum(one.st_size for one in stats) / 1024:,.1f}", f"{changed:%Y-%m-%d %H:%M}"


def _title(found: Found) -> str:
    thing = found.thing
    if isinstance(thing, Shown):
        return thing._title() if isinstance(thing, Reported) else ""
    if isinstance(thing, list):
        return f"{len(thing):,} {found.kind}"
    return ""


def _line(found: Found) -> str:
    thing = found.thing
    if isinstance(thing, Shown):
        line = thing._line()
    elif isinstance(thing, list):
        line = ", ".join(dict.fromkeys(f"{one.runtime} on {one.device}" for one in thing))
    elif found.kind == "a suggestion":
        line = f"{len(thing['networks']):,} networks on {thing.get('target')}"
    else:
        line = ", ".join(list(thing)[:8])
    return "; ".join([line, *found.notes])


def _items(found: Found, charted: bool) -> list[Item]:
    """Return what a section holds of a file: the sections of its own page."""
    thing: Any = found.thing
    items: list[Item] = [f"note: {one}" for one in found.notes]
    if isinstance(thing, Reported):
        for title, some in thing._sections():
            items += [Under(title)] if title else []
            items += some
    elif isinstance(thing, Shown):
        items += thing._parts()
    elif isinstance(thing, list):
        items += _measured(thing)
    elif found.kind == "a suggestion":
        items += _suggested(thing)
    else:
        items += [(flat(thing), 2, False)]
    if not charted:
        items = [one for one in items if isinstance(one, (str, tuple))]
    return items


def _suggested(data: dict[str, Any]) -> list[Part]:
    """Return what a suggestion says that was written as JSON."""
    names = ("name", "index", "accuracy", "interval", "gain", "chance", "costs")
    rest = {name: one for name, one in data.items() if name not in ("space", "networks")}
    rows: list[Row] = [["", *names]]
    for number, one in enumerate(data["networks"][:ROWS], 1):
        told_of = {name: one[name] for name in names if one.get(name) is not None}
        rows.append(
            [str(number), *(told(told_of[name]) if name in told_of else "" for name in names)]
        )
    return [(flat(rest), 2, False), (rows, 1, True)]


def _measured(some: Sequence[Measurement]) -> list[Part]:
    titles = ["network", "median", "from", "to (quartiles)", "least", "noise", "runs", "settled"]
    rows: list[Row] = [[*titles, "energy"]]
    for one in some[:ROWS]:
        times = (one.median_ms, one.q1_ms, one.q3_ms, one.min_ms)
        noise = "" if one.noise_pct is None else f"{one.noise_pct:.2g} %"
        energy = "" if one.energy_mj is None else f"{one.energy_mj:.4g} mJ"
        row = [one.name, *(f"{value:.4g} ms" for value in times), noise, f"{one.runs:,}"]
        rows.append([*row, "yes" if one.settled else "no", energy])
    more = len(some) - ROWS
    first = some[0]
    machine = first.conditions.get("device_name") or first.conditions.get("cpu")
    head = facts(
        {
            "runtime": f"{first.runtime} on {first.device}",
            "machine": machine,
            "threads": first.conditions.get("threads"),
            "time": first.conditions.get("time"),
        }
    )
    return [head, (rows, 1, True), f"and {more:,} more" if more > 0 else ""]
