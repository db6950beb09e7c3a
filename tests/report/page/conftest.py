"""Pages in a real browser, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from forget.report.material import Material
from forget.report.page import write_page
from report.page import materials

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@attrs.frozen
class Opened:
    """A page in the browser, and all it said and asked for since it was opened.

    Attributes:
        page: The page.
        complaints: Errors, and what went to the console.
        requests: Addresses that are not the file's own.
    """

    page: Page
    complaints: list[str]
    requests: list[str]


@pytest.fixture(scope="module")  # while it runs, its event loop is that of the whole process
def browser() -> Iterator[Browser]:
    """Return a browser without a window."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("there is no Chromium; Debian has it: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three runs, with all that can be odd."""
    return written(materials.small(), tmp_path_factory)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a whole study."""
    return written(materials.large(), tmp_path_factory)


def written(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(material, path)
    return path


@pytest.fixture
def opened(browser: Browser) -> Iterator[Any]:
    """Return a function that opens a page, by default the way a desk's screen shows it."""
    contexts = []

    def open_page(path: Path, *, width: int = 1280, scheme: str = "light", **more: Any) -> Opened:
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, **more)
        contexts.append(context)
        page = context.new_page()
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        if more.get("java_script_enabled", True):
            page.wait_for_selector("html[data-drawn]")
        return Opened(page, complaints, [url for url in requests if url != path.as_uri()])

    yield open_page
    for context in contexts:
        context.close()
