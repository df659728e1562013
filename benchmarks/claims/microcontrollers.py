"""Published latencies, memory and flash of microcontrollers beside what the targets say.

    python -m benchmarks.claims.microcontrollers [--json out.json]

Nothing is measured here. Figures that rates are from are marked "in"; the others were not used.
Where a board runs at another clock than the target, the target's cycles are taken at that clock.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash
from benchmarks.common.files import write_json
from benchmarks.models.tiny_networks import NETWORKS, mobilenet_v2, person_detection

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]

KRAI = "mlcommons/tiny_results_v1.1, closed/Krai"
PLUMERAI = "mlcommons/tiny_results_v1.1, closed/plumerai"
TINYENGINE = "mit-han-lab/tinyengine, README"
USED = ("IC", "KWS", "AD")
# target, board, MHz, runtime, source, whether rates are from it, milliseconds of IC, KWS, VWW, AD
BOARDS: list[tuple[str, str, float, str, str, bool, tuple[float, ...]]] = [
    ("cortex-m4", "NUCLEO-L4R5ZI", 120, "X-CUBE-AI 8.0", KRAI, True,
     (1e3 / 4.505, 1e3 / 13.759, 1e3 / 4.522, 1e3 / 131.950)),
    ("cortex-m4", "NUCLEO-L4R5ZI", 120, "microTVM, CMSIS-NN", KRAI, False,
     (1e3 / 2.567, 1e3 / 10.019, 1e3 / 3.324, 1e3 / 116.212)),
    ("cortex-m4", "NUCLEO-L4R5ZI", 120, "Plumerai", PLUMERAI, False, (167.76, 47.78, 98.76, 4.05)),
    ("cortex-m7", "NUCLEO-H7A3ZI", 280, "X-CUBE-AI 8.0", KRAI, True,
     (1e3 / 18.215, 1e3 / 60.988, 1e3 / 19.867, 1e3 / 547.234)),
    ("cortex-m7", "DISCO-F746NG", 216, "Plumerai", PLUMERAI, False, (62.88, 17.75, 34.08, 1.71)),
    ("cortex-m7", "NUCLEO-H7A3ZI", 280, "Plumerai", PLUMERAI, False, (50.93, 13.86, 26.82, 1.35)),
]  # fmt: skip


def latencies() -> Iterator[dict[str, Any]]:
    """Yield each published latency beside what the target says."""
    tiny = {name: made() for name, made in NETWORKS.items()}
    for target, board, clock, runtime, source, used, published in BOARDS:
        for name, ms in zip(("IC", "KWS", "VWW", "AD"), published, strict=True):
            own = used and name in USED
            yield _row(target, board, clock, runtime, source, name, tiny[name], ms, own)
    small = mobilenet_v2(0.35, 144, last=448)
    for runtime, ms in (("X-CUBE-AI 7.3", 118.0), ("TinyEngine", 124.0)):
        yield _row(
            "cortex-m7", "STM32H743", 480, runtime, TINYENGINE, "mbv2-w0.35 at 144", small, ms
        )
    yield _row(
        "esp32-s3", "ESP32-S3", 240, "TFLM, ESP-NN", "espressif/esp-tflite-micro, README",
        "person detection", person_detection(), 54.0,
    )  # fmt: skip


def _row(
    target: str, board: str, clock: float, runtime: str, source: str, name: str, net: Any,
    published: float, used: bool = False,
) -> dict[str, Any]:  # fmt: skip
    device = flash.Target.load(target)
    own = device.cost(net).latency_ms * (device.parameters or {})["clock_mhz"] / clock
    return {
        "target": target,
        "board": board,
        "mhz": clock,
        "runtime": runtime,
        "source": source,
        "network": name,
        "rates_from_it": used,
        "published_ms": round(published, 3),
        "flash_ms": round(own, 3),
        "error_pct": round(100 * (own / published - 1), 1),
    }


def memory() -> list[dict[str, Any]]:
    """Return published memory of MobileNetV2 of width 0.35 beside what is counted, in kB."""
    cost = flash.Target.load("cortex-m7").cost(mobilenet_v2(0.35, 144, last=448))
    counted = {"sram": (cost.peak_memory_kib or 0) * 1.024, "flash": cost.weights_kib * 1.024}
    published = [
        ("TinyEngine, STM32F746 (mit-han-lab/mcunet, README, mbv2-320kB)", 308, 862),
        ("TinyEngine, STM32H743 (mit-han-lab/tinyengine, README)", 295, 839),
        ("X-CUBE-AI 7.3, STM32H743 (mit-han-lab/tinyengine, README)", 296, 857),
    ]
    return [
        {"source": source, "what": what, "published_kb": kb, "counted_kb": round(counted[what], 1)}
        for source, *both in published
        for what, kb in zip(("sram", "flash"), both, strict=True)
    ]


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path)
    out = parser.parse_args(words).json
    rows, stored = list(latencies()), memory()
    print(f"{'target':11} {'board':14} {'MHz':>4} {'runtime':19} {'network':18} "
          f"{'published':>10} {'flash':>9} {'error':>8}")  # fmt: skip
    for one in rows:
        print(
            f"{one['target']:11} {one['board']:14} {one['mhz']:4.0f} {one['runtime']:19} "
            f"{one['network']:18} {one['published_ms']:7.2f} ms {one['flash_ms']:6.2f} ms "
            f"{one['error_pct']:+7.1f}%{' in' if one['rates_from_it'] else ''}"
        )
    for one in stored:
        print(f"{one['source']}: {one['what']} {one['published_kb']} kB, "
              f"counted {one['counted_kb']} kB")  # fmt: skip
    if out is not None:
        write_json(out, {"latencies": rows, "memory": stored})


if __name__ == "__main__":
    main()
