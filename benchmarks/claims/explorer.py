"""The explorer in a browser: how long after a drag its numbers, and its front, are to be seen.

    python -m benchmarks.claims.explorer [--spaces densenet,resnet] [--json out.json]

A Chromium opens the page of each default space on rram. A slider is dragged by the mouse; in the
page each `input` event's time is kept by the budget that it asks for, and when the page shows that
budget's answer, a frame is waited for: what is stated is the time from the event to that frame, by
`performance.now`. The front is redrawn when a budget moves that is none of its objectives: the time
is that from the event to the frame after plotly has drawn it. A frame alone, after a text is
written, says what of it is the machine's.

needs the extra "explore", playwright and a Chromium (FLASH_BROWSER names another).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash
from benchmarks.common.files import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Page

__all__ = ["NUMBERS_MS", "REDRAWN_MS", "main"]

SPACES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
NUMBERS_MS, REDRAWN_MS = 60.0, 150.0
STEPS = 80  # places of a drag
PAUSE_MS = 40.0  # between them: 25 a second
OUT = Path(__file__).with_suffix(".json")
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")

# Keeps when each budget was asked for, and when its answer was to be seen.
WATCH = """() => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  window.askedAt = new Map();
  window.numbers = [];
  window.redrawn = [];
  const text = () => document.querySelector(".answers").textContent;
  let before = text();
  document.addEventListener("input", (event) => {
    const box = event.target.closest(".control");
    const k = Number(event.target.id.split("-")[1]);
    const scale = window.flashExplore.settings().scales[k];
    const value = window.flashExplore.valueAt(scale, Number(event.target.value));
    const key = `${scale.key}=${value}`;
    if (box) window.askedAt.set(key, performance.now());
    window.lastAt = performance.now();
  }, true);
  new MutationObserver(async () => {
    const parts = decodeURIComponent(document.body.dataset.query).split("&");
    const key = parts.find((one) => window.askedAt.has(one));
    const now = text();
    if (!key || now === before) return;
    before = now;
    const asked = window.askedAt.get(key);
    await frame();
    window.numbers.push(performance.now() - asked);
  }).observe(document.body, { attributeFilter: ["data-answered"] });
  const plot = document.querySelector("#front .js-plotly-plot");
  plot.on("plotly_afterplot", async () => {
    const trace = plot.data.find((one) => one.meta === "front");
    const now = JSON.stringify([trace?.x.length, trace?.x[0], trace?.y[0], trace?.y.at(-1)]);
    if (now === window.front) return;
    window.front = now;
    const asked = window.lastAt;
    await frame();
    if (asked) window.redrawn.push(performance.now() - asked);
  });
}"""

# What the machine alone takes: a request that does nothing, and a frame.
IDLE = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const found = [];
  for (let k = 0; k < 20; k++) {
    const begin = performance.now();
    document.getElementById("copied").textContent = `${k}`;
    await frame();
    found.push(performance.now() - begin);
    await new Promise((done) => setTimeout(done, 50));
  }
  document.getElementById("copied").textContent = "";
  return found;
}"""


def settled(page: Page) -> None:
    page.wait_for_timeout(400)
    page.wait_for_selector("body[data-calm='1']", state="attached", timeout=120_000)


def drag(page: Page, number: int) -> list[float]:
    """Drag a slider from its free end to the middle and back; return the times of its numbers."""
    page.evaluate("() => { window.numbers = []; window.askedAt.clear(); }")
    box = page.locator(f"#place-{number}").bounding_box()
    assert box is not None
    right, wide, y = box["x"] + box["width"] - 9, box["width"] - 18, box["y"] + box["height"] / 2
    page.mouse.move(right, y)
    page.mouse.down()
    for k in range(STEPS):
        away = 0.55 * wide * (1 - abs(2 * k / STEPS - 1))
        page.mouse.move(right - away, y)
        page.wait_for_timeout(PAUSE_MS)
    page.mouse.up()
    settled(page)
    found: list[float] = page.evaluate("window.numbers")
    return found


def redraws(page: Page, number: int) -> list[float]:
    """Move a slider place by place, when all is calm; return the times of the fronts."""
    page.evaluate("() => { window.redrawn = []; window.lastAt = 0; }")
    page.focus(f"#place-{number}")
    for _ in range(12):
        page.keyboard.press("PageDown")
        settled(page)
    found: list[float] = page.evaluate("window.redrawn")
    page.keyboard.press("End")
    settled(page)
    return found


def of_space(space: str, path: str) -> dict[str, Any]:
    """Measure one space."""
    from playwright.sync_api import sync_playwright

    target = "rram"
    with flash.explore(space, target, browser=False) as explorer, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(explorer.address)
        settled(page)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        scales: list[dict[str, Any]] = page.evaluate("window.flashExplore.settings().scales")
        places = {one["key"]: k for k, one in enumerate(scales)}
        numbers = [drag(page, places[name]) for name in ("max_latency_ms", "max_energy_mj")]
        fronts = redraws(page, places["max_area_mm2"])
        idle = page.evaluate(IDLE)
        browser.close()
    return {
        "numbers_ms": summary([one for some in numbers for one in some]),
        "redrawn_ms": summary(fronts),
        "frame_ms": summary(idle),
    }


def summary(times: Sequence[float]) -> dict[str, float]:
    """Return how many, the median and the 90th percentile."""
    if len(times) < 2:
        return {"count": len(times)}
    ninety = statistics.quantiles(times, n=10)[-1]
    return {
        "count": len(times),
        "median": round(statistics.median(times), 1),
        "p90": round(ninety, 1),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spaces", default=",".join(SPACES))
    parser.add_argument("--json", default=str(OUT))
    args = parser.parse_args(argv)
    path = (
        os.environ.get("FLASH_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if path is None:
        parser.error("no Chromium is installed; FLASH_BROWSER names one")
    found = {space: of_space(space, path) for space in args.spaces.split(",")}
    for space, one in found.items():
        print(space, one)
    write_json(Path(args.json), {"goal_ms": [NUMBERS_MS, REDRAWN_MS], "spaces": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
