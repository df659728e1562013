"""A page in a real browser: tables sorted by a click and by keys, no fault, nothing loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flash.base.pages import document

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROWS = [["name", "time", ""], ["b", "2 s", "x"], ["a10", "300 ms", ""], ["a9", "-", ""],
        ["c", "1,000 ms", ""], "a row across", ["all", "3.3 s", ""]]  # fmt: skip


def test_tables_are_sorted_by_click_and_by_key(chromium: str, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "page.html"
    path.write_text(document("A page", [("One", [(ROWS, 1, True, 1)])]), encoding="utf-8")
    said: list[str] = []
    with api.sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(path.as_uri())

        def names() -> list[str]:
            found: list[str] = page.locator("tbody tr td:first-child").all_text_contents()
            return found

        def order(title: str) -> str | None:
            value: str | None = page.locator("th", has_text=title).get_attribute("aria-sort")
            return value

        first = names()
        buttons = page.locator("th button")
        assert buttons.count() == 2  # a column without a title has none
        time = page.get_by_role("button", name="time")
        time.click()
        # the times rise, in seconds; what says nothing is last, and totals stay beneath
        assert names() == ["a10", "c", "b", "a9", "a row across"]
        assert (order("time"), order("name")) == ("ascending", "none")
        time.click()
        assert names() == ["b", "c", "a10", "a9", "a row across"]
        assert order("time") == "descending"
        time.press("Enter")
        assert names() == first
        assert order("time") == "none"
        page.keyboard.press("Shift+Tab")  # from time to name
        page.keyboard.press("Space")
        assert names() == ["a9", "a10", "b", "c", "a row across"]
        assert order("name") == "ascending"
        assert page.locator("tfoot td").first.text_content() == "all"
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        browser.close()
    assert said == [path.as_uri()]
