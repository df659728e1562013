"""The explorer in a real browser: what a person does there, and what is then to be seen."""

from __future__ import annotations

import csv
import io
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from exploring.conftest import settled, until

import flash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

SPACE = flash.DenseNet(width_multipliers=[1, 2], depths=[4, 5, 6, 8], skips=[0, 8, 16, 32])


def scales(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("window.flashExplore.settings().scales")  # type: ignore[no-any-return]


def budgets(page: Page) -> dict[str, float]:
    """Return the budgets that the page shows."""
    texts = page.eval_on_selector_all("input[id^=limit-]", "all => all.map(one => one.value)")
    known = zip(scales(page), texts, strict=True)
    shown = {scale["key"]: float(text.replace(",", "")) for scale, text in known if text}
    return {name: value for name, value in shown.items() if name.startswith(("max_", "min_"))}


def shown(page: Page, number: int = 0) -> tuple[str, dict[str, str]]:
    """Return the headline and the numbers of a card."""
    rows = page.eval_on_selector_all(
        f"#measures-{number} tr", "all => all.map(row => [...row.cells].map(one => one.innerText))"
    )
    return page.inner_text(f"#headline-{number}"), {row[0]: row[1] for row in rows}


def network(page: Page) -> list[list[str]]:
    """Return the table of the network's cells."""
    return page.eval_on_selector_all(  # type: ignore[no-any-return]
        "#parts table:first-of-type tr",
        "all => all.map(row => [...row.cells].map(c => c.innerText))",
    )


def equals(page: Page, result: flash.SearchResult, number: int = 0) -> None:
    """Check that the page shows a result."""
    headline, numbers = shown(page, number)
    assert result.architecture is not None
    assert headline == f"NN-Degree {result.nn_degree:.6g}"
    assert numbers["parameters"] == f"{result.params:,}"
    assert numbers["MACs"] == f"{result.macs:,}"
    assert numbers["latency"] == f"{result.latency_ms:.6g} ms"
    cells = [[str(one.width), str(one.depth), str(one.skips)] for one in result.architecture.cells]
    assert [row[1:4] for row in network(page)[1:4]] == cells


def drag(page: Page, selector: str, share: float, steps: int = 8) -> None:
    """Drag a slider by the mouse to a share of its length."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    grip = 16.0  # of which the middle moves
    inside = box["width"] - grip
    value, most = (float(page.get_attribute(selector, name) or 0) for name in ("value", "max"))
    value = page.eval_on_selector(selector, "one => Number(one.value)")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + grip / 2 + inside * value / most, y)
    page.mouse.down()
    page.mouse.move(box["x"] + grip / 2 + inside * share, y, steps=steps)
    page.mouse.up()


def test_every_slider_leads_to_what_search_finds(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        equals(page, flash.search(SPACE, "rram"))
        assert "proven optimal" in page.inner_text("#status-0")
        seen = set()
        for i, scale in enumerate(scales(page)):
            if not scale["key"].startswith(("max_", "min_")):
                continue
            drag(page, f"#place-{i}", 0.55)
            settled(page)
            now = budgets(page)
            assert list(now) == [scale["key"]]
            assert scale["low"] < now[scale["key"]] < scale["high"]
            equals(page, flash.search(SPACE, "rram", **now))  # type: ignore[call-overload]
            seen.add(shown(page)[0])
            drag(page, f"#place-{i}", 1.0 if scale["greatest"] else 0.0)
            settled(page)
            assert budgets(page) == {}
        assert len(seen) > 4
        equals(page, flash.search(SPACE, "rram"))


def test_a_number_is_taken_as_it_is_written(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        page.fill("#limit-0", "1.23456")
        page.keyboard.press("Enter")
        settled(page)
        equals(page, flash.search(SPACE, "rram", max_latency_ms=1.23456))
        until(page, "window.location.search.includes('max_latency_ms=1.23456')")
        page.fill("#limit-0", "fast")
        page.keyboard.press("Enter")
        settled(page)
        assert "latency must be a number of ms above 0, as " in page.inner_text("#messages")
        assert "got fast" in page.inner_text("#messages")
        equals(page, flash.search(SPACE, "rram", max_latency_ms=1.23456))  # as before
        assert page.get_attribute("#limit-0", "aria-invalid") == "true"
        page.fill("#limit-0", "-3")
        page.keyboard.press("Enter")
        settled(page)
        assert "got -3" in page.inner_text("#messages")
        page.fill("#limit-0", "1.5m")
        page.keyboard.press("Enter")
        settled(page)
        assert page.inner_text("#messages") == ""
        until(page, "window.location.search.includes('max_latency_ms=1500000')")
        page.fill("#limit-0", "")
        page.keyboard.press("Enter")
        settled(page)
        assert page.inner_text("#messages") == ""
        equals(page, flash.search(SPACE, "rram"))


def test_a_link_gives_the_page_again(at: Callable[..., Any]) -> None:
    query = "max_latency_ms=3&weight_accuracy=1&weight_energy_mj=-0.5&confidence=0.9"
    query += "&where=depth_0+%3D%3D+depth_1&front=accuracy&front=energy_mj&epsilon=0.05"
    with at("densenet", "rram", query=query) as page:
        result = flash.search(
            "densenet", "rram", max_latency_ms=3, objective={"accuracy": 1, "energy_mj": -0.5},
            confidence=0.9, where="depth_0 == depth_1",
        )  # fmt: skip
        assert shown(page)[1]["parameters"] == f"{result.params:,}"
        before = (
            page.url,
            shown(page),
            page.inner_text("#command"),
            page.inner_text("#front-said"),
        )
        assert "flash search" in before[2]
        page.reload()
        settled(page)
        after = (page.url, shown(page), page.inner_text("#command"), page.inner_text("#front-said"))
        assert after == before
        page.click("button[data-copy=link]")
        until(page, "document.getElementById('copied').textContent !== ''")
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        page.click("button[data-copy=command]")
        until(page, "document.getElementById('copied').textContent.includes('command')")
        assert page.evaluate("navigator.clipboard.readText()") == before[2]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("max_latency_ms=much&max_latency=4&front=accuracy", "must be a number"),
        ("source=resnet~cpu-x86&max_latency_ms=4", "the link is of 'resnet~cpu-x86'"),
        ("where=depth_9+%3D%3D+1", "depth_9"),
    ],
)
def test_a_broken_link_is_told_of(at: Callable[..., Any], query: str, told: str) -> None:
    with at(SPACE, "rram", query=query) as page:
        text = page.inner_text("#messages") + page.inner_text("#card-0")
        assert told in text
        drag(page, "#place-1", 0.6)  # and the page lives on
        until(page, "window.location.search.includes('max_energy_mj=')")


def test_a_point_of_the_front_is_gone_to(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        front = flash.pareto(SPACE, "rram")
        assert f"{len(front):,} points" in page.inner_text("#front-said")
        # the point in the middle, where plotly has it on the screen
        place = page.evaluate(
            """() => { const plot = document.querySelector('#front .js-plotly-plot');
              const trace = plot.data.find(one => one.customdata?.length > 2);
              const k = Math.floor(trace.x.length / 2);
              const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
              return { key: trace.customdata[k],
                x: box.x + xaxis._offset + xaxis.d2p(trace.x[k]),
                y: box.y + yaxis._offset + yaxis.d2p(trace.y[k]) }; }"""
        )
        page.mouse.move(place["x"] - 3, place["y"])
        page.mouse.move(place["x"], place["y"])
        page.wait_for_selector("#front .hoverlayer .hovertext")
        assert "cell 1" in page.text_content("#front .hoverlayer")
        page.mouse.click(place["x"], place["y"])
        until(page, "document.getElementById('limit-0').value !== ''")
        settled(page)
        there = front[place["key"]]
        assert budgets(page) == {"max_latency_ms": there.latency_ms}
        equals(page, flash.search(SPACE, "rram", max_latency_ms=there.latency_ms))
        assert shown(page)[1]["latency"] == f"{there.latency_ms:.6g} ms"
        # and by keyboard, from end to end
        page.focus("#along-place")
        page.keyboard.press("End")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(page, f"document.getElementById('limit-0').value !== '{there.latency_ms!r}'")
        settled(page)
        assert budgets(page) == {"max_latency_ms": max(front.values("latency_ms"))}


def test_conflicts_have_ways_out(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram", query="max_latency_ms=0.0001&max_area_mm2=70") as page:
        assert "nothing fits" in page.inner_text("#status-0")
        assert "No network meets the budgets" in page.inner_text("#headline-0")
        assert "latency at most 0.0001 ms" in page.inner_text("#reasons-0 ul")
        page.click("#reasons-0 .remedy >> nth=0")
        until(page, "document.getElementById('status-0').textContent.includes('proven')")
        settled(page)
        equals(page, flash.search(SPACE, "rram", **budgets(page)))  # type: ignore[call-overload]
        page.click("#reasons-0 .binds button >> nth=0")
        until(page, "document.getElementById('limit-0').value === ''")
        settled(page)
        assert "max_latency_ms" not in budgets(page)


def test_what_binds_is_told(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram", query="max_latency_ms=1.0") as page:
        result = flash.search(SPACE, "rram", max_latency_ms=1.0)
        assert result.binding is not None
        assert f"{result.binding['max_latency_ms']['unlimited']:.6g}" in page.inner_text(
            "#reasons-0 .binds"
        )


EXPORTS: dict[str, Callable[[bytes, flash.SearchResult], bool]] = {
    "json": lambda data, result: flash.SearchResult.from_json(data.decode()).index == result.index,
    "table": lambda data, result: str(result.params) in data.decode(),
    "front-json": lambda data, result: len(flash.ParetoFront.from_json(data.decode())) > 2,
    "front-table": lambda data, result: len([*csv.reader(io.StringIO(data.decode()))]) > 3,
    "front-svg": lambda data, result: data.startswith(b"<") and b"</svg>" in data,
    "front-png": lambda data, result: data.startswith(b"\x89PNG"),
    "network-svg": lambda data, result: b"</svg>" in data,
    "network-png": lambda data, result: data.startswith(b"\x89PNG"),
}


def test_all_is_saved(at: Callable[..., Any], tmp_path: Path) -> None:
    with at(SPACE, "rram", query="max_latency_ms=1.0") as page:
        result = flash.search(SPACE, "rram", max_latency_ms=1.0)
        page.click("#saves > summary")
        names = page.eval_on_selector_all(
            "#saves button", "all => all.map(one => JSON.parse(one.id).what)"
        )
        assert set(names) >= {*EXPORTS, "onnx", "torch"}
        for name, holds in EXPORTS.items():
            with page.expect_download() as told:
                page.click(f"#saves button >> nth={names.index(name)}")
            path = tmp_path / told.value.suggested_filename
            told.value.save_as(path)
            assert holds(path.read_bytes(), result), name


@pytest.mark.torch
def test_networks_are_saved(at: Callable[..., Any], tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    with at(SPACE, "rram", query="max_latency_ms=1.0") as page:
        page.click("#saves > summary")
        for what in ("onnx", "torch"):
            with page.expect_download() as told:
                page.click(f"#saves button[id*='\"{what}\"']")
            told.value.save_as(tmp_path / what)
        onnx.checker.check_model(onnx.load(tmp_path / "onnx"))
        compile((tmp_path / "torch").read_text(), "network.py", "exec")


def test_a_failed_export_is_a_message(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram", query="max_latency_ms=0.0001") as page:
        page.click("#saves > summary")
        page.click("#saves button[id*='network-svg']")
        page.wait_for_selector("#messages .message")
        assert "there is no network to draw" in page.inner_text("#messages")


def test_no_older_answer_follows_a_newer_one(
    at: Callable[..., Any], explored: Callable[..., flash.Explorer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source = explored(SPACE, "rram")._source
    plain, chance = source.answer, random.Random(5)

    def late(state: Any, request: int = 0) -> Any:
        time.sleep(chance.choice([0.0, 0.01, 0.05, 0.3, 0.9]))
        return plain(state, request)

    with at(SPACE, "rram") as page:
        page.evaluate(
            """() => { window.seen = [];
              new MutationObserver(() => window.seen.push(Number(document.body.dataset.answered)))
                .observe(document.body, { attributeFilter: ['data-answered'] }); }"""
        )
        monkeypatch.setattr(source, "answer", late)
        box = page.locator("#place-0").bounding_box()
        assert box is not None
        y, right = box["y"] + box["height"] / 2, box["x"] + box["width"] - 8
        page.mouse.move(right, y)
        page.mouse.down()
        for k in range(50):
            page.mouse.move(right - (k * 37 % 200) - 2, y)
        page.mouse.up()
        settled(page)
        seen = page.evaluate("window.seen")
        assert seen == sorted(seen)
        assert 2 <= len(set(seen)) < 50  # those on the way were left out
        equals(page, flash.search(SPACE, "rram", **budgets(page)))  # type: ignore[call-overload]


def test_a_fault_is_a_message_and_the_page_lives_on(
    at: Callable[..., Any], explored: Callable[..., flash.Explorer],
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    source = explored(SPACE, "rram")._source

    def broken(*_: object) -> None:
        raise RuntimeError("out of paper")

    with at(SPACE, "rram") as page:
        with monkeypatch.context() as patch:
            for name in ("answer", "explain", "front"):
                patch.setattr(source, name, broken)
            drag(page, "#place-0", 0.5)
            page.wait_for_selector("#messages .message")
            settled(page)
            assert "RuntimeError: out of paper" in page.inner_text("#messages")
            assert "RuntimeError: out of paper" in page.inner_text("#front-said")
        assert any("out of paper" in str(one.exc_info) for one in caplog.records)
        drag(page, "#place-0", 0.6)
        settled(page)
        assert page.inner_text("#messages") == ""
        equals(page, flash.search(SPACE, "rram", **budgets(page)))  # type: ignore[call-overload]


def test_the_end_of_the_server_is_told(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram", wrong="ERR_FAILED") as page:
        page.route("**/answer", lambda route: route.abort())
        drag(page, "#place-0", 0.5)
        page.wait_for_selector("#lost:not([hidden])")
        assert "The explorer has ended" in page.inner_text("#lost")
        page.unroute("**/answer")
        drag(page, "#place-0", 0.6)
        page.wait_for_selector("#lost", state="hidden")
        settled(page)


def test_keyboard_alone(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
        order: list[str] = []
        for _ in range(60):
            page.keyboard.press("Tab")
            one = page.evaluate(
                "[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
            )
            order.append(one[0])
            assert one[1] != "none", one[0]  # where the focus is can be seen
            if one[0] == "along-go":
                break
        wanted = ["limit-0", "place-0", "limit-1", "place-1", "along-place", "along-go"]
        assert [one for one in order if one in wanted] == wanted
        page.focus("#place-0")
        for key in ("ArrowLeft", "PageDown", "PageDown", "PageDown"):
            page.keyboard.press(key)
        settled(page)
        (value,) = budgets(page).values()
        assert page.get_attribute("#place-0", "aria-valuetext") == f"{value:g} ms"
        equals(page, flash.search(SPACE, "rram", **budgets(page)))  # type: ignore[call-overload]
        page.keyboard.press("End")
        settled(page)
        assert budgets(page) == {}
        assert page.get_attribute("#place-0", "aria-valuetext") == "no limit"


def faults(page: Page) -> list[str]:
    """Return the serious and critical faults that axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_it_can_be_used_by_everybody(at: Callable[..., Any]) -> None:
    with at(SPACE, ["rram", "cpu-x86"], query="max_latency_ms=1.0") as page:
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.fill("#limit-0", "0.00001")
        page.keyboard.press("Enter")
        settled(page)
        assert faults(page) == []
        for number, name in enumerate(("rram", "cpu-x86")):
            assert name in page.inner_text(f"#card-{number}")


def test_several_targets_stand_side_by_side(at: Callable[..., Any]) -> None:
    with at(SPACE, ["rram", "cpu-x86"], query="max_latency_ms=2.0") as page:
        for number, target in enumerate(("rram", "cpu-x86")):
            result = flash.search(SPACE, target, max_latency_ms=2.0)
            assert shown(page, number)[0] == f"NN-Degree {result.nn_degree:.6g}"
        page.click("#target >> text=cpu-x86")
        until(page, "window.location.search.includes('target=cpu-x86')")
        settled(page)
        count = len(flash.pareto(SPACE, "cpu-x86"))
        assert page.inner_text("#front-said").startswith(f"{count:,} points")
        result = flash.search(SPACE, "cpu-x86", max_latency_ms=2.0)
        assert result.architecture is not None
        cells = [str(one.depth) for one in result.architecture.cells]
        assert [row[2] for row in network(page)[1:4]] == cells
        page.click("#view >> text=time and energy")
        page.wait_for_selector("#drawing .bars .point")


def test_codesign_shows_the_accelerator(at: Callable[..., Any]) -> None:
    space = flash.ResNet(depths=flash.Range(1, 3), skips=[0, 16])
    with at(space, "fpga-zu3eg", query="codesign=1") as page:
        result = flash.search(space, "fpga-zu3eg", codesign=True)
        assert result.accelerator is not None
        text = page.inner_text("#parts")
        for value in result.accelerator["values"].values():
            assert all(str(one) in text for one in value.values())


def test_weights_and_fronts_of_three(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        page.click("summary >> text=Objective")
        place = next(k for k, one in enumerate(scales(page)) if one["key"] == "weight_energy_mj")
        page.fill(f"#limit-{place}", "-1")
        page.keyboard.press("Enter")
        settled(page)
        result = flash.search(SPACE, "rram", objective={"accuracy": 1, "energy_mj": -1})
        assert shown(page)[1]["parameters"] == f"{result.params:,}"
        page.click("#fronts >> text=area")
        until(page, "document.querySelector('#front .colorbar')")
        settled(page)
        count = len(flash.pareto(SPACE, "rram", ["accuracy", "latency_ms", "area_mm2"]))
        assert page.inner_text("#front-said").startswith(f"{count:,} points")
        # neither a fourth nor, of two, one less
        page.click("#fronts >> text=MACs", force=True)
        page.click("#fronts >> text=latency")
        page.click("#fronts >> text=area", force=True)
        settled(page)
        pressed = page.eval_on_selector_all(
            "#fronts > [aria-pressed=true]", "all => all.map(one => one.dataset.value)"
        )
        assert pressed == ["accuracy", "area_mm2"]


def test_trained_networks_are_points(at: Callable[..., Any]) -> None:
    trained = [(0, 0.5), (5, 0.7), (9, 0.6)]
    with at(SPACE, "rram", trained=trained) as page:
        names = page.eval_on_selector_all(
            "#front .legendtext", "all => all.map(one => one.textContent)"
        )
        assert "trained" in names


def test_a_table_of_choices(at: Callable[..., Any], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "blocks.csv"
    chance = random.Random(3)
    rows = [
        (f"l{layer}", f"b{block}", round(5 / (block + 1) + chance.random(), 2), block + layer)
        for layer in range(5)
        for block in range(4)
    ]
    text = "\n".join(",".join(map(str, one)) for one in [("group", "option", "loss", "ms"), *rows])
    path.write_text(text + "\n")
    with at(str(path), minimize="loss") as page:
        drag(page, "#place-1", 0.4)
        settled(page)
        limit = budgets(page)["max_ms"]
        problem = flash.ChoiceProblem.from_table(str(path))
        answer = flash.choose(problem, minimize="loss", where=f"ms <= {limit}")
        assert f"{answer.objective:.6g}" in shown(page)[0]
        assert [row[:2] for row in network(page)[1:]] == [
            list(one) for one in answer.choices.items()
        ]
        front = flash.pareto(problem, minimize=["loss", "ms"])
        assert page.inner_text("#front-said").startswith(f"{len(front):,} points")


def test_a_saved_front_and_a_sweep(at: Callable[..., Any], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    front = flash.pareto(SPACE, "rram", ["accuracy", "latency_ms", "energy_mj"])
    front.to_json(folder / "front.json")
    with at(str(folder / "front.json")) as page:
        drag(page, "#place-0", 0.5)
        settled(page)
        (limit,) = budgets(page).values()
        best = front.at(max_latency_ms=limit)
        assert shown(page)[0] == f"NN-Degree {best.nn_degree:.6g}"
    pytest.importorskip("pyarrow")
    flash.sweep(SPACE, "rram", out=str(folder / "rows"))
    with at(str(folder / "rows")) as page:
        drag(page, "#place-0", 0.5)
        settled(page)
        result = flash.search(SPACE, "rram", **budgets(page))  # type: ignore[call-overload]
        assert shown(page)[0] == f"NN-Degree {result.nn_degree:.6g}"


def test_the_page_counts_as_python_does(at: Callable[..., Any]) -> None:
    with at(SPACE, "rram") as page:
        from flash.exploring.opening import opened

        source = opened(SPACE, "rram")
        for i, slider in enumerate(source.sliders):
            places = [0, 1, 137, 500, 863, 999, 1000]
            script = "([i, all]) => { const s = window.flashExplore.settings().scales[i];"
            script += " return all.map(one => window.flashExplore.valueAt(s, one)); }"
            found = page.evaluate(script, [i, places])
            assert found == [slider.value_at(one / 1000) for one in places], slider.keyword
