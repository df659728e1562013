"""MnasNet and FBNet as the claims about HAO have them, and what the FPGA model was fitted on."""

from __future__ import annotations

import json

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("name", ["mobilenet-v2", "mnasnet-a1", "mnasnet-b1", "fbnet-c"])
def test_as_many_multiply_accumulates_and_parameters_as_published(name: str) -> None:
    from benchmarks.claims.mobile_networks import PUBLISHED, network

    macs, params = PUBLISHED[name]
    found = network(name)
    assert found.macs / 1e6 == pytest.approx(macs, rel=0.01)
    assert found.params / 1e6 == pytest.approx(params, rel=0.035)


def test_the_shipped_targets_have_what_was_fitted() -> None:
    import numpy as np

    from benchmarks.calibration.fpga_dpu import KEPT, PUBLISHED, fitted, networks, ratios_of
    from flash.hardware import Target

    told = json.loads(KEPT.read_text(encoding="utf-8"))
    for name in ("fpga-zu3eg", "fpga-zu7ev", "fpga-zu9eg", "fpga-k26", "fpga-z7020", "fpga-u200"):
        target = Target.load(name)
        parameters = target.parameters or {}
        own = target.coefficients["default"]["latency_ms"]
        moved = own["bits_moved"] * parameters["bandwidth_gb_s"] * 8e6
        assert moved == pytest.approx(told["unhidden"], rel=1e-5)
        assert own["layers"] == pytest.approx(told["layer_ms"], abs=1e-5)
        factor = parameters["published_factor"]
        assert factor["high"] == pytest.approx(told["held_out"]["high"], abs=0.005)
        assert factor["low"] == pytest.approx(told["held_out"]["low"], abs=0.005)
    assert set(networks()) == set(PUBLISHED)
    # made of known terms, the fit finds them
    parts = np.array([[2.0, 1.0, 20.0], [5.0, 3.0, 50.0], [1.0, 0.2, 30.0], [9.0, 1.0, 10.0]])
    published = parts @ np.array([1.0, 0.4, 0.02])
    assert fitted(parts, published) == pytest.approx([0.4, 0.02])
    assert ratios_of(parts, np.array([0.4, 0.02]), published) == pytest.approx([1.0] * 4)
