"""docs/howto/training.md: its code runs, and does what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

PAGE = ROOT / "docs" / "howto" / "training.md"
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository"),
]


def test_the_page_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL")
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import own_data

    own_data.folder(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    assert (tmp_path / "best.onnx").stat().st_size > 1000
    assert "class ResNet" in (tmp_path / "net.py").read_text()
    assert known["run"].best.conditions["dataset"]["labels"] == list(own_data.CLASSES)
    state = known["again"].state_dict()
    assert all((one == state[name]).all() for name, one in known["module"].state_dict().items())
    assert not known["winner"].training
    sys.modules.pop("own_data", None)


def test_every_command_of_the_page_is_read() -> None:
    from flash.cli.options import read

    text = PAGE.read_text(encoding="utf-8")
    lines = [line.split() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
             for line in block.splitlines()]  # fmt: skip
    assert len(lines) == 9
    for line in lines:
        assert line[0] == "flash"
        read(line[1], line[2:])
