"""docs/howto/microcontrollers.md: its code runs, and its tables say what the targets' files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twins.places import ROOT

from flash.hardware import Target

PAGE = ROOT / "docs" / "howto" / "microcontrollers.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the repository is not here")
NAMES = ("cortex-m4", "cortex-m7", "cortex-m55", "esp32-s3")


def test_its_code_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "mobilenet-v2 on cortex-m7: OPTIMAL" in out
    assert "{'max_memory_kib': 4096.0}" in out
    assert "none within the budgets has a higher macs" in out
    assert "mcunet on board: OPTIMAL" in out


def rows(first: str) -> list[list[str]]:
    """The cells of the table's rows that begin with a target's name, after a heading."""
    text = PAGE.read_text(encoding="utf-8").partition(first)[2]
    found = []
    for line in text.splitlines():
        if line.startswith("| `"):
            found.append([cell.strip(" `") for cell in line.strip("|").split("|")])
        elif found:
            break
    return found


def test_what_devices_have() -> None:
    table = rows("| target | device")
    assert tuple(one[0] for one in table) == NAMES
    for name, _, clock, *sizes, _ in table:
        own = Target.load(name).parameters or {}
        assert float(clock.removesuffix(" MHz")) == own["clock_mhz"]
        keys = ("sram_kib", "sram_taken_kib", "flash_kib", "flash_taken_kib")
        assert [float(one) for one in sizes] == [own.get(key, 0) for key in keys]


def test_rates() -> None:
    table = rows("| | convolution")
    assert tuple(one[0] for one in table) == NAMES
    kinds = ("conv", "pointwise", "image", "depthwise", "linear")
    keys = (*(f"macs_{kind}" for kind in kinds), "outputs")
    for name, *cycles in table:
        target = Target.load(name)
        own = target.coefficients["default"]["latency_ms"]
        clock = (target.parameters or {})["clock_mhz"] * 1e3
        rates = [own.get(key, 0.0) * clock for key in keys]
        assert [float(one) for one in cycles] == pytest.approx(rates, rel=5e-3)
