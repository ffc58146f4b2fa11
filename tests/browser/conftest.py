"""A browser for all tests of pages, and the pages as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from anchorline.report.page import page
from tests.browser.chromium import PROGRAM, chromium
from tests.unit.examples import EXAMPLES
from tests.unit.tools import lacking

HERE = Path(__file__).parent

Files = Callable[[str], Path]
Open = Callable[[str], Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The page of an example, by its word."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page(EXAMPLES[name]()), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    """Ended with its module: Playwright has no two in one process, and tests of other folders start their own."""
    if not Path(PROGRAM).exists():
        lacking(f"{PROGRAM} isn't here: apt-get install chromium")
    with chromium() as found:
        yield found


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """An empty tab, 1400 pixels wide, light."""
    found = context.new_page()
    yield found
    found.close()


@pytest.fixture
def show(tab: Page, files: Files) -> Open:
    """Opens the page of an example."""

    def go(name: str) -> Page:
        tab.goto(files(name).as_uri())
        return tab

    return go
