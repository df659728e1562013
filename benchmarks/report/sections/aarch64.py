"""What a Raspberry Pi 3B would take, by counted instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import table
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Options, Told


def measure(fragment: str, options: Options) -> dict[str, Any] | None:
    """Count; a quick run does not."""
    from benchmarks.aarch64.counting import measure as count

    return None if options.quick else count()


def write(told: dict[str, Any]) -> str:
    """Return the instructions of a fresh process, and seconds by estimate."""
    if "skipped" in told:
        return ""
    phases = [(name, f"{count:,}") for name, count in told["instructions"].items()]
    estimates = [
        (name, f"{cpi:.2f}", told["pi3b_s"][name], told["pi3b_with_kernel_s"][name])
        for name, cpi in told["cpi"].items()
    ]
    return (
        "## Raspberry Pi 3B, an estimate\n\nInstructions of a fresh process, counted by callgrind "
        "(portable kernels), each phase above the one before:\n\n"
        + table(("phase", "instructions"), phases)
        + "\n"
        + table(("cycles per instruction", "", "s", "with the kernel's share, s"), estimates)
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield that the paper's time is kept."""
    counted = told.get("aarch64")
    text = holds = None
    if counted and "skipped" not in counted:
        least, most = (f(counted["pi3b_with_kernel_s"].values()) for f in (min, max))
        text, holds = f"{least:.2g} to {most:.2g} s", most < counted["paper_s"]
    yield "Raspberry Pi 3B, fresh process, estimate", "the paper's 3 s", text, holds


SECTION = Section(
    of_one("aarch64", write),
    measure,
    ("aarch64",),
    claims=claims,
    whose={"Raspberry Pi 3B": "FLASH's paper"},
)
