"""What a Raspberry Pi 3B would take, by counted instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from benchmarks.report.section import Line, Options, Told


def measure(fragment: str, options: Options) -> dict[str, Any] | None:
    """Count; a quick run does not."""
    from benchmarks.aarch64.counting import measure as count

    return None if options.quick else count()


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return the instructions of a fresh process, and seconds by estimate."""
    counted, emulated = told.get("aarch64"), told.get("emulated")
    text = "" if counted is None or "skipped" in counted else _counted(counted)
    return text + (_emulated(emulated["aarch64"]) if emulated and text else "")


def _emulated(found: dict[str, Any]) -> str:
    counts = [(name, f"{count:,}") for name, count in found["instructions"].items()]
    seconds = [
        (name, f"{cpi:.2f}", found["pi3b_s"][name], found["pi3b_with_kernel_s"][name])
        for name, cpi in found["cpi"].items()
    ]
    return (
        "\nBuilt for aarch64 and run emulated "
        "(`python -m benchmarks.aarch64 --root FOLDER --keep`): "
        f"flash {found['build']['version']}, {found['build']['compiler']}; "
        f"{found['equal_results']} searches with the same bits as here ({found['host_simd']}). Its "
        "own instructions:\n\n"
        + table(("phase", "instructions"), counts)
        + "\n"
        + table(("cycles per instruction", "", "s", "with the kernel's share, s"), seconds)
    )


def _counted(told: dict[str, Any]) -> str:
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
    write,
    measure,
    ("aarch64",),
    kept={"emulated": HERE / "aarch64" / "emulated.json"},
    claims=claims,
    whose={"Raspberry Pi 3B": "FLASH's paper"},
)
