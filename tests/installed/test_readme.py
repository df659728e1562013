"""The README's examples run, and its two commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from twins.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


TORCH = re.compile(r"TrainingEvaluator|^(from|import) torch\b", re.MULTILINE)
NUMBERS = [
    pytest.param(i, marks=pytest.mark.torch if TORCH.search(block) else ())
    for i, block in enumerate(BLOCKS)
]


@pytest.mark.processes
@pytest.mark.parametrize("number", NUMBERS)
def test_python_examples(number: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS[number]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.processes
def test_the_result_shown_is_what_the_main_job_finds() -> None:
    code = BLOCKS[0].split("print(result.architecture)")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown = README.split("prints:\n\n```\n")[1].split("\n```")[0]
    assert untimed(done.stdout).startswith(untimed(shown))


def untimed(text: str) -> str:
    return re.sub(r"[\d.]+ m?s, seed", "T, seed", text)


def test_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("search", "test", "bench"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
