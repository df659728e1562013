"""Joins the sections to RESULTS.md: what is required and what was measured, then each in turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.claims.programs import DATA, PROGRAMS, WORK
from benchmarks.common.files import PICTURES, RESULTS, write_bytes
from benchmarks.report.contents import CLAIMED, FRAGMENTS, SECTIONS
from benchmarks.report.format import table
from benchmarks.report.planning import NEED_DATA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from benchmarks.report.section import Told

TOOK = RESULTS / "claims.json"  # what programs of claims took

HEAD = """# Results

Written by `python -m benchmarks.report`; not edited by hand. Tables have processor time, which
other work on the machine changes little, and wall time beside it; a dash stands where an older run
measured only the latter. What is compared was measured in turns, in one run; a ratio is of whole
calls unless it says otherwise. Whose a required figure is stands beside it: a paper's, or the
project's own. The tables at the end say how each section is made anew, and when it was; `python -m
benchmarks.report --plan` and `python -m benchmarks.claims` say how long that takes.
"""


class Claim(NamedTuple):
    """One line of what the project must show: texts, ready to print."""

    what: str
    required: str
    whose: str
    measured: str
    verdict: str


def claims(told: Told) -> list[Claim]:
    """Return all claims; those without a measurement say so."""
    found = []
    for section in CLAIMED:
        for what, required, measured, holds in section.claims(told):
            whose = section.owner(what)
            if measured is None:
                found.append(Claim(what, required, whose, "not measured", "-"))
            else:
                verdict = "holds" if holds else "**missed**"
                found.append(Claim(what, required, whose, measured, verdict))
    return found


def write_report(fragments: Path, out: Path, build: str) -> None:
    """Write RESULTS.md and its pictures from what fragments there are."""
    every = {}
    for fragment in FRAGMENTS:
        path = fragments / f"{fragment}.json"
        if path.exists():
            every[fragment] = json.loads(path.read_text())
    told = {fragment: one["told"] for fragment, one in every.items()}
    for section in SECTIONS.values():
        for name, path in section.kept.items():
            if path.exists():
                told[name] = json.loads(path.read_text())
    pictures = {
        name: picture
        for section in SECTIONS.values()
        for name, picture in section.draw(told).items()
    }
    for name, picture in pictures.items():
        write_bytes(out / PICTURES / name, picture)
    parts = [HEAD, _machine(every), _stale(every, build)]
    parts += ["## What it must show\n", table(("claim", *Claim._fields[1:]), claims(told))]
    parts += [section.write(told, pictures) for section in SECTIONS.values()]
    parts.append(_sections(every))
    text = "\n".join(part for part in parts if part).rstrip() + "\n"
    write_bytes(out / "RESULTS.md", text.encode())
    print(f"wrote {out / 'RESULTS.md'}")


def _machine(every: dict[str, Any]) -> str:
    """Return what the sections were measured on: machines that differ are told apart."""
    groups: dict[tuple[str, ...], list[str]] = {}
    packages: dict[str, set[str]] = {}
    for section, fragment in every.items():
        one = fragment["machine"]
        for name, number in one["packages"].items():
            if number != "not installed":
                packages.setdefault(name, set()).add(number)
        facts = (
            f"{one['processor']}, {one['cores']} cores, {one['platform']}",
            f"{one['python']}, flash {one['flash']}, kernels: {one['simd']}",
            f"{one['compiler']}, flags `{one['flags']}`, switches {one['switches']}",
        )
        groups.setdefault(facts, []).append(section)
    lines = []
    for number, (group, named) in enumerate(groups.items()):
        last = f" ({', '.join(named)})" if number else ""
        lines += [f"- {fact}{last}" for fact in group]
    lines.append("- " + ", ".join(f"{k} {' and '.join(sorted(v))}" for k, v in packages.items()))
    return "\n".join(lines) + "\n"


def _stale(every: dict[str, Any], build: str) -> str:
    old = [section for section, fragment in every.items() if fragment["build"] != build]
    if not old:
        return ""
    return f"Measured with another build than {build}: {', '.join(old)} (last table).\n"


def _sections(every: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"`--only {name}{' --data FOLDER' if name in NEED_DATA else ''}`",
            one["date"],
            one.get("commit") or "",
            one["build"],
            f"{one['seconds']:.0f}",
            f"{one['load']:.1f}" if one["load"] else "",
        )
        for name, one in every.items()
    ]
    head = ("fragment", "python -m benchmarks.report", "date", "commit", "build", "took, s",
            "load at its end")  # fmt: skip
    return "## Sections\n\n" + table(head, rows) + "\n" + _programs()


def _programs() -> str:
    """Return by which programs the figures are made that lie beside them."""
    took = json.loads(TOOK.read_text()) if TOOK.exists() else {}
    rows = [
        (
            program.section,
            f"`--run {name}{_folders(program.words)}`",
            program.kept,
            took.get(name, {}).get("date", "-"),
            took.get(name, {}).get("commit") or "-",
            f"{took[name]['seconds']:.0f}" if name in took else "-",
        )
        for name, program in PROGRAMS.items()
        if program.section
    ]
    head = ("section", "python -m benchmarks.claims", "leaves", "date", "commit", "took, s")
    return (
        "What programs of their own measured, below benchmarks/; a dash: made before runs were "
        "kept.\n\n" + table(head, rows)
    )


def _folders(words: Sequence[str]) -> str:
    text = " ".join(words)
    marks = {DATA: " --data FOLDER", WORK: " --work FOLDER"}
    return "".join(option for mark, option in marks.items() if mark in text)
