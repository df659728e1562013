"""docs/howto/plugins.md: its examples run, and its tables name what there is."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest
from twins.places import ROOT

import flash
from flash.base import registry

PAGE = ROOT / "docs" / "howto" / "plugins.md"


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered."""
    monkeypatch.setattr(registry, "_state", registry._State())


def test_the_examples_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 5
    place: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(textwrap.dedent(block), str(PAGE), "exec"), place)


def test_what_is_said_of_a_task_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| of a task |") :].split("\n\n")[0]
    names = set(re.findall(r"`(\w+)", "\n".join(row.split("|")[1] for row in table.splitlines())))
    seen: dict[str, Any] = {}

    def looks(task: flash.Task) -> None:
        seen.update({name: hasattr(task, name) for name in names})

    flash.search("densenet", "rram", method=looks)
    assert len(seen) >= 15
    assert all(seen.values()), seen


def test_every_kind_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = re.findall(r'^\| `"(\w+)"` \|', text, re.MULTILINE)
    assert tuple(told) == registry.KINDS
