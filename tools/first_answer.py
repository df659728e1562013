"""Goes the way of docs/quickstart.md: `python tools/first_answer.py [FOLDER]`.

Its Python block writes the images, and its commands run, in FOLDER (a temporary one by default).
What they print is put into the page below each command, and the search's also into README.md; its
result is kept as docs/first.json and drawn, by its own `plot()`, as docs/first.png. Figures within
sentences are printed, for the hand. Needs the extras "onnx", "plot" and "train".
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import flash

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGE, README = DOCS / "quickstart.md", ROOT / "README.md"
COMMAND = re.compile(r"(```sh\nflash [^`]*```\n.*?\n```\n)(.*?)(\n```)", re.DOTALL)


def ran(words: list[str], folder: Path) -> tuple[str, float, float]:
    """Return what a command of Python prints, and its time by the clock and by processors."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout.rstrip(), wall, used


def go(folder: Path) -> None:
    """Run the page's commands in a folder, and write down what they print."""
    text = PAGE.read_text(encoding="utf-8")
    (images,) = re.findall(r"```python\n(from pathlib.*?)```", text, re.DOTALL)
    ran(["-c", images], folder)
    printed: dict[str, str] = {}
    for block in re.findall(r"```sh\n(flash .*?)\n```", text, re.DOTALL):
        told, wall, used = "", 0.0, 0.0
        for line in block.splitlines():
            out, *spent = ran(["-m", *line.split()], folder)
            told, wall, used = f"{told}\n{out}".strip(), wall + spent[0], used + spent[1]
            print(f"{line}\n  {spent[0]:.1f} s by the clock, {spent[1]:.1f} s of processor time")
        printed[block.split()[1]] = told
    result = flash.SearchResult.from_json(folder / "best.json")
    result.to_json(DOCS / "first.json")
    draw(result)

    def put(match: re.Match[str]) -> str:
        name = match[1].split()[2]
        return f"{match[1]}{printed[name]}{match[3]}"

    PAGE.write_text(COMMAND.sub(put, text), encoding="utf-8")
    proof = printed["search"].split("\nmax_")[0].rstrip()
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition("The third answers:\n\n```\n")
    after = rest.partition("\n```")[2]
    README.write_text(f"{before}The third answers:\n\n```\n{proof}\n```{after}", encoding="utf-8")
    target = json.loads((folder / "mine.json").read_text())["residuals"]["default"]
    print(f"calibration: {target['held_out']}, noise {target['noise_floor']}")


def draw(result: flash.SearchResult) -> None:
    """Write docs/first.png."""
    os.environ["MPLBACKEND"] = "agg"
    figure = result.plot()
    figure.savefig(DOCS / "first.png", dpi=110, metadata={"Software": None})


def main() -> None:
    """Go the way."""
    if len(sys.argv) > 1:
        go(Path(sys.argv[1]).resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        go(Path(folder))


if __name__ == "__main__":
    main()
