"""The report's section on co-design: what was measured, in words that follow from the numbers."""

from __future__ import annotations

import json

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def test_the_section_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections.codesign import claims, write

    assert write({}, []) == ""
    told = json.loads((ROOT / "benchmarks" / "claims" / "codesign.json").read_text())
    text = write({"codesign": told}, [])
    for row in told["proofs"]:
        assert f"{row['joint']:.2g}" in text
        assert f"({1e3 * row['median_s']:.3g})" in text
    assert f"{told['ilp']['equal']} of {told['ilp']['cases']}" in text
    assert all(row["equal"] for row in told["ilp"]["large"])
    assert "Within 3 % on every layer: yes" in text
    found = list(claims({"codesign": told}))
    assert all(measured is not None for _, _, measured, _ in found)
    assert sum(row["joint"] >= 1e13 for row in told["proofs"]) == sum(
        claim.startswith("co-design, ") for claim, *_ in found
    )
    assert all(measured is None for _, _, measured, _ in claims({}))
    told["scale_sim"][0]["most"] = 0.5
    told["ilp"]["equal"] = 199
    del told["fronts"]
    changed = {"codesign": told}
    assert "Within 3 % on every layer: no" in write(changed, [])
    assert "fronts: not measured." in write(changed, [])
    judged = {claim: holds for claim, _, _, holds in claims(changed)}
    assert judged["HAO's integer program against enumeration, random cases"] is False
    assert judged["chosen systolic arrays, cycles against SCALE-Sim"] is False
    assert judged["HAO's sampled front, hypervolume of the exact one"] is None
