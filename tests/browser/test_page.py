"""The page in a browser: what a validator, axe, a keyboard, three widths, paper and a clock say of it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route

from anchorline.report.page import page
from tests.browser.conftest import Files, Open
from tests.browser.validators import complaints, said_of
from tests.unit.examples import EXAMPLES
from tests.unit.reports import many

WIDTHS = (360, 820, 1400)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FIRST_PAINT = 1000
"""Milliseconds from the start of the navigation, 5,000 hosts: the bound."""


WRONG = {
    "twice": '<p id="main">',
    "nested": "<ul><p></p></ul>",
    "unopened": "</table>",
    "control": "\x01",
    "attribute": "<p colour=red>",
}


def test_the_html_is_valid_and_what_is_not_is_rejected(files: Files, tmp_path: Path) -> None:
    written = {name: files(name).read_text() for name in EXAMPLES}
    written |= {name: written["good"].replace("</main>", f"{wrong}</main>") for name, wrong in WRONG.items()}
    for name, html in written.items():
        (tmp_path / f"{name}.html").write_text(re.sub("<style>.*?</style>", "", html, flags=re.DOTALL))
    found = said_of(*tmp_path.iterdir())  # at once: Java takes longer to start than to read
    assert {name: found[name] for name in EXAMPLES} == {name: [] for name in EXAMPLES}
    assert all(found[name] for name in WRONG)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        pytest.param(name, scheme, marks=() if scheme == "light" or name == "broken" else pytest.mark.drill)
        for name in EXAMPLES
        for scheme in SCHEMES
    ],
)
def test_axe_has_no_complaint(show: Open, name: str, scheme: Literal["light", "dark"]) -> None:
    tab = show(name)
    tab.emulate_media(color_scheme=scheme)
    unfold(tab)
    assert complaints(tab) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("document.documentElement.style.setProperty('--muted', '#888')", "color-contrast"),
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
        ("document.querySelectorAll('h2').forEach(each => each.outerHTML = '<h4>x</h4>')", "heading-order"),
    ],
)
def test_axe_complains_of_what_is_wrong(show: Open, scheme: Literal["light", "dark"], wrong: str, rule: str) -> None:
    tab = show("good")
    tab.emulate_media(color_scheme=scheme)
    colour = "#888" if scheme == "light" else "#555"
    tab.evaluate(wrong.replace("#888", colour))
    assert any(each.startswith(rule) for each in complaints(tab))


def test_light_and_dark_differ_and_paper_is_light(show: Open) -> None:
    tab = show("good")
    colours = []
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        colours.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(246, 247, 249)", "rgb(14, 18, 23)"]
    tab.emulate_media(color_scheme="dark", media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_paper_has_the_details(show: Open) -> None:
    tab = show("good")
    tab.evaluate("document.querySelector('details.every').open = false")
    shown = "document.querySelector('table.hosts').checkVisibility({contentVisibilityAuto: true})"
    assert not tab.evaluate(shown)
    tab.emulate_media(media="print")
    tab.evaluate("new Promise(requestAnimationFrame)")
    assert tab.evaluate(shown)
    assert tab.pdf(format="A4", print_background=True).startswith(b"%PDF")


def beyond(tab: Page) -> int:
    """How many pixels of the page lie right of the window."""
    found: int = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@pytest.mark.parametrize(
    "width", [min(WIDTHS), *(pytest.param(each, marks=pytest.mark.drill) for each in sorted(WIDTHS)[1:])]
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_lies_beside_the_window(show: Open, name: str, width: int) -> None:
    tab = show(name)
    tab.set_viewport_size({"width": width, "height": 900})
    unfold(tab)
    assert beyond(tab) == 0


def test_what_lies_beside_the_window_is_seen(show: Open) -> None:
    tab = show("good")
    tab.evaluate("document.querySelector('h1').style.width = '1500px'")
    tab.set_viewport_size({"width": 360, "height": 900})
    tab.evaluate("document.querySelector('h1').style.maxWidth = 'none'")
    assert beyond(tab) > 0


def unfold(tab: Page) -> None:
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


_STOPS = "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility())"
_AT = f"""(() => {{
    const at = document.activeElement, all = {_STOPS}, style = getComputedStyle(at);
    return [all.indexOf(at), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0];
}})()"""


def unreached(tab: Page) -> list[int]:
    """The stops that the tabulator doesn't come to, or where nothing shows that it is there, by their place."""
    count: int = tab.evaluate(f"{_STOPS}.length")
    seen: set[int] = set()
    for _ in range(count):
        tab.keyboard.press("Tab")
        place, outlined = tab.evaluate(_AT)
        if outlined:
            seen.add(place)
    return sorted(set(range(count)) - seen)


