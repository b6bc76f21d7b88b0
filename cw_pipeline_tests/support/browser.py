"""A real browser, for what only a browser shows: Debian's Chromium, driven by Playwright.

While a `browser` is there, Playwright's event loop runs in this thread, and what starts one of its own there fails,
such as a run of Dagster in this process. So it lives for a module only, and a test asks for what it looks at first,
which asks for `browser_program` so that nothing is made where there is no browser.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = {"large": (1440, 900), "small": (1024, 768)}
"""The windows in which every page has to be readable."""
# The first takes a third less time than the others, which also draw a window that nobody sees.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="session")
def browser_program() -> str:
    """The browser that is installed here; where none is, the test is skipped."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip(f"there is no browser: none of {', '.join(_PROGRAMS)} (apt-get install chromium-headless-shell)")
    return program


@pytest.fixture(scope="module")
def browser(browser_program: str) -> Iterator[BrowserContext]:
    """A browser without a window. Its page goes from test to test: a new one would compile the UI's scripts anew."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser_program, headless=True, args=_FLAGS)
        yield running.new_context(reduced_motion="reduce")
        running.close()


def opened(browser: BrowserContext, url: str, *, size: str = "large") -> Page:
    """The page at `url`, in a window of that size."""
    width, height = SIZES[size]
    page = browser.pages[0] if browser.pages else browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(url)
    return page


def scrolls_sideways(page: Page, selector: str = "html") -> bool:
    """Whether something is wider than the room it has, so that a reader has to scroll sideways."""
    return page.evaluate(
        "selector => [...document.querySelectorAll(selector)].some(one => one.scrollWidth > one.clientWidth + 1)",
        selector,
    )
