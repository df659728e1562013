"""Takes the pictures of docs/howto/explore: `python tools/screenshots.py [NAME ...]`.

Needs the extra "test" and a Chromium, as the tests of the explorer do. Each is looked at before it
is committed.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import flash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "howto" / "explore"
LARGEST = 150_000  # bytes
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def page_of(explorer: flash.Explorer, query: str) -> Iterator[Page]:
    """Yield a page in a browser, when all of it is there."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("FLASH_BROWSER") or shutil.which("chromium") or "chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{explorer.address.partition('?')[0]}?{query}")
        settled(page)
        yield page
        browser.close()


def settled(page: Page) -> None:
    page.wait_for_timeout(700)
    page.wait_for_selector("body[data-calm='1']", state="attached", timeout=120_000)
    page.wait_for_timeout(700)


def table(folder: str) -> str:
    """Write a table of choices: blocks of ten layers."""
    chance = random.Random(4)
    lines = ["group,option,loss,latency_ms,memory_mib"]
    for layer in range(10):
        for bits in (2, 3, 4, 6, 8):
            loss = 6.0 / bits**1.5 * (1 + chance.random())
            lines.append(f"layer{layer},int{bits},{loss:.3f},{bits * 0.3:.2f},{bits * 1.5:.1f}")
    path = str(Path(folder) / "blocks.csv")
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def front(folder: str) -> str:
    """Write a front."""
    path = str(Path(folder) / "front.json")
    flash.pareto(
        "mobilenet-v2", "cpu-x86", ["accuracy", "latency_ms", "params"], epsilon=0.01
    ).to_json(path)
    return path


def sweep(folder: str) -> str:
    """Sweep a sample into a folder."""
    path = str(Path(folder) / "rows")
    flash.sweep("resnet", "rram", sample=100_000, out=path)
    return path


def layers(page: Page) -> None:
    page.click("#view >> text=time and energy")


def along(page: Page) -> None:
    page.focus("#along-place")
    for _ in range(6):
        page.keyboard.press("PageUp")


def opened(page: Page) -> None:
    page.eval_on_selector_all(
        ".fold", "all => all.slice(0, 2).forEach(one => { one.open = true; })"
    )


View: TypeAlias = (
    "tuple[Callable[[str], tuple[Any, ...]], str, Callable[[Page], None] | None, bool]"
)
# name: what is explored, the link's query, what is done then, whether all of the page is shown
VIEWS: dict[str, View] = {
    "space": (lambda _: ("densenet", "rram"), "max_latency_ms=4&max_energy_mj=0.1", None, True),
    "conflicts": (
        lambda _: ("densenet", "rram"), "max_latency_ms=0.05&max_energy_mj=0.0001", None, False,
    ),
    "targets": (
        lambda _: ("mobilenet-v2", ["cpu-x86", "raspberry-pi-4"]), "max_latency_ms=20", None, False,
    ),
    "three": (
        lambda _: ("densenet", "rram"),
        "max_area_mm2=200&front=accuracy&front=latency_ms&front=energy_mj", along, False,
    ),
    "layers": (lambda _: ("mobilenet-v2", "cpu-x86"), "max_latency_ms=6", layers, True),
    "weights": (
        lambda _: ("resnet", "rram"),
        "max_latency_ms=3&weight_accuracy=1&weight_energy_mj=-0.2&confidence=0.9", opened, False,
    ),
    "codesign": (
        lambda _: ("densenet", "fpga-zu3eg"), "max_latency_ms=5&codesign=1", None, True,
    ),
    "choices": (lambda folder: (table(folder),), "max_latency_ms=9", None, False),
    "front": (lambda folder: (front(folder),), "max_latency_ms=3", None, False),
    "sweep": (lambda folder: (sweep(folder),), "max_latency_ms=6", None, False),
}  # fmt: skip


def main(names: list[str]) -> int:
    """Take the pictures of some views, or of all."""
    from PIL import Image

    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or VIEWS:
        what, query, then, full = VIEWS[name]
        with tempfile.TemporaryDirectory() as folder:
            more = {"minimize": "loss"} if name == "choices" else {}
            explored = flash.explore(*what(folder), **more, browser=False)
            with explored as explorer, page_of(explorer, query) as page:
                if then is not None:
                    then(page)
                    settled(page)
                data = page.screenshot(full_page=full)
        image = Image.open(io.BytesIO(data)).convert("RGB").quantize(160, kmeans=2)
        path = FOLDER / f"{name}.png"
        image.save(path, optimize=True)
        size = path.stat().st_size
        print(f"{path}: {size:,} bytes")
        if size > LARGEST:
            print(f"larger than {LARGEST:,} bytes", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
