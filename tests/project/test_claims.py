"""Claims of papers: what a verdict rests on, and the tables."""

from __future__ import annotations

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


DECIDED = [
    ((2.9, 3.4), 2.78, {}, "reproduced"),
    ((2.0, 2.9), 2.78, {}, "reproduced in kind"),
    ((2.0, 2.7), 2.78, {}, "reproduced in kind, less in size"),
    ((0.8, 3.0), 2.78, {}, "not decided: the interval holds both"),
    ((0.8, 1.2), 2.78, {}, "refuted in size; no effect shown"),
    ((0.7, 0.9), 2.78, {}, "refuted"),
    ((0.1, 0.2), 0.5, {"less": True}, "reproduced"),
    ((0.6, 0.9), 0.5, {"less": True}, "reproduced in kind, less in size"),
    ((1.1, 1.3), 0.5, {"less": True}, "refuted"),
    ((0.5, 2.0), 1.8, {"neutral": 0.0}, "reproduced in kind"),
    ((5.0, 9.0), 2.0, {"bound": "cut short"}, "bound only: cut short"),
]


@pytest.mark.parametrize(("interval", "figure", "how", "said"), DECIDED)
def test_a_verdict_rests_on_the_near_end(interval, figure, how, said):
    from benchmarks.claims.claim import judged

    assert judged(interval, figure, **how) == said


def test_the_far_end_reproduces_nothing():
    """What the issue's fault was: 2.39 [2.01, 2.89] passed for 2.78 by its far end."""
    from benchmarks.claims.claim import judged

    assert judged((2.01, 2.89), 2.78) != "reproduced"


def test_tables_are_of_the_systems_that_were_measured():
    from benchmarks.claims.claim import Claim
    from benchmarks.report.sections.papers import SECTION

    claim = Claim("fewer", "64 %", "61 %", (0.6, 0.62), 10, "refuted", "nothing")
    written = SECTION.write({"papers-fp-nas": [claim._asdict()]}, ())
    assert "### FP-NAS, claim by claim" in written
    assert "| fewer | 64 % | 61 % | 0.6 to 0.62 | 10 | refuted | nothing |" in written
    assert "HURRICANE" not in written
    assert SECTION.write({}, ()) == ""
