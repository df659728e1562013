"""docs/concepts/processors.md: its code runs, and its tables say what the targets' files say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from twins.places import BENCHMARKS, ROOT

import flash
from flash.hardware import Target

PAGE = ROOT / "docs" / "concepts" / "processors.md"
MEASURED = BENCHMARKS / "calibration" / "kinds" / "imagenet.json"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the repository is not here")


def test_its_code_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "resnet on raspberry-pi-3b: OPTIMAL" in out
    assert "resnet on mine: OPTIMAL" in out
    assert "'latency_ms': (" in out


def rows(first: str) -> list[list[str]]:
    """The cells of a table's rows, after its head."""
    lines = PAGE.read_text(encoding="utf-8").partition(first)[2].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip(" `*") for cell in line.strip("|").split("|")])
    return found


def test_powers() -> None:
    table = rows("| target | busy, W")
    assert [one[0] for one in table] == ["raspberry-pi-3b", "odroid-mc1"]
    for name, busy, published, idle, _ in table:
        own = (Target.load(name).provenance or {})["power_w"]
        assert float(busy) == pytest.approx(own["busy"], rel=5e-3)
        assert [float(one) for one in published.split(" to ")] == pytest.approx(
            own["range"], rel=5e-3
        )
        assert float(idle) == own["idle"]


def test_errors_at_imagenets_sizes() -> None:
    """They are those of the files: seen by no fit, and left out."""

    def said(one: dict[str, Any]) -> str:
        held = f", {one['covered_pct']:.0f} %" if "covered_pct" in one else ""
        return f"{one['error_pct']:.1f} ({one['bias_pct']:+.1f}){held}"

    own, torch = (
        (Target.load(name).residuals or {})["default"]["imagenet"]
        for name in ("cpu-x86", "cpu-x86-torch")
    )
    table = rows("| | networks | `cpu-x86`, before")
    assert {one[0] for one in table} == set(own["not_fitted"]["by_part"])
    for part, count, *errors in table:
        first = own["not_fitted"]["by_part"][part]
        assert int(count) == first["networks"]
        others = own["left_out"][part], torch["not_fitted"]["by_part"][part]
        assert errors == [said(one) for one in (first, *others)]


@pytest.mark.skipif(not MEASURED.exists(), reason="the measurements are in the repository")
@pytest.mark.parametrize("name", ["cpu-x86", "cpu-x86-torch"])
def test_what_was_measured_is_within_and_nothing_else_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.calibration.kinds import imagenet

    networks = imagenet.networks()
    assert len(networks) == 24
    assert set(json.loads(MEASURED.read_text())["times"]) == {*networks, *imagenet.ANCHORS}
    assert {net.resolution for net in networks.values()} == set(imagenet.SIDES)
    target = Target.load(name)
    for title, net in networks.items():
        assert net.num_classes == 1000
        outside = [one for one in target.cost(net).flags if "outside" in one or "unlike" in one]
        # the fit may place a network a little beyond the latency that was measured
        assert all(one.startswith("latency_ms") for one in outside), title
    wide = flash.WideResNet(resolution=224, num_classes=1000)
    largest = wide.decode([length - 1 for length in wide.lengths])
    flags = target.cost(largest).flags
    assert any(one.startswith("macs ") and "outside the calibrated range" in one for one in flags)
    finer = flash.ResNet(resolution=448, num_classes=1000)
    flags = target.cost(finer.decode([0] * len(finer.lengths))).flags
    assert any(one.startswith("resolution 448 is outside") for one in flags)
