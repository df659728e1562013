"""What README.md, docs/tour.md and docs/quickstart.md show is there: code, commands, figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from twins.places import ROOT

import flash

DOCS = ROOT / "docs"
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/tour.md", "docs/quickstart.md")
}
README, TOUR, QUICKSTART = PAGES.values()
BLOCKS = [
    (name, block)
    for name, text in PAGES.items()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
]
TRAINS = ("TrainingEvaluator", "flash.train(", "from torch", "nn.Sequential")
NUMBERS = [
    pytest.param(
        number,
        marks=[pytest.mark.torch, pytest.mark.slow] if any(one in block for one in TRAINS) else (),
        id=f"{Path(name).stem}-{number}",
    )
    for number, (name, block) in enumerate(BLOCKS)
]


def folder_of_digits(path: Path) -> None:
    """Ten images of each class, of the size that the quickstart writes."""
    sys.path.insert(0, str(ROOT / "tests" / "training"))
    try:
        import own_data
    finally:
        sys.path.pop(0)
    own_data.folder(path / "photos", sizes=((16, 16),))


@pytest.mark.processes
@pytest.mark.parametrize("number", NUMBERS)
def test_python_examples(number: int, tmp_path: Path) -> None:
    name, block = BLOCKS[number]
    if '"photos"' in block and "load_digits" not in block:
        pytest.importorskip("PIL")
        folder_of_digits(tmp_path)
    if "load_digits" in block:
        pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.mark.processes
def test_the_result_shown_is_what_the_main_job_finds() -> None:
    code = next(block for _, block in BLOCKS if "print(result.architecture)" in block)
    code = code.split("print(result.architecture)")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown = TOUR.split("It prints:\n\n```\n")[1].split("\n```")[0]
    assert untimed(done.stdout).startswith(untimed(shown))


def untimed(text: str) -> str:
    return re.sub(r"[\d.]+ m?s, seed", "T, seed", text)


def test_the_first_answer_is_the_one_that_is_kept() -> None:
    """README, quickstart and picture show docs/first.json; `tools/first_answer.py` made it."""
    result = flash.SearchResult.from_json(DOCS / "first.json")
    assert result.proven
    shown = README.split("The third answers:\n\n```\n")[1].split("\n```")[0]
    assert str(result).startswith(shown)
    assert shown in QUICKSTART
    assert (DOCS / "first.png").stat().st_size < 150_000
    assert "](docs/first.png)" in README


def commands_of(text: str) -> list[list[str]]:
    """The lines that call flash, as lists of words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).splitlines()
    return [line.split()[1:] for line in lines if line.startswith("flash ")]


def test_every_command_is_read_and_both_pages_have_the_same() -> None:
    from flash.cli.options import read

    readme, quickstart = commands_of(README), commands_of(QUICKSTART)
    assert len(readme) == 3
    assert quickstart[:3] == readme
    assert len(quickstart) == 5
    for command, *words in quickstart:
        read(command, words)


def test_the_tour_names_every_command() -> None:
    from flash.cli.options import commands

    told = TOUR.split("From a shell: `flash search |", 1)[1].split("`", 1)[0]
    assert sorted(["search", *map(str.strip, told.split("|"))]) == sorted(commands())


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 100


def test_its_links_lead_somewhere() -> None:
    for name, text in PAGES.items():
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
            path, _, part = link.partition("#")
            at = (ROOT / name).parent / path if path else ROOT / name
            assert at.exists(), f"{name}: {link}"
            if part:
                titles = re.findall(r"^#+ (.*)$", at.read_text(encoding="utf-8"), re.MULTILINE)
                known = [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles]
                assert part in known, f"{name}: {link}"


def test_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("search", "test", "docs", "bench"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


FIGURES = [
    line for line in README.splitlines() if line.startswith("| ") and "section |" not in line
]


@pytest.mark.parametrize("line", FIGURES)
def test_the_figures_are_those_of_the_report(line: str) -> None:
    """Each number of a row stands in the section of RESULTS.md that the row names."""
    what, own, other, section = (cell.strip() for cell in line[1:].rstrip("|").split("|"))
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert f"\n## {section}" in text
    found = text.split(f"\n## {section}", 1)[1].split("\n## ", 1)[0].replace(",", "")
    numbers = re.findall(r"-?\d[\d.,]*\d|\d", f"{own} {other}".replace(",", ""))
    assert numbers
    missing = [
        one for one in numbers if not re.search(rf"(?<![\d.]){re.escape(one)}(?!\.?\d)", found)
    ]
    assert not missing, f"{what}: {missing} not in section {section!r}"
