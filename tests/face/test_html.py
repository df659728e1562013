"""What objects show in a notebook: well-formed HTML, all text escaped, nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import flash
from flash.base.html import STYLE, facts, page
from flash.base.record import Shown
from flash.precision.measured import MeasuredChoice
from flash.precision.table import Sensitivity
from flash.predictors.evidence import Report, ReportRow
from flash.problem.compiling import compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable

NASTY = "<b onclick=\"x\">&amp;'x'</b>"
SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])
FACTS = {"batch": 1, "threads": 1, "versions": {"torch": "2.13"}, "cpu": NASTY, "dtype": "float32"}
MEASURED = flash.Measurement(
    NASTY, "torch", "cpu", *([1.0] * 6), 0.5, 10, 6, 3, True, None, "no counter", FACTS
)


class Reader(HTMLParser):
    """Reads a page strictly: every tag closed in turn, tables of cells only."""

    inside: ClassVar = {"tr": "table", "td": "tr", "th": "tr"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"class", "colspan"}
        if tag == "br":
            return
        assert tag not in self.inside or self.open[-1] == self.inside[tag]
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] == "style":
            return
        self.texts.append(data)
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert reader.tags <= {"div", "style", "p", "table", "tr", "td", "th", "br"}
    return reader


NETS = flash.DenseNet().sample(12, seed=1)
ACCURACIES = [0.8 + 0.01 * n for n in range(12)]
CHOICES = flash.ChoiceProblem.from_arrays({"loss": [[3, 1], [4, 2]], "ms": [[1, 2], [1, 4]]})
OBJECTS: dict[str, Callable[[], Any]] = {
    "result": lambda: flash.search(SPACE, "rram", max_latency_ms=4.0),
    "refusal": lambda: flash.search(SPACE, "rram", max_latency_ms=1e-6),
    "codesign": lambda: flash.search(flash.ResNet(depths=1), "fpga-zu3eg", codesign=True),
    "pnas": lambda: flash.search(flash.PNASCells(1), "cpu-x86", method="random", max_evals=3),
    "fleet": lambda: flash.search(SPACE, ["rram"] * 25),
    "front": lambda: flash.pareto(SPACE, "rram"),
    "sweep": lambda: flash.sweep(SPACE, "rram", top=12),
    "comparison": lambda: flash.compare(SPACE, "rram", methods=["random"], seeds=1, max_evals=3),
    "suggestion": lambda: flash.suggest(SPACE, "rram", [(0, 0.5)], n=2, max_latency_ms=9.0),
    "table": lambda: flash.evaluate(SPACE, "rram", range(30)),
    "target": lambda: flash.Target.load("rram"),
    "uncalibrated": lambda: flash.Target.load("fpga-k26"),
    "space": lambda: SPACE,
    "mobile": lambda: flash.MobileNetV2(num_classes=100),
    "cells": flash.PNASCells,
    "bypass": flash.BypassSpace,
    "architecture": lambda: SPACE.decode(3),
    "network": lambda: SPACE.decode(3).network(),
    "cell network": lambda: flash.PNASCells(1).decode(0),
    "cost": lambda: flash.Target.load("rram").cost(SPACE.decode(3)),
    "measurement": lambda: MEASURED,
    "predictor": lambda: flash.AccuracyPredictor.fit(
        flash.DenseNet().sample(12, seed=1), ACCURACIES
    ),
    "by hand": lambda: flash.AccuracyPredictor(1.0, 0.5, 0.1),
    "problem of choices": lambda: CHOICES,
    "choice": lambda: flash.choose(CHOICES, minimize="loss", where="ms <= 5", k=3),
    "choice front": lambda: flash.pareto(CHOICES, minimize=["loss", "ms"]),
    "choice sweep": lambda: flash.sweep(CHOICES, minimize="loss", where="ms <= 5"),
    "report": lambda: Report((ReportRow("topology", 0.01, None),), 8, 7),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_has_a_page(name: str) -> None:
    text = OBJECTS[name]()._repr_html_()
    assert read(text).rows
    assert not re.search(r"<script|https?:|<img|<link|url\(", text)
    assert len(text) < 20_000


def _task() -> flash.Task:
    """Return the task that a method of one's own is given."""
    given: list[flash.Task] = []

    def method(task: flash.Task) -> None:
        given.append(task)
        task.evaluate(task.draw(3))

    flash.search(SPACE, "rram", method=method, max_evals=3)
    return given[0]


def _sensitivities() -> flash.Sensitivities:
    row = Sensitivity(NASTY, 4, 0.5, None, 1.0, 8, 2, 3, 0.1)
    return flash.Sensitivities("loss", 1.0, 10, 0.5, (row,))


