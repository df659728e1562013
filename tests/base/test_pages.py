"""Pages of one file: well-formed, escaped, small enough, the same each time."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from twins.pages import read_page

from flash.base.pages import MOST_BYTES, SCRIPT, Under, call, cut, document, link
from flash.base.pages import _column as column
from flash.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

NASTY = "<script>alert(\"1\")</script>&amp;'x'"


class Drawing:
    """A chart that is drawn as it was told."""

    def __init__(self, title: str, svg: str | Exception) -> None:
        self.title, self._svg = title, svg

    def svg(self) -> str:
        if isinstance(self._svg, Exception):
            raise self._svg
        return self._svg

    def plotly(self) -> Any:
        raise AssertionError


def test_a_page() -> None:
    rows = [["name", "time"], ["a", "2 s"], ["b", "300 ms"], "and more", ["all", "2.3 s"]]
    page = document(
        "T & T", [("One", ["a line", (rows, 1, True, 1), Under("Within")])], made="flash.x()"
    )
    read = read_page(page)
    assert read.titles == {"title": ["T & T"], "h1": ["T & T"], "h2": ["One"], "h3": ["Within"]}
    assert read.lang == "en"
    assert "<thead><tr><th" in page
    assert "<tfoot><tr><td" in page
    assert page == document(
        "T & T", [("One", ["a line", (rows, 1, True, 1), Under("Within")])], made="flash.x()"
    )
    assert 'data-n="0.3"' in page  # seconds, for the column has two units
    assert "flash.x()" in read.text


def test_its_policy_lets_nothing_but_its_own_script_run() -> None:
    page = document("x", [("", ["x"])])
    digest = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert page.count("<script") == 1
    assert f"<script>{SCRIPT}</script>" in page


def test_all_text_is_escaped() -> None:
    parts: list[Any] = [NASTY, ([[NASTY, "b"], [NASTY, link(NASTY, 1)]], 1, True), Under(NASTY)]
    parts.append(Drawing(NASTY, ValueError(NASTY)))
    page = document(NASTY, [(NASTY, parts)] * 8, made=NASTY)
    assert page.count("<script") == 1
    assert "alert" not in "".join(re.findall(r"<script>.*?</script>", page, re.DOTALL))
    assert read_page(page).text.count(NASTY) > 40


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (["1", "2,000", "-3.5e-7"], [None] * 3),
        (["1 ms", "2 s", ""], ["0.001", "2.0", None]),
        (["1 ms", "2 ms", "-"], [None] * 3),
        (["(+1.5)", "-2"], ["1.5", None]),
        (["inf", "2"], ["Infinity", None]),
        (["56.9 %", "100 %"], [None, None]),
        (["0.1 [0.05, 0.2]", "1"], [None, None]),
        (["1 ms", "2 mm2"], None),  # of two kinds: as text
        (["3.5 KiB", "1 MiB"], ["3584.0", "1048576.0"]),
        (["a", "1"], None),
        (["", "-"], None),
    ],
)
def test_columns_are_sorted_as_numbers_with_units(
    cells: Sequence[str], keys: list[str | None] | None
) -> None:
    assert column(cells) == keys


def test_a_page_has_at_most_one_and_a_half_megabytes_and_says_what_went() -> None:
    long = [["n", "text"], *([str(k), "x" * 2500] for k in range(3000))]
    chart = Drawing("huge", f"<svg>{'y' * MOST_BYTES}</svg>")
    sections: list[Any] = [("Few", [([["a"], ["1"]], 0, True)]), ("Long", [(long, 1, True), chart])]
    page = document("x", sections)
    assert len(page.encode()) <= MOST_BYTES
    read = read_page(page)
    assert "of these 3,000 rows, at even distances" in read.text
    assert "2,500 characters" in read.text
    assert "not drawn: huge" in read.text
    assert "<td>1</td>" in page  # the small one is whole
    many = document("x", [(f"File {k}", ["z" * 1900] * 3) for k in range(2000)])
    assert len(many.encode()) <= MOST_BYTES
    assert many.count("<h2>") == 2000


def test_what_is_not_drawn_is_told() -> None:
    lacking = MissingExtraError("charts need matplotlib: pip install x")
    charts = [Drawing("one", lacking), Drawing("two", lacking), Drawing("three", "<svg></svg>")]
    page = document("x", [("", charts)])
    assert "not drawn: one, two: charts need matplotlib: pip install x" in read_page(page).text
    assert "<figure><svg></svg></figure>" in page


def test_what_was_cut_is_told() -> None:
    assert cut(10, 10, "points", "there") == []
    told = ["1,000 of 136,933 points, at even distances; all of them: front.to_frame()"]
    assert cut(1000, 136_933, "points", "front.to_frame()") == told


def test_calls() -> None:
    made = call("search", "densenet", Under("space"), max_latency_ms=4.0, where=["a"], seed=None)
    assert made == "flash.search('densenet', space, max_latency_ms=4, where='a')"
