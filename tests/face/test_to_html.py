"""`to_html` of every object that has it: one page, well-formed, escaped, the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twins.pages import read_page

import flash
from flash.base.pages import MOST_BYTES
from flash.base.record import Reported
from flash.charts.chart import Chart
from flash.precision.measured import MeasuredChoice
from flash.precision.table import Sensitivity
from flash.training.results import TrainedNetwork, TrainingResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NASTY = "<script>alert('x')</script>"
SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])
METRICS = {"loss": [2, 1, 3, 4], "ms": [1, 2, 1, 4]}
CHOICES = flash.ChoiceProblem({NASTY: ["a", NASTY], "g": ["b", "c"]}, METRICS)
NETS = flash.DenseNet().sample(12, seed=1)


def _target() -> flash.Target:
    return flash.Target.load("rram").replace(name=NASTY, description=NASTY)


def _sensitivities() -> flash.Sensitivities:
    rows = [Sensitivity(NASTY, bits, 0.5 / bits, None, 1.0, 8, 2, 3, 0.1) for bits in (4, 8)]
    return flash.Sensitivities("loss", 1.0, 10, 0.5, tuple(rows), (NASTY,))


def _trained() -> TrainingResult:
    facts = {"device": NASTY, "recipe": {"epochs": 1}}
    made = [
        TrainedNetwork(n, 0, 0, net, 0.5 + n / 100, 0.3, None, 1.5, facts)
        for n, net in enumerate(NETS[:3])
    ]
    return TrainingResult(tuple(made), NASTY)


MADE: dict[str, Callable[[], Any]] = {
    "SearchResult": lambda: flash.search(SPACE, _target(), max_latency_ms=4.0, k=3),
    "refusal": lambda: flash.search(SPACE, _target(), max_latency_ms=1e-6),
    "codesign": lambda: flash.search(flash.ResNet(depths=1), "fpga-zu3eg", codesign=True),
    "FleetResult": lambda: flash.search(SPACE, [_target(), flash.Target.load("rram")]),
    "nothing": flash.FleetResult,
    "ParetoFront": lambda: flash.pareto(SPACE, _target()),
    "empty front": lambda: flash.pareto(SPACE, "rram", max_latency_ms=1e-6),
    "SweepResult": lambda: flash.sweep(SPACE, _target(), top=3, pareto=["accuracy", "latency_ms"]),
    "Comparison": lambda: flash.compare(SPACE, _target(), methods=["random"], seeds=2, max_evals=3),
    "Suggestion": lambda: flash.suggest(SPACE, "rram", [(0, 0.5)], n=2, max_latency_ms=9.0),
    "Table": lambda: flash.evaluate(SPACE, "rram", range(30)),
    "Target": _target,
    "tiles": lambda: flash.Target.load("rram-neurosim"),
    "Cost": lambda: _target().cost(SPACE.decode(3)),
    "Measurement": lambda: flash.Measurement(
        NASTY, "torch", "cpu", *([1.0] * 6), 0.5, 10, 6, 3, True, None, NASTY, {"cpu": NASTY}
    ),
    "AccuracyPredictor": lambda: flash.AccuracyPredictor.fit(
        NETS, [0.8 + 0.01 * n for n in range(12)], provenance={"from": NASTY}
    ),
    "by hand": lambda: flash.AccuracyPredictor(1.0, 0.5, 0.1),
    "ChoiceResult": lambda: flash.choose(CHOICES, minimize="loss", where="ms <= 5", k=3),
    "no choice": lambda: flash.choose(CHOICES, minimize="loss", where="ms <= 1"),
    "ChoiceFront": lambda: flash.pareto(CHOICES, minimize=["loss", "ms"]),
    "ChoiceSweep": lambda: flash.sweep(CHOICES, minimize="loss", where="ms <= 5"),
    "Sensitivities": _sensitivities,
    "MeasuredChoices": lambda: flash.MeasuredChoices(
        1.0, 10, (MeasuredChoice({NASTY: 4}, 0.5, None, 0),), 0.0, None
    ),
    "TrainingResult": _trained,
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", MADE)
def test_every_object_has_a_page(name: str) -> None:
    thing = MADE[name]()
    html = thing.to_html()
    assert html == thing.to_html()
    page = read_page(html)
    assert html.count("<script") == 1
    assert NASTY not in html
    assert page.lang == "en"
    assert len(page.titles["h1"]) == 1
    assert page.titles["title"] == page.titles["h1"]
    assert all(source.startswith("#") for source in page.sources)
    assert len(html.encode()) < MOST_BYTES
    drawn = [one for _, items in thing._sections() for one in items if isinstance(one, Chart)]
    assert ("not drawn" in page.text) == bool(drawn)
    if drawn:
        assert "charts need matplotlib: not here" in page.text


def test_all_that_report_have_been_looked_at() -> None:
    classes = {getattr(flash, name) for name in flash.__all__}
    reported = {
        one.__name__ for one in classes if isinstance(one, type) and issubclass(one, Reported)
    }
    assert reported | {"TrainingResult"} <= MADE.keys()


def test_charts_are_in_it() -> None:
    pytest.importorskip("matplotlib")
    html = flash.search(SPACE, _target(), max_latency_ms=4.0).to_html()
    page = read_page(html)
    assert html.count("<svg") >= 1
    assert "not drawn" not in page.text
    assert all(source.startswith("#") for source in page.sources)
    assert NASTY not in html


@pytest.mark.usefixtures("undrawn")
def test_a_large_front_is_cut_and_says_so() -> None:
    front = flash.pareto("densenet", "rram")
    page = read_page(front.to_html())
    assert f"1,000 of {len(front):,} points, at even distances" in page.text
    assert "front.to_frame()" in page.text
    assert "knee" in page.texts


@pytest.mark.usefixtures("undrawn")
def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    table = MADE["Table"]()
    path = tmp_path / "a.html"
    assert table.to_html(path) == path.read_text(encoding="utf-8")
    with pytest.raises(OSError, match="none"):
        table.to_html(tmp_path / "none" / "a.html")
    with pytest.raises(flash.FlashError, match="path must be a path, got 3"):
        table.to_html(3)
    with pytest.raises(flash.FlashError, match="cdn must be"):
        table.to_html(path, cdn="yes")
    assert list(tmp_path.iterdir()) == [path]


def test_charts_that_answer_the_mouse_are_loaded_by_a_checked_address() -> None:
    pytest.importorskip("plotly")
    chosen = MADE["ChoiceFront"]()
    html = chosen.to_html(cdn=True)
    assert html == chosen.to_html(cdn=True)
    assert html.count("https://") == 2  # the script, and the policy that lets it be loaded
    assert 'integrity="sha384-' in html
    assert 'crossorigin="anonymous"' in html
    assert NASTY not in html


@pytest.mark.usefixtures("undrawn")
def test_a_cost_s_page_may_have_the_longest_layers_alone() -> None:
    cost = _target().cost(SPACE.decode(3))
    html = cost.to_html(top=2)
    assert f"{len(cost.by_layer) - 2} more" in html
    again = flash.Cost.from_json(cost.to_json())
    assert again == cost
    with pytest.raises(flash.FlashError, match="lacks the key"):
        flash.Cost.from_dict({"latency_ms": 1.0})
