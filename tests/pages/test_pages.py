"""Every block of code of the documentation runs: here, or in a page's own tests.

Python of one page runs in one namespace, from the top, in an empty folder; commands as they stand.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from twins.places import ROOT

from flash.base import registry
from flash.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the pages are in the repository")
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:    |\$ )?((?:flash|python3?|pip|make) .*)$", re.MULTILINE)

# Pages whose own tests run their blocks, since they check besides what the page says of them.
OWN = {
    "README.md": "tests/installed/test_readme.py",
    "docs/quickstart.md": "tests/installed/test_readme.py",
    "docs/tour.md": "tests/installed/test_readme.py",
    "docs/concepts/processors.md": "tests/hardware/test_processors_page.py",
    "docs/howto/blocks.md": "tests/spaces/blocks/test_page.py",
    "docs/howto/choosing.md": "tests/choosing/test_page.py",
    "docs/howto/conditions.md": "tests/conditional/test_conditions_page.py",
    "docs/howto/microcontrollers.md": "tests/hardware/test_mcu_page.py",
    "docs/howto/mixed-precision.md": "tests/precision/test_mixed_precision_page.py",
    "docs/howto/networks.md": "tests/networks/test_networks_page.py",
    "docs/howto/plots.md": "tests/results/test_plots_page.py",
    "docs/howto/plugins.md": "tests/project/test_plugins_page.py",
    "docs/howto/suggest.md": "tests/suggesting/test_suggest_page.py",
    "docs/howto/training.md": "tests/training/test_training_page.py",
    "docs/howto/zero-cost.md": "tests/training/test_zero_cost.py",
    "docs/reference/spaces/convnext.md": "tests/spaces/known/test_convnext_page.py",
    "docs/reference/spaces/decoder.md": "tests/spaces/known/test_token_pages.py",
    "docs/reference/spaces/hurricane.md": "tests/spaces/known/test_hurricane.py",
    "docs/reference/spaces/vit.md": "tests/spaces/known/test_token_pages.py",
}
# What starts so can't run in a test: why.
NOT_RUN = {
    "flash explore": "serves until Ctrl-C: tests/exploring drives it",
    "flash completion": "writes where the shell looks: tests/cli/test_completion.py runs it",
    "pip ": "installs: tools/release.py and the wheel's tests do",
    "make ": "makes an environment",
    "python3 -m venv": "makes an environment",
    "python -m benchmarks": "measures for minutes, on data that are not here",
    "python board/measure.py": "runs on the other device: tests/cli/test_cli_measure.py plays it",
}
ELSEWHERE = {
    "docs/howto/layer-tables.md": "a reader's own device: tests/hardware/test_layer_tables.py",
}
# Pages whose blocks train, and what is smaller in the test: else they take minutes.
SMALLER = {
    "docs/howto/methods.md": {
        "PNASCells(filters=16,": "PNASCells(1, filters=4,",
        "max_evals=60,": "max_evals=2,",
        "epochs=3)": "epochs=1)",
        '"ends_at": 0.05': '"ends_at": 0.9',
        "max_evals=200,": "max_evals=40,",
        "SupernetEvaluator(supernet),": "SupernetEvaluator(supernet), max_evals=20,",
    },
}
# What belongs to the reader, and a page works on.
SETUPS = {
    "docs/howto/reports.md": 'flash search resnet rram --max-latency-ms 4 --json "runs/one.json"',
}


class Block(NamedTuple):
    kind: str
    text: str
    line: int


def blocks_of(text: str) -> list[Block]:
    """Return a page's blocks: of fences, with their languages; commands that are only indented."""
    found = []
    plain = text
    for fence in FENCE.finditer(text):
        body = re.sub(rf"^{fence[1]}", "", fence[3], flags=re.MULTILINE)
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(fence[2].strip("{}"), body, line))
        blank = "\n" * fence[0].count("\n")
        plain = plain.replace(fence[0], blank, 1)
    for command in re.finditer(r"^    (?:flash|python3?|pip|make) .*$", plain, re.MULTILINE):
        line = plain.count("\n", 0, command.start()) + 1
        found.append(Block("sh", command[0].strip() + "\n", line))
    return sorted(found, key=lambda one: one.line)


def commands_of(block: Block) -> list[str]:
    text = block.text.replace("\\\n", " ")
    return [re.sub(r" +#.*$", "", one).strip() for one in COMMAND.findall(text)]


def pages() -> list[str]:
    found = [path.relative_to(ROOT).as_posix() for path in sorted(DOCS.rglob("*.md"))]
    generated = ("docs/reference/commands.md", "docs/reference/python.md")
    return ["README.md", *(one for one in found if one not in generated)]


def has_code(name: str) -> bool:
    blocks = blocks_of((ROOT / name).read_text(encoding="utf-8"))
    return any(one.kind in ("python", "sh", "json", "toml") for one in blocks)


MEASURES = ("docs/reference/formats.md",)  # which takes torch, and processes of its own
MARKS = {
    **dict.fromkeys(SMALLER, (pytest.mark.torch, pytest.mark.slow)),
    **dict.fromkeys(MEASURES, (pytest.mark.torch, pytest.mark.processes)),
}
HERE = [
    pytest.param(name, marks=MARKS.get(name, ()))
    for name in pages()
    if name not in OWN and name not in ELSEWHERE and has_code(name)
]


def run(command: str) -> None:
    if any(command.startswith(one) for one in NOT_RUN):
        return
    words = shlex.split(command)
    assert words[0] == "flash", command
    assert main(words[1:]) == 0, command


@pytest.mark.parametrize("name", HERE)
def test_a_page_s_blocks_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_state", registry._State())
    if name in SETUPS:
        (tmp_path / "runs").mkdir()
        run(SETUPS[name])
    text = (ROOT / name).read_text(encoding="utf-8")
    for shown, less in SMALLER.get(name, {}).items():
        assert shown in text
        text = text.replace(shown, less)
    known: dict[str, Any] = {"__name__": "page"}
    for block in blocks_of(text):
        if block.kind == "python":
            code = "\n" * block.line + block.text  # a failure names the page's line
            exec(compile(code, str(ROOT / name), "exec"), known)
        elif block.kind == "json":
            json.loads(block.text)
        elif block.kind == "toml":
            tomllib.loads(block.text)
        elif block.kind == "sh":
            for command in commands_of(block):
                run(command)


def test_pages_that_are_run_elsewhere_are() -> None:
    for name, test in OWN.items():
        assert (ROOT / name).exists(), name
        text = (ROOT / test).read_text(encoding="utf-8")
        stem = name.rpartition("/")[2].removesuffix(".md")
        assert stem in text, (name, test)
        assert "exec(" in text or "-c" in text, test


def test_every_reason_is_still_one() -> None:
    told = [
        command
        for name in pages()
        for block in blocks_of((ROOT / name).read_text(encoding="utf-8"))
        for command in commands_of(block)
    ]
    assert {*OWN, *ELSEWHERE, *SMALLER, *SETUPS} <= set(pages())
    for start in NOT_RUN:
        assert any(one.startswith(start) for one in told), start


def test_blocks_are_found() -> None:
    text = (
        "a\n```python\nx = 1\n```\n\n    flash targets rram   # all\n\n"
        "```sh\nmake x\nflash a \\\n b\n```\n"
    )
    found = blocks_of(text)
    assert [(one.kind, one.line) for one in found] == [("python", 2), ("sh", 6), ("sh", 8)]
    assert commands_of(found[1]) == ["flash targets rram"]
    assert commands_of(found[2]) == ["make x", "flash a   b"]
