"""A browser, and pages of the explorer in it."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import flash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

# What a browser needs as root, and what keeps it from asking the network by itself.
SWITCHES = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 60_000  # ms: the machine that runs the tests may be busy


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a running browser."""
    api = pytest.importorskip("playwright.sync_api")
    pytest.importorskip("dash")
    with tempfile.TemporaryDirectory() as folder, api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium, args=SWITCHES, env={"HOME": folder}
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def explored() -> Iterator[Callable[..., flash.Explorer]]:
    """Return a function that serves what it is given, once each."""
    pytest.importorskip("dash")
    found: dict[str, flash.Explorer] = {}

    def of(*what: Any, **more: Any) -> flash.Explorer:
        key = repr((what, more))
        if key not in found:
            found[key] = flash.explore(*what, **more, browser=False)
        return found[key]

    yield of
    for one in found.values():
        one.close()


def until(page: Page, script: str) -> None:
    """Wait until an expression is true: the page's policy forbids playwright's own way."""
    end = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(20)


def settled(page: Page) -> None:
    """Wait until nothing is asked or drawn any more."""
    until(page, "document.body?.dataset.calm === '1'")


@pytest.fixture
def at(browser: Browser, explored: Callable[..., flash.Explorer]) -> Callable[..., Any]:
    """Return a context manager that opens a page, and checks at its end that nothing went wrong."""

    @contextmanager
    def opened(
        *what: Any, query: str | None = None, wrong: str = "", **more: Any
    ) -> Iterator[Page]:
        address = explored(*what, **more).address
        if query is not None:
            address = f"{address.partition('?')[0]}?{query}"
        context = browser.new_context(
            viewport={"width": 1280, "height": 800}, accept_downloads=True
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda one: said.append(str(one)))
        page.on("request", lambda one: asked.append(one.url))
        page.goto(address)
        settled(page)
        yield page
        context.close()
        assert [one for one in said if not wrong or not re.search(wrong, one)] == []
        own = (address.partition("?")[0], "data:", "blob:")
        assert [one for one in asked if not one.startswith(own)] == []  # nothing from elsewhere

    return opened
