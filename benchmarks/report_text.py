"""Writes RESULTS.md from the fragments: what is required and what was measured, then tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import report_codesign, report_methods, report_models, report_speed, report_supernet
from benchmarks.report_claims import claims
from benchmarks.report_format import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def write(every: dict[str, Any], build: str, pictures: Sequence[str]) -> str:
    """Return the text of RESULTS.md; pictures: the names of those that were drawn."""
    told = {section: fragment["told"] for section, fragment in every.items()}
    parts = [HEAD, _machine(every), _stale(every, build)]
    parts.append("## What it must show\n")
    judged = claims({**told, "codesign": report_codesign.read()})
    rows = [(c.what, c.required, c.measured, c.verdict) for c in judged]
    parts.append(table(("claim", "required", "measured", "verdict"), rows))
    if "quality.svg" in pictures:
        parts.append("![quality against time](quality.svg)\n")
    for section, writer in report_speed.WRITERS.items():
        if section in told:
            parts.append(writer(told[section]))
    parts += report_models.sections(told, pictures)
    parts.append(report_methods.sections(told))
    parts.append(report_supernet.sections())
    parts.append(report_codesign.sections())
    parts.append(report_speed.peers(told))
    parts.append(_sections(every))
    return "\n".join(part for part in parts if part).rstrip() + "\n"


HEAD = """# Results

Written by `python -m benchmarks.report`; not edited by hand. Times are wall times on a shared
machine: what is compared was measured in turns, in one run, and a claim is a ratio.
"""


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
    for number, (facts, named) in enumerate(groups.items()):
        last = f" ({', '.join(named)})" if number else ""
        lines += [f"- {fact}{last}" for fact in facts]
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
            one["date"],
            one.get("commit") or "",
            one["build"],
            f"{one['seconds']:.0f}",
            f"{one['load']:.1f}" if one["load"] else "",
        )
        for name, one in every.items()
    ]
    head = ("section", "date", "commit", "build", "took, s", "load at its end")
    return "## Sections\n\n" + table(head, rows)
