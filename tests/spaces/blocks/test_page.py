"""docs/howto/blocks.md: what it shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

import flash

PAGE = ROOT / "docs" / "howto" / "blocks.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are in the repository")


def test_the_page_s_code_runs() -> None:
    known: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), known)
    better = known["better"]
    assert better.x[known["space"].variables.index("block_early_0")] == 1  # a kernel of 5


def test_the_page_s_file_is_a_space(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "small.toml"
    path.write_text(text)
    space: Any = flash.SearchSpace.load(path)
    assert space.size == 2 * (4 + 4**2 + 4**3)
    found = flash.search(str(path), "cpu-x86", max_params=50_000)
    assert found.proven
    again = flash.SearchResult.from_json(found.to_json())
    assert again.space == space
    assert again.architecture == found.architecture