# How one of each public class is made, where `OBJECTS` has none.
ONE: dict[str, Callable[[], Any]] = {
    "Cell": lambda: flash.Cell(16, 4),
    "Evaluator": flash.Evaluator,
    "Layer": lambda: flash.Layer("conv", 3, 16, 32, 32, 3),
    "MeasuredChoices": lambda: flash.MeasuredChoices(
        1.0, 10, (MeasuredChoice({NASTY: 4}, 0.5, None, 0),), 0.0, None
    ),
    "MethodOption": lambda: flash.MethodOption(3, 1, 5, about=NASTY),
    "Option": lambda: flash.Option(lambda in_channels, out_channels, stride, *, k=(3, 5): []),
    "Plugin": lambda: flash.Plugin(NASTY, None, (("space", NASTY),), NASTY),
    "PredictorEvaluator": flash.PredictorEvaluator,
    "Problem": lambda: compile_problem(SPACE, flash.Target.load("rram")),
    "Range": lambda: flash.Range(0, 127, unit="width/32"),
    "Sensitivities": _sensitivities,
    "Stage": lambda: flash.Stage({"skip": None}, [16, 24], name="body"),
    "TableEvaluator": lambda: flash.TableEvaluator({NASTY: 0.5}),
    "Task": _task,
    "Together": lambda: flash.together(pi="raspberry-pi-4", phone="pixel-3"),
    "BlockSpace": lambda: flash.ViT(),
    "BlockNetwork": lambda: flash.ViT().decode(0),
}
# Of these one takes a training or torch: that they show as those above do is all that is looked at.
DEAR = {"Explorer", "Supernet", "SupernetEvaluator", "TrainingEvaluator"}


def test_every_public_class_shows_itself() -> None:
    classes = {name: one for name in flash.__all__ if isinstance(one := getattr(flash, name), type)}
    classes = {name: one for name, one in classes.items() if not issubclass(one, Exception)}
    made = {type(thing).__name__: thing for thing in (make() for make in OBJECTS.values())}
    made |= {name: make() for name, make in ONE.items()}
    for name, cls in classes.items():
        assert issubclass(cls, Shown), name
        if name in DEAR:
            continue
        known = [one for one in made.values() if isinstance(one, cls)]
        assert known, f"no {name} is looked at here"
        for one in known:
            text = one._repr_html_()
            read(text)
            assert "<b" not in text.replace("<br>", "")
            assert len(text) < 20_000
            assert one._line() == one._line()


def test_the_largest_are_capped() -> None:
    rows = [["a", "b"], *([str(n), "x" * 5000] for n in range(10_000))]
    text = page([(rows, 0, True), "y" * 10**6])
    assert len(text) < 80_000
    assert "... 9,940 more ..." in text


def test_what_listens_hears_what_shows_itself() -> None:
    heard: list[Any] = []
    flash.search(SPACE, "rram", callback=lambda event: bool(heard.append(event)))
    assert read(heard[0]._repr_html_()).rows


@pytest.mark.parametrize(
    "name", ["result", "refusal", "codesign", "pnas", "fleet", "front", "sweep", "comparison",
             "choice", "choice front", "choice sweep"],
)  # fmt: skip
def test_the_page_says_what_print_says(name: str) -> None:
    one = OBJECTS[name]()
    reader = read(one._repr_html_())
    said = re.sub(r"\s+", " ", " ".join(reader.texts))
    for word in str(one).split():
        assert word in said


def test_numbers_are_in_cells_of_their_own() -> None:
    result = OBJECTS["result"]()
    rows = read(result._repr_html_()).rows
    assert rows[0] == ["cell", "width", "depth", "skips", "NN-Degree", "share"]
    cells = result.architecture.cells
    assert [row[:4] for row in rows[1:4]] == [
        [str(k), str(cell.width), str(cell.depth), str(cell.skips)]
        for k, cell in enumerate(cells, 1)
    ]
    table = OBJECTS["table"]()
    rows = read(table._repr_html_()).rows
    assert rows[0] == ["", *table]
    assert rows[11] == ["... 10 more ..."]
    assert len(rows) == 22
    network = OBJECTS["network"]()
    assert len(read(network._repr_html_()).rows) == 1 + len(network)


def test_text_is_escaped() -> None:
    target = flash.Target.load("rram").replace(name=NASTY, description=NASTY)
    problem = flash.ChoiceProblem({NASTY: ["a", NASTY]}, {"loss": [2, 1], "ms": [1, 2]})
    chosen = flash.choose(problem, minimize="loss")
    for one in (target, flash.search(SPACE, target), flash.pareto(SPACE, target), MEASURED, chosen):
        text = one._repr_html_()
        assert "<b" not in text
        assert any(NASTY in said for said in read(text).texts)


def test_notes_of_a_file_may_be_anything() -> None:
    target = flash.Target.load("rram")
    for notes in (None, {}, {"default": 3}, {"default": {"networks": "many", "held_out": []}}):
        assert read(target.replace(residuals=notes)._repr_html_()).rows


def test_parts() -> None:
    parts = ["one\ntwo", "", ([["a", "b"], "all", ["1", "<"]], 1, True), facts({"x": 1, "y": None})]
    assert page(parts) == (
        f'<div class="flash"><style>{STYLE}</style><p>one<br>two</p><table>'
        '<tr><th class="l">a</th><th>b</th></tr><tr><td class="l" colspan="2">all</td></tr>'
        '<tr><td class="l">1</td><td>&lt;</td></tr></table>'
        '<table><tr><td class="l">x</td><td class="l">1</td></tr></table></div>'
    )