@pytest.mark.parametrize("name", ["broken", "plan", "many"])
def test_a_keyboard_gets_everywhere(show: Open, name: str) -> None:
    assert unreached(show(name)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "document.querySelector('summary').tabIndex = -1",
        "document.body.insertAdjacentHTML('beforeend', '<style>a:focus-visible{outline:none}</style>')",
    ],
)
def test_a_stop_that_no_keyboard_gets_to_is_seen(show: Open, wrong: str) -> None:
    tab = show("broken")
    tab.evaluate(wrong)
    assert unreached(tab)


def test_the_first_stop_leads_past_the_head(show: Open) -> None:
    tab = show("good")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"


def test_details_open_by_the_keyboard(show: Open) -> None:
    tab = show("many")
    summary = tab.locator("details.every > summary")
    before = tab.evaluate("document.querySelector('details.every').open")
    summary.press("Enter")
    assert tab.evaluate("document.querySelector('details.every').open") is not before


def test_a_square_leads_to_its_host(show: Open) -> None:
    tab = show("many")
    square = tab.locator(".map a").first
    name = (square.get_attribute("aria-label") or "").partition(": ")[0]
    square.click()
    assert name
    assert name in tab.locator(":target").inner_text()


def test_it_asks_for_nothing_else(show: Open, tab: Page, files: Files, tmp_path: Path) -> None:
    asked: list[Request] = []
    tab.on("request", lambda request: asked.append(request))
    show("broken")
    assert [each.url for each in asked] == [files("broken").as_uri()]
    # the control: a page that does, without its policy
    asked.clear()
    html = files("broken").read_text().replace("Content-Security-Policy", "x")
    (tmp_path / "asks.html").write_text(html.replace("</main>", "<img src=x.png alt=x></main>"))
    tab.goto((tmp_path / "asks.html").as_uri())
    assert len(asked) == 2


def first_paint(context: BrowserContext, address: str) -> float:
    """Milliseconds from the start of the navigation to the first paint with content, by the browser's own account."""
    tab = context.new_page()
    tab.goto(address)
    found: float = tab.evaluate(
        """() => new Promise(done => new PerformanceObserver(seen => seen.getEntriesByName('first-contentful-paint')
            .forEach(each => done(each.startTime))).observe({type: 'paint', buffered: true}))"""
    )
    tab.close()
    return found


def test_five_thousand_hosts_are_painted_within_a_second(
    context: BrowserContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "5000.html"
    path.write_text(page(many(5000)))
    took = min(first_paint(context, path.as_uri()) for _ in range(3))
    with capsys.disabled():
        print(f"\n5,000 hosts: {path.stat().st_size / 1e6:.2f} MB, first paint after {took:.0f} ms")  # noqa: T201
    assert took < FIRST_PAINT


def test_a_late_paint_is_seen(context: BrowserContext, files: Files) -> None:
    def late(route: Route) -> None:
        time.sleep(FIRST_PAINT / 1000)
        route.fulfill(path=files("good"))

    context.route("**/late.html", late)
    try:
        assert first_paint(context, "http://127.0.0.1:9/late.html") > FIRST_PAINT
    finally:
        context.unroute("**/late.html")
